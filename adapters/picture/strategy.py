"""Strategy discussions as records tell them: who was invited, answered and took part, where the child is to stay, why.

What an invited agency answers is a record of its own; it stands beside what the convener wrote and neither replaces the
other. Sources: nrm.md 4.1. What an older record does not say stays empty; nothing is taken for a no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.picture.content import Group, find_part
from adapters.picture.dates import parse_partial
from adapters.picture.followups import day_of, followed_by
from adapters.picture.provenance import Piece
from adapters.picture.view import CaseView
from adapters.release.strategy import DiscussionState
from adapters.uk_time import uk_clock_words
from policies.vocabulary import Category


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """What an agency itself answered to an invitation: its code, its words, on which day (ISO), in which record."""

    fragment: str
    ref: str
    agency: str
    coming: str
    words: str
    day: str


@dataclass(frozen=True, slots=True)
class InvitedRow:
    """An agency that was invited: what the convener wrote of its answer and how it took part, as codes; as what jobs.

    ``own`` are its own answers in the log's order: the newest is the last.
    """

    agency: str
    name: str
    answer: str
    attendance: str
    who: str
    own: tuple[ReplyRow, ...] = ()


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
    is_past: bool
    """Whether its day is over: whether it was done, no field of the discussion says."""


@dataclass(frozen=True, slots=True)
class Discussion:
    """One strategy discussion. ``day`` is when it was held or is planned for; ``is_planned``: not held yet.

    ``invited`` of a plan are the agencies that it invites, each with its own answers; of one that was held those of
    which the convener wrote, and any that answered its plan itself. ``came_of_it`` are the convener's records that
    follow a plan.
    """

    state: str
    is_planned: bool
    is_ours: bool
    """Whether the reader's own agency wrote it: only that one says what came of its plan."""
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
    came_of_it: tuple[str, ...] = ()

    @property
    def time_words(self) -> str:
        """The time of day that was typed for it, with the zone of UK clocks on its day."""
        return uk_clock_words(self.day, self.starts_at)

    def invites(self, agency: str) -> bool:
        """Whether it is a plan that invites an agency, and its convener has not said what came of it."""
        return self.is_planned and not self.came_of_it and any(row.agency == agency for row in self.invited)


def state_of(piece: Piece) -> str:
    """Return where a discussion stands by its record; an older one that does not say was held."""
    said = piece.content.text("hub_DiscussionState")
    return said if said in tuple(DiscussionState) else DiscussionState.HELD.value


def was_held(piece: Piece) -> bool:
    """Whether a record is of a strategy discussion that was held."""
    return piece.category is Category.STRATEGY_DISCUSSION and state_of(piece) == DiscussionState.HELD.value


def is_planned(piece: Piece) -> bool:
    """Whether a record is of a strategy discussion that was called together and, by this record, not held yet."""
    is_one = piece.category is Category.STRATEGY_DISCUSSION
    return is_one and piece.content.text("hub_DiscussionState") == DiscussionState.PLANNED.value


def read_discussion(view: CaseView, piece: Piece, pieces: Sequence[Piece] = ()) -> Discussion:
    """Return what a record says of a strategy discussion. ``pieces``: everything opened, for what others say of it.

    Never raises on its content.
    """
    content, planned = piece.content, is_planned(piece)
    named = content.given("hub_Invited" if planned else "hub_Attended")
    return Discussion(
        state=state_of(piece),
        is_planned=planned,
        is_ours=piece.agency == view.reader.agency,
        day=content.text("hub_PlannedFor") if planned else content.text("hub_HeldOn") or content.observed_from or "",
        starts_at=content.text("hub_StartsAt"),
        how_to_join=content.text("hub_HowToJoin"),
        agencies=tuple(view.name_of(item.text) for item in named),
        invited=_list_invited(view, piece, pieces),
        threshold=content.text("hub_ThresholdMet"),
        reasons=content.text("hub_Reasons"),
        next_steps=content.text("hub_NextSteps"),
        places=tuple(_place(part) for part in content.parts("hub_PlacementOption")),
        police_protection=content.text("hub_PoliceProtectionConsidered"),
        police_protection_why=content.text("hub_PoliceProtectionWhy"),
        outcome=content.text("hub_DiscussionOutcome"),
        agreed=tuple(_agreed(view, part) for part in content.parts("hub_DiscussionAction")),
        follows=content.derived_from,
        came_of_it=tuple(item.fragment for item in _in_order(pieces) if planned and came_of(piece, item)),
    )


def came_of(plan: Piece, piece: Piece) -> bool:
    """Whether a record says what came of a plan: by whoever called it together. What others say of it ends nothing."""
    return piece.agency == plan.agency and plan.fragment in _plans_of(piece)


def _in_order(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda item: (item.opened.log_index, item.fragment))


def _plans_of(piece: Piece) -> tuple[str, ...]:
    """Return the plans that a discussion says it came of: by its own word, or in older records by what it quotes."""
    if piece.category is not Category.STRATEGY_DISCUSSION or is_planned(piece):
        return ()
    named = followed_by(piece)
    return piece.content.derived_from if named is None else (named,)


def _list_invited(view: CaseView, piece: Piece, pieces: Sequence[Piece]) -> tuple[InvitedRow, ...]:
    rows = {row.agency: row for row in (_invited(view, part) for part in piece.content.parts("hub_Invitation"))}
    if is_planned(piece):
        names = [item.text for item in piece.content.given("hub_Invited")]
        rows = {name: InvitedRow(name, view.name_of(name), "", "", "") for name in names}
    plans = {item.fragment: item for item in (piece, *pieces) if is_planned(item)}
    wanted = [plans[name] for name in (piece.fragment, *_plans_of(piece)) if name in plans]
    own = [reply for plan in wanted for reply in _replies(plan, pieces)]
    for reply in own:
        rows.setdefault(reply.agency, InvitedRow(reply.agency, view.name_of(reply.agency), "", "", ""))
    return tuple(replace(row, own=tuple(reply for reply in own if reply.agency == row.agency)) for row in rows.values())


def _replies(plan: Piece, pieces: Sequence[Piece]) -> list[ReplyRow]:
    """Return the answers to a plan of the agencies that it invites; what others write of it is none."""
    invited = {item.text for item in plan.content.given("hub_Invited")}
    return [
        ReplyRow(item.fragment, item.ref, item.agency, said, item.content.text("hub_AnswerText"), day_of(item))
        for item in _in_order(pieces)
        if item.category is Category.ANSWER
        and item.agency in invited
        and item.content.text("hub_AnswerTo") == plan.fragment
        and (said := item.content.text("hub_Coming"))
    ]


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
    due = _said(part, "due")
    read = parse_partial(due)
    is_past = read is not None and read.last < view.today
    return AgreedRow(_said(part, "action", "value"), view.name_of(_said(part, "owner")), due, is_past)
