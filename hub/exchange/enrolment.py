"""Enrol an agency and certify its keys. The operator enrols; an enrolled agency adds its own certificates.

DESIGN section 4.1: the request's fingerprint is read out by people, and two officers sign what they heard; a wrong one
stops the enrolment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.exchange.acts import Receipt, record_public
from hub.exchange.standing import DirectoryCache
from hub.ledger import ledger
from hub.ledger.entries import EntryType
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.tables import AgencyRow, CertificateRow, RenewalRow
from keys.ceremony import CeremonyRefused, EnrolmentClaim, OfficerSet, request_digest, verify_officers
from keys.certificates import AgencyRecord, Certificate, NotCertified, verify_agency, verify_certificate
from keys.directory import Directory
from keys.fingerprints import ReadOutRefused, is_fingerprint
from keys.jose import KeyRefused, SignatureRefused
from keys.transparency import WitnessSet
from keys.uses import AGENCY_USES, KeyUse
from policies.model import Malformed, require_members, term_list

MAX_CERTIFICATES_PER_REQUEST = 50
MAX_CERTIFICATES_PER_AGENCY = 5_000
MAX_REQUEST_AGE = timedelta(days=30)
MAX_SIGNATURE_AGE = timedelta(days=7)
MAX_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """A request of an agency, verified in itself: signed by the root it names, a certificate for each agency use."""

    record: AgencyRecord
    certificates: tuple[Certificate, ...]
    digest: str

    @classmethod
    def verify(cls, request: object, at: datetime) -> EnrolmentRequest:
        """Verify ``{"agency": jws, "certificates": [jws…]}``. Raises ``Refused``.

        Whether it is the agency's is for people: they compare its fingerprint on a second channel.
        """
        try:
            got = require_members(request, ("agency", "certificates"), "enrolment request")
            record = verify_agency(got["agency"])
            if not isinstance(got["certificates"], list) or len(got["certificates"]) > MAX_CERTIFICATES_PER_REQUEST:
                raise Malformed(f"certificates: expected a list of at most {MAX_CERTIFICATES_PER_REQUEST}")
            certificates = tuple(verify_certificate(token, record) for token in got["certificates"])
        except (Malformed, SignatureRefused, KeyRefused) as error:
            raise Refused(422, "enrolment_refused", str(error)) from error
        missing = AGENCY_USES - {certificate.use for certificate in certificates}
        if missing:
            raise Refused(422, "enrolment_refused", f"certificates are missing for: {term_list(sorted(missing))}")
        made = record.statement.issued_at
        if not at - MAX_REQUEST_AGE <= made <= at + MAX_CLOCK_SKEW:
            raise Refused(
                422,
                "enrolment_refused",
                f"the request was made on {made:%Y-%m-%d}, expected one of the last {MAX_REQUEST_AGE.days} days: let "
                "the agency make a new one",
            )
        return cls(record, certificates, request_digest(got))


def require_fingerprint(request: EnrolmentRequest, read_out: str) -> None:
    """Raise ``Refused`` unless what was read out on a second channel is this request's fingerprint."""
    try:
        if is_fingerprint(read_out, request.digest):
            return
    except ReadOutRefused as error:
        raise Refused(403, "fingerprint", f"{error}; the enrolment is stopped") from error
    raise Refused(403, "fingerprint", "what was read out is not this request's fingerprint; the enrolment is stopped")


def require_officers(session: Session) -> OfficerSet:
    """Return who may enrol agencies. Raises ``Refused`` where nobody is recorded yet."""
    officers = current_officers(session)
    if officers is None:
        raise Refused(409, "no_officers", "record two officers first: nrm-hub officers add, then officers sign")
    return officers


def current_officers(session: Session) -> OfficerSet | None:
    """Return the newest set of officers in the log, or None."""
    body = ledger_rows.find_newest_body(session, EntryType.OFFICERS.value)
    return None if body is None else OfficerSet.from_json(json.loads(body)["officers"])


def enrol_agency(
    session: Session, origin: str, request: EnrolmentRequest, signatures: Sequence[str], at: datetime
) -> AgencyRecord:
    """Enrol an agency whose request two officers have signed, each within the last week. Raises ``Refused``.

    An agency whose root was revoked enrols again like this, with another root (``require_enrollable``).
    """
    record = request.record
    try:
        claim = EnrolmentClaim.of(origin, record, request.digest)
        signed = claim.verify(list(signatures), require_officers(session))
    except CeremonyRefused as error:
        raise Refused(403, "officers", str(error)) from error
    if any(not at - MAX_SIGNATURE_AGE <= item.signed_at <= at + MAX_CLOCK_SKEW for item in signed):
        raise Refused(
            403,
            "officers",
            f"a signature is older than {MAX_SIGNATURE_AGE.days} days: hear the words again and sign again",
        )
    is_renewal = require_enrollable(session, record)
    receipt = record_public(
        session,
        "agency",
        {"statement": record.statement.token, "request": request.digest, "officers": list(signatures)},
        at,
    )
    rows.add(session, _row(record, receipt.index, is_renewal=is_renewal))
    _require_own_keys(DirectoryCache().current(session), request.certificates)
    for certificate in request.certificates:
        _add_certificate(session, certificate, at)
    return record


def require_enrollable(session: Session, record: AgencyRecord) -> bool:
    """Return whether this enrols an agency again, with a new root after its old one was revoked. Raises ``Refused``.

    A root that is or was anybody's, or a key that is certified, is nobody's new root; an agency keeps its kind.
    """
    directory = DirectoryCache().current(session)
    known = directory.agencies.get(record.agency)
    if known is not None and known.root.kid == record.root.kid:
        raise Refused(409, "already_enrolled", f"agency {record.agency} is enrolled already")
    try:
        directory.copy().add_agency(record)
    except NotCertified as error:
        detail = f"{error}; an agency enrols again with a new root, once its old root is revoked"
        raise Refused(409, "already_enrolled", detail) from error
    return known is not None


def _row(record: AgencyRecord, log_index: int, *, is_renewal: bool) -> AgencyRow | RenewalRow:
    token = record.statement.token
    if is_renewal:
        return RenewalRow(digest=record.statement.digest, agency=record.agency, statement=token, log_index=log_index)
    return AgencyRow(agency=record.agency, kind=record.kind.value, statement=token, log_index=log_index)


def record_officers(
    session: Session, origin: str, wanted: OfficerSet, signatures: Sequence[str], at: datetime
) -> OfficerSet:
    """Record who may enrol agencies from now on, once everybody needed has signed. Raises ``Refused``."""
    current = current_officers(session)
    members = {
        "officers": wanted.to_json(),
        "previous": None if current is None else current.digest,
        "signatures": list(signatures),
    }
    try:
        verify_officers(members, origin, current)
    except CeremonyRefused as error:
        raise Refused(403, "officers", str(error)) from error
    record_public(session, EntryType.OFFICERS.value, members, at)
    return wanted


def add_certificates(
    session: Session, directory: Directory, agency: AgencyRecord, tokens: Sequence[object], at: datetime
) -> list[tuple[Certificate, Receipt | int]]:
    """Record further certificates of an enrolled agency; one known already gives its position. Raises ``Refused``.

    ``directory`` is what is recorded so far.
    """
    if not 1 <= len(tokens) <= MAX_CERTIFICATES_PER_REQUEST:
        raise Refused(413, "too_many", f"expected 1 to {MAX_CERTIFICATES_PER_REQUEST} certificates")
    if rows.count_certificates(session, agency.agency) + len(tokens) > MAX_CERTIFICATES_PER_AGENCY:
        raise Refused(413, "too_many", f"an agency has at most {MAX_CERTIFICATES_PER_AGENCY} certificates")
    if any(item.kid == agency.root.kid for item in directory.revocations):
        raise Refused(422, "certificate_refused", f"the root of {agency.agency} is revoked; it enrols again first")
    try:
        certificates = [verify_certificate(token, agency) for token in tokens]
    except (Malformed, SignatureRefused, KeyRefused) as error:
        raise Refused(422, "certificate_refused", str(error)) from error
    _require_own_keys(directory, certificates)
    return [(certificate, _add_certificate(session, certificate, at)) for certificate in certificates]


def _require_own_keys(directory: Directory, certificates: Sequence[Certificate]) -> None:
    """Raise ``Refused`` where a key is a root, or certified already for another agency or person, or here for two."""
    here: dict[str, tuple[str, str | None]] = {}
    for certificate in certificates:
        kid, holder = certificate.key.kid, (certificate.agency, certificate.member)
        if directory.find_root(kid) is not None:
            raise Refused(409, "key_taken", f"key {kid[:12]} is the root of an agency; a root is for certificates only")
        if directory.holder_of(kid) not in (None, holder) or here.setdefault(kid, holder) != holder:
            raise Refused(409, "key_taken", f"key {kid[:12]} is certified already for another agency or person")


def _add_certificate(session: Session, certificate: Certificate, at: datetime) -> Receipt | int:
    digest = certificate.statement.digest
    known = rows.find_certificate(session, digest)
    if known is not None:
        return known.log_index
    receipt = record_public(session, "certificate", {"statement": certificate.statement.token}, at)
    rows.add(
        session,
        CertificateRow(
            digest=digest,
            agency=certificate.agency,
            statement=certificate.statement.token,
            log_index=receipt.index,
        ),
    )
    return receipt


def set_witnesses(session: Session, witnesses: WitnessSet, at: datetime) -> None:
    """Record the witness set and quorum. Raises ``Refused`` once there is one: a change needs the old quorum."""
    if ledger.current_witnesses(session) is not None:
        raise Refused(
            409, "witnesses_set", "a witness set is recorded already; its quorum changes it: nrm-adapter witnesses"
        )
    members: Mapping[str, Any] = {**witnesses.to_json(), "approvals": []}
    receipt = record_public(session, "witnesses", members, at)
    ledger.set_witnesses(session, witnesses, receipt.index)


def witness_keys(certificates: Sequence[Certificate]) -> tuple[Certificate, Certificate]:
    """Return an agency's two witness certificates (Ed25519, ML-DSA-44). Raises ``Refused`` where one is missing."""
    by_use = {certificate.use: certificate for certificate in certificates}
    try:
        return by_use[KeyUse.WITNESS], by_use[KeyUse.WITNESS_PQ]
    except KeyError as error:
        raise Refused(422, "enrolment_refused", "an agency's witness keys are missing") from error
