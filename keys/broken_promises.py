"""What signed heads say of a signed promise: that a log was seen, after the deadline, without what was promised.

Three ways, each of them enough: (1) a quorum saw, later, a head that holds no entry behind where the promise begins, or
one whose every leaf from there on is shown and is another; (2) another entry has the promised number in its case;
(3) the entry stands behind a head that a quorum saw later. docs/protocol.md section 8.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keys.promises import CLOCKS_APART, Promise, PromisedEntry
from keys.spans import Span


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry that is included in a signed head: position, leaf hash, and what its text says of itself."""

    index: int
    leaf: bytes
    case: str | None
    case_seq: int | None


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """All leaves of a head from some place on, and when a quorum saw that head (None: none did)."""

    span: Span
    size: int
    seen_at: datetime | None


def find_broken(
    promise: Promise, seen: Sequence[tuple[int, datetime]], spans: Iterable[SeenSpan], entries: Iterable[ShownEntry]
) -> tuple[PromisedEntry, str] | None:
    """Return an entry that was promised and what shows that the promise was broken; None where nothing does.

    ``seen``: size of each head with a quorum, and when it was seen. Everything given is verified already.
    """
    return _shorter(promise, seen) or _every_leaf(promise, spans) or _elsewhere(promise, seen, entries)


def _shorter(promise: Promise, seen: Iterable[tuple[int, datetime]]) -> tuple[PromisedEntry, str] | None:
    for size, at in seen:
        if size <= promise.size and _is_late(promise, at):
            why = f"A quorum of witnesses saw the log with {size} entries, so without it, at {_at(at)}."
            return promise.entries[0], why
    return None


def _every_leaf(promise: Promise, spans: Iterable[SeenSpan]) -> tuple[PromisedEntry, str] | None:
    for shown in spans:
        if shown.seen_at is None or shown.span.start > promise.size or not _is_late(promise, shown.seen_at):
            continue
        leaves = set(shown.span.leaves)
        for item in promise.entries:
            if item.leaf not in leaves:
                return item, (
                    f"A quorum of witnesses saw the log with {shown.size} entries at {_at(shown.seen_at)}; every leaf "
                    f"of it from position {shown.span.start} on is shown, and it is none of them."
                )
    return None


def _elsewhere(
    promise: Promise, seen: Sequence[tuple[int, datetime]], entries: Iterable[ShownEntry]
) -> tuple[PromisedEntry, str] | None:
    numbers = {} if promise.case is None else {item.case_seq: item for item in promise.entries}
    leaves = {item.leaf: item for item in promise.entries}
    for entry in entries:
        item = numbers.get(entry.case_seq) if entry.case == promise.case else None
        if item is not None and item.leaf != entry.leaf:
            return item, f"Entry {entry.index} of the log is another one, with this number in its case."
        late = next((at for size, at in seen if size <= entry.index and _is_late(promise, at)), None)
        if entry.leaf in leaves and late is not None:
            why = f"It stands in the log as entry {entry.index}, and a quorum saw the log without it at {_at(late)}."
            return leaves[entry.leaf], why
    return None


def _is_late(promise: Promise, at: datetime) -> bool:
    return at > promise.until + CLOCKS_APART


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
