"""One adapter, opened: keys, store, client, and the services that work on them. Made once per command or process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property

from adapters.agreements import Agreements
from adapters.cases import CaseBook
from adapters.following import Follower
from adapters.home import Home, HubPin
from adapters.hub_client import HubClient
from adapters.picture.receiving import Receiver
from adapters.release.outbox import Outbox
from adapters.release.regranting import Regranter
from adapters.release.releasing import Releaser
from adapters.release.retrieval import Retriever
from adapters.store.database import Store
from adapters.unlocks import By, Where, record_opening
from adapters.working_keys import working_key
from keys.custody.interface import Custody
from keys.jose import Signer
from keys.storage import Vault
from keys.uses import KeyUse


def system_clock() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


class Adapter:
    """Opens each part when it is first needed, so that a command asks only for the secrets it uses."""

    def __init__(
        self, home: Home, *, environ: Mapping[str, str] = os.environ, clock: Callable[[], datetime] = system_clock
    ) -> None:
        self.home = home
        self.environ = environ
        self.clock = clock

    @cached_property
    def keys(self) -> Custody:
        """The agency's working keys."""
        return self.home.agency_keys(self.environ)

    @cached_property
    def pin(self) -> HubPin:
        """What was pinned of the federation."""
        return self.home.pin()

    @cached_property
    def store(self) -> Store:
        """The adapter's own database."""
        return Store(self.home.store_path, Vault(self.keys.storage))

    @cached_property
    def client(self) -> HubClient:
        """The client of the hub."""
        return self.connect(working_key(self.keys.keys, KeyUse.SIGNING))

    def connect(self, signing: Signer) -> HubClient:
        """Return a client of the hub that asks with a signing key of this agency's."""
        return HubClient(
            self.pin.issuer,
            self.home.agency,
            signing,
            clock=self.clock,
            is_demo=self.home.environment == "demo",
            ca=self.home.hub_ca(),
            floor=self.pin.protocol,
        )

    def renew(self, keys: Custody | None = None) -> None:
        """Work with other keys of the agency from now on: those given, else those that custody holds by now.

        Raises ``CustodyRefused`` or ``HomeRefused`` where they do not open.
        """
        fresh = self.home.agency_keys(self.environ, present=self.__dict__.get("keys")) if keys is None else keys
        client: HubClient | None = self.__dict__.get("client")
        for name in ("client", "follower", "book", "agreements", "retriever"):
            self.__dict__.pop(name, None)
        self.keys = fresh
        store: Store | None = self.__dict__.get("store")
        if store is not None:
            store.vault = Vault(fresh.storage)
        if client is not None:
            client.close()

    @cached_property
    def follower(self) -> Follower:
        """Follows the log and witnesses it."""
        return Follower(self.home, self.store, self.client, self.pin, self.clock)

    @cached_property
    def book(self) -> CaseBook:
        """The agency's cases."""
        return CaseBook(self.follower, working_key(self.keys.keys, KeyUse.SIGNING))

    @cached_property
    def agreements(self) -> Agreements:
        """The agreements the log names."""
        return Agreements(self.home, self.client, self.follower)

    # What decides is asked for each time: an agreement may have been replaced since, also while a process runs.

    @property
    def releaser(self) -> Releaser:
        """Releases drafts."""
        return Releaser(self.store, self.book, self.agreements.for_sharing())

    @property
    def outbox(self) -> Outbox:
        """Pushes what was released."""
        return Outbox(self.store, self.book, self.agreements.for_sharing())

    @property
    def regranter(self) -> Regranter:
        """Grants again what was shared before: to new keys and new readers."""
        return Regranter(self.store, self.book, self.agreements.for_sharing())

    @cached_property
    def retriever(self) -> Retriever:
        """Fetches our own things back from the hub."""
        return Retriever(self.store, self.book, self.keys)

    @property
    def receiver(self) -> Receiver:
        """Pulls and opens."""
        return Receiver(self.store, self.book, self.agreements.active())

    def member_keys(self, member: str) -> Custody:
        """Open one person's keys with their own passphrase."""
        keys = self.home.member_keys(member, self.environ)
        record_opening(self.store, member, self.clock(), By.PASSPHRASE, Where.COMMAND)
        return keys

    def close(self) -> None:
        """Close what was opened."""
        for name in ("client", "store", "keys"):
            opened = self.__dict__.get(name)
            if opened is not None:
                opened.close()
