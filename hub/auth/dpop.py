"""Proof of possession (RFC 9449): check a DPoP proof, hand out nonces. Which proofs were used, the store of the moment
remembers for all of a hub's processes.

Every proof carries a nonce of the hub (docs/adr/0006), and a nonce is of one slot of five minutes: so whether a proof
was used is asked among those of its own nonce alone, and forgotten when that has died.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from hub.auth.jwts import MAX_TIME, TokenRefused, read_token
from hub.refusal import Refused
from hub.store.moment import MAX_PROOFS_OF_ONE_CLIENT, Epoch, Moment, Use
from keys.jose import KeyRefused, parse_public_jwk

MAX_PROOF_CHARS = 4096
NONCE_SECONDS = 300
MAX_AGE_SECONDS = 60
MAX_BUILT_KEYS = 1024
NONCE_CHARS = 24
ALGORITHMS = ("ES256", "Ed25519")
_JWK_SHAPES = {
    "ES256": ({"kty", "crv", "x", "y"}, ("EC", "P-256")),
    "Ed25519": ({"kty", "crv", "x"}, ("OKP", "Ed25519")),
}


class ProofRefused(ValueError):
    """A token or its proof is missing, malformed, for another request, without a current nonce, or used before."""

    def __init__(self, message: str, *, needs_nonce: bool = False) -> None:
        super().__init__(message)
        self.needs_nonce = needs_nonce


class Nonces:
    """Nonces of a hub: made from the epoch's secret, so that each process knows those of every other."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def issue(self, at: datetime) -> str:
        """Return the nonce of this moment's slot."""
        return _mac(self._moment.epoch(), _slot(at))

    def expiry_of(self, nonce: object, at: datetime) -> tuple[str, int] | None:
        """Return the epoch and the second in which a nonce dies; None for one that is not current (any more)."""
        if not isinstance(nonce, str) or len(nonce) != NONCE_CHARS or not nonce.isascii():
            return None
        # Another process may have begun a new epoch: what this one does not know is looked up once.
        return self._expiry(self._moment.epoch(), nonce, at) or self._expiry(self._moment.epoch(again=True), nonce, at)

    def _expiry(self, epoch: Epoch, nonce: str, at: datetime) -> tuple[str, int] | None:
        for slot in (_slot(at), _slot(at) - 1):
            if hmac.compare_digest(nonce, _mac(epoch, slot)):
                return epoch.name, (slot + 2) * NONCE_SECONDS
        return None


def _slot(at: datetime) -> int:
    return int(at.timestamp()) // NONCE_SECONDS


def _mac(epoch: Epoch, slot: int) -> str:
    digest = hmac.digest(epoch.secret, slot.to_bytes(8, "big"), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is right in itself; whether it was used before is not asked yet."""

    thumbprint: str
    """RFC 7638 thumbprint of its key."""
    digest: bytes
    """What it is remembered by: its key and its number."""
    epoch: str
    expires_at: int
    """When its nonce dies, in seconds since 1970."""

    def use(self, moment: Moment, at: datetime, *, client: str, jti: str | None = None) -> None:
        """Use it up, for the agency ``client``; ``jti`` is that of the token it comes with.

        Raises ``ProofRefused`` where it was used before or the token is revoked, ``Refused`` where no more can be
        remembered: of this agency's (429), of anybody's (503).
        """
        now = int(at.timestamp())
        use = moment.use_proof(self.epoch, self.expires_at, self.digest, now=now, client=client, jti=jti)
        if use is Use.FULL_FOR_CLIENT:
            wait = NONCE_SECONDS - now % NONCE_SECONDS
            text = f"at most {MAX_PROOFS_OF_ONE_CLIENT} requests of an agency and its people with one nonce"
            raise Refused(429, "too_many_requests", f"{text}; try again in {wait} seconds with a new one", wait=wait)
        if use is Use.FULL:
            raise Refused(503, "temporarily_unavailable", "too many requests at this moment; try again in a while")
        if use is Use.REVOKED:
            raise ProofRefused("the access token was revoked")
        if use is Use.FORGOTTEN:
            raise ProofRefused("the DPoP proof carries no current nonce of this server", needs_nonce=True)
        if use is Use.AGAIN:
            raise ProofRefused("the DPoP proof was used before")


def read_proof(
    proof: str | None, *, method: str, url: str, at: datetime, nonces: Nonces, access_token: str | None
) -> Proof:
    """Verify a DPoP proof for one request. Raises ``ProofRefused``.

    ``url`` is the request's address without query and fragment, as this server knows itself.
    """
    if not proof or len(proof) > MAX_PROOF_CHARS:
        raise ProofRefused("a DPoP proof is required")
    # 1. Header: type, one of our algorithms, a bare public key. Signature by that key.
    try:
        read = read_token(proof, types={"dpop+jwt"}, members={"alg", "jwk"}, at_most=MAX_PROOF_CHARS)
        algorithm = str(read.header["alg"])
        key, thumbprint = proof_key(algorithm, read.header["jwk"])
        read.verify(key, algorithm)
    except TokenRefused as error:
        raise ProofRefused(f"the DPoP proof is refused: {error}") from error
    # 2. This request, now, with our nonce.
    claims = read.claims
    if claims.get("htm") != method or claims.get("htu") != url:
        raise ProofRefused("the DPoP proof is for another request")
    issued = claims.get("iat")
    if type(issued) is not int or not 0 <= issued < MAX_TIME or abs(at.timestamp() - issued) > MAX_AGE_SECONDS:
        raise ProofRefused(f"the DPoP proof is not from the last {MAX_AGE_SECONDS} seconds")
    found = nonces.expiry_of(claims.get("nonce"), at)
    if found is None:
        raise ProofRefused("the DPoP proof carries no current nonce of this server", needs_nonce=True)
    # 3. Bound to the token it comes with.
    if access_token is not None:
        expected = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
        if claims.get("ath") != expected:
            raise ProofRefused("the DPoP proof is for another access token")
    # 4. With a number of its own.
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 16 <= len(jti) <= 128:
        raise ProofRefused("the DPoP proof has no number (jti) of 16 to 128 characters")
    digest = hashlib.sha256(f"{thumbprint}:{jti}".encode("utf-8", "surrogatepass")).digest()
    return Proof(thumbprint, digest, *found)


def proof_key(algorithm: str, jwk: object) -> tuple[ECKey | OKPKey, str]:
    """Return the key in a proof's header, and its thumbprint. Raises ``TokenRefused`` unless it is bare and public."""
    if algorithm not in ALGORITHMS:
        raise TokenRefused("its algorithm must be ES256 or Ed25519")
    members, shape = _JWK_SHAPES[algorithm]
    if not isinstance(jwk, dict) or set(jwk) != members or not all(isinstance(item, str) for item in jwk.values()):
        raise TokenRefused("its key must be a bare public key of its algorithm")
    if (jwk["kty"], jwk["crv"]) != shape:
        raise TokenRefused("its key must be a bare public key of its algorithm")
    return _built_key(algorithm, jwk["x"], jwk.get("y", ""))


# An adapter proves with one key as long as it runs: building it takes longer than all the rest.
@lru_cache(maxsize=MAX_BUILT_KEYS)
def _built_key(algorithm: str, x: str, y: str) -> tuple[ECKey | OKPKey, str]:
    kty, crv = _JWK_SHAPES[algorithm][1]
    jwk: dict[str, str] = {"kty": kty, "crv": crv, "x": x, **({"y": y} if y else {})}
    try:
        thumbprint = parse_public_jwk({**jwk, "alg": algorithm}).kid
        built = dict[str, str | list[str]](jwk)
        return (ECKey.import_key(built) if algorithm == "ES256" else OKPKey.import_key(built)), thumbprint
    except (JoseError, KeyRefused, ValueError, TypeError) as error:
        raise TokenRefused("its key cannot be read") from error
