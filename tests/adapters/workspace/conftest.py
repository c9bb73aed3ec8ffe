"""A workspace of one agency of the scene, its hub inside the test, and browsers that sign in without a provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.runtime import Adapter
from adapters.workspace.security import CLIENT_PER_MINUTE, PERSON_PER_MINUTE, Rate
from tests.adapters.workspace.desk import AGENCY, Desk
from tests.scene import Scene, opened_keys


@contextmanager
def made(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = make_scene().embed()
        scene.witness()
        adapter = Adapter(scene[AGENCY].home, environ=environ)
        adapter.__dict__["client"] = scene[AGENCY].client
        yield Desk(scene, adapter, environ)
        adapter.store.close()


@pytest.fixture
def desk(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A fresh copy of the scene, seen by a quorum, and the workspace of the agency."""
    with made(scene_source, make_scene) as found:
        yield found


@pytest.fixture(scope="module")
def shared(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """The same for a whole module: whoever changes something changes it back."""
    with made(scene_source, make_scene) as found:
        yield found


@pytest.fixture(autouse=True)
def _at_its_own_time(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "shared" in request.fixturenames:
        desk: Desk = request.getfixturevalue("shared")
        desk.later = desk.later * 0
        desk.end_all()
        # One test asks for every page there is; the next one has its own minute.
        desk.here.per_person = Rate(PERSON_PER_MINUTE)
        desk.here.per_client = Rate(CLIENT_PER_MINUTE)
