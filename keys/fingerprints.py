"""Fingerprints: what people read out to each other on a second channel, so that what came on the first is right.

A fingerprint is a whole SHA-256, 32 bytes, shown as 32 words of the PGP word list (even places two syllables, odd ones
three, so that a word left out, doubled or swapped is noticed) or as 16 groups of 4 hex characters. Nothing is cut off:
finding something else with the same words costs 2^256 trials, finding two things with the same words 2^128.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from keys.canonical import canonical_bytes
from keys.jose import PublicKey
from keys.refusal import KeysRefusal

WORDS = 32
WORDS_PER_LINE = 8
MAX_READ_OUT_CHARS = 1_000
"""The longest 32 words with their blanks have 384."""
_WORD_LIST = Path(__file__).with_name("words") / "pgp-word-list.txt"
_HEX = re.compile(r"[0-9a-f]{64}")
_SEPARATORS = re.compile(r"[\s,.;-]+")


class ReadOutRefused(KeysRefusal):
    """What was typed in is no fingerprint: the text says which word, by its place, and never what was expected there.

    It is found from the words typed and the public list alone, so it tells nothing about the right fingerprint.
    """


def fingerprint(root: PublicKey) -> str:
    """Return the fingerprint of a root key in 16 groups of 4 hex characters."""
    return group_fingerprint(canonical_bytes(dict(root.jwk)))


def group_fingerprint(data: bytes) -> str:
    """Return SHA-256 of bytes for reading out: 16 groups of 4 hex characters."""
    digest = hashlib.sha256(data).hexdigest()
    return " ".join(digest[start : start + 4] for start in range(0, 64, 4))


def normalise_fingerprint(text: str) -> str:
    """Return a fingerprint in hex for comparing: lower case, blanks and hyphens dropped."""
    return "".join(text.split()).replace("-", "").lower()


def words_of(shown: str) -> tuple[str, ...]:
    """Return the 32 words of a fingerprint given in hex. Raises ``ReadOutRefused`` where it is none."""
    plain = normalise_fingerprint(shown)
    if not _HEX.fullmatch(plain):
        raise ReadOutRefused("expected a fingerprint of 64 hex characters")
    return tuple(_list()[place % 2][byte] for place, byte in enumerate(bytes.fromhex(plain)))


def render_words(shown: str) -> str:
    """Return the words of a fingerprint for reading out: four lines of eight, each with its places."""
    words = words_of(shown)
    return "\n".join(
        f"words {start + 1:>2} to {start + WORDS_PER_LINE:>2}: {' '.join(words[start : start + WORDS_PER_LINE])}"
        for start in range(0, WORDS, WORDS_PER_LINE)
    )


def parse_read_out(text: str) -> str:
    """Return the hex form of what was typed in: 32 words or 64 hex characters, in any case and grouping.

    Raises ``ReadOutRefused``.
    """
    if len(text) > MAX_READ_OUT_CHARS:
        raise ReadOutRefused(f"a fingerprint has at most {MAX_READ_OUT_CHARS} characters")
    plain = normalise_fingerprint(text)
    if _HEX.fullmatch(plain):
        return plain
    words = _split(text)
    found = _bytes_of(words, 0)
    if len(words) != WORDS:
        raise ReadOutRefused(f"expected {WORDS} words or 64 hex characters, got {len(words)} words")
    return found.hex()


def is_fingerprint(read_out: str, shown: str) -> bool:
    """Whether what was typed in is this fingerprint, compared in constant time. Raises ``ReadOutRefused``.

    Where it is not, nothing says how much of it was right: nobody is led from a wrong key's words to the right ones.
    """
    return hmac.compare_digest(parse_read_out(read_out), normalise_fingerprint(shown))


def ask_for_words(ask: Callable[[str], str], tell: Callable[[str], None]) -> str:
    """Ask a person for the words they hear, line by line; return them. A line with an unknown word is asked again.

    ``ask`` shows a question and returns what is typed, ``tell`` shows what is wrong with it. Hex is taken as well:
    whoever types 64 hex characters into the first line is asked no more.
    """
    heard: list[str] = []
    while len(heard) < WORDS:
        line = ask(f"words {len(heard) + 1} to {len(heard) + WORDS_PER_LINE}")
        if not heard and _HEX.fullmatch(normalise_fingerprint(line[:MAX_READ_OUT_CHARS])):
            return line
        words = _split(line[:MAX_READ_OUT_CHARS])
        try:
            _bytes_of(words, len(heard))
            if len(words) != WORDS_PER_LINE:
                raise ReadOutRefused(f"expected {WORDS_PER_LINE} words, got {len(words)}")
        except ReadOutRefused as error:
            tell(str(error))
            continue
        heard += words
    return " ".join(heard)


def _split(text: str) -> list[str]:
    return [word for word in _SEPARATORS.split(text) if word]


def _bytes_of(words: list[str], first: int) -> bytes:
    found = bytearray()
    for place, word in enumerate(words[:WORDS], start=first):
        here, other = _values()[place % 2], _values()[(place + 1) % 2]
        if word.lower() not in here:
            raise ReadOutRefused(
                f"word {place + 1} stands at the wrong kind of place: a word before it was left out, doubled or swapped"
                if word.lower() in other
                else f"word {place + 1} is not in the word list; have it spelled"
            )
        found.append(here[word.lower()])
    return bytes(found)


@cache
def _list() -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = [line.split() for line in _WORD_LIST.read_text(encoding="utf-8").splitlines()]
    return tuple(even for even, _ in pairs), tuple(odd for _, odd in pairs)


@cache
def _values() -> tuple[dict[str, int], dict[str, int]]:
    even, odd = _list()
    return {word.lower(): byte for byte, word in enumerate(even)}, {word.lower(): byte for byte, word in enumerate(odd)}
