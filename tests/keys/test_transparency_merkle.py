"""Merkle hashing and proofs: the published vectors, and every mutation of a good proof."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ledger.tree import Frontier, consistency_ranges, inclusion_ranges, nodes_of_range
from keys.merkle import MAX_PROOF_HASHES, parse_hash, root_of
from keys.transparency import (
    EMPTY_ROOT,
    ProofInvalid,
    leaf_hash,
    node_hash,
    parse_proof,
    render_proof,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)

INCLUSION_VECTORS = 65
CONSISTENCY_VECTORS = 57


def _load(vectors_dir: Path, name: str, expected: int) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((vectors_dir / "merkle" / name).read_text())
    assert len(cases) == expected
    assert sum(not case["wantErr"] for case in cases) == 4
    return cases


def _decode(text: str) -> bytes:
    return base64.b64decode(text)


def _refuses(check: Any) -> bool:
    try:
        check()
    except ProofInvalid:
        return True
    return False


def test_published_inclusion_vectors(vectors_dir: Path) -> None:
    """All 65 inclusion cases of transparency-dev/merkle give the published answer."""
    for case in _load(vectors_dir, "inclusion.json", INCLUSION_VECTORS):
        proof = [_decode(item) for item in case["proof"] or []]

        def check(case: dict[str, Any] = case, proof: list[bytes] = proof) -> None:
            verify_inclusion(_decode(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, _decode(case["root"]))

        assert _refuses(check) is case["wantErr"], case["case"]


def test_published_consistency_vectors(vectors_dir: Path) -> None:
    """All 57 consistency cases of transparency-dev/merkle give the published answer."""
    for case in _load(vectors_dir, "consistency.json", CONSISTENCY_VECTORS):
        proof = [_decode(item) for item in case["proof"] or []]

        def check(case: dict[str, Any] = case, proof: list[bytes] = proof) -> None:
            verify_consistency(case["size1"], case["size2"], _decode(case["root1"]), _decode(case["root2"]), proof)

        assert _refuses(check) is case["wantErr"], case["case"]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, written down as it stands there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


LEAVES = [leaf_hash(str(number).encode()) for number in range(300)]


def ranges_to_proof(ranges: list[tuple[int, int]], leaves: list[bytes]) -> list[bytes]:
    return [naive_root(leaves[start:end]) for start, end in ranges]


def test_known_hashes() -> None:
    """The empty tree and the empty leaf have the hashes RFC 6962 implementations publish."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_frontier_gives_the_naive_root_at_every_size() -> None:
    """Appending one leaf at a time reaches the root that hashing the whole list reaches, and completes every node."""
    frontier = Frontier(0, ())
    completed = {}
    for index, leaf in enumerate(LEAVES):
        frontier, nodes = frontier.append(leaf)
        completed.update(nodes)
        assert frontier.root() == naive_root(LEAVES[: index + 1])
        assert frontier.size == index + 1
    assert len(completed) == sum(300 >> level for level in range(9))
    for (level, position), value in completed.items():
        assert value == naive_root(LEAVES[position << level : (position + 1) << level])


def test_every_inclusion_proof_up_to_70_entries_verifies() -> None:
    """A proof made from complete nodes is accepted, for each entry of each size."""
    for size in range(1, 71):
        root = naive_root(LEAVES[:size])
        for index in range(size):
            proof = ranges_to_proof(inclusion_ranges(index, size), LEAVES)
            verify_inclusion(LEAVES[index], index, size, proof, root)
            assert root_from_inclusion(LEAVES[index], index, size, proof) == root


def test_every_consistency_proof_up_to_70_entries_verifies() -> None:
    """A proof between any two sizes is accepted."""
    for second in range(1, 71):
        for first in range(1, second + 1):
            proof = ranges_to_proof(consistency_ranges(first, second), LEAVES)
            verify_consistency(first, second, naive_root(LEAVES[:first]), naive_root(LEAVES[:second]), proof)


def test_ranges_are_folded_from_complete_nodes() -> None:
    """What a proof needs is always there as complete nodes, left to right."""
    for start, end in [(0, 1), (0, 7), (64, 70), (128, 300), (0, 256), (256, 299)]:
        ids = nodes_of_range(start, end)
        hashes = [naive_root(LEAVES[place << level : (place + 1) << level]) for level, place in ids]
        assert root_of(hashes) == naive_root(LEAVES[start:end])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_mutated_inclusion_proof_is_refused(data: st.DataObject) -> None:
    """One flipped bit, one hash more, less or moved, another index, size, leaf or root: each is refused."""
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    proof = ranges_to_proof(inclusion_ranges(index, size), LEAVES)
    root = naive_root(LEAVES[:size])
    verify_inclusion(LEAVES[index], index, size, proof, root)
    for leaf, place, count, hashes, top in _inclusion_mutations(data, LEAVES[index], index, size, proof, root):
        with pytest.raises(ProofInvalid):
            verify_inclusion(leaf, place, count, hashes, top)


def _flip(data: st.DataObject, value: bytes) -> bytes:
    bit = data.draw(st.integers(0, 255))
    return bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(value))


def _inclusion_mutations(
    data: st.DataObject, leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
) -> list[tuple[bytes, int, int, list[bytes], bytes]]:
    place = data.draw(st.integers(0, len(proof) - 1))
    bent = [*proof[:place], _flip(data, proof[place]), *proof[place + 1 :]]
    other = data.draw(st.integers(0, size - 1).filter(lambda value: value != index))
    return [
        (leaf, index, size, bent, root),
        (leaf, index, size, proof[:-1], root),
        (leaf, index, size, proof[1:], root),
        (leaf, index, size, [*proof, leaf], root),
        (leaf, index, size, [root, *proof], root),
        (leaf, other, size, proof, root),
        (leaf, size, size, proof, root),
        (leaf, -1, size, proof, root),
        (_flip(data, leaf), index, size, proof, root),
        (leaf, index, size, proof, _flip(data, root)),
    ]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_mutated_consistency_proof_is_refused(data: st.DataObject) -> None:
    """A fork, a shrunk tree or a bent proof is refused (attacks 3, 4, 5 and 8)."""
    second = data.draw(st.integers(2, 300))
    first = data.draw(st.integers(1, second - 1))
    proof = ranges_to_proof(consistency_ranges(first, second), LEAVES)
    old, new = naive_root(LEAVES[:first]), naive_root(LEAVES[:second])
    verify_consistency(first, second, old, new, proof)
    place = data.draw(st.integers(0, len(proof) - 1))
    forked = [*LEAVES[:second]]
    changed = data.draw(st.integers(0, first - 1))
    forked[changed] = leaf_hash(b"another history")
    mutations = [
        (first, second, old, new, [*proof[:place], _flip(data, proof[place]), *proof[place + 1 :]]),
        (first, second, old, new, proof[:-1]),
        (first, second, old, new, proof[1:]),
        (first, second, old, new, [*proof, new]),
        (first, second, _flip(data, old), new, proof),
        (first, second, old, _flip(data, new), proof),
        (second, first, new, old, proof),
        (0, second, EMPTY_ROOT, new, []),
        (first, second, old, naive_root(forked), ranges_to_proof(consistency_ranges(first, second), forked)),
    ]
    for arguments in mutations:
        with pytest.raises(ProofInvalid):
            verify_consistency(*arguments)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2**53 - 1), st.data())
def test_proof_shapes_hold_for_very_large_trees(size: int, data: st.DataObject) -> None:
    """Number and place of the hashes of a proof are right far beyond trees that can be built in a test."""
    index = data.draw(st.integers(0, size - 1))
    ranges = inclusion_ranges(index, size)
    root_from_inclusion(LEAVES[0], index, size, [LEAVES[1]] * len(ranges))
    assert sum(end - start for start, end in ranges) == size - 1
    assert len(ranges) <= 53


def test_a_proof_of_the_wrong_length_is_named_as_that() -> None:
    """Too long and too short are said before any root is compared."""
    roots = naive_root(LEAVES[:6]), naive_root(LEAVES[:8])
    proof = ranges_to_proof(consistency_ranges(6, 8), LEAVES)
    for hashes, word in ((proof + LEAVES[:1], "longer"), (proof[:-1], "shorter"), ([], "empty")):
        with pytest.raises(ProofInvalid, match=f"consistency proof: {word}"):
            verify_consistency(6, 8, *roots, hashes)
    for hashes, word in ((LEAVES[:4], "longer"), (LEAVES[:2], "shorter")):
        with pytest.raises(ProofInvalid, match=f"inclusion proof: {word}"):
            verify_inclusion(LEAVES[0], 0, 8, hashes, roots[1])


def test_equal_sizes_need_equal_roots_and_no_proof() -> None:
    """Two heads of one size are one head, or a fork."""
    verify_consistency(3, 3, LEAVES[0], LEAVES[0], [])
    with pytest.raises(ProofInvalid, match="two different trees of 3 entries"):
        verify_consistency(3, 3, LEAVES[0], LEAVES[1], [])


def test_a_wrong_type_is_refused_not_a_traceback() -> None:
    """Values of the wrong type or size are ``ProofInvalid``."""
    with pytest.raises(ProofInvalid, match="index below"):
        verify_inclusion(LEAVES[0], True, 1, [], LEAVES[0])
    with pytest.raises(ProofInvalid, match="tree size: expected a whole number"):
        verify_inclusion(LEAVES[0], 0, 2**53, [], LEAVES[0])
    with pytest.raises(ProofInvalid, match="root: expected 32 bytes"):
        verify_inclusion(LEAVES[0], 0, 1, [], b"short")
    with pytest.raises(ProofInvalid, match="got 64 hashes, at most 63"):
        verify_inclusion(LEAVES[0], 0, 1, [LEAVES[0]] * (MAX_PROOF_HASHES + 1), LEAVES[0])


def test_proof_text_round_trips_and_refuses_other_spellings() -> None:
    """A proof has one spelling; anything else is refused."""
    assert parse_proof(render_proof(LEAVES[:3])) == tuple(LEAVES[:3])
    good = render_proof(LEAVES[:1])[0]
    for bad in ("x", good[:-1], good[:-2] + "==", good[:-1] + "A", 7, None, "\ud800" * 44):
        with pytest.raises(ProofInvalid):
            parse_proof([bad])
    twin = good[:-2] + chr(ord(good[-2]) + 1) + "="
    with pytest.raises(ProofInvalid, match="canonical"):
        parse_hash(twin)
    for value in ("text", {"0": good}, [good] * (MAX_PROOF_HASHES + 1)):
        with pytest.raises(ProofInvalid, match="expected a list of at most 63"):
            parse_proof(value)
