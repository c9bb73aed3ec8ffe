"""Attack 86, what happens by itself: a lead's keys alone give a newcomer nothing that asks for its originator's word.

The lead adds people of its own, and others add theirs; every adapter then grants again as it runs. What is marked
handling C, no onward, recipients only or consult the originator reaches nobody who did not have it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.release.drafts import list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store.rows import grants_of_case, own_channels
from hub.exchange import pulling
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


# --- out of the case, and back with the same key ---


def take_out(scene: Scene, member: str) -> Member:
    """Have the lead list a case without a person, and everybody run; return the entry they had."""
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.member != member])
    scene.witness()
    regrant_everywhere(scene)
    return next(item for item in listed if item.member == member)


def list_again(scene: Scene, entry: Member) -> None:
    """Have the lead list a person as they were, or otherwise, and their agency accept it."""
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.member != entry.member] + [entry])
    scene[entry.agency].sync()
    scene[entry.agency].book.accept(scene.main)
    scene.witness()


def test_attack_86_who_was_taken_out_and_is_back_with_the_same_key_is_somebody_new(scene: Scene) -> None:
    """The old channel and its grants are still there: the hub serves none of them, nobody counts them as missing."""
    voter, police = scene[HEALTH].people["voter"], scene[POLICE]
    everything = opened(scene, HEALTH, "voter")
    assert set(ALL_MARKED) <= set(everything)
    list_again(scene, take_out(scene, voter))
    scene[HEALTH].sync()
    view = scene[HEALTH].pull(scene.main, "voter", REVIEW).view
    assert (view.opened, view.refused, view.withheld_by_hub, view.unverified, view.not_given) == ((), (), (), (), ())
    assert {item.agency for item in view.awaited} == {CARE, POLICE}
    for _ in range(2):
        regrant_everywhere(scene)
    scene[HEALTH].sync()
    view = scene[HEALTH].pull(scene.main, "voter", REVIEW).view
    assert sorted(str(item.content["summary"]) for item in view.opened) == sorted(set(everything) - set(ALL_MARKED))
    assert (view.refused, view.withheld_by_hub, view.unverified, view.awaited) == ((), (), (), ())
    assert [(item.agency, item.count) for item in view.not_given] == [(POLICE, len(MARKS))]
    # Whom its originator has not asked about is named to a person there, who can give it again by the same channel.
    plan = Regranter(police.store, police.book, bundle()).plan(scene.main)
    (waiting,) = [item for item in plan.waiting if item.recipient.member == voter]
    assert not waiting.is_due
    assert len(waiting.by_hand) == len(MARKS)
    drafts = [item for item in list_drafts(police.store, scene.main) if item.draft == waiting.by_hand[0].draft]
    terms = ReleaseTerms(REVIEW, originator_release=True, only=frozenset([voter]))
    police.releaser.release(scene.main, drafts, terms)
    assert police.outbox.push_all().refused == 0
    assert str(drafts[0].content["summary"]) in opened(scene, HEALTH, "voter")


def test_attack_86_nor_does_another_key_bring_it_back_to_who_was_out(scene: Scene) -> None:
    voter = scene[HEALTH].people["voter"]
    entry = take_out(scene, voter)
    list_again(scene, entry)
    rekey_reading(scene, HEALTH, "voter", "lost")
    regrant_everywhere(scene)
    assert len(opened(scene, HEALTH, "voter")) == 2
    assert not set(ALL_MARKED) & set(opened(scene, HEALTH, "voter"))


def test_attack_86_nor_does_leaving_and_being_listed_again(scene: Scene) -> None:
    """A departure is the end of it too, also where each membership on its own lists the person."""
    from adapters.membership import plan_departure

    voter, health, care = scene[HEALTH].people["voter"], scene[HEALTH], scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    health.book.make(plan_departure(health.book.load(scene.main).standing, HEALTH, [voter]))
    scene.witness()
    care.sync()
    list_again(scene, next(item for item in listed if item.member == voter))
    assert opened(scene, HEALTH, "voter") == []
    regrant_everywhere(scene)
    assert not set(ALL_MARKED) & set(opened(scene, HEALTH, "voter"))


def test_a_changed_entry_takes_nothing_from_its_person(scene: Scene) -> None:
    """Neither a shorter time nor other roles are the end of it: what was granted stays, the policy decides on it."""
    voter = scene[HEALTH].people["voter"]
    everything = opened(scene, HEALTH, "voter")
    entry = scene[CARE].book.load(scene.main).state.membership.find_member(HEALTH, voter)
    assert entry is not None
    for until in (entry.until - timedelta(days=9), entry.until):
        list_again(scene, replace(entry, until=until))
        assert opened(scene, HEALTH, "voter") == everything


def test_attack_86_a_hub_that_serves_it_all_the_same_opens_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader's own adapter knows which disclosures are from before, and so does what it had kept from then."""
    voter, health = scene[HEALTH].people["voter"], scene[HEALTH]
    list_again(scene, take_out(scene, voter))
    monkeypatch.setattr(pulling, "_in_since", lambda *_: -1)
    health.sync()
    view = health.pull(scene.main, "voter", REVIEW).view
    assert view.opened == ()
    assert len(view.refused) == len(MARKS) + 2
    assert {item.rules for item in view.refused} == {("membership-active",)}
    # What came was not kept either.
    again = health.receiver.reopen(scene.main, voter, health.member_keys["voter"], REVIEW).view
    assert (again.opened, len(again.refused)) == ((), len(MARKS) + 2)


def test_attack_86_what_was_pulled_before_is_deleted_once_its_reader_is_back(scene: Scene) -> None:
    """Out and in again between two looks at the log: what is kept from before goes as it would have at the first."""
    voter, health = scene[HEALTH].people["voter"], scene[HEALTH]
    before = len(opened(scene, HEALTH, "voter"))
    care = scene[CARE]
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.member != voter])
    scene.witness()
    list_again(scene, next(item for item in listed if item.member == voter))
    health.receiver.drop_refused(scene.main)
    (kept,) = [health.receiver.inbox.load(scene.main, *reader) for reader in health.receiver.inbox.readers(scene.main)]
    assert len(kept.dropped) == before
    assert not [line for line in kept.lines if line["type"] == "fragment"]
