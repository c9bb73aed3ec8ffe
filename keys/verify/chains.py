"""What goes through an export from entry to entry: the tree's right edge, the cases' chains, and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from keys.merkle import grow, leaf_hash, root_of
from keys.verify.faults import ExportFault, ExportRefused
from keys.verify.lines import MAX_CASES

MAX_CLOCK_SKEW = timedelta(minutes=5)
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(slots=True)
class RightEdge:
    """The roots of the complete subtrees of a tree of ``size`` entries, largest first (RFC 9162 section 2.1.1)."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, entry: bytes) -> None:
        """Take one entry in."""
        self.size, self.peaks = grow(self.size, self.peaks, [leaf_hash(entry)])

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return root_of(self.peaks)


@dataclass(slots=True)
class CaseChains:
    """The newest entry of each case so far: its number and leaf hash (hex)."""

    may_start_late: bool
    """Whether a case may begin with another number than 1: the file is of a part of the log only."""
    ends: dict[str, tuple[int, str]] = field(default_factory=dict)

    def take(self, case: str, number: int, previous: object, entry: bytes, index: int) -> None:
        """Take a case's next entry in. ``previous`` False: its body is gone, so it does not say.

        Raises ``ExportRefused``.
        """
        last = self.ends.get(case)
        if last is None and len(self.ends) >= MAX_CASES:
            raise ExportRefused(ExportFault.TOO_LARGE, f"the file is of more than {MAX_CASES:,} cases", index)
        if last is not None and number != last[0] + 1:
            raise self._broken(index, f"expected number {last[0] + 1} of its case, got {number}: the case has a gap")
        if last is None and number != 1 and not self.may_start_late:
            raise self._broken(index, f"expected its case to begin with number 1, got {number}: the case has a gap")
        expected = None if last is None else last[1]
        # Of what a file of a part of the log begins with, the entry before is not there to be compared.
        if previous is not False and previous != expected and not (last is None and number > 1):
            raise self._broken(index, "it does not name the entry of its case before it")
        self.ends[case] = (number, leaf_hash(entry).hex())

    def _broken(self, index: int, what: str) -> ExportRefused:
        return ExportRefused(ExportFault.CHAIN_BROKEN, f"entry {index}: {what}", index)


@dataclass(slots=True)
class Clock:
    """What is known of time so far (docs/protocol.md section 14.3, attack 7)."""

    newest_at: datetime | None = None
    newest_index: int = -1
    not_before: datetime | None = None
    """When a quorum had seen the newest state of the log that does not hold what comes next."""

    def take(self, text: str, index: int) -> datetime:
        """Take an entry's time in. Raises ``ExportRefused`` where those before it show that it is another."""
        try:
            at = datetime.strptime(text, _AT).replace(tzinfo=UTC)
        except ValueError as error:
            raise ExportRefused(
                ExportFault.TIME_IMPLAUSIBLE, f"entry {index}: its time is no real one", index
            ) from error
        if self.newest_at is not None and at < self.newest_at - MAX_CLOCK_SKEW:
            what = f"it is dated more than {_minutes()} before entry {self.newest_index}, which stands before it"
            raise ExportRefused(ExportFault.TIME_IMPLAUSIBLE, f"entry {index}: {what}", index)
        if self.not_before is not None and at < self.not_before - MAX_CLOCK_SKEW:
            what = f"it is dated more than {_minutes()} before witnesses had seen the log without it"
            raise ExportRefused(ExportFault.TIME_IMPLAUSIBLE, f"entry {index}: {what}", index)
        if self.newest_at is None or at > self.newest_at:
            self.newest_at, self.newest_index = at, index
        return at

    def seen(self, honest_by: datetime, quorum_by: datetime, size: int) -> None:
        """Take in that witnesses had seen a state of the log: an honest one by the first time, a quorum by the second.

        Raises ``ExportRefused`` where an entry in it is dated after it was seen.
        """
        if self.newest_at is not None and self.newest_at - MAX_CLOCK_SKEW > honest_by:
            what = f"it is dated more than {_minutes()} after witnesses had seen it, in the state of {size} entries"
            raise ExportRefused(ExportFault.TIME_IMPLAUSIBLE, f"entry {self.newest_index}: {what}", self.newest_index)
        if self.not_before is None or quorum_by > self.not_before:
            self.not_before = quorum_by


def _minutes() -> str:
    return f"{int(MAX_CLOCK_SKEW.total_seconds()) // 60} minutes"
