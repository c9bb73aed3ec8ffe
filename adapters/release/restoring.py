"""Put what was fetched back into the adapter's database: one case, one transaction, nothing that is there already.

Whatever a run that was killed had fetched is fetched again; what it had put here is found and left. Numbers of
channels whose keys were lost stay on record, so that nobody is granted twice what they have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.release.drafts import DraftState
from adapters.release.offers_again import find_offers
from adapters.release.retrieving import Fetched, OwnChannel, OwnFragment, OwnNumber
from adapters.store.database import Session, Store
from adapters.store.rows import (
    find_own_channel,
    keep_grants,
    keep_not_given,
    keep_offers,
    known_numbers,
    offers_of,
    own_fragments,
    pending_of_channel,
    write_setting,
)
from adapters.store.tables import DraftRow, EarlierChannelRow, OutboxRow, OwnChannelRow, OwnFragmentRow
from keys.canonical import canonical_bytes
from keys.private import PrivateKey
from keys.sealing import OpenRefused, open_channel
from keys.statements import Statement, StatementType
from keys.uses import KeyUse
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


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back in one case."""

    fragments: int = 0
    channels: int = 0
    numbers: int = 0
    offers: int = 0
    limited: int = 0
    """Grants, by fragment and purpose, of which our disclosures do not show that everybody was asked about."""


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
    archive: Mapping[str, PrivateKey]

    def put_back(self, fetched: Fetched, opened: Sequence[SealedAgain]) -> Restored:
        """Write whatever is not here yet. Raises ``CaseRefused`` where something waits to be pushed before."""
        fragments = sum(self._put_fragment(item) for item in opened)
        channels = sum(self._put_channel(name, item) for name, item in fetched.channels.items())
        self.session.flush()
        known = known_numbers(self.session, self.case.case)
        fresh = [item for item in fetched.numbers if item.statement.digest not in known]
        self._advance(fetched, fresh)
        for item in fresh:
            self._put_number(item)
        self.session.flush()
        counted = [item.statement for item in fetched.numbers if item.counts and _is_disclosure(item.statement)]
        self._put_grants(counted, {item.statement.digest for item in fresh})
        offers, limited = self._put_offers(counted)
        # What was decided before this was known is decided anew.
        write_setting(self.session, f"regranted:{self.case.case}", {"mark": None, "waits": False})
        return Restored(fragments, channels, len(fresh), offers, limited)

    def _put_fragment(self, item: SealedAgain) -> bool:
        name = item.header.fragment
        if self.session.get(OwnFragmentRow, name) is not None:
            return False
        row = self.session.get(DraftRow, item.draft)
        if row is None:
            row = DraftRow(
                draft=item.draft,
                case=self.case.case,
                category=item.header.category.value,
                state=DraftState.RELEASED.value,
                restricted=item.restricted,
                created_at=render_time(item.header.sealed_at),
                sealed_content=item.sealed_content,
            )
            self.session.add(row)
        # Read or written once more since the loss: it was released, and is not released a second time.
        row.state = DraftState.RELEASED.value
        self.session.add(
            OwnFragmentRow(
                fragment=name,
                case=self.case.case,
                draft=item.draft,
                digest=item.digest,
                header=json.dumps(item.header.to_json()),
                is_accepted=True,
                sealed_key=item.sealed_key,
            )
        )
        self.session.flush()
        return True

    def _put_channel(self, channel: str, item: OwnChannel) -> bool:
        if any(self.session.get(table, channel) is not None for table in (OwnChannelRow, EarlierChannelRow)):
            return False
        said = item.statement.members
        named = (said["recipient"], said["recipient_agency"], said["recipient_member"], said["use"])
        key = self._archive_key(channel, item)
        if key is None or find_own_channel(self.session, self.case.case, *named) is not None:
            self.session.add(EarlierChannelRow(channel=channel, case=self.case.case, **_columns(said)))
        else:
            self.session.add(
                OwnChannelRow(
                    channel=channel,
                    case=self.case.case,
                    last_sequence=0,
                    last_digest=None,
                    sealed_key=self.store.vault.seal(f"channel:{channel}", key),
                    **_columns(said),
                )
            )
        self.session.flush()
        return True

    def _archive_key(self, channel: str, item: OwnChannel) -> bytes | None:
        """Return the key of a channel to our own archive; every other's was sealed to its recipient alone."""
        private = self.archive.get(item.sealed.recipient)
        if item.statement.members["use"] != KeyUse.ARCHIVE.value or private is None:
            return None
        try:
            return open_channel(item.sealed, self.case.case, self.agency, channel, private).secret
        except OpenRefused:
            return None

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

    def _put_number(self, item: OwnNumber) -> None:
        kind = "disclosure" if _is_disclosure(item.statement) else "void"
        self.session.add(
            OutboxRow(
                case=self.case.case,
                kind=kind,
                subject=item.statement.digest,
                channel=item.statement.members["channel"],
                line=json.dumps(item.line, separators=(",", ":")),
                state="accepted",
                problem=None,
                receipt=None,
                has_left=1,
            )
        )
        # Their order is read from the rows' numbers.
        self.session.flush()

    def _put_grants(self, disclosures: Sequence[Statement], fresh: set[str]) -> None:
        fragments = {row.digest: row.fragment for row in own_fragments(self.session, self.case.case)}
        for statement in disclosures:
            if statement.digest not in fresh:
                continue
            said = statement.members
            bases = [Basis.from_json(item) for item in said["bases"]]
            granted = [(item["fragment"], bases[item["basis"]].purpose.value) for item in said["items"]]
            keep_grants(self.session, said["channel"], granted, statement.digest)
            keep_not_given(
                self.session,
                said["channel"],
                [
                    (fragments[item["sha256"]], item["code"], "[]")
                    for item in said["not_given"]
                    if item["sha256"] in fragments and item["code"] != NotGivenCode.HELD.value
                ],
            )

    def _put_offers(self, disclosures: Sequence[Statement]) -> tuple[int, int]:
        rows = own_fragments(self.session, self.case.case)
        headers = {row.fragment: (row.digest, Header.from_json(json.loads(row.header))) for row in rows}
        found = find_offers(self.case, self.agency, headers, disclosures)
        held = {(row.fragment, row.purpose) for row in offers_of(self.session, self.case.case)}
        fresh = [
            (fragment, purpose.value, json.dumps(basis.to_json(), sort_keys=True))
            for (fragment, purpose), basis in sorted(found.items(), key=lambda item: item[0])
            if (fragment, purpose.value) not in held
        ]
        keep_offers(self.session, fresh)
        given = {
            (item["fragment"], statement.members["bases"][item["basis"]]["purpose"])
            for statement in disclosures
            for item in statement.members["items"]
            if item["fragment"] in headers
        }
        offered = held | {(fragment, purpose) for fragment, purpose, _ in fresh}
        return len(fresh), len(given - offered)


def _columns(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("recipient", "recipient_agency", "recipient_member", "use")}


def _is_disclosure(statement: Statement) -> bool:
    return statement.type is StatementType.DISCLOSURE
