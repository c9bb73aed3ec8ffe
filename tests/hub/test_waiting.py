"""Waiting for the log: news is told soon and to everybody, who waits is limited, and waiting holds nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from hub import waiting
from hub.api import waiting as route
from hub.refusal import Refused
from hub.store.database import Database
from hub.waiting import Seen, Waiting
from tests.scene import CARE, HEALTH, POLICE, Scene

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
SOON = 1.0


class Log:
    """A log whose size a test sets; counts how often it is looked at."""

    def __init__(self) -> None:
        self.seen, self.looks = Seen(5, 5), 0

    def look(self) -> Seen:
        self.looks += 1
        return self.seen


def start(room: Waiting, log: Log, agency: str, found: list[object]) -> threading.Thread:
    """Let somebody wait for another size than five."""

    def run() -> None:
        try:
            found.append(room.wait(agency, log.look, lambda seen: seen.size != 5))
        except Refused as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_news_that_is_there_is_told_at_once_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WAITS_PER_AGENCY", 0)
    log = Log()
    assert Waiting().wait("one", log.look, lambda _: True) == Seen(5, 5)
    assert log.looks == 1


def test_everybody_is_told_soon_and_one_looks_for_all() -> None:
    room, log, found = Waiting(), Log(), []
    threads = [start(room, log, f"agency-{number}", found) for number in range(8)]
    time.sleep(0.5)
    # Eight first looks, then one of them, ten times a second.
    assert log.looks <= 8 + 8
    log.seen = Seen(6, 5)
    began = time.monotonic()
    for thread in threads:
        thread.join(SOON)
    assert time.monotonic() - began < SOON
    assert found == [Seen(6, 5)] * 8


def test_who_looks_may_leave_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who looks has waited longest: somebody else looks from then on."""
    room, log, found = Waiting(), Log(), []
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 0.3)
    first = start(room, log, "one", found)
    time.sleep(0.05)
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 20.0)
    second = start(room, log, "two", found)
    first.join(SOON)
    assert found == [Seen(5, 5)]
    log.seen = Seen(7, 5)
    second.join(SOON)
    assert found == [Seen(5, 5), Seen(7, 5)]


@pytest.mark.parametrize(("per_agency", "in_all", "status"), [(1, 32, 429), (4, 1, 503)])
def test_too_many_do_not_wait(monkeypatch: pytest.MonkeyPatch, per_agency: int, in_all: int, status: int) -> None:
    monkeypatch.setattr(waiting, "WAITS_PER_AGENCY", per_agency)
    monkeypatch.setattr(waiting, "WAITS_IN_ALL", in_all)
    room, log, found = Waiting(), Log(), []
    first = start(room, log, "one", found)
    time.sleep(0.05)
    start(room, log, "one", found).join(SOON)
    refused = found[0]
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code, refused.extra["wait"]) == (status, "too_many_waiting", 1)
    log.seen = Seen(6, 5)
    first.join(SOON)
    # The place is free again.
    assert room.wait("one", log.look, lambda seen: seen.size == 6) == Seen(6, 5)


def test_at_the_end_everybody_is_answered() -> None:
    room, log, found = Waiting(), Log(), []
    threads = [start(room, log, "one", found) for _ in range(3)]
    time.sleep(0.05)
    room.close()
    for thread in threads:
        thread.join(SOON)
    assert found == [Seen(5, 5)] * 3


def test_an_agency_waits_until_the_log_has_grown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the route, with a witnessed log: nothing to say, then another agency's act, told within a second."""
    care, police = scene[CARE], scene[POLICE]
    known = police.client.get("/v1/log/wait", after=0)
    assert known["size"] == known["witnessed"] > 0
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 0.3)
    again = police.client.get("/v1/log/wait", after=known["size"], witnessed=known["witnessed"])
    assert {**again, "checkpoint": ""} == {**known, "checkpoint": ""}
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 20.0)
    acted: list[float] = []

    def act() -> None:
        care.share(scene.main, NOTE)
        acted.append(time.monotonic())

    thread = threading.Timer(0.3, act)
    thread.start()
    told = police.client.get("/v1/log/wait", after=known["size"], witnessed=known["witnessed"])
    told_at = time.monotonic()
    thread.join()
    assert told["size"] > known["size"]
    assert told_at - acted[0] < SOON
    head = police.follower.accept_head(told["checkpoint"])
    assert head.size == told["size"]
    # A quorum that has seen it is news too.
    for party in scene.parties.values():
        party.witness()
    after = police.client.get("/v1/log/wait", after=told["size"], witnessed=told["witnessed"])
    assert after["witnessed"] >= told["size"]


def test_waiting_holds_no_connection(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody waits, all but the moment of a look, no connection of the pool is out and writers write."""
    assert scene.database is not None
    out: list[int] = []
    real: Callable[[], Seen] = route._look

    def counted() -> Seen:
        assert scene.database is not None
        found = real()
        out.append(scene.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(route, "_look", counted)
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 0.5)
    size = scene[POLICE].client.get("/v1/log/wait", after=0)["size"]
    scene[POLICE].client.get("/v1/log/wait", after=size)
    assert len(out) >= 3
    assert set(out) == {0}
    assert isinstance(scene.database, Database)


@pytest.mark.slow
def test_a_hub_that_is_told_to_end_does_not_wait_for_who_waits(make_scene: Callable[[], Scene]) -> None:
    """A real process, three agencies waiting: they are answered at once, not after their longest wait."""
    scene = make_scene().start()
    size = scene[POLICE].client.get("/v1/log/wait", after=0)["size"]
    answered: list[tuple[object, float]] = []

    def wait(name: str) -> None:
        said = scene[name].client.get("/v1/log/wait", after=size)["size"]
        answered.append((said, time.monotonic()))

    threads = [threading.Thread(target=wait, args=(name,), daemon=True) for name in (CARE, POLICE, HEALTH)]
    for thread in threads:
        thread.start()
    time.sleep(3)
    assert answered == []
    told = time.monotonic()
    scene.hub.stop()
    for thread in threads:
        thread.join(SOON)
    assert [said for said, _ in answered] == [size] * 3
    assert all(at - told < 5 for _, at in answered)


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for the module; its log only grows."""
    made = make_scene().embed()
    made.witness()
    return made
