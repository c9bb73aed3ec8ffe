"""A database of an older version: brought up where that is known, else refused and left as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.store.database import STORE_VERSION, Store, StoreRefused
from adapters.store.rows import read_setting, write_setting
from keys.storage import Vault

NEW = ("workspace_session", "person", "unlock_attempt", "unlock", "ended_key", "case_pull", "member_name")


def made(path: Path, version: int) -> None:
    """A database as an older version left it."""
    store = Store(path, Vault(b"x" * 32))
    with store.write() as session:
        write_setting(session, "store_version", version)
        write_setting(session, "kept", "yes")
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        for name in NEW:
            connection.execute(f"DROP TABLE {name}")


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_version_before_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    made(path, 3)
    assert not set(NEW) & tables(path)
    store = Store(path, Vault(b"x" * 32))
    with store.write() as session:
        assert read_setting(session, "store_version") == STORE_VERSION
        assert read_setting(session, "kept") == "yes"
    store.close()
    assert set(NEW) <= tables(path)


@pytest.mark.parametrize("version", [1, STORE_VERSION + 1])
def test_another_version_is_refused_and_left_as_it_is(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.db"
    made(path, version)
    before = tables(path)
    with pytest.raises(StoreRefused, match=f"has version {version}, expected {STORE_VERSION}"):
        Store(path, Vault(b"x" * 32))
    assert tables(path) == before
