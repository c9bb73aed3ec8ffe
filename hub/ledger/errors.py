"""What the ledger refuses, with a stable code each. Messages are plain English without content."""

from __future__ import annotations

from typing import ClassVar

from hub.refusal import Refused


class LedgerRefused(Refused):
    """Root of everything the ledger raises; a problem detail like every other refusal of the hub."""

    http_status: ClassVar[int] = 500
    ledger_code: ClassVar[str] = "ledger"

    def __init__(self, detail: str) -> None:
        super().__init__(self.http_status, self.ledger_code, detail)


class EntryRefused(LedgerRefused):
    """A body is not of its entry type's form, breaks its case's chain, or is too large. Nothing was written."""

    ledger_code = "entry_refused"


class ProofUnavailable(LedgerRefused):
    """No such entry, size, tile or checkpoint is in the log yet."""

    http_status = 404
    ledger_code = "not_in_log"


class CosignatureRefused(LedgerRefused):
    """A posted cosignature is malformed, of no pinned witness, or does not verify. None of the lines was stored."""

    http_status = 422
    ledger_code = "cosignature_refused"


class NotPlacedYet(LedgerRefused):
    """An act is committed, and its entry has no position yet. The same act again is answered with its receipt."""

    http_status = 503
    ledger_code = "not_placed_yet"

    def __init__(self) -> None:
        super().__init__(
            "this is recorded and stands, but its place in the log was not given in time; send the same again for its "
            "receipt"
        )
        self.extra = {"wait": 2}


class LedgerDamaged(LedgerRefused):
    """The stored log contradicts itself or what was already signed. The hub must stop, not go on."""

    ledger_code = "ledger_damaged"
