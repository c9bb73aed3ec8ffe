"""Keys in custody that are being changed: those it will hold lie beside it until the log has their certificates.

What is beside (``<file>.next``) is the whole of the new file, so that taking it over is one move: a change that broke
off at any step is finished, or dropped, by looking at what is there. One change at a time: a lock on the home.
Here key files; keys in a token: ``adapters.held_token``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from adapters.home import AGENCY_NAME, Home, HomeRefused, read_passphrase
from adapters.witness_keys import RETIRED
from keys.custody.interface import Custody
from keys.custody.keyfile import KeyFile, KeyFileRefused, generate_storage, read_key_file, write_key_file
from keys.custody.protection import require_private
from keys.custody.secret import Secret
from keys.jose import Signer
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.model import require_id

NEXT_ENDING = ".next"
LOCK_NAME = "key-change.lock"
READING_USES = frozenset({KeyUse.INTAKE.value, KeyUse.ARCHIVE.value, KeyUse.MEMBER_HPKE.value})
ALWAYS_KEPT = frozenset({KeyUse.ARCHIVE.value, KeyUse.WITNESS.value, KeyUse.WITNESS_PQ.value})
MAX_RETIRED = 100
MOST_KEYS_FOR_REFUSED = 50
"""Custody with more than these keeps no refused ones: a hub that always says no must not fill it up."""
Wanted = Sequence[tuple[KeyUse, str]]
"""Use and algorithm of each new key."""
_Key = TypeVar("_Key", bound=Signer)


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


class Held(Protocol):
    """One holder's custody while its keys are changed."""

    @property
    def contents(self) -> Custody | None:
        """The present keys, None where they do not open any more, or are not there."""
        ...

    def require_unchanged(self) -> None:
        """Raise ``KeyChangeRefused`` where somebody has changed the keys since they were opened."""
        ...

    def leftovers(self) -> tuple[str, ...]:
        """Return what a change that was dropped has left outside the file; ``drop_next`` removes it."""
        ...

    def lay_beside(self, wanted: Wanted, *, keep: bool) -> Mapping[str, Signer]:
        """Make new keys and put the whole of what custody will hold beside the present; return the new ones by use."""
        ...

    def lay_storage_beside(self, storage: bytes) -> None:
        """Put the whole of what custody holds beside the present, with another storage secret."""
        ...

    def read_next(self) -> Custody | None:
        """Return what lies beside, None for nothing. Raises ``CustodyRefused``."""
        ...

    def read_present(self) -> Custody:
        """Return what custody holds by now. Raises ``CustodyRefused`` or ``HomeRefused``."""
        ...

    def take_over(self) -> None:
        """Put what lies beside in the place of the present, in one move; then ``settle``."""
        ...

    def settle(self) -> None:
        """Destroy what was replaced and is not kept, where the move alone does not."""
        ...

    def drop_next(self) -> None:
        """Destroy what lies beside: no certificate of it counts."""
        ...

    def keep_refused(self, following: Custody, uses: Collection[str]) -> None:
        """Keep keys of these uses that never came into use under a free number; drop what else lies beside."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class HeldFile:
    """A key file with its passphrase. ``contents`` None: it does not open any more, or it is not there."""

    path: Path
    passphrase: Secret
    contents: KeyFile | None
    stamp: str | None
    """Digest of the file as it was opened."""

    def __repr__(self) -> str:
        return f"<HeldFile {self.path.name} (secrets not shown)>"

    @property
    def next_path(self) -> Path:
        """Where the keys lie that are not taken over yet."""
        return next_to(self.path)

    def require_unchanged(self) -> None:
        """Raise ``KeyChangeRefused`` where the file is another one by now."""
        require_stamp(self.path, self.stamp)

    def leftovers(self) -> tuple[str, ...]:
        """Return nothing: keys of a file are nowhere else."""
        return ()

    def lay_beside(self, wanted: Wanted, *, keep: bool) -> Mapping[str, PrivateKey]:
        """Put the whole new file beside the present one."""
        new = {use.value: PrivateKey.generate(algorithm) for use, algorithm in wanted}
        before = {} if self.contents is None else self.contents.keys
        storage = generate_storage() if self.contents is None else self.contents.storage
        write_key_file(self.next_path, KeyFile(with_new_keys(before, new, keep=keep), storage), self.passphrase)
        return new

    def lay_storage_beside(self, storage: bytes) -> None:
        """Put the same keys beside the present file, with another storage secret."""
        write_key_file(self.next_path, KeyFile(self.read_present().keys, storage), self.passphrase)

    def read_next(self) -> KeyFile | None:
        """Return what lies beside, None for nothing. Raises ``KeyFileRefused``."""
        try:
            return read_key_file(self.next_path, self.passphrase)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyFileRefused(f"{self.next_path.name} cannot be read") from error

    def read_present(self) -> KeyFile:
        """Return what was opened, or what lies there by now."""
        try:
            return self.contents or read_key_file(self.path, self.passphrase)
        except OSError as error:
            raise HomeRefused(f"{self.path.name} cannot be read") from error

    def take_over(self) -> None:
        """Make what lies beside the key file, in one move."""
        move_into_place(self.next_path, self.path)

    def settle(self) -> None:
        """Do nothing: what the file does not hold any more is gone."""

    def drop_next(self) -> None:
        """Delete what lies beside."""
        self.next_path.unlink(missing_ok=True)

    def keep_refused(self, following: Custody, uses: Collection[str]) -> None:
        """Keep keys that never came into use under a free number of their use; drop what else lies beside."""
        if self.contents is None or not uses or len(self.contents.keys) > MOST_KEYS_FOR_REFUSED:
            self.drop_next()
            return
        keys = with_refused(self.contents.keys, {use: following.private(use) for use in uses})
        write_key_file(self.next_path, KeyFile(keys, self.contents.storage), self.passphrase)
        self.take_over()


def open_agency_file(home: Home, environ: Mapping[str, str]) -> HeldFile:
    """Open the agency's key file for changing. Raises ``HomeRefused`` or ``CustodyRefused``."""
    return _open(home, home.folder / AGENCY_NAME, "NRM_ADAPTER_PASSPHRASE", environ)


def open_member_file(home: Home, member: str, environ: Mapping[str, str], *, lost: bool = False) -> HeldFile:
    """Open a person's key file for changing; with ``lost`` it is not opened, only written anew.

    Raises ``HomeRefused`` or ``CustodyRefused``.
    """
    path = home.folder / member_file(member)
    if lost:
        return HeldFile(path, read_passphrase("NRM_MEMBER_PASSPHRASE", environ), None, stamp_of(path))
    return _open(home, path, "NRM_MEMBER_PASSPHRASE", environ)


def member_file(member: str) -> str:
    """Return where a person's keys are, from the home on."""
    return f"members/{require_id(member, 'member')}.key"


def _open(home: Home, path: Path, variable: str, environ: Mapping[str, str]) -> HeldFile:
    if home.environment == "production":
        require_private(path)
    passphrase = read_passphrase(variable, environ)
    try:
        # Before it is opened: what is written in between makes a difference, and so is noticed.
        stamp = stamp_of(path)
        return HeldFile(path, passphrase, read_key_file(path, passphrase), stamp)
    except FileNotFoundError as error:
        raise HomeRefused(f"{path.name} is not in this adapter's home") from error
    except OSError as error:
        raise KeyFileRefused(f"{path.name} cannot be read") from error


# --- what both kinds of custody share ---


def with_new_keys(before: Mapping[str, _Key], new: Mapping[str, _Key], *, keep: bool) -> dict[str, _Key]:
    """Return keys by name with new ones in their places; with ``keep``, the reading keys they replace under a number.

    An agency's archive key always stays: nothing of others is sealed to it, and only it opens the agency's own archive.
    Witness keys stay too: the set goes on counting them until its quorum has approved the new ones.
    Keys that have a number already stay as well: what was granted to them is given to whoever has the newest key.
    Raises ``KeyChangeRefused`` where custody holds too many earlier keys for one more to be kept.
    """
    keys = dict(before)
    for use, key in new.items():
        old = keys.get(use)
        if old is not None and (use in ALWAYS_KEPT or (use in READING_USES and keep)):
            keys[_free_name(keys, use)] = old
        keys[use] = key
    return keys


def with_refused(before: Mapping[str, _Key], refused: Mapping[str, _Key]) -> dict[str, _Key]:
    """Return keys by name with those that never came into use under a free number. Raises ``KeyChangeRefused``."""
    keys = dict(before)
    for use, key in refused.items():
        keys[_free_name(keys, use)] = key
    return keys


def _free_name(keys: Mapping[str, Signer], use: str) -> str:
    for number in range(1, MAX_RETIRED + 1):
        if f"{use}{RETIRED}{number}" not in keys:
            return f"{use}{RETIRED}{number}"
    raise KeyChangeRefused(f"custody keeps {MAX_RETIRED} earlier keys for {use} already")


def next_to(path: Path) -> Path:
    """Return where what a file will hold lies before it is taken over."""
    return path.with_name(path.name + NEXT_ENDING)


def stamp_of(path: Path) -> str | None:
    """Return the digest of a file, None where there is none that can be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def require_stamp(path: Path, stamp: str | None) -> None:
    """Raise ``KeyChangeRefused`` where a file is not what it was: what is written from it would undo a change."""
    if stamp_of(path) != stamp:
        raise KeyChangeRefused(
            f"somebody else has changed the keys in {path.name} meanwhile; look: nrm-adapter keys list, then repeat "
            "this command"
        )


def move_into_place(source: Path, target: Path) -> None:
    """Move a file over another, flushed to disk."""
    os.replace(source, target)
    # A power cut must not bring the old file back once its key counts no more.
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
