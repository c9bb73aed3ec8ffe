"""Senders who drip, over real sockets, against one of the two servers' workers running in a thread of the test."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, request
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

THREADS = 2
CONNECTIONS = 60
PATIENCE = 1.5
"""Seconds that a request may take in these tests."""


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask) -> None:
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        options = {"threads": THREADS, "keepalive": 1, "loglevel": "critical", "errorlog": "-"}
        for name, value in {**options, "worker_connections": CONNECTIONS}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


@contextmanager
def working(module: Any, patch: pytest.MonkeyPatch, worker_class: Any) -> Iterator[int]:
    """Run a worker of a serving module with two threads and 1.5 seconds for a request; give its port."""
    patch.setattr(module, "REQUEST_SECONDS", PATIENCE)
    app = Flask("slow")

    @app.post("/length")
    def length() -> str:
        return str(len(request.get_data()))

    @app.get("/")
    def answer() -> str:
        return "answered"

    class Worker(worker_class):  # type: ignore[misc]
        def init_signals(self) -> None:
            """Signals are the main thread's."""

    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    application = _Application(app)
    worker = Worker(0, os.getppid(), [listening], application, 10, application.cfg, Logger(application.cfg))
    thread = threading.Thread(target=worker.init_process, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        worker.alive = False
        thread.join(timeout=15)
        assert not thread.is_alive()


def ask(port: int, text: bytes, *, within: float = 10.0) -> bytes:
    """Send bytes on a connection of their own; return all that comes back until it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=within) as sock:
        sock.sendall(text)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Return what a connection brings until it is closed."""
    found = b""
    while piece := sock.recv(65536):
        found += piece
    return found


@contextmanager
def dripping(port: int, number: int, begins: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections open that have begun a request and send one more byte every tenth of a second."""
    socks = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(number)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.1):
            for sock in socks:
                try:
                    sock.send(b"x")
                except OSError:
                    continue

    for sock in socks:
        sock.sendall(begins)
    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield socks
    finally:
        stop.set()
        thread.join(timeout=5)
        for sock in socks:
            sock.close()


HONEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /length HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
BEGUN = {
    "head": b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: ",
    "body": b"POST /length HTTP/1.1\r\nHost: here\r\nContent-Length: 5000\r\n\r\n",
    "chunks": CHUNKED + b"1000\r\n0\r\n\r\n",
    "zeros before a length": b"POST /length HTTP/1.1\r\nHost: here\r\nContent-Length: 00000000000000005000\r\n\r\n",
    "zeros before a chunk": CHUNKED + b"00000000000000005000\r\n",
    "what a chunk's line adds": CHUNKED + b"5;" + b"a" * 2_000,
    "trailers": CHUNKED + b"0\r\nX-T: " + b"a" * 140_000,
    "little chunks": CHUNKED + (b"1;" + b"a" * 4_000 + b"\r\ny\r\n") * 35,
    "nothing": b"",
}


def play_drips(port: int, begun: str) -> None:
    """More dripping connections than threads: an honest request is answered at once, and the others are closed."""
    with dripping(port, 6 * THREADS, BEGUN[begun]) as socks:
        time.sleep(0.3)
        began = time.monotonic()
        assert ask(port, HONEST).endswith(b"answered")
        assert time.monotonic() - began < PATIENCE / 2
        said = [_end_of(sock) for sock in socks]
        assert time.monotonic() - began < PATIENCE + 3
    assert all(text.startswith(b"HTTP/1.1 408") or not text for text in said)
    assert any(text.startswith(b"HTTP/1.1 408") for text in said)


def _end_of(sock: socket.socket) -> bytes:
    try:
        return read_all(sock)
    except ConnectionResetError:
        return b""


def play_whole_requests(port: int) -> None:
    """What comes in pieces, chunked, pipelined, larger than what is gathered, or kept alive is answered as ever."""
    body = b"y" * 400_000
    head = b"POST /length HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
    assert ask(port, head + b"Content-Length: %d\r\n\r\n" % len(body) + body).endswith(b"\r\n\r\n400000")
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:70_000], body[:3], b"z" * 16))
    for trailer in (b"0\r\n\r\n", b"0;a=b\r\nX-T: 1\r\n\r\n"):
        said = ask(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked + trailer)
        assert said.endswith(b"\r\n\r\n70019"), said
    said = ask(port, HONEST.replace(b"Connection: close\r\n", b"") * 2 + HONEST)
    assert said.count(b"answered") == 3
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        for index in range(len(HONEST)):
            sock.sendall(HONEST[index : index + 1])
        assert read_all(sock).endswith(b"answered")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b"ab")
        assert read_all(sock).endswith(b"\r\n\r\n2")
    assert ask(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")


def play_idle(port: int) -> None:
    """A connection kept open without a next request is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(HONEST.replace(b"Connection: close\r\n", b""))
        began = time.monotonic()
        assert read_all(sock).endswith(b"answered")
        assert time.monotonic() - began < 4


def play_long_drips(port: int) -> None:
    """A body longer than what is gathered is read by a thread, for as long as it keeps its pace and no longer."""
    begins = b"POST /length HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n\r\n" + b"y" * 140_000
    with dripping(port, THREADS, begins) as socks:
        began = time.monotonic()
        assert ask(port, HONEST, within=30).endswith(b"answered")
        assert time.monotonic() - began < PATIENCE + 140_000 / 65_536 + 2
        assert all(b" 200 " not in _end_of(sock)[:20] for sock in socks)


def play_crowd(module: Any, port: int, patch: pytest.MonkeyPatch) -> None:
    """More connections than are kept: whoever waited longest makes room, and who comes with a request is answered."""
    patch.setattr(module, "REQUEST_SECONDS", 60)
    for begins in (b"", BEGUN["head"], HONEST.replace(b"Connection: close\r\n", b"")):
        socks = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CONNECTIONS)]
        for sock in socks:
            sock.sendall(begins)
        more = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CONNECTIONS)]
        assert ask(port, HONEST, within=20).endswith(b"answered")
        for sock in (*socks, *more):
            sock.close()


def play_no_more_files(port: int, patch: pytest.MonkeyPatch) -> None:
    """Where the process may open no more files for a while, it goes on all the same."""
    accept, failed = socket.socket.accept, threading.Event()

    def refuse(sock: socket.socket) -> tuple[socket.socket, Any]:
        failed.set()
        raise OSError(errno.EMFILE, "too many open files")

    patch.setattr(socket.socket, "accept", refuse)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(HONEST)
        assert failed.wait(5)
        patch.setattr(socket.socket, "accept", accept)
        assert read_all(sock).endswith(b"answered")
