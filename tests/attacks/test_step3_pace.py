"""Attack 28 by number: a stolen adapter, or a person's stolen keys, ask as fast as they can.

What they may do they still do, at a limit that holds over all processes of the hub; a person sees that it was reached.
Neither a flood nor a stranger's random words take a lock that others wait for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from hub.api import access
from hub.app import create_app
from hub.audit import Audit, _collect, render_audit
from hub.audit_agreements import Agreements
from hub.auth import clients
from hub.console.unusual import unusual_of
from hub.store.rates import WINDOW_SECONDS
from keys.uses import KeyUse
from policies import unusual
from policies.unusual import Deed
from tests.hub.api.raw import Raw
from tests.scene import CARE, HEALTH, POLICE, Scene, bundle, embedded_services, now

LIMIT = 5


@contextmanager
def statements(folder: Path) -> Iterator[list[tuple[str, str]]]:
    """Collect what is asked of the databases in a folder meanwhile: the file, and the first words."""
    asked: list[tuple[str, str]] = []

    def keep(connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
        path = Path(str(connection.engine.url.database))
        if path.parent.resolve() == folder.resolve():
            asked.append((path.name, " ".join(statement.split()[:3])))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


@pytest.fixture
def clock() -> list[datetime]:
    """What all clocks of the scene say: the beginning of a minute, so that none ends in between."""
    at = now().replace(microsecond=0)
    return [at - timedelta(seconds=at.timestamp() % WINDOW_SECONDS)]


@pytest.fixture
def scene(make_scene: Callable[[], Scene], clock: list[datetime]) -> Scene:
    return make_scene().embed(clock=lambda: clock[0])


def caller(scene: Scene, agency: str = CARE, transport: httpx.BaseTransport | None = None) -> Raw:
    client = httpx.Client(transport=transport or scene.transport, base_url=scene.hub.issuer)
    return Raw(scene.hub.issuer, agency, scene[agency].keys.keys[KeyUse.SIGNING.value], client)


def at_its_time(raw: Raw, at: datetime) -> Raw:
    """Let a caller's statements be of the scene's own time."""

    class Here(Raw):
        def assertion(self, **changed: Any) -> str:
            seconds = int(at.timestamp())
            return super().assertion(**{"iat": seconds, "exp": seconds + 60, **changed})

        def proof(self, method: str, url: str, token: str | None, **changed: Any) -> str:
            return super().proof(method, url, token, **{"iat": int(at.timestamp()), **changed})

    return Here(raw.issuer, raw.agency, raw.signing, raw.http, raw.dpop, raw.nonce, raw.held)


def written(scene: Scene) -> list[dict[str, Any]]:
    """What stands in the log of requests that came too often."""
    rows = scene.sql("SELECT body FROM log_entry WHERE type = 'denied' ORDER BY position")
    bodies = [json.loads(row[0]) for row in rows]
    return [body for body in bodies if body["code"] == "too_many_requests"]


def test_attack_28_a_flood_is_capped_over_all_processes_and_leaves_one_entry(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes of one hub, one agency's token at both: so many requests in all, whichever is asked."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", LIMIT)
    second = embedded_services(scene.hub, lambda: clock[0], anew=False)
    one = at_its_time(caller(scene), clock[0])
    other = replace(caller(scene, transport=httpx.WSGITransport(app=create_app(second))), dpop=one.dpop)
    two = at_its_time(other, clock[0])
    two.held, two.nonce = one.token, one.nonce
    answers = [(one, two)[number % 2].send("GET", "/v1/policy") for number in range(30)]
    assert [item.status_code for item in answers] == [200] * LIMIT + [429] * (30 - LIMIT)
    assert {item.headers["Retry-After"] for item in answers[LIMIT:]} == {str(WINDOW_SECONDS)}
    (entry,) = written(scene)
    assert (entry["agency"], entry["member"], entry["act"]) == (CARE, None, "request")
    clock[0] += timedelta(seconds=WINDOW_SECONDS)
    again = [at_its_time(one, clock[0]).send("GET", "/v1/policy").status_code for _ in range(LIMIT + 3)]
    assert again == [200] * LIMIT + [429] * 3
    assert len(written(scene)) == 2, "one entry a minute, however many requests it was"
    second.close()


def test_attack_28_so_is_a_flood_of_requests_for_tokens(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "TOKEN_REQUESTS_PER_MINUTE", LIMIT)
    one = at_its_time(caller(scene), clock[0])
    answers = [one.ask_token() for _ in range(LIMIT + 5)]
    assert [item.status_code for item in answers] == [200] * LIMIT + [429] * 5
    assert answers[-1].headers["Retry-After"] == str(WINDOW_SECONDS)
    assert [(item["agency"], item["act"]) for item in written(scene)] == [(CARE, "token")]
    with statements(scene.hub.home) as asked:
        assert one.ask_token().status_code == 429
    assert_reads_only(asked)


def assert_reads_only(asked: list[tuple[str, str]]) -> None:
    """No write, no lock that a writer waits for, nothing of the store of the moment."""
    assert {text.split()[0] for _, text in asked} <= {"BEGIN", "SELECT"}
    assert "BEGIN IMMEDIATE" not in {text for _, text in asked}
    assert "hub-moment.db" not in {name for name, _ in asked}


def test_attack_28_a_refused_request_writes_nothing(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even that its proof was used: nothing was done for it."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", LIMIT)
    one = at_its_time(caller(scene), clock[0])
    while one.send("GET", "/v1/policy").status_code == 200:
        pass
    with statements(scene.hub.home) as asked:
        for _ in range(10):
            assert one.send("GET", "/v1/policy").status_code == 429
    assert_reads_only(asked)


def test_attack_28_a_proof_is_good_once_also_around_a_refusal(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was refused for pace was not used; it does one thing afterwards, and no second."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", LIMIT)
    one = at_its_time(caller(scene), clock[0])
    while one.send("GET", "/v1/policy").status_code == 200:
        pass
    proof = one.proof("GET", f"{one.issuer}/v1/policy", one.token)
    assert one.send("GET", "/v1/policy", proof=proof).status_code == 429
    clock[0] += timedelta(seconds=WINDOW_SECONDS - 1)
    assert one.send("GET", "/v1/policy", proof=proof).status_code == 429
    clock[0] += timedelta(seconds=1)
    assert [one.send("GET", "/v1/policy", proof=proof).status_code for _ in range(3)] == [200, 401, 401]


def test_attack_28_what_was_caught_and_is_sent_again_takes_nothing_of_an_agencys_pace(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests and assertions that somebody else repeats are refused before they are counted."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", LIMIT)
    monkeypatch.setattr(clients, "TOKEN_REQUESTS_PER_MINUTE", LIMIT)
    one = at_its_time(caller(scene), clock[0])
    proof, assertion = one.proof("GET", f"{one.issuer}/v1/policy", one.token), one.assertion()
    assert one.send("GET", "/v1/policy", proof=proof).status_code == 200
    assert one.ask_token(assertion).status_code == 200
    for _ in range(3 * LIMIT):
        assert one.send("GET", "/v1/policy", proof=proof).status_code == 401
    with statements(scene.hub.home) as asked:
        for _ in range(3 * LIMIT):
            assert one.ask_token(assertion).status_code == 401
    assert "BEGIN IMMEDIATE" not in {text for _, text in asked}
    assert [one.send("GET", "/v1/policy").status_code for _ in range(LIMIT - 1)] == [200] * (LIMIT - 1)
    assert [one.ask_token().status_code for _ in range(LIMIT - 2)] == [200] * (LIMIT - 2)
    assert written(scene) == []


def test_attack_28_strangers_take_no_lock(scene: Scene, clock: list[datetime]) -> None:
    """No token, a made-up token, a made-up assertion: nothing is written for whoever proves nothing."""
    one, stranger = at_its_time(caller(scene), clock[0]), at_its_time(caller(scene), clock[0])
    one.send("GET", "/v1/policy")
    stranger.nonce, stranger.held = one.nonce, os.urandom(32).hex()
    assertion = one.assertion().rpartition(".")[0] + "." + "A" * 86
    with statements(scene.hub.home) as asked:
        assert stranger.http.get("/v1/policy").status_code == 401
        assert stranger.send("GET", "/v1/policy").status_code == 401
        assert stranger.ask_token(assertion).status_code == 401
    assert_reads_only([item for item in asked if item[1].split()[0] != "SELECT"])


def test_attack_28_officers_see_that_an_agency_asked_too_often(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their own agency's, in the console; everybody's, on the page that the hub's operator writes."""
    monkeypatch.setattr(access, "AGENCY_REQUESTS_PER_MINUTE", LIMIT)
    one = at_its_time(caller(scene), clock[0])
    while one.send("GET", "/v1/policy").status_code == 200:
        pass
    assert scene.database is not None
    with scene.database.read() as session:
        (found,) = unusual_of(session, CARE, clock[0])
        assert (found.deed, found.number) == (Deed.TOO_OFTEN, 1)
        assert unusual_of(session, CARE, clock[0] + timedelta(hours=26)) == []
        assert unusual_of(session, HEALTH, clock[0]) == []
        audit = Audit(
            "hub.example/main",
            "2026-01-01T00:00:00.000Z",
            None,
            "not asked here",
            Agreements({bundle().digest: bundle()}),
        )
        _collect(audit, session)
    page = render_audit(audit)
    assert "Look at this: more than is usual" in page
    assert found.text in page
    assert "Asked the hub more often than it lets anybody" in page


def test_attack_28_a_jump_of_disclosures_is_seen_at_the_hub_and_in_the_agencys_own_adapter(
    scene: Scene, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives them: the adapter sees the case's entries, also those that a thief made with its keys."""
    scene.witness()
    monkeypatch.setitem(unusual.MOST_IN_AN_HOUR, Deed.GIVEN, 1)  # type: ignore[arg-type]
    before = scene.alarms(POLICE)
    scene[POLICE].share(scene.main, {"note": "invented"})
    scene.witness()
    given = [json.loads(row[0]) for row in scene.sql("SELECT body FROM log_entry WHERE type = 'disclosure'")]
    hour = clock[0].astimezone(UTC).strftime("%Y-%m-%dT%H")
    number = sum(body["agency"] == POLICE and body["items"] > 0 and body["at"][:13] == hour for body in given)
    assert number > 1
    assert scene.database is not None
    with scene.database.read() as session:
        # What the scene was built with may be of the hour before: that stands there as well.
        (found,) = [item for item in unusual_of(session, POLICE, clock[0]) if item.hour == hour]
    assert (found.deed, found.number) == (Deed.GIVEN, number)
    fresh = [item for item in scene.alarms(POLICE) if item not in before]
    assert fresh == [("unusual", f"{POLICE}: {found.text}")]
    scene.witness()
    assert [item for item in scene.alarms(POLICE) if item not in before] == fresh, "said once"
    assert not [code for code, _ in scene.alarms(CARE) if code == "unusual"], "no other agency's matter"
