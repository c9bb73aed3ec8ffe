"""``nrm-hub log export``: entries with what proves them, in one file that is checked offline (docs/protocol.md 14).

The file ends with the newest head that a quorum has seen; what came after is left to the next. It is written as it is
read, 500 entries at a time; memory grows with the positions that are chosen, not with what stands there.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from hub.giving_out import Aside, Use, record_use
from hub.ledger import ledger
from hub.ledger.entries import PUBLIC_TYPES
from hub.ledger.errors import LedgerDamaged, LedgerRefused
from hub.ledger.heads import read_witness_set
from hub.ledger.log_keys import read_log_key_changes
from hub.refusal import Refused
from hub.services import Services
from hub.store import export_rows, ledger_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from keys.canonical import canonical_bytes
from keys.jose import b64u
from keys.log_keys import key_at
from keys.merkle import ProofInvalid
from keys.transparency import VerifierKey, render_proof, require_quorum
from keys.verify.lines import FORMAT, MAX_ENTRIES, MAX_LINKS
from policies.model import Malformed, render_time, require_agency, require_id

ENTRIES_PER_BATCH = 500
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: the whole log, or one case or agency; within a span of time; with proofs from older heads."""

    case: str | None = None
    agency: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    heads: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise ``Refused`` for what cannot be wanted."""
        try:
            if self.case is not None:
                require_id(self.case, "case")
            if self.agency is not None:
                require_agency(self.agency)
        except Malformed as error:
            raise Refused(422, "malformed", str(error)) from error
        if self.case is not None and self.agency is not None:
            raise Refused(422, "malformed", "an export is of one case or of one agency, not of both")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise Refused(422, "malformed", "the time to export ends before it begins")
        if len(self.heads) > MAX_LINKS:
            raise Refused(422, "malformed", f"got {len(self.heads)} heads to prove from, at most {MAX_LINKS}")

    @property
    def kind(self) -> str:
        """The scope's name in the file."""
        return "case" if self.case is not None else "agency" if self.agency is not None else "log"


@dataclass(slots=True)
class Exported:
    """What was written, and where its own record stands in the log."""

    size: int
    entries: int = 0
    bodies: int = 0
    heads: int = 0
    links: int = 0
    sha256: str = ""
    position: int = -1
    cases: Counter[str] = field(default_factory=Counter)


def export_log(services: Services, output: Path, wanted: Wanted, progress: Progress = lambda _: None) -> Exported:
    """Write an export, record it, and only then put it at ``output``. Raises ``Refused``.

    Refused are: no head with a quorum yet, nothing in the span, an unknown case or agency, a file that exists.
    """
    wanted.check()
    aside = Aside(output)
    try:
        with services.database.read() as session:
            export = _Export(services, session, wanted)
            for line in export.lines(progress):
                aside.write(canonical_bytes(line) + b"\n")
        done = export.done
        done.sha256 = aside.finish()
        bodies = done.bodies if wanted.kind != "log" else 0
        use = Use("log", wanted.agency, None, None, done.entries, bodies, done.cases)
        done.position = record_use(services, use, done.sha256)
        aside.release()
        return done
    except OSError as error:
        raise Refused(507, "unavailable", f"{output.name} cannot be written: {error.strerror}") from error
    finally:
        aside.discard()


class _Export:
    """One file in the making: which entries, which heads, and the lines in order."""

    def __init__(self, services: Services, session: Session, wanted: Wanted) -> None:
        self._services, self._session, self._wanted = services, session, wanted
        self._heads = _Heads(session, services.config.origin, services.log_vkey)
        self.size = self._heads.newest()
        if self.size > MAX_ENTRIES:
            raise Refused(413, "too_large", f"the log has more than {MAX_ENTRIES:,} entries; export a part of it")
        self.first, self.last = _span(session, wanted, self.size)
        self.public = export_rows.positions_of_types(session, sorted(PUBLIC_TYPES), self.size)
        self.chosen = self._choose()
        self.is_whole = wanted.kind == "log" and (self.first, self.last) == (0, self.size - 1)
        self.done = Exported(self.size)

    def _choose(self) -> list[int]:
        """Return the positions of the salted entries of a case or agency; of the log all between first and last are."""
        session, wanted = self._session, self._wanted
        if wanted.case is not None:
            found = export_rows.positions_of_case(session, wanted.case, self.size)
        elif wanted.agency is not None:
            found = export_rows.positions_of_agency(session, wanted.agency, self.size)
        else:
            return []
        what = "a case" if wanted.case is not None else "an agency"
        if not found:
            raise Refused(404, "not_found", f"no entry of such {what} has been seen by a quorum of witnesses yet")
        inside = [position for position in found if self.first <= position <= self.last]
        if not inside:
            raise Refused(404, "not_found", f"no entry of such {what} stands in this time; there is nothing to export")
        if len(inside) == len(found):
            return found
        # What says of an erased entry that it was erased, and by whose word, may stand outside the time.
        saying = set(export_rows.positions_on_erasing(session, self.first, self.last, self.size))
        return sorted({*inside, *(position for position in found if position in saying)})

    def lines(self, progress: Progress) -> Iterator[dict[str, Any]]:
        """Give the file's lines in order."""
        yield self._first_line()
        heads = self._heads.beside(sorted({*self.public, *self.chosen}), self.size)
        older = sorted({size for size in self._wanted.heads if 0 < size < self.size})
        for position, line in self._entries(progress):
            while older and older[0] <= position:
                yield self._link(older.pop(0))
            while heads and heads[0] <= position:
                yield self._head(heads.pop(0))
            yield line
        yield from map(self._link, older)
        yield from map(self._head, heads)
        done = self.done
        yield {"kind": "end", "entries": done.entries, "heads": done.heads, "links": done.links}

    def _first_line(self) -> dict[str, Any]:
        wanted, services = self._wanted, self._services
        changes = read_log_key_changes(self._session, services.config.origin)
        return {
            "kind": "export",
            "format": FORMAT,
            "origin": services.config.origin,
            "made_at": render_time(services.clock()),
            "scope": {
                "kind": wanted.kind,
                "case": wanted.case,
                "agency": wanted.agency,
                "first": self.first,
                "last": self.last,
            },
            "size": self.size,
            "head": self._heads.note(self.size),
            "log_key": key_at(changes, 0, services.log_vkey).render(),
        }

    def _positions(self) -> Iterator[int]:
        if self._wanted.kind != "log":
            return iter(sorted({*self.public, *self.chosen}))
        before = (position for position in self.public if position < self.first)
        after = (position for position in self.public if position > self.last)
        return chain(before, range(self.first, self.last + 1), after)

    def _entries(self, progress: Progress) -> Iterator[tuple[int, dict[str, Any]]]:
        positions = self._positions()
        while batch := list(islice(positions, ENTRIES_PER_BATCH)):
            rows = ledger_rows.read_entries(self._session, batch)
            proofs = {} if self.is_whole else ledger.inclusions(self._session, batch, self.size)
            for position in batch:
                if position not in rows:
                    raise LedgerDamaged(f"entry {position} is missing; run nrm-hub log verify")
                yield position, self._entry(rows[position], proofs.get(position))
            progress(self.done.entries)

    def _entry(self, row: StoredEntry, proof: tuple[bytes, ...] | None) -> dict[str, Any]:
        """The line of one entry: a salted one is given to read only in an export of its case or agency."""
        is_public = row.type in PUBLIC_TYPES
        is_open = row.body is not None and (is_public or self._wanted.kind != "log")
        is_erased = row.body is None and not is_public and self._wanted.kind != "log"
        self.done.entries += 1
        if not is_public and self._wanted.kind != "log" and row.case is not None:
            self.done.cases[row.case] += 1
            self.done.bodies += is_open
        return {
            "kind": "entry",
            "index": row.position,
            "body": row.body if is_open else None,
            "salt": b64u(row.salt) if is_open and row.salt is not None else None,
            "digest": None if is_open else row.entry[1:].hex(),
            "case": row.case if is_erased else None,
            "case_seq": row.case_seq if is_erased else None,
            "inclusion": None if proof is None else render_proof(proof),
        }

    def _head(self, size: int) -> dict[str, Any]:
        self.done.heads += 1
        proof = None if self.is_whole else render_proof(ledger.consistency(self._session, size, self.size))
        return {"kind": "head", "size": size, "note": self._heads.note(size), "consistency": proof}

    def _link(self, size: int) -> dict[str, Any]:
        self.done.links += 1
        proof = ledger.consistency(self._session, size, self.size)
        return {"kind": "link", "size": size, "consistency": render_proof(proof)}


class _Heads:
    """The published heads that a verifier takes: of the log key and by the quorum of the witnesses in force there."""

    def __init__(self, session: Session, origin: str, log_key: VerifierKey) -> None:
        self._session, self._log_key = session, log_key
        self._changes = read_log_key_changes(session, origin)
        self._sets = sorted(ledger_rows.read_witness_sets(session).items())
        self._sizes = export_rows.witnessed_sizes(session)
        self._known: dict[int, bool] = {}

    def newest(self) -> int:
        """Return the size of the newest one. Raises ``Refused`` where there is none."""
        for size in reversed(self._sizes):
            if self._is_good(size):
                return size
        raise Refused(409, "no_witnesses", "no state of this log has been seen by a quorum of witnesses yet")

    def note(self, size: int) -> str:
        """Return a head with its signatures."""
        found = ledger.published(self._session, size)
        if found is None:
            raise LedgerDamaged(f"the head of {size} entries is missing; run nrm-hub log verify")
        return found.note

    def beside(self, positions: Sequence[int], newest: int) -> list[int]:
        """Return the heads that bound the times of the entries at these positions, without the newest."""
        found: set[int] = set()
        for position in positions:
            place = bisect_right(self._sizes, position)
            for steps in (range(place - 1, -1, -1), range(place, len(self._sizes))):
                good = next((self._sizes[step] for step in steps if self._is_good(self._sizes[step])), None)
                if good is not None and good < newest:
                    found.add(good)
        return sorted(found)

    def _is_good(self, size: int) -> bool:
        if size not in self._known:
            self._known[size] = self._verifies(size)
        return self._known[size]

    def _verifies(self, size: int) -> bool:
        sets = [members for index, members in self._sets if index < size]
        try:
            require_quorum(self.note(size), key_at(self._changes, size, self._log_key), read_witness_set(sets[-1]))
        except (ProofInvalid, LedgerRefused, IndexError):
            return False
        return True


def _span(session: Session, wanted: Wanted, size: int) -> tuple[int, int]:
    """Return the first and last position of the wanted time. Raises ``Refused`` where nothing stands in it."""
    if wanted.since is None and wanted.until is None:
        return 0, size - 1
    since = None if wanted.since is None else render_time(wanted.since)[:-1]
    until = None if wanted.until is None else render_time(wanted.until)[:-1] + ".999Z"
    first = last = -1
    for start in range(0, size, ENTRIES_PER_BATCH):
        for row in ledger_rows.read_entry_range(session, start, min(start + ENTRIES_PER_BATCH, size)):
            at = _time_of(row)
            if at and (since is None or at >= since) and (until is None or at <= until):
                first, last = row.position if first < 0 else first, row.position
    if first < 0:
        raise Refused(404, "not_found", "no entry that a quorum of witnesses has seen stands in this time")
    return first, last


def _time_of(row: StoredEntry) -> str:
    try:
        return str(json.loads(row.body or "{}").get("at", ""))
    except (ValueError, AttributeError, RecursionError):
        # A damaged body has no time; ``nrm-hub log verify`` names it.
        return ""
