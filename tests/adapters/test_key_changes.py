"""Replace and end keys of every kind, by hand on the command line, against a real hub (attacks 22, 25 to 27, 32)."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.following import LogRefused
from adapters.held_keys import LOCK_NAME, only_one_change
from adapters.home import Home, HubPin
from adapters.hub_client import HubClient, HubRefused
from adapters.key_endings import newest_directory
from adapters.pending_changes import FOR_HUB_NAME, PENDING_NAME
from adapters.reading_directory import read_directory
from adapters.release.drafts import DraftState, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.serving import Watch
from adapters.store.rows import public_entries
from hub.cli import main as hub_main
from hub.setting_up import verify_hub, write_pin
from keys.custody.keyfile import KeyFile, read_key_file
from keys.directory import Directory
from keys.revocation import RevocationReason
from keys.statements import peek
from keys.uses import KeyUse
from policies.vocabulary import AgencyKind, AgePath
from tests.adapters.hands import Hands
from tests.officers import enrol
from tests.scene import CARE, HEALTH, POLICE, REVIEW, Party, Scene, now

CARD = {"kind": "subject_card", "summary": "Seen at the invented laundrette", "fields": {}}


def environ_of(scene: Scene, agency: str) -> dict[str, str]:
    """Return an agency's passphrases."""
    said: dict[str, str] = json.loads((scene.hub.home.parent / "scene.json").read_text())["environ"][agency]
    return said


def settle(scene: Scene) -> None:
    """Let the witnesses see the whole log: a head that was published just before is cosigned first, then the newest."""
    scene.witness()
    scene.witness()


@pytest.fixture(scope="module")
def shared(make_scene: Callable[[], Scene]) -> Scene:
    """One federation, its hub a process of its own, for every test that leaves it at work."""
    made = make_scene().start()
    settle(made)
    return made


@pytest.fixture
def scene(shared: Scene) -> Scene:
    """The shared federation, with the keys that the police hold by now."""
    reopen(shared, POLICE)
    member = shared[POLICE].people["chair"]
    shared[POLICE].member_keys["chair"] = file_of(shared, POLICE, f"members/{member}.key")
    settle(shared)
    return shared


@pytest.fixture
def doomed(make_scene: Callable[[], Scene]) -> Scene:
    """A federation for a test that leaves it broken."""
    made = make_scene().start()
    settle(made)
    return made


def hands(scene: Scene, agency: str) -> Hands:
    """An agency's command line."""
    return Hands(scene[agency].home.folder, environ_of(scene, agency))


def file_of(scene: Scene, agency: str, name: str = "agency.key") -> KeyFile:
    """Open an agency's key file as it is now."""
    variable = "NRM_MEMBER_PASSPHRASE" if name.startswith("members/") else "NRM_ADAPTER_PASSPHRASE"
    return read_key_file(scene[agency].home.folder / name, environ_of(scene, agency)[variable])


def directory_of(scene: Scene, reader: str) -> Directory:
    """Return the witnessed directory as another agency reads it."""
    scene[reader].sync()
    return scene[reader].follower.directory()


def reopen(scene: Scene, agency: str) -> Party:
    """Work with the keys an agency holds now."""
    party = scene[agency]
    party.keys = file_of(scene, agency)
    party.client.close()
    party.client = HubClient(scene.hub.issuer, agency, party.keys.keys["signing"], clock=party.clock, is_demo=True)
    return party


def nothing_is_left_over(scene: Scene, agency: str) -> None:
    """Assert that no change of keys waits here."""
    folder = scene[agency].home.folder
    assert not (folder / PENDING_NAME).exists()
    assert not (folder / FOR_HUB_NAME).exists()
    assert [path.name for path in folder.rglob("*.next")] == []


# --- every use, replaced as planned ---


@pytest.mark.parametrize("use", ["signing", "intake", "archive"])
def test_an_agency_key_is_replaced(scene: Scene, use: str) -> None:
    """The new one is certified and held, the old one superseded; what can only be read with the old one still opens."""
    held = file_of(scene, POLICE)
    before = held.keys[use]
    said = hands(scene, POLICE).run("keys", "rotate", use, "--dry-run").output
    assert f"Makes a new key for {use}" in said
    assert file_of(scene, POLICE).keys[use].public == before.public
    said = hands(scene, POLICE).run("keys", "rotate", use, "--wait", "0").output
    assert f"done: rotate {use}" in said
    assert "the witnesses have not seen it yet" in said
    after = file_of(scene, POLICE)
    assert after.keys[use].public != before.public
    assert (f"{use}@1" in after.keys) == (use != "signing")
    assert before.public.kid in {key.public.kid for key in after.keys.values()} or use == "signing"
    assert after.storage == held.storage
    reopen(scene, POLICE)
    settle(scene)
    directory = directory_of(scene, HEALTH)
    assert directory.newest_key(KeyUse(use), POLICE, now()).key.kid == after.keys[use].public.kid
    [ended] = [item for item in directory.revocations if item.kid == before.public.kid]
    assert (ended.reason, ended.agency) == (RevocationReason.SUPERSEDED, POLICE)
    nothing_is_left_over(scene, POLICE)
    # Nothing in our name is somebody else's doing: what was published was remembered first.
    assert [text for _, text in scene.alarms(POLICE)] == []
    # It works on: what is shared now goes out under the new key, and is believed.
    assert scene[POLICE].share(scene.main, CARD).refused == 0
    settle(scene)
    assert scene[HEALTH].pull(scene.main, "voter").view.unverified == ()
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok


def test_both_keys_of_a_person_are_replaced(scene: Scene) -> None:
    """They read on what was granted to their old key, and the new one takes part."""
    member = scene[POLICE].people["chair"]
    name = f"members/{member}.key"
    before = file_of(scene, POLICE, name)
    opened = len(scene[POLICE].pull(scene.main, "chair").view.opened)
    assert opened > 0
    hands(scene, POLICE).run("keys", "rotate", "member", "--member", member, "--wait", "0")
    after = file_of(scene, POLICE, name)
    assert sorted(after.keys) == ["member-hpke", "member-hpke@1", "member-signing"]
    assert after.keys["member-hpke@1"].public == before.keys["member-hpke"].public
    assert after.keys["member-signing"].public != before.keys["member-signing"].public
    settle(scene)
    scene[POLICE].member_keys["chair"] = after
    view = scene[POLICE].pull(scene.main, "chair").view
    assert (len(view.opened), view.unverified, view.withheld_by_hub) == (opened, (), ())


def test_people_and_agency_keys_are_named_apart(shared: Scene) -> None:
    """A person's keys need their id; an agency's must not have one."""
    for args in (("member",), ("signing", "--member", "0" * 32)):
        assert "--member ID" in hands(shared, HEALTH).refused("keys", "rotate", *args)
    assert "nobody is certified" in hands(shared, HEALTH).refused("keys", "rotate", "member", "--member", "0" * 32)
    said = hands(shared, HEALTH).refused("keys", "rotate", "intake", "--valid-until", "3")
    assert "counts up to its revocation" in said
    said = hands(shared, HEALTH).refused("keys", "revoke", "signing", "--reason", "compromised", "--valid-until", "3")
    assert "only the root dates the end of a signing key back" in said


# --- because it was taken, or lost ---


@pytest.mark.parametrize("use", ["signing", "intake", "archive"])
def test_a_compromised_agency_key_is_replaced_from_a_position_on(scene: Scene, use: str) -> None:
    """Valid until position n; an old reading key is not kept, except the archive's."""
    before = file_of(scene, POLICE).keys[use].public
    position = len(scene.log_types())
    args = ("keys", "rotate", use, "--reason", "compromised", "--valid-until", str(position), "--wait", "0")
    said = hands(scene, POLICE).run(*args).output
    assert f"below position {position}" in said
    after = file_of(scene, POLICE)
    assert (before.kid in {key.public.kid for key in after.keys.values()}) == (use == "archive")
    reopen(scene, POLICE)
    settle(scene)
    [ended] = [item for item in directory_of(scene, HEALTH).revocations if item.kid == before.kid]
    assert (ended.reason, ended.valid_until) == (RevocationReason.COMPROMISED, position)


def test_a_person_who_lost_their_keys_is_certified_anew_under_the_same_id(doomed: Scene) -> None:
    """The old file need not open. Everybody sees it; what they had is not given to them before it is granted again."""
    member = doomed[POLICE].people["chair"]
    path = doomed[POLICE].home.folder / "members" / f"{member}.key"
    path.unlink()
    chosen = {**environ_of(doomed, POLICE), "NRM_MEMBER_PASSPHRASE": "another invented passphrase"}
    said = Hands(doomed[POLICE].home.folder, chosen).run("members", "recover", member, "--wait", "0").output
    assert "certified for 365 days as: panel_chair, panel_voting" in said
    assert "Everybody sees it in the log" in said
    fresh = read_key_file(path, "another invented passphrase")
    assert sorted(fresh.keys) == ["member-hpke", "member-signing"]
    assert doomed.log_types()[-4:] == ["certificate", "certificate", "revocation", "revocation"]
    settle(doomed)
    doomed[POLICE].member_keys["chair"] = fresh
    view = doomed[POLICE].pull(doomed.main, "chair").view
    assert (view.opened, view.unverified) == ((), ())
    assert "valid" in hands(doomed, POLICE).run("members", "list").output
    # Its originators grant again to the new key.
    doomed[CARE].release(doomed.main)
    assert doomed[CARE].share(doomed.main, CARD).refused == 0
    settle(doomed)
    assert len(doomed[POLICE].pull(doomed.main, "chair").view.opened) >= 1


def test_an_agency_whose_signing_key_is_lost_is_certified_through_the_operator(doomed: Scene) -> None:
    """The hub takes no request of it: the adapter writes what the operator takes, and the same command finishes it."""
    hands(doomed, POLICE).run("keys", "revoke", "signing", "--reason", "compromised")
    said = hands(doomed, POLICE).refused("keys", "rotate", "signing", "--wait", "0")
    assert "nrm-hub certify FILE" in said
    aside = doomed[POLICE].home.folder / FOR_HUB_NAME
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.hub.home), "certify", str(aside)])
    assert done.exit_code == 0, done.output
    said = hands(doomed, POLICE).run("keys", "rotate", "signing", "--wait", "0").output
    assert "finishes the change that broke off: rotate signing" in said
    nothing_is_left_over(doomed, POLICE)
    reopen(doomed, POLICE)
    settle(doomed)
    assert doomed[POLICE].share(doomed.main, CARD).refused == 0


# --- broken off, twice at once, too late ---


def test_of_two_copies_that_replace_one_key_one_wins(scene: Scene, tmp_path: Path) -> None:
    """Two administrators with a copy of the home each: the second is told who won, and nothing of theirs is left."""
    copy = tmp_path / "copy"
    shutil.copytree(scene[POLICE].home.folder, copy)
    hands(scene, POLICE).run("keys", "rotate", "intake", "--wait", "0")
    other = Hands(copy, environ_of(scene, POLICE))
    said = other.refused("keys", "rotate", "intake", "--wait", "0")
    assert "replaced already, at another copy of this adapter" in said
    types = scene.log_types()
    assert types[-2:] == ["certificate", "revocation"]
    assert not (copy / PENDING_NAME).exists()
    assert list(copy.glob("*.next")) == []


def test_who_comes_second_at_the_hub_drops_their_keys(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either sends: the hub takes one, the other's keys are dropped."""
    copy = tmp_path / "copy"
    shutil.copytree(scene[POLICE].home.folder, copy)
    real = HubClient.post

    def post(self: HubClient, path: str, payload: Any) -> Any:
        monkeypatch.setattr(HubClient, "post", real)
        hands(scene, POLICE).run("keys", "rotate", "intake", "--wait", "0")
        return real(self, path, payload)

    monkeypatch.setattr(HubClient, "post", post)
    said = Hands(copy, environ_of(scene, POLICE)).refused("keys", "rotate", "intake", "--wait", "0")
    assert "somebody else was first" in said
    assert "was revoked (superseded) by fern-police at position" in said
    assert not (copy / PENDING_NAME).exists()
    assert list(copy.glob("*.next")) == []
    # The winner's is the one key: nothing is sealed to one that nobody holds.
    reopen(scene, POLICE)
    settle(scene)
    held = file_of(scene, POLICE).keys["intake"].public.kid
    assert directory_of(scene, HEALTH).newest_key(KeyUse.INTAKE, POLICE, now()).key.kid == held


def test_two_people_at_one_home_change_keys_one_after_the_other(shared: Scene) -> None:
    """The lock is held for the whole change."""
    with (shared[HEALTH].home.folder / LOCK_NAME).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "somebody else is changing keys" in hands(shared, HEALTH).refused("keys", "rotate", "intake")
    nothing_is_left_over(shared, HEALTH)


def test_the_lock_is_nobody_elses_whatever_the_umask(tmp_path: Path) -> None:
    """Whoever may open it could hold it, and keep the agency from ending its keys."""
    home = Home(tmp_path, POLICE, AgencyKind.POLICE, "Invented police", "demo")
    for umask in (0o000, 0o022, 0o777):
        before = os.umask(umask)
        try:
            with only_one_change(home):
                assert (tmp_path / LOCK_NAME).stat().st_mode & 0o777 == 0o600
        finally:
            os.umask(before)
        (tmp_path / LOCK_NAME).unlink()
    (tmp_path / LOCK_NAME).touch(0o666)
    with only_one_change(home):
        assert (tmp_path / LOCK_NAME).stat().st_mode & 0o777 == 0o600


def test_keys_are_replaced_again_and_again(scene: Scene) -> None:
    """Each earlier reading key stays under its own number."""
    before = {key.public.kid for name, key in file_of(scene, POLICE).keys.items() if name.startswith("intake")}
    for _ in range(3):
        hands(scene, POLICE).run("keys", "rotate", "intake", "--wait", "0")
    after = {name: key for name, key in file_of(scene, POLICE).keys.items() if name.startswith("intake")}
    assert len(after) == len(before) + 3
    assert before < {key.public.kid for key in after.values()}


def test_signing_is_not_replaced_under_what_waits_to_be_pushed(scene: Scene) -> None:
    """What is signed and not yet in the log would be refused: it is pushed first."""
    scene[POLICE].write(scene.main, {**CARD, "summary": "Seen again at the invented laundrette"})
    scene[POLICE].release(scene.main)
    assert "first: nrm-adapter push" in hands(scene, POLICE).refused("keys", "rotate", "signing")
    nothing_is_left_over(scene, POLICE)
    assert scene[POLICE].outbox.push_all().refused == 0
    hands(scene, POLICE).run("keys", "rotate", "signing", "--wait", "0")


def test_a_damaged_note_of_a_change_is_said(shared: Scene) -> None:
    """Neither guessed at nor passed over."""
    path = shared[HEALTH].home.folder / PENDING_NAME
    for content in ("", "{", "[]", '{"what":1}', "9" * 5000):
        path.write_text(content)
        assert f"{PENDING_NAME} is damaged" in hands(shared, HEALTH).refused("keys", "rotate", "intake")
    path.unlink()


# --- a new key counts for others once the witnesses have seen it ---


def test_nothing_new_is_shared_before_the_witnesses_have_seen_the_new_key(scene: Scene) -> None:
    """Others could not believe it yet; what only takes away does not wait."""
    hands(scene, POLICE).run("keys", "rotate", "signing", "--wait", "0")
    environ = environ_of(scene, POLICE)
    adapter = Adapter(Home.load(scene[POLICE].home.folder), environ=environ, clock=now)
    adapter.keys = file_of(scene, POLICE)
    scene[POLICE].write(scene.main, CARD)
    drafts = list_drafts(scene[POLICE].store, scene.main, [DraftState.DRAFT])
    for share in (
        lambda: adapter.book.open_case([], [], AgePath.CHILD),
        lambda: adapter.releaser.release(scene.main, drafts, ReleaseTerms(REVIEW)),
    ):
        with pytest.raises(LogRefused, match="the witnesses have to see it first") as refusal:
            share()
        assert refusal.value.code == "own_key"
    adapter.close()
    reopen(scene, POLICE)
    settle(scene)
    assert scene[POLICE].share(scene.main, CARD).refused == 0


def test_a_running_watch_takes_replaced_keys_up_by_itself(scene: Scene) -> None:
    """It asked with a key that counts no more; it looks into custody and goes on with the new one."""
    adapter = Adapter(Home.load(scene[POLICE].home.folder), environ=environ_of(scene, POLICE), clock=now)
    watch = Watch(adapter, 1.0)
    watch.look()
    assert watch.trouble is None
    hands(scene, POLICE).run("keys", "rotate", "signing", "--wait", "0")
    watch.look()
    assert watch.trouble == "the hub refused: token"
    watch.look()
    assert watch.trouble is None
    assert adapter.keys.keys["signing"].public == file_of(scene, POLICE).keys["signing"].public
    adapter.close()


# --- the root ---


def test_an_agency_whose_root_was_taken_enrols_again(doomed: Scene, tmp_path: Path) -> None:
    """Attack 32, by hand: revoke, a new root, the ceremony, new pins, people certified again, at work."""
    health = hands(doomed, HEALTH)
    assert "need not enrol again" in health.refused("keys", "enrol-again")
    said = health.run("keys", "revoke", "root", "--reason", "compromised", "--dry-run").output
    assert "EVERY key it certified" in said
    args = ("keys", "revoke", "root", "--reason", "compromised")
    for typed in ("", "\n\n", "yes\n", f"{POLICE}\n"):
        answer = health.run(*args, typed=typed, expect=1)
        assert "nothing was revoked" in answer.stderr
        assert doomed.log_types().count("revocation") == 0
    assert "Type the agency's id" in health.run(*args, typed=f"{HEALTH}\n").output
    with pytest.raises(HubRefused, match="no access token"):
        doomed[HEALTH].client.get("/v1/cases")
    assert "2 keys of people" in health.run("keys", "enrol-again", "--dry-run").output
    first = health.run("keys", "enrol-again").output
    # It died there: the same command makes the request again for the same new root.
    old = (doomed[HEALTH].home.folder / "root-revoked.key").read_bytes()
    root = (doomed[HEALTH].home.folder / "root.key").read_bytes()
    again = health.run("keys", "enrol-again").output
    assert (doomed[HEALTH].home.folder / "root.key").read_bytes() == root != old
    assert first != again
    words = again.split("in hexadecimal: ")[1].strip()
    enrol(doomed.hub.config, doomed[HEALTH].home.folder / "enrolment-request.json", words)
    pin_path = tmp_path / "pin.json"
    write_pin(doomed.hub.config, doomed.hub.passphrase, pin_path)
    pin = HubPin.from_json(json.loads(pin_path.read_text()))
    for party in doomed.parties.values():
        party.home.write_pin(pin)
    assert "2 certificates published" in health.run("publish").output
    settle(doomed)
    view = doomed[HEALTH].pull(doomed.main, "voter").view
    assert view.unverified == ()
    assert doomed[CARE].share(doomed.main, CARD).refused == 0
    settle(doomed)
    assert len(doomed[HEALTH].pull(doomed.main, "voter").view.opened) >= 1
    assert verify_hub(doomed.hub.config, doomed.hub.passphrase).ok


# --- ending ---


def test_every_key_of_an_agency_is_ended_without_root_and_witness(doomed: Scene) -> None:
    """By the officer on call: no root passphrase, no witness, in well under a minute, and binding at once."""
    environ = environ_of(doomed, POLICE)
    del environ["NRM_ROOT_PASSPHRASE"], environ["NRM_MEMBER_PASSPHRASE"]
    officer = Hands(doomed[POLICE].home.folder, environ)
    for use in ("intake", "archive", "witness", "witness-pq", "signing"):
        ended = doomed.log_types().count("revocation")
        said = officer.run("keys", "revoke", use, "--reason", "compromised", "--dry-run").output
        assert f"for {use}: somebody else may have it." in said
        assert doomed.log_types().count("revocation") == ended
        began = time.monotonic()
        said = officer.run("keys", "revoke", use, "--reason", "compromised").output
        assert time.monotonic() - began < 10
        assert doomed.log_types()[-1] == "revocation"
        if use != "signing":
            assert "revoked and proven: it stands in the log" in said
            assert "nothing to revoke" in officer.refused("keys", "revoke", use, "--reason", "lost")
            assert "revoked (compromised), counts below position" in officer.run("keys", "list").output
    with pytest.raises(HubRefused, match="no access token"):
        doomed[POLICE].client.get("/v1/cases")


def test_a_person_is_removed_by_whoever_may(doomed: Scene) -> None:
    """Both keys end, the cases that list them are named, and their next pull is refused and leaves an entry."""
    for agency, label, by in ((POLICE, "chair", "signing"), (POLICE, "constable", "root"), (HEALTH, "voter", "person")):
        member = doomed[agency].people[label]
        said = hands(doomed, agency).run("members", "remove", member, "--reason", "lost", "--by", by).output
        is_listed = f"Case {doomed.main} still lists them: {CARE}, who leads it, must take them out." in said
        assert is_listed == (label != "constable")
        began = time.monotonic()
        with pytest.raises(HubRefused) as refusal:
            doomed[agency].pull(doomed.main, label)
        assert time.monotonic() - began < 1
        assert (refusal.value.status, refusal.value.code) == (403, "key_revoked")
        assert doomed.log_types()[-3:] == ["revocation", "revocation", "denied"]
        listed = hands(doomed, agency).run("members", "list").output.splitlines()
        assert [line.endswith("revoked") for line in listed if line.startswith(member)] == [True]
        said = hands(doomed, agency).refused("keys", "rotate", "member", "--member", member)
        assert "are revoked; certify them anew" in said


def test_somebody_not_witnessed_yet_is_removed_all_the_same(scene: Scene) -> None:
    """No witness has seen their certificates, so no directory has them: the newest head does."""
    member = hands(scene, POLICE).run("members", "add", "--role", "practitioner").output.split()[0]
    assert member not in {item.member for item in scene[POLICE].follower.directory().certificates}
    assert "No case known here" in hands(scene, POLICE).run("members", "remove", member, "--reason", "left").output
    assert scene.log_types()[-2:] == ["revocation", "revocation"]


def test_a_key_is_ended_with_a_hub_that_does_not_answer(doomed: Scene) -> None:
    """What was signed lies in a file that the operator takes from anybody."""
    doomed.hub.kill()
    member = doomed[POLICE].people["chair"]
    said = hands(doomed, POLICE).refused("members", "remove", member, "--reason", "lost")
    assert said.startswith("NOT REVOKED YET")
    aside = doomed[POLICE].home.folder / "revocations-for-hub.json"
    assert aside.stat().st_mode & 0o777 == 0o600
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.hub.home), "revoke", str(aside)])
    assert done.exit_code == 0, done.output
    doomed.hub.start()
    with pytest.raises(HubRefused) as refusal:
        doomed[POLICE].pull(doomed.main, "chair")
    assert refusal.value.code == "key_revoked"
    settle(doomed)
    assert [text for _, text in doomed.alarms(POLICE)] == []


def test_with_nothing_left_but_the_root_key_a_file_ends_the_stolen_adapters_keys(doomed: Scene, tmp_path: Path) -> None:
    """The adapter is stolen: root.key and adapter.toml sign, and the thief's next request ends."""
    thief = doomed[POLICE].client
    assert thief.get("/v1/cases")["cases"]
    safe, output = tmp_path / "safe", tmp_path / "stolen.json"
    safe.mkdir()
    for name in ("root.key", "adapter.toml"):
        shutil.copy(doomed[POLICE].home.folder / name, safe / name)
    environ = {"NRM_ROOT_PASSPHRASE": environ_of(doomed, POLICE)["NRM_ROOT_PASSPHRASE"]}
    kids = [doomed[POLICE].keys.keys[use].public.kid for use in ("signing", "intake", "archive")]
    terms = ("--by", "root", "--reason", "compromised", "--file", str(output))
    hands_left = Hands(safe, environ)
    named = [word for kid in kids for word in ("--key", kid)]
    said = hands_left.run("keys", "revoke", "signing", *named, "--key", kids[0], *terms, "--dry-run").output
    assert [said.count(f"Revokes the key {kid[:12]} by the root's word") for kid in kids] == [1, 1, 1]
    assert not output.exists()
    assert "nrm-hub revoke FILE" in hands_left.run("keys", "revoke", "signing", *named, *terms).output
    assert [peek(token).members["key"] for token in json.loads(output.read_text())["revocations"]] == kids
    began = time.monotonic()
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.hub.home), "revoke", str(output)])
    assert done.exit_code == 0, done.output
    with pytest.raises(HubRefused, match="no access token"):
        thief.get("/v1/cases")
    assert time.monotonic() - began < 2
    ended = newest_directory(doomed[CARE].follower).directory.revocations
    assert {item.kid for item in ended} == set(kids)


def test_a_file_of_revocations_is_never_overwritten(doomed: Scene, tmp_path: Path) -> None:
    """One key after the other into one file: the second is refused, and the first revocation is still there."""
    police, output = hands(doomed, POLICE), tmp_path / "stolen.json"
    first, second = (doomed[POLICE].keys.keys[use].public.kid for use in ("signing", "intake"))
    by_root = ("--by", "root", "--reason", "compromised", "--file", str(output))
    police.run("keys", "revoke", "signing", "--key", first, *by_root)
    before = output.read_bytes()
    for args in (
        ("keys", "revoke", "signing", "--key", second, *by_root),
        ("keys", "revoke", "intake", "--reason", "lost", "--file", str(output)),
        ("keys", "revoke", "intake", "--reason", "lost", "--file", str(output), "--dry-run"),
        ("keys", "revoke-root", HEALTH, "--reason", "lost", "--file", str(output)),
    ):
        said = police.refused(*args)
        assert "is there already and was left as it is; nothing was signed" in said
        assert "--key ID --key ID" in said
        assert output.read_bytes() == before
    assert peek(json.loads(before)["revocations"][0]).members["key"] == first


def test_keys_are_named_by_several_ids(doomed: Scene) -> None:
    """Each that is named must be there; what is no id, too many ids, and ids beside the root are refused in words."""
    police = hands(doomed, POLICE)
    intake, signing = (doomed[POLICE].keys.keys[use].public.kid for use in ("intake", "signing"))
    why = ("--reason", "lost")
    said = police.refused("keys", "revoke", "intake", "--key", intake, "--key", signing, *why)
    assert f"there is no such key of this use that counts: {signing[:12]}. Nothing was revoked" in said
    said = police.refused("keys", "revoke", "intake", "--key", intake, "--key", "short", *why)
    assert "the id no. 2 is none" in said
    many = [word for number in range(101) for word in ("--key", f"{number:043}")]
    assert "expected at most 100 ids of keys, got 101" in police.refused("keys", "revoke", "intake", *many, *why)
    assert "it takes no --key" in police.refused("keys", "revoke", "root", "--key", intake, *why)
    assert doomed.log_types().count("revocation") == 0
    police.run("keys", "revoke", "intake", "--key", intake, *why)
    assert doomed.log_types().count("revocation") == 1


def test_a_file_ends_the_root_after_what_it_says_of_other_keys(doomed: Scene, tmp_path: Path) -> None:
    """A root that has ended says nothing more: in one file its own end comes last."""
    output = tmp_path / "all.json"
    root = doomed[POLICE].follower.directory().get_agency(POLICE).root.kid
    signing = doomed[POLICE].keys.keys["signing"].public.kid
    named = ("--key", root, "--key", signing)
    terms = ("--by", "root", "--reason", "compromised", "--valid-until", "20", "--file", str(output), "--yes")
    hands(doomed, POLICE).run("keys", "revoke", "signing", *named, *terms)
    done = CliRunner().invoke(hub_main, ["--home", str(doomed.hub.home), "revoke", str(output)])
    assert done.exit_code == 0, done.output
    assert doomed.log_types().count("revocation") == 2


def test_another_agencys_root_ends_by_the_word_of_enough(doomed: Scene) -> None:
    """Attack 32: one agency alone ends nobody; each is told how many are still needed."""
    said = hands(doomed, POLICE).run("keys", "revoke-root", HEALTH, "--reason", "compromised").output
    assert "1 more agencies must say the same" in said
    assert doomed[HEALTH].client.get("/v1/cases")["cases"]
    said = hands(doomed, CARE).run("keys", "revoke-root", HEALTH, "--reason", "compromised").output
    assert "1 other agencies have said so; with it the root is revoked" in said
    with pytest.raises(HubRefused, match="no access token"):
        doomed[HEALTH].client.get("/v1/cases")
    assert "is revoked already" in hands(doomed, CARE).refused("keys", "revoke-root", HEALTH, "--reason", "lost")
    assert "keys revoke root" in hands(doomed, CARE).refused("keys", "revoke-root", CARE, "--reason", "lost")


def test_lists_and_fingerprints(shared: Scene) -> None:
    """What an administrator compares by voice, and what they see of keys and people."""
    listed = hands(shared, HEALTH).run("keys", "list").output
    assert listed.count("  valid") == 5
    for use, key in file_of(shared, HEALTH).keys.items():
        assert use in listed
        assert key.public.kid[:12] in listed
    said = hands(shared, HEALTH).run("keys", "fingerprint").output
    pin = Home.load(shared[HEALTH].home.folder).pin()
    assert pin.roots[HEALTH] in said.replace(" ", "")
    people = hands(shared, HEALTH).run("members", "list").output.splitlines()
    assert len(people) == 1
    assert people[0].startswith(shared[HEALTH].people["voter"])
    assert people[0].endswith("valid")
    with shared[HEALTH].store.write() as session:
        reading = read_directory(public_entries(session), pin, HEALTH)
    assert reading.faults == ()
