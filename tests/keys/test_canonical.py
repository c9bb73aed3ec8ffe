"""Canonical JSON: one encoding per value, and nothing but our refusal on anything else."""

from __future__ import annotations

import contextlib
import json
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from keys_material import ANY_JSON, BOUNDED, CANONICAL_VALUES

from keys.canonical import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    NotCanonical,
    _parse_strictly,
    canonical_bytes,
    parse_canonical,
)
from keys.refusal import KeysRefusal


@BOUNDED
@given(CANONICAL_VALUES)
def test_parsing_what_was_rendered_gives_the_value(value: Any) -> None:
    """parse(render(x)) == x, and JSON's own reader agrees."""
    data = canonical_bytes(value)
    assert parse_canonical(data) == value == json.loads(data)


class Term(StrEnum):
    """A text that is more than text."""

    ONE = "one"


class Number(IntEnum):
    """A number that is more than a number."""

    ONE = 1


@BOUNDED
@given(CANONICAL_VALUES)
@example({"\U0001f600": 1, "\uff00": 2, "a": [{"\uffff": None, "\U00010000": "\x7f\x1f\u2028"}]})
@example({"b": '"\\/\b\f\n\r\t\x00\x1f\x7f', "a": (True, False, None, -0, 2**53 - 1)})
@example({Term.ONE: [Term.ONE, Number.ONE], "a": OrderedDict(b=1, a=2)})
def test_the_encoding_is_that_of_the_reference(value: Any) -> None:
    """Whichever encoder writes it, the bytes are those of RFC 8785, its order of names by UTF-16 code unit included."""
    assert canonical_bytes(value) == rfc8785.dumps(value)


@BOUNDED
@given(st.binary(max_size=60) | ANY_JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
def test_bytes_parse_to_their_own_rendering_or_are_refused(data: bytes) -> None:
    """render(parse(b)) == b, and only ``NotCanonical`` escapes."""
    try:
        value = parse_canonical(data)
    except NotCanonical:
        return
    assert canonical_bytes(value) == data


@BOUNDED
@given(st.binary(max_size=60) | ANY_JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
@example(b'{"a":1,"a":1}')
@example(b"18446744073709551616")
@example(b"-0")
@example(b'"\\u0041"')
@example(b"[" * 33 + b"]" * 33)
@example(b"[" * 34 + b"]" * 34)
@example(b'{"a":' * 32 + b"1" + b"}" * 32)
@example(b'{"a":' * 33 + b"1" + b"}" * 33)
@example(b'{"a":' * 33 + b'"b"' + b"}" * 33)
@example(b'{"a":9007199254740991}')
@example(b'{"a":9007199254740992}')
@example(b'{"a":-9007199254740992}')
@example(b'{"a":"90071992547409920000"}')
@example(b'{"a":1.0}')
@example(b'{"a":[1e0]}')
@example(b'{"a":1E+400}')
@example('{"\uffff":1,"\U00010000":2}'.encode())
@example('{"\U00010000":2,"\uffff":1}'.encode())
@example(b'{"\\ud800\\udc00":2,"\\uffff":1}')
@example(b'{"\\u00e9":1}')
def test_the_fast_reader_says_what_the_strict_one_says(data: bytes) -> None:
    """Value for value and refusal for refusal."""

    def said(parse: Callable[[bytes], Any]) -> str:
        try:
            return repr(parse(data))
        except NotCanonical as refusal:
            return f"refused: {refusal}"

    assert said(parse_canonical) == said(_parse_strictly)


@BOUNDED
@given(CANONICAL_VALUES, st.integers(0), st.sampled_from([b" ", b"\n", b"0", b'"', b",", b"}", b"\xff", b"-", b"."]))
def test_a_byte_put_in_is_refused_or_another_value(value: Any, position: int, byte: bytes) -> None:
    """No two byte strings stand for one value."""
    data = canonical_bytes(value)
    at = position % (len(data) + 1)
    with contextlib.suppress(NotCanonical):
        assert parse_canonical(data[:at] + byte + data[at:]) != value


class Opaque:
    """Not a JSON value."""


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.5, "floats are not allowed"),
        ([{"a": float("nan")}], "floats are not allowed"),
        (MAX_SAFE_INTEGER + 1, "2\\^53 - 1"),
        (-MAX_SAFE_INTEGER - 1, "2\\^53 - 1"),
        ({1: "a"}, "member names must be text"),
        ({"a": {2}}, "not a JSON value"),
        (b"bytes", "not a JSON value"),
        (Opaque(), "not a JSON value"),
        ("\ud800", "no canonical form"),
        ({"\udfff": 1}, "no canonical form"),
    ],
)
def test_values_without_a_canonical_form_are_refused(value: object, why: str) -> None:
    """Each says which rule it breaks, and never the value."""
    with pytest.raises(NotCanonical, match=why):
        canonical_bytes(value)


def test_depth_is_limited() -> None:
    """So deep and no deeper, and a value that contains itself ends there too."""
    value: Any = 0
    for _ in range(MAX_DEPTH):
        value = [value]
    assert parse_canonical(canonical_bytes(value)) == value
    with pytest.raises(NotCanonical, match="nested more than 32 deep"):
        canonical_bytes([value])
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotCanonical, match="nested more than 32 deep"):
        canonical_bytes(endless)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 500 + b"]" * 500])
def test_bytes_nested_deep_are_refused_too(text: bytes) -> None:
    """The reader's own recursion limit must not show."""
    with pytest.raises(NotCanonical):
        parse_canonical(text)


@pytest.mark.parametrize("digits", [17, 4300, 4301, 100_000])
def test_long_numbers_are_refused_before_they_are_converted(digits: int) -> None:
    """The interpreter's own limit of 4,300 digits raises another error; it must not be reached."""
    with pytest.raises(NotCanonical, match="2\\^53 - 1"):
        parse_canonical(b"9" * digits)


def test_refusals_have_one_root() -> None:
    """A boundary may catch ``KeysRefusal`` and has them all."""
    assert issubclass(NotCanonical, KeysRefusal)
    assert issubclass(KeysRefusal, ValueError)
