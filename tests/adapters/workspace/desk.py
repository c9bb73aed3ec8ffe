"""What the tests of the workspace share: an agency's workspace, people, and browsers in which they sign in.

Signing in at a provider is another part's: here somebody is handed to ``on_signed_in`` as that part would hand them,
by a route that only this file adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from adapters.runtime import Adapter
from adapters.store.tables import SessionRow
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Workspace, create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from keys.sessions import COOKIE
from tests.scene import HEALTH, Scene, now

AGENCY = HEALTH
ORIGIN = "http://fern-health.localhost:8443"
ISSUER = "https://login.example"
SUBJECT = "subject-of-an-invented-person"
TEST_SIGN_IN = "/only-in-tests"


@dataclass(frozen=True)
class Vouched:
    """Somebody whom a provider vouches for."""

    issuer: str = ISSUER
    subject: str = SUBJECT
    amr: tuple[str, ...] = ("pwd", "mfa")
    auth_time: datetime | None = field(default_factory=now)
    is_two_factor: bool = True


class Browser:
    """One browser: cookies, forms and the headers that browsers send."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    @property
    def token(self) -> str:
        """The session's token."""
        found = self.client.get_cookie(COOKIE, "fern-health.localhost")
        return "" if found is None else found.value

    @token.setter
    def token(self, value: str) -> None:
        self.client.set_cookie(COOKIE, value, domain="fern-health.localhost", secure=True, path="/")

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a page."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, base_url=ORIGIN, headers={"Sec-Fetch-Site": "same-origin", **named})

    def post(self, path: str, form_of: str | None = "/", **form: str) -> TestResponse:
        """Send a form as a page of ours would, with the form token found on ``form_of``."""
        if form_of is not None:
            found = re.search(r'name="form_token" value="([^"]+)"', self.get(form_of).text)
            if found is not None:
                form = {"form_token": found[1], **form}
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.client.post(path, base_url=ORIGIN, data=form, headers=headers)

    def sign_in(self, who: Vouched | None = None, wanted: str = "", **headers: str) -> TestResponse:
        """Come back from a provider. ``wanted`` is the page that was asked for where signing in began."""
        VOUCHED["who"] = who or Vouched()
        return self.get(f"{TEST_SIGN_IN}?{urlencode({'wanted': wanted})}", **headers)


VOUCHED: dict[str, Vouched] = {}


@dataclass
class Desk:
    """The workspace of one agency. ``later`` moves its clock."""

    scene: Scene
    adapter: Adapter
    environ: dict[str, str]
    later: timedelta = timedelta(0)
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        self.adapter.clock = lambda: now() + self.later
        self.app = create_app(self.adapter, WorkspaceSettings(ORIGIN, "127.0.0.1", 0))
        self.app.testing = False

        @self.app.get(TEST_SIGN_IN)
        @needs(Need.OPEN)
        def signed_in() -> Any:
            return on_signed_in(VOUCHED["who"], request.args.get("wanted", ""))

    @property
    def here(self) -> Workspace:
        """The workspace behind the pages."""
        found: Workspace = self.app.extensions["workspace"]
        return found

    @property
    def member(self) -> str:
        """The agency's one person."""
        return self.scene[AGENCY].people["voter"]

    @property
    def passphrase(self) -> str:
        """The passphrase of that person's key."""
        return self.environ["NRM_MEMBER_PASSPHRASE"]

    @property
    def key_file(self) -> Path:
        """That person's key file."""
        return self.adapter.home.folder / "members" / f"{self.member}.key"

    def bind(self, subject: str = SUBJECT) -> None:
        """Let the person sign in."""
        self.here.people.bind(ISSUER, subject, self.member)

    def bind_once(self) -> None:
        """Let the person sign in, if they may not yet."""
        if self.here.people.find(ISSUER, SUBJECT) is None:
            self.bind()

    def end_all(self) -> None:
        """End every session."""
        with self.adapter.store.write() as session:
            digests = [row.digest for row in session.query(SessionRow)]
        self.here.sessions.end_these(digests)
        self.here.drop_ended()

    def browser(self) -> Browser:
        """A browser that nobody has signed in with."""
        return Browser(self.app)

    def signed_in(self, who: Vouched | None = None) -> Browser:
        """A browser in which the person has signed in."""
        self.bind_once()
        browser = self.browser()
        assert browser.sign_in(who).status_code == 303
        return browser

    def unlocked(self, who: Vouched | None = None) -> Browser:
        """A browser in which the person has unlocked their key."""
        browser = self.signed_in(who)
        answer = browser.post("/unlock", passphrase=self.passphrase)
        assert answer.status_code == 303, answer.text
        return browser
