"""What is asked of the adapter's own database about notifications, one function for each question."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from adapters.store.monitor_tables import ReadRow
from adapters.store.notify_tables import LookedRow, NotifySettingRow, ToldRow


def find_chosen(session: Session, member: str) -> NotifySettingRow | None:
    """Return how somebody wants to be told."""
    return session.get(NotifySettingRow, member)


def list_chosen(session: Session) -> Sequence[NotifySettingRow]:
    """Return how everybody wants to be told who has said so."""
    return session.scalars(select(NotifySettingRow).order_by(NotifySettingRow.member)).all()


def keep_chosen(session: Session, member: str, sealed: bytes) -> None:
    """Keep how somebody wants to be told."""
    session.merge(NotifySettingRow(member=member, sealed_settings=sealed))
    session.flush()


def forget_chosen(session: Session, member: str) -> bool:
    """Forget how somebody wants to be told, and what they were told; return whether there was anything."""
    held = session.get(NotifySettingRow, member)
    told = session.get(ToldRow, member)
    for row in (held, told):
        if row is not None:
            session.delete(row)
    session.flush()
    return held is not None


def told_row(session: Session, member: str) -> ToldRow:
    """Return what somebody was told of, to be changed in place; an empty one where there is none yet."""
    held = session.get(ToldRow, member)
    if held is None:
        held = ToldRow(member=member, told="{}", waiting_since=None, sent_at=None, claimed_until=None)
        session.add(held)
        session.flush()
    return held


def looked(session: Session, member: str, case: str) -> LookedRow | None:
    """Return up to where somebody has opened a case; None: not yet."""
    return session.get(LookedRow, (member, case))


def keep_looked(session: Session, member: str, case: str, case_seq: int, at: str) -> None:
    """Keep up to where somebody has opened a case. Never goes back."""
    held = session.get(LookedRow, (member, case))
    if held is None:
        session.add(LookedRow(member=member, case=case, case_seq=case_seq, at=at))
    elif held.case_seq <= case_seq:
        held.case_seq, held.at = case_seq, at
    session.flush()


def newest_read(session: Session, case: str, agency: str, member: str) -> int:
    """Return the log position, plus one, of the newest read of ours in a case by anybody but one person; 0: none."""
    is_other = (ReadRow.agency != agency) | ReadRow.member.is_(None) | (ReadRow.member != member)
    found = session.scalar(select(func.max(ReadRow.log_index)).where(ReadRow.case == case, is_other))
    return 0 if found is None else int(found) + 1
