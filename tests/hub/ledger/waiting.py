"""Acts of cases in a log on PostgreSQL whose entries wait for their position, and what must be true of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from hub.ledger import ledger
from hub.ledger.verification import ActRow, verify_log
from hub.store import exchange_rows, ledger_rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.recorded_rows import recorded_rows
from hub.store.tables import CaseRow, CaseStatementRow
from tests import postgres
from tests.hub.ledger.builder import CASE, LOG_VKEY, OTHER_CASE, WITNESS_SET, seed

AT = "2026-01-31T12:00:00.000Z"


@contextmanager
def template_with_two_cases(server: postgres.Server | None = None) -> Iterator[str]:
    """A database with an empty log and two cases, to be copied; on the server of this run, or on another one."""
    url = postgres.server().make() if server is None else server.make("template0")
    with closing(Database(url)) as database:
        database.upgrade()
        with database.write() as session:
            ledger.create(session)
            for case in (CASE, OTHER_CASE):
                opened: dict[str, Any] = {"opened_at": "2026-01-31T12:00:00Z", "case_seq": 0, "last_leaf": None}
                exchange_rows.add(session, CaseRow(case=case, lead="felpersham-care", **opened))
    yield url
    (server or postgres.server()).drop(url)


@contextmanager
def copied(template: str, server: postgres.Server | None = None) -> Iterator[Database]:
    """A copy of a database, given up at the end; on the server that the database is on."""
    server = server or postgres.server()
    url = server.make(postgres.name_of(template))
    with closing(Database(url)) as made:
        yield made
    server.drop(url)


def record(session: Session, case: str, name: str) -> int:
    """One act of a case as the exchange makes it: locked, chained, with a row that names its entry."""
    row = exchange_rows.lock_case(session, case)
    assert row is not None
    digest = seed(name).hex()
    body = {
        "type": "refusal",
        "at": AT,
        "case": case,
        "case_seq": row.case_seq + 1,
        "previous": row.last_leaf,
        "agency": "felpersham-care",
        "statement": digest,
        "decision": None,
    }
    done = ledger.append(session, body, public=False, case=case, randomness=seed_of(name))
    row.case_seq, row.last_leaf = row.case_seq + 1, done.leaf_hash.hex()
    kept = CaseStatementRow(
        digest=digest,
        case=case,
        type="invented",
        agency="felpersham-care",
        case_seq=row.case_seq,
        statement=name,
        log_index=done.index,
    )
    exchange_rows.add(session, kept)
    return done.index


def seed_of(name: str) -> Callable[[int], bytes]:
    return lambda count: seed(f"salt {name}")[:count]


def act(database: Database, case: str, name: str) -> int:
    with database.act() as session:
        return record(session, case, name)


def logged(database: Database) -> list[str]:
    """The names of the acts in the order of the log, each held against the row that names its position."""
    with database.read() as session:
        entries = ledger_rows.read_entry_range(session, 0, 1000)
        assert [entry.position for entry in entries] == list(range(len(entries)))
        kept = {row.log_index: row for row in session.query(CaseStatementRow)}
        names = []
        for entry in entries:
            assert entry.body is not None
            if entry.case is None:
                names.append(entry.type)
                continue
            row = kept[entry.position]
            assert json.loads(entry.body)["statement"] == row.digest == seed(row.statement).hex()
            names.append(row.statement)
        return names


def require_whole(database: Database) -> None:
    """The check of the whole log has nothing to say, and no row names an entry that is not there."""
    with database.read() as session:
        said = [ActRow(index, {"case": members["case"]}) for index, members in recorded_rows(session)]
        report = verify_log(session, LOG_VKEY, WITNESS_SET, acts=said)
    assert report.faults == ()
