"""An adapter's database is opened after a process that ended in the middle of its work."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.store.database import Store
from adapters.store.rows import write_setting
from keys.custody.keyfile import generate_storage
from keys.storage import Vault


def in_the_file_alone(path: Path, copy: Path) -> bool:
    """Whether the row is in the database's own file, without its write-ahead log."""
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return connection.execute("SELECT 1 FROM setting WHERE name = 'of_this_test'").fetchone() is not None


def test_what_another_process_left_in_the_write_ahead_log_is_written_into_the_file(tmp_path: Path) -> None:
    """What a failing disk left in memory only is written again before anything rests on it."""
    path, vault = tmp_path / "store.db", Vault(generate_storage())
    ended = Store(path, vault)
    ended.forget_deleted()
    with ended.write() as session:
        write_setting(session, "of_this_test", 1)
    assert not in_the_file_alone(path, tmp_path / "before.db")
    opened = Store(path, vault)
    assert in_the_file_alone(path, tmp_path / "after.db")
    opened.close()
    ended.close()
