"""What the hub makes of SQLite's faults: which pass, which are said of a full disk, which end the process's work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from hub.store.database import Database
from hub.store.errors import StoreFailed, StoreFull, StoreUnavailable
from hub.store.moment import Moment
from hub.store.sqlite import fault_of, passing


def fault(code: int) -> OperationalError:
    error = sqlite3.OperationalError("words of the driver")
    error.sqlite_errorcode = code
    return OperationalError("a statement", {}, error)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'hub.db'}")) as made:
        made.upgrade()
        yield made


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (sqlite3.SQLITE_FULL, StoreFull, "storage_full"),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreFailed, "store_failed"),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFailed, "store_failed"),
        (sqlite3.SQLITE_CORRUPT, StoreFailed, "store_failed"),
        (sqlite3.SQLITE_BUSY, StoreUnavailable, "unavailable"),
        (sqlite3.SQLITE_READONLY, StoreUnavailable, "unavailable"),
    ],
)
def test_each_fault_has_its_code_and_none_the_drivers_words(code: int, kind: type, said: str) -> None:
    found = fault_of(fault(code))
    assert type(found) is kind
    assert found.code == said
    assert "driver" not in str(found)
    # What is of the moment ends no process.
    assert not isinstance(passing(fault(code)), StoreFailed)


def test_what_was_asked_for_wrongly_is_no_fault() -> None:
    assert fault_of(fault(sqlite3.SQLITE_CONSTRAINT_UNIQUE)) is None
    assert fault_of(fault(sqlite3.SQLITE_ERROR)) is None
    assert fault_of(ValueError("not of a database")) is None


def test_only_of_a_commit_that_the_disk_failed_nobody_knows() -> None:
    failed, full = (fault_of(fault(c), is_ending=True) for c in (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_FULL))
    assert failed is not None
    assert full is not None
    assert (failed.code, full.code) == ("outcome_unknown", "storage_full")


def test_attack_73_after_a_failed_write_nothing_is_read_or_written_here(database: Database) -> None:
    told = []
    database.on_failure(lambda: told.append(1))
    with pytest.raises(StoreFailed, match="nothing was recorded"), database.write():
        raise fault(sqlite3.SQLITE_IOERR_WRITE)
    assert database.has_failed
    for attempt in (database.read, database.write, database.act):
        with pytest.raises(StoreFailed, match="this process has stopped"), attempt():
            raise AssertionError
    with pytest.raises(StoreFailed):
        database.forget_deleted()
    assert told == [1]


def test_attack_73_a_commit_whose_fsync_failed_is_of_unknown_outcome(database: Database) -> None:
    def fail(_connection: Any) -> None:
        raise fault(sqlite3.SQLITE_IOERR_FSYNC)

    event.listen(database.engine, "commit", fail)
    with pytest.raises(StoreFailed) as refused, database.act() as session:
        session.execute(text("SELECT 1"))
    assert refused.value.is_open
    assert database.has_failed


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
def test_a_fault_that_passes_ends_nothing(database: Database, code: int) -> None:
    with pytest.raises(StoreUnavailable), database.write():
        raise fault(code)
    with pytest.raises(StoreUnavailable), database.read():
        raise fault(sqlite3.SQLITE_IOERR_READ)
    assert not database.has_failed
    with database.write() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_proof_that_cannot_be_remembered_is_not_good(tmp_path: Path) -> None:
    """The store of the moment on a full disk: said as such, and nothing is taken for used or unused."""
    with closing(Moment(f"sqlite:///{tmp_path / 'hub.db'}")) as moment:
        moment.open(anew=True)
        epoch = moment.epoch()

        def limit(connection: Any, *_rest: Any) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")

        event.listen(moment._engine, "engine_connect", limit)

        def fill() -> None:
            for number in range(2_000):
                moment.use_proof(epoch.name, 2_000_000_000, number.to_bytes(32), now=1_900_000_000, client="fern-care")

        with pytest.raises(StoreFull):
            fill()
