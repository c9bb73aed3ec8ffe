"""What stands in a part of a log, from its hash tiles (C2SP tlog-tiles): every leaf of it, or one entry's proof.

That an entry is *not* in a tree no short proof shows. But where its place is bounded from below, all leaves from there
on, with the roots of the subtrees before them, make the tree's root: then these are its leaves, and it is none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from keys.merkle import HASH_BYTES, ProofInvalid, grow, node_hash, parse_hash, render_proof, root_of
from keys.tiles import TILE_HEIGHT, TILE_WIDTH, TilePath

MAX_SPAN_LEAVES = 200_000
"""Leaves that evidence shows: about 10 MB. A log that grew by more between two heads is searched, but not shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """All leaves of a tree from ``start`` on, and the peaks of what stands before. ``require`` says that it is so."""

    start: int
    peaks: tuple[bytes, ...]
    leaves: tuple[bytes, ...]

    def require(self, size: int, root: bytes) -> None:
        """Raise ``ProofInvalid`` unless this is the tree of ``size`` leaves with this root, from ``start`` on."""
        if len(self.peaks) != self.start.bit_count() or self.start + len(self.leaves) != size:
            raise ProofInvalid(f"span: not the leaves from {self.start} to {size}, or not what stands before them")
        _, peaks = grow(self.start, self.peaks, self.leaves)
        if root_of(peaks) != root:
            raise ProofInvalid(f"span: its leaves do not make the tree of {size} entries")

    def to_json(self) -> dict[str, Any]:
        """Return the form that evidence has."""
        return {"start": self.start, "peaks": render_proof(self.peaks), "leaves": render_proof(self.leaves)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Span:
        """Read the form back. Raises ``ProofInvalid``, and ``KeyError`` or ``TypeError`` for another form."""
        start, peaks, leaves = said["start"], said["peaks"], said["leaves"]
        if type(start) is not int or start < 0 or len(leaves) > MAX_SPAN_LEAVES or len(peaks) > start.bit_length():
            raise ProofInvalid(f"span: expected a place from 0, and at most {MAX_SPAN_LEAVES:,} leaves")
        return cls(start, tuple(map(parse_hash, peaks)), tuple(map(parse_hash, leaves)))


def first_difference(one: Span, two: Span) -> int | None:
    """Return the position of the first leaf in which two trees differ, where their spans show it.

    None where they differ before, or not as far as both go. Both are what they say of their trees (``require``).
    """
    if one.start > two.start:
        one, two = two, one
    between = two.start - one.start
    if between > len(one.leaves):
        return None
    _, peaks = grow(one.start, one.peaks, one.leaves[:between])
    if tuple(peaks) != two.peaks:
        return None
    pairs = enumerate(zip(one.leaves[between:], two.leaves, strict=False), two.start)
    return next((index for index, (left, right) in pairs if left != right), None)


def first_unlike(one: TileTree, two: TileTree) -> int | None:
    """Return the position of the first leaf in which two trees differ; None where one is the other's beginning.

    Asks for few tiles: of each height the one where they part. Raises as the trees do.
    """
    until, start = min(one.size, two.size), 0
    for height in reversed(range(until.bit_length())):
        if not until >> height & 1:
            continue
        index = start >> height
        if one.node(height, index) != two.node(height, index):
            for lower in reversed(range(height)):
                index *= 2
                if one.node(lower, index) == two.node(lower, index):
                    index += 1
            return index
        start += 1 << height
    return None


@dataclass(frozen=True, slots=True)
class TileTree:
    """A tree of ``size`` entries as its tiles show it. Nothing is proven by them alone.

    ``fetch`` gets a path below the log's prefix. Every method raises ``ProofInvalid`` where a tile is not whole, and
    what ``fetch`` raises.
    """

    fetch: Callable[[str], bytes]
    size: int
    _kept: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def node(self, height: int, index: int) -> bytes:
        """Return the root of the complete subtree of ``2 ** height`` entries, the ``index``-th of this height."""
        level, within = divmod(height, TILE_HEIGHT)
        number, offset = divmod(index << within, TILE_WIDTH)
        data = self._tile(level, number)[offset * HASH_BYTES : (offset + (1 << within)) * HASH_BYTES]
        nodes = _split(data)
        if len(nodes) != 1 << within:
            raise ProofInvalid("tile: it has not as many hashes as it should")
        while len(nodes) > 1:
            nodes = [node_hash(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
        return nodes[0]

    def peaks(self, start: int) -> tuple[bytes, ...]:
        """Return the peaks of the tree of the first ``start`` entries."""
        found, before = [], 0
        for height in reversed(range(start.bit_length())):
            if start >> height & 1:
                found.append(self.node(height, before >> height))
                before += 1 << height
        return tuple(found)

    def leaves(self, start: int) -> Iterator[bytes]:
        """Return each leaf hash from ``start`` on."""
        while start < self.size:
            number, offset = divmod(start, TILE_WIDTH)
            nodes = _split(self._tile(0, number, is_kept=False))[offset:]
            yield from nodes
            start += len(nodes)

    def inclusion(self, index: int) -> list[bytes]:
        """Return the inclusion proof of an entry (RFC 9162 section 2.1.3.1)."""
        proof, start, end = [], 0, self.size
        while end - start > 1:
            middle = start + _half(end - start)
            proof.append(self._range(middle, end) if index < middle else self._range(start, middle))
            start, end = (start, middle) if index < middle else (middle, end)
        return proof[::-1]

    def beginning(self, size: int) -> list[bytes]:
        """Return what proves the root of the first ``size`` entries: SUBPROOF(size, D, false) of RFC 9162 section
        2.1.4.1, as ``keys.splits.root_at`` reads it. ``size`` is between 0 and the tree's.
        """
        proof, start, end = [], 0, self.size
        while size != end - start:
            half = _half(end - start)
            if size <= half:
                proof.append(self._range(start + half, end))
                end = start + half
            else:
                proof.append(self._range(start, start + half))
                start, size = start + half, size - half
        return [self._range(start, end), *reversed(proof)]

    def _range(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0:
            height = width.bit_length() - 1
            return self.node(height, start >> height)
        middle = start + _half(width)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _tile(self, level: int, number: int, *, is_kept: bool = True) -> bytes:
        held = self._kept.get((level, number))
        if held is not None:
            return held
        width = min(TILE_WIDTH, (self.size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH)
        data = self.fetch(TilePath(level, number, width).render())
        if len(data) != width * HASH_BYTES:
            raise ProofInvalid(f"tile: expected {width} hashes")
        if is_kept:
            self._kept[level, number] = data
        return data


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def _half(width: int) -> int:
    """Return the largest power of two below a width."""
    return 1 << ((width - 1).bit_length() - 1)
