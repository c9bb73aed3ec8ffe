"""By whom messages are carried: the ``[notifications]`` table of ``adapter.toml``, checked.

The agency's own mail server, a webhook of its own, or both. Secrets stand in no file of ours: the server's password is
``NRM_ADAPTER_SMTP_PASSWORD``, the webhook's secret ``NRM_ADAPTER_WEBHOOK_SECRET`` (or ``_FILE``, ``_FD``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.home import CONFIG_NAME, Home, HomeRefused
from adapters.workspace.settings import TABLE as WORKSPACE
from adapters.workspace.settings import parse_settings as parse_workspace

TABLE = "notifications"
PASSWORD, WEBHOOK_SECRET = "NRM_ADAPTER_SMTP_PASSWORD", "NRM_ADAPTER_WEBHOOK_SECRET"
MAX_ADDRESS_CHARS = 254
"""RFC 5321 section 4.5.3.1, less the angle brackets."""
MAX_TEXT_CHARS = 300
MAX_PORT = 65_535
MAX_DOMAINS = 20
ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}", re.ASCII
)
_DOMAIN = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}", re.ASCII)
_SETTINGS = {"from", "server", "port", "security", "user", "ca", "webhook", "domains"}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Security(StrEnum):
    """How the way to the mail server is protected (RFC 8314, RFC 3207)."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"
    """Only to a server on this very machine."""


PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """The agency's own. ``ca`` is a file of certificate authorities; None: those of the system."""

    sender: str
    host: str
    port: int
    security: Security
    user: str | None
    ca: Path | None


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """``origin`` is where people sign in. ``domains``: where addresses may be; empty: anywhere."""

    origin: str
    mail: MailServer | None
    webhook: str | None
    domains: tuple[str, ...] = ()


def read_settings(home: Home) -> NotifySettings | None:
    """Return by whom messages are carried, or None where the home does not say. Raises ``HomeRefused``."""
    table = home.tables.get(TABLE)
    if table is None:
        return None
    try:
        if WORKSPACE not in home.tables:
            raise ValueError(f"expected a [{WORKSPACE}] table as well: it says where people sign in")
        origin = parse_workspace(home.tables[WORKSPACE], environment=home.environment, folder=home.folder).origin
        return parse_settings(table, origin=origin, is_demo=home.environment == "demo", folder=home.folder)
    except ValueError as error:
        raise HomeRefused(f"{home.folder / CONFIG_NAME}: [{TABLE}] {error}") from error


def parse_settings(table: object, *, origin: str, is_demo: bool, folder: Path) -> NotifySettings:
    """Check the table. Raises ``ValueError`` naming the setting."""
    if not isinstance(table, Mapping) or not set(table) <= _SETTINGS or not {"server", "webhook"} & set(table):
        raise ValueError(f"expected server or webhook or both, and at most {', '.join(sorted(_SETTINGS))}")
    mail = _parse_mail(table, folder) if "server" in table else None
    if mail is None and set(table) & {"from", "port", "security", "user", "ca"}:
        raise ValueError("from, port, security, user and ca: expected with server only")
    webhook = _parse_webhook(table["webhook"], is_demo=is_demo) if "webhook" in table else None
    return NotifySettings(origin, mail, webhook, _parse_domains(table.get("domains", [])))


def _parse_mail(table: Mapping[str, Any], folder: Path) -> MailServer:
    sender = table.get("from")
    if not isinstance(sender, str) or len(sender) > MAX_ADDRESS_CHARS or ADDRESS.fullmatch(sender) is None:
        raise ValueError("from: expected the address that messages come from, such as nrm-hub@fernshire.example")
    host = _text(table, "server")
    if re.fullmatch(r"[A-Za-z0-9.:-]+", host, re.ASCII) is None:
        raise ValueError("server: expected a name or an address")
    try:
        security = Security(table.get("security", Security.STARTTLS.value))
    except ValueError:
        raise ValueError("security: expected starttls, tls or none") from None
    if security is Security.NONE and host not in LOOPBACK:
        raise ValueError("security: expected starttls or tls; none only for a server on this machine, 127.0.0.1")
    port = table.get("port", PORTS[security])
    if type(port) is not int or not 1 <= port <= MAX_PORT:
        raise ValueError(f"port: expected 1 to {MAX_PORT}")
    user = _text(table, "user") if "user" in table else None
    if user is not None and security is Security.NONE:
        raise ValueError("user: expected none where security is none; a password travels over TLS only")
    return MailServer(sender, host, port, security, user, _parse_ca(table, folder))


def _parse_ca(table: Mapping[str, Any], folder: Path) -> Path | None:
    if "ca" not in table:
        return None
    path = folder / _text(table, "ca")
    if not path.is_file():
        raise ValueError("ca: expected a file of certificate authorities, nothing is there")
    return path


def _parse_webhook(value: object, *, is_demo: bool) -> str:
    said = "webhook: expected https://host/path without user and password"
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > MAX_TEXT_CHARS:
        raise ValueError(said)
    if " " in value:
        raise ValueError(said)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(said) from None
    is_local = is_demo and parts.scheme == "http" and host in LOOPBACK
    if not host or "@" in parts.netloc or parts.fragment or not (parts.scheme == "https" or is_local):
        raise ValueError(said)
    return value


def _parse_domains(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [None]
    if len(listed) > MAX_DOMAINS or not all(isinstance(item, str) and _DOMAIN.fullmatch(item) for item in listed):
        raise ValueError(f"domains: expected a list of at most {MAX_DOMAINS} names in lower case")
    return tuple(listed)


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table[name]
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= MAX_TEXT_CHARS:
        raise ValueError(f"{name}: expected 1 to {MAX_TEXT_CHARS} characters")
    return value
