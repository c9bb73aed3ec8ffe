"""Let an agency's information governance officer into the console, by the agency's own word, or end it.

docs/protocol.md sections 3 and 10.2. The newest word on an account counts. It is a public entry: every agency sees who
is let in, and the agency itself finds one that it did not sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hub.exchange.acts import Receipt, record_public, render_instant
from hub.exchange.cases import MAX_CLOCK_SKEW, MAX_OUTBOX_AGE, require_fresh
from hub.ledger.entries import EntryType
from hub.refusal import Refused
from hub.store import console_rows
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import ConsoleAccessRow
from keys.certificates import NotCertified
from keys.console_access import ConsoleAccess, read_console_access, require_standing, verify_console_access
from keys.directory import Directory
from keys.jose import SignatureRefused, statement_digest
from keys.refusal import KeysRefusal
from policies.model import Malformed, render_time

MAX_ACCESSES_PER_AGENCY = 5_000
"""So often an agency gives access, all its people together. What ends one is taken all the same."""
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whom an account lets in at the console now. ``access`` is the digest of the statement that says so."""

    agency: str
    member: str
    access: str
    until: datetime


def record(session: Session, directory: Directory, caller: str, token: object, at: datetime) -> Receipt | int:
    """Record a word on an account; the same one again gives its log position. Raises ``Refused``."""
    repeated = _find(session, caller, token)
    if repeated is not None:
        return repeated
    # The log keeps milliseconds: it is verified as of the very time at which every reader will verify it.
    recorded_at = render_instant(at)
    access = _verify(directory, token, _parse(recorded_at))
    if access.agency != caller:
        raise Refused(403, "issuer", "console access is given by the agency that employs the person")
    _require_current(session, access, at)
    receipt = record_public(session, EntryType.CONSOLE_ACCESS.value, {"statement": access.statement.token}, at)
    row = ConsoleAccessRow(
        digest=access.statement.digest,
        agency=access.agency,
        provider=access.provider,
        subject_sha256=access.subject_sha256,
        issued_at=render_time(access.statement.issued_at),
        recorded_at=recorded_at,
        statement=access.statement.token,
        log_index=receipt.index,
    )
    rows.add(session, row)
    return receipt


def find_admitted(
    session: Session, directory: Directory, agency: str, provider: str, subject_sha256: str, now: datetime
) -> Admitted | None:
    """Return whom an account of an agency's provider lets in now; None: nobody. Asked anew at every request."""
    row = console_rows.newest_access(session, agency, provider, subject_sha256)
    if row is None:
        return None
    try:
        access = read_console_access(row.statement, directory, _parse(row.recorded_at), row.log_index)
        require_standing(access, directory, now)
    except (KeysRefusal, Malformed):
        return None
    if access.account != (agency, provider, subject_sha256):
        return None
    return Admitted(access.agency, access.member, access.statement.digest, access.not_after)


def _find(session: Session, caller: str, token: object) -> int | None:
    if not isinstance(token, str) or not token.isascii():
        return None
    row = console_rows.find_access(session, statement_digest(token))
    return row.log_index if row is not None and row.agency == caller else None


def _verify(directory: Directory, token: object, at: datetime) -> ConsoleAccess:
    try:
        return verify_console_access(token, directory, at, None)
    except NotCertified as error:
        raise Refused(422, "not_certified", str(error)) from error
    except SignatureRefused as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error


def _require_current(session: Session, access: ConsoleAccess, at: datetime) -> None:
    """Raise ``Refused`` for a word that is too old, too early, or older than another. What ends access may be old."""
    issued_at, newest = access.statement.issued_at, console_rows.newest_access(session, *access.account)
    if access.not_after <= at:
        if issued_at - at > MAX_CLOCK_SKEW:
            raise Refused(422, "clock", f"it is from the future; the hub's clock says {render_time(at)}")
        return
    require_fresh(issued_at, at, MAX_OUTBOX_AGE)
    if newest is not None and render_time(issued_at) < newest.issued_at:
        raise Refused(409, "conflict", "this agency has said something newer of this account; look at it first")
    if console_rows.count_accesses(session, access.agency) >= MAX_ACCESSES_PER_AGENCY:
        raise Refused(413, "too_many", f"an agency gives console access at most {MAX_ACCESSES_PER_AGENCY} times")


def _parse(at: str) -> datetime:
    return datetime.strptime(at, _AT).replace(tzinfo=UTC)
