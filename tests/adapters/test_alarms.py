"""Alarms by hand: listed with what to do, acknowledged once, kept for ever, raised again when they come again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.alarms import MEANINGS, meaning_of
from adapters.following import Follower
from adapters.store.rows import raise_alarm
from tests.adapters.hands import REPOSITORY, Hands
from tests.scene import HEALTH, Scene, opened_keys

AT = "2026-01-31T12:00:00Z"
LATER = "2026-01-31T13:00:00Z"
WHO = ("--by", "Officer Invented", "--reason", "A backup was restored")


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation that nothing has happened to."""
    return make_scene()


@pytest.fixture
def hands(scene: Scene, scene_source: Path, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The health agency's command line."""
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][HEALTH]
    return Hands(scene[HEALTH].home.folder, environ)


def alarm(scene: Scene, code: str, text: str, at: str = AT, *, is_lasting: bool = False) -> None:
    with scene[HEALTH].store.write() as session:
        raise_alarm(session, code, text, at, is_lasting=is_lasting)


def test_alarms_are_listed_with_what_to_do(scene: Scene, hands: Hands) -> None:
    assert hands.run("alarms").stdout == "no alarm was raised\n"
    alarm(scene, "fork", "two heads\x1b[2J")
    alarm(scene, "fork", "two heads\x1b[2J", LATER)
    alarm(scene, "odd", "of an unknown code")
    lines = hands.run("alarms").stdout.splitlines()
    assert [line for line in lines if line[:1].isdigit()] == [lines[0], lines[3]]
    assert lines[0].startswith(f"1 {AT} fork: two heads")
    assert "\x1b" not in lines[0]
    assert lines[1:3] == [f"means: {MEANINGS['fork'].means}", f"do now: {MEANINGS['fork'].to_do}"]
    assert lines[5] == f"do now: {meaning_of('odd').to_do}"


def test_an_alarm_is_acknowledged_once_and_kept(scene: Scene, hands: Hands) -> None:
    """Gone from what waits, still there with who saw it and why; a second word does not take the place of the first."""
    alarm(scene, "rollback", "the log went back")
    hands.run("alarms", "acknowledge", "1", *WHO)
    assert hands.run("alarms").stdout == "no alarm waits for anybody\n"
    kept = hands.run("alarms", "--all").stdout
    assert f"1 {AT} rollback: the log went back" in kept
    assert "by Officer Invented: A backup was restored" in kept
    assert "acknowledged already" in hands.refused("alarms", "acknowledge", "1", "--by", "X", "--reason", "Y")
    assert hands.run("alarms", "--all").stdout == kept
    assert json.loads(hands.run("status").stdout)["alarms"] == []


def test_who_and_why_are_sealed(scene: Scene, hands: Hands) -> None:
    """A name and a reason are content: a copy of the disk does not show them."""
    alarm(scene, "fork", "two heads")
    hands.run("alarms", "acknowledge", "1", *WHO)
    files = [path for path in scene[HEALTH].home.folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"Officer Invented" not in path.read_bytes()


def test_what_comes_again_is_a_new_alarm(scene: Scene, hands: Hands) -> None:
    alarm(scene, "fork", "two heads")
    hands.run("alarms", "acknowledge", "1", *WHO)
    alarm(scene, "fork", "two heads", LATER)
    assert hands.run("alarms").stdout.startswith(f"2 {LATER} fork: two heads")
    hands.run("alarms", "acknowledge", "2", *WHO)
    assert len(re.findall("^acknowledged", hands.run("alarms", "--all").stdout, re.MULTILINE)) == 2


def test_what_only_still_stands_in_the_log_is_no_new_alarm(scene: Scene, hands: Hands) -> None:
    """The log is read again at each look; an acknowledged entry of it stays acknowledged, another one does not."""
    alarm(scene, "directory", "a new agency stands in the log", is_lasting=True)
    hands.run("alarms", "acknowledge", "1", *WHO)
    alarm(scene, "directory", "a new agency stands in the log", LATER, is_lasting=True)
    assert hands.run("alarms").stdout == "no alarm waits for anybody\n"
    alarm(scene, "directory", "another agency stands in the log", LATER, is_lasting=True)
    assert hands.run("alarms").stdout.startswith(f"2 {LATER} directory: another agency")


def test_a_fault_of_the_directory_is_lasting(scene: Scene, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the follower reads in the log again at each new head does not undo an acknowledgement."""
    follower = scene[HEALTH].follower
    reading = replace(follower._read_directory(), faults=("a new agency stands in the log: fern-new",))
    monkeypatch.setattr(Follower, "_read_directory", lambda _: reading)
    follower._check_directory()
    hands.run("alarms", "acknowledge", "1", *WHO)
    follower._check_directory()
    assert hands.run("alarms").stdout == "no alarm waits for anybody\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("9", *WHO), "there is no alarm 9; waiting for somebody: 1"),
        (("1", "--by", " ", "--reason", "x"), "--by: expected words"),
        (("1", "--by", "x", "--reason", ""), "--reason: expected words"),
        (("1", "--by", "x" * 101, "--reason", "y"), "--by: expected words on one line, at most 100"),
        (("1", "--by", "x", "--reason", "y" * 1001), "at most 1,000"),
        (("1", "--by", "\x1b[2J", "--reason", "y"), "--by: expected words"),
    ],
)
def test_an_acknowledgement_that_says_nothing_is_refused(
    scene: Scene, hands: Hands, args: tuple[str, ...], said: str
) -> None:
    alarm(scene, "fork", "two heads")
    assert said in hands.refused("alarms", "acknowledge", *args)
    assert hands.run("alarms").stdout.startswith(f"1 {AT} fork")


def test_every_code_has_its_meaning() -> None:
    """Whatever the adapter can raise is explained: codes are looked for in its own text."""
    pattern = re.compile(r'(?:LogRefused|_alarm|raise_alarm)\(\s*(?:session,\s*)?"([a-z_]+)"')
    found = {
        code for path in (REPOSITORY / "adapters").rglob("*.py") for code in pattern.findall(path.read_text("utf-8"))
    }
    assert len(found) > 8
    assert found - set(MEANINGS) == set()
