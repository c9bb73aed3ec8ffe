"""Accounts of the same days side by side: what each agency says of them, how it knows, and how exact its dates are.

A group holds accounts that can all be of one day, of two agencies or more. Whether they tell of one event or of several
is not decided here, and no account is left out for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.picture.chronology import MAX_OPEN_ACCOUNTS, ChronologyRow, is_event
from adapters.picture.words import span_words

MAX_ACCOUNTS_BESIDE = 12
"""Accounts of a group that stand side by side; of the others it is said how many there are."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Accounts that overlap in time, in its order. ``days`` are those that they all can be of."""

    days: str
    accounts: tuple[ChronologyRow, ...]

    @property
    def shown(self) -> tuple[ChronologyRow, ...]:
        """As many as may stand, one of each agency before a second of any: no agency is crowded out."""
        turns: dict[str, int] = {}
        ranked = []
        for place, row in enumerate(self.accounts):
            turns[row.agency] = turns.get(row.agency, 0) + 1
            ranked.append((turns[row.agency], place))
        kept = sorted(place for _, place in sorted(ranked)[:MAX_ACCOUNTS_BESIDE])
        return tuple(self.accounts[place] for place in kept)

    @property
    def more(self) -> int:
        """How many accounts of these days stand in the table only."""
        return max(len(self.accounts) - MAX_ACCOUNTS_BESIDE, 0)


def lay_side_by_side(rows: Sequence[ChronologyRow]) -> tuple[SideBySide, ...]:
    """Return the largest groups of accounts of the same days, in order of time. ``rows`` are a whole chronology's.

    Every two accounts of a group overlap, and no group stands within another: the sets that are open at once just
    before one of them ends.
    """
    found: list[SideBySide] = []
    open_now: list[ChronologyRow] = []
    has_grown = False
    for row in [*(row for row in rows if is_event(row)), None]:
        begins = None if row is None else row.first_day
        kept = [item for item in open_now if begins is not None and _ends(item) >= begins]
        if len(kept) < len(open_now) and has_grown:
            _add(found, open_now)
            has_grown = False
        if row is not None:
            open_now, has_grown = [*kept[-MAX_OPEN_ACCOUNTS + 1 :], row], True
    return tuple(found)


def _add(found: list[SideBySide], accounts: Sequence[ChronologyRow]) -> None:
    if len({row.agency for row in accounts}) < 2:
        return
    begin = max(row.first_day for row in accounts if row.first_day is not None)
    end = min(_ends(row) for row in accounts)
    found.append(SideBySide(span_words(begin.isoformat(), end.isoformat()), tuple(accounts)))


def _ends(row: ChronologyRow) -> date:
    return row.last_day or date.min
