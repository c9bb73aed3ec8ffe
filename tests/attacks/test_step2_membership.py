"""Attacks on who takes part in a case, by number: 20 (removed and still reading), 21 (replayed back in), 86 (the lead).

With nothing but what the attacker has: old messages, or the lead's own keys. What is asked over HTTP is asked of a hub
process; what only the statements decide, of the same application inside the test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseRefused, VerifiedCase, verify_case
from adapters.hub_client import HubRefused
from adapters.membership import plan_addition, plan_endorsement, plan_hand_over
from adapters.release.drafts import DraftState, list_drafts
from adapters.release.releasing import Released, ReleaseTerms
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import AgencyKind, Category, Purpose, Role
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
CARD = {"kind": "subject_card", "summary": "An invented card", "fields": {}}
INVITED = ((AgencyId(CHARITY), AgencyKind.CHARITY),)
UNTIL = (now() + timedelta(days=30)).replace(microsecond=0)
"""One end for every list: an entry that is listed again is the very same."""
NOT_FOUND = (404, "not_found")
REPEATED = (200, "repeated")
MARKS = (
    {"code": "C", "instructions": ["consult_originator"]},
    {"code": "P", "instructions": ["no_onward"]},
    {"code": "C", "instructions": ["no_onward"]},
)


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A copy of its own, its hub a process, seen by a quorum just now. The charity takes no part in ``other``."""
    made = make_scene().start()
    made.witness()
    return made


@pytest.fixture
def inside(embedded: Scene) -> Scene:
    """The same, its hub inside the test."""
    embedded.witness()
    return embedded


# --- what an attacker has ---


def signed(
    party: Party, kind: StatementType, members: Mapping[str, Any], *, issuer: str = "", key: PrivateKey | None = None
) -> str:
    """A statement made by hand: by the agency's own key, unless the attacker has another."""
    return make_statement(
        kind,
        members,
        issuer=issuer or party.home.agency,
        signer=key or party.keys.keys[KeyUse.SIGNING.value],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def sent(party: Party, token: str) -> tuple[int, str]:
    """Bring a statement to the hub; return the status and code of its answer."""
    return answered(lambda: party.client.post("/v1/statements", {"statement": token}))


def answered(act: Callable[[], Any]) -> tuple[int, str]:
    """Return the status and code, or the answer's own ``status``."""
    try:
        answer = act()
    except HubRefused as refusal:
        return refusal.status, refusal.code
    return 200, str(answer["status"]) if isinstance(answer, dict) and "status" in answer else "given"


def pulled(party: Party, case: str, token: str) -> tuple[int, str]:
    """Bring a signed pull."""
    path, person = f"/v1/cases/{case}/pull", party.reader_of(token)
    return answered(lambda: party.client.post_for_lines(path, {"statement": token}, person))


def pull_token(party: Party, case: str, label: str | None, purpose: Purpose = REVIEW) -> str:
    """A pull signed by one of the agency's people, or (None) for its intake."""
    key = party.keys if label is None else party.member_keys[label]
    use = KeyUse.SIGNING if label is None else KeyUse.MEMBER_SIGNING
    members = {"case": case, "member": None if label is None else party.people[label], "purpose": purpose.value}
    return signed(party, StatementType.PULL, members, key=key.keys[use.value])


def worker(scene: Scene) -> Member:
    """The charity's person, as an entry."""
    return Member(AgencyId(CHARITY), MemberId(scene[CHARITY].people["worker"]), (Role.PRACTITIONER,), UNTIL)


def loaded(scene: Scene, agency: str, case: str) -> VerifiedCase:
    """The case as an agency has verified it, newest state."""
    scene[agency].follower.sync_cases()
    return scene[agency].book.load(case)


def add_charity(scene: Scene, case: str) -> str:
    """The lead lists the charity and its person; return the statement."""
    care = scene[CARE]
    return care.book.make(plan_addition(loaded(scene, CARE, case).standing, CARE, INVITED, [worker(scene)])).token


def endorse(scene: Scene, agency: str, case: str) -> str:
    """An agency endorses the newest list; return the statement."""
    return scene[agency].book.make(plan_endorsement(loaded(scene, agency, case).standing, agency)).token


def bring_in(scene: Scene, case: str) -> dict[str, str]:
    """The charity comes in as it should; return every statement it took."""
    said = {"membership": add_charity(scene, case), "endorsement": endorse(scene, POLICE, case)}
    scene[CHARITY].follower.sync_cases()
    said["acceptance"] = scene[CHARITY].book.accept(case).token
    scene.witness()
    return said


def without(scene: Scene, case: str, agency: str) -> None:
    """The lead takes an agency out."""
    care, before = scene[CARE], loaded(scene, CARE, case).standing
    new = replace(
        before.remaining,
        sequence=before.listed.sequence + 1,
        previous=before.digest,
        agencies=tuple(item for item in before.remaining.agencies if item[0] != agency),
        members=tuple(item for item in before.remaining.members if item.agency != agency),
    )
    care.book.send(StatementType.MEMBERSHIP, new.to_json())


def reached(scene: Scene, case: str, agency: str) -> int:
    """How many channels of the case lead to an agency."""
    query = 'SELECT COUNT(*) FROM channel WHERE "case" = ? AND recipient_agency = ? AND use <> ?'
    return int(scene.sql(query, case, agency, "archive")[0][0])


def granted(scene: Scene, case: str, agency: str) -> int:
    """How many grants of the case an agency holds."""
    query = 'SELECT COUNT(*) FROM "grant" g JOIN channel c ON c.channel = g.channel WHERE c."case" = ?'
    return int(scene.sql(f"{query} AND c.recipient_agency = ? AND c.use <> 'archive'", case, agency)[0][0])


# --- 20: removed, and still reading ---


def test_attack_20_a_removed_agency_reads_nothing(scene: Scene) -> None:
    """The old token, the old pull, the stored wrap, the kept pull, a push made ready: none is of use after removal."""
    health, care, case = scene[HEALTH], scene[CARE], scene.main
    assert len(health.pull(case, "voter").view.opened) == 2
    old = pull_token(health, case, "voter")
    assert pulled(health, case, old) == (200, "given")
    health.write(case, NOTE)
    health.release(case)
    before = granted(scene, case, HEALTH)
    without(scene, case, HEALTH)
    # The access token is still good: the hub asks who takes part at every request.
    for token in (old, pull_token(health, case, "voter"), pull_token(health, case, None)):
        assert pulled(health, case, token) == NOT_FOUND
    for path in (f"/v1/cases/{case}", f"/v1/cases/{case}/log"):
        assert answered(lambda path=path: health.client.get(path)) == NOT_FOUND
    assert case not in [item["case"] for item in health.client.get("/v1/cases")["cases"]]
    line = {"type": "void", "statement": "e30.e30.AA"}
    assert answered(lambda: health.client.post_lines(f"/v1/cases/{case}/push", [line])) == NOT_FOUND
    # Nothing new reaches it, whoever shares.
    scene[POLICE].follower.sync_cases()
    for party in (care, scene[POLICE]):
        assert party.share(case, NOTE).refused == 0
    assert granted(scene, case, HEALTH) == before
    # What it had kept is gone as soon as its own adapter hears of it.
    health.follower.sync_cases()
    with pytest.raises(CaseRefused, match="has ended"):
        health.receiver.reopen(case, health.people["voter"], health.member_keys["voter"], REVIEW)


def test_attack_20_a_removed_person_reads_nothing(scene: Scene) -> None:
    """The agency stays, its person does not: the same answer as for a stranger, and the kept pull opens no more."""
    health, care, case = scene[HEALTH], scene[CARE], scene.main
    assert len(health.pull(case, "voter").view.opened) == 2
    old = pull_token(health, case, "voter")
    assert pulled(health, case, old) == (200, "given")
    before = granted(scene, case, HEALTH)
    members = loaded(scene, CARE, case).state.membership.members
    care.book.change_members(case, [item for item in members if item.agency != HEALTH])
    scene.witness()
    for token in (old, pull_token(health, case, "voter")):
        assert pulled(health, case, token) == NOT_FOUND
    assert scene.log_types(case)[-2:] == ["denied", "denied"]
    assert care.share(case, NOTE).refused == 0
    assert granted(scene, case, HEALTH) == before
    kept = health.receiver.reopen(case, health.people["voter"], health.member_keys["voter"], REVIEW)
    assert (kept.view.opened, len(kept.view.refused)) == ((), 2)


@pytest.mark.parametrize("whole", [True, False])
def test_attack_20_an_agency_takes_itself_out_without_the_lead(inside: Scene, whole: bool) -> None:
    """A compromised lead cannot hold anybody in: what leaves reads nothing, whatever the lead lists next."""
    health, case = inside[HEALTH], inside.main
    people = [health.people["voter"]]
    newest = loaded(inside, HEALTH, case).standing.digest
    said = {"case": case, "membership": newest, "members": None if whole else people}
    if whole:
        others = {**said, "members": [inside[POLICE].people["chair"]]}
        assert sent(health, signed(health, StatementType.DEPARTURE, others)) == (422, "malformed")
        assert sent(inside[CARE], signed(inside[CARE], StatementType.DEPARTURE, said)) == (409, "conflict")
    assert sent(health, signed(health, StatementType.DEPARTURE, said)) == (200, "accepted")
    assert pulled(health, case, pull_token(health, case, "voter")) == NOT_FOUND
    # The lead lists everybody again: nothing of it counts.
    before = loaded(inside, CARE, case).standing
    again = {**before.listed.to_json(), "sequence": before.listed.sequence + 1, "previous": before.digest}
    assert sent(inside[CARE], signed(inside[CARE], StatementType.MEMBERSHIP, again)) == (200, "accepted")
    assert pulled(health, case, pull_token(health, case, "voter")) == NOT_FOUND
    verified = loaded(inside, POLICE, case)
    assert (HEALTH, people[0]) not in verified.state.accepted
    assert (verified.state.membership.kind_of(HEALTH) is None) is whole
    held = granted(inside, case, HEALTH)
    assert inside[POLICE].share(case, NOTE).refused == 0
    assert granted(inside, case, HEALTH) == held


# --- 21: replayed back in ---


def test_attack_21_every_old_message_replayed(scene: Scene) -> None:
    """The agency is out; everybody sends again whatever once let it in: refused or "repeated", never access."""
    charity, case = scene[CHARITY], scene.other
    said = bring_in(scene, case)
    assert scene[POLICE].share(case, NOTE).refused == 0
    old = pull_token(charity, case, "worker")
    assert pulled(charity, case, old) == (200, "given")
    without(scene, case, CHARITY)

    def replay_all() -> None:
        for name, kept in said.items():
            for agency in (CARE, POLICE, CHARITY):
                answer = sent(scene[agency], kept)
                assert answer == REPEATED or answer[0] in (403, 404, 409, 422), (name, agency, answer)
        for token in (old, pull_token(charity, case, "worker"), pull_token(charity, case, None)):
            assert pulled(charity, case, token) == NOT_FOUND
        assert answered(lambda: charity.client.get(f"/v1/cases/{case}")) == NOT_FOUND
        for agency in (CARE, POLICE, HEALTH):
            state = loaded(scene, agency, case).state
            assert state.membership.kind_of(CHARITY) is None
            assert (CHARITY, charity.people["worker"]) not in state.accepted

    entries = scene.log_types(case)
    assert [sent(scene[by], said[name]) for name, by in OWN.items()] == [REPEATED] * 3
    replay_all()
    assert scene.log_types(case) == entries
    # The lead lists it again, deceived or compromised. What was said to the list before is worth nothing for this one.
    listed = add_charity(scene, case)
    replay_all()
    first = loaded(scene, POLICE, case).membership[1].digest
    stale = {"case": case, "membership": first}
    assert sent(scene[POLICE], signed(scene[POLICE], StatementType.ENDORSEMENT, stale)) == (409, "conflict")
    entry = [worker(scene).to_json()]
    assert sent(charity, signed(charity, StatementType.ACCEPTANCE, {**stale, "members": entry})) == NOT_FOUND
    assert sent(scene[CARE], listed) == REPEATED
    # The control: endorsed and accepted anew it is in again, and not before it has accepted.
    endorse(scene, HEALTH, case)
    assert sent(charity, said["acceptance"]) == REPEATED
    assert pulled(charity, case, pull_token(charity, case, "worker")) == NOT_FOUND
    charity.follower.sync_cases()
    charity.book.accept(case)
    assert pulled(charity, case, pull_token(charity, case, "worker")) == (200, "given")


OWN = {"membership": CARE, "endorsement": POLICE, "acceptance": CHARITY}
"""Who made each of the statements with which an agency comes in."""


def test_attack_21_a_departure_is_not_undone_by_what_was_said_before(inside: Scene) -> None:
    """Left by its own statement: its own acceptance, of the very list it left, does not bring it back."""
    health, case = inside[HEALTH], inside.main
    newest = loaded(inside, HEALTH, case)
    accepted = next(item.token for item in newest.acceptances if item.issuer == HEALTH)
    ours = [item.to_json() for item in newest.state.membership.members if item.agency == HEALTH]
    said = {"case": case, "membership": newest.standing.digest}
    gone = signed(health, StatementType.DEPARTURE, {**said, "members": [health.people["voter"]]})
    assert sent(health, gone) == (200, "accepted")
    assert sent(health, accepted) == REPEATED
    assert sent(health, gone) == REPEATED
    again = signed(health, StatementType.ACCEPTANCE, {**said, "members": ours})
    assert sent(health, again) == (422, "malformed")
    assert pulled(health, case, pull_token(health, case, "voter")) == NOT_FOUND
    # A hub that took it all the same would convince nobody.
    answer = inside[POLICE].client.get(f"/v1/cases/{case}")
    answer["acceptances"].append(again)
    state = verify_case(case, answer, inside[POLICE].follower.directory()).state
    assert (HEALTH, health.people["voter"]) not in state.accepted


# --- 86: the lead's keys alone ---


def test_attack_86_the_lead_alone_brings_nobody_in(scene: Scene) -> None:
    """It lists a stranger and signs whatever it can: the stranger is answered as one, and nothing is sealed to it."""
    care, charity, case = scene[CARE], scene[CHARITY], scene.other
    assert care.share(case, NOTE).refused == 0
    add_charity(scene, case)
    standing = loaded(scene, CARE, case).standing
    assert (standing.waiting, standing.may_endorse) == (INVITED, {POLICE, HEALTH})
    said = {"case": case, "membership": standing.digest}
    own = signed(care, StatementType.ENDORSEMENT, said)
    forged = signed(care, StatementType.ENDORSEMENT, said, issuer=POLICE)
    strangers = signed(charity, StatementType.ENDORSEMENT, said)
    assert sent(care, own) == (403, "issuer")
    assert sent(care, forged) == (422, "signature")
    assert sent(charity, strangers) == NOT_FOUND
    entry = [worker(scene).to_json()]
    assert sent(charity, signed(charity, StatementType.ACCEPTANCE, {**said, "members": entry})) == NOT_FOUND
    for label in ("worker", None):
        assert pulled(charity, case, pull_token(charity, case, label)) == NOT_FOUND
    assert case not in [item["case"] for item in charity.client.get("/v1/cases")["cases"]]
    # Everybody shares, with people and with intakes: nothing is sealed to the stranger, by the lead neither.
    scene.witness()
    for agency in (CARE, POLICE, HEALTH):
        scene[agency].write(case, CARD, category=Category.SUBJECT_CARD)
        scene[agency].release(case, purpose=Purpose.SAFEGUARDING)
        assert scene[agency].outbox.push_all().refused == 0
        assert loaded(scene, agency, case).state.membership.kind_of(CHARITY) is None
    assert reached(scene, case, CHARITY) == 0
    # A hub on the lead's side that shows its endorsements convinces no adapter.
    answer = scene[POLICE].client.get(f"/v1/cases/{case}")
    directory = scene[POLICE].follower.directory()
    helped = {**answer, "endorsements": [own, strangers]}
    assert verify_case(case, helped, directory).standing.waiting == INVITED
    with pytest.raises(CaseRefused, match="not believed"):
        verify_case(case, {**answer, "endorsements": [forged]}, directory)
    # The control: with a second agency it is in.
    endorse(scene, HEALTH, case)
    assert pulled(charity, case, pull_token(charity, case, None, Purpose.SAFEGUARDING)) == (200, "given")


def test_attack_86_a_lead_that_empties_the_case_is_not_alone_again(inside: Scene) -> None:
    """Who could say no is taken out first; then there is nobody who could say yes."""
    care, case = inside[CARE], inside.other
    for agency in (POLICE, HEALTH):
        without(inside, case, agency)
    before = loaded(inside, CARE, case).standing
    with pytest.raises(CaseRefused, match="open a new case"):
        plan_addition(before, CARE, INVITED, [])
    following = replace(
        before.remaining,
        sequence=before.listed.sequence + 1,
        previous=before.digest,
        agencies=tuple(sorted((*before.remaining.agencies, *INVITED))),
    )
    assert sent(care, signed(care, StatementType.MEMBERSHIP, following.to_json())) == (409, "conflict")
    assert case not in [item["case"] for item in inside[CHARITY].client.get("/v1/cases")["cases"]]


def test_attack_86_the_lead_alone_hands_the_lead_to_nobody(inside: Scene) -> None:
    """Nor does the successor take it: both, and one more, or the old lead leads on."""
    care, health, case = inside[CARE], inside[HEALTH], inside.other
    care.book.make(plan_hand_over(loaded(inside, CARE, case).standing, CARE, AgencyId(HEALTH)))
    endorse(inside, HEALTH, case)
    before = loaded(inside, HEALTH, case).standing
    assert (before.effective.lead, before.successor, before.may_endorse) == (CARE, HEALTH, {POLICE})
    following = {
        **before.listed.to_json(),
        "sequence": before.listed.sequence + 1,
        "previous": before.digest,
    }
    usurped = signed(health, StatementType.MEMBERSHIP, following)
    assert sent(health, usurped) == (403, "issuer")
    answer = inside[POLICE].client.get(f"/v1/cases/{case}")
    longer = {**answer, "membership": [*answer["membership"], usurped]}
    with pytest.raises(CaseRefused, match="not signed by the lead"):
        verify_case(case, longer, inside[POLICE].follower.directory())
    # With the third agency it counts: the old lead signs no list any more, and its people stay.
    endorse(inside, POLICE, case)
    late = signed(care, StatementType.MEMBERSHIP, {**following, "lead": CARE})
    assert sent(care, late) == (403, "issuer")
    state = loaded(inside, POLICE, case).state
    assert state.membership.lead == HEALTH
    assert (CARE, care.people["lead"]) in state.accepted
    leads = {item["case"]: item["lead"] for item in care.client.get("/v1/cases")["cases"]}
    assert (leads[case], leads[inside.main]) == (HEALTH, CARE)


def marked(scene: Scene, case: str) -> list[str]:
    """The police share with the lead what is under handling C or must go no further; return the drafts."""
    police = scene[POLICE]
    contents = [{**NOTE, "summary": f"Marked {number}", "handling": mark} for number, mark in enumerate(MARKS)]
    drafts = police.write(case, *contents)
    terms = ReleaseTerms(Purpose.SAFEGUARDING, originator_release=True)
    assert release(police, case, drafts, terms).grants >= len(MARKS)
    return drafts


def release(party: Party, case: str, drafts: list[str], terms: ReleaseTerms) -> Released:
    """Release these drafts, sealed before or not, and push."""
    found = [item for item in list_drafts(party.store, case, list(DraftState)) if item.draft in drafts]
    released = party.releaser.release(case, found, terms)
    assert party.outbox.push_all().refused == 0
    return released


def test_attack_86_what_is_marked_is_never_granted_to_newcomers_by_itself(inside: Scene) -> None:
    """Handling C, no onward: the newcomer counts, others share with it, and of what was marked it is given nothing."""
    police, charity, case = inside[POLICE], inside[CHARITY], inside.other
    drafts = marked(inside, case)
    assert granted(inside, case, CARE) >= len(MARKS)
    bring_in(inside, case)
    assert granted(inside, case, CHARITY) == 0
    assert charity.pull(case, "worker", Purpose.SAFEGUARDING).view.opened == ()
    # The next release of something else reaches the newcomer, and takes nothing of the old along.
    police.write(case, NOTE)
    police.release(case, purpose=Purpose.SAFEGUARDING)
    assert police.outbox.push_all().refused == 0
    inside.witness()
    view = charity.pull(case, "worker", Purpose.SAFEGUARDING).view
    assert [item.content["summary"] for item in view.opened] == [NOTE["summary"]]
    assert granted(inside, case, CHARITY) == 1
    # Released again by hand, without the originator's explicit release to them, handling C stays where it is.
    released = release(police, case, drafts, ReleaseTerms(Purpose.SAFEGUARDING, only=frozenset({CHARITY})))
    refused = [decision.rules for _, recipient, decision in released.refused if recipient.agency == CHARITY]
    assert refused == [("handling-c-needs-release",)] * 2
    view = charity.pull(case, "worker", Purpose.SAFEGUARDING).view
    given = [json.dumps(item.content["handling"], sort_keys=True) for item in view.opened if "handling" in item.content]
    assert given == [json.dumps(MARKS[1], sort_keys=True)]
