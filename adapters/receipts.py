"""What a receipt of the hub proves: that an entry with this text stands in a log whose head was verified.

docs/protocol.md section 8.2. An answer of the hub that something was recorded counts only with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.refusal import LogRefused
from keys.canonical import NotCanonical, parse_canonical
from keys.jose import b64u_decode
from keys.transparency import ProofInvalid, entry_bytes, leaf_hash, parse_proof, verify_inclusion


def prove_entry(receipt: object, size: int, root: bytes) -> dict[str, Any]:
    """Return the body of an entry that is included in a verified head of this size and root. Raises ``LogRefused``.

    (1) body and salt hash to a leaf, included at the position; (2) the body is canonical JSON, an object.
    """
    leaf = leaf_of(receipt)
    try:
        if not isinstance(receipt, dict):
            raise ProofInvalid("no receipt")
        verify_inclusion(leaf, receipt["index"], size, parse_proof(receipt["inclusion"]), root)
        said = parse_canonical(str(receipt["body"]).encode("utf-8"))
    except (ProofInvalid, NotCanonical, KeyError, TypeError, ValueError) as error:
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry") from error
    if not isinstance(said, dict):
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry")
    return said


def leaf_of(receipt: object) -> bytes:
    """Return the leaf hash of the entry that a receipt speaks of; nothing is proven yet. Raises ``LogRefused``."""
    try:
        if not isinstance(receipt, dict):
            raise ProofInvalid("no receipt")
        salt = receipt["salt"]
        return leaf_hash(entry_bytes(str(receipt["body"]).encode("utf-8"), None if salt is None else b64u_decode(salt)))
    except (ProofInvalid, KeyError, TypeError, ValueError) as error:
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry") from error


def require_entry(receipt: object, size: int, root: bytes, expected: dict[str, Any]) -> None:
    """Verify a receipt, and that its entry has these members. Raises ``LogRefused``."""
    require_said(prove_entry(receipt, size, root), expected)


def require_said(said: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise ``LogRefused`` unless an entry has these members."""
    if any(name not in said or said[name] != value for name, value in expected.items()):
        raise LogRefused("receipt", "a receipt of the hub proves something else than what was sent")
