"""Turn one cell into one value of its field, or say why it cannot be read. Never by guess, never by evaluation.

A value that cannot be read keeps what was written (``unreadable``); its record stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from adapters.picture.speech import lazy_gettext as _
from adapters.sources.charity import codes
from adapters.sources.charity.fields import Column, Kind
from adapters.sources.charity.table import Cell, CellKind
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.plausibility import parse_iso_date

MAX_SHOWN_CODE_CHARS = 40
MAX_WHOLE_NUMBER = 120
"""Ages and numbers of children: more is a slip."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
ERROR_TEXTS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})
_YES = frozenset({"true", "yes", "y", "1"})
_NO = frozenset({"false", "no", "n", "0"})
_PARTIAL_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?")
_ISO_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9:]{5})?"
)
_NUMBERS_DATE = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})")
_NUMBER_AS_TEXT = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+|[0-9]+\.0")


class DateOrder(StrEnum):
    """What the dates of one column, written as text with numbers, tell of their order."""

    UNKNOWN = "unknown"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell became. ``values`` has one item, or one for each part of a cell with several values."""

    values: tuple[Value, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A cell on its way: ``written`` is its text without blanks around it."""

    column: Column
    cell: Cell
    written: str
    place: str
    order: DateOrder


def find_date_order(cells: Iterable[Cell]) -> DateOrder:
    """Return the order that the text dates of a column prove: one of them has a number over 12 in one place only."""
    is_day_first = is_month_first = False
    for cell in cells:
        found = _NUMBERS_DATE.fullmatch(cell.text.strip()) if cell.kind is CellKind.TEXT else None
        if found is None:
            continue
        as_day_first = _build_date(found[3], found[2], found[1])
        as_month_first = _build_date(found[3], found[1], found[2])
        is_day_first |= as_day_first is not None and as_month_first is None
        is_month_first |= as_month_first is not None and as_day_first is None
    if is_day_first and is_month_first:
        return DateOrder.MIXED
    if is_day_first:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if is_month_first else DateOrder.UNKNOWN


def read_cell(column: Column, cell: Cell, place: str, order: DateOrder = DateOrder.UNKNOWN) -> Reading:
    """Return the value or values of a cell. ``place`` is where it stands; ``order`` is for dates written as text."""
    if cell.kind is CellKind.EMPTY:
        return Reading((Value(None, place, ValueState.EMPTY),))
    written = cell.text.strip()
    marks = _formula_marks(cell, written, place)
    if cell.kind is CellKind.ERROR or written in ERROR_TEXTS:
        return _unreadable(written, place, *marks)
    if column.kind in (Kind.CODES, Kind.COUNTRIES):
        read = _read_parts(column, written, place)
    else:
        read = _READERS[column.kind](_Found(column, cell, written, place, order))
    return Reading(read.values, (*marks, *read.findings)) if marks else read


def _formula_marks(cell: Cell, written: str, place: str) -> tuple[Finding, ...]:
    if cell.kind is CellKind.ERROR or written in ERROR_TEXTS:
        message = _("the cell holds the error %(error)s of a spreadsheet, not a value", error=written)
    elif cell.kind is CellKind.FORMULA:
        message = _("the cell holds a formula; it was kept as text and not calculated. Copy it as a value")
    elif cell.kind is CellKind.TEXT and cell.text.startswith(FORMULA_STARTS):
        # Telephone numbers start with + and coordinates with - legitimately.
        if re.fullmatch(r"[+\-][0-9 ()./\-]+", written):
            return ()
        message = _("the text begins like a formula; it was kept as text")
    else:
        return ()
    return (Finding(FindingCode.FORMULA_CELL, Severity.WARN, message, place),)


def _unreadable(written: str, place: str, *findings: Finding) -> Reading:
    return Reading((Value(None, place, ValueState.UNREADABLE, as_written=written),), findings)


def _given(found: _Found, value: str | int, *findings: Finding) -> Reading:
    as_written = None if str(value) == found.cell.text else found.cell.text
    return Reading((Value(value, found.place, as_written=as_written),), findings)


def _refused(found: _Found, code: FindingCode, what: str) -> Reading:
    message = _("%(what)s; it is kept as written", what=what)
    finding = Finding(code, Severity.REFUSE_VALUE, message, found.place, at_field=what)
    return _unreadable(found.written, found.place, finding)


def _read_text(found: _Found) -> Reading:
    if found.cell.kind is not CellKind.DATE:
        return _given(found, found.written)
    message = _("a spreadsheet took this text for a date; check it and write it as text")
    return _given(found, found.written, Finding(FindingCode.NUMBER_FOR_IDENTIFIER, Severity.WARN, message, found.place))


def _read_identifier(found: _Found) -> Reading:
    if found.cell.kind is not CellKind.NUMBER and not _NUMBER_AS_TEXT.fullmatch(found.written):
        return _read_text(found)
    message = _(
        "'%(field)s' was stored as a number: zeros in front or digits at the end may be lost. "
        "Nothing was added; check it, and format the column as text",
        field=found.column.label,
    )
    return _given(found, found.written, Finding(FindingCode.NUMBER_FOR_IDENTIFIER, Severity.WARN, message, found.place))


def _read_date(found: _Found) -> Reading:
    stored = found.cell.stored
    if found.cell.kind is CellKind.DATE and isinstance(stored, date):
        day = stored.date() if isinstance(stored, datetime) else stored
        # Midnight is how a workbook stores a day without a time.
        as_written = None if found.written in (day.isoformat(), f"{day.isoformat()}T00:00:00") else found.written
        return Reading((Value(day.isoformat(), found.place, as_written=as_written),))
    timed = _ISO_DATE_TIME.fullmatch(found.written)
    text = timed[1] if timed else found.written
    if parse_iso_date(text) or (_PARTIAL_DATE.fullmatch(text) and text[:4] != "0000"):
        return _given(found, text)
    numbers = _NUMBERS_DATE.fullmatch(found.written)
    if numbers is None:
        what = _("'%(field)s' is not a date with a year of four digits; expected YYYY-MM-DD", field=found.column.label)
        return _refused(found, FindingCode.BAD_DATE, what)
    return _read_numbers_date(found, numbers)


def _read_numbers_date(found: _Found, numbers: re.Match[str]) -> Reading:
    as_day_first = _build_date(numbers[3], numbers[2], numbers[1])
    as_month_first = _build_date(numbers[3], numbers[1], numbers[2])
    day = {DateOrder.DAY_FIRST: as_day_first, DateOrder.MONTH_FIRST: as_month_first}.get(found.order)
    if found.order is DateOrder.UNKNOWN and as_day_first == as_month_first:
        day = as_day_first  # both readings are one day, as in 05/05/2010
    if day is not None:
        return _given(found, day.isoformat())
    if as_day_first is None and as_month_first is None:
        reason = _("there is no such day")
    elif found.order is DateOrder.MIXED:
        reason = _("some dates of this column have the day first and others the month first")
    else:
        reason = _("nothing in this column shows whether day or month comes first")
    what = _(
        "'%(field)s' cannot be read as a date: %(reason)s; write it as YYYY-MM-DD",
        field=found.column.label,
        reason=reason,
    )
    return _refused(found, FindingCode.BAD_DATE, what)


def _build_date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _read_yes_no(found: _Found) -> Reading:
    if isinstance(found.cell.stored, bool):
        return Reading((Value(found.cell.stored, found.place),))
    folded = found.written.casefold()
    if folded not in _YES | _NO:
        what = _("'%(field)s' is neither yes nor no", field=found.column.label)
        return _refused(found, FindingCode.UNKNOWN_CODE, what)
    return Reading((Value(folded in _YES, found.place, as_written=found.written),))


def _read_whole(found: _Found) -> Reading:
    digits = found.written.removesuffix(".0")
    if not re.fullmatch(r"[0-9]{1,3}", digits) or int(digits) > MAX_WHOLE_NUMBER:
        what = _(
            "'%(field)s' is not a whole number from 0 to %(most)s", field=found.column.label, most=MAX_WHOLE_NUMBER
        )
        return _refused(found, FindingCode.SCHEMA_ERROR, what)
    return _given(found, int(digits))


def _read_decimal(found: _Found) -> Reading:
    if not re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{1,20})?", found.written):
        what = _("'%(field)s' is not a decimal number of degrees", field=found.column.label)
        return _refused(found, FindingCode.SCHEMA_ERROR, what)
    return _given(found, found.written)


def _read_code(found: _Found) -> Reading:
    code = codes.find_code(found.column.name, found.written)
    return _coded(found.column, code, codes.HTCDS_SCHEME, found.written, found.place)


def _read_language(found: _Found) -> Reading:
    code = codes.find_language(found.written)
    return _coded(found.column, code, codes.LANGUAGE_SCHEME, found.written, found.place)


def _read_country_text(found: _Found) -> Reading:
    code = codes.find_country(found.written)
    if code is not None:
        return _coded(found.column, code, codes.COUNTRY_SCHEME, found.written, found.place)
    message = _("'%(field)s' is no country code or English country name; it is kept as text", field=found.column.label)
    return _given(found, found.written, Finding(FindingCode.UNKNOWN_CODE, Severity.WARN, message, found.place))


def _coded(column: Column, code: str | None, scheme: str, written: str, place: str) -> Reading:
    if code is not None:
        as_written = None if code == written else written
        return Reading((Value(code, place, as_written=as_written, code=code, scheme=scheme),))
    is_short = len(written) <= MAX_SHOWN_CODE_CHARS
    shown = f"{written!r}" if is_short else _("a text of %(count)s characters", count=str(len(written)))
    said = {"field": column.label, "allowed": ""}
    if scheme == codes.HTCDS_SCHEME:
        said["allowed"] = f" ({', '.join(codes.allowed_codes(column.name))})"
    message = _("%(value)s is not in the list of '%(field)s'%(allowed)s; it is kept as written", value=shown, **said)
    at_field = {
        codes.COUNTRY_SCHEME: _(
            "No country or nationality of this name is known here. Write the country in English; if nobody knows it, "
            "leave this empty"
        ),
        codes.LANGUAGE_SCHEME: _(
            "No language of this name is known here. Write its English name, without the dialect, or leave this empty "
            "and write it in a comment"
        ),
    }.get(scheme) or _("This is not in the list of '%(field)s'%(allowed)s", **said)
    finding = Finding(FindingCode.UNKNOWN_CODE, Severity.REFUSE_VALUE, message, place, at_field=at_field)
    return _unreadable(written, place, finding)


def _read_parts(column: Column, written: str, place: str) -> Reading:
    values: list[Value] = []
    findings: list[Finding] = []
    is_country = column.kind is Kind.COUNTRIES
    for number, part in enumerate(_split(column, written), start=1):
        code = codes.find_country(part) if is_country else codes.find_code(column.name, part)
        scheme = codes.COUNTRY_SCHEME if is_country else codes.HTCDS_SCHEME
        read = _coded(column, code, scheme, part, f"{place}#{number}")
        values.extend(read.values)
        findings.extend(read.findings)
    if not values:
        return Reading((Value(None, place, ValueState.EMPTY, as_written=written),))
    return Reading(tuple(values), tuple(findings))


def _split(column: Column, written: str) -> list[str]:
    """Return the parts of a cell at its semicolons; a label that holds a semicolon itself stays whole."""
    pieces = written.split(";")
    parts: list[str] = []
    start = 0
    while start < len(pieces):
        # The longest run of pieces that is one label; labels hold one semicolon at most.
        pair = ";".join(pieces[start : start + 2])
        is_pair = column.kind is Kind.CODES and start + 1 < len(pieces) and codes.find_code(column.name, pair)
        parts.append((pair if is_pair else pieces[start]).strip())
        start += 2 if is_pair else 1
    return [part for part in parts if part]


_READERS = {
    Kind.TEXT: _read_text,
    Kind.IDENTIFIER: _read_identifier,
    Kind.DATE: _read_date,
    Kind.YES_NO: _read_yes_no,
    Kind.WHOLE: _read_whole,
    Kind.DECIMAL: _read_decimal,
    Kind.CODE: _read_code,
    Kind.COUNTRY_TEXT: _read_country_text,
    Kind.LANGUAGE: _read_language,
}
