"""Merkle tree hashing and the checking of proofs (RFC 9162 section 2.1, the same tree as RFC 6962).

Everything here is pure. A check raises ``ProofInvalid`` or returns nothing: there is no answer that could be ignored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from keys.refusal import KeysRefusal

HASH_BYTES = 32
# Statements carry tree sizes as JSON numbers (protocol section 1), so a larger tree could not be spoken of.
MAX_TREE_SIZE = 2**53 - 1
# A proof in a tree of MAX_TREE_SIZE leaves has at most 53 hashes, a consistency proof one more; tlog-witness allows 63.
MAX_PROOF_HASHES = 63
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofInvalid(KeysRefusal):
    """A proof, note, key or quorum does not show what it should. The text says what, expected and got, no content."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry) (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right) (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(size: int, peaks: Sequence[bytes], leaves: Iterable[bytes]) -> tuple[int, list[bytes]]:
    """Return size and peaks of a tree after more leaves. Peaks: roots of its complete subtrees, the largest first.

    Source: RFC 9162 section 2.1.1.
    """
    grown = list(peaks)
    for leaf in leaves:
        node, rest = leaf, size
        while rest & 1:
            node, rest = node_hash(grown.pop(), node), rest >> 1
        grown.append(node)
        size += 1
    return size, grown


def root_of(peaks: Sequence[bytes]) -> bytes:
    """Return the root of the tree that has these peaks: adjacent complete subtrees of falling size."""
    if not peaks:
        return EMPTY_ROOT
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = node_hash(peak, node)
    return node


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that a proof leads to from one leaf hash (RFC 9162 section 2.1.3.2, steps 1 to 4).

    Raises ``ProofInvalid`` where index, size or the number of hashes cannot belong together. The root is only as good
    as what the caller compares it with.
    """
    _require_size(size, "tree size")
    if not _is_count(index) or index >= size:
        raise ProofInvalid(f"inclusion proof: expected an index below the tree size {size}")
    _require_hash(leaf, "leaf hash")
    _require_proof(proof)
    first, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("inclusion proof: longer than the path from this leaf to the root")
        if first & 1 or first == last:
            result = node_hash(sibling, result)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofInvalid("inclusion proof: shorter than the path from this leaf to the root")
    return result


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at ``index`` in the tree of ``size`` leaves with this root.

    Source: RFC 9162 section 2.1.3.2. Raises ``ProofInvalid``.
    """
    _require_hash(root, "root")
    if not hmac.compare_digest(root_from_inclusion(leaf, index, size, proof), root):
        raise ProofInvalid(f"inclusion proof: entry {index} does not lead to the root of the tree of {size} entries")


def verify_consistency(
    first_size: int, second_size: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the smaller tree is the beginning of the larger: nothing was changed, removed or put in between.

    Source: RFC 9162 section 2.1.4.2. Equal sizes need equal roots and an empty proof. Raises ``ProofInvalid``; also for
    a first size of 0, because every tree begins with the empty one and such a proof would show nothing.
    """
    _require_size(first_size, "first tree size")
    _require_size(second_size, "second tree size")
    if first_size > second_size:
        raise ProofInvalid(f"consistency proof: the tree shrank from {first_size} to {second_size} entries")
    if first_size == second_size:
        if proof or not hmac.compare_digest(first_root, second_root):
            raise ProofInvalid(f"consistency proof: two different trees of {first_size} entries")
        return
    _require_hash(first_root, "first root")
    _require_hash(second_root, "second root")
    _require_proof(proof)
    old, new = _consistency_roots(first_size, second_size, first_root, proof)
    if not (hmac.compare_digest(old, first_root) and hmac.compare_digest(new, second_root)):
        raise ProofInvalid(
            f"consistency proof: the tree of {first_size} entries is not the beginning of the tree of {second_size}"
        )


def _consistency_roots(
    first_size: int, second_size: int, first_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    # A first tree that is one complete subtree is its own starting point; its hash is left out of the proof.
    path = [first_root, *proof] if first_size & (first_size - 1) == 0 else list(proof)
    return roots_along(first_size, second_size, path)


def roots_along(first_size: int, second_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the smaller and of the larger tree that a path gives; it begins where the smaller one ends.

    Source: RFC 9162 section 2.1.4.2, steps 3 to 5. Nothing is compared yet. Raises ``ProofInvalid``.
    """
    if not path:
        raise ProofInvalid("consistency proof: empty between trees of different sizes")
    first, last = first_size - 1, second_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalid("consistency proof: longer than the path to the root")
        if first & 1 or first == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofInvalid("consistency proof: shorter than the path to the root")
    return old, new


def parse_proof(value: object) -> tuple[bytes, ...]:
    """Read a proof as the API writes it: a JSON list of standard base64 texts of 32 bytes. Raises ``ProofInvalid``."""
    if not isinstance(value, list) or len(value) > MAX_PROOF_HASHES:
        raise ProofInvalid(f"proof: expected a list of at most {MAX_PROOF_HASHES} hashes")
    return tuple(parse_hash(item) for item in value)


def render_proof(proof: Sequence[bytes]) -> list[str]:
    """Write a proof as a list of standard base64 texts."""
    return [base64.b64encode(item).decode("ascii") for item in proof]


def parse_hash(text: object) -> bytes:
    """Read one SHA-256 hash in canonical standard base64 (44 characters). Raises ``ProofInvalid``."""
    if not isinstance(text, str) or len(text) != 44:
        raise ProofInvalid("hash: expected 44 characters of base64")
    data = decode_base64(text)
    _require_hash(data, "hash")
    return data


def decode_base64(text: str) -> bytes:
    """Decode standard base64 (RFC 4648 section 4); any other spelling of the same bytes is ``ProofInvalid``.

    The caller has limited the length.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ProofInvalid("expected standard base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise ProofInvalid("expected the canonical form of base64")
    return data


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TREE_SIZE


def _require_size(size: object, name: str) -> None:
    if not _is_count(size) or size == 0:
        raise ProofInvalid(f"{name}: expected a whole number from 1 to {MAX_TREE_SIZE}")


def _require_hash(value: object, name: str) -> None:
    if not isinstance(value, bytes) or len(value) != HASH_BYTES:
        raise ProofInvalid(f"{name}: expected {HASH_BYTES} bytes")


def _require_proof(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF_HASHES:
        raise ProofInvalid(f"proof: got {len(proof)} hashes, at most {MAX_PROOF_HASHES}")
    for item in proof:
        _require_hash(item, "hash in the proof")
