"""Lines that the hub has promised to place, until they stand in the log: their tables, and one function a question.

Ids, digests, times and signed notes only; all of it as public as it is at the hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from adapters.store.tables import Base, OutboxRow, OwnFragmentRow

PROMISED = "promised"
"""State of an outbox line that the hub has, and whose place in the log it has promised by a deadline."""


class PromiseRow(Base):
    """A promise as it was signed, while one of its lines has no place yet."""

    __tablename__ = "promise"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    note: Mapped[str] = mapped_column(Text)
    until: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(BigInteger)
    """How many entries stand before what is promised."""


class PromisedLineRow(Base):
    """The entry of one outbox line that was promised: with its salt its text makes the leaf."""

    __tablename__ = "promised_line"

    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its number in the outbox."""
    promise: Mapped[int] = mapped_column(Integer, index=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    case_seq: Mapped[int] = mapped_column(Integer)
    leaf: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    salt: Mapped[str | None] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class OpenPromise:
    """A promise whose deadline is to be looked at, and the entries that have no place yet."""

    number: int
    note: str
    until: str
    size: int
    lines: tuple[PromisedLine, ...]


@dataclass(frozen=True, slots=True)
class PromisedLine:
    """A line as ``PromisedLineRow`` keeps it; ``until`` and ``note`` are its promise's."""

    line: int
    case: str
    case_seq: int
    leaf: str
    body: str
    salt: str | None
    until: str
    note: str

    def receipt(self, index: int, inclusion: Sequence[str]) -> dict[str, Any]:
        """Return the receipt of the entry, which was found at a position with this proof."""
        return {"index": index, "body": self.body, "salt": self.salt, "inclusion": list(inclusion)}


def keep_promise(session: Session, note: str, until: str, size: int) -> int:
    """Keep a verified promise; return its number here."""
    row = PromiseRow(note=note, until=until, size=size)
    session.add(row)
    session.flush()
    return row.number


def promise_line(session: Session, row: OutboxRow, promise: int, entry: Mapping[str, Any]) -> None:
    """Keep that a line's entry (``case_seq``, ``leaf``, ``body``, ``salt``) was promised."""
    row.state = PROMISED
    session.merge(PromisedLineRow(line=row.number, promise=promise, case=row.case, **entry))
    session.flush()


def accept_line(session: Session, row: OutboxRow, receipt: Mapping[str, Any]) -> None:
    """Keep that a line stands in the log, with the verified receipt that says so."""
    row.receipt, row.state = json.dumps(receipt), "accepted"
    if row.kind == "fragment":
        fragment = session.get(OwnFragmentRow, row.subject)
        if fragment is not None:
            fragment.is_accepted = True


def open_lines(session: Session, case: str, reached: int) -> list[PromisedLine]:
    """Return the promised lines of a case whose numbers are not above one, in the case's order."""
    query = select(PromisedLineRow).where(PromisedLineRow.case == case, PromisedLineRow.case_seq <= reached)
    return _lines(session, query.order_by(PromisedLineRow.case_seq))


def open_promises(session: Session) -> list[OpenPromise]:
    """Return every promise that was not settled yet, by its deadline."""
    found = []
    for row in session.scalars(select(PromiseRow).order_by(PromiseRow.until, PromiseRow.number)):
        query = select(PromisedLineRow).where(PromisedLineRow.promise == row.number)
        lines = _lines(session, query.order_by(PromisedLineRow.line))
        found.append(OpenPromise(row.number, row.note, row.until, row.size, tuple(lines)))
    return found


def _lines(session: Session, query: Any) -> list[PromisedLine]:
    found = []
    for row in session.scalars(query):
        promise = session.get(PromiseRow, row.promise)
        if promise is not None:
            kept = (row.line, row.case, row.case_seq, row.leaf, row.body, row.salt, promise.until, promise.note)
            found.append(PromisedLine(*kept))
    return found


def settle_line(session: Session, line: int, receipt: Mapping[str, Any]) -> None:
    """Keep a promised line's receipt: what was promised is done. One that was erased here meanwhile is forgotten."""
    row = session.get(OutboxRow, line)
    if row is not None and row.state == PROMISED:
        accept_line(session, row, receipt)
    _forget(session, [line])


def put_back(session: Session, lines: Iterable[int]) -> None:
    """Let lines leave again whose promise was broken: the hub's answer to the same bytes says what became of them."""
    listed = list(lines)
    for line in listed:
        row = session.get(OutboxRow, line)
        if row is not None and row.state == PROMISED:
            row.state = "pending"
    _forget(session, listed)


def _forget(session: Session, lines: Sequence[int]) -> None:
    for line in lines:
        session.execute(delete(PromisedLineRow).where(PromisedLineRow.line == line))
    session.execute(delete(PromiseRow).where(PromiseRow.number.not_in(select(PromisedLineRow.promise))))
    session.flush()


def promised_by_case(session: Session) -> list[dict[str, Any]]:
    """Return of each case how many lines are promised and not yet in the log, and the first deadline of them."""
    query = select(PromisedLineRow.case, func.count(), func.min(PromiseRow.until))
    query = query.join(PromiseRow, PromiseRow.number == PromisedLineRow.promise).group_by(PromisedLineRow.case)
    return [
        {"case": case, "lines": count, "until": until}
        for case, count, until in session.execute(query.order_by(PromisedLineRow.case))
    ]
