"""Replace and end keys of an agency whose keys are in a token (SoftHSM 2), by hand, against a real hub."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.home import TOKEN_KEYS_NAME, HubPin, read_pin
from adapters.hub_client import HubClient, HubRefused
from adapters.serving import Watch
from hub.cli import main as hub_main
from hub.setting_up import verify_hub, write_pin
from keys.custody.keyfile import read_key_file
from keys.custody.token import label_of
from keys.custody.token_changes import NOTE_ENDING
from keys.revocation import RevocationReason
from keys.uses import KeyUse
from tests.adapters.hands import Hands, run_process
from tests.adapters.token_scene import CARE, HEALTH, POLICE, TokenScene, log_types, pending, token_scene, words
from tests.federation import now
from tests.officers import enrol

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(softhsm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenScene]:
    """One federation for every test that leaves it at work."""
    with token_scene(tmp_path_factory.mktemp("token"), softhsm) as made:
        yield made


@pytest.fixture
def doomed(softhsm: Path, tmp_path: Path) -> Iterator[TokenScene]:
    """A federation for a test that leaves it broken."""
    with token_scene(tmp_path, softhsm) as made:
        yield made


# --- replaced as planned ---


@pytest.mark.parametrize("use", ["signing", "intake", "archive"])
def test_a_key_of_a_token_is_replaced(scene: TokenScene, use: str) -> None:
    """A new pair in the token or a new seed sealed by it; the old signing key is destroyed there; all works on."""
    before, held = scene.publics(), set(scene.soft.labels())
    said = scene.hands().run("keys", "rotate", use, "--dry-run").output
    assert f"Makes a new key for {use}" in said
    assert scene.publics() == before
    assert set(scene.soft.labels()) == held
    said = scene.hands().run("keys", "rotate", use, "--wait", "0").output
    assert f"done: rotate {use}" in said
    after, labels = scene.publics(), set(scene.soft.labels())
    assert after[use] not in before.values()
    assert (before[use] in after.values()) == (use != "signing")
    assert len(labels) == len(held)
    assert (labels == held) == (use != "signing")
    with scene.police() as adapter:
        kinds = {name: key.public.alg for name, key in adapter.keys.keys.items()}
        assert kinds["signing"] == "ES256"
        assert adapter.keys.label("signing") in labels  # type: ignore[attr-defined]
    assert not pending(scene)
    scene.settle()
    directory = scene.directory()
    assert directory.newest_key(KeyUse(use), POLICE, now()).key.kid == after[use]
    [ended] = [item for item in directory.revocations if item.kid == before[use]]
    assert (ended.reason, ended.agency) == (RevocationReason.SUPERSEDED, POLICE)
    assert scene.share(POLICE) == 0
    scene.settle()
    assert scene.pull().view.unverified == ()
    assert scene.hands().run("keys", "list").stderr == ""
    assert verify_hub(scene.fed.hub.config, scene.fed.hub.passphrase).ok


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES384"])
def test_the_new_key_is_of_the_old_ones_kind(softhsm: Path, tmp_path: Path, algorithm: str) -> None:
    """And a token that can no longer do it is refused with nothing made in it, note or file."""
    with token_scene(tmp_path, softhsm, algorithm) as made:
        before = made.publics()
        made.hands().run("keys", "rotate", "signing", "--wait", "0")
        with made.police() as adapter:
            assert adapter.keys.keys["signing"].public.alg == algorithm
        after = made.publics()
        assert after["signing"] != before["signing"]
        labels = made.soft.labels()
        lacking = "CKM_EC_EDWARDS_KEY_PAIR_GEN" if algorithm == "Ed25519" else "CKM_EC_KEY_PAIR_GEN"
        made.soft.tokens.prepare(mechanisms=f"-CKM_DES_ECB,{lacking}")
        said = made.hands().refused("keys", "rotate", "signing", "--wait", "0")
        assert f"the token cannot do {algorithm}" in said
        made.soft.tokens.prepare()
        assert made.soft.labels() == labels
        assert not pending(made)
        assert made.publics() == after


def test_both_witness_keys_are_replaced_and_the_old_ones_sign_until_the_others_agree(scene: TokenScene) -> None:
    """The old Ed25519 key stays in the token under its label; the new pair counts once a quorum has approved it."""
    before = scene.publics()
    said = scene.hands().run("keys", "rotate", "witness", "--wait", "0").output
    assert "done: rotate witness" in said
    after = scene.publics()
    assert (after["witness@1"], after["witness-pq@1"]) == (before["witness"], before["witness-pq"])
    assert label_of(POLICE, "witness") in scene.soft.labels()
    assert not pending(scene)
    # The head of a log that has the new certificates gets its quorum with the old keys.
    scene.settle()
    directory = scene.directory()
    assert directory.newest_key(KeyUse.WITNESS, POLICE, now()).key.kid == after["witness"]


def test_a_person_of_a_token_agency_is_replaced_removed_and_recovered(scene: TokenScene) -> None:
    """Their keys are in files of their own; what speaks for the agency is in the token."""
    hands, member = scene.hands(), scene.chair
    hands.run("keys", "rotate", "member", "--member", member, "--wait", "0")
    scene.settle()
    assert scene.pull().view.unverified == ()
    said = hands.run("members", "remove", member, "--reason", "lost").output
    assert "revoked and proven" in said
    with pytest.raises(HubRefused) as refusal:
        scene.pull()
    assert refusal.value.code == "key_revoked"
    said = hands.run("members", "recover", member, "--wait", "0").output
    assert "certified for 365 days as: panel_chair, panel_voting" in said
    scene.settle()
    assert scene.share() == 0
    scene.settle()
    assert len(scene.pull().view.opened) >= 1


# --- dropped, overtaken, left over ---


def test_what_a_dropped_change_left_in_the_token_is_named_and_removed(
    scene: TokenScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was noted here: a key of another copy of this home is named and left alone."""
    before = set(scene.soft.labels())

    def failed(*_: Any) -> None:
        raise HubRefused(500, {"type": "urn:broken", "detail": "died here"})

    with monkeypatch.context() as patch:
        patch.setattr("adapters.key_changes._sign", failed)
        scene.hands().refused("keys", "rotate", "signing", "--wait", "0")
    [left] = set(scene.soft.labels()) - before
    assert left.startswith(label_of(POLICE, "signing") + "/")
    theirs = label_of(POLICE, "signing") + "/0123456789ab"
    with scene.police() as adapter:
        adapter.keys.link.generate_signing_key(theirs, "ES256")  # type: ignore[attr-defined]
    said = scene.hands().run("keys", "list").stderr
    assert f"left in the token by a dropped change: {left}" in said
    assert f"in the token and not of this home: {theirs}" in said
    said = scene.hands().run("keys", "rotate", "intake", "--wait", "0").output
    assert f"Removes {left} from the token" in said
    assert set(scene.soft.labels()) == {*before, theirs}
    with scene.police() as adapter:
        adapter.keys.link.destroy(theirs)  # type: ignore[attr-defined]
    assert scene.hands().run("keys", "list").stderr == ""


def test_a_wrong_root_passphrase_leaves_nothing_in_the_token(scene: TokenScene) -> None:
    """It is asked for before anything is made."""
    labels = scene.soft.labels()
    wrong = Hands(scene.folder, {**scene.environ, "NRM_ROOT_PASSPHRASE": "another invented passphrase"})
    assert "wrong passphrase" in wrong.refused("keys", "rotate", "signing", "--wait", "0")
    assert scene.soft.labels() == labels
    assert not pending(scene)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"holder":"fern-care","labels":[]}', b"x" * 70_000])
def test_a_damaged_note_is_said_and_destroys_nothing(scene: TokenScene, content: bytes) -> None:
    """What may go from the token is not guessed."""
    note = scene.folder / (TOKEN_KEYS_NAME + NOTE_ENDING)
    _refuses_note(scene, note, content)


@pytest.mark.parametrize("label", ["nrm-hub/fern-care/sealing", "nrm-hub/fern-care/signing", "", "x" * 300])
def test_a_note_that_names_what_is_no_key_of_ours_destroys_nothing(scene: TokenScene, label: str) -> None:
    """Another holder's, anything."""
    note = scene.folder / (TOKEN_KEYS_NAME + NOTE_ENDING)
    _refuses_note(scene, note, f'{{"holder":"fern-police","labels":["{label}"]}}'.encode())


def test_a_note_that_names_the_sealing_key_in_use_does_not_destroy_it(scene: TokenScene) -> None:
    """As after a replacement that was killed before its file was written: what the file names stays."""
    labels, sealing = scene.soft.labels(), label_of(POLICE, "sealing")
    before = scene.pull().view.unverified
    note = scene.folder / (TOKEN_KEYS_NAME + NOTE_ENDING)
    note.write_bytes(f'{{"holder":"{POLICE}","labels":["{sealing}"]}}'.encode())
    assert "done: rotate intake" in scene.hands().run("keys", "rotate", "intake", "--wait", "0").output
    assert scene.soft.labels() == labels
    assert not note.exists()
    scene.settle()
    assert scene.pull().view.unverified == before


def _refuses_note(scene: TokenScene, note: Path, content: bytes) -> None:
    labels = scene.soft.labels()
    note.write_bytes(content)
    try:
        assert "is damaged: it names what may go" in scene.hands().refused("keys", "rotate", "intake", "--wait", "0")
        assert scene.soft.labels() == labels
    finally:
        note.unlink()


def test_who_comes_second_drops_their_key_from_the_token(
    scene: TokenScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of a home share the token: the winner's new key stays, the other's goes, neither by accident."""
    copy, real = tmp_path / "copy", HubClient.post
    shutil.copytree(scene.folder, copy)

    def post(self: HubClient, path: str, payload: Any) -> Any:
        if path != "/v1/keys":
            return real(self, path, payload)
        monkeypatch.setattr(HubClient, "post", real)
        certificates = payload["certificates"]
        won.append(certificates)
        raise HubRefused(409, {"type": "urn:key_revoked", "detail": "was replaced already"})

    won: list[Any] = []
    labels = scene.soft.labels()
    monkeypatch.setattr(HubClient, "post", post)
    said = Hands(copy, scene.environ).refused("keys", "rotate", "signing", "--wait", "0")
    assert "somebody else was first" in said
    assert won
    assert scene.soft.labels() == labels
    assert list(copy.glob("*.next")) == list(copy.glob("*.made")) == []
    # The same for a seed: refused, it is kept sealed under a number, for the day it is recorded after all.
    monkeypatch.setattr(HubClient, "post", post)
    Hands(copy, scene.environ).refused("keys", "rotate", "intake", "--wait", "0")
    assert list(copy.glob("*.next")) == []
    assert scene.soft.labels() == labels


def test_a_running_watch_takes_replaced_keys_of_a_token_up_without_the_pin(scene: TokenScene) -> None:
    """Its session asks the token for the new key; the old one is there no more."""
    with scene.police() as adapter:
        assert "signing" in adapter.keys.keys
        adapter.environ = {}
        # The token is open here, so the other process is a real one.
        watch = Watch(adapter, 1.0)
        watch.look()
        assert watch.trouble is None, watch.trouble
        before = adapter.keys.keys["signing"].public.kid
        _rotate_elsewhere(scene)
        watch.look()
        assert watch.trouble is not None
        watch.look()
        assert watch.trouble is None, watch.trouble
        assert adapter.keys.keys["signing"].public.kid != before
    scene.settle()


def _rotate_elsewhere(scene: TokenScene) -> None:
    done = run_process("--home", str(scene.folder), "keys", "rotate", "signing", "--wait", "0", environ=scene.environ)
    assert done.returncode == 0, done.stderr


# --- ended ---


def test_a_compromised_key_of_a_token_is_replaced_from_a_position_on(scene: TokenScene) -> None:
    """Dated back by the root; the reading key that was taken is not kept, and no seed of it stays in the file."""
    for use in ("signing", "intake"):
        before, position = scene.publics()[use], len(log_types(scene))
        args = ("keys", "rotate", use, "--reason", "compromised", "--valid-until", str(position), "--wait", "0")
        assert f"below position {position}" in scene.hands().run(*args).output
        assert before not in scene.publics().values()
        scene.settle()
        [ended] = [item for item in scene.directory().revocations if item.kid == before]
        assert (ended.reason, ended.valid_until) == (RevocationReason.COMPROMISED, position)


def test_every_key_of_a_token_agency_is_ended_and_the_signing_key_certified_through_the_operator(
    doomed: TokenScene,
) -> None:
    """The token signs its own end; then the root certifies a new key that is made in the token."""
    hands = doomed.hands()
    for use in ("intake", "archive", "witness", "witness-pq", "signing"):
        said = hands.run("keys", "revoke", use, "--reason", "compromised")
        assert log_types(doomed)[-1] == "revocation", said.output
    said = hands.refused("keys", "rotate", "signing", "--wait", "0")
    assert "nrm-hub certify FILE" in said
    aside = doomed.folder / "keys-for-hub.json"
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.fed.hub.home), "certify", str(aside)])
    assert done.exit_code == 0, done.output
    said = hands.run("keys", "rotate", "signing", "--wait", "0").output
    assert "finishes the change that broke off: rotate signing" in said
    assert not pending(doomed)
    assert "signing" in hands.run("keys", "list").output


def test_a_token_that_is_gone_does_not_keep_its_keys_alive(doomed: TokenScene, tmp_path: Path) -> None:
    """The root's file ends them, and the command that needs the token says so; the thief's next request ends."""
    kid = doomed.publics()["signing"]
    with doomed.police() as thief:
        assert thief.client.get("/v1/cases")["cases"]
    doomed.soft.tokens.kept.rename(doomed.soft.tokens.folder / "away")
    doomed.soft.tokens.kept.mkdir()
    output = tmp_path / "gone.json"
    for args in (("signing",), ("signing", "--by", "root"), ("root", "--yes")):
        said = doomed.hands().refused("keys", "revoke", *args, "--reason", "lost")
        assert "no token labelled 'fern' is there" in said
        assert "--key KEY-ID --by root" in said
    said = doomed.hands().refused("members", "remove", doomed.chair, "--reason", "lost")
    assert "--key KEY-ID --by root" in said
    root_only = {"NRM_ROOT_PASSPHRASE": doomed.environ["NRM_ROOT_PASSPHRASE"]}
    args = ("keys", "revoke", "signing", "--key", kid, "--by", "root", "--reason", "lost", "--file", str(output))
    assert "nrm-hub revoke FILE" in Hands(doomed.folder, root_only).run(*args).output
    assert len(words(output)) == 1
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.fed.hub.home), "revoke", str(output)])
    assert done.exit_code == 0, done.output
    doomed.soft.tokens.kept.rmdir()
    (doomed.soft.tokens.folder / "away").rename(doomed.soft.tokens.kept)
    with doomed.police() as thief, pytest.raises(HubRefused, match="no access token"):
        thief.client.get("/v1/cases")


def test_a_token_agency_whose_root_was_taken_enrols_again(doomed: TokenScene, tmp_path: Path) -> None:
    """By the word of two others (attack 32); the keys in the token stay and a new root certifies them."""
    before = doomed.publics()
    said = doomed.hands(CARE).run("keys", "revoke-root", POLICE, "--reason", "compromised").output
    assert "more agencies must say the same" in said
    doomed.hands(HEALTH).run("keys", "revoke-root", POLICE, "--reason", "compromised")
    with doomed.police() as adapter, pytest.raises(HubRefused, match="no access token"):
        adapter.client.get("/v1/cases")
    said = doomed.hands().run("keys", "enrol-again").output
    said_words = said.split("in hexadecimal: ")[1].strip()
    enrol(doomed.fed.hub.config, doomed.folder / "enrolment-request.json", said_words)
    pin_path = tmp_path / "pin.json"
    write_pin(doomed.fed.hub.config, doomed.fed.hub.passphrase, pin_path)
    pin: HubPin = read_pin(pin_path)
    for agency in doomed.fed.agencies.values():
        agency.home.write_pin(pin)
    assert "2 certificates published" in doomed.hands().run("publish").output
    doomed.settle()
    assert doomed.publics() == before
    assert doomed.share() == 0
    doomed.settle()
    assert len(doomed.pull().view.opened) >= 1
    # As a token agency speaks against another's root: its word is signed by the token.
    said = doomed.hands().run("keys", "revoke-root", HEALTH, "--reason", "compromised").output
    assert "1 more agencies must say the same" in said


# --- backup ---


def test_a_backup_of_a_token_says_what_is_in_it_and_what_cannot_be(doomed: TokenScene, tmp_path: Path) -> None:
    """By name and id; also for witness keys that were replaced, of which the token keeps one and the file the other."""
    doomed.hands().run("keys", "rotate", "witness", "--wait", "0")
    doomed.hands().run("keys", "rotate", "intake", "--wait", "0")
    kids, target = doomed.publics(), tmp_path / "backup"
    backer = Hands(doomed.folder, {**doomed.environ, "NRM_BACKUP_PASSPHRASE": "an invented backup word"})
    sheet = backer.run("backup", "keys", str(target)).output
    for name in ("signing", "witness", "witness@1"):
        assert f"NOT in this backup, cannot leave the token: key id {kids[name]}" in sheet
    for name in ("intake", "intake@1", "archive", "witness-pq", "witness-pq@1"):
        [line] = [line for line in sheet.splitlines() if line.startswith(f"{name} ")]
        assert f"key id {kids[name]}" in line
        assert "NOT in this backup" not in line
    [line] = [line for line in sheet.splitlines() if line.startswith("witness-pq@1 ")]
    assert "signs until" in line
    [line] = [line for line in sheet.splitlines() if line.startswith("intake@1 ")]
    assert "opens what" in line
    assert set(read_key_file(target / "keys.backup", "an invented backup word").keys) == {
        "root", "intake", "intake@1", "archive", "witness-pq", "witness-pq@1",
    }  # fmt: skip
    doomed.settle()
    assert "is the one the directory lists" in backer.run("backup", "check", str(target)).output
    doomed.hands().run("keys", "rotate", "signing", "--wait", "0")
    doomed.settle()
    said = backer.refused("backup", "check", str(target))
    assert "the key for signing was replaced since this backup was made" in said
