"""Attack 77 by number: strangers who ask without end, and an agency that would hold every thread.

Whoever proves nothing is counted by address, over all processes of the hub; whoever has a good token may be slow and
holds a few threads, never all of them.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from flask import Flask

from hub.api.at_once import LONG_BYTES, AtOnce
from hub.app import create_app
from hub.auth import strangers
from hub.refusal import Refused
from hub.services import Services
from hub.store import tallies
from hub.store.rates import WINDOW_SECONDS
from tests.attacks.test_step3_pace import at_its_time, caller, clock, scene  # noqa: F401 - fixtures
from tests.hub.api.raw import Raw
from tests.scene import CARE, HEALTH, Scene, embedded_services

LIMIT = 6
FRONT, NAMED = "192.0.2.1", "198.51.100.7"


def at(app: Flask, scene: Scene, address: str, **headers: str) -> httpx.Client:  # noqa: F811
    """A stranger at an address."""
    transport = httpx.WSGITransport(app=app, remote_addr=address)
    return httpx.Client(transport=transport, base_url=scene.hub.issuer, headers=headers)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "ADDRESS_REQUESTS_PER_MINUTE", LIMIT)
    monkeypatch.setattr(tallies, "PORTION", 1)


@pytest.fixture
def services(scene: Scene, clock: list[datetime]) -> Services:  # noqa: F811
    return embedded_services(scene.hub, lambda: clock[0])


@pytest.mark.usefixtures("few")
def test_attack_77_strangers_at_one_address_are_capped_over_all_processes(
    scene: Scene,  # noqa: F811
    clock: list[datetime],  # noqa: F811
    services: Services,
) -> None:
    """What is open, what needs a token, what is not there: one count, told by both processes."""
    second = embedded_services(scene.hub, lambda: clock[0], anew=False)
    one, two = at(create_app(services), scene, FRONT), at(create_app(second), scene, FRONT)
    paths = ("/health", "/v1/policy", "/nothing-here", "/openapi.json", "/log/checkpoint", "/health")
    said = [(one, two)[number % 2].get(path) for number, path in enumerate(paths)]
    assert {item.status_code for item in said} == {200, 401}
    for path in paths:
        for client in (one, two):
            # The other process knows with its next portion.
            answers = [client.get(path) for _ in range(2)]
            assert answers[-1].status_code == 429
            assert answers[-1].headers["Retry-After"] == str(WINDOW_SECONDS)
            assert answers[-1].json()["type"] == "urn:nrmhub:problem:too_many_requests"
    token = one.post("/oauth/token", data={})
    assert (token.status_code, token.json()["error"]) == (429, "too_many_requests")
    assert (token.headers["Retry-After"], token.headers["Cache-Control"]) == (str(WINDOW_SECONDS), "no-store")
    assert at(create_app(services), scene, "192.0.2.2").get("/health").status_code == 200
    second.close()


@pytest.mark.usefixtures("few")
def test_attack_77_a_flood_of_strangers_stops_nobody_with_a_good_token(
    scene: Scene,  # noqa: F811
    clock: list[datetime],  # noqa: F811
    services: Services,
) -> None:
    """Also behind the same address: what an agency asks for with its token is counted under its own name."""
    app = create_app(services)
    one = at_its_time(caller(scene, transport=httpx.WSGITransport(app=app, remote_addr=FRONT)), clock[0])
    assert one.send("GET", "/v1/policy").status_code == 200
    stranger = at(app, scene, FRONT)
    while stranger.get("/health").status_code == 200:
        pass
    assert stranger.get("/v1/policy").status_code == 429
    assert one.send("GET", "/v1/policy").status_code == 200


@pytest.mark.usefixtures("few")
def test_attack_77_nobody_chooses_the_address_that_they_are_counted_under(
    scene: Scene,  # noqa: F811
    services: Services,
) -> None:
    """Only a configured server in front may say another's, and of what it says the last counts."""
    app = create_app(services)
    said = [at(app, scene, FRONT, **{"X-Forwarded-For": f"203.0.113.{n}"}).get("/health") for n in range(LIMIT + 1)]
    assert [item.status_code for item in said] == [200] * LIMIT + [429]
    behind = create_app(replace(services, config=replace(services.config, fronts=(FRONT,))))
    said = [
        at(behind, scene, FRONT, **{"X-Forwarded-For": f"203.0.113.{n}, {NAMED}"}).get("/health")
        for n in range(LIMIT + 1)
    ]
    assert [item.status_code for item in said] == [200] * LIMIT + [429]
    assert at(behind, scene, FRONT, **{"X-Forwarded-For": "203.0.113.1"}).get("/health").status_code == 200


class Waiting(io.RawIOBase):
    """A body that does not come until it is let."""

    def __init__(self, begun: threading.Semaphore, go_on: threading.Event) -> None:
        self._begun, self._go_on = begun, go_on
        self._first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ARG002 - as streams have it
        if self._first:
            self._first = False
            self._begun.release()
        self._go_on.wait(20)
        return 0


class Slow:
    """Pushes that hold their threads, of agencies with good tokens."""

    def __init__(self, scene: Scene, app: Flask, now: datetime) -> None:  # noqa: F811
        self.scene, self.app, self.now = scene, app, now
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.threads: list[threading.Thread] = []
        self.path = f"/v1/cases/{scene.main}/push"
        self.callers: dict[str, Raw] = {}

    def raw(self, agency: str) -> Raw:
        if agency not in self.callers:
            made = caller(self.scene, agency, httpx.WSGITransport(app=self.app))
            self.callers[agency] = at_its_time(made, self.now)
        found = self.callers[agency]
        assert found.token
        return found

    def push(self, agency: str, body: Any, length: int) -> Any:
        raw = self.raw(agency)
        headers = {
            "Authorization": f"DPoP {raw.token}",
            "DPoP": raw.proof("POST", raw.issuer + self.path, raw.token),
            "Content-Type": "application/x-ndjson",
        }
        environ = {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
        given = {"environ_overrides": environ, "headers": headers, "base_url": raw.issuer, "buffered": True}
        return self.app.test_client().post(self.path, **given)

    def hold(self, agency: str, length: int = LONG_BYTES + 1) -> None:
        """Begin one, and come back when its thread waits for the body."""
        body = Waiting(self.begun, self.go_on)
        thread = threading.Thread(target=self.push, args=(agency, body, length), daemon=True)
        thread.start()
        self.threads.append(thread)
        assert self.begun.acquire(timeout=20)

    def end(self) -> None:
        self.go_on.set()
        for thread in self.threads:
            thread.join(timeout=20)
            assert not thread.is_alive()


def test_attack_77_an_agency_that_sends_slowly_does_not_hold_every_thread(
    scene: Scene,  # noqa: F811
    clock: list[datetime],  # noqa: F811
    services: Services,
) -> None:
    """Of eight threads two long pushes of one agency, four of all; and of an agency four requests of any kind."""
    slow = Slow(scene, create_app(services, threads=8), clock[0])
    try:
        slow.hold(CARE)
        slow.hold(CARE)
        refused = slow.push(CARE, io.BytesIO(b"{}\n"), LONG_BYTES + 1)
        assert (refused.status_code, refused.json["type"]) == (503, "urn:nrmhub:problem:busy")
        assert refused.headers["Retry-After"] == "1"
        assert slow.raw(CARE).send("GET", "/v1/policy").status_code == 200
        slow.hold(HEALTH)
        slow.hold(HEALTH)
        assert slow.push("fern-police", io.BytesIO(b"{}\n"), LONG_BYTES + 1).status_code == 503
        slow.hold(CARE, 100)
        slow.hold(CARE, 100)
        assert slow.raw(CARE).send("GET", "/v1/policy").status_code == 503
        assert slow.raw("fern-police").send("GET", "/v1/policy").status_code == 200
    finally:
        slow.end()
    # What has ended, well or not, holds nothing any more.
    assert slow.push(CARE, io.BytesIO(b"{}\n"), 3).status_code == 200
    assert slow.raw(CARE).send("GET", "/v1/policy").status_code == 200


@pytest.mark.parametrize("threads", [1, 2, 3, 8, 64])
def test_each_agency_can_always_do_something_and_none_everything(threads: int) -> None:
    """Whatever number of threads a process has."""
    places = AtOnce(threads)
    long = enter_all(places, "one", is_long=True)
    assert 1 <= len(long) <= max(1, threads // 4)
    short = enter_all(places, "one", is_long=False)
    assert len(long) + len(short) == max(1, threads // 2)
    places.enter("two", is_long=False)()
    for leave in (*long, *short):
        leave()
    assert len(enter_all(places, "one", is_long=False)) == max(1, threads // 2)


def enter_all(places: AtOnce, agency: str, *, is_long: bool) -> list[Callable[[], None]]:
    """Begin as many as there may be."""
    held: list[Callable[[], None]] = []
    try:
        while True:
            held.append(places.enter(agency, is_long=is_long))
    except Refused:
        return held


def test_the_address_of_a_request_is_read_as_the_workspace_does() -> None:
    """IPv6 by its network, what is no address under one name, of a front's word the last."""
    app = Flask("addresses")
    said = []
    for address, forwarded, fronts in (
        ("2001:db8:1:2:3::4", "", ()),
        ("192.0.2.7", "198.51.100.1", ()),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", ("127.0.0.1",)),
        ("127.0.0.1", "<script>", ("127.0.0.1",)),
        ("127.0.0.1", "", ("127.0.0.1",)),
    ):
        headers, environ = {"X-Forwarded-For": forwarded}, {"REMOTE_ADDR": address}
        with app.test_request_context(headers=headers, environ_overrides=environ) as context:
            said.append(strangers.client_of(context.request, fronts))
    assert said == ["2001:db8:1:2::/64", "192.0.2.7", "203.0.113.9", "unknown", "127.0.0.1"]
