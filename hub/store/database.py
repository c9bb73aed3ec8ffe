"""The hub's database: one engine, short write transactions, SQLite in WAL with full durability.

On SQLite one process writes (a file lock says so) and its threads take turns; on PostgreSQL the rows that acts lock
keep them apart. Schema changes are Alembic migrations from the first table on.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

BUSY_TIMEOUT_MS = 10_000


class Database:
    """Sessions on the hub's database. ``write()`` commits at the end of its block or rolls everything back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)
        self._writer = threading.Lock()
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        file = self.engine.url.database
        self._path = Path(file) if self._is_sqlite and file else None
        self._inode: int | None = None
        if self._is_sqlite:
            event.listen(self.engine, "connect", self._prepare)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that writes nothing."""
        with Session(self.engine) as session:
            yield session
            session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose block is one transaction: all of it, or nothing."""
        if not self._is_sqlite:
            with Session(self.engine) as session, session.begin():
                yield session
            return
        with (
            self._writer,
            self.engine.connect().execution_options(hub_writes=True) as connection,
            Session(bind=connection) as session,
            session.begin(),
        ):
            yield session

    def upgrade(self) -> None:
        """Bring the schema to this version (Alembic)."""
        config = AlembicConfig()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        config.attributes["engine"] = self.engine
        command.upgrade(config, "head")

    def require_file(self) -> None:
        """Raise ``OSError`` or ``sqlite3.Error`` where the file on disk is not the database that is open here.

        SQLite goes on answering from what it holds open after its file was removed or replaced: what is written then
        is lost with the process. The file is read through SQLite alone: closing a descriptor of our own would drop
        the locks that this process holds on it.
        """
        if self._path is None:
            return
        if self._inode is None:
            self.engine.connect().close()
        if self._path.stat().st_ino != self._inode:
            raise OSError("the database file is not the one that was opened")
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()

    def _prepare(self, connection: Any, _record: Any) -> None:
        _prepare_sqlite(connection)
        if self._path is not None and self._inode is None:
            self._inode = self._path.stat().st_ino

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any) -> None:
    # The driver's own transaction handling is off: BEGIN is ours (below), so that writers queue before they read.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("hub_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
