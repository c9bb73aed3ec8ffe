"""The watch of an adapter process goes on whatever happens in one look, and says what happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.refusal import LogRefused
from adapters.serving import Watch
from adapters.store.database import StoreRefused
from tests.federation import now


def watching(act: Callable[[], Any]) -> Watch:
    """A watch whose look at the log does this."""
    follower = SimpleNamespace(witness_once=lambda _: act(), sync=lambda: None, sync_cases=list)
    adapter: Any = SimpleNamespace(
        clock=now,
        follower=follower,
        keys=SimpleNamespace(keys={}),
        consents=SimpleNamespace(run=lambda _: None),
        book=SimpleNamespace(load=lambda _: None, said_by_people=lambda _: {"break_glass": (), "emergencies": ()}),
        store=SimpleNamespace(write=nullcontext),
    )
    return Watch(adapter, 1.0)


@pytest.fixture(autouse=True)
def _without_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who turns 18, what ends or is due, and who broke the glass have tests of their own, on a real store."""
    monkeypatch.setattr("adapters.serving.warn", lambda *_: None)
    monkeypatch.setattr("adapters.serving.warn_of_ends", lambda *_: None)
    monkeypatch.setattr("adapters.serving.warn_of_retention", lambda *_: None)
    monkeypatch.setattr("adapters.serving.tell", lambda *_: None)
    monkeypatch.setattr("adapters.serving.emergencies.tell", lambda *_: None)
    monkeypatch.setattr("adapters.serving.emergencies.look_for_own", lambda *_: None)
    monkeypatch.setattr("adapters.serving.notice_logged", lambda *_: None)
    monkeypatch.setattr("adapters.serving.say_frozen", lambda *_: None)
    monkeypatch.setattr("adapters.serving.compare_heads", lambda *_: None)
    monkeypatch.setattr("adapters.serving.said_in", lambda *_: ())


def raising(error: Exception) -> Callable[[], Any]:
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    "error", [TypeError("secret"), KeyError("secret"), RecursionError("secret"), OSError("secret")]
)
def test_what_nobody_expected_is_said_by_its_kind_only(error: Exception) -> None:
    """The thread lives; its words, which may quote anything, are not shown."""
    watch = watching(raising(error))
    watch.look()
    assert watch.trouble is not None
    assert type(error).__name__ in watch.trouble
    assert "secret" not in watch.trouble
    assert watch.last_look is not None


@pytest.mark.parametrize(
    "error", [HubUnreachable("why"), LogRefused("fork", "why"), CaseRefused("why"), StoreRefused("why")]
)
def test_a_refusal_is_said_in_its_own_words(error: Exception) -> None:
    watch = watching(raising(error))
    watch.look()
    assert watch.trouble == "why"


def test_trouble_passes() -> None:
    acts = [raising(TypeError("x")), lambda: None]
    watch = watching(lambda: acts.pop(0)())
    watch.look()
    assert watch.trouble
    watch.look()
    assert watch.trouble is None


@pytest.mark.parametrize(("code", "is_trouble"), [("no_quorum", False), ("ledger_damaged", True)])
def test_no_quorum_yet_is_no_trouble(code: str, is_trouble: bool) -> None:
    watch = watching(raising(HubRefused(503, {"type": f"urn:nrmhub:problem:{code}"})))
    watch.look()
    assert (watch.trouble is not None) is is_trouble


@pytest.mark.parametrize("error", [LogRefused("withheld", "why"), HubRefused(500, {"type": "urn:nrmhub:problem:why"})])
def test_one_case_that_is_kept_back_keeps_nothing_from_the_others(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a hub that hides one entry of one case stops deleting and granting again in every case."""
    rows = [SimpleNamespace(case="one", ended_at=None, statements=""), SimpleNamespace(case="two", ended_at="then")]
    monkeypatch.setattr("adapters.serving.list_case_rows", lambda _: rows)
    watch, done = watching(lambda: None), []
    adapter: Any = watch._adapter
    adapter.follower.sync_cases = raising(error)
    adapter.store = SimpleNamespace(write=lambda: nullcontext(SimpleNamespace(get=lambda *_: None)))
    adapter.receiver = SimpleNamespace(drop_refused=lambda case: done.append(("tidied", case)))
    adapter.regranter = SimpleNamespace(run=lambda cases: done.append(("granted", *cases)))
    watch.look()
    assert done == [("tidied", "one"), ("granted", "one")]
    assert "why" in str(watch.trouble)
