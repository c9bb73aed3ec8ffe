"""A hub that is slow keeps nobody from pages that need none, and nobody waits for it longer than is said."""

from __future__ import annotations

import threading
import time

import pytest

from adapters.workspace import app
from adapters.workspace.app import HUB_RETRY_SECONDS, HubBusy
from tests.adapters.workspace.desk import Desk


def test_a_slow_hub_is_said_and_stops_no_other_page(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's pull does not end: the picture is answered with 503, everything else as ever."""
    monkeypatch.setattr(app, "HUB_WAIT_SECONDS", 0.3)
    browser = shared.unlocked()
    path = f"/cases/{shared.scene.main}/picture"
    with shared.here.hub():
        for page in ("/", "/account", "/unlock", "/passkeys", "/cases/nothing/picture"):
            began = time.monotonic()
            assert browser.get(page).status_code in (200, 404), page
            assert time.monotonic() - began < 5
        answer = browser.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == str(HUB_RETRY_SECONDS)
        assert "The hub is slow to answer" in answer.text
        assert "Nothing was opened" in answer.text
    assert browser.get(path).status_code == 200


def test_only_some_wait(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight threads four at most are with the hub or wait for it; whoever comes then is told at once."""
    monkeypatch.setattr(app, "HUB_WAIT_SECONDS", 3.0)
    assert shared.here.settings.threads == 8
    # Who left before is told to the hub in the background, which takes a turn of its own.
    shared.here.leaving.finish()
    done: list[str] = []

    def wait() -> None:
        try:
            with shared.here.hub():
                done.append("worked")
        except HubBusy:
            done.append("told")

    with shared.here.hub():
        waiting = [threading.Thread(target=wait) for _ in range(3)]
        for thread in waiting:
            thread.start()
        time.sleep(0.2)
        assert done == []
        began = time.monotonic()
        wait()
        assert done == ["told"]
        assert time.monotonic() - began < 1
    for thread in waiting:
        thread.join(timeout=10)
    assert done == ["told", "worked", "worked", "worked"]
