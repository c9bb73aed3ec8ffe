"""Tickets: what stands in the place of a log position until one is given (docs/adr/0018).

A ticket is a number above every position. The tickets of one case grow with its ``case_seq``, and what is placed was
there before what waits: so positions and tickets of a case compare as the acts followed each other. Whatever needs the
order of the whole federation places all that waits before it takes a position itself: so every ticket is also above
every position of a public entry. On SQLite there are none.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import Index, Sequence, UniqueConstraint, text

from hub.store.base import Base, Session

FIRST_TICKET = 1 << 62
TICKETS = Sequence("log_ticket", start=FIRST_TICKET + 1, metadata=Base.metadata)
"""Where tickets come from. Its order is not that of commits: nothing but the tickets of one case is compared by it."""


class Order(Enum):
    """What a writing transaction on PostgreSQL keeps others from: it stands in its session's ``info``."""

    WHOLE = "whole"
    CASES = "cases"


def order_of(session: Session) -> Order | None:
    """Return what a session was opened for; None on SQLite, where every act has the whole order."""
    found: Order | None = session.info.get(Order)
    return found


def is_placed(index: int) -> bool:
    """Whether a number is a log position, and not a ticket."""
    return index < FIRST_TICKET


def placed_once(table: str) -> tuple[Any, ...]:
    """Return what keeps two rows of a table from naming one position, or one ticket.

    On PostgreSQL a unique index over all rows would make the position part of the row's key: giving it would then wait
    for every act that refers to the row, and such an act for it. Two that are each over a part are no key.
    """
    one = UniqueConstraint("log_index").ddl_if(dialect="sqlite")
    parts = {f"uq_{table}_placed": f"log_index < {FIRST_TICKET}", f"uq_{table}_ticket": f"log_index >= {FIRST_TICKET}"}
    return (
        one,
        *(
            Index(name, "log_index", unique=True, postgresql_where=text(part)).ddl_if(dialect="postgresql")
            for name, part in parts.items()
        ),
    )
