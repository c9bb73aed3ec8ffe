"""What one hub process runs on, put together once: configuration, database, keys, policy bundle, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.auth.authorization import Authorization
from hub.config import Config
from hub.exchange.acts import system_clock
from hub.exchange.standing import DirectoryCache
from hub.store.database import Database
from keys.cosigning import log_vkey
from keys.custody.keyfile import KeyFile, read_key_file
from keys.private import PrivateKey
from keys.transparency import VerifierKey
from policies.bundles import Bundle, load_bundle

LOG_KEY = "log"
TOKEN_KEY = "token"  # noqa: S105 - the name of a key


@dataclass(frozen=True, slots=True)
class Services:
    """The lifetime of a process. Requests open their own database sessions."""

    config: Config
    database: Database
    directory: DirectoryCache
    bundle: Bundle
    authorization: Authorization
    log_key: PrivateKey
    clock: Callable[[], datetime]

    @property
    def log_vkey(self) -> VerifierKey:
        """The verifier key of the hub's checkpoints."""
        return log_verifier(self.config.origin, self.log_key)


def log_verifier(origin: str, log_key: PrivateKey) -> VerifierKey:
    """Return the verifier key that adapters pin at enrolment."""
    return log_vkey(origin, log_key)


def open_services(
    config: Config, passphrase: str, *, clock: Callable[[], datetime] = system_clock, upgrade: bool = True
) -> Services:
    """Open a hub's keys and database. Raises ``KeyFileRefused``; the schema is brought up to date first."""
    keys: KeyFile = read_key_file(config.keys_path, passphrase)
    database = Database(config.database_url)
    if upgrade:
        database.upgrade()
    directory = DirectoryCache()
    return Services(
        config=config,
        database=database,
        directory=directory,
        bundle=load_bundle(),
        authorization=Authorization(config.issuer, keys.keys[TOKEN_KEY], database, directory, clock),
        log_key=keys.keys[LOG_KEY],
        clock=clock,
    )
