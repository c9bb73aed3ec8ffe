"""Serve the workspace: gunicorn's threaded worker in this very process, because members' keys are in its memory.

No other process is forked: keys that one process opened would be closed in the next, and a token's session does not
survive a fork. The worker runs in the main thread, where signals arrive; the watch and the status page run beside it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.util import write_nonblock

from adapters.home import Home, HomeRefused
from adapters.runtime import Adapter
from adapters.workspace.app import EXTENSION, Workspace, create_app
from adapters.workspace.arriving import PatientWorker
from adapters.workspace.settings import WorkspaceSettings
from keys.fetching import SUITES

SERVER = "nrm-adapter"
LOCK_NAME = "workspace.lock"
GRACEFUL_SECONDS = 10
SILENT_SECONDS = 20
"""How long a connection may stand still in the middle of a request or an answer."""
CONNECTIONS = 500
KEEPALIVE_SECONDS = 10
TEND_SECONDS = 1.0
SWEEP_SECONDS = 60.0
BLIND_SECONDS = 30.0
"""If for so long nobody can tell whether sessions go on, every key is given up."""
_NOT_HTTP = b"This is not a request.\n"


class _Worker(PatientWorker):
    """Answers what is not HTTP without repeating it, neither to the sender nor in the log."""

    def is_parent_alive(self) -> bool:
        """Whoever started this process may go; it stays until it is told to end."""
        return True

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:  # noqa: ARG002
        """Log the kind of fault and say no more than that."""
        is_theirs = isinstance(exc, errors.ParseException | OSError)
        if is_theirs:
            self.log.warning("refused what is not a request: %s", type(exc).__name__)
        else:
            self.log.exception("a request failed")
        status = "400 Bad Request" if is_theirs else "500 Internal Server Error"
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
        try:
            write_nonblock(client, f"{head}Content-Length: {len(_NOT_HTTP)}\r\n\r\n".encode() + _NOT_HTTP)
        except OSError:
            self.log.debug("the sender is gone")


class _Logger(Logger):  # type: ignore[misc]
    """Logs where something failed and its type, never its text: that could hold what somebody sent."""

    def exception(self, msg: str, *args: object, **kwargs: object) -> None:  # noqa: ARG002
        """Log without the message's arguments, which hold addresses of requests."""
        kind, _, trace = sys.exc_info()
        frames = traceback.extract_tb(trace)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
        self.error("unexpected %s at %s", "failure" if kind is None else kind.__name__, where)


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


@dataclass(frozen=True, slots=True)
class Serving:
    """A workspace whose address is taken, not yet answering."""

    app: Flask
    settings: WorkspaceSettings
    listening: socket.socket
    adapter: Adapter
    lock: IO[bytes]
    """Held as long as it serves: no second one of the same home."""

    @property
    def here(self) -> Workspace:
        """The workspace behind the pages."""
        found: Workspace = self.app.extensions[EXTENSION]
        return found

    @property
    def address(self) -> str:
        """Where people find it, and where it listens."""
        host, port = self.listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{self.settings.origin}/ (listening on {shown}:{port})"

    def run(self) -> None:
        """Answer until the process is told to end. Runs in the main thread; every key is given up at the end."""
        stop = threading.Event()
        tending = threading.Thread(target=_tend, args=(self.here, stop), name="sessions", daemon=True)
        tending.start()
        try:
            _worker(self).init_process()
        finally:
            stop.set()
            self.here.close()
            self.listening.close()
            tending.join(timeout=5)
            self.adapter.close()
            self.lock.close()


def prepare(adapter: Adapter, settings: WorkspaceSettings, *, set_up: Callable[[Flask], None] | None = None) -> Serving:
    """Take the address and build the pages, with a store and a client of the workspace's own and the agency's keys.

    ``set_up`` adds pages of other parts. Raises ``HomeRefused``, also where another process serves this home's
    workspace, ``AssetsMissing``, ``StoreRefused``, ``CustodyRefused``.
    """
    lock = only_workspace(adapter.home)
    try:
        return _prepare(adapter, settings, set_up, lock)
    except BaseException:
        lock.close()
        raise


def only_workspace(home: Home) -> IO[bytes]:
    """Return the lock of a home's workspace, held until it is closed. Raises ``HomeRefused`` where it is taken.

    Open keys, and how often somebody has asked or tried a passphrase, are in one process's memory: a second one would
    let everybody ask and guess twice as often.
    """
    descriptor = os.open(home.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise HomeRefused(f"another process serves this adapter's workspace already (it holds {LOCK_NAME})") from error
    return file


def _prepare(
    adapter: Adapter, settings: WorkspaceSettings, set_up: Callable[[Flask], None] | None, lock: IO[bytes]
) -> Serving:
    own = Adapter(adapter.home, environ=adapter.environ, clock=adapter.clock)
    own.__dict__["keys"] = adapter.keys
    _ = own.book, own.agreements
    app = create_app(own, settings, keys_now=lambda: adapter.keys)
    if set_up is not None:
        set_up(app)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        raise HomeRefused(
            f"the workspace cannot listen on {settings.host}:{settings.port}: the address is in use or not ours"
        ) from error
    # Taken over by each connection: one that stands still does not hold a thread for good.
    patience = struct.pack("ll", SILENT_SECONDS, 0)
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        listening.setsockopt(socket.SOL_SOCKET, direction, patience)
    return Serving(app, settings, listening, own, lock)


def _worker(serving: Serving) -> _Worker:
    settings = serving.settings
    options: dict[str, Any] = {
        "threads": settings.threads,
        "worker_connections": CONNECTIONS,
        "keepalive": KEEPALIVE_SECONDS,
        "graceful_timeout": GRACEFUL_SECONDS,
        # Addresses hold opaque ids only; bodies and headers are never logged.
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "limit_request_line": 8190,
        "limit_request_fields": 60,
        "limit_request_field_size": 8190,
        # What a server in front says is read by the pages themselves, from configured addresses only.
        "forwarded_allow_ips": "",
        "certfile": None if settings.certificate is None else str(settings.certificate),
        "keyfile": None if settings.key is None else str(settings.key),
        "ciphers": SUITES,
    }
    wsgi.SERVER = SERVER
    application = _Application(serving.app, options)
    log = _Logger(application.cfg)
    return _Worker(0, os.getppid(), [serving.listening], application, GRACEFUL_SECONDS, application.cfg, log)


def _tend(here: Workspace, stop: threading.Event) -> None:
    """Give up keys as their sessions end, whoever ended them. Goes on whatever happens in one look."""
    swept = seen = time.monotonic()
    while not stop.wait(TEND_SECONDS):
        now = time.monotonic()
        try:
            here.drop_ended()
            if now - swept >= SWEEP_SECONDS:
                here.sessions.sweep()
                swept = now
            seen = now
        except Exception:  # noqa: BLE001 - a look that fails must not be the last one
            if now - seen >= BLIND_SECONDS:
                here.ring.clear()
