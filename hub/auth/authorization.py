"""The OAuth 2.0 authorization server, put together: its endpoints, and the one check of every request's token.

RFC 6749 section 4.4, RFC 7523, RFC 8693, RFC 9068, RFC 9449, RFC 7009, RFC 7662, RFC 8414, on Authlib.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from flask import Flask, Response, g, jsonify, request

from hub.auth.caller import Caller
from hub.auth.clients import METHOD, AgencyAssertion, AgencyClient
from hub.auth.dpop import ALGORITHMS, Nonces, Proof, ProofRefused, read_proof
from hub.auth.endpoints import Introspection, Revocation
from hub.auth.exchange import MemberRevoked, PersonExchange
from hub.auth.jwts import TokenRefused
from hub.auth.metadata import INTROSPECTION_PATH, METADATA_PATH, REVOCATION_PATH, TOKEN_PATH, metadata
from hub.auth.needs import Need, needs
from hub.auth.tokens import AccessToken, TokenGenerator
from hub.exchange.acts import record_caseless
from hub.exchange.standing import DirectoryCache
from hub.refusal import Refused
from hub.store.database import Database
from hub.store.moment import Moment
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import Signer
from keys.uses import KeyUse

MAX_READ_TOKENS = 1_024
CHALLENGE = f'DPoP algs="{" ".join(ALGORITHMS)}"'


class AgencyCredentials(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    """Client credentials: a DPoP-bound token of the agency itself."""

    TOKEN_ENDPOINT_AUTH_METHODS = [METHOD]  # noqa: RUF012 - Authlib reads a class attribute
    moment: Moment

    def validate_token_request(self) -> None:
        """Authenticate the client, then use up its proof. Raises ``OAuth2Error``, ``ProofRefused``, ``Refused``."""
        super().validate_token_request()
        g.dpop_proof.use(self.moment, g.now, client=g.client.agency)


class Authorization:
    """Issues and checks access tokens. Processes of one hub share what is in ``moment``."""

    def __init__(
        self,
        issuer: str,
        token_key: Signer,
        database: Database,
        directory: DirectoryCache,
        clock: Callable[[], datetime],
        *,
        moment: Moment,
    ) -> None:
        self.issuer = issuer
        self.nonces = Nonces(moment)
        self._signer, self._moment = token_key, moment
        self._database, self._directory, self._clock = database, directory, clock
        # A token says the same as long as it lives: it is verified once, by each process. What may have ended since it
        # was made (key, epoch, time, revocation) is asked at every request.
        self._read = lru_cache(MAX_READ_TOKENS)(lambda text: AccessToken.read(text, issuer, token_key))

    def init_app(self, app: Flask) -> None:
        """Add the endpoints and the metadata."""
        server = AuthorizationServer(app, query_client=self._find_client, save_token=lambda *_: None)
        server.register_client_auth_method(
            METHOD, AgencyAssertion(self.issuer, self._database, self._moment, self._clock)
        )
        server.register_token_generator("default", TokenGenerator(self.issuer, self._signer, self._moment).generate)
        shared = {"moment": self._moment, "issuer": self.issuer}
        server.register_grant(type("Credentials", (AgencyCredentials,), shared))
        told = {"directory": staticmethod(self._now_certified), "on_revoked": staticmethod(self._record_revoked)}
        server.register_grant(type("Exchange", (PersonExchange,), {**shared, **told}))
        finding = {**shared, "find": staticmethod(self.find_good)}
        server.register_endpoint(type("IntrospectionHere", (Introspection,), finding))
        server.register_endpoint(type("RevocationHere", (Revocation,), finding))

        @needs(Need.OPEN)
        def token() -> Response:
            g.now = self._clock()
            try:
                _require_plain_form()
                g.dpop_proof = self._read_proof("POST", f"{self.issuer}{TOKEN_PATH}", None)
                return _finished(server.create_token_response())
            except ProofRefused as error:
                return _finished(_oauth_error(400, _proof_code(error, "invalid_dpop_proof"), str(error)))
            except Refused as refusal:
                return refused_here(refusal)

        def asked(name: str) -> Callable[[], Response]:
            @needs(Need.OPEN)
            def endpoint() -> Response:
                g.now = self._clock()
                try:
                    _require_plain_form()
                    return _finished(server.create_endpoint_response(name))
                except Refused as refusal:
                    return refused_here(refusal)

            return endpoint

        app.add_url_rule(TOKEN_PATH, "oauth_token", token, methods=["POST"])
        app.add_url_rule(INTROSPECTION_PATH, "oauth_introspection", asked("introspection"), methods=["POST"])
        app.add_url_rule(REVOCATION_PATH, "oauth_revocation", asked("revocation"), methods=["POST"])
        app.add_url_rule(METADATA_PATH, "oauth_metadata", needs(Need.OPEN)(lambda: jsonify(metadata(self.issuer))))

    def require(
        self,
        authorization: str | None,
        proof: str | None,
        *,
        method: str,
        url: str,
        before_use: Callable[[Caller], None] = lambda _: None,
    ) -> Caller:
        """Return whom a request's token and proof stand for. Raises ``ProofRefused``, or ``Refused`` (503).

        A token whose ``cnf`` is not proven is refused, and so is a token without one. ``url`` is the request's address
        without its query. ``before_use`` is told the caller before the proof is used up; what it raises is raised.
        """
        at = self._clock()
        scheme, _, text = (authorization or "").partition(" ")
        if scheme != "DPoP" or not text or not text.isascii():
            raise ProofRefused("a DPoP-bound access token is required")
        made = read_proof(proof, method=method, url=url, at=at, nonces=self.nonces, access_token=text)
        try:
            token = self._read(text)
        except TokenRefused as error:
            raise ProofRefused(f"the access token is refused: {error}") from error
        if token.thumbprint != made.thumbprint:
            raise ProofRefused("the access token is bound to another key")
        self._require_standing(token, at)
        before_use(token.caller)
        made.use(self._moment, at, client=token.caller.agency, jti=token.jti)
        return token.caller

    def find_good(self, text: str) -> AccessToken | None:
        """Return an access token that is good now, whosever it is; None for anything else."""
        try:
            token = self._read(text)
            self._require_standing(token, self._clock())
        except (TokenRefused, ProofRefused):
            return None
        return None if self._moment.is_revoked(token.jti) else token

    def _require_standing(self, token: AccessToken, at: datetime) -> None:
        """Ask again what may have ended since the token was made. Raises ``ProofRefused``."""
        if at.timestamp() >= token.expires_at:
            raise ProofRefused("the access token has expired")
        # Another process may have begun anew: what this one does not know is looked up once.
        if token.epoch != self._moment.epoch().name and token.epoch != self._moment.epoch(again=True).name:
            raise ProofRefused("the access token is from before the hub began anew; ask for another")
        directory, caller = self._now_certified(), token.caller
        try:
            directory.require_key(token.client_kid, KeyUse.SIGNING, caller.agency, at)
        except NotCertified as error:
            raise ProofRefused("the key that asked for this access token is not valid any more") from error
        if caller.member is None:
            return
        try:
            directory.require_key(str(token.member_kid), KeyUse.MEMBER_SIGNING, caller.agency, at, member=caller.member)
        except NotCertified as error:
            raise ProofRefused("the key of the member whom this access token names is not valid any more") from error

    def _read_proof(self, method: str, url: str, token: str | None) -> Proof:
        header = request.headers.get("DPoP")
        return read_proof(header, method=method, url=url, at=g.now, nonces=self.nonces, access_token=token)

    def _now_certified(self) -> Directory:
        with self._database.read() as session:
            return self._directory.current(session)

    def _find_client(self, client_id: str) -> AgencyClient:
        # Who is not enrolled has no key that verifies, and is answered as whoever signs with the wrong one.
        return AgencyClient(client_id, self._now_certified(), self._clock())

    def _record_revoked(self, revoked: MemberRevoked, at: datetime) -> None:
        members: dict[str, Any] = {
            "agency": revoked.agency,
            "member": revoked.member,
            "act": "token",
            "statement": None,
            "code": "key_revoked",
            "rules": [],
            "lines": None,
        }
        with self._database.write() as session:
            record_caseless(session, "denied", members, at)


def _require_plain_form() -> None:
    """Refuse parameters in the address and parameters that stand twice (RFC 6749 section 3.2)."""
    if request.args:
        raise Refused(400, "invalid_request", "parameters stand in the body, never in the address")
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise Refused(400, "invalid_request", "a parameter stands twice")


def _proof_code(error: ProofRefused, otherwise: str) -> str:
    return "use_dpop_nonce" if error.needs_nonce else otherwise


def refused_here(refusal: Refused) -> Response:
    """Render a refusal as these endpoints do (RFC 6749 section 5.2)."""
    response = _oauth_error(refusal.status, refusal.code, refusal.detail)
    if "wait" in refusal.extra:
        response.headers["Retry-After"] = str(refusal.extra["wait"])
    return _finished(response)


def _oauth_error(status: int, code: str, text: str) -> Response:
    response = jsonify({"error": code, "error_description": text})
    response.status_code = status
    return response


def _finished(response: Response) -> Response:
    """Give every answer of these endpoints the same headers, and every unknown client the same status."""
    said = response.get_json(silent=True)
    if isinstance(said, dict) and said.get("error") == "invalid_client":
        # RFC 6749 section 5.2. Authlib names a scheme that the hub does not have.
        response.status_code = 401
        response.headers["WWW-Authenticate"] = CHALLENGE
    response.headers["Cache-Control"] = "no-store"
    return response


__all__ = ["Authorization", "Caller", "ProofRefused"]
