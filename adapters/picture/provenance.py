"""Where each statement of a picture comes from, and how a picture becomes JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from adapters.picture.content import ReadContent, ReadValue, read_address, read_content
from adapters.picture.dates import Period, parse_partial
from adapters.picture.view import OpenedFragment
from adapters.picture.words import plain_summary
from adapters.release.writing import SourceKind
from policies.model import render_time
from policies.vocabulary import AgencyKind, Category, HandlingCode


@dataclass(frozen=True, slots=True)
class Provenance:
    """The way back: which fragment, whose, of what kind, seen when, recorded when, shared on which basis.

    ``agency_kind`` is None for an agency that has left the case. ``recorded`` is the time the source gives for its
    record, else the time of sealing (then ``source_gives_time`` is false); it is not when something happened.
    ``emergency``: the digest of the emergency release that gave it, before any quorum had seen the log so far.
    ``is_verbatim``: the words stand like this in the source.
    """

    fragment: str
    digest: str
    version: int
    agency: str
    agency_kind: AgencyKind | None
    category: Category
    source_kind: SourceKind
    author_role: str | None
    observed_from: str | None
    observed_to: str | None
    recorded: str
    source_gives_time: bool
    sealed_at: datetime
    received_at: datetime
    is_verbatim: bool
    handling: HandlingCode
    instructions: tuple[str, ...]
    purpose: str
    gateway: str
    article6: str
    condition: str
    rests_on_consent: bool
    emergency: str | None
    rules: tuple[str, ...]
    log_index: int
    locator: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Something a source says, with its provenance. Never without one."""

    label: str
    text: str
    provenance: Provenance
    code: str | None = None
    scheme: str | None = None
    as_written: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment with its content read, ready for the sections."""

    opened: OpenedFragment
    content: ReadContent
    kind: AgencyKind | None
    period: Period | None

    @property
    def ref(self) -> str:
        """Its short name on a page."""
        return short_name(self.opened)

    @property
    def fragment(self) -> str:
        """The fragment's id."""
        return self.opened.header.fragment

    @property
    def agency(self) -> str:
        """The originating agency's id."""
        return self.opened.header.agency

    @property
    def category(self) -> Category:
        """The category of the header."""
        return self.opened.header.category

    @property
    def address(self) -> str:
        """The address that a contact record gives, or an empty text."""
        return read_address(self.content) if self.category is Category.CONTACT else ""

    @property
    def line(self) -> str:
        """The fragment in one line as people write it; a contact record with its address."""
        return ": ".join(
            part
            for part in (plain_summary(self.content.summary, is_authored=self.content.is_authored), self.address)
            if part
        )

    def provenance(self, value: ReadValue | None = None) -> Provenance:
        """Return the provenance of the whole fragment or, given a value, of that value."""
        header, basis, content = self.opened.header, self.opened.basis, self.content
        return Provenance(
            fragment=header.fragment,
            digest=self.opened.digest,
            version=header.version,
            agency=header.agency,
            agency_kind=self.kind,
            category=header.category,
            source_kind=content.source_kind,
            author_role=content.author_role,
            observed_from=content.observed_from,
            observed_to=content.observed_to,
            recorded=content.extracted_at or render_time(header.sealed_at),
            source_gives_time=content.extracted_at is not None,
            sealed_at=header.sealed_at,
            received_at=self.opened.received_at,
            is_verbatim=value is not None and value.is_verbatim and not _is_reworded(content),
            handling=header.handling.code,
            instructions=tuple(item.value for item in header.handling.instructions),
            purpose=basis.purpose.value,
            gateway=basis.gateway.value,
            article6=basis.article6.value,
            condition=basis.condition.value,
            rests_on_consent=basis.consent is not None,
            emergency=self.opened.emergency,
            rules=self.opened.rules,
            log_index=self.opened.log_index,
            locator=content.source_locator if value is None else value.locator,
        )

    def state(self, label: str, value: ReadValue) -> Statement:
        """Return what one value says."""
        return Statement(label, value.text, self.provenance(value), value.code, value.scheme, value.as_written)

    def summarise(self, label: str = "Summary") -> Statement:
        """Return the fragment's own summary as a statement."""
        return Statement(label, self.content.summary, self.provenance())


def _is_reworded(content: ReadContent) -> bool:
    return content.text("hub_WordsAre") in ("in_other_words", "interpreted")


def short_name(opened: OpenedFragment) -> str:
    """Return F and the number of a fragment's entry in its case: the same for every reader and at every look."""
    return numbered_name(opened.case_seq)


def numbered_name(case_seq: int) -> str:
    """Return the short name of the fragment whose entry has this number in its case."""
    return f"F{case_seq}"


def read_piece(opened: OpenedFragment, kind: AgencyKind | None) -> Piece:
    """Read one opened fragment. Never raises on its content."""
    content = read_content(opened.content, opened.header.category)
    start, end = parse_partial(content.observed_from), parse_partial(content.observed_to)
    # A record may give only an end (a plan that ended); it then stands in time at that end, and has ended.
    first = start or end
    period = Period(first, end) if first is not None else None
    return Piece(opened, content, kind, period)


def render_json(item: object) -> Any:
    """Turn values of a picture into JSON-ready ones: dataclasses become objects, terms, times and dates text."""
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: render_json(getattr(item, field.name)) for field in fields(item)}
    if isinstance(item, Enum):
        return item.value
    if isinstance(item, datetime):
        return render_time(item)
    if isinstance(item, date):
        return item.isoformat()
    if isinstance(item, Mapping):
        return {render_json(name): render_json(value) for name, value in item.items()}
    if isinstance(item, tuple | list):
        return [render_json(one) for one in item]
    return item
