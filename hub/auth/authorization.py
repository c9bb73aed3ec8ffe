"""The OAuth 2.0 authorization server: client credentials, ``private_key_jwt``, DPoP-bound JWT access tokens.

RFC 6749 section 4.4, RFC 7523, RFC 9068, RFC 9449, RFC 8414, on Authlib. A client is an enrolled agency; its key is the
signing key its root certified.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, g, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey, import_key

from hub.auth.dpop import Nonces, ProofRefused, verify_proof
from hub.auth.needs import Need, needs
from hub.exchange.standing import DirectoryCache
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store.database import Database
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import Signer, is_kid
from keys.jwt import sign_jwt
from keys.uses import KeyUse

TOKEN_SECONDS = 300
MAX_ASSERTION_SECONDS = 300
MAX_ASSERTION_CHARS = 4096
SCOPE = "exchange"
CLIENT_ALGORITHMS = ("Ed25519", "ES256", "ES384")
TOKEN_ALGORITHM = "Ed25519"  # noqa: S105 - the name of an algorithm


class AgencyClient(ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """An enrolled agency as an OAuth client."""

    def __init__(self, agency: str, directory: Directory, at: datetime) -> None:
        self.agency = agency
        self.keys = [
            import_key({**item.key.jwk, "kid": item.key.kid})
            for item in directory.certificates
            if item.agency == agency
            and item.use is KeyUse.SIGNING
            and item.is_valid_at(at)
            and directory.revocation_of(item) is None
        ]

    def get_client_id(self) -> str:
        """Return the agency id."""
        return self.agency

    def get_allowed_scope(self, scope: str | None) -> str:  # noqa: ARG002 - Authlib's signature
        """Every agency has the one scope; what it may do is decided per case."""
        return SCOPE

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Only ``private_key_jwt``, only at the token endpoint."""
        return method == "private_key_jwt" and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        """Only client credentials."""
        return grant_type == "client_credentials"


class AgencyAssertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """``private_key_jwt`` with the algorithms of the protocol and a shared store of used ``jti`` values."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, issuer: str, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__(leeway=30)
        self._issuer, self._database, self._clock = issuer, database, clock

    def get_audiences(self) -> list[str]:
        """The issuer only (RFC 7523bis): an assertion for another server is worth nothing here."""
        return [self._issuer]

    def resolve_client_public_key(self, client: AgencyClient) -> KeySet:
        """Return the agency's certified signing keys."""
        return KeySet(client.keys)

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read header and claims to find the client; the limit comes first. Raises ``InvalidClientError``."""
        if len(assertion) > MAX_ASSERTION_CHARS:
            raise InvalidClientError(description="assertion is too long")
        try:
            headers, claims = super().extract_assertion(assertion)
        except RecursionError as error:
            # Four thousand brackets are within the limit and beyond what the parser takes.
            raise InvalidClientError(description="Invalid JWT payload.") from error
        return headers, claims

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, Any]:
        """Verify with an explicit list of algorithms (the library's default has no Ed25519). Raises InvalidClient."""
        try:
            decoded = jwt.decode(assertion, resolve_key, algorithms=list(CLIENT_ALGORITHMS))
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="assertion does not verify") from error
        claims = decoded.claims
        if not is_kid(decoded.header.get("kid")):
            raise InvalidClientError(description="assertion must name its key (kid)")
        g.client_kid = decoded.header["kid"]
        now, expires = int(self._clock().timestamp()), claims.get("exp")
        if not isinstance(expires, int) or expires - now > MAX_ASSERTION_SECONDS:
            raise InvalidClientError(description=f"assertion must expire within {MAX_ASSERTION_SECONDS} seconds")
        self.verify_claims(claims)
        return dict(claims)

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """Check issuer, subject, audience, times and number by the hub's own clock. Raises ``InvalidClientError``."""
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock().timestamp()),
            leeway=self.leeway,
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "values": self.get_audiences()},
            exp={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise InvalidClientError(description=error.description) from error
        if claims["sub"] != claims["iss"]:
            raise InvalidClientError(description="Issuer and Subject MUST match.")
        if not self.validate_jti(claims, claims.get("jti")):
            raise InvalidClientError(description="JWT ID is missing, not of 16 to 64 characters, or used before.")

    def validate_jti(self, claims: dict[str, Any], jti: object) -> bool:
        """Record a ``jti``; False where it was used before."""
        if not isinstance(jti, str) or not 16 <= len(jti) <= 64:
            return False
        now = int(self._clock().timestamp())
        with self._database.write() as session:
            return rows.use_assertion(session, jti, int(claims["exp"]), now)


class DpopClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    """Client credentials that always give a DPoP-bound token."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["private_key_jwt"]  # noqa: RUF012 - Authlib reads a class attribute

    def validate_token_request(self) -> None:
        """Require a proof before anything else. Raises ``InvalidRequestError``."""
        super().validate_token_request()
        if not g.get("dpop_thumbprint"):
            raise InvalidRequestError(description="a DPoP proof is required")


class TokenGenerator(JWTBearerTokenGenerator):  # type: ignore[misc]
    """RFC 9068 access tokens, bound to the proof's key (``cnf.jkt``)."""

    def __init__(self, issuer: str, key: Signer) -> None:
        super().__init__(issuer, alg=TOKEN_ALGORITHM, expires_generator=lambda *_: TOKEN_SECONDS)
        self._key = key

    def access_token_generator(self, client: AgencyClient, grant_type: str, user: object, scope: str) -> str:
        """Return the signed token."""
        now = int(g.now.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": client.agency,
            "client_id": client.agency,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": self.get_jti(client, grant_type, user, scope),
            "scope": SCOPE,
            # Whoever holds a token of a key that is revoked holds nothing: each request asks for this key again.
            "client_kid": g.client_kid,
            "cnf": {"jkt": g.dpop_thumbprint},
        }
        return sign_jwt(claims, "at+jwt", self._key)

    def generate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the token response with ``token_type`` DPoP."""
        token: dict[str, Any] = super().generate(*args, **kwargs)
        token["token_type"] = "DPoP"  # noqa: S105 - RFC 9449 section 5
        return token


class Authorization:
    """Issues and checks access tokens for one hub process."""

    def __init__(
        self,
        issuer: str,
        token_key: Signer,
        database: Database,
        directory: DirectoryCache,
        clock: Callable[[], datetime],
    ) -> None:
        self.issuer = issuer
        self.nonces = Nonces()
        self._signer = token_key
        self._key = OKPKey.import_key(dict[str, str | list[str]](token_key.public.jwk))
        self._database, self._directory, self._clock = database, directory, clock

    def init_app(self, app: Flask) -> None:
        """Add the token endpoint and the metadata (RFC 8414)."""
        server = AuthorizationServer(app, query_client=self._find_client, save_token=lambda *_: None)
        server.register_client_auth_method(
            AgencyAssertion.CLIENT_AUTH_METHOD, AgencyAssertion(self.issuer, self._database, self._clock)
        )
        server.register_token_generator("default", TokenGenerator(self.issuer, self._signer).generate)
        server.register_grant(DpopClientCredentials)

        @needs(Need.OPEN)
        def token() -> Response:
            g.now = self._clock()
            try:
                g.dpop_thumbprint = verify_proof(
                    request.headers.get("DPoP"),
                    method="POST",
                    url=f"{self.issuer}/oauth/token",
                    at=g.now,
                    nonces=self.nonces,
                    access_token=None,
                )
            except ProofRefused as error:
                code = "use_dpop_nonce" if error.needs_nonce else "invalid_dpop_proof"
                response = jsonify({"error": code, "error_description": str(error)})
                response.status_code = 400
            except Refused as refusal:
                response = jsonify({"error": refusal.code, "error_description": refusal.detail})
                response.status_code = refusal.status
            else:
                response = server.create_token_response()
            response.headers["DPoP-Nonce"] = self.nonces.issue(g.now)
            response.headers["Cache-Control"] = "no-store"
            return response

        app.add_url_rule("/oauth/token", "oauth_token", token, methods=["POST"])
        app.add_url_rule("/.well-known/oauth-authorization-server", "oauth_metadata", self._metadata)

    def _find_client(self, client_id: str) -> AgencyClient | None:
        with self._database.read() as session:
            directory = self._directory.current(session)
        if client_id not in directory.agencies:
            return None
        return AgencyClient(client_id, directory, self._clock())

    @needs(Need.OPEN)
    def _metadata(self) -> Response:
        return jsonify(
            {
                "issuer": self.issuer,
                "token_endpoint": f"{self.issuer}/oauth/token",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
                "dpop_signing_alg_values_supported": ["ES256", "Ed25519"],
                "scopes_supported": [SCOPE],
            }
        )

    def require_agency(self, authorization: str | None, proof: str | None, *, method: str, url: str) -> str:
        """Return the agency that a request's token and proof stand for. Raises ``ProofRefused``.

        A token whose ``cnf`` is not proven is refused, and so is a token without one.
        """
        at = self._clock()
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "DPoP" or not token or len(token) > MAX_ASSERTION_CHARS:
            raise ProofRefused("a DPoP-bound access token is required")
        thumbprint = verify_proof(proof, method=method, url=url, at=at, nonces=self.nonces, access_token=token)
        try:
            decoded = jwt.decode(token, self._key, algorithms=[TOKEN_ALGORITHM])
        except (JoseError, ValueError) as error:
            raise ProofRefused("the access token does not verify") from error
        claims, now = decoded.claims, at.timestamp()
        if (
            decoded.header.get("typ") != "at+jwt"
            or claims.get("iss") != self.issuer
            or claims.get("aud") != self.issuer
        ):
            raise ProofRefused("the access token is not one of this hub")
        if not isinstance(claims.get("exp"), int) or now >= claims["exp"]:
            raise ProofRefused("the access token has expired")
        if not isinstance(claims.get("cnf"), dict) or claims["cnf"].get("jkt") != thumbprint:
            raise ProofRefused("the access token is bound to another key")
        return self._require_enrolled(str(claims.get("client_id")), str(claims.get("client_kid")), at)

    def _require_enrolled(self, agency: str, kid: str, at: datetime) -> str:
        with self._database.read() as session:
            directory = self._directory.current(session)
        try:
            directory.require_key(kid, KeyUse.SIGNING, agency, at)
        except NotCertified as error:
            raise ProofRefused("the key that asked for this access token is not valid any more") from error
        return agency


__all__ = ["Authorization", "OAuth2Error"]
