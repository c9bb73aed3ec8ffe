"""Attacks 3 and 4, layer by layer: what still holds an older state off where the check before it is not there.

Against a whole day that was put back several checks stand one behind the other; each hides the next. So here the ones
before it are left out, and one is looked at. docs/monitor.md, docs/threat-model.md.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.following import LogRefused
from adapters.picture.receiving import Receiver
from adapters.store.database import Store
from hub.exchange.acts import record_public
from hub.store.database import Database
from keys.storage import Vault
from tests.attacks.put_back import restore, snapshot
from tests.scene import CARE, HEALTH, POLICE, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
LATER = timedelta(minutes=11)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out that a head is proven to continue the highest one seen."""
    monkeypatch.setattr("adapters.following.require_continues", lambda *_: None)


def put_back(scene: Scene) -> None:
    """Share, let every agency see and cosign it, and put yesterday's database in the hub's place."""
    yesterday = snapshot(scene)
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    restore(scene, yesterday)


def known_size(scene: Scene, agency: str) -> int:
    """Return the size of the highest head that an agency has seen."""
    reference = scene[agency].follower.newest_reference()
    assert reference is not None
    return reference.size


def grow(scene: Scene, *, to: int) -> None:
    """Let the hub write entries of its own until its log has this length."""
    database = Database(scene.hub.config.database_url)
    while scene.sql("SELECT size FROM log_state")[0][0] < to:
        with database.write() as session:
            record_public(session, "genesis", {"origin": "hub.example/test", "bundle": "0" * 64, "version": 1}, now())
    database.close()


@pytest.mark.usefixtures("unproven")
def test_attack_04_a_log_below_the_newest_witnessed_head_is_refused(scene: Scene) -> None:
    """What a quorum had seen was longer: whatever the hub proves of what it shows now, it went back."""
    put_back(scene)
    for name, party in scene.parties.items():
        with pytest.raises(LogRefused, match=r"the log went back from \d+ entries to \d+") as refused:
            party.follower.sync()
        assert refused.value.code == "rollback"
        assert "rollback" in [code for code, _ in scene.alarms(name)]


@pytest.mark.usefixtures("unproven")
def test_attack_04_a_witness_signs_no_log_shorter_than_one_it_has_seen(scene: Scene) -> None:
    """So an older state never collects a new quorum, and is never confirmed."""
    put_back(scene)
    size = scene.sql("SELECT MAX(size) FROM checkpoint")[0][0]
    before = scene.sql("SELECT name, line FROM cosignature ORDER BY name, line")
    assert before
    for party in scene.parties.values():
        assert party.follower.witness_once(party.keys.keys) is None
    assert scene.sql("SELECT name, line FROM cosignature ORDER BY name, line") == before
    assert scene.sql("SELECT MAX(size) FROM checkpoint")[0][0] == size


@pytest.mark.usefixtures("unproven")
def test_attack_03_a_witness_signs_one_head_of_a_length(scene: Scene) -> None:
    """A second history, grown to the length of the first: whoever signed one head of that length signs no other."""
    put_back(scene)
    grow(scene, to=known_size(scene, HEALTH))
    for name, party in scene.parties.items():
        with pytest.raises(LogRefused, match=r"two heads of \d+ entries; this one is not signed") as refused:
            party.witness()
        assert refused.value.code == "fork"
        assert "fork" in [code for code, _ in scene.alarms(name)]
    assert scene.sql("SELECT witnessed_at FROM checkpoint ORDER BY size DESC")[0][0] is None


@pytest.mark.usefixtures("unproven")
def test_attack_04_a_case_whose_entries_went_back_opens_nothing(scene: Scene) -> None:
    """The case had come further here: at the number of this pull another entry was read before."""
    put_back(scene)
    with pytest.raises(LogRefused, match="another entry of a case at the number of our own") as refused:
        scene[POLICE].pull(scene.main, "chair")
    assert refused.value.code == "feed"
    assert "feed" in [code for code, _ in scene.alarms(POLICE)]


def test_attack_04_a_channel_that_went_back_opens_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a channel fewer disclosures come than came before: what was disclosed last may have said what ends a grant."""
    scene[CARE].share(scene.main, NOTE)
    scene.witness()
    police = scene[POLICE]
    assert len(police.pull(scene.main, "chair").view.opened) == 3
    for (digest,) in scene.sql("SELECT digest FROM disclosure WHERE sequence > 1"):
        scene.sql('DELETE FROM "grant" WHERE disclosure = ?', digest)
        scene.sql("DELETE FROM disclosure WHERE digest = ?", digest)
    # What the case's entries have of the channel, and that each of its numbers must come, is looked at elsewhere.
    monkeypatch.setattr(Receiver, "_require_complete", lambda *_: None)
    with pytest.raises(LogRefused, match="shorter or other than the one seen before") as refused:
        police.pull(scene.main, "chair")
    assert refused.value.code == "rollback"
    assert "rollback" in [code for code, _ in scene.alarms(POLICE)]


def test_attack_04_a_home_that_never_saw_more_shares_nothing_on_yesterdays_log(scene: Scene, tmp_path: Path) -> None:
    """A new database has no memory to hold a head against: the witnesses' times tell it that the log is old."""
    health = scene[HEALTH]
    put_back(scene)
    scene.embed(clock=lambda: now() + LATER)
    health.store.close()
    health.store = Store(tmp_path / "anew.db", Vault(health.keys.storage))
    health.sync()
    health.write(scene.main, NOTE)
    with pytest.raises(LogRefused, match="older than ten minutes; nothing new is shared") as refused:
        health.release(scene.main)
    assert refused.value.code == "freeze"
