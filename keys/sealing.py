"""Seal and open: content keys, channels, grants. Runs in adapters only; ``import-linter`` keeps the hub out.

docs/protocol.md sections 4 to 6. Every failure of opening is the same ``OpenRefused`` with the same words, so that
nothing can be learned from how it failed; its cause is cut off (``from None``), as that may hold plaintext. Randomness
comes from the operating system and is an argument for vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical, unique_members
from keys.envelopes import (
    BUCKET_BYTES,
    ENCAPSULATED_BYTES,
    FRAGMENT_TYP,
    IV_BYTES,
    MAX_CHANNEL_HEADER_BYTES,
    TAG_BYTES,
    WRAPPED_KEY_BYTES,
    SealedChannel,
    SealedFragment,
)
from keys.jose import KeyRefused, PublicKey, Signer, b64u, b64u_decode, encode_json, sign_compact
from keys.private import PrivateKey
from keys.refusal import KeysRefusal
from policies.model import Header

KEY_BYTES = 32
REFUSED_HEADER_MEMBERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "zip"})
COMMITMENT_LABEL = b"nrmhub-commitment-v1\x00"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)

Randomness = Callable[[int], bytes]


class OpenRefused(KeysRefusal):
    """A fragment or channel does not open. Always the same words."""

    def __init__(self) -> None:
        super().__init__("this fragment or channel does not open with the key that is here")


class ContentRefused(KeysRefusal):
    """Content that cannot be sealed: too large, or not canonical JSON without floats."""


@dataclass(frozen=True, slots=True, repr=False)
class ContentKey:
    """A fragment's content key (CEK), 32 bytes, else ``KeyRefused``. Its ``repr`` shows nothing."""

    secret: bytes

    def __post_init__(self) -> None:
        _require_key_size(self.secret, "content")

    def __repr__(self) -> str:
        return "<ContentKey (secret not shown)>"


@dataclass(frozen=True, slots=True, repr=False)
class ChannelKey:
    """A channel's key-encryption key, 32 bytes, else ``KeyRefused``. Its ``repr`` shows only the channel id."""

    channel: str
    secret: bytes

    def __post_init__(self) -> None:
        _require_key_size(self.secret, "channel")

    def __repr__(self) -> str:
        return f"<ChannelKey {self.channel[:8]}… (secret not shown)>"


def _require_key_size(secret: bytes, what: str) -> None:
    # The library would go on with AES-128 or AES-192, whatever the header says.
    if len(secret) != KEY_BYTES:
        raise KeyRefused(f"a {what} key has {KEY_BYTES} bytes, got {len(secret)}")


def commitment(fragment: str, key: ContentKey) -> str:
    """Return the key commitment of a header, hex."""
    return hashlib.sha256(COMMITMENT_LABEL + fragment.encode("ascii") + key.secret).hexdigest()


def pad(content: bytes) -> bytes:
    """Pad canonical JSON with blanks to the smallest bucket. Raises ``ContentRefused`` over the largest."""
    for bucket in BUCKET_BYTES:
        if len(content) <= bucket:
            return content.ljust(bucket, b" ")
    raise ContentRefused(f"content has {len(content)} bytes, the limit is {BUCKET_BYTES[-1]}; split it")


def seal(
    content: Mapping[str, Any], header: Header, signer: Signer, *, randomness: Randomness = os.urandom
) -> tuple[SealedFragment, ContentKey]:
    """Seal content under a fresh content key and sign it.

    ``header.commitment`` is ignored and replaced by that of the fresh key. Raises ``ContentRefused``.
    """
    try:
        plaintext = pad(canonical_bytes(dict(content)))
    except NotCanonical as error:
        raise ContentRefused(f"content cannot be sealed: {error}") from error
    key = ContentKey(randomness(KEY_BYTES))
    header = replace(header, commitment=commitment(header.fragment, key))
    protected, iv = encode_json(header.to_json()), randomness(IV_BYTES)
    sealed = AESGCM(key.secret).encrypt(iv, plaintext, protected.encode("ascii"))
    unsigned = SealedFragment(protected, b64u(iv), b64u(sealed[:-TAG_BYTES]), b64u(sealed[-TAG_BYTES:]), "", header)
    jws = sign_compact(canonical_bytes({"sha256": unsigned.digest}), FRAGMENT_TYP, signer)
    return replace(unsigned, jws=jws), key


def open_fragment(fragment: SealedFragment, key: ContentKey) -> dict[str, Any]:
    """Return the content of a fragment whose signature the caller has verified. Raises ``OpenRefused``.

    (1) commitment, (2) decryption with the header as AAD, (3) padding and canonical form.
    """
    try:
        # 1. One ciphertext opens under one key only.
        if not bytes_eq(commitment(fragment.header.fragment, key).encode(), fragment.header.commitment.encode()):
            raise OpenRefused
        # 2. The header is the associated data: nothing in it can have been swapped.
        ciphertext = b64u_decode(fragment.ciphertext, max_bytes=BUCKET_BYTES[-1])
        iv, tag = b64u_decode(fragment.iv), b64u_decode(fragment.tag)
        plaintext = decrypt_a256gcm(key, iv, ciphertext, tag, fragment.protected.encode("ascii"))
        # 3. What remains without padding is canonical.
        content = parse_canonical(plaintext.rstrip(b" "))
    except ValueError:
        raise OpenRefused from None
    if not isinstance(content, dict):
        raise OpenRefused
    return content


def decrypt_a256gcm(key: ContentKey, iv: bytes, ciphertext: bytes, tag: bytes, aad: bytes) -> bytes:
    """Decrypt ``A256GCM`` (RFC 7518 section 5.3): 96-bit IV and 128-bit tag only. Raises ``OpenRefused``.

    Every fragment and channel is opened through here.
    """
    # The library takes IVs of 8 to 128 bytes.
    if len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
        raise OpenRefused
    try:
        return AESGCM(key.secret).decrypt(iv, ciphertext + tag, aad)
    except InvalidTag:
        raise OpenRefused from None


def _recipient_info(case: str, originator: str, recipient: str, channel: str) -> bytes:
    extra = canonical_bytes({"case": case, "channel": channel, "originator": originator, "recipient": recipient})
    return b"JOSE-HPKE rcpt\xffA256GCM\xff" + hashlib.sha256(extra).digest()


def make_channel(
    case: str, originator: str, recipient: PublicKey, channel: str, *, randomness: Randomness = os.urandom
) -> tuple[SealedChannel, ChannelKey]:
    """Make a channel to a recipient's HPKE key: a random key-encryption key in JOSE-HPKE key encryption."""
    key = ChannelKey(channel, randomness(KEY_BYTES))
    jwk = canonical_bytes({"alg": "A256KW", "k": b64u(key.secret), "kid": channel, "kty": "oct"})
    content_key, iv = randomness(KEY_BYTES), randomness(IV_BYTES)
    hpke = _SUITE.encrypt(content_key, recipient.hpke(), _recipient_info(case, originator, recipient.kid, channel))
    header = {
        "alg": "HPKE-9-KE",
        "cty": "jwk+json",
        "ek": b64u(hpke[:ENCAPSULATED_BYTES]),
        "enc": "A256GCM",
        "kid": recipient.kid,
        "typ": "nrmhub-channel+jwe",
    }
    protected = encode_json(header)
    sealed = AESGCM(content_key).encrypt(iv, jwk, protected.encode("ascii"))
    wrapped = b64u(hpke[ENCAPSULATED_BYTES:])
    return (
        SealedChannel(
            protected, wrapped, b64u(iv), b64u(sealed[:-TAG_BYTES]), b64u(sealed[-TAG_BYTES:]), recipient.kid
        ),
        key,
    )


def open_channel(sealed: SealedChannel, case: str, originator: str, channel: str, key: PrivateKey) -> ChannelKey:
    """Return the channel key that a sealed channel holds for our key. Raises ``OpenRefused``."""
    if sealed.recipient != key.public.kid:
        raise OpenRefused
    try:
        info = _recipient_info(case, originator, key.public.kid, channel)
        jwk = parse_canonical(decrypt_hpke9(sealed.to_jwe(), key, info))
        secret = b64u_decode(jwk["k"])
        expected = {"alg": "A256KW", "k": b64u(secret), "kid": channel, "kty": "oct"}
    except (ValueError, KeyError, TypeError):
        raise OpenRefused from None
    if jwk != expected or len(secret) != KEY_BYTES:
        raise OpenRefused
    return ChannelKey(channel, secret)


def decrypt_hpke9(jwe: Mapping[str, str], key: PrivateKey, info: bytes) -> bytes:
    """Decrypt a flattened JWE in ``HPKE-9-KE`` key encryption with ``A256GCM``. Raises ``OpenRefused``.

    ``info`` is the whole Recipient_structure; ``aad`` of the JWE is honoured (RFC 7516 section 5.2).
    """
    try:
        header = parse_header(jwe["protected"])
        ek, wrapped = b64u_decode(header["ek"]), b64u_decode(jwe["encrypted_key"])
        if len(ek) != ENCAPSULATED_BYTES or header["alg"] != "HPKE-9-KE" or header["enc"] != "A256GCM":
            raise OpenRefused
        content_key = ContentKey(_SUITE.decrypt(ek + wrapped, key.hpke(), info))
        aad = jwe["protected"] + (f".{jwe['aad']}" if "aad" in jwe else "")
        iv, ciphertext, tag = (b64u_decode(jwe[name]) for name in ("iv", "ciphertext", "tag"))
        return decrypt_a256gcm(content_key, iv, ciphertext, tag, aad.encode("ascii"))
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise OpenRefused from None


def parse_header(protected: str) -> dict[str, Any]:
    """Decode a protected header that need not be canonical (another library's). Raises ``ValueError``."""
    try:
        header = json.loads(
            b64u_decode(protected, max_bytes=MAX_CHANNEL_HEADER_BYTES), object_pairs_hook=unique_members
        )
    except RecursionError as error:
        raise ValueError("header is nested too deep") from error
    if not isinstance(header, dict) or REFUSED_HEADER_MEMBERS & set(header):
        raise ValueError("header is not an object, or has a member that is refused everywhere")
    return header


def wrap(key: ContentKey, channel: ChannelKey) -> str:
    """Return a grant's ``encrypted_key``: the content key under the channel's key (RFC 3394), b64u."""
    return b64u(aes_key_wrap(channel.secret, key.secret))


def unwrap(encrypted_key: str, channel: ChannelKey) -> ContentKey:
    """Return the content key of a grant. Raises ``OpenRefused``."""
    try:
        wrapped = b64u_decode(encrypted_key, max_bytes=WRAPPED_KEY_BYTES)
        if len(wrapped) != WRAPPED_KEY_BYTES:
            raise OpenRefused
        return ContentKey(aes_key_unwrap(channel.secret, wrapped))
    except (InvalidUnwrap, ValueError):
        raise OpenRefused from None
