"""An agency's own offline backup of its keys: made, and checked without restoring (``adapters.restored_home``).

A backup is a folder with two files: the keys under a passphrase of their own (the key file's form, ``keys.custody``),
and the adapter's settings and pin, sealed with a secret that is among those keys. Nothing of it goes to the hub.
People's own keys are not in it: a person who lost theirs gets new ones (docs/recovery.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.home import HUB_NAME, Home, HomeRefused, HubPin
from adapters.issued import IssuedDamaged, issued_here
from adapters.pending_changes import PENDING_NAME
from adapters.witness_keys import RETIRED
from keys.certificates import NotCertified
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import KeyFile, read_key_file, write_key_file, write_private_file
from keys.directory import Directory
from keys.fingerprints import fingerprint
from keys.jose import is_kid
from keys.private import PrivateKey
from keys.storage import StorageRefused, Vault
from keys.uses import AGENCY_USES, KeyUse
from policies.model import Malformed, parse_time, render_time, require_agency, require_digest, require_members
from policies.vocabulary import AgencyKind

KEYS_NAME = "keys.backup"
SETTINGS_NAME = "settings.backup"
MAX_SETTINGS_BYTES = 2 * 1024 * 1024
ROOT = "root"
NEEDED = frozenset({KeyUse.ARCHIVE.value, KeyUse.INTAKE.value})
"""Working keys that nothing can replace: what was sealed to them opens with them alone."""
_SEALED_AS = "backup of settings"
_MEMBERS = ("agency", "kind", "name", "environment", "pin", "issued", "made_at")
_IN_TOKEN = "in_token"  # noqa: S105 - the name of a member
"""Not in backups of before it was written down, nor where every key is in the backup."""
_VERSION_BEFORE_FLOORS = 1
MAX_NAMES = 100
_WHAT_FOR = {
    KeyUse.INTAKE: "replaced, or never used; opens what was sealed to it",
    KeyUse.ARCHIVE: "replaced, or never used; opens what was sealed to it",
    KeyUse.WITNESS: "replaced; signs until a quorum of the witnesses has approved the newer one",
    KeyUse.WITNESS_PQ: "replaced; signs until a quorum of the witnesses has approved the newer one",
}


@dataclass(frozen=True, slots=True)
class Backup:
    """An opened backup."""

    keys: KeyFile
    agency: str
    kind: AgencyKind
    name: str
    environment: str
    pin: HubPin | None
    issued: tuple[str, ...]
    """Digests of what the agency certified and revoked: anything else in its name is a reason for an alarm."""
    made_at: datetime
    in_token: Mapping[str, str] = field(default_factory=dict)
    """Name and key id of each key that cannot leave the token, and so is not in the backup."""

    @property
    def root(self) -> PrivateKey:
        """The agency's root key."""
        return self.keys.private(ROOT)

    def sheet(self) -> str:
        """Return the recovery sheet for printing: what is in the backup, by fingerprint. It holds no secret."""
        lines = [
            f"Recovery sheet of {self.agency} ({self.kind.value})",
            f"backup made on {self.made_at:%Y-%m-%d %H:%M} UTC",
            f"root key      {fingerprint(self.root.public)}",
        ]
        for name in sorted({*AGENCY_USES, *self.keys.keys, *self.in_token} - {ROOT}, key=_in_order):
            lines.append(f"{name:<13} {self._said_of(name)}")
        if self.in_token:
            lines.append(
                "Keys that are NOT in this backup have no copy. Where the token is lost, restoring this backup makes "
                "others and ends these: nrm-adapter --home NEW restore BACKUP. To end them at once, by these ids: "
                "nrm-adapter keys revoke signing --key KEY-ID --by root --reason lost --file FILE"
            )
        pin = "none yet" if self.pin is None else self.pin.fingerprint
        lines += [
            f"pin of hub    {pin}",
            "Keep this sheet apart from the backup, and the backup's passphrase apart from both.",
        ]
        return "\n".join(lines)

    def _said_of(self, name: str) -> str:
        use, _, number = name.partition(RETIRED)
        what = f" ({_WHAT_FOR.get(KeyUse(use), 'replaced')})" if number else ""
        key = self.keys.keys.get(name)
        if key is not None:
            return f"key id {key.public.kid}{what}"
        kid = f": key id {self.in_token[name]}" if name in self.in_token else ""
        return f"NOT in this backup, cannot leave the token{kid}{what}"


def _in_order(name: str) -> tuple[bool, str]:
    """Keys in use first, then those that were replaced."""
    return RETIRED in name, name


def back_up(home: Home, target: Path, passphrase: str, environ: Mapping[str, str], at: datetime) -> Backup:
    """Write a backup of the agency's keys to a new folder; read it again and return it.

    Needs the root key in the home, and the passphrases of both key files. Raises ``HomeRefused`` or ``CustodyRefused``.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise HomeRefused(f"{target} is not an empty folder; a backup overwrites nothing")
    # Keys that lie beside without it were never certified: they died with what made them, and nothing waits for them.
    if (home.folder / PENDING_NAME).exists():
        raise HomeRefused("a change of keys is not finished; finish it first, then make the backup")
    root, working = home.root_key(environ), home.agency_keys(environ)
    try:
        contents = KeyFile({ROOT: root, **_in_memory(working)}, working.storage)
        in_token = {name: key.public.kid for name, key in working.keys.items() if name not in contents.keys}
    finally:
        working.close()
    try:
        issued = sorted(issued_here(home.folder))
    except IssuedDamaged as error:
        raise HomeRefused(str(error)) from error
    settings = {
        "agency": home.agency,
        "kind": home.kind.value,
        "name": home.name,
        "environment": home.environment,
        "pin": home.pin().to_json() if (home.folder / HUB_NAME).exists() else None,
        "issued": issued,
        "made_at": render_time(at),
        **({_IN_TOKEN: in_token} if in_token else {}),
    }
    write_key_file(target / KEYS_NAME, contents, passphrase)
    sealed = Vault(contents.storage).seal(_SEALED_AS, json.dumps(settings).encode())
    write_private_file(target / SETTINGS_NAME, sealed)
    return open_backup(target, passphrase)


def _in_memory(working: Custody) -> dict[str, PrivateKey]:
    """Return every key that can leave where it rests, earlier ones too: what was sealed to them opens with them alone.

    Raises ``CustodyRefused`` where a needed one cannot.
    """
    found = {}
    for use in sorted({*working.keys, *NEEDED}):
        try:
            found[use] = working.private(use)
        except CustodyRefused:
            if use in NEEDED:
                raise
    return found


def open_backup(target: Path, passphrase: str) -> Backup:
    """Open a backup with its own passphrase. Raises ``HomeRefused`` or ``CustodyRefused``."""
    try:
        keys = read_key_file(target / KEYS_NAME, passphrase)
        with (target / SETTINGS_NAME).open("rb") as file:
            sealed = file.read(MAX_SETTINGS_BYTES + 1)
    except FileNotFoundError as error:
        raise HomeRefused(f"{target} holds no backup: {KEYS_NAME} and {SETTINGS_NAME} are expected there") from error
    except OSError as error:
        raise HomeRefused(f"{target} cannot be read") from error
    if len(sealed) > MAX_SETTINGS_BYTES:
        raise HomeRefused(f"{SETTINGS_NAME} has more than {MAX_SETTINGS_BYTES:,} bytes")
    if not {ROOT, *NEEDED} <= set(keys.keys):
        raise HomeRefused(f"{KEYS_NAME} is a key file, but no backup of an agency: it lacks the root or a working key")
    try:
        settings = json.loads(Vault(keys.storage).open(_SEALED_AS, sealed))
        members = (*_MEMBERS, _IN_TOKEN) if isinstance(settings, dict) and _IN_TOKEN in settings else _MEMBERS
        return _parse(keys, require_members(settings, members, "backup"))
    except StorageRefused as error:
        raise HomeRefused(f"{SETTINGS_NAME} does not belong to {KEYS_NAME}, or it is damaged") from error
    except (Malformed, TypeError, ValueError, RecursionError) as error:
        raise HomeRefused(f"{SETTINGS_NAME} is not of this version's form") from error


def _parse(keys: KeyFile, got: Mapping[str, Any]) -> Backup:
    if got["environment"] not in ("production", "demo") or not isinstance(got["name"], str):
        raise ValueError("environment or name")
    return Backup(
        keys=keys,
        agency=require_agency(got["agency"]),
        kind=AgencyKind(got["kind"]),
        name=got["name"],
        environment=got["environment"],
        pin=None if got["pin"] is None else _parse_pin(got["pin"]),
        issued=tuple(require_digest(item, "issued") for item in got["issued"]),
        made_at=parse_time(got["made_at"], "made_at"),
        in_token=_parse_in_token(got.get(_IN_TOKEN, {})),
    )


def _parse_pin(said: Any) -> HubPin:
    # A backup of before pins named a floor was made under the first version; it has the root and must not be lost.
    return HubPin.from_json({"protocol": _VERSION_BEFORE_FLOORS, **said} if isinstance(said, dict) else said)


def _parse_in_token(names: Any) -> dict[str, str]:
    if not isinstance(names, dict) or len(names) > MAX_NAMES:
        raise ValueError("keys of a token")
    for name, kid in names.items():
        if KeyUse(name.partition(RETIRED)[0]) not in AGENCY_USES or not name.isprintable() or not is_kid(kid):
            raise ValueError("a key of a token")
    return dict(names)


def check_backup(
    backup: Backup, directory: Directory, at: datetime, *, storage: bytes | None = None
) -> tuple[str, ...]:
    """Return what differs between a backup and what the log's directory says of the agency now; nothing: it is whole.

    A key that was renewed since is a difference: make a new backup, and keep the old one for what was sealed before.
    ``storage`` is the secret that seals the adapter's own database now, None where it is not known.
    """
    try:
        listed = directory.get_agency(backup.agency)
    except NotCertified as error:
        return (str(error),)
    found = []
    if storage not in (None, backup.keys.storage):
        found.append("the storage secret was renewed since this backup was made: it opens no newer store.db")
    if listed.root.kid != backup.root.public.kid:
        found.append("the root key in the backup is not the one the directory lists")
    for use in sorted(AGENCY_USES):
        key = backup.keys.keys.get(use.value)
        try:
            newest = directory.newest_key(use, backup.agency, at).key.kid
        except NotCertified as error:
            found.append(str(error))
            continue
        if key is not None and key.public.kid != newest:
            found.append(f"the key for {use.value} in the backup is not the newest one the directory lists")
        if backup.in_token.get(use.value, newest) != newest:
            found.append(f"the key for {use.value} was replaced since this backup was made")
    return tuple(found)
