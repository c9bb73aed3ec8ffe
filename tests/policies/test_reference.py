"""The engine against a second, independent evaluator: on the shipped agreement and on invented ones."""

from __future__ import annotations

from bundle_edits import default_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_questions import ANY_FACTS, NEAR_FACTS, agreement, policies
from policy_reference import Reference

from policies.bundles import load_bundle, parse_bundle
from policies.engine import Bundle, _ask, decide
from policies.model import Facts

BUNDLE = load_bundle()
REFERENCE = Reference.read(default_files())
MANY = st.lists(st.one_of(ANY_FACTS, NEAR_FACTS), min_size=4, max_size=8)
SOME = st.lists(policies(), min_size=1, max_size=5)
SLOWLY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answer_of(bundle: Bundle, facts: Facts) -> tuple[bool, tuple[str, ...]]:
    """Cedar's answer, without the search for what is missing."""
    answer = _ask(bundle.policies, bundle, facts)
    assert answer is not None
    is_allowed, rules = answer
    return is_allowed and bool(rules), rules


def test_both_read_the_same_policies() -> None:
    assert {item.id for item in REFERENCE.policies} == set(BUNDLE.rules)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(facts=NEAR_FACTS)
def test_the_shipped_agreement_has_the_same_answer_by_the_same_rules(facts: Facts) -> None:
    assert answer_of(BUNDLE, facts) == REFERENCE.answer(facts)


def test_every_agreed_row_is_the_references_answer_too() -> None:
    for row in BUNDLE.rows:
        assert REFERENCE.answer(row.facts) == (row.effect.value == "permit", row.rules)


@SLOWLY
@given(
    bodies=st.lists(policies(), max_size=6),
    questions=st.lists(st.one_of(ANY_FACTS, NEAR_FACTS), min_size=4, max_size=8),
)
def test_invented_agreements_have_the_same_answers(bodies: list[str], questions: list[Facts]) -> None:
    contents = agreement(bodies)
    bundle, reference = parse_bundle(contents), Reference.read(contents)
    for facts in questions:
        is_permitted, rules = answer_of(bundle, facts)
        assert (is_permitted, rules) == reference.answer(facts)
        assert decide(bundle, facts).is_permit is is_permitted
        # Default deny, and forbid wins.
        question = reference.question(facts)
        applying = [item for item in reference.policies if item.applies(question)]
        assert not is_permitted or (applying and all(item.is_permit for item in applying))


@SLOWLY
@given(
    data=st.data(),
    bodies=st.lists(policies(), min_size=1, max_size=5),
    questions=st.lists(ANY_FACTS, min_size=4, max_size=6),
)
def test_order_and_duplicates_do_not_matter(data: st.DataObject, bodies: list[str], questions: list[Facts]) -> None:
    names = [f"p{number}" for number in range(len(bodies))]
    order = data.draw(st.permutations(range(len(bodies))))
    again = data.draw(st.lists(st.sampled_from(range(len(bodies))), max_size=3, unique=True))
    other = parse_bundle(
        agreement(
            [bodies[number] for number in (*order, *again)],
            [names[number] for number in order] + [f"again-{names[number]}" for number in again],
        )
    )
    bundle = parse_bundle(agreement(bodies))
    for facts in questions:
        is_permitted, rules = answer_of(other, facts)
        assert (is_permitted, {name.removeprefix("again-") for name in rules}) == (
            answer_of(bundle, facts)[0],
            set(answer_of(bundle, facts)[1]),
        )


@SLOWLY
@given(bodies=SOME, forbid=policies(effects=("forbid",)), questions=MANY)
def test_adding_a_forbid_never_permits(bodies: list[str], forbid: str, questions: list[Facts]) -> None:
    before, after = parse_bundle(agreement(bodies)), parse_bundle(agreement([*bodies, forbid]))
    for facts in questions:
        assert answer_of(before, facts)[0] or not answer_of(after, facts)[0]
