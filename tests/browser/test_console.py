"""The console in a real browser: accessible by axe-core on every page, signed in, looked, revoked, signed out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from policies.vocabulary import Role
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.hub.console.desk import TEST_SIGN_IN, VOUCHED, Desk, vouched
from tests.identity_site import listening
from tests.scene import HEALTH, Scene

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]


@pytest.fixture(scope="module")
def desk(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub with a console at its own address, and an officer who is let in."""
    made = Desk(make_scene())
    made.give()
    with listening(made.hub, int(made.scene.hub.issuer.rpartition(":")[2])):
        yield made
    made.close()


def sign_in(page: Page, desk: Desk, *, subject: str = "", two: bool = True) -> None:
    """Come back from a provider."""
    VOUCHED["who"] = vouched(two=two) if not subject else vouched(subject=subject, two=two)
    page.goto(f"{desk.scene.hub.issuer}{TEST_SIGN_IN}")


def test_every_page_is_accessible(desk: Desk, new_desktop: NewDesktop) -> None:
    """WCAG 2.2 AA as far as a program can tell, wide and narrow."""
    page, origin = new_desktop().page, desk.scene.hub.issuer
    page.goto(f"{origin}/console/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert_no_axe_violations(page)
    sign_in(page, desk, subject="nobody-is-this")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not let in here")
    assert_no_axe_violations(page)
    sign_in(page, desk, two=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Two factors are needed")
    assert_no_axe_violations(page)
    sign_in(page, desk)
    for path in ("", "log", "account", "nothing-there"):
        page.goto(f"{origin}/console/{path}")
        assert_no_axe_violations(page)
    page.goto(f"{origin}/console/")
    page.get_by_role("link", name=f"Account of case {desk.scene.main[:8]}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Account of a case")
    assert_no_axe_violations(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert_no_axe_violations(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 320, "it is read without scrolling sideways (WCAG 1.4.10)"


def test_a_revoked_officer_is_told_so_and_nothing_of_the_page_stays(desk: Desk, new_desktop: NewDesktop) -> None:
    """Back and forward show nothing either: nothing is kept."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="revoked"))
    page, origin = new_desktop().page, desk.scene.hub.issuer
    sign_in(page, desk, subject="revoked")
    page.goto(f"{origin}/console/cases/{desk.scene.main}")
    expect(page.get_by_role("main")).to_contain_text("Who saw what")
    desk.revoke(officer)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    expect(page.get_by_role("main")).to_contain_text("does not let you in here any more")
    assert_no_axe_violations(page)
    page.go_back()
    expect(page.get_by_role("main")).not_to_contain_text("Who saw what")


def test_the_policy_stops_nothing_of_the_pages(desk: Desk, new_desktop: NewDesktop) -> None:
    """No page makes the browser complain."""
    page, said = new_desktop().page, []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    sign_in(page, desk)
    page.goto(f"{desk.scene.hub.issuer}/console/log")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    page.goto(f"{desk.scene.hub.issuer}/console/")
    page.wait_for_url(re.compile("/console/sign-in"))
    assert said == []


def test_it_works_without_script(desk: Desk, browser: Browser) -> None:
    """Signing out is a plain form like all others."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, desk)
    page.goto(f"{desk.scene.hub.issuer}/console/account")
    page.get_by_role("button", name="Sign out").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    context.close()
