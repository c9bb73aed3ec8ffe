"""Change an agency's keys: certificates and revocations, all or nothing; revocations of whomever, by whoever may.

docs/protocol.md section 3.4; attacks 22, 25 to 27, 32. A revocation needs no quorum, no witness and no case. It binds
with the transaction that records it: the next request of the key is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.exchange.acts import Receipt, record_public
from hub.exchange.cases import MAX_CLOCK_SKEW
from hub.exchange.enrolment import add_certificates
from hub.ledger import ledger
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import RevocationRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused, statement_digest
from keys.revocation import Revocation, RevocationReason, strictest
from keys.statements import peek
from policies.model import Malformed, render_time

MAX_REVOCATIONS_PER_REQUEST = 100
MAX_WORDS_OF_ONE_SIGNER = 20
"""A key takes as many words against it as change anything, of one signing key so many: nobody fills up the place of
another who may end it as well."""


def change_keys(
    session: Session,
    directory: Directory,
    agency: str,
    certificates: Sequence[object],
    revocations: Sequence[object],
    at: datetime,
) -> list[Receipt | int]:
    """Record certificates of the calling agency and revocations in one transaction. Raises ``Refused`` for the whole.

    A rotation is both at once: of two that replace one key, the second is refused (409), and nothing of it is kept.
    """
    if not certificates and not revocations:
        raise Refused(422, "malformed", "expected certificates, revocations, or both")
    added = add_certificates(session, directory, directory.get_agency(agency), certificates, at) if certificates else []
    revoked = add_revocations(session, directory, revocations, at, rotates=bool(certificates)) if revocations else []
    return [*(receipt for _, receipt in added), *revoked]


def add_revocations(
    session: Session, directory: Directory, tokens: Sequence[object], at: datetime, *, rotates: bool = False
) -> list[Receipt | int]:
    """Record revocations, by whomever they are brought; one that changes nothing gives the position of what does.

    ``rotates``: a key that these supersede must not be revoked yet. Raises ``Refused``.
    """
    if not 1 <= len(tokens) <= MAX_REVOCATIONS_PER_REQUEST:
        raise Refused(413, "too_many", f"expected 1 to {MAX_REVOCATIONS_PER_REQUEST} revocations")
    known = directory.copy()
    done: list[Receipt | int] = []
    for token in tokens:
        repeated = _find(session, token)
        if repeated is not None:
            done.append(repeated)
            continue
        revocation = _verify(session, known, token, at)
        before = next((item for item in known.revocations if item.kid == revocation.kid), None)
        if rotates and before is not None and revocation.reason is RevocationReason.SUPERSEDED:
            raise Refused(409, "key_revoked", f"key {revocation.kid[:12]} was replaced or revoked already; sync first")
        done.append(_record(session, known, revocation, before, at))
    return done


def _find(session: Session, token: object) -> int | None:
    """Return where this very statement stands already. Its key may count no more by now, by this very statement."""
    if not isinstance(token, str) or not token.isascii():
        return None
    row = rows.find_revocation(session, statement_digest(token))
    return None if row is None else row.log_index


def _verify(session: Session, directory: Directory, token: object, at: datetime) -> Revocation:
    try:
        revocation = directory.verify_revocation(token, ledger.size(session))
    except NotCertified as error:
        raise Refused(422, "not_certified", str(error)) from error
    except SignatureRefused as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    # One that was signed long ago and kept for the day is as good: it only takes away.
    if revocation.statement.issued_at - at > MAX_CLOCK_SKEW:
        raise Refused(422, "clock", f"a revocation is from the future; the hub's clock says {render_time(at)}")
    return revocation


def _record(
    session: Session, directory: Directory, revocation: Revocation, before: Revocation | None, at: datetime
) -> Receipt | int:
    is_own = revocation.issuer == revocation.agency
    if is_own and before is not None and strictest(before, revocation) == before:
        return before.log_index
    again = next((item for item in directory.voices_against(revocation.kid) if _is_same_word(item, revocation)), None)
    if again is not None:
        return again.log_index
    if _said_by(session, revocation) >= MAX_WORDS_OF_ONE_SIGNER:
        raise Refused(
            413, "too_many", f"one key says at most {MAX_WORDS_OF_ONE_SIGNER} different words against another"
        )
    receipt = record_public(session, "revocation", {"statement": revocation.statement.token}, at)
    rows.add(
        session,
        RevocationRow(
            digest=revocation.statement.digest,
            agency=revocation.agency,
            kid=revocation.kid,
            statement=revocation.statement.token,
            log_index=receipt.index,
        ),
    )
    directory.add_revocation(revocation)
    return receipt


def _is_same_word(one: Revocation, other: Revocation) -> bool:
    """Whether a peer says of a root what it has said already. Without a position it means that of its own entry."""
    if one.issuer != other.issuer or one.reason is not other.reason:
        return False
    return one.valid_until == other.valid_until or (
        one.statement.members["valid_until"] is None and other.statement.members["valid_until"] is None
    )


def _said_by(session: Session, revocation: Revocation) -> int:
    """Return how many words against this key the signing key has in the log."""
    found = (peek(row.statement) for row in rows.revocations_of(session, revocation.kid))
    return sum(item.kid == revocation.statement.kid for item in found)
