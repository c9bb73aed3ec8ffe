"""An adapter's home made from its backup: to a key file, or to another token; what the backup lacks is made anew.

A key that could not leave a lost token is in no backup. The root key, which is, certifies another in its place and ends
the lost one. Both wait in the home until the hub's operator has recorded them: a hub takes no request of a key that it
does not know. docs/recovery.md, 'Restore'.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.backup import ROOT, Backup
from adapters.carried_words import write_for_hub
from adapters.held_keys import Held, HeldFile, Wanted, stamp_of
from adapters.held_token import HeldToken
from adapters.home import (
    AGENCY_NAME,
    CONFIG_NAME,
    ROOT_NAME,
    ROOT_YEARS,
    SIGNING_ALGORITHMS,
    TOKEN_KEYS_NAME,
    Home,
    HomeRefused,
    certify,
)
from adapters.issued import remember_issued, restore_issued
from adapters.key_endings import Ending, EndTerms, sign_ending
from adapters.key_plans import WITNESS_ALGORITHMS
from adapters.pending_changes import FOR_HUB_NAME, Pending, keep_pending
from keys.custody.keyfile import KeyFile, generate_storage, write_key_file, write_private_file
from keys.custody.place import TokenPlace, write_place
from keys.custody.secret import Secret
from keys.custody.token import TokenKeys, seal_into_token, take_back_all
from keys.jose import Signer
from keys.revocation import RevocationReason
from keys.uses import KeyUse


@dataclass(frozen=True, slots=True)
class RestoredHome:
    """A home as it was restored. ``made`` are the uses whose keys are new; ``for_hub`` is the file that says so."""

    home: Home
    made: tuple[str, ...]
    for_hub: Path | None


def restore(
    folder: Path,
    backup: Backup,
    root_passphrase: str,
    unlocking: Secret,
    *,
    at: datetime,
    algorithm: str = "Ed25519",
    token: TokenPlace | None = None,
) -> RestoredHome:
    """Make an adapter's home from a backup in an empty folder, under new passphrases; all of it, or nothing.

    With ``token`` the working keys are sealed by it and ``unlocking`` is its PIN; else they rest in a file under that
    passphrase. Keys that open (intake, archive, earlier ones) stay what they were. A signing key, and the two witness
    keys, are made anew where the backup has none, the signing key (of this ``algorithm``) in any case in a token: the
    root certifies them and ends the old ones as lost, in a file for the hub. Raises ``HomeRefused`` or
    ``CustodyRefused``.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HomeRefused(f"{folder} is not empty; restore to a folder that holds nothing")
    if algorithm not in SIGNING_ALGORITHMS:
        raise HomeRefused(f"signing algorithm: expected one of {', '.join(SIGNING_ALGORITHMS)}")
    wanted = _wanted(backup, algorithm, in_token=token is not None)
    if wanted and backup.pin is None:
        raise HomeRefused(
            "this backup is of before the hub was pinned, and lacks a key that stayed in a token: nothing is lost that "
            "it could open. Make the agency's keys anew: nrm-adapter --home NEW init"
        )
    existed = folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.chmod(0o700)
        home = Home(folder, backup.agency, backup.kind, backup.name, backup.environment)
        return _fill(home, backup, root_passphrase, unlocking, wanted, at, token)
    except BaseException:
        # It was empty: a restore that failed leaves nothing in the way of the next.
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not existed:
            with suppress(OSError):
                folder.rmdir()
        raise


def _wanted(backup: Backup, algorithm: str, *, in_token: bool) -> Wanted:
    """Return use and algorithm of each key that is made anew."""
    held = backup.keys.keys
    wanted: list[tuple[KeyUse, str]] = []
    if in_token or KeyUse.SIGNING.value not in held:
        wanted.append((KeyUse.SIGNING, algorithm))
    if not {use.value for use in WITNESS_ALGORITHMS} <= set(held):
        wanted += WITNESS_ALGORITHMS.items()
    return tuple(wanted)


def _fill(
    home: Home,
    backup: Backup,
    root_passphrase: str,
    unlocking: Secret,
    wanted: Wanted,
    at: datetime,
    token: TokenPlace | None,
) -> RestoredHome:
    write_key_file(home.folder / ROOT_NAME, KeyFile({ROOT: backup.root}, generate_storage()), root_passphrase)
    if backup.pin is not None:
        home.write_pin(backup.pin)
    restore_issued(home.folder, backup.issued)
    if token is None:
        _finish(home, backup, _into_file(home, backup, unlocking), wanted, at)
    else:
        held = _into_token(home, backup, unlocking, wanted, token)
        try:
            _finish(home, backup, held, wanted, at)
            write_place(home.folder, token)
        except BaseException:
            held.drop_next()
            take_back_all(held.contents)
            raise
        finally:
            held.contents.close()
    # The settings come last: a folder without them is no home yet.
    settings = {"agency": home.agency, "kind": home.kind.value, "name": home.name, "environment": home.environment}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    write_private_file(home.folder / CONFIG_NAME, text.encode())
    made = tuple(use.value for use, _ in wanted)
    return RestoredHome(home, made, home.folder / FOR_HUB_NAME if made else None)


def _into_file(home: Home, backup: Backup, passphrase: Secret) -> HeldFile:
    working = {use: key for use, key in backup.keys.keys.items() if use != ROOT}
    contents, path = KeyFile(working, backup.keys.storage), home.folder / AGENCY_NAME
    write_key_file(path, contents, passphrase)
    return HeldFile(path, passphrase, contents, stamp_of(path))


def _into_token(home: Home, backup: Backup, pin: Secret, wanted: Wanted, token: TokenPlace) -> HeldToken:
    # A signing key that was made outside never goes into a token.
    given = {use: key for use, key in backup.keys.keys.items() if use not in (ROOT, KeyUse.SIGNING.value)}
    path = home.folder / TOKEN_KEYS_NAME
    needed = [algorithm for use, algorithm in wanted if use is KeyUse.SIGNING]
    opened: TokenKeys = seal_into_token(token, pin, home.agency, given, backup.keys.storage, path, needed=needed)
    return HeldToken(path, opened, stamp_of(path))


def _finish(home: Home, backup: Backup, held: Held, wanted: Wanted, at: datetime) -> None:
    """Make what is wanted beside what was restored, and sign what the hub is to record of it."""
    if not wanted:
        return
    new = held.lay_beside(wanted, keep=True)
    certificates, revocations = _sign(home, backup, new, at)
    remember_issued(home.folder, [*certificates, *revocations])
    pending = Pending(f"rotate {KeyUse.SIGNING.value}", None, False, tuple(certificates), tuple(revocations))
    keep_pending(home.folder, pending)
    write_for_hub(home.folder / FOR_HUB_NAME, home.agency, certificates, revocations)


def _sign(home: Home, backup: Backup, new: Mapping[str, Signer], at: datetime) -> tuple[list[str], list[str]]:
    """Return the root's certificates of the new keys, and its revocations of those they replace and of those lost."""
    root = backup.root
    certificates = [
        certify(root, home.agency, KeyUse(use), key, at=at, days=365 * ROOT_YEARS) for use, key in new.items()
    ]
    replaced = [backup.keys.keys[use].public.kid for use in new if use in backup.keys.keys]
    ended = tuple(dict.fromkeys([*backup.in_token.values(), *replaced]))
    ending = Ending(home.agency, ended, EndTerms(RevocationReason.LOST), ())
    return certificates, sign_ending(ending, issuer=home.agency, signer=root, at=at)
