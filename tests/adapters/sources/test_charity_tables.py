"""Tables as files: headings, separators, encodings, limits, and files damaged in every way."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from charity_files import (
    LABELS,
    ROBIN,
    SAM,
    codes_of,
    csv_bytes,
    of,
    read_csv,
    read_rows,
    read_xlsx,
    refusal_codes,
    saved,
    template,
    value,
    workbook,
)

from adapters.sources.charity import delimited, table
from adapters.sources.charity import workbook as workbook_module
from adapters.sources.charity.table import Cell, CellKind, Row, Table, column_letters
from adapters.sources.charity.workbook import number_text, read_workbook
from adapters.sources.draft import ReadReport
from adapters.sources.findings import FindingCode, Severity, SourceRefused
from adapters.sources.guards import MAX_CELL_CHARS
from policies.vocabulary import Category

SHORT = [["First Name", "Second Name", "Birthdate", "Gender"], ["Robin", "Invented", "2010-05-17", "Feminine"]]


def messages(report: ReadReport, code: FindingCode) -> list[str]:
    """Return what a report says under one code."""
    return [item.message for item in report.findings if item.code is code]


def refusal_of(data: bytes, *, is_csv: bool = True) -> SourceRefused:
    """Return the refusal of a file."""
    with pytest.raises(SourceRefused) as refusal:
        (read_csv if is_csv else read_xlsx)(data)
    return refusal.value


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("has_last_line_end", [True, False])
def test_csv_line_ends_and_encodings(line_end: str, encoding: str, has_last_line_end: bool) -> None:
    """LF, CRLF, CR and none at the end; UTF-8 with and without a mark, UTF-16 with one."""
    text = line_end.join(",".join(row) for row in SHORT) + (line_end if has_last_line_end else "")
    report = read_csv(text.encode(encoding))
    assert report.fragments == 1
    assert report.drafts[0].source.locator == "file:2:1-4"
    assert (report.format, report.version) == ("htcds-csv", "2.0")


def test_csv_of_the_whole_template() -> None:
    """The template saved as CSV: names, labels, numbered rows."""
    names = ["", *([""] * (len(LABELS) - 1))]
    row = [ROBIN.get(label, "") for label in LABELS]
    report = read_csv(csv_bytes([names, LABELS, ["1", *row[1:]], ["2", *([""] * (len(LABELS) - 1))]]))
    assert report.fragments == 9
    assert {draft.about for draft in report.drafts} == {"3"}


def test_line_breaks_inside_cells() -> None:
    """A record that spans lines keeps them, and the next record's line is right."""
    data = b'prs_SecondName,cco_CaseComment\nInvented,"first line\nsecond line"\nOtherone,text\n'
    report = read_csv(data)
    assert value(of(report, Category.NARRATIVE)[0], "cco_CaseComment").value == "first line\nsecond line"
    assert [draft.about for draft in report.drafts] == ["2", "2", "4", "4"]


def test_windows_1252_is_never_guessed() -> None:
    """A byte that is no UTF-8 stops the file, with line and byte and what to do."""
    refusal = refusal_of("First Name,Second Name\nZo\xeb,Invented\n".encode("cp1252"))
    assert refusal_codes(refusal) == [FindingCode.BAD_ENCODING]
    assert "line 2" in str(refusal)
    assert "CSV UTF-8" in str(refusal)


@pytest.mark.parametrize("sign", [";", "\t", "|", "!"])
def test_wrong_separator(sign: str) -> None:
    """Other separators are refused by name, not guessed."""
    refusal = refusal_of("\n".join(sign.join(row) for row in SHORT).encode())
    assert refusal_codes(refusal) == [FindingCode.WRONG_SEPARATOR]
    assert delimited.OTHER_SEPARATORS[sign] in str(refusal)


def test_second_separator_in_headings() -> None:
    """A comma and another sign: ambiguous, so a person decides."""
    refusal = refusal_of(b"First Name,Second Name!Birthdate\nRobin,Invented!2010-05-17\n")
    assert refusal_codes(refusal) == [FindingCode.WRONG_SEPARATOR]
    assert "the comma and the exclamation mark" in str(refusal)


def test_ragged_row_is_refused_alone() -> None:
    """A row with more or fewer cells than headings is refused with its line; the others are read."""
    report = read_rows([*SHORT, ["Sam", "Otherone"], ["Sam", "Otherone", "", "", "more"], ["Jo", "Thirdone", "", ""]])
    assert (report.records_in, report.fragments, report.refused) == (4, 2, 2)
    refused = [item for item in report.findings if item.code is FindingCode.RAGGED_ROW]
    assert [(item.locator, item.severity) for item in refused] == [
        ("file:3", Severity.REFUSE_RECORD),
        ("file:4", Severity.REFUSE_RECORD),
    ]
    assert "2 cells under 4 headings" in refused[0].message


def test_blank_lines_and_empty_rows_are_no_records() -> None:
    """Lines without a value are passed over, however many commas they have."""
    report = read_csv(b"First Name,Second Name,Birthdate\n\n,,\nRobin,Invented,2010-05-17\n , ,\n\n")
    assert (report.records_in, report.fragments) == (1, 1)


def test_open_quotation_mark() -> None:
    """A quotation mark that is never closed would swallow records: the file is refused with the line."""
    refusal = refusal_of(b'First Name,Second Name\nRobin,"Invented\nSam,Otherone\n')
    assert refusal_codes(refusal) == [FindingCode.NOT_WELL_FORMED]
    assert "line 2" in str(refusal)


def test_headings_only() -> None:
    """Headings and no record are an empty form, in either file."""
    assert refusal_codes(refusal_of(csv_bytes(SHORT[:1]))) == [FindingCode.IS_TEMPLATE]
    assert refusal_codes(refusal_of(template(), is_csv=False)) == [FindingCode.IS_TEMPLATE]


def test_unknown_columns_are_told_with_a_near_match() -> None:
    """A column that was not read is named, with the heading that may be meant."""
    report = read_rows(
        [
            ["First Nmae", "Second Name", "Birthdate", "Gender", "Shoe size", ""],
            ["Robin", "Invented", "2010-05-17", "", "38", "x"],
        ]
    )
    told = messages(report, FindingCode.UNKNOWN_COLUMN)
    assert len(told) == 3
    assert "'First Nmae'" in told[0]
    assert "Did you mean 'First Name'?" in told[0]
    assert "'Shoe size' was not read; cells filled: 1" in told[1]
    assert "without a heading" in told[2]


def test_heading_of_several_fields_needs_the_field_name() -> None:
    """ "Type" is a label of three fields; with the name it is one of them."""
    rows = [
        ["prs_SecondName", "prs_FirstName", "hte_Type"],
        ["Second Name", "First Name", "Type"],
        ["A", "B", "Transit"],
    ]
    assert read_rows(rows).fragments == 2
    report = read_rows([["Second Name", "First Name", "Citizenship", "Type"], ["Invented", "Robin", "AL", "Transit"]])
    (told,) = messages(report, FindingCode.UNKNOWN_COLUMN)
    assert "hte_Type" in told


def test_unknown_visible_heading_over_a_known_name() -> None:
    """Somebody used a column for something else: what they see counts, so it is not read as the hidden name."""
    book = openpyxl.load_workbook(io.BytesIO(template([SAM])))
    book["Sheet1"]["C2"] = "Colour of folder"
    book["Sheet1"]["C3"] = "green"
    report = read_xlsx(saved(book))
    assert "prs_Salutation" not in of(report, Category.IDENTITY)[0].fields
    (told,) = messages(report, FindingCode.UNKNOWN_COLUMN)
    assert "prs_Salutation" in told


def test_labels_in_another_language_are_not_a_record() -> None:
    """Under the names, a row of words in another language is a row of headings."""
    report = read_rows([["prs_SecondName", "prs_Birthdate"], ["Nom", "Date de naissance"], ["Invented", "2010-05-17"]])
    assert report.fragments == 1
    assert report.drafts[0].about == "3"


def test_rows_above_the_headings_are_told() -> None:
    """A title above the headings is passed over and told."""
    report = read_xlsx(workbook([["Our cases of this year"], [], *SHORT]))
    assert report.fragments == 1
    assert len(messages(report, FindingCode.STRAY_TEXT)) == 1
    assert report.drafts[0].source.locator == "Cases!A4:D4"


@pytest.mark.parametrize(
    "headings",
    [
        ["First Name", "Second Name", "first name "],
        ["prs_FirstName", "prs_SecondName", "First Name"],
        ["Second Name", "Birthdate", "Gender", "Note", "note"],
    ],
)
def test_duplicate_column(headings: list[str]) -> None:
    """Two headings that are one: nobody can say which counts."""
    for is_csv in (True, False):
        rows = [headings, ["x"] * len(headings)]
        refusal = refusal_of(csv_bytes(rows) if is_csv else workbook(rows), is_csv=is_csv)
        assert refusal_codes(refusal) == [FindingCode.DUPLICATE_COLUMN]
        assert " and " in str(refusal)


def test_missing_column() -> None:
    """A table in which nothing says who is refused, with near matches."""
    refusal = refusal_of(csv_bytes([["Frst Name", "vic_TraffickingStatus", "cas_Status"], ["Robin", "x", "Active"]]))
    assert refusal_codes(refusal) == [FindingCode.MISSING_COLUMN]
    assert "'Frst Name' may be 'First Name'" in str(refusal)


def test_common_headings_are_not_htcds() -> None:
    """First name, e-mail and title stand in every list: without one that only HTCDS has it is not this format."""
    refusal = refusal_of(csv_bytes([["First Name", "Last Name", "Email", "Title"], ["Robin", "Invented", "", ""]]))
    assert refusal_codes(refusal) == [FindingCode.NO_KNOWN_COLUMNS]


def test_stray_cell_right_of_the_headings() -> None:
    """In a workbook a note beside the table is told; the record stays."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(SHORT)))
    book["Cases"]["J2"] = "call back"
    report = read_xlsx(saved(book))
    assert report.fragments == 1
    (finding,) = [item for item in report.findings if item.code is FindingCode.UNKNOWN_COLUMN]
    assert finding.locator == "Cases!J:J"
    assert "call back" not in finding.message


def test_survey_export_is_refused_by_name() -> None:
    """An export made with the HTCDS survey form joins several answers by blanks: another format."""
    rows = [["start", "prs_First_Name", "group/prs_Second_Name", "_uuid"], ["", "Robin", "Invented", "x"]]
    for data, is_csv in ((csv_bytes(rows), True), (workbook(rows), False)):
        refusal = refusal_of(data, is_csv=is_csv)
        assert refusal_codes(refusal) == [FindingCode.NOT_THIS_FORMAT]
        assert "survey" in str(refusal)


def test_names_of_the_survey_form_are_known() -> None:
    """Its field names with more underscores are the same fields."""
    report = read_rows(
        [["prs_First_Name", "prs_Second_Name", "vic_Methods_of_Control"], ["Robin", "Invented", "Other"]]
    )
    assert report.fragments == 2


def test_form_definition(samples_dir: Path) -> None:
    """The survey form itself holds no answers."""
    data = (samples_dir / "charity" / "htcds" / "htcds_xlsform.xlsx").read_bytes()
    assert refusal_codes(refusal_of(data, is_csv=False)) == [FindingCode.IS_FORM_DEFINITION]


def test_limit_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than are read at once: a shorter period, please."""
    for module in (table, delimited, workbook_module):
        monkeypatch.setattr(module, "MAX_RECORD_ROWS", 3)
    rows = [*SHORT, *SHORT[1:] * 3]
    for data, is_csv in ((csv_bytes(rows), True), (workbook(rows), False)):
        refusal = refusal_of(data, is_csv=is_csv)
        assert refusal_codes(refusal) == [FindingCode.TOO_LARGE]
        assert "3 rows" in str(refusal)


def test_limit_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet that is nearly all empty cells is stopped by their number."""
    monkeypatch.setattr(workbook_module, "MAX_CELLS", 5)
    assert refusal_codes(refusal_of(workbook(SHORT), is_csv=False)) == [FindingCode.TOO_LARGE]


def test_limit_of_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one of too many sheets by theirs."""
    monkeypatch.setattr(workbook_module, "MAX_SHEETS", 0)
    assert refusal_codes(refusal_of(workbook(SHORT), is_csv=False)) == [FindingCode.TOO_LARGE]


@pytest.mark.parametrize("length", [MAX_CELL_CHARS + 1, 140_000])
def test_limit_of_a_cell(length: int) -> None:
    """A cell longer than any cell of a spreadsheet stops the file with its line."""
    refusal = refusal_of(csv_bytes([*SHORT, ["x" * length, "Invented", "", ""]]))
    assert refusal_codes(refusal) == [FindingCode.TOO_LARGE]
    assert "line 3" in str(refusal)


def repacked(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """Return a workbook with one part changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            if name == part:
                assert old in content
                content = content.replace(old, new)
            after.writestr(name, content)
    return buffer.getvalue()


def test_size_that_a_sheet_states_is_not_believed() -> None:
    """A wrong dimension must not hide rows."""
    data = repacked(workbook(SHORT), "xl/worksheets/sheet1.xml", b'<dimension ref="A1:D2"', b'<dimension ref="A1:A1"')
    assert read_xlsx(data).fragments == 1


def test_row_far_below_is_refused_in_bounded_time() -> None:
    """A row number beyond any sheet does not make the reader count to it."""
    data = repacked(workbook(SHORT), "xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="999999999999"')
    assert refusal_codes(refusal_of(data, is_csv=False)) == [FindingCode.TOO_LARGE]


def test_broken_parts_are_one_refusal() -> None:
    """What the library raises about a damaged sheet never comes out."""
    sheet = "xl/worksheets/sheet1.xml"
    for part, old, new in (
        (sheet, b"<sheetData>", b"<sheetData><"),
        (sheet, b'r="A1"', b'r="1A"'),
        ("xl/workbook.xml", b"<sheets>", b"<sheet>"),
    ):
        refusal = refusal_of(repacked(workbook(SHORT), part, old, new), is_csv=False)
        assert refusal_codes(refusal) == [FindingCode.NOT_WELL_FORMED]
        assert "save it again" in str(refusal)


def damaged(data: bytes) -> list[bytes]:
    """Return copies with every kind of damage: cut at each tenth, bytes flipped, marks doubled, line ends changed."""
    found = [data[: len(data) * tenth // 10] for tenth in range(10)]
    for place in range(0, len(data), max(len(data) // 60, 1)):
        for bits in (0xFF, 0x01):
            flipped = bytearray(data)
            flipped[place] ^= bits
            found.append(bytes(flipped))
    mark = b"\xef\xbb\xbf"
    found += [mark + mark + data, data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), data + b"\x00", data * 2]
    return found


def test_damage_is_refused_or_reported() -> None:
    """Whatever happens to a file on its way: a report whose counts hold or a refusal, never another error."""
    outcomes = {"read": 0, "refused": 0}
    rows = [LABELS, *([ROBIN.get(label, "") for label in LABELS] for _ in range(3))]
    for data, read in ((template([ROBIN, SAM]), read_xlsx), (csv_bytes(rows), read_csv)):
        for copy in damaged(data):
            try:
                report = read(copy)
            except SourceRefused:
                outcomes["refused"] += 1
            else:
                report.check()
                outcomes["read"] += 1
    assert sum(outcomes.values()) > 250
    assert min(outcomes.values()) > 30


def test_places() -> None:
    """Letters, ranges, quoted sheet names."""
    assert [column_letters(number) for number in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    sheet = Table("Bob's cases", ())
    assert sheet.place(3, 2) == "'Bob''s cases'!C3"
    assert sheet.place_of_cells(3, [5, 1, 0]) == "'Bob''s cases'!A3:B3,F3"
    assert sheet.place_of_column(27) == "'Bob''s cases'!AB:AB"
    file = Table(None, ())
    assert file.place_of_cells(3, [0, 1, 4]) == "file:3:1-2,5"
    assert (file.title, file.place_of_row(7)) == ("file", "file:7")


def test_cells_beyond_a_row_are_empty() -> None:
    """A short row of a workbook ends in empty cells."""
    row = Row(1, (Cell(CellKind.TEXT, "x"),))
    assert row.cell(0).text == "x"
    assert row.cell(5).kind is CellKind.EMPTY


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9212044.0, "9212044"),
        (7, "7"),
        (0.5, "0.5"),
        (1e20, "100000000000000000000"),
        (1e-7, "0"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_as_a_person_types_them(number: float, text: str) -> None:
    """Whole floats become digits; no exponent."""
    assert number_text(number) == text


def test_headings_can_be_looked_at_alone() -> None:
    """To know a file, not all of it is read."""
    (peeked,) = read_workbook(workbook([*SHORT, *SHORT[1:] * 50]), max_rows=3)
    assert len(peeked.rows) == 3
    assert codes_of(read_xlsx(workbook(SHORT))) == set()
