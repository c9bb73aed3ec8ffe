"""Attacks 72 and 73: acts of two cases, whoever gives their entries places, and deaths, in every order.

Each step of an act and of whoever places is one move of a game; the moves are the hub's own functions on a real server.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, text

from hub.ledger import ledger, sequencing
from hub.ledger.errors import LedgerDamaged
from hub.ledger.state import load
from hub.store import ledger_rows, pending_rows, postgresql
from hub.store.base import Session
from hub.store.database import Database
from hub.store.placing import Order
from keys.transparency import leaf_hash
from tests.hub.ledger.builder import CASE, OTHER_CASE
from tests.hub.ledger.waiting import act, copied, logged, record, require_whole, template_with_two_cases


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    with template_with_two_cases() as url:
        yield url


@pytest.fixture
def database(template: str) -> Iterator[Database]:
    with copied(template) as made:
        yield made


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

    def leave(self) -> None:
        """End it here: what can follow was played from another game that came to this."""
        for actor in self.actors.values():
            if actor.session is not None:
                actor.session.rollback()
                actor.session.close()

    def finish(self) -> None:
        """Whoever is left ends, and one who comes later places all that is committed, once."""
        for name, actor in self.actors.items():
            while actor.session is not None:
                self._end(name, actor, "die")
        with self.database.write():
            pass
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
                game.leave()
                break
            seen.add(state)
            moves = game.moves()
            if not moves:
                ends += 1
                game.finish()
                break
            ways += [(*way, name) for name in moves[1:]]
            way = (*way, moves[0])
            game.play(moves[0])
    return len(seen), ends


def test_attack_72_every_order_of_two_acts_and_one_who_places(database: Database) -> None:
    """One act of each of two cases, somebody who places: what is not slow to play of the game below."""
    states, ends = play_every_order(
        database, lambda: {"a1": Actor(ENDS_WELL, CASE), "b1": Actor(ENDS_WELL, OTHER_CASE), "p1": Actor(PLACES)}
    )
    assert states > 20
    assert ends > 2


@pytest.mark.slow
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
    assert states > 100
    assert ends > 5


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
            "p1": Actor(DIES_PLACING),
            "p2": Actor(PLACES),
        },
    )
    assert states > 300
    assert ends > 10


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


def test_attack_72_acts_of_one_case_take_turns_and_others_do_not_wait(database: Database) -> None:
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
    with database.write():
        pass
    assert [name for name in logged(database) if not name.endswith(OTHER_CASE)] == ["first", f"second of {CASE}"]


def test_attack_72_what_an_earlier_act_may_come_before_waits(database: Database) -> None:
    """An act that began earlier has not ended: what came after it waits, though it is committed."""
    with database.act() as session:
        record(session, CASE, "earlier")
        act(database, OTHER_CASE, "later")
        placed = sequencing.place_some(database)
        assert placed == sequencing.Placed(0, 1)
    placed = sequencing.place_some(database)
    assert placed == sequencing.Placed(2, 0)
    assert logged(database) == ["earlier", "later"]


def test_attack_73_what_vanished_while_it_waited_is_noticed(database: Database) -> None:
    """What waited and vanished: nothing of its case is placed any more, and what needs everything stops loudly."""
    for name in ("a1", "a2", "a3"):
        act(database, CASE, name)
    act(database, OTHER_CASE, "b1")
    with database.act() as session:
        session.execute(text('DELETE FROM log_pending WHERE "case" = :case AND case_seq = 2'), {"case": CASE})
    assert sequencing.place_some(database) == sequencing.Placed(2, 1)
    with database.read() as session:
        assert [row.case for row in ledger_rows.read_entry_range(session, 0, 9)] == [CASE, OTHER_CASE]
    with pytest.raises(LedgerDamaged, match="do not continue their cases"), database.write():
        pass
