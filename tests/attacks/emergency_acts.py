"""What tests do in an emergency: cut the witnesses, ask, sign as the second person, review."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.emergencies import plan_review
from adapters.release.authored import Author, SourceKind, statement_detail
from adapters.release.drafts import keep_authored
from adapters.release.emergency import EmergencyReleaser, Waiting, Wanted
from adapters.release.outbox import PushReport
from keys.private import PrivateKey
from keys.statements import StatementType
from policies.break_glass import ReviewOutcome
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category, Purpose, Role
from tests.attacks.exclusion_acts import Signer, hear, key_of, person
from tests.attacks.test_step2_membership import loaded
from tests.bundle_acts import Officer, certify_officer
from tests.scene import CARE, HEALTH, POLICE, Scene, now

CHAIR: Signer = (POLICE, "chair")
CONSTABLE: Signer = (POLICE, "constable")
SAFE = Purpose.SAFEGUARDING
UNTIL = (now() + timedelta(days=30)).replace(microsecond=0)
WORDS = "Whoever holds the child now knows the address; it cannot wait until morning"
NOTE = {"kind": "concern", "summary": "An invented address of now", "fields": {}}
AWAY = timedelta(minutes=11)
"""So long after the witnesses were last heard nothing may be widened."""


class Clock:
    """Everybody's time, moved by a test."""

    def __init__(self) -> None:
        self.later = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.later


@dataclass
class Night:
    """The scene while the witnesses are away. In ``main`` the police have two people, the hospital an officer."""

    scene: Scene
    clock: Clock
    officer: Officer
    extra: dict[str, Officer] = field(default_factory=dict)

    @property
    def case(self) -> str:
        """The case of all."""
        return self.scene.main

    def releaser(self, agency: str = POLICE) -> EmergencyReleaser:
        """What releases in an emergency at an agency."""
        party = self.scene[agency]
        return EmergencyReleaser(party.releaser, party.outbox)

    def sync(self, agency: str = POLICE) -> None:
        """Take in what the hub shows, as a command does first."""
        self.scene[agency].sync()

    def draft(self, agency: str = POLICE, **content: Any) -> str:
        """Keep a draft of something that cannot wait."""
        return keep_authored(self.scene[agency].store, self.case, Category.CONCERN, {**NOTE, **content}, self.clock())

    def wanted(self, *drafts: str, agency: str = POLICE, only: tuple[str, ...] = ()) -> Wanted:
        """Ask for drafts, with words that say why."""
        by = Author("panel_chair", "Detective", self.clock())
        content = statement_detail(
            by, statement_kind="emergency", words=WORDS, source_kind=SourceKind.PROFESSIONAL_OBSERVATION
        )
        party = self.scene[agency]
        why = keep_authored(party.store, self.case, Category.STATEMENT_DETAIL, content, self.clock())
        return Wanted(drafts or (self.draft(agency),), why, SAFE, only=only)

    def ask(self, wanted: Wanted | None = None, first: Signer = CHAIR) -> Waiting:
        """Ask as the first person."""
        self.sync(first[0])
        party = self.scene[first[0]]
        wanted = wanted or self.wanted(agency=first[0])
        return self.releaser(first[0]).ask(self.case, wanted, person(self.scene, first), key_of(party, first[1]))

    def release(
        self, waiting: Waiting, second: Signer = CONSTABLE, key: PrivateKey | None = None
    ) -> tuple[str, PushReport]:
        """Sign as the second person, and release."""
        self.sync(waiting.asked.person[0])
        party = self.scene[second[0]]
        signer = key or key_of(party, second[1])
        return self.releaser(waiting.asked.person[0]).release(waiting, person(self.scene, second), signer)

    def both(self) -> str:
        """Two people release; return the digest."""
        digest, report = self.release(self.ask())
        assert report.refused == 0, report.problems
        return digest

    def review(self, digest: str, outcome: ReviewOutcome = ReviewOutcome.JUSTIFIED) -> None:
        """The hospital's officer looks at it."""
        party = self.scene[HEALTH]
        party.follower.sync_cases()
        verified = party.book.load(self.case)
        found = verified.in_emergency.find(digest)
        assert found is not None
        word = plan_review(verified, (HEALTH, self.officer.member), found, outcome, at=self.clock())
        party.book.send(StatementType.EMERGENCY_REVIEW, word.members, self.officer.signing)
        hear(self.scene)

    def read_by(self, who: Signer) -> set[str]:
        """What somebody reads, by summary."""
        return {item.content["summary"] for item in self.scene[who[0]].pull(self.case, who[1], SAFE).view.opened}

    def count(self, table: str) -> int:
        """How many rows the hub has in a table."""
        found: int = self.scene.sql(f'SELECT COUNT(*) FROM "{table}"')[0][0]
        return found


def prepare(make_scene: Callable[[], Scene]) -> Night:
    """A copy whose case has two people of the police and an officer of the hospital; the witnesses are there."""
    clock = Clock()
    scene = make_scene().embed(clock=clock)
    scene.witness()
    officer = certify_officer(scene, HEALTH)
    scene.witness()
    remaining = loaded(scene, CARE, scene.main).standing.remaining.members
    people = [
        Member(AgencyId(POLICE), MemberId(scene[POLICE].people["constable"]), (Role.PRACTITIONER,), UNTIL),
        Member(AgencyId(HEALTH), MemberId(officer.member), (Role.IG_OFFICER,), UNTIL),
    ]
    scene[CARE].book.change_members(scene.main, [*remaining, *people])
    for name in (POLICE, HEALTH):
        scene[name].follower.sync_cases()
        scene[name].book.accept(scene.main)
    scene.witness()
    return Night(scene, clock, officer)


def at_night(make_scene: Callable[[], Scene]) -> Night:
    """The same once the witnesses are away for longer than ten minutes."""
    night = prepare(make_scene)
    night.clock.later += AWAY
    return night
