"""A hub inside the test, and hand-made callers of it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from keys.uses import KeyUse
from tests.hub.api.raw import Raw
from tests.scene import CARE, POLICE, Scene


@pytest.fixture(scope="module")
def hub(make_scene: Callable[[], Scene]) -> Scene:
    """A federation whose hub runs inside the test; shared by a module that revokes nothing."""
    return make_scene().embed()


def caller(scene: Scene, agency: str) -> Raw:
    """A caller with an agency's certified signing key."""
    client = httpx.Client(transport=scene.transport, base_url=scene.hub.issuer)
    return Raw(scene.hub.issuer, agency, scene[agency].keys.keys[KeyUse.SIGNING.value], client)


@pytest.fixture
def police(hub: Scene) -> Raw:
    return caller(hub, POLICE)


@pytest.fixture
def care(hub: Scene) -> Raw:
    return caller(hub, CARE)


@pytest.fixture
def chair(hub: Scene) -> str:
    """The id of a member of the police."""
    return hub[POLICE].people["chair"]
