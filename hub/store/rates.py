"""How often somebody has asked in this minute, counted for all processes of a hub together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum

from sqlalchemy import BigInteger, Connection, Index, Insert, Integer, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.moment_tables import MomentBase

WINDOW_SECONDS = 60


class RateRow(MomentBase):
    """The requests of one caller in one minute."""

    __tablename__ = "rate"
    __table_args__ = (Index("ix_rate_expires_at", "expires_at"),)

    caller: Mapped[str] = mapped_column(String(80), primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[int] = mapped_column(BigInteger)


def _adding(first: sqlite.Insert | postgresql.Insert) -> Insert:
    return first.on_conflict_do_update(
        index_elements=(RateRow.caller, RateRow.window), set_={"count": RateRow.count + first.excluded.count}
    ).returning(RateRow.count)


# Put together once: composing it takes longer than doing it.
_ADD = {"sqlite": _adding(sqlite.insert(RateRow)), "postgresql": _adding(postgresql.insert(RateRow))}
MAX_OVER = 10_000
"""Callers of whom a process remembers that they have asked too often in this minute."""


class Pace(StrEnum):
    """How a request stands to its caller's limit."""

    WITHIN = "within"
    FIRST_OVER = "first_over"
    """The first beyond the limit in this minute, at whichever process: said once, so that it is written down once."""
    OVER = "over"


class Paces:
    """Counts requests. A caller who is over their limit costs the store nothing more in that minute."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]]) -> None:
        """``connect`` gives connections on which every statement stands alone."""
        self._connect = connect
        self._over: dict[str, tuple[int, int]] = {}

    def is_over(self, caller: str, limit: int, now: int) -> bool:
        """Whether this process knows that a caller is over their limit at ``now``. The store is not asked."""
        window, number = self._over.get(caller, (-1, 0))
        return window == now // WINDOW_SECONDS and number > limit

    def count(self, caller: str, limit: int, now: int) -> Pace:
        """Count one more request of a caller at ``now`` (seconds since 1970), at most ``limit`` of them a minute."""
        if self.is_over(caller, limit, now):
            return Pace.OVER
        with self._connect() as connection:
            number = _count(connection, caller, now)
        if number <= limit:
            return Pace.WITHIN
        self._remember(caller, now // WINDOW_SECONDS, number)
        return Pace.FIRST_OVER if number == limit + 1 else Pace.OVER

    def _remember(self, caller: str, window: int, number: int) -> None:
        if len(self._over) >= MAX_OVER:
            self._over = {name: at for name, at in self._over.copy().items() if at[0] == window}
        if len(self._over) < MAX_OVER:
            self._over[caller] = window, number


def _count(connection: Connection, caller: str, now: int) -> int:
    window = now // WINDOW_SECONDS
    return add_to_count(connection, caller, window, 1, (window + 1) * WINDOW_SECONDS)


def add_to_count(connection: Connection, caller: str, window: int, number: int, expires_at: int) -> int:
    """Add to what is counted of a caller in a window; return what all processes of the hub have counted together."""
    values = {"caller": caller, "window": window, "count": number, "expires_at": expires_at}
    return int(connection.execute(_ADD[connection.dialect.name], values).scalar_one())
