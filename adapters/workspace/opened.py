"""Cases that somebody has opened, decrypted: in the memory of this process, with their open key, and gone with it.

Pages that show another part of what was pulled read it here, so that one look is one pull and one entry in the log.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.picture.model import Picture
from adapters.picture.view import CaseView
from policies.vocabulary import Purpose

MOST_OPEN = 4
"""Cases that one session holds open; whichever was not looked at for longest is given up."""
OPEN_FOR = timedelta(minutes=15)
"""After so long a case is pulled anew: what has ended since then is not shown any more."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case as it was pulled for one person and purpose. ``repr`` shows no content.

    ``case_digest`` is that of the case's statements on which the view rests: another one (a withdrawal, somebody
    removed) ends it. Empty where others came while it was pulled: it is shown and not held.
    """

    case: str
    purpose: Purpose
    view: CaseView = field(repr=False)
    picture: Picture = field(repr=False)
    case_digest: str
    at: datetime


class OpenedCases:
    """The open cases of one session. ``repr`` shows how many."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[int, Purpose]] = {}
        self._held: OrderedDict[tuple[str, Purpose], OpenCase] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<OpenedCases of {len(self._held)} (not shown)>"

    def put(self, opened: OpenCase) -> None:
        """Hold a case."""
        with self._lock:
            self._held[opened.case, opened.purpose] = opened
            self._held.move_to_end((opened.case, opened.purpose))
            while len(self._held) > MOST_OPEN:
                self._held.popitem(last=False)

    def mark(self, case: str, case_seq: int, purpose: Purpose) -> None:
        """Remember up to which entry of a case it was opened last, and for what."""
        with self._lock:
            self._marks[case] = case_seq, purpose

    def mark_of(self, case: str) -> tuple[int, Purpose] | None:
        """Return up to which entry a case was opened last, and for what; None where it was not."""
        with self._lock:
            return self._marks.get(case)

    def awaited_of(self, case: str) -> list[str]:
        """Return the names of agencies that had said nothing to the reader's key when a case was opened last."""
        with self._lock:
            held = [opened.view for (name, _), opened in reversed(self._held.items()) if name == case][:1]
        return [view.name_of(item.agency) for view in held for item in view.awaited]

    def find(self, case: str, case_digest: str, at: datetime) -> OpenCase | None:
        """Return what was opened of a case last, if that was a short while ago and the case has not changed since."""
        with self._lock:
            for key, opened in reversed(self._held.items()):
                if opened.case == case:
                    if opened.case_digest == case_digest and at - opened.at < OPEN_FOR:
                        return opened
                    del self._held[key]
                    return None
        return None

    def drop_old(self, at: datetime) -> None:
        """Give up what was opened too long ago, whether or not anybody asks for it again."""
        with self._lock:
            for key in [key for key, opened in self._held.items() if at - opened.at >= OPEN_FOR]:
                del self._held[key]

    def drop(self, case: str) -> None:
        """Give up a case."""
        with self._lock:
            for key in [key for key in self._held if key[0] == case]:
                del self._held[key]
