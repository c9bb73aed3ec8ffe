"""What still waits for which agency: in the JSON, on the page and in the terminal, with the same numbers."""

from __future__ import annotations

import pytest
from invented_case import CHARITY, POLICE, SCHOOL, case_view
from test_picture_counts import printed, text_of

from adapters.feed import Said
from adapters.picture.judging import find_awaited
from adapters.picture.model import assemble
from adapters.picture.view import Awaited

SEEN = "2026-05-30T11:12:13.456Z"


def test_an_agency_that_has_said_nothing_yet_is_named() -> None:
    picture = assemble(case_view(awaited=(Awaited(SCHOOL, 3, 0, SEEN), Awaited(CHARITY, 1, 4, SEEN))))
    school, charity = picture.gaps.still_waits
    assert (school.name, school.fragments, school.lost) == ("Northshire School", 3, 0)
    assert school.sentence == (
        "It has not yet said what it shares with you; its adapter does that when it next runs (newest entry of it in "
        "the log: 30 May 2026)."
    )
    assert charity.sentence.startswith("It made 4 grants to a key that you read with no more.")
    for shown in (text_of(picture), printed(picture)):
        assert school.sentence in shown
        assert charity.sentence in shown
        assert "3 fragments in the log" in shown
        assert "1 fragment in the log" in shown
        assert picture.record_of_use.counts.sentence in shown
    assert picture.to_json()["gaps"]["still_waits"][0]["fragments"] == 3


def test_the_counts_agree() -> None:
    picture = assemble(case_view(awaited=(Awaited(SCHOOL, 3, 0, SEEN), Awaited(CHARITY, 1, 4, SEEN))))
    counts = picture.record_of_use.counts
    assert counts.not_said == 4
    assert sum(row.not_said for row in picture.agencies) == counts.not_said
    assert "4 of agencies that have not yet said what you are given" in counts.sentence
    assert "In the log, not yet said whether you are given it" in text_of(picture)


def test_who_waits_to_say_is_not_silent() -> None:
    """Of the school nothing is here; with fragments of it in the log that is no silence."""
    before, after = (assemble(case_view(awaited=item)) for item in ((), (Awaited(SCHOOL, 1, 0, SEEN),)))
    assert SCHOOL in {item.agency for item in before.gaps.silent}
    assert SCHOOL not in {item.agency for item in after.gaps.silent}
    assert before.record_of_use.counts.not_said == 0
    assert before.gaps.still_waits == ()
    assert "not yet said" not in text_of(before)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [Awaited(POLICE, 2, 0, SEEN)]),
        ({"present": (1, 0)}, []),
        ({"earlier": (1, 2)}, []),
        ({"present": (0, 0), "earlier": (0, 0)}, [Awaited(POLICE, 2, 0, SEEN)]),
        ({"lost": (2, 5)}, [Awaited(POLICE, 2, 5, SEEN)]),
        ({"lost": (2, 5), "present": (1, 1)}, []),
    ],
)
def test_only_a_key_that_reads_was_told(told: dict[str, tuple[int, int]], expected: list[Awaited]) -> None:
    assert list(find_awaited([Said(POLICE, 2, SEEN, told)], {"present", "earlier"})) == expected


def test_who_brought_nothing_has_nothing_to_say() -> None:
    assert find_awaited([Said(POLICE, 0, SEEN, {})], {"present"}) == ()
