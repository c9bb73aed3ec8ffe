"""From which day the initial child protection conference is counted: only where a section 47 enquiry was decided on.

It is counted from the newest strategy discussion that found the threshold of section 47 met, or, where no record of
such a discussion was opened, from the beginning of a section 47 enquiry on record. A discussion that is planned, that
found the threshold not met or that does not say starts nothing. What one agency recorded ends by its own word or
by that of the agency that leads the case, not by another's: "not met", a conference that was held or is not needed.
Sources: nrm.md 4.1; Children Act 1989 section 47.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.picture.content import Group, find_part
from adapters.picture.dates import PartialDate, parse_partial
from adapters.picture.provenance import Piece
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.strategy import was_held
from policies.vocabulary import Category

ENQUIRY = "section_47"
FROM_DISCUSSION = _("from the newest strategy discussion, which found the threshold of section 47 met")
FROM_ENQUIRY = _("from the beginning of the section 47 enquiry on record")


@dataclass(frozen=True, slots=True)
class ConferenceStart:
    """From when a conference is counted: the day, the record that gives it, and which of the two it is in words."""

    on: PartialDate
    piece: Piece
    since: str


def find_conference_start(pieces: Sequence[Piece], lead: str) -> ConferenceStart | None:
    """Return from when the conference is counted; None where nothing started it, or a record says that it was held or
    is not needed. ``lead`` is the agency that leads the case. Never raises on what records say.
    """
    found_met = [item for piece in pieces if (item := _threshold(piece)) is not None]
    met, not_met = ([item for item in found_met if item[1] == said] for said in ("yes", "no"))
    enquiries = list(_enquiries(pieces))
    stands = [
        item for item in met if not any(_order(no) > _order(item) and _may_end(no[2], item[2], lead) for no in not_met)
    ]
    # What was enquired into before a discussion found the threshold not met is over with it.
    open_ones = [
        item
        for item in enquiries
        if not any(no[0].last >= item[0].first and _may_end(no[2], item[2], lead) for no in not_met)
    ]
    if stands:
        on, _, piece = max(stands, key=_order)
        found = ConferenceStart(on, piece, FROM_DISCUSSION)
    elif open_ones:
        on, _, piece = max(open_ones, key=_order)
        found = ConferenceStart(on, piece, FROM_ENQUIRY)
    else:
        return None
    is_settled = any(
        start.last >= found.on.first and _is_settled(part) and _may_end(piece, found.piece, lead)
        for start, part, piece in enquiries
    )
    return None if is_settled else found


def _order(item: tuple[PartialDate, object, Piece]) -> tuple[date, int]:
    return item[0].first, item[2].opened.log_index


def _may_end(piece: Piece, begun: Piece, lead: str) -> bool:
    """Whether a record may end what another one began: of the same agency, or of the one that leads the case."""
    return piece.agency in (begun.agency, lead)


def _threshold(piece: Piece) -> tuple[PartialDate, str, Piece] | None:
    """Return when a discussion was held and whether it found the threshold met; None where it does not say both."""
    if not was_held(piece):
        return None
    on = parse_partial(piece.content.text("hub_HeldOn") or piece.content.observed_from or "")
    met = piece.content.text("hub_ThresholdMet")
    return None if on is None or met not in ("yes", "no") else (on, met, piece)


def _enquiries(pieces: Sequence[Piece]) -> Iterator[tuple[PartialDate, Group, Piece]]:
    for piece in pieces:
        if piece.category is Category.ASSESSMENT:
            for part in piece.content.parts("hub_Assessment"):
                start = parse_partial(_said(part, "start") or piece.content.observed_from or "")
                if _said(part, "kind") == ENQUIRY and start is not None:
                    yield start, part, piece


def _is_settled(enquiry: Group) -> bool:
    return bool(_said(enquiry, "conference")) or _said(enquiry, "conference_not_required") == "yes"


def _said(part: Group, name: str) -> str:
    found = find_part(part, name)
    return "" if found is None else found.text
