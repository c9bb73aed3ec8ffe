"""Attack 86, what happens by itself: a lead's keys alone give a newcomer nothing that asks for its originator's word.

The lead adds people of its own, and others add theirs; every adapter then grants again as it runs. What is marked
handling C, no onward, recipients only or consult the originator reaches nobody who did not have it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.release.drafts import list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store import grants_of_case, own_channels
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Role
from tests.rekeying import certify_roles, rekey_reading
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, bundle, now

MARKS: tuple[dict[str, Any], ...] = (
    {"code": "C", "instructions": []},
    {"code": "C", "instructions": ["consult_originator"]},
    {"code": "P", "instructions": ["consult_originator"]},
    {"code": "P", "instructions": ["no_onward"]},
    {"code": "P", "instructions": ["recipients_only"]},
    {"code": "P", "instructions": ["no_onward", "not_to_family"]},
)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """Everything marked, and one fragment that is not, released by the police to everybody who takes part."""
    embedded.witness()
    police = embedded[POLICE]
    for number, mark in enumerate(MARKS):
        police.write(embedded.main, {"kind": "concern", "summary": f"Marked {number}", "fields": {}, "handling": mark})
    terms = ReleaseTerms(REVIEW, originator_release=True)
    police.releaser.release(embedded.main, list_drafts(police.store, embedded.main), terms)
    assert police.outbox.push_all().refused == 0
    embedded.witness()
    return embedded


def regrant_everywhere(scene: Scene) -> None:
    """What every agency's adapter does by itself when it next runs."""
    for party in scene.parties.values():
        party.follower.sync()
        Regranter(party.store, party.book, bundle()).run(party.follower.sync_cases())


def add(scene: Scene, agency: str, label: str, *roles: Role) -> None:
    certify_roles(scene, agency, label, *roles)
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    until = (now() + timedelta(days=30)).replace(microsecond=0)
    new = Member(AgencyId(agency), MemberId(scene[agency].people[label]), roles, until)
    care.book.change_members(scene.main, [item for item in listed if item.member != new.member] + [new])
    if agency != CARE:
        scene[agency].sync()
        scene[agency].book.accept(scene.main)
    scene.witness()


def opened(scene: Scene, agency: str, label: str) -> list[str]:
    scene[agency].sync()
    return sorted(str(item.content["summary"]) for item in scene[agency].pull(scene.main, label, REVIEW).view.opened)


def granted(party: Party, case: str, member: str) -> int:
    """How many grants an originator's own record has for somebody."""
    with party.store.write() as session:
        theirs = {row.channel for row in own_channels(session, case) if row.recipient_member == member}
        return sum(row.channel in theirs for row in grants_of_case(session, case))


ALL_MARKED = [f"Marked {number}" for number in range(len(MARKS))]


def test_attack_86_a_newcomer_is_granted_nothing_that_asks_for_a_word(scene: Scene) -> None:
    """Those who were there read all of it; somebody added since reads what is not marked, however often all run."""
    assert set(ALL_MARKED) <= set(opened(scene, HEALTH, "voter"))
    add(scene, CHARITY, "worker", Role.PANEL_VOTING)
    for _ in range(2):
        regrant_everywhere(scene)
    assert not set(ALL_MARKED) & set(opened(scene, CHARITY, "worker"))
    assert len(opened(scene, CHARITY, "worker")) == 2
    assert granted(scene[POLICE], scene.main, scene[CHARITY].people["worker"]) == 1


def test_attack_86_nor_after_a_change_of_the_newcomers_keys(scene: Scene) -> None:
    """A new key is granted what the person had, and the newcomer never had it."""
    add(scene, CHARITY, "worker", Role.PANEL_VOTING)
    regrant_everywhere(scene)
    for reason in ("superseded", "lost"):
        rekey_reading(scene, CHARITY, "worker", reason)
        regrant_everywhere(scene)
        assert not set(ALL_MARKED) & set(opened(scene, CHARITY, "worker"))


def test_attack_86_nor_to_a_wider_role_of_the_leads_own_person(scene: Scene) -> None:
    """The lead takes its own person out, and in again under another role with another key: that person had it before,
    and has no more than that; what the police had given them stays theirs, what it gives newcomers is no more."""
    lead = scene[CARE].people["lead"]
    before = granted(scene[POLICE], scene.main, lead)
    assert before == 1 + len(MARKS)
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.member != lead])
    scene.witness()
    regrant_everywhere(scene)
    rekey_reading(scene, CARE, "lead", "left")
    add(scene, CARE, "lead", Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)
    regrant_everywhere(scene)
    assert not set(ALL_MARKED) & set(opened(scene, CARE, "lead"))


def test_attack_86_who_had_it_has_it_again_after_a_loss(scene: Scene) -> None:
    """The rule takes nothing from those whom the originator had given it to."""
    everything = opened(scene, HEALTH, "voter")
    rekey_reading(scene, HEALTH, "voter", "lost")
    assert opened(scene, HEALTH, "voter") == []
    regrant_everywhere(scene)
    assert opened(scene, HEALTH, "voter") == everything
