"""The note of a change of keys that is under way: what was signed for the new keys, kept until the log has it.

It lies in the home from the moment the certificates are signed until the new keys have taken the old ones' place.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.home import HomeRefused
from keys.custody.keyfile import write_private_file
from policies.model import Malformed, require_members

PENDING_NAME = "key-change.pending"
FOR_HUB_NAME = "keys-for-hub.json"
ROTATE_STORAGE = "rotate storage"
"""The one change that the hub has no part in."""
MAX_PENDING_BYTES = 1024 * 1024
_MEMBERS = ("what", "member", "is_lost", "certificates", "revocations")


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that is not finished. ``member`` None: the agency's own keys."""

    what: str
    member: str | None
    is_lost: bool
    """Whether the old key file does not open any more."""
    certificates: tuple[str, ...]
    revocations: tuple[str, ...]


def keep_pending(folder: Path, pending: Pending) -> None:
    """Write the note, in one move."""
    write_private_file(folder / PENDING_NAME, json.dumps(asdict(pending)).encode())


def forget_pending(folder: Path) -> None:
    """Delete the note, and the file for the hub that goes with it."""
    (folder / PENDING_NAME).unlink(missing_ok=True)
    (folder / FOR_HUB_NAME).unlink(missing_ok=True)


def read_pending(folder: Path) -> Pending | None:
    """Return the change that is not finished, None for none. Raises ``HomeRefused`` for a note that is damaged."""
    path = folder / PENDING_NAME
    damaged = f"{path} is damaged; move it away and look: nrm-adapter keys list"
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PENDING_BYTES + 1)
        if len(raw) > MAX_PENDING_BYTES:
            raise HomeRefused(damaged)
        found = require_members(json.loads(raw), _MEMBERS, PENDING_NAME)
        certificates, revocations = tuple(found["certificates"]), tuple(found["revocations"])
    except FileNotFoundError:
        return None
    except HomeRefused:
        raise
    except (OSError, TypeError, ValueError, RecursionError, Malformed) as error:
        raise HomeRefused(damaged) from error
    texts = [found["what"], *certificates, *revocations, *([] if found["member"] is None else [found["member"]])]
    if not all(isinstance(item, str) for item in texts) or not isinstance(found["is_lost"], bool):
        raise HomeRefused(damaged)
    return Pending(found["what"], found["member"], found["is_lost"], certificates, revocations)
