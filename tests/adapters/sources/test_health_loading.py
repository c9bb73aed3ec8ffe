"""Loading FHIR: notations, guards, what costs a value, a record, a file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from health_records import BAD_NUMBER, CHILD_NUMBER, bundle, codes, concept, flag, found, only, patient, read, value

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode, Severity, SourceRefused
from adapters.sources.health import fhir_loading, fhir_types
from adapters.sources.health.fhir_types import check_resource, shapes
from adapters.sources.health.fhir_xml import MAX_FHIR_XML_DEPTH
from policies.vocabulary import Category

SEXUAL_EXPLOITATION = concept("919461000000108")


def refusal(data: bytes | dict[str, Any]) -> FindingCode:
    with pytest.raises(SourceRefused) as refused:
        read(data)
    assert refused.value.findings[0].severity is Severity.REFUSE_FILE
    return refused.value.findings[0].code


def xml(inner: str, root: str = "Patient") -> bytes:
    return f'<{root} xmlns="http://hl7.org/fhir">{inner}</{root}>'.encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"MSH|^~\\&|x", FindingCode.NOT_THIS_FORMAT),
        (b"[]", FindingCode.NOT_THIS_FORMAT),
        (b"{}", FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": 3}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "Foo"}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "HumanName"}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "DomainResource"}', FindingCode.NOT_THIS_FORMAT),
        (b"<Patient/>", FindingCode.NOT_THIS_FORMAT),
        (b'<Foo xmlns="http://hl7.org/fhir"/>', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "Bundle", "type": "history"}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "Bundle", "type": "transaction", "entry": []}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "Bundle"}', FindingCode.NOT_THIS_FORMAT),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": {}}', FindingCode.SCHEMA_ERROR),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": [1]}', FindingCode.SCHEMA_ERROR),
        (b'{"resourceType": "Bundle", "type": "collection", "foo": 1}', FindingCode.SCHEMA_ERROR),
        (b'{"resourceType": "Patient", "id": "a", "id": "b"}', FindingCode.DUPLICATE_KEY),
        (b'{"resourceType": "Patient", "id": NaN}', FindingCode.NOT_A_NUMBER),
        (b'{"resourceType": "Patient"', FindingCode.NOT_WELL_FORMED),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Patient xmlns="http://hl7.org/fhir"/>', FindingCode.DOCTYPE_FORBIDDEN),
        (b'<Patient xmlns="http://hl7.org/fhir">', FindingCode.NOT_WELL_FORMED),
        (b'{"resourceType": "Patient", "id": "\xff"}', FindingCode.BAD_ENCODING),
        (b'{"resourceType": "ValueSet", "status": "active"}', FindingCode.IS_FORM_DEFINITION),
        (b'{"resourceType": "Questionnaire", "status": "active"}', FindingCode.IS_FORM_DEFINITION),
    ],
)
def test_file_refused(data: bytes, code: FindingCode) -> None:
    assert refusal(data) is code


def test_internal_entities_are_refused_before_a_library_expands_them() -> None:
    bomb = b'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "Robin">]>' + xml('<id value="&a;"/>')
    assert refusal(bomb) is FindingCode.DOCTYPE_FORBIDDEN


def test_nesting_is_limited() -> None:
    deep = '<extension url="a">' * MAX_FHIR_XML_DEPTH + "</extension>" * MAX_FHIR_XML_DEPTH
    assert refusal(xml(deep)) is FindingCode.TOO_DEEP
    assert refusal(b'{"resourceType": "Patient", "extension": ' + b"[" * 70 + b"]" * 70 + b"}") is FindingCode.TOO_DEEP


def test_number_of_resources_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir_loading, "MAX_RESOURCES", 2)
    three = [patient(own_id=name) for name in "abc"]
    assert read(bundle(*three[:2])).fragments == 2
    assert refusal(bundle(*three)) is FindingCode.TOO_LARGE
    lines = b"\n".join(json.dumps(resource).encode() for resource in three)
    assert refusal(lines) is FindingCode.TOO_LARGE


def test_repeats_of_one_element_are_limited() -> None:
    """A list longer than any record has costs the record, in both notations and in bounded time."""
    many = fhir_types.MAX_LIST_ITEMS + 1
    report = read({"resourceType": "Patient", "name": [{"family": "x"}] * many})
    assert (report.refused, codes(report)["schema_error"]) == (1, 1)
    assert read(xml('<name><family value="x"/></name>' * many)).refused == 1
    assert read(xml('<gender value="x"/>' * 5000)).refused == 1


def test_json_and_xml_say_the_same() -> None:
    """One record in both notations gives the same values, with locators of its own notation."""
    inner = (
        '<!-- a comment before the id --><id value="p1"/><text><status value="generated"/>'
        '<div xmlns="http://www.w3.org/1999/xhtml">Robin</div></text>'
        f'<identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="{CHILD_NUMBER}"/></identifier>'
        '<name><use value="official"/><family value="Invented"/><given value="Robin"/><given value="Sky"/></name>'
        '<gender value="female"/><birthDate value="2011-04-05"><extension '
        'url="http://hl7.org/fhir/StructureDefinition/patient-birthTime">'
        '<valueDateTime value="2011-04-05T10:00:00.1234567+01:00"/></extension></birthDate>'
    )
    birth_time = {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                "valueDateTime": "2011-04-05T10:00:00.1234567+01:00",
            }
        ]
    }
    from_xml = only(read(xml(inner)), Category.IDENTITY)
    from_json = only(read(patient(_birthDate=birth_time)), Category.IDENTITY)
    assert set(from_xml.fields) == set(from_json.fields)
    for name in from_xml.fields:
        if name.startswith(("prs_", "hub_Birth")):
            assert value(from_xml, name).value == value(from_json, name).value
    assert value(from_xml, "prs_MiddleName").locator == "/Patient/name[1]/given[2]/@value"
    assert value(from_json, "prs_MiddleName").locator == "#/name/0/given/1"
    assert value(from_xml, "hub_BirthTime").value == "2011-04-05T10:00:00.1234567+01:00"


def test_utf_16_and_a_byte_order_mark_are_read() -> None:
    text = json.dumps(patient())
    assert read(text.encode("utf-16")).fragments == 1
    assert read(b"\xef\xbb\xbf" + text.encode()).fragments == 1


# One resource a line


def test_one_resource_a_line() -> None:
    """A bad line costs that line; the line stands in every locator."""
    broken = b'{"resourceType": "Patient"'
    lines = [
        json.dumps(patient()).encode(),
        b"",
        broken,
        json.dumps(flag(SEXUAL_EXPLOITATION)).encode(),
        b'{"resourceType": "Foo"}',
        b'{"a": 1, "a": 2}',
    ]
    for end in (b"\n", b"\r\n", b"\r"):
        report = read(end.join(lines))
        assert (report.records_in, report.fragments, report.refused) == (5, 2, 3)
        refused = [finding.code.value for finding in report.findings if finding.severity is Severity.REFUSE_RECORD]
        assert sorted(refused) == ["duplicate_key", "not_well_formed", "schema_error"]
        assert [draft.source.locator for draft in report.drafts] == ["line:1#", "line:4#"]
        assert report.drafts[0].about == report.drafts[1].about


def test_line_separators_inside_text_do_not_end_a_line() -> None:
    """U+2028 may stand in JSON text; only CR and LF end a line."""
    robin = patient(name=[{"family": "In\u2028vented", "given": ["Robin"]}])
    lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in (robin, flag(SEXUAL_EXPLOITATION)))
    report = read(lines.encode())
    assert (report.fragments, report.refused) == (2, 0)


def test_bundle_inside_a_bundle_or_a_line_is_not_read() -> None:
    inner = bundle(patient())
    for data in (bundle(patient(), inner), b"\n".join(json.dumps(item).encode() for item in (patient(), inner))):
        report = read(data)
        assert (report.records_in, report.fragments, report.refused) == (2, 1, 1)
        assert "Bundle is not among the resources" in found(report, FindingCode.NOT_MAPPED)[0].message


# What costs what


def test_a_bad_value_costs_only_that_value() -> None:
    """A birth date in the British order is kept as written and not used; the rest of the record is read."""
    report = read(patient(birthDate="05/04/2011"))
    birth_date = value(only(report, Category.IDENTITY), "prs_Birthdate")
    assert birth_date.state is ValueState.UNREADABLE
    assert birth_date.as_written == "05/04/2011"
    assert birth_date.value is None
    finding = found(report, FindingCode.BAD_DATE)[0]
    assert finding.severity is Severity.REFUSE_VALUE
    assert finding.locator == "#/birthDate"
    assert "YYYY-MM-DD" in finding.message


@pytest.mark.parametrize("written", ["2011-02-30", "2011-13-01", "11-04-05", "2011-4-5", 20110405, 86400000, True, "x"])
def test_dates_that_do_not_exist(written: Any) -> None:
    """The model classes take a number for a date; the reader does not."""
    report = read(patient(birthDate=written))
    assert codes(report)["bad_date"] == 1
    assert value(only(report, Category.IDENTITY), "prs_Birthdate").state is ValueState.UNREADABLE


@pytest.mark.parametrize(("written", "precision"), [("2010", "year"), ("2010-05", "month"), ("2010-05-17", "day")])
def test_precision_of_a_date_is_kept(written: str, precision: str) -> None:
    draft = only(read(patient(birthDate=written)), Category.IDENTITY)
    assert value(draft, "prs_Birthdate").value == written
    assert value(draft, "hub_BirthdatePrecision").value == precision


def test_empty_is_not_absent() -> None:
    """An empty value is there and says nothing; a missing one is not there."""
    report = read(patient(birthDate="", gender=" "))
    draft = only(report, Category.IDENTITY)
    assert value(draft, "prs_Birthdate").state is ValueState.EMPTY
    assert value(draft, "hub_Sex").state is ValueState.EMPTY
    assert value(draft, "hub_Ethnicity").state is ValueState.ABSENT
    assert report.refused == 0


def test_a_masked_value_is_withheld() -> None:
    """FHIR's data-absent-reason ``masked`` means that the source does not tell; other reasons mean that it has not."""
    for reason, state in (("masked", ValueState.WITHHELD), ("unknown", ValueState.ABSENT)):
        url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
        record = patient(_birthDate={"extension": [{"url": url, "valueCode": reason}]})
        del record["birthDate"]
        birth_date = value(only(read(record), Category.IDENTITY), "prs_Birthdate")
        assert (birth_date.state, birth_date.as_written) == (state, reason)


def test_a_masked_value_of_xml_is_withheld() -> None:
    inner = (
        '<name><family value="Invented"/><given value="Robin"/><given><extension '
        'url="http://hl7.org/fhir/StructureDefinition/data-absent-reason"><valueCode value="masked"/></extension>'
        '</given></name><birthDate><extension url="http://hl7.org/fhir/StructureDefinition/data-absent-reason">'
        '<valueCode value="masked"/></extension></birthDate>'
    )
    draft = only(read(xml(inner)), Category.IDENTITY)
    birth_date = value(draft, "prs_Birthdate")
    assert (birth_date.state, birth_date.locator) == (ValueState.WITHHELD, "/Patient/birthDate[1]")
    assert value(draft, "prs_FirstName").value == "Robin"
    assert "prs_MiddleName" not in draft.fields


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fhir_comments": ["x"]}, "fhir_comments is not an element"),
        ({"gendr": "female"}, "gendr is not an element of Patient"),
        ({"name": {"family": "x"}}, "name must be a list"),
        ({"gender": ["female"]}, "gender may stand only once"),
        ({"gender": {"a": "b"}}, "gender must be a single value"),
        ({"name": ["x"]}, "name[0] must be an object"),
        ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, "more than one value"),
        ({"extension": [{"url": "a", "valueString": "b", "valueCode": "c"}]}, "extension[0] holds more than one value"),
        ({"contained": [{"resourceType": "Foo"}]}, "contained[0] is not a resource"),
        ({"contained": [{"resourceType": "Flag"}]}, "contained[0].code is required and missing"),
        ({"modifierExtension": [{"url": "a", "valueBoolean": True}]}, "changes the meaning"),
        ({"implicitRules": "http://a.example"}, "changes the meaning"),
        ({"name": [{"family": "x", "foo": [1]}]}, "name[0].foo is not an element"),
    ],
)
def test_a_record_that_is_not_fhir_costs_only_that_record(change: dict[str, Any], said: str) -> None:
    report = read(bundle(patient(**change), patient(own_id="p2", number="9991230017")))
    assert (report.fragments, report.refused) == (1, 1)
    assert said in found(report, FindingCode.SCHEMA_ERROR)[0].message


def test_messages_do_not_repeat_names_that_are_no_element_names() -> None:
    """A key that is no FHIR name may hold anything, also a person's name."""
    report = read(bundle(patient(**{"Robin Invented, 07700 900123": 1})))
    assert "Robin" not in found(report, FindingCode.SCHEMA_ERROR)[0].message


@pytest.mark.parametrize(
    "inner",
    [
        '<gender value="female"/><gender value="male"/>',
        '<foo value="x"/>',
        '<gender value="female" foo="x"/>',
        '<gender xmlns="urn:other" value="female"/>',
        '<gender xmlns="http://www.w3.org/1999/xhtml" value="female"/>',
        '<text><status value="generated"/><div xmlns="urn:other"/></text>',
        "<contained/>",
        '<contained><Patient><id value="a"/></Patient><Patient><id value="b"/></Patient></contained>',
        "<name><period><start><foo/></start></period></name>",
    ],
)
def test_xml_that_is_not_fhir_costs_the_record(inner: str) -> None:
    """Repeats, unknown elements and attributes, other namespaces: nothing is dropped silently."""
    report = read(xml(inner))
    assert (report.fragments, report.refused) == (0, 1)
    assert codes(report)["schema_error"] == 1


def test_xml_attributes_of_schema_instances_are_never_followed() -> None:
    data = (
        b'<Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi:schemaLocation="http://hl7.org/fhir http://127.0.0.1:9/fhir.xsd"><id value="p1"/></Patient>'
    )
    assert read(data).fragments == 1


def test_stray_text_is_a_warning() -> None:
    report = read(xml('<id value="p1"/>stray<name>more<family value="x"/></name>'))
    assert [finding.locator for finding in found(report, FindingCode.STRAY_TEXT)] == ["/Patient", "/Patient/name[1]"]
    assert report.fragments == 1


def test_booleans_and_numbers_of_xml() -> None:
    """``true`` is a boolean; ``yes`` is none, and costs only itself."""
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication"
    for written, state in (("true", ValueState.GIVEN), ("yes", ValueState.UNREADABLE)):
        inner = (
            f'<extension url="{url}"><extension url="interpreterRequired"><valueBoolean value="{written}"/>'
            "</extension></extension>"
        )
        interpreter = value(only(read(xml(inner)), Category.IDENTITY), "hub_InterpreterRequired")
        assert interpreter.state is state
        assert interpreter.value is (True if state is ValueState.GIVEN else None)


def test_entries_without_a_resource_are_counted() -> None:
    made = bundle(patient())
    made["entry"] += [{"fullUrl": "urn:x"}, {"resource": {"resourceType": "Foo"}}, {"foo": 1}]
    report = read(made)
    assert (report.records_in, report.fragments, report.refused) == (4, 1, 3)


def test_the_check_leaves_the_record_as_it_is() -> None:
    record = patient(birthDate="x", gender="", _birthDate={"id": "1"})
    before = json.dumps(record)
    assert check_resource(record, "Patient").values
    assert json.dumps(record) == before


def test_shapes_come_from_the_model_classes() -> None:
    assert shapes("Encounter")["class"].type_name == "Coding"
    assert shapes("Patient")["name"].is_list
    assert shapes("Patient")["birthDate"].is_primitive
    assert not {"resource_type", "fhir_comments", "birthDate__ext", "_birthDate"} & set(shapes("Patient"))
    assert get_fhir_model_class("Patient").__module__.endswith("R4B.patient")


def test_nhs_numbers_of_everybody_in_a_record_are_checked() -> None:
    """A failing number is found wherever it stands; one in another spelling of the system is not read as one."""
    report = read(
        flag(
            SEXUAL_EXPLOITATION,
            {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": BAD_NUMBER}},
            author={"identifier": {"system": "https://fhir.nhs.uk/id/NHS-number", "value": CHILD_NUMBER}},
        )
    )
    assert found(report, FindingCode.BAD_NHS_NUMBER)[0].locator == "#/subject/identifier/value"
    assert "case of letters" in found(report, FindingCode.UNKNOWN_CODE)[0].message
