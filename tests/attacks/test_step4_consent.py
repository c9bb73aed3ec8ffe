"""Attacks on consent, by number of the catalogue: withdrawals that race or over-reach, voices that conflict, overrides.

Those that race at the same time are shown where the case's order is tested; here each comes before or after the other.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.hub_client import HubRefused
from adapters.picture.model import assemble
from adapters.release.bases import default_basis
from adapters.release.consent_effect import Change, describe
from adapters.release.consent_events import UNFOUNDED, ConsentEvents, describe_receipt
from adapters.release.drafts import DraftRefused, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.store.tables import OutboxRow
from keys.statements import StatementType, peek
from policies.consent_rules import REASONS
from policies.model import CaseState, Malformed, require_true_override
from policies.vocabulary import (
    OBJECTIONS,
    AgencyKind,
    Category,
    ConsentState,
    Gateway,
    OverrideReason,
    Purpose,
)
from tests.adapters.picture.test_receiving import ON_CONSENT, ON_DUTY, consent, prepare
from tests.consents import asked
from tests.hub.api.test_push_refused import resign
from tests.policies.consent_table import combinations, made_of, weighed
from tests.policies.test_case_state import CHAIR, LEAD, membership
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, bundle, now


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """The charity shared one fragment on the child's consent, and care another on a duty."""
    return prepare(embedded)


def events(party: Party) -> ConsentEvents:
    return ConsentEvents(party.store, party.book, bundle())


def seen(scene: Scene) -> set[str]:
    return {item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened}


def bases(party: Party) -> list[dict[str, Any]]:
    """Every basis that an agency has ever signed."""
    with party.store.write() as session:
        lines = [json.loads(row.line) for row in session.query(OutboxRow) if row.kind == "disclosure"]
    return [basis for line in lines for basis in peek(line["statement"]).members["bases"]]


# --- 37, 38 ---


def test_attack_37_and_38_a_withdrawal_ends_what_was_said_beforehand_and_lists_who_had_read_it(scene: Scene) -> None:
    """One order: a pull before the withdrawal is in its receipt, a pull after gives nothing of it; a duty's stays."""
    charity, care = scene[CHARITY], scene[CARE]
    assert {ON_CONSENT["summary"], ON_DUTY["summary"]} <= seen(scene)
    charity.sync()
    planned, effect = events(charity).plan(scene.main, consent("withdrawn"))
    ended = effect.of(Change.ENDS)
    fragments = {str(item.header.fragment) for item in ended}
    assert len(fragments) == 1
    assert {item.basis.gateway for item in ended} == {Gateway.CLDC_CONSENT}
    assert effect.others == tuple(sorted((CARE, HEALTH, POLICE)))
    assert any("theirs to compute" in line for line in describe(effect, planned))
    # Another agency's effect is its own: what rests on a duty stays, with the basis shown.
    care.sync()
    _, theirs = events(care).plan(scene.main, consent("withdrawn"))
    assert not theirs.of(Change.ENDS)
    assert {item.basis.gateway for item in theirs.of(Change.STAYS)} == {Gateway.CA2004_S10}
    # Recorded: the statement carries what was shown before.
    statement, shown = events(charity).record(scene.main, consent("withdrawn"))
    assert statement.members["effect"] == shown.to_json() == effect.to_json()
    # After it nothing of it comes; the pull before it is listed, the one after it is not.
    assert seen(scene) & {ON_CONSENT["summary"], ON_DUTY["summary"]} == {ON_DUTY["summary"]}
    receipt = events(charity).receipt(scene.main, statement.digest)
    assert [(item.agency, item.member, set(item.fragments)) for item in receipt.seen] == [
        (POLICE, scene[POLICE].people["chair"], fragments)
    ]
    assert receipt.seen[0].number < receipt.number
    assert len(describe_receipt(receipt)) == 2
    # The other agency notes the same statement's effect on its own grants, once.
    care.sync()
    assert (events(care).run([scene.main]), events(care).run([scene.main])) == (2, 0)
    assert events(care).noted(scene.main)[statement.digest]["ends"] == 0


def test_attack_38_what_was_no_consent_flags_what_rested_on_it_and_a_withdrawal_does_not(scene: Scene) -> None:
    """Invalid: each sharing is named for each recipient, with an alarm; from its place on it ends as well."""
    charity = scene[CHARITY]
    charity.sync()
    given = charity.book.load(scene.main).consents[-1]
    _, withdrawn = events(charity).plan(scene.main, consent("withdrawn"))
    assert not withdrawn.unfounded
    invalid = {**consent("invalid"), "about": given.digest}
    _, effect = events(charity).record(scene.main, invalid)
    assert {item.header.category for item in effect.unfounded} == {Category.CONCERN}
    assert {item.recipient.agency for item in effect.unfounded} >= {POLICE}
    assert effect.of(Change.ENDS) == effect.unfounded
    assert UNFOUNDED in [code for code, _ in scene.alarms(CHARITY)]
    assert ON_CONSENT["summary"] not in seen(scene)


# --- 39 ---


def test_attack_39_every_conflict_has_an_answer_its_reason_and_a_next_act() -> None:
    """Two parents, a child, a court, a note: all of them. That none is stuck: tests/policies/test_consent_table.py."""
    tried = 0
    for item in combinations():
        state, rule = weighed(item)
        assert isinstance(state, ConsentState)
        assert all((REASONS[rule].why, REASONS[rule].source, REASONS[rule].next_act))
        tried += 1
    assert tried == 19_008


def test_attack_39_two_parents_who_differ_end_it_and_hub_and_adapter_agree(scene: Scene) -> None:
    """What was shared on the one parent's yes ends with the other's no; no third word brings it back."""
    charity = scene[CHARITY]
    first, second = ({"given_by": "parental_responsibility", "giver": name * 32} for name in "12")

    def say(state: str, who: dict[str, str]) -> None:
        asked_of = asked(state, "parental_responsibility", giver=who["giver"])
        charity.book.record_consent(scene.main, {**consent(state), **asked_of, **who})
        scene.witness()
        charity.sync()

    charity.book.record_consent(scene.main, {**consent("not_sought"), "reason": "cannot_reasonably_be_obtained"})
    say("given", first)
    told = {"kind": "concern", "summary": "Told on a parent's word", "fields": {}}
    assert charity.share(scene.main, told, gateway=Gateway.CLDC_CONSENT).refused == 0
    assert told["summary"] in seen(scene)
    say("refused", second)
    assert told["summary"] not in seen(scene)
    say("given", second)
    assert told["summary"] not in seen(scene)


# --- 40 ---


def test_attack_40_nothing_is_shared_against_an_objection_unless_somebody_pressed_it(scene: Scene) -> None:
    """Refused by name without the act; recorded with it; never where nobody objects, and never by itself."""
    charity = scene[CHARITY]
    charity.sync()
    drafts = list_drafts(charity.store, scene.main)
    pressed = ReleaseTerms(REVIEW, gateway=Gateway.CLDC_PUBLIC_INTEREST, override=OverrideReason.SERIOUS_HARM)
    with pytest.raises(DraftRefused, match="nobody whose word counts objects"):
        charity.releaser.release(scene.main, drafts, pressed)
    charity.book.record_consent(scene.main, consent("withdrawn"))
    scene.witness()
    charity.sync()
    quiet = ReleaseTerms(REVIEW, gateway=Gateway.CLDC_PUBLIC_INTEREST)
    with pytest.raises(DraftRefused, match="was shared on consent, and that is withdrawn now"):
        charity.releaser.release(scene.main, drafts, quiet)
    assert {basis["override"] for basis in bases(charity)} == {"none"}
    with pytest.raises(DraftRefused, match="overrides nobody"):
        charity.releaser.release(
            scene.main,
            drafts,
            ReleaseTerms(REVIEW, gateway=Gateway.CLDC_CONSENT, override=OverrideReason.SERIOUS_HARM),
        )
    # What was never shared on consent rests on its own duty: no act is asked for, and none is recorded.
    charity.write(scene.main, {"kind": "concern", "summary": "Seen by a worker", "fields": {}})
    assert charity.release(scene.main).grants > 0
    assert {basis["override"] for basis in bases(charity)} == {"none"}
    charity.outbox.push_all()


@pytest.mark.parametrize("pressed", list(OverrideReason))
def test_attack_40_an_override_record_implies_the_act_and_an_objection(pressed: OverrideReason) -> None:
    """Over every combination of voices: a basis has the code that was pressed; it counts against an objection only."""
    kinds = (AgencyKind.CHARITY, Category.CONCERN, Purpose.PANEL_REVIEW)
    assert default_basis(*kinds).override is OverrideReason.NONE
    basis = default_basis(*kinds, gateway=Gateway.CLDC_PUBLIC_INTEREST, override=pressed)
    assert basis.override is pressed
    believed = 0
    for item in list(combinations())[:9_504:37]:
        consents = made_of(item)
        case = CaseState(membership(LEAD, CHAIR), "0" * 64, frozenset(), consents)
        answer = consents.for_purpose(basis.purpose, case.membership.age_path, now())
        try:
            require_true_override(basis, case, now())
            believed += 1
            assert pressed is OverrideReason.NONE or answer.state in OBJECTIONS
        except Malformed:
            assert pressed is not OverrideReason.NONE
            assert answer.state not in OBJECTIONS
    assert believed > 0


# --- 42 ---


@pytest.mark.parametrize("change", ["consent", "membership"])
def test_attack_42_what_changed_between_decision_and_release_stops_it(scene: Scene, change: str) -> None:
    """Decided and signed under one case; another agency changes it before the push; the hub refuses by name."""
    charity, care = scene[CHARITY], scene[CARE]
    charity.sync()
    charity.write(scene.main, {"kind": "concern", "summary": "Decided a moment ago", "fields": {}})
    assert charity.release(scene.main, gateway=Gateway.CLDC_CONSENT).grants > 0
    if change == "consent":
        care.book.record_consent(scene.main, consent("withdrawn"))
    else:
        listed = care.book.load(scene.main).state.membership.members
        care.book.change_members(scene.main, [item for item in listed if item.agency != HEALTH])
    report = charity.outbox.push_all()
    codes = {str(problem["type"]).rpartition(":")[2] for problem in report.problems}
    assert codes == {f"stale_{change}"}
    assert "Decided a moment ago" not in seen(scene)


def test_attack_40_a_disclosure_that_claims_an_override_is_refused_where_nobody_objects(scene: Scene) -> None:
    """Signed by the originator's own key: the hub decides from the statements, and refuses it whole."""
    care = scene[CARE]
    care.sync()
    care.write(scene.main, {"kind": "concern", "summary": "One more note", "fields": {}})
    care.release(scene.main)
    with care.store.write() as session:
        lines = [json.loads(row.line) for row in session.query(OutboxRow) if row.state == "pending"]
    line = next(item for item in lines if item["type"] == "disclosure")
    said = peek(line["statement"]).members
    claimed = [{**basis, "override": "legal_duty"} for basis in said["bases"]]
    forged = {**line, "statement": resign(care, StatementType.DISCLOSURE, line["statement"], bases=claimed)}
    others = [item for item in lines if item["type"] != "disclosure"]
    results = care.client.post_lines(f"/v1/cases/{scene.main}/push", [*others, forged])
    refused = [item for item in results if item.get("status") == "refused"]
    assert [item["problem"]["detail"] for item in refused] == [
        "basis override: nobody whose word counts objects; expected none"
    ]


# --- 49 ---


def test_attack_49_every_kind_of_record_can_be_declined_and_is_recorded(scene: Scene) -> None:
    """Each leaves an entry with its reviewer; whoever reads the case is shown it, with its reason."""
    charity, reviewer = scene[CHARITY], scene[CHARITY].people["worker"]

    def decline(category: Category, code: str) -> None:
        said = {"case": scene.main, "recipient_agency": POLICE, "category": category.value, "request": None}
        said |= {"code": code, "reviewer": reviewer, "detail": None}
        token = charity.book._sign(StatementType.REFUSAL, said, charity.book.signing)
        charity.client.post("/v1/statements", {"statement": token})

    before = scene.log_types(scene.main).count("refusal")
    for category in Category:
        decline(category, "more_harm_than_good")
    with pytest.raises(HubRefused, match="refusal code: expected one of"):
        decline(Category.CONCERN, "because")
    assert scene.log_types(scene.main).count("refusal") == before + len(Category)
    scene.witness()
    shown = assemble(scene[POLICE].pull(scene.main, "chair").view).gaps.public_refusals
    assert {item.category for item in shown} == {item.value for item in Category}
    assert {(item.agency, item.code) for item in shown} == {(CHARITY, "more_harm_than_good")}
