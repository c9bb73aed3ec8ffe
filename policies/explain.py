"""An answer in a plain sentence: in full for those who govern the sharing, and in a safe form for whoever asked."""

from __future__ import annotations

from policies.engine import Bundle
from policies.model import Decision

NOTHING_TO_SHOW = (
    "There is nothing here that can be shown to you. "
    "If you expected something, ask your own agency's information governance officer."
)


def explain(decision: Decision, bundle: Bundle) -> str:
    """Say in full why the answer is what it is: each determining rule with its sentence, id and clause.

    For information governance officers and for the originator, never for a recipient who was refused.
    """
    named = [bundle.rules[name] for name in decision.rules if name in bundle.rules]
    reasons = " ".join(f"{rule.sentence} [{rule.id}; {rule.clause}]" for rule in named)
    if decision.is_permit:
        return f"Permitted: {reasons}"
    return f"Refused. What would have to be true: {reasons or ' '.join(decision.missing)}"


def explain_safely(decision: Decision, bundle: Bundle) -> str:
    """Say to the person who asked what they may know: the rule's id and whom to call, and nothing about the case.

    Where a silent rule takes part, the text is the one shown for a case that does not exist: being excluded, having
    left and never having been a member read the same.
    """
    if decision.is_permit:
        return "This may be shared with you."
    rules = [bundle.rules[name] for name in decision.rules if name in bundle.rules]
    if len(rules) != len(decision.rules) or any(rule.silent for rule in rules):
        return NOTHING_TO_SHOW
    if not rules:
        return "The agreement has no rule that gives this to your role for this purpose. Ask the originating agency."
    names = ", ".join(rule.id for rule in rules)
    owners = ", ".join(sorted({rule.owner for rule in rules}))
    return f"Not shared with you under {names}. Whom to ask: {owners}."
