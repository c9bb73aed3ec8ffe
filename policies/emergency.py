"""Emergency releases: two people of an agency release while no quorum of witnesses is there. Pure, for hub and adapter.

DESIGN section 3 (Witnesses), docs/adr/0021-emergency-release.md. It takes the place of the fresh quorum and of nothing
else: every decision on what is released is made as always. Short, bound to what is released, reviewed afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from policies.break_glass import Review, ReviewOutcome
from policies.exclusions import Exclusions, Person, Word, counts
from policies.membership import Standing
from policies.model import (
    Malformed,
    parse_time,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_number,
    require_term,
)
from policies.vocabulary import Role

EMERGENCY_LIFE = timedelta(minutes=15)
"""So long after the first person signed everything else has to happen: the second signature, and the push."""
MAX_RELEASES = 100
"""Disclosures of one emergency release: one for each recipient, and one more with the words that say why."""
MAX_RELEASED_ITEMS = 500
"""Fragments in one disclosure of it."""
MAX_PER_HOUR = 5
"""So many emergency releases an agency may make in an hour, in all cases of the hub: beyond it they are a habit."""
REVIEW_WITHIN = timedelta(days=1)
"""After so long without a review it is an alarm at every agency of the case."""
EMERGENCY_ROLES = frozenset(
    {Role.LEAD_PROFESSIONAL, Role.PRACTITIONER, Role.PANEL_CHAIR, Role.PANEL_VOTING, Role.ICTG, Role.IG_OFFICER}
)
"""Who may sign one: whoever works with the child or answers for sharing; nobody who only advises."""
REVIEWING_ROLES = frozenset({Role.IG_OFFICER})
"""Who looks at it afterwards, of another agency."""
_KID = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Release:
    """What one recipient's key is given: one disclosure, by the digest of what it gives on which bases."""

    recipient: str
    agency: str
    member: str | None
    items: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "recipient": self.recipient,
            "recipient_agency": self.agency,
            "recipient_member": self.member,
            "items": self.items,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What the first person signed: it counts for nothing before a second one has joined."""

    digest: str
    person: Person
    membership: str
    asked_at: datetime
    until: datetime
    releases: tuple[Release, ...]
    detail: Mapping[str, str]
    """The sealed words that say why: id and digest of a fragment."""

    def find(self, recipient: str, sha256: str) -> Release | None:
        """Return the release to a recipient's key that has this digest."""
        return next((item for item in self.releases if (item.recipient, item.sha256) == (recipient, sha256)), None)


@dataclass(frozen=True, slots=True)
class Emergency:
    """One emergency release: what was asked, who joined when, and its review. ``digest`` is the second's statement."""

    digest: str
    asked: Asked
    second: Person
    at: datetime
    review: Review | None = None

    @property
    def agency(self) -> str:
        """The agency that released."""
        return self.asked.person[0]

    @property
    def signers(self) -> tuple[Person, Person]:
        """Both people."""
        return self.asked.person, self.second

    def is_overdue(self, at: datetime) -> bool:
        """Whether nobody has reviewed it for longer than a day."""
        return self.review is None and at - self.at > REVIEW_WITHIN


def read_asked(word: Word) -> Asked:
    """Read the first person's word. Raises ``Malformed``."""
    got = word.members
    until = parse_time(got["until"], "emergency until")
    if not word.issued_at < until <= word.issued_at + EMERGENCY_LIFE:
        minutes = int(EMERGENCY_LIFE.total_seconds() // 60)
        raise Malformed(f"emergency until: expected at most {minutes} minutes from its signing")
    listed = got["releases"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_RELEASES:
        raise Malformed(f"emergency releases: expected a list of 1 to {MAX_RELEASES}")
    releases = tuple(map(_release, listed))
    named = [(item.recipient, item.sha256) for item in releases]
    if named != sorted(set(named)):
        raise Malformed("emergency releases: expected each once, sorted by recipient and digest")
    detail = require_members(got["detail"], ("fragment", "sha256"), "emergency detail")
    return Asked(
        digest=word.digest,
        person=word.person,
        membership=require_digest(got["membership"], "membership"),
        asked_at=word.issued_at,
        until=until,
        releases=releases,
        detail={
            "fragment": require_id(detail["fragment"], "detail fragment"),
            "sha256": require_digest(detail["sha256"], "detail sha256"),
        },
    )


def _release(value: object) -> Release:
    names = ("recipient", "recipient_agency", "recipient_member", "items", "sha256")
    got = require_members(value, names, "emergency release")
    if not isinstance(got["recipient"], str) or _KID.fullmatch(got["recipient"]) is None:
        raise Malformed("emergency release recipient: expected the thumbprint of a key")
    items = require_number(got["items"], "emergency release items")
    if not 1 <= items <= MAX_RELEASED_ITEMS:
        raise Malformed(f"emergency release items: expected 1 to {MAX_RELEASED_ITEMS}")
    member = got["recipient_member"]
    return Release(
        got["recipient"],
        require_agency(got["recipient_agency"], "recipient_agency"),
        None if member is None else require_id(member, "recipient_member"),
        items,
        require_digest(got["sha256"], "emergency release sha256"),
    )


def join(asked: Asked, case: object, word: Word) -> Emergency:
    """Return what a second person's word makes of a first one's of this case. Raises ``Malformed``."""
    if word.members["case"] != case or word.members["membership"] != asked.membership:
        raise Malformed("emergency: expected both people to name the same case and membership")
    if word.person[0] != asked.person[0]:
        raise Malformed("emergency: expected the second person from the agency of the first")
    if word.person == asked.person:
        raise Malformed("emergency: expected a second person")
    if not asked.asked_at <= word.issued_at < asked.until:
        raise Malformed("emergency: expected the second signature after the first, while what it signs is good")
    return Emergency(word.digest, asked, word.person, word.issued_at)


def require_signers(
    signers: tuple[Person, Person], standing: Standing | None, kept_out: Exclusions, at: datetime
) -> None:
    """Raise ``Malformed`` unless both people count in the case at a time, in a role that may sign it."""
    for person in signers:
        word = Word("", person, at, {})
        entry = None if standing is None else standing.effective.find_member(*person)
        if entry is None or not counts(kept_out, word, standing) or EMERGENCY_ROLES.isdisjoint(entry.roles):
            raise Malformed("emergency: expected two people who count in the case, in a role that may release")


def may_review(standing: Standing, person: Person, at: datetime) -> bool:
    """Whether somebody counts in a case in a role that looks at emergency releases."""
    entry = standing.effective.find_member(*person)
    is_in = entry is not None and person in standing.accepted and at < entry.until
    return is_in and entry is not None and not REVIEWING_ROLES.isdisjoint(entry.roles)


def take_review(known: Sequence[Emergency], word: Word) -> tuple[Emergency, ...]:
    """Return what a review makes of them. Raises ``Malformed``."""
    wanted = require_digest(word.members["emergency"], "emergency")
    found = next((item for item in known if item.digest == wanted), None)
    if found is None or found.review is not None:
        raise Malformed("emergency review: expected one that nobody has reviewed yet")
    if word.person[0] == found.agency:
        raise Malformed("emergency review: expected somebody of another agency than the one that released")
    outcome = require_term(ReviewOutcome, word.members["outcome"], "review outcome")
    reviewed = replace(found, review=Review(word.person, word.issued_at, outcome))
    return tuple(reviewed if item is found else item for item in known)


def with_reviews(known: Sequence[Emergency], words: Iterable[Word]) -> tuple[Emergency, ...]:
    """Return them with what reviews found, in the case's order. A review that may not be said does nothing."""
    found = tuple(known)
    for word in words:
        try:
            found = take_review(found, word)
        except Malformed:
            continue
    return found
