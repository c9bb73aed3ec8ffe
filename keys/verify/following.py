"""The check of an export, line by line in the order of docs/protocol.md section 14.3. It ends at the first fault.

Memory grows with the cases and the certified keys, not with the entries. Nothing in the file is believed for its own
sake: entries by the tree, the tree by the log's key and the witnesses, those by what is pinned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.merkle import verify_consistency, verify_inclusion
from keys.notes import parse_note
from keys.public_log import PublicLog
from keys.refusal import KeysRefusal
from keys.transparency import (
    Checkpoint,
    ProofInvalid,
    VerifierKey,
    leaf_hash,
    quorum_time,
    verify_checkpoint,
    witness_times,
)
from keys.verify.bodies import read_body
from keys.verify.chains import CaseChains, Clock, RightEdge
from keys.verify.erasing import ERASED, WORD, Erasures
from keys.verify.faults import ExportFault, ExportRefused
from keys.verify.lines import EndLine, EntryLine, ExportLine, HeadLine, Line, LineSource, LinkLine, read_lines
from keys.verify.pins import KeptHead, Pin, head_of
from keys.verify.report import Finding, Report

Progress = Callable[[int], None]
"""Told how many entries were checked so far."""
ENTRIES_PER_TELLING = 1_000


def verify_file(
    path: Path, pin: Pin | None = None, kept: KeptHead | None = None, progress: Progress = lambda _: None
) -> Report:
    """Check an export and report; what does not hold is in the report. Raises ``OSError`` where it cannot be read."""
    report = Report(path.name, pin=pin, kept=kept)
    with path.open("rb") as file:
        digest = _Digesting(file)
        try:
            _Check(report, progress).run(digest)
        except ExportRefused as refused:
            report.first = Finding(refused.code, refused.message, refused.index)
        report.sha256 = digest.finish()
    return report


class _Digesting:
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def readline(self, limit: int) -> bytes:
        data = self._file.readline(limit)
        self._digest.update(data)
        return data

    def finish(self) -> str:
        while data := self._file.read(1024 * 1024):
            self._digest.update(data)
        return self._digest.hexdigest()


class _Check:
    def __init__(self, report: Report, progress: Progress) -> None:
        self.report, self.progress = report, progress
        self.edge, self.clock, self.erasures = RightEdge(), Clock(), Erasures()
        self.last_index, self.last_head, self.links = -1, 0, 0
        self.has_case = False

    def run(self, file: LineSource) -> None:
        lines = read_lines(file)
        header = next(lines, None)
        if not isinstance(header, ExportLine):
            raise ExportRefused(ExportFault.MALFORMED, "the file does not begin as an export of a log does")
        self.begin(header)
        for line in lines:
            if isinstance(line, EndLine):
                self.end(line)
                if next(lines, None) is not None:
                    raise ExportRefused(ExportFault.MALFORMED, "the file goes on after its end")
                self.close()
                return
            self.take(line)
        raise ExportRefused(ExportFault.TRUNCATED, "the file has no last line: its end is missing")

    def begin(self, header: ExportLine) -> None:
        self.report.header = self.header = header
        pin, kept = self.report.pin, self.report.kept
        if pin is not None and pin.origin != header.origin:
            raise ExportRefused(ExportFault.PIN_DIFFERS, "the file is of a log of another name than the pinned one")
        if kept is not None and kept.origin != header.origin:
            raise ExportRefused(ExportFault.PIN_DIFFERS, "the kept head is of a log of another name than the file")
        try:
            origin, size, self.root = head_of(parse_note(header.head).text)
            self.log_key = VerifierKey.parse(header.log_key)
        except (KeysRefusal, ValueError) as error:
            raise ExportRefused(
                ExportFault.HEAD_UNSIGNED, f"the newest head is not of the agreed form: {error}"
            ) from error
        if (origin, size) != (header.origin, header.size):
            raise ExportRefused(
                ExportFault.HEAD_DIFFERS, "the newest head is of another log or size than the file says"
            )
        if kept is not None and kept.size > size:
            what = f"a head of {kept.size} entries was kept, and the file ends with {size}"
            raise ExportRefused(ExportFault.TAIL_MISSING, what)
        self.public = PublicLog(header.origin, heard=None if pin is None else tuple(pin.roots))
        self.chains = CaseChains(may_start_late=header.scope.first > 0)

    def take(self, line: Line) -> None:
        if isinstance(line, EntryLine):
            self.report.stage = "entries"
            self.entry(line)
        elif isinstance(line, HeadLine):
            self.report.stage = "heads"
            self.head(line)
        elif isinstance(line, LinkLine):
            self.link(line)
        else:
            raise ExportRefused(ExportFault.MALFORMED, "a second first line stands in the file")

    # --- entries ---

    def entry(self, line: EntryLine) -> None:
        self._place(line)
        if self.header.is_whole:
            self.edge.append(line.entry)
            if self.report.kept is not None and self.report.kept.size == self.edge.size:
                self._compare_kept(self.edge.root)
        else:
            try:
                verify_inclusion(leaf_hash(line.entry), line.index, self.header.size, line.inclusion or (), self.root)
            except ProofInvalid as error:
                raise ExportRefused(ExportFault.ENTRY_CHANGED, f"entry {line.index}: {error}", line.index) from error
        self._count(line)
        if line.body is None:
            if line.case is not None and line.case_seq is not None:
                self.chains.take(line.case, line.case_seq, False, line.entry, line.index)
                self.erasures.gone(line.case, line.case_seq, line.index)
            return
        body = read_body(line.body, is_public=line.is_public, index=line.index)
        self._belongs(line, body.get("case"), body["type"])
        self.report.kinds[body["type"]] += 1
        if "case" in body:
            if self._is_inside(line.index):
                self.chains.take(body["case"], body["case_seq"], body["previous"], line.entry, line.index)
            self.erasures.take(body, self.public.directory, line.index)
        self.clock.take(body["at"], line.index)
        if line.is_public:
            self._authority(body, line.index)

    def _place(self, line: EntryLine) -> None:
        header, index = self.header, line.index
        if index <= self.last_index or index >= header.size or index < self.last_head:
            raise ExportRefused(ExportFault.MALFORMED, f"entry {index} stands at another place than its own", index)
        if (line.inclusion is None) is not header.is_whole:
            raise ExportRefused(
                ExportFault.MALFORMED, f"entry {index}: expected a proof unless the file is whole", index
            )
        if header.scope.kind == "log":
            expected = max(self.last_index + 1, header.scope.first)
            if index > expected and expected <= header.scope.last:
                raise ExportRefused(ExportFault.ENTRY_MISSING, f"entry {expected} is missing", expected)
        if self.last_index < 0 and (index > 0 or not line.is_public):
            raise ExportRefused(ExportFault.ENTRY_MISSING, "entry 0, with which the log begins, is missing", 0)
        self.last_index = index
        if line.body is None:
            self._belongs(line, line.case)

    def _is_inside(self, index: int) -> bool:
        return self.header.scope.first <= index <= self.header.scope.last

    def _belongs(self, line: EntryLine, case: object, kind: str | None = None) -> None:
        """A file holds public entries, and of its scope what the scope says; in a file of the log nothing to read.

        What was erased is explained by entries that may stand after, or before, the time that a file is of.
        """
        scope, index = self.header.scope, line.index
        if line.is_public:
            return
        is_inside = self._is_inside(index) or (scope.kind != "log" and kind in (ERASED, WORD))
        fits = {
            "log": line.body is None and case is None,
            "case": case == scope.case,
            "agency": case is not None,
        }
        if not (is_inside and fits[scope.kind]):
            raise ExportRefused(ExportFault.MALFORMED, f"entry {index} does not belong in a file of this scope", index)
        self.has_case = self.has_case or case == scope.case

    def _count(self, line: EntryLine) -> None:
        self.report.entries += 1
        self.report.readable += line.body is not None
        self.report.erased += line.case is not None
        if self.report.entries % ENTRIES_PER_TELLING == 0:
            self.progress(self.report.entries)

    def _authority(self, body: dict[str, Any], index: int) -> None:
        is_first = body["type"] == "genesis"
        if is_first is not (index == 0) or (is_first and body["origin"] != self.header.origin):
            what = "the log begins with one entry that names it, and this is another"
            raise ExportRefused(ExportFault.NOT_AUTHORISED, f"entry {index}: {what}", index)
        fault = self.public.judge(body, index)
        if fault is None and body["type"] == "log_key":
            change = self.public.log_keys.changes[-1]
            fault = None if change.previous == self.log_key else "it replaces another log key than the one in force"
            self.log_key = change.key
            self.report.log_keys += 1
        if fault is not None:
            raise ExportRefused(ExportFault.NOT_AUTHORISED, f"entry {index}: {fault}", index)
        if body["type"] == "agency" and self.report.pin is not None:
            self._pinned_root(self.report.pin, index)

    def _pinned_root(self, pin: Pin, index: int) -> None:
        """The first root of a pinned agency is one that is pinned; who enrolled anew since the pin is counted."""
        for agency, record in self.public.directory.agencies.items():
            if record.log_index != index:
                continue
            known = pin.roots.get(str(agency), ())
            if normalise_fingerprint(fingerprint(record.root)) in known:
                continue
            if known and len(self.public.directory.roots_of(agency)) == 1:
                what = f"{agency} is enrolled with another root than the pinned one"
                raise ExportRefused(ExportFault.PIN_DIFFERS, f"entry {index}: {what}", index)
            self.report.changed_after_pin += 1

    # --- heads ---

    def head(self, line: HeadLine) -> None:
        size = line.size
        if size <= self.last_head or size > self.header.size or self.last_index >= size:
            raise ExportRefused(
                ExportFault.MALFORMED, f"the head of {size} entries stands at another place than its own"
            )
        if (line.consistency is None) is not self.header.is_whole:
            raise ExportRefused(
                ExportFault.MALFORMED, f"the head of {size} entries: expected a proof unless the file is whole"
            )
        self.last_head = size
        checkpoint = self._signed(line.note, size)
        try:
            if line.consistency is None:
                self._require_all(size)
                if checkpoint.root != self.edge.root:
                    raise ProofInvalid("its root is not that of the entries")
            else:
                verify_consistency(size, self.header.size, checkpoint.root, self.root, line.consistency)
        except ProofInvalid as error:
            raise ExportRefused(ExportFault.HEAD_DIFFERS, f"the head of {size} entries: {error}") from error
        self._witnessed(checkpoint)
        if self.report.kept is not None and self.report.kept.size == size:
            self._compare_kept(checkpoint.root)

    def link(self, line: LinkLine) -> None:
        self.links += 1
        kept = self.report.kept
        if line.size > self.header.size:
            raise ExportRefused(ExportFault.MALFORMED, "a proof is from a larger log than the file is of")
        if kept is not None and kept.size == line.size and not self.report.kept_compared:
            try:
                verify_consistency(kept.size, self.header.size, kept.root, self.root, line.consistency)
            except ProofInvalid as error:
                raise ExportRefused(ExportFault.FORK, f"the kept head of {kept.size} entries: {error}") from error
            self.report.kept_compared = True

    def _signed(self, note: str, size: int) -> Checkpoint:
        try:
            checkpoint = verify_checkpoint(note, self.log_key)
        except ProofInvalid as error:
            raise ExportRefused(ExportFault.HEAD_UNSIGNED, f"the head of {size} entries: {error}") from error
        if checkpoint.size != size or checkpoint.origin != self.header.origin:
            raise ExportRefused(ExportFault.HEAD_DIFFERS, f"the head of {size} entries is of another size or log")
        return checkpoint

    def _witnessed(self, checkpoint: Checkpoint) -> None:
        sets = self.public.witnesses.sets
        if not sets:
            what = f"the head of {checkpoint.size} entries: no witnesses stand in the log below it"
            raise ExportRefused(ExportFault.QUORUM_MISSING, what)
        witnesses = sets[-1][1]
        try:
            times = witness_times(checkpoint, checkpoint.signatures, witnesses)
        except ProofInvalid as error:
            raise ExportRefused(
                ExportFault.QUORUM_MISSING, f"the head of {checkpoint.size} entries: {error}"
            ) from error
        seen = quorum_time(times, witnesses)
        if seen is None:
            what = f"cosigned by {len(times)} witnesses, the quorum is {witnesses.quorum}"
            raise ExportRefused(ExportFault.QUORUM_MISSING, f"the head of {checkpoint.size} entries: {what}")
        self.report.heads += 1
        self.report.witnessed_at, self.report.quorum = seen, witnesses.quorum
        self.report.witnesses = len(witnesses.witnesses)
        # The (f + 1)-th oldest is not before every honest witness's time: liars alone can accuse nobody.
        self.clock.seen(sorted(times.values())[witnesses.faulty], seen, checkpoint.size)

    def _compare_kept(self, root: bytes) -> None:
        kept = self.report.kept
        if kept is not None and kept.root != root:
            raise ExportRefused(
                ExportFault.FORK, f"the kept head of {kept.size} entries is not the beginning of this log"
            )
        self.report.kept_compared = True

    # --- the end ---

    def end(self, line: EndLine) -> None:
        if (line.entries, line.heads, line.links) != (self.report.entries, self.report.heads, self.links):
            what = f"its last line counts {line.entries} entries and {line.heads} heads"
            raise ExportRefused(
                ExportFault.TRUNCATED, f"the file holds {self.report.entries} and {self.report.heads}, {what}"
            )

    def close(self) -> None:
        """What can be said only at the end: nothing was left out, and the newest head."""
        header, self.report.stage = self.header, "newest head"
        self.report.cases = len(self.chains.ends)
        if header.scope.kind == "log":
            self._require_all(header.scope.last + 1)
        if header.scope.kind == "case" and not self.has_case:
            raise ExportRefused(ExportFault.ENTRY_MISSING, "the file holds no entry of the case it is of")
        self._explained()
        checkpoint = self._signed(header.head, header.size)
        if header.is_whole and self.edge.root != checkpoint.root:
            raise ExportRefused(ExportFault.HEAD_DIFFERS, "the entries do not add up to the newest head")
        self._witnessed(checkpoint)
        self.report.heads -= 1
        kept = self.report.kept
        if kept is not None and kept.size == header.size:
            self._compare_kept(checkpoint.root)
        if self.report.pin is not None:
            self.report.stage = "pin"
            self._pinned(self.report.pin)
        self.report.stage = "done"

    def _explained(self) -> None:
        """In a file of a case all that is gone is explained; an agency that left one is not given what came later."""
        if self.header.scope.kind == "case":
            self.erasures.require_explained()
        missing = self.erasures.missing
        self.report.unexplained = len(missing)
        self.report.first_unexplained = min(missing.values(), default=None)

    def _require_all(self, size: int) -> None:
        if self.last_index + 1 < size:
            missing = max(self.last_index + 1, self.header.scope.first)
            raise ExportRefused(ExportFault.ENTRY_MISSING, f"entry {missing} is missing", missing)

    def _pinned(self, pin: Pin) -> None:
        try:
            verify_checkpoint(self.header.head, pin.log_vkey)
        except ProofInvalid as error:
            what = "the newest head does not carry the signature of the pinned log key"
            raise ExportRefused(ExportFault.PIN_DIFFERS, what) from error
        if pin.witnesses not in [item for _, item in self.public.witnesses.sets]:
            raise ExportRefused(ExportFault.PIN_DIFFERS, "the pinned witnesses do not stand in the log")
        if pin.officers not in self.public.enrolments.seen:
            raise ExportRefused(ExportFault.PIN_DIFFERS, "the pinned set of officers does not stand in the log")
