"""What one agency brought to one case, in the order of the log: the rows that a retrieval gives back to it.

Every query names the agency; ``hub.exchange.retrieving`` decides whether it may ask.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import Integer, Select, func, literal, select, union_all

from hub.store.base import Session
from hub.store.tables import ChannelRow, DisclosureRow, FragmentRow


@dataclass(frozen=True, slots=True)
class Placed:
    """Where something stands in the log, and how many bytes of ciphertext it has."""

    log_index: int
    size: int


def _fragments(case: str, agency: str) -> Select[FragmentRow]:
    return select(FragmentRow).where(FragmentRow.case == case, FragmentRow.agency == agency)


def _channels(case: str, agency: str) -> Select[ChannelRow]:
    return select(ChannelRow).where(ChannelRow.case == case, ChannelRow.originator == agency)


def _numbers(case: str, agency: str) -> Select[DisclosureRow]:
    query = select(DisclosureRow).join(ChannelRow, ChannelRow.channel == DisclosureRow.channel)
    return query.where(DisclosureRow.case == case, ChannelRow.originator == agency)


def positions(session: Session, case: str, agency: str, after: int, limit: int) -> list[Placed]:
    """Return where an agency's fragments, channels, disclosures and voids stand after a log position, the first ones.

    No ciphertext is read.
    """
    size = func.length(FragmentRow.ciphertext)
    nothing = literal(0, Integer)
    both = union_all(
        _fragments(case, agency).with_only_columns(FragmentRow.log_index, size.label("size")),
        _channels(case, agency).with_only_columns(ChannelRow.log_index, nothing),
        _numbers(case, agency).with_only_columns(DisclosureRow.log_index, nothing),
    ).subquery()
    query = select(both.c.log_index, both.c.size).where(both.c.log_index > after).order_by(both.c.log_index)
    return [Placed(index, size) for index, size in session.execute(query.limit(limit))]


def find(
    session: Session, case: str, agency: str, listed: Collection[int]
) -> list[ChannelRow | FragmentRow | DisclosureRow]:
    """Return an agency's things at these log positions, in the order of the log."""
    found: list[ChannelRow | FragmentRow | DisclosureRow] = []
    found += session.scalars(_fragments(case, agency).where(FragmentRow.log_index.in_(listed)))
    found += session.scalars(_channels(case, agency).where(ChannelRow.log_index.in_(listed)))
    found += session.scalars(_numbers(case, agency).where(DisclosureRow.log_index.in_(listed)))
    return sorted(found, key=attrgetter("log_index"))
