"""What nobody believes any more, because the end of the key that signed it was dated back (attack 32)."""

from __future__ import annotations

from collections.abc import Sequence

from hub.store.tables import ChannelRow, DisclosureRow
from keys.canonical import parse_canonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import UnverifiedJws, claimed_signer
from keys.uses import KeyUse
from policies.model import parse_time


def disowned_disclosures(
    directory: Directory, channels: Sequence[ChannelRow], chain: Sequence[DisclosureRow]
) -> frozenset[str]:
    """Return by digest the disclosures that readers do not count: their key, or that of their channel, had ended there.

    Their signatures were verified when they were taken. Nothing is read where no key's end was ever dated back.
    """
    if not any(item.valid_until < item.refused_from for item in directory.revocations):
        return frozenset()
    originators = {row.channel: row.originator for row in channels}
    behind = {row.channel for row in channels if not _counts(directory, row.statement, row.originator, row.log_index)}
    return frozenset(
        row.digest
        for row in chain
        if row.channel in behind or not _counts(directory, row.statement, originators[row.channel], row.log_index)
    )


def disowned_since(directory: Directory, agency: str) -> int | None:
    """Return the first log position from which a key of an agency was dated back, None where none ever was."""
    found = (item for item in directory.revocations if item.agency == agency and item.valid_until < item.refused_from)
    return min((item.valid_until for item in found), default=None)


def is_disowned(directory: Directory, beginning: str, log_index: int) -> bool:
    """Whether the key behind what stands at a log position is dated back before it. Of the statement, which was
    verified when it was taken, the beginning is enough."""
    return not directory.counts_at(claimed_signer(beginning), log_index)


def _counts(directory: Directory, token: str, originator: str, log_index: int) -> bool:
    signed = UnverifiedJws.parse(token)
    at = parse_time(parse_canonical(signed.payload)["issued_at"])
    try:
        directory.require_key(signed.kid, KeyUse.SIGNING, originator, at, log_index=log_index)
    except NotCertified:
        return False
    return True
