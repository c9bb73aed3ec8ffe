"""Why a fragment is not shown, in sentences for its reader: what the agreement wants, and whom to ask."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView, RefusedFragment
from policies.bundles import load_bundle
from policies.engine import Bundle
from policies.explain import NOTHING_TO_SHOW
from policies.rules import Rule


def rule_sentence(rule: Rule) -> str:
    """Return a rule's sentence: a ``Sentence`` where it is one of the agreement that this package ships.

    What a federation or an agency wrote into its own is never looked up: it stands as it was written.
    """
    shipped = load_bundle().rules.get(rule.id)
    return rule.sentence if shipped is None or shipped.sentence != rule.sentence else _(rule.sentence)


def rule_owner(rule: Rule) -> str:
    """Return whom to ask about a rule, in the same way."""
    return _(rule.owner) if rule.owner in {item.owner for item in load_bundle().rules.values()} else rule.owner


def named_rules(bundle: Bundle) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the sentence and the owner of each rule that may be named to a reader, by the rule's id."""
    named = [rule for rule in bundle.rules.values() if not rule.silent]
    return {rule.id: rule_sentence(rule) for rule in named}, {rule.id: rule_owner(rule) for rule in named}


def refusal_words(view: CaseView, item: RefusedFragment) -> str:
    """Say why a fragment is refused now. Where a rule may not be named, only what its sentence says already."""
    if item.sentence == NOTHING_TO_SHOW:
        return _(NOTHING_TO_SHOW)
    if not item.rules or any(rule not in view.rule_words or rule not in view.rule_owners for rule in item.rules):
        return item.sentence
    owners = sorted({view.rule_owners[rule] for rule in item.rules})
    return _(
        "It is not shared with you now. What would have to be true: %(rules)s Whom to ask: %(owners)s.",
        rules=joined([view.rule_words[rule] for rule in item.rules]),
        owners=joined(owners, ", "),
    )
