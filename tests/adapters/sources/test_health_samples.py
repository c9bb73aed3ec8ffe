"""The published health samples: what becomes of each, the way back of every value, and every kind of damage."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from health_records import CHILD_NUMBER, TODAY, codes, resolve, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.sources.draft import ReadReport, ValueState
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.health.reader import FORMAT, read
from adapters.sources.reading import SourceFile, read_source
from adapters.sources.subject import Subject

# Sample: records in, fragments, refused, not about the child; then the findings that must be there.
EXPECTED: dict[str, tuple[tuple[int, int, int, int], dict[str, int]]] = {
    "bars/BaRS-Booking-POST.json": ((15, 4, 11, 0), {"not_mapped": 12}),
    "bars/BaRS-ValidationRequest-POST.json": ((22, 6, 15, 1), {"bad_nhs_number": 1, "not_the_subject": 1}),
    "cpis/CPIS-CPP-Bundle-Example.xml": ((3, 3, 0, 0), {"unresolved_reference": 2}),
    "cpis/CPIS-CareTeam-Example.xml": ((1, 1, 0, 0), {"unresolved_reference": 1}),
    "cpis/PatientFlag-AlanMann-Example.xml": ((1, 1, 0, 0), {"implausible_date": 1}),
    "pds/Patient.json": ((4, 4, 0, 0), {}),
    "pds/PatientCompoundName.json": ((4, 4, 0, 0), {"bad_nhs_number": 1, "several_candidates": 1}),
    "pds/RelatedPersonBundle.json": ((1, 1, 0, 0), {}),
    "pds/Sensitive_Patient.json": ((3, 3, 0, 0), {"restricted_record": 1}),
    "programme/FGM-BundleWithFoundFlag-Example.xml": ((1, 1, 0, 0), {}),
    "programme/FGM-BundleWithNoFlag-Example.xml": ((0, 0, 0, 0), {"nothing_found": 1}),
    "programme/NationalProxy-Consent-confirmed-Example.json": ((1, 1, 0, 0), {"bad_nhs_number": 2}),
    "programme/PARS-AuditEvent-patient-flag-Example.json": ((1, 1, 0, 0), {"bad_nhs_number": 1}),
    "ukcore/Extension-UKCore-ConditionEpisode-Example.xml": ((1, 0, 1, 0), {"schema_error": 1}),
    "ukcore/UKCore-AuditEvent-Query-Example.xml": ((1, 1, 0, 0), {"unresolved_reference": 1}),
    "ukcore/UKCore-CarePlan-WellnessPlan-Example.xml": ((1, 0, 1, 0), {"not_mapped": 1}),
    "ukcore/UKCore-Communication-FirstMMRVaccination-Example.xml": ((1, 1, 0, 0), {"unresolved_reference": 1}),
    "ukcore/UKCore-Condition-BleedingFromEar-Example.xml": ((1, 0, 1, 0), {"not_mapped": 1}),
    "ukcore/UKCore-Consent-ForInformationAccess-Example.xml": ((1, 1, 0, 0), {}),
    "ukcore/UKCore-DocumentReference-CarePlanReportPDF-Example.xml": ((1, 1, 0, 0), {}),
    "ukcore/UKCore-Encounter-InpatientEncounter-Example.xml": ((1, 1, 0, 0), {}),
    "ukcore/UKCore-Flag-FoodAllergy-Example.xml": ((1, 0, 1, 0), {"not_mapped": 1}),
    "ukcore/UKCore-Observation-DrugUse-Example.xml": ((1, 0, 1, 0), {"not_mapped": 1}),
    "ukcore/UKCore-Patient-BabyPatient-Example.xml": ((2, 2, 0, 0), {"bad_nhs_number": 1}),
    "ukcore/UKCore-Patient-RichardSmith-Example.xml": ((3, 3, 0, 0), {"implausible_date": 1}),
    "ukcore/UKCore-Provenance-RARecordConsent-Example.xml": ((1, 0, 1, 0), {"unresolved_reference": 1}),
    "ukcore/UKCore-RelatedPerson-JoySmith-Example.xml": ((1, 1, 0, 0), {"unresolved_reference": 1}),
}
REFUSED_FILES = {
    "cpis/ValueSet-England-ChildProtectionPlan.xml": FindingCode.IS_FORM_DEFINITION,
    "programme/FGM-InvalidNHSNumber-Example.xml": FindingCode.SOURCE_ERROR,
    "ukcore/UKCore-OperationOutcome-DateError-Example.xml": FindingCode.SOURCE_ERROR,
}
SUBJECTS = (
    None,
    Subject({"nhs_number": "9000000009"}),
    Subject({}, first_name="Jane", family_name="Smith", birth_date="2010-10-22"),
)


def read_bytes(data: bytes, subject: Subject | None = None, *, is_test_hub: bool = True) -> ReadReport:
    return read(SourceFile("sample", data, TODAY, {}, is_test_hub=is_test_hub), subject)


def test_every_sample_is_in_the_tables(samples_dir: Path) -> None:
    """All 30 FHIR samples are answered for; the two HL7 v2 messages belong to no reader."""
    health = samples_dir / "health"
    names = {path.relative_to(health).as_posix() for path in health.rglob("*") if path.suffix in {".xml", ".json"}}
    assert names == set(EXPECTED) | set(REFUSED_FILES)
    assert len(names) == 30


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_counts(samples_dir: Path, name: str) -> None:
    """Every resource of a sample becomes fragments or has a line that says why not."""
    report = read_bytes((samples_dir / "health" / name).read_bytes())
    counts, findings = EXPECTED[name]
    assert (report.records_in, report.fragments, report.refused, report.not_about) == counts
    assert {code: codes(report)[code] for code in findings} == findings
    assert (report.format, report.version) == ("fhir-r4", "4.0.1")


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_sample_that_is_refused_as_a_file(samples_dir: Path, name: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        read_bytes((samples_dir / "health" / name).read_bytes())
    assert refused.value.findings[0].code is REFUSED_FILES[name]


def test_error_of_the_source_is_told_in_its_own_words(samples_dir: Path) -> None:
    """Code and known words are told; free text that may quote what was asked is not."""
    with pytest.raises(SourceRefused, match="INVALID_VALUE, Invalid NHS Number"):
        read_bytes((samples_dir / "health/programme/FGM-InvalidNHSNumber-Example.xml").read_bytes())
    with pytest.raises(SourceRefused, match="MSG_DATE_FORMAT") as refused:
        read_bytes((samples_dir / "health/ukcore/UKCore-OperationOutcome-DateError-Example.xml").read_bytes())
    assert "Interop" not in str(refused.value)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_locator_leads_back(samples_dir: Path, name: str) -> None:
    """What stands at the locator of a given value is that value, or holds every word of it."""
    data = (samples_dir / "health" / name).read_bytes()
    clean = etree.tostring(etree.fromstring(data)) if name.endswith(".xml") else data
    report = read_bytes(data)
    for draft in report.drafts:
        resolve(clean, draft.source.locator)
        for item in values_of(draft):
            at = resolve(clean, item.locator)
            if item.state is not ValueState.GIVEN or isinstance(item.value, bool):
                continue
            if isinstance(at, str | int) and str(at) not in {str(item.value), item.as_written, item.code}:
                # A value made by the mapping ("day", "present", "M") stands at what it was made from.
                assert isinstance(item.value, str)
                assert len(item.value) < 60
    for finding in report.findings:
        resolve(clean, finding.locator)


@pytest.mark.parametrize("name", EXPECTED)
def test_reading_twice_gives_the_same(samples_dir: Path, name: str) -> None:
    data = (samples_dir / "health" / name).read_bytes()
    first, second = read_bytes(data), read_bytes(data)
    assert [draft.record_id for draft in first.drafts] == [draft.record_id for draft in second.drafts]
    assert [draft.to_content() for draft in first.drafts] == [draft.to_content() for draft in second.drafts]
    assert len({draft.record_id for draft in first.drafts}) == first.fragments


@pytest.mark.parametrize("name", EXPECTED)
def test_findings_repeat_no_value_of_the_record(samples_dir: Path, name: str) -> None:
    """No name, telephone, address or number of a sample stands in a message."""
    report = read_bytes((samples_dir / "health" / name).read_bytes())
    told = " ".join(finding.message for finding in report.findings)
    secret = {
        str(item.value if item.value is not None else item.as_written)
        for draft in report.drafts
        for field, items in draft.fields.items()
        if field.startswith(("prs_First", "prs_Second", "prs_Mailing", "prs_Birth", "prs_Home", "hub_NHSNumber"))
        for item in [items]
        if hasattr(item, "state") and item.state in {ValueState.GIVEN, ValueState.UNREADABLE}
    }
    assert not [text for text in secret - {"True", "unreadable"} if len(text) > 3 and text in told]


def test_live_hub_refuses_test_numbers(samples_dir: Path) -> None:
    """Outside a test hub the number 9000000009 is kept as written, and not used."""
    data = (samples_dir / "health/pds/Patient.json").read_bytes()
    report = read_bytes(data, is_test_hub=False)
    number = report.drafts[0].fields["hub_NHSNumber"]
    assert codes(report)["test_number"] == 1
    assert getattr(number, "state", None) is ValueState.UNREADABLE
    assert getattr(number, "as_written", None) == "9000000009"
    refused = read_bytes(data, Subject({"nhs_number": "9000000009"}), is_test_hub=False)
    assert (refused.fragments, refused.refused) == (0, 4)


def test_the_project_reads_the_samples_by_content(samples_dir: Path) -> None:
    """The kind of file is found by content, and HL7 v2 is refused by the project, not by this reader."""
    health = samples_dir / "health"
    for name in (*EXPECTED, *REFUSED_FILES):
        report = read_source(SourceFile("x", (health / name).read_bytes(), TODAY, {}, is_test_hub=True))
        assert report.format == FORMAT.format_id
        assert report.is_refused == (name in REFUSED_FILES)
    hl7 = read_source(SourceFile("x", (health / "hl7v2/A04_example.txt").read_bytes(), TODAY, {}))
    assert hl7.is_refused


def test_cp_is_patient_comes_from_the_same_delivery(samples_dir: Path) -> None:
    """The CP-IS answer refers to its patient: the patient's own file makes it the record of the child asked for."""
    cpis = samples_dir / "health/cpis"
    data = (cpis / "CPIS-CPP-Bundle-Example.xml").read_bytes()
    siblings = {"patient.xml": (cpis / "PatientFlag-AlanMann-Example.xml").read_bytes()}
    subject = Subject({"nhs_number": "991 200 3888"})
    alone = read(SourceFile("x", data, TODAY, {}, is_test_hub=True), subject)
    assert (alone.fragments, alone.refused) == (0, 3)
    assert codes(alone)["unresolved_reference"] >= 3
    together = read(SourceFile("x", data, TODAY, siblings, is_test_hub=True), subject)
    assert (together.fragments, together.refused) == (3, 0)
    assert {draft.about for draft in together.drafts} == {"9912003888"}
    other = read(SourceFile("x", data, TODAY, siblings, is_test_hub=True), Subject({"nhs_number": CHILD_NUMBER}))
    assert (other.fragments, other.refused, other.not_about) == (0, 0, 3)


def answer(data: bytes) -> None:
    """Read damaged bytes as every kind of question: a report or a refusal, and content that can be sealed."""
    for subject in SUBJECTS:
        try:
            report = read_bytes(data, subject)
        except SourceRefused:
            continue
        report.check()
        json.dumps([draft.to_content() for draft in report.drafts]).encode()


@pytest.mark.parametrize("name", [*EXPECTED, *REFUSED_FILES])
def test_damaged_samples_give_a_report(samples_dir: Path, name: str) -> None:
    """Truncated at each tenth, a doubled byte-order mark, other line ends, UTF-16: never a traceback."""
    data = (samples_dir / "health" / name).read_bytes()
    for tenth in range(10):
        answer(data[: len(data) * tenth // 10])
    answer(b"\xef\xbb\xbf\xef\xbb\xbf" + data)
    for end in (b"\r", b"\r\n"):
        answer(data.replace(b"\n", end))
    answer(data.decode().encode("utf-16"))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(choice=st.integers(0, 29), place=st.floats(0, 1), bit=st.integers(0, 7))
def test_one_flipped_bit_gives_a_report(samples_dir: Path, choice: int, place: float, bit: int) -> None:
    names = [*EXPECTED, *REFUSED_FILES]
    data = bytearray((samples_dir / "health" / names[choice]).read_bytes())
    data[int(place * (len(data) - 1))] ^= 1 << bit
    answer(bytes(data))


JUNK = [None, "", [], {}, 0, -1, True, "x", [None], {"resourceType": "Foo"}, [[]], "2010", {"a": {"b": 1}}, "#", 10**30]


@settings(derandomize=True, max_examples=250, deadline=None)
@given(data=st.data())
def test_one_replaced_value_gives_a_report(samples_dir: Path, data: st.DataObject) -> None:
    """A value of another kind anywhere in a JSON sample costs what it must, and never more than an answer."""
    name = data.draw(st.sampled_from([name for name in EXPECTED if name.endswith(".json")]))
    content = json.loads((samples_dir / "health" / name).read_bytes())
    parent, step = content, data.draw(st.sampled_from(sorted(content)))
    while isinstance(parent[step], dict | list) and parent[step] and data.draw(st.booleans()):
        parent = parent[step]
        step = data.draw(st.sampled_from(sorted(parent) if isinstance(parent, dict) else range(len(parent))))
    parent[step] = data.draw(st.sampled_from(JUNK))
    answer(json.dumps(content).encode())


def test_today_decides_what_is_current(samples_dir: Path) -> None:
    """The same file read within the period of its names and addresses shows them as current."""
    data = (samples_dir / "health/pds/Patient.json").read_bytes()
    then = read(SourceFile("x", data, date(2025, 6, 1), {}, is_test_hub=True), None)
    now = read_bytes(data)
    assert getattr(then.drafts[0].fields["prs_FirstName"], "value", None) == "Jane"
    assert getattr(then.drafts[1].fields["prs_HomePhone"], "value", None) == "01632960587"
    assert getattr(now.drafts[0].fields["prs_FirstName"], "state", None) is ValueState.ABSENT
    assert "prs_HomePhone" not in now.drafts[1].fields
    assert "prs_MailingStreet" not in now.drafts[1].fields
