"""Fingerprints as words: whole, told apart at every place, and silent about what was expected."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.fingerprints import (
    MAX_READ_OUT_CHARS,
    ReadOutRefused,
    ask_for_words,
    group_fingerprint,
    is_fingerprint,
    normalise_fingerprint,
    parse_read_out,
    render_words,
    words_of,
)

SHOWN = group_fingerprint(b"an invented key")
WORDS = words_of(SHOWN)


@given(st.binary(min_size=32, max_size=32))
def test_words_and_hex_say_the_same(digest: bytes) -> None:
    """All 32 bytes stand in the words; both forms are read back, in any case and grouping."""
    words = words_of(digest.hex())
    assert len(words) == 32
    assert parse_read_out(" ".join(words)) == digest.hex()
    assert parse_read_out(", ".join(words).upper()) == parse_read_out(digest.hex().upper()) == digest.hex()


def test_published_words() -> None:
    """The words that the list's own documentation gives for a fingerprint (the example of 20 bytes, at even start)."""
    example = "E582 94F2 E9A2 2748 6E8B 061B 31CC 528F D7FA 3F19"
    said = (
        "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa "
        "afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless"
    )
    assert " ".join(words_of(example + " " + "0000" * 6)[:20]) == said


def test_the_list_tells_every_byte_and_both_places_apart() -> None:
    """256 words for even places, 256 others for odd ones."""
    even = {words_of(f"{byte:02x}" * 32)[0].lower() for byte in range(256)}
    odd = {words_of(f"{byte:02x}" * 32)[1].lower() for byte in range(256)}
    assert (len(even), len(odd), even & odd) == (256, 256, set())


def test_only_the_right_words_fit() -> None:
    """One word changed at any place is another fingerprint, and nothing says where."""
    assert is_fingerprint(" ".join(WORDS), SHOWN)
    assert is_fingerprint(SHOWN, SHOWN)
    plain = bytes.fromhex(normalise_fingerprint(SHOWN))
    for place in range(32):
        changed = bytearray(plain)
        changed[place] ^= 0x40
        assert not is_fingerprint(" ".join(words_of(changed.hex())), SHOWN)


@pytest.mark.parametrize("place", [0, 1, 30, 31])
def test_a_mistyped_word_is_named_by_its_place(place: int) -> None:
    """Its place, not what was typed, and not what was expected."""
    typed = [*WORDS]
    typed[place] = "zzqx"
    with pytest.raises(ReadOutRefused) as refused:
        parse_read_out(" ".join(typed))
    text = str(refused.value)
    assert text == f"word {place + 1} is not in the word list; have it spelled"
    assert not any(word.lower() in text.split() for word in (*WORDS, "zzqx") if len(word) > 5)


def test_what_is_said_of_a_wrong_word_depends_on_the_typed_words_alone() -> None:
    """The same words against any fingerprint give the same answer: no way to try words until they fit."""
    other = group_fingerprint(b"another invented key")
    typed = " ".join([*WORDS[:5], "zzqx", *WORDS[6:]])
    said = set()
    for shown in (SHOWN, other):
        with pytest.raises(ReadOutRefused) as refused:
            is_fingerprint(typed, shown)
        said.add(str(refused.value))
    assert said == {"word 6 is not in the word list; have it spelled"}


def test_words_left_out_doubled_and_swapped_are_noticed() -> None:
    """The two kinds of words alternate."""
    for typed in ([*WORDS[:4], *WORDS[5:]], [*WORDS[:4], WORDS[3], *WORDS[4:]], [WORDS[1], WORDS[0], *WORDS[2:]]):
        with pytest.raises(ReadOutRefused, match="left out, doubled or swapped"):
            parse_read_out(" ".join(typed))


@pytest.mark.parametrize("text", ["", " ", "aardvark", SHOWN[:-1], SHOWN + " 0000", "x" * (MAX_READ_OUT_CHARS + 1)])
def test_anything_else_is_refused(text: str) -> None:
    """No part of a fingerprint counts as one."""
    with pytest.raises(ReadOutRefused):
        parse_read_out(text)
    with pytest.raises(ReadOutRefused):
        parse_read_out(" ".join([*WORDS, *WORDS[:2]]))


def test_a_shortened_hex_form_is_no_fingerprint() -> None:
    """Words are made of whole fingerprints only."""
    with pytest.raises(ReadOutRefused, match="64 hex"):
        words_of(hashlib.sha256(os.urandom(4)).hexdigest()[:32])


def test_a_person_is_asked_line_by_line() -> None:
    """Four lines of eight; a line with a wrong word is asked again, alone."""
    lines = [" ".join(WORDS[start : start + 8]) for start in range(0, 32, 8)]
    typed = iter([lines[0], lines[1].replace(WORDS[9], "zzqx"), lines[1], WORDS[16], lines[2], lines[3]])
    asked: list[str] = []
    told: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(typed)

    assert is_fingerprint(ask_for_words(ask, told.append), SHOWN)
    assert told == ["word 10 is not in the word list; have it spelled", "expected 8 words, got 1"]
    assert asked == [f"words {place} to {place + 7}" for place in (1, 9, 9, 17, 17, 25)]
    assert ask_for_words(lambda _: SHOWN, told.append) == SHOWN
    assert render_words(SHOWN).splitlines()[0] == f"words  1 to  8: {lines[0]}"
