"""The log's tables. Entries and complete tree nodes are written once and never changed; ``verify_log`` recomputes them.

``log_entry.body`` and ``salt`` can be erased: the entry, its leaf hash and every proof stay as they were.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, Instant, LogPosition

_TICKETED = text("ticket IS NOT NULL")
_WITNESSED = text("witnessed_at IS NOT NULL")


class LogEntryRow(Base):
    """One entry. ``entry`` is what the tree hashes; ``case``, ``case_seq`` and ``type`` repeat the body for queries."""

    __tablename__ = "log_entry"
    __table_args__ = (
        UniqueConstraint("case", "case_seq"),
        # What waited for its place is given one, and never two.
        Index("uq_log_entry_ticket", "ticket", unique=True, sqlite_where=_TICKETED, postgresql_where=_TICKETED),
    )

    position: Mapped[int] = mapped_column(LogPosition, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(20))
    case: Mapped[str | None] = mapped_column(String(32))
    case_seq: Mapped[int | None] = mapped_column(LogPosition)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    ticket: Mapped[int | None] = mapped_column(BigInteger)


class LogPendingRow(Base):
    """An entry that is committed with its act and waits for its position, on PostgreSQL; on SQLite none ever waits.

    ``ticket`` stands for the position until then. ``leaf`` and ``previous`` are the hashes of the entry and of its
    case's entry before it. ``xid`` is the act's transaction.
    """

    __tablename__ = "log_pending"
    __table_args__ = (UniqueConstraint("case", "case_seq"),)

    ticket: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(20))
    case: Mapped[str | None] = mapped_column(String(32))
    case_seq: Mapped[int | None] = mapped_column(LogPosition)
    previous: Mapped[bytes | None] = mapped_column(LargeBinary)
    leaf: Mapped[bytes] = mapped_column(LargeBinary)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[str] = mapped_column(Text)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    xid: Mapped[int] = mapped_column(BigInteger)


class LogNodeRow(Base):
    """One complete node of the tree: level 0 are the leaf hashes."""

    __tablename__ = "log_node"
    __table_args__ = ({"sqlite_with_rowid": False},)

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(LogPosition, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class LogStateRow(Base):
    """The one row that an append locks: how many entries there are, and the hashes of the tree's right edge."""

    __tablename__ = "log_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(LogPosition)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)


class CheckpointRow(Base):
    """A published head, as signed by the log. ``witnessed_at`` is set once a quorum has cosigned it."""

    __tablename__ = "checkpoint"
    __table_args__ = (
        # The newest witnessed head is found without reading the heads that never reached a quorum.
        Index("ix_checkpoint_witnessed", "size", sqlite_where=_WITNESSED, postgresql_where=_WITNESSED),
    )

    size: Mapped[int] = mapped_column(LogPosition, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(Instant)
    witnessed_at: Mapped[datetime | None] = mapped_column(Instant)


class CosignatureRow(Base):
    """The newest cosignature of one witness key under one published head, as the line that was received."""

    __tablename__ = "cosignature"

    size: Mapped[int] = mapped_column(ForeignKey("checkpoint.size"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    kind: Mapped[int] = mapped_column(Integer)
    signed_at: Mapped[datetime] = mapped_column(Instant)
    line: Mapped[str] = mapped_column(Text)


class WitnessSetRow(Base):
    """A witness set and its quorum, as the public ``witnesses`` entry at ``log_index`` says it (canonical JSON)."""

    __tablename__ = "witness_set"

    log_index: Mapped[int] = mapped_column(LogPosition, primary_key=True, autoincrement=False)
    members: Mapped[str] = mapped_column(Text)
