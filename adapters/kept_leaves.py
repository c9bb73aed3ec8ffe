"""The leaf hashes of the log as it was shown here, and the first entry in which another head of the log differs.

A hub that shows one agency two logs is found out by their roots. Which entry it changed only somebody can say who has
the leaves of both: those of before are kept here, those of the other log the hub must show. docs/monitor.md; attack 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from adapters.entries import Edge
from adapters.hub_client import HubClient, HubRefused, HubUnreachable
from adapters.store.database import Session, Store, StoreRefused
from adapters.store.monitor_rows import keep_leaf_tile, leaf_tile
from adapters.store.rows import read_setting, write_setting
from keys.merkle import HASH_BYTES, ProofInvalid, grow, parse_proof, render_proof, root_of
from keys.spans import TileTree, first_unlike
from keys.splits import root_at
from keys.tiles import TILE_WIDTH, TilePath
from keys.transparency import Checkpoint

LEAVES = "leaves"
"""Setting: ``edge`` of the tree whose leaves are all kept, and of the newest signed head that has them or the first of
them ``size``, ``root`` and ``note``; without a head as long as none was reached. Null: begun anew."""
AT_ONCE = 64 * TILE_WIDTH
"""Leaves that one look fetches and keeps: 512 KiB. A long log is caught up with look by look."""
MAX_KEPT = 1 << 25
"""Leaves kept: 1 GiB. Of a log that is longer, an entry behind them is not named; a hub that signs a longer one than
there are acts does not fill the disk."""


def keep_leaves(client: HubClient, store: Store, head: Checkpoint, note: str) -> bool:
    """Fetch leaf hashes of a verified head behind those that are kept, and keep them; return whether all of it are.

    Only such as make the head's root, and no more than ``AT_ONCE``. A hub that does not show them is accused of nothing
    here: the first entry of a fork cannot be named then, and what it denies of a witnessed log ``Follower.sync`` finds.
    """
    with store.read() as session:
        held = read_setting(session, LEAVES)
    edge = Edge() if held is None else Edge.from_json(held["edge"])
    if edge.size > head.size or (held is not None and held["size"] == head.size):
        return True
    until = min(head.size, edge.size + AT_ONCE, MAX_KEPT)
    if until <= edge.size and until < head.size:
        return False
    tree = TileTree(lambda path: client.get_bytes(f"/log/{path}"), head.size)
    try:
        leaves = list(islice(tree.leaves(edge.size), until - edge.size))
        grown = Edge(until, tuple(grow(edge.size, edge.peaks, leaves)[1]))
        if grown.root != _root_of_first(tree, until, head):
            return False
    except (ProofInvalid, HubRefused, HubUnreachable):
        return False
    newest = {"size": 0, "root": None, "note": None} if held is None else {name: held[name] for name in _HEAD}
    if until == head.size:
        newest = {"size": head.size, "root": head.root.hex(), "note": note}
    with store.write() as session:
        # Another process of this adapter may have kept some meanwhile: then there is a next look.
        if read_setting(session, LEAVES) != held:
            return False
        is_whole = _append(session, edge.size, leaves)
        # Rows that are not there as they were written are fetched anew.
        write_setting(session, LEAVES, {"edge": grown.to_json(), **newest} if is_whole else None)
    return is_whole and until == head.size


_HEAD = ("size", "root", "note")


def _root_of_first(tree: TileTree, size: int, head: Checkpoint) -> bytes:
    return head.root if size == head.size else root_at(size, head.size, tree.beginning(size), head.root)


def _append(session: Session, size: int, leaves: Sequence[bytes]) -> bool:
    """Write leaves behind the first ``size``; return whether those of the last tile before were there."""
    at = 0
    while at < len(leaves):
        number, known = divmod(size + at, TILE_WIDTH)
        fresh = leaves[at : at + TILE_WIDTH - known]
        before = leaf_tile(session, number)[: known * HASH_BYTES] if known else b""
        if len(before) != known * HASH_BYTES:
            return False
        keep_leaf_tile(session, number, before + b"".join(fresh))
        at += len(fresh)
    session.flush()
    return True


class NotAsKept(ProofInvalid):
    """Leaves that were kept are not there as they were."""


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

    None where no kept leaf differs, where the hub does not show the tree of the head that it signed, and where what was
    kept is not there as it was: that is fetched anew then. Whoever asks has accused already: this proves more of it.
    """
    try:
        with store.read() as session:
            held = read_setting(session, LEAVES)
        if held is None or held["note"] is None:
            return None
        kept = TileTree(KeptTiles(store).fetch, held["size"])
        other = TileTree(lambda path: client.get_bytes(f"/log/{path}"), shown.size)
        index = first_unlike(kept, other)
        if index is None:
            return None
        mine, theirs = _around(kept, index, held["note"]), _around(other, index, note)
        if not _bears_out(theirs, (shown.size, shown.root)):
            return None
        if not _bears_out(mine, (held["size"], bytes.fromhex(held["root"]))):
            raise NotAsKept("leaves: not those of the head that they were kept for")
        return Changed(index, held["note"], (*mine, *theirs))
    except NotAsKept:
        with store.write() as session:
            write_setting(session, LEAVES, None)
        return None
    except (ProofInvalid, HubRefused, HubUnreachable, StoreRefused):
        return None


def _bears_out(splits: Iterable[Mapping[str, Any]], head: tuple[int, bytes]) -> bool:
    """Whether a head's size and root bear out what tiles say of its beginning: they alone prove nothing."""
    size, root = head
    try:
        for split in splits:
            root_at(split["size"], size, parse_proof(split["proof"]), root)
    except ProofInvalid:
        return False
    return True


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

    store: Store
    _roots: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def fetch(self, path: str) -> bytes:
        """Return the tile at a path below the log's prefix. Raises ``NotAsKept`` where not all of it is there."""
        tile = TilePath.parse(path)
        if tile.level is None:
            raise ProofInvalid("tile: entries are not kept")
        return self._hashes(tile.level, tile.index, tile.width)

    def _hashes(self, level: int, index: int, width: int) -> bytes:
        if level > 0:
            return b"".join(self._root(level - 1, index * TILE_WIDTH + child) for child in range(width))
        with self.store.read() as session:
            hashes = leaf_tile(session, index)[: width * HASH_BYTES]
        if len(hashes) != width * HASH_BYTES:
            raise NotAsKept(f"tile: expected {width} hashes")
        return hashes

    def _root(self, level: int, index: int) -> bytes:
        if (level, index) not in self._roots:
            data = self._hashes(level, index, TILE_WIDTH)
            nodes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
            self._roots[level, index] = root_of(grow(0, (), nodes)[1])
        return self._roots[level, index]
