"""``make demo-serve`` as a newcomer meets it: real processes, a real browser, everybody who is printed signs in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.demo_site import Account, served
from tests.browser.demo_site import sign_in as sign_in_at

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Account]]:
    """The demo, told and serving; who may sign in, by what they are."""
    with served(tmp_path_factory.mktemp("served") / "demo") as found:
        yield found


def sign_in(page: Page, account: Account, *, code: bool = True) -> None:
    """Go there, be sent to the provider, say who one is, come back."""
    sign_in_at(page, account, code=code, look=assert_no_axe_violations)


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
