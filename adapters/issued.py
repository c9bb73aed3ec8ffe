"""What this agency itself certified or revoked: what else stands in the log in its name is not its doing.

DESIGN section 4.1, attack 3: whoever got hold of the root key makes certificates that every other adapter believes;
only the agency itself can know that it did not make them.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from keys.custody.keyfile import write_private_file
from keys.jose import statement_digest

ISSUED_NAME = "issued.json"
MAX_BYTES = 4 * 1024 * 1024


class IssuedDamaged(Exception):
    """The list of what this agency issued cannot be read."""


def remember_issued(folder: Path, tokens: Iterable[str]) -> None:
    """Keep the digests of statements that are about to be published in the agency's name. Raises ``IssuedDamaged``."""
    # Two commands at once: what one of them adds must not be lost to the other, or it is an alarm for good.
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(folder / ISSUED_NAME)
        fresh = [digest for digest in map(statement_digest, tokens) if digest not in known]
        if fresh:
            write_private_file(folder / ISSUED_NAME, json.dumps([*known, *fresh]).encode())
    finally:
        os.close(lock)


def restore_issued(folder: Path, digests: Iterable[str]) -> None:
    """Write the list that a backup kept, to a home that has none yet."""
    write_private_file(folder / ISSUED_NAME, json.dumps(list(digests)).encode())


def issued_here(folder: Path) -> frozenset[str]:
    """Return the digests of what was made here: certificates, revocations, accesses. Raises ``IssuedDamaged``."""
    return frozenset(_read(folder / ISSUED_NAME))


def _read(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise IssuedDamaged(f"{path.name} cannot be read") from error
    try:
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise IssuedDamaged(f"{path.name} is damaged: expected a list of digests")
    return found


def not_issued_here(folder: Path, ours: Mapping[str, str]) -> Iterator[str]:
    """Name what stands in the log in our agency's name and was not made here: somebody else has a key of ours.

    ``ours``: what stands there, by digest.
    """
    try:
        issued = issued_here(folder)
    except IssuedDamaged as error:
        yield f"what this agency certified itself cannot be told: {error}"
        return
    for digest, what in ours.items():
        if digest not in issued:
            yield (
                f"the log holds a {what} in this agency's name that was not made here ({digest[:12]}). If nobody made "
                "it with your root or signing key elsewhere, that key is in foreign hands; see docs/keys.md"
            )
