"""A hub that answers anything: too much, too slowly, packed, malformed. One clear refusal, never a traceback."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from adapters import hub_client
from adapters.hub_client import HubClient, HubRefused, HubUnreachable
from adapters.signed_in import SignedIn
from keys.private import PrivateKey
from policies.protocol import VERSION_HEADER
from tests.federation import now

TOKEN = {"access_token": "a.b.c", "token_type": "DPoP", "expires_in": 300}
Handler = Callable[[httpx.Request], httpx.Response]


class Stream(httpx.SyncByteStream):
    """Parts of an answer, counted as they are read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts, self.read = parts, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.read += len(part)
            yield part


class Played(httpx.BaseTransport):
    """A hub that gives a token and answers everything else with ``handler``."""

    def __init__(self, handler: Handler, token: Handler | None = None) -> None:
        self.handler, self.token = handler, token or (lambda _: httpx.Response(200, json=TOKEN))
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = (self.token if request.url.path == "/oauth/token" else self.handler)(request)
        answer.headers.setdefault(VERSION_HEADER, "1")
        return answer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "RETRY_SECONDS", 0.0)


def client(handler: Handler, token: Handler | None = None) -> HubClient:
    return HubClient(
        "http://hub.example",
        "fern-care",
        PrivateKey.generate("Ed25519"),
        clock=now,
        is_demo=True,
        transport=Played(handler, token),
    )


def endless(part: bytes = b"0" * 65_536) -> Iterator[bytes]:
    while True:
        yield part


def test_no_more_is_read_than_the_limit_of_the_request() -> None:
    """A note, a page, a pull: each has its own limit, and what lies behind it is not read."""
    for limit, ask in (
        (hub_client.MAX_NOTE_BYTES, lambda it: it.get_bytes("/log/checkpoint")),
        (1_000_000, lambda it: it.get("/v1/cases", at_most=1_000_000)),
        (hub_client.MAX_PUSH_ANSWER_BYTES, lambda it: it.post_lines("/v1/cases/x/push", [{}])),
    ):
        stream = Stream(endless())
        with pytest.raises(HubUnreachable, match=f"larger than {limit:,} bytes"):
            ask(client(lambda _, it=stream: httpx.Response(200, stream=it)))
        assert limit < stream.read <= limit + 65_536


def test_the_body_of_an_error_has_a_limit_too() -> None:
    stream = Stream(endless())
    with pytest.raises(HubUnreachable, match="larger than"):
        client(lambda _: httpx.Response(400, stream=stream)).get("/v1/cases")
    assert stream.read <= hub_client.MAX_PROBLEM_BYTES + 65_536


def test_a_packed_answer_is_not_unpacked() -> None:
    """A small answer that would grow to 600 MiB is refused by its header; we asked for it unpacked."""
    packed = gzip.compress(b"0" * (64 * 1024 * 1024), 1)
    transport = Played(
        lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(iter([packed])))
    )
    made = HubClient(
        "http://hub.example", "fern-care", PrivateKey.generate("Ed25519"), clock=now, is_demo=True, transport=transport
    )
    with pytest.raises(HubUnreachable, match="packed"):
        made.get_bytes("/log/checkpoint")
    assert {request.headers["Accept-Encoding"] for request in transport.asked} == {"identity"}


def test_an_answer_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "DEADLINE_SECONDS", 0.05)

    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"x"

    with pytest.raises(HubUnreachable, match="took more than"):
        client(lambda _: httpx.Response(200, stream=Stream(drip()))).get_bytes("/log/checkpoint")


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"null",
        b"not json",
        b"{}",
        b'{"access_token": 7, "expires_in": 300}',
        b'{"access_token": "", "expires_in": 300}',
        b'{"access_token": "a\\r\\nX: y", "expires_in": 300}',
        b'{"access_token": "\\u00fc", "expires_in": 300}',
        b'{"access_token": "a", "expires_in": "300"}',
        b'{"access_token": "a", "expires_in": true}',
        b'{"access_token": "a"}',
    ],
)
def test_a_malformed_token_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(HubUnreachable, match="token"):
        client(lambda _: httpx.Response(200, json={}), lambda _: httpx.Response(200, content=answer)).get("/v1/cases")


@pytest.mark.parametrize("seconds", [0, -5, 1e300, 10**30])
def test_a_token_of_any_length_of_time_is_usable(seconds: float) -> None:
    token = {**TOKEN, "expires_in": seconds}
    made = client(lambda _: httpx.Response(200, json={"a": 1}), lambda _: httpx.Response(200, json=token))
    assert made.get("/v1/cases") == {"a": 1}


def _raising(error: Exception) -> Handler:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "nothing_left"),
    [
        (httpx.ConnectError("x"), True),
        (httpx.ConnectTimeout("x"), True),
        (httpx.ReadError("x"), False),
        (httpx.ReadTimeout("x"), False),
        (httpx.RemoteProtocolError("x"), False),
        (httpx.DecodingError("x"), False),
        (httpx.TooManyRedirects("x"), False),
    ],
)
def test_whatever_breaks_on_the_way_is_unreachable(error: Exception, nothing_left: bool) -> None:
    """And it is known whether anything of the request can have left."""
    with pytest.raises(HubUnreachable) as found:
        client(_raising(error)).post_lines("/v1/cases/x/push", [{}])
    assert found.value.nothing_left is nothing_left


def test_without_a_token_nothing_left() -> None:
    with pytest.raises(HubUnreachable) as found:
        client(lambda _: httpx.Response(200), _raising(httpx.ReadError("x"))).post_lines("/v1/cases/x/push", [{}])
    assert found.value.nothing_left


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"type": 7, "detail": null}'])
def test_an_error_without_a_problem_is_refused_in_our_words(body: bytes) -> None:
    with pytest.raises(HubRefused) as found:
        client(lambda _: httpx.Response(403, content=body)).get("/v1/cases")
    assert found.value.status == 403


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"a": 1} {"a": 2}', b"[" * 100_000])
def test_an_answer_that_is_no_json(body: bytes) -> None:
    made = client(lambda _: httpx.Response(200, content=body))
    for ask in (lambda: made.get("/v1/cases"), lambda: made.post("/v1/statements", {})):
        with pytest.raises(HubUnreachable):
            ask()


def test_a_passing_outage_is_tried_again() -> None:
    answers: list[Any] = [httpx.Response(503), httpx.Response(502), httpx.Response(200, json={"ok": True})]
    assert client(lambda _: answers.pop(0)).get("/v1/cases") == {"ok": True}


def parts_of(token: str) -> tuple[Any, Any]:
    """The header and claims of a compact JWT."""
    first, second, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (first, second))


def test_assertions_and_subject_tokens_are_for_the_pinned_hub_alone() -> None:
    """``aud`` is the issuer as one string; each has a number and a short life; a person's says how and when."""
    transport = Played(lambda _: httpx.Response(200, json={"cases": []}))
    made = HubClient(
        "http://hub.example",
        "fern-care",
        PrivateKey.generate("Ed25519"),
        clock=now,
        is_demo=True,
        transport=transport,
    )
    made.post_for_lines("/v1/cases/x/pull", {}, SignedIn("a" * 32, ("pin", "hwk"), now()))
    form = {name: values[0] for name, values in parse_qs(transport.asked[0].content.decode()).items()}
    header, claims = parts_of(form["client_assertion"])
    assert set(header) == {"alg", "kid", "typ"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("fern-care", "fern-care", "http://hub.example")
    assert claims["exp"] - claims["iat"] <= 60
    header, claims = parts_of(form["subject_token"])
    assert header["typ"] == "nrmhub-person+jwt"
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("fern-care", "a" * 32, "http://hub.example")
    assert (claims["amr"], claims["exp"] - claims["iat"]) == (["pin", "hwk"], 60)
    assert len(claims["jti"]) == 32


def test_every_request_is_proven_with_the_one_key_of_the_process() -> None:
    """RFC 9449: by the same key, for this address and this token; another process has another key."""
    transport = Played(lambda _: httpx.Response(200, json={"cases": []}, headers={"DPoP-Nonce": "n" * 24}))
    signing, thumbprints = PrivateKey.generate("Ed25519"), []
    for _ in range(2):
        transport.asked.clear()
        made = HubClient("http://hub.example", "fern-care", signing, clock=now, is_demo=True, transport=transport)
        made.get("/v1/cases")
        made.get("/v1/cases", after=3)
        used = set()
        for asked in transport.asked:
            header, claims = parts_of(asked.headers["DPoP"])
            used.add(json.dumps(header["jwk"], sort_keys=True))
            assert (claims["htm"], claims["htu"]) == (asked.method, f"http://hub.example{asked.url.path}")
            is_token = asked.url.path == "/oauth/token"
            digest = hashlib.sha256(str(TOKEN["access_token"]).encode()).digest()
            assert claims.get("ath") == (None if is_token else base64.urlsafe_b64encode(digest).rstrip(b"=").decode())
        assert [asked.url.path for asked in transport.asked] == ["/oauth/token", "/v1/cases", "/v1/cases"]
        assert parts_of(transport.asked[-1].headers["DPoP"])[1]["nonce"] == "n" * 24
        (key,) = used
        thumbprints.append(key)
    assert thumbprints[0] != thumbprints[1]


def test_a_token_goes_in_the_header_and_nowhere_else() -> None:
    """Never in an address, where logs would keep it, nor in a body."""
    transport = Played(lambda _: httpx.Response(200, json={"cases": []}))
    made = HubClient(
        "http://hub.example",
        "fern-care",
        PrivateKey.generate("Ed25519"),
        clock=now,
        is_demo=True,
        transport=transport,
    )
    made.get("/v1/cases", after=3)
    asked = transport.asked[-1]
    assert asked.headers["Authorization"] == f"DPoP {TOKEN['access_token']}"
    assert str(TOKEN["access_token"]) not in str(asked.url)
    assert asked.content == b""
