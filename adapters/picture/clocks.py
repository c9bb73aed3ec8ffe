"""The clocks of a case: what began when, how long it may take, how much of that is left.

Three different clocks of 72 hours are never one timer; a start that a record gives without a time of day gives an end
without one. What no record says is said to be unknown, and a clock that ran out is not hidden. Of the two routes to a
decision that of the case is counted; where it cannot be told which it is, both are, and the words say why.
Sources: nrm.md 1.1 (rule 7), 2.3, 3, 4.1; the figures stand in ``clocks.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from holidays import country_holidays

from adapters.picture.dates import PartialDate, Precision, parse_partial
from adapters.picture.decided import Decided, decided_words, find_decided, held_on
from adapters.picture.followups import newest_records
from adapters.picture.identity import AgeReading, agree
from adapters.picture.missing import interview_note, was_interview_offered
from adapters.picture.provenance import Piece, Statement
from adapters.picture.referral import Referral, Route, Scope, decide_route
from adapters.picture.section47 import find_conference_start
from adapters.picture.situation import first_concern, newest_first, order_of
from adapters.picture.speech import capital_first, joined, lazy_ngettext, lowered
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.strategy import was_held
from adapters.picture.view import CaseView
from adapters.picture.words import day_words, words_for
from adapters.release.writing import Outcome, Question
from adapters.uk_time import UK, uk_day, uk_local, uk_zone
from policies.vocabulary import AgePath, CaseStage, Category

RULES = Path(__file__).with_name("clocks.toml")
UNCONFIRMED = "none"
SATURDAY = 5
POLICE_PROTECTION = "L1"
"""Legal status code of the looked-after children return (formats.md 6.2)."""


class ClockKind(StrEnum):
    """What is counted."""

    RISK_WINDOW_72H = "risk_window_72h"
    POLICE_PROTECTION_72H = "police_protection_72h"
    RHI_72H = "rhi_72h"
    INITIAL_CONFERENCE = "initial_conference"
    RG_NATIONAL = "rg_national"
    RG_PILOT = "rg_pilot"
    CONCLUSIVE_GROUNDS = "conclusive_grounds"
    RECONSIDERATION = "reconsideration"
    EIGHTEENTH_BIRTHDAY = "eighteenth_birthday"


class ClockState(StrEnum):
    """Whether it still runs. ``met``: what it waits for is on record, in time or not.

    ``unknown``: it began on a day that is not known exactly enough.
    """

    RUNNING = "running"
    WARNING = "warning"
    OVER = "over"
    MET = "met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One figure: its length in hours, days or working days, and where it comes from.

    ``warn``: days after which a running clock is pointed out; ``warn_before``: days before its end.
    """

    label: str
    rule: str
    source: str
    confirmed_by: str
    hours: int = 0
    days: int = 0
    working_days: int = 0
    warn: tuple[int, ...] = ()
    warn_before: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock as it stands. ``began`` and ``due`` are ISO 8601, of a day or of a minute; ``words`` say the rest.

    ``day``: how many days it has run, for clocks of days. ``statement``: the record it rests on; None where
    it rests on a signed fact of the case.
    """

    kind: ClockKind
    label: str
    state: ClockState
    began: str
    began_words: str
    due: str
    words: str
    day: int | None
    rule: str
    source: str
    is_unconfirmed: bool
    statement: Statement | None


_ROUTES = {
    Route.PILOT: (ClockKind.RG_PILOT,),
    Route.NATIONAL: (ClockKind.RG_NATIONAL,),
    Route.NOT_KNOWN: (ClockKind.RG_PILOT, ClockKind.RG_NATIONAL),
}
_OF_THE_PAST = {
    CaseStage.DECIDED: frozenset({ClockKind.RISK_WINDOW_72H}),
    CaseStage.CLOSED: frozenset({ClockKind.RISK_WINDOW_72H, ClockKind.RECONSIDERATION}),
}
"""Clocks that, once they ran out, ask nobody for anything any more in a case of this stage."""


def list_clocks(view: CaseView, pieces: Sequence[Piece], ages: Sequence[AgeReading]) -> tuple[Clock, ...]:
    """Return the clocks that began, in the order in which they are looked at; those of one kind, the newest first."""
    scope = Scope(agree(ages, lambda reading: reading.in_scope))
    stage = view.case.membership.case_stage
    of_case = case_clocks(view.opened_at, view.referral, stage, view.at, scope)
    return (
        _risk_window(view, pieces, of_case[0]),
        *(_decided(clock, find_decided(pieces, Question.RG)) for clock in of_case[1:]),
        *_conclusive_grounds(view, pieces),
        *_said(view, pieces),
        *_birthday(view, ages),
    )


def case_clocks(
    opened_at: datetime,
    referral: Referral | None,
    stage: CaseStage,
    at: datetime,
    scope: Scope = Scope.NOT_KNOWN,
) -> tuple[Clock, ...]:
    """Return the clocks that need no content: those of the case's opening and of its referral.

    ``scope``: what birth dates say of the pilot, for whoever has them open.
    """
    window = _clock(ClockKind.RISK_WINDOW_72H, _moment(opened_at), at, _("from the opening of this case"))
    found = [replace(window, label=_("First 72 hours since this case was opened"))]
    if referral is not None and stage is CaseStage.REFERRED:
        route, why = decide_route(referral, scope)
        start, since = _moment(referral.at), _("from when this case was marked as referred")
        note = ""
        if route is Route.NOT_KNOWN:
            note = _("It cannot be told here which of the two routes decides: %(why)s.", why=why)
        for kind in _ROUTES[route]:
            clock = _clock(kind, start, at, since)
            began = clock.began_words if note else joined([clock.began_words, why], "; ")
            found.append(replace(clock, words=joined([clock.words, note]), began_words=began))
    return tuple(found)


def _risk_window(view: CaseView, pieces: Sequence[Piece], since_opened: Clock) -> Clock:
    """Count the first 72 hours from the earliest concern on record, from the opening where there is no earlier one.

    A strategy discussion that was held since is what it waits for.
    """
    found = first_concern(pieces)
    if found is None or found[0].first >= uk_day(view.opened_at):
        note = _("no concern that you opened is of an earlier day, and somebody may have known before")
        began = joined([since_opened.began_words, note], "; ")
        clock, start = replace(since_opened, began_words=began), uk_day(view.opened_at)
    else:
        clock = _of(ClockKind.RISK_WINDOW_72H, *found, view, _("from the earliest concern you opened"))
        start = found[0].first
    held = [on for piece in pieces if was_held(piece) and (on := held_on(piece)) is not None and on.last >= start]
    if held:
        on = min(held, key=lambda item: item.first)
        words = lazy_ngettext(
            "A strategy discussion was held on %(day)s, %(num)s day after.",
            "A strategy discussion was held on %(day)s, %(num)s days after.",
            max((on.first - start).days, 0),
            day=day_words(on.text),
        )
        late = [_("The first 72 hours were over by then.")] if on.first.isoformat() > clock.due[:10] else []
        return replace(clock, state=ClockState.MET, words=joined([words, *late]))
    if clock.state is ClockState.OVER:
        words = lazy_ngettext(
            "Time ran out on %(day)s, %(num)s day since it began.",
            "Time ran out on %(day)s, %(num)s days since it began.",
            (view.today - start).days,
            day=day_words(clock.due),
        )
        return replace(clock, words=joined([words, _("You opened no record of a strategy discussion since.")]))
    return clock


def _decided(clock: Clock, decided: Sequence[Decided]) -> Clock:
    """Return the clock of a decision with the decision, where one is on record since it began."""
    start = parse_partial(clock.began)
    found = [item for item in decided if start is not None and item.on.last >= start.first]
    if not found:
        return clock
    return replace(clock, state=ClockState.MET, words=decided_words(found, clock.due), statement=_record(found[0]))


def _record(decided: Decided) -> Statement:
    return decided.piece.summarise("Decided")


def _conclusive_grounds(view: CaseView, pieces: Sequence[Piece]) -> Iterator[Clock]:
    """Say how long ago a positive decision on reasonable grounds was: nothing limits the time to the next decision."""
    positive = [item for item in find_decided(pieces, Question.RG) if item.outcome == Outcome.POSITIVE]
    if not positive:
        return
    rule, first = load_rules()[ClockKind.CONCLUSIVE_GROUNDS], positive[0]
    days = (view.today - first.on.first).days
    words = lazy_ngettext(
        "%(num)s day since the positive decision on reasonable grounds; no time is set.",
        "%(num)s days since the positive decision on reasonable grounds; no time is set.",
        max(days, 0),
    )
    later = [item for item in find_decided(pieces, Question.CG) if item.on.last >= first.on.first]
    yield Clock(
        kind=ClockKind.CONCLUSIVE_GROUNDS,
        label=rule.label,
        state=ClockState.MET if later else ClockState.RUNNING,
        began=first.on.text,
        began_words=joined([_("from the decision on reasonable grounds"), day_words(first.on.text)], ", "),
        due="",
        words=decided_words(later, "") if later else words,
        day=days,
        rule=rule.rule,
        source=rule.source,
        is_unconfirmed=rule.confirmed_by == UNCONFIRMED,
        statement=_record(later[0] if later else first),
    )


def clocks_to_watch(clocks: Sequence[Clock], stage: CaseStage) -> tuple[Clock, ...]:
    """Return the clocks without those that ran out and ask for nothing in a case that is decided or closed.

    For lists of what is to be done. The picture says of these, too, that their time ran out.
    """
    past = _OF_THE_PAST.get(stage, frozenset())
    return tuple(clock for clock in clocks if clock.kind not in past or clock.state is not ClockState.OVER)


def _said(view: CaseView, pieces: Sequence[Piece]) -> Iterator[Clock]:
    refused: set[str] = set()
    for piece in newest_first(newest_records(pieces, Category.PLACEMENT, view)):
        if order_of(piece) == POLICE_PROTECTION and piece.period is not None and not _is_past(piece, view):
            clock = _of(ClockKind.POLICE_PROTECTION_72H, piece.period.start, piece, view, _("from its beginning"))
            note = _("It ended then by law; no record that you opened says what followed.")
            yield replace(clock, words=joined([clock.words, note])) if clock.state is ClockState.OVER else clock
    ended = [piece for piece in pieces if piece.category is Category.MISSING_EPISODE]
    returns = [
        (piece.period.end, piece) for piece in ended if piece.period is not None and piece.period.end is not None
    ]
    returns.sort(key=lambda item: (item[0].first, item[0].time or "", item[1].opened.log_index), reverse=True)
    said: set[ClockState] = set()
    for end, piece in returns:
        if was_interview_offered(piece, ended):
            break
        clock = _of(ClockKind.RHI_72H, end, piece, view, _("from a return on record"))
        clock = replace(clock, words=joined([clock.words, interview_note(view, piece, pieces)]))
        # What still runs is said of each return; what ran out once, of the newest of which it did.
        if clock.state in (ClockState.RUNNING, ClockState.WARNING) or clock.state not in said:
            said.add(clock.state)
            yield clock
    conference = find_conference_start(pieces, str(view.case.membership.lead))
    if conference is not None:
        yield _of(ClockKind.INITIAL_CONFERENCE, conference.on, conference.piece, view, conference.since)
    for question in (Question.RG, Question.CG):
        for decided in find_decided(pieces, question):
            if decided.outcome == Outcome.NEGATIVE and decided.piece.fragment not in refused:
                refused.add(decided.piece.fragment)
                asked = lowered(words_for(question))
                since = _("from the newest decision on %(question)s, which is negative", question=asked)
                yield _of(ClockKind.RECONSIDERATION, decided.on, decided.piece, view, since)


def _birthday(view: CaseView, ages: Sequence[AgeReading]) -> Iterator[Clock]:
    """Count to the earliest day on which the child may turn 18, by all birth dates on record: nobody picks one here."""
    if not ages or view.case.membership.age_path is AgePath.ADULT:
        return
    rule, today = load_rules()[ClockKind.EIGHTEENTH_BIRTHDAY], view.today
    least = min(reading.ages.days_least for reading in ages)
    most = max(reading.ages.days_most for reading in ages)
    first, last = (today + timedelta(days=days) for days in (least, most))
    on = _("on %(day)s", day=day_words(first.isoformat()))
    if least != most:
        on = _(
            "between %(first)s and %(last)s, by the birth dates on record",
            first=day_words(first.isoformat()),
            last=day_words(last.isoformat()),
        )
    if least <= 0:
        state = ClockState.OVER
        words = _("The child turned 18 %(when)s.", when=on) if most <= 0 else _("The child turns 18 %(when)s.", when=on)
    else:
        state = ClockState.WARNING if least <= rule.warn_before else ClockState.RUNNING
        words = lazy_ngettext(
            "%(num)s day left: the child turns 18 %(when)s.",
            "%(num)s days left: the child turns 18 %(when)s.",
            least,
            when=on,
        )
    earliest = min(ages, key=lambda reading: reading.ages.days_least)
    yield Clock(
        kind=ClockKind.EIGHTEENTH_BIRTHDAY,
        label=rule.label,
        state=state,
        began=earliest.birth_date,
        began_words=_("from the birth date on record, %(day)s", day=day_words(earliest.birth_date)),
        due=first.isoformat(),
        words=words,
        day=None,
        rule=rule.rule,
        source=rule.source,
        is_unconfirmed=rule.confirmed_by == UNCONFIRMED,
        statement=earliest.statements[0],
    )


def _is_past(piece: Piece, view: CaseView) -> bool:
    """Whether a record says that it has ended: at a moment that is over, or on a day that has come."""
    if piece.period is None or piece.period.end is None:
        return False
    moment = _instant(piece.period.end)
    return piece.period.end.last <= view.today if moment is None else moment <= view.at


def _moment(at: datetime) -> PartialDate:
    at = at.astimezone(UTC)
    day, local = uk_day(at), uk_local(at)
    return PartialDate(at.isoformat(timespec="seconds"), day, day, Precision.MINUTE, f"{local:%H:%M}", uk_zone(at))


def _of(kind: ClockKind, start: PartialDate, piece: Piece, view: CaseView, since: str) -> Clock:
    return _clock(kind, start, view.at, since, piece.summarise("Began"))


def _clock(kind: ClockKind, start: PartialDate, at: datetime, since: str, statement: Statement | None = None) -> Clock:
    rule = load_rules()[kind]
    began = joined([since, day_words(start.text)], ", ")
    moment = _instant(start)
    words: str
    if start.precision in (Precision.YEAR, Precision.MONTH):
        state, due, words, day = ClockState.UNKNOWN, "", _("The record does not give the day it began."), None
    elif start.first > uk_day(at):
        state, due, words, day = ClockState.UNKNOWN, "", _("The record gives a day that is still to come."), None
    elif rule.hours and moment is not None:
        state, due, words, day = _by_hours(rule, moment, at)
    else:
        state, due, words, day = _by_days(rule, start, at)
    return Clock(
        kind=kind,
        label=rule.label,
        state=state,
        began=start.text,
        began_words=began,
        due=due,
        words=words,
        day=day,
        rule=rule.rule,
        source=rule.source,
        is_unconfirmed=rule.confirmed_by == UNCONFIRMED,
        statement=statement,
    )


Counted = tuple[ClockState, str, str, int | None]


def _by_hours(rule: ClockRule, began: datetime, at: datetime) -> Counted:
    due = began + timedelta(hours=rule.hours)
    left = int((due - at).total_seconds() // 3600)
    text = due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    if at >= due:
        return ClockState.OVER, text, _("Time ran out on %(day)s.", day=day_words(text)), None
    words: str = _("Less than an hour left, until %(day)s.", day=day_words(text))
    if left:
        words = lazy_ngettext(
            "%(num)s hour left, until %(day)s.", "%(num)s hours left, until %(day)s.", left, day=day_words(text)
        )
    return ClockState.RUNNING, text, words, None


def _instant(start: PartialDate) -> datetime | None:
    """Return the moment a record gives, or None. A time without a zone is that of UK clocks, of two the earlier."""
    try:
        read = datetime.fromisoformat(start.text) if start.time is not None else None
    except ValueError:
        return None
    return None if read is None else read if read.tzinfo is not None else read.replace(tzinfo=UK).astimezone(UTC)


def _by_days(rule: ClockRule, start: PartialDate, at: datetime) -> Counted:
    """Count from a day. Where the rule is of hours and the record has no time, the end has none either."""
    if rule.working_days:
        due = add_working_days(start.first, rule.working_days)
    else:
        due = start.first + timedelta(days=rule.days or rule.hours // 24)
    today, text = uk_day(at), due.isoformat()
    day = (today - start.first).days
    untimed: str = _("The record gives no time of day.") if rule.hours else ""
    if today > due:
        return ClockState.OVER, text, joined([_("Time ran out on %(day)s.", day=day_words(text)), untimed]), day
    left = (due - today).days
    end: str = _("it ends today, until %(day)s.", day=day_words(text))
    if left:
        end = lazy_ngettext(
            "%(num)s day left, until %(day)s.", "%(num)s days left, until %(day)s.", left, day=day_words(text)
        )
    of = _("Day %(day)s of %(all)s", day=day, all=rule.days) if rule.days else ""
    words = joined([capital_first(joined([of, end], "; ")), untimed])
    is_late = any(day >= after for after in rule.warn)
    return (ClockState.WARNING if is_late else ClockState.RUNNING), text, words, day


def add_working_days(start: date, count: int) -> date:
    """Return the day that is so many working days after another: no Saturday, Sunday or bank holiday.

    Bank holidays are those of England and Wales (Banking and Financial Dealings Act 1971, and proclamations known when
    the library that lists them was made).
    """
    off, day = country_holidays("GB", subdiv="ENG"), start
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < SATURDAY and day not in off
    return day


@cache
def load_rules() -> Mapping[ClockKind, ClockRule]:
    """Return the figures. Raises ``KeyError`` or ``TypeError`` where the file is not as this module needs it."""
    read = tomllib.loads(RULES.read_text(encoding="utf-8"))
    return {
        kind: ClockRule(
            **{
                **read[kind.value],
                **{name: _(read[kind.value][name]) for name in ("label", "rule", "source")},
                "warn": tuple(read[kind.value].get("warn", ())),
            }
        )
        for kind in ClockKind
    }
