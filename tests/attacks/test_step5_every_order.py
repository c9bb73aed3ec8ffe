"""Attacks 72 and 73: acts of two cases, whoever gives their entries places, and deaths, in every order.

Each step of an act, of whoever gives places and of whoever publishes heads is one move of a game. The moves are the
hub's own functions on a real server; which there are from each state, and what is seen after each, a model says
(``tests.hub.ledger.orders``), so that all of them are made and none is taken for granted.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, select, text

from hub.ledger import ledger, sequencing
from hub.ledger.errors import LedgerDamaged
from hub.ledger.heads import PUBLISH_INTERVAL
from hub.ledger.state import load
from hub.store import ledger_rows, pending_rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.ledger_tables import CheckpointRow
from hub.store.tables import CaseStatementRow
from keys.transparency import leaf_hash
from tests import postgres
from tests.hub.ledger.builder import CASE, LOG_KEY, ORIGIN, OTHER_CASE, START, seed
from tests.hub.ledger.orders import Model, Observed, Steps, every_way, explore
from tests.hub.ledger.waiting import act, copied, logged, record, require_whole, template_with_two_cases


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


@pytest.fixture(scope="module")
def alone(server: postgres.Server) -> Iterator[Database]:
    """One log for all games."""
    with template_with_two_cases(server) as url, closing(Database(url)) as database:
        yield database


class Died(Exception):
    """The process ends here."""


@dataclass
class Open:
    """Somebody's transaction, as the hub's own code has opened it."""

    block: AbstractContextManager[Any]
    session: Session
    pid: int
    may_place: bool = False


@dataclass
class Game:
    """A log on a server; each step is one of the hub's own functions, in a transaction that its own code opens."""

    database: Database
    steps: Mapping[str, Steps]
    at: dict[str, int] = field(default_factory=Counter)
    open: dict[str, Open] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    looks: int = 0

    def play(self, name: str) -> None:
        """Make somebody's next step."""
        step = self.steps[name].names[self.at[name]]
        self.at[name] += 1
        if step == "write":
            case = self.steps[name].case
            assert case is not None
            record(self._begin(name, self.database.act()).session, case, name)
        elif step == "begin":
            self._begin(name, self.database.placing())
        elif step == "place":
            mine = self.open[name]
            # As ``sequencing.place_some`` does, which is one block and so cannot be stopped within.
            if mine.may_place and pending_rows.is_any_waiting(mine.session):
                sequencing.place_batch(mine.session)
        elif step == "look":
            self.looks += 1
            at = START + 2 * PUBLISH_INTERVAL * self.looks
            session = self._begin(name, self.database.act()).session
            ledger.publish(session, now=at, origin=ORIGIN, signers=[LOG_KEY])
        elif step == "whole":
            # To open it is to place all that waits.
            self._begin(name, self.database.write())
        elif step == "commit":
            self.open.pop(name).block.__exit__(None, None, None)
            if self.steps[name].case is not None:
                self.committed.append(name)
        else:
            self._die(name)

    def _begin(self, name: str, block: AbstractContextManager[Any]) -> Open:
        given = block.__enter__()
        session, may_place = given if isinstance(given, tuple) else (given, False)
        pid = session.scalar(text("SELECT pg_backend_pid()")) or 0
        self.open[name] = Open(block, session, pid, may_place)
        return self.open[name]

    def _die(self, name: str) -> None:
        """The process is gone: its connection breaks, and the server undoes what it did."""
        mine = self.open.pop(name)
        mine.session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr]
        mine.session.invalidate()
        with suppress(Died):
            mine.block.__exit__(Died, Died(), None)
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.scalar(text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": mine.pid}):
                time.sleep(0.001)

    def look(self) -> Observed:
        """What whoever reads sees, which must be right: no gap, no duplicate, each chain whole, one root for each size.

        Each entry must be of the act whose row names its position. In one transaction: it is done very often.
        """
        with self.database.read() as session:
            entries = ledger_rows.read_entry_range(session, 0, 99)
            acts = {row.log_index: row.statement for row in session.scalars(select(CaseStatementRow))}
            waiting = pending_rows.read_waiting(session, 99)
            heads = {row.size: row.root for row in session.scalars(select(CheckpointRow))}
            frontier = load(session)
        assert [entry.position for entry in entries] == list(range(frontier.size))
        names, previous = [], dict[str | None, str | None]()
        for entry in entries:
            said = json.loads(entry.body or "")
            assert said["previous"] == previous.get(entry.case)
            previous[entry.case] = leaf_hash(entry.entry).hex()
            assert said["statement"] == seed(acts[entry.position]).hex()
            names.append(acts[entry.position])
        for size, root in {**heads, frontier.size: frontier.root()}.items():
            assert self.roots.setdefault(size, root) == root
        return (
            tuple((row.case or "", row.case_seq or 0, row.is_past) for row in waiting),
            tuple(names),
            tuple(sorted(heads)),
            tuple(self.committed),
        )

    def leave(self) -> None:
        """End it here: what can follow is played on another way."""
        for name in list(self.open):
            mine = self.open.pop(name)
            with suppress(Died):
                mine.block.__exit__(Died, Died(), None)

    def finish(self) -> None:
        """Whoever is left dies, and one who comes later places all that is committed, once."""
        for name in list(self.open):
            self._die(name)
        with self.database.write():
            pass
        assert sorted(self.look()[1]) == sorted(self.committed)
        require_whole(self.database)


def empty(database: Database) -> None:
    with database.engine.begin() as connection:
        for table in ("case_statement", "checkpoint", "log_pending", "log_node", "log_entry"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE log_state SET size = 0, frontier = ''"))
        connection.execute(text('UPDATE "case" SET case_seq = 0, last_leaf = NULL'))


def play_every_order(database: Database, steps: Mapping[str, Steps]) -> tuple[int, int]:
    """Make every step of every state that the model has; return how many states and steps that were.

    After each step the server must show what the model says. Heads are remembered for each way from the beginning.
    """
    seen, made, has_ended = {Model.begin(steps).key()}, set(), 0
    for way in every_way(steps):
        empty(database)
        game, model = Game(database, steps), Model.begin(steps)
        for name in way:
            step = (model.key(), name)
            model = model.play(name)
            game.play(name)
            if step not in made:
                made.add(step)
                assert game.look() == model.observed(), way
            seen.add(model.key())
        if model.moves() or (model.key(), "") in made:
            game.leave()
            continue
        made.add((model.key(), ""))
        has_ended += 1
        game.finish()
    assert has_ended
    return len(seen), len(made) - has_ended


ACT, DIES = ("write", "commit"), ("write", "die")
PLACES, DIES_PLACING = ("begin", "place", "commit"), ("begin", "place", "die")
PUBLISHES, DIES_PUBLISHING = ("look", "commit"), ("look", "die")
WHOLE, DIES_WITH_ALL = ("whole", "commit"), ("whole", "die")
SMALLEST = {"a1": Steps(ACT, CASE), "b1": Steps(ACT, OTHER_CASE), "p1": Steps(PLACES)}
GAMES = {
    "an act dies": {"a1": Steps(ACT, CASE), "a2": Steps(DIES, CASE), "p1": Steps(PLACES)},
    "one who places dies, another takes over": {
        "a1": Steps(ACT, CASE),
        "a2": Steps(ACT, CASE),
        "p1": Steps(DIES_PLACING),
        "p2": Steps(PLACES),
    },
    "one who publishes dies, another takes over": {
        "a1": Steps(ACT, CASE),
        "p1": Steps(PLACES),
        "h1": Steps(DIES_PUBLISHING),
        "h2": Steps(PUBLISHES),
    },
    "whoever takes the whole order takes over from one who places": {
        "a1": Steps(ACT, CASE),
        "p1": Steps(DIES_PLACING),
        "w1": Steps(WHOLE),
        "h1": Steps(PUBLISHES),
    },
    "whoever takes the whole order dies, another takes over": {
        "a1": Steps(ACT, CASE),
        "p1": Steps(DIES_PLACING),
        "w1": Steps(DIES_WITH_ALL),
        "w2": Steps(WHOLE),
    },
}
COUNTED = {
    "an act dies": (39, 65),
    "one who places dies, another takes over": (193, 417),
    "one who publishes dies, another takes over": (135, 340),
    "whoever takes the whole order takes over from one who places": (110, 222),
    "whoever takes the whole order dies, another takes over": (96, 173),
}
"""States and steps of each: a game that loses some says so."""


@pytest.mark.slow
def test_attack_72_every_order_of_two_acts_and_one_who_places(alone: Database) -> None:
    """One act of each of two cases, at the same time, and somebody who places."""
    assert play_every_order(alone, SMALLEST) == explore(SMALLEST) == (88, 139)


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_attack_73_every_order_with_deaths_and_a_take_over(alone: Database, game: str) -> None:
    """Acts, placing, heads, deaths before every commit, take-overs: nothing is lost, twice, or of two roots."""
    assert play_every_order(alone, GAMES[game]) == explore(GAMES[game]) == COUNTED[game]


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
