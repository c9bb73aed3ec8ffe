"""A session's token, its times, and the form token bound to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keys.sessions import ABSOLUTE, IDLE, digest_of, form_token, form_token_matches, is_live, is_token, new_token

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_tokens_are_of_their_form_and_never_twice() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(is_token(token) for token in made)


@pytest.mark.parametrize("value", [None, "", "a" * 42, "a" * 44, "a" * 42 + "=", "é" * 43, b"a" * 43, "a" * 42 + "\n"])
def test_what_is_no_token_is_not_looked_up(value: object) -> None:
    assert not is_token(value)


def test_what_is_kept_is_not_the_token() -> None:
    token = new_token()
    assert token not in digest_of(token)
    assert digest_of(token) == digest_of(token) != digest_of(new_token())


@pytest.mark.parametrize(
    ("created", "seen", "lives"),
    [
        (NOON, NOON, True),
        (NOON - IDLE, NOON - IDLE + SECOND, True),
        (NOON - IDLE, NOON - IDLE, False),
        (NOON - ABSOLUTE + SECOND, NOON, True),
        (NOON - ABSOLUTE, NOON, False),
        (NOON, NOON + SECOND, False),
        (NOON + SECOND, NOON, False),
    ],
)
def test_idle_and_absolute_limits_and_a_clock_that_went_back(created: datetime, seen: datetime, lives: bool) -> None:
    assert is_live(created, seen, NOON) is lives


def test_a_form_belongs_to_its_session_alone() -> None:
    token, other = new_token(), new_token()
    assert form_token_matches(token, form_token(token))
    for wrong in (form_token(other), "", None, "é", token):
        assert not form_token_matches(token, wrong)
