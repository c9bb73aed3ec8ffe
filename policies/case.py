"""A case from its statements: which members count, where consent stands. Pure, and the same for hub and adapter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    require_digest,
    require_id,
    require_members,
    require_term,
    term_list,
)
from policies.vocabulary import AgePath, ConsentReason, ConsentState, WishesState

GIVEN_BY = frozenset({"child", "adult", "parental_responsibility", "court", "nobody"})


def accepted_members(
    chain: Sequence[tuple[str, Membership]], acceptances: Iterable[tuple[str, Mapping[str, Any]]]
) -> frozenset[tuple[str, str]]:
    """Return the (agency, member) pairs of the newest membership that count. Raises ``Malformed``.

    ``chain`` holds every membership of the case with its statement's digest, oldest first; ``acceptances`` are (issuer,
    members of the statement). The lead's own members count by the lead's signature. Another agency's count where an
    acceptance issued by that agency carries the very same entry, roles and end included, from the membership it names
    onwards, and only while each membership since lists the entry unchanged: whom the lead took out and lists again, the
    agency must accept again.
    """
    if not chain:
        raise Malformed("case has no membership statement")
    newest, since = chain[-1][1], _standing_since([membership for _, membership in chain])
    numbers = {digest: number for number, (digest, _) in enumerate(chain)}
    accepted: set[Member] = set()
    for issuer, members in acceptances:
        number = numbers.get(require_digest(members["membership"], "acceptance membership"), -1)
        if not isinstance(members["members"], list):
            raise Malformed("acceptance members: expected a list")
        for entry in map(Member.from_json, members["members"]):
            if entry.agency == issuer and entry in since and number >= since[entry]:
                accepted.add(entry)
    return frozenset(
        (entry.agency, entry.member) for entry in newest.members if entry.agency == newest.lead or entry in accepted
    )


def _standing_since(chain: Sequence[Membership]) -> dict[Member, int]:
    """Return for each entry of the last membership the number of the first from which it stands without a break."""
    since: dict[Member, int] = {}
    unbroken = set(chain[-1].members)
    for number in range(len(chain) - 1, -1, -1):
        unbroken &= set(chain[number].members)
        if not unbroken:
            break
        since.update(dict.fromkeys(unbroken, number))
    return since


def widens(new: Member, old: Member | None) -> bool:
    """Whether an entry gives a person something that the one before it (None: no entry) did not."""
    return old is None or not set(new.roles) <= set(old.roles) or new.until > old.until


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
        raise Malformed(f"consent given_by: expected one of: {term_list(sorted(GIVEN_BY))}")
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
    memberships: Sequence[tuple[str, Mapping[str, Any]]],
    acceptances: Iterable[tuple[str, Mapping[str, Any]]],
    consent: tuple[str, Mapping[str, Any]] | None,
) -> CaseState:
    """Build a case's state from (digest, members): of every membership, oldest first, and of its newest consent.

    ``acceptances`` as in ``accepted_members``. Raises ``Malformed``.
    """
    chain = [(digest, Membership.from_json(members)) for digest, members in memberships]
    accepted = accepted_members(chain, acceptances)
    digest, newest = chain[-1]
    return CaseState(
        membership=newest,
        membership_digest=digest,
        accepted=accepted,
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
    require_id(got["fragment"], "detail fragment")
    require_digest(got["sha256"], "detail sha256")
