"""Entries that wait for their position: how they are written with their act, and moved into the log. PostgreSQL only.

No decision is made here: ``hub.ledger.sequencing`` makes them. Entries move within the server: neither body nor salt
comes back to whoever gives them a place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, LargeBinary, String, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from hub.store.base import Session
from hub.store.ledger_rows import NodeId, StoredEntry
from hub.store.ledger_tables import LogEntryRow, LogPendingRow
from hub.store.placing import FIRST_TICKET

_TABLES_OF: Mapping[str, str] = {"fragment": "fragment", "channel": "channel", "disclosure": "disclosure"}
"""Which table names an entry of a type beside the statements of a case."""
_NAMING = ("fragment", "channel", "disclosure", "case_statement")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has to be known of a waiting entry to place it. ``is_past``: every act that began before it has ended."""

    ticket: int
    type: str
    case: str | None
    case_seq: int | None
    previous: bytes | None
    leaf: bytes
    is_past: bool


@dataclass(frozen=True, slots=True)
class NewPending:
    """A waiting entry as it is written: its ``position`` is a ticket."""

    stored: StoredEntry
    previous: bytes | None
    leaf: bytes


def _arrays(statement: str, **types: type) -> object:
    return text(statement).bindparams(*(bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()))


_TICKETS = text("SELECT nextval('log_ticket') FROM generate_series(1, :count)")
_INTO = 'INSERT INTO log_pending (ticket, type, "case", case_seq, previous, leaf, entry, body, salt, xid)'
_INSERT_ONE = _INTO + " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, pg_current_xact_id()::text::bigint)"
_INSERT = _arrays(
    _INTO + " SELECT *, pg_current_xact_id()::text::bigint"  # noqa: S608
    " FROM unnest(:tickets, :types, :cases, :numbers, :previous, :leaves, :entries, :bodies, :salts)",
    tickets=BigInteger,
    types=String,
    cases=String,
    numbers=BigInteger,
    previous=LargeBinary,
    leaves=LargeBinary,
    entries=LargeBinary,
    bodies=Text,
    salts=LargeBinary,
)
_WAITING = text(
    'SELECT ticket, type, "case", case_seq, previous, leaf,'
    " xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS is_past"
    " FROM log_pending ORDER BY ticket LIMIT :limit"
)
_ENDS = _arrays(
    'SELECT c."case", e.case_seq, n.hash FROM unnest(:cases) AS c ("case")'
    ' CROSS JOIN LATERAL (SELECT case_seq, position FROM log_entry WHERE log_entry."case" = c."case"'
    " ORDER BY case_seq DESC LIMIT 1) AS e JOIN log_node n ON n.level = 0 AND n.position = e.position",
    cases=String,
)
_MOVE = _arrays(
    "WITH given AS (SELECT * FROM unnest(:tickets, :positions) AS g (ticket, position)), moved AS ("
    " DELETE FROM log_pending p USING given WHERE p.ticket = given.ticket"
    ' RETURNING given.position, p.type, p."case", p.case_seq, p.entry, p.body, p.salt, p.ticket)'
    ' INSERT INTO log_entry (position, type, "case", case_seq, entry, body, salt, ticket) SELECT * FROM moved',
    tickets=BigInteger,
    positions=BigInteger,
)
_NODES = _arrays(
    "INSERT INTO log_node (level, position, hash) SELECT * FROM unnest(:levels, :positions, :hashes)",
    levels=BigInteger,
    positions=BigInteger,
    hashes=LargeBinary,
)
_NAME = {
    table: _arrays(
        f"UPDATE {table} SET log_index = given.position FROM unnest(:tickets, :positions) AS given (ticket, position)"  # noqa: S608
        f" WHERE {table}.log_index = given.ticket AND {table}.log_index >= {FIRST_TICKET}",
        tickets=BigInteger,
        positions=BigInteger,
    )
    for table in _NAMING
}

_END_AND_TICKET = (
    "SELECT nextval('log_ticket') AS ticket, newest.case_seq, newest.leaf FROM (SELECT 1) AS one LEFT JOIN ("
    '(SELECT case_seq, leaf FROM log_pending WHERE "case" = %(case)s ORDER BY case_seq DESC LIMIT 1) UNION ALL'
    " (SELECT e.case_seq, n.hash FROM log_entry e JOIN log_node n ON n.level = 0 AND n.position = e.position"
    ' WHERE e."case" = %(case)s ORDER BY e.case_seq DESC LIMIT 1)'
    " ORDER BY case_seq DESC LIMIT 1) AS newest ON true"
)
_PLACES = select(LogEntryRow.ticket, LogEntryRow.position).where(
    LogEntryRow.ticket.in_(bindparam("tickets", expanding=True))
)
_ANY = select(LogPendingRow.ticket).limit(1)


def take_tickets(session: Session, count: int) -> list[int]:
    """Return so many new tickets, each above those that were taken before."""
    return sorted(session.connection().execute(_TICKETS, {"count": count}).scalars())


def insert(session: Session, entries: Sequence[NewPending]) -> None:
    """Write entries that wait, in one statement, under this transaction's number."""
    stored = [item.stored for item in entries]
    if len(entries) == 1:
        # Of most acts; lists of one would take a tenth of the act.
        [one], [new] = stored, entries
        values = (one.position, one.type, one.case, one.case_seq, new.previous, new.leaf, one.entry, one.body, one.salt)
        session.connection().exec_driver_sql(_INSERT_ONE, values)
        return
    session.connection().execute(
        _INSERT,  # type: ignore[call-overload]
        {
            "tickets": [item.position for item in stored],
            "types": [item.type for item in stored],
            "cases": [item.case for item in stored],
            "numbers": [item.case_seq for item in stored],
            "previous": [item.previous for item in entries],
            "leaves": [item.leaf for item in entries],
            "entries": [item.entry for item in stored],
            "bodies": [item.body for item in stored],
            "salts": [item.salt for item in stored],
        },
    )


def find_end_and_take_ticket(session: Session, case: str) -> tuple[tuple[int, bytes] | None, int]:
    """Return number and leaf hash of a case's newest entry, None where it has none, and a new ticket as above.

    Waiting or in the log: one statement sees an entry in one of the two, while somebody moves it.
    """
    row = session.connection().exec_driver_sql(_END_AND_TICKET, {"case": case}).one()
    return None if row.case_seq is None else (row.case_seq, row.leaf), row.ticket


def read_waiting(session: Session, limit: int) -> list[Waiting]:
    """Return entries that wait, by ticket."""
    return [Waiting(*row) for row in session.execute(_WAITING, {"limit": limit})]


def find_case_ends(session: Session, cases: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Return number and leaf hash of the newest placed entry of some cases, those that have one."""
    found = session.execute(_ENDS, {"cases": list(cases)})  # type: ignore[call-overload]
    return {case: (number, leaf) for case, number, leaf in found}


def move(session: Session, places: Mapping[int, int]) -> int:
    """Move waiting entries into the log, by ticket to position; return how many there were."""
    given = {"tickets": list(places), "positions": list(places.values())}
    moved: int = session.execute(_MOVE, given).rowcount  # type: ignore[call-overload]
    return moved


def insert_nodes(session: Session, nodes: Mapping[NodeId, bytes]) -> None:
    """Write complete nodes, in one statement."""
    columns = {
        "levels": [level for level, _ in nodes],
        "positions": [position for _, position in nodes],
        "hashes": list(nodes.values()),
    }
    session.execute(_NODES, columns)  # type: ignore[call-overload]


def name_places(session: Session, places: Mapping[int, int], types: Sequence[str]) -> None:
    """Give the rows that name tickets their positions: those of the acts whose entries are of these types."""
    given = {"tickets": list(places), "positions": list(places.values())}
    for table in sorted({_table_of(kind) for kind in types} - {None}, key=str):
        session.execute(_NAME[str(table)], given)  # type: ignore[call-overload]


def _table_of(kind: str) -> str | None:
    if kind == "void":
        return "disclosure"
    # Readings and denials have no row beside the log.
    return None if kind in ("viewed", "retrieved", "audited", "denied") else _TABLES_OF.get(kind, "case_statement")


def find_places(session: Session, tickets: Sequence[int]) -> dict[int, int]:
    """Return the positions that these tickets were given, those that were."""
    found = session.connection().execute(_PLACES, {"tickets": list(tickets)})
    return {ticket: position for ticket, position in found if ticket is not None}


def find_pending(session: Session, case: str, kind: str, statement: str) -> StoredEntry | None:
    """Return the waiting entry of a pull or a retrieval by type and statement's digest."""
    query = select(LogPendingRow).where(LogPendingRow.case == case, LogPendingRow.type == kind)
    row = session.scalars(query.where(LogPendingRow.body.contains(f'"statement":"{statement}"'))).first()
    if row is None:
        return None
    return StoredEntry(row.ticket, row.type, row.case, row.case_seq, row.entry, row.body, row.salt)


def find_by_ticket(session: Session, tickets: Sequence[int]) -> list[StoredEntry]:
    """Return the entries of these tickets that wait: in the place of their position stands the ticket."""
    rows = session.scalars(select(LogPendingRow).where(LogPendingRow.ticket.in_(tickets)))
    return [StoredEntry(row.ticket, row.type, row.case, row.case_seq, row.entry, row.body, row.salt) for row in rows]


def is_any_waiting(session: Session) -> bool:
    """Whether any entry waits for its position."""
    return session.connection().execute(_ANY).first() is not None


def waiting_tickets(session: Session) -> frozenset[int]:
    """Return the tickets of everything that waits."""
    return frozenset(session.scalars(select(LogPendingRow.ticket)))


def count_waiting(session: Session, cases: Sequence[str]) -> dict[str, int]:
    """Return how many entries of each of some cases wait, those that have any."""
    query = select(LogPendingRow.case).where(LogPendingRow.case.in_(cases))
    return dict(Counter(case for case in session.scalars(query) if case is not None))
