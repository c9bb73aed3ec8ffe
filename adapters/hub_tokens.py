"""What an adapter signs to be let in: client assertions, subject tokens, proofs of possession (docs/protocol.md 11)."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from adapters.signed_in import SignedIn
from keys.jose import Signer
from keys.jwt import sign_jwt

ASSERTION_SECONDS = 60
SUBJECT_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a name
SUBJECT_TYPE = "nrmhub-person+jwt"


def client_form(issuer: str, agency: str, signing: Signer, at: datetime) -> dict[str, str]:
    """Return the parameters with which an agency authenticates (RFC 7523): a fresh assertion for this hub alone."""
    now = int(at.timestamp())
    claims = {
        "iss": agency,
        "sub": agency,
        "aud": issuer,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": os.urandom(16).hex(),
    }
    assertion = sign_jwt(claims, "JWT", signing, kid=signing.public.kid)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def person_form(issuer: str, agency: str, signing: Signer, person: SignedIn, at: datetime) -> dict[str, str]:
    """Return the parameters that ask for a person's token (RFC 8693): the agency's word that they are there."""
    now = int(at.timestamp())
    claims = {
        "iss": agency,
        "sub": person.member,
        "aud": issuer,
        "iat": now,
        "exp": now + SUBJECT_SECONDS,
        "jti": os.urandom(16).hex(),
        "auth_time": int(person.at.timestamp()),
        "amr": list(person.amr),
    }
    return {
        "grant_type": EXCHANGE,
        "subject_token": sign_jwt(claims, SUBJECT_TYPE, signing, kid=signing.public.kid),
        "subject_token_type": SUBJECT_TOKEN_TYPE,
    }


class ProvingKey:
    """The key to which a process's tokens are bound; it lives as long as the object."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._key = ECKey.generate_key("P-256")
        public = self._key.as_dict(private=False)
        self._jwk = {name: str(public[name]) for name in ("kty", "crv", "x", "y")}

    def prove(self, method: str, url: str, nonce: str, token: str | None) -> str:
        """Return a proof for one request (RFC 9449 section 4.2)."""
        claims: dict[str, Any] = {
            "htm": method,
            "htu": url,
            "iat": int(self._clock().timestamp()),
            "jti": os.urandom(16).hex(),
            "nonce": nonce,
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self._jwk}
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])
