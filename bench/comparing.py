"""Agreements: a push decided from memory against Cedar asked for each, the same answers, and a whole comparison."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import cedarpy

from bench.deciding import push_facts
from bench.material import AgencyKeys
from bench.measuring import Bench, Result
from bench.scale import Scale
from policies import engine
from policies.bundles import Bundle, load_bundle
from policies.diff import compare
from policies.model import Facts
from policies.vocabulary import Purpose, Role

SEED = 20_260_701


def measure_comparing(bench: Bench, scale: Scale, agencies: dict[str, AgencyKeys]) -> list[Result]:
    """A push whose facts are built once and answered from memory; and the difference of two agreements."""
    bundle = load_bundle()
    with bench.step("the same answers", 1) as advance:
        _require_same_answers(bundle, scale.generated)
        advance()
    ask = push_facts(scale, agencies, bundle)

    def decide_push() -> Sequence[bool]:
        return [engine.decide(bundle, facts).is_permit for facts in ask()]

    def ask_cedar_each() -> Sequence[bool]:
        return [_ask_bare(bundle, facts) for facts in ask()]

    if decide_push() != ask_cedar_each():
        raise RuntimeError("the engine and bare Cedar disagree about a push")
    changed = _without_one_permit(bundle)
    asked = compare(bundle, changed).space.asked
    questions = [_request(bundle, row.facts) for row in bundle.rows]
    questions = [questions[number % len(questions)] for number in range(asked)]

    def compare_all() -> object:
        return compare(bundle, changed)

    def ask_as_often() -> object:
        return [cedarpy.is_authorized(request, bundle.policies, entities) for request, entities in questions]

    return [
        *bench.compare(("decide.push.cedar_each",), decide_push, (ask_cedar_each,)),
        *bench.compare(("policy.diff.cedar_as_often",), compare_all, (ask_as_often,), divide_rounds_by=10),
    ]


def _without_one_permit(bundle: Bundle) -> Bundle:
    parsed = {name: policy for name, policy in bundle.parsed.items() if name != "own-staff-read-own-records"}
    rules = {name: rule for name, rule in bundle.rules.items() if name in parsed}
    return replace(bundle, digest="without one permit", parsed=parsed, rules=rules)


def _require_same_answers(bundle: Bundle, count: int) -> None:
    """Ask generated questions of both. Half are near to a permitted one: blind draws are nearly all refused."""
    draw = random.Random(SEED)
    known: list[Facts] = [row.facts for row in bundle.rows]
    permitted = 0
    for _ in range(count):
        facts, other = draw.choice(known), draw.choice(known)
        name = draw.choice([item.name for item in fields(Facts)])
        changed: dict[str, Any] = {name: getattr(other, name)}
        if draw.random() < 0.5:
            changed["purpose"] = draw.choice(list(Purpose))
            changed["recipient_roles"] = tuple(sorted(draw.sample(list(Role), draw.randint(0, 3))))
        asked = replace(facts, **changed)
        answer = engine.decide(bundle, asked).is_permit
        permitted += answer
        if answer is not _ask_bare(bundle, asked):
            raise RuntimeError("the engine and bare Cedar disagree about a generated question")
    if not 0 < permitted < count:
        raise RuntimeError("the generated questions are all permitted, or all refused")


def _request(bundle: Bundle, facts: Facts) -> tuple[dict[str, Any], str]:
    # What Cedar is asked is private to the engine.
    return engine._request(facts, engine.derive(bundle, facts))


def _ask_bare(bundle: Bundle, facts: Facts) -> bool:
    request, entities = _request(bundle, facts)
    return cedarpy.is_authorized(request, bundle.policies, entities).decision is cedarpy.Decision.Allow
