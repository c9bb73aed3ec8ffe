"""A page of an opened case in a real browser: it learns of news by itself, and is taken away when it is nobody's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.adapters.workspace.desk import AGENCY, Vouched
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.workspace import Office
from tests.scene import CARE

pytestmark = pytest.mark.slow
AFTER_MS = 16_000


def opened(office: Office, desktop: Desktop) -> Page:
    """Signed in with two factors, unlocked, the case opened, on a page of it."""
    office.who = Vouched()
    page = desktop.page
    page.clock.install()
    office.sign_in(page)
    office.unlock(page)
    page.goto(office.picture)
    page.goto(f"{office.served.origin}/cases/{office.scene.main}/readers")
    return page


def test_news_come_by_themselves(office: Office, new_desktop: Callable[[], Desktop]) -> None:
    desktop = new_desktop()
    page = opened(office, desktop)
    status = page.locator("[data-news-words]")
    page.clock.run_for(AFTER_MS)
    expect(status).to_have_text("")
    expect(page.get_by_role("link", name="Load what is new")).to_be_hidden()
    office.scene[CARE].share(office.scene.main, {"kind": "concern", "summary": "Said later", "fields": {}})
    office.scene.witness()
    page.clock.run_for(AFTER_MS)
    expect(status).to_have_text("Since you opened this: 1 new record.")
    assert_no_axe_violations(page)
    page.get_by_role("link", name="Load what is new").click()
    page.wait_for_url("**/picture?**")
    assert desktop.problems == []


@pytest.mark.parametrize("fault", ["signed out", "locked", "taken out"])
def test_a_page_that_is_nobodys_is_taken_away(
    office: Office, new_desktop: Callable[[], Desktop], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    desktop = new_desktop()
    page = opened(office, desktop)
    expect(page.get_by_role("heading", name="Who read what")).to_be_visible()
    if fault == "signed out":
        office.here.sessions.end_all(office.member)
        words, where = "You are signed out", "Sign in"
    elif fault == "locked":
        office.here.ring.clear()
        words, where = "Your key is locked", "Unlock your key"
    else:
        monkeypatch.setattr("adapters.workspace.cases.my_cases", lambda _: [])
        words, where = "does not list you any more", "Your cases"
    page.clock.run_for(AFTER_MS)
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", name="This page is closed")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(words)
    expect(main.get_by_role("link", name=where)).to_be_visible()
    expect(page.get_by_text("Who read what your agency shared")).to_have_count(0)
    assert AGENCY not in main.inner_text()
    # Whoever is signed out is not named on a shared desk, nor told until when they are signed in.
    expect(page.get_by_text("You are signed in as")).to_have_count(0 if fault == "signed out" else 1)
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0 if fault == "signed out" else 1)
    assert desktop.problems == []
