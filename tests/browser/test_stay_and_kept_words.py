"""In a real browser: asked before being signed out, staying by the keyboard, words that survive being signed out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.workspace.access import Need, needs
from adapters.workspace.app import Workspace, create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from keys.sessions import ABSOLUTE, IDLE, WARNED
from tests.adapters.workspace.desk import ISSUER, SUBJECT, TEST_SIGN_IN, Vouched
from tests.adapters.workspace.writing_desks import AgencyDesk, both
from tests.browser.chromium import WAIT_MS, Desktop, assert_no_axe_violations
from tests.browser.workspace import Served
from tests.federation import free_port
from tests.scene import Scene

pytestmark = pytest.mark.slow
WORDS = "She wants to stay with her brother.\nAsk her aunt first (invented)."


@dataclass
class Council:
    """The workspace of the agency that leads the case, whose clock a test moves."""

    desk: AgencyDesk
    served: Served
    here: Workspace

    @property
    def wishes(self) -> str:
        """A page with a long form."""
        return f"{self.served.origin}/cases/{self.desk.scene.main}/wishes"

    def sign_in(self, page: Page) -> None:
        """Come back from a provider, and type the passphrase."""
        page.goto(f"{self.served.origin}{TEST_SIGN_IN}")
        page.goto(f"{self.served.origin}/unlock")
        page.get_by_label("Passphrase of your key", exact=True).fill(self.desk.passphrase)
        page.get_by_role("button", name="Unlock", exact=True).click()
        page.wait_for_load_state()

    def pass_by(self, page: Page, by: timedelta) -> None:
        """Let time go by, at the desk and at the adapter."""
        self.desk.later += by
        page.clock.run_for(int(by.total_seconds() * 1000))


@pytest.fixture
def council(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Council]:
    with both(scene_source, make_scene) as made:
        desk = made.council
        port, name = free_port(), f"{desk.agency}.localhost"
        app = create_app(desk.adapter, WorkspaceSettings(f"http://{name}:{port}", "127.0.0.1", port))
        app.get(TEST_SIGN_IN)(needs(Need.OPEN)(lambda: on_signed_in(Vouched())))
        app.extensions["workspace"].people.bind(ISSUER, SUBJECT, desk.member)
        served = Served(app, name, port)
        served.start()
        yield Council(desk, served, app.extensions["workspace"])
        served.stop()


def writing(council: Council, page: Page) -> Page:
    """Signed in, with words in a form."""
    page.clock.install()
    council.sign_in(page)
    page.goto(council.wishes)
    page.locator("#own_words").fill(WORDS)
    return page


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("NRM_TEST_SHOTS")
    if folder:
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=str(Path(folder) / f"stay-{name}-{width}.png"))


def put_back(page: Page) -> None:
    page.get_by_role("button", name="Put it back into the form").click()
    expect(page.get_by_text("These are your words from before.")).to_be_visible()
    expect(page.locator("#own_words")).to_have_value(WORDS)


def test_whoever_is_there_stays_with_one_key(council: Council, new_desktop: Callable[[], Desktop]) -> None:
    page = writing(council, new_desktop().page)
    box = page.get_by_role("alertdialog", name="Are you still there?")
    council.pass_by(page, IDLE - WARNED - timedelta(seconds=20))
    expect(box).to_be_hidden()
    council.pass_by(page, timedelta(seconds=25))
    expect(box).to_be_visible()
    expect(page.get_by_role("button", name="Stay signed in")).to_be_focused()
    assert "Signed out soon" in page.title()
    assert WORDS not in box.inner_text()
    shot(page, "asked")
    assert_no_axe_violations(page)
    # The focus does not leave the question, and one key answers it.
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)") is False
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert "Signed out soon" not in page.title()
    expect(page.locator("#own_words")).to_be_focused()
    expect(page.locator("#own_words")).to_have_value(WORDS)
    for _ in range(2):
        council.pass_by(page, IDLE - WARNED + timedelta(seconds=5))
        expect(box).to_be_visible()
        page.keyboard.press("Enter")
        expect(box).to_be_hidden()
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.get_by_text("There is a problem")).to_be_visible()
    expect(page.locator("#own_words")).to_have_value(WORDS)


def test_typing_is_use(council: Council, new_desktop: Callable[[], Desktop]) -> None:
    page = writing(council, new_desktop().page)
    for _ in range(4):
        council.pass_by(page, timedelta(minutes=10))
        with page.expect_response("**/stay/more"):
            page.locator("#own_words").press("a")
    expect(page.get_by_role("alertdialog")).to_be_hidden()
    council.pass_by(page, IDLE - WARNED + timedelta(seconds=5))
    expect(page.get_by_role("alertdialog")).to_be_visible()


def test_the_end_of_the_day_is_said_and_not_put_off(council: Council, new_desktop: Callable[[], Desktop]) -> None:
    page = new_desktop().page
    page.clock.install()
    council.sign_in(page)
    while council.desk.later < ABSOLUTE - timedelta(minutes=5):
        council.desk.later = min(council.desk.later + timedelta(minutes=14), ABSOLUTE - timedelta(minutes=5))
        page.goto(f"{council.served.origin}/stay")
        expect(page.get_by_role("heading", name="You are still signed in")).to_be_visible()
    page.goto(council.wishes)
    council.pass_by(page, timedelta(minutes=3, seconds=5))
    box = page.get_by_role("alertdialog")
    expect(box.get_by_text("this end cannot be put off")).to_be_visible()
    expect(box.get_by_role("button", name="Stay signed in")).to_be_hidden()
    expect(box.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box).to_be_hidden()


def test_whoever_is_gone_finds_the_words_again(council: Council, new_desktop: Callable[[], Desktop]) -> None:
    desktop = new_desktop()
    page = writing(council, desktop.page)
    council.pass_by(page, IDLE - WARNED + timedelta(seconds=5))
    expect(page.get_by_role("alertdialog")).to_be_visible()
    council.desk.later = IDLE + timedelta(seconds=2)
    with page.expect_navigation():
        page.clock.run_for(int(WARNED.total_seconds() * 1000))
    # Nothing of the page is left on the screen.
    page.wait_for_url("**/sign-in")
    expect(page.get_by_text("brother")).to_have_count(0)
    council.sign_in(page)
    expect(page.get_by_role("heading", name="What you typed is still here")).to_be_visible()
    shot(page, "typed")
    assert_no_axe_violations(page)
    put_back(page)
    assert desktop.problems == []


@pytest.mark.parametrize("status", [413, 429, 503])
def test_words_that_nobody_took_stay_on_the_page(
    council: Council, new_desktop: Callable[[], Desktop], status: int
) -> None:
    desktop = new_desktop()
    page = writing(council, desktop.page)
    page.route("**/typed/keep", lambda route: route.fulfill(status=status))
    council.pass_by(page, IDLE - WARNED + timedelta(seconds=5))
    council.desk.later = IDLE + timedelta(seconds=2)
    with page.expect_response("**/typed/keep"):
        page.clock.run_for(int(WARNED.total_seconds() * 1000))
    assert page.url == council.wishes
    expect(page.locator("#own_words")).to_have_value(WORDS)
    # As soon as somebody takes them the page goes, and they are not lost.
    page.unroute("**/typed/keep")
    assert all(f"status of {status}" in problem for problem in desktop.problems)
    desktop.problems.clear()
    with page.expect_navigation():
        page.clock.run_for(30_000)
    council.sign_in(page)
    put_back(page)


def test_words_are_handed_over_where_the_case_page_is_taken_away(
    council: Council, new_desktop: Callable[[], Desktop]
) -> None:
    page = new_desktop().page
    page.clock.install()
    council.sign_in(page)
    page.goto(f"{council.served.origin}/cases/{council.desk.scene.main}/picture?purpose=panel_review")
    page.goto(council.wishes)
    page.locator("#own_words").fill(WORDS)
    council.here.ring.clear()
    with page.expect_response("**/typed/keep"):
        page.clock.run_for(16_000)
    expect(page.get_by_role("heading", name="This page is closed")).to_be_visible()
    expect(page.locator("#own_words")).to_have_count(0)


def test_without_script_the_words_survive_too(council: Council, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    council.sign_in(page)
    page.goto(council.wishes)
    expect(page.get_by_role("contentinfo").get_by_text("If you do nothing, you are signed out at")).to_be_visible()
    page.locator("#own_words").fill(WORDS)
    # The link opens a window of its own: the form stays as it is.
    council.desk.later = IDLE - timedelta(minutes=1)
    with context.expect_page() as opened:
        page.get_by_role("link", name="Stay signed in (opens in a new tab)").click()
    expect(opened.value.get_by_role("heading", name="You are still signed in")).to_be_visible()
    opened.value.close()
    expect(page.locator("#own_words")).to_have_value(WORDS)
    council.desk.later += IDLE + timedelta(seconds=1)
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.get_by_text("It is kept for you until")).to_be_visible()
    council.sign_in(page)
    expect(page.get_by_role("heading", name="What you typed is still here")).to_be_visible()
    put_back(page)
    context.close()
