"""Attack 54 by number: the log is flooded around one read, so that nobody finds it.

Nothing is dropped: what is refused for pace leaves its mark in every minute, every other act its entry. The read stands
on the page by itself, the flood in a line with its number on either side of it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.audit import read_audit, render_audit
from hub.audit_groups import group_by_day
from hub.exchange.pulling import Denied, record_denied
from hub.setting_up import verify_hub
from tests.scene import CHARITY, HEALTH, POLICE, Scene, now

FLOOD = 1_000


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    made = make_scene().embed()
    made.witness()
    return made


def flood(scene: Scene, case: str | None) -> None:
    """So many refused attempts by the charity's worker, as the hub records them."""
    assert scene.database is not None
    worker = scene[CHARITY].people["worker"]
    denied = Denied(case, CHARITY, worker, "0" * 64, "not_found")
    with scene.database.write() as session:
        for _ in range(FLOOD):
            record_denied(session, denied, now())


def test_attack_54_one_read_in_a_flood_of_refused_attempts_stands_by_itself(scene: Scene) -> None:
    """A thousand refused attempts at the case before one read, and a thousand after it."""
    flood(scene, scene.main)
    assert scene[POLICE].pull(scene.main, "chair").view.opened
    flood(scene, scene.main)
    assert scene.log_types(scene.main).count("denied") == 2 * FLOOD, "each attempt has its entry: none is dropped"
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok
    audit = read_audit(scene.hub.config, scene.hub.passphrase)
    (case,) = [item for item in audit.cases.values() if item.case == scene.main]
    groups = [group for day in group_by_day(case.lines) for group in day.groups]
    kinds = [(group.first.kind, len(group.lines)) for group in groups][-3:]
    assert kinds == [("denied", FLOOD), ("viewed", 1), ("denied", FLOOD)]
    assert len(render_audit(audit)) < 3_000_000


def test_attempts_at_no_case_do_not_enter_a_case(scene: Scene) -> None:
    """Whoever has no part in a case does not lengthen its account, however often they try."""
    before = scene.log_types(scene.main)
    flood(scene, None)
    assert scene.log_types(scene.main) == before
    assert scene.log_types().count("denied") == FLOOD


def test_attack_54_a_readers_many_reads_do_not_swallow_anothers_one(scene: Scene) -> None:
    """Allowed reads by one person are put together in one line; the one of somebody else between them is not."""
    for _ in range(10):
        scene[POLICE].pull(scene.main, "chair")
    scene[HEALTH].pull(scene.main, "voter")
    for _ in range(10):
        scene[POLICE].pull(scene.main, "chair")
    audit = read_audit(scene.hub.config, scene.hub.passphrase)
    (case,) = [item for item in audit.cases.values() if item.case == scene.main]
    groups = [group for day in group_by_day(case.lines) for group in day.groups]
    assert [(group.first.agency, len(group.lines)) for group in groups][-3:] == [
        (POLICE, 10),
        (HEALTH, 1),
        (POLICE, 10),
    ]
