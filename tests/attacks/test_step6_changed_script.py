"""Attack 14: a script of the pages that somebody has changed would take keys as they are unlocked.

The pages are the agency's own adapter's, not the hub's: style and script come with the installed package. What was not
recorded when they were built is not served, and the adapter opens nothing. Whoever changes the whole package, the
record and this check with it, is not stopped by it (docs/threat-model.md, row 14).
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from adapters.workspace import assets
from adapters.workspace.app import create_app
from adapters.workspace.assets import Assets, record
from adapters.workspace.refusal import AssetsChanged, AssetsMissing
from adapters.workspace.settings import WorkspaceSettings
from tests.adapters.hands import Hands
from tests.adapters.workspace.conftest import desk as desk
from tests.adapters.workspace.desk import ORIGIN, Desk

THIEF = b"\nfetch('/x', {method: 'POST', body: document.querySelector('#passphrase').value});\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pages' files as another place has them, recorded there."""
    folders = []
    for folder in assets.FOLDERS:
        folders.append(tmp_path / folder.name)
        shutil.copytree(folder, folders[-1])
    monkeypatch.setattr(assets, "FOLDERS", tuple(folders))
    monkeypatch.setattr(assets, "BUILT", folders[0])
    record(folders[0] / assets.MANIFEST)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["script/passkey.js", "script/start.js", "static/govuk-frontend.js", "static/pages.css"]
)
def test_attack_14_a_changed_script_is_not_served_and_no_key_is_unlocked(
    installed: Path, desk: Desk, name: str
) -> None:
    settings = WorkspaceSettings(ORIGIN, "127.0.0.1", 0)
    create_app(desk.adapter, settings)
    path = installed / name
    path.write_bytes(path.read_bytes() + THIEF)
    with pytest.raises(AssetsChanged, match=f"{path.name} is not what was built here"):
        create_app(desk.adapter, settings)


def test_attack_14_a_script_that_nobody_recorded(installed: Path) -> None:
    (installed / "script" / "more.js").write_bytes(THIEF)
    with pytest.raises(AssetsChanged, match=r"more\.js"):
        Assets()


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"pages.css": 1}', b"[" * 70_000])
def test_attack_14_without_a_record_nothing_is_served(installed: Path, content: bytes | None) -> None:
    manifest = installed / "static" / assets.MANIFEST
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    with pytest.raises(AssetsMissing, match="missing or damaged"):
        Assets()


def test_attack_14_the_process_that_serves_does_not_start(
    installed: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whoever runs the machine meets it: one clear line, and no page, no key."""
    config = desk.adapter.home.folder / "adapter.toml"
    config.write_text(f'{config.read_text()}\n[workspace]\norigin = "{ORIGIN}"\nbind = "127.0.0.1:0"\n')
    (installed / "script" / "start.js").write_bytes(THIEF)
    # A process that started would not end.
    monkeypatch.setattr("adapters.serving.run", lambda *_args, **_more: None)
    said = Hands(desk.adapter.home.folder, desk.environ).refused("serve")
    assert "start.js is not what was built here: nothing is served and no key is unlocked" in said


def test_attack_14_what_changes_after_the_start_is_not_served(installed: Path, desk: Desk) -> None:
    """Files are read once; a page names each script by its digest, and a browser runs no other one."""
    desk.__post_init__()
    (installed / "script" / "start.js").write_bytes(THIEF)
    browser = desk.browser()
    page = browser.get("/sign-in").text
    tags = re.findall(r'(?:src|href)="(/static/[^"]+)" integrity="([^"]+)"', page)
    assert len(tags) == 3
    assert len(re.findall(r"/static/", page)) == 3, "a file without its digest"
    for address, digest in tags:
        served = browser.get(address).data
        assert THIEF.strip() not in served
        assert digest == desk.here.assets.integrity(address.partition("?")[0].rpartition("/")[2])
        assert hashlib.sha256(served).hexdigest().startswith(address.rpartition("=")[2])
        # What a script imports is one of the files that the page holds the browser to.
        assert set(re.findall(rb'"(/static/[^"]*)"', served)) <= {named.encode() for named, _ in tags}
    assert any(b"import {" in browser.get(address).data for address, _ in tags)
