"""What is too large, of the wrong form or of the wrong type is refused before anything is read into it (attack 71).

No answer and no log line repeats what a caller sent.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import httpx
import pytest

from hub.api import ndjson
from hub.config import MAX_JSON_BYTES, MAX_REQUEST_BYTES
from hub.exchange import pushing
from tests.hub.api.raw import Raw
from tests.scene import Scene

CANARY = "Canary Marlowe-Tressick"
LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert problem details of a code, and return them."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:nrmhub:problem:{code}"
    assert problem["status"] == status
    return problem


def push(raw: Raw, scene: Scene, body: bytes) -> httpx.Response:
    """Push bytes to the main case."""
    return raw.send("POST", f"/v1/cases/{scene.main}/push", content=body, headers=LINES)


def test_a_body_over_the_limit_is_refused_before_it_comes(raw: Raw, scene: Scene) -> None:
    """One byte more than the limit, declared: refused without waiting for the first one."""
    path = f"/v1/cases/{scene.main}/push"
    connection = http.client.HTTPConnection("127.0.0.1", scene.hub.port, timeout=10)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(MAX_REQUEST_BYTES + 1))
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Authorization", f"DPoP {raw.token}")
    connection.putheader("DPoP", raw.proof("POST", raw.issuer + path, raw.token))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["type"] == "urn:nrmhub:problem:too_large"
    connection.close()


def test_a_body_over_the_limit_is_refused_without_a_length(raw: Raw, scene: Scene) -> None:
    """The same in chunks, where no length is declared."""

    def chunks() -> Any:
        for _ in range(MAX_REQUEST_BYTES // (1 << 20) + 1):
            yield b"x" * (1 << 20)

    try:
        response = raw.send(
            "POST", f"/v1/cases/{scene.main}/push", content=chunks(), headers={**LINES, "Connection": "close"}
        )
    except httpx.TransportError:
        return  # The hub hung up before the end: as good a refusal.
    refused(response, 413, "too_large")


def test_a_line_over_the_limit_is_refused(raw: Raw, scene: Scene) -> None:
    """A single line has a limit of its own."""
    refused(push(raw, scene, b'"' + b"x" * ndjson.MAX_LINE_BYTES + b'"'), 413, "too_large")


def test_too_many_lines_are_refused(raw: Raw, scene: Scene) -> None:
    """The number of lines is checked before they are parsed: these are not even JSON."""
    problem = refused(push(raw, scene, b"x\n" * (pushing.MAX_LINES + 1)), 413, "too_many")
    assert f"at most {pushing.MAX_LINES} lines, got {pushing.MAX_LINES + 1}" in problem["detail"]


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n\n{}", b"[" * 5000, b'{"a":"\xff"}', b'{"a":1', b"NaN", b"\x00"])
def test_lines_that_are_not_json_are_refused(raw: Raw, scene: Scene, body: bytes) -> None:
    """Blank lines, broken text, nesting without end."""
    refused(push(raw, scene, body), 400, "malformed")


@pytest.mark.parametrize("line", [b"{}", b"[]", b"null", b"1", b'"x"', b'{"type":1}', b'{"type":"other"}'])
def test_a_line_that_is_no_line_of_the_protocol_is_refused_alone(raw: Raw, scene: Scene, line: bytes) -> None:
    """The batch is answered; the line is refused."""
    response = push(raw, scene, line)
    assert response.status_code == 200
    answer = [json.loads(item) for item in response.text.splitlines()]
    assert answer[0]["status"] == "refused"
    assert answer[0]["problem"]["status"] == 422
    assert answer[-1] == {"type": "end", "lines": 1}


def test_unknown_members_of_a_line_are_refused(raw: Raw, scene: Scene) -> None:
    """A member that the protocol does not know refuses the line."""
    for kind in ("channel", "fragment", "disclosure", "void"):
        line = {"type": kind, "jwe": {}, "statement": "", "jws": "", "archive": {}, "grants": [], "extra": CANARY}
        answer = json.loads(push(raw, scene, json.dumps(line).encode()).text.splitlines()[0])
        assert (answer["status"], answer["problem"]["status"]) == ("refused", 422)
        assert "unknown members" in answer["problem"]["detail"]
        assert CANARY not in json.dumps(answer)


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/v1/statements", {"statement": "x" * 30}),
        ("/v1/keys", {"certificates": ["x" * 30]}),
        ("/v1/cases/{case}/pull", {"statement": "x" * 30}),
        ("/log/cosignatures", {"size": 1, "lines": ["x" * 30]}),
    ],
)
def test_unknown_members_of_a_request_are_refused(raw: Raw, scene: Scene, path: str, payload: dict[str, Any]) -> None:
    """Every JSON route refuses a member it does not know, without repeating anything of it."""
    url = path.format(case=scene.main)
    problem = refused(raw.send("POST", url, json={**payload, "role": CANARY}), 422, "malformed")
    assert problem["detail"].endswith(": a member that is not in the form")


@pytest.mark.parametrize("path", ["/v1/directory", "/v1/cases/{case}/log", "/log/consistency?from=1&to=2"])
def test_unknown_parameters_are_refused(raw: Raw, scene: Scene, path: str) -> None:
    """So does a query."""
    url = path.format(case=scene.main)
    refused(raw.send("GET", f"{url}{'&' if '?' in url else '?'}everything=1"), 422, "malformed")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/directory?after={0}",
        "/v1/directory?limit={0}",
        "/v1/cases/{case}/log?after={0}",
        "/log/consistency?from={0}&to={0}",
        "/log/consistency?from=1&to={0}",
    ],
)
@pytest.mark.parametrize("number", ["-5", str(2**63), "9" * 40, "1e3", "x", ""])
def test_impossible_numbers_are_refused(raw: Raw, scene: Scene, path: str, number: str) -> None:
    """A number that the database could not hold is refused before it gets there."""
    response = raw.send("GET", path.format(number, case=scene.main))
    assert response.status_code in (404, 422), response.text


@pytest.mark.parametrize("size", [0, -1, 2**63, 10**40, "1", None, 1.5, True])
def test_impossible_sizes_of_cosignatures_are_refused(raw: Raw, size: Any) -> None:
    """The same in a body."""
    response = raw.send("POST", "/log/cosignatures", json={"size": size, "lines": ["x" * 30]})
    assert response.status_code in (404, 422), response.text


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson", ""])
def test_another_media_type_is_refused(raw: Raw, scene: Scene, media: str) -> None:
    """JSON routes take JSON."""
    body = json.dumps({"statement": "x" * 30}).encode()
    headers = {"Content-Type": media} if media else {}
    for path in ("/v1/statements", f"/v1/cases/{scene.main}/pull"):
        refused(raw.send("POST", path, content=body, headers=headers), 415, "media_type")


def test_another_media_type_of_a_push_is_refused(raw: Raw, scene: Scene) -> None:
    """Lines are sent as lines."""
    refused(raw.send("POST", f"/v1/cases/{scene.main}/push", json={}), 415, "media_type")


def test_a_json_body_over_its_limit_is_refused(raw: Raw) -> None:
    """Only a push may be large."""
    headers = {**JSON, "Connection": "close"}
    refused(raw.send("POST", "/v1/statements", content=b" " * (MAX_JSON_BYTES + 1), headers=headers), 413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b"null", b"[]", b'"x"', b"\xff", b'{"statement":"\\ud800xxxxxxxxxxxxxxxxxxxxxx"}'],
)
def test_json_that_is_none_is_refused(raw: Raw, body: bytes) -> None:
    """Broken, nested without end, not an object, half a character."""
    response = raw.send("POST", "/v1/statements", content=body, headers=JSON)
    assert response.status_code in (400, 422), response.text
    refused(response, response.status_code, "malformed")


def test_nothing_at_an_address_is_refused_like_everything(raw: Raw) -> None:
    """Unknown addresses and methods need a token too, and are then named."""
    assert raw.http.get("/v1/nothing-here").status_code == 401
    refused(raw.send("GET", "/v1/nothing-here"), 404, "not_found")
    refused(raw.send("DELETE", "/v1/cases"), 405, "method")


def _echoes(scene: Scene, raw: Raw) -> list[str]:
    case = scene.main
    line = json.dumps({"type": CANARY, CANARY: CANARY}).encode()
    fragment = {"type": "fragment", "jwe": {"protected": CANARY, "iv": CANARY, "ciphertext": CANARY, "tag": CANARY}}
    responses = [
        push(raw, scene, line),
        push(raw, scene, json.dumps({**fragment, "jws": CANARY, "archive": CANARY}).encode()),
        push(raw, scene, CANARY.encode()),
        raw.send("POST", "/v1/statements", json={"statement": CANARY}),
        raw.send("POST", "/v1/statements", json=[CANARY]),
        raw.send("POST", "/v1/statements", content=CANARY.encode(), headers=JSON),
        raw.send("POST", "/v1/statements", content=b"{}", headers={"Content-Type": CANARY}),
        raw.send("POST", "/v1/keys", json={"certificates": [CANARY]}),
        raw.send("POST", f"/v1/cases/{case}/pull", json={"statement": CANARY}),
        raw.send("POST", "/log/cosignatures", json={"size": 1, "lines": [CANARY]}),
        raw.send("POST", "/log/cosignatures", json={"size": CANARY, "lines": CANARY}),
        raw.send("GET", "/v1/directory", params={"after": CANARY}, headers={}),
        raw.send("GET", "/log/tile/Canary"),
        raw.send("GET", "/v1/Canary"),
        raw.send("GET", "/v1/cases", authorization=f"DPoP {CANARY}"),
        raw.send("GET", "/v1/cases", proof=CANARY),
        raw.ask_token(CANARY),
        raw.ask_token(client_assertion_type=CANARY, grant_type=CANARY),
        raw.ask_token(scope=CANARY),
    ]
    assert all(200 <= response.status_code < 500 for response in responses), [item.status_code for item in responses]
    return [response.text for response in responses]


def test_no_answer_and_no_log_line_repeats_what_was_sent(raw: Raw, scene: Scene) -> None:
    """Values that a caller sent come back nowhere: not in answers, not in what the process printed."""
    answers = _echoes(scene, raw)
    assert len(answers) == 19
    for answer in answers:
        assert "Canary" not in answer, answer
    assert "Canary" not in (scene.hub.home / "hub.out").read_text()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"Canary\r\n\r\n",
        b"GET /Canary HTTP/9.9\r\n\r\n",
        b"GET /v1/cases HTTP/1.1\r\nHost: x\r\nCanary header: 1\r\n\r\n",
        b"GET /v1/cases HTTP/1.1\r\nHost: x\r\nX: \x00Canary\r\n\r\n",
        b"GET /" + b"Canary" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Canary\r\n\r\n",
        b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nContent-Length: Canary\r\n\r\n",
        b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nExpect: Canary\r\n\r\n",
    ],
)
def test_broken_http_is_refused_without_an_echo(scene: Scene, request_bytes: bytes) -> None:
    """What is no HTTP at all is refused by the server itself: neither its answer nor its log repeats it."""
    with socket.create_connection(("127.0.0.1", scene.hub.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    assert b"Canary" not in answer
    assert "Canary" not in (scene.hub.home / "hub.out").read_text()


def test_two_lengths_are_refused(scene: Scene) -> None:
    """No room for a request smuggled behind another: the connection ends."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.hub.port, timeout=10)
    connection.putrequest("POST", "/v1/statements")
    connection.putheader("Content-Length", "5")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"0\r\n\r\n")
    response = connection.getresponse()
    assert response.status in (400, 401)
    response.read()
    connection.close()


def test_a_name_that_the_caller_made_up_is_not_repeated(raw: Raw) -> None:
    """What a member is called may be content too; names of the form itself are said."""
    response = raw.send("POST", "/v1/statements", json={"Zuzanna Øxenbridge-Vale": 1})
    assert response.status_code == 422
    said = response.json()["detail"]
    assert said == "the request is not of the documented form: a member that is not in the form, statement"
    query = raw.send("GET", "/v1/directory?Zuzanna=1&after=x")
    assert query.status_code == 422
    assert query.json()["detail"].endswith(": a member that is not in the form, after")
