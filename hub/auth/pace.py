"""How often somebody may ask: counted in the store of the moment, for all processes of a hub together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hub.exchange.acts import record_caseless
from hub.refusal import Refused
from hub.store.database import Database
from hub.store.moment import Moment
from hub.store.rates import WINDOW_SECONDS, Pace

TOKEN_REQUESTS_PER_MINUTE = 1_200
"""Of one agency's clients. A token is good for five minutes, but each command of the command line asks for its own."""
CODE = "too_many_requests"


def refuse_known(moment: Moment, name: str, limit: int, at: datetime) -> None:
    """Raise ``Refused`` (429) where it is known already that a name has had its requests of this minute.

    Asked before anything is written for a request: it neither counts nor asks the store.
    """
    now = int(at.timestamp())
    if moment.paces.is_over(name, limit, now):
        raise _too_many(limit, now)


def require_pace(
    moment: Moment, name: str, limit: int, at: datetime, *, on_first: Callable[[], None] = lambda: None
) -> None:
    """Count one more request under a name. Raises ``Refused`` (429) beyond ``limit`` in a minute.

    ``on_first`` is called before the first refusal of a minute, by one process of the hub.
    """
    now = int(at.timestamp())
    pace = moment.paces.count(name, limit, now)
    if pace is Pace.FIRST_OVER:
        on_first()
    if pace is not Pace.WITHIN:
        raise _too_many(limit, now)


def record_first(database: Database, agency: str, member: str | None, act: str, at: datetime) -> None:
    """Write down that a caller was refused for asking too often: one entry a minute, however many requests it was."""
    members: dict[str, Any] = {
        "agency": agency,
        "member": member,
        "act": act,
        "statement": None,
        "code": CODE,
        "rules": [],
        "lines": None,
    }
    with database.write() as session:
        record_caseless(session, "denied", members, at)


def _too_many(limit: int, now: int) -> Refused:
    wait = WINDOW_SECONDS - now % WINDOW_SECONDS
    return Refused(429, CODE, f"at most {limit} requests a minute; try again in {wait} seconds", wait=wait)
