"""What the hub knows at this moment: the directory of certified keys, and the state of a case from its statements."""

from __future__ import annotations

import threading

from hub.store import exchange_rows as rows
from hub.store.base import Session
from keys.directory import AgencyRecord, Certificate, Directory, verify_agency, verify_certificate
from keys.statements import StatementType, peek
from policies.case import case_state
from policies.model import CaseState


class DirectoryCache:
    """The directory as the log has it; each row is verified once, when first seen. Shared by the process's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agencies: dict[str, AgencyRecord] = {}
        self._certificates: list[Certificate] = []
        self._seen_agency = self._seen_certificate = -1
        self._directory = Directory((), ())

    def current(self, session: Session) -> Directory:
        """Return the directory of everything recorded so far."""
        with self._lock:
            agencies = rows.agencies_after(session, self._seen_agency)
            certificates = rows.certificates_after(session, self._seen_certificate)
            for row in agencies:
                self._agencies[row.agency] = verify_agency(row.statement)
                self._seen_agency = max(self._seen_agency, row.log_index)
            for certificate in certificates:
                record = self._agencies[certificate.agency]
                self._certificates.append(verify_certificate(certificate.statement, record))
                self._seen_certificate = max(self._seen_certificate, certificate.log_index)
            if agencies or certificates:
                self._directory = Directory(self._agencies.values(), self._certificates)
            return self._directory


def load_case_state(session: Session, case: str) -> CaseState:
    """Return the case as its accepted statements make it now. The statements were verified when they were accepted.

    Raises ``Malformed`` for a case without a membership.
    """
    memberships = rows.case_statements(session, case, StatementType.MEMBERSHIP.value)
    consent = rows.newest_statement(session, case, StatementType.CONSENT.value)
    acceptances = [peek(row.statement) for row in rows.case_statements(session, case, StatementType.ACCEPTANCE.value)]
    return case_state(
        [(row.digest, peek(row.statement).members) for row in memberships],
        [(item.issuer, item.members) for item in acceptances],
        None if consent is None else (consent.digest, peek(consent.statement).members),
    )
