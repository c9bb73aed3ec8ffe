"""``nrm-hub serve`` with a console: its settings, its key, and what keeps it from starting."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.config import CONFIG_NAME, Config, ConfigRefused
from hub.console import assets
from hub.console.app import create_console
from hub.console.refusal import AssetsMissing, ConsoleRefused
from hub.services import SIGN_IN_KEY
from keys.custody.keyfile import KeyFile, generate_storage, read_key_file, write_key_file
from keys.private import PrivateKey
from tests.hub.console.desk import Desk

PLAIN = 'issuer = "https://hub.example"\norigin = "hub.example/main"\n'
TABLE = """
[[sign_in]]
name = "health"
label = "Health"
issuer = "https://login.example"
client_id = "nrm-hub"
agency = "fern-health"
two_factor_amr = ["mfa"]
"""
PASSPHRASE = "an invented hub passphrase"


def load(folder: Path, text: str) -> Config:
    """Read settings."""
    (folder / CONFIG_NAME).write_text(text)
    return Config.load(folder)


def test_providers_and_fronts_are_read(tmp_path: Path) -> None:
    """Each provider is one agency's."""
    config = load(tmp_path, PLAIN + 'fronts = ["127.0.0.1", "2001:DB8::1"]\n' + TABLE)
    assert [(item.name, item.agency, item.two_factor_amr) for item in config.providers] == [
        ("health", "fern-health", ("mfa",))
    ]
    assert config.fronts == ("127.0.0.1", "2001:db8::1")
    assert load(tmp_path, PLAIN).providers == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PLAIN + TABLE + TABLE, "same name"),
        (PLAIN + TABLE.replace("https://login", "http://login"), "issuer"),
        (PLAIN + TABLE + 'secret = "x"\n', "unknown settings: secret"),
        (PLAIN + 'sign_in = "x"\n', "expected at most"),
        (PLAIN + 'fronts = ["the proxy"]\n', "fronts: expected addresses"),
        (PLAIN + 'fronts = "127.0.0.1"\n', "fronts: expected a list"),
        (PLAIN + f"fronts = {['127.0.0.1'] * 9}\n", "fronts: expected a list"),
        (PLAIN + "console = true\n", "unknown settings"),
    ],
    ids=range(8),
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, says: str) -> None:
    """File and setting."""
    with pytest.raises(ConfigRefused, match=says) as found:
        load(tmp_path, text)
    assert CONFIG_NAME in str(found.value)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    """In a hub that was made without one; what is published is its public half, and its other keys stay."""
    home, environ = tmp_path / "hub", {"NRM_HUB_PASSPHRASE": PASSPHRASE}
    home.mkdir(mode=0o700)
    (home / CONFIG_NAME).write_text(PLAIN)
    before = KeyFile({name: PrivateKey.generate("Ed25519") for name in ("log", "token")}, generate_storage())
    write_key_file(home / "hub.key", before, PASSPHRASE)
    first, second = (
        CliRunner().invoke(main, ["--home", str(home), "sign-in-key"], env=environ, catch_exceptions=False)
        for _ in range(2)
    )
    assert first.exit_code == 0
    assert first.output == second.output
    [published] = json.loads(first.output)["keys"]
    after = read_key_file(home / "hub.key", PASSPHRASE)
    assert published["kid"] == after.private(SIGN_IN_KEY).public.kid
    assert published["alg"] == "ES256"
    assert "d" not in published
    assert {name: key.public.kid for name, key in before.keys.items()}.items() <= {
        name: key.public.kid for name, key in after.keys.items()
    }.items()
    assert after.storage == before.storage


def test_without_its_key_or_its_style_it_does_not_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which command brings them."""
    with pytest.raises(ConsoleRefused, match="nrm-hub sign-in-key"):
        create_console(replace(desk.services, custody=None))
    monkeypatch.setattr(assets, "FOLDERS", ())
    with pytest.raises(AssetsMissing, match="make assets"):
        create_console(desk.services)


def test_files_are_served_for_good_by_their_digest(desk: Desk) -> None:
    """And nothing but the files that are there."""
    browser = desk.browser()
    address = desk.here.assets.address("pages.css")
    answer = browser.get(address)
    assert answer.status_code == 200
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert browser.get("/console/static/pages.css").headers["Cache-Control"] == "public, no-cache"
    assert "Set-Cookie" not in answer.headers
    for name in ("nothing.css", "..%2fapp.py", "govuk-frontend.LICENSE.txt", "%00"):
        assert browser.get(f"/console/static/{name}").status_code == 404
