"""Who is excluded from a case for a conflict of interest, from what people signed. Pure, the same for hub and adapter.

DESIGN section 4.2, docs/adr/0016-exclusions.md. Two people say it; it ends by itself unless it is renewed; whoever is
excluded is, for every decision, somebody whom the case never listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from policies.membership import Standing
from policies.model import (
    CaseState,
    Malformed,
    parse_time,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_term,
)
from policies.vocabulary import Role

MAX_EXCLUSION = timedelta(days=28)
"""So long one lasts, or one more renewal of it: nobody is kept out for longer without somebody new having looked."""
MAX_PROPOSAL_AGE = timedelta(hours=72)
"""So long one person's word waits for a second one."""
EXCLUDING_ROLES = frozenset({Role.LEAD_PROFESSIONAL, Role.PANEL_CHAIR, Role.PANEL_VOTING, Role.ICTG})
"""Who may say it: whoever may be given the words behind a statement."""

Person = tuple[str, str]
"""An agency and the opaque id of one of its people."""


class ExclusionAct(StrEnum):
    """What a word does to an exclusion."""

    ADD = "add"
    RENEW = "renew"
    LIFT = "lift"


@dataclass(frozen=True, slots=True)
class Word:
    """A verified statement by a person: an exclusion's first word, or the confirmation of one."""

    digest: str
    person: Person
    issued_at: datetime
    members: Mapping[str, Any]

    @property
    def is_confirmation(self) -> bool:
        """Whether it is a second person's."""
        return "proposal" in self.members


@dataclass(frozen=True, slots=True)
class Proposal:
    """One person's word, and whether a second one has joined it."""

    digest: str
    act: ExclusionAct
    exclusion: str
    excluded: Person
    until: datetime | None
    detail: Mapping[str, str] | None
    signer: Person
    issued_at: datetime
    is_confirmed: bool = False

    def is_waiting(self, at: datetime) -> bool:
        """Whether somebody can still confirm it."""
        return not self.is_confirmed and at - self.issued_at <= MAX_PROPOSAL_AGE


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Somebody who is kept out of a case, since when and until when, and everybody who has signed for that."""

    exclusion: str
    excluded: Person
    since: datetime
    until: datetime
    signers: frozenset[Person]
    lifted_at: datetime | None = None

    def binds(self, at: datetime | None) -> bool:
        """Whether it counts now. It did from the moment it was known: no clock delays it. None: no time ends it."""
        return self.lifted_at is None and (at is None or at < self.until)

    def bound(self, at: datetime) -> bool:
        """Whether it counted at a time in the past."""
        return self.since <= at < min(self.until, self.lifted_at or self.until)


@dataclass(frozen=True, slots=True)
class Exclusions:
    """All of a case, in the case's order."""

    held: tuple[Exclusion, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    def find(self, exclusion: str) -> Exclusion | None:
        """Return one by its id."""
        return next((item for item in self.held if item.exclusion == exclusion), None)

    def excluded(self, at: datetime | None) -> frozenset[Person]:
        """Return who is kept out at a time; None: whoever is unless it was lifted."""
        return frozenset(item.excluded for item in self.held if item.binds(at))

    def excluded_then(self, at: datetime) -> frozenset[Person]:
        """Return who was kept out at a time in the past."""
        return frozenset(item.excluded for item in self.held if item.bound(at))


NO_EXCLUSIONS = Exclusions()


def without_excluded(state: CaseState, excluded: frozenset[Person]) -> CaseState:
    """Return a case as if it had never listed these people: what every decision on it rests on."""
    if not excluded:
        return state
    members = tuple(item for item in state.membership.members if (item.agency, item.member) not in excluded)
    return replace(
        state, membership=replace(state.membership, members=members), accepted=frozenset(state.accepted) - excluded
    )


def read_exclusions(words: Iterable[Word], standing_for: Callable[[Word], Standing | None] | None = None) -> Exclusions:
    """Return what the words of a case come to, in the case's order. A word that may not be said does nothing.

    ``standing_for`` gives the membership that a word names; without it the words were judged when they were taken.
    """
    found = NO_EXCLUSIONS
    for word in words:
        try:
            if standing_for is not None:
                require_signer(found, word, standing_for(word))
            found = take_word(found, word, None if standing_for is None else standing_for(word))
        except Malformed:
            continue
    return found


def counts(known: Exclusions, word: Word, standing: Standing | None) -> bool:
    """Whether whoever signed takes part in the case, as one of its people who are not kept out of it."""
    if standing is None or word.person in known.excluded(word.issued_at):
        return False
    entry = standing.effective.find_member(*word.person)
    return entry is not None and word.person in standing.accepted and word.issued_at < entry.until


def require_signer(known: Exclusions, word: Word, standing: Standing | None) -> None:
    """Raise ``Malformed`` unless whoever signed counts in the case and is listed in a role that may say it."""
    entry = None if standing is None else standing.effective.find_member(*word.person)
    if entry is None or not counts(known, word, standing) or EXCLUDING_ROLES.isdisjoint(entry.roles):
        raise Malformed("exclusion: expected a person of the case who may be given the words behind a statement")


def take_word(known: Exclusions, word: Word, standing: Standing | None) -> Exclusions:
    """Return what one more word makes of them. Raises ``Malformed`` where it may not be said.

    ``standing`` is the case as the word names it; None where it was held against it before.
    """
    if not word.is_confirmation:
        proposal = parse_proposal(word)
        _require_act(known, proposal, word.issued_at)
        return replace(known, proposals=(*known.proposals, proposal))
    return _confirm(known, word, None if standing is None else standing.effective.lead)


def parse_proposal(word: Word) -> Proposal:
    """Read the first word of an exclusion, of its renewal or of its end. Raises ``Malformed``."""
    got = word.members
    act = require_term(ExclusionAct, got["act"], "exclusion act")
    named = require_members(got["excluded"], ("agency", "member"), "exclusion excluded")
    until = None if got["until"] is None else parse_time(got["until"], "exclusion until")
    if (act is ExclusionAct.LIFT) != (until is None):
        raise Malformed("exclusion until: expected a time, and null where it is lifted")
    if until is not None and not word.issued_at < until <= word.issued_at + MAX_EXCLUSION:
        raise Malformed(f"exclusion until: expected at most {MAX_EXCLUSION.days} days from its signing")
    return Proposal(
        digest=word.digest,
        act=act,
        exclusion=require_id(got["exclusion"], "exclusion"),
        excluded=(require_agency(named["agency"], "excluded agency"), require_id(named["member"], "excluded member")),
        until=until,
        detail=_detail(got["detail"]),
        signer=word.person,
        issued_at=word.issued_at,
    )


def _detail(value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    got = require_members(value, ("fragment", "sha256"), "detail")
    return {
        "fragment": require_id(got["fragment"], "detail fragment"),
        "sha256": require_digest(got["sha256"], "detail sha256"),
    }


def _require_act(known: Exclusions, said: Proposal, at: datetime) -> None:
    """Raise ``Malformed`` where an act has nothing to act on, or the excluded person says it themselves."""
    if said.signer == said.excluded:
        raise Malformed("exclusion: nobody signs about themselves")
    held = known.find(said.exclusion)
    if said.act is ExclusionAct.ADD:
        if held is not None:
            raise Malformed("exclusion: this id is taken; expected a new one")
        if said.excluded in known.excluded(at):
            raise Malformed("exclusion: this person is excluded already; expected renew or lift")
        return
    if held is None or held.excluded != said.excluded or not held.binds(at):
        raise Malformed("exclusion: expected one that stands, and the person it names")
    if said.until is not None and said.until <= held.until:
        raise Malformed("exclusion until: expected a later end than the one it has")


def _confirm(known: Exclusions, word: Word, lead: str | None) -> Exclusions:
    wanted = require_digest(word.members["proposal"], "exclusion proposal")
    said = next((item for item in known.proposals if item.digest == wanted), None)
    if said is None or not said.is_waiting(word.issued_at):
        raise Malformed("exclusion: expected the word of somebody else that still waits for a second one")
    if word.person in (said.signer, said.excluded):
        raise Malformed("exclusion: expected a second person")
    agencies = {word.person[0], said.signer[0]}
    if lead is not None and len(agencies) == 1 and agencies != {lead}:
        raise Malformed("exclusion: expected the second person from another agency, or both from the one that leads")
    _require_act(known, said, word.issued_at)
    signed = replace(
        known,
        proposals=tuple(replace(item, is_confirmed=True) if item is said else item for item in known.proposals),
    )
    pair = frozenset({word.person, said.signer})
    held = known.find(said.exclusion)
    if held is None:
        if said.until is None:
            raise Malformed("exclusion until: expected a time")
        new = Exclusion(said.exclusion, said.excluded, word.issued_at, said.until, pair)
        return replace(signed, held=(*signed.held, new))
    if said.until is None:
        changed = replace(held, lifted_at=word.issued_at)
    else:
        if pair <= held.signers:
            raise Malformed("exclusion: expected one of the two to be somebody who has not signed for it before")
        changed = replace(held, until=said.until, signers=held.signers | pair)
    return replace(signed, held=tuple(changed if item is held else item for item in signed.held))
