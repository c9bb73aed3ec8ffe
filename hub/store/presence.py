"""That a hub is being served: known to every process of it, on whichever machine.

On SQLite the hub's own lock file says so, and there is one process. On PostgreSQL each serving process shares an
advisory lock for as long as it lives; who finds nobody holding it is alone, and may begin the store of the moment anew.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from hub.store import postgresql
from hub.store.address import read_address

_TRY = text("SELECT pg_try_advisory_lock(:lock)")
_SHARE = text("SELECT pg_advisory_lock_shared(:lock)")
_GIVE_UP = text("SELECT pg_advisory_unlock(:lock)")
_LOCK = {"lock": postgresql.SERVING_LOCK}


class Presence:
    """One process's part in serving a hub, from now until ``close``. Should its connection be lost, so is its part:

    whoever starts then begins the store of the moment anew, and every client fetches another token.
    """

    def __init__(self, database_url: str, password: str | None = None) -> None:
        """Take the acts' database. Raises ``AddressRefused`` and ``StoreUnavailable``."""
        address = read_address(database_url)
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self.is_alone = True
        """Whether no other process serves this hub; none begins to before ``share`` or ``close``."""
        if address.is_sqlite:
            return
        self._engine = postgresql.make_engine(address, password, is_pooled=False)
        try:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self.is_alone = bool(self._connection.scalar(_TRY, _LOCK))
        except Exception as error:
            self.close()
            if not postgresql.is_passing(error):
                raise
            raise postgresql.unavailable(error) from error

    def share(self) -> None:
        """Let others serve as well. Raises ``StoreUnavailable``."""
        if self._connection is None:
            return
        try:
            self._connection.execute(_SHARE, _LOCK)
            if self.is_alone:
                self._connection.execute(_GIVE_UP, _LOCK)
        except Exception as error:
            if not postgresql.is_passing(error):
                raise
            raise postgresql.unavailable(error) from error

    def close(self) -> None:
        """Serve no longer."""
        if self._connection is not None:
            self._connection.close()
        if self._engine is not None:
            self._engine.dispose()
