"""Canonical JSON (RFC 8785) without floats: the one encoding of everything signed, hashed or sealed."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec
import rfc8785

from keys.refusal import KeysRefusal

MAX_DEPTH = 32
MAX_SAFE_INTEGER = 2**53 - 1
MAX_INTEGER_CHARS = 17


class NotCanonical(KeysRefusal):
    """Bytes or a value that canonical JSON without floats cannot hold."""


def canonical_bytes(value: Any) -> bytes:
    """Return the one byte string that stands for a JSON value. Raises ``NotCanonical``."""
    try:
        # The fast encoder escapes as RFC 8785 asks, but orders members by code point. The RFC's order, by UTF-16 code
        # unit (3.2.3), is the same while every name is ASCII; other names, and subclasses, take the reference's way.
        return _ENCODER.encode(value) if _require_plain(value, 0) else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical("value has no canonical form") from error


def parse_canonical(data: bytes) -> Any:
    """Parse bytes and refuse them unless they are the canonical form of what they say. Raises ``NotCanonical``."""
    # Canonical form has one reading: whatever decoder a value comes from, it is the value if it renders to these bytes.
    try:
        value = _NO_FLOATS.decode(data)
        # What cannot hold a name beyond ASCII, a long number or deep nesting needs no walk through the value.
        is_simple = data.isascii() and _LONG_NUMBER.search(data) is None and _opened(data) <= MAX_DEPTH
        if (_ENCODER.encode(value) if is_simple else canonical_bytes(value)) == data:
            return value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotCanonical):
        pass  # The other way names what is wrong.
    return _parse_strictly(data)


def _opened(data: bytes) -> int:
    """Return how deep a text may be nested at most: how many objects and arrays it may begin."""
    return data.count(b"{") + data.count(b"[")


def _parse_strictly(data: bytes) -> Any:
    """Parse with every check, in the order in which refusals name them."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotCanonical("not JSON in UTF-8") from error
    if canonical_bytes(value) != data:
        raise NotCanonical("JSON is not in canonical form (RFC 8785)")
    return value


def _require_plain(value: Any, depth: int) -> bool:
    """Raise ``NotCanonical`` for what canonical JSON cannot hold; say whether the fast encoder writes it right."""
    if depth > MAX_DEPTH:
        raise NotCanonical(f"nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if isinstance(value, dict):
        is_simple = kind is dict
        for name, item in value.items():
            if not isinstance(name, str):
                raise NotCanonical("member names must be text")
            is_simple &= type(name) is str and name.isascii()
            # Most members are text, which needs no look inside.
            if type(item) is not str or depth == MAX_DEPTH:
                is_simple &= _require_plain(item, depth + 1)
        return is_simple
    if isinstance(value, list | tuple):
        is_simple = kind is list or kind is tuple
        for item in value:
            is_simple &= _require_plain(item, depth + 1)
        return is_simple
    if isinstance(value, float):
        raise NotCanonical("floats are not allowed")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_SAFE_INTEGER:
        raise NotCanonical("whole numbers must be within 2^53 - 1")
    if not (value is None or isinstance(value, str | int)):
        raise NotCanonical("not a JSON value")
    return value is None or kind is str or kind is int or kind is bool


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object for ``json.loads``; a repeated member is ``NotCanonical``."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotCanonical("a member stands twice in one object")
    return result


def _short_integer(text: str) -> int:
    # Before ``int``: that refuses over 4,300 digits with an error of its own, and takes long below.
    if len(text) > MAX_INTEGER_CHARS:
        raise NotCanonical("whole numbers must be within 2^53 - 1")
    return int(text)


def _no_constant(_text: str) -> NoReturn:
    raise NotCanonical("floats, NaN and Infinity are not allowed")


_LONG_NUMBER = re.compile(rb"[0-9]{16}")
"""Digits that may be a number of over 2^53 - 1."""
_NO_FLOATS = msgspec.json.Decoder(float_hook=_no_constant)
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_members,
    parse_constant=_no_constant,
    parse_float=_no_constant,
    parse_int=_short_integer,
)
