"""What a route needs of whoever calls it: declared at the route, asked in one place (``hub.api.access``).

A route that declares nothing is nobody's: it answers every caller as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "__nrmhub_need__"


class Need(StrEnum):
    """The whole list of ways in."""

    OPEN = "open"
    """Anybody: nothing of any case, agency or person is said, or the route proves its caller by itself."""
    AGENCY = "agency"
    """An enrolled agency's token, proven to be in the hands of whoever it was given to (RFC 9449)."""
    PARTY = "party"
    """The same, of an agency that takes part in the case in the address; for others the case is not there."""
    ACT = "act"
    """An agency's token. Whether it takes part in the case is decided in the act: a refusal leaves an entry."""
    PULL = "pull"
    """A person's token, or for its intake an agency's; decided in the act likewise."""


def needs(need: Need) -> Callable[[View], View]:
    """Declare what a view needs. The outermost decorator but for the route's own."""

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, need)
        return view

    return declare


def need_of(view: Callable[..., Any] | None) -> Need | None:
    """Return what a view declared, None where it declared nothing or where there is none."""
    found = getattr(view, _ATTRIBUTE, None)
    return found if isinstance(found, Need) else None
