"""What waits for one person, from what their adapter knows without opening anything: the entries of their cases.

A request, an answer or a view comes as a sealed record: that it is one, only its reader learns. So it is told as what
it is from outside, something new in a case.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from adapters.cases import CaseRefused, VerifiedCase
from adapters.news import news_since
from adapters.notifying.chosen import Chosen
from adapters.picture.clocks import Clock, ClockState, case_clocks, clocks_to_watch
from adapters.picture.referral import find_referral
from adapters.release.drafts import rows_for_review
from adapters.runtime import Adapter
from adapters.store.database import Session
from adapters.store.notify_rows import looked, newest_read
from adapters.store.rows import list_case_rows, open_alarms, public_entries_end
from adapters.uk_time import uk_day
from adapters.workspace.may_write import releasable
from policies.model import Member, parse_time

Things = Mapping[str, int]
"""What waits, by thing, and how far it has come: more of it is something new to tell."""
MAX_READ = 2_000
"""Verified cases that are kept in memory."""
NEAR = timedelta(hours=24)
DAY_CHARS = 10
"""Of a day in ISO 8601."""
_URGENCY = {ClockState.WARNING: 1, ClockState.OVER: 2}


class KnownCases:
    """The open cases of an agency, each verified again only when it or the directory has changed."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, int], VerifiedCase | None] = OrderedDict()

    def load(self, adapter: Adapter) -> list[VerifiedCase]:
        """Return those that verify."""
        with adapter.store.read() as session:
            end = public_entries_end(session)
            rows = [(row.case, row.statements) for row in list_case_rows(session) if row.ended_at is None]
        found = [self._read(adapter, case, hashlib.sha256(said.encode()).hexdigest(), end) for case, said in rows]
        return [case for case in found if case is not None]

    def _read(self, adapter: Adapter, case: str, digest: str, end: int) -> VerifiedCase | None:
        key = (case, digest, end)
        if key not in self._known:
            try:
                self._known[key] = adapter.book.load(case)
            except CaseRefused:
                # What cannot be believed is an alarm of its own.
                self._known[key] = None
            while len(self._known) > MAX_READ:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def things_of(
    session: Session, adapter: Adapter, member: str, chosen: Chosen, cases: list[VerifiedCase], at: datetime
) -> Things:
    """Return what waits for one person, in one transaction."""
    found: dict[str, int] = {}
    agency = adapter.home.agency
    for verified in cases:
        entry = verified.state.membership.find_member(agency, member)
        if entry is not None and at < entry.until and (agency, member) in verified.state.accepted:
            found |= _in_case(session, adapter, entry, member, verified, at)
            if chosen.reads:
                read = newest_read(session, verified.case, agency, member)
                found |= {f"read:{verified.case}": read} if read else {}
    if chosen.alarms:
        newest = max((row.number for row in open_alarms(session)), default=0)
        found |= {"alarm": newest} if newest else {}
    return found


def is_near_end(clock: Clock, at: datetime) -> bool:
    """Whether a clock that runs ends within ``NEAR``, or on this day or the next where it ends without a time."""
    if clock.state is not ClockState.RUNNING or not clock.due:
        return False
    if len(clock.due) == DAY_CHARS:
        return date.fromisoformat(clock.due) - uk_day(at) <= timedelta(days=1)
    due = datetime.fromisoformat(clock.due)
    return (due if due.tzinfo is not None else due.replace(tzinfo=UTC)) - at <= NEAR


def _in_case(
    session: Session, adapter: Adapter, entry: Member, member: str, verified: VerifiedCase, at: datetime
) -> dict[str, int]:
    case, found = verified.case, {}
    row = looked(session, member, case)
    news = news_since(session, case, adapter.home.agency, member, 0 if row is None else row.case_seq)
    if news.new:
        found[f"new:{case}"] = news.newest
    listed = verified.state.membership
    clocks = case_clocks(verified.opened_at, find_referral(verified.members, listed), listed.case_stage, at)
    for clock in clocks_to_watch(clocks, listed.case_stage):
        if clock.state in _URGENCY or is_near_end(clock, at):
            found[f"clock:{case}:{clock.kind.value}:{clock.due}"] = _URGENCY.get(clock.state, 1)
    if may := releasable(entry.roles):
        drafts = [row for row in rows_for_review(adapter.store, session, case) if row.category in may]
        if drafts:
            # Of those made in one second, more are more.
            newest = max(row.created_at for row in drafts)
            same = sum(row.created_at == newest for row in drafts)
            found[f"draft:{case}"] = int(parse_time(newest).timestamp()) * 10_000 + min(same, 9_999)
    return found


def is_more(now: Things, told: Mapping[str, int]) -> bool:
    """Whether there is something that somebody was not told of yet."""
    return any(value > told.get(name, 0) for name, value in now.items())
