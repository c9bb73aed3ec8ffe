"""Enrol an agency and certify its keys. The operator enrols; an enrolled agency adds its own certificates.

DESIGN section 4.1: the root key's fingerprint is read out by people; a wrong one stops the enrolment.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.exchange.acts import Receipt, record_public
from hub.exchange.standing import DirectoryCache
from hub.ledger import ledger
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import AgencyRow, CertificateRow
from keys.directory import (
    AGENCY_USES,
    AgencyRecord,
    Certificate,
    Directory,
    KeyUse,
    verify_agency,
    verify_certificate,
)
from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.jose import KeyRefused, SignatureRefused
from keys.transparency import WitnessSet
from policies.model import Malformed, require_members, term_list

MAX_CERTIFICATES_PER_REQUEST = 50
MAX_CERTIFICATES_PER_AGENCY = 5_000


def enrol_agency(session: Session, request: object, read_out: str, at: datetime) -> AgencyRecord:
    """Enrol an agency from its enrolment request and the fingerprint that was read out.

    ``request`` is ``{"agency": jws, "certificates": [jws…]}`` with one certificate for each agency use.
    Raises ``Refused``.
    """
    try:
        got = require_members(request, ("agency", "certificates"), "enrolment request")
        record = verify_agency(got["agency"])
        if not isinstance(got["certificates"], list) or len(got["certificates"]) > MAX_CERTIFICATES_PER_REQUEST:
            raise Malformed(f"certificates: expected a list of at most {MAX_CERTIFICATES_PER_REQUEST}")
        certificates = [verify_certificate(token, record) for token in got["certificates"]]
    except (Malformed, SignatureRefused, KeyRefused) as error:
        raise Refused(422, "enrolment_refused", str(error)) from error
    if not hmac.compare_digest(normalise_fingerprint(read_out), normalise_fingerprint(fingerprint(record.root))):
        raise Refused(
            403, "fingerprint", "the fingerprint read out is not that of this root key; the enrolment is stopped"
        )
    missing = AGENCY_USES - {certificate.use for certificate in certificates}
    if missing:
        raise Refused(422, "enrolment_refused", f"certificates are missing for: {term_list(sorted(missing))}")
    if rows.find_agency(session, record.agency) is not None:
        raise Refused(409, "already_enrolled", f"agency {record.agency} is enrolled already")
    receipt = record_public(session, "agency", {"statement": record.statement.token}, at)
    rows.add(
        session,
        AgencyRow(
            agency=record.agency, kind=record.kind.value, statement=record.statement.token, log_index=receipt.index
        ),
    )
    _require_own_keys(DirectoryCache().current(session), certificates)
    for certificate in certificates:
        _add_certificate(session, certificate, at)
    return record


def add_certificates(
    session: Session, directory: Directory, agency: AgencyRecord, tokens: Sequence[object], at: datetime
) -> list[tuple[Certificate, Receipt | None]]:
    """Record further certificates of an enrolled agency; one known already changes nothing. Raises ``Refused``.

    ``directory`` is what is recorded so far.
    """
    if not 1 <= len(tokens) <= MAX_CERTIFICATES_PER_REQUEST:
        raise Refused(413, "too_many", f"expected 1 to {MAX_CERTIFICATES_PER_REQUEST} certificates")
    if rows.count_certificates(session, agency.agency) + len(tokens) > MAX_CERTIFICATES_PER_AGENCY:
        raise Refused(413, "too_many", f"an agency has at most {MAX_CERTIFICATES_PER_AGENCY} certificates")
    try:
        certificates = [verify_certificate(token, agency) for token in tokens]
    except (Malformed, SignatureRefused, KeyRefused) as error:
        raise Refused(422, "certificate_refused", str(error)) from error
    _require_own_keys(directory, certificates)
    return [(certificate, _add_certificate(session, certificate, at)) for certificate in certificates]


def _require_own_keys(directory: Directory, certificates: Sequence[Certificate]) -> None:
    """Raise ``Refused`` where a key is certified already for another agency or person, or here for two people."""
    here: dict[str, tuple[str, str | None]] = {}
    for certificate in certificates:
        kid, holder = certificate.key.kid, (certificate.agency, certificate.member)
        if directory.holder_of(kid) not in (None, holder) or here.setdefault(kid, holder) != holder:
            raise Refused(409, "key_taken", f"key {kid[:12]} is certified already for another agency or person")


def _add_certificate(session: Session, certificate: Certificate, at: datetime) -> Receipt | None:
    digest = certificate.statement.digest
    if rows.find_certificate(session, digest) is not None:
        return None
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
        raise Refused(409, "witnesses_set", "a witness set is recorded already; changing it needs the old quorum")
    members: Mapping[str, Any] = witnesses.to_json()
    receipt = record_public(session, "witnesses", members, at)
    ledger.set_witnesses(session, witnesses, receipt.index)


def witness_keys(certificates: Sequence[Certificate]) -> tuple[Certificate, Certificate]:
    """Return an agency's two witness certificates (Ed25519, ML-DSA-44). Raises ``Refused`` where one is missing."""
    by_use = {certificate.use: certificate for certificate in certificates}
    try:
        return by_use[KeyUse.WITNESS], by_use[KeyUse.WITNESS_PQ]
    except KeyError as error:
        raise Refused(422, "enrolment_refused", "an agency's witness keys are missing") from error
