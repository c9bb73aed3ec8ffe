"""Members' keys that are open: in the memory of this one process, each for one session, and gone with it.

A key opens by its member's passphrase. Tries that fail are counted before the passphrase is looked at
(``adapters.workspace.pacing``), so that neither a restart nor many tries at once give more of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext

from adapters.home import Home, HomeRefused
from adapters.store.database import Store
from adapters.unlocks import By
from adapters.workspace.held import HeldWork
from adapters.workspace.in_hand import InHand
from adapters.workspace.opened import OpenedCases
from adapters.workspace.pacing import FREE_TRIES, Pace, say_wait, wait_after
from adapters.workspace.refusal import UnlockRefused
from adapters.workspace.sessions import SignedIn
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import KeyFile, read_key_file
from keys.custody.protection import require_private
from keys.custody.secret import MAX_SECRET_BYTES, Secret
from policies.model import require_id

AT_ONCE = 2
"""Opening a key file takes 64 MiB of memory on purpose; so many open at the same time."""


How = By
"""What opened a key."""


@dataclass(frozen=True, slots=True, repr=False)
class Unlocked:
    """A member's open keys. ``repr`` shows none of them."""

    member: str
    keys: KeyFile
    how: How
    since: datetime
    stamp: str
    """The key file as it was when it was opened (``Guard.key_stamp``)."""
    opened: OpenedCases = field(default_factory=OpenedCases)
    """What was decrypted with it."""
    in_hand: InHand = field(default_factory=InHand)
    """What its owner has typed and not sent on yet."""
    work: HeldWork = field(default_factory=HeldWork)
    """What they are in the middle of."""
    who: SignedIn | None = None
    """Whose sign-in it was opened in."""

    def __repr__(self) -> str:
        return f"<Unlocked by {self.how.value} (keys not shown)>"


class KeyRing:
    """The open keys of this process, by the digest of the session they belong to. ``repr`` shows how many."""

    def __init__(self, on_drop: Callable[[str, Unlocked], None] = lambda _digest, _held: None) -> None:
        """``on_drop`` is told what was given up, and of which session, whatever for; it must not raise."""
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
            self._on_drop(digest, held)

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
            given_up = list(self._held.items())
            self._held.clear()
        for digest, held in given_up:
            self._on_drop(digest, held)


class Unlocker:
    """Opens members' key files of one home. Whoever asks writes down that it was opened."""

    def __init__(self, home: Home, store: Store, clock: Callable[[], datetime], is_live: Callable[[str], bool]) -> None:
        """``is_live``: whether somebody is signed in with a session, by its digest."""
        self._home = home
        self._pace = Pace(store, clock, is_live)
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def open(self, member: str, passphrase: Secret, session: str, how: How = How.PASSPHRASE) -> KeyFile:
        """Return a member's keys, for a session by its digest.

        Raises ``UnlockRefused``; what was typed is neither kept nor repeated. What a passkey unwrapped was not guessed:
        it is neither counted nor made to wait.
        """
        if not 1 <= len(passphrase.encode("utf-8", "replace")) <= MAX_SECRET_BYTES:
            raise UnlockRefused(_("Enter the passphrase of your key."))
        path = self._home.folder / "members" / f"{require_id(member, 'member')}.key"
        if not path.is_file():
            raise UnlockRefused(
                _("Your key is not on this system. Ask the people who run nrm-hub at your agency where it is kept.")
            )
        failed = self._pace.claim(member, session) if how is How.PASSPHRASE else 0
        try:
            if self._home.environment == "production":
                require_private(path)
            with self._places:
                keys = read_key_file(path, passphrase)
        except (CustodyRefused, HomeRefused, OSError):
            # No cause: it stood near the passphrase.
            raise UnlockRefused(_wrong(failed), wait_after(failed) or None) from None
        if how is How.PASSPHRASE:
            self._pace.opened(member, session)
        return keys


def _wrong(failed: int) -> str:
    said = _("That passphrase does not open your key, or the key is damaged. Check capital letters and the keyboard.")
    if wait := wait_after(failed):
        return f"{said} {_('Wait %(time)s before the next try.', time=say_wait(wait))}"
    more = ngettext(
        "%(num)s more try before you have to wait.",
        "%(num)s more tries before you have to wait.",
        FREE_TRIES - failed,
    )
    return f"{said} {more}"
