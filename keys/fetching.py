"""One request to an address that was judged first: resolved once, connected to what was judged, bounded in every way.

The decisions are in ``keys.outgoing``. Redirects are not followed, proxies of the environment are not used, nothing is
decompressed, and one deadline holds for connecting, sending and reading together, however slowly the other side drips.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from keys.outgoing import Address, OutgoingRefused, Reach, Target, is_local_name

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, as RFC 9325 recommends; those of TLS 1.3 all are."""
_AGENT = "nrm-hub"
Resolve = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class Unreachable(OutgoingRefused):
    """Nothing usable came back: no connection, no trusted certificate, too slow, too much, or not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: bytes = field(repr=False)


def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises ``Unreachable``. How long it may take is the system resolver's setting."""
    if is_local_name(host):
        # RFC 6761 section 6.3: such a name is never asked of anybody. Not every system resolver knows that.
        return ["127.0.0.1"]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("the host has no address") from error
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _connect(address: tuple[str, int], seconds: float) -> socket.socket:
    return socket.create_connection(address, timeout=seconds)


class Outgoing:
    """Makes requests within a reach. ``environment`` is ``production`` or ``demo``, as configured.

    ``resolve`` and ``connect`` are what the system offers; tests give their own. ``total_seconds`` bounds one request.
    """

    def __init__(
        self,
        environment: str,
        *,
        resolve: Resolve = resolve_name,
        connect: Connect = _connect,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.environment = environment
        self._resolve, self._connect, self._seconds = resolve, connect, total_seconds

    def get(
        self, url: str, reach: Reach, *, ca_file: Path | None, limit_bytes: int, seconds: float | None = None
    ) -> bytes:
        """Return the body of a 200 answer. Raises ``OutgoingRefused``, ``Unreachable`` where nothing usable came."""
        answer = self.send("GET", url, reach, ca_file=ca_file, limit_bytes=limit_bytes, seconds=seconds)
        if answer.status != http.HTTPStatus.OK:
            raise Unreachable(f"expected status 200, got {answer.status}")
        return answer.body

    def post(
        self,
        url: str,
        form: Mapping[str, str],
        reach: Reach,
        *,
        ca_file: Path | None,
        limit_bytes: int,
        seconds: float | None = None,
    ) -> Answer:
        """Send a form and return the answer. Raises ``OutgoingRefused``, ``Unreachable`` where nothing usable came."""
        return self.send("POST", url, reach, ca_file=ca_file, limit_bytes=limit_bytes, form=form, seconds=seconds)

    def send(
        self,
        method: str,
        url: str,
        reach: Reach,
        *,
        ca_file: Path | None,
        limit_bytes: int,
        form: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Make one request. 1. the host is configured, 2. all its addresses may be, 3. connect to one of them, 4. read.

        ``seconds`` is less time than usual, where whoever waits has less left. Raises ``OutgoingRefused`` before
        anything is sent, ``Unreachable`` where nothing usable came back.
        """
        allowed = self._seconds if seconds is None else min(self._seconds, seconds)
        target = reach.require(url)
        addresses = reach.judge(self._resolve(target.host, target.port))
        wire = _Wire(time.monotonic() + allowed)
        try:
            wire.open(self._open(target, addresses, ca_file, wire))
            return _exchange(method, target, wire, form, limit_bytes)
        except TimeoutError as error:
            raise Unreachable(f"no complete answer within {allowed:.3g} seconds") from error
        except ssl.SSLError as error:
            raise Unreachable("the certificate is not one of this host's, or not of a trusted authority") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, OutgoingRefused):
                raise
            raise Unreachable("no connection, or an answer that is not HTTP") from error
        finally:
            wire.hang_up()

    def _open(self, target: Target, addresses: tuple[Address, ...], ca_file: Path | None, wire: _Wire) -> socket.socket:
        """Return a connection to the first of the judged addresses that answers, secured for the host's name."""
        failed: OSError = OSError("no address")
        for address in addresses:
            try:
                plain = self._connect((str(address), target.port), min(CONNECT_SECONDS, wire.left()))
            except OSError as error:
                failed = error
                continue
            if target.scheme == "http":
                return plain
            try:
                plain.settimeout(wire.left())
                return _context(ca_file).wrap_socket(plain, server_hostname=target.host)
            except BaseException:
                plain.close()
                raise
        raise failed


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Unreachable("ca_file cannot be read, or holds no certificate") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    return context


class _Wire:
    """A connection with one deadline for everything: http.client's own time-out begins anew with each byte."""

    def __init__(self, deadline: float) -> None:
        self._deadline, self._socket = deadline, cast("socket.socket | None", None)

    def open(self, connected: socket.socket) -> None:
        self._socket = connected

    def left(self) -> float:
        """Return the seconds that are left. Raises ``TimeoutError``."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def timed(self) -> socket.socket:
        """Return the connection, which waits no longer than there is time."""
        if self._socket is None:
            raise OSError("not connected")
        self._socket.settimeout(self.left())
        return self._socket

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()

    # What http.client asks of a socket.

    def sendall(self, data: bytes) -> None:
        self.timed().sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - http.client's signature
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Called when the head of the answer has been read and its body has not; ``hang_up`` ends the connection."""


class _Reader(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.timed().recv_into(buffer)


def _exchange(method: str, target: Target, wire: _Wire, form: Mapping[str, str] | None, limit_bytes: int) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.auto_open = 0
    connection.sock = cast("socket.socket", wire)
    headers = {
        "Host": target.origin.removeprefix(f"{target.scheme}://"),
        "User-Agent": _AGENT,
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    body = None
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form).encode("ascii")
    connection.request(method, target.path, body, headers)
    response = connection.getresponse()
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unreachable("the answer is compressed, which was not asked for")
    read = response.read(limit_bytes + 1)
    if len(read) > limit_bytes:
        raise Unreachable(f"the answer has more than {limit_bytes:,} bytes")
    return Answer(response.status, read)
