"""What a tree says of its own beginning: for every size in every tree, and nothing else than that."""

from __future__ import annotations

import itertools

import pytest

from adapters.entries import Edge, prove_entry_after
from keys.merkle import ProofInvalid, leaf_hash, node_hash, verify_inclusion
from keys.splits import first_node, root_at
from keys.tiles import TilePath

SIZES = range(1, 40)
ENTRIES = [b"\x01" + number.to_bytes(2, "big") for number in range(300)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def root(start: int, end: int) -> bytes:
    """RFC 9162 section 2.1.1, as it stands there."""
    if end - start == 1:
        return LEAVES[start]
    half = 1 << ((end - start - 1).bit_length() - 1)
    return node_hash(root(start, start + half), root(start + half, end))


def subproof(size: int, start: int, end: int) -> list[bytes]:
    """SUBPROOF(size, D, false) of RFC 9162 section 2.1.4.1."""
    if size == end - start:
        return [root(start, end)]
    half = 1 << ((end - start - 1).bit_length() - 1)
    if size <= half:
        return [*subproof(size, start, start + half), root(start + half, end)]
    return [*subproof(size - half, start + half, end), root(start, start + half)]


@pytest.mark.parametrize("whole", SIZES)
def test_the_root_of_every_beginning(whole: int) -> None:
    for size in range(1, whole):
        assert root_at(size, whole, subproof(size, 0, whole), root(0, whole)) == root(0, size)


def test_a_proof_of_anything_else_is_none() -> None:
    """Another size, another tree, a hash more, less or exchanged."""
    proof, whole = subproof(11, 0, 21), root(0, 21)
    for wrong in (proof[1:], proof[:-1], [*proof, proof[0]], proof[::-1], []):
        with pytest.raises(ProofInvalid):
            root_at(11, 21, wrong, whole)
    for size, total in itertools.product((0, 21, 22), (21,)):
        with pytest.raises(ProofInvalid):
            root_at(size, total, proof, whole)
    with pytest.raises(ProofInvalid):
        root_at(11, 21, proof, root(0, 20))


def tile(path: str) -> bytes:
    wanted = TilePath.parse(path)
    assert wanted.level is not None
    width = 1 << (8 * wanted.level)
    first = wanted.index * 256
    return b"".join(root(at * width, (at + 1) * width) for at in range(first, first + wanted.width))


@pytest.mark.parametrize("size", [1, 2, 4, 8, 64, 128, 256])
def test_the_node_of_a_complete_beginning_is_in_a_tile(size: int) -> None:
    assert first_node(tile, size, 300) == root(0, size)
    if size > 1:
        with pytest.raises(ProofInvalid):
            first_node(lambda path: tile(path)[:31], size, 300)


def bundle(path: str) -> bytes:
    wanted = TilePath.parse(path)
    listed = ENTRIES[wanted.index * 256 :][: wanted.width]
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in listed)


@pytest.mark.parametrize("known", [0, 1, 6, 255, 256, 290])
def test_an_entry_is_proven_from_the_entries_after_an_edge(known: int) -> None:
    edge = Edge().grown(ENTRIES[:known])
    for index in range(known, 300, 7):
        proof = prove_entry_after(bundle, edge, 300, index)
        verify_inclusion(LEAVES[index], index, 300, proof, root(0, 300))
