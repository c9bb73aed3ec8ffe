"""What the log has of this agency in a case: every entry of its own, proven and none kept back.

The case's chain of entries is read from its beginning to where it was followed, and ends at the same leaf. From it is
known what the hub must be able to give back, before it is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.case_entries import Chain, prove_case_entry
from adapters.feed import PAGE, CaseFeed
from adapters.hub_client import MAX_FEED_BYTES
from adapters.refusal import LogRefused

_SUBJECTS = {"channel": "channel", "fragment": "fragment", "disclosure": "statement", "void": "statement"}
"""Types of entries that stand for something the hub keeps for its originator, and the member that names it."""


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """One thing that this agency brought, as the log has it. ``subject``: a fragment or channel id, or a digest."""

    index: int
    kind: str
    subject: str
    body: Mapping[str, Any]
    receipt: Mapping[str, Any]
    """What proved it, as a push would have answered it."""


def read_own(
    feed: CaseFeed, up_to: int, leaf: str | None, witnessed: int, said: Callable[[int], None] = lambda _: None
) -> list[OwnEntry]:
    """Return this agency's entries of a case in the order of the log.

    ``up_to`` and ``leaf`` are the number and leaf hash of the last entry that was followed. What a quorum of witnesses
    has not seen yet (at ``witnessed`` or after) is left out. ``said`` is told the number of each entry that was read
    last. Raises ``LogRefused`` where an entry is missing or the chain is another one.
    """
    found: list[OwnEntry] = []
    chain = Chain(feed.case)
    while chain.seq < up_to:
        answer = feed.client.get(f"/v1/cases/{feed.case}/log", at_most=MAX_FEED_BYTES, after=chain.seq, limit=PAGE)
        receipts = answer.get("entries") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(receipts, list) or not receipts:
            raise LogRefused("feed", f"the hub shows fewer entries of case {feed.case[:8]} than it did before")
        head = feed.accept_head(str(answer.get("checkpoint")))
        for item in receipts[: up_to - chain.seq]:
            entry = prove_case_entry(item, head.size, head.root)
            chain.take(entry)
            if entry.body is None:
                continue  # Erased: the hub has nothing to give back for it.
            try:
                own = _own(entry.body, item, feed.agency)
            except (KeyError, TypeError) as error:
                raise LogRefused("feed", "an entry of a case is not of the agreed form") from error
            if own is not None and own.index < witnessed:
                found.append(own)
        said(chain.seq)
    chain.require_accounted()
    if chain.leaf != leaf:
        raise LogRefused("feed", "the hub shows other entries of a case than those that were followed before")
    return found


def _own(entry: Mapping[str, Any], receipt: Mapping[str, Any], agency: str) -> OwnEntry | None:
    named = _SUBJECTS.get(entry["type"])
    if named is None or entry["agency"] != agency:
        return None
    return OwnEntry(receipt["index"], entry["type"], str(entry[named]), entry, receipt)
