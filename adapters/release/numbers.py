"""The numbers of a channel: each is a disclosure that the hub took, or a void that says why there is none.

docs/protocol.md section 7. What is queued behind a number that did not happen did not happen either, because each names
the one before it. What is dropped here is made anew by the next release.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adapters.cases import CaseBook
from adapters.release.deciding import void_code
from adapters.release.disclosing import not_given_code
from adapters.store.database import Session
from adapters.store.rows import drop_grants, keep_not_given, pending_of_channel
from adapters.store.tables import OutboxRow, OwnChannelRow
from keys.canonical import parse_canonical
from keys.jose import UnverifiedJws, statement_digest
from keys.statements import StatementType, make_statement, peek
from policies.model import parse_time
from policies.vocabulary import VoidCode

SIGNED_ANEW_AFTER = timedelta(hours=1)
"""A void that was refused for its age is signed anew if it is older; a younger one would be refused again."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Closes and opens numbers of this agency's channels, within an open transaction."""

    session: Session
    book: CaseBook

    def forget_channel(self, channel: str) -> None:
        """A channel that the hub did not take is not there: the next release makes another one."""
        self._drop_behind(channel, 0)
        row = self.session.get(OwnChannelRow, channel)
        if row is not None:
            self.session.delete(row)
        self.session.flush()

    def close(self, row: OutboxRow, problem: Mapping[str, Any]) -> None:
        """Close the number of a disclosure that did not happen with a signed void; its grants are dropped."""
        channel = self.session.get(OwnChannelRow, row.channel)
        if channel is None:
            return
        drop_grants(self.session, row.subject)
        self._drop_behind(channel.channel, row.number)
        refused = peek(json.loads(row.line)["statement"]).members
        rules = problem.get("rules")
        if problem.get("fragment") in [item["fragment"] for item in refused["items"]] and isinstance(rules, list):
            named = [str(rule) for rule in rules]
            why = (problem["fragment"], not_given_code(named).value, json.dumps(named))
            keep_not_given(self.session, channel.channel, [why])
        self._queue_void(channel, refused["sequence"], refused["previous"], row.subject, void_code(problem))

    def reopen(self, row: OutboxRow, problem: Mapping[str, Any]) -> None:
        """A void that the hub did not take closed no number: everything behind it goes, the number is taken again.

        One that lay here for too long is signed anew, so that the refused disclosure stays on record.
        """
        channel = self.session.get(OwnChannelRow, row.channel)
        if channel is None:
            return
        self._drop_behind(channel.channel, row.number)
        token = json.loads(row.line)["statement"]
        said = peek(token).members
        channel.last_sequence, channel.last_digest = said["sequence"] - 1, said["previous"]
        age = self.book.follower.clock() - parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        if void_code(problem) is VoidCode.CLOCK and age > SIGNED_ANEW_AFTER:
            code = VoidCode(said["code"])
            self._queue_void(channel, said["sequence"], said["previous"], said["refused"], code)
        self.session.flush()

    def _drop_behind(self, channel: str, number: int) -> None:
        for later in pending_of_channel(self.session, channel, number):
            later.state = "dropped"
            drop_grants(self.session, later.subject)
        row = self.session.get(OwnChannelRow, channel)
        if row is not None:
            # What was told of the fragments not given may have been in what was dropped: it is told again.
            row.told = None

    def _queue_void(
        self, channel: OwnChannelRow, sequence: int, previous: str | None, refused: str, code: VoidCode
    ) -> None:
        statement = make_statement(
            StatementType.VOID,
            {
                "case": channel.case,
                "channel": channel.channel,
                "sequence": sequence,
                "previous": previous,
                "refused": refused,
                "code": code.value,
            },
            issuer=self.book.agency,
            signer=self.book.signing,
            issued_at=self.book.follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=self.book.follower.newest_reference_in(self.session),
        )
        digest = statement_digest(statement)
        self.session.add(
            OutboxRow(
                case=channel.case,
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
        self.session.flush()
