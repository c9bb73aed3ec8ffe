"""The reader of the SSDA903 return: the samples, each table's mapping, and each refusal and warning."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from social_care_files import codes, part, read_903, refusal, value, values_of

from adapters.sources.draft import ReadReport, Value, ValueState
from adapters.sources.findings import FindingCode, Severity
from adapters.sources.social_care import ssda903, ssda903_tables
from adapters.sources.social_care.codes import RETURN_YEARS, return_codes
from adapters.sources.subject import Subject
from policies.vocabulary import Category

HEADER = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n"
EPISODES = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n"
MISSING = "CHILD,DOB,MISSING,MIS_START,MIS_END\n"
ONE_EPISODE = "KID1,01/05/2023,S,C2,N1,U4,PR1,01/06/2023,E4A,,SW1A 1AA,EC1A 1BB,1234567\n"

# Sample: records, fragments, refused.
SAMPLES = {
    "DoLo.csv": ("dolo", 1, 1, 0),
    "SSDA903_2020_episodes.csv": ("episodes", 5, 5, 0),
    "episodes.csv": ("episodes", 5050, 5050, 0),
    "header.csv": ("header", 2676, 2676, 0),
    "missing.csv": ("missing", 43, 43, 0),
    "oc2.csv": ("oc2", 2675, 0, 2675),
    "placed_for_adoption_errors.csv": ("placed_adoption", 30, 30, 0),
    "sw_episodes.csv": ("social_worker", 1, 1, 0),
    "uasc.csv": ("uasc", 132, 132, 0),
}


@pytest.fixture(scope="module")
def folder(samples_dir: Path) -> Path:
    """The folder of return tables."""
    found = samples_dir / "social-care" / "ssda903"
    assert {path.name for path in found.glob("*.csv")} == set(SAMPLES)
    return found


def cell(folder_of: dict[str, bytes], locator: str) -> str:
    """Return the text a locator leads to: file, line, column."""
    name, line, column = locator.rsplit(":", 2)
    rows = list(csv.reader(io.StringIO(folder_of[name].decode("utf-8-sig"), newline="")))
    return rows[int(line) - 1][[heading.strip() for heading in rows[0]].index(column)]


def severities(report: ReadReport, code: FindingCode) -> set[Severity]:
    return {finding.severity for finding in report.findings if finding.code is code}


# The samples


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_each_sample_is_read_and_known_by_its_columns(folder: Path, name: str) -> None:
    """Under any file name; records in, fragments and refusals add up."""
    kind, records, fragments, refused = SAMPLES[name]
    data = (folder / name).read_bytes()
    report = read_903(data, name="anything.txt")
    assert report.version == kind
    assert (report.records_in, report.fragments, report.refused, report.not_about) == (records, fragments, refused, 0)


def test_only_107_pupil_numbers_of_the_sample_pass_and_all_are_kept(folder: Path) -> None:
    """A wrong check letter is a warning, never a refusal."""
    report = read_903((folder / "header.csv").read_bytes())
    assert 2675 - codes(report).count(FindingCode.BAD_UPN) == 107
    assert severities(report, FindingCode.BAD_UPN) == {Severity.WARN}
    numbers = [value(draft, "hub_UPN") for draft in report.drafts if "hub_UPN" in draft.fields]
    assert {number.state for number in numbers} == {ValueState.GIVEN}


def test_sample_of_faults_is_read_with_each_fault_named(folder: Path) -> None:
    """An extra column, a dummy code, a blank legal status, overlaps, postcodes without a blank or cut off."""
    report = read_903((folder / "SSDA903_2020_episodes.csv").read_bytes(), name="episodes.csv")
    found = Counter(codes(report))
    assert found[FindingCode.UNKNOWN_COLUMN] == 1
    assert found[FindingCode.OVERLAPPING_PERIODS] == 2
    dummy = next(finding for finding in report.findings if finding.code is FindingCode.UNKNOWN_CODE)
    assert (dummy.locator, dummy.severity) == ("episodes.csv:6:RNE", Severity.REFUSE_VALUE)
    assert "'*DUMMY*'" in dummy.message
    assert "S, L, P, T, B, U" in dummy.message
    assert part(report.drafts[1], "hub_Placement", "legal_status").state is ValueState.EMPTY
    assert part(report.drafts[1], "hub_Placement", "placement_postcode").value == "C251YT"
    assert part(report.drafts[4], "hub_Placement", "why_started").as_written == "*DUMMY*"


def test_sample_with_byte_order_mark_and_an_unknown_reason(folder: Path) -> None:
    """SWLAZY is no reason; the worker stands by number, without a name."""
    report = read_903((folder / "sw_episodes.csv").read_bytes())
    assert codes(report) == [FindingCode.UNKNOWN_CODE]
    assert "'SWLAZY'" in report.findings[0].message
    worker = report.drafts[0]
    assert worker.category == Category.RELATION
    assert part(worker, "hub_Professional", "identifier").value == "SW999"
    assert part(worker, "hub_Professional", "name").state is ValueState.NOT_IN_FORMAT
    assert part(worker, "hub_Professional", "reason_for_change").state is ValueState.UNREADABLE


def test_unaccompanied_children_are_no_date_error(folder: Path) -> None:
    """The status ends about the 18th birthday, for most of them in years to come."""
    report = read_903((folder / "uasc.csv").read_bytes())
    assert codes(report) == []
    ends = [str(part(draft, "hub_Concern", "status_ends_on").value) for draft in report.drafts]
    assert sum(end > "2026-11-21" for end in ends) > 50
    assert {part(draft, "hub_Concern", "concern").code for draft in report.drafts} == {"uasc"}


def test_outcomes_are_not_shared_by_default(folder: Path) -> None:
    """Every row is counted, refused and says so; no score gets into a draft or a message."""
    report = read_903((folder / "oc2.csv").read_bytes())
    assert report.drafts == []
    assert {finding.severity for finding in report.findings} == {Severity.REFUSE_RECORD}
    assert all("not shared by default" in finding.message for finding in report.findings)
    lines = report.to_json()["findings"]
    assert len(lines) == 51
    assert "2,675 in all" in lines[-1]["message"]


def test_whole_delivery_is_joined_by_child(folder: Path) -> None:
    """One child of the header: identity, missing episodes and placements together, the others only counted."""
    files = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    main = files.pop("header.csv")
    whole = read_903(main, siblings=files, name="header.csv")
    assert whole.records_in == sum(records for _, records, _, _ in SAMPLES.values())
    rows = list(csv.DictReader(io.StringIO(files["missing.csv"].decode())))
    asked = rows[6]["CHILD"]
    report = read_903(main, Subject({"la_child_id": asked}), siblings=files, name="header.csv")
    assert report.records_in == whole.records_in
    found = Counter(draft.category for draft in report.drafts)
    assert found[Category.IDENTITY] == 1
    assert found[Category.MISSING_EPISODE] == sum(row["CHILD"] == asked for row in rows) == 2
    assert {draft.about for draft in report.drafts} == {asked}
    assert {draft.source.file_sha256 for draft in report.drafts} != {report.file_sha256}
    # The header has the pupil number, so the same child is found by it in every table.
    upn = str(value(report.drafts[0], "hub_UPN").value)
    by_number = read_903(main, Subject({"upn": upn}), siblings=files, name="header.csv")
    assert [draft.record_id for draft in by_number.drafts] == [draft.record_id for draft in report.drafts]


@pytest.mark.parametrize(
    "name", ["SSDA903_2020_episodes.csv", "missing.csv", "uasc.csv", "sw_episodes.csv", "DoLo.csv"]
)
def test_every_locator_leads_to_the_cell(folder: Path, name: str) -> None:
    """What is given is what stands in the cell; the locator of a finding exists."""
    files = {name: (folder / name).read_bytes()}
    report = read_903(files[name], name=name)
    checked = 0
    for draft in report.drafts:
        for item in values_of(draft):
            if item.locator.count(":") == 2 and item.state is ValueState.GIVEN and not isinstance(item.value, bool):
                assert cell(files, item.locator).strip() in {str(item.value), item.code, item.as_written}
                checked += 1
    assert checked >= 2
    for finding in report.findings:
        if finding.locator.count(":") == 2:
            cell(files, finding.locator)


# The mapping, table by table


def test_header_becomes_an_identity_without_names() -> None:
    """Sex as recorded, birth date with its precision, the child's local number without an authority."""
    report = read_903(HEADER + "KID1,F,05/04/2011,BAFR,A850728973744,,\n")
    (identity,) = report.drafts
    assert identity.category == Category.IDENTITY
    assert (value(identity, "hub_Sex").value, value(identity, "hub_Sex").code) == ("F", "F")
    assert (value(identity, "prs_Birthdate").value, value(identity, "prs_Birthdate").as_written) == (
        "2011-04-05",
        "05/04/2011",
    )
    assert value(identity, "hub_BirthdatePrecision").value == "day"
    assert (value(identity, "hub_Ethnicity").scheme, value(identity, "hub_Ethnicity").code) == (
        "dfe-ethnicity",
        "BAFR",
    )
    assert value(identity, "hub_LA").state is ValueState.NOT_IN_FORMAT
    assert value(identity, "prs_SecondName").state is ValueState.NOT_IN_FORMAT
    assert "hub_IsMother" not in identity.fields
    assert identity.source.format_version == "header"


def test_a_code_that_became_a_number_with_a_fraction_is_read_and_kept_as_written() -> None:
    """A spreadsheet writes 2 as 2.0 once a column has gaps."""
    report = read_903(HEADER + "KID1,2,05/04/2011,BAFR,,0.0,\nKID2,3.0,05/04/2011,BAFR,,,\n")
    mother = value(report.drafts[0], "hub_IsMother")
    assert (mother.value, mother.code) == (False, "0")
    assert [finding.locator for finding in report.findings] == ["table.csv:3:SEX"]


@pytest.mark.parametrize("written", ["1", "1.0", ""])
def test_a_child_who_is_a_mother_is_a_record_that_can_be_held_back(written: str) -> None:
    """At least one child, restricted; the birth date of her child is somebody else's and is left out."""
    report = read_903(HEADER + f"KID1,2,05/04/2008,BAFR,,{written},27/08/2023\n")
    identity, mother = report.drafts
    assert not identity.restricted
    assert mother.restricted
    assert value(mother, "prs_NumberOfChildren").value == 1
    assert value(mother, "hub_NumberOfChildrenPrecision").value == "at_least"
    assert "2023-08-27" not in str([draft.to_content() for draft in report.drafts])
    assert codes(report) == [FindingCode.THIRD_PARTY]
    assert "1 other child" in report.findings[0].message
    assert mother.record_id != identity.record_id


def test_mother_zero_is_no_and_another_code_is_refused() -> None:
    """0 says she is not; blank says nothing; 7 is no code."""
    report = read_903(HEADER + "KID1,2,05/04/2011,BAFR,,0,\nKID2,2,05/04/2011,BAFR,,7,\nKID3,2,05/04/2011,BAFR,,,\n")
    assert value(report.drafts[0], "hub_IsMother").value is False
    assert value(report.drafts[1], "hub_IsMother").state is ValueState.UNREADABLE
    assert "hub_IsMother" not in report.drafts[2].fields
    assert codes(report) == [FindingCode.UNKNOWN_CODE]


def test_an_episode_keeps_status_placement_provider_and_dates() -> None:
    """Every code with its scheme; the words are help for a reader."""
    (placement,) = read_903(EPISODES + ONE_EPISODE).drafts
    assert placement.category == Category.PLACEMENT
    assert (placement.observed_from, placement.observed_to) == ("2023-05-01", "2023-06-01")
    status = part(placement, "hub_Placement", "legal_status")
    assert (status.code, status.scheme, status.value) == ("C2", "ssda903-ls", "full care order")
    assert part(placement, "hub_Placement", "why_ended").code == "E4A"
    assert part(placement, "hub_Placement", "provider_urn").value == "1234567"
    assert part(placement, "hub_Placement", "reason_for_change").state is ValueState.EMPTY


def test_episodes_are_continuous_when_the_next_starts_the_same_day() -> None:
    """X1 with an episode on that day: continuous. Without one: a warning."""
    first = ONE_EPISODE.replace("E4A", "X1")
    second = ONE_EPISODE.replace("01/05/2023,S", "01/06/2023,P").replace("01/06/2023,E4A", "01/07/2023,X1")
    report = read_903(EPISODES + first + second)
    assert [part(draft, "hub_Placement", "is_followed_same_day").value for draft in report.drafts] == [True, False]
    assert codes(report) == [FindingCode.CONFLICT_IN_DELIVERY]
    assert report.findings[0].locator == "table.csv:3:REC"


def test_an_episode_that_goes_on_is_not_closed() -> None:
    """A blank DEC is an end that is not there; a reason to end without an end is warned about."""
    report = read_903(EPISODES + ONE_EPISODE.replace("01/06/2023,E4A", ","))
    assert codes(report) == []
    assert part(report.drafts[0], "hub_Placement", "end").state is ValueState.EMPTY
    assert report.drafts[0].observed_to is None
    assert codes(read_903(EPISODES + ONE_EPISODE.replace("01/06/2023", ""))) == [FindingCode.CONFLICT_IN_DELIVERY]


def test_missing_and_away_are_two_kinds_and_no_end_is_said() -> None:
    """M and A; a blank end means not ended when extracted, and which of both is not known."""
    report = read_903(MISSING + "KID1,05/04/2011,M,01/05/2023,\nKID1,05/04/2011,A,01/06/2022,03/06/2022\n")
    first, second = report.drafts
    assert {first.category, second.category} == {Category.MISSING_EPISODE}
    assert part(first, "hub_MissingEpisode", "kind").code == "M"
    assert part(first, "hub_MissingEpisode", "end").state is ValueState.EMPTY
    assert "not known" in first.summary
    assert part(second, "hub_MissingEpisode", "kind").value == "away from placement without authorisation"
    assert (second.observed_from, second.observed_to) == ("2022-06-01", "2022-06-03")


@pytest.mark.parametrize(("code", "spoke"), [("PN1", True), ("PN7", False), ("PN2", False), ("PN0", None)])
def test_a_review_says_whether_the_child_spoke(code: str, spoke: bool | None) -> None:
    """Under four (PN0) the question was not put."""
    (review,) = read_903(f"CHILD,DOB,REVIEW,REVIEW_CODE\nKID1,05/04/2011,01/05/2023,{code}\n").drafts
    assert part(review, "hub_Assessment", "kind").value == "looked_after_review"
    group = review.fields["hub_Assessment"]
    assert not isinstance(group, Value)
    said = group[0]
    assert not isinstance(said, Value)
    assert (said["child_spoke"].value if "child_spoke" in said else None) is spoke


def test_care_leavers_adoption_permanence_and_liberty_have_their_fragments() -> None:
    """oc3, placed_adoption, ad1, prev_perm and DoLo; adoption is restricted, adopters are other people."""
    (leaver,) = read_903("CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\nKID1,05/04/2006,YES,F2,Z1\n").drafts
    assert leaver.category == Category.SERVICE
    assert part(leaver, "hub_CareLeaver", "accommodation").code == "Z1"
    placed = read_903(
        "CHILD,DOB,DATE_PLACED,DATE_PLACED_CEASED,REASON_PLACED_CEASED\nKID1,05/04/2011,01/05/2013,,\n"
    ).drafts[0]
    assert (placed.category, placed.restricted) == (Category.PLACEMENT, True)
    report = read_903(
        "CHILD,DOB,DATE_INT,DATE_MATCH,FOSTER_CARE,NB_ADOPTR,SEX_ADOPTR,LS_ADOPTR\n"
        "KID1,05/04/2011,01/05/2013,01/06/2013,0,2,MM,L11\n"
    )
    assert (report.drafts[0].category, report.drafts[0].restricted) == (Category.PLAN, True)
    assert codes(report) == [FindingCode.THIRD_PARTY]
    assert "L11" not in str(report.drafts[0].to_content())
    order = read_903("CHILD,DOB,DOLO_START,DOLO_END\nKID1,05/04/2011,01/05/2026,01/05/2027\n")
    assert part(order.drafts[0], "hub_Placement", "kind").value == "deprivation_of_liberty_order"
    assert codes(order) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [("zz/05/2010", "2010-05"), ("zz/zz/2010", "2010"), ("17/05/2010", "2010-05-17"), ("zz/13/2010", None)],
)
def test_an_order_of_long_ago_keeps_the_precision_of_its_date(written: str, read: str | None) -> None:
    """Nothing is filled in where the day is not known."""
    (earlier,) = read_903(f"CHILD,DOB,PREV_PERM,LA_PERM,DATE_PERM\nKID1,05/04/2009,P1,201,{written}\n").drafts
    assert part(earlier, "hub_Placement", "start").value == read
    assert earlier.restricted


# Years


def test_without_a_year_the_codes_of_any_return_are_read_and_with_one_only_its_own() -> None:
    """H5 ended with 2024, K3 began with 2025; E43 ended with 2018."""
    rows = EPISODES + ONE_EPISODE.replace("U4", "H5") + ONE_EPISODE.replace("U4", "K3").replace("2023", "2022")
    assert FindingCode.UNKNOWN_CODE not in codes(read_903(rows))
    report = read_903(rows, year=2025)
    assert report.version == "episodes 2025"
    assert [finding.locator for finding in report.findings] == ["table.csv:2:PLACE"]
    assert "belongs to the returns 2017 to 2024" in report.findings[0].message
    assert [finding.locator for finding in read_903(rows, year=2024).findings] == ["table.csv:3:PLACE"]


def test_a_year_whose_codes_are_not_known_is_refused() -> None:
    """A person can only choose what is there."""
    finding = refusal(read_903, HEADER + "KID1,2,05/04/2011,BAFR,,,\n", year=2012).findings[0]
    assert (finding.code, finding.severity) == (FindingCode.WRONG_YEAR, Severity.REFUSE_FILE)
    assert "2017 to 2027" in finding.message


def test_every_coded_column_has_a_list() -> None:
    """The table of codes holds what the mapping asks for, with years inside the known ones."""
    lists = return_codes()
    assert len(lists) == 19
    assert len(lists["PLACE"]) == 32
    for listed in lists.values():
        assert listed
        assert all(code.first_year in RETURN_YEARS and code.last_year in RETURN_YEARS for code in listed.values())
    assert not any(code.is_known_in(2016) for code in lists["PLACE"].values())


# Refusals of the file


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (HEADER, FindingCode.IS_TEMPLATE, "no rows"),
        ("\nCHILD,DUC\n", FindingCode.NOT_THIS_FORMAT, "no headings"),
        ("first,second\n1,2\n", FindingCode.NO_KNOWN_COLUMNS, "'first', 'second'"),
        (HEADER.replace(",", ";") + "KID1;2\n", FindingCode.WRONG_SEPARATOR, "semicolon"),
        (HEADER.replace(",", "\t") + "KID1\t2\n", FindingCode.WRONG_SEPARATOR, "tab"),
        (HEADER.replace("ETHNIC,UPN", "ETHNIC!UPN") + "KID1,2\n", FindingCode.WRONG_SEPARATOR, "exclamation"),
        (HEADER.replace("UPN", "DOB") + "K,2,,,,,\n", FindingCode.DUPLICATE_COLUMN, "'DOB' in columns 3, 5"),
        (MISSING.replace("MIS_START", "MIS_STRT") + "K,,M,,\n", FindingCode.MISSING_COLUMN, "near: 'MIS_STRT'"),
        (EPISODES.replace("CHILD", "CHLD") + ONE_EPISODE, FindingCode.MISSING_COLUMN, "near: 'CHLD'"),
        (HEADER + 'KID1,"2,05/04/2011,BAFR,,,\n', FindingCode.NOT_WELL_FORMED, "line 2"),
        ((HEADER + "KID1,2,05/04/2011,\u00c9,,,\n").encode("cp1252"), FindingCode.BAD_ENCODING, "Windows-1252"),
        ((HEADER + "KID1,2,\x00,,,,\n").encode(), FindingCode.BAD_ENCODING, "NUL"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(data: str | bytes, code: FindingCode, said: str) -> None:
    """In plain words, with the place."""
    finding = refusal(read_903, data).findings[0]
    assert (finding.code, finding.severity) == (code, Severity.REFUSE_FILE)
    assert said in finding.message
    assert finding.locator.startswith("table.csv")


def test_each_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many rows or columns: the file is refused with the limit; a cell too long costs its row."""
    assert refusal(read_903, HEADER.strip() + ",X" * 300 + "\n1\n").findings[0].code is FindingCode.TOO_LARGE
    report = read_903(MISSING + f"KID1,,M,01/05/2023,{'x' * 100_001}\nKID2,,M,01/05/2023,\n")
    assert (report.fragments, report.refused) == (1, 1)
    assert "100,000" in report.findings[0].message
    assert refusal(read_903, MISSING + f"KID1,,M,01/05/2023,{'x' * 140_000}\n").findings[0].code in {
        FindingCode.NOT_WELL_FORMED
    }
    monkeypatch.setattr(ssda903_tables, "MAX_ROWS", 1)
    finding = refusal(read_903, MISSING + "KID1,,M,01/05/2023,\nKID2,,M,01/05/2023,\n").findings[0]
    assert (finding.code, "more than 1 rows" in finding.message) == (FindingCode.TOO_LARGE, True)


# Refusals of records and values


def test_a_ragged_row_and_a_row_without_child_cost_only_themselves() -> None:
    """Each is refused with its line, whoever is asked for."""
    rows = (
        "KID1,05/04/2011,M,01/05/2023,\nKID2,05/04/2011,M\n,05/04/2011,M,01/05/2023,\nKID4,05/04/2011,M,01/05/2023,\n"
    )
    for subject, fragments, others in ((None, 2, 0), (Subject({"la_child_id": "kid1"}), 1, 1)):
        report = read_903(MISSING + rows, subject)
        assert (report.records_in, report.fragments, report.refused, report.not_about) == (4, fragments, 2, others)
        assert [(item.code, item.severity, item.locator) for item in report.findings] == [
            (FindingCode.RAGGED_ROW, Severity.REFUSE_RECORD, "table.csv:3"),
            (FindingCode.SCHEMA_ERROR, Severity.REFUSE_RECORD, "table.csv:4"),
        ]


def test_rows_without_any_value_are_no_records_and_are_said() -> None:
    """A spreadsheet leaves such rows behind."""
    report = read_903(MISSING + "KID1,05/04/2011,M,01/05/2023,\n,,,,\n\n,,,,\n")
    assert report.records_in == 1
    assert [(item.code, item.severity) for item in report.findings] == [(FindingCode.RAGGED_ROW, Severity.WARN)]
    assert report.findings[0].message.startswith("3 row(s)")


@pytest.mark.parametrize("written", ["31/02/2023", "2023-05-01", "1/5/2023", "01/05/23", "soon", "13/13/2023"])
def test_a_bad_date_costs_only_itself(written: str) -> None:
    """Unreadable, kept as written, said once."""
    report = read_903(MISSING + f"KID1,05/04/2011,M,{written},\n")
    start = part(report.drafts[0], "hub_MissingEpisode", "start")
    assert (start.value, start.state, start.as_written) == (None, ValueState.UNREADABLE, written)
    assert [(item.code, item.severity) for item in report.findings] == [(FindingCode.BAD_DATE, Severity.REFUSE_VALUE)]
    assert written not in report.findings[0].message


def test_one_month_first_date_makes_the_whole_column_unreadable() -> None:
    """05/27 shows that 04/05 may be either: no date of the column is guessed, and none of another is lost."""
    rows = "KID1,05/04/2011,M,05/27/2023,30/05/2023\nKID2,05/04/2011,M,04/05/2023,30/05/2023\n"
    report = read_903(MISSING + rows)
    assert {part(draft, "hub_MissingEpisode", "start").state for draft in report.drafts} == {ValueState.UNREADABLE}
    assert {part(draft, "hub_MissingEpisode", "end").value for draft in report.drafts} == {"2023-05-30"}
    assert [(item.code, item.locator) for item in report.findings] == [(FindingCode.BAD_DATE, "table.csv:1:MIS_START")]


def test_an_over_long_child_number_is_refused() -> None:
    """It cannot be a local number, and without one nothing says whose row this is."""
    report = read_903(MISSING + f"{'X' * 65},05/04/2011,M,01/05/2023,\n")
    assert (report.fragments, report.refused) == (0, 1)


# Warnings


def test_birth_dates_that_differ_are_warned_about_without_their_values() -> None:
    """Both places are named; the dates stay out of the report."""
    siblings = {"missing.csv": (MISSING + "KID1,06/04/2011,M,01/05/2023,\n").encode()}
    report = read_903(HEADER + "KID1,2,05/04/2011,BAFR,,,\n", siblings=siblings, name="header.csv")
    assert codes(report) == [FindingCode.CONFLICT_IN_DELIVERY]
    finding = report.findings[0]
    assert (finding.locator, "header.csv:2:DOB" in finding.message) == ("missing.csv:2:DOB", True)
    assert "2011" not in finding.message
    assert report.fragments == 2


def test_a_sex_that_differs_is_warned_about_across_code_lists() -> None:
    """1 and M are one sex, 2 is another."""
    uasc = "CHILD,SEX,DOB,DUC\nKID1,{},05/04/2011,05/04/2029\n"
    header = HEADER + "KID1,M,05/04/2011,BAFR,,,\n"
    assert codes(read_903(header, siblings={"u.csv": uasc.format("1").encode()})) == []
    assert codes(read_903(header, siblings={"u.csv": uasc.format("2").encode()})) == [FindingCode.CONFLICT_IN_DELIVERY]


def test_a_child_without_header_row_is_an_unresolved_reference() -> None:
    """Said once for a table; its records are kept. Without a header table there is nothing to resolve."""
    missing = (MISSING + "KID9,05/04/2011,M,01/05/2023,02/05/2023\nKID9,05/04/2011,M,01/06/2023,02/06/2023\n").encode()
    report = read_903(HEADER + "KID1,2,05/04/2011,BAFR,,,\n", siblings={"missing.csv": missing})
    assert codes(report) == [FindingCode.UNRESOLVED_REFERENCE]
    assert report.fragments == 3
    assert codes(read_903(missing)) == []


def test_the_same_row_twice_is_one_fragment_also_across_files() -> None:
    """Both places are named; a repetition is no overlap."""
    row = "KID1,05/04/2011,M,01/05/2023,02/05/2023\n"
    report = read_903(MISSING + row + row, siblings={"other.csv": (MISSING + row).encode()})
    assert (report.records_in, report.fragments) == (1, 1)
    assert codes(report) == [FindingCode.DUPLICATE_RECORD] * 2
    assert [finding.locator for finding in report.findings] == ["table.csv:3", "other.csv:2"]
    assert all("table.csv:2" in finding.message for finding in report.findings)


def test_a_period_backwards_overlaps_nothing_and_is_warned_about() -> None:
    """Both dates are said and kept."""
    report = read_903(MISSING + "KID1,05/04/2011,M,05/05/2023,01/05/2023\n")
    assert codes(report) == [FindingCode.ENDS_BEFORE_START]
    assert report.drafts[0].observed_to == "2023-05-01"


def test_columns_too_many_and_too_few_are_named() -> None:
    """An unknown column is not read; a column that is not required is read without."""
    report = read_903("child, Missing ,MIS_START,MIS_END,NOTES,\nKID1,M,01/05/2023,,private words,\n")
    assert sorted(codes(report)) == [
        FindingCode.MISSING_COLUMN,
        FindingCode.UNKNOWN_COLUMN,
        FindingCode.UNKNOWN_COLUMN,
    ]
    assert {finding.severity for finding in report.findings} == {Severity.WARN}
    assert any("'NOTES'" in finding.message for finding in report.findings)
    assert "private words" not in str(report.to_json()) + str([draft.to_content() for draft in report.drafts])


def test_a_postcode_that_cannot_be_right_is_kept() -> None:
    """Warned about; its letters are not changed."""
    report = read_903(EPISODES + ONE_EPISODE.replace("EC1A 1BB", "2TR"))
    assert codes(report) == [FindingCode.BAD_POSTCODE]
    assert part(report.drafts[0], "hub_Placement", "placement_postcode").value == "2TR"


def test_a_sibling_that_cannot_be_read_costs_only_itself() -> None:
    """Another format, an empty table, a name or a file that stands twice: each is said, the rest is read."""
    main = (MISSING + "KID1,05/04/2011,M,01/05/2023,02/05/2023\n").encode()
    siblings = {
        "a.xml": b"<Message/>",
        "b.csv": HEADER.encode(),
        "c.csv": main,
        "d.csv": "CHILD,DUC\nKID1,\u00c9\n".encode("cp1252"),
        "table.csv": b"CHILD,SEX,DOB,DUC\nKID1,2,05/04/2011,05/04/2029\n",
    }
    report = read_903(main, siblings=siblings)
    assert report.fragments == 1
    assert not report.is_refused
    assert [(item.code, item.locator) for item in report.findings][:5] == [
        (FindingCode.NO_KNOWN_COLUMNS, "a.xml:1"),
        (FindingCode.EMPTY_SHEET, "b.csv"),
        (FindingCode.DUPLICATE_RECORD, "c.csv"),
        (FindingCode.BAD_ENCODING, "d.csv:2"),
        (FindingCode.CONFLICT_IN_DELIVERY, "table.csv"),
    ]


def test_nothing_found_is_said() -> None:
    """Silence would look like absence."""
    report = read_903(HEADER + "KID1,2,05/04/2011,BAFR,,,\n", Subject({"la_child_id": "KID2"}))
    assert (report.fragments, report.not_about) == (0, 1)
    assert codes(report) == [FindingCode.NOTHING_FOUND]


def test_no_finding_speaks_of_another_child() -> None:
    """A question about one child says nothing of the faults of the others."""
    rows = "KID1,05/04/2011,M,01/05/2023,02/05/2023\nKID2,05/04/1911,M,soon,\nKID2,05/04/2011,Q,01/05/2023,\n"
    report = read_903(MISSING + rows, Subject({"la_child_id": "KID1"}))
    assert (report.fragments, report.not_about) == (1, 2)
    assert codes(report) == []


# What holds for every file


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_byte_order_marks_change_nothing(line_end: str, encoding: str) -> None:
    """The same values at the same places."""
    text = MISSING + 'KID1,05/04/2011,M,01/05/2023,\n"KID2",05/04/2011,A,01/05/2023,02/05/2023'
    report = read_903(text.replace("\n", line_end).encode(encoding))
    said = [(draft.about, draft.source.locator, draft.summary) for draft in report.drafts]
    plain = [(draft.about, draft.source.locator, draft.summary) for draft in read_903(text).drafts]
    assert said == plain
    assert len(said) == 2


def test_the_line_of_a_record_counts_lines_inside_cells() -> None:
    """A locator leads to the line on which the record starts."""
    text = EPISODES + ONE_EPISODE.replace("1234567", '"12\n345"') + ONE_EPISODE.replace("KID1", "KID2")
    assert [draft.source.locator for draft in read_903(text).drafts] == ["table.csv:2", "table.csv:4"]


def test_the_order_of_rows_does_not_matter(folder: Path) -> None:
    """The same statements come out of the reversed table."""
    lines = (folder / "missing.csv").read_text().splitlines()
    reversed_table = "\n".join([lines[0], *reversed(lines[1:])])

    def statements(data: str) -> Counter[tuple[str, str]]:
        return Counter((draft.about, draft.summary) for draft in read_903(data).drafts)

    assert statements("\n".join(lines)) == statements(reversed_table)


def test_reading_twice_gives_the_same(folder: Path) -> None:
    """Record ids, contents and findings; a sibling's record keeps the id it has when read alone."""
    data = (folder / "SSDA903_2020_episodes.csv").read_bytes()
    first, second = read_903(data, name="e.csv"), read_903(data, name="e.csv")
    assert [draft.to_content() for draft in first.drafts] == [draft.to_content() for draft in second.drafts]
    header = HEADER + "KID1,2,05/04/2011,BAFR,,,\n"
    joined = read_903(header, siblings={"e.csv": data}, name="header.csv")
    assert {draft.record_id for draft in first.drafts} < {draft.record_id for draft in joined.drafts}


def test_tables_are_known_by_columns_alone() -> None:
    """Each of the twelve, whatever the order, with one column too many and one too few."""
    assert len(ssda903_tables.TABLES) == 12
    for kind in ssda903_tables.TABLES:
        assert ssda903_tables.find_table([*reversed(kind.columns), "EXTRA"]) is kind
        assert ssda903_tables.find_table(kind.columns[:-1]) is kind
    assert ssda903_tables.find_table(["First Name", "Last Name", "DOB", "Sex"]) is None
    assert ssda903_tables.find_table(["CHILD", "DOB"]) is None
    assert ssda903_tables.find_table(["MISSING", "MIS_START"]) is not None
    assert ssda903_tables.find_table(["MISSING"]) is None


def test_the_format_says_what_it_is() -> None:
    """The id that stands in every source block, and the kind of agency."""
    assert (ssda903.FORMAT.format_id, ssda903.FORMAT.kind) == ("ssda903-csv", "social_care")
