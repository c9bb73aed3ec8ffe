"""A file read into a case by command: a format of another kind of agency's systems is said to be one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.hands import Hands
from tests.scene import CARE, POLICE, Scene

FILE = "demo/files/police-spi-new-case.xml"
CHILD = ("--child", "family_name=Madeup", "--child", "birth_date=2011-05-17")


@pytest.mark.parametrize(("agency", "warned"), [(POLICE, False), (CARE, True)])
def test_it_says_whose_systems_write_such_files(
    agency: str, warned: bool, make_scene: Callable[[], Scene], scene_source: Path
) -> None:
    scene = make_scene()
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][agency]
    hands = Hands(scene[agency].home.folder, environ)
    done = hands.run("read", FILE, "--case", scene.main, "--report", "json", *CHILD)
    assert json.loads(done.stdout)["format"] == "spi-newcase"
    assert ("warning: Files of this format come from the systems of: Police." in done.stderr) is warned
