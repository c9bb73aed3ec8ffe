"""kill -9 between any two steps of a change of keys: the same command finishes it and no key is lost."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.hub_client import HubClient
from hub.setting_up import verify_hub
from keys.custody import keyfile
from keys.custody.keyfile import KeyFile, read_key_file, write_key_file
from keys.uses import KeyUse
from tests.adapters.hands import Hands
from tests.adapters.test_key_changes import directory_of, environ_of, hands, nothing_is_left_over, settle
from tests.e2e.mortal_adapter import Steps, watch
from tests.scene import HEALTH, POLICE, Scene, now

MOST_STEPS = 60
LEAST_STEPS = {"signing": 12, "intake": 12, "member": 12}


def _quick(passphrase: str, salt: bytes, *_work: int) -> bytes:
    """Derive a key without the work that is meant to be slow: these tests open key files hundreds of times."""
    return hashlib.sha256(salt + passphrase.encode()).digest()


@pytest.fixture(scope="module")
def quick(make_scene: Callable[[], Scene]) -> Iterator[Scene]:
    """A federation whose police open their key files quickly, in this process and its children."""
    made = make_scene().start()
    made.witness()
    folder, environ = made[POLICE].home.folder, environ_of(made, POLICE)
    held = {
        folder / "agency.key": environ["NRM_ADAPTER_PASSPHRASE"],
        folder / "root.key": environ["NRM_ROOT_PASSPHRASE"],
        folder / "members" / f"{made[POLICE].people['chair']}.key": environ["NRM_MEMBER_PASSPHRASE"],
    }
    # The hub has opened its own already; the check of the whole log at the end opens it again.
    held[made.hub.config.keys_path] = made.hub.passphrase
    contents = {path: read_key_file(path, passphrase) for path, passphrase in held.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_derive", _quick)
        for path, passphrase in held.items():
            write_key_file(path, contents[path], passphrase)
        yield made


def died(person: Hands, args: tuple[str, ...], die_at: int) -> bool:
    """Run a command in a child that dies at a step; return whether it died, or was done before."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            watch(Steps(die_at, outlet))
            person.run(*args)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the child must not go on as its parent
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(3)
    os.close(outlet)
    while os.read(inlet, 4096):
        pass
    os.close(inlet)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def held_by(scene: Scene, path: Path) -> KeyFile:
    """Open one of the police's key files."""
    environ = environ_of(scene, POLICE)
    variable = "NRM_MEMBER_PASSPHRASE" if path.parent.name == "members" else "NRM_ADAPTER_PASSPHRASE"
    return read_key_file(path, environ[variable])


@pytest.mark.slow
@pytest.mark.parametrize("what", ["signing", "intake", "member"])
def test_a_change_that_died_at_any_step_is_finished_by_the_same_command(quick: Scene, what: str) -> None:
    """One key counts at the end and it is the one held here; what was granted before still opens; the log is whole."""
    person, folder, member = hands(quick, POLICE), quick[POLICE].home.folder, quick[POLICE].people["chair"]
    path = folder / "members" / f"{member}.key" if what == "member" else folder / "agency.key"
    use = KeyUse.MEMBER_HPKE if what == "member" else KeyUse(what)
    more = ("--member", member) if what == "member" else ()
    args = ("keys", "rotate", what, *more, "--wait", "0")
    reached = 0
    for die_at in range(1, MOST_STEPS):
        before = held_by(quick, path)
        types = quick.log_types()
        was_killed = died(person, args, die_at)
        if was_killed:
            # The same command, until nothing is left over: it finishes what died, or does what had not begun.
            if held_by(quick, path).keys[use.value].public == before.keys[use.value].public or _waits(folder):
                person.run(*args)
            reached = die_at
        nothing_is_left_over(quick, POLICE)
        after = held_by(quick, path)
        assert after.keys[use.value].public != before.keys[use.value].public
        assert after.storage == before.storage
        entries = quick.log_types()[len(types) :]
        assert sorted(entries) == sorted(["certificate", "revocation"] * (2 if what == "member" else 1)), die_at
        if what != "signing":
            kept = {key.public.kid for key in after.keys.values()}
            assert before.keys[use.value].public.kid in kept
        if not was_killed:
            break
    assert reached >= LEAST_STEPS[what]
    party = quick[POLICE]
    party.keys = held_by(quick, folder / "agency.key")
    party.client.close()
    party.client = HubClient(quick.hub.issuer, POLICE, party.keys.keys["signing"], clock=party.clock, is_demo=True)
    settle(quick)
    named = member if what == "member" else None
    newest = directory_of(quick, HEALTH).newest_key(use, POLICE, now(), member=named)
    assert newest.key == held_by(quick, path).keys[use.value].public
    party.member_keys["chair"] = held_by(quick, folder / "members" / f"{member}.key")
    view = party.pull(quick.main, "chair").view
    assert (len(view.opened) > 0, view.unverified, view.withheld_by_hub) == (True, (), ())
    assert [text for _, text in quick.alarms(POLICE)] == []
    assert verify_hub(quick.hub.config, quick.hub.passphrase).ok


def _waits(folder: Path) -> bool:
    return (folder / "key-change.pending").exists()
