"""What the hub knows at this moment: the directory of certified keys, and the state of a case from its statements."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

from hub.exchange.exclusions import BREAK_GLASS_TYPES, EXCLUSION_TYPES, read_broken_words, read_exclusion_words
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CertificateRow, RevocationRow
from keys.certificates import verify_agency, verify_certificate
from keys.directory import Directory
from keys.statements import StatementType, peek
from policies.break_glass import with_broken_glass
from policies.case import read_consents
from policies.consent import Consents
from policies.exclusions import without_excluded
from policies.membership import CaseStatements, Said, Standing, case_state, standing_of
from policies.model import CaseState

_OF_STANDING = (
    StatementType.MEMBERSHIP,
    StatementType.ACCEPTANCE,
    StatementType.ENDORSEMENT,
    StatementType.DEPARTURE,
)
_OF_STATE = (*_OF_STANDING, StatementType.CONSENT, *EXCLUSION_TYPES, *BREAK_GLASS_TYPES)
Statements = Sequence[rows.StoredStatement]


class DirectoryCache:
    """The directory as the log has it; each row is verified once, when first seen. Shared by the process's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1
        self._directory = Directory((), ())

    def current(self, session: Session) -> Directory:
        """Return the directory of everything recorded so far."""
        with self._lock:
            fresh = rows.recorded_after(session, self._seen)
            if fresh:
                self._directory = _extended(self._directory, fresh)
                self._seen = fresh[-1].log_index
            return self._directory


def _extended(directory: Directory, fresh: Sequence[rows.RecordedKeys]) -> Directory:
    """Return a directory with more rows in the order of the log; whoever reads the one before is not disturbed."""
    directory = directory.copy()
    for row in fresh:
        if row.table == RevocationRow.__tablename__:
            directory.add_revocation(directory.verify_revocation(row.statement, row.log_index))
        elif row.table == CertificateRow.__tablename__:
            root = directory.find_root(peek(row.statement).kid) or directory.get_agency(row.agency)
            directory.add_certificate(verify_certificate(row.statement, root, row.log_index))
        else:
            directory.add_agency(verify_agency(row.statement, row.log_index))
    return directory


def load_standing(session: Session, case: str) -> Standing:
    """Return who takes part in a case now. The statements were verified when they were accepted.

    Raises ``Malformed`` for a case without a membership.
    """
    return _standing(_load(session, case, _OF_STANDING))


def load_consents(session: Session, case: str) -> Consents:
    """Return the consents of a case. The statements were verified when they were accepted."""
    return _consents(_load(session, case, (StatementType.CONSENT,)))


def load_case_state(session: Session, case: str, at: datetime) -> CaseState:
    """Return the case as its accepted statements make it now, without whoever is excluded from it.

    Raises ``Malformed`` as ``load_standing`` does.
    """
    found = _load(session, case, _OF_STATE)
    state = case_state(_standing(found), _consents(found))
    state = without_excluded(state, read_exclusion_words(_of(found, *EXCLUSION_TYPES)).excluded(at))
    return with_broken_glass(state, read_broken_words(_of(found, *BREAK_GLASS_TYPES)), at)


def _load(session: Session, case: str, kinds: Iterable[StatementType]) -> Statements:
    return rows.statements_of_case(session, case, [kind.value for kind in kinds])


def _of(found: Statements, *kinds: StatementType) -> Statements:
    return [row for row in found if row.type in kinds]


def _standing(found: Statements) -> Standing:
    def said(kind: StatementType) -> list[Said]:
        peeked = [(row.digest, peek(row.statement)) for row in _of(found, kind)]
        return [Said(digest, statement.issuer, statement.members) for digest, statement in peeked]

    return standing_of(CaseStatements(*(said(kind) for kind in _OF_STANDING)))


def _consents(found: Statements) -> Consents:
    return read_consents((row.digest, peek(row.statement).members) for row in _of(found, StatementType.CONSENT))
