"""What fragments offer for each field of the form, before anybody has chosen: candidates and lines with their sources.

Two sources that say different things stay two candidates. Words of several sources become lines of one text, each with
who says so. Names of other people that the records name as such are taken out of every line (nrm.md 1.4, trap 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adapters.picture.content import ReadValue
from adapters.picture.provenance import Piece
from adapters.picture.words import day_words, kind_words, words_for
from adapters.release.writing import SourceKind
from policies.model import render_time
from policies.vocabulary import Category

REDACTED = "[another person]"
MIN_NAME_CHARS = 3
MAX_THIRD_PARTY_NAMES = 500
_CHILD_CATEGORIES = frozenset({Category.IDENTITY, Category.SUBJECT_CARD})
_NAME_PARTS = frozenset({"prs_FirstName", "prs_MiddleName", "prs_SecondName", "name", "first_name", "family_name"})


@dataclass(frozen=True, slots=True)
class NrmProvenance:
    """Where a value of the form comes from (nrm.md 1.5). A signed statement or a person's entry has no fragment."""

    fragment_id: str | None
    fragment_version: int | None
    agency_id: str
    agency_kind: str | None
    author_role: str | None
    source_kind: str
    obtained_on: str | None
    recorded: str | None
    verbatim: bool
    gateway_id: str | None
    handling: str | None
    instructions: tuple[str, ...]
    reliability: str | None
    released_by: str | None
    released_at: str | None
    locator: str
    log_index: int | None
    statement: str | None = None
    entered_by: str | None = None


def provenance_of(piece: Piece, value: ReadValue | None = None) -> NrmProvenance:
    """Return the provenance of a fragment, or of one value in it."""
    way_back = piece.provenance(value)
    reliability = next(
        (item.text for item in piece.content.walk() if item.is_given and item.name.endswith("eliability")), None
    )
    return NrmProvenance(
        fragment_id=way_back.fragment,
        fragment_version=way_back.version,
        agency_id=way_back.agency,
        agency_kind=way_back.agency_kind.value if way_back.agency_kind is not None else None,
        author_role=way_back.author_role,
        source_kind=way_back.source_kind.value,
        obtained_on=way_back.observed_from,
        recorded=way_back.recorded,
        verbatim=way_back.is_verbatim,
        gateway_id=way_back.gateway,
        handling=way_back.handling.value,
        instructions=way_back.instructions,
        reliability=reliability,
        released_by=way_back.agency,
        released_at=render_time(way_back.sealed_at),
        locator=way_back.locator,
        log_index=way_back.log_index,
    )


@dataclass(slots=True)
class Offer:
    """What is offered for one field: distinct values or lines, and remarks for the person who reads the draft."""

    values: dict[str, list[NrmProvenance]] = field(default_factory=dict)
    lines: dict[str, list[NrmProvenance]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Collector:
    """Collects offers by field. ``names`` are agencies' names, ``third_parties`` what is taken out of lines."""

    names: dict[str, str]
    third_parties: tuple[str, ...] = ()
    offers: dict[str, Offer] = field(default_factory=dict)

    def offer(self, name: str) -> Offer:
        """Return the offer of a field, empty where there was none yet."""
        return self.offers.setdefault(name, Offer())

    def choose(self, name: str, answer: str, source: NrmProvenance) -> None:
        """Offer one value. The same words in another case are the same value."""
        values = self.offer(name).values
        known = next((item for item in values if item.casefold() == answer.casefold()), None)
        if known is None or (known.isupper() and not answer.isupper()):
            values[answer] = values.pop(known, []) if known is not None else []
            known = answer
        values[known].append(source)

    def write(self, name: str, words: str, piece: Piece, value: ReadValue | None = None) -> None:
        """Offer one line of a text, with who says so and of when."""
        text, removed = redact(words.strip(), self.third_parties)
        if not text:
            return
        if piece.content.source_kind is SourceKind.CHILD_ACCOUNT:
            said = f"in the child's words: “{text}”" if value is not None and value.is_verbatim else text
        else:
            said = text
        line = f"{self._who(piece)}: {said}"
        self.offer(name).lines.setdefault(line, []).append(provenance_of(piece, value))
        if removed:
            self.remark(name, f"{removed} {'name' if removed == 1 else 'names'} of other people taken out")

    def write_plain(self, name: str, words: str, piece: Piece) -> None:
        """Offer one line about an agency as such, without a date and without words of a record in it."""
        line = f"{self.names.get(piece.agency, piece.agency)} ({kind_words(piece.kind).lower()}) {words}"
        self.offer(name).lines.setdefault(line, []).append(provenance_of(piece))

    def remark(self, name: str, words: str) -> None:
        """Note something for the person who reads the draft."""
        remarks = self.offer(name).remarks
        if words not in remarks:
            remarks.append(words)

    def _who(self, piece: Piece) -> str:
        name = self.names.get(piece.agency, piece.agency)
        when = f", {day_words(piece.content.observed_from)}" if piece.content.observed_from else ""
        return f"{name} ({kind_words(piece.kind).lower()}, {words_for(piece.content.source_kind)}{when})"


def third_party_names(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """Return names that records give to people other than the child, longest first; the child's own are left alone."""
    own: set[str] = set()
    others: set[str] = set()
    for piece in pieces:
        for value in piece.content.walk():
            field_name, _, part = value.name.partition(".")
            is_alias = field_name == "hub_Alias"
            if not value.is_given or ((part or field_name) not in _NAME_PARTS and not is_alias):
                continue
            is_child = piece.category in _CHILD_CATEGORIES and (not part or is_alias)
            (own if is_child else others).update(_words(value.text))
    kept = {name for name in others if name.casefold() not in {item.casefold() for item in own}}
    return tuple(sorted(kept, key=lambda name: (-len(name), name)))[:MAX_THIRD_PARTY_NAMES]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if len(word) >= MIN_NAME_CHARS]


def redact(text: str, names: Sequence[str]) -> tuple[str, int]:
    """Return the text without these names as whole words, and how many were taken out."""
    if not names:
        return text, 0
    # As written, with a capital, or in capitals: a name such as May must not take the word "may" out of every line.
    forms = [form for name in names for form in dict.fromkeys((name, name.title(), name.upper()))]
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(form) for form in forms) + r")(?!\w)")
    without, count = pattern.subn(REDACTED, text)
    repeated = re.escape(REDACTED)
    return re.sub(rf"{repeated}(?:\s+{repeated})+", REDACTED, without), count
