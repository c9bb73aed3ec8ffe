"""The served demo: told, its addresses and accounts read from what it prints; how one signs in there."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from demo.tour import tour_lines
from tests.browser.chromium import REPOSITORY

LAST_LINE = "With an unlocked key"
ACCOUNT = re.compile(
    r"^  (?P<kind>\S.*)\n    (?P<address>http\S+)\n"
    r"    user name (?P<user>\S+)   password (?P<password>\S+)   code (?P<code>\d+)"
    r"(?:   then unlock with: (?P<key>\S+))?$",
    re.MULTILINE,
)
PEOPLE = 5
STOP_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """One of the accounts that the demo prints."""

    kind: str
    address: str
    user: str
    password: str
    code: str
    key: str | None

    def at(self, path: str) -> str:
        """The address of a page of their site."""
        return f"{self.address.rstrip('/')}{path}"


@contextmanager
def served(folder: Path) -> Iterator[dict[str, Account]]:
    """Tell the demo and serve it until the block ends; yield who may sign in, by what they are."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--serve", "--folder", str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith(LAST_LINE):
                break
        assert all(line in said for line in tour_lines()), f"the tour is not printed whole: {said[-3000:]}"
        yield accounts_of(said)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=STOP_SECONDS)
        finally:
            process.kill()


def accounts_of(said: str) -> dict[str, Account]:
    """Return who may sign in, by what they are, from what the demo printed."""
    found = [Account(**match.groupdict()) for match in ACCOUNT.finditer(said)]
    assert len(found) == PEOPLE, said[-3000:]
    return {account.kind.partition(",")[0].partition(" of ")[0]: account for account in found}


def sign_in(
    page: Page, account: Account, *, code: bool = True, look: Callable[[Page], None] = lambda _page: None
) -> None:
    """Go there, be sent to the provider, say who one is, come back. ``look`` is shown the pages on the way."""
    page.goto(account.address)
    look(page)
    page.get_by_role("button", name=re.compile("^Continue with")).click()
    page.wait_for_url(re.compile(r"http://identity\.localhost"))
    look(page)
    page.get_by_label("User name").fill(account.user)
    page.get_by_label("Password").fill(account.password)
    if code:
        page.get_by_label("One-time code").fill(account.code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(account.address)


def unlock(page: Page, account: Account) -> None:
    """Type the words after "then unlock with"."""
    page.goto(account.at("/unlock"))
    page.get_by_label("Passphrase of your key", exact=True).fill(account.key or "")
    page.get_by_role("button", name="Unlock", exact=True).click()
    page.wait_for_load_state()
