"""One block of the CIN census (an assessment, a plan) as values with their state, their place and what is wrong.

A value that cannot be read is refused alone: its block stays. Dates are ISO; the schema also allows a time zone behind
a date, which is kept as written and not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from lxml import etree

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.identifiers import check_upn
from adapters.sources.plausibility import event_date_finding, parse_iso_date, period_finding
from adapters.sources.social_care.cin_schema import Place, code_finding
from adapters.sources.social_care.codes import NO, YES, cin_codes
from adapters.sources.social_care.records import MAX_IDENTIFIER_CHARS, MAX_KEPT_CHARS, refused_value

DateCheck = Callable[[date, date, str], Finding | None]

_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})$")
_SMALL_NUMBER = re.compile(r"[0-9]{1,4}")


class Block:
    """Reads the leaf elements of one element and collects what is wrong with them in ``findings``."""

    __slots__ = ("element", "findings", "locator", "place", "today", "year")

    def __init__(self, element: etree._Element, place: Place, year: int, today: date) -> None:
        self.element = element
        self.place = place
        self.year = year
        self.today = today
        self.locator = place.of(element)
        self.findings: list[Finding] = []

    def absent(self, state: ValueState = ValueState.ABSENT) -> Value:
        """Return a value that the block does not hold; it leads to the block."""
        return Value(None, self.locator, state)

    def words(self, name: str) -> Value:
        """Return an identifier or another short text, blanks at its edges apart."""
        found = self._single(name)
        if isinstance(found, Value):
            return found
        text, locator = found
        bare = text.strip()
        if len(bare) > MAX_IDENTIFIER_CHARS:
            return self._refused(
                name,
                text,
                locator,
                lazy_gettext(
                    "it has %(count)s characters, expected at most %(most)s",
                    count=str(len(bare)),
                    most=str(MAX_IDENTIFIER_CHARS),
                ),
            )
        return Value(bare, locator, as_written=text if text != bare else None)

    def pupil_number(self, name: str) -> Value:
        """Return a unique pupil number. A wrong form or check letter is only warned about."""
        value = self.words(name)
        if value.state is ValueState.GIVEN and not check_upn(str(value.value)):
            self.findings.append(
                Finding(
                    FindingCode.BAD_UPN,
                    Severity.WARN,
                    lazy_gettext(
                        "%(name)s is not a valid pupil number (form or check letter); it is kept as written", name=name
                    ),
                    value.locator,
                )
            )
        return value

    def code(self, name: str, scheme: str) -> Value:
        """Return a coded value: ``code`` as written, ``value`` the schema's words for it."""
        found = self._single(name)
        return found if isinstance(found, Value) else self.coded(name, *found, scheme)

    def coded(self, name: str, text: str, locator: str, scheme: str) -> Value:
        """Return the value for a code of the list that belongs to an element name."""
        words = cin_codes(self.year).get(name, {}).get(text)
        if words is None:
            self.findings.append(code_finding(name, text, self.year, locator))
            return _unreadable(text, locator)
        return Value(words, locator, code=text, scheme=scheme)

    def yes_no(self, name: str) -> Value:
        """Return a yes or no as a bool. Which spellings are allowed depends on the year."""
        found = self._single(name)
        if isinstance(found, Value):
            return found
        text, locator = found
        if text not in cin_codes(self.year)[name] or text not in YES | NO:
            self.findings.append(code_finding(name, text, self.year, locator))
            return _unreadable(text, locator)
        return Value(text in YES, locator, as_written=text)

    def number(self, name: str) -> Value:
        """Return a small whole number, 0 or more."""
        found = self._single(name)
        if isinstance(found, Value):
            return found
        text, locator = found
        if not _SMALL_NUMBER.fullmatch(text.strip()):
            return self._refused(name, text, locator, lazy_gettext("expected a whole number"))
        return Value(int(text), locator)

    def day(self, name: str, check: DateCheck | None = event_date_finding) -> tuple[Value, date | None]:
        """Return a date as value and as ``date``; ``check`` warns of what cannot be right."""
        found = self._single(name)
        return (found, None) if isinstance(found, Value) else self.dated(name, *found, check)

    def dated(
        self, name: str, text: str, locator: str, check: DateCheck | None = event_date_finding
    ) -> tuple[Value, date | None]:
        """Return the date of one element's text."""
        bare = text.strip()
        day = parse_iso_date(_ZONE.sub("", bare) if len(bare) > len("YYYY-MM-DD") else bare)
        if day is None:
            message = lazy_gettext("%(name)s is not a date; expected YYYY-MM-DD", name=name)
            self.findings.append(refused_value(FindingCode.BAD_DATE, message, locator))
            return _unreadable(text, locator), None
        doubt = check(day, self.today, locator) if check else None
        if doubt is not None:
            self.findings.append(doubt)
        return Value(day.isoformat(), locator, as_written=text if text != day.isoformat() else None), day

    def check_period(self, start: date | None, end: date | None, locator: str) -> None:
        """Warn where a period ends before it starts."""
        doubt = period_finding(start, end, locator)
        if doubt is not None:
            self.findings.append(doubt)

    def all_of(self, path: str) -> list[tuple[str, str]]:
        """Return text and locator of every element at a path below the block, also of empty ones."""
        return [(element.text or "", self.place.of(element)) for element in self.element.iterfind(path)]

    def _single(self, name: str) -> tuple[str, str] | Value:
        elements = self.element.findall(name)
        if not elements:
            return self.absent()
        locator = self.place.of(elements[0])
        text = elements[0].text or ""
        if len(elements) > 1:
            why = lazy_gettext("it stands %(count)s times, expected once", count=str(len(elements)))
            return self._refused(name, text, locator, why)
        if not text.strip():
            return Value(None, locator, ValueState.EMPTY)
        return text, locator

    def _refused(self, name: str, text: str, locator: str, why: Sentence) -> Value:
        message = lazy_gettext(
            "%(name)s cannot be read: %(why)s (%(year)s census)", name=name, why=why, year=str(self.year)
        )
        self.findings.append(refused_value(FindingCode.SCHEMA_ERROR, message, locator))
        return _unreadable(text, locator)


def _unreadable(text: str, locator: str) -> Value:
    return Value(None, locator, ValueState.UNREADABLE, as_written=text[:MAX_KEPT_CHARS])
