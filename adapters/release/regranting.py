"""Grant again: to the new key of somebody who had it, and of the past to somebody new, what policy gives them today.

One case is one transaction: channels, disclosures and the record of what was granted, or nothing. What was made before
is found there and not made again, whenever a run is interrupted or another one works beside it. docs/regranting.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from adapters.broken_glass import read_rules
from adapters.cases import CaseBook, CaseRefused
from adapters.following import LogRefused
from adapters.hub_client import HubRefused
from adapters.release.disclosing import Item
from adapters.release.making import Maker
from adapters.release.outbox import Outbox, PushReport
from adapters.release.releasing import MAX_ITEMS_PER_DISCLOSURE
from adapters.release.replanning import ByHandBecause, Waiting, Why, find_waiting
from adapters.release.standing import settled_case
from adapters.store.database import Session, Store
from adapters.store.rows import (
    count_accepted,
    own_fragments,
    pending_lines,
    public_entries_end,
    read_setting,
    write_setting,
)
from adapters.store.tables import CaseRow
from keys.certificates import NotCertified
from keys.sealing import ContentKey
from policies.engine import Bundle
from policies.model import Recipient


@dataclass(frozen=True, slots=True)
class Regranted:
    """What a run made in one case, or would make: ``waiting`` names everybody, also who waits for nothing."""

    case: str
    waiting: tuple[Waiting, ...]
    grants: int = 0
    disclosures: int = 0

    @property
    def is_due(self) -> bool:
        """Whether anything was made, or would be."""
        return any(item.is_due for item in self.waiting)


@dataclass(frozen=True, slots=True)
class Regranter:
    """Grants again what one agency shared before."""

    store: Store
    book: CaseBook
    bundle: Bundle

    def plan(self, case: str) -> Regranted:
        """Return what a run would do, and do nothing. Raises as ``regrant``, the age of the quorum left aside."""
        verified, directory = settled_case(self.book, case), self.book.follower.directory()
        with self.store.write() as session:
            found = find_waiting(
                session, verified, self.book.agency, directory, self.bundle, self.book.follower.clock()
            )
        return Regranted(case, tuple(found))

    def regrant(self, case: str) -> Regranted:
        """Put into the outbox what waits for a new key or a new reader. Nothing leaves before ``push``.

        Raises ``LogRefused`` without a fresh quorum, or while the witnesses have not seen our own key, where there is
        something to give (it widens who knows); or where a statement of the case is kept from us. Raises
        ``CaseRefused`` where the case cannot be believed or has ended.
        """
        follower = self.book.follower
        verified, directory, at = settled_case(self.book, case), follower.directory(), follower.clock()
        unseen = self._own_key_unseen()
        with self.store.write() as session:
            # Read again in the transaction that writes: what another run has just granted stands there.
            found = find_waiting(session, verified, self.book.agency, directory, self.bundle, at)
            due = [item for item in found if item.is_due]
            if not due:
                return Regranted(case, tuple(found))
            if unseen is not None:
                raise unseen
            follower.require_fresh_quorum(session)
            maker = Maker(self.store, self.book, self.bundle, session, verified, directory, at)
            wanted = {chosen.header.fragment for item in due for chosen in item.chosen}
            own = own_fragments(session, case)
            keys = {row.fragment: maker.content_key(row) for row in own if row.fragment in wanted}
            grants = disclosures = 0
            for item in due:
                disclosures += self._make(maker, item, keys)
                grants += len(item.chosen)
            disclosures += maker.tell_not_given()
            _note(session, case, waits=True)
        return Regranted(case, tuple(found), grants, disclosures)

    def _own_key_unseen(self) -> LogRefused | None:
        """Return why nothing may be signed with our own key now, asked before a transaction is open."""
        try:
            self.book.require_own_certificate()
        except LogRefused as error:
            return error
        return None

    def _make(self, maker: Maker, waiting: Waiting, keys: dict[str, ContentKey]) -> int:
        try:
            channel = maker.channel_to(waiting.recipient)
        except NotCertified as error:
            raise CaseRefused(f"a recipient's key is not certified in the witnessed log: {error}") from error
        maker.note_refused(channel, waiting.refused)
        made = 0
        # A disclosure lists a fragment once, so each purpose has its own.
        by_purpose = sorted(waiting.chosen, key=lambda item: item.basis.purpose)
        for _, group in groupby(by_purpose, key=lambda item: item.basis.purpose):
            items = [
                Item(it.header, it.digest, keys[it.header.fragment], it.basis, it.facts, it.decision) for it in group
            ]
            for start in range(0, len(items), MAX_ITEMS_PER_DISCLOSURE):
                maker.disclose(channel, items[start : start + MAX_ITEMS_PER_DISCLOSURE])
                made += 1
        return made

    def run(self, cases: Iterable[str]) -> PushReport:
        """Grant again and push where the log's directory or a case has changed since the last run that ended well.

        Cheap where nothing has. A run that was interrupted is taken up: what it made and did not push is pushed. Each
        case is looked at whatever is wrong with another; the first refusal is raised at the end.
        """
        report = PushReport()
        refused: LogRefused | CaseRefused | HubRefused | None = None
        for case in cases:
            try:
                report += self._run_case(case)
            except (LogRefused, CaseRefused, HubRefused) as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return report

    def _run_case(self, case: str) -> PushReport:
        with self.store.write() as session:
            mark, held = self._mark(session, case), _read(session, case)
        if mark is None or (held["mark"] == mark and not held["waits"]):
            return PushReport()
        has_lines = held["waits"]
        if held["mark"] != mark:
            has_lines |= self.regrant(case).is_due
        report = Outbox(self.store, self.book, self.bundle).push_case(case) if has_lines else PushReport()
        with self.store.write() as session:
            # The mark is that from before the work: whatever changed meanwhile is looked at again. So are lines that
            # another process has put there since.
            _note(session, case, mark=mark, waits=has_lines and bool(pending_lines(session, case, 1)))
        return report

    def _mark(self, session: Session, case: str) -> str | None:
        """Return a digest of all that decides who is granted what, None for a case that is not known here.

        The day is part of it: certificates begin and end with time, and what the hub refused is tried again.
        """
        row = session.get(CaseRow, case)
        if row is None or row.ended_at is not None:
            return None
        rests_on: list[Any] = [
            row.statements,
            public_entries_end(session),
            count_accepted(session, case),
            self.bundle.digest,
            self.book.follower.clock().date().isoformat(),
            sorted(read_rules(session)),
        ]
        return hashlib.sha256(json.dumps(rests_on).encode()).hexdigest()


def _name(case: str) -> str:
    return f"regranted:{case}"


def _read(session: Session, case: str) -> dict[str, Any]:
    held: dict[str, Any] = read_setting(session, _name(case)) or {"mark": None, "waits": False}
    return held


def _note(session: Session, case: str, *, waits: bool, mark: str | None = None) -> None:
    held = _read(session, case)
    write_setting(session, _name(case), {"mark": mark or held["mark"], "waits": waits})


# --- in words ---


def describe(done: Regranted, *, is_planned: bool) -> list[str]:
    """Say in plain lines what a run made, or would make, and what waits for a person's decision.

    Ids of agencies, people, fragments and drafts only; no names, no content.
    """
    lines = [line for item in done.waiting for line in _say(item, is_planned)]
    if not lines:
        lines.append("Everybody of this case has what policy gives them; nothing waits for a new key or a new reader.")
    by_hand = [(item.recipient, what) for item in done.waiting for what in item.by_hand]
    if by_hand:
        lines.append("Not given to anybody new without your decision:")
    for recipient, what in by_hand:
        why = _BY_HAND[what.because]
        # A release can be limited to an agency, not to its intake alone.
        besides = "" if recipient.member else " (its people in the case included)"
        lines.append(
            f"  fragment {what.fragment[:8]} for {_who(recipient)}, {what.purpose.value}: {why}. To give it: release "
            f"{done.case} --draft {what.draft} --purpose {what.purpose.value} --originator-release "
            f"--only {recipient.member or recipient.agency}{besides}"
        )
    return lines


_BY_HAND = {
    ByHandBecause.HANDLING: "its handling asks for the originator's word",
    ByHandBecause.LIMITED: "it was released to named recipients only, or came back from the hub and nobody has said",
}
_REASONS = {
    Why.NEW_KEY: "because their key changed",
    Why.OUR_KEY: "because what our own key signed for them was dated back",
    Why.NEW_READER: "of what was shared with others before",
    Why.BREAK_GLASS: "because they broke the glass and a standing rule of this agency says so",
}


def _say(waiting: Waiting, is_planned: bool) -> list[str]:
    verb = "would be granted" if is_planned else "granted"
    lines = []
    for why, reason in _REASONS.items():
        count = sum(item.why is why for item in waiting.chosen)
        if count:
            lines.append(f"{_who(waiting.recipient)}: {_count(count)} {verb}, {reason}.")
    if waiting.is_untold and not waiting.chosen:
        told = "would be told" if is_planned else "told"
        lines.append(f"{_who(waiting.recipient)}: nothing that policy gives without you; {told} that there is more.")
    if lines and waiting.refused:
        lines.append(f"{_who(waiting.recipient)}: {_count(len(waiting.refused))} not given, by policy of today.")
    return lines


def _count(number: int) -> str:
    return f"{number:,} {'grant' if number == 1 else 'grants'}"


def _who(recipient: Recipient) -> str:
    return f"{recipient.agency} {'intake' if recipient.member is None else recipient.member[:8]}"
