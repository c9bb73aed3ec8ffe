"""The whole journey, as one story in real browsers: a hub in its own process over HTTP, the adapters of three agencies.

A practitioner releases records from a file; a panel member of another agency reads, asks and is answered; the child
takes their agreement back meanwhile; somebody is taken out while their page is open; somebody is kept out, in both of
their browsers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from adapters.excluding import plan_add
from adapters.release.authored import subject_card
from adapters.release.writing import Author
from policies.vocabulary import Category, Role
from tests.adapters.workspace.desk import Vouched
from tests.attacks.exclusion_acts import confirm, hear, person, say
from tests.browser.chromium import REPOSITORY, Desktop, assert_no_axe_violations
from tests.browser.journey_steps import agree, answer, ask, bring_in, looked_at, release, says, says_not, take_back
from tests.browser.two_offices import OfficeOf, offices, opened_keys_only
from tests.browser.workspace import ONE_FACTOR
from tests.scene import CARE, HEALTH, POLICE, Scene, now

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]
WHO = ((CARE, "lead"), (HEALTH, "voter"), (POLICE, "chair"))
FILE = REPOSITORY / "demo" / "files" / "charity-htcds.xlsx"
FIRST, FAMILY, BORN = "Juniper", "Madeup", "2012-05-17"
CONFIDED = "Made to sell drugs in another town to pay off a debt"
"""What the child told, in the file: shared because they agreed. It stands on the page of its record."""
SCHOOL = "Exampleton School"
"""That record, as the picture names it."""
ON_A_DUTY = "PhysicalAbuse"
WHAT = "Has the child been seen at the invented address since Monday?"
ANSWER = "She was seen on Tuesday by a duty social worker (invented)."
AFTER_MS = 16_000
PAGES = ("consent", "wishes", "strategy", "requests", "picture?purpose=panel_review")


@dataclass
class Town:
    """The three workspaces. ``scene`` is everything behind them."""

    scene: Scene
    care: OfficeOf
    health: OfficeOf
    police: OfficeOf

    def hear(self) -> None:
        """Witnesses see the log's head and every agency takes in what came, as their processes do within seconds."""
        self.scene.witness()


@pytest.fixture
def town(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Town]:
    """A hub in its own process, whose case says who it is about; nobody has signed in."""
    with opened_keys_only():
        scene = make_scene().start()
        scene.witness()
        by = Author(Role.LEAD_PROFESSIONAL, "social worker", now())
        card = subject_card(by, first_name=FIRST, family_name=FAMILY, birth_date=BORN, about="An invented child")
        scene[CARE].write(scene.main, card, category=Category.SUBJECT_CARD)
        scene[CARE].release(scene.main)
        assert scene[CARE].outbox.push_all().refused == 0
        scene.witness()
        with offices(scene, scene_source, WHO) as (care, health, police):
            yield Town(scene, care, health, police)


def come_in(office: OfficeOf, page: Page) -> None:
    """Sign in with two factors, unlock with the passphrase."""
    office.sign_in(page)
    office.unlock(page)


def come_in_with_a_passkey(office: OfficeOf, desktop: Desktop) -> None:
    """Make a passkey once; then it is the second factor of one who signs in with a password, and it unlocks the key."""
    page = desktop.page
    desktop.plug_in()
    come_in(office, page)
    office.add_passkey(page, "blue key")
    office.sign_out(page)
    office.who = ONE_FACTOR
    office.sign_in(page)
    office.use_passkey(page)
    page.wait_for_url(f"{office.served.origin}/")
    office.who = Vouched()


def releases_from_a_file(town: Town, page: Page) -> None:
    """The practitioner: the child's agreement, the file, its findings, whose it is, review, two releases."""
    office = town.care
    page.goto(office.picture)
    says(page, FIRST)
    agree(office, page)
    town.hear()
    page.goto(office.picture)
    bring_in(office, page, FILE, f"{FIRST} {FAMILY}")
    for words in ("Sheet1!M3#2", "PhysicalAbuse may be the indicator CTL10; a person decides"):
        says(page, words)
    looked_at(page, "whole-findings")
    page.goto(office.address("drafts"))
    says(page, CONFIDED)
    says_not(page, "Notreal")
    release(office, page, ("Service",), gateway="CLDC_CONSENT", name="whole")
    release(office, page, ("Concern",))
    town.hear()


def keep_out(scene: Scene, agency: str, label: str) -> None:
    """The panel's chair proposes it and the lead confirms; every agency hears."""
    party, me = scene[POLICE], person(scene, (POLICE, "chair"))
    party.follower.sync_cases()
    kept_out = person(scene, (agency, label))
    plan = plan_add(party.book.load(scene.main), me, kept_out, days=14, at=party.clock(), detail=None)
    confirm(scene, scene.main, say(scene, (POLICE, "chair"), plan), (CARE, "lead"))
    hear(scene)


def is_closed(page: Page) -> None:
    """The page that stood open takes itself away when its script asks next."""
    page.clock.run_for(AFTER_MS)
    expect(page.get_by_role("heading", name="This page is closed")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("does not list you any more")
    says_not(page, ANSWER)
    says_not(page, ON_A_DUTY)


def finds_nothing(office: OfficeOf, page: Page) -> None:
    """No page shows that there is such a case."""
    for path in PAGES:
        page.goto(office.address(path))
        says(page, "Page not found")
    page.goto(f"{office.served.origin}/")
    says_not(page, office.scene.main[:8])
    assert_no_axe_violations(page)


def test_the_whole_journey(town: Town, new_desktop: NewDesktop) -> None:
    care, health, police, scene = town.care, town.health, town.police, town.scene
    practitioner, reader = new_desktop(), new_desktop().page
    writer = practitioner.page
    # 1. A practitioner signs in, unlocks with a passkey, releases records from a file.
    come_in_with_a_passkey(care, practitioner)
    releases_from_a_file(town, writer)
    # 2. A panel member of another agency signs in, unlocks, reads, asks.
    reader.clock.install()
    come_in(health, reader)
    reader.goto(health.picture)
    says(reader, ON_A_DUTY)
    reader.locator("#chronology ~ * tr", has_text=SCHOOL).get_by_role("link").last.click()
    says(reader, CONFIDED)
    reader.goto(health.address("consent"))
    says(reader, "Sharing what was told in confidence: Agreed")
    expect(reader.get_by_role("button", name="They take their agreement back")).to_have_count(0)
    ask(health, reader, "Fernshire social care", WHAT)
    town.hear()
    # 3. Consent is taken back in between: what they had open is given up; opened again, it is gone, with the reason.
    reader.goto(health.address("wishes"))
    take_back(care, writer, ends=1)
    scene[HEALTH].sync()
    reader.goto(health.address("wishes"))
    says(reader, "it has changed since you opened it")
    reader.get_by_role("link", name="Open its picture").click()
    says(reader, ON_A_DUTY)
    says(reader, "consent")
    says_not(reader, SCHOOL)
    reader.goto(health.address("consent"))
    says(reader, "Sharing what was told in confidence: Taken back")
    # 4. The answer is given, with the keyboard alone, and read.
    writer.goto(care.picture)
    answer(care, writer, WHAT, ANSWER)
    town.hear()
    reader.goto(health.picture)
    reader.goto(health.address("requests"))
    says(reader, ANSWER)
    says(reader, "Answered")
    looked_at(reader, "answered")
    # 5. The panel member is kept out: the page that stood open, and all of their second browser.
    second = new_desktop().page
    second.clock.install()
    come_in(health, second)
    second.goto(health.picture)
    says(second, ON_A_DUTY)
    keep_out(scene, HEALTH, "voter")
    for page in (reader, second):
        is_closed(page)
        finds_nothing(health, page)
    # 6. The chair is taken out of the case while a page of it is open.
    chair = new_desktop().page
    chair.clock.install()
    come_in(police, chair)
    chair.goto(police.picture)
    says(chair, ON_A_DUTY)
    listed = scene[CARE].book.load(scene.main).standing.effective.members
    scene[CARE].book.change_members(scene.main, [item for item in listed if item.member != police.member])
    scene[POLICE].sync()
    is_closed(chair)
    finds_nothing(police, chair)
    # What happened stands in the log, in the order in which it did; each opening is an entry.
    told = re.sub(r"(viewed )+", "viewed ", " ".join(scene.log_types(scene.main)))
    assert re.search("consent .*viewed .*consent .*viewed .*exclusion .*viewed .*membership", told), told
