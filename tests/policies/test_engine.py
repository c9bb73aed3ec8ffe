"""Deciding: the agreed rows, what each policy carries, default deny, forbid wins, memory of answers."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import cedarpy
import pytest
from bundle_edits import ANNOTATIONS, default_files, split_policies, with_policies_only, with_policy, without_tests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_questions import NEAR_FACTS, PERMITTED

from policies import engine
from policies.bundles import load_bundle, parse_bundle
from policies.engine import NO_RULE, NO_RULE_AT_ALL, NOT_EVALUATED, Bundle, decide
from policies.model import Facts
from policies.schema import BEYOND_STAGES, WITHIN_STAGES
from policies.testing import TableReport, run_table
from policies.vocabulary import (
    CONSENT_GATEWAYS,
    INTAKE_CATEGORIES,
    PANEL_ROLES,
    AgencyKind,
    AgePath,
    Category,
    ConsentState,
    Effect,
    Gateway,
    HandlingCode,
    MembershipState,
    Purpose,
    Role,
    Stage,
)

EXPECTED_ROWS = 1650
BUNDLE = load_bundle()
DEFAULT = default_files()
POLICIES = [
    policy for name in sorted(DEFAULT) if name.endswith(".cedar") for policy in split_policies(DEFAULT[name].decode())
]
DECIDED = (Purpose.NRM_REFERRAL, Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION)
CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_agreed_row_holds() -> None:
    report = run_table(BUNDLE)
    assert report.rows == EXPECTED_ROWS
    assert [str(failure) for failure in report.failures] == []
    assert report.is_passed


def test_a_table_without_rows_has_not_passed() -> None:
    assert not TableReport(0, ()).is_passed


def test_a_failing_row_says_which_and_how() -> None:
    edited = dict(DEFAULT)
    edited["tests/basis.toml"] = edited["tests/basis.toml"].replace(b'rules = ["basis-unexpired"]', b"rules = []")
    report = run_table(parse_bundle(edited))
    assert len(report.failures) == 2
    text = str(report.failures[0])
    assert "basis.toml: an expired basis carries nothing" in text
    assert "expected refuse by none, got refuse by basis-unexpired" in text


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: re.findall(r'@id\("(.*?)"\)', policy)[0])
def test_deleting_a_policy_fails_a_row(policy: str) -> None:
    name = re.findall(r'@id\("(.*?)"\)', policy)[0]
    edited = {file: data.replace(policy.encode(), b"") for file, data in without_tests(DEFAULT).items()}
    weaker = parse_bundle(edited)
    assert set(weaker.rules) == set(BUNDLE.rules) - {name}
    rows = [row for row in BUNDLE.rows if name in row.rules]
    assert any(decide(weaker, row.facts).rules != row.rules for row in rows)
    if BUNDLE.rules[name].effect is Effect.PERMIT:
        # A permit that never makes the difference would be a rule nobody needs.
        assert any(decide(weaker, row.facts).effect is not row.effect for row in rows)


def test_there_are_as_many_policies_as_rules() -> None:
    assert len(POLICIES) == len(BUNDLE.rules) == 60


def test_answer_is_the_same_at_every_stage_within_the_hub() -> None:
    """Attack 36: a constraint applied in only one stage. One question of every row that the agreement lists."""
    assert len(WITHIN_STAGES) == 7
    questions = {(row.file, row.name.split(",")[0]): row.facts for row in BUNDLE.rows}
    for facts in questions.values():
        answers = {decide(BUNDLE, replace(facts, stage=stage)) for stage in WITHIN_STAGES}
        assert len(answers) == 1
    assert len(questions) == 194


@CHECKED
@given(facts=NEAR_FACTS)
def test_leaving_the_hub_is_never_easier_than_opening(facts: Facts) -> None:
    for stage in BEYOND_STAGES:
        if decide(BUNDLE, replace(facts, stage=stage)).is_permit:
            assert decide(BUNDLE, replace(facts, stage=Stage.OPEN)).is_permit


@CHECKED
@given(facts=NEAR_FACTS)
def test_no_policies_permit_nothing(facts: Facts) -> None:
    empty = parse_bundle(with_policies_only(""))
    assert len(empty.rules) == 0
    answer = decide(empty, facts)
    assert (answer.effect, answer.rules, answer.missing) == (Effect.REFUSE, (), (NO_RULE_AT_ALL,))


FORBIDS = [
    "",
    "when { context.basis_expired }",
    'when { resource.category == Category::"concern" }',
    'unless { principal.recipient_roles.contains(Role::"ictg") }',
    'when { context.purpose in [Purpose::"safeguarding", Purpose::"nrm_referral"] }',
]
STRICTER = [
    parse_bundle(
        without_tests(with_policy(DEFAULT, f'@id("x") {ANNOTATIONS} forbid (principal, action, resource) {end};'))
    )
    for end in FORBIDS
]


@CHECKED
@given(facts=NEAR_FACTS, stricter=st.sampled_from(STRICTER))
def test_adding_a_forbid_never_permits(facts: Facts, stricter: Bundle) -> None:
    before, after = decide(BUNDLE, facts), decide(stricter, facts)
    assert before.is_permit or not after.is_permit
    if "x" in after.rules:
        assert not after.is_permit


def test_a_forbid_for_everything_wins_over_every_permit() -> None:
    assert len(PERMITTED) > 800
    assert not any(decide(STRICTER[0], facts).is_permit for facts in PERMITTED)


def _reordered() -> Bundle:
    edited = without_tests(DEFAULT)
    for name in [name for name in edited if name.endswith(".cedar")]:
        edited[name] = "\n".join(reversed(split_policies(edited[name].decode()))).encode()
    manifest = edited["bundle.toml"].decode()
    names = re.findall(r'"([a-z-]+\.cedar)"', manifest)
    listed = ", ".join(f'"{name}"' for name in reversed(names))
    edited["bundle.toml"] = re.sub(r"policies = \[.*?\]", f"policies = [{listed}]", manifest, flags=re.DOTALL).encode()
    return parse_bundle(edited)


def _doubled() -> Bundle:
    edited = without_tests(DEFAULT)
    for name in [name for name in edited if name.endswith(".cedar")]:
        text = edited[name].decode()
        edited[name] = (text + "\n" + re.sub(r'@id\("', '@id("again-', text)).encode()
    return parse_bundle(edited)


REORDERED, DOUBLED = _reordered(), _doubled()


@CHECKED
@given(facts=NEAR_FACTS)
def test_order_and_duplicates_of_policies_do_not_matter(facts: Facts) -> None:
    answer = decide(BUNDLE, facts)
    assert decide(REORDERED, facts) == answer
    doubled = decide(DOUBLED, facts)
    assert doubled.effect is answer.effect
    assert {rule.removeprefix("again-") for rule in doubled.rules} == set(answer.rules)


def test_reordered_and_doubled_bundles_are_other_bundles() -> None:
    assert len(DOUBLED.rules) == 2 * len(BUNDLE.rules)
    assert len({BUNDLE.digest, REORDERED.digest, DOUBLED.digest}) == 3
    assert BUNDLE != REORDERED
    assert BUNDLE.digest != BUNDLE


@CHECKED
@given(facts=NEAR_FACTS)
def test_what_a_permit_always_means(facts: Facts) -> None:
    """The promises of the agreement, said again in plain code and held against every permit that is found."""
    answer = decide(BUNDLE, facts)
    if not answer.is_permit:
        assert answer.missing
        return
    assert answer.rules
    assert all(BUNDLE.rules[rule].effect is Effect.PERMIT for rule in answer.rules)
    roles = set(facts.recipient_roles)
    entry = BUNDLE.gateways[facts.gateway]
    assert facts.membership is MembershipState.ACTIVE
    assert roles
    assert Role.IG_OFFICER not in roles
    assert Role.INTAKE not in roles or facts.category in INTAKE_CATEGORIES
    assert facts.gateway_enabled
    assert entry.enabled_from is not None
    assert not facts.basis_expired
    assert facts.originator_kind in entry.originators
    assert facts.same_agency or entry.reaches(facts.originator_kind, facts.recipient_kind)
    assert facts.article6 in entry.article6
    assert facts.condition in entry.conditions
    assert facts.handling_code is HandlingCode.P or facts.originator_release
    if facts.gateway in CONSENT_GATEWAYS:
        assert facts.consent_covers
        assert facts.consent_state is ConsentState.GIVEN
    if facts.age_path is AgePath.ADULT and facts.purpose in DECIDED and facts.gateway is not Gateway.MSA2015_S52:
        assert facts.consent_state is ConsentState.GIVEN
        assert facts.consent_covers
    if roles <= PANEL_ROLES - {Role.ICTG}:
        assert facts.purpose in (Purpose.PANEL_REVIEW, Purpose.RECONSIDERATION)
    if facts.category in (Category.ACCESS, Category.STATISTICAL_RETURN):
        assert facts.same_agency
    if facts.category is Category.VOTE:
        assert Role.PANEL_CHAIR in roles
    if facts.recipient_kind is AgencyKind.IMMIGRATION and not facts.same_agency:
        assert facts.purpose in DECIDED


@CHECKED
@given(facts=NEAR_FACTS, state=st.sampled_from(list(ConsentState)), covers=st.booleans())
def test_consent_never_decides_about_a_child_on_a_duty(facts: Facts, state: ConsentState, covers: bool) -> None:
    path = AgePath.CHILD if facts.age_path is AgePath.ADULT else facts.age_path
    child = replace(facts, age_path=path)
    if child.gateway not in CONSENT_GATEWAYS:
        other = replace(child, consent_state=state, consent_covers=covers)
        assert decide(BUNDLE, other) == decide(BUNDLE, child)


@CHECKED
@given(facts=NEAR_FACTS)
def test_not_sure_of_the_age_is_a_child(facts: Facts) -> None:
    child, unsure = (replace(facts, age_path=path) for path in (AgePath.CHILD, AgePath.NOT_SURE))
    assert decide(BUNDLE, child) == decide(BUNDLE, unsure)


def test_answers_are_kept_per_bundle_and_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = cedarpy.is_authorized
    monkeypatch.setattr(engine.cedarpy, "is_authorized", lambda *given: asked.append(1) or real(*given))
    engine._decide.cache_clear()
    facts = PERMITTED[0]
    first = decide(BUNDLE, facts)
    assert decide(load_bundle(), replace(facts)) is first
    assert len(asked) == 1
    decide(REORDERED, facts)
    assert len(asked) == 2
    assert engine._decide.cache_info().maxsize == engine.MEMO_DECISIONS


def test_a_kept_answer_costs_no_evaluation() -> None:
    facts = PERMITTED[0]
    decide(BUNDLE, facts)
    start = time.perf_counter()
    for _ in range(1_000):
        decide(BUNDLE, facts)
    assert (time.perf_counter() - start) / 1_000 < 50e-6


@pytest.mark.parametrize(
    "text", ['{"decision": "Allow", "diagnostics": {"reason": ["lead-reads-records"], "errors": ["x"]}}']
)
def test_a_policy_that_cannot_be_evaluated_refuses(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Cedar skips a policy that errs; a skipped forbid must not let anything through."""
    engine._decide.cache_clear()
    monkeypatch.setattr(engine.cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult(json.loads(text)))
    answer = decide(BUNDLE, PERMITTED[0])
    engine._decide.cache_clear()
    assert (answer.effect, answer.rules, answer.missing) == (Effect.REFUSE, (), (NOT_EVALUATED,))


def test_refusal_by_rules_says_what_would_have_to_be_true() -> None:
    answer = decide(BUNDLE, replace(PERMITTED[0], basis_expired=True, membership=MembershipState.ENDED))
    assert answer.rules == ("basis-unexpired", "membership-active")
    assert answer.missing == (
        "The basis on which it is shared must not have expired.",
        "The recipient must be an active member of the case, accepted by their own agency.",
    )


def test_refusal_by_no_rule_names_the_nearest_permits() -> None:
    facts = replace(PERMITTED[0], recipient_roles=(Role.PRACTITIONER,), category=Category.VOTE)
    answer = decide(BUNDLE, replace(facts, purpose=Purpose.PANEL_REVIEW))
    assert answer.rules == ()
    assert answer.missing == (NO_RULE + "The chair of the panel is given the votes.",)
