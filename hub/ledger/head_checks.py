"""Checks of published heads: the log's signature, the root, every cosignature, and what they say about time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hub.ledger.entry_checks import MAX_CLOCK_SKEW, EntryChecks
from hub.ledger.report import FaultCode, Faults
from hub.store.ledger_rows import StoredCheckpoint, StoredCosignature
from keys.transparency import (
    Checkpoint,
    ProofInvalid,
    SignatureLine,
    SignatureType,
    VerifierKey,
    WitnessSet,
    quorum_time,
    verify_checkpoint,
    verify_cosignature,
)


class HeadChecks:
    """Goes through heads from the smallest to the largest, while the entries beneath them are being checked."""

    def __init__(
        self,
        faults: Faults,
        log_key_at: Callable[[int], VerifierKey],
        witnesses: WitnessSet,
        announced: Sequence[WitnessSet],
        entries: EntryChecks,
    ) -> None:
        """``log_key_at`` says whose line a head of so many entries must carry.

        ``witnesses`` are pinned and count; ``announced`` are all sets the log ever had: their lines verify."""
        self._faults = faults
        self._log_key_at = log_key_at
        self._witnesses = witnesses
        self._known = (witnesses, *announced)
        self._entries = entries
        self._last_good = 0
        # Every head after one that differs differs too: only the first says where.
        self._head_differed = False
        self.checkpoints = 0
        self.cosignatures = 0
        self.witnessed_size = 0

    def check_root(self, size: int, root: bytes, possible: Sequence[bytes], what: str) -> None:
        """Check a head's root against the roots that the stored rows and the stored tree give at its size."""
        if root in possible:
            self._last_good = max(self._last_good, size)
            return
        self._faults.add(
            FaultCode.HEAD_DIFFERS,
            f"{what} of {size} entries is not the head of these entries: one of entries {self._last_good} to"
            f" {size - 1} was changed together with the tree above it",
        )

    def check(self, row: StoredCheckpoint, lines: Sequence[StoredCosignature], possible: Sequence[bytes]) -> None:
        """Check one published head, its cosignatures, and the times of the entries it covers."""
        self.checkpoints += 1
        try:
            checkpoint = verify_checkpoint(row.note, self._log_key_at(row.size))
        except ProofInvalid as error:
            self._faults.add(FaultCode.HEAD_UNSIGNED, f"the head of {row.size} entries is not the log's: {error}")
            return
        if (checkpoint.size, checkpoint.root) != (row.size, row.root):
            self._faults.add(
                FaultCode.ROW_DIFFERS, f"the row of the head of {row.size} entries differs from its signed note"
            )
        if not self._head_differed:
            before = self._faults.found
            self.check_root(checkpoint.size, checkpoint.root, possible, "the published head")
            self._head_differed = self._faults.found > before
        times = self._verify_lines(checkpoint, lines)
        if quorum_time(times, self._witnesses) is not None:
            self.witnessed_size = max(self.witnessed_size, checkpoint.size)
            self._bound_times(checkpoint.size, times)

    def _verify_lines(self, checkpoint: Checkpoint, lines: Sequence[StoredCosignature]) -> dict[str, datetime]:
        """Verify every stored line; return the times of the pinned witnesses' ML-DSA-44 lines."""
        times: dict[str, datetime] = {}
        for stored in lines:
            self.cosignatures += 1
            try:
                line = SignatureLine.parse(stored.line)
                key = self._find(line)
                if key is None:
                    raise ProofInvalid("it is of no witness key that is pinned or was ever announced in the log")
                moment = verify_cosignature(checkpoint, line, key)
                if (line.name, line.key_id.hex(), int(key.kind), moment) != (
                    stored.name,
                    stored.key_id,
                    stored.kind,
                    stored.signed_at,
                ):
                    raise ProofInvalid("its row differs from the line")
            except ProofInvalid as error:
                self._faults.add(
                    FaultCode.COSIGNATURE_INVALID, f"a cosignature of the head of {checkpoint.size} entries: {error}"
                )
                continue
            if key.kind is SignatureType.COSIGNATURE_MLDSA44 and self._witnesses.find(line) is not None:
                times[line.name] = moment
        return times

    def _find(self, line: SignatureLine) -> VerifierKey | None:
        for known in self._known:
            key = known.find(line)
            if key is not None:
                return key
        return None

    def _bound_times(self, size: int, times: dict[str, datetime]) -> None:
        """Hold entry times against witness time, which the hub does not choose (attack 7)."""
        # The (f + 1)-th oldest is not before every honest witness's time: liars alone cannot accuse the hub.
        seen_at = sorted(times.values())[self._witnesses.faulty]
        newest = self._entries.newest_at
        if newest is not None and newest - MAX_CLOCK_SKEW > seen_at:
            self._faults.add(
                FaultCode.TIME_IMPLAUSIBLE,
                f"it is dated more than {MAX_CLOCK_SKEW} after witnesses had seen it in the head of {size} entries",
                self._entries.newest_at_index,
                self._entries.newest_at_type,
            )
            self._entries.newest_at = None
        witnessed_at = quorum_time(times, self._witnesses)
        before = self._entries.not_before
        if witnessed_at is not None and (before is None or witnessed_at > before):
            self._entries.not_before = witnessed_at
