"""UK local time: the day, the zone and the ends of days, over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.uk_time import last_uk_day, uk_clock_words, uk_day, uk_day_end, uk_local, uk_zone


@pytest.mark.parametrize(
    ("at", "day", "shown"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), date(2026, 3, 29), "00:59 GMT"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), date(2026, 3, 29), "02:00 BST"),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), date(2026, 7, 1), "00:00 BST"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), date(2026, 10, 25), "01:30 BST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), date(2026, 10, 25), "01:30 GMT"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), date(2026, 12, 31), "23:59 GMT"),
    ],
)
def test_what_clocks_in_the_uk_show(at: datetime, day: date, shown: str) -> None:
    """The hour that comes twice in October is told apart by its zone."""
    assert (uk_day(at), f"{uk_local(at):%H:%M} {uk_zone(at)}") == (day, shown)


@pytest.mark.parametrize(
    ("day", "time", "shown"),
    [
        ("2026-11-23", "14:00", "14:00 GMT"),
        ("2026-06-01", "09:30", "09:30 BST"),
        ("2026-03-29", "00:59", "00:59 GMT"),
        ("2026-03-29", "01:30", "01:30"),
        ("2026-03-29", "02:00", "02:00 BST"),
        ("2026-10-25", "00:59", "00:59 BST"),
        ("2026-10-25", "01:30", "01:30 BST or GMT"),
        ("2026-10-25", "02:00", "02:00 GMT"),
        ("", "14:00", "14:00"),
        ("2026-11", "14:00", "14:00"),
        ("2026-11-23T10:00:00Z", "14:00", "14:00"),
        ("x" * 900, "14:30 <b>", "14:30 <b>"),
        ("2026-11-23", "25:00", "25:00"),
        ("2026-11-23", "", ""),
        ("9999-12-31", "23:59", "23:59 GMT"),
    ],
)
def test_a_time_that_was_typed_gets_the_zone_of_its_day(day: str, time: str, shown: str) -> None:
    """In the hour that does not exist it stays as typed; in the one that comes twice nobody guesses which it was."""
    assert uk_clock_words(day, time) == shown


@pytest.mark.parametrize("ask", [uk_day, uk_local, uk_zone, last_uk_day])
def test_a_moment_without_a_zone_is_refused(ask: object) -> None:
    """Nobody guesses which clock it was."""
    with pytest.raises(ValueError, match=r"moment: expected one with its zone, got none"):
        ask(datetime(2026, 6, 1, 12, 0))  # type: ignore[operator]  # noqa: DTZ001


def test_days_end_at_midnight_in_the_uk() -> None:
    """A day of 23 hours and one of 25 end when the next begins there."""
    assert uk_day_end(date(2026, 6, 30)) == datetime(2026, 6, 30, 23, 0, tzinfo=UTC)
    assert uk_day_end(date(2026, 12, 31)) == datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
    assert uk_day_end(date(2026, 3, 29)) - uk_day_end(date(2026, 3, 28)) == timedelta(hours=23)
    assert uk_day_end(date(2026, 10, 25)) - uk_day_end(date(2026, 10, 24)) == timedelta(hours=25)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1)))
@settings(derandomize=True, max_examples=200)
def test_the_last_day_of_what_lasts_a_whole_day_is_that_day(day: date) -> None:
    end = uk_day_end(day)
    assert last_uk_day(end) == day
    assert uk_day(end) == day + timedelta(days=1)
