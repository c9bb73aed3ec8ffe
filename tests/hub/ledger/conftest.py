"""The log under test, in a real database of either engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.ledger.builder import Log


@pytest.fixture
def log(database_url: str) -> Iterator[Log]:
    made = Log(database_url)
    made.create()
    yield made
    made.engine.dispose()
