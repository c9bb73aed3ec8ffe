"""Find words in what one person has opened of one case: in memory, over every text of every fragment, kept nowhere.

Case and accents do not count. Words may stand in any order, and each must stand somewhere in a fragment; words between
quotation marks must stand together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
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
MAX_DEPTH = 8
"""Of content that is nested; a fragment is not nested deeper."""
_NOT_WORDS = frozenset(
    {"state", "locator", "scheme", "reader", "format", "format_version", "file_sha256", "extracted_at", "derived_from"}
)
"""Members of a content that programs write for programs."""
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


def search(view: CaseView, picture: Picture, terms: Sequence[str], most: int = MAX_HITS) -> Found:
    """Find terms in every opened fragment, older versions included, in the order of the evidence list."""
    refs = {
        fragment: row.ref
        for row in picture.evidence
        for fragment in (row.provenance.fragment, *(old.fragment for old in row.older))
    }
    hits: list[Hit] = []
    count, fragments = 0, 0
    for opened in sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment)):
        texts = [(label, text, _fold(text)) for label, text in _texts(opened)]
        if not all(any(term in folded for _, _, (folded, _) in texts) for term in terms):
            continue
        fragments += 1
        for label, text, folded in texts:
            spans = _spans(folded, terms)
            if not spans:
                continue
            count += 1
            if len(hits) < most:
                hits.append(_hit(view, refs, opened, label, _cut(text, spans)))
    return Found(tuple(hits), count - len(hits), fragments)


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


def _spans(folded: tuple[str, list[int]], terms: Sequence[str]) -> list[tuple[int, int]]:
    """Return where terms stand in the text as written, in order, merged where they touch."""
    text, places = folded
    found = []
    for term in terms:
        start = text.find(term)
        while start != -1:
            found.append((places[start], places[start + len(term) - 1] + 1))
            start = text.find(term, start + len(term))
    merged: list[tuple[int, int]] = []
    for first, end in sorted(found):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return merged


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
    """Return the line around the first finding, with every finding in it marked."""
    begin = max(0, spans[0][0] - CONTEXT_CHARS)
    until = min(len(text), spans[0][1] + CONTEXT_CHARS)
    parts, at = [], begin
    if begin:
        parts.append(Part("… ", is_found=False))
    for first, end in spans:
        if first >= until:
            break
        parts += [Part(text[at:first], is_found=False), Part(text[first : min(end, until)], is_found=True)]
        at = min(end, until)
    parts.append(Part(text[at:until], is_found=False))
    if until < len(text):
        parts.append(Part(" …", is_found=False))
    return tuple(part for part in parts if part.text)
