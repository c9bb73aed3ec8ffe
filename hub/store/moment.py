"""The store of the moment, shared by every process of a hub: nonce secret, used proofs, revoked tokens, and the home of
rate counters and console sessions (``hub.store.moment_tables`` says how to add a table).

On SQLite it is a file of its own beside the database, without waiting for the disk; who holds the hub's lock empties it
at the start. On PostgreSQL it is unlogged tables of the same database, emptied by a crash. Either way a new epoch
begins: a fresh nonce secret, and no proof and no token from before is good (docs/adr/0011).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    bindparam,
    create_engine,
    delete,
    event,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub.store import console_sessions as console_sessions  # its table is made with the others
from hub.store import postgresql as server
from hub.store import sqlite as file
from hub.store.address import Address, read_address
from hub.store.moment_tables import EpochRow, MomentBase, RevokedTokenRow, UsedProofRow
from hub.store.rates import Paces
from hub.store.tallies import Tallies

BUSY_TIMEOUT_MS = 10_000
TIDY_SECONDS = 60
"""How often a process deletes what has expired."""
MAX_PROOFS = 200_000
"""Proofs remembered with one expiry. Beyond, none is accepted: what could be used unseen is not."""
MAX_PROOFS_OF_ONE_CLIENT = 50_000
"""Of these, one agency's and its people's: so one alone cannot fill the room of all. An agency's own requests at their
limit, for the ten minutes that a nonce is good, are 30,000."""
COUNTED_EVERY = 500
"""After how many uses of its own a process counts again what all processes remember."""
_NEWEST = select(EpochRow.name, EpochRow.secret)


class Use(StrEnum):
    """What became of the use of a proof."""

    FIRST = "first"
    AGAIN = "again"
    REVOKED = "revoked"
    FORGOTTEN = "forgotten"
    """Its epoch or its nonce is over: whether it was used is not known any more."""
    FULL = "full"
    FULL_FOR_CLIENT = "full_for_client"


@dataclass(frozen=True, slots=True)
class Epoch:
    """Since when everything is remembered. ``secret`` makes nonces; ``name`` stands in the tokens."""

    name: str
    secret: bytes


class Moment:
    """What is of the moment. Short transactions of its own; an act's transaction is never in it.

    ``read()`` and ``write()`` give sessions on it, for tables that other parts of the hub keep here.
    """

    def __init__(self, database_url: str, password: str | None = None) -> None:
        """Take the address of the acts' database and its user's password. Raises ``AddressRefused``."""
        address = read_address(database_url)
        self._is_sqlite = address.is_sqlite
        self._engine = _engine(address) if self._is_sqlite else server.make_engine(address, password)
        # Every statement of the hot path stands alone. On SQLite none opens a transaction unless it is to write more.
        self._alone = self._engine if self._is_sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # Written out once: composing it takes longer than doing it.
        self._use = _use_statement(self._is_sqlite).compile(dialect=self._engine.dialect)
        self.paces = Paces(self._standing_alone)
        self._proofs = Tallies(self._standing_alone)
        self.strangers = Tallies(self._standing_alone)
        """Apart from the other: however many strangers come, no client's count is forgotten."""
        self._epoch: Epoch | None = None
        self._lock = threading.Lock()
        self._tidied_at = 0
        self._counts: dict[int, tuple[int, int]] = {}

    def open(self, *, anew: bool) -> None:
        """Make what tables are missing. ``anew``: forget everything first, and begin a new epoch.

        Only who knows that no other process serves this hub may begin anew (the holder of its lock does).
        """
        with self._faults(), self._engine.begin() as connection:
            if not self._is_sqlite:
                server.take_turn(connection, server.MOMENT_LOCK)
            if anew:
                MomentBase.metadata.drop_all(connection)
            MomentBase.metadata.create_all(connection)
        self._epoch = None

    def epoch(self, *, again: bool = False) -> Epoch:
        """Return the epoch, from memory unless ``again``; begin one where there is none."""
        found = self._epoch
        if found is None or again:
            found = self._epoch = self._load_epoch()
        return found

    def use_proof(
        self, epoch: str, expires_at: int, digest: bytes, *, now: int, client: str, jti: str | None = None
    ) -> Use:
        """Remember a proof that dies at ``expires_at`` (seconds since 1970); say whether this is its first use.

        ``client`` is the agency whose assertion or token it comes with, or whose person's; ``jti`` that of the access
        token it comes with, asked for in the same statement: revoked, or not.
        """
        if now - self._tidied_at >= TIDY_SECONDS or now < self._tidied_at:
            self._tidy(now)
        proofs = f"proofs {client}"
        if self._proofs.known(proofs, expires_at) >= MAX_PROOFS_OF_ONE_CLIENT:
            return Use.FULL_FOR_CLIENT
        if self._is_full(expires_at):
            return Use.FULL
        given: dict[str, Any] = {"epoch": epoch, "expires_at": expires_at, "digest": digest, "jti": jti}
        order = self._use.positiontup
        values = given if order is None else tuple(given[name] for name in order)
        with self._standing_alone() as connection:
            is_first = connection.exec_driver_sql(self._use.string, values).rowcount == 1
        if is_first:
            # Only what is remembered takes room: what somebody caught and sends again takes none of its client's.
            self._proofs.count(proofs, expires_at, expires_at)
            return Use.FIRST
        with self._standing_alone() as connection:
            if jti is not None and _is_revoked(connection, jti):
                return Use.REVOKED
            row = connection.execute(select(EpochRow.name, EpochRow.floor)).one_or_none()
        if row is not None and row.name == epoch and row.floor <= expires_at:
            return Use.AGAIN
        if row is not None and row.floor > now + TIDY_SECONDS:
            self._begin_again(now)
        self._epoch = None
        return Use.FORGOTTEN

    def revoke(self, jti: str, expires_at: int) -> None:
        """Remember that a token is revoked, until it would have expired."""
        insert = sqlite.insert if self._is_sqlite else postgresql.insert
        statement = insert(RevokedTokenRow).values(jti=jti, expires_at=expires_at).on_conflict_do_nothing()
        with self._standing_alone() as connection:
            connection.execute(statement)

    def is_revoked(self, jti: str) -> bool:
        """Whether a token was revoked."""
        with self._standing_alone() as connection:
            return _is_revoked(connection, jti)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that writes nothing."""
        with self._faults(), Session(self._engine) as session:
            yield session
            session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose block is one transaction. Writers, of whatever process, take turns."""
        if self._is_sqlite:
            with (
                self._faults(),
                self._engine.connect().execution_options(hub_writes=True) as connection,
                Session(bind=connection) as session,
                session.begin(),
            ):
                yield session
            return
        with self._faults(), Session(self._engine) as session, session.begin():
            server.take_turn(session.connection(), server.MOMENT_LOCK)
            yield session

    @contextmanager
    def _standing_alone(self) -> Iterator[Connection]:
        """A connection on which each statement is whole in itself: on PostgreSQL it waits for nobody's turn."""
        with self._faults(), self._alone.connect() as connection:
            yield connection

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Raise ``StoreUnavailable`` for what is the server's or the disk's fault: what is not kept is not good."""
        try:
            yield
        except Exception as error:
            fault = file.passing(error) if self._is_sqlite else server.passing(error)
            if fault is None:
                raise
            raise fault from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _load_epoch(self) -> Epoch:
        with self._standing_alone() as connection:
            row = connection.execute(_NEWEST).one_or_none()
            if row is None:
                insert = sqlite.insert if self._is_sqlite else postgresql.insert
                # Of two processes that begin it at once one wins; both read the winner's.
                connection.execute(insert(EpochRow).values(**_fresh_epoch(0)).on_conflict_do_nothing())
                row = connection.execute(_NEWEST).one()
        return Epoch(row.name, bytes(row.secret))

    def _begin_again(self, now: int) -> None:
        """Begin a new epoch: the clock went back behind what is forgotten already (nothing may be used twice)."""
        with self.write() as session:
            session.execute(update(EpochRow).where(EpochRow.floor > now + TIDY_SECONDS).values(**_fresh_epoch(now)))

    def _tidy(self, now: int) -> None:
        with self._lock:
            if 0 <= now - self._tidied_at < TIDY_SECONDS:
                return
            self._tidied_at = now
            self._counts = {}
        self._proofs.forget(now)
        self.strangers.forget(now)
        with self.write() as session:
            session.execute(update(EpochRow).where(EpochRow.floor < now).values(floor=now))
            for table in MomentBase.metadata.sorted_tables:
                if "expires_at" in table.columns:
                    session.execute(delete(table).where(table.columns["expires_at"] < now))

    def _is_full(self, expires_at: int) -> bool:
        """Whether no more proofs of this expiry are remembered; counted seldom, and near the limit every time."""
        known, since = self._counts.get(expires_at, (0, COUNTED_EVERY))
        if known >= MAX_PROOFS:
            return True
        if since >= COUNTED_EVERY or known + since >= MAX_PROOFS:
            counting = select(func.count()).select_from(UsedProofRow).where(UsedProofRow.expires_at == expires_at)
            with self._standing_alone() as connection:
                known, since = connection.scalar(counting) or 0, 0
        self._counts[expires_at] = (known, since + 1)
        return known >= MAX_PROOFS


def _engine(address: Address) -> Engine:
    path = Path(str(address.path))
    engine = create_engine(f"sqlite:///{path.with_name(f'{path.stem}-moment.db')}", hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # What a power cut loses is emptied at the next start anyway.
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("hub_writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _use_statement(is_sqlite: bool) -> Any:
    """Return the one statement of the hot path: remember, unless used, revoked, or of an epoch that is over."""
    expires_at, digest = bindparam("expires_at", type_=BigInteger), bindparam("digest", type_=LargeBinary)
    is_remembered: ColumnElement[bool] = exists().where(
        EpochRow.name == bindparam("epoch"), EpochRow.floor <= expires_at
    )
    is_revoked: ColumnElement[bool] = exists().where(RevokedTokenRow.jti == bindparam("jti"))
    insert = sqlite.insert if is_sqlite else postgresql.insert
    chosen = select(expires_at, digest).where(is_remembered, ~is_revoked)
    return insert(UsedProofRow).from_select(["expires_at", "digest"], chosen).on_conflict_do_nothing()


def _is_revoked(connection: Connection, jti: str) -> bool:
    return connection.scalar(select(RevokedTokenRow.jti).where(RevokedTokenRow.jti == jti)) is not None


def _fresh_epoch(floor: int) -> dict[str, Any]:
    return {"number": 1, "name": secrets.token_hex(8), "secret": secrets.token_bytes(32), "floor": floor}
