"""Attack 73 on SQLite: the disk is full, an fsync fails or lies, process or power die, at each call that writes.

The hub's own application works in a process whose calls to the disk are struck one after the other (``tests.disk``).
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.setting_up import verify_hub
from hub.store.database import Database
from tests.disk.faults import EVERY, Call, How, Kind, play, read_trace
from tests.disk.office import HUB, Office, office
from tests.postgres import is_chosen
from tests.scene import CARE, HEALTH, POLICE, Scene, load, opened_keys

pytestmark = [pytest.mark.slow, pytest.mark.skipif(is_chosen(), reason="about SQLite's file")]
ACTS = ("push", "head", "cosign")
LINES = 4
"""Of the push: a fragment and three disclosures of it."""


@pytest.fixture(scope="module")
def desk(
    make_scene: Callable[[], Scene], scene_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    with office(make_scene(), scene_source, tmp_path_factory.mktemp("disk"), HUB) as made:
        yield made


@pytest.fixture
def hub(desk: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr("hub.services.read_key_file", opened_keys)
    desk.reset()
    return desk


# --- what a file holds ---


@dataclass(frozen=True, slots=True)
class Holds:
    """What a database holds once it was opened again: all of it as one digest, its entries, its heads."""

    digest: str
    entries: int
    heads: tuple[tuple[int, bytes], ...]


def reopened(path: Path) -> Holds:
    """Open a database as a hub that starts does: recovered from its log, which is then written into the file."""
    with closing(Database(f"sqlite:///{path}")) as database:
        assert database.forget_deleted()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        digest = hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
        (size,) = connection.execute("SELECT size FROM log_state").fetchone()
        positions = [row[0] for row in connection.execute("SELECT position FROM log_entry ORDER BY position")]
        assert positions == list(range(size))
        return Holds(digest, size, tuple(connection.execute("SELECT size, root FROM checkpoint ORDER BY size")))


def put_down(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a database and its log, as a disk has them after a death."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in files.items():
        (folder / Path(path).name).write_bytes(data)
    return folder / "hub.db"


def require_one_head_each(*found: Holds) -> None:
    heads: dict[int, bytes] = {}
    for holds in found:
        assert all(heads.setdefault(size, root) == root for size, root in holds.heads)


def require_recorded_once(desk: Office, began: Holds) -> None:
    """The whole log verifies; the push stands in it once; the agency has a receipt for each of its lines."""
    scene = load(desk.folder, keys_from=desk.keys)
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert report.ok, [fault.message for fault in report.faults]
    types = scene.log_types()[began.entries :]
    assert types.count("fragment") == 1
    assert types.count("disclosure") == LINES - 1
    assert "void" not in types
    with closing(sqlite3.connect(scene[CARE].home.store_path)) as connection:
        states = connection.execute("SELECT state, receipt IS NULL FROM outbox ORDER BY number DESC").fetchmany(LINES)
    scene.close()
    assert states == [("accepted", 0)] * LINES


def require_recovers(desk: Office, began: Holds) -> None:
    """Killed as it is and started again, with a disk that does what it should: the agency's push ends as it should."""
    desk.disk.calm()
    desk.kill()
    found = reopened_beside(desk)
    desk.open(starts=True)
    # What the agency has its receipts for is not in its outbox any more.
    assert taken(desk.do("act", what="push", agency=CARE)) in (0, LINES)
    desk.kill()
    require_one_head_each(began, found, reopened(desk.database))
    require_recorded_once(desk, began)


def reopened_beside(desk: Office) -> Holds:
    """What the hub's files would hold, opened as a copy."""
    files = {str(path): path.read_bytes() for path in desk.database.parent.glob("hub.db*") if path.suffix != ".db-shm"}
    return reopened(put_down(desk.folder.with_name("beside"), files))


def taken(ended: str) -> int:
    """How many lines a push brought or found there."""
    assert ended.startswith("accepted"), ended
    assert ended.endswith("refused 0")
    return sum(int(part.split(" ")[1]) for part in ended.split(", "))


# --- killed, or without power ---


def undisturbed(hub: Office) -> tuple[list[Call], list[int]]:
    """Push, publish a head, cosign it; return every call that wrote, and before which of them each answer was given."""
    hub.open()
    for what in ACTS:
        assert hub.do("act", what=what, agency=CARE) not in ("HubUnreachable", "HubRefused")
    answers = hub.do("answered")
    assert {status for _, status, _, _ in answers if status >= 500} == set()
    calls = read_trace(hub.disk.trace)
    ends, at = [], 0
    for call in calls:
        at += 40 + len(call.path.encode()) + len(call.data)
        ends.append(at)
    return calls, [sum(1 for end in ends if end <= written) for _, _, _, written in answers]


def test_attack_73_killed_or_without_power_after_any_call_that_writes(hub: Office, tmp_path: Path) -> None:
    """What is found is what some commit left, never less than was answered; from each the push ends the same."""
    before = {str(hub.database): hub.database.read_bytes()}
    began = reopened(put_down(tmp_path / "began", before))
    calls, answered = undisturbed(hub)
    assert {call.kind for call in calls} >= {Kind.WRITE, Kind.SYNC}
    found: list[Holds] = [began]
    files: dict[str, dict[str, bytes]] = {began.digest: before}
    least = 0
    left = [(before, before), *play(before, calls)]
    states: dict[tuple[bytes, ...], Holds] = {}
    for count, (killed, unpowered) in enumerate(left):
        seen = []
        for state in (unpowered, killed):
            key = tuple(state.values())
            if key not in states:
                states[key] = reopened(put_down(tmp_path / "left", state))
            seen.append(states[key])
        # A kill loses nothing that was written: it is never behind what is left without power.
        for holds, state in zip(seen, (unpowered, killed), strict=True):
            if holds not in found:
                assert holds is seen[1], "something was on the disk before the system had it"
                found.append(holds)
                files[holds.digest] = state
        assert found.index(seen[0]) <= found.index(seen[1])
        if count in answered:
            # Whatever was committed when the hub answered is on the disk by then.
            least = found.index(seen[1])
        assert found.index(seen[0]) >= least
    require_one_head_each(*found)
    # Each commit and no more: one more than there are is the beginning.
    assert len(found) == 1 + len({holds.digest for holds in found[1:]})
    assert found[-1].entries == began.entries + LINES
    for holds in found:
        hub.reset()
        for path, data in files[holds.digest].items():
            Path(path).write_bytes(data)
        hub.open(starts=True)
        assert taken(hub.do("act", what="push", agency=CARE)) == LINES
        hub.kill()
        require_one_head_each(*found, reopened(hub.database))
        require_recorded_once(hub, began)


# --- a full disk ---


@pytest.mark.parametrize("what", ACTS)
def test_attack_73_a_full_disk_at_any_call_that_writes(hub: Office, what: str) -> None:
    """Each time it is said, nothing of the act is there, all else is served; once there is room, the same is taken."""
    began = reopened_beside(hub)
    hub.open()
    for before in ACTS[: ACTS.index(what)]:
        hub.do("act", what=before, agency=CARE)
    hub.do("answered")
    at, size = 0, reopened_beside(hub).entries
    while True:
        at += 1
        hub.disk.strike(at, Kind.WRITE | Kind.CUT, error=errno.ENOSPC, lasting=True, half=at % 2 == 0)
        ended = hub.do("act", what=what, agency=CARE)
        if not hub.disk.calm()[1]:
            break
        assert ended == "HubUnreachable"
        path, status, problem, _ = hub.do("answered")[-1]
        assert (status, problem) == (503, "storage_full"), path
        assert not hub.do("has_failed")
        assert hub.do("health")[1]["database"] == "ok"
        with closing(sqlite3.connect(f"file:{hub.database}?mode=ro", uri=True)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM log_entry").fetchone() == (size,)
    assert at > 2
    assert ended.startswith("accepted 4") if what == "push" else ended == "done"
    assert reopened_beside(hub).entries == size + (LINES if what == "push" else 0)
    require_recovers(hub, began)


# --- a disk that fails ---


def syncs_and_some_writes(calls: list[Call], every: int) -> list[int]:
    """The numbers of all calls that wait for the disk, and of some that write."""
    return [number for number, call in enumerate(calls, 1) if call.kind is not Kind.WRITE or number % every == 0]


def test_attack_73_a_disk_that_fails_stops_the_hub(hub: Office) -> None:
    """At each fsync, and at writes between: refused, and given up by this process; the next finds all or nothing."""
    began = reopened_beside(hub)
    calls, _ = undisturbed(hub)
    numbers = syncs_and_some_writes(calls, 24)
    assert len(numbers) > 5
    recovered = set()
    for number in numbers:
        hub.reset()
        hub.open()
        hub.disk.strike(number, EVERY, error=errno.EIO)
        answers = []
        for what in ACTS:
            hub.do("act", what=what, agency=CARE)
            answers += hub.do("answered")
        refused = [(status, problem) for _, status, problem, _ in answers if status >= 500]
        assert hub.disk.calm()[1] == 1
        # Of an act whose end was being written nobody here knows; from then on nothing is taken, nor said to be there.
        assert refused[0] == (503, "outcome_unknown"), (number, refused)
        assert set(refused[1:]) <= {(503, "store_failed")}
        assert hub.do("has_failed")
        code, checks = hub.do("health")
        assert (code, checks["database"]) == (503, "failing (StoreFailed)")
        found = reopened_beside(hub)
        require_one_head_each(began, found)
        assert found.entries in (began.entries, began.entries + LINES)
        struck = next(path for path, status, _, _ in answers if status >= 500)
        if struck not in recovered:
            recovered.add(struck)
            require_recovers(hub, began)
    assert len(recovered) == 4


def number_of_the_commit(calls: list[Call], answered: list[int]) -> int:
    """The fsync with which the push is recorded: the last one before its answer, which was the third."""
    return max(number for number, call in enumerate(calls[: answered[2]], 1) if call.kind is Kind.SYNC)


def test_attack_73_what_a_failed_fsync_left_is_not_built_on(hub: Office, tmp_path: Path) -> None:
    """A start finds the act in the system's memory: before it says anything of it, it is on the disk."""
    before = {str(hub.database): hub.database.read_bytes()}
    began = reopened_beside(hub)
    commit = number_of_the_commit(*undisturbed(hub))
    hub.reset()
    hub.open()
    hub.disk.strike(commit, EVERY, error=errno.EIO)
    assert hub.do("act", what="push", agency=CARE) == "HubUnreachable"
    assert hub.do("answered")[-1][1:3] == [503, "outcome_unknown"]
    hub.disk.calm()
    hub.kill()
    hub.open(starts=True)
    ended = hub.do("act", what="push", agency=CARE)
    assert (taken(ended), "repeated 4" in ended) == (LINES, True)
    *_, (_, unpowered) = play(before, read_trace(hub.disk.trace))
    assert reopened(put_down(tmp_path / "unpowered", unpowered)).entries == began.entries + LINES


def test_attack_73_a_start_does_not_go_by_a_disk_that_fails(hub: Office) -> None:
    """What a killed hub left cannot be written into the file: it does not begin to serve. Later it does."""
    began = reopened_beside(hub)
    hub.open()
    assert hub.do("act", what="push", agency=CARE) == "accepted 4, repeated 0, refused 0"
    hub.kill()
    for kinds, error, ended in (
        (Kind.WRITE, errno.ENOSPC, "StoreFull"),
        (Kind.SYNC, errno.EIO, "StoreFailed"),
        (Kind.CUT, errno.EIO, "StoreFailed"),
    ):
        hub.open()
        hub.disk.strike(2, kinds, error=error, lasting=True)
        assert hub.do("act", what="start", agency=CARE) == ended
        assert hub.disk.calm()[1]
        hub.kill()
    require_recovers(hub, began)


def test_attack_73_a_disk_that_lied_is_found_out_by_the_witnesses(hub: Office) -> None:
    """It said that all was written, and it was not: the log is shorter than what was cosigned. Nobody is given it."""
    before = {str(hub.database): hub.database.read_bytes()}
    hub.open()
    hub.disk.strike(1, Kind.SYNC, how=How.LIE, lasting=True)
    assert hub.do("act", what="push", agency=CARE) == "accepted 4, repeated 0, refused 0"
    for agency in (CARE, HEALTH, POLICE):
        assert hub.do("act", what="cosign", agency=agency) == "done"
    hub.disk.calm()
    *_, (_, unpowered) = play(before, read_trace(hub.disk.trace))
    hub.kill()
    for path, data in unpowered.items():
        Path(path).write_bytes(data)
    hub.open()
    assert hub.do("act", what="start", agency=CARE) == "done"
    assert hub.do("act", what="cosign", agency=CARE) == "LogRefused"
    hub.do("answered")
    assert hub.do("act", what="pull", agency=POLICE) in ("HubRefused", "CaseRefused")
    assert [problem for _, status, problem, _ in hub.do("answered") if status >= 400][-1] == "unconfirmed"
    scene = load(hub.folder, keys_from=hub.keys)
    assert "rollback" in [code for code, _ in scene.alarms(CARE)]
    scene.close()
