"""Append to the log when it is short and when it is long: the cost must not grow with what is stored."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.log_checks import measure_proofs, measure_whole
from bench.material import new_id, now
from bench.measuring import Bench, Result
from bench.scale import Scale
from hub.exchange.acts import render_instant
from hub.ledger import ledger
from hub.store.base import Session
from hub.store.database import Database

ENTRIES_PER_TRANSACTION = 5_000
CASES = 50
"""The entries of a log are of so many cases, in turn."""


class FilledLog:
    """A log of a number of entries in a database of its own."""

    def __init__(self, path: Path, size: int, bench: Bench) -> None:
        """Make the database and append ``size`` entries in large transactions."""
        self.database = Database(f"sqlite:///{path}")
        self.database.upgrade()
        with self.database.write() as session:
            ledger.create(session)
        self._cases = [new_id() for _ in range(CASES)]
        self._ends: dict[str, tuple[int, str | None]] = {}
        steps = range(0, size, ENTRIES_PER_TRANSACTION)
        with bench.step(f"a log of {size:,} entries", len(steps)) as advance:
            for start in steps:
                with self.database.write() as session, ledger.appending(session, os.urandom) as log:
                    for number in range(start, min(start + ENTRIES_PER_TRANSACTION, size)):
                        case = self._cases[number % CASES]
                        appended = log.append(_body(case, self._ends), public=False, case=case)
                        _advance(self._ends, case, appended)
                advance()

    def append_and_undo(self, count: int) -> None:
        """Append to ``count`` cases in turn, then roll back: the log keeps its size."""
        ends = dict(self._ends)
        with Session(self.database.engine) as session:
            for number in range(count):
                _append(session, self._cases[number % CASES], ends)
            session.rollback()

    def append_for_good(self) -> None:
        """Append one entry and commit it, as durable as the hub commits."""
        with self.database.write() as session:
            _append(session, self._cases[0], self._ends)


Ends = dict[str, tuple[int, str | None]]


def _append(session: Session, case: str, ends: Ends) -> None:
    appended = ledger.append(session, _body(case, ends), public=False, case=case, randomness=os.urandom)
    _advance(ends, case, appended)


def _advance(ends: Ends, case: str, appended: ledger.Appended) -> None:
    ends[case] = (ends.get(case, (0, None))[0] + 1, appended.leaf_hash.hex())


def _body(case: str, ends: Ends) -> dict[str, object]:
    number, previous = ends.get(case, (0, None))
    return {
        "type": "fragment",
        "at": render_instant(now()),
        "case": case,
        "case_seq": number + 1,
        "previous": previous,
        "agency": "fern-police",
        "fragment": new_id(),
        "sha256": "0" * 64,
        "category": "narrative",
        "handling": {"code": "P", "instructions": []},
        "archive": "0" * 64,
    }


def measure_log(bench: Bench, scale: Scale, folder: Path) -> list[Result]:
    """One append among others of a transaction, and one that is committed, on a long log against a short one; a proof
    from the long one, and the check of the short one as a whole."""
    small = FilledLog(folder / "small.db", scale.small_log, bench)
    large_path = folder / "large.db"
    large = FilledLog(large_path, scale.large_log, bench)
    try:
        with small.database.read() as session:
            whole = measure_whole(bench, session, ledger.size(session))
        return [
            *whole,
            *measure_proofs(bench, large_path, scale.large_log),
            *bench.compare(
                ("log.append.large_to_small",),
                lambda: large.append_and_undo(scale.appends),
                (lambda: small.append_and_undo(scale.appends),),
                unit="us per entry",
                per_round=scale.appends,
            ),
            *bench.compare(
                ("log.append_committed.large_to_small",),
                large.append_for_good,
                (small.append_for_good,),
                unit="us per entry",
                clock=time.perf_counter,
            ),
        ]
    finally:
        small.database.close()
        large.database.close()
