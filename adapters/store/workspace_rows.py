"""What the workspace asks of the adapter's database: sessions, who is whom, tries to unlock, keys ended here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from adapters.store.tables import EndedKeyRow, MemberNameRow, PersonRow, SessionRow, UnlockAttemptRow


def find_session(session: Session, digest: str) -> SessionRow | None:
    """Return a browser's session."""
    return session.get(SessionRow, digest)


def keep_session(session: Session, row: SessionRow) -> None:
    """Keep a new session."""
    session.add(row)
    session.flush()


def update_session(session: Session, digest: str, *, seen_at: str, sealed: bytes | None) -> bool:
    """Say that a session was used and, unless None, what it holds now. False: it has ended; nothing is kept."""
    values: dict[str, str | bytes] = {"seen_at": seen_at}
    if sealed is not None:
        values["sealed_session"] = sealed
    # CPython's SQLite counts the rows that matched.
    found = session.execute(update(SessionRow).where(SessionRow.digest == digest).values(values))
    return bool(getattr(found, "rowcount", 0))


def delete_sessions(session: Session, digests: Collection[str]) -> None:
    """End sessions."""
    for digest in digests:
        session.execute(delete(SessionRow).where(SessionRow.digest == digest))
    session.flush()


def sessions_of(session: Session, *, member: str | None = None, person: str | None = None) -> Sequence[SessionRow]:
    """Return the signed-in sessions of a member, of a person, or of everybody; the one used last comes first."""
    query = select(SessionRow).where(SessionRow.person.is_not(None))
    if member is not None:
        query = query.where(SessionRow.member == member)
    if person is not None:
        query = query.where(SessionRow.person == person)
    return session.scalars(query.order_by(SessionRow.seen_at.desc(), SessionRow.digest)).all()


def anonymous(session: Session) -> list[str]:
    """Return the digests of sessions that nobody has signed in with, the one unused for longest first."""
    query = select(SessionRow.digest).where(SessionRow.person.is_(None))
    return list(session.scalars(query.order_by(SessionRow.seen_at, SessionRow.created_at)))


def sessions_past(session: Session, seen_before: str, created_before: str) -> Sequence[SessionRow]:
    """Return the sessions not used since, or begun before, these times."""
    is_past = (SessionRow.seen_at < seen_before) | (SessionRow.created_at < created_before)
    return session.scalars(select(SessionRow).where(is_past)).all()


def find_person(session: Session, person: str) -> PersonRow | None:
    """Return which member somebody is, by the digest of issuer and subject."""
    return session.get(PersonRow, person)


def people_of(session: Session, member: str | None = None) -> Sequence[PersonRow]:
    """Return who is bound to a member, or everybody who is bound."""
    query = select(PersonRow).order_by(PersonRow.member, PersonRow.added_at, PersonRow.person)
    return session.scalars(query if member is None else query.where(PersonRow.member == member)).all()


def keep_person(session: Session, row: PersonRow) -> None:
    """Bind somebody to a member."""
    session.add(row)
    session.flush()


def forget_person(session: Session, person: str) -> None:
    """Unbind somebody."""
    session.execute(delete(PersonRow).where(PersonRow.person == person))
    session.flush()


def member_names(session: Session, member: str | None = None) -> Sequence[MemberNameRow]:
    """Return the names kept of members of this agency, or that of one of them."""
    query = select(MemberNameRow).order_by(MemberNameRow.member)
    return session.scalars(query if member is None else query.where(MemberNameRow.member == member)).all()


def keep_member_name(session: Session, member: str, sealed: bytes | None) -> None:
    """Keep what a member is called here, in place of what they were called; None takes the name away."""
    if sealed is None:
        session.execute(delete(MemberNameRow).where(MemberNameRow.member == member))
    else:
        session.merge(MemberNameRow(member=member, sealed_name=sealed))
    session.flush()


def find_attempts(session: Session, member: str) -> UnlockAttemptRow | None:
    """Return the failed tries to unlock a member's key."""
    return session.get(UnlockAttemptRow, member)


def keep_attempts(session: Session, member: str, failed: int, at: str) -> None:
    """Keep how many tries have failed in a row; none takes the row away."""
    if failed:
        session.merge(UnlockAttemptRow(member=member, failed=failed, last_at=at))
    else:
        session.execute(delete(UnlockAttemptRow).where(UnlockAttemptRow.member == member))
    session.flush()


def keep_ended_keys(session: Session, kids: Iterable[str], at: str) -> None:
    """Remember keys that this agency has said must not count any more."""
    for kid in kids:
        session.merge(EndedKeyRow(kid=kid, at=at))
    session.flush()


def ended_keys(session: Session, kids: Collection[str]) -> frozenset[str]:
    """Return which of these keys this agency has said must not count any more."""
    return frozenset(session.scalars(select(EndedKeyRow.kid).where(EndedKeyRow.kid.in_(list(kids)))))
