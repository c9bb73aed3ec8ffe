"""A hub with a console, and an officer who is let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.hub.console.desk import Desk
from tests.scene import Scene


@pytest.fixture(scope="module")
def made(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """One hub for a module's tests; each gets it with the clock right and the officer let in."""
    desk = Desk(make_scene())
    yield desk
    desk.close()


@pytest.fixture
def desk(made: Desk) -> Desk:
    """The hub, with its clock put right and a fresh word that lets the officer in."""
    made.later = timedelta(0)
    made.end_all()
    made.give()
    return made
