"""Attack 87: unlocks are logged. When a person's key was opened at the adapter, by what and where, is on record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters import unlocks
from adapters.runtime import Adapter
from adapters.store.database import StoreRefused
from adapters.store.resealing import reseal
from adapters.store.tables import AlarmRow, UnlockRow
from adapters.unlocks import By, Where, list_openings
from adapters.workspace.app import this_session, unlock_with
from keys.custody.secret import Secret
from keys.storage import StorageRefused, Vault
from tests.adapters.hands import Hands
from tests.adapters.workspace.conftest import made
from tests.adapters.workspace.desk import ORIGIN, Desk
from tests.scene import Scene


@pytest.fixture(scope="module")
def desk(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """The workspace of the agency."""
    with made(scene_source, make_scene) as found:
        yield found


def openings(desk: Desk) -> list[tuple[By, Where]]:
    return [(item.by, item.where) for item in list_openings(desk.adapter.store, desk.member)]


def forget(desk: Desk) -> None:
    with desk.adapter.store.write() as session:
        session.query(UnlockRow).delete()


def test_attack_87_each_unlock_in_the_workspace_is_on_record(desk: Desk) -> None:
    """By passphrase and by passkey; a try that failed is none. The person sees them on their account page."""
    forget(desk)
    assert "It was not unlocked here yet" in desk.signed_in().get("/account").text
    browser = desk.signed_in()
    assert browser.post("/unlock", passphrase="not the passphrase of anybody").status_code == 403
    assert openings(desk) == []
    assert browser.post("/unlock", passphrase=desk.passphrase).status_code == 303
    other = desk.signed_in()
    with desk.app.test_request_context("/", base_url=ORIGIN, headers={"Cookie": f"__Host-session={other.token}"}):
        unlock_with(this_session(), Secret(desk.passphrase), By.PASSKEY)
    assert openings(desk) == [(By.PASSKEY, Where.WORKSPACE), (By.PASSPHRASE, Where.WORKSPACE)]
    page = browser.get("/account").text
    assert "by passkey, in the workspace, signed in on" in page
    assert "If one of these was not you" in page


def test_attack_87_an_unlock_that_cannot_be_written_down_is_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded before the key is held."""
    browser = desk.signed_in()

    def full(*_: object, **__: object) -> None:
        raise StoreRefused("the disk is full")

    monkeypatch.setattr("adapters.workspace.app.record_opening", full)
    held = desk.here.ring.held()
    assert browser.post("/unlock", passphrase=desk.passphrase).status_code == 500
    assert desk.here.ring.held() == held


def test_attack_87_commands_are_on_record_too(desk: Desk) -> None:
    """Also one that opens again what was pulled before, of which the hub's log knows nothing."""
    forget(desk)
    hands = Hands(desk.adapter.home.folder, desk.environ)
    desk.unlocked().get(f"/cases/{desk.scene.main}/picture?purpose=panel_review")
    with closing(Adapter(desk.adapter.home, environ=desk.environ)) as adapter:
        adapter.member_keys(desk.member)
    hands.run("picture", desk.scene.main, "--member", desk.member, "--kept", "--quiet")
    assert openings(desk) == [
        (By.PASSPHRASE, Where.KEPT),
        (By.PASSPHRASE, Where.COMMAND),
        (By.PASSPHRASE, Where.COMMAND),
        (By.PASSPHRASE, Where.WORKSPACE),
    ]
    said = hands.run("people", "unlocks", "--member", desk.member).output
    assert said.count(desk.member) == 4
    assert f"to open again what was pulled of case {desk.scene.main}" in said
    assert "in the workspace, signed in on" in said
    oldest = hands.run("people", "unlocks", "--limit", "1", "--before", "3").output
    assert oldest.count("by passphrase in the workspace") == 1


def test_attack_87_nobody_pushes_an_opening_out_of_the_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is younger than its time stays, however often the key is opened since; one too many opens nothing."""
    forget(desk)
    monkeypatch.setattr(unlocks, "KEPT", 3)
    monkeypatch.setattr(unlocks, "MOST_AN_HOUR", 30)
    store, at = desk.adapter.store, desk.adapter.clock()
    unlocks.record_opening(store, desk.member, at, By.PASSPHRASE, Where.KEPT, case="c" * 32)
    for number in range(1, 100):
        unlocks.record_opening(store, desk.member, at + number * timedelta(minutes=3), By.PASSKEY, Where.WORKSPACE)
    said = list_openings(store, desk.member, limit=200)
    assert (len(said), said[-1].where) == (100, Where.KEPT)
    later = at + unlocks.KEPT_FOR + timedelta(days=1)
    unlocks.record_opening(store, desk.member, later, By.PASSKEY, Where.WORKSPACE)
    assert len(list_openings(store, desk.member, limit=200)) == 3
    forget(desk)
    for _ in range(30):
        unlocks.record_opening(store, desk.member, desk.adapter.clock(), By.PASSKEY, Where.WORKSPACE)
    browser, held = desk.signed_in(), desk.here.ring.held()
    refused = browser.post("/unlock", passphrase=desk.passphrase)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "times within an hour" in refused.text
    assert desk.here.ring.held() == held
    with store.write() as session:
        assert session.query(AlarmRow).filter_by(code="unlocked_often").count() == 1
    assert len(openings(desk)) == 20
    forget(desk)


def test_attack_87_the_record_rests_sealed_and_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """How, where and what is sealed, bound to its row; the newest of each member stay; the page shows twenty."""
    forget(desk)
    monkeypatch.setattr(unlocks, "KEPT", 45)
    store, at = desk.adapter.store, desk.adapter.clock()
    for number in range(50):
        when = at if number >= 5 else at - unlocks.KEPT_FOR - timedelta(hours=5 - number)
        unlocks.record_opening(store, desk.member, when, By.PASSKEY, Where.WORKSPACE)
    unlocks.record_opening(store, "f" * 32, desk.adapter.clock(), By.PASSPHRASE, Where.KEPT, case="c" * 32)
    with store.write() as session:
        rows = session.query(UnlockRow).order_by(UnlockRow.number).all()
        assert [row.number for row in rows] == list(range(6, 52))
        kept = json.dumps([row.member + row.at for row in rows]).encode() + b"".join(row.sealed_unlock for row in rows)
        assert b"kept" not in kept
        assert b"c" * 32 not in kept
        session.expunge_all()
    browser = desk.signed_in()
    pages = [browser.get(f"/account?openings={number}") for number in (1, 2, 3)]
    assert [page.text.count("by passkey, in the workspace") for page in pages] == [20, 20, 5]
    assert "Page 2 of 3" in pages[1].text
    for wrong in ("4", "0", "x", "-1", "1" * 9):
        assert browser.get(f"/account?openings={wrong}").status_code == 404
    before = store.vault
    reseal(store, Vault(b"y" * 32))
    assert len(list_openings(store, desk.member, limit=100)) == 45
    reseal(store, before)
    with store.write() as session:
        rows = session.query(UnlockRow).order_by(UnlockRow.number).limit(2).all()
        rows[0].sealed_unlock, rows[1].sealed_unlock = rows[1].sealed_unlock, rows[0].sealed_unlock
    with pytest.raises(StorageRefused):
        list_openings(store, desk.member, limit=100)
    forget(desk)
