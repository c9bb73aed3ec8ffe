"""The whole chronology and the whole evidence list of an opened case: by agency and kind, a page at a time.

From what is in memory. An address holds an agency's id, a category's code and the number of a page; no content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import Blueprint, Flask, redirect, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.chronology import ChronologyRow
from adapters.picture.model import EvidenceRow, Picture
from adapters.picture.page import Framing, render_chronology, render_evidence
from adapters.picture.provenance import Provenance
from adapters.picture.speech import shown
from adapters.picture.words import category_words
from adapters.workspace.access import Need, needs
from adapters.workspace.cases import held_case, picture_address
from adapters.workspace.framing import framing_of, render_opened

ROWS = 50
"""On a page."""
MAX_PAGE_DIGITS = 4
listing = Blueprint("listing", __name__)
Row = TypeVar("Row", ChronologyRow, EvidenceRow)


def add_listing_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(listing)


@dataclass(frozen=True, slots=True)
class Choice:
    """One agency or kind to choose, how many rows it has, and whether it is chosen."""

    value: str
    text: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """The rows of one page, which these are of how many, and what could be chosen."""

    rows: Sequence[Row]
    first: int
    total: int
    number: int
    pages: int
    agencies: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    agency: str
    kind: str

    @property
    def last(self) -> int:
        """The number of the last row on the page."""
        return self.first + len(self.rows) - 1


@listing.get("/cases/<case>/chronology")
@needs(Need.UNLOCKED)
def chronology(case: str) -> str | AnyResponse:
    """The chronology."""
    return _answer(case, "listing.chronology", lambda picture: picture.chronology, render_chronology)


@listing.get("/cases/<case>/evidence")
@needs(Need.UNLOCKED)
def evidence(case: str) -> str | AnyResponse:
    """The evidence list."""
    return _answer(case, "listing.evidence", lambda picture: picture.evidence, render_evidence)


def _answer(
    case: str,
    endpoint: str,
    pick: Callable[[Picture], Sequence[Row]],
    render: Callable[[Picture, Framing, Sequence[Row]], Markup],
) -> str | AnyResponse:
    held = held_case(case)
    if held is None:
        return redirect(picture_address(case), 303)
    part = take_part(
        held.picture,
        pick(held.picture),
        request.args.get("agency", ""),
        request.args.get("kind", ""),
        _number(request.args.get("page", "1")),
    )

    def address(number: int) -> str:
        page = str(number) if number > 1 else None
        return url_for(endpoint, case=case, agency=part.agency or None, kind=part.kind or None, page=page)

    return render_opened(
        "picture/listing.html",
        held,
        part=part,
        address=address,
        own_address=url_for(endpoint, case=case),
        is_chronology=endpoint == "listing.chronology",
        body=render(held.picture, framing_of(held), part.rows),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_PAGE_DIGITS and int(text) >= 1):
        raise NotFound
    return int(text)


def take_part(picture: Picture, rows: Sequence[Row], agency: str, kind: str, number: int) -> Part[Row]:
    """Return the rows of one page of those chosen. Raises ``NotFound`` for an agency, kind or page that is none.

    An empty ``agency`` or ``kind`` is all of them.
    """
    agencies, kinds = {row.agency: row.name for row in picture.agencies}, dict[str, str]()
    by_agency, by_kind = dict[str, int](), dict[str, int]()
    for row in rows:
        p: Provenance = row.provenance
        by_agency[p.agency] = by_agency.get(p.agency, 0) + 1
        by_kind[p.category.value] = by_kind.get(p.category.value, 0) + 1
        kinds[p.category.value] = shown(category_words(p.category))
    if (agency and agency not in {**agencies, **by_agency}) or (kind and kind not in kinds):
        raise NotFound
    chosen = [
        row
        for row in rows
        if (not agency or row.provenance.agency == agency) and (not kind or row.provenance.category.value == kind)
    ]
    pages = max(1, -(-len(chosen) // ROWS))
    if number > pages:
        raise NotFound
    start = (number - 1) * ROWS
    return Part(
        rows=chosen[start : start + ROWS],
        first=start + 1,
        total=len(chosen),
        number=number,
        pages=pages,
        agencies=tuple(Choice(a, agencies.get(a, a), n, a == agency) for a, n in sorted(by_agency.items())),
        kinds=tuple(Choice(k, kinds[k], by_kind[k], k == kind) for k in sorted(by_kind, key=lambda name: kinds[name])),
        agency=agency,
        kind=kind,
    )
