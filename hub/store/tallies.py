"""Counts that each process of a hub keeps for itself and tells the others by the portion.

For what must cost next to nothing (strangers' requests, one client's proofs): a name is counted in memory, and every
``PORTION`` the store is asked once. What is known is so never more than that much a process too low, and never too
high.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.store.rates import add_to_count

PORTION = 50
"""So much may each process have counted that the others do not know of."""
MAX_NAMES = 20_000
"""Counted at once in one process; of whoever was not seen for longest, what was not told yet is forgotten."""


@dataclass(slots=True)
class _Tally:
    told: int = 0
    """What all processes had told when this one last did."""
    own: int = 0
    """What this process has counted since."""
    expires_at: int = 0


class Tallies:
    """Counts by name and window, in the table of the rates."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]]) -> None:
        """``connect`` gives connections on which every statement stands alone."""
        self._connect = connect
        self._tallies: OrderedDict[tuple[str, int], _Tally] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, name: str, window: int) -> int:
        """Return how many are known, without counting one. The store is not asked."""
        with self._lock:
            tally = self._tallies.get((name, window))
            return 0 if tally is None else tally.told + tally.own

    def count(self, name: str, window: int, expires_at: int) -> int:
        """Count one more under a name of at most 80 characters; return how many are known with it.

        ``expires_at``, in seconds since 1970, is when the count means nothing any more.
        """
        key = name, window
        with self._lock:
            tally = self._tallies.pop(key, None) or _Tally(expires_at=expires_at)
            self._tallies[key] = tally
            while len(self._tallies) > MAX_NAMES:
                self._tallies.popitem(last=False)
            tally.own += 1
            if tally.own < PORTION:
                return tally.told + tally.own
            telling, tally.own = tally.own, 0
            # Counted here until the store has answered: meanwhile others must not take it for less.
            tally.told += telling
        with self._connect() as connection:
            total = add_to_count(connection, name, window, telling, expires_at)
        with self._lock:
            tally.told = max(tally.told, total)
            return tally.told + tally.own

    def forget(self, now: int) -> None:
        """Forget what expired before ``now``, in seconds since 1970."""
        with self._lock:
            for key in [key for key, tally in self._tallies.items() if tally.expires_at < now]:
                del self._tallies[key]
