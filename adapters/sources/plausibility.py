"""Dates of a record: parsed strictly, and checked for what cannot be right. A doubtful date is kept and warned about.

The rules are those of docs/sources.md, "What is refused, and in which words": ``bad_date``, ``implausible_date``,
``ends_before_start``, ``overlapping_periods``. Nothing here reads a clock: the day of reading is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity

EARLIEST_YEAR = 1900
OLDEST_AGE_YEARS = 25
LONGEST_PREGNANCY_DAYS = 310

_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SLASHED_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")


def parse_iso_date(text: str) -> date | None:
    """Return the date of ``YYYY-MM-DD`` in ASCII digits, or None where the text is anything else."""
    found = _ISO_DATE.fullmatch(text)
    return _build(*found.groups()) if found else None


def parse_day_first(text: str) -> date | None:
    """Return the date of ``DD/MM/YYYY`` in ASCII digits, or None. Two-digit years and one-digit days are not read."""
    found = _SLASHED_DATE.fullmatch(text)
    return _build(found[3], found[2], found[1]) if found else None


def is_month_first_only(text: str) -> bool:
    """Whether the text is a date only if the month comes first (``03/27/2008``)."""
    found = _SLASHED_DATE.fullmatch(text)
    if found is None or parse_day_first(text) is not None:
        return False
    return _build(found[3], found[1], found[2]) is not None


def _build(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def birth_date_finding(value: date, today: date, locator: str) -> Finding | None:
    """Return a warning where a child's birth date lies before 1900, in the future, or over 25 years back."""
    if value > today:
        return _implausible(lazy_gettext("the birth date lies in the future"), locator)
    return _too_old(value, today, locator)


def expected_birth_date_finding(value: date, today: date, locator: str) -> Finding | None:
    """Return a warning where an expected birth date is further off than a pregnancy lasts, or far in the past."""
    if value > today + timedelta(days=LONGEST_PREGNANCY_DAYS):
        return _implausible(lazy_gettext("the expected birth date is further ahead than a pregnancy lasts"), locator)
    return _too_old(value, today, locator)


def _too_old(value: date, today: date, locator: str) -> Finding | None:
    if value.year < EARLIEST_YEAR:
        return _too_early(value, locator)
    had_birthday = (today.month, today.day) >= (value.month, value.day)
    if today.year - value.year - (not had_birthday) > OLDEST_AGE_YEARS:
        return _implausible(
            lazy_gettext("by this birth date the person is over %(most)s years old", most=OLDEST_AGE_YEARS), locator
        )
    return None


def event_date_finding(value: date, today: date, locator: str) -> Finding | None:
    """Return a warning where something that has happened is dated before 1900 or in the future."""
    if value.year < EARLIEST_YEAR:
        return _too_early(value, locator)
    if value > today:
        return _implausible(lazy_gettext("the date of something that has happened lies in the future"), locator)
    return None


def _too_early(value: date, locator: str) -> Finding:
    years = {"year": str(value.year), "earliest": str(EARLIEST_YEAR)}
    return _implausible(lazy_gettext("the date is in the year %(year)s, before %(earliest)s", **years), locator)


def _implausible(what: Sentence, locator: str) -> Finding:
    message = lazy_gettext("%(what)s; it is kept as written, check it at the source", what=what)
    return Finding(FindingCode.IMPLAUSIBLE_DATE, Severity.WARN, message, locator)


def period_finding(start: date | None, end: date | None, locator: str) -> Finding | None:
    """Return a warning where a period ends before it starts. A period without either end says nothing."""
    if start is None or end is None or end >= start:
        return None
    return Finding(
        FindingCode.ENDS_BEFORE_START,
        Severity.WARN,
        lazy_gettext(
            "it ends on %(end)s, before it starts on %(start)s; both dates are kept as written",
            end=end.isoformat(),
            start=start.isoformat(),
        ),
        locator,
    )


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of one child's time; ``end`` None means it has not ended."""

    start: date
    end: date | None
    locator: str


def overlap_findings(periods: Iterable[Period], what: Sentence) -> list[Finding]:
    """Return a warning for each period that starts before an earlier one has ended (``what`` names them, in plural).

    Starting on the day on which the earlier one ends is no overlap. The order of ``periods`` does not matter.
    """
    findings: list[Finding] = []
    longest: Period | None = None
    for period in sorted(periods, key=lambda item: (item.start, item.end or date.max, item.locator)):
        if longest is not None and period.start < (longest.end or date.max):
            findings.append(
                Finding(
                    FindingCode.OVERLAPPING_PERIODS,
                    Severity.WARN,
                    lazy_gettext(
                        "two %(what)s of one child overlap: this one starts before that at %(place)s has ended",
                        what=what,
                        place=longest.locator,
                    ),
                    period.locator,
                )
            )
        if longest is None or (period.end or date.max) > (longest.end or date.max):
            longest = period
    return findings
