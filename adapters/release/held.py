"""What a channel's recipient has been granted, and still has: not what they had before they were out of the case."""

from __future__ import annotations

import json

from adapters.presence import Presence
from adapters.store.database import Session
from adapters.store.rows import disclosure_lines, first_disclosure, grants_on
from adapters.store.tables import OutboxRow, OwnChannelRow
from keys.statements import peek
from policies.vocabulary import Purpose


def held_fragments(
    session: Session, presence: Presence, channel: OwnChannelRow, purpose: Purpose | None = None
) -> set[str]:
    """Return which fragments a channel's recipient has been granted, for one purpose or any, as they are there now."""
    grants = grants_on(session, channel.channel, None if purpose is None else purpose.value)
    first = first_disclosure(session, channel.case, channel.channel)
    if first is None or not _is_past(presence, first):
        # A channel's disclosures name memberships in their order: where the first counts, all do.
        return {row.fragment for row in grants}
    lines = disclosure_lines(session, channel.case, {row.disclosure for row in grants})
    past = {line.subject for line in lines if _is_past(presence, line)}
    return {row.fragment for row in grants if row.disclosure not in past}


def is_told_in_the_past(session: Session, presence: Presence, channel: OwnChannelRow) -> bool:
    """Whether the newest disclosure of a channel was to its recipient as they were before they came back."""
    digests = set() if channel.last_digest is None else {channel.last_digest}
    return any(_is_past(presence, line) for line in disclosure_lines(session, channel.case, digests))


def _is_past(presence: Presence, line: OutboxRow) -> bool:
    return presence.is_past(peek(json.loads(line.line)["statement"]).members)
