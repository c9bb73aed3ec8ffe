"""Wait until the log has changed: for adapters that follow it within a second, without asking all the time.

Whoever waits holds a thread and nothing else: no database connection, no lock of an act. Of all who wait in a process
one looks, with two small questions ten times a second, and tells the others; so it is seen whoever wrote, another
process or machine as well, on either database. Who may wait is limited, for an agency and in all, and the server has
threads of their own for as many (``hub.serving``).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hub.refusal import Refused

LONGEST_SECONDS = 20.0
"""After so long whoever waits is answered, news or not. Shorter than a client, or a server in front, gives up."""
LOOK_SECONDS = 0.1
WAITS_PER_AGENCY = 4
"""In one process: an adapter's server, and a few beside it."""
WAITS_IN_ALL = 32
"""In one process. Whoever comes beyond asks again, and is answered at once where there is news."""
AGAIN_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """The size of the log, and that of its newest head with a quorum (0: none)."""

    size: int
    witnessed: int


class Waiting:
    """Who waits in this process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._places: Counter[str] = Counter()
        self._is_looking = False
        self._newest: Seen | None = None
        self._is_over = False

    def wait(self, agency: str, look: Callable[[], Seen], is_news: Callable[[Seen], bool]) -> Seen:
        """Return what ``look`` sees once that is news for an agency, or after ``LONGEST_SECONDS``.

        News that is there is given to everybody, place or not. Raises ``Refused`` where too many wait already, and
        what ``look`` raises.
        """
        found = look()
        if is_news(found):
            return found
        until = time.monotonic() + LONGEST_SECONDS
        with self._place(agency):
            while not is_news(found) and not self._is_over and time.monotonic() < until:
                found = self._next(look, is_news, until) or found
        return found

    def close(self) -> None:
        """Answer everybody soon: the process ends. May be called while a signal is handled."""
        self._is_over = True

    @contextmanager
    def _place(self, agency: str) -> Iterator[None]:
        with self._condition:
            if self._places[agency] >= WAITS_PER_AGENCY:
                text = f"of one agency at most {WAITS_PER_AGENCY} requests wait here at a time"
                raise Refused(429, "too_many_waiting", text, wait=AGAIN_SECONDS)
            if self._places.total() >= WAITS_IN_ALL:
                text = f"{WAITS_IN_ALL} requests wait here already; ask again, and what is new is said at once"
                raise Refused(503, "too_many_waiting", text, wait=AGAIN_SECONDS)
            self._places[agency] += 1
        try:
            yield
        finally:
            with self._condition:
                self._places[agency] -= 1
                self._places += Counter()

    def _next(self, look: Callable[[], Seen], is_news: Callable[[Seen], bool], until: float) -> Seen | None:
        """Look for everybody, or be told by whoever does; return what was seen last."""
        with self._condition:
            if self._is_looking:
                self._condition.wait(max(0.0, until - time.monotonic()))
                return self._newest
            self._is_looking = True
        try:
            return self._look_on(look, is_news, until)
        finally:
            with self._condition:
                self._is_looking = False
                # Somebody else looks from here on.
                self._condition.notify_all()

    def _look_on(self, look: Callable[[], Seen], is_news: Callable[[Seen], bool], until: float) -> Seen:
        while True:
            time.sleep(LOOK_SECONDS)
            found = look()
            with self._condition:
                if found != self._newest:
                    self._newest = found
                    self._condition.notify_all()
            if is_news(found) or self._is_over or time.monotonic() >= until:
                return found
