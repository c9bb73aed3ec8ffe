"""Typed client of the hub's API: token, proof of possession, retries of what is safe to repeat, no redirects.

The hub is not trusted: whatever comes back is bytes to be verified by the caller, counted while they come and never
unpacked. Only the pinned address is spoken to, over TLS by the pinned authority.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import msgspec

from adapters.hub_tls import explain_failure, make_context
from adapters.hub_tokens import ProvingKey, client_form, person_form
from adapters.signed_in import SignedIn
from keys.jose import Signer
from policies.model import Malformed
from policies.protocol import PROTOCOL_VERSION, VERSION_HEADER, read_answer_version

TIMEOUT_SECONDS = 30.0
"""How long the hub may be silent: to connect, and between two parts of an answer."""
DEADLINE_SECONDS = 300.0
"""How long one answer may take in all, however steadily it drips."""
MAX_NOTE_BYTES = 256 * 1024
MAX_BUNDLE_BYTES = 256 * (2 + 65_535)
"""An entry bundle of the log: 256 entries with their two-byte lengths (C2SP tlog-tiles)."""
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_FEED_BYTES = 256 * 1024 * 1024
"""A page of a case's entries: each may be 1 MiB."""
MAX_PUSH_ANSWER_BYTES = 32 * 1024 * 1024
MAX_PULL_BYTES = 256 * 1024 * 1024
MAX_PROBLEM_BYTES = 64 * 1024
MAX_TOKEN_BYTES = 64 * 1024
MAX_TOKEN_SECONDS = 24 * 3600
MAX_HELD_TOKENS = 1000
"""People with a token at one time; beyond, the oldest is fetched anew when it is needed."""
RENEWED_AFTER = 0.8
"""The part of a token's life after which another is fetched."""
ATTEMPTS = 3
"""A hub that began anew asks for a fresh nonce first, and then for a fresh token."""
RETRIES = 3
RETRY_SECONDS = 0.2
_SAYS_WHY = frozenset({"unconfirmed"})
"""Of what passes by itself: the refusals whose own words tell a person more than that nobody answers."""
_TRANSIENT = frozenset({502, 503, 504})


class HubUnreachable(Exception):
    """The hub did not answer, or not in the agreed form. What was to be sent is still in the outbox.

    ``nothing_left`` says that not a byte of the request got to anybody: no connection was made.
    """

    def __init__(self, message: str, *, nothing_left: bool = False) -> None:
        super().__init__(message)
        self.nothing_left = nothing_left


class _NotNow(Exception):
    """The hub gives no token now, for a reason that passes by itself."""


class HubRefused(Exception):
    """The hub answered with problem details. ``code`` is stable; ``extra`` holds rules or names of facts."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("type", "")).rpartition(":")[2] or "unknown"
        self.detail = str(problem.get("detail", "no reason given"))[:500]
        self.extra = problem
        super().__init__(f"the hub refused ({status} {self.code}): {self.detail}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that came whole and within its limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HubClient:
    """One adapter process talking to its hub. The DPoP key lives as long as the object.

    ``floor``: the lowest protocol version whose answers are taken in, as pinned.
    ``ca``: the certificate authority pinned with the hub (PEM), trusted alone; None: the system's. Raises
    ``HubUnreachable`` for an address without TLS unless ``is_demo``, and ``CaRefused``.
    """

    def __init__(
        self,
        issuer: str,
        agency: str,
        signing_key: Signer,
        *,
        clock: Callable[[], datetime],
        is_demo: bool = False,
        ca: bytes | None = None,
        floor: int = PROTOCOL_VERSION,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._issuer = issuer.rstrip("/")
        if not self._issuer.startswith("https://") and not is_demo:
            raise HubUnreachable("the hub's pinned address is not https; only a demo speaks without", nothing_left=True)
        self._agency, self._clock, self._floor = agency, clock, floor
        self._signing = signing_key
        self._proving = ProvingKey(clock)
        self._nonce = ""
        self._tokens: dict[tuple[str, tuple[str, ...]] | None, tuple[str, float]] = {}
        self._origin = _origin(httpx.URL(self._issuer))
        # trust_env off: no proxy, no .netrc, nothing but the pinned hub.
        self._http = httpx.Client(
            base_url=self._issuer,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            verify=make_context(ca),
            transport=transport,
            # What is not packed cannot grow while it is unpacked.
            headers={"Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, *, at_most: int = MAX_JSON_BYTES, **query: str | int) -> Any:
        """GET JSON of at most so many bytes. Raises ``HubUnreachable`` or ``HubRefused``."""
        return _json(self._send("GET", path, at_most, params=query))

    def get_bytes(self, path: str, *, at_most: int = MAX_NOTE_BYTES) -> bytes:
        """GET the body as it is."""
        return self._send("GET", path, at_most).body

    def post(self, path: str, payload: Any) -> Any:
        """POST JSON, get JSON. Every act of the protocol is safe to repeat, so it is retried."""
        body = msgspec.json.encode(payload)
        return _json(self._send("POST", path, MAX_JSON_BYTES, content=body, media="application/json"))

    def post_lines(self, path: str, lines: Iterable[Any], *, waits: bool = True) -> list[Any]:
        """POST newline-delimited JSON, get newline-delimited JSON.

        ``waits`` for what was recorded to have its position; else a promise is asked for (RFC 7240), which the hub may
        answer with or not.
        """
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        media = "application/x-ndjson"
        prefers = None if waits else "respond-async"
        answer = self._send("POST", path, MAX_PUSH_ANSWER_BYTES, content=body, media=media, prefers=prefers)
        return parse_lines(answer.body)

    def post_for_lines(self, path: str, payload: Any, person: SignedIn | None = None) -> bytes:
        """POST JSON, get newline-delimited JSON as received. ``person``: whose act it is, else the agency's."""
        body = msgspec.json.encode(payload)
        return self._send("POST", path, MAX_PULL_BYTES, content=body, media="application/json", person=person).body

    def forget(self, member: str) -> None:
        """Give back and forget what tokens are held of a person, who has signed out.

        Raises ``HubUnreachable`` or ``HubRefused`` where the hub cannot be told; they are forgotten here all the same.
        """
        self.give_back(self.take(member))

    def take(self, member: str) -> tuple[str, ...]:
        """Forget what tokens are held of a person, at once, and return them."""
        held = [key for key in self._tokens.copy() if key is not None and key[0] == member]
        taken = [self._tokens.pop(key, None) for key in held]
        return tuple(item[0] for item in taken if item is not None)

    def give_back(self, tokens: Iterable[str]) -> None:
        """Tell the hub that tokens of ours are not to be taken any more (RFC 7009). Raises as ``forget``.

        Other threads may use the client meanwhile.
        """
        for token in tokens:
            self._ask("/oauth/revoke", {**self._credentials(), "token": token})

    def is_good(self, person: SignedIn | None = None) -> bool:
        """Whether the hub takes the token held for a person (None: the agency's) still; fetched where none is."""
        answer = self._ask("/oauth/introspect", {**self._credentials(), "token": self._access_token(person)})
        return _problem(answer).get("active") is True

    def _send(
        self,
        method: str,
        path: str,
        at_most: int,
        *,
        params: dict[str, str | int] | None = None,
        content: bytes | None = None,
        media: str | None = None,
        prefers: str | None = None,
        person: SignedIn | None = None,
    ) -> _Answer:
        last: Exception | None = None
        has_left = False
        said = {name: value for name, value in (("Content-Type", media), ("Prefer", prefers)) if value}
        for attempt in range(RETRIES):
            if attempt:
                time.sleep(RETRY_SECONDS * 2**attempt)
            try:
                self._access_token(person)
            except httpx.RequestError as error:
                last = error
                _refuse_certificate(error)
                continue
            except _NotNow as error:
                last = error
                continue
            try:
                answer = self._once(method, path, at_most, params, content, said, person)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                last = error
                continue
            except httpx.RequestError as error:
                last, has_left = error, True
                continue
            has_left = True
            if answer.status in _TRANSIENT:
                if attempt == RETRIES - 1 and HubRefused(answer.status, _problem(answer)).code in _SAYS_WHY:
                    raise HubRefused(answer.status, _problem(answer))
                continue
            if answer.status >= 300:
                raise HubRefused(answer.status, _problem(answer))
            return answer
        raise HubUnreachable(
            f"the hub at {self._issuer} does not answer; nothing was lost, try again", nothing_left=not has_left
        ) from last

    def _once(
        self,
        method: str,
        path: str,
        at_most: int,
        params: dict[str, str | int] | None,
        content: bytes | None,
        said: Mapping[str, str],
        person: SignedIn | None,
    ) -> _Answer:
        for _ in range(ATTEMPTS):
            token = self._access_token(person)
            headers = {
                "Authorization": f"DPoP {token}",
                "DPoP": self._proving.prove(method, f"{self._issuer}{path}", self._nonce, token),
                "Accept": "application/json, application/x-ndjson, text/plain, application/octet-stream",
                **said,
            }
            request = self._http.build_request(method, path, params=params or None, content=content, headers=headers)
            answer = self._exchange(request, at_most)
            if answer.status != 401:
                return answer
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                self._tokens.pop(_held_as(person), None)
        return answer

    def _exchange(self, request: httpx.Request, at_most: int) -> _Answer:
        """Send one request and take in at most so many bytes, of an error fewer. Raises ``HubUnreachable``."""
        if _origin(request.url) != self._origin:
            raise HubUnreachable("a request would leave the pinned hub's address; it was not sent", nothing_left=True)
        until = time.monotonic() + DEADLINE_SECONDS
        response = self._http.send(request, stream=True)
        try:
            self._nonce = response.headers.get("DPoP-Nonce", self._nonce)
            if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise HubUnreachable("the hub's answer is packed, which was not asked for; it was not unpacked")
            if response.status_code < 300:
                self._require_version(response.headers.get(VERSION_HEADER))
            limit = at_most if response.status_code < 300 else min(at_most, MAX_PROBLEM_BYTES)
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                if size > limit:
                    raise HubUnreachable(f"the hub's answer is larger than {limit:,} bytes; the rest was not read")
                if time.monotonic() > until:
                    raise HubUnreachable(f"the hub's answer took more than {DEADLINE_SECONDS:.0f} seconds")
                parts.append(part)
            return _Answer(response.status_code, response.headers, b"".join(parts))
        finally:
            response.close()

    def _require_version(self, said: str | None) -> None:
        try:
            read_answer_version(said, self._floor)
        except Malformed as error:
            raise HubUnreachable(f"{error}; nothing of it was taken in") from error

    def _access_token(self, person: SignedIn | None = None) -> str:
        held = self._tokens.get(_held_as(person))
        if held is not None and time.monotonic() < held[1]:
            return held[0]
        issuer = self._issuer
        for _ in range(2):
            form = self._credentials()
            if person is None:
                form["grant_type"] = "client_credentials"
            else:
                form |= person_form(issuer, self._agency, self._signing, person, self._clock())
            proof = self._proving.prove("POST", f"{issuer}/oauth/token", self._nonce, None)
            request = self._http.build_request("POST", "/oauth/token", data=form, headers={"DPoP": proof})
            answer = self._exchange(request, MAX_TOKEN_BYTES)
            # Asked again only for want of a nonce: a hub writes down whom it refuses.
            if answer.status == 200 or _problem(answer).get("error") != "use_dpop_nonce":
                break
        if answer.status in _TRANSIENT:
            raise _NotNow
        if answer.status != 200:
            raise _no_token(answer)
        token, seconds = _parse_token(answer)
        self._hold(person, token, seconds)
        return token

    def _hold(self, person: SignedIn | None, token: str, seconds: float) -> None:
        while len(self._tokens) >= MAX_HELD_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[_held_as(person)] = token, time.monotonic() + seconds * RENEWED_AFTER

    def _credentials(self) -> dict[str, str]:
        return client_form(self._issuer, self._agency, self._signing, self._clock())

    def _ask(self, path: str, form: dict[str, str]) -> _Answer:
        """Ask the authorization server about a token. Raises ``HubUnreachable`` or ``HubRefused``."""
        try:
            answer = self._exchange(self._http.build_request("POST", path, data=form), MAX_TOKEN_BYTES)
        except httpx.RequestError as error:
            _refuse_certificate(error)
            raise HubUnreachable(f"the hub at {self._issuer} does not answer") from error
        if answer.status != 200:
            raise _no_token(answer)
        return answer


def _held_as(person: SignedIn | None) -> tuple[str, tuple[str, ...]] | None:
    return None if person is None else (person.member, person.amr)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _refuse_certificate(error: Exception) -> None:
    """Raise ``HubUnreachable`` at once where it is the certificate: trying again changes nothing."""
    reason = explain_failure(error)
    if reason is not None:
        raise HubUnreachable(f"the hub's certificate is refused: {reason}", nothing_left=True) from error


def _no_token(answer: _Answer) -> HubRefused:
    said = _problem(answer)
    # One of the hub's own codes beside those of RFC 6749: whoever asks is told as by any other route.
    code = said["error"] if said.get("error") in ("key_revoked", "too_many_requests") else "token"
    text = f"no access token: {said.get('error', 'unknown')}: {said.get('error_description', '')}"
    return HubRefused(answer.status, {"type": f"urn:nrmhub:problem:{code}", "detail": text})


def parse_lines(body: bytes) -> list[Any]:
    """Decode newline-delimited JSON. Raises ``HubUnreachable`` where it breaks: the answer was cut or is not ours."""
    try:
        return [msgspec.json.decode(line) for line in body.removesuffix(b"\n").split(b"\n")]
    except (msgspec.DecodeError, RecursionError) as error:
        raise HubUnreachable("the hub's answer is not whole; nothing was lost, try again") from error


def _json(answer: _Answer) -> Any:
    if answer.status == 204:
        return None
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HubUnreachable("the hub's answer is not JSON") from error


def _parse_token(answer: _Answer) -> tuple[str, float]:
    """Return an access token and for how many seconds it is good. Raises ``HubUnreachable``."""
    said = _problem(answer)
    token, seconds = said.get("access_token"), said.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise HubUnreachable("the hub's answer to a request for a token is not of the agreed form")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise HubUnreachable("the hub's answer to a request for a token is not of the agreed form")
    return token, float(max(0, min(seconds, MAX_TOKEN_SECONDS)))


def _problem(answer: _Answer) -> dict[str, Any]:
    try:
        problem = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}
