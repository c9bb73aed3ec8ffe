"""The line holds for what is pushed as for what is pulled: attacks 37, 42 and 45, with real hubs on both databases.

A push that was decided and signed before something ended arrives after it, in every order at small size; then pushes,
pulls and what ends them happen at the same time, against a hub in a process of its own. The log says what came first.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.hub_client import HubRefused
from adapters.refusal import LogRefused
from adapters.release.drafts import DraftRefused
from hub.setting_up import verify_hub
from policies.vocabulary import Gateway
from tests import postgres
from tests.adapters.picture.test_receiving import consent
from tests.attacks.exclusion_acts import confirm, person, propose
from tests.bundle_acts import Officer, approve, trial_files
from tests.e2e.test_the_line import acts, begin, entries
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, build, copy

pytestmark = pytest.mark.slow
CHAIR = (POLICE, "chair")
ENDINGS = ("consent", "bundle", "membership", "exclusion")
"""Withdrawal, another agreement, the chair's agency taken out, the chair kept out for a conflict of interest."""
READERS = {POLICE: "chair", HEALTH: "voter", CARE: "lead"}
"""Who is given what the charity shares, by their agency."""
SHARES = 8
"""So often the originator shares while the others act."""
NEVER = (HubRefused, CaseRefused, LogRefused, DraftRefused)
"""What an act may be answered with that came too late."""
ORDERS = [
    *(order for ending in ENDINGS for order in permutations((ending, "push", "pull"))),
    *(order for two in combinations(ENDINGS, 2) for order in permutations((*two, "push"))),
]

ON_A_SERVER = 8
"""One in so many orders is played on PostgreSQL as well, where a copy of the database takes long."""


def note(number: int) -> dict[str, Any]:
    return {"kind": "concern", "summary": f"Told in confidence, invented note {number}", "fields": {}}


def endings(scene: Scene, third: Officer) -> dict[str, Callable[[], object]]:
    """What ends something, by others than the originator: it hears of none of them before it pushes."""
    return {
        **acts(scene, third),
        "consent": lambda: scene[CARE].book.record_consent(scene.main, consent("withdrawn")),
        "bundle": lambda: approve(scene, third, trial_files()),
        "exclusion": lambda: confirm(scene, scene.main, propose(scene, scene.main, person(scene, CHAIR))),
    }


def ended_by(scene: Scene, body: dict[str, Any], words: list[str]) -> str | None:
    """Which ending an entry of the log is; of an exclusion the second word counts."""
    if body["type"] == "exclusion":
        words.append(body["statement"])
        return "exclusion" if len(words) == 2 else None
    return body["type"] if body["type"] in ("consent", "bundle", "membership") else None


def require_line(scene: Scene, bodies: list[dict[str, Any]], owned: set[str]) -> dict[str, list[set[str]]]:
    """Hold every disclosure of the charity and every pull of the chair against what the log has before it.

    All that the charity shares rests on consent and is a concern. Returns what had ended when each was taken.
    """
    over, words = set[str](), list[str]()
    found: dict[str, list[set[str]]] = {name: [] for name in (*READERS.values(), "pull")}
    for body in bodies:
        ended = ended_by(scene, body, words)
        if ended is not None:
            over.add(ended)
        if body["type"] == "disclosure" and body["agency"] == CHARITY and body["items"]:
            is_chair = body["recipient_agency"] == POLICE
            assert "consent" not in over, "what rests on consent was taken after its withdrawal"
            assert not (is_chair and over), "the chair was given something after the line"
            found[READERS[body["recipient_agency"]]].append(set(over))
        if body["type"] == "viewed" and body["agency"] == POLICE:
            shown = {item["fragment"] for item in body["fragments"]}
            assert not over & {"membership", "exclusion"}, "whoever is out was answered"
            assert not (shown & owned and over)
            found["pull"].append(set(over))
    return found


def owned_by_charity(scene: Scene) -> set[str]:
    return {str(found) for (found,) in scene.sql("SELECT fragment FROM fragment WHERE agency = ?", CHARITY)}


def shared(scene: Scene, number: int) -> None:
    scene[CHARITY].write(scene.main, note(number))
    scene[CHARITY].release(scene.main, gateway=Gateway.CLDC_CONSENT)


def prepare(scene: Scene) -> Officer:
    """Everything ready, and one share of the charity decided and signed that has not left."""
    third = begin(scene)
    scene[CHARITY].sync()
    shared(scene, 0)
    return third


@pytest.fixture(scope="module")
def prepared(
    request: pytest.FixtureRequest, make_scene: Callable[[], Scene], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Officer, str]:
    """A federation on each kind of database, to be copied for each order."""
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "postgresql":
            patched.setenv(postgres.CHOICE, "postgresql")
            source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
            build(source)
            scene = copy(source, made / "scene").embed()
        else:
            scene = make_scene().embed()
        third = prepare(scene)
        for party in scene.parties.values():
            party.store.close()
        assert scene.database is not None
        scene.database.close()
    return scene.hub.home.parent, third, request.param


@pytest.mark.parametrize(
    ("prepared", "order"),
    [*(("sqlite", order) for order in ORDERS), *(("postgresql", order) for order in ORDERS[::ON_A_SERVER])],
    indirect=["prepared"],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_every_order_with_a_push_has_its_line(
    prepared: tuple[Path, Officer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    """A push that was signed before reaches nobody for whom something ended before it arrived."""
    source, third, database = prepared
    if database == "postgresql":
        monkeypatch.setenv(postgres.CHOICE, database)
    scene = copy(source, tmp_path / "copy").embed()
    try:
        start, todo = len(scene.log_types()), endings(scene, third)
        todo["push"] = scene[CHARITY].outbox.push_all
        todo["pull"] = lambda: scene[POLICE].pull(scene.main, "chair")
        for name in order:
            # Whoever is out already cannot be kept out as well; whatever comes too late is refused.
            with suppress(*NEVER):
                todo[name]()
        found = require_line(scene, entries(scene, start), owned_by_charity(scene))
        before = set(order[: order.index("push")]) & set(ENDINGS)
        if not before:
            assert (found["chair"], found["voter"]) == ([set()], [set()]), "nothing had ended: both are given it"
        if before == {"exclusion"}:
            assert (found["chair"], found["voter"]) == ([], [{"exclusion"}]), "the other reader is given it"
        if before & {"consent", "membership", "bundle"}:
            assert found["chair"] == []
        if "pull" in order:
            [ending] = set(order) & set(ENDINGS)
            is_out = ending in ("membership", "exclusion") and order.index(ending) < order.index("pull")
            assert len(found["pull"]) == (0 if is_out else 1)
    finally:
        scene.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def racing(request: pytest.FixtureRequest, make_scene: Callable[[], Scene], tmp_path: Path) -> Iterator[Scene]:
    """A federation whose hub runs in a process of its own, on each kind of database."""
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "postgresql":
            patched.setenv(postgres.CHOICE, "postgresql")
            (tmp_path / "source").mkdir()
            build(tmp_path / "source")
            made = copy(tmp_path / "source", tmp_path / "racing")
        else:
            made = make_scene()
        made.start()
        yield made
        made.close()


def test_pushes_pulls_and_what_ends_them_at_the_same_time(racing: Scene) -> None:
    """One originator shares again and again, one reader pulls, three others end it: nothing lies on both sides."""
    scene, third = racing, begin(racing)
    scene[CHARITY].sync()
    start, faults, todo = len(scene.log_types()), list[BaseException](), endings(scene, third)
    done = threading.Semaphore(0)

    def again(act: Callable[[int], object]) -> None:
        for number in range(SHARES):
            try:
                with suppress(*NEVER):
                    act(number)
            except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
                faults.append(error)
            done.release()

    def share(number: int) -> None:
        shared(scene, number)
        scene[CHARITY].outbox.push_all()

    def pull(_: int) -> None:
        scene[POLICE].pull(scene.main, "chair", REVIEW)

    threads = [threading.Thread(target=again, args=(act,)) for act in (share, pull)]
    for thread in threads:
        thread.start()
    for name in ("exclusion", "bundle", "consent"):
        for _ in range(4):
            done.acquire(timeout=60)
        todo[name]()
    for thread in threads:
        thread.join(180)
    assert faults == []
    bodies = entries(scene, start)
    found = require_line(scene, bodies, owned_by_charity(scene))
    assert found["voter"], "something was shared while it was permitted"
    assert {"exclusion", "consent", "bundle"} <= {body["type"] for body in bodies}
    numbers = [body["case_seq"] for body in bodies if body.get("case") == scene.main]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    rows = scene.sql("SELECT body FROM log_entry WHERE type = ? AND position >= ?", "void", start)
    assert all(json.loads(body)["agency"] == CHARITY for (body,) in rows)
    assert verify_hub(scene.hub.config, scene.hub.passphrase).log.ok


def test_the_orders_are_all_of_them() -> None:
    """Each ending with a push and a pull; each two endings with a push; in every order."""
    assert len(ORDERS) == len(set(ORDERS)) == 4 * 6 + 6 * 6
