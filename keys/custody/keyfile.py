"""Private keys at rest: one file, encrypted under a passphrase (Argon2id, then AES-256-GCM).

RFC 9106 for Argon2id. The parameters stand in the file and a minimum is enforced on reading, so that nobody can make
us derive a key cheaply. Files are 0600, written beside and moved into place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys.canonical import canonical_bytes, parse_canonical
from keys.custody.interface import CustodyRefused
from keys.jose import b64u, b64u_decode
from keys.private import PrivateKey

TYPE = "nrmhub-keyfile"
MEMORY_KIB = 64 * 1024
ITERATIONS = 3
LANES = 4
MAX_MEMORY_KIB = 1024 * 1024
MAX_ITERATIONS = 16
MAX_LANES = 64
MIN_PASSPHRASE_CHARS = 12
MAX_FILE_BYTES = 256 * 1024
_SALT_BYTES, _IV_BYTES, _KEY_BYTES = 16, 12, 32
_KDF_MEMBERS = {"name", "iterations", "lanes", "memory_kib", "salt"}


class KeyFileRefused(CustodyRefused):
    """A key file that does not open: wrong passphrase, damaged, or protected more weakly than we allow."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """The opened keys of one holder, by use (``root``, ``signing``, ``storage`` …). ``repr`` shows the names only.

    ``keys`` are asymmetric; ``storage`` is the 32-byte secret that seals the holder's own files.
    """

    keys: Mapping[str, PrivateKey]
    storage: bytes

    def __post_init__(self) -> None:
        if len(self.storage) != _KEY_BYTES:
            raise KeyFileRefused(f"the storage secret has {len(self.storage)} bytes, expected {_KEY_BYTES}")

    def __repr__(self) -> str:
        return f"<KeyFile {sorted(self.keys)} (secrets not shown)>"

    def private(self, use: str) -> PrivateKey:
        """Return the key of a use. Raises ``KeyFileRefused``."""
        key = self.keys.get(use)
        if key is None:
            raise KeyFileRefused(f"the key file holds no key for {use}; is it another holder's?")
        return key

    def close(self) -> None:
        """Nothing is held open: the keys end with the object."""


def generate_storage() -> bytes:
    """Return a fresh 32-byte storage secret."""
    return os.urandom(_KEY_BYTES)


def write_key_file(path: Path, contents: KeyFile, passphrase: str) -> None:
    """Write keys to a new or existing file, 0600, in one move.

    Raises ``KeyFileRefused`` for a short passphrase or more keys than a file that can be read again holds.
    """
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise KeyFileRefused(f"the passphrase is too short: expected at least {MIN_PASSPHRASE_CHARS} characters")
    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_IV_BYTES)
    kdf = {"name": "argon2id", "iterations": ITERATIONS, "lanes": LANES, "memory_kib": MEMORY_KIB, "salt": b64u(salt)}
    head = {"typ": TYPE, "kdf": kdf, "iv": b64u(iv)}
    plaintext = canonical_bytes(
        {"keys": {name: key.to_jwk() for name, key in contents.keys.items()}, "storage": b64u(contents.storage)}
    )
    secret = _derive(passphrase, salt, ITERATIONS, LANES, MEMORY_KIB)
    sealed = AESGCM(secret).encrypt(iv, plaintext, canonical_bytes(head))
    data = canonical_bytes({**head, "ciphertext": b64u(sealed)})
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileRefused(f"key file would have {len(data)} bytes, the limit is {MAX_FILE_BYTES}")
    write_private_file(path, data)


def read_key_file(path: Path, passphrase: str) -> KeyFile:
    """Open a key file. Raises ``KeyFileRefused``; ``OSError`` where the file cannot be read."""
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise KeyFileRefused(f"key file is larger than {MAX_FILE_BYTES} bytes")
    try:
        data = parse_canonical(raw)
        kdf, iv, sealed = data["kdf"], b64u_decode(data["iv"]), b64u_decode(data["ciphertext"])
        salt = b64u_decode(kdf["salt"])
        iterations, lanes, memory = (_whole(kdf, name) for name in ("iterations", "lanes", "memory_kib"))
        expected = {"typ": TYPE, "kdf": kdf, "iv": data["iv"], "ciphertext": data["ciphertext"]}
        if data != expected or set(kdf) != _KDF_MEMBERS or kdf["name"] != "argon2id" or len(iv) != _IV_BYTES:
            raise ValueError("not exactly the members of a key file")
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileRefused("this is not a key file of this version, or it is damaged") from error
    if memory < MEMORY_KIB or iterations < ITERATIONS or lanes < LANES or len(salt) < _SALT_BYTES:
        raise KeyFileRefused("key file is protected more weakly than allowed; it is not opened")
    if memory > MAX_MEMORY_KIB or iterations > MAX_ITERATIONS or lanes > MAX_LANES:
        raise KeyFileRefused("key file asks for more work than allowed; it is not opened")
    head = {name: data[name] for name in ("typ", "kdf", "iv")}
    return _open(sealed, iv, canonical_bytes(head), _derive(passphrase, salt, iterations, lanes, memory))


def _open(sealed: bytes, iv: bytes, aad: bytes, secret: bytes) -> KeyFile:
    try:
        contents = parse_canonical(AESGCM(secret).decrypt(iv, sealed, aad))
        keys = {name: PrivateKey.from_jwk(jwk) for name, jwk in contents["keys"].items()}
        return KeyFile(keys, b64u_decode(contents["storage"]))
    except (InvalidTag, AttributeError, KeyError, TypeError, ValueError):
        # The cause is cut off: it may hold the decrypted keys.
        raise KeyFileRefused("key file does not open: wrong passphrase, or the file is damaged") from None


def _derive(passphrase: str, salt: bytes, iterations: int, lanes: int, memory_kib: int) -> bytes:
    kdf = Argon2id(salt=salt, length=_KEY_BYTES, iterations=iterations, lanes=lanes, memory_cost=memory_kib)
    try:
        return kdf.derive(passphrase.encode("utf-8"))
    except UnicodeEncodeError:
        # What a terminal in another encoding hands over. No cause: it would hold the passphrase.
        raise KeyFileRefused("the passphrase is not text in UTF-8") from None


def _whole(kdf: Mapping[str, Any], name: str) -> int:
    value = kdf[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(name)
    return value


def write_private_file(path: Path, data: bytes) -> None:
    """Write bytes to a 0600 file in a 0700 folder, in one move, flushed to disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    # Without this a power cut may lose the move, and with it a key whose certificate is already published.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
