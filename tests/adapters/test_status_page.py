"""Keeping watch, seen from its page: what it says without naming anything, how it says trouble, and who may ask."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from adapters.alarms import MEANINGS, acknowledge
from adapters.following import Follower
from adapters.home import HomeRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.runtime import Adapter
from adapters.serving import Watch, create_app, parse_bind, run
from adapters.store.rows import list_alarms, raise_alarm
from adapters.store.tables import AcknowledgedRow
from policies.vocabulary import Gateway
from tests.adapters.hands import REPOSITORY, Hands
from tests.consents import asked
from tests.federation import free_port
from tests.scene import CANARIES, CHARITY, HEALTH, REVIEW, Scene, now, opened_keys

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
MEMBERS = {
    "status",
    "agency",
    "name",
    "environment",
    "hub",
    "last_look",
    "trouble",
    "notice",
    "witnessed_size",
    "witnessed_at",
    "cases",
    "cases_waiting_to_push",
    "lines_promised",
    "promised_by",
    "alarms",
    "notifications",
    "alarms_acknowledged",
    "alarms_not_known",
}


@pytest.fixture(scope="module")
def environ(scene_source: Path) -> dict[str, str]:
    """The health agency's passphrases."""
    found: dict[str, str] = json.loads((scene_source / "scene.json").read_text())["environ"][HEALTH]
    return found


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for the module; its log only grows."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def adapter(scene: Scene, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    """The health agency's adapter, speaking with the hub inside the test."""
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    made = Adapter(scene[HEALTH].home, environ=environ)
    made.__dict__["client"] = scene[HEALTH].client
    yield made
    made.store.close()


@pytest.fixture
def watch(adapter: Adapter) -> Watch:
    """A watch that looks when the test says so."""
    return Watch(adapter, 2.0)


@pytest.fixture
def page(adapter: Adapter, watch: Watch) -> FlaskClient:
    """A browser on the adapter's own machine."""
    return create_app(adapter, watch).test_client()


def health(page: FlaskClient) -> tuple[int, dict[str, Any]]:
    answer = page.get("/health")
    found: dict[str, Any] = answer.get_json()
    return answer.status_code, found


def test_a_look_that_found_everything_in_order(watch: Watch, page: FlaskClient) -> None:
    watch.look()
    code, found = health(page)
    assert set(found) == MEMBERS
    assert (code, found["status"], found["trouble"], found["alarms"]) == (200, "ok", None, [])
    assert (found["agency"], found["cases"], found["cases_waiting_to_push"]) == (HEALTH, 2, 0)
    assert found["witnessed_size"] > 0
    assert "Everything this adapter checks holds." in page.get("/").text


@pytest.mark.parametrize("path", ["/", "/health", "/absent"])
def test_every_answer_has_its_headers(page: FlaskClient, path: str) -> None:
    answer = page.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Set-Cookie" not in answer.headers
    assert page.post(path).status_code in (404, 405)


def test_the_page_names_no_case_and_no_content(scene: Scene, watch: Watch, page: FlaskClient) -> None:
    """It has no sign-in, so it shows numbers of cases, never which, who or what."""
    scene[HEALTH].pull(scene.main, "voter")
    scene[HEALTH].write(scene.main, {"kind": "concern", "summary": CANARIES[0], "fields": {}})
    watch.look()
    for path in ("/", "/health"):
        text = page.get(path).text
        for word in (*CANARIES, scene.main, scene.other, *scene[HEALTH].people.values()):
            assert word not in text
        assert "<script" not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_page_asked_for_under_another_name_is_refused(page: FlaskClient, host: str) -> None:
    """A page elsewhere whose name was made to lead to loopback learns nothing."""
    for path in ("/", "/health"):
        answer = page.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert HEALTH not in answer.text
    for name in ("127.0.0.1:8101", "localhost", "[::1]:8101"):
        assert page.get("/health", headers={"Host": name}).status_code in (200, 503)


def test_trouble_is_shown_and_goes_away(watch: Watch, page: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub said stands nowhere on the page, only the code."""

    def fail(*_: Any) -> None:
        raise HubRefused(403, {"type": "urn:x:issuer", "detail": "words of the hub"})

    with monkeypatch.context() as patch:
        patch.setattr(Follower, "witness_once", fail)
        watch.look()
        code, found = health(page)
        assert (code, found["status"], found["trouble"]) == (503, "attention", "the hub refused: issuer")
        shown = page.get("/").text
        assert "words of the hub" not in shown
        assert "Somebody should look" in shown
    watch.look()
    assert health(page)[0] == 200


def test_an_alarm_stays(adapter: Adapter, watch: Watch, page: FlaskClient) -> None:
    """What was refused once is shown until somebody has looked: as text, never as markup."""
    watch.look()
    with adapter.store.write() as session:
        raise_alarm(session, "fork", "the hub shows two logs <b>now</b>", "2026-01-31T12:00:00Z")
    code, found = health(page)
    shown = page.get("/").text
    forget_alarms(adapter)
    assert (code, found["status"]) == (503, "attention")
    (alarm,) = found["alarms"]
    assert (alarm["at"], alarm["code"]) == ("2026-01-31T12:00:00Z", "fork")
    assert alarm["text"] == "the hub shows two logs <b>now</b>"
    assert alarm["to_do"] == MEANINGS["fork"].to_do
    assert MEANINGS["fork"].means in shown
    assert "&lt;b&gt;now&lt;/b&gt;" in shown
    assert "<b>now" not in shown


def forget_alarms(adapter: Adapter) -> None:
    """So that the tests after this one begin without any."""
    with adapter.store.write() as session:
        for row in [*list_alarms(session), *session.query(AcknowledgedRow)]:
            session.delete(row)


def test_an_acknowledged_alarm_asks_for_attention_only_when_it_comes_again(
    adapter: Adapter, watch: Watch, page: FlaskClient
) -> None:
    """It is kept with who saw it; the page counts it and names nobody."""
    watch.look()
    with adapter.store.write() as session:
        raise_alarm(session, "fork", "two logs", "2026-01-31T12:00:00Z")
    number = health(page)[1]["alarms"][0]["number"]
    acknowledge(adapter.store, number, by="Officer Invented", reason="A backup", at=now())
    code, found = health(page)
    shown = page.get("/").text
    assert (code, found["status"], found["alarms"], found["alarms_acknowledged"]) == (200, "ok", [], 1)
    assert "Acknowledged: 1" in shown
    assert "Officer Invented" not in shown
    with adapter.store.write() as session:
        raise_alarm(session, "fork", "two logs", "2026-01-31T13:00:00Z")
    code, found = health(page)
    forget_alarms(adapter)
    assert (code, found["status"], len(found["alarms"])) == (503, "attention", 1)


def test_no_alarm_is_claimed_of_a_hub_that_was_not_reached(
    adapter: Adapter, watch: Watch, page: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before the first look, not while the hub does not answer, not while the watch stands still."""

    def fail(*_: Any) -> None:
        raise HubUnreachable("nobody is there")

    def said() -> str:
        return page.get("/").text.partition("<h2>Alarms</h2>")[2]

    assert "Not known: the hub has not been reached since this adapter was started at " in said()
    with monkeypatch.context() as patch:
        patch.setattr(Follower, "witness_once", fail)
        watch.look()
        assert "Not known: the hub has not been reached since this adapter was started at " in said()
    watch.look()
    assert "<p>None.</p>" in said()
    reached = health(page)[1]["last_look"]
    with monkeypatch.context() as patch:
        patch.setattr(Follower, "witness_once", fail)
        watch.look()
        assert f"Not known: the hub has not been reached since {reached}." in said()
        assert "None." not in said()
    watch.look()
    with monkeypatch.context() as patch:
        patch.setattr(adapter, "clock", lambda: now() + timedelta(seconds=90))
        assert "Not known: the last look at the log, at " in said()


def test_the_page_grows_with_its_readers_letters(page: FlaskClient) -> None:
    """Sizes of letters are relative to what the reader has set."""
    style = page.get("/").text.partition("<style>")[2].partition("</style>")[0]
    assert re.findall(r"font(?:-size)?:[^;]*", style)
    assert not re.findall(r"font(?:-size)?:[^;]*\d(?:px|pt)", style)


def test_a_watch_that_stopped_looking_says_so(adapter: Adapter, watch: Watch, page: FlaskClient) -> None:
    """However the watch ended, its last good word is not shown as today's."""
    watch.look()
    assert health(page)[0] == 200
    adapter.clock = lambda: now() + timedelta(seconds=90)
    code, found = health(page)
    assert (code, found["trouble"]) == (503, "the watch has stopped looking; restart this process")


def test_a_watch_that_never_looked_says_so(adapter: Adapter, page: FlaskClient) -> None:
    adapter.clock = lambda: now() + timedelta(seconds=90)
    assert health(page)[0] == 503


def test_the_watch_tidies_kept_pulls(scene: Scene, watch: Watch, adapter: Adapter) -> None:
    """A withdrawal is enough: nobody has to open anything for the ciphertext to go."""
    charity, reader = scene[CHARITY], scene[HEALTH]
    none: dict[str, list[str]] = {"categories": [], "recipients": [], "purposes": []}
    consent: dict[str, Any] = {
        "state": "given",
        "reason": "none",
        "given_by": "child",
        "scope": {"categories": ["concern"], "recipients": ["health"], "purposes": ["panel_review"]},
        "wishes": "recorded",
        **asked("given"),
        "expires_at": None,
        "detail": None,
    }
    charity.book.record_consent(scene.main, consent)
    content = {"kind": "concern", "summary": "On consent", "fields": {}}
    assert charity.share(scene.main, content, gateway=Gateway.CLDC_CONSENT).refused == 0
    reader.pull(scene.main, "voter")
    watch.look()
    before = kept(scene)
    assert before > 1
    charity.book.record_consent(scene.main, {**consent, "state": "withdrawn", "scope": none})
    watch.look()
    assert kept(scene) == before - 1
    # What time alone ends goes as well, without a new statement.
    watch._tidy([scene.main])
    assert kept(scene) == before - 1
    adapter.clock = lambda: now() + timedelta(days=31)
    adapter.__dict__.pop("follower")
    adapter.__dict__.pop("book", None)
    adapter.__dict__.pop("receiver", None)
    watch._tidy([scene.main])
    assert kept(scene) == 0


def kept(scene: Scene) -> int:
    reader = scene[HEALTH]
    pull = reader.receiver.inbox.load(scene.main, reader.people["voter"], REVIEW)
    return sum(line["type"] == "fragment" for line in pull.lines)


# --- the process ---


@pytest.mark.parametrize(
    ("bind", "parsed"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:8101", ("::1", 8101)), ("localhost:65535", ("localhost", 65535))],
)
def test_loopback_addresses_are_taken(bind: str, parsed: tuple[str, int]) -> None:
    assert parse_bind(bind) == parsed


@pytest.mark.parametrize(
    ("bind", "said"),
    [
        ("0.0.0.0:8101", "loopback only"),
        ("192.0.2.1:8101", "loopback only"),
        (":8101", "loopback only"),
        ("8101", "loopback only"),
        ("", "loopback only"),
        ("127.0.0.1", "loopback only"),
        ("localhost.evil.example:80", "loopback only"),
        ("127.0.0.1:", "port"),
        ("127.0.0.1:x", "port"),
        ("127.0.0.1:65536", "port"),
        ("127.0.0.1:-1", "port"),
        ("127.0.0.1:٣", "port"),
        ("127.0.0.1:" + "9" * 5000, "port"),
    ],
)
def test_other_addresses_are_refused(bind: str, said: str) -> None:
    with pytest.raises(HomeRefused, match=said):
        parse_bind(bind)


@pytest.mark.parametrize("every", [0.0, -1.0, float("nan")])
def test_a_watch_without_pause_is_refused(adapter: Adapter, every: float) -> None:
    with pytest.raises(HomeRefused, match="at least"):
        run(adapter, bind="127.0.0.1:0", every_seconds=every, announce=pytest.fail)


def test_serve_watches_until_it_is_stopped(
    make_scene: Callable[[], Scene], environ: dict[str, str], tmp_path: Path
) -> None:
    """The real process over HTTP: it looks, answers on loopback, refuses a taken port, and ends when told to."""
    scene = make_scene().start()
    home, port = scene[HEALTH].home.folder, free_port()
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    command = [sys.executable, "-m", "adapters.cli", "--home", str(home), "serve", "--every", "0.3", "--bind"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [*command, f"127.0.0.1:{port}"],
            env={**plain, "NRM_ADAPTER_PASSPHRASE": environ["NRM_ADAPTER_PASSPHRASE"]},
            cwd=REPOSITORY,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        assert set(wait_for(port)) == MEMBERS
        assert f"the status page is at http://127.0.0.1:{port}/\n" in (tmp_path / "out").read_text()
        for path in ("/", "/absent", "/%00"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").headers.get_list("Server") == ["nrm-adapter"]
        assert "address is in use" in Hands(home, environ).refused("serve", "--bind", f"127.0.0.1:{port}")
        assert httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"}).status_code == 400
    finally:
        process.terminate()
        process.wait(timeout=20)
    written = (tmp_path / "out").read_bytes()
    assert b"Traceback" not in written
    assert not [secret for secret in environ.values() if secret.encode() in written]


def wait_for(port: int) -> dict[str, Any]:
    """Wait until the process has looked once."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/health", timeout=3).json()
        except httpx.TransportError:
            found = {}
        if found.get("last_look"):
            return found
        time.sleep(0.1)
    raise AssertionError("the process did not look in a minute")
