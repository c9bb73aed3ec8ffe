"""A request that is said to be there is there: the HTTP parser that reads it waits for nothing more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser, errors

from keys.incoming import MAX_HEAD_BYTES, Arrival, Stage

MOST = 4_096
READ = 2_048
"""What is read of a body: less than is gathered, as for a form."""
POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Waited(Exception):
    """The parser asked for more than was there."""


def read_with_parser(data: bytes) -> bytes:
    """Return what the server's own parser reads of a body. Raises ``Waited``."""

    def pieces() -> Iterator[bytes]:
        yield data
        raise Waited

    request = next(iter(RequestParser(Config(), pieces(), ("127.0.0.1", 1))))
    body: bytes = request.body.read(READ)
    return body


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b""),
        (b"\r\nGET / HTTP/1.1\r\nHost: here\r\n\r\n", b""),
        (b"\r\n" + POST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (POST + b"content-length:\t3 \r\n\r\nabc", b"abc"),
        (POST + b"Content-Length: " + b"0" * 40 + b"3\r\n\r\nabc", b"abc"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (CHUNKED + b"0" * 40 + b"3\r\nabc\r\n00\r\n\r\n", b"abc"),
        (CHUNKED + b"3;" + b"a" * 2_000 + b"\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", b"abc"),
        (CHUNKED + b"3 ;a=b\r\nabc\r\n0\r\nX-T: " + b"1" * 5_000 + b"\r\n\r\n", b"abc"),
        (CHUNKED + b"1;aaaaaaaa\r\na\r\n" * 300 + b"0\r\n\r\n", b"a" * 300),
        (CHUNKED + b"1000\r\n" + b"a" * 4_096, b"a" * READ),
        (CHUNKED + b"fffff\r\n" + b"a" * 4_096, b"a" * READ),
    ],
)
def test_ready_is_when_nobody_waits_and_not_before(text: bytes, body: bytes) -> None:
    """Byte by byte: one byte before it is ready, something would still be waited for."""
    arrival = Arrival(MOST)
    stages = [arrival.feed(text[index : index + 1]) for index in range(len(text))]
    assert stages == [Stage.ARRIVING] * (len(text) - 1) + [Stage.READY]
    assert read_with_parser(bytes(arrival.data)) == body
    assert Arrival(MOST).feed(text) is Stage.READY, "in one piece as well"


@pytest.mark.parametrize(
    "text",
    [
        b"\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n",
        POST + b"Content-Length: -3\r\n\r\n",
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"x\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"5;" + b"a" * 17_000,
    ],
)
def test_out_of_form_is_refused_without_waiting(text: bytes) -> None:
    """It is ready for the parser, which refuses it by what is there."""
    assert Arrival(20_000).feed(text) is Stage.READY
    with pytest.raises((errors.ParseException, OSError)):
        read_with_parser(text)


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        CHUNKED + b"0\r\nX-T: " + b"a" * 2 * MOST,
        CHUNKED + (b"1;" + b"a" * 1_000 + b"\r\ny\r\n") * 9,
    ],
)
def test_what_has_no_end_is_too_long(text: bytes) -> None:
    """A head; and trailers or extensions that hold no body."""
    assert Arrival(MOST).feed(text) is Stage.TOO_LONG


def test_a_longer_body_is_not_waited_for() -> None:
    """Whoever answers may refuse it by what it says of itself."""
    for said in (b"4097", b"9" * 30, b"0" * 20 + b"9999"):
        assert Arrival(MOST).feed(POST + b"Content-Length: " + said + b"\r\n\r\n") is Stage.READY
