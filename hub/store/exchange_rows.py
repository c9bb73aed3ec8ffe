"""Queries on agencies, cases, fragments, channels and grants: the only place where the exchange speaks SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import bindparam, delete, func, literal, select, text, union_all
from sqlalchemy.exc import IntegrityError

from hub.store import ledger_rows, pending_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from hub.store.ledger_tables import LogEntryRow
from hub.store.placing import Order, order_of
from hub.store.tables import (
    AgencyRow,
    AssertionRow,
    CaseAgencyRow,
    CasePartyRow,
    CaseRow,
    CaseStatementRow,
    CertificateRow,
    ChannelRow,
    DisclosureRow,
    FragmentRow,
    GrantRow,
    RenewalRow,
    RevocationRow,
    WitnessApprovalRow,
)

# What each act asks is put together once: composing a statement takes several times as long as executing it.
_HOLD_NAME = text("SELECT pg_advisory_xact_lock(1, hashtext(:name))")
_LOCK_CASE = select(CaseRow).where(CaseRow.case == bindparam("case")).with_for_update()
_TAKES_PART = select(literal(1)).where(
    CaseAgencyRow.case == bindparam("case"), CaseAgencyRow.agency == bindparam("agency")
)
_STATEMENTS_OF_CASE = (
    select(CaseStatementRow.digest, CaseStatementRow.type, CaseStatementRow.statement)
    .where(CaseStatementRow.case == bindparam("case"), CaseStatementRow.type.in_(bindparam("kinds", expanding=True)))
    .order_by(CaseStatementRow.case_seq)
)
_RECORDED_AFTER = union_all(
    *(
        select(literal(table.__tablename__), table.agency, table.statement, table.log_index).where(
            table.log_index > bindparam("after")
        )
        for table in (AgencyRow, RenewalRow, CertificateRow, RevocationRow)
    )
)
_BEGINNING_CHARS = 1024
"""More than the header of a statement has, which names its key; the longest statement is 256 times as long."""


@dataclass(frozen=True, slots=True)
class SignedChannel:
    """Whom a channel leads to, the beginning of its statement, and where it stands in the log."""

    recipient: str
    use: str
    beginning: str
    log_index: int


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A statement of a case, as received. ``type`` is its JWS ``typ``."""

    digest: str
    type: str
    statement: str


@dataclass(frozen=True, slots=True)
class RecordedKeys:
    """One row of who is enrolled and which keys count. ``table`` is that of ``AgencyRow`` and its like."""

    table: str
    agency: str
    statement: str
    log_index: int


def add(session: Session, *rows: object) -> None:
    """Insert rows now, so that later queries of the same act see them."""
    session.add_all(rows)
    session.flush()


def lock_case(session: Session, case: str) -> CaseRow | None:
    """Return a case's row, locked until the transaction ends."""
    return session.scalar(_LOCK_CASE, {"case": case})


def hold_name(session: Session, name: str) -> None:
    """Wait until nobody else's act holds a name, and hold it until the transaction ends. Taken after the case's lock.

    For what an act counts over all cases. On SQLite nobody else writes.
    """
    if order_of(session) is Order.CASES:
        session.execute(_HOLD_NAME, {"name": name})


def find_case(session: Session, case: str) -> CaseRow | None:
    """Return a case's row."""
    return session.get(CaseRow, case)


def takes_part(session: Session, case: str, agency: str) -> bool:
    """Whether an agency takes part in a case now."""
    return session.connection().execute(_TAKES_PART, {"case": case, "agency": agency}).first() is not None


def replace_case_agencies(session: Session, case: str, agencies: Sequence[str], case_seq: int) -> None:
    """Record which agencies take part in a case now, by the act of that number in the case's order."""
    session.execute(delete(CaseAgencyRow).where(CaseAgencyRow.case == case))
    add(session, *(CaseAgencyRow(case=case, agency=agency) for agency in agencies))
    _note_parties(session, case, agencies, case_seq)


def _note_parties(session: Session, case: str, agencies: Sequence[str], case_seq: int) -> None:
    known = {row.agency: row for row in session.scalars(select(CasePartyRow).where(CasePartyRow.case == case))}
    for agency, row in known.items():
        if agency in agencies:
            row.left_seq = None
        elif row.left_seq is None:
            row.left_seq = case_seq
    add(session, *(CasePartyRow(case=case, agency=agency) for agency in agencies if agency not in known))


def cases_of(session: Session, agency: str) -> Sequence[CaseRow]:
    """Return the cases an agency takes part in, oldest first."""
    query = select(CaseRow).join(CaseAgencyRow, CaseAgencyRow.case == CaseRow.case)
    return session.scalars(query.where(CaseAgencyRow.agency == agency).order_by(CaseRow.opened_at, CaseRow.case)).all()


def find_statement(session: Session, digest: str) -> CaseStatementRow | None:
    """Return a case statement by digest."""
    return session.get(CaseStatementRow, digest)


def case_statements(session: Session, case: str, kind: str) -> Sequence[CaseStatementRow]:
    """Return a case's statements of one type in the case's order."""
    query = select(CaseStatementRow).where(CaseStatementRow.case == case, CaseStatementRow.type == kind)
    return session.scalars(query.order_by(CaseStatementRow.case_seq)).all()


def statements_of_case(session: Session, case: str, kinds: Sequence[str]) -> list[StoredStatement]:
    """Return a case's statements of some types as received, in the case's order."""
    found = session.connection().execute(_STATEMENTS_OF_CASE, {"case": case, "kinds": list(kinds)})
    return [StoredStatement(*row) for row in found]


def statements_of_kinds(session: Session, cases: Sequence[str], kinds: Sequence[str]) -> Sequence[CaseStatementRow]:
    """Return the statements of these types in some cases, by case and in each case's order."""
    query = select(CaseStatementRow).where(CaseStatementRow.case.in_(cases), CaseStatementRow.type.in_(kinds))
    return session.scalars(query.order_by(CaseStatementRow.case, CaseStatementRow.case_seq)).all()


def newest_of_kind(session: Session, agency: str, kind: str, limit: int = 500) -> Sequence[CaseStatementRow]:
    """Return the newest statements of a type by an agency, over all cases."""
    query = select(CaseStatementRow).where(CaseStatementRow.agency == agency, CaseStatementRow.type == kind)
    return session.scalars(query.order_by(CaseStatementRow.log_index.desc()).limit(limit)).all()


def count_statements(session: Session, case: str, agency: str) -> int:
    """Return how many statements an agency has in a case."""
    query = select(func.count()).select_from(CaseStatementRow)
    return session.scalar(query.where(CaseStatementRow.case == case, CaseStatementRow.agency == agency)) or 0


def statement_signers(session: Session, case: str, agency: str, since: int) -> list[tuple[str, int]]:
    """Return the beginning of each statement of an agency in a case from a log position on, and where it stands."""
    query = select(func.substr(CaseStatementRow.statement, 1, _BEGINNING_CHARS), CaseStatementRow.log_index)
    query = query.where(CaseStatementRow.case == case, CaseStatementRow.agency == agency)
    found = session.execute(query.where(CaseStatementRow.log_index >= since))
    return [(beginning, log_index) for beginning, log_index in found]


def case_tokens(session: Session, case: str) -> list[str]:
    """Return every signed statement of a case as received: of the case itself, its channels, its disclosures."""
    found = list(session.scalars(select(CaseStatementRow.statement).where(CaseStatementRow.case == case)))
    found += session.scalars(select(ChannelRow.statement).where(ChannelRow.case == case))
    found += session.scalars(select(DisclosureRow.statement).where(DisclosureRow.case == case))
    return found


def newest_statement(session: Session, case: str, kind: str) -> CaseStatementRow | None:
    """Return a case's newest statement of one type."""
    query = select(CaseStatementRow).where(CaseStatementRow.case == case, CaseStatementRow.type == kind)
    return session.scalars(query.order_by(CaseStatementRow.case_seq.desc()).limit(1)).first()


def find_agency(session: Session, agency: str) -> AgencyRow | None:
    """Return an enrolled agency."""
    return session.get(AgencyRow, agency)


def recorded_after(session: Session, log_index: int) -> list[RecordedKeys]:
    """Return agencies, their renewals, certificates and revocations recorded after a log position, in its order."""
    found = session.connection().execute(_RECORDED_AFTER, {"after": log_index})
    return sorted((RecordedKeys(*row) for row in found), key=attrgetter("log_index"))


def find_revocation(session: Session, digest: str) -> RevocationRow | None:
    """Return a revocation by digest."""
    return session.get(RevocationRow, digest)


def revocations_of(session: Session, kid: str) -> Sequence[RevocationRow]:
    """Return every word against a key that is recorded."""
    return session.scalars(select(RevocationRow).where(RevocationRow.kid == kid)).all()


def replace_witness_approval(session: Session, row: WitnessApprovalRow) -> None:
    """Keep an agency's newest approval of a change of the present witnesses."""
    session.merge(row)
    session.flush()


def witness_approvals(session: Session, previous: str) -> Sequence[WitnessApprovalRow]:
    """Return the approvals of changes of one set, by its digest."""
    query = select(WitnessApprovalRow).where(WitnessApprovalRow.previous == previous)
    return session.scalars(query.order_by(WitnessApprovalRow.agency)).all()


def forget_witness_approvals(session: Session) -> None:
    """Delete every approval: with a new set none of them can count any more."""
    session.execute(delete(WitnessApprovalRow))


def find_certificate(session: Session, digest: str) -> CertificateRow | None:
    """Return a certificate by digest."""
    return session.get(CertificateRow, digest)


def count_certificates(session: Session, agency: str) -> int:
    """Return how many certificates an agency has."""
    query = select(func.count()).select_from(CertificateRow).where(CertificateRow.agency == agency)
    return session.scalar(query) or 0


def channels_to(session: Session, case: str, agency: str, member: str | None) -> Sequence[ChannelRow]:
    """Return the channels of a case that lead to one person, or (member None) to an agency's intake."""
    query = select(ChannelRow).where(
        ChannelRow.case == case, ChannelRow.recipient_agency == agency, ChannelRow.recipient_member == member
    )
    return session.scalars(query.where(ChannelRow.use != "archive").order_by(ChannelRow.log_index)).all()


def channels_from(session: Session, case: str, originator: str) -> Counter[tuple[str, str]]:
    """Return how many channels of an originator in a case lead to which recipient key and use."""
    query = select(ChannelRow.recipient, ChannelRow.use)
    found = session.execute(query.where(ChannelRow.case == case, ChannelRow.originator == originator))
    return Counter((recipient, use) for recipient, use in found)


def channel_signers(session: Session, case: str, originator: str, since: int) -> list[SignedChannel]:
    """Return what tells the signers of an originator's channels in a case from a log position on."""
    beginning = func.substr(ChannelRow.statement, 1, _BEGINNING_CHARS)
    query = select(ChannelRow.recipient, ChannelRow.use, beginning, ChannelRow.log_index)
    query = query.where(ChannelRow.case == case, ChannelRow.originator == originator, ChannelRow.log_index >= since)
    return [SignedChannel(*row) for row in session.execute(query)]


def find_fragment(session: Session, fragment: str) -> FragmentRow | None:
    """Return a sealed fragment by id."""
    return session.get(FragmentRow, fragment)


def chains_of(session: Session, channels: Sequence[str]) -> Sequence[DisclosureRow]:
    """Return every number of the given channels, in order."""
    query = select(DisclosureRow).where(DisclosureRow.channel.in_(channels))
    return session.scalars(query.order_by(DisclosureRow.channel, DisclosureRow.sequence)).all()


def grants_of(session: Session, channels: Sequence[str]) -> Sequence[tuple[GrantRow, FragmentRow]]:
    """Return grants with their fragments, by the fragments' and then the disclosures' log positions."""
    query = (
        select(GrantRow, FragmentRow)
        .join(FragmentRow, FragmentRow.fragment == GrantRow.fragment)
        .join(DisclosureRow, DisclosureRow.digest == GrantRow.disclosure)
        .where(GrantRow.channel.in_(channels))
        .order_by(FragmentRow.log_index, DisclosureRow.log_index)
    )
    return [(grant, fragment) for grant, fragment in session.execute(query)]


def find_answered(session: Session, case: str, kind: str, statement: str) -> StoredEntry | None:
    """Return the entry of a pull or a retrieval by type and statement's digest, placed or waiting.

    Looks through those of a case, which is locked.
    """
    # In this order: what waited no more when it was asked for is in the log by the second question.
    found = pending_rows.find_pending(session, case, kind, statement) if order_of(session) is Order.CASES else None
    return found or ledger_rows.find_of_statement(session, case, kind, statement)


def is_assertion_used(session: Session, jti: str) -> bool:
    """Whether a client assertion's ``jti`` is remembered."""
    return session.get(AssertionRow, jti) is not None


def use_assertion(session: Session, jti: str, expires_at: int, now: int) -> bool:
    """Record a client assertion's ``jti``; False where it was used before. Forgets those that have expired."""
    session.execute(delete(AssertionRow).where(AssertionRow.expires_at < now - 60))
    try:
        with session.begin_nested():
            session.add(AssertionRow(jti=jti, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


def public_positions(session: Session, after: int, before: int, limit: int) -> list[int]:
    """Return log positions of agencies and certificates within a range, in order."""
    agencies = select(AgencyRow.log_index).where(AgencyRow.log_index > after, AgencyRow.log_index < before)
    certificates = select(CertificateRow.log_index).where(
        CertificateRow.log_index > after, CertificateRow.log_index < before
    )
    both = agencies.union_all(certificates).subquery()
    return list(session.scalars(select(both.c.log_index).order_by(both.c.log_index).limit(limit)))


def case_positions(session: Session, case: str, after: int, limit: int) -> list[int]:
    """Return log positions of a case's entries after a ``case_seq``, in the case's order."""
    query = select(LogEntryRow.position).where(LogEntryRow.case == case, LogEntryRow.case_seq > after)
    return list(session.scalars(query.order_by(LogEntryRow.case_seq).limit(limit)))
