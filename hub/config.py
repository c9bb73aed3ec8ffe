"""The hub's configuration: one frozen value, read once. A missing secret stops the start; nothing has a default one."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hub.store.address import read_address
from hub.store.errors import AddressRefused
from keys.custody.place import read_place
from keys.custody.secret import Secret, read_secret
from keys.sign_in import Provider, ProvidersRefused, read_providers

CONFIG_NAME = "hub.toml"
KEYS_NAME = "hub.key"
TOKEN_KEYS_NAME = "hub.token"  # noqa: S105 - the name of a file
DATABASE_NAME = "hub.db"
DATABASE_PASSWORD = "NRM_HUB_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
_ORIGIN = re.compile(r"[a-z0-9.-]{1,100}/[a-z0-9-]{1,40}")
_ISSUER = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,200}")
MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Of a push. Every other request carries signed statements only."""
MAX_FORM_BYTES = 64 * 1024
"""A request for a token, which comes from somebody who has none yet."""
MAX_JSON_BYTES = 1024 * 1024


MAX_FRONTS = 8
_SETTINGS = {"issuer", "origin", "environment", "database_url", "sign_in", "fronts"}


class ConfigRefused(ValueError):
    """The configuration is missing something or holds something it must not."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the hub lives and what it is called.

    ``issuer`` is the hub's own address as clients see it, without a path; ``origin`` the first line of its checkpoints.
    ``environment`` is ``production`` or ``demo``; in production the issuer must be ``https``.
    """

    home: Path
    issuer: str
    origin: str
    environment: str
    database_url: str
    database_password: Secret | None = None
    """Of the PostgreSQL user that the address names; never in a file of settings."""
    providers: tuple[Provider, ...] = ()
    """Identity providers of the agencies whose officers sign in to the console, each of one agency."""
    fronts: tuple[str, ...] = ()
    """Addresses of servers in front of this one: only they may say whom a request to the console came from."""

    @property
    def keys_path(self) -> Path:
        """The encrypted key file of log key and token key."""
        return self.home / KEYS_NAME

    @property
    def token_keys_path(self) -> Path:
        """What the hub's token sealed, where it has one."""
        return self.home / TOKEN_KEYS_NAME

    @classmethod
    def load(cls, home: Path, environ: Mapping[str, str] = os.environ) -> Config:
        """Read ``hub.toml`` in the hub's home. Raises ``ConfigRefused`` naming file and setting, ``CustodyRefused``."""
        path = home / CONFIG_NAME
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigRefused(f"{path} is missing; make a hub with: nrm-hub --home {home} init") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigRefused(f"{path} is not readable TOML: {error}") from error
        unknown = sorted(set(data) - _SETTINGS)
        if unknown:
            raise ConfigRefused(f"{path}: unknown settings: {', '.join(unknown)}")
        config = cls.checked(home, data, environ)
        try:
            providers = read_providers(data.get("sign_in", []), path, config.environment)
        except ProvidersRefused as error:
            raise ConfigRefused(str(error)) from error
        return replace(config, providers=providers, fronts=_read_fronts(data.get("fronts", []), path))

    @classmethod
    def checked(cls, home: Path, data: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Config:
        """Build from plain settings. Raises ``ConfigRefused`` and ``CustodyRefused``."""
        issuer, origin = str(data.get("issuer", "")), str(data.get("origin", ""))
        environment = str(data.get("environment", "production"))
        if not _ISSUER.fullmatch(issuer):
            raise ConfigRefused(f"issuer: expected an address such as https://hub.example, got {issuer!r}")
        if not _ORIGIN.fullmatch(origin):
            raise ConfigRefused(f"origin: expected a name such as hub.example/main, got {origin!r}")
        if environment not in ("production", "demo"):
            raise ConfigRefused(f"environment: expected production or demo, got {environment!r}")
        if environment == "production" and not issuer.startswith("https://"):
            raise ConfigRefused(
                "issuer: production needs https (terminate TLS in front of the hub); to try a hub out over http, add: "
                "--environment demo"
            )
        database = str(data.get("database_url") or _own_file(home))
        try:
            address = read_address(database)
        except AddressRefused as error:
            raise ConfigRefused(str(error)) from error
        password = None if address.is_sqlite else read_database_password(environ)
        return cls(home, issuer, origin, environment, database, password)

    def render(self) -> str:
        """Return the text of ``hub.toml``."""
        said = f'issuer = "{self.issuer}"\norigin = "{self.origin}"\nenvironment = "{self.environment}"\n'
        if self.database_url == _own_file(self.home):
            return said
        return f"{said}database_url = {json.dumps(self.database_url, ensure_ascii=False)}\n"


def _own_file(home: Path) -> str:
    return f"sqlite:///{(home / DATABASE_NAME).resolve()}"


def _read_fronts(value: object, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_FRONTS:
        raise ConfigRefused(f"{path}: fronts: expected a list of at most {MAX_FRONTS} addresses")
    try:
        return tuple(str(ipaddress.ip_address(item)) for item in value)
    except ValueError:
        raise ConfigRefused(f"{path}: fronts: expected addresses such as 127.0.0.1") from None


def read_unlocking(home: Path, environ: Mapping[str, str] = os.environ) -> Secret:
    """Return what opens the hub's keys: the PIN of its token where ``token.toml`` names one, else a passphrase.

    The PIN comes from ``NRM_HUB_PIN_FD``, ``NRM_HUB_PIN_FILE`` or ``NRM_HUB_PIN``, else a terminal is asked. Raises
    ``CustodyRefused``.
    """
    return read_passphrase(environ) if read_place(home) is None else read_token_pin(environ)


def read_token_pin(environ: Mapping[str, str] = os.environ) -> Secret:
    """Return the PIN of the hub's token. Raises ``CustodyRefused``."""
    return read_secret("NRM_HUB_PIN", "token PIN", environ, ask=True)


def read_passphrase(environ: Mapping[str, str] = os.environ) -> Secret:
    """Return the passphrase of the hub's key file from ``NRM_HUB_PASSPHRASE_FD``, ``_FILE`` or the variable itself.

    It never stands in a command line. Raises ``CustodyRefused`` where none is set or what is named cannot be read.
    """
    return read_secret("NRM_HUB_PASSPHRASE", "passphrase of the hub's keys", environ)


def read_database_password(environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Return the password of the database's user from ``NRM_HUB_DATABASE_PASSWORD_FD``, ``_FILE`` or the variable.

    None where none is set: the server may know the user otherwise, or libpq's own password file has it. Raises
    ``CustodyRefused``.
    """
    if not any(environ.get(f"{DATABASE_PASSWORD}{end}") for end in ("_FD", "_FILE", "")):
        return None
    return read_secret(DATABASE_PASSWORD, "password of the hub's database", environ)
