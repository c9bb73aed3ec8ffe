"""Queries for what is given out of the log: where the entries of a case or an agency stand, heads, officers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from hub.store.base import Session
from hub.store.ledger_tables import CheckpointRow, LogEntryRow
from hub.store.tables import CasePartyRow, ConsoleAccessRow


def positions_of_types(session: Session, types: Sequence[str], below: int) -> list[int]:
    """Return the positions of entries of these types below a log position, in order."""
    query = select(LogEntryRow.position).where(LogEntryRow.type.in_(types), LogEntryRow.position < below)
    return list(session.scalars(query.order_by(LogEntryRow.position)))


def positions_of_case(session: Session, case: str, below: int) -> list[int]:
    """Return the positions of a case's entries below a log position, in order."""
    query = select(LogEntryRow.position).where(LogEntryRow.case == case, LogEntryRow.position < below)
    return list(session.scalars(query.order_by(LogEntryRow.position)))


def positions_of_agency(session: Session, agency: str, below: int) -> list[int]:
    """Return the positions, below one, of the entries of the cases an agency takes part in, or did until it left."""
    entry, party = LogEntryRow, CasePartyRow
    until = or_(party.left_seq.is_(None), entry.case_seq <= party.left_seq)
    query = (
        select(entry.position)
        .join(party, and_(party.case == entry.case, party.agency == agency, until))
        .where(entry.position < below)
    )
    return list(session.scalars(query.order_by(entry.position)))


def positions_on_erasing(session: Session, first: int, last: int, below: int) -> list[int]:
    """Return where the erasures, and the words on keeping, of each case stand that has an erased entry in a span."""
    entry, erased = LogEntryRow, aliased(LogEntryRow)
    cases = select(erased.case).where(erased.body.is_(None), erased.position.between(first, last))
    query = select(entry.position).where(entry.type.in_(("erased", "retention")), entry.case.in_(cases))
    return list(session.scalars(query.where(entry.position < below).order_by(entry.position)))


def witnessed_sizes(session: Session) -> list[int]:
    """Return the sizes of all published heads that reached a quorum, smallest first."""
    query = select(CheckpointRow.size).where(CheckpointRow.witnessed_at.is_not(None))
    return list(session.scalars(query.order_by(CheckpointRow.size)))


def accounts_of(session: Session, agency: str) -> list[tuple[str, str]]:
    """Return every account (provider, digest of the subject) that an agency ever let into the console."""
    query = select(ConsoleAccessRow.provider, ConsoleAccessRow.subject_sha256).where(ConsoleAccessRow.agency == agency)
    return [(row.provider, row.subject_sha256) for row in session.execute(query.distinct())]
