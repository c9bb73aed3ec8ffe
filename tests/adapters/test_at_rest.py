"""What a thief of an adapter's whole folder finds without a passphrase: no word of a draft, an inbox or a fragment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.release.drafts import DraftState, hold, keep_records, list_drafts
from adapters.sources.reading import read_file
from adapters.store.database import Store
from adapters.store.tables import DraftRow, InboxRow, OwnChannelRow, OwnFragmentRow
from keys.jose import b64u
from keys.storage import StorageRefused, Vault
from policies.vocabulary import Category
from tests.e2e.test_canaries import found_in
from tests.scene import CANARIES, CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, now

READ = ("Wrenfield-Source-9902", "née Østergård 4471")
SECRETS = (*CANARIES, *READ)


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Every kind of row: drafts read, written, held and released; a refused push; pulls for people and an intake."""
    made = make_scene().embed()
    made.witness()
    care = made[CARE]
    # 1. Read from a source file, whose words become drafts.
    path = tmp_path_factory.mktemp("source") / "missing.csv"
    path.write_text(
        f"CHILD,DOB,MISSING,MIS_START,MIS_END\n{READ[0]},01/02/2010,M,03/04/2025,{READ[1]}\n", encoding="utf-8"
    )
    report = read_file(path, today=now().date(), is_test_hub=True)
    assert report.fragments + report.refused == 1
    keep_records(care.store, made.main, report.drafts, now())
    # 2. Written, held, released and pushed.
    held = care.write(made.main, {"kind": "concern", "summary": f"Held: {CANARIES[3]}", "fields": {}})[0]
    hold(care.store, held)
    card = {"kind": "subject_card", "summary": CANARIES[1], "fields": {"name": CANARIES[2]}}
    care.write(made.main, card, category=Category.SUBJECT_CARD)
    care.release(made.main)
    assert care.outbox.push_all().refused == 0
    made[CHARITY].write(made.main, {"kind": "concern", "summary": " ".join(CANARIES), "fields": {}})
    # 3. Pulled, again and for other purposes.
    made.witness()
    for agency, label in ((POLICE, "chair"), (HEALTH, "voter"), (CARE, "lead")):
        assert made[agency].pull(made.main, label).view.opened
        made[agency].receiver.reopen(made.main, made[agency].people[label], made[agency].member_keys[label], REVIEW)
    return made


def planted(scene: Scene) -> set[str]:
    """Which of the words stand in drafts, opened with each agency's key: the control."""
    drafts = [
        str(draft.content)
        for party in scene.parties.values()
        for case in (scene.main, scene.other)
        for draft in list_drafts(party.store, case)
    ]
    return {word for word in SECRETS if any(word in content for content in drafts)}


def test_nothing_is_found_while_it_runs_and_after_it_closed(scene: Scene) -> None:
    """Database, write-ahead log, key files, settings: every byte, in every usual encoding."""
    # The source's own number for the child groups records while they are read; it is not kept at all.
    assert planted(scene) == set(SECRETS) - {READ[0]}
    folders = {name: party.home.folder for name, party in scene.parties.items()}
    for folder in folders.values():
        assert (folder / "store.db-wal").exists()
        assert found_in(folder, SECRETS) == []
    for party in scene.parties.values():
        party.store.close()
    for folder in folders.values():
        names = {path.name for path in folder.rglob("*") if path.is_file()}
        assert {"store.db", "agency.key", "root.key", "hub.json"} <= names
        assert "store.db-wal" not in names
        assert found_in(folder, SECRETS) == []


def test_keys_are_not_found_either(scene: Scene) -> None:
    """Content keys and channel keys lie sealed; their bytes stand nowhere else, plain or as text."""
    for party in scene.parties.values():
        vault = party.store.vault
        with party.store.write() as session:
            secrets = [vault.open(f"cek:{row.fragment}", row.sealed_key) for row in session.query(OwnFragmentRow)]
            secrets += [vault.open(f"channel:{row.channel}", row.sealed_key) for row in session.query(OwnChannelRow)]
        assert bool(secrets) == (party.home.agency in (CARE, POLICE))
        data = whole(party.home.folder)
        for secret in secrets:
            assert secret not in data
            assert b64u(secret).encode() not in data
            assert secret.hex().encode() not in data


def whole(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_rows_open_with_the_agencys_own_secret_only(scene: Scene) -> None:
    """Another secret, another agency's, or another row's name: nothing opens."""
    party, other = scene[CARE], scene[POLICE]
    with party.store.write() as session:
        drafts = [(row.draft, row.sealed_content) for row in session.query(DraftRow)]
        inbox = [(row.case, row.member, row.purpose, row.sealed_answer) for row in session.query(InboxRow)]
    assert drafts
    assert inbox
    for draft, sealed in drafts:
        for vault in (Vault(os.urandom(32)), other.store.vault):
            with pytest.raises(StorageRefused):
                vault.open(f"draft:{draft}", sealed)
        with pytest.raises(StorageRefused):
            party.store.vault.open(f"draft:{'0' * 32}", sealed)
    case, member, purpose, sealed = inbox[0]
    with pytest.raises(StorageRefused):
        party.store.vault.open(f"inbox:{case}:{member}:safeguarding", sealed)
    assert party.store.vault.open(f"inbox:{case}:{member}:{purpose}", sealed)


def test_a_row_that_was_changed_does_not_open(scene: Scene) -> None:
    """One bit of a sealed draft, behind the adapter's back: refused, not shown."""
    party = scene[CHARITY]
    with party.store.write() as session:
        row = session.query(DraftRow).first()
        assert row is not None
        row.sealed_content = row.sealed_content[:-1] + bytes([row.sealed_content[-1] ^ 1])
    with pytest.raises(StorageRefused, match="do not open with this agency's storage secret"):
        list_drafts(party.store, scene.main, [DraftState.DRAFT])


def test_another_agencys_secret_opens_no_store(scene: Scene) -> None:
    """A stolen folder beside a key of another agency: the database opens, nothing in it does."""
    stolen = Store(scene[POLICE].home.store_path, scene[HEALTH].store.vault)
    with pytest.raises(StorageRefused):
        list_drafts(stolen, scene.main)
    stolen.close()
