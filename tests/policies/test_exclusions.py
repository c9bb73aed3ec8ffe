"""Who is excluded, from words alone: two people, of the right agencies, for a while; lifted by two, reviewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.exclusions import (
    MAX_EXCLUSION,
    MAX_PROPOSAL_AGE,
    NO_EXCLUSIONS,
    Exclusions,
    Person,
    Word,
    read_exclusions,
    require_signer,
    take_word,
    without_excluded,
)
from policies.membership import CaseStatements, Said, Standing, case_state, standing_of
from policies.model import NO_CONSENT, Malformed, render_time

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CARE, POLICE, HEALTH = "a-care", "a-police", "a-health"
CASE, EXCLUSION = "c" * 32, "e" * 32
LEAD, CARER, CHAIR, VOTER, OFFICER = (
    (CARE, "1" * 32),
    (CARE, "2" * 32),
    (POLICE, "3" * 32),
    (HEALTH, "4" * 32),
    (POLICE, "5" * 32),
)
ROLES: dict[Person, str] = {
    LEAD: "lead_professional",
    CARER: "panel_voting",
    CHAIR: "panel_chair",
    VOTER: "panel_voting",
    OFFICER: "panel_voting",
    (HEALTH, "6" * 32): "practitioner",
}
WHO = (POLICE, "9" * 32)


def standing() -> Standing:
    """A case of three agencies that care leads, everybody accepted."""
    members = [
        {"agency": agency, "member": member, "roles": [role], "until": render_time(AT + timedelta(days=90))}
        for (agency, member), role in sorted(ROLES.items())
    ]
    kinds = ((CARE, "social_care"), (HEALTH, "health"), (POLICE, "police"))
    opening = {
        "case": CASE,
        "sequence": 0,
        "previous": None,
        "lead": CARE,
        "age_path": "child",
        "age_source": "stated",
        "case_stage": "referred",
        "agencies": [{"agency": name, "kind": kind} for name, kind in kinds],
        "members": members,
    }
    accepted = [
        Said("b" * 64, name, {"membership": "a" * 64, "members": [item for item in members if item["agency"] == name]})
        for name in (POLICE, HEALTH)
    ]
    return standing_of(CaseStatements([Said("a" * 64, CARE, opening)], accepted))


STANDING = standing()


def first(who: Person = LEAD, at: datetime = AT, **changed: Any) -> Word:
    """Somebody's first word."""
    said = {
        "act": "add",
        "exclusion": EXCLUSION,
        "excluded": {"agency": WHO[0], "member": WHO[1]},
        "until": render_time(at + timedelta(days=10)),
        "detail": None,
        **changed,
    }
    digest = f"{abs(hash((who, at, str(said)))):064x}"[:64]
    return Word(digest, who, at, said)


def second(of: Word, who: Person = CHAIR, after: timedelta = timedelta(minutes=1)) -> Word:
    """Somebody's second word."""
    return Word("f" * 64, who, of.issued_at + after, {"proposal": of.digest})


def taken(*words: Word) -> Exclusions:
    """All of them, each of which may be said."""
    found = NO_EXCLUSIONS
    for word in words:
        found = take_word(found, word, STANDING)
    return found


def added(who: Person = LEAD, other: Person = CHAIR) -> Exclusions:
    word = first(who)
    return taken(word, second(word, other))


def test_one_word_does_nothing_and_two_bind() -> None:
    word = first()
    assert taken(word).excluded(AT) == frozenset()
    assert taken(word, second(word)).excluded(AT) == {WHO}


def test_it_ends_by_itself_for_now_and_for_then() -> None:
    found, end = added(), AT + timedelta(days=10)
    assert found.excluded(end - timedelta(seconds=1)) == {WHO}
    assert found.excluded(end) == frozenset()
    assert found.excluded(None) == {WHO}, "without a clock nothing has ended"
    assert found.excluded_then(AT) == frozenset(), "not before the second word"
    assert found.excluded_then(end) == frozenset()


@pytest.mark.parametrize(
    ("who", "other", "fits"),
    [
        (LEAD, CHAIR, True),
        (CHAIR, VOTER, True),
        (LEAD, CARER, True),
        (CHAIR, OFFICER, False),
        (LEAD, LEAD, False),
        (LEAD, WHO, False),
    ],
)
def test_two_people_of_two_agencies_or_of_the_one_that_leads(who: Person, other: Person, fits: bool) -> None:
    if fits:
        assert added(who, other).excluded(AT) == {WHO}
        return
    with pytest.raises(Malformed):
        added(who, other)


def test_nobody_speaks_about_themselves() -> None:
    with pytest.raises(Malformed, match="themselves"):
        taken(first(CHAIR, excluded={"agency": CHAIR[0], "member": CHAIR[1]}))


@pytest.mark.parametrize("until", [AT, AT + MAX_EXCLUSION + timedelta(seconds=1), None])
def test_an_end_too_far_in_the_past_or_missing_is_refused(until: datetime | None) -> None:
    with pytest.raises(Malformed, match="until"):
        taken(first(until=None if until is None else render_time(until)))


def test_a_word_that_waited_too_long_is_confirmed_by_nobody() -> None:
    word = first()
    assert taken(word, second(word, after=MAX_PROPOSAL_AGE)).excluded(AT) == {WHO}
    with pytest.raises(Malformed, match="waits"):
        taken(word, second(word, after=MAX_PROPOSAL_AGE + timedelta(seconds=1)))


def test_a_word_is_confirmed_once() -> None:
    word = first()
    with pytest.raises(Malformed, match="waits"):
        taken(word, second(word), second(word, VOTER))


def test_the_same_person_is_excluded_once_at_a_time_and_an_id_is_used_once() -> None:
    found = added()
    with pytest.raises(Malformed, match="already"):
        take_word(found, first(exclusion="d" * 32), STANDING)
    with pytest.raises(Malformed, match="taken"):
        take_word(found, first(excluded={"agency": HEALTH, "member": "8" * 32}), STANDING)


def renewal(days: int = 20) -> dict[str, Any]:
    return {"act": "renew", "until": render_time(AT + timedelta(days=days))}


def test_a_renewal_needs_somebody_who_has_not_signed_before() -> None:
    found, word = added(), first(**renewal())
    found = take_word(found, word, STANDING)
    with pytest.raises(Malformed, match="not signed"):
        take_word(found, second(word, CHAIR), STANDING)
    longer = take_word(found, second(word, VOTER), STANDING)
    assert longer.excluded(AT + timedelta(days=15)) == {WHO}
    with pytest.raises(Malformed, match="later end"):
        take_word(longer, first(**renewal(20)), STANDING)


def test_one_that_has_ended_is_not_renewed() -> None:
    late = AT + timedelta(days=11)
    with pytest.raises(Malformed, match="one that stands"):
        take_word(added(), first(at=late, act="renew", until=render_time(late + timedelta(days=1))), STANDING)


def test_lifting_takes_two_and_another_one_can_follow() -> None:
    word = first(VOTER, act="lift", until=None)
    found = take_word(added(), word, STANDING)
    assert found.excluded(AT) == {WHO}
    found = take_word(found, second(word, LEAD), STANDING)
    assert found.excluded(AT) == frozenset()
    assert found.excluded_then(AT + timedelta(seconds=90)) == frozenset()
    again = first(exclusion="d" * 32)
    assert take_word(take_word(found, again, STANDING), second(again), STANDING).excluded(AT) == {WHO}


@pytest.mark.parametrize("act", ["renew", "lift"])
def test_there_is_something_to_renew_or_lift(act: str) -> None:
    until = None if act == "lift" else render_time(AT + timedelta(days=3))
    with pytest.raises(Malformed, match="one that stands"):
        taken(first(act=act, until=until))
    with pytest.raises(Malformed, match="until"):
        take_word(added(), first(act=act, until=render_time(AT) if act == "lift" else None), STANDING)


def test_who_may_say_it() -> None:
    """People of the case in a role that is given statement details; no practitioner, stranger, or excluded one."""
    require_signer(NO_EXCLUSIONS, first(CHAIR), STANDING)
    for who in ((HEALTH, "6" * 32), (HEALTH, "7" * 32)):
        with pytest.raises(Malformed, match="person of the case"):
            require_signer(NO_EXCLUSIONS, first(who), STANDING)
    with pytest.raises(Malformed, match="person of the case"):
        require_signer(NO_EXCLUSIONS, first(CHAIR), None)
    word = first(excluded={"agency": CHAIR[0], "member": CHAIR[1]})
    out = taken(word, second(word, VOTER))
    with pytest.raises(Malformed, match="person of the case"):
        require_signer(out, first(CHAIR, at=AT + timedelta(hours=1)), STANDING)


def test_a_reader_passes_over_what_may_not_be_said() -> None:
    word = first()
    words = [second(word, OFFICER), first((HEALTH, "6" * 32), exclusion="d" * 32), word, second(word)]
    assert read_exclusions(words, lambda _: STANDING).excluded(AT) == {WHO}
    assert read_exclusions(words, lambda _: None) == NO_EXCLUSIONS


def test_an_excluded_person_is_nobody_in_the_case() -> None:
    state = case_state(STANDING, NO_CONSENT)
    without = without_excluded(state, frozenset({CHAIR}))
    assert without.membership.find_member(*CHAIR) is None
    assert CHAIR not in without.accepted
    assert without.membership.find_member(*VOTER) == state.membership.find_member(*VOTER)
    assert without.membership_digest == state.membership_digest
    assert without_excluded(state, frozenset()) is state
