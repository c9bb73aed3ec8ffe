"""The adapter's own database (SQLite): drafts, outbox, inbox, what it has verified of the log.

Whatever holds content or keys is sealed to the agency's own storage key before it is written; names of columns say
which (``sealed_…``). Statements and codes are as public as they are at the hub.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Engine,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    create_engine,
    delete,
    event,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm import Session as Session  # re-exported: nothing else here speaks SQL

from keys.storage import Vault

STORE_VERSION = 2
MAX_IDS_PER_STATEMENT = 500


class Base(DeclarativeBase):
    """The adapter's tables."""


class SettingRow(Base):
    """Small facts: the highest head seen, the newest witnessed checkpoint, the store's version."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class PublicEntryRow(Base):
    """A public log entry whose inclusion in a witnessed checkpoint was verified."""

    __tablename__ = "public_entry"

    log_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)


class CaseRow(Base):
    """A case this agency takes part in. ``sealed_label`` is the agency's own name for it.

    ``ended_at`` is when the hub was first seen to list it no more, or null.
    """

    __tablename__ = "case"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    opened_at: Mapped[str] = mapped_column(String(20))
    statements: Mapped[str] = mapped_column(Text)
    sealed_label: Mapped[bytes | None] = mapped_column(LargeBinary)
    ended_at: Mapped[str | None] = mapped_column(String(20))


class DraftRow(Base):
    """A draft fragment: read or written here, not yet released. States: draft, held, released, refused."""

    __tablename__ = "draft"

    draft: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str | None] = mapped_column(String(32), index=True)
    category: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    restricted: Mapped[bool]
    created_at: Mapped[str] = mapped_column(String(20))
    sealed_content: Mapped[bytes] = mapped_column(LargeBinary)


class OwnFragmentRow(Base):
    """A fragment this agency sealed, with its content key sealed to the agency: what re-granting needs."""

    __tablename__ = "own_fragment"

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    draft: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    header: Mapped[str] = mapped_column(Text)
    is_accepted: Mapped[bool]
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)


class OwnChannelRow(Base):
    """A channel this agency made, with its key sealed to the agency, and where its chain of numbers stands."""

    __tablename__ = "own_channel"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    recipient: Mapped[str] = mapped_column(String(43))
    recipient_agency: Mapped[str] = mapped_column(String(40))
    recipient_member: Mapped[str | None] = mapped_column(String(32))
    use: Mapped[str] = mapped_column(String(20))
    last_sequence: Mapped[int] = mapped_column(Integer)
    last_digest: Mapped[str | None] = mapped_column(String(64))
    told: Mapped[str | None] = mapped_column(String(64), default=None)
    """Digest of the ``not_given`` that this channel's newest disclosure says, or null where none stands."""
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)


# One channel for each key in each use of each recipient; SQL holds two absent members for different ones.
Index(
    "one_own_channel",
    OwnChannelRow.case,
    OwnChannelRow.recipient,
    OwnChannelRow.recipient_agency,
    func.coalesce(OwnChannelRow.recipient_member, ""),
    OwnChannelRow.use,
    unique=True,
)


class GrantedRow(Base):
    """Which of this agency's fragments a channel's recipient has been granted, for which purpose."""

    __tablename__ = "granted"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    disclosure: Mapped[str] = mapped_column(String(64))


class OfferedRow(Base):
    """What a person released to everybody whom the policy permits, by purpose: what somebody new may be given of it.

    ``basis`` is that release's, as JSON. A release that was limited to named recipients leaves none.
    """

    __tablename__ = "offered"

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    basis: Mapped[str] = mapped_column(Text)


class NotGivenRow(Base):
    """Why a fragment of this agency is not given to a channel's recipient: what a disclosure's ``not_given`` says."""

    __tablename__ = "not_given"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    code: Mapped[str] = mapped_column(String(12))
    rules: Mapped[str] = mapped_column(Text)


class OutboxRow(Base):
    """One line to push, kept until the hub has answered it. States: pending, accepted, refused, dropped."""

    __tablename__ = "outbox"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(64))
    """Fragment or channel id; for disclosures and voids the statement's digest."""
    channel: Mapped[str | None] = mapped_column(String(32))
    line: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12), index=True)
    problem: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)
    has_left: Mapped[int] = mapped_column(Integer, default=0)
    """How many sendings may have got to the hub, whose answer alone then says what became of it.

    Counted, because two processes may push at once: the one that reached nobody takes back its own sending only.
    """


class InboxRow(Base):
    """The newest pull of one person in one case for one purpose, sealed to the agency as it came."""

    __tablename__ = "inbox"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    pulled_at: Mapped[str] = mapped_column(String(20))
    sealed_answer: Mapped[bytes] = mapped_column(LargeBinary)


class PeerChannelRow(Base):
    """How far each peer's channel to us had come when last seen: a shorter chain is a rollback."""

    __tablename__ = "peer_channel"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))


class AlarmRow(Base):
    """Something a person must see. Holds ids and codes, never content."""

    __tablename__ = "alarm"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    raised_at: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)


class AcknowledgedRow(Base):
    """Who has seen an alarm and what they found, sealed; the alarm itself stays as it was."""

    __tablename__ = "acknowledged"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(20))
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)


class StoreRefused(Exception):
    """The adapter's own database cannot be used: damaged, of another version, or busy for too long."""


class Store:
    """Sessions on the adapter's database, and the vault that seals its rows."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the database. Raises ``StoreRefused``."""
        self.vault = vault
        self.engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with _refusing():
            Base.metadata.create_all(self.engine)
        path.chmod(0o600)
        with self.write() as session:
            held = read_setting(session, "store_version")
            if held is None:
                write_setting(session, "store_version", STORE_VERSION)
            elif held != STORE_VERSION:
                raise StoreRefused(f"the adapter's database has version {held}, expected {STORE_VERSION}")

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it, or nothing. Reads use it too: an adapter has few users.

        Raises ``StoreRefused`` where the database does not let us.
        """
        with _refusing(), Session(self.engine) as session, session.begin():
            yield session

    def forget_deleted(self) -> None:
        """Take what was deleted out of the write-ahead log as well, as far as no other process is reading."""
        with _refusing(), self.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def seal_json(self, name: str, value: Any) -> bytes:
        """Seal a JSON value under a row's name."""
        return self.vault.seal(name, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())

    def open_json(self, name: str, sealed: bytes) -> Any:
        """Open a sealed JSON value. Raises ``StorageRefused``."""
        return json.loads(self.vault.open(name, sealed))


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what the database says into our own refusal; its words may quote values."""
    try:
        yield
    except OperationalError as error:
        raise StoreRefused("the adapter's database cannot be used: it is busy, full or cannot be written") from error
    except DatabaseError as error:
        if isinstance(error, IntegrityError):
            raise
        raise StoreRefused("the adapter's database is damaged; restore it from a backup") from error


def read_setting(session: Session, name: str) -> Any:
    """Return a setting's JSON value, or None."""
    row = session.get(SettingRow, name)
    return None if row is None else json.loads(row.value)


def write_setting(session: Session, name: str, value: Any) -> None:
    """Keep a setting."""
    session.merge(SettingRow(name=name, value=json.dumps(value, sort_keys=True)))
    session.flush()


def public_entries(session: Session) -> list[tuple[int, str]]:
    """Return position and body of every proven public entry, in log order."""
    rows = session.scalars(select(PublicEntryRow).order_by(PublicEntryRow.log_index))
    return [(row.log_index, row.body) for row in rows]


def public_entries_end(session: Session) -> int:
    """Return the position of the newest proven public entry, -1 where there is none."""
    newest = session.scalar(select(func.max(PublicEntryRow.log_index)))
    return -1 if newest is None else int(newest)


def raise_alarm(session: Session, code: str, text: str, at: str, *, is_lasting: bool = False) -> None:
    """Keep an alarm: the same code and text is not repeated, unless the one before was acknowledged.

    What is ``is_lasting`` only still stands where it stood: that is no repetition, acknowledged or not.
    """
    same = select(AlarmRow).where(AlarmRow.code == code, AlarmRow.text == text)
    held = session.scalar(same.order_by(AlarmRow.number.desc()).limit(1))
    if held is None or (not is_lasting and session.get(AcknowledgedRow, held.number) is not None):
        session.add(AlarmRow(raised_at=at, code=code, text=text))
        session.flush()


def find_drafts(session: Session, case: str, states: Sequence[str]) -> Sequence[DraftRow]:
    """Return a case's drafts in these states, oldest first."""
    query = select(DraftRow).where(DraftRow.case == case, DraftRow.state.in_(states))
    return session.scalars(query.order_by(DraftRow.created_at, DraftRow.category, DraftRow.draft)).all()


def own_fragments(session: Session, case: str) -> Sequence[OwnFragmentRow]:
    """Return the fragments this agency sealed in a case."""
    return session.scalars(select(OwnFragmentRow).where(OwnFragmentRow.case == case)).all()


def sealed_drafts(session: Session, case: str, drafts: Collection[str]) -> dict[str, OwnFragmentRow]:
    """Return by draft id the fragments that were made of these drafts in a case."""
    found: dict[str, OwnFragmentRow] = {}
    for some in _chunks(drafts):
        query = select(OwnFragmentRow).where(OwnFragmentRow.case == case, OwnFragmentRow.draft.in_(some))
        found |= {row.draft: row for row in session.scalars(query)}
    return found


def own_digests(session: Session, case: str) -> list[tuple[str, str]]:
    """Return id and digest of each fragment this agency sealed in a case."""
    query = select(OwnFragmentRow.fragment, OwnFragmentRow.digest).where(OwnFragmentRow.case == case)
    return [(fragment, digest) for fragment, digest in session.execute(query)]


def mark_drafts(session: Session, drafts: Collection[str], state: str) -> None:
    """Move drafts to a state; ids that are no drafts here change nothing."""
    for some in _chunks(drafts):
        session.execute(update(DraftRow).where(DraftRow.draft.in_(some)).values(state=state))


def keep_grants(session: Session, channel: str, granted: Iterable[tuple[str, str]], disclosure: str) -> None:
    """Record which (fragment, purpose) a disclosure grants on a channel; it takes the place of an earlier one."""
    values = [
        {"channel": channel, "fragment": fragment, "purpose": purpose, "disclosure": disclosure}
        for fragment, purpose in granted
    ]
    if values:
        statement = insert(GrantedRow)
        keys = (GrantedRow.channel, GrantedRow.fragment, GrantedRow.purpose)
        newer = {"disclosure": statement.excluded.disclosure}
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def keep_not_given(session: Session, channel: str, refused: Iterable[tuple[str, str, str]]) -> None:
    """Record (fragment, code, rules as JSON) of what a channel's recipient is not given, in place of earlier ones."""
    values = [
        {"channel": channel, "fragment": fragment, "code": code, "rules": rules} for fragment, code, rules in refused
    ]
    if values:
        statement = insert(NotGivenRow)
        newer = {"code": statement.excluded.code, "rules": statement.excluded.rules}
        keys = (NotGivenRow.channel, NotGivenRow.fragment)
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def keep_offers(session: Session, offers: Iterable[tuple[str, str, str]]) -> None:
    """Record (fragment, purpose, basis as JSON) of a release to everybody permitted, in place of an earlier one."""
    values = [{"fragment": fragment, "purpose": purpose, "basis": basis} for fragment, purpose, basis in offers]
    if values:
        statement = insert(OfferedRow)
        keys = (OfferedRow.fragment, OfferedRow.purpose)
        newer = {"basis": statement.excluded.basis}
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer), values)


def offers_of(session: Session, case: str) -> Sequence[OfferedRow]:
    """Return what was released in a case to everybody permitted."""
    query = select(OfferedRow).join(OwnFragmentRow, OwnFragmentRow.fragment == OfferedRow.fragment)
    return session.scalars(query.where(OwnFragmentRow.case == case)).all()


def grants_of_case(session: Session, case: str) -> Sequence[GrantedRow]:
    """Return every grant on this agency's channels of a case."""
    query = select(GrantedRow).join(OwnChannelRow, OwnChannelRow.channel == GrantedRow.channel)
    return session.scalars(query.where(OwnChannelRow.case == case)).all()


def disclosure_lines(session: Session, case: str, disclosures: Collection[str]) -> Sequence[OutboxRow]:
    """Return the outbox lines of these disclosures of a case, by digest, in the order in which they were made."""
    found: list[OutboxRow] = []
    for some in _chunks(disclosures):
        query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.kind == "disclosure")
        found += session.scalars(query.where(OutboxRow.subject.in_(some)))
    return sorted(found, key=lambda row: row.number)


def count_accepted(session: Session, case: str) -> int:
    """Return how many fragments of this agency the hub has taken in a case."""
    query = select(func.count()).select_from(OwnFragmentRow)
    return int(session.scalar(query.where(OwnFragmentRow.case == case, OwnFragmentRow.is_accepted)) or 0)


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    listed = sorted(set(ids))
    return (listed[start : start + MAX_IDS_PER_STATEMENT] for start in range(0, len(listed), MAX_IDS_PER_STATEMENT))


def find_own_channel(
    session: Session, case: str, recipient: str, agency: str, member: str | None, use: str
) -> OwnChannelRow | None:
    """Return this agency's channel to a key, as the key of this recipient in this use, in a case."""
    query = select(OwnChannelRow).where(
        OwnChannelRow.case == case,
        OwnChannelRow.recipient == recipient,
        OwnChannelRow.recipient_agency == agency,
        OwnChannelRow.recipient_member.is_not_distinct_from(member),
        OwnChannelRow.use == use,
    )
    return session.scalars(query).first()


def own_channels(session: Session, case: str) -> Sequence[OwnChannelRow]:
    """Return the channels this agency made in a case."""
    return session.scalars(
        select(OwnChannelRow).where(OwnChannelRow.case == case).order_by(OwnChannelRow.channel)
    ).all()


def grants_on(session: Session, channel: str, purpose: str | None = None) -> Sequence[GrantedRow]:
    """Return what a channel's recipient has been granted, for one purpose or any."""
    query = select(GrantedRow).where(GrantedRow.channel == channel)
    return session.scalars(query if purpose is None else query.where(GrantedRow.purpose == purpose)).all()


def first_disclosure(session: Session, case: str, channel: str) -> OutboxRow | None:
    """Return the outbox line of the first disclosure that was made on a channel of a case."""
    query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.kind == "disclosure")
    return session.scalars(query.where(OutboxRow.channel == channel).order_by(OutboxRow.number).limit(1)).first()


def not_given_of(session: Session, channel: str) -> dict[str, str]:
    """Return fragment and code of what a channel's recipient is not given for a stated reason."""
    rows = session.scalars(select(NotGivenRow).where(NotGivenRow.channel == channel))
    return {row.fragment: row.code for row in rows}


def pending_cases(session: Session) -> list[str]:
    """Return the cases that have something to push."""
    query = select(OutboxRow.case).where(OutboxRow.state == "pending").distinct().order_by(OutboxRow.case)
    return list(session.scalars(query))


def pending_lines(session: Session, case: str, limit: int) -> Sequence[OutboxRow]:
    """Return a case's pending lines in the order in which they were made."""
    query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.state == "pending")
    return session.scalars(query.order_by(OutboxRow.number).limit(limit)).all()


def pending_of_channel(session: Session, channel: str, after: int) -> Sequence[OutboxRow]:
    """Return pending disclosures and voids of one channel that were queued after a line."""
    query = select(OutboxRow).where(
        OutboxRow.channel == channel,
        OutboxRow.state == "pending",
        OutboxRow.kind.in_(("disclosure", "void")),
        OutboxRow.number > after,
    )
    return session.scalars(query.order_by(OutboxRow.number)).all()


def drop_grants(session: Session, disclosure: str) -> None:
    """Forget the grants of a disclosure that did not happen."""
    session.execute(delete(GrantedRow).where(GrantedRow.disclosure == disclosure))
    session.flush()


def inbox_of_case(session: Session, case: str) -> Sequence[InboxRow]:
    """Return every kept pull of a case."""
    return session.scalars(select(InboxRow).where(InboxRow.case == case)).all()


def peer_channels(session: Session) -> Sequence[PeerChannelRow]:
    """Return how far every peer's channel to us had come."""
    return session.scalars(select(PeerChannelRow)).all()


def list_alarms(session: Session) -> Sequence[AlarmRow]:
    """Return every alarm, oldest first."""
    return session.scalars(select(AlarmRow).order_by(AlarmRow.number)).all()


def open_alarms(session: Session) -> Sequence[AlarmRow]:
    """Return the alarms that nobody has acknowledged, oldest first."""
    seen = select(AcknowledgedRow.number)
    return session.scalars(select(AlarmRow).where(AlarmRow.number.not_in(seen)).order_by(AlarmRow.number)).all()


def list_case_rows(session: Session) -> Sequence[CaseRow]:
    """Return every case known here."""
    return session.scalars(select(CaseRow).order_by(CaseRow.opened_at)).all()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()
