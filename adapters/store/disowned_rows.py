"""What is asked and written where the end of a signing key of this agency was dated back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from adapters.store.rows import DISOWNED, MAX_IDS_PER_STATEMENT, sealed_drafts
from adapters.store.tables import DraftRow, EarlierChannelRow, OutboxRow, OwnChannelRow, OwnFragmentRow

SIGNED_KINDS = ("channel", "fragment", "disclosure")
LINES_AT_ONCE = 100


def accepted_from(session: Session, case: str, position: int) -> Iterator[OutboxRow]:
    """Return a case's lines that the hub took at this log position or later, by their receipts, as they were made.

    Channels, fragments and disclosures; the lines are read a few at a time.
    """
    query = select(OutboxRow).where(
        OutboxRow.case == case,
        OutboxRow.state == "accepted",
        OutboxRow.kind.in_(SIGNED_KINDS),
        func.json_extract(OutboxRow.receipt, "$.index") >= position,
    )
    yield from session.scalars(query.order_by(OutboxRow.number).execution_options(yield_per=LINES_AT_ONCE))


def disown_lines(session: Session, numbers: Sequence[int]) -> None:
    """Mark outbox lines as disowned."""
    for start in range(0, len(numbers), MAX_IDS_PER_STATEMENT):
        some = numbers[start : start + MAX_IDS_PER_STATEMENT]
        session.execute(update(OutboxRow).where(OutboxRow.number.in_(some)).values(state=DISOWNED))


def disown_channels(session: Session, channels: Mapping[str, int]) -> int:
    """Retire channels, each with the position from which its key counts no more; return how many that were.

    Those whose own keys were lost as well: what was granted there nobody believes either.
    """
    count = 0
    for channel, position in channels.items():
        row = session.get(OwnChannelRow, channel) or session.get(EarlierChannelRow, channel)
        if row is not None and row.disowned_from is None:
            row.disowned_from = position
            count += 1
    session.flush()
    return count


def disown_fragments(session: Session, fragments: Mapping[str, int], *, released: str, draft: str) -> int:
    """Mark fragments, each with the position from which its key counts no more, and make them drafts again.

    ``released`` and ``draft`` are the two states of a draft; one of which a fragment is believed stays released. Return
    how many fragments there were.
    """
    count, written = 0, set()
    for fragment, position in fragments.items():
        row = session.get(OwnFragmentRow, fragment)
        if row is not None and row.disowned_from is None:
            row.disowned_from = position
            count += 1
            written.add(row.draft)
    session.flush()
    for name in sorted(written):
        found = session.get(DraftRow, name)
        if found is not None and found.state == released and not sealed_drafts(session, str(found.case), [name]):
            found.state = draft
    session.flush()
    return count


def forget_told(session: Session, case: str, disclosures: Sequence[str]) -> None:
    """Have the recipients told again whose channel says its newest word by one of these disclosures, by digest."""
    said = set(disclosures)
    for row in session.scalars(select(OwnChannelRow).where(OwnChannelRow.case == case)):
        if row.last_digest in said:
            row.told = None
    session.flush()


def disowned_drafts(session: Session, case: str) -> dict[str, int]:
    """Return by draft id from which log position on the key counts no more with which it was released before.

    Those that were released again with another key since are among them; the state of a draft says it.
    """
    query = select(OwnFragmentRow.draft, OwnFragmentRow.disowned_from).where(
        OwnFragmentRow.case == case, OwnFragmentRow.disowned_from.is_not(None)
    )
    found = session.execute(query.order_by(OwnFragmentRow.disowned_from))
    return {draft: position for draft, position in found if position is not None}
