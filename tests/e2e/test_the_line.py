"""Where an act ends something, its place in the case's order is the line: attacks 37 and 42, with real hubs.

Every order of a withdrawal, a removal, a change of the agreement and a pull is played at small size; then they happen
at the same time, against a hub in a process of its own, on SQLite and on PostgreSQL. The log says what came first.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.hub_client import HubRefused
from adapters.refusal import LogRefused
from hub.setting_up import verify_hub
from tests import postgres
from tests.adapters.picture.test_receiving import consent, prepare
from tests.bundle_acts import Officer, approve, certify_officer, trial_bundle, trial_files
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, build, copy

pytestmark = pytest.mark.slow
PULLS = 12
"""Of each reader, while the others act."""
ENDING = ("consent", "bundle", "membership")
"""The entries of the three acts that end something, as the log calls them."""


def begin(scene: Scene) -> Officer:
    """Share on consent and on a duty, have the trial agreement approved by two; return the third officer."""
    scene.witness()
    officers = [certify_officer(scene, agency) for agency in (POLICE, HEALTH, CARE)]
    prepare(scene)
    for officer in officers[:2]:
        approve(scene, officer, trial_files())
    return officers[2]


def acts(scene: Scene, third: Officer) -> dict[str, Callable[[], object]]:
    """The acts that end something for the panel's chair: consent, the agreement, their place in the case."""
    care = scene[CARE]

    def remove() -> None:
        care.sync()
        staying = [item for item in care.book.load(scene.main).state.membership.members if item.agency != POLICE]
        care.book.change_members(scene.main, staying)

    return {
        "consent": lambda: scene[CHARITY].book.record_consent(scene.main, consent("withdrawn")),
        "bundle": lambda: approve(scene, third, trial_files()),
        "membership": remove,
    }


def entries(scene: Scene, after: int) -> list[dict[str, Any]]:
    """The bodies of the log from a position on, in order."""
    rows = scene.sql("SELECT body FROM log_entry WHERE position >= ? ORDER BY position", after)
    return [json.loads(body) for (body,) in rows]


def on_consent(scene: Scene) -> str:
    """The fragment that rests on the child's consent."""
    [(found,)] = scene.sql("SELECT fragment FROM fragment WHERE agency = ?", CHARITY)
    return str(found)


def require_line(scene: Scene, bodies: list[dict[str, Any]]) -> dict[str, list[set[str]]]:
    """Hold every pull against what the log has before it; return what had ended when each reader was answered."""
    fragment, over, found = on_consent(scene), set[str](), dict[str, list[set[str]]]()
    for body in bodies:
        if body["type"] in ENDING:
            over.add(body["type"])
        elif body["type"] == "viewed":
            shown = {item["fragment"] for item in body["fragments"]}
            is_chair = body["agency"] == POLICE
            # The trial agreement forbids the chair what they could read; who was taken out is answered as a stranger.
            assert not (is_chair and "membership" in over)
            assert (fragment in shown) == (not over & {"consent", "bundle"} if is_chair else "consent" not in over)
            expected = trial_bundle().digest if "bundle" in over else None
            assert expected is None or body["decision"]["bundle"] == expected
            found.setdefault(body["agency"], []).append(set(over))
        elif body["type"] == "denied" and body["act"] == "pull":
            assert "membership" in over
    return found


@pytest.fixture(scope="module")
def prepared(make_scene: Callable[[], Scene]) -> tuple[Path, Officer]:
    """A federation in which everything is ready, to be copied for each order."""
    scene = make_scene().embed()
    third = begin(scene)
    scene.stop()
    return scene.hub.home.parent, third


@pytest.mark.parametrize("order", permutations(("consent", "bundle", "membership", "pull")), ids="-".join)
def test_every_order_has_its_line(prepared: tuple[Path, Officer], tmp_path: Path, order: tuple[str, ...]) -> None:
    """What the chair is given is what had not ended before, whichever way round it happened."""
    source, third = prepared
    scene = copy(source, tmp_path).embed()
    try:
        start, todo = len(scene.log_types()), acts(scene, third)
        for name in order:
            if name == "pull":
                with suppress(HubRefused, CaseRefused, LogRefused):
                    scene[POLICE].pull(scene.main, "chair")
            else:
                todo[name]()
        bodies = entries(scene, start)
        assert [body["type"] for body in bodies if body["type"] in ENDING] == [item for item in order if item != "pull"]
        before = set(order[: order.index("pull")])
        found = require_line(scene, bodies)
        assert found == ({} if "membership" in before else {POLICE: [before]})
    finally:
        scene.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def racing(request: pytest.FixtureRequest, make_scene: Callable[[], Scene], tmp_path: Path) -> Iterator[Scene]:
    """A federation whose hub runs in a process of its own, on each kind of database."""
    if request.param == "sqlite":
        made = make_scene()
    else:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(postgres.CHOICE, "postgresql")
            (tmp_path / "source").mkdir()
            build(tmp_path / "source")
            made = copy(tmp_path / "source", tmp_path / "racing")
            yield from _running(made)
        return
    yield from _running(made)


def _running(made: Scene) -> Iterator[Scene]:
    made.start()
    yield made
    made.close()


def test_at_the_same_time_there_is_one_order_too(racing: Scene) -> None:
    """Two readers pull again and again while three others end what they read: no pull is on both sides of a line."""
    scene, third = racing, begin(racing)
    start, faults, todo = len(scene.log_types()), list[BaseException](), acts(racing, third)
    reading, first = threading.Semaphore(0), threading.Event()

    def read(agency: str, label: str) -> None:
        for number in range(PULLS):
            try:
                scene[agency].pull(scene.main, label, REVIEW)
            except (HubRefused, CaseRefused, LogRefused):
                pass
            except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
                faults.append(error)
            if number == 0:
                first.set()
            reading.release()

    readers = [threading.Thread(target=read, args=who) for who in ((POLICE, "chair"), (HEALTH, "voter"))]
    for thread in readers:
        thread.start()
    first.wait(60)
    for name in ENDING:
        # A few pulls further on each time, in the middle of others.
        for _ in range(4):
            reading.acquire(timeout=60)
        todo[name]()
    for thread in readers:
        thread.join(120)
    assert faults == []
    bodies = entries(scene, start)
    assert [body["type"] for body in bodies if body["type"] in ENDING] == list(ENDING)
    found = require_line(scene, bodies)
    assert found[POLICE][0] == set()
    assert found[HEALTH][-1] >= {"consent"}
    numbers = [body["case_seq"] for body in bodies if body.get("case") == scene.main]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert verify_hub(scene.hub.config, scene.hub.passphrase).log.ok
