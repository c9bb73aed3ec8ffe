"""Run a hub with gunicorn: on SQLite one process with threads, on PostgreSQL any number, on any number of machines.

A file lock keeps each hub's folder to one server.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.util import write_nonblock

from hub.app import create_app
from hub.arriving import PatientWorker
from hub.config import Config, ConfigRefused
from hub.exchange.erasing import erase_again, read_erased
from hub.ledger import confirming
from hub.ledger.integrator import Integrator
from hub.services import Services, open_services
from hub.store.address import read_address
from hub.store.errors import StoreFailed
from hub.store.presence import Presence
from hub.waiting import WAITS_IN_ALL

LOCK_NAME = "hub.lock"
GRACEFUL_SECONDS = 10
CONNECTIONS = 500
"""At a time; fewer than the files that a process may have open where nobody raised that."""
MAX_PORT = 65_535
SERVER = "nrm-hub"
_FAILED = (
    "the hub has stopped: its disk failed while something was recorded; what was answered before stands; look at the "
    "disk, then start the hub again: it reads what is there"
)


_STATUSES = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    errors.UnsupportedTransferCoding: "501 Not Implemented",
    errors.ExpectationFailed: "417 Expectation Failed",
}
_NOT_HTTP = b'{"type":"urn:nrmhub:problem:malformed","title":"malformed","status":%s,"detail":"this is not a request"}'


class _Worker(PatientWorker):
    """Answers what is not HTTP without repeating it, neither to the sender nor in the log."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """End; whoever waits for the log is answered, so that nobody's thread keeps the process."""
        self._answer_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: object) -> None:
        """The same, at once."""
        self._answer_waiting()
        super().handle_quit(sig, frame)

    def _answer_waiting(self) -> None:
        app = getattr(self, "wsgi", None)
        if isinstance(app, Flask):
            app.extensions["nrmhub"].waiting.close()

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:  # noqa: ARG002
        """Log the kind of fault and send problem details (RFC 9457)."""
        is_theirs = isinstance(exc, errors.ParseException)
        status = _STATUSES.get(type(exc), "400 Bad Request" if is_theirs else "500 Internal Server Error")
        if is_theirs:
            self.log.warning("refused what is not a request: %s", type(exc).__name__)
        else:
            self.log.exception("a request failed")
        body = _NOT_HTTP % status[:3].encode()
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        try:
            write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            self.log.debug("the sender is gone")


class _Logger(Logger):  # type: ignore[misc]
    """Logs where something failed and its type, never its text: that could hold what a caller sent."""

    def exception(self, msg: str, *args: object, **kwargs: object) -> None:  # noqa: ARG002
        """Log without the message's arguments, which hold addresses of requests."""
        kind, _, trace = sys.exc_info()
        frames = traceback.extract_tb(trace)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
        self.error("unexpected %s at %s", "failure" if kind is None else kind.__name__, where)


_OPTIONS: dict[str, Any] = {
    "worker_class": _Worker,
    "worker_connections": CONNECTIONS,
    "logger_class": _Logger,
    "graceful_timeout": GRACEFUL_SECONDS,
    # Paths hold opaque ids only; bodies and headers are never logged.
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "warning",
    # What a provider brings back in an address can be long.
    "limit_request_line": 8190,
    "limit_request_fields": 50,
    "proc_name": "nrm-hub",
}


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, config: Config, passphrase: str, options: dict[str, Any]) -> None:
        self._config, self._passphrase, self._options = config, passphrase, options
        self._process = os.getpid()
        # One byte that the workers share with the process that started them.
        self._has_failed = mmap.mmap(-1, 1)
        super().__init__()

    def serve(self) -> None:
        """Serve until stopped. Raises ``StoreFailed`` where a worker met a disk that fails: the hub has ended."""
        try:
            self.run()
        except SystemExit:
            # A worker's own end comes by here as well.
            if self._has_failed[0] and os.getpid() == self._process:
                raise StoreFailed(_FAILED) from None
            raise

    def _stop(self) -> None:
        """End the whole hub, from a worker: another worker would go on where this one may not."""
        sys.stderr.write(f"{_FAILED}\n")
        sys.stderr.flush()
        self._has_failed[0] = 1
        if os.getppid() == self._process:
            os.kill(self._process, signal.SIGTERM)

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # In the worker: no database connection is ever shared between processes.
        services = open_services(self._config, self._passphrase)
        services.database.on_failure(self._stop)
        Integrator(services.database).start()
        return create_app(services, threads=self._options["threads"] - WAITS_IN_ALL)


def run(config: Config, passphrase: str, *, bind: str, threads: int, processes: int = 1) -> None:
    """Serve until stopped; write the address to standard output as soon as the hub answers there.

    Raises ``ConfigRefused`` for an address that is none, where another process serves this hub's folder already, and
    for more than one process on SQLite; ``StoreUnavailable`` where the database does not let it begin, or ended it.
    """
    _require_bind(bind)
    if processes > 1 and read_address(config.database_url).is_sqlite:
        raise ConfigRefused("processes: a hub on SQLite is one process; for more give it a PostgreSQL database")

    def say_address(worker: PatientWorker) -> None:
        if worker.age > 1:
            return
        for listening in worker.sockets:
            sys.stdout.write(f"nrm-hub serves {config.issuer} on {_address(listening)}; Ctrl-C stops it\n")
        sys.stdout.flush()

    # Said in every answer's Server header: the project's name, not that of what it runs on.
    wsgi.SERVER = SERVER
    lock = only_process(config.home)
    presence = None
    try:
        presence = Presence(config.database_url, config.database_password)
        # Where nobody else serves this hub, what was of an earlier moment is forgotten here.
        services = open_services(config, passphrase, anew=presence.is_alone)
        try:
            if presence.is_alone:
                begin(services)
            presence.share()
            # What keeps it from serving is said here, before a worker starts.
            create_app(services)
        finally:
            services.close()
        _Server(
            config,
            passphrase,
            {
                "bind": bind,
                "workers": processes,
                # Those that only wait for the log take no thread from those that are to be answered.
                "threads": threads + WAITS_IN_ALL,
                "post_worker_init": say_address,
                **_OPTIONS,
            },
        ).serve()
    finally:
        if presence is not None:
            presence.close()
        lock.close()


def begin(services: Services) -> None:
    """Note that serving begins: its witnesses are heard first; and erase what has come back since it was erased.

    On SQLite what stands in the write-ahead log is written anew, and waited for, before anything is said of it: a hub
    that was ended by its disk may find an act there that is in the system's memory alone (attack 73).
    """
    with services.database.write() as session:
        erase_again(session, read_erased(session, services.directory.current(session)))
        confirming.begin(session, services.clock())
    services.database.forget_deleted()


def _require_bind(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not int(port[:6]) <= MAX_PORT:
        raise ConfigRefused(f"bind: expected host and port such as 127.0.0.1:8080, got {bind[:60]!r}")


def _address(listening: Any) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def only_process(home: Path) -> Any:
    """Return the hub's lock, held until it is closed. Raises ``ConfigRefused`` where a process serves this hub."""
    path = home / LOCK_NAME
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigRefused(f"another process serves this hub already (it holds {path.name})") from error
    return file


@contextmanager
def nobody_serving(config: Config) -> Iterator[None]:
    """Keep a hub from being served, on any machine. Raises ``ConfigRefused`` where it is, and ``StoreUnavailable``."""
    lock = only_process(config.home)
    try:
        presence = Presence(config.database_url, config.database_password)
        try:
            if not presence.is_alone:
                raise ConfigRefused("another machine serves this hub already, on the same database")
            yield
        finally:
            presence.close()
    finally:
        lock.close()
