"""What somebody typed into the forms of a strategy discussion, as the content of a record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _later

from adapters.picture.discussion_words import INVITED_ANSWER_WORDS, PLACE_REASON_WORDS
from adapters.picture.speech import shown
from adapters.release.strategy import (
    MAX_WHY_CHARS,
    NEVER_ALONE,
    Attendance,
    DiscussionAction,
    DiscussionState,
    Invitation,
    InvitationAnswer,
    PlacementOption,
    PlacementReason,
    strategy_discussion,
)
from adapters.release.writing import MAX_DUE_DAYS, Author, AuthoredRefused, Coming, is_to_come
from adapters.workspace.form_reading import MAX_SHORT, FormReader

OWN_ANSWERS: Mapping[str, object] = {
    Coming.IN_PERSON.value: _later("comes"),
    Coming.REMOTELY.value: _later("takes part remotely"),
    Coming.NOT.value: _later("does not come"),
}
"""What an invited agency answered itself, after its name."""
PLACES, ACTIONS = 3, 5
"""Places to stay and agreed actions that one form has room for."""
_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Table:
    """The agencies of the case by id, the discussions that were planned by fragment with their day, and today."""

    agencies: Mapping[str, str]
    plans: Mapping[str, str]
    today: date


def read_plan(read: FormReader, by: Author, table: Table) -> dict[str, Any] | None:
    """Return the content of an invitation, or None with its problems noted."""
    day = read.day("held_on", _("Write the day of the discussion"), not_before=table.today)
    starts_at = _time_of_day(read, _("Write the time, such as 14:30"))
    join = read.line("how_to_join", _("Write where it is, and how to take part remotely"))
    agencies = read.choices("agencies", tuple(table.agencies), _("Tick the agencies that are invited"))
    reasons = read.text("reasons", _("Write why it is called together"))
    if read.problems or day is None:
        return None
    return _build(
        read,
        by,
        held_on=day,
        agencies=agencies,
        state=DiscussionState.PLANNED,
        starts_at=starts_at,
        how_to_join=join,
        reasons=reasons,
    )


def read_held(read: FormReader, by: Author, table: Table) -> dict[str, Any] | None:
    """Return the content of a record of a discussion that was held, or None with its problems noted."""
    plan = read.choice("plan", ("", *table.plans), _not_open(read)) or ""
    day = read.day("held_on", _("Write the day on which it was held"), not_after=table.today)
    starts_at = _time_of_day(read)
    if day is not None and starts_at is not None and is_to_come(day, starts_at, by):
        read.note("starts_at", _("This time is still to come. Write when it was held, or call the discussion together"))
    invitations = _invitations(read, table)
    threshold = read.yes_no("threshold_met", _("Say whether the threshold of section 47 is met"))
    reasons = read.text("reasons", _("Write the reasons"))
    places = [place for number in range(1, PLACES + 1) if (place := _place(read, number)) is not None]
    considered = read.yes_no("police_protection", _("Say whether police protection was considered"))
    why = read.text("police_protection_why", _("Write why police protection is used, or why not"), MAX_SHORT)
    outcome = read.text("outcome", _("Write what was decided"), MAX_WHY_CHARS)
    next_steps = read.text("next_steps", _("Write what happens next"))
    actions = [item for number in range(1, ACTIONS + 1) if (item := _action(read, number, table, day)) is not None]
    if read.problems or day is None:
        return None
    return _build(
        read,
        by,
        held_on=day,
        agencies=[item.agency for item in invitations if item.attendance is not Attendance.NOT_THERE],
        starts_at=starts_at,
        threshold_met=threshold,
        reasons=reasons,
        next_steps=next_steps,
        invitations=invitations,
        placement_options=places,
        police_protection_considered=considered,
        police_protection_why=why,
        outcome=outcome,
        discussion_actions=actions,
        follows=plan or None,
    )


def read_not_held(read: FormReader, by: Author, table: Table) -> dict[str, Any] | None:
    """Return the content that says that a plan came to nothing, or None with its problems noted."""
    plan = read.choice("plan", tuple(table.plans), _not_open(read) or _("Choose which plan came to nothing"))
    reasons = read.text("reasons", _("Write why it was not held"))
    instead = read.text("next_steps", _("Write what happens instead"))
    if read.problems:
        return None
    return _build(
        read,
        by,
        held_on=table.today,
        agencies=[],
        state=DiscussionState.NOT_HELD,
        reasons=reasons,
        next_steps=instead,
        follows=plan,
    )


def _not_open(read: FormReader) -> str:
    """Say what is wrong where a plan was chosen that nobody finds now; empty where none was chosen."""
    if not read.raw("plan"):
        return ""
    return str(_("This plan is not known here any more. Open the case’s picture, then choose it again"))


def _build(read: FormReader, by: Author, **said: Any) -> dict[str, Any] | None:
    try:
        return strategy_discussion(by, **said)
    except AuthoredRefused as error:
        read.note("", shown(error.words))
        return None


def _time_of_day(read: FormReader, problem: str = "") -> str | None:
    said = read.raw("starts_at")
    found = _TIME.fullmatch(said)
    if found is not None:
        return f"{int(found[1]):02d}:{found[2]}"
    if said or problem:
        read.note("starts_at", problem or _("Write the time, such as 14:30"))
    return None


def _invitations(read: FormReader, table: Table) -> list[Invitation]:
    found = []
    for agency, name in table.agencies.items():
        answer = read.choice(
            f"answer-{agency}", tuple(INVITED_ANSWER_WORDS), _("Say what %(name)s answered", name=name)
        )
        is_absent = read.raw(f"attended-{agency}") in ("", Attendance.NOT_THERE.value) and not read.raw(f"who-{agency}")
        if answer is None or (answer == InvitationAnswer.NOT_INVITED.value and is_absent):
            continue
        there = read.term(f"attended-{agency}", Attendance, _("Say whether %(name)s took part", name=name))
        who = read.line(f"who-{agency}")
        if there is not None:
            found.append(Invitation(agency, InvitationAnswer(answer), there, who))
    if not any(item.attendance is not Attendance.NOT_THERE for item in found) and not read.problems:
        read.note(f"answer-{next(iter(table.agencies))}", _("At least one agency took part"))
    return found


def _place(read: FormReader, number: int) -> PlacementOption | None:
    names = [f"place-{number}", f"place-{number}-why"]
    if not any(read.raw(name) for name in names) and not read.form.getlist(f"place-{number}-reasons"):
        return None
    option = read.line(names[0], _("Write which place to stay was considered"))
    codes = read.choices(
        f"place-{number}-reasons", tuple(PLACE_REASON_WORDS), _("Tick the reasons that were looked at")
    )
    if codes and {PlacementReason(code) for code in codes} <= NEVER_ALONE:
        read.note(
            f"place-{number}-reasons",
            _("Age and cost are never the only reasons. Say what this place means for the child’s safety and wishes"),
        )
    why = read.text(names[1], _("Write why it is chosen, or why not"), MAX_SHORT)
    chosen = read.yes_no(f"place-{number}-chosen", _("Say whether this place was chosen"))
    if option is None or not codes or why is None or chosen is None:
        return None
    return PlacementOption(option, tuple(PlacementReason(code) for code in codes), why, chosen)


def _action(read: FormReader, number: int, table: Table, held_on: date | None) -> DiscussionAction | None:
    what, who = f"action-{number}", f"action-{number}-owner"
    is_empty = not any(read.raw(f"action-{number}-due-{part}") for part in ("day", "month", "year"))
    if not read.raw(what) and not read.raw(who) and is_empty:
        return None
    action = read.text(what, _("Write what was agreed"), MAX_SHORT)
    owner = read.choice(who, tuple(table.agencies), _("Choose who does it"))
    due = read.day(f"action-{number}-due", _("Write by when"))
    if due is not None and due > table.today + timedelta(days=MAX_DUE_DAYS):
        read.note(f"action-{number}-due", _("Check the year: it is too far from today"))
    if due is not None and held_on is not None and due < held_on:
        read.note(f"action-{number}-due", _("This day is before the discussion"))
    return None if action is None or owner is None or due is None else DiscussionAction(action, owner, due)
