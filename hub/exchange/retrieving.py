"""Retrieval: an agency's own things of a case back from the hub, page by page, recorded before they are given.

docs/protocol.md section 8.4. For an agency that lost its adapter's database and kept its keys: its fragments as sealed,
with their grants to its archive, its channels and its disclosures. Nothing of anybody else's is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.exchange.acts import CaseAct, Receipt, lock_case
from hub.exchange.cases import require_fresh
from hub.exchange.confirmed import require_confirmed
from hub.exchange.erasing import require_content
from hub.exchange.pulling import BEFORE_ANY_REVOCATION, MAX_PULL_AGE, Denied
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import own_rows
from hub.store.base import Session
from hub.store.tables import ChannelRow, DisclosureRow, FragmentRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused, b64u
from keys.statements import Statement, StatementType
from keys.uses import KeyUse
from policies.model import Malformed, require_id, require_number

MAX_LINES = 500
MAX_BYTES = 16 * 1024 * 1024
"""Of ciphertext in one page, one fragment at least."""
ACT = "retrieval"

Own = ChannelRow | FragmentRow | DisclosureRow


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One page: recorded already. ``next`` is the log position to go on after, None where this is the last page."""

    receipt: Receipt
    items: list[Own]
    next: int | None


def retrieve(
    session: Session, directory: Directory, *, case: str, caller: str, token: object, at: datetime
) -> Retrieved:
    """Record and collect one page of what the caller brought to a case. Raises ``Refused``.

    Raises ``Denied`` for an agency that does not take part now, or a key that was revoked: the caller records it.
    The same statement again is the same act, as for a pull.
    """
    statement, after = _verify(directory, token, caller, at)
    if statement.members["case"] != case:
        raise Refused(422, "case", "the statement names another case")
    try:
        act = lock_case(session, case, caller, at)
    except Refused as error:
        raise Denied(None, caller, None, statement.digest, error.code, act=ACT) from error
    _require_live_key(directory, statement, at)
    require_content(session, case)
    require_confirmed(session)
    # The rows are asked for by the agency whose key signed, never by what the statement says.
    items, follows = _page(session, case, statement.issuer, after)
    receipt = _repeated(act, statement, items) or _record(act, statement, items)
    # The rows leave the session before it commits: what is not written by then would not be.
    session.flush()
    return Retrieved(receipt, items, items[-1].log_index if follows else None)


def _verify(directory: Directory, token: object, caller: str, at: datetime) -> tuple[Statement, int]:
    try:
        statement = directory.verify(
            token, StatementType.RETRIEVAL, KeyUse.SIGNING, at, log_index=BEFORE_ANY_REVOCATION
        )
        require_id(statement.members["case"], "case")
        named = statement.members["after"]
        after = -1 if named is None else require_number(named, "after")
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    if statement.issuer != caller:
        raise Refused(403, "issuer", "a retrieval is brought by the agency that signed it")
    require_fresh(statement.issued_at, at, MAX_PULL_AGE)
    return statement, after


def _require_live_key(directory: Directory, statement: Statement, at: datetime) -> None:
    try:
        directory.require_key(statement.kid, KeyUse.SIGNING, statement.issuer, at)
    except NotCertified as error:
        answer = Refused(403, "key_revoked", str(error))
        case = statement.members["case"]
        raise Denied(case, statement.issuer, None, statement.digest, "key_revoked", answer, act=ACT) from error


def _page(session: Session, case: str, agency: str, after: int) -> tuple[list[Own], bool]:
    """Return the next things of an agency in log order, as many as one page holds, and whether more follow."""
    listed = own_rows.positions(session, case, agency, after, MAX_LINES + 1)
    taken: list[int] = []
    size = 0
    for item in listed[:MAX_LINES]:
        size += item.size
        if taken and size > MAX_BYTES:
            break
        taken.append(item.log_index)
    return own_rows.find(session, case, agency, taken), len(taken) < len(listed)


def _listed(items: list[Own]) -> dict[str, Any]:
    fragments = [item for item in items if isinstance(item, FragmentRow)]
    return {
        "fragments": [{"fragment": item.fragment, "sha256": item.digest} for item in fragments],
        "channels": sum(isinstance(item, ChannelRow) for item in items),
        "numbers": sum(isinstance(item, DisclosureRow) for item in items),
    }


def _repeated(act: CaseAct, statement: Statement, items: list[Own]) -> Receipt | None:
    """Return the receipt of this very retrieval if it was answered before. Raises ``Refused`` where more is there."""
    entry = rows.find_answered(act.session, act.row.case, "retrieved", statement.digest)
    if entry is None or entry.body is None:
        return None
    body, listed = json.loads(entry.body), _listed(items)
    if {name: body[name] for name in listed} != listed:
        raise Refused(409, "pull_repeated", "this was answered before, and otherwise than now; sign a new one")
    return Receipt(entry.position, entry.body, entry.salt)


def _record(act: CaseAct, statement: Statement, items: list[Own]) -> Receipt:
    members = {"agency": statement.issuer, "statement": statement.digest, "after": statement.members["after"]}
    return act.record("retrieved", {**members, **_listed(items)})


def render_lines(page: Retrieved) -> Iterator[dict[str, Any]]:
    """Return the lines after the ``retrieved`` and ``checkpoint`` lines, the end line last."""
    for item in page.items:
        yield _line(item)
    listed = _listed(page.items)
    counts: Mapping[str, int] = {
        "fragment": len(listed["fragments"]),
        "channel": listed["channels"],
        "disclosure": listed["numbers"],
    }
    yield {"type": "end", "counts": counts, "next": page.next}


def _line(item: Own) -> dict[str, Any]:
    if isinstance(item, ChannelRow):
        return {"type": "channel", "jwe": json.loads(item.jwe), "statement": item.statement}
    if isinstance(item, DisclosureRow):
        return {"type": "void" if item.type == StatementType.VOID.value else "disclosure", "statement": item.statement}
    return {
        "type": "fragment",
        "jwe": {
            "protected": item.protected,
            "iv": item.iv,
            "ciphertext": b64u(item.ciphertext),
            "tag": item.tag,
        },
        "jws": item.jws,
        "archive": {"channel": item.archive_channel, "encrypted_key": item.archive_key},
    }
