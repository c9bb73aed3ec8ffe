"""An adapter's home folder: its settings, its keys, its store. Made by ``nrm-adapter init``.

Passphrases come from the environment or from a file it names, never from a command line. Nothing has a default secret.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from keys.canonical import NotCanonical, canonical_bytes
from keys.custody.keyfile import (
    KeyFile,
    KeyFileRefused,
    generate_storage,
    read_key_file,
    write_key_file,
    write_private_file,
)
from keys.directory import KeyUse
from keys.fingerprints import fingerprint, group_fingerprint, normalise_fingerprint
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.transparency import ProofInvalid, VerifierKey, WitnessSet
from policies.model import Malformed, render_time, require_agency, require_id, require_members
from policies.vocabulary import AgencyKind, Role

CONFIG_NAME = "adapter.toml"
HUB_NAME = "hub.json"
ROOT_NAME = "root.key"
AGENCY_NAME = "agency.key"
STORE_NAME = "store.db"
REQUEST_NAME = "enrolment-request.json"
MAX_PIN_BYTES = 1024 * 1024
MAX_CONFIG_BYTES = 64 * 1024
MAX_PASSPHRASE_BYTES = 4 * 1024
ROOT_YEARS = 5
MEMBER_DAYS = 365


class HomeRefused(ValueError):
    """An adapter's home is missing something, or holds something it must not."""


@dataclass(frozen=True, slots=True)
class HubPin:
    """What an agency pinned of the federation at enrolment, all of it covered by one fingerprint that people read out.

    The hub's address, its checkpoints' origin and verifier key, the witness set with its quorum, every root's print.
    """

    issuer: str
    origin: str
    log_vkey: str
    witnesses: Mapping[str, Any]
    roots: Mapping[str, str]

    @classmethod
    def from_json(cls, data: object) -> HubPin:
        """Read a pin file. Raises ``HomeRefused``."""
        names = ("issuer", "origin", "log_vkey", "witnesses", "roots")
        try:
            got = require_members(data, names, "hub pin")
            WitnessSet.from_json(got["witnesses"])
            VerifierKey.parse(got["log_vkey"])
            roots = {
                str(require_agency(agency)): normalise_fingerprint(print_) for agency, print_ in got["roots"].items()
            }
            if not isinstance(got["issuer"], str) or not got["issuer"].startswith(("https://", "http://")):
                raise Malformed("issuer: expected an address that begins with https://")
            if not isinstance(got["origin"], str) or not got["origin"]:
                raise Malformed("origin: expected the log's name")
        except (Malformed, ProofInvalid) as error:
            raise HomeRefused(f"hub pin: {error}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise HomeRefused("hub pin: witnesses or roots are not of the agreed form") from error
        pin = cls(got["issuer"], got["origin"], got["log_vkey"], got["witnesses"], roots)
        try:
            canonical_bytes(pin.to_json())
        except NotCanonical as error:
            raise HomeRefused("hub pin: it holds something that no fingerprint can cover") from error
        return pin

    def to_json(self) -> dict[str, Any]:
        """Return the pin file's content."""
        return {
            "issuer": self.issuer,
            "origin": self.origin,
            "log_vkey": self.log_vkey,
            "witnesses": self.witnesses,
            "roots": dict(self.roots),
        }

    @property
    def fingerprint(self) -> str:
        """What people read out before pinning: 16 groups of 4 hex characters over the canonical content."""
        return group_fingerprint(canonical_bytes(self.to_json()))


@dataclass(frozen=True, slots=True)
class Home:
    """An adapter's home folder with its settings."""

    folder: Path
    agency: str
    kind: AgencyKind
    name: str
    environment: str

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
            if set(data) != {"agency", "kind", "name", "environment"}:
                raise ValueError("expected exactly agency, kind, name and environment")
            if data["environment"] not in ("production", "demo"):
                raise ValueError("environment: expected production or demo")
            return cls(
                folder,
                require_agency(data["agency"]),
                AgencyKind(data["kind"]),
                str(data["name"]),
                data["environment"],
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

    def write_pin(self, pin: HubPin) -> None:
        """Keep what was pinned of the hub."""
        write_private_file(self.folder / HUB_NAME, json.dumps(pin.to_json(), indent=1, sort_keys=True).encode())

    def agency_keys(self, environ: Mapping[str, str] = os.environ) -> KeyFile:
        """Open the agency's working keys. Raises ``KeyFileRefused`` or ``HomeRefused``."""
        return _open(self.folder / AGENCY_NAME, read_passphrase("NRM_ADAPTER_PASSPHRASE", environ))

    def root_key(self, environ: Mapping[str, str] = os.environ) -> PrivateKey:
        """Open the agency's root key, which belongs offline. Raises ``KeyFileRefused`` or ``HomeRefused``."""
        return _open(self.folder / ROOT_NAME, read_passphrase("NRM_ROOT_PASSPHRASE", environ)).keys["root"]

    def member_keys(self, member: str, environ: Mapping[str, str] = os.environ) -> KeyFile:
        """Open one person's keys with their own passphrase. Raises ``KeyFileRefused`` or ``HomeRefused``."""
        path = self.folder / "members" / f"{require_id(member, 'member')}.key"
        return _open(path, read_passphrase("NRM_MEMBER_PASSPHRASE", environ))


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


def _open(path: Path, passphrase: str) -> KeyFile:
    try:
        return read_key_file(path, passphrase)
    except FileNotFoundError as error:
        raise HomeRefused(f"{path.name} is not in this adapter's home") from error
    except OSError as error:
        raise KeyFileRefused(f"{path.name} cannot be read") from error


def read_passphrase(variable: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a passphrase from ``<variable>_FILE`` or ``<variable>``. Raises ``HomeRefused`` where neither is set."""
    named = environ.get(f"{variable}_FILE")
    if named:
        # No cause and no path in the text: either could show what is in the file.
        try:
            return _read_text(Path(named), MAX_PASSPHRASE_BYTES).strip()
        except (HomeRefused, OSError, ValueError):
            raise HomeRefused(f"{variable}_FILE names a file that cannot be read as text") from None
    text = environ.get(variable, "")
    if not text:
        raise HomeRefused(f"no passphrase: set {variable}_FILE (or {variable})")
    return text


def init_home(
    folder: Path,
    *,
    agency: str,
    kind: AgencyKind,
    name: str,
    environment: str,
    at: datetime,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Make an adapter's home with fresh keys and an enrolment request; return the root fingerprint to read out.

    Raises ``HomeRefused`` where the folder holds an adapter already.
    """
    require_agency(agency)
    if (folder / CONFIG_NAME).exists():
        raise HomeRefused(f"{folder} holds an adapter already")
    passphrases = [read_passphrase(name, environ) for name in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE")]
    root = PrivateKey.generate("Ed25519")
    keys = {
        KeyUse.SIGNING: PrivateKey.generate("Ed25519"),
        KeyUse.INTAKE: PrivateKey.generate("HPKE-9-KE"),
        KeyUse.ARCHIVE: PrivateKey.generate("HPKE-9-KE"),
        KeyUse.WITNESS: PrivateKey.generate("Ed25519"),
        KeyUse.WITNESS_PQ: PrivateKey.generate("ML-DSA-44"),
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_key_file(folder / ROOT_NAME, KeyFile({"root": root}, generate_storage()), passphrases[0])
    write_key_file(
        folder / AGENCY_NAME,
        KeyFile({use.value: key for use, key in keys.items()}, generate_storage()),
        passphrases[1],
    )
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
        "certificates": [certify(root, agency, use, key, at=at, days=365 * ROOT_YEARS) for use, key in keys.items()],
    }
    write_private_file(folder / REQUEST_NAME, json.dumps(request, indent=1).encode())
    text = f'agency = "{agency}"\nkind = "{kind.value}"\nname = {json.dumps(name)}\nenvironment = "{environment}"\n'
    write_private_file(folder / CONFIG_NAME, text.encode())
    return fingerprint(root.public)


def certify(
    root: PrivateKey,
    agency: str,
    use: KeyUse,
    key: PrivateKey,
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
    return member, certificates
