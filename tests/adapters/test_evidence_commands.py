"""``nrm-adapter alarms evidence`` and ``check``: written by one agency, checked by another with its pin alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.alarms import acknowledge
from adapters.store.monitor_rows import raise_with_evidence, stopping_alarm
from adapters.store.rows import raise_alarm
from hub.services import LOG_KEY
from keys.cosigning import sign_checkpoint
from tests.adapters.hands import Hands
from tests.scene import HEALTH, POLICE, Scene, now, opened_keys

AT = "2026-01-31T12:00:00Z"


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """Homes only: no hub runs."""
    return make_scene()


@pytest.fixture
def hands(scene: Scene, scene_source: Path) -> dict[str, Hands]:
    environ = json.loads((scene_source / "scene.json").read_text())["environ"]
    return {name: Hands(scene[name].home.folder, environ[name]) for name in (POLICE, HEALTH)}


def head(scene: Scene, size: int) -> str:
    """A head that the log's own key signs: only who holds it makes one."""
    config = scene.hub.config
    signer = opened_keys(config.keys_path, scene.hub.passphrase).keys[LOG_KEY]
    return sign_checkpoint(config.origin, size, os.urandom(32), signer)


def alarm(scene: Scene, *notes: str) -> int:
    with scene[POLICE].store.write() as session:
        raise_with_evidence(session, "fork", f"two logs {len(notes)}", AT, {"kind": "fork", "heads": list(notes)})
        found = stopping_alarm(session)
        assert found is not None
        return found.number


def test_two_signed_heads_of_one_size_convince_anybody(scene: Scene, hands: dict[str, Hands], tmp_path: Path) -> None:
    number, out = alarm(scene, head(scene, 900), head(scene, 900)), tmp_path / "fork.json"
    assert f"{number} {AT} fork: two logs" in hands[POLICE].run("alarms").output
    hands[POLICE].run("alarms", "evidence", str(number), "--out", str(out))
    said = hands[HEALTH].run("alarms", "check", str(out)).output
    assert said.startswith("PROVEN: fork\n")
    assert "first 900 entries" in said
    acknowledge(scene[POLICE].store, number, by="Duty officer", reason="looked", at=now())
    with scene[POLICE].store.write() as session:
        assert stopping_alarm(session) is None


def test_what_proves_nothing_says_so(scene: Scene, hands: dict[str, Hands], tmp_path: Path) -> None:
    number, out = alarm(scene, head(scene, 901)), tmp_path / "nothing.json"
    hands[POLICE].run("alarms", "evidence", str(number), "--out", str(out))
    found = hands[HEALTH].run("alarms", "check", str(out), expect=3)
    assert found.output.startswith("NOT PROVEN\n")
    assert "evidence: expected an object of form" in hands[HEALTH].refused("alarms", "check", str(_broken(tmp_path)))
    assert "cannot be read" in hands[HEALTH].refused("alarms", "check", str(tmp_path / "absent.json"))


def _broken(folder: Path) -> Path:
    path = folder / "broken.json"
    path.write_bytes(b"{}")
    return path


def test_an_alarm_without_evidence_has_none_to_write(scene: Scene, hands: dict[str, Hands], tmp_path: Path) -> None:
    with scene[POLICE].store.write() as session:
        raise_alarm(session, "unusual", "more than usual", AT)
        number = session.connection().exec_driver_sql("SELECT MAX(number) FROM alarm").scalar_one()
    out = str(tmp_path / "none.json")
    assert "rests on nothing" in hands[POLICE].refused("alarms", "evidence", str(number), "--out", out)
    assert "there is no alarm 999" in hands[POLICE].refused("alarms", "evidence", "999", "--out", out)
