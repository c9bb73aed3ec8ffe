"""Answers in words: whole for those who govern, safe for whoever asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from policies import engine
from policies.bundles import load_bundle
from policies.engine import NO_RULE, decide
from policies.explain import (
    NOTHING_TO_SHOW,
    UNCONFIRMED,
    explain,
    explain_safely,
    overdue,
    render_trace,
    trace,
    unconfirmed,
)
from policies.model import Decision, Facts
from policies.schema import DERIVED_FACTS
from policies.vocabulary import (
    AgencyKind,
    Category,
    Effect,
    Gateway,
    HandlingCode,
    MembershipState,
    Purpose,
    Role,
    Stage,
)

BUNDLE = load_bundle()
FACTS: Facts = BUNDLE.rows[0].facts


def test_permit_names_the_rule_and_its_clause() -> None:
    text = explain(decide(BUNDLE, FACTS), BUNDLE)
    assert text.startswith("Permitted: The lead professional is given the agencies' records")
    assert "[lead-reads-records; Children Act 2004 s11" in text


def test_refusal_names_every_rule() -> None:
    text = explain(decide(BUNDLE, replace(FACTS, basis_expired=True, gateway_enabled=False)), BUNDLE)
    assert text.startswith("Refused. What would have to be true: ")
    assert "[basis-unexpired;" in text
    assert "[gateway-enabled;" in text


def test_refusal_by_no_rule_says_what_is_missing() -> None:
    text = explain(decide(BUNDLE, replace(FACTS, recipient_roles=())), BUNDLE)
    assert "No rule of the agreement permits this." in text


def test_safe_text_names_rule_and_whom_to_ask_but_no_sentence() -> None:
    facts = replace(FACTS, stage=Stage.EXPORT, recipient_roles=(Role.PRACTITIONER,))
    text = explain_safely(decide(BUNDLE, facts), BUNDLE)
    rule = BUNDLE.rules["export-by-lead-or-chair"]
    assert text == f"Not shared with you under {rule.id}. Whom to ask: {rule.owner}."


def test_safe_text_is_the_same_for_the_ended_the_excluded_and_the_stranger() -> None:
    """Attacks 44 and 50: the words never tell that a case exists, whatever else would have refused."""
    texts = {
        explain_safely(
            decide(BUNDLE, replace(FACTS, membership=state, recipient_roles=roles, basis_expired=expired)), BUNDLE
        )
        for state in (MembershipState.ENDED, MembershipState.NOT_A_MEMBER)
        for roles in ((), (Role.PRACTITIONER,), (Role.IG_OFFICER,))
        for expired in (True, False)
    }
    assert texts == {NOTHING_TO_SHOW}
    assert [rule.id for rule in BUNDLE.rules.values() if rule.silent] == ["membership-active"]


def test_safe_text_of_a_rule_this_bundle_does_not_have_tells_nothing() -> None:
    assert explain_safely(Decision(Effect.REFUSE, ("rule-of-another-bundle",)), BUNDLE) == NOTHING_TO_SHOW


def test_safe_text_for_permit_and_for_no_rule() -> None:
    assert explain_safely(decide(BUNDLE, FACTS), BUNDLE) == "This may be shared with you."
    assert "no rule" in explain_safely(decide(BUNDLE, replace(FACTS, recipient_roles=())), BUNDLE)


DAY = date(2026, 7, 1)


def lines_of(facts: Facts, at: date = DAY) -> list[str]:
    return [line.strip() for line in render_trace(trace(BUNDLE, facts), at)]


def between(lines: list[str], heading: str) -> list[str]:
    start = lines.index(heading) + 1
    return lines[start : lines.index("", start) if "" in lines[start:] else None]


def test_trace_of_a_permit_says_which_rules_on_which_basis() -> None:
    lines = lines_of(FACTS)
    assert lines[0] == "Permitted."
    assert between(lines, "By which rules:")[0].startswith("lead-reads-records: The lead professional is given")
    assert between(lines, "On which basis:") == [
        f"gateway {FACTS.gateway} (unconfirmed), Article 6 basis {FACTS.article6} (unconfirmed), "
        f"condition {FACTS.condition}"
    ]
    assert UNCONFIRMED in between(lines, "The gateway:")
    assert UNCONFIRMED in between(lines, "The bases:")


def test_trace_of_a_forbidden_question_says_what_would_do_and_whom_to_ask() -> None:
    lines = lines_of(
        replace(FACTS, basis_expired=True, originator_kind=AgencyKind.POLICE, handling_code=HandlingCode.C)
    )
    assert lines[0] == "Refused: forbidden."
    forbids = [BUNDLE.rules[name] for name in ("basis-unexpired", "handling-c-needs-release")]
    true = between(lines, "What would have to be true:")
    assert true[:2] == [rule.sentence for rule in forbids]
    assert true[2] == "Then it would be permitted by:"
    assert true[3].startswith("lead-reads-records: ")
    assert between(lines, "Whom to ask:") == sorted({rule.owner for rule in forbids})
    assert between(lines, "What the person who asked is told:")[0].startswith("Not shared with you under basis-unexp")


def test_trace_says_where_taking_the_forbids_away_would_not_do() -> None:
    lines = lines_of(replace(FACTS, basis_expired=True, category=Category.VOTE))
    assert "That alone would not do: no rule of the agreement permits this either." in lines


def test_trace_of_what_no_rule_permits_names_the_nearest() -> None:
    facts = replace(FACTS, recipient_roles=(Role.PRACTITIONER,), category=Category.VOTE, purpose=Purpose.PANEL_REVIEW)
    lines = lines_of(facts)
    assert lines[0] == "Refused: permitted by no rule."
    assert between(lines, "What would have to be true:") == [NO_RULE + "The chair of the panel is given the votes."]
    assert between(lines, "Whom to ask:") == ["the originating agency"]


def test_trace_holds_every_fact_and_what_was_worked_out() -> None:
    lines = lines_of(FACTS)
    for name in FACTS.to_json():
        assert any(line.startswith(f"{name}: ") for line in lines)
    for name in DERIVED_FACTS:
        assert f"{name}: yes" in lines


def test_trace_of_a_gateway_that_is_off_says_so() -> None:
    lines = lines_of(replace(FACTS, gateway=Gateway.CA2004_S16LA))
    assert "CA2004_S16LA: Children Act 2004 section 16LA; switched off" in lines
    assert lines[0] == "Refused: forbidden."


def test_an_overdue_review_is_a_warning_and_no_refusal() -> None:
    late = date(2027, 4, 1)
    assert overdue(BUNDLE, date(2027, 3, 31)) == []
    warnings = overdue(BUNDLE, late)
    assert len(warnings) == len(BUNDLE.rules)
    assert "the review of lead-reads-records was due on 2027-03-31" in " ".join(warnings)
    lines = lines_of(FACTS, late)
    assert lines[0] == "Permitted."
    assert any(line.startswith("Warning: the review of lead-reads-records was due") for line in lines)
    assert not any("Warning" in line for line in lines_of(FACTS, date(2027, 3, 31)))


def test_every_gateway_that_nobody_checked_is_named() -> None:
    named = [line.split()[0] for line in unconfirmed(BUNDLE)]
    assert named == [
        name.value
        for name, entry in [*BUNDLE.gateways.items(), *BUNDLE.bases.items()]
        if entry.enabled_from and entry.confirmed_by == "none"
    ]
    assert "CA2004_S16LA" not in named
    assert "MSA2015_S52" not in named
    assert "A6_EA" not in named
    assert "A9_G_SCH1_P10" in named


def test_a_trace_of_what_could_not_be_evaluated_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_ask", lambda *_: None)
    engine._decide.cache_clear()
    lines = lines_of(FACTS)
    engine._decide.cache_clear()
    assert lines[0] == "Refused: " + engine.NOT_EVALUATED
