"""Where consent stands in a case, from its statements. Pure, and the same for hub and adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.model import (
    Consent,
    ConsentScope,
    Malformed,
    parse_time,
    require_digest,
    require_id,
    require_members,
    require_term,
    term_list,
)
from policies.vocabulary import ConsentReason, ConsentState, WishesState

GIVEN_BY = frozenset({"child", "adult", "parental_responsibility", "court", "nobody"})


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


def require_detail(value: object) -> None:
    """Raise ``Malformed`` unless a statement's ``detail`` is null or names a sealed fragment by id and digest."""
    if value is None:
        return
    got = require_members(value, ("fragment", "sha256"), "detail")
    require_id(got["fragment"], "detail fragment")
    require_digest(got["sha256"], "detail sha256")
