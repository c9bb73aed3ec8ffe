"""Whether the rows of an agreement would notice a weaker one: each policy is taken out, and each of its conditions.

A change that no row notices is one that could be made, or slip in, without a test failing. Which policies apply to a
row is asked of Cedar once; a changed policy is asked alone, so that a run takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from policies.engine import Bundle, answers_of_one, applying, derive
from policies.language import Policy
from policies.rules import TableRow
from policies.space import Space
from policies.vocabulary import Effect


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: to which policy, what it is, and the policy as it then reads (None: taken out)."""

    rule: str
    change: str
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class MutationReport:
    """How many changes were tried, which of them no row notices, and which change no answer to any question."""

    tried: int
    unnoticed: tuple[Mutant, ...]
    without_effect: tuple[Mutant, ...]

    @property
    def is_passed(self) -> bool:
        """Whether there was something to change and a row noticed every change that changes an answer."""
        return self.tried > 0 and not self.unnoticed


def mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Yield every change: each policy taken out; of each condition, each part joined by ``&&`` left away."""
    for name, policy in bundle.parsed.items():
        yield Mutant(name, "taken out", None)
        conditions = list(policy.body["conditions"])
        for place, condition in enumerate(conditions):
            parts = _parts(condition["body"])
            for number in range(len(parts)):
                left = parts[:number] + parts[number + 1 :]
                kept = [{**condition, "body": _joined(left)}] if left else []
                body = {**policy.body, "conditions": conditions[:place] + kept + conditions[place + 1 :]}
                change = f"without part {number + 1} of {len(parts)} of its {condition['kind']}"
                yield Mutant(name, change, replace(policy, body=body))


def run_mutants(bundle: Bundle) -> MutationReport:
    """Hold every change against the rows of a bundle. Raises ``NotEvaluated`` where Cedar cannot answer.

    A change that no row notices is compared over all questions: a condition may repeat what another policy says.
    """
    asked = [(row, *_applying(bundle, row)) for row in bundle.rows]
    # A row that fails already would seem to notice everything.
    rows = [item for item in asked if _answer(*item[1:]) == (item[0].effect, item[0].rules)]
    tried = 0
    unnoticed: list[Mutant] = []
    without_effect: list[Mutant] = []
    for mutant in mutants(bundle):
        tried += 1
        if not _is_noticed(bundle, mutant, rows):
            (unnoticed if _changes_an_answer(bundle, mutant) else without_effect).append(mutant)
    return MutationReport(tried, tuple(unnoticed), tuple(without_effect))


Row = tuple[TableRow, frozenset[str], frozenset[str]]


def _is_noticed(bundle: Bundle, mutant: Mutant, rows: Sequence[Row]) -> bool:
    # The files whose rows name the rule come first: that is where a row that notices most likely stands.
    files = {row.file for row in bundle.rows if mutant.rule in row.rules}
    ordered = sorted(rows, key=lambda item: item[0].file not in files)
    questions = ((row.facts, derive(bundle, row.facts)) for row, _, _ in ordered)
    answers = repeat(False) if mutant.policy is None else answers_of_one(mutant.policy, questions)
    is_permit = bundle.rules[mutant.rule].effect is Effect.PERMIT
    for (row, permits, forbids), is_applying in zip(ordered, answers, strict=False):
        others = (permits if is_permit else forbids) - {mutant.rule}
        now = others | {mutant.rule} if is_applying else others
        if _answer(*((now, forbids) if is_permit else (permits, now))) != (row.effect, row.rules):
            return True
    return False


def _changes_an_answer(bundle: Bundle, mutant: Mutant) -> bool:
    parsed = {name: policy for name, policy in bundle.parsed.items() if name != mutant.rule}
    if mutant.policy is not None:
        parsed[mutant.rule] = mutant.policy
    rules = {name: rule for name, rule in bundle.rules.items() if name in parsed}
    changed = replace(bundle, digest="changed", parsed=parsed, rules=rules)
    space = Space((bundle, changed))
    return space.permitted(bundle) != space.permitted(changed)


def _applying(bundle: Bundle, row: TableRow) -> tuple[frozenset[str], frozenset[str]]:
    permits, forbids = applying(bundle, row.facts)
    return frozenset(permits), frozenset(forbids)


def _answer(permits: frozenset[str], forbids: frozenset[str]) -> tuple[Effect, tuple[str, ...]]:
    if forbids or not permits:
        return Effect.REFUSE, tuple(sorted(forbids))
    return Effect.PERMIT, tuple(sorted(permits))


def _parts(expression: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "&&" not in expression:
        return [expression]
    return [*_parts(expression["&&"]["left"]), *_parts(expression["&&"]["right"])]


def _joined(parts: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = parts[0]
    for part in parts[1:]:
        found = {"&&": {"left": found, "right": part}}
    return found
