"""What tests do with exclusions: say one, confirm it, each with the key of a person of the scene."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from adapters.excluding import Saying, plan_add, plan_confirmation
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.exclusions import Person
from policies.model import render_time
from tests.scene import CARE, HEALTH, Party, Scene

Signer = tuple[str, str]
"""An agency and the label of one of its people."""
LEAD: Signer = (CARE, "lead")
VOTER: Signer = (HEALTH, "voter")


def person(scene: Scene, who: Signer) -> Person:
    """Somebody's agency and opaque id."""
    return who[0], scene[who[0]].people[who[1]]


def key_of(party: Party, label: str) -> PrivateKey:
    """The key somebody signs with."""
    found: PrivateKey = party.member_keys[label].keys[KeyUse.MEMBER_SIGNING.value]
    return found


def say(scene: Scene, who: Signer, saying: Saying) -> str:
    """Send a word as the adapter does; return its digest."""
    party = scene[who[0]]
    return party.book.send(saying.kind, saying.members, key_of(party, who[1])).digest


def propose(scene: Scene, case: str, excluded: Person, first: Signer = LEAD, days: int = 14) -> str:
    """Somebody's first word; return its digest."""
    party = scene[first[0]]
    party.follower.sync_cases()
    me, at = person(scene, first), party.clock()
    return say(scene, first, plan_add(party.book.load(case), me, excluded, days=days, at=at, detail=None))


def confirm(scene: Scene, case: str, digest: str, second: Signer = VOTER) -> str:
    """Somebody's second word."""
    party = scene[second[0]]
    party.follower.sync_cases()
    verified = party.book.load(case)
    said = next(item for item in verified.members.kept_out.proposals if item.digest == digest)
    return say(scene, second, plan_confirmation(verified, person(scene, second), said, None, at=party.clock()))


def exclude(
    scene: Scene, case: str, excluded: Person, first: Signer = LEAD, second: Signer = VOTER, days: int = 14
) -> str:
    """Two people keep somebody out; every agency hears of it. Return the exclusion's id."""
    confirm(scene, case, propose(scene, case, excluded, first, days), second)
    hear(scene)
    return scene[first[0]].book.load(case).members.kept_out.held[-1].exclusion


def hear(scene: Scene) -> None:
    """Let every agency's adapter take in its cases and tidy up, as its watch does."""
    for party in scene.parties.values():
        for case in party.follower.sync_cases():
            party.receiver.drop_refused(case)


def by_hand(
    scene: Scene,
    case: str,
    who: Signer,
    kind: StatementType,
    *,
    at: datetime | None = None,
    key: PrivateKey | None = None,
    **said: Any,
) -> str:
    """A word that no adapter would make, signed all the same."""
    party = scene[who[0]]
    issued = at or party.clock()
    members: dict[str, Any] = {"case": case, "member": party.people[who[1]], **said}
    members.setdefault("membership", scene[CARE].book.load(case).standing.digest)
    if kind is StatementType.EXCLUSION:
        members = {
            "act": "add",
            "exclusion": os.urandom(16).hex(),
            "until": render_time(issued + timedelta(days=14)),
            "detail": None,
            **members,
        }
        agency, member = members["excluded"]
        members["excluded"] = {"agency": agency, "member": member}
    return make_statement(
        kind,
        members,
        issuer=who[0],
        signer=key or key_of(party, who[1]),
        issued_at=issued,
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
