"""How fast passphrases may be tried: what fails in one session keeps that session waiting, and no other for long.

Somebody who has only a person's first factor can try passphrases. Each of their sessions waits longer after each
failure; and after some failures of all sessions together there is one try in half a minute, each session in its turn,
so that the rightful person waits their turn and never longer. A passkey guesses nothing and waits for nobody.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from adapters.store.database import Store
from adapters.store.rows import raise_alarm
from adapters.store.workspace_rows import find_attempts, keep_attempts
from adapters.workspace.refusal import UnlockRefused
from policies.model import parse_time, render_time

FREE_TRIES = 5
"""So many tries may fail in a row in one session before its next one has to wait."""
FIRST_WAIT = timedelta(seconds=30)
"""After that each failure doubles the wait, from this …"""
LONGEST_WAIT = timedelta(minutes=30)
"""… up to this."""
FREE_TOGETHER = 20
"""So many may fail in a row in all of a member's sessions together, before they take turns."""
TURN = timedelta(seconds=30)
TURN_KEPT = timedelta(minutes=2)
"""A turn that is not taken for so long is given up."""
MAX_SESSIONS = 5_000


class Pace:
    """The tries of one adapter. Those of all sessions together are counted in the database: a restart gives no more."""

    def __init__(self, store: Store, clock: Callable[[], datetime], is_live: Callable[[str], bool]) -> None:
        """``is_live``: whether somebody is signed in with a session, by its digest."""
        self._store, self._clock, self._is_live = store, clock, is_live
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self._turns: dict[str, dict[str, datetime]] = {}

    def claim(self, member: str, session: str) -> int:
        """Count a try as failed, before it is made; return how many have failed with it in this session.

        Raises ``UnlockRefused``: the session has to wait.
        """
        with self._lock:
            now = self._clock()
            failed, last = self._failed.get(session, (0, now))
            _require_over(last + wait_after(failed) - now, _("Too many tries."))
            turns = self._turns_of(member, session, now)
            with self._store.write() as store:
                row = find_attempts(store, member)
                together, latest = (0, now) if row is None else (row.failed, parse_time(row.last_at))
                if together >= FREE_TOGETHER:
                    self._take_turn(member, session, turns, latest, now)
                keep_attempts(store, member, together + 1, render_time(now))
                if together + 1 == FREE_TOGETHER:
                    text = f"member {member}: {FREE_TOGETHER} passphrases in a row did not open the key"
                    raise_alarm(store, "unlock_tries", text, render_time(now))
            self._note(session, failed + 1, now)
        return failed + 1

    def opened(self, member: str, session: str) -> None:
        """Forget what failed before: the right passphrase was given."""
        with self._lock:
            self._failed.pop(session, None)
            self._turns.pop(member, None)
            with self._store.write() as store:
                keep_attempts(store, member, 0, render_time(self._clock()))

    def _turns_of(self, member: str, session: str, now: datetime) -> dict[str, datetime]:
        """Return the turns that still stand: a session that is over has none, so nobody can take them all."""
        return {
            other: at
            for other, at in self._turns.get(member, {}).items()
            if now - at < TURN_KEPT and (other == session or self._is_live(other))
        }

    def _take_turn(
        self, member: str, session: str, turns: dict[str, datetime], latest: datetime, now: datetime
    ) -> None:
        at = turns.get(session)
        if at is None:
            at = _first_free(latest + TURN, turns.values())
        if at > now:
            turns[session] = at
            self._turns[member] = turns
            _require_over(at - now, _("Somebody has tried many passphrases for this key."))
        turns.pop(session, None)
        self._turns[member] = turns

    def _note(self, session: str, failed: int, now: datetime) -> None:
        self._failed[session] = (failed, now)
        self._failed.move_to_end(session)
        while len(self._failed) > MAX_SESSIONS:
            self._failed.popitem(last=False)


def _first_free(at: datetime, taken: Iterable[datetime]) -> datetime:
    """Return the first time from ``at`` on that is a turn away from those taken.

    Not after the last of them: whoever signs in anew again and again would move the end further away each time.
    """
    for other in sorted(taken):
        if abs(at - other) < TURN:
            at = other + TURN
    return at


def wait_after(failed: int) -> timedelta:
    """Return how long a session may not try after so many failures in a row."""
    if failed < FREE_TRIES:
        return timedelta(0)
    doubled: int = 2 ** min(failed - FREE_TRIES, 10)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)


def say_wait(length: timedelta) -> str:
    """Write a wait in words."""
    seconds = max(1, -(-int(length.total_seconds()) // 1))
    if seconds < 60:
        return str(ngettext("%(num)s second", "%(num)s seconds", seconds))
    return str(ngettext("%(num)s minute", "%(num)s minutes", -(-seconds // 60)))


def _require_over(left: timedelta, why: str) -> None:
    if left > timedelta(0):
        then = _("Wait %(time)s, then try again. A passkey, if you have one, needs no wait.", time=say_wait(left))
        raise UnlockRefused(f"{why} {then}", left)
