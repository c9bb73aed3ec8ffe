"""The leaf hashes of the log as it was shown here, and the first entry in which another head of the log differs.

A hub that shows one agency two logs is found out by their roots. Which entry it changed only somebody can say who has
the leaves of both: those of before are kept here, those of the other log the hub must show. docs/monitor.md; attack 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from adapters.entries import Edge
from adapters.hub_client import HubClient, HubRefused, HubUnreachable
from adapters.store.database import Session, Store
from adapters.store.monitor_rows import keep_leaf_tile, leaf_tile
from adapters.store.rows import read_setting, write_setting
from keys.merkle import HASH_BYTES, ProofInvalid, grow, parse_proof, render_proof, root_of
from keys.spans import TileTree, first_unlike
from keys.splits import root_at
from keys.tiles import TILE_WIDTH, TilePath
from keys.transparency import Checkpoint

LEAVES = "leaves"
"""Setting: ``edge`` of the tree whose leaves are all kept, and ``note``, the newest signed head that has one of it
(``size``: that head's; its leaves are the first of those kept)."""
AT_ONCE = 1024 * TILE_WIDTH
"""Leaves that one transaction keeps: 8 MiB."""


def keep_leaves(client: HubClient, store: Store, head: Checkpoint, note: str) -> bool:
    """Fetch the leaf hashes of a verified head behind those that are kept, and keep them; return whether all are.

    Only such as make the head's root. A hub that does not show them is accused of nothing here: the first entry of a
    fork cannot be named then, and what it denies of a witnessed log ``Follower.sync`` finds.
    """
    tree = TileTree(lambda path: client.get_bytes(f"/log/{path}"), head.size)
    while True:
        with store.read() as session:
            held = read_setting(session, LEAVES)
        edge = Edge() if held is None else Edge.from_json(held["edge"])
        if edge.size > head.size or (held is not None and held["size"] == head.size):
            return True
        until = min(head.size, edge.size + AT_ONCE)
        try:
            leaves = list(islice(tree.leaves(edge.size), until - edge.size))
            grown = Edge(until, tuple(grow(edge.size, edge.peaks, leaves)[1]))
            if grown.root != _root_of_first(tree, until, head):
                return False
        except (ProofInvalid, HubRefused, HubUnreachable):
            return False
        ends = {"size": head.size, "note": note} if until == head.size else {"size": 0, "note": None}
        if held is not None and until < head.size:
            ends = {"size": held["size"], "note": held["note"]}
        with store.write() as session:
            # Another process of this adapter may have kept some meanwhile: then look again.
            if read_setting(session, LEAVES) == held:
                _append(session, edge.size, leaves)
                write_setting(session, LEAVES, {"edge": grown.to_json(), **ends})


def _root_of_first(tree: TileTree, size: int, head: Checkpoint) -> bytes:
    return head.root if size == head.size else root_at(size, head.size, tree.beginning(size), head.root)


def _append(session: Session, size: int, leaves: Sequence[bytes]) -> None:
    at = 0
    while at < len(leaves):
        number, known = divmod(size + at, TILE_WIDTH)
        fresh = leaves[at : at + TILE_WIDTH - known]
        before = leaf_tile(session, number)[: known * HASH_BYTES] if known else b""
        keep_leaf_tile(session, number, before + b"".join(fresh))
        at += len(fresh)
    session.flush()


@dataclass(frozen=True, slots=True)
class Changed:
    """The first entry that a contradicting head changed. ``note`` has the other log, ``splits`` prove it.

    Under both heads the root of the entries before it, which is one, and of those up to it, which are two.
    """

    index: int
    note: str
    splits: tuple[dict[str, Any], ...]


def first_changed(client: HubClient, store: Store, shown: Checkpoint, note: str) -> Changed | None:
    """Return what a verified head, whose signed form is ``note``, has for its first entry unlike those kept.

    None where no kept leaf differs, or the hub does not show the tree of the head that it signed.
    """
    with store.read() as session:
        held = read_setting(session, LEAVES)
        if held is None or held["note"] is None:
            return None
        kept = TileTree(KeptTiles(session).fetch, held["size"])
        other = TileTree(lambda path: client.get_bytes(f"/log/{path}"), shown.size)
        try:
            index = first_unlike(kept, other)
            if index is None:
                return None
            theirs = _around(other, index, note)
            for split in theirs:
                # Only what the head it signed bears out: tiles alone prove nothing.
                root_at(split["size"], shown.size, parse_proof(split["proof"]), shown.root)
            return Changed(index, held["note"], (*_around(kept, index, held["note"]), *theirs))
        except (ProofInvalid, HubRefused, HubUnreachable):
            return None


def _around(tree: TileTree, index: int, note: str) -> list[dict[str, Any]]:
    """Return what a signed tree says of its beginning before an entry and up to it; of the whole its head says it."""
    return [
        {"size": size, "note": note, "proof": render_proof(tree.beginning(size))}
        for size in (index, index + 1)
        if 0 < size < tree.size
    ]


@dataclass(frozen=True, slots=True)
class KeptTiles:
    """The hash tiles of the kept leaves, those of higher levels made from them (C2SP tlog-tiles)."""

    session: Session
    _roots: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def fetch(self, path: str) -> bytes:
        """Return the tile at a path below the log's prefix. Raises ``ProofInvalid`` where not all of it was kept."""
        tile = TilePath.parse(path)
        if tile.level is None:
            raise ProofInvalid("tile: entries are not kept")
        return self._hashes(tile.level, tile.index, tile.width)

    def _hashes(self, level: int, index: int, width: int) -> bytes:
        if level > 0:
            return b"".join(self._root(level - 1, index * TILE_WIDTH + child) for child in range(width))
        hashes = leaf_tile(self.session, index)[: width * HASH_BYTES]
        if len(hashes) != width * HASH_BYTES:
            raise ProofInvalid(f"tile: expected {width} hashes")
        return hashes

    def _root(self, level: int, index: int) -> bytes:
        if (level, index) not in self._roots:
            data = self._hashes(level, index, TILE_WIDTH)
            nodes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
            self._roots[level, index] = root_of(grow(0, (), nodes)[1])
        return self._roots[level, index]
