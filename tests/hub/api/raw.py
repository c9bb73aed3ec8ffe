"""A hand-made caller of the hub: every token, proof and header can be wrong in one chosen way."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from keys.private import PrivateKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"
SUBJECT_TYPE = "nrmhub-person+jwt"
ABSENT = object()


def ath(token: str) -> str:
    """Return a proof's token digest (RFC 9449 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def okp(key: PrivateKey) -> OKPKey:
    """Return an Ed25519 key of ours as the JOSE library wants it."""
    return OKPKey.import_key(dict[str, str | list[str]](key.to_jwk()))


@dataclass
class Raw:
    """One agency's caller, or a stranger's."""

    issuer: str
    agency: str
    signing: PrivateKey
    http: httpx.Client
    dpop: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    nonce: str = ""
    held: str = ""

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        """Return a client assertion; a claim given as ABSENT is left out."""
        now = int(time.time())
        claims = {
            "iss": self.agency,
            "sub": self.agency,
            "aud": self.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": os.urandom(16).hex(),
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        public = self.signing.public
        top = header or {"alg": public.alg, "kid": public.kid, "typ": "JWT"}
        return jwt.encode(top, claims, key or okp(self.signing), algorithms=[top["alg"]])

    def proof(
        self, method: str, url: str, token: str | None, *, key: Any = None, header: Any = None, **changed: Any
    ) -> str:
        """Return a DPoP proof; a claim given as ABSENT is left out."""
        claims: dict[str, Any] = {
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "jti": os.urandom(16).hex(),
            "nonce": self.nonce,
        }
        if token is not None:
            claims["ath"] = ath(token)
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not ABSENT}
        own = key or self.dpop
        jwk = {name: str(own.as_dict(private=False)[name]) for name in ("kty", "crv", "x", "y")}
        top = header or {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
        return jwt.encode(top, claims, own, algorithms=[top["alg"]])

    def ask_token(self, assertion: str | None = None, *, proof: str | None = None, **form: Any) -> httpx.Response:
        """Ask for a token once, with a current nonce."""
        if not self.nonce:
            self.nonce = self.http.get("/health").headers["DPoP-Nonce"]
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
            **form,
        }
        data = {name: value for name, value in data.items() if value is not ABSENT}
        made = self.proof("POST", f"{self.issuer}/oauth/token", None) if proof is None else proof
        return self.http.post("/oauth/token", data=data, headers={"DPoP": made} if made else {})

    def subject(self, member: str, *, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        """Return a subject token; a claim given as ABSENT is left out."""
        now = int(time.time())
        claims = {
            "iss": self.agency,
            "sub": member,
            "aud": self.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": os.urandom(16).hex(),
            "auth_time": now,
            "amr": ["pwd"],
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        public = self.signing.public
        top = header or {"alg": public.alg, "kid": public.kid, "typ": SUBJECT_TYPE}
        return jwt.encode(top, claims, key or okp(self.signing), algorithms=[top["alg"]])

    def ask_person(self, subject: str, *, proof: str | None = None, **form: Any) -> httpx.Response:
        """Ask for a person's token once (RFC 8693)."""
        given = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": SUBJECT_TOKEN_TYPE, **form}
        return self.ask_token(proof=proof, **given)

    def ask_about(self, path: str, token: str, **form: Any) -> httpx.Response:
        """Ask the authorization server about a token: introspection, revocation."""
        data = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
            "token": token,
            **form,
        }
        return self.http.post(path, data={name: value for name, value in data.items() if value is not ABSENT})

    @property
    def token(self) -> str:
        """A good access token, fetched once."""
        if not self.held:
            response = self.ask_token()
            assert response.status_code == 200, response.text
            self.held = response.json()["access_token"]
        return self.held

    def send(
        self, method: str, path: str, *, proof: str | None = None, authorization: str | None = None, **rest: Any
    ) -> httpx.Response:
        """Send one request; proof and Authorization are good unless given (empty: left out)."""
        token = self.token
        made = self.proof(method, f"{self.issuer}{path.split('?')[0]}", token) if proof is None else proof
        scheme = f"DPoP {token}" if authorization is None else authorization
        headers = {
            **({"Authorization": scheme} if scheme else {}),
            **({"DPoP": made} if made else {}),
            **rest.pop("headers", {}),
        }
        return self.http.request(method, path, headers=headers, **rest)
