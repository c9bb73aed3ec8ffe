"""What is asked of the adapter's own database about openings of members' keys, one function for each question."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from adapters.store.tables import UnlockRow


def next_number(session: Session) -> int:
    """Return the number of the next record."""
    return int(session.scalar(select(func.max(UnlockRow.number))) or 0) + 1


def keep_unlock(session: Session, row: UnlockRow, kept: int, since: str) -> None:
    """Keep a record, and of its member what is not older than ``since``, and the newest ``kept`` however old."""
    session.add(row)
    session.flush()
    query = select(UnlockRow.number).where(UnlockRow.member == row.member).order_by(UnlockRow.number.desc())
    oldest = session.scalar(query.offset(kept - 1).limit(1))
    if oldest is not None:
        is_over = (UnlockRow.member == row.member) & (UnlockRow.number < oldest) & (UnlockRow.at < since)
        session.execute(delete(UnlockRow).where(is_over))


def unlocks_of(session: Session, member: str | None, start: int, limit: int) -> Sequence[UnlockRow]:
    """Return the records of a member, or of everybody, the newest first, from the ``start``-th on."""
    query = select(UnlockRow).order_by(UnlockRow.number.desc()).offset(start).limit(limit)
    return session.scalars(query if member is None else query.where(UnlockRow.member == member)).all()


def count_unlocks(session: Session, member: str) -> int:
    """Return how many records of a member are kept."""
    return int(session.scalar(select(func.count()).select_from(UnlockRow).where(UnlockRow.member == member)) or 0)


def count_unlocks_since(session: Session, member: str, since: str) -> int:
    """Return how many records of a member are from ``since`` or later."""
    query = select(func.count()).select_from(UnlockRow).where(UnlockRow.member == member, UnlockRow.at >= since)
    return int(session.scalar(query) or 0)
