"""A hub whose log key and token key are in a hardware token (SoftHSM 2), run as its operator runs it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from hub.config import Config, read_unlocking
from hub.services import LOG_KEY, TOKEN_KEY, open_keys, open_services
from hub.setting_up import init_hub
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import KeyFile, generate_storage, write_key_file
from keys.private import PrivateKey
from keys.transparency import VerifierKey, verify_checkpoint
from tests.federation import HubProcess, free_port
from tests.soft_token import SoftToken, SoftTokens

ORIGIN = "hub.example/token"
PASSPHRASE = "an invented passphrase"


@pytest.fixture
def soft(soft_tokens: SoftTokens) -> SoftToken:
    """A fresh token."""
    return soft_tokens.make("hub")


def run(home: Path, *args: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", "--home", str(home), *args],
        env={**plain, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def settings(home: Path, issuer: str = "http://127.0.0.1:9", environment: str = "demo") -> Config:
    return Config.checked(home, {"issuer": issuer, "origin": ORIGIN, "environment": environment})


def test_a_hub_signs_its_heads_with_a_key_in_a_token(
    soft: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made and served from the command line: the process that answers is a child and opens the token for itself."""
    hub = HubProcess(tmp_path / "hub", free_port(), "not used by a hub with a token")
    environ = {"NRM_HUB_PIN": soft.pin}
    made = run(
        hub.home,
        *("init", "--issuer", hub.issuer, "--origin", ORIGIN, "--environment", "demo"),
        *("--token-module", str(soft.place.module), "--token-label", soft.place.label),
        environ=environ,
    )
    assert made.returncode == 0, made.stderr
    assert {path.name for path in hub.home.iterdir()} >= {"hub.toml", "hub.token", "token.toml"}
    assert not (hub.home / "hub.key").exists()
    assert stat.S_IMODE((hub.home / "hub.token").stat().st_mode) == 0o600
    log_key = VerifierKey.parse(made.stdout.split("log key: ")[1].split()[0])
    monkeypatch.setenv("NRM_HUB_PIN", soft.pin)
    hub.start()
    try:
        assert httpx.get(f"{hub.issuer}/health", timeout=10).status_code == 200
    finally:
        hub.stop()
    services = open_services(Config.load(hub.home), soft.pin)
    try:
        assert services.log_vkey == log_key
        from hub.ledger import ledger

        with services.database.read() as session:
            note = ledger.sign_head(session, origin=ORIGIN, signers=services.log_signers)
        assert verify_checkpoint(note, log_key).size == 1
    finally:
        services.close()


def test_the_hubs_passphrase_comes_from_a_descriptor_a_file_or_the_environment(tmp_path: Path) -> None:
    """In this order; what is too long, empty or not to be read is refused without showing it."""
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    both = {"NRM_HUB_PASSPHRASE_FILE": str(path), "NRM_HUB_PASSPHRASE": "another invented one"}
    assert read_unlocking(tmp_path, both) == PASSPHRASE
    with path.open("rb") as file:
        assert read_unlocking(tmp_path, {**both, "NRM_HUB_PASSPHRASE_FD": str(os.dup(file.fileno()))}) == PASSPHRASE
    for content, said in (("x" * 5000, "expected at most 4,096 bytes"), ("\n", "expected a secret, got nothing")):
        path.write_text(content)
        with pytest.raises(CustodyRefused, match=f"^NRM_HUB_PASSPHRASE_FILE: {said}"):
            read_unlocking(tmp_path, both)
    path.unlink()
    with pytest.raises(CustodyRefused, match="NRM_HUB_PASSPHRASE_FILE names a file that cannot be read"):
        read_unlocking(tmp_path, both)


def test_the_hubs_pin_is_asked_for_by_name(soft: SoftToken, tmp_path: Path) -> None:
    """Where ``token.toml`` is, the passphrase of a key file is not taken for it."""
    init_hub(settings(tmp_path / "hub"), soft.pin, soft.place)
    with pytest.raises(CustodyRefused, match="no token PIN: set NRM_HUB_PIN_FILE"):
        read_unlocking(tmp_path / "hub", {"NRM_HUB_PASSPHRASE": PASSPHRASE})
    assert read_unlocking(tmp_path / "hub", {"NRM_HUB_PIN": soft.pin}) == soft.pin
    assert read_unlocking(tmp_path, {"NRM_HUB_PASSPHRASE": PASSPHRASE}) == PASSPHRASE
    with pytest.raises(CustodyRefused, match="no passphrase of the hub's keys: set NRM_HUB_PASSPHRASE_FILE"):
        read_unlocking(tmp_path, {"NRM_HUB_PIN": soft.pin})
    for refused in (
        run(tmp_path / "hub", "log", "verify", environ={"NRM_HUB_PASSPHRASE": PASSPHRASE}),
        run(tmp_path / "hub", "log", "verify", environ={"NRM_HUB_PIN": "0000"}),
        run(
            tmp_path / "new",
            "init",
            "--issuer",
            "https://hub.example",
            "--origin",
            ORIGIN,
            "--token-label",
            "hub",
            environ={},
        ),
    ):
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: ")
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_production_hub_refuses_keys_open_to_others(mode: int, soft: SoftToken, tmp_path: Path) -> None:
    """A key file and a token's file alike."""
    for name, unlocking, place in (("hub.key", PASSPHRASE, None), ("hub.token", soft.pin, soft.place)):
        home = tmp_path / name
        config = settings(home, "https://hub.example", "production")
        init_hub(config, unlocking, place)
        open_keys(config, unlocking).close()
        (home / name).chmod(mode)
        with pytest.raises(CustodyRefused, match=f"{name} is open to others"):
            open_keys(config, unlocking)


def test_another_holders_keys_are_no_hubs(tmp_path: Path) -> None:
    """An adapter's key file under the hub's name, and none at all."""
    home = tmp_path / "hub"
    config = settings(home)
    with pytest.raises(CustodyRefused, match=r"hub.key is not in the hub's folder"):
        open_keys(config, PASSPHRASE)
    write_key_file(home / "hub.key", KeyFile({"root": PrivateKey.generate("Ed25519")}, generate_storage()), PASSPHRASE)
    with pytest.raises(CustodyRefused, match="does not hold the hub's two keys"):
        open_keys(config, PASSPHRASE)
    both = {use: PrivateKey.generate("Ed25519") for use in (LOG_KEY, TOKEN_KEY)}
    write_key_file(home / "hub.key", KeyFile(both, generate_storage()), PASSPHRASE)
    assert set(open_keys(config, PASSPHRASE).keys) == {LOG_KEY, TOKEN_KEY}
