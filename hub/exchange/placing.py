"""The places of acts that are committed: what an answer waits for before it proves anything (docs/adr/0018)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hub.exchange.acts import Receipt
from hub.ledger.sequencing import await_places
from hub.store.database import Database

Done = Receipt | int | None
"""What became of an act: its receipt, the log index of the same act before, or nothing that has a place."""


def placed(database: Database, done: Iterable[Done]) -> list[Done]:
    """Return acts with their positions, waiting for those that have only tickets. Raises ``NotPlacedYet``."""
    listed = list(done)
    places = await_places(database, (_index(item) for item in listed if item is not None))
    return [item if item is None else _moved(item, places.get(_index(item))) for item in listed]


def _index(done: Receipt | int) -> int:
    return done.index if isinstance(done, Receipt) else done


def _moved(done: Receipt | int, position: int | None) -> Receipt | int:
    if position is None:
        return done
    return replace(done, index=position) if isinstance(done, Receipt) else position
