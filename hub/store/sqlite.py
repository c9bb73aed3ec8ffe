"""SQLite as the hub's store: how a connection is set, and what its faults mean.

A full disk is said and survived: SQLite undoes the act, nothing before it is touched. Any other fault while something
is written ends the process that saw it (attack 73). After a failed fsync the system holds pages for clean that never
reached the disk (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020): a process that goes
on builds on them. The next start copies the whole write-ahead log into the file, and so writes all of it again.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.store.errors import StoreFailed, StoreFull, StoreUnavailable

BUSY_TIMEOUT_MS = 10_000
WRITES = "hub_writes"
"""Marks a connection whose transaction is to write."""
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_FAILED = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY = 0xFF
"""The part of a result code that says what kind it is (sqlite.org/rescode.html)."""


def prepare(connection: Any) -> None:
    """Set a new connection: write-ahead log, full durability, deleted bytes overwritten."""
    # The driver's own transaction handling is off: BEGIN is ours (below), so that writers queue before they read.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Begin a transaction; one that is to write waits for its turn before it reads."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def fault_of(error: BaseException, *, is_ending: bool = False) -> StoreUnavailable | None:
    """Return what to say of an error that is SQLite's or the disk's; None for what was asked for wrongly.

    ``is_ending``: it came with the commit. A commit that found no room left no end of its transaction in the log and is
    undone; one whose fsync failed may be found by the next start.
    """
    found = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(found, "sqlite_errorcode", None)
    if not isinstance(found, sqlite3.Error) or not isinstance(code, int):
        return None
    kind = code & _PRIMARY
    if kind == sqlite3.SQLITE_FULL:
        return StoreFull("the hub's disk is full; nothing was recorded; send the same again once there is room")
    if kind in _PASSING:
        return StoreUnavailable("the hub's database cannot be used just now; nothing was recorded; try again")
    if kind in _FAILED:
        return _failed(is_ending=is_ending)
    return None


def passing(error: BaseException) -> StoreUnavailable | None:
    """The same of a file that is only of the moment: nothing rests on it, so its faults end no process."""
    fault = fault_of(error)
    if isinstance(fault, StoreFailed):
        return StoreUnavailable("what the hub keeps for the moment cannot be written; nothing was recorded; try again")
    return fault


def _failed(*, is_ending: bool) -> StoreFailed:
    if is_ending:
        return StoreFailed(
            "the hub's disk failed while this was being recorded; it is recorded whole or not at all: send the same "
            "again once the hub has started again, which is then found or recorded",
            is_open=True,
        )
    return StoreFailed("the hub's disk failed; nothing was recorded; the hub must start again before it goes on")
