"""What a new agreement newly allows and newly refuses, over the whole space of questions, in sentences.

Complete: the answers of both agreements are sets of questions (policies.space), and so is what differs. Each sentence
stands for a box of questions under a condition that its kind names, such as "where no rule of the new agreement forbids
it". Every question whose answer differs lies in a sentence, and every question of a sentence has another answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from policies.diagram import NOTHING, Box, TooLarge
from policies.engine import Bundle
from policies.explain import entries
from policies.model import Facts
from policies.space import AnalysisRefused, Space
from policies.vocabulary import AgePath, Effect

MAX_SENTENCES = 300
"""Of each kind. Agreements that differ in more ways are not read sentence by sentence."""


class Kind(StrEnum):
    """Why an answer differs. In the sentences of each kind a condition is left unsaid, as it is the same for all."""

    GIVEN = "given"
    """Newly allowed: a permit of the new agreement gives what none of the old gave. Unsaid: no rule of the new one
    forbids it."""
    LET = "let"
    """Newly allowed: both have a permit for it, the old forbade it. Unsaid: the new one permits it."""
    TAKEN = "taken"
    """Newly refused: no permit of the new agreement gives it any more. Unsaid: no rule of the old one forbade it."""
    FORBIDDEN = "forbidden"
    """Newly refused: both have a permit for it, the new forbids it. Unsaid: the old one permitted it."""

    @property
    def is_allowed(self) -> bool:
        """Whether it is newly allowed; otherwise it is newly refused."""
        return self in (Kind.GIVEN, Kind.LET)


@dataclass(frozen=True, slots=True)
class Change:
    """One sentence's worth of difference.

    ``box`` is what it says, in its smallest form; ``said`` holds the places of the variables without which it would be
    wrong. ``rules`` are the permits or forbids that make the difference. ``questions`` says how many it is about.
    """

    kind: Kind
    box: Box
    said: frozenset[int]
    rules: tuple[str, ...]
    questions: int
    is_without_consent: bool
    """Whether it holds for some question about which no consent is given and covers it."""
    is_for_adults: bool
    is_for_adults_without_consent: bool


@dataclass(frozen=True)
class Difference:
    """Two agreements compared. ``changes`` is complete unless ``left_out`` counts questions beyond the limit."""

    space: Space
    old: Bundle
    new: Bundle
    changes: tuple[Change, ...]
    newly_allowed: int
    newly_refused: int
    left_out: int
    seconds: float

    @property
    def is_same(self) -> bool:
        """Whether every question has the same answer, gateways being relied on from the same days."""
        return not self.newly_allowed and not self.newly_refused and not self.days

    @cached_property
    def _unsaid(self) -> dict[Kind, int]:
        return _Answers.of(self.space, self.old, self.new).unsaid

    def find(self, facts: Facts) -> tuple[Change, ...]:
        """Return the sentences that speak of a question."""
        point = self.space.point(facts)
        return tuple(
            change
            for change in self.changes
            if all(bits >> value & 1 for bits, value in zip(change.box, point, strict=True))
            and self.space.diagrams.holds(self._unsaid[change.kind], point)
        )

    @property
    def days(self) -> tuple[tuple[str, date | None, date | None], ...]:
        """The gateways and bases that are relied on from another day: (code, old, new)."""
        old, new = entries(self.old), entries(self.new)
        pairs = ((name.value, entry.enabled_from, new[name].enabled_from) for name, entry in old.items())
        return tuple(item for item in pairs if item[1] != item[2])

    @property
    def checks(self) -> tuple[tuple[str, str, str], ...]:
        """The gateways and bases that others have checked against the law, or nobody any more: (code, old, new)."""
        old, new = entries(self.old), entries(self.new)
        pairs = ((name.value, entry.confirmed_by, new[name].confirmed_by) for name, entry in old.items())
        return tuple(item for item in pairs if item[1] != item[2])

    @property
    def rules(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the rules that were ``added``, ``removed``, ``changed``, or changed in ``words`` only."""
        old, new = self.old, self.new
        both = [name for name in new.rules if name in old.rules]
        changed = [name for name in both if old.parsed[name].body != new.parsed[name].body]
        return {
            "added": tuple(name for name in new.rules if name not in old.rules),
            "removed": tuple(name for name in old.rules if name not in new.rules),
            "changed": tuple(changed),
            "words": tuple(name for name in both if name not in changed and old.rules[name] != new.rules[name]),
        }


@dataclass(frozen=True, slots=True)
class _Answers:
    """The sets of one comparison: what differs for each kind, and the condition each kind leaves unsaid."""

    differing: dict[Kind, int]
    unsaid: dict[Kind, int]

    @classmethod
    def of(cls, space: Space, old: Bundle, new: Bundle) -> _Answers:
        both, minus, other = space.diagrams.both, space.diagrams.minus, space.diagrams.other
        given_old, given_new = (space.applying(item, Effect.PERMIT) for item in (old, new))
        forbidden_old, forbidden_new = (space.applying(item, Effect.REFUSE) for item in (old, new))
        permitted_old, permitted_new = minus(given_old, forbidden_old), minus(given_new, forbidden_new)
        let, kept = both(permitted_new, given_old), both(permitted_old, given_new)
        return cls(
            differing={
                Kind.GIVEN: minus(permitted_new, given_old),
                Kind.LET: both(let, forbidden_old),
                Kind.TAKEN: minus(permitted_old, given_new),
                Kind.FORBIDDEN: both(kept, forbidden_new),
            },
            unsaid={
                Kind.GIVEN: other(forbidden_new),
                Kind.LET: let,
                Kind.TAKEN: other(forbidden_old),
                Kind.FORBIDDEN: kept,
            },
        )


def compare(old: Bundle, new: Bundle) -> Difference:
    """Compare two agreements over every question there is. Pure.

    Raises ``AnalysisRefused`` where a policy looks at too much at once to be compared, or the comparison grows past its
    limit.
    """
    started = time.perf_counter()
    try:
        space = Space((old, new))
        answers = _Answers.of(space, old, new)
        changes: list[Change] = []
        left_out = 0
        for kind in Kind:
            found, beyond = _changes_of(space, kind, answers, old, new)
            changes += found
            left_out += beyond
        allowed, refused = (
            sum(space.diagrams.count(item) for kind, item in answers.differing.items() if kind.is_allowed is way)
            for way in (True, False)
        )
    except TooLarge as error:
        raise AnalysisRefused(str(error)) from error
    took = time.perf_counter() - started
    return Difference(space, old, new, tuple(changes), allowed, refused, left_out, took)


def _changes_of(space: Space, kind: Kind, answers: _Answers, old: Bundle, new: Bundle) -> tuple[list[Change], int]:
    """Put the difference of one kind into sentences. Also returns how many questions are beyond the limit."""
    diagrams, differing = space.diagrams, answers.differing[kind]
    # Where the unsaid condition does not hold a sentence says nothing, so a box may reach there: fewer, wider boxes.
    allowed = diagrams.either(differing, diagrams.other(answers.unsaid[kind]))
    boxes, rest = _cover(space, differing, allowed, space.growing_orders[0])
    for order in space.growing_orders[1:]:
        if len(boxes) > 1:
            boxes, rest = min((boxes, rest), _cover(space, differing, allowed, order), key=_length)
    maker = new if kind in (Kind.GIVEN, Kind.FORBIDDEN) else old
    found = [_change(space, kind, grown, held, differing, maker) for grown, held in boxes]
    return sorted(found, key=lambda item: item.box, reverse=True), diagrams.count(rest)


def _length(cover: tuple[list[tuple[Box, Box]], int]) -> tuple[bool, int]:
    boxes, rest = cover
    return rest != NOTHING, len(boxes)


def _cover(space: Space, needed: int, allowed: int, order: Sequence[int]) -> tuple[list[tuple[Box, Box]], int]:
    diagrams = space.diagrams
    boxes: list[tuple[Box, Box]] = []
    rest = needed
    for grown, held in diagrams.cover(needed, allowed, order):
        if len(boxes) == MAX_SENTENCES:
            return boxes, rest
        boxes.append((grown, held))
        rest = diagrams.minus(rest, diagrams.box(grown))
    return [boxes[place] for place in diagrams.necessary([grown for grown, _ in boxes], needed)], rest


def _change(space: Space, kind: Kind, grown: Box, held: Box, differing: int, maker: Bundle) -> Change:
    diagrams = space.diagrams
    here = diagrams.both(differing, diagrams.box(grown))
    effect = Effect.PERMIT if kind in (Kind.GIVEN, Kind.TAKEN) else Effect.REFUSE
    sets = space.rule_sets(maker)
    adults = diagrams.both(here, space.where("age_path", AgePath.ADULT))
    return Change(
        kind=kind,
        box=held,
        said=frozenset(place for place, bits in enumerate(grown) if bits != diagrams.full[place]),
        rules=tuple(
            name
            for name, rule in maker.rules.items()
            if rule.effect is effect and diagrams.both(sets[name], here) != NOTHING
        ),
        questions=diagrams.count(here),
        is_without_consent=diagrams.both(here, space.without_consent) != NOTHING,
        is_for_adults=adults != NOTHING,
        is_for_adults_without_consent=diagrams.both(adults, space.without_consent) != NOTHING,
    )
