"""When somebody is told: pace, quiet hours, and both changes of the clocks in the UK (29 March and 25 October 2026)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from adapters.notifying.times import BETWEEN, Pace, Quiet, last_round, may_tell, uk_moment, uk_time

NIGHT = Quiet(time(19, 0), time(7, 30))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def tells(pace: Pace, when: str, *, since: str, sent: str | None = None, quiet: Quiet | None = None) -> bool:
    sent_at = None if sent is None else at(sent)
    return may_tell(pace, time(9, 0), quiet, waiting_since=at(since), sent_at=sent_at, at=at(when))


@pytest.mark.parametrize(
    ("clock", "is_quiet"),
    [("18:59", False), ("19:00", True), ("23:59", True), ("00:00", True), ("07:29", True), ("07:30", False)],
)
def test_quiet_hours_go_past_midnight(clock: str, is_quiet: bool) -> None:
    assert NIGHT.holds(time.fromisoformat(clock)) is is_quiet


def test_quiet_hours_within_a_day() -> None:
    noon = Quiet(time(12, 0), time(13, 0))
    assert [noon.holds(time(hour, 0)) for hour in (11, 12, 13)] == [False, True, False]


@pytest.mark.parametrize(
    ("when", "is_told"),
    [
        # The last Saturday of winter time, the Sunday on which it ends, and the Monday after: 07:30 by UK clocks each.
        ("2026-03-28T07:29", False),
        ("2026-03-28T07:30", True),
        ("2026-03-29T06:29", False),
        ("2026-03-29T06:30", True),
        ("2026-03-30T06:30", True),
        # The last day of summer time and the first of winter time.
        ("2026-10-24T06:30", True),
        ("2026-10-25T06:30", False),
        ("2026-10-25T07:30", True),
    ],
)
def test_quiet_hours_end_by_uk_clocks_across_their_changes(when: str, is_told: bool) -> None:
    assert tells(Pace.AT_ONCE, when, since="2026-01-01T00:00", quiet=NIGHT) is is_told


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2026-03-29T12:00", "09:00", "2026-03-29T08:00"),
        ("2026-03-29T12:00", "01:30", "2026-03-29T01:30"),  # left out by the change: the same hour by the new clock
        ("2026-10-25T12:00", "01:30", "2026-10-25T00:30"),  # twice: the first of them
        ("2026-10-25T12:00", "09:00", "2026-10-25T09:00"),
        ("2026-07-01T23:30", "09:00", "2026-07-02T08:00"),  # in the UK it is the next day already
    ],
)
def test_a_time_by_uk_clocks_is_one_moment(day: str, clock: str, moment: str) -> None:
    found = uk_moment(at(day), time.fromisoformat(clock))
    assert found == at(moment)


def test_uk_clocks_show_summer_time() -> None:
    assert (uk_time(at("2026-07-01T11:59")), uk_time(at("2026-01-01T11:59"))) == (time(12, 59), time(11, 59))


def test_daily_is_told_at_its_time_and_gathers_till_the_next() -> None:
    assert not tells(Pace.DAILY, "2026-07-02T07:59", since="2026-07-01T10:00")
    assert tells(Pace.DAILY, "2026-07-02T08:00", since="2026-07-01T10:00")
    assert not tells(Pace.DAILY, "2026-07-02T10:00", since="2026-07-02T09:00", sent="2026-07-02T08:00")
    assert tells(Pace.DAILY, "2026-07-03T08:00", since="2026-07-02T09:00", sent="2026-07-02T08:00")


def test_daily_comes_once_on_the_day_with_two_times() -> None:
    """The hour that comes twice brings nothing twice."""
    first, second = at("2026-10-25T00:30"), at("2026-10-25T01:30")
    assert last_round(Pace.DAILY, time(1, 30), first) == last_round(Pace.DAILY, time(1, 30), second) == first


def test_hourly_is_told_at_the_full_hour() -> None:
    assert not tells(Pace.HOURLY, "2026-07-01T10:40", since="2026-07-01T10:20")
    assert tells(Pace.HOURLY, "2026-07-01T11:00", since="2026-07-01T10:20")


def test_nobody_is_told_more_often_than_the_limit() -> None:
    sent = at("2026-07-01T10:00")
    for later, is_told in ((BETWEEN - timedelta(seconds=1), False), (BETWEEN, True)):
        now = sent + later
        assert may_tell(Pace.AT_ONCE, time(9, 0), None, waiting_since=now, sent_at=sent, at=now) is is_told
