"""The small part of the Cedar language that policies may be written in, checked against the closed lists.

``check_text`` looks at the bytes before any parser does; the rest works on Cedar's JSON form of a parsed policy.
Whatever is not named here is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.rules import BundleRefused
from policies.schema import (
    BEYOND_STAGES,
    CONTEXT_FACTS,
    DERIVED_FACTS,
    PRINCIPAL_FACTS,
    RESOURCE_FACTS,
    fact_list,
    is_set,
)

# A thousand nested brackets end the process inside Cedar's parser, so they are counted before it sees the text.
MAX_NESTING = 16
MAX_POLICY_CHARACTERS = 3_000


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as read from its file, before it is known to be acceptable. ``body`` is Cedar's JSON form."""

    file: str
    annotations: Mapping[str, str]
    body: Mapping[str, Any]


def check_text(file: str, text: str) -> None:
    """Refuse text too deep or too long for a parser, quotations and comments not counted. Raises ``BundleRefused``."""
    depth = length = 0
    is_quoted = is_comment = is_escaped = False
    for place, character in enumerate(text):
        if is_comment:
            is_comment = character != "\n"
        elif is_quoted:
            is_quoted = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_quoted = True
        elif text.startswith("//", place):
            is_comment = True
        else:
            depth = max(0, depth + (character in "([{") - (character in ")]}"))
            length = 0 if character == ";" else length + 1
            if depth > MAX_NESTING or length > MAX_POLICY_CHARACTERS:
                limits = f"{MAX_NESTING} brackets deep and {MAX_POLICY_CHARACTERS} characters long"
                raise BundleRefused(f"{file}: expected policies at most {limits}")


def check_policy(policy: Policy, name: str) -> None:
    """Refuse a policy outside the part of the language this project uses. Raises ``BundleRefused``.

    - It may name only facts, terms of the list that the fact takes its values from, and ``&& || ! == != in contains``.
    - Its scope names neither principal nor resource. A permit holds at every stage; a forbid at every stage or at
      ``beyond``, ``export``, ``submit``. So the answer is the same at every stage within the hub, and leaving it is
      never easier than opening.
    """
    if policy.body["principal"] != {"op": "All"} or policy.body["resource"] != {"op": "All"}:
        raise BundleRefused(f"policy {name}: principal and resource may be limited in conditions only")
    scope = policy.body["action"]
    stage = (scope.get("entity") or {}).get("id")
    is_beyond = (scope["op"], stage) in {("in", "beyond"), ("==", "export"), ("==", "submit")}
    if scope != {"op": "All"} and not (is_beyond and policy.body["effect"] == "forbid"):
        raise BundleRefused(f"policy {name}: only a forbid may name a stage, and only beyond, export or submit")
    for condition in policy.body["conditions"]:
        _check_expression(condition["body"], name)


def _check_expression(expression: Any, name: str) -> None:
    pending = [expression]
    while pending:
        node = pending.pop()
        operator = next(iter(node)) if len(node) == 1 else "?"
        inner = node.get(operator)
        if operator in {"&&", "||"}:
            pending += [inner["left"], inner["right"]]
        elif operator == "!":
            pending.append(inner["arg"])
        elif operator in {"==", "!=", "in"}:
            _check_terms(_attribute(inner["left"], name), inner["right"], name)
        elif operator in {"contains", "containsAny", "containsAll"}:
            # Either way round: a fact that is a set holds terms, or a written set holds the fact.
            fact, terms = (inner["left"], inner["right"]) if "." in inner["left"] else (inner["right"], inner["left"])
            _check_terms(_attribute(fact, name), terms, name)
        elif operator == ".":
            if fact_list(_attribute(node, name)) is not None:
                raise BundleRefused(f"policy {name}: a fact that is not true or false stands alone")
        else:
            raise BundleRefused(f"policy {name}: operator {operator[:20]!r} is not one this project uses")


def _attribute(expression: Mapping[str, Any], name: str) -> str:
    owners = {"principal": PRINCIPAL_FACTS, "resource": RESOURCE_FACTS, "context": (*CONTEXT_FACTS, *DERIVED_FACTS)}
    access = expression.get(".")
    owner = access["left"].get("Var") if isinstance(access, Mapping) else None
    if access is None or owner not in owners:
        raise BundleRefused(f"policy {name}: expected an attribute of principal, resource or context")
    if access["attr"] not in owners[owner]:
        raise BundleRefused(f"policy {name}: {owner} has no attribute {access['attr'][:60]!r}")
    return str(access["attr"])


def _check_terms(fact: str, expression: Mapping[str, Any], name: str) -> None:
    terms = fact_list(fact)
    if terms is None:
        raise BundleRefused(f"policy {name}: {fact} is true or false and is compared with nothing")
    for item in expression.get("Set", [expression]):
        value = item.get("Value")
        entity = value.get("__entity") if isinstance(value, Mapping) else None
        if entity is None or entity["type"] != terms.__name__ or entity["id"] not in set(terms):
            got = "something else" if entity is None else f"{entity['type']}::{entity['id']}"[:80]
            raise BundleRefused(f"policy {name}: {fact} expects a term of {terms.__name__}, got {got}")


def terms_named(policy: Policy) -> dict[str, list[frozenset[str]]]:
    """Return the facts that a checked policy looks at, each with the sets of terms it holds the fact against.

    Two terms of a fact that stand in the same of these sets are one to the policy. A fact that is true or false has no
    sets. A fact that holds several terms has one set for each term that the policy can tell present from absent.
    """
    found: dict[str, list[frozenset[str]]] = {}
    stages = _stages_named(policy.body["action"])
    if stages:
        found["stage"] = [stages]
    pending = [condition["body"] for condition in policy.body["conditions"]]
    while pending:
        node = pending.pop()
        operator, inner = next(iter(node.items()))
        if operator in {"&&", "||"}:
            pending += [inner["left"], inner["right"]]
        elif operator == "!":
            pending.append(inner["arg"])
        elif operator == ".":
            found.setdefault(inner["attr"], [])
        else:
            # What is held against terms stands on either side, as ``_check_expression`` has made sure.
            is_first = "." in inner["left"]
            fact, terms = (inner["left"], inner["right"]) if is_first else (inner["right"], inner["left"])
            name = str(fact["."]["attr"])
            listed = frozenset(item["Value"]["__entity"]["id"] for item in terms.get("Set", [terms]))
            if is_set(name):
                # Equality, and a written set that has to hold all of the fact, also look at the terms not written.
                is_partial = operator == "containsAny" or (is_first and operator in {"contains", "containsAll"})
                looked_at = listed if is_partial else frozenset(item.value for item in fact_list(name) or ())
                found.setdefault(name, []).extend(frozenset({term}) for term in sorted(looked_at))
            else:
                found.setdefault(name, []).append(listed)
    return found


def _stages_named(scope: Mapping[str, Any]) -> frozenset[str]:
    if scope["op"] == "All":
        return frozenset()
    named = scope["entity"]["id"]
    return frozenset(stage.value for stage in BEYOND_STAGES) if named == "beyond" else frozenset({named})


def names_in_policy(policy: Policy) -> list[str]:
    """Return every attribute, entity type and term the policy speaks of, sentences left aside."""
    found: list[str] = [*policy.annotations]
    pending: list[Any] = [policy.body]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            pending.extend(item.values())
            found.extend(str(item[key]) for key in ("attr", "type", "id") if isinstance(item.get(key), str))
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, str):
            found.append(item)
    return found
