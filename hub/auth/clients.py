"""OAuth clients and how they authenticate: ``private_key_jwt`` (RFC 7523) and nothing else.

A client is an enrolled agency; its key is the signing key that its root certified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import g
from joserfc.jwk import ECKey, KeySet, OKPKey

from hub.auth.jwts import TokenRefused, UnverifiedToken, read_token, require_not_ahead, require_time
from hub.auth.pace import TOKEN_REQUESTS_PER_MINUTE, record_first, refuse_known, require_pace
from hub.store import exchange_rows as rows
from hub.store.database import Database
from hub.store.moment import Moment
from keys.directory import Directory
from keys.jose import PublicKey
from keys.uses import KeyUse

METHOD = "private_key_jwt"
CLIENT_ALGORITHMS = ("Ed25519", "ES256", "ES384")
ASSERTION_TYPES = frozenset({None, "JWT", "client-authentication+jwt"})
"""RFC 7523 says no type; RFC 7523bis names the last one. A subject token or a statement is none of them."""
MAX_ASSERTION_SECONDS = 300
PAST_SECONDS = 30
"""How long an assertion or subject token is still taken after its end, for a clock that is behind."""
GRANT_TYPES = ("client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange")
_USED = "its number (jti) was used before"
ENDPOINTS = frozenset({"token", "introspection", "revocation"})


class AgencyClient(ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """An enrolled agency as an OAuth client."""

    def __init__(self, agency: str, directory: Directory, at: datetime) -> None:
        self.agency = agency
        self._keys: Mapping[str, PublicKey] = {
            item.key.kid: item.key
            for item in directory.certificates
            if item.agency == agency
            and item.use is KeyUse.SIGNING
            and item.is_valid_at(at)
            and directory.revocation_of(item) is None
        }

    def get_client_id(self) -> str:
        """Return the agency id."""
        return self.agency

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Every agency has the one scope; what it may do is decided per case. None (refused) for any other."""
        return "exchange" if scope in (None, "", "exchange") else None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Only ``private_key_jwt``, at the endpoints that authenticate clients."""
        return method == METHOD and endpoint in ENDPOINTS

    def check_grant_type(self, grant_type: str) -> bool:
        """Client credentials, and the exchange of a token for a person's."""
        return grant_type in GRANT_TYPES

    def verify(self, token: UnverifiedToken) -> None:
        """Verify a token by the certified key that it names, with that key's algorithm. Raises ``TokenRefused``."""
        kid = token.header["kid"]
        public = self._keys.get(kid) if isinstance(kid, str) else None
        if public is None:
            raise TokenRefused("it names no key (kid) that is certified for this agency's signatures")
        jwk = dict[str, str | list[str]](public.jwk)
        token.verify(OKPKey.import_key(jwk) if public.alg == "Ed25519" else ECKey.import_key(jwk), public.alg)


class AgencyAssertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """``private_key_jwt`` with the algorithms of the protocol and a store of used ``jti`` values."""

    CLIENT_AUTH_METHOD = METHOD

    def __init__(self, issuer: str, database: Database, moment: Moment, clock: Callable[[], datetime]) -> None:
        super().__init__(leeway=PAST_SECONDS)
        self._issuer, self._database, self._moment, self._clock = issuer, database, moment, clock

    def get_audiences(self) -> list[str]:
        """The issuer only (RFC 7523bis): an assertion for another server is worth nothing here."""
        return [self._issuer]

    def resolve_client_public_key(self, client: AgencyClient) -> KeySet:
        """Remember the client; its keys are asked for by name."""
        g.client = client
        return KeySet([])

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take the assertion apart to find its client. Raises ``InvalidClientError``."""
        read = _read(assertion)
        return dict(read.header), dict(read.claims)

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, Any]:  # noqa: ARG002
        """Verify with the named key, count, check the claims. Raises ``InvalidClientError``, ``Refused`` (429)."""
        read, at = _read(assertion), self._clock()
        name, limit = f"token {g.client.agency}", TOKEN_REQUESTS_PER_MINUTE
        try:
            # An assertion that somebody else caught and sends again is refused before it is counted, and takes nothing
            # of the agency's pace; of two at once that are the same, the database lets one through.
            g.client.verify(read)
            refuse_known(self._moment, name, limit, at)
            jti, until = self._check(read.claims, int(at.timestamp()))
            first = partial(record_first, self._database, g.client.agency, None, "token", at)
            require_pace(self._moment, name, limit, at, on_first=first)
            self._use(jti, until, int(at.timestamp()))
        except TokenRefused as error:
            raise _invalid(error) from error
        g.client_kid = read.header["kid"]
        return dict(read.claims)

    def _check(self, claims: Mapping[str, Any], now: int) -> tuple[str, int]:
        """Return its number and until when that is remembered; nothing is written yet. Raises ``TokenRefused``."""
        expires = require_time(claims, "exp")
        if expires + PAST_SECONDS <= now:
            raise TokenRefused("exp has passed")
        if expires - now > MAX_ASSERTION_SECONDS:
            raise TokenRefused(f"it must expire within {MAX_ASSERTION_SECONDS} seconds (exp)")
        require_not_ahead(claims, now)
        # A list of audiences could be good elsewhere as well (FAPI 2.0 section 5.3.2.1: a string).
        if claims.get("aud") != self._issuer:
            raise TokenRefused("aud must be this hub's issuer, and nothing else")
        if claims.get("iss") != claims.get("sub"):
            raise TokenRefused("iss and sub must be the agency, both")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 16 <= len(jti) <= 64 or not (jti.isascii() and jti.isprintable()):
            raise TokenRefused("it has no number (jti) of 16 to 64 characters")
        with self._database.read() as session:
            if rows.is_assertion_used(session, jti):
                raise TokenRefused(_USED)
        return jti, expires + PAST_SECONDS

    def _use(self, jti: str, until: int, now: int) -> None:
        with self._database.write() as session:
            if not rows.use_assertion(session, jti, until, now):
                raise TokenRefused(_USED)


def _read(assertion: str) -> UnverifiedToken:
    try:
        return read_token(assertion, types=ASSERTION_TYPES, members={"alg", "kid"})
    except TokenRefused as error:
        raise _invalid(error) from error


def _invalid(error: TokenRefused) -> InvalidClientError:
    # RFC 6749 section 5.2: 401 says that the client was not recognised.
    return InvalidClientError(status_code=401, description=f"the client assertion is refused: {error}")
