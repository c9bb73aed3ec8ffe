"""Where the hub's database is: a SQLite file, or a PostgreSQL server. No address holds a password.

To a server on another machine the hub speaks TLS and checks certificate and name (libpq's ``verify-full``); there is no
setting that weakens it. docs/postgresql.md.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from hub.store.errors import AddressRefused

MAX_ADDRESS_CHARS = 1_000
CONNECT_SECONDS = 10
SSL_ROOTS = "system"
"""The machine's own certificate authorities, where the address names none."""
_SCHEMES = ("sqlite", "postgresql")
_CHARACTERS = re.compile(r"[A-Za-z0-9_.,:/@?=&%\[\]-]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_FOLDER = re.compile(r"/[A-Za-z0-9_./-]{1,100}")
_QUERY = frozenset({"host", "sslrootcert", "sslmode"})
_VERIFIED = "verify-full"
_EXPECTED = "database: expected postgresql://user@host:5432/name"


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address. ``host`` is a name, a literal address, or the folder of a local socket."""

    text: str
    path: str | None = None
    user: str = ""
    host: str = ""
    port: int = 5432
    name: str = ""
    roots: str | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.path is not None

    @property
    def is_local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return _is_local(self.host)

    def connection(self) -> dict[str, Any]:
        """Return libpq's settings for a connection, all but the password; what the environment says counts for none."""
        if self.is_local and self.roots is None:
            tls: dict[str, Any] = {"sslmode": "prefer"}
        else:
            tls = {"sslmode": _VERIFIED, "sslrootcert": self.roots or SSL_ROOTS}
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "dbname": self.name,
            **tls,
            # Another way of encryption would not check who answers.
            "gssencmode": "disable",
            # A standby takes no acts.
            "target_session_attrs": "read-write",
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 45_000,
            "client_encoding": "utf8",
            "application_name": "nrm-hub",
            # No schema that somebody else may write to comes before the hub's tables. And a statement is planned for
            # the tables as they are: a plan kept from when the log was short would read all of a long one.
            "options": "-c search_path=public -c plan_cache_mode=force_custom_plan",
        }


def read_address(text: str) -> Address:
    """Return a checked address. Raises ``AddressRefused``.

    ``sqlite:///FILE``, or ``postgresql://USER@HOST[:PORT]/NAME`` with ``?sslrootcert=FILE`` for an own authority; of a
    server on this machine also ``postgresql://USER@/NAME?host=FOLDER`` with the folder of its socket.
    """
    if len(text) > MAX_ADDRESS_CHARS:
        raise AddressRefused(f"database: expected an address of at most {MAX_ADDRESS_CHARS} characters")
    scheme = text.partition("://")[0]
    if scheme not in _SCHEMES:
        raise AddressRefused("database: expected an address that begins with postgresql:// (or sqlite:///)")
    if scheme == "postgresql" and not _CHARACTERS.fullmatch(text):
        raise AddressRefused(f"{_EXPECTED}, got a character that stands in none")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Without the cause: its text repeats the address.
        raise AddressRefused(f"{_EXPECTED}, got something else") from None
    return _sqlite(text, url) if scheme == "sqlite" else _postgresql(text, url)


def _sqlite(text: str, url: URL) -> Address:
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise AddressRefused("database: the hub's database is a file: sqlite:///FILE")
    return Address(text, path=url.database)


def _postgresql(text: str, url: URL) -> Address:
    if url.password is not None:
        raise AddressRefused(
            "database: the password never stands in the address: give it in NRM_HUB_DATABASE_PASSWORD_FILE"
        )
    unknown = sorted(set(url.query) - _QUERY)
    if unknown:
        raise AddressRefused(f"{_EXPECTED}, with no setting but sslrootcert, or host for a local socket")
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    if len(query) != len(url.query):
        raise AddressRefused(f"{_EXPECTED}, got a setting twice")
    host = _host(url.host, query.get("host"))
    for what, name in (("user", url.username), ("database's name", url.database)):
        if name is None or not _NAME.fullmatch(name):
            raise AddressRefused(f"{_EXPECTED}; the {what} has 1 to 63 letters, digits, dots, hyphens or underscores")
    if query.get("sslmode", _VERIFIED) != _VERIFIED:
        raise AddressRefused(f"database: sslmode: expected {_VERIFIED}, which is what counts without it as well")
    roots = query.get("sslrootcert", SSL_ROOTS if "sslmode" in query else None)
    if roots not in (None, SSL_ROOTS) and not PurePosixPath(str(roots)).is_absolute():
        raise AddressRefused("database: sslrootcert: expected the whole path of a file of certificates")
    if url.port is not None and not 0 < url.port < 65_536:
        raise AddressRefused("database: port: expected 1 to 65535")
    return Address(
        text,
        user=url.username or "",
        host=host,
        port=5432 if url.port is None else url.port,
        name=url.database or "",
        roots=roots,
    )


def _host(named: str | None, folder: str | None) -> str:
    if named is not None and folder is not None:
        raise AddressRefused("database: expected a host or the folder of a local socket, got both")
    if folder is not None:
        if not _FOLDER.fullmatch(folder) or ".." in folder:
            raise AddressRefused("database: host: expected the whole path of the folder of a local socket")
        return folder
    if not named or not (_HOST.fullmatch(named) or _literal(named) is not None):
        raise AddressRefused(f"{_EXPECTED}; the host is the name or address of one server")
    return named


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    literal = _literal(host)
    return host.startswith("/") or host == "localhost" or (literal is not None and literal.is_loopback)
