"""Hearing from the hub that its log has changed: what is told, what makes a pause, what a hub may not do with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from adapters import listening
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.listening import Listener
from adapters.refusal import LogRefused


class Hub:
    """Answers what a test says, one after the other; then it lets wait."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []

    def get(self, _path: str, **query: int) -> Any:
        self.asked.append(query)
        if not self.answers:
            time.sleep(0.05)
            return {"size": 0, "witnessed": 0, "checkpoint": ""}
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def grown(size: int, witnessed: int) -> dict[str, Any]:
    return {"size": size, "witnessed": witnessed, "checkpoint": "a head"}


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Listener, Hub, list[float]]]]:
    """Makes a listener on a hub; what it tells is noted."""
    monkeypatch.setattr(listening, "end_at_once", lambda *_: frozenset())
    made: list[Listener] = []

    def make(*answers: Any) -> tuple[Listener, Hub, list[float]]:
        hub, told = Hub(*answers), []
        adapter: Any = SimpleNamespace(keys="keys")
        found = Listener(adapter, lambda: told.append(time.monotonic()))
        found._following, found._keys = SimpleNamespace(client=hub), "keys"  # type: ignore[assignment]
        made.append(found)
        return found, hub, told

    yield make
    for item in made:
        item.stop()


def test_news_is_told_and_asked_for_from_there(listener: Any) -> None:
    found, hub, told = listener(grown(7, 5), grown(7, 7), grown(7, 7))
    assert [found.hear() for _ in range(3)] == [True, True, False]
    assert len(told) == 2
    assert hub.asked == [
        {"after": 0, "witnessed": 0},
        {"after": 7, "witnessed": 5},
        {"after": 7, "witnessed": 7},
    ]


def test_it_is_quiet_only_where_a_quorum_has_seen_everything(listener: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _, _ = listener(grown(7, 5), grown(7, 7))
    assert not found.is_quiet
    found.hear()
    assert not found.is_quiet
    found.hear()
    assert found.is_quiet
    monkeypatch.setattr(listening, "HEARD_SECONDS", 0.0)
    assert not found.is_quiet


@pytest.mark.parametrize(
    "answer", [None, {}, {"size": 1}, grown(-1, 0), grown("1", 0), {**grown(1, 1), "checkpoint": 3}]
)  # type: ignore[arg-type]
def test_an_answer_out_of_form_is_no_news(listener: Any, answer: Any) -> None:
    found, _, told = listener(answer)
    with pytest.raises(LogRefused):
        found.hear()
    assert told == []


@pytest.mark.parametrize(
    "error", [HubUnreachable("why"), HubRefused(503, {"type": "urn:nrmhub:problem:too_many_waiting"}), OSError("why")]
)
def test_a_hub_that_does_not_let_it_wait_is_asked_again_after_a_pause(
    listener: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(listening, "FIRST_PAUSE_SECONDS", 0.1)
    found, hub, told = listener(error, error, grown(7, 7))
    thread = threading.Thread(target=found.run, daemon=True)
    began = time.monotonic()
    thread.start()
    while not told:
        assert time.monotonic() - began < 5
        time.sleep(0.01)
    assert told[0] - began >= 0.2
    assert len(hub.asked) >= 3


def test_a_hub_that_answers_at_once_without_news_is_not_asked_without_end(
    listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "FIRST_PAUSE_SECONDS", 0.2)
    found, hub, _ = listener(*[grown(0, 0)] * 1000)
    thread = threading.Thread(target=found.run, daemon=True)
    thread.start()
    time.sleep(0.7)
    found.stop()
    assert len(hub.asked) <= 5
