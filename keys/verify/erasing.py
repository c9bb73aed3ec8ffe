"""Entries whose text is gone, held against the entries that say so (docs/protocol.md sections 10.2 and 14.3).

The hub's word that something was erased is none: an ``erased`` entry has to name it, with the statements that allow it,
signed by keys that counted where those words stand in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keys.directory import Directory
from keys.erasures import read_allowed
from keys.jose import statement_digest
from keys.refusal import KeysRefusal
from keys.verify.faults import ExportFault, ExportRefused
from policies.model import Malformed

ERASED, WORD = "erased", "retention"
MAX_ERASED = 1_000_000
"""Entries of a file whose text is gone and that no entry has named so far."""
MAX_WORDS = 1_000_000


@dataclass(slots=True)
class Erasures:
    """What of a file was erased and not explained so far, and where the words on keeping its cases stand."""

    missing: dict[tuple[str, int], int] = field(default_factory=dict)
    """By case and number there the position in the log."""
    words: dict[str, int] = field(default_factory=dict)

    def gone(self, case: str, number: int, index: int) -> None:
        """Take in an entry whose text is gone. Raises ``ExportRefused``."""
        if len(self.missing) >= MAX_ERASED:
            raise ExportRefused(ExportFault.TOO_LARGE, f"more than {MAX_ERASED:,} entries are erased", index)
        self.missing[case, number] = index

    def take(self, body: Mapping[str, Any], directory: Directory, index: int) -> None:
        """Take in an entry of a case, if it has to do with erasing. Raises ``ExportRefused``."""
        if body["type"] == WORD:
            if len(self.words) >= MAX_WORDS:
                raise ExportRefused(ExportFault.TOO_LARGE, f"more than {MAX_WORDS:,} words on keeping a case", index)
            self.words[str(body["statement"])] = index
        elif body["type"] == ERASED:
            for number in self._allowed(body, directory, index):
                self.missing.pop((body["case"], number), None)

    def _allowed(self, body: Mapping[str, Any], directory: Directory, index: int) -> list[int]:
        """Return the numbers of the entries that an ``erased`` one takes and that this file has at those positions."""
        try:
            digests = [statement_digest(token) for token in body["statements"]]
            known = {digest: self.words[digest] for digest in digests if digest in self.words}
            pairs = read_allowed(body, directory.knowing(known), index).pairs
            if any(position >= index for _, position in pairs):
                raise Malformed("erased: a later entry is named")
        except (KeysRefusal, Malformed) as error:
            what = f"it says that something was erased, and nobody who may asked for it: {error}"
            raise self._unproven(index, what) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = "it says that something was erased, and is not of the agreed form"
            raise self._unproven(index, what) from error
        return [number for number, position in pairs if self.missing.get((body["case"], number)) == position]

    def require_explained(self) -> None:
        """Raise ``ExportRefused`` for the first entry whose text is gone without an entry that says so."""
        if self.missing:
            first = min(self.missing.values())
            raise self._unproven(first, "its text is gone, and no entry in this file says that it was erased")

    def _unproven(self, index: int, what: str) -> ExportRefused:
        return ExportRefused(ExportFault.ERASURE_UNPROVEN, f"entry {index}: {what}", index)
