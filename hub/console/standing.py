"""Whether somebody who is signed in may go on: asked of the database and the log's directory at every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.console.sessions import Ended, SignedIn
from hub.exchange.console_access import Admitted, find_admitted
from hub.services import Services
from hub.store.base import Session
from keys.console_access import subject_digest
from keys.sign_in import Identity, Provider
from policies.model import Malformed, render_time


@dataclass(frozen=True, slots=True)
class Officer:
    """Who asks, judged for this request. ``access`` is the digest of the statement that lets them in."""

    agency: str
    agency_name: str
    member: str
    access: str
    until: datetime
    two_factor: bool
    account: str = field(repr=False)
    session: str = field(repr=False)
    """The digest of their session."""


class Guard:
    """Says who somebody is now. Nothing is remembered from one request to the next."""

    def __init__(self, services: Services, providers: Sequence[Provider]) -> None:
        self._services = services
        self._providers = {(item.agency, item.issuer) for item in providers}

    def admit(self, identity: Identity) -> SignedIn | None:
        """Return whom an account is let in as; None: its agency lets nobody in by it."""
        try:
            account = subject_digest(identity.issuer, identity.subject)
        except Malformed:
            return None
        admitted = self._find(identity.agency, identity.issuer, account)
        if admitted is None:
            return None
        return SignedIn(
            agency=identity.agency,
            issuer=identity.issuer,
            account=account,
            member=admitted.member,
            two_factor=identity.is_two_factor,
            methods=tuple(identity.amr),
            auth_time=render_time(identity.auth_time),
        )

    def judge(self, who: SignedIn, session: str) -> Officer | Ended:
        """Return who somebody is now, or why their session must end."""
        if (who.agency, who.issuer) not in self._providers:
            return Ended.PROVIDER
        with self._services.database.read() as store:
            return self.judge_in(store, who, session)

    def judge_in(self, store: Session, who: SignedIn, session: str) -> Officer | Ended:
        """The same within an open transaction of the hub's database."""
        directory = self._services.directory.current(store)
        admitted = find_admitted(store, directory, who.agency, who.issuer, who.account, self._services.clock())
        if admitted is None or admitted.member != who.member:
            return Ended.NOT_LET_IN
        name = directory.get_agency(who.agency).name
        return Officer(
            who.agency, name, who.member, admitted.access, admitted.until, who.two_factor, who.account, session
        )

    def _find(self, agency: str, issuer: str, account: str) -> Admitted | None:
        services = self._services
        if (agency, issuer) not in self._providers:
            return None
        with services.database.read() as store:
            return find_admitted(store, services.directory.current(store), agency, issuer, account, services.clock())
