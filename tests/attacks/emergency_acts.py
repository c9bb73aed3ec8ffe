"""What tests do in an emergency: cut the witnesses, ask, sign as the second person, review."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.emergencies import plan_review
from adapters.release.authored import Author, SourceKind, statement_detail
from adapters.release.drafts import keep_authored
from adapters.release.emergency import EmergencyReleaser, Waiting, Wanted
from adapters.release.outbox import Outbox, PushReport
from adapters.store.rows import pending_lines
from keys.jose import statement_digest
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement, peek
from policies.break_glass import ReviewOutcome
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Category, Purpose, Role
from tests.attacks.exclusion_acts import Signer, hear, key_of, person
from tests.attacks.test_step2_membership import loaded
from tests.bundle_acts import Officer, certify_officer
from tests.scene import CARE, HEALTH, POLICE, Scene, copy, now

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


@dataclass(frozen=True)
class Signed:
    """Somebody who signs, with the key they do it with."""

    agency: str
    member: str
    key: PrivateKey


def statement_of(kind: StatementType, members: dict[str, Any], by: Signed, at: datetime) -> str:
    return make_statement(
        kind,
        members,
        issuer=by.agency,
        signer=by.key,
        issued_at=at,
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def under(lines: list[dict[str, Any]], token: str) -> list[dict[str, Any]]:
    """The same lines under another emergency release."""
    changed = []
    for line in lines:
        if line["type"] == "emergency":
            line = {**line, "statement": token}
        elif "emergency" in line:
            line = {**line, "emergency": statement_digest(token)}
        changed.append(line)
    return changed


@dataclass
class Night:
    """The scene while the witnesses are away. In ``main`` the police have two people, the hospital an officer."""

    scene: Scene
    clock: Clock
    officer: Officer
    adviser: Officer

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
        fields = {"number": os.urandom(4).hex()}
        said = {**NOTE, "fields": fields, **content}
        return keep_authored(self.scene[agency].store, self.case, Category.CONCERN, said, self.clock())

    def wanted(self, *drafts: str, agency: str = POLICE, only: tuple[str, ...] = ()) -> Wanted:
        """Ask for drafts, with words that say why."""
        by = Author(Role.PANEL_CHAIR, "Detective", self.clock())
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
        word = plan_review(verified, (HEALTH, self.officer.member), found, outcome, at=self.clock())
        party.book.send(StatementType.EMERGENCY_REVIEW, word.members, self.officer.signing)
        hear(self.scene)

    def lines(self, monkeypatch: pytest.MonkeyPatch, waiting: Waiting | None = None) -> list[dict[str, Any]]:
        """What an emergency release would push: the lines as made, none of them sent."""
        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "push_case", lambda *_: PushReport())
            self.release(waiting or self.ask())
        return self.lines_pending()

    def lines_pending(self) -> list[dict[str, Any]]:
        """What the police's adapter would push next."""
        with self.scene[POLICE].store.write() as session:
            return [json.loads(row.line) for row in pending_lines(session, self.case, 1_000)]

    def signed(self, waiting: Waiting, first: Signed, second: Signed, **changed: Any) -> str:
        """Both statements as no adapter would make them: signed by whoever is given, with what is changed."""
        at, said = self.clock(), dict(peek(waiting.token).members)
        said |= {name: item for name, item in changed.items() if name in said} | {"member": first.member}
        asked = statement_of(StatementType.EMERGENCY, said, first, changed.get("asked_at", at))
        joined = {"case": said["case"], "member": second.member, "membership": said["membership"], "emergency": asked}
        return statement_of(StatementType.EMERGENCY_CONFIRMATION, joined, second, changed.get("at", at))

    def signer(self, who: Signer) -> Signed:
        """Somebody with their key."""
        return Signed(*person(self.scene, who), key_of(self.scene[who[0]], who[1]))

    def push(self, lines: list[dict[str, Any]], agency: str = POLICE) -> list[str]:
        """Push lines behind the adapter's back; return for each what came of it: accepted, repeated, or the code."""
        answers = self.scene[agency].client.post_lines(f"/v1/cases/{self.case}/push", lines)
        statuses = [item for item in answers if "status" in item]
        return [
            str(item["problem"]["type"]).rsplit(":", 1)[-1] if item["status"] == "refused" else str(item["status"])
            for item in statuses
        ]

    def read_by(self, who: Signer) -> set[str]:
        """What somebody reads, by summary."""
        return {item.content["summary"] for item in self.scene[who[0]].pull(self.case, who[1], SAFE).view.opened}

    def count(self, table: str) -> int:
        """How many rows the hub has in a table."""
        found: int = self.scene.sql(f'SELECT COUNT(*) FROM "{table}"')[0][0]
        return found


def prepare(make_scene: Callable[[], Scene], ends: datetime | None = None) -> Night:
    """A copy whose case has two people of the police and an officer of the hospital; the witnesses are there.

    ``ends``: when the constable's part in it does.
    """
    clock = Clock()
    scene = make_scene().embed(clock=clock)
    scene.witness()
    officer, adviser = certify_officer(scene, HEALTH), certify_officer(scene, POLICE, Role.PANEL_ADVISER)
    scene[POLICE].people["adviser"] = adviser.member
    scene.witness()
    remaining = loaded(scene, CARE, scene.main).standing.remaining.members
    people = [
        Member(AgencyId(POLICE), MemberId(scene[POLICE].people["constable"]), (Role.PRACTITIONER,), ends or UNTIL),
        Member(AgencyId(POLICE), MemberId(adviser.member), (Role.PANEL_ADVISER,), UNTIL),
        Member(AgencyId(HEALTH), MemberId(officer.member), (Role.IG_OFFICER,), UNTIL),
    ]
    scene[CARE].book.change_members(scene.main, [*remaining, *people])
    for name in (POLICE, HEALTH):
        scene[name].follower.sync_cases()
        scene[name].book.accept(scene.main)
    scene.witness()
    return Night(scene, clock, officer, adviser)


@dataclass(frozen=True)
class Prepared:
    """A night that was prepared and stopped, to be copied."""

    folder: Path
    officer: Officer
    adviser: Officer

    def copy(self, folder: Path) -> Night:
        """A copy of its own, once the witnesses are away for longer than ten minutes."""
        clock = Clock()
        clock.later = AWAY
        scene = copy(self.folder, folder).embed(clock=clock)
        scene[POLICE].people["adviser"] = self.adviser.member
        return Night(scene, clock, self.officer, self.adviser)


def prepared(make_scene: Callable[[], Scene], ends: datetime | None = None) -> Prepared:
    """Prepare once what many tests copy."""
    night = prepare(make_scene, ends)
    night.scene.stop()
    return Prepared(night.scene.hub.home.parent, night.officer, night.adviser)
