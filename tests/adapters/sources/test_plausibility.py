"""Dates: strict forms, and warnings for what cannot be right."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.findings import FindingCode, Severity
from adapters.sources.plausibility import (
    Period,
    birth_date_finding,
    event_date_finding,
    expected_birth_date_finding,
    is_month_first_only,
    overlap_findings,
    parse_day_first,
    parse_iso_date,
    period_finding,
)

TODAY = date(2026, 11, 21)


@given(st.dates())
@settings(derandomize=True, max_examples=100)
def test_every_date_is_read_back_from_both_forms(day: date) -> None:
    """Writing a date and reading it gives the same date."""
    assert parse_iso_date(day.isoformat()) == day
    assert parse_day_first(f"{day.day:02d}/{day.month:02d}/{day.year:04d}") == day


@given(st.text(max_size=12))
@settings(derandomize=True, max_examples=200)
def test_no_text_makes_the_parsers_raise(text: str) -> None:
    """Whatever stands in a cell, the answer is a date or None."""
    for parse in (parse_iso_date, parse_day_first):
        assert parse(text) is None or isinstance(parse(text), date)
    assert is_month_first_only(text) in {True, False}


@pytest.mark.parametrize(
    "text", ["2010-13-01", "2010-02-30", "2010-5-17", "10-05-17", "2010-05-17 ", "２０１０-05-17", "2010-05-17\n", ""]
)
def test_what_is_no_iso_date_is_not_read(text: str) -> None:
    """Impossible days, short forms, other digits and trailing signs are not dates."""
    assert parse_iso_date(text) is None


@pytest.mark.parametrize("text", ["31/02/2010", "05/27/2010", "5/7/2010", "05/07/10", "2010-07-05", "05.07.2010"])
def test_what_is_not_day_first_is_not_read(text: str) -> None:
    """Month-first dates, two-digit years and other separators are not read as day-first."""
    assert parse_day_first(text) is None


def test_only_a_date_that_cannot_be_day_first_counts_as_month_first() -> None:
    """04/05 may be either; 05/27 may not; 31/31 is neither."""
    assert is_month_first_only("05/27/2010")
    assert not is_month_first_only("04/05/2010")
    assert not is_month_first_only("27/05/2010")
    assert not is_month_first_only("31/31/2010")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (date(1066, 4, 13), "1066"),
        (date(1899, 12, 31), "before 1900"),
        (date(2026, 11, 22), "future"),
        (date(2000, 11, 21), "over 25"),
    ],
)
def test_an_implausible_birth_date_is_warned_about(value: date, words: str) -> None:
    """Before 1900, in the future, over 25 years old."""
    finding = birth_date_finding(value, TODAY, "here")
    assert finding is not None
    assert (finding.code, finding.severity, finding.locator) == (FindingCode.IMPLAUSIBLE_DATE, Severity.WARN, "here")
    assert words in finding.message


@pytest.mark.parametrize("value", [date(2000, 11, 22), date(2010, 5, 17), TODAY])
def test_a_plausible_birth_date_is_not_warned_about(value: date) -> None:
    """The day before the 26th birthday, a child, and today."""
    assert birth_date_finding(value, TODAY, "here") is None


def test_a_child_born_on_29_february_ages_on_a_day_that_exists() -> None:
    """A leap day does not break the arithmetic."""
    assert birth_date_finding(date(2004, 2, 29), date(2029, 2, 28), "here") is None
    assert birth_date_finding(date(2004, 2, 29), date(2030, 3, 1), "here") is not None


def test_an_expected_birth_may_lie_ahead_but_not_further_than_a_pregnancy() -> None:
    """A child not yet born is no error."""
    assert expected_birth_date_finding(date(2027, 6, 1), TODAY, "here") is None
    assert expected_birth_date_finding(date(2028, 1, 1), TODAY, "here") is not None
    assert expected_birth_date_finding(date(1066, 4, 13), TODAY, "here") is not None


def test_an_event_in_the_future_or_before_1900_is_warned_about() -> None:
    """What has happened lies between 1900 and today."""
    assert event_date_finding(date(2028, 4, 28), TODAY, "here") is not None
    assert event_date_finding(date(1899, 1, 1), TODAY, "here") is not None
    assert event_date_finding(TODAY, TODAY, "here") is None


def test_a_period_that_ends_before_it_starts_is_warned_about_with_both_dates() -> None:
    """Both dates are said; a missing one says nothing."""
    finding = period_finding(date(2020, 2, 1), date(2020, 1, 1), "here")
    assert finding is not None
    assert finding.code is FindingCode.ENDS_BEFORE_START
    assert "2020-01-01" in finding.message
    assert "2020-02-01" in finding.message
    assert period_finding(date(2020, 2, 1), date(2020, 2, 1), "here") is None
    assert period_finding(None, date(2020, 1, 1), "here") is None
    assert period_finding(date(2020, 1, 1), None, "here") is None


def test_overlaps_are_found_in_any_order_and_name_both_places() -> None:
    """A period that starts while another runs is named with it; meeting on one day is no overlap."""
    periods = [
        Period(date(2020, 1, 1), date(2020, 3, 1), "a"),
        Period(date(2020, 2, 1), date(2020, 2, 10), "b"),
        Period(date(2020, 3, 1), None, "c"),
        Period(date(2021, 1, 1), None, "d"),
    ]
    found = overlap_findings(periods, "episodes")
    assert [(item.locator, item.message.count("that at a "), item.message.count("that at c ")) for item in found] == [
        ("b", 1, 0),
        ("d", 0, 1),
    ]
    assert overlap_findings(reversed(periods), "episodes") == found
    assert {item.code for item in found} == {FindingCode.OVERLAPPING_PERIODS}
