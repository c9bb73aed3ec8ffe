"""The two signatures of an emergency release, and the digest that binds it to what is released (protocol section 3).

The second person's statement carries the first one's whole: neither can be had without the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keys.canonical import canonical_bytes
from keys.jose import SignatureRefused
from keys.statements import Statement, StatementType

Verify = Callable[[object, StatementType], Statement]
"""Verifies a person's statement of a type by a key that their agency had certified for them."""


@dataclass(frozen=True, slots=True)
class BothSigned:
    """The verified statements of two people."""

    first: Statement
    second: Statement


def verify_both(token: object, verify: Verify) -> BothSigned:
    """Verify the second person's statement and the first one's in it. Raises ``SignatureRefused`` or as ``verify``.

    That they are two people of one agency who may, is for ``policies.emergency``; that it is two keys, is here.
    """
    second = verify(token, StatementType.EMERGENCY_CONFIRMATION)
    first = verify(second.members["emergency"], StatementType.EMERGENCY)
    if first.kid == second.kid:
        raise SignatureRefused("an emergency release is signed with two keys; both signatures are of one")
    return BothSigned(first, second)


def released_digest(disclosure: Mapping[str, Any]) -> str:
    """Return SHA-256 (hex) of what a disclosure gives: the canonical list of fragment, digest and basis, by fragment.

    ``disclosure`` are the members of a verified statement whose form was checked.
    """
    listed = [
        {"fragment": item["fragment"], "sha256": item["sha256"], "basis": disclosure["bases"][item["basis"]]}
        for item in disclosure["items"]
    ]
    return hashlib.sha256(canonical_bytes(sorted(listed, key=lambda item: str(item["fragment"])))).hexdigest()
