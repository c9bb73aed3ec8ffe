"""Fingerprints: what people read out to each other on a second channel, so that a key is the right one."""

from __future__ import annotations

import hashlib

from keys.canonical import canonical_bytes
from keys.jose import PublicKey


def fingerprint(root: PublicKey) -> str:
    """Return the fingerprint of a root key as people read it out."""
    return group_fingerprint(canonical_bytes(dict(root.jwk)))


def group_fingerprint(data: bytes) -> str:
    """Return SHA-256 of bytes for reading out: 16 groups of 4 hex characters."""
    digest = hashlib.sha256(data).hexdigest()
    return " ".join(digest[start : start + 4] for start in range(0, 64, 4))


def normalise_fingerprint(text: str) -> str:
    """Return a read-out fingerprint for comparing: lower case, blanks and hyphens dropped."""
    return "".join(text.split()).replace("-", "").lower()
