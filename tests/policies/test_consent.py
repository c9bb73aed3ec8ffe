"""What of several statements a sharing may rest on: whose newest word counts, what ends, and what never comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from policies.case import follow, parse_consent, read_consents, require_effect
from policies.consent import MAX_HOLDERS, NO_CONSENT, Consent, Consents, ends, lets_more_rest, subject_of
from policies.consent_rules import ConsentRule, Voice
from policies.model import Malformed
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Category,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    Purpose,
)
from tests.consents import asked
from tests.policies.consent_table import AT, PAST, SCOPE, word

CHILD, PARENT, COURT, ADULT = GivenBy.CHILD, GivenBy.PARENTAL_RESPONSIBILITY, GivenBy.COURT, GivenBy.ADULT
SHARING = ConsentSubject.SHARING


def said(*words: tuple[GivenBy, Voice, int] | Consent) -> list[Consent]:
    """Statements in order, each with a digest of its own."""
    made = [item if isinstance(item, Consent) else word(*item) for item in words]
    return [replace(item, digest=f"{number:064x}") for number, item in enumerate(made, 1)]


def answered(statements: list[Consent], path: AgePath = AgePath.CHILD) -> tuple[ConsentState, ConsentRule, set[int]]:
    """State, rule, and the numbers of the statements on which a sharing may rest."""
    found = Consents.of(statements).answer(SHARING, path, AT)
    return found.state, found.rule, {int(digest, 16) for digest in found.sound}


# --- what ended does not come back ---


def test_the_newest_word_of_each_counts() -> None:
    found = answered(said((CHILD, Voice.AGREES, 0), (CHILD, Voice.AGREES, 0)))
    assert found == (ConsentState.GIVEN, ConsentRule.CHILD_AGREES, {2})


def test_a_second_parents_yes_ends_nothing() -> None:
    statements = said((PARENT, Voice.AGREES, 1), (PARENT, Voice.AGREES, 2))
    assert answered(statements) == (ConsentState.GIVEN, ConsentRule.HOLDERS_AGREE, {1, 2})


def test_what_a_parents_no_ended_the_others_yes_does_not_bring_back() -> None:
    """First yes, second no, second yes: what rested on the first yes was ended; what is new rests on the second."""
    statements = said((PARENT, Voice.AGREES, 1), (PARENT, Voice.REFUSES, 2))
    assert answered(statements)[1:] == (ConsentRule.HOLDERS_DIFFER, set())
    statements = said((PARENT, Voice.AGREES, 1), (PARENT, Voice.REFUSES, 2), (PARENT, Voice.AGREES, 2))
    assert answered(statements) == (ConsentState.GIVEN, ConsentRule.HOLDERS_AGREE, {3})


def test_an_objection_that_goes_away_leaves_nothing_to_rest_on() -> None:
    """The child said no and is found not competent later: the parent, who agreed before, says it again."""
    before = said((PARENT, Voice.AGREES, 1), (CHILD, Voice.REFUSES, 0), (CHILD, Voice.LACKS_CAPACITY, 0))
    assert answered(before) == (ConsentState.NONE_RECORDED, ConsentRule.SAY_AGAIN, set())
    again = said(*before, (PARENT, Voice.AGREES, 1))
    assert answered(again) == (ConsentState.GIVEN, ConsentRule.HOLDERS_AGREE, {4})


def test_after_a_courts_prohibition_everybody_says_it_again() -> None:
    order = said((CHILD, Voice.AGREES, 0), (COURT, Voice.REFUSES, 0), (COURT, Voice.WITHDREW, 0))
    assert answered(order) == (ConsentState.NONE_RECORDED, ConsentRule.SAY_AGAIN, set())


def test_what_runs_out_takes_nothing_from_who_speaks_after_it() -> None:
    """A child's consent that ran out yesterday does not keep the parents' later one from counting."""
    lapsed = said((CHILD, Voice.EXPIRED, 0), (PARENT, Voice.AGREES, 1))
    assert answered(lapsed) == (ConsentState.GIVEN, ConsentRule.HOLDERS_AGREE, {2})
    assert Consents.of(lapsed).answer(SHARING, AgePath.CHILD, PAST - timedelta(days=1)).rule is ConsentRule.CHILD_AGREES


@pytest.mark.parametrize("length", [2, 3])
def test_no_order_of_words_revives_what_was_ended(length: int) -> None:
    """Every sequence of a small alphabet: once a statement carries nothing any more, it never does again."""
    alphabet = [(CHILD, Voice.AGREES, 0), (CHILD, Voice.WITHDREW, 0), (CHILD, Voice.NOT_SOUGHT, 0)]
    alphabet += [(PARENT, Voice.AGREES, 1), (PARENT, Voice.REFUSES, 2), (PARENT, Voice.AGREES, 2)]
    alphabet += [(COURT, Voice.REFUSES, 0), (COURT, Voice.WITHDREW, 0)]
    tried = 0
    for words in product(alphabet, repeat=length):
        statements = said(*words)
        gone: set[int] = set()
        for end in range(1, length + 1):
            sound = answered(statements[:end])[2]
            assert not sound & gone, words
            gone |= set(range(1, end + 1)) - sound
            tried += 1
    assert tried == length * len(alphabet) ** length


# --- withdrawn and invalid ---


def test_an_invalid_consent_carries_nothing_and_names_what_it_was() -> None:
    given, invalid = said((CHILD, Voice.AGREES, 0), (CHILD, Voice.INVALID, 0))
    found = answered([given, replace(invalid, about=given.digest)])
    assert found == (ConsentState.INVALID, ConsentRule.FOUND_INVALID, set())


def test_that_an_older_consent_was_none_says_nothing_of_a_newer_one() -> None:
    old, new, invalid = said((CHILD, Voice.AGREES, 0), (CHILD, Voice.AGREES, 0), (CHILD, Voice.INVALID, 0))
    assert answered([old, new, replace(invalid, about=old.digest)]) == (
        ConsentState.GIVEN,
        ConsentRule.CHILD_AGREES,
        {2},
    )


# --- the three of an adult ---


def test_an_adults_three_consents_are_never_one() -> None:
    """Each purpose asks its own subject; a yes to one is no yes to another."""
    for mine in ConsentSubject:
        consents = Consents.of([replace(word(ADULT, Voice.AGREES, 0), subject=mine)])
        for other in ConsentSubject:
            state = consents.answer(other, AgePath.ADULT, AT).state
            assert state is (ConsentState.GIVEN if other is mine else ConsentState.NONE_RECORDED)


def test_which_consent_governs_a_purpose() -> None:
    asked_of = {purpose: subject_of(purpose, AgePath.ADULT) for purpose in Purpose}
    referral = {Purpose.NRM_REFERRAL, Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION}
    assert {name for name, subject in asked_of.items() if subject is ConsentSubject.REFERRAL} == referral
    assert asked_of[Purpose.SERVICE_PROVISION] is ConsentSubject.SUPPORT
    assert ConsentSubject.INVESTIGATION not in asked_of.values()
    assert {subject_of(purpose, path) for purpose in Purpose for path in (AgePath.CHILD, AgePath.NOT_SURE)} == {SHARING}


def test_a_childs_yes_is_not_an_adults() -> None:
    statements = said((CHILD, Voice.AGREES, 0))
    assert answered(statements, AgePath.ADULT)[:2] == (ConsentState.NONE_RECORDED, ConsentRule.ADULT_NOT_ASKED_ANEW)


# --- scope ---


def test_holders_agree_as_far_as_all_of_them_do() -> None:
    health = replace(SCOPE, recipients=frozenset({AgencyKind.HEALTH}))
    both = replace(SCOPE, recipients=frozenset({AgencyKind.HEALTH, AgencyKind.POLICE}))
    first, second = said((PARENT, Voice.AGREES, 1), (PARENT, Voice.AGREES, 2))
    found = Consents.of([replace(first, scope=health), replace(second, scope=both)]).answer(SHARING, AgePath.CHILD, AT)
    purpose = Purpose.PANEL_REVIEW
    assert found.covers(Category.CONCERN, AgencyKind.HEALTH, purpose)
    assert not found.covers(Category.CONCERN, AgencyKind.POLICE, purpose)


# --- what lets more rest on consent, what ends ---


def test_what_lets_more_be_shared_is_known_for_what_it_is() -> None:
    """A yes does, also one that waits for another to run out; so does the end of what stood against a yes."""
    nothing = NO_CONSENT
    yes = nothing.followed_by(said((CHILD, Voice.AGREES, 0))[0])
    no = yes.followed_by(said((CHILD, Voice.WITHDREW, 0), (CHILD, Voice.WITHDREW, 0))[1])
    assert lets_more_rest(nothing, yes)
    assert not ends(nothing, yes)
    assert ends(yes, no)
    assert not lets_more_rest(yes, no)
    lapsing, parent = said((CHILD, Voice.EXPIRED, 0), (PARENT, Voice.AGREES, 1))
    assert lets_more_rest(Consents.of([lapsing]), Consents.of([lapsing, parent]))


def test_a_disbelieved_yes_is_none_and_a_disbelieved_no_stays_one() -> None:
    """The thief's yes counts for nothing and brings nothing back; whoever was refused stays refused."""
    yes, no, stolen = said((CHILD, Voice.AGREES, 0), (CHILD, Voice.REFUSES, 0), (CHILD, Voice.AGREES, 0))
    for statements, disbelieved, expected in (
        ([yes, no, stolen], {stolen.digest}, ConsentState.REFUSED),
        ([yes, no], {no.digest}, ConsentState.REFUSED),
        ([yes, stolen], {stolen.digest}, ConsentState.NONE_RECORDED),
    ):
        found = Consents.of(statements, disbelieved)
        assert found.answer(SHARING, AgePath.CHILD, AT).state is expected
        assert [item.digest for item in found.statements] == [item.digest for item in statements]


# --- reading ---


def members(state: str = "given", given_by: str = "child", **changed: Any) -> dict[str, Any]:
    """The members of a consent statement."""
    scope = SCOPE.to_json() if state == "given" else {"categories": [], "recipients": [], "purposes": []}
    return {
        "sequence": 0,
        "previous": None,
        "state": state,
        "reason": "cannot_be_given" if state in ("not_sought", "not_required") else "none",
        "given_by": given_by,
        "scope": scope,
        "wishes": "recorded",
        "expires_at": None,
        **asked(state, given_by),
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"subject": "everything"}, "consent subject: the value is not a term of ConsentSubject"),
        ({"subject": "referral"}, "an adult's own to agree to"),
        ({"given_by": "parental_responsibility", "competence": "not_assessed", "assessed_by": "nobody"}, "opaque id"),
        ({"giver": "1" * 32}, "others have null"),
        ({"giver": "mother"}, "consent giver: expected 32"),
        ({"competence": "competent", "assessed_by": "nobody"}, "who assessed the competence is said"),
        ({"competence": "not_assessed", "assessed_by": "doctor"}, "who assessed the competence is said"),
        (
            {"given_by": "court", "competence": "competent", "assessed_by": "doctor"},
            "it is the child's or the adult's own",
        ),
        ({"interpreter": "needed_not_there"}, "in a language that is not understood"),
        ({"told": "no_unsafe"}, "who agrees was told what to"),
        ({"told": True}, "consent told: the value is not a term"),
        ({"about": "0" * 64}, "an invalid one names the consent"),
        (
            {
                "state": "refused",
                "scope": {"categories": [], "recipients": [], "purposes": []},
                "expires_at": "2027-01-01T00:00:00Z",
            },
            "only a given consent ends",
        ),
        (
            {"state": "lacks_capacity", "competence": "competent", "assessed_by": "nurse"},
            "expected not_competent",
        ),
        (
            {"state": "refused", "scope": {"categories": ["concern"], "recipients": [], "purposes": []}},
            "other states cover nothing",
        ),
        ({"effect": {"ends": 1}}, "consent effect: 0 unknown members"),
        ({"effect": {"ends": -1, "stays": 0, "opens": 0, "flagged": 0, "sha256": "0" * 64}}, "consent effect ends"),
    ],
)
def test_a_statement_that_says_what_cannot_be_is_refused(changed: dict[str, Any], why: str) -> None:
    parse_consent("a" * 64, members())
    with pytest.raises(Malformed, match=why):
        parse_consent("a" * 64, members(**changed))


@pytest.mark.parametrize("given_by", ["parental_responsibility", "court", "nobody"])
def test_only_the_person_lacks_capacity(given_by: str) -> None:
    giver = {"giver": "1" * 32} if given_by == "parental_responsibility" else {}
    with pytest.raises(Malformed, match="only the child or the adult lacks capacity"):
        parse_consent("a" * 64, members("lacks_capacity", given_by, **giver))


@pytest.mark.parametrize("given_by", ["child", "parental_responsibility"])
@pytest.mark.parametrize("subject", ["referral", "support", "investigation"])
def test_an_adults_three_are_nobody_elses(subject: str, given_by: str) -> None:
    giver = {"giver": "1" * 32} if given_by == "parental_responsibility" else {}
    with pytest.raises(Malformed, match="an adult's own"):
        parse_consent("a" * 64, members("refused", given_by, subject=subject, **giver))
    assert parse_consent("a" * 64, members("refused", "adult", subject=subject)).subject == subject


@pytest.mark.parametrize("state", ["given", "refused", "withdrawn", "invalid"])
def test_nobody_gives_refuses_or_withdraws(state: str) -> None:
    about = {"about": "0" * 64} if state == "invalid" else {}
    with pytest.raises(Malformed, match="somebody gives or refuses"):
        parse_consent("a" * 64, members(state, "nobody", **about))


def test_an_invalid_one_names_a_given_one_of_the_same_giver() -> None:
    first = read_consents([("a" * 64, members())])
    after = {"sequence": 1, "previous": "a" * 64}
    assert len(follow(first, "b" * 64, members("invalid", about="a" * 64, **after)).statements) == 2
    with pytest.raises(Malformed, match="expected the digest of a consent of this case that was given"):
        follow(first, "b" * 64, members("invalid", about="c" * 64, **after))
    with pytest.raises(Malformed, match="of the same giver"):
        follow(first, "b" * 64, members("invalid", "court", about="a" * 64, **after))


@pytest.mark.parametrize("wrong", [{"sequence": 2}, {"previous": None}, {"previous": "c" * 64}])
def test_a_gap_in_the_chain_is_refused(wrong: dict[str, Any]) -> None:
    first = read_consents([("a" * 64, members())])
    with pytest.raises(Malformed, match="the chain has a gap"):
        follow(first, "b" * 64, members("withdrawn", **{"sequence": 1, "previous": "a" * 64, **wrong}))


def test_so_many_holders_are_told_apart_and_no_more() -> None:
    statements = [
        (
            f"{number:064x}",
            members(
                "refused",
                "parental_responsibility",
                giver=f"{number:032x}",
                sequence=number,
                previous=None if number == 0 else f"{number - 1:064x}",
            ),
        )
        for number in range(MAX_HOLDERS + 1)
    ]
    assert len(read_consents(statements[:-1]).in_force) == MAX_HOLDERS
    with pytest.raises(Malformed, match="at most 8 holders"):
        read_consents(statements)


def test_an_effect_is_counts_and_a_digest() -> None:
    require_effect(None)
    require_effect({"ends": 1, "stays": 2, "opens": 0, "flagged": 1, "sha256": "0" * 64})
    with pytest.raises(Malformed):
        require_effect({"ends": 1, "stays": 2, "opens": 0, "flagged": 1, "sha256": "0" * 64, "names": []})


def test_a_reason_is_one_of_the_list() -> None:
    assert parse_consent("a" * 64, members("not_sought", "nobody")).reason is ConsentReason.CANNOT_BE_GIVEN
