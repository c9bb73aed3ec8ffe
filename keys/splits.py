"""What a tree says of its own beginning: the root that its first entries have, proven under its signed root.

A consistency proof (RFC 9162 section 2.1.4) shows that an earlier head is a log's beginning. Where it is not, this
shows which root that beginning has instead: two heads of one log that contradict each other, without an entry of it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from keys.merkle import MAX_PROOF_HASHES, ProofInvalid, roots_along
from keys.spans import TileTree


def root_at(size: int, whole: int, proof: Sequence[bytes], root: bytes) -> bytes:
    """Return the root of the first ``size`` entries of the tree of ``whole`` entries with this root.

    ``proof`` is SUBPROOF(size, D_whole, false) of RFC 9162 section 2.1.4.1: a consistency proof that always begins with
    the node where the smaller tree ends. Raises ``ProofInvalid``.
    """
    if not 0 < size < whole or len(proof) > MAX_PROOF_HASHES:
        raise ProofInvalid(f"split: expected a size below the tree's {whole}, and at most {MAX_PROOF_HASHES} hashes")
    old, new = roots_along(size, whole, proof)
    if not hmac.compare_digest(new, root):
        raise ProofInvalid(f"split: does not lead to the root of the tree of {whole} entries")
    return old


def first_node(fetch: Callable[[str], bytes], size: int, whole: int) -> bytes:
    """Return the root of the first ``size`` entries, a power of two, from a tree's hash tile (C2SP tlog-tiles).

    ``fetch`` gets a path below the log's prefix. Nothing is proven yet. Raises ``ProofInvalid``.
    """
    return TileTree(fetch, whole).node(size.bit_length() - 1, 0)
