"""Where the processor time of a piece of work goes: a look at the running code every few milliseconds of it.

The clock that looks counts this process's own time on a processor, so other processes and the disk take no part; and
nothing is measured at each call, so that many small functions do not look dearer than they are, as they do in a trace.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import FrameType

EVERY_SECONDS = 0.001
"""The kernel looks at its ticks, which may be ten times as long: so many pieces of work are looked at."""
OTHER = "anything else"
_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the database's driver: statements, commits", ("sqlalchemy/engine/default.py:do_", "psycopg/", "psycopg_")),
    ("SQLAlchemy, around the statements", ("sqlalchemy/",)),
    ("signatures", ("keys/jose.py:verify", "keys/private.py", "joserfc/", "keys/cosigning.py")),
    ("canonical JSON, base64", ("keys/canonical.py", "keys/jose.py:b64u", "json/", "/base64.py", "hub/api/ndjson.py")),
    ("Flask, the forms of requests", ("/flask", "werkzeug/", "marshmallow/", "webargs/", "hub/api/", "hub/console/")),
    ("who asks, and how often (hub.auth)", ("hub/auth/",)),
    ("statements and keys (keys)", ("/keys/",)),
    ("decisions (policies)", ("/policies/",)),
    ("the exchange's checks (hub.exchange)", ("hub/exchange/",)),
    ("the log: entries, tree, heads (hub.ledger)", ("hub/ledger/",)),
    ("rows (hub.store)", ("hub/store/",)),
)
"""What a place in the code belongs to: the first part of whose pieces its file and function have one."""


@dataclass(slots=True)
class Samples:
    """What was seen: how often each part was at work, and how long each piece of work took, in seconds."""

    seen: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    is_counted: bool = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count a block, which is one piece of work."""
        self.is_counted, began = True, time.process_time()
        try:
            yield
        finally:
            self.is_counted = False
            self.took.append(time.process_time() - began)

    @property
    def milliseconds(self) -> float:
        """How long a piece of work took on average: a kernel may count no less than its ticks, so no median."""
        return 1000 * sum(self.took) / len(self.took)

    def shares(self) -> list[tuple[str, float]]:
        """Return the parts and their shares of all that was seen, the largest first."""
        total = self.seen.total() or 1
        return [(part, count / total) for part, count in self.seen.most_common()]


@contextmanager
def looking(listed: Collection[Samples]) -> Iterator[None]:
    """Look at the running code during a block, in the main thread alone; each counts what runs in its ``taken``."""

    def look(_number: int, frame: FrameType | None) -> None:
        for samples in listed:
            if samples.is_counted:
                samples.seen[part_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def part_of(frame: FrameType | None) -> str:
    """Return the part that the innermost frame with one belongs to: what a library does is whoever's who called it."""
    while frame is not None:
        found = _part_of_place(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
        if found is not None:
            return found
        frame = frame.f_back
    return OTHER


@cache
def _part_of_place(place: str) -> str | None:
    return next((part for part, pieces in _PARTS if any(piece in place for piece in pieces)), None)
