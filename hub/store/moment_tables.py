"""What the hub holds of the moment: tables that may be lost with no harm, so that writing them costs next to nothing.

Every row has ``expires_at`` (whole seconds since 1970), when it means nothing any more and is deleted. Whoever needs a
table here (rate counters, console sessions) derives it from ``MomentBase`` in a module of ``hub.store``, imports that
module in ``hub.store.moment``, and works on it in ``Moment.read()`` and ``Moment.write()``. It is made when the store
is opened; no migration knows it. A table whose columns change takes a new name.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Index, Integer, LargeBinary, String, Table, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class MomentBase(DeclarativeBase):
    """The declarative base of the tables of the moment: a metadata of their own, apart from the acts'."""


class EpochRow(MomentBase):
    """Since when everything of the moment is remembered: one row, gone where the rest is gone.

    ``secret`` makes the nonces, so that what was proven in an earlier epoch is worth nothing in this one; ``name``
    stands in every token for the same reason. What expired before ``floor`` is forgotten and taken for used.
    """

    __tablename__ = "moment_epoch"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(32))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    floor: Mapped[int] = mapped_column(BigInteger)


class UsedProofRow(MomentBase):
    """A proof of possession that was used, until the nonce it carries has died."""

    __tablename__ = "used_proof"
    __table_args__ = ({"sqlite_with_rowid": False},)

    expires_at: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class RevokedTokenRow(MomentBase):
    """An access token that its client gave back (RFC 7009), until it has expired."""

    __tablename__ = "revoked_token"
    __table_args__ = (Index("ix_revoked_token_expires_at", "expires_at"),)

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger)


@event.listens_for(MomentBase.metadata, "after_create")
def _leave_unlogged(_target: object, connection: Connection, tables: list[Table], **_kwargs: object) -> None:
    # PostgreSQL then writes no log of them, and empties them after a crash: the epoch goes with the rest.
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" SET UNLOGGED')
