"""What the hub says it will place: a signed promise with a deadline, for whoever does not wait (docs/adr/0020).

Nothing is kept for it: everything in it follows from entries that are committed, so whoever sends the same again is
promised the same by the same time, or is given the receipt.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.exchange.acts import Receipt
from hub.exchange.placing import Done
from hub.store import pending_rows
from hub.store.base import Session
from hub.store.database import Database
from hub.store.ledger_rows import find_newest_checkpoint
from hub.store.placing import is_placed
from keys.jose import b64u
from keys.promises import MAX_MERGE_DELAY, Promise, PromisedEntry
from keys.statements import CheckpointRef
from keys.transparency import entry_bytes, leaf_hash


@dataclass(frozen=True, slots=True)
class Promised:
    """What became of acts whose caller does not wait. ``waiting``: entries by log index or ticket, to be promised.

    ``places``: positions of acts that were known before and have one, by what named them.
    """

    waiting: Mapping[int, Receipt]
    places: Mapping[int, int]

    def place(self, done: Done) -> int | None:
        """Return the position of an act that has one and is not promised."""
        return None if done is None or isinstance(done, Receipt) else self.places.get(done)

    def shown(self, done: Done) -> dict[str, Any] | None:
        """Return body and salt of an act's entry that is promised, None for one that is not."""
        if done is None:
            return None
        found = self.waiting.get(done.index if isinstance(done, Receipt) else done)
        if found is None:
            return None
        return {"body": found.body, "salt": None if found.salt is None else b64u(found.salt)}


def newest_head(session: Session) -> CheckpointRef | None:
    """Return the newest published head, in the act's own transaction: what the act records stands behind it."""
    head = find_newest_checkpoint(session)
    return None if head is None else CheckpointRef(head.size, head.root.hex())


def sort_out(database: Database, done: Iterable[Done]) -> Promised:
    """Return which acts are to be promised and which have their place: what was recorded just now is promised."""
    listed = [item for item in done if item is not None]
    fresh = {item.index: item for item in listed if isinstance(item, Receipt)}
    known = {item for item in listed if isinstance(item, int)} - set(fresh)
    tickets = [item for item in known if not is_placed(item)]
    waiting, places = _find(database, tickets) if tickets else ({}, {})
    places |= {item: item for item in known if is_placed(item)}
    return Promised(fresh | waiting, places)


def _find(database: Database, tickets: Collection[int]) -> tuple[dict[int, Receipt], dict[int, int]]:
    # One view of everything: what waits no more in it has its place in it.
    with database.read() as session:
        found = pending_rows.find_by_ticket(session, list(tickets))
        waiting = {item.position: Receipt(item.position, item.body or "", item.salt) for item in found}
        return waiting, pending_rows.find_places(session, [item for item in tickets if item not in waiting])


def make_promise(origin: str, waiting: Iterable[Receipt], named: CheckpointRef | None, at: datetime) -> Promise | None:
    """Return the promise of entries that were recorded after ``named`` was published; None where it is too late.

    All are of one case. What is asked for again is due by the same time: no promise is longer than the first one.
    """
    bodies = [(json.loads(item.body), _leaf(item)) for item in waiting]
    given_at = min(datetime.strptime(body["at"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC) for body, _ in bodies)
    if at >= given_at + MAX_MERGE_DELAY:
        return None
    entries = sorted((body.get("case_seq"), leaf) for body, leaf in bodies)
    return Promise(
        origin=origin,
        case=bodies[0][0].get("case"),
        given_at=given_at,
        until=given_at + MAX_MERGE_DELAY,
        checkpoint=named,
        entries=tuple(PromisedEntry(number, leaf) for number, leaf in entries),
    )


def _leaf(item: Receipt) -> bytes:
    return leaf_hash(entry_bytes(item.body.encode("utf-8"), item.salt))
