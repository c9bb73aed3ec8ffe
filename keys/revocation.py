"""Revocations: the word that a key counts no longer, from a position of the log onwards.

docs/protocol.md section 2; attacks 22, 25, 32. A revocation only takes away, so it needs nothing but its signature: no
quorum, no witness, no living recipient. What the key signed before that position stays good: old fragments verify.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from keys.jose import PublicKey, is_kid
from keys.statements import Statement, StatementType, verify_statement
from policies.model import AgencyId, Malformed, require_agency, require_number, require_term


class RevocationReason(StrEnum):
    """Why a key counts no longer. Only a superseded key's holder may still read what was granted to it."""

    SUPERSEDED = "superseded"
    LOST = "lost"
    COMPROMISED = "compromised"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One verified revocation. ``log_index`` is where it stands in the log.

    ``valid_until`` is the first position at which the key counts no more: never later than ``log_index``.
    ``refused_from`` is the first position at which the hub took nothing more from it.
    """

    agency: AgencyId
    kid: str
    reason: RevocationReason
    valid_until: int
    issuer: AgencyId
    log_index: int
    refused_from: int
    statement: Statement

    @property
    def may_still_read(self) -> bool:
        """Whether what was granted to the key before is still given to its holder: it was replaced, not lost."""
        return self.reason is RevocationReason.SUPERSEDED


_ENDS = {
    RevocationReason.SUPERSEDED: 0,
    RevocationReason.LOST: 1,
    RevocationReason.COMPROMISED: 1,
    RevocationReason.LEFT: 2,
}
"""What a reason ends: nothing but new grants; reading too; and being the one who had it (attack 86)."""


def strictest(one: Revocation, other: Revocation) -> Revocation:
    """Return what two revocations come to: the earlier end, and the reason that ends most (``_ENDS``)."""
    named = other if _ENDS[other.reason] > _ENDS[one.reason] else one
    return replace(
        named,
        valid_until=min(one.valid_until, other.valid_until),
        refused_from=min(one.refused_from, other.refused_from),
    )


def verify_revocation(token: object, key: PublicKey, log_index: int) -> Revocation:
    """Verify signature and form of a revocation that stands, or is about to stand, at a log position.

    Whether ``key`` may revoke is for ``Directory.verify_revocation``. Raises ``SignatureRefused`` or ``Malformed``.
    """
    statement = verify_statement(token, StatementType.REVOCATION, key)
    got = statement.members
    until = log_index if got["valid_until"] is None else require_number(got["valid_until"], "valid_until")
    if until > log_index:
        raise Malformed(f"valid_until: expected a log position up to {log_index}, got {until}")
    if not is_kid(got["key"]):
        raise Malformed("key: expected the SHA-256 thumbprint of the revoked key")
    reason = require_term(RevocationReason, got["reason"], "reason")
    if reason is RevocationReason.SUPERSEDED and until != log_index:
        raise Malformed("valid_until: a superseded key counts up to its revocation; expected null")
    return Revocation(
        agency=require_agency(got["agency"]),
        kid=got["key"],
        reason=reason,
        valid_until=until,
        issuer=statement.issuer,
        log_index=log_index,
        refused_from=log_index,
        statement=statement,
    )
