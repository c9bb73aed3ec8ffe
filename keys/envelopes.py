"""The parts of sealed fragments and channels that can be checked without opening them. The hub uses this module.

Form, limits, header, digest, signature: docs/protocol.md sections 4 to 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.jose import PublicKey, SignatureRefused, UnverifiedJws, b64u_decode, is_kid
from keys.refusal import KeysRefusal
from policies.model import Header, Malformed, require_members

MAX_CONTENT_BYTES = 1024 * 1024
BUCKET_BYTES = tuple(1024 * 2**power for power in range(11))
MAX_HEADER_BYTES = 2048
MAX_FRAGMENT_JWS_CHARS = 1024
MAX_CHANNEL_HEADER_BYTES = 4096
IV_BYTES = 12
TAG_BYTES = 16
WRAPPED_KEY_BYTES = 40
ENCAPSULATED_BYTES = 1120
# Of a channel: the content key with its tag, and the one length that the encrypted JWK can have.
CHANNEL_PART_BYTES = {"encrypted_key": 48, "iv": IV_BYTES, "ciphertext": 119, "tag": TAG_BYTES}
FRAGMENT_TYP = "nrmhub-fragment+jws"


class EnvelopeRefused(KeysRefusal):
    """A sealed fragment, channel or grant is not of the agreed form, or its signature does not fit."""


@dataclass(frozen=True, slots=True)
class SealedFragment:
    """A fragment as it travels: four JWE parts (b64u text) and the originator's compact JWS. Header parsed, not trusted
    until ``verify_fragment``."""

    protected: str
    iv: str
    ciphertext: str
    tag: str
    jws: str
    header: Header

    @classmethod
    def parse(cls, jwe: object, jws: object) -> SealedFragment:
        """Check form and limits of a fragment as received. Raises ``EnvelopeRefused``."""
        try:
            got = require_members(jwe, ("protected", "iv", "ciphertext", "tag"), "sealed fragment")
            encoded_header = b64u_decode(got["protected"], max_bytes=MAX_HEADER_BYTES)
            parsed = Header.from_json(parse_canonical(encoded_header))
            sizes = (
                len(b64u_decode(got["iv"], max_bytes=IV_BYTES)),
                len(b64u_decode(got["tag"], max_bytes=TAG_BYTES)),
                len(b64u_decode(got["ciphertext"], max_bytes=MAX_CONTENT_BYTES)),
            )
        except Malformed as error:
            raise EnvelopeRefused(str(error)) from error
        except (NotCanonical, ValueError, TypeError) as error:
            raise EnvelopeRefused("sealed fragment: a part is not canonical or over its limit") from error
        if sizes[:2] != (IV_BYTES, TAG_BYTES) or sizes[2] not in BUCKET_BYTES:
            raise EnvelopeRefused("sealed fragment: iv, tag or size bucket is not the one of this protocol")
        # One encoding per value: ``true`` for 1, or a blank in a time, would be a second spelling of the same header.
        if canonical_bytes(parsed.to_json()) != encoded_header:
            raise EnvelopeRefused("sealed fragment: a header member is not in its canonical form")
        if not isinstance(jws, str) or len(jws) > MAX_FRAGMENT_JWS_CHARS:
            raise EnvelopeRefused(
                f"sealed fragment: the signature is text of at most {MAX_FRAGMENT_JWS_CHARS} characters"
            )
        return cls(got["protected"], got["iv"], got["ciphertext"], got["tag"], jws, parsed)

    @property
    def digest(self) -> str:
        """Fragment digest, hex: SHA-256 of ``protected.iv.ciphertext.tag``."""
        text = f"{self.protected}.{self.iv}.{self.ciphertext}.{self.tag}"
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def to_jwe(self) -> dict[str, str]:
        """Return the four parts."""
        return {"protected": self.protected, "iv": self.iv, "ciphertext": self.ciphertext, "tag": self.tag}


def verify_fragment(fragment: SealedFragment, key: PublicKey) -> str:
    """Verify the originator's signature over the fragment digest; return the digest. Raises ``EnvelopeRefused``.

    Whether the key is certified for the header's agency is not checked here but in ``keys.directory``.
    """
    digest = fragment.digest
    try:
        payload = UnverifiedJws.parse(fragment.jws).verify(key, FRAGMENT_TYP)
    except SignatureRefused as error:
        raise EnvelopeRefused(f"sealed fragment: {error}") from error
    if payload != canonical_bytes({"sha256": digest}):
        raise EnvelopeRefused("sealed fragment: the signature is over other bytes")
    return digest


@dataclass(frozen=True, slots=True)
class SealedChannel:
    """A channel's encrypted JWK as it travels (docs/protocol.md section 5): five b64u parts."""

    protected: str
    encrypted_key: str
    iv: str
    ciphertext: str
    tag: str
    recipient: str

    @classmethod
    def parse(cls, jwe: object) -> SealedChannel:
        """Check form and limits. Raises ``EnvelopeRefused``."""
        names = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
        try:
            got = require_members(jwe, names, "channel")
            header = parse_canonical(b64u_decode(got["protected"], max_bytes=MAX_CHANNEL_HEADER_BYTES))
            require_members(header, ("alg", "cty", "ek", "enc", "kid", "typ"), "channel header")
            sizes = {name: len(b64u_decode(got[name], max_bytes=size)) for name, size in CHANNEL_PART_BYTES.items()}
            encapsulated = b64u_decode(header["ek"], max_bytes=ENCAPSULATED_BYTES)
        except Malformed as error:
            raise EnvelopeRefused(str(error)) from error
        except (NotCanonical, ValueError, TypeError) as error:
            raise EnvelopeRefused("channel: a part is not canonical or over its limit") from error
        fixed = {"alg": "HPKE-9-KE", "cty": "jwk+json", "enc": "A256GCM", "typ": "nrmhub-channel+jwe"}
        if any(header[name] != value for name, value in fixed.items()) or not is_kid(header["kid"]):
            raise EnvelopeRefused("channel header: alg, cty, enc, kid or typ is not the one of this protocol")
        # Exact sizes: a byte moved from one part to its neighbour would decrypt to the same key.
        if sizes != CHANNEL_PART_BYTES or len(encapsulated) != ENCAPSULATED_BYTES:
            raise EnvelopeRefused("channel: a part has not the size it has in this protocol")
        return cls(
            protected=got["protected"],
            encrypted_key=got["encrypted_key"],
            iv=got["iv"],
            ciphertext=got["ciphertext"],
            tag=got["tag"],
            recipient=header["kid"],
        )

    @property
    def digest(self) -> str:
        """Channel digest, hex: SHA-256 of the five parts joined by full stops."""
        text = ".".join((self.protected, self.encrypted_key, self.iv, self.ciphertext, self.tag))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def to_jwe(self) -> dict[str, str]:
        """Return the five parts."""
        return {
            "protected": self.protected,
            "encrypted_key": self.encrypted_key,
            "iv": self.iv,
            "ciphertext": self.ciphertext,
            "tag": self.tag,
        }


def require_wrapped_key(text: object) -> str:
    """Return a grant's ``encrypted_key`` if it has the form of a wrapped content key. Raises ``EnvelopeRefused``."""
    try:
        if isinstance(text, str) and len(b64u_decode(text, max_bytes=WRAPPED_KEY_BYTES)) == WRAPPED_KEY_BYTES:
            return text
    except ValueError:
        pass
    raise EnvelopeRefused(f"grant: a wrapped key has {WRAPPED_KEY_BYTES} bytes in base64url")


def wrapped_key_digest(encrypted_key: str) -> str:
    """Return SHA-256 hex of the wrapped key's bytes, as a disclosure lists it."""
    return hashlib.sha256(b64u_decode(encrypted_key, max_bytes=WRAPPED_KEY_BYTES)).hexdigest()


def as_general_jwe(fragment: SealedFragment, encrypted_key: str, channel: str) -> Mapping[str, object]:
    """Return an RFC 7516 JSON serialization with one ``A256KW`` recipient, for any stock JOSE library."""
    recipient = {"header": {"alg": "A256KW", "kid": channel}, "encrypted_key": encrypted_key}
    return {**fragment.to_jwe(), "recipients": [recipient]}
