"""How often somebody has asked in this minute, counted for all processes of a hub together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

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


def count_request(session: Session, caller: str, now: int) -> int:
    """Count one more request of a caller at ``now`` (seconds since 1970); return how many that makes in its minute."""
    window = now // WINDOW_SECONDS
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    first = insert(RateRow).values(caller=caller, window=window, count=1, expires_at=(window + 1) * WINDOW_SECONDS)
    counted = first.on_conflict_do_update(
        index_elements=(RateRow.caller, RateRow.window), set_={"count": RateRow.count + 1}
    ).returning(RateRow.count)
    return int(session.execute(counted).scalar_one())
