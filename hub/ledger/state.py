"""The log's one state row: how it is made, read, locked and moved on."""

from __future__ import annotations

from hub.ledger.errors import LedgerDamaged
from hub.ledger.tree import Frontier
from hub.store import ledger_rows as rows
from hub.store.base import Session

HASH_BYTES = 32


def create(session: Session) -> None:
    """Make an empty log in an empty database. Raises ``LedgerDamaged`` where there is one already."""
    if rows.read_state(session) is not None or rows.count_entries(session) or rows.count_nodes(session):
        raise LedgerDamaged("this database holds a log already")
    rows.create_state(session)


def load(session: Session, *, lock: bool = False) -> Frontier:
    """Return the log's frontier; ``lock`` keeps other writers waiting until the transaction ends.

    Raises ``LedgerDamaged`` where there is no log, or its state cannot be one.
    """
    state = rows.read_state(session, lock=lock)
    if state is None:
        raise LedgerDamaged("this database holds no log: create one first")
    hashes = tuple(state.frontier[start : start + HASH_BYTES] for start in range(0, len(state.frontier), HASH_BYTES))
    if len(state.frontier) != HASH_BYTES * state.size.bit_count():
        raise LedgerDamaged(
            f"log state: a log of {state.size} entries has {state.size.bit_count()} frontier hashes, got {len(hashes)}"
        )
    return Frontier(state.size, hashes)


def store_frontier(session: Session, old_size: int, frontier: Frontier) -> None:
    """Move the log on from ``old_size``. Raises ``LedgerDamaged`` if somebody else moved it in between.

    That cannot happen under the lock of ``load``; on a database without row locks whose transaction did not begin as a
    writer it can, and then the second writer must not take the first one's place (attack 72).
    """
    new = rows.StoredState(frontier.size, b"".join(frontier.hashes))
    if not rows.advance_state(session, old_size, new):
        raise LedgerDamaged("log state: another writer appended at the same time; nothing of this act was recorded")
