"""Put the console under ``/console`` of the hub's application: two applications that share nothing but an address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from hub.console.app import ROOT, create_console
from hub.services import Services

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_NOBODY = b"No sign-in service is configured at this hub, so nobody can look at its console.\n"


def mount(app: Flask, services: Services) -> None:
    """Serve the console beside the API. Without a configured provider its address only says that there is none.

    Raises ``ConsoleRefused``.
    """
    console = create_console(services) if services.config.providers else None
    app.extensions["nrmhub_console"] = console
    app.wsgi_app = _Split(app.wsgi_app, _say_none if console is None else console)  # type: ignore[method-assign]


class _Split:
    """Sends what is asked of the console to the console, and everything else to the API."""

    def __init__(self, api: WSGIApplication, console: WSGIApplication) -> None:
        self._api, self._console = api, console

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_console = path == ROOT or path.startswith(f"{ROOT}/")
        return (self._console if is_console else self._api)(environ, start_response)


def _say_none(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(_NOBODY))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ]
    start_response("503 Service Unavailable", headers)
    return [_NOBODY]
