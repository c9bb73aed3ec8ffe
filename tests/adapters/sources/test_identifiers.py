"""Identifiers: form, check digit or letter, canonical spelling."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nhs_number.validate import is_valid

from adapters.sources import identifiers as ids

FAILING_IN_OFFICIAL_EXAMPLES = ("9912003890", "3478526985", "9999999991", "9100000009", "9000000015")


@pytest.mark.parametrize("text", ["9912003888", "9000000009", "9000000017", "9476719931"])
def test_valid_nhs_number(text: str) -> None:
    assert ids.check_nhs_number(text) == text


@pytest.mark.parametrize("text", ["991 200 3888", "991-200-3888"])
def test_nhs_number_with_one_kind_of_separator(text: str) -> None:
    """3-3-4 with a blank or a hyphen is the same number."""
    assert ids.check_nhs_number(text) == "9912003888"


@pytest.mark.parametrize("text", FAILING_IN_OFFICIAL_EXAMPLES)
def test_nhs_number_that_fails_the_check_digit(text: str) -> None:
    """Official examples, some marked as verified, fail the arithmetic."""
    assert ids.check_nhs_number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "991200388",
        "99120038888",
        "9912003888\n",
        " 9912003888",
        "991 200-3888",
        "99 1200 3888",
        "991  200 3888",
        "９９１２００３８８８",
        "0000000000",
        "1111111111",
        "9999999999",
        "5000000009",
        "8000000008",
        "3200123456",
        "3201123456",
        "abcdefghij",
    ],
)
def test_nhs_number_refused(text: str) -> None:
    """Wrong length, mixed separators, full-width digits, a trailing line end, equal digits, ranges never issued."""
    assert ids.check_nhs_number(text) is None


def test_a_number_outside_every_issued_range_is_refused_although_its_check_digit_is_right() -> None:
    never_issued = next(str(n) for n in range(5_000_000_000, 5_000_000_100) if is_valid(str(n)))
    assert ids.check_nhs_number(never_issued) is None


@settings(derandomize=True, max_examples=200)
@given(st.integers(min_value=999_000_000, max_value=999_999_999))
def test_nhs_number_check_digit_by_own_arithmetic(base: int) -> None:
    """The library agrees with the published rule: exactly one last digit passes, or none where the rest is 10."""
    nine = str(base)
    rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(nine)) % 11
    expected = {0 if rest == 11 else rest} - {10}
    passing = {last for last in range(10) if ids.check_nhs_number(f"{nine}{last}")}
    assert passing == {last for last in expected if len(set(f"{nine}{last}")) > 1}


def test_test_range() -> None:
    assert ids.is_test_nhs_number("9000000009")
    assert not ids.is_test_nhs_number("0000000000")


def test_upn_counts_of_the_samples(samples_dir: Path) -> None:
    """107 of 2,675 and 12 of 332 pupil numbers of the generated data pass the check letter."""
    with (samples_dir / "social-care/ssda903/header.csv").open(encoding="utf-8", newline="") as handle:
        upns = [row["UPN"] for row in csv.DictReader(handle)]
    assert (len(upns), sum(ids.check_upn(upn) for upn in upns)) == (2675, 107)
    census = (samples_dir / "social-care/cin/fake_CIN_data.xml").read_text(encoding="utf-8")
    upns = re.findall("<UPN>(.*?)</UPN>", census)
    assert (len(upns), sum(ids.check_upn(upn) for upn in upns)) == (332, 12)


@pytest.mark.parametrize(
    "text", ["", "A12345678901", "I123456789012", "a123456789012", "A12345678901O", "A1234567890123"]
)
def test_upn_form_refused(text: str) -> None:
    assert not ids.check_upn(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2003/0011985X", "2003/0011985X"),
        ("2003/11985x", "2003/0011985X"),
        ("03/11985X", "2003/0011985X"),
        ("20030011985X", "2003/0011985X"),
        ("20160000400C", "2016/0000400C"),
        ("16/400C", "2016/0000400C"),
        ("2003/0011985A", None),
        ("2003/00119850X", None),
        ("2003 0011985X", None),
        ("1803/0011985X", None),
        ("X", None),
        ("", None),
    ],
)
def test_pnc_id(text: str, canonical: str | None) -> None:
    assert ids.check_pnc_id(text) == canonical


def test_pnc_two_digit_year_later_than_the_present_is_the_last_century() -> None:
    letter = "ZABCDEFGHJKLMNPQRTUVWXY"[int("410000007") % 23]
    assert ids.check_pnc_id(f"41/7{letter}", present_year=2026) == f"1941/0000007{letter}"
    assert ids.check_pnc_id(f"41/7{letter}", present_year=2041) == f"2041/0000007{letter}"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0416BH0000000090557N", "0416BH0000000090557N"),
        ("04/16BH/00/00000090557N", "0416BH0000000090557N"),
        ("04/16BH/00/90557n", "0416BH0000000090557N"),
        ("0416BH0000000090557A", None),
        ("TFL", None),
        ("007007", None),
        ("", None),
    ],
)
def test_asn(text: str, canonical: str | None) -> None:
    assert ids.check_asn(text) == canonical


def test_asn_unit_never_counts_and_a_lettered_system_is_left_out() -> None:
    """The unit changes nothing; a system that is not a number is left out of the sum."""
    assert ids.check_asn("0416ZZ0000000090557N") is not None
    letter = "ZABCDEFGHJKLMNPQRTUVWXY"[int("16" + "04" + "00000090557") % 23]
    assert ids.check_asn(f"0416BHAB00000090557{letter}") is not None


@pytest.mark.parametrize(
    "text", ["LS1 6AE", "ls16ae", "EC1A 1BB", "W1A 0AX", "M1 1AE", "CR2 6XH", "DN55 1PT", "GIR 0AA"]
)
def test_postcode(text: str) -> None:
    assert ids.is_postcode(text)


@pytest.mark.parametrize("text", ["", "nope", "LS1  6AE", "LS1 6A", "LS1 6AE\n", "QS1 6AE", "LS1 6CI", "12345"])
def test_postcode_refused(text: str) -> None:
    assert not ids.is_postcode(text)


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=25))
def test_any_text_gives_an_answer(text: str) -> None:
    """No check raises, whatever the text; a canonical form is itself canonical."""
    for check in (ids.check_nhs_number, ids.check_pnc_id, ids.check_asn):
        canonical = check(text)
        assert canonical is None or check(canonical) == canonical
    assert ids.check_upn(text) in (True, False)
    assert ids.is_postcode(text) in (True, False)
