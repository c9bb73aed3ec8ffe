"""Dates of four precisions, ages, the eighteenth birthday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_case import case_view

from adapters.picture.dates import Precision, age_on, age_range, birthday, parse_partial
from adapters.picture.model import assemble
from adapters.picture.words import day_words


@pytest.mark.parametrize(
    ("text", "precision", "first", "last"),
    [
        ("2010", Precision.YEAR, date(2010, 1, 1), date(2010, 12, 31)),
        ("2010-02", Precision.MONTH, date(2010, 2, 1), date(2010, 2, 28)),
        ("2012-12", Precision.MONTH, date(2012, 12, 1), date(2012, 12, 31)),
        ("9999-12", Precision.MONTH, date(9999, 12, 1), date(9999, 12, 31)),
        ("2010-05-17", Precision.DAY, date(2010, 5, 17), date(2010, 5, 17)),
        ("2010-05-17T14:05:00Z", Precision.MINUTE, date(2010, 5, 17), date(2010, 5, 17)),
        ("2010-05-17T14:05:00.123+01:00", Precision.MINUTE, date(2010, 5, 17), date(2010, 5, 17)),
    ],
)
def test_precision_is_kept(text: str, precision: Precision, first: date, last: date) -> None:
    """A month stays a month."""
    read = parse_partial(text)
    assert read is not None
    assert (read.precision, read.first, read.last) == (precision, first, last)


@pytest.mark.parametrize(
    "text", ["", "2010-13", "2010-02-30", "17/05/2010", "2010-5-17", "x" * 100, None, 2010, "٢٠١٠"]
)
def test_what_is_no_date_is_none(text: object) -> None:
    """An unreadable date is no date, never a guess."""
    assert parse_partial(text) is None


@given(st.text(max_size=60))
@settings(derandomize=True, max_examples=200)
def test_any_text_is_read_or_none(text: str) -> None:
    """No text raises, and what is read prints."""
    read = parse_partial(text)
    assert read is None or day_words(text)


def test_leap_day_child_is_eighteen_on_the_first_of_march() -> None:
    """The anniversary of 29 February in a year without one."""
    assert birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)
    assert age_on(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert age_on(date(2008, 2, 29), date(2026, 3, 1)) == 18


def test_year_only_gives_a_range() -> None:
    """A birth year allows two ages."""
    born = parse_partial("2008")
    assert born is not None
    ages = age_range(born, date(2026, 6, 1))
    assert ages is not None
    assert (ages.youngest, ages.oldest) == (17, 18)
    assert ages.days_least < 0 < ages.days_most


@pytest.mark.parametrize("text", ["2027-01-01", "1899-12-31", "9999"])
def test_impossible_birth_dates_give_no_age(text: str) -> None:
    """The future and the nineteenth century are not birth dates of a child."""
    born = parse_partial(text)
    assert born is not None
    assert age_range(born, date(2026, 6, 1)) is None


@pytest.mark.parametrize(
    ("text", "words", "day"),
    [
        ("2026-05-10T22:10:00Z", "10 May 2026, 23:10 BST", date(2026, 5, 10)),
        ("2026-05-10T22:10:00+01:00", "10 May 2026, 22:10 BST", date(2026, 5, 10)),
        ("2026-05-10T23:30:00Z", "11 May 2026, 00:30 BST", date(2026, 5, 11)),
        ("2026-01-10T23:30:00Z", "10 January 2026, 23:30 GMT", date(2026, 1, 10)),
        ("2026-01-10T23:30:00-0500", "11 January 2026, 04:30 GMT", date(2026, 1, 11)),
        ("2026-03-29T01:00:00Z", "29 March 2026, 02:00 BST", date(2026, 3, 29)),
        ("2026-03-29T00:59:00Z", "29 March 2026, 00:59 GMT", date(2026, 3, 29)),
        ("2026-05-10T23:30:00", "10 May 2026, 23:30", date(2026, 5, 10)),
        ("2026-05-10T25:99:00Z", "10 May 2026, 25:99", date(2026, 5, 10)),
        ("9999-12-31T23:30:00-11:00", "31 December 9999, 23:30", date(9999, 12, 31)),
    ],
)
def test_times_are_those_of_clocks_in_the_uk(text: str, words: str, day: date) -> None:
    """With their zone, and the day is the UK's; a time without a zone, or one no clock shows, stays as written."""
    read = parse_partial(text)
    assert read is not None
    assert (read.first, read.last, read.text) == (day, day, text)
    assert day_words(text) == words


def test_a_moment_is_given_in_uk_time() -> None:
    assert day_words(datetime(2026, 6, 1, 23, 30, tzinfo=UTC)) == "2 June 2026, 00:30 BST"
    assert day_words(datetime(2026, 12, 1, 23, 30, tzinfo=UTC)) == "1 December 2026, 23:30 GMT"


def test_dates_as_people_write_them() -> None:
    """Only as precise as they are."""
    assert day_words("2026-05-10") == "10 May 2026"
    assert day_words("2026-05") == "May 2026"
    assert day_words("2026") == "2026"
    assert day_words("2026-05-10T22:10:00") == "10 May 2026, 22:10"
    assert day_words("about Easter") == "about Easter"


def test_today_is_the_day_in_the_uk() -> None:
    """Half an hour after midnight there, what was due on the day before is overdue, though UTC has that day still."""
    for minutes, is_overdue in ((-31, False), (-29, True), (31, True)):
        at = datetime(2026, 5, 29, 23, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        view = case_view(at=at)
        (action,) = assemble(view).plan
        assert action.due == "2026-05-29"
        assert (action.is_overdue, view.today) == (is_overdue, date(2026, 5, 30 if is_overdue else 29))
