"""What a check of an export found: how far it came, what it counted, the first thing that does not hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from keys.verify.faults import ExportFault
from keys.verify.lines import ExportLine
from keys.verify.pins import KeptHead, Pin


class Verdict(StrEnum):
    """What a check comes to. ``unpinned``: all of it fits together, and nothing from elsewhere says whose it is."""

    HOLDS = "holds"
    UNPINNED = "unpinned"
    DOES_NOT_HOLD = "does_not_hold"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that does not hold. ``index`` names the entry, where there is one."""

    code: ExportFault
    message: str
    index: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON-ready members."""
        return {"code": self.code.value, "index": self.index, "message": self.message}


@dataclass(slots=True)
class Report:
    """Filled while a file is read. What stands in it after a fault was counted up to there."""

    name: str
    sha256: str = ""
    header: ExportLine | None = None
    pin: Pin | None = None
    kept: KeptHead | None = None
    entries: int = 0
    heads: int = 0
    readable: int = 0
    """Entries whose body stands in the file."""
    erased: int = 0
    """Entries of a case whose body had been erased before."""
    unexplained: int = 0
    """Of those the ones that no entry in the file says were erased. In a file of one case that is a fault."""
    first_unexplained: int | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    changed_after_pin: int = 0
    """Agencies of the log that the pin does not name."""
    witnessed_at: datetime | None = None
    quorum: int = 0
    witnesses: int = 0
    log_keys: int = 1
    kept_compared: bool = False
    stage: str = "file"
    """What was being checked last."""
    first: Finding | None = None

    @property
    def verdict(self) -> Verdict:
        """What it all comes to."""
        if self.first is not None:
            return Verdict.DOES_NOT_HOLD
        return Verdict.HOLDS if self.pin is not None else Verdict.UNPINNED

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "verdict": self.verdict.value,
            "first": None if self.first is None else self.first.to_json(),
            "sha256": self.sha256,
            "entries": self.entries,
            "readable": self.readable,
            "erased": self.erased,
            "unexplained": self.unexplained,
            "first_unexplained": self.first_unexplained,
            "cases": self.cases,
            "heads": self.heads,
            "size": None if self.header is None else self.header.size,
            "witnessed_at": None if self.witnessed_at is None else self.witnessed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "kept_compared": self.kept_compared,
        }
