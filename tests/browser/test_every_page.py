"""Every page of both sites, narrow and wide: no rule of axe-core is broken, and nobody has to scroll sideways.

``NRM_TEST_SHOTS`` names a folder for pictures of them all, to be looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.adapters.workspace.desk import Vouched
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.workspace import ONE_FACTOR, Office
from tests.hub.console.desk import TEST_SIGN_IN, VOUCHED, Desk, vouched
from tests.identity_site import listening
from tests.scene import Scene

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
WIDTHS = (320, 1280)


def look(page: Page, name: str) -> None:
    """Look at the page as it now is at each width."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        folder = os.environ.get("NRM_TEST_SHOTS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
        assert_no_axe_violations(page)
        found = page.evaluate("document.documentElement.scrollWidth")
        assert found <= width, f"{name}: {found} wide at {width} (WCAG 1.4.10)"


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console at its own address, and an officer who is let in."""
    made = Desk(make_scene())
    made.give()
    made.scene.witness()
    with listening(made.hub, int(made.scene.hub.issuer.rpartition(":")[2])):
        yield made
    made.close()


def test_the_console(desk: Desk, new_desktop: NewDesktop) -> None:
    """Home, a case, the log, the account; signing in and out; what is said on each refusal."""
    page, origin = new_desktop().page, desk.scene.hub.issuer

    def sign_in(**who: object) -> None:
        VOUCHED["who"] = vouched(**who)  # type: ignore[arg-type]
        page.goto(f"{origin}{TEST_SIGN_IN}")

    page.goto(f"{origin}/console/")
    look(page, "console-sign-in")
    sign_in(subject="nobody-is-this-" + "x" * 60)
    look(page, "console-not-known")
    sign_in(two=False)
    look(page, "console-second-factor")
    for _ in range(3):
        sign_in()
    paths = {
        "home": "",
        "case": f"cases/{desk.scene.main}",
        "log": "log",
        "account": "account",
        "not-found": "nothing-there",
        "no-case": f"cases/{'0' * 32}",
    }
    for name, path in paths.items():
        page.goto(f"{origin}/console/{path}")
        look(page, f"console-{name}")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    look(page, "console-signed-out")


def test_the_workspace(office: Office, new_desktop: NewDesktop) -> None:
    """Home, the picture, the account, passkeys; signing in, unlocking and out; what is said on each refusal."""
    desktop = new_desktop()
    desktop.plug_in()
    page, origin = desktop.page, office.served.origin
    office.who = Vouched(subject="nobody-is-this-" + "x" * 60)
    office.sign_in(page)
    look(page, "workspace-not-known")
    office.who = ONE_FACTOR
    office.sign_in(page)
    for name in ("", "unlock", "account", "passkeys", "nothing-there"):
        page.goto(f"{origin}/{name}")
        look(page, f"workspace-locked-{name or 'home'}")
    page.goto(f"{origin}/unlock")
    page.get_by_label("Passphrase of your key", exact=True).fill("not that of anybody")
    page.get_by_role("button", name="Unlock", exact=True).click()
    look(page, "workspace-unlock-wrong")
    office.unlock(page)
    look(page, "workspace-after-unlock")
    page.goto(f"{origin}/passkeys/add")
    look(page, "workspace-passkeys-add")
    page.get_by_label("Name of the passkey").fill("blue key")
    page.get_by_label("Passphrase of your key", exact=True).fill(office.passphrase)
    page.get_by_role("button", name="Continue").click()
    look(page, "workspace-passkeys-create")
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url(re.compile("/passkeys/use"))
    look(page, "workspace-passkeys-use")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(f"{origin}/")
    for path in ("", "account", "passkeys", "unlock"):
        page.goto(f"{origin}/{path}")
        look(page, f"workspace-open-{path or 'home'}")
    for verb in ("Rename", "Remove"):
        page.goto(f"{origin}/passkeys")
        page.get_by_role("link", name=f"{verb} blue key").click()
        look(page, f"workspace-passkeys-{verb.lower()}")
    page.goto(office.picture)
    look(page, "workspace-picture")
    page.goto(f"{origin}/")
    office.sign_out(page)
    look(page, "workspace-signed-out")
