"""What the tests of the console share: a hub with a console, an agency's officer, and browsers in which they sign in.

Signing in at a provider is another part's: here somebody is handed to ``on_signed_in`` as that part would hand them,
by a route that only this file adds. The whole way is walked in ``test_console_sign_in``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from adapters.home import certify
from adapters.issued import remember_issued
from adapters.key_endings import Ending, EndTerms, sign_ending
from hub.app import create_app
from hub.console.access import Need, needs
from hub.console.app import EXTENSION, Console, on_signed_in
from hub.services import SIGN_IN_KEY, Services
from hub.store.console_sessions import ConsoleSessionRow
from keys.console_access import subject_digest
from keys.custody.keyfile import KeyFile, generate_storage, read_key_file
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.sessions import COOKIE
from keys.sign_in import Identity, Provider, read_providers
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import render_time
from policies.vocabulary import Role
from tests.scene import CARE, HEALTH, Scene, embedded_services, now

ISSUER = "https://login.fern-health.example"
SUBJECT = "subject-of-an-invented-officer"
TEST_SIGN_IN = "/console/only-in-tests"
VOUCHED: dict[str, Identity] = {}


def _come_back() -> Any:
    return on_signed_in(VOUCHED["who"], request.args.get("wanted", ""))


@cache
def sign_in_keys() -> KeyFile:
    """The hub's key for identity providers, made once."""
    return KeyFile({SIGN_IN_KEY: PrivateKey.generate("ES256")}, generate_storage())


@cache
def root_key(path: Path, passphrase: str) -> PrivateKey:
    """An agency's root key, opened once: deriving its key is slow on purpose."""
    return read_key_file(path, passphrase).private("root")


def provider(agency: str = HEALTH, issuer: str = ISSUER, name: str = "health") -> Provider:
    """An agency's identity provider as configured."""
    table = {
        "name": name,
        "label": f"{agency} sign-in",
        "issuer": issuer,
        "client_id": "nrm-hub",
        "agency": agency,
        "two_factor_amr": ["mfa"],
    }
    return read_providers([table], Path("hub.toml"), "demo")[0]


def vouched(agency: str = HEALTH, *, issuer: str = ISSUER, subject: str = SUBJECT, two: bool = True) -> Identity:
    """Somebody whom a provider vouches for."""
    return Identity("health", agency, issuer, subject, ("pwd", "mfa") if two else ("pwd",), None, now(), two)


class Browser:
    """One browser: cookies, forms and the headers that browsers send."""

    def __init__(self, app: Flask, origin: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.origin = origin

    @property
    def token(self) -> str:
        """The session's token."""
        found = self.client.get_cookie(COOKIE, "127.0.0.1")
        return "" if found is None else found.value

    @token.setter
    def token(self, value: str) -> None:
        self.client.set_cookie(COOKIE, value, domain="127.0.0.1", secure=True, path="/")

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a page."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, base_url=self.origin, headers={"Sec-Fetch-Site": "same-origin", **named})

    def form_token(self, path: str = "/console/account") -> str:
        """The form token of this browser's session, as a page shows it."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get(path).text)
        return "" if found is None else found[1]

    def post(self, path: str, form_of: str | None = "/console/account", **form: str) -> TestResponse:
        """Send a form as a page of ours would, with the form token found on ``form_of``."""
        if form_of is not None:
            form = {"form_token": self.form_token(form_of), **form}
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.client.post(path, base_url=self.origin, data=form, headers=headers)

    def sign_in(self, who: Identity | None = None, wanted: str = "", **headers: str) -> TestResponse:
        """Come back from a provider. ``wanted`` is the page that was asked for where signing in began."""
        VOUCHED["who"] = who or vouched()
        return self.get(f"{TEST_SIGN_IN}?{urlencode({'wanted': wanted})}", **headers)


@dataclass
class Desk:
    """A hub with a console and one officer of the health agency. ``later`` moves its clock."""

    scene: Scene
    later: timedelta = timedelta(0)
    providers: tuple[Provider, ...] = field(default_factory=lambda: (provider(),))
    officer: str = ""
    opened: list[Services] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scene.embed(clock=self.clock)
        if not self.officer:
            self.officer = self.add_person(HEALTH, Role.IG_OFFICER)
        self.services, self.hub = self.build()

    def clock(self) -> datetime:
        """The time by which everything goes."""
        return now() + self.later

    def build(self) -> tuple[Services, Flask]:
        """Another process of the same hub: its own memory, the same database, the same store of the moment."""
        services, app = self.build_bare()
        console: Flask = app.extensions["nrmhub_console"]
        console.testing = False
        console.add_url_rule(TEST_SIGN_IN, "only_in_tests", needs(Need.OPEN)(_come_back))
        return services, app

    def build_bare(self) -> tuple[Services, Flask]:
        """The same without a way in for tests."""
        services = embedded_services(self.scene.hub, self.clock, anew=False)
        config = replace(services.config, providers=self.providers)
        services = replace(services, config=config, custody=sign_in_keys())
        self.opened.append(services)
        return services, create_app(services)

    def end_all(self) -> None:
        """End every session."""
        with self.services.moment.write() as store:
            store.query(ConsoleSessionRow).delete()

    def close(self) -> None:
        """Close what was opened."""
        for services in self.opened:
            services.database.close()
            services.moment.close()

    @property
    def app(self) -> Flask:
        """The console's application."""
        found: Flask = self.hub.extensions["nrmhub_console"]
        return found

    @property
    def here(self) -> Console:
        """The console behind the pages."""
        found: Console = self.app.extensions[EXTENSION]
        return found

    def environ(self, agency: str) -> dict[str, str]:
        """The passphrases of an agency."""
        said = json.loads((self.scene.hub.home.parent / "scene.json").read_text())
        found: dict[str, str] = said["environ"][agency]
        return found

    def add_person(self, agency: str, role: Role) -> str:
        """Certify somebody new; return their opaque id."""
        member = generate_storage()[:16].hex()
        self.certify(agency, member, role)
        return member

    def certify_again(self, member: str, role: Role = Role.IG_OFFICER) -> None:
        """Certify two new keys for somebody of the health agency who was certified before."""
        self.certify(HEALTH, member, role)

    def certify(self, agency: str, member: str, role: Role) -> None:
        """Certify two new keys for a person."""
        party = self.scene[agency]
        root = root_key(party.home.folder / "root.key", self.environ(agency)["NRM_ROOT_PASSPHRASE"])
        tokens = [
            certify(root, agency, use, PrivateKey.generate(alg), at=self.clock(), days=30, member=member, roles=(role,))
            for use, alg in ((KeyUse.MEMBER_SIGNING, "Ed25519"), (KeyUse.MEMBER_HPKE, "HPKE-9-KE"))
        ]
        remember_issued(party.home.folder, tokens)
        party.client.post("/v1/keys", {"certificates": tokens})

    def word(
        self,
        agency: str = HEALTH,
        *,
        member: str = "",
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        days: float = 30,
        since: timedelta = timedelta(0),
        signer: str = "",
        issued: timedelta = timedelta(0),
        said: str = "",
    ) -> str:
        """An agency's word on an account; by ``signer`` another agency's key, ``said`` another agency's name in it."""
        at = (self.clock() + since).replace(microsecond=0)
        return make_statement(
            StatementType.CONSOLE_ACCESS,
            {
                "agency": said or agency,
                "member": member or self.officer,
                "provider": issuer,
                "subject_sha256": subject_digest(issuer, subject),
                "not_before": render_time(at),
                "not_after": render_time(at + timedelta(days=days)),
            },
            issuer=agency,
            signer=self.scene[signer or agency].keys.keys[KeyUse.SIGNING.value],
            issued_at=self.clock() + issued,
            statement_id=generate_storage()[:16].hex(),
            checkpoint=None,
        )

    def give(self, token: str | None = None, *, by: str = HEALTH) -> Any:
        """Bring a word to the hub; without one, the officer's access."""
        if token is None:
            token = self.word()
            remember_issued(self.scene[HEALTH].home.folder, [token])
        return self.scene[by].client.post("/v1/console-access", {"statement": token})

    def take_back(self) -> None:
        """End the officer's access."""
        self.give(self.word(days=0, since=timedelta(days=-1)))

    def revoke(self, member: str, reason: RevocationReason = RevocationReason.LEFT) -> None:
        """End the keys of one of the health agency's people."""
        party = self.scene[HEALTH]
        directory = self.services_directory()
        kids = tuple(item.key.kid for item in directory.certificates if item.member == member)
        ending = Ending(HEALTH, kids, EndTerms(reason), ())
        signer = party.keys.keys[KeyUse.SIGNING.value]
        tokens = sign_ending(ending, issuer=HEALTH, signer=signer, at=self.clock())
        party.client.post("/v1/keys", {"revocations": tokens})

    def foreign_case(self) -> str:
        """A case in which the health agency takes no part, put into the hub's database."""
        case = "f0" * 16
        self.scene.sql(
            'INSERT INTO "case" ("case", lead, opened_at, case_seq) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING',
            *(case, CARE, "2026-01-31T12:00:00Z"),
        )
        return case

    def services_directory(self) -> Any:
        """The hub's directory now."""
        with self.services.database.read() as store:
            return self.services.directory.current(store)

    def browser(self, app: Flask | None = None) -> Browser:
        """A browser that nobody has signed in with."""
        return Browser(app or self.hub, self.scene.hub.issuer)

    def signed_in(self, who: Identity | None = None) -> Browser:
        """A browser in which the officer has signed in."""
        browser = self.browser()
        assert browser.sign_in(who).status_code == 303
        return browser
