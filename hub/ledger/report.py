"""What a check of the log found: counts, and every fault in plain English with the entry it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_FAULTS = 1_000


class FaultCode(StrEnum):
    """The closed list of what can be wrong with a stored log."""

    STATE_DIFFERS = "state_differs"
    ENTRY_MISSING = "entry_missing"
    TAIL_MISSING = "tail_missing"
    ENTRY_CHANGED = "entry_changed"
    ENTRY_ERASED = "entry_erased"
    BODY_MALFORMED = "body_malformed"
    ROW_DIFFERS = "row_differs"
    CHAIN_BROKEN = "chain_broken"
    TIME_IMPLAUSIBLE = "time_implausible"
    NODE_DIFFERS = "node_differs"
    HEAD_UNSIGNED = "head_unsigned"
    HEAD_DIFFERS = "head_differs"
    COSIGNATURE_INVALID = "cosignature_invalid"
    ACT_DIFFERS = "act_differs"
    ACT_MISSING = "act_missing"
    NOT_AUTHORISED = "not_authorised"
    ERASURE_UNDONE = "erasure_undone"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``index`` and ``entry_type`` name the entry where one can be named."""

    code: FaultCode
    message: str
    index: int | None = None
    entry_type: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON-ready members."""
        return {"code": self.code.value, "index": self.index, "type": self.entry_type, "message": self.message}


@dataclass(frozen=True, slots=True)
class LogReport:
    """The result of ``verify_log``. ``ok`` only if nothing at all was found.

    ``faults`` holds at most MAX_FAULTS of the ``faults_found``. ``witnessed_size`` is the largest published head with a
    quorum of the witness set that the caller pinned; 0 if none has one.
    """

    entries: int
    cases: int
    checkpoints: int
    cosignatures: int
    witnessed_size: int
    acts: int
    erased: int
    root: bytes
    faults: tuple[Fault, ...]
    faults_found: int

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return self.faults_found == 0

    @property
    def first(self) -> Fault | None:
        """The fault of the lowest entry; one without an entry only where no fault names one."""
        return min(self.faults, key=lambda fault: (fault.index is None, fault.index or 0), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return counts, ``ok`` and the faults as JSON-ready members."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "cases": self.cases,
            "checkpoints": self.checkpoints,
            "cosignatures": self.cosignatures,
            "witnessed_size": self.witnessed_size,
            "acts": self.acts,
            "erased": self.erased,
            "root": self.root.hex(),
            "faults_found": self.faults_found,
            "first": None if self.first is None else self.first.to_json(),
            "faults": [fault.to_json() for fault in self.faults],
        }


class Faults:
    """Collects faults; beyond MAX_FAULTS it only counts."""

    __slots__ = ("found", "kept")

    def __init__(self) -> None:
        self.kept: list[Fault] = []
        self.found = 0

    def add(self, code: FaultCode, message: str, index: int | None = None, entry_type: str | None = None) -> None:
        """Note one fault. ``message`` starts with what is wrong, not with where."""
        self.found += 1
        if len(self.kept) < MAX_FAULTS:
            kind = "" if entry_type is None else f" ({entry_type})"
            where = "" if index is None else f"entry {index}{kind}: "
            self.kept.append(Fault(code, where + message, index, entry_type))
