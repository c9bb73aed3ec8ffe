"""Attack 13, the version floor: what members accept is pinned, and what lies below it is refused though it is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

import policies.model
from adapters.cases import CaseRefused
from adapters.home import HomeRefused, HubPin, read_pin
from adapters.hub_client import HubUnreachable
from adapters.pinning import confirm_pin
from adapters.reading_directory import read_directory
from adapters.store.rows import public_entries, read_setting
from hub.setting_up import write_pin
from policies.protocol import VERSION_HEADER
from tests.attacks.crafted import CANARY, CONTENT
from tests.scene import CARE, HEALTH, POLICE, Scene, now

OLDER = frozenset({0, 1})


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def older_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program understands a version 0 as well, as a later one will understand this."""
    monkeypatch.setattr("policies.header.KNOWN_VERSIONS", OLDER)
    monkeypatch.setattr("policies.protocol.KNOWN_VERSIONS", OLDER)


def test_attack_13_the_floor_is_under_the_fingerprint_that_people_read_out(scene: Scene) -> None:
    """The hub's operator writes the version it speaks; another floor has other words. Check: ``HubPin.to_json``."""
    path = scene.hub.home / "pin.json"
    said = write_pin(scene.hub.config, scene.hub.passphrase, path)
    pin = read_pin(path)
    assert (pin.protocol, pin.fingerprint) == (1, said)
    assert replace(pin, protocol=2).fingerprint != said


@pytest.mark.parametrize(
    ("floor", "said"),
    [
        (2, "accept version 2 and later, and this program speaks 1"),
        (9999, "accept version 9999 and later"),
        (10_000, "expected a whole number from 1"),
        (0, "expected a whole number from 1"),
        (-1, "expected a whole number from 1"),
        (True, "expected a whole number from 1"),
        ("1", "expected a whole number from 1"),
        (None, "expected a whole number from 1"),
        (..., "missing members: protocol"),
    ],
)
def test_attack_13_a_program_below_the_floor_does_no_work(scene_pin: dict[str, Any], floor: Any, said: str) -> None:
    """Nor does one with a pin that says no floor. Check: ``require_version_floor`` in ``HubPin.from_json``."""
    changed = (
        {**scene_pin, "protocol": floor}
        if floor is not ...
        else {name: item for name, item in scene_pin.items() if name != "protocol"}
    )
    with pytest.raises(HomeRefused, match=said):
        HubPin.from_json(changed)


@pytest.fixture(scope="module")
def scene_pin(scene_source: Any) -> dict[str, Any]:
    """A pin as an agency keeps it."""
    found: dict[str, Any] = json.loads((scene_source / CARE / "hub.json").read_text())
    assert HubPin.from_json(found).protocol == 1
    return found


def test_attack_13_a_pinned_floor_is_not_lowered(scene: Scene) -> None:
    """An older pin file, with the right words, under a program that is older too. Check: ``Home.require_newer``."""
    home = scene[CARE].home
    pin = home.pin()
    higher, path = replace(pin, protocol=2), home.folder / "hub.json"
    home.write_pin(higher)
    for person in ("records-1", "records-2"):
        with pytest.raises(HomeRefused, match="never lowered; nothing was pinned"):
            confirm_pin(home, pin, pin.fingerprint, person, now())
    assert json.loads(path.read_text())["protocol"] == 2
    changed = replace(higher, issuer="https://moved.example")
    assert [confirm_pin(home, changed, changed.fingerprint, name, now()) for name in ("one", "two")] == [False, True]


@pytest.mark.usefixtures("older_is_known")
def test_attack_13_a_fragment_below_the_floor(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its originator, and the hub, have been talked into the older version. Check: the floor in ``_verify_given``."""
    monkeypatch.setattr("adapters.release.making.Header", partial(policies.model.Header, schema=0))
    assert scene[CARE].share(scene.main, CONTENT).refused == 0
    scene.witness()
    view = scene[POLICE].pull(scene.main, "chair").view
    assert CANARY not in [item.content["summary"] for item in view.opened]
    [refused] = view.unverified
    assert "protocol version 0; members here accept 1 and up" in refused.reason
    # It is the floor alone that refuses it.
    monkeypatch.setattr("adapters.picture.answer.require_floor", lambda *_: None)
    assert CANARY in [item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened]


def test_attack_13_a_statement_below_the_floor(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type of statement of an older version, which is understood. Check: the floor in ``Directory.verify``."""
    assert scene[POLICE].pull(scene.main, "chair").view.opened
    monkeypatch.setattr("policies.protocol.TYPE_VERSIONS", {"nrmhub-membership+jws": 0})
    with pytest.raises(CaseRefused, match="protocol version 0"):
        scene[POLICE].pull(scene.main, "chair")


def test_attack_13_a_certificate_below_the_floor(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log, by its agency's root, witnessed. Check: the floor in ``PublicLog.take``."""
    with scene[HEALTH].store.write() as session:
        entries = public_entries(session)
    pin = scene[HEALTH].home.pin()
    assert len(read_directory(entries, pin, HEALTH).directory.certificates) > 0
    monkeypatch.setattr("policies.protocol.TYPE_VERSIONS", {"nrmhub-certificate+jws": 0})
    reading = read_directory(entries, pin, HEALTH)
    assert not reading.directory.certificates
    assert any("protocol version 0" in fault for fault in reading.faults)


class Relabelled(httpx.BaseTransport):
    """An honest hub's answers, each of which says another version; None: none."""

    def __init__(self, honest: httpx.BaseTransport, said: str | None) -> None:
        self._honest, self._said = honest, said

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._honest.handle_request(request)
        assert answer.headers.pop(VERSION_HEADER) == "1"
        if self._said is not None:
            answer.headers[VERSION_HEADER] = self._said
        return answer


@pytest.mark.usefixtures("older_is_known")
def test_attack_13_an_answer_of_the_hub_below_the_floor(scene: Scene) -> None:
    """Or one that does not say its version, or one that is not known. Check: ``HubClient._require_version``."""
    assert scene.transport is not None
    with scene[CARE].store.write() as session:
        before = read_setting(session, "witnessed")
    assert scene[POLICE].share(scene.main, CONTENT).refused == 0
    scene[POLICE].witness()
    honest = scene.transport
    for said in (None, "0", "", "x", "2", "-1", "1.0", "1" * 9):
        scene.use(Relabelled(honest, said), CARE)
        with pytest.raises(HubUnreachable, match="nothing of it was taken in"):
            scene[CARE].sync()
    with scene[CARE].store.write() as session:
        assert read_setting(session, "witnessed") == before
