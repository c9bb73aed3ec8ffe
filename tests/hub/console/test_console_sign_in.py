"""The whole way over HTTP: from the console to an identity provider and back, in, and out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from demo.identity import Identity
from demo.identity_parts import ACR_TWO_FACTORS
from demo.stage import free_port
from hub.services import SIGN_IN_KEY
from keys.sign_in import Provider, public_jwks
from tests.hub.console.desk import Desk, sign_in_keys
from tests.identity_site import Browser, listening
from tests.scene import HEALTH, Scene

WORD, CODE, SUBJECT = "correct horse", "123456", "subject-of-ada"


class HubBrowser(Browser):
    """Sends a secure cookie over loopback, as browsers do, and says where its forms come from."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self.client.event_hooks = {"request": [self._before], "response": [self._after]}

    def _before(self, request: httpx.Request) -> None:
        if str(request.url).startswith(self.origin):
            request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            request.headers["Origin"] = self.origin

    def _after(self, response: httpx.Response) -> None:
        if str(response.url).startswith(self.origin):
            for cookie in response.headers.get_list("Set-Cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value


@dataclass
class Stage:
    desk: Desk
    issuer: str
    browser: HubBrowser

    @property
    def origin(self) -> str:
        return self.desk.scene.hub.issuer

    def sign_in(self, path: str = "/console/", **values: str) -> httpx.Response:
        """Ask for a page, go to the provider, and come back."""
        self.browser.go(f"{self.origin}{path}")
        self.browser.submit()
        return self.browser.submit(**{"username": "ada", "password": WORD, "code": CODE, **values})

    def let_in(self) -> None:
        self.desk.give(self.desk.word(issuer=self.issuer, subject=SUBJECT))


@pytest.fixture(scope="module")
def hub(make_scene: Callable[[], Scene]) -> Iterator[tuple[Desk, str]]:
    """A hub with a console, and a provider of the health agency."""
    port, scene = free_port(), make_scene()
    issuer = f"http://localhost:{port}/{HEALTH}"
    provider = Provider("health", "Health", issuer, "nrm", HEALTH, acr_values=(ACR_TWO_FACTORS,))
    client: dict[str, Any] = {
        "client_id": "nrm",
        "redirect_uris": [f"{scene.hub.issuer}/console/sign-in/health/callback"],
        "jwks": public_jwks(sign_in_keys().private(SIGN_IN_KEY)),
    }
    people = [{"username": "ada", "subject": SUBJECT, "password": WORD, "code": CODE}]
    issuers = {HEALTH: {"label": "Health (invented)", "clients": [client], "people": people}}
    identity = Identity({"environment": "demo", "base": f"http://localhost:{port}", "issuers": issuers}, {})
    desk = Desk(scene, providers=(provider,))
    with ExitStack() as stack:
        stack.callback(desk.close)
        stack.enter_context(listening(identity.application, port))
        stack.enter_context(listening(desk.hub, int(scene.hub.issuer.rpartition(":")[2])))
        yield desk, issuer


@pytest.fixture
def stage(hub: tuple[Desk, str]) -> Iterator[Stage]:
    desk, issuer = hub
    browser = HubBrowser(desk.scene.hub.issuer)
    yield Stage(desk, issuer, browser)
    browser.close()


def test_an_officer_signs_in_looks_and_signs_out(stage: Stage) -> None:
    """They come to the page that they had asked for."""
    stage.let_in()
    page = stage.sign_in("/console/log")
    assert page.status_code == 200
    assert stage.browser.heading == "Public log"
    assert stage.browser.go(f"{stage.origin}/console/cases/{stage.desk.scene.main}").status_code == 200
    assert stage.desk.scene.log_types()[-1] == "audited"
    page = stage.browser.submit()
    assert stage.browser.heading == "You are signed out"
    assert page.status_code == 200
    stage.browser.go(f"{stage.origin}/console/")
    assert stage.browser.heading == "Sign in"


def test_one_factor_leads_no_further(stage: Stage) -> None:
    """The provider says how somebody signed in."""
    stage.let_in()
    stage.sign_in(code="")
    assert stage.browser.heading == "Two factors are needed"


def test_an_account_that_is_not_let_in_learns_what_to_say(stage: Stage) -> None:
    """And the agency's administrator needs exactly that."""
    stage.desk.give(stage.desk.word(issuer=stage.issuer, subject=SUBJECT, days=0))
    page = stage.sign_in()
    assert page.status_code == 403
    assert stage.issuer in page.text
    assert SUBJECT in page.text


def test_the_hubs_public_keys_are_published(stage: Stage) -> None:
    """Without anything private."""
    listed = httpx.get(f"{stage.origin}/console/sign-in/jwks.json", trust_env=False).json()
    assert listed == public_jwks(sign_in_keys().private(SIGN_IN_KEY))
    assert not any("d" in key for key in listed["keys"])
