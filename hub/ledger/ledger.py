"""The log as a service on a session: append, prove, serve tiles. Heads and cosignatures are in ``hub.ledger.heads``.

Nothing commits here: an entry stands in the transaction of the act it records, or not at all. Randomness is passed in;
the time of an entry is in its body.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.ledger import tree
from hub.ledger.appending import Appended, Appender, append, appending, make_appender, tickets_of
from hub.ledger.errors import LedgerDamaged, ProofUnavailable
from hub.ledger.heads import (
    Published,
    add_cosignatures,
    current_witnesses,
    publish,
    published,
    set_witnesses,
    sign_head,
    witnessed,
)
from hub.ledger.state import create, load
from hub.store import ledger_rows as rows
from hub.store.base import Session
from keys.transparency import leaf_hash

__all__ = [
    "Appended",
    "Appender",
    "Published",
    "add_cosignatures",
    "append",
    "appending",
    "consistency",
    "create",
    "current_witnesses",
    "entry_bundle",
    "find_appended",
    "inclusion",
    "inclusions",
    "make_appender",
    "publish",
    "published",
    "set_witnesses",
    "sign_head",
    "size",
    "tickets_of",
    "tile",
    "witnessed",
]


def size(session: Session) -> int:
    """Return the number of entries."""
    return load(session).size


def find_appended(session: Session, indexes: Iterable[int]) -> dict[int, Appended]:
    """Return entries as they were logged, by index; absent or erased ones are left out."""
    wanted = list(indexes)
    entries = rows.read_entries(session, wanted)
    return {
        index: Appended(index, leaf_hash(found.entry), found.body, found.salt)
        for index, found in entries.items()
        if found.body is not None
    }


def inclusion(session: Session, index: int, size: int) -> tuple[bytes, ...]:
    """Return the RFC 9162 inclusion proof of an entry in the tree of ``size`` entries. Raises ``ProofUnavailable``."""
    return inclusions(session, [index], size)[index]


def inclusions(session: Session, indexes: Iterable[int], size: int) -> dict[int, tuple[bytes, ...]]:
    """Return the inclusion proofs of several entries in one tree, by index. Raises ``ProofUnavailable``."""
    listed = list(indexes)
    if not listed:
        return {}
    _require_size(session, size)
    wanted = {index: tree.inclusion_ranges(index, size) for index in listed}
    stored = rows.read_nodes(session, _nodes(part for ranges in wanted.values() for part in ranges))
    return {index: tree.resolve(ranges, stored) for index, ranges in wanted.items()}


def consistency(session: Session, first: int, second: int) -> tuple[bytes, ...]:
    """Return the RFC 9162 consistency proof between two sizes; empty for equal ones. Raises ``ProofUnavailable``."""
    _require_size(session, second)
    ranges = tree.consistency_ranges(first, second)
    return tree.resolve(ranges, rows.read_nodes(session, _nodes(ranges)))


def tile(session: Session, level: int, index: int, width: int = tree.TILE_WIDTH) -> bytes:
    """Return a tile's hashes (C2SP tlog-tiles), 32 bytes each. Raises ``ProofUnavailable`` while it is not complete."""
    _require_tile(session, level, index, width)
    nodes = tree.tile_nodes(level, index, width)
    first, last = nodes[0][1], nodes[-1][1]
    stored = rows.read_node_range(session, nodes[0][0], first, last + 1)
    if len(stored) != width:
        raise LedgerDamaged(f"tile {level}/{index}: {width - len(stored)} of its {width} nodes are missing")
    return b"".join(stored[position] for position in range(first, last + 1))


def entry_bundle(session: Session, index: int, width: int = tree.TILE_WIDTH) -> bytes:
    """Return entries with two-byte lengths (C2SP tlog-tiles, "Log entries"). Raises ``ProofUnavailable``."""
    _require_tile(session, 0, index, width)
    first = index * tree.TILE_WIDTH
    entries = rows.read_entry_bytes(session, first, first + width)
    if len(entries) != width:
        raise LedgerDamaged(f"entry bundle {index}: {width - len(entries)} of its {width} entries are missing")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _require_tile(session: Session, level: int, index: int, width: int) -> None:
    if level < 0 or index < 0 or not 1 <= width <= tree.TILE_WIDTH:
        raise ProofUnavailable(f"no tile of level {level}, index {index}, width {width}")
    entries = size(session)
    if level > tree.MAX_TILE_LEVEL or tree.tile_end(level, index, width) > entries:
        raise ProofUnavailable(f"tile {level}/{index} of width {width} is not complete in a log of {entries} entries")


def _require_size(session: Session, wanted: int) -> None:
    entries = size(session)
    if not 0 < wanted <= entries:
        raise ProofUnavailable(f"no tree of {wanted} entries: the log has {entries}")


def _nodes(ranges: Iterable[tree.Range]) -> Iterable[tree.NodeId]:
    return (node for start, end in ranges for node in tree.nodes_of_range(start, end))
