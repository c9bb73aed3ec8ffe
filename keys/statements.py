"""Signed statements: what agencies and members say that the hub may read (docs/protocol.md section 3).

A statement is a compact JWS with a registered ``typ`` and exactly the members of its type. Only ``verify_statement``
makes a ``Statement``; what a statement *means* for a case is decided in ``policies`` and by its caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.jose import (
    MAX_STATEMENT_BYTES,
    PublicKey,
    SignatureRefused,
    Signer,
    UnverifiedJws,
    sign_compact,
    statement_digest,
)
from policies.model import AgencyId, Malformed, parse_time, render_time, require_agency, require_digest, require_id

COMMON_MEMBERS = frozenset({"id", "issuer", "issued_at", "checkpoint"})


class StatementType(StrEnum):
    """The registered types; the value is the JWS ``typ``."""

    AGENCY = "nrmhub-agency+jws"
    CERTIFICATE = "nrmhub-certificate+jws"
    REVOCATION = "nrmhub-revocation+jws"
    MEMBERSHIP = "nrmhub-membership+jws"
    ACCEPTANCE = "nrmhub-acceptance+jws"
    ENDORSEMENT = "nrmhub-endorsement+jws"
    DEPARTURE = "nrmhub-departure+jws"
    CONSENT = "nrmhub-consent+jws"
    CHANNEL = "nrmhub-channel+jws"
    DISCLOSURE = "nrmhub-disclosure+jws"
    VOID = "nrmhub-void+jws"
    REFUSAL = "nrmhub-refusal+jws"
    PULL = "nrmhub-pull+jws"
    RETRIEVAL = "nrmhub-retrieval+jws"
    MANIFEST = "nrmhub-manifest+jws"
    VOTE = "nrmhub-vote+jws"
    WITNESS_CHANGE = "nrmhub-witness-change+jws"
    CONSOLE_ACCESS = "nrmhub-console-access+jws"
    EXCLUSION = "nrmhub-exclusion+jws"
    EXCLUSION_CONFIRMATION = "nrmhub-exclusion-confirmation+jws"
    BREAK_GLASS = "nrmhub-break-glass+jws"
    BREAK_GLASS_REVIEW = "nrmhub-break-glass-review+jws"
    EMERGENCY = "nrmhub-emergency+jws"
    EMERGENCY_CONFIRMATION = "nrmhub-emergency-confirmation+jws"
    EMERGENCY_REVIEW = "nrmhub-emergency-review+jws"
    BUNDLE_APPROVAL = "nrmhub-bundle-approval+jws"
    RETENTION = "nrmhub-retention+jws"
    ERASURE = "nrmhub-erasure+jws"
    ERASURE_CONFIRMATION = "nrmhub-erasure-confirmation+jws"
    HOLD = "nrmhub-hold+jws"


MEMBERS: Mapping[StatementType, frozenset[str]] = {
    StatementType.AGENCY: frozenset({"agency", "kind", "name", "root"}),
    StatementType.CERTIFICATE: frozenset({"agency", "use", "key", "member", "roles", "not_before", "not_after"}),
    StatementType.REVOCATION: frozenset({"agency", "key", "valid_until", "reason"}),
    StatementType.MEMBERSHIP: frozenset(
        {"case", "sequence", "previous", "lead", "age_path", "age_source", "case_stage", "agencies", "members"}
    ),
    StatementType.ACCEPTANCE: frozenset({"case", "membership", "members"}),
    StatementType.ENDORSEMENT: frozenset({"case", "membership"}),
    StatementType.DEPARTURE: frozenset({"case", "membership", "members"}),
    StatementType.CONSENT: frozenset(
        {
            "case",
            "sequence",
            "previous",
            "subject",
            "state",
            "reason",
            "given_by",
            "giver",
            "competence",
            "assessed_by",
            "interpreter",
            "told",
            "wishes",
            "scope",
            "expires_at",
            "about",
            "effect",
            "detail",
        }
    ),
    StatementType.CHANNEL: frozenset(
        {"case", "channel", "recipient", "recipient_agency", "recipient_member", "use", "sha256"}
    ),
    StatementType.DISCLOSURE: frozenset(
        {
            "case",
            "channel",
            "recipient",
            "recipient_agency",
            "recipient_member",
            "sequence",
            "previous",
            "membership",
            "bundle",
            "bases",
            "decisions",
            "items",
            "not_given",
        }
    ),
    StatementType.VOID: frozenset({"case", "channel", "sequence", "previous", "refused", "code"}),
    StatementType.REFUSAL: frozenset({"case", "recipient_agency", "category", "request", "code", "reviewer", "detail"}),
    StatementType.PULL: frozenset({"case", "member", "purpose"}),
    StatementType.RETRIEVAL: frozenset({"case", "after"}),
    StatementType.MANIFEST: frozenset({"case", "member", "manifest", "membership", "question"}),
    StatementType.VOTE: frozenset({"case", "member", "manifest", "question", "outcome", "role"}),
    StatementType.WITNESS_CHANGE: frozenset({"previous", "witnesses"}),
    StatementType.CONSOLE_ACCESS: frozenset(
        {"agency", "member", "provider", "subject_sha256", "not_before", "not_after"}
    ),
    StatementType.EXCLUSION: frozenset(
        {"case", "member", "membership", "act", "exclusion", "excluded", "until", "detail"}
    ),
    StatementType.EXCLUSION_CONFIRMATION: frozenset({"case", "member", "membership", "proposal"}),
    StatementType.BREAK_GLASS: frozenset({"case", "member", "membership", "reason", "until", "reviewer"}),
    StatementType.BREAK_GLASS_REVIEW: frozenset({"case", "member", "membership", "break_glass", "outcome"}),
    StatementType.EMERGENCY: frozenset({"case", "member", "membership", "until", "releases", "detail"}),
    StatementType.EMERGENCY_CONFIRMATION: frozenset({"case", "member", "membership", "emergency"}),
    StatementType.EMERGENCY_REVIEW: frozenset({"case", "member", "membership", "emergency", "outcome"}),
    StatementType.BUNDLE_APPROVAL: frozenset({"member", "bundle", "version", "replaces"}),
    StatementType.RETENTION: frozenset({"case", "closed_at", "content_until", "record_until", "rule"}),
    StatementType.ERASURE: frozenset({"case", "scope", "rule", "reason", "fragments"}),
    StatementType.ERASURE_CONFIRMATION: frozenset({"case", "erasure"}),
    StatementType.HOLD: frozenset({"case", "hold", "act", "basis", "until", "decided_by"}),
}


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """The newest checkpoint a signer had verified: tree size and root hash (hex)."""

    size: int
    root: str

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {"size": self.size, "root": self.root}


@dataclass(frozen=True, slots=True)
class Statement:
    """A verified statement. ``members`` are those of its type; ``digest`` names it everywhere."""

    type: StatementType
    token: str
    digest: str
    kid: str
    id: str
    issuer: AgencyId
    issued_at: datetime
    checkpoint: CheckpointRef | None
    members: Mapping[str, Any]


def make_statement(
    kind: StatementType,
    members: Mapping[str, Any],
    *,
    issuer: str,
    signer: Signer,
    issued_at: datetime,
    statement_id: str,
    checkpoint: CheckpointRef | None,
) -> str:
    """Sign a statement and return the compact JWS.

    Raises ``Malformed`` where the members are not those of the type, or the statement is larger than a receiver takes.
    """
    if frozenset(members) != MEMBERS[kind]:
        raise Malformed(f"{kind.value}: expected exactly the members {', '.join(sorted(MEMBERS[kind]))}")
    payload = {
        **members,
        "id": require_id(statement_id, "id"),
        "issuer": require_agency(issuer, "issuer"),
        "issued_at": render_time(issued_at),
        "checkpoint": None if checkpoint is None else checkpoint.to_json(),
    }
    token = sign_compact(canonical_bytes(payload), kind.value, signer)
    if len(token) > MAX_STATEMENT_BYTES:
        raise Malformed(f"{kind.value}: statement has {len(token)} bytes, the limit is {MAX_STATEMENT_BYTES}; split it")
    return token


def verify_statement(token: object, kind: StatementType, key: PublicKey) -> Statement:
    """Verify signature, type and form of a statement as received.

    Raises ``SignatureRefused`` (signature, key, type) or ``Malformed`` (payload). Whether the key may speak for the
    issuer is not checked here but in ``keys.directory``.
    """
    payload_bytes = UnverifiedJws.parse(token).verify(key, kind.value)
    payload = _parse_payload(payload_bytes, kind)
    text = str(token)
    return Statement(
        type=kind,
        token=text,
        digest=statement_digest(text),
        kid=key.kid,
        id=require_id(payload["id"], "id"),
        issuer=require_agency(payload["issuer"], "issuer"),
        issued_at=parse_time(payload["issued_at"], "issued_at"),
        checkpoint=_parse_checkpoint(payload["checkpoint"]),
        members={name: payload[name] for name in MEMBERS[kind]},
    )


@dataclass(frozen=True, slots=True)
class UnverifiedStatement:
    """What a statement claims before its signature is checked: enough to find the key, for nothing else."""

    type: StatementType
    kid: str
    issuer: AgencyId
    members: Mapping[str, Any]


def peek(token: object) -> UnverifiedStatement:
    """Read issuer, key id and claims of a statement without verifying. Raises ``SignatureRefused`` or ``Malformed``."""
    jws = UnverifiedJws.parse(token)
    try:
        kind = StatementType(jws.typ)
    except ValueError as error:
        raise SignatureRefused("statement type is not one of this protocol") from error
    payload = _parse_payload(jws.payload, kind)
    return UnverifiedStatement(
        kind, jws.kid, require_agency(payload["issuer"], "issuer"), {name: payload[name] for name in MEMBERS[kind]}
    )


def _parse_payload(payload_bytes: bytes, kind: StatementType) -> dict[str, Any]:
    try:
        payload = parse_canonical(payload_bytes)
    except NotCanonical as error:
        raise Malformed(f"{kind.value}: payload is not canonical JSON") from error
    expected = COMMON_MEMBERS | MEMBERS[kind]
    if not isinstance(payload, dict) or frozenset(payload) != expected:
        raise Malformed(f"{kind.value}: expected exactly the members {', '.join(sorted(expected))}")
    return payload


def _parse_checkpoint(value: object) -> CheckpointRef | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"size", "root"}:
        raise Malformed("checkpoint: expected size and root")
    size = value["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Malformed("checkpoint size: expected a whole number from 0")
    return CheckpointRef(size, require_digest(value["root"], "checkpoint root"))
