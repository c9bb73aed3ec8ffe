"""What is asked of the adapter's own database about what it watches, one function for each question."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from adapters.store.monitor_tables import (
    EvidenceRow,
    HeadRow,
    LeafTileRow,
    NamedHeadRow,
    OwnEntryRow,
    PullRow,
    ReadRow,
    SeenHeadRow,
)
from adapters.store.rows import raise_alarm
from adapters.store.tables import (
    AcknowledgedRow,
    AlarmRow,
    EarlierChannelRow,
    GrantedRow,
    OutboxRow,
    OwnChannelRow,
    OwnFragmentRow,
)

HEADS_KEPT = 1_000
READS_SHOWN = 10_000
STOPPING = ("fork", "rollback", "truncation", "omission", "back_dating", "behind")
"""Alarms after which nothing new is shared until somebody has looked: those of the log itself."""


def keep_head(session: Session, size: int, root: str, note: str) -> None:
    """Keep a head that is the highest seen now; the oldest of too many gives way."""
    session.merge(HeadRow(size=size, root=root, note=note))
    session.flush()
    query = select(HeadRow.size).order_by(HeadRow.size.desc()).offset(HEADS_KEPT - 1).limit(1)
    oldest = session.scalar(query)
    if oldest is not None:
        session.execute(delete(HeadRow).where(HeadRow.size < oldest))


def heads(session: Session, limit: int) -> list[str]:
    """Return the notes of the newest heads that were kept, the newest first."""
    return list(session.scalars(select(HeadRow.note).order_by(HeadRow.size.desc()).limit(limit)))


def keep_seen(session: Session, size: int, at: str, note: str) -> None:
    """Keep a head with a quorum, and when it was seen; the oldest of too many gives way."""
    session.merge(SeenHeadRow(size=size, at=at, note=note))
    session.flush()
    oldest = session.scalar(select(SeenHeadRow.size).order_by(SeenHeadRow.size.desc()).offset(HEADS_KEPT - 1).limit(1))
    if oldest is not None:
        session.execute(delete(SeenHeadRow).where(SeenHeadRow.size < oldest))


def seen_heads(session: Session) -> list[tuple[int, str]]:
    """Return size and time of every kept head with a quorum, the smallest first."""
    query = select(SeenHeadRow.size, SeenHeadRow.at).order_by(SeenHeadRow.size)
    return [(size, at) for size, at in session.execute(query)]


def seen_note(session: Session, size: int) -> str | None:
    """Return the note of a kept head with a quorum."""
    row = session.get(SeenHeadRow, size)
    return None if row is None else row.note


def find_head(session: Session, size: int) -> HeadRow | None:
    """Return the head of a size that was kept."""
    return session.get(HeadRow, size)


def leaf_tile(session: Session, number: int) -> bytes:
    """Return the leaf hashes of a tile that were kept, one behind the other; empty where none was."""
    row = session.get(LeafTileRow, number)
    return b"" if row is None else row.hashes


def keep_leaf_tile(session: Session, number: int, hashes: bytes) -> None:
    """Keep the leaf hashes of a tile, in place of fewer of it."""
    session.merge(LeafTileRow(number=number, hashes=hashes))


def find_named(session: Session, size: int, root: str) -> NamedHeadRow | None:
    """Return what is known of a head that a statement names."""
    return session.get(NamedHeadRow, (size, root))


def keep_named(session: Session, row: NamedHeadRow) -> None:
    """Keep what came of comparing a head that a statement names."""
    session.merge(row)
    session.flush()


def named_ahead(session: Session) -> Sequence[NamedHeadRow]:
    """Return the heads that statements name and the hub has not shown yet, also those that an alarm was raised for."""
    query = select(NamedHeadRow).where(NamedHeadRow.state.in_(("ahead", "late")))
    return session.scalars(query.order_by(NamedHeadRow.size)).all()


def agreed_size(session: Session, below: int) -> int:
    """Return the largest size, below one, of a head that somebody named and that was found to be of this log."""
    query = select(func.max(NamedHeadRow.size)).where(NamedHeadRow.state == "agrees", NamedHeadRow.size < below)
    return int(session.scalar(query) or 0)


def own_fragment_ids(session: Session, case: str) -> set[str]:
    """Return the ids of every fragment of this agency in a case: sealed here, or in the case's entries."""
    entries = select(OwnEntryRow.subject).where(OwnEntryRow.case == case, OwnEntryRow.kind == "fragment")
    sealed = select(OwnFragmentRow.fragment).where(OwnFragmentRow.case == case)
    return set(session.scalars(entries)) | set(session.scalars(sealed))


def never_granted(
    session: Session, case: str, reader: tuple[str, str | None], purpose: str, fragments: Collection[str]
) -> set[str]:
    """Return which of some fragments that were sealed here no disclosure of ours gives a reader for a purpose.

    ``reader``: agency and member (None: its intake). Disclosures that nobody believes any more count: they were made.
    """
    sealed = select(OwnFragmentRow.fragment).where(OwnFragmentRow.case == case)
    found = set(session.scalars(sealed)) & set(fragments)
    for channels in (OwnChannelRow, EarlierChannelRow):
        query = select(GrantedRow.fragment).join(channels, channels.channel == GrantedRow.channel)
        to_them = (channels.case == case, channels.recipient_agency == reader[0])
        member = channels.recipient_member.is_not_distinct_from(reader[1])
        found -= set(session.scalars(query.where(*to_them, member, GrantedRow.purpose == purpose)))
    return found


def keep_own_entries(session: Session, rows: Iterable[OwnEntryRow]) -> None:
    """Keep what a case's entries have in this agency's name."""
    for row in rows:
        session.merge(row)
    session.flush()


def unlogged_lines(session: Session, case: str) -> Sequence[OutboxRow]:
    """Return the lines of a case that the hub acknowledged and that no entry followed here speaks of."""
    logged = select(OwnEntryRow.subject).where(OwnEntryRow.case == case)
    query = select(OutboxRow).where(
        OutboxRow.case == case, OutboxRow.state == "accepted", OutboxRow.subject.not_in(logged)
    )
    return session.scalars(query.order_by(OutboxRow.number)).all()


def emergency_lines(session: Session, case: str) -> Sequence[OutboxRow]:
    """Return the emergency releases of this agency in a case that the hub acknowledged."""
    query = select(OutboxRow).where(
        OutboxRow.case == case, OutboxRow.kind == "emergency", OutboxRow.state == "accepted"
    )
    return session.scalars(query.order_by(OutboxRow.number)).all()


def find_own_entry(session: Session, subject: str) -> OwnEntryRow | None:
    """Return the entry in which a line of this agency stands, where it was followed."""
    return session.scalars(select(OwnEntryRow).where(OwnEntryRow.subject == subject)).first()


def keep_reads(session: Session, rows: Iterable[ReadRow]) -> None:
    """Keep reads of this agency's fragments."""
    for row in rows:
        session.merge(row)
    session.flush()


def reads(session: Session, cases: Collection[str] | None, since: str) -> Sequence[ReadRow]:
    """Return reads since a time (``YYYY-MM-DDTHH:MM:SS…Z``), of these cases or of all, the newest first."""
    query = select(ReadRow).where(ReadRow.at >= since)
    if cases is not None:
        query = query.where(ReadRow.case.in_(list(cases)))
    return session.scalars(query.order_by(ReadRow.at.desc(), ReadRow.log_index.desc()).limit(READS_SHOWN)).all()


def keep_pulls(session: Session, rows: Iterable[PullRow]) -> None:
    """Keep who pulled a case."""
    for row in rows:
        session.merge(row)
    session.flush()


def pulls(session: Session, case: str) -> Sequence[PullRow]:
    """Return who pulled a case, the newest first."""
    query = select(PullRow).where(PullRow.case == case).order_by(PullRow.case_seq.desc())
    return session.scalars(query.limit(READS_SHOWN)).all()


def forget_pulls(session: Session, case: str) -> None:
    """Delete who pulled a case that was erased."""
    session.execute(delete(PullRow).where(PullRow.case == case))
    session.flush()


def raise_with_evidence(session: Session, code: str, text: str, at: str, evidence: Any) -> None:
    """Keep an alarm with what it rests on, a JSON value."""
    raise_alarm(session, code, text, at)
    number = _newest_alarm(session, code, text)
    if evidence is not None and number is not None and session.get(EvidenceRow, number) is None:
        session.add(EvidenceRow(alarm=number, content=json.dumps(evidence, sort_keys=True)))
        session.flush()


def find_evidence_of(session: Session, code: str, text: str) -> Any:
    """Return what the newest alarm of a code and text rests on, None where nothing was kept."""
    number = _newest_alarm(session, code, text)
    return None if number is None else find_evidence(session, number)


def first_changed_of(session: Session, alarm: int) -> int | None:
    """Return which entry is the first that differs, where an alarm's evidence names it."""
    return session.scalar(select(func.json_extract(EvidenceRow.content, "$.first")).where(EvidenceRow.alarm == alarm))


def add_first_changed(
    session: Session, code: str, text: str, index: int, note: str, splits: Sequence[Mapping[str, Any]]
) -> None:
    """Add to what an alarm rests on which entry is the first that differs, the head of the log it was in, and proof."""
    number = _newest_alarm(session, code, text)
    row = None if number is None else session.get(EvidenceRow, number)
    if row is None:
        return
    said = json.loads(row.content)
    said["first"], said["splits"] = index, [*said["splits"], *splits]
    if note not in said["heads"]:
        said["heads"].append(note)
    row.content = json.dumps(said, sort_keys=True)
    session.flush()


def _newest_alarm(session: Session, code: str, text: str) -> int | None:
    query = select(AlarmRow.number).where(AlarmRow.code == code, AlarmRow.text == text)
    return session.scalar(query.order_by(AlarmRow.number.desc()).limit(1))


def find_evidence(session: Session, alarm: int) -> Any:
    """Return what an alarm rests on, None where nothing was kept."""
    row = session.get(EvidenceRow, alarm)
    return None if row is None else json.loads(row.content)


def stopping_alarm(session: Session, codes: Collection[str] = STOPPING) -> AlarmRow | None:
    """Return the oldest alarm of these codes that nobody has acknowledged: those that stop what widens who knows."""
    seen = select(AcknowledgedRow.number)
    query = select(AlarmRow).where(AlarmRow.code.in_(codes), AlarmRow.number.not_in(seen))
    return session.scalars(query.order_by(AlarmRow.number).limit(1)).first()
