"""A strategy discussion as people write it down: called together first, then held, each a record of its own.

Sources: nrm.md 4.1 (who takes part; the first 72 hours; that places to stay were chosen by age and cost), Children Act
1989 s46 (police protection) and s47. Built as ``authored`` builds; what is new since the first form may be left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from adapters.picture.speech import lazy_gettext as _
from adapters.release.writing import (
    MAX_LINE_CHARS,
    Author,
    AuthoredRefused,
    Fields,
    given,
    is_to_come,
    put_follows,
    put_optional,
    render_content,
    require_agency_id,
    require_day,
    require_due,
    require_line,
    require_text,
    require_time_of_day,
    require_written_term,
)
from policies.vocabulary import Category

MAX_ATTENDANCES = 50
MAX_OPTIONS = 20
MAX_DISCUSSION_ACTIONS = 50
MAX_WHY_CHARS = 4_000


class DiscussionState(StrEnum):
    """Whether a strategy discussion has been called together, was held, or did not come about."""

    PLANNED = "planned"
    HELD = "held"
    NOT_HELD = "not_held"


class InvitationAnswer(StrEnum):
    """What an agency that was invited answered; ``not_invited``: it was not, and took part all the same."""

    WILL_COME = "will_come"
    SENDS_VIEWS = "sends_views"
    CANNOT_COME = "cannot_come"
    NO_ANSWER = "no_answer"
    NOT_INVITED = "not_invited"


class Attendance(StrEnum):
    """How an agency took part."""

    IN_THE_ROOM = "in_the_room"
    REMOTELY = "remotely"
    NOT_THERE = "not_there"


class PlacementReason(StrEnum):
    """Why a place to stay is considered, or is not chosen."""

    SAFE_FROM_EXPLOITERS = "safe_from_exploiters"
    CHILD_WISHES = "child_wishes"
    TRUSTED_PEOPLE = "trusted_people"
    FAMILY = "family"
    HEALTH = "health"
    EDUCATION = "education"
    CULTURE_AND_LANGUAGE = "culture_and_language"
    SPECIALIST_CARE = "specialist_care"
    AVAILABLE_NOW = "available_now"
    AGE = "age"
    COST = "cost"


NEVER_ALONE = frozenset({PlacementReason.AGE, PlacementReason.COST})
_WHOLE = Category.STRATEGY_DISCUSSION.value
"""What a refusal of the whole form names."""
AGE_OR_COST_ALONE = _(
    "age and cost are never the only reasons for a place to stay; say what it means for this child’s safety and wishes"
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An agency that was invited: what it answered, how it took part, and as what jobs (one line, no names)."""

    agency: str
    answer: InvitationAnswer
    attendance: Attendance
    who: str | None = None


@dataclass(frozen=True, slots=True)
class PlacementOption:
    """A place to stay that was considered, with its reasons in codes and in words, and whether it was chosen."""

    option: str
    reasons: tuple[PlacementReason, ...]
    why: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class DiscussionAction:
    """Something agreed: what, by which agency, by when."""

    action: str
    owner: str
    due: date


def strategy_discussion(
    by: Author,
    *,
    held_on: date,
    agencies: Sequence[str],
    state: DiscussionState = DiscussionState.HELD,
    starts_at: str | None = None,
    how_to_join: str | None = None,
    threshold_met: bool | None = None,
    reasons: str | None = None,
    next_steps: str | None = None,
    invitations: Sequence[Invitation] = (),
    placement_options: Sequence[PlacementOption] = (),
    police_protection_considered: bool | None = None,
    police_protection_why: str | None = None,
    outcome: str | None = None,
    discussion_actions: Sequence[DiscussionAction] = (),
    derived_from: Sequence[str] = (),
    follows: str | None = None,
) -> dict[str, Any]:
    """A strategy discussion (Children Act 1989 s47): planned, with whom and why; or held, and what came of it.

    ``planned``: ``held_on`` is the day it is planned for, ``agencies`` those invited, ``reasons`` why; nothing that
    only a discussion that was held has. ``held``: ``agencies`` took part, and ``threshold_met``, ``reasons`` and
    ``next_steps`` are needed. An option whose only reasons are age or cost is refused. ``not_held``: a plan came to
    nothing; ``held_on`` is the day on which that is said, ``agencies`` is empty, ``reasons`` say why, ``next_steps``
    what happens instead. ``follows`` is the fragment of the plan. Raises ``AuthoredRefused``.
    """
    state = require_written_term("state", DiscussionState, state)
    fields: Fields = {"hub_DiscussionState": given("hub_DiscussionState", state.value)}
    put_optional(fields, "hub_HowToJoin", how_to_join, MAX_LINE_CHARS)
    if starts_at is not None:
        fields["hub_StartsAt"] = given("hub_StartsAt", require_time_of_day("starts_at", starts_at))
    quoted = [*derived_from, *put_follows(fields, follows)]
    if state is not DiscussionState.HELD:
        later = (threshold_met, police_protection_considered, police_protection_why, outcome)
        if any(item is not None for item in later) or invitations or placement_options or discussion_actions:
            raise AuthoredRefused(_("what came of it is recorded once it was held"), _WHOLE)
    if state is DiscussionState.NOT_HELD:
        if agencies:
            raise AuthoredRefused(_("expected none where it was not held, nobody took part"), "agencies")
        return _not_held(fields, by, held_on, reasons, next_steps, quoted)
    if state is DiscussionState.PLANNED:
        if next_steps is not None:
            raise AuthoredRefused(_("what came of it is recorded once it was held"), _WHOLE)
        _put_plan(fields, by, held_on, agencies, reasons)
        return render_content(
            Category.STRATEGY_DISCUSSION, "A strategy discussion is planned", fields, by, derived_from=quoted
        )
    if threshold_met is None or reasons is None or next_steps is None:
        raise AuthoredRefused(_("held needs whether the threshold is met, the reasons and what happens next"), _WHOLE)
    day = require_day("held_on", held_on, by)
    if starts_at is not None and is_to_come(held_on, starts_at, by):
        raise AuthoredRefused(
            _("expected a time that is over; what is still to come is recorded as planned"), "starts_at"
        )
    fields["hub_HeldOn"] = given("hub_HeldOn", day)
    fields["hub_Attended"] = list_attended(agencies)
    fields["hub_ThresholdMet"] = given("hub_ThresholdMet", threshold_met)
    fields["hub_Reasons"] = given("hub_Reasons", require_text("reasons", reasons))
    fields["hub_NextSteps"] = given("hub_NextSteps", require_text("next_steps", next_steps))
    _put_invitations(fields, invitations)
    _put_options(fields, placement_options)
    _put_protection(fields, police_protection_considered, police_protection_why)
    put_optional(fields, "hub_DiscussionOutcome", outcome, MAX_WHY_CHARS)
    _put_actions(fields, by, discussion_actions, held_on)
    return render_content(
        Category.STRATEGY_DISCUSSION, "A strategy discussion", fields, by, observed_from=day, derived_from=quoted
    )


def list_attended(agencies: Sequence[str]) -> list[dict[str, Any]]:
    """Return the agencies that took part in something, each once, as content. Raises ``AuthoredRefused``."""
    return _agencies("hub_Attended", agencies)


def _agencies(name: str, agencies: Sequence[str]) -> list[dict[str, Any]]:
    if not 1 <= len(agencies) <= MAX_ATTENDANCES:
        raise AuthoredRefused(
            _("expected 1 to %(most)s, got %(count)s", most=str(MAX_ATTENDANCES), count=str(len(agencies))), "agencies"
        )
    return [given(name, item) for item in sorted({require_agency_id("agencies", item) for item in agencies})]


def _put_plan(fields: Fields, by: Author, day: date, agencies: Sequence[str], reasons: str | None) -> None:
    if reasons is None:
        raise AuthoredRefused(_("planned needs the reasons why it is called together"), _WHOLE)
    planned_for = require_day("held_on", day, by, may_be_future=True)
    if day < by.day:
        raise AuthoredRefused(_("expected a day that is not over; what was held before is recorded as held"), "held_on")
    fields["hub_PlannedFor"] = given("hub_PlannedFor", planned_for)
    fields["hub_Invited"] = _agencies("hub_Invited", agencies)
    fields["hub_Reasons"] = given("hub_Reasons", require_text("reasons", reasons))


def _not_held(
    fields: Fields, by: Author, day: date, reasons: str | None, next_steps: str | None, quoted: Sequence[str]
) -> dict[str, Any]:
    if "hub_Follows" not in fields:
        raise AuthoredRefused(_("one that was not held needs the plan that it follows"), _WHOLE)
    if reasons is None or next_steps is None:
        raise AuthoredRefused(_("one that was not held needs the reasons and what happens instead"), _WHOLE)
    said_on = require_day("held_on", day, by)
    fields["hub_Reasons"] = given("hub_Reasons", require_text("reasons", reasons))
    fields["hub_NextSteps"] = given("hub_NextSteps", require_text("next_steps", next_steps))
    return render_content(
        Category.STRATEGY_DISCUSSION,
        "A strategy discussion did not come about",
        fields,
        by,
        observed_from=said_on,
        derived_from=quoted,
    )


def _put_invitations(fields: Fields, invitations: Sequence[Invitation]) -> None:
    if len(invitations) > MAX_ATTENDANCES or len({item.agency for item in invitations}) != len(invitations):
        raise AuthoredRefused(
            _("expected at most %(most)s, each of another agency", most=str(MAX_ATTENDANCES)), "invitations"
        )
    parts = []
    for item in invitations:
        answer = require_written_term("answer", InvitationAnswer, item.answer).value
        attendance = require_written_term("attendance", Attendance, item.attendance).value
        part = {
            "agency": given("agency", require_agency_id("agency", item.agency)),
            "answer": given("answer", answer),
            "attendance": given("attendance", attendance),
        }
        if item.who is not None:
            part["who"] = given("who", require_line("who", item.who))
        parts.append(part)
    if parts:
        fields["hub_Invitation"] = parts


def _put_options(fields: Fields, options: Sequence[PlacementOption]) -> None:
    if len(options) > MAX_OPTIONS:
        raise AuthoredRefused(
            _("expected at most %(most)s, got %(count)s", most=str(MAX_OPTIONS), count=str(len(options))),
            "placement_options",
        )
    parts: list[dict[str, Any]] = []
    for item in options:
        said = {require_written_term("reasons", PlacementReason, code) for code in item.reasons}
        codes = [code for code in PlacementReason if code in said]
        if not codes:
            raise AuthoredRefused(_("expected at least one reason for each place"), "placement_options")
        if set(codes) <= NEVER_ALONE:
            raise AuthoredRefused(AGE_OR_COST_ALONE, "placement_options")
        parts.append(
            {
                "option": given("option", require_line("option", item.option)),
                "reason": [given("reason", code.value) for code in codes],
                "why": given("why", require_text("why", item.why, MAX_WHY_CHARS)),
                "is_chosen": given("is_chosen", item.is_chosen),
            }
        )
    if parts:
        fields["hub_PlacementOption"] = parts


def _put_protection(fields: Fields, considered: bool | None, why: str | None) -> None:
    if (considered is None) != (why is None):
        raise AuthoredRefused(
            _("say whether police protection was considered, and why or why not"), "police_protection_why"
        )
    if considered is not None:
        fields["hub_PoliceProtectionConsidered"] = given("hub_PoliceProtectionConsidered", considered)
        put_optional(fields, "hub_PoliceProtectionWhy", why, MAX_WHY_CHARS)


def _put_actions(fields: Fields, by: Author, actions: Sequence[DiscussionAction], held_on: date) -> None:
    if len(actions) > MAX_DISCUSSION_ACTIONS:
        raise AuthoredRefused(
            _("expected at most %(most)s, got %(count)s", most=str(MAX_DISCUSSION_ACTIONS), count=str(len(actions))),
            "discussion_actions",
        )
    parts = []
    for item in actions:
        due = require_due("due", item.due, by)
        if item.due < held_on:
            raise AuthoredRefused(_("expected a day from that of the discussion on"), "due")
        parts.append(
            {
                "action": given("action", require_text("action", item.action, MAX_WHY_CHARS)),
                "owner": given("owner", require_agency_id("owner", item.owner)),
                "due": given("due", due),
            }
        )
    if parts:
        fields["hub_DiscussionAction"] = parts
