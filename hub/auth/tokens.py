"""Access tokens (RFC 9068): made, and read again. Bound to a DPoP key, of one epoch of the hub, for five minutes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import g

from hub.auth.caller import Caller
from hub.auth.clients import AgencyClient
from hub.auth.jwts import MAX_TOKEN_CHARS, TokenRefused
from hub.store.moment import Moment
from keys.canonical import parse_canonical
from keys.jose import Signer, UnverifiedJws, is_kid
from keys.jwt import sign_jwt
from keys.refusal import KeysRefusal
from policies.model import Malformed, require_agency, require_id

TOKEN_SECONDS = 300
SCOPE = "exchange"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
TOKEN_ALGORITHM = "Ed25519"  # noqa: S105 - the name of an algorithm
JTI_BYTES = 16


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as their agency's subject token named them; ``kid`` is their certified signing key's."""

    member: str
    kid: str
    amr: tuple[str, ...]
    auth_time: int


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token of this hub whose signature and form are right. Whether it still counts is not asked yet."""

    claims: Mapping[str, Any]
    caller: Caller
    client_kid: str
    member_kid: str | None
    thumbprint: str
    jti: str
    epoch: str
    expires_at: int

    @classmethod
    def read(cls, token: object, issuer: str, key: Signer) -> AccessToken:
        """Verify a token by the hub's one key for tokens. Raises ``TokenRefused``."""
        if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARS:
            raise TokenRefused(f"it is not text of at most {MAX_TOKEN_CHARS} characters")
        try:
            claims = parse_canonical(
                UnverifiedJws.parse(token, max_bytes=MAX_TOKEN_CHARS).verify(key.public, TOKEN_TYPE)
            )
        except (KeysRefusal, ValueError) as error:
            raise TokenRefused("it does not verify") from error
        try:
            return cls._of(claims, issuer)
        except (KeyError, TypeError, AttributeError, Malformed) as error:
            raise TokenRefused("its claims are not of the agreed form") from error

    @classmethod
    def _of(cls, claims: Mapping[str, Any], issuer: str) -> AccessToken:
        if claims["iss"] != issuer or claims["aud"] != issuer:
            raise TokenRefused("it is not one of this hub")
        agency, person = str(require_agency(claims["client_id"])), "act" in claims
        if person and claims["act"] != {"sub": agency}:
            raise TokenRefused("it was not given to the agency that it names")
        if not person and claims["sub"] != agency:
            raise TokenRefused("it names another subject than its client")
        caller = (
            Caller(agency, str(require_id(claims["sub"], "sub")), tuple(claims["amr"]), int(claims["auth_time"]))
            if person
            else Caller(agency)
        )
        thumbprint, kid = claims["cnf"]["jkt"], claims["client_kid"]
        if not is_kid(thumbprint) or not is_kid(kid) or type(claims["exp"]) is not int:
            raise TokenRefused("its claims are not of the agreed form")
        member_kid = str(claims["member_kid"]) if person else None
        return cls(claims, caller, kid, member_kid, thumbprint, str(claims["jti"]), str(claims["epoch"]), claims["exp"])


class TokenGenerator(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib ships no types
    """RFC 9068 access tokens, bound to the proof's key (``cnf.jkt``)."""

    def __init__(self, issuer: str, key: Signer, moment: Moment) -> None:
        super().__init__(issuer, alg=TOKEN_ALGORITHM, expires_generator=lambda *_: TOKEN_SECONDS)
        self._key, self._moment = key, moment

    def access_token_generator(
        self,
        client: AgencyClient,
        grant_type: str,  # noqa: ARG002 - Authlib's signature
        user: Subject | None,
        scope: str,  # noqa: ARG002
    ) -> str:
        """Return the signed token: for the agency itself, or for one of its people."""
        now = int(g.now.timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": client.agency if user is None else user.member,
            "client_id": client.agency,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(JTI_BYTES),
            "scope": SCOPE,
            # What was revoked is remembered within an epoch, so no token outlives its own.
            "epoch": self._moment.epoch().name,
            # Whoever holds a token of a key that is revoked holds nothing: each request asks for these keys again.
            "client_kid": g.client_kid,
            "cnf": {"jkt": g.dpop_proof.thumbprint},
        }
        if user is not None:
            claims |= {
                "act": {"sub": client.agency},
                "amr": list(user.amr),
                "auth_time": user.auth_time,
                "member_kid": user.kid,
            }
        return sign_jwt(claims, TOKEN_TYPE, self._key, kid=self._key.public.kid)

    def generate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the token response with ``token_type`` DPoP."""
        token: dict[str, Any] = super().generate(*args, **kwargs)
        token["token_type"] = "DPoP"  # noqa: S105 - RFC 9449 section 5
        return token
