"""One round: who has something to do that they were not told of, whether they are told now, and what became of it.

Told once, whatever runs beside: a process claims a person before it tells them. A server that takes nothing is asked
again later and later; then an alarm says so, and it is asked once an hour. What waits is not forgotten meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from adapters.key_states import KeyState, list_keys, list_people
from adapters.notifying.carriers import Carrier, make_carriers
from adapters.notifying.chosen import By, Chosen, list_people_chosen
from adapters.notifying.refusal import AddressRejected, CarrierDown
from adapters.notifying.settings import NotifySettings
from adapters.notifying.times import may_tell
from adapters.notifying.waiting import KnownCases, Things, is_more, things_of
from adapters.runtime import Adapter
from adapters.store.database import Session
from adapters.store.notify_rows import told_row
from adapters.store.rows import raise_alarm, read_setting, write_setting
from policies.model import parse_time, render_time

MOST_A_ROUND = 50
"""Messages of one round; who is left comes with the next."""
CLAIMED = timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
ALARM_AFTER = 7
"""Tries in a row that failed, over an hour: then somebody is told on the status page."""
MAX_KEPT = 5_000
"""Things that are remembered of one person; beyond, those that wait no more are forgotten."""
DOWN, REFUSED = "notify_down", "notify_refused"


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did: people told, people for whom it is not the time yet, people who could not be told."""

    told: int = 0
    later: int = 0
    failed: int = 0


class Notifier:
    """Tells the people of one adapter."""

    def __init__(
        self, adapter: Adapter, settings: NotifySettings, carriers: Mapping[By, Carrier] | None = None
    ) -> None:
        """Raises ``CustodyRefused`` where a secret of the carriers is missing."""
        self._adapter = adapter
        self._carriers = make_carriers(settings, adapter.environ) if carriers is None else carriers
        self._cases = KnownCases()

    def run(self) -> Round:
        """Do one round. Raises ``StoreRefused`` and what reading cases raises; never for a carrier."""
        adapter, at = self._adapter, self._adapter.clock()
        people = [(member, chosen) for member, chosen in list_people_chosen(adapter.store) if chosen.is_on]
        if not people:
            return Round()
        lines = list_keys(adapter.follower.directory(), adapter.home.agency, at)
        valid = {person.member for person in list_people(lines) if person.state is KeyState.VALID}
        cases = self._cases.load(adapter)
        counted = dict.fromkeys(_State, 0)
        for member, chosen in people:
            if member not in valid:
                continue
            has_room = counted[_State.DUE] + counted[_State.FAILED] < MOST_A_ROUND
            with adapter.store.write() as session:
                things = things_of(session, adapter, member, chosen, cases, at)
                state = _claim(session, member, chosen, things, at, has_room=has_room)
            if state is _State.DUE and not self._tell(member, chosen, things, at):
                state = _State.FAILED
            counted[state] += 1
        return Round(counted[_State.DUE], counted[_State.LATER], counted[_State.FAILED] + counted[_State.PAUSED])

    def _tell(self, member: str, chosen: Chosen, things: Things, at: datetime) -> bool:
        store, carrier = self._adapter.store, self._carriers.get(chosen.by)
        try:
            if carrier is None:
                raise CarrierDown("adapter.toml names nothing that carries messages of this kind")
            carrier.tell(chosen.address, at)
        except AddressRejected:
            with store.write() as session:
                # Told as far as can be: asking again and again for an address that is none helps nobody.
                _settle(session, member, things, None)
                text = f"member {member}: whoever carries notifications refuses their address for good"
                raise_alarm(session, REFUSED, text, render_time(at))
            return False
        except CarrierDown as error:
            with store.write() as session:
                _give_back(session, member)
                _note_failure(session, chosen.by, str(error), at)
            return False
        with store.write() as session:
            _settle(session, member, things, at)
            if read_setting(session, _name(chosen.by)) is not None:
                write_setting(session, _name(chosen.by), None)
        return True


class _State(Enum):
    NOTHING, LATER, DUE, FAILED, PAUSED = range(5)


def _claim(session: Session, member: str, chosen: Chosen, things: Things, at: datetime, *, has_room: bool) -> _State:
    """Return where somebody stands, and claim them where they are to be told now."""
    row = told_row(session, member)
    if not is_more(things, json.loads(row.told)):
        row.waiting_since = None
        return _State.NOTHING
    row.waiting_since = row.waiting_since or render_time(at)
    sent = None if row.sent_at is None else parse_time(row.sent_at)
    since = parse_time(row.waiting_since)
    is_time = may_tell(chosen.pace, chosen.daily_at, chosen.quiet, waiting_since=since, sent_at=sent, at=at)
    is_claimed = row.claimed_until is not None and parse_time(row.claimed_until) > at
    if not is_time or is_claimed or not has_room:
        return _State.LATER
    if _is_paused(session, chosen.by, at):
        return _State.PAUSED
    row.claimed_until = render_time(at + CLAIMED)
    return _State.DUE


def _give_back(session: Session, member: str) -> None:
    told_row(session, member).claimed_until = None


def _settle(session: Session, member: str, things: Things, sent_at: datetime | None) -> None:
    row = told_row(session, member)
    known = {**json.loads(row.told), **things}
    row.told = json.dumps(dict(things) if len(known) > MAX_KEPT else known)
    row.waiting_since = row.claimed_until = None
    if sent_at is not None:
        row.sent_at = render_time(sent_at)


def _is_paused(session: Session, by: By, at: datetime) -> bool:
    held = read_setting(session, _name(by))
    return held is not None and at < parse_time(held["next"])


def _note_failure(session: Session, by: By, why: str, at: datetime) -> None:
    held: dict[str, Any] = read_setting(session, _name(by)) or {"failed": 0, "since": render_time(at)}
    failed = int(held["failed"]) + 1
    pause = min(FIRST_PAUSE * 2 ** min(failed - 1, 10), LONGEST_PAUSE)
    said = {"failed": failed, "since": held["since"], "next": render_time(at + pause), "why": why}
    write_setting(session, _name(by), said)
    if failed == ALARM_AFTER:
        text = f"people are not told that they have something to do: since {held['since']} {why}"
        raise_alarm(session, DOWN, text, render_time(at))


def trouble_of(session: Session) -> str | None:
    """Return why people are not told now, for the status page; None where nothing is wrong."""
    said = [read_setting(session, _name(by)) for by in By]
    return next((f"not told since {item['since']}: {item['why']}" for item in said if item is not None), None)


def _name(by: By) -> str:
    return f"notify_trouble:{by.value}"
