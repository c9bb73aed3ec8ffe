"""One row of an SSDA903 table as values with their state, their place and what is wrong with them.

Dates are DD/MM/YYYY and become ISO; the text as written is kept beside. An empty cell is empty, which is not "no".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.identifiers import check_upn, is_postcode
from adapters.sources.plausibility import event_date_finding, parse_day_first, period_finding
from adapters.sources.social_care.codes import SEX, return_codes, return_scheme
from adapters.sources.social_care.records import MAX_IDENTIFIER_CHARS, MAX_KEPT_CHARS, refused_value, shown
from adapters.sources.social_care.ssda903_tables import Row, Table

DateCheck = Callable[[date, date, str], Finding | None]

_WHOLE_FLOAT = re.compile(r"([0-9]{1,9})\.0+")
_PART_DATE = re.compile(r"zz/(zz|[0-9]{2})/([0-9]{4})", re.IGNORECASE)


class Cells:
    """Reads the cells of one row and collects what is wrong with them in ``findings``.

    ``year`` is the return's year where a person has named it; without it a code of any return is accepted.
    """

    __slots__ = ("findings", "line", "row", "table", "today", "year")

    def __init__(self, table: Table, row: Row, year: int | None, today: date) -> None:
        self.table = table
        self.row = row
        self.line = table.locator(row.line)
        self.year = year
        self.today = today
        self.findings: list[Finding] = []

    def not_in_format(self) -> Value:
        """Return the value of something the return does not hold."""
        return Value(None, self.line, ValueState.NOT_IN_FORMAT)

    def words(self, column: str) -> Value:
        """Return an identifier or another short text."""
        found = self._given(column)
        if isinstance(found, Value):
            return found
        text, locator = found
        bare = text.strip()
        if len(bare) > MAX_IDENTIFIER_CHARS:
            said = lazy_gettext(
                "%(column)s has %(count)s characters, expected at most %(most)s",
                column=str(column),
                count=str(len(bare)),
                most=str(MAX_IDENTIFIER_CHARS),
            )
            self.findings.append(refused_value(FindingCode.SCHEMA_ERROR, said, locator))
            return _unreadable(text, locator)
        return Value(bare, locator, as_written=text if text != bare else None)

    def pupil_number(self) -> Value:
        """Return the unique pupil number. A wrong form or check letter is only warned about."""
        value = self.words("UPN")
        if value.state is ValueState.GIVEN and not check_upn(str(value.value)):
            self._warn(
                FindingCode.BAD_UPN,
                lazy_gettext(
                    "%(name)s is not a valid pupil number (form or check letter); it is kept as written", name="UPN"
                ),
                value.locator,
            )
        return value

    def postcode(self, column: str) -> Value:
        """Return a postcode as written. One that cannot be right is only warned about."""
        value = self.words(column)
        if value.state is ValueState.GIVEN and not is_postcode(str(value.value)):
            said = lazy_gettext(
                "%(column)s is not a postcode of the United Kingdom; it is kept as written", column=str(column)
            )
            self._warn(FindingCode.BAD_POSTCODE, said, value.locator)
        return value

    def code(self, column: str) -> Value:
        """Return a coded value: ``code`` as written, ``value`` its words where they are known."""
        found = self._given(column)
        if isinstance(found, Value):
            return found
        text, locator = found
        bare = _WHOLE_FLOAT.sub(r"\1", text.strip())
        known = return_codes()[column].get(bare)
        if known is None or not known.is_known_in(self.year):
            self.findings.append(refused_value(FindingCode.UNKNOWN_CODE, self._unknown_words(column, bare), locator))
            return _unreadable(text, locator)
        written = text if text != bare else None
        return Value(known.text, locator, code=bare, scheme=return_scheme(column), as_written=written)

    def _unknown_words(self, column: str, code: str) -> Sentence:
        codes = return_codes()[column]
        allowed = ", ".join(item.code for item in codes.values() if item.is_known_in(self.year))
        when = lazy_gettext("any return")
        if self.year is not None:
            when = lazy_gettext("the %(year)s return", year=str(self.year))
        said: dict[str, str] = {"column": column, "code": shown(code), "return": when, "listed": allowed}
        known = codes.get(code)
        if known is None:
            return lazy_gettext("%(column)s %(code)s is not a code of %(return)s; allowed: %(listed)s", **said)
        return lazy_gettext(
            "%(column)s %(code)s is not a code of %(return)s; it belongs to the returns %(first)s to %(last)s; "
            "allowed: %(listed)s",
            **said,
            first=str(known.first_year),
            last=str(known.last_year),
        )

    def sex(self) -> Value:
        """Return the recorded sex as M, F or U, with the code as written beside it."""
        value = self.code("SEX")
        if value.state is not ValueState.GIVEN:
            return value
        return Value(SEX[str(value.code)], value.locator, as_written=value.code, code=value.code, scheme=value.scheme)

    def day(self, column: str, check: DateCheck | None = event_date_finding) -> tuple[Value, date | None]:
        """Return a date as value and as ``date``; ``check`` warns of what cannot be right."""
        found = self._given(column)
        if isinstance(found, Value):
            return found, None
        text, locator = found
        if column in self.table.month_first:  # said once, for the whole column
            return _unreadable(text, locator), None
        day = parse_day_first(text.strip())
        if day is None:
            said = lazy_gettext("%(column)s is not a date; expected DD/MM/YYYY", column=str(column))
            self.findings.append(refused_value(FindingCode.BAD_DATE, said, locator))
            return _unreadable(text, locator), None
        doubt = check(day, self.today, locator) if check else None
        if doubt is not None:
            self.findings.append(doubt)
        return Value(day.isoformat(), locator, as_written=text), day

    def day_or_part(self, column: str) -> Value:
        """Return a date of which day, or day and month, may be written as ``zz``. Nothing is filled in."""
        found = self._given(column)
        if isinstance(found, Value):
            return found
        text, locator = found
        part = _PART_DATE.fullmatch(text.strip())
        if part is None:
            return self.day(column)[0]
        month, year = part.groups()
        if month.lower() == "zz":
            return Value(year, locator, as_written=text)
        if not 1 <= int(month) <= 12:
            said = lazy_gettext("%(column)s names no month", column=column)
            self.findings.append(refused_value(FindingCode.BAD_DATE, said, locator))
            return _unreadable(text, locator)
        return Value(f"{year}-{month}", locator, as_written=text)

    def check_period(self, start: date | None, end: date | None, locator: str) -> None:
        """Warn where a period ends before it starts."""
        doubt = period_finding(start, end, locator)
        if doubt is not None:
            self.findings.append(doubt)

    def has(self, column: str) -> bool:
        """Whether the cell holds anything."""
        return bool(self.row.cells.get(column, "").strip())

    def conflict(self, message: Sentence, locator: str) -> None:
        """Warn of two statements that do not agree."""
        self._warn(FindingCode.CONFLICT_IN_DELIVERY, message, locator)

    def _warn(self, code: FindingCode, message: Sentence, locator: str) -> None:
        self.findings.append(Finding(code, Severity.WARN, message, locator))

    def _given(self, column: str) -> tuple[str, str] | Value:
        text = self.row.cells.get(column)
        if text is None:
            return Value(None, self.line, ValueState.ABSENT)
        locator = self.table.locator(self.row.line, column)
        if not text.strip():
            return Value(None, locator, ValueState.EMPTY)
        return text, locator


def _unreadable(text: str, locator: str) -> Value:
    return Value(None, locator, ValueState.UNREADABLE, as_written=text[:MAX_KEPT_CHARS])
