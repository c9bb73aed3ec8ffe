"""What it costs to prove one entry of a long log, and to check a whole one, against the bare reads and hashes of it."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.measuring import Bench, Result
from hub.ledger import ledger, tree
from hub.ledger.verification import verify_log
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.database import Database
from keys.cosigning import log_vkey, witness_vkey
from keys.private import PrivateKey
from keys.transparency import Witness, WitnessSet, leaf_hash, node_hash

ORIGIN = "hub.example/bench"
WITNESS = f"{ORIGIN}/witness/fern-care"
PROOFS_PER_ROUND = 50


def measure_proofs(bench: Bench, path: Path, size: int) -> list[Result]:
    """Inclusion proofs of entries anywhere in a long log, by a process that has just opened its database.

    The baseline reads the nodes of the same proofs, each proof in one statement, on a bare connection of its own.
    """
    indexes = [secrets.randbelow(size) for _ in range(PROOFS_PER_ROUND)]
    wanted = [
        [node for part in tree.inclusion_ranges(index, size) for node in tree.nodes_of_range(*part)]
        for index in indexes
    ]
    database = Database(f"sqlite:///{path}")
    try:
        with database.read() as session, closing(sqlite3.connect(path)) as bare:

            def prove() -> None:
                for index in indexes:
                    ledger.inclusion(session, index, size)

            def read() -> None:
                for nodes in wanted:
                    terms = " OR ".join(["(level = ? AND position = ?)"] * len(nodes))
                    values = [value for node in nodes for value in node]
                    rows = bare.execute(f"SELECT hash FROM log_node WHERE {terms}", values).fetchall()
                    if len(rows) != len(nodes):
                        raise RuntimeError(f"expected {len(nodes)} nodes, got {len(rows)}")

            return bench.compare(
                ("log.proof.bare_reads",), prove, (read,), unit="us per proof", per_round=PROOFS_PER_ROUND
            )
    finally:
        database.close()


def whole_check(session: Session, size: int) -> Callable[[], None]:
    """Return the check of a whole log of so many entries, from its rows. It raises ``RuntimeError`` for a fault."""
    log_key = PrivateKey.generate("Ed25519")
    witness = Witness(
        "fern-care",
        witness_vkey(WITNESS, PrivateKey.generate("Ed25519")),
        witness_vkey(WITNESS, PrivateKey.generate("ML-DSA-44")),
    )
    vkey, witnesses = log_vkey(ORIGIN, log_key), WitnessSet(1, (witness,))

    def check() -> None:
        report = verify_log(session, vkey, witnesses)
        if report.faults_found or report.entries != size:
            raise RuntimeError(f"expected a whole log of {size} entries, got {report.entries}")

    return check


def measure_whole(bench: Bench, session: Session, size: int) -> list[Result]:
    """The check of a whole log from its rows, against SHA-256 over the same entries, leaves and nodes."""
    stored = ledger_rows.read_entries(session, range(size))
    salted = [(stored[index].salt or b"") + (stored[index].body or "").encode() for index in range(size)]

    def bare() -> None:
        level = [leaf_hash(hashlib.sha256(item).digest()) for item in salted]
        while len(level) > 1:
            paired = [node_hash(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
            level = [*paired, *level[len(paired) * 2 :]]

    return bench.compare(
        ("log.verify.bare_sha256",),
        whole_check(session, size),
        (bare,),
        unit="us per entry",
        per_round=size,
        divide_rounds_by=6,
    )
