"""What the demo's identity provider stands on: people, clients, what waits to be taken, and Authlib's checks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ACR_TWO_FACTORS = "https://refeds.org/profile/mfa"
MAX_WAITING = 500
TOKEN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented. ``code`` stands in for what a phone would show; here it stays the same for the run."""

    username: str
    subject: str
    password: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """A site that people sign in to: an agency's workspace, or the hub's console."""

    client_id: str
    redirect_uris: tuple[str, ...]
    jwks: Mapping[str, Any]

    def get_client_id(self) -> str:
        """Return the client's name."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """No address is guessed."""
        return ""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Only who somebody is."""
        return "openid" if scope == "openid" else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly one of those registered."""
        return redirect_uri in self.redirect_uris

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Only ``private_key_jwt``."""
        return method == "private_key_jwt"

    def check_response_type(self, response_type: str) -> bool:
        """Only a code."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Only a code."""
        return grant_type == "authorization_code"


@dataclass(frozen=True, slots=True)
class Issued:
    """A code that waits to be redeemed."""

    code: str
    client_id: str
    redirect_uri: str
    nonce: str | None
    code_challenge: str
    person: Person
    has_code: bool
    at: int

    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        """Where it was sent."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What it is for."""
        return "openid"

    def get_nonce(self) -> str | None:
        """What the client wants to see again."""
        return self.nonce

    def get_auth_time(self) -> int:
        """When the person signed in."""
        return self.at

    def get_acr(self) -> str | None:
        """Two factors, or nothing said."""
        return ACR_TWO_FACTORS if self.has_code else None

    def get_amr(self) -> list[str]:
        """The methods (RFC 8176)."""
        return ["pwd", "otp", "mfa"] if self.has_code else ["pwd"]


class Waiting:
    """What waits for a moment and is taken once: pushed requests, codes, numbers of assertions."""

    def __init__(self, seconds: int) -> None:
        self._seconds, self._held, self._lock = seconds, dict[str, tuple[float, Any]](), threading.Lock()

    def put(self, name: str, what: Any) -> bool:
        """Keep something; False where the name is taken already."""
        now = time.monotonic()
        with self._lock:
            self._held = {key: item for key, item in self._held.items() if item[0] > now}
            if name in self._held or len(self._held) >= MAX_WAITING:
                return False
            self._held[name] = (now + self._seconds, what)
            return True

    def get(self, name: str) -> Any:
        """Return what waits, or None."""
        with self._lock:
            until, what = self._held.get(name, (0.0, None))
        return what if until > time.monotonic() else None

    def take(self, name: str) -> Any:
        """Return what waits, or None; it waits no more."""
        found = self.get(name)
        with self._lock:
            self._held.pop(name, None)
        return found


class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """The client proves itself with its own key, to this issuer alone."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, issuer: str) -> None:
        super().__init__()
        self._issuer, self._used = issuer, Waiting(TOKEN_SECONDS)

    def get_audiences(self) -> list[str]:
        """The issuer."""
        return [self._issuer]

    def resolve_client_public_key(self, client: Client) -> KeySet:
        """The keys it registered."""
        return KeySet.import_key_set(dict(client.jwks))  # type: ignore[arg-type]

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, Any]:
        """Verify with an explicit list of algorithms. Raises ``InvalidClientError``."""
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=["ES256", "Ed25519"]).claims
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="assertion does not verify") from error
        self.verify_claims(claims)
        return dict(claims)

    def validate_jti(self, claims: Mapping[str, Any], jti: object) -> bool:  # noqa: ARG002 - Authlib's signature
        """Once only."""
        return isinstance(jti, str) and len(jti) <= 100 and self._used.put(jti, True)


class RequiredChallenge(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, S256 only."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib reads a class attribute

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Raise ``InvalidRequestError`` where there is none, or another method."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with S256 is required")
        super().validate_code_challenge(grant, redirect_uri)
