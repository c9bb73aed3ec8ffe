"""Who may see what for which purpose, on which conditions, as an agreement really answers.

Every cell is read off the set of all permitted questions (policies.space), not off the policies' text: what a cell says
of a condition was looked for among all questions of that cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from policies.diagram import NOTHING
from policies.engine import Bundle
from policies.explain import entries
from policies.schema import BEYOND_STAGES, WITHIN_STAGES
from policies.space import Space
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Article6,
    CaseStage,
    Category,
    Condition,
    Effect,
    Gateway,
    HandlingCode,
    HandlingInstruction,
    MembershipState,
    Purpose,
    Role,
    Stage,
)

COLUMNS = (
    "role",
    "agency_kind",
    "category",
    "purpose",
    "given",
    "notes",
    "from_agency_kinds",
    "conditions",
    "gateways",
    "article6",
    "not_confirmed",
    "export",
    "submit",
    "rules",
)
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Cell:
    """What one role at one kind of agency is given of one category for one purpose, within the hub.

    ``notes`` are conditions in words. ``originators``, ``conditions``, ``gateways`` and ``article6`` are those with
    which something is given; ``leaves`` the stages beyond the hub that some of it reaches; ``rules`` the permits that
    give it.
    """

    is_given: bool
    notes: tuple[str, ...] = ()
    originators: tuple[AgencyKind, ...] = ()
    conditions: tuple[Condition, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    article6: tuple[Article6, ...] = ()
    leaves: tuple[Stage, ...] = ()
    rules: tuple[str, ...] = ()


Place = tuple[Role, AgencyKind, Category, Purpose]
T = TypeVar("T", bound=StrEnum)
NOT_GIVEN = Cell(is_given=False)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of an agreement, and what holds for every one of them.

    ``always`` are conditions that no permitted question breaks; ``not_always`` those that some does.
    """

    bundle: Bundle
    cells: Mapping[Place, Cell]
    always: tuple[str, ...]
    not_always: tuple[str, ...]

    def kinds_alike(self, role: Role) -> list[tuple[AgencyKind, ...]]:
        """Return the kinds of agency in groups whose people in a role are given exactly the same."""
        groups: dict[tuple[Cell, ...], list[AgencyKind]] = {}
        for kind in AgencyKind:
            cells = tuple(self.cells[role, kind, category, purpose] for category in Category for purpose in Purpose)
            groups.setdefault(cells, []).append(kind)
        return [tuple(kinds) for kinds in groups.values()]

    @property
    def notes(self) -> tuple[str, ...]:
        """Every note that stands in some cell, in the order of first use."""
        return tuple(dict.fromkeys(note for cell in self.cells.values() for note in cell.notes))


def build_matrix(bundle: Bundle) -> Matrix:
    """Draw the table of an agreement. Raises ``AnalysisRefused`` where a policy looks at too much at once."""
    space = Space((bundle,))
    reader = _Reader(space, bundle)
    always: dict[bool, list[str]] = {True: [], False: []}
    for text, broken in _promises(space):
        always[space.diagrams.both(reader.permitted, broken) == NOTHING].append(text)
    return Matrix(bundle, dict(reader.cells()), tuple(always[True]), tuple(always[False]))


def _promises(space: Space) -> list[tuple[str, int]]:
    """What holds for every cell of an agreement that means well, each with the questions that would break it."""
    both, where = space.diagrams.both, space.where
    unreleased = where("originator_release", False)
    beyond = where("stage", *BEYOND_STAGES)
    c_unreleased = both(where("handling_code", HandlingCode.C), unreleased)
    no_onward = where("handling_instructions", HandlingInstruction.NO_ONWARD)
    by_consent = where("gateway", Gateway.CLDC_CONSENT, Gateway.CONSENT_NRM_ADULT)
    return [
        (
            "Only active members of the case, accepted by their own agency, are given anything.",
            where("membership", *(state for state in MembershipState if state is not MembershipState.ACTIVE)),
        ),
        ("Nothing is given on a basis that has expired.", where("basis_expired", True)),
        ("Nothing is given under a gateway that is switched off.", where("gateway_enabled", False)),
        ("Nothing is given on an Article 6 basis that is switched off.", where("article6_enabled", False)),
        ("Nothing is given under a condition that is switched off.", where("condition_enabled", False)),
        ("What is marked handling C is given only where its originator released it.", c_unreleased),
        ("What is marked no onward never leaves the hub.", both(no_onward, beyond)),
        ("Where consent is the gateway, it is given and covers the sharing.", both(by_consent, space.without_consent)),
        (
            "Nothing is given for the panel before the child was referred.",
            both(where("purpose", Purpose.PANEL_REVIEW), where("case_stage", CaseStage.BEFORE_REFERRAL)),
        ),
    ]


class _Reader:
    """Reads the cells off the set of permitted questions; the same set for two cells is read once."""

    def __init__(self, space: Space, bundle: Bundle) -> None:
        self.space = space
        self.diagrams = space.diagrams
        self.permitted = space.permitted(bundle)
        sets = space.rule_sets(bundle)
        self.permits = [name for name, rule in bundle.rules.items() if rule.effect is Effect.PERMIT]
        self.sets = [sets[name] for name in self.permits]
        self.known: dict[tuple[int, ...], Cell] = {}
        self.within = space.where("stage", *WITHIN_STAGES)
        self.unreleased = space.where("originator_release", False)

    def cells(self) -> Iterator[tuple[Place, Cell]]:
        """Yield every cell."""
        tops = [self.permitted, *self.sets]
        for role in Role:
            for kind, of_kind in self._split(self._holding(tops, role), "recipient_kind", AgencyKind):
                # An agency's own records come from its own kind: other questions about them nobody can ask.
                own = self.diagrams.both(
                    self.space.where("same_agency", True), self.space.where("originator_kind", kind)
                )
                possible = self.diagrams.either(own, self.space.where("same_agency", False))
                for purpose, for_purpose in self._split(of_kind, "purpose", Purpose):
                    for category, parts in self._split(for_purpose, "category", Category):
                        permitted = self.diagrams.both(parts[0], possible)
                        yield (role, kind, category, purpose), self._cell(permitted, parts[1:])

    def _holding(self, tops: Sequence[int], role: Role) -> list[int]:
        found = list(tops)
        for item in Role:
            place = self.space.places["recipient_roles", item]
            groups = self.space.variables[place].groups
            value = next(number for number, group in enumerate(groups) if (item is role) in group)
            found = [self.diagrams.branches(one, place)[value] for one in found]
        return found

    def _split(self, tops: Sequence[int], fact: str, terms: type[T]) -> Iterator[tuple[T, list[int]]]:
        place = self.space.places[fact, None]
        branches = [self.diagrams.branches(one, place) for one in tops]
        for term in terms:
            value = self.space.number(fact, term)
            yield term, [items[value] for items in branches]

    def _cell(self, permitted: int, sets: Sequence[int]) -> Cell:
        here = self.diagrams.both(permitted, self.within)
        if here == NOTHING:
            return NOT_GIVEN
        rules = tuple(
            name for name, one in zip(self.permits, sets, strict=True) if self.diagrams.both(one, here) != NOTHING
        )
        key = (permitted, *(self.permits.index(name) for name in rules))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._read(permitted, here, rules)
        return found

    def _read(self, permitted: int, here: int, rules: tuple[str, ...]) -> Cell:
        conditions = self._present(here, "condition", Condition)
        originators = self._present(here, "originator_kind", AgencyKind)
        return Cell(
            is_given=True,
            notes=tuple(self._notes(here, conditions, originators)),
            originators=originators,
            conditions=conditions,
            gateways=self._present(here, "gateway", Gateway),
            article6=self._present(here, "article6", Article6),
            leaves=tuple(
                stage
                for stage in BEYOND_STAGES
                if self.diagrams.both(permitted, self.space.where("stage", stage)) != NOTHING
            ),
            rules=rules,
        )

    def _present(self, one: int, fact: str, terms: type[T]) -> tuple[T, ...]:
        place = self.space.places[fact, None]
        values = self.space.values(place, self.diagrams.spans(one)[place])
        return tuple(term for term in terms if term in values)

    def _notes(self, here: int, conditions: Sequence[Condition], originators: Sequence[AgencyKind]) -> Iterator[str]:
        """Say each condition without which no question of the cell is permitted."""
        both, where = self.diagrams.both, self.space.where
        if both(here, where("same_agency", False)) == NOTHING:
            yield "only what their own agency recorded"
        elif len(originators) < len(AgencyKind):
            yield f"only what {_and([_plain(kind) for kind in originators])} recorded"
        if Condition.NONE not in conditions:
            kind = "an Article 10" if all(item.value.startswith("A10") for item in conditions) else "an Article 9"
            yield f"only under {kind} condition"
        if both(here, self.unreleased) == NOTHING:
            yield "only where its originator released it"
        children = both(here, where("age_path", AgePath.CHILD, AgePath.NOT_SURE))
        adults = both(here, where("age_path", AgePath.ADULT))
        if children == NOTHING:
            yield "about adults only"
        elif both(children, self.space.without_consent) == NOTHING:
            yield "about a child: only with consent"
        if adults == NOTHING:
            yield "about children only"
        elif both(adults, self.space.without_consent) == NOTHING:
            yield "about an adult: only with consent"
        elif both(both(adults, self.space.without_consent), self.unreleased) == NOTHING:
            yield "about an adult without consent: only where released as free of identity"


def render_csv(matrix: Matrix) -> str:
    """Return the table as CSV (RFC 4180), one line a cell. No value is a formula to a spreadsheet program."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    known = entries(matrix.bundle)
    for (role, kind, category, purpose), cell in matrix.cells.items():
        used = [*cell.gateways, *cell.article6, *(item for item in cell.conditions if item is not Condition.NONE)]
        unconfirmed = [name for name in used if not known[name].is_confirmed]
        values = [
            *(role.value, kind.value, category.value, purpose.value),
            "yes" if cell.is_given else "no",
            "; ".join(cell.notes),
            *(" ".join(terms) for terms in (cell.originators, cell.conditions, cell.gateways)),
            *(" ".join(terms) for terms in (cell.article6, unconfirmed)),
            *("yes" if stage in cell.leaves else "no" for stage in BEYOND_STAGES),
            " ".join(cell.rules),
        ]
        writer.writerow([neutral(value) for value in values])
    return out.getvalue()


def neutral(value: str) -> str:
    """Return a cell so that a spreadsheet program takes it as text: an apostrophe before what may be a formula."""
    return f"'{value}" if value.startswith(_FORMULA_MARKS) else value


def _plain(term: StrEnum) -> str:
    return term.value.replace("_", " ")


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
