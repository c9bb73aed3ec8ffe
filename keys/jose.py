"""Public keys as JWK, key ids, and compact JWS, in the narrow profile of docs/protocol.md sections 1 to 3.

The algorithm is fixed by the key, never taken from a signature's header. Nothing here opens a sealed fragment.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from keys.canonical import canonical_bytes, parse_canonical
from keys.refusal import KeysRefusal

MAX_STATEMENT_BYTES = 256 * 1024
MAX_JWS_HEADER_BYTES = 512
MAX_SIGNATURE_BYTES = 96
_KID = re.compile(r"[A-Za-z0-9_-]{43}")
_EC_SIZES = {"P-256": 32, "P-384": 48}
EC_ORDERS: Mapping[str, int] = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
"""Order n of each curve's group (NIST SP 800-186 section 3.2.1)."""
_SIGNING = frozenset({"Ed25519", "ES256", "ES384"})
HPKE_PUBLIC_BYTES = 1184 + 32
MLKEM768_PUBLIC_BYTES = 1184
MLDSA44_PUBLIC_BYTES = 1312
MAX_BUILT_KEYS = 1024
MAX_KNOWN_HEADERS = 1024
_ED25519_P = 2**255 - 19
# The y coordinates of the points of order 4, 1 and 2, and 8, whatever the sign of x.
_ED25519_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL_ORDER_Y = frozenset({0, 1, _ED25519_P - 1, _ED25519_ORDER_8_Y, _ED25519_P - _ED25519_ORDER_8_Y})


class KeyRefused(KeysRefusal):
    """A JWK that is not one of the agreed forms."""


class SignatureRefused(KeysRefusal):
    """A compact JWS that does not verify, or is not of the agreed form. The text never says more than which."""


def b64u(data: bytes) -> str:
    """Encode base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: str, *, max_bytes: int = MAX_STATEMENT_BYTES) -> bytes:
    """Decode base64url without padding; refuse any other spelling of the same bytes. Raises ``ValueError``."""
    if not isinstance(text, str) or len(text) > max_bytes * 4 // 3 + 4:
        raise ValueError("base64url text is too long")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise ValueError("not base64url") from error
    if len(data) > max_bytes:
        raise ValueError("base64url text is too long")
    # The decoder skips what is not of its alphabet and ignores spare bits; this comparison refuses both.
    if b64u(data) != text:
        raise ValueError("not the canonical base64url form")
    return data


def is_kid(text: object) -> bool:
    """Whether a value has the form of a key id: a SHA-256 thumbprint, 43 characters base64url."""
    return isinstance(text, str) and _KID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verified-form public JWK. ``alg`` is what the key is for; ``kid`` its RFC 7638 thumbprint."""

    alg: str
    kid: str
    jwk: Mapping[str, str]

    @property
    def is_signing(self) -> bool:
        """Whether the key verifies JWS statements."""
        return self.alg in _SIGNING

    def verify(self, signature: bytes, data: bytes) -> None:
        """Verify a raw signature (JOSE form for ECDSA). Raises ``SignatureRefused``."""
        try:
            if self.alg == "Ed25519":
                _ed25519_public(self.jwk["x"]).verify(signature, data)
            elif self.alg in ("ES256", "ES384"):
                _verify_ecdsa(self.jwk, signature, data)
            elif self.alg == "ML-DSA-44":
                self.mldsa44().verify(signature, data)
            else:
                raise SignatureRefused(f"key of algorithm {self.alg} does not verify signatures")
        except InvalidSignature as error:
            raise SignatureRefused("signature does not verify") from error

    def ed25519(self) -> ed25519.Ed25519PublicKey:
        """Return the library's key. Raises ``KeyRefused`` for another algorithm."""
        if self.alg != "Ed25519":
            raise KeyRefused(f"expected an Ed25519 key, got {self.alg}")
        return _ed25519_public(self.jwk["x"])

    def mldsa44(self) -> mldsa.MLDSA44PublicKey:
        """Return the library's key. Raises ``KeyRefused`` for another algorithm."""
        if self.alg != "ML-DSA-44":
            raise KeyRefused(f"expected an ML-DSA-44 key, got {self.alg}")
        return mldsa.MLDSA44PublicKey.from_public_bytes(b64u_decode(self.jwk["pub"]))

    def hpke(self) -> MLKEM768X25519PublicKey:
        """Return the library's HPKE recipient key. Raises ``KeyRefused`` for another algorithm."""
        if self.alg != "HPKE-9-KE":
            raise KeyRefused(f"expected an HPKE-9-KE key, got {self.alg}")
        return _hpke_public(self.jwk["pub"])


# A federation's few keys verify every statement and open every channel: the library's form of each is built once.
@lru_cache(maxsize=MAX_BUILT_KEYS)
def _ed25519_public(x: str) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(b64u_decode(x))


@lru_cache(maxsize=MAX_BUILT_KEYS)
def _hpke_public(pub: str) -> MLKEM768X25519PublicKey:
    raw = b64u_decode(pub)
    return MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:MLKEM768_PUBLIC_BYTES]),
        x25519.X25519PublicKey.from_public_bytes(raw[MLKEM768_PUBLIC_BYTES:]),
    )


def _verify_ecdsa(jwk: Mapping[str, str], signature: bytes, data: bytes) -> None:
    size = _EC_SIZES[jwk["crv"]]
    if len(signature) != 2 * size:
        raise SignatureRefused("signature does not verify")
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    if s > EC_ORDERS[jwk["crv"]] // 2:
        # (r, n - s) verifies wherever (r, s) does: anybody could give a statement a second digest.
        raise SignatureRefused("signature does not verify")
    algorithm = hashes.SHA256() if size == 32 else hashes.SHA384()
    _ec_public(jwk).verify(encode_dss_signature(r, s), data, ec.ECDSA(algorithm))


def _ec_public(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    curve = ec.SECP256R1() if jwk["crv"] == "P-256" else ec.SECP384R1()
    point = b"\x04" + b64u_decode(jwk["x"]) + b64u_decode(jwk["y"])
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint, b64u (43 characters). Raises ``KeyRefused`` for an unknown ``kty``."""
    required = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "AKP": ("alg", "kty", "pub")}
    kind = jwk.get("kty")
    names = required.get(kind) if isinstance(kind, str) else None
    if names is None or not all(isinstance(jwk.get(name), str) for name in names):
        raise KeyRefused("unknown kind of key: expected kty OKP, EC or AKP with its members as text")
    return b64u(hashlib.sha256(canonical_bytes({name: jwk[name] for name in names})).digest())


def parse_public_jwk(jwk: object) -> PublicKey:
    """Read a public JWK of one of the forms of docs/protocol.md section 2, with exactly its members.

    Raises ``KeyRefused``: unknown or private members, unknown algorithm, wrong size, an EC point that is not on its
    curve, an Ed25519 or X25519 point of small order.
    """
    if not isinstance(jwk, Mapping) or not all(isinstance(item, str) for item in jwk.values()):
        raise KeyRefused("a key is an object of text members")
    shape = (jwk.get("kty"), jwk.get("crv"), jwk.get("alg"))
    try:
        if shape == ("OKP", "Ed25519", "Ed25519"):
            _require_exactly(jwk, {"kty", "crv", "alg", "x"})
            _require_size(jwk["x"], 32)
            require_ed25519_point(b64u_decode(jwk["x"]))
        elif shape in (("EC", "P-256", "ES256"), ("EC", "P-384", "ES384")):
            _require_exactly(jwk, {"kty", "crv", "alg", "x", "y"})
            _require_size(jwk["x"], _EC_SIZES[jwk["crv"]])
            _require_size(jwk["y"], _EC_SIZES[jwk["crv"]])
            _ec_public(jwk)
        elif jwk.get("kty") == "AKP" and jwk.get("alg") in ("HPKE-9-KE", "ML-DSA-44"):
            _require_exactly(jwk, {"kty", "alg", "pub"})
            _require_size(jwk["pub"], HPKE_PUBLIC_BYTES if jwk["alg"] == "HPKE-9-KE" else MLDSA44_PUBLIC_BYTES)
        else:
            raise KeyRefused("key algorithm is not one of Ed25519, ES256, ES384, HPKE-9-KE, ML-DSA-44")
        key = PublicKey(jwk["alg"], thumbprint(jwk), dict(jwk))
        if key.alg == "HPKE-9-KE":
            _require_hpke_material(key)
        return key
    except KeyRefused:
        raise
    except ValueError as error:
        raise KeyRefused("key material is not of its algorithm's form") from error


def _require_exactly(jwk: Mapping[str, str], names: set[str]) -> None:
    if set(jwk) != names:
        raise KeyRefused(f"a public key of this kind has exactly the members {', '.join(sorted(names))}")


def _require_size(text: str, size_bytes: int) -> None:
    if len(b64u_decode(text)) != size_bytes:
        raise KeyRefused(f"key material has the wrong size, expected {size_bytes} bytes")


def require_ed25519_point(public: bytes) -> None:
    """Refuse a raw Ed25519 public key (32 bytes) of small order or in a second spelling. Raises ``KeyRefused``."""
    # Under a key of small order one signature fits many statements, so its holder could disown any of them; a y beyond
    # the field would be a second name for the same key. The library checks neither (RFC 8032 section 5.1.7 need not).
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _ED25519_P or y in _ED25519_SMALL_ORDER_Y:
        raise KeyRefused("key material is a point of small order or not in its canonical form")


def _require_hpke_material(key: PublicKey) -> None:
    # The library checks the ML-KEM half on building the key (FIPS 203 section 7.2). A small-order X25519 half gives an
    # all-zero shared secret with every private key, which the exchange refuses (RFC 7748 section 6.1); so any will do.
    key.hpke()
    dh = x25519.X25519PublicKey.from_public_bytes(b64u_decode(key.jwk["pub"])[MLKEM768_PUBLIC_BYTES:])
    x25519.X25519PrivateKey.from_private_bytes(bytes(32)).exchange(dh)


class Signer(Protocol):
    """Whatever can sign for a key: a key in memory here, a token elsewhere."""

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature (JOSE form for ECDSA)."""
        ...


def sign_compact(payload: bytes, typ: str, signer: Signer) -> str:
    """Return a compact JWS (RFC 7515) with the header ``{"alg","kid","typ"}``; ``payload`` is signed as given.

    Raises ``KeyRefused`` for a key that no statement may be signed with (docs/protocol.md section 2).
    """
    if not signer.public.is_signing:
        raise KeyRefused(f"key of algorithm {signer.public.alg} does not sign statements")
    header = canonical_bytes({"alg": signer.public.alg, "kid": signer.public.kid, "typ": typ})
    signing_input = f"{b64u(header)}.{b64u(payload)}"
    return f"{signing_input}.{b64u(signer.sign(signing_input.encode('ascii')))}"


# A key signs all its statements of one type under one header, so those of a batch are taken apart once.
@lru_cache(maxsize=MAX_KNOWN_HEADERS)
def _parse_jws_header(text: str) -> tuple[str, str, str]:
    """Return alg, kid and typ of an encoded JWS header. Raises ``SignatureRefused``."""
    try:
        header = parse_canonical(b64u_decode(text, max_bytes=MAX_JWS_HEADER_BYTES))
    except ValueError as error:
        raise SignatureRefused("a part of the JWS is not in its canonical form") from error
    if not isinstance(header, dict) or set(header) != {"alg", "kid", "typ"}:
        raise SignatureRefused("the JWS header must have exactly alg, kid and typ")
    if not all(isinstance(item, str) for item in header.values()):
        raise SignatureRefused("the JWS header's members must be text")
    if not is_kid(header["kid"]):
        raise SignatureRefused("the JWS header's kid is not a SHA-256 thumbprint")
    return header["alg"], header["kid"], header["typ"]


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """A compact JWS taken apart, nothing verified yet: good for finding the key, for nothing else."""

    kid: str
    typ: str
    alg: str
    signing_input: bytes
    payload: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: object, *, max_bytes: int = MAX_STATEMENT_BYTES) -> UnverifiedJws:
        """Take a compact JWS apart. Raises ``SignatureRefused`` on size, form, or any header member but the three."""
        if not isinstance(token, str) or len(token) > max_bytes:
            raise SignatureRefused(f"a signed statement is text of at most {max_bytes} bytes")
        parts = token.split(".")
        if len(parts) != 3:
            raise SignatureRefused("a compact JWS has three parts")
        try:
            payload = b64u_decode(parts[1], max_bytes=max_bytes)
            signature = b64u_decode(parts[2], max_bytes=MAX_SIGNATURE_BYTES)
        except ValueError as error:
            raise SignatureRefused("a part of the JWS is not in its canonical form") from error
        alg, kid, typ = _parse_jws_header(parts[0])
        signing_input = f"{parts[0]}.{parts[1]}".encode("ascii")
        return cls(kid, typ, alg, signing_input, payload, signature)

    def verify(self, key: PublicKey, typ: str) -> bytes:
        """Return the payload if typ, key id, algorithm and signature are right. Raises ``SignatureRefused``."""
        if not key.is_signing:
            raise SignatureRefused(f"key of algorithm {key.alg} does not sign statements")
        if self.typ != typ:
            raise SignatureRefused(f"statement is not of the expected type: expected {typ}")
        if self.kid != key.kid or self.alg != key.alg:
            raise SignatureRefused("statement is not signed by the expected key")
        key.verify(self.signature, self.signing_input)
        return self.payload


def claimed_signer(beginning: str) -> str:
    """Return the key id that a compact JWS names, from its beginning up to the first dot or beyond; nothing is
    verified. Raises ``SignatureRefused``."""
    header, dot, _ = beginning.partition(".")
    if not dot:
        raise SignatureRefused("a compact JWS begins with its header and a dot")
    return _parse_jws_header(header)[1]


def verify_compact(token: object, typ: str, key: PublicKey) -> bytes:
    """Return the payload bytes of a compact JWS signed by exactly this key. Raises ``SignatureRefused``."""
    return UnverifiedJws.parse(token).verify(key, typ)


def statement_digest(token: str) -> str:
    """Return the SHA-256 hex digest of a compact JWS as received. Raises ``SignatureRefused`` unless it is ASCII."""
    if not token.isascii():
        raise SignatureRefused("a compact JWS is ASCII text")
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def encode_json(value: Any) -> str:
    """Return b64u of the canonical JSON of a value."""
    return b64u(canonical_bytes(value))
