"""A session's token, its times, and the form token bound to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keys.sessions import (
    ABSOLUTE,
    IDLE,
    digest_of,
    form_token,
    form_token_matches,
    is_live,
    is_token,
    new_token,
    who_gives_way,
)

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


def test_attack_77_whoever_begins_many_sign_ins_pushes_out_their_own() -> None:
    """Attack 77: three addresses fill the room, and the one sign-in of an office goes on."""
    begun = [("office", "192.0.2.1")]
    for number in range(300):
        client = f"198.51.100.{number % 3}"
        gone = who_gives_way(begun, client, most=20, most_of_one=8)
        begun = [item for item in begun if item[0] not in gone] + [(f"flood {number}", client)]
        assert len(begun) <= 20
        assert max(sum(item[1] == client for item in begun) for _, client in begun) <= 8
    assert begun[0] == ("office", "192.0.2.1")
    assert [name for name, _ in begun[-3:]] == ["flood 297", "flood 298", "flood 299"], "their newest goes on"


def test_where_every_address_has_one_the_oldest_gives_way() -> None:
    begun = [(str(number), f"192.0.2.{number}") for number in range(5)]
    assert who_gives_way(begun, "198.51.100.1", most=5, most_of_one=3) == ["0"]
    assert who_gives_way(begun, "192.0.2.3", most=5, most_of_one=3) == ["3"]
    assert who_gives_way(begun, "192.0.2.3", most=5, most_of_one=1) == ["3"]
    assert who_gives_way(begun[:4], "198.51.100.1", most=5, most_of_one=3) == []
    assert who_gives_way(begun, "198.51.100.1", most=3, most_of_one=3) == ["0", "1", "2"]
