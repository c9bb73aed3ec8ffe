"""The tables of the SSDA903 return: known by their columns, never by file name; read as text, line by line.

Source: Department for Education, children looked after return (SSDA903); docs/sources.md, "SSDA903".
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity, refuse_file
from adapters.sources.guards import MAX_CELL_CHARS, decode_text
from adapters.sources.plausibility import is_month_first_only
from adapters.sources.social_care.records import shown

MAX_ROWS = 100_000
MAX_COLUMNS = 200
MAX_HEADING_CHARS = 1000
OTHER_SEPARATORS = {
    ";": lazy_gettext("a semicolon"),
    "\t": lazy_gettext("a tab"),
    "|": lazy_gettext("a bar"),
    "!": lazy_gettext("an exclamation mark"),
}
OWN_COLUMNS_TO_KNOW = 2
"""So many columns that only one table has are enough to know it, even if CHILD is missing."""


@dataclass(frozen=True, slots=True)
class TableKind:
    """What a table is called and which columns it has. Without the required ones its rows say nothing."""

    name: str
    title: Sentence
    required: tuple[str, ...]
    optional: tuple[str, ...]
    dates: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the table."""
        return self.required + self.optional


TABLES: tuple[TableKind, ...] = (
    TableKind(
        "header",
        lazy_gettext("looked-after children"),
        ("CHILD", "SEX", "DOB"),
        ("ETHNIC", "UPN", "MOTHER", "MC_DOB"),
        frozenset({"DOB", "MC_DOB"}),
    ),
    TableKind(
        "episodes",
        lazy_gettext("episodes of being looked after"),
        ("CHILD", "DECOM", "LS", "PLACE"),
        ("RNE", "CIN", "PLACE_PROVIDER", "DEC", "REC", "REASON_PLACE_CHANGE", "HOME_POST", "PL_POST", "URN"),
        frozenset({"DECOM", "DEC"}),
    ),
    TableKind(
        "missing",
        lazy_gettext("missing and away episodes"),
        ("CHILD", "MISSING", "MIS_START", "MIS_END"),
        ("DOB",),
        frozenset({"DOB", "MIS_START", "MIS_END"}),
    ),
    TableKind(
        "uasc", lazy_gettext("unaccompanied children"), ("CHILD", "DUC"), ("SEX", "DOB"), frozenset({"DOB", "DUC"})
    ),
    TableKind(
        "oc2",
        lazy_gettext("health and other outcomes"),
        ("CHILD",),
        (
            "DOB",
            "SDQ_SCORE",
            "SDQ_REASON",
            "CONVICTED",
            "HEALTH_CHECK",
            "IMMUNISATIONS",
            "TEETH_CHECK",
            "HEALTH_ASSESSMENT",
            "SUBSTANCE_MISUSE",
            "INTERVENTION_RECEIVED",
            "INTERVENTION_OFFERED",
        ),
        frozenset({"DOB"}),
    ),
    TableKind(
        "reviews", lazy_gettext("reviews"), ("CHILD", "REVIEW", "REVIEW_CODE"), ("DOB",), frozenset({"DOB", "REVIEW"})
    ),
    TableKind(
        "oc3", lazy_gettext("care leavers"), ("CHILD",), ("DOB", "IN_TOUCH", "ACTIV", "ACCOM"), frozenset({"DOB"})
    ),
    TableKind(
        "prev_perm",
        lazy_gettext("earlier permanence arrangements"),
        ("CHILD", "PREV_PERM"),
        ("DOB", "LA_PERM", "DATE_PERM"),
        frozenset({"DOB"}),
    ),
    TableKind(
        "placed_adoption",
        lazy_gettext("children placed for adoption"),
        ("CHILD", "DATE_PLACED"),
        ("DOB", "DATE_PLACED_CEASED", "REASON_PLACED_CEASED"),
        frozenset({"DOB", "DATE_PLACED", "DATE_PLACED_CEASED"}),
    ),
    TableKind(
        "ad1",
        lazy_gettext("adoption decisions"),
        ("CHILD", "DATE_INT"),
        ("DOB", "DATE_MATCH", "FOSTER_CARE", "NB_ADOPTR", "SEX_ADOPTR", "LS_ADOPTR"),
        frozenset({"DOB", "DATE_INT", "DATE_MATCH"}),
    ),
    TableKind(
        "social_worker",
        lazy_gettext("social workers"),
        ("CHILD", "SW_ID", "SW_DECOM"),
        ("DOB", "SW_DEC", "SW_REASON"),
        frozenset({"DOB", "SW_DECOM", "SW_DEC"}),
    ),
    TableKind(
        "dolo",
        lazy_gettext("deprivation of liberty orders"),
        ("CHILD", "DOLO_START", "DOLO_END"),
        ("DOB",),
        frozenset({"DOB", "DOLO_START", "DOLO_END"}),
    ),
)

SHARED_COLUMNS = frozenset({"CHILD", "DOB", "SEX"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. ``cells`` holds the text of every known column as written."""

    line: int
    cells: Mapping[str, str]


@dataclass(slots=True)
class Table:
    """A table as read. ``unfit`` lists the rows that cannot be read, each with its line and the reason."""

    kind: TableKind
    file_name: str
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    unfit: list[tuple[int, FindingCode, Sentence]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    month_first: frozenset[str] = frozenset()
    """Date columns in which some value is a date only month-first, so that none of them can be trusted."""

    def locator(self, line: int, column: str | None = None) -> str:
        """Return ``file:line`` or ``file:line:column``."""
        return f"{self.file_name}:{line}" if column is None else f"{self.file_name}:{line}:{column}"


def find_table(headings: Sequence[str]) -> TableKind | None:
    """Return the table that has these headings, or None where they are of no SSDA903 table.

    Only columns that no other table has count, so that extra and missing columns do no harm.
    """
    names = {plain_heading(heading) for heading in headings}
    scores = [(len(names & (set(kind.columns) - SHARED_COLUMNS)), kind) for kind in TABLES]
    best, found = max(scores, key=lambda item: item[0])
    needed = 1 if "CHILD" in names else OWN_COLUMNS_TO_KNOW
    return found if best >= needed else None


def plain_heading(heading: str) -> str:
    """Return a heading for comparing: capitals, no blanks at the edges."""
    return heading.strip().upper()


def read_table(file_name: str, data: bytes) -> Table:
    """Read one CSV of a delivery. Raises ``SourceRefused`` where the file as a whole cannot be read."""
    lines = _lines(file_name, decode_text(data, file_name))
    _, headings = next(lines, (0, []))
    if not any(heading.strip() for heading in headings):
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT, lazy_gettext("the first line holds no headings"), f"{file_name}:1"
        )
    kind = _require_table(file_name, headings)
    columns = tuple(plain_heading(heading) for heading in headings)
    table = Table(kind, file_name, columns)
    _note_columns(table, headings)
    blank = 0
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            blank += 1
        elif len(cells) != len(columns):
            said = lazy_gettext(
                "the row has %(count)s cells, the headings are %(headings)s; it cannot be told which is which",
                count=str(len(cells)),
                headings=str(len(columns)),
            )
            table.unfit.append((line, FindingCode.RAGGED_ROW, said))
        elif any(len(cell) > MAX_CELL_CHARS for cell in cells):
            said = lazy_gettext("a cell holds more than %(most)s characters", most=MAX_CELL_CHARS)
            table.unfit.append((line, FindingCode.TOO_LARGE, said))
        else:
            named = {name: cell for name, cell in zip(columns, cells, strict=True) if name in kind.columns}
            table.rows.append(Row(line, named))
        if len(table.rows) + len(table.unfit) > MAX_ROWS:
            raise refuse_file(
                FindingCode.TOO_LARGE,
                lazy_gettext("the table has more than %(most)s rows; export a shorter period", most=MAX_ROWS),
                file_name,
            )
    if blank and any(columns):
        _note_blank_rows(table, blank)
    table.month_first = _month_first_columns(table)
    return table


def _lines(file_name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on. Raises ``SourceRefused`` where quotes do not match."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise refuse_file(
                FindingCode.NOT_WELL_FORMED,
                lazy_gettext(
                    "the record that starts on line %(start)s is not well-formed CSV: a quotation mark is "
                    "not closed or stands inside a cell, or the cell is too long",
                    start=str(start),
                ),
                f"{file_name}:{start}",
            ) from error
        yield start, cells
        start = reader.line_num + 1


def _require_table(file_name: str, headings: Sequence[str]) -> TableKind:
    place = f"{file_name}:1"
    if len(headings) > MAX_COLUMNS or any(len(heading) > MAX_HEADING_CHARS for heading in headings):
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext("more than %(most)s columns, or a heading too long", most=str(MAX_COLUMNS)),
            place,
        )
    for separator, words in OTHER_SEPARATORS.items():
        if any(separator in heading for heading in headings):
            raise refuse_file(
                FindingCode.WRONG_SEPARATOR,
                lazy_gettext(
                    "the columns seem to be separated by %(sign)s, expected a comma; save it as comma-separated CSV",
                    sign=words,
                ),
                place,
            )
    kind = find_table(headings)
    if kind is None:
        listed = ", ".join(shown(heading) for heading in headings[:20])
        raise refuse_file(
            FindingCode.NO_KNOWN_COLUMNS,
            lazy_gettext("the headings are of no SSDA903 table; headings found: %(listed)s", listed=listed),
            place,
        )
    names = [plain_heading(heading) for heading in headings]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        where = joined(
            (
                lazy_gettext(
                    "%(name)s in columns %(columns)s",
                    name=shown(name),
                    columns=", ".join(str(at + 1) for at, other in enumerate(names) if other == name),
                )
                for name in repeated
            ),
            "; ",
        )
        raise refuse_file(
            FindingCode.DUPLICATE_COLUMN, lazy_gettext("two columns have one heading: %(where)s", where=where), place
        )
    missing = [name for name in kind.required if name not in names]
    if missing:
        raise refuse_file(FindingCode.MISSING_COLUMN, _missing_words(kind, missing, names), place)
    return kind


def _missing_words(kind: TableKind, missing: Sequence[str], names: Sequence[str]) -> Sentence:
    unknown = [name for name in names if name not in kind.columns]
    near = {name: difflib.get_close_matches(name, unknown, n=2, cutoff=0.5) for name in missing}
    said = [
        lazy_gettext("%(name)s (near: %(listed)s)", name=name, listed=", ".join(map(shown, near[name])))
        if near[name]
        else name
        for name in missing
    ]
    return lazy_gettext(
        "the table of %(title)s needs the column %(columns)s; it is not there",
        title=kind.title,
        columns=joined(said, ", "),
    )


def _note_columns(table: Table, headings: Sequence[str]) -> None:
    for position, name in enumerate(table.columns, start=1):
        if name not in table.kind.columns:
            said = lazy_gettext(
                "the table of %(title)s has no column %(column)s; it was not read",
                title=table.kind.title,
                column=shown(headings[position - 1])
                if name
                else lazy_gettext("%(position)s (it has no heading)", position=str(position)),
            )
            table.findings.append(
                Finding(FindingCode.UNKNOWN_COLUMN, Severity.WARN, said, table.locator(1, name or str(position)))
            )
    absent = [name for name in table.kind.optional if name not in table.columns]
    if absent and table.kind.name != "oc2":
        said = lazy_gettext(
            "the table of %(title)s usually has %(listed)s; read without",
            title=table.kind.title,
            listed=", ".join(absent),
        )
        table.findings.append(Finding(FindingCode.MISSING_COLUMN, Severity.WARN, said, table.locator(1)))


def _note_blank_rows(table: Table, count: int) -> None:
    said = lazy_gettext("%(count)s row(s) without any value were passed over", count=count)
    table.findings.append(Finding(FindingCode.RAGGED_ROW, Severity.WARN, said, table.locator(1)))


def _month_first_columns(table: Table) -> frozenset[str]:
    columns = {
        name for row in table.rows for name in table.kind.dates if is_month_first_only(row.cells.get(name, "").strip())
    }
    for name in sorted(columns):
        said = lazy_gettext(
            "some dates of this column can only be month-first, expected DD/MM/YYYY throughout; none of its dates "
            "is read, because 04/05 could be either"
        )
        table.findings.append(Finding(FindingCode.BAD_DATE, Severity.REFUSE_VALUE, said, table.locator(1, name)))
    return frozenset(columns)
