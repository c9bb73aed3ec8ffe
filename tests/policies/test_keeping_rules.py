"""What agencies' words on keeping a case come to, and what they allow to be erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.model import Malformed, render_time
from policies.retention import (
    MAX_FRAGMENTS,
    MAX_HOLD,
    NO_RETENTION,
    NOTICE,
    HoldAct,
    RetentionWord,
    Scope,
    authority_of,
    read_retention,
    take_word,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEAD, SECOND = "fern-care", "fern-police"
PERSON, OTHER = "a" * 32, "b" * 32


def word(members: dict[str, Any], *, agency: str = LEAD, at: datetime = NOW, digest: str = "1" * 64) -> RetentionWord:
    """One verified word."""
    return RetentionWord(digest, agency, at, {"case": "c" * 32, **members})


def term(**changes: Any) -> RetentionWord:
    """The lead's dates."""
    members = {
        "closed_at": render_time(NOW),
        "content_until": render_time(NOW + timedelta(days=30)),
        "record_until": render_time(NOW + timedelta(days=60)),
        "rule": "agency-schedule",
    }
    return word({**members, **changes})


def wanted(scope: Scope = Scope.CONTENT, count: int = 0, **changes: Any) -> RetentionWord:
    """A word that something be erased."""
    listed = [{"fragment": f"{number:032x}", "sha256": "2" * 64, "index": number} for number in range(count)]
    members = {"scope": scope.value, "rule": "r1", "reason": "shared_in_error", "fragments": listed}
    return word({**members, **changes})


def hold(
    act: HoldAct, *, decided_by: str = PERSON, days: int = 30, at: datetime = NOW, **changes: Any
) -> RetentionWord:
    """A word on a legal hold."""
    until = None if act is HoldAct.LIFT else render_time(at + timedelta(days=days))
    members = {
        "hold": "d" * 32,
        "act": act.value,
        "basis": "court_proceedings",
        "until": until,
        "decided_by": decided_by,
    }
    return word({**members, **changes}, agency=SECOND, at=at)


def agreed(**changes: Any) -> RetentionWord:
    """A second agency's word on the lead's."""
    options: dict[str, Any] = {"agency": SECOND, "at": NOW + timedelta(hours=1), **changes}
    return word({"erasure": "1" * 64}, digest="3" * 64, **options)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (term(content_until=render_time(NOW + NOTICE - timedelta(seconds=1))), "at least 28 days"),
        (term(record_until=render_time(NOW + timedelta(days=29))), "no earlier than content_until"),
        (term(closed_at=render_time(NOW + timedelta(days=1))), "a time that has passed"),
        (term(rule="A rule"), "rule: expected"),
        (term(rule="r" * 61), "rule: expected"),
        (term(content_until="soon"), "content_until"),
        (wanted(Scope.FRAGMENTS), "some for scope fragments"),
        (wanted(Scope.CONTENT, 1), "none for a whole case"),
        (wanted(Scope.FRAGMENTS, MAX_FRAGMENTS + 1), "at most"),
        (wanted(Scope.FRAGMENTS, 1, reason="because"), "reason"),
        (word({**wanted(Scope.FRAGMENTS, 1).members, "scope": "some"}), "scope"),
        (wanted(Scope.FRAGMENTS, 1, fragments=[{"fragment": "0" * 32, "sha256": "2" * 64, "index": 0}] * 2), "once"),
        (wanted(Scope.FRAGMENTS, 1, fragments=[{"fragment": "0" * 32}]), "fragment to erase"),
        (agreed(), "waits for a second"),
        (hold(HoldAct.RENEW), "expected one that binds"),
        (hold(HoldAct.PLACE, days=MAX_HOLD.days + 1), "at most 90 days"),
        (hold(HoldAct.PLACE, until=None), "expected a time"),
        (hold(HoldAct.PLACE, until=render_time(NOW)), "at most 90 days"),
        (hold(HoldAct.PLACE, basis="curiosity"), "hold basis"),
        (hold(HoldAct.PLACE, decided_by="me"), "decided_by"),
        (word({"anything": 1}), "expected a term"),
    ],
)
def test_what_is_not_of_the_form_is_refused(said: RetentionWord, why: str) -> None:
    """Each with what was expected; read back it says nothing."""
    with pytest.raises(Malformed, match=why):
        take_word(NO_RETENTION, said)
    assert read_retention([said]) == NO_RETENTION


def test_a_later_term_takes_the_place_of_an_earlier_one() -> None:
    """And what is due is the furthest."""
    state = read_retention([term(), term(rule="another")])
    assert state.term is not None
    assert state.term.rule == "another"
    assert state.due(NOW + timedelta(days=29)) is None
    assert state.due(NOW + timedelta(days=30)) is Scope.CONTENT
    assert state.due(NOW + timedelta(days=60)) is Scope.RECORD


@pytest.mark.parametrize(
    "second",
    [
        agreed(agency=LEAD),
        agreed(at=NOW + timedelta(days=14, seconds=1)),
        agreed(at=NOW - timedelta(minutes=6)),
    ],
    ids=["the same agency", "too late", "before it"],
)
def test_a_whole_case_needs_another_agency_in_time(second: RetentionWord) -> None:
    """Fourteen days, and not the one that asked."""
    state = take_word(NO_RETENTION, wanted())
    with pytest.raises(Malformed):
        take_word(state, second)


def test_a_word_is_confirmed_once() -> None:
    """A second confirmation finds nothing that waits."""
    state = read_retention([wanted(), agreed()])
    assert state.wanted[0].confirmed_by == SECOND
    with pytest.raises(Malformed, match="waits"):
        take_word(state, agreed())


def test_a_hold_binds_until_it_ends_or_is_lifted() -> None:
    """By itself after its time; a renewal is somebody else's, a lift its own agency's."""
    state = read_retention([hold(HoldAct.PLACE)])
    assert state.held(NOW + timedelta(days=29))
    assert not state.held(NOW + timedelta(days=30))
    later = NOW + timedelta(days=20)
    with pytest.raises(Malformed, match="another person"):
        take_word(state, hold(HoldAct.RENEW, at=later))
    renewed = take_word(state, hold(HoldAct.RENEW, at=later, decided_by=OTHER))
    assert renewed.held(NOW + timedelta(days=49))
    lifted = take_word(renewed, hold(HoldAct.LIFT, at=later))
    assert not lifted.held(later)
    with pytest.raises(Malformed, match="binds"):
        take_word(lifted, hold(HoldAct.RENEW, at=later, decided_by=OTHER))
    with pytest.raises(Malformed, match="taken"):
        take_word(state, hold(HoldAct.PLACE, decided_by=OTHER))


def test_another_agency_lifts_no_hold() -> None:
    """Only whoever placed it."""
    state = read_retention([hold(HoldAct.PLACE)])
    stranger = RetentionWord("4" * 64, LEAD, NOW, hold(HoldAct.LIFT).members)
    with pytest.raises(Malformed, match="binds, and the agency"):
        take_word(state, stranger)


# --- what an erased entry's statements allow ---


def test_what_is_allowed_and_by_whom() -> None:
    """An originator's own word; lead and second; the date alone."""
    own = authority_of(Scope.FRAGMENTS, [wanted(Scope.FRAGMENTS, 2)], NOW)
    assert (own.agencies, [item.index for item in own.fragments]) == ((LEAD,), [0, 1])
    both = authority_of(Scope.CONTENT, [wanted(), agreed()], NOW)
    assert both.agencies == (LEAD, SECOND)
    dated = authority_of(Scope.RECORD, [term()], NOW + timedelta(days=60))
    assert (dated.agencies, dated.reason.value) == ((LEAD,), "retention_ended")


@pytest.mark.parametrize(
    ("scope", "words", "at"),
    [
        (Scope.CONTENT, [wanted()], NOW),
        (Scope.RECORD, [wanted(), agreed()], NOW),
        (Scope.CONTENT, [wanted(Scope.FRAGMENTS, 1)], NOW),
        (Scope.CONTENT, [agreed()], NOW),
        (Scope.CONTENT, [], NOW),
        (Scope.CONTENT, [term()], NOW + timedelta(days=29)),
        (Scope.RECORD, [term()], NOW + timedelta(days=59)),
        (Scope.FRAGMENTS, [term()], NOW + timedelta(days=99)),
        (Scope.CONTENT, [hold(HoldAct.PLACE)], NOW),
        (Scope.CONTENT, [wanted(), term()], NOW + timedelta(days=99)),
        (Scope.FRAGMENTS, [wanted(Scope.FRAGMENTS, 1), wanted(Scope.FRAGMENTS, 1)], NOW),
    ],
)
def test_what_is_not_allowed(scope: Scope, words: list[RetentionWord], at: datetime) -> None:
    """One word short, another scope, too early, or words that say something else."""
    with pytest.raises(Malformed):
        authority_of(scope, words, at)
