"""The statements that read and write the log's tables. No decision is made here: ``hub.ledger`` makes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache

from sqlalchemy import TextClause, and_, bindparam, func, insert, or_, select, text, update

from hub.store.base import Session
from hub.store.ledger_tables import (
    CheckpointRow,
    CosignatureRow,
    LogEntryRow,
    LogNodeRow,
    LogStateRow,
    WitnessSetRow,
)

NodeId = tuple[int, int]
MAX_IDS_PER_STATEMENT = 500
MAX_NODES_OF_A_PROOF = 128
"""A proof has fewer nodes than twice the bits of a position; so many are read by a statement that is kept."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """Size of the log and the frontier's hashes, joined."""

    size: int
    frontier: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of ``log_entry``. Body and salt are None where they were erased; salt also for public entries."""

    position: int
    type: str
    case: str | None
    case_seq: int | None
    entry: bytes
    body: str | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """One row of ``checkpoint``; ``note`` carries the log's signature only."""

    size: int
    root: bytes
    note: str
    published_at: datetime
    witnessed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredCosignature:
    """One row of ``cosignature``."""

    size: int
    name: str
    key_id: str
    kind: int
    signed_at: datetime
    line: str


_ENTRY = (
    LogEntryRow.position,
    LogEntryRow.type,
    LogEntryRow.case,
    LogEntryRow.case_seq,
    LogEntryRow.entry,
    LogEntryRow.body,
    LogEntryRow.salt,
)
_ENTRY_NAMES = tuple(item.name for item in fields(StoredEntry))
_CHECKPOINT = (
    CheckpointRow.size,
    CheckpointRow.root,
    CheckpointRow.note,
    CheckpointRow.published_at,
    CheckpointRow.witnessed_at,
)
_COSIGNATURE = (
    CosignatureRow.size,
    CosignatureRow.name,
    CosignatureRow.key_id,
    CosignatureRow.kind,
    CosignatureRow.signed_at,
    CosignatureRow.line,
)


# What each act and each step of a check asks is put together once: composing it takes longer than doing it.
_STATE = select(LogStateRow.size, LogStateRow.frontier).where(LogStateRow.id == 1)
_LOCK_STATE = _STATE.with_for_update()
_ADVANCE = (
    update(LogStateRow)
    .where(LogStateRow.id == 1, LogStateRow.size == bindparam("old_size"))
    .values(size=bindparam("new_size"), frontier=bindparam("new_frontier"))
    .returning(LogStateRow.size)
)
_INSERT_ENTRIES, _INSERT_NODES = insert(LogEntryRow), insert(LogNodeRow)
_NODE_RANGE = select(LogNodeRow.position, LogNodeRow.hash).where(
    LogNodeRow.level == bindparam("level"),
    LogNodeRow.position >= bindparam("start"),
    LogNodeRow.position < bindparam("end"),
)
_ENTRIES_AT = select(*_ENTRY).where(LogEntryRow.position.in_(bindparam("places", expanding=True)))
_ENTRY_RANGE = (
    select(*_ENTRY)
    .where(LogEntryRow.position >= bindparam("start"), LogEntryRow.position < bindparam("end"))
    .order_by(LogEntryRow.position)
)
_CASE_END = (
    select(LogEntryRow.case_seq, LogNodeRow.hash)
    .join(LogNodeRow, and_(LogNodeRow.level == 0, LogNodeRow.position == LogEntryRow.position))
    .where(LogEntryRow.case == bindparam("case"))
    .order_by(LogEntryRow.case_seq.desc())
    .limit(1)
)
_NEWEST_HEAD = select(*_CHECKPOINT).order_by(CheckpointRow.size.desc()).limit(1)
_NEWEST_WITNESSED = _NEWEST_HEAD.where(CheckpointRow.witnessed_at.is_not(None))


def create_state(session: Session) -> None:
    """Write the state of an empty log."""
    session.execute(insert(LogStateRow).values(id=1, size=0, frontier=b""))


def read_state(session: Session, *, lock: bool = False) -> StoredState | None:
    """Return the log's state, or None where no log was created. ``lock`` keeps other writers waiting (PostgreSQL).

    On SQLite the caller's transaction is the lock: it begins with BEGIN IMMEDIATE (``hub.store.database``).
    """
    row = session.connection().execute(_LOCK_STATE if lock else _STATE).one_or_none()
    return None if row is None else StoredState(row.size, row.frontier)


def advance_state(session: Session, old_size: int, new: StoredState) -> bool:
    """Replace the state if it still has the old size; say whether it had."""
    values = {"old_size": old_size, "new_size": new.size, "new_frontier": new.frontier}
    return session.connection().execute(_ADVANCE, values).one_or_none() is not None


def insert_entries(session: Session, entries: Sequence[StoredEntry]) -> None:
    """Write entries, in one statement."""
    values = [{name: getattr(entry, name) for name in _ENTRY_NAMES} for entry in entries]
    session.connection().execute(_INSERT_ENTRIES, values)


def insert_nodes(session: Session, nodes: Mapping[NodeId, bytes]) -> None:
    """Write complete nodes, in one statement."""
    session.connection().execute(
        _INSERT_NODES,
        [{"level": level, "position": position, "hash": value} for (level, position), value in nodes.items()],
    )


def read_nodes(session: Session, ids: Iterable[NodeId]) -> dict[NodeId, bytes]:
    """Return those of the nodes that are stored."""
    wanted = sorted(set(ids))
    if 0 < len(wanted) <= MAX_NODES_OF_A_PROOF:
        named = {f"l{place}": level for place, (level, _) in enumerate(wanted)}
        named |= {f"p{place}": position for place, (_, position) in enumerate(wanted)}
        rows = session.connection().execute(_few_nodes(len(wanted)), named)
        return {(level, position): bytes(kept) for level, position, kept in rows}
    found: dict[NodeId, bytes] = {}
    for start in range(0, len(wanted), MAX_IDS_PER_STATEMENT):
        by_level: defaultdict[int, list[int]] = defaultdict(list)
        for level, position in wanted[start : start + MAX_IDS_PER_STATEMENT]:
            by_level[level].append(position)
        terms = [and_(LogNodeRow.level == level, LogNodeRow.position.in_(places)) for level, places in by_level.items()]
        query = select(LogNodeRow.level, LogNodeRow.position, LogNodeRow.hash).where(or_(*terms))
        found.update({(row.level, row.position): row.hash for row in session.execute(query)})
    return found


@cache
def _few_nodes(number: int) -> TextClause:
    # Put together as an expression, the statement costs fifty times what reading the nodes does.
    terms = " OR ".join(f"(level = :l{place} AND position = :p{place})" for place in range(number))
    return text(f"SELECT level, position, hash FROM log_node WHERE {terms}")  # noqa: S608 - made of counted names


def read_node_range(session: Session, level: int, start: int, end: int) -> dict[int, bytes]:
    """Return the stored nodes of one level from ``start`` up to but without ``end``, by position."""
    found = session.connection().execute(_NODE_RANGE, {"level": level, "start": start, "end": end})
    return dict(found.all())


def count_nodes(session: Session) -> dict[int, int]:
    """Return for each level the position after its last stored node."""
    query = select(LogNodeRow.level, func.max(LogNodeRow.position)).group_by(LogNodeRow.level)
    return {level: last + 1 for level, last in session.execute(query)}


def read_entries(session: Session, positions: Sequence[int]) -> dict[int, StoredEntry]:
    """Return the entries at these positions, those that exist."""
    found: dict[int, StoredEntry] = {}
    for start in range(0, len(positions), MAX_IDS_PER_STATEMENT):
        places = positions[start : start + MAX_IDS_PER_STATEMENT]
        for row in session.connection().execute(_ENTRIES_AT, {"places": places}):
            found[row.position] = StoredEntry(*row)
    return found


def read_entry_range(session: Session, start: int, end: int) -> list[StoredEntry]:
    """Return the entries from ``start`` up to but without ``end``, in order."""
    found = session.connection().execute(_ENTRY_RANGE, {"start": start, "end": end})
    return [StoredEntry(*row) for row in found.all()]


def read_entry_bytes(session: Session, start: int, end: int) -> list[bytes]:
    """Return what the tree hashes, from ``start`` up to but without ``end``, in order."""
    query = select(LogEntryRow.entry).where(LogEntryRow.position >= start, LogEntryRow.position < end)
    return list(session.scalars(query.order_by(LogEntryRow.position)))


def find_newest_body(session: Session, kind: str) -> str | None:
    """Return the body of the newest entry of a type, or None."""
    query = select(LogEntryRow.body).where(LogEntryRow.type == kind).order_by(LogEntryRow.position.desc()).limit(1)
    return session.scalar(query)


def read_bodies(session: Session, kind: str) -> list[tuple[int, str]]:
    """Return position and body of every entry of a type, in the order of the log; erased ones are left out."""
    query = select(LogEntryRow.position, LogEntryRow.body).where(
        LogEntryRow.type == kind, LogEntryRow.body.is_not(None)
    )
    return [(position, body or "") for position, body in session.execute(query.order_by(LogEntryRow.position))]


def read_case_bodies(session: Session, case: str, kind: str) -> list[str]:
    """Return the body of every entry of a type in a case, in the case's order; erased ones are left out."""
    query = select(LogEntryRow.body).where(LogEntryRow.case == case, LogEntryRow.type == kind)
    return [body for body in session.scalars(query.order_by(LogEntryRow.case_seq)) if body is not None]


def find_of_statement(session: Session, case: str, kind: str, statement: str) -> StoredEntry | None:
    """Return a case's entry of a type whose body names a statement's digest. Looks through those of the case."""
    query = select(*_ENTRY).where(LogEntryRow.case == case, LogEntryRow.type == kind)
    row = session.execute(query.where(LogEntryRow.body.contains(f'"statement":"{statement}"'))).first()
    return None if row is None else StoredEntry(*row)


def count_entries(session: Session) -> int:
    """Return the position after the last stored entry."""
    last = session.scalar(select(func.max(LogEntryRow.position)))
    return 0 if last is None else last + 1


def find_case_end(session: Session, case: str) -> tuple[int, bytes] | None:
    """Return number and leaf hash of a case's newest entry, or None for a case without entries."""
    row = session.connection().execute(_CASE_END, {"case": case}).one_or_none()
    return None if row is None or row.case_seq is None else (row.case_seq, row.hash)


def insert_checkpoint(session: Session, checkpoint: StoredCheckpoint) -> None:
    """Write one published head."""
    session.execute(
        insert(CheckpointRow).values(
            size=checkpoint.size,
            root=checkpoint.root,
            note=checkpoint.note,
            published_at=checkpoint.published_at,
            witnessed_at=checkpoint.witnessed_at,
        )
    )


def find_checkpoint(session: Session, size: int, *, lock: bool = False) -> StoredCheckpoint | None:
    """Return the head published at this size, or None. ``lock`` keeps other cosignatures of it waiting."""
    query = select(*_CHECKPOINT).where(CheckpointRow.size == size)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else StoredCheckpoint(*row)


def find_newest_checkpoint(session: Session, *, witnessed: bool = False) -> StoredCheckpoint | None:
    """Return the largest published head, or the largest with a quorum; None if there is none."""
    row = session.connection().execute(_NEWEST_WITNESSED if witnessed else _NEWEST_HEAD).one_or_none()
    return None if row is None else StoredCheckpoint(*row)


def read_checkpoints(session: Session, after: int, until: int) -> list[StoredCheckpoint]:
    """Return the heads of more than ``after`` and at most ``until`` entries, smallest first."""
    query = select(*_CHECKPOINT).where(CheckpointRow.size > after, CheckpointRow.size <= until)
    return [StoredCheckpoint(*row) for row in session.execute(query.order_by(CheckpointRow.size))]


def set_witnessed(session: Session, size: int, witnessed_at: datetime | None) -> None:
    """Note when a quorum had seen a head."""
    session.execute(
        update(CheckpointRow)
        .where(CheckpointRow.size == size)
        .values(witnessed_at=witnessed_at)
        .execution_options(synchronize_session=False)
    )


def read_cosignatures(session: Session, after: int, until: int) -> dict[int, list[StoredCosignature]]:
    """Return the cosignatures of heads of more than ``after`` and at most ``until`` entries, by size, in name order."""
    query = select(*_COSIGNATURE).where(CosignatureRow.size > after, CosignatureRow.size <= until)
    found: defaultdict[int, list[StoredCosignature]] = defaultdict(list)
    for row in session.execute(query.order_by(CosignatureRow.size, CosignatureRow.name, CosignatureRow.kind)):
        found[row.size].append(StoredCosignature(*row))
    return dict(found)


def insert_cosignature(session: Session, cosignature: StoredCosignature) -> None:
    """Write a witness key's first line under a head."""
    session.execute(
        insert(CosignatureRow).values(
            size=cosignature.size,
            name=cosignature.name,
            key_id=cosignature.key_id,
            kind=cosignature.kind,
            signed_at=cosignature.signed_at,
            line=cosignature.line,
        )
    )


def replace_cosignature(session: Session, cosignature: StoredCosignature) -> None:
    """Put a newer line of the same witness key in the place of its older one."""
    session.execute(
        update(CosignatureRow)
        .where(
            CosignatureRow.size == cosignature.size,
            CosignatureRow.name == cosignature.name,
            CosignatureRow.key_id == cosignature.key_id,
        )
        .values(signed_at=cosignature.signed_at, line=cosignature.line)
        .execution_options(synchronize_session=False)
    )


def insert_witness_set(session: Session, log_index: int, members: str) -> None:
    """Keep the witness set that an entry announced."""
    session.execute(insert(WitnessSetRow).values(log_index=log_index, members=members))


def find_newest_witness_set(session: Session) -> str | None:
    """Return the members of the newest witness set, or None."""
    return session.scalar(select(WitnessSetRow.members).order_by(WitnessSetRow.log_index.desc()).limit(1))


def read_witness_sets(session: Session) -> dict[int, str]:
    """Return every witness set kept, by the log index of its entry."""
    query = select(WitnessSetRow.log_index, WitnessSetRow.members).order_by(WitnessSetRow.log_index)
    return {row.log_index: row.members for row in session.execute(query)}
