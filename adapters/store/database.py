"""The adapter's own database (SQLite): opening it, one transaction at a time, and the vault that seals its rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.orm import Session as Session  # re-exported: nothing else here speaks SQL

from adapters.store import monitor_tables as monitor_tables  # its tables are made with the others
from adapters.store import notify_tables as notify_tables
from adapters.store import promise_rows as promise_rows
from adapters.store.rows import read_setting, write_setting
from adapters.store.tables import Base, SettingRow
from keys.storage import Vault

STORE_VERSION = 9
STORAGE_SETTING = "storage"
"""Names the secret that the rows are sealed under, once it has been renewed; before that nothing is written."""
_FAILED = (
    "the disk failed under the adapter's database; look at it, then start this again: what was being written is there "
    "whole or not at all"
)
_READS = "adapter_reads"
"""Marks a connection whose transaction takes no write lock."""
_UPGRADES: Mapping[int, tuple[str, ...]] = {
    # Channels and fragments that a key's end was dated back behind; two channels to one key, one of them such a one.
    # What came back from the hub: tables that are not there yet are made when the database is opened.
    2: (
        "ALTER TABLE own_fragment ADD COLUMN disowned_from BIGINT",
        "ALTER TABLE own_fragment ADD COLUMN came_back BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE own_channel ADD COLUMN disowned_from BIGINT",
        "DROP INDEX one_own_channel",
        'CREATE UNIQUE INDEX one_own_channel ON own_channel ("case", recipient, recipient_agency, '
        "coalesce(recipient_member, ''), use) WHERE disowned_from IS NULL",
    ),
    # Tables only, those of the workspace: they are made wherever they are missing.
    3: (),
    # Tables only, those of what was promised; an earlier version would leave lines in a state that it does not know.
    4: (),
    # Tables only, those of notifications: whoever renews the storage secret must know what is sealed in them.
    5: (),
    # Tables only, that of the log's leaf hashes.
    6: (),
    # Tables only, that of who pulled a case; from when on it holds all of them is kept with each case.
    7: (),
    # Tables only, that of members' names: whoever renews the storage secret must know what is sealed in it.
    8: (),
}
"""What makes a database of a version into one of the next."""


class StoreRefused(Exception):
    """The adapter's own database cannot be used: damaged, of another version, or busy for too long."""


class StorageChanged(StoreRefused):
    """The database is sealed under another storage secret than the one that is held here."""


class Store:
    """Sessions on the adapter's database, and the vault that seals its rows."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open or make the database; one of an earlier version is brought to this one. Raises ``StoreRefused``."""
        self.vault = vault
        self._has_failed = False
        self.engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        # Asked before anything is changed: a database that is refused is left as it was.
        _require_known(self._version())
        with self._refusing():
            # What a disk that failed has left in the system's memory is written again before anything rests on it.
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            Base.metadata.create_all(self.engine)
        path.chmod(0o600)
        with self.write() as session:
            held = read_setting(session, "store_version")
            if held is None:
                write_setting(session, "store_version", STORE_VERSION)
            elif held != STORE_VERSION:
                _upgrade(session, held)

    def _version(self) -> object:
        """Return the version of the database, None where there is none yet."""
        with self._refusing():
            if not inspect(self.engine).has_table(SettingRow.__tablename__):
                return None
        with self.write() as session:
            return read_setting(session, "store_version")

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it, or nothing. What only reads has ``read``, unless what it found must stay so.

        Raises ``StoreRefused`` where the database does not let us, ``StorageChanged`` where it is not ours to read.
        """
        with self._refusing(), Session(self.engine) as session, session.begin():
            self._require_ours(session)
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that writes nothing and waits for no writer: for what anybody may ask for. Raises as ``write``."""
        with (
            self._refusing(),
            self.engine.connect().execution_options(**{_READS: True}) as connection,
            Session(bind=connection) as session,
        ):
            self._require_ours(session)
            yield session
            session.rollback()

    def _require_ours(self, session: Session) -> None:
        # Another process may have renewed the secret: nothing sealed under the old one is written any more.
        if read_setting(session, STORAGE_SETTING) not in (None, self.vault.id):
            raise StorageChanged(
                "the adapter's database is sealed under another storage secret than the keys here hold; if its "
                "renewal broke off, or is going on: nrm-adapter keys rotate storage. Else store.db and the keys "
                "are copies of different days: take those that belong together"
            )

    def forget_deleted(self) -> None:
        """Take what was deleted out of the write-ahead log as well, as far as no other process is reading."""
        with self._refusing(), self.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn what the database says into our own refusal; its words may quote values.

        After a fault of the disk nothing is read or written here: what this process would find in memory, the disk may
        not have (``fsync`` says once that it failed). The next one to open the database finds what there is.
        """
        if self._has_failed:
            raise StoreRefused(_FAILED)
        try:
            yield
        except OperationalError as error:
            self._has_failed = self._has_failed or _is_disks(error)
            said = "the adapter's database cannot be used: it is busy, full or cannot be written"
            raise StoreRefused(_FAILED if self._has_failed else said) from error
        except DatabaseError as error:
            if isinstance(error, IntegrityError):
                raise
            raise StoreRefused("the adapter's database is damaged; restore it from a backup") from error

    def seal_json(self, name: str, value: Any) -> bytes:
        """Seal a JSON value under a row's name."""
        return self.vault.seal(name, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())

    def open_json(self, name: str, sealed: bytes) -> Any:
        """Open a sealed JSON value. Raises ``StorageRefused``."""
        return json.loads(self.vault.open(name, sealed))


def _is_disks(error: DatabaseError) -> bool:
    """Whether the disk failed: not busy, not full, but something that it was told to do and did not."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_IOERR


def _require_known(held: object) -> None:
    """Raise ``StoreRefused`` for a version that is neither this one nor one that is brought to it."""
    if held not in (None, STORE_VERSION) and (type(held) is not int or held not in _UPGRADES):
        raise StoreRefused(f"the adapter's database has version {held}, expected {STORE_VERSION}")


def _upgrade(session: Session, held: Any) -> None:
    """Bring the database to this version, within the transaction that has read which one it is: all of it, or nothing.

    Raises ``StoreRefused`` for a version that is not known here.
    """
    _require_known(held)
    connection = session.connection()
    for version in range(held, STORE_VERSION):
        for statement in _UPGRADES[version]:
            connection.exec_driver_sql(statement)
    write_setting(session, "store_version", STORE_VERSION)


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()
