"""The picture of an invented child: order, provenance, conflicts, gaps. Each test names what a panel would miss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from invented_case import (
    AUTHOR,
    CASE,
    CHARITY,
    COUNCIL,
    HEALTH,
    POLICE,
    RESTRICTED,
    SCHOOL,
    case_view,
    fid,
    fragments,
    opened,
    record,
    value,
)

from adapters.picture.disagreements import DisagreementKind
from adapters.picture.elements import MEANS_LABEL
from adapters.picture.model import PictureRefused, assemble
from adapters.picture.page import render_page
from adapters.picture.view import OpenedFragment
from adapters.release import authored
from policies.model import CaseId
from policies.vocabulary import AgePath, Category, WishesState


def test_sections_stand_in_the_panels_order() -> None:
    """The child's voice stands before any professional material."""
    names = list(assemble(case_view()).to_json())
    sections = names[names.index("header") :]
    assert sections == [
        "header",
        "clocks",
        "changes",
        "childs_voice",
        "safety",
        "question",
        "identity",
        "chronology",
        "surroundings",
        "elements",
        "evidence",
        "disagreements",
        "gaps",
        "credibility",
        "victim_and_offender",
        "future",
        "plan",
        "told",
        "deliberation",
        "record_of_use",
    ]


def test_json_is_plain_and_names_agency_kinds() -> None:
    """picture.json survives a round trip, has no float, and names the four kinds of contributing agencies."""
    picture = assemble(case_view()).to_json()
    assert json.loads(json.dumps(picture)) == picture
    assert not any(isinstance(item, float) for item in _leaves(picture))
    kinds = {row["kind"] for row in picture["agencies"] if row["fragments"]}
    assert kinds == {"police", "social_care", "health", "charity"}
    assert picture["schema"] == "nrmhub-picture-1"


def _leaves(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        for one in item.values():
            yield from _leaves(one)
    elif isinstance(item, list):
        for one in item:
            yield from _leaves(one)
    else:
        yield item


def _statements(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict):
        if {"label", "text", "provenance"} <= set(item):
            yield item
        for one in item.values():
            yield from _statements(one)
    elif isinstance(item, list):
        for one in item:
            yield from _statements(one)


def test_every_statement_leads_back() -> None:
    """No sentence without fragment, agency, basis, rules, log index and place in the source."""
    statements = list(_statements(assemble(case_view()).to_json()))
    known = {item.header.fragment for item in fragments()}
    assert len(statements) > 40
    for statement in statements:
        way_back = statement["provenance"]
        assert way_back["fragment"] in known
        assert way_back["agency_kind"] in {"police", "social_care", "health", "charity"}
        assert way_back["gateway"] == "CA1989_S47"
        assert way_back["rules"] == ["share-for-safeguarding"]
        assert way_back["locator"]
        assert way_back["log_index"] >= 10
        assert way_back["recorded"]


def test_child_speaks_first_and_in_their_own_words() -> None:
    """Own words, who asked, how, and what the child wants people to know."""
    voice = assemble(case_view()).childs_voice
    assert voice.is_heard
    assert voice.entries[0].own_words.startswith("I want to stay near my sister.")
    assert voice.entries[0].asked_on == "2026-05-20"
    assert voice.entries[0].wants_people_to_know == "I did not choose this."
    assert voice.entries[0].provenance.is_verbatim
    assert voice.entries[0].provenance.source_kind == "child_account"


def test_words_in_other_words_are_not_called_verbatim() -> None:
    """A note of what the child meant is not the child's words."""
    content = authored.wishes_and_feelings(
        AUTHOR,
        state=WishesState.RECORDED,
        own_words="Wants to go to school",
        words_are=authored.WordsAre.IN_OTHER_WORDS,
        asked_on=date(2026, 5, 20),
        how="At school",
    )
    view = case_view([opened("wishes", COUNCIL, Category.WISHES_AND_FEELINGS, content)])
    assert not assemble(view).childs_voice.entries[0].provenance.is_verbatim


def test_absent_voice_says_why() -> None:
    """Where the child was not heard the reason and the next day stand in its place."""
    content = authored.wishes_and_feelings(
        AUTHOR,
        state=WishesState.CHILD_MISSING,
        absent_reason="Not seen since Saturday",
        ask_again_on=date(2026, 6, 3),
    )
    voice = assemble(case_view([opened("wishes", COUNCIL, Category.WISHES_AND_FEELINGS, content)])).childs_voice
    assert not voice.is_heard
    assert voice.absences[0].sentence == "The child is missing."
    assert voice.absences[0].ask_again_on == "2026-06-03"


def test_absent_voice_falls_back_to_the_consent_statement() -> None:
    """Without any record the newest consent statement's code says why; without that, the page says that nobody did."""
    consent = {"state": "not_required", "wishes": "no_interpreter", "issuer": COUNCIL, "issued_at": "", "detail": None}
    voice = assemble(case_view([], consents=(consent,))).childs_voice
    assert voice.absences[0].sentence == "There was no interpreter."
    silent = assemble(case_view([], consents=())).childs_voice
    assert silent.absences == ()
    assert "nobody has recorded why" in silent.sentence


def test_consent_statement_shows_its_sealed_words_only_where_opened() -> None:
    """The words of a statement are a fragment of their own."""
    detail = authored.statement_detail(
        AUTHOR, statement_kind="consent", words="I understand", source_kind=authored.SourceKind.CHILD_ACCOUNT
    )
    consent = {"state": "given", "wishes": "recorded", "detail": {"fragment": fid("detail"), "sha256": "0" * 64}}
    piece = opened("detail", COUNCIL, Category.STATEMENT_DETAIL, detail)
    rows = assemble(case_view([piece], consents=(consent,))).childs_voice.consents
    assert rows[0].words is not None
    assert rows[0].words.text == "I understand"
    assert assemble(case_view([], consents=(consent,))).childs_voice.consents[0].words is None


def test_differing_birth_dates_stay_side_by_side() -> None:
    """Two birth dates give two ages; nobody picks one."""
    picture = assemble(case_view())
    field = picture.identity.field("prs_Birthdate")
    assert field is not None
    assert field.conflict
    assert {item.text for item in field.values} == {"2010-03-15", "2010-03-14"}
    assert [reading.ages.days_least for reading in picture.header.ages] == [653, 652]
    assert picture.header.days_to_18 == "disputed"
    assert picture.header.age_today == "16"
    assert picture.header.in_scope == "yes"


def test_spellings_are_kept_and_are_no_conflict() -> None:
    """A system that loses accents or writes capitals does not make another person."""
    field = assemble(case_view()).identity.field("prs_SecondName")
    assert field is not None
    assert not field.conflict
    assert {item.text for item in field.values} == {"Exämple", "EXAMPLE", "Example"}


def test_year_and_full_date_that_agree_are_no_conflict() -> None:
    """A coarser date is not another date."""
    rough = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value("2010")})
    exact = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value("2010-05-17")})
    items = [opened("a", POLICE, Category.IDENTITY, rough), opened("b", HEALTH, Category.IDENTITY, exact)]
    picture = assemble(case_view(items))
    field = picture.identity.field("prs_Birthdate")
    assert field is not None
    assert not field.conflict
    assert {item.precision for item in field.values} == {"year", "day"}
    assert [reading.birth_date for reading in picture.header.ages] == ["2010-05-17"]


def test_a_year_beside_two_days_is_no_third_age() -> None:
    """It agrees with the one that lies in it, and its agency is still named; a year in which neither lies differs."""
    born = {POLICE: "2010", HEALTH: "2010-05-17", COUNCIL: "2009-05-17", CHARITY: "2008"}
    items = [
        opened(agency, agency, Category.IDENTITY, record(Category.IDENTITY, "Identity", {"prs_Birthdate": value(day)}))
        for agency, day in born.items()
    ]
    picture = assemble(case_view(items))
    assert sorted(reading.birth_date for reading in picture.header.ages) == ["2008", "2009-05-17", "2010-05-17"]
    (found,) = [item for item in picture.disagreements if item.kind is DisagreementKind.IDENTITY]
    assert sorted(str(position.text) for position in found.positions) == [
        "Date of birth: 17 May 2009",
        "Date of birth: 17 May 2010",
        "Date of birth: 2008",
        "Date of birth: 2010, which agrees with 17 May 2010",
    ]


def test_relatives_names_are_not_the_childs() -> None:
    """A guardian's name stands in a relation record and never in the identity."""
    relation = record(Category.RELATION, "Guardian", {"prs_FirstName": value("Guardian-Name")})
    picture = assemble(case_view([opened("r", COUNCIL, Category.RELATION, relation)]))
    assert picture.identity.fields == ()
    assert picture.header.names == ()


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2027, 12, 4, 12, tzinfo=UTC), "yes"),
        (datetime(2027, 12, 5, 12, tzinfo=UTC), "no"),
        (datetime(2028, 3, 14, 12, tzinfo=UTC), "no"),
    ],
)
def test_pilot_needs_more_than_100_days_to_18(at: datetime, expected: str) -> None:
    """101 days is inside, 100 days is outside."""
    identity = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value("2010-03-14")})
    picture = assemble(case_view([opened("a", POLICE, Category.IDENTITY, identity)], at=at))
    assert picture.header.in_scope == expected


def test_uncertain_age_is_outside_the_pilot_and_said_so() -> None:
    """Not sure means treated as a child, and out of the pilot."""
    picture = assemble(case_view(age_path=AgePath.NOT_SURE))
    assert picture.header.in_scope == "no"
    assert "treated as a child" in picture.header.scope_note


def test_chronology_is_ordered_by_when_things_happened() -> None:
    """Order of events, coarse dates kept coarse, undated rows last."""
    rows = assemble(case_view()).chronology
    days = [row.first_day for row in rows if row.first_day is not None]
    assert days == sorted(days)
    assert rows[0].start == "2026-02"
    assert rows[0].precision == "month"
    assert rows[-1].start is None
    assert [row.statement for row in rows if row.start is None] == ["Method of control: debt bondage"]


def test_overlapping_accounts_point_at_each_other() -> None:
    """The hospital's night falls into the council's missing episode, and both rows say so."""
    rows = {row.fragments[0]: row for row in assemble(case_view()).chronology}
    assert fid("health-contact") in rows[fid("council-missing")].overlaps
    assert fid("council-missing") in rows[fid("health-contact")].overlaps
    assert rows[fid("police-offence")].overlaps == ()


def test_own_records_and_long_states_do_not_overlap() -> None:
    """Two records of one agency, or a plan of months, are no second account."""
    items = [
        opened("a", POLICE, Category.OFFENCE, record(Category.OFFENCE, "One", {}, start="2026-05-01")),
        opened("b", POLICE, Category.OFFENCE, record(Category.OFFENCE, "Two", {}, start="2026-05-01")),
        opened("c", COUNCIL, Category.PLAN, record(Category.PLAN, "Plan", {}, start="2026-01-01", end="2026-06-01")),
    ]
    assert all(row.overlaps == () for row in assemble(case_view(items)).chronology)


def test_matrix_has_means_as_not_required_for_a_child() -> None:
    """Means are recorded if known and never missing."""
    rows = {row.label: row for row in assemble(case_view()).elements.rows}
    assert rows["Means"].note == MEANS_LABEL == "not required for a child — record if known"
    assert not rows["Means"].is_required
    assert (rows["Means"].missing, rows["Means"].not_missing) == ((), "Not required for a child")
    assert rows["Act"].missing == ("Nothing you opened speaks against this. Ask whether anybody looked.",)
    assert [item.code for item in rows["Means"].supporting] == ["CTL06"]
    assert [item.text for item in rows["Act"].supporting] == [
        "recruitment: through friends or social events",
        "transit: Taken to Northshire by car",
    ]
    assert "Purpose: criminal exploitation" in rows
    assert "Purpose: labour exploitation" in rows


def test_types_are_a_set_never_one() -> None:
    """Every type anybody records is there."""
    types = {item.exploitation.value for item in assemble(case_view()).question.types}
    assert types == {"CRI", "LAB"}


def test_judgement_is_marked() -> None:
    """A professional's view is told from a record."""
    elements = assemble(case_view()).elements
    purpose = next(row for row in elements.rows if row.label == "Purpose: criminal exploitation")
    assert [item.is_judgement for item in purpose.supporting].count(True) == 1


def test_empty_cell_is_not_evidence_against() -> None:
    """Without any record the matrix says that nothing was opened."""
    elements = assemble(case_view([])).elements
    act = elements.rows[0]
    assert act.supporting == ()
    assert "not evidence against" in act.missing[0]
    assert elements.rows[-1].note == "No type of exploitation is recorded in what you opened."


def test_computed_disagreements() -> None:
    """Each planted conflict between agencies is found, with both sides' fragments."""
    found = {item.kind: item for item in assemble(case_view()).disagreements}
    assert set(found) == {
        DisagreementKind.WRITTEN,
        DisagreementKind.IDENTITY,
        DisagreementKind.OFFENDER_OR_VICTIM,
        DisagreementKind.SEEN_OR_NOT,
        DisagreementKind.MISSING_OR_PRESENT,
    }
    offender = found[DisagreementKind.OFFENDER_OR_VICTIM]
    by_agency = {position.agency: position.evidence for position in offender.positions}
    assert by_agency[POLICE] == (fid("police-offence"),)
    assert fid("council-concern") in by_agency[COUNCIL]
    missing = found[DisagreementKind.MISSING_OR_PRESENT]
    assert {fragment for position in missing.positions for fragment in position.evidence} == {
        fid("council-missing"),
        fid("health-contact"),
    }


def test_written_disagreement_keeps_status_owner_and_due() -> None:
    """What people wrote stands as they wrote it, and counts overdue days."""
    written = assemble(case_view()).disagreements[0]
    assert (written.status, written.owner, written.due, written.days_overdue) == ("open", COUNCIL, "2026-05-30", 2)
    assert [position.agency for position in written.positions] == [COUNCIL, POLICE]
    assert written.positions[0].evidence == (fid("council-concern"),)


def test_no_disagreement_within_one_agency() -> None:
    """One agency's own records do not disagree with another agency."""
    items = [item for item in fragments() if item.header.agency == POLICE]
    kinds = {item.kind for item in assemble(case_view(items)).disagreements}
    assert kinds == set()


def test_presence_on_the_first_day_of_an_episode_is_no_conflict() -> None:
    """Somebody can be met and go missing on one day."""
    items = [
        opened("m", COUNCIL, Category.MISSING_EPISODE, record(
            Category.MISSING_EPISODE, "Missing", {}, start="2026-05-02", end="2026-05-06")),
        opened("h", HEALTH, Category.HEALTH_CONTACT, record(
            Category.HEALTH_CONTACT, "Seen", {}, start="2026-05-02T08:00:00Z")),
    ]  # fmt: skip
    assert assemble(case_view(items)).disagreements == ()


def test_status_recorded_differently() -> None:
    """Victim for one agency, not a victim for another."""
    yes = record(Category.TRAFFICKING_EVENT, "x", {"vic_TraffickingStatus": value("PossibleVictimOfTrafficking")})
    no = record(Category.TRAFFICKING_EVENT, "x", {"vic_TraffickingStatus": value("NotAVictimOfTrafficking")})
    items = [
        opened("y", CHARITY, Category.TRAFFICKING_EVENT, yes),
        opened("n", POLICE, Category.TRAFFICKING_EVENT, no),
    ]
    assert [item.kind for item in assemble(case_view(items)).disagreements] == [DisagreementKind.STATUS]


def test_gaps_tell_five_silences_apart() -> None:
    """Silent, held, refused, withheld by the hub and unverified are five different things."""
    gaps = assemble(case_view()).gaps
    assert [(item.agency, item.days_since_case_opened) for item in gaps.silent] == [(SCHOOL, 14)]
    assert [(item.agency, item.code, item.count) for item in gaps.held_back] == [
        (POLICE, "held", 2),
        (HEALTH, "policy", 1),
    ]
    assert gaps.refused[0].rules == ("not-to-lead",)
    assert gaps.refused[0].sentence == "The originator has not released this to you."
    assert gaps.withheld_by_hub == (fid("withheld"),)
    assert gaps.unverified[0].reason == "the signature does not verify"
    assert gaps.public_refusals[0].agency == POLICE
    assert "Silence is not absence" in gaps.sentence


def test_agency_that_holds_something_is_not_silent() -> None:
    """An agency that says it holds something has spoken."""
    gaps = assemble(case_view([])).gaps
    assert {item.agency for item in gaps.silent} == {COUNCIL, CHARITY, SCHOOL}


def test_unanswered_request_counts_days_and_only_the_asked_agency_answers() -> None:
    """An answer from somebody else leaves the request open; the asked agency's answer closes it."""
    asked = assemble(case_view()).gaps.open_requests
    assert [(item.to_agency, item.days_open, item.days_overdue) for item in asked] == [(SCHOOL, 7, 4)]
    reply = authored.answer(AUTHOR, to_request=fid("request"), text="We hold nothing")
    others = opened("reply", POLICE, Category.ANSWER, reply)
    assert assemble(case_view([*fragments(), others])).gaps.open_requests
    own = opened("reply", SCHOOL, Category.ANSWER, reply)
    assert assemble(case_view([*fragments(), own])).gaps.open_requests == ()


def test_newest_version_counts_and_older_ones_are_listed() -> None:
    """The corrected note counts once; the first one stays listed under it."""
    picture = assemble(case_view())
    statements = [row.statement for row in picture.chronology]
    assert "Corrected note" in statements
    assert "First note" not in statements
    row = next(row for row in picture.evidence if row.provenance.fragment == fid("charity-note-2"))
    assert [old.fragment for old in row.older] == [fid("charity-note-1")]
    charity = next(row for row in picture.agencies if row.agency == CHARITY)
    assert charity.older_versions == 1


def test_nobody_replaces_another_agencys_fragment() -> None:
    """A fragment that claims to replace another agency's leaves it standing, with a note."""
    rogue = record(Category.CONCERN, "Nothing to see", {})
    items = [*fragments(), opened("rogue", CHARITY, Category.CONCERN, rogue, version=2, supersedes="council-concern")]
    picture = assemble(case_view(items))
    assert any(row.provenance.fragment == fid("council-concern") for row in picture.evidence)
    assert any("another agency" in note for note in picture.gaps.sequence)


def test_two_replacements_and_missing_versions_are_noted() -> None:
    """A fork and a hole in the versions are said."""
    content = record(Category.NARRATIVE, "Note", {})
    items = [
        opened("v1", POLICE, Category.NARRATIVE, content, index=1),
        opened("v2a", POLICE, Category.NARRATIVE, content, index=2, version=2, supersedes="v1"),
        opened("v2b", POLICE, Category.NARRATIVE, content, index=3, version=2, supersedes="v1"),
        opened("w3", POLICE, Category.NARRATIVE, content, index=4, version=3, supersedes="never-seen"),
    ]
    picture = assemble(case_view(items))
    assert len(picture.evidence) == 3
    assert any("each replace F1" in note for note in picture.gaps.sequence)
    assert any("the version before it is not among what you opened" in note for note in picture.gaps.sequence)


def test_missing_now_is_not_guessed() -> None:
    """An episode without an end may be an unclosed record; no record at all is no 'no'."""
    topics = {topic.name: topic for topic in assemble(case_view()).safety.topics}
    assert "or the record was not closed" in topics["missing"].sentence
    empty = {topic.name: topic for topic in assemble(case_view([])).safety.topics}
    assert empty["missing"].sentence == "Nothing you opened says."


def test_ended_placement_is_not_shown_as_current() -> None:
    """Where the child was is not where the child is."""
    past = record(Category.PLACEMENT, "Old placement", {}, start="2025-01-01", end="2025-02-01")
    topics = assemble(case_view([opened("p", COUNCIL, Category.PLACEMENT, past)])).safety.topics
    assert topics[0].statements == ()
    assert topics[0].earlier == 1


def test_negative_finding_is_not_the_first_concern() -> None:
    """The hospital's 'no issues' on 4 May is no concern; the council's of 11 May is."""
    assert assemble(case_view()).safety.first_concern_on == "2026-05-11"


def test_victim_and_alleged_offender_stand_together() -> None:
    """Both roles on one page, and the defence is named without being decided."""
    section = assemble(case_view()).victim_and_offender
    assert (section.as_offender, section.as_victim) == (1, 1)
    assert "section 45" in section.section_45
    assert "does not decide" in section.section_45


def _offence(role: str, hearing: str = "") -> OpenedFragment:
    group = {"role": value(role), "wording": value("Possession"), "next_hearing": value(hearing or "none")}
    return opened("offence", POLICE, Category.OFFENCE, record(Category.OFFENCE, "Offence", {"hub_Offence": [group]}))


def test_an_offence_asks_what_has_been_done_for_the_child() -> None:
    """Whether a referral was considered, whether the court's parties know, and the next day in court."""
    asked = assemble(case_view([_offence("defendant", "2026-06-09")])).victim_and_offender.prompts
    assert "has not been referred" in asked[0]
    assert "prosecutor and the defence" in asked[1]
    assert asked[2] == "The next court date on record is 9 June 2026."
    past = assemble(case_view([_offence("suspect", "2026-05-09")])).victim_and_offender.prompts
    assert past[2].startswith("No record that you opened gives a court date to come")
    assert assemble(case_view([_offence("victim")])).victim_and_offender.prompts == ()
    page = render_page(assemble(case_view([_offence("defendant")])))
    assert "To ask now" in page


def test_plan_shows_overdue_actions_and_the_guardian() -> None:
    """An action past its day says so."""
    row = assemble(case_view()).plan[0]
    assert row.is_overdue
    assert row.involves_ictg
    assert row.owner_name == "Northshire Council"


def test_content_of_any_shape_is_noted_and_never_stops_the_picture() -> None:
    """Another agency's software may send anything; the picture notes it."""
    odd: list[Any] = [
        None,
        [],
        "text",
        {},
        {"fields": []},
        {"fields": {"a": 1, "b": [1, None], "c": {"d": 2}}},
        {"kind": "identity", "fields": {"prs_Birthdate": value("not a date")}, "observed": 3, "source": 4},
        {"kind": "concern", "fields": {"hub_Concern": [[{}]]}, "findings": {}, "derived_from": "x", "summary": 5},
        {"fields": {"hub_Due": value("9999-99-99"), "hub_RequestTo": value(7)}, "observed": {"from": "0000-00-00"}},
        {"fields": {"hub_Position": [{"agency": value(None), "evidence": [3]}]}},
    ]
    for category in Category:
        items = [opened(f"odd-{number}", POLICE, category, content) for number, content in enumerate(odd)]
        picture = assemble(case_view(items))
        assert len(picture.evidence) == len(odd)
        assert picture.gaps.unreadable
        json.dumps(picture.to_json())


def test_agency_that_left_stays_visible_through_what_it_shared() -> None:
    """A statement of an agency no longer in the case keeps its name and has no kind."""
    item = opened("old", "left-agency", Category.NARRATIVE, record(Category.NARRATIVE, "Note", {}))
    row = assemble(case_view([item])).agencies[-1]
    assert (row.agency, row.kind, row.is_in_case, row.fragments) == ("left-agency", None, False, 1)


def test_other_case_repeated_fragment_and_naive_time_are_refused() -> None:
    """A picture is of one case, each fragment once, at a real moment."""
    content = record(Category.NARRATIVE, "Note", {})
    other = opened("a", POLICE, Category.NARRATIVE, content, case=CaseId("0" * 32))
    with pytest.raises(PictureRefused, match="of one case only"):
        assemble(case_view([other]))
    same = opened("a", POLICE, Category.NARRATIVE, content, case=CASE)
    with pytest.raises(PictureRefused, match="each once"):
        assemble(case_view([same, same]))
    with pytest.raises(PictureRefused, match="with their zone"):
        assemble(replace(case_view(), at=datetime(2026, 6, 1)))  # noqa: DTZ001 - the point of the test


def test_too_many_fragments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is checked before anything is read."""
    monkeypatch.setattr("adapters.picture.view.MAX_OPENED_FRAGMENTS", 3)
    with pytest.raises(PictureRefused, match="at most 3, got"):
        assemble(case_view())


def test_same_input_gives_the_same_picture_in_any_order() -> None:
    """The order in which fragments arrive says nothing."""
    forwards = assemble(case_view()).to_json()
    backwards = assemble(case_view(tuple(reversed(fragments())))).to_json()
    assert forwards == backwards


def test_handling_and_restriction_travel_with_the_evidence() -> None:
    """The marking of a fragment stands beside it."""
    content = {**record(Category.NARRATIVE, "Note", {}), "restricted": True}
    picture = assemble(case_view([opened("n", POLICE, Category.NARRATIVE, content, handling=RESTRICTED)]))
    row = picture.evidence[0]
    assert row.is_restricted
    assert row.provenance.handling == "C"
    assert row.provenance.instructions == ("consult_originator",)


def test_birth_month_around_the_limit_is_not_certain() -> None:
    """A month of birth that allows 100 days and more is neither inside nor outside."""
    identity = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value("2010-03")})
    at = datetime(2027, 11, 22, 12, tzinfo=UTC)  # 100 days before 1 March 2028
    picture = assemble(case_view([opened("a", POLICE, Category.IDENTITY, identity)], at=at))
    assert picture.header.ages[0].ages.days_least == 100
    assert picture.header.in_scope == "not_certain"


def test_looked_for_and_not_seen_supports_and_undermines_nothing() -> None:
    """A factor looked for and not seen stands apart from its element and alleges no type."""
    parts = {"concern": value("criminal exploitation", code="24A"), "presence": value("looked_for_not_seen")}
    concern = record(Category.CONCERN, "Factor not seen", {"hub_Concern": [parts], "hub_View": value("x")})
    named = record(Category.CONCERN, "Type", {"hub_ExploitationType": value("CRI")})
    items = [opened("c", COUNCIL, Category.CONCERN, concern), opened("t", CHARITY, Category.CONCERN, named)]
    elements = assemble(case_view(items)).elements
    row = next(row for row in elements.rows if row.exploitation == "CRI")
    assert row.undermining == elements.general_undermining == ()
    assert [(item.code, item.bears_on) for item in elements.looked_for] == [("24A", "Purpose: criminal exploitation")]
    assert [item.statement.provenance.agency for item in row.supporting] == [CHARITY]
    assert assemble(case_view(items[:1])).question.types == ()


def test_aliases_are_whole_names_without_their_kind_and_dates() -> None:
    """A nickname and a former name in parts are two names; "nickname" and a date are none."""
    aliases = [
        {"kind": value("nickname"), "name": value("Robbie")},
        {"kind": value("former"), "prs_FirstName": value("Robin"), "prs_SecondName": value("Sample")},
    ]
    aliases[1]["end"] = value("2020")
    identity = record(Category.IDENTITY, "Identity", {"hub_Alias": aliases})
    field = assemble(case_view([opened("a", POLICE, Category.IDENTITY, identity)])).identity.field("hub_Alias")
    assert field is not None
    assert [item.text for item in field.values] == ["Robbie", "Robin Sample"]
    assert not field.conflict


def test_episode_with_an_end_only_has_ended_and_one_without_dates_may_not_have() -> None:
    """An end on record is an end; no readable date at all leaves it open."""
    ended = record(Category.MISSING_EPISODE, "Missing", {}, end="2026-05-03")
    picture = assemble(case_view([opened("m", COUNCIL, Category.MISSING_EPISODE, ended)]))
    assert {t.name: t for t in picture.safety.topics}["missing"].statements == ()
    undated = record(Category.MISSING_EPISODE, "Missing", {})
    picture = assemble(case_view([opened("m", COUNCIL, Category.MISSING_EPISODE, undated)]))
    assert len({t.name: t for t in picture.safety.topics}["missing"].statements) == 1
