"""An answer in a plain sentence: in full for those who govern the sharing, and in a safe form for whoever asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from policies.engine import NOT_EVALUATED, Bundle, NotEvaluated, applying, decide, derive
from policies.model import Basis, Decision, Facts
from policies.rules import BasisEntry, GatewayEntry, Rule
from policies.vocabulary import Article6, Condition, Gateway

NOTHING_TO_SHOW = (
    "There is nothing here that can be shown to you. "
    "If you expected something, ask your own agency's information governance officer."
)
UNCONFIRMED_MARK = "unconfirmed"
"""Stands beside the name of every gateway and basis that nobody has checked against the law, wherever one is used."""
UNCONFIRMED = "Nobody has checked this entry against the law (confirmed_by: none)."


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


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything about one answer, for information governance officers and auditors only.

    ``forbids`` and ``permits`` are all rules that apply, also the permits that a forbid overrules. ``nearest`` says
    which permit would apply for another purpose or role, where none does. ``gateway`` is the entry relied on, None
    where the agreement has none; ``bases`` the Article 6 basis and the condition named; ``derived`` what
    was worked out from them.
    """

    facts: Facts
    decision: Decision
    forbids: tuple[Rule, ...]
    permits: tuple[Rule, ...]
    nearest: tuple[str, ...]
    gateway: GatewayEntry | None
    bases: tuple[BasisEntry, ...]
    derived: tuple[tuple[str, bool], ...]
    safe: str
    is_evaluated: bool = True

    @property
    def whom_to_ask(self) -> tuple[str, ...]:
        """The owners of the rules in the way; where none is, whoever shares the record decides."""
        return tuple(sorted({rule.owner for rule in self.forbids}))


def trace(bundle: Bundle, facts: Facts) -> Trace:
    """Answer a question and keep all that the answer rests on. Pure."""
    decision = decide(bundle, facts)
    is_evaluated = True
    try:
        permits, forbids = applying(bundle, facts)
    except NotEvaluated:
        permits, forbids, is_evaluated = (), (), False
    return Trace(
        facts=facts,
        decision=decision,
        forbids=tuple(bundle.rules[name] for name in forbids),
        permits=tuple(bundle.rules[name] for name in permits),
        nearest=() if permits or forbids else decision.missing,
        gateway=bundle.gateways.get(facts.gateway),
        bases=tuple(bundle.bases[code] for code in (facts.article6, facts.condition) if code in bundle.bases),
        derived=tuple(derive(bundle, facts).items()),
        safe=explain_safely(decision, bundle),
        is_evaluated=is_evaluated,
    )


def render_trace(found: Trace, at: date) -> list[str]:
    """Return a trace in lines: the answer, why, what would have to be true, whom to ask, and what was asked.

    ``at`` is the day on which reviews are looked at.
    """
    lines = _permit_lines(found, at) if found.decision.is_permit else _refusal_lines(found, at)
    lines += ["", "What the person who asked is told:", f"  {found.safe}"]
    lines += ["", "The gateway:", *_gateway_lines(found)]
    lines += ["", "The bases:", *(line for entry in found.bases for line in _entry_lines(entry.code.value, entry))]
    lines += ["", "What was asked:"]
    for name, value in found.facts.to_json().items():
        lines.append(f"  {name}: {_say(value)}")
    return [
        *lines,
        "",
        "Worked out from these entries:",
        *(f"  {name}: {_say(is_so)}" for name, is_so in found.derived),
    ]


def overdue(bundle: Bundle, at: date) -> list[str]:
    """Return a warning for each rule whose review is overdue at a day. An overdue rule holds all the same."""
    return [f"Warning: {_overdue(rule)}" for rule in bundle.rules.values() if rule.is_overdue(at)]


def unconfirmed(bundle: Bundle) -> list[str]:
    """Return a line for each gateway and basis that is relied on although nobody has checked it against the law."""
    return [
        f"{name.value} is relied on from {entry.enabled_from}, and nobody has checked its entry against the law."
        for name, entry in entries(bundle).items()
        if entry.enabled_from is not None and not entry.is_confirmed
    ]


def say_unconfirmed(bundle: Bundle) -> str:
    """Return in one line which gateways and bases are relied on that nobody has checked; empty where all are."""
    codes = [name.value for name, entry in entries(bundle).items() if entry.enabled_from and not entry.is_confirmed]
    said = f"{len(codes)} gateways and bases are relied on that nobody has checked against the law"
    return f"{UNCONFIRMED_MARK}: {said}: {', '.join(codes)}" if codes else ""


def entries(bundle: Bundle) -> dict[Gateway | Article6 | Condition, GatewayEntry | BasisEntry]:
    """Return the entries of an agreement's tables of gateways and of bases."""
    found: dict[Gateway | Article6 | Condition, GatewayEntry | BasisEntry] = {}
    found.update(bundle.gateways.items())
    found.update(bundle.bases.items())
    return found


def named(bundle: Bundle, term: StrEnum) -> str:
    """Return the code of a gateway or basis, marked where nobody has checked its entry against the law."""
    entry = next((item for name, item in entries(bundle).items() if name is term), None)
    return term.value if entry is None or entry.is_confirmed else f"{term.value} ({UNCONFIRMED_MARK})"


def named_basis(bundle: Bundle, basis: Basis) -> str:
    """Return the codes a sharing rests on, for a person: gateway, Article 6 basis, condition."""
    return ", ".join(named(bundle, term) for term in (basis.gateway, basis.article6, basis.condition))


def _permit_lines(found: Trace, at: date) -> list[str]:
    facts = found.facts
    lines = ["Permitted.", "", "By which rules:", *_rule_lines(found.permits, at)]
    unchecked: set[StrEnum] = {item.code for item in found.bases if not item.is_confirmed}
    if found.gateway is not None and not found.gateway.is_confirmed:
        unchecked.add(found.gateway.gateway)
    said = [
        f"{term.value} ({UNCONFIRMED_MARK})" if term in unchecked else term.value
        for term in (facts.gateway, facts.article6, facts.condition)
    ]
    basis = f"  gateway {said[0]}, Article 6 basis {said[1]}, condition {said[2]}"
    return [*lines, "", "On which basis:", basis]


def _refusal_lines(found: Trace, at: date) -> list[str]:
    if not found.is_evaluated:
        return ["Refused: " + NOT_EVALUATED]
    if found.forbids:
        lines = ["Refused: forbidden.", "", "By which rules:", *_rule_lines(found.forbids, at)]
        lines += ["", "What would have to be true:", *(f"  {rule.sentence}" for rule in found.forbids)]
        if found.permits:
            lines += [
                "  Then it would be permitted by:",
                *(f"    {rule.id}: {rule.sentence}" for rule in found.permits),
            ]
        else:
            lines.append("  That alone would not do: no rule of the agreement permits this either.")
        return [*lines, "", "Whom to ask:", *(f"  {owner}" for owner in found.whom_to_ask)]
    lines = ["Refused: permitted by no rule.", "", "What would have to be true:"]
    return [*lines, *(f"  {text}" for text in found.nearest), "", "Whom to ask:", "  the originating agency"]


def _rule_lines(rules: tuple[Rule, ...], at: date) -> list[str]:
    lines = []
    for rule in rules:
        lines += [f"  {rule.id}: {rule.sentence}", f"    clause: {rule.clause}", f"    owner: {rule.owner}"]
        lines.append(f"    to be reviewed by {rule.review_date.isoformat()}")
        if rule.is_overdue(at):
            lines.append(f"    Warning: {_overdue(rule)}")
    return lines


def _overdue(rule: Rule) -> str:
    return f"the review of {rule.id} was due on {rule.review_date.isoformat()}; ask its owner: {rule.owner}."


def _gateway_lines(found: Trace) -> list[str]:
    entry = found.gateway
    if entry is None:
        return [f"  {found.facts.gateway.value}: the agreement has no such gateway"]
    return _entry_lines(entry.gateway.value, entry)


def _entry_lines(name: str, entry: GatewayEntry | BasisEntry) -> list[str]:
    since = "switched off" if entry.enabled_from is None else f"relied on from {entry.enabled_from.isoformat()}"
    confirmed = f"Checked against the law: {entry.confirmed_by}." if entry.is_confirmed else UNCONFIRMED
    return [f"  {name}: {entry.title}; {since}", f"  {entry.law}", f"  {confirmed}"]


def _say(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
