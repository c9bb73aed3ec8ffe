"""Fetch an agency's own things of a case back from the hub and verify each: what is left where its database was lost.

docs/protocol.md section 8.4. The log says what there is; what the hub gives must be exactly that, in its order. Content
keys are opened with the archive key; plaintext and opened keys are sealed again before the next one is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.cases import CaseBook, still_counts, verify_when_made
from adapters.hub_client import parse_lines
from adapters.receipts import require_entry
from adapters.refusal import LogRefused
from adapters.release.from_archive import content_key_from_archive
from adapters.release.own_entries import OwnEntry
from keys.canonical import NotCanonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.envelopes import EnvelopeRefused, SealedChannel, SealedFragment, verify_fragment, wrapped_key_digest
from keys.jose import SignatureRefused, UnverifiedJws, statement_digest
from keys.private import PrivateKey
from keys.sealing import ContentKey, OpenRefused, open_fragment
from keys.statements import Statement, StatementType, make_statement
from keys.uses import KeyUse
from policies.model import Malformed, require_number
from policies.protocol import require_floor

_WRONG_SHAPE = (AttributeError, IndexError, KeyError, LookupError, Malformed, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class TakenLine:
    """A line of ours that the hub took, as the outbox keeps one: what says who signed it, when, and where it stands.

    Neither ciphertext nor grants are in it; the hub has those.
    """

    kind: str
    subject: str
    channel: str | None
    line: Mapping[str, Any]
    receipt: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OwnFragment:
    """A fragment of ours that opened with an archive key: its content key and content. ``counts`` as of a channel."""

    sealed: SealedFragment
    key: ContentKey
    content: Mapping[str, Any]
    counts: bool
    taken: TakenLine


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A channel of ours. ``counts``: whether its signature does still, by what was revoked since."""

    sealed: SealedChannel
    statement: Statement
    counts: bool
    taken: TakenLine


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A disclosure or void of ours. ``counts`` as of a channel, its channel's included."""

    statement: Statement
    counts: bool
    taken: TakenLine


@dataclass(slots=True)
class Fetched:
    """What was fetched of one case, all of it verified; fragments went to whoever asked, one by one."""

    channels: dict[str, OwnChannel] = field(default_factory=dict)
    numbers: list[OwnNumber] = field(default_factory=list)
    tails: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """By channel its last number and that statement's digest."""
    opened: int = 0
    no_key: dict[str, str] = field(default_factory=dict)
    """Fragments whose archive key is not here, with that key's id."""
    closed: list[str] = field(default_factory=list)
    """Fragments whose archive grant does not open with the archive key it names, or whose content does not."""
    doubted: list[str] = field(default_factory=list)
    """Fragments signed with a key that was revoked behind them: nobody believes them any more. They opened."""
    worthless: list[TakenLine] = field(default_factory=list)
    """Of such fragments those that do not open with the archive key they name: there is nothing to get back."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Fetches one case. ``directory`` knows where our own statements stand in the log (``Directory.knowing``).

    ``archive`` are the archive keys that are here by key id, ``keep`` takes each opened fragment.
    """

    book: CaseBook
    case: str
    directory: Directory
    archive: Mapping[str, PrivateKey]
    keep: Callable[[OwnFragment], None]

    def fetch(self, listed: Sequence[OwnEntry], said: Callable[[int], None] = lambda _: None) -> Fetched:
        """Fetch everything that the log lists. ``said`` is told how many things have come.

        Raises ``LogRefused`` where the hub keeps something back or gives something else, ``HubRefused`` or
        ``HubUnreachable``.
        """
        fetched = Fetched()
        came = 0
        for line in self._lines(len(listed)):
            # What came after the last entry that the witnesses have seen is left for the next time.
            if came == len(listed):
                break
            self._take(fetched, listed[came], line)
            came += 1
            said(came)
        if came < len(listed):
            raise _withheld(f"the log has {len(listed)} things of ours, the hub gives {came}")
        return fetched

    def _lines(self, expected: int) -> Iterator[Mapping[str, Any]]:
        after: int | None = None
        given = 0
        while given < expected:
            token = make_statement(
                StatementType.RETRIEVAL,
                {"case": self.case, "after": after},
                issuer=self.book.agency,
                signer=self.book.signing,
                issued_at=self.book.follower.clock(),
                statement_id=os.urandom(16).hex(),
                checkpoint=self.book.follower.newest_reference(),
            )
            body = self.book.follower.client.post_for_lines(f"/v1/cases/{self.case}/own", {"statement": token})
            lines, further = self._verify_page(parse_lines(body), token, after)
            yield from lines
            given += len(lines)
            if further is None or not lines or (after is not None and further <= after):
                return
            after = further

    def _verify_page(
        self, lines: Sequence[Any], token: str, after: int | None
    ) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        """Return the things of a page that is whole and stands in the log, and where to go on."""
        try:
            first, checkpoint, *items, end = lines
            counts = {
                "fragment": sum(item["type"] == "fragment" for item in items),
                "channel": sum(item["type"] == "channel" for item in items),
                "disclosure": sum(item["type"] in ("disclosure", "void") for item in items),
            }
            is_whole = (first["type"], checkpoint["type"], end["type"]) == ("retrieved", "checkpoint", "end")
            if not is_whole or end["counts"] != counts or sum(counts.values()) != len(items):
                raise Malformed("retrieval: cut off, or the counts do not fit")
            further = None if end["next"] is None else require_number(end["next"], "next")
            fragments = [SealedFragment.parse(item["jwe"], item["jws"]) for item in items if item["type"] == "fragment"]
            receipt, note = first["receipt"], str(checkpoint["note"])
        except (EnvelopeRefused, *_WRONG_SHAPE) as error:
            raise _misshapen() from error
        head = self.book.follower.accept_head(note)
        expected = {
            "type": "retrieved",
            "case": self.case,
            "agency": self.book.agency,
            "statement": statement_digest(token),
            "after": after,
            "fragments": [{"fragment": item.header.fragment, "sha256": item.digest} for item in fragments],
            "channels": counts["channel"],
            "numbers": counts["disclosure"],
        }
        require_entry(receipt, head.size, head.root, expected)
        return items, further

    def _take(self, fetched: Fetched, entry: OwnEntry, line: Mapping[str, Any]) -> None:
        if line["type"] != entry.kind:
            raise _withheld(
                f"the log has a {entry.kind} of ours at position {entry.index}, the hub gives another thing"
            )
        try:
            if entry.kind == "channel":
                self._take_channel(fetched, entry, line)
            elif entry.kind == "fragment":
                self._take_fragment(fetched, entry, line)
            else:
                self._take_number(fetched, entry, line)
        except (EnvelopeRefused, NotCanonical, NotCertified, SignatureRefused, Malformed) as error:
            raise LogRefused("answer", f"something of ours was not believed as the hub gave it: {error}") from error
        except _WRONG_SHAPE as error:
            raise _misshapen() from error

    def _statement(self, entry: OwnEntry, token: object, kind: StatementType) -> tuple[Statement, bool]:
        """Return a statement of ours that is the one the log names, and whether it still counts."""
        statement = verify_when_made(token, kind, self.directory, as_taken=True)
        named = (statement.digest, statement.issuer, statement.members["case"], statement.members["channel"])
        if named != (entry.body["statement"], self.book.agency, self.case, entry.body["channel"]):
            raise _withheld(f"the log has another statement of ours at position {entry.index} than the hub gives")
        return statement, still_counts(statement, self.directory)

    def _take_channel(self, fetched: Fetched, entry: OwnEntry, line: Mapping[str, Any]) -> None:
        sealed = SealedChannel.parse(line["jwe"])
        statement, counts = self._statement(entry, line["statement"], StatementType.CHANNEL)
        if (statement.members["sha256"], statement.members["recipient"]) != (sealed.digest, sealed.recipient):
            raise EnvelopeRefused("a channel's statement is over other bytes")
        taken = TakenLine(entry.kind, entry.subject, entry.subject, _kept(entry, statement), entry.receipt)
        fetched.channels[entry.subject] = OwnChannel(sealed, statement, counts, taken)

    def _take_number(self, fetched: Fetched, entry: OwnEntry, line: Mapping[str, Any]) -> None:
        kind = StatementType.VOID if entry.kind == "void" else StatementType.DISCLOSURE
        statement, counts = self._statement(entry, line["statement"], kind)
        channel = str(statement.members["channel"])
        number, previous = fetched.tails.get(channel, (0, None))
        if (statement.members["sequence"], statement.members["previous"]) != (number + 1, previous):
            raise Malformed("a chain of disclosures of ours has a gap")
        fetched.tails[channel] = (number + 1, statement.digest)
        taken = TakenLine(entry.kind, statement.digest, channel, _kept(entry, statement), entry.receipt)
        fetched.numbers.append(OwnNumber(statement, counts and fetched.channels[channel].counts, taken))

    def _take_fragment(self, fetched: Fetched, entry: OwnEntry, line: Mapping[str, Any]) -> None:
        sealed = SealedFragment.parse(line["jwe"], line["jws"])
        header, grant = sealed.header, line["archive"]
        require_floor(header.schema, self.directory.floor, "a fragment of ours")
        named = (header.fragment, header.agency, header.case, sealed.digest, wrapped_key_digest(grant["encrypted_key"]))
        logged = (entry.subject, self.book.agency, self.case, entry.body["sha256"], entry.body["archive"])
        if named != logged:
            raise _withheld(f"the log has another fragment of ours at position {entry.index} than the hub gives")
        kid = UnverifiedJws.parse(sealed.jws).kid
        signed_by = (kid, KeyUse.SIGNING, self.book.agency, header.sealed_at)
        certified = self.directory.require_key(*signed_by, log_index=entry.index, as_taken=True)
        verify_fragment(sealed, certified.key)
        counts = self._still_counts(signed_by, entry.index)
        kept = {"type": entry.kind, "jwe": {"protected": sealed.protected}, "jws": sealed.jws}
        taken = TakenLine(entry.kind, entry.subject, None, kept, entry.receipt)
        channel = fetched.channels[str(grant["channel"])]
        private = self.archive.get(channel.sealed.recipient)
        try:
            if private is None:
                raise OpenRefused
            opened = content_key_from_archive(
                sealed, grant["encrypted_key"], channel.sealed, str(grant["channel"]), private
            )
            self.keep(OwnFragment(sealed, opened, open_fragment(sealed, opened), counts, taken))
        except OpenRefused:
            if private is None:
                fetched.no_key[header.fragment] = channel.sealed.recipient
            elif not counts:
                fetched.worthless.append(taken)
            else:
                fetched.closed.append(header.fragment)
            return
        fetched.opened += 1
        if not counts:
            fetched.doubted.append(header.fragment)

    def _still_counts(self, signed_by: tuple[str, KeyUse, str, datetime], index: int) -> bool:
        try:
            self.directory.require_key(*signed_by, log_index=index)
        except NotCertified:
            return False
        return True


def _kept(entry: OwnEntry, statement: Statement) -> Mapping[str, Any]:
    return {"type": entry.kind, "statement": statement.token, **({"grants": []} if entry.kind == "disclosure" else {})}


def _withheld(what: str) -> LogRefused:
    return LogRefused("withheld", f"{what}; nothing of this case was taken over")


def _misshapen() -> LogRefused:
    return LogRefused(
        "answer", "what the hub gives back is not of the agreed form; nothing of this case was taken over"
    )
