"""Another key signs the log: who has not pinned it goes on or stops, who has keeps what they knew, none is led back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.following import LogRefused
from adapters.home import HomeRefused
from adapters.log_keys import FORMER_NAME
from adapters.serving import describe
from adapters.store.rows import read_setting
from hub.services import LOG_KEY
from hub.setting_up import verify_hub
from keys.cosigning import log_vkey, sign_checkpoint
from keys.private import PrivateKey
from keys.transparency import verify_checkpoint
from policies.vocabulary import Purpose
from tests.attacks.hostile import lie
from tests.log_key_acts import COMPROMISED, LOST, newest_pin, pin_anew, replace_log_key
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, Scene, opened_keys

REVIEW = Purpose.PANEL_REVIEW


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    made = make_scene().embed()
    made.witness()
    return made


def refused(act: Callable[[], object]) -> LogRefused:
    with pytest.raises(LogRefused) as found:
        act()
    return found.value


def highest(scene: Scene, agency: str) -> Any:
    with scene[agency].store.write() as session:
        return read_setting(session, "highest_head")


def reopened(scene: Scene) -> int:
    police = scene[POLICE]
    keys = police.member_keys["chair"]
    return len(police.receiver.reopen(scene.main, police.people["chair"], keys, REVIEW).view.opened)


def test_planned_everybody_goes_on_and_says_what_to_do_until_it_is_pinned(scene: Scene) -> None:
    """Heads have both lines; what was pulled under the old one opens still; the whole log verifies at the hub."""
    given = len(scene[POLICE].pull(scene.main, "chair").view.opened)
    assert given
    old, before = scene[CARE].follower.log_key, highest(scene, POLICE)
    replace_log_key(scene)
    scene.witness()
    notice = str(scene[CARE].follower.notice)
    assert "two officers of the hub replaced the log's key" in notice
    assert "nrm-adapter pin-hub" in notice
    assert "signs with the pinned one as well" in notice
    assert scene.alarms(CARE) == []
    pin_anew(scene, POLICE, CARE)
    new = scene[CARE].follower.log_key
    assert new != old
    assert scene[CARE].follower.notice is None
    # What was known stays: the highest head, and pulls whose heads only the old key signed.
    assert highest(scene, POLICE)["size"] >= before["size"]
    assert reopened(scene) == given
    verify_checkpoint(highest(scene, CARE)["note"], old)
    verify_checkpoint(highest(scene, CARE)["note"], new)
    assert scene[CARE].share(scene.main, {**CONTENTS[0], "summary": "Written after the change"}).refused == 0
    scene.witness()
    assert len(scene[POLICE].pull(scene.main, "chair").view.opened) == given + 1
    assert [scene.alarms(name) for name in (POLICE, CARE, HEALTH)] == [[], [], []]
    report = verify_hub(scene.hub.config, scene.hub.passphrase)
    assert report.ok, report.render()


@pytest.mark.parametrize("reason", [LOST, pytest.param(COMPROMISED, marks=pytest.mark.slow)])
def test_lost_or_taken_nobody_takes_a_head_in_before_they_have_pinned(scene: Scene, reason: Any) -> None:
    """Refused in words that say what to do, never taken in; with a quorum that has pinned, the log goes on."""
    given = len(scene[POLICE].pull(scene.main, "chair").view.opened)
    replace_log_key(scene, reason)
    found = refused(scene[CHARITY].witness)
    assert "no signature of the pinned log key" in str(found)
    assert "nrm-adapter pin-hub" in str(found)
    assert [code for code, _ in scene.alarms(CHARITY)] == ["head_invalid"]
    pin_anew(scene, POLICE, CARE, HEALTH)
    # The newest head with a quorum is still of before: no lie, no alarm, and not taken in either.
    assert refused(scene[POLICE].sync).code == "log_key"
    assert scene.alarms(POLICE) == []
    assert reopened(scene) == given
    for name in (POLICE, CARE, HEALTH):
        scene[name].witness()
    for name in (POLICE, CARE, HEALTH):
        scene[name].sync()
        assert scene.alarms(name) == []
    before = highest(scene, CHARITY)
    refused(scene[CHARITY].sync)
    assert highest(scene, CHARITY) == before
    pin_anew(scene, CHARITY)
    scene[CHARITY].witness()
    scene[CHARITY].sync()
    assert reopened(scene) == given
    report = verify_hub(scene.hub.config, scene.hub.passphrase)
    assert report.ok, report.render()


def test_a_new_key_is_no_way_to_a_shorter_or_another_log(scene: Scene) -> None:
    """What the adapter had seen stays its measure: a head of the new key that does not continue it is an alarm."""
    replace_log_key(scene)
    scene.witness()
    pin_anew(scene, CARE)
    seen = highest(scene, CARE)
    signer = opened_keys(scene.hub.config.keys_path, scene.hub.passphrase).keys[LOG_KEY]
    for size in (seen["size"], seen["size"] - 3, seen["size"] + 5):
        forged = sign_checkpoint(scene.hub.config.origin, size, os.urandom(32), signer)
        assert refused(lambda note=forged: scene[CARE].follower.accept_head(note)).code == "fork"
    assert highest(scene, CARE) == seen


def test_a_pinned_key_that_no_officers_put_there_gets_no_head_in(scene: Scene) -> None:
    """The hub's operator reads out a pin of a key of their own, and signs with it what honest witnesses have seen."""
    own, config, care = PrivateKey.generate("Ed25519"), scene.hub.config, scene[CARE]
    signer = opened_keys(config.keys_path, scene.hub.passphrase).keys[LOG_KEY]

    def resigned(path: str, answer: Any) -> Any:
        if "/log/checkpoint" not in path:
            return answer
        found = verify_checkpoint(answer, scene[HEALTH].follower.log_key)
        lines = [line for line in answer.splitlines(keepends=True) if "/witness/" in line]
        return sign_checkpoint(config.origin, found.size, found.root, own) + "".join(lines)

    true = care.home.pin()
    pin_anew(scene, CARE, pin=replace(true, log_vkey=log_vkey(config.origin, own).render()))
    # Something new stands in the log, and a quorum has seen it, before the lie begins.
    assert scene[POLICE].share(scene.main, CONTENTS[0]).refused == 0
    for name in (POLICE, HEALTH, CHARITY):
        scene[name].witness()
    lie(scene, resigned, CARE)
    found = refused(care.follower.sync)
    assert (found.code, [code for code, _ in scene.alarms(CARE)]) == ("log_key", ["log_key"]), found
    assert "no two officers say so" in str(found)
    # They were led astray, and find back: what the log showed before is remembered all the same.
    seen = highest(scene, CARE)
    scene.embed()
    with pytest.raises(HomeRefused, match=r"keep hub\.json and hub-log-keys\.json elsewhere"):
        pin_anew(scene, CARE, pin=true)
    for name in ("hub.json", FORMER_NAME):
        (care.home.folder / name).unlink()
    pin_anew(scene, CARE, pin=true)
    scene[CARE].follower.sync()
    assert highest(scene, CARE)["size"] >= seen["size"]
    forged = sign_checkpoint(config.origin, seen["size"], os.urandom(32), signer)
    assert refused(lambda: scene[CARE].follower.accept_head(forged)).code == "fork"


def test_a_stolen_key_signs_nothing_more_for_who_has_read_that_it_was_taken(scene: Scene) -> None:
    """Its thief puts its line under the true log, so that an agency need not pin; with the entry read, that is over."""
    old = opened_keys(scene.hub.config.keys_path, scene.hub.passphrase).keys[LOG_KEY]

    def signed_as_before(path: str, answer: Any) -> Any:
        if "/log/checkpoint" not in path or "/witness/" not in answer:
            return answer
        head = verify_checkpoint(answer, scene[POLICE].follower.log_key)
        lines = [line for line in answer.splitlines(keepends=True) if "/witness/" in line]
        return sign_checkpoint(head.origin, head.size, head.root, old) + "".join(lines)

    done = replace_log_key(scene, COMPROMISED)
    pin_anew(scene, POLICE, CARE, HEALTH)
    for name in (POLICE, CARE, HEALTH):
        scene[name].witness()
    lie(scene, signed_as_before, CHARITY)
    scene[CHARITY].follower.sync()
    assert "(compromised)" in str(scene[CHARITY].follower.notice)
    assert scene.alarms(CHARITY) == []
    seen = highest(scene, CHARITY)
    assert seen["size"] > done.position
    found = refused(scene[CHARITY].follower.sync)
    assert (found.code, [code for code, _ in scene.alarms(CHARITY)]) == ("log_key", ["log_key"]), found
    assert f"two officers of the hub ended at position {done.position}" in str(found)
    assert "nrm-adapter pin-hub" in str(found)
    assert highest(scene, CHARITY) == seen


def test_an_old_pin_file_is_not_pinned_again(scene: Scene) -> None:
    """Two people with the right words of the pin of before a theft: refused, and nothing changes."""
    old = newest_pin(scene)
    replace_log_key(scene, COMPROMISED)
    pin_anew(scene, CARE)
    kept = scene[CARE].home.pin()
    with pytest.raises(HomeRefused, match="was replaced since; nothing was pinned"):
        pin_anew(scene, CARE, pin=old)
    assert scene[CARE].home.pin() == kept
    # A list of what was pinned before that is damaged is no empty one.
    (scene[CARE].home.folder / FORMER_NAME).write_text("[7]")
    with pytest.raises(HomeRefused, match="which log keys were pinned before"):
        pin_anew(scene, CARE, pin=old)


@pytest.mark.slow
def test_after_a_third_key_only_the_one_before_goes_on(scene: Scene) -> None:
    """Who pinned the second goes on; who still has the first is told to pin."""
    replace_log_key(scene)
    scene.witness()
    pin_anew(scene, POLICE, CARE, HEALTH)
    replace_log_key(scene)
    for name in (POLICE, CARE, HEALTH):
        scene[name].witness()
        assert scene.alarms(name) == []
    scene[CARE].sync()
    assert "signs with the pinned one as well" in str(scene[CARE].follower.notice)
    assert "nrm-adapter pin-hub" in str(refused(scene[CHARITY].witness))
    pin_anew(scene)
    scene.witness()
    assert all(scene[name].follower.notice is None for name in scene.parties)
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok


def test_the_status_page_says_so(scene: Scene) -> None:
    """In plain sight, and as something to do."""
    from adapters.runtime import Adapter
    from adapters.serving import Watch, create_app

    replace_log_key(scene)
    scene.witness()
    care = scene[CARE]
    adapter = Adapter(care.home, environ={})
    adapter.__dict__.update(store=care.store, follower=care.follower, keys=care.keys, client=care.client)
    watch = Watch(adapter, 1.0)
    watch.last_look = adapter.clock()
    assert "replaced the log's key" in describe(adapter, watch)["notice"]
    # Nothing is wrong yet: the page says what to do, and the process counts as healthy.
    assert describe(adapter, watch)["status"] == "ok"
    page = create_app(adapter, watch).test_client().get("/", headers={"Host": "localhost"}).get_data(as_text=True)
    assert "<strong>To do:</strong> two officers of the hub replaced" in page
