"""Two descriptions of a child: what agrees, what differs, what is missing; in words, and the same from either side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.matching import Aspect, Comparison, Described, Level, Reason, Side, compare, plain_name, rank


def child(first: str = "", family: str = "", born: str = "", **numbers: str) -> Described:
    """Somebody with one value of each."""
    return Described(
        {name: frozenset({text}) for name, text in numbers.items()},
        frozenset({first} - {""}),
        frozenset({family} - {""}),
        frozenset({born} - {""}),
    )


def found(comparison: Comparison, name: str) -> tuple[Level, Reason]:
    """How an aspect stands."""
    aspect = comparison.aspect(name)
    assert aspect is not None
    return aspect.level, aspect.reason


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Zoë", "zoe", Reason.SAME),
        ("Øyvind", "Oyvind", Reason.SAME),
        ("Łukasz", "Lukasz", Reason.SAME),
        ("Nguyễn", "Nguyen", Reason.SAME),
        ("Анна", "Anna", Reason.SAME),
        ("Дмитро", "Dmytro", Reason.SPELLING),
        ("Anne-Marie", "Annemarie", Reason.SAME),
        ("O’Brien", "OBrien", Reason.SAME),
        ("Mohammed", "Muhammad", Reason.SPELLING),
        ("Mohammed", "Mehmad", Reason.SOUNDS),
        ("Yusuf", "Youssef", Reason.SOUNDS),
        ("Aleksandr", "Alexander", Reason.SOUNDS),
        ("Juniper", "Junipre", Reason.SPELLING),
        ("Rowan", "Rowen", Reason.SPELLING),
        ("J", "Juniper", Reason.BEGINNING),
        ("Maria", "Ana Maria", Reason.SOME_PARTS),
        ("Madeup", "Madeup-Testcase", Reason.SOME_PARTS),
    ],
)
def test_names_of_one_child_are_seen_as_such(one: str, other: str, reason: Reason) -> None:
    level, why = found(compare(child(one), child(other)), "first_name")
    assert why is reason
    assert level is (Level.AGREES if reason is Reason.SAME else Level.ALIKE)


@pytest.mark.parametrize(
    ("one", "other"), [("Juniper", "Rowan"), ("Ada", "Eve"), ("Jo", "Al"), ("Sana", "Lina"), ("李", "王")]
)
def test_other_names_differ(one: str, other: str) -> None:
    assert found(compare(child(one), child(other)), "first_name") == (Level.DIFFERS, Reason.DIFFERS)


def test_names_the_other_way_round_are_noticed() -> None:
    comparison = compare(child("Linh", "Tran"), child("Tran", "Linh"))
    assert found(comparison, "first_name") == found(comparison, "family_name") == (Level.ALIKE, Reason.SWAPPED)
    assert not comparison.may_be_sibling


@pytest.mark.parametrize(
    ("one", "other", "level", "reason"),
    [
        ("2011-05-17", "2011-05-17", Level.AGREES, Reason.SAME),
        ("2011-05-17", "2011-05-17T00:00:00Z", Level.AGREES, Reason.SAME),
        ("2011", "2011-05-17", Level.ALIKE, Reason.LESS_PRECISE),
        ("2011-05", "2011-05-17", Level.ALIKE, Reason.LESS_PRECISE),
        ("2011-01-01", "2011-05-17", Level.ALIKE, Reason.FIRST_OF_JANUARY),
        ("2011-05-04", "2011-04-05", Level.ALIKE, Reason.DAY_AND_MONTH),
        ("2011-05-17", "2010-05-17", Level.ALIKE, Reason.ONE_DIGIT),
        ("2011-05-17", "2009-11-02", Level.DIFFERS, Reason.DIFFERS),
        ("2011-06", "2011-05-17", Level.DIFFERS, Reason.DIFFERS),
        ("about 2011", "2011-05-17", Level.DIFFERS, Reason.DIFFERS),
    ],
)
def test_birth_dates(one: str, other: str, level: Level, reason: Reason) -> None:
    assert found(compare(child(born=one), child(born=other)), "birth_date") == (level, reason)


def test_twins_are_no_match_and_are_warned_of() -> None:
    """The same family name and birth date: the first name tells them apart, and the page says to look."""
    sought = child("Juniper", "Madeup", "2011-05-17")
    order = rank(sought, [child("Rowan", "Madeup", "2011-05-17"), sought])
    assert [place for place, _ in order] == [1, 0]
    assert [comparison.may_be_sibling for _, comparison in order] == [False, True]


def test_an_exact_identifier_decides_first_and_another_number_weighs_against() -> None:
    sought = child("Juniper", "Madeup", "2011-05-17", la_child_id="A-1")
    same_name = child("Juniper", "Madeup", "2011-05-17", la_child_id="B2")
    same_number = child("Jenny", "Marriedname", "2001-02-03", la_child_id="a1")
    no_number = child("Juniper", "Madeup", "2011-05-17")
    order = rank(sought, [same_name, no_number, same_number])
    assert [place for place, _ in order] == [2, 1, 0]
    assert order[0][1].has_same_identifier
    assert order[2][1].has_other_identifier


@pytest.mark.parametrize(
    ("one", "other", "side"),
    [
        (child("Juniper"), child(), Side.SECOND),
        (child(), child("Juniper"), Side.FIRST),
        (child(), child(), Side.BOTH),
    ],
)
def test_what_is_missing_is_said_and_is_no_difference(one: Described, other: Described, side: Side) -> None:
    aspect = compare(one, other).aspect("first_name")
    assert aspect == Aspect("first_name", Level.MISSING, Reason.MISSING, side)


def test_every_value_of_a_side_counts() -> None:
    """Two agencies know the child by two names: either is enough."""
    known = Described({}, frozenset({"Juniper", "June"}), frozenset({"Madeup"}), frozenset({"2011", "2011-05-17"}))
    comparison = compare(known, child("June", "Madeup", "2011-05-17"))
    assert {aspect.level for aspect in comparison.aspects} == {Level.AGREES}


def test_a_name_is_compared_and_never_shown_in_another_script() -> None:
    assert plain_name("  Žofia  ØSTBY-Løv ") == "zofia ostby lov"
    assert "Juniper" not in repr(child("Juniper"))


_TEXTS = st.frozensets(st.text(max_size=30), max_size=4)
_DATES = st.frozensets(
    st.dates().map(str) | st.from_regex(r"[0-9]{4}(-[0-9]{2})?", fullmatch=True) | st.text(max_size=12)
)
_DESCRIBED = st.builds(
    Described, st.dictionaries(st.sampled_from(["upn", "nhs_number"]), _TEXTS, max_size=2), _TEXTS, _TEXTS, _DATES
)
_MIRROR = {Side.FIRST: Side.SECOND, Side.SECOND: Side.FIRST}


@given(_DESCRIBED, _DESCRIBED)
def test_either_side_says_the_same_always_and_nothing_crashes(one: Described, other: Described) -> None:
    forth, back = compare(one, other), compare(other, one)
    assert forth == compare(one, other)
    assert forth.order == back.order
    mirrored = tuple(
        Aspect(item.name, item.level, item.reason, _MIRROR.get(item.missing, item.missing)) for item in back.aspects
    )
    assert forth.aspects == mirrored
    assert (forth.may_be_sibling, forth.has_same_identifier) == (back.may_be_sibling, back.has_same_identifier)


@given(_DESCRIBED, st.lists(_DESCRIBED, max_size=6))
def test_everybody_is_ranked_once(sought: Described, others: list[Described]) -> None:
    assert sorted(place for place, _ in rank(sought, others)) == list(range(len(others)))
