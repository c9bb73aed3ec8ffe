"""Refuse what lets somebody know more, until the witnesses have spoken since this hub was started (attack 75)."""

from __future__ import annotations

from hub.ledger import confirming
from hub.refusal import Refused
from hub.store.base import Session


def require_confirmed(session: Session) -> None:
    """Raise ``Refused`` while no quorum of witnesses has seen this log since it is served."""
    if not confirming.is_confirmed(session):
        raise Refused(
            503,
            "unconfirmed",
            "this hub was started a moment ago, and its witnesses have not said yet that its log is the newest they "
            "know; until a quorum of them has, it takes only what takes something away; try again",
        )
