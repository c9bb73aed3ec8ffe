"""Times in which the child was missing: every record of each, whether it is over, what is said of the interview.

A record that follows an earlier one is of the same time. The agency that wrote the first record ends it; where another
says that the child was found, both stand. Sources: nrm.md 4.1, 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.followups import Standing, find_chains, newer_versions
from adapters.picture.provenance import Piece, read_piece
from adapters.picture.versions import sort_versions
from adapters.picture.view import CaseView
from adapters.release.movements import ReturnInterview
from policies.vocabulary import Category

_OFFERED = frozenset({ReturnInterview.OFFERED.value, ReturnInterview.HELD.value, ReturnInterview.DECLINED.value})


@dataclass(frozen=True, slots=True)
class Episode:
    """One time of missing. ``is_open``: by the agency that wrote it down there is no end; ``is_said_over``: another
    agency gives one.
    """

    standing: Standing
    is_open: bool
    is_said_over: bool

    @property
    def records(self) -> tuple[Piece, ...]:
        """Every record of it, in the log's order."""
        return (self.standing.first, *self.standing.later)


def find_episodes(view: CaseView, pieces: Sequence[Piece]) -> tuple[Episode, ...]:
    """Return the times of missing that the pieces hold, in the log's order of their first records."""
    missing = [piece for piece in pieces if piece.category is Category.MISSING_EPISODE]
    return tuple(_read(standing) for standing in find_chains(missing, newer_versions(view)))


def _read(standing: Standing) -> Episode:
    is_open = not _has_end(standing.answered_for)
    return Episode(standing, is_open, is_open and any(map(_has_end, standing.later)))


def _has_end(piece: Piece) -> bool:
    return piece.period is not None and piece.period.end is not None


def list_episodes(view: CaseView) -> tuple[Episode, ...]:
    """Return the times of missing of which something was opened."""
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    opened = [item for item in ordered if item.header.category is Category.MISSING_EPISODE]
    pieces = [read_piece(item, view.kind_of(item.header.agency)) for item in opened]
    return find_episodes(view, sort_versions(pieces).current)


def was_interview_offered(returned: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a record of this return, or of a later one, says that a return interview was offered or held."""
    if returned.period is None or returned.period.end is None:
        return False
    since = returned.period.end.first
    return any(
        piece.period is not None
        and piece.period.end is not None
        and piece.period.end.last >= since
        and piece.content.text("hub_ReturnInterview") in _OFFERED
        for piece in pieces
        if piece.category is Category.MISSING_EPISODE
    )
