"""Witness sets and quorums: what is counted, what is not, and that two quorums always share an honest witness."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.notes import MAX_SIGNATURES, parse_note
from keys.private import PrivateKey
from keys.transparency import (
    NoteInvalid,
    ProofInvalid,
    QuorumMissing,
    Witness,
    WitnessSet,
    require_quorum,
    verify_checkpoint,
)
from keys.witnesses import MAX_WITNESSES

ORIGIN = "nrm-hub.example/test"
AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LOG_KEY = PrivateKey("Ed25519", b"\x01" * 32)
LOG_VKEY = log_vkey(ORIGIN, LOG_KEY)


def ed_key(agency: str) -> PrivateKey:
    return PrivateKey("Ed25519", hashlib.sha256(b"ed" + agency.encode()).digest())


def pq_key(agency: str) -> PrivateKey:
    return PrivateKey("ML-DSA-44", hashlib.sha256(b"pq" + agency.encode()).digest())


def name_of(agency: str) -> str:
    return f"{ORIGIN}/witness/{agency}"


def witness(agency: str) -> Witness:
    name = name_of(agency)
    return Witness(agency, witness_vkey(name, ed_key(agency)), witness_vkey(name, pq_key(agency)))


AGENCIES = [f"agency-{letter}" for letter in "abcdefg"]
WITNESSES = tuple(witness(agency) for agency in AGENCIES)
FOUR = WitnessSet(3, WITNESSES[:4])
NOTE = sign_checkpoint(ORIGIN, 7, hashlib.sha256(b"root").digest(), LOG_KEY)


def line(agency: str, at: datetime = AT, *, is_pq: bool = True, note: str = NOTE) -> str:
    head = verify_checkpoint(note, LOG_VKEY)
    return cosign(head, name_of(agency), pq_key(agency) if is_pq else ed_key(agency), at=at) + "\n"


@pytest.mark.parametrize(
    ("count", "quorums"), [(1, {1}), (2, {2}), (3, {2, 3}), (4, {3}), (5, {4}), (6, {4, 5}), (7, {5})]
)
def test_only_quorums_that_hold_are_built(count: int, quorums: set[int]) -> None:
    """2q > n + f and q <= n - f; with four witnesses three."""
    for quorum in range(-1, count + 2):
        if quorum in quorums:
            built = WitnessSet(quorum, WITNESSES[:count])
            # Two quorums share more than f witnesses, so at least one that does not lie.
            for first in combinations(range(count), quorum):
                for second in combinations(range(count), quorum):
                    assert len(set(first) & set(second)) > built.faulty
        else:
            with pytest.raises(ProofInvalid, match="2q > n"):
                WitnessSet(quorum, WITNESSES[:count])


def test_no_witnesses_is_no_quorum() -> None:
    """An empty set refuses; so does one whose lines a note could not carry."""
    with pytest.raises(ProofInvalid, match="expected 1 to 31 witnesses, got 0"):
        WitnessSet(0, ())
    with pytest.raises(ProofInvalid, match="got 32"):
        WitnessSet(22, WITNESSES[:1] * 32)
    assert 2 * MAX_WITNESSES + 1 <= MAX_SIGNATURES


def test_one_key_or_agency_is_one_witness() -> None:
    """The same agency or key twice does not count twice."""
    with pytest.raises(ProofInvalid, match="one agency stands for two"):
        WitnessSet(2, (WITNESSES[0], WITNESSES[0]))
    name = name_of("agency-z")
    for borrowed in (
        Witness("agency-z", witness_vkey(name, ed_key("agency-a")), witness_vkey(name, pq_key("agency-z"))),
        Witness("agency-z", witness_vkey(name, ed_key("agency-z")), witness_vkey(name, pq_key("agency-a"))),
    ):
        with pytest.raises(ProofInvalid, match="key stands for two"):
            WitnessSet(2, (WITNESSES[0], borrowed))


def test_a_witness_has_two_keys_of_their_types_under_its_name() -> None:
    """Exchanged types, another name, another agency are refused."""
    a = WITNESSES[0]
    b = WITNESSES[1]
    for arguments in [
        (a.agency, a.mldsa44, a.mldsa44),
        (a.agency, a.ed25519, a.ed25519),
        (a.agency, a.ed25519, b.mldsa44),
        (b.agency, a.ed25519, a.mldsa44),
    ]:
        with pytest.raises(NoteInvalid, match="witness"):
            Witness(*arguments)


def test_three_of_four_are_a_quorum_at_the_third_newest_time() -> None:
    """The freshness of a head is what q witnesses agree on, not what the fastest clock says."""
    minutes = [timedelta(minutes=count) for count in (1, 5, 3)]
    note = NOTE + "".join(line(agency, AT + delta) for agency, delta in zip(AGENCIES, minutes, strict=False))
    quorum = require_quorum(note, LOG_VKEY, FOUR)
    assert quorum.witnessed_at == AT + minutes[0]
    assert quorum.checkpoint.size == 7
    with_fourth = require_quorum(note + line("agency-d", AT + timedelta(days=300)), LOG_VKEY, FOUR)
    assert with_fourth.witnessed_at == AT + minutes[2]


@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        ([], 0),
        ([line("agency-a"), line("agency-b")], 2),
        ([line("agency-a"), line("agency-b"), line("agency-b", AT + timedelta(minutes=1))], 2),
        ([line("agency-a"), line("agency-b"), line("agency-e")], 2),
        ([line(agency, is_pq=False) for agency in AGENCIES[:4]], 0),
        ([line("agency-a"), line("agency-b"), line("agency-c", is_pq=False)], 2),
    ],
    ids=["none", "two", "one twice", "a stranger", "Ed25519 only", "Ed25519 is not counted"],
)
def test_less_than_a_quorum_is_refused(lines: list[str], counted: int) -> None:
    """Only distinct pinned witnesses, only ML-DSA-44 lines."""
    with pytest.raises(QuorumMissing, match=f"cosigned by {counted} pinned witnesses, the quorum is 3"):
        require_quorum(NOTE + "".join(lines), LOG_VKEY, FOUR)


@pytest.mark.parametrize("is_pq", [True, False])
def test_a_bad_line_of_a_pinned_key_refuses_the_note(is_pq: bool) -> None:
    """Signed-note: a known key whose signature fails spoils the note, even where enough others are there."""
    other = sign_checkpoint(ORIGIN, 8, hashlib.sha256(b"other").digest(), LOG_KEY)
    good = "".join(line(agency) for agency in AGENCIES[:3])
    require_quorum(NOTE + good, LOG_VKEY, FOUR)
    with pytest.raises(NoteInvalid, match="does not verify"):
        require_quorum(NOTE + good + line("agency-d", note=other, is_pq=is_pq), LOG_VKEY, FOUR)


def test_two_forks_cannot_both_reach_a_quorum() -> None:
    """Attack 3: with one of four lying to both sides, at most one of two heads of a size has three witnesses."""
    other = sign_checkpoint(ORIGIN, 7, hashlib.sha256(b"fork").digest(), LOG_KEY)
    reached = 0
    for note, honest in ((NOTE, AGENCIES[:2]), (other, [AGENCIES[2]])):
        lines = "".join(line(agency, note=note) for agency in [*honest, "agency-d"])
        try:
            require_quorum(note + lines, LOG_VKEY, FOUR)
            reached += 1
        except QuorumMissing:
            pass
    assert reached == 1


def test_a_witness_set_round_trips_through_its_log_body() -> None:
    """The members of a ``witnesses`` entry build the same set again."""
    body = FOUR.to_json()
    assert sorted(body) == ["quorum", "witnesses"]
    assert sorted(body["witnesses"][0]) == ["agency", "ed25519", "mldsa44", "name"]
    assert WitnessSet.from_json(body | {"type": "witnesses", "at": "later"}) == FOUR


def changed(**members: Any) -> dict[str, Any]:
    body = FOUR.to_json()
    body["witnesses"][0] |= members
    return body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"quorum": True, "witnesses": []},
        {"quorum": 3, "witnesses": "text"},
        {"quorum": 3, "witnesses": ["text"]},
        {"quorum": 3, "witnesses": [{}] * 40},
        FOUR.to_json() | {"quorum": 2},
        FOUR.to_json() | {"quorum": "3"},
        changed(agency="Agency A"),
        changed(agency=None),
        changed(name="elsewhere"),
        changed(extra=1),
        changed(ed25519=None),
        changed(ed25519="a+b+c"),
        changed(mldsa44=WITNESSES[0].ed25519.render()),
    ],
)
def test_a_witness_set_that_cannot_hold_is_refused(body: dict[str, Any]) -> None:
    """Each in our own words, none as a traceback."""
    with pytest.raises(ProofInvalid):
        WitnessSet.from_json(body)


def test_a_full_note_of_the_largest_set_stays_within_the_limits() -> None:
    """31 witnesses with two lines each and the log's own line parse and count."""
    agencies = [f"agency-{number}" for number in range(MAX_WITNESSES)]
    largest = WitnessSet(21, tuple(witness(agency) for agency in agencies))
    lines = [line(agency, is_pq=is_pq) for agency in agencies for is_pq in (True, False)]
    note = NOTE + "".join(lines)
    assert len(parse_note(note).signatures) == 63
    assert require_quorum(note, LOG_VKEY, largest).witnessed_at == AT
