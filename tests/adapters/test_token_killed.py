"""kill -9 between any two steps of a change of keys in a token: the same command finishes it, nothing stays in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.setting_up import verify_hub
from keys.custody import keyfile
from keys.custody.keyfile import read_key_file, write_key_file
from keys.custody.link import TokenLink
from keys.uses import KeyUse
from tests.adapters.test_key_changes_killed import died
from tests.adapters.token_scene import POLICE, TokenScene, log_types, pending, token_scene
from tests.e2e import mortal_adapter
from tests.e2e.mortal_adapter import Steps
from tests.federation import now

MOST_STEPS = 60
LEAST_STEPS = {"signing": 18, "intake": 14}


def _quick(passphrase: str, salt: bytes, *_work: int) -> bytes:
    """Derive a key without the work that is meant to be slow: the root's file is opened at each death."""
    return hashlib.sha256(salt + passphrase.encode()).digest()


@pytest.fixture(scope="module")
def quick(softhsm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenScene]:
    """A federation whose police open their root key's file quickly, in this process and its children."""
    with token_scene(tmp_path_factory.mktemp("token"), softhsm) as made:
        root, hub = made.folder / "root.key", made.fed.hub
        held = {
            root: made.environ["NRM_ROOT_PASSPHRASE"],
            made.folder / "members" / f"{made.chair}.key": made.environ["NRM_MEMBER_PASSPHRASE"],
            # The hub has opened its own already; the check of the whole log at the end opens it again.
            hub.config.keys_path: hub.passphrase,
        }
        contents = {path: read_key_file(path, passphrase) for path, passphrase in held.items()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keyfile, "_derive", _quick)
            for path, passphrase in held.items():
                write_key_file(path, contents[path], passphrase)
            yield made


def watch_token(step: Steps) -> None:
    """Take a step before and after everything that lasts in the token too, and before a file is deleted."""
    watch_files(step)
    for name in ("generate_signing_key", "destroy"):
        setattr(TokenLink, name, _stepped(getattr(TokenLink, name), step))
    Path.unlink = _stepped(Path.unlink, step)  # type: ignore[method-assign]


watch_files = mortal_adapter.watch


def _stepped(real: Any, step: Steps) -> Any:
    def stepped(*args: Any, **kwargs: Any) -> Any:
        step()
        done = real(*args, **kwargs)
        step()
        return done

    return stepped


@pytest.mark.slow
@pytest.mark.parametrize("use", ["signing", "intake"])
def test_a_change_in_a_token_that_died_at_any_step_is_finished_by_the_same_command(
    quick: TokenScene, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key counts at the end and the token has it; of the others it has none; the log is whole."""
    monkeypatch.setattr("tests.adapters.test_key_changes_killed.watch", watch_token)
    args, reached = ("keys", "rotate", use, "--wait", "0"), 0
    size = len(quick.soft.labels())
    for die_at in range(1, MOST_STEPS):
        before, types = quick.publics(), log_types(quick)
        was_killed = died(quick.hands(), args, die_at)
        if was_killed:
            reached = die_at
            has_begun = (quick.folder / "key-change.pending").exists()
            if has_begun or quick.publics()[use] == before[use]:
                quick.hands().run(*args)
        assert not pending(quick), die_at
        after = quick.publics()
        assert after[use] != before[use]
        entries = log_types(quick)[len(types) :]
        assert sorted(entries) == ["certificate", "revocation"], die_at
        assert len(quick.soft.labels()) == size, die_at
        assert (before[use] in after.values()) == (use != "signing")
        if not was_killed:
            break
    assert reached >= LEAST_STEPS[use]
    assert quick.hands().run("keys", "list").stderr == ""
    quick.settle()
    assert quick.directory().newest_key(KeyUse(use), POLICE, now()).key.kid == quick.publics()[use]
    assert quick.share(POLICE) == 0
    quick.settle()
    assert quick.pull().view.unverified == ()
    assert verify_hub(quick.fed.hub.config, quick.fed.hub.passphrase).ok
