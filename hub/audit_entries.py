"""From stored entries to the lines and sums of the audit page: one entry at a time, for one case or for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.audit_agreements import Agreements
from hub.audit_counts import CaseAudit
from hub.audit_lines import AuditLine, Source, claims_of, make_line, unreadable
from hub.audit_words import Names
from hub.store.ledger_rows import StoredEntry
from keys.canonical import NotCanonical, parse_canonical
from keys.jose import statement_digest


def read_body(row: StoredEntry) -> Mapping[str, Any] | None:
    """Return what an entry says; None where it is erased or cannot be read."""
    try:
        body = None if row.body is None else parse_canonical(row.body.encode("utf-8"))
    except (NotCanonical, UnicodeEncodeError, AttributeError):
        return None
    return body if isinstance(body, dict) else None


def by_digest(tokens: Iterable[str]) -> dict[str, str]:
    """Return signed statements by the digest that an entry names them by."""
    return {statement_digest(token): token for token in tokens if token.isascii()}


def line_of(
    row: StoredEntry,
    body: Mapping[str, Any] | None,
    statements: Mapping[str, str],
    fault: str,
    agreements: Agreements,
    names: Names,
) -> AuditLine:
    """Return the line of one entry. ``fault`` says what is wrong with the entry itself."""
    if body is None:
        return unreadable(row.position, fault, is_erased=row.body is None)
    token = statements.get(str(body.get("statement")))
    return make_line(Source(row.position, body, None if token is None else claims_of(token), fault), agreements, names)


def add_entry(
    case: CaseAudit, row: StoredEntry, statements: Mapping[str, str], fault: str, agreements: Agreements
) -> AuditLine:
    """Add one entry to its case, in the case's order, and return its line."""
    body = read_body(row)
    case.note(body, statements)
    line = line_of(row, body, statements, fault, agreements, case.names)
    case.lines.append(line)
    return line
