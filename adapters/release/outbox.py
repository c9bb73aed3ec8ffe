"""Push what is in the outbox and take in the answers: nothing lost, nothing twice, whenever either side stops.

A line stays pending until the hub has answered it. Receipts are verified: signed head, inclusion, and that the entry
says what was pushed. A refused disclosure's number is closed by a signed ``void``; its grants did not happen. A refused
channel or fragment is forgotten, so that the next release makes it anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.cases import CaseBook
from adapters.following import LogRefused
from adapters.receipts import require_entry
from adapters.release.drafts import DraftState
from adapters.store import (
    DraftRow,
    NotGivenRow,
    OutboxRow,
    OwnChannelRow,
    OwnFragmentRow,
    Session,
    Store,
    drop_grants,
    pending_cases,
    pending_lines,
    pending_of_channel,
    raise_alarm,
)
from keys.jose import statement_digest
from keys.statements import StatementType, make_statement, peek
from policies.model import render_time
from policies.vocabulary import NotGivenCode

MAX_LINES_PER_PUSH = 1_000
MAX_BYTES_PER_PUSH = 32 * 1024 * 1024
_STATUSES = ("accepted", "repeated", "refused")


@dataclass(slots=True)
class PushReport:
    """What a push achieved: lines by outcome, and the problems of what was refused."""

    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    problems: list[Mapping[str, Any]] = field(default_factory=list)

    def __iadd__(self, other: PushReport) -> PushReport:
        self.accepted += other.accepted
        self.repeated += other.repeated
        self.refused += other.refused
        self.problems += other.problems
        return self


@dataclass(frozen=True, slots=True)
class Outbox:
    """Pushes one agency's pending lines."""

    store: Store
    book: CaseBook

    def push_all(self) -> PushReport:
        """Push every pending line of every case. Raises ``HubUnreachable``; then everything is still pending."""
        report = PushReport()
        with self.store.write() as session:
            cases = pending_cases(session)
        for case in cases:
            while True:
                batch = self._push_batch(case)
                if batch is None:
                    break
                report += batch
        return report

    def _push_batch(self, case: str) -> PushReport | None:
        with self.store.write() as session:
            rows = pending_lines(session, case, MAX_LINES_PER_PUSH)
            numbers: list[int] = []
            lines: list[Any] = []
            size = 0
            for row in rows:
                size += len(row.line)
                if lines and size > MAX_BYTES_PER_PUSH:
                    break
                numbers.append(row.number)
                lines.append(json.loads(row.line))
        if not lines:
            return None
        answer = self.book.follower.client.post_lines(f"/v1/cases/{case}/push", lines)
        results, note = _parse_answer(answer, len(lines))
        head = self.book.follower.accept_head(note)
        report = PushReport()
        try:
            with self.store.write() as session:
                for number, result in zip(numbers, results, strict=True):
                    kept = session.get(OutboxRow, number)
                    if kept is None or kept.state != "pending":
                        continue  # dropped meanwhile, because a line before it in its channel was refused
                    self._take(session, kept, result, head.size, head.root, report)
        except LogRefused as error:
            with self.store.write() as session:
                raise_alarm(session, error.code, str(error), render_time(self.book.follower.clock()))
            raise
        return report

    def _take(
        self, session: Session, row: OutboxRow, result: Mapping[str, Any], size: int, root: bytes, report: PushReport
    ) -> None:
        status = result["status"]
        if status != "refused":
            # A repeat is proven like the first time: the hub's word that it knows a line is no receipt.
            verify_receipt(result.get("receipt"), size, root, row)
            row.receipt, row.state = json.dumps(result["receipt"]), "accepted"
            if row.kind == "fragment":
                fragment = session.get(OwnFragmentRow, row.subject)
                if fragment is not None:
                    fragment.is_accepted = True
            setattr(report, status, getattr(report, status) + 1)
            return
        problem = result.get("problem")
        if not isinstance(problem, dict):
            problem = {}
        row.state, row.problem = "refused", json.dumps(problem)
        report.refused += 1
        report.problems.append(problem)
        if row.kind == "disclosure":
            self._close_number(session, row, problem)
        elif row.kind == "channel":
            self._forget_channel(session, row)
        elif row.kind == "fragment":
            self._forget_fragment(session, row)
        else:
            self._reopen_number(session, row)

    def _forget_channel(self, session: Session, row: OutboxRow) -> None:
        """A channel that the hub did not take is not there: the next release makes another one."""
        channel = session.get(OwnChannelRow, row.subject)
        for later in pending_of_channel(session, row.subject):
            later.state = "dropped"
            drop_grants(session, later.subject)
        if channel is not None:
            session.delete(channel)
        session.flush()

    def _forget_fragment(self, session: Session, row: OutboxRow) -> None:
        """A fragment that the hub did not take is a draft again: the next release seals it anew."""
        fragment = session.get(OwnFragmentRow, row.subject)
        if fragment is None:
            return
        draft = session.get(DraftRow, fragment.draft)
        if draft is not None:
            draft.state = DraftState.DRAFT.value
        session.delete(fragment)
        session.flush()

    def _reopen_number(self, session: Session, row: OutboxRow) -> None:
        """A void that the hub did not take closed no number: the next disclosure takes that number."""
        channel = session.get(OwnChannelRow, row.channel)
        if channel is None or channel.last_digest != row.subject:
            return
        void = peek(json.loads(row.line)["statement"]).members
        channel.last_sequence, channel.last_digest = void["sequence"] - 1, void["previous"]
        session.flush()

    def _close_number(self, session: Session, row: OutboxRow, problem: Mapping[str, Any]) -> None:
        """Close the refused number with a void; what was queued behind it in its channel did not happen either."""
        channel = session.get(OwnChannelRow, row.channel)
        if channel is None:
            return
        refused = peek(json.loads(row.line)["statement"]).members
        for later in [row, *pending_of_channel(session, channel.channel)]:
            if later is not row:
                later.state = "dropped"
            drop_grants(session, later.subject)
        listed = {item["fragment"] for item in refused["items"]}
        if problem.get("fragment") in listed:
            session.merge(
                NotGivenRow(
                    channel=channel.channel,
                    fragment=problem["fragment"],
                    code=NotGivenCode.POLICY.value,
                    rules=json.dumps(problem.get("rules", [])),
                )
            )
        code = str(problem.get("type", "")).rpartition(":")[2] or "unknown"
        statement = make_statement(
            StatementType.VOID,
            {
                "case": row.case,
                "channel": channel.channel,
                "sequence": refused["sequence"],
                "previous": refused["previous"],
                "refused": row.subject,
                "code": code[:40],
            },
            issuer=self.book.agency,
            signer=self.book.signing,
            issued_at=self.book.follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=self.book.follower.newest_reference_in(session),
        )
        self._queue_void(session, row, channel, statement, refused["sequence"])

    def _queue_void(
        self, session: Session, row: OutboxRow, channel: OwnChannelRow, statement: str, sequence: int
    ) -> None:
        digest = statement_digest(statement)
        session.add(
            OutboxRow(
                case=row.case,
                kind="void",
                subject=digest,
                channel=channel.channel,
                line=json.dumps({"type": "void", "statement": statement}),
                state="pending",
                problem=None,
                receipt=None,
            )
        )
        channel.last_sequence, channel.last_digest = sequence, digest
        session.flush()


def _parse_answer(answer: Sequence[Any], count: int) -> tuple[list[Mapping[str, Any]], str]:
    """Return the result lines and the signed head. Raises ``LogRefused`` where the answer is not whole."""
    if (
        len(answer) != count + 2
        or not all(isinstance(item, dict) for item in answer)
        or answer[-1] != {"type": "end", "lines": count}
        or answer[-2].get("type") != "checkpoint"
        or [item.get("line") for item in answer[:count]] != list(range(1, count + 1))
        or any(item.get("status") not in _STATUSES for item in answer[:count])
    ):
        raise LogRefused("answer", "the hub's answer to a push is not whole; nothing was lost, push again")
    return list(answer[:count]), str(answer[-2].get("note"))


def verify_receipt(receipt: object, size: int, root: bytes, row: OutboxRow) -> None:
    """Verify that an accepted line stands in the log under a head the hub signed. Raises ``LogRefused``."""
    name = {"channel": "channel", "fragment": "fragment"}.get(row.kind, "statement")
    require_entry(receipt, size, root, {"type": row.kind, "case": row.case, name: row.subject})
