"""Which version of a fragment counts: the newest of the same agency; older ones stay listed.

Only the agency that sealed a fragment can replace it. A fragment that names another agency's as replaced is shown
beside it, with a note: nobody takes another agency's words out of the picture.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.picture.provenance import Piece
from adapters.picture.speech import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class Versions:
    """The pieces that count, the older ones of each (newest first), and what does not fit together."""

    current: tuple[Piece, ...]
    older: Mapping[str, tuple[Piece, ...]]
    notes: tuple[str, ...]


def sort_versions(pieces: Sequence[Piece], not_written: frozenset[str] = frozenset()) -> Versions:
    """Part pieces into current and older ones. ``not_written`` was opened as well and is not among the pieces."""
    by_id = {piece.fragment: piece for piece in pieces}
    replaced_by: dict[str, list[Piece]] = {}
    notes: list[str] = []
    for piece in pieces:
        older = piece.opened.header.supersedes
        if older is None:
            continue
        target = by_id.get(older)
        if target is None:
            version = piece.opened.header.version
            where = _("opened and not written to this file") if older in not_written else _("not among what you opened")
            notes.append(
                _(
                    "%(fragment)s is version %(number)s; the version before it is %(where)s",
                    fragment=piece.ref,
                    number=version,
                    where=where,
                )
            )
        elif target.agency != piece.agency:
            notes.append(
                _(
                    "%(fragment)s says that it replaces %(other)s of another agency; both are shown",
                    fragment=piece.ref,
                    other=target.ref,
                )
            )
        elif target.opened.header.version >= piece.opened.header.version:
            notes.append(
                _(
                    "%(fragment)s says that it replaces %(other)s, which is not an older version; both are shown",
                    fragment=piece.ref,
                    other=target.ref,
                )
            )
        else:
            replaced_by.setdefault(older, []).append(piece)
    for fragment, newer in replaced_by.items():
        if len(newer) > 1:
            names = functools.reduce(
                lambda first, last: _("%(first)s and %(last)s", first=first, last=last), (piece.ref for piece in newer)
            )
            notes.append(
                _(
                    "%(fragments)s each replace %(other)s; all of them are shown",
                    fragments=names,
                    other=by_id[fragment].ref,
                )
            )
    current = tuple(piece for piece in pieces if piece.fragment not in replaced_by)
    older_of = {piece.fragment: _chain(piece, by_id, replaced_by) for piece in current}
    return Versions(current, {name: chain for name, chain in older_of.items() if chain}, tuple(notes))


def _chain(piece: Piece, by_id: Mapping[str, Piece], replaced_by: Mapping[str, Sequence[Piece]]) -> tuple[Piece, ...]:
    # Versions fall strictly along a chain, so that it ends.
    chain: list[Piece] = []
    newest = piece
    while (older := newest.opened.header.supersedes) in by_id and newest in replaced_by.get(older or "", ()):
        newest = by_id[older or ""]
        chain.append(newest)
    return tuple(chain)
