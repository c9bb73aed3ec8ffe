"""FHIR dates, with the precision they have: ``2010``, ``2010-05`` and ``2010-05-17`` are three statements.

Source: FHIR R4 (4.0.1), "Data Types": date, dateTime, instant, Period.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from adapters.sources.draft import Value
from adapters.sources.findings import Finding
from adapters.sources.health.elements import Element
from adapters.sources.plausibility import period_finding

Precision = Literal["day", "month", "year"]

_FHIR_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """The days a FHIR date can mean, both ends included, and the precision it was written with."""

    earliest: date
    latest: date
    precision: Precision


def parse_fhir_date(text: str) -> PartialDate | None:
    """Return the days a date, dateTime or instant can mean, or None where no such day exists."""
    found = _FHIR_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = int(found[1]), found[2], found[3]
    try:
        if month is None:
            return PartialDate(date(year, 1, 1), date(year, 12, 31), "year")
        first = date(year, int(month), 1)
        if day is None:
            last = calendar.monthrange(year, first.month)[1]
            return PartialDate(first, first.replace(day=last), "month")
        exact = date(year, first.month, int(day))
        return PartialDate(exact, exact, "day")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class PeriodValues:
    """A FHIR Period: the two ends as values (None where it has none) and as days."""

    start: Value | None
    end: Value | None
    starts: PartialDate | None
    ends: PartialDate | None

    @property
    def start_text(self) -> str | None:
        """The start as written, where it can be used."""
        return str(self.start.value) if self.start is not None and self.starts is not None else None

    @property
    def end_text(self) -> str | None:
        """The end as written, where it can be used."""
        return str(self.end.value) if self.end is not None and self.ends is not None else None

    def has_ended(self, today: date) -> bool:
        """Whether the last day it can mean lies before ``today``."""
        return self.ends is not None and self.ends.latest < today

    def has_begun(self, today: date) -> bool:
        """Whether the first day it can mean is ``today`` or earlier; a period without a start has begun."""
        return self.starts is None or self.starts.earliest <= today

    def parts(self) -> dict[str, Value]:
        """Return ``start`` and ``end`` as parts of a group, those that are there."""
        full = {"start": self.start, "end": self.end}
        return {name: value for name, value in full.items() if value is not None}

    def finding(self, locator: str) -> Finding | None:
        """Return a warning where it certainly ends before it starts."""
        if self.starts is None or self.ends is None:
            return None
        return period_finding(self.starts.earliest, self.ends.latest, locator)


def read_period(element: Element | None) -> PeriodValues:
    """Read a Period element; without one, a period that says nothing."""
    if element is None:
        return PeriodValues(None, None, None, None)
    start, end = element.text("start"), element.text("end")
    return PeriodValues(
        start=element.value("start"),
        end=element.value("end"),
        starts=parse_fhir_date(start) if start is not None else None,
        ends=parse_fhir_date(end) if end is not None else None,
    )
