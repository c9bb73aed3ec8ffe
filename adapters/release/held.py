"""What a recipient's key has been granted, and still has: not what they had before they were out of the case.

Also on channels whose own keys were lost with an earlier database: the recipient can open them all the same.
"""

from __future__ import annotations

import json

from adapters.presence import Presence
from adapters.store.database import Session
from adapters.store.rows import channels_to_key, disclosure_lines, first_disclosure, grants_on, not_given_of
from adapters.store.tables import OutboxRow, OwnChannelRow
from keys.statements import peek
from policies.model import Recipient
from policies.vocabulary import Purpose


def held_by_key(
    session: Session,
    presence: Presence,
    case: str,
    recipient: Recipient,
    kid: str,
    use: str,
    purpose: Purpose | None = None,
) -> set[str]:
    """Return which fragments a recipient's key has been granted, for one purpose or any, as they are there now."""
    found: set[str] = set()
    for channel in channels_to_key(session, case, kid, recipient.agency, recipient.member, use):
        found |= _held_on(session, presence, case, channel, purpose)
    return found


def held_fragments(session: Session, presence: Presence, channel: OwnChannelRow) -> set[str]:
    """Return which fragments a channel's recipient has been granted with the key it leads to, for any purpose."""
    found: set[str] = set()
    for name in _to_same_key(session, channel):
        found |= _held_on(session, presence, channel.case, name, None)
    return found


def codes_not_given(session: Session, channel: OwnChannelRow) -> dict[str, str]:
    """Return fragment and code of what a channel's recipient is not given for a stated reason, the newest reason."""
    found: dict[str, str] = {}
    for name in _to_same_key(session, channel):
        found |= not_given_of(session, name)
    return found


def _to_same_key(session: Session, channel: OwnChannelRow) -> list[str]:
    agency, member = channel.recipient_agency, channel.recipient_member
    return channels_to_key(session, channel.case, channel.recipient, agency, member, channel.use)


def _held_on(session: Session, presence: Presence, case: str, channel: str, purpose: Purpose | None) -> set[str]:
    grants = grants_on(session, channel, None if purpose is None else purpose.value)
    first = first_disclosure(session, case, channel)
    if first is None or not _is_past(presence, first):
        # A channel's disclosures name memberships in their order: where the first counts, all do.
        return {row.fragment for row in grants}
    lines = disclosure_lines(session, case, {row.disclosure for row in grants})
    past = {line.subject for line in lines if _is_past(presence, line)}
    return {row.fragment for row in grants if row.disclosure not in past}


def is_told_in_the_past(session: Session, presence: Presence, channel: OwnChannelRow) -> bool:
    """Whether the newest disclosure of a channel was to its recipient as they were before they came back."""
    digests = set() if channel.last_digest is None else {channel.last_digest}
    return any(_is_past(presence, line) for line in disclosure_lines(session, channel.case, digests))


def _is_past(presence: Presence, line: OutboxRow) -> bool:
    return presence.is_past(peek(json.loads(line.line)["statement"]).members)
