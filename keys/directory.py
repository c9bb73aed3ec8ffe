"""Who may speak with which key: what agencies, certificates and revocations come to in the order of the log.

A directory is built only from verified statements (``keys.certificates``); whether a certificate stands in a quorum
checkpoint is the caller's proof to bring (``log_index`` is where). DESIGN section 4.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from datetime import datetime

from keys.certificates import AgencyRecord, Certificate, NotCertified
from keys.jose import PublicKey, SignatureRefused, is_kid, statement_digest
from keys.revocation import Revocation, RevocationReason, strictest, verify_revocation
from keys.statements import Statement, StatementType, peek, verify_statement
from keys.uses import MEMBER_USES, KeyUse
from policies.model import AgencyId, Malformed, MemberId, require_agency
from policies.protocol import PROTOCOL_VERSION, require_floor, version_of


class Directory:
    """Verified agencies, certificates and revocations. Looking up never falls back: no certificate, no answer.

    A key is one agency's, or one person's, for good: whoever certified it first in the log. What certifies it later for
    somebody else is ``ignored``, so that nobody can take over another's key id, or make it ambiguous whose it is; so is
    what certifies a root, and what a root signed after it was revoked. Entries are added in the order of the log; a
    reader takes a ``copy``.
    """

    def __init__(
        self,
        agencies: Iterable[AgencyRecord],
        certificates: Iterable[Certificate],
        *,
        heard: Collection[str] | None = None,
        floor: int = PROTOCOL_VERSION,
    ) -> None:
        """``certificates`` come in the order of the log. ``floor``: the lowest version of the protocol that counts.

        ``heard``: the agencies whose word against another's root counts here; None: everybody's who is enrolled.

        Raises ``NotCertified``: an agency with two roots, or a certificate not signed by its agency's root here.
        """
        self._agencies: dict[AgencyId, AgencyRecord] = {}
        self._roots: dict[str, AgencyRecord] = {}
        self._enrolled: frozenset[str] = frozenset()
        self.floor = floor
        self._heard = None if heard is None else frozenset(heard)
        self._by_kid: dict[str, tuple[Certificate, ...]] = {}
        self._revoked: dict[str, Revocation] = {}
        self._voices: dict[str, tuple[Revocation, ...]] = {}
        self._ignored: tuple[Certificate, ...] = ()
        self._positions: Mapping[str, int] = {}
        for record in agencies:
            self.add_agency(record)
        for certificate in certificates:
            self.add_certificate(certificate)

    def copy(self) -> Directory:
        """Return a directory that can be added to while others read this one."""
        other = copy(self)
        for name in ("_agencies", "_roots", "_by_kid", "_revoked", "_voices"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    def limited_to(self, agencies: Collection[str]) -> Directory:
        """Return this directory for reading, with the keys of these agencies only.

        What ended a root, and how many there are to say it, stays.
        """
        other = self.copy()
        other._agencies = {name: record for name, record in self._agencies.items() if name in agencies}
        other._roots = {kid: record for kid, record in self._roots.items() if record.agency in agencies}
        other._by_kid = {kid: listed for kid, listed in self._by_kid.items() if listed[0].agency in agencies}
        return other

    def knowing(self, positions: Mapping[str, int]) -> Directory:
        """Return this directory for reading, with where statements stand in the log, by digest: proven by the caller.

        ``verify`` then takes a statement's position from there.
        """
        other = copy(self)
        other._positions = {**self._positions, **positions}
        return other

    def knowing_one(self, token: object, log_index: int) -> Directory:
        """``knowing`` of one statement; of what cannot be a statement nothing is known."""
        if not isinstance(token, str) or not token.isascii():
            return self
        return self.knowing({statement_digest(token): log_index})

    def position_of(self, token: object) -> int | None:
        """Return where a statement stands in the log, None where nobody has proven that it stands there."""
        return self._positions.get(statement_digest(token)) if isinstance(token, str) and token.isascii() else None

    def add_agency(self, record: AgencyRecord) -> None:
        """Add an agency, or the new root of one whose old root was revoked. Raises ``NotCertified`` for a second root.

        An agency that is known by this very root changes nothing.
        """
        known = self._agencies.get(record.agency)
        if known is not None and known.root.kid == record.root.kid:
            return
        if known is not None and known.root.kid not in self._revoked:
            raise NotCertified(f"agency {record.agency} is listed with two root keys")
        if record.root.kid in self._roots or record.root.kid in self._by_kid:
            raise NotCertified(f"agency {record.agency} is listed with a root key that was used before")
        if known is not None and known.kind is not record.kind:
            raise NotCertified(f"agency {record.agency} is listed as {record.kind.value}, before as {known.kind.value}")
        self._agencies[record.agency] = self._roots[record.root.kid] = record
        self._enrolled |= {record.agency}

    def add_certificate(self, certificate: Certificate) -> None:
        """Add a certificate. Raises ``NotCertified`` where its agency's root here did not sign it."""
        root = self._roots.get(certificate.statement.kid)
        if root is None or root.agency != certificate.agency:
            self.get_agency(certificate.agency)
            raise NotCertified(f"a certificate of {certificate.agency} is not signed by the root key listed here")
        is_late = root.root.kid in self._revoked and certificate.log_index >= self._revoked[root.root.kid].valid_until
        kid = certificate.key.kid
        is_root = kid in self._roots
        if is_late or is_root or self.holder_of(kid) not in (None, (certificate.agency, certificate.member)):
            self._ignored = (*self._ignored, certificate)
        else:
            self._by_kid[kid] = (*self._by_kid.get(kid, ()), certificate)

    # --- revocation ---

    def verify_revocation(self, token: object, log_index: int) -> Revocation:
        """Verify a revocation that stands, or is about to stand, at a log position. Raises ``NotCertified``,
        ``SignatureRefused`` or ``Malformed``.

        A key is revoked by its agency's root, by its agency's signing key (its own included), or, a person's, by that
        person; a root by itself or by a quorum of the other agencies, each with its signing key. Only the root dates
        the end of a key that signs back (a person their own), and of itself: a thief, or two agencies, could otherwise
        undo all that was ever said.
        """
        claimed = peek(token)
        if claimed.type is not StatementType.REVOCATION:
            raise SignatureRefused(f"statement is not of the expected type: expected {StatementType.REVOCATION.value}")
        agency, kid = require_agency(claimed.members["agency"]), claimed.members["key"]
        if not is_kid(kid):
            raise Malformed("key: expected the SHA-256 thumbprint of the revoked key")
        revocation = verify_revocation(token, self._revoker(claimed.kid, claimed.issuer, agency, kid), log_index)
        root = self._roots.get(kid)
        holder = (root.agency, None) if root is not None else self.holder_of(kid)
        if holder is None or holder[0] != agency:
            raise NotCertified(f"key {kid[:12]} is not a key of {agency}")
        if root is not None and revocation.reason is RevocationReason.SUPERSEDED:
            raise Malformed("reason: a root key is never superseded; its agency enrols again")
        if root is not None and claimed.issuer != agency and revocation.valid_until < log_index:
            raise NotCertified("valid_until: other agencies end a root from their word on; expected null")
        if revocation.valid_until < log_index and not self._may_date_back(claimed.kid, kid):
            raise NotCertified(
                "valid_until: only its agency's root dates the end of a key that signs back, or a person that of their "
                "own; end the key now (null), and let the root name the earlier position"
            )
        return revocation

    def _may_date_back(self, signer: str, kid: str) -> bool:
        signs = any(item.use in (KeyUse.SIGNING, KeyUse.MEMBER_SIGNING) for item in self._by_kid.get(kid, ()))
        is_persons_own = self.holder_of(signer) == self.holder_of(kid) and self.holder_of(kid) is not None
        is_person = any(item.member is not None for item in self._by_kid.get(signer, ()))
        return not signs or signer in self._roots or (is_person and is_persons_own)

    def _revoker(self, signer: str, issuer: AgencyId, agency: AgencyId, kid: str) -> PublicKey:
        """Return the signer's key if it may revoke this key. Raises ``NotCertified``."""
        root = self._roots.get(signer)
        if root is not None and root.agency == issuer == agency and signer not in self._revoked:
            return root.root
        for certificate in self._by_kid.get(signer, ()):
            if certificate.agency != issuer or self.revocation_of(certificate) is not None:
                continue
            is_own = issuer == agency and kid not in self._roots
            if certificate.use is KeyUse.SIGNING and (is_own or (issuer != agency and kid in self._roots)):
                return certificate.key
            if certificate.use is KeyUse.MEMBER_SIGNING and self.holder_of(kid) == (agency, certificate.member):
                return certificate.key
        raise NotCertified(f"key {signer[:12]} of {issuer} may not revoke key {kid[:12]} of {agency}")

    def add_revocation(self, revocation: Revocation) -> None:
        """Add a verified revocation. Several of one key come to the strictest of them (``strictest``).

        Another agency's word against a root counts once enough of those who are heard agree (``root_quorum``).
        """
        kid = revocation.kid
        if revocation.issuer != revocation.agency:
            if self._heard is not None and revocation.issuer not in self._heard:
                return
            others = tuple(item for item in self._voices.get(kid, ()) if item.issuer != revocation.issuer)
            self._voices[kid] = (*others, revocation)
            counted = [item for item in self._voices[kid] if self.counts_at(item.statement.kid, item.log_index)]
            if len(counted) < self.root_quorum(revocation.agency):
                return
        known = self._revoked.get(kid)
        self._revoked[kid] = revocation if known is None else strictest(known, revocation)

    def counts_at(self, kid: str, log_index: int) -> bool:
        """Whether a key counted at a log position, by what is known of its end now. Its dates are not looked at."""
        ends = [self.revocation_of(item) for item in self._by_kid.get(kid, ())]
        return any(ended is None or log_index < ended.valid_until for ended in ends)

    def root_quorum(self, agency: str) -> int:
        """Return how many other agencies revoke an agency's root: more than half of them, and at least two.

        Everybody enrolled is one of them, heard or not: who hears fewer holds no root as ended that the hub does not.
        """
        return max(2, len(self._enrolled - {agency}) // 2 + 1)

    def voices_against(self, root: str) -> tuple[Revocation, ...]:
        """Return what other agencies that are heard have said against a root key, by its kid, enough of them or not."""
        return self._voices.get(root, ())

    def revocation_of(self, certificate: Certificate) -> Revocation | None:
        """Return what ended a certificate's key: its own revocation, its root's, or what both come to; None: nothing.

        Whatever a root certified ends with it.
        """
        own, root = self._revoked.get(certificate.key.kid), self._revoked.get(certificate.statement.kid)
        return strictest(own, root) if own is not None and root is not None else own or root

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """Every revocation that counts."""
        return tuple(self._revoked.values())

    # --- looking up ---

    @property
    def agencies(self) -> Mapping[AgencyId, AgencyRecord]:
        """Every enrolled agency by id."""
        return self._agencies

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Every certificate, revoked ones included."""
        return tuple(item for listed in self._by_kid.values() for item in listed)

    @property
    def ignored(self) -> tuple[Certificate, ...]:
        """Certificates of roots, of keys that were somebody else's already, or by a revoked root, as they came."""
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

    def find_root(self, kid: str) -> AgencyRecord | None:
        """Return the agency that this root key is, or was, the root of; revoked ones included."""
        return self._roots.get(kid)

    def roots_of(self, agency: str) -> tuple[AgencyRecord, ...]:
        """Return every root an agency has enrolled with, oldest first: its present one is the last."""
        return tuple(record for record in self._roots.values() if record.agency == agency)

    def require_key(
        self,
        kid: str,
        use: KeyUse,
        agency: str,
        at: datetime,
        *,
        member: str | None = None,
        log_index: int | None = None,
        as_taken: bool = False,
    ) -> Certificate:
        """Return the certificate that lets this key act for this agency and use then. Raises ``NotCertified``.

        ``log_index`` is where the act stands in the log: a key that was revoked after it acted for it validly. None: it
        stands nowhere yet, and a revoked key does not act. ``as_taken``: whether the hub could take it when it came.
        """
        ended: Revocation | None = None
        for certificate in self._by_kid.get(kid, ()):
            if (
                certificate.use is use
                and certificate.agency == agency
                and certificate.member == member
                and certificate.is_valid_at(at)
            ):
                ended = self.revocation_of(certificate)
                if ended is None:
                    return certificate
                if log_index is not None and log_index < (ended.refused_from if as_taken else ended.valid_until):
                    return certificate
        if ended is not None:
            raise NotCertified(
                f"key {kid[:12]} of {agency} for {use.value} was revoked ({ended.reason.value}) and counts only below "
                f"log position {ended.valid_until}"
            )
        raise NotCertified(f"key {kid[:12]} is not certified by {agency} for {use.value} at {at:%Y-%m-%d %H:%M} UTC")

    def newest_key(self, use: KeyUse, agency: str, at: datetime, *, member: str | None = None) -> Certificate:
        """Return the newest valid certificate for a use: the key to wrap to. Raises ``NotCertified``."""
        fitting = [
            item
            for item in self._certified(use, agency, member)
            if item.is_valid_at(at) and not self.revocation_of(item)
        ]
        if not fitting:
            raise NotCertified(f"no valid key of {agency} for {use.value}")
        return max(fitting, key=lambda item: (item.log_index, item.not_before, item.statement.digest))

    def readable_keys(self, use: KeyUse, agency: str, at: datetime, *, member: str | None = None) -> frozenset[str]:
        """Return the kids of every key whose holder may read what was granted to it: valid ones, and superseded ones.

        Empty where no key is valid now: who holds only superseded keys is nobody at present. Who left and came back
        reads nothing with what they had before (``left_at``).
        """
        listed = list(self._certified(use, agency, member))
        if not any(item.is_valid_at(at) and self.revocation_of(item) is None for item in listed):
            return frozenset()
        left = self.left_at(agency, member)
        return frozenset(
            item.key.kid
            for item in listed
            if (ended := self.revocation_of(item)) is None or (ended.may_still_read and ended.log_index > left)
        )

    def left_at(self, agency: str, member: str | None) -> int:
        """Return the log position at which somebody last left: a key of theirs was revoked for it. -1: never.

        Whoever has a key that was first certified after it is somebody new.
        """
        ended = (item for item in self._revoked.values() if item.reason is RevocationReason.LEFT)
        return max((item.log_index for item in ended if self.holder_of(item.kid) == (agency, member)), default=-1)

    def _certified(self, use: KeyUse, agency: str, member: str | None) -> Iterable[Certificate]:
        return (
            item
            for listed in self._by_kid.values()
            for item in listed
            if item.use is use and item.agency == agency and item.member == member
        )

    def verify(
        self,
        token: object,
        kind: StatementType,
        use: KeyUse,
        at: datetime,
        *,
        log_index: int | None = None,
        as_taken: bool = False,
    ) -> Statement:
        """Verify a statement by the key its issuer's agency certified for that use at that time and log position.

        Raises ``NotCertified``, ``SignatureRefused`` or ``Malformed``. For a member's statement the certificate must
        name the member the statement names. ``log_index`` and ``as_taken`` as in ``require_key``; without a
        ``log_index``, what ``knowing`` said.
        """
        require_floor(version_of(kind.value), self.floor, "statement")
        claimed = peek(token)
        if claimed.type is not kind:
            raise SignatureRefused(f"statement is not of the expected type: expected {kind.value}")
        member = claimed.members.get("member") if use in MEMBER_USES else None
        known = self.position_of(token) if log_index is None else log_index
        certificate = self.require_key(
            claimed.kid, use, claimed.issuer, at, member=member, log_index=known, as_taken=as_taken
        )
        return verify_statement(token, kind, certificate.key)
