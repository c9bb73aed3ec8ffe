"""Decision diagrams: sets of questions, held whole, so that two agreements can be compared without asking one by one.

A question is a point: one value for each of a fixed list of variables. A set of points is a directed graph without
cycles whose inner nodes branch on one variable in a fixed order and whose ends say yes or no; equal parts are the same
node (Bryant, Graph-Based Algorithms for Boolean Function Manipulation, IEEE ToC 1986, with more than two branches).
So equal sets are equal numbers, and union, intersection, counting and covering touch nodes and not points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

NOTHING, EVERYTHING = 0, 1
"""The two ends: the empty set and the set of all points."""
MAX_NODES = 2_000_000
"""More than this, and memory would be the next thing to end."""

Box = tuple[int, ...]
"""For each variable the values it may take, as bits: a set of points that is a product of sets of values."""


class TooLarge(ValueError):
    """The diagrams grew past their limit."""


class Diagrams:
    """All diagrams over one list of variables. A set is named by the number of its node."""

    def __init__(self, sizes: Sequence[int], weights: Sequence[Sequence[int]] | None = None) -> None:
        """Make room for sets over variables with so many values each.

        ``weights`` says for how many real values each value of a variable stands (1 if not given): ``count`` uses it.
        """
        self.sizes = tuple(sizes)
        self.full: Box = tuple((1 << size) - 1 for size in sizes)
        self._weights = weights or [[1] * size for size in sizes]
        end = len(self.sizes)
        self._nodes: list[tuple[int, tuple[int, ...]]] = [(end, ()), (end, ())]
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._meets: dict[tuple[int, int], int] = {}
        self._joins: dict[tuple[int, int], int] = {}
        self._others: dict[int, int] = {NOTHING: EVERYTHING, EVERYTHING: NOTHING}

    def __len__(self) -> int:
        """How many nodes have been made."""
        return len(self._nodes)

    def node(self, variable: int, branches: tuple[int, ...]) -> int:
        """Return the set that is ``branches[value]`` where a variable has that value."""
        if branches.count(branches[0]) == len(branches):
            return branches[0]
        key = (variable, branches)
        found = self._known.get(key)
        if found is None:
            if len(self._nodes) >= MAX_NODES:
                raise TooLarge(f"the comparison needs more than {MAX_NODES:,} nodes")
            found = self._known[key] = len(self._nodes)
            self._nodes.append(key)
        return found

    def where(self, variable: int, values: int) -> int:
        """Return the points whose variable has one of the values (bits)."""
        return self.node(variable, tuple((values >> value) & 1 for value in range(self.sizes[variable])))

    def box(self, box: Box) -> int:
        """Return the points of a box."""
        found = EVERYTHING
        for variable in reversed(range(len(self.sizes))):
            if box[variable] != self.full[variable]:
                values = range(self.sizes[variable])
                found = self.node(variable, tuple(found if box[variable] >> value & 1 else NOTHING for value in values))
        return found

    def both(self, one: int, other: int) -> int:
        """Return the points in both sets."""
        if one == other or other == EVERYTHING:
            return one
        if one == NOTHING or other == NOTHING:
            return NOTHING
        if one == EVERYTHING:
            return other
        return self._combine(self._meets, self.both, one, other)

    def either(self, one: int, other: int) -> int:
        """Return the points in either set."""
        if one == other or other == NOTHING:
            return one
        if one == EVERYTHING or other == EVERYTHING:
            return EVERYTHING
        if one == NOTHING:
            return other
        return self._combine(self._joins, self.either, one, other)

    def _combine(self, known: dict[tuple[int, int], int], act: Callable[[int, int], int], one: int, other: int) -> int:
        key = (one, other) if one < other else (other, one)
        found = known.get(key)
        if found is None:
            variable = min(self._nodes[one][0], self._nodes[other][0])
            pairs = zip(self.branches(one, variable), self.branches(other, variable), strict=True)
            found = known[key] = self.node(variable, tuple(act(left, right) for left, right in pairs))
        return found

    def other(self, one: int) -> int:
        """Return the points that are not in a set."""
        found = self._others.get(one)
        if found is None:
            variable, branches = self._nodes[one]
            found = self._others[one] = self.node(variable, tuple(self.other(item) for item in branches))
            self._others[found] = one
        return found

    def minus(self, one: int, other: int) -> int:
        """Return the points of one set that are not in the other."""
        return self.both(one, self.other(other))

    def union(self, sets: Sequence[int]) -> int:
        """Return the points in any of the sets."""
        found = NOTHING
        for item in sets:
            found = self.either(found, item)
        return found

    def branches(self, one: int, variable: int) -> tuple[int, ...]:
        """Return what is left of a set for each value of a variable that no earlier one of the set precedes."""
        at, branches = self._nodes[one]
        return branches if at == variable else (one,) * self.sizes[variable]

    def holds(self, one: int, point: Sequence[int]) -> bool:
        """Whether a point (the number of a value for each variable) is in a set."""
        while one > EVERYTHING:
            variable, branches = self._nodes[one]
            one = branches[point[variable]]
        return one == EVERYTHING

    def count(self, one: int) -> int:
        """Return how many real questions a set stands for: points, each times the weights of its values."""
        whole = [sum(weights) for weights in self._weights]
        known: dict[int, int] = {NOTHING: 0, EVERYTHING: 1}

        def below(node: int) -> int:
            found = known.get(node)
            if found is None:
                variable, branches = self._nodes[node]
                found = known[node] = sum(
                    weight * below(item) * prod(whole[variable + 1 : self._nodes[item][0]])
                    for weight, item in zip(self._weights[variable], branches, strict=True)
                )
            return found

        return below(one) * prod(whole[: self._nodes[one][0]])

    def spans(self, one: int) -> Box:
        """Return for each variable the values that some point of a set has: the smallest box around it."""
        if one == NOTHING:
            return (0,) * len(self.sizes)
        found = [0] * len(self.sizes)
        self._skip(found, 0, self._nodes[one][0])
        pending, seen = [one], {one}
        while pending:
            variable, branches = self._nodes[pending.pop()]
            for value, item in enumerate(branches):
                if item == NOTHING:
                    continue
                found[variable] |= 1 << value
                self._skip(found, variable + 1, self._nodes[item][0])
                if item not in seen:
                    seen.add(item)
                    pending.append(item)
        return tuple(found)

    def _skip(self, found: list[int], start: int, end: int) -> None:
        for variable in range(start, end):
            found[variable] = self.full[variable]

    def cover(self, needed: int, allowed: int, order: Sequence[int]) -> Iterator[tuple[Box, Box]]:
        """Yield boxes that together hold every point of ``needed`` and none outside ``allowed``.

        Each comes twice: as grown variable by variable in the ``order``, first to what is needed and then to all that
        is allowed, and as the smallest box around what it holds of ``needed``.
        """
        rest = needed
        while rest != NOTHING:
            box = list(self._some_box(rest))
            for is_needed in (True, False):
                # Grown to all that is allowed at once, a box may take in what is of no use and be kept from the rest.
                for variable in order:
                    if box[variable] != self.full[variable]:
                        found = self._values_inside(allowed, box, variable)
                        useful = self._values_touching(needed, box, variable) if is_needed else found
                        box[variable] |= found & useful
            grown = tuple(box)
            held = self.both(needed, self.box(grown))
            rest = self.minus(rest, held)
            yield grown, self.spans(held)

    def _some_box(self, one: int) -> Box:
        box = list(self.full)
        while one > EVERYTHING:
            variable, branches = self._nodes[one]
            chosen = next(item for item in branches if item != NOTHING)
            box[variable] = sum(1 << value for value, item in enumerate(branches) if item == chosen)
            one = chosen
        return tuple(box)

    def _values_inside(self, one: int, box: Sequence[int], variable: int) -> int:
        """Return the values with which a variable keeps a box, otherwise as it is, within a set."""
        every = self.full[variable]
        known = {NOTHING: 0, EVERYTHING: every}

        def inside(node: int) -> int:
            found = known.get(node)
            if found is None:
                at, branches = self._nodes[node]
                if at == variable:
                    found = sum(1 << value for value, item in enumerate(branches) if inside(item) == every)
                else:
                    found = every
                    for value, item in enumerate(branches):
                        if box[at] >> value & 1:
                            found &= inside(item)
                known[node] = found
            return found

        return inside(one)

    def _values_touching(self, one: int, box: Sequence[int], variable: int) -> int:
        """Return the values of a variable with which a box, otherwise as it is, holds some point of a set."""
        every = self.full[variable]
        known = {NOTHING: 0, EVERYTHING: every}

        def touching(node: int) -> int:
            found = known.get(node)
            if found is None:
                at, branches = self._nodes[node]
                found = 0
                for value, item in enumerate(branches):
                    if at == variable:
                        found |= (1 << value) if touching(item) else 0
                    elif box[at] >> value & 1:
                        found |= touching(item)
                known[node] = found
            return found

        return touching(one)

    def necessary(self, boxes: Sequence[Box], needed: int) -> list[int]:
        """Return the places of the boxes left when those are taken out that the others make superfluous for a set."""
        sets = [self.both(self.box(box), needed) for box in boxes]
        after = [NOTHING] * (len(sets) + 1)
        for place in reversed(range(len(sets))):
            after[place] = self.either(after[place + 1], sets[place])
        kept, before = [], NOTHING
        for place, held in enumerate(sets):
            if self.minus(held, self.either(before, after[place + 1])) != NOTHING:
                kept.append(place)
                before = self.either(before, held)
        return kept
