"""Which keys have signed this log's heads, by its own ``log_key`` entries. Who signed those is not looked at here."""

from __future__ import annotations

from hub.ledger.entries import EntryType
from hub.store import ledger_rows as rows
from hub.store.base import Session
from keys.canonical import NotCanonical, parse_canonical
from keys.ceremony import CeremonyRefused
from keys.log_keys import LogKeyChange, read_claim


def read_log_key_changes(session: Session, origin: str) -> list[LogKeyChange]:
    """Return the changes of the log's key in their order; what cannot be read is left out: the log's check names it."""
    changes = []
    for index, body in rows.read_bodies(session, EntryType.LOG_KEY.value):
        try:
            claim = read_claim(parse_canonical(body.encode("utf-8")), origin)
        except (CeremonyRefused, NotCanonical, AttributeError, KeyError, TypeError, ValueError):
            continue
        changes.append(LogKeyChange(index, claim.previous, claim.key, claim.reason))
    return changes
