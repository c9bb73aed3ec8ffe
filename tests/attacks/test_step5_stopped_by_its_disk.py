"""Attack 73 with the hub as users run it, and with an agency's own store: what a person sees when the disk fails."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from adapters import hub_client
from adapters.hub_client import HubUnreachable
from hub.setting_up import verify_hub
from tests.disk.faults import EVERY, Disk, Kind
from tests.disk.office import HUB, NOTE, STORE, Office, office
from tests.postgres import is_chosen
from tests.scene import CARE, Scene, load

pytestmark = [pytest.mark.slow, pytest.mark.skipif(is_chosen(), reason="about SQLite's file")]
LINES = 4


# --- the hub's own process ---


@pytest.fixture
def served(
    make_scene: Callable[[], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Scene, Disk]]:
    """A hub process with a disk that can be told to fail, and a note in an agency's outbox."""
    disk, scene = Disk(tmp_path, HUB), make_scene()
    with monkeypatch.context() as started:
        for name, value in disk.environ.items():
            started.setenv(name, value)
        scene.start()
    scene.witness()
    monkeypatch.setattr(hub_client, "RETRY_SECONDS", 0.01)
    scene[CARE].write(scene.main, NOTE)
    scene[CARE].release(scene.main)
    yield scene, disk
    scene.stop()


def printed(scene: Scene) -> str:
    return (scene.hub.home / "hub.out").read_text()


def require_whole(scene: Scene) -> None:
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert report.ok, [fault.message for fault in report.faults]


def test_attack_73_the_hub_ends_when_its_disk_fails(served: tuple[Scene, Disk]) -> None:
    """An fsync fails: the whole hub ends, says so, with an exit code; started again it has the act once or never."""
    scene, disk = served
    before = len(scene.log_types())
    disk.strike(1, Kind.SYNC, error=errno.EIO)
    with pytest.raises(HubUnreachable, match="nothing was lost, try again"):
        scene[CARE].outbox.push_all()
    assert scene.hub.process is not None
    assert scene.hub.process.wait(timeout=30) == 1
    scene.hub.process = None
    said = printed(scene)
    assert said.count("the hub has stopped: its disk failed") == 2, "by who saw it, and as the last word"
    assert said.rstrip().endswith("then start the hub again: it reads what is there")
    assert "Traceback" not in said
    assert str(NOTE["summary"]) not in said
    disk.calm()
    scene.start()
    report = scene[CARE].outbox.push_all()
    assert (report.accepted + report.repeated, report.refused) == (LINES, 0)
    assert scene.log_types()[before:].count("fragment") == 1
    require_whole(scene)
    scene.witness()
    assert all(scene.alarms(name) == [] for name in scene.parties)


def test_attack_73_the_hub_outlives_a_full_disk(served: tuple[Scene, Disk]) -> None:
    """It answers that the disk is full, and all that needs none; when there is room the same process takes the act."""
    scene, disk = served
    before = len(scene.log_types())
    disk.strike(1, Kind.WRITE, error=errno.ENOSPC, lasting=True)
    with pytest.raises(HubUnreachable):
        scene[CARE].outbox.push_all()
    answer = httpx.get(f"{scene.hub.issuer}/health", timeout=5)
    assert (answer.status_code, answer.json()["checks"]["database"]) == (200, "ok")
    assert disk.calm()[1]
    assert len(scene.log_types()) == before
    assert "storage_full" in printed(scene)
    assert str(NOTE["summary"]) not in printed(scene)
    assert scene[CARE].outbox.push_all().accepted == LINES
    assert scene.hub.process is not None
    assert scene.hub.process.poll() is None
    require_whole(scene)


# --- an agency's own store ---


@pytest.fixture(scope="module")
def desk(
    make_scene: Callable[[], Scene], scene_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    with office(make_scene(), scene_source, tmp_path_factory.mktemp("disk"), STORE) as made:
        yield made


@pytest.fixture
def care(desk: Office) -> Office:
    desk.reset()
    desk.open()
    return desk


def outbox(desk: Office) -> list[tuple[str, bool, bool]]:
    """Of each line of the push: its state, whether it is known to have left, whether there is a receipt."""
    with closing(sqlite3.connect(f"file:{desk.folder}{STORE}?mode=ro", uri=True)) as connection:
        return list(
            connection.execute(
                "SELECT state, has_left > 0, receipt IS NOT NULL FROM outbox ORDER BY number DESC LIMIT ?", (LINES,)
            )
        )


def recorded(desk: Office) -> int:
    with closing(sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("SELECT COUNT(*) FROM disclosure").fetchone()[0]
        return found


def require_known(desk: Office, before: int) -> None:
    """What the hub has, the agency knows to have sent; what it takes for received, it has a receipt for."""
    lines = outbox(desk)
    assert len(lines) == LINES
    if recorded(desk) != before:
        assert all(has_left for _, has_left, _ in lines)
    assert all(has_receipt == (state == "accepted") for state, _, has_receipt in lines)


def require_received_once(desk: Office, before: int) -> None:
    assert [(state, bool(has_receipt)) for state, _, has_receipt in outbox(desk)] == [("accepted", True)] * LINES
    assert recorded(desk) == before + LINES - 1
    scene = load(desk.folder, keys_from=desk.keys)
    require_whole(scene)
    scene.close()


def test_attack_73_an_agencys_disk_is_full_at_any_call_of_a_push(care: Office) -> None:
    """Refused in words each time; nothing leaves that is not written down as having left; at last one receipt each."""
    before, at, ended = recorded(care), 0, ""
    while True:
        at += 1
        care.disk.strike(at, Kind.WRITE | Kind.CUT, error=errno.ENOSPC, lasting=True, half=at % 2 == 0)
        ended = care.do("act", what="push", agency=CARE)
        if not care.disk.calm()[1]:
            break
        assert ended == "StoreRefused"
        require_known(care, before)
    assert at > 10
    assert ended in ("accepted 4, repeated 0, refused 0", "accepted 0, repeated 4, refused 0")
    require_received_once(care, before)


def test_attack_73_an_agencys_disk_fails_at_any_fsync_of_a_push(care: Office) -> None:
    """The process refuses all from then on; the next one finds all or nothing of each step, and sends what is open."""
    before = recorded(care)
    care.disk.strike(0, Kind.SYNC)
    assert care.do("act", what="push", agency=CARE).startswith("accepted")
    syncs = care.disk.calm()[0]
    assert syncs >= 2
    for at in range(1, syncs + 1):
        care.reset()
        care.open()
        care.disk.strike(at, EVERY & Kind.SYNC, error=errno.EIO)
        assert care.do("act", what="push", agency=CARE) == "StoreRefused"
        assert care.disk.calm()[1] == 1
        assert care.do("act", what="push", agency=CARE) == "StoreRefused"
        care.kill()
        require_known(care, before)
        care.open()
        care.do("act", what="push", agency=CARE)
        require_received_once(care, before)
