"""Attack 73 where the database may not grow by one page more: at every size, by SQLite's own limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from hub.ledger import ledger
from hub.ledger.verification import verify_log
from hub.store.database import Database
from hub.store.errors import StoreFull
from tests.hub.ledger.builder import CASE, LOG_KEY, LOG_VKEY, ORIGIN, START, WITNESS_SET, Log, void_members

ENTRIES = 40
"""Of one act: more than a page of each table."""


class Limit:
    """How many pages the database may have."""

    def __init__(self, database: Database) -> None:
        self.pages = 1 << 20
        event.listen(database.engine, "engine_connect", self._set)

    def _set(self, connection: Connection, *_rest: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self.pages}")
        connection.rollback()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'hub.db'}")) as made:
        made.upgrade()
        with made.write() as session:
            ledger.create(session)
        yield made


def append(database: Database) -> None:
    """One act of many entries."""
    log = Log(database.url)
    with database.write() as session, ledger.appending(session, log.randomness) as appender:
        for number in range(ENTRIES):
            body = log.body("void", void_members(number), CASE)
            done = appender.append(body, public=False, case=CASE)
            log.chains[CASE] = (body["case_seq"], done.leaf_hash.hex())
    log.engine.dispose()


def publish(database: Database) -> None:
    """The head over all that is there."""
    with database.act() as session:
        ledger.publish(session, now=START, origin=ORIGIN, signers=[LOG_KEY])


def state(database: Database) -> tuple[int, int, bool]:
    with database.read() as session:
        report = verify_log(session, LOG_VKEY, WITNESS_SET)
        head = ledger.published(session)
        return ledger.size(session), 0 if head is None else head.size, report.ok


def pages(database: Database) -> int:
    with database.engine.connect() as connection:
        found: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return found


def test_attack_73_the_disk_is_full_at_every_page(database: Database) -> None:
    """Nothing of the act each time, and the log verifies; with as many pages as were missing it is taken whole."""
    limit = Limit(database)
    for act, before, after in (
        (append, (0, 0, True), (ENTRIES, 0, True)),
        (publish, (ENTRIES, 0, True), (ENTRIES, ENTRIES, True)),
    ):
        began, refused = pages(database), 0
        for limit.pages in range(began, began + 200):
            try:
                act(database)
            except StoreFull:
                refused += 1
                assert state(database) == before
                continue
            break
        assert refused == pages(database) - began
        assert refused > 3 or act is publish
        assert state(database) == after
    assert not database.has_failed
