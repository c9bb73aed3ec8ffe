"""How many requests of one agency a process works on at the same time, so that no agency holds every thread.

A push whose body is longer than what is gathered beforehand (``hub.arriving``) holds its thread while it comes; whoever
sends slowly, with a good token, holds a few threads and never all of them. Counted in each process for itself, because
threads are a process's own.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from hub.refusal import Refused

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 8
"""Of a process, where nothing else is said."""
LONG_BYTES = 128 * 1024
"""A longer body holds its thread while it comes; so does one that does not say how long it is."""
RETRY_SECONDS = 1
_LEAVE = "nrmhub.leave"


class AtOnce:
    """The requests that one process works on, by agency."""

    def __init__(self, threads: int) -> None:
        """``threads``: how many requests the process answers at the same time."""
        self.of_one = max(1, threads // 2)
        self.long_of_one = max(1, threads // 4)
        self.long_of_all = max(1, threads // 2)
        self._working: Counter[str] = Counter()
        self._long: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, agency: str, *, is_long: bool) -> Callable[[], None]:
        """Begin to work on a request; return what ends it. Raises ``Refused`` (503): too many are under way."""
        with self._lock:
            if self._working[agency] >= self.of_one:
                raise _busy(f"{self.of_one} requests of this agency")
            if is_long and self._long[agency] >= self.long_of_one:
                raise _busy(f"{self.long_of_one} long pushes of this agency")
            if is_long and self._long.total() >= self.long_of_all:
                raise _busy(f"{self.long_of_all} long pushes")
            self._working[agency] += 1
            if is_long:
                self._long[agency] += 1

        def leave() -> None:
            with self._lock:
                _take_one(self._working, agency)
                if is_long:
                    _take_one(self._long, agency)

        return leave


def _take_one(counted: Counter[str], agency: str) -> None:
    counted[agency] -= 1
    if counted[agency] <= 0:
        del counted[agency]


class Leaving:
    """Calls what ends a request's work when its answer is taken whole, or given up: a stream is work as well."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        left: list[Callable[[], None]] = []
        environ[_LEAVE] = left

        def leave() -> None:
            with suppress(IndexError):
                left.pop()()

        try:
            return ClosingIterator(self._app(environ, start_response), leave)
        except BaseException:
            leave()
            raise


def note_leave(environ: dict[str, Any], leave: Callable[[], None]) -> None:
    """Let a request's end be told. Where nobody would tell it, it is at its end at once."""
    found = environ.get(_LEAVE)
    if isinstance(found, list):
        found.append(leave)
    else:
        leave()


def is_long(content_length: int | None, *, is_chunked: bool) -> bool:
    """Whether a body holds a thread while it comes."""
    return is_chunked or (content_length or 0) > LONG_BYTES


def _busy(what: str) -> Refused:
    text = f"{what} are being worked on at this process already, and no more at the same time; try again"
    return Refused(503, "busy", f"{text} in {RETRY_SECONDS} second", wait=RETRY_SECONDS)
