"""Dates only as precise as the source has them, ages, and the distance to eighteen.

``2010``, ``2010-05``, ``2010-05-17`` and ``2010-05-17T14:05:00Z`` are four statements of different precision; none is
filled up to another. A time that the source gives with its zone is read as clocks in the UK showed it, and its day is
the day in the UK; one without a zone stays as it is written. "Today" is the day in the UK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from adapters.uk_time import uk_local, uk_zone

MAX_DATE_CHARS = 40
ADULT_YEARS = 18
_FORM = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}:\d{2})(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.ASCII,
)


class Precision(StrEnum):
    """How exactly a date is known."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as written, and the first and last day it can mean.

    ``time`` is ``14:05`` where the source has one; then ``zone`` is ``GMT`` or ``BST``, empty where it names no zone.
    """

    text: str
    first: date
    last: date
    precision: Precision
    time: str | None = None
    zone: str = ""

    def overlaps(self, other: PartialDate) -> bool:
        """Whether both can mean the same day."""
        return self.first <= other.last and other.first <= self.last

    def holds(self, other: PartialDate) -> bool:
        """Whether the other says the same more exactly."""
        return self.first <= other.first and other.last <= self.last and self.precision is not other.precision


def parse_partial(text: object) -> PartialDate | None:
    """Read an ISO 8601 date of any of the four precisions, or return None: an unreadable date is no date."""
    if not isinstance(text, str) or len(text) > MAX_DATE_CHARS:
        return None
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if time is not None:
        return _read_moment(text.strip(), first, time)
    if day is not None:
        return PartialDate(text.strip(), first, first, Precision.DAY)
    if month is not None:
        return PartialDate(text.strip(), first, _month_end(first), Precision.MONTH)
    return PartialDate(text.strip(), first, date(first.year, 12, 31), Precision.YEAR)


def _read_moment(text: str, day: date, time: str) -> PartialDate:
    try:
        at = datetime.fromisoformat(text)
        local = None if at.tzinfo is None else uk_local(at)
    except (ValueError, OverflowError):
        # A clock's face that does not exist, or one beyond the calendar: it stands as it is written.
        local = None
    if local is None:
        return PartialDate(text, day, day, Precision.MINUTE, time)
    return PartialDate(text, local.date(), local.date(), Precision.MINUTE, f"{local:%H:%M}", uk_zone(local))


def _month_end(first: date) -> date:
    if (first.year, first.month) == (9999, 12):
        return date.max
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when something was. ``end`` None: the record gives no end."""

    start: PartialDate
    end: PartialDate | None

    @property
    def first(self) -> date:
        """The first day it can mean."""
        return self.start.first

    @property
    def last(self) -> date:
        """The last day it can mean; the start's own last day where no end is given."""
        return max(self.start.last, self.end.last) if self.end is not None else self.start.last


def birthday(born: date, years: int) -> date:
    """The day somebody attains an age: the anniversary (Family Law Reform Act 1969 s9); 1 March for 29 February."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def age_on(born: date, day: date) -> int:
    """Whole years of age on a day."""
    years = day.year - born.year
    return years if birthday(born, years) <= day else years - 1


@dataclass(frozen=True, slots=True)
class AgeRange:
    """Youngest and oldest age, and least and most days to eighteen, that a birth date of its precision allows."""

    youngest: int
    oldest: int
    days_least: int
    days_most: int


def age_range(born: PartialDate, day: date) -> AgeRange | None:
    """Return what a birth date says on a day, or None where it cannot be a birth date of a living person."""
    if born.first > day or born.first.year < 1900 or born.last.year > 9000:
        return None
    latest = min(born.last, day)
    return AgeRange(
        youngest=age_on(latest, day),
        oldest=age_on(born.first, day),
        days_least=(birthday(born.first, ADULT_YEARS) - day).days,
        days_most=(birthday(latest, ADULT_YEARS) - day).days,
    )
