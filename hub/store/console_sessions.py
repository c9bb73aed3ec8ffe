"""Sessions of the console, among what the hub holds of the moment. Times are whole seconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, String, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.store.moment_tables import MomentBase


class ConsoleSessionRow(MomentBase):
    """One session, by the digest of its token. ``account`` is the digest of who is signed in, None where nobody is;
    ``client`` the address that it was begun from.
    """

    __tablename__ = "console_session_2"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str | None] = mapped_column(String(64), index=True)
    agency: Mapped[str | None] = mapped_column(String(40))
    client: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    data: Mapped[str] = mapped_column(Text)


def find_session(session: Session, digest: str) -> ConsoleSessionRow | None:
    """Return a session's row."""
    return session.get(ConsoleSessionRow, digest)


def keep_session(session: Session, row: ConsoleSessionRow) -> None:
    """Insert a session."""
    session.add(row)
    session.flush()


def update_session(session: Session, digest: str, *, seen_at: int, expires_at: int, data: str | None) -> None:
    """Note the use of a session that is there still, and what changed in it."""
    values: dict[str, object] = {"seen_at": seen_at, "expires_at": expires_at}
    if data is not None:
        values["data"] = data
    session.execute(update(ConsoleSessionRow).where(ConsoleSessionRow.digest == digest).values(values))


def delete_sessions(session: Session, digests: Sequence[str]) -> None:
    """End sessions."""
    if digests:
        session.execute(delete(ConsoleSessionRow).where(ConsoleSessionRow.digest.in_(digests)))


def sessions_of(session: Session, account: str, agency: str) -> Sequence[ConsoleSessionRow]:
    """Return where an account is signed in, the one used last first."""
    query = select(ConsoleSessionRow).where(ConsoleSessionRow.account == account, ConsoleSessionRow.agency == agency)
    return session.scalars(query.order_by(ConsoleSessionRow.seen_at.desc(), ConsoleSessionRow.created_at.desc())).all()


def anonymous(session: Session) -> list[tuple[str, str]]:
    """Return digest and address of the sessions nobody is signed in with, the one unused for longest first."""
    query = select(ConsoleSessionRow.digest, ConsoleSessionRow.client).where(ConsoleSessionRow.account.is_(None))
    found = session.execute(query.order_by(ConsoleSessionRow.seen_at, ConsoleSessionRow.created_at))
    return [(row.digest, row.client) for row in found]


def delete_expired(session: Session, now: int) -> None:
    """Forget sessions whose time is over."""
    session.execute(delete(ConsoleSessionRow).where(ConsoleSessionRow.expires_at < now))
