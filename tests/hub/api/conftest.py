"""A real hub process for each module, and hand-made callers of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from keys.uses import KeyUse
from tests.hub.api.raw import Raw
from tests.scene import Scene


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub is a process of its own."""
    return make_scene().start()


@pytest.fixture(scope="module")
def make_raw(scene: Scene) -> Iterator[Callable[[str], Raw]]:
    """Makes callers that speak for an agency."""
    clients: list[httpx.Client] = []

    def make(agency: str) -> Raw:
        clients.append(httpx.Client(base_url=scene.hub.issuer, trust_env=False, timeout=30))
        return Raw(scene.hub.issuer, agency, scene[agency].keys.keys[KeyUse.SIGNING.value], clients[-1])

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def raw(make_raw: Callable[[str], Raw]) -> Raw:
    """The social care agency's caller."""
    return make_raw("fern-care")
