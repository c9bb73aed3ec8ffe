"""Conflicting consents (attack 39): every combination has one answer with its reason, and a way on. docs/consent.md."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from policies.bundles import load_bundle
from policies.consent import Consents
from policies.consent_rules import ADULT_RULES, CHILD_RULES, REASONS, ConsentRule, Voice
from policies.engine import decide
from policies.model import Facts
from policies.vocabulary import AgePath, ConsentState, ConsentSubject, GivenBy
from tests.policies.consent_table import (
    AT,
    PAGE,
    Combination,
    answer,
    classes,
    combinations,
    made_of,
    weighed,
    with_tables,
    word,
)

EVERY = tuple(combinations())
CLASSES = tuple(classes())
OBJECTS = (Voice.REFUSES, Voice.WITHDREW)


def test_every_combination_has_one_answer_with_its_reason() -> None:
    """Two holders, the person, a court, a note; on both paths. The rules used are the rules there are."""
    assert len(EVERY) == 19_008
    used = {weighed(item)[1] for item in EVERY}
    ruled = {rule for rule, _ in (*CHILD_RULES, *ADULT_RULES)}
    assert used == ruled == set(ConsentRule) - {ConsentRule.NOT_ASKED_OF_A_CHILD, ConsentRule.SAY_AGAIN}
    assert set(REASONS) == set(ConsentRule)
    for reason in REASONS.values():
        assert reason.why
        assert reason.source
        assert reason.next_act
        assert reason.confirmed_by == "none"


def test_statements_come_to_what_the_rules_say_of_their_voices() -> None:
    """One combination of each class, said in real statements in an order in which nothing is overtaken."""
    assert len(CLASSES) == 2 * 8 * 11 * 10 * 3
    for item in CLASSES[::7]:
        found = answer(item)
        assert (found.state, found.rule) == weighed(item), item
        assert bool(found.deciding) == (found.state is ConsentState.GIVEN)


def test_a_court_in_force_decides_and_one_that_is_not_does_not() -> None:
    for item in EVERY:
        path, court, *rest = item
        if court is Voice.AGREES:
            assert weighed(item) == (ConsentState.GIVEN, ConsentRule.COURT_ALLOWS)
        elif court is Voice.REFUSES:
            assert weighed(item) == (ConsentState.REFUSED, ConsentRule.COURT_FORBIDS)
        else:
            assert weighed(item) == weighed((path, Voice.SILENT, *rest))  # type: ignore[arg-type]


def test_a_childs_own_word_goes_before_the_parents() -> None:
    """A competent child's yes stands against every parent's no; a child's no against every parent's yes."""
    for item in EVERY:
        path, court, person, holders, note = item
        if path is AgePath.CHILD and court not in (Voice.AGREES, Voice.REFUSES):
            alone = weighed((path, court, person, (Voice.SILENT, Voice.SILENT), note))
            if person in (Voice.AGREES, *OBJECTS):
                assert weighed(item) == alone
            elif Voice.AGREES in holders and not set(holders) & set(OBJECTS):
                assert weighed(item)[0] is ConsentState.GIVEN


def test_nothing_is_given_against_an_objection_that_counts() -> None:
    for item in EVERY:
        path, court, person, holders, _ = item
        is_over = court is Voice.AGREES or (path is AgePath.CHILD and person is Voice.AGREES)
        objectors = {person, *(holders if path is AgePath.CHILD else ())}
        if objectors & set(OBJECTS) and not is_over and not (path is AgePath.ADULT and person is Voice.AGREES):
            assert weighed(item)[0] in (ConsentState.REFUSED, ConsentState.WITHDRAWN)


def test_nobody_has_parental_responsibility_for_an_adult() -> None:
    for item in EVERY:
        path, court, person, _, note = item
        if path is AgePath.ADULT:
            assert weighed(item) == weighed((path, court, person, (Voice.SILENT, Voice.SILENT), note))


def test_who_may_be_a_child_is_one() -> None:
    for item in CLASSES[::11]:
        if item[0] is AgePath.CHILD:
            found = made_of(item)
            child = found.answer(ConsentSubject.SHARING, AgePath.CHILD, AT)
            assert found.answer(ConsentSubject.SHARING, AgePath.NOT_SURE, AT) == child


def acts(item: Combination) -> list[tuple[GivenBy, Voice, int]]:
    """What somebody may say next."""
    own = GivenBy.ADULT if item[0] is AgePath.ADULT else GivenBy.CHILD
    speakers = [
        (own, 0),
        (GivenBy.COURT, 0),
        (GivenBy.PARENTAL_RESPONSIBILITY, 1),
        (GivenBy.PARENTAL_RESPONSIBILITY, 2),
    ]
    said = (Voice.AGREES, Voice.REFUSES, Voice.WITHDREW)
    return [(who, voice, number) for (who, number), voice in product(speakers, said)]


def test_no_combination_is_stuck() -> None:
    """From each somebody's next word lets sharing rest on consent, and somebody's next word ends it."""
    assert len(CLASSES[::13]) > 400
    for item in CLASSES[::13]:
        consents = made_of(item)
        after = {
            _again(consents, who, voice, number).answer(ConsentSubject.SHARING, item[0], AT).state
            for who, voice, number in acts(item)
        }
        assert ConsentState.GIVEN in after, item
        assert after & {ConsentState.REFUSED, ConsentState.WITHDRAWN}, item


def _again(consents: Consents, who: GivenBy, voice: Voice, number: int) -> Consents:
    # Said anew it is another statement, with another digest.
    said = word(who, voice, number)
    return consents.followed_by(replace(said, digest="f" * 64))


def test_no_answer_conditions_a_duty_towards_a_child() -> None:
    """For every state and coverage, a sharing on a duty is decided as if nothing had been said."""
    bundle = load_bundle()
    rows = [row for row in bundle.rows if row.name.startswith("a duty towards a child does not wait for consent")]
    asked: set[Facts] = {row.facts for row in rows}
    assert len(asked) >= 48
    for facts in asked:
        said = {
            (decided.effect, decided.rules)
            for state, covers in product(ConsentState, (False, True))
            for decided in [decide(bundle, replace(facts, consent_state=state, consent_covers=covers))]
        }
        assert len(said) == 1


@pytest.mark.parametrize("subject", [item for item in ConsentSubject if item is not ConsentSubject.SHARING])
def test_what_is_an_adults_to_agree_to_is_not_asked_of_a_child(subject: ConsentSubject) -> None:
    said = Consents.of([replace(word(GivenBy.ADULT, Voice.AGREES, 0), subject=subject)])
    for path in (AgePath.CHILD, AgePath.NOT_SURE):
        found = said.answer(subject, path, AT)
        assert (found.state, found.rule) == (ConsentState.NOT_REQUIRED, ConsentRule.NOT_ASKED_OF_A_CHILD)
    assert said.answer(subject, AgePath.ADULT, AT).state is ConsentState.GIVEN


def test_the_page_has_the_tables_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text
