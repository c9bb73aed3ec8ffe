"""What the rows outside the log say of the acts they record: what ``verify_log`` compares with the logged bodies.

Digests are computed from what is stored, never taken from a column beside it: an exchanged statement, ciphertext or
wrapped key is named by the check.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator

from sqlalchemy import select

from hub.store.base import Session
from hub.store.pending_rows import waiting_tickets
from hub.store.retention_rows import erased_positions_by_fragment
from hub.store.tables import (
    AgencyRow,
    CaseStatementRow,
    CertificateRow,
    ChannelRow,
    ConsoleAccessRow,
    DisclosureRow,
    FragmentRow,
    GrantRow,
    RenewalRow,
    RevocationRow,
)
from keys.envelopes import EnvelopeRefused, wrapped_key_digest
from keys.jose import SignatureRefused, b64u
from keys.statements import StatementType, peek
from policies.model import Malformed

ROWS_PER_BATCH = 200
Recorded = tuple[int, dict[str, object]]


def recorded_rows(session: Session, erased: Collection[int] = ()) -> Iterator[Recorded]:
    """Return, for each row that records an act, its log position and what the log entry must say of it.

    ``erased``: the positions whose erasure is on record; the grants of a fragment that stood there went with it.
    """
    for agency in session.scalars(select(AgencyRow)):
        yield agency.log_index, {"type": "agency", "statement": agency.statement}
    for certificate in session.scalars(select(CertificateRow)):
        yield certificate.log_index, {"type": "certificate", "statement": certificate.statement}
    for renewal in session.scalars(select(RenewalRow)):
        yield renewal.log_index, {"type": "agency", "statement": renewal.statement}
    for revocation in session.scalars(select(RevocationRow)):
        yield revocation.log_index, {"type": "revocation", "statement": revocation.statement}
    for access in session.scalars(select(ConsoleAccessRow)):
        yield access.log_index, {"type": "console_access", "statement": access.statement, "at": access.recorded_at}
    yield from _of_cases(session, erased, waiting_tickets(session))


def _of_cases(session: Session, erased: Collection[int], waiting: Collection[int]) -> Iterator[Recorded]:
    """Rows of acts of cases. Whatever names a ticket is left out while its entry waits, and only then."""
    for index, said in _of_any_place(session, erased):
        if index not in waiting:
            yield index, said


def _of_any_place(session: Session, erased: Collection[int]) -> Iterator[Recorded]:
    for statement in session.scalars(select(CaseStatementRow).execution_options(yield_per=ROWS_PER_BATCH)):
        said: dict[str, object] = {
            "case": statement.case,
            "agency": statement.agency,
            "statement": _digest(statement.statement),
        }
        yield statement.log_index, said
    for channel in session.scalars(select(ChannelRow).execution_options(yield_per=ROWS_PER_BATCH)):
        yield channel.log_index, _channel(channel)
    for fragment in session.scalars(select(FragmentRow).execution_options(yield_per=ROWS_PER_BATCH)):
        yield fragment.log_index, _fragment(fragment)
    yield from _disclosures(session, erased)


def _digest(text: object) -> str:
    # SQLite keeps whatever was put into a column: what is no text has no digest that an entry could name.
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if isinstance(text, str) else "not text"


def _channel(row: ChannelRow) -> dict[str, object]:
    return {
        "type": "channel",
        "case": row.case,
        "channel": row.channel,
        "agency": row.originator,
        "recipient": row.recipient,
        "recipient_agency": row.recipient_agency,
        "recipient_member": row.recipient_member,
        "statement": _digest(row.statement),
    }


def _fragment(row: FragmentRow) -> dict[str, object]:
    return {
        "type": "fragment",
        "case": row.case,
        "agency": row.agency,
        "fragment": row.fragment,
        "sha256": _digest(f"{row.protected}.{row.iv}.{_b64u(row.ciphertext)}.{row.tag}"),
        "category": row.category,
        "archive": _wrapped(row.archive_key),
    }


def _disclosures(session: Session, erased: Collection[int]) -> Iterator[Recorded]:
    """Disclosures and voids; of a disclosure also how many of its grants are stored as they were signed for."""
    gone = {fragment for fragment, position in erased_positions_by_fragment(session).items() if position in erased}
    grants: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    query = select(GrantRow.disclosure, GrantRow.fragment, GrantRow.encrypted_key)
    for disclosure, fragment, key in session.execute(query.execution_options(yield_per=ROWS_PER_BATCH)):
        grants[disclosure].add((fragment, _wrapped(key)))
    for row in session.scalars(select(DisclosureRow).execution_options(yield_per=ROWS_PER_BATCH)):
        said: dict[str, object] = {"case": row.case, "channel": row.channel, "statement": _digest(row.statement)}
        if row.type == StatementType.DISCLOSURE.value:
            stored, signed = grants[row.digest], _signed_grants(row.statement)
            unsigned = len(stored - signed)
            lost = sum(fragment in gone for fragment, _ in signed)
            said["items"] = f"{unsigned} not signed for" if unsigned else len(stored) + lost
        yield row.log_index, said


def _signed_grants(statement: str) -> set[tuple[str, str]]:
    try:
        return {(item["fragment"], item["encrypted_key_sha256"]) for item in peek(statement).members["items"]}
    except (SignatureRefused, Malformed, KeyError, TypeError):
        return set()


def _b64u(data: object) -> str:
    return b64u(data) if isinstance(data, bytes) else "not bytes"


def _wrapped(key: object) -> str:
    try:
        return wrapped_key_digest(str(key))
    except (EnvelopeRefused, ValueError):
        return "not a wrapped key"
