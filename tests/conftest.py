"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.chromium import Desktop
    from tests.browser.workspace import Office
    from tests.scene import Scene
    from tests.soft_token import SoftTokens

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Record the pages' files where a script in the tree is newer than the record, as ``make`` does."""
    from adapters.workspace.assets import BUILT, FOLDERS, MANIFEST, PICTURE_STYLE, record

    manifest, sources = BUILT / MANIFEST, [*FOLDERS[1].iterdir(), PICTURE_STYLE]
    if not (BUILT / "pages.css").is_file():
        return
    if not manifest.exists() or any(path.stat().st_mtime > manifest.stat().st_mtime for path in sources):
        record()


def absent(what: str) -> None:
    """Fail or skip for something that a test needs: with REQUIRE_ALL=1 nothing may be absent."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is absent and REQUIRE_ALL=1")
    pytest.skip(f"{what} is absent; the tests that need it are skipped")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of published samples and vectors that lies beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        absent("the folder of published samples and vectors (../shared)")
    return folder


@pytest.fixture(scope="session")
def samples_dir(shared_dir: Path) -> Path:
    """Real sample files of agencies' formats."""
    return shared_dir / "data" / "samples"


@pytest.fixture(scope="session")
def vectors_dir(shared_dir: Path) -> Path:
    """Published test vectors."""
    return shared_dir / "data" / "vectors"


@pytest.fixture(scope="session")
def softhsm() -> Path:
    """SoftHSM's module: PKCS #11 tokens in software."""
    from tests.soft_token import find_module

    module = find_module()
    if module is None:
        absent("SoftHSM 2 (Debian package softhsm2)")
        raise AssertionError
    return module


@pytest.fixture
def soft_tokens(softhsm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftTokens]:
    """An empty folder of tokens, and SoftHSM looking there."""
    from tests.soft_token import SoftTokens, give_up

    tokens = SoftTokens(tmp_path / "softhsm", softhsm)
    tokens.prepare()
    monkeypatch.setenv("SOFTHSM2_CONF", str(tokens.settings))
    yield tokens
    give_up()


@pytest.fixture(scope="session")
def scene_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation in mid-work, built once for all test processes. Copy it, do not change it."""
    from tests.scene import template

    base = tmp_path_factory.getbasetemp()
    return template(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def make_scene(scene_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Scene]]:
    """Makes copies of the federation for a module, closed at its end."""
    from tests.scene import copy

    made: list[Scene] = []

    def make() -> Scene:
        made.append(copy(scene_source, tmp_path_factory.mktemp("scene")))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


@pytest.fixture
def embedded(make_scene: Callable[[], Scene]) -> Scene:
    """A fresh copy whose hub runs inside the test."""
    return make_scene().embed()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a module: Playwright's loop must not outlast it."""
    from tests.browser.chromium import AXE, chromium, find_chromium

    path = find_chromium()
    if path is None or not AXE.is_file():
        absent("chromium (Debian package chromium), or axe-core (make assets)")
        raise AssertionError
    with chromium(path) as started:
        yield started


@pytest.fixture
def new_desktop(browser: Browser) -> Iterator[Callable[[], Desktop]]:
    """Makes browser profiles, each with nothing in it. At the end no page of them may have complained."""
    from tests.browser.chromium import Desktop

    made: list[Desktop] = []

    def make() -> Desktop:
        made.append(Desktop(browser.new_context()))
        return made[-1]

    yield make
    for desktop in made:
        desktop.context.close()
    assert [problem for desktop in made for problem in desktop.problems] == []


@pytest.fixture
def office(make_scene: Callable[[], Scene], scene_source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An agency's workspace that a browser can reach, its hub inside the test."""
    from adapters.runtime import Adapter
    from tests.adapters.workspace.desk import AGENCY
    from tests.browser.workspace import Office
    from tests.scene import opened_keys

    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    scene = make_scene().embed()
    scene.witness()
    adapter = Adapter(scene[AGENCY].home, environ=environ)
    adapter.__dict__["client"] = scene[AGENCY].client
    opened = Office(scene, adapter, environ["NRM_MEMBER_PASSPHRASE"])
    yield opened
    opened.close()
    adapter.store.close()
