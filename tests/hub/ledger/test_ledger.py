"""Appending, proving and serving tiles on a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub.ledger import ledger
from hub.ledger.entries import MAX_ENTRY_BYTES, MAX_SALTED_BODY_BYTES
from hub.ledger.errors import EntryRefused, LedgerDamaged, ProofUnavailable
from hub.ledger.state import load, store_frontier
from hub.store.base import Session
from hub.store.ledger_tables import LogEntryRow
from keys.canonical import canonical_bytes
from keys.transparency import (
    EMPTY_ROOT,
    entry_bytes,
    leaf_hash,
    node_hash,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from tests.hub.ledger.builder import CASE, LOG_KEY, LOG_VKEY, ORIGIN, OTHER_CASE, WITNESS_SET, Log, void_members


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def leaves_of(log: Log) -> list[bytes]:
    with log.session() as session:
        return [leaf_hash(entry) for entry in session.scalars(select(LogEntryRow.entry).order_by(LogEntryRow.position))]


def test_public_and_salted_entries_hash_as_the_protocol_says(log: Log) -> None:
    """0x01 and the body, or 0x02 and SHA-256 of salt and body; the body is canonical JSON."""
    public, salted = log.public(), log.void()
    assert (public.index, salted.index, public.salt) == (0, 1, None)
    assert salted.salt is not None
    assert len(salted.salt) == 32
    body = '{"at":"2026-01-31T12:00:00.010Z","statement":"invented.statement.0","type":"certificate"}'
    assert public.body_text == body
    assert public.leaf_hash == leaf_hash(b"\x01" + body.encode())
    assert salted.leaf_hash == leaf_hash(entry_bytes(salted.body_text.encode(), salted.salt))


def test_every_proof_of_a_stored_log_verifies(log: Log) -> None:
    """Inclusion for each entry of each size, consistency between any two sizes, from stored nodes alone."""
    log.fill(40)
    leaves = leaves_of(log)
    with log.session() as session:
        for size in range(1, 41):
            root = naive_root(leaves[:size])
            proofs = ledger.inclusions(session, range(size), size)
            for index in range(size):
                verify_inclusion(leaves[index], index, size, proofs[index], root)
            for first in range(1, size + 1):
                proof = ledger.consistency(session, first, size)
                verify_consistency(first, size, naive_root(leaves[:first]), root, proof)


def test_a_receipt_verifies_under_a_signed_head(log: Log) -> None:
    """What a push answers: body, salt and inclusion proof lead to a head that the log's key signed."""
    log.fill(10)
    entry = log.void()
    with log.session() as session:
        note = ledger.sign_head(session, origin=ORIGIN, signers=[LOG_KEY])
        proof = ledger.inclusion(session, entry.index, 11)
        assert ledger.find_appended(session, [entry.index, 99]) == {entry.index: entry}
    head = verify_checkpoint(note, LOG_VKEY)
    leaf = leaf_hash(entry_bytes(entry.body_text.encode(), entry.salt))
    verify_inclusion(leaf, entry.index, head.size, proof, head.root)


def test_the_log_continues_after_a_restart(log: Log) -> None:
    """A new process on the same file goes on where the old one stopped."""
    log.fill(7)
    log.engine.dispose()
    again = Log(log.url)
    again.now, again.chains, again.salts = log.now, log.chains, log.salts
    assert again.void().index == 7
    assert again.verify().ok
    again.engine.dispose()


def test_a_rolled_back_act_leaves_no_entry(log: Log) -> None:
    """The entry stands in the act's own transaction, or not at all."""
    log.fill(3)
    with log.session() as session:
        ledger.append(
            session, log.body("void", void_members(), CASE), public=False, case=CASE, randomness=log.randomness
        )
        assert ledger.size(session) == 4
        session.rollback()
    with log.session() as session:
        assert ledger.size(session) == 3
    assert log.verify().ok


def test_a_second_writer_cannot_take_the_first_ones_place(log: Log) -> None:
    """Attack 72: no two entries get one index, also where the database did not make the writers wait."""
    log.fill(2)
    with log.session() as session:
        seen = load(session)
    log.void()
    with log.session() as session, pytest.raises(LedgerDamaged, match="another writer"):
        store_frontier(session, seen.size, seen.append(EMPTY_ROOT)[0])


def void_bodies(log: Log, appender: ledger.Appender, count: int) -> list[ledger.Appended]:
    """Take entries of two cases in turn, each continuing its chain."""
    taken = []
    for number in range(count):
        case = OTHER_CASE if number % 3 else CASE
        body = log.body("void", void_members(number), case)
        taken.append(appender.append(body, public=False, case=case))
        log.chains[case] = (body["case_seq"], taken[-1].leaf_hash.hex())
    return taken


def test_entries_of_one_act_are_written_together(log: Log) -> None:
    """The same tree as one by one, in a number of statements that does not grow with the act."""
    log.fill(5)
    with log.counted() as seen, log.session() as session, session.begin():
        with ledger.appending(session, log.randomness) as appender:
            taken = void_bodies(log, appender, 50)
            assert ledger.size(session) == 5
        assert ledger.size(session) == 55
    assert len(seen) == 1 + 2 + 3 + 2  # state, end of each case; state, entries, nodes; the two sizes asked here
    assert [entry.index for entry in taken] == list(range(5, 55))
    leaves = leaves_of(log)
    assert leaves[5:] == [entry.leaf_hash for entry in taken]
    with log.session() as session:
        assert load(session).root() == naive_root(leaves)
    assert log.verify().ok


def test_an_act_that_fails_leaves_none_of_its_entries(log: Log) -> None:
    """The block ended with an exception: nothing was stored, even where the transaction went on."""
    log.fill(3)

    def fail(session: Session) -> None:
        with ledger.appending(session, log.randomness) as appender:
            void_bodies(log, appender, 2)
            appender.append(log.body("void", void_members(), CASE) | {"case_seq": 99}, public=False, case=CASE)

    with log.session() as session, session.begin(), pytest.raises(EntryRefused, match="expected case_seq"):
        fail(session)
    with log.session() as session:
        assert ledger.size(session) == 3
    assert log.verify().ok


def test_an_append_in_between_refuses_the_whole_act(log: Log) -> None:
    """Two entries never get one index: who finds the log moved on records nothing."""
    log.fill(2)
    with log.session() as session:
        appender = ledger.make_appender(session, log.randomness)
        void_bodies(log, appender, 1)
        body = log.body("certificate", {"statement": "invented"}, None)
        ledger.append(session, body, public=True, case=None, randomness=log.randomness)
        with pytest.raises(LedgerDamaged, match="another writer"):
            appender.flush()


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_each_append_costs_the_same_number_of_statements(log: Log, count: int) -> None:
    """Thousands of appends in: five statements each and two nodes on average, as at the beginning."""
    with log.counted() as seen:
        log.fill(count)
    assert len(seen) == 4 + (count - 1) * 5
    with log.counted() as seen:
        log.void()
    assert len(seen) == 5
    size = count + 1
    assert log.execute("DELETE FROM log_node") == sum(size >> level for level in range(size.bit_length())) <= 2 * size


def test_proofs_read_a_logarithmic_number_of_nodes_in_few_statements(log: Log) -> None:
    """One statement for the state, one for the nodes, whatever is proved."""
    log.fill(500)
    with log.session() as session, log.counted() as seen:
        ledger.inclusion(session, 123, 499)
        ledger.consistency(session, 123, 499)
    assert len(seen) == 4


def test_node_reads_use_the_primary_key(log: Log) -> None:
    """A proof must not scan the tree."""
    query = "SELECT hash FROM log_node WHERE (level=0 AND position IN (1,2)) OR (level=3 AND position IN (4))"
    with log.engine.connect() as connection:
        if not log.is_sqlite:
            # It reads a short table whole, and is right to.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()
            assert any("pk_log_node" in line for line in plan), plan
            assert not any("Seq Scan" in line for line in plan), plan
            return
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert all("SCAN" not in row[3] for row in found), found


def test_tiles_hold_the_hashes_tlog_tiles_describes(log: Log) -> None:
    """A full and a partial tile at level 0, one hash at level 1; bundles hold the same entries."""
    log.fill(300)
    leaves = leaves_of(log)
    with log.session() as session:
        assert ledger.tile(session, 0, 0) == b"".join(leaves[:256])
        assert ledger.tile(session, 0, 1, 44) == b"".join(leaves[256:])
        assert ledger.tile(session, 1, 0, 1) == naive_root(leaves[:256])
        bundle = ledger.entry_bundle(session, 1, 44)
    entries = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    assert [leaf_hash(entry) for entry in entries] == leaves[256:]


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [
        (0, 0, 4),
        (0, 0, 256),
        (0, 1, 1),
        (1, 0, 1),
        (63, 0, 1),
        (64, 0, 1),
        (-1, 0, 1),
        (0, -1, 1),
        (0, 0, 0),
        (0, 0, 257),
    ],
)
def test_a_tile_that_is_not_complete_is_refused(log: Log, level: int, index: int, width: int) -> None:
    """Tiles beyond the log, and tiles that cannot be, are refused alike."""
    log.fill(3)
    with log.session() as session, pytest.raises(ProofUnavailable):
        ledger.tile(session, level, index, width)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (0, 4), (3, 4), (-1, 3)])
def test_a_proof_beyond_the_log_is_refused(log: Log, index: int, size: int) -> None:
    """No proof is made for an entry or a size that does not exist yet."""
    log.fill(3)
    with log.session() as session, pytest.raises(ProofUnavailable):
        ledger.inclusion(session, index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (3, 2), (1, 4), (4, 4)])
def test_a_consistency_proof_beyond_the_log_is_refused(log: Log, first: int, second: int) -> None:
    """Nor between sizes that are none."""
    log.fill(3)
    with log.session() as session, pytest.raises(ProofUnavailable):
        ledger.consistency(session, first, second)


def refused(log: Log, body: dict[str, Any], *, public: bool = False, case: str | None = CASE, match: str) -> None:
    with log.session() as session, session.begin(), pytest.raises(EntryRefused, match=match) as caught:
        ledger.append(session, body, public=public, case=case, randomness=log.randomness)
    assert (caught.value.status, caught.value.code) == (500, "entry_refused")
    with log.session() as session:
        assert ledger.size(session) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"type": "gossip"}, "a type of the protocol's list"),
        ({"type": ["void"]}, "a type of the protocol's list"),
        ({"extra": 1}, "unknown members: extra; missing members: none"),
        ({"at": "2026-01-31T12:00:00Z"}, "UTC with milliseconds"),
        ({"at": None}, "UTC with milliseconds"),
        ({"case": 7}, "expected a case id"),
        ({"case": OTHER_CASE}, "its case is not the one"),
        ({"case_seq": 0}, "case_seq from 1"),
        ({"case_seq": True}, "case_seq from 1"),
        ({"case_seq": 2, "previous": "0" * 64}, "expected case_seq 1 in this case, got 2"),
        ({"previous": "0" * 64}, "null only for case_seq 1"),
        ({"case_seq": 2}, "null only for case_seq 1"),
        ({"case_seq": 2, "previous": "X" * 64}, "null only for case_seq 1"),
        ({"channel": 1.5}, "floats are not allowed"),
    ],
)
def test_a_body_that_is_not_of_its_form_is_refused(log: Log, change: dict[str, Any], match: str) -> None:
    """Nothing is written for a body the protocol does not know."""
    refused(log, log.body("void", void_members(), CASE) | change, match=match)


def test_a_missing_member_is_refused(log: Log) -> None:
    """A body has exactly the members of its type."""
    body = log.body("void", void_members(), CASE)
    del body["channel"]
    refused(log, body, match="missing members: channel")


def test_public_and_salted_types_cannot_be_exchanged(log: Log) -> None:
    """What is public is a closed list; nothing else ever stands unsalted in a tile."""
    refused(log, log.body("void", void_members(), CASE), public=True, match="expected a salted entry")
    refused(log, log.body("certificate", {"statement": "x"}, None), case=None, match="expected a public entry")
    refused(log, log.body("certificate", {"statement": "x"}, CASE), public=True, match="unknown members")


def test_an_entry_of_a_case_needs_its_case(log: Log) -> None:
    """Only a denial may stand outside every case."""
    refused(log, log.body("void", void_members(), None), case=None, match="missing members")
    members = {"agency": "x", "member": None, "act": "pull", "statement": None, "code": "not_found", "rules": []}
    members["lines"] = None
    assert log.append("denied", members, public=False, case=None).index == 0
    assert log.append("denied", members, public=False, case=CASE).index == 1
    assert log.verify().ok


def test_an_entry_that_does_not_continue_its_case_is_refused(log: Log) -> None:
    """Gap, repetition and a wrong previous hash are refused before they are in the log."""
    log.void()
    number, previous = log.chains[CASE]
    for seq, before, match in [
        (number + 2, previous, "expected case_seq 2 in this case, got 3"),
        (number, None, "expected case_seq 2 in this case, got 1"),
        (number + 1, "0" * 64, "previous is not the leaf hash"),
    ]:
        body = log.body("void", void_members(), CASE) | {"case_seq": seq, "previous": before}
        with log.session() as session, session.begin(), pytest.raises(EntryRefused, match=match):
            ledger.append(session, body, public=False, case=CASE, randomness=log.randomness)


def test_public_entries_stay_below_64_kib(log: Log) -> None:
    """The length in an entry bundle has two bytes: the largest entry fits, one byte more does not."""
    room = MAX_ENTRY_BYTES - 1 - len(canonical_bytes(log.body("certificate", {"statement": ""}, None)))
    entry = log.append("certificate", {"statement": "x" * room}, public=True, case=None)
    assert len(entry.body_text) + 1 == MAX_ENTRY_BYTES
    with log.session() as session:
        assert ledger.entry_bundle(session, 0, 1)[:2] == b"\xff\xff"
    with pytest.raises(EntryRefused, match=r"got 65535 bytes of body, at most 65534"):
        log.append("certificate", {"statement": "x" * (room + 1)}, public=True, case=None)


def test_salted_bodies_have_a_limit_of_their_own(log: Log) -> None:
    """A large pull's body is larger than a tile's entry may be, and still limited."""
    members = void_members() | {"channel": "x" * MAX_ENTRY_BYTES}
    assert log.append("void", members, public=False, case=CASE).index == 0
    with pytest.raises(EntryRefused, match="at most 1048576"):
        log.append("void", members | {"channel": "x" * MAX_SALTED_BODY_BYTES}, public=False, case=CASE)


def test_a_short_salt_is_refused(log: Log) -> None:
    """A broken source of randomness must not unmask bodies."""
    body = log.body("void", void_members(), CASE)
    with log.session() as session, session.begin(), pytest.raises(EntryRefused, match="32 random bytes as salt, got 8"):
        ledger.append(session, body, public=False, case=CASE, randomness=lambda _: b"\x00" * 8)


def test_a_witness_set_that_cannot_hold_is_not_logged(log: Log) -> None:
    """Two of four is no quorum; the log does not take it."""
    members = WITNESS_SET.to_json() | {"quorum": 2, "approvals": []}
    refused(log, log.body("witnesses", members, None), public=True, case=None, match="2q > n")
    members = WITNESS_SET.to_json() | {"approvals": None}
    refused(log, log.body("witnesses", members, None), public=True, case=None, match="approvals as a list")


def test_a_log_is_created_once(log: Log, tmp_path: Path) -> None:
    """An existing log is never reset, and nothing is appended where none was created."""
    with log.session() as session, pytest.raises(LedgerDamaged, match="holds a log already"):
        ledger.create(session)
    log.execute("DELETE FROM log_state")
    with pytest.raises(LedgerDamaged, match="no log"):
        log.void()


def test_a_state_that_cannot_be_one_stops_the_hub(log: Log) -> None:
    """A frontier of the wrong length is damage, not a new beginning."""
    log.fill(3)
    log.execute("UPDATE log_state SET size = 4")
    with pytest.raises(LedgerDamaged, match="log of 4 entries has 1 frontier hashes, got 2"):
        log.void()
