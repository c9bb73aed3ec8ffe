"""Keep our cases as the hub shows them and the log proves them: never fewer statements than before or than are logged.

A hub can leave out of a case a withdrawal that it has logged; the case's own chain of entries has it all the same.
A case that is listed no more has ended for this agency: what was pulled of it is deleted here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.copies import keeps_inbox
from adapters.erasures import has_new, read_erasures, take_erasures
from adapters.feed import FOLLOWED, LISTS, CaseFeed, followed
from adapters.hub_client import HubClient, HubRefused
from adapters.promises import settle_case
from adapters.refusal import LogRefused
from adapters.store.database import Session, Store
from adapters.store.erasing_rows import forget_inbox
from adapters.store.rows import inbox_of_case, list_case_rows, raise_alarm
from adapters.store.tables import CaseRow
from adapters.watched_entries import require_logged
from keys.directory import Directory
from keys.jose import SignatureRefused, statement_digest
from keys.transparency import Checkpoint
from policies.model import Malformed, parse_time, render_time, require_id, require_number
from policies.vocabulary import AgencyKind

MAX_CASES = 100_000
_OF_US = (401, 429, 503)
"""Refusals that would meet the next case too: not known, too many, busy."""
ATTEMPTS = 4
"""So often a case and its entries are read until they agree: something may be recorded between the two requests."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A case as the hub lists it: when it was opened and how many entries it says there are."""

    case: str
    opened_at: str
    case_seq: int


@dataclass(frozen=True, slots=True)
class CaseSync:
    """Reads this agency's cases into the adapter's store."""

    store: Store
    client: HubClient
    agency: str
    kind: AgencyKind
    accept_head: Callable[[str], Checkpoint]
    clock: Callable[[], datetime]
    directory: Callable[[], Directory]

    def feed(self, case: str) -> CaseFeed:
        """Return the chain of entries of a case."""
        return CaseFeed(self.store, self.client, self.agency, self.accept_head, case)

    def sync(self) -> list[str]:
        """Fetch the statements of every case and hold them against its entries. Return the case ids.

        Each case is read, whatever is wrong with another. Raises ``LogRefused`` for the first that is not whole (an
        alarm is kept for each), or else ``HubRefused`` for the first that the hub would not show.
        """
        with self.store.write() as session:
            # Before the hub is asked: what another process takes in meanwhile is newer than its answer, not gone.
            known = {row.case: json.loads(row.statements) for row in list_case_rows(session) if row.ended_at is None}
        listed = _case_list(self.client.get("/v1/cases"))
        broken: LogRefused | None = None
        refused: HubRefused | None = None
        for item in listed:
            try:
                self._sync_case(item, known.get(item.case, {}))
            except LogRefused as error:
                self._alarm(error)
                broken = broken or error
            except HubRefused as error:
                if error.status in _OF_US:
                    raise
                refused = refused or error
        self._end(set(known) - {item.case for item in listed})
        stopped = broken or refused
        if stopped is not None:
            raise stopped
        return [item.case for item in listed if not self._is_erased(item.case)]

    def sync_one(self, case: str) -> None:
        """Fetch the statements of one case; one that is listed no more has ended. Raises as ``sync`` does."""
        with self.store.write() as session:
            row = session.get(CaseRow, case)
            before = {} if row is None or row.ended_at is not None else json.loads(row.statements)
        listed = next((item for item in _case_list(self.client.get("/v1/cases")) if item.case == case), None)
        if listed is not None:
            self._sync_case(listed, before)
        elif before:
            self._end({case})

    def _sync_case(self, listed: Listed, before: Mapping[str, Any]) -> None:
        case, feed = listed.case, self.feed(listed.case)
        if self._is_erased(case):
            return
        for attempt in range(ATTEMPTS):
            statements = _case_statements(self.client.get(f"/v1/cases/{case}"), tuple(FOLLOWED.values()))
            fault = _shortened(before, statements)
            if fault is not None:
                feed.follow()
                if self._take_erasures(case, before):
                    return
                raise LogRefused("case_rollback", f"case {case[:8]}: {fault}")
            digests = _digests(statements)
            with self.store.write() as session:
                at = followed(session, case)
            try:
                # The hub's count only says whether it is worth asking; that nothing is missing is never taken from it.
                if at < listed.case_seq or attempt:
                    at = feed.follow()
                if self._take_erasures(case, before, statements["retention"]):
                    return
                feed.require_statements(digests, at)
            except LogRefused as error:
                if error.code != "withheld" or attempt == ATTEMPTS - 1:
                    raise
                continue
            settle_case(self.store, self.client, self.accept_head, case, at, self.clock())
            with self.store.write() as session:
                _keep(session, case, statements, listed.opened_at)
                require_logged(session, case, followed(session, case), self.clock())
            return

    def _is_erased(self, case: str) -> bool:
        with self.store.read() as session:
            return read_erasures(session, case).has_no_record

    def take_erasures(self, case: str) -> None:
        """Take in what the followed entries of a case say was erased. Raises ``LogRefused``."""
        with self.store.read() as session:
            if not has_new(session, case):
                return
            row = session.get(CaseRow, case)
            before = {} if row is None else json.loads(row.statements)
        self._take_erasures(case, before)

    def _take_erasures(self, case: str, before: Mapping[str, Any], shown: Sequence[str] = ()) -> bool:
        """Take in what the log says was erased; return whether nothing is left of the case at the hub.

        ``shown`` are words on keeping it that the hub shows beside those known before; only what is logged counts.
        """
        with self.store.read() as session:
            if not has_new(session, case):
                return read_erasures(session, case).has_no_record
        directory, at = self.directory().knowing(self.feed(case).positions()), self.clock()
        with self.store.write() as session:
            said = [*before.get("retention", ()), *shown]
            take_erasures(session, case, self.agency, directory, before, said, at)
            is_gone = read_erasures(session, case).has_no_record
            row = session.get(CaseRow, case)
            if is_gone and row is not None:
                row.ended_at = render_time(at)
            if is_gone and not keeps_inbox(session, case, self.kind):
                forget_inbox(session, case)
        self.store.forget_deleted()
        return is_gone

    def take(self, case: str, answer: object) -> None:
        """Keep a case's statements as a pull brought and proved them, if the case is known and they are more.

        Raises ``LogRefused``.
        """
        statements = _case_statements(answer, tuple(LISTS.values()))
        with self.store.write() as session:
            if session.get(CaseRow, case) is not None:
                _keep(session, case, statements, None)

    def _end(self, gone: set[str]) -> None:
        if not gone:
            return
        with self.store.write() as session:
            for case in sorted(gone):
                at = render_time(self.clock())
                if end_case(session, case, at):
                    text = (
                        f"case {case[:8]} is not listed for this agency any more: it was taken out of the case, or the "
                        "hub hides it; what was pulled of it was deleted here"
                    )
                    raise_alarm(session, "case_ended", text, at)
        self.store.forget_deleted()

    def _alarm(self, error: LogRefused) -> None:
        with self.store.write() as session:
            raise_alarm(session, error.code, str(error), render_time(self.clock()))


def has_ended(session: Session, case: str) -> bool:
    """Return whether a case that was known here is listed for this agency no more."""
    row = session.get(CaseRow, case)
    return row is not None and row.ended_at is not None


def end_case(session: Session, case: str, at: str) -> bool:
    """Mark a case as ended and delete what was pulled of it; return whether it was running until now."""
    row = session.get(CaseRow, case)
    if row is None or row.ended_at is not None:
        return False
    row.ended_at = at
    for kept in inbox_of_case(session, case):
        session.delete(kept)
    session.flush()
    return True


def _keep(session: Session, case: str, statements: Mapping[str, Any], opened_at: str | None) -> None:
    row = session.get(CaseRow, case)
    if row is None:
        row = CaseRow(case=case, opened_at=opened_at, statements="{}", sealed_label=None, ended_at=None)
        session.add(row)
    if opened_at is not None:
        row.ended_at = None
    held = json.loads(row.statements)
    for name in set(FOLLOWED.values()) - set(statements):
        # A person's pull brings less than comes to the adapter.
        statements = {**statements, name: held.get(name, [])}
    if _shortened(held, statements) is None:
        row.statements = json.dumps(statements, sort_keys=True)
    elif _shortened(statements, held) is not None:
        raise LogRefused("case_rollback", f"case {case[:8]}: the hub shows two cases, each without what the other has")


def _case_list(answer: object) -> list[Listed]:
    """Return what the hub lists. Raises ``LogRefused`` where that is not of the agreed form."""
    try:
        if not isinstance(answer, dict) or not isinstance(answer["cases"], list) or len(answer["cases"]) > MAX_CASES:
            raise Malformed(f"cases: expected a list of at most {MAX_CASES}")
        return [
            Listed(
                require_id(item["case"], "case"),
                render_time(parse_time(item["opened_at"])),
                require_number(item["case_seq"], "case_seq"),
            )
            for item in answer["cases"]
        ]
    except (Malformed, KeyError, TypeError) as error:
        raise LogRefused("answer", "the hub's list of cases is not of the agreed form") from error


def _case_statements(answer: object, lists: Sequence[str]) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(answer.get(name), list) for name in lists):
        raise LogRefused("answer", "the hub's statements of a case are not of the agreed form")
    return {name: answer.get(name) for name in (*lists, "opened_at")}


def _digests(statements: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        return {name: [statement_digest(token) for token in statements[name]] for name in FOLLOWED.values()}
    except (SignatureRefused, AttributeError) as error:
        raise LogRefused("answer", "the hub's statements of a case are not of the agreed form") from error


def _shortened(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return what is missing where the hub shows a case without statements that it showed before (attacks 2, 4)."""
    for name in FOLLOWED.values():
        before, now = old.get(name, []), new.get(name, [])
        if now[: len(before)] != before:
            return f"the hub shows a case without {name} that it showed before"
    return None
