"""How often somebody may ask: counted in the store of the moment, for all processes of a hub together."""

from __future__ import annotations

from datetime import datetime

from hub.refusal import Refused
from hub.store.moment import Moment
from hub.store.rates import WINDOW_SECONDS, count_request

TOKEN_REQUESTS_PER_MINUTE = 1_200
"""Of one agency's clients. A token is good for five minutes, but each command of the command line asks for its own."""


def require_pace(moment: Moment, name: str, limit: int, at: datetime) -> None:
    """Count one more request under a name. Raises ``Refused`` (429) beyond ``limit`` in a minute."""
    now = int(at.timestamp())
    with moment.write() as session:
        count = count_request(session, name, now)
    if count > limit:
        wait = WINDOW_SECONDS - now % WINDOW_SECONDS
        said = f"at most {limit} requests a minute; try again in {wait} seconds"
        raise Refused(429, "too_many_requests", said, wait=wait)
