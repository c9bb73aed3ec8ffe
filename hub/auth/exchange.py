"""Token exchange (RFC 8693): an agency's word for one of its people, exchanged for an access token of that person.

The subject token is a JWT that the agency signs with its own signing key, good for five minutes. What an identity
provider said stays in the agency: it never reaches the hub. Roles are the certificate's and the case's, no token's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from flask import g

from hub.auth.clients import METHOD, PAST_SECONDS, AgencyClient
from hub.auth.jwts import FUTURE_SECONDS, TokenRefused, read_token, require_not_ahead, require_time
from hub.auth.tokens import Subject
from hub.refusal import Refused
from hub.store.moment import Moment
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.sessions import ABSOLUTE
from keys.uses import KeyUse
from policies.model import Malformed, require_id

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
SUBJECT_TYPE = "nrmhub-person+jwt"
SUBJECT_CLAIMS = frozenset({"iss", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr"})
MAX_SUBJECT_SECONDS = 300
MAX_METHODS = 8
_METHOD_NAME = re.compile(r"[a-z0-9]{2,12}")


class MemberRevoked(Exception):
    """A subject token names a person all of whose keys are revoked: refused, and written down by the caller."""

    def __init__(self, agency: str, member: str) -> None:
        super().__init__("every key of this member that could sign is revoked")
        self.agency, self.member = agency, member


def read_subject(token: object, client: AgencyClient, issuer: str, directory: Directory, at: datetime) -> Subject:
    """Verify an agency's subject token and return who it names.

    Raises ``TokenRefused``; ``MemberRevoked`` where the person was certified and is revoked.
    """
    read = read_token(token, types={SUBJECT_TYPE}, members={"alg", "kid"})
    client.verify(read)
    claims, now = read.claims, int(at.timestamp())
    if set(claims) != SUBJECT_CLAIMS:
        raise TokenRefused(f"its claims must be exactly {', '.join(sorted(SUBJECT_CLAIMS))}")
    if claims["iss"] != client.agency:
        raise TokenRefused("iss must be the agency that brings it")
    if claims["aud"] != issuer:
        raise TokenRefused("aud must be this hub's issuer, and nothing else")
    issued, expires = require_time(claims, "iat"), require_time(claims, "exp")
    require_not_ahead(claims, now)
    if expires + PAST_SECONDS <= now:
        raise TokenRefused("exp has passed")
    if not issued < expires <= issued + MAX_SUBJECT_SECONDS:
        raise TokenRefused(f"it may be good for {MAX_SUBJECT_SECONDS} seconds at most")
    if not isinstance(claims["jti"], str) or not 16 <= len(claims["jti"]) <= 64 or not claims["jti"].isascii():
        raise TokenRefused("it has no number (jti) of 16 to 64 characters")
    signed_in = require_time(claims, "auth_time")
    if not now - ABSOLUTE.total_seconds() < signed_in <= now + FUTURE_SECONDS:
        raise TokenRefused(f"auth_time must be of the last {ABSOLUTE.total_seconds() / 3600:.0f} hours")
    try:
        member = str(require_id(claims["sub"], "sub"))
    except Malformed as error:
        raise TokenRefused("sub must be a member's id") from error
    return Subject(member, _member_key(directory, client.agency, member, at), _methods(claims["amr"]), signed_in)


def _methods(amr: object) -> tuple[str, ...]:
    if not isinstance(amr, list) or not 1 <= len(amr) <= MAX_METHODS:
        raise TokenRefused(f"amr must list 1 to {MAX_METHODS} ways in which the person was recognised")
    if not all(isinstance(item, str) and _METHOD_NAME.fullmatch(item) for item in amr) or len(set(amr)) != len(amr):
        raise TokenRefused("amr must list names of RFC 8176, each once")
    return tuple(amr)


def _member_key(directory: Directory, agency: str, member: str, at: datetime) -> str:
    """Return the key id of a person's newest valid signing key. Raises ``TokenRefused`` or ``MemberRevoked``."""
    try:
        return directory.newest_key(KeyUse.MEMBER_SIGNING, agency, at, member=member).key.kid
    except NotCertified as error:
        for item in directory.certificates:
            if (item.agency, item.member, item.use) == (agency, member, KeyUse.MEMBER_SIGNING) and item.is_valid_at(at):
                raise MemberRevoked(agency, member) from error
        raise TokenRefused("sub names nobody whom this agency has certified") from error


class PersonExchange(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib ships no types
    """The grant: a subject token in, a DPoP-bound access token of that person out."""

    GRANT_TYPE = GRANT_TYPE
    TOKEN_ENDPOINT_AUTH_METHODS = [METHOD]  # noqa: RUF012 - Authlib reads a class attribute
    issuer: str
    moment: Moment
    directory: Callable[[], Directory]
    on_revoked: Callable[[MemberRevoked, datetime], None]

    def validate_token_request(self) -> None:
        """Authenticate the agency, then check what it brings. Raises ``OAuth2Error``, ``Refused``."""
        client: AgencyClient = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("the client may not use this grant")
        self.request.client = client
        form = self.request.form
        _require(form, "subject_token_type", JWT_TYPE, is_required=True)
        _require(form, "requested_token_type", ACCESS_TOKEN_TYPE)
        _require(form, "audience", self.issuer)
        _require(form, "resource", self.issuer)
        if "actor_token" in form or "actor_token_type" in form:
            raise InvalidRequestError("an actor token is not taken: the agency that brings the subject token acts")
        try:
            # RFC 8693 section 2.2.2: whatever is wrong with the subject token is invalid_request.
            self.request.user = read_subject(form.get("subject_token"), client, self.issuer, self.directory(), g.now)
        except TokenRefused as error:
            raise InvalidRequestError(f"the subject token is refused: {error}") from error
        except MemberRevoked as revoked:
            # Used up first: the same request again is refused, and leaves no second entry.
            g.dpop_proof.use(self.moment, g.now, client=client.agency)
            self.on_revoked(revoked, g.now)
            raise Refused(403, "key_revoked", str(revoked)) from revoked
        g.dpop_proof.use(self.moment, g.now, client=client.agency)

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """Return the token response of RFC 8693 section 2.2.1."""
        token = self.generate_token(
            user=self.request.user, scope=self.request.payload.scope, include_refresh_token=False
        )
        return 200, {**token, "issued_token_type": ACCESS_TOKEN_TYPE}, self.TOKEN_RESPONSE_HEADER


def _require(form: Mapping[str, str], name: str, expected: str, *, is_required: bool = False) -> None:
    if (is_required or name in form) and form.get(name) != expected:
        raise InvalidRequestError(f"{name} must be {expected}")
