"""Release and push: what an adapter puts into its outbox, what the hub makes of a batch, against bare inserts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from adapters.release.releasing import ReleaseTerms
from bench.federation import Adapter, Federation, make_drafts, take_lines
from bench.material import ORIGINATOR, new_id, now
from bench.measuring import Bench, Result
from bench.primitives import SealingShape
from bench.scale import Scale
from hub.exchange.pushing import push
from hub.store.sqlite import BUSY_TIMEOUT_MS
from keys.envelopes import SealedFragment
from keys.uses import KeyUse
from policies.vocabulary import Purpose

TERMS = ReleaseTerms(Purpose.PANEL_REVIEW)
NOBODY = ReleaseTerms(Purpose.PANEL_REVIEW, only=frozenset())
ROUNDS_DIVISOR = 3
"""Work that waits for a disk or another process takes fewer rounds than work that only computes."""
DISCLOSURE_BYTES = 20_000
"""A disclosure's signing input for some fifty items."""
HUB_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
)
"""As ``hub.store.database`` sets them."""


def measure_release(bench: Bench, scale: Scale, fed: Federation) -> list[Result]:
    """A whole release, drafts to signed lines in the outbox: decide, seal, grant, disclose, keep; one transaction."""
    originator = fed.originator
    releaser = originator.releaser
    rounds = max(1, bench.rounds // ROUNDS_DIVISOR)
    known = fed.open_case()
    with bench.step("cases for release.channels_new", rounds + 1) as advance:
        fresh = []
        for _ in range(rounds + 1):
            fresh.append(fed.open_case())
            advance()
    fed.witness()
    cases = iter(fresh)
    first = releaser.release(known, make_drafts(originator, known, 1, scale.content_bytes), TERMS)
    if first.grants != scale.recipients:
        raise RuntimeError(f"expected a grant for each of {scale.recipients} recipients, got {first.grants}")
    line = next(item for item in take_lines(originator, known) if item["type"] == "fragment")
    readers = [person.hpke for adapter in fed.adapters.values() for person in adapter.agency.people]
    sealed = SealedFragment.parse(line["jwe"], line["jws"])
    shape = SealingShape.of(sealed, originator.agency.keys[KeyUse.SIGNING], readers)
    wrapping_keys = shape.make_channels()

    # Drafts are kept before the clock runs: what is measured begins with the decision to release them.
    waiting = {
        case: [make_drafts(originator, case, scale.fragments, scale.content_bytes) for _ in range(times)]
        for case, times in [(known, rounds + 1), *((case, 1) for case in fresh)]
    }

    def release(case: str) -> None:
        releaser.release(case, waiting[case].pop(), TERMS)

    def primitives(keys: Sequence[bytes]) -> None:
        shape.seal(scale.fragments, keys)
        shape.disclose(scale.recipients, DISCLOSURE_BYTES, scale.fragments)

    options: dict[str, Any] = {"clock": time.perf_counter, "divide_rounds_by": ROUNDS_DIVISOR}
    return [
        *bench.compare(
            ("release.channels_known.primitives",),
            lambda: release(known),
            (lambda: primitives(wrapping_keys),),
            **options,
        ),
        *bench.compare(
            ("release.channels_new.primitives",),
            lambda: release(next(cases)),
            (lambda: primitives(shape.make_channels()),),
            **options,
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Batches:
    """Lines of one case, made before they are pushed: those that come first, and batches of equal size."""

    case: str
    first: list[Any]
    batches: Sequence[list[Any]]


def _make_batches(
    bench: Bench, scale: Scale, originator: Adapter, case: str, what: tuple[str, ReleaseTerms]
) -> _Batches:
    name, terms = what
    releaser = originator.releaser
    # One fragment makes the channels; every batch is then of fragments, or of fragments and disclosures, alone.
    releaser.release(case, make_drafts(originator, case, 1, scale.content_bytes), terms)
    first, batches = take_lines(originator, case), []
    count = max(1, bench.rounds // ROUNDS_DIVISOR) + 1
    with bench.step(f"batches for {name}", count) as advance:
        for _ in range(count):
            releaser.release(case, make_drafts(originator, case, scale.push_lines, scale.content_bytes), terms)
            batches.append(take_lines(originator, case))
            advance()
    return _Batches(case, first, batches)


def measure_push(bench: Bench, scale: Scale, fed: Federation, folder: Path) -> list[Result]:
    """A batch through HTTP, then in this process on the hub's own database; the hub's process ends in between."""
    originator = fed.originator
    cases = [fed.open_case() for _ in range(3)]
    fed.witness()
    over_http, alone, granted = (
        _make_batches(bench, scale, originator, case, what)
        for case, what in zip(cases, (("push.http", NOBODY), ("push", NOBODY), ("push.granted", TERMS)), strict=True)
    )
    results = _measure_http(bench, originator, over_http, folder)
    fed.hub.stop()
    for name, made in (("push", alone), ("push.granted", granted)):
        results += _measure_in_process(bench, fed, made, (name, folder))
    return results


def _measure_http(bench: Bench, originator: Adapter, made: _Batches, folder: Path) -> list[Result]:
    path = f"/v1/cases/{made.case}/push"

    def send(lines: list[Any]) -> None:
        answer = originator.client.post_lines(path, lines)
        _require_accepted([item["status"] for item in answer[:-2]])

    send(made.first)
    bare = _BareInserts(folder / "bare-http.db", made)
    batches = iter(made.batches)
    return bench.compare(
        ("push.http.bare_inserts",),
        lambda: send(next(batches)),
        (bare.insert_next,),
        clock=time.perf_counter,
        divide_rounds_by=ROUNDS_DIVISOR,
    )


def _measure_in_process(bench: Bench, fed: Federation, made: _Batches, named: tuple[str, Path]) -> list[Result]:
    name, folder = named
    services = fed.hub.services

    def take(lines: list[object]) -> None:
        with services.database.write() as session:
            results = push(
                session,
                services.directory.current(session),
                services.bundles.active(session),
                case=made.case,
                originator=ORIGINATOR,
                lines=lines,
                at=now(),
            )
        _require_accepted([item.status for item in results])

    take(made.first)
    bare = _BareInserts(folder / f"bare-{name}.db", made)
    batches = iter(made.batches)
    return bench.compare(
        (f"{name}.bare_inserts",),
        lambda: take(next(batches)),
        (bare.insert_next,),
        clock=time.perf_counter,
        divide_rounds_by=ROUNDS_DIVISOR,
    )


def _require_accepted(statuses: Sequence[str]) -> None:
    if set(statuses) != {"accepted"}:
        raise RuntimeError(f"expected every line to be accepted, got {sorted(set(statuses))}")


class _BareInserts:
    """The lines that are pushed, as they are, into one table of a database with the hub's settings; nothing else."""

    def __init__(self, path: Path, made: _Batches) -> None:
        """Make the database and the rows of each batch."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in HUB_PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE line (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
        rows = [[(new_id(), msgspec.json.encode(line)) for line in batch] for batch in made.batches]
        self._batches = iter(rows)

    def insert_next(self) -> None:
        """Insert the next batch in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO line VALUES (?, ?)", next(self._batches))
        self._connection.execute("COMMIT")
