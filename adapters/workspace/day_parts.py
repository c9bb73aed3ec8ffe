"""A date typed in three boxes: day, month, year; only as precise as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

PARTS = ("day", "month", "year")
_DIGITS = {"day": 2, "month": 2, "year": 4}


class NotADay(ValueError):
    """What stands in the boxes is no date. ``part``: the box to look at."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


def typed_date(values: Mapping[str, str], name: str) -> str:
    """Return the boxes ``name.day``, ``name.month`` and ``name.year`` as ISO text: 2010, 2010-05 or 2010-05-17.

    Empty where all of them are. Raises ``NotADay``.
    """
    day, month, year = (values.get(f"{name}.{part}", "").strip() for part in PARTS)
    if not (day or month or year):
        return ""
    for part, text in zip(PARTS, (day, month, year), strict=True):
        is_wanted = part == "year" or (part == "month" and day)
        if not text and not is_wanted:
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS[part]):
            raise NotADay(part)
    if len(year) != _DIGITS["year"]:
        raise NotADay("year")
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise NotADay("day" if day else "month") from None
    return "-".join((year, *(text.zfill(2) for text in (month, day) if text)))
