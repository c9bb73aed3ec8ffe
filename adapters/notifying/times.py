"""When somebody may be told: at their pace, and not in their quiet hours. Hours are those of clocks in the UK."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from adapters.uk_time import UK, uk_local

_OFFSETS = (timedelta(hours=1), timedelta(0))
"""Of summer time and of winter time."""
BETWEEN = timedelta(minutes=15)
"""Nobody is told more often, whatever happens."""
_HOUR = timedelta(hours=1)


class Pace(StrEnum):
    """How soon somebody is told."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Quiet:
    """From one time of day to another, past midnight where the second is not later."""

    begin: time
    end: time

    def holds(self, at: time) -> bool:
        """Whether a time of day is in it; its end is not."""
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def uk_time(at: datetime) -> time:
    """Return what clocks in the UK show, to the minute."""
    local = uk_local(at)
    return time(local.hour, local.minute)


def uk_moment(day: datetime, at: time) -> datetime:
    """Return when clocks in the UK show a time on the local day of ``day``, UTC: the first of two such moments.

    A time that the change to summer time leaves out is taken as winter time: the same hour later by the new clock.
    """
    local = uk_local(day)
    naive = datetime(local.year, local.month, local.day, at.hour, at.minute)  # noqa: DTZ001 - a local clock's face
    for offset in _OFFSETS:
        found = (naive - offset).replace(tzinfo=UTC)
        if found.astimezone(UK).replace(tzinfo=None) == naive:
            return found
    return naive.replace(tzinfo=UTC)


def last_round(pace: Pace, daily_at: time, at: datetime) -> datetime:
    """Return the newest moment, not after ``at``, at which somebody of this pace is told what has gathered."""
    if pace is Pace.AT_ONCE:
        return at
    if pace is Pace.HOURLY:
        # Offsets of the UK are whole hours: a full hour there is one everywhere.
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    today = uk_moment(at, daily_at)
    if today <= at:
        return today
    midnight = uk_moment(at, time(0, 0))
    return uk_moment(midnight - _HOUR, daily_at)


def may_tell(
    pace: Pace, daily_at: time, quiet: Quiet | None, *, waiting_since: datetime, sent_at: datetime | None, at: datetime
) -> bool:
    """Whether somebody is told now of what waits since then. ``sent_at`` is when they were told last."""
    if quiet is not None and quiet.holds(uk_time(at)):
        return False
    if sent_at is not None and at - sent_at < BETWEEN:
        return False
    return waiting_since <= last_round(pace, daily_at, at)
