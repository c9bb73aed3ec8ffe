"""Where the workspace is served: the ``[workspace]`` table of ``adapter.toml``, checked.

``origin`` is what people type, and the relying party of their passkeys; ``bind`` is where this process listens. TLS is
done here (``certificate`` and ``key``), or in front of a process that then listens on loopback only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.home import CONFIG_NAME, Home, HomeRefused

TABLE = "workspace"
MAX_ORIGIN_CHARS = 253 + 20
MAX_PORT = 65_535
MAX_FRONTS = 8
DEFAULT_THREADS, MAX_THREADS = 8, 64
MAX_CONTACT_CHARS = 200
_SETTINGS = {"origin", "bind", "certificate", "key", "fronts", "threads", "contact"}


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """``fronts`` are the addresses of servers in front of this one: only they may say whom a request came from.

    ``contact`` is whom people tell that a page is hard to use, as the accessibility statement shows it.
    """

    origin: str
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    fronts: tuple[str, ...] = ()
    threads: int = DEFAULT_THREADS
    contact: str = ""

    @property
    def netloc(self) -> str:
        """What a browser names in the Host header."""
        return urlsplit(self.origin).netloc

    @property
    def relying_party(self) -> str:
        """The host of the origin: what passkeys are bound to (WebAuthn's RP ID)."""
        return str(urlsplit(self.origin).hostname)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the workspace over TLS."""
        return self.origin.startswith("https://")


def read_settings(home: Home) -> WorkspaceSettings | None:
    """Return where the workspace is served, or None where the home does not say. Raises ``HomeRefused``."""
    table = home.tables.get(TABLE)
    if table is None:
        return None
    try:
        return parse_settings(table, environment=home.environment, folder=home.folder)
    except ValueError as error:
        raise HomeRefused(f"{home.folder / CONFIG_NAME}: [{TABLE}] {error}") from error


def parse_settings(table: object, *, environment: str, folder: Path) -> WorkspaceSettings:
    """Check the table. Raises ``ValueError`` naming the setting."""
    if not isinstance(table, Mapping) or not set(table) <= _SETTINGS or not {"origin", "bind"} <= set(table):
        raise ValueError("expected origin and bind, and at most certificate, key, fronts, threads and contact")
    origin = _parse_origin(table["origin"], environment)
    host, port = _parse_bind(table["bind"])
    pair = [_parse_file(table, name, folder) for name in ("certificate", "key")]
    if (pair[0] is None) != (pair[1] is None):
        raise ValueError("certificate and key: expected both, or neither where TLS is done in front")
    if pair[0] is not None and not origin.startswith("https://"):
        raise ValueError("origin: expected https:// where a certificate is given")
    if pair[0] is None and not _is_loopback(host):
        raise ValueError("bind: without certificate and key expected a loopback address, such as 127.0.0.1:8443")
    threads = table.get("threads", DEFAULT_THREADS)
    if type(threads) is not int or not 2 <= threads <= MAX_THREADS:
        raise ValueError(f"threads: expected 2 to {MAX_THREADS}")
    contact = table.get("contact", "")
    if not isinstance(contact, str) or len(contact) > MAX_CONTACT_CHARS or not contact.isprintable():
        raise ValueError(f"contact: expected one line of at most {MAX_CONTACT_CHARS} characters")
    fronts = _parse_fronts(table.get("fronts", []))
    return WorkspaceSettings(origin, host, port, pair[0], pair[1], fronts, threads, contact)


def _parse_origin(value: object, environment: str) -> str:
    said = "origin: expected https://host or https://host:port, with nothing after it"
    if not isinstance(value, str) or not value.isascii() or len(value) > MAX_ORIGIN_CHARS or value != value.lower():
        raise ValueError(said)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(said) from None
    if value != f"{parts.scheme}://{parts.netloc}" or not host or "@" in parts.netloc:
        raise ValueError(said)
    is_local = host == "localhost" or host.endswith(".localhost")
    if parts.scheme == "http" and not (environment == "demo" and is_local):
        raise ValueError("origin: expected https://; http:// only in the demo, for a name that ends in .localhost")
    if parts.scheme not in ("http", "https"):
        raise ValueError(said)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return value
    raise ValueError("origin: expected a name; passkeys are not bound to a bare address")


def _parse_bind(value: object) -> tuple[str, int]:
    text = value if isinstance(value, str) else ""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or len(text) > MAX_ORIGIN_CHARS or not port.isascii() or not port.isdigit():
        raise ValueError("bind: expected an address and a port, such as 127.0.0.1:8443")
    if not 0 <= int(port[:6]) <= MAX_PORT:
        raise ValueError(f"bind: expected a port from 0 to {MAX_PORT}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse_file(table: Mapping[str, Any], name: str, folder: Path) -> Path | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: expected the path of a file")
    path = folder / value
    if not path.is_file():
        raise ValueError(f"{name}: expected a file, nothing is there")
    return path


def _parse_fronts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_FRONTS:
        raise ValueError(f"fronts: expected a list of at most {MAX_FRONTS} addresses")
    try:
        return tuple(str(ipaddress.ip_address(item)) for item in value)
    except ValueError:
        raise ValueError("fronts: expected addresses such as 127.0.0.1") from None
