"""In a real browser: every longer form of a practitioner, empty and with what is wrong, narrow and wide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Desktop
from tests.browser.journey_steps import looked_at, press, says
from tests.browser.two_offices import OfficeOf, two_offices
from tests.scene import Scene

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
FORMS = ("professional_view", "disagreement", "safeguarding_action", "service_referral", "meeting")


@pytest.fixture
def care(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[OfficeOf]:
    """The workspace of the agency that leads the case."""
    with two_offices(scene_source, make_scene) as found:
        yield found[0]


def come_in(office: OfficeOf, page: Page) -> None:
    """Sign in and unlock."""
    office.sign_in(page)
    office.unlock(page)


def test_the_longer_forms(care: OfficeOf, new_desktop: NewDesktop) -> None:
    """Every form of a practitioner, empty; a group more, without script."""
    page = new_desktop().page
    come_in(care, page)
    page.goto(care.picture)
    for kind in FORMS:
        page.goto(care.address(f"write/{kind}"))
        looked_at(page, kind)
    page.goto(care.address("write/professional_view"))
    page.get_by_label("What do you think, and why?").fill("words that stay")
    page.get_by_role("button", name=re.compile("^Add one")).click()
    expect(page.get_by_label("What do you think, and why?")).to_have_value("words that stay")
    looked_at(page, "professional_view-element")


def test_a_strategy_discussion_is_called_together_and_recorded(care: OfficeOf, new_desktop: NewDesktop) -> None:
    """The pages of wishes and of strategy discussions, with what is wrong and with what was kept."""
    page = new_desktop().page
    come_in(care, page)
    page.goto(care.address("wishes"))
    looked_at(page, "wishes")
    press(page, "Keep as a draft")
    says(page, "Say whether the child was heard")
    looked_at(page, "wishes-wrong")
    page.goto(care.address("strategy"))
    looked_at(page, "strategy")
    press(page, "Call one together")
    looked_at(page, "strategy-convene")
    page.goto(care.address("strategy/record"))
    looked_at(page, "strategy-record")
    page.get_by_label("Which place?").first.fill("A shared house")
    page.get_by_label("Cost", exact=True).first.check()
    press(page, "Keep as a draft")
    says(page, "Age and cost are never the only reasons.")
    looked_at(page, "strategy-record-wrong")
