"""A whole federation for tests: a real hub process over HTTP, and adapters with their own homes, keys and stores."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from adapters.cases import CaseBook
from adapters.following import Follower
from adapters.home import Home, HubPin, add_member, init_home
from adapters.hub_client import HubClient
from adapters.picture.receiving import Opened, Receiver
from adapters.release.outbox import Outbox
from adapters.release.releasing import Releaser
from adapters.signed_in import SignedIn
from adapters.store.database import Store
from hub.config import Config
from hub.setting_up import init_hub, record_witnesses, write_pin
from keys.custody.keyfile import KeyFile
from keys.storage import Vault
from keys.uses import KeyUse
from policies.bundles import load_bundle
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import AgencyKind, AgePath, CaseStage, Purpose, Role
from tests import postgres
from tests.officers import enrol, record_officers

KINDS = {
    "fern-police": AgencyKind.POLICE,
    "fern-care": AgencyKind.SOCIAL_CARE,
    "fern-health": AgencyKind.HEALTH,
    "fern-charity": AgencyKind.CHARITY,
}


def now() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class HubProcess:
    """A hub as users run it: its own folder, its own process, HTTP on loopback."""

    home: Path
    port: int
    passphrase: str
    process: subprocess.Popen[bytes] | None = None
    module: str = "hub.cli"
    """What runs it: the command line itself, or one of the tests' around it."""

    @property
    def issuer(self) -> str:
        """The hub's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Config:
        """The hub's settings."""
        return Config.load(self.home)

    def start(self) -> None:
        """Start the process and wait until it answers."""
        environment = {**os.environ, "NRM_HUB_PASSPHRASE": self.passphrase}
        command = [sys.executable, "-m", self.module, "--home", str(self.home), "serve"]
        self.process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{self.port}"],
            env=environment,
            stdout=(self.home / "hub.out").open("ab"),
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.issuer}/health", timeout=2)
                return
            except httpx.TransportError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.home / "hub.out").read_text()) from None
                time.sleep(0.05)
        raise RuntimeError("the hub did not start")

    def kill(self) -> None:
        """kill -9: no chance to tidy up."""
        if self.process is not None:
            # Held first: it would start another worker, which would go on answering when it is gone.
            self.process.send_signal(signal.SIGSTOP)
            subprocess.run(["pkill", "-9", "-P", str(self.process.pid)], check=False)
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ask the process to end."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


@dataclass
class Agency:
    """One adapter: its home and everything that works on it."""

    home: Home
    environ: dict[str, str]
    members: dict[str, str] = field(default_factory=dict)
    keys: KeyFile | None = None
    store: Store | None = None
    client: HubClient | None = None

    def connect(self, pin: HubPin) -> None:
        """Open keys and store and a client of the hub."""
        self.home.write_pin(pin)
        self.keys = self.home.agency_keys(self.environ)
        self.store = Store(self.home.store_path, Vault(self.keys.storage))
        self.client = HubClient(
            pin.issuer, self.home.agency, self.keys.keys[KeyUse.SIGNING.value], clock=now, is_demo=True
        )

    @property
    def follower(self) -> Follower:
        """The follower of the log."""
        assert self.store is not None
        assert self.client is not None
        return Follower(self.home, self.store, self.client, self.home.pin(), now)

    @property
    def book(self) -> CaseBook:
        """The agency's cases."""
        assert self.keys is not None
        return CaseBook(self.follower, self.keys.keys[KeyUse.SIGNING.value])

    @property
    def releaser(self) -> Releaser:
        """The agency's release."""
        assert self.store is not None
        return Releaser(self.store, self.book, load_bundle())

    @property
    def outbox(self) -> Outbox:
        """The agency's outbox."""
        assert self.store is not None
        return Outbox(self.store, self.book, load_bundle())

    @property
    def receiver(self) -> Receiver:
        """The agency's receiver."""
        assert self.store is not None
        return Receiver(self.store, self.book, load_bundle())

    def pull(self, case: str, label: str, purpose: Purpose) -> Opened:
        """Pull for one person, who gave their passphrase just now."""
        signed_in = SignedIn(self.members[label], ("pwd",), now())
        return self.receiver.pull(case, self.members[label], self.member_keys(label), purpose, signed_in)

    def member_keys(self, label: str) -> KeyFile:
        """Open one person's keys."""
        return self.home.member_keys(self.members[label], self.environ)

    def witness(self) -> None:
        """Cosign the newest head."""
        assert self.keys is not None
        self.follower.witness_once(self.keys.keys)

    def close(self) -> None:
        """Close store and client."""
        if self.store is not None:
            self.store.close()
        if self.client is not None:
            self.client.close()


@dataclass
class Federation:
    """A hub and its agencies."""

    hub: HubProcess
    agencies: dict[str, Agency]

    def witness(self) -> None:
        """Let every agency see and cosign the newest head, then take it in."""
        for agency in self.agencies.values():
            agency.witness()
        for agency in self.agencies.values():
            agency.follower.sync()
            agency.follower.sync_cases()

    def member(self, agency: str, label: str, *roles: Role, days: int = 30) -> Member:
        """Return a member entry for a membership."""
        return Member(
            agency=AgencyId(agency),
            member=MemberId(self.agencies[agency].members[label]),
            roles=tuple(sorted(roles)),
            until=(now() + timedelta(days=days)).replace(microsecond=0),
        )

    def open_case(self, lead: str, members: list[Member]) -> str:
        """Open the case of a child who was referred, with every agency, and have everybody accept."""
        book = self.agencies[lead].book
        listed = [(name, agency.home.kind) for name, agency in self.agencies.items() if name != lead]
        case = book.open_case(listed, members, AgePath.CHILD, CaseStage.REFERRED)
        for name, agency in self.agencies.items():
            agency.follower.sync_cases()
            if name != lead:
                agency.book.accept(case)
        for agency in self.agencies.values():
            agency.follower.sync_cases()
        return case

    def close(self) -> None:
        """Stop everything."""
        for agency in self.agencies.values():
            agency.close()
        self.hub.stop()


def make_hub(folder: Path, *, with_officers: bool = True) -> HubProcess:
    """Make a hub's home, with two officers recorded; not started."""
    hub = HubProcess(folder / "hub", free_port(), secrets.token_hex(16))
    settings = {"issuer": hub.issuer, "origin": "hub.example/test", "environment": "demo"}
    if postgres.is_chosen():
        settings["database_url"] = postgres.server().make()
    config = Config.checked(hub.home, settings)
    init_hub(config, hub.passphrase)
    if with_officers:
        record_officers(config)
    return hub


def make_agency(folder: Path, name: str, kind: AgencyKind) -> tuple[Agency, str]:
    """Make an adapter's home; return it and the fingerprint its people read out."""
    environ = {
        variable: secrets.token_hex(16)
        for variable in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE", "NRM_MEMBER_PASSPHRASE")
    }
    home = folder / name
    title = f"Fernshire {kind.value.replace('_', ' ')}"
    said = init_home(home, agency=name, kind=kind, name=title, environment="demo", at=now(), environ=environ)
    return Agency(Home.load(home), environ), said


@contextmanager
def federation(
    folder: Path, people: Mapping[str, Mapping[str, tuple[Role, ...]]], kinds: Mapping[str, AgencyKind] = KINDS
) -> Iterator[Federation]:
    """Enrol agencies and people, start the hub, let a quorum see it. ``people``: agency -> label -> certified roles."""
    hub = make_hub(folder)
    agencies: dict[str, Agency] = {}
    for name, kind in kinds.items():
        agency, said = make_agency(folder, name, kind)
        enrol(hub.config, agency.home.folder / "enrolment-request.json", said)
        agencies[name] = agency
    quorum = 3 if len(kinds) == 4 else len(kinds) - (len(kinds) - 1) // 3
    record_witnesses(hub.config, hub.passphrase, quorum, list(agencies))
    pin_path = folder / "hub-pin.json"
    write_pin(hub.config, hub.passphrase, pin_path)
    import json

    pin = HubPin.from_json(json.loads(pin_path.read_text()))
    hub.start()
    made = Federation(hub, agencies)
    try:
        for name, agency in agencies.items():
            agency.connect(pin)
            assert agency.client is not None
            for label, roles in people.get(name, {}).items():
                member, certificates = add_member(agency.home, roles, at=now(), environ=agency.environ)
                agency.members[label] = member
                agency.client.post("/v1/keys", {"certificates": certificates})
        made.witness()
        yield made
    finally:
        made.close()
