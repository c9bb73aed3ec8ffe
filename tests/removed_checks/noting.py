"""A plugin for the runs without a check: writes down how each test ended, one JSON object a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "NRM_REMOVED_CHECKS_NOTES"
MAX_MESSAGE_CHARS = 400


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Note phase, outcome and the kind of exception."""
    report: pytest.TestReport = yield
    kinds = [] if call.excinfo is None else [kind.__name__ for kind in call.excinfo.type.__mro__]
    message = "" if call.excinfo is None else str(call.excinfo.value)[:MAX_MESSAGE_CHARS]
    noted = {
        "test": item.nodeid,
        "phase": report.when,
        "outcome": report.outcome,
        "kinds": kinds,
        "message": message,
    }
    with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(noted) + "\n")
    return report
