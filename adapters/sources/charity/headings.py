"""Find the headings of an HTCDS table and say which column holds which field.

The official workbook has two heading rows: hidden field names, and labels above the records. Its five address columns
contradict each other. People fill in what they see, so the labels win, and the report says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.charity.fields import COLUMNS, WHO_COLUMNS, Column, Kind, find_by_label, find_by_name, fold
from adapters.sources.charity.table import MAX_COLUMNS_IN_MESSAGE, CellKind, Row, Table, column_letters
from adapters.sources.findings import Finding, FindingCode, Severity, refuse_file

MAX_HEADING_ROWS = 10
"""So many filled rows are searched for headings."""
MAX_HEADING_CHARS = 40
KNOWN_LABELS = 3
KNOWN_SHARE = 0.6
"""Where only one label is distinctive, so many must be known, or this share of a short row."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which field stands in which column (from 0). ``records`` are the rows below the headings."""

    columns: Mapping[int, Column]
    records: tuple[Row, ...]
    width: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Headings:
    names: Row | None
    labels: Row | None
    first: int
    """Index of the first heading row."""

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for row in (self.names, self.labels) if row is not None)

    @property
    def visible(self) -> Row:
        return self.labels or self.rows[0]

    @property
    def width(self) -> int:
        return max(len(row.cells) for row in self.rows)

    def name(self, index: int) -> str:
        return self.names.cell(index).text.strip() if self.names else ""

    def label(self, index: int) -> str:
        return self.labels.cell(index).text.strip() if self.labels else ""


def has_headings(table: Table) -> bool:
    """Whether a table has HTCDS headings among its first rows."""
    return _find_headings(table) is not None


def find_layout(table: Table) -> Layout | None:
    """Return the layout of an HTCDS table, or None where the table has no such headings.

    Raises ``SourceRefused`` (``duplicate_column``, ``missing_column``).
    """
    headings = _find_headings(table)
    if headings is None:
        return None
    columns = {index: column for index in range(headings.width) if (column := _resolve(headings, index)) is not None}
    _require_single(table, headings, columns)
    _require_someone(table, headings, columns)
    records = table.rows[headings.first + len(headings.rows) :]
    findings = [
        *_stray_rows(table, headings),
        *_disagreements(table, headings, columns),
        *_unknown(table, headings, columns, records),
    ]
    return Layout(columns, records, headings.width, tuple(findings))


def _find_headings(table: Table) -> _Headings | None:
    for index, row in enumerate(table.rows[:MAX_HEADING_ROWS]):
        following = table.rows[index + 1] if index + 1 < len(table.rows) else None
        if _has_names(row):
            below = following if following and (_has_labels(following) or _has_words(row, following)) else None
            return _Headings(row, below, index)
        if _has_labels(row):
            names = following if following and _has_names(following) else None
            return _Headings(names, row, index)
    return None


def _has_names(row: Row) -> bool:
    return sum(find_by_name(cell.text) is not None for cell in row.cells) >= 2


def _has_labels(row: Row) -> bool:
    # Many labels ("Email", "First Name") are those of every case list: some that only HTCDS has must be among them.
    texts = [cell.text for cell in row.cells if cell.kind is not CellKind.EMPTY]
    known = [found for text in texts if (found := find_by_label(text))]
    distinctive = sum(any(column.is_distinctive for column in found) for found in known)
    enough = len(known) >= min(KNOWN_LABELS, KNOWN_SHARE * len(texts))
    return distinctive >= 2 or (distinctive == 1 and enough)


def _has_words(names: Row, row: Row) -> bool:
    # Headings in another language stand where a record would: words without a digit in a column of dates.
    dates = [
        row.cell(index)
        for index, cell in enumerate(names.cells)
        if (column := find_by_name(cell.text)) is not None and column.kind is Kind.DATE
    ]
    return any(cell.kind is CellKind.TEXT and not any(char.isdigit() for char in cell.text) for cell in dates) and all(
        cell.kind in (CellKind.TEXT, CellKind.EMPTY) for cell in row.cells
    )


def _resolve(headings: _Headings, index: int) -> Column | None:
    by_name = find_by_name(headings.name(index))
    label = headings.label(index)
    if headings.labels is None:
        label = "" if by_name is not None else headings.name(index)
    elif not _has_labels(headings.labels):
        return by_name  # headings in another language: only the names are understood
    if not label:
        return by_name
    by_label = find_by_label(label)
    if not by_label and (as_name := find_by_name(label)) is not None:
        by_label = (as_name,)
    if by_name in by_label:
        return by_name
    return by_label[0] if len(by_label) == 1 else None


def _require_single(table: Table, headings: _Headings, columns: Mapping[int, Column]) -> None:
    places: dict[str, list[int]] = {}
    for index in range(headings.width):
        heading = _heading(headings, index)
        if heading:
            key = columns[index].name if index in columns else fold(heading) or heading
            places.setdefault(key, []).append(index)
    for indexes in places.values():
        if len(indexes) > 1:
            where = " and ".join(column_letters(index) for index in indexes)
            raise refuse_file(
                FindingCode.DUPLICATE_COLUMN,
                lazy_gettext(
                    "the heading %(heading)s stands in columns %(columns)s; keep one of them, so that it is clear "
                    "which counts",
                    heading=_shown(_heading(headings, indexes[0])),
                    columns=where,
                ),
                table.place_of_cells(headings.visible.number, indexes),
            )


def _require_someone(table: Table, headings: _Headings, columns: Mapping[int, Column]) -> None:
    if any(column.name in WHO_COLUMNS for column in columns.values()):
        return
    unknown = [text for index in range(headings.width) if index not in columns and (text := _heading(headings, index))]
    near = [
        lazy_gettext("%(heading)s may be '%(field)s'", heading=_shown(text), field=label)
        for text in unknown
        if (label := _near_label(text))
    ]
    wanted = ", ".join(f"'{column.label}'" for column in COLUMNS if column.name in WHO_COLUMNS)
    missing = lazy_gettext("no column says who a record is about: one of %(wanted)s is needed", wanted=wanted)
    raise refuse_file(
        FindingCode.MISSING_COLUMN,
        joined([missing, *near[:MAX_COLUMNS_IN_MESSAGE]], "; "),
        table.place_of_row(headings.visible.number),
    )


def _stray_rows(table: Table, headings: _Headings) -> list[Finding]:
    above = table.rows[: headings.first]
    if not above:
        return []
    message = lazy_gettext("%(count)s rows stand above the headings; they were not read", count=str(len(above)))
    return [Finding(FindingCode.STRAY_TEXT, Severity.WARN, message, table.place_of_row(above[0].number))]


def _disagreements(table: Table, headings: _Headings, columns: Mapping[int, Column]) -> list[Finding]:
    wrong = [
        index
        for index, column in columns.items()
        if (by_name := find_by_name(headings.name(index))) is not None and by_name is not column
    ]
    if not wrong or headings.names is None:
        return []
    pairs = ", ".join(f"{column_letters(index)} ({headings.name(index)}, '{columns[index].label}')" for index in wrong)
    message = lazy_gettext(
        "field names (row %(names)s) and visible headings (row %(visible)s) disagree in "
        "columns %(pairs)s; the visible headings were taken. Check these columns if a program "
        "filled them",
        names=str(headings.names.number),
        visible=str(headings.visible.number),
        pairs=pairs,
    )
    place = table.place_of_cells(headings.visible.number, wrong)
    return [Finding(FindingCode.LABELS_DISAGREE, Severity.WARN, message, place)]


def _unknown(
    table: Table, headings: _Headings, columns: Mapping[int, Column], records: tuple[Row, ...]
) -> list[Finding]:
    findings = []
    width = max((len(row.cells) for row in records), default=0)
    for index in range(max(headings.width, width)):
        if index in columns:
            continue
        heading = _heading(headings, index)
        cells = [cell for row in records if (cell := row.cell(index)).kind is not CellKind.EMPTY]
        if not heading and all(cell.text.strip().isdecimal() for cell in cells):
            continue  # the numbers of the rows, or nothing
        if table.sheet is None and index >= headings.width:
            continue  # its rows are refused as ragged
        findings.append(
            Finding(
                FindingCode.UNKNOWN_COLUMN,
                Severity.WARN,
                _unknown_message(headings, index, heading, len(cells)),
                table.place_of_column(index),
            )
        )
    return findings


def _unknown_message(headings: _Headings, index: int, heading: str, filled: int) -> Sentence:
    if not heading:
        return lazy_gettext("a column without a heading was not read; cells filled: %(count)s", count=str(filled))
    said = {"heading": _shown(heading), "count": str(filled)}
    same = find_by_label(heading)
    if len(same) > 1:
        return lazy_gettext(
            "the column %(heading)s was not read; cells filled: %(count)s. Several fields have this heading; "
            "write the field name: %(names)s",
            **said,
            names=_names(same),
        )
    by_name = find_by_name(headings.name(index))
    if by_name is not None:
        return lazy_gettext(
            "the column %(heading)s was not read; cells filled: %(count)s. Its field name is %(name)s; "
            "if that is right, use the heading '%(field)s'",
            **said,
            name=by_name.name,
            field=by_name.label,
        )
    near = _near_label(heading)
    if near:
        return lazy_gettext(
            "the column %(heading)s was not read; cells filled: %(count)s. Did you mean '%(field)s'?",
            **said,
            field=near,
        )
    return lazy_gettext(
        "the column %(heading)s was not read; cells filled: %(count)s. It is no field of the standard", **said
    )


def _names(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.name for column in columns)


def _heading(headings: _Headings, index: int) -> str:
    return headings.label(index) or headings.name(index)


def _near_label(heading: str) -> str | None:
    labels = {fold(column.label): column.label for column in COLUMNS if column.label}
    names = {fold(column.name): column.label for column in COLUMNS if column.label}
    found = difflib.get_close_matches(fold(heading), [*labels, *names], n=1, cutoff=0.8)
    return {**names, **labels}[found[0]] if found else None


def _shown(heading: str) -> str:
    cut = heading if len(heading) <= MAX_HEADING_CHARS else heading[:MAX_HEADING_CHARS] + "…"
    return f"'{cut}'"
