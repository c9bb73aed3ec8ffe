"""More of this agency's own deeds in an hour than is usual: counted over all its cases, and said as an alarm.

Counted from the entries of its cases, which are proven; it sees what somebody else does with its keys, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.store.database import Session
from adapters.store.rows import raise_alarm, read_setting, write_setting
from policies.unusual import HOURS_KEPT, Deed, counted, find_unusual

SETTING = "own_deeds"
Hours = dict[str, dict[str, int]]
"""By hour, how often which deed was done; the newest hours only."""


def count_own(own: Hours, entry: Mapping[str, Any]) -> None:
    """Count an entry of this agency in what is kept of its case."""
    deed = counted(entry)
    if deed is not None:
        _add(own, deed[1], deed[2].value, 1)


def tell_unusual(session: Session, agency: str, before: Hours, after: Hours) -> None:
    """Take what is new of one case into the count of all cases; raise an alarm for each hour that is beyond a limit."""
    everything: Hours = read_setting(session, SETTING) or {}
    changed = set()
    for hour, deeds in after.items():
        for name, number in deeds.items():
            more = number - before.get(hour, {}).get(name, 0)
            if more > 0:
                _add(everything, hour, name, more)
                changed.add(hour)
    if not changed:
        return
    write_setting(session, SETTING, everything)
    counts = {
        (agency, hour, Deed(name)): number
        for hour in changed & set(everything)
        for name, number in everything[hour].items()
    }
    for item in find_unusual(counts):
        # The words of an hour stay the same, so that an alarm that somebody has seen is not raised again.
        raise_alarm(session, "unusual", f"{item.agency}: {item.text}", f"{item.hour}:00:00Z", is_lasting=True)


def _add(hours: Hours, hour: str, name: str, number: int) -> None:
    deeds = hours.setdefault(hour, {})
    deeds[name] = deeds.get(name, 0) + number
    for old in sorted(hours)[:-HOURS_KEPT]:
        del hours[old]
