"""How long the hub keeps a case, what is erased before that, and what may not be: from signed statements alone. Pure.

docs/adr/0019-retention.md. The lead sets by when content and record go; an originator takes its own fragments back; a
legal hold stops both until it ends. The same for hub and adapter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from policies.model import (
    Malformed,
    parse_time,
    render_time,
    require_digest,
    require_id,
    require_members,
    require_number,
    require_term,
)

NOTICE = timedelta(days=28)
"""So long before it is due a date is in the log: every agency of the case can object, or place a hold."""
MAX_PROPOSAL_AGE = timedelta(days=14)
"""So long the lead's word on a whole case waits for a second agency's."""
MAX_HOLD = timedelta(days=90)
"""So long a hold lasts, or one more renewal of it, which somebody else signs: that is its review."""
MAX_FRAGMENTS = 1_000
"""So many fragments one statement asks to be erased."""
MAX_RULE_LENGTH = 60
_RULE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?", re.ASCII)


class Scope(StrEnum):
    """What is erased: some fragments; all content of a case; then also what is recorded of it."""

    FRAGMENTS = "fragments"
    CONTENT = "content"
    RECORD = "record"


class ErasureReason(StrEnum):
    """Why; a closed list, for it stands in the clear."""

    RETENTION_ENDED = "retention_ended"
    SHARED_IN_ERROR = "shared_in_error"
    WRONG_PERSON = "wrong_person"
    ERASURE_RIGHT = "erasure_right"
    COURT_ORDER = "court_order"


class HoldAct(StrEnum):
    """What a word does to a hold."""

    PLACE = "place"
    RENEW = "renew"
    LIFT = "lift"


class HoldBasis(StrEnum):
    """Why something must be kept; a closed list."""

    COURT_PROCEEDINGS = "court_proceedings"
    CRIMINAL_INVESTIGATION = "criminal_investigation"
    SAFEGUARDING_REVIEW = "safeguarding_review"
    PUBLIC_INQUIRY = "public_inquiry"
    SUBJECT_REQUEST = "subject_request"


@dataclass(frozen=True, slots=True)
class RetentionWord:
    """A verified statement by an agency on what is kept of a case."""

    digest: str
    agency: str
    issued_at: datetime
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """By when the hub erases a case's content, and by when its record, under which rule."""

    digest: str
    agency: str
    issued_at: datetime
    closed_at: datetime
    content_until: datetime
    record_until: datetime
    rule: str

    def due(self, scope: Scope, at: datetime) -> bool:
        """Whether the date for a scope has come."""
        until = self.content_until if scope is Scope.CONTENT else self.record_until
        return scope is not Scope.FRAGMENTS and until <= at


@dataclass(frozen=True, slots=True)
class Listed:
    """One fragment that an originator wants erased: its id, its digest, where its entry stands in the log."""

    fragment: str
    sha256: str
    index: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """An agency's word that something be erased. ``confirmed_by`` is the second agency, of a whole case."""

    digest: str
    agency: str
    issued_at: datetime
    scope: Scope
    rule: str
    reason: ErasureReason
    fragments: tuple[Listed, ...]
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Something forbids erasure for a while: which agency says so, why, until when, and who decided each time."""

    hold: str
    agency: str
    basis: HoldBasis
    since: datetime
    until: datetime
    decided_by: tuple[str, ...]
    lifted_at: datetime | None = None

    def binds(self, at: datetime) -> bool:
        """Whether it forbids erasure now."""
        return self.lifted_at is None and at < self.until


@dataclass(frozen=True, slots=True)
class Retention:
    """All of a case that was said on keeping it, in the case's order."""

    term: Term | None = None
    wanted: tuple[Wanted, ...] = ()
    holds: tuple[Hold, ...] = ()

    def held(self, at: datetime) -> tuple[Hold, ...]:
        """Return what forbids erasure now."""
        return tuple(item for item in self.holds if item.binds(at))

    def find_wanted(self, digest: str) -> Wanted | None:
        """Return an agency's word by its digest."""
        return next((item for item in self.wanted if item.digest == digest), None)

    def due(self, at: datetime) -> Scope | None:
        """Return how far the lead's dates have come: content, or the record too; None: no date has come."""
        if self.term is None:
            return None
        return next((scope for scope in (Scope.RECORD, Scope.CONTENT) if self.term.due(scope, at)), None)


NO_RETENTION = Retention()


def read_retention(words: Iterable[RetentionWord]) -> Retention:
    """Return what recorded words come to. One that is not of the form says nothing."""
    state = NO_RETENTION
    for word in words:
        try:
            state = take_word(state, word)
        except Malformed:
            continue
    return state


def take_word(state: Retention, word: RetentionWord) -> Retention:
    """Return what one more word makes of it. Who may say it is the caller's question. Raises ``Malformed``."""
    got = word.members
    if "content_until" in got:
        return replace(state, term=parse_term(word))
    if "scope" in got:
        return replace(state, wanted=(*state.wanted, parse_wanted(word)))
    if "erasure" in got:
        return _confirm(state, word)
    if "hold" in got:
        return _hold(state, word)
    raise Malformed("retention: expected a term, an erasure, a confirmation or a hold")


def parse_term(word: RetentionWord) -> Term:
    """Read by when a case is erased. Raises ``Malformed``: no date is nearer than the notice everybody is due."""
    got = word.members
    term = Term(
        digest=word.digest,
        agency=word.agency,
        issued_at=word.issued_at,
        closed_at=parse_time(got["closed_at"], "closed_at"),
        content_until=parse_time(got["content_until"], "content_until"),
        record_until=parse_time(got["record_until"], "record_until"),
        rule=require_rule(got["rule"]),
    )
    if term.closed_at > word.issued_at:
        raise Malformed("closed_at: expected a time that has passed: a case is closed before its term begins")
    if term.content_until - word.issued_at < NOTICE:
        raise Malformed(f"content_until: expected at least {NOTICE.days} days after its signing")
    if term.record_until < term.content_until:
        raise Malformed("record_until: expected no earlier than content_until: the record is kept longer")
    return term


def parse_wanted(word: RetentionWord) -> Wanted:
    """Read an agency's word that something be erased. Raises ``Malformed``."""
    got = word.members
    scope, listed = require_term(Scope, got["scope"], "scope"), got["fragments"]
    if not isinstance(listed, list) or len(listed) > MAX_FRAGMENTS:
        raise Malformed(f"fragments: expected a list of at most {MAX_FRAGMENTS}")
    fragments = tuple(_listed(item) for item in listed)
    if len({item.fragment for item in fragments}) != len(fragments):
        raise Malformed("fragments: expected each once")
    if (scope is Scope.FRAGMENTS) is not bool(fragments):
        raise Malformed("fragments: expected some for scope fragments, and none for a whole case")
    return Wanted(
        digest=word.digest,
        agency=word.agency,
        issued_at=word.issued_at,
        scope=scope,
        rule=require_rule(got["rule"]),
        reason=require_term(ErasureReason, got["reason"], "reason"),
        fragments=fragments,
    )


def _listed(value: object) -> Listed:
    got = require_members(value, ("fragment", "sha256", "index"), "fragment to erase")
    return Listed(
        require_id(got["fragment"], "fragment"),
        require_digest(got["sha256"], "fragment sha256"),
        require_number(got["index"], "fragment index"),
    )


def require_rule(value: object) -> str:
    """Return a retention rule's id. Raises ``Malformed``."""
    if not isinstance(value, str) or len(value) > MAX_RULE_LENGTH or _RULE.fullmatch(value) is None:
        raise Malformed(f"rule: expected small letters, digits and hyphens, at most {MAX_RULE_LENGTH}")
    return value


def _confirm(state: Retention, word: RetentionWord) -> Retention:
    named = state.find_wanted(require_digest(word.members["erasure"], "erasure"))
    if named is None or named.scope is Scope.FRAGMENTS or named.confirmed_by is not None:
        raise Malformed("confirmation: expected the lead's word on a whole case, which waits for a second agency's")
    if named.agency == word.agency:
        raise Malformed("confirmation: expected another agency than the one that asked")
    if not -_SKEW <= word.issued_at - named.issued_at <= MAX_PROPOSAL_AGE:
        raise Malformed(f"confirmation: expected at most {MAX_PROPOSAL_AGE.days} days after the word it confirms")
    confirmed = replace(named, confirmed_by=word.agency)
    return replace(state, wanted=tuple(confirmed if item is named else item for item in state.wanted))


_SKEW = timedelta(minutes=5)
"""How far two agencies' clocks may be apart."""


def _hold(state: Retention, word: RetentionWord) -> Retention:
    got = word.members
    act, decided_by = require_term(HoldAct, got["act"], "hold act"), require_id(got["decided_by"], "decided_by")
    basis, name = require_term(HoldBasis, got["basis"], "hold basis"), require_id(got["hold"], "hold")
    known = next((item for item in state.holds if item.hold == name), None)
    until = None if got["until"] is None else parse_time(got["until"], "hold until")
    if (act is HoldAct.LIFT) is not (until is None):
        raise Malformed("hold until: expected a time, and none where it is lifted")
    if until is not None and not word.issued_at < until <= word.issued_at + MAX_HOLD:
        raise Malformed(f"hold until: expected at most {MAX_HOLD.days} days from its signing")
    if act is HoldAct.PLACE:
        if known is not None or until is None:
            raise Malformed("hold: this id is taken; expected a new one")
        placed = Hold(name, word.agency, basis, word.issued_at, until, (decided_by,))
        return replace(state, holds=(*state.holds, placed))
    if known is None or known.agency != word.agency or known.basis is not basis or not known.binds(word.issued_at):
        raise Malformed("hold: expected one that binds, and the agency and basis it has")
    if until is None:
        changed = replace(known, lifted_at=word.issued_at)
    else:
        if decided_by == known.decided_by[-1]:
            raise Malformed("hold: a renewal is its review: expected another person than the one who decided last")
        changed = replace(known, until=until, decided_by=(*known.decided_by, decided_by))
    return replace(state, holds=tuple(changed if item is known else item for item in state.holds))


@dataclass(frozen=True, slots=True)
class Authority:
    """What the statements in an ``erased`` entry allow: how far, on whose word, under which rule.

    ``fragments`` are those of an originator's own word; of a whole case everything that stood before it.
    """

    scope: Scope
    agencies: tuple[str, ...]
    rule: str
    reason: ErasureReason
    fragments: tuple[Listed, ...] = ()


def authority_of(scope: Scope, words: Sequence[RetentionWord], at: datetime) -> Authority:
    """Return what words allow that are given for an erasure made at a time. Raises ``Malformed`` where they do not.

    One originator's word for its own fragments; the lead's and another agency's for a whole case; or the lead's term
    alone once its date has come, with the notice that was due.
    """
    if len(words) == 1 and "content_until" in words[0].members:
        term = parse_term(words[0])
        if not term.due(scope, at):
            raise Malformed("erased: its date has not come")
        return Authority(scope, (term.agency,), term.rule, ErasureReason.RETENTION_ENDED)
    state = NO_RETENTION
    for word in words:
        state = take_word(state, word)
    if len(state.wanted) != 1 or state.term is not None or state.holds:
        raise Malformed("erased: expected one word that asks for it")
    asked = state.wanted[0]
    if asked.scope is not scope:
        raise Malformed("erased: the statements ask for something else")
    if scope is Scope.FRAGMENTS:
        return Authority(scope, (asked.agency,), asked.rule, asked.reason, asked.fragments)
    if asked.confirmed_by is None:
        raise Malformed("erased: expected a second agency's word on a whole case")
    return Authority(scope, (asked.agency, asked.confirmed_by), asked.rule, asked.reason)


def require_in_force(said: Sequence[RetentionWord], allowing: Sequence[RetentionWord], at: datetime) -> None:
    """Raise ``Malformed`` where what had been said of a case forbade an erasure that these words alone would allow.

    ``said`` are the words before it, in the case's order, as far as they are known. A hold that bound then forbade it;
    a date counts only until the lead names another.
    """
    state = read_retention(said)
    held = state.held(at)
    if held:
        raise Malformed(f"erased: a legal hold of {held[0].agency} forbade it until {render_time(held[0].until)}")
    terms = [word.digest for word in allowing if "content_until" in word.members]
    if terms and state.term is not None and state.term.digest not in terms:
        raise Malformed("erased: the lead had put that date off")
