"""Put what was fetched back into the adapter's database: one case, one transaction, nothing that is there already.

Whatever a run that was killed had fetched is fetched again; what it had put here is found and left. Numbers of
channels whose keys were lost stay on record, so that nobody is granted twice what they have.

No channel that was fetched is used again, one to our own archive neither: whoever had the signing key could have begun
it. Each line is kept with where the log has it, so that what a key is dated back behind, before or after, is taken out
of use like what was signed here. Nothing that came back is offered to anybody new: offers_again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.release.disowned import disown_in
from adapters.release.drafts import DraftState
from adapters.release.offers_again import offers_found
from adapters.release.retrieving import Fetched, OwnChannel, OwnFragment, OwnNumber, TakenLine
from adapters.store.database import Session, Store
from adapters.store.disowned_rows import disowned_drafts
from adapters.store.rows import (
    DISOWNED,
    accepted_disclosures,
    grants_of_case,
    keep_grants,
    keep_not_given,
    known_lines,
    known_numbers,
    own_fragments,
    pending_of_channel,
    write_setting,
)
from adapters.store.tables import DraftRow, EarlierChannelRow, OutboxRow, OwnChannelRow, OwnFragmentRow
from keys.canonical import canonical_bytes
from keys.directory import Directory
from keys.statements import Statement, StatementType
from policies.model import Basis, Header, render_time
from policies.vocabulary import NotGivenCode


@dataclass(frozen=True, slots=True)
class SealedAgain:
    """A fragment that opened, as it is kept: content key and content are sealed to the agency's storage key."""

    header: Header
    digest: str
    sealed_key: bytes
    draft: str
    restricted: bool
    sealed_content: bytes
    counts: bool
    taken: TakenLine


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back in one case."""

    fragments: int = 0
    disowned: int = 0
    """How many of those fragments nobody believes: drafts again."""
    channels: int = 0
    numbers: int = 0
    looks_open: int = 0
    """Releases, by fragment and purpose, that look as if they were to everybody the policy permits."""
    unclear: int = 0
    """Releases that do not."""


def seal_again(store: Store, fragment: OwnFragment) -> SealedAgain:
    """Seal an opened fragment to the agency's own storage key."""
    header, content = fragment.sealed.header, dict(fragment.content)
    draft = _draft_id(header, content)
    return SealedAgain(
        header,
        fragment.sealed.digest,
        store.vault.seal(f"cek:{header.fragment}", fragment.key.secret),
        draft,
        bool(content.get("restricted")),
        store.seal_json(f"draft:{draft}", content),
        fragment.counts,
        fragment.taken,
    )


def _draft_id(header: Header, content: Mapping[str, Any]) -> str:
    """Return the id that the draft of this content had: a source read once more is known, not released once more."""
    source = content.get("source")
    named = ("file_sha256", "locator", "reader")
    if isinstance(source, dict) and all(isinstance(source.get(name), str) for name in named):
        record = "\n".join((source["file_sha256"], source["locator"], header.category.value, source["reader"]))
        text = f"{header.case}\n{hashlib.sha256(record.encode()).hexdigest()[:32]}".encode()
    else:
        text = header.case.encode() + header.category.value.encode() + canonical_bytes(dict(content))
    return hashlib.sha256(text).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Restoring:
    """Writes one case within an open transaction."""

    store: Store
    session: Session
    case: VerifiedCase
    agency: str
    directory: Directory
    at: datetime

    def put_back(self, fetched: Fetched, opened: Sequence[SealedAgain]) -> Restored:
        """Write whatever is not here yet, then take out of use what of it nobody believes.

        Raises ``CaseRefused`` where something waits to be pushed before.
        """
        here = known_lines(self.session, self.case.case)
        again = set(disowned_drafts(self.session, self.case.case))
        fragments = sum(self._put_fragment(item, again) for item in opened)
        for line in fetched.worthless:
            if line.subject not in here:
                self._put_line(line, DISOWNED)
        channels = sum(self._put_channel(name, item) for name, item in fetched.channels.items())
        self.session.flush()
        known = known_numbers(self.session, self.case.case)
        fresh = [item for item in fetched.numbers if item.statement.digest not in known]
        self._advance(fetched, fresh)
        for item in fresh:
            self._put_line(item.taken)
        self.session.flush()
        # What a disclosure grants that is believed is not taken from it by a later one that is not.
        for counts in (False, True):
            self._put_grants([item.statement for item in fresh if item.counts is counts], counts)
        disowned = disown_in(self.session, self.case.case, self.directory, self.agency, self.at)
        looks_open, unclear = self._count_releases()
        # What was decided before this was known is decided anew.
        write_setting(self.session, f"regranted:{self.case.case}", {"mark": None, "waits": False})
        return Restored(fragments, disowned, channels, len(fresh), looks_open, unclear)

    def _put_fragment(self, item: SealedAgain, again: set[str]) -> bool:
        """Put a fragment back with its draft. ``again``: drafts that were put here for one that nobody believes."""
        name = item.header.fragment
        if self.session.get(OwnFragmentRow, name) is not None:
            return False
        row = self.session.get(DraftRow, item.draft)
        if row is None:
            row = DraftRow(
                draft=item.draft,
                case=self.case.case,
                category=item.header.category.value,
                state=(DraftState.RELEASED if item.counts else DraftState.DRAFT).value,
                restricted=item.restricted,
                created_at=render_time(item.header.sealed_at),
                sealed_content=item.sealed_content,
            )
            self.session.add(row)
            if not item.counts:
                again.add(item.draft)
        elif item.counts:
            if item.draft in again and row.state != DraftState.RELEASED.value:
                # Both name one record; what is believed says what was in it.
                row.restricted, row.sealed_content = item.restricted, item.sealed_content
            # Read or written once more since the loss: it was released, and is not released a second time.
            row.state = DraftState.RELEASED.value
        self._put_line(item.taken)
        self.session.add(
            OwnFragmentRow(
                fragment=name,
                case=self.case.case,
                draft=item.draft,
                digest=item.digest,
                header=json.dumps(item.header.to_json()),
                is_accepted=True,
                sealed_key=item.sealed_key,
                came_back=True,
            )
        )
        self.session.flush()
        return True

    def _put_channel(self, channel: str, item: OwnChannel) -> bool:
        if any(self.session.get(table, channel) is not None for table in (OwnChannelRow, EarlierChannelRow)):
            return False
        self._put_line(item.taken)
        columns = _columns(item.statement.members)
        self.session.add(EarlierChannelRow(channel=channel, case=self.case.case, **columns))
        self.session.flush()
        return True

    def _advance(self, fetched: Fetched, fresh: Sequence[OwnNumber]) -> None:
        """Take a channel whose key is here on to its last number: an older copy of the database knew fewer."""
        for channel in sorted({str(item.statement.members["channel"]) for item in fresh}):
            row = self.session.get(OwnChannelRow, channel)
            if row is None:
                continue
            if pending_of_channel(self.session, channel, 0):
                raise CaseRefused(
                    f"case {self.case.case[:8]}: disclosures wait to be pushed on a channel that went further at the "
                    "hub; run nrm-adapter push first, then this again"
                )
            row.last_sequence, row.last_digest = fetched.tails[channel]
            row.told = None

    def _put_line(self, taken: TakenLine, state: str = "accepted") -> None:
        self.session.add(
            OutboxRow(
                case=self.case.case,
                kind=taken.kind,
                subject=taken.subject,
                channel=taken.channel,
                line=json.dumps(taken.line, separators=(",", ":")),
                state=state,
                problem=None,
                receipt=json.dumps(taken.receipt),
                has_left=1,
            )
        )
        # Their order is read from the rows' numbers.
        self.session.flush()

    def _put_grants(self, numbers: Sequence[Statement], counts: bool) -> None:
        """Record what disclosures grant, and of those that count what they do not give and why."""
        fragments = {row.digest: row.fragment for row in own_fragments(self.session, self.case.case)}
        for statement in numbers:
            if statement.type is not StatementType.DISCLOSURE:
                continue
            said = statement.members
            bases = [Basis.from_json(item) for item in said["bases"]]
            granted = [(item["fragment"], bases[item["basis"]].purpose.value) for item in said["items"]]
            keep_grants(self.session, said["channel"], granted, statement.digest)
            if not counts:
                continue
            keep_not_given(
                self.session,
                said["channel"],
                [
                    (fragments[item["sha256"]], item["code"], "[]")
                    for item in said["not_given"]
                    if item["sha256"] in fragments and item["code"] != NotGivenCode.HELD.value
                ],
            )

    def _count_releases(self) -> tuple[int, int]:
        """Return how many releases of what came back look as if they were to everybody, and how many do not."""
        rows = {row.fragment for row in own_fragments(self.session, self.case.case) if row.came_back}
        believed = {line.subject for line in accepted_disclosures(self.session, self.case.case)}
        given = {
            (row.fragment, row.purpose)
            for row in grants_of_case(self.session, self.case.case)
            if row.fragment in rows and row.disclosure in believed
        }
        found = {(item.fragment, item.purpose.value) for item in offers_found(self.session, self.case, self.agency)}
        return len(found), len(given - found)


def _columns(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("recipient", "recipient_agency", "recipient_member", "use")}
