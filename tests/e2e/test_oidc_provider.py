"""Signing in with a certified OpenID provider that nobody here wrote (npm oidc-provider), on both wirings.

Over real HTTP, through its own pages. What a hostile provider or network would change is changed between the two.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from demo.stage import free_port
from keys.fetching import Answer, Outgoing
from keys.jose import b64u, b64u_decode
from keys.private import PrivateKey
from keys.provider_link import AGAIN
from keys.sign_in import WORDS, Reason, public_jwks
from tests.identity_site import WIRINGS, Browser, Site, listening
from tests.oidc_software import OidcSoftware, signing_keys

SECRET = ("code", "code_verifier", "client_assertion", "nonce", "code_challenge")
Change = Callable[[str, Any], Any]


class Meddling(Outgoing):
    """Changes what is sent or what comes back, where a test says so."""

    def __init__(self) -> None:
        super().__init__("demo")
        self.form: Change = lambda _, form: form
        self.answer: Change = lambda _, answer: answer
        self.sent: list[tuple[str, Mapping[str, str] | None]] = []

    def send(self, method: str, url: str, *args: Any, form: Mapping[str, str] | None = None, **how: Any) -> Answer:
        path = urlsplit(url).path
        self.sent.append((path, form))
        changed = None if form is None else self.form(path, dict(form))
        answer: Answer = self.answer(path, super().send(method, url, *args, form=changed, **how))
        return answer


@dataclass
class Serving:
    """What answers on the site's port."""

    app: Any

    def __call__(self, *args: Any) -> Any:
        return self.app(*args)


@dataclass
class Stage:
    site: Site
    software: OidcSoftware
    outgoing: Meddling
    browser: Browser
    minutes: list[float]

    serving: Serving

    def configure(self, **changes: Any) -> None:
        """Serve the same site with other settings of its provider."""
        table = {**self.site.tables[0], **changes}
        site = self.site
        self.site = Site(site.wiring, site.port, [table], site.signer, self.outgoing, site.clock)
        self.serving.app = self.site.app

    def sign_in(self, name: str = "two-ada", *, stop_at: str | None = None) -> httpx.Response:
        """Begin here, give a name there, agree there, come back."""
        self.browser.go(f"{self.site.origin}/sign-in")
        page = self.browser.submit(stop_at=stop_at)
        if 'name="login"' not in page.text:
            return page
        page = self.browser.submit(login=name, password="x")
        return self.browser.submit(stop_at=stop_at) if 'value="consent"' in page.text else page

    def refused(self, page: httpx.Response, reason: Reason, says: str) -> None:
        assert self.site.identities == []
        assert page.status_code >= 400
        assert self.browser.heading == WORDS[reason][0]
        assert says in self.site.logged[-1]
        assert "ada" not in page.text + "".join(self.site.logged)

    def change_token(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.outgoing.answer = lambda path, answer: (
            Answer(200, json.dumps(change(json.loads(answer.body))).encode()) if path == "/token" else answer
        )


@dataclass(frozen=True)
class Fixed:
    """What stays the same for the module, so that the provider need not start again for each test."""

    key: PrivateKey
    ports: Mapping[str, int]
    provider_keys: Mapping[str, Any]


@pytest.fixture(scope="module")
def fixed() -> Fixed:
    return Fixed(PrivateKey.generate("ES256"), {wiring: free_port() for wiring in WIRINGS}, signing_keys())


@pytest.fixture(scope="module")
def software(oidc_package: Path) -> Iterator[OidcSoftware]:
    software = OidcSoftware(free_port(), {})
    yield software
    software.stop()


@pytest.fixture(params=sorted(WIRINGS))
def stage(request: pytest.FixtureRequest, software: OidcSoftware, fixed: Fixed) -> Iterator[Stage]:
    minutes, outgoing, site_port = [0.0], Meddling(), fixed.ports[request.param]
    table = {
        "name": "fern-care",
        "label": "Care (invented)",
        "issuer": software.issuer,
        "client_id": "nrm-hub",
        "agency": "fern-care",
        "two_factor_amr": ["pwd+otp"],
    }
    clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes[0])  # noqa: E731
    site = Site(request.param, site_port, [table], fixed.key, outgoing, clock)
    software.ensure(
        client_id="nrm-hub",
        redirect_uris=[f"http://127.0.0.1:{port}/sign-in/fern-care/callback" for port in fixed.ports.values()],
        client_jwks=public_jwks(fixed.key),
        jwks=dict(fixed.provider_keys),
        id_token_alg="ES256",
        pushed=True,
    )
    browser = Browser()
    with ExitStack() as stack:
        stack.callback(browser.close)
        serving = Serving(site.app)
        stack.enter_context(listening(serving, site_port))
        yield Stage(site, software, outgoing, browser, minutes, serving)


def test_signing_in(stage: Stage) -> None:
    assert stage.sign_in().status_code == 200
    (who,) = stage.site.identities
    assert (who.subject, who.issuer, who.amr) == ("two-ada", stage.software.issuer, ("pwd", "otp"))
    assert who.is_two_factor
    paths = [path for path, _ in stage.outgoing.sent]
    assert paths == ["/.well-known/openid-configuration", "/request", "/token", "/jwks"]
    for path, form in stage.outgoing.sent:
        if form is not None:
            assert "client_assertion" in form, path
            assert "client_secret" not in form, path


def test_nothing_of_it_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Neither code nor verifier nor assertion nor token nor who it was, at the most talkative setting."""
    answers: list[bytes] = []

    def note(path: str, answer: Answer) -> Answer:
        if path == "/token":
            answers.append(answer.body)
        return answer

    stage.outgoing.answer = note
    with caplog.at_level(logging.DEBUG):
        stage.sign_in()
    assert len(stage.site.identities) == 1
    secret = {"two-ada"} | {form[name] for _, form in stage.outgoing.sent if form for name in SECRET if name in form}
    secret |= {value for value in json.loads(answers[0]).values() if isinstance(value, str) and len(value) > 20}
    assert len(secret) == 9
    # The browser of this test speaks in the same process.
    logged = [item.getMessage() for item in caplog.records if not item.name.startswith(("httpx", "httpcore"))]
    assert [item for item in secret if any(item in line for line in [*logged, *stage.site.logged])] == []


def test_one_factor_is_one_factor(stage: Stage) -> None:
    stage.sign_in("ada")
    (who,) = stage.site.identities
    assert (who.amr, who.is_two_factor) == (("pwd",), False)


def test_signing_in_where_no_pushed_requests_are_taken(stage: Stage) -> None:
    stage.software.restart(pushed=False)
    assert stage.sign_in().status_code == 200
    assert len(stage.site.identities) == 1
    assert "/request" not in [path for path, _ in stage.outgoing.sent]


@pytest.mark.parametrize("alg", ["RS256", "PS256", "Ed25519"])
def test_its_other_algorithms_where_they_are_configured(stage: Stage, alg: str) -> None:
    stage.software.restart(id_token_alg=alg)
    stage.configure(id_token_algorithms=[alg])
    assert stage.sign_in().status_code == 200
    assert len(stage.site.identities) == 1


def test_another_algorithm_than_configured_is_refused(stage: Stage) -> None:
    stage.software.restart(id_token_alg="RS256")
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "signed otherwise than with ES256")


def test_a_provider_that_offers_none_of_the_configured_algorithms_is_refused(stage: Stage) -> None:
    stage.configure(id_token_algorithms=["ES384"])
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "lists none of ES384")


def test_keys_changed_between_two_sign_ins(stage: Stage) -> None:
    stage.sign_in()
    stage.software.restart(jwks=signing_keys())
    stage.minutes[0] = AGAIN.total_seconds() / 60
    stage.browser.client.cookies.clear()
    stage.sign_in()
    assert len(stage.site.identities) == 2


def test_a_client_with_another_key_is_refused(stage: Stage) -> None:
    stage.software.restart(client_jwks=public_jwks(PrivateKey.generate("ES256")))
    stage.refused(stage.sign_in(), Reason.UNREACHABLE, "pushed request: expected status 201, got 401")


def test_a_client_with_another_key_redeems_nothing(stage: Stage) -> None:
    """Without pushed requests the first thing that the key is needed for is the code."""
    stage.software.restart(client_jwks=public_jwks(PrivateKey.generate("ES256")), pushed=False)
    stage.refused(stage.sign_in(), Reason.UNREACHABLE, "token: expected status 200, got 401")


def test_an_answer_to_another_sign_in_is_refused(stage: Stage) -> None:
    stage.outgoing.form = lambda path, form: {**form, "nonce": "another"} if path == "/request" else form
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "nonce")


def test_another_verifier_redeems_nothing(stage: Stage) -> None:
    """PKCE: a code that was stolen on its way is worth nothing to another session."""
    stage.outgoing.form = lambda path, form: {**form, "code_verifier": "a" * 64} if path == "/token" else form
    stage.refused(stage.sign_in(), Reason.UNREACHABLE, "token: expected status 200, got 400")


def test_a_token_whose_claims_were_changed_is_refused(stage: Stage) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        header, payload, signature = answer["id_token"].split(".")
        claims = {**json.loads(b64u_decode(payload)), "sub": "somebody-else"}
        return {**answer, "id_token": f"{header}.{b64u(json.dumps(claims).encode())}.{signature}"}

    stage.change_token(change)
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "signature does not verify")


def test_an_unsigned_token_is_refused(stage: Stage) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        payload = answer["id_token"].split(".")[1]
        header = b64u(b'{"alg":"none"}')
        return {**answer, "id_token": f"{header}.{payload}."}

    stage.change_token(change)
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "signed otherwise")


def test_an_answer_without_an_id_token_is_refused(stage: Stage) -> None:
    stage.change_token(lambda answer: {name: answer[name] for name in answer if name != "id_token"})
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "missing")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"x" * 70_000, b'{"id_token":"a","id_token":"b"}'])
def test_an_answer_that_is_none_is_refused(stage: Stage, body: bytes) -> None:
    stage.outgoing.answer = lambda path, answer: Answer(200, body) if path == "/token" else answer
    stage.refused(stage.sign_in(), Reason.UNREACHABLE, "token: ")


@pytest.mark.parametrize(("iss", "says"), [(None, "iss is missing"), ("https://other.example", "another issuer")])
def test_an_answer_without_its_issuer_is_refused(stage: Stage, iss: str | None, says: str) -> None:
    stage.sign_in(stop_at=stage.site.origin)
    asked = dict(parse_qsl(urlsplit(stage.browser.location).query))
    assert asked.pop("iss") == stage.software.issuer
    if iss is not None:
        asked["iss"] = iss
    page = stage.browser.go(f"{stage.site.callback('fern-care')}?{urlencode(asked)}")
    stage.refused(page, Reason.UNTRUSTED, says)


def test_turning_back_at_the_provider(stage: Stage) -> None:
    stage.browser.go(f"{stage.site.origin}/sign-in")
    page = stage.browser.submit()
    page = stage.browser.go(f"{page.url}/abort")
    assert "End-User aborted" not in page.text
    stage.refused(page, Reason.DECLINED, "did not sign the person in")


def test_a_code_counts_once(stage: Stage) -> None:
    """Two sign-ins of one browser, the second brought back with the first one's code."""
    stage.sign_in(stop_at=stage.site.origin)
    first = stage.browser.asked["code"]
    stage.browser.go(stage.browser.location)
    stage.site.identities.clear()
    stage.sign_in(stop_at=stage.site.origin)
    asked = {**stage.browser.asked, "code": first}
    page = stage.browser.go(f"{stage.site.callback('fern-care')}?{urlencode(asked)}")
    stage.refused(page, Reason.UNREACHABLE, "token: expected status 200, got 400")


def test_a_provider_that_is_gone(stage: Stage) -> None:
    stage.software.stop()
    stage.refused(stage.sign_in(), Reason.UNREACHABLE, "no connection")
