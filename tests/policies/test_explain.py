"""Answers in words: whole for those who govern, safe for whoever asked."""

from __future__ import annotations

from dataclasses import replace

from policies.bundles import load_bundle
from policies.engine import decide
from policies.explain import NOTHING_TO_SHOW, explain, explain_safely
from policies.model import Decision, Facts
from policies.vocabulary import Effect, MembershipState, Role, Stage

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
