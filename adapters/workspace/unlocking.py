"""Members' keys that are open: in the memory of this one process, each for one session, and gone with it.

A key opens by its member's passphrase. Tries that fail are counted in the database before the passphrase is looked at,
so that neither a restart nor many tries at once give more of them, and each one makes the next wait longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from adapters.home import Home, HomeRefused
from adapters.store.database import Store
from adapters.store.workspace_rows import find_attempts, keep_attempts
from adapters.workspace.refusal import UnlockRefused
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import KeyFile, read_key_file
from keys.custody.protection import require_private
from keys.custody.secret import MAX_SECRET_BYTES, Secret
from policies.model import parse_time, render_time, require_id

FREE_TRIES = 5
"""So many tries may fail in a row before the next one has to wait."""
FIRST_WAIT = timedelta(seconds=30)
"""After that each failure doubles the wait, from this …"""
LONGEST_WAIT = timedelta(minutes=30)
"""… up to this."""
AT_ONCE = 2
"""Opening a key file takes 64 MiB of memory on purpose; so many open at the same time."""


class How(StrEnum):
    """What opened a key."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a word, no secret
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, repr=False)
class Unlocked:
    """A member's open keys. ``repr`` shows none of them."""

    member: str
    keys: KeyFile
    how: How
    since: datetime
    stamp: str
    """The key file as it was when it was opened (``Guard.key_stamp``)."""

    def __repr__(self) -> str:
        return f"<Unlocked by {self.how.value} (keys not shown)>"


class KeyRing:
    """The open keys of this process, by the digest of the session they belong to. ``repr`` shows how many."""

    def __init__(self, on_drop: Callable[[str], None] = lambda _member: None) -> None:
        """``on_drop`` is told whose key was given up, whatever for; it must not raise."""
        self._held: dict[str, Unlocked] = {}
        self._on_drop = on_drop
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._held)} (keys not shown)>"

    def put(self, digest: str, unlocked: Unlocked) -> None:
        """Hold open keys for a session."""
        with self._lock:
            self._held[digest] = unlocked

    def get(self, digest: str) -> Unlocked | None:
        """Return the open keys of a session."""
        with self._lock:
            return self._held.get(digest)

    def drop(self, digest: str) -> None:
        """Give up the keys of a session."""
        with self._lock:
            held = self._held.pop(digest, None)
        if held is not None:
            self._on_drop(held.member)

    def move(self, old: str, new: str) -> None:
        """Hold keys for the same session under its new digest."""
        with self._lock:
            held = self._held.pop(old, None)
            if held is not None:
                self._held[new] = held

    def held(self) -> list[str]:
        """Return the digests of every session that keys are held for."""
        with self._lock:
            return list(self._held)

    def clear(self) -> None:
        """Give up all keys: the process ends."""
        with self._lock:
            members = {held.member for held in self._held.values()}
            self._held.clear()
        for member in members:
            self._on_drop(member)


class Unlocker:
    """Opens members' key files of one home."""

    def __init__(self, home: Home, store: Store, clock: Callable[[], datetime]) -> None:
        self._home, self._store, self._clock = home, store, clock
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def open(self, member: str, passphrase: Secret) -> KeyFile:
        """Return a member's keys. Raises ``UnlockRefused``; what was typed is neither kept nor repeated."""
        if not 1 <= len(passphrase.encode("utf-8", "replace")) <= MAX_SECRET_BYTES:
            raise UnlockRefused("Enter the passphrase of your key.")
        path = self._home.folder / "members" / f"{require_id(member, 'member')}.key"
        if not path.is_file():
            raise UnlockRefused(
                "Your key is not on this system. Ask the people who run nrm-hub at your agency where it is kept."
            )
        failed = self._claim(member)
        try:
            if self._home.environment == "production":
                require_private(path)
            with self._places:
                keys = read_key_file(path, passphrase)
        except (CustodyRefused, HomeRefused, OSError):
            # No cause: it stood near the passphrase.
            raise UnlockRefused(_wrong(failed), wait_after(failed) or None) from None
        with self._store.write() as session:
            keep_attempts(session, member, 0, render_time(self._clock()))
        return keys

    def _claim(self, member: str) -> int:
        """Count a try as failed, before it is made; return how many have failed with it. Raises ``UnlockRefused``."""
        now = self._clock()
        with self._store.write() as session:
            row = find_attempts(session, member)
            failed, last = (0, now) if row is None else (row.failed, parse_time(row.last_at))
            left = last + wait_after(failed) - now
            if left > timedelta(0):
                raise UnlockRefused(f"Too many tries. Wait {_in_words(left)}, then try again.", left)
            keep_attempts(session, member, failed + 1, render_time(now))
        return failed + 1


def wait_after(failed: int) -> timedelta:
    """Return how long nobody may try after so many failures in a row."""
    if failed < FREE_TRIES:
        return timedelta(0)
    doubled: int = 2 ** min(failed - FREE_TRIES, 10)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)


def _wrong(failed: int) -> str:
    said = "That passphrase does not open your key, or the key is damaged. Check capital letters and the keyboard."
    wait = wait_after(failed)
    if wait:
        return f"{said} Wait {_in_words(wait)} before the next try."
    left = FREE_TRIES - failed
    return f"{said} {left} more {'try' if left == 1 else 'tries'} before you have to wait."


def _in_words(length: timedelta) -> str:
    seconds = max(1, -(-int(length.total_seconds()) // 1))
    if seconds < 60:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    minutes = -(-seconds // 60)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
