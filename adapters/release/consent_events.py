"""A consent statement on its way: its effect shown before, carried in it, and noted here once anybody has recorded one.

Every agency notes the effect of every consent statement of its cases on its own grants, also of those that others
recorded; what rested on a consent that was none is an alarm. The receipt of a statement lists who had read before it
what it ended: from the log's own entries, each proven, and by nobody's word (attack 37).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.cases import CaseBook, CaseRefused, VerifiedCase
from adapters.picture.speech import lazy_gettext
from adapters.release.consent_effect import Change, ConsentEffect, effect_of
from adapters.store.database import Store
from adapters.store.rows import raise_alarm, read_setting, write_setting
from adapters.store.tables import CaseRow
from keys.statements import Statement
from policies.consent import Consents
from policies.engine import Bundle
from policies.model import render_time

UNFOUNDED = "consent_invalid"


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """One reading, before a statement, of something of ours that the statement ended."""

    number: int
    at: str
    agency: str
    member: str | None
    purpose: str
    fragments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """What a consent statement meant for this agency's grants. ``number``: its place in the case's order, the line."""

    statement: str
    number: int
    effect: ConsentEffect
    seen: tuple[SeenBefore, ...]


@dataclass(frozen=True, slots=True)
class ConsentEvents:
    """Plans, records and follows the consent statements of this agency's cases."""

    store: Store
    book: CaseBook
    bundle: Bundle

    def plan(self, case: str, members: Mapping[str, Any]) -> tuple[VerifiedCase, ConsentEffect]:
        """Return what a statement would do to our grants; nothing is recorded.

        ``members`` as ``CaseBook.record_consent`` takes them. Raises ``Malformed`` or ``CaseRefused``.
        """
        verified, _, after = self.book.next_consent(case, members)
        return verified, self._effect(verified, verified.state.consent, after)

    def record(self, case: str, members: Mapping[str, Any]) -> tuple[Statement, ConsentEffect]:
        """Record a statement that carries the counts and the digest of its effect. Raises as ``record_consent``."""
        _, effect = self.plan(case, members)
        statement = self.book.record_consent(case, {**members, "effect": effect.to_json()})
        self.note(case)
        return statement, effect

    def note(self, case: str) -> int:
        """Note the effect of each consent statement of a case that was not noted yet; return how many there were.

        Raises ``CaseRefused``.
        """
        with self.store.write() as session:
            row = session.get(CaseRow, case)
            noted: dict[str, Any] = read_setting(session, _name(case)) or {}
            # Asked at every look at the log: nothing is verified again while nothing was said.
            if row is None or row.ended_at is not None or len(json.loads(row.statements)["consents"]) <= len(noted):
                return 0
        verified = self.book.load(case)
        fresh = [item for item in verified.consents if item.digest not in noted]
        for statement in fresh:
            before, after = _around(verified, statement.digest)
            effect = self._effect(verified, before, after)
            noted[statement.digest] = {**effect.to_json(), "at": render_time(self.book.follower.clock())}
            if effect.unfounded:
                self._raise_unfounded(case, effect)
        if fresh:
            with self.store.write() as session:
                held: dict[str, Any] = read_setting(session, _name(case)) or {}
                write_setting(session, _name(case), {**noted, **held})
        return len(fresh)

    def run(self, cases: Iterable[str]) -> int:
        """Note what is new in several cases; return how many statements. A case that is not believed is left aside."""
        count = 0
        for case in cases:
            try:
                count += self.note(case)
            except CaseRefused:
                continue
        return count

    def noted(self, case: str) -> dict[str, Any]:
        """Return by statement the counts and the digest of the effect that was noted, and when."""
        with self.store.write() as session:
            found: dict[str, Any] = read_setting(session, _name(case)) or {}
        return found

    def receipt(self, case: str, statement: str) -> ConsentReceipt:
        """Return what a statement ended of ours, and who had read it before. Raises ``CaseRefused``, ``LogRefused``."""
        verified = self.book.load(case)
        feed = self.book.follower.feed(case)
        feed.follow()
        number = feed.number_of(statement)
        if number is None or all(item.digest != statement for item in verified.consents):
            raise CaseRefused(
                lazy_gettext("this consent statement is not one of this case, as far as it was followed here")
            )
        effect = self._effect(verified, *_around(verified, statement))
        ended = {str(item.header.fragment) for item in effect.grants if item.change is Change.ENDS or item.is_unfounded}
        seen = [_seen(entry, ended) for _, entry in feed.entries(number) if entry["type"] == "viewed"]
        return ConsentReceipt(statement, number, effect, tuple(item for item in seen if item.fragments))

    def _effect(self, verified: VerifiedCase, before: Consents, after: Consents) -> ConsentEffect:
        at, agency = self.book.follower.clock(), self.book.agency
        return effect_of(self.store, verified, agency, self.bundle, at, before=before, after=after)

    def _raise_unfounded(self, case: str, effect: ConsentEffect) -> None:
        count = len(effect.unfounded)
        text = f"case {case[:8]}: {count} grants of ours rested on a consent that was found to be none"
        with self.store.write() as session:
            raise_alarm(session, UNFOUNDED, text, render_time(self.book.follower.clock()))


def _seen(entry: Mapping[str, Any], ended: set[str]) -> SeenBefore:
    fragments = tuple(item["fragment"] for item in entry["fragments"] if item["fragment"] in ended)
    return SeenBefore(entry["case_seq"], entry["at"], entry["agency"], entry["member"], entry["purpose"], fragments)


def _around(verified: VerifiedCase, statement: str) -> tuple[Consents, Consents]:
    """Return the consents of a case before and after one of its statements."""
    listed = verified.state.consent.statements
    place = [item.digest for item in listed].index(statement)
    return Consents.of(listed[:place]), Consents.of(listed[: place + 1])


def _name(case: str) -> str:
    return f"consent-effects:{case}"


# --- in words ---


def describe_receipt(receipt: ConsentReceipt) -> list[str]:
    """Say in plain lines who had read what ended: ids, times and entries of the log."""
    counts = receipt.effect.to_json()
    lines = [
        f"consent statement {receipt.statement[:12]} is entry {receipt.number} of the case: what was pulled after it "
        f"is decided under it; {counts['ends']} grants of yours ended, {counts['stays']} stay"
    ]
    for item in receipt.seen:
        who = f"{item.agency} {'intake' if item.member is None else item.member[:8]}"
        listed = ", ".join(name[:8] for name in item.fragments)
        lines.append(f"  entry {item.number}, {item.at}: {who} had read {listed} for {item.purpose}")
    if not receipt.seen:
        lines.append("  nobody had read any of it before")
    return lines
