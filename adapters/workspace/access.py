"""The one rule of who may ask for what: each route declares its need; what declares none is answered to nobody."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from flask import Flask
from werkzeug.exceptions import HTTPException

_NEED = "workspace_need"
_QUIET = "workspace_quiet"
_AT_MOST = "workspace_at_most"
_SHOWS_AGAIN = "workspace_shows_again"
MAX_REQUEST_BYTES = 64 * 1024
"""Of a request of somebody not signed in, and of any to a route without content that declares no other limit."""
MAX_FORM_BYTES = 1024 * 1024
"""Of a form of a page with content: so much is read that each field can say what is too long, and no word is lost."""
_View = TypeVar("_View", bound=Callable[..., object])


class Need(StrEnum):
    """What somebody must be before a route answers them; each one includes those before it."""

    OPEN = "open"
    """Anybody."""
    SIGNED_IN = "signed_in"
    """Somebody bound to a member of this agency whose keys count, signed in with at least one factor."""
    TWO_FACTORS = "two_factors"
    """The same, by two factors: their provider says so, or a passkey was just used."""
    UNLOCKED = "unlocked"
    """The same, and the member's key is open in this process. Every page with content needs this."""


def needs(need: Need, *, at_most: int | None = None) -> Callable[[_View], _View]:
    """Declare what a view needs. Goes directly on the function, below the decorator that gives it a route.

    ``at_most``: how many bytes a request to it may have, where it takes files; without it the limit of all forms.
    """
    limit = MAX_FORM_BYTES if need is Need.UNLOCKED else MAX_REQUEST_BYTES

    def declare(view: _View) -> _View:
        setattr(view, _NEED, need)
        setattr(view, _AT_MOST, limit if at_most is None else at_most)
        return view

    return declare


def shows_again(view: _View) -> _View:
    """Declare that a view shows its form with what was typed, and does nothing else, where ``is_shown_again()``.

    So somebody whose session had ended gets their form back. Goes directly on the function, as ``needs`` does.
    """
    setattr(view, _SHOWS_AGAIN, True)
    return view


def can_show_again(app: Flask, endpoint: str | None) -> bool:
    """Return whether a view shows its form again on request."""
    view = app.view_functions.get(endpoint) if endpoint is not None else None
    return bool(getattr(view, _SHOWS_AGAIN, False))


def quiet(view: _View) -> _View:
    """Declare that asking for a view is no use of a session: a page's script asks, nobody does.

    Whoever may not is told so in a word, not led elsewhere. Goes directly on the function, as ``needs`` does.
    """
    setattr(view, _QUIET, True)
    return view


def is_quiet(app: Flask, endpoint: str | None) -> bool:
    """Return whether a view is one that only scripts ask for."""
    view = app.view_functions.get(endpoint) if endpoint is not None else None
    return bool(getattr(view, _QUIET, False))


def need_of(app: Flask, endpoint: str | None) -> Need | None:
    """Return what the view of an endpoint has declared, or None: nobody may."""
    view = app.view_functions.get(endpoint) if endpoint is not None else None
    found = getattr(view, _NEED, None)
    return found if isinstance(found, Need) else None


def limit_of(app: Flask, endpoint: str | None) -> int:
    """Return how many bytes a request to an endpoint may have."""
    view = app.view_functions.get(endpoint) if endpoint is not None else None
    found = getattr(view, _AT_MOST, MAX_REQUEST_BYTES)
    return found if isinstance(found, int) else MAX_REQUEST_BYTES


def need_of_path(app: Flask, path: str) -> Need | None:
    """Return what the page at a path, with or without a query, has declared; None where there is none."""
    return need_of(app, endpoint_of_path(app, path))


def endpoint_of_path(app: Flask, path: str, method: str = "GET") -> str | None:
    """Return which view answers at a path, with or without a query; None where none does."""
    try:
        endpoint, _ = app.url_map.bind("").match(path.partition("?")[0], method=method)
    except HTTPException:
        return None
    return str(endpoint)


def routes(app: Flask) -> list[tuple[str, str, Need | None]]:
    """Return every route of an application: method, rule, what it needs (None: not declared)."""
    return sorted(
        (method, rule.rule, need_of(app, rule.endpoint))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    )
