"""The log's key at an agency: which were pinned before, which one a kept head needs, and when to pin anew.

Only people pin. What stands in the log of another key is verified and said (docs/adr/0014); it replaces no pin.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.hub_pin import HubPin
from adapters.refusal import HomeRefused
from keys.custody.keyfile import write_private_file
from keys.log_keys import LogKeyChange, last_size_of
from keys.notes import NoteInvalid, NotSigned
from keys.revocation import RevocationReason
from keys.transparency import Checkpoint, VerifierKey, verify_checkpoint

FORMER_NAME = "hub-log-keys.json"
MAX_PIN_BYTES = 1024 * 1024
MAX_FORMER_BYTES = 64 * 1024
MAX_FORMER = 100
PIN_ANEW = "pin anew, two people, with the words of the hub's new pin file: nrm-adapter pin-hub; then restart serve"
OF_BEFORE = (
    "the newest head that the hub shows is of before the log's key was replaced; the pinned key has not signed it. "
    "Once the witnesses have signed a newer one: nrm-adapter sync"
)
NOT_OF_THE_PIN = f"If two officers of the hub have replaced the log's key, {PIN_ANEW}"


def pinned_log_key(path: Path) -> VerifierKey | None:
    """Return the log key that a kept pin names, None without one. A pin that is damaged otherwise is pinned anew."""
    try:
        return VerifierKey.parse(_kept(path)["log_vkey"])
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return None


def pinned_floor(path: Path) -> int:
    """Return the lowest protocol version that a kept pin accepts, spoken by this program or not; 0 without a pin."""
    try:
        found = _kept(path)["protocol"]
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return 0
    return found if isinstance(found, int) else 0


def _kept(path: Path) -> Any:
    with path.open("rb") as file:
        raw = file.read(MAX_PIN_BYTES + 1)
    if len(raw) > MAX_PIN_BYTES:
        raise ValueError("too large")
    return json.loads(raw)


def former_log_keys(folder: Path, origin: str) -> tuple[VerifierKey, ...]:
    """Return the keys of a log that were pinned in this home before, oldest first. Raises ``HomeRefused``."""
    path = folder / FORMER_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FORMER_BYTES + 1)
        listed = json.loads(raw) if len(raw) <= MAX_FORMER_BYTES else None
        if not isinstance(listed, list) or len(listed) > MAX_FORMER:
            raise ValueError("not a list of keys")
        found = tuple(VerifierKey.parse(item) for item in listed)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise HomeRefused(
            f"{path.name} cannot be read, or it is damaged: it says which log keys were pinned before. Put it back "
            "from a copy of this home"
        ) from error
    return tuple(key for key in found if key.name == origin)


def remember_former(folder: Path, before: VerifierKey | None, pin: HubPin) -> None:
    """Keep the log key that a new pin takes the place of, if it is another one of the same log."""
    if before is None or before.name != pin.origin or before.render() == pin.log_vkey:
        return
    known = former_log_keys(folder, pin.origin)
    if before not in known:
        listed = [key.render() for key in (*known, before)][-MAX_FORMER:]
        write_private_file(folder / FORMER_NAME, json.dumps(listed).encode())


def require_not_going_back(folder: Path, before: VerifierKey | None, pin: HubPin) -> None:
    """Raise ``HomeRefused`` for a pin whose log key was pinned here before and replaced since: an old pin file."""
    if before is None or before.render() == pin.log_vkey:
        return
    if VerifierKey.parse(pin.log_vkey) not in former_log_keys(folder, pin.origin):
        return
    raise HomeRefused(
        "this pin file names a log key that was pinned here before and was replaced since; nothing was pinned. Ask the "
        "hub's officers for the newest pin file, and where this one came from. Only where the key pinned now is the "
        f"false one (the alarm log_key says so): keep hub.json and {FORMER_NAME} elsewhere, not in this home, and pin"
    )


def key_of_kept(
    note: str, pinned: VerifierKey, changes: Sequence[LogKeyChange], former: Sequence[VerifierKey]
) -> VerifierKey:
    """Return by whose line a head that this adapter had taken in before is verified again. Raises ``NoteInvalid``.

    The pinned key's; of a head from before a change of the key, the one that was the log's at that size. A key that
    was pinned here before counts as well until the log's entries up to its change are known.
    """
    try:
        verify_checkpoint(note, pinned)
    except NotSigned as error:
        bounds = {change.previous: change.index for change in changes}
        for key in (*bounds, *former):
            try:
                size = verify_checkpoint(note, key).size
            except NoteInvalid:
                continue
            if key not in bounds or size <= bounds[key]:
                return key
        raise error
    return pinned


def head_fault(checkpoint: Checkpoint, pin: HubPin, changes: Sequence[LogKeyChange]) -> tuple[str, str] | None:
    """Name why a head that the pinned key signed is not taken in, as an alarm's code and text; None: nothing is wrong.

    ``changes`` are those that stand in the log as far as it was followed: behind the end of the pinned key, whoever
    took it signs.
    """
    if checkpoint.origin != pin.origin:
        return "head_invalid", "the hub shows the head of another log"
    last = last_size_of(tuple(changes), VerifierKey.parse(pin.log_vkey))
    if last is None or checkpoint.size <= last:
        return None
    return (
        "log_key",
        f"the hub shows a head of {checkpoint.size} entries by the pinned log key, which two officers of the hub ended "
        f"at position {last} of the log; it was not taken in. Whoever signed it may have stolen the key: {PIN_ANEW}",
    )


def describe_change(changes: Sequence[LogKeyChange], pinned: VerifierKey) -> str | None:
    """Say that the log has another key than the pinned one, and what to do; None where nothing is to be done."""
    if not changes or changes[-1].key == pinned:
        return None
    newest = changes[-1]
    until = (
        "the hub signs with the pinned one as well until its next change"
        if newest.reason is RevocationReason.SUPERSEDED and newest.previous == pinned
        else "no further head of the log is taken in until then"
    )
    return (
        f"two officers of the hub replaced the log's key, at position {newest.index} of the log "
        f"({newest.reason.value}): {PIN_ANEW}; {until}"
    )
