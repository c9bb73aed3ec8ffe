"""What is wrong with one case stops no other: each is read, and the fault is told after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.case_sync import has_ended
from adapters.hub_client import HubRefused
from tests.scene import HEALTH, Scene


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    made = make_scene().embed()
    made.witness()
    return made


def failing(get: Callable[[str], Any], path: str, *, status: int = 500) -> Callable[[str], Any]:
    """Return what asks the hub, but that it refuses this path."""

    def asked(at: str) -> Any:
        if at == path:
            raise HubRefused(status, {"type": "urn:nrm-hub:problem:internal", "detail": "it broke"})
        return get(at)

    return asked


def test_a_case_that_the_hub_will_not_show_stops_no_other(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two is refused, the other is read; and it is told which was not."""
    health = scene[HEALTH]
    health.follower.sync_cases()
    for case, other in ((scene.main, scene.other), (scene.other, scene.main)):
        read: list[str] = []
        with monkeypatch.context() as patch:
            get = health.client.get
            patch.setattr(health.client, "get", lambda at, get=get, read=read: (read.append(at), get(at))[1])
            patch.setattr(health.client, "get", failing(health.client.get, f"/v1/cases/{case}"))
            with pytest.raises(HubRefused, match="it broke"):
                health.follower.sync_cases()
            assert f"/v1/cases/{other}" in read
            health.follower.sync_case(other)
            with pytest.raises(HubRefused, match="it broke"):
                health.follower.sync_case(case)


def test_one_case_that_is_listed_no_more_has_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted here as it is where all are read; the others stay."""
    health = scene[HEALTH]
    health.follower.sync_cases()
    get = health.client.get
    listed = get("/v1/cases")
    shorter = {**listed, "cases": [item for item in listed["cases"] if item["case"] != scene.main]}
    monkeypatch.setattr(health.client, "get", lambda at: shorter if at == "/v1/cases" else get(at))
    health.follower.sync_case(scene.main)
    with health.store.write() as session:
        assert has_ended(session, scene.main)
        assert not has_ended(session, scene.other)
