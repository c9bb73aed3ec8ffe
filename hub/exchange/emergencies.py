"""Emergency releases at the hub: taken with both signatures of people in good standing now, while no quorum is there.

DESIGN section 3 (Witnesses), docs/adr/0021-emergency-release.md, docs/protocol.md section 3. It replaces the quorum
alone: each disclosure under it is decided as always. Nothing of it bridges a hub that waits for its witnesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hub.exchange.acts import CaseAct, Receipt
from hub.exchange.batch import BatchRows
from hub.exchange.cases import MAX_CLOCK_SKEW, MAX_OUTBOX_AGE, find_repeat, keep_statement, require_fresh
from hub.exchange.exclusions import load_exclusions, stored_word, word_of
from hub.exchange.room import require_room_for_statement
from hub.exchange.standing import load_standing
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.tables import CaseStatementRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.emergencies import BothSigned, released_digest, verify_both
from keys.jose import SignatureRefused
from keys.statements import Statement, StatementType
from keys.uses import KeyUse
from policies.emergency import (
    MAX_PER_HOUR,
    Asked,
    Emergency,
    join,
    may_review,
    read_asked,
    require_signers,
    take_review,
    with_reviews,
)
from policies.exclusions import Word
from policies.membership import Standing
from policies.model import Malformed, require_digest
from policies.vocabulary import Category

ENTRY, REVIEW_ENTRY = "emergency", "emergency_review"
NEEDED_AFTER = timedelta(minutes=10) - MAX_CLOCK_SKEW
"""With a quorum younger than this there is no emergency: adapters' clocks may differ, and their limit is 10 minutes."""
_RELEASE, _REVIEW = StatementType.EMERGENCY_CONFIRMATION.value, StatementType.EMERGENCY_REVIEW.value


def take(act: CaseAct, batch: BatchRows, directory: Directory, originator: str, token: object) -> Receipt | int:
    """Accept both signatures of an emergency release in a locked case, or return the log position of the same before.

    Raises ``Refused`` or ``Malformed``. What is released under it follows, each disclosure by its own line.
    """
    session, at = act.session, act.at
    repeat = find_repeat(session, token)
    if repeat is not None and (repeat.agency, repeat.case, repeat.type) == (originator, act.row.case, _RELEASE):
        return repeat.log_index
    signed = _verify(directory, token, originator, at)
    emergency = _join(signed)
    if signed.second.members["case"] != act.row.case:
        raise Refused(422, "case", "the line belongs to another case")
    standing = load_standing(session, act.row.case)
    if emergency.asked.membership != standing.digest:
        raise Refused(409, "stale_membership", "the case's membership has changed; decide again under the newest")
    _require_open(emergency.asked, at)
    try:
        require_signers(emergency.signers, standing, load_exclusions(session, act.row.case), at)
    except Malformed as error:
        raise Refused(403, "emergency", str(error)) from error
    _require_needed(session, at)
    if any(item.asked.digest == emergency.asked.digest for item in load_emergencies(session, act.row.case)):
        raise Refused(409, "conflict", "somebody has joined this first signature already")
    _require_words(batch, act.row.case, originator, emergency.asked.detail)
    _require_few(session, originator, at)
    require_room_for_statement(session, directory, act.row.case, originator)
    return keep_statement(act, signed.second, ENTRY)


def require_covered(act: CaseAct, originator: str, digest: object, disclosure: Mapping[str, Any]) -> None:
    """Raise ``Refused`` unless a disclosure is exactly what an accepted emergency release of this case says of it."""
    row = rows.find_statement(act.session, require_digest(digest, "disclosure emergency"))
    if row is None or (row.agency, row.case, row.type) != (originator, act.row.case, _RELEASE):
        raise Refused(422, "emergency", "the line names no emergency release of this originator in this case")
    asked = _read(row).asked
    _require_open(asked, act.at)
    found = asked.find(str(disclosure["recipient"]), released_digest(disclosure))
    named = (disclosure["recipient_agency"], disclosure["recipient_member"], len(disclosure["items"]))
    if found is None or (found.agency, found.member, found.items) != named:
        raise Refused(422, "emergency", "this is not what the two people signed for this recipient")


def release_rows(session: Session, case: str) -> list[CaseStatementRow]:
    """Return a case's emergency releases in the case's order."""
    return list(rows.statements_of_kinds(session, [case], [_RELEASE]))


def review_rows(session: Session, case: str) -> list[CaseStatementRow]:
    """Return the reviews of a case's emergency releases in the case's order."""
    return list(rows.statements_of_kinds(session, [case], [_REVIEW]))


def load_emergencies(session: Session, case: str) -> tuple[Emergency, ...]:
    """Return a case's emergency releases with their reviews. Each word was judged when it was accepted."""
    reviews = (stored_word(row.statement) for row in review_rows(session, case))
    return with_reviews([_read(row) for row in release_rows(session, case)], reviews)


def review(act: CaseAct, statement: Statement, word: Word, standing: Standing) -> Receipt:
    """Take an officer's review of an emergency release, in a locked case. Raises ``Refused``."""
    try:
        take_review(load_emergencies(act.session, act.row.case), word)
    except Malformed as error:
        raise Refused(409, "conflict", str(error)) from error
    if not may_review(standing, word.person, act.at):
        raise Refused(403, "role", "it is reviewed by an information governance officer of the case")
    return keep_statement(act, statement, REVIEW_ENTRY)


def _verify(directory: Directory, token: object, originator: str, at: datetime) -> BothSigned:
    def verify(given: object, kind: StatementType) -> Statement:
        return directory.verify(given, kind, KeyUse.MEMBER_SIGNING, at)

    try:
        signed = verify_both(token, verify)
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    if signed.second.issuer != originator:
        raise Refused(403, "issuer", "a statement is brought by the agency of the people who signed it")
    for statement in (signed.first, signed.second):
        require_fresh(statement.issued_at, at, MAX_OUTBOX_AGE)
    return signed


def _join(signed: BothSigned) -> Emergency:
    first, second = word_of(signed.first), word_of(signed.second)
    return join(read_asked(first), first.members["case"], second)


def _require_open(asked: Asked, at: datetime) -> None:
    if at >= asked.until:
        raise Refused(409, "emergency", "what the first person signed is over; both sign again for what is needed")


def _require_needed(session: Session, at: datetime) -> None:
    """Raise ``Refused`` where a quorum has just been there, or where none ever was: no key is proven by anything."""
    newest = ledger_rows.find_newest_checkpoint(session, witnessed=True)
    if newest is None or newest.witnessed_at is None:
        raise Refused(409, "no_quorum", "no quorum has ever seen this log: no recipient's key is proven")
    if at - newest.witnessed_at < NEEDED_AFTER:
        raise Refused(409, "quorum_is_there", "the witnesses have seen this log a moment ago; release as always")


def _require_words(batch: BatchRows, case: str, originator: str, detail: Mapping[str, str]) -> None:
    known = batch.find_fragment(detail["fragment"])
    if known is None or (known.case, known.agency, known.digest) != (case, originator, detail["sha256"]):
        raise Refused(422, "detail", "the sealed words that say why are not here")
    if known.header.category is not Category.STATEMENT_DETAIL:
        raise Refused(422, "detail", "the words that say why are sealed as a statement detail")


def _require_few(session: Session, originator: str, at: datetime) -> None:
    # Counted over all cases: two acts of one agency in different cases are not counted past each other.
    rows.hold_name(session, f"emergency {originator}")
    newest = (_read(row).at for row in rows.newest_of_kind(session, originator, _RELEASE, MAX_PER_HOUR))
    if sum(found > at - timedelta(hours=1) for found in newest) >= MAX_PER_HOUR:
        raise Refused(429, "too_often", f"an agency makes at most {MAX_PER_HOUR} emergency releases in an hour")


def _read(row: CaseStatementRow) -> Emergency:
    second = stored_word(row.statement)
    first = stored_word(str(second.members["emergency"]))
    return join(read_asked(first), first.members["case"], second)
