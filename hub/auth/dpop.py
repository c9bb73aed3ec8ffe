"""Proof of possession (RFC 9449): check a DPoP proof, hand out nonces, refuse replays.

A nonce is only good for the process that gave it and for five minutes, so a proof cannot be replayed after a restart;
within the process every ``jti`` is remembered until its nonce has died. The hub on SQLite is one process.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from hub.refusal import Refused

MAX_PROOF_CHARS = 4096
NONCE_SECONDS = 300
MAX_AGE_SECONDS = 60
MAX_PROOFS_PER_SLOT = 200_000
MAX_TIME = 2**40
"""Seconds since 1970 that a claim may name: what is beyond is no time, and no number to calculate with."""
ALGORITHMS = ("ES256", "Ed25519")
_JWK_SHAPES = {
    "ES256": ({"kty", "crv", "x", "y"}, ("EC", "P-256")),
    "Ed25519": ({"kty", "crv", "x"}, ("OKP", "Ed25519")),
}


class ProofRefused(ValueError):
    """A DPoP proof is missing, malformed, for another request, without a current nonce, or used before."""

    def __init__(self, message: str, *, needs_nonce: bool = False) -> None:
        super().__init__(message)
        self.needs_nonce = needs_nonce


class Nonces:
    """Nonces and used ``jti`` values of one process.

    Time is cut into slots. A nonce dies with the slot after its own, so what was used is remembered in two sets, of
    this slot and of the one before; older ones are dropped whole.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._used: dict[int, set[bytes]] = {}
        self._lock = threading.Lock()

    def issue(self, at: datetime) -> str:
        """Return the nonce of this moment's slot."""
        return self._mac(_slot(at))

    def is_current(self, nonce: object, at: datetime) -> bool:
        """Whether a nonce is of this process and of this or the previous slot."""
        if not isinstance(nonce, str) or not nonce.isascii():
            return False
        slot = _slot(at)
        return any(hmac.compare_digest(nonce, self._mac(item)) for item in (slot, slot - 1))

    def _mac(self, slot: int) -> str:
        digest = hmac.new(self._secret, slot.to_bytes(8, "big"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def use(self, jti: str, at: datetime) -> bool:
        """Remember a ``jti``; False where it was used before. Raises ``Refused`` (503) where no more can be remembered.

        What could be used unseen is not accepted: a full memory answers "try again later" until its slot has passed.
        """
        slot, name = _slot(at), hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if slot not in self._used:
                self._used = {item: used for item, used in self._used.items() if item >= slot - 1}
                self._used[slot] = set()
            if any(name in used for used in self._used.values()):
                return False
            if len(self._used[slot]) >= MAX_PROOFS_PER_SLOT:
                raise Refused(503, "temporarily_unavailable", "too many requests at this moment; try again in a while")
            self._used[slot].add(name)
            return True


def _slot(at: datetime) -> int:
    return int(at.timestamp()) // NONCE_SECONDS


def verify_proof(
    proof: str | None, *, method: str, url: str, at: datetime, nonces: Nonces, access_token: str | None
) -> str:
    """Verify a DPoP proof and return the RFC 7638 thumbprint of its key. Raises ``ProofRefused``.

    ``url`` is the request's address without query and fragment, as this server knows itself.
    """
    if not proof or len(proof) > MAX_PROOF_CHARS:
        raise ProofRefused("a DPoP proof is required")
    # 1. Header: type, one of our algorithms, a bare public key.
    key = _proof_key(proof)
    # 2. Signature by that key.
    try:
        claims = jwt.decode(proof, key, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise ProofRefused("the DPoP proof does not verify") from error
    # 3. This request, now, with our nonce.
    if claims.get("htm") != method or claims.get("htu") != url:
        raise ProofRefused("the DPoP proof is for another request")
    issued = claims.get("iat")
    if type(issued) is not int or not 0 <= issued < MAX_TIME or abs(at.timestamp() - issued) > MAX_AGE_SECONDS:
        raise ProofRefused(f"the DPoP proof is not from the last {MAX_AGE_SECONDS} seconds")
    if not nonces.is_current(claims.get("nonce"), at):
        raise ProofRefused("the DPoP proof carries no current nonce of this server", needs_nonce=True)
    # 4. Bound to the token it comes with.
    if access_token is not None:
        expected = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
        if claims.get("ath") != expected:
            raise ProofRefused("the DPoP proof is for another access token")
    # 5. Once.
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 16 <= len(jti) <= 128 or not nonces.use(f"{key.thumbprint()}:{jti}", at):
        raise ProofRefused("the DPoP proof was used before")
    return str(key.thumbprint())


def _proof_key(proof: str) -> ECKey | OKPKey:
    try:
        header: dict[str, Any] = jws.extract_compact(proof.encode("ascii")).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise ProofRefused("the DPoP proof is not a compact JWS") from error
    algorithm, jwk = header.get("alg"), header.get("jwk")
    if header.get("typ") != "dpop+jwt" or set(header) != {"typ", "alg", "jwk"} or algorithm not in ALGORITHMS:
        raise ProofRefused("the DPoP proof's header must have typ dpop+jwt, alg ES256 or Ed25519, and jwk")
    members, shape = _JWK_SHAPES[str(algorithm)]
    if not isinstance(jwk, dict) or set(jwk) != members or (jwk["kty"], jwk["crv"]) != shape:
        raise ProofRefused("the DPoP proof's key must be a bare public key of its algorithm")
    try:
        return ECKey.import_key(jwk) if algorithm == "ES256" else OKPKey.import_key(jwk)
    except (JoseError, ValueError, TypeError) as error:
        raise ProofRefused("the DPoP proof's key cannot be read") from error
