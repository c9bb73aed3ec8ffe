"""At the hub, senders who drip hold no thread, and are closed when their time is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub import arriving
from hub.serving import _Worker
from tests.slow_senders import (
    BEGUN,
    play_crowd,
    play_drips,
    play_idle,
    play_long_drips,
    play_no_more_files,
    play_whole_requests,
    working,
)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The hub's worker."""
    with working(arriving, monkeypatch, _Worker) as found:
        yield found


@pytest.mark.parametrize("begun", sorted(BEGUN.keys() - {"nothing"}))
def test_drips_keep_nobody_out(port: int, begun: str) -> None:
    """Head, body or chunks, byte by byte."""
    play_drips(port, begun)


def test_whole_requests_are_answered(port: int) -> None:
    """However they are cut."""
    play_whole_requests(port)


def test_idle_connections_are_closed(port: int) -> None:
    """Keep-alive has an end."""
    play_idle(port)


def test_a_long_body_keeps_its_pace(port: int) -> None:
    """A push may be long, not slow."""
    play_long_drips(port)


def test_a_crowd_of_connections_keeps_nobody_out(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent, dripping, or kept open after an answer."""
    play_crowd(arriving, port, monkeypatch)


def test_it_goes_on_where_no_more_files_may_be_open(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's connections end the process."""
    play_no_more_files(port, monkeypatch)
