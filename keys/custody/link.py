"""A session with a PKCS #11 token: find it, log in, make keys inside, sign, encrypt. Names no holder and no use.

PKCS #11 v3.0 (OASIS). ``keys.custody.modules`` puts what a token says into words.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as said

from keys.custody.modules import CALLS, TokenRefused, find, in_words, log_in, start, stop
from keys.custody.place import TokenPlace
from keys.jose import EC_ORDERS, PublicKey, b64u, parse_public_jwk

# CKA_EC_PARAMS: the curve's object identifier in DER (RFC 5480 section 2.1.1.1, RFC 8410 section 3).
_CURVES: Mapping[str, bytes] = {
    "Ed25519": bytes.fromhex("06032b6570"),
    "ES256": bytes.fromhex("06082a8648ce3d030107"),
    "ES384": bytes.fromhex("06052b81040022"),
}
TOKEN_ALGORITHMS = tuple(_CURVES)
SEALING_KEY_BITS = 256
TAG_BITS = 128
_NEEDED: Mapping[str, tuple[Mechanism, ...]] = {
    "Ed25519": (Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA),
    "ES256": (Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA),
    "ES384": (Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA),
    "AES-256-GCM": (Mechanism.AES_KEY_GEN, Mechanism.AES_GCM),
}
_HIDDEN: Mapping[Attribute, bool] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}
# Made by the token, never outside it since, and never to leave: what a token says of a key that is worth the word.
_KEPT_INSIDE: Mapping[Attribute, bool] = {
    **_HIDDEN,
    Attribute.TOKEN: True,
    Attribute.LOCAL: True,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.NEVER_EXTRACTABLE: True,
}
_NOT_OPENED = (
    said.DataInvalid,
    said.DataLenRange,
    said.EncryptedDataInvalid,
    said.EncryptedDataLenRange,
    said.FunctionFailed,
    said.GeneralError,
)


class TokenLink:
    """One logged-in session. ``repr`` shows the place. Every method raises ``TokenRefused`` in plain words."""

    def __init__(self, place: TokenPlace, pin: str) -> None:
        self.place, self._pid = place, os.getpid()
        with CALLS:
            module = start(place)
            try:
                self._token = find(module, place)
                self._session = log_in(self._token, pin)
                self._mechanisms = self._token.slot.get_mechanisms()
            except said.PKCS11Error as error:
                stop(place)
                raise in_words(error, "being opened") from error
            except BaseException:
                stop(place)
                raise
        self._is_open = True

    def __repr__(self) -> str:
        return f"<TokenLink {self.place.label!r} (PIN not kept)>"

    def close(self) -> None:
        """Log out and give the module up. A token that is gone is no reason to fail."""
        with CALLS:
            if not self._is_open:
                return
            self._is_open = False
            if self._pid != os.getpid():
                return
            # A token that went away logged us out by that.
            with suppress(said.PKCS11Error):
                self._session.close()
            stop(self.place)

    def require(self, *algorithms: str) -> None:
        """Refuse a token that lacks a mechanism for one of ``Ed25519``, ``ES256``, ``ES384``, ``AES-256-GCM``."""
        for algorithm in algorithms:
            if not self.can(algorithm):
                raise TokenRefused(f"the token cannot do {algorithm}, which is needed; use another token")

    def can(self, algorithm: str) -> bool:
        """Whether the token has the mechanisms of an algorithm, to make keys and to use them."""
        return all(mechanism in self._mechanisms for mechanism in _NEEDED[algorithm])

    def holds(self, label: str) -> bool:
        """Whether any object of the token has this label."""
        with self._asked("looking for a key"):
            return bool(list(self._session.get_objects({Attribute.LABEL: label})))

    def labels(self, beginning: str) -> list[str]:
        """Return the labels in the token that begin like this, each once, sorted."""
        with self._asked("looking for keys"):
            found = {str(item[Attribute.LABEL]) for item in list(self._session.get_objects())}
        return sorted(label for label in found if label.startswith(beginning))

    def destroy(self, label: str) -> None:
        """Destroy every object of this label."""
        with self._asked("destroying a key"), self._writing() as session:
            for found in list(session.get_objects({Attribute.LABEL: label})):
                found.destroy()

    def generate_signing_key(self, label: str, algorithm: str) -> PublicKey:
        """Make a key pair that never leaves the token; return its public half."""
        self.require(algorithm)
        usable = MechanismFlag.SIGN | MechanismFlag.VERIFY
        with self._asked("making a key pair"), self._writing() as session:
            session.generate_keypair(
                KeyType.EC_EDWARDS if algorithm == "Ed25519" else KeyType.EC,
                label=label,
                store=True,
                capabilities=usable,
                public_template={Attribute.EC_PARAMS: _CURVES[algorithm]},
                private_template={**_HIDDEN, Attribute.DERIVE: False},
            )
        return self.public(label, algorithm)

    def generate_sealing_key(self, label: str) -> None:
        """Make an AES-256 key that never leaves the token and only encrypts and decrypts."""
        self.require("AES-256-GCM")
        with self._asked("making a key"), self._writing() as session:
            session.generate_key(
                KeyType.AES,
                SEALING_KEY_BITS,
                label=label,
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template=dict(_HIDDEN),
            )

    def public(self, label: str, algorithm: str) -> PublicKey:
        """Return the public half of the one key pair of this label, whose private half is kept inside."""
        with self._asked("reading a key"):
            self._kept(label, ObjectClass.PRIVATE_KEY)
            point = self._one(label, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT]
        try:
            return parse_public_jwk(_public_jwk(algorithm, point))
        except ValueError as error:
            raise TokenRefused(f"the token's public key {label} is no key of {algorithm}") from error

    def sign(self, label: str, public: PublicKey, data: bytes) -> bytes:
        """Return a raw signature in JOSE form, with the lower of the two s for ECDSA, checked before it is given."""
        with self._asked("signing"):
            key = self._kept(label, ObjectClass.PRIVATE_KEY)
            if public.alg == "Ed25519":
                signature = bytes(key.sign(data, mechanism=Mechanism.EDDSA))
            else:
                digest = hashlib.sha256(data) if public.alg == "ES256" else hashlib.sha384(data)
                signature = _low_s(bytes(key.sign(digest.digest(), mechanism=Mechanism.ECDSA)), public)
        try:
            public.verify(signature, data)
        except ValueError as error:
            raise TokenRefused(f"the token's key {label} is not the one it was when it was made") from error
        return signature

    def encrypt(self, label: str, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Return AES-256-GCM ciphertext and tag. Raises ``TokenRefused``."""
        with self._asked("encrypting"):
            key = self._kept(label, ObjectClass.SECRET_KEY)
            return bytes(key.encrypt(plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(iv, aad)))

    def decrypt(self, label: str, iv: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext. Raises ``TokenRefused`` where it was changed, or is of another key or purpose."""
        with self._asked("decrypting"):
            key = self._kept(label, ObjectClass.SECRET_KEY)
            try:
                return bytes(key.decrypt(ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(iv, aad)))
            except _NOT_OPENED:
                # Tokens do not agree on the word for a wrong tag.
                raise TokenRefused(
                    "the sealed keys do not open with this token: the file is damaged, or another token's or holder's"
                ) from None

    def _kept(self, label: str, kind: ObjectClass) -> Any:
        found = self._one(label, kind)
        for attribute, expected in _KEPT_INSIDE.items():
            if found[attribute] is not expected:
                raise TokenRefused(f"the token's key {label} could leave it or came from outside; it is not used")
        return found

    def _one(self, label: str, kind: ObjectClass) -> Any:
        found = list(self._session.get_objects({Attribute.LABEL: label, Attribute.CLASS: kind}))
        if not found:
            raise TokenRefused(f"the token has no key {label}: it is another token, was reset, or was taken out")
        if len(found) > 1:
            raise TokenRefused(f"the token has {len(found)} keys {label}, expected one; which is ours cannot be told")
        return found[0]

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        with CALLS:
            if not self._is_open or self._pid != os.getpid():
                raise TokenRefused("the token was closed here; open it again")
            try:
                yield
            except said.PKCS11Error as error:
                raise in_words(error, doing) from error

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        # A session that may write, for as long as one act takes. The login is the process's, not the session's
        # (PKCS #11 v3.0 section 5.6.7), so it needs no PIN, and its end logs nobody out.
        session = self._token.open(rw=True)
        try:
            yield session
        finally:
            with suppress(said.PKCS11Error):
                session.close()


def _gcm(iv: bytes, aad: bytes) -> Any:
    return pkcs11.GCMParams(iv, aad=aad, tag_bits=TAG_BITS)


def _low_s(signature: bytes, public: PublicKey) -> bytes:
    size = len(signature) // 2
    order, s = EC_ORDERS[public.jwk["crv"]], int.from_bytes(signature[size:], "big")
    return signature[:size] + min(s, order - s).to_bytes(size, "big") if 0 < s < order else signature


def _public_jwk(algorithm: str, point: bytes) -> dict[str, str]:
    size = {"Ed25519": 32, "ES256": 65, "ES384": 97}[algorithm]
    # CKA_EC_POINT is a DER OCTET STRING; some tokens leave the two bytes of its head away.
    if len(point) == size + 2 and point[:2] == bytes([4, size]):
        point = point[2:]
    if len(point) != size or (algorithm != "Ed25519" and point[0] != 4):
        raise ValueError("not a point of the curve in its uncompressed form")
    if algorithm == "Ed25519":
        return {"kty": "OKP", "crv": "Ed25519", "alg": algorithm, "x": b64u(point)}
    half = size // 2
    curve = "P-256" if algorithm == "ES256" else "P-384"
    return {"kty": "EC", "crv": curve, "alg": algorithm, "x": b64u(point[1 : 1 + half]), "y": b64u(point[1 + half :])}
