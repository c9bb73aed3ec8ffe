"""Breaking the glass: somebody of a case opens, for a short time and on the record, what they are not given otherwise.

It makes no key and widens nothing for whoever does not count in the case: it is one fact of a decision,
``break_glass``, and a rule of the agreement says what it opens. Another person reviews it. Pure, the same for hub and
adapter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from policies.engine import Bundle, decide
from policies.exclusions import Person, Word
from policies.membership import Standing
from policies.model import (
    CaseState,
    Decision,
    Facts,
    Malformed,
    parse_time,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_term,
)
from policies.vocabulary import Role

MAX_BREAK_GLASS = timedelta(hours=4)
"""So long the glass stays broken at most."""
REVIEW_WITHIN = timedelta(days=1)
"""After so long without a review it is an alarm at every agency of the case."""
OFTEN_PER_HOUR = 3
OFTEN_PER_DAY = 6
"""So often one person breaks the glass, in the cases an agency is in, before it is an alarm there."""
MAX_PER_HOUR = 10
"""So often one person may, in all cases of the hub: beyond it somebody uses it as a key."""
REVIEWING_ROLES = frozenset({Role.IG_OFFICER, Role.LEAD_PROFESSIONAL, Role.PANEL_CHAIR})
"""Who may review it: whoever oversees sharing, leads the case or chairs its panel, of another agency."""


class BreakGlassReason(StrEnum):
    """Why; a closed list, for it stands in the clear."""

    DANGER_NOW = "danger_now"
    CHILD_MISSING = "child_missing"
    MEDICAL_EMERGENCY = "medical_emergency"
    POLICE_PROTECTION = "police_protection"


class ReviewOutcome(StrEnum):
    """What a review found."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"
    TO_BE_INVESTIGATED = "to_be_investigated"


@dataclass(frozen=True, slots=True)
class Review:
    """Who reviewed it, when, and what they found."""

    reviewer: Person
    at: datetime
    outcome: ReviewOutcome


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """One time somebody broke the glass. ``reviewer`` is whom they named for looking at it."""

    digest: str
    person: Person
    reason: BreakGlassReason
    at: datetime
    until: datetime
    reviewer: Person
    review: Review | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether it counts now: from the moment it was known, as far as its review has not ended it."""
        is_ended = self.review is not None and self.review.outcome is not ReviewOutcome.JUSTIFIED
        return at < self.until and not is_ended

    def is_overdue(self, at: datetime) -> bool:
        """Whether nobody has reviewed it for longer than a day."""
        return self.review is None and at - self.at > REVIEW_WITHIN


def decide_to_grant(bundle: Bundle, facts: Facts) -> Decision:
    """Return whether somebody is to be granted something: broken glass alone grants nobody anything.

    It opens what is granted already; only an originator's standing rule goes further, and asks ``decide`` itself.
    """
    decision = decide(bundle, facts)
    if not facts.break_glass or not decision.is_permit:
        return decision
    otherwise = decide(bundle, replace(facts, break_glass=False))
    return decision if otherwise.is_permit else otherwise


def is_review(word: Word) -> bool:
    """Whether a word is another person's on a broken glass."""
    return "outcome" in word.members


def with_broken_glass(
    state: CaseState, broken: Iterable[BrokenGlass], at: datetime, *, since_signed: bool = False
) -> CaseState:
    """Return a case with the people for whom the glass is broken at a time. Only who counts in it can be among them.

    ``since_signed``: not before its own time. The hub goes by its order instead, whatever the signer's clock says.
    """
    opened = frozenset(item.person for item in broken if item.is_open(at) and (item.at <= at or not since_signed))
    people = opened & frozenset(state.accepted)
    return replace(state, break_glass=people) if people else state


def read_broken(words: Iterable[Word]) -> tuple[BrokenGlass, ...]:
    """Return each time the glass was broken, with its review, in the case's order. What is not of the form is none."""
    found: tuple[BrokenGlass, ...] = ()
    for word in words:
        try:
            found = take_broken(found, word)
        except Malformed:
            continue
    return found


def take_broken(known: Sequence[BrokenGlass], word: Word) -> tuple[BrokenGlass, ...]:
    """Return what one more word makes of them. Raises ``Malformed``."""
    if is_review(word):
        return _review(known, word)
    got = word.members
    until = parse_time(got["until"], "break-glass until")
    if not word.issued_at < until <= word.issued_at + MAX_BREAK_GLASS:
        hours = int(MAX_BREAK_GLASS.total_seconds() // 3600)
        raise Malformed(f"break-glass until: expected at most {hours} hours from its signing")
    named = require_members(got["reviewer"], ("agency", "member"), "break-glass reviewer")
    reviewer = (str(require_agency(named["agency"])), require_id(named["member"], "reviewer"))
    if reviewer[0] == word.person[0]:
        raise Malformed("break-glass reviewer: expected somebody of another agency")
    reason = require_term(BreakGlassReason, got["reason"], "break-glass reason")
    return (*known, BrokenGlass(word.digest, word.person, reason, word.issued_at, until, reviewer))


def _review(known: Sequence[BrokenGlass], word: Word) -> tuple[BrokenGlass, ...]:
    wanted = require_digest(word.members["break_glass"], "break_glass")
    found = next((item for item in known if item.digest == wanted), None)
    if found is None or found.review is not None:
        raise Malformed("break-glass review: expected one that nobody has reviewed yet")
    if word.person[0] == found.person[0]:
        raise Malformed("break-glass review: expected somebody of another agency than whoever broke the glass")
    outcome = require_term(ReviewOutcome, word.members["outcome"], "review outcome")
    reviewed = replace(found, review=Review(word.person, word.issued_at, outcome))
    return tuple(reviewed if item is found else item for item in known)


def may_review(standing: Standing, person: Person, at: datetime) -> bool:
    """Whether somebody counts in a case in a role that reviews."""
    entry = standing.effective.find_member(*person)
    is_in = entry is not None and person in standing.accepted and at < entry.until
    return is_in and entry is not None and not REVIEWING_ROLES.isdisjoint(entry.roles)


def count_since(broken: Iterable[BrokenGlass], person: Person, since: datetime) -> int:
    """Return how often somebody has broken the glass since a time."""
    return sum(item.person == person and item.at > since for item in broken)
