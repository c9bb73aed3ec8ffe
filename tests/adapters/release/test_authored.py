"""Fragments written by people: the envelope, what each needs, and what is refused with which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from adapters.nrm.typology import Element, ExploitationType
from adapters.picture.content import read_content
from adapters.release import authored, panel_records, writing
from adapters.release.authored import (
    ActionState,
    AuthoredRefused,
    Coming,
    DisagreementStatus,
    Outcome,
    Question,
    ReferralState,
    RefusedBecause,
    SourceKind,
)
from adapters.release.contexts import ContextSetting, context
from adapters.release.movements import ReturnInterview, missing_episode, movement
from adapters.release.offence_answers import CourtStanding, offence_answer
from adapters.release.placements import LegalStatus, PlaceKind, placement
from adapters.release.relations import RelationRole, relation
from policies.vocabulary import Category, Role, WishesState

AUTHOR = authored.Author(Role.LEAD_PROFESSIONAL, "social worker", datetime(2026, 5, 25, 10, 0, tzinfo=UTC))
TODAY, LATER = date(2026, 5, 25), date(2026, 6, 2)
ONE, TWO = "1" * 32, "2" * 32
JWS = "aaaa.bbbb.cccc"
MANIFEST: dict[str, Any] = {
    "case": "c" * 32,
    "checkpoint": {"size": 10, "root": "e" * 64},
    "fragments": [{"fragment": ONE, "sha256": "a" * 64, "version": 1}],
}


def wishes(**changes: Any) -> dict[str, Any]:
    given = {"state": WishesState.RECORDED, "own_words": "I want to stay", "asked_on": TODAY, "how": "At home"}
    return authored.wishes_and_feelings(AUTHOR, **{**given, **changes})


def decision(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "question": Question.RG,
        "outcome": Outcome.POSITIVE,
        "reasons_by_element": "Act: travel. Purpose: criminal exploitation.",
        "evidence_relied_on": [ONE],
        "less_weight": None,
        "dissent": None,
        "actions": [],
        "letter_owner": "Panel administrator",
        "manifest": MANIFEST,
        "votes": [JWS],
    }
    return authored.decision(AUTHOR, **{**given, **changes})


def disagreement(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "point": "Return home",
        "positions": [authored.Position("council-a", "Not yet", (ONE,)), authored.Position("police-b", "Yes", (TWO,))],
        "status": DisagreementStatus.OPEN,
        "owner": "council-a",
        "due": LATER,
    }
    return authored.disagreement(AUTHOR, **{**given, **changes})


def action(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "action": "Call the guardian service",
        "why": "Asked for",
        "owner": "council-a",
        "due": LATER,
        "state": ActionState.PLANNED,
    }
    return authored.safeguarding_action(AUTHOR, **{**given, **changes})


def card(**changes: Any) -> dict[str, Any]:
    given = {"first_name": "Robin", "family_name": "Example", "birth_date": "2010-03-14", "about": "Found far away"}
    return authored.subject_card(AUTHOR, **{**given, **changes})


def ask(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"to_agency": "school-c", "what": "Attendance", "why": "To see when", "due": LATER}
    return authored.request(AUTHOR, **{**given, **changes})


def view(**changes: Any) -> dict[str, Any]:
    item = authored.ElementView(Element.PURPOSE, authored.Bearing.SUPPORTS, (ONE,), ExploitationType.CRI)
    return authored.professional_view(AUTHOR, **{"view": "Points to exploitation", "elements": [item], **changes})


def discussion(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "held_on": TODAY,
        "agencies": ["police-b", "council-a"],
        "threshold_met": True,
        "reasons": "Harm is likely",
        "next_steps": "Enquiry",
    }
    return authored.strategy_discussion(AUTHOR, **{**given, **changes})


def describe(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "setting": ContextSetting.PLACE,
        "name": "The invented park",
        "seen": "Older people waited there",
        "seen_from": "2026-04",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return context(AUTHOR, **{**given, **changes})


def move(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "moved_on": "2026-04",
        "from_place": "The invented park",
        "to_place": "The flat over the road",
        "account": "She was driven there",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return movement(AUTHOR, **{**given, **changes})


def missing(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "missing_from": "2026-05-03",
        "found_on": "2026-05-05",
        "account": "Police brought her back",
        "source_kind": SourceKind.RECORD,
    }
    return missing_episode(AUTHOR, **{**given, **changes})


def stay(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "placed_on": TODAY.isoformat(),
        "place_kind": PlaceKind.FOSTER_CARE,
        "account": "Nobody in the network knows where it is",
        "source_kind": SourceKind.RECORD,
    }
    return placement(AUTHOR, **{**given, **changes})


def relate(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "who": RelationRole.AUNT_OR_UNCLE,
        "account": "Her aunt sent her there",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return relation(AUTHOR, **{**given, **changes})


def done_about_offence(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"follows": "a" * 32, "prosecutor_told": True, "source_kind": SourceKind.RECORD}
    return offence_answer(AUTHOR, **{**given, **changes})


def meet(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "held_on": TODAY,
        "question": Question.RG,
        "agencies": ["council-a"],
        "is_quorate": False,
        "minutes": "Adjourned",
    }
    return authored.meeting(AUTHOR, **{**given, **changes})


def refer(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "to_service": "Guardian service",
        "what_for": "A guardian",
        "referred_on": TODAY,
        "state": ReferralState.IN_PROGRESS,
    }
    return authored.service_referral(AUTHOR, **{**given, **changes})


def cast(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"question": Question.RG, "outcome": Outcome.NEGATIVE, "reasons": "No act", "vote_jws": JWS}
    return authored.vote(AUTHOR, **{**given, **changes})


def detail(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "statement_kind": "consent",
        "words": "I understand",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return authored.statement_detail(AUTHOR, **{**given, **changes})


def reply(**changes: Any) -> dict[str, Any]:
    return authored.answer(AUTHOR, **{"to_request": ONE, "text": "We hold nothing", **changes})


BUILDERS: dict[Category, Callable[..., dict[str, Any]]] = {
    Category.SUBJECT_CARD: card,
    Category.WISHES_AND_FEELINGS: wishes,
    Category.REQUEST: ask,
    Category.ANSWER: reply,
    Category.PROFESSIONAL_VIEW: view,
    Category.DISAGREEMENT: disagreement,
    Category.SAFEGUARDING_ACTION: action,
    Category.SERVICE_REFERRAL: refer,
    Category.STRATEGY_DISCUSSION: discussion,
    Category.MEETING: meet,
    Category.CONTEXT: describe,
    Category.MOVEMENT: move,
    Category.MISSING_EPISODE: missing,
    Category.PLACEMENT: stay,
    Category.RELATION: relate,
    Category.OFFENCE: done_about_offence,
    Category.VOTE: cast,
    Category.DECISION: decision,
    Category.STATEMENT_DETAIL: detail,
}


@pytest.mark.parametrize("category", BUILDERS)
def test_every_builder_makes_the_common_envelope(category: Category) -> None:
    """The same members as a record's fragment, JSON without floats, readable by the picture without a note."""
    content = BUILDERS[category]()
    names = {"kind", "summary", "fields", "source", "restricted", "findings", "observed"}
    assert names <= set(content) <= names | {"derived_from", "manifest", "votes", "vote"}
    assert content["kind"] == category
    assert content["source"]["extracted_at"] == "2026-05-25T10:00:00Z"
    assert content["source"]["author_role"] == "lead_professional"
    assert json.loads(json.dumps(content)) == content
    assert read_content(content, category).notes == ()


def test_quoting_names_the_fragments_once_and_sorted() -> None:
    """What quotes a fragment says so, so that it inherits its handling."""
    assert disagreement()["derived_from"] == [ONE, TWO]
    assert view(derived_from=[TWO, ONE])["derived_from"] == [ONE, TWO]
    assert "derived_from" not in ask()


def test_unknown_name_and_birth_date_are_empty_not_absent() -> None:
    """An unknown name is a state, not a missing field."""
    fields = card(first_name=None, birth_date=None)["fields"]
    assert fields["prs_FirstName"]["state"] == "empty"
    assert fields["prs_Birthdate"]["state"] == "empty"


@pytest.mark.parametrize(("text", "precision"), [("2010", "year"), ("2010-03", "month"), ("2010-03-14", "day")])
def test_birth_date_is_as_precise_as_written(text: str, precision: str) -> None:
    """No day is invented."""
    fields = card(birth_date=text)["fields"]
    assert fields["prs_Birthdate"]["value"] == text
    assert fields["hub_BirthdatePrecision"]["value"] == precision


def test_absent_wishes_carry_reason_and_next_day() -> None:
    """An absence says why and when somebody asks again."""
    content = authored.wishes_and_feelings(
        AUTHOR, state=WishesState.UNSAFE_TO_ASK, absent_reason="The adults were there", ask_again_on=LATER
    )
    assert content["fields"]["hub_AskAgainOn"]["value"] == "2026-06-02"
    assert "hub_OwnWords" not in content["fields"]
    assert content["source"]["source_kind"] == "child_account"


def test_decision_carries_manifest_and_votes_unchanged() -> None:
    """It verifies offline from what it carries."""
    content = decision()
    assert content["manifest"] == MANIFEST
    assert content["votes"] == [JWS]


def test_line_ends_are_one_and_other_letters_are_kept() -> None:
    """Words are kept letter by letter; only line ends become one form."""
    words = "Ich möchte\r\nbleiben\rمن می‌مانم"
    assert wishes(own_words=words)["fields"]["hub_OwnWords"]["value"] == "Ich möchte\nbleiben\nمن می‌مانم"


REFUSALS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (describe, {"setting": "house"}, "setting: expected one of place, peers, online"),
    (describe, {"name": " "}, "name: expected words, got nothing"),
    (describe, {"name": "two\nlines"}, "name: expected one line"),
    (describe, {"seen": "x" * 4_001}, "seen: expected at most 4,000 characters, got 4,001"),
    (describe, {"seen_from": "May 2026"}, "seen_from: expected 2026, 2026-05 or 2026-05-17"),
    (describe, {"seen_from": "2026-13"}, "seen_from: expected 2026, 2026-05 or 2026-05-17"),
    (describe, {"seen_from": "2026-06"}, "seen_from: expected a date not after the day of writing"),
    (describe, {"seen_from": "1990"}, "seen_from: expected a date within 30 years"),
    (describe, {"seen_to": "2026-03-31"}, "seen_to: expected a date not before the first one"),
    (describe, {"source_grade": "4"}, "source_grade: expected one of 1, 2, 3"),
    (describe, {"info_grade": "F"}, "info_grade: expected one of A, B, C, D, E"),
    (describe, {"source_kind": "rumour"}, "source_kind: expected one of"),
    (move, {"from_place": None, "to_place": None}, "movement: expected at least one place"),
    (move, {"from_place": "two\nlines"}, "from_place: expected one line"),
    (move, {"how": "two\nlines"}, "how: expected one line"),
    (move, {"moved_on": "2026-06"}, "moved_on: expected a date not after the day of writing"),
    (move, {"moved_until": "2026-03"}, "moved_until: expected a date not before the first one"),
    (move, {"account": ""}, "account: expected words, got nothing"),
    (move, {"source_kind": "rumour"}, "source_kind: expected one of"),
    (move, {"source_grade": "4"}, "source_grade: expected one of 1, 2, 3"),
    (missing, {"missing_from": "lately"}, "missing_from: expected 2026, 2026-05 or 2026-05-17"),
    (missing, {"reported_on": "2026-05-02"}, "reported_on: expected a date not before the first one"),
    (missing, {"found_on": "2026-05-02"}, "found_on: expected a date not before the first one"),
    (missing, {"found_on": "2026-05-30"}, "found_on: expected a date not after the day of writing"),
    (
        missing,
        {"found_on": None, "return_interview": ReturnInterview.HELD},
        "needs the day on which the child was found",
    ),
    (missing, {"return_interview": "maybe"}, "return_interview: expected one of not_offered_yet, offered"),
    (missing, {"interview_on": TODAY}, "the day of an interview needs that it was offered or held"),
    (
        missing,
        {"return_interview": ReturnInterview.NOT_OFFERED, "interview_on": TODAY},
        "the day of an interview needs that it was offered or held",
    ),
    (missing, {"follows": "x"}, "follows: expected ids of fragments"),
    (stay, {"placed_on": "2026-06"}, "placed_on: expected a date not after the day of writing"),
    (stay, {"placed_on": "2026-05", "placed_at": "09:00"}, "placed_at: expected a time only with a whole day"),
    (stay, {"placed_at": "9.30"}, "placed_at: expected a time of day such as 09:30"),
    (stay, {"placed_at": "11:01"}, "placed_at: expected a time that is over"),
    (stay, {"placed_until": "2026-05-24"}, "placed_until: expected a date not before the first one"),
    (stay, {"place_kind": "castle"}, "place_kind: expected one of with_parents"),
    (stay, {"legal_status": "L1"}, "legal_status: expected one of police_protection"),
    (stay, {"child_asked": "yes"}, "child_asked: expected true or false"),
    (stay, {"town": "two\nlines"}, "town: expected one line"),
    (stay, {"account": ""}, "account: expected words, got nothing"),
    (done_about_offence, {"follows": None}, "follows: expected the id of the offence's fragment"),
    (done_about_offence, {"prosecutor_told": None}, "offence: expected an answer to at least one of the four"),
    (done_about_offence, {"prosecutor_told": "yes"}, "prosecutor_told: expected true or false"),
    (
        done_about_offence,
        {"prosecutor_told": False, "prosecutor_told_on": "2026"},
        "expected no day where it was not done",
    ),
    (done_about_offence, {"defence_told_by": "The officer"}, "defence_told_by: expected nobody where it was not done"),
    (done_about_offence, {"considered_on": "2026"}, "considered_on: expected no day where it was not done"),
    (done_about_offence, {"prosecutor_told_on": "2026-06"}, "prosecutor_told_on: expected a date not after the day"),
    (done_about_offence, {"court": "soon"}, "court: expected one of date_set, none_set, proceedings_over"),
    (done_about_offence, {"court": CourtStanding.DATE_SET}, "next_court_date: expected a day with date_set"),
    (done_about_offence, {"next_court_date": TODAY}, "next_court_date: expected a day with date_set, and only there"),
    (card, {"about": " "}, "about: expected words, got nothing"),
    (card, {"first_name": "x" * 301}, "first_name: expected at most 300 characters, got 301"),
    (card, {"family_name": "two\nlines"}, "family_name: expected one line"),
    (card, {"birth_date": "2010-02-30"}, "birth_date: expected"),
    (card, {"birth_date": "14/03/2010"}, "birth_date: expected"),
    (card, {"birth_date": "2027-01-01"}, "birth_date: expected"),
    (card, {"birth_date": "1899"}, "birth_date: expected"),
    (card, {"about": "hidden \x1b[31m"}, "about: expected readable text, got a control character"),
    (card, {"about": "half \ud800"}, "about: expected readable text"),
    (wishes, {"own_words": None}, "recorded needs the child's words"),
    (wishes, {"asked_on": None}, "recorded needs the child's words"),
    (wishes, {"how": None}, "recorded needs the child's words"),
    (wishes, {"own_words": "x" * 15_001}, "own_words: expected at most 15,000 characters, got 15,001"),
    (wishes, {"absent_reason": "x"}, "exclude each other"),
    (wishes, {"asked_on": LATER}, "asked_on: expected a date not after the day of writing"),
    (wishes, {"asked_on": date(1990, 1, 1)}, "asked_on: expected a date within 30 years"),
    (wishes, {"asked_on": datetime(2026, 5, 1, tzinfo=UTC)}, "asked_on: expected a date"),
    (wishes, {"state": WishesState.CHILD_MISSING}, "words of the child need the state recorded"),
    (wishes, {"state": WishesState.CHILD_MISSING, "own_words": None}, "an absence needs its reason"),
    (wishes, {"state": "happy"}, "state: expected one of recorded"),
    (ask, {"to_agency": "Not An Id"}, "to_agency: expected the id of an agency"),
    (ask, {"due": date(2026, 5, 24)}, "due: expected a day not before the day of asking"),
    (ask, {"due": date(2031, 5, 26)}, "due: expected a day within a year of the day of writing"),
    (reply, {"to_request": "x"}, "to_request: expected ids of fragments"),
    (view, {"elements": [authored.ElementView(Element.PURPOSE, authored.Bearing.SUPPORTS, (ONE,))]}, "purpose names"),
    (
        view,
        {"elements": [authored.ElementView(Element.ACT, authored.Bearing.SUPPORTS, ())]},
        "elements: expected the fragments the view rests on, got none",
    ),
    (
        view,
        {"elements": [authored.ElementView(Element.ACT, authored.Bearing.SUPPORTS, (ONE,))] * 21},
        "elements: expected at most 20, got 21",
    ),
    (view, {"derived_from": [f"{number:032x}" for number in range(201)]}, "derived_from: expected at most 200"),
    (disagreement, {"positions": [authored.Position("council-a", "Yes")]}, "positions: expected 2 to 20"),
    (
        disagreement,
        {"positions": [authored.Position("council-a", "Yes"), authored.Position("council-a", "No")]},
        "each of another agency",
    ),
    (disagreement, {"due": None}, "open needs the day"),
    (disagreement, {"status": DisagreementStatus.RESOLVED}, "resolved needs the explanation"),
    (disagreement, {"status": "settled"}, "status: expected one of open"),
    (action, {"due": None}, "planned needs the day it is due"),
    (action, {"state": ActionState.DONE}, "done needs the outcome"),
    (action, {"follows": "x"}, "follows: expected ids of fragments"),
    (refer, {"referred_on": LATER}, "referred_on: expected a date not after"),
    (refer, {"state": "lost"}, "state: expected one of planned, in_progress, accepted"),
    (refer, {"state": ReferralState.REFUSED}, "service_referral: refused needs the outcome or the reason"),
    (refer, {"state": ReferralState.DONE}, "service_referral: done needs the outcome or the reason"),
    (refer, {"follows": "x"}, "follows: expected ids of fragments"),
    (reply, {"text": None}, "text: expected words, got nothing"),
    (reply, {"because": "lazy"}, "because: expected one of not_relevant"),
    (reply, {"because": RefusedBecause.POLICY, "text": None}, "text: expected words, got nothing"),
    (reply, {"coming": "perhaps"}, "coming: expected one of coming, coming_remotely, not_coming"),
    (reply, {"coming": Coming.NOT, "text": None}, "not_coming needs the text with the reason"),
    (reply, {"coming": Coming.NOT, "because": RefusedBecause.POLICY}, "expected one"),
    (discussion, {"agencies": []}, "agencies: expected 1 to 50, got 0"),
    (meet, {"question": "guilty"}, "question: expected one of rg"),
    (cast, {"vote_jws": "no jws"}, "vote_jws: expected a compact JWS"),
    (cast, {"vote_jws": "a.b." + "c" * panel_records.MAX_JWS_CHARS}, "vote_jws: expected a compact JWS"),
    (cast, {"outcome": "maybe"}, "outcome: expected one of positive"),
    (decision, {"votes": []}, "votes: expected 1 to 50, got 0"),
    (decision, {"votes": [JWS, JWS]}, "votes: expected each once"),
    (decision, {"votes": [7]}, "votes: expected a compact JWS"),
    (decision, {"outcome": Outcome.ADJOURN}, "at least one where the panel adjourns"),
    (decision, {"evidence_relied_on": [TWO]}, "only fragments that stand in the manifest"),
    (decision, {"manifest": {**MANIFEST, "fragments": []}}, "manifest fragments: expected 1 to 4,000"),
    (decision, {"manifest": {**MANIFEST, "more": 1}}, "manifest: 1 unknown members"),
    (decision, {"manifest": {**MANIFEST, "case": "x"}}, "manifest case: expected 32"),
    (decision, {"manifest": {**MANIFEST, "checkpoint": {"size": 0, "root": "e" * 64}}}, "whole number from 1"),
    (decision, {"manifest": {**MANIFEST, "checkpoint": {"size": True, "root": "e" * 64}}}, "whole number from 1"),
    (decision, {"manifest": {**MANIFEST, "fragments": MANIFEST["fragments"] * 2}}, "each once, sorted by id"),
    (
        decision,
        {"manifest": {**MANIFEST, "fragments": [{"fragment": ONE, "sha256": "a" * 64, "version": 1.0}]}},
        "version: expected a whole number",
    ),
    (decision, {"manifest": "text"}, "manifest: expected an object"),
    (detail, {"statement_kind": "gossip"}, "expected one of consent, refusal, exclusion, override"),
    (detail, {"statement_kind": "refusal", "competence": "Judged able"}, "competence: expected with consent only"),
    (detail, {"words": None}, "words: expected words, got nothing"),
]


def test_what_follows_an_earlier_record_names_it_and_inherits_from_it() -> None:
    """The id stands in a field and among what is quoted; a referral's later record is of the day of writing."""
    for content in (
        action(follows=TWO, derived_from=[ONE]),
        refer(follows=TWO, state=ReferralState.ACCEPTED, referred_on=date(2026, 1, 5)),
    ):
        assert content["fields"]["hub_Follows"]["value"] == TWO
        assert TWO in content["derived_from"]
        assert content["observed"]["from"] == TODAY.isoformat()
    assert refer(referred_on=date(2026, 1, 5))["observed"]["from"] == "2026-01-05"


def test_a_refusal_and_an_answer_to_an_invitation_are_answers_with_a_code() -> None:
    refusal = reply(because=RefusedBecause.CONSENT)
    assert refusal["fields"]["hub_RefusedBecause"]["value"] == "consent"
    assert refusal["summary"] == "A request is refused, with the reason"
    coming = reply(coming=Coming.REMOTELY, text=None)
    assert set(coming["fields"]) == {"hub_AnswerTo", "hub_Coming"}
    assert coming["summary"] == "An answer to an invitation"


@pytest.mark.parametrize(("build", "changes", "says"), REFUSALS)
def test_what_is_not_of_the_agreed_form_is_refused(
    build: Callable[..., Any], changes: dict[str, Any], says: str
) -> None:
    """Each refusal names the field and what was expected."""
    with pytest.raises(AuthoredRefused) as refusal:
        build(**changes)
    assert says in str(refusal.value)


def test_refusals_never_repeat_the_words() -> None:
    """A refusal may be logged; what a person wrote may not."""
    secret = "Robin said " + "x" * writing.MAX_TEXT_CHARS
    with pytest.raises(AuthoredRefused) as refusal:
        wishes(own_words=secret)
    assert "Robin" not in str(refusal.value)


def test_author_needs_a_time_with_its_zone() -> None:
    """A time without zone is no time."""
    with pytest.raises(AuthoredRefused, match="with its zone"):
        authored.Author(Role.PRACTITIONER, "nurse", datetime(2026, 5, 25))  # noqa: DTZ001 - the point of the test


def test_largest_decision_fits_a_sealed_fragment() -> None:
    """The limits together stay under the largest size bucket of docs/protocol.md section 4, 1,024 KiB."""
    fragments = [
        {"fragment": f"{number:032x}", "sha256": "a" * 64, "version": 1}
        for number in range(panel_records.MAX_MANIFEST_FRAGMENTS)
    ]
    votes = [f"a.b.{number:04}" + "c" * (panel_records.MAX_JWS_CHARS - 8) for number in range(panel_records.MAX_VOTES)]
    content = decision(
        manifest={**MANIFEST, "fragments": fragments},
        evidence_relied_on=[item["fragment"] for item in fragments[:200]],
        votes=votes,
        reasons_by_element="ä" * writing.MAX_TEXT_CHARS,
    )
    assert len(json.dumps(content, ensure_ascii=False).encode()) < 1024 * 1024


def test_a_stay_begins_at_its_hour_under_its_order() -> None:
    """UK clocks: 10:59 in summer is over at 10:00 UTC. The order has its code of the looked-after children return."""
    made = stay(placed_at="10:59", legal_status=LegalStatus.POLICE_PROTECTION)
    assert made["observed"] == {"from": f"{TODAY.isoformat()}T10:59"}
    status = made["fields"]["hub_LegalStatus"]
    assert (status["value"], status["code"], status["scheme"]) == ("police_protection", "L1", "ssda903-ls")
    assert "to" not in stay(placed_until=None)["observed"]
    assert stay(child_asked=False)["summary"] == "Foster care, the child was not asked"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"who": "trafficker"}, "who: expected one of mother, father"),
        ({"called": "x" * 301}, "called: expected at most 300 characters, got 301"),
        ({"account": "x" * 4_001}, "account: expected at most 4,000 characters, got 4,001"),
        ({"known_from": "2026-06"}, "known_from: expected a date not after the day of writing"),
        ({"known_from": "2026-04", "known_until": "2026-03"}, "known_until: expected a date not before the first"),
        ({"safe_to_contact": "no"}, "safe_to_contact: expected true or false"),
    ],
)
def test_a_relation_that_cannot_be_so_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AuthoredRefused, match=words):
        relate(**changes)


def test_a_relation_says_what_was_answered_and_nothing_of_what_was_not() -> None:
    content = relate(called="Wren Example", said_to_exploit=True, safe_to_contact=False, known_from="2026-04")
    assert content["summary"] == (
        "Aunt or uncle: Wren Example; said to have exploited the child, which is no finding; not safe to contact"
    )
    assert content["observed"] == {"from": "2026-04"}
    assert "hub_LivesWithChild" not in content["fields"]
