"""Positions for entries that were committed without one: in batches, by one at a time, in the order of each case.

docs/adr/0018. Whoever places holds the log's state row; entries, nodes, state and the rows that name the entries change
in one transaction, so that whoever dies in it has done nothing, and the next does all of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hub.ledger.errors import LedgerDamaged, NotPlacedYet
from hub.ledger.state import load, store_frontier
from hub.ledger.tree import Frontier, NodeId
from hub.store import pending_rows
from hub.store.base import Session
from hub.store.database import Database, before_whole_order
from hub.store.errors import StoreUnavailable
from hub.store.pending_rows import Waiting
from hub.store.placing import is_placed

MAX_BATCH = 2_000
"""Entries that are given positions in one transaction."""
MAX_WAIT_SECONDS = 10.0
"""How long an act that is committed waits for its position, before its caller is told to ask again."""
HELD_UP_SECONDS = 3.0
"""After so long it takes the whole order for itself: no act is in the middle then, so all that is committed can be
placed. What holds up placing for longer than acts take is a transaction of somebody else in the same server."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.05


@dataclass(frozen=True, slots=True)
class Placed:
    """What one batch did: how many entries it placed, and how many it saw and had to leave."""

    count: int
    left: int


def place_all(session: Session) -> int:
    """Place everything that waits, in an act that has the whole order; return how many entries that was."""
    if not pending_rows.is_any_waiting(session):
        return 0
    total = 0
    while (placed := place_batch(session, is_alone=True)).count:
        total += placed.count
    if placed.left:
        raise LedgerDamaged(f"{placed.left} waiting entries do not continue their cases: none of them can be placed")
    return total


before_whole_order(place_all)


def place_batch(session: Session, *, is_alone: bool = False) -> Placed:
    """Place waiting entries, at most ``MAX_BATCH``. The caller commits. Raises ``LedgerDamaged``.

    Taken are only entries whose transaction is below the snapshot's xmin: every act that began before them has ended.
    ``is_alone`` says that no act can be in the middle of anything, so that all that is committed is taken. Of each case
    they are taken by ``case_seq``, each the next after what is placed, whatever the order of their tickets.
    """
    old = load(session, lock=True)
    # Read after the lock: what the one before placed waits no more.
    seen = pending_rows.read_waiting(session, MAX_BATCH)
    if not seen:
        return Placed(0, 0)
    chosen = _choose(session, [item for item in seen if item.is_past or is_alone])
    if not chosen:
        return Placed(0, len(seen))
    frontier: Frontier = old
    nodes: dict[NodeId, bytes] = {}
    places: dict[int, int] = {}
    for item in chosen:
        places[item.ticket] = frontier.size
        frontier, complete = frontier.append(item.leaf)
        nodes.update(complete)
    store_frontier(session, old.size, frontier)
    if pending_rows.move(session, places) != len(places):
        raise LedgerDamaged("an entry that waited for its position was taken away; nothing was placed")
    pending_rows.insert_nodes(session, nodes)
    pending_rows.name_places(session, places, sorted({item.type for item in chosen}))
    return Placed(len(chosen), len(seen) - len(chosen))


def _choose(session: Session, found: list[Waiting]) -> list[Waiting]:
    """Return what can be placed now, in the order in which it will be: of each case an unbroken chain."""
    cases = sorted({item.case for item in found if item.case is not None})
    ends = pending_rows.find_case_ends(session, cases) if cases else {}
    waiting: dict[str, list[Waiting]] = {}
    for item in found:
        if item.case is not None:
            waiting.setdefault(item.case, []).append(item)
    for listed in waiting.values():
        listed.sort(key=lambda item: item.case_seq or 0, reverse=True)
    chosen: list[Waiting] = []
    for item in found:
        if item.case is None:
            chosen.append(item)
            continue
        # In the place of a case's ticket stands whatever of this case is next.
        following = waiting[item.case][-1]
        number, leaf = ends.get(item.case, (0, None))
        if (following.case_seq, following.previous) != (number + 1, leaf):
            continue
        waiting[item.case].pop()
        ends[item.case] = (number + 1, following.leaf)
        chosen.append(following)
    return chosen


def place_some(database: Database) -> Placed | None:
    """Place one batch if nobody else is at it, in a transaction of its own; None where somebody is.

    Raises ``StoreUnavailable`` and ``LedgerDamaged``.
    """
    with database.placing() as (session, may):
        if not may:
            return None
        return place_batch(session) if pending_rows.is_any_waiting(session) else Placed(0, 0)


def await_places(database: Database, indexes: Iterable[int]) -> dict[int, int]:
    """Return the positions of the tickets among some log indexes of committed acts, once all of them have one.

    Whoever waits gives positions itself, to everybody, if nobody else is at it. Raises ``NotPlacedYet`` after
    ``MAX_WAIT_SECONDS``: the acts stand all the same.
    """
    tickets = sorted({index for index in indexes if not is_placed(index)})
    if not tickets:
        return {}
    began, pause, has_insisted = time.monotonic(), SHORTEST_PAUSE, False
    while True:
        found = _place_and_find(database, tickets)
        if len(found) == len(tickets):
            return found
        waited = time.monotonic() - began
        if waited >= MAX_WAIT_SECONDS:
            raise NotPlacedYet
        if waited >= HELD_UP_SECONDS and not has_insisted:
            has_insisted = True
            insist(database)
            continue
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def insist(database: Database) -> None:
    """Place all that waits, by taking the whole order. What keeps it from doing so is tried again by whoever waits."""
    try:
        with database.write():
            pass
    except StoreUnavailable:
        return


def _place_and_find(database: Database, tickets: Collection[int]) -> dict[int, int]:
    try:
        with database.placing() as (session, may):
            # Somebody else may have placed them: then there is nothing to hurry for.
            found = pending_rows.find_places(session, list(tickets))
            if may and len(found) < len(tickets):
                place_batch(session)
                found = pending_rows.find_places(session, list(tickets))
        return found
    except StoreUnavailable:
        return {}
