"""A journey through two agencies' workspaces in a real browser: asked by one, answered by the other, read by the first.

``NRM_TEST_SHOTS`` names a folder for pictures of the pages, to be looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from adapters.workspace.access import Need, needs
from adapters.workspace.app import create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from tests.adapters.workspace.desk import ISSUER, SUBJECT, TEST_SIGN_IN, Vouched
from tests.adapters.workspace.writing_desks import AgencyDesk, TwoDesks, both
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.workspace import Served
from tests.federation import free_port
from tests.scene import Scene, now

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
WIDTHS = (320, 1280)
WHAT = "Has the child been seen at the invented address since Monday?"
ANSWER = "She was seen on Tuesday by a duty social worker (invented)."


@dataclass
class Place:
    """One agency's workspace at an address of its own."""

    desk: AgencyDesk
    served: Served

    @property
    def case(self) -> str:
        """The address of the case."""
        return f"{self.served.origin}/cases/{self.desk.scene.main}"


def _open(desk: AgencyDesk) -> Place:
    port, name = free_port(), f"{desk.agency}.localhost"
    app = create_app(desk.adapter, WorkspaceSettings(f"http://{name}:{port}", "127.0.0.1", port))
    app.get(TEST_SIGN_IN)(needs(Need.OPEN)(lambda: on_signed_in(Vouched())))
    app.extensions["workspace"].people.bind(ISSUER, SUBJECT, desk.member)
    served = Served(app, name, port)
    served.start()
    return Place(desk, served)


@pytest.fixture
def desks(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


@pytest.fixture
def places(desks: TwoDesks) -> Iterator[tuple[Place, Place]]:
    made = (_open(desks.panel), _open(desks.council))
    yield made
    for place in made:
        place.served.stop()


def look(page: Page, name: str) -> None:
    """No rule of axe-core is broken and nothing is too wide, narrow and wide; a picture of each where asked for."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        folder = os.environ.get("NRM_TEST_SHOTS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"writing-{name}-{width}.png"), full_page=True)
        assert_no_axe_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width} (WCAG 1.4.10)"


def sign_in(page: Page, place: Place) -> None:
    page.goto(f"{place.served.origin}{TEST_SIGN_IN}")
    page.goto(f"{place.served.origin}/unlock")
    page.get_by_label("Passphrase of your key", exact=True).fill(place.desk.passphrase)
    page.get_by_role("button", name="Unlock", exact=True).click()
    page.wait_for_url(f"{place.served.origin}/")


def tab_to(page: Page, selector: str) -> None:
    """Press the tab key until something has the focus: a person without a mouse."""
    for _ in range(200):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"nobody comes to {selector} with the tab key")


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def type_into(page: Page, selector: str, text: str) -> None:
    tab_to(page, selector)
    page.keyboard.type(text)


def ask(page: Page, place: Place, due: tuple[str, str, str]) -> None:
    """With the mouse: read the picture, write the request, review it, release it."""
    page.goto(f"{place.case}/picture?purpose=panel_review")
    page.goto(f"{place.case}/write")
    look(page, "choose")
    page.get_by_role("link", name="Ask another agency for information").click()
    page.get_by_role("button", name="Keep as a draft").last.click()
    expect(page).to_have_title(re.compile("^Error: "))
    look(page, "request-errors")
    page.get_by_role("radio", name="Fernshire social care").check()
    page.get_by_label("What do you need to know?").fill(WHAT)
    page.get_by_label("Why do you need it?").fill("To know where she is safe")
    for name, text in zip(("Day", "Month", "Year"), due, strict=True):
        page.get_by_label(name, exact=True).fill(text)
    page.get_by_label("Your job").fill("Named nurse (invented)")
    look(page, "request")
    page.get_by_role("button", name="Keep as a draft").last.click()
    expect(page.get_by_role("main")).to_contain_text(WHAT)
    look(page, "drafts")
    page.get_by_role("checkbox", name=re.compile("^Release this")).check()
    page.get_by_role("button", name="Choose what it is shared for").click()
    look(page, "terms")
    page.get_by_role("checkbox", name="Review by the panel").check()
    page.get_by_role("button", name="Show who would get it").click()
    look(page, "confirm")
    page.get_by_role("button", name="Release and send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Released and sent")
    look(page, "done")


def answer(page: Page, place: Place) -> None:
    """With the keyboard only: find the request, answer it, review it, release it."""
    page.goto(f"{place.case}/picture?purpose=panel_review")
    page.goto(f"{place.case}/requests")
    expect(page.get_by_role("main")).to_contain_text(WHAT)
    look(page, "requests")
    press_on(page, "a[href*='to_request=']")
    page.wait_for_url(re.compile("/write/answer"))
    look(page, "answer")
    type_into(page, "textarea[name=text]", ANSWER)
    type_into(page, "input[name=job_title]", "Social worker (invented)")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/drafts"))
    press_on(page, "input[name=draft]", "Space")
    press_on(page, "#drafts > button")
    page.wait_for_url(re.compile("/release/"))
    press_on(page, "input[name=purposes][value=panel_review]", "Space")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/confirm"))
    press_on(page, "form[action$='/confirm'] button")
    page.wait_for_url(re.compile("/done"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Released and sent")


def test_asked_by_one_agency_answered_by_the_other_with_the_keyboard_read_by_the_first(
    places: tuple[Place, Place], desks: TwoDesks, new_desktop: NewDesktop
) -> None:
    nurse, social_worker = new_desktop(), new_desktop()
    panel, council = places
    sign_in(nurse.page, panel)
    ask(nurse.page, panel, _soon())
    desks.see()
    sign_in(social_worker.page, council)
    answer(social_worker.page, council)
    desks.see()
    nurse.page.goto(f"{panel.case}/picture?purpose=panel_review")
    nurse.page.goto(f"{panel.case}/requests")
    expect(nurse.page.get_by_role("main")).to_contain_text(ANSWER)
    expect(nurse.page.get_by_role("main")).to_contain_text("Answered")
    look(nurse.page, "answered")
    assert nurse.problems == []
    assert social_worker.problems == []


def test_the_longer_forms(places: tuple[Place, Place], new_desktop: NewDesktop) -> None:
    """Every form of a practitioner, empty, narrow and wide; a group more, without script."""
    page, council = new_desktop().page, places[1]
    sign_in(page, council)
    page.goto(f"{council.case}/picture?purpose=panel_review")
    for kind in ("professional_view", "disagreement", "safeguarding_action", "service_referral", "meeting"):
        page.goto(f"{council.case}/write/{kind}")
        look(page, kind)
    page.goto(f"{council.case}/write/professional_view")
    page.get_by_label("What do you think, and why?").fill("words that stay")
    page.get_by_role("button", name=re.compile("^Add one")).click()
    expect(page.get_by_label("What do you think, and why?")).to_have_value("words that stay")
    look(page, "professional_view-element")


def _soon() -> tuple[str, str, str]:

    day = now().date() + timedelta(days=10)
    return str(day.day), str(day.month), str(day.year)
