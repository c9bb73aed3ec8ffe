"""The whole space of questions, as two agreements see it: what they cannot tell apart is one, the rest is every answer.

How a bundle becomes sets of questions, without a second evaluator:

1. Each fact is a variable (a fact that holds several terms: one variable a term). Values that no policy and no table of
   gateways of any of the bundles tells apart are one value.
2. Each policy looks at few facts. Cedar is asked of that policy alone, once for every combination of them: the answers
   are the set of questions to which it applies.
3. The facts derived from a bundle's table of gateways are put in by the engine's own ``derive``.
4. Cedar's rule (default deny, forbid wins) makes the answer: in some permit's set and in no forbid's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from policies.diagram import EVERYTHING, NOTHING, Diagrams
from policies.engine import DERIVED_FROM, Bundle, answers_of_one, derive
from policies.language import terms_named
from policies.model import Facts
from policies.schema import fact_list, is_set
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Article6,
    CaseStage,
    Category,
    Condition,
    ConsentState,
    Effect,
    Gateway,
    HandlingCode,
    MembershipState,
    Purpose,
    Stage,
)

MAX_COMBINATIONS = 50_000
"""Of the facts one policy looks at. A policy that needs more has to be split before it can be compared."""

# What a table of access has as its rows and columns comes first: below one of its cells is one part of the diagram.
ORDER = (
    "recipient_roles",
    "recipient_kind",
    "purpose",
    "category",
    "stage",
    "same_agency",
    "originator_kind",
    "gateway",
    "article6",
    "condition",
    "age_path",
    "case_stage",
    "consent_state",
    "consent_covers",
    "originator_release",
    "handling_code",
    "handling_instructions",
    "membership",
    "gateway_enabled",
    "article6_enabled",
    "condition_enabled",
    "basis_expired",
    "break_glass",
)
_ANY = Facts(
    stage=Stage.PULL,
    originator_kind=AgencyKind.POLICE,
    recipient_kind=AgencyKind.POLICE,
    recipient_roles=(),
    same_agency=False,
    membership=MembershipState.ACTIVE,
    age_path=AgePath.CHILD,
    case_stage=CaseStage.BEFORE_REFERRAL,
    category=Category.IDENTITY,
    handling_code=HandlingCode.P,
    handling_instructions=(),
    originator_release=False,
    purpose=Purpose.SAFEGUARDING,
    gateway=Gateway.CA1989_S17,
    article6=Article6.A6_C,
    condition=Condition.NONE,
    consent_state=ConsentState.NONE_RECORDED,
    consent_covers=False,
    gateway_enabled=True,
    article6_enabled=True,
    condition_enabled=True,
    basis_expired=False,
    break_glass=False,
)


class AnalysisRefused(ValueError):
    """Two bundles cannot be compared, or one not drawn. The text names the policy, what was expected and found."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A fact, or one term that a fact holds or does not, with its values in groups that no bundle tells apart."""

    fact: str
    term: Any
    """The term of a fact that holds several, else None."""
    groups: tuple[tuple[Any, ...], ...]


class Space:
    """The questions as some bundles see them, and the answers of each bundle as sets of questions."""

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        """Find the groups of values. Raises ``AnalysisRefused`` where a policy looks at too much at once."""
        self.bundles = tuple(bundles)
        self._named = [{name: terms_named(policy) for name, policy in item.parsed.items()} for item in bundles]
        self._tables = [_tables(bundle) for bundle in bundles]
        self.variables = tuple(variable for fact in ORDER for variable in self._variables(fact))
        self.places = {(item.fact, item.term): place for place, item in enumerate(self.variables)}
        weights = [[len(group) for group in item.groups] for item in self.variables]
        self.diagrams = Diagrams([len(item.groups) for item in self.variables], weights)
        self.asked = 0
        """How often Cedar was asked."""
        self._numbers = [
            {value: number for number, group in enumerate(item.groups) for value in group} for item in self.variables
        ]
        self._alike: dict[tuple[str, tuple[int, ...]], int] = {}
        """Sets that are known, by the policy's own text and the sets of the derived facts that it looks at."""
        self._sets = [self._rule_sets(place) for place in range(len(self.bundles))]

    @property
    def questions(self) -> int:
        """How many different questions there are."""
        return self.diagrams.count(EVERYTHING)

    @property
    def combinations(self) -> int:
        """How many combinations of groups of values there are: the questions, those told apart by nothing once."""
        return prod(self.diagrams.sizes)

    def rule_sets(self, bundle: Bundle) -> Mapping[str, int]:
        """Return for each rule of a bundle the set of questions to which it applies."""
        return self._sets[self.bundles.index(bundle)]

    def applying(self, bundle: Bundle, effect: Effect) -> int:
        """Return the questions to which any permit, or any forbid, of a bundle applies."""
        sets = self.rule_sets(bundle)
        return self.diagrams.union([sets[name] for name, rule in bundle.rules.items() if rule.effect is effect])

    def permitted(self, bundle: Bundle) -> int:
        """Return the questions that a bundle answers with permit: some permit applies and no forbid."""
        return self.diagrams.minus(self.applying(bundle, Effect.PERMIT), self.applying(bundle, Effect.REFUSE))

    def point(self, facts: Facts) -> tuple[int, ...]:
        """Return where a question lies."""
        return tuple(
            numbers[getattr(facts, item.fact) if item.term is None else item.term in getattr(facts, item.fact)]
            for item, numbers in zip(self.variables, self._numbers, strict=True)
        )

    def facts(self, point: Sequence[int]) -> Facts:
        """Return one question of those that lie at a point."""
        values: dict[str, Any] = {}
        for item, number in zip(self.variables, point, strict=True):
            value = item.groups[number][0]
            if item.term is None:
                values[item.fact] = value
            else:
                values[item.fact] = (*values.get(item.fact, ()), item.term) if value else values.get(item.fact, ())
        return replace(_ANY, **{name: _sorted(value) for name, value in values.items()})

    def number(self, fact: str, value: Any) -> int:
        """Return the number of the group that a value of a fact is in."""
        return self._numbers[self.places[fact, None]][value]

    def values(self, place: int, bits: int) -> tuple[Any, ...]:
        """Return the real values that bits of a variable stand for."""
        groups = self.variables[place].groups
        return tuple(value for number, group in enumerate(groups) if bits >> number & 1 for value in group)

    def where(self, fact: str, *values: Any) -> int:
        """Return the questions whose fact has one of the values; of a fact that holds several: holds any of them.

        With a value come those that no bundle tells apart from it. So the set is right to ask whether any such question
        is permitted, and its complement is not: say what is left positively.
        """
        if not is_set(fact):
            place = self.places[fact, None]
            return self.diagrams.where(place, sum({1 << self._numbers[place][value] for value in values}))
        places = [self.places[fact, value] for value in values]
        return self.diagrams.union([self.diagrams.where(place, 1 << self._numbers[place][True]) for place in places])

    @property
    def without_consent(self) -> int:
        """The questions about which no consent is given that covers the sharing."""
        states = (state for state in ConsentState if state is not ConsentState.GIVEN)
        return self.diagrams.either(self.where("consent_state", *states), self.where("consent_covers", False))

    def _variables(self, fact: str) -> list[Variable]:
        sets = [found for named in self._named for looked_at in named.values() for found in looked_at.get(fact, ())]
        terms = Stage if fact == "stage" else fact_list(fact)
        if is_set(fact):
            told = {term for found in sets for term in found}
            return [
                Variable(fact, term, ((False,), (True,)) if term in told else ((False, True),)) for term in terms or ()
            ]
        if terms is None:
            is_told = any(fact in looked_at for named in self._named for looked_at in named.values())
            return [Variable(fact, None, ((False,), (True,)) if is_told else ((False, True),))]
        groups: dict[Any, list[Any]] = {}
        for term in terms:
            told_by = (tuple(term in found for found in sets), *(self._table_lines(fact, term)))
            groups.setdefault(told_by, []).append(term)
        return [Variable(fact, None, tuple(tuple(group) for group in groups.values()))]

    def _table_lines(self, fact: str, value: Any) -> list[Any]:
        """What the tables of gateways say of one value of a fact, as far as a policy of the bundle asks for it."""
        lines = []
        for named, tables in zip(self._named, self._tables, strict=True):
            for derived, facts in DERIVED_FROM.items():
                if fact in facts and any(derived in looked_at for looked_at in named.values()):
                    place = facts.index(fact)
                    table = tables[derived].items()
                    lines.append(tuple(answer for values, answer in table if values[place] == value))
        return lines

    def _rule_sets(self, place: int) -> dict[str, int]:
        derived = {name: self._derived_set(self._tables[place][name], name) for name in DERIVED_FROM}
        named = self._named[place]
        return {name: self._rule_set(self.bundles[place], name, named[name], derived) for name in named}

    def _derived_set(self, table: Mapping[tuple[Any, ...], bool], name: str) -> int:
        places = [self.places[fact, None] for fact in DERIVED_FROM[name]]
        found = NOTHING
        for numbers in product(*(range(len(self.variables[place].groups)) for place in places)):
            values = tuple(self.variables[at].groups[number][0] for at, number in zip(places, numbers, strict=True))
            if table[values]:
                box = list(self.diagrams.full)
                for at, number in zip(places, numbers, strict=True):
                    box[at] = 1 << number
                found = self.diagrams.either(found, self.diagrams.box(tuple(box)))
        return found

    def _rule_set(
        self, bundle: Bundle, name: str, looked_at: Mapping[str, Sequence[frozenset[str]]], derived: Mapping[str, int]
    ) -> int:
        """Ask Cedar of one policy for every combination of what it looks at; return where it applies.

        Most policies stand in both agreements of a comparison: of one that says the same, Cedar is asked once.
        """
        body = json.dumps(bundle.parsed[name].body, sort_keys=True)
        key = (body, tuple(derived[fact] for fact in DERIVED_FROM if fact in looked_at))
        if key not in self._alike:
            self._alike[key] = self._asked_set(bundle, name, looked_at, derived)
        return self._alike[key]

    def _asked_set(
        self, bundle: Bundle, name: str, looked_at: Mapping[str, Sequence[frozenset[str]]], derived: Mapping[str, int]
    ) -> int:
        places = [place for place, item in enumerate(self.variables) if _is_looked_at(item, looked_at)]
        local = [_local_groups(self.variables[place], looked_at[self.variables[place].fact]) for place in places]
        asked_derived = [fact for fact in DERIVED_FROM if fact in looked_at]
        combinations = prod(len(groups) for groups in local) * 2 ** len(asked_derived)
        if combinations > MAX_COMBINATIONS:
            raise AnalysisRefused(
                f"policy {name}: looks at {combinations:,} combinations of facts, expected at most "
                f"{MAX_COMBINATIONS:,}; split it in two"
            )
        found = NOTHING
        for truths in product((False, True), repeat=len(asked_derived)):
            said = {**dict.fromkeys(DERIVED_FROM, False), **dict(zip(asked_derived, truths, strict=True))}
            questions = [(self._question(places, chosen), said) for chosen in product(*local)]
            answers = answers_of_one(bundle.parsed[name], questions)
            self.asked += len(questions)
            here = self._build(places, local, 0, answers)
            for fact in asked_derived:
                part = derived[fact] if said[fact] else self.diagrams.other(derived[fact])
                here = self.diagrams.both(here, part)
            found = self.diagrams.either(found, here)
        return found

    def _question(self, places: Sequence[int], chosen: Sequence[tuple[int, ...]]) -> Facts:
        point = [0] * len(self.variables)
        for place, numbers in zip(places, chosen, strict=True):
            point[place] = numbers[0]
        return self.facts(point)

    def _build(self, places: Sequence[int], local: Sequence[Any], depth: int, answers: Any) -> int:
        if depth == len(places):
            return EVERYTHING if next(answers) else NOTHING
        branches = [NOTHING] * len(self.variables[places[depth]].groups)
        for numbers in local[depth]:
            below = self._build(places, local, depth + 1, answers)
            for number in numbers:
                branches[number] = below
        return self.diagrams.node(places[depth], tuple(branches))

    @property
    def growing_orders(self) -> tuple[tuple[int, ...], ...]:
        """Orders in which a sentence lets go of the facts it can do without; which is shorter is found by trying."""
        last = range(len(self.variables))[::-1]
        orders = []
        for first in ((), ("category",), ("purpose", "category"), ("recipient_roles",)):
            early = [place for fact in first for place in last if self.variables[place].fact == fact]
            orders.append((*early, *(place for place in last if place not in early)))
        return tuple(orders)


def _is_looked_at(item: Variable, looked_at: Mapping[str, Sequence[frozenset[str]]]) -> bool:
    if item.term is None:
        return item.fact in looked_at
    return any(item.term in found for found in looked_at.get(item.fact, ()))


def _local_groups(item: Variable, sets: Sequence[frozenset[str]]) -> list[tuple[int, ...]]:
    """Group a variable's values once more, by what one policy tells apart."""
    if item.term is not None or not sets:
        return [(number,) for number in range(len(item.groups))]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for number, values in enumerate(item.groups):
        groups.setdefault(tuple(values[0] in found for found in sets), []).append(number)
    return [tuple(group) for group in groups.values()]


def _tables(bundle: Bundle) -> dict[str, dict[tuple[Any, ...], bool]]:
    """Every derived fact for every combination of the facts it is worked out from."""
    found: dict[str, dict[tuple[Any, ...], bool]] = {}
    for name, facts in DERIVED_FROM.items():
        lists = [list(fact_list(fact) or ()) for fact in facts]
        found[name] = {}
        for values in product(*lists):
            changed: dict[str, Any] = dict(zip(facts, values, strict=True))
            found[name][values] = derive(bundle, replace(_ANY, **changed))[name]
    return found


def _sorted(value: Any) -> Any:
    return tuple(sorted(value)) if isinstance(value, tuple) else value
