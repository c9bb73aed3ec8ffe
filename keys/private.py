"""Private keys in memory: made, read from a private JWK, used. Their ``repr`` never shows key material.

Sources: RFC 8037 (OKP), RFC 9964 (AKP for ML-DSA: ``priv`` is the 32-byte seed), draft-ietf-jose-hpke-pq-pqt (AKP for
HPKE-9-KE: ``priv`` is the 32-byte X-Wing seed; SHAKE256(seed, 96) gives the ML-KEM-768 seed and the X25519 key).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from keys.jose import EC_ORDERS, KeyRefused, PublicKey, b64u, b64u_decode, parse_public_jwk

SEED_BYTES = 32
ALGORITHMS = ("Ed25519", "ES256", "ES384", "HPKE-9-KE", "ML-DSA-44")


class PrivateKey:
    """A private key of one of the protocol's algorithms. Signs, or is handed to ``keys.sealing`` as a recipient key."""

    __slots__ = ("_private", "_secret", "public")

    def __init__(self, alg: str, secret: bytes) -> None:
        """``secret`` is the 32-byte seed (Ed25519, ML-DSA-44, HPKE-9-KE) or the big-endian scalar (ES256, ES384)."""
        if alg not in ALGORITHMS:
            raise KeyRefused("key algorithm is not one of " + ", ".join(ALGORITHMS))
        self._secret = secret
        try:
            self._private, jwk = _build(alg, secret)
        except KeyRefused:
            raise
        except ValueError as error:
            raise KeyRefused("private key material is not of its algorithm's form") from error
        self.public: PublicKey = parse_public_jwk(jwk)

    @classmethod
    def generate(cls, alg: str) -> PrivateKey:
        """Make a new key from the operating system's randomness."""
        if alg in ("ES256", "ES384"):
            curve = ec.SECP256R1() if alg == "ES256" else ec.SECP384R1()
            scalar = ec.generate_private_key(curve).private_numbers().private_value
            return cls(alg, scalar.to_bytes((curve.key_size + 7) // 8, "big"))
        return cls(alg, os.urandom(SEED_BYTES))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, str]) -> PrivateKey:
        """Read a private JWK; the public half, and ``kid`` if it is there, must agree. Raises ``KeyRefused``."""
        if not isinstance(jwk, Mapping):
            raise KeyRefused("a private key is an object of text members")
        member = "priv" if jwk.get("kty") == "AKP" else "d"
        if not isinstance(jwk.get(member), str):
            raise KeyRefused("private key has no secret member")
        public = {name: item for name, item in jwk.items() if name not in (member, "kid")}
        try:
            key = cls(str(jwk.get("alg")), b64u_decode(jwk[member]))
        except KeyRefused:
            raise
        except ValueError as error:
            raise KeyRefused("private key material is not base64url") from error
        if dict(key.public.jwk) != public or jwk.get("kid", key.public.kid) != key.public.kid:
            raise KeyRefused("the public and private halves of the key disagree")
        return key

    def to_jwk(self) -> dict[str, str]:
        """Return the private JWK. The caller seals it at once."""
        member = "priv" if self.public.jwk["kty"] == "AKP" else "d"
        return {**self.public.jwk, member: b64u(self._secret)}

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature, for ECDSA the JOSE form r || s with s at most half the order of the curve.

        Raises ``KeyRefused`` if the key cannot sign.
        """
        key = self._private
        if isinstance(key, ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey):
            return key.sign(data)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            size = (key.curve.key_size + 7) // 8
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256() if size == 32 else hashes.SHA384())))
            s = min(s, EC_ORDERS[self.public.jwk["crv"]] - s)
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        raise KeyRefused(f"key of algorithm {self.public.alg} does not sign")

    def ed25519(self) -> ed25519.Ed25519PrivateKey:
        """Return the library's key, for note signatures."""
        if not isinstance(self._private, ed25519.Ed25519PrivateKey):
            raise KeyRefused(f"expected an Ed25519 key, got {self.public.alg}")
        return self._private

    def mldsa44(self) -> mldsa.MLDSA44PrivateKey:
        """Return the library's key, for cosignatures."""
        if not isinstance(self._private, mldsa.MLDSA44PrivateKey):
            raise KeyRefused(f"expected an ML-DSA-44 key, got {self.public.alg}")
        return self._private

    def hpke(self) -> MLKEM768X25519PrivateKey:
        """Return the library's HPKE recipient key."""
        if not isinstance(self._private, MLKEM768X25519PrivateKey):
            raise KeyRefused(f"expected an HPKE-9-KE key, got {self.public.alg}")
        return self._private

    def __repr__(self) -> str:
        return f"<PrivateKey {self.public.alg} {self.public.kid[:8]}… (secret not shown)>"

    def __reduce__(self) -> str:
        raise TypeError("a private key is never pickled")


_Private = ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey | ec.EllipticCurvePrivateKey | MLKEM768X25519PrivateKey


def _build(alg: str, secret: bytes) -> tuple[_Private, dict[str, str]]:
    if alg in ("ES256", "ES384"):
        return _build_ec(alg, secret)
    if len(secret) != SEED_BYTES:
        raise KeyRefused(f"a seed has {SEED_BYTES} bytes")
    if alg == "Ed25519":
        signing = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        return signing, {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "Ed25519",
            "x": b64u(signing.public_key().public_bytes_raw()),
        }
    if alg == "ML-DSA-44":
        pq = mldsa.MLDSA44PrivateKey.from_seed_bytes(secret)
        return pq, {"kty": "AKP", "alg": alg, "pub": b64u(pq.public_key().public_bytes_raw())}
    expanded = hashlib.shake_256(secret).digest(96)
    kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    dh = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
    public = kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(kem, dh), {"kty": "AKP", "alg": alg, "pub": b64u(public)}


def _build_ec(alg: str, secret: bytes) -> tuple[_Private, dict[str, str]]:
    curve = ec.SECP256R1() if alg == "ES256" else ec.SECP384R1()
    size = (curve.key_size + 7) // 8
    if len(secret) != size:
        raise KeyRefused(f"a scalar of {alg} has {size} bytes")
    key = ec.derive_private_key(int.from_bytes(secret, "big"), curve)
    numbers = key.public_key().public_numbers()
    return key, {
        "kty": "EC",
        "crv": "P-256" if alg == "ES256" else "P-384",
        "alg": alg,
        "x": b64u(numbers.x.to_bytes(size, "big")),
        "y": b64u(numbers.y.to_bytes(size, "big")),
    }
