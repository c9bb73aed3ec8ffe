"""Who a request's access token and proof stand for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """An agency, or one of its people where ``member`` is set (the agency says so, section 11 of docs/protocol.md).

    ``amr`` is how that person was recognised (RFC 8176) and ``auth_time`` when, in seconds since 1970.
    """

    agency: str
    member: str | None = None
    amr: tuple[str, ...] = ()
    auth_time: int | None = None
