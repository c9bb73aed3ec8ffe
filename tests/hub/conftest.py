"""The two engines a hub's store runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of a database engine: a test that asks for it runs once on each."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database of its own: on PostgreSQL with the hub's tables, on SQLite a file not yet there."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    made = postgres.server().make()
    yield made
    postgres.server().drop(made)
