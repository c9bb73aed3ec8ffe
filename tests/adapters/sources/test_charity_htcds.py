"""The HTCDS reader: the official workbook, its faults, and what becomes of a row."""

from __future__ import annotations

import io
import time
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from charity_files import (
    LABELS,
    ROBIN,
    SAM,
    TEMPLATE,
    codes_of,
    csv_bytes,
    every_value,
    is_same_day,
    of,
    read_csv,
    read_rows,
    read_xlsx,
    refusal_codes,
    resolve_csv,
    resolve_xlsx,
    saved,
    template,
    value,
    values,
    workbook,
    write_htcds_workbook,
)

from adapters.sources.charity import htcds
from adapters.sources.charity.fields import COLUMNS, Kind, Part
from adapters.sources.draft import ReadReport, ValueState
from adapters.sources.findings import FindingCode, Severity, SourceRefused
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind, Category


def refused(report: ReadReport, code: FindingCode) -> list[str]:
    """Return the places of refused values of one code."""
    return [f.locator for f in report.findings if f.code is code and f.severity is Severity.REFUSE_VALUE]


def test_formats_are_two() -> None:
    """The same columns come as a workbook and as CSV; both belong to charities."""
    assert [item.format_id for item in htcds.FORMATS] == ["htcds-xlsx", "htcds-csv"]
    assert {item.kind for item in htcds.FORMATS} == {AgencyKind.CHARITY}


def test_invented_headings_are_those_of_the_template(samples_dir: Path) -> None:
    """The tests' template has the very headings of the official one."""
    path = samples_dir / "charity" / "htcds" / "HTCDS-Excel-Spreadsheet-v2.0.xlsx"
    rows = openpyxl.load_workbook(path)["Sheet1"].iter_rows(max_row=2, values_only=True)
    assert list(zip(*([cell or "" for cell in row] for row in rows), strict=True)) == list(TEMPLATE)


def test_untouched_template_has_no_records(samples_dir: Path) -> None:
    """A thousand numbered and empty rows are no record, and that is said."""
    data = (samples_dir / "charity" / "htcds" / "HTCDS-Excel-Spreadsheet-v2.0.xlsx").read_bytes()
    with pytest.raises(SourceRefused, match="empty form") as refusal:
        read_xlsx(data)
    assert refusal_codes(refusal.value) == [FindingCode.IS_TEMPLATE]


def test_filled_official_template(samples_dir: Path) -> None:
    """A record written under the labels of the real template comes out whole."""
    book = openpyxl.load_workbook(samples_dir / "charity" / "htcds" / "HTCDS-Excel-Spreadsheet-v2.0.xlsx")
    for label, content in ROBIN.items():
        book["Sheet1"].cell(3, LABELS.index(label) + 1, content)
    report = read_xlsx(saved(book))
    assert (report.format, report.version) == ("htcds-xlsx", "2.0")
    assert [draft.category for draft in report.drafts] == [
        Category.IDENTITY,
        Category.CONTACT,
        Category.RELATION,
        Category.TRAFFICKING_EVENT,
        Category.CONCERN,
        Category.CONCERN,
        Category.CONCERN,
        Category.SERVICE,
        Category.CONSENT,
    ]
    assert (report.records_in, report.fragments, report.refused, report.not_about) == (9, 9, 0, 0)


def test_identity() -> None:
    """Names as written, a birth date with its precision, gender as a code, citizenships as a list."""
    (person,) = of(read_xlsx(template([ROBIN])), Category.IDENTITY)
    assert value(person, "prs_FirstName").value == "Robin"
    assert value(person, "prs_SecondName").value == "Invented"
    assert value(person, "prs_Birthdate").value == "2010-05-17"
    assert value(person, "hub_BirthdatePrecision").value == "day"
    gender = value(person, "prs_Gender")
    assert (gender.value, gender.code, gender.scheme) == ("NonConforming", "NonConforming", "htcds-2.0")
    assert gender.as_written == "Non-Conforming"
    assert [(item.value, item.locator) for item in values(person, "prs_Citizenship")] == [
        ("AL", "Sheet1!I3#1"),
        ("VN", "Sheet1!I3#2"),
    ]
    assert value(person, "prs_Salutation").state is ValueState.EMPTY
    assert "hub_Sex" not in person.fields
    assert person.about == "3"


def test_labels_win_over_hidden_names() -> None:
    """The five address columns contradict each other; what people see counts, and the report says so."""
    report = read_xlsx(template([ROBIN]))
    (contact,) = of(report, Category.CONTACT)
    assert value(contact, "prs_MailingStreet").value == "1 Nowhere Road"
    assert value(contact, "prs_MailingCity").value == "Testtown"
    assert value(contact, "prs_MailingPostalCode").value == "ZE1 1AA"
    country = value(contact, "prs_MailingCountry")
    assert (country.value, country.as_written, country.scheme) == ("GB", "United Kingdom", "iso-3166-1-alpha-2")
    (finding,) = [item for item in report.findings if item.code is FindingCode.LABELS_DISAGREE]
    assert finding.severity is Severity.WARN
    assert finding.locator == "Sheet1!N2:O2,Q2:R2"
    assert "prs_MailingCity" in finding.message
    assert "Mailing Street" in finding.message


def test_template_faults_are_read() -> None:
    """The name with a missing letter and the blank name do not lose their columns."""
    report = read_xlsx(
        template(
            [
                {
                    **SAM,
                    "Trafficking Status Decision Making Organization": "Non-police governmental organization",
                    "Reason for Outgoing Referral": "Migration or Change of Location",
                }
            ]
        )
    )
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert value(trafficking, "vic_TraffickingStatusDecisionMakingOrg").code == "NonPoliceGovernmentalOrganization"
    (case,) = of(report, Category.SERVICE)
    assert value(case, "cas_ReasonForOutgoingReferral").code == "MigrationOrChangeOfLocation"


def test_misspelt_name_alone_is_known() -> None:
    """Without labels the template's misspelt field name still leads to its field."""
    report = read_rows([["prs_SecondName", "vic_TraffickinStatusDecisionMakingOrg"], ["Invented", "NGO"]])
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert value(trafficking, "vic_TraffickingStatusDecisionMakingOrg").value == "NGO"


def test_values_under_the_hidden_names_are_noticed() -> None:
    """A program that filled the address by the hidden names leaves a country code under the street label."""
    row = {
        **SAM,
        "Mailing Street": "Testtown",
        "Mailing City": "GB",
        "Mailing Zip/Postal Code": "1 Nowhere Road",
        "Mailing Country": "ZE1 1AA",
    }
    report = read_xlsx(template([row]))
    places = {item.locator for item in report.findings if item.code is FindingCode.LABELS_DISAGREE}
    assert {"Sheet1!O3", "Sheet1!R3"} < places
    (contact,) = of(report, Category.CONTACT)
    assert value(contact, "prs_MailingCity").value == "GB", "nothing is moved"


def test_country_code_in_the_street_column() -> None:
    """A street that is a country code is a finding; nothing is changed."""
    report = read_xlsx(template([{**SAM, "Mailing Street": "AL"}]))
    found = [item for item in report.findings if item.locator == "Sheet1!N3"]
    assert [item.code for item in found] == [FindingCode.LABELS_DISAGREE]
    assert "country code" in found[0].message


def test_exploitation_types_stay_a_set() -> None:
    """Every HTCDS type is kept; two that are one NRM type give it once; forced begging is for a person to place."""
    report = read_xlsx(template([ROBIN]))
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert [item.value for item in values(trafficking, "vic_TypeOfExploitation")] == [
        "SexualExploitation",
        "ForcedBegging",
        "ForcedLabour",
        "ChildLabour",
    ]
    groups = trafficking.to_content()["fields"]["hub_ExploitationType"]
    assert [group["type"]["code"] for group in groups] == ["SEX", "LAB"]
    assert groups[0]["type"]["scheme"] == "nrm-exploitation-type"
    (finding,) = [item for item in report.findings if item.code is FindingCode.NOT_MAPPED]
    assert finding.locator == "Sheet1!X3#2"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Servitude", "DOM"),
        ("Organ removal", "ORG"),
        ("Forced military (by non-state actors)", "OTH"),
        ("forced adoption", "OTH"),
        ("SURROGACY", "OTH"),
        ("Other", "OTH"),
    ],
)
def test_exploitation_type_of_the_nrm(written: str, code: str) -> None:
    """Each HTCDS type has its NRM type."""
    (trafficking,) = of(read_xlsx(template([{**SAM, "Type of Exploitation": written}])), Category.TRAFFICKING_EVENT)
    groups = trafficking.to_content()["fields"]["hub_ExploitationType"]
    assert [group["type"]["code"] for group in groups] == [code]


def test_each_method_of_control_is_a_concern() -> None:
    """One record for each method; an indicator is suggested where the method alone suggests one."""
    report = read_xlsx(template([ROBIN]))
    concerns = of(report, Category.CONCERN)
    assert [draft.source.locator for draft in concerns] == ["Sheet1!W3#1", "Sheet1!W3#2", "Sheet1!W3#3"]
    first = concerns[0].to_content()["fields"]["hub_Concern"][0]
    assert (first["concern"]["code"], first["presence"]["value"]) == ("DebtBondage", "present")
    suggested = [item.message for item in report.findings if item.code is FindingCode.POSSIBLE_INDICATOR]
    assert [message.partition(";")[0] for message in suggested] == [
        "DebtBondage may be the indicator CTL06",
        "ThreatsLawEnforcement may be the indicator CTL05",
    ]


def test_unknown_method_of_control_is_kept_as_written() -> None:
    """A method that is no code costs the value, not the concern."""
    report = read_xlsx(template([{**SAM, "Methods of Control": "Isolation;FalsePromises"}]))
    first, second = of(report, Category.CONCERN)
    (unread,) = values(first, "vic_MethodsOfControl")
    assert (unread.state, unread.as_written, unread.value) == (ValueState.UNREADABLE, "Isolation", None)
    assert values(second, "vic_MethodsOfControl")[0].value == "FalsePromises"
    assert refused(report, FindingCode.UNKNOWN_CODE) == ["Sheet1!W3#1"]
    (finding,) = [item for item in report.findings if item.code is FindingCode.UNKNOWN_CODE]
    assert "'Isolation'" in finding.message
    assert "WithholdsDocuments" in finding.message, "the allowed values are told"


def test_label_with_a_semicolon_stays_whole() -> None:
    """Some labels of the industries hold a semicolon, the sign between several values."""
    written = "Construction;Water supply; sewerage, waste management and remediation;P_Education"
    report = read_xlsx(template([{**SAM, "Forced Labour Industry": written}]))
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert [item.code for item in values(trafficking, "vic_ForcedLabourIndustry")] == [
        "F_Construction",
        "E_WaterSupplySewerageWasteManagement",
        "P_Education",
    ]


def test_case_workers_are_professionals() -> None:
    """Case workers become a relation with role and organisation."""
    (relation,) = of(read_xlsx(template([ROBIN])), Category.RELATION)
    groups = relation.to_content()["fields"]["hub_Professional"]
    assert [(group["role"]["value"], group["name"]["value"]) for group in groups] == [
        ("case owner", "Worker One"),
        ("referring case worker", "Worker Two"),
    ]
    assert groups[1]["organisation"]["value"] == "Example Shelter"
    assert value(relation, "cas_CaseOwner").value == "Worker One"


def test_case_and_its_date() -> None:
    """The day of referral is when the record was observed."""
    (case,) = of(read_xlsx(template([ROBIN])), Category.SERVICE)
    assert value(case, "cas_Status").code == "FollowUp"
    assert case.observed_from == "2026-03-04"


@pytest.mark.parametrize(
    ("written", "expected"), [(True, True), ("TRUE", True), ("Yes", True), ("no", False), (False, False), (0, False)]
)
def test_consent(written: object, expected: bool) -> None:
    """Consent is yes or no however it is written; what the format cannot say of it is said."""
    (consent,) = of(read_xlsx(template([{**SAM, "Consent": written}])), Category.CONSENT)
    assert value(consent, "con_Consent").value is expected
    detail = consent.to_content()["fields"]["hub_ConsentDetail"][0]
    assert {part["state"] for part in detail.values()} == {"not_in_format"}


def test_empty_consent_is_not_a_no() -> None:
    """Without a consent there is no record of one; "perhaps" is neither."""
    assert of(read_xlsx(template([SAM])), Category.CONSENT) == []
    report = read_xlsx(template([{**SAM, "Consent": "perhaps"}]))
    (consent,) = of(report, Category.CONSENT)
    assert value(consent, "con_Consent").state is ValueState.UNREADABLE
    assert refused(report, FindingCode.UNKNOWN_CODE) == ["Sheet1!F3"]


def test_every_locator_leads_back() -> None:
    """Every value of every draft stands in the cell its locator names."""
    data = template([SAM, ROBIN])
    report = read_xlsx(data)
    checked = 0
    for draft in report.drafts:
        assert resolve_xlsx(data, draft.source.locator), draft.source.locator
        for item in every_value(draft):
            (stored,) = resolve_xlsx(data, item.locator)
            if item.state is ValueState.EMPTY:
                assert stored is None
            elif (
                item.state is ValueState.GIVEN
                and isinstance(stored, str)
                and item.code is None
                and "#" not in item.locator
            ):
                assert stored.strip() == item.value or item.value in {
                    "case owner",
                    "referring case worker",
                }
            elif item.state is ValueState.GIVEN and isinstance(stored, datetime):
                assert is_same_day(stored, item.value) or item.value == "day"
            checked += 1
    assert checked > 60


def test_csv_locators_lead_back() -> None:
    """Lines and cells of a CSV file, from 1."""
    data = csv_bytes(
        [["Second Name", "Methods of Control", "Type of Exploitation"], ["Invented", "FalsePromises", "Other"]]
    )
    report = read_csv(data)
    (concern,) = of(report, Category.CONCERN)
    assert concern.source.locator == "file:2:2#1"
    assert resolve_csv(data, concern.source.locator) == ["FalsePromises"]
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert resolve_csv(data, trafficking.source.locator) == ["Other"]


def test_record_ids_are_distinct_and_stable() -> None:
    """Each record has its own id, and reading again gives the same ids and content."""
    data = template([ROBIN, SAM, {**SAM, "Second Name": "Thirdone"}])
    first, second = read_xlsx(data), read_xlsx(data)
    ids = [draft.record_id for draft in first.drafts]
    assert len(ids) == len(set(ids)) == 11
    assert ids == [draft.record_id for draft in second.drafts]
    assert [draft.to_content() for draft in first.drafts] == [draft.to_content() for draft in second.drafts]


def test_subject_by_name() -> None:
    """Only the child asked for; all other records are counted, none is shown."""
    subject = Subject(first_name="ROBIN", family_name="invented", birth_date="2010-05-17")
    report = read_xlsx(template([SAM, ROBIN]), subject)
    assert (report.records_in, report.fragments, report.not_about) == (10, 9, 1)
    assert {draft.about for draft in report.drafts} == {"4"}


def test_subject_by_row() -> None:
    """A person may name the row, where names are not enough."""
    report = read_xlsx(template([SAM, ROBIN]), Subject(identifiers={"row": "3"}))
    assert {draft.about for draft in report.drafts} == {"3"}
    assert (report.fragments, report.not_about) == (1, 9)


def test_findings_of_other_people_are_not_told() -> None:
    """A report about one child says nothing of another's values."""
    row = {**SAM, "Gender": "nonsense"}
    assert FindingCode.UNKNOWN_CODE in codes_of(read_xlsx(template([row, ROBIN])))
    assert FindingCode.UNKNOWN_CODE not in codes_of(
        read_xlsx(template([row, ROBIN]), Subject(identifiers={"row": "4"}))
    )


def test_row_number_of_several_sheets_names_the_sheet() -> None:
    """With records on two sheets a row number alone would mean two people."""
    book = openpyxl.Workbook()
    for title, name in (("First", "Invented"), ("Second one", "Otherone")):
        sheet = book.create_sheet(title)
        sheet.append(["prs_FirstName", "prs_SecondName"])
        sheet.append(["Robin", name])
    report = read_xlsx(saved(book))
    assert [draft.about for draft in report.drafts] == ["First!2", "'Second one'!2"]
    assert FindingCode.EMPTY_SHEET in codes_of(report), "the sheet that a new workbook has"
    assert read_xlsx(saved(book), Subject(identifiers={"row": "2"})).fragments == 0
    assert read_xlsx(saved(book), Subject(identifiers={"row": "First!2"})).fragments == 1


def test_other_sheets_are_named() -> None:
    """A sheet with other columns, and one with headings only, get a line each."""
    book = openpyxl.load_workbook(io.BytesIO(template([ROBIN])))
    book.create_sheet("Notes").append(["anything", "else"])
    book.create_sheet("Closed").append(["prs_FirstName", "prs_SecondName"])
    report = read_xlsx(saved(book))
    assert {(item.code, item.locator) for item in report.findings if item.locator in ("Notes", "Closed")} == {
        (FindingCode.UNKNOWN_BLOCK, "Notes"),
        (FindingCode.EMPTY_SHEET, "Closed"),
    }


def test_same_row_twice_is_one_record() -> None:
    """The same row for the same child counts once, and both places are told."""
    report = read_xlsx(template([ROBIN, ROBIN]))
    assert report.records_in == report.fragments == 9
    (finding,) = [item for item in report.findings if item.code is FindingCode.DUPLICATE_RECORD]
    assert finding.locator == "Sheet1!4:4"
    assert "Sheet1!3:3" in finding.message


def test_rows_without_a_name_are_never_folded() -> None:
    """Two rows that name nobody and look alike may be two people."""
    rows = [
        ["prs_FirstName", "vic_TraffickingStatus"],
        ["", "PossibleVictimOfTrafficking"],
        ["", "PossibleVictimOfTrafficking"],
    ]
    assert read_rows(rows).fragments == 2


def test_namesakes_are_told_not_joined() -> None:
    """Two different rows with one name and birth date: a person says whether it is one child."""
    report = read_xlsx(template([SAM, {**SAM, "Gender": "Masculine"}]))
    assert [draft.about for draft in report.drafts] == ["3", "4"]
    assert FindingCode.SEVERAL_CANDIDATES in codes_of(report)


def test_perpetrator_columns_are_left_out() -> None:
    """What the table says of somebody who may have exploited the person does not travel."""
    report = read_rows(
        [["prs_SecondName", "per_RoleInProcess", "per_RoleDetails"], ["Invented", "Transporter", "secret words"]]
    )
    assert report.fragments == 1
    assert "secret words" not in str([draft.to_content() for draft in report.drafts])
    (finding,) = [item for item in report.findings if item.code is FindingCode.THIRD_PARTY]
    assert (finding.locator, "2 cells" in finding.message) == ("file:2:2-3", True)


def test_perpetrator_of_another_row_is_not_told() -> None:
    """Even that something was left out stands only in a report about that row's child."""
    rows = [["prs_SecondName", "per_RoleDetails"], ["Invented", "words"], ["Otherone", "words"]]
    report = read_rows(rows, Subject(identifiers={"row": "2"}))
    assert [item.locator for item in report.findings if item.code is FindingCode.THIRD_PARTY] == ["file:2:2"]


def test_names_never_stand_in_findings() -> None:
    """No finding repeats a name, an address or a telephone number."""
    row = {
        **ROBIN,
        "Gender": "?",
        "Birthdate": "nonsense",
        "Mailing Zip/Postal Code": "SecretCode",
        "Home Phone": 1632960001,
    }
    report = read_xlsx(template([row, row]))
    told = " ".join(item.message + item.locator for item in report.findings)
    for secret in ("Robin", "Invented", "Nowhere", "960001", "SecretCode", "nonsense", "Worker", "Shelter"):
        assert secret not in told


def test_writing_and_reading_back_is_the_identity(tmp_path: Path) -> None:
    """A workbook with every column of the standard gives back what was written."""
    samples: dict[Kind, object] = {
        Kind.TEXT: "some words",
        Kind.IDENTIFIER: "007",
        Kind.DATE: "2026-01-02",
        Kind.YES_NO: True,
        Kind.WHOLE: 3,
        Kind.DECIMAL: "51.5",
        Kind.COUNTRY_TEXT: "GB",
        Kind.COUNTRIES: "AL;VN",
        Kind.LANGUAGE: "vie",
    }
    coded = {
        "prs_Gender": "Feminine",
        "vic_TypeOfExploitation": "Servitude;Other",
        "vic_MethodsOfControl": "FalsePromises",
    }
    row: dict[str, object] = {}
    for column in COLUMNS:
        if column.kind in (Kind.CODE, Kind.CODES):
            row[column.name] = coded.get(column.name) or htcds_first_code(column.name)
        else:
            row[column.name] = samples[column.kind]
    path = tmp_path / "cases.xlsx"
    write_htcds_workbook([row], path)
    report = read_xlsx(path.read_bytes())
    read_back: dict[str, object] = {}
    for draft in report.drafts:
        for column in COLUMNS:
            if column.name in draft.fields:
                found = draft.fields[column.name]
                is_list = column.kind in (Kind.CODES, Kind.COUNTRIES)
                read_back[column.name] = (
                    ";".join(str(item.value) for item in values(draft, column.name))
                    if is_list
                    else value(draft, column.name).value
                )
                assert found
    assert read_back == {name: item for name, item in row.items() if not name.startswith("per_")}
    assert {draft.category for draft in report.drafts} == {
        Category.IDENTITY,
        Category.CONTACT,
        Category.RELATION,
        Category.TRAFFICKING_EVENT,
        Category.CONCERN,
        Category.SERVICE,
        Category.NARRATIVE,
        Category.CONSENT,
    }
    parts = {part for part in Part if part is not Part.PERPETRATOR}
    assert report.fragments == len(parts)


def htcds_first_code(name: str) -> str:
    """Return the first value of a field's list."""
    from adapters.sources.charity.codes import allowed_codes

    return allowed_codes(name)[0]


def test_order_of_rows_does_not_matter() -> None:
    """The same rows in another order give the same content, place and digest apart."""

    def said(report: ReadReport) -> list[str]:
        return sorted(
            str([(name, [item.value for item in every_value(draft)]) for name in sorted(draft.fields)])
            for draft in report.drafts
        )

    assert said(read_xlsx(template([ROBIN, SAM]))) == said(read_xlsx(template([SAM, ROBIN])))


def test_thousand_rows_are_read_in_about_a_second() -> None:
    """Whole case lists are read while somebody waits; the limit is generous, machines are busy."""
    rows = [{**ROBIN, "Second Name": f"Invented{number}"} for number in range(1000)]
    data = template(rows)
    started = time.process_time()
    assert read_xlsx(data).fragments == 9000
    assert time.process_time() - started < 6


def test_real_dates_of_both_date_systems() -> None:
    """A workbook counts its days from 1900 or from 1904; the day is the same."""
    for is_1904 in (False, True):
        (person,) = of(read_xlsx(template([SAM], date1904=is_1904)), Category.IDENTITY)
        assert value(person, "prs_Birthdate").value == "2011-01-02"


def test_implausible_dates_are_kept() -> None:
    """A birth in 1066 or tomorrow is a warning, never a loss."""
    for day in (date(1901, 1, 2), date(2027, 1, 2)):
        report = read_xlsx(template([{**SAM, "Birthdate": day}]))
        assert FindingCode.IMPLAUSIBLE_DATE in codes_of(report)
        assert value(of(report, Category.IDENTITY)[0], "prs_Birthdate").value == day.isoformat()
    report = read_rows([["prs_SecondName", "prs_Birthdate"], ["Invented", "1066"]])
    assert FindingCode.IMPLAUSIBLE_DATE in codes_of(report)


def test_referral_out_before_referral_in() -> None:
    """A period that ends before it starts is told with both dates."""
    report = read_xlsx(template([{**ROBIN, "Outgoing Referral Date": date(2026, 3, 1)}]))
    assert FindingCode.ENDS_BEFORE_START in codes_of(report)


def test_deprecated_columns_are_kept_as_written() -> None:
    """Vulnerabilities are no longer in the standard; what was written stays."""
    report = read_rows([["prs_SecondName", "vic_Vulnerabilities"], ["Invented", "Poverty;Migration"]])
    (trafficking,) = of(report, Category.TRAFFICKING_EVENT)
    assert value(trafficking, "vic_Vulnerabilities").value == "Poverty;Migration"


def test_workbook_without_the_hidden_row() -> None:
    """Some people delete the hidden row; the labels are enough."""
    report = read_xlsx(template([ROBIN], names=False))
    assert report.fragments == 9
    assert FindingCode.LABELS_DISAGREE not in codes_of(report)


def test_not_htcds_at_all() -> None:
    """A workbook with other columns is refused, also where the reader is called directly."""
    with pytest.raises(SourceRefused) as refusal:
        read_xlsx(workbook([["alpha", "beta"], ["1", "2"]]))
    assert refusal_codes(refusal.value) == [FindingCode.NO_KNOWN_COLUMNS]
