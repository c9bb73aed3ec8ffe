"""What a person has typed or chosen and not sent on yet: in memory, with their open key, and gone with it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from adapters.release.drafts import Draft
from policies.vocabulary import Gateway, OverrideReason, Purpose, Role

MOST_UNDER_WAY = 8
"""Releases that one session has under way; whichever was begun first is given up."""
MAX_TOKEN_CHARS = 32


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose for a release. ``necessity`` is only there with an override; ``repr`` does not show it."""

    purposes: tuple[Purpose, ...]
    only: frozenset[str] | None = None
    expires_at: datetime | None = None
    gateway: Gateway | None = None
    originator_release: bool = False
    override: OverrideReason = OverrideReason.NONE
    necessity: str = field(default="", repr=False)
    role: Role | None = None
    job_title: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a release: what was sealed and left, in numbers, and what did not and why, in sentences."""

    fragments: int
    grants: int
    not_given: int
    accepted: int
    waiting: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class UnderWay:
    """One release from the choice of drafts to what came of it. ``repr`` shows no words."""

    case: str
    drafts: tuple[str, ...]
    chosen: Chosen | None = None
    outcome: Outcome | None = None
    why: tuple[Chosen, Draft] | None = field(default=None, repr=False)
    """The kept words of an override, with the terms they belong to: a second try does not keep them twice."""


class InHand:
    """What one session keeps in memory. ``repr`` shows no words."""

    def __init__(self) -> None:
        self.job_title = ""
        self._lock = threading.Lock()
        self._under_way: OrderedDict[str, UnderWay] = OrderedDict()

    def __repr__(self) -> str:
        return f"<InHand, {len(self._under_way)} releases under way (not shown)>"

    def begin(self, case: str, drafts: tuple[str, ...]) -> str:
        """Begin a release of these drafts; return what it is called in an address: random, it says nothing."""
        token = secrets.token_hex(MAX_TOKEN_CHARS // 2)
        with self._lock:
            self._under_way[token] = UnderWay(case, drafts)
            while len(self._under_way) > MOST_UNDER_WAY:
                self._under_way.popitem(last=False)
        return token

    def find(self, case: str, token: str) -> UnderWay | None:
        """Return a release of a case that is under way, or was finished a short while ago."""
        with self._lock:
            found = self._under_way.get(token)
        return found if found is not None and found.case == case else None
