"""Agencies and certificates as their roots sign them: form and signature of one statement, by itself.

The root certifies every other key of its agency (docs/protocol.md section 2). What several of them come to, in the
order of the log, is for ``keys.directory`` to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys.jose import KeyRefused, PublicKey, parse_public_jwk
from keys.refusal import KeysRefusal
from keys.statements import Statement, StatementType, peek, verify_statement
from keys.uses import ALGORITHMS, MEMBER_USES, KeyUse
from policies.model import AgencyId, Malformed, MemberId, parse_time, require_agency, require_id, require_term
from policies.vocabulary import AgencyKind, Role

MAX_NAME_CHARS = 120


class NotCertified(KeysRefusal):
    """No valid certificate says what would be needed. The text names agency, use and key id, no more."""


@dataclass(frozen=True, slots=True)
class AgencyRecord:
    """An enrolled agency: its root key speaks for it. ``log_index`` is where its entry stands in the log."""

    agency: AgencyId
    kind: AgencyKind
    name: str
    root: PublicKey
    statement: Statement
    log_index: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """The root's word that a key is the agency's, for one use, within its validity.

    ``log_index`` is where it stands in the log.
    """

    agency: AgencyId
    use: KeyUse
    key: PublicKey
    member: MemberId | None
    roles: tuple[Role, ...]
    not_before: datetime
    not_after: datetime
    statement: Statement
    log_index: int = 0

    def is_valid_at(self, at: datetime) -> bool:
        """Whether the time lies within the certificate's validity."""
        return self.not_before <= at < self.not_after


def verify_agency(token: object, log_index: int = 0) -> AgencyRecord:
    """Verify an agency statement: signed by the root it names. ``log_index`` is where it stands in the log.

    Raises ``SignatureRefused``, ``Malformed`` or ``KeyRefused``.
    Whether that root really is the agency's is for people to say: compare ``keys.fingerprints`` on a second channel.
    """
    claimed = peek(token)
    if claimed.type is not StatementType.AGENCY:
        raise Malformed("expected an agency statement")
    root = parse_public_jwk(claimed.members["root"])
    if root.alg != "Ed25519":
        raise KeyRefused("an agency root is an Ed25519 key")
    statement = verify_statement(token, StatementType.AGENCY, root)
    agency, name = require_agency(statement.members["agency"]), statement.members["name"]
    if statement.issuer != agency:
        raise Malformed("agency statement: issuer and agency differ")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise Malformed(f"agency name: expected 1 to {MAX_NAME_CHARS} printable characters")
    kind = require_term(AgencyKind, statement.members["kind"], "kind")
    return AgencyRecord(agency, kind, name, root, statement, log_index)


def verify_certificate(token: object, agency: AgencyRecord, log_index: int = 0) -> Certificate:
    """Verify a certificate against its agency's root. ``log_index`` is where it stands in the log.

    Raises ``SignatureRefused``, ``Malformed`` or ``KeyRefused``.
    """
    statement = verify_statement(token, StatementType.CERTIFICATE, agency.root)
    got = statement.members
    if statement.issuer != agency.agency or got["agency"] != agency.agency:
        raise Malformed("certificate: issuer and agency must be the root's own agency")
    use, key = require_term(KeyUse, got["use"], "use"), parse_public_jwk(got["key"])
    if key.alg not in ALGORITHMS[use]:
        raise KeyRefused(f"a key for {use.value} has one of the algorithms {sorted(ALGORITHMS[use])}, got {key.alg}")
    if key.kid == agency.root.kid:
        raise KeyRefused("the root key is for certificates only")
    certificate = Certificate(
        agency=agency.agency,
        use=use,
        key=key,
        member=None if got["member"] is None else MemberId(require_id(got["member"], "member")),
        roles=_parse_roles(got["roles"]),
        not_before=parse_time(got["not_before"], "not_before"),
        not_after=parse_time(got["not_after"], "not_after"),
        statement=statement,
        log_index=log_index,
    )
    if (use in MEMBER_USES) != (certificate.member is not None) or bool(certificate.roles) != (use in MEMBER_USES):
        raise Malformed("certificate: a member's key names the member and at least one role, an agency's key neither")
    if certificate.not_before >= certificate.not_after:
        raise Malformed("certificate: validity ends before it begins")
    return certificate


def _parse_roles(value: Any) -> tuple[Role, ...]:
    if not isinstance(value, list):
        raise Malformed("certificate roles: expected a list")
    roles = tuple(require_term(Role, item, "role") for item in value)
    if list(roles) != sorted(set(roles)) or Role.INTAKE in roles:
        raise Malformed("certificate roles: expected each once, sorted, and not intake")
    return roles
