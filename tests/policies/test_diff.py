"""The difference between two agreements: complete and exact, held against Cedar; and in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from bundle_edits import (
    ANNOTATIONS,
    default_files,
    replaced,
    split_policies,
    with_policies_only,
    with_policy,
    without_tests,
)
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from policy_questions import ANY_FACTS, NEAR_FACTS, PERMITTED, agreement, near, policies

from policies import diff, space
from policies.bundles import load_bundle, parse_bundle
from policies.diff import Difference, Kind, compare
from policies.engine import DERIVED_FROM, Bundle, _ask, applying, decide, derive
from policies.model import Facts
from policies.schema import fact_list
from policies.sentences import render_change, render_difference
from policies.space import AnalysisRefused, Space
from policies.vocabulary import (
    AgencyKind,
    Category,
    Effect,
    Gateway,
    Purpose,
    Role,
    Stage,
)

BUNDLE = load_bundle()
FILES = without_tests(default_files())
CHECKED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ISSUE = (
    f'@id("panel-health-reads-police-offences") {ANNOTATIONS} permit (principal, action, resource) when {{ '
    'principal.recipient_roles.contains(Role::"panel_adviser") && principal.recipient_kind == AgencyKind::"health" && '
    'resource.category == Category::"offence" && resource.originator_kind == AgencyKind::"police" && '
    'context.purpose == Purpose::"panel_review" };'
)


def edited(file: str, old: str, new: str) -> Bundle:
    return parse_bundle(replaced(FILES, file, old, new))


def without_policy(name: str) -> Bundle:
    for file, data in FILES.items():
        for policy in split_policies(data.decode()) if file.endswith(".cedar") else []:
            if f'@id("{name}")' in policy:
                return edited(file, policy, "")
    raise AssertionError(f"no policy {name}")


CHANGES = {
    "a permit more": lambda: parse_bundle(with_policy(FILES, ISSUE)),
    "a permit less": lambda: without_policy("own-staff-read-own-records"),
    "a forbid less": lambda: without_policy("adult-referral-needs-consent"),
    "a stage less": lambda: without_policy("submit-by-lead-or-decision-by-chair"),
    "a forbid more": lambda: parse_bundle(
        with_policy(
            FILES,
            f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ '
            '[Role::"ictg", Role::"practitioner"].containsAll(principal.recipient_roles) };',
        )
    ),
    "another gateway": lambda: edited("gateways.toml", 'enabled_from = "none"', "enabled_from = 2026-09-01"),
    "another direction": lambda: edited(
        "gateways.toml", 'to = ["police", "social_care", "health"] },', 'to = ["police", "social_care", "charity"] },'
    ),
}


@cache
def difference(name: str) -> Difference:
    return compare(BUNDLE, CHANGES[name]())


@cache
def differing_questions(name: str) -> tuple[Facts, ...]:
    """One question of each sentence, and of each value that a sentence lets a fact have."""
    found = difference(name)
    questions = set()
    for change in found.changes:
        base = diff._Answers.of(found.space, found.old, found.new).differing[change.kind]
        here = found.space.diagrams.both(base, found.space.diagrams.box(change.box))
        for place, bits in enumerate(change.box):
            for value in range(bits.bit_length()):
                part = found.space.diagrams.both(here, found.space.diagrams.where(place, bits & 1 << value))
                if part:
                    point = [(item & -item).bit_length() - 1 for item in found.space.diagrams._some_box(part)]
                    questions.add(found.space.facts(point))
    return tuple(questions)


@cache
def is_permitted(bundle: Bundle, facts: Facts) -> bool:
    """What Cedar answers, without the search for what is missing that ``decide`` adds to a refusal."""
    answer = _ask(bundle.policies, bundle, facts)
    assert answer is not None
    return answer[0]


def assert_sentences_are_right(found: Difference, facts: Facts) -> None:
    old, new = is_permitted(found.old, facts), is_permitted(found.new, facts)
    changes = found.find(facts)
    assert bool(changes) is (old is not new)
    assert all(change.kind.is_allowed is new for change in changes)


@pytest.mark.parametrize("name", CHANGES)
def test_each_sentence_holds_for_questions_asked_of_cedar(name: str) -> None:
    questions = differing_questions(name)
    assert len(questions) >= 20
    for facts in questions[:400]:
        assert is_permitted(difference(name).old, facts) is not is_permitted(difference(name).new, facts)
        assert_sentences_are_right(difference(name), facts)


@CHECKED
@given(data=st.data(), name=st.sampled_from(list(CHANGES)))
def test_a_question_lies_in_a_sentence_exactly_if_its_answer_differs(data: st.DataObject, name: str) -> None:
    start = st.sampled_from(sorted(differing_questions(name), key=str))
    strategy = st.one_of(ANY_FACTS, near(st.sampled_from(PERMITTED)), near(start), near(near(start)))
    assert_sentences_are_right(difference(name), data.draw(strategy))


@CHECKED
@given(facts=st.one_of(ANY_FACTS, near(st.sampled_from(PERMITTED))))
def test_the_answers_as_sets_are_cedars(facts: Facts) -> None:
    """Every rule's set, and the whole answer's, at a random question: what Cedar says of all policies together."""
    found = difference("another direction").space
    for bundle in found.bundles:
        permits, forbids = applying(bundle, facts)
        sets, point = found.rule_sets(bundle), found.point(facts)
        assert {name for name in bundle.rules if found.diagrams.holds(sets[name], point)} == {*permits, *forbids}
        assert found.diagrams.holds(found.permitted(bundle), point) is decide(bundle, facts).is_permit


@CHECKED
@given(facts=st.one_of(ANY_FACTS, near(st.sampled_from(PERMITTED))))
def test_values_in_one_group_are_one_to_both_agreements(facts: Facts) -> None:
    """A question and the one that stands for its place have the same answers, by the same rules."""
    found = difference("a permit more").space
    other = found.facts(found.point(facts))
    for bundle in found.bundles:
        assert applying(bundle, other) == applying(bundle, facts)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pair=st.tuples(st.lists(policies(), max_size=4), st.lists(policies(), max_size=4)),
    shared=st.lists(policies(), max_size=3),
    questions=st.lists(st.one_of(ANY_FACTS, NEAR_FACTS), min_size=5, max_size=10),
)
def test_two_invented_agreements(pair: tuple[list[str], list[str]], shared: list[str], questions: list[Facts]) -> None:
    try:
        found = compare(*(parse_bundle(agreement([*shared, *own])) for own in pair))
    except AnalysisRefused:
        reject()  # One of the policies looks at more facts than are compared; that it is refused has its own test.
    for facts in questions:
        if not found.left_out:
            assert_sentences_are_right(found, facts)
        for change in found.changes[:3]:
            # The same question moved into the sentence, as far as the facts that it names go.
            point = [
                value if bits >> value & 1 else (bits & -bits).bit_length() - 1
                for bits, value in zip(change.box, found.space.point(facts), strict=True)
            ]
            assert_sentences_are_right(found, found.space.facts(point))


SMALL = (
    f"""
@id("a") {ANNOTATIONS} permit (principal, action, resource) when {{
  principal.recipient_roles.containsAny([Role::"panel_chair", Role::"practitioner"]) &&
  resource.category in [Category::"concern", Category::"vote"] }};
@id("b") {ANNOTATIONS} forbid (principal, action, resource)
  when {{ context.purpose in [Purpose::"panel_review", Purpose::"reconsideration"] }}
  unless {{ context.consent_covers }};
""",
    f"""
@id("a") {ANNOTATIONS} permit (principal, action, resource) when {{
  principal.recipient_roles.containsAll([Role::"panel_chair", Role::"practitioner"]) ||
  resource.category != Category::"vote" }};
@id("b") {ANNOTATIONS} forbid (principal, action, resource)
  when {{ context.purpose in [Purpose::"panel_review", Purpose::"safeguarding"] && !context.consent_covers }};
@id("c") {ANNOTATIONS} forbid (principal, action == Action::"export", resource)
  when {{ resource.category == Category::"identity" }};
""",
)


def _every_small_question() -> Iterator[Facts]:
    roles = [(), (Role.PANEL_CHAIR,), (Role.PRACTITIONER,), (Role.PANEL_CHAIR, Role.PRACTITIONER), (Role.ICTG,)]
    stages = (Stage.PULL, Stage.EXPORT, Stage.SUBMIT)
    for held, category, purpose, covers, stage in product(roles, Category, Purpose, (True, False), stages):
        yield replace(
            PERMITTED[0],
            recipient_roles=tuple(sorted(held)),
            category=category,
            purpose=purpose,
            consent_covers=covers,
            stage=stage,
        )


def test_a_small_agreement_against_every_single_question() -> None:
    old, new = (parse_bundle(with_policies_only(text)) for text in SMALL)
    found = compare(old, new)
    asked = differ = 0
    for facts in _every_small_question():
        assert_sentences_are_right(found, facts)
        differ += bool(found.find(facts))
        asked += 1
    assert asked == 5 * 32 * 7 * 2 * 3
    assert 1_000 < differ < asked - 1_000
    # Told apart: two roles, categories, purposes, export or not, covered or not; nothing else is.
    assert found.space.combinations == 2 * 2 * 4 * 4 * 2 * 2
    assert {change.kind for change in found.changes} == set(Kind)


def test_counts_of_questions_are_those_of_the_whole_space() -> None:
    """All questions: the product of every list, sets being subsets; and those of the small agreements, by hand."""
    old, new = (parse_bundle(with_policies_only(text)) for text in SMALL)
    found = compare(old, new)
    total = 9 * 7 * 7 * 2**8 * 2 * 3 * 3 * 32 * 2 * 2**6 * 2 * 7 * 17 * 5 * 12 * 8 * 4 * 2**6
    assert found.space.questions == total
    assert difference("a permit more").space.questions == total
    counted = {True: 0, False: 0}
    # What is not varied above: other stages, roles, and all facts that no policy looks at.
    rest = total // (9 * 2**8 * 32 * 7 * 2)
    for facts in _every_small_question():
        if facts.recipient_roles == (Role.ICTG,):
            continue
        before, after = is_permitted(old, facts), is_permitted(new, facts)
        if before is not after:
            counted[after] += rest * (7 if facts.stage is Stage.PULL else 1) * 2**6
    assert (found.newly_allowed, found.newly_refused) == (counted[True], counted[False])


def sentences(found: Difference) -> list[str]:
    return [render_change(found.space, change) for change in found.changes]


def test_a_permit_more_is_one_sentence() -> None:
    found = difference("a permit more")
    assert sentences(found) == [
        "panel adviser (who is not also lead professional, panel chair, panel voting or ictg) of health gains "
        "`offence` of police for `panel_review` within the hub, without consent (about an adult: with consent only). "
        "[panel-health-reads-police-offences]"
    ]
    assert (found.newly_refused, found.left_out) == (0, 0)
    assert found.changes[0].questions == found.newly_allowed > 0
    back = compare(found.new, found.old)
    assert [text.replace(" loses ", " gains ") for text in sentences(back)] == sentences(found)
    assert (back.newly_allowed, back.newly_refused) == (0, found.newly_allowed)


def test_a_forbid_less_and_more_are_sentences_about_what_is_given_otherwise() -> None:
    found = compare(BUNDLE, without_policy("basis-unexpired"))
    assert sentences(found) == [
        "What a rule gives to anyone is no longer refused, where the basis has expired. [basis-unexpired]"
    ]
    back = compare(found.new, found.old)
    assert sentences(back) == [
        "What a rule gives to anyone is now refused, where the basis has expired. [basis-unexpired]"
    ]
    export = sentences(compare(BUNDLE, without_policy("export-by-lead-or-chair")))
    assert export == [
        "What a rule gives to anyone (who is not also lead professional or panel chair) at export is no longer "
        "refused. [export-by-lead-or-chair]"
    ]


def test_a_gateway_switched_on_is_a_sentence_and_a_day() -> None:
    found = difference("another gateway")
    assert sentences(found) == [
        "What a rule gives to anyone is no longer refused, under `CA2004_S16LA`. [gateway-enabled]"
    ]
    assert "- `CA2004_S16LA`: relied on from no day before, from 2026-09-01 now." in render_difference(found)


def test_a_gateway_relied_on_from_another_day_is_no_other_answer_but_is_said() -> None:
    found = compare(BUNDLE, edited("gateways.toml", "enabled_from = 2025-01-01", "enabled_from = 2027-01-01"))
    assert (found.newly_allowed, found.newly_refused, found.changes) == (0, 0, ())
    assert not found.is_same
    text = render_difference(found)
    assert "- `CA1989_S17`: relied on from 2025-01-01 before, from 2027-01-01 now." in text
    assert "No answer differs." not in text


def test_a_basis_relied_on_from_another_day_and_another_check_are_said() -> None:
    """No answer differs, and whoever approves reads from when, and who has checked it: unconfirmed is said as that."""
    later = compare(BUNDLE, edited("bases.toml", "enabled_from = 2026-02-05", "enabled_from = 2026-03-01"))
    assert not later.is_same
    assert "- `A6_EA`: relied on from 2026-02-05 before, from 2026-03-01 now." in render_difference(later)
    checked = compare(BUNDLE, edited("bases.toml", 'confirmed_by = "none"', 'confirmed_by = "counsel"'))
    assert "- `A6_C`: nobody (unconfirmed) before, counsel now." in render_difference(checked)
    assert "No answer differs." in render_difference(checked)


def test_a_sentence_marks_what_nobody_has_checked() -> None:
    """A new rule that names a gateway or a condition names it as unconfirmed."""
    gives = f"""@id("x") {ANNOTATIONS} permit (principal, action, resource)
    when {{ context.gateway == Gateway::"CA2004_S10" && context.article6 == Article6::"A6_EA" }};"""
    found = compare(*(parse_bundle(with_policies_only(text)) for text in ("", gives)))
    assert "under `CA2004_S10` (unconfirmed), with the Article 6 basis `A6_EA`," in sentences(found)[0]


def test_where_no_agreement_asks_for_consent_a_sentence_says_without() -> None:
    gives = f'@id("x") {ANNOTATIONS} permit (principal, action, resource) when {{ context.basis_expired }};'
    found = compare(*(parse_bundle(with_policies_only(text)) for text in ("", gives)))
    assert sentences(found) == [
        "every role of any agency kind gains any category of any agency kind for any purpose, where the basis has "
        "expired, without consent. [x]"
    ]


def test_cedar_is_asked_once_of_a_policy_that_stands_in_both_agreements() -> None:
    """Of one whose text is the same; and what a table of gateways makes of it is each agreement's own."""
    alone = Space((BUNDLE,)).asked
    in_other_words = edited("forbid-basis.cedar", "must not have expired", "must be current")
    assert compare(BUNDLE, in_other_words).space.asked == alone
    changed = compare(BUNDLE, edited("forbid-stage.cedar", '"referred"]', '"referred", CaseStage::"decided"]')).space
    assert alone < changed.asked < alone + 100


def test_other_words_are_no_other_answer_but_are_said() -> None:
    found = compare(BUNDLE, edited("forbid-basis.cedar", "must not have expired", "must be current"))
    assert found.is_same
    assert found.rules == {"added": (), "removed": (), "changed": (), "words": ("basis-unexpired",)}
    text = render_difference(found)
    assert "- words: basis-unexpired" in text
    assert text[-1] == "No answer differs."


def test_everything_against_nothing_is_read_in_a_score_of_sentences() -> None:
    empty = parse_bundle(with_policies_only(""))
    found = compare(empty, BUNDLE)
    assert found.left_out == 0
    assert len(found.changes) <= 24
    assert found.newly_allowed == found.space.diagrams.count(found.space.permitted(BUNDLE)) == 33_754_082_337_568
    assert {name for change in found.changes for name in change.rules} == {
        name for name, rule in BUNDLE.rules.items() if rule.effect is Effect.PERMIT
    }
    for facts in PERMITTED:
        assert found.find(facts)


def test_what_is_beyond_the_limit_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "MAX_SENTENCES", 1)
    found = compare(BUNDLE, without_policy("own-staff-read-own-records"))
    assert len(found.changes) == 1
    assert 0 < found.left_out < found.newly_refused
    assert found.left_out + found.changes[0].questions == found.newly_refused
    assert any(line.startswith("NOT COMPLETE: ") for line in render_difference(found))


def test_a_policy_that_looks_at_too_much_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MAX_COMBINATIONS", 15)
    with pytest.raises(AnalysisRefused, match=r"policy .*: looks at \d+ combinations of facts, expected at most 15"):
        Space((BUNDLE,))


def test_a_whole_comparison_takes_seconds() -> None:
    found = difference("a permit less")
    assert found.seconds < 20
    assert 1_000 < found.space.asked < 3_000
    assert found.space.combinations > 10**13


@pytest.mark.parametrize("name", DERIVED_FROM)
def test_a_derived_fact_depends_on_nothing_else(name: str) -> None:
    """What the comparison takes for granted about ``derive``: the facts it does not list change nothing."""
    other: dict[str, Any] = {
        "recipient_kind": AgencyKind.CHARITY,
        "originator_kind": AgencyKind.HEALTH,
        "purpose": Purpose.NRM_REFERRAL,
        "article6": list(fact_list("article6") or ())[1],
        "condition": list(fact_list("condition") or ())[1],
        "category": Category.VOTE,
        "same_agency": True,
        "gateway_enabled": False,
        "basis_expired": True,
        "stage": Stage.SUBMIT,
    }
    changed = {fact: value for fact, value in other.items() if fact not in DERIVED_FROM[name]}
    for facts in PERMITTED[::25]:
        for gateway in Gateway:
            asked = replace(facts, gateway=gateway)
            assert derive(BUNDLE, replace(asked, **changed))[name] is derive(BUNDLE, asked)[name]
