"""Settle what the hub promised: each promised entry stands in the log by its deadline, or people are told (attack 6).

In time is what a quorum's heads say, never the clock of hub or adapter: a promise is broken where a quorum saw, later
than its deadline and the difference that clocks may have, a log without the entry. That head, with every leaf behind
the place from which the promise speaks, is what convinces a third party (docs/monitor.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.case_entries import CaseEntry, prove_case_entry
from adapters.heads import Alarm, is_beginning, refuse_entries, splits
from adapters.hub_client import MAX_FEED_BYTES, HubClient, HubRefused
from adapters.refusal import LogRefused
from adapters.store.database import Session, Store
from adapters.store.monitor_rows import raise_with_evidence, seen_heads, seen_note
from adapters.store.promise_rows import (
    OpenPromise,
    PromisedLine,
    open_lines,
    open_promises,
    put_back,
    settle_line,
)
from adapters.watched_entries import read_time
from keys.merkle import ProofInvalid, grow, render_proof, root_of, verify_inclusion
from keys.promises import CLOCKS_APART, MAX_MERGE_DELAY, Promise, verify_promise
from keys.spans import MAX_SPAN_LEAVES, Span, TileTree
from keys.transparency import Checkpoint, VerifierKey
from policies.model import render_time

if TYPE_CHECKING:
    from adapters.following import Follower

PAGE = 500
"""Entries of a case that are asked for at a time."""
CHUNK = 65_536
"""Leaves that are hashed at a time while the log is searched."""


def take_promise(
    note: object, key: VerifierKey, client: HubClient, head: tuple[Checkpoint, str], at: datetime, alarm: Alarm
) -> Promise:
    """Verify a promise as it comes, and return it. ``head``: the accepted head that came with it, and its note.

    It must be signed by the pinned key, of this log, by a deadline that is neither passed nor further away than
    ``MAX_MERGE_DELAY``, and speak of the log shown here. Raises ``LogRefused``.
    """
    try:
        promise = verify_promise(note, key)
    except ProofInvalid as error:
        raise LogRefused("receipt", f"a promise of the hub is refused: {error}") from error
    if promise.until > at + MAX_MERGE_DELAY + CLOCKS_APART:
        raise LogRefused("receipt", f"a promise of the hub is refused: its deadline, {promise.until}, is too far away")
    if promise.until < at - CLOCKS_APART:
        raise LogRefused("receipt", f"a promise of the hub is refused: its deadline, {promise.until}, has passed")
    named, (shown, shown_note) = promise.checkpoint, head
    if named is not None and named.size > shown.size:
        raise LogRefused("receipt", "a promise of the hub is refused: it speaks of more entries than the log has")
    longer = {"size": shown.size, "root": shown.root.hex()}
    if named is not None and not is_beginning(client, named.size, bytes.fromhex(named.root), longer):
        raise alarm(
            "fork",
            f"a promise of the hub names another log of {named.size} entries than the one shown here",
            {
                "kind": "fork",
                "heads": [shown_note],
                "splits": splits(client, {named.size}, shown, shown_note),
                "promise": note,
            },
        )
    return promise


def settle_case(
    store: Store, client: HubClient, accept_head: Callable[[str], Checkpoint], case: str, reached: int, at: datetime
) -> None:
    """Take in the receipts of promised lines of a case, as far as its entries were followed (``reached``).

    Where another entry has the number that was promised, or it came too late, an alarm is kept. Raises ``LogRefused``,
    ``HubRefused`` and ``HubUnreachable``.
    """
    with store.write() as session:
        open_ = {line.case_seq: line for line in open_lines(session, case, reached)}
    while open_:
        first = min(open_)
        answer = client.get(f"/v1/cases/{case}/log", at_most=MAX_FEED_BYTES, after=first - 1, limit=PAGE)
        items = answer.get("entries") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(items, list):
            raise LogRefused("feed", "the hub's entries of a case are not of the agreed form")
        note = str(answer.get("checkpoint"))
        head = accept_head(note)
        for number, item in enumerate(items, first):
            line = open_.pop(number, None)
            if line is not None:
                _settle(store, line, prove_case_entry(item, head.size, head.root), item, note, at)
        # What the hub does not show is left to the deadline.
        open_.pop(first, None)


def _settle(
    store: Store, line: PromisedLine, entry: CaseEntry, item: Mapping[str, Any], note: str, at: datetime
) -> None:
    if entry.leaf == line.leaf:
        receipt = line.receipt(entry.index, item["inclusion"])
        with store.write() as session:
            late = _seen_without(seen_heads(session), entry.index, line.until)
            settle_line(session, line.line, receipt)
            if late is not None:
                text = f"{_of(line)} stands in the log, but a quorum saw it without that at {late[1]}"
                _tell(session, text, at, line.note, [note, seen_note(session, late[0])], receipt, note)
        return
    body = entry.body
    # Of an erased entry only the hub says which number it has.
    if body is None or (body.get("case"), body.get("case_seq")) != (line.case, line.case_seq):
        return
    with store.write() as session:
        put_back(session, [line.line])
        text = f"{_of(line)}, and entry {entry.index} of the log has this number in its case"
        _tell(session, text, at, line.note, [note], item, note)


def _of(line: PromisedLine) -> str:
    return f"case {line.case[:8]}: the hub promised by {line.until} what it was to place as number {line.case_seq}"


def _tell(
    session: Session,
    text: str,
    at: datetime,
    promise: str,
    heads: Iterable[str | None],
    receipt: Mapping[str, Any] | None = None,
    note: str | None = None,
    span: Span | None = None,
) -> None:
    """Keep the alarm ``omission`` with what proves it."""
    evidence = {
        "kind": "omission",
        "heads": [item for item in heads if item is not None],
        "entry": None if receipt is None else {"receipt": receipt, "note": note},
        "promise": promise,
        "span": None if span is None else span.to_json(),
    }
    raise_with_evidence(session, "omission", text, render_time(at), evidence)


def _seen_without(seen: Iterable[tuple[int, str]], index: int, until: str) -> tuple[int, str] | None:
    """Return a log that a quorum saw after a deadline without the entry at a position, and when; None: it saw none."""
    late = [item for item in seen if item[0] <= index and is_past(until, item[1])]
    return late[0] if late else None


def is_past(until: str, at: str) -> bool:
    """Whether a time is later than a deadline, whatever clocks differ by."""
    return read_time(at) > read_time(until) + CLOCKS_APART


def require_kept(follower: Follower) -> None:
    """Look for what was promised by a deadline that a quorum's head is past, in that head's own tree.

    What is found has its receipt then, whatever the hub shows of its case. For what is not there an alarm is kept, and
    the lines leave again once somebody has looked. Raises ``LogRefused`` where the hub does not show the tree.
    """
    with follower.store.write() as session:
        seen = seen_heads(session)
        due = [(item, [head for head in seen if is_past(item.until, head[1])]) for item in open_promises(session)]
        # The smallest such head: what came after it came too late.
        found = [(item, heads[0], seen_note(session, heads[0][0])) for item, heads in due if heads]
    for promise, (_, at), note in found:
        if note is not None:
            _Search(follower, promise, follower.kept_head(note), note, at).run()


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for what a promise names in the tree of one head, of which its promise says where to begin."""

    follower: Follower
    promise: OpenPromise
    head: Checkpoint
    note: str
    seen_at: str

    def run(self) -> None:
        """Settle what is there, and tell people of what is not."""
        wanted = {bytes.fromhex(line.leaf): line for line in self.promise.lines}
        tree = TileTree(lambda path: self.follower.client.get_bytes(f"/log/{path}"), self.head.size)
        try:
            places, span = self._search(tree, set(wanted))
            receipts = {}
            for leaf, index in places.items():
                proof = tree.inclusion(index)
                verify_inclusion(leaf, index, self.head.size, proof, self.head.root)
                receipts[wanted[leaf].line] = wanted[leaf].receipt(index, render_proof(proof))
        except HubRefused as error:
            raise refuse_entries(error, self.head, self.follower.alarm) from error
        except ProofInvalid as error:
            text = f"the hub shows a tree that is not the one of its signed head of {self.head.size} entries: {error}"
            raise self.follower.alarm("directory", text, None) from error
        missing = [line for leaf, line in wanted.items() if leaf not in places]
        with self.follower.store.write() as session:
            for line, receipt in receipts.items():
                settle_line(session, line, receipt)
            if not missing:
                return
            put_back(session, [line.line for line in missing])
            first = missing[0]
            text = (
                f"case {first.case[:8]}: the hub promised that entries of ours ({len(missing)}, the first of them "
                f"number {first.case_seq} of the case) stand in the log by {self.promise.until}; a quorum saw the log "
                f"without them at {self.seen_at}"
            )
            _tell(session, text, self.follower.clock(), self.promise.note, [self.note], span=span)

    def _search(self, tree: TileTree, wanted: set[bytes]) -> tuple[dict[bytes, int], Span | None]:
        """Return where leaves stand behind what the promise begins at, and all of them if they are not too many."""
        start, places = self.promise.size, {}
        if self.head.size <= start:
            return {}, None
        peaks = tree.peaks(start)
        size, grown, kept, chunk = start, list(peaks), list[bytes](), list[bytes]()
        is_shown = self.head.size - start <= MAX_SPAN_LEAVES
        for index, leaf in enumerate(tree.leaves(start), start):
            chunk.append(leaf)
            if leaf in wanted:
                places[leaf] = index
            if len(chunk) == CHUNK or index + 1 == self.head.size:
                size, grown = grow(size, grown, chunk)
                kept += chunk if is_shown else []
                chunk = []
        if root_of(grown) != self.head.root:
            raise ProofInvalid("its leaves do not make it")
        return places, Span(start, peaks, tuple(kept)) if is_shown else None
