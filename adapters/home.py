"""An adapter's home folder: its settings, its keys, its store. Made by ``nrm-adapter init``.

Passphrases come from the environment or from a file it names, never from a command line. Nothing has a default secret.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.hub_pin import HubPin as HubPin  # re-exported: what a home has pinned
from adapters.hub_tls import MAX_CA_BYTES, CaRefused, require_ca
from adapters.issued import remember_issued
from adapters.log_keys import MAX_PIN_BYTES, pinned_floor, pinned_log_key, remember_former, require_not_going_back
from adapters.refusal import HomeRefused as HomeRefused  # re-exported: what a home refuses
from keys.ceremony import request_fingerprint
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import (
    KeyFile,
    KeyFileRefused,
    generate_storage,
    read_key_file,
    write_key_file,
    write_private_file,
)
from keys.custody.place import TokenPlace, read_place, write_place
from keys.custody.protection import require_private
from keys.custody.secret import Secret, read_secret
from keys.custody.token import TokenKeys, create_token_keys, open_token_keys
from keys.jose import Signer
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import Malformed, render_time, require_agency, require_id
from policies.vocabulary import AgencyKind, Role

CONFIG_NAME = "adapter.toml"
HUB_NAME = "hub.json"
CA_NAME = "hub-ca.pem"
ROOT_NAME = "root.key"
AGENCY_NAME = "agency.key"
TOKEN_KEYS_NAME = "agency.token"  # noqa: S105 - the name of a file
STORE_NAME = "store.db"
REQUEST_NAME = "enrolment-request.json"
MAX_CONFIG_BYTES = 64 * 1024
OPTIONAL_TABLES = frozenset({"notifications", "sign_in", "workspace"})
"""What ``adapter.toml`` may hold besides who this agency is: where people work, with whom they sign in, and how they
are told that there is something to do."""
ROOT_YEARS = 5
SIGNING_ALGORITHMS = ("Ed25519", "ES256", "ES384")
"""What the agency's signing key may be; its certificate names it (``keys.uses.ALGORITHMS``)."""
MEMBER_DAYS = 365
WORKING_ALGORITHMS: Mapping[KeyUse, str] = {
    KeyUse.INTAKE: "HPKE-9-KE",
    KeyUse.ARCHIVE: "HPKE-9-KE",
    KeyUse.WITNESS: "Ed25519",
    KeyUse.WITNESS_PQ: "ML-DSA-44",
}
"""An agency's working keys beside its signing key."""


@dataclass(frozen=True, slots=True)
class Home:
    """An adapter's home folder with its settings."""

    folder: Path
    agency: str
    kind: AgencyKind
    name: str
    environment: str
    tables: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The optional tables of the settings as they stand there; whoever uses one checks it."""

    @classmethod
    def load(cls, folder: Path) -> Home:
        """Read ``adapter.toml``. Raises ``HomeRefused`` naming file and setting."""
        path = folder / CONFIG_NAME
        try:
            data = tomllib.loads(_read_text(path, MAX_CONFIG_BYTES))
        except FileNotFoundError as error:
            raise HomeRefused(f"{path} is missing; make an adapter with: nrm-adapter --home {folder} init") from error
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise HomeRefused(f"{path} is not readable TOML") from error
        try:
            if set(data) - OPTIONAL_TABLES != {"agency", "kind", "name", "environment"}:
                raise ValueError(
                    "expected exactly agency, kind, name and environment, and at most the tables "
                    f"{', '.join(sorted(OPTIONAL_TABLES))}"
                )
            if data["environment"] not in ("production", "demo"):
                raise ValueError("environment: expected production or demo")
            return cls(
                folder,
                require_agency(data["agency"]),
                AgencyKind(data["kind"]),
                str(data["name"]),
                data["environment"],
                {name: data[name] for name in sorted(OPTIONAL_TABLES & set(data))},
            )
        except (ValueError, Malformed) as error:
            raise HomeRefused(f"{path}: {error}") from error

    @property
    def store_path(self) -> Path:
        """The adapter's own database."""
        return self.folder / STORE_NAME

    def pin(self) -> HubPin:
        """Return what was pinned of the hub. Raises ``HomeRefused`` before ``nrm-adapter pin``."""
        path = self.folder / HUB_NAME
        try:
            pin = read_pin(path)
        except FileNotFoundError as error:
            raise HomeRefused(f"{path} is missing; pin the hub first with: nrm-adapter pin-hub") from error
        self.require_usable(pin)
        return pin

    def require_usable(self, pin: HubPin) -> None:
        """Raise ``HomeRefused`` for a pin that this adapter may not use: production speaks https only."""
        if self.environment == "production" and not pin.issuer.startswith("https://"):
            raise HomeRefused(f"hub pin: production needs an https address, got {pin.issuer[:100]!r}")

    def require_newer(self, pin: HubPin) -> None:
        """Raise ``HomeRefused`` for a pin of a log key that was replaced since it was pinned here, or a lower floor."""
        path = self.folder / HUB_NAME
        require_not_going_back(self.folder, pinned_log_key(path), pin)
        floor = pinned_floor(path)
        if pin.protocol < floor:
            raise HomeRefused(
                f"this pin file accepts protocol version {pin.protocol}; pinned here is {floor} and up, which is never "
                "lowered; nothing was pinned. Ask the hub's officers for the newest pin file"
            )

    def write_pin(self, pin: HubPin) -> None:
        """Keep what was pinned of the hub, and of another log key in its place which one it was before."""
        remember_former(self.folder, pinned_log_key(self.folder / HUB_NAME), pin)
        write_private_file(self.folder / HUB_NAME, json.dumps(pin.to_json(), indent=1, sort_keys=True).encode())

    def hub_ca(self) -> bytes | None:
        """Return the certificate authority pinned with the hub (PEM), if one was. Raises ``HomeRefused``."""
        path = self.folder / CA_NAME
        return read_ca(path) if path.exists() else None

    def write_ca(self, pem: bytes | None) -> None:
        """Keep the certificate authority of the hub; None: there is none beside the system's."""
        if pem is None:
            (self.folder / CA_NAME).unlink(missing_ok=True)
        else:
            write_private_file(self.folder / CA_NAME, pem)

    def agency_keys(self, environ: Mapping[str, str] = os.environ, *, present: Custody | None = None) -> Custody:
        """Open the agency's working keys: in the token that ``token.toml`` names, else in the key file.

        With ``present``, a token that is open already is asked in the same session, without its PIN.
        Raises ``CustodyRefused`` or ``HomeRefused``.
        """
        place = read_place(self.folder)
        if place is None:
            return self._open(self.folder / AGENCY_NAME, "NRM_ADAPTER_PASSPHRASE", environ)
        path = self.folder / TOKEN_KEYS_NAME
        self._require_protected(path)
        try:
            if isinstance(present, TokenKeys):
                return present.reread(path)
            return open_token_keys(place, read_token_pin(environ), self.agency, path)
        except FileNotFoundError as error:
            raise HomeRefused(f"{path.name} is not in this adapter's home") from error
        except OSError as error:
            raise CustodyRefused(f"{path.name} cannot be read") from error

    def root_key(self, environ: Mapping[str, str] = os.environ) -> PrivateKey:
        """Open the agency's root key, which belongs offline. Raises ``CustodyRefused`` or ``HomeRefused``."""
        return self._open(self.folder / ROOT_NAME, "NRM_ROOT_PASSPHRASE", environ).private("root")

    def member_keys(self, member: str, environ: Mapping[str, str] = os.environ) -> KeyFile:
        """Open one person's keys with their own passphrase. Raises ``CustodyRefused`` or ``HomeRefused``."""
        path = self.folder / "members" / f"{require_id(member, 'member')}.key"
        return self._open(path, "NRM_MEMBER_PASSPHRASE", environ)

    def _open(self, path: Path, variable: str, environ: Mapping[str, str]) -> KeyFile:
        self._require_protected(path)
        try:
            return read_key_file(path, read_passphrase(variable, environ))
        except FileNotFoundError as error:
            raise HomeRefused(f"{path.name} is not in this adapter's home") from error
        except OSError as error:
            raise KeyFileRefused(f"{path.name} cannot be read") from error

    def _require_protected(self, path: Path) -> None:
        if self.environment == "production":
            require_private(path)


def _read_text(path: Path, limit_bytes: int) -> str:
    """Read a small text file. Raises ``HomeRefused``, or ``FileNotFoundError`` for the caller's own words."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise HomeRefused(f"{path} cannot be read") from error
    if len(data) > limit_bytes:
        raise HomeRefused(f"{path} has more than {limit_bytes:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HomeRefused(f"{path} is not text in UTF-8") from error


def read_pin(path: Path) -> HubPin:
    """Read a pin file. Raises ``HomeRefused``, or ``FileNotFoundError``."""
    try:
        return HubPin.from_json(json.loads(_read_text(path, MAX_PIN_BYTES)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise HomeRefused(f"{path} is not JSON: it is damaged, or no pin file") from error


def read_ca(path: Path) -> bytes:
    """Read a file of certificate authorities in PEM. Raises ``HomeRefused``."""
    try:
        return require_ca(_read_text(path, MAX_CA_BYTES).encode())
    except FileNotFoundError as error:
        raise HomeRefused(f"{path} is missing") from error
    except CaRefused as error:
        raise HomeRefused(f"{path}: {error}") from error


def read_passphrase(variable: str, environ: Mapping[str, str] = os.environ) -> Secret:
    """Return a passphrase from ``<variable>_FD``, ``<variable>_FILE`` or ``<variable>``. Raises ``CustodyRefused``."""
    return read_secret(variable, "passphrase", environ)


def read_token_pin(environ: Mapping[str, str] = os.environ) -> Secret:
    """Return the PIN of the agency's token: ``NRM_ADAPTER_PIN`` as above, else a terminal is asked."""
    return read_secret("NRM_ADAPTER_PIN", "token PIN", environ, ask=True)


def init_home(
    folder: Path,
    *,
    agency: str,
    kind: AgencyKind,
    name: str,
    environment: str,
    at: datetime,
    environ: Mapping[str, str] = os.environ,
    algorithm: str = "Ed25519",
    token: TokenPlace | None = None,
) -> str:
    """Make an adapter's home with fresh keys and an enrolment request; return its fingerprint to read out.

    ``algorithm`` is that of the signing key. With ``token`` the agency's working keys are made in it, or sealed by it;
    the root key rests in a key file all the same, because it belongs offline. Raises ``HomeRefused`` where the folder
    holds an adapter already, and ``CustodyRefused``.
    """
    require_agency(agency)
    if (folder / CONFIG_NAME).exists():
        raise HomeRefused(f"{folder} holds an adapter already")
    if algorithm not in SIGNING_ALGORITHMS:
        raise HomeRefused(f"signing algorithm: expected one of {', '.join(SIGNING_ALGORITHMS)}")
    root_passphrase = read_passphrase("NRM_ROOT_PASSPHRASE", environ)
    unlocking = read_passphrase("NRM_ADAPTER_PASSPHRASE", environ) if token is None else read_token_pin(environ)
    root = PrivateKey.generate("Ed25519")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_key_file(folder / ROOT_NAME, KeyFile({"root": root}, generate_storage()), root_passphrase)
    keys = _make_agency_keys(folder, agency, algorithm, token, unlocking)
    request = {
        "agency": make_statement(
            StatementType.AGENCY,
            {"agency": agency, "kind": kind.value, "name": name, "root": dict(root.public.jwk)},
            issuer=agency,
            signer=root,
            issued_at=at,
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        ),
        "certificates": [
            certify(root, agency, use, keys[use.value], at=at, days=365 * ROOT_YEARS)
            for use in (KeyUse.SIGNING, *WORKING_ALGORITHMS)
        ],
    }
    remember_issued(folder, request["certificates"])
    write_private_file(folder / REQUEST_NAME, json.dumps(request, indent=1).encode())
    text = f'agency = "{agency}"\nkind = "{kind.value}"\nname = {json.dumps(name)}\nenvironment = "{environment}"\n'
    write_private_file(folder / CONFIG_NAME, text.encode())
    return request_fingerprint(request)


def _make_agency_keys(
    folder: Path, agency: str, algorithm: str, token: TokenPlace | None, unlocking: str
) -> Mapping[str, Signer]:
    """Make the agency's working keys where they are to rest; return them by use, for their public halves."""
    wanted = {use.value: name for use, name in {KeyUse.SIGNING: algorithm, **WORKING_ALGORITHMS}.items()}
    if token is None:
        contents = KeyFile({use: PrivateKey.generate(name) for use, name in wanted.items()}, generate_storage())
        write_key_file(folder / AGENCY_NAME, contents, unlocking)
        return contents.keys
    # A witness key is Ed25519 (C2SP tlog-cosignature); a token without that may still hold the signing key.
    beside = (KeyUse.WITNESS.value,)
    made = create_token_keys(token, unlocking, agency, wanted, folder / TOKEN_KEYS_NAME, beside=beside)
    try:
        write_place(folder, token)
        return made.keys
    finally:
        made.close()


def certify(
    root: Signer,
    agency: str,
    use: KeyUse,
    key: Signer,
    *,
    at: datetime,
    days: int,
    member: str | None = None,
    roles: tuple[Role, ...] = (),
) -> str:
    """Return the root's certificate of a key, valid from an hour before ``at`` (clocks differ) for ``days`` days."""
    return make_statement(
        StatementType.CERTIFICATE,
        {
            "agency": agency,
            "use": use.value,
            "key": dict(key.public.jwk),
            "member": member,
            "roles": sorted(role.value for role in roles),
            "not_before": render_time(at - timedelta(hours=1)),
            "not_after": render_time(at + timedelta(days=days)),
        },
        issuer=agency,
        signer=root,
        issued_at=at,
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def add_member(
    home: Home, roles: tuple[Role, ...], *, at: datetime, environ: Mapping[str, str] = os.environ
) -> tuple[str, list[str]]:
    """Make a person's two keys under their own passphrase; return their opaque id and the certificates to publish."""
    root, member = home.root_key(environ), os.urandom(16).hex()
    signing, hpke = PrivateKey.generate("Ed25519"), PrivateKey.generate("HPKE-9-KE")
    write_key_file(
        home.folder / "members" / f"{member}.key",
        KeyFile({KeyUse.MEMBER_SIGNING.value: signing, KeyUse.MEMBER_HPKE.value: hpke}, generate_storage()),
        read_passphrase("NRM_MEMBER_PASSPHRASE", environ),
    )
    certificates = [
        certify(root, home.agency, use, key, at=at, days=MEMBER_DAYS, member=member, roles=roles)
        for use, key in ((KeyUse.MEMBER_SIGNING, signing), (KeyUse.MEMBER_HPKE, hpke))
    ]
    remember_issued(home.folder, certificates)
    return member, certificates
