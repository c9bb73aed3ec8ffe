"""What one hub process runs on, put together once: configuration, database, keys, policy bundle, clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.auth.authorization import Authorization
from hub.config import Config
from hub.exchange.acts import system_clock
from hub.exchange.bundle_changes import BundleCache
from hub.exchange.standing import DirectoryCache
from hub.ledger.log_keys import read_log_key_changes
from hub.store.database import Database
from hub.store.moment import Moment
from hub.waiting import Waiting
from keys.cosigning import log_vkey
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import read_key_file
from keys.custody.place import read_place
from keys.custody.protection import require_private
from keys.custody.token import open_token_keys
from keys.jose import Signer
from keys.log_keys import LogKeyChange
from keys.revocation import RevocationReason
from keys.transparency import VerifierKey

LOG_KEY = "log"
NEXT_LOG_KEY, FORMER_LOG_KEY = "log-next", "log-former"
"""The key that two officers are to put in the log key's place, and the one that it took the place of."""
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
    former_log_key: Signer | None = None
    """The log key before, where it was replaced as planned: it signs heads too, for who has not pinned anew."""
    custody: Custody | None = None
    """What holds the keys open, where somebody else does not."""
    waiting: Waiting = field(default_factory=Waiting)
    """Who waits for the log to change."""

    def close(self) -> None:
        """Give up database and keys."""
        self.waiting.close()
        self.database.close()
        self.moment.close()
        if self.custody is not None:
            self.custody.close()

    @property
    def log_signers(self) -> tuple[Signer, ...]:
        """Whoever signs heads: the log's key, then the one before it if it goes on."""
        return (self.log_key,) if self.former_log_key is None else (self.log_key, self.former_log_key)

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
    database = Database(config.database_url, config.database_password)
    if upgrade:
        database.upgrade()
    log_key, former = _log_keys(config, custody, database, must_hold=upgrade)
    directory, moment = DirectoryCache(), Moment(config.database_url, config.database_password)
    if upgrade:
        moment.open(anew=anew)
    return Services(
        config=config,
        database=database,
        directory=directory,
        bundles=BundleCache(),
        authorization=Authorization(config.issuer, custody.keys[TOKEN_KEY], database, directory, clock, moment=moment),
        log_key=log_key,
        former_log_key=former,
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
    if TOKEN_KEY not in opened.keys or not {LOG_KEY, NEXT_LOG_KEY} & set(opened.keys):
        opened.close()
        raise CustodyRefused(f"{path.name} does not hold the hub's two keys; is it another holder's?")
    return opened


def _log_keys(config: Config, custody: Custody, database: Database, *, must_hold: bool) -> tuple[Signer, Signer | None]:
    try:
        with database.read() as session:
            return find_log_keys(config.origin, custody, read_log_key_changes(session, config.origin))
    except CustodyRefused:
        # Whoever checks a log goes by the key in custody: what a damaged log names is for the check to say.
        if must_hold or LOG_KEY not in custody.keys:
            database.close()
            custody.close()
            raise
        return custody.keys[LOG_KEY], None


def find_log_keys(origin: str, custody: Custody, changes: Sequence[LogKeyChange]) -> tuple[Signer, Signer | None]:
    """Return the key that signs heads, and the one before it if it goes on signing. Raises ``CustodyRefused``.

    The log decides which key of custody it is, whatever name that has there: so a change of the log's key is done with
    its entry, wherever the hub died after it.
    """
    held = [custody.keys[name] for name in (LOG_KEY, NEXT_LOG_KEY, FORMER_LOG_KEY) if name in custody.keys]
    if not changes:
        if LOG_KEY not in custody.keys:
            raise CustodyRefused("the hub's log key is not in its custody; see docs/keys.md, 'The hub's keys'")
        return custody.keys[LOG_KEY], None
    newest = changes[-1]
    found = next((key for key in held if log_verifier(origin, key) == newest.key), None)
    if found is None:
        raise CustodyRefused(
            f"the key that the log names as its own from position {newest.index} on is not in the hub's custody: this "
            "is an older copy, or it was lost; see docs/keys.md, 'The hub's keys'"
        )
    goes_on = newest.reason is RevocationReason.SUPERSEDED
    former = next((key for key in held if goes_on and log_verifier(origin, key) == newest.previous), None)
    return found, former
