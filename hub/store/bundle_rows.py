"""Queries on policy bundles: which is active, what waits for approval, who approves what."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from hub.store.base import Session
from hub.store.tables import BundleApprovalRow, BundleRow

_NEWEST = select(BundleRow.digest).where(BundleRow.log_index.is_not(None)).order_by(BundleRow.log_index.desc()).limit(1)


def newest_digest(session: Session) -> str | None:
    """Return the digest of the bundle that decides now: the one agreed last."""
    return session.connection().execute(_NEWEST).scalar()


def find(session: Session, digest: str) -> BundleRow | None:
    """Return a bundle by digest, agreed or waiting."""
    return session.get(BundleRow, digest)


def agreed(session: Session) -> Sequence[BundleRow]:
    """Return every bundle that was ever active, oldest first."""
    query = select(BundleRow).where(BundleRow.log_index.is_not(None))
    return session.scalars(query.order_by(BundleRow.log_index)).all()


def waiting(session: Session, replaces: str) -> Sequence[BundleRow]:
    """Return the bundles that wait for approvals of the change from one bundle."""
    query = select(BundleRow).where(BundleRow.log_index.is_(None), BundleRow.replaces == replaces)
    return session.scalars(query.order_by(BundleRow.version, BundleRow.digest)).all()


def count_brought(session: Session, replaces: str, agency: str) -> int:
    """Return how many bundles an agency brought that wait in the place of one bundle."""
    query = select(func.count()).select_from(BundleRow)
    return (
        session.scalar(
            query.where(BundleRow.log_index.is_(None), BundleRow.replaces == replaces, BundleRow.agency == agency)
        )
        or 0
    )


def replace_approval(session: Session, row: BundleApprovalRow) -> None:
    """Keep an agency's newest approval of a change of the active bundle."""
    session.merge(row)
    session.flush()


def approvals(session: Session, replaces: str) -> Sequence[BundleApprovalRow]:
    """Return the approvals of changes from one bundle."""
    query = select(BundleApprovalRow).where(BundleApprovalRow.replaces == replaces)
    return session.scalars(query.order_by(BundleApprovalRow.agency)).all()


def forget_waiting(session: Session) -> None:
    """Delete every approval and every bundle that was not agreed: with a new bundle none of them can count any more."""
    session.execute(delete(BundleApprovalRow))
    session.execute(delete(BundleRow).where(BundleRow.log_index.is_(None)))
