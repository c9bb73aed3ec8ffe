"""The hub's database: one engine, short write transactions, on SQLite or PostgreSQL.

On SQLite (WAL, full durability) one act writes at a time: one process writes, a file lock says so, and its threads take
turns in the order in which they came. On PostgreSQL any number of processes on any number of machines write: acts of
different cases beside each other (``act``), whatever concerns everybody alone (``write``), by an advisory lock
(``hub.store.postgresql``). Either way each check of an act sees all that was committed before it and that it rests on.
Schema changes are Alembic migrations.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from hub.store import postgresql, sqlite
from hub.store.address import read_address
from hub.store.errors import StoreFailed, StoreUnavailable
from hub.store.placing import Order
from hub.store.turns import Turns

_BEFORE_WHOLE_ORDER: list[Callable[[Session], object]] = []


def before_whole_order(prepare: Callable[[Session], object]) -> None:
    """Have something done at the beginning of every ``write`` on a server, when nobody else's act is in the middle.

    The log places what waits for its position: this module knows nothing of logs.
    """
    _BEFORE_WHOLE_ORDER.append(prepare)


class Database:
    """Sessions on the hub's database. ``write()`` commits at the end of its block or rolls everything back."""

    def __init__(self, url: str, password: str | None = None) -> None:
        """Take an address (``hub.store.address``) and a PostgreSQL user's password. Raises ``AddressRefused``."""
        self.url = url
        address = read_address(url)
        self._is_sqlite = address.is_sqlite
        self._writer = Turns()
        self._path = Path(address.path) if address.path is not None else None
        self._inode: int | None = None
        self._failed: StoreFailed | None = None
        self._on_failure: Callable[[], object] | None = None
        if self._is_sqlite:
            self.engine: Engine = create_engine(url, hide_parameters=True)
            self._reading = self.engine
            event.listen(self.engine, "connect", self._prepare)
            event.listen(self.engine, "begin", sqlite.begin)
        else:
            self.engine = postgresql.make_engine(address, password)
            # One view of everything for as long as it is read, as SQLite gives it; whoever reads cannot write.
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that writes nothing and sees one state of the database. Raises ``StoreUnavailable``."""
        self._require_sound()
        try:
            with Session(self._reading) as session:
                yield session
        except Exception as error:
            if (fault := self._fault(error)) is None:
                raise
            raise fault from error

    @property
    def has_failed(self) -> bool:
        """Whether something that was to be written met a disk that fails: nothing is read or written here since."""
        return self._failed is not None

    def on_failure(self, stop: Callable[[], object]) -> None:
        """Have something done, once, when that happens: what serves this hub ends itself."""
        self._on_failure = stop

    @property
    def gives_places_later(self) -> bool:
        """Whether acts of cases commit before their entries have a position."""
        return not self._is_sqlite

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose block is one transaction: all of it, or nothing. Raises ``StoreUnavailable``.

        Nobody else writes meanwhile, and all that waited for its position has one. A block is never run twice: waiting
        for its turn may be repeated, an act that has begun is not.
        """
        with self._written(Order.WHOLE) as session:
            yield session

    @contextmanager
    def act(self) -> Iterator[Session]:
        """The same for an act of one case, or of none: acts of other cases may be written at the same time.

        What the federation shares (keys, witnesses, policy, the log's own keys) stays as it is until the block ends.
        The act locks its case's row before it decides. Raises ``StoreUnavailable`` also where somebody else recorded
        the same at the same moment.
        """
        with self._written(Order.CASES) as session:
            yield session

    @contextmanager
    def placing(self) -> Iterator[tuple[Session, bool]]:
        """A transaction that may give waiting entries their positions, and whether it may: one at a time does.

        Whoever may not can read all that is committed. Raises ``StoreUnavailable``.
        """
        try:
            with Session(self.engine) as session:
                may = postgresql.try_placing(session.connection())
                yield session, may
                session.commit()
        except Exception as error:
            if (fault := postgresql.passing(error)) is None:
                raise
            raise fault from error

    @contextmanager
    def _written(self, order: Order) -> Iterator[Session]:
        if self._is_sqlite:
            with self._writer, self._written_here() as session:
                yield session
            return
        with self._turn(order) as session:
            try:
                for prepare in _BEFORE_WHOLE_ORDER if order is Order.WHOLE else ():
                    prepare(session)
                yield session
                session.flush()
            except Exception as error:
                if not (postgresql.is_passing(error) or (order is Order.CASES and postgresql.is_twice(error))):
                    raise
                raise postgresql.unavailable(error) from error
            _commit(session)

    @contextmanager
    def _written_here(self) -> Iterator[Session]:
        """A transaction on SQLite that writes. What the disk does to it is our own fault, and perhaps the last one."""
        self._require_sound()
        is_ending = False
        try:
            with (
                self.engine.connect().execution_options(**{sqlite.WRITES: True}) as connection,
                Session(bind=connection) as session,
                session.begin(),
            ):
                yield session
                session.flush()
                is_ending = True
        except Exception as error:
            if (fault := sqlite.fault_of(error, is_ending=is_ending)) is None:
                raise
            self._note(fault)
            raise fault from error

    def _require_sound(self) -> None:
        """Raise ``StoreFailed`` where the disk failed before: what this process would read, the disk may not have."""
        if self._failed is not None:
            raise StoreFailed("the hub's disk failed, and this process has stopped; nothing was recorded; try again")

    def _note(self, fault: StoreUnavailable) -> None:
        if isinstance(fault, StoreFailed) and self._failed is None:
            self._failed = fault
            if self._on_failure is not None:
                self._on_failure()

    def _fault(self, error: Exception) -> StoreUnavailable | None:
        """Return what to say of an error that is the store's, and None for any other."""
        return sqlite.fault_of(error) if self._is_sqlite else postgresql.passing(error)

    @contextmanager
    def _outside_acts(self) -> Iterator[None]:
        """What writes to the disk without being an act: a fault of it is one as well."""
        self._require_sound()
        try:
            yield
        except Exception as error:
            if (fault := self._fault(error)) is None:
                raise
            self._note(fault)
            raise fault from error

    @contextmanager
    def _turn(self, order: Order) -> Iterator[Session]:
        """A session whose transaction has the right to write. Rolled back at the end unless it was committed."""
        is_shared = order is Order.CASES
        for attempt in range(1, postgresql.LOCK_ATTEMPTS + 1):
            session = Session(self.engine, info={Order: order})
            try:
                postgresql.take_turn(session.connection(), postgresql.ACT_LOCK, is_shared=is_shared)
                break
            except Exception as error:
                session.close()
                if not postgresql.is_passing(error):
                    raise
                if attempt == postgresql.LOCK_ATTEMPTS:
                    raise postgresql.unavailable(error) from error
        with session:
            yield session

    def upgrade(self) -> None:
        """Bring the schema to this version (Alembic). Raises ``AddressRefused`` and ``StoreUnavailable``."""
        config = AlembicConfig()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        config.attributes["engine"] = self.engine
        with self._outside_acts():
            command.upgrade(config, "head")

    def forget_deleted(self) -> bool:
        """Take what was deleted out of SQLite's write-ahead log as well; return whether it is out.

        It is not while somebody reads an older state: the next call does it. On PostgreSQL there is nothing to do from
        here, and True says nothing of its files (docs/postgresql.md). Whatever stood in the log is in the file then,
        written anew and waited for. Raises ``StoreUnavailable``.
        """
        if not self._is_sqlite:
            return True
        with self._writer, self._outside_acts(), self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.close()
        return busy == 0

    def compact(self) -> None:
        """Write the whole SQLite file anew, so that no copy of a deleted page is left in it. It must not be served."""
        if not self._is_sqlite:
            return
        with self._writer, self._outside_acts(), self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("VACUUM")
            cursor.close()
        self.forget_deleted()

    def require_file(self) -> None:
        """Raise ``OSError`` or ``sqlite3.Error`` where the file on disk is not the database that is open here.

        SQLite goes on answering from what it holds open after its file was removed or replaced: what is written then
        is lost with the process. The file is read through SQLite alone: closing a descriptor of our own would drop
        the locks that this process holds on it. On PostgreSQL the server has the files, and is
        asked whether it is there. Raises ``StoreUnavailable``.
        """
        if not self._is_sqlite:
            with self.read() as session:
                session.connection()
            return
        if self._path is None:
            return
        if self._inode is None:
            self.engine.connect().close()
        if self._path.stat().st_ino != self._inode:
            raise OSError("the database file is not the one that was opened")
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone() == (0,):
                # What is in the page cache is answered from there: an emptied file is noticed by nothing else.
                raise OSError("the database file is empty")

    def _prepare(self, connection: Any, _record: Any) -> None:
        sqlite.prepare(connection)
        if self._path is not None and self._inode is None:
            self._inode = self._path.stat().st_ino

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _commit(session: Session) -> None:
    try:
        session.commit()
    except Exception as error:
        if not postgresql.is_passing(error):
            raise
        if postgresql.is_undone(error):
            raise postgresql.unavailable(error) from error
        raise StoreUnavailable(
            "the hub's database went away while this was being recorded; it is recorded whole or not at all: send the "
            "same again, which is then found or recorded",
            is_open=True,
        ) from error
