"""Emergency releases, pure: what two people may say, how long it is good, what is no form of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.emergency import EMERGENCY_LIFE, MAX_RELEASED_ITEMS, MAX_RELEASES, join, read_asked, take_review
from policies.exclusions import Word
from policies.model import Malformed, render_time

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CASE, FIRST, SECOND = "c" * 32, ("fern-police", "1" * 32), ("fern-police", "2" * 32)
RELEASE = {
    "recipient": "A" * 43,
    "recipient_agency": "fern-care",
    "recipient_member": "3" * 32,
    "items": 1,
    "sha256": "5" * 64,
}


def asked(**changed: Any) -> Word:
    """The first person's word."""
    members = {
        "case": CASE,
        "member": FIRST[1],
        "membership": "4" * 64,
        "until": render_time(AT + EMERGENCY_LIFE),
        "releases": [RELEASE],
        "detail": {"fragment": "6" * 32, "sha256": "7" * 64},
        **changed,
    }
    return Word("a" * 64, FIRST, AT, members)


def joined(person: tuple[str, str] = SECOND, *, after: timedelta = timedelta(minutes=1), **changed: Any) -> Word:
    """The second person's word."""
    return Word("b" * 64, person, AT + after, {"case": CASE, "membership": "4" * 64, **changed})


def test_two_people_of_one_agency_within_its_minutes() -> None:
    """What fits is an emergency release by both, of what was listed."""
    found = join(read_asked(asked()), CASE, joined())
    assert (found.signers, found.agency, found.digest) == ((FIRST, SECOND), "fern-police", "b" * 64)
    assert [item.to_json() for item in found.asked.releases] == [RELEASE]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (joined(FIRST), "a second person"),
        (joined(("fern-care", "2" * 32)), "from the agency of the first"),
        (joined(after=timedelta(seconds=-1)), "after the first"),
        (joined(after=EMERGENCY_LIFE), "while what it signs is good"),
        (joined(case="d" * 32), "the same case and membership"),
        (joined(membership="d" * 64), "the same case and membership"),
    ],
)
def test_who_does_not_fit_joins_nothing(word: Word, said: str) -> None:
    """One person twice, another agency, another time, another case or membership."""
    with pytest.raises(Malformed, match=said):
        join(read_asked(asked()), CASE, word)


@pytest.mark.parametrize(
    "changed",
    [
        {"until": render_time(AT)},
        {"until": render_time(AT + EMERGENCY_LIFE + timedelta(seconds=1))},
        {"until": None},
        {"releases": []},
        {"releases": {}},
        {"releases": [RELEASE, RELEASE]},
        {"releases": [RELEASE] * (MAX_RELEASES + 1)},
        {"releases": [{**RELEASE, "items": 0}]},
        {"releases": [{**RELEASE, "items": MAX_RELEASED_ITEMS + 1}]},
        {"releases": [{**RELEASE, "items": True}]},
        {"releases": [{**RELEASE, "recipient": "short"}]},
        {"releases": [{**RELEASE, "recipient": None}]},
        {"releases": [{**RELEASE, "more": 1}]},
        {"detail": None},
        {"detail": {"fragment": "6" * 32}},
        {"membership": 4},
    ],
)
def test_what_is_not_of_the_form_is_refused(changed: dict[str, Any]) -> None:
    """Never a traceback, whatever stands there."""
    with pytest.raises(Malformed):
        read_asked(asked(**changed))


def test_a_review_is_another_agencys_and_once() -> None:
    """Of an emergency release that is known and not reviewed yet."""
    made = (join(read_asked(asked()), CASE, joined()),)
    said = {"emergency": "b" * 64, "outcome": "justified"}
    officer = Word("e" * 64, ("fern-health", "9" * 32), AT, said)
    with pytest.raises(Malformed, match="another agency"):
        take_review(made, Word("e" * 64, SECOND, AT, said))
    with pytest.raises(Malformed, match="nobody has reviewed"):
        take_review(made, Word("e" * 64, officer.person, AT, {**said, "emergency": "d" * 64}))
    reviewed = take_review(made, officer)
    assert reviewed[0].review is not None
    with pytest.raises(Malformed, match="nobody has reviewed"):
        take_review(reviewed, officer)
