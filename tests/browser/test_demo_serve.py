"""``make demo-serve`` as a newcomer meets it: real processes, a real browser, everybody who is printed signs in."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.tour import tour_lines
from tests.browser.chromium import Desktop, assert_no_axe_violations

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]
LAST_LINE = "With an unlocked key"
ACCOUNT = re.compile(
    r"^  (?P<kind>\S.*)\n    (?P<address>http\S+)\n"
    r"    user name (?P<user>\S+)   password (?P<password>\S+)   code (?P<code>\d+)"
    r"(?:   then unlock with: (?P<key>\S+))?$",
    re.MULTILINE,
)
NewDesktop = Callable[[], Desktop]


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
        return f"{self.address.rstrip('/')}{path}"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Account]]:
    """The demo, told and serving; who may sign in, by what they are."""
    folder = tmp_path_factory.mktemp("served") / "demo"
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
        found = [Account(**match.groupdict()) for match in ACCOUNT.finditer(said)]
        assert len(found) == 5, said[-3000:]
        assert all(line in said for line in tour_lines()), "the tour is not printed whole"
        yield {account.kind.partition(",")[0].partition(" of ")[0]: account for account in found}
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        finally:
            process.kill()


def sign_in(page: Page, account: Account, *, code: bool = True) -> None:
    """Go there, be sent to the provider, say who one is, come back."""
    page.goto(account.address)
    assert_no_axe_violations(page)
    page.get_by_role("button", name=re.compile("^Continue with")).click()
    page.wait_for_url(re.compile(r"http://identity\.localhost"))
    assert_no_axe_violations(page)
    page.get_by_label("User name").fill(account.user)
    page.get_by_label("Password").fill(account.password)
    if code:
        page.get_by_label("One-time code").fill(account.code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(account.address)


@pytest.mark.parametrize("kind", ["practitioner", "panel member", "panel chair", "lead professional"])
def test_people_of_agencies_sign_in_unlock_and_read(
    accounts: dict[str, Account], new_desktop: NewDesktop, kind: str
) -> None:
    """Through their own agency's provider to their own agency's pages, and to the picture of the one case."""
    account, page = accounts[kind], new_desktop().page
    sign_in(page, account)
    assert_no_axe_violations(page)
    page.get_by_role("link", name=re.compile("^Picture of case")).click()
    page.wait_for_url(re.compile("/unlock"))
    assert_no_axe_violations(page)
    assert account.key is not None
    page.get_by_label("Passphrase of your key", exact=True).fill(account.key)
    page.get_by_role("button", name="Unlock", exact=True).click()
    page.wait_for_url(re.compile("/picture"))
    expect(page.get_by_role("main")).to_contain_text("opened by you")
    assert_no_axe_violations(page)


def test_an_officer_signs_in_at_the_hub_and_looks_at_a_case(
    accounts: dict[str, Account], new_desktop: NewDesktop
) -> None:
    """What was shared with whom and why, nothing of what it says; and the look is in the account itself."""
    account, page = accounts["information governance officer"], new_desktop().page
    sign_in(page, account)
    assert_no_axe_violations(page)
    for _ in range(2):
        page.goto(account.address)
        page.get_by_role("link", name=re.compile("^Account of")).click()
        assert_no_axe_violations(page)
    expect(page.get_by_role("main")).to_contain_text("looked")
    assert "Juniper" not in page.content()
    page.goto(account.at("/log"))
    assert_no_axe_violations(page)


def test_one_factor_becomes_two_with_a_passkey(accounts: dict[str, Account], new_desktop: NewDesktop) -> None:
    """With the code once, to make a passkey; then without the code: the passkey is the second factor, and unlocks."""
    account, desktop = accounts["lead professional"], new_desktop()
    desktop.plug_in()
    page = desktop.page
    sign_in(page, account)
    page.goto(account.at("/unlock"))
    assert account.key is not None
    page.get_by_label("Passphrase of your key", exact=True).fill(account.key)
    page.get_by_role("button", name="Unlock", exact=True).click()
    page.goto(account.at("/passkeys"))
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the passkey").fill("blue key")
    page.get_by_label("Passphrase of your key", exact=True).fill(account.key)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url(re.compile(r"/passkeys(/use|\?done=)"))
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, account, code=False)
    page.get_by_role("link", name=re.compile("^Picture of case")).click()
    page.wait_for_url(re.compile("/unlock"))
    page.get_by_role("link", name="Use your passkey").click()
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(re.compile("/picture"))
    expect(page.get_by_role("main")).to_contain_text("opened by you")
