"""Every page of the workspace for people who see, hear, read or move in other ways (WCAG 2.2, level AA).

What is checked of each: axe-core narrow and wide; no scrolling sideways at 320 pixels, at 200 per cent of the page and
of its text; targets large enough; forced colours, less movement, print; the keyboard reaches all of it, in order, and
the focus is seen. ``docs/workspace.md`` says what no such check finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from adapters.workspace import languages
from adapters.workspace.languages import offered_languages
from adapters.workspace.security import Rate
from tests.adapters.workspace.desk import Vouched
from tests.browser.chromium import Desktop, axe_violations
from tests.browser.looks import (
    NARROW,
    WIDE,
    Round,
    assert_keyboard_reaches_everything,
    cut_off,
    small_targets,
    text_twice_as_large,
    wider_than,
)
from tests.browser.workspace import Office
from tests.pseudo_language import LANGUAGE as PSEUDO
from tests.pseudo_language import make
from tests.scene import Scene
from tests.walked import MANY, Filled, desks, walked

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
PLACES = ("/", "/unlock", "/account", "/passkeys", "/sign-in", "/accessibility", "/nothing-there")


@pytest.fixture
def full_case(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cases that hold something in every section."""
    members = {"write": staticmethod(lambda: "Words that somebody wrote about it"), "signed": None}
    monkeypatch.setattr("adapters.runtime.Receiver", type("FilledNow", (Filled,), members))
    return


def unlocked(office: Office, desktop: Desktop) -> Page:
    """A page of somebody who has signed in and unlocked their key, and may ask as often as a test does."""
    office.here.per_person, office.here.per_client = Rate(MANY), Rate(MANY)
    office.who = Vouched()
    office.sign_in(desktop.page)
    office.unlock(desktop.page)
    return desktop.page


def _answer(text: str, route: Route) -> None:
    """Answer with the text of a page."""
    route.fulfill(body=text, content_type="text/html; charset=utf-8")


def look(page: Page) -> list[str]:
    """Return what is wrong with the page that is shown."""
    wrong: list[str] = []

    def note(what: str, found: Any) -> None:
        if found:
            wrong.append(f"{what}: {found}")

    for width in (NARROW, WIDE):
        page.set_viewport_size({"width": width, "height": 800})
        note(f"axe-core at {width}", axe_violations(page))
        note(f"wider than {width} (1.4.10)", wider_than(page, width))
        note(f"cut off at {width}", cut_off(page))
        note(f"too small to press at {width} (2.5.8)", small_targets(page))
    with text_twice_as_large(page):
        note("wider with large text (1.4.4)", wider_than(page, WIDE))
        note("cut off with large text (1.4.4)", cut_off(page))
    page.set_viewport_size({"width": WIDE // 2, "height": 400})
    note("wider at 200 per cent (1.4.4)", wider_than(page, WIDE // 2))
    page.set_viewport_size({"width": WIDE, "height": 800})
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    note("axe-core with forced colours", axe_violations(page))
    note("moves although less movement is asked for", page.evaluate("document.getAnimations().length"))
    page.emulate_media(forced_colors="none", reduced_motion="no-preference", media="print")
    note("wider than paper", wider_than(page, WIDE))
    note("prints what is pressed", page.evaluate(_PRINTED_FORMS))
    page.emulate_media(media="screen")
    return wrong


_PRINTED_FORMS = """() => [...document.querySelectorAll('footer button, .govuk-skip-link, .skip, .service-case-nav')]
  .filter(node => node.checkVisibility({visibilityProperty: true}) && node.getBoundingClientRect().width > 2)
  .map(node => node.outerHTML.slice(0, 60))"""


def test_every_page_for_everybody(
    office: Office, new_desktop: NewDesktop, scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    """Each page that a walk comes to, and what comes of each form sent wrong and right, by two people's roles.

    The walk asks the workspaces (it comes to every route: tests/adapters/workspace/test_every_route.py); the browser
    shows what they answered, with the style that this office serves.
    """
    with desks(scene_source, make_scene) as both:
        seen = [item for item in walked(both, lambda _: "12") if item.page and not 300 <= item.status < 400]
    pages = {item.name: item.page for item in seen}
    assert len(pages) > 90
    page, wrong, address = new_desktop().page, {}, f"{office.served.origin}/shown"
    for name, text in pages.items():
        page.unroute(address)
        page.route(address, partial(_answer, text))
        page.goto(address)
        if found := look(page):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.usefixtures("full_case")
def test_by_keyboard_alone(office: Office, new_desktop: NewDesktop) -> None:
    """From signing in to signing out, no pointer: unlock, home, picture, a form, and back."""
    office.here.per_person, office.here.per_client = Rate(MANY), Rate(MANY)
    page = new_desktop().page
    office.who = Vouched()
    office.sign_in(page)
    assert_keyboard_reaches_everything(page)
    to(page, "Unlock your key")
    assert_keyboard_reaches_everything(page)
    to_field(page, "passphrase")
    page.keyboard.type("not that of anybody")
    enter(page)
    assert page.title().startswith("Error: ")
    assert_keyboard_reaches_everything(page)
    to_field(page, "passphrase")
    page.keyboard.type(office.passphrase)
    enter(page)
    assert page.url == f"{office.served.origin}/"
    assert_keyboard_reaches_everything(page)
    to(page, "Picture of case")
    assert_keyboard_reaches_everything(page)
    to(page, "cases")
    to(page, "Your account")
    assert_keyboard_reaches_everything(page)
    to(page, "See and change your passkeys")
    to(page, "Add a passkey")
    assert_keyboard_reaches_everything(page)
    to_field(page, "label")
    page.keyboard.type("blue key")
    to_field(page, "passphrase")
    page.keyboard.type(office.passphrase)
    enter(page)
    page.get_by_role("heading", name="Make the passkey").wait_for()
    to(page, "Sign out")
    page.get_by_role("heading", name="You are signed out").wait_for()


def test_the_skip_link_leads_to_the_content(office: Office, new_desktop: NewDesktop) -> None:
    """One Tab and Enter pass by what stands on every page (2.4.1)."""
    page = unlocked(office, new_desktop())
    page.goto(f"{office.served.origin}/account")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id || location.hash") in ("main-content", "#main-content")


@pytest.mark.usefixtures("full_case")
def test_longer_words_fit_a_narrow_screen(
    office: Office,  # with its own templates: the language is chosen for each page
    new_desktop: NewDesktop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A language a third longer than English does not break a page at 320 pixels."""
    make(tmp_path)
    monkeypatch.setattr(languages, "TRANSLATIONS", tmp_path)
    page = unlocked(office, new_desktop())
    offered_languages.cache_clear()
    extension = office.served.app.extensions["babel"]  # type: ignore[attr-defined]
    extension.translation_directories = [str(tmp_path)]
    page.context.set_extra_http_headers({"Accept-Language": "cy"})
    page.set_viewport_size({"width": NARROW, "height": 800})
    wrong, spoken = {}, set()

    def note(name: str) -> None:
        spoken.add(page.evaluate("document.documentElement.lang"))
        if found := [*cut_off(page), *(["wider"] if wider_than(page, NARROW) else [])]:
            wrong[name] = found

    Round(office.served.app, page, office.served.origin, note).go(*PLACES)  # type: ignore[arg-type]
    offered_languages.cache_clear()
    assert PSEUDO in spoken
    assert wrong == {}


def to(page: Page, words: str) -> None:
    """Press Tab until something with these words has the focus, then Enter."""
    _tab_until(page, f"node => (node.innerText || '').includes({words!r})", words)
    enter(page)


def enter(page: Page) -> None:
    """Press Enter where it leads to another page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def to_field(page: Page, name: str) -> None:
    """Press Tab until the field has the focus."""
    _tab_until(page, f"node => node.name === {name!r}", name)


def _tab_until(page: Page, test: str, what: str) -> None:
    page.evaluate("() => document.activeElement && document.activeElement.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate(f"({test})(document.activeElement)"):
            return
    raise AssertionError(f"{page.url}: the keyboard does not come to {what!r}")
