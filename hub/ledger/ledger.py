"""The log as a service on a session: append, prove, serve tiles. Heads and cosignatures are in ``hub.ledger.heads``.

Nothing commits here: an entry stands in the transaction of the act it records, or not at all. Randomness is passed in;
the time of an entry is in its body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hub.ledger import tree
from hub.ledger.entries import PUBLIC_TYPES, render_body
from hub.ledger.errors import EntryRefused, LedgerDamaged, ProofUnavailable
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
from hub.ledger.state import create, load, store_frontier
from hub.store import ledger_rows as rows
from hub.store.base import Session
from keys.transparency import SALT_BYTES, entry_bytes, leaf_hash

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
    "publish",
    "published",
    "set_witnesses",
    "sign_head",
    "size",
    "tile",
    "witnessed",
]

Randomness = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Appended:
    """One entry as it was logged: what a receipt is made of. ``salt`` is None for public entries."""

    index: int
    leaf_hash: bytes
    body_text: str
    salt: bytes | None


class Appender:
    """Appends entries within one transaction and writes them together: the same entries and tree, fewer statements.

    Nothing is stored before ``flush``. ``appending`` flushes at the end of its block; should anybody else append in
    between, ``flush`` finds the log moved on and raises ``LedgerDamaged``, so that nothing of the act is recorded.
    """

    __slots__ = ("_ends", "_entries", "_frontier", "_nodes", "_old_size", "_randomness", "_session")

    def __init__(self, session: Session, randomness: Randomness) -> None:
        """``randomness`` returns that many random bytes, for salts."""
        self._session, self._randomness = session, randomness
        self._frontier: tree.Frontier | None = None
        self._old_size = 0
        self._ends: dict[str, tuple[int, str | None]] = {}
        self._entries: list[rows.StoredEntry] = []
        self._nodes: dict[tree.NodeId, bytes] = {}

    def append(self, body: Mapping[str, Any], *, public: bool, case: str | None) -> Appended:
        """Take one entry and return its place. Raises ``EntryRefused``; then this entry left no trace.

        Steps: (1) check the body; (2) lock the log and check that the entry continues its case's chain; (3) salt and
        hash; (4) advance the tree.
        """
        kind, text = render_body(body)
        if public is not (kind in PUBLIC_TYPES):
            raise EntryRefused(f"{kind} entry: expected {'a public' if kind in PUBLIC_TYPES else 'a salted'} entry")
        if body.get("case") != case:
            raise EntryRefused(f"{kind} entry: its case is not the one it is appended to")
        frontier = self._locked()
        if case is not None:
            self._require_next(case, body)
        salt = None if public else self._randomness(SALT_BYTES)
        if salt is not None and len(salt) != SALT_BYTES:
            raise EntryRefused(f"{kind} entry: expected {SALT_BYTES} random bytes as salt, got {len(salt)}")
        entry = entry_bytes(text.encode("utf-8"), salt)
        leaf = leaf_hash(entry)
        self._frontier, nodes = frontier.append(leaf)
        self._nodes.update(nodes)
        number = body.get("case_seq")
        self._entries.append(rows.StoredEntry(frontier.size, kind.value, case, number, entry, text, salt))
        if case is not None:
            self._ends[case] = (body["case_seq"], leaf.hex())
        return Appended(frontier.size, leaf, text, salt)

    def flush(self) -> None:
        """Store entries, nodes and state. Raises ``LedgerDamaged`` if somebody else moved the log on."""
        if self._frontier is not None and self._entries:
            store_frontier(self._session, self._old_size, self._frontier)
            rows.insert_entries(self._session, self._entries)
            rows.insert_nodes(self._session, self._nodes)
        self._frontier, self._ends, self._entries, self._nodes = None, {}, [], {}

    def _locked(self) -> tree.Frontier:
        if self._frontier is None:
            self._frontier = load(self._session, lock=True)
            self._old_size = self._frontier.size
        return self._frontier

    def _require_next(self, case: str, body: Mapping[str, Any]) -> None:
        if case not in self._ends:
            end = rows.find_case_end(self._session, case)
            self._ends[case] = (0, None) if end is None else (end[0], end[1].hex())
        number, previous = self._ends[case]
        if body["case_seq"] != number + 1:
            raise EntryRefused(f"entry: expected case_seq {number + 1} in this case, got {body['case_seq']}")
        if body["previous"] != previous:
            raise EntryRefused("entry: previous is not the leaf hash of the case's newest entry")


@contextmanager
def appending(session: Session, randomness: Randomness) -> Iterator[Appender]:
    """An appender for one act of many entries; what it took is stored when the block ends without an exception."""
    appender = Appender(session, randomness)
    yield appender
    appender.flush()


def append(
    session: Session, body: Mapping[str, Any], *, public: bool, case: str | None, randomness: Randomness
) -> Appended:
    """Append one entry to the log and return its place. Raises ``EntryRefused`` before anything is written.

    ``body`` is the whole body of docs/protocol.md section 10.2, its ``at``, ``case_seq`` and ``previous`` included;
    ``public`` and ``case`` say what the caller means, and a body that says otherwise is refused. ``randomness`` returns
    that many random bytes. The cost does not grow with the log: five statements, two tree nodes on average.
    """
    with appending(session, randomness) as appender:
        return appender.append(body, public=public, case=case)


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
    _require_size(session, size)
    wanted = {index: tree.inclusion_ranges(index, size) for index in indexes}
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
