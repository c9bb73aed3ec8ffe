"""The tables of what an adapter watches: reads of its own fragments, its entries, heads it saw, evidence of alarms.

Ids, digests, times and signed notes only; all of it as public as it is at the hub.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from adapters.store.tables import Base


class ReadRow(Base):
    """One pull of somebody's that gave them fragments of this agency, as the case's entries have it."""

    __tablename__ = "read_of_ours"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    agency: Mapped[str] = mapped_column(String(40))
    member: Mapped[str | None] = mapped_column(String(32))
    """Null: that agency's intake."""
    purpose: Mapped[str] = mapped_column(String(40))
    at: Mapped[str] = mapped_column(String(24), index=True)
    log_index: Mapped[int] = mapped_column(BigInteger)
    fragments: Mapped[str] = mapped_column(Text)
    """This agency's own fragments among what was given, as a JSON list of ids."""


class PullRow(Base):
    """That somebody pulled a case, whoever shared what they were given: one row for each ``viewed`` entry followed."""

    __tablename__ = "case_pull"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    agency: Mapped[str] = mapped_column(String(40))
    member: Mapped[str | None] = mapped_column(String(32))
    """Null: that agency's intake."""
    purpose: Mapped[str] = mapped_column(String(40))
    at: Mapped[str] = mapped_column(String(24))
    fragments: Mapped[int] = mapped_column(Integer)
    """How many they were given; which, is not kept."""


class OwnEntryRow(Base):
    """What the entries of a case have in this agency's name: a fragment, channel, disclosure or void."""

    __tablename__ = "own_entry"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    case_seq: Mapped[int] = mapped_column(Integer)
    log_index: Mapped[int] = mapped_column(BigInteger)


class HeadRow(Base):
    """A signed head of the log that was the highest seen here for a time: the newest ones."""

    __tablename__ = "head"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)


class SeenHeadRow(Base):
    """A head with a quorum, and when the quorum saw it last as the newest one: the log was no longer then."""

    __tablename__ = "seen_head"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)


class LeafTileRow(Base):
    """Leaf hashes of the log as it was shown here, a tile a row (C2SP tlog-tiles, level 0): 32 bytes an entry."""

    __tablename__ = "leaf_tile"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)


class NamedHeadRow(Base):
    """A head that a verified statement names, and what came of comparing it: ``agrees``, ``ahead``, ``late`` or
    ``differs``."""

    __tablename__ = "named_head"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    at: Mapped[str] = mapped_column(String(20))
    """When it was first read here."""
    statement: Mapped[str] = mapped_column(Text)


class EvidenceRow(Base):
    """What an alarm rests on, as JSON (``keys.evidence``)."""

    __tablename__ = "evidence"

    alarm: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content: Mapped[str] = mapped_column(Text)
