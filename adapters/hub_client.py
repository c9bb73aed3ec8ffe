"""Typed client of the hub's API: token, proof of possession, retries of what is safe to repeat, no redirects.

The hub is not trusted: whatever comes back is bytes to be verified by the caller. Only the pinned address is spoken to.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from keys.private import PrivateKey

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
RETRIES = 3
RETRY_SECONDS = 0.2
_TRANSIENT = frozenset({502, 503, 504})


class HubUnreachable(Exception):
    """The hub did not answer. What was to be sent is still in the outbox."""


class HubRefused(Exception):
    """The hub answered with problem details. ``code`` is stable; ``extra`` holds rules or names of facts."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("type", "")).rpartition(":")[2] or "unknown"
        self.detail = str(problem.get("detail", "no reason given"))[:500]
        self.extra = problem
        super().__init__(f"the hub refused ({status} {self.code}): {self.detail}")


class HubClient:
    """One adapter process talking to its hub. The DPoP key lives as long as the object."""

    def __init__(
        self,
        issuer: str,
        agency: str,
        signing_key: PrivateKey,
        *,
        clock: Callable[[], datetime],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._agency, self._clock = agency, clock
        self._signing = signing_key
        self._dpop = ECKey.generate_key("P-256")
        self._nonce = ""
        self._token = ""
        self._token_until = 0.0
        # trust_env off: no proxy, no .netrc, nothing but the pinned hub.
        self._http = httpx.Client(
            base_url=self._issuer,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """GET JSON. Raises ``HubUnreachable`` or ``HubRefused``."""
        return _json(self._send("GET", path, params=query))

    def get_bytes(self, path: str, **query: str | int) -> bytes:
        """GET the body as it is."""
        return self._send("GET", path, params=query).content

    def post(self, path: str, payload: Any) -> Any:
        """POST JSON, get JSON. Every act of the protocol is safe to repeat, so it is retried."""
        return _json(self._send("POST", path, content=msgspec.json.encode(payload), media="application/json"))

    def post_lines(self, path: str, lines: Iterable[Any]) -> list[Any]:
        """POST newline-delimited JSON, get newline-delimited JSON."""
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        return parse_lines(self._send("POST", path, content=body, media="application/x-ndjson").content)

    def post_for_lines(self, path: str, payload: Any) -> bytes:
        """POST JSON, get newline-delimited JSON as received."""
        return self._send("POST", path, content=msgspec.json.encode(payload), media="application/json").content

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str | int] | None = None,
        content: bytes | None = None,
        media: str | None = None,
    ) -> httpx.Response:
        last: Exception | None = None
        for attempt in range(RETRIES):
            if attempt:
                time.sleep(RETRY_SECONDS * 2**attempt)
            try:
                response = self._once(method, path, params, content, media)
            except httpx.TransportError as error:
                last = error
                continue
            if response.status_code in _TRANSIENT:
                continue
            if response.status_code >= 300:
                raise HubRefused(response.status_code, _problem(response))
            if len(response.content) > MAX_ANSWER_BYTES:
                raise HubUnreachable(f"the hub's answer is larger than {MAX_ANSWER_BYTES} bytes")
            return response
        raise HubUnreachable(f"the hub at {self._issuer} does not answer; nothing was lost, try again") from last

    def _once(
        self, method: str, path: str, params: dict[str, str | int] | None, content: bytes | None, media: str | None
    ) -> httpx.Response:
        for _ in range(2):
            headers = {
                "Authorization": f"DPoP {self._access_token()}",
                "DPoP": self._proof(method, f"{self._issuer}{path}", self._token),
                "Accept": "application/json, application/x-ndjson, text/plain, application/octet-stream",
            }
            if media:
                headers["Content-Type"] = media
            response = self._http.request(method, path, params=params or None, content=content, headers=headers)
            self._remember_nonce(response)
            if response.status_code != 401:
                return response
            if "use_dpop_nonce" not in response.headers.get("WWW-Authenticate", ""):
                self._token_until = 0.0
        return response

    def _access_token(self) -> str:
        if time.monotonic() >= self._token_until:
            for _ in range(2):
                response = self._http.post(
                    "/oauth/token",
                    data={
                        "grant_type": "client_credentials",
                        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                        "client_assertion": self._assertion(),
                    },
                    headers={"DPoP": self._proof("POST", f"{self._issuer}/oauth/token", None)},
                )
                self._remember_nonce(response)
                if response.status_code == 200:
                    break
            if response.status_code != 200:
                raise HubRefused(response.status_code, {"type": "urn:x:token", "detail": _oauth_error(response)})
            answer = response.json()
            self._token = str(answer["access_token"])
            self._token_until = time.monotonic() + float(answer["expires_in"]) * 0.8
        return self._token

    def _assertion(self) -> str:
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._agency,
            "sub": self._agency,
            "aud": self._issuer,
            "iat": now,
            "exp": now + 60,
            "jti": os.urandom(16).hex(),
        }
        public = self._signing.public
        jwk = dict[str, str | list[str]](self._signing.to_jwk())
        key = OKPKey.import_key(jwk) if public.alg == "Ed25519" else ECKey.import_key(jwk)
        return jwt.encode({"alg": public.alg, "kid": public.kid, "typ": "JWT"}, claims, key, algorithms=[public.alg])

    def _proof(self, method: str, url: str, token: str | None) -> str:
        claims: dict[str, Any] = {
            "htm": method,
            "htu": url,
            "iat": int(self._clock().timestamp()),
            "jti": os.urandom(16).hex(),
            "nonce": self._nonce,
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        jwk = {name: str(self._dpop.as_dict(private=False)[name]) for name in ("kty", "crv", "x", "y")}
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}, claims, self._dpop, algorithms=["ES256"])

    def _remember_nonce(self, response: httpx.Response) -> None:
        self._nonce = response.headers.get("DPoP-Nonce", self._nonce)


def parse_lines(body: bytes) -> list[Any]:
    """Decode newline-delimited JSON. Raises ``HubUnreachable`` where it breaks: the answer was cut or is not ours."""
    try:
        return [msgspec.json.decode(line) for line in body.removesuffix(b"\n").split(b"\n")]
    except (msgspec.DecodeError, RecursionError) as error:
        raise HubUnreachable("the hub's answer is not whole; nothing was lost, try again") from error


def _json(response: httpx.Response) -> Any:
    if response.status_code == 204:
        return None
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HubUnreachable("the hub's answer is not JSON") from error


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _oauth_error(response: httpx.Response) -> str:
    problem = _problem(response)
    return f"no access token: {problem.get('error', 'unknown')}: {problem.get('error_description', '')}"
