"""Who may speak with which key: agencies, their certificates, and the rules for using them.

The root certifies every other key of its agency. A directory is built only from verified statements; whether a
certificate stands in a quorum checkpoint is the caller's proof to bring (``index`` is where). DESIGN section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from keys.jose import KeyRefused, PublicKey, SignatureRefused, parse_public_jwk
from keys.refusal import KeysRefusal
from keys.statements import Statement, StatementType, peek, verify_statement
from policies.model import AgencyId, Malformed, MemberId, parse_time, require_agency, require_id, require_term
from policies.vocabulary import AgencyKind, Role

MAX_NAME_CHARS = 120


class KeyUse(StrEnum):
    """What a certified key is for (docs/protocol.md section 2)."""

    SIGNING = "signing"
    INTAKE = "intake"
    ARCHIVE = "archive"
    WITNESS = "witness"
    WITNESS_PQ = "witness-pq"
    MEMBER_SIGNING = "member-signing"
    MEMBER_HPKE = "member-hpke"


ALGORITHMS: Mapping[KeyUse, frozenset[str]] = {
    KeyUse.SIGNING: frozenset({"Ed25519", "ES256", "ES384"}),
    KeyUse.INTAKE: frozenset({"HPKE-9-KE"}),
    KeyUse.ARCHIVE: frozenset({"HPKE-9-KE"}),
    KeyUse.WITNESS: frozenset({"Ed25519"}),
    KeyUse.WITNESS_PQ: frozenset({"ML-DSA-44"}),
    KeyUse.MEMBER_SIGNING: frozenset({"Ed25519"}),
    KeyUse.MEMBER_HPKE: frozenset({"HPKE-9-KE"}),
}
MEMBER_USES = frozenset({KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE})
AGENCY_USES = frozenset(KeyUse) - MEMBER_USES


class NotCertified(KeysRefusal):
    """No valid certificate says what would be needed. The text names agency, use and key id, no more."""


@dataclass(frozen=True, slots=True)
class AgencyRecord:
    """An enrolled agency: its root key speaks for it."""

    agency: AgencyId
    kind: AgencyKind
    name: str
    root: PublicKey
    statement: Statement


@dataclass(frozen=True, slots=True)
class Certificate:
    """The root's word that a key is the agency's, for one use, within its validity."""

    agency: AgencyId
    use: KeyUse
    key: PublicKey
    member: MemberId | None
    roles: tuple[Role, ...]
    not_before: datetime
    not_after: datetime
    statement: Statement

    def is_valid_at(self, at: datetime) -> bool:
        """Whether the time lies within the certificate's validity."""
        return self.not_before <= at < self.not_after


def verify_agency(token: object) -> AgencyRecord:
    """Verify an agency statement: signed by the root it names.

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
    return AgencyRecord(agency, require_term(AgencyKind, statement.members["kind"], "kind"), name, root, statement)


def verify_certificate(token: object, agency: AgencyRecord) -> Certificate:
    """Verify a certificate against its agency's root. Raises ``SignatureRefused``, ``Malformed`` or ``KeyRefused``."""
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


class Directory:
    """Verified agencies and certificates. Looking up never falls back: no certificate, no answer.

    A key is one agency's, or one person's, for good: whoever certified it first in the log. What certifies it later for
    somebody else is ``ignored``, so that nobody can take over another's key id, or make it ambiguous whose it is.
    """

    def __init__(self, agencies: Iterable[AgencyRecord], certificates: Iterable[Certificate]) -> None:
        """``certificates`` come in the order of the log.

        Raises ``NotCertified``: an agency with two roots, or a certificate not signed by its agency's root here.
        """
        self._agencies: dict[AgencyId, AgencyRecord] = {}
        for record in agencies:
            if self._agencies.setdefault(record.agency, record).root.kid != record.root.kid:
                raise NotCertified(f"agency {record.agency} is listed with two root keys")
        self._by_kid: dict[str, list[Certificate]] = {}
        ignored: list[Certificate] = []
        for certificate in certificates:
            if certificate.statement.kid != self.get_agency(certificate.agency).root.kid:
                raise NotCertified(f"a certificate of {certificate.agency} is not signed by the root key listed here")
            if self.holder_of(certificate.key.kid) in (None, (certificate.agency, certificate.member)):
                self._by_kid.setdefault(certificate.key.kid, []).append(certificate)
            else:
                ignored.append(certificate)
        self._ignored = tuple(ignored)

    @property
    def agencies(self) -> Mapping[AgencyId, AgencyRecord]:
        """Every enrolled agency by id."""
        return self._agencies

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Every certificate."""
        return tuple(item for listed in self._by_kid.values() for item in listed)

    @property
    def ignored(self) -> tuple[Certificate, ...]:
        """Certificates of keys that were somebody else's already, in the order of the log: an honest hub has none."""
        return self._ignored

    def holder_of(self, kid: str) -> tuple[AgencyId, MemberId | None] | None:
        """Return whose key this is: the agency, and the person or None for the agency's own. None: nobody's yet."""
        listed = self._by_kid.get(kid)
        return None if listed is None else (listed[0].agency, listed[0].member)

    def get_agency(self, agency: str) -> AgencyRecord:
        """Return an enrolled agency. Raises ``NotCertified``."""
        record = self._agencies.get(AgencyId(agency))
        if record is None:
            raise NotCertified(f"agency {agency} is not enrolled")
        return record

    def require_key(
        self, kid: str, use: KeyUse, agency: str, at: datetime, *, member: str | None = None
    ) -> Certificate:
        """Return the certificate that lets this key act for this agency and use then. Raises ``NotCertified``."""
        for certificate in self._by_kid.get(kid, ()):
            if (
                certificate.use is use
                and certificate.agency == agency
                and certificate.member == member
                and certificate.is_valid_at(at)
            ):
                return certificate
        raise NotCertified(f"key {kid[:12]} is not certified by {agency} for {use.value} at {at:%Y-%m-%d %H:%M} UTC")

    def newest_key(self, use: KeyUse, agency: str, at: datetime, *, member: str | None = None) -> Certificate:
        """Return the newest valid certificate for a use: the key to wrap to. Raises ``NotCertified``."""
        fitting = [
            certificate
            for certificate in self.certificates
            if certificate.use is use
            and certificate.agency == agency
            and certificate.member == member
            and certificate.is_valid_at(at)
        ]
        if not fitting:
            raise NotCertified(f"no valid key of {agency} for {use.value}")
        return max(fitting, key=lambda item: (item.not_before, item.statement.digest))

    def verify(self, token: object, kind: StatementType, use: KeyUse, at: datetime) -> Statement:
        """Verify a statement by the key its issuer's agency certified for that use at that time.

        Raises ``NotCertified``, ``SignatureRefused`` or ``Malformed``. For a member's statement the certificate must
        name the member the statement names.
        """
        claimed = peek(token)
        if claimed.type is not kind:
            raise SignatureRefused(f"statement is not of the expected type: expected {kind.value}")
        member = claimed.members.get("member") if use in MEMBER_USES else None
        certificate = self.require_key(claimed.kid, use, claimed.issuer, at, member=member)
        return verify_statement(token, kind, certificate.key)
