"""The reader of the CIN census: the samples, the mapping, and each refusal and warning."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from social_care_files import (
    IDENTIFIERS,
    at_locator,
    census,
    child,
    codes,
    factors,
    part,
    read_cin,
    refusal,
    value,
    values_of,
)

from adapters.sources.draft import ReadReport, ValueState
from adapters.sources.findings import FindingCode, Severity
from adapters.sources.social_care import cin
from adapters.sources.social_care.cin_schema import census_schema
from adapters.sources.social_care.codes import CIN_YEARS, cin_codes, cin_schema_path
from adapters.sources.subject import Subject
from policies.vocabulary import Category

PLAN = (
    "<ChildProtectionPlans><CPPstartDate>{start}</CPPstartDate>{end}<InitialCategoryOfAbuse>NEG</InitialCategoryOfAbuse>"
    "<LatestCategoryOfAbuse>MUL</LatestCategoryOfAbuse><NumberOfPreviousCPP>1</NumberOfPreviousCPP>"
    "<Reviews><CPPreviewDate>2023-09-01</CPPreviewDate><CPPreviewDate>2023-12-01</CPPreviewDate></Reviews>"
    "</ChildProtectionPlans>"
)
SECTION_47 = (
    "<Section47><S47ActualStartDate>2023-05-04</S47ActualStartDate><DateOfInitialCPC>2023-05-20</DateOfInitialCPC>"
    "<ICPCnotRequired>false</ICPCnotRequired></Section47>"
)


DERIVED = frozenset({"day", "expected", "Closed", "Active", "present", "looked_for_not_seen"})
"""What the reader says of a value rather than what stands in the file."""


def plan(start: str = "2023-06-01", end: str = "<CPPendDate>2024-01-10</CPPendDate>") -> str:
    return PLAN.format(start=start, end=end)


def categories(report: ReadReport) -> dict[str, int]:
    return dict(Counter(draft.category.value for draft in report.drafts))


# The samples


@pytest.fixture
def cin_samples(samples_dir: Path) -> dict[str, bytes]:
    """The four census files, by name."""
    files = {path.name: path.read_bytes() for path in sorted((samples_dir / "social-care" / "cin").glob("*.xml"))}
    assert len(files) == 4
    return files


def test_generated_sample_of_2022_is_read_whole(cin_samples: dict[str, bytes]) -> None:
    """332 children with 402 referrals; 320 pupil numbers fail their letter and are only warned about."""
    report = read_cin(cin_samples["fake_CIN_data.xml"])
    assert report.version == "2022"
    assert categories(report) == {"identity": 332, "service": 402}
    assert (report.records_in, report.refused, report.not_about) == (734, 0, 0)
    assert Counter(codes(report))[FindingCode.BAD_UPN] == 320
    assert FindingCode.SCHEMA_ERROR not in codes(report)
    # Its reference date is in July: the year agrees, so this is a warning and no refusal.
    assert Counter(codes(report))[FindingCode.WRONG_YEAR] == 1


def test_generated_sample_read_as_2025_has_734_schema_errors(cin_samples: dict[str, bytes]) -> None:
    """GenderCurrent and the spelled-out booleans are not of 2025: each value is refused, no record is."""
    report = read_cin(cin_samples["fake_CIN_data.xml"], year=2025)
    errors = [finding for finding in report.findings if finding.code is FindingCode.SCHEMA_ERROR]
    assert len(errors) == 734
    assert {finding.severity for finding in errors} == {Severity.REFUSE_VALUE}
    assert report.fragments == 734


def test_sample_with_every_block_is_read(cin_samples: dict[str, bytes]) -> None:
    """One child: identity, referral, assessment with two factors, section 47, two plans."""
    report = read_cin(cin_samples["cin-2022.xml"])
    assert categories(report) == {"identity": 1, "service": 1, "assessment": 2, "concern": 2, "plan": 2}
    assert report.records_in == report.fragments == 8
    assert FindingCode.SCHEMA_ERROR not in codes(report)
    concerns = [part(draft, "hub_Concern", "concern").code for draft in report.drafts if draft.category == "concern"]
    assert concerns == ["2A", "2B"]


@pytest.mark.parametrize("name", ["CIN_Census_2021.xml", "CIN_Census_2026.xml"])
def test_samples_of_a_year_without_schema_are_refused_until_a_person_chooses(
    cin_samples: dict[str, bytes], name: str
) -> None:
    """Both headers say 2023, whatever the file name says; one reference date says 2024."""
    finding = refusal(read_cin, cin_samples[name]).findings[0]
    assert (finding.code, finding.severity) == (FindingCode.WRONG_YEAR, Severity.REFUSE_FILE)
    assert "header says year '2023'" in finding.message
    assert "reference date says 202" in finding.message
    assert at_locator(cin_samples[name], finding.locator).tag == "Header"
    report = read_cin(cin_samples[name], year=2024)
    assert report.version == "2024"
    assert FindingCode.WRONG_YEAR in codes(report)


def test_sample_of_1066_is_read_with_warnings(cin_samples: dict[str, bytes]) -> None:
    """Stray text and an expected birth in 1066 cost nothing but a warning."""
    report = read_cin(cin_samples["CIN_Census_2021.xml"], year=2022)
    assert report.records_in == report.fragments == 8
    found = {finding.code: finding for finding in report.findings}
    assert {finding.severity for finding in report.findings} == {Severity.WARN}
    assert found[FindingCode.STRAY_TEXT].locator.endswith("/ChildIdentifiers[1]")
    doubtful = [item.message for item in report.findings if item.code is FindingCode.IMPLAUSIBLE_DATE]
    assert sum("1066" in message for message in doubtful) == 1
    identity = report.drafts[0]
    assert value(identity, "prs_Birthdate").value == "1965-03-27"
    assert value(identity, "hub_ExpectedBirthdate").value == "1066-04-13"


def test_sample_of_faults_loses_one_record_and_says_why(cin_samples: dict[str, bytes]) -> None:
    """Unknown factor, unknown block, empty list of factors, a period backwards, a date to come, sex of another list."""
    data = cin_samples["CIN_Census_2026.xml"]
    report = read_cin(data, year=2026)
    assert (report.records_in, report.fragments, report.refused) == (12, 11, 1)
    lines = {(finding.code, finding.locator.rsplit("/", 1)[-1]): finding for finding in report.findings}
    factor = lines[FindingCode.SCHEMA_ERROR, "AssessmentFactors[2]"]
    assert factor.severity is Severity.REFUSE_RECORD
    for said in ("AssessmentFactors", "'RB'", "2026", "11A, 12A"):
        assert said in factor.message
    assert at_locator(data, factor.locator).text == "RB"
    sex = lines[FindingCode.SCHEMA_ERROR, "Sex[1]"]
    assert (sex.severity, sex.message) == (
        Severity.REFUSE_VALUE,
        "Sex '1' is not allowed in the 2026 census; allowed: M, F, U",
    )
    assert "AssessmentFactors" in lines[FindingCode.SCHEMA_ERROR, "FactorsIdentifiedAtAssessment[1]"].message
    assert "'PreProceedingsandFGDM'" in lines[FindingCode.UNKNOWN_BLOCK, "PreProceedingsandFGDM[1]"].message
    assert (FindingCode.STRAY_TEXT, "ChildIdentifiers[1]") in lines
    assert (FindingCode.ENDS_BEFORE_START, "AssessmentAuthorisationDate[1]") in lines
    assert (FindingCode.IMPLAUSIBLE_DATE, "AssessmentActualStartDate[1]") in lines
    sexes = [value(draft, "hub_Sex") for draft in report.drafts if draft.category == Category.IDENTITY]
    assert [(item.value, item.state, item.as_written) for item in sexes] == [
        (None, ValueState.UNREADABLE, "1"),
        ("M", ValueState.GIVEN, "M"),
    ]


def test_every_locator_of_every_sample_leads_to_one_element(cin_samples: dict[str, bytes]) -> None:
    """Values and findings lead back to the file; a value taken as written is the text found there."""
    checked = 0
    for name in ("cin-2022.xml", "CIN_Census_2021.xml", "CIN_Census_2026.xml"):
        data = cin_samples[name]
        report = read_cin(data, year=2024)
        for finding in report.findings:
            at_locator(data, finding.locator)
        for draft in report.drafts:
            at_locator(data, draft.source.locator)
            for item in values_of(draft):
                element = at_locator(data, item.locator)
                if item.state is ValueState.GIVEN and len(element) == 0 and item.value not in DERIVED:
                    assert (element.text or "").strip() in {str(item.value), item.code, item.as_written}
                    checked += 1
    assert checked > 90


# The mapping


def test_a_child_becomes_fragments_with_field_names_and_sources() -> None:
    """Identity, referral, assessment, concern, enquiry and plan, each with its source block."""
    report = read_cin(census(child(blocks=factors("11A") + SECTION_47, plans=plan())))
    assert categories(report) == {"identity": 1, "service": 1, "assessment": 2, "concern": 1, "plan": 1}
    by_category = {draft.category: draft for draft in report.drafts}
    identity = by_category[Category.IDENTITY]
    assert value(identity, "hub_LAChildID").value == "INVENTED1"
    assert value(identity, "hub_LA").value == "201"
    assert value(identity, "prs_FirstName").state is ValueState.NOT_IN_FORMAT
    assert (value(identity, "prs_Birthdate").value, value(identity, "hub_BirthdatePrecision").value) == (
        "2011-04-05",
        "day",
    )
    assert (value(identity, "hub_Sex").value, value(identity, "hub_Sex").code) == ("F", "2")
    assert value(identity, "hub_UPN").state is ValueState.ABSENT
    ethnicity = value(identity, "hub_Ethnicity")
    assert (ethnicity.code, ethnicity.scheme, ethnicity.value) == ("REFU", "dfe-ethnicity", "Refused")
    service = by_category[Category.SERVICE]
    assert value(service, "cas_IncomingReferralDate").value == "2023-05-02"
    assert (value(service, "cas_ReferringOrganisation").code, value(service, "cas_ReferringOrganisation").value) == (
        "6",
        "POLICE",
    )
    assert value(service, "cas_Status").value == "Active"
    assert value(service, "hub_NoFurtherAction").value is False
    assert service.observed_from == "2023-05-02"
    assert service.observed_to is None
    source = service.source
    assert (source.format, source.format_version, source.system) == ("cin-census-xml", "2024", "Invented System 1.0")
    assert (source.extracted_at, source.effective_from, source.effective_to) == (
        "2024-05-23T11:14:05",
        "2023-04-01",
        "2024-03-31",
    )
    assert {draft.about for draft in report.drafts} == {"INVENTED1"}


def test_plan_and_enquiry_keep_their_parts() -> None:
    """Categories, dates, authority and reviews of a plan; kind and conference of a section 47 enquiry."""
    report = read_cin(census(child(blocks=SECTION_47, plans=plan())))
    enquiry = next(draft for draft in report.drafts if draft.category == Category.ASSESSMENT)
    assert part(enquiry, "hub_Assessment", "kind").value == "section_47"
    assert part(enquiry, "hub_Assessment", "conference_not_required").value is False
    protection = next(draft for draft in report.drafts if draft.category == Category.PLAN)
    assert part(protection, "hub_Plan", "kind").value == "child_protection"
    assert part(protection, "hub_Plan", "initial_category").code == "NEG"
    assert part(protection, "hub_Plan", "category").code == "MUL"
    assert part(protection, "hub_Plan", "authority").value == "201"
    assert part(protection, "hub_Plan", "previous_plans").value == 1
    reviews = protection.fields["hub_PlanReviews"]
    assert not hasattr(reviews, "state")
    assert len(reviews) == 2  # type: ignore[arg-type]
    assert (protection.observed_from, protection.observed_to) == ("2023-06-01", "2024-01-10")


def test_factors_of_exploitation_name_a_type_and_trafficking_names_none() -> None:
    """11A is sexual, 24A criminal; 12A says trafficking but not which kind, 13A gangs is not the same."""
    report = read_cin(census(child(blocks=factors("11A", "24A", "12A", "13A", "9A"))))
    concerns = [draft for draft in report.drafts if draft.category == Category.CONCERN]
    kinds = {
        part(draft, "hub_Concern", "concern").code: (
            part(draft, "hub_ExploitationType", "type").value if "hub_ExploitationType" in draft.fields else None
        )
        for draft in concerns
    }
    assert kinds == {"11A": "SEX", "24A": "CRI", "12A": None, "13A": None, "9A": None}
    assert {part(draft, "hub_Concern", "presence").value for draft in concerns} == {"present"}
    assert {part(draft, "hub_Concern", "observed_on").value for draft in concerns} == {"2023-06-01"}
    assessment = next(draft for draft in report.drafts if draft.category == Category.ASSESSMENT)
    assert len(assessment.fields["hub_AssessmentFactors"]) == 5  # type: ignore[arg-type]


def test_factor_21_is_looked_for_and_not_seen() -> None:
    """An assessment that found no factor is not an assessment that did not ask."""
    report = read_cin(census(child(blocks=factors("21"))))
    concern = next(draft for draft in report.drafts if draft.category == Category.CONCERN)
    assert part(concern, "hub_Concern", "presence").value == "looked_for_not_seen"
    assert "looked for and not seen" in concern.summary


def test_an_expected_child_has_that_precision() -> None:
    """An unborn child's date is expected, and a date ahead is no error."""
    identifiers = (
        "<LAchildID>INVENTED2</LAchildID><ExpectedPersonBirthDate>2027-01-15</ExpectedPersonBirthDate>"
        "<GenderCurrent>0</GenderCurrent>"
    )
    report = read_cin(census(child(identifiers=identifiers)))
    identity = report.drafts[0]
    assert value(identity, "prs_Birthdate").value == "2027-01-15"
    assert value(identity, "hub_BirthdatePrecision").value == "expected"
    assert (value(identity, "hub_Sex").value, value(identity, "hub_Sex").code) == ("U", "0")
    assert codes(report) == []


@pytest.mark.parametrize("year", CIN_YEARS)
def test_each_year_is_read_with_its_own_schema(year: int) -> None:
    """Sex and booleans changed in 2025; the wording of need N1 in 2026."""
    sex = "<GenderCurrent>2</GenderCurrent>" if year < 2025 else "<Sex>F</Sex>"
    identifiers = f"<LAchildID>INVENTED1</LAchildID><PersonBirthDate>2011-04-05</PersonBirthDate>{sex}"
    data = census(child(identifiers=identifiers), year=str(year), reference=f"{year}-03-31")
    report = read_cin(data)
    assert report.version == str(year)
    assert codes(report) == []
    assert value(report.drafts[0], "hub_Sex").value == "F"
    assert ("exploitation" in str(value(report.drafts[1], "hub_PrimaryNeed").value)) is (year == 2026)


# Whose records


def test_only_the_child_asked_for_becomes_drafts() -> None:
    """The records of the other child are counted, not shown, and not spoken of."""
    other = child(
        blocks=factors("11A"), identifiers=IDENTIFIERS.replace("INVENTED1", "INVENTED2").replace("2011", "1050")
    )
    data = census(child(), other)
    report = read_cin(data, Subject({"la_child_id": "invented1"}))
    assert (report.records_in, report.fragments, report.not_about) == (6, 2, 4)
    assert {draft.about for draft in report.drafts} == {"INVENTED1"}
    assert codes(report) == []
    assert read_cin(data).records_in == 6


def test_a_child_is_found_by_the_present_or_the_former_pupil_number() -> None:
    """Either number of a child who changed it leads to the child."""
    numbers = "<UPN>A123456789123</UPN><FormerUPN>X98765432123B</FormerUPN>"
    data = census(child(identifiers=IDENTIFIERS.replace("<PersonBirthDate>", numbers + "<PersonBirthDate>", 1)))
    for number in ("A123456789123", "X98765432123B"):
        assert read_cin(data, Subject({"upn": number})).fragments == 2
    assert read_cin(data, Subject({"upn": "B123456789123"})).fragments == 0
    assert read_cin(data, Subject({"upn": "A123456789123", "la_child_id": "OTHER"})).fragments == 0


def test_a_child_without_pupil_number_is_found_by_the_local_one() -> None:
    """A number that the file does not hold does not speak against the child."""
    assert read_cin(census(), Subject({"la_child_id": "INVENTED1", "upn": "A123456789123"})).fragments == 2


def test_nothing_found_is_said_and_why_a_name_cannot_find() -> None:
    """The census has no names: a question by name alone gets that answer, not silence."""
    report = read_cin(census(), Subject(family_name="Invented", birth_date="2011-04-05"))
    assert (report.fragments, report.not_about) == (0, 2)
    assert codes(report) == [FindingCode.NOTHING_FOUND]
    assert "holds no names" in report.findings[0].message
    assert "does not mean" in report.findings[0].message


# Refusals of the file


@pytest.mark.parametrize(
    ("year", "reference", "said"),
    [
        (None, "2024-03-31", "header says year nothing"),
        ("2021", "2021-03-31", "'2021'"),
        ("2024", "2025-03-31", "2025-03-31"),
        ("24", "2024-03-31", "'24'"),
        ("2024", "31/03/2024", "nothing that can be read"),
    ],
)
def test_a_year_that_is_missing_unknown_or_contradicted_is_refused(
    year: str | None, reference: str | None, said: str
) -> None:
    """A person must choose; the message says what the header and the reference date say, and what there is."""
    finding = refusal(read_cin, census(year=year, reference=reference)).findings[0]
    assert finding.code is FindingCode.WRONG_YEAR
    assert said in finding.message
    assert "2022, 2024, 2025 and 2026" in finding.message
    assert read_cin(census(year=year, reference=reference), year=2024).fragments == 2


def test_a_chosen_year_without_schema_is_refused() -> None:
    """Also a person can only choose what is there."""
    finding = refusal(read_cin, census(), year=2023).findings[0]
    assert finding.code is FindingCode.WRONG_YEAR
    assert "there is no schema for 2023" in finding.message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<EXPSSDA903/>", FindingCode.NOT_THIS_FORMAT),
        (b"<Message><Header/></Message>", FindingCode.NOT_THIS_FORMAT),
        (census().replace(b">CIN<", b">SchoolCensus<"), FindingCode.NOT_THIS_FORMAT),
        (census().replace(b"<Message>", b'<Message xmlns="urn:invented">'), FindingCode.NOT_THIS_FORMAT),
        (census().partition(b"<Children>")[0] + b"<Children/></Message>", FindingCode.IS_TEMPLATE),
        (census()[:-12], FindingCode.NOT_WELL_FORMED),
        (b'<!DOCTYPE Message [<!ENTITY x "y">]>' + census(), FindingCode.DOCTYPE_FORBIDDEN),
        (b'<?xml version="1.0" encoding="utf-7"?>' + census(), FindingCode.BAD_ENCODING),
    ],
)
def test_what_is_no_whole_census_is_refused(data: bytes, code: FindingCode) -> None:
    """Another root, another collection, no child, broken or dangerous XML."""
    finding = refusal(read_cin, data).findings[0]
    assert (finding.code, finding.severity) == (code, Severity.REFUSE_FILE)


@pytest.mark.parametrize(("limit", "value_"), [("MAX_CHILDREN", 1), ("MAX_TAGS", 10), ("MAX_ELEMENTS_PER_CHILD", 5)])
def test_each_limit_is_kept(monkeypatch: pytest.MonkeyPatch, limit: str, value_: int) -> None:
    """Too many children, tags or elements for one child: the file is refused with both numbers."""
    monkeypatch.setattr(cin, limit, value_)
    finding = refusal(read_cin, census(child(), child())).findings[0]
    assert finding.code is FindingCode.TOO_LARGE
    assert f"the limit is {value_}" in finding.message


# Refusals of records and values


def test_a_child_without_any_identifier_is_refused_record_by_record() -> None:
    """Nothing says whose records these are; each is counted and refused, also when a child is asked for."""
    nameless = child(blocks=factors("11A"), identifiers=IDENTIFIERS.replace("INVENTED1", " "))
    for subject in (None, Subject({"la_child_id": "INVENTED1"})):
        report = read_cin(census(child(), nameless), subject)
        assert (report.records_in, report.fragments, report.refused) == (6, 2, 4)


def test_an_over_long_identifier_is_refused_as_a_value() -> None:
    """An identifier has a limit; without it the pupil number still tells whose record it is."""
    identifiers = IDENTIFIERS.replace("INVENTED1", "X" * 65).replace("<PersonB", "<UPN>A123456789123</UPN><PersonB", 1)
    report = read_cin(census(child(identifiers=identifiers)))
    assert report.fragments == 2
    assert value(report.drafts[0], "hub_LAChildID").state is ValueState.UNREADABLE
    assert any("at most 64" in finding.message for finding in report.findings)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("2023-05-02", "2023-02-30", "cas_IncomingReferralDate"),
        ("2023-05-02", "02/05/2023", "cas_IncomingReferralDate"),
        ("<PrimaryNeedCode>N1", "<PrimaryNeedCode>N99", "hub_PrimaryNeed"),
        ("<ReferralSource>6<", "<ReferralSource>Police<", "cas_ReferringOrganisation"),
        ("<ReferralNFA>0<", "<ReferralNFA>maybe<", "hub_NoFurtherAction"),
    ],
)
def test_a_bad_value_costs_only_itself(old: str, new: str, field: str) -> None:
    """State unreadable, kept as written, one finding; the record stays."""
    report = read_cin(census(child().replace(old, new)))
    assert report.fragments == 2
    bad = value(report.drafts[1], field)
    assert (bad.state, bad.value) == (ValueState.UNREADABLE, None)
    assert bad.as_written
    assert bad.as_written in new
    assert [finding.severity for finding in report.findings] == [Severity.REFUSE_VALUE]
    expected = FindingCode.BAD_DATE if "Date" in field else FindingCode.SCHEMA_ERROR
    assert codes(report) == [expected]
    assert report.drafts[1].findings == tuple(report.findings)


def test_a_date_with_a_time_zone_is_read_and_kept_as_written() -> None:
    """The schema allows it; the day is what counts."""
    report = read_cin(census(child().replace("2023-05-02", "2023-05-02+01:00")))
    read = value(report.drafts[1], "cas_IncomingReferralDate")
    assert (read.value, read.as_written) == ("2023-05-02", "2023-05-02+01:00")
    assert codes(report) == []


def test_an_element_that_stands_twice_is_not_guessed() -> None:
    """Two birth dates: neither is taken."""
    twice = "<PersonBirthDate>2011-04-05</PersonBirthDate><PersonBirthDate>2010-04-05</PersonBirthDate>"
    identifiers = IDENTIFIERS.replace("<PersonBirthDate>2011-04-05</PersonBirthDate>", twice)
    report = read_cin(census(child(identifiers=identifiers)))
    assert value(report.drafts[0], "prs_Birthdate").state is ValueState.UNREADABLE
    assert any("stands 2 times" in finding.message for finding in report.findings)


def test_a_missing_required_element_is_a_schema_error_and_the_record_stays() -> None:
    """The finding names what the year requires."""
    report = read_cin(census(child().replace("<ReferralSource>6</ReferralSource>", "")))
    assert report.fragments == 2
    assert [(item.code, item.severity) for item in report.findings] == [
        (FindingCode.SCHEMA_ERROR, Severity.REFUSE_VALUE)
    ]
    assert "requires ReferralSource" in report.findings[0].message
    assert value(report.drafts[1], "cas_ReferringOrganisation").state is ValueState.ABSENT


def test_elements_in_another_order_are_read_and_warned_about() -> None:
    """Nothing is lost by the order."""
    swapped = child().replace("<CINreferralDate>2023-05-02</CINreferralDate><ReferralSource>6</ReferralSource>", "{}")
    swapped = swapped.replace("{}", "<ReferralSource>6</ReferralSource><CINreferralDate>2023-05-02</CINreferralDate>")
    report = read_cin(census(swapped))
    assert [(item.code, item.severity) for item in report.findings] == [(FindingCode.SCHEMA_ERROR, Severity.WARN)]
    assert value(report.drafts[1], "cas_IncomingReferralDate").value == "2023-05-02"


def test_an_element_out_of_order_does_not_make_optional_ones_required() -> None:
    """After the last required element only optional ones may come; none of them is missing."""
    need = "<PrimaryNeedCode>N1</PrimaryNeedCode>"
    report = read_cin(census(child(plans=need).replace(need, "", 1)))
    assert [(item.code, item.severity) for item in report.findings] == [(FindingCode.SCHEMA_ERROR, Severity.WARN)]
    assert report.findings[0].locator.endswith("/PrimaryNeedCode[1]")
    assert value(report.drafts[1], "hub_PrimaryNeed").code == "N1"


def test_empty_and_absent_are_two_states() -> None:
    """An element with nothing in it is not an element that is not there."""
    report = read_cin(census(child().replace("<PrimaryNeedCode>N1</PrimaryNeedCode>", "<PrimaryNeedCode/>")))
    assert value(report.drafts[1], "hub_PrimaryNeed").state is ValueState.EMPTY
    assert value(report.drafts[1], "hub_ClosureDate").state is ValueState.ABSENT


# Warnings


def test_every_unknown_block_is_named_also_with_its_own_namespace() -> None:
    """Not only the first, not only in one place, and the locator leads to it."""
    blocks = "<Early>x</Early><Later><Inner/></Later><n:Far xmlns:n='urn:invented'/>"
    data = (
        census(child(plans=blocks))
        .replace(b"<Header>", b"<Extra/><Header>")
        .replace(b"</Children>", b"<Odd/></Children>")
    )
    report = read_cin(data)
    unknown = [finding for finding in report.findings if finding.code is FindingCode.UNKNOWN_BLOCK]
    assert [at_locator(data, finding.locator).tag for finding in unknown] == [
        "Odd",
        "Extra",
        "Early",
        "Later",
        "{urn:invented}Far",
    ]
    assert {finding.severity for finding in unknown} == {Severity.WARN}
    assert report.fragments == 2


def test_attributes_are_named_and_a_schema_location_is_not_followed() -> None:
    """The census has no attributes; one that names a schema elsewhere changes nothing."""
    data = census(child().replace("<CINdetails>", '<CINdetails kind="x">'))
    data = data.replace(
        b"<Message>",
        b'<Message xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi:noNamespaceSchemaLocation="http://invented.example/other.xsd">',
    )
    report = read_cin(data)
    assert codes(report) == [FindingCode.UNKNOWN_BLOCK]
    assert report.fragments == 2


def test_stray_text_is_warned_about_and_not_repeated() -> None:
    """The text itself may be anything and stays out of the report."""
    report = read_cin(census(child().replace("</ChildIdentifiers>", "someone's note</ChildIdentifiers>")))
    assert codes(report) == [FindingCode.STRAY_TEXT]
    assert "note" not in report.findings[0].message


def test_the_same_child_twice_is_one_set_of_fragments() -> None:
    """Both places are named; a record that stands twice is counted once."""
    data = census(child(blocks=factors("11A")), child(blocks=factors("11A")))
    report = read_cin(data)
    assert (report.records_in, report.fragments) == (4, 4)
    repeated = [finding for finding in report.findings if finding.code is FindingCode.DUPLICATE_RECORD]
    assert len(repeated) == 4
    assert {finding.severity for finding in repeated} == {Severity.WARN}
    for finding in repeated:
        assert "Child[2]" in finding.locator
        assert "Child[1]" in finding.message


def test_the_same_plan_twice_is_one_fragment_and_no_overlap() -> None:
    """A repetition is not two plans at once."""
    report = read_cin(census(child(plans=plan() + plan())))
    assert categories(report)["plan"] == 1
    assert codes(report) == [FindingCode.DUPLICATE_RECORD]


def test_two_plans_at_once_are_warned_about() -> None:
    """Both are kept."""
    report = read_cin(census(child(plans=plan() + plan(start="2023-12-01", end=""))))
    assert categories(report)["plan"] == 2
    assert codes(report) == [FindingCode.OVERLAPPING_PERIODS]


def test_one_child_id_with_two_pupil_numbers_is_warned_about() -> None:
    """It may be two children under one number."""
    one = IDENTIFIERS.replace("<PersonBirthDate>", "<UPN>A123456789123</UPN><PersonBirthDate>", 1)
    two = IDENTIFIERS.replace("<PersonBirthDate>", "<UPN>B123456789123</UPN><PersonBirthDate>", 1)
    report = read_cin(census(child(identifiers=one), child(identifiers=two)))
    assert FindingCode.CONFLICT_IN_DELIVERY in codes(report)


def test_a_child_without_any_birth_date_is_warned_about() -> None:
    """Neither birth date nor expected birth date."""
    identifiers = IDENTIFIERS.replace("<PersonBirthDate>2011-04-05</PersonBirthDate>", "")
    report = read_cin(census(child(identifiers=identifiers)))
    assert [finding.severity for finding in report.findings] == [Severity.WARN]
    assert "neither birth date nor expected" in report.findings[0].message


def test_two_authorities_in_one_header_leave_the_authority_open() -> None:
    """LAchildID means something only with its authority, which then cannot be told."""
    data = census()
    source = data[data.index(b"<Source>") : data.index(b"</Source>") + len(b"</Source>")]
    report = read_cin(data.replace(source, source + source.replace(b">201<", b">202<")))
    assert value(report.drafts[0], "hub_LA").state is ValueState.UNREADABLE


# What holds for every file


def test_no_finding_repeats_what_is_personal() -> None:
    """Identifiers and birth dates never stand in a report."""
    data = census(child(identifiers=IDENTIFIERS.replace("2011-04-05", "1951-04-05") + "<Odd>secret-word</Odd>"))
    text = str(read_cin(data).to_json())
    for personal in ("INVENTED1", "1951-04-05", "secret-word"):
        assert personal not in text


def test_reading_twice_gives_the_same(cin_samples: dict[str, bytes]) -> None:
    """Record ids, contents and findings."""
    data = cin_samples["CIN_Census_2026.xml"]
    first, second = read_cin(data, year=2024), read_cin(data, year=2024)
    assert [draft.record_id for draft in first.drafts] == [draft.record_id for draft in second.drafts]
    assert [draft.to_content() for draft in first.drafts] == [draft.to_content() for draft in second.drafts]
    assert first.to_json() == second.to_json()
    assert len({draft.record_id for draft in first.drafts}) == first.fragments


def test_the_order_of_children_does_not_matter() -> None:
    """The same statements come out, whoever stands first."""
    other = child(blocks=factors("9A"), identifiers=IDENTIFIERS.replace("INVENTED1", "INVENTED2"))

    def statements(data: bytes) -> set[tuple[str, str, str]]:
        return {(draft.about, draft.category.value, draft.summary) for draft in read_cin(data).drafts}

    assert statements(census(child(), other)) == statements(census(other, child()))


# The schemas


def test_our_schemas_are_the_published_ones(samples_dir: Path) -> None:
    """Byte for byte, and loaded once."""
    published = sorted((samples_dir / "social-care" / "cin" / "xsd").glob("*.xsd"))
    assert len(published) == len(CIN_YEARS) == 4
    for year in CIN_YEARS:
        ours = cin_schema_path(year)
        assert ours.read_bytes() == (samples_dir / "social-care" / "cin" / "xsd" / ours.name).read_bytes()
        assert ours.is_absolute()
        assert census_schema(year) is census_schema(year)
        assert (census_schema(year).defuse, census_schema(year).allow) == ("always", "sandbox")


def test_code_lists_follow_the_year() -> None:
    """5D and RC9 came after 2022, 18A and 19A are back in 2025."""
    assert "5D" not in cin_codes(2022)["ReferralSource"]
    assert "5D" in cin_codes(2024)["ReferralSource"]
    assert len(cin_codes(2024)["AssessmentFactors"]) == 42
    assert len(cin_codes(2025)["AssessmentFactors"]) == 44
    with pytest.raises(KeyError):
        cin_schema_path(2023)


def test_the_format_says_what_it_is() -> None:
    """The id that stands in every source block, and the kind of agency."""
    assert (cin.FORMAT.format_id, cin.FORMAT.kind) == ("cin-census-xml", "social_care")
    assert read_cin(census()).format == cin.FORMAT.format_id
