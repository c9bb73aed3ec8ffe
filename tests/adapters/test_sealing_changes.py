"""``nrm-adapter keys rotate sealing``: by hand, in a token and where there is none."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from adapters.home import TOKEN_KEYS_NAME, Home, init_home
from adapters.pending_changes import ROTATE_STORAGE, Pending, forget_pending, keep_pending
from policies.vocabulary import AgencyKind
from tests.adapters.hands import Hands
from tests.federation import now
from tests.soft_token import SoftTokens

WORDS = {"NRM_ROOT_PASSPHRASE": secrets.token_hex(8), "NRM_ADAPTER_PASSPHRASE": secrets.token_hex(8)}


def made(home: Path, **token: object) -> Home:
    kind, name = AgencyKind.POLICE, "Fernshire Police"
    environ = {**WORDS, **({"NRM_ADAPTER_PIN": str(token.pop("pin"))} if token else {})}
    init_home(home, agency="fern-police", kind=kind, name=name, environment="demo", at=now(), environ=environ, **token)  # type: ignore[arg-type]
    return Home.load(home)


def test_in_a_token_everything_beside_it_is_sealed_anew(soft_tokens: SoftTokens, tmp_path: Path) -> None:
    """A dry run changes nothing; a change that is not finished comes first; what lay beside unnoted goes."""
    soft = soft_tokens.make("fern")
    home = made(tmp_path / "police", token=soft.place, pin=soft.pin)
    hands, path = Hands(home.folder, {**WORDS, "NRM_ADAPTER_PIN": soft.pin}), home.folder / TOKEN_KEYS_NAME
    before, labels = path.read_bytes(), soft.labels()
    assert "destroys the one before" in hands.run("keys", "rotate", "sealing", "--dry-run").output
    assert (path.read_bytes(), soft.labels()) == (before, labels)
    keep_pending(home.folder, Pending(ROTATE_STORAGE, None, False, (), ()))
    assert "another change of keys is not finished" in hands.refused("keys", "rotate", "sealing")
    assert (path.read_bytes(), soft.labels()) == (before, labels)
    forget_pending(home.folder)
    (home.folder / f"{TOKEN_KEYS_NAME}.next").write_bytes(before)
    assert "done: rotate sealing" in hands.run("keys", "rotate", "sealing").output
    assert not (home.folder / f"{TOKEN_KEYS_NAME}.next").exists()
    old, new = json.loads(before), json.loads(path.read_bytes())
    assert {use: item["public"] for use, item in new["keys"].items()} == {
        use: item["public"] for use, item in old["keys"].items()
    }
    for use, item in new["keys"].items():
        if item["sealed"] is not None:
            assert item["sealed"] != old["keys"][use]["sealed"], use
    assert new["storage"] != old["storage"]
    assert len(soft.labels()) == len(labels)
    assert new["sealing"] in soft.labels()


def test_a_key_file_has_no_such_key(tmp_path: Path) -> None:
    """It is under its passphrase; and nobody certified the key, so it has no reason and no position."""
    hands = Hands(made(tmp_path / "police").folder, WORDS)
    assert "no token seals them" in hands.refused("keys", "rotate", "sealing")
    assert "nobody certified the sealing secret" in hands.refused("keys", "rotate", "sealing", "--reason", "lost")


@pytest.fixture(autouse=True)
def _no_secrets_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WORDS, "NRM_ADAPTER_PIN"):
        monkeypatch.delenv(name, raising=False)
