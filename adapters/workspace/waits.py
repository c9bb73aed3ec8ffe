"""What waits for somebody, for the home page: the most urgent first. Looking at it pulls nothing and opens nothing.

Of every case: clocks, drafts, what is new, what no key of theirs opens yet, agreements that run out; of all of it only
the kind is shown. Of a case that this session has open in memory also what its records say (``asked`` beside this); of
the others, that they have to be opened for it.
"""

from __future__ import annotations

from datetime import timedelta

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import NotFound

from adapters.news import news_since, waits_for_new_key
from adapters.release.drafts import rows_for_review
from adapters.store.database import Session
from adapters.store.notify_rows import looked
from adapters.uk_time import last_uk_day
from adapters.workspace.app import Person, workspace
from adapters.workspace.asked import Urgency, Waiting, ask_records, page_of, wait_for_clock
from adapters.workspace.case_facts import answers_on_the_way
from adapters.workspace.cases import MyCase, held_case, picture_address
from adapters.workspace.key_states import reading_kids
from adapters.workspace.languages import day_words
from adapters.workspace.may_write import RECORDERS, releasable
from adapters.workspace.opened import OpenCase

MOST_SHOWN = 60
AGREEMENT_AHEAD = timedelta(days=7)
"""From so long before an agreement runs out it is pointed out."""


def what_waits(person: Person, cases: list[MyCase]) -> list[Waiting]:
    """Return what waits for somebody in their cases."""
    here, found = workspace(), []
    readable, at = reading_kids(person), here.clock()
    opened = [(case, held) for case in cases if (held := _held(case, person)) is not None]
    open_cases = {case.case for case, _held_case in opened}
    with here.adapter.store.read() as session:
        for case in cases:
            if not case.is_accepted:
                found.append(_not_yet(case))
                continue
            found += [*_known(session, case, person, readable), *_agreement(case)]
            if case.case not in open_cases:
                found += [*_clocks(case), _closed(case)]
    for case, held in opened:
        found += ask_records(held, here.adapter.home.agency, at, answers_on_the_way(case))
    return sorted(found, key=lambda item: (item.urgency, item.due or "9999", item.case))


def _held(case: MyCase, person: Person) -> OpenCase | None:
    if person.unlocked is None or not case.is_accepted:
        return None
    try:
        return held_case(case.case)
    except (NotFound, LookupError):
        return None


def _clocks(case: MyCase) -> list[Waiting]:
    at, address = workspace().clock(), picture_address(case.case)
    found = (wait_for_clock(clock, case.case, at, address) for clock in case.clocks)
    return [item for item in found if item is not None]


def _agreement(case: MyCase) -> list[Waiting]:
    """Return that an agreement ran out, or does soon, for whoever may record one. Its day is a signed fact."""
    at, ends = workspace().clock(), case.agreement_ends
    if ends is None or not RECORDERS & set(case.roles) or ends - at > AGREEMENT_AHEAD:
        return []
    last = last_uk_day(ends)
    address, day = page_of("consent.show", case.case), day_words(last)
    if at >= ends:
        text = _("What was agreed to ran out on %(day)s: it is asked about again", day=day)
        return [Waiting(Urgency.OVER, case.case, text, address, last.isoformat())]
    text = _("What was agreed to runs out on %(day)s: ask again before", day=day)
    return [Waiting(Urgency.SOON, case.case, text, address, last.isoformat())]


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
        found.append(Waiting(Urgency.REVIEW, case.case, text, page_of("drafts.list_drafts", case.case)))
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
    text = _(
        "Open the case to see what its records ask: requests, invitations, actions, when to ask the child again, its "
        "other clocks, disagreements and what an offence prompts"
    )
    return Waiting(Urgency.CLOSED, case.case, text, picture_address(case.case))
