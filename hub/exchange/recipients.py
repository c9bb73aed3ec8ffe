"""How many recipients one fragment has: counted before anything is decided, over all pushes that ever granted it.

A recipient is a person, or an agency's intake; a new key of the same one makes no new recipient. docs/protocol.md
section 8.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.refusal import Refused
from keys.jose import SignatureRefused
from keys.statements import peek
from policies.model import Malformed
from policies.protocol import MAX_RECIPIENTS

Recipient = tuple[str, str | None]


def require_few(lines: Sequence[object]) -> None:
    """Refuse a push in which a fragment is granted on more channels than it may have recipients.

    Goes by what the lines seem to say, before a signature is verified. Raises ``Refused`` (413) with the line.
    """
    named: dict[str, int] = {}
    for payload in lines:
        for fragment in _claimed(payload):
            named[fragment] = named.get(fragment, 0) + 1
    many = {fragment for fragment, count in named.items() if count > MAX_RECIPIENTS}
    channels: dict[str, set[object]] = {fragment: set() for fragment in many}
    for number, payload in enumerate(lines, 1):
        for fragment in many & _claimed(payload):
            channels[fragment].add(_channel_of(payload))
            if len(channels[fragment]) > MAX_RECIPIENTS:
                raise Refused(
                    413,
                    "too_many",
                    f"line {number}: expected at most {MAX_RECIPIENTS} recipients of a fragment, got one more for one "
                    "of this line's",
                    fragment=fragment,
                )


def _claimed(payload: object) -> set[str]:
    grants = payload.get("grants") if isinstance(payload, Mapping) else None
    if not isinstance(grants, list):
        return set()
    named = (grant.get("fragment") for grant in grants if isinstance(grant, Mapping))
    return {fragment for fragment in named if isinstance(fragment, str)}


def _channel_of(payload: object) -> object:
    try:
        channel = peek(payload["statement"]).members.get("channel")  # type: ignore[index]
    except (SignatureRefused, Malformed, KeyError, TypeError):
        return None
    return channel if isinstance(channel, str) else None


def require_room_for_recipient(known: Mapping[str, set[Recipient]], recipient: Recipient) -> None:
    """Raise ``Refused`` (413) where one of the fragments has as many recipients as it may, and not this one."""
    for fragment, held in known.items():
        if recipient not in held and len(held) >= MAX_RECIPIENTS:
            raise Refused(
                413,
                "too_many",
                f"expected at most {MAX_RECIPIENTS} recipients of a fragment; this one has as many already",
                fragment=fragment,
            )
