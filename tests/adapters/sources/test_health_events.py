"""Attendances, consents, who looked before, and documents."""

from __future__ import annotations

from typing import Any

import pytest
from health_records import (
    BAD_NUMBER,
    CHILD,
    CHILD_NUMBER,
    NHS,
    OTHER_NUMBER,
    bundle,
    codes,
    concept,
    found,
    group,
    only,
    read,
    value,
)

from adapters.sources.draft import DraftFragment, Value, ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.health import documents
from policies.vocabulary import Category

CHILD_REFERENCE = {"identifier": {"system": NHS, "value": CHILD_NUMBER}}
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def one(record: dict[str, Any], category: Category) -> DraftFragment:
    return only(read(record, CHILD), category)


# Attendances


def encounter(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"system": ACT, "code": "EMER"},
        "subject": CHILD_REFERENCE,
        "period": {"start": "2026-01-02T10:00:00Z", "end": "2026-01-02T12:00:00Z"},
    } | more


def test_attendance() -> None:
    place = {"resourceType": "Location", "id": "l", "name": "Invented Ward"}
    trust = {"resourceType": "Organization", "id": "o", "name": "Invented Trust"}
    record = encounter(
        location=[{"location": {"reference": "Location/l"}}],
        serviceProvider={"reference": "Organization/o"},
        reasonCode=[concept("1", "x", "injury"), concept("2", "x", "again")],
        priority=concept("EM", ACT, "emergency"),
    )
    report = read(bundle(record, place, trust), CHILD)
    draft = only(report, Category.HEALTH_CONTACT)
    part = group(draft, "hub_HealthContact")
    assert (part["kind"].value, part["kind"].code, part["urgency"].value) == ("emergency", "EMER", "emergency")
    assert (part["place"].value, part["provider"].value) == ("Invented Ward", "Invented Trust")
    assert part["in_progress"].value is False
    assert (part["start"].value, part["end"].value) == ("2026-01-02T10:00:00Z", "2026-01-02T12:00:00Z")
    assert draft.summary == "Health contact, emergency: 2026-01-02T10:00:00Z, 2026-01-02T12:00:00Z"
    assert (draft.observed_from, draft.observed_to) == ("2026-01-02T10:00:00Z", "2026-01-02T12:00:00Z")
    reasons = draft.fields["hub_HealthContactReason"]
    assert not isinstance(reasons, Value)
    assert len(reasons) == 2


def test_every_place_of_a_stay_is_kept() -> None:
    """The last place is where the child was seen last; the earlier ones are not lost."""
    record = encounter(location=[{"location": {"display": name}} for name in ("Invented Desk", "Invented Ward")])
    draft = one(record, Category.HEALTH_CONTACT)
    assert group(draft, "hub_HealthContact")["place"].value == "Invented Ward"
    places = draft.fields["hub_HealthContactPlace"]
    assert not isinstance(places, Value)
    assert [item.value for item in places if isinstance(item, Value)] == ["Invented Desk", "Invented Ward"]


@pytest.mark.parametrize(("code", "words"), [("IMP", "inpatient"), ("AMB", "ambulatory")])
def test_encounter_classes(code: str, words: str) -> None:
    draft = one(encounter(**{"class": {"system": ACT, "code": code}}), Category.HEALTH_CONTACT)
    assert group(draft, "hub_HealthContact")["kind"].value == words


def test_unknown_encounter_class_is_kept_as_written() -> None:
    report = read(encounter(**{"class": {"system": ACT, "code": "XYZ"}}), CHILD)
    kind = group(report.drafts[0], "hub_HealthContact")["kind"]
    assert (kind.state, kind.as_written) == (ValueState.UNREADABLE, "XYZ")
    assert codes(report)["unknown_code"] == 1


def test_missing_end_means_in_progress() -> None:
    draft = one(encounter(status="in-progress", period={"start": "2026-01-02"}), Category.HEALTH_CONTACT)
    part = group(draft, "hub_HealthContact")
    assert part["in_progress"].value is True
    assert part["end"].state is ValueState.ABSENT
    assert "still going on" in draft.summary


def test_cancelled_contact_did_not_happen() -> None:
    report = read(encounter(status="cancelled"), CHILD)
    assert (report.fragments, codes(report)["cancels_or_merges"]) == (0, 1)


@pytest.mark.parametrize(
    ("period", "code"),
    [
        ({"start": "2026-01-03", "end": "2026-01-02"}, "ends_before_start"),
        ({"start": "2027-01-03"}, "implausible_date"),
        ({"start": "1899"}, "implausible_date"),
        ({"start": "2026-01-02", "end": "2026-01"}, None),
    ],
)
def test_doubtful_periods(period: dict[str, str], code: str | None) -> None:
    """A month is not before a day within it."""
    assert dict(codes(read(encounter(period=period), CHILD))) == ({code: 1} if code else {})


def test_episode_of_care() -> None:
    record = {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "patient": CHILD_REFERENCE,
        "period": {"start": "2026-01"},
        "managingOrganization": {"display": "Invented Trust"},
    }
    draft = one(record, Category.HEALTH_CONTACT)
    part = group(draft, "hub_HealthContact")
    assert (part["provider"].value, part["start"].value) == ("Invented Trust", "2026-01")
    assert draft.observed_from == "2026-01"


# Consent


def consent(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept("patient-privacy", "x"),
        "category": [concept("INFA", ACT)],
        "patient": CHILD_REFERENCE,
        "dateTime": "2026-01-02",
        "policyRule": concept("policy", "x"),
    } | more


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"provision": {"type": "permit"}}, True),
        ({"policyRule": concept("OPTIN", ACT)}, True),
        ({"provision": {"type": "deny"}}, False),
        ({"policyRule": concept("OPTOUT", ACT), "provision": {"type": "permit"}}, False),
        ({"status": "rejected", "provision": {"type": "permit"}}, False),
        ({"policyRule": concept("IMPLIED", ACT)}, None),
        ({"policyRule": concept("IMPLIED", ACT), "provision": {"type": "permit"}}, None),
        ({"status": "proposed", "provision": {"type": "permit"}}, None),
        ({"status": "inactive", "provision": {"type": "permit"}}, None),
        ({}, None),
    ],
)
def test_only_an_explicit_permit_is_a_yes(change: dict[str, Any], answer: bool | None) -> None:
    """Implied, proposed, inactive and unsaid are neither yes nor no."""
    given = value(one(consent(**change), Category.CONSENT), "con_Consent")
    assert given.value is answer
    assert given.state is (ValueState.ABSENT if answer is None else ValueState.GIVEN)


def test_consent_details() -> None:
    """By whom, when, for what; the NHS number of whoever gave it is checked, and not shared."""
    record = consent(
        performer=[
            {"type": "RelatedPerson", "display": "Up Grown", "identifier": {"system": NHS, "value": BAD_NUMBER}},
            {"reference": "Practitioner/x"},
        ],
        provision={
            "type": "permit",
            "period": {"start": "2026-01-02", "end": "2026-06-30"},
            "purpose": [{"system": "x", "code": "TREAT", "display": "treatment"}],
        },
    )
    report = read(record, CHILD)
    draft = only(report, Category.CONSENT)
    detail = group(draft, "hub_ConsentDetail")
    assert (detail["given_by"].value, detail["given_by"].as_written) == ("Up Grown", "RelatedPerson")
    assert (detail["date"].value, detail["end"].value) == ("2026-01-02", "2026-06-30")
    assert detail["scope"].code == "patient-privacy"
    assert codes(report)["bad_nhs_number"] == 1
    assert BAD_NUMBER not in str(draft.to_content())
    others = draft.fields["hub_ConsentGivenBy"]
    assert not isinstance(others, Value)
    assert [item.value for item in others if isinstance(item, Value)] == ["Practitioner"]


# Access


def audit(*entities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "x", "code": "rest"},
        "action": "R",
        "recorded": "2026-01-02T10:00:00.1234567Z",
        "agent": [
            {
                "who": {"display": "Invented Surgery", "identifier": {"system": "ods", "value": "Y12345"}},
                "requestor": True,
            },
            {"who": {"identifier": {"system": NHS, "value": OTHER_NUMBER}}, "requestor": False},
        ],
        "source": {"observer": {"display": "x"}, "site": "a.example"},
        "entity": list(entities),
    } | more


PATIENT_ENTITY = {"what": CHILD_REFERENCE, "role": {"system": "x", "code": "1"}}


def test_who_looked_before() -> None:
    draft = one(audit(PATIENT_ENTITY, {"what": {"identifier": {"system": "t", "value": "1"}}}), Category.ACCESS)
    access = group(draft, "hub_Access")
    assert (access["when"].value, access["kind"].value) == ("2026-01-02T10:00:00.1234567Z", "rest")
    agent = group(draft, "hub_AccessAgent")
    assert (agent["who"].value, agent["identifier"].value, agent["requestor"].value) == (
        "Invented Surgery",
        "Y12345",
        True,
    )
    assert OTHER_NUMBER not in str(draft.to_content())


@pytest.mark.parametrize(
    "entity",
    [
        {"what": {"reference": f"Patient/{CHILD_NUMBER}"}},
        {"what": CHILD_REFERENCE | {"type": "Patient"}},
        {"what": {"reference": f"urn:x/{CHILD_NUMBER}"}, "type": {"system": "x", "code": "Patient"}},
    ],
)
def test_entities_that_are_patients(entity: dict[str, Any]) -> None:
    """By the kind of reference, by the kind of entity, or by its role."""
    assert read(audit({"what": {"display": "a query"}}, entity), CHILD).fragments == 1


def test_other_patients_in_the_same_record_are_left_out() -> None:
    other = {"what": {"identifier": {"system": NHS, "value": OTHER_NUMBER}}}
    report = read(audit(PATIENT_ENTITY, other), CHILD)
    assert "1 other patients" in found(report, FindingCode.THIRD_PARTY)[0].message
    assert OTHER_NUMBER not in str(report.drafts[0].to_content())
    assert read(audit({"what": {"identifier": {"system": "t", "value": "1"}}}), CHILD).refused == 1


def test_the_child_is_found_wherever_a_record_of_several_patients_names_them() -> None:
    """The order of the patients in one record does not decide whose it is."""
    other = {"what": {"identifier": {"system": NHS, "value": OTHER_NUMBER}}}
    report = read(audit(other, PATIENT_ENTITY), CHILD)
    assert report.fragments == 1
    assert report.drafts[0].about == CHILD_NUMBER
    assert codes(report)["third_party"] == 1


# Documents


def test_communication() -> None:
    record = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": CHILD_REFERENCE,
        "sent": "2026-01-02T10:00:00Z",
        "category": [concept("x", "y", "notification")],
        "payload": [
            {"contentString": "first words"},
            {"contentString": "second words"},
            {"contentAttachment": {"title": "letter", "url": "http://127.0.0.1:9/letter.pdf", "data": "aGlkZGVu"}},
        ],
    }
    report = read(record, CHILD)
    draft = only(report, Category.NARRATIVE)
    assert [group(draft, "hub_Narrative", index)["text"].value for index in range(2)] == ["first words", "second words"]
    first = group(draft, "hub_Narrative")
    assert (first["kind"].value, first["date"].value) == ("notification", "2026-01-02T10:00:00Z")
    assert group(draft, "hub_Attachment")["title"].value == "letter"
    assert "aGlkZGVu" not in str(draft.to_content())
    assert any("enclosed" in finding.message for finding in found(report, FindingCode.NOT_MAPPED))
    assert read(record | {"status": "not-done"}, CHILD).refused == 1


def test_document_is_described_and_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is opened for an attachment's address."""

    def no_socket(*_: Any, **__: Any) -> None:
        raise AssertionError("the reader opened a connection")

    monkeypatch.setattr("socket.socket.connect", no_socket)
    record = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": concept("734163000", display="Care plan"),
        "subject": CHILD_REFERENCE,
        "date": "2026-01-02T10:00:00Z",
        "content": [{"attachment": {"contentType": "application/pdf", "url": "http://127.0.0.1:9/a.pdf", "size": 5}}],
    }
    draft = one(record, Category.NARRATIVE)
    part = group(draft, "hub_Attachment")
    assert (part["content_type"].value, part["address"].value, part["size_bytes"].value) == (
        "application/pdf",
        "http://127.0.0.1:9/a.pdf",
        5,
    )


def composition(*divs: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": concept("x", "y", "Discharge summary"),
        "subject": CHILD_REFERENCE,
        "date": "2026-01-02",
        "author": [{"display": "x"}],
        "title": "Summary",
        "section": [{"title": f"s{n}", "text": {"status": "generated", "div": div}} for n, div in enumerate(divs)],
    } | more


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


def test_sections_of_a_document() -> None:
    record = composition(div("<p>One &amp;&nbsp;<b>two</b> three</p><ul><li>four</li></ul>"), div("<!-- no -->"))
    record["section"][0]["section"] = [{"title": "inner", "text": {"status": "generated", "div": div("five")}}]
    draft = one(bundle(record, kind="document"), Category.NARRATIVE)
    whole = group(draft, "hub_Narrative")
    assert (whole["kind"].value, whole["date"].value) == ("Discharge summary", "2026-01-02")
    texts = [group(draft, "hub_Narrative", index).get("text") for index in range(1, 4)]
    assert [(item.value, item.state.value) for item in texts if item is not None] == [
        ("One &\xa0two three\nfour", "given"),
        ("five", "given"),
        (None, "empty"),
    ]


@pytest.mark.parametrize("broken", [div("<p>"), '<!DOCTYPE a [<!ENTITY b "c">]>' + div("&b;"), "words"])
def test_section_text_that_is_not_xhtml_costs_only_that_text(broken: str) -> None:
    report = read(composition(div("good"), broken), CHILD)
    draft = only(report, Category.NARRATIVE)
    assert group(draft, "hub_Narrative", 1)["text"].value == "good"
    assert group(draft, "hub_Narrative", 2)["text"].state is ValueState.UNREADABLE
    assert any("not XHTML" in finding.message for finding in report.findings)


def test_long_texts_are_refused_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a sentence may say the opposite of the whole."""
    monkeypatch.setattr(documents, "MAX_NARRATIVE_CHARS", 10)
    report = read(composition(div("eleven char"), div("ten chars.")), CHILD)
    draft = only(report, Category.NARRATIVE)
    assert group(draft, "hub_Narrative", 1)["text"].state is ValueState.UNREADABLE
    assert group(draft, "hub_Narrative", 2)["text"].value == "ten chars."
    assert codes(report)["too_large"] == 1
