"""Every route of the workspace is come to by a walk, so that the checks which walk see every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.every_page import ELSEWHERE, all_routes, come_to
from tests.scene import Scene
from tests.walked import AnyDesk, desks, walked


@pytest.fixture(scope="module")
def both(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[list[AnyDesk]]:
    with desks(scene_source, make_scene) as found:
        yield found


@pytest.mark.slow
def test_no_route_is_left_out(both: list[AnyDesk]) -> None:
    """A route that no page leads to has no page checked: it is named here. So is one that is excused and gone."""
    seen = walked(both, lambda _: "plain words")
    found, routes = come_to(seen), all_routes(both[0].app)
    assert sorted(routes - found - set(ELSEWHERE)) == []
    assert [item.key for item in seen if item.status >= 500] == []


def test_what_is_excused_is_there(both: list[AnyDesk]) -> None:
    """An excuse for a route that is gone would excuse whatever takes its name."""
    excused = {item for item in ELSEWHERE if "/sign-in/" not in item}  # providers have pages where they are configured
    assert excused - all_routes(both[0].app) == set()
