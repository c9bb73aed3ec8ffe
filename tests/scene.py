"""A small federation in mid-work, built once a test session and copied for each test that breaks something.

Two cases: ``main`` of four agencies, ``other`` of three (the charity takes no part). Everything in it is invented.
A copy's hub is either a real process (``start``) or the same application inside the test (``embed``): there a test may
play the hub, its database and its clock.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from adapters.cases import CaseBook
from adapters.following import Follower
from adapters.home import Home
from adapters.hub_client import HubClient
from adapters.picture.receiving import Opened, Receiver
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.outbox import Outbox, PushReport
from adapters.release.releasing import Released, Releaser, ReleaseTerms
from adapters.signed_in import SignedIn
from adapters.store.database import Store
from hub.app import create_app
from hub.auth.authorization import Authorization
from hub.config import CONFIG_NAME, Config
from hub.exchange.bundle_changes import BundleCache
from hub.exchange.standing import DirectoryCache
from hub.ledger.log_keys import read_log_key_changes
from hub.services import TOKEN_KEY, Services, find_log_keys
from hub.store.database import Database
from hub.store.moment import Moment
from keys.custody.keyfile import KeyFile, read_key_file
from keys.statements import peek
from keys.storage import Vault
from keys.uses import KeyUse
from policies.bundles import Bundle, load_bundle
from policies.vocabulary import AgePath, CaseStage, Category, Gateway, Purpose, Role
from tests import postgres
from tests.federation import HubProcess, federation, free_port, now

CARE, POLICE, HEALTH, CHARITY = "fern-care", "fern-police", "fern-health", "fern-charity"
PEOPLE = {
    CARE: {"lead": (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)},
    POLICE: {"chair": (Role.PANEL_CHAIR, Role.PANEL_VOTING), "constable": (Role.PRACTITIONER,)},
    HEALTH: {"voter": (Role.PANEL_VOTING,)},
    CHARITY: {"worker": (Role.PRACTITIONER,)},
}
REVIEW = Purpose.PANEL_REVIEW
CANARIES = (
    "Wrenfield-Kestrel-7731",
    "Zuzanna Øxenbridge-Vale",
    "a grey van with the plate CNRY 4471",
    "the flat above the laundrette in Marlpit Row",
)
CONTENTS: tuple[dict[str, Any], ...] = (
    {"kind": "concern", "summary": f"Seen with {CANARIES[2]}", "fields": {"name": CANARIES[1], "ref": CANARIES[0]}},
    {"kind": "concern", "summary": f"Stays at {CANARIES[3]}", "fields": {"ref": CANARIES[0]}},
)


@cache
def bundle() -> Bundle:
    """The agreement, loaded once."""
    return load_bundle()


def opened_keys(path: Path, passphrase: str) -> KeyFile:
    """Open a key file once, and again when it was written anew: deriving its key is slow on purpose."""
    return _opened_keys(path, passphrase, path.stat().st_mtime_ns)


@cache
def _opened_keys(path: Path, passphrase: str, _written: int) -> KeyFile:
    return read_key_file(path, passphrase)


@dataclass
class Party:
    """One agency of a copy: its home, its opened keys and its people."""

    home: Home
    keys: KeyFile
    people: dict[str, str]
    member_keys: dict[str, KeyFile]
    client: HubClient
    clock: Callable[[], datetime] = now
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.home.store_path, Vault(self.keys.storage))

    @property
    def follower(self) -> Follower:
        """Follows the log."""
        return Follower(self.home, self.store, self.client, self.home.pin(), self.clock)

    @property
    def book(self) -> CaseBook:
        """The agency's cases."""
        return CaseBook(self.follower, self.keys.keys[KeyUse.SIGNING.value])

    @property
    def releaser(self) -> Releaser:
        """Seals and discloses."""
        return Releaser(self.store, self.book, bundle())

    @property
    def outbox(self) -> Outbox:
        """Pushes."""
        return Outbox(self.store, self.book, bundle())

    @property
    def receiver(self) -> Receiver:
        """Pulls."""
        return Receiver(self.store, self.book, bundle())

    def witness(self) -> None:
        """Cosign the newest head."""
        self.follower.witness_once(self.keys.keys)

    def sync(self) -> None:
        """Take in the witnessed head and the cases."""
        self.follower.sync()
        self.follower.sync_cases()

    def write(self, case: str, *contents: dict[str, Any], category: Category = Category.CONCERN) -> list[str]:
        """Keep drafts; return their ids."""
        return [keep_authored(self.store, case, category, content, self.clock()) for content in contents]

    def release(self, case: str, *, purpose: Purpose = REVIEW, gateway: Gateway | None = None) -> Released:
        """Release every draft of a case."""
        drafts = list_drafts(self.store, case, [DraftState.DRAFT])
        return self.releaser.release(case, drafts, ReleaseTerms(purpose, gateway=gateway))

    def share(self, case: str, *contents: dict[str, Any], gateway: Gateway | None = None) -> PushReport:
        """Write, release and push."""
        self.write(case, *contents)
        self.release(case, gateway=gateway)
        return self.outbox.push_all()

    def pull(self, case: str, label: str, purpose: Purpose = REVIEW) -> Opened:
        """Pull for one of the agency's people."""
        return self.pull_with(case, label, self.member_keys[label], purpose)

    def pull_with(self, case: str, label: str, keys: KeyFile, purpose: Purpose = REVIEW) -> Opened:
        """Pull for one of the agency's people with these keys of theirs."""
        return self.receiver.pull(case, self.people[label], keys, purpose, self.signed_in(label))

    def reader_of(self, token: str) -> SignedIn | None:
        """Whoever a pull names, if they are one of the agency's people; None (the agency itself) otherwise."""
        member = peek(token).members["member"]
        return SignedIn(member, ("pwd",), self.clock()) if member in self.people.values() else None

    def signed_in(self, label: str) -> SignedIn:
        """One of the agency's people, who gave their passphrase just now."""
        return SignedIn(self.people[label], ("pwd",), self.clock())

    def close(self) -> None:
        """Close store and client."""
        self.store.close()
        self.client.close()


@dataclass
class Scene:
    """One copy of the federation."""

    hub: HubProcess
    parties: dict[str, Party]
    cases: dict[str, str]
    transport: httpx.BaseTransport | None = None
    database: Database | None = None

    @property
    def main(self) -> str:
        """The case of all four agencies."""
        return self.cases["main"]

    @property
    def other(self) -> str:
        """The case without the charity."""
        return self.cases["other"]

    def __getitem__(self, agency: str) -> Party:
        return self.parties[agency]

    def start(self) -> Scene:
        """Run the hub as users do, and let its witnesses speak: before that it gives nobody anything."""
        self.hub.start()
        for party in self.parties.values():
            party.witness()
        return self

    def embed(self, *, clock: Callable[[], datetime] = now) -> Scene:
        """Run the hub's application inside the test, at its address, on its own database; all clocks are ``clock``."""
        if self.database is not None:
            self.database.close()
        for party in self.parties.values():
            party.clock = clock
        services = embedded_services(self.hub, clock)
        self.database = services.database
        self.use(httpx.WSGITransport(app=create_app(services), raise_app_exceptions=False))
        return self

    def use(self, transport: httpx.BaseTransport | None, *agencies: str) -> None:
        """Let agencies (all without names) speak through a transport."""
        self.transport = transport
        for name in agencies or tuple(self.parties):
            party = self.parties[name]
            party.client.close()
            party.client = HubClient(
                self.hub.issuer,
                name,
                party.keys.keys[KeyUse.SIGNING.value],
                clock=party.clock,
                is_demo=True,
                transport=transport,
            )

    def witness(self) -> None:
        """Let every agency cosign the newest head, then take everything in."""
        for party in self.parties.values():
            party.witness()
        for party in self.parties.values():
            party.sync()

    @contextmanager
    def by_hand(self) -> Iterator[postgres.Execute]:
        """One transaction in the hub's database behind its back."""
        url = self.hub.config.database_url
        if url.startswith("postgresql"):
            with postgres.server().by_hand(url) as execute:
                yield execute
            return
        with closing(sqlite3.connect(self.hub.home / "hub.db", timeout=10)) as connection, connection:
            yield lambda statement, *values: list(connection.execute(statement, values))

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Change or read the hub's database behind its back."""
        with self.by_hand() as execute:
            return execute(statement, *values)

    def log_types(self, case: str | None = None) -> list[str]:
        """Return the types of all log entries, or of a case's, in order."""
        where = "" if case is None else 'WHERE "case" = ?'
        rows = self.sql(f"SELECT type FROM log_entry {where} ORDER BY position", *([case] if case else []))
        return [row[0] for row in rows]

    def alarms(self, agency: str) -> list[tuple[str, str]]:
        """Return an agency's alarms: code and text."""
        from adapters.store.rows import list_alarms

        with self.parties[agency].store.write() as session:
            return [(row.code, row.text) for row in list_alarms(session)]

    def stop(self) -> None:
        """Stop everything; what is stored stays, to be copied."""
        for party in self.parties.values():
            party.close()
        if self.database is not None:
            self.database.close()
        self.hub.kill()

    def close(self) -> None:
        """Stop everything, and give up the hub's database where that is on a server."""
        self.stop()
        if postgres.is_chosen():
            postgres.server().drop(self.hub.config.database_url)


def embedded_services(hub: HubProcess, clock: Callable[[], datetime], *, anew: bool = True) -> Services:
    """Return a hub's services on its own folder, with another clock. ``anew`` as for a hub that starts."""
    config = Config.load(hub.home)
    keys = opened_keys(config.keys_path, hub.passphrase)
    database, directory, moment = Database(config.database_url), DirectoryCache(), Moment(config.database_url)
    moment.open(anew=anew)
    with database.read() as session:
        log_key, former = find_log_keys(config.origin, keys, read_log_key_changes(session, config.origin))
    return Services(
        config=config,
        database=database,
        directory=directory,
        bundles=BundleCache(),
        authorization=Authorization(config.issuer, keys.keys[TOKEN_KEY], database, directory, clock, moment=moment),
        log_key=log_key,
        former_log_key=former,
        clock=clock,
        moment=moment,
    )


def build(folder: Path) -> None:
    """Enrol, open both cases, share, let the witnesses see it, and stop the hub. Leaves ``scene.json``."""
    with federation(folder, PEOPLE) as fed:
        people = {name: dict(agency.members) for name, agency in fed.agencies.items()}
        members = [
            fed.member(CARE, "lead", Role.LEAD_PROFESSIONAL),
            fed.member(POLICE, "chair", Role.PANEL_CHAIR, Role.PANEL_VOTING),
            fed.member(HEALTH, "voter", Role.PANEL_VOTING),
        ]
        main = fed.open_case(CARE, members)
        care, police = fed.agencies[CARE], fed.agencies[POLICE]
        listed = [(name, fed.agencies[name].home.kind) for name in (POLICE, HEALTH)]
        other = care.book.open_case(listed, members[:2], AgePath.CHILD, CaseStage.REFERRED)
        for agency in (police, fed.agencies[HEALTH]):
            agency.follower.sync_cases()
            agency.book.accept(other)
        fed.witness()
        for agency, case, content in (
            (care, main, CONTENTS[0]),
            (care, other, CONTENTS[1]),
            (police, main, CONTENTS[1]),
        ):
            assert agency.store is not None
            keep_authored(agency.store, case, Category.CONCERN, content, now())
            agency.releaser.release(case, list_drafts(agency.store, case), ReleaseTerms(REVIEW))
            assert agency.outbox.push_all().refused == 0
        fed.witness()
        (folder / "scene.json").write_text(
            json.dumps(
                {
                    "passphrase": fed.hub.passphrase,
                    "people": people,
                    "environ": {name: agency.environ for name, agency in fed.agencies.items()},
                    "cases": {"main": main, "other": other},
                }
            )
        )


SCENE_VARIABLE = "NRM_TEST_SCENE"
"""Names a folder with a federation that was built before, for runs that start many test processes."""


def template(base: Path) -> Path:
    """Return the built federation's folder; of several test processes one builds it and the others wait."""
    base = Path(os.environ.get(SCENE_VARIABLE, base))
    folder = base / "scene"
    with (base / "scene.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "scene.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
    return folder


def copy(source: Path, folder: Path) -> Scene:
    """Copy the federation to a folder and a port of its own. The hub is not running yet."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    said = json.loads((source / "scene.json").read_text())
    hub = HubProcess(folder / "hub", free_port(), said["passphrase"])
    config = replace(Config.load(hub.home), issuer=hub.issuer)
    if postgres.is_chosen():
        copied = postgres.server().make(postgres.name_of(config.database_url))
        config = replace(config, database_url=copied)
    (hub.home / CONFIG_NAME).write_text(config.render())
    for name in said["environ"]:
        home = Home.load(folder / name)
        pin = home.pin()
        home.write_pin(replace(pin, issuer=hub.issuer))
    return load(folder, keys_from=source)


def load(folder: Path, *, keys_from: Path | None = None) -> Scene:
    """Open a copy's agencies. ``keys_from`` names a folder with the same key files, opened before perhaps."""
    source = keys_from or folder
    said = json.loads((folder / "scene.json").read_text())
    issuer = Config.load(folder / "hub").issuer
    hub = HubProcess(folder / "hub", int(issuer.rpartition(":")[2]), said["passphrase"])
    parties = {}
    for name, environ in said["environ"].items():
        keys = opened_keys(source / name / "agency.key", environ["NRM_ADAPTER_PASSPHRASE"])
        people = said["people"][name]
        member_keys = {
            label: opened_keys(source / name / "members" / f"{member}.key", environ["NRM_MEMBER_PASSPHRASE"])
            for label, member in people.items()
        }
        client = HubClient(issuer, name, keys.keys[KeyUse.SIGNING.value], clock=now, is_demo=True)
        parties[name] = Party(Home.load(folder / name), keys, people, member_keys, client)
    return Scene(hub, parties, said["cases"])
