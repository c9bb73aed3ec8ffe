"""What a client asks about its own tokens: are they good still (RFC 7662), and be done with them (RFC 7009).

Another's token, one that has ended, and what is no token at all are answered alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from hub.auth.clients import METHOD, AgencyClient
from hub.auth.tokens import AccessToken
from hub.store.moment import Moment

SAID = ("iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "cnf", "act", "amr", "auth_time")
"""The claims of a token that its client may hear again."""


@dataclass(frozen=True, slots=True)
class OwnToken:
    """A client's own token that is good now, as Authlib's endpoints ask for it."""

    token: AccessToken

    def is_expired(self) -> bool:
        """Never: what has expired is not found."""
        return False

    def is_revoked(self) -> bool:
        """Never: what was revoked is not found."""
        return False

    def check_client(self, client: AgencyClient) -> bool:
        """Whether it is that client's."""
        return self.token.caller.agency == client.agency


class _Looking:
    """Finds a client's own token; a request of another form is refused as RFC 6749 says."""

    CLIENT_AUTH_METHODS = (METHOD,)
    moment: Moment
    find: Callable[[str], AccessToken | None]

    def authenticate_token(self, request: Any, client: AgencyClient) -> OwnToken | None:
        """Return the token if it is good and this client's. Raises ``InvalidRequestError``."""
        form = request.form
        if len(form.getlist("token")) != 1:
            raise InvalidRequestError("token must stand there once")
        # A hint that is wrong or unknown only makes the search longer (RFC 7009 section 2.1); there is one kind here.
        found = self.find(form["token"])
        return OwnToken(found) if found is not None and found.caller.agency == client.agency else None


class Introspection(_Looking, IntrospectionEndpoint):  # type: ignore[misc]  # Authlib ships no types
    """RFC 7662."""

    def introspect_token(self, token: OwnToken) -> dict[str, Any]:
        """Return what a client may hear of its own token."""
        claims = token.token.claims
        return {"active": True, "token_type": "DPoP", **{name: claims[name] for name in SAID if name in claims}}


class Revocation(_Looking, RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009: 200, whether there was something to revoke or not."""

    def revoke_token(self, token: OwnToken, request: Any) -> None:  # noqa: ARG002 - Authlib's signature
        """Remember it as revoked until it would have expired."""
        self.moment.revoke(token.token.jti, token.token.expires_at)
