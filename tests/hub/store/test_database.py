"""One store on two engines: who writes and who reads sees the same of the others, and what is kept comes back equal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from hub.exchange import acts, cases
from hub.refusal import Refused
from hub.store import exchange_rows, postgresql
from hub.store.base import Base
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.ledger_tables import CheckpointRow
from hub.store.presence import Presence
from hub.store.tables import CaseRow
from tests import postgres


def case(name: str) -> CaseRow:
    return CaseRow(case=name, lead="fern-care", opened_at="2026-01-31T12:00:00Z", case_seq=0, last_leaf=None)


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(CaseRow)) or 0


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as made:
        made.upgrade()
        yield made


@pytest.fixture
def other(database: Database) -> Iterator[Database]:
    """Another process's view of the same database."""
    with closing(Database(database.url)) as made:
        yield made


@pytest.fixture
def on_server() -> Iterator[Database]:
    """A database on PostgreSQL, for what only a server does."""
    url = postgres.server().make()
    with closing(Database(url)) as made:
        yield made
    postgres.server().drop(url)


def end(database: Database, pid: int | None) -> None:
    """Take a connection away from under its process."""
    with postgres.server().by_hand(database.url) as execute:
        execute("SELECT pg_terminate_backend(?)", pid)


def test_writers_take_turns_and_see_what_was_written_before(database: Database, other: Database) -> None:
    """The second act does not begin to read before the first is committed: no check of its own is out of date."""
    seen, began = [], threading.Event()

    def second() -> None:
        with other.write() as session:
            seen.append(session.scalar(select(func.count()).select_from(CaseRow)))
            began.set()

    with database.write() as session:
        # Any first statement is the beginning: an act reads long before it writes.
        session.scalar(select(func.count()).select_from(CaseRow))
        thread = threading.Thread(target=second)
        thread.start()
        assert not began.wait(0.3)
        exchange_rows.add(session, case("a" * 32))
    thread.join()
    assert seen == [1]


def test_whoever_reads_sees_one_state_while_others_write(database: Database, other: Database) -> None:
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(CaseRow))
        with other.write() as writing:
            exchange_rows.add(writing, case("b" * 32))
        assert session.scalar(select(func.count()).select_from(CaseRow)) == before == 0
    assert count(database) == 1


def test_what_is_no_case_is_not_asked_for(database: Database) -> None:
    """Not every engine takes every character in a question; the answer is that of a case which is not there."""
    for name in ("\x00" * 32, "a\x00", "", "A" * 32, "a" * 33, "\ud800"):
        with database.write() as session:
            for ask in (
                lambda store, wrong: cases.require_party(store, wrong, "fern-care"),
                lambda store, wrong: acts.lock_case(store, wrong, "fern-care", datetime.now(UTC)),
            ):
                with pytest.raises(Refused, match="no such case"):
                    ask(session, name)


def test_an_act_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            exchange_rows.add(session, case("c" * 32))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert count(database) == 0


def test_text_is_ordered_and_compared_by_its_characters_alone(database: Database) -> None:
    """No language puts "a" before "B", and nothing but itself equals a name."""
    names = ["B", "a", "_", "Z", "é", "-", "aa", "A", "z", "1"]
    with database.write() as session:
        exchange_rows.add(session, *(case(name) for name in names))
    with database.read() as session:
        assert session.scalars(select(CaseRow.case).order_by(CaseRow.case)).all() == sorted(names)
        assert session.scalars(select(CaseRow.case).where(CaseRow.case > "Z")).all() != []
        assert exchange_rows.find_case(session, "b") is None
        assert exchange_rows.find_case(session, "B ") is None


def test_times_and_bytes_come_back_as_they_were(database: Database) -> None:
    """To the millisecond, in UTC, and every byte; what has no time zone is refused."""
    at = datetime(2026, 7, 1, 13, 0, 0, 123_999, timezone(timedelta(hours=1)))
    root = bytes(range(256))
    with database.write() as session:
        session.add(CheckpointRow(size=2**40, root=root, note="é\n\u2028", published_at=at, witnessed_at=None))
    with database.read() as session:
        row = session.scalars(select(CheckpointRow)).one()
        assert (row.size, row.root, row.note) == (2**40, root, "é\n\u2028")
        assert type(row.root) is bytes
        assert row.published_at == datetime(2026, 7, 1, 12, 0, 0, 123_000, UTC)
        assert row.witnessed_at is None
    with pytest.raises(StatementError, match="time zone"), database.write() as session:
        session.add(CheckpointRow(size=1, root=b"", note="", published_at=at.replace(tzinfo=None)))


def test_what_was_used_once_is_refused_and_the_act_goes_on(database: Database) -> None:
    """A constraint says no; the rest of the transaction is kept on both engines."""
    with database.write() as session:
        assert exchange_rows.use_assertion(session, "a" * 16, 200, 100)
        assert not exchange_rows.use_assertion(session, "a" * 16, 200, 100)
        assert exchange_rows.use_assertion(session, "A" * 16, 200, 100)
        exchange_rows.add(session, case("d" * 32))
    assert count(database) == 1


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    database.upgrade()
    with database.engine.connect() as connection:
        known = Base.metadata.tables

        def is_of_this_engine(item: object, *_named: object) -> bool:
            wanted = getattr(item, "_ddl_if", None)
            return wanted is None or wanted.dialect == connection.dialect.name

        found = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: kind != "table" or name in known,
                "include_object": is_of_this_engine,
            },
        )
        assert compare_metadata(found, Base.metadata) == []


def test_one_process_is_alone_and_others_join_it(database: Database) -> None:
    first = Presence(database.url)
    assert first.is_alone
    if database.url.startswith("sqlite"):
        first.close()
        return  # the folder's lock file keeps others away
    second = Presence(database.url)
    assert not second.is_alone
    first.share()
    second.share()
    third = Presence(database.url)
    assert not third.is_alone
    for presence in (first, second, third):
        presence.close()
    again = Presence(database.url)
    assert again.is_alone
    again.close()


# --- what only a server does ---


def test_whoever_reads_cannot_write(on_server: Database) -> None:
    with pytest.raises((DBAPIError, StoreUnavailable)), on_server.read() as session:
        exchange_rows.add(session, case("e" * 32))
    assert count(on_server) == 0


def test_a_turn_that_does_not_come_is_refused_before_the_act_begins(
    on_server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting is repeated so many times and no more."""
    sooner = str(postgresql._TAKE_TURN).replace(f"'{postgresql.LOCK_SECONDS}s'", "'50ms'")
    monkeypatch.setattr(postgresql, "_TAKE_TURN", text(sooner))
    ran, tried = [], []
    take_turn = postgresql.take_turn
    monkeypatch.setattr(postgresql, "take_turn", lambda *given, **named: (tried.append(1), take_turn(*given, **named)))
    with closing(Database(on_server.url)) as other, other.write():
        tried.clear()
        with pytest.raises(StoreUnavailable, match="turn did not come; nothing was recorded"), on_server.write():
            ran.append(1)
    assert (ran, len(tried)) == ([], postgresql.LOCK_ATTEMPTS)


def test_an_act_whose_connection_is_lost_is_undone_and_not_run_again(on_server: Database) -> None:
    ran = []

    def act() -> None:
        with on_server.write() as session:
            ran.append(1)
            exchange_rows.add(session, case("f" * 32))
            end(on_server, session.scalar(text("SELECT pg_backend_pid()")))
            session.scalar(select(func.count()).select_from(CaseRow))

    with pytest.raises(StoreUnavailable, match="nothing was recorded") as refused:
        act()
    assert (ran, refused.value.is_open) == ([1], False)
    assert count(on_server) == 0


def test_a_commit_without_an_answer_is_said_to_be_unknown(on_server: Database) -> None:
    """Of this one nothing was kept; the hub cannot know that, and says so."""

    def act() -> None:
        with on_server.write() as session:
            exchange_rows.add(session, case("f" * 32))
            end(on_server, session.scalar(text("SELECT pg_backend_pid()")))

    with pytest.raises(StoreUnavailable, match="send the same again") as refused:
        act()
    assert refused.value.is_open
    assert count(on_server) == 0


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_an_act_that_the_server_undid_is_refused_as_passing(on_server: Database, state: str) -> None:
    """A serialization failure or deadlock, from whatever outside: refused once, run once."""
    ran = []

    def act() -> None:
        with on_server.write() as session:
            ran.append(1)
            exchange_rows.add(session, case("f" * 32))
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'a name' USING ERRCODE = '{state}'; END $$"))

    with pytest.raises(StoreUnavailable, match="nothing was recorded; try again"):
        act()
    assert ran == [1]
    assert count(on_server) == 0


def test_a_mistake_of_our_own_is_not_called_passing(on_server: Database) -> None:
    with pytest.raises(DBAPIError), on_server.write() as session:
        session.execute(text("SELECT nothing FROM nowhere"))


def test_a_server_that_delays_commits_is_overruled(on_server: Database) -> None:
    """The tests' server is set to answer before the disk has it."""
    with on_server.read() as session:
        assert session.scalar(text("SHOW synchronous_commit")) == "on"
        assert session.scalar(text("SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'")) == "off"
