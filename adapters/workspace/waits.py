"""What waits for somebody, for the home page: the most urgent first. Looking at it pulls nothing and opens nothing.

Of every case: clocks, drafts, what is new, what no key of theirs opens yet; of all of it only the kind is shown. Of a
case that this session has open in memory also what its records say; of the others, that they have to be opened for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import NotFound

from adapters.news import news_since, waits_for_new_key
from adapters.notifying.waiting import is_near_end
from adapters.picture.clocks import ClockState
from adapters.picture.disagreements import DisagreementKind
from adapters.picture.words import day_words
from adapters.release.drafts import rows_for_review
from adapters.release.writing import DisagreementStatus
from adapters.store.database import Session
from adapters.store.notify_rows import looked
from adapters.workspace.app import Person, workspace
from adapters.workspace.cases import MyCase, held_case, picture_address
from adapters.workspace.key_states import reading_kids
from adapters.workspace.may_write import releasable
from adapters.workspace.opened import OpenCase

MOST_SHOWN = 60
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


def what_waits(person: Person, cases: list[MyCase]) -> list[Waiting]:
    """Return what waits for somebody in their cases."""
    here, found = workspace(), []
    readable = reading_kids(person)
    with here.adapter.store.read() as session:
        for case in cases:
            found += (
                [*_clocks(case), *_known(session, case, person, readable)] if case.is_accepted else [_not_yet(case)]
            )
    for case in cases:
        if case.is_accepted:
            held = None if person.unlocked is None else _held(case)
            found += [_closed(case)] if held is None else [*_in_records(case, held, here.adapter.home.agency)]
    return sorted(found, key=lambda item: (item.urgency, item.due or "9999", item.case))


def _held(case: MyCase) -> OpenCase | None:
    try:
        return held_case(case.case)
    except (NotFound, LookupError):
        return None


def _clocks(case: MyCase) -> list[Waiting]:
    at = workspace().clock()
    return [
        Waiting(
            Urgency.RAN_OUT if clock.state is ClockState.OVER else Urgency.SOON,
            case.case,
            _("%(clock)s: %(words)s", clock=clock.label, words=clock.words),
            picture_address(case.case),
            clock.due,
        )
        for clock in case.clocks
        if clock.state in (ClockState.OVER, ClockState.WARNING) or is_near_end(clock, at)
    ]


def _known(session: Session, case: MyCase, person: Person, readable: frozenset[str]) -> list[Waiting]:
    """Return what is known without content."""
    here, found = workspace(), []
    agency = here.adapter.home.agency
    may = releasable(case.roles)
    drafts = sum(row.category in may for row in rows_for_review(here.adapter.store, session, case.case)) if may else 0
    if drafts:
        text = ngettext(
            "%(num)s draft to review before it is shared", "%(num)s drafts to review before they are shared", drafts
        )
        found.append(Waiting(Urgency.REVIEW, case.case, text, _page("drafts.list_drafts", case.case)))
    row = looked(session, person.member, case.case)
    news = news_since(session, case.case, agency, person.member, 0 if row is None else row.case_seq)
    if news.new:
        text = (
            ngettext(
                "%(num)s record that you have not looked at", "%(num)s records that you have not looked at", news.new
            )
            if row is None
            else ngettext(
                "%(num)s new record since you last looked", "%(num)s new records since you last looked", news.new
            )
        )
        found.append(Waiting(Urgency.NEW, case.case, text, picture_address(case.case)))
    late = waits_for_new_key(session, case.case, agency, person.member, readable) if readable else ()
    if late:
        text = ngettext(
            "%(num)s agency has not granted again to your new key",
            "%(num)s agencies have not granted again to your new key",
            len(late),
        )
        found.append(Waiting(Urgency.KEY, case.case, text, url_for("key_states.state", case=case.case)))
    return found


def _not_yet(case: MyCase) -> Waiting:
    text = _("Your agency has not accepted yet that you are in this case")
    return Waiting(Urgency.KEY, case.case, text, url_for("key_states.state", case=case.case))


def _closed(case: MyCase) -> Waiting:
    text = _("Open the case to see its requests, disagreements and prompts")
    return Waiting(Urgency.CLOSED, case.case, text, picture_address(case.case))


def _in_records(case: MyCase, held: OpenCase, agency: str) -> list[Waiting]:
    """Return what the records of an opened case ask of this agency."""
    picture, found = held.picture, []
    for item in picture.gaps.open_requests:
        if item.to_agency == agency:
            text = _("A request to answer, from %(agency)s", agency=held.view.name_of(item.from_agency))
            urgency = Urgency.OVER if item.days_overdue else Urgency.DUE
            address = _page("requests.list_requests", case.case)
            found.append(Waiting(urgency, case.case, _with_day(text, item.due), address, item.due, item.what))
    for point in picture.disagreements:
        is_ours = agency in (point.owner, *(position.agency for position in point.positions))
        if point.kind is DisagreementKind.WRITTEN and point.due and point.status in _STILL and is_ours:
            urgency = Urgency.OVER if point.days_overdue else Urgency.DUE
            text = _with_day(_("A disagreement to settle"), point.due)
            address = f"{picture_address(case.case, held.purpose)}#disagreements"
            found.append(Waiting(urgency, case.case, text, address, point.due, point.point))
    prompts = picture.victim_and_offender.prompts
    address = f"{picture_address(case.case, held.purpose)}#offences"
    found += [Waiting(Urgency.PROMPT, case.case, prompt, address) for prompt in prompts]
    return found


def _with_day(text: str, due: str) -> str:
    try:
        date.fromisoformat(due)
    except ValueError:
        return text
    return str(_("%(what)s, due on %(day)s", what=text, day=day_words(due)))


def _page(endpoint: str, case: str) -> str:
    """Return the address of a page of a case; that of its picture where there is no such page."""
    return url_for(endpoint, case=case) if endpoint in current_app.view_functions else picture_address(case)
