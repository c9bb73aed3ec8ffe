"""A real mail server and a real gateway on loopback, for the tests of notifications."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from adapters.notifying.refusal import AddressRejected, CarrierDown
from tests.federation import free_port


@dataclass
class Inbox:
    """What a mail server was given. ``answer`` is what it says to a recipient instead of taking them."""

    mails: list[Envelope] = field(default_factory=list)
    answer: str = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 OK"

    def texts(self) -> list[str]:
        """Each message as it came."""
        return [(mail.original_content or b"").decode("ascii") for mail in self.mails]


@contextmanager
def mail_server(
    inbox: Inbox, context: ssl.SSLContext | None = None, *, user: tuple[str, str] | None = None, is_tls: bool = False
) -> Iterator[int]:
    """Serve mail; with ``context`` by STARTTLS, or from the first byte. Yields the port."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == user, handled=False)

    port = free_port()
    options: dict[str, Any] = {}
    if context is not None and not is_tls:
        options = {"tls_context": context, "require_starttls": True}
    if user is not None:
        options |= {"authenticator": authenticate, "auth_required": True}
    server = Controller(inbox, hostname="127.0.0.1", port=port, ssl_context=context if is_tls else None, **options)
    if is_tls:
        # Its own trial connection would have to trust the certificate.
        server._trigger_server = lambda: _knock(port)  # type: ignore[method-assign]
    server.start()
    try:
        yield port
    finally:
        server.stop()


def _knock(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        suppress(ssl.SSLError),
        context.wrap_socket(plain) as wrapped,
    ):
        wrapped.recv(100)


@dataclass
class Gateway:
    """What a gateway was sent: path, headers, body. ``status`` is what it answers."""

    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204
    location: str = ""


@contextmanager
def gateway_server(gateway: Gateway) -> Iterator[str]:
    """Serve a gateway over HTTP. Yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            gateway.asked.append((self.path, dict(self.headers), body))
            self.send_response(gateway.status)
            if gateway.location:
                self.send_header("Location", gateway.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/told"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Pigeon:
    """Carries nothing: notes whom it was to tell. ``is_down`` and ``rejected`` play what goes wrong."""

    told: list[str] = field(default_factory=list)
    is_down: bool = False
    rejected: frozenset[str] = frozenset()

    def tell(self, address: str, at: datetime) -> None:  # noqa: ARG002 - as carriers are asked
        """Note an address."""
        if self.is_down:
            raise CarrierDown("the mail server does not answer")
        if address in self.rejected:
            raise AddressRejected
        self.told.append(address)
