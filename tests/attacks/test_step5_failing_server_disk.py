"""Attack 73 on PostgreSQL: its server's disk is full or fails, or its processes die, while a log is written.

A server of its own that waits for its disk, with the calls of its processes struck (``tests.disk``).
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub.ledger import ledger, sequencing
from hub.ledger.heads import PUBLISH_INTERVAL
from hub.store.database import Database
from hub.store.errors import StoreFull, StoreUnavailable
from hub.store.tables import CaseStatementRow
from tests.disk.faults import Disk, How, Kind
from tests.hub.ledger.builder import CASE, LOG_KEY, ORIGIN, OTHER_CASE, START, seed
from tests.hub.ledger.waiting import act, logged, require_whole, template_with_two_cases
from tests.postgres import Server, apart

pytestmark = pytest.mark.slow
JOURNAL, TABLES = 1, 2
"""The parts of a server's disk: its write-ahead log, its tables."""
SECONDS_TO_RECOVER = 30
MOST_ACTS = 400
"""More than the pages that the tables have have room for."""


@dataclass
class Log:
    """A log on the server, and what was said of it to whoever asked."""

    database: Database
    disk: Disk
    server: Server
    said: set[str] = field(default_factory=set)
    heads: dict[int, bytes] = field(default_factory=dict)
    looks: int = 0

    def act(self, name: str, case: str = CASE) -> None:
        """One act of a case; where it was answered, it was said to stand."""
        act(self.database, case, name)
        self.said.add(name)

    def place(self) -> None:
        """Give what waits its positions."""
        with self.database.placing() as (session, _):
            sequencing.place_batch(session)

    def publish(self) -> None:
        """Publish a head, which whoever asked for it has then."""
        self.looks += 1
        at = START + 2 * PUBLISH_INTERVAL * self.looks
        with self.database.act() as session:
            head = ledger.publish(session, now=at, origin=ORIGIN, signers=[LOG_KEY])
        if head is not None:
            assert self.heads.setdefault(head.size, head.root) == head.root

    def await_server(self) -> None:
        """Wait until it answers again."""
        self.disk.calm()
        deadline = time.monotonic() + SECONDS_TO_RECOVER
        while True:
            try:
                with self.database.read() as session:
                    ledger.size(session)
                return
            except StoreUnavailable:
                assert time.monotonic() < deadline, "the server does not come back"
                time.sleep(0.05)

    def is_recorded(self, name: str) -> bool:
        """Whether an act is there, as whoever brings it again finds out."""
        with self.database.read() as session:
            wanted = select(CaseStatementRow).where(CaseStatementRow.digest == seed(name).hex())
            return session.scalar(wanted) is not None

    def require_right(self) -> None:
        """Nothing that was said to stand is gone, no head that was given has another root, each act is there once."""
        with self.database.write():
            pass
        names = logged(self.database)
        assert len(names) == len(set(names))
        assert self.said <= set(names)
        with self.database.read() as session:
            for size, root in self.heads.items():
                head = ledger.published(session, size)
                assert head is not None
                assert head.root == root
        require_whole(self.database)


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    folder = Path(tempfile.mkdtemp(prefix="nrm-pg-disk-"))
    folder.chmod(0o755)
    disk = Disk(folder, "/pg_wal/", "/base/")
    environ = {name: value for name, value in disk.environ.items() if name != "NRM_FAULTY_TRACE"}
    # Nothing in the background takes the blow that is meant for an act; who does not ask for it is not waited for.
    background = {"wal_writer_delay": "10000", "autovacuum": "off", "checkpoint_timeout": "3600"}
    settings = {**background, "synchronous_commit": "off"}
    with (
        apart(settings, environ) as server,
        template_with_two_cases(server) as url,
        closing(Database(url)) as database,
    ):
        yield Log(database, disk, server)
        disk.calm()
    shutil.rmtree(folder, ignore_errors=True)


FAULTS: dict[str, dict[str, Any]] = {
    "an fsync fails": {"kinds": Kind.SYNC, "error": errno.EIO},
    "the journal is full": {"kinds": Kind.WRITE, "error": errno.ENOSPC},
    "killed as it writes": {"kinds": Kind.WRITE, "how": How.KILL},
}


# Each makes the server recover, which takes a second or two.
@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("act", "an fsync fails"),
        ("act", "the journal is full"),
        ("act", "killed as it writes"),
        ("place", "an fsync fails"),
        ("place", "killed as it writes"),
        ("publish", "an fsync fails"),
        ("publish", "the journal is full"),
    ],
)
def test_attack_73_a_servers_journal_fails_at_each_step(log: Log, step: str, fault: str) -> None:
    """The server stops everything and recovers; whoever asked is told, asks again, and has it once."""
    name = f"{step}, {fault}"
    if step != "act":
        log.act(name)
    if step == "publish":
        log.place()
    work: dict[str, Callable[[], None]] = {"act": lambda: log.act(name), "place": log.place, "publish": log.publish}
    log.disk.strike(1, parts=JOURNAL, **FAULTS[fault])
    with pytest.raises(StoreUnavailable) as refused:
        work[step]()
    assert refused.value.code in ("unavailable", "outcome_unknown", "storage_full")
    if step == "act":
        assert refused.value.code == "outcome_unknown"
    assert log.disk.calm()[1] >= 1
    log.await_server()
    if not log.is_recorded(name):
        log.act(name)
    log.place()
    log.publish()
    log.said.add(name)
    log.require_right()


def test_attack_73_a_server_without_room_for_its_tables_says_so(log: Log) -> None:
    """Each act is refused as a whole until there is room; no act before is touched, and the server goes on."""
    log.disk.strike(1, Kind.WRITE, error=errno.ENOSPC, lasting=True, parts=TABLES)
    numbers = iter(range(MOST_ACTS))

    def act_until_full() -> None:
        for number in numbers:
            log.act(f"no room {number}", OTHER_CASE)

    with pytest.raises(StoreFull, match="disk is full; nothing was recorded") as refused:
        act_until_full()
    assert refused.value.code == "storage_full"
    assert log.disk.calm()[1] >= 1
    refused_act = f"no room {next(numbers) - 1}"
    assert not log.is_recorded(refused_act)
    log.act(refused_act, OTHER_CASE)
    log.place()
    log.publish()
    log.require_right()


def test_tables_that_do_not_reach_a_servers_disk_are_made_anew(log: Log) -> None:
    """A checkpoint's fsync fails: the server takes no table for written, and makes them anew from its journal."""
    for number in range(5):
        log.act(f"before {number}")
    log.place()
    log.publish()
    log.disk.strike(1, Kind.SYNC, error=errno.EIO, parts=TABLES)
    with pytest.raises(Exception, match=r"terminat|closed|crash|checkpoint"):
        log.server.execute("CHECKPOINT")
    log.await_server()
    log.require_right()
