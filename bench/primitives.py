"""The bare cost of a job's cryptography: each primitive called directly, on inputs of the sizes that the job has.

No JSON, no base64url, no checks, keys built beforehand: with these algorithms the job cannot be done for less.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from keys.canonical import canonical_bytes
from keys.envelopes import IV_BYTES, SealedChannel, SealedFragment
from keys.jose import UnverifiedJws, b64u_decode
from keys.private import PrivateKey
from keys.sealing import KEY_BYTES

SUITE = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)
INFO_BYTES = 55
"""HPKE ``info`` of a channel."""
EXTRA_BYTES = 180
"""Canonical ``recipient_extra_info`` before it is hashed."""
CHANNEL_JWK_BYTES = 119
COMMITMENT_BYTES = 85
"""Label, fragment id and content key (section 4)."""
CHANNEL_STATEMENT_BYTES = 900
"""A channel statement's signing input."""
MAX_BYTES = 2 * 1024 * 1024


def channel_info(case: str, originator: str, recipient: str, channel: str) -> bytes:
    """Return the HPKE ``info`` of a channel (docs/protocol.md section 5)."""
    extra = canonical_bytes({"case": case, "channel": channel, "originator": originator, "recipient": recipient})
    return b"JOSE-HPKE rcpt\xffA256GCM\xff" + hashlib.sha256(extra).digest()


@dataclass(frozen=True, slots=True)
class SealingShape:
    """What sealing works on, by its sizes, and the keys it uses."""

    plaintext: bytes
    aad: bytes
    digested: bytes
    signed: bytes
    signing: PrivateKey
    recipients: Sequence[MLKEM768X25519PublicKey]

    @classmethod
    def of(cls, sealed: SealedFragment, signing: PrivateKey, recipients: Sequence[PrivateKey]) -> SealingShape:
        """Take the sizes from a fragment that was sealed."""
        text = f"{sealed.protected}.{sealed.iv}.{sealed.ciphertext}.{sealed.tag}"
        return cls(
            plaintext=b64u_decode(sealed.ciphertext, max_bytes=MAX_BYTES),
            aad=sealed.protected.encode("ascii"),
            digested=text.encode("ascii"),
            signed=UnverifiedJws.parse(sealed.jws).signing_input,
            signing=signing,
            recipients=[key.public.hpke() for key in recipients],
        )

    def seal(self, fragments: int, wrapping_keys: Sequence[bytes]) -> None:
        """Encrypt, commit, digest and sign each fragment, and wrap its key under each wrapping key."""
        sign = self.signing.ed25519().sign
        for _ in range(fragments):
            key = os.urandom(KEY_BYTES)
            hashlib.sha256(self.digested[:COMMITMENT_BYTES]).digest()
            AESGCM(key).encrypt(os.urandom(IV_BYTES), self.plaintext, self.aad)
            hashlib.sha256(self.digested).digest()
            sign(self.signed)
            for wrapping_key in wrapping_keys:
                aes_key_wrap(wrapping_key, key)

    def make_channels(self) -> list[bytes]:
        """Encapsulate a fresh wrapping key to each recipient, digest and sign it; return the wrapping keys."""
        sign = self.signing.ed25519().sign
        wrapping_keys = []
        for recipient in self.recipients:
            content_key, wrapping_key = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
            info = hashlib.sha256(bytes(EXTRA_BYTES)).digest().ljust(INFO_BYTES)
            encapsulated = SUITE.encrypt(content_key, recipient, info)
            sealed = AESGCM(content_key).encrypt(os.urandom(IV_BYTES), bytes(CHANNEL_JWK_BYTES), encapsulated)
            hashlib.sha256(encapsulated + sealed).digest()
            sign(bytes(CHANNEL_STATEMENT_BYTES))
            wrapping_keys.append(wrapping_key)
        return wrapping_keys

    def disclose(self, recipients: int, statement_bytes: int, grants: int) -> None:
        """Digest each recipient's grants and sign their disclosure."""
        sign = self.signing.ed25519().sign
        for _ in range(recipients):
            for _ in range(grants):
                hashlib.sha256(self.plaintext[:40]).digest()
            sign(bytes(statement_bytes))


@dataclass(frozen=True, slots=True)
class _BareFragment:
    iv: bytes
    sealed: bytes
    aad: bytes
    digested: bytes
    signed: bytes
    signature: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class OpeningShape:
    """Sealed fragments, their grants and their channel, decoded: ready for the bare primitives."""

    fragments: Sequence[_BareFragment]
    encapsulated: bytes
    info: bytes
    channel: tuple[bytes, bytes, bytes]
    wrapping_key: bytes
    signing: PrivateKey
    reading: PrivateKey

    @classmethod
    def of(
        cls,
        granted: Sequence[tuple[SealedFragment, str]],
        channel: SealedChannel,
        info: bytes,
        keys: tuple[bytes, PrivateKey, PrivateKey],
    ) -> OpeningShape:
        """Decode what was received. ``keys``: the channel's wrapping key, the originator's and the reader's key."""
        ek = b64u_decode(json.loads(b64u_decode(channel.protected))["ek"])
        return cls(
            fragments=[_decode(fragment, wrapped) for fragment, wrapped in granted],
            encapsulated=ek + b64u_decode(channel.encrypted_key),
            info=info,
            channel=(
                b64u_decode(channel.iv),
                b64u_decode(channel.ciphertext) + b64u_decode(channel.tag),
                channel.protected.encode("ascii"),
            ),
            wrapping_key=keys[0],
            signing=keys[1],
            reading=keys[2],
        )

    def open(self) -> None:
        """Open the channel once; verify, unwrap, compare commitment, decrypt each fragment."""
        iv, sealed, aad = self.channel
        AESGCM(SUITE.decrypt(self.encapsulated, self.reading.hpke(), self.info)).decrypt(iv, sealed, aad)
        verify = self.signing.public.ed25519().verify
        for item in self.fragments:
            hashlib.sha256(item.digested).digest()
            verify(item.signature, item.signed)
            key = aes_key_unwrap(self.wrapping_key, item.wrapped)
            hashlib.sha256(item.digested[:COMMITMENT_BYTES]).digest()
            AESGCM(key).decrypt(item.iv, item.sealed, item.aad)


def _decode(fragment: SealedFragment, wrapped: str) -> _BareFragment:
    jws = UnverifiedJws.parse(fragment.jws)
    text = f"{fragment.protected}.{fragment.iv}.{fragment.ciphertext}.{fragment.tag}"
    return _BareFragment(
        iv=b64u_decode(fragment.iv),
        sealed=b64u_decode(fragment.ciphertext, max_bytes=MAX_BYTES) + b64u_decode(fragment.tag),
        aad=fragment.protected.encode("ascii"),
        digested=text.encode("ascii"),
        signed=jws.signing_input,
        signature=jws.signature,
        wrapped=b64u_decode(wrapped),
    )
