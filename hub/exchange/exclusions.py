"""What the hub has of a case's exclusions: read for every decision, given to the agencies' adapters and nobody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CaseStatementRow
from keys.canonical import parse_canonical
from keys.jose import UnverifiedJws
from keys.statements import StatementType, peek
from policies.exclusions import Exclusions, Word, read_exclusions
from policies.model import parse_time

EXCLUSION_TYPES = (StatementType.EXCLUSION, StatementType.EXCLUSION_CONFIRMATION)
_KINDS = tuple(kind.value for kind in EXCLUSION_TYPES)


def exclusion_rows(session: Session, case: str) -> list[CaseStatementRow]:
    """Return the words of a case's exclusions in the case's order."""
    return list(rows.statements_of_kinds(session, [case], _KINDS))


def load_exclusions(session: Session, case: str) -> Exclusions:
    """Return who is excluded from a case. Each word was verified and held against the case when it was accepted."""
    return _read(exclusion_rows(session, case))


def excluded_cases(session: Session, cases: Collection[str], agency: str, member: str, at: datetime) -> frozenset[str]:
    """Return those of some cases from which a person is excluded now. One question, however many there are."""
    found: dict[str, list[CaseStatementRow]] = {}
    for row in rows.statements_of_kinds(session, list(cases), _KINDS):
        found.setdefault(row.case, []).append(row)
    return frozenset(case for case, words in found.items() if (agency, member) in _read(words).excluded(at))


def _read(words: Iterable[CaseStatementRow]) -> Exclusions:
    return read_exclusions(_word(row) for row in words)


def _word(row: CaseStatementRow) -> Word:
    said = peek(row.statement)
    issued_at = parse_time(parse_canonical(UnverifiedJws.parse(row.statement).payload)["issued_at"])
    return Word(row.digest, (said.issuer, str(said.members["member"])), issued_at, said.members)
