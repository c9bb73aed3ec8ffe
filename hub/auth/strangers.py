"""How often an address may ask without proving whose it is, counted for all processes of a hub together.

An address is where the connection came from. Where that is a server in front, and only where the hub's settings name it
(``fronts``), it is what that server says last in X-Forwarded-For; nobody else's word about an address counts.
"""

from __future__ import annotations

from datetime import datetime

from flask import Request

from hub.refusal import Refused
from hub.store.moment import Moment
from hub.store.rates import WINDOW_SECONDS
from keys.incoming import counted_address

ADDRESS_REQUESTS_PER_MINUTE = 2_400
"""Of one address, to what is open to anybody, or with no token that is good. Several agencies may share an address: it
is twice what one of them may ask for tokens."""


def client_of(request: Request, fronts: tuple[str, ...]) -> str:
    """Return whom a request is counted under: the address it came from, of IPv6 the network (/64)."""
    return counted_address(request.remote_addr, request.headers.get("X-Forwarded-For", ""), fronts)


def require_pace_of_stranger(moment: Moment, address: str, at: datetime) -> None:
    """Count one more request of an address. Raises ``Refused`` (429) beyond the limit of a minute.

    Counted in this process's memory and told to the others by the portion: nobody who proves nothing takes a lock at
    each request, and a minute's limit is passed by no more than a portion for each process.
    """
    now = int(at.timestamp())
    window = now // WINDOW_SECONDS
    name, until = f"address {address}", (window + 1) * WINDOW_SECONDS
    if moment.strangers.known(name, window) < ADDRESS_REQUESTS_PER_MINUTE:
        moment.strangers.count(name, window, until)
        return
    raise Refused(
        429,
        "too_many_requests",
        f"at most {ADDRESS_REQUESTS_PER_MINUTE} requests a minute from one address without a good token; try again in "
        f"{until - now} seconds",
        wait=until - now,
    )
