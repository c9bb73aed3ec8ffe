"""Queries for the console: who is let in, which cases an agency sees there, one case's entries, the public entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from hub.store.ledger_tables import LogEntryRow
from hub.store.tables import CasePartyRow, CaseRow, ConsoleAccessRow

_NOTHING_GIVEN = '"items":0,'
"""How the body of a disclosure says so: it is canonical JSON, and ``items`` is a member of its own alone."""


@dataclass(frozen=True, slots=True)
class CaseCount:
    """A case as the console lists it for one agency: up to ``left_seq`` where the agency has left it."""

    case: str
    opened_at: str
    left_seq: int | None
    entries: int
    shared: int
    refused: int
    viewed: int
    audited: int


def find_access(session: Session, digest: str) -> ConsoleAccessRow | None:
    """Return a word on an account by the digest of its statement."""
    return session.get(ConsoleAccessRow, digest)


def newest_access(session: Session, agency: str, provider: str, subject_sha256: str) -> ConsoleAccessRow | None:
    """Return an agency's newest word on an account at a provider."""
    query = select(ConsoleAccessRow).where(
        ConsoleAccessRow.agency == agency,
        ConsoleAccessRow.subject_sha256 == subject_sha256,
        ConsoleAccessRow.provider == provider,
    )
    return session.scalars(query.order_by(ConsoleAccessRow.log_index.desc()).limit(1)).first()


def count_accesses(session: Session, agency: str) -> int:
    """Return how many words on accounts an agency has in the log."""
    query = select(func.count()).select_from(ConsoleAccessRow).where(ConsoleAccessRow.agency == agency)
    return session.scalar(query) or 0


def find_party(session: Session, case: str, agency: str) -> CasePartyRow | None:
    """Return how an agency takes, or took, part in a case."""
    return session.get(CasePartyRow, (case, agency))


def cases_of(session: Session, agency: str) -> list[CaseCount]:
    """Return the cases an agency takes or took part in, oldest first, with what its entries come to."""
    listed = session.execute(
        select(CaseRow.case, CaseRow.opened_at, CasePartyRow.left_seq)
        .join(CasePartyRow, CasePartyRow.case == CaseRow.case)
        .where(CasePartyRow.agency == agency)
        .order_by(CaseRow.opened_at, CaseRow.case)
    ).all()
    counted: dict[str, dict[str, int]] = {}
    entry, party = LogEntryRow, CasePartyRow
    query = (
        select(entry.case, entry.type, func.count(), func.count().filter(entry.body.contains(_NOTHING_GIVEN)))
        .join(party, party.case == entry.case)
        .where(party.agency == agency, or_(party.left_seq.is_(None), entry.case_seq <= party.left_seq))
        .group_by(entry.case, entry.type)
    )
    for case, kind, number, empty in session.execute(query):
        if case is not None:
            counted.setdefault(case, {})[kind] = number - (empty if kind == "disclosure" else 0)
            counted[case]["all"] = counted[case].get("all", 0) + number
    return [
        CaseCount(
            case,
            opened_at,
            left_seq,
            entries=counted.get(case, {}).get("all", 0),
            shared=counted.get(case, {}).get("disclosure", 0),
            refused=sum(counted.get(case, {}).get(kind, 0) for kind in ("refusal", "void", "denied")),
            viewed=counted.get(case, {}).get("viewed", 0),
            audited=sum(counted.get(case, {}).get(kind, 0) for kind in ("audited", "exported")),
        )
        for case, opened_at, left_seq in listed
    ]


def newest_bodies(session: Session, types: Sequence[str], among: int) -> list[str]:
    """Return the bodies of entries of these types among the log's newest, the newest first."""
    last = session.scalar(select(func.max(LogEntryRow.position)))
    if last is None:
        return []
    query = select(LogEntryRow.body).where(LogEntryRow.position > last - among, LogEntryRow.type.in_(types))
    return [body for body in session.scalars(query.order_by(LogEntryRow.position.desc())) if body is not None]


def case_entries(session: Session, case: str, up_to: int, limit: int) -> list[StoredEntry]:
    """Return a case's entries up to a number, in the case's order, at most ``limit`` of them."""
    query = select(LogEntryRow).where(LogEntryRow.case == case, LogEntryRow.case_seq <= up_to)
    return [_entry(row) for row in session.scalars(query.order_by(LogEntryRow.case_seq).limit(limit))]


def public_entries(session: Session, types: Sequence[str], start: int, limit: int) -> list[StoredEntry]:
    """Return entries of these types, the newest first, from the ``start``-th on."""
    query = select(LogEntryRow).where(LogEntryRow.type.in_(types)).order_by(LogEntryRow.position.desc())
    return [_entry(row) for row in session.scalars(query.offset(start).limit(limit))]


def count_entries(session: Session, types: Sequence[str]) -> int:
    """Return how many entries of these types there are."""
    return session.scalar(select(func.count()).select_from(LogEntryRow).where(LogEntryRow.type.in_(types))) or 0


def _entry(row: LogEntryRow) -> StoredEntry:
    return StoredEntry(row.position, row.type, row.case, row.case_seq, row.entry, row.body, row.salt)
