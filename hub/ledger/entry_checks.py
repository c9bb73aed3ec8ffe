"""Checks of entries one after the other: bytes, leaf, body, columns, case chain, time. No database is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.ledger.entries import PUBLIC_TYPES, check_body
from hub.ledger.errors import EntryRefused
from hub.ledger.report import FaultCode, Faults
from hub.store.ledger_rows import StoredEntry
from keys.canonical import NotCanonical, parse_canonical
from keys.transparency import SALTED_ENTRY, ProofInvalid, entry_bytes, leaf_hash

Judge = Callable[[Mapping[str, Any], int], str | None]
"""Says what is wrong with what a public body says, at its position; None: nothing. Asked in the order of the log."""

MAX_CLOCK_SKEW = timedelta(minutes=5)
HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaf hash an entry gives (``computed``) and the one in the tree (``stored``). Equal where all is well."""

    computed: bytes
    stored: bytes


class EntryChecks:
    """Goes through the entries in order. What follows from one fault is not reported as another."""

    def __init__(self, faults: Faults, erased: Collection[int], judge: Judge | None = None) -> None:
        """``erased``: the indexes whose body and salt the caller knows to be erased; any other empty one is a fault.

        ``judge`` is asked about each public entry, up to the first that cannot be read: who may do what the later ones
        say cannot be told without it.
        """
        self._faults = faults
        self._judge = judge
        self._known_erased = erased
        self._chains: dict[str, tuple[int, Leaves]] = {}
        self.erased = 0
        self.newest_at: datetime | None = None
        self.newest_at_index = -1
        self.newest_at_type = ""
        self.not_before: datetime | None = None

    @property
    def cases(self) -> int:
        """How many cases have entries."""
        return len(self._chains)

    def check(self, index: int, row: StoredEntry | None, stored: bytes | None) -> Leaves | None:
        """Check one entry and return its leaf hashes; None where neither row nor tree says what stood there."""
        if not _is_hash(stored):
            stored = None
        if row is None:
            self._judge = None
            self._faults.add(FaultCode.ENTRY_MISSING, "its row is missing", index)
            return None if stored is None else Leaves(stored, stored)
        if not _has_column_types(row):
            self._judge = None
            self._add(FaultCode.ENTRY_CHANGED, row, "its row holds a value that is not of its column's type")
            if stored is None:
                return None
            self._chain(row, None, Leaves(stored, stored))
            return Leaves(stored, stored)
        leaves, is_intact = self._leaves(row, stored)
        body = self._body(row) if is_intact else None
        self._chain(row, body, leaves)
        if body is not None:
            self._time(row, str(body["at"]))
        self._authority(row, body)
        return leaves

    def _authority(self, row: StoredEntry, body: dict[str, Any] | None) -> None:
        """Whether those who had to sign what a public entry says did; the tree says only that it is what was logged."""
        if self._judge is None or row.entry[:1] == SALTED_ENTRY:
            return
        if body is None:
            self._judge = None
            return
        fault = self._judge(body, row.position)
        if fault is not None:
            self._add(FaultCode.NOT_AUTHORISED, row, fault)

    def _add(self, code: FaultCode, row: StoredEntry, message: str) -> None:
        self._faults.add(code, message, row.position, row.type)

    def _leaves(self, row: StoredEntry, stored: bytes | None) -> tuple[Leaves, bool]:
        """Compare body and salt with the entry's bytes, and those with the tree."""
        computed = leaf_hash(row.entry)
        is_intact = self._is_entry_of_body(row)
        if stored is None:
            self._add(FaultCode.NODE_DIFFERS, row, "its leaf hash is missing from the tree")
        elif stored != computed and is_intact:
            self._add(FaultCode.ENTRY_CHANGED, row, "it is not what the tree holds: entry or leaf hash was changed")
        return Leaves(computed, computed if stored is None else stored), is_intact and row.body is not None

    def _is_entry_of_body(self, row: StoredEntry) -> bool:
        if row.body is None:
            is_salted = row.entry[:1] == SALTED_ENTRY
            if row.position in self._known_erased and row.salt is None and is_salted:
                self.erased += 1
            else:
                self._add(FaultCode.ENTRY_ERASED, row, "its body is gone, and no erasure of it is known")
            return True
        if row.position in self._known_erased:
            self._add(FaultCode.ERASURE_UNDONE, row, "the log says that it was erased, and its body is there again")
        try:
            expected = entry_bytes(row.body.encode("utf-8"), row.salt)
        except (ProofInvalid, UnicodeEncodeError):
            expected = None
        if expected != row.entry:
            self._add(
                FaultCode.ENTRY_CHANGED, row, "its body, salt or logged bytes were changed: they do not belong together"
            )
            return False
        return True

    def _body(self, row: StoredEntry) -> dict[str, Any] | None:
        try:
            text = (row.body or "").encode("utf-8")
            body = parse_canonical(text)
            if not isinstance(body, dict):
                raise EntryRefused("expected an object")
            kind = check_body(body, len(text))
        except (NotCanonical, EntryRefused) as error:
            self._add(FaultCode.BODY_MALFORMED, row, f"its body is not one the protocol knows: {error}")
            return None
        if (row.salt is None) is not (kind in PUBLIC_TYPES):
            self._add(FaultCode.BODY_MALFORMED, row, "only the protocol's public types stand in the log unsalted")
        for name, value in (("type", row.type), ("case", row.case), ("case_seq", row.case_seq)):
            if body.get(name) != value:
                self._add(FaultCode.ROW_DIFFERS, row, f"the row's {name} differs from the one in the logged body")
        return body

    def _chain(self, row: StoredEntry, body: dict[str, Any] | None, leaves: Leaves) -> None:
        # The body decides, not the columns; they stand in only where the body is erased or already named as changed.
        case = row.case if body is None else body.get("case")
        number = row.case_seq if body is None else body.get("case_seq")
        if not isinstance(case, str) or not isinstance(number, int):
            return
        last, before = self._chains.get(case, (0, None))
        if number != last + 1:
            self._add(
                FaultCode.CHAIN_BROKEN,
                row,
                f"expected case_seq {last + 1} in its case, got {number}: the case has a gap",
            )
        elif body is not None:
            allowed = {None} if before is None else {before.computed.hex(), before.stored.hex()}
            if body["previous"] not in allowed:
                self._add(FaultCode.CHAIN_BROKEN, row, "previous is not the leaf hash of its case's entry before it")
        self._chains[case] = (number, leaves)

    def _time(self, row: StoredEntry, text: str) -> None:
        """Attack 7: an entry is neither much older than those before it, nor than the head they were witnessed in."""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self._add(FaultCode.TIME_IMPLAUSIBLE, row, "its time is not a real one")
            return
        if self.newest_at is not None and at < self.newest_at - MAX_CLOCK_SKEW:
            message = f"it is dated more than {MAX_CLOCK_SKEW} before an entry that precedes it"
            self._add(FaultCode.TIME_IMPLAUSIBLE, row, message)
            self.newest_at = None
        elif self.not_before is not None and at < self.not_before - MAX_CLOCK_SKEW:
            message = f"it is dated more than {MAX_CLOCK_SKEW} before witnesses had seen a head without it"
            self._add(FaultCode.TIME_IMPLAUSIBLE, row, message)
        if self.newest_at is None or at > self.newest_at:
            self.newest_at, self.newest_at_index, self.newest_at_type = at, row.position, row.type


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES


def _has_column_types(row: StoredEntry) -> bool:
    # SQLite keeps what it is given: an edited row can hold a number where text is declared.
    return (
        isinstance(row.entry, bytes)
        and (row.body is None or isinstance(row.body, str))
        and (row.salt is None or isinstance(row.salt, bytes))
        and (row.case is None or isinstance(row.case, str))
        and (row.case_seq is None or isinstance(row.case_seq, int))
    )
