"""What one hub process runs on, put together once: configuration, database, keys, policy bundle, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.auth.authorization import Authorization
from hub.config import Config
from hub.exchange.acts import system_clock
from hub.exchange.bundle_changes import BundleCache
from hub.exchange.standing import DirectoryCache
from hub.store.database import Database
from hub.store.moment import Moment
from keys.cosigning import log_vkey
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import read_key_file
from keys.custody.place import read_place
from keys.custody.protection import require_private
from keys.custody.token import open_token_keys
from keys.jose import Signer
from keys.transparency import VerifierKey

LOG_KEY = "log"
TOKEN_KEY = "token"  # noqa: S105 - the name of a key
SIGN_IN_KEY = "oidc"
"""With it the hub proves itself to the identity providers at which officers sign in; hubs without console have none."""
HOLDER = "hub"
"""Whose keys they are, among those of a token."""


@dataclass(frozen=True, slots=True)
class Services:
    """The lifetime of a process. Requests open their own database sessions."""

    config: Config
    database: Database
    directory: DirectoryCache
    bundles: BundleCache
    authorization: Authorization
    log_key: Signer
    clock: Callable[[], datetime]
    moment: Moment
    custody: Custody | None = None
    """What holds the keys open, where somebody else does not."""

    def close(self) -> None:
        """Give up database and keys."""
        self.database.close()
        self.moment.close()
        if self.custody is not None:
            self.custody.close()

    @property
    def log_vkey(self) -> VerifierKey:
        """The verifier key of the hub's checkpoints."""
        return log_verifier(self.config.origin, self.log_key)


def log_verifier(origin: str, log_key: Signer) -> VerifierKey:
    """Return the verifier key that adapters pin at enrolment."""
    return log_vkey(origin, log_key)


def open_services(
    config: Config,
    unlocking: str,
    *,
    clock: Callable[[], datetime] = system_clock,
    upgrade: bool = True,
    anew: bool = False,
) -> Services:
    """Open a hub's keys, with a passphrase or its token's PIN, its database, and its store of the moment.

    The schema is brought up to date first. ``anew`` empties the store of the moment: only whoever holds the hub's lock
    may. Raises ``CustodyRefused``.
    """
    custody = open_keys(config, unlocking)
    database = Database(config.database_url)
    if upgrade:
        database.upgrade()
    directory, moment = DirectoryCache(), Moment(config.database_url)
    if upgrade:
        moment.open(anew=anew)
    return Services(
        config=config,
        database=database,
        directory=directory,
        bundles=BundleCache(),
        authorization=Authorization(config.issuer, custody.keys[TOKEN_KEY], database, directory, clock, moment=moment),
        log_key=custody.keys[LOG_KEY],
        clock=clock,
        moment=moment,
        custody=custody,
    )


def open_keys(config: Config, unlocking: str) -> Custody:
    """Open the hub's keys: in the token that ``token.toml`` names, else in the key file. Raises ``CustodyRefused``."""
    place = read_place(config.home)
    path = config.keys_path if place is None else config.token_keys_path
    if config.environment == "production":
        require_private(path)
    try:
        opened: Custody = (
            read_key_file(path, unlocking) if place is None else open_token_keys(place, unlocking, HOLDER, path)
        )
    except OSError as error:
        raise CustodyRefused(f"{path.name} is not in the hub's folder, or cannot be read") from error
    if not {LOG_KEY, TOKEN_KEY} <= set(opened.keys):
        opened.close()
        raise CustodyRefused(f"{path.name} does not hold the hub's two keys; is it another holder's?")
    return opened
