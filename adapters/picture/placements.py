"""Where a child stays: of each stay the newest record of each agency that wrote of it.

Where one agency says that a stay ended and another does not, both stand. Source: nrm.md 4 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.picture.followups import find_chains, newer_versions
from adapters.picture.missing import current_of
from adapters.picture.provenance import Piece
from adapters.picture.view import CaseView
from policies.vocabulary import Category


def newest_stays(pieces: Sequence[Piece], view: CaseView | None = None) -> list[Piece]:
    """Return the placements among the pieces without those that a later record of the same agency follows.

    ``view`` says which fragments stand in other ones' place. In the log's order of each stay's first record.
    """
    placements = [piece for piece in pieces if piece.category is Category.PLACEMENT]
    found: list[Piece] = []
    for standing in find_chains(placements, None if view is None else newer_versions(view)):
        found += {piece.agency: piece for piece in (standing.first, *standing.later)}.values()
    return found


def list_stays(view: CaseView) -> list[Piece]:
    """Return the newest record of each stay of which something was opened."""
    return newest_stays(current_of(view, Category.PLACEMENT), view)
