"""What stands before every page: whose name was asked for, from where, how often, how much; and the answers' headers.

OWASP ASVS 5.0 chapters 3 and 4; W3C Content Security Policy 3, Trusted Types, Fetch Metadata; RFC 6585 for 429.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge, TooManyRequests

from adapters.workspace.access import MAX_REQUEST_BYTES
from keys.incoming import counted_address
from keys.sessions import form_token_matches

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SAFE_METHODS = frozenset({"GET", "HEAD"})
FORM_FIELD = "form_token"
FORM_HEADER = "X-Form-Token"
"""For requests that a page's script makes."""
MAX_FORM_PARTS = 50
MAX_PATH_CHARS = 6_000
"""What a provider brings back in an address can be long."""
CLIENT_PER_MINUTE = 600
"""Requests from one address: an office may have one for everybody."""
UNSAFE_PER_MINUTE = 60
"""Of these, requests that are to change something and come from nobody who is signed in."""
PERSON_PER_MINUTE = 240
MAX_COUNTED = 20_000
"""Addresses and people that are counted at once; whoever was not seen for longest is forgotten."""
TRUSTED_TYPES = "'none'"
"""Names of the policies by which a script may make markup of text: no script of ours does."""


def content_policy(form_targets: Iterable[str] = ()) -> str:
    """Return the content security policy of every page. ``form_targets``: providers' origins that a form leads to."""
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            " ".join(("form-action 'self'", *sorted(set(form_targets)))),
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
            f"trusted-types {TRUSTED_TYPES}",
        )
    )


def secure(response: Response, *, policy: str, is_https: bool) -> Response:
    """Put the headers on an answer. One that does not say how long it may be kept is not kept at all."""
    headers = response.headers
    headers["Content-Security-Policy"] = policy
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    headers["Permissions-Policy"] = (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), "
        "publickey-credentials-create=(self), publickey-credentials-get=(self)"
    )
    headers.setdefault("Cache-Control", "no-store")
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


def require_ours(request: Request, netloc: str) -> None:
    """Raise ``BadRequest`` unless the request names the configured host (DNS rebinding) and is of sane length."""
    if request.host.lower() != netloc or len(request.full_path) > MAX_PATH_CHARS:
        raise BadRequest


def require_small(request: Request, at_most: int = MAX_REQUEST_BYTES) -> None:
    """Raise ``RequestEntityTooLarge`` for a request that says it is larger than its route takes."""
    if (request.content_length or 0) > at_most:
        raise RequestEntityTooLarge


def require_same_origin(request: Request, origin: str) -> None:
    """Raise ``Forbidden`` unless the browser says that a page of ours sent this unsafe request.

    Either of the two headers is enough, and neither may contradict. Browsers send ``Origin: null`` from pages whose
    referrer policy is no-referrer, as ours is; then Sec-Fetch-Site has to say it.
    """
    site, said = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise Forbidden
    if said not in (None, "null", origin):
        raise Forbidden
    if site is None and said != origin:
        raise Forbidden


def require_form_token(request: Request, token: str) -> None:
    """Raise ``Forbidden`` unless a form of this very session was sent (CSRF)."""
    if not form_token_matches(token, form_token_of(request)):
        raise Forbidden


def form_token_of(request: Request) -> str:
    """Return the token that a form or a page's script brought, as it came; empty where there is none."""
    return request.headers.get(FORM_HEADER) or request.form.get(FORM_FIELD) or ""


def is_led_here(request: Request) -> bool:
    """Whether another site leads the browser here, or the browser fetches without being asked to."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    return site not in ("none", "same-origin") or "prefetch" in request.headers.get("Sec-Purpose", "")


def client_of(request: Request, fronts: tuple[str, ...]) -> str:
    """Return whom a request is counted under: the address it came from, of IPv6 the network.

    Where that is a configured server in front, what that server says last in X-Forwarded-For.
    """
    return counted_address(request.remote_addr, request.headers.get("X-Forwarded-For", ""), fronts)


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rate:
    """So many requests a minute for each name, in this process: a bucket that refills steadily."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        """Count one request. Raises ``TooManyRequests`` with how many seconds to wait."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.pop(name, None) or _Bucket(self._capacity, now)
            bucket.left = min(self._capacity, bucket.left + (now - bucket.at) * self._capacity / 60)
            bucket.at = now
            self._buckets[name] = bucket
            if len(self._buckets) > MAX_COUNTED:
                self._buckets.popitem(last=False)
            if bucket.left < 1:
                wait = (1 - bucket.left) * 60 / self._capacity
                raise TooManyRequests(retry_after=max(1, int(wait + 1)))
            bucket.left -= 1


class Reached:
    """Says how browsers reach the pages: TLS may end in front of this process."""

    def __init__(self, app: WSGIApplication, scheme: str) -> None:
        self._app, self._scheme = app, scheme

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = self._scheme
        return self._app(environ, start_response)
