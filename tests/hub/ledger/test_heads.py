"""Publishing heads, gathering cosignatures, reaching a quorum."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.ledger import ledger
from hub.ledger.errors import CosignatureRefused, LedgerDamaged, ProofUnavailable
from hub.ledger.heads import MAX_LINES_PER_POST, PUBLISH_INTERVAL
from keys.transparency import QuorumMissing, WitnessSet, require_quorum, verify_checkpoint, verify_consistency
from tests.hub.ledger.builder import LOG_KEY, LOG_VKEY, ORIGIN, WITNESS_SET, WITNESSES, Log, WitnessKeys

SECOND = timedelta(seconds=1)


def test_an_empty_log_publishes_nothing(log: Log) -> None:
    """There is no head to cosign before the first entry."""
    with log.session() as session:
        assert ledger.publish(session, now=log.now, origin=ORIGIN, signers=[LOG_KEY]) is None
        assert ledger.published(session) is None
        assert ledger.witnessed(session) is None


def test_the_first_head_is_published_at_once_and_is_the_logs(log: Log) -> None:
    """Size and root stand in a note that the log's key signed."""
    log.fill(5)
    head = log.publish()
    checkpoint = verify_checkpoint(head.note, LOG_VKEY)
    assert (checkpoint.size, checkpoint.root, checkpoint.origin) == (5, head.root, ORIGIN)


def test_a_new_head_waits_for_growth_and_for_two_seconds_or_a_quorum(log: Log) -> None:
    """Witnesses meet on the same head; a missing witness delays nobody for longer than two seconds."""
    log.fill(3)
    log.set_witnesses()
    first = log.publish()
    log.now += 10 * SECOND
    assert log.publish().size == first.size, "nothing grew"
    log.now -= 10 * SECOND
    log.void()
    assert log.publish().size == first.size, "young and without its quorum"
    log.cosign(first.size, *WITNESSES[:2])
    assert log.publish().size == first.size, "two of four are no quorum"
    log.cosign(first.size, WITNESSES[2])
    second = log.publish()
    assert second.size == first.size + 1, "the quorum is there"
    log.void()
    log.now += PUBLISH_INTERVAL - timedelta(milliseconds=11)
    assert log.publish().size == second.size
    log.now += timedelta(milliseconds=1)
    assert log.publish().size == second.size + 1, "two seconds are over"


def test_a_clock_set_back_does_not_silence_the_log(log: Log) -> None:
    """Attack 74: clocks jump; a head is published all the same."""
    log.fill(3)
    log.publish()
    log.void()
    log.now -= timedelta(hours=1)
    assert log.publish().size == 4


def test_heads_are_consistent_with_each_other(log: Log) -> None:
    """Any two published heads are one history."""
    heads = []
    for _ in range(6):
        log.void()
        log.now += 3 * SECOND
        heads.append(log.publish())
    with log.session() as session:
        for first in heads:
            for second in heads:
                if first.size <= second.size:
                    proof = ledger.consistency(session, first.size, second.size)
                    verify_consistency(first.size, second.size, first.root, second.root, proof)


def test_cosignatures_gather_until_the_quorum(log: Log) -> None:
    """Two lines of each witness; the head is witnessed with the third witness, at the third newest time."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    for count, keys in enumerate(WITNESSES[:3], start=1):
        with log.session() as session:
            assert ledger.witnessed(session) is None
        with pytest.raises(QuorumMissing):
            require_quorum(head.note, LOG_VKEY, WITNESS_SET)
        head = log.cosign(head.size, keys, at=log.now + count * SECOND)
    with log.session() as session:
        witnessed = ledger.witnessed(session)
    assert witnessed == head
    quorum = require_quorum(head.note, LOG_VKEY, WITNESS_SET)
    assert quorum.witnessed_at == head.witnessed_at == (log.now + SECOND).replace(microsecond=0)
    assert len(quorum.checkpoint.signatures) == 7


def test_one_witness_counts_once(log: Log) -> None:
    """Posting again moves the witness's own time; it does not make a second witness."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    for count in range(4):
        head = log.cosign(head.size, WITNESSES[0], at=log.now + count * SECOND)
    assert head.witnessed_at is None
    assert len(verify_checkpoint(head.note, LOG_VKEY).signatures) == 3


def test_an_idle_log_stays_fresh_by_newer_cosignatures(log: Log) -> None:
    """The same head, seen again later: the newer lines take the older ones' place, an older line changes nothing."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    log.cosign(head.size, *WITNESSES)
    before = log.now
    log.now += timedelta(minutes=9)
    later = log.cosign(head.size, *WITNESSES)
    assert later.witnessed_at == log.now.replace(microsecond=0)
    assert log.cosign(head.size, *WITNESSES, at=before) == later
    assert log.verify().ok


def test_witnessed_gives_the_largest_head_with_a_quorum(log: Log) -> None:
    """Newer heads without a quorum do not hide it, and do not take its place."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    log.cosign(head.size, *WITNESSES)
    log.void()
    log.now += 3 * SECOND
    newer = log.publish()
    log.cosign(newer.size, WITNESSES[0])
    with log.session() as session:
        witnessed = ledger.witnessed(session)
        newest = ledger.published(session)
    assert witnessed is not None
    assert newest is not None
    assert (witnessed.size, newest.size) == (head.size, newer.size)


def post(log: Log, size: int, lines: list[str]) -> None:
    with log.session() as session, session.begin():
        ledger.add_cosignatures(session, size, lines, now=log.now)


def test_bad_cosignatures_are_refused_and_nothing_of_the_post_is_kept(log: Log) -> None:
    """Unknown key, another head, bent bytes, malformed text, a time ahead of the clock, none, too many."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    log.void()
    log.now += 3 * SECOND
    other = log.publish()
    good = WITNESSES[0].lines(head.note, log.now)
    stranger = WitnessKeys("borsetshire-police", salt="another key").lines(head.note, log.now)
    bent = good[1][:-8] + ("AAAAAAA=" if good[1].endswith("=") else "AAAAAAAA")
    cases = [
        ([good[0], stranger[0]], "no pinned witness"),
        ([good[0], stranger[1]], "no pinned witness"),
        ([good[0], WITNESSES[1].lines(other.note, log.now)[1]], "does not verify"),
        ([good[0], bent], "does not verify"),
        ([good[0], "— not a line"], "signature line"),
        (WITNESSES[1].lines(head.note, log.now + timedelta(minutes=6)), "ahead of the hub's clock"),
        ([], "expected 1 to 62"),
        (good * 32, "expected 1 to 62 signature lines, got 64"),
    ]
    assert MAX_LINES_PER_POST == 62
    for lines, match in cases:
        with pytest.raises(CosignatureRefused, match=match) as caught:
            post(log, head.size, lines)
        assert caught.value.status == 422
    with log.session() as session:
        kept = ledger.published(session, head.size)
    assert kept == head


def test_cosignatures_of_an_unpublished_head_are_refused(log: Log) -> None:
    """A line belongs to a head the hub published."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    with pytest.raises(ProofUnavailable):
        post(log, 1, WITNESSES[0].lines(head.note, log.now))


def test_without_a_witness_set_no_line_is_taken(log: Log) -> None:
    """No pinned witness, no cosignature."""
    log.fill(2)
    head = log.publish()
    with pytest.raises(CosignatureRefused, match="no witness set"):
        post(log, head.size, WITNESSES[0].lines(head.note, log.now))


def test_a_changed_witness_set_does_not_undo_a_quorum(log: Log) -> None:
    """A head that the old set witnessed stays witnessed, and old lines stay verifiable."""
    log.fill(2)
    log.set_witnesses()
    head = log.publish()
    log.cosign(head.size, *WITNESSES)
    fresh = tuple(WitnessKeys(keys.agency, salt="rotated") for keys in WITNESSES)
    rotated = WitnessSet(3, tuple(keys.witness for keys in fresh))
    log.set_witnesses(rotated)
    with log.session() as session:
        assert ledger.current_witnesses(session) == rotated
    again = log.cosign(head.size, fresh[0])
    assert again.witnessed_at is not None
    assert len(verify_checkpoint(again.note, LOG_VKEY).signatures) == 11
    assert log.verify().ok


def test_a_witness_set_is_kept_only_as_its_entry_says(log: Log) -> None:
    """The row repeats a public entry; it cannot say something else."""
    log.fill(1)
    log.set_witnesses()
    other = WitnessSet(3, WITNESS_SET.witnesses[:3])
    for index, match in [(0, "announces no witness set"), (1, "announces another"), (9, "announces no witness set")]:
        with log.session() as session, pytest.raises(LedgerDamaged, match=match):
            ledger.set_witnesses(session, other, index)


@pytest.mark.parametrize(
    ("attack", "match"),
    [
        ("DELETE FROM log_entry WHERE position > 2", ""),
        ("UPDATE log_node SET hash = zeroblob(32) WHERE level = 2 AND position = 0", "not the one the log's state"),
        ("UPDATE log_node SET hash = zeroblob(32) WHERE level = 0 AND position = 4", "not the one the log's state"),
        ("UPDATE log_state SET size = 4, frontier = zeroblob(32)", "entries are gone"),
        ("UPDATE checkpoint SET root = zeroblob(32)", "does not continue its newest published head"),
        ("DELETE FROM log_node WHERE level = 2", "not the one the log's state"),
    ],
)
def test_a_log_that_contradicts_itself_signs_nothing(log: Log, attack: str, match: str) -> None:
    """Attacks 5 and 73: stop loudly rather than sign a second history. Bodies are ``verify_log``'s to check."""
    log.fill(5)
    log.publish()
    if match == "not the one the log's state":
        log.execute("DELETE FROM checkpoint")
    assert log.execute(attack)
    with log.session() as session, session.begin():
        if not match:
            ledger.sign_head(session, origin=ORIGIN, signers=[LOG_KEY])
            return
        with pytest.raises(LedgerDamaged, match=match):
            ledger.sign_head(session, origin=ORIGIN, signers=[LOG_KEY])


def test_a_rolled_back_log_publishes_no_head(log: Log) -> None:
    """Attack 4: yesterday's state beside today's published head is noticed before anything is signed."""
    log.fill(3)
    with log.session() as session:
        state = session.connection().exec_driver_sql("SELECT size, frontier FROM log_state").one()
    log.void()
    log.publish()
    log.execute("UPDATE log_state SET size = ?, frontier = ?", tuple(state))
    log.execute("DELETE FROM log_node WHERE position = 3 OR (level = 1 AND position = 1) OR level = 2")
    log.execute("DELETE FROM log_entry WHERE position = 3")
    log.chains.clear()
    log.now += 3 * SECOND
    with pytest.raises(LedgerDamaged, match="has 3 entries, but a head of 4 was published"):
        log.publish()
