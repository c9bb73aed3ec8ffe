"""The day a child turns 18: content, so only an agency that holds the birth date can warn. nrm.md 1.1 rule 7.

An adult must agree to stay in the NRM, and each of the three consents is asked anew. The day itself stands in no
statement, no entry and no alarm; it is worked out from this agency's own records each time somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from adapters.cases import CaseBook, CaseRefused
from adapters.picture.content import read_content
from adapters.picture.dates import ADULT_YEARS, PartialDate, birthday, parse_partial
from adapters.release.drafts import Draft, list_drafts
from adapters.store.database import Store
from adapters.store.rows import raise_alarm
from policies.model import render_time
from policies.vocabulary import AgePath, Category

CODE = "turns_18"
WARN_DAYS = (0, 7, 30, 90, 180)
"""So many days ahead somebody is warned, each once."""
WHO = frozenset({Category.SUBJECT_CARD, Category.IDENTITY})
"""Records that say who the case is about."""


@dataclass(frozen=True, slots=True)
class Birthday:
    """The first day on which somebody may be 18, by one or several records of this agency. ``is_exact``: to the day."""

    case: str
    on: date
    is_exact: bool

    def days_ahead(self, today: date) -> int:
        """Return how many days are left; below 0 where it has been."""
        return (self.on - today).days


def find_birthdays(store: Store, book: CaseBook, cases: Iterable[str]) -> list[Birthday]:
    """Return for each case in which this agency has a birth date the earliest day on which the child may turn 18.

    Records that differ are not judged: the earliest day warns. A case on the adult path has nobody who turns 18.
    """
    found = []
    for case in cases:
        if _is_adults(book, case):
            continue
        born = [item for draft in list_drafts(store, case) if draft.category in WHO for item in _born(draft)]
        days = sorted(((birthday(item.first, ADULT_YEARS), item) for item in born), key=lambda found: found[0])
        if days:
            found.append(Birthday(case, days[0][0], is_exact=days[0][1].first == days[0][1].last))
    return found


def _is_adults(book: CaseBook, case: str) -> bool:
    try:
        return book.load(case).state.membership.age_path is AgePath.ADULT
    except CaseRefused:
        # What cannot be believed is an alarm of its own; the birthday is warned of all the same.
        return False


def _born(draft: Draft) -> list[PartialDate]:
    content = read_content(draft.content, draft.category)
    read = (parse_partial(value.text) for value in content.given("prs_Birthdate"))
    return [item for item in read if item is not None]


def warn(store: Store, book: CaseBook, cases: Iterable[str], at: datetime) -> int:
    """Raise an alarm for each case whose child turns 18 soon, once for each of ``WARN_DAYS``; return for how many.

    The alarm names the case and within how many days, never the day.
    """
    warned = 0
    for item in find_birthdays(store, book, cases):
        ahead = item.days_ahead(at.date())
        within = next((days for days in WARN_DAYS if ahead <= days), None)
        if within is None:
            continue
        when = f"turns 18 within {within} days" if within else "has turned 18, or does today"
        text = f"case {item.case[:8]}: the person {when}, by this agency's records"
        with store.write() as session:
            raise_alarm(session, CODE, text, render_time(at), is_lasting=True)
        warned += 1
    return warned
