"""A site that people sign in to, with either wiring, over real HTTP; and a browser of few words to walk through it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import lxml.html
from flask import Flask, Request, Response, abort, make_response, request, session
from flask.sessions import SessionInterface, SessionMixin
from flask_babel import Babel
from jinja2 import ChoiceLoader, DictLoader
from werkzeug.datastructures import CallbackDict
from werkzeug.serving import WSGIRequestHandler, make_server

import adapters.workspace.sign_in
import hub.console.sign_in
from keys.fetching import Outgoing
from keys.private import PrivateKey
from keys.sessions import form_token, form_token_matches, new_token
from keys.sign_in import Identity, read_providers

WIRINGS = {"console": hub.console.sign_in, "workspace": adapters.workspace.sign_in}
COOKIE = "session"
BASE = """<!DOCTYPE html><html lang="en-GB"><head><title>{% block title %}{% endblock %}</title></head>
<body><main>{% block content %}{% endblock %}</main></body></html>"""


class _Session(CallbackDict[str, Any], SessionMixin):
    def __init__(self, token: str, values: dict[str, Any] | None = None) -> None:
        super().__init__(values or {}, self._change)
        self.token, self.modified = token, False

    @staticmethod
    def _change(changed: Any) -> None:
        changed.modified = True


class _Sessions(SessionInterface):
    """Sessions in memory. The real ones are tested where they are."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}

    def open_session(self, app: Flask, request: Request) -> _Session:  # noqa: ARG002 - Flask's signature
        token = request.cookies.get(COOKIE, "")
        return _Session(token, dict(self.held[token])) if token in self.held else _Session(new_token())

    def save_session(self, app: Flask, session: Any, response: Response) -> None:  # noqa: ARG002 - Flask's signature
        self.held[session.token] = dict(session)
        response.set_cookie(COOKIE, session.token, httponly=True, samesite="Lax")


def _declare(view: Any) -> Any:
    view.need = "open"
    return view


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None: ...


@contextmanager
def listening(application: Any, port: int) -> Iterator[None]:
    """An application on a loopback port, for as long as the block lasts."""
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Site:
    """One site with its sessions, what it was told of people, and what it logged."""

    wiring: str
    port: int
    tables: list[dict[str, Any]]
    signer: PrivateKey
    outgoing: Outgoing
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    identities: list[Identity] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        module = WIRINGS[self.wiring]
        self.app = Flask(module.__package__ or "", static_folder=None)
        Babel(self.app)
        self.app.jinja_loader = ChoiceLoader([DictLoader({"base.html": BASE}), self.app.jinja_loader])  # type: ignore[assignment,list-item]
        self.app.session_interface = _Sessions()
        self.app.context_processor(lambda: {"form_token": lambda: form_token(session.token)})  # type: ignore[attr-defined]
        self.app.before_request(self._require_form_token)
        handler = logging.Handler()
        handler.emit = lambda record: self.logged.append(record.getMessage())  # type: ignore[method-assign]
        self.app.logger.handlers = [handler]
        self.app.logger.propagate = False
        module.make_sign_in(
            self.app,
            read_providers(self.tables, Path("hub.toml"), self.outgoing.environment),
            self.signer,
            self.outgoing,
            self._welcome,
            origin=self.origin,
            clock=self.clock,
            declare=_declare,
            is_own_path=lambda path: path == "/wanted",
        )

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def callback(self, name: str) -> str:
        return f"{self.origin}/sign-in/{name}/callback"

    @staticmethod
    def _require_form_token() -> None:
        if request.method == "POST" and not form_token_matches(session.token, request.form.get("form_token")):  # type: ignore[attr-defined]
            abort(403)

    def _welcome(self, identity: Identity, wanted: str) -> Any:
        self.identities.append(identity)
        self.wanted.append(wanted)
        return make_response("<h1>Welcome</h1>")

    def sessions(self) -> list[dict[str, Any]]:
        """What every session holds now."""
        interface = self.app.session_interface
        return list(interface.held.values()) if isinstance(interface, _Sessions) else []


class Browser:
    """Follows redirects one by one and fills in forms, with a cookie jar of its own."""

    def __init__(self) -> None:
        self.client = httpx.Client(follow_redirects=False, timeout=20, trust_env=False)
        self.page: httpx.Response | None = None

    def close(self) -> None:
        self.client.close()

    def go(self, url: str, *, stop_at: str | None = None) -> httpx.Response:
        """Open an address and follow where it leads; stop before an address that begins with ``stop_at``."""
        return self._follow(self.client.get(url), stop_at)

    def _follow(self, page: httpx.Response, stop_at: str | None) -> httpx.Response:
        for _ in range(20):
            where = page.headers.get("location")
            if where is None or (stop_at is not None and urljoin(str(page.url), where).startswith(stop_at)):
                self.page = page
                return page
            page = self.client.get(urljoin(str(page.url), where))
        raise AssertionError("redirects without end")

    def submit(self, *, stop_at: str | None = None, form: int = 0, **values: str) -> httpx.Response:
        """Fill in a form of the page shown now and send it."""
        assert self.page is not None
        found = lxml.html.fromstring(self.page.text, base_url=str(self.page.url)).forms[form]
        fields = {name: value or "" for name, value in found.form_values()} | values
        url = urljoin(str(self.page.url), found.action or "")
        sent = self.client.post(url, data=fields) if found.method == "POST" else self.client.get(url, params=fields)
        return self._follow(sent, stop_at)

    @property
    def heading(self) -> str:
        assert self.page is not None
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.page.text, re.DOTALL)
        return "" if found is None else re.sub(r"<[^>]+>", " ", found[1]).strip()

    @property
    def location(self) -> str:
        """Where the page that was stopped at leads to."""
        assert self.page is not None
        return urljoin(str(self.page.url), self.page.headers["location"])

    @property
    def asked(self) -> dict[str, str]:
        """The parameters of ``location``, each once."""
        found = parse_qs(urlsplit(self.location).query, keep_blank_values=True)
        assert all(len(values) == 1 for values in found.values())
        return {name: values[0] for name, values in found.items()}
