"""A case's entries one after the other, proven and none left out; what was erased counts where an entry says so.

docs/protocol.md section 10.2. Of an erased entry the hub shows the bytes that the tree hashes: its place in the chain
is proven, what it said is gone. Without an ``erased`` entry of the same case that names it, it was kept from us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.receipts import leaf_of, prove_entry
from adapters.refusal import LogRefused
from keys.jose import b64u_decode
from keys.transparency import SALTED_ENTRY, ProofInvalid, leaf_hash, parse_proof, verify_inclusion

ERASED = "erased"
SALTED_BYTES = 33
MAX_ERASED = 100_000
"""Of one case."""


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One entry of a case that is in the log: its position, leaf hash (hex), and what it says; None: it was erased."""

    index: int
    leaf: str
    body: Mapping[str, Any] | None


def prove_case_entry(item: object, size: int, root: bytes) -> CaseEntry:
    """Verify that an entry of a case's log is in a verified head. Raises ``LogRefused``."""
    if isinstance(item, dict) and "erased" in item:
        return _prove_erased(item, size, root)
    body = prove_entry(item, size, root)
    return CaseEntry(_index(item), leaf_of(item).hex(), body)


def _index(item: Any) -> int:
    index = item["index"]
    if type(index) is not int:
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry")
    return index


def _prove_erased(item: Mapping[str, Any], size: int, root: bytes) -> CaseEntry:
    try:
        if item["body"] is not None or item["salt"] is not None:
            raise ProofInvalid("an erased entry with a body")
        entry = b64u_decode(item["erased"], max_bytes=SALTED_BYTES)
        if entry[:1] != SALTED_ENTRY or len(entry) != SALTED_BYTES:
            raise ProofInvalid("only salted entries can be erased")
        leaf = leaf_hash(entry)
        verify_inclusion(leaf, item["index"], size, parse_proof(item["inclusion"]), root)
    except (ProofInvalid, KeyError, TypeError, ValueError) as error:
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry") from error
    return CaseEntry(_index(item), leaf.hex(), None)


@dataclass(slots=True)
class Chain:
    """A case's chain as far as it was followed. ``missing`` are the erased entries that no entry has named so far."""

    case: str
    seq: int = 0
    leaf: str | None = None
    missing: dict[int, int] = field(default_factory=dict)
    """By number in the case the position in the log."""

    def take(self, entry: CaseEntry) -> None:
        """Take the next entry in. Raises ``LogRefused`` where it does not continue the chain, or is malformed."""
        body = entry.body
        try:
            if body is None:
                self.missing[self.seq + 1] = entry.index
                if len(self.missing) > MAX_ERASED:
                    raise LogRefused("feed", f"a case has more than {MAX_ERASED:,} erased entries")
            elif (body["case"], body["case_seq"], body["previous"]) != (self.case, self.seq + 1, self.leaf):
                raise LogRefused("feed", f"entry {self.seq + 1} of a case is missing: something is kept from us")
            elif body["type"] == ERASED:
                for number, index in body["entries"]:
                    if self.missing.get(number) == index:
                        del self.missing[number]
        except (KeyError, TypeError, ValueError) as error:
            raise LogRefused("feed", "an entry of a case is not of the agreed form") from error
        self.seq, self.leaf = self.seq + 1, entry.leaf

    def require_accounted(self) -> None:
        """Raise ``LogRefused`` where something is gone and no entry says that it was erased."""
        if self.missing:
            first = min(self.missing)
            raise LogRefused(
                "erased",
                f"case {self.case[:8]}: entry {first} is empty, and no entry of the log says that it was erased: "
                "something was taken away from us",
            )
