"""Seal an adapter's own files and rows (drafts, inbox, channel keys) under its storage secret: AES-256-GCM.

``name`` says which row or file the bytes belong to and is authenticated, so that sealed rows cannot be exchanged.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.refusal import KeysRefusal

SECRET_BYTES = 32
_IV_BYTES = 12
_ID_PREFIX = b"nrmhub storage secret\x00"


class StorageRefused(KeysRefusal):
    """Sealed bytes that do not open (another key, another name, or damaged), or a secret that cannot be one."""


@dataclass(frozen=True, slots=True, repr=False)
class Vault:
    """Seals and opens with one 32-byte secret. ``repr`` shows nothing. Raises ``StorageRefused`` for another size."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise StorageRefused(f"the storage secret has {len(self.secret)} bytes, expected {SECRET_BYTES}")

    def __repr__(self) -> str:
        return "<Vault (secret not shown)>"

    @property
    def id(self) -> str:
        """Which secret it is: a digest that says nothing else of it."""
        return hashlib.sha256(_ID_PREFIX + self.secret).hexdigest()

    def seal(self, name: str, data: bytes) -> bytes:
        """Return IV and ciphertext, bound to the name."""
        iv = os.urandom(_IV_BYTES)
        return iv + AESGCM(self.secret).encrypt(iv, data, name.encode("utf-8"))

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return the bytes sealed under this name. Raises ``StorageRefused``."""
        try:
            return AESGCM(self.secret).decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], name.encode("utf-8"))
        except (InvalidTag, ValueError) as error:
            raise StorageRefused("sealed bytes do not open with this agency's storage secret") from error
