"""What is more than usual: what is counted, where the limit lies, what is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from policies.unusual import MOST_IN_AN_HOUR, Deed, counted, find_unusual

AT = "2026-02-03T10:05:00.000Z"
HOUR = "2026-02-03T10"


@pytest.mark.parametrize(
    ("body", "deed"),
    [
        ({"type": "disclosure", "items": 3}, Deed.GIVEN),
        ({"type": "disclosure", "items": 0}, None),
        ({"type": "viewed"}, Deed.SHOWN),
        ({"type": "denied", "code": "too_many_requests"}, Deed.TOO_OFTEN),
        ({"type": "denied", "code": "not_found"}, None),
        ({"type": "membership"}, None),
    ],
)
def test_what_counts_as_what(body: dict[str, Any], deed: Deed | None) -> None:
    found = counted({"agency": "fern-care", "at": AT, **body})
    assert found == (None if deed is None else ("fern-care", HOUR, deed))


@pytest.mark.parametrize("body", [{}, {"agency": 1, "at": AT}, {"agency": "fern-care", "at": "2026"}, {"agency": "x"}])
def test_what_cannot_be_read_counts_as_nothing(body: dict[str, Any]) -> None:
    assert counted({"type": "viewed", **body}) is None


@pytest.mark.parametrize("deed", list(Deed))
def test_the_limit_is_usual_and_one_more_is_not(deed: Deed) -> None:
    most = MOST_IN_AN_HOUR[deed]
    assert find_unusual({("fern-care", HOUR, deed): most}) == []
    (found,) = find_unusual({("fern-care", HOUR, deed): most + 1})
    assert (found.agency, found.hour, found.deed, found.number) == ("fern-care", HOUR, deed, most + 1)
    assert found.text.startswith("in the hour from 2026-02-03 10:00 UTC ")
    assert f"{most + 1:,}" not in found.text.partition("UTC")[2], "the words stay the same while the hour lasts"


def test_agencies_and_hours_are_counted_apart_and_the_newest_comes_first() -> None:
    most = MOST_IN_AN_HOUR[Deed.GIVEN]
    counts = Counter({(agency, hour, Deed.GIVEN): most for agency in ("a", "b") for hour in (HOUR, "2026-02-03T11")})
    assert find_unusual(counts) == []
    counts["a", HOUR, Deed.GIVEN] += 1
    counts["b", "2026-02-03T11", Deed.GIVEN] += 1
    assert [(item.agency, item.hour) for item in find_unusual(counts)] == [("b", "2026-02-03T11"), ("a", HOUR)]
