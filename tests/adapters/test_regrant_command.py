"""Granting again by hand and by the watch, and from the archive key alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.release.from_archive import content_key_from_archive
from adapters.runtime import Adapter
from adapters.serving import Watch
from adapters.store.rows import own_fragments
from adapters.store.tables import OutboxRow
from keys.envelopes import SealedChannel, SealedFragment
from keys.private import PrivateKey
from keys.sealing import OpenRefused, open_fragment
from tests.adapters.hands import Hands
from tests.rekeying import rekey_reading
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Scene, now, opened_keys

CARE_NOTE = str(CONTENTS[0]["summary"])


def environ_of(source: Path, agency: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((source / "scene.json").read_text())["environ"][agency]
    return found


def reads(scene: Scene) -> list[str]:
    scene[POLICE].sync()
    opened = scene[POLICE].pull(scene.main, "chair", REVIEW).view.opened
    return [str(item.content["summary"]) for item in opened if item.header.agency == CARE]


def test_by_hand_it_says_what_it_would_do_does_it_and_has_done_it(
    make_scene: Callable[[], Scene], scene_source: Path
) -> None:
    scene = make_scene().start()
    scene.witness()
    rekey_reading(scene, POLICE, "chair", "lost")
    chair = scene[POLICE].people["chair"]
    hands = Hands(scene[CARE].home.folder, environ_of(scene_source, CARE))
    planned = hands.run("regrant", scene.main, "--dry-run").stdout
    assert f"{POLICE} {chair[:8]}: 1 grant would be granted, because their key changed." in planned
    assert reads(scene) == []
    done = hands.run("regrant", scene.main).stdout
    assert f"{POLICE} {chair[:8]}: 1 grant granted, because their key changed." in done
    assert "2 accepted, 0 known already, 0 refused" in done
    assert reads(scene) == [CARE_NOTE]
    again = hands.run("regrant", scene.main).stdout
    assert "Everybody of this case has what policy gives them" in again
    assert "0 accepted" in again
    assert "not known here" in hands.refused("regrant", "0" * 32)


@pytest.fixture
def watching(
    embedded: Scene, scene_source: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], tuple[Watch, Adapter]]:
    """Makes the watch of social care's adapter, speaking with the hub inside the test."""
    embedded.witness()
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)

    def make() -> tuple[Watch, Adapter]:
        adapter = Adapter(embedded[CARE].home, environ=environ_of(scene_source, CARE), clock=now)
        adapter.__dict__["client"] = embedded[CARE].client
        adapter.__dict__["store"] = embedded[CARE].store
        return Watch(adapter, 1.0), adapter

    return make


def test_the_watch_grants_again_and_pushes(embedded: Scene, watching: Callable[[], tuple[Watch, Adapter]]) -> None:
    rekey_reading(embedded, POLICE, "chair", "lost")
    assert reads(embedded) == []
    watch, _ = watching()
    watch.look()
    assert watch.trouble is None
    assert reads(embedded) == [CARE_NOTE]
    with embedded[CARE].store.write() as session:
        made = session.query(OutboxRow).count()
    watch.look()
    watching()[0].look()
    with embedded[CARE].store.write() as session:
        assert session.query(OutboxRow).count() == made


def test_the_watch_leaves_a_release_alone_until_somebody_pushes(
    embedded: Scene, watching: Callable[[], tuple[Watch, Adapter]]
) -> None:
    """Where nothing is to be granted again, what a person released waits for their push as before."""
    watch, _ = watching()
    watch.look()
    care = embedded[CARE]
    care.write(embedded.main, {"kind": "concern", "summary": "Released, not pushed", "fields": {}})
    care.release(embedded.main)
    watch.look()
    assert "Released, not pushed" not in reads(embedded)
    assert care.outbox.push_all().refused == 0
    assert "Released, not pushed" in reads(embedded)


def test_the_archive_key_alone_gives_back_the_content_key(embedded: Scene) -> None:
    """From what the hub keeps; another key, another grant or another fragment's grant gives nothing."""
    care = embedded[CARE]
    archive = care.keys.private("archive")
    with care.store.write() as session:
        (fragment,) = [row.fragment for row in own_fragments(session, embedded.main)]
        rows = session.query(OutboxRow).all()
        lines = {row.subject: json.loads(row.line) for row in rows}
    line = lines[fragment]
    name = line["archive"]["channel"]
    channel = SealedChannel.parse(lines[name]["jwe"])
    sealed, wrapped = SealedFragment.parse(line["jwe"], line["jws"]), line["archive"]["encrypted_key"]
    key = content_key_from_archive(sealed, wrapped, channel, name, archive)
    assert open_fragment(sealed, key) == CONTENTS[0]
    other = next(
        item["archive"]["encrypted_key"]
        for item in lines.values()
        if item["type"] == "fragment" and item["archive"]["encrypted_key"] != wrapped
    )
    for refused in (
        (sealed, other, channel, name, archive),
        (sealed, "AAAA", channel, name, archive),
        (sealed, None, channel, name, archive),
        (sealed, wrapped, channel, "0" * 32, archive),
        (sealed, wrapped, channel, name, PrivateKey.generate("HPKE-9-KE")),
    ):
        with pytest.raises(OpenRefused):
            content_key_from_archive(*refused)


# --- after the signing key was dated back ---


@pytest.mark.slow
def test_what_nobody_believes_any_more_is_listed_and_released_by_its_name(
    make_scene: Callable[[], Scene], scene_source: Path
) -> None:
    """By hand, from the change of the key to what others read: nothing of it leaves with a release of everything."""
    scene = make_scene().start()
    scene.witness()
    hands = Hands(scene[CARE].home.folder, environ_of(scene_source, CARE))
    [(position,)] = scene.sql('SELECT min(log_index) FROM fragment WHERE agency = ? AND "case" = ?', CARE, scene.main)
    given = ("--reason", "compromised", "--valid-until", str(position), "--wait", "0")
    hands.run("keys", "rotate", "signing", *given)
    for name in (POLICE, HEALTH, CHARITY) * 2:
        scene[name].witness()
    for name in (POLICE, HEALTH, CHARITY):
        scene[name].sync()
    # The other case's fragment stands behind the position too.
    assert "with a key that was dated back, drafts again now: 2 fragments" in hands.run("sync").stderr
    assert "drafts again" not in hands.run("sync").stderr
    assert reads(scene) == []
    listed = hands.run("drafts", scene.main).stdout.splitlines()
    assert len(listed) == 2
    draft, why = listed[0].split()[0], f"since the key was dated back to position {position}; look whether it is yours"
    assert why in listed[1]
    said = hands.run("release", scene.main, "--purpose", "panel_review")
    assert "drafts left out: 1. They were released before with a key that was dated back" in said.stderr
    assert "0 fragments, 0 grants" in said.stdout
    assert "disowned" in hands.run("status").output
    said = hands.run("release", scene.main, "--purpose", "panel_review", "--draft", draft)
    assert "1 fragment, " in said.stdout
    assert said.stderr.count("dated back") == 0
    hands.run("push")
    assert reads(scene) == [CARE_NOTE]
    assert hands.run("drafts", scene.main).stdout == ""
    assert "dated back" not in hands.run("drafts", scene.main, "--all").stdout
