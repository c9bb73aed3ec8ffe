"""kill -9 of an adapter or the hub between any two steps: restart, repeat, and nothing is lost, nothing is there twice.

Real processes, real HTTP, real signals. The steps are counted by the processes themselves (``mortal_adapter``,
``mortal_hub``), so that a new step in the product is a new point of death here without a change.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import hub_client
from adapters.hub_client import HubUnreachable
from adapters.release.drafts import DraftState, list_drafts
from hub.ceremony import sign_enrolment
from hub.config import CONFIG_NAME, Config, ConfigRefused
from hub.refusal import Refused
from hub.setting_up import init_hub, verify_hub
from policies.vocabulary import AgencyKind
from tests.e2e.mortal_adapter import record_consent, share
from tests.federation import HubProcess, make_agency
from tests.officers import FIRST, SECOND, enrol, record_officers
from tests.scene import CARE, HEALTH, POLICE, Scene

MORTAL_HUB = "tests.e2e.mortal_hub"
LEAST_STEPS = {"share": 10, "pull": 6, "consent": 4, "witness": 4}
MOST_STEPS = 80
MADE = {"issuer": "http://127.0.0.1:1", "origin": "hub.example/made", "environment": "demo"}


class Mortal:
    """The process that works for agencies and dies when told."""

    def __init__(self, folder: Path | None) -> None:
        command = [sys.executable, "-m", "tests.e2e.mortal_adapter", *([] if folder is None else [str(folder)])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def do(self, work: str, *, die_at: int = 0, **order: Any) -> tuple[int, str]:
        """Order something; return how many steps were reached and how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"work": work, "die_at": die_at, **order}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["steps"], answer["ended"]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub is a process that can be told to die."""
    made = make_scene()
    made.hub.module = MORTAL_HUB
    made.start()
    made.witness()
    return made


@pytest.fixture(scope="module")
def mortal(scene: Scene) -> Iterator[Mortal]:
    """A process that works for the scene's agencies."""
    process = Mortal(scene.hub.home.parent)
    yield process
    process.close()


@pytest.fixture(scope="module")
def alone() -> Iterator[Mortal]:
    """A process for work that needs no federation."""
    process = Mortal(None)
    yield process
    process.close()


def entries(scene: Scene, case: str) -> Counter[str]:
    """Count a case's log entries by type."""
    return Counter(scene.log_types(case))


def is_whole(scene: Scene) -> None:
    """Assert that the log verifies and every act has its entry."""
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    assert report.ok, [fault.message for fault in report.faults]


def notes(scene: Scene, label: str = "chair") -> Counter[str]:
    """Count what the panel's chair opens, by its one line."""
    view = scene[POLICE].pull(scene.main, label).view
    assert (view.withheld_by_hub, view.unverified) == ((), ())
    return Counter(str(item.content["summary"]) for item in view.opened)


# --- an adapter dies ---


def deaths(mortal: Mortal, work: str, **order: Any) -> Iterator[tuple[int, str]]:
    """Order the same work again and again, to die one step later each time, until it is not reached: then it is done.

    Each time the test goes on before the next order. ``{n}`` in the order's text is the number of the step.
    """
    for die_at in range(1, MOST_STEPS):
        text = str(order.get("text", "")).replace("{n}", str(die_at))
        steps, ended = mortal.do(work, die_at=die_at, **{**order, "text": text})
        assert (steps, ended) == (die_at, "killed") or (steps < die_at and ended == "finished"), (steps, ended)
        yield die_at, text
        if ended == "finished":
            assert steps >= LEAST_STEPS[work]
            return
    raise AssertionError(f"{work} has no end")


def test_an_adapter_dies_at_every_step_of_release_and_push(scene: Scene, mortal: Mortal) -> None:
    """Write, seal, disclose, push: after each death the same command again leaves one fragment and its disclosures."""
    care = scene[CARE]
    shared = []
    before = entries(scene, scene.main)
    for die_at, text in deaths(mortal, "share", agency=CARE, case=scene.main, text="share {n}"):
        share(care, scene.main, text)
        assert care.outbox.push_all().accepted == 0
        after = entries(scene, scene.main)
        assert after - before == {"fragment": 1, "disclosure": 3}, die_at
        before = after
        shared.append(text)
    found = notes(scene)
    assert all(found[text] == 1 for text in shared)
    assert {draft.state for draft in list_drafts(care.store, scene.main)} == {DraftState.RELEASED}
    is_whole(scene)


def test_an_adapter_dies_at_every_step_of_a_pull(scene: Scene, mortal: Mortal) -> None:
    """Each attempt that reached the hub is one entry, with its own signed statement; the next pull gives everything."""
    before = entries(scene, scene.main)
    everything = set(notes(scene))
    for _ in deaths(mortal, "pull", agency=POLICE, case=scene.main, text="chair"):
        found = notes(scene)
        assert set(found) == everything
        assert set(found.values()) == {1}
    assert set(entries(scene, scene.main) - before) == {"viewed"}
    bodies = scene.sql("SELECT body FROM log_entry WHERE type = 'viewed'")
    statements = [json.loads(body)["statement"] for (body,) in bodies]
    assert len(statements) == len(set(statements))
    is_whole(scene)


@pytest.mark.slow
def test_an_adapter_dies_at_every_step_of_a_statement(scene: Scene, mortal: Mortal) -> None:
    """A consent is recorded once, however often the command was interrupted."""
    care = scene[CARE]
    before = entries(scene, scene.main)["consent"]
    for _ in deaths(mortal, "consent", agency=CARE, case=scene.main):
        care.follower.sync_cases()
        recorded = entries(scene, scene.main)["consent"] - before
        assert recorded in (0, 1)
        assert len(care.book.load(scene.main).consents) == before + recorded
        if not recorded:
            record_consent(care, scene.main)
        before += 1
        assert entries(scene, scene.main)["consent"] == before
    is_whole(scene)


@pytest.mark.slow
def test_a_witness_dies_at_every_step(scene: Scene, mortal: Mortal) -> None:
    """What it promised it remembers, so it never signs another history; the next look goes on."""
    health = scene[HEALTH]
    record_consent(scene[CARE], scene.main)
    for _ in deaths(mortal, "witness", agency=HEALTH, case=scene.main):
        health.witness()
        health.sync()
        assert scene.alarms(HEALTH) == []
        record_consent(scene[CARE], scene.main)
    is_whole(scene)


# --- the hub dies ---

DEATHS = [
    ("push", "after-commit"),
    ("push", "mid-answer"),
    ("pull", "mid-answer"),
    ("statements", "before-commit"),
    # The rest of the same matrix: seconds each.
    pytest.param("push", "before-commit", marks=pytest.mark.slow),
    pytest.param("pull", "before-commit", marks=pytest.mark.slow),
    pytest.param("pull", "after-commit", marks=pytest.mark.slow),
    pytest.param("statements", "after-commit", marks=pytest.mark.slow),
    pytest.param("cosignatures", "before-commit", marks=pytest.mark.slow),
    pytest.param("cosignatures", "after-commit", marks=pytest.mark.slow),
]


def _work(scene: Scene, path: str, text: str) -> None:
    if path == "push":
        share(scene[CARE], scene.main, text)
    elif path == "pull":
        scene[POLICE].pull(scene.main, "chair")
    elif path == "statements":
        record_consent(scene[CARE], scene.main)
    else:
        scene[HEALTH].witness()


@pytest.mark.parametrize(("path", "step"), DEATHS)
def test_the_hub_dies(scene: Scene, path: str, step: str) -> None:
    """kill -9 of the whole hub at a step of an act: a clear error; restarted and repeated, it is as it should be."""
    before = entries(scene, scene.main)
    text = f"{path} {step}"
    assert scene.hub.process is not None
    (scene.hub.home / "die-at").write_text(f"{step} {path}")
    if path == "cosignatures":
        record_consent(scene[CARE], scene.main)
        before = entries(scene, scene.main)
    with pytest.raises(HubUnreachable, match=r"nothing was lost, try again"):
        _work(scene, path, text)
    assert scene.hub.process.wait(timeout=10) == -9
    assert not (scene.hub.home / "die-at").exists()
    scene.hub.process = None
    scene.start()
    _work(scene, path, text)
    added = entries(scene, scene.main) - before
    if path == "push":
        assert added == {"fragment": 1, "disclosure": 3}
        assert notes(scene)[text] == 1
    elif path == "pull":
        # The first attempt stays on record where it was committed: it may have been seen.
        assert added == {"viewed": 1 if step == "before-commit" else 2}
    elif path == "statements":
        # The agency looks first: what was recorded before the death is there, and this is the next one.
        assert added == {"consent": 1 if step == "before-commit" else 2}
        assert len(scene[CARE].book.load(scene.main).consents) == entries(scene, scene.main)["consent"]
    else:
        assert added == {}
    is_whole(scene)
    scene.witness()
    assert all(scene.alarms(name) == [] for name in scene.parties)


def test_a_request_in_flight_survives_a_quick_restart(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub dies after its commit and is back within the client's retries: the same statement again, one entry."""
    before = entries(scene, scene.main)
    process = scene.hub.process
    assert process is not None
    (scene.hub.home / "die-at").write_text("after-commit pull")

    def revive() -> None:
        process.wait(timeout=30)
        scene.hub.process = None
        scene.start()

    reviver = threading.Thread(target=revive)
    reviver.start()
    # As patient as an operator would be: the default gives up after a second.
    monkeypatch.setattr(hub_client, "RETRIES", 8)
    scene[POLICE].pull(scene.main, "chair")
    reviver.join()
    assert entries(scene, scene.main) - before == {"viewed": 1}


# --- both are made, and interrupted ---


def test_making_a_hub_dies_at_every_step(alone: Mortal, tmp_path: Path) -> None:
    """``nrm-hub init`` interrupted anywhere is repeated from the start, and the hub that comes out is whole."""
    passphrase = secrets.token_hex(16)
    steps, ended = alone.do("init-hub", folder=str(tmp_path / "whole"), passphrase=passphrase)
    assert (ended, steps >= 6) == ("finished", True), steps
    for die_at in range(1, steps + 1):
        home = tmp_path / f"hub-{die_at}"
        assert alone.do("init-hub", folder=str(home), passphrase=passphrase, die_at=die_at)[1] == "killed"
        config = Config.checked(
            home, {"issuer": "http://127.0.0.1:1", "origin": "hub.example/made", "environment": "demo"}
        )
        if (home / CONFIG_NAME).exists():
            with pytest.raises(ConfigRefused, match="holds a hub already"):
                init_hub(config, passphrase)
        else:
            init_hub(config, passphrase)
        agency, said = make_agency(home, "fern-housing", AgencyKind.HOUSING)
        request = agency.home.folder / "enrolment-request.json"
        record_officers(Config.load(home))
        assert enrol(Config.load(home), request, said).agency == "fern-housing"


def test_init_does_not_take_a_hubs_database_for_its_own(tmp_path: Path) -> None:
    """Where only the settings are gone, the log is not a leftover of an interrupted init: it is refused."""
    hub = HubProcess(tmp_path / "hub", 1, secrets.token_hex(16))
    config = Config.checked(hub.home, MADE)
    init_hub(config, hub.passphrase)
    agency, said = make_agency(tmp_path, "fern-housing", AgencyKind.HOUSING)
    record_officers(config)
    enrol(config, agency.home.folder / "enrolment-request.json", said)
    (hub.home / CONFIG_NAME).unlink()
    before = (hub.home / "hub.key").read_bytes()
    with pytest.raises(ConfigRefused, match="holds the log of a hub"):
        init_hub(config, hub.passphrase)
    assert (hub.home / "hub.key").read_bytes() == before


def test_an_enrolment_dies_at_every_step(alone: Mortal, tmp_path: Path) -> None:
    """Interrupted before its commit it is repeated; after it, the repeat says that the agency is there."""
    hub = HubProcess(tmp_path / "hub", 1, secrets.token_hex(16))
    config = Config.checked(hub.home, MADE)
    init_hub(config, hub.passphrase)
    record_officers(config)
    agency, said = make_agency(tmp_path, "fern-housing", AgencyKind.HOUSING)
    request = agency.home.folder / "enrolment-request.json"
    assert not sign_enrolment(config, request, said, FIRST).is_enrolled
    order = {"folder": str(hub.home), "request": str(request), "said": said}
    assert alone.do("enrol", die_at=1, **order) == (1, "killed")
    assert sign_enrolment(config, request, said, SECOND).is_enrolled
    assert alone.do("enrol", die_at=2, **order)[1] == "refused"
    with pytest.raises(Refused, match="enrolled already"):
        sign_enrolment(config, request, said, FIRST)


@pytest.mark.slow
def test_making_an_adapter_dies_at_every_step(alone: Mortal, tmp_path: Path) -> None:
    """``nrm-adapter init`` interrupted anywhere is repeated from the start."""
    environ = {name: secrets.token_hex(16) for name in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE")}
    steps, ended = alone.do("init-adapter", folder=str(tmp_path / "whole"), environ=environ)
    assert (ended, steps) == ("finished", 10)
    for die_at in range(1, steps + 1):
        folder = tmp_path / f"adapter-{die_at}"
        assert alone.do("init-adapter", folder=str(folder), environ=environ, die_at=die_at)[1] == "killed"
        ended = alone.do("init-adapter", folder=str(folder), environ=environ)[1]
        assert ended == ("refused" if die_at == steps else "finished")


# --- at the same time ---


def test_acts_at_the_same_time_leave_one_order(scene: Scene) -> None:
    """Four agencies push and pull at once: every act has its number, none is taken twice (attack 72)."""
    before = entries(scene, scene.main)
    faults: list[BaseException] = []

    def work(number: int, act: Callable[[int], object]) -> None:
        try:
            for round_ in range(number):
                act(round_)
        except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
            faults.append(error)

    acts: list[Callable[[int], object]] = [
        lambda n: share(scene[CARE], scene.main, f"care at once {n}"),
        lambda n: share(scene[HEALTH], scene.main, f"health at once {n}"),
        lambda _: scene[POLICE].pull(scene.main, "chair"),
        lambda _: httpx.get(f"{scene.hub.issuer}/health", timeout=10).raise_for_status(),
    ]
    threads = [threading.Thread(target=work, args=(4, act)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    added = entries(scene, scene.main) - before
    assert (added["fragment"], added["viewed"]) == (8, 4)
    numbers = [
        row[0] for row in scene.sql('SELECT case_seq FROM log_entry WHERE "case" = ? ORDER BY position', scene.main)
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    found = notes(scene)
    assert all(found[f"{who} at once {n}"] == 1 for who in ("care", "health") for n in range(4))
    is_whole(scene)


def test_a_second_hub_on_the_same_folder_does_not_start(scene: Scene) -> None:
    """On SQLite one process serves: the second one says who holds the lock."""
    command = [sys.executable, "-m", "hub.cli", "--home", str(scene.hub.home), "serve", "--bind", "127.0.0.1:1"]
    environment = {**os.environ, "NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "another process serves this hub already" in done.stderr
    assert "Traceback" not in done.stderr
