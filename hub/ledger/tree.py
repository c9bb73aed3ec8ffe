"""The shape of the log's Merkle tree (RFC 9162 section 2.1): which nodes exist, and which of them a proof is made of.

Pure: sizes and hashes in, node ids and hashes out. A node id is (level, index): level 0 are the leaves, and node
(l, i) covers the entries i * 2^l to (i + 1) * 2^l. Only complete nodes are ever stored, so a stored node never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.ledger.errors import ProofUnavailable
from keys.merkle import root_of
from keys.transparency import node_hash

NodeId = tuple[int, int]
Range = tuple[int, int]
TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_TILE_LEVEL = 63


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the complete subtrees that make up a tree of ``size`` entries, largest first.

    There is one for each 1 in the binary form of the size, so the state that an append needs has at most 53 hashes.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if len(self.hashes) != self.size.bit_count():
            raise ValueError(f"frontier: a tree of {self.size} entries has {self.size.bit_count()} complete subtrees")

    def append(self, leaf: bytes) -> tuple[Frontier, dict[NodeId, bytes]]:
        """Return the frontier with one leaf more, and the nodes that became complete: the leaf, then upwards.

        Two nodes on average, whatever the size of the tree.
        """
        completed: dict[NodeId, bytes] = {(0, self.size): leaf}
        hashes, value, index, level = list(self.hashes), leaf, self.size, 0
        while index & 1:
            value = node_hash(hashes.pop(), value)
            index, level = index >> 1, level + 1
            completed[(level, index)] = value
        return Frontier(self.size + 1, (*hashes, value)), completed

    def root(self) -> bytes:
        """Return the root hash of the tree."""
        return root_of(self.hashes)


def nodes_of_range(start: int, end: int) -> list[NodeId]:
    """Return the complete nodes, left to right, whose fold is the subtree over the entries ``start`` to ``end``.

    ``start`` is a multiple of the smallest power of two that is at least ``end - start``, as for every range below.
    """
    nodes: list[NodeId] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges of entries whose subtree hashes prove entry ``index`` in the tree of ``size`` entries.

    Order as in RFC 9162 section 2.1.3.1, from the leaf upwards. Raises ``ProofUnavailable`` if there is no such entry.
    """
    if not 0 <= index < size:
        raise ProofUnavailable(f"no entry {index} in a tree of {size} entries")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """Return the ranges whose subtree hashes prove the tree of ``first`` entries to begin the tree of ``second``.

    Order as in RFC 9162 section 2.1.4.1. Empty for equal sizes. Raises ``ProofUnavailable`` unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ProofUnavailable(f"no consistency proof from {first} to {second} entries")
    ranges: list[Range] = []
    start, end = 0, second
    # Down to the subtree that the first tree ends with; it stands in the proof unless it is the whole first tree.
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        ranges.append((start, end))
    return ranges[::-1]


def resolve(ranges: Sequence[Range], stored: Mapping[NodeId, bytes]) -> tuple[bytes, ...]:
    """Return the subtree hash of each range from stored nodes. Raises ``ProofUnavailable`` if one is not stored."""
    return tuple(root_of([_stored(stored, node) for node in nodes_of_range(start, end)]) for start, end in ranges)


def _stored(stored: Mapping[NodeId, bytes], node: NodeId) -> bytes:
    if node not in stored:
        raise ProofUnavailable(f"node {node[1]} of level {node[0]} is not stored")
    return stored[node]


def _split(count: int) -> int:
    """Return the largest power of two below ``count`` (RFC 9162 section 2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def tile_nodes(level: int, index: int, width: int) -> list[NodeId]:
    """Return the nodes of a tile in order (C2SP tlog-tiles): ``width`` hashes of tree level 8 * ``level``."""
    first = index * TILE_WIDTH
    return [(TILE_HEIGHT * level, first + place) for place in range(width)]


def tile_end(level: int, index: int, width: int) -> int:
    """Return the tree size from which on the tile of this width exists: the end of the entries it spans."""
    return (index * TILE_WIDTH + width) << (TILE_HEIGHT * level)


def partial_width(level: int, size: int) -> int:
    """Return the width of the partial tile at ``level`` in a tree of ``size`` entries; 0 if there is none."""
    return (size >> (TILE_HEIGHT * level)) % TILE_WIDTH
