"""The form of a promise, what shows that one was broken, and trees read from their tiles: without a hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keys.broken_promises import SeenSpan, ShownEntry, find_broken
from keys.canonical import canonical_bytes
from keys.cosigning import log_vkey, sign_checkpoint
from keys.merkle import EMPTY_ROOT, ProofInvalid, leaf_hash, node_hash, verify_inclusion
from keys.notes import NoteInvalid, NotSigned, SignatureLine, UnverifiedNote, parse_note
from keys.private import PrivateKey
from keys.promises import (
    FIRST_LINE,
    MAX_MERGE_DELAY,
    MAX_PROMISED,
    Promise,
    PromisedEntry,
    sign_promise,
    verify_promise,
)
from keys.spans import Span, TileTree, first_difference, grow, root_of
from keys.statements import CheckpointRef
from keys.tiles import TilePath
from keys.transparency import verify_checkpoint

ORIGIN = "hub.example/log"
KEY, FORMER = PrivateKey.generate("Ed25519"), PrivateKey.generate("Ed25519")
VKEY = log_vkey(ORIGIN, KEY)
CASE = "5a" * 16
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROMISE = Promise(
    ORIGIN,
    CASE,
    AT,
    AT + MAX_MERGE_DELAY,
    CheckpointRef(5, "cd" * 32),
    (PromisedEntry(7, bytes([7]) * 32), PromisedEntry(8, bytes([8]) * 32)),
)


def signed(said: Any, first: str = FIRST_LINE) -> str:
    """A note with our signature over any words."""
    text = f"{first}\n{canonical_bytes(said).decode()}\n"
    line = SignatureLine(ORIGIN, VKEY.key_id, KEY.sign(text.encode()))
    return UnverifiedNote(text, (line,)).render()


def said() -> dict[str, Any]:
    """What the promise says, as it is signed."""
    return {
        "log": ORIGIN,
        "case": CASE,
        "given_at": "2026-01-31T12:00:00Z",
        "until": "2026-01-31T12:10:00Z",
        "checkpoint": {"size": 5, "root": "cd" * 32},
        "entries": [{"case_seq": 7, "leaf": "07" * 32}, {"case_seq": 8, "leaf": "08" * 32}],
    }


def test_a_promise_is_read_as_it_was_signed() -> None:
    note = sign_promise(PROMISE, KEY, FORMER)
    assert verify_promise(note, VKEY) == PROMISE
    # Whoever has not pinned the new key yet reads it by the one before.
    assert verify_promise(note, log_vkey(ORIGIN, FORMER)) == PROMISE
    assert note == sign_promise(PROMISE, KEY, FORMER)
    assert parse_note(note).text == parse_note(signed(said())).text
    bare = replace(PROMISE, case=None, checkpoint=None, entries=(PromisedEntry(None, bytes(32)),))
    assert verify_promise(sign_promise(bare, KEY), VKEY) == bare
    assert bare.size == 0
    assert PROMISE.size == 5


def test_as_many_entries_as_a_push_has_lines_fit_into_a_note() -> None:
    many = tuple(PromisedEntry(2**53 - 1 - at, at.to_bytes(32, "big")) for at in range(MAX_PROMISED))
    assert len(verify_promise(sign_promise(replace(PROMISE, entries=many), KEY), VKEY).entries) == MAX_PROMISED
    with pytest.raises(NoteInvalid, match="1 to 1000 entries"):
        sign_promise(replace(PROMISE, entries=(*many, PromisedEntry(1, bytes(32)))), KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"log": "hub.example/other"},
        {"log": 5},
        {"case": "5a"},
        {"case": None},
        {"given_at": "2026-01-31T12:10:00Z"},
        {"given_at": "2026-01-31T11:59:59Z"},
        {"given_at": "yesterday"},
        {"until": "2026-01-31T12:10:01Z"},
        {"until": 5},
        {"checkpoint": {"size": 0, "root": "cd" * 32}},
        {"checkpoint": {"size": True, "root": "cd" * 32}},
        {"checkpoint": {"size": 5, "root": "cd"}},
        {"checkpoint": {"size": 5}},
        {"entries": []},
        {"entries": {}},
        {"entries": [{"case_seq": 7, "leaf": "07" * 32}] * 2},
        {"entries": [{"case_seq": 0, "leaf": "07" * 32}]},
        {"entries": [{"case_seq": None, "leaf": "07" * 32}]},
        {"entries": [{"case_seq": True, "leaf": "07" * 32}]},
        {"entries": [{"case_seq": 7, "leaf": "07"}]},
        {"entries": [{"case_seq": 7}]},
        {"entries": ["07" * 32]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_signed_note_that_says_anything_else_is_no_promise(change: Mapping[str, Any]) -> None:
    assert verify_promise(signed(said()), VKEY) == PROMISE
    with pytest.raises(NoteInvalid):
        verify_promise(signed({**said(), **change}), VKEY)


def test_a_note_that_is_not_the_logs_own_word_is_no_promise() -> None:
    note = sign_promise(PROMISE, KEY)
    with pytest.raises(NotSigned):
        verify_promise(note, log_vkey(ORIGIN, FORMER))
    with pytest.raises(NotSigned):
        verify_promise(note, log_vkey("hub.example/other", KEY))
    with pytest.raises(NoteInvalid, match="does not verify"):
        verify_promise(note.replace(CASE, "5b" * 16), VKEY)
    for other in (f"{note[:-1]}", note.replace("\n{", "\n {"), 5, None, ""):
        with pytest.raises(NoteInvalid):
            verify_promise(other, VKEY)
    with pytest.raises(NoteInvalid, match="expected the line"):
        verify_promise(signed(said(), "nrmhub-promise-v2"), VKEY)
    text = f'{FIRST_LINE}\n{{"log": "x"}}\n'
    spaced = UnverifiedNote(text, (SignatureLine(ORIGIN, VKEY.key_id, KEY.sign(text.encode())),)).render()
    with pytest.raises(NoteInvalid, match="not canonical"):
        verify_promise(spaced, VKEY)


def test_a_head_is_no_promise_and_a_promise_no_head() -> None:
    with pytest.raises(NoteInvalid):
        verify_promise(sign_checkpoint(ORIGIN, 5, bytes(32), KEY), VKEY)
    with pytest.raises(NoteInvalid):
        verify_checkpoint(sign_promise(PROMISE, KEY), VKEY)


# --- what shows that one was broken ---

LATE = PROMISE.until + timedelta(minutes=5, seconds=1)
IN_TIME = PROMISE.until + timedelta(minutes=5)


def span(*leaves: bytes, start: int = 5) -> Span:
    return Span(start, (), leaves)


def test_a_shorter_log_that_a_quorum_saw_later() -> None:
    assert find_broken(PROMISE, [(5, LATE)], [], []) is not None
    assert find_broken(PROMISE, [(5, IN_TIME)], [], []) is None
    assert find_broken(PROMISE, [(6, LATE)], [], []) is None


def test_every_leaf_of_a_log_that_a_quorum_saw_later() -> None:
    both = [item.leaf for item in PROMISE.entries]
    other = bytes(32)
    assert find_broken(PROMISE, [], [SeenSpan(span(other, *both), 8, LATE)], []) is None
    found = find_broken(PROMISE, [], [SeenSpan(span(other, both[0]), 7, LATE)], [])
    assert found is not None
    assert found[0] == PROMISE.entries[1]
    assert find_broken(PROMISE, [], [SeenSpan(span(other), 6, IN_TIME)], []) is None
    assert find_broken(PROMISE, [], [SeenSpan(span(other), 6, None)], []) is None
    # Leaves from a later place on say nothing of those between.
    assert find_broken(PROMISE, [], [SeenSpan(span(other, start=6), 7, LATE)], []) is None


def test_another_entry_with_the_promised_number() -> None:
    assert find_broken(PROMISE, [], [], [ShownEntry(9, bytes(32), CASE, 7)]) is not None
    for index, leaf, case, number in (
        (9, PROMISE.entries[0].leaf, CASE, 7),
        (9, bytes(32), CASE, 6),
        (9, bytes(32), "5b" * 16, 7),
        (9, bytes(32), None, None),
    ):
        assert find_broken(PROMISE, [], [], [ShownEntry(index, leaf, case, number)]) is None
    bare = replace(PROMISE, case=None, entries=(PromisedEntry(None, bytes(32)),))
    assert find_broken(bare, [], [], [ShownEntry(9, bytes([1]) * 32, None, None)]) is None


def test_a_promised_entry_that_came_too_late() -> None:
    shown = [ShownEntry(9, PROMISE.entries[1].leaf, CASE, 8)]
    found = find_broken(PROMISE, [(9, LATE)], [], shown)
    assert found is not None
    assert found[0] == PROMISE.entries[1]
    assert find_broken(PROMISE, [(9, IN_TIME)], [], shown) is None
    assert find_broken(PROMISE, [(10, LATE)], [], shown) is None


# --- a tree from its tiles ---

ENTRIES = 700
LEAVES = [leaf_hash(at.to_bytes(2, "big")) for at in range(ENTRIES)]


def node(height: int, index: int) -> bytes:
    if height == 0:
        return LEAVES[index]
    return node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))


def tile(path: str) -> bytes:
    wanted = TilePath.parse(path)
    assert wanted.level is not None
    first = wanted.index * 256
    return b"".join(node(8 * wanted.level, at) for at in range(first, first + wanted.width))


SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 513, ENTRIES)


def root(size: int) -> bytes:
    return root_of(grow(0, (), LEAVES[:size])[1])


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_is_read_from_its_tiles(size: int) -> None:
    tree = TileTree(tile, size)
    for start in {0, 1, size // 2, size - 1}:
        peaks = tree.peaks(start)
        assert peaks == tuple(grow(0, (), LEAVES[:start])[1])
        leaves = tuple(tree.leaves(start))
        assert leaves == tuple(LEAVES[start:size])
        Span(start, peaks, leaves).require(size, root(size))
    for index in {0, size // 3, size - 1}:
        verify_inclusion(LEAVES[index], index, size, tree.inclusion(index), root(size))


def test_the_root_of_no_leaves() -> None:
    assert root_of(()) == EMPTY_ROOT


def test_leaves_that_are_not_those_of_the_tree() -> None:
    good = Span(300, TileTree(tile, 513).peaks(300), tuple(LEAVES[300:513]))
    good.require(513, root(513))
    assert Span.from_json(good.to_json()) == good
    swapped = (LEAVES[301], LEAVES[300], *LEAVES[302:513])
    for wrong in (
        replace(good, leaves=swapped),
        replace(good, leaves=good.leaves[:-1]),
        replace(good, start=299),
        replace(good, peaks=good.peaks[::-1]),
        replace(good, peaks=good.peaks[1:]),
    ):
        with pytest.raises(ProofInvalid):
            wrong.require(513, root(513))
    with pytest.raises(ProofInvalid):
        good.require(513, root(512))
    for form in ({"start": -1}, {"start": True}, {"peaks": ["x"] * 3}, {"leaves": ["x"]}, {"leaves": [""] * 200_001}):
        with pytest.raises(ProofInvalid):
            Span.from_json({**good.to_json(), **form})


def test_the_first_leaf_in_which_two_trees_differ() -> None:
    tree, other = LEAVES[:513], [*LEAVES[:400], bytes(32), *LEAVES[401:500]]

    def of(leaves: list[bytes], start: int) -> Span:
        return Span(start, tuple(grow(0, (), leaves[:start])[1]), tuple(leaves[start:]))

    for one, two in ((0, 0), (300, 0), (0, 400), (399, 300)):
        assert first_difference(of(tree, one), of(other, two)) == 400
        assert first_difference(of(other, two), of(tree, one)) == 400
    # They differ before what is shown, or not as far as both go.
    assert first_difference(of(tree, 401), of(other, 401)) is None
    assert first_difference(of(tree, 0), of(tree[:300], 200)) is None
    assert first_difference(of(tree[:300], 0), of(tree, 400)) is None


def test_tiles_that_are_not_whole() -> None:
    for cut in (lambda path: tile(path)[:-1], lambda path: tile(path)[32:], lambda _: b""):
        with pytest.raises(ProofInvalid):
            list(TileTree(cut, 513).leaves(0))
        with pytest.raises(ProofInvalid):
            TileTree(cut, 513).peaks(512)
