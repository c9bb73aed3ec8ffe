"""What is of the moment: shared by processes, bounded, never forgotten while it counts, gone at a new beginning."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import BigInteger, event, select, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.auth.dpop import NONCE_SECONDS, Nonces
from hub.store import moment as module
from hub.store import rates, tallies
from hub.store.moment import Moment, Use
from hub.store.moment_tables import MomentBase, RevokedTokenRow, UsedProofRow
from hub.store.rates import WINDOW_SECONDS, Pace

START = datetime.fromtimestamp(NONCE_SECONDS * 1_000_000, UTC)
NOW = int(START.timestamp())
DIES = NOW + 2 * NONCE_SECONDS


def at(slot: int, seconds: int = 0) -> datetime:
    """A moment in the n-th slot."""
    return START + timedelta(seconds=slot * NONCE_SECONDS + seconds)


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def moment(url: str) -> Iterator[Moment]:
    made = Moment(url)
    made.open(anew=True)
    yield made
    made.close()


@pytest.fixture
def other(url: str, moment: Moment) -> Iterator[Moment]:
    """Another process's view of the same store."""
    made = Moment(url)
    made.open(anew=False)
    yield made
    made.close()


def use(
    moment: Moment, number: int, *, now: int = NOW, dies: int = DIES, client: str = "one", jti: str | None = None
) -> Use:
    return moment.use_proof(moment.epoch().name, dies, digest(number), now=now, client=client, jti=jti)


def test_a_proof_is_good_once(moment: Moment) -> None:
    assert use(moment, 1) is Use.FIRST
    assert use(moment, 1) is Use.AGAIN
    assert use(moment, 1, now=DIES - 1) is Use.AGAIN
    assert use(moment, 2) is Use.FIRST


def test_what_has_expired_is_deleted_and_taken_for_used(moment: Moment) -> None:
    """Also by a clock that goes back: nothing is good again because it was forgotten."""
    assert use(moment, 1) is Use.FIRST
    assert use(moment, 2, now=DIES + 61, dies=DIES + NONCE_SECONDS) is Use.FIRST
    with moment.read() as session:
        assert len(session.scalars(select(UsedProofRow)).all()) == 1
    assert use(moment, 1, now=DIES - 1) is Use.FORGOTTEN


def test_a_clock_that_goes_back_far_begins_a_new_epoch(moment: Moment) -> None:
    """The hub goes on working, and nothing from before is good."""
    before = moment.epoch()
    assert use(moment, 1, now=NOW + 10_000, dies=NOW + 10_300) is Use.FIRST
    assert use(moment, 2) is Use.FORGOTTEN
    assert moment.epoch() != before
    assert use(moment, 2) is Use.FIRST


def test_a_revoked_token_is_refused_with_the_proof_that_comes_with_it(moment: Moment, other: Moment) -> None:
    assert use(moment, 1, jti="one") is Use.FIRST
    other.revoke("one", NOW + 300)
    assert use(moment, 2, jti="one") is Use.REVOKED
    assert use(moment, 3, jti="two") is Use.FIRST
    assert moment.is_revoked("one")
    assert not moment.is_revoked("two")
    other.revoke("one", NOW + 300)
    # After it would have expired nothing of it is kept.
    use(moment, 4, now=NOW + 361)
    with moment.read() as session:
        assert session.scalars(select(RevokedTokenRow)).all() == []


def test_a_nonce_of_one_is_good_at_the_other_and_dies_with_the_second_slot(moment: Moment, other: Moment) -> None:
    mine, theirs = Nonces(moment), Nonces(other)
    nonce = mine.issue(at(0))
    assert theirs.expiry_of(nonce, at(0, NONCE_SECONDS - 1)) == (moment.epoch().name, DIES)
    assert theirs.expiry_of(nonce, at(1, NONCE_SECONDS - 1)) == (moment.epoch().name, DIES)
    assert theirs.expiry_of(nonce, at(2)) is None
    assert theirs.expiry_of("x" * 24, at(0)) is None
    assert theirs.expiry_of(nonce[:-1], at(0)) is None


def test_a_new_beginning_ends_everything_from_before_in_every_process(moment: Moment, other: Moment) -> None:
    """Nonces, proofs and what was revoked go together: what could be used unseen is of another epoch."""
    nonce, epoch = Nonces(moment).issue(at(0)), other.epoch().name
    assert use(other, 1) is Use.FIRST
    moment.open(anew=True)
    assert other.use_proof(epoch, DIES, digest(2), now=NOW, client="one") is Use.FORGOTTEN
    assert Nonces(other).expiry_of(nonce, at(0)) is None
    assert other.epoch() == moment.epoch()
    assert Nonces(moment).expiry_of(Nonces(other).issue(at(0)), at(0)) is not None


def test_a_store_emptied_under_a_running_process_is_a_new_epoch(url: str, moment: Moment, other: Moment) -> None:
    """As a database does that empties unlogged tables after a crash."""
    nonce, epoch = Nonces(moment).issue(at(0)), moment.epoch().name
    assert use(moment, 1) is Use.FIRST
    with closing(Moment(url)) as third, third.write() as session:
        for table in ("used_proof", "revoked_token", "moment_epoch"):
            session.execute(text(f"DELETE FROM {table}"))
    assert moment.use_proof(epoch, DIES, digest(1), now=NOW, client="one") is Use.FORGOTTEN
    assert Nonces(moment).expiry_of(nonce, at(0)) is None
    assert moment.epoch() == other.epoch(again=True)


def test_a_full_store_refuses_instead_of_forgetting(moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next slot has room again, and what was used before is still known in it."""
    monkeypatch.setattr(module, "MAX_PROOFS", 3)
    assert [use(moment, number) for number in range(4)] == [Use.FIRST] * 3 + [Use.FULL]
    assert use(moment, 5, dies=DIES + NONCE_SECONDS) is Use.FIRST
    assert use(moment, 1) is Use.FULL
    monkeypatch.setattr(module, "MAX_PROOFS", 10)
    assert use(moment, 1) is Use.AGAIN


def test_the_limit_counts_what_other_processes_remember(
    moment: Moment, other: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PROOFS", 10)
    monkeypatch.setattr(module, "COUNTED_EVERY", 2)
    for number in range(6):
        assert use(other, number) is Use.FIRST
    assert [use(moment, 100 + number) for number in range(6)].count(Use.FULL) >= 1


def test_attack_77_one_clients_proofs_fill_no_room_but_its_own(
    moment: Moment, other: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 77: counted over the processes, each of which tells the others by the portion."""
    monkeypatch.setattr(module, "MAX_PROOFS_OF_ONE_CLIENT", 10)
    monkeypatch.setattr(tallies, "PORTION", 2)
    assert [use(other, number) for number in range(6)] == [Use.FIRST] * 6
    assert [use(other, 1) for _ in range(20)] == [Use.AGAIN] * 20, "what is sent again takes no room"
    said = [use(moment, 100 + number) for number in range(8)]
    assert said.count(Use.FULL_FOR_CLIENT) >= 3
    assert use(moment, 1) is Use.FULL_FOR_CLIENT
    assert use(moment, 200, client="two") is Use.FIRST
    assert use(moment, 201, dies=DIES + NONCE_SECONDS) is Use.FIRST


def test_what_a_process_has_counted_is_told_by_the_portion_and_forgotten_with_its_time(
    moment: Moment, other: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "PORTION", 10)
    monkeypatch.setattr(tallies, "MAX_NAMES", 3)
    mine, theirs = moment.strangers, other.strangers
    asked: list[str] = []
    event.listen(moment._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert [mine.count("a", 1, NOW) for _ in range(9)] == list(range(1, 10))
    assert asked == []
    assert mine.count("a", 1, NOW) == 10
    assert len(asked) == 1
    assert [theirs.count("a", 1, NOW) for _ in range(10)][-1] == 20
    assert (mine.known("a", 1), mine.known("a", 2), mine.known("b", 1)) == (10, 0, 0)
    for name in "bcd":
        mine.count(name, 1, NOW)
    assert mine.known("a", 1) == 0, "whoever was not seen for longest gives way"
    mine.forget(NOW + 1)
    assert mine.known("d", 1) == 0


def test_remembering_costs_the_same_for_the_last_as_for_the_first(moment: Moment) -> None:
    """Nothing is gone through as the store fills (attack 70)."""

    def measure(first: int) -> float:
        begin = time.perf_counter()
        for number in range(first, first + 500):
            use(moment, number)
        return time.perf_counter() - begin

    measure(0)
    early = min(measure(500 * number) for number in range(1, 4))
    with moment.write() as session:
        session.execute(
            UsedProofRow.__table__.insert(),
            [{"expires_at": DIES, "digest": digest(10**6 + number)} for number in range(60_000)],
        )
    assert min(measure(10_000 + 500 * number) for number in range(3)) < 5 * early


def test_of_many_threads_with_one_proof_one_is_first(moment: Moment) -> None:
    said: list[Use] = []
    threads = [threading.Thread(target=lambda: said.append(use(moment, 7))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [Use.AGAIN] * 11 + [Use.FIRST]


def _use_all(url: str, ready: object, answers: object) -> None:
    moment = Moment(url)
    moment.open(anew=False)
    ready.wait()  # type: ignore[attr-defined]
    answers.put([use(moment, number) is Use.FIRST for number in range(200)])  # type: ignore[attr-defined]
    moment.close()


def test_of_two_processes_with_the_same_proofs_each_is_first_for_its_own(url: str, moment: Moment) -> None:
    """200 proofs shown to both at the same time: every one is taken exactly once."""
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_use_all, args=(url, ready, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    one, two = answers.get(timeout=60), answers.get(timeout=60)
    for process in processes:
        process.join()
    assert [a + b for a, b in zip(one, two, strict=True)] == [1] * 200


def test_another_parts_table_is_made_and_tidied_with_the_rest(url: str) -> None:
    """As the docstring says: derived from the base, with ``expires_at``."""

    class CounterRow(MomentBase):
        __tablename__ = "test_counter"

        name: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        expires_at: Mapped[int] = mapped_column(BigInteger)

    try:
        made = Moment(url)
        made.open(anew=True)
        with made.write() as session:
            session.add_all([CounterRow(name=1, expires_at=NOW - 1), CounterRow(name=2, expires_at=NOW + 1)])
        use(made, 1)
        with made.read() as session:
            assert session.scalars(select(CounterRow.name)).all() == [2]
        made.close()
    finally:
        MomentBase.metadata.remove(MomentBase.metadata.tables["test_counter"])


def test_a_database_that_is_no_file_is_refused() -> None:
    with pytest.raises(ValueError, match="file"):
        Moment("sqlite://")


# How often somebody asks


@contextmanager
def statements(*moments: Moment) -> Iterator[list[str]]:
    """Collect what these are asked meanwhile, transactions among it."""
    asked: list[str] = []

    def keep(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement.split()[0])

    for item in moments:
        event.listen(item._engine, "before_cursor_execute", keep)
    yield asked
    for item in moments:
        event.remove(item._engine, "before_cursor_execute", keep)


def test_a_pace_is_counted_over_all_processes_and_its_end_is_said_once(moment: Moment, other: Moment) -> None:
    said = [(moment, other)[number % 2].paces.count("agency x", 5, NOW) for number in range(12)]
    assert said == [Pace.WITHIN] * 5 + [Pace.FIRST_OVER] + [Pace.OVER] * 6
    assert moment.paces.count("agency y", 5, NOW) is Pace.WITHIN
    assert moment.paces.count("agency x", 5, NOW + WINDOW_SECONDS) is Pace.WITHIN


def test_a_refused_request_costs_the_store_nothing(moment: Moment, other: Moment) -> None:
    """Neither a write nor a question, once a process knows; counting is one statement and no transaction."""
    with statements(moment, other) as asked:
        assert moment.paces.count("agency x", 1, NOW) is Pace.WITHIN
        assert asked == ["INSERT"]
        assert other.paces.count("agency x", 1, NOW) is Pace.FIRST_OVER
        assert moment.paces.count("agency x", 1, NOW) is Pace.OVER
        asked.clear()
        for _ in range(50):
            assert moment.paces.count("agency x", 1, NOW) is Pace.OVER
            assert other.paces.count("agency x", 1, NOW) is Pace.OVER
            assert other.paces.is_over("agency x", 1, NOW)
        assert asked == []
    assert not other.paces.is_over("agency x", 1, NOW + WINDOW_SECONDS)


def test_who_is_over_is_remembered_in_limited_number(moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it they are refused all the same; those of minutes before make room."""
    monkeypatch.setattr(rates, "MAX_OVER", 2)
    for name in ("a", "b", "c", "c"):
        assert moment.paces.count(name, 0, NOW) is not Pace.WITHIN
    assert [moment.paces.is_over(name, 0, NOW) for name in ("a", "b", "c")] == [True, True, False]
    later = NOW + WINDOW_SECONDS
    assert moment.paces.count("c", 0, later) is Pace.FIRST_OVER
    assert moment.paces.is_over("c", 0, later)
