"""Custody: whatever holds a holder's private keys. Callers know this interface and not where the keys rest.

Two implementations: an encrypted file (``keys.custody.keyfile``) and a PKCS#11 token (``keys.custody.token``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from keys.jose import Signer
from keys.private import PrivateKey
from keys.refusal import KeysRefusal


class CustodyRefused(KeysRefusal):
    """Keys that cannot be had: not there, not protected as they must be, or not for what was asked."""


class Custody(Protocol):
    """The opened keys of one holder. ``repr`` never shows a secret."""

    @property
    def keys(self) -> Mapping[str, Signer]:
        """Every key by its use; those that sign do so wherever they rest."""
        ...

    @property
    def storage(self) -> bytes:
        """The 32-byte secret that seals the holder's own files."""
        ...

    def private(self, use: str) -> PrivateKey:
        """Return a key that must be in memory to be used (HPKE, ML-DSA). Raises ``CustodyRefused``."""
        ...

    def close(self) -> None:
        """Give up what was opened."""
        ...
