"""PostgreSQL as the hub's store: engines, the locks that acts take, what a server must be, and what its faults mean.

One advisory lock stands for what the whole federation shares. An act of a case holds it with others, and its case's row
alone; whatever changes who counts, or needs the order of everything, holds it alone. docs/adr/0015 and 0018.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.store.address import Address
from hub.store.errors import AddressRefused, StoreFull, StoreUnavailable

ACT_LOCK = 0x6E726D61
"""Held by whoever writes what is in the log's database, migrations too; shared by acts of cases."""
PLACING_LOCK = 0x6E726D70
"""Held by whoever gives waiting entries their positions, until its transaction ends."""
MOMENT_LOCK = 0x6E726D6F
"""Held by whoever writes in the store of the moment."""
SERVING_LOCK = 0x6E726D73
"""Shared by every process that serves this hub."""
LOCK_SECONDS = 10
"""How long an act waits for its turn at a time."""
LOCK_ATTEMPTS = 3
IDLE_SECONDS = 60
"""A process that stops in the middle of an act, its machine suspended perhaps, loses its turn after so long."""
OLDEST_VERSION = 15
POOL_SIZE = 8
MAX_MORE = 96
"""Connections beyond the pool's: a process has at most 64 threads and 32 for those who wait for the log, and none waits
for another's connection."""
PLACING_SECONDS = 5
"""A process that stops while it gives positions, its machine suspended perhaps, is cut off after so long."""
_TWICE = "23505"
"""A row of this key is there already."""
_UNDONE = frozenset({"40001", "40P01", "40002"})
"""Serialization failure, deadlock, integrity: the server says itself that it has undone the transaction."""
_FULL = "53100"
"""The server's disk has no room."""
_TAKE_TURN = text(
    f"SELECT set_config('lock_timeout', '{LOCK_SECONDS}s', true),"
    f" set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s', true),"
    " pg_advisory_xact_lock(:lock)"
)
_TAKE_PART = text(str(_TAKE_TURN).replace("pg_advisory_xact_lock(", "pg_advisory_xact_lock_shared("))
_TRY_PLACING = text(
    f"SELECT set_config('lock_timeout', '{PLACING_SECONDS}s', true),"
    f" set_config('idle_in_transaction_session_timeout', '{PLACING_SECONDS}s', true),"
    " pg_try_advisory_xact_lock(:lock)"
)
_NO_DELAYED_COMMIT = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_SERVER = text(
    "SELECT current_setting('server_version_num')::int / 10000 AS version, pg_encoding_to_char(encoding) AS encoding,"
    " datcollate, datlocprovider::text AS provider FROM pg_database WHERE datname = current_database()"
)


def make_engine(address: Address, password: str | None, *, is_pooled: bool = True) -> Engine:
    """Return an engine on a server. Nothing is connected yet.

    The password is handed to each connection when it is made: no engine, address or error has it.
    """
    kept: dict[str, Any] = {"pool_size": POOL_SIZE, "max_overflow": MAX_MORE} if is_pooled else {"poolclass": NullPool}
    engine = create_engine(
        URL.create("postgresql+psycopg"),
        connect_args=address.connection(),
        # Whatever the server's own default is: an act must see what was committed while it waited for its turn.
        isolation_level="READ COMMITTED",
        pool_pre_ping=is_pooled,
        hide_parameters=True,
        **kept,
    )

    @event.listens_for(engine, "do_connect")
    def _give_password(_dialect: Any, _record: Any, _arguments: Any, settings: dict[str, Any]) -> None:
        if password is not None:
            # A secret shows itself to nobody who asks for its text; the driver needs plain text.
            settings["password"] = str.__str__(password)
            # To a server that does not prove that it knows the password itself, it is not sent.
            settings["require_auth"] = "scram-sha-256"

    event.listen(engine, "connect", _wait_for_the_disk)
    return engine


def _wait_for_the_disk(connection: Any, _record: Any) -> None:
    # What is acknowledged is on disk. A server may be set otherwise; whether a standby is waited for is its own matter.
    was = connection.autocommit
    connection.autocommit = True
    connection.execute(_NO_DELAYED_COMMIT)
    connection.autocommit = was


def take_turn(connection: Connection, lock: int, *, is_shared: bool = False) -> None:
    """Wait for the right to write, alone or with others who share it; it is given up with the transaction."""
    connection.execute(_TAKE_PART if is_shared else _TAKE_TURN, {"lock": lock})


def try_placing(connection: Connection) -> bool:
    """Take the right to give positions, if nobody has it now; it is given up with the transaction."""
    return bool(connection.execute(_TRY_PLACING, {"lock": PLACING_LOCK}).one()[2])


def is_twice(error: BaseException) -> bool:
    """Whether the server refused a row because there is one of its key already."""
    return isinstance(error, DBAPIError) and _state(error) == _TWICE


def require_server(connection: Connection) -> None:
    """Raise ``AddressRefused`` where a database would compare or keep text otherwise than SQLite does."""
    found = connection.execute(_SERVER).one()
    if found.version < OLDEST_VERSION:
        raise AddressRefused(f"the database server is PostgreSQL {found.version}; expected {OLDEST_VERSION} or newer")
    # Of the server's own locales ("b") each orders text by its characters' numbers.
    is_plain = found.provider == "b" or (found.provider == "c" and found.datcollate in ("C", "POSIX"))
    if found.encoding != "UTF8" or not is_plain:
        raise AddressRefused(
            "the database orders or keeps text by a language's rules; make it with: CREATE DATABASE name TEMPLATE "
            "template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )


def is_passing(error: BaseException) -> bool:
    """Whether an error is the server's, the network's or another transaction's, and no fault of what was asked."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = _state(error)
    if error.connection_invalidated or (state is None and isinstance(error, OperationalError)):
        return True
    # Connection, rollback, resources, operator's intervention, system; 55P03: it waited too long for its turn.
    return state is not None and (state[:2] in ("08", "40", "53", "57", "58") or state in ("55P03", "25P03", "25006"))


def is_undone(error: BaseException) -> bool:
    """Whether the server said of a commit that it did not happen."""
    return isinstance(error, DBAPIError) and _state(error) in _UNDONE


def _state(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def passing(error: BaseException) -> StoreUnavailable | None:
    """Return what to say of an error that is no fault of what was asked, and None for any other."""
    return unavailable(error) if is_passing(error) else None


def unavailable(error: BaseException) -> StoreUnavailable:
    """Return what to say of an error before or within an act, of which nothing is recorded."""
    state = _state(error) if isinstance(error, DBAPIError) else None
    if state == _FULL:
        return StoreFull("the database server's disk is full; nothing was recorded; send the same again later")
    if state == _TWICE:
        return StoreUnavailable("the same was being recorded just now; nothing more was recorded; try again")
    if state == "55P03":
        return StoreUnavailable("others are writing and this act's turn did not come; nothing was recorded; try again")
    return StoreUnavailable(f"{_reason(error)}; nothing was recorded; try again")


def _reason(error: BaseException) -> str:
    said = str(error.orig).casefold() if isinstance(error, DBAPIError) else ""
    # The texts are the driver's and only sorted by: none of them is repeated.
    if "certificate" in said or "ssl" in said or "hostname" in said:
        return "the database server did not prove by its certificate that it is the one in the address"
    if "authentication" in said or "password" in said or "no pg_hba.conf entry" in said:
        return "the database server does not let this user in with this password"
    if "does not exist" in said:
        return "the database server has no such database or user"
    if "read-only" in said or "read-write" in said:
        return "the database server is a standby, which takes no acts"
    return "the hub's database cannot be reached"
