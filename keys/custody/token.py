"""Keys of one holder in a PKCS #11 token: signing keys are made there and stay there.

What the tokens of today cannot do inside (HPKE, ML-DSA) and the storage secret rest in a file beside, each sealed by
an AES-256 key of the token that cannot leave it. They are in memory while they are used.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keys.canonical import canonical_bytes, parse_canonical
from keys.custody.keyfile import generate_storage
from keys.custody.link import TOKEN_ALGORITHMS, TokenLink
from keys.custody.modules import TokenRefused
from keys.custody.place import TokenPlace
from keys.custody.token_file import (
    MAX_FILE_BYTES,
    MAX_KEYS,
    SEALING_USE,
    STORAGE_USE,
    TYPE,
    Entry,
    Sealed,
    TokenFile,
    label_of,
    read_token_file,
)
from keys.jose import PublicKey, Signer
from keys.private import PrivateKey

STORAGE_BYTES = 32
_IV_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class Sealer:
    """The AES key of a token by which a holder's other keys and storage secret rest sealed beside it."""

    link: TokenLink
    holder: str
    label: str

    def __repr__(self) -> str:
        return f"<sealing key {self.label} in {self.link!r}>"

    @classmethod
    def first(cls, link: TokenLink, holder: str) -> Sealer:
        """Return the one that a holder begins with."""
        return cls(link, holder, label_of(holder, SEALING_USE))

    def seal(self, aad: bytes, plaintext: bytes) -> Sealed:
        """Seal bytes. Raises ``TokenRefused``."""
        iv = os.urandom(_IV_BYTES)
        return Sealed(iv, self.link.encrypt(self.label, iv, aad, plaintext))

    def open(self, aad: bytes, sealed: Sealed) -> bytes:
        """Open what it sealed. Raises ``TokenRefused``."""
        return self.link.decrypt(self.label, sealed.iv, aad, sealed.ciphertext)


@dataclass(frozen=True, slots=True, repr=False)
class _Inside:
    """Signs with a key that is in the token."""

    public: PublicKey
    link: TokenLink
    label: str

    def __repr__(self) -> str:
        return f"<key {self.label} in {self.link!r}>"

    def sign(self, data: bytes) -> bytes:
        return self.link.sign(self.label, self.public, data)


@dataclass(frozen=True, slots=True, repr=False)
class _Beside:
    """A key whose seed rests sealed; it is in memory for as long as one call takes."""

    public: PublicKey
    sealer: Sealer
    use: str
    sealed: Sealed

    def __repr__(self) -> str:
        return f"<key {label_of(self.sealer.holder, self.use)} sealed by {self.sealer.link!r}>"

    def sign(self, data: bytes) -> bytes:
        return self.unsealed().sign(data)

    def unsealed(self) -> PrivateKey:
        plain = self.sealer.open(_aad(self.sealer.holder, self.use, dict(self.public.jwk)), self.sealed)
        try:
            key = PrivateKey.from_jwk(parse_canonical(plain))
        except ValueError:
            # The cause is cut off: it may hold the key.
            raise TokenRefused(f"the sealed key for {self.use} is not of its form") from None
        if key.public != self.public:
            raise TokenRefused(f"the sealed key for {self.use} is not the one its file names")
        return key


class TokenKeys:
    """The opened keys of one holder. ``keys.custody.interface.Custody``; ``repr`` shows the names only."""

    __slots__ = ("_sealed_storage", "keys", "sealer")

    def __init__(self, sealer: Sealer, keys: Mapping[str, Signer], sealed_storage: Sealed) -> None:
        self.sealer, self.keys, self._sealed_storage = sealer, keys, sealed_storage

    def __repr__(self) -> str:
        return f"<TokenKeys {sorted(self.keys)} in {self.link.place.label!r} (secrets not shown)>"

    def __reduce__(self) -> str:
        raise TypeError("an opened token is never pickled")

    @property
    def link(self) -> TokenLink:
        """The session these keys are used in."""
        return self.sealer.link

    @property
    def holder(self) -> str:
        """Whose keys they are."""
        return self.sealer.holder

    @property
    def storage(self) -> bytes:
        """The 32-byte storage secret, unsealed by the token. Raises ``TokenRefused``."""
        secret = self.sealer.open(_storage_aad(self.holder, self.keys), self._sealed_storage)
        if len(secret) != STORAGE_BYTES:
            raise TokenRefused(f"the storage secret has {len(secret)} bytes, expected {STORAGE_BYTES}")
        return secret

    def private(self, use: str) -> PrivateKey:
        """Return a key that rests sealed, unsealed by the token. Raises ``TokenRefused`` for one that stays inside."""
        key = self.keys.get(use)
        if isinstance(key, _Beside):
            return key.unsealed()
        if key is None:
            raise TokenRefused(f"the token's file names no key for {use}; is it another holder's?")
        raise TokenRefused(f"the key for {use} is in the token and does not leave it")

    def label(self, use: str) -> str | None:
        """Return where in the token the key of a use is, None for one that rests sealed beside it."""
        key = self.keys.get(use)
        return key.label if isinstance(key, _Inside) else None

    def reread(self, path: Path) -> TokenKeys:
        """Return what another file of this holder names, in the same session. Raises as ``open_token_keys`` does."""
        return _hold_against(self.link, read_token_file(path, self.holder))

    def close(self) -> None:
        """Log out of the token."""
        self.link.close()


def create_token_keys(
    place: TokenPlace,
    pin: str,
    holder: str,
    wanted: Mapping[str, str],
    path: Path,
    *,
    beside: Collection[str] = (),
) -> TokenKeys:
    """Make keys of the wanted algorithms by use, in the token where it can sign with them, and write the file beside.

    ``beside`` names uses whose key may rest sealed where the token does not have a signing algorithm; for any other use
    such a token is refused.
    A file that is there already is of a setting up that was interrupted after it: its keys are taken, if they are the
    wanted ones. Raises ``TokenRefused``, also where the token has keys of this holder and there is no file; then
    nothing is changed. If anything fails on the way, what was made in the token is destroyed again.
    """
    if {SEALING_USE, STORAGE_USE} & set(wanted) or not 0 < len(wanted) <= MAX_KEYS:
        raise TokenRefused(f"expected 1 to {MAX_KEYS} uses, none of them {SEALING_USE} or {STORAGE_USE}")
    if path.exists():
        return _resume(place, pin, holder, wanted, path)
    link = TokenLink(place, pin)
    labels = {use: label_of(holder, use) for use in wanted}
    made = [label_of(holder, SEALING_USE), *labels.values()]
    try:
        inside = uses_inside(link, wanted, beside)
        link.require("AES-256-GCM", *(wanted[use] for use in sorted(inside)))
        for label in made:
            if link.holds(label):
                raise TokenRefused(
                    f"the token has a key {label} already; use another token, or remove it with the token's own program"
                )
        try:
            sealer = Sealer.first(link, holder)
            link.generate_sealing_key(sealer.label)
            keys = make_keys(sealer, wanted, {use: labels[use] for use in inside})
            return write_token_keys(sealer, keys, generate_storage(), path)
        except BaseException:
            _take_back(link, made)
            raise
    except BaseException:
        link.close()
        raise


def seal_into_token(
    place: TokenPlace,
    pin: str,
    holder: str,
    given: Mapping[str, PrivateKey],
    storage: bytes,
    path: Path,
    *,
    needed: Collection[str] = (),
) -> TokenKeys:
    """Make a sealing key in a token and write a file of keys that were made elsewhere, each sealed by it.

    None of them is in the token: a key that came from outside is not used there. ``needed`` are the algorithms the
    token must have besides. Raises ``TokenRefused``, also where the token has keys of this holder; then nothing is
    changed.
    """
    link = TokenLink(place, pin)
    sealer = Sealer.first(link, holder)
    try:
        link.require("AES-256-GCM", *needed)
        present = link.labels(label_of(holder, ""))
        if present:
            raise TokenRefused(
                f"the token has a key {present[0]} already; use another token, or remove it with the token's own "
                "program"
            )
        link.generate_sealing_key(sealer.label)
        try:
            keys = {use: _sealed_key(sealer, use, key) for use, key in given.items()}
            return write_token_keys(sealer, keys, storage, path)
        except BaseException:
            _take_back(link, [sealer.label])
            raise
    except BaseException:
        link.close()
        raise


def take_back_all(keys: TokenKeys) -> None:
    """Destroy the sealing key in the token: what it sealed opens no more. For what was just made and is not kept."""
    _take_back(keys.link, [keys.sealer.label])


def _resume(place: TokenPlace, pin: str, holder: str, wanted: Mapping[str, str], path: Path) -> TokenKeys:
    found = open_token_keys(place, pin, holder, path)
    if {use: key.public.alg for use, key in found.keys.items()} != dict(wanted):
        found.close()
        raise TokenRefused(f"{path.name} is there already, with keys for other uses or algorithms; move it away")
    return found


def uses_inside(link: TokenLink, wanted: Mapping[str, str], beside: Collection[str]) -> frozenset[str]:
    """Return the uses whose key is made in the token; ``beside`` names those that need not be where it cannot."""
    return frozenset(
        use for use, alg in wanted.items() if alg in TOKEN_ALGORITHMS and (use not in beside or link.can(alg))
    )


def make_keys(sealer: Sealer, wanted: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Signer]:
    """Make keys of these algorithms by use: in the token under their ``labels``, else sealed by it."""
    keys: dict[str, Signer] = {}
    for use, alg in wanted.items():
        if use in labels:
            keys[use] = _Inside(sealer.link.generate_signing_key(labels[use], alg), sealer.link, labels[use])
            keys[use].sign(b"a new key signs once, so that one which cannot is noticed now")
        else:
            keys[use] = _sealed_key(sealer, use, PrivateKey.generate(alg))
    return keys


def write_token_keys(sealer: Sealer, keys: Mapping[str, Signer], storage: bytes, path: Path) -> TokenKeys:
    """Write a file that names these keys under these names, and seals the storage secret to them; return them opened.

    A key that rests sealed under another name, or by another key, is sealed anew. Raises ``TokenRefused``.
    """
    arranged: dict[str, Signer] = {}
    for use, key in keys.items():
        if isinstance(key, _Beside) and (key.use != use or key.sealer.label != sealer.label):
            key = _sealed_key(sealer, use, key.unsealed())
        arranged[use] = key
    sealed = sealer.seal(_storage_aad(sealer.holder, arranged), storage)
    entries = {use: _entry(key) for use, key in arranged.items()}
    TokenFile(sealer.holder, entries, sealed, sealer.label).write(path)
    return TokenKeys(sealer, arranged, sealed)


def _entry(key: Signer) -> Entry:
    if isinstance(key, _Beside):
        return Entry(key.public, key.sealed, None)
    if isinstance(key, _Inside):
        return Entry(key.public, None, key.label)
    raise TokenRefused("a key that is neither in the token nor sealed by it is not kept in its file")


def _take_back(link: TokenLink, labels: list[str]) -> None:
    for label in labels:
        try:
            link.destroy(label)
        except TokenRefused:
            # It failed already, and that is what is said.
            return


def open_token_keys(place: TokenPlace, pin: str, holder: str, path: Path) -> TokenKeys:
    """Open a holder's keys: log in, hold every key of the token against the file, open what is sealed once.

    Raises ``TokenRefused``; ``OSError`` where the file cannot be read.
    """
    named = read_token_file(path, holder)
    link = TokenLink(place, pin)
    try:
        return _hold_against(link, named)
    except BaseException:
        link.close()
        raise


def _hold_against(link: TokenLink, named: TokenFile) -> TokenKeys:
    keys: dict[str, Signer] = {}
    sealer = Sealer(link, named.holder, named.sealing)
    for use, entry in named.entries.items():
        if entry.sealed is not None:
            keys[use] = _Beside(entry.public, sealer, use, entry.sealed)
        elif entry.label is not None:
            if link.public(entry.label, entry.public.alg) != entry.public:
                raise TokenRefused(f"the token's key {entry.label} is not the one it was when it was made")
            keys[use] = _Inside(entry.public, link, entry.label)
    opened = TokenKeys(sealer, keys, named.storage)
    # The storage secret is bound to every public key of the file: one that was put in its place shows here.
    _ = opened.storage
    return opened


def _sealed_key(sealer: Sealer, use: str, key: PrivateKey) -> _Beside:
    aad = _aad(sealer.holder, use, dict(key.public.jwk))
    return _Beside(key.public, sealer, use, sealer.seal(aad, canonical_bytes(key.to_jwk())))


def _aad(holder: str, use: str, public: Mapping[str, Any]) -> bytes:
    return canonical_bytes({"typ": TYPE, "holder": holder, "use": use, "public": dict(public)})


def _storage_aad(holder: str, keys: Mapping[str, Signer]) -> bytes:
    # The whole list: every use, its public half, and whether the key is in the token.
    listed = {use: {"public": dict(key.public.jwk), "inside": isinstance(key, _Inside)} for use, key in keys.items()}
    return _aad(holder, STORAGE_USE, listed)


__all__ = [
    "MAX_FILE_BYTES",
    "Sealer",
    "TokenKeys",
    "TokenRefused",
    "create_token_keys",
    "label_of",
    "open_token_keys",
    "seal_into_token",
    "take_back_all",
]
