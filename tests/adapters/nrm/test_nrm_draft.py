"""The draft of an invented child's referral: filled only with a source, open only with a reason, nothing guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from invented_case import (
    AT,
    AUTHOR,
    CHARITY,
    COUNCIL,
    HEALTH,
    KINDS,
    NAMES,
    POLICE,
    RESTRICTED,
    case_view,
    fid,
    fragments,
    opened,
    record,
    value,
)

from adapters.nrm.adult import read_consents
from adapters.nrm.collecting import REDACTED, redact
from adapters.nrm.draft import Answer, DraftRefused, FieldState, NrmDraft, draft_referral
from adapters.nrm.fields import MAX_ANSWER_CHARS, adult_path_fields, child_path_fields
from adapters.nrm.from_events import first_chance_answer
from adapters.nrm.gaps import list_gaps, render_gaps
from adapters.picture.model import OpenedFragment, assemble
from adapters.release import authored
from adapters.release.relations import RelationRole, relation
from adapters.release.writing import SourceKind
from policies.case import read_consents as read_statements
from policies.model import AgencyId, Handling, MemberId, Recipient
from policies.vocabulary import AgePath, Category, HandlingInstruction
from tests.consents import asked


def draft(
    items: Sequence[OpenedFragment] | None = None,
    *,
    submittable: set[str] | None = None,
    answers: Sequence[Answer] = (),
    **changes: Any,
) -> NrmDraft:
    """A draft of these fragments, all of them permitted unless said otherwise."""
    items = fragments() if items is None else tuple(items)
    allowed = {item.header.fragment for item in items} if submittable is None else submittable
    return draft_referral(assemble(case_view(items, **changes)), items, submittable=allowed, answers=answers)


def answer(field: str, words: str | None, **more: Any) -> Answer:
    """What the lead professional enters."""
    return Answer(field, words, COUNCIL, "ab" * 16, "lead_professional", AT, **more)


def test_every_field_of_the_path_is_there_once_in_order() -> None:
    """The draft is the whole form."""
    made = draft()
    assert [item.field for item in made.fields] == list(child_path_fields())
    assert {item.path for item in made.fields} == {"C"}
    plain = made.to_json()
    assert json.loads(json.dumps(plain)) == plain


def test_nothing_is_filled_without_provenance_and_nothing_open_without_reason() -> None:
    """The rule of the pack: a source for each value, a reason for each gap, counts that agree."""
    for item in (*draft().fields, *draft([]).fields):
        if item.state is FieldState.FILLED:
            assert item.value is not None
            assert item.provenance, item.field
        else:
            assert item.value is None
            assert item.state_reason, item.field
        assert item.char_count == len(item.value or "")


def test_provenance_has_what_the_pack_contract_asks() -> None:
    """Fragment, version, agency, source kind, date, verbatim, gateway, handling, release."""
    source = draft().get("pv-name-first-name").provenance[0]
    assert source.fragment_id in {fid("council-identity"), fid("police-identity"), fid("health-identity"), fid("card")}
    assert source.fragment_version == 1
    assert source.agency_kind in {kind.value for kind in KINDS.values()}
    assert source.gateway_id == "CA1989_S47"
    assert source.handling == "P"
    assert source.released_by == source.agency_id
    assert source.released_at == "2026-05-21T12:00:00Z"
    assert source.locator


def test_age_and_referral_follow_from_the_signed_facts() -> None:
    """The age path is a signed fact; for a child the consent question is set by the form."""
    made = draft()
    assert made.get("pv-under-age").value == "yes"
    assert made.get("pv-under-age").provenance[0].statement == "d" * 64
    assert made.get("pv-want-to-submit-nrm").value == "yes"
    assert draft(age_path=AgePath.NOT_SURE).get("pv-under-age").value == "not-sure"


def says(subject: str, state: str, number: int = 0) -> dict[str, Any]:
    """One of an adult's consent statements, as a pull shows it."""
    scope = {"categories": ["concern"], "recipients": ["police"], "purposes": ["nrm_referral"]}
    return {
        **asked(state, "adult", subject=subject),
        "sequence": number,
        "state": state,
        "reason": "none",
        "given_by": "adult",
        "scope": scope if state == "given" else {name: [] for name in scope},
        "expires_at": None,
        "wishes": "recorded",
        "detail": None,
        "issuer": CHARITY,
        "issued_at": "2026-05-01T12:00:00Z",
        "digest": f"{number + 1:064x}",
    }


def adult(*said: tuple[str, str], answers: Sequence[Answer] = ()) -> NrmDraft:
    """A draft of the case of an adult who has said these things, in this order."""
    found = [says(subject, state, number) for number, (subject, state) in enumerate(said)]
    statements = [
        (item["digest"], {**item, "previous": found[number - 1]["digest"] if number else None})
        for number, item in enumerate(found)
    ]
    view = case_view(age_path=AgePath.ADULT, consents=tuple(found))
    view = replace(view, case=replace(view.case, consent=read_statements(statements)))
    allowed = {item.header.fragment for item in view.opened}
    return draft_referral(
        assemble(view), view.opened, submittable=allowed, answers=answers, consents=read_consents(view)
    )


CONSENT_FIELD = {
    "referral": "pv-want-to-submit-nrm",
    "support": "does-pv-need-support",
    "investigation": "authorities-cooperation",
}


@pytest.mark.parametrize(("support", "helps"), list(product((None, "given", "refused", "withdrawn"), repeat=2)))
def test_an_adults_three_consents_flow_into_three_fields(support: str | None, helps: str | None) -> None:
    """Each by itself, from its own statement; one that was not asked stays open and says so."""
    said = [("referral", "given")]
    said += [("support", "given"), ("support", support)] if support == "withdrawn" else []
    said += [("support", support)] if support in ("given", "refused") else []
    said += [("investigation", "given"), ("investigation", helps)] if helps == "withdrawn" else []
    said += [("investigation", helps)] if helps in ("given", "refused") else []
    made = adult(*said)
    assert made.path == "A"
    assert {item.path for item in made.fields} == {"A"}
    assert [item.field for item in made.fields] == list(adult_path_fields())
    expected = {"referral": "yes", "support": {"given": "yes", None: None}.get(support, "no")}
    expected["investigation"] = {"given": "yes", None: None}.get(helps, "no")
    for subject, name in CONSENT_FIELD.items():
        field = made.get(name)
        assert field.value == expected[subject], name
        if field.value is None:
            assert field.state is FieldState.NOT_ASKED
            assert f"consent to {subject} stands as: none recorded" in field.state_reason
        else:
            assert field.provenance[0].locator == f"consent statement: {subject}"
            assert field.provenance[0].agency_id == CHARITY
    assert made.get("pv-under-age").value == "no"
    phone = made.get("pv-phone-number")
    assert (phone.state is FieldState.NOT_APPLICABLE) is (expected["support"] == "no")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "none stands"),
        ([("support", "given")], "none stands"),
        ([("referral", "refused")], "the duty to notify remains"),
        ([("referral", "given"), ("referral", "withdrawn")], "the duty to notify remains"),
    ],
)
def test_an_adult_who_has_not_agreed_is_not_referred(said: list[tuple[str, str]], words: str) -> None:
    """Support is no consent to the referral, and a withdrawn one is none."""
    with pytest.raises(DraftRefused, match=words):
        adult(*said)


@pytest.mark.parametrize("name", CONSENT_FIELD.values())
def test_nobody_answers_for_an_adult_by_hand(name: str) -> None:
    """The three consents are the person's own: they come from the statements of the case."""
    with pytest.raises(DraftRefused, match="follows from the signed facts of the case"):
        adult(("referral", "given"), answers=[answer(name, "yes")])


def test_differing_birth_dates_stay_open_with_both() -> None:
    """A person chooses; both sources stay."""
    field = draft().get("pv-dob")
    assert field.conflict
    assert field.value is None
    assert {item.value for item in field.candidates} == {"2010-03-14", "2010-03-15"}
    assert all(item.provenance for item in field.candidates)


def test_a_person_settles_a_conflict_and_is_named_for_it() -> None:
    """The choice is filled, the person's entry and the agreeing sources are its provenance."""
    field = draft(answers=[answer("pv-dob", "2010-03-14", reason="birth certificate seen")]).get("pv-dob")
    assert (field.value, field.conflict, field.state) == ("2010-03-14", False, FieldState.FILLED)
    assert field.provenance[0].entered_by == "ab" * 16
    assert fid("police-identity") in {source.fragment_id for source in field.provenance}
    assert len(field.candidates) == 2
    assert field.state_reason == "birth certificate seen"


def test_capitals_are_no_conflict_and_accents_are() -> None:
    """ROBIN is Robin; Exämple and Example are for a person to choose."""
    made = draft()
    assert made.get("pv-name-first-name").value == "Robin"
    assert made.get("pv-name-last-name").conflict


@pytest.mark.parametrize(
    ("text", "precision"), [("2010", "year"), ("2010-03", "month"), ("2010-03-14", "expected"), ("2010-03", None)]
)
def test_birth_date_only_to_the_day(text: str, precision: str | None) -> None:
    """A coarser date leaves the field empty and says why."""
    stated = {} if precision is None else {"hub_BirthdatePrecision": value(precision)}
    identity = record(Category.IDENTITY, "x", {"prs_Birthdate": value(text), **stated})
    field = draft([opened("i", POLICE, Category.IDENTITY, identity)]).get("pv-dob")
    assert field.value is None
    assert field.remarks == ("a birth date is on record, but not to the day; the form takes a whole date only",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hub_Sex": value("F")}, "female"),
        ({"hub_Sex": value("U")}, None),
        ({"prs_Gender": value("NonSpecifiedUnknown")}, None),
        ({"prs_Gender": value("NonConforming")}, "unknown"),
        ({"prs_Gender": value("Masculine"), "hub_Sex": value("M")}, "male"),
    ],
)
def test_unknown_gender_does_not_mean_unknown(fields: dict[str, Any], expected: str | None) -> None:
    """The form's 'unknown' means 'does not identify as male or female'; not recorded is not that."""
    made = draft([opened("i", POLICE, Category.IDENTITY, record(Category.IDENTITY, "x", fields))])
    assert made.get("pv-gender").value == expected


def test_sex_and_gender_that_differ_are_a_persons_choice() -> None:
    """No conversion of one into the other."""
    fields = {"hub_Sex": value("M"), "prs_Gender": value("Feminine")}
    made = draft([opened("i", POLICE, Category.IDENTITY, record(Category.IDENTITY, "x", fields))])
    assert made.get("pv-gender").conflict


@pytest.mark.parametrize(("reported", "raw"), [(True, "yes"), (False, "no"), (None, "not-sure")])
def test_first_chance_is_inverted_on_export_only(reported: bool | None, raw: str) -> None:
    """The label counts: yes means reported before, although the machine name says the first chance."""
    assert first_chance_answer(reported) == raw


def test_reported_before_opens_and_closes_its_follow_ups() -> None:
    """Reported before asks for the references and not for the reason of the delay."""
    before = record(
        Category.SERVICE, "x", {"hub_PreviouslyReported": value(True), "hub_NRMReference": value("NRM-INV")}
    )
    made = draft([opened("s", COUNCIL, Category.SERVICE, before)])
    assert made.get("is-this-the-first-chance-to-report").value == "yes"
    assert "NRM-INV" in (made.get("yes-the-first-chance-to-report").value or "")
    assert made.get("why-report-now").state is FieldState.NOT_APPLICABLE


def test_silence_never_becomes_no() -> None:
    """Nothing opened fills no radio button with 'no', and ticks no box."""
    empty = draft([])
    filled = {item.field: item.value for item in empty.fields if item.value is not None}
    assert filled == {"pv-under-age": "yes", "pv-want-to-submit-nrm": "yes"}
    assert empty.get("were-they-taken-somewhere-by-their-exploiter").state is FieldState.NOT_KNOWN
    assert "does not say that it did not happen" in empty.get("types-of-exploitation-organs-removed").state_reason


def test_mandatory_background_has_explicit_words() -> None:
    """The box cannot be left empty, so the reason stands in it; the value stays open."""
    field = draft().get("family")
    assert field.state is FieldState.NOT_KNOWN
    assert field.value is None
    assert (field.form_text or "").startswith("Not known: no record opened says")
    asked = draft(
        answers=[answer("family", None, reason="the child asked not to talk of it", state=FieldState.NOT_ASKED)]
    )
    assert asked.get("family").form_text == "Not asked: the child asked not to talk of it"


def test_events_and_control_fill_the_exploitation_fields() -> None:
    """Where, when, what, how it started, the journey and the control, each with who says so."""
    made = draft()
    assert made.get("where-exploitation-happened").value == "uk"
    assert made.get("where-exploitation-happened-uk-city-1").value == "Leeds"
    assert made.get("where-exploitation-happened-overseas-country-1").state is FieldState.NOT_APPLICABLE
    assert "February 2026 to May 2026" in (made.get("when-did-the-exploitation-take-place").value or "")
    assert made.get("were-they-taken-somewhere-by-their-exploiter").value == "yes"
    assert "Made to carry packages at night" in (made.get("what-were-they-required-to-do").value or "")
    assert "debt bondage" in (made.get("how-they-were-treated").value or "")
    assert (made.get("how-they-were-treated").value or "").startswith("Harbour Charity (charity, record)")
    ticked = {item.field for item in made.fields if item.field.startswith("types-of-") and item.value == "true"}
    assert ticked == {"types-of-exploitation-forced-to-work", "types-of-exploitation-forced-to-commit-crime"}


def test_places_abroad_and_unknown_places() -> None:
    """A country abroad by its code, and a town that the list does not hold as words."""

    def event(name: str, city: str, country: str) -> OpenedFragment:
        fields = {"hte_Type": value("Exploitation"), "hte_City": value(city), "hte_Country": value(country)}
        return opened(name, CHARITY, Category.TRAFFICKING_EVENT, record(Category.TRAFFICKING_EVENT, "x", fields))

    made = draft([event("a", "Hanoi", "VN"), event("b", "Little Invented", "GB"), event("c", "x", "Atlantis")])
    assert made.get("where-exploitation-happened").value == "uk-and-overseas"
    assert made.get("where-exploitation-happened-overseas-country-1").value == "Vietnam"
    assert "Little Invented" in (made.get("where-exploitation-happened-other-uk-other-location").value or "")
    assert made.get("where-exploitation-happened").remarks == (
        "a country is on record that the form's list does not hold",
    )


def test_crime_reference_only_as_victim_of_a_modern_slavery_crime() -> None:
    """The reference under which the child is a defendant never becomes the child's report."""
    made = draft(agency_names={**NAMES, POLICE: "Humberside Police"})
    assert made.get("reported-to-police").value == "yes"
    assert made.get("reported-to-police-crime-reference").value == "99/000/26"
    assert made.get("reported-to-police-police-forces").value == "Humberside Police"
    defendant = [item for item in fragments() if item.header.fragment == fid("police-offence")]
    assert draft(defendant).get("reported-to-police").value is None


def test_local_authority_is_found_by_name_or_left_to_a_person() -> None:
    """A council of the form's list is offered; an invented one is not forced into it."""
    named = draft(agency_names={**NAMES, COUNCIL: "Leeds City Council"})
    field = named.get("local-authority-contacted-about-child-local-authority-name")
    assert field.value == "Leeds City Council"
    invented = draft().get("local-authority-contacted-about-child-local-authority-name")
    assert invented.value is None
    assert invented.remarks == ("an authority is on record that the form's list does not hold; choose it by hand",)


def test_wishes_stay_out_and_the_account_goes_in_as_the_childs_words() -> None:
    """No field for wishes exists; the account of what happened is marked as the child's."""
    account = record(Category.NARRATIVE, "Account", {"cco_CaseComment": value("They said I owed them.")})
    account["source"]["source_kind"] = "child_account"
    made = draft([*fragments(), opened("account", CHARITY, Category.NARRATIVE, account)])
    everything = " ".join(item.value or "" for item in made.fields)
    assert "in the child's words: “They said I owed them.”" in (made.get("how-they-were-treated").value or "")
    assert "I want to stay near my sister" not in everything
    assert "I did not choose this" not in everything
    assert any("wishes and feelings" in warning for warning in made.warnings)


def test_interview_says_how_and_not_what() -> None:
    """Who asked and how, in the form; the words stay with the panel."""
    text = draft().get("where-how-interview-carried-out").value or ""
    assert "lead professional" in text
    assert "interpreter: none recorded" in text


def test_professional_insight_and_concern_for_the_future() -> None:
    """A professional's view is the insight; their concern answers the question with its reasons."""
    made = draft()
    assert "point to exploitation by adults" in (made.get("professional-insight").value or "")
    assert made.get("future-exploitation-concerns").value == "yes"
    assert made.get("evidence-of-dishonesty").value is None
    assert "never worked out from records" in made.get("evidence-of-dishonesty").state_reason


def test_other_agencies_are_named_and_staff_are_not() -> None:
    """Roles and organisations; a member of staff's name is theirs."""
    people = {"hub_Professional": [{"role": value("school nurse"), "name": value("Casey Invented")}]}
    items = [*fragments(), opened("p", HEALTH, Category.RELATION, record(Category.RELATION, "x", people))]
    text = draft(items).get("are-others-involved-details").value or ""
    assert "school nurse" in text
    assert "Casey" not in text
    assert "Northshire Police (police) holds records of: offence" in text


def test_names_of_other_people_are_taken_out_of_every_narrative() -> None:
    """A relative's or another child's name that a record names as such stands in no box."""
    relation = record(
        Category.RELATION,
        "Sibling",
        {"hub_Relation": [{"role": value("sibling"), "prs_FirstName": value("Sammie"), "name": value("May Example")}]},
    )
    view = authored.professional_view(AUTHOR, view="Robin and Sammie were moved with MAY Example; Robin may be afraid.")
    made = draft(
        [
            *fragments(),
            opened("r", COUNCIL, Category.RELATION, relation),
            opened("v", COUNCIL, Category.PROFESSIONAL_VIEW, view),
        ]
    )
    text = made.get("professional-insight").value or ""
    assert f"Robin and {REDACTED} were moved with {REDACTED} Example; Robin may be afraid." in text
    everything = json.dumps([item.value for item in made.fields])
    assert "Sammie" not in everything
    assert made.get("professional-insight").remarks == ("2 names of other people taken out",)
    assert "sibling" in (made.get("family").value or "")


def test_of_a_relation_written_by_hand_the_referral_form_has_the_role_and_no_name() -> None:
    made = relation(
        AUTHOR,
        who=RelationRole.SIBLING,
        called="Sammie Quillmere",
        account="Sammie was there",
        source_kind=SourceKind.CHILD_ACCOUNT,
    )
    found = draft([*fragments(), opened("r", COUNCIL, Category.RELATION, made)])
    everything = json.dumps([item.value for item in found.fields])
    assert "brother or sister" in (found.get("family").value or "")
    assert "Sammie" not in everything
    assert "Quillmere" not in everything


def test_a_relation_that_was_written_of_again_is_one_relation_and_each_of_its_names_is_taken_out() -> None:
    first = {"called": "Sammie Quillmere", "account": "Sammie was there", "source_kind": SourceKind.CHILD_ACCOUNT}
    again = {**first, "called": "Sam Featherton", "account": "She is called otherwise now"}
    view = authored.professional_view(AUTHOR, view="Sammie and Featherton were named.")
    before = opened("b", COUNCIL, Category.RELATION, relation(AUTHOR, who=RelationRole.CARER, **first))
    later = relation(AUTHOR, who=RelationRole.SIBLING, follows=before.header.fragment, **again)
    made = draft(
        [
            *fragments(),
            before,
            opened("a", COUNCIL, Category.RELATION, later),
            opened("v", COUNCIL, Category.PROFESSIONAL_VIEW, view),
        ]
    )
    assert "carer" not in (made.get("family").value or "")
    assert "brother or sister" in (made.get("family").value or "")
    everything = json.dumps([item.value for item in made.fields])
    assert "Sammie" not in everything
    assert "Featherton" not in everything


def test_redaction_takes_whole_words_only() -> None:
    """A name inside another word stays, two names in a row become one mark."""
    assert redact("Sam met Samuel", ("Sam",)) == (f"{REDACTED} met Samuel", 1)
    assert redact("Sam Lee came", ("Sam", "Lee")) == (f"{REDACTED} came", 2)
    assert redact("nobody", ()) == ("nobody", 0)


def test_overflow_becomes_an_evidence_document_with_a_pointer() -> None:
    """Counted after assembly; nothing is lost and nothing is longer than the box."""
    contents = [authored.professional_view(AUTHOR, view=letter * 9_000) for letter in "abc"]
    views = [opened(f"v{n}", COUNCIL, Category.PROFESSIONAL_VIEW, content) for n, content in enumerate(contents)]
    made = draft(views)
    field = made.get("professional-insight")
    assert field.char_count <= MAX_ANSWER_CHARS
    assert (field.value or "").endswith("Continued in the file evidence-1-professional-insight.txt.")
    whole = (field.value or "") + made.evidence_documents[0].text
    assert all(letter * 9_000 in whole for letter in "abc")
    assert made.get("upload-file").value == "evidence-1-professional-insight.txt"
    assert "continuation of the field professional-insight" in (made.get("what-evidence-you-will-submit").value or "")
    assert made.get("upload-file").provenance


def test_one_line_longer_than_the_box_is_whole_in_the_document() -> None:
    """A single long text is cut in the box and whole in the file."""
    view = authored.professional_view(AUTHOR, view="z" * 15_000)
    made = draft([opened("v", COUNCIL, Category.PROFESSIONAL_VIEW, view)])
    assert made.get("professional-insight").char_count <= MAX_ANSWER_CHARS
    assert "z" * 15_000 in made.evidence_documents[0].text


def test_fragment_without_a_permit_to_submit_is_not_used() -> None:
    """No permit, no use; a field only it could fill is withheld, naming who holds it and not what."""
    allowed = {item.header.fragment for item in fragments()} - {fid("charity-transit")}
    made = draft(submittable=allowed)
    field = made.get("were-they-taken-somewhere-by-their-exploiter")
    assert field.state is FieldState.WITHHELD
    assert "Harbour Charity" in field.state_reason
    assert made.not_permitted == (fid("charity-transit"),)
    assert "by car" not in json.dumps(made.to_json())
    nothing = draft(submittable=set())
    assert {item.field for item in nothing.fields if item.value} == {"pv-under-age", "pv-want-to-submit-nrm"}


@pytest.mark.parametrize(
    ("handling", "release", "is_used"),
    [
        (RESTRICTED, False, False),
        (RESTRICTED, True, True),
        (Handling(instructions=(HandlingInstruction.NO_ONWARD,)), False, False),
        (Handling(instructions=(HandlingInstruction.RECIPIENTS_ONLY,)), False, False),
        (Handling(instructions=(HandlingInstruction.NOT_TO_FAMILY,)), False, True),
    ],
)
def test_handling_keeps_a_fragment_out_without_the_originators_release(
    handling: Handling, release: bool, is_used: bool
) -> None:
    """Even a permit does not lift a marking that the originator has not lifted."""
    content = record(Category.TRAFFICKING_EVENT, "Taken by car", {"hte_Type": value("Transit")})
    item = opened("t", POLICE, Category.TRAFFICKING_EVENT, content, handling=handling, release=release)
    made = draft([item])
    field = made.get("were-they-taken-somewhere-by-their-exploiter")
    assert (field.value == "yes") is is_used
    assert (field.state is FieldState.WITHHELD) is not is_used
    if is_used:
        assert made.used[0].instructions == tuple(item.value for item in handling.instructions)


def test_record_restricted_in_its_source_is_not_used() -> None:
    """The source's own restriction counts, although no policy can see it."""
    content = {**record(Category.IDENTITY, "x", {"prs_FirstName": value("Robin")}), "restricted": True}
    made = draft([opened("i", HEALTH, Category.IDENTITY, content)])
    assert made.get("pv-name-first-name").state is FieldState.WITHHELD


def test_partly_withheld_text_says_that_there_is_more() -> None:
    """A shorter text is never mistaken for a whole one."""
    allowed = {item.header.fragment for item in fragments()} - {fid("charity-control")}
    remarks = draft(submittable=allowed).get("modern-slavery-indicators-details").remarks
    assert remarks == ("more is held and not released for a referral, by Harbour Charity",)


def test_superseded_version_does_not_enter() -> None:
    """Only the newest version of a fragment speaks."""
    made = draft()
    ids = [*(item.fragment for item in made.used), *made.not_used, *made.not_permitted]
    assert fid("charity-note-1") not in ids
    assert fid("charity-note-2") in ids


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([answer("no-such-field", "x")], "each field of the path at most once"),
        ([answer("family", "x"), answer("family", "y")], "at most once"),
        ([answer("pv-under-age", "no")], "follows from the signed facts"),
        ([answer("pv-want-to-submit-nrm", "no")], "follows from the signed facts"),
        ([answer("pv-gender", "x")], "pv-gender: expected one of female, male, unknown"),
        ([answer("family", None, state=FieldState.NOT_KNOWN)], "an open field needs its reason"),
        ([answer("family", None, reason="x")], "an open field has another state"),
        ([answer("family", "x", state=FieldState.NOT_ASKED)], "a value is filled"),
        ([replace(answer("family", "x"), member="somebody")], "member: expected 32"),
    ],
)
def test_answers_that_cannot_count_are_refused(answers: list[Answer], says: str) -> None:
    """A person's entry is checked like any other input."""
    with pytest.raises(DraftRefused, match=says):
        draft(answers=answers)


def test_draft_rests_on_the_pictures_own_fragments() -> None:
    """Fragments that the picture did not have, or lacks, are refused."""
    picture = assemble(case_view())
    with pytest.raises(DraftRefused, match="exactly those the picture was made of"):
        draft_referral(picture, fragments()[1:], submittable=set())
    extra = opened("extra", POLICE, Category.NARRATIVE, record(Category.NARRATIVE, "x", {}))
    with pytest.raises(DraftRefused, match="exactly those the picture was made of"):
        draft_referral(picture, [*fragments(), extra], submittable=set())


def test_health_agency_is_told_that_it_does_not_submit() -> None:
    """Health bodies in Great Britain are not first responders."""
    reader = Recipient(AgencyId(HEALTH), MemberId("cd" * 16))
    assert any("not first responders" in warning for warning in draft(reader=reader).warnings)
    assert not any("not first responders" in warning for warning in draft().warnings)


def test_gap_list_names_what_the_form_demands() -> None:
    """Required first, conflicts with their choices, types as one gap, nothing that is not asked."""
    gaps = {gap.field: gap for gap in list_gaps(draft())}
    assert gaps["pv-dob"].choices == ("2010-03-15", "2010-03-14")
    assert gaps["family"].is_required
    assert not gaps["details-last-contact"].is_required
    assert "types-of-exploitation-*" not in gaps
    assert "where-exploitation-happened-overseas-country-1" not in gaps
    assert "types-of-exploitation-*" in {gap.field for gap in list_gaps(draft([]))}
    text = render_gaps(draft())
    assert text.index("Needed before the form can be sent") < text.index("Open, and not demanded")
    assert "may be disclosed in criminal, civil or immigration proceedings" in text
    assert "one source has: 14 March 2010" in text


def test_content_of_any_shape_never_stops_the_draft() -> None:
    """Odd content of another agency gives open fields, not a traceback."""
    odd: list[Any] = [
        {"fields": {"prs_FirstName": value("x" * 20_000), "prs_NumberOfChildren": value("٣"), "hub_Alias": [{}]}},
        {"fields": {"hub_Offence": [{"role": value("victim"), "reference": value(5), "code": value("MS15")}]}},
        {"fields": {"hte_Type": value("Exploitation"), "hte_City": value(True), "hte_Country": value(826)}},
        {"fields": {"prs_Citizenship": [value("?"), value(""), value("x" * 5_000)]}},
        {"fields": {"hub_Plan": [{"authority": value(1), "email": value("no address")}]}},
        None,
    ]
    for category in Category:
        items = [opened(f"odd-{number}", POLICE, category, content) for number, content in enumerate(odd)]
        made = draft(items)
        json.dumps(made.to_json())
        render_gaps(made)
