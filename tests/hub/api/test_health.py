"""Health tells the truth: what works, what does not, and what nobody may rest on now."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.postgres import only_sqlite
from tests.scene import Scene, now


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the time it shows."""
        return now() + self.ahead


def ask(scene: Scene) -> tuple[int, dict[str, Any]]:
    """Return status code and report."""
    with httpx.Client(base_url=scene.hub.issuer, transport=scene.transport) as client:
        response = client.get("/health")
    report: dict[str, Any] = response.json()
    return response.status_code, report


def test_a_hub_with_a_fresh_quorum_is_ok(embedded: Scene) -> None:
    """Database, log, directory and witnesses, each looked at now."""
    embedded.sql("UPDATE checkpoint SET witnessed_at = NULL WHERE size < (SELECT MAX(size) FROM checkpoint)")
    embedded.witness()
    code, report = ask(embedded)
    assert (code, report["status"]) == (200, "ok")
    assert report["checks"] == {"database": "ok", "log": "ok", "directory": "ok", "witnesses": "ok"}
    assert report["log_size"] >= report["witnessed_size"] > 0
    assert report["witnessed_seconds_ago"] <= 600


def test_a_hub_whose_witnesses_are_silent_is_degraded(make_scene: Callable[[], Scene]) -> None:
    """Ten minutes without a quorum: it works, but nothing new may be shared, and it says so."""
    clock = Clock()
    scene = make_scene().embed(clock=clock)
    clock.ahead = timedelta(minutes=30)
    code, report = ask(scene)
    assert (code, report["status"]) == (200, "degraded")
    assert report["checks"]["witnesses"] == "no quorum in the last ten minutes"
    assert report["witnessed_seconds_ago"] > 600


def test_a_hub_without_any_quorum_is_degraded(embedded: Scene) -> None:
    """Before the first quorum there is nothing to rest on."""
    embedded.sql("UPDATE checkpoint SET witnessed_at = NULL")
    code, report = ask(embedded)
    assert (code, report["status"], report["witnessed_size"]) == (200, "degraded", None)
    assert report["checks"]["witnesses"] == "no checkpoint has a quorum yet"


def test_a_hub_without_a_log_fails(embedded: Scene) -> None:
    """The log's state is gone: 503."""
    embedded.sql("DELETE FROM log_state")
    code, report = ask(embedded)
    assert (code, report["status"]) == (503, "failing")
    assert report["checks"]["log"].startswith("failing")


def test_a_hub_whose_directory_does_not_verify_fails(embedded: Scene) -> None:
    """A certificate that no root signed stops everything that needs keys: 503, not "ok"."""
    embedded.sql("UPDATE certificate SET statement = replace(statement, '.', '.A')")
    code, report = ask(embedded)
    assert (code, report["status"]) == (503, "failing")
    assert report["checks"]["directory"].startswith("failing")


@pytest.mark.parametrize("damage", ["gone", "emptied", "overwritten"])
def test_a_process_whose_database_is_unusable_answers_503(make_scene: Callable[[], Scene], damage: str) -> None:
    """A running hub notices that its file was removed, emptied or overwritten under it."""
    only_sqlite("it is damaged")
    scene = make_scene().start()
    assert ask(scene)[0] == 200
    # The shared-memory index is mapped by the process: without it under its feet it would not answer at all.
    for path in (scene.hub.home / "hub.db", scene.hub.home / "hub.db-wal"):
        if damage == "gone":
            path.unlink()
        elif damage == "emptied":
            path.write_bytes(b"")
        else:
            path.write_bytes(b"not a database " * 4096)
    code, report = ask(scene)
    assert (code, report["status"]) == (503, "failing")
    assert any(text.startswith("failing") for text in report["checks"].values())


def test_asking_for_health_leaves_the_locks_alone(make_scene: Callable[[], Scene]) -> None:
    """Another process that looks into the database and leaves must not take the hub's write-ahead log with it."""
    only_sqlite("its locks")
    scene = make_scene().start()
    for _ in range(3):
        assert ask(scene)[0] == 200
        scene.witness()
        look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT COUNT(*) FROM log_entry').fetchone()"
        subprocess.run([sys.executable, "-c", look, str(scene.hub.home / "hub.db")], check=True, capture_output=True)
        assert (scene.hub.home / "hub.db-wal").exists()
    assert ask(scene)[1]["log_size"] == len(scene.log_types())
