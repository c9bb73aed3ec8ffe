"""What an agreement is made of once it is loaded: rules, gateways, rows of its own tests. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from policies.model import Facts
from policies.vocabulary import AgencyKind, Article6, Condition, Effect, Gateway, Purpose


class BundleRefused(ValueError):
    """A bundle is not loaded. The text names the file or policy, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy as a person reads it.

    ``effect`` is what the policy does where it applies: PERMIT, or REFUSE for a forbid. The sentence of a forbid says
    what must be true for sharing to go on. ``silent`` rules are never named to the person who asked, because the name
    alone would tell them that the case exists or that they are excluded from it.
    """

    id: str
    effect: Effect
    sentence: str
    clause: str
    owner: str
    review_date: date
    silent: bool

    def is_overdue(self, at: date) -> bool:
        """Whether the day by which the rule was to be reviewed has passed. It holds all the same."""
        return date(at.year, at.month, at.day) > self.review_date


@dataclass(frozen=True, slots=True)
class Route:
    """A direction in which a gateway lets information go between kinds of agency."""

    originators: frozenset[AgencyKind]
    recipients: frozenset[AgencyKind]


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A power or duty to share as the agreement uses it.

    ``enabled_from`` is the first day on which the agreement relies on it, None while it does not. ``confirmed_by`` says
    who checked the entry against the law, ``none`` while nobody has.
    """

    gateway: Gateway
    title: str
    law: str
    enabled_from: date | None
    confirmed_by: str
    article6: frozenset[Article6]
    conditions: frozenset[Condition]
    purposes: frozenset[Purpose]
    routes: tuple[Route, ...]

    @property
    def is_confirmed(self) -> bool:
        """Whether somebody has checked this entry against the law."""
        return self.confirmed_by != "none"

    @property
    def originators(self) -> frozenset[AgencyKind]:
        """The kinds of agency that may share under this gateway."""
        return frozenset(kind for route in self.routes for kind in route.originators)

    def reaches(self, originator: AgencyKind, recipient: AgencyKind) -> bool:
        """Whether one kind of agency may tell the other under this gateway."""
        return any(originator in route.originators and recipient in route.recipients for route in self.routes)


@dataclass(frozen=True, slots=True)
class BasisEntry:
    """An Article 6 basis, or an Article 9 or 10 condition, as the agreement uses it: as a gateway."""

    code: Article6 | Condition
    title: str
    law: str
    enabled_from: date | None
    confirmed_by: str

    @property
    def is_confirmed(self) -> bool:
        """Whether somebody has checked this entry against the law."""
        return self.confirmed_by != "none"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the bundle's own tests: a question, and the answer the federation agreed on."""

    file: str
    name: str
    facts: Facts
    effect: Effect
    rules: tuple[str, ...]
