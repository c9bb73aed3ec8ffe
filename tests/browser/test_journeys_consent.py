"""Consent taken back while somebody of another agency reads; somebody removed, somebody kept out: in real browsers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from adapters.excluding import plan_add
from policies.vocabulary import Gateway
from tests.adapters.workspace.two_desks import CONFIDED, ON_A_DUTY
from tests.attacks.exclusion_acts import confirm, hear, person, say
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.two_offices import OfficeOf, two_offices
from tests.scene import CARE, HEALTH, POLICE, Scene

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
WORDS = "She said that she does not want the panel to read it any more."


@pytest.fixture
def offices(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[tuple[OfficeOf, OfficeOf]]:
    with two_offices(scene_source, make_scene) as found:
        yield found


def says(page: Page, words: str) -> None:
    expect(page.get_by_role("main")).to_contain_text(words)


def looked_at(page: Page, name: str) -> None:
    """Check a page as it is now; where NRM_TEST_PICTURES names a folder, leave pictures of it, narrow and wide."""
    assert_no_axe_violations(page)
    folder = os.environ.get("NRM_TEST_PICTURES")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} at {width}"
        if folder:
            page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


def agree(office: OfficeOf, page: Page) -> None:
    """Record that the child agrees, as a practitioner does."""
    page.goto(office.address("consent"))
    looked_at(page, "consent-none")
    page.get_by_role("link", name="They agree").click()
    looked_at(page, "consent-form")
    page.get_by_role("button", name="Continue").click()
    says(page, "There is a problem")
    looked_at(page, "consent-form-wrong")
    page.get_by_label("The child", exact=True).check()
    page.get_by_label("Worries that the child is exploited, and notes about them").check()
    page.get_by_label("Police", exact=True).check()
    page.get_by_label("Health", exact=True).last.check()
    page.get_by_label("Review by the panel").check()
    page.get_by_label("Yes, they understand").check()
    page.get_by_label("Who assessed that?").select_option(label="Social worker")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("No interpreter was needed").check()
    page.get_by_label("Yes, what they said is written down").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Record it").click()
    says(page, "The child: Agreed")


def take_back(office: OfficeOf, page: Page) -> None:
    """Find the button, answer three questions, look at what ends, confirm."""
    page.goto(office.address("consent"))
    looked_at(page, "consent-agreed")
    page.get_by_role("button", name="They take their agreement back").click()
    looked_at(page, "consent-take-back")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("No interpreter was needed").check()
    page.get_by_label("Yes, what they said is written down").check()
    page.get_by_label("What was said").fill(WORDS)
    page.get_by_label("Your job").fill("Social worker (invented)")
    page.get_by_role("button", name="Continue").click()
    says(page, "This ends (2)")
    says(page, "Fernshire health")
    looked_at(page, "consent-confirm")
    page.get_by_role("button", name="Change something").click()
    expect(page.get_by_label("What was said")).to_have_value(WORDS)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Record it").click()
    says(page, "This ended (2)")
    says(page, "cannot be called back")
    looked_at(page, "consent-told")


def keep_out(scene: Scene, agency: str, label: str) -> None:
    """The panel's chair proposes it and the lead confirms; every agency hears."""
    party, me = scene[POLICE], person(scene, (POLICE, "chair"))
    party.follower.sync_cases()
    kept_out = person(scene, (agency, label))
    plan = plan_add(party.book.load(scene.main), me, kept_out, days=14, at=party.clock(), detail=None)
    confirm(scene, scene.main, say(scene, (POLICE, "chair"), plan), (CARE, "lead"))
    hear(scene)


def test_consent_is_taken_back_while_somebody_of_another_agency_reads(
    offices: tuple[OfficeOf, OfficeOf], new_desktop: NewDesktop
) -> None:
    """First browser: the panel member. Second: the practitioner. Third: the panel member again, then kept out."""
    care, health = offices
    scene = care.scene
    writer, reader = new_desktop().page, new_desktop().page
    care.sign_in(writer)
    care.unlock(writer)
    agree(care, writer)
    party = scene[CARE]
    party.sync()
    party.share(scene.main, CONFIDED, gateway=Gateway.CLDC_CONSENT)
    party.share(scene.main, ON_A_DUTY)
    scene.witness()
    health.sign_in(reader)
    health.unlock(reader)
    reader.goto(health.picture)
    says(reader, CONFIDED["summary"])
    reader.goto(health.address("consent"))
    says(reader, "Sharing what was told in confidence: Agreed")
    expect(reader.get_by_role("button", name="They take their agreement back")).to_have_count(0)
    reader.goto(health.address("wishes"))
    take_back(care, writer)
    scene[HEALTH].sync()
    # What they had open is given up; opened again it is gone, with the reason.
    reader.goto(health.address("wishes"))
    says(reader, "it has changed since you opened it")
    reader.get_by_role("link", name="Open its picture").click()
    says(reader, ON_A_DUTY["summary"])
    says(reader, "consent")
    expect(reader.get_by_role("main")).not_to_contain_text(CONFIDED["summary"])
    reader.goto(health.address("consent"))
    says(reader, "Sharing what was told in confidence: Taken back")
    # Their second browser, and then they are kept out: no page of either shows that there is such a case.
    second = new_desktop().page
    health.sign_in(second)
    health.unlock(second)
    second.goto(health.address("consent"))
    says(second, "Taken back")
    keep_out(scene, HEALTH, "voter")
    for page in (reader, second):
        for path in ("consent", "wishes", "strategy", "picture?purpose=panel_review"):
            page.goto(health.address(path))
            says(page, "Page not found")
        page.goto(f"{health.served.origin}/")
        expect(page.get_by_role("main")).not_to_contain_text(scene.main[:8])


def test_somebody_removed_while_a_page_is_open_finds_nothing_next(
    offices: tuple[OfficeOf, OfficeOf], new_desktop: NewDesktop
) -> None:
    care, health = offices
    scene = care.scene
    reader = new_desktop().page
    health.sign_in(reader)
    health.unlock(reader)
    reader.goto(health.picture)
    reader.goto(health.address("strategy"))
    says(reader, "Strategy discussion")
    party = scene[CARE]
    party.sync()
    listed = party.book.load(scene.main).standing.effective.members
    party.book.change_members(scene.main, [item for item in listed if item.member != health.member])
    scene[HEALTH].sync()
    for path in ("strategy", "consent", "wishes"):
        reader.goto(health.address(path))
        says(reader, "Page not found")


def test_a_strategy_discussion_is_called_together_and_recorded(
    offices: tuple[OfficeOf, OfficeOf], new_desktop: NewDesktop
) -> None:
    """The pages of wishes and of strategy discussions, narrow and wide, with what is wrong and with what was kept."""
    care, _ = offices
    page = new_desktop().page
    care.sign_in(page)
    care.unlock(page)
    page.goto(care.address("wishes"))
    looked_at(page, "wishes")
    page.get_by_role("button", name="Keep as a draft").click()
    says(page, "Say whether the child was heard")
    looked_at(page, "wishes-wrong")
    page.goto(care.address("strategy"))
    looked_at(page, "strategy")
    page.get_by_role("button", name="Call one together").click()
    looked_at(page, "strategy-convene")
    page.goto(care.address("strategy/record"))
    looked_at(page, "strategy-record")
    page.get_by_label("Which place?").first.fill("A shared house")
    page.get_by_label("Cost", exact=True).first.check()
    page.get_by_role("button", name="Keep as a draft").click()
    says(page, "Age and cost are never the only reasons.")
    looked_at(page, "strategy-record-wrong")
