"""A hub's whole database of an earlier moment, put in the place of the present one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests import postgres
from tests.scene import Scene


def snapshot(scene: Scene) -> bytes:
    """Return the hub's whole database as it is now."""
    postgres.only_sqlite("a copy of it is put back")
    with closing(sqlite3.connect(scene.hub.home / "hub.db")) as connection:
        return connection.serialize()


def restore(scene: Scene, data: bytes) -> None:
    """Put another database in the hub's place and serve it."""
    assert scene.database is not None
    scene.database.close()
    for path in scene.hub.home.glob("hub.db*"):
        path.unlink()
    (scene.hub.home / "hub.db").write_bytes(data)
    scene.embed()
