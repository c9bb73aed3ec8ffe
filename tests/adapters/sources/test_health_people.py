"""Whose record it is: references, candidates, the child asked for, restriction, duplicates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from health_records import (
    BAD_NUMBER,
    CHILD,
    CHILD_NUMBER,
    NHS,
    OTHER_NUMBER,
    bundle,
    categories,
    codes,
    concept,
    flag,
    found,
    group,
    only,
    patient,
    read,
    value,
)

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.subject import Subject
from policies.vocabulary import Category

CONCERN = concept("919461000000108")
BY_NAME = Subject({}, first_name="Robin", family_name="Invented", birth_date="2011-04-05")
RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def by_number(number: str = CHILD_NUMBER) -> dict[str, Any]:
    return {"identifier": {"system": NHS, "value": number}}


# Resolution


@pytest.mark.parametrize(
    ("full_url", "own_id", "reference"),
    [
        (
            "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            None,
            {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
        ),
        ("https://base.example/Patient/1", "other", {"reference": "https://base.example/Patient/1"}),
        (None, "p1", {"reference": "Patient/p1"}),
        ("urn:uuid:1", "p1", {"reference": "Patient/p1/_history/3"}),
        (None, None, by_number()),
    ],
)
def test_references_resolve(full_url: str | None, own_id: str | None, reference: dict[str, Any]) -> None:
    """By fullUrl, which need not match the id; by type and id; by identifier."""
    child = patient()
    del child["id"]
    made = bundle(child | ({"id": own_id} if own_id else {}), flag(CONCERN, reference))
    made["entry"][0] |= {"fullUrl": full_url} if full_url else {}
    report = read(made, CHILD)
    assert categories(report) == ["identity", "concern"]
    assert codes(report)["unresolved_reference"] == 0


def test_references_by_identifier_resolve_to_any_resource() -> None:
    """An organisation referred to by its code alone is found by that code."""
    code = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y12345"}
    surgery = {"resourceType": "Organization", "identifier": [code], "name": "Invented Surgery"}
    half = {"resourceType": "Organization", "identifier": [{"value": "Y12345"}], "name": "Another"}
    report = read(bundle(patient(generalPractitioner=[{"identifier": code}]), surgery, half), CHILD)
    assert group(only(report, Category.RELATION), "hub_Professional")["organisation"].value == "Invented Surgery"


def test_contained_patient_resolves() -> None:
    contained = patient(own_id="inner")
    report = read(flag(CONCERN, {"reference": "#inner"}, contained=[contained]), CHILD)
    assert categories(report) == ["concern"]


def test_a_reference_that_differs_in_case_is_a_finding_not_a_match() -> None:
    report = read(bundle(patient(), flag(CONCERN, {"reference": "Patient/P1"})), CHILD)
    assert categories(report) == ["identity"]
    messages = [finding.message for finding in found(report, FindingCode.UNRESOLVED_REFERENCE)]
    assert any("case of letters" in message for message in messages)
    assert report.refused == 1


def test_unresolved_references_name_the_element_not_its_value() -> None:
    report = read(flag(CONCERN, author={"reference": "Practitioner/DrRobinInvented"}))
    finding = found(report, FindingCode.UNRESOLVED_REFERENCE)[0]
    assert "subject, author" in finding.message
    assert "Robin" not in finding.message
    assert finding.locator == "#/subject/reference"


def test_a_name_that_two_different_resources_have_is_no_name() -> None:
    """Two patients with one id: the reference is ambiguous, so nobody's record is guessed."""
    first, second = patient(), patient(OTHER_NUMBER, birthDate="2010-01-01")
    report = read(bundle(first, second, flag(CONCERN)), CHILD)
    assert categories(report) == ["identity"]
    assert (report.refused, report.not_about) == (1, 1)


def test_the_same_record_twice_is_read_once() -> None:
    """Word for word the same, but for its version: one fragment, and a finding that names both places."""
    again = patient(meta={"versionId": "2"})
    report = read(bundle(patient(), again))
    assert (report.fragments, report.refused) == (1, 1)
    finding = found(report, FindingCode.DUPLICATE_RECORD)[0]
    assert "#/entry/0/resource" in finding.message
    assert finding.locator == "#/entry/1/resource"


# The child asked for


def test_only_the_records_of_the_child_asked_for_become_drafts() -> None:
    other = patient(OTHER_NUMBER, own_id="p2", birthDate="2009-01-01", name=[{"family": "Else", "given": ["Kim"]}])
    made = bundle(patient(), other, flag(CONCERN), flag(CONCERN, {"reference": "Patient/p2"}))
    report = read(made, CHILD)
    assert categories(report) == ["identity", "concern"]
    assert (report.records_in, report.not_about) == (4, 2)
    assert read(made).fragments == 4
    assert {draft.about for draft in read(made).drafts} == {CHILD_NUMBER, OTHER_NUMBER}


def test_findings_of_other_people_are_not_told() -> None:
    other = patient(OTHER_NUMBER, own_id="p2", birthDate="1850-01-01", gender="xyz")
    report = read(bundle(patient(), other), CHILD)
    assert codes(report) == {}


def test_name_and_birth_date_find_a_patient_without_a_usable_number() -> None:
    """A failing number is not used to match; the family name, first name and birth date may be."""
    report = read(bundle(patient(BAD_NUMBER), flag(CONCERN)), BY_NAME)
    assert categories(report) == ["identity", "concern"]
    number = value(only(report, Category.IDENTITY), "hub_NHSNumber")
    assert (number.state, number.as_written, number.value) == (ValueState.UNREADABLE, BAD_NUMBER, None)
    assert "check digit" not in found(report, FindingCode.BAD_NHS_NUMBER)[0].message


@pytest.mark.parametrize("change", [{"birthDate": "2011-04-06"}, {"birthDate": "2011"}, {"name": [{"family": "Else"}]}])
def test_a_name_alone_is_not_enough(change: dict[str, Any]) -> None:
    assert read(patient(None, **change), BY_NAME).fragments == 0


def test_a_patient_that_cannot_be_compared_is_refused_with_the_reason() -> None:
    report = read(patient(BAD_NUMBER), CHILD)
    assert (report.fragments, report.refused) == (0, 1)
    assert "cannot be compared" in found(report, FindingCode.UNRESOLVED_REFERENCE)[0].message
    assert codes(report)["bad_nhs_number"] == 1


def test_test_numbers_never_match_in_a_live_hub() -> None:
    report = read(bundle(patient(), flag(CONCERN, by_number())), CHILD, is_test_hub=False)
    assert report.fragments == 0
    assert codes(report)["test_number"] == 2


def test_test_numbers_are_shown_as_such_in_a_test_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    draft = only(read(patient()), Category.IDENTITY)
    assert value(draft, "hub_NHSNumberIsTest").value is True
    # No number of a living person may stand in a test: the range is moved away instead.
    for module in ("people", "identity", "mapping"):
        monkeypatch.setattr(f"adapters.sources.health.{module}.is_test_nhs_number", lambda _digits: False)
    live = only(read(patient(), CHILD, is_test_hub=False), Category.IDENTITY)
    assert value(live, "hub_NHSNumber").value == CHILD_NUMBER
    assert "hub_NHSNumberIsTest" not in live.fields


def test_number_agrees_and_birth_date_does_not() -> None:
    """The number decides; that the birth date is another is said, for a person to check."""
    subject = Subject({"nhs_number": CHILD_NUMBER}, family_name="Invented", birth_date="2010-01-01")
    report = read(patient(), subject)
    assert report.fragments == 1
    assert codes(report)["conflict_in_delivery"] == 1


def test_two_numbers_in_one_record_match_nobody() -> None:
    both = [{"system": NHS, "value": number} for number in (CHILD_NUMBER, OTHER_NUMBER)]
    report = read(patient(None, identifier=both), CHILD)
    assert report.fragments == 0
    assert codes(report)["conflict_in_delivery"] == 1
    old = [both[0], both[1] | {"use": "old"}]
    draft = only(read(patient(None, identifier=old), CHILD), Category.IDENTITY)
    assert value(draft, "hub_FormerNHSNumber").value == OTHER_NUMBER


def test_birth_dates_that_differ_between_files_are_a_conflict() -> None:
    sibling = json.dumps(patient(birthDate="2011-04-06")).encode()
    report = read(patient(), CHILD, siblings={"other.json": sibling})
    assert codes(report)["conflict_in_delivery"] == 1
    assert codes(read(patient(), CHILD, siblings={"same.json": json.dumps(patient(active=True)).encode()})) == {}


# The patient is not in the file


def test_reference_to_a_patient_elsewhere_needs_the_delivery_or_the_number() -> None:
    """Nobody can say whose it is, unless another file has the patient or the reference has the number asked for."""
    lone = flag(CONCERN)
    assert read(lone, CHILD).refused == 1
    assert read(lone, BY_NAME).refused == 1
    sibling = {"patient.json": json.dumps(patient()).encode()}
    resolved = read(lone, CHILD, siblings=sibling)
    assert resolved.fragments == 1
    assert codes(resolved)["unresolved_reference"] == 0
    assert read(lone, BY_NAME, siblings=sibling).fragments == 1
    other = {"patient.json": json.dumps(patient(OTHER_NUMBER)).encode()}
    assert read(lone, CHILD, siblings=other).not_about == 1


@pytest.mark.parametrize(
    "reference",
    [by_number(), {"reference": f"Patient/{CHILD_NUMBER}"}, {"reference": f"https://a.example/Patient/{CHILD_NUMBER}"}],
)
def test_reference_with_the_number_asked_for(reference: dict[str, Any]) -> None:
    assert read(flag(CONCERN, reference), CHILD).fragments == 1
    other = read(flag(CONCERN, reference), Subject({"nhs_number": OTHER_NUMBER}))
    assert other.fragments == 0


def test_without_a_question_the_record_is_read_and_the_doubt_is_told() -> None:
    report = read(flag(CONCERN))
    assert report.drafts[0].about == "Patient/p1"
    assert codes(report)["unresolved_reference"] == 1


def test_siblings_that_clash_or_are_no_health_records_help_nobody() -> None:
    """Two systems with one patient id: the name tells nobody apart. Broken siblings are passed over."""
    siblings = {
        "a.json": json.dumps(patient()).encode(),
        "b.json": json.dumps(patient(OTHER_NUMBER)).encode(),
        "c.csv": b"CHILD,SEX\n1,2\n",
        "d.json": b'{"resourceType": "Patient"',
    }
    assert read(flag(CONCERN), CHILD, siblings=siblings).refused == 1
    del siblings["b.json"]
    assert read(flag(CONCERN), CHILD, siblings=siblings).fragments == 1


@pytest.mark.parametrize(
    "reference", [{"reference": "Location/l1"}, {"reference": "Group/g"}, {"reference": "urn:x", "type": "Device"}]
)
def test_a_record_about_something_else_than_a_person(reference: dict[str, Any]) -> None:
    location = {"resourceType": "Location", "id": "l1", "name": "Corner"}
    report = read(bundle(location, flag(CONCERN, reference)))
    assert (report.fragments, report.not_about) == (0, 1)
    assert codes(report)["not_the_subject"] == 1


def test_a_search_says_whose_its_answer_is() -> None:
    """A care team that names no patient is about the patient that the search asked for."""
    team = {"resourceType": "CareTeam", "id": "t", "name": "Invented Council", "category": [concept("342191000000101")]}
    for number in (f"{NHS}|{CHILD_NUMBER}", f"https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{CHILD_NUMBER}"):
        link = [{"relation": "self", "url": f"https://a.example/CareTeam?patient:identifier={number}"}]
        made = bundle(team, kind="searchset", link=link)
        assert read(made, CHILD).fragments == 1
        assert read(made, Subject({"nhs_number": OTHER_NUMBER})).not_about == 1
    assert read(team, CHILD).refused == 1
    assert codes(read(team))["unresolved_reference"] == 1


# Searches


def searchset(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = bundle(*resources, kind="searchset", **more)
    for entry in made["entry"]:
        entry["search"] = {"mode": "match", "score": 0.9}
    return made


def test_several_candidates_are_nobody() -> None:
    """A search with scores is no identification: a person chooses, and asks with the number."""
    made = searchset(patient(), patient(OTHER_NUMBER, own_id="p2"))
    for subject in (None, BY_NAME):
        report = read(made, subject)
        assert (report.fragments, report.refused) == (0, 2)
        assert codes(report)["several_candidates"] == 2
    chosen = read(made, CHILD)
    assert (chosen.fragments, chosen.not_about) == (1, 1)


def test_patients_of_a_collection_are_no_candidates() -> None:
    assert read(bundle(patient(), patient(OTHER_NUMBER, own_id="p2"))).fragments == 2


def test_one_candidate_is_told_as_such() -> None:
    report = read(searchset(patient()), BY_NAME)
    assert report.fragments == 1
    assert "score of 0.9" in found(report, FindingCode.SEVERAL_CANDIDATES)[0].message
    certain = searchset(patient())
    certain["entry"][0]["search"]["score"] = 1
    assert codes(read(certain))["several_candidates"] == 0


def test_included_patients_are_no_candidates() -> None:
    made = searchset(patient(), patient(OTHER_NUMBER, own_id="p2"))
    made["entry"][1]["search"] = {"mode": "include"}
    assert read(made).fragments == 2


def test_nothing_found_does_not_mean_that_there_is_nothing() -> None:
    report = read(bundle(kind="searchset", timestamp="2026-11-20T10:00:00Z"), CHILD)
    assert report.records_in == 0
    message = found(report, FindingCode.NOTHING_FOUND)[0].message
    assert "asked on 2026-11-20" in message
    assert "does not mean that there is nothing" in message


def test_an_answer_with_more_pages_is_not_complete() -> None:
    for more in ({"total": 5}, {"link": [{"relation": "next", "url": "https://a.example/2"}]}):
        report = read(bundle(patient(), kind="searchset", **more))
        assert "not complete" in found(report, FindingCode.SOURCE_ERROR)[0].message
    assert codes(read(bundle(patient(), kind="searchset", total=1)))["source_error"] == 0


def outcome(severity: str) -> dict[str, Any]:
    issue = {"severity": severity, "code": "value", "diagnostics": "Robin Invented, 9991230009, is unknown"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def test_operation_outcomes() -> None:
    """Alone, an error costs the file; beside records it is told; free text that may name a person never is."""
    for data in (outcome("error"), outcome("information"), bundle(outcome("error"), kind="searchset")):
        with pytest.raises(SourceRefused) as refused:
            read(data)
        assert refused.value.findings[0].code is FindingCode.SOURCE_ERROR
        assert "Robin" not in str(refused.value)
    beside = read(bundle(patient(), outcome("warning"), kind="searchset"))
    assert (beside.records_in, beside.fragments) == (1, 1)
    assert codes(beside)["source_error"] == 1
    empty = read(bundle(outcome("information"), kind="searchset"))
    assert codes(empty) == {"nothing_found": 1, "source_error": 1}


# Restriction, withdrawal


def test_a_restricted_patient_withholds_what_the_record_lacks() -> None:
    report = read(bundle(patient(meta=RESTRICTED), flag(CONCERN)))
    assert categories(report) == ["identity", "contact", "relation", "concern"]
    assert all(draft.restricted for draft in report.drafts)
    contact = only(report, Category.CONTACT)
    assert {value(contact, name).state for name in ("prs_MailingStreet", "prs_HomePhone")} == {ValueState.WITHHELD}
    practice = group(only(report, Category.RELATION), "hub_Professional")
    assert practice["organisation"].state is ValueState.WITHHELD
    assert codes(report)["restricted_record"] == 1
    sensitivity = value(only(report, Category.IDENTITY), "hub_Sensitivity")
    assert (sensitivity.value, sensitivity.code) == ("restricted", "R")


def test_a_restriction_is_kept_from_any_file_and_any_label() -> None:
    sibling = json.dumps(patient(meta=RESTRICTED)).encode()
    assert read(flag(CONCERN), siblings={"p.json": sibling}).drafts[0].restricted
    very = {"security": [{"code": "V"}]}
    own = read(bundle(patient(), flag(CONCERN, meta=very)))
    assert [draft.restricted for draft in own.drafts] == [False, True]
    both = read(bundle(patient(), flag(CONCERN)), siblings={"p.json": sibling})
    assert [draft.restricted for draft in both.drafts if draft.category is Category.CONCERN] == [True]
    normal = {"security": [{"code": "N"}]}
    assert not read(patient(meta=normal)).drafts[0].restricted
    assert categories(read(patient(meta=normal))) == ["identity"]


@pytest.mark.parametrize(
    "record",
    [
        flag(CONCERN, status="entered-in-error"),
        {
            "resourceType": "Condition",
            "code": CONCERN,
            "subject": by_number(),
            "verificationStatus": concept(
                "entered-in-error", "http://terminology.hl7.org/CodeSystem/condition-ver-status"
            ),
        },
        patient(link=[{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]),
    ],
)
def test_records_that_are_withdrawn_or_merged(record: dict[str, Any]) -> None:
    """Entered in error, or merged into another: what was said before changes, and a person must confirm."""
    report = read(record)
    assert (report.fragments, report.refused) == (0, 1)
    assert codes(report)["cancels_or_merges"] == 1


@pytest.mark.parametrize(("reason", "fragments"), [("new", 1), ("update", 1), ("delete", 0)])
def test_messages_that_change_or_withdraw_earlier_ones(reason: str, fragments: int) -> None:
    header = {
        "resourceType": "MessageHeader",
        "eventCoding": {"code": "x"},
        "source": {"endpoint": "http://a.example", "software": "Invented System"},
        "reason": concept(reason, "https://fhir.nhs.uk/CodeSystem/message-reason-bars"),
    }
    report = read(bundle(header, patient(), kind="message"))
    assert report.fragments == fragments
    assert codes(report)["cancels_or_merges"] == {"new": 0, "update": 1, "delete": 2}[reason]
    if fragments:
        assert report.drafts[0].source.system == "Invented System"
