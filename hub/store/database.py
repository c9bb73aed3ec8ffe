"""The hub's database: one engine, short write transactions, SQLite in WAL with full durability.

On SQLite one process writes (a file lock says so) and its threads take turns; on PostgreSQL the rows that acts lock
keep them apart. Schema changes are Alembic migrations from the first table on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        self.engine: Engine = create_engine(url, pool_pre_ping=True)
        self._writer = threading.Lock()
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        if self._is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
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

    def is_reachable(self) -> bool:
        """Whether a statement can be answered now."""
        with self.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT 1").scalar() == 1

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
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
