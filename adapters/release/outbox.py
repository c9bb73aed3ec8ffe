"""Push what is in the outbox and take in the answers: nothing lost, nothing twice, whenever either side stops.

A line stays pending until the hub has answered it; one that was promised a place has it when it is found in the log
(``adapters.promises``). Receipts are verified: signed head, inclusion, and that the entry
says what was pushed. Before a disclosure leaves it is decided once more, on the newest known case. One that may not
leave, or that the hub refuses, has its number closed by a signed ``void``; its grants did not happen. A refused channel
or fragment is forgotten, so that the next release makes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.case_sync import has_ended
from adapters.cases import CaseBook, VerifiedCase
from adapters.following import LogRefused
from adapters.hub_client import HubUnreachable
from adapters.promises import take_promise
from adapters.release.deciding import decide_again
from adapters.release.drafts import DraftState
from adapters.release.numbers import Numbers
from adapters.release.proving import verify_promised, verify_receipt
from adapters.release.standing import settled_case
from adapters.stopping import require_unstopped
from adapters.store.database import Session, Store
from adapters.store.promise_rows import accept_line, keep_promise, promise_line
from adapters.store.rows import pending_cases, pending_lines, raise_alarm
from adapters.store.tables import DraftRow, OutboxRow, OwnFragmentRow
from keys.directory import Directory
from keys.promises import Promise
from keys.transparency import Checkpoint
from policies.engine import Bundle
from policies.model import render_time

MAX_LINES_PER_PUSH = 1_000
MAX_BYTES_PER_PUSH = 32 * 1024 * 1024
_STATUSES = ("accepted", "repeated", "refused")


@dataclass(slots=True)
class PushReport:
    """What a push achieved: lines by outcome, and the problems of what was refused."""

    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    promised: int = 0
    """Taken by the hub, which has promised to place them and proven nothing of them yet."""
    problems: list[Mapping[str, Any]] = field(default_factory=list)

    def __iadd__(self, other: PushReport) -> PushReport:
        self.accepted += other.accepted
        self.repeated += other.repeated
        self.refused += other.refused
        self.promised += other.promised
        self.problems += other.problems
        return self


@dataclass(frozen=True, slots=True)
class Outbox:
    """Pushes one agency's pending lines."""

    store: Store
    book: CaseBook
    bundle: Bundle
    takes_promises: bool = False
    """Whether to wait for no position: what is promised is settled when the case's entries are followed."""

    def push_all(self) -> PushReport:
        """Push every pending line of every case that has not ended.

        Raises ``HubUnreachable``; then everything is still pending. Raises ``LogRefused`` or ``CaseRefused`` where a
        case cannot be decided on, or where the hub's word is not proven.
        """
        report = PushReport()
        with self.store.write() as session:
            cases = [case for case in pending_cases(session) if not has_ended(session, case)]
        for case in cases:
            report += self.push_case(case)
        return report

    def push_case(self, case: str) -> PushReport:
        """Push every pending line of one case that has not ended. Raises as ``push_all`` does."""
        with self.store.write() as session:
            require_unstopped(session)
        report, verified = PushReport(), settled_case(self.book, case)
        while (batch := self._push_batch(case, verified)) is not None:
            report += batch
        return report

    def _push_batch(self, case: str, verified: VerifiedCase) -> PushReport | None:
        report, directory = PushReport(), self.book.follower.directory()
        with self.store.write() as session:
            rows = self._next_lines(session, case, verified, directory, report)
            numbers, lines = [row.number for row in rows], [json.loads(row.line) for row in rows]
            for row in rows:
                row.has_left += 1
        if not lines:
            return report if report.refused else None
        try:
            answer = self.book.follower.client.post_lines(
                f"/v1/cases/{case}/push", lines, waits=not self.takes_promises
            )
        except HubUnreachable as error:
            if error.nothing_left:
                self._take_back(numbers)
            raise
        results, note, promise_note = _parse_answer(answer, len(lines), may_promise=self.takes_promises)
        head = self.book.follower.accept_head(note)
        try:
            came = self._came(head, note, promise_note)
            with self.store.write() as session:
                for number, result in zip(numbers, results, strict=True):
                    kept = session.get(OutboxRow, number)
                    if kept is None or kept.state != "pending":
                        continue  # dropped meanwhile, because a line before it in its channel was refused
                    self._take(session, kept, result, came, report)
        except LogRefused as error:
            with self.store.write() as session:
                raise_alarm(session, error.code, str(error), render_time(self.book.follower.clock()))
            raise
        return report

    def _came(self, head: Checkpoint, note: str, promise_note: str | None) -> _Came:
        """Return what an answer is held against: its head, and its promise where it has one, verified."""
        follower = self.book.follower
        if promise_note is None:
            return _Came(head)
        now, shown = follower.clock(), (head, note)
        promise = take_promise(promise_note, follower.log_key, follower.client, shown, now, follower.alarm)
        return _Came(head, promise, promise_note)

    def _next_lines(
        self, session: Session, case: str, verified: VerifiedCase, directory: Directory, report: PushReport
    ) -> Sequence[OutboxRow]:
        """Return the next lines that may leave; what may not any more is stopped here and never shown to the hub."""
        decided: set[int] = set()
        while True:
            rows = pending_lines(session, case, MAX_LINES_PER_PUSH)
            waiting = [row for row in rows if row.kind == "disclosure" and not row.has_left]
            asked = next((row for row in waiting if row.number not in decided), None)
            if asked is None:
                return _fitting(rows)
            for row in waiting:
                decided.add(row.number)
                if row.state == "pending":
                    self._decide_again(session, row, verified, directory, report)
            session.flush()

    def _decide_again(
        self, session: Session, row: OutboxRow, verified: VerifiedCase, directory: Directory, report: PushReport
    ) -> None:
        stopped = decide_again(session, row, verified, directory, self.bundle, self.book.follower.clock())
        if stopped is None:
            return
        problem = stopped.to_problem()
        row.state, row.problem = "dropped", json.dumps(problem)
        report.refused += 1
        report.problems.append(problem)
        Numbers(session, self.book).close(row, problem)

    def _take_back(self, numbers: Sequence[int]) -> None:
        """Count one sending less of each line: this one got to nobody. Another process's, or an earlier one, stays."""
        with self.store.write() as session:
            for number in numbers:
                row = session.get(OutboxRow, number)
                if row is not None:
                    row.has_left = max(0, row.has_left - 1)

    def _take(
        self, session: Session, row: OutboxRow, result: Mapping[str, Any], came: _Came, report: PushReport
    ) -> None:
        status = result["status"]
        if status != "refused" and came.promise is not None and result.get("receipt") is None:
            promise_line(
                session,
                row,
                came.keep(session),
                verify_promised(result.get("promise"), came.promise, row, self.book.agency),
            )
            report.promised += 1
            return
        if status != "refused":
            # A repeat is proven like the first time: the hub's word that it knows a line is no receipt.
            verify_receipt(result.get("receipt"), came.head.size, came.head.root, row, self.book.agency)
            accept_line(session, row, result["receipt"])
            setattr(report, status, getattr(report, status) + 1)
            return
        problem = result.get("problem")
        if not isinstance(problem, dict):
            problem = {}
        row.state, row.problem = "refused", json.dumps(problem)
        report.refused += 1
        report.problems.append(problem)
        numbers = Numbers(session, self.book)
        if row.kind == "disclosure":
            numbers.close(row, problem)
        elif row.kind == "channel":
            numbers.forget_channel(row.subject)
        elif row.kind == "fragment":
            _forget_fragment(session, row)
        elif row.kind == "void":
            numbers.reopen(row, problem)


def _forget_fragment(session: Session, row: OutboxRow) -> None:
    """A fragment that the hub did not take is a draft again: the next release seals it anew."""
    fragment = session.get(OwnFragmentRow, row.subject)
    if fragment is None:
        return
    draft = session.get(DraftRow, fragment.draft)
    if draft is not None:
        draft.state = DraftState.DRAFT.value
    session.delete(fragment)
    session.flush()


def _fitting(rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
    """Return as many of the lines as one push carries, at least one."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row.line)
        if count and size > MAX_BYTES_PER_PUSH:
            return rows[:count]
    return rows


@dataclass(slots=True)
class _Came:
    """What came with the lines of an answer: the accepted head, and the promise of lines that have no receipt."""

    head: Checkpoint
    promise: Promise | None = None
    note: str = ""
    _number: int | None = None

    def keep(self, session: Session) -> int:
        """Keep the promise with the first line that rests on it; return its number here."""
        if self._number is None:
            assert self.promise is not None
            self._number = keep_promise(session, self.note, render_time(self.promise.until), self.promise.size)
        return self._number


def _parse_answer(
    answer: Sequence[Any], count: int, *, may_promise: bool
) -> tuple[list[Mapping[str, Any]], str, str | None]:
    """Return the result lines, the signed head, and the promise where there is one that may be.

    Raises ``LogRefused`` where the answer is not whole.
    """
    promise: str | None = None
    extra = answer[count] if may_promise and len(answer) == count + 3 else None
    if isinstance(extra, dict) and extra.get("type") == "promise":
        promise = str(extra.get("note"))
        answer = [*answer[:count], *answer[count + 1 :]]
    if (
        len(answer) != count + 2
        or not all(isinstance(item, dict) for item in answer)
        or answer[-1] != {"type": "end", "lines": count}
        or answer[-2].get("type") != "checkpoint"
        or [item.get("line") for item in answer[:count]] != list(range(1, count + 1))
        or any(item.get("status") not in _STATUSES for item in answer[:count])
    ):
        raise LogRefused("answer", "the hub's answer to a push is not whole; nothing was lost, push again")
    return list(answer[:count]), str(answer[-2].get("note")), promise
