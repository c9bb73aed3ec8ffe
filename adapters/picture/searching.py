"""Find words in what one person has opened of one case: in memory, over every text of every fragment, kept nowhere.

Case and accents do not count. A word is found where a word begins with it: "car" finds "cars" and "care", not "scar".
Words may stand in any order, and each must stand somewhere in a fragment; words between quotation marks must stand
together. What holds more of the words stands before what holds fewer, whole words before beginnings. An agency's id or
a code that programs write is found only by the whole of it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.picture.field_names import field_words
from adapters.picture.model import Picture
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView, OpenedFragment
from policies.vocabulary import AgencyKind, Category

MAX_QUERY_CHARS = 200
MAX_TERMS = 10
MAX_HITS = 100
CONTEXT_CHARS = 160
MAX_LEADS = 1000
"""Places of a text that are tried as the beginning of the line that is shown of it."""
MAX_DEPTH = 8
"""Of content that is nested; a fragment is not nested deeper."""
_NOT_WORDS = frozenset(
    {"state", "locator", "scheme", "reader", "format", "format_version", "file_sha256", "extracted_at", "derived_from"}
)
"""Members of a content that programs write for programs."""
_CODE = re.compile("[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[0-9a-f]{32,}")
"""What only programs write: a term such as ``lead_professional``, an id, a digest."""
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts, as Unicode names their letters, that leave no space between words: one may begin at every letter."""
_TERMS = re.compile('["“”]([^"“”]*)["“”]|(\\S+)')


class QueryRefused(ValueError):
    """A query that cannot be searched for. The text says why and never repeats it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a line, and whether it is what was looked for."""

    text: str
    is_found: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One text of a fragment in which something was found."""

    fragment: str
    ref: str
    agency: str
    agency_kind: AgencyKind | None
    category: Category
    label: str
    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The first hits, how many more there are, in how many fragments."""

    hits: tuple[Hit, ...]
    more: int
    fragments: int


def read_query(query: str) -> tuple[str, ...]:
    """Return the terms of a query, folded. Raises ``QueryRefused``."""
    if len(query) > MAX_QUERY_CHARS:
        said = {"most": MAX_QUERY_CHARS, "count": len(query)}
        raise QueryRefused(_("Search for at most %(most)s characters; these are %(count)s.", **said))
    terms = [_fold(quoted or word)[0].strip() for quoted, word in _TERMS.findall(query)]
    found = tuple(dict.fromkeys(" ".join(term.split()) for term in terms if term.strip(' "“”')))
    if not found:
        raise QueryRefused(_("Enter at least one word to search for."))
    if len(found) > MAX_TERMS:
        said = {"most": MAX_TERMS, "count": len(found)}
        raise QueryRefused(_("Search for at most %(most)s words at once; these are %(count)s.", **said))
    return found


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a term stands in a text as it was written, and whether as whole words."""

    first: int
    end: int
    term: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """One text of a fragment with what was found in it."""

    label: str
    text: str = field(repr=False)
    spans: tuple[_Span, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """How many of the terms stand in it, and how many of them as whole words."""
        return _rank(self.spans)


def search(view: CaseView, picture: Picture, terms: Sequence[str], most: int = MAX_HITS) -> Found:
    """Find terms in every opened fragment, older versions included.

    Fragments of which one text holds the most terms come first, and of a fragment the texts that do; those that are
    alike stand in the order of the evidence list, and of the content.
    """
    refs = {
        fragment: row.ref
        for row in picture.evidence
        for fragment in (row.provenance.fragment, *(old.fragment for old in row.older))
    }
    agencies = {*view.agency_names, *(item.header.agency for item in view.opened)}
    found: list[tuple[OpenedFragment, list[_Line]]] = []
    for opened in sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment)):
        lines = list(_lines(opened, terms, agencies))
        if {span.term for line in lines for span in line.spans} == set(terms):
            found.append((opened, sorted(lines, key=lambda line: line.rank, reverse=True)))
    found.sort(key=lambda item: item[1][0].rank, reverse=True)
    chosen = [(opened, line) for opened, lines in found for line in lines]
    hits = tuple(_hit(view, refs, opened, line.label, _cut(line.text, line.spans)) for opened, line in chosen[:most])
    return Found(hits, len(chosen) - len(hits), len(found))


def _lines(opened: OpenedFragment, terms: Sequence[str], agencies: Container[str]) -> Iterator[_Line]:
    for label, text in _texts(opened):
        folded = _fold(text)
        asked = terms
        if text in agencies or _CODE.fullmatch(text):
            asked = [term for term in terms if term == folded[0]]
        spans = _spans(folded, asked)
        if spans:
            yield _Line(label, text, spans)


def _rank(spans: Iterable[_Span]) -> tuple[int, int]:
    found = list(spans)
    return len({span.term for span in found}), len({span.term for span in found if span.is_whole})


def _hit(view: CaseView, refs: Mapping[str, str], opened: OpenedFragment, label: str, parts: tuple[Part, ...]) -> Hit:
    header = opened.header
    ref = refs.get(header.fragment, header.fragment[:8])
    return Hit(header.fragment, ref, header.agency, view.kind_of(header.agency), header.category, label, parts)


def _texts(opened: OpenedFragment) -> Iterator[tuple[str, str]]:
    """Go through every text of a content, each once, with what it is called."""
    seen: set[str] = set()
    for label, text in _walk(opened.content, "", 0):
        if text.strip() and text not in seen:
            seen.add(text)
            yield label, text


def _walk(item: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(item, str):
        yield field_words(name), item
    elif isinstance(item, int) and not isinstance(item, bool):
        yield field_words(name), str(item)
    elif isinstance(item, Mapping):
        for key, value in item.items():
            if key not in _NOT_WORDS:
                # A value's own members are called as the field they are of.
                named = name if key in ("value", "as_written", "code") else str(key)
                yield from _walk(value, named, depth + 1)
    elif isinstance(item, list | tuple):
        for one in item:
            yield from _walk(one, name, depth + 1)


def _fold(text: str) -> tuple[str, list[int]]:
    """Return a text without case and accents, and for each character of it where it came from."""
    folded: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        plain = " " if char.isspace() else unicodedata.normalize("NFKD", char)
        for one in plain.casefold():
            if unicodedata.combining(one):
                continue
            if one == " " and folded and folded[-1] == " ":
                continue
            folded.append("'" if one in "’‘" else one)
            places.append(place)
    return "".join(folded), places


def _spans(folded: tuple[str, list[int]], terms: Iterable[str]) -> tuple[_Span, ...]:
    """Return where words begin with terms, in the order of the text as written."""
    text, places = folded
    found = []
    for term in terms:
        start = text.find(term)
        while start != -1:
            end = start + len(term)
            if _is_edge(text, start):
                found.append(_Span(places[start], places[end - 1] + 1, term, _is_edge(text, end)))
            start = text.find(term, start + 1)
    return tuple(sorted(found, key=lambda span: (span.first, span.end)))


def _is_edge(text: str, at: int) -> bool:
    """Whether a word may begin or end between a character and the one before it."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    # A vowel sign is no letter of its own, and part of the word all the same.
    if not (before.isalnum() or _is_mark(before)) or not (after.isalnum() or _is_mark(after)):
        return True
    return any(unicodedata.name(char, "").startswith(_UNSPACED) for char in (before, after))


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _merge(spans: Iterable[_Span]) -> Iterator[tuple[int, int]]:
    """Go through the stretches that spans in order cover, those that touch as one."""
    first, end = -1, -1
    for span in spans:
        if span.first > end:
            if end >= 0:
                yield first, end
            first = span.first
        end = max(end, span.end)
    yield first, end


def _cut(text: str, spans: Sequence[_Span]) -> tuple[Part, ...]:
    """Return the line around where the most was found, with every finding in it marked."""
    lead = _lead(spans)
    begin = max(0, lead.first - CONTEXT_CHARS)
    until = min(len(text), lead.end + CONTEXT_CHARS)
    parts, at = [], begin
    if begin:
        parts.append(Part("… ", is_found=False))
    for first, end in _merge(span for span in spans if span.end > begin and span.first < until):
        start = max(first, at)
        parts += [Part(text[at:start], is_found=False), Part(text[start : min(end, until)], is_found=True)]
        at = min(end, until)
    parts.append(Part(text[at:until], is_found=False))
    if until < len(text):
        parts.append(Part(" …", is_found=False))
    return tuple(part for part in parts if part.text)


def _lead(spans: Sequence[_Span]) -> _Span:
    """Return the first span of the line that shows the most of what stands in the text."""
    most, lead, best = _rank(spans), spans[0], (0, 0)
    for span in spans[:MAX_LEADS]:
        rank = _rank(_near(spans, span))
        if rank > best:
            lead, best = span, rank
        if best == most:
            break
    return lead


def _near(spans: Sequence[_Span], lead: _Span) -> Iterator[_Span]:
    """Go through a span and those that a line which begins with it would show."""
    for span in spans[bisect_left(spans, (lead.first, lead.end), key=lambda item: (item.first, item.end)) :]:
        if span.first >= lead.end + CONTEXT_CHARS:
            break
        yield span
