"""One cell, one value: dates, codes, numbers, formulas, and what is never guessed."""

from __future__ import annotations

import io
from datetime import datetime, time
from pathlib import Path

import openpyxl
import pycountry
import pytest
from charity_files import SAM, codes_of, of, read_rows, read_xlsx, saved, template, value, values, workbook
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.charity import codes, fields
from adapters.sources.charity.fields import COLUMNS, Kind, find_by_label, find_by_name
from adapters.sources.charity.table import Cell, CellKind
from adapters.sources.charity.values import DateOrder, find_date_order, read_cell
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import FindingCode, Severity
from policies.vocabulary import Category

BIRTHDATE = next(column for column in COLUMNS if column.name == "prs_Birthdate")


def test_columns_and_codes_are_those_of_the_standard(samples_dir: Path) -> None:
    """Every field, label and pick list of the published field list, and no other field."""
    from python_calamine import load_workbook

    path = samples_dir / "charity" / "htcds" / "HTCDS-Field-Standards-2.0.ods"
    rows = load_workbook(path).get_sheet_by_index(0).to_python()
    header = rows[0]
    at = {name: header.index(name) for name in ("Field Label", "Field Name including Prefix")}
    at |= {"values": header.index("Value Names (if picklist)"), "labels": header.index("Value Labels (if picklist)")}
    found: set[str] = set()
    lists = 0
    for row in rows[1:]:
        name, label = str(row[at["Field Name including Prefix"]]), str(row[at["Field Label"]])
        if not name or name == "N/A":
            continue
        found.add(name)
        column = find_by_name(name)
        assert column is not None
        assert (column.name, column.label) == (name, label)
        assert column in find_by_label(label)
        if column.kind not in (Kind.CODE, Kind.CODES):
            continue
        lists += 1
        names = [item.strip() for item in str(row[at["values"]]).strip().split("\n")]
        labels = [item.strip() for item in str(row[at["labels"]]).strip().split("\n")]
        assert list(codes.allowed_codes(name)) == names
        assert [codes.find_code(name, item) for item in names] == names
        assert [codes.find_code(name, item) for item in labels] == names
    assert (len(found), lists) == (83, 19)
    assert {column.name for column in COLUMNS} - found == {"per_Organisation"}


def test_countries_of_the_survey_form_are_understood(samples_dir: Path) -> None:
    """Each country of the form's list, by its code and by its label."""
    book = openpyxl.load_workbook(samples_dir / "charity" / "htcds" / "htcds_xlsform.xlsx")
    rows = [row[1:3] for row in book["choices"].iter_rows(values_only=True) if row[0] == "citizenship"]
    assert len(rows) > 240
    for code, label in rows:
        assert codes.find_country(str(code)) == codes.find_country(str(label)) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("VN", "VN"),
        ("vn", "VN"),
        ("VNM", "VN"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("Côte d’Ivoire", "CI"),
        ("UK", "GB"),
    ],
)
def test_country_is_understood_loosely(written: str, code: str) -> None:
    """Two letters, three letters, or an English name."""
    assert codes.find_country(written) == code


def test_a_nationality_in_words_is_understood_and_kept_as_written() -> None:
    """Those of the Home Office form; any other word stays as written and becomes no country by guess."""
    report = read_rows([["prs_SecondName", "prs_Citizenship"], ["Invented", "Vietnamese; Hutsul"]])
    read, unread = values(of(report, Category.IDENTITY)[0], "prs_Citizenship")
    assert (read.state, read.code, read.as_written) == (ValueState.GIVEN, "VN", "Vietnamese")
    assert (unread.state, unread.as_written) == (ValueState.UNREADABLE, "Hutsul")


@pytest.mark.parametrize(
    ("written", "code"), [("vie", "vie"), ("vi", "vie"), ("Vietnamese", "vie"), ("alb", "sqi"), ("English", "eng")]
)
def test_language_is_understood_loosely(written: str, code: str) -> None:
    """Codes of both lists, two letters, or an English name."""
    assert codes.find_language(written) == code
    assert pycountry.languages.get(alpha_3=code) is not None


@pytest.mark.parametrize(
    ("written", "text", "precision"),
    [
        ("2010-05-17", "2010-05-17", "day"),
        ("2010-05", "2010-05", "month"),
        ("2010", "2010", "year"),
        ("2010-05-17T00:00:00", "2010-05-17", "day"),
        (" 2010-05-17\u00a0", "2010-05-17", "day"),
        ("05/05/2010", "2010-05-05", "day"),
    ],
)
def test_dates_keep_their_precision(written: str, text: str, precision: str) -> None:
    """A year is a year: nothing is filled in."""
    report = read_rows([["prs_SecondName", "prs_Birthdate"], ["Invented", written]])
    (person,) = of(report, Category.IDENTITY)
    assert value(person, "prs_Birthdate").value == text
    assert value(person, "hub_BirthdatePrecision").value == precision


@pytest.mark.parametrize(
    "written",
    ["17/05/10", "2010-13-01", "2010-02-30", "31/02/2010", "May 2010", "0000", "2010-5-17", "44000.5", "²010"],
)
def test_bad_dates_are_kept_as_written(written: str) -> None:
    """Impossible dates and years of two digits are refused, each alone."""
    report = read_rows([["prs_SecondName", "prs_Birthdate"], ["Invented", written]])
    (person,) = of(report, Category.IDENTITY)
    born = value(person, "prs_Birthdate")
    assert (born.state, born.value, born.as_written) == (ValueState.UNREADABLE, None, written)
    assert "hub_BirthdatePrecision" not in person.fields
    (finding,) = [item for item in report.findings if item.code is FindingCode.BAD_DATE]
    assert (finding.severity, finding.locator) == (Severity.REFUSE_VALUE, "file:2:2")
    assert "YYYY-MM-DD" in finding.message or "no such day" in finding.message


def born(*written: str) -> list[object]:
    """Read birth dates of one column, each in its own row."""
    rows = [["prs_SecondName", "prs_Birthdate"], *([f"Invented{n}", text] for n, text in enumerate(written))]
    report = read_rows(rows)
    return [value(draft, "prs_Birthdate").value for draft in of(report, Category.IDENTITY)]


def test_column_tells_its_order() -> None:
    """One date that can only have the day first proves the column; the report says how it was read."""
    assert born("17/05/2010", "03/04/2010", "3.4.2010") == ["2010-05-17", "2010-04-03", "2010-04-03"]
    assert born("05/17/2010", "03/04/2010") == ["2010-05-17", "2010-03-04"]
    report = read_rows([["prs_SecondName", "prs_Birthdate"], ["Invented", "17/05/2010"]])
    (finding,) = [item for item in report.findings if item.code is FindingCode.BAD_DATE]
    assert (finding.severity, finding.locator, "day first" in finding.message) == (Severity.WARN, "file:*:2", True)


def test_ambiguous_dates_are_never_guessed() -> None:
    """Nothing shows the order, or the column contradicts itself: no such date is read."""
    assert born("03/04/2010") == [None]
    assert born("17/05/2010", "05/17/2010", "03/04/2010") == [None, None, None]


def test_order_of_rows_does_not_change_the_order_of_dates() -> None:
    """The proof may stand anywhere in the column."""
    assert born("03/04/2010", "17/05/2010") == ["2010-04-03", "2010-05-17"]


def test_date_with_a_time_keeps_the_time_as_written() -> None:
    """A stored time of day is not thrown away silently."""
    report = read_xlsx(template([{**SAM, "Birthdate": datetime.fromisoformat("2010-05-17T13:45:00")}]))
    found = value(of(report, Category.IDENTITY)[0], "prs_Birthdate")
    assert (found.value, found.as_written) == ("2010-05-17", "2010-05-17T13:45:00")


def test_number_without_a_date_format_is_no_date() -> None:
    """A plain number in a date column may be a day of either date system: refused. A year is a year."""
    for stored, expected in ((40315, None), (2010, "2010")):
        report = read_xlsx(template([{**SAM, "Birthdate": stored}]))
        assert value(of(report, Category.IDENTITY)[0], "prs_Birthdate").value == expected


def test_number_that_looks_like_a_date() -> None:
    """A number format may make a document number a date; it is told and kept as it came."""
    book = openpyxl.load_workbook(io.BytesIO(workbook([["prs_SecondName", "prs_IdentityNumber"], ["Invented", 12345]])))
    book["Cases"]["B2"].number_format = "yyyy-mm-dd"
    report = read_xlsx(saved(book))
    assert FindingCode.NUMBER_FOR_IDENTIFIER in codes_of(report)
    assert str(value(of(report, Category.IDENTITY)[0], "prs_IdentityNumber").value).startswith("1933-10-18")


def test_stored_date_out_of_range() -> None:
    """A date before the calendar of spreadsheets comes as an error cell, not as a crash."""
    book = openpyxl.load_workbook(
        io.BytesIO(workbook([["prs_SecondName", "prs_Birthdate"], ["Invented", 99999999999]]))
    )
    book["Cases"]["B2"].number_format = "yyyy-mm-dd"
    report = read_xlsx(saved(book))
    assert value(of(report, Category.IDENTITY)[0], "prs_Birthdate").state is ValueState.UNREADABLE


def test_time_of_day_in_a_text_column() -> None:
    """A cell that holds a time is kept as text."""
    report = read_xlsx(workbook([["prs_SecondName", "prs_FirstName"], ["Invented", time(13, 45)]]))
    assert value(of(report, Category.IDENTITY)[0], "prs_FirstName").value == "13:45:00"


@pytest.mark.parametrize("stored", [1632960001, 1632960001.0, 4.47700900123e11])
def test_number_for_identifier(stored: float) -> None:
    """A telephone stored as a number has lost its zero: told, not padded."""
    report = read_xlsx(template([{**SAM, "Home Phone": stored}]))
    phone = value(of(report, Category.CONTACT)[0], "prs_HomePhone")
    assert phone.value == str(int(stored))
    (finding,) = [item for item in report.findings if item.code is FindingCode.NUMBER_FOR_IDENTIFIER]
    assert (finding.severity, finding.locator) == (Severity.WARN, "Sheet1!L3")


@pytest.mark.parametrize("written", ["4.477E+11", "1632960001.0", "1e5"])
def test_number_for_identifier_in_csv(written: str) -> None:
    """A spreadsheet program that saved a CSV leaves the same traces."""
    report = read_rows([["prs_SecondName", "prs_HomePhone"], ["Invented", written]])
    assert FindingCode.NUMBER_FOR_IDENTIFIER in codes_of(report)
    assert value(of(report, Category.CONTACT)[0], "prs_HomePhone").value == written


def test_telephone_with_a_plus_is_no_formula() -> None:
    """International numbers start with a plus legitimately."""
    report = read_rows([["prs_SecondName", "prs_HomePhone"], ["Invented", "+44 (0)1632 960001"]])
    assert FindingCode.FORMULA_CELL not in codes_of(report)


@pytest.mark.parametrize("written", ["=cmd|' /C calc'!A0", "@SUM(A1)", "-2+3+cmd", "+alert", "\tx", "=1+1"])
def test_text_that_looks_like_a_formula(written: str) -> None:
    """Kept as text, marked, never evaluated."""
    report = read_rows([["prs_SecondName", "cco_CaseComment"], ["Invented", written]])
    (finding,) = [item for item in report.findings if item.code is FindingCode.FORMULA_CELL]
    assert (finding.severity, finding.locator) == (Severity.WARN, "file:2:2")
    assert value(of(report, Category.NARRATIVE)[0], "cco_CaseComment").value == written.strip()


def test_formula_cell_is_kept_as_text() -> None:
    """The literal of a formula, not its result; where a date is wanted, it cannot be read."""
    report = read_xlsx(
        template([{**SAM, "First Name": '=HYPERLINK("http://evil.example","Robin")', "Birthdate": "=TODAY()"}])
    )
    (person,) = of(report, Category.IDENTITY)
    assert value(person, "prs_FirstName").value == '=HYPERLINK("http://evil.example","Robin")'
    assert value(person, "prs_Birthdate").state is ValueState.UNREADABLE
    assert {item.locator for item in report.findings if item.code is FindingCode.FORMULA_CELL} == {
        "Sheet1!D3",
        "Sheet1!G3",
    }


def test_array_formula() -> None:
    """An array formula is an object in the library and text here."""
    book = openpyxl.load_workbook(io.BytesIO(template([SAM])))
    book["Sheet1"]["D3"] = openpyxl.worksheet.formula.ArrayFormula("D3", "=A3:A4")
    (person,) = of(read_xlsx(saved(book)), Category.IDENTITY)
    assert value(person, "prs_FirstName").value == "=A3:A4"


@pytest.mark.parametrize("written", ["#N/A", "#REF!"])
def test_spreadsheet_errors_are_no_values(written: str) -> None:
    """An error of the spreadsheet is neither a name nor empty."""
    report = read_rows([["prs_SecondName", "prs_FirstName"], ["Invented", written]])
    assert value(of(report, Category.IDENTITY)[0], "prs_FirstName").state is ValueState.UNREADABLE
    assert FindingCode.FORMULA_CELL in codes_of(report)


@pytest.mark.parametrize(("written", "expected"), [("2", 2), ("2.0", 2), ("0", 0), ("120", 120)])
def test_whole_numbers(written: str, expected: int) -> None:
    """A number of children, an age."""
    report = read_rows([["prs_SecondName", "prs_NumberOfChildren"], ["Invented", written]])
    assert value(of(report, Category.IDENTITY)[0], "prs_NumberOfChildren").value == expected


@pytest.mark.parametrize("written", ["two", "2.5", "-1", "121", "9999", "²"])
def test_not_whole_numbers(written: str) -> None:
    """Anything else is kept as written."""
    report = read_rows([["prs_SecondName", "prs_NumberOfChildren"], ["Invented", written]])
    assert value(of(report, Category.IDENTITY)[0], "prs_NumberOfChildren").state is ValueState.UNREADABLE
    assert FindingCode.SCHEMA_ERROR in codes_of(report)


def test_coordinates_are_text_never_floats() -> None:
    """A coordinate keeps its digits; one that is none is refused."""
    report = read_xlsx(workbook([["prs_SecondName", "hte_Latitude", "hte_Longitude"], ["Invented", 51.50722, "north"]]))
    (event,) = of(report, Category.TRAFFICKING_EVENT)
    assert value(event, "hte_Latitude").value == "51.50722"
    assert value(event, "hte_Longitude").state is ValueState.UNREADABLE


def test_event_of_trafficking() -> None:
    """Where, when and what kind; the day of the event is when it was observed."""
    report = read_rows(
        [["prs_SecondName", "hte_Type", "hte_Date", "hte_Country"], ["Invented", "transit", "2025-11", "Atlantis"]]
    )
    (event,) = of(report, Category.TRAFFICKING_EVENT)
    assert (value(event, "hte_Type").code, event.observed_from) == ("Transit", "2025-11")
    country = value(event, "hte_Country")
    assert (country.value, country.code) == ("Atlantis", None)
    assert FindingCode.UNKNOWN_CODE in codes_of(report)


@pytest.mark.parametrize(("country", "is_told"), [("GB", True), ("", True), ("AL", False)])
def test_postcode_of_the_united_kingdom(country: str, is_told: bool) -> None:
    """A wrong postcode is a warning, unless the country has others."""
    report = read_rows(
        [["prs_SecondName", "prs_MailingPostalCode", "prs_MailingCountry"], ["Invented", "nope", country]]
    )
    assert (FindingCode.BAD_POSTCODE in codes_of(report)) is is_told
    assert value(of(report, Category.CONTACT)[0], "prs_MailingPostalCode").value == "nope"


def test_letters_of_a_value_never_change() -> None:
    """Only blanks around a value go, and then what was written is kept beside it."""
    report = read_rows(
        [["prs_SecondName", "prs_FirstName"], ["O\u2019Inve\u0301nted", " Zoe\u0308\u00a0 Ro\u200bbin "]]
    )
    (person,) = of(report, Category.IDENTITY)
    assert value(person, "prs_SecondName").value == "O\u2019Inve\u0301nted"
    first = value(person, "prs_FirstName")
    assert (first.value, first.as_written) == ("Zoe\u0308\u00a0 Ro\u200bbin", " Zoe\u0308\u00a0 Ro\u200bbin ")


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    column=st.sampled_from(COLUMNS),
    text=st.text(max_size=40),
    kind=st.sampled_from([CellKind.TEXT, CellKind.FORMULA, CellKind.ERROR, CellKind.NUMBER]),
    order=st.sampled_from(list(DateOrder)),
)
def test_any_text_in_any_column_is_read_or_kept(
    column: fields.Column, text: str, kind: CellKind, order: DateOrder
) -> None:
    """Whatever stands in a cell: a value or what was written, never a float, never an error of ours."""
    read = read_cell(column, Cell(kind, text), "file:2:1", order)
    assert read.values
    for item in read.values:
        assert isinstance(item, Value)
        assert item.state in (ValueState.GIVEN, ValueState.UNREADABLE, ValueState.EMPTY)
        if item.state is ValueState.UNREADABLE:
            assert item.as_written is not None
            assert read.findings


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.from_regex(r"[0-3]?[0-9]/[0-3]?[0-9]/20[0-2][0-9]", fullmatch=True), max_size=5))
def test_read_dates_agree_with_what_was_written(written: list[str]) -> None:
    """A date that is read has the three numbers that were written, and one order for the whole column."""
    cells = [Cell(CellKind.TEXT, text) for text in written]
    order = find_date_order(cells)
    for cell in cells:
        (found,) = read_cell(BIRTHDATE, cell, "file:2:1", order).values
        if found.state is ValueState.GIVEN:
            year, month, day = (int(part) for part in str(found.value).split("-"))
            first, second, third = (int(part) for part in cell.text.split("/"))
            assert third == year
            assert (first, second) == ((month, day) if order is DateOrder.MONTH_FIRST else (day, month))


def test_planned_end_may_lie_in_the_future() -> None:
    """A plan that ends next year is no slip; one that has ended next year is."""
    rows = [["prs_SecondName", "spl_PlannedEndDate", "spl_ActualEndDate"], ["Invented", "2027-03-31", "2027-03-31"]]
    places = [item.locator for item in read_rows(rows).findings if item.code is FindingCode.IMPLAUSIBLE_DATE]
    assert places == ["file:2:3"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *((name, "GB") for name in ("British", "Great Britain", "england", "Welsh", "UK")),
        ("Vietnamese", "VN"),
        ("Kosovo", "XK"),
        ("Palestine", "PS"),
        ("Georgia", "GE"),
        ("Unknown", None),
    ],
)
def test_a_nationality_is_understood_as_people_write_it(written: str, code: str | None) -> None:
    assert codes.find_country(written) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [("Farsi", "fas"), ("mandarin", "cmn"), ("Pashto", "pus"), ("Romani", "rom"), ("Dari", "prs"), ("Elvish", None)],
)
def test_a_language_is_understood_as_people_call_it(written: str, code: str | None) -> None:
    assert codes.find_language(written) == code
