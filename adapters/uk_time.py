"""Time as clocks in the UK show it: the local day and hour of a moment, with the name of its zone (GMT or BST).

Pure, and the only place that says so: pages, pictures and messages to people use it. What is stored, sealed or sent
stays in UTC (docs/protocol.md).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

UK_ZONE_NAME = "Europe/London"
UK = ZoneInfo(UK_ZONE_NAME)


def uk_local(at: datetime) -> datetime:
    """Return a moment with the date and time that clocks in the UK show then. Raises ``ValueError`` without a zone."""
    if at.tzinfo is None:
        raise ValueError("moment: expected one with its zone, got none")
    return at.astimezone(UK)


def uk_day(at: datetime) -> date:
    """Return the day that it is in the UK at a moment. Raises ``ValueError`` without a zone."""
    return uk_local(at).date()


def uk_zone(at: datetime) -> str:
    """Return ``GMT`` or ``BST``: what clocks in the UK follow at a moment. Raises ``ValueError`` without a zone."""
    return uk_local(at).tzname() or UK_ZONE_NAME


def uk_clock_words(day: object, time: str) -> str:
    """Return a time of day that somebody typed in the UK with its zone on that day: ``14:00`` becomes ``14:00 GMT``.

    ``day`` is an ISO date. The hour that comes twice in October names both zones. A time that no clock showed then, and
    whatever is not a time of a day, stays as it is written; nothing that is stored changes. Never raises.
    """
    try:
        face = datetime.strptime(f"{day}T{time}", "%Y-%m-%dT%H:%M").replace(tzinfo=UK)
        first, last = face.replace(fold=0), face.replace(fold=1)
        is_shown = all(one.astimezone(UTC).astimezone(UK).replace(tzinfo=None) == _face(face) for one in (first, last))
    except (ValueError, OverflowError):
        return time
    if not is_shown:
        return time
    return f"{time} " + " or ".join(dict.fromkeys((uk_zone(first), uk_zone(last))))


def _face(at: datetime) -> datetime:
    return at.replace(tzinfo=None, fold=0)


def uk_day_end(day: date) -> datetime:
    """Return when a day ends in the UK, in UTC: what lasts for the whole of that day lasts until then."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=UK).astimezone(UTC)


def last_uk_day(end: datetime) -> date:
    """Return the last day in the UK of what lasts until a moment. Raises ``ValueError`` without a zone."""
    return uk_day(end - timedelta(microseconds=1))
