"""What the records of an opened case ask of somebody's agency, for the home page: from memory, pulled by nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from flask import current_app, url_for
from flask_babel import gettext as _

from adapters.notifying.waiting import is_near_end
from adapters.picture.clocks import Clock, ClockKind, ClockState, clocks_to_watch
from adapters.picture.disagreements import DisagreementKind
from adapters.picture.missing import answers_for_returns
from adapters.picture.speech import joined, shown
from adapters.picture.tasks import ask_of_offences, list_ahead, list_asking_again, list_due_actions, list_invitations
from adapters.picture.words import day_words
from adapters.release.drafts import DraftState
from adapters.release.writing import DisagreementStatus
from adapters.uk_time import uk_clock_words
from adapters.workspace.cases import picture_address
from adapters.workspace.languages import day_words as local_day_words
from adapters.workspace.opened import OpenCase

_STILL = (DisagreementStatus.OPEN.value, DisagreementStatus.ESCALATED.value)


class Urgency(IntEnum):
    """In the order in which things are listed."""

    RAN_OUT = 0
    OVER = 1
    SOON = 2
    DUE = 3
    KEY = 4
    REVIEW = 5
    NEW = 6
    PROMPT = 7
    CLOSED = 8


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: in words, where it is done, and what else is to be said. ``others`` wrote some of it."""

    urgency: Urgency
    case: str
    text: str
    address: str
    due: str = ""
    others: str = ""
    """Words of somebody else, shown as text of theirs."""


def wait_for_clock(clock: Clock, case: str, at: datetime, address: str) -> Waiting | None:
    """Return a clock as something that waits: over, pointed out or near its end; None where it asks for nothing yet.

    One that a record of an opened case started is listed while it runs: hardly anybody else would say so.
    """
    is_birthday = clock.kind is ClockKind.EIGHTEENTH_BIRTHDAY
    if clock.state is ClockState.OVER:
        # Nothing was missed on a birthday: what it asks for begins with it.
        urgency = Urgency.DUE if is_birthday else Urgency.RAN_OUT
    elif clock.state is ClockState.WARNING or is_near_end(clock, at):
        urgency = Urgency.SOON
    elif clock.state is ClockState.RUNNING and clock.statement is not None and clock.due and not is_birthday:
        urgency = Urgency.DUE
    else:
        return None
    words = shown(joined([clock.words, clock.rule if is_birthday else ""]))
    text = _("%(clock)s: %(words)s", clock=shown(clock.label), words=words)
    return Waiting(urgency, case, text, address, clock.due)


def ask_records(held: OpenCase, agency: str, at: datetime, on_the_way: Mapping[str, DraftState]) -> Iterator[Waiting]:
    """Return what an opened case asks of an agency: clocks, requests, invitations, discussions ahead, actions,
    disagreements, when the child is to be asked again, and what an offence prompts.

    ``on_the_way`` are the requests and invitations to which the agency has written an answer that is not opened yet:
    one that was released asks for nothing any more, of a draft it is said.
    """
    # The picture as they have it open: looking at it again is no pull.
    address = url_for("cases.picture", case=held.case, held=1)
    for clock in clocks_to_watch(held.picture.clocks, held.view.case.membership.case_stage):
        if clock.kind is ClockKind.RHI_72H and not answers_for_returns(held.view):
            continue  # It stands in the picture; whoever can do nothing about it is not asked.
        found = wait_for_clock(clock, held.case, at, f"{address}#clocks")
        if found is not None:
            yield found
    yield from _requests(held, agency, on_the_way)
    yield from _invitations(held, agency, on_the_way)
    yield from _ahead(held, agency)
    yield from _actions(held, agency, f"{address}#plan")
    yield from _disagreements(held, agency, f"{address}#disagreements")
    yield from _asking_again(held, agency)
    yield from _offences(held, f"{address}#offences")


def _requests(held: OpenCase, agency: str, on_the_way: Mapping[str, DraftState]) -> Iterator[Waiting]:
    for item in held.picture.gaps.open_requests:
        state = on_the_way.get(item.fragment)
        if item.to_agency == agency and state is not DraftState.RELEASED:
            text = _("A request to answer, from %(agency)s", agency=held.view.name_of(item.from_agency))
            urgency = Urgency.OVER if item.days_overdue else Urgency.DUE
            if state is not None:
                text = _("%(what)s: the answer waits among your drafts", what=text)
            address = page_of("requests.list_requests", held.case)
            yield Waiting(urgency, held.case, _with_day(text, item.due), address, item.due, item.what)


def _invitations(held: OpenCase, agency: str, on_the_way: Mapping[str, DraftState]) -> Iterator[Waiting]:
    for item in list_invitations(held.view, agency):
        state = on_the_way.get(item.fragment)
        if state is DraftState.RELEASED:
            continue
        name = held.view.name_of(item.from_agency)
        text = _("%(agency)s invites you to a strategy discussion; your agency has not answered", agency=name)
        if item.day:
            on = ", ".join(part for part in (_on(item.day), uk_clock_words(item.day, item.starts_at)) if part)
            text = _(
                "%(agency)s invites you to a strategy discussion on %(day)s; your agency has not answered",
                agency=name,
                day=on,
            )
        if state is not None:
            text = _("%(what)s: the answer waits among your drafts", what=text)
        yield Waiting(Urgency.SOON, held.case, text, page_of("strategy.show", held.case), item.day, item.why)


def _ahead(held: OpenCase, agency: str) -> Iterator[Waiting]:
    for item in list_ahead(held.view, agency):
        on = ", ".join(part for part in (_on(item.day), uk_clock_words(item.day, item.starts_at)) if part)
        text = _("A strategy discussion in which your agency takes part, on %(day)s", day=on)
        if item.is_ours:
            text = _("A strategy discussion that your agency called together, on %(day)s", day=on)
        yield Waiting(Urgency.DUE, held.case, text, page_of("strategy.show", held.case), item.day, item.why)


def _actions(held: OpenCase, agency: str, address: str) -> Iterator[Waiting]:
    for item in list_due_actions(held.view, held.picture.plan, agency):
        text = _("An action for your agency")
        if item.is_of_discussion:
            text = _("Agreed at a strategy discussion for your agency, and nothing recorded of it since")
        urgency = Urgency.OVER if item.is_overdue else Urgency.DUE
        yield Waiting(urgency, held.case, _with_day(text, item.due), address, item.due, item.what)


def _disagreements(held: OpenCase, agency: str, address: str) -> Iterator[Waiting]:
    for point in held.picture.disagreements:
        is_ours = agency in (point.owner, *(position.agency for position in point.positions))
        if point.kind is DisagreementKind.WRITTEN and point.due and point.status in _STILL and is_ours:
            urgency = Urgency.OVER if point.days_overdue else Urgency.DUE
            text = _with_day(_("A disagreement to settle"), point.due)
            yield Waiting(urgency, held.case, text, address, point.due, point.point)


def _asking_again(held: OpenCase, agency: str) -> Iterator[Waiting]:
    for item in list_asking_again(held.view, agency):
        urgency = Urgency.OVER if item.is_overdue else Urgency.DUE
        text = _("Ask the child again what they wish and feel: the day was %(day)s", day=_on(item.day))
        if not item.is_overdue:
            text = _("Ask the child again what they wish and feel: the day is today")
        if item.best_asked_by:
            text = _("%(what)s. Best placed to ask:", what=text)
        yield Waiting(urgency, held.case, text, page_of("consent.wishes", held.case), item.day, item.best_asked_by)


def _offences(held: OpenCase, address: str) -> Iterator[Waiting]:
    found = ask_of_offences(held.view, held.picture.victim_and_offender)
    if found is None:
        return
    if found.next_court_date:
        text = _("The child is due in court on %(day)s", day=shown(day_words(found.next_court_date)))
        yield Waiting(Urgency.DUE, held.case, text, address, found.next_court_date)
    open_questions = [
        (
            found.is_referral_open,
            _("The child stands as alleged offender: was a referral to the National Referral Mechanism considered?"),
        ),
        (
            found.is_prosecutor_open and found.is_defence_open,
            _("The child stands as alleged offender: do the prosecutor and the defence know of the exploitation?"),
        ),
        (
            found.is_prosecutor_open and not found.is_defence_open,
            _("The child stands as alleged offender: does the prosecutor know of the exploitation?"),
        ),
        (
            found.is_defence_open and not found.is_prosecutor_open,
            _("The child stands as alleged offender: does the defence know of the exploitation?"),
        ),
        (
            found.is_court_date_open,
            _("The child stands as alleged offender: what is the next court date? No record that you opened says"),
        ),
    ]
    for is_open, text in open_questions:
        if is_open:
            yield Waiting(Urgency.PROMPT, held.case, text, address)


def _with_day(text: str, due: str) -> str:
    try:
        day = _on(due)
    except ValueError:
        return text
    return str(_("%(what)s, due on %(day)s", what=text, day=day))


def _on(day: str) -> str:
    return local_day_words(date.fromisoformat(day))


def page_of(endpoint: str, case: str) -> str:
    """Return the address of a page of a case; that of its picture where there is no such page."""
    return url_for(endpoint, case=case) if endpoint in current_app.view_functions else picture_address(case)
