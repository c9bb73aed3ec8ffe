"""A workspace of one agency of the scene, its hub inside the test, and browsers that sign in without a provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.runtime import Adapter
from tests.adapters.workspace.desk import AGENCY, Desk
from tests.scene import Scene, opened_keys


@pytest.fixture(scope="module")
def environ(scene_source: Path) -> dict[str, str]:
    """The agency's passphrases."""
    found: dict[str, str] = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    return found


@pytest.fixture
def desk(make_scene: Callable[[], Scene], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A fresh copy of the scene, seen by a quorum, and the workspace of the agency."""
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    scene = make_scene().embed()
    scene.witness()
    adapter = Adapter(scene[AGENCY].home, environ=environ)
    adapter.__dict__["client"] = scene[AGENCY].client
    made = Desk(scene, adapter, environ)
    yield made
    adapter.store.close()
