"""Text of other people, made harmless to show: no control characters, no hidden direction marks, look-alikes flagged.

A note is written by somebody else and may hold terminal escapes, bidirectional overrides or letters that look like
others (Unicode Technical Reports 36 and 39). What is shown names such characters instead of obeying them; the JSON
keeps what was written.
"""

from __future__ import annotations

import re
import unicodedata

_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff]")
_UNSEEN = re.compile(
    "[\u200b\u2060-\u2065\u206a-\u206f\ufeff\u180e\ufff9-\ufffb\u115f\u1160\u3164\uffa0\U000e0000-\U000e007f]"
)
"""Zero width, invisible operators, tags, fillers: what could hide words, or make two names look like one."""
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACK = re.compile(f"({_MARK}{{6}}){_MARK}+")
"""More marks over one letter than a language writes: they would cover the lines above and below."""
_PLAIN = re.compile("[\t\n -~]*")
"""Text with nothing in it that is replaced: most of what is shown."""
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")


def neutral_text(text: str) -> str:
    """Return the text with direction overrides, controls and unseen characters replaced by visible marks.

    Of marks stacked over one letter the first six stay. Line breaks and tabs stay. Marks that names need (U+200C,
    U+200D, U+200E, U+200F, U+061C) stay.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _DIRECTION.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    text = _UNSEEN.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)
    return _STACK.sub("\\1\N{REPLACEMENT CHARACTER}", text)


def has_mixed_scripts(text: str) -> bool:
    """Whether one word mixes letters of scripts that hold look-alikes, such as Latin and Cyrillic."""
    if _PLAIN.fullmatch(text):
        return False
    return any(len(_scripts(word)) > 1 for word in text.split())


def _scripts(word: str) -> set[str]:
    found = set()
    for char in word:
        if char.isalpha():
            script = unicodedata.name(char, "").split(" ", 1)[0]
            if script in _SCRIPTS:
                found.add(script)
    return found
