"""What an agency did in an hour that somebody should look at: counted from the log's entries, judged against limits.

Pure. It refuses nothing and stops nothing: a person is told, in the hub's console and audit page, and in the agency's
own adapter. Against a stolen adapter that does what its agency may do, only faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

HOURS_KEPT = 48
_HOUR_CHARS = len("2026-01-31T12")


class Deed(StrEnum):
    """What is counted."""

    GIVEN = "given"
    SHOWN = "shown"
    TOO_OFTEN = "too_often"


MOST_IN_AN_HOUR: Mapping[Deed, int] = {Deed.GIVEN: 500, Deed.SHOWN: 300, Deed.TOO_OFTEN: 0}
"""Beyond so many in a clock hour an agency's people are told. A release of a case gives each of its readers one, and a
person reads a few cases a day. Asking more often than the hub lets anybody is told the first time."""
_SAID: Mapping[Deed, str] = {
    Deed.GIVEN: "it gave records to readers more than {} times",
    Deed.SHOWN: "records were shown to its people more than {} times",
    Deed.TOO_OFTEN: "it asked the hub more often than the hub lets anybody, and was refused",
}
Counts = Mapping[tuple[str, str, Deed], int]
"""By agency, hour ("2026-01-31T12") and deed."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """More of a deed in one hour than is usual. ``number`` is how often it was."""

    agency: str
    hour: str
    deed: Deed
    number: int

    @property
    def text(self) -> str:
        """One sentence, the same for as long as the hour lasts; without the number."""
        said = _SAID[self.deed].format(f"{MOST_IN_AN_HOUR[self.deed]:,}")
        return f"in the hour from {self.hour.replace('T', ' ')}:00 UTC {said}"


def counted(body: Mapping[str, Any]) -> tuple[str, str, Deed] | None:
    """Return what an entry's body counts as; None for nothing, and for what cannot be read."""
    agency, at, kind = body.get("agency"), body.get("at"), body.get("type")
    if not isinstance(agency, str) or not isinstance(at, str) or len(at) < _HOUR_CHARS:
        return None
    deed = None
    if kind == "disclosure" and body.get("items") != 0:
        deed = Deed.GIVEN
    elif kind == "viewed":
        deed = Deed.SHOWN
    elif kind == "denied" and body.get("code") == "too_many_requests":
        deed = Deed.TOO_OFTEN
    return None if deed is None else (agency, at[:_HOUR_CHARS], deed)


def find_unusual(counts: Counts) -> list[Unusual]:
    """Return what is beyond its limit, the newest hour first."""
    found = [
        Unusual(agency, hour, deed, number)
        for (agency, hour, deed), number in counts.items()
        if number > MOST_IN_AN_HOUR[deed]
    ]
    return sorted(found, key=lambda item: (item.hour, item.agency, item.deed), reverse=True)
