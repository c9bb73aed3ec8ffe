"""What every table of the hub shares: one metadata with fixed constraint names, and types that mean the same on SQLite
and PostgreSQL.

Constraint names are fixed so that a migration can name what it changes. Times are whole milliseconds since 1970 in UTC:
SQLite has no time type, and a text or a naive time would compare differently on the two databases.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

__all__ = ["Base", "Instant", "LogPosition", "Session"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# On SQLite only INTEGER, not BIGINT, makes a primary key the row's own address; it holds 64 bits all the same.
LogPosition = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """The declarative base of all tables of the hub."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Instant(TypeDecorator[datetime]):
    """A point in time: an aware ``datetime`` outside, milliseconds since 1970 (UTC) in the database.

    A naive time is refused with ``ValueError``: nobody could say which instant it means.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return milliseconds; anything finer is cut off."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs its time zone")
        return (value - _EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the instant in UTC."""
        return None if value is None else _EPOCH + timedelta(milliseconds=int(value))
