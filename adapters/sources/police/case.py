"""What every record of one case shares: the document, the reference, the source block, the day of reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from lxml import etree

from adapters.picture.speech import Sentence
from adapters.sources.draft import DraftFragment, FieldValue, Source, Value
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.police.document import Document
from policies.vocabulary import Category

ADULT_AGE_YEARS = 18


@dataclass(frozen=True, slots=True)
class CaseContext:
    """What the records of a case share. ``origin`` is the source block without a locator, ``today`` the reading day."""

    doc: Document
    case: etree._Element
    reference: Value
    origin: Source
    today: date

    def draft(
        self,
        category: Category,
        element: etree._Element,
        about: str,
        fields: Mapping[str, FieldValue],
        summary: str,
        notes: list[Finding],
        *,
        observed: tuple[str | None, str | None] = (None, None),
        is_restricted: bool = False,
    ) -> DraftFragment:
        """Build the draft of one record. ``observed`` is the first and the last day of the event."""
        return DraftFragment(
            category=category,
            fields=fields,
            source=replace(self.origin, locator=self.doc.path(element)),
            about=about,
            summary=summary,
            observed_from=observed[0],
            observed_to=observed[1],
            restricted=is_restricted,
            findings=tuple(notes),
        )


def warning(code: FindingCode, message: Sentence, locator: str) -> Finding:
    """Build a finding that costs nothing."""
    return Finding(code, Severity.WARN, message, locator)


def is_adult(born: date, on: date) -> bool:
    """Whether someone born on a day is ``ADULT_AGE_YEARS`` or older on another."""
    had_birthday = (on.month, on.day) >= (born.month, born.day)
    return on.year - born.year - (not had_birthday) >= ADULT_AGE_YEARS
