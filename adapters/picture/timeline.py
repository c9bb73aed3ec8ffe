"""The geometry of the timeline: a lane for each agency, a mark for each account. The table says the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from adapters.picture.chronology import ChronologyRow
from adapters.picture.model import Picture
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import day_words, kind_words
from adapters.uk_time import uk_day

WIDTH = 960
LANE_LABEL = 190
RIGHT_MARGIN = 56
ROW_HEIGHT = 26
AXIS_HEIGHT = 34
LABEL_SPACE = 44
"""Room that a mark and its short name take, so that none covers another."""

MAX_MARKS = 300
WINDOW_DAYS = 2 * 365
TARGET_TICKS = 8
_STEPS_DAYS = (1, 2, 7)


@dataclass(frozen=True, slots=True)
class Mark:
    """One account: where, how long, its short name and what it says. ``is_open``: no end on record."""

    x: int
    width: int
    y: int
    ref: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One agency's marks. ``y`` is its top; ``shade`` alternates."""

    name: str
    kind_words: str
    y: int
    height: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """One date on the axis."""

    x: int
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing. ``left_out`` says how many dated rows stand only in the table, being too old or too many."""

    width: int
    height: int
    axis_y: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    left_out: int
    summary: str


def build_timeline(picture: Picture) -> Timeline | None:
    """Return the drawing, or None where no row has a date."""
    today = uk_day(picture.record_of_use.assembled_at)
    dated = [row for row in picture.chronology if row.first_day is not None and row.first_day <= today]
    if not dated:
        return None
    shown = [row for row in dated if (row.last_day or today) >= today - timedelta(days=WINDOW_DAYS)] or dated
    shown = shown[-MAX_MARKS:]
    first = max(_first(shown[0]), today - timedelta(days=WINDOW_DAYS)) if len(shown) < len(dated) else _first(shown[0])
    scale = _Scale(first, max(today, *(row.last_day or today for row in shown if _is_near(row, today))))
    lanes: list[Lane] = []
    y = 8
    for agency in picture.agencies:
        rows = [row for row in shown if row.agency == agency.agency]
        if rows:
            lane = _lane(picture, agency.name, kind_words(agency.kind), rows, y, scale)
            lanes.append(lane)
            y += lane.height
    summary = _(
        "%(accounts)s dated accounts of %(agencies)s agencies between %(first)s and %(last)s, one lane for each "
        "agency. The table below says the same in words.",
        accounts=len(shown),
        agencies=len(lanes),
        first=day_words(scale.first.isoformat()),
        last=day_words(scale.last.isoformat()),
    )
    left_out = len([row for row in picture.chronology if row.first_day is not None]) - len(shown)
    return Timeline(WIDTH, y + AXIS_HEIGHT, y, tuple(lanes), tuple(_ticks(scale)), left_out, summary)


def _first(row: ChronologyRow) -> date:
    return row.first_day or date.min


def _is_near(row: ChronologyRow, today: date) -> bool:
    return row.last_day is not None and row.last_day <= today + timedelta(days=WINDOW_DAYS)


@dataclass(frozen=True, slots=True)
class _Scale:
    first: date
    last: date

    def x(self, day: date) -> int:
        span = max((self.last - self.first).days, 1)
        inside = min(max((day - self.first).days, 0), span)
        return LANE_LABEL + inside * (WIDTH - LANE_LABEL - RIGHT_MARGIN) // span


def _lane(picture: Picture, name: str, kind: str, rows: Sequence[ChronologyRow], top: int, scale: _Scale) -> Lane:
    ends: list[int] = []
    marks = []
    for row in rows:
        x = scale.x(_first(row))
        width = max(scale.x(row.last_day or _first(row)) - x, 0)
        needed = x + max(width, 12) + LABEL_SPACE
        line = next((index for index, end in enumerate(ends) if end <= x), len(ends))
        if line == len(ends):
            ends.append(needed)
        else:
            ends[line] = needed
        title = _("%(when)s: %(what)s", when=row.when, what=row.statement)
        ref = picture.ref_of(row.fragments[0])
        marks.append(Mark(x, width, top + line * ROW_HEIGHT + ROW_HEIGHT // 2 + 4, ref, title, str(row.agency_kind)))
    return Lane(name, kind, top, max(len(ends) * ROW_HEIGHT, 2 * ROW_HEIGHT) + 8, tuple(marks))


def _ticks(scale: _Scale) -> list[Tick]:
    span = (scale.last - scale.first).days
    step = next((days for days in _STEPS_DAYS if span / days <= TARGET_TICKS), None)
    if step is not None:
        days = [scale.first + timedelta(days=number * step) for number in range(span // step + 1)]
        return [Tick(scale.x(day), day_words(day.isoformat())) for day in days]
    months = -(-span // (31 * TARGET_TICKS))
    firsts = [_month_on(scale.first, number * months) for number in range(1, span // (28 * months) + 2)]
    return [Tick(scale.x(day), day_words(day.isoformat()[:7])) for day in firsts if day <= scale.last]


def _month_on(day: date, months: int) -> date:
    """The first of the month so many months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)
