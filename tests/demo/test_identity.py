"""The demo's identity provider, and signing in with it on both wirings, over real HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from flask import Flask

from adapters.home import HomeRefused
from adapters.workspace.providers import add_sign_in
from demo.identity import MAX_TRIES, DemoOnly, Identity, main
from demo.identity_parts import ACR_TWO_FACTORS
from demo.identity_place import MAX_SETTINGS_BYTES, require_demo_folder
from demo.stage import free_port
from hub.config import Config, ConfigRefused
from keys.fetching import Outgoing
from keys.private import PrivateKey
from keys.provider_link import AGAIN
from keys.sessions import WANTED_COOKIE
from keys.sign_in import WORDS, ProvidersRefused, Reason, public_jwks, read_providers
from tests.identity_site import WIRINGS, Browser, Site, listening

WORD, CODE = "correct horse", "123456"


@dataclass
class Stage:
    site: Site
    identity: Identity
    browser: Browser
    minutes: list[float]

    def start(self, *, form: int = 0, stop_at: str | None = None) -> httpx.Response:
        self.browser.go(f"{self.site.origin}/sign-in")
        return self.browser.submit(form=form, stop_at=stop_at)

    def sign_in(self, *, stop_at: str | None = None, **values: str) -> httpx.Response:
        self.start()
        fields = {"username": "ada", "password": WORD, "code": CODE, **values}
        return self.browser.submit(stop_at=stop_at, **fields)

    def come_back(self, **changes: str | None) -> httpx.Response:
        """Sign in at the provider, but change what comes back."""
        self.sign_in(stop_at=self.site.origin)
        asked = {name: value for name, value in {**self.browser.asked, **changes}.items() if value is not None}
        return self.browser.go(f"{self.browser.location.partition('?')[0]}?{urlencode(asked)}")

    def refused(self, page: httpx.Response, reason: Reason, says: str) -> None:
        """Nobody is signed in, the page has our words, the log says which check it was and no value."""
        assert self.site.identities == []
        assert self.browser.heading == WORDS[reason][0]
        assert page.status_code >= 400
        assert says in self.site.logged[-1]
        assert "subject-of-ada" not in page.text + "".join(self.site.logged)


def config(port: int, clients: list[dict[str, Any]]) -> dict[str, Any]:
    people = [{"username": "ada", "subject": "subject-of-ada", "password": WORD, "code": CODE}]
    issuers = {
        name: {"label": f"{name} (invented)", "clients": clients, "people": people}
        for name in ("fern-care", "fern-police")
    }
    return {"environment": "demo", "base": f"http://localhost:{port}", "issuers": issuers}


@pytest.fixture(params=sorted(WIRINGS))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    port, site_port = free_port(), free_port()
    key, minutes = PrivateKey.generate("ES256"), [0.0]
    tables = [
        {
            "name": name,
            "label": f"{name} (invented)",
            "issuer": f"http://localhost:{port}/{name}",
            "client_id": "nrm",
            "agency": name,
            "acr_values": [ACR_TWO_FACTORS],
        }
        for name in ("fern-care", "fern-police")
    ]
    clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes[0])  # noqa: E731
    site = Site(request.param, site_port, tables, key, Outgoing("demo"), clock)
    callbacks = [site.callback("fern-care"), site.callback("fern-police")]
    identity = Identity(config(port, [{"client_id": "nrm", "redirect_uris": callbacks, "jwks": public_jwks(key)}]), {})
    browser = Browser()
    with ExitStack() as stack:
        stack.callback(browser.close)
        stack.enter_context(listening(identity.application, port))
        stack.enter_context(listening(site.app, site_port))
        yield Stage(site, identity, browser, minutes)


def test_signing_in_with_two_factors(stage: Stage) -> None:
    assert stage.sign_in().status_code == 200
    (who,) = stage.site.identities
    assert (who.provider, who.agency, who.subject) == ("fern-care", "fern-care", "subject-of-ada")
    assert who.issuer.endswith("/fern-care")
    assert who.is_two_factor
    assert (who.amr, who.acr) == (("pwd", "otp", "mfa"), ACR_TWO_FACTORS)
    assert abs((datetime.now(UTC) - who.auth_time).total_seconds()) < 30


def test_the_page_that_was_asked_for_goes_with_the_sign_in_that_begins_there(stage: Stage) -> None:
    """From the browser's cookie into one page, and no further: whoever signs in after that is led nowhere."""
    for said, led in (("/wanted", "/wanted"), (None, ""), ("//elsewhere.example", "")):
        if said is not None:
            stage.browser.client.cookies.set(WANTED_COOKIE, said, domain="127.0.0.1", path="/")
        page = stage.browser.go(f"{stage.site.origin}/sign-in")
        assert ("Was it not you" in page.text) == bool(led)
        assert WANTED_COOKIE not in stage.browser.client.cookies
        stage.browser.submit()
        stage.browser.submit(username="ada", password=WORD, code=CODE)
        assert stage.site.wanted[-1] == led
    assert len(stage.site.wanted) == 3


def test_without_the_code_it_is_one_factor(stage: Stage) -> None:
    stage.sign_in(code="")
    (who,) = stage.site.identities
    assert not who.is_two_factor
    assert who.amr == ("pwd",)


def test_no_token_is_kept(stage: Stage) -> None:
    """Of a finished sign-in the session keeps nothing; what it is then is the application's matter."""
    stage.sign_in()
    assert stage.site.sessions() == [{}]


def test_the_request_goes_ahead_of_the_browser(stage: Stage) -> None:
    """RFC 9126: what the browser carries is a name; nonce, challenge and address were pushed."""
    pushed = []
    for _ in range(2):
        stage.start(stop_at="http://localhost")
        assert set(stage.browser.asked) == {"client_id", "request_uri"}
        assert urlsplit(stage.browser.location).path == "/fern-care/authorize"
        pushed.append(stage.identity.issuers["fern-care"]._pushed.get(stage.browser.asked["request_uri"]))
    for item in pushed:
        assert item["scope"] == "openid", "nothing else is asked for"
        assert item["redirect_uri"] == stage.site.callback("fern-care")
        assert item["code_challenge_method"] == "S256"
        assert (len(item["code_challenge"]), 16 <= len(item["nonce"]) <= 64) == (43, True)
    for name in ("nonce", "state", "code_challenge"):
        assert pushed[0][name] != pushed[1][name], "fresh for each request"


@pytest.mark.parametrize("values", [{"password": "wrong"}, {"code": "000000"}, {"username": "bob"}])
def test_wrong_words_sign_nobody_in(stage: Stage, values: dict[str, str]) -> None:
    assert stage.sign_in(**values).status_code == 403
    assert stage.site.identities == []
    stage.browser.submit(username="ada", password=WORD, code=CODE)
    assert len(stage.site.identities) == 1


def test_guessing_ends(stage: Stage) -> None:
    stage.sign_in(password="wrong")
    for _ in range(MAX_TRIES - 1):
        stage.browser.submit(username="ada", password="wrong")
    assert stage.browser.submit(username="ada", password=WORD, code=CODE).status_code == 403
    assert stage.site.identities == []


def test_cancelling_says_so_in_our_words(stage: Stage) -> None:
    stage.refused(stage.sign_in(cancel="yes"), Reason.DECLINED, "did not sign the person in")


def test_an_error_is_not_shown_in_the_providers_words(stage: Stage) -> None:
    words = {"error": "access_denied", "error_description": "call 01632 960000 now", "error_uri": "https://x.example"}
    page = stage.come_back(code=None, **words)
    stage.refused(page, Reason.DECLINED, "did not sign the person in")
    assert "01632" not in page.text + "".join(stage.site.logged)
    assert "x.example" not in page.text


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"iss": None}, Reason.UNTRUSTED, "iss is missing"),
        ({"iss": "http://localhost/other"}, Reason.UNTRUSTED, "iss names another issuer"),
        ({"state": "another"}, Reason.STALE, "no sign-in was begun"),
        ({"state": None}, Reason.STALE, "state is missing"),
        ({"code": "another"}, Reason.UNREACHABLE, "token: expected status 200, got 400"),
        ({"code": None}, Reason.UNTRUSTED, "code is missing"),
        ({"code": "a b+c%&=?#é"}, Reason.UNTRUSTED, "code is missing"),
        ({"code": "a b+c%&=?#\"'<>;:@/\\"}, Reason.UNREACHABLE, "token: expected status 200, got 400"),
    ],
)
def test_what_comes_back_has_to_fit(stage: Stage, changes: dict[str, str | None], reason: Reason, says: str) -> None:
    stage.refused(stage.come_back(**changes), reason, says)


def test_an_answer_counts_once(stage: Stage) -> None:
    stage.sign_in(stop_at=stage.site.origin)
    answer = stage.browser.location
    assert stage.browser.go(answer).status_code == 200
    stage.site.identities.clear()
    stage.refused(stage.browser.go(answer), Reason.STALE, "no sign-in was begun")


def test_an_answer_that_failed_does_not_count_again(stage: Stage) -> None:
    stage.sign_in(stop_at=stage.site.origin)
    answer = stage.browser.location
    stage.browser.go(answer.replace("code=", "code=x"))
    stage.refused(stage.browser.go(answer), Reason.STALE, "no sign-in was begun")


def test_an_answer_in_another_browser_signs_nobody_in(stage: Stage) -> None:
    """Whoever sends their own answer to a colleague does not sign the colleague in as themselves (RFC 9700 4.7)."""
    stage.sign_in(stop_at=stage.site.origin)
    answer = stage.browser.location
    other = Browser()
    stage.browser, own = other, stage.browser
    stage.refused(other.go(answer), Reason.STALE, "no sign-in was begun")
    stage.start()
    stage.refused(other.go(answer), Reason.STALE, "no sign-in was begun")
    own.close()


def test_an_answer_of_one_provider_is_not_taken_for_anothers(stage: Stage) -> None:
    """Mix-up (RFC 9700 section 4.4): begun with one, brought to the address of the other, with its name or without."""
    stage.sign_in(stop_at=stage.site.origin)
    swapped = stage.browser.location.replace("/sign-in/fern-care/", "/sign-in/fern-police/")
    stage.refused(stage.browser.go(swapped), Reason.STALE, "no sign-in was begun")
    other = stage.identity.issuers["fern-police"].issuer
    stage.refused(stage.come_back(iss=other), Reason.UNTRUSTED, "iss names another issuer")


def test_a_sign_in_that_took_too_long_is_begun_again(stage: Stage) -> None:
    stage.sign_in(stop_at=stage.site.origin)
    answer = stage.browser.location
    stage.minutes[0] = 10
    stage.refused(stage.browser.go(answer), Reason.STALE, "took too long")


def test_old_proof_of_who_somebody_is_does_not_count(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.identity_parts.Issued.get_auth_time", lambda self: self.at - 16 * 60 - 60)
    stage.refused(stage.sign_in(), Reason.UNTRUSTED, "max_age")


def test_a_session_begins_no_more_than_a_few(stage: Stage) -> None:
    for _ in range(5):
        stage.start(stop_at="http://localhost")
    (held,) = (item for item in stage.site.sessions() if item)
    assert len(held) == 3


def test_a_form_of_another_site_starts_nothing(stage: Stage) -> None:
    answer = stage.browser.client.post(f"{stage.site.origin}/sign-in/fern-care", data={"form_token": "x"})
    assert answer.status_code == 403
    assert stage.browser.client.get(f"{stage.site.origin}/sign-in/fern-care").status_code == 405


def test_an_unknown_provider_is_not_found(stage: Stage) -> None:
    stage.browser.go(f"{stage.site.origin}/sign-in")
    text = stage.browser.page.text if stage.browser.page else ""
    token = text.partition('name="form_token" value="')[2].partition('"')[0]
    for path, method in (("/sign-in/other", "POST"), ("/sign-in/other/callback?state=x", "GET")):
        answer = stage.browser.client.request(method, stage.site.origin + path, data={"form_token": token})
        assert answer.status_code == 404


def test_keys_changed_between_two_sign_ins(stage: Stage) -> None:
    stage.sign_in()
    stage.identity.issuers["fern-care"].rotate()
    stage.minutes[0] = AGAIN.total_seconds() / 60
    stage.sign_in()
    assert len(stage.site.identities) == 2


def test_keys_are_not_fetched_for_every_unknown_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    inner = Outgoing.get
    monkeypatch.setattr(Outgoing, "get", lambda *args, **rest: fetched.append(args[1]) or inner(*args, **rest))
    stage.sign_in()
    issuer = stage.identity.issuers["fern-care"]
    published = issuer.key
    monkeypatch.setitem(issuer.app.view_functions, "jwks", lambda: {"keys": [published.as_dict(private=False)]})
    issuer.rotate()
    stage.site.identities.clear()
    for _ in range(3):
        stage.refused(stage.sign_in(), Reason.UNTRUSTED, "published keys")
    assert len([url for url in fetched if url.endswith("/jwks.json")]) == 1
    stage.minutes[0] = AGAIN.total_seconds() / 60
    for _ in range(3):
        stage.refused(stage.sign_in(), Reason.UNTRUSTED, "published keys")
    assert len([url for url in fetched if url.endswith("/jwks.json")]) == 2


def test_a_client_with_another_key_is_refused(stage: Stage) -> None:
    for issuer in stage.identity.issuers.values():
        client = issuer.clients["nrm"]
        object.__setattr__(client, "jwks", public_jwks(PrivateKey.generate("ES256")))
    page = stage.start()
    stage.refused(page, Reason.UNREACHABLE, "pushed request: expected status 201, got 40")


def test_our_public_keys_are_published(stage: Stage) -> None:
    assert httpx.get(f"{stage.site.origin}/sign-in/jwks.json").json() == public_jwks(stage.site.signer)


def test_every_page_of_signing_in_is_declared(stage: Stage) -> None:
    """What is not declared is answered to nobody, so each of these has to be."""
    views = stage.site.app.view_functions
    assert {name: getattr(views[name], "need", None) for name in views} == {
        f"sign_in_{name}": "open" for name in ("choose", "jwks", "start", "callback")
    }


# The provider by itself


def test_it_takes_only_pushed_requests_of_registered_clients(stage: Stage) -> None:
    issuer = stage.identity.issuers["fern-care"].issuer
    asked = {"client_id": "nrm", "response_type": "code", "scope": "openid", "redirect_uri": "http://127.0.0.1/x"}
    assert httpx.get(f"{issuer}/authorize", params=asked).status_code == 400
    assert httpx.get(f"{issuer}/authorize", params={"client_id": "nrm", "request_uri": "urn:x"}).status_code == 400
    assert httpx.post(f"{issuer}/par", data=asked).status_code in (400, 401)
    assert httpx.post(f"{issuer}/token", data={"grant_type": "authorization_code", "code": "x"}).status_code in (
        400,
        401,
    )
    page = httpx.get(f"{issuer}/pages.css")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://127.0.0.1/other"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"code_challenge": "", "code_challenge_method": ""},
        {"scope": "openid profile"},
        {"response_type": "token"},
        {"nonce": ""},
        {"client_id": "another"},
        {"request_uri": "urn:x"},
    ],
)
def test_it_refuses_a_pushed_request_that_is_not_of_its_form(stage: Stage, changes: dict[str, str]) -> None:
    from keys.provider_link import ProviderLink
    from keys.sign_in import read_providers

    (provider, _) = read_providers(stage.site.tables, Path("x.toml"), "demo")
    link = ProviderLink(provider, stage.site.signer, Outgoing("demo"), stage.site.clock)
    asked = {
        "client_id": "nrm",
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": stage.site.callback("fern-care"),
        "nonce": "n" * 20,
        "state": "s",
        "code_challenge": "a" * 43,
        "code_challenge_method": "S256",
    }
    # Another client is registered with the same address; its name is not ours to use.
    clients = stage.identity.issuers["fern-care"].clients
    clients["another"] = replace(clients["nrm"], client_id="another")
    address = link.metadata().pushed_endpoint or ""
    assert link.post(address, {**asked, **link.assertion()}).status == 201
    assert link.post(address, {**asked, **link.assertion(), **changes}).status in (400, 401)
    used = link.assertion()
    assert link.post(address, {**asked, **used}).status == 201
    assert link.post(address, {**asked, **used}).status in (400, 401), "an assertion counts once"


@pytest.mark.parametrize(
    ("changes", "environ"),
    [
        ({"environment": "production"}, {}),
        ({}, {"NRM_ENVIRONMENT": "production"}),
        ({}, {"NRM_ENVIRONMENT": ""}),
        ({"base": "http://fern.example"}, {}),
        ({"base": "https://identity.localhost:8085"}, {}),
        ({"base": "http://0.0.0.0:8085"}, {}),
        ({"base": "http://localhost@fern.example"}, {}),
        ({"base": "http://localhost.fern.example"}, {}),
        ({"base": "http://localhost:x"}, {}),
        ({"environment": None}, {}),
        ({"bind": "0.0.0.0:8085"}, {}),
    ],
)
def test_it_never_runs_in_production(changes: dict[str, str], environ: dict[str, str]) -> None:
    with pytest.raises(DemoOnly):
        Identity({**config(1, []), **changes}, environ)


@pytest.mark.parametrize(
    "uri", ["https://fern-care.example/sign-in/x/callback", "http://10.0.0.1/x", "http://x.example/"]
)
def test_it_serves_nobody_elsewhere(uri: str) -> None:
    with pytest.raises(DemoOnly, match="redirect_uris"):
        Identity(config(1, [{"client_id": "nrm", "redirect_uris": [uri], "jwks": {"keys": []}}]), {})


def test_it_listens_on_this_machine_alone() -> None:
    port = free_port()
    identity = Identity(config(port, []), {})
    identity.listen()
    assert identity._listening is not None
    assert identity._listening.socket.getsockname() == ("127.0.0.1", port)
    identity._listening.server_close()


HUB = 'issuer = "http://127.0.0.1:8080"\norigin = "hub.example/main"\n'
ADAPTER = 'agency = "fern-care"\n'
AT = '[workspace]\norigin = "http://fern-care.localhost:8443"\nbind = "127.0.0.1:8443"\n'


def place(folder: Path, hub: str | None, adapter: str | None) -> dict[str, Any]:
    """A hub and an adapter beside the provider's configuration, which serves both."""
    for name, text in (("hub/hub.toml", hub), ("care/adapter.toml", adapter)):
        if text is not None:
            (folder / name).parent.mkdir()
            (folder / name).write_text(text)
    callbacks = [
        "http://127.0.0.1:8080/console/sign-in/x/callback",
        "http://fern-care.localhost:8443/sign-in/x/callback",
    ]
    return config(free_port(), [{"client_id": "nrm", "redirect_uris": callbacks, "jwks": {"keys": []}}])


def test_beside_the_demos_own_sites_it_starts(tmp_path: Path) -> None:
    require_demo_folder(
        tmp_path, place(tmp_path, f'{HUB}environment = "demo"\n', f'{ADAPTER}environment = "demo"\n{AT}')
    )


@pytest.mark.parametrize(
    ("hub", "adapter"),
    [
        (f'{HUB}environment = "production"\n', f'{ADAPTER}environment = "demo"\n{AT}'),
        (HUB, f'{ADAPTER}environment = "demo"\n{AT}'),
        (f'{HUB}environment = "demo"\n', f'{ADAPTER}environment = "production"\n{AT}'),
        (f'{HUB}environment = "demo"\n', f"{ADAPTER}{AT}"),
        (f'{HUB}environment = "demo"\n', "not TOML"),
        (f'{HUB}environment = "demo"\n', f'{ADAPTER}environment = "demo"\n#{"x" * MAX_SETTINGS_BYTES}'),
        (f'{HUB}environment = "demo"\n'.replace("http:", "https:"), f'{ADAPTER}environment = "demo"\n{AT}'),
        (f'{HUB}environment = "demo"\n', None),
        (None, f'{ADAPTER}environment = "demo"\n{AT}'),
        (None, None),
    ],
)
def test_it_starts_beside_nothing_but_a_demo_and_serves_nothing_else(
    tmp_path: Path, hub: str | None, adapter: str | None
) -> None:
    """Whatever it says of itself: a site's own settings decide, and a site that is not beside it is not served."""
    with pytest.raises(DemoOnly):
        require_demo_folder(tmp_path, place(tmp_path, hub, adapter))


def test_the_command_looks_beside_its_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "identity.json"
    path.write_text(json.dumps(place(tmp_path, HUB, f'{ADAPTER}environment = "demo"\n{AT}')))
    assert main([str(path)]) == 1
    assert "hub/hub.toml does not say that it is a demo" in capsys.readouterr().err


DEMO_ISSUERS = [
    "http://identity.localhost:8085/fern-care",
    "https://identity.localhost:8085/fern-care",
    "https://127.0.0.1:8085/fern-care",
    "https://localhost/fern-care",
    "https://identity.localhost./fern-care",
    "https://[::1]/fern-care",
]


@pytest.mark.parametrize("issuer", DEMO_ISSUERS)
def test_a_hub_and_an_adapter_in_production_do_not_take_the_demos_provider(tmp_path: Path, issuer: str) -> None:
    table = {"name": "care", "label": "x", "issuer": issuer, "client_id": "nrm", "agency": "fern-care"}
    written = "".join(f'{name} = "{value}"\n' for name, value in table.items())
    (tmp_path / "hub.toml").write_text(
        f'issuer = "https://hub.example"\norigin = "hub.example/main"\n[[sign_in]]\n{written}'
    )
    with pytest.raises(ConfigRefused, match="issuer"):
        Config.load(tmp_path)
    home = SimpleNamespace(tables={"sign_in": [table]}, folder=tmp_path, environment="production", agency="fern-care")
    app = Flask("adapters.workspace")
    app.extensions["workspace"] = SimpleNamespace(adapter=SimpleNamespace(home=home))
    with pytest.raises(HomeRefused, match="issuer"):
        add_sign_in(app)


def test_nor_endpoints_on_their_own_machine() -> None:
    for host in ("localhost", "identity.localhost", "127.0.0.1:8443"):
        with pytest.raises(ProvidersRefused, match="address of this machine is for the demo alone"):
            read_providers(
                [
                    {
                        "name": "care",
                        "label": "x",
                        "issuer": "https://sign-in.fern.example",
                        "client_id": "nrm",
                        "agency": "fern-care",
                        "hosts": [host],
                    }
                ],
                Path("hub.toml"),
                "production",
            )


def test_the_command_refuses_production(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    path.write_text(json.dumps(config(free_port(), [])))
    environ = {**os.environ, "NRM_ENVIRONMENT": "production"}
    command = [sys.executable, "-m", "demo.identity", str(path)]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "for the demo alone" in ended.stderr
    assert "Traceback" not in ended.stderr
