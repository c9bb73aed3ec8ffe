"""The tables of notifications: how each person wants to be told, what they were told of last, where they looked last.

What they were told of is ids, numbers in the log and times: nothing that the log does not have. Addresses rest sealed.
"""

from __future__ import annotations

from sqlalchemy import Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from adapters.store.tables import Base


class NotifySettingRow(Base):
    """How one person of this agency wants to be told. ``sealed_settings`` holds all of it, the address too."""

    __tablename__ = "notify_setting"

    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    sealed_settings: Mapped[bytes] = mapped_column(LargeBinary)


class ToldRow(Base):
    """What one person was told of, as JSON: by thing, how far. ``waiting_since``: since when there is more to tell.

    ``claimed_until``: a process is telling them now; no other one does.
    """

    __tablename__ = "notify_told"

    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    told: Mapped[str] = mapped_column(Text)
    waiting_since: Mapped[str | None] = mapped_column(String(20))
    sent_at: Mapped[str | None] = mapped_column(String(20))
    claimed_until: Mapped[str | None] = mapped_column(String(20))


class LookedRow(Base):
    """Up to which entry of a case somebody has opened it, and when that was."""

    __tablename__ = "looked"

    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[str] = mapped_column(String(20))
