"""What an alarm about the log itself stops: everything that widens who knows, until a person has looked.

What only takes away (withdrawing, removing, excluding, revoking) goes on: it needs no log that can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.refusal import LogRefused
from adapters.store.database import Session
from adapters.store.monitor_rows import STOPPING, raise_with_evidence, stopping_alarm
from adapters.store.rows import read_setting
from policies.model import render_time

MAX_QUORUM_AGE = timedelta(minutes=10)
"""How old a head may be, by its witnesses' time, for anything to be widened on it."""


DOUBTING = (
    *STOPPING,
    *("head_invalid", "quorum", "log_key", "case_rollback", "withheld", "feed", "receipt", "viewed"),
)
"""Alarms after which nothing is released in an emergency: the hub showed or hid something that it may not."""


def require_unstopped(session: Session) -> None:
    """Raise ``LogRefused`` while an alarm of ``STOPPING`` waits for somebody."""
    found = stopping_alarm(session)
    if found is not None:
        raise LogRefused(
            "stopped",
            f"alarm {found.number} ({found.code}) says that the log cannot be trusted; nothing new is shared until "
            f"somebody has looked: nrm-adapter alarms, then nrm-adapter alarms acknowledge {found.number}",
        )


def require_unwitnessed(session: Session, at: datetime) -> None:
    """Raise ``LogRefused`` unless all that is missing is a fresh quorum: the one thing that two people may bridge.

    Never a sign that the log lies, nor a log of which no quorum ever saw anything: then no recipient's key is proven.
    """
    doubt = stopping_alarm(session, DOUBTING)
    if doubt is not None:
        raise LogRefused(
            "stopped",
            f"alarm {doubt.number} ({doubt.code}) says that the hub's word cannot be trusted, and an emergency release "
            f"rests on it alone; somebody looks first: nrm-adapter alarms, then alarms acknowledge {doubt.number}",
        )
    held = read_setting(session, "witnessed")
    if held is None:
        raise LogRefused("quorum", "no witnessed head was ever taken in here: no recipient's key is proven")
    if at - seen_at(held) <= MAX_QUORUM_AGE:
        raise LogRefused("quorum_is_there", "the witnesses are there: release as always, with nrm-adapter release")


def seen_at(held: Mapping[str, Any]) -> datetime:
    """Return when a quorum saw the kept witnessed head."""
    return datetime.strptime(held["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def say_frozen(session: Session, at: datetime) -> None:
    """Keep an alarm where the newest head that a quorum has seen is too old for anything to be widened on it."""
    held = read_setting(session, "witnessed")
    if held is not None and at - seen_at(held) > MAX_QUORUM_AGE:
        text = f"the newest head a quorum has seen is the one of {held['size']} entries, from {held['at']}"
        raise_with_evidence(session, "freeze", text, render_time(at), {"kind": "freeze", "heads": [held["note"]]})
