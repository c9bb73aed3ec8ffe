"""An agency's token is gone, and so is its machine: its backup is restored, and it goes on with what it had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.backup import open_backup
from adapters.held_keys import KeyChangeRefused
from adapters.home import Home
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.restored_home import restore
from adapters.runtime import Adapter
from adapters.store.rows import own_fragments
from adapters.working_keys import working_key
from hub.cli import main as hub_main
from keys.custody.keyfile import KeyFile, read_key_file, write_key_file
from keys.custody.secret import Secret
from keys.revocation import RevocationReason
from keys.uses import KeyUse
from policies.vocabulary import Category, Purpose
from tests.adapters.hands import Hands
from tests.adapters.token_scene import CARE, CHARITY, HEALTH, POLICE, SEEN, TokenScene, log_types, token_scene
from tests.federation import now
from tests.soft_token import SoftToken

pytestmark = pytest.mark.slow

OWN = "an invented passphrase of the backup"
NEW = {"NRM_ROOT_PASSPHRASE": "a new invented root word"}
AFTER = {"kind": "concern", "summary": "Said after the token was lost", "fields": {}}
ADAPTER_WORD = "a new invented adapter word"
NEEDS_SIGNING = (
    ("sync",),
    ("witness",),
    ("push",),
    ("case", "list"),
    ("fetch-own",),
    ("regrant", "ab" * 16),
    ("members", "list"),
    ("members", "remove", "ab" * 16, "--reason", "lost"),
    ("keys", "list"),
    ("keys", "revoke", "signing", "--reason", "lost"),
    ("keys", "revoke", "intake", "--reason", "lost", "--by", "root"),
    ("keys", "enrol-again"),
    ("witnesses", "list"),
    ("witnesses", "approve", CARE),
    ("serve", "--bind", "127.0.0.1:0"),
)
"""Commands of a home whose signing key is not in use yet."""


@pytest.fixture
def lost(softhsm: Path, tmp_path: Path) -> Iterator[TokenScene]:
    """The police have shared and made a backup; then their token and their adapter's folder are gone."""
    with token_scene(tmp_path, softhsm) as scene:
        assert scene.share(POLICE) == 0
        assert scene.share(CARE) == 0
        scene.settle()
        hands = Hands(scene.folder, {**scene.environ, "NRM_BACKUP_PASSPHRASE": OWN})
        sheet = hands.run("backup", "keys", str(tmp_path / "medium")).stdout
        assert "NOT in this backup" in sheet
        shutil.copytree(scene.folder / "members", tmp_path / "members")
        shutil.rmtree(scene.folder)
        scene.soft.tokens.kept.rename(scene.soft.tokens.folder / "gone")
        scene.soft.tokens.kept.mkdir()
        yield scene


def medium(scene: TokenScene) -> Path:
    return scene.soft.tokens.folder.parent / "medium"


def recovered(scene: TokenScene, soft: SoftToken | None) -> tuple[Hands, tuple[str, ...]]:
    """Return hands on the folder that is to be restored, and the arguments of the command that does it."""
    environ = scene.environ
    for name in [name for name in environ if name.startswith(("NRM_ROOT", "NRM_ADAPTER"))]:
        del environ[name]
    environ |= {**NEW, "NRM_BACKUP_PASSPHRASE": OWN}
    more: tuple[str, ...] = ()
    if soft is None:
        environ["NRM_ADAPTER_PASSPHRASE"] = ADAPTER_WORD
    else:
        environ["NRM_ADAPTER_PIN"] = soft.pin
        more = ("--token-module", str(soft.place.module), "--token-label", soft.place.label, "--algorithm", "ES256")
    return scene.hands(), ("restore", str(medium(scene)), *more)


def witnessed_by_others(scene: TokenScene) -> None:
    """Let the other three see the whole log, and take it in."""
    others = [scene.fed.agencies[name] for name in (CARE, HEALTH, CHARITY)]
    while min(item.follower.sync().checkpoint.size for item in others) < len(log_types(scene)):
        for item in others:
            item.witness()
    for item in others:
        item.follower.sync_cases()


@pytest.mark.parametrize("in_token", [False, True], ids=["file", "token"])
def test_a_lost_tokens_backup_is_restored_and_the_agency_goes_on(lost: TokenScene, *, in_token: bool) -> None:
    """New signing and witness keys, the old ones ended as lost; the archive opens what was shared; it shares again."""
    backup = open_backup(medium(lost), OWN)
    assert set(backup.in_token) == {"signing", "witness"}
    new = lost.soft.tokens.make("second") if in_token else None
    hands, command = recovered(lost, new)
    said = hands.run(*command).stdout
    assert "made anew, and certified by the root: signing, witness, witness-pq" in said
    aside = hands.home / "keys-for-hub.json"
    assert f"{aside} (nrm-hub certify FILE)" in said
    assert "is not empty" in hands.refused(*command)
    # Nothing works before the hub has the new key, and each command says what to run.
    for args in NEEDS_SIGNING:
        assert "run: nrm-adapter keys rotate signing" in hands.refused(*args), args
    assert "nrm-hub certify FILE" in hands.refused("keys", "rotate", "signing", "--wait", "0")
    done = CliRunner().invoke(hub_main, ["--home", str(lost.fed.hub.home), "certify", str(aside)])
    assert done.exit_code == 0, done.output
    said = hands.run("keys", "rotate", "signing", "--wait", "0").output
    assert "done: rotate signing" in said
    assert not aside.exists()
    if new is not None:
        assert not (hands.home / "agency.key").exists()
        assert [label for label in new.labels() if "/signing/" in label]
        assert backup.keys.keys["intake"].public.kid == lost.publics()["intake"]
    witnessed_by_others(lost)
    hands.run("sync")
    said = hands.run("keys", "rotate", "witness", "--wait", "0").output
    assert "2 more of the present witnesses must approve it" in said
    for name in (CARE, HEALTH):
        lost.hands(name).run("witnesses", "approve", POLICE)
    # Every restored and every new key is the one that the log lists; each lost one has ended, and stays proven before.
    witnessed_by_others(lost)
    hands.run("sync")
    directory = lost.directory()
    for kid in (*backup.in_token.values(), backup.keys.keys["witness-pq"].public.kid):
        [ended] = [item for item in directory.revocations if item.kid == kid]
        assert ended.reason is RevocationReason.LOST
    for use in (KeyUse.INTAKE, KeyUse.ARCHIVE):
        kid = directory.newest_key(use, POLICE, now()).key.kid
        assert kid == backup.keys.keys[use.value].public.kid
    said = hands.run("fetch-own").stdout
    assert "1 fragment put back" in said
    shutil.copytree(lost.soft.tokens.folder.parent / "members", hands.home / "members")
    with lost.police() as adapter:
        with adapter.store.write() as session:
            [row] = own_fragments(session, lost.case)
            assert adapter.store.vault.open(f"cek:{row.fragment}", row.sealed_key)
        assert not [item for item in adapter.follower.directory().ignored if POLICE in str(item)]
    with lost.police() as adapter:
        # What was released before is known: written once more it is no second draft.
        assert list_drafts(adapter.store, lost.case, [DraftState.DRAFT]) == []
        keep_authored(adapter.store, lost.case, Category.CONCERN, AFTER, now())
        drafts = list_drafts(adapter.store, lost.case, [DraftState.DRAFT])
        adapter.releaser.release(lost.case, drafts, ReleaseTerms(Purpose.PANEL_REVIEW))
        assert adapter.outbox.push_all().refused == 0
    lost.settle()
    care = lost.fed.agencies[CARE]
    view = care.pull(lost.case, "lead", Purpose.PANEL_REVIEW).view
    read = {item.content["summary"] for item in view.opened if item.header.agency == POLICE}
    assert read == {SEEN["summary"], AFTER["summary"]}
    assert view.unverified == ()
    assert len(lost.pull().view.opened) >= 1
    # And its keys are changed, ended and backed up like any other's.
    hands.run("keys", "rotate", "signing", "--wait", "0")
    hands.run("keys", "rotate", "intake", "--wait", "0")
    lost.settle()
    assert hands.run("alarms").stdout.count("not made here") == 0
    hands.run("backup", "keys", str(medium(lost).parent / "second-medium"))
    hands.run("backup", "check", str(medium(lost).parent / "second-medium"))


def test_a_restore_that_fails_leaves_neither_files_nor_keys(lost: TokenScene) -> None:
    """A wrong PIN, a token that lacks the algorithm, one that has keys of ours: then the same folder takes the next."""
    new = lost.soft.tokens.make("second")
    hands, command = recovered(lost, new)
    wrong = Hands(hands.home, {**hands.environ, "NRM_ADAPTER_PIN": "not it"})
    assert "refused this PIN" in wrong.refused(*command)
    assert not hands.home.exists()
    lost.soft.tokens.prepare(mechanisms="-CKM_DES_ECB,CKM_EC_KEY_PAIR_GEN")
    assert "the token cannot do ES256" in hands.refused(*command)
    lost.soft.tokens.prepare()
    assert new.labels() == []
    for part in ("--token-module", "--token-label"):
        args = list(command)
        del args[args.index(part) : args.index(part) + 2]
        assert "both --token-module and --token-label" in hands.refused(*args)
    assert not hands.home.exists()
    # What fails after keys were made in the token takes them back.
    with pytest.MonkeyPatch.context() as patch:

        def failed(*_: object, **__: object) -> None:
            raise KeyChangeRefused("no room for the note")

        patch.setattr("adapters.restored_home.keep_pending", failed)
        assert hands.refused(*command) == "no room for the note"
    assert new.labels() == []
    assert not hands.home.exists()
    hands.run(*command)
    shutil.rmtree(hands.home)
    assert "the token has a key nrm-hub/fern-police/sealing already" in hands.refused(*command)


def test_a_backup_of_before_the_pin_without_its_signing_key_is_refused(lost: TokenScene) -> None:
    """There is nothing that it could open, and no log that knows the agency: init."""
    backup = replace(open_backup(medium(lost), OWN), pin=None)
    folder = lost.folder.parent / "early"
    with pytest.raises(ValueError, match="nrm-adapter --home NEW init"):
        restore(folder, backup, "a new invented root word", Secret(ADAPTER_WORD), at=now())
    with pytest.raises(ValueError, match="signing algorithm: expected one of"):
        restore(folder, backup, "a new invented root word", Secret(ADAPTER_WORD), at=now(), algorithm="RS256")
    assert not folder.exists()


def test_a_home_that_lacks_a_key_says_what_to_run(lost: TokenScene) -> None:
    """Also one that was restored by an earlier version, which made nothing: restore again, to an empty folder."""
    hands, command = recovered(lost, None)
    hands.run(*command)
    for name in ("agency.key.next", "key-change.pending", "keys-for-hub.json"):
        (hands.home / name).unlink()
    said = hands.refused("keys", "rotate", "signing", "--reason", "lost")
    assert "restore the backup again to an empty folder: nrm-adapter --home NEW restore BACKUP" in said
    path = hands.home / "agency.key"
    held = read_key_file(path, ADAPTER_WORD)
    assert set(held.keys) == {"intake", "archive", "witness-pq"}
    for use, named in (
        (KeyUse.WITNESS, "keys rotate witness --reason lost"),
        (KeyUse.SIGNING, "keys rotate signing"),
        (KeyUse.MEMBER_SIGNING, "another holder's key file"),
    ):
        with pytest.raises(ValueError, match=named):
            working_key(held.keys, use)
    write_key_file(path, KeyFile({}, held.storage), ADAPTER_WORD)
    adapter = Adapter(Home.load(hands.home), environ=hands.environ, clock=now)
    with pytest.raises(ValueError, match="restore the backup that has it"):
        working_key(adapter.keys.keys, KeyUse.ARCHIVE)
