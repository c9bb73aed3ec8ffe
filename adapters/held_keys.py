"""One key file that is being changed: the keys it will hold lie beside it until the log has their certificates.

What is beside (``<file>.next``) is the whole of the new file, so that taking it over is one move: a change that broke
off at any step is finished, or dropped, by looking at what is there. One change at a time: a lock on the home.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.home import AGENCY_NAME, TOKEN_KEYS_NAME, Home, HomeRefused, read_passphrase
from adapters.witness_keys import RETIRED
from keys.custody.keyfile import KeyFile, KeyFileRefused, read_key_file, write_key_file
from keys.custody.place import read_place
from keys.custody.protection import require_private
from keys.custody.secret import Secret
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.model import require_id

NEXT_ENDING = ".next"
LOCK_NAME = "key-change.lock"
READING_USES = frozenset({KeyUse.INTAKE.value, KeyUse.ARCHIVE.value, KeyUse.MEMBER_HPKE.value})
ALWAYS_KEPT = frozenset({KeyUse.ARCHIVE.value, KeyUse.WITNESS.value, KeyUse.WITNESS_PQ.value})
MAX_RETIRED = 100
MOST_KEYS_FOR_REFUSED = 50
"""A key file with more than these keeps no refused ones: a hub that always says no must not fill it up."""


class KeyChangeRefused(HomeRefused):
    """Keys that cannot be changed as asked, or not now. The text says what is there and what to do."""


@contextmanager
def only_one_change(home: Home) -> Iterator[None]:
    """Hold the home's lock. Raises ``KeyChangeRefused`` where somebody else is changing keys at this moment."""
    descriptor = os.open(home.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "rb") as file:
        # Whatever the umask is, and whoever made the file before.
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise KeyChangeRefused(
                "somebody else is changing keys of this adapter at this moment; wait until they are done, and look: "
                "nrm-adapter keys list"
            ) from error
        yield


@dataclass(frozen=True, slots=True, repr=False)
class HeldFile:
    """A key file with its passphrase. ``contents`` None: it does not open any more, or it is not there."""

    path: Path
    passphrase: Secret
    contents: KeyFile | None

    def __repr__(self) -> str:
        return f"<HeldFile {self.path.name} (secrets not shown)>"

    @property
    def next_path(self) -> Path:
        """Where the keys lie that are not taken over yet."""
        return self.path.with_name(self.path.name + NEXT_ENDING)

    def write_next(self, contents: KeyFile) -> None:
        """Put the whole new file beside the present one."""
        write_key_file(self.next_path, contents, self.passphrase)

    def read_next(self) -> KeyFile | None:
        """Return what lies beside, None for nothing. Raises ``KeyFileRefused``."""
        try:
            return read_key_file(self.next_path, self.passphrase)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyFileRefused(f"{self.next_path.name} cannot be read") from error

    def take_over(self) -> None:
        """Make what lies beside the key file, in one move."""
        os.replace(self.next_path, self.path)
        _flush(self.path.parent)

    def drop_next(self) -> None:
        """Delete what lies beside: no certificate of it counts."""
        self.next_path.unlink(missing_ok=True)

    def keep_refused(self, refused: Mapping[str, PrivateKey]) -> None:
        """Keep reading keys that never came into use under a free number of their use; drop what else lies beside."""
        if self.contents is None or not refused or len(self.contents.keys) > MOST_KEYS_FOR_REFUSED:
            self.drop_next()
            return
        keys = dict(self.contents.keys)
        for use, key in refused.items():
            keys[_free_name(keys, use)] = key
        self.write_next(KeyFile(keys, self.contents.storage))
        self.take_over()


def open_agency_file(home: Home, environ: Mapping[str, str]) -> HeldFile:
    """Open the agency's key file for changing. Raises ``HomeRefused`` or ``CustodyRefused``.

    Raises ``KeyChangeRefused`` for keys in a token.
    """
    if read_place(home.folder) is not None:
        raise KeyChangeRefused(
            f"this agency's keys are in a hardware token, under labels that {TOKEN_KEYS_NAME} binds together; to "
            "replace one there so that a death in between loses nothing is not built. Revoke what must end at once "
            "(keys revoke works with the token), then make the keys anew in another token: docs/keys.md, 'Keys in a "
            "token'"
        )
    return _open(home, home.folder / AGENCY_NAME, "NRM_ADAPTER_PASSPHRASE", environ)


def open_member_file(home: Home, member: str, environ: Mapping[str, str], *, lost: bool = False) -> HeldFile:
    """Open a person's key file for changing; with ``lost`` it is not opened, only written anew.

    Raises ``HomeRefused`` or ``CustodyRefused``.
    """
    path = home.folder / member_file(member)
    if lost:
        return HeldFile(path, read_passphrase("NRM_MEMBER_PASSPHRASE", environ), None)
    return _open(home, path, "NRM_MEMBER_PASSPHRASE", environ)


def member_file(member: str) -> str:
    """Return where a person's keys are, from the home on."""
    return f"members/{require_id(member, 'member')}.key"


def _open(home: Home, path: Path, variable: str, environ: Mapping[str, str]) -> HeldFile:
    if home.environment == "production":
        require_private(path)
    passphrase = read_passphrase(variable, environ)
    try:
        return HeldFile(path, passphrase, read_key_file(path, passphrase))
    except FileNotFoundError as error:
        raise HomeRefused(f"{path.name} is not in this adapter's home") from error
    except OSError as error:
        raise KeyFileRefused(f"{path.name} cannot be read") from error


def with_new_keys(before: KeyFile | None, storage: bytes, new: Mapping[str, PrivateKey], *, keep: bool) -> KeyFile:
    """Return a key file with new keys in their places; with ``keep``, the reading keys they replace under a number.

    An agency's archive key always stays: nothing of others is sealed to it, and only it opens the agency's own archive.
    Witness keys stay too: the set goes on counting them until its quorum has approved the new ones.
    Keys that have a number already stay as well: what was granted to them is given to whoever has the newest key.
    Raises ``KeyChangeRefused`` where a file holds too many earlier keys to be kept.
    """
    keys = {} if before is None else dict(before.keys)
    for use, key in new.items():
        old = keys.get(use)
        if old is not None and (use in ALWAYS_KEPT or (use in READING_USES and keep)):
            keys[_free_name(keys, use)] = old
        keys[use] = key
    return KeyFile(keys, storage)


def _free_name(keys: Mapping[str, PrivateKey], use: str) -> str:
    for number in range(1, MAX_RETIRED + 1):
        if f"{use}{RETIRED}{number}" not in keys:
            return f"{use}{RETIRED}{number}"
    raise KeyChangeRefused(f"the key file keeps {MAX_RETIRED} earlier keys for {use} already")


def _flush(folder: Path) -> None:
    # A power cut must not bring the old file back once its key counts no more.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
