"""What the log must say of a line that the hub says it took: everything the line itself says in the clear.

docs/protocol.md sections 8.2 and 10.2. A receipt that names the same id with another digest, recipient or agency is no
receipt of what was pushed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adapters.receipts import leaf_of, require_entry, require_said
from adapters.refusal import LogRefused
from adapters.store.tables import OutboxRow
from keys.canonical import NotCanonical, parse_canonical
from keys.envelopes import SealedFragment, wrapped_key_digest
from keys.jose import statement_digest
from keys.promises import Promise
from keys.statements import peek


def verify_receipt(receipt: object, size: int, root: bytes, row: OutboxRow, agency: str) -> None:
    """Verify that an accepted line stands in the log as it was pushed, under a head the hub signed.

    ``agency`` is this one. Raises ``LogRefused``.
    """
    require_entry(receipt, size, root, {"type": row.kind, "case": row.case, "agency": agency, **_said(row)})


def verify_promised(shown: object, promise: Promise, row: OutboxRow, agency: str) -> dict[str, Any]:
    """Verify that a promise is of a line's entry as it was pushed; return what is kept of it. Raises ``LogRefused``.

    ``shown`` is the entry's text and salt: they make a leaf hash that the promise names.
    """
    leaf = leaf_of(shown)
    try:
        said = parse_canonical(shown["body"].encode("utf-8"))  # type: ignore[index]
        number = said["case_seq"]
    except (NotCanonical, AttributeError, KeyError, TypeError, ValueError) as error:
        raise LogRefused("receipt", "a promise of the hub is of no entry of a case") from error
    if promise.case != row.case or not promise.names(number, leaf):
        raise LogRefused("receipt", "a promise of the hub does not name the entry that it was given for")
    require_said(said, {"type": row.kind, "case": row.case, "agency": agency, **_said(row)})
    return {"case_seq": number, "leaf": leaf.hex(), "body": shown["body"], "salt": shown["salt"]}  # type: ignore[index]


def _said(row: OutboxRow) -> dict[str, Any]:
    line: Mapping[str, Any] = json.loads(row.line)
    if row.kind == "fragment":
        sealed = SealedFragment.parse(line["jwe"], line["jws"])
        return {
            "fragment": sealed.header.fragment,
            "sha256": sealed.digest,
            "category": sealed.header.category.value,
            "handling": sealed.header.handling.to_json(),
            "archive": wrapped_key_digest(line["archive"]["encrypted_key"]),
        }
    if row.kind == "emergency":
        return {"statement": statement_digest(line["statement"])}
    members = peek(line["statement"]).members
    said = {"statement": statement_digest(line["statement"]), "channel": members["channel"]}
    if row.kind != "void":
        said |= {name: members[name] for name in ("recipient_agency", "recipient_member")}
    if row.kind == "disclosure":
        said["items"] = len(members["items"])
    return said
