"""The file beside a token: which keys a holder has, where each one is, and what the token sealed of those outside it.

``{"typ", "holder", "keys": {use: {"public", "sealed", "label"?}}, "storage", "sealing"?}``, canonical JSON. ``sealed``
is null for a key that is in the token; ``label`` names it there where that is not the label of its holder and use, and
``sealing`` likewise the key that sealed the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keys.canonical import canonical_bytes, parse_canonical
from keys.custody.keyfile import write_private_file
from keys.custody.link import TOKEN_ALGORITHMS
from keys.custody.modules import TokenRefused
from keys.jose import PublicKey, b64u, b64u_decode, parse_public_jwk

TYPE = "nrmhub-token-keys"
LABEL_PREFIX = "nrm-hub"
SEALING_USE, STORAGE_USE = "sealing", "storage"
MAX_FILE_BYTES = 256 * 1024
MAX_KEYS = 64
MAX_LABEL_CHARS = 200
_IV_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a key of the token sealed: AES-256-GCM, bound to holder, use and public half."""

    iv: bytes
    ciphertext: bytes

    def to_json(self) -> dict[str, str]:
        """Return it as it stands in the file."""
        return {"iv": b64u(self.iv), "ciphertext": b64u(self.ciphertext)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the file: ``sealed`` beside the token, or inside it under ``label``."""

    public: PublicKey
    sealed: Sealed | None
    label: str | None


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The whole of the file."""

    holder: str
    entries: Mapping[str, Entry]
    storage: Sealed
    sealing: str
    """The label of the key in the token that sealed what rests here."""

    @property
    def labels(self) -> frozenset[str]:
        """What it names in the token: the sealing key, and every key that is inside."""
        inside = (entry.label for entry in self.entries.values() if entry.label is not None)
        return frozenset({self.sealing, *inside})

    def write(self, path: Path) -> None:
        """Write it, 0600, in one move. Raises ``TokenRefused`` for more than can be read again."""
        if len(self.entries) > MAX_KEYS:
            raise TokenRefused(f"the file of sealed keys would have {len(self.entries)} keys, the limit is {MAX_KEYS}")
        keys = {use: _render(self.holder, use, entry) for use, entry in self.entries.items()}
        said: dict[str, Any] = {
            "typ": TYPE,
            "holder": self.holder,
            "keys": keys,
            "storage": self.storage.to_json(),
        }
        if self.sealing != label_of(self.holder, SEALING_USE):
            said["sealing"] = self.sealing
        data = canonical_bytes(said)
        if len(data) > MAX_FILE_BYTES:
            raise TokenRefused(f"the file of sealed keys would have {len(data)} bytes, the limit is {MAX_FILE_BYTES}")
        write_private_file(path, data)


def _render(holder: str, use: str, entry: Entry) -> dict[str, Any]:
    sealed = None if entry.sealed is None else entry.sealed.to_json()
    said: dict[str, Any] = {"public": dict(entry.public.jwk), "sealed": sealed}
    if entry.label not in (None, label_of(holder, use)):
        said["label"] = entry.label
    return said


def label_of(holder: str, use: str) -> str:
    """Return the label of a key in the token: one object (a pair counts as one) per holder and use."""
    return f"{LABEL_PREFIX}/{holder}/{use}"


def read_token_file(path: Path, holder: str) -> TokenFile:
    """Read a holder's file. Raises ``TokenRefused``; ``OSError`` where it cannot be read."""
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise TokenRefused(f"the file of sealed keys is larger than {MAX_FILE_BYTES} bytes")
    try:
        data = parse_canonical(raw)
        if set(data) - {"sealing"} != {"typ", "holder", "keys", "storage"} or data["typ"] != TYPE:
            raise ValueError("not exactly the members of a token's file")
        sealing = data.get("sealing", label_of(data["holder"], SEALING_USE))
        if len(data["keys"]) > MAX_KEYS or not is_sealing_label(data["holder"], sealing):
            raise ValueError("too many keys, or not a label of this holder's sealing key")
        entries = {use: _parse_entry(data["holder"], use, item) for use, item in data["keys"].items()}
        storage = _parse_sealed(data["storage"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TokenRefused("this is not a file of a token's sealed keys of this version, or it is damaged") from error
    if data["holder"] != holder:
        raise TokenRefused("the file of sealed keys is another holder's")
    return TokenFile(holder, entries, storage, sealing)


def _parse_entry(holder: str, use: str, item: Any) -> Entry:
    public = parse_public_jwk(item["public"])
    if item["sealed"] is not None:
        if set(item) != {"public", "sealed"}:
            raise ValueError("more than a sealed key has")
        return Entry(public, _parse_sealed(item["sealed"]), None)
    label = item.get("label", label_of(holder, use))
    if not set(item) <= {"public", "sealed", "label"} or public.alg not in TOKEN_ALGORITHMS:
        raise ValueError("a key that is neither in the token nor beside it")
    if not is_label(holder, label):
        raise ValueError("not a label of this holder's")
    return Entry(public, None, label)


def is_label(holder: str, label: object) -> bool:
    """Whether this may be the label of a signing key of this holder's in a token."""
    if not isinstance(label, str) or len(label) > MAX_LABEL_CHARS or not label.isprintable():
        return False
    return label.startswith(label_of(holder, "")) and not is_sealing_label(holder, label)


def is_sealing_label(holder: str, label: object) -> bool:
    """Whether this may be the label of a holder's sealing key in a token: the first one's, or of one in its place."""
    if not isinstance(label, str) or len(label) > MAX_LABEL_CHARS or not label.isprintable():
        return False
    first = label_of(holder, SEALING_USE)
    return label == first or label.startswith(f"{first}/")


def _parse_sealed(data: Any) -> Sealed:
    iv, ciphertext = b64u_decode(data["iv"]), b64u_decode(data["ciphertext"])
    if set(data) != {"iv", "ciphertext"} or len(iv) != _IV_BYTES:
        raise ValueError("not exactly an IV and a ciphertext")
    return Sealed(iv, ciphertext)
