"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _absent(what: str) -> None:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is absent and REQUIRE_ALL=1")
    pytest.skip(f"{what} is absent; the tests that need it are skipped")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of published samples and vectors that lies beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        _absent("the folder of published samples and vectors (../shared)")
    return folder


@pytest.fixture(scope="session")
def samples_dir(shared_dir: Path) -> Path:
    """Real sample files of agencies' formats."""
    return shared_dir / "data" / "samples"


@pytest.fixture(scope="session")
def vectors_dir(shared_dir: Path) -> Path:
    """Published test vectors."""
    return shared_dir / "data" / "vectors"
