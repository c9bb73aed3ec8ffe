"""What people of a case have signed of it, as the hub keeps it: exclusions, and each time the glass was broken.

Read for every decision, given to the agencies' adapters and never with a pull.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CaseStatementRow
from keys.canonical import parse_canonical
from keys.jose import UnverifiedJws, statement_digest
from keys.statements import Statement, StatementType, peek
from policies.break_glass import BrokenGlass, read_broken
from policies.exclusions import Exclusions, Word, read_exclusions
from policies.model import parse_time

EXCLUSION_TYPES = (StatementType.EXCLUSION, StatementType.EXCLUSION_CONFIRMATION)
BREAK_GLASS_TYPES = (StatementType.BREAK_GLASS, StatementType.BREAK_GLASS_REVIEW)
Stored = CaseStatementRow | rows.StoredStatement
_KINDS = tuple(kind.value for kind in EXCLUSION_TYPES)
_BREAK_GLASS_KINDS = tuple(kind.value for kind in BREAK_GLASS_TYPES)


def exclusion_rows(session: Session, case: str) -> list[CaseStatementRow]:
    """Return the words of a case's exclusions in the case's order."""
    return list(rows.statements_of_kinds(session, [case], _KINDS))


def break_glass_rows(session: Session, case: str) -> list[CaseStatementRow]:
    """Return what was said of broken glass in a case, in the case's order."""
    return list(rows.statements_of_kinds(session, [case], _BREAK_GLASS_KINDS))


def load_broken(session: Session, case: str) -> tuple[BrokenGlass, ...]:
    """Return each time the glass was broken in a case, with its review."""
    return read_broken_words(break_glass_rows(session, case))


def read_broken_words(words: Iterable[Stored]) -> tuple[BrokenGlass, ...]:
    """Return the same from what was said of it, in the case's order."""
    return read_broken(stored_word(row.statement) for row in words)


def broken_by(session: Session, agency: str, member: str, since: datetime) -> int:
    """Return how often somebody broke the glass since a time, in all cases of the hub."""
    words = (
        stored_word(row.statement) for row in rows.newest_of_kind(session, agency, StatementType.BREAK_GLASS.value)
    )
    return sum(word.person == (agency, member) and word.issued_at > since for word in words)


def load_exclusions(session: Session, case: str) -> Exclusions:
    """Return who is excluded from a case. Each word was verified and held against the case when it was accepted."""
    return read_exclusion_words(exclusion_rows(session, case))


def excluded_cases(session: Session, cases: Collection[str], agency: str, member: str, at: datetime) -> frozenset[str]:
    """Return those of some cases from which a person is excluded now. One question, however many there are."""
    found: dict[str, list[CaseStatementRow]] = {}
    for row in rows.statements_of_kinds(session, list(cases), _KINDS):
        found.setdefault(row.case, []).append(row)
    return frozenset(
        case for case, words in found.items() if (agency, member) in read_exclusion_words(words).excluded(at)
    )


def read_exclusion_words(words: Iterable[Stored]) -> Exclusions:
    """Return who is excluded from a case, from the words of its exclusions in the case's order."""
    return read_exclusions(stored_word(row.statement) for row in words)


def stored_word(token: str) -> Word:
    """Return what a person's stored statement says. It was verified when it was accepted."""
    said = peek(token)
    issued_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
    return Word(statement_digest(token), (said.issuer, str(said.members["member"])), issued_at, said.members)


def word_of(statement: Statement) -> Word:
    """Return what a verified statement of a person says."""
    person = (str(statement.issuer), str(statement.members["member"]))
    return Word(statement.digest, person, statement.issued_at, statement.members)
