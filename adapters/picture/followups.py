"""What came of something that people wrote down: records that follow an earlier one, in the order in which they came.

Nothing is merged away: each record keeps its words and its source. What is newest is named, with who said it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.picture.provenance import Piece, Statement
from adapters.picture.view import CaseView
from adapters.uk_time import uk_day
from policies.model import Header
from policies.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Step:
    """One record of a chain: by which agency, on which day (ISO), where it stood then, what came of it, until when.

    ``what`` and ``owner_name`` are as this record has them: a later one may say them otherwise.
    """

    fragment: str
    ref: str
    agency: str
    name: str
    day: str
    state: str
    outcome: str
    due: str
    what: str
    owner_name: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Standing:
    """A chain of records: the first one and all that follow it, directly or not, in the log's order.

    ``newest`` is the last one of whichever agency; ``answered_for`` the last one of an agency that wrote the matter
    down or is to do it: only that one ends or moves the day by which something is due.
    """

    first: Piece
    later: tuple[Piece, ...]
    newest: Piece
    answered_for: Piece


def followed_by(piece: Piece, newer: Mapping[str, str] | None = None) -> str | None:
    """Return the earlier record of which this one says what came, in its newest version; none is its own."""
    named = piece.content.text("hub_Follows")
    named = (newer or {}).get(named, named)
    return named if named and named != piece.fragment else None


def newer_versions(view: CaseView) -> Mapping[str, str]:
    """Return for each opened record that its own agency replaced the newest that replaces it, by fragment."""
    opened: dict[str, Header] = {item.header.fragment: item.header for item in view.opened}
    newest: dict[str, str] = {}
    for header in sorted(opened.values(), key=lambda item: item.version, reverse=True):
        older = opened.get(header.supersedes or "")
        if older is not None and older.agency == header.agency and older.version < header.version:
            newest.setdefault(older.fragment, newest.get(header.fragment, header.fragment))
    return newest


def find_chains(pieces: Sequence[Piece], newer: Mapping[str, str] | None = None) -> tuple[Standing, ...]:
    """Return each first record with all that follow it. Every piece is in exactly one chain.

    One that follows what is not among the pieces, or something of another kind, begins a chain of its own; so does one
    of several that follow each other in a ring. ``newer`` are ``newer_versions``: who followed a record that its own
    agency replaced since, follows what replaced it.
    """
    known = {piece.fragment: piece for piece in pieces}
    chains: dict[str, list[Piece]] = {}
    for piece in sorted(pieces, key=lambda item: (item.opened.log_index, item.fragment)):
        chains.setdefault(_first_of(piece, known, newer), []).append(piece)
    return tuple(_stand(known[first], listed) for first, listed in chains.items())


def newest_records(pieces: Sequence[Piece], category: Category, view: CaseView | None = None) -> list[Piece]:
    """Return the records of one kind among the pieces without those that a later one of the same agency follows.

    Where one agency says that something ended and another does not, both stand. ``view`` says which fragments stand in
    other ones' place. In the log's order of each chain's first record.
    """
    listed = [piece for piece in pieces if piece.category is category]
    found: list[Piece] = []
    for standing in find_chains(listed, None if view is None else newer_versions(view)):
        found += {piece.agency: piece for piece in (standing.first, *standing.later)}.values()
    return found


def _first_of(piece: Piece, known: dict[str, Piece], newer: Mapping[str, str] | None) -> str:
    seen = [piece.fragment]
    while True:
        before = followed_by(known[seen[-1]], newer)
        if before is None or before not in known or known[before].category is not piece.category:
            return seen[-1]
        if before in seen:
            # A ring: every record of it comes to the same first one.
            return min(seen[seen.index(before) :])
        seen.append(before)


def _stand(first: Piece, listed: Sequence[Piece]) -> Standing:
    later = tuple(piece for piece in listed if piece is not first)
    answering, answered_for = {first.agency, first.content.text("hub_Owner")}, first
    for piece in later:
        if piece.agency in answering:
            answered_for = piece
            answering.add(piece.content.text("hub_Owner"))
    return Standing(first, later, later[-1] if later else first, answered_for)


def list_steps(view: CaseView, standing: Standing) -> tuple[Step, ...]:
    """Return every record of a chain, the first one too; nothing where nobody has followed it up."""
    return tuple(_step(view, piece) for piece in (standing.first, *standing.later)) if standing.later else ()


def _step(view: CaseView, piece: Piece) -> Step:
    content = piece.content
    what = content.find("hub_Action") or content.find("cas_OutgoingReferralDetails")
    return Step(
        fragment=piece.fragment,
        ref=piece.ref,
        agency=piece.agency,
        name=view.name_of(piece.agency),
        day=day_of(piece),
        state=content.text("hub_ActionState"),
        outcome=content.text("hub_ActionOutcome"),
        due=content.text("hub_Due"),
        what=content.summary if what is None else what.text,
        owner_name=view.name_of(content.text("hub_Owner") or piece.agency),
        statement=piece.summarise("What came of it") if what is None else piece.state("What came of it", what),
    )


def day_of(piece: Piece) -> str:
    """Return the day that a record is of, or on which it was sealed (ISO)."""
    day = piece.period.start.first if piece.period is not None else uk_day(piece.opened.header.sealed_at)
    return day.isoformat()
