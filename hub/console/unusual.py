"""What an agency did more often in an hour of the last day than is usual, as its officers see it in the console."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

from hub.store import console_rows
from hub.store.base import Session
from policies.unusual import Deed, Unusual, counted, find_unusual

MAX_ENTRIES = 20_000
"""Among so many of the log's newest entries it is looked for."""
SINCE = timedelta(hours=24)
_TYPES = ("disclosure", "viewed", "denied")


def unusual_of(session: Session, agency: str, at: datetime) -> list[Unusual]:
    """Return what one agency did more often in an hour of the last day than is usual, the newest first."""
    since = (at - SINCE).strftime("%Y-%m-%dT%H")
    found: Counter[tuple[str, str, Deed]] = Counter()
    for body in console_rows.newest_bodies(session, _TYPES, MAX_ENTRIES):
        deed = counted(_read(body))
        if deed is not None and deed[0] == agency and deed[1] >= since:
            found[deed] += 1
    return find_unusual(found)


def _read(body: str) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        # The log may be damaged; the account of a case says so.
        return {}
    return said if isinstance(said, dict) else {}
