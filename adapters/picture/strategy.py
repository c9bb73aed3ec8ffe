"""Strategy discussions as records tell them: who was invited, answered and took part, where the child is to stay, why.

Sources: nrm.md 4.1. What an older record does not say stays empty; nothing is taken for a no.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.picture.content import Group, find_part
from adapters.picture.provenance import Piece
from adapters.picture.view import CaseView
from adapters.release.strategy import DiscussionState
from policies.vocabulary import Category


@dataclass(frozen=True, slots=True)
class InvitedRow:
    """An agency that was invited, what it answered and how it took part, as codes; as what jobs."""

    agency: str
    name: str
    answer: str
    attendance: str
    who: str


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place to stay that was considered, the codes of its reasons, and why in words."""

    option: str
    reasons: tuple[str, ...]
    why: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class AgreedRow:
    """What was agreed, which agency does it, by when."""

    action: str
    owner_name: str
    due: str


@dataclass(frozen=True, slots=True)
class Discussion:
    """One strategy discussion. ``day`` is when it was held or is planned for; ``is_planned``: not held yet."""

    is_planned: bool
    day: str
    starts_at: str
    how_to_join: str
    agencies: tuple[str, ...]
    invited: tuple[InvitedRow, ...]
    threshold: str
    reasons: str
    next_steps: str
    places: tuple[PlaceRow, ...]
    police_protection: str
    police_protection_why: str
    outcome: str
    agreed: tuple[AgreedRow, ...]
    follows: tuple[str, ...]
    """Ids of the fragments it quotes: of one that was held, the plan it came of."""


def is_planned(piece: Piece) -> bool:
    """Whether a record is of a strategy discussion that was called together and, by this record, not held yet."""
    is_one = piece.category is Category.STRATEGY_DISCUSSION
    return is_one and piece.content.text("hub_DiscussionState") == DiscussionState.PLANNED.value


def read_discussion(view: CaseView, piece: Piece) -> Discussion:
    """Return what a record says of a strategy discussion. Never raises on its content."""
    content, planned = piece.content, is_planned(piece)
    named = content.given("hub_Invited" if planned else "hub_Attended")
    return Discussion(
        is_planned=planned,
        day=content.text("hub_PlannedFor") if planned else content.text("hub_HeldOn") or content.observed_from or "",
        starts_at=content.text("hub_StartsAt"),
        how_to_join=content.text("hub_HowToJoin"),
        agencies=tuple(view.name_of(item.text) for item in named),
        invited=tuple(_invited(view, part) for part in content.parts("hub_Invitation")),
        threshold=content.text("hub_ThresholdMet"),
        reasons=content.text("hub_Reasons"),
        next_steps=content.text("hub_NextSteps"),
        places=tuple(_place(part) for part in content.parts("hub_PlacementOption")),
        police_protection=content.text("hub_PoliceProtectionConsidered"),
        police_protection_why=content.text("hub_PoliceProtectionWhy"),
        outcome=content.text("hub_DiscussionOutcome"),
        agreed=tuple(_agreed(view, part) for part in content.parts("hub_DiscussionAction")),
        follows=content.derived_from,
    )


def _said(group: Group, *names: str) -> str:
    found = find_part(group, *names)
    return "" if found is None else found.text


def _invited(view: CaseView, part: Group) -> InvitedRow:
    agency = _said(part, "agency", "value")
    return InvitedRow(
        agency, view.name_of(agency), _said(part, "answer"), _said(part, "attendance"), _said(part, "who")
    )


def _place(part: Group) -> PlaceRow:
    reasons = tuple(item.text for item in part.get("reason", ()) if item.is_given)
    return PlaceRow(_said(part, "option", "value"), reasons, _said(part, "why"), _said(part, "is_chosen") == "yes")


def _agreed(view: CaseView, part: Group) -> AgreedRow:
    return AgreedRow(_said(part, "action", "value"), view.name_of(_said(part, "owner")), _said(part, "due"))
