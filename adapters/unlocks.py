"""The record of when members' keys were opened at this adapter, how and where (attack 87): ids and times, no content.

Whoever administers the adapter can change the program that writes it. A pull stands in the hub's log all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from adapters.store.database import Store, StoreRefused
from adapters.store.rows import raise_alarm
from adapters.store.tables import UnlockRow
from adapters.store.unlock_rows import count_unlocks, count_unlocks_since, keep_unlock, next_number, unlocks_of
from policies.model import parse_time, render_time

KEPT_FOR = timedelta(days=400)
"""No record is forgotten before, however many there are: whoever opens a key again and again pushes nothing out."""
KEPT = 1_000
"""Records of one member that stay also when they are older; beyond, the oldest gives way."""
MOST_AN_HOUR = 240
"""A key that was opened so often within an hour is opened no more: the record would grow without end."""
_HOUR = timedelta(hours=1)


class OpenedTooOften(StoreRefused):
    """A member's key was opened ``MOST_AN_HOUR`` times within an hour."""


class By(StrEnum):
    """What opened a key."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a word, no secret
    PASSKEY = "passkey"


class Where(StrEnum):
    """Where it was opened."""

    WORKSPACE = "workspace"
    PASSKEYS = "passkeys"
    """In the workspace, once more, to add or remove a passkey."""
    COMMAND = "command"
    KEPT = "kept"
    """A command opened again what was pulled before: no pull, so the hub's log has nothing of it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a member's key. ``session`` is when the session began that it was for, ``case`` what was read
    again; both may be None.
    """

    number: int
    member: str
    at: datetime
    by: By
    where: Where
    session: datetime | None
    case: str | None

    @property
    def place(self) -> str:
        """In words, for a list."""
        if self.where is Where.COMMAND:
            return "by a command on the adapter’s machine"
        if self.where is Where.KEPT:
            return f"by a command on the adapter’s machine, to open again what was pulled of case {self.case}"
        since = "" if self.session is None else f", signed in on {self.session:%-d %B %Y, %H:%M} UTC"
        return f"in the workspace{', to change passkeys' if self.where is Where.PASSKEYS else ''}{since}"


def record_opening(
    store: Store,
    member: str,
    at: datetime,
    by: By,
    where: Where,
    *,
    session: datetime | None = None,
    case: str | None = None,
) -> None:
    """Write down that a member's key was opened. ``session`` is when the workspace's session began that it is for.

    Raises ``StoreRefused``: an opening that cannot be written down must not be one; ``OpenedTooOften``, with an alarm
    for the agency, where there were too many.
    """
    if _is_too_often(store, member, at):
        raise OpenedTooOften(f"this key was opened {MOST_AN_HOUR} times within an hour; wait some minutes")
    with store.write() as opened:
        number, moment = next_number(opened), render_time(at)
        said = {
            "by": by.value,
            "where": where.value,
            "session": None if session is None else render_time(session),
            "case": case,
        }
        row = UnlockRow(number=number, member=member, at=moment, sealed_unlock=b"")
        row.sealed_unlock = store.seal_json(unlock_name(row), said)
        keep_unlock(opened, row, KEPT, render_time(at - KEPT_FOR))


def _is_too_often(store: Store, member: str, at: datetime) -> bool:
    with store.write() as session:
        is_over = count_unlocks_since(session, member, render_time(at - _HOUR)) >= MOST_AN_HOUR
        if is_over:
            text = f"member {member}: their key was opened {MOST_AN_HOUR} times within an hour"
            raise_alarm(session, "unlocked_often", text, render_time(at))
    return is_over


def list_openings(store: Store, member: str | None, *, start: int = 0, limit: int = 20) -> list[Opening]:
    """Return when the key of a member, or of anybody, was opened, the newest first. Raises ``StorageRefused``."""
    with store.write() as session:
        return [_read(store, row) for row in unlocks_of(session, member, start, limit)]


def count_openings(store: Store, member: str) -> int:
    """Return how many openings of a member's key are on record."""
    with store.write() as session:
        return count_unlocks(session, member)


def unlock_name(row: UnlockRow) -> str:
    """Return what a record's sealed part is bound to."""
    return f"unlock/{row.number}/{row.member}/{row.at}"


def _read(store: Store, row: UnlockRow) -> Opening:
    said = store.open_json(unlock_name(row), row.sealed_unlock)
    return Opening(
        row.number,
        row.member,
        parse_time(row.at),
        By(said["by"]),
        Where(said["where"]),
        None if said["session"] is None else parse_time(said["session"]),
        said["case"],
    )
