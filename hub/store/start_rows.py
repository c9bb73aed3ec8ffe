"""When serving began, and how large the log was then: one row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from hub.store.base import Session
from hub.store.retention_tables import StartRow

_ONE = 1
_READ = select(StartRow.started_at, StartRow.size).where(StartRow.id == _ONE)


@dataclass(frozen=True, slots=True)
class Start:
    """When serving began, and how many entries there were."""

    started_at: datetime
    size: int


def read(session: Session) -> Start | None:
    """Return when serving began, None where nobody noted it."""
    row = session.connection().execute(_READ).one_or_none()
    return None if row is None else Start(row.started_at, row.size)


def clear(session: Session) -> None:
    """Forget it: the witnesses have spoken."""
    session.execute(delete(StartRow))


def write(session: Session, started_at: datetime, size: int) -> None:
    """Note that serving begins, in place of what was noted before."""
    session.merge(StartRow(id=_ONE, started_at=started_at, size=size))
    session.flush()
