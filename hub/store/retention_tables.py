"""What was erased, so that it does not come back, and since when a hub that was started waits for its witnesses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, Instant, LogPosition


class ErasureRow(Base):
    """One ``erased`` entry: of which case, and how far it went."""

    __tablename__ = "erasure"

    log_index: Mapped[int] = mapped_column(LogPosition, primary_key=True, autoincrement=False)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"), index=True)
    scope: Mapped[str] = mapped_column(String(20))


class ErasedFragmentRow(Base):
    """The id of a fragment that was erased, and where its entry stood: it is not taken a second time."""

    __tablename__ = "erased_fragment"

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"), index=True)
    position: Mapped[int] = mapped_column(LogPosition, unique=True)


class StartRow(Base):
    """The one row that says since when, and from which size of the log on, the witnesses are waited for."""

    __tablename__ = "log_start"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(Instant)
    size: Mapped[int] = mapped_column(LogPosition)
