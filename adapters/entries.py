"""The log's entries, every one up to a witnessed head, so that no public one can be kept from us.

Entry bundles (C2SP tlog-tiles, "Log entries") are hashed into the tree's own right edge; only where that gives the
witnessed root is anything of them taken in. What was read once is not read again: the edge is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from keys.merkle import ProofInvalid, grow, leaf_hash, node_hash, root_of
from keys.tiles import TILE_WIDTH, TilePath
from keys.transparency import PUBLIC_ENTRY, SALTED_ENTRY

MAX_PUBLIC_BYTES = 256 * 1024 * 1024
"""Of public entries that one look at the log takes in."""
_LENGTH_BYTES = 2
_SALTED_BYTES = 33


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree of ``size`` entries: the roots of its complete subtrees, the largest first.

    From it the tree's root follows, and the edge of every longer tree once the entries between are known (RFC 9162
    section 2.1.1).
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def grown(self, entries: Iterable[bytes]) -> Edge:
        """Return the edge after these entries."""
        size, peaks = grow(self.size, self.peaks, map(leaf_hash, entries))
        return Edge(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return root_of(self.peaks)

    def to_json(self) -> dict[str, Any]:
        """Return the kept form."""
        return {"size": self.size, "peaks": [peak.hex() for peak in self.peaks]}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Edge:
        """Read the kept form back."""
        return cls(kept["size"], tuple(bytes.fromhex(peak) for peak in kept["peaks"]))


def read_entries(
    fetch: Callable[[str], bytes], edge: Edge, size: int, root: bytes
) -> tuple[Edge, list[tuple[int, bytes]]]:
    """Read every entry after ``edge`` up to a head, 256 a request; return the new edge and the public bodies.

    ``fetch`` gets a path below the log's prefix. Raises ``ProofInvalid`` where the entries are not those of the head.
    """
    public: list[tuple[int, bytes]] = []
    held = 0
    while edge.size < size:
        number, known = divmod(edge.size, TILE_WIDTH)
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        entries = split_bundle(fetch(TilePath(None, number, width).render()), width)[known:]
        for index, entry in enumerate(entries, edge.size):
            if entry[:1] == PUBLIC_ENTRY:
                public.append((index, entry[1:]))
                held += len(entry)
        if held > MAX_PUBLIC_BYTES:
            raise ProofInvalid(f"log: more than {MAX_PUBLIC_BYTES:,} bytes of public entries in one look")
        edge = edge.grown(entries)
    if edge.root != root:
        raise ProofInvalid(f"log: the entries shown do not make the witnessed tree of {size} entries")
    return edge, public


def prove_entry_after(fetch: Callable[[str], bytes], edge: Edge, size: int, index: int) -> list[bytes]:
    """Return the inclusion proof of an entry after ``edge`` in the tree of ``size`` entries, from its entries.

    Source: RFC 9162 section 2.1.3.1. ``fetch`` as above. Raises ``ProofInvalid`` where they are not all there.
    """
    leaves: dict[int, bytes] = {}
    at = edge.size
    while at < size:
        number, known = divmod(at, TILE_WIDTH)
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        for entry in split_bundle(fetch(TilePath(None, number, width).render()), width)[known:]:
            leaves[at], at = leaf_hash(entry), at + 1
    peaks = _ranges(edge)

    def node(start: int, end: int) -> bytes:
        if (start, end) in peaks:
            return peaks[start, end]
        if end - start == 1:
            return leaves[start]
        middle = start + _half(end - start)
        return node_hash(node(start, middle), node(middle, end))

    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + _half(end - start)
        proof.append(node(middle, end) if index < middle else node(start, middle))
        start, end = (start, middle) if index < middle else (middle, end)
    return proof[::-1]


def _half(width: int) -> int:
    """Return the largest power of two below a width."""
    return 1 << ((width - 1).bit_length() - 1)


def _ranges(edge: Edge) -> dict[tuple[int, int], bytes]:
    found, start = {}, 0
    for peak in edge.peaks:
        width = 1 << ((edge.size - start).bit_length() - 1)
        found[start, start + width] = peak
        start += width
    return found


def split_bundle(data: bytes, width: int) -> Sequence[bytes]:
    """Return the entries of a bundle: exactly ``width``, each public or a salted hash. Raises ``ProofInvalid``."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        entry = data[at + _LENGTH_BYTES : end]
        if end > len(data) or not (
            entry[:1] == PUBLIC_ENTRY or (entry[:1] == SALTED_ENTRY and len(entry) == _SALTED_BYTES)
        ):
            raise ProofInvalid("entry bundle: cut off, or an entry of no known form")
        entries.append(entry)
        at = end
    if at != len(data) or len(entries) != width:
        raise ProofInvalid(f"entry bundle: expected {width} entries")
    return entries
