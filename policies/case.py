"""A case from its statements: which members count, where consent stands. Pure, and the same for hub and adapter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import (
    NO_CONSENT,
    CaseState,
    Consent,
    ConsentScope,
    Malformed,
    Member,
    Membership,
    parse_time,
    require_members,
    require_term,
)
from policies.vocabulary import AgePath, ConsentReason, ConsentState, WishesState

GIVEN_BY = frozenset({"child", "adult", "parental_responsibility", "court", "nobody"})


def accepted_members(
    membership: Membership, acceptances: Iterable[tuple[str, Mapping[str, Any]]]
) -> frozenset[tuple[str, str]]:
    """Return the (agency, member) pairs of a membership that count.

    The lead's own members count by the lead's signature; another agency's only where an acceptance issued by that
    agency carries the very same entry, roles and end included. ``acceptances`` are (issuer, members of the statement).
    """
    accepted: set[Member] = set()
    for issuer, members in acceptances:
        listed = members["members"]
        if not isinstance(listed, list):
            raise Malformed("acceptance members: expected a list")
        accepted.update(item for item in map(Member.from_json, listed) if item.agency == issuer)
    return frozenset(
        (member.agency, member.member)
        for member in membership.members
        if member.agency == membership.lead or member in accepted
    )


def parse_consent(digest: str, members: Mapping[str, Any]) -> Consent:
    """Read a consent statement's members. Raises ``Malformed`` on unknown terms and on combinations that say nothing.

    Only a given consent has a scope; consent that was not sought or is not required says why (nrm.md 1.1, 5.2).
    """
    state = require_term(ConsentState, members["state"], "consent state")
    reason = require_term(ConsentReason, members["reason"], "consent reason")
    scope = ConsentScope.from_json(members["scope"])
    if state is ConsentState.NONE_RECORDED:
        raise Malformed("consent: a statement records a state")
    if (state in (ConsentState.NOT_SOUGHT, ConsentState.NOT_REQUIRED)) != (reason is not ConsentReason.NONE):
        raise Malformed("consent: not_sought and not_required need a reason, other states have none")
    if (state is ConsentState.GIVEN) != bool(scope.categories and scope.recipients and scope.purposes):
        raise Malformed("consent: a given consent says what it covers, other states cover nothing")
    given_by = members["given_by"]
    if not isinstance(given_by, str) or given_by not in GIVEN_BY:
        raise Malformed(f"consent given_by: expected one of {sorted(GIVEN_BY)}")
    if state in (ConsentState.GIVEN, ConsentState.REFUSED) and given_by == "nobody":
        raise Malformed("consent: somebody gives or refuses it, expected given_by to say who")
    expires = members["expires_at"]
    return Consent(
        digest=digest,
        state=state,
        reason=reason,
        scope=scope,
        wishes=require_term(WishesState, members["wishes"], "wishes"),
        expires_at=None if expires is None else parse_time(expires),
    )


def case_state(
    membership: tuple[str, Mapping[str, Any]],
    acceptances: Iterable[tuple[str, Mapping[str, Any]]],
    consent: tuple[str, Mapping[str, Any]] | None,
) -> CaseState:
    """Build a case's state from (digest, members) of its newest membership and consent, and from its acceptances."""
    digest, members = membership
    listed = Membership.from_json(members)
    return CaseState(
        membership=listed,
        membership_digest=digest,
        accepted=accepted_members(listed, acceptances),
        consent=NO_CONSENT if consent is None else parse_consent(*consent),
    )


def require_successor(new: Membership, old: Membership, old_digest: str) -> None:
    """Raise ``Malformed`` unless a membership follows the one before it: next number, its digest, same case and lead.

    A child's path never turns into an adult's by a list: the age path stays, or moves to ``not_sure`` or ``child``.
    """
    if new.case != old.case or new.lead != old.lead:
        raise Malformed("membership: case and lead stay the same")
    if new.sequence != old.sequence + 1 or new.previous != old_digest:
        raise Malformed(f"membership: expected sequence {old.sequence + 1} naming the statement before it")
    if old.age_path is not AgePath.ADULT and new.age_path is AgePath.ADULT:
        raise Malformed("membership: a child's case does not become an adult's by a membership statement")


def require_detail(value: object) -> None:
    """Raise ``Malformed`` unless a statement's ``detail`` is null or names a sealed fragment by id and digest."""
    if value is None:
        return
    got = require_members(value, ("fragment", "sha256"), "detail")
    if not all(isinstance(item, str) for item in got.values()):
        raise Malformed("detail: expected text members")
