"""An agency's offline backup: made, checked without restoring, restored to an empty home, and of use there."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.backup import KEYS_NAME, SETTINGS_NAME, check_backup, open_backup
from adapters.hub_client import HubClient
from adapters.pending_changes import PENDING_NAME
from keys.custody.keyfile import KeyFile, read_key_file, write_key_file
from keys.envelopes import SealedChannel, SealedFragment
from keys.fingerprints import fingerprint
from keys.private import PrivateKey
from keys.sealing import make_channel, open_channel, open_fragment, unwrap, wrap
from keys.storage import Vault
from keys.uses import KeyUse
from policies.model import Header
from tests.adapters.hands import Hands
from tests.scene import CARE, CONTENTS, POLICE, Party, Scene, now

OWN = "an invented passphrase of the backup"
NEW = {"NRM_ROOT_PASSPHRASE": "a new invented root word", "NRM_ADAPTER_PASSPHRASE": "a new invented adapter word"}


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy whose hub runs inside the test."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture(scope="module")
def environ(scene_source: Path) -> dict[str, str]:
    """The passphrases of social care, and the backup's own."""
    said: dict[str, str] = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    return {**said, "NRM_BACKUP_PASSPHRASE": OWN}


@pytest.fixture(scope="module")
def hands(scene: Scene, environ: dict[str, str]) -> Hands:
    """Social care's command line."""
    return Hands(scene[CARE].home.folder, environ)


@pytest.fixture(scope="module")
def made(hands: Hands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A backup and its recovery sheet."""
    target = tmp_path_factory.mktemp("medium") / "backup"
    return target, hands.run("backup", "keys", str(target)).stdout


def test_a_backup_is_private_and_its_sheet_holds_fingerprints_only(
    made: tuple[Path, str], hands: Hands, environ: dict[str, str]
) -> None:
    """Two files, nobody else's to read; no secret on the sheet; every public key named on it."""
    target, sheet = made
    assert sorted(path.name for path in target.iterdir()) == [KEYS_NAME, SETTINGS_NAME]
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()} == {0o600}
    opened = open_backup(target, OWN)
    assert set(opened.keys.keys) == {"root", "signing", "intake", "archive", "witness", "witness-pq"}
    assert fingerprint(opened.root.public) in sheet
    for key in opened.keys.keys.values():
        secret = key.to_jwk().get("d") or key.to_jwk()["priv"]
        assert secret not in sheet
    assert all(key.public.kid in sheet for use, key in opened.keys.keys.items() if use != "root")
    assert not any(word in sheet for word in environ.values())
    assert "overwrites nothing" in hands.refused("backup", "keys", str(target))


def test_the_backup_has_a_passphrase_of_its_own(hands: Hands, environ: dict[str, str], tmp_path: Path) -> None:
    """Not that of what it is the backup of; and no short one."""
    for variable in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE"):
        same = Hands(hands.home, {**environ, "NRM_BACKUP_PASSPHRASE": environ[variable]})
        assert "passphrase of its own" in same.refused("backup", "keys", str(tmp_path / "new"))
    short = Hands(hands.home, {**environ, "NRM_BACKUP_PASSPHRASE": "short"})
    assert "too short" in short.refused("backup", "keys", str(tmp_path / "new"))


def test_check_proves_without_restoring(made: tuple[Path, str], hands: Hands, environ: dict[str, str]) -> None:
    """It opens, and every key is the one the log's directory lists; nothing in the home changed."""
    before = {path: path.stat().st_mtime_ns for path in hands.home.glob("*.key")}
    assert "every key in the backup is the one the directory lists" in hands.run("backup", "check", str(made[0])).stdout
    offline = Hands(hands.home / "nowhere", {"NRM_BACKUP_PASSPHRASE": OWN})
    assert offline.run("backup", "check", str(made[0]), "--offline").stdout == made[1]
    assert {path: path.stat().st_mtime_ns for path in hands.home.glob("*.key")} == before
    wrong = Hands(hands.home, {**environ, "NRM_BACKUP_PASSPHRASE": OWN + "!"})
    assert "does not open" in wrong.refused("backup", "check", str(made[0]))


def test_check_names_every_key_that_differs(made: tuple[Path, str], scene: Scene) -> None:
    """Another root, another working key, another agency: each is said."""
    directory = scene[CARE].follower.directory()
    opened = open_backup(made[0], OWN)
    assert check_backup(opened, directory, now()) == ()
    keys = opened.keys.keys
    for use, said in (("root", "the root key"), ("archive", "for archive"), ("witness-pq", "for witness-pq")):
        other = scene[POLICE].keys.keys["signing" if use == "root" else use]
        changed = replace(opened, keys=KeyFile({**keys, use: other}, opened.keys.storage))
        assert [item for item in check_backup(changed, directory, now()) if said in item], use
    assert check_backup(replace(opened, agency="fern-nobody"), directory, now()) == (
        "agency fern-nobody is not enrolled",
    )


@pytest.mark.parametrize("name", [KEYS_NAME, SETTINGS_NAME])
def test_a_damaged_or_exchanged_part_is_refused(
    made: tuple[Path, str], hands: Hands, tmp_path: Path, name: str, scene: Scene
) -> None:
    """A flipped bit, a missing file, settings of another backup, a key file that is none."""
    target = tmp_path / "copy"
    shutil.copytree(made[0], target)
    whole = (target / name).read_bytes()
    for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:20], b"", b"x" * 3_000_000):
        (target / name).write_bytes(broken)
        assert hands.refused("backup", "check", str(target), "--offline")
    (target / name).unlink()
    assert "holds no backup" in hands.refused("backup", "check", str(target), "--offline")
    if name == SETTINGS_NAME:
        opened = open_backup(made[0], OWN)
        forged = {"agency": CARE, "kind": "social_care", "name": "x", "environment": "demo", "pin": None, "issued": []}
        whole_form = {**forged, "made_at": "2026-01-31T12:00:00Z"}
        for content in (
            forged,
            [],
            {**forged, "made_at": "yesterday"},
            {**whole_form, "issued": ["x"]},
            {**whole_form, "issued": 7},
            {**whole_form, "kind": "bakery"},
        ):
            sealed = Vault(opened.keys.storage).seal("backup of settings", json.dumps(content).encode())
            (target / name).write_bytes(sealed)
            assert "not of this version's form" in hands.refused("backup", "check", str(target), "--offline")
        (target / name).write_bytes(Vault(b"\x07" * 32).seal("backup of settings", b"{}"))
        assert "does not belong to" in hands.refused("backup", "check", str(target), "--offline")
    else:
        write_key_file(target / name, KeyFile({"root": open_backup(made[0], OWN).root}, b"\x01" * 32), OWN)
        assert "no backup of an agency" in hands.refused("backup", "check", str(target), "--offline")


def test_a_backup_of_before_pins_named_a_floor_is_restored(made: tuple[Path, str], tmp_path: Path) -> None:
    """It was made under the first version of the protocol, and accepts that one."""
    target, opened = tmp_path / "copy", open_backup(made[0], OWN)
    shutil.copytree(made[0], target)
    vault = Vault(opened.keys.storage)
    settings = json.loads(vault.open("backup of settings", (target / SETTINGS_NAME).read_bytes()))
    assert settings["pin"].pop("protocol") == 1
    (target / SETTINGS_NAME).write_bytes(vault.seal("backup of settings", json.dumps(settings).encode()))
    hands = Hands(tmp_path / "care", {**NEW, "NRM_BACKUP_PASSPHRASE": OWN})
    hands.run("restore", str(target))
    assert json.loads((hands.home / "hub.json").read_text()) == {**settings["pin"], "protocol": 1}


@pytest.fixture(scope="module")
def restored(made: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Hands:
    """An empty home made from the backup, under new passphrases."""
    home = tmp_path_factory.mktemp("restored") / "care"
    hands = Hands(home, {**NEW, "NRM_BACKUP_PASSPHRASE": OWN})
    assert "move root.key to offline storage" in hands.run("restore", str(made[0])).stdout
    return hands


def test_restoring_makes_a_home_as_it_was(restored: Hands, scene: Scene, made: tuple[Path, str]) -> None:
    """The same keys, secret and pin under new passphrases; and never over something that is there."""
    keys = read_key_file(restored.home / "agency.key", NEW["NRM_ADAPTER_PASSPHRASE"])
    before = scene[CARE].keys
    assert {use: key.public.kid for use, key in keys.keys.items()} == {
        use: key.public.kid for use, key in before.keys.items()
    }
    assert keys.storage == before.storage
    assert (restored.home / "hub.json").read_bytes() == (scene[CARE].home.folder / "hub.json").read_bytes()
    issued = {*json.loads((scene[CARE].home.folder / "issued.json").read_text())}
    assert issued == {*json.loads((restored.home / "issued.json").read_text())}
    assert len(issued) >= 5
    assert stat.S_IMODE((restored.home / "root.key").stat().st_mode) == 0o600
    assert "is not empty" in restored.refused("restore", str(made[0]))


def _party(scene: Scene, restored: Hands, folder: Path) -> Party:
    """Social care on a copy of the restored home, with its people and a client of the hub."""
    from adapters.home import Home

    shutil.copytree(restored.home, folder)
    home, before = Home.load(folder), scene[CARE]
    keys = read_key_file(folder / "agency.key", NEW["NRM_ADAPTER_PASSPHRASE"])
    signing = keys.keys[KeyUse.SIGNING.value]
    client = HubClient(scene.hub.issuer, CARE, signing, clock=now, is_demo=True, transport=scene.transport)
    return Party(home, keys, before.people, before.member_keys, client)


def test_the_archive_opens_and_the_agency_grants_again(scene: Scene, restored: Hands, tmp_path: Path) -> None:
    """From the hub's own rows and the restored archive key alone: every fragment of ours, granted again."""
    party = _party(scene, restored, tmp_path / "care")
    archive = party.keys.private("archive")
    rows = scene.sql(
        'SELECT protected, iv, ciphertext, tag, jws, archive_key, jwe, f."case", archive_channel FROM fragment f '
        "JOIN channel c ON c.channel = f.archive_channel WHERE f.agency = ?",
        CARE,
    )
    contents = []
    reader = scene[POLICE].member_keys["chair"].private("member-hpke")
    for protected, iv, ciphertext, tag, jws, wrapped, jwe, case, channel in rows:
        opened = open_channel(SealedChannel.parse(json.loads(jwe)), case, CARE, channel, archive)
        fragment = _fragment(protected, iv, ciphertext, tag, jws)
        key = unwrap(wrapped, opened)
        contents.append(open_fragment(fragment, key))
        sealed, new = make_channel(case, CARE, reader.public, "ab" * 16)
        theirs = open_channel(sealed, case, CARE, "ab" * 16, reader)
        assert open_fragment(fragment, unwrap(wrap(key, new), theirs)) == contents[-1]
    party.close()
    assert [item for item in contents if item in CONTENTS]


def _fragment(protected: str, iv: str, ciphertext: bytes, tag: str, jws: str) -> SealedFragment:
    from keys.canonical import parse_canonical
    from keys.jose import b64u, b64u_decode

    header = Header.from_json(parse_canonical(b64u_decode(protected)))
    return SealedFragment(protected, iv, b64u(ciphertext), tag, jws, header)


def test_a_restored_agency_shares_again(scene: Scene, restored: Hands, tmp_path: Path) -> None:
    """With the copy of its store it follows the log, releases, and the panel's chair reads it."""
    party = _party(scene, restored, tmp_path / "care")
    party.store.close()
    shutil.copy(scene[CARE].home.store_path, party.home.store_path)
    party = Party(party.home, party.keys, party.people, party.member_keys, party.client)
    party.sync()
    assert not party.follower.directory().ignored
    note: dict[str, Any] = {"kind": "concern", "summary": "Said after the fire", "fields": {}}
    assert party.share(scene.main, note).refused == 0
    scene.witness()
    view = scene[POLICE].pull(scene.main, "chair").view
    assert note["summary"] in [item.content["summary"] for item in view.opened]
    party.close()


def test_keys_alone_let_it_share_again_in_an_open_case(scene: Scene, restored: Hands, tmp_path: Path) -> None:
    """Without its store it begins a channel of its own to each key; what it shared before stays as it was."""
    party = _party(scene, restored, tmp_path / "care")
    party.sync()
    assert party.book.load(scene.main).state.membership.lead == CARE
    assert party.share(scene.main, {"kind": "concern", "summary": "Said without a store", "fields": {}}).refused == 0
    scene.witness()
    summaries = [item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened]
    assert {"Said without a store", CONTENTS[0]["summary"]} <= set(summaries)
    party.close()


def test_keys_that_were_replaced_are_in_the_backup(scene: Scene, environ: dict[str, str], tmp_path: Path) -> None:
    """What was sealed to an earlier archive key opens with it alone. No backup in the middle of a change."""
    home = tmp_path / "care"
    shutil.copytree(scene[CARE].home.folder, home)
    before = scene[CARE].keys
    earlier = {"archive@1": PrivateKey.generate("HPKE-9-KE"), **before.keys}
    write_key_file(home / "agency.key", KeyFile(earlier, before.storage), environ["NRM_ADAPTER_PASSPHRASE"])
    hands = Hands(home, environ)
    sheet = hands.run("backup", "keys", str(tmp_path / "backup")).stdout
    kept = open_backup(tmp_path / "backup", OWN).keys.keys["archive@1"].public.kid
    assert kept == earlier["archive@1"].public.kid
    assert kept in sheet
    # It died before anything was signed: what lies beside is nobody's.
    (home / "agency.key.next").touch()
    assert kept in hands.run("backup", "keys", str(tmp_path / "another")).stdout
    (home / PENDING_NAME).touch()
    assert "is not finished" in hands.refused("backup", "keys", str(tmp_path / "third"))
    assert not (tmp_path / "third").exists()
