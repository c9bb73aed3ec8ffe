"""Text of other people, made harmless to show: no control characters, no hidden direction marks, look-alikes flagged.

A note is written by somebody else and may hold terminal escapes, bidirectional overrides or letters that look like
others (Unicode Technical Reports 36 and 39). What is shown names such characters instead of obeying them; the JSON
keeps what was written.
"""

from __future__ import annotations

import re
import unicodedata

_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff]")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")


def neutral_text(text: str) -> str:
    """Return the text with direction overrides, controls and zero-width characters replaced by visible marks.

    Line breaks and tabs stay. Marks that names need (U+200C, U+200D, U+200E, U+200F, U+061C) stay.
    """
    text = _DIRECTION.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return _ZERO_WIDTH.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)


def has_mixed_scripts(text: str) -> bool:
    """Whether one word mixes letters of scripts that hold look-alikes, such as Latin and Cyrillic."""
    return any(len(_scripts(word)) > 1 for word in text.split())


def _scripts(word: str) -> set[str]:
    found = set()
    for char in word:
        if char.isalpha():
            script = unicodedata.name(char, "").split(" ", 1)[0]
            if script in _SCRIPTS:
                found.add(script)
    return found
