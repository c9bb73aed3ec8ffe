"""The storage secret renewed: whoever once copied the keys opens no later copy of the database; killed at each step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary

from adapters.alarms import acknowledge
from adapters.backup import check_backup, open_backup
from adapters.copies import review_keep
from adapters.home import Home
from adapters.pending_changes import PENDING_NAME, Pending, keep_pending
from adapters.runtime import Adapter
from adapters.serving import Watch
from adapters.store.database import StorageChanged, Store
from adapters.store.passkeys import _name as passkey_name
from adapters.store.resealing import SEALED_COLUMNS, reseal
from adapters.store.rows import list_alarms, raise_alarm
from adapters.store.tables import Base, MemberNameRow, PasskeyRow, PersonRow, SessionRow
from adapters.workspace.people import _member_name as member_name
from adapters.workspace.people import _name as person_name
from adapters.workspace.sessions import _name as session_name
from keys.custody.keyfile import read_key_file
from keys.storage import StorageRefused, Vault
from policies.vocabulary import AgencyKind
from tests.adapters.hands import Hands
from tests.scene import CARE, Scene, now

BACKUP = "an invented passphrase of the backup"
PUBLIC = {("leaf_tile", "hashes")}
"""Bytes that the log shows to everybody: they are not sealed."""
NEVER_WRITTEN = {("case", "sealed_label")}


class Killed(BaseException):
    """A process that ends at once."""


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy in which social care has rows of every kind that is sealed."""
    made = make_scene().embed()
    made.witness()
    care = made[CARE]
    care.pull(made.main, next(iter(care.people)))
    with care.store.write() as session:
        raise_alarm(session, "directory", "an invented alarm", "2026-01-31T12:00:00Z")
        session.flush()
        number = max(row.number for row in list_alarms(session))
    acknowledge(care.store, number, by="duty desk", reason="an exercise", at=now())
    kept = {"rule": None, "until": None, "why": "an exercise", "at": now()}
    review_keep(care.store, AgencyKind.SOCIAL_CARE, made.main, "inbox", **kept)
    return made


@pytest.fixture
def hands(scene: Scene, scene_source: Path, tmp_path: Path) -> Hands:
    """Social care's command line, on a copy of its home."""
    scene[CARE].store.forget_deleted()
    shutil.copytree(scene[CARE].home.folder, tmp_path / "care")
    said: dict[str, str] = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    return Hands(tmp_path / "care", {**said, "NRM_BACKUP_PASSPHRASE": BACKUP})


def secret(hands: Hands) -> bytes:
    return read_key_file(hands.home / "agency.key", hands.environ["NRM_ADAPTER_PASSPHRASE"]).storage


def contents(hands: Hands, storage: bytes) -> list[bytes]:
    """Every sealed row of the database, opened with a secret. Raises what does not open."""
    store, vault = Store(hands.home / "store.db", Vault(storage)), Vault(storage)
    try:
        with store.write() as session:
            return [
                vault.open(item.name(row), getattr(row, item.column))
                for item in SEALED_COLUMNS
                for row in session.query(item.table)
            ]
    finally:
        store.close()


def test_every_sealed_column_is_known() -> None:
    """A table that is added and not sealed anew would be lost with the old secret."""
    sealed = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert {(item.table.__tablename__, item.column) for item in SEALED_COLUMNS} == sealed - NEVER_WRITTEN - PUBLIC


def test_a_copy_of_the_keys_opens_no_later_copy_of_the_database(hands: Hands, scene: Scene) -> None:
    """Every row opens as before with the new secret, none with the old one; the old bytes are nowhere in the files."""
    old = secret(hands)
    before = contents(hands, old)
    with scene[CARE].store.write() as session:
        kinds = [session.query(item.table).count() for item in SEALED_COLUMNS]
        sealed = [getattr(row, item.column) for item in SEALED_COLUMNS for row in session.query(item.table)]
    # What the workspace keeps is tried in a test of its own.
    assert all(kinds[:6]), kinds
    said = hands.run("keys", "rotate", "storage", "--dry-run").output
    assert "Makes a new storage secret" in said
    assert secret(hands) == old
    said = hands.run("keys", "rotate", "storage").output
    assert f"done: rotate storage; {len(before)} rows sealed anew" in said
    assert secret(hands) != old
    assert contents(hands, secret(hands)) == before
    with pytest.raises(StorageChanged, match="nrm-adapter keys rotate storage"):
        contents(hands, old)
    files = b"".join(path.read_bytes() for path in hands.home.glob("store.db*"))
    assert not [item for item in sealed if item in files]
    assert not (hands.home / PENDING_NAME).exists()
    store = Store(hands.home / "store.db", Vault(secret(hands)))
    with store.write() as session:
        for item in SEALED_COLUMNS:
            for row in session.query(item.table):
                with pytest.raises(StorageRefused):
                    Vault(old).open(item.name(row), getattr(row, item.column))
    store.close()
    # Again, and again it is another one.
    hands.run("keys", "rotate", "storage")
    assert contents(hands, secret(hands)) == before


@pytest.mark.parametrize(
    ("step", "is_renewed"),
    [
        ("adapters.storage_changes.keep_pending", False),
        ("adapters.storage_changes.reseal", False),
        ("adapters.store.resealing.write_setting", False),
        ("adapters.held_keys.HeldFile.take_over", True),
        ("adapters.storage_changes.forget_pending", True),
    ],
)
def test_killed_at_any_step_the_same_command_finishes_it(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, step: str, *, is_renewed: bool
) -> None:
    """Nothing is lost between two steps; no other change of keys begins before it is finished."""
    old = secret(hands)
    before = contents(hands, old)

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(step, killed)
        with pytest.raises(Killed):
            hands.run("keys", "rotate", "storage")
    if step.endswith("take_over"):
        assert "nrm-adapter keys rotate storage" in hands.refused("drafts", "list")
    if step.endswith(("reseal", "write_setting", "take_over")):
        assert "first: nrm-adapter keys rotate storage" in hands.refused("keys", "rotate", "signing")
        assert "is not finished" in hands.refused("backup", "keys", str(hands.home.parent / "medium"))
    said = hands.run("keys", "rotate", "storage").output
    assert f"{0 if is_renewed else len(before)} rows sealed anew" in said
    assert secret(hands) != old
    assert contents(hands, secret(hands)) == before
    assert not (hands.home / PENDING_NAME).exists()
    assert not (hands.home / "agency.key.next").exists()


def test_what_still_has_the_old_secret_writes_nothing_and_a_watch_goes_on(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that runs meanwhile is refused its next row, and takes the new secret up from custody."""
    adapter = Adapter(Home.load(hands.home), environ=hands.environ, clock=now)
    watch = Watch(adapter, 1.0)

    def look(*_: Any) -> None:
        with adapter.store.write():
            pass

    monkeypatch.setattr("adapters.following.Follower.witness_once", look)
    with adapter.store.write():
        pass
    hands.run("keys", "rotate", "storage")
    with pytest.raises(StorageChanged), adapter.store.write():
        pass
    watch.look()
    with adapter.store.write():
        pass
    assert adapter.store.vault == Vault(secret(hands))
    adapter.close()


def test_what_does_not_fit_is_refused(hands: Hands, scene: Scene) -> None:
    """A reason, a person, another change under way, a row that does not open, an older backup."""
    old = secret(hands)
    for more in (("--reason", "lost"), ("--reason", "lost", "--valid-until", "1")):
        assert "nobody certified the storage secret" in hands.refused("keys", "rotate", "storage", *more)
    assert "are named by both" in hands.refused("keys", "rotate", "storage", "--member", "ab" * 16)
    keep_pending(hands.home, Pending("rotate signing", None, False, (), ()))
    assert "another change of keys is not finished" in hands.refused("keys", "rotate", "storage")
    (hands.home / PENDING_NAME).unlink()
    medium = hands.home.parent / "medium"
    hands.run("backup", "keys", str(medium))
    hands.run("keys", "rotate", "storage")
    directory, backup = scene[CARE].follower.directory(), open_backup(medium, BACKUP)
    assert check_backup(backup, directory, now(), storage=old) == ()
    [said] = check_backup(backup, directory, now(), storage=secret(hands))
    assert "the storage secret was renewed since this backup was made" in said


def test_what_the_workspace_keeps_is_sealed_anew_under_the_names_it_is_read_by(tmp_path: Path) -> None:
    """Sessions, who signs in, passkeys, members' names: each opens by the name that its own module gives it."""
    old, fresh, at = Vault(b"\x01" * 32), Vault(b"\x02" * 32), "2026-01-31T12:00:00Z"
    store = Store(tmp_path / "store.db", old)
    session_row = SessionRow(digest="d1", created_at=at, seen_at=at, sealed_session=b"")
    person_row = PersonRow(person="p1", member="ab" * 16, added_at=at, sealed_identity=b"")
    passkey_row = PasskeyRow(
        passkey="cd" * 16, person="p1", member="ab" * 16, credential="c1", added_at=at, sealed_record=b""
    )
    name_row = MemberNameRow(member="ab" * 16, sealed_name=b"")
    names = (session_name("d1"), person_name("p1"), passkey_name(passkey_row), member_name("ab" * 16))
    session_row.sealed_session, person_row.sealed_identity, passkey_row.sealed_record, name_row.sealed_name = (
        old.seal(name, b"kept") for name in names
    )
    with store.write() as session:
        session.add_all([session_row, person_row, passkey_row, name_row])
    assert reseal(store, fresh) == len(names)
    with store.write() as session:
        sealed = (
            session.get_one(SessionRow, "d1").sealed_session,
            session.get_one(PersonRow, "p1").sealed_identity,
            session.get_one(PasskeyRow, "cd" * 16).sealed_record,
            session.get_one(MemberNameRow, "ab" * 16).sealed_name,
        )
        assert [fresh.open(name, data) for name, data in zip(names, sealed, strict=True)] == [b"kept"] * 4
        # A row that does not open: nothing of the database is changed.
        session.get_one(PersonRow, "p1").sealed_identity = b"damaged"
    with pytest.raises(StorageRefused):
        reseal(store, Vault(b"\x03" * 32))
    with store.write() as session:
        assert fresh.open(names[0], session.get_one(SessionRow, "d1").sealed_session) == b"kept"
    store.close()
