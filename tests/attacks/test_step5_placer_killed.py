"""Attack 73 with real processes: whoever gives places is killed or suspended while acts go on; another takes over."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hub.ledger import ledger, sequencing
from hub.store import postgresql
from hub.store.database import Database
from tests.hub.ledger.builder import CASE, LOG_KEY, ORIGIN, OTHER_CASE, START
from tests.hub.ledger.waiting import act, copied, logged, require_whole, template_with_two_cases

pytestmark = pytest.mark.slow
ACTS_OF_EACH = 40


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    with template_with_two_cases() as url:
        yield url


@pytest.fixture
def database(template: str) -> Iterator[Database]:
    with copied(template) as made:
        yield made


@contextmanager
def placer(url: str, how: str, says: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hub.ledger.placer", url, how], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().decode() == says + "\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def seconds_until_placed(database: Database, ticket: int) -> float:
    began = time.monotonic()
    sequencing.await_places(database, [ticket])
    return time.monotonic() - began


def test_attack_73_killed_in_the_middle_of_a_batch(database: Database) -> None:
    """kill -9 with the batch written and not committed: the server undoes it, and whoever waits does it at once."""
    act(database, CASE, "a1")
    with placer(database.url, "middle", "in the middle") as process:
        ticket = act(database, CASE, "a2")
        assert sequencing.place_some(database) is None
        assert logged(database) == []
        process.send_signal(signal.SIGKILL)
        assert seconds_until_placed(database, ticket) < 3
    assert logged(database) == ["a1", "a2"]
    require_whole(database)


def test_attack_73_suspended_in_the_middle_of_a_batch(database: Database) -> None:
    """A machine that sleeps keeps the right to place for some seconds and no longer; awake, it has done nothing."""
    act(database, CASE, "a1")
    with placer(database.url, "middle", "in the middle") as process:
        process.send_signal(signal.SIGSTOP)
        ticket = act(database, CASE, "a2")
        assert seconds_until_placed(database, ticket) < postgresql.PLACING_SECONDS + 4
        process.send_signal(signal.SIGCONT)
        assert logged(database) == ["a1", "a2"]
    require_whole(database)


def test_attack_73_killed_again_and_again_while_acts_go_on(database: Database) -> None:
    """Two writers, heads published meanwhile, and nobody places but processes that are killed one after the other."""
    tickets: list[int] = []
    heads: dict[int, bytes] = {}
    over = threading.Event()

    def write(case: str) -> None:
        for number in range(ACTS_OF_EACH):
            tickets.append(act(database, case, f"{case}{number:03}"))

    def publish() -> None:
        while not over.wait(0.02):
            with database.act() as session:
                head = ledger.publish(session, now=START, origin=ORIGIN, signers=[LOG_KEY])
            if head is not None:
                assert heads.setdefault(head.size, head.root) == head.root

    threads = [threading.Thread(target=write, args=[case]) for case in (CASE, OTHER_CASE)]
    publishing = threading.Thread(target=publish)
    for thread in (*threads, publishing):
        thread.start()
    for _ in range(3):
        with placer(database.url, "loop", "placing"):
            time.sleep(0.3)
    for thread in threads:
        thread.join()
    with placer(database.url, "loop", "placing"):
        deadline = time.monotonic() + 20
        while len(logged(database)) < 2 * ACTS_OF_EACH and time.monotonic() < deadline:
            time.sleep(0.05)
    over.set()
    publishing.join()
    names = logged(database)
    assert len(tickets) == len(names) == len(set(names)) == 2 * ACTS_OF_EACH
    for case in (CASE, OTHER_CASE):
        assert [name for name in names if name.startswith(case)] == [f"{case}{n:03}" for n in range(ACTS_OF_EACH)]
    require_whole(database)
