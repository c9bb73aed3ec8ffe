"""One provider as this process knows it: what it publishes, fetched, checked and kept a while; and one sign-in with it.

The client is Authlib's, with our requests (``keys.fetching``) and our key (``private_key_jwt``) instead of its own. The
person's session and browser are the web framework's matter: ``hub.console.sign_in``, ``adapters.workspace.sign_in``.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.client import OAuth2Client

from keys.fetching import Answer, Outgoing, Unreachable
from keys.id_token import MAX_JWKS_BYTES, Expected, UnknownKey, identify, read_jwks
from keys.jose import KeyRefused, Signer
from keys.outgoing import OutgoingRefused
from keys.sign_in import (
    MAX_ANSWER_BYTES,
    MAX_METADATA_BYTES,
    REQUEST_SECONDS,
    SCOPE,
    Identity,
    Metadata,
    Provider,
    Reason,
    SignInRefused,
    check_callback,
    check_metadata,
    client_assertion,
    discovery_address,
    read_object,
    read_pushed,
)

Redeem = Callable[[str, str], Mapping[str, Any]]
FRESH = timedelta(minutes=10)
"""How long metadata and keys are used: a key that a provider takes back is refused after this at the latest."""
AGAIN = timedelta(seconds=30)
"""Within this time after a fetch an unknown key does not make another one; after a failure nothing is asked at all."""
MAX_AT_ONCE = 3
"""Requests to one provider at a time, and who waits for them: more would hold threads that others need."""
SIGN_IN_SECONDS = 15.0
"""For all requests that one page of a sign-in makes: each of them may take ``keys.fetching.TOTAL_SECONDS``."""
BUSY_SECONDS = 10
"""After how long somebody who was sent away may try again."""
_UNTIL: ContextVar[float | None] = ContextVar("when the page that is answered now has no time left", default=None)
_Found = TypeVar("_Found")


class ProviderLink:
    """One provider, for one process. Threads may share it; of several that need a document one fetches it.

    However slow the provider is, at most ``MAX_AT_ONCE`` threads are held, each for ``seconds`` at most; whoever comes
    beyond is refused at once. Nothing is shared with the links of other providers.
    """

    def __init__(
        self,
        provider: Provider,
        signer: Signer,
        outgoing: Outgoing,
        clock: Callable[[], datetime],
        *,
        seconds: float = SIGN_IN_SECONDS,
    ) -> None:
        if signer.public.alg not in ("ES256", "ES384", "Ed25519"):
            raise KeyRefused(f"key of algorithm {signer.public.alg} does not sign tokens")
        self.provider, self.signer, self.clock = provider, signer, clock
        self._outgoing, self._reach = outgoing, provider.reach(outgoing.environment)
        self._lock, self._places = threading.Lock(), threading.BoundedSemaphore(MAX_AT_ONCE)
        self._seconds = seconds
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, tuple[Mapping[str, Any], ...]] | None = None
        self._failed_at: datetime | None = None

    @contextmanager
    def one_sign_in(self) -> Iterator[None]:
        """Bound the time of whatever is asked of the provider within the block, all together."""
        before = _UNTIL.set(time.monotonic() + self._seconds)
        try:
            yield
        finally:
            _UNTIL.reset(before)

    def metadata(self) -> Metadata:
        """Return the provider's checked metadata, fetched where none is fresh. Raises ``SignInRefused``."""
        known = self._metadata
        if known is None or not self._is_within(known, FRESH):
            with self._place(), self._turn():
                known = self._metadata
                if known is None or not self._is_within(known, FRESH):
                    self._metadata = known = self._fetch_metadata()
        return known[1]

    def _fetch_metadata(self) -> tuple[datetime, Metadata]:
        found = self._fetch(discovery_address(self.provider.issuer), MAX_METADATA_BYTES)
        document = read_object(found, MAX_METADATA_BYTES, "discovery")
        checked = check_metadata(document, self.provider, self._outgoing.environment, self.signer.public.alg)
        return self.clock(), checked

    def identify(self, id_token: object, expected: Expected) -> Identity:
        """Verify an ID token with the provider's keys; fetch them again where none fits. Raises ``SignInRefused``."""
        now = self.clock()
        try:
            return identify(id_token, self._published(FRESH), self.provider, expected, now)
        except UnknownKey:
            return identify(id_token, self._published(AGAIN), self.provider, expected, now)

    def begin(self, asked: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """Return where the browser goes with a request that Authlib made, and what their session keeps of it."""
        held = {"nonce": asked["nonce"], "verifier": asked["code_verifier"], "begun_at": int(self.clock().timestamp())}
        return self._push(asked["url"]), held

    def finish(self, held: object, args: Mapping[str, Sequence[str]], redeem: Redeem) -> Identity:
        """Return who signed in. Raises ``SignInRefused``.

        ``held`` is what the session kept for the answer's state, taken out of it, so that an answer counts once; None
        where it holds nothing. ``redeem`` exchanges code and verifier for the token answer. No token is kept.
        """
        if not isinstance(held, Mapping):
            raise SignInRefused("callback: no sign-in was begun with this state in this session", Reason.STALE)
        begun_at = datetime.fromtimestamp(held["begun_at"], UTC)
        if not timedelta(0) <= self.clock() - begun_at < timedelta(seconds=REQUEST_SECONDS):
            raise SignInRefused("callback: the sign-in took too long", Reason.STALE)
        code = check_callback(args, self.provider, self.metadata())
        answer = redeem(code, held["verifier"])
        access_token = answer.get("access_token")
        given = access_token if isinstance(access_token, str) else None
        return self.identify(answer.get("id_token"), Expected(held["nonce"], begun_at, code, given))

    def _published(self, within: timedelta) -> tuple[Mapping[str, Any], ...]:
        address = self.metadata().jwks_uri
        known = self._keys
        if known is None or not self._is_within(known, within):
            with self._place(), self._turn():
                known = self._keys
                if known is None or not self._is_within(known, within):
                    self._keys = known = self.clock(), read_jwks(self._fetch(address, MAX_JWKS_BYTES))
        return known[1]

    def _is_within(self, kept: tuple[datetime, Any], age: timedelta) -> bool:
        # A clock that went back makes nothing fresh.
        return timedelta(0) <= self.clock() - kept[0] < age

    def _fetch(self, address: str, limit_bytes: int) -> bytes:
        return self._ask(
            lambda seconds: self._outgoing.get(
                address, self._reach, ca_file=self.provider.ca_file, limit_bytes=limit_bytes, seconds=seconds
            )
        )

    def post(self, address: str, form: Mapping[str, str]) -> Answer:
        """Send a form to one of the provider's endpoints. Raises ``SignInRefused``."""
        ca_file, limit_bytes = self.provider.ca_file, MAX_ANSWER_BYTES
        with self._place():
            return self._ask(
                lambda seconds: self._outgoing.post(
                    address, form, self._reach, ca_file=ca_file, limit_bytes=limit_bytes, seconds=seconds
                )
            )

    # --- so much at a time, and for so long ---

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Be one of the few who wait for the provider. Raises ``SignInRefused`` at once where no place is free."""
        if not self._places.acquire(blocking=False):
            said = f"{MAX_AT_ONCE} requests to the provider are under way already; no other one was made"
            raise SignInRefused(said, Reason.BUSY, wait_seconds=BUSY_SECONDS)
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the one who fetches a document, when those before are done. Raises ``SignInRefused`` when time is up."""
        if not self._lock.acquire(timeout=self._left()):
            raise SignInRefused("another request to the provider took all the time there was", Reason.UNREACHABLE)
        try:
            yield
        finally:
            self._lock.release()

    def _left(self) -> float:
        """Return the seconds that the page has left. Raises ``SignInRefused``."""
        until = _UNTIL.get()
        left = self._seconds if until is None else until - time.monotonic()
        if left <= 0:
            raise SignInRefused(f"the provider took more than {self._seconds:g} seconds in all", Reason.UNREACHABLE)
        return left

    def _ask(self, send: Callable[[float], _Found]) -> _Found:
        """Make one request in the time that is left; where it fails, the next ones are not made for a while."""
        left = self._left()
        if self._failed_at is not None and timedelta(0) <= self.clock() - self._failed_at < AGAIN:
            said = "the provider was not reached a moment ago; not asked again yet"
            raise SignInRefused(said, Reason.UNREACHABLE, wait_seconds=int(AGAIN.total_seconds()))
        try:
            found = send(left)
        except OutgoingRefused as error:
            self._failed_at = self.clock()
            raise _as_refusal(error) from error
        self._failed_at = None
        return found

    def assertion(self) -> dict[str, str]:
        """Return the form members with which we authenticate (RFC 7521 section 4.2): fresh for each request."""
        return {
            "client_id": self.provider.client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": client_assertion(self.provider, self.signer, self.clock(), secrets.token_hex(16)),
        }

    def _push(self, address: str) -> str:
        """Return where the browser is sent instead of ``address``: the request itself goes ahead of it (RFC 9126).

        Where the provider takes no pushed requests it is ``address`` as it was. Raises ``SignInRefused``.
        """
        endpoint = self.metadata().pushed_endpoint
        if endpoint is None:
            return address
        parts = urlsplit(address)
        answer = self.post(endpoint, {**dict(parse_qsl(parts.query)), **self.assertion()})
        if answer.status != 201:
            raise SignInRefused(f"pushed request: expected status 201, got {answer.status}", Reason.UNREACHABLE)
        request_uri = read_pushed(read_object(answer.body, MAX_ANSWER_BYTES, "pushed request"))
        asked = {"client_id": self.provider.client_id, "request_uri": request_uri}
        own = dict(parse_qsl(urlsplit(self.metadata().authorization_endpoint).query))
        return parts._replace(query=urlencode({**own, **asked})).geturl()


def _as_refusal(error: OutgoingRefused) -> SignInRefused:
    reason = Reason.UNREACHABLE if isinstance(error, Unreachable) else Reason.UNTRUSTED
    return SignInRefused(f"request to the provider: {error}", reason)


class ProviderClient(OAuth2Client):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's client for one request, speaking through a ``ProviderLink`` and keeping no token."""

    def __init__(self, client_id: str, *, link: ProviderLink, **_: object) -> None:
        super().__init__(
            self,
            client_id,
            scope=SCOPE,
            code_challenge_method="S256",
            token_endpoint_auth_method=self._authenticate,
        )
        self._link, self.headers = link, dict[str, str]()

    def __enter__(self) -> ProviderClient:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @staticmethod
    def _authenticate(*_: object) -> None:
        """``private_key_jwt`` is added where the form is sent."""

    def post(self, url: str, data: Mapping[str, str], **_: object) -> Answer:
        """Send a form with our client assertion: what Authlib calls to redeem a code."""
        return self._link.post(url, {**data, **self._link.assertion()})

    def parse_response_token(self, resp: Answer) -> dict[str, Any]:
        """Return the token answer as it is. Raises ``SignInRefused``."""
        if resp.status != 200:
            raise SignInRefused(f"token: expected status 200, got {resp.status}", Reason.UNREACHABLE)
        return read_object(resp.body, MAX_ANSWER_BYTES, "token")
