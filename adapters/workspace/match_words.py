"""A comparison of two descriptions of a child in plain words, side by side. No figure, no order of merit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from adapters.matching import Aspect, Comparison, Described, Level, Reason, Side
from adapters.picture.dates import parse_partial
from adapters.picture.identity import Identity
from adapters.picture.words import day_words
from adapters.sources.people import IDENTIFIER_FIELDS

ASPECTS = {
    "first_name": lazy_gettext("First name"),
    "family_name": lazy_gettext("Family name"),
    "birth_date": lazy_gettext("Date of birth"),
    "identifier:la_child_id": lazy_gettext("Local authority’s own number"),
    "identifier:nhs_number": lazy_gettext("NHS number"),
    "identifier:upn": lazy_gettext("Unique pupil number"),
    "identifier:pnc_id": lazy_gettext("Police national computer number"),
    "identifier:asn": lazy_gettext("Arrest summons number"),
    "identifier:cro": lazy_gettext("Criminal records office number"),
    "identifier:typed": lazy_gettext("The number you typed"),
}
LEVELS = {
    Level.AGREES: lazy_gettext("Agrees"),
    Level.ALIKE: lazy_gettext("Nearly agrees"),
    Level.MISSING: lazy_gettext("Missing"),
    Level.DIFFERS: lazy_gettext("Differs"),
}
COLOURS = {Level.AGREES: "green", Level.ALIKE: "yellow", Level.MISSING: "grey", Level.DIFFERS: "red"}
_WHY = {
    Reason.SAME: lazy_gettext("the same"),
    Reason.SPELLING: lazy_gettext("spelled a little differently"),
    Reason.SOUNDS: lazy_gettext("may be one name, spelled in two ways"),
    Reason.BEGINNING: lazy_gettext("one is the beginning of the other"),
    Reason.SOME_PARTS: lazy_gettext("one has a part that the other leaves out"),
    Reason.SWAPPED: lazy_gettext("first name and family name stand the other way round"),
    Reason.LESS_PRECISE: lazy_gettext("as far as the less exact date says"),
    Reason.FIRST_OF_JANUARY: lazy_gettext("the same year; 1 January often stands for a day that is not known"),
    Reason.DAY_AND_MONTH: lazy_gettext("day and month stand the other way round"),
    Reason.ONE_DIGIT: lazy_gettext("one digit is different"),
    Reason.DIFFERS: lazy_gettext("not the same"),
}
_MISSING = {
    Side.FIRST: lazy_gettext("the case does not say"),
    Side.SECOND: lazy_gettext("the record does not say"),
    Side.BOTH: lazy_gettext("neither says"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a side by side."""

    label: str
    in_case: tuple[str, ...] = field(repr=False)
    in_file: tuple[str, ...] = field(repr=False)
    verdict: str
    colour: str
    why: str


def describe_child(identity: Identity) -> Described:
    """Return how an opened case describes its child: every agency's values, nothing chosen among them."""

    def texts(name: str) -> set[str]:
        found = identity.field(name)
        return set() if found is None else {value.text for value in found.values}

    first, family = texts("prs_FirstName"), texts("prs_SecondName")
    for words in (alias.split() for alias in texts("hub_Alias")):
        if len(words) > 1:
            first.add(words[0])
            family.add(words[-1])
    numbers = {key: frozenset(found) for name, key in IDENTIFIER_FIELDS.items() if (found := texts(name))}
    return Described(numbers, frozenset(first), frozenset(family), frozenset(texts("prs_Birthdate")))


def lines(child: Described, found: Described, comparison: Comparison) -> list[Line]:
    """Return the side by side of the case's child and somebody in a file."""
    return [
        Line(
            str(ASPECTS.get(aspect.name, aspect.name)),
            _shown(aspect.name, _values(child, aspect.name)),
            _shown(aspect.name, _values(found, aspect.name)),
            str(LEVELS[aspect.level]),
            COLOURS[aspect.level],
            _why(aspect),
        )
        for aspect in comparison.aspects
    ]


def name_of(found: Described) -> str:
    """Return one line that names somebody in a file, as the file does."""
    names = " ".join((*sorted(found.first_names)[:2], *sorted(found.family_names)[:2]))
    born = ", ".join(_shown("birth_date", found.birth_dates))
    if not names:
        names = ", ".join(text for values in found.identifiers.values() for text in sorted(values)[:1])
    said = names or _("nobody by name")
    return _("%(name)s, born %(born)s", name=said, born=born) if born else said


def warnings(comparison: Comparison) -> list[str]:
    """Return what somebody must look at twice before they choose."""
    said = []
    if comparison.has_other_identifier:
        said.append(_("A number differs. Numbers seldom differ for one child: check it in your own system."))
    if comparison.may_be_sibling:
        said.append(
            _(
                "Family name and date of birth agree or nearly agree, the first name does not. This may be a twin, a "
                "brother or a sister."
            )
        )
    return said


def _why(aspect: Aspect) -> str:
    return str(_MISSING[aspect.missing] if aspect.missing else _WHY[aspect.reason])


def _values(item: Described, name: str) -> Iterable[str]:
    if name.startswith("identifier:"):
        return item.identifiers.get(name.partition(":")[2], frozenset())
    return {"first_name": item.first_names, "family_name": item.family_names, "birth_date": item.birth_dates}[name]


def _shown(name: str, values: Iterable[str]) -> tuple[str, ...]:
    if name == "birth_date":
        return tuple(day_words(text) if parse_partial(text) else text for text in sorted(values))
    return tuple(sorted(values))
