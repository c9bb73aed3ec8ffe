"""The key that access tokens are signed with is replaced: in a key file, in a hardware token (SoftHSM 2), killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from hub.app import create_app
from hub.cli import main
from hub.config import Config
from hub.services import LOG_KEY, SIGN_IN_KEY, TOKEN_KEY, open_keys, open_services
from hub.serving import only_process
from hub.setting_up import init_hub
from keys.custody.token import TokenKeys, TokenRefused
from tests.scene import CARE, Scene
from tests.soft_token import SoftTokens

WORD = "an invented passphrase"


def rotate(home: Path, use: str = "token", **environ: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "keys", "rotate", use], env=environ)


def test_the_key_for_identity_providers_is_replaced_alone(tmp_path: Path) -> None:
    """The new one is shown as a provider wants it, and no other key changes; not while the hub runs."""
    said = {"issuer": "http://127.0.0.1:9", "origin": "hub.example/t", "environment": "demo"}
    config = Config.checked(tmp_path / "hub", said)
    init_hub(config, WORD)
    before = publics(config, WORD)
    with closing(only_process(config.home)):
        assert rotate(config.home, "sign-in", NRM_HUB_PASSPHRASE=WORD).exit_code == 1
    assert publics(config, WORD) == before
    done = rotate(config.home, "sign-in", NRM_HUB_PASSPHRASE=WORD)
    assert done.exit_code == 0, done.output
    after = publics(config, WORD)
    assert {use for use in before if before[use] != after[use]} == {SIGN_IN_KEY}
    [shown] = json.loads(done.output[done.output.index("{") :])["keys"]
    assert (shown["kid"], shown["alg"], "d" in shown) == (after[SIGN_IN_KEY], "ES256", False)


def publics(config: Config, unlocking: str) -> dict[str, str]:
    held = open_keys(config, unlocking)
    try:
        return {use: key.public.kid for use, key in held.keys.items()}
    finally:
        held.close()


def test_access_tokens_of_the_old_key_end_and_an_agency_fetches_another(make_scene: Callable[[], Scene]) -> None:
    """The client that holds one is refused it, asks for another by itself, and goes on; the log key stays."""
    scene = make_scene().embed()
    client = scene[CARE].client
    client.get("/v1/cases")
    old, before = dict(client._tokens), publics(scene.hub.config, scene.hub.passphrase)
    done = rotate(scene.hub.home, NRM_HUB_PASSPHRASE=scene.hub.passphrase)
    assert done.exit_code == 0, done.output
    after = publics(scene.hub.config, scene.hub.passphrase)
    assert after[LOG_KEY] == before[LOG_KEY]
    assert after[TOKEN_KEY] != before[TOKEN_KEY]
    assert after[TOKEN_KEY][:12] in done.output
    # The same client, with its token of before, at the hub as it starts again.
    services = open_services(scene.hub.config, scene.hub.passphrase)
    transport = httpx.WSGITransport(app=create_app(services), raise_app_exceptions=False)
    client._http.close()
    client._http = httpx.Client(base_url=scene.hub.issuer, transport=transport)
    assert client._tokens == old != {}
    assert client.get("/v1/cases")["cases"]
    assert client._tokens != old
    services.close()


def test_a_hub_that_runs_keeps_its_key(make_scene: Callable[[], Scene]) -> None:
    """It would go on taking tokens of the old one: it is stopped first. And only with the passphrase."""
    scene = make_scene()
    before = publics(scene.hub.config, scene.hub.passphrase)
    lock = only_process(scene.hub.home)
    done = rotate(scene.hub.home, NRM_HUB_PASSPHRASE=scene.hub.passphrase)
    lock.close()
    assert done.exit_code == 1
    assert "another process serves this hub already" in done.output
    done = rotate(scene.hub.home, NRM_HUB_PASSPHRASE="another invented word")
    assert done.exit_code == 1
    assert "does not open" in done.output
    assert publics(scene.hub.config, scene.hub.passphrase) == before


def test_in_a_hardware_token_the_old_key_is_destroyed(soft_tokens: SoftTokens, tmp_path: Path) -> None:
    """Killed before the file is written, nothing has changed; the next one removes what was left in the token."""
    soft = soft_tokens.make("hub")
    said = {"issuer": "http://127.0.0.1:9", "origin": "hub.example/token", "environment": "demo"}
    config = Config.checked(tmp_path / "hub", said)
    init_hub(config, soft.pin, soft.place)
    before, labels = publics(config, soft.pin), soft.labels()

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.hub_keys.write_token_keys", killed)
        with pytest.raises(Killed):
            rotate(config.home, NRM_HUB_PIN=soft.pin)
    assert publics(config, soft.pin) == before
    assert len(soft.labels()) > len(labels)
    done = rotate(config.home, NRM_HUB_PIN=soft.pin)
    assert done.exit_code == 0, done.output
    after = publics(config, soft.pin)
    assert (after[LOG_KEY] == before[LOG_KEY], after[TOKEN_KEY] == before[TOKEN_KEY]) == (True, False)
    assert len(soft.labels()) == len(labels)
    held = open_keys(config, soft.pin)
    assert isinstance(held, TokenKeys)
    assert held.label(TOKEN_KEY) not in labels
    held.close()


def test_the_key_by_which_the_hubs_token_seals_is_replaced(soft_tokens: SoftTokens, tmp_path: Path) -> None:
    """By hand, the hub being stopped: every key stays, and a copy of the file from before opens with nothing."""
    soft = soft_tokens.make("hub")
    said = {"issuer": "http://127.0.0.1:9", "origin": "hub.example/token", "environment": "demo"}
    config = Config.checked(tmp_path / "hub", said)
    init_hub(config, soft.pin, soft.place)
    before, labels, copy = publics(config, soft.pin), soft.labels(), config.token_keys_path.read_bytes()
    command = ["--home", str(config.home), "keys", "rotate", "sealing"]
    done = CliRunner().invoke(main, [*command, "--dry-run"], env={"NRM_HUB_PIN": soft.pin})
    assert (done.exit_code, soft.labels()) == (0, labels), done.output
    lock = only_process(config.home)
    assert "serves this hub" in CliRunner().invoke(main, command, env={"NRM_HUB_PIN": soft.pin}).output
    lock.close()
    assert soft.labels() == labels
    done = CliRunner().invoke(main, command, env={"NRM_HUB_PIN": soft.pin})
    assert done.exit_code == 0, done.output
    assert publics(config, soft.pin) == before
    assert len(soft.labels()) == len(labels)
    assert soft.labels() != labels
    config.token_keys_path.write_bytes(copy)
    with pytest.raises(TokenRefused, match="the token has no key"):
        publics(config, soft.pin)
