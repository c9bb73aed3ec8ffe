"""Identifiers of British agencies: form, check digit or letter, and the one spelling used for comparing.

No identifier joins two agencies by itself. These functions only say whether a text can be such an identifier; they
never say whose it is. None of them changes a value that is kept: the canonical form is for comparing.
"""

from __future__ import annotations

import re
from typing import Final

from nhs_number.validate import is_valid

NHS_NUMBER_SYSTEM: Final = "https://fhir.nhs.uk/Id/nhs-number"

# One kind of separator, and only as 3-3-4. ASCII digits: "\d" would take full-width ones.
_NHS_FORM: Final = re.compile(r"[0-9]{10}|[0-9]{3} [0-9]{3} [0-9]{4}|[0-9]{3}-[0-9]{3}-[0-9]{4}")
# Ranges in which numbers are issued, and the test range; a number outside them belongs to nobody.
_NHS_RANGES: Final = (
    (100_000_000, 3_112_999_999),  # Scotland (CHI): begins with the birth date DDMMYY
    (3_200_000_000, 3_999_999_999),  # Northern Ireland
    (4_000_000_000, 4_999_999_999),  # England, Wales, Isle of Man
    (6_000_000_000, 7_999_999_999),  # England, Wales, Isle of Man
    (9_000_000_000, 9_999_999_999),  # test numbers, never issued
)

_UPN_LETTERS: Final = "ABCDEFGHJKLMNPQRTUVWXYZ"
_UPN_FORM: Final = re.compile(rf"[{_UPN_LETTERS}][0-9]{{11}}[0-9{_UPN_LETTERS}]")

_POLICE_LETTERS: Final = "ZABCDEFGHJKLMNPQRTUVWXY"
_PNC_SLASHED: Final = re.compile(r"([0-9]{4}|[0-9]{2})/([0-9]{1,7})([A-Z])")
_PNC_JOINED: Final = re.compile(r"([0-9]{3,11})([A-Z])")
PNC_SERIAL_DIGITS: Final = 7
PNC_LAST_YEAR_OF_THIS_CENTURY: Final = 49
"""Where no present year is given: 00 to 49 mean 2000 to 2049, 50 to 99 mean 1950 to 1999."""

_ASN_FORM: Final = re.compile(r"([0-9]{2})/?([0-9A-Z]{2})/?([0-9A-Z]{2})/?([0-9A-Z]{2})/?([0-9]{1,11})([A-Z])")
ASN_SEQUENCE_DIGITS: Final = 11

_POSTCODE_FORM: Final = re.compile(
    r"GIR ?0AA|"
    r"(?:[A-PR-UWYZ][0-9][0-9]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9]?|[A-PR-UWYZ][0-9][A-HJKPSTUW]|"
    r"[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]) ?[0-9][ABD-HJLNP-UW-Z]{2}"
)


def check_nhs_number(text: str) -> str | None:
    """Return the ten digits of an NHS number, or None where ``text`` is not one.

    Accepts ten ASCII digits, or 3-3-4 with one kind of separator (blank or hyphen). Ten equal digits are refused,
    although some pass the arithmetic, and so are numbers outside every issued range. Test numbers (9...) are valid
    here: whether they may be used is for the caller, see ``is_test_nhs_number``.
    Source: NHS Data Dictionary, "NHS NUMBER" (modulus 11 check).
    """
    if _NHS_FORM.fullmatch(text) is None:
        return None
    digits = re.sub(r"[ -]", "", text)
    if len(set(digits)) == 1 or not any(low <= int(digits) <= high for low, high in _NHS_RANGES):
        return None
    # The library is only asked after the form is settled: it takes full-width digits and a trailing line end.
    return digits if is_valid(digits) else None


def is_test_nhs_number(digits: str) -> bool:
    """Whether canonical digits lie in the range 9000000000 to 9999999999, which is never issued to a person."""
    return digits.startswith("9")


def check_upn(text: str) -> bool:
    """Whether a unique pupil number has its form and the right check letter.

    Letter, then twelve characters of which the last may be a letter (temporary number); the check letter is
    the sum of value times position (2 to 13) modulo 23. Source: DfE, "Unique pupil numbers", guide.
    """
    if _UPN_FORM.fullmatch(text) is None:
        return False
    # A letter counts by its place in the alphabet of check letters, a digit by itself.
    values = [int(char) if char.isdigit() else _UPN_LETTERS.index(char) for char in text[1:]]
    total = sum(value * position for position, value in enumerate(values, start=2))
    return _UPN_LETTERS[total % 23] == text[0]


def check_pnc_id(text: str, *, present_year: int | None = None) -> str | None:
    """Return a PNC ID as ``YYYY/NNNNNNNL``, or None where form or check letter are wrong.

    Accepts a two-digit year, no slash, and serials without leading zeros. Without a slash several readings may be
    possible; where more than one has the right letter, the answer is None. A two-digit year later than
    ``present_year`` belongs to the last century.
    """
    upper = text.upper()
    slashed = _PNC_SLASHED.fullmatch(upper)
    if slashed is not None:
        readings = [(slashed[1], slashed[2], slashed[3])]
    else:
        joined = _PNC_JOINED.fullmatch(upper)
        if joined is None:
            return None
        digits, letter = joined[1], joined[2]
        readings = [
            (digits[:width], digits[width:], letter)
            for width in (4, 2)
            if 1 <= len(digits) - width <= PNC_SERIAL_DIGITS
        ]
    found = {_pnc_canonical(*reading, present_year) for reading in readings} - {None}
    return found.pop() if len(found) == 1 else None


def _pnc_canonical(year: str, serial: str, letter: str, present_year: int | None) -> str | None:
    short_year, padded = year[-2:], serial.zfill(PNC_SERIAL_DIGITS)
    if _POLICE_LETTERS[int(short_year + padded) % 23] != letter:
        return None
    if len(year) == 4:
        return f"{year}/{padded}{letter}" if year[:2] in {"19", "20"} else None
    latest = PNC_LAST_YEAR_OF_THIS_CENTURY if present_year is None else present_year % 100
    century = "20" if int(short_year) <= latest else "19"
    return f"{century}{short_year}/{padded}{letter}"


def check_asn(text: str) -> str | None:
    """Return an arrest/summons number as 20 characters without slashes, or None where it is not one.

    None is no error: prosecutors other than the police write their own references in the same element. The letter is
    force, system, year and the sequence padded to eleven, joined as a whole number, modulo 23; the unit never counts,
    nor a force or system that is not a number.
    """
    match = _ASN_FORM.fullmatch(text.upper())
    if match is None:
        return None
    year, force, unit, system, sequence, letter = match.groups()
    padded = sequence.zfill(ASN_SEQUENCE_DIGITS)
    counted = "".join(part for part in (force, system) if part.isdigit()) + year + padded
    if _POLICE_LETTERS[int(counted) % 23] != letter:
        return None
    return f"{year}{force}{unit}{system}{padded}{letter}"


def is_postcode(text: str) -> bool:
    """Whether a text has the form of a United Kingdom postcode (either case, with or without the one blank)."""
    return _POSTCODE_FORM.fullmatch(text.upper()) is not None
