"""What the hub knows at this moment: the directory of certified keys, and the state of a case from its statements."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter

from hub.exchange.exclusions import load_broken, load_exclusions
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import AgencyRow, CertificateRow, RenewalRow, RevocationRow
from keys.certificates import verify_agency, verify_certificate
from keys.directory import Directory
from keys.statements import StatementType, peek
from policies.break_glass import with_broken_glass
from policies.case import read_consents
from policies.consent import Consents
from policies.exclusions import without_excluded
from policies.membership import CaseStatements, Said, Standing, case_state, standing_of
from policies.model import CaseState

_Row = AgencyRow | RenewalRow | CertificateRow | RevocationRow


class DirectoryCache:
    """The directory as the log has it; each row is verified once, when first seen. Shared by the process's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1
        self._directory = Directory((), ())

    def current(self, session: Session) -> Directory:
        """Return the directory of everything recorded so far."""
        with self._lock:
            after = self._seen
            found: Iterable[_Row] = chain[_Row](
                rows.agencies_after(session, after),
                rows.renewals_after(session, after),
                rows.certificates_after(session, after),
                rows.revocations_after(session, after),
            )
            fresh = sorted(found, key=attrgetter("log_index"))
            if fresh:
                self._directory = _extended(self._directory, fresh)
                self._seen = fresh[-1].log_index
            return self._directory


def _extended(directory: Directory, fresh: Sequence[_Row]) -> Directory:
    """Return a directory with more rows in the order of the log; whoever reads the one before is not disturbed."""
    directory = directory.copy()
    for row in fresh:
        if isinstance(row, RevocationRow):
            directory.add_revocation(directory.verify_revocation(row.statement, row.log_index))
        elif isinstance(row, CertificateRow):
            root = directory.find_root(peek(row.statement).kid) or directory.get_agency(row.agency)
            directory.add_certificate(verify_certificate(row.statement, root, row.log_index))
        else:
            directory.add_agency(verify_agency(row.statement, row.log_index))
    return directory


def load_standing(session: Session, case: str) -> Standing:
    """Return who takes part in a case now. The statements were verified when they were accepted.

    Raises ``Malformed`` for a case without a membership.
    """

    def said(kind: StatementType) -> list[Said]:
        found = [(row.digest, peek(row.statement)) for row in rows.case_statements(session, case, kind.value)]
        return [Said(digest, statement.issuer, statement.members) for digest, statement in found]

    return standing_of(
        CaseStatements(
            said(StatementType.MEMBERSHIP),
            said(StatementType.ACCEPTANCE),
            said(StatementType.ENDORSEMENT),
            said(StatementType.DEPARTURE),
        )
    )


def load_consents(session: Session, case: str) -> Consents:
    """Return the consents of a case. The statements were verified when they were accepted."""
    found = rows.case_statements(session, case, StatementType.CONSENT.value)
    return read_consents((row.digest, peek(row.statement).members) for row in found)


def load_case_state(session: Session, case: str, at: datetime) -> CaseState:
    """Return the case as its accepted statements make it now, without whoever is excluded from it.

    Raises ``Malformed`` as ``load_standing`` does.
    """
    state = case_state(load_standing(session, case), load_consents(session, case))
    state = without_excluded(state, load_exclusions(session, case).excluded(at))
    return with_broken_glass(state, load_broken(session, case), at)
