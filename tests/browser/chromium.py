"""A real browser for tests: Debian's chromium by Playwright, authenticators that it simulates, and axe-core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: tests run as whoever builds. Nothing is fetched from outside.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WAIT_MS = 30_000
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def find_chromium() -> str | None:
    """Return where chromium is, or None. ``NRM_TEST_CHROMIUM`` names it where it is elsewhere."""
    named = os.environ.get("NRM_TEST_CHROMIUM")
    return named or next((found for found in map(shutil.which, NAMES) if found), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Start chromium; it ends with the block. Not beside a running asyncio loop."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def assert_no_axe_violations(page: Page) -> None:
    """Fail with each rule of axe-core that a page as it now is breaks, and where."""
    broken = axe_violations(page)
    assert broken == [], f"{page.url}: {broken}"


def axe_violations(page: Page) -> list[str]:
    """Run axe-core over a page as it now is; return each rule that is broken, and where.

    Its source is evaluated by the debugger, which the page's content security policy does not bind.
    """
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'passes']})",
        list(AXE_TAGS),
    )
    assert len(found["passes"]) >= 5, f"axe-core looked at next to nothing on {page.url}"
    return [
        f"{item['id']}: {item['help']} at {[node['target'] for node in item['nodes']]}" for item in found["violations"]
    ]


@dataclass
class Authenticator:
    """One simulated authenticator of one page's browser (Chrome DevTools Protocol, domain WebAuthn)."""

    session: CDPSession
    identifier: str

    def credentials(self) -> list[dict[str, Any]]:
        """Return its credentials, private keys included."""
        found = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.identifier})
        listed: list[dict[str, Any]] = found["credentials"]
        return listed

    def take_in(self, credential: dict[str, Any], **changes: Any) -> None:
        """Put a credential in: what somebody does who has copied it out of another authenticator."""
        changed = {**credential, **changes}
        self.session.send("WebAuthn.addCredential", {"authenticatorId": self.identifier, "credential": changed})

    def verifies_user(self, does: bool) -> None:
        """Let it recognise its user from now on, or not."""
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.identifier, "isUserVerified": does})

    def remove(self) -> None:
        """Unplug it."""
        self.session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.identifier})


@dataclass
class Desktop:
    """One browser profile with one page. ``problems`` is what the page complained about."""

    context: BrowserContext
    page: Page = field(init=False)
    session: CDPSession = field(init=False)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        self.session = self.context.new_cdp_session(self.page)
        self.session.send("WebAuthn.enable")

    def _note(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.problems.append(message.text)

    def plug_in(self, *, has_prf: bool = True, transport: str = "usb") -> Authenticator:
        """Plug in an authenticator that checks its user and needs no touch."""
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": transport,
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "hasPrf": has_prf,
            "automaticPresenceSimulation": True,
        }
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return Authenticator(self.session, made["authenticatorId"])
