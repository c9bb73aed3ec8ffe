"""Who takes part in a case, from its signed statements alone. Pure, and the same for hub and adapter.

DESIGN section 4.2, docs/adr/0009-membership-endorsement.md. What a statement does is bound to the membership whose
digest it names, never to a time: the order in which somebody brings statements changes nothing, and an old one does
nothing for a later list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from policies.consent import Consents
from policies.model import (
    AgencyId,
    CaseState,
    Malformed,
    Member,
    Membership,
    require_digest,
    require_id,
)
from policies.vocabulary import AGE_PROVEN, AgencyKind, AgePath, CaseStage


@dataclass(frozen=True, slots=True)
class Said:
    """A verified statement: its digest, the agency that issued it, and the members of its type."""

    digest: str
    issuer: str
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaseStatements:
    """The statements of a case about who takes part. Memberships oldest first; of the others no order is asked."""

    memberships: Sequence[Said]
    acceptances: Sequence[Said] = ()
    endorsements: Sequence[Said] = ()
    departures: Sequence[Said] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Who takes part after a membership and everything that was said to it.

    ``listed`` is that membership as signed. ``remaining`` is the same without who has left: what the next one is made
    from. ``effective`` is what counts: without agencies that wait to be endorsed, led by whoever leads now.
    """

    listed: Membership
    digest: str
    remaining: Membership
    effective: Membership
    accepted: frozenset[tuple[str, str]]
    """(agency, member) of ``effective`` whom their own agency has signed for."""
    waiting: tuple[tuple[AgencyId, AgencyKind], ...]
    """Agencies that are listed and not endorsed: they take no part."""
    successor: AgencyId | None
    """Whom a hand-over names that does not count yet."""
    is_age_waiting: bool
    """Whether the list makes a child's case an adult's, and no other agency has endorsed that yet."""
    may_endorse: frozenset[str]
    """Agencies whose endorsement of this membership would bring something about."""
    entries: frozenset[Member]
    """Entries of this membership that their own agency signed for and that stand since."""
    is_alone: bool
    """Whether no agency but the lead has taken part up to here."""


@dataclass(slots=True)
class _Replies:
    """What was said to one membership."""

    endorsers: set[str] = field(default_factory=set)
    accepted: set[tuple[str, Member]] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    taken_out: set[tuple[str, str]] = field(default_factory=set)

    def has_left(self, agency: str, member: str) -> bool:
        """Whether a person is out, alone or with their agency."""
        return agency in self.left or (agency, member) in self.taken_out


def standing_of(said: CaseStatements) -> Standing:
    """Return who takes part now. Raises ``Malformed`` for a chain that is none, and statements of another form.

    Issuers are believed: who calls has verified the signatures.

    - Agencies of the first membership take part. One that is added later does once an endorsement names the membership
      that lists it, or a later one that still does; while it waits, nothing of it counts. The endorsement is by an
      agency that took part before and does not lead. The very first agency that is added to a case which nobody but the
      lead has taken part in needs none.
    - A hand-over counts once the successor has endorsed it and, where there is one, another agency besides both.
    - A child's case is an adult's once an agency that took part before and does not lead has endorsed the list that
      says so, or at once where no other takes part. Until then it stays a child's. The other way needs nobody.
    - A person counts whose agency signed the very entry, roles and end included: by an acceptance, or as the lead by
      the membership itself. From that membership onwards, while each one since lists the entry unchanged.
    - Who leaves is out at once, and stays out until a later membership lists them anew.
    """
    replies: dict[str, _Replies] = {item.digest: _Replies() for item in said.memberships}
    _read_replies(said, replies)
    standing: Standing | None = None
    for item in said.memberships:
        new = Membership.from_json(item.members)
        if standing is None:
            require_opening(new, item.issuer)
        else:
            require_successor(new, item.issuer, standing)
        standing = _stand(standing, new, item, replies[item.digest])
    if standing is None:
        raise Malformed("case has no membership statement")
    return standing


def case_state(standing: Standing, consent: Consents) -> CaseState:
    """Return what decisions rest on: the membership that counts, under the digest of the newest, and the consents."""
    return CaseState(
        membership=standing.effective, membership_digest=standing.digest, accepted=standing.accepted, consent=consent
    )


def _read_replies(said: CaseStatements, replies: Mapping[str, _Replies]) -> None:
    for item in said.endorsements:
        found = replies.get(require_digest(item.members["membership"], "endorsement membership"))
        if found is not None:
            found.endorsers.add(item.issuer)
    for item in said.acceptances:
        found = replies.get(require_digest(item.members["membership"], "acceptance membership"))
        if not isinstance(item.members["members"], list):
            raise Malformed("acceptance members: expected a list")
        entries = {(item.issuer, Member.from_json(entry)) for entry in item.members["members"]}
        if found is not None:
            found.accepted |= entries
    for item in said.departures:
        found = replies.get(require_digest(item.members["membership"], "departure membership"))
        people = departing(item.members["members"])
        if found is None:
            continue
        if people is None:
            found.left.add(item.issuer)
        else:
            found.taken_out |= {(item.issuer, member) for member in people}


def departing(members: object) -> tuple[str, ...] | None:
    """Return the member ids that a departure takes out, or None for the whole agency. Raises ``Malformed``."""
    if members is None:
        return None
    if not isinstance(members, list) or not members:
        raise Malformed("departure members: expected a list with at least one member, or null for the whole agency")
    people = [require_id(member, "departure member") for member in members]
    if people != sorted(set(people)):
        raise Malformed("departure members: expected each once, sorted")
    return tuple(people)


def _stand(before: Standing | None, new: Membership, said: Said, replies: _Replies) -> Standing:
    lead, listed = AgencyId(said.issuer), _names(new)
    took_part = listed if before is None else _names(before.effective) & listed
    was_alone = before.is_alone if before is not None else True
    # 1. Agencies: whoever took part, and whoever is endorsed by one of them that does not lead.
    endorsers = (replies.endorsers & took_part) - {lead}
    added = listed - took_part
    is_first = was_alone and took_part == {lead} and len(added) == 1
    joined = added if endorsers or is_first else set()
    # 2. The lead. Whoever has left cannot lead.
    missing: set[str] = set()
    successor = new.lead if new.lead != lead and new.lead not in replies.left else None
    if successor is not None:
        missing = _missing_for_hand_over(took_part - {lead}, successor, endorsers)
        if not missing:
            lead, successor = successor, None
    if lead in replies.left:
        raise Malformed("departure: the lead agency hands over the lead before it leaves")
    # 3. The age path. A child's case becomes an adult's by the word of two.
    age_path, age_source = new.age_path, new.age_source
    is_age_waiting = False
    if before is not None and makes_adult(before.effective.age_path, age_path):
        is_age_waiting = bool(took_part - {said.issuer}) and not endorsers
        if is_age_waiting:
            age_path, age_source = before.effective.age_path, before.effective.age_source
    # 4. People: whom their own agency signed for, here or before without a break.
    listed_entries = set(new.members)
    kept = set() if before is None else listed_entries & before.entries
    signed = {item for item in listed_entries if item.agency == said.issuer or (item.agency, item) in replies.accepted}
    entries = {item for item in kept | signed if not replies.has_left(item.agency, item.member)}
    # 5. What of all that counts.
    remaining = replace(
        new,
        lead=lead,
        agencies=tuple(item for item in new.agencies if item[0] not in replies.left),
        members=tuple(item for item in new.members if not replies.has_left(item.agency, item.member)),
    )
    present = (took_part | joined) - replies.left
    effective = replace(
        remaining,
        age_path=age_path,
        age_source=age_source,
        agencies=tuple(item for item in remaining.agencies if item[0] in present),
        members=tuple(item for item in remaining.members if item.agency in present),
    )
    waiting = tuple(item for item in remaining.agencies if item[0] not in present)
    return Standing(
        listed=new,
        digest=said.digest,
        remaining=remaining,
        effective=effective,
        accepted=frozenset((item.agency, item.member) for item in effective.members if item in entries),
        waiting=waiting,
        successor=successor,
        is_age_waiting=is_age_waiting,
        may_endorse=frozenset((took_part - {lead} if waiting or is_age_waiting else set()) | missing) & present,
        entries=frozenset(entries),
        is_alone=was_alone and took_part | joined == {said.issuer},
    )


def _missing_for_hand_over(members: set[str], successor: str, endorsers: set[str]) -> set[str]:
    """Return whose endorsements a hand-over still waits for; of the other agencies besides the successor any one."""
    others = members - {successor}
    return ({successor} - endorsers) | (set() if others & endorsers else others)


def _names(membership: Membership) -> set[str]:
    return {str(agency) for agency, _ in membership.agencies}


def require_opening(new: Membership, issuer: str) -> None:
    """Raise ``Malformed`` unless a membership opens a case: the first of its chain, signed by the lead it names."""
    if new.sequence != 0:
        raise Malformed("membership: the first statement of the chain is missing")
    if issuer != new.lead:
        raise Malformed("membership: not signed by the lead")


def require_successor(new: Membership, issuer: str, before: Standing) -> None:
    """Raise ``Malformed`` unless a membership follows the one before it.

    It is signed by the agency that leads, has the next number, names the digest before it and is of the same case. The
    age path changes together with what it rests on, to an adult's only on what proves the age; a case that was referred
    stays so. A hand-over changes nothing else, and to an agency that takes part. What nobody could ever endorse is not
    listed.
    """
    old = before.listed
    if issuer != before.effective.lead:
        raise Malformed("membership: not signed by the lead")
    if new.case != old.case:
        raise Malformed("membership: the case stays the same")
    if new.sequence != old.sequence + 1 or new.previous != before.digest:
        raise Malformed(f"membership: expected sequence {old.sequence + 1} naming the statement before it")
    _require_age(new, old)
    if new.case_stage is CaseStage.BEFORE_REFERRAL and old.case_stage is not CaseStage.BEFORE_REFERRAL:
        raise Malformed("membership case_stage: a case that has been referred is not before its referral again")
    if new.lead != issuer:
        _require_hand_over(new, before)
    _require_endorsable(new, before)


def makes_adult(old: AgePath, new: AgePath) -> bool:
    """Whether a change of the age path makes a child's case, or that of somebody who may be one, an adult's."""
    return new is AgePath.ADULT and old is not AgePath.ADULT


def _require_age(new: Membership, old: Membership) -> None:
    if new.age_path is old.age_path and new.age_source is not old.age_source:
        raise Malformed("membership age_source: it changes only together with the age path")
    if makes_adult(old.age_path, new.age_path) and new.age_source not in AGE_PROVEN:
        raise Malformed(
            "membership age_source: a child's case becomes an adult's on records of the birth date or an age "
            "assessment; in doubt it stays a child's"
        )


def _require_hand_over(new: Membership, before: Standing) -> None:
    if new.lead not in _names(before.effective):
        raise Malformed("membership: the lead is handed to an agency that takes part in the case")
    same = before.remaining
    if new != replace(same, sequence=new.sequence, previous=new.previous, lead=new.lead):
        raise Malformed("membership: a hand-over changes nothing but the lead")


def _require_endorsable(new: Membership, before: Standing) -> None:
    """Raise ``Malformed`` where agencies are added and none is there that could endorse them."""
    added = _names(new) - _names(before.remaining)
    others = (_names(before.effective) & _names(new)) - {str(before.effective.lead)}
    if not added or others:
        return
    if not before.is_alone:
        raise Malformed(
            "membership: an agency is added with the endorsement of another member agency, and no other takes part; "
            "open a new case"
        )
    if len(_names(new)) != 2:
        raise Malformed("membership: the first agency is added alone; it can then endorse others")


def widens(new: Member, old: Member | None) -> bool:
    """Whether an entry gives a person something that the one before it (None: no entry) did not."""
    return old is None or not set(new.roles) <= set(old.roles) or new.until > old.until
