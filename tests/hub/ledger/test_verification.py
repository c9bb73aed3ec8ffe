"""``verify_log``: a whole log is found whole, and each kind of edit is named with the entry it touched."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from hub.ledger import ledger
from hub.ledger.entries import EntryType
from hub.ledger.report import MAX_FAULTS, FaultCode, LogReport
from hub.ledger.verification import ActRow
from keys.canonical import canonical_bytes
from keys.transparency import Checkpoint, entry_bytes, leaf_hash, node_hash, verify_checkpoint
from tests.hub.ledger.builder import CASE, LOG_VKEY, WITNESSES, Log, WitnessKeys, void_members

HOUR = timedelta(hours=1)


@pytest.fixture
def whole(log: Log) -> Log:
    """40 entries of two cases, a witness set, two heads with a quorum and one without."""
    log.fill(20)
    log.set_witnesses()
    for count in (10, 9, 0):
        head = log.publish()
        if count:
            log.cosign(head.size, *WITNESSES)
            with log.session() as session, session.begin():
                for number in range(count):
                    log.append_in(session, "void", void_members(number), public=False, case=CASE)
    return log


def head_of(log: Log) -> Checkpoint:
    with log.session() as session:
        head = ledger.published(session)
    assert head is not None
    return verify_checkpoint(head.note, LOG_VKEY)


def only(report: LogReport) -> tuple[FaultCode, int | None, str | None]:
    assert report.faults_found == 1, [fault.message for fault in report.faults]
    fault = report.faults[0]
    return fault.code, fault.index, fault.entry_type


def test_a_whole_log_is_found_whole(whole: Log) -> None:
    """Counts, root and quorum of an untouched log; no fault."""
    report = whole.verify(remembered=[head_of(whole)])
    assert report.ok, [fault.message for fault in report.faults]
    assert report.first is None
    assert (report.entries, report.cases, report.checkpoints, report.cosignatures) == (40, 2, 3, 16)
    assert (report.witnessed_size, report.acts, report.erased) == (31, 1, 0)
    assert report.root == head_of(whole).root
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_an_empty_log_is_whole(log: Log) -> None:
    """Nothing is in it, nothing is wrong with it."""
    report = log.verify()
    assert (report.ok, report.entries) == (True, 0)


def test_batches_do_not_change_the_result(whole: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads, nodes and chains are checked across the borders of batches."""
    expected = whole.verify().to_json()
    for size in (1, 3, 7, 32):
        monkeypatch.setattr("hub.ledger.verification.ENTRIES_PER_BATCH", size)
        assert whole.verify().to_json() == expected


def test_an_edited_body_is_named(whole: Log) -> None:
    """Somebody changes who did it: the entry is named, with its type, and nothing else is accused."""
    body = whole_body(whole, 7) | {"agency": "somebody-else"}
    whole.execute("UPDATE log_entry SET body = ? WHERE position = 7", (canonical_bytes(body).decode(),))
    report = whole.verify()
    assert only(report) == (FaultCode.ENTRY_CHANGED, 7, "void")
    assert report.faults[0].message == (
        "entry 7 (void): its body, salt or logged bytes were changed: they do not belong together"
    )
    assert "somebody-else" not in json.dumps(report.to_json())


@pytest.mark.parametrize(
    "edit",
    [
        "salt = zeroblob(32)",
        "salt = zeroblob(31)",
        "salt = NULL",
        f"entry = x'02{'00' * 32}'",
        "body = body || ' '",
        "body = 7",
        "entry = 'text'",
    ],
)
def test_an_edited_salt_or_entry_is_named(whole: Log, edit: str) -> None:
    """Salt, logged bytes, one space more, a value of another type: always this entry."""
    assert whole.execute(f"UPDATE log_entry SET {edit} WHERE position = 12") == 1
    assert only(whole.verify()) == (FaultCode.ENTRY_CHANGED, 12, "void")


def test_a_deleted_row_is_named(whole: Log) -> None:
    """The tree still holds its place; its case has a gap."""
    whole.execute("DELETE FROM log_entry WHERE position = 9")
    report = whole.verify()
    assert report.first is not None
    assert (report.first.code, report.first.index) == (FaultCode.ENTRY_MISSING, 9)
    assert [fault.code for fault in report.faults[1:]] == [FaultCode.CHAIN_BROKEN]
    assert report.faults[1].index == 11


def test_a_row_deleted_with_its_leaf_is_named(whole: Log) -> None:
    """Attack 8, the middle: later heads cannot be recomputed, and that is said once."""
    whole.execute("DELETE FROM log_entry WHERE position = 9")
    whole.execute("DELETE FROM log_node WHERE level = 0 AND position = 9")
    codes = [(fault.code, fault.index) for fault in whole.verify().faults]
    assert codes[:2] == [(FaultCode.ENTRY_MISSING, 9), (FaultCode.NODE_DIFFERS, 9)]
    assert len(codes) == 3


def test_an_edited_node_is_named(whole: Log) -> None:
    """A leaf names its entry; an inner node the entries beneath it."""
    whole.execute("UPDATE log_node SET hash = zeroblob(32) WHERE level = 0 AND position = 5")
    assert only(whole.verify()) == (FaultCode.ENTRY_CHANGED, 5, "void")


@pytest.mark.parametrize(("level", "position", "index"), [(1, 3, 6), (2, 1, 4), (5, 0, 0)])
def test_an_edited_inner_node_is_named(whole: Log, level: int, position: int, index: int) -> None:
    """Changed or gone, it is one fault at the first entry beneath it."""
    where = f"WHERE level = {level} AND position = {position}"
    whole.execute(f"UPDATE log_node SET hash = zeroblob(32) {where}")
    assert only(whole.verify()) == (FaultCode.NODE_DIFFERS, index, None)
    whole.execute(f"DELETE FROM log_node {where}")
    assert only(whole.verify()) == (FaultCode.NODE_DIFFERS, index, None)


def test_a_missing_leaf_is_named(whole: Log) -> None:
    """A leaf hash that is gone while its entry is there."""
    whole.execute("DELETE FROM log_node WHERE level = 0 AND position = 5")
    assert only(whole.verify()) == (FaultCode.NODE_DIFFERS, 5, "void")


def test_an_entry_rewritten_with_its_bytes_is_named(whole: Log) -> None:
    """Body, salt and logged bytes changed together: the tree still knows what stood there, and the chain agrees."""
    rewrite(whole, 7, "somebody-else")
    assert only(whole.verify()) == (FaultCode.ENTRY_CHANGED, 7, "void")


def test_a_whole_rewritten_tree_is_held_against_signed_heads(whole: Log) -> None:
    """Attacks 3 and 8: the operator rewrites an entry and every hash above it; the signed head does not agree."""
    rewrite(whole, 39, "somebody-else")
    rebuild_tree(whole)
    report = whole.verify()
    assert only(report) == (FaultCode.HEAD_DIFFERS, None, None)
    assert "one of entries 31 to 39 was changed" in report.faults[0].message


def test_a_rewritten_log_without_heads_is_held_against_a_remembered_one(whole: Log) -> None:
    """The operator removes the heads too: only what the auditor remembers shows it (attack 4)."""
    remembered = head_of(whole)
    rewrite(whole, 39, "somebody-else")
    rebuild_tree(whole)
    whole.execute("DELETE FROM cosignature")
    whole.execute("DELETE FROM checkpoint")
    assert whole.verify().ok, "from inside, this history is as good as the other"
    report = whole.verify(remembered=[remembered])
    assert only(report) == (FaultCode.HEAD_DIFFERS, None, None)
    assert "the remembered head of 40 entries" in report.faults[0].message


def test_a_truncated_tail_is_named(whole: Log) -> None:
    """Attack 5: state, tree and heads all still reach further than the entries."""
    whole.execute("DELETE FROM log_entry WHERE position >= 35")
    report = whole.verify()
    assert {(fault.code, fault.index) for fault in report.faults} == {(FaultCode.TAIL_MISSING, 35)}
    assert report.faults[0].message == (
        "entry 35: the log ends before this entry, but the log's state says 40: its end was cut off"
    )


def test_a_truncation_without_traces_is_held_against_a_remembered_head(whole: Log) -> None:
    """The tail is cut off everywhere and the state set back: a remembered head still shows it."""
    remembered = head_of(whole)
    whole.execute("DELETE FROM log_entry WHERE position >= 35")
    rebuild_tree(whole)
    whole.execute("DELETE FROM cosignature WHERE size > 35")
    whole.execute("DELETE FROM checkpoint WHERE size > 35")
    assert whole.verify().ok
    report = whole.verify(remembered=[remembered])
    assert only(report) == (FaultCode.TAIL_MISSING, 35, None)
    assert "a head of 40 entries is remembered" in report.faults[0].message


def test_a_state_that_differs_is_named(whole: Log) -> None:
    """Size too small, wrong edge, no state at all."""
    whole.execute("UPDATE log_state SET size = 10, frontier = zeroblob(64)")
    assert only(whole.verify()) == (FaultCode.STATE_DIFFERS, 10, None)
    whole.execute("UPDATE log_state SET size = 40, frontier = zeroblob(64)")
    assert only(whole.verify()) == (FaultCode.STATE_DIFFERS, None, None)
    whole.execute("DELETE FROM log_state")
    assert only(whole.verify()) == (FaultCode.STATE_DIFFERS, None, None)


@pytest.mark.parametrize(
    ("edit", "name"), [("type = 'viewed'", "type"), ("\"case\" = 'e'", "case"), ("case_seq = 77", "case_seq")]
)
def test_an_edited_column_is_named(whole: Log, edit: str, name: str) -> None:
    """The columns only repeat the body."""
    whole.execute(f"UPDATE log_entry SET {edit} WHERE position = 7")
    report = whole.verify()
    assert only(report)[:2] == (FaultCode.ROW_DIFFERS, 7)
    assert f"the row's {name} differs" in report.faults[0].message


def test_a_forged_entry_outside_its_chain_is_named(whole: Log) -> None:
    """An operator that inserts an entry of its own through the back door breaks the case's chain."""
    for change, code in [
        ({"previous": "0" * 64}, FaultCode.CHAIN_BROKEN),
        ({"case_seq": 99}, FaultCode.CHAIN_BROKEN),
        ({"gossip": 1}, FaultCode.BODY_MALFORMED),
    ]:
        body = whole.body("void", void_members(), CASE) | change
        insert_raw(whole, 40, body, salt=bytes(32))
        rebuild_tree(whole)
        assert only(whole.verify()) == (code, 40, "void")
        whole.execute("DELETE FROM log_entry WHERE position = 40")
        rebuild_tree(whole)


def test_an_unsalted_entry_of_a_case_is_named(whole: Log) -> None:
    """What is said about a case never stands readable in a tile."""
    insert_raw(whole, 40, whole.body("void", void_members(), CASE), salt=None)
    rebuild_tree(whole)
    assert only(whole.verify()) == (FaultCode.BODY_MALFORMED, 40, "void")


@pytest.mark.parametrize("back", [HOUR, timedelta(minutes=6)])
def test_a_back_dated_entry_is_named(whole: Log, back: timedelta) -> None:
    """Attack 7: an entry dated before those that precede it."""
    whole.now -= back
    entry = whole.void()
    assert only(whole.verify()) == (FaultCode.TIME_IMPLAUSIBLE, entry.index, "void")


def test_a_small_step_back_of_the_clock_is_no_fault(whole: Log) -> None:
    """Clocks are corrected by seconds; that is not back-dating."""
    whole.now -= timedelta(minutes=4)
    whole.void()
    assert whole.verify().ok


def test_an_entry_dated_before_a_witnessed_head_is_named(log: Log) -> None:
    """Attack 7, by witness time: the hub's clock agrees with itself, but witnesses saw the log without the entry."""
    log.fill(3)
    log.set_witnesses()
    head = log.publish()
    start = log.now
    log.now += HOUR
    log.cosign(head.size, *WITNESSES)
    log.now = start
    entry = log.void()
    assert only(log.verify()) == (FaultCode.TIME_IMPLAUSIBLE, entry.index, "void")


def test_an_entry_dated_after_it_was_witnessed_is_named(log: Log) -> None:
    """An entry that witnesses had seen an hour before its own time."""
    log.fill(3)
    log.set_witnesses()
    start = log.now
    log.now += HOUR
    entry = log.void()
    head = log.publish()
    log.cosign(head.size, *WITNESSES, at=start)
    assert only(log.verify()) == (FaultCode.TIME_IMPLAUSIBLE, entry.index, "void")


def test_one_lying_witness_cannot_accuse_the_hub(log: Log) -> None:
    """With four witnesses one may lie about the time, early or late, and the log stays whole."""
    log.fill(3)
    log.set_witnesses()
    log.now += HOUR
    log.void()
    head = log.publish()
    log.cosign(head.size, WITNESSES[0], at=log.now - HOUR)
    log.cosign(head.size, *WITNESSES[1:])
    assert log.verify().ok
    log.now += HOUR
    log.void()
    head = log.publish()
    log.cosign(head.size, WITNESSES[0], at=log.now + timedelta(minutes=5))
    log.cosign(head.size, *WITNESSES[1:])
    log.void()
    assert log.verify().ok


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ("UPDATE checkpoint SET root = zeroblob(32) WHERE size = 31", FaultCode.ROW_DIFFERS),
        ("UPDATE checkpoint SET note = 'nothing' WHERE size = 31", FaultCode.HEAD_UNSIGNED),
        (
            "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 40) WHERE size = 31",
            FaultCode.ROW_DIFFERS,
        ),
        ("UPDATE cosignature SET line = 'x' WHERE size = 31 AND kind = 6 AND name LIKE '%care'", None),
        ("UPDATE cosignature SET signed_at = 5 WHERE size = 31 AND kind = 6 AND name LIKE '%care'", None),
        (
            "UPDATE cosignature SET line = (SELECT line FROM cosignature WHERE size = 21 AND kind = 4 LIMIT 1) "
            "WHERE size = 31 AND kind = 4 AND name LIKE '%care'",
            None,
        ),
    ],
)
def test_an_edited_head_or_cosignature_is_named(whole: Log, edit: str, code: FaultCode | None) -> None:
    """Published heads and every stored line are verified again."""
    assert whole.execute(edit) == 1
    report = whole.verify()
    assert not report.ok
    assert report.faults[0].code == (code or FaultCode.COSIGNATURE_INVALID)


def test_a_cosignature_of_a_stranger_is_named(whole: Log) -> None:
    """A key that is neither pinned nor announced in the log is nobody's."""
    stranger = WitnessKeys("borsetshire-police", salt="stranger")
    with whole.session() as session:
        head = ledger.published(session, 31)
    assert head is not None
    line = stranger.lines(head.note, whole.now)[1]
    key = stranger.witness.mldsa44
    whole.execute(
        "UPDATE cosignature SET line = ?, key_id = ? WHERE size = 31 AND kind = 6 AND name = ?",
        (line, key.key_id.hex(), key.name),
    )
    report = whole.verify()
    assert only(report) == (FaultCode.COSIGNATURE_INVALID, None, None)
    assert "never announced" in report.faults[0].message or "was ever announced" in report.faults[0].message


def test_an_erased_entry_is_whole_only_if_its_erasure_is_known(whole: Log) -> None:
    """Body and salt can be erased, and proofs still hold; an unexplained gap is a fault."""
    whole.execute("UPDATE log_entry SET body = NULL, salt = NULL WHERE position IN (7, 8)")
    report = whole.verify(erased={7, 8})
    assert report.ok, [fault.message for fault in report.faults]
    assert report.erased == 2
    assert only(whole.verify(erased={8})) == (FaultCode.ENTRY_ERASED, 7, "void")


def test_a_public_entry_cannot_be_erased(whole: Log) -> None:
    """Keys, witnesses and bundles stay readable by everybody."""
    whole.execute("UPDATE log_entry SET body = NULL WHERE position = 0")
    assert only(whole.verify(erased={0})) == (FaultCode.ENTRY_ERASED, 0, "certificate")


def acts_of(log: Log) -> list[ActRow]:
    return [
        ActRow(index, {name: whole_body(log, index)[name] for name in ("type", "agency", "channel")})
        for index in range(1, 20)
    ]


def test_rows_outside_the_log_are_held_against_it(whole: Log) -> None:
    """Attack 2: an edited act row is named by its entry, and so is a row whose entry does not exist."""
    acts = acts_of(whole)
    assert whole.verify(acts=acts).acts == 20
    acts[4] = ActRow(acts[4].index, {"agency": "somebody-else", "channel": None, "absent": 1})
    report = whole.verify(acts=acts)
    assert only(report) == (FaultCode.ACT_DIFFERS, 5, "void")
    assert report.faults[0].message.endswith("differs from the logged body in absent, agency, channel")
    assert only(whole.verify(acts=[ActRow(99, {})])) == (FaultCode.ACT_DIFFERS, 99, None)
    assert only(whole.verify(acts=[ActRow(5, {"agency": 1.5})])) == (FaultCode.ACT_DIFFERS, 5, "void")


def test_a_deleted_row_outside_the_log_is_named(whole: Log) -> None:
    """Every entry of the named types needs its row."""
    acts = acts_of(whole) + [ActRow(index, {}) for index in range(21, 40)]
    assert whole.verify(acts=acts, acted_types={EntryType.VOID}).ok
    del acts[4]
    assert only(whole.verify(acts=acts, acted_types={EntryType.VOID})) == (FaultCode.ACT_MISSING, 5, "void")


def test_an_edited_witness_set_is_named(whole: Log) -> None:
    """The row that says who is pinned is held against its public entry."""
    whole.execute("UPDATE witness_set SET members = replace(members, '\"quorum\":3', '\"quorum\":9')")
    assert only(whole.verify()) == (FaultCode.ACT_DIFFERS, 20, "witnesses")
    whole.execute("UPDATE witness_set SET log_index = 0")
    assert not whole.verify().ok


def test_the_report_stays_bounded(log: Log) -> None:
    """Everything is counted, at most 1,000 faults are kept."""
    log.fill(MAX_FAULTS + 5)
    log.execute("UPDATE log_entry SET salt = zeroblob(32) WHERE position > 0")
    report = log.verify()
    assert (report.faults_found, len(report.faults)) == (MAX_FAULTS + 4, MAX_FAULTS)
    assert report.to_json()["first"]["index"] == 1


def whole_body(log: Log, index: int) -> dict[str, Any]:
    with log.session() as session:
        body: dict[str, Any] = json.loads(ledger.find_appended(session, [index])[index].body_text)
    return body


def insert_raw(log: Log, index: int, body: dict[str, Any], *, salt: bytes | None) -> None:
    text = canonical_bytes(body)
    log.execute("DELETE FROM log_entry WHERE position = ?", (index,))
    log.execute(
        'INSERT INTO log_entry (position, type, "case", case_seq, entry, body, salt) VALUES (?, ?, ?, ?, ?, ?, ?)',
        (index, body["type"], body["case"], body["case_seq"], entry_bytes(text, salt), text.decode(), salt),
    )


def rewrite(log: Log, index: int, agency: str) -> None:
    """Change an entry as an operator would who knows how it is made: body, fresh salt, logged bytes."""
    insert_raw(log, index, whole_body(log, index) | {"agency": agency}, salt=b"\x07" * 32)


def rebuild_tree(log: Log) -> None:
    """Make the whole tree and the state again from the entries."""
    with log.engine.begin() as connection:
        entries = [row[0] for row in connection.exec_driver_sql("SELECT entry FROM log_entry ORDER BY position")]
        connection.exec_driver_sql("DELETE FROM log_node")
        level, hashes = 0, [leaf_hash(entry) for entry in entries]
        frontier = b""
        while hashes:
            connection.exec_driver_sql(
                log.spoken("INSERT INTO log_node (level, position, hash) VALUES (?, ?, ?)"),
                [(level, place, value) for place, value in enumerate(hashes)],
            )
            frontier = (hashes[-1] if len(hashes) % 2 else b"") + frontier
            hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
            level += 1
        connection.exec_driver_sql(log.spoken("UPDATE log_state SET size = ?, frontier = ?"), (len(entries), frontier))
