"""The statements that erase, and those that say what was erased. Whether it may be is decided elsewhere.

SQLite overwrites what is deleted (``secure_delete``); what of it still stands in the write-ahead log goes with
``Database.forget_deleted``. docs/postgresql.md says what PostgreSQL keeps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, func, insert, select, update

from hub.store.base import Session
from hub.store.ledger_tables import LogEntryRow
from hub.store.retention_tables import ErasedFragmentRow, ErasureRow
from hub.store.tables import CaseRow, CaseStatementRow, ChannelRow, DisclosureRow, FragmentRow, GrantRow

Id = TypeVar("Id", int, str)
MAX_IDS_PER_STATEMENT = 500
_ERASED = select(ErasedFragmentRow.fragment).where(ErasedFragmentRow.fragment.in_(bindparam("ids", expanding=True)))
_ERASURES = select(ErasureRow.scope).where(ErasureRow.case == bindparam("case"))
NO_CHANNEL_KEY = "{}"
"""Stands where the encrypted key of an erased case's channel was."""


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One entry of a case that still has its body: its number there, its position, its type."""

    case_seq: int
    position: int
    type: str


def case_entries(session: Session, case: str, kind: str | None = None) -> list[CaseEntry]:
    """Return the entries of a case, or those of one type, whose bodies are there, in the case's order."""
    query = select(LogEntryRow.case_seq, LogEntryRow.position, LogEntryRow.type)
    query = query.where(LogEntryRow.case == case, LogEntryRow.body.is_not(None))
    if kind is not None:
        query = query.where(LogEntryRow.type == kind)
    found = session.execute(query.order_by(LogEntryRow.case_seq))
    return [CaseEntry(number, position, type_) for number, position, type_ in found if number is not None]


def entries_at(session: Session, positions: Sequence[int]) -> dict[int, tuple[str | None, int | None, bool]]:
    """Return case, number there and whether the body is there, by position."""
    found: dict[int, tuple[str | None, int | None, bool]] = {}
    columns = (LogEntryRow.position, LogEntryRow.case, LogEntryRow.case_seq, LogEntryRow.body.is_not(None))
    for some in _chunks(positions):
        for position, case, number, has_body in session.execute(select(*columns).where(LogEntryRow.position.in_(some))):
            found[position] = (case, number, bool(has_body))
    return found


def find_fragments(session: Session, case: str, fragments: Collection[str]) -> dict[str, tuple[str, str, int]]:
    """Return originator, digest and log position of a case's stored fragments, by id."""
    found: dict[str, tuple[str, str, int]] = {}
    columns = (FragmentRow.fragment, FragmentRow.agency, FragmentRow.digest, FragmentRow.log_index)
    for some in _chunks(sorted(fragments)):
        query = select(*columns).where(FragmentRow.case == case, FragmentRow.fragment.in_(some))
        found |= {fragment: (agency, digest, index) for fragment, agency, digest, index in session.execute(query)}
    return found


def note_erasure(session: Session, log_index: int, case: str, scope: str) -> None:
    """Keep that an ``erased`` entry was written."""
    session.execute(insert(ErasureRow).values(log_index=log_index, case=case, scope=scope))


def erasures_of(session: Session, case: str) -> list[str]:
    """Return how far each erasure of a case went."""
    return list(session.connection().execute(_ERASURES, {"case": case}).scalars())


def erased_among(session: Session, fragments: Collection[str]) -> set[str]:
    """Return which of the fragments were erased."""
    found: set[str] = set()
    for some in _chunks(sorted(fragments)):
        found |= set(session.connection().execute(_ERASED, {"ids": some}).scalars())
    return found


def erased_positions_by_fragment(session: Session) -> dict[str, int]:
    """Return where the entry of each erased fragment stood, of those that are not stored."""
    stored = select(FragmentRow.fragment)
    query = select(ErasedFragmentRow.fragment, ErasedFragmentRow.position)
    found = session.execute(query.where(ErasedFragmentRow.fragment.not_in(stored)))
    return {row.fragment: row.position for row in found}


def erase(session: Session, positions: Sequence[int]) -> int:
    """Delete what stands for these log entries, and their bodies and salts; return how many still had something.

    Fragments go with every grant of them and to the archive, disclosures with their grants. The entries' own bytes,
    which the tree hashes, stay.
    """
    touched = 0
    for some in _chunks(positions):
        touched += _erase_fragments(session, some) + _erase_disclosures(session, some)
    for some in _chunks(positions):
        for table in (ChannelRow, CaseStatementRow):
            touched += _count(session, delete(table).where(table.log_index.in_(some)))
        emptied = update(LogEntryRow).where(LogEntryRow.position.in_(some), LogEntryRow.body.is_not(None))
        touched += _count(session, emptied.values(body=None, salt=None))
    session.expire_all()
    return touched


def _erase_fragments(session: Session, positions: Sequence[int]) -> int:
    query = select(FragmentRow.fragment, FragmentRow.case, FragmentRow.log_index)
    found = list(session.execute(query.where(FragmentRow.log_index.in_(positions))))
    names = [fragment for fragment, _, _ in found]
    if not names:
        return 0
    known = erased_among(session, names)
    fresh = [
        {"fragment": fragment, "case": case, "position": index}
        for fragment, case, index in found
        if fragment not in known
    ]
    if fresh:
        session.execute(insert(ErasedFragmentRow), fresh)
    session.execute(delete(GrantRow).where(GrantRow.fragment.in_(names)))
    session.execute(delete(FragmentRow).where(FragmentRow.fragment.in_(names)))
    return len(names)


def _erase_disclosures(session: Session, positions: Sequence[int]) -> int:
    named = list(session.scalars(select(DisclosureRow.digest).where(DisclosureRow.log_index.in_(positions))))
    if named:
        session.execute(delete(GrantRow).where(GrantRow.disclosure.in_(named)))
        session.execute(delete(DisclosureRow).where(DisclosureRow.digest.in_(named)))
    return len(named)


def erase_channel_keys(session: Session, case: str) -> int:
    """Delete the encrypted keys of a case's channels: with its content gone they lead to nothing."""
    query = update(ChannelRow).where(ChannelRow.case == case, ChannelRow.jwe != NO_CHANNEL_KEY)
    return _count(session, query.values(jwe=NO_CHANNEL_KEY))


def _count(session: Session, statement: Any) -> int:
    done: Any = session.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)


def cases_with(session: Session, kind: str) -> list[str]:
    """Return the cases that have a statement of a type, oldest first."""
    query = select(CaseStatementRow.case, func.min(CaseStatementRow.log_index)).where(CaseStatementRow.type == kind)
    grouped = query.group_by(CaseStatementRow.case).order_by(func.min(CaseStatementRow.log_index))
    return [case for case, _ in session.execute(grouped)]


def all_cases(session: Session) -> list[CaseRow]:
    """Return every case, oldest first."""
    return list(session.scalars(select(CaseRow).order_by(CaseRow.opened_at, CaseRow.case)))


def _chunks(values: Sequence[Id]) -> Iterator[Sequence[Id]]:
    for start in range(0, len(values), MAX_IDS_PER_STATEMENT):
        yield values[start : start + MAX_IDS_PER_STATEMENT]
