"""Whether two descriptions may be of one child: what agrees, what differs, what is missing. A person decides.

Exact identifiers come first; else names (``rapidfuzz``) and birth dates. What comes out is words and an order, never a
figure: nothing here opens, joins or keeps anything (attacks.md 57 and 58). Both sides count alike, so ``compare(a, b)``
says what ``compare(b, a)`` says with the sides exchanged. Names are compared without marks, case and signs, in Latin
letters; spellings of one name from another script ("Mohammed", "Muhammad") are held against their consonants.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import product

from rapidfuzz.distance import OSA, JaroWinkler

from adapters.picture.dates import parse_partial
from adapters.sources.subject import normalise_identifier

MAX_NAME_CHARS = 200
MAX_VALUES = 20
"""Values of one aspect that are held against each other."""
SHORT_NAME_CHARS = 5
"""Up to so many letters one slip makes a name alike, above it two."""
MIN_CONSONANTS = 3
_PARTS_OF_DATE = 3


class Level(IntEnum):
    """How one aspect stands, the more alike the higher. An order for sorting, shown to nobody."""

    DIFFERS = 0
    MISSING = 1
    ALIKE = 2
    AGREES = 3


class Side(StrEnum):
    """Where something is missing."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"
    NEITHER = ""


class Reason(StrEnum):
    """Why something counts as alike, as missing, or as different."""

    SAME = "same"
    SPELLING = "spelling"
    SOUNDS = "sounds"
    BEGINNING = "beginning"
    SOME_PARTS = "some_parts"
    SWAPPED = "swapped"
    LESS_PRECISE = "less_precise"
    FIRST_OF_JANUARY = "first_of_january"
    DAY_AND_MONTH = "day_and_month"
    ONE_DIGIT = "one_digit"
    MISSING = "missing"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Described:
    """Somebody as one source describes them. Several values: as several agencies have it. ``repr`` shows none."""

    identifiers: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    first_names: frozenset[str] = field(default=frozenset(), repr=False)
    family_names: frozenset[str] = field(default=frozenset(), repr=False)
    birth_dates: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Aspect:
    """One aspect of a comparison: its name (``identifier:nhs_number``, ``first_name`` …), how it stands, and why."""

    name: str
    level: Level
    reason: Reason
    missing: Side = Side.NEITHER


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two descriptions have in common. ``has_same_identifier``: one number both have is the same.

    ``may_be_sibling``: family name and birth date agree and the first names differ, as with twins.
    """

    aspects: tuple[Aspect, ...]
    has_same_identifier: bool
    has_other_identifier: bool
    may_be_sibling: bool
    order: tuple[float, ...] = field(repr=False)

    def aspect(self, name: str) -> Aspect | None:
        """Return an aspect by its name."""
        return next((item for item in self.aspects if item.name == name), None)


def compare(one: Described, other: Described) -> Comparison:
    """Hold two descriptions against each other. Never raises, whatever the texts are."""
    numbers = [
        _numbers(name, one.identifiers.get(name, frozenset()), other.identifiers.get(name, frozenset()))
        for name in sorted({*one.identifiers, *other.identifiers})
    ]
    first = _best("first_name", one.first_names, other.first_names, _names)
    family = _best("family_name", one.family_names, other.family_names, _names)
    if Level.DIFFERS in (first.level, family.level) and _are_swapped(one, other):
        first, family = (Aspect(item.name, Level.ALIKE, Reason.SWAPPED) for item in (first, family))
    born = _best("birth_date", one.birth_dates, other.birth_dates, _dates)
    same = any(item.level is Level.AGREES for item in numbers)
    other_number = any(item.level is Level.DIFFERS for item in numbers)
    twins = first.level is Level.DIFFERS and family.level >= Level.ALIKE and born.level >= Level.ALIKE
    return Comparison(
        aspects=(*numbers, first, family, born),
        has_same_identifier=same,
        has_other_identifier=other_number,
        may_be_sibling=twins,
        order=(
            float(same) - float(other_number),
            -float(sum(item.level is Level.DIFFERS for item in (first, family, born))),
            float(first.level + family.level + born.level),
            float(born.level),
            _closeness(one, other),
        ),
    )


def rank(sought: Described, found: Sequence[Described]) -> list[tuple[int, Comparison]]:
    """Return every description with its comparison, the most alike first, each by its place in ``found``."""
    compared = [(place, compare(sought, item)) for place, item in enumerate(found)]
    return sorted(compared, key=lambda item: ([-part for part in item[1].order], item[0]))


def plain_name(text: str) -> str:
    """Return a name in Latin letters without marks, case and signs: for comparing only, never for showing."""
    lowered = unicodedata.normalize("NFKD", text[:MAX_NAME_CHARS].casefold())
    letters = "".join(_LETTERS.get(char, char) for char in lowered if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", " ", letters).strip()


# Letters that no decomposition leads to Latin ones, and Cyrillic as passports of its countries commonly write it.
_LETTERS: Mapping[str, str] = {
    **dict(zip("øłđðħıŋœæþßə", ("o", "l", "d", "d", "h", "i", "n", "oe", "ae", "th", "ss", "a"), strict=True)),
    **dict(zip("абвгдезиклмнопрстуфыэіє", "abvgdeziklmnoprstufyeie", strict=True)),
    **dict(zip("жйхцчшщюяьъґ", ("zh", "i", "kh", "ts", "ch", "sh", "shch", "iu", "ia", "", "", "g"), strict=True)),
}


def _numbers(name: str, one: frozenset[str], other: frozenset[str]) -> Aspect:
    mine, theirs = ({normalise_identifier(text) for text in found} - {""} for found in (one, other))
    full = f"identifier:{name}"
    if not mine or not theirs:
        return _missing(full, bool(mine), bool(theirs))
    is_same = bool(mine & theirs)
    return Aspect(full, Level.AGREES if is_same else Level.DIFFERS, Reason.SAME if is_same else Reason.DIFFERS)


_Judge = Callable[[str, str], "tuple[Level, Reason] | None"]


def _best(name: str, one: Iterable[str], other: Iterable[str], judge: _Judge) -> Aspect:
    """Hold every value of one side against every one of the other; the most alike pair counts."""
    mine, theirs = _said(one), _said(other)
    if not mine or not theirs:
        return _missing(name, bool(mine), bool(theirs))
    judged = [found for pair in product(mine, theirs) if (found := judge(*pair)) is not None]
    if not judged:
        return Aspect(name, Level.DIFFERS, Reason.DIFFERS)
    return Aspect(name, *max(judged, key=lambda item: (item[0], item[1].value)))


def _said(values: Iterable[str]) -> list[str]:
    return sorted({text for text in values if text.strip()})[:MAX_VALUES]


def _missing(name: str, is_in_one: bool, is_in_other: bool) -> Aspect:
    sides = {(False, False): Side.BOTH, (False, True): Side.FIRST, (True, False): Side.SECOND}
    return Aspect(name, Level.MISSING, Reason.MISSING, sides[is_in_one, is_in_other])


def _names(one: str, other: str) -> tuple[Level, Reason] | None:
    a, b = plain_name(one), plain_name(other)
    if not a or not b:
        # Of a script that is not brought into Latin letters at all: only the very same text agrees.
        return (Level.AGREES, Reason.SAME) if one == other else None
    if a == b:
        return Level.AGREES, Reason.SAME
    # "Anne-Marie", "Anne Marie" and "Annemarie" are one name.
    if a.replace(" ", "") == b.replace(" ", ""):
        return Level.AGREES, Reason.SAME
    if set(a.split()) <= set(b.split()) or set(b.split()) <= set(a.split()):
        return Level.ALIKE, Reason.SOME_PARTS
    if _is_slip(a, b):
        return Level.ALIKE, Reason.SPELLING
    if _sound(a) == _sound(b) and len(_sound(a)) >= MIN_CONSONANTS:
        return Level.ALIKE, Reason.SOUNDS
    short, long = sorted((a, b), key=len)
    return (Level.ALIKE, Reason.BEGINNING) if len(short) <= MIN_CONSONANTS and long.startswith(short) else None


def _is_slip(a: str, b: str) -> bool:
    shorter = min(len(a), len(b))
    if shorter < MIN_CONSONANTS:
        return False
    return OSA.distance(a, b) <= (1 if shorter <= SHORT_NAME_CHARS else 2)


def _sound(name: str) -> str:
    """Return the first letter and the consonants after it, without "h" after a consonant and doubled letters."""
    letters = name.replace(" ", "")
    for written, heard in (("ph", "f"), ("ou", "u"), ("ck", "k"), ("x", "ks"), ("q", "k"), ("c", "k"), ("w", "v")):
        letters = letters.replace(written, heard)
    kept = letters[:1] + re.sub(r"[aeiouy]|(?<=[gkdtsz])h", "", letters[1:])
    return re.sub(r"(.)\1+", r"\1", kept)


def _are_swapped(one: Described, other: Described) -> bool:
    crossed = (
        _best("", one.first_names, other.family_names, _names),
        _best("", one.family_names, other.first_names, _names),
    )
    return all(item.level >= Level.ALIKE for item in crossed)


def _dates(one: str, other: str) -> tuple[Level, Reason] | None:
    a, b = parse_partial(one), parse_partial(other)
    if a is None or b is None:
        return (Level.AGREES, Reason.SAME) if one.strip() == other.strip() else None
    mine, theirs = one.strip()[:10].split("-"), other.strip()[:10].split("-")
    if mine == theirs:
        return Level.AGREES, Reason.SAME
    if a.overlaps(b):
        return Level.ALIKE, Reason.LESS_PRECISE
    if len(mine) != _PARTS_OF_DATE or len(theirs) != _PARTS_OF_DATE:
        return None
    if mine[0] == theirs[0] and ["01", "01"] in (mine[1:], theirs[1:]):
        return Level.ALIKE, Reason.FIRST_OF_JANUARY
    if mine[0] == theirs[0] and mine[1:] == theirs[:0:-1]:
        return Level.ALIKE, Reason.DAY_AND_MONTH
    digits = zip("".join(mine), "".join(theirs), strict=False)
    return (Level.ALIKE, Reason.ONE_DIGIT) if sum(x != y for x, y in digits) == 1 else None


def _closeness(one: Described, other: Described) -> float:
    """How near the whole names are, to order those that stand alike otherwise; the same from either side."""
    mine, theirs = ([plain_name(name) for name in _said(item.first_names | item.family_names)] for item in (one, other))
    pairs = [max(JaroWinkler.similarity(*sorted(pair)), 0.0) for pair in product(mine, theirs) if all(pair)]
    return max(pairs, default=0.0)
