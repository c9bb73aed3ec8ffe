"""The rows of one push: read in few statements, known for the rest of the batch, written together at its end.

Under the case's lock nobody else changes what is read here, so a line need not ask the database what an earlier line
brought. A line that is refused has added nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from hub.exchange.disowned import disowned_since, is_disowned
from hub.exchange.recipients import Recipient, require_room_for_recipient
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import push_rows
from hub.store.base import Session
from hub.store.push_rows import StoredChannel, StoredNumber
from hub.store.retention_rows import erased_among
from keys.directory import Directory
from keys.envelopes import MAX_CONTENT_BYTES, MAX_HEADER_BYTES, SealedFragment
from keys.jose import b64u_decode, statement_digest
from policies.model import Header, Malformed, require_id


@dataclass(frozen=True, slots=True)
class KnownFragment:
    """A fragment that is stored, or that an earlier line of the batch brought."""

    case: str
    agency: str
    digest: str
    jws: str
    archive_key: str
    header: Header
    log_index: int


@dataclass(slots=True)
class BatchRows:
    """What one push of one originator knows and will write. ``write`` must be called before the transaction ends."""

    session: Session
    _fragments: dict[str, KnownFragment | None] = field(default_factory=dict)
    _erased: set[str] = field(default_factory=set)
    _channels: dict[str, StoredChannel | None] = field(default_factory=dict)
    _held: Counter[tuple[str, str]] | None = None
    _disowned: Counter[tuple[str, str]] | None = None
    _recipients: dict[str, set[Recipient]] = field(default_factory=dict)
    _ends: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    _numbers: dict[str, StoredNumber | None] = field(default_factory=dict)
    _new_fragments: list[Mapping[str, object]] = field(default_factory=list)
    _new_numbers: list[StoredNumber] = field(default_factory=list)
    _new_grants: list[Mapping[str, object]] = field(default_factory=list)

    def load(self, fragments: Iterable[str]) -> None:
        """Look up fragments that the batch will ask for, those that it does not know yet."""
        wanted = set(fragments) - set(self._fragments)
        if not wanted:
            return
        self._fragments |= dict.fromkeys(wanted)
        for row in push_rows.find_fragments(self.session, wanted):
            self._fragments[row.fragment] = KnownFragment(
                row.case,
                row.agency,
                row.digest,
                row.jws,
                row.archive_key,
                parse_stored_header(row.protected),
                row.log_index,
            )
        self._erased |= erased_among(self.session, [name for name in wanted if self._fragments[name] is None])

    def find_fragment(self, fragment: str) -> KnownFragment | None:
        """Return a fragment that is stored or was added, or None. Raises ``Refused`` for one that was erased."""
        if fragment not in self._fragments:
            self.load([fragment])
        if fragment in self._erased:
            raise Refused(
                410, "erased", "a fragment with this id was erased; what is to be shared again is sealed anew"
            )
        return self._fragments[fragment]

    def add_fragment(self, sealed: SealedFragment, digest: str, archive: tuple[str, str], log_index: int) -> None:
        """Take a verified fragment. ``archive`` is the archive grant's channel and wrapped key."""
        header = sealed.header
        self._fragments[header.fragment] = KnownFragment(
            header.case, header.agency, digest, sealed.jws, archive[1], header, log_index
        )
        self._new_fragments.append(
            {
                "fragment": header.fragment,
                "case": header.case,
                "agency": header.agency,
                "category": header.category.value,
                "digest": digest,
                "protected": sealed.protected,
                "iv": sealed.iv,
                "ciphertext": b64u_decode(sealed.ciphertext, max_bytes=MAX_CONTENT_BYTES),
                "tag": sealed.tag,
                "jws": sealed.jws,
                "archive_channel": archive[0],
                "archive_key": archive[1],
                "log_index": log_index,
            }
        )

    def find_channel(self, channel: str) -> StoredChannel | None:
        """Return a channel that is stored or was added, or None."""
        if channel not in self._channels:
            self._channels[channel] = push_rows.find_channel(self.session, channel)
        return self._channels[channel]

    def channels_of(self, case: str, originator: str) -> Counter[tuple[str, str]]:
        """Return how many channels an originator has in a case to which key and use, stored or added."""
        if self._held is None:
            self._held = rows.channels_from(self.session, case, originator)
        return self._held

    def disowned_channels_of(self, directory: Directory, case: str, originator: str) -> Counter[tuple[str, str]]:
        """Return how many of them nobody believes any more, because the end of their key was dated back."""
        if self._disowned is None:
            since = disowned_since(directory, originator)
            found = [] if since is None else rows.channel_signers(self.session, case, originator, since)
            self._disowned = Counter(
                (item.recipient, item.use) for item in found if is_disowned(directory, item.beginning, item.log_index)
            )
        return self._disowned

    def add_channel(self, row: StoredChannel) -> None:
        """Take a channel; it is written at once."""
        push_rows.insert_channel(self.session, row)
        self._channels[row.channel] = row
        self.channels_of(row.case, row.originator)[row.recipient, row.use] += 1

    def require_room_for_recipient(self, fragments: Collection[str], channel: StoredChannel) -> None:
        """Raise ``Refused`` where a fragment has as many recipients as it may, and the channel's is none of them."""
        missing = set(fragments) - set(self._recipients)
        if missing:
            self._recipients |= {fragment: set() for fragment in missing}
            for fragment, agency, member in push_rows.find_recipients(self.session, missing):
                self._recipients[fragment].add((agency, member))
        recipient = channel.recipient_agency, channel.recipient_member
        require_room_for_recipient({fragment: self._recipients[fragment] for fragment in fragments}, recipient)

    def next_number(self, channel: str) -> tuple[int, str | None]:
        """Return the number that a channel's next disclosure or void must have, and the digest that it must name."""
        if channel not in self._ends:
            self._ends[channel] = push_rows.channel_end(self.session, channel) or (0, None)
        number, digest = self._ends[channel]
        return number + 1, digest

    def load_numbers(self, digests: Iterable[str]) -> None:
        """Look up disclosures and voids that the batch will ask for, those that it does not know yet."""
        wanted = set(digests) - set(self._numbers)
        if wanted:
            self._numbers |= dict.fromkeys(wanted)
            self._numbers |= {row.digest: row for row in push_rows.find_numbers(self.session, wanted)}

    def find_number(self, digest: str) -> StoredNumber | None:
        """Return a disclosure or void that is stored or was added, or None."""
        self.load_numbers([digest])
        return self._numbers[digest]

    def add_number(self, row: StoredNumber) -> None:
        """Take the disclosure or void that continues its channel's chain."""
        self._ends[row.channel] = (row.sequence, row.digest)
        self._numbers[row.digest] = row
        self._new_numbers.append(row)

    def add_grant(self, fragment: str, channel: str, disclosure: str, encrypted_key: str, basis: str) -> None:
        """Take a grant that an accepted disclosure lists."""
        to = self.find_channel(channel)
        if to is not None:
            self._recipients.setdefault(fragment, set()).add((to.recipient_agency, to.recipient_member))
        self._new_grants.append(
            {
                "fragment": fragment,
                "channel": channel,
                "disclosure": disclosure,
                "encrypted_key": encrypted_key,
                "basis": basis,
            }
        )

    def write(self) -> None:
        """Write fragments and disclosures, then the grants that rest on them."""
        if self._new_fragments:
            push_rows.insert_fragments(self.session, self._new_fragments)
        if self._new_numbers:
            push_rows.insert_numbers(self.session, self._new_numbers)
        if self._new_grants:
            push_rows.insert_grants(self.session, self._new_grants)
        self._new_fragments, self._new_numbers, self._new_grants = [], [], []


def parse_stored_header(protected: str) -> Header:
    """Return the header of a stored fragment, which was checked when it was accepted."""
    return Header.from_json(json.loads(b64u_decode(protected)))


def claimed_fragment(payload: object) -> str | None:
    """Return the id that an unchecked fragment line seems to be about: good for looking it up early, nothing else."""
    try:
        jwe = payload["jwe"]  # type: ignore[index]
        header = json.loads(b64u_decode(jwe["protected"], max_bytes=MAX_HEADER_BYTES))
        return require_id(header["fragment"], "fragment")
    except (Malformed, ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None


def claimed_number(payload: object) -> str | None:
    """Return the digest of the statement on a disclosure's or void's line, unchecked: good for looking it up early."""
    if not isinstance(payload, Mapping) or payload.get("type") not in ("disclosure", "void"):
        return None
    token = payload.get("statement")
    return statement_digest(token) if isinstance(token, str) and token.isascii() else None
