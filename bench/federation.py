"""A federation to measure on: a hub with its own folder and process, and adapters with their keys in memory."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from adapters.cases import CaseBook
from adapters.following import Follower
from adapters.home import Home, HubPin
from adapters.hub_client import HubClient
from adapters.release.drafts import Draft, DraftState, keep_authored
from adapters.release.releasing import Releaser
from adapters.store.database import Store
from adapters.store.rows import pending_lines
from bench.material import ORIGINATOR, AgencyKeys, make_content, new_id, now, people_of
from hub.config import Config
from hub.exchange import enrolment
from hub.services import Services, open_services
from hub.setting_up import init_hub, record_witnesses, write_pin
from keys.ceremony import SIGNATURES, EnrolmentClaim, OfficerSet, sign_officers
from keys.private import PrivateKey
from keys.storage import Vault
from keys.uses import KeyUse
from policies.bundles import load_bundle
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import AgePath, CaseStage, Category

QUORUM = 3
START_SECONDS = 30
MEMBER_DAYS = 20
MAX_PENDING_LINES = 10_000


@dataclass(slots=True)
class HubUnderTest:
    """A hub as an operator has it. Either its process serves, or ``services`` work on its database here; never both."""

    config: Config
    passphrase: str
    services: Services
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the hub's process and wait until it answers. Raises ``RuntimeError`` where it does not."""
        self.services.database.close()
        command = [sys.executable, "-m", "hub.cli", "--home", str(self.config.home), "serve"]
        with (self.config.home / "hub.out").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--bind", self.config.issuer.removeprefix("http://")],
                env={**os.environ, "NRM_HUB_PASSPHRASE": self.passphrase},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(f"{self.config.issuer}/health", timeout=2, trust_env=False)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the hub did not start within {START_SECONDS} seconds; see {self.config.home / 'hub.out'}")

    def stop(self) -> None:
        """Ask the process to end and wait for it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)
            self.process = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """One agency's adapter on its own store."""

    agency: AgencyKeys
    store: Store
    client: HubClient
    book: CaseBook

    @property
    def releaser(self) -> Releaser:
        """The agency's release."""
        return Releaser(self.store, self.book, load_bundle())

    def witness(self) -> None:
        """Cosign the hub's newest head."""
        self.book.follower.witness_once({use.value: key for use, key in self.agency.keys.items()})

    def sync(self) -> None:
        """Take in the witnessed log and the statements of the agency's cases."""
        self.book.follower.sync()
        self.book.follower.sync_cases()


@dataclass(frozen=True, slots=True)
class Federation:
    """A hub and its adapters."""

    hub: HubUnderTest
    adapters: Mapping[str, Adapter]

    @property
    def originator(self) -> Adapter:
        """The agency whose records are shared."""
        return self.adapters[ORIGINATOR]

    def witness(self) -> None:
        """Let every agency cosign the newest head, then take it in."""
        for adapter in self.adapters.values():
            adapter.witness()
        for adapter in self.adapters.values():
            adapter.sync()

    def open_case(self) -> str:
        """Open a case with every agency and every person; everybody accepts."""
        others = [(name, adapter.agency.kind) for name, adapter in self.adapters.items() if name != ORIGINATOR]
        until = (now() + timedelta(days=MEMBER_DAYS)).replace(microsecond=0)
        people = people_of({name: adapter.agency for name, adapter in self.adapters.items()})
        members = [Member(AgencyId(item.agency), MemberId(item.member), item.roles, until) for item in people]
        case = self.originator.book.open_case(others, members, AgePath.CHILD, CaseStage.REFERRED)
        for name, _ in others:
            self.adapters[name].book.follower.sync_cases()
            self.adapters[name].book.accept(case)
        self.originator.book.follower.sync_cases()
        return case


def make_hub(folder: Path, agencies: Mapping[str, AgencyKeys]) -> HubUnderTest:
    """Make a hub, enrol the agencies, certify their people, record the witnesses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{probe.getsockname()[1]}"
    config = Config.checked(folder, {"issuer": issuer, "origin": "hub.example/bench", "environment": "demo"})
    passphrase = secrets.token_hex(16)
    init_hub(config, passphrase)
    services = open_services(config, passphrase)
    officers = {secrets.token_hex(16): PrivateKey.generate("Ed25519") for _ in range(SIGNATURES)}
    listed = OfficerSet({name: key.public for name, key in officers.items()})
    with services.database.write() as session:
        signed = [sign_officers(config.origin, listed, None, name, key, now()) for name, key in officers.items()]
        enrolment.record_officers(session, config.origin, listed, signed, now())
        for agency in agencies.values():
            request = enrolment.EnrolmentRequest.verify(agency.request, now())
            claim = EnrolmentClaim.of(config.origin, request.record, request.digest)
            signed = [claim.sign(name, key, now()) for name, key in officers.items()]
            record = enrolment.enrol_agency(session, config.origin, request, signed, now())
            tokens = [token for person in agency.people for token in person.certificates]
            for start in range(0, len(tokens), enrolment.MAX_CERTIFICATES_PER_REQUEST):
                batch = tokens[start : start + enrolment.MAX_CERTIFICATES_PER_REQUEST]
                known = services.directory.current(session)
                enrolment.add_certificates(session, known, record, batch, now())
    record_witnesses(config, passphrase, QUORUM, list(agencies))
    return HubUnderTest(config, passphrase, services)


@contextmanager
def federation(folder: Path, agencies: Mapping[str, AgencyKeys]) -> Iterator[Federation]:
    """Make a hub and its adapters, start the hub, let a quorum see the log; stop the hub at the end."""
    hub = make_hub(folder / "hub", agencies)
    pin_path = folder / "pin.json"
    write_pin(hub.config, hub.passphrase, pin_path)
    pin = HubPin.from_json(json.loads(pin_path.read_text(encoding="utf-8")))
    hub.start()
    adapters: dict[str, Adapter] = {}
    try:
        for name, agency in agencies.items():
            adapters[name] = _connect(folder / name, agency, pin)
        made = Federation(hub, adapters)
        made.witness()
        yield made
    finally:
        for adapter in adapters.values():
            adapter.store.close()
            adapter.client.close()
        hub.stop()
        hub.services.database.close()


def _connect(folder: Path, agency: AgencyKeys, pin: HubPin) -> Adapter:
    folder.mkdir(mode=0o700)
    signing = agency.keys[KeyUse.SIGNING]
    home = Home(folder, agency.agency, agency.kind, f"Invented {agency.kind.value}", "demo")
    store = Store(home.store_path, Vault(secrets.token_bytes(32)))
    client = HubClient(pin.issuer, agency.agency, signing, clock=now, is_demo=True)
    return Adapter(agency, store, client, CaseBook(Follower(home, store, client, pin, now), signing))


def make_drafts(adapter: Adapter, case: str, count: int, size_bytes: int) -> Sequence[Draft]:
    """Keep and return drafts of records for a case, as a person reviews them before releasing."""
    drafts = []
    for number in range(count):
        content = {**make_content(size_bytes, number), "nonce": new_id()}
        name = keep_authored(adapter.store, case, Category.NARRATIVE, content, now())
        drafts.append(Draft(name, case, Category.NARRATIVE, DraftState.DRAFT, False, content))
    return drafts


def take_lines(adapter: Adapter, case: str) -> list[Any]:
    """Return a case's pending lines as they would be pushed, and take them out of the outbox."""
    with adapter.store.write() as session:
        rows = pending_lines(session, case, MAX_PENDING_LINES)
        lines = [json.loads(row.line) for row in rows]
        for row in rows:
            row.state = "dropped"
    return lines
