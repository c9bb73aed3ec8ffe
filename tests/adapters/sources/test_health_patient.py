"""Patients and related persons: names, codes, languages, addresses and telephones with their periods, relations."""

from __future__ import annotations

from typing import Any

import pytest
from health_records import (
    CHILD,
    CHILD_NUMBER,
    NHS,
    UKCORE,
    bundle,
    categories,
    codes,
    concept,
    found,
    group,
    only,
    patient,
    read,
    value,
)

from adapters.sources.draft import DraftFragment, ValueState
from adapters.sources.findings import FindingCode
from policies.vocabulary import Category

ENDED = {"start": "2020-01-01", "end": "2024-01-31"}
FUTURE = {"start": "2027-01-01"}
BORN_NEXT_DAY = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
            "valueDateTime": "2011-04-06T01:00:00Z",
        }
    ]
}


def identity(**change: Any) -> DraftFragment:
    return only(read(patient(**change)), Category.IDENTITY)


def contact(**change: Any) -> DraftFragment:
    return only(read(patient(**change)), Category.CONTACT)


def coded_extension(name: str, code: str, system: str, display: str | None = None) -> dict[str, Any]:
    return {"url": f"{UKCORE}{name}", "valueCodeableConcept": concept(code, system, display)}


# Names


def test_name_parts() -> None:
    draft = identity(name=[{"use": "usual", "prefix": ["Dr"], "given": ["Robin", "Sky", "Lee"], "family": "Invented"}])
    parts = {name: value(draft, name).value for name in draft.fields if name.startswith("prs_") and "Name" in name}
    assert parts == {"prs_FirstName": "Robin", "prs_MiddleName": "Sky Lee", "prs_SecondName": "Invented"}
    assert value(draft, "prs_Salutation").value == "Dr"
    assert not {"hub_Alias", "hub_NameText"} & set(draft.fields)


def test_other_names_are_aliases_and_ended_ones_former() -> None:
    names = [
        {"use": "nickname", "given": ["Rob"]},
        {"use": "maiden", "family": "Earlier", "period": ENDED},
        {"use": "usual", "family": "Was", "period": ENDED},
        {"use": "official", "family": "Will", "period": FUTURE},
        {"use": "usual", "family": "Invented", "given": ["Robin"]},
    ]
    draft = identity(name=names)
    assert value(draft, "prs_SecondName").value == "Invented"
    kinds = [group(draft, "hub_Alias", index)["kind"].value for index in range(4)]
    assert kinds == ["nickname", "maiden", "former", "alias"]


def test_official_comes_before_usual() -> None:
    draft = identity(name=[{"use": "usual", "family": "A"}, {"use": "official", "family": "B"}])
    assert value(draft, "prs_SecondName").value == "B"


def test_a_name_of_text_only_is_kept_as_text() -> None:
    """Nobody guesses which word is the family name."""
    draft = identity(name=[{"text": "Robin Sky Invented"}])
    assert value(draft, "hub_NameText").value == "Robin Sky Invented"
    assert value(draft, "prs_SecondName").state is ValueState.ABSENT


def test_text_is_kept_where_a_part_is_missing() -> None:
    whole = {"text": "Robin Invented", "family": "Invented", "given": ["Robin"]}
    assert "hub_NameText" not in identity(name=[whole]).fields
    for missing in ("family", "given"):
        part = {name: item for name, item in whole.items() if name != missing}
        assert value(identity(name=[part]), "hub_NameText").value == "Robin Invented"


def test_no_current_name_is_said() -> None:
    report = read(patient(name=[{"family": "Was", "period": ENDED}]))
    assert "every name" in found(report, FindingCode.NOT_MAPPED)[0].message
    assert value(report.drafts[0], "prs_FirstName").state is ValueState.ABSENT


# Codes


@pytest.mark.parametrize(("written", "sex"), [("male", "M"), ("female", "F"), ("other", "U"), ("unknown", "U")])
def test_administrative_gender_is_recorded_sex_with_its_scheme(written: str, sex: str) -> None:
    draft = identity(gender=written)
    recorded = value(draft, "hub_Sex")
    assert (recorded.value, recorded.as_written, recorded.scheme) == (sex, written, "fhir-administrative-gender")
    assert "prs_Gender" not in draft.fields


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"gender": "F"}, "hub_Sex"),
        ({"extension": [coded_extension("EthnicCategory", "Q", f"{UKCORE}x")]}, None),
        (
            {
                "extension": [
                    coded_extension("EthnicCategory", "Q", "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory")
                ]
            },
            "hub_Ethnicity",
        ),
        ({"communication": [{"language": concept("zz", "urn:ietf:bcp:47")}]}, "prs_PrimaryLanguage"),
        (
            {
                "identifier": [
                    {
                        "system": NHS,
                        "value": CHILD_NUMBER,
                        "extension": [coded_extension("NHSNumberVerificationStatus", "99", "x")],
                    }
                ]
            },
            "hub_NHSNumberStatus",
        ),
    ],
)
def test_codes_outside_their_list_are_kept_and_not_used(change: dict[str, Any], field: str | None) -> None:
    """Scotland, Wales and Northern Ireland have ethnic lists of their own: their codes are kept as they are."""
    report = read(patient(**change))
    assert codes(report)["unknown_code"] == (0 if field is None else 1)
    if field is not None:
        unknown = value(report.drafts[0], field)
        assert unknown.state is ValueState.UNREADABLE
        assert unknown.value is None
        assert unknown.as_written


def test_ethnic_category_and_verification_status() -> None:
    status = coded_extension("NHSNumberVerificationStatus", "number-present-and-verified", "words")
    draft = identity(
        extension=[
            coded_extension(
                "EthnicCategory",
                "G",
                "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
                "Mixed - other",
            )
        ],
        identifier=[{"system": NHS, "value": "999 123 0009", "extension": [status]}],
    )
    ethnicity = value(draft, "hub_Ethnicity")
    assert (ethnicity.value, ethnicity.code, ethnicity.as_written) == (
        "Any other mixed background",
        "G",
        "Mixed - other",
    )
    verified = value(draft, "hub_NHSNumberStatus")
    assert (verified.value, verified.code) == ("number present and verified", "01")
    number = value(draft, "hub_NHSNumber")
    assert (number.value, number.as_written) == (CHILD_NUMBER, "999 123 0009")


def test_languages() -> None:
    """Preferred first, in ISO 639 three-letter codes; a code for signs beside the language does no harm."""
    signs = concept("703963007")
    signs["coding"].append({"system": "urn:ietf:bcp:47", "code": "bfi"})
    communication = [{"language": signs}, {"language": concept("sq", "urn:ietf:bcp:47"), "preferred": True}]
    draft = identity(communication=communication)
    assert value(draft, "prs_PrimaryLanguage").value == "sqi"
    assert value(draft, "prs_SecondaryLanguage").value == "bfi"
    assert value(draft, "hub_InterpreterRequired").state is ValueState.ABSENT


def test_nhs_communication_says_whether_an_interpreter_is_needed() -> None:
    extension = {
        "url": f"{UKCORE}NHSCommunication",
        "extension": [
            {"url": "language", "valueCodeableConcept": concept("vi", "x")},
            {"url": "interpreterRequired", "valueBoolean": False},
        ],
    }
    draft = identity(extension=[extension])
    assert value(draft, "prs_PrimaryLanguage").value == "vie"
    assert value(draft, "hub_InterpreterRequired").value is False


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"birthDate": "1899-12-31"}, "implausible_date"),
        ({"birthDate": "2030-01-01"}, "implausible_date"),
        ({"birthDate": "1066"}, "implausible_date"),
        ({"birthDate": "2026"}, None),
        ({"birthDate": "2011-04-05"}, None),
        ({"birthDate": "2011-04-05", "_birthDate": BORN_NEXT_DAY}, "conflict_in_delivery"),
        ({"active": False}, "cancels_or_merges"),
        ({"active": True}, None),
    ],
)
def test_doubtful_identity_is_kept_and_warned_about(change: dict[str, Any], code: str | None) -> None:
    report = read(patient(**change))
    assert dict(codes(report)) == ({code: 1} if code else {})
    assert report.fragments == 1


def test_death_is_recorded_with_its_date_and_notification() -> None:
    notification = {
        "url": f"{UKCORE}DeathNotificationStatus",
        "extension": [{"url": "deathNotificationStatus", "valueCodeableConcept": concept("2", "x", "Formal")}],
    }
    draft = identity(deceasedDateTime="2025-05", extension=[notification])
    assert value(draft, "prs_Deceased").value is True
    assert value(draft, "hub_DeathDate").value == "2025-05"
    assert value(draft, "hub_DeathNotification").code == "2"
    assert value(identity(deceasedBoolean=False), "prs_Deceased").value is False
    assert "prs_Deceased" not in identity().fields


def test_what_is_not_shared_is_named() -> None:
    """Religion, local numbers and the like: known, deliberately left out, and said so."""
    religion = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-religion",
        "valueCodeableConcept": {"text": "kept out"},
    }
    local = {"system": "https://hospital.example/id", "value": "H123"}
    report = read(
        patient(
            extension=[religion],
            maritalStatus={"text": "x"},
            identifier=[{"system": NHS, "value": CHILD_NUMBER}, local],
        )
    )
    messages = " | ".join(finding.message for finding in found(report, FindingCode.NOT_MAPPED))
    assert "maritalStatus" in messages
    assert "extension patient-religion" in messages
    assert "1 other identifiers" in messages
    content = str(report.drafts[0].to_content())
    assert "kept out" not in content
    assert "H123" not in content


# Contact


def test_current_and_former_contact_details() -> None:
    """Nothing is shown as current after its end date; everything keeps its period."""
    draft = contact(
        address=[
            {"use": "home", "line": ["1 Gone Road"], "period": ENDED},
            {"use": "home", "line": ["", "2 Invented Road", " "], "city": "Leeds", "district": "West Yorkshire",
             "postalCode": "LS1 6AE", "country": "GBR", "period": {"start": "2024-02-01"}},
            {"use": "temp", "line": ["3 Other Road"]},
        ],
        telecom=[
            {"system": "phone", "use": "home", "value": "01632 960001", "period": ENDED},
            {"system": "phone", "use": "home", "value": "01632 960002", "rank": 2},
            {"system": "phone", "use": "home", "value": "01632 960003", "rank": 1, "period": {"end": "2026-11"}},
            {"system": "phone", "use": "mobile", "value": "07700 900123"},
            {"system": "email", "value": "robin@invented.example"},
            {"system": "phone", "use": "old", "value": "01632 960004"},
            {"system": "phone", "value": "01632 960005"},
        ],
    )  # fmt: skip
    assert {name: value(draft, name).value for name in draft.fields if name.startswith("prs_")} == {
        "prs_MailingStreet": "2 Invented Road",
        "prs_MailingCity": "Leeds",
        "prs_MailingState": "West Yorkshire",
        "prs_MailingPostalCode": "LS1 6AE",
        "prs_MailingCountry": "GBR",
        "prs_HomePhone": "01632 960003",
        "prs_MobilePhone": "07700 900123",
        "prs_Email": "robin@invented.example",
    }
    assert value(draft, "hub_SafeToUse").state is ValueState.NOT_IN_FORMAT
    others = [group(draft, "hub_OtherTelecom", index) for index in range(4)]
    assert {str(item["number"].value)[-1]: item["current"].value for item in others} == {
        "1": False, "2": True, "4": False, "5": True,
    }  # fmt: skip
    addresses = [group(draft, "hub_OtherAddress", index) for index in range(2)]
    assert [item["current"].value for item in addresses] == [False, True]
    assert [item["field"].value for item in (group(draft, "hub_Period", 0), group(draft, "hub_Period", 1))] == [
        "prs_Mailing",
        "prs_HomePhone",
    ]


@pytest.mark.parametrize("end", ["2026-11-20", "2026-10", "2025", "20/11/2026", "2026-11-31"])
def test_an_end_that_has_passed_or_cannot_be_read_is_not_current(end: str) -> None:
    draft = contact(telecom=[{"system": "email", "value": "robin@invented.example", "period": {"end": end}}])
    assert group(draft, "hub_OtherTelecom")["current"].value is False
    assert "prs_Email" not in draft.fields


@pytest.mark.parametrize("end", ["2026-11-21", "2026-11", "2026", "2030-01-01T00:00:00Z"])
def test_an_end_that_may_still_come_is_current(end: str) -> None:
    draft = contact(telecom=[{"system": "email", "value": "robin@invented.example", "period": {"end": end}}])
    assert value(draft, "prs_Email").value == "robin@invented.example"


def test_postcodes_are_checked_and_kept() -> None:
    report = read(patient(address=[{"line": ["1 Invented Road"], "postalCode": "nope"}]))
    assert value(only(report, Category.CONTACT), "prs_MailingPostalCode").value == "nope"
    finding = found(report, FindingCode.BAD_POSTCODE)[0]
    assert finding.locator == "#/address/0/postalCode"
    assert finding in only(report, Category.CONTACT).findings
    assert finding not in only(report, Category.IDENTITY).findings
    abroad = read(patient(address=[{"postalCode": "75001", "country": "FRA"}]))
    assert codes(abroad)["bad_postcode"] == 0


def test_periods_that_end_before_they_start() -> None:
    report = read(
        patient(telecom=[{"system": "phone", "value": "01632 960001", "period": {"start": "2020", "end": "2019-12"}}])
    )
    assert codes(report)["ends_before_start"] == 1


def test_property_reference_number() -> None:
    """The UPRN of an address is kept; an address key that lacks its kind or value says nothing."""
    kind = {"url": "type", "valueCoding": {"system": "x", "code": "UPRN"}}
    number = {"url": "value", "valueString": "000123456789"}
    keys = [{"url": f"{UKCORE}AddressKey", "extension": parts} for parts in ([kind], [number], [kind, number])]
    draft = contact(address=[{"line": ["1 Invented Road"], "extension": keys}])
    assert value(draft, "hub_UPRN").value == "000123456789"
    assert "hub_UPRN" not in contact(address=[{"line": ["1 Invented Road"], "extension": keys[:2]}]).fields
    assert draft.summary == "Address and telephone"


# Relations


def test_contacts_who_are_the_patient_are_the_patients_own_details() -> None:
    """BaRS lists the patient's telephones under a contact ``ONESELF``; other contacts are relations."""
    contacts = [
        {"relationship": [concept("ONESELF", "x")],
         "telecom": [{"system": "phone", "use": "mobile", "value": "07700 900123"}]},
        {"relationship": [concept("EP", "x", "Emergency contact")], "name": {"family": "Grown", "given": ["Up"]},
         "telecom": [{"system": "phone", "use": "mobile", "value": "07700 900124"}], "period": ENDED},
    ]  # fmt: skip
    report = read(patient(contact=contacts))
    assert categories(report) == ["identity", "contact", "relation"]
    assert value(only(report, Category.CONTACT), "prs_MobilePhone").value == "07700 900123"
    relation = only(report, Category.RELATION)
    assert relation.source.locator == "#/contact/1"
    person = group(relation, "hub_Relation")
    assert (person["role"].value, person["prs_SecondName"].value) == ("Emergency contact", "Grown")
    assert group(relation, "hub_RelationTelecom")["current"].value is False


def test_practice_by_code_or_by_resource() -> None:
    ods = "https://fhir.nhs.uk/Id/ods-organization-code"
    surgery = {
        "resourceType": "Organization",
        "id": "o1",
        "name": "Invented Surgery",
        "identifier": [{"system": ods, "value": "Y12345"}],
    }
    practices = [{"reference": "Organization/o1"}, {"identifier": {"system": ods, "value": "Y54321", "period": ENDED}}]
    report = read(bundle(patient(generalPractitioner=practices), surgery), CHILD)
    relations = [draft for draft in report.drafts if draft.category is Category.RELATION]
    first, second = (group(draft, "hub_Professional") for draft in relations)
    assert (first["organisation"].value, first["organisation_code"].value) == ("Invented Surgery", "Y12345")
    assert first["organisation"].locator == "#/entry/1/resource/name"
    assert (second["organisation_code"].value, second["current"].value) == ("Y54321", False)
    assert len({draft.record_id for draft in report.drafts}) == report.fragments


def test_related_person_without_what_is_not_needed_to_reach_them() -> None:
    record = {
        "resourceType": "RelatedPerson",
        "patient": {"identifier": {"system": NHS, "value": CHILD_NUMBER}},
        "identifier": [{"system": NHS, "value": "9991230017"}],
        "birthDate": "1980-01-01",
        "relationship": [concept("Guardian", "x", "Guardian of patient"), concept("AUNT", "x")],
        "name": [{"family": "Grown", "given": ["Up"]}, {"family": "Earlier"}],
        "telecom": [{"system": "phone", "use": "mobile", "value": "07700 900124"}],
        "period": {"start": "2020", "end": "2021"},
    }
    report = read(record, CHILD)
    draft = only(report, Category.RELATION)
    assert group(draft, "hub_Relation")["role"].value == "Guardian of patient"
    assert group(draft, "hub_RelationAlias")["prs_SecondName"].value == "Earlier"
    assert group(draft, "hub_RelationTelecom")["current"].value is False
    assert (draft.observed_from, draft.observed_to) == ("2020", "2021")
    content = str(draft.to_content())
    assert "9991230017" not in content
    assert "1980-01-01" not in content
    assert "identifier, birthDate" in found(report, FindingCode.NOT_MAPPED)[0].message
