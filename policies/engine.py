"""May it? One function, ``decide``, over Cedar: default deny, forbid wins. The only module that imports cedarpy.

Cedar skips a policy whose evaluation fails; a skipped forbid would let something through, so here the answer is then
refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any

import cedarpy

from policies.language import Policy, check_text
from policies.model import Decision, Enabled, Facts, term_list
from policies.rules import BasisEntry, BundleRefused, GatewayEntry, Rule, TableRow
from policies.schema import CONTEXT_FACTS, DERIVED_FACTS, PRINCIPAL_FACTS, RESOURCE_FACTS, WITHIN_STAGES
from policies.vocabulary import Article6, Condition, Effect, Gateway, Purpose, Role

MEMO_DECISIONS = 16_384
"""How many answers are kept, over all bundles of the process."""
NO_RULE = "No rule of the agreement permits this. One that would for another purpose or role: "
NO_RULE_AT_ALL = "No rule of the agreement permits this for any purpose or role."
NOT_EVALUATED = "The agreement could not be evaluated for this question; nothing is shared until it can be."

DERIVED_FROM = {
    "gateway_in_use": ("gateway",),
    "article6_in_use": ("article6",),
    "condition_in_use": ("condition",),
    "gateway_open_to_originator": ("gateway", "originator_kind"),
    "gateway_reaches_recipient": ("gateway", "originator_kind", "recipient_kind"),
    "gateway_serves_purpose": ("gateway", "purpose"),
    "article6_fits_gateway": ("gateway", "article6"),
    "condition_fits_gateway": ("gateway", "condition"),
}
"""The facts that each derived fact is worked out from, beside the table."""

_PRINCIPAL = {"type": "Recipient", "id": "recipient"}
_RESOURCE = {"type": "Fragment", "id": "fragment"}


@dataclass(frozen=True, slots=True, eq=False)
class OwnForbids:
    """An agency's own forbids: they narrow what the agreement permits, and nothing else. Equal if their digests are."""

    digest: str
    policies: cedarpy.PolicySet

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnForbids) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A loaded agreement. Equal to another exactly if their digests are: the digest covers every byte that was read."""

    digest: str
    version: int
    agreement: str
    rules: Mapping[str, Rule]
    gateways: Mapping[Gateway, GatewayEntry]
    bases: Mapping[Article6 | Condition, BasisEntry]
    """Every Article 6 basis and every condition; none for the condition ``none``, which rests on nothing."""
    rows: tuple[TableRow, ...]
    schema: cedarpy.Schema
    policies: cedarpy.PolicySet
    permits: cedarpy.PolicySet
    """The permits alone: what a refusal that no rule determined is explained from."""
    parsed: Mapping[str, Policy]
    """Each policy as it was read, by its id: what an analysis takes apart."""
    own: OwnForbids | None = None
    """What an agency forbids besides, for its own fragments. Nobody else knows of it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bundle) and (self.digest, self.own) == (other.digest, other.own)

    def __hash__(self) -> int:
        return hash((self.digest, self.own))

    def enabled(self, at: date) -> Enabled:
        """Return what the agreement relies on at a date (a day in UTC; of a ``datetime`` its day counts)."""
        day = date(at.year, at.month, at.day)
        bases = {code for code, entry in self.bases.items() if _has_begun(entry.enabled_from, day)}
        return Enabled(
            gateways=frozenset(name for name, entry in self.gateways.items() if _has_begun(entry.enabled_from, day)),
            article6=frozenset(code for code in Article6 if code in bases),
            conditions=frozenset(code for code in Condition if code is Condition.NONE or code in bases),
        )


def _has_begun(first: date | None, day: date) -> bool:
    return first is not None and first <= day


def parse_schema(text: str) -> cedarpy.Schema:
    """Parse a Cedar schema. Raises ``BundleRefused``."""
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise BundleRefused("schema.cedarschema: not a Cedar schema") from error


def parse_policies(file: str, text: str) -> list[Policy]:
    """Read the policies of one file. Raises ``BundleRefused`` for anything that is not a list of plain policies."""
    check_text(file, text)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except (ValueError, RecursionError) as error:
        raise BundleRefused(f"{file}: not a list of Cedar policies (or an annotation stands twice)") from error
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise BundleRefused(f"{file}: expected plain policies, found a template")
    return [Policy(file, body.pop("annotations", {}), body) for body in parsed["staticPolicies"].values()]


def compile_policies(policies: Mapping[str, Policy], schema: cedarpy.Schema) -> cedarpy.PolicySet:
    """Return the evaluable set, each policy under its own id. Raises ``BundleRefused`` where one fails the schema."""
    document = _document(policies)
    try:
        compiled = _as_set(policies)
        text = cedarpy.policies_from_json_str(document)
        result = cedarpy.validate_policies(text, schema)
    except ValueError as error:
        raise BundleRefused("policies: cannot be put together as one set") from error
    if not result.validation_passed:
        by_position = result.id_annotations_by_policy_id
        names = sorted({by_position.get(found.policy_id, "?") for found in result.errors})
        raise BundleRefused(f"policies {term_list(names[:5])}: do not fit the schema (an attribute, a term or a type)")
    return compiled


def _document(policies: Mapping[str, Policy]) -> str:
    bodies = {name: {**policy.body, "annotations": {"id": name}} for name, policy in policies.items()}
    return json.dumps({"templates": {}, "staticPolicies": bodies, "templateLinks": []})


def _as_set(policies: Mapping[str, Policy]) -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_json_str(_document(policies))


def decide(bundle: Bundle, facts: Facts) -> Decision:
    """Answer one question under one agreement. Pure, and memoised per bundle digest and facts.

    Permit only if at least one permit applies and no forbid does. ``rules`` are the ids that determined the answer,
    sorted; none where nothing permits. ``missing`` says, for a refusal, what would have to be true.
    """
    return _decide(bundle, facts)


@lru_cache(maxsize=MEMO_DECISIONS)
def _decide(bundle: Bundle, facts: Facts) -> Decision:
    answer = _ask(bundle.policies, bundle, facts)
    if answer is None:
        return Decision(Effect.REFUSE, (), (NOT_EVALUATED,))
    is_allowed, rules = answer
    if is_allowed and rules:
        return Decision(Effect.PERMIT, rules) if bundle.own is None else _decide_own(bundle, bundle.own, facts, rules)
    missing = tuple(bundle.rules[name].sentence for name in rules) if rules else _nearest(bundle, facts)
    return Decision(Effect.REFUSE, rules, missing)


class NotEvaluated(ValueError):
    """Cedar could not evaluate a policy for a question; no analysis may go on as if it did not apply."""


def applying(bundle: Bundle, facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of the permits and of the forbids that apply to a question. Raises ``NotEvaluated``."""
    given, whole = _ask(bundle.permits, bundle, facts), _ask(bundle.policies, bundle, facts)
    if given is None or whole is None:
        raise NotEvaluated(NOT_EVALUATED)
    return given[1], () if whole[0] else whole[1]


def answers_of_one(policy: Policy, questions: Iterable[tuple[Facts, Mapping[str, bool]]]) -> Iterator[bool]:
    """Ask Cedar of one policy alone, question by question as they are taken: whether it applies.

    The derived facts stand beside each question, so that a policy can be asked about every combination of them, also
    those that no table of gateways makes. Raises ``NotEvaluated``.
    """
    alone = _as_set({"alone": policy})
    for facts, derived in questions:
        request, entities = _request(facts, derived)
        result = cedarpy.is_authorized(request, alone, entities)
        if result.diagnostics.errors or result.decision not in (cedarpy.Decision.Allow, cedarpy.Decision.Deny):
            raise NotEvaluated(f"{policy.file}: Cedar could not evaluate a policy")
        yield bool(result.diagnostics.reasons)


def _decide_own(bundle: Bundle, own: OwnForbids, facts: Facts, permits: tuple[str, ...]) -> Decision:
    """Ask the agency's own forbids about what the agreement permits."""
    answer = _ask(own.policies, bundle, facts)
    if answer is None:
        return Decision(Effect.REFUSE, (), (NOT_EVALUATED,))
    if answer[1]:
        return Decision(Effect.REFUSE, answer[1], tuple(bundle.rules[name].sentence for name in answer[1]))
    return Decision(Effect.PERMIT, permits)


def _nearest(bundle: Bundle, facts: Facts) -> tuple[str, ...]:
    """Say which permits would apply if only the purpose, or only the roles, were others."""
    others = [replace(facts, purpose=purpose) for purpose in Purpose if purpose is not facts.purpose]
    others += [replace(facts, recipient_roles=(role,)) for role in Role if (role,) != facts.recipient_roles]
    answers = [_ask(bundle.permits, bundle, other) for other in others]
    names = sorted({name for answer in answers if answer is not None for name in answer[1]})
    return tuple(NO_RULE + bundle.rules[name].sentence for name in names) or (NO_RULE_AT_ALL,)


def _ask(policies: cedarpy.PolicySet, bundle: Bundle, facts: Facts) -> tuple[bool, tuple[str, ...]] | None:
    """Ask Cedar: whether it allows, and the sorted ids that determined it. None if a policy could not be evaluated."""
    request, entities = _request(facts, derive(bundle, facts))
    result = cedarpy.is_authorized(request, policies, entities)
    is_answer = result.decision in (cedarpy.Decision.Allow, cedarpy.Decision.Deny)
    if result.diagnostics.errors or not is_answer:
        return None
    return result.decision is cedarpy.Decision.Allow, tuple(sorted(result.diagnostics.reasons))


def _request(facts: Facts, derived: Mapping[str, bool]) -> tuple[dict[str, Any], str]:
    context = {**_attributes(facts, CONTEXT_FACTS), **derived}
    group = "within" if facts.stage in WITHIN_STAGES else "beyond"
    request = {
        "principal": _PRINCIPAL,
        "action": {"type": "Action", "id": facts.stage.value},
        "resource": _RESOURCE,
        "context": context,
    }
    entities = [
        {"uid": _PRINCIPAL, "attrs": _attributes(facts, PRINCIPAL_FACTS), "parents": []},
        {"uid": _RESOURCE, "attrs": _attributes(facts, RESOURCE_FACTS), "parents": []},
        {"uid": request["action"], "attrs": {}, "parents": [{"type": "Action", "id": group}]},
    ]
    return request, json.dumps(entities)


def derive(bundle: Bundle, facts: Facts) -> dict[str, bool]:
    """Work out the facts that depend on the bundle's tables of gateways and bases. A gateway it lacks fits nothing.

    ``..._in_use`` is the bundle's own word on what is switched off, whatever day the asker compared.
    """
    entry = bundle.gateways.get(facts.gateway)
    checks: dict[str, Callable[[GatewayEntry], bool]] = {
        "gateway_in_use": lambda it: it.enabled_from is not None,
        "gateway_open_to_originator": lambda it: facts.originator_kind in it.originators,
        "gateway_reaches_recipient": lambda it: it.reaches(facts.originator_kind, facts.recipient_kind),
        "gateway_serves_purpose": lambda it: facts.purpose in it.purposes,
        "article6_fits_gateway": lambda it: facts.article6 in it.article6,
        "condition_fits_gateway": lambda it: facts.condition in it.conditions,
    }
    fits = {name: entry is not None and check(entry) for name, check in checks.items()}
    fits["article6_in_use"] = _is_in_use(bundle, facts.article6)
    fits["condition_in_use"] = facts.condition is Condition.NONE or _is_in_use(bundle, facts.condition)
    return {name: fits[name] for name in DERIVED_FACTS}


def _is_in_use(bundle: Bundle, code: Article6 | Condition) -> bool:
    entry = bundle.bases.get(code)
    return entry is not None and entry.enabled_from is not None


def _attributes(facts: Facts, names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(getattr(facts, name)) for name in names}


def _value(value: object) -> Any:
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if isinstance(value, StrEnum):
        return {"__entity": {"type": type(value).__name__, "id": value.value}}
    return value
