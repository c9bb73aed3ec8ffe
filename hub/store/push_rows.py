"""What a push reads and writes: many rows in one statement, never a ciphertext to read, and no row as an object.

``hub.exchange.batch`` decides when; ``hub.store.exchange_rows`` has everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, insert, select

from hub.store.base import Session
from hub.store.tables import ChannelRow, DisclosureRow, FragmentRow, GrantRow

MAX_IDS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class StoredFragment:
    """What is stored of a fragment beside its ciphertext, as far as a push needs it."""

    fragment: str
    case: str
    agency: str
    digest: str
    protected: str
    jws: str
    archive_key: str
    log_index: int


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel as it is stored."""

    channel: str
    case: str
    originator: str
    recipient: str
    recipient_agency: str
    recipient_member: str | None
    use: str
    jwe: str
    statement: str
    log_index: int


@dataclass(frozen=True, slots=True)
class StoredNumber:
    """A disclosure or void as it is stored: one number of a channel's chain."""

    digest: str
    case: str
    channel: str
    sequence: int
    type: str
    statement: str
    log_index: int


_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_FRAGMENTS = select(
    FragmentRow.fragment,
    FragmentRow.case,
    FragmentRow.agency,
    FragmentRow.digest,
    FragmentRow.protected,
    FragmentRow.jws,
    FragmentRow.archive_key,
    FragmentRow.log_index,
).where(FragmentRow.fragment.in_(_IDS))
_RECIPIENTS = (
    select(GrantRow.fragment, ChannelRow.recipient_agency, ChannelRow.recipient_member)
    .join(ChannelRow, ChannelRow.channel == GrantRow.channel)
    .where(GrantRow.fragment.in_(_IDS))
    .distinct()
)
_CHANNELS = select(
    ChannelRow.channel,
    ChannelRow.case,
    ChannelRow.originator,
    ChannelRow.recipient,
    ChannelRow.recipient_agency,
    ChannelRow.recipient_member,
    ChannelRow.use,
    ChannelRow.jwe,
    ChannelRow.statement,
    ChannelRow.log_index,
).where(ChannelRow.channel.in_(_IDS))
_NUMBERS = select(
    DisclosureRow.digest,
    DisclosureRow.case,
    DisclosureRow.channel,
    DisclosureRow.sequence,
    DisclosureRow.type,
    DisclosureRow.statement,
    DisclosureRow.log_index,
).where(DisclosureRow.digest.in_(_IDS))
_CHANNEL_END = (
    select(DisclosureRow.sequence, DisclosureRow.digest)
    .where(DisclosureRow.channel == bindparam("channel"))
    .order_by(DisclosureRow.sequence.desc())
    .limit(1)
)
_INSERT_CHANNEL, _INSERT_FRAGMENTS = insert(ChannelRow), insert(FragmentRow)
_INSERT_NUMBERS, _INSERT_GRANTS = insert(DisclosureRow), insert(GrantRow)


def find_fragments(session: Session, fragments: Collection[str]) -> list[StoredFragment]:
    """Return those of the fragments that are stored, in no particular order."""
    return [StoredFragment(*row) for row in _of_ids(session, _FRAGMENTS, fragments)]


def find_recipients(session: Session, fragments: Collection[str]) -> list[tuple[str, str, str | None]]:
    """Return who has been granted which of the fragments, each once: fragment, agency, member (None: its intake)."""
    return [(row[0], row[1], row[2]) for row in _of_ids(session, _RECIPIENTS, fragments)]


def find_numbers(session: Session, digests: Collection[str]) -> list[StoredNumber]:
    """Return those of the disclosures and voids that are stored, in no particular order."""
    return [StoredNumber(*row) for row in _of_ids(session, _NUMBERS, digests)]


def _of_ids(session: Session, query: Select[*tuple[Any, ...]], ids: Collection[str]) -> Iterator[Sequence[Any]]:
    wanted, connection = sorted(set(ids)), session.connection()
    for start in range(0, len(wanted), MAX_IDS_PER_STATEMENT):
        yield from connection.execute(query, {"ids": wanted[start : start + MAX_IDS_PER_STATEMENT]})


def find_channel(session: Session, channel: str) -> StoredChannel | None:
    """Return a channel by id."""
    return next((StoredChannel(*row) for row in _of_ids(session, _CHANNELS, [channel])), None)


def channel_end(session: Session, channel: str) -> tuple[int, str] | None:
    """Return number and digest of a channel's newest disclosure or void, or None."""
    row = session.connection().execute(_CHANNEL_END, {"channel": channel}).one_or_none()
    return None if row is None else (row.sequence, row.digest)


def insert_channel(session: Session, channel: StoredChannel) -> None:
    """Write a channel."""
    session.connection().execute(_INSERT_CHANNEL, asdict(channel))


def insert_fragments(session: Session, values: Sequence[Mapping[str, object]]) -> None:
    """Write fragments, in one statement; ``values`` by column."""
    session.connection().execute(_INSERT_FRAGMENTS, values)


def insert_numbers(session: Session, numbers: Sequence[StoredNumber]) -> None:
    """Write disclosures and voids, in one statement."""
    session.connection().execute(_INSERT_NUMBERS, [asdict(number) for number in numbers])


def insert_grants(session: Session, values: Sequence[Mapping[str, object]]) -> None:
    """Write grants, in one statement; ``values`` by column."""
    session.connection().execute(_INSERT_GRANTS, values)
