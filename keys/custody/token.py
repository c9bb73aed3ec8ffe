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
from keys.custody.keyfile import generate_storage, write_private_file
from keys.custody.link import TOKEN_ALGORITHMS, TokenLink
from keys.custody.modules import TokenRefused
from keys.custody.place import TokenPlace
from keys.jose import PublicKey, Signer, b64u, b64u_decode, parse_public_jwk
from keys.private import PrivateKey

TYPE = "nrmhub-token-keys"
LABEL_PREFIX = "nrm-hub"
SEALING_USE, STORAGE_USE = "sealing", "storage"
MAX_FILE_BYTES = 256 * 1024
MAX_KEYS = 64
STORAGE_BYTES = 32
_IV_BYTES = 12


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What a key of the token sealed: AES-256-GCM, bound to holder, use and public half."""

    iv: bytes
    ciphertext: bytes

    def to_json(self) -> dict[str, str]:
        return {"iv": b64u(self.iv), "ciphertext": b64u(self.ciphertext)}


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
    link: TokenLink
    holder: str
    use: str
    sealed: _Sealed

    def __repr__(self) -> str:
        return f"<key {label_of(self.holder, self.use)} sealed by {self.link!r}>"

    def sign(self, data: bytes) -> bytes:
        return self.unsealed().sign(data)

    def unsealed(self) -> PrivateKey:
        aad = _aad(self.holder, self.use, dict(self.public.jwk))
        plain = self.link.decrypt(label_of(self.holder, SEALING_USE), self.sealed.iv, aad, self.sealed.ciphertext)
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

    __slots__ = ("_link", "_sealed_storage", "holder", "keys")

    def __init__(self, link: TokenLink, holder: str, keys: Mapping[str, Signer], sealed_storage: _Sealed) -> None:
        self._link, self.holder, self.keys, self._sealed_storage = link, holder, keys, sealed_storage

    def __repr__(self) -> str:
        return f"<TokenKeys {sorted(self.keys)} in {self._link.place.label!r} (secrets not shown)>"

    def __reduce__(self) -> str:
        raise TypeError("an opened token is never pickled")

    @property
    def storage(self) -> bytes:
        """The 32-byte storage secret, unsealed by the token. Raises ``TokenRefused``."""
        aad = _storage_aad(self.holder, self.keys)
        sealed = self._sealed_storage
        secret = self._link.decrypt(label_of(self.holder, SEALING_USE), sealed.iv, aad, sealed.ciphertext)
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

    def close(self) -> None:
        """Log out of the token."""
        self._link.close()


def label_of(holder: str, use: str) -> str:
    """Return the label of a key in the token: one object (a pair counts as one) per holder and use."""
    return f"{LABEL_PREFIX}/{holder}/{use}"


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
    link = TokenLink(place, pin, write=True)
    labels = [label_of(holder, use) for use in (SEALING_USE, *wanted)]
    try:
        inside = {
            use for use, alg in wanted.items() if alg in TOKEN_ALGORITHMS and (use not in beside or link.can(alg))
        }
        link.require("AES-256-GCM", *(wanted[use] for use in sorted(inside)))
        for label in labels:
            if link.holds(label):
                raise TokenRefused(
                    f"the token has a key {label} already; use another token, or remove it with the token's own program"
                )
        try:
            made = _create(link, holder, wanted, inside, path)
        except BaseException:
            _take_back(link, labels)
            raise
    except BaseException:
        link.close()
        raise
    return made


def _resume(place: TokenPlace, pin: str, holder: str, wanted: Mapping[str, str], path: Path) -> TokenKeys:
    found = open_token_keys(place, pin, holder, path)
    if {use: key.public.alg for use, key in found.keys.items()} != dict(wanted):
        found.close()
        raise TokenRefused(f"{path.name} is there already, with keys for other uses or algorithms; move it away")
    return found


def _create(link: TokenLink, holder: str, wanted: Mapping[str, str], inside: Collection[str], path: Path) -> TokenKeys:
    link.generate_sealing_key(label_of(holder, SEALING_USE))
    keys: dict[str, Signer] = {}
    for use, alg in wanted.items():
        if use in inside:
            label = label_of(holder, use)
            keys[use] = _Inside(link.generate_signing_key(label, alg), link, label)
            keys[use].sign(b"a new key signs once, so that one which cannot is noticed now")
        else:
            key = PrivateKey.generate(alg)
            aad = _aad(holder, use, dict(key.public.jwk))
            sealed = _seal(link, holder, aad, canonical_bytes(key.to_jwk()))
            keys[use] = _Beside(key.public, link, holder, use, sealed)
    storage = _seal(link, holder, _storage_aad(holder, keys), generate_storage())
    data = canonical_bytes(
        {
            "typ": TYPE,
            "holder": holder,
            "keys": {
                use: {
                    "public": dict(key.public.jwk),
                    "sealed": key.sealed.to_json() if isinstance(key, _Beside) else None,
                }
                for use, key in keys.items()
            },
            "storage": storage.to_json(),
        }
    )
    if len(data) > MAX_FILE_BYTES:
        raise TokenRefused(f"the file of sealed keys would have {len(data)} bytes, the limit is {MAX_FILE_BYTES}")
    write_private_file(path, data)
    return TokenKeys(link, holder, keys, storage)


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
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise TokenRefused(f"the file of sealed keys is larger than {MAX_FILE_BYTES} bytes")
    entries, storage = _parse(raw, holder)
    link = TokenLink(place, pin)
    try:
        keys: dict[str, Signer] = {}
        for use, (public, sealed) in entries.items():
            if sealed is not None:
                keys[use] = _Beside(public, link, holder, use, sealed)
                continue
            label = label_of(holder, use)
            if link.public(label, public.alg) != public:
                raise TokenRefused(f"the token's key {label} is not the one it was when it was made")
            keys[use] = _Inside(public, link, label)
        opened = TokenKeys(link, holder, keys, storage)
        # The storage secret is bound to every public key of the file: one that was put in its place shows here.
        _ = opened.storage
    except BaseException:
        link.close()
        raise
    return opened


_Entries = dict[str, tuple[PublicKey, "_Sealed | None"]]


def _parse(raw: bytes, holder: str) -> tuple[_Entries, _Sealed]:
    try:
        data = parse_canonical(raw)
        if set(data) != {"typ", "holder", "keys", "storage"} or data["typ"] != TYPE or len(data["keys"]) > MAX_KEYS:
            raise ValueError("not exactly the members of a token's file")
        entries: _Entries = {}
        for use, item in data["keys"].items():
            public = parse_public_jwk(item["public"])
            sealed = None if item["sealed"] is None else _parse_sealed(item["sealed"])
            if set(item) != {"public", "sealed"} or (sealed is None and public.alg not in TOKEN_ALGORITHMS):
                raise ValueError("a key that is neither in the token nor beside it")
            entries[use] = (public, sealed)
        storage = _parse_sealed(data["storage"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TokenRefused("this is not a file of a token's sealed keys of this version, or it is damaged") from error
    if data["holder"] != holder:
        raise TokenRefused("the file of sealed keys is another holder's")
    return entries, storage


def _parse_sealed(data: Any) -> _Sealed:
    iv, ciphertext = b64u_decode(data["iv"]), b64u_decode(data["ciphertext"])
    if set(data) != {"iv", "ciphertext"} or len(iv) != _IV_BYTES:
        raise ValueError("not exactly an IV and a ciphertext")
    return _Sealed(iv, ciphertext)


def _seal(link: TokenLink, holder: str, aad: bytes, plaintext: bytes) -> _Sealed:
    iv = os.urandom(_IV_BYTES)
    return _Sealed(iv, link.encrypt(label_of(holder, SEALING_USE), iv, aad, plaintext))


def _aad(holder: str, use: str, public: Mapping[str, Any]) -> bytes:
    return canonical_bytes({"typ": TYPE, "holder": holder, "use": use, "public": dict(public)})


def _storage_aad(holder: str, keys: Mapping[str, Signer]) -> bytes:
    # The whole list: every use, its public half, and whether the key is in the token.
    listed = {use: {"public": dict(key.public.jwk), "inside": isinstance(key, _Inside)} for use, key in keys.items()}
    return _aad(holder, STORAGE_USE, listed)


__all__ = ["TokenKeys", "TokenRefused", "create_token_keys", "label_of", "open_token_keys"]
