"""Entries that wait for their position: who gives it, in which order, and what becomes of it when that one dies.

Of PostgreSQL alone: on SQLite no entry waits. The interleavings are those of the real functions on a real server, each
step of an act and of whoever places being one move of a game that is played in every order.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, text

from hub.ledger import ledger, sequencing
from hub.ledger.errors import EntryRefused, LedgerDamaged, NotPlacedYet
from hub.ledger.integrator import Integrator
from hub.ledger.state import load
from hub.ledger.verification import ActRow, verify_log
from hub.store import exchange_rows, ledger_rows, pending_rows, postgresql
from hub.store.base import Session
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.placing import Order, is_placed
from hub.store.recorded_rows import recorded_rows
from hub.store.tables import CaseRow, CaseStatementRow
from keys.transparency import leaf_hash
from tests import postgres
from tests.hub.ledger.builder import CASE, LOG_VKEY, OTHER_CASE, WITNESS_SET, seed

AT = "2026-01-31T12:00:00.000Z"


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    """A database with an empty log and two cases, to be copied."""
    url = postgres.server().make()
    with closing(Database(url)) as database:
        database.upgrade()
        with database.write() as session:
            ledger.create(session)
            for case in (CASE, OTHER_CASE):
                opened: dict[str, Any] = {"opened_at": "2026-01-31T12:00:00Z", "case_seq": 0, "last_leaf": None}
                exchange_rows.add(session, CaseRow(case=case, lead="felpersham-care", **opened))
    yield url
    postgres.server().drop(url)


@pytest.fixture
def database(template: str) -> Iterator[Database]:
    url = postgres.server().make(postgres.name_of(template))
    with closing(Database(url)) as made:
        yield made
    postgres.server().drop(url)


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


# --- one by one ---


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
        assert ledger.next_position(session) == 3
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


def test_acts_of_two_cases_do_not_wait_for_each_other_and_those_of_one_do(database: Database) -> None:
    done, began = [], threading.Event()

    def second(case: str) -> None:
        began.set()
        done.append(act(database, case, f"second of {case}"))

    with database.act() as session:
        record(session, CASE, "first")
        elsewhere = threading.Thread(target=second, args=[OTHER_CASE])
        elsewhere.start()
        elsewhere.join(20)
        assert len(done) == 1
        here = threading.Thread(target=second, args=[CASE])
        here.start()
        here.join(0.3)
        assert len(done) == 1
    here.join(20)
    assert len(done) == 2
    with database.write() as session:
        sequencing.place_all(session)
    assert [name for name in logged(database) if not name.endswith(OTHER_CASE)] == ["first", f"second of {CASE}"]


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


def test_only_what_nobody_can_come_before_is_taken(database: Database) -> None:
    """An act that began earlier has not ended: what came after it waits, though it is committed."""
    with database.act() as session:
        record(session, CASE, "earlier")
        act(database, OTHER_CASE, "later")
        placed = sequencing.place_some(database)
        assert placed == sequencing.Placed(0, 1)
    placed = sequencing.place_some(database)
    assert placed == sequencing.Placed(2, 0)
    assert logged(database) == ["earlier", "later"]


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
    with database.write() as session:
        session.execute(text("UPDATE log_pending SET ticket = ticket + 1000 WHERE case_seq = 1"))
        session.execute(text("UPDATE case_statement SET log_index = log_index + 1000 WHERE case_seq = 1"))
    sequencing.place_some(database)
    assert logged(database) == ["a1", "a2"]


def test_a_gap_in_a_case_stops_it_and_not_the_others(database: Database) -> None:
    """What waited and vanished: nothing of its case is placed any more, and what needs everything stops loudly."""
    for name in ("a1", "a2", "a3"):
        act(database, CASE, name)
    act(database, OTHER_CASE, "b1")
    with database.write() as session:
        session.execute(text('DELETE FROM log_pending WHERE "case" = :case AND case_seq = 2'), {"case": CASE})
    assert sequencing.place_some(database) == sequencing.Placed(2, 1)
    with database.read() as session:
        assert [row.case for row in ledger_rows.read_entry_range(session, 0, 9)] == [CASE, OTHER_CASE]
    with pytest.raises(LedgerDamaged, match="do not continue their cases"), database.write() as session:
        sequencing.place_all(session)


def test_an_entry_of_another_chain_is_not_placed(database: Database) -> None:
    act(database, CASE, "a1")
    act(database, CASE, "a2")
    with database.write() as session:
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


# --- every order ---


@dataclass
class Actor:
    """An act or somebody who places, and how far it is."""

    steps: tuple[str, ...]
    case: str | None = None
    at: int = 0
    session: Session | None = None
    pid: int = 0
    may: bool = False

    @property
    def next(self) -> str | None:
        return self.steps[self.at] if self.at < len(self.steps) else None


@dataclass
class Game:
    """A log on a server, and actors that make one step at a time; nobody makes a step that would have to wait."""

    database: Database
    actors: dict[str, Actor]
    committed: list[str] = field(default_factory=list)
    heads: dict[int, bytes] = field(default_factory=dict)

    def moves(self) -> list[str]:
        busy = {actor.case for actor in self.actors.values() if actor.session is not None and actor.case is not None}
        found = []
        for name, actor in self.actors.items():
            if actor.next is None or (actor.next == "write" and actor.case in busy):
                continue
            # Acts of one case come in the order of their names: the others are the same game with other names.
            if actor.next == "write" and any(
                other.next == "write" and other.case == actor.case and before < name
                for before, other in self.actors.items()
            ):
                continue
            found.append(name)
        return found

    def play(self, name: str) -> None:
        actor = self.actors[name]
        step = actor.next
        actor.at += 1
        if step == "write":
            actor.session = Session(self.database.engine, info={Order: Order.CASES})
            postgresql.take_turn(actor.session.connection(), postgresql.ACT_LOCK, is_shared=True)
            assert actor.case is not None
            actor.pid = actor.session.scalar(text("SELECT pg_backend_pid()")) or 0
            record(actor.session, actor.case, name)
        elif step == "begin":
            actor.session = Session(self.database.engine)
            actor.pid = actor.session.scalar(text("SELECT pg_backend_pid()")) or 0
            actor.may = postgresql.try_placing(actor.session.connection())
        elif step == "place":
            assert actor.session is not None
            if actor.may:
                sequencing.place_batch(actor.session)
        elif actor.session is not None:
            self._end(name, actor, step)

    def _end(self, name: str, actor: Actor, step: str | None) -> None:
        assert actor.session is not None
        if step == "commit":
            actor.session.commit()
            if actor.case is not None:
                self.committed.append(name)
        else:
            # The process is gone: its connection breaks, and the server undoes what it did.
            actor.session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr]
            actor.session.invalidate()
            self._await_end(actor.pid)
        actor.session.close()
        actor.session = None

    def _await_end(self, pid: int) -> None:
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.scalar(text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}):
                time.sleep(0.001)

    def state(self) -> tuple[Any, ...]:
        """What decides what can happen from here."""
        with self.database.read() as session:
            waiting = [(row.case, row.case_seq, row.is_past) for row in pending_rows.read_waiting(session, 99)]
        inside = tuple((name, actor.at, actor.session is not None, actor.may) for name, actor in self.actors.items())
        return (*inside, tuple(waiting), tuple(logged(self.database)), tuple(self.committed))

    def require_right(self) -> None:
        """No gap, no duplicate, each case in its order, each chain right, nothing uncommitted; never two heads."""
        names = logged(self.database)
        assert len(set(names)) == len(names)
        assert set(names) <= set(self.committed)
        for case in (CASE, OTHER_CASE):
            of_case = [name for name in self.committed if self.actors[name].case == case]
            placed = [name for name in names if self.actors[name].case == case]
            assert placed == of_case[: len(placed)]
        with self.database.read() as session:
            leaves = [leaf_hash(entry) for entry in ledger_rows.read_entry_bytes(session, 0, 99)]
            previous: dict[str | None, str | None] = {}
            for entry, leaf in zip(ledger_rows.read_entry_range(session, 0, 99), leaves, strict=True):
                assert json.loads(entry.body or "")["previous"] == previous.get(entry.case)
                previous[entry.case] = leaf.hex()
            size = ledger.size(session)
            assert size == len(names)
            root = load(session).root()
        assert self.heads.setdefault(size, root) == root

    def finish(self) -> None:
        """Whoever is left ends, and one who comes later places all that is committed, once."""
        for name, actor in self.actors.items():
            while actor.session is not None:
                self._end(name, actor, "die")
        with self.database.write() as session:
            sequencing.place_all(session)
        assert sorted(logged(self.database)) == sorted(self.committed)
        self.require_right()
        require_whole(self.database)


ENDS_WELL, DIES = ("write", "commit"), ("write", "die")
PLACES, DIES_PLACING, DIES_BEFORE = ("begin", "place", "commit"), ("begin", "place", "die"), ("begin", "die")


def empty(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("TRUNCATE log_entry, log_node, log_pending, case_statement"))
        connection.execute(text("UPDATE log_state SET size = 0, frontier = ''"))
        connection.execute(text('UPDATE "case" SET case_seq = 0, last_leaf = NULL'))


def play_every_order(database: Database, actors: Callable[[], dict[str, Actor]]) -> tuple[int, int]:
    """Play every order of the actors' steps; return how many different states and how many ends there were.

    What can follow a state was looked at when it was first reached: there it ends. Heads are remembered per game.
    """
    seen: set[tuple[Any, ...]] = set()
    ways: list[tuple[str, ...]] = [()]
    ends = 0
    while ways:
        way = ways.pop()
        empty(database)
        game = Game(database, actors())
        for name in way:
            game.play(name)
        while True:
            game.require_right()
            state = game.state()
            if state in seen:
                break
            seen.add(state)
            moves = game.moves()
            if not moves:
                break
            ways += [(*way, name) for name in moves[1:]]
            way = (*way, moves[0])
            game.play(moves[0])
        ends += 1
        game.finish()
    return len(seen), ends


def test_attack_72_every_order_of_three_acts_and_one_who_places(database: Database) -> None:
    """Two acts of one case, one of another, somebody who places: no gap, no duplicate, in whatever order."""
    states, ends = play_every_order(
        database,
        lambda: {
            "a1": Actor(ENDS_WELL, CASE),
            "a2": Actor(ENDS_WELL, CASE),
            "b1": Actor(ENDS_WELL, OTHER_CASE),
            "p1": Actor(PLACES),
        },
    )
    assert states > 50
    assert ends > 10


@pytest.mark.slow
def test_attack_73_every_order_with_deaths_and_a_take_over(database: Database) -> None:
    """An act dies before it commits, one who places in the middle, another takes over: nothing is lost or twice."""
    states, ends = play_every_order(
        database,
        lambda: {
            "a1": Actor(ENDS_WELL, CASE),
            "a2": Actor(DIES, CASE),
            "a3": Actor(ENDS_WELL, CASE),
            "b1": Actor(ENDS_WELL, OTHER_CASE),
            "b2": Actor(ENDS_WELL, OTHER_CASE),
            "p1": Actor(DIES_PLACING),
            "p2": Actor(PLACES),
        },
    )
    assert states > 500
    assert ends > 100


class Died(Exception):
    """The process ends here."""


STATEMENTS_OF_A_BATCH = 7


@pytest.mark.parametrize("survives", range(STATEMENTS_OF_A_BATCH + 1))
def test_attack_73_death_after_each_statement_of_a_batch(database: Database, survives: int) -> None:
    """Whoever places dies after so many statements: the log is as it was, and the next one does the whole batch."""
    act(database, CASE, "first")
    sequencing.place_some(database)
    for case, name in ((CASE, "a2"), (OTHER_CASE, "b1"), (CASE, "a3")):
        act(database, case, name)
    done = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if len(done) == survives:
            raise Died
        done.append(statement)

    with Session(database.engine) as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", count)
        if survives < STATEMENTS_OF_A_BATCH:
            with pytest.raises(Died):
                sequencing.place_batch(session)
        else:
            # One more than there are: the count is right, and without the commit all of it is nothing.
            assert sequencing.place_batch(session).count == 3
            assert len(done) == STATEMENTS_OF_A_BATCH
        connection.connection.dbapi_connection.close()
        session.invalidate()
    assert logged(database) == ["first"]
    require_whole(database)
    deadline = time.monotonic() + 20
    while sequencing.place_some(database) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert logged(database) == ["first", "a2", "b1", "a3"]
    require_whole(database)
