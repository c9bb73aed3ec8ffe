"""Attacks of group C on the agreement itself: terms, stages, bases, consent, explanations. Each by its number."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import combinations, product

import pytest
from bundle_edits import ANNOTATIONS, default_files, with_policies_only, without_tests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_questions import ANY_FACTS, NEAR_FACTS, PERMITTED, near

from policies.bundles import BundleRefused, load_bundle, parse_bundle
from policies.engine import NOT_EVALUATED, applying, decide
from policies.explain import NOTHING_TO_SHOW, explain_safely, render_trace, trace
from policies.matrix import build_matrix
from policies.model import Facts
from policies.schema import BEYOND_STAGES, WITHIN_STAGES
from policies.space import Space
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    CaseStage,
    Category,
    ConsentState,
    Effect,
    Gateway,
    MembershipState,
    Purpose,
    Role,
    Stage,
)

BUNDLE = load_bundle()
FILES = without_tests(default_files())
CHECKED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TERMS = [
    (file, found.start(1), found.group(1))
    for file in sorted(FILES)
    if file.endswith(".cedar")
    for found in re.finditer(r'[A-Z][A-Za-z0-9]+::"([A-Za-z0-9_]+)"', FILES[file].decode())
]
GATEWAY_TERMS = [
    ("gateways.toml", found.start(1), found.group(1))
    for found in re.finditer(r'(?m)^#.*$|"([A-Za-z0-9_]+)"', FILES["gateways.toml"].decode())
    if found.group(1) not in (None, "none")
]


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, bytes, str]:
    """A file of the agreement with one letter of one term left out, doubled, swapped or exchanged."""
    file, start, term = draw(st.sampled_from(TERMS + GATEWAY_TERMS))
    place = draw(st.integers(0, len(term) - 1))
    kind = draw(st.sampled_from(["out", "double", "case", "other", "blank"]))
    letter = term[place]
    put = {"out": "", "double": letter * 2, "case": letter.swapcase(), "other": "q", "blank": letter + " "}[kind]
    changed = term[:place] + put + term[place + 1 :]
    if changed == term:
        changed = term + "q"
    text = FILES[file].decode()
    return file, (text[:start] + changed + text[start + len(term) :]).encode(), changed


@CHECKED
@given(edit=misspelt())
def test_attack_35_a_misspelt_term_is_refused_at_load(edit: tuple[str, bytes, str]) -> None:
    file, data, changed = edit
    known = {term for _, _, term in TERMS + GATEWAY_TERMS}
    if changed in known:
        return
    with pytest.raises(BundleRefused):
        parse_bundle({**FILES, file: data})


@pytest.mark.slow
def test_attack_35_every_term_is_looked_at() -> None:
    """One letter of each distinct term of each file, all of them: none is left over that nobody reads."""
    assert len(TERMS) > 300
    distinct = {(file, term): start for file, start, term in TERMS}
    assert len(distinct) > 120
    for (file, term), start in distinct.items():
        text = FILES[file].decode()
        edited = (text[:start] + term + "x" + text[start + len(term) :]).encode()
        with pytest.raises(BundleRefused, match=f"{term}x|may name a stage"):
            parse_bundle({**FILES, file: edited})


@pytest.mark.parametrize(
    "condition",
    [
        "context.basis_expird",
        "principal.member",
        "context.wealth",
        'resource.category == Kategory::"concern"',
        'resource.category == Purpose::"safeguarding"',
        'resource has category && resource.category == Category::"concern"',
        "resource.categry in []",
    ],
)
def test_attack_35_an_unknown_attribute_or_type_is_refused_at_load(condition: str) -> None:
    policy = f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) when {{ {condition} }};'
    with pytest.raises(BundleRefused):
        parse_bundle(with_policies_only(policy))


def test_attack_35_what_goes_wrong_at_run_time_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    from policies import engine

    monkeypatch.setattr(engine, "_attributes", lambda _facts, _names: {})
    engine._decide.cache_clear()
    answer = decide(BUNDLE, PERMITTED[0])
    engine._decide.cache_clear()
    assert (answer.effect, answer.missing) == (Effect.REFUSE, (NOT_EVALUATED,))


FORBIDS = [name for name, rule in BUNDLE.rules.items() if rule.effect is Effect.REFUSE]
BROKEN = {name: next(row.facts for row in BUNDLE.rows if name in row.rules) for name in FORBIDS}


@pytest.mark.parametrize("rule", FORBIDS)
def test_attack_36_every_constraint_holds_at_every_stage_it_is_for(rule: str) -> None:
    """The table of all constraints by all stages: a question that breaks it is refused by it at each."""
    scope = BUNDLE.parsed[rule].body["action"]
    named = (scope.get("entity") or {}).get("id")
    stages = {None: tuple(Stage), "beyond": BEYOND_STAGES}.get(named, ())
    for stage in stages or (Stage(named),):
        facts = replace(BROKEN[rule], stage=stage)
        assert rule in applying(BUNDLE, facts)[1], stage
        assert not decide(BUNDLE, facts).is_permit


def test_attack_36_every_permit_is_the_same_at_every_stage_within() -> None:
    """Not sampled: over all questions, the permitted ones do not depend on which of the inner stages is asked at."""
    space = Space((BUNDLE,))
    assert len({space.number("stage", stage) for stage in WITHIN_STAGES}) == 1
    # Cedar says the same of each of them: one question of every set of rules that determines an answer.
    for facts in {row.rules: row.facts for row in BUNDLE.rows}.values():
        assert len({applying(BUNDLE, replace(facts, stage=stage)) for stage in WITHIN_STAGES}) == 1


@CHECKED
@given(facts=NEAR_FACTS)
def test_attack_36_no_constraint_is_looser_beyond_the_hub(facts: Facts) -> None:
    inside = set(applying(BUNDLE, replace(facts, stage=Stage.OPEN))[1])
    for stage in BEYOND_STAGES:
        assert inside <= set(applying(BUNDLE, replace(facts, stage=stage))[1])


CONSENT_BASED = (Gateway.CLDC_CONSENT, Gateway.CONSENT_NRM_ADULT)


@pytest.mark.parametrize("state", [ConsentState.WITHDRAWN, ConsentState.REFUSED, ConsentState.INVALID])
@pytest.mark.parametrize("path", [AgePath.CHILD, AgePath.NOT_SURE])
def test_attack_38_a_withdrawal_ends_what_rests_on_consent_and_nothing_else(path: AgePath, state: ConsentState) -> None:
    """A case with mixed bases: permitted sharings under every gateway, before and after a child's withdrawal."""
    kept = ended = 0
    for facts in PERMITTED[::40]:
        for gateway in Gateway:
            before = replace(
                facts, age_path=path, gateway=gateway, consent_state=ConsentState.GIVEN, consent_covers=True
            )
            if not decide(BUNDLE, before).is_permit:
                continue
            after = replace(before, consent_state=state, consent_covers=False)
            answer = decide(BUNDLE, after)
            if gateway in CONSENT_BASED:
                assert answer.rules == ("consent-gateway-needs-consent",)
                ended += 1
            else:
                assert answer == decide(BUNDLE, before)
                kept += 1
    assert kept > 60
    assert ended > 10


def test_attack_38_the_basis_that_stays_is_shown() -> None:
    facts = next(
        facts for facts in PERMITTED if facts.gateway is Gateway.CA2004_S11 and facts.age_path is AgePath.CHILD
    )
    lines = render_trace(trace(BUNDLE, replace(facts, consent_state=ConsentState.WITHDRAWN)), date(2026, 7, 1))
    assert lines[0] == "Permitted."
    assert any("gateway CA2004_S11 (unconfirmed), Article 6 basis" in line for line in lines)


def test_attack_39_no_state_of_consent_leaves_a_child_without_an_answer_on_a_duty() -> None:
    """Every state, covering or not, for every purpose: the lead professional's duty to share goes on, none is stuck."""
    base = next(facts for facts in PERMITTED if Role.LEAD_PROFESSIONAL in facts.recipient_roles)
    base = replace(base, gateway=Gateway.CA2004_S11, age_path=AgePath.CHILD, category=Category.CONCERN)
    purposes = (Purpose.SAFEGUARDING, Purpose.NRM_REFERRAL, Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION)
    table = list(product(ConsentState, (True, False), purposes, (AgePath.CHILD, AgePath.NOT_SURE)))
    assert len(table) == 128
    for state, covers, purpose, path in table:
        stage = CaseStage.DECIDED if purpose is Purpose.RECONSIDERATION else CaseStage.REFERRED
        facts = replace(
            base, consent_state=state, consent_covers=covers, purpose=purpose, age_path=path, case_stage=stage
        )
        assert decide(BUNDLE, facts).is_permit


def test_attack_47_whoever_chairs_is_not_the_lead_in_any_combination_of_roles() -> None:
    """The role table: with both roles nothing is given for the panel's work, whatever other roles come with them."""
    others = [role for role in Role if role not in (Role.LEAD_PROFESSIONAL, Role.PANEL_CHAIR)]
    held = [
        tuple(sorted({Role.LEAD_PROFESSIONAL, Role.PANEL_CHAIR, *more}))
        for size in range(len(others) + 1)
        for more in combinations(others, size)
    ]
    assert len(held) == 64
    for roles, purpose in product(held, (Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION)):
        for category in (Category.CONCERN, Category.VOTE, Category.SUBJECT_CARD):
            facts = replace(PERMITTED[0], recipient_roles=roles, purpose=purpose, category=category)
            assert "chair-is-not-lead" in decide(BUNDLE, facts).rules


STRANGERS = (MembershipState.ENDED, MembershipState.NOT_A_MEMBER)


@CHECKED
@given(facts=st.one_of(ANY_FACTS, near(st.sampled_from(PERMITTED))), state=st.sampled_from(STRANGERS))
def test_attack_50_a_stranger_is_told_the_same_whatever_the_case_is(facts: Facts, state: MembershipState) -> None:
    """Of a case one must not know, nothing in the words depends: not the roles, the purpose, nor any other fact."""
    assert explain_safely(decide(BUNDLE, replace(facts, membership=state)), BUNDLE) == NOTHING_TO_SHOW


@CHECKED
@given(facts=st.one_of(ANY_FACTS, near(st.sampled_from(PERMITTED))))
def test_attack_50_the_safe_words_hold_no_fact_of_the_case(facts: Facts) -> None:
    """A member sees rule names and whom to call: no sentence, no category, no state of consent, no other agency."""
    answer = decide(BUNDLE, replace(facts, membership=MembershipState.ACTIVE))
    text = explain_safely(answer, BUNDLE)
    assert not any(rule.sentence in text for rule in BUNDLE.rules.values())
    named = {name for name in BUNDLE.rules if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)}
    assert named == (set() if answer.is_permit else set(answer.rules))
    for name, value in facts.to_json().items():
        for term in value if isinstance(value, list) else [value]:
            if isinstance(term, str) and "_" in term:
                assert term not in text, name


def test_attack_50_the_whole_trace_is_more_than_the_person_is_told() -> None:
    facts = replace(PERMITTED[0], membership=MembershipState.ENDED, basis_expired=True)
    found = trace(BUNDLE, facts)
    assert [rule.id for rule in found.forbids] == ["basis-unexpired", "membership-active"]
    assert found.safe == NOTHING_TO_SHOW
    assert "membership-active" in "\n".join(render_trace(found, date(2026, 7, 1)))


def test_attack_43_no_cell_of_the_table_gives_content_to_an_officer_or_more_than_cards_to_an_intake_key() -> None:
    """The deny table of roles, computed over all questions and not over some."""
    cells = build_matrix(BUNDLE).cells
    given_to = {
        role: {place[2] for place, cell in cells.items() if place[0] is role and cell.is_given} for role in Role
    }
    assert given_to[Role.IG_OFFICER] == set()
    assert given_to[Role.INTAKE] == {Category.SUBJECT_CARD, Category.REQUEST}
    immigration = {place[2] for place, cell in cells.items() if place[1] is AgencyKind.IMMIGRATION and cell.is_given}
    outside = {
        place[2]
        for place, cell in cells.items()
        if place[1] is AgencyKind.IMMIGRATION
        and cell.is_given
        and "only what their own agency recorded" not in cell.notes
    }
    assert {Category.CONTACT, Category.PLACEMENT} <= immigration
    assert not {Category.CONTACT, Category.PLACEMENT} & outside
