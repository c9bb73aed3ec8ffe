"""Deletes what this adapter keeps of fragments that were erased, and reads what copies it holds of each case."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select

from adapters.store.database import Session
from adapters.store.tables import (
    CopyRow,
    DraftRow,
    GrantedRow,
    InboxRow,
    NotGivenRow,
    OfferedRow,
    OutboxRow,
    OwnChannelRow,
    OwnFragmentRow,
)

NO_CASE = ""
"""Stands for the case of drafts that belong to none yet."""


def own_places(session: Session, case: str) -> dict[str, tuple[str, int]]:
    """Return digest and log position of each fragment of ours that the hub has taken in a case."""
    query = select(OwnFragmentRow.fragment, OwnFragmentRow.digest, OutboxRow.receipt)
    query = query.join(OutboxRow, OutboxRow.subject == OwnFragmentRow.fragment)
    query = query.where(OwnFragmentRow.case == case, OutboxRow.kind == "fragment", OutboxRow.receipt.is_not(None))
    return {
        fragment: (digest, int(json.loads(str(receipt))["index"]))
        for fragment, digest, receipt in session.execute(query)
    }


def forget_own(session: Session, case: str, fragments: Collection[str] | None) -> int:
    """Delete what this agency keeps of its own erased fragments, their content keys first; None: all of a case.

    Their lines in the outbox go, and the wrapped keys in those of the disclosures that granted them.
    """
    query = select(OwnFragmentRow).where(OwnFragmentRow.case == case)
    rows = [row for row in session.scalars(query) if fragments is None or row.fragment in fragments]
    names = {row.fragment for row in rows}
    for row in rows:
        session.delete(row)
    for table in (GrantedRow, NotGivenRow, OfferedRow):
        for name in sorted(names):
            session.execute(delete(table).where(table.fragment == name))
    _strip_outbox(session, case, names)
    session.flush()
    return len(names)


def _strip_outbox(session: Session, case: str, names: Collection[str]) -> None:
    if not names:
        return
    for line in session.scalars(select(OutboxRow).where(OutboxRow.case == case)):
        if line.kind == "fragment" and line.subject in names:
            session.delete(line)
        elif line.kind == "disclosure" and line.state != "pending":
            said = json.loads(line.line)
            kept = [item for item in said.get("grants", ()) if item.get("fragment") not in names]
            if "grants" in said and kept != said["grants"]:
                line.line = json.dumps({**said, "grants": kept}, separators=(",", ":"))


def drop_pending(session: Session, case: str) -> int:
    """Delete what waits to be pushed in a case to which nothing can be brought any more; return how many lines."""
    query = select(OutboxRow).where(OutboxRow.case == case, OutboxRow.state == "pending")
    rows = list(session.scalars(query))
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def forget_channels(session: Session, case: str) -> int:
    """Delete the keys of this agency's channels in a case whose content was erased."""
    rows = list(session.scalars(select(OwnChannelRow).where(OwnChannelRow.case == case)))
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def forget_inbox(session: Session, case: str) -> int:
    """Delete every answer that was pulled of a case; return how many there were."""
    rows = list(session.scalars(select(InboxRow).where(InboxRow.case == case)))
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def forget_drafts(session: Session, case: str) -> int:
    """Delete the drafts of a case, or of none; return how many there were."""
    query = select(DraftRow).where(DraftRow.case.is_(None) if case == NO_CASE else DraftRow.case == case)
    rows = list(session.scalars(query))
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def count_copies(session: Session) -> dict[tuple[str, str], int]:
    """Return how many copies this adapter holds, by case and kind: drafts, inbox, archive."""
    found: dict[tuple[str, str], int] = {}
    drafts = select(DraftRow.case, func.count()).group_by(DraftRow.case)
    found |= {(case or NO_CASE, "draft"): count for case, count in session.execute(drafts)}
    pulls = select(InboxRow.case, func.count()).group_by(InboxRow.case)
    found |= {(case, "inbox"): count for case, count in session.execute(pulls)}
    own = select(OwnFragmentRow.case, func.count()).group_by(OwnFragmentRow.case)
    found |= {(case, "archive"): count for case, count in session.execute(own)}
    return found


def list_copies(session: Session) -> Sequence[CopyRow]:
    """Return which rule applies to each copy, and when it is reviewed."""
    return session.scalars(select(CopyRow).order_by(CopyRow.review_on, CopyRow.case, CopyRow.kind)).all()


def keep_copy(session: Session, row: CopyRow) -> None:
    """Keep which rule applies to a copy, in place of what was kept before."""
    session.merge(row)
    session.flush()


def drop_copy(session: Session, case: str, kind: str) -> None:
    """Forget the rule of a copy that is gone."""
    session.execute(delete(CopyRow).where(CopyRow.case == case, CopyRow.kind == kind))
    session.flush()
