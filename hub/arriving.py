"""Gunicorn's threaded worker, which waits for requests without a thread and gives threads whole ones.

gunicorn's own hands a thread a connection as soon as one byte is there: as many senders as there are threads, each with
a byte now and then, would keep everybody else out (slow loris). Here a connection waits in the poller until its request
is there, for at most ``REQUEST_SECONDS``. The adapters have their own copy: hub and adapters share no code that serves.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
import time
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import ThreadWorker

from keys.incoming import Arrival, Stage

REQUEST_SECONDS = 10
"""From a request's first moment to its last byte, TLS included, however steadily bytes drip."""
LONGEST_SECONDS = 300
"""From the moment a thread takes a long body on to its last byte: 64 MiB at 218 KiB a second."""
ANSWER_SECONDS = 20
"""How long one piece of an answer may take to be taken."""
LINGER_SECONDS = 2
_LINGER_BYTES = 64 * 1024
_PIECE = 64 * 1024
_PAUSE_SECONDS = 0.05
_WAIT = object()
_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Unreader(SocketUnreader):  # type: ignore[misc]  # gunicorn ships no types
    """Reads what was not gathered, for as long as its sender keeps up the pace that is asked."""

    def __init__(self, sock: Any, per_second: int) -> None:
        super().__init__(sock)
        self._per_second = per_second
        self.begin()

    def begin(self) -> None:
        """A new request begins."""
        self._began, self._taken, self._is_over = time.monotonic(), 0, False

    def stop(self) -> None:
        """Read no more of this request."""
        self._is_over = True

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece. Raises ``TimeoutError`` where the sender is slower than asked."""
        patience = min(REQUEST_SECONDS + self._taken / self._per_second, LONGEST_SECONDS)
        left = self._began + patience - time.monotonic()
        if self._is_over or left <= 0:
            raise TimeoutError("the rest of the request did not come in time")
        self.sock.settimeout(left)
        try:
            data: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(ANSWER_SECONDS)
        self._taken += len(data)
        return data


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A worker whose threads never wait for a request to come."""

    gathered_bytes = 128 * 1024
    """Of a body; nobody whose token was not seen is answered anything that needs more."""
    bytes_per_second = 64 * 1024
    """At which a longer body must come, on average."""
    _is_short = False
    """Whether a connection could not be taken."""

    def handle(self, conn: Any) -> Any:
        """Gather without waiting; answer once the request is there."""
        try:
            outcome = self._gather(conn)
        except (OSError, ssl.SSLError):
            return False
        return super().handle(conn) if outcome is None else outcome

    def _gather(self, conn: Any) -> object | None:
        """Return None where a request is there, ``_WAIT``, or False: the connection ends."""
        conn.sock.setblocking(False)
        if conn.parser is None:
            if self.cfg.is_ssl and not isinstance(conn.sock, ssl.SSLSocket):
                conn.sock = ssl_wrap_socket(conn.sock, self.cfg)
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = _Unreader(conn.sock, self.bytes_per_second)
            conn.initialized, conn.arrival = True, None
        if conn.arrival is None:
            conn.arrival, conn.deadline = Arrival(self.gathered_bytes), time.monotonic() + REQUEST_SECONDS
            conn.arrival.feed(conn.parser.unreader.take_buffered())
        arrival = conn.arrival
        while arrival.stage is Stage.ARRIVING:
            try:
                data = conn.sock.recv(_PIECE)
            except _NOT_YET:
                return self._wait(conn, arrival)
            if not data:
                return False
            arrival.feed(data)
        if arrival.stage is Stage.TOO_LONG:
            _say(conn, _TOO_LONG)
            return False
        conn.arrival = None
        conn.parser.unreader.begin()
        conn.parser.unreader.unread(bytes(arrival.data))
        return None

    def _wait(self, conn: Any, arrival: Arrival) -> object:
        if time.monotonic() >= conn.deadline:
            _say_late(conn)
            return False
        if arrival.awaits_word:
            _say(conn, _GO_ON)
            arrival.awaits_word = False
        return _WAIT

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer; whoever does not take the answer does not hold the thread for good."""
        conn.sock.settimeout(ANSWER_SECONDS)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: object) -> bool:
        """Whether the connection goes on: not where the rest of a body would have to be waited for."""
        conn.parser.unreader.stop()
        return bool(super()._keepalive_after(conn, keepalive))

    # --- in the main thread ---

    def accept(self, listener: Any) -> None:
        """Take a connection. Where no more files may be open, that passes; it must not end the process."""
        try:
            super().accept(listener)
        except OSError as error:
            self.log.warning("a connection was not taken: %s", errno.errorcode.get(error.errno or 0, "unknown"))
            self._is_short = True
            time.sleep(_PAUSE_SECONDS)

    def _make_room(self) -> bool:
        """Close what has waited longest; return whether anything was waiting."""
        conn = min((*self.pending_conns, *self.keepalived_conns), key=lambda item: item.timeout, default=None)
        if conn is None:
            return False
        (self.pending_conns if conn in self.pending_conns else self.keepalived_conns).remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._forget(conn)
        return True

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Put the connection where it waits: for the rest of a request, for the next one, or for its end."""
        try:
            result = fs.result() if not fs.cancelled() else False
            if result is _WAIT and self.alive:
                conn.timeout, conn.is_parting = conn.deadline, False
                self._poll(conn, partial(self.on_pending_socket_readable, conn))
            elif result is _WAIT or not result:
                self._part(conn)
            else:
                super().finish_request(conn, fs)
        except Exception:  # noqa: BLE001 - whatever became of one connection, the loop goes on
            self._forget(conn)

    def murder_pending(self) -> None:
        """Close what has waited long enough; where as many are here as are kept, who waited longest makes room."""
        now = time.monotonic()
        for conn in [item for item in self.pending_conns if item.timeout <= now]:
            self._take_off(conn)
            if not conn.is_parting:
                _say_late(conn)
            self._forget(conn)
        # Only here, when no event of this round is left: it could be one of what is closed.
        while self._is_short or self.nr_conns > self.worker_connections - self.cfg.threads:
            self._is_short = False
            if not self._make_room():
                break

    def _poll(self, conn: Any, then: Any) -> None:
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, then)
        self.pending_conns.append(conn)

    def _part(self, conn: Any) -> None:
        """Close, once what was still under way is read: else the answer could be lost (RFC 9112 section 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
            return
        conn.timeout, conn.is_parting, conn.left = time.monotonic() + LINGER_SECONDS, True, _LINGER_BYTES
        self._poll(conn, partial(self._drain, conn))

    def _drain(self, conn: Any, _sock: Any) -> None:
        try:
            data = conn.sock.recv(_PIECE)
        except _NOT_YET:
            return
        except OSError:
            data = b""
        conn.left -= len(data)
        if not data or conn.left <= 0:
            self._take_off(conn)
            self._forget(conn)

    def _take_off(self, conn: Any) -> None:
        self.pending_conns.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _forget(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()


def _say_late(conn: Any) -> None:
    """Say so to whoever began a request; a connection that was only kept open is closed without a word."""
    arrival = getattr(conn, "arrival", None)
    if arrival is not None and arrival.data:
        _say(conn, _LATE)


def _say(conn: Any, words: bytes) -> None:
    with contextlib.suppress(OSError):
        conn.sock.send(words)
