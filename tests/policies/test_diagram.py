"""Sets of points as diagrams, held against sets of points that are listed one by one."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import diagram
from policies.diagram import EVERYTHING, NOTHING, Box, Diagrams, TooLarge

SIZES = (2, 3, 1, 4, 2)
WEIGHTS = ((1, 1), (2, 1, 4), (7,), (1, 1, 3, 1), (1, 1))
POINTS = list(product(*(range(size) for size in SIZES)))
ORDERS = [tuple(range(5)), tuple(reversed(range(5))), (2, 4, 0, 3, 1)]
BOXES = st.tuples(*(st.integers(1, (1 << size) - 1) for size in SIZES))
SETS = st.lists(BOXES, max_size=5)


def inside(box: Box, point: tuple[int, ...]) -> bool:
    return all(bits >> value & 1 for bits, value in zip(box, point, strict=True))


def listed(boxes: list[Box]) -> set[tuple[int, ...]]:
    return {point for point in POINTS if any(inside(box, point) for box in boxes)}


def points_of(diagrams: Diagrams, one: int) -> set[tuple[int, ...]]:
    return {point for point in POINTS if diagrams.holds(one, point)}


@settings(deadline=None)
@given(one=SETS, other=SETS)
def test_union_intersection_and_rest_are_those_of_the_listed_points(one: list[Box], other: list[Box]) -> None:
    diagrams = Diagrams(SIZES)
    left, right = (diagrams.union([diagrams.box(box) for box in boxes]) for boxes in (one, other))
    assert points_of(diagrams, left) == listed(one)
    assert points_of(diagrams, diagrams.both(left, right)) == listed(one) & listed(other)
    assert points_of(diagrams, diagrams.either(left, right)) == listed(one) | listed(other)
    assert points_of(diagrams, diagrams.minus(left, right)) == listed(one) - listed(other)
    assert points_of(diagrams, diagrams.other(left)) == set(POINTS) - listed(one)


@settings(deadline=None)
@given(one=SETS, other=SETS)
def test_equal_sets_are_the_same_node(one: list[Box], other: list[Box]) -> None:
    diagrams = Diagrams(SIZES)
    left, right = (diagrams.union([diagrams.box(box) for box in boxes]) for boxes in (one, other))
    assert (left == right) is (listed(one) == listed(other))


@settings(deadline=None)
@given(boxes=SETS)
def test_counts_by_weight_and_spans(boxes: list[Box]) -> None:
    diagrams = Diagrams(SIZES, WEIGHTS)
    one, points = diagrams.union([diagrams.box(box) for box in boxes]), listed(boxes)
    weight = 0
    for point in points:
        found = 1
        for place, value in enumerate(point):
            found *= WEIGHTS[place][value]
        weight += found
    assert diagrams.count(one) == weight
    expected = tuple(sum({1 << point[place] for point in points}) for place in range(len(SIZES)))
    assert diagrams.spans(one) == expected


@settings(max_examples=100, deadline=None)
@given(needed=SETS, more=SETS, order=st.sampled_from(ORDERS))
def test_a_cover_holds_what_is_needed_and_nothing_that_is_not_allowed(
    needed: list[Box], more: list[Box], order: tuple[int, ...]
) -> None:
    diagrams = Diagrams(SIZES)
    inner = diagrams.union([diagrams.box(box) for box in needed])
    outer = diagrams.union([inner, *(diagrams.box(box) for box in more)])
    found = list(diagrams.cover(inner, outer, order))
    assert listed(needed) <= listed([grown for grown, _ in found]) <= listed(needed) | listed(more)
    assert listed(needed) <= listed([held for _, held in found])
    for grown, held in found:
        assert {point for point in listed(needed) if inside(grown, point)} == {
            point for point in listed(needed) if inside(held, point)
        }
        for place, full in enumerate(diagrams.full):
            for value in range(SIZES[place]):
                # As large as it can be: one more value of any variable would let in what is not allowed.
                if not grown[place] >> value & 1:
                    wider = (*grown[:place], grown[place] | 1 << value, *grown[place + 1 :])
                    assert not listed([wider]) <= listed(needed) | listed(more), full
    kept = [found[place][0] for place in diagrams.necessary([grown for grown, _ in found], inner)]
    assert listed(needed) <= listed(kept)
    for box in kept:
        assert not listed(needed) <= listed([item for item in kept if item != box])


def test_ends() -> None:
    diagrams = Diagrams(SIZES)
    assert diagrams.box(diagrams.full) == EVERYTHING
    assert diagrams.where(1, 0b111) == EVERYTHING
    assert diagrams.where(1, 0) == NOTHING
    assert diagrams.spans(NOTHING) == (0,) * 5
    assert list(diagrams.cover(NOTHING, EVERYTHING, ORDERS[0])) == []


def test_more_nodes_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagram, "MAX_NODES", 6)
    diagrams = Diagrams(SIZES)
    diagrams.box((1, 1, 1, 1, 1))
    with pytest.raises(TooLarge, match="more than 6 nodes"):
        diagrams.box((2, 2, 1, 2, 2))
