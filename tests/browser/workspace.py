"""A workspace that a real browser can reach, and what a person does there."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

from playwright.sync_api import Page
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from adapters.runtime import Adapter
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Workspace, create_app, on_signed_in
from adapters.workspace.settings import WorkspaceSettings
from tests.adapters.workspace.desk import AGENCY, ISSUER, SUBJECT, TEST_SIGN_IN, Vouched
from tests.federation import free_port
from tests.scene import Scene

ONE_FACTOR = Vouched(amr=("pwd",), is_two_factor=False)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


@dataclass
class Served:
    """An application on a loopback port, under a name of its own."""

    app: WSGIApplication
    name: str
    port: int = field(default_factory=free_port)
    _server: BaseWSGIServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    @property
    def origin(self) -> str:
        """What the browser shows."""
        return f"http://{self.name}:{self.port}"

    def start(self) -> None:
        """Answer from now on."""
        self._server = make_server("127.0.0.1", self.port, self.app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()


class Office:
    """An agency's workspace behind its address; ``who`` is whom the next sign-in vouches for."""

    def __init__(self, scene: Scene, adapter: Adapter, passphrase: str) -> None:
        port, name = free_port(), f"{AGENCY}.localhost"
        self.scene, self.passphrase = scene, passphrase
        self.who = ONE_FACTOR
        app = create_app(adapter, WorkspaceSettings(f"http://{name}:{port}", "127.0.0.1", port))
        app.get(TEST_SIGN_IN)(needs(Need.OPEN)(lambda: on_signed_in(self.who)))
        self.here: Workspace = app.extensions["workspace"]
        self.served = Served(app, name, port)
        self.here.people.bind(ISSUER, SUBJECT, self.member)
        self.served.start()

    @property
    def member(self) -> str:
        """The agency's one person."""
        return self.scene[AGENCY].people["voter"]

    @property
    def picture(self) -> str:
        """The address of a page with content."""
        return f"{self.served.origin}/cases/{self.scene.main}/picture?purpose=panel_review"

    def sign_in(self, page: Page, origin: str | None = None) -> None:
        """Come back from a provider."""
        page.goto(f"{origin or self.served.origin}{TEST_SIGN_IN}")

    def unlock(self, page: Page) -> None:
        """Type the passphrase."""
        page.goto(f"{self.served.origin}/unlock")
        page.get_by_label("Passphrase of your key", exact=True).fill(self.passphrase)
        page.get_by_role("button", name="Unlock", exact=True).click()
        page.wait_for_load_state()

    def add_passkey(self, page: Page, label: str) -> None:
        """Go through the pages that add a passkey."""
        page.goto(f"{self.served.origin}/passkeys/add")
        page.get_by_label("Name of the passkey").fill(label)
        page.get_by_label("Passphrase of your key", exact=True).fill(self.passphrase)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Make the passkey").click()
        page.wait_for_url(re.compile(r"/passkeys(/use|\?done=)"))

    def use_passkey(self, page: Page, origin: str | None = None) -> None:
        """Press the button that asks the authenticator. What comes of it is for the test to see."""
        page.goto(f"{origin or self.served.origin}/passkeys/use")
        page.get_by_role("button", name="Use your passkey").click()

    def sign_out(self, page: Page) -> None:
        """Press the button in the footer."""
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.wait_for_url(re.compile("/sign-out"))

    def close(self) -> None:
        """Close the office."""
        self.served.stop()
        self.here.close()
