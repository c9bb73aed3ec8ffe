"""Challenges that a browser has still to answer: each is of one session, for one purpose, for five minutes, once.

They are held in memory beside the opened keys: a registration also holds the passphrase that is to be wrapped. After a
restart a person presses the button again.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from keys.custody.secret import Secret

LASTS = timedelta(minutes=5)
MAX_PENDING = 1_000
"""More than every practitioner of an agency at once; the oldest gives way."""
CHALLENGE_BYTES = 32


class Purpose(StrEnum):
    """What a challenge may be answered for."""

    ADD = "add"
    USE = "use"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """One challenge. ``prf_salt``, ``label`` and ``passphrase`` are a registration's."""

    challenge: bytes
    began_at: datetime
    label: str = ""
    prf_salt: bytes = b""
    passphrase: Secret | None = None


class Ceremonies:
    """The challenges of one process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, Purpose], Ceremony] = {}

    def begin(
        self,
        session: str,
        purpose: Purpose,
        *,
        label: str = "",
        prf_salt: bytes = b"",
        passphrase: Secret | None = None,
    ) -> Ceremony:
        """Return a fresh challenge for a session's digest; one before it for the same purpose is void."""
        begun = Ceremony(secrets.token_bytes(CHALLENGE_BYTES), self._clock(), label, prf_salt, passphrase)
        with self._lock:
            self._drop_old(begun.began_at)
            self._pending.pop((session, purpose), None)
            while len(self._pending) >= MAX_PENDING:
                self._pending.pop(next(iter(self._pending)))
            self._pending[session, purpose] = begun
        return begun

    def take(self, session: str, purpose: Purpose) -> Ceremony | None:
        """Return what this session was asked for this purpose, and forget it; None where nothing stands."""
        with self._lock:
            self._drop_old(self._clock())
            return self._pending.pop((session, purpose), None)

    def _drop_old(self, now: datetime) -> None:
        # A clock that went back ends them too.
        for key in [key for key, one in self._pending.items() if not timedelta() <= now - one.began_at < LASTS]:
            del self._pending[key]
