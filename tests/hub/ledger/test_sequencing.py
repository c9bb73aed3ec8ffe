"""Entries that wait for their position: who gives it, and in which order. Of PostgreSQL alone: on SQLite none waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from hub.ledger import ledger, sequencing
from hub.ledger.errors import EntryRefused, NotPlacedYet
from hub.ledger.integrator import Integrator
from hub.store import exchange_rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.placing import is_placed
from hub.store.tables import CaseStatementRow
from tests import postgres
from tests.hub.ledger.builder import CASE, OTHER_CASE
from tests.hub.ledger.waiting import AT, act, copied, logged, record, require_whole, template_with_two_cases


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of its own: what may be placed depends on every transaction of a server."""
    with postgres.apart() as made:
        yield made


@pytest.fixture(scope="module")
def template(server: postgres.Server) -> Iterator[str]:
    with template_with_two_cases(server) as url:
        yield url


@pytest.fixture
def database(server: postgres.Server, template: str) -> Iterator[Database]:
    with copied(template, server) as made:
        yield made


def test_an_act_waits_and_its_row_follows_it(database: Database) -> None:
    ticket = act(database, CASE, "first")
    assert not is_placed(ticket)
    assert logged(database) == []
    require_whole(database)
    assert sequencing.await_places(database, [ticket, 7]) == {ticket: 0}
    assert sequencing.await_places(database, [ticket]) == {ticket: 0}
    assert logged(database) == ["first"]
    require_whole(database)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM log_pending")) == 0


def test_who_needs_the_whole_order_places_what_waits_before_itself(database: Database) -> None:
    """A revocation comes after every act that was committed before it, and every act after it comes later."""
    for name in ("a1", "a2"):
        act(database, CASE, name)
    act(database, OTHER_CASE, "b1")
    with database.write() as session:
        assert ledger.size(session) == 3
        body = {"type": "revocation", "at": AT, "statement": "invented"}
        assert ledger.append(session, body, public=True, case=None, randomness=bytes).index == 3
    act(database, CASE, "a3")
    sequencing.place_some(database)
    assert logged(database) == ["a1", "a2", "b1", "revocation", "a3"]
    require_whole(database)


def test_an_act_of_a_case_writes_nothing_public(database: Database) -> None:
    body = {"type": "revocation", "at": AT, "statement": "invented"}
    with database.act() as session, pytest.raises(EntryRefused, match="order of the whole federation"):
        ledger.append(session, body, public=True, case=None, randomness=bytes)


def test_what_concerns_everybody_waits_for_acts_and_they_for_it(database: Database) -> None:
    began, done = threading.Event(), threading.Event()

    def everybody() -> None:
        with database.write():
            began.set()
        done.set()

    thread = threading.Thread(target=everybody)
    with database.act() as session:
        record(session, CASE, "first")
        thread.start()
        assert not began.wait(0.3)
    assert done.wait(20)
    thread.join()


def test_a_transaction_of_somebody_else_does_not_hold_up_the_log(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is no act of this hub and stays open: the whole order is taken after a while, and all is placed."""
    monkeypatch.setattr(sequencing, "HELD_UP_SECONDS", 0.2)
    with Session(database.engine) as stranger:
        stranger.execute(text("SELECT pg_current_xact_id()"))
        ticket = act(database, CASE, "first")
        assert sequencing.place_some(database) == sequencing.Placed(0, 1)
        assert sequencing.await_places(database, [ticket]) == {ticket: 0}


def test_a_sequence_is_not_believed(database: Database) -> None:
    """Tickets in the wrong order change nothing: a case goes by its numbers."""
    act(database, CASE, "a1")
    act(database, CASE, "a2")
    with database.act() as session:
        session.execute(text("UPDATE log_pending SET ticket = ticket + 1000 WHERE case_seq = 1"))
        session.execute(text("UPDATE case_statement SET log_index = log_index + 1000 WHERE case_seq = 1"))
    sequencing.place_some(database)
    assert logged(database) == ["a1", "a2"]


def test_an_entry_of_another_chain_is_not_placed(database: Database) -> None:
    act(database, CASE, "a1")
    act(database, CASE, "a2")
    with database.act() as session:
        session.execute(text("UPDATE log_pending SET previous = leaf WHERE case_seq = 2"))
    assert sequencing.place_some(database) == sequencing.Placed(1, 1)


def test_two_never_place_at_a_time(database: Database) -> None:
    act(database, CASE, "first")
    with database.placing() as (_session, may):
        assert may
        assert sequencing.place_some(database) is None
        with database.placing() as (_other, may_too):
            assert not may_too
    assert sequencing.place_some(database) == sequencing.Placed(1, 0)


def test_a_caller_is_told_that_its_act_stands(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds the right to place and does nothing: the answer says so in time, and the same again is found."""
    monkeypatch.setattr(sequencing, "MAX_WAIT_SECONDS", 0.2)
    ticket = act(database, CASE, "first")
    with database.placing(), pytest.raises(NotPlacedYet, match="recorded and stands") as refused:
        sequencing.await_places(database, [ticket])
    assert (refused.value.status, refused.value.to_problem()["wait"]) == (503, 2)
    assert sequencing.await_places(database, [ticket]) == {ticket: 0}


def test_the_same_at_the_same_time_is_refused_as_passing(database: Database) -> None:
    """Two acts bring one id into two cases: one is told to come again, and finds what the other did."""
    row = {"type": "x", "agency": "x", "case_seq": 1, "statement": "x", "log_index": 1}
    errors: list[BaseException] = []

    def second() -> None:
        try:
            with database.act() as session:
                exchange_rows.add(session, CaseStatementRow(digest="a" * 64, case=OTHER_CASE, **row))
        except StoreUnavailable as error:
            errors.append(error)

    with database.act() as session:
        exchange_rows.add(session, CaseStatementRow(digest="a" * 64, case=CASE, **row))
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
    thread.join(20)
    assert "try again" in str(errors[0])


def test_an_integrator_places_what_nobody_waits_for(database: Database) -> None:
    integrator = Integrator(database)
    integrator.start()
    try:
        act(database, CASE, "first")
        deadline = time.monotonic() + 20
        while logged(database) != ["first"] and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        integrator.stop()
    assert logged(database) == ["first"]


def test_giving_a_place_waits_for_no_act_and_holds_none_up(database: Database) -> None:
    """An act refers to a row that names a ticket, and ends only after the row was given its position."""
    act(database, CASE, "first")
    with database.act() as session:
        # What a foreign key does: the row must stay while somebody refers to it.
        session.execute(text("SELECT 1 FROM case_statement FOR KEY SHARE"))
        with database.placing() as (other, may):
            assert may
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert sequencing.place_batch(other, is_alone=True).count == 1
    assert logged(database) == ["first"]
