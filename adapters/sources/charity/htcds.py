"""Read case tables with the columns of HTCDS 2.0: the official workbook (``htcds-xlsx``) or CSV (``htcds-csv``).

Source: Human Trafficking Case Data Standard 2.0, International Organization for Migration, CC BY 4.0.
Perpetrators' columns are left out: a fragment is about one child. Dates are ISO, or real dates of a workbook; dates
with the day or the month first are read only where their column proves which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.picture.speech import lazy_gettext
from adapters.sources.charity.delimited import read_csv, require_commas
from adapters.sources.charity.fields import FORMAT_VERSION
from adapters.sources.charity.headings import Layout, find_layout
from adapters.sources.charity.mapping import MappedRow, RowMapper
from adapters.sources.charity.surveys import require_no_form, require_no_survey_export
from adapters.sources.charity.table import Row, Table
from adapters.sources.charity.workbook import read_workbook
from adapters.sources.draft import ReadReport
from adapters.sources.findings import FindingCode, refuse_file
from adapters.sources.reading import Format, SourceFile
from adapters.sources.subject import Subject, normalise_identifier, normalise_name
from policies.vocabulary import AgencyKind

XLSX_FORMAT_ID = "htcds-xlsx"
CSV_FORMAT_ID = "htcds-csv"


def read_xlsx(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read every sheet with HTCDS headings.

    The identifier ``row`` of a subject is the row number of the sheet; where several sheets hold records it is
    ``Sheet1!3``. Raises ``SourceRefused`` for a file that is no such table, an empty template or a form.
    """
    return _read(source, subject, read_workbook(source.data), XLSX_FORMAT_ID)


def read_csv_cases(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read one CSV file with HTCDS headings; the identifier ``row`` of a subject is the line a record begins on.

    Raises ``SourceRefused`` as ``read_xlsx``, and ``wrong_separator``, ``bad_encoding``.
    """
    table = read_csv(source.data)
    if table.rows:
        require_commas(table.rows[0])
    return _read(source, subject, (table,), CSV_FORMAT_ID)


XLSX_FORMAT = Format(XLSX_FORMAT_ID, lazy_gettext("HTCDS 2.0 workbook (.xlsx)"), AgencyKind.CHARITY, read_xlsx)
CSV_FORMAT = Format(CSV_FORMAT_ID, lazy_gettext("HTCDS 2.0 columns as CSV"), AgencyKind.CHARITY, read_csv_cases)
FORMATS = (XLSX_FORMAT, CSV_FORMAT)


def _read(source: SourceFile, subject: Subject | None, tables: Sequence[Table], format_id: str) -> ReadReport:
    require_no_form(tables)
    require_no_survey_export(tables)
    report = ReadReport(format_id, FORMAT_VERSION, source.sha256)
    case_tables = [(table, layout) for table in tables if (layout := find_layout(table)) is not None]
    if not case_tables:
        raise refuse_file(
            FindingCode.NO_KNOWN_COLUMNS, lazy_gettext("none of the headings is one of HTCDS 2.0; nothing was read")
        )
    _report_other_sheets(report, tables, [table for table, _ in case_tables])
    intake = _Intake(source, subject, report, has_many_tables=len(case_tables) > 1)
    for table, layout in case_tables:
        intake.take_table(table, layout, format_id)
    if not intake.found_any:
        raise refuse_file(
            FindingCode.IS_TEMPLATE,
            lazy_gettext("this is an empty form: it has the headings of HTCDS 2.0 and no record; no records were read"),
        )
    report.check()
    return report


def _report_other_sheets(report: ReadReport, tables: Sequence[Table], read: Sequence[Table]) -> None:
    for table in tables:
        if table in read:
            continue
        if table.rows:
            message = lazy_gettext(
                "the sheet %(title)s was not read: it has no headings of HTCDS 2.0", title=table.title
            )
            report.warn(FindingCode.UNKNOWN_BLOCK, message, table.title)
        else:
            report.warn(
                FindingCode.EMPTY_SHEET,
                lazy_gettext("the sheet %(title)s holds nothing", title=table.title),
                table.title,
            )


@dataclass(slots=True)
class _Intake:
    """Takes rows into the report: all of them, or those of the child asked for."""

    source: SourceFile
    subject: Subject | None
    report: ReadReport
    has_many_tables: bool
    found_any: bool = False
    seen: dict[tuple[tuple[str, str], ...], str] = field(default_factory=dict)
    people: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def take_table(self, table: Table, layout: Layout, format_id: str) -> None:
        mapper = RowMapper(self.source, table, layout, format_id)
        self.report.findings.extend((*layout.findings, *mapper.order_findings()))
        found_here = False
        for row in layout.records:
            found_here |= self._take_row(mapper, row)
        if not found_here:
            message = lazy_gettext("the sheet %(title)s has headings and no records", title=table.title)
            self.report.warn(FindingCode.EMPTY_SHEET, message, table.title)
        self.found_any |= found_here

    def _take_row(self, mapper: RowMapper, row: Row) -> bool:
        """Take one row; return whether it holds a record."""
        table, width = mapper.table, mapper.layout.width
        if table.sheet is None and len(row.cells) != width:
            message = lazy_gettext(
                "the row has %(count)s cells under %(width)s headings; the whole row was refused",
                count=str(len(row.cells)),
                width=str(width),
            )
            self.report.refuse(FindingCode.RAGGED_ROW, message, table.place_of_row(row.number))
            return True
        about = f"{table.title}!{row.number}" if self.has_many_tables else str(row.number)
        mapped = mapper.map_row(row, about)
        if not mapped.drafts and not mapped.findings:
            return False
        is_subject = self._is_subject(mapped, about)
        if self._is_repeated(mapped, table.place_of_row(row.number), is_subject=is_subject):
            return True
        for draft in mapped.drafts:
            if is_subject:
                self.report.add(draft)
                self.report.findings.extend(draft.findings)
            else:
                self.report.leave_out()
        if is_subject:
            self.report.findings.extend(mapped.findings)
        return True

    def _is_subject(self, mapped: MappedRow, row: str) -> bool:
        person = mapped.person
        return self.subject is None or self.subject.is_match(
            {"row": row},
            first_name=person.first_name,
            family_name=person.family_name,
            birth_date=person.birth_date,
        )

    def _is_repeated(self, mapped: MappedRow, place: str, *, is_subject: bool) -> bool:
        """Whether the very same row stood before. Rows that name nobody may be alike and still be two people."""
        person = mapped.person
        if not (person.family_name or person.identity_number):
            return False
        first = self.seen.setdefault(mapped.said, place)
        if first != place:
            if is_subject:
                message = lazy_gettext("the same row already stands at %(first)s; one is kept", first=first)
                self.report.warn(FindingCode.DUPLICATE_RECORD, message, place)
            return True
        if is_subject:
            self._note_namesake(mapped, place)
        return False

    def _note_namesake(self, mapped: MappedRow, place: str) -> None:
        person = mapped.person
        if not (person.family_name and person.birth_date):
            return
        key = (
            normalise_name(person.first_name or ""),
            normalise_name(person.family_name),
            normalise_identifier(person.birth_date),
        )
        first = self.people.setdefault(key, place)
        if first != place:
            message = lazy_gettext(
                "name and birth date are those of %(first)s; both were read, a person says whether it is one child",
                first=first,
            )
            self.report.warn(FindingCode.SEVERAL_CANDIDATES, message, place)
