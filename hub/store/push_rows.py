"""What a push reads and writes of fragments and grants: many in one statement, and never a ciphertext to read.

``hub.exchange.batch`` decides when; ``hub.store.exchange_rows`` has everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from hub.store.base import Session
from hub.store.tables import ChannelRow, FragmentRow, GrantRow

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


_STORED = (
    FragmentRow.fragment,
    FragmentRow.case,
    FragmentRow.agency,
    FragmentRow.digest,
    FragmentRow.protected,
    FragmentRow.jws,
    FragmentRow.archive_key,
    FragmentRow.log_index,
)


def find_fragments(session: Session, fragments: Collection[str]) -> list[StoredFragment]:
    """Return those of the fragments that are stored, in no particular order."""
    wanted, found = sorted(set(fragments)), []
    for start in range(0, len(wanted), MAX_IDS_PER_STATEMENT):
        query = select(*_STORED).where(FragmentRow.fragment.in_(wanted[start : start + MAX_IDS_PER_STATEMENT]))
        found += [StoredFragment(*row) for row in session.execute(query)]
    return found


def find_recipients(session: Session, fragments: Collection[str]) -> list[tuple[str, str, str | None]]:
    """Return who has been granted which of the fragments, each once: fragment, agency, member (None: its intake)."""
    wanted, found = sorted(set(fragments)), []
    for start in range(0, len(wanted), MAX_IDS_PER_STATEMENT):
        query = (
            select(GrantRow.fragment, ChannelRow.recipient_agency, ChannelRow.recipient_member)
            .join(ChannelRow, ChannelRow.channel == GrantRow.channel)
            .where(GrantRow.fragment.in_(wanted[start : start + MAX_IDS_PER_STATEMENT]))
            .distinct()
        )
        found += [(row[0], row[1], row[2]) for row in session.execute(query)]
    return found


def insert_fragments(session: Session, values: Sequence[Mapping[str, object]]) -> None:
    """Write fragments, in one statement; ``values`` by column."""
    session.execute(insert(FragmentRow), list(values))


def insert_grants(session: Session, values: Sequence[Mapping[str, object]]) -> None:
    """Write grants, in one statement; ``values`` by column."""
    session.execute(insert(GrantRow), list(values))
