"""Pin the hub by two people of the agency: each types in the words they heard, and only the second one pins.

What the first confirmed waits in the adapter's folder. The ids are the agency's own and say who has to answer for it;
the adapter cannot know that two ids are two people (docs/enrolment.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime

from adapters.home import Home, HomeRefused, HubPin
from keys.custody.keyfile import write_private_file
from keys.fingerprints import ReadOutRefused, is_fingerprint, normalise_fingerprint
from policies.model import render_time

CONFIRMED_NAME = "hub-confirmed.json"
PEOPLE = 2
MAX_CONFIRMED_BYTES = 16 * 1024
_PERSON = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")


def confirm_pin(home: Home, pin: HubPin, read_out: str, person: str, at: datetime, *, ca: bytes | None = None) -> bool:
    """Take one person's confirmation of a pin file; with the second person's pin the hub and return True.

    ``read_out`` is what this person heard on a second channel; ``ca`` the authority (PEM) by whose certificate the hub
    is known from then on, and no other: both people name the same. What the adapter remembers of the log stays, also
    where the pin names another key of it: the next head must continue the highest one seen.

    Raises ``HomeRefused``; then nothing changed.
    """
    if not _PERSON.fullmatch(person):
        raise HomeRefused("person: expected 2 to 40 lower-case letters, digits or hyphens, and no name")
    try:
        is_right = is_fingerprint(read_out, pin.fingerprint)
    except ReadOutRefused as error:
        raise HomeRefused(f"{error}; nothing was pinned") from error
    if not is_right:
        raise HomeRefused("what was read out is not the fingerprint of this pin file; nothing was pinned")
    home.require_newer(pin)
    digest = normalise_fingerprint(pin.fingerprint)
    if ca is not None:
        digest += f"+{hashlib.sha256(ca).hexdigest()}"
    people = _confirmed(home, digest)
    is_pinned = len(people) >= PEOPLE
    if person in people and not is_pinned:
        raise HomeRefused("this person has confirmed already; another person must hear the words as well")
    people[person] = render_time(at)
    if len(people) >= PEOPLE:
        home.write_ca(ca)
        home.write_pin(pin)
    # What was confirmed stays beside the pin: who answers for it, and when.
    kept = json.dumps({"pin": digest, "people": people}, indent=1, sort_keys=True)
    write_private_file(home.folder / CONFIRMED_NAME, kept.encode())
    return len(people) >= PEOPLE


def _confirmed(home: Home, digest: str) -> dict[str, str]:
    """Who confirmed this pin file before. Another pin file, or another authority with it, begins anew."""
    path = home.folder / CONFIRMED_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIRMED_BYTES + 1)
        found = json.loads(raw)
        if len(raw) > MAX_CONFIRMED_BYTES or not isinstance(found["people"], dict):
            raise ValueError("not of our form")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise HomeRefused(f"{path} is damaged; delete it and begin again") from error
    return dict(found["people"]) if found.get("pin") == digest else {}
