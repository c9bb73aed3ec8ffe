"""How a case was referred, and which of two routes decides on it: a panel of the devolved pilot, or the national one.

A case is in the pilot or out of it by how things stood on the day it was referred. What tells it apart here: the signed
age path of that day, the recorded birth dates, and whether the signed membership lists a panel. Where these do not say,
both routes are counted and the words say why. Sources: nrm.md 2.2, 2.3, 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import day_words
from adapters.uk_time import uk_day
from keys.statements import Statement
from policies.membership import CaseStatements, Said, standing_of
from policies.model import Membership
from policies.vocabulary import AgePath, CaseStage, Role

PILOT_DAYS = 100
"""The pilot takes children more than this many days from 18 on the day of the referral."""
_PANEL = frozenset({Role.PANEL_CHAIR, Role.PANEL_VOTING})


class Scope(StrEnum):
    """Whether a child was within the pilot's limits of age. ``not_certain``: a birth date allows both; ``disputed``:
    recorded birth dates differ, and it depends on which is right; ``not_known``: no birth date was opened."""

    YES = "yes"
    NO = "no"
    NOT_CERTAIN = "not_certain"
    DISPUTED = "disputed"
    NOT_KNOWN = "not_known"


class Route(StrEnum):
    """Who decides. ``not_known``: one of the two, and what was opened does not say which."""

    PILOT = "pilot"
    NATIONAL = "national"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class Referral:
    """When the lead signed that a case was referred, its age path by then, and whether a panel is listed in it now."""

    at: datetime
    age_path: AgePath
    has_panel: bool

    @property
    def day(self) -> date:
        """The day in the UK on which it was referred."""
        return uk_day(self.at)


class Lists(Protocol):
    """The verified statements on who takes part in a case, each kind in its order."""

    @property
    def membership(self) -> Sequence[Statement]: ...
    @property
    def acceptances(self) -> Sequence[Statement]: ...
    @property
    def endorsements(self) -> Sequence[Statement]: ...


def find_referral(lists: Lists, now: Membership) -> Referral | None:
    """Return how a case was referred, by its verified lists and who takes part ``now``; None before that.

    A case is referred once: a later change of its stage or age path leaves the day and the path that counted then.
    """
    chain = lists.membership
    for number, item in enumerate(chain, start=1):
        if item.members["case_stage"] != CaseStage.BEFORE_REFERRAL:
            # That an agency left later takes back nothing of what it had said.
            each = (chain[:number], lists.acceptances, lists.endorsements, ())
            said = CaseStatements(*([Said(it.digest, it.issuer, it.members) for it in kind] for kind in each))
            # What the list says of the age counts only where another agency endorsed it.
            return Referral(item.issued_at, standing_of(said).effective.age_path, has_panel(now))
    return None


def has_panel(membership: Membership) -> bool:
    """Whether the signed list of a case has somebody who chairs its panel or votes in it."""
    return any(_PANEL & set(member.roles) for member in membership.members)


def decide_route(referral: Referral, scope: Scope) -> tuple[Route, str]:
    """Return who decides on a referred case, and why in words that go on from "counted from …"."""
    if referral.age_path is not AgePath.CHILD:
        scope = Scope.NO
    if scope is Scope.NO:
        if referral.has_panel:
            return Route.NOT_KNOWN, _(
                "by its age path or birth date the case was outside the devolved pilot on the day of the referral, yet "
                "lists a panel"
            )
        return Route.NATIONAL, _("on the day of the referral the case was outside the devolved pilot")
    if scope in (Scope.NOT_CERTAIN, Scope.DISPUTED):
        return Route.NOT_KNOWN, _(
            "the recorded birth dates leave open whether the child was within the pilot’s age limit"
        )
    if not referral.has_panel:
        return Route.NOT_KNOWN, _("no panel is listed in this case, so it may be decided by either")
    return Route.PILOT, _("a panel of the devolved pilot is listed in this case")


def scope_words(scope: Scope, age_path: AgePath, referral: Referral | None) -> str:
    """Return a sentence on the scope of the pilot.

    ``age_path`` is that of the case now; where it was referred, the path of that day counts.
    """
    path = age_path if referral is None else referral.age_path
    if path is AgePath.NOT_SURE:
        return _(
            "It is not certain that this is a child. They are treated as a child. A case of uncertain age is outside "
            "the devolved decision-making pilot."
        )
    if path is AgePath.ADULT:
        return _("The case follows the adult path, which is outside the devolved decision-making pilot.")
    when = (
        _("Today, before any referral")
        if referral is None
        else _("On the day of the referral, %(day)s", day=day_words(referral.day))
    )
    notes = {
        Scope.YES: _(
            "%(when)s: more than %(days)s days from 18, within the age limit of the devolved decision-making pilot.",
            when=when,
            days=PILOT_DAYS,
        ),
        Scope.NO: _(
            "%(when)s: %(days)s days or less from 18, outside the age limit of the devolved decision-making pilot.",
            when=when,
            days=PILOT_DAYS,
        ),
        Scope.DISPUTED: _("The recorded birth dates differ, and the scope of the pilot depends on which is right."),
        Scope.NOT_CERTAIN: _("The birth date is not known exactly enough to say whether the case is within the pilot."),
        Scope.NOT_KNOWN: _("No birth date was opened, so the scope of the pilot cannot be told."),
    }
    return notes[scope]
