"""What agencies have said on keeping a case, verified by the keys that signed it."""

from __future__ import annotations

from collections.abc import Iterable

from keys.canonical import parse_canonical
from keys.directory import Directory
from keys.jose import SignatureRefused, UnverifiedJws
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.model import Malformed, parse_time

RETENTION_TYPES = frozenset(
    {StatementType.RETENTION, StatementType.ERASURE, StatementType.ERASURE_CONFIRMATION, StatementType.HOLD}
)


def verify_kept(case: str, tokens: Iterable[object], directory: Directory) -> tuple[Statement, ...]:
    """Verify each word by the key that its agency had certified when it was said.

    Raises ``Malformed``, ``SignatureRefused``, ``NotCertified`` or ``NotCanonical``.
    """
    found = []
    for token in tokens:
        kind = peek(token).type
        if kind not in RETENTION_TYPES:
            raise SignatureRefused("a statement on keeping a case is of another type")
        issued_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        statement = directory.verify(token, kind, KeyUse.SIGNING, issued_at, as_taken=True)
        if statement.members["case"] != case:
            raise Malformed(f"{kind.value}: belongs to another case")
        found.append(statement)
    return tuple(found)
