"""Invented keys, headers and arbitrary JSON for the tests of ``keys``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from keys.jose import b64u, b64u_decode
from keys.private import PrivateKey
from keys.refusal import KeysRefusal
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header, Malformed
from policies.vocabulary import Category

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None, database=None)
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
CASE, OTHER_CASE, CHANNEL, FRAGMENT = "a" * 32, "b" * 32, "c" * 32, "d" * 32
OUR_REFUSALS = (KeysRefusal, Malformed)

PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
"""Values that canonical JSON without floats holds."""


def containers(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Give nested lists and objects of the leaves."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    )


CANONICAL_VALUES = containers(PLAIN, st.text(max_size=8))
CONTENTS = st.dictionaries(st.text(max_size=8), CANONICAL_VALUES, max_size=6)
ANY_JSON = containers(
    PLAIN | st.floats() | st.integers(-(10**40), 10**40) | st.sampled_from(["A", "AAAA", "Ed25519", "\ud800", "é" * 9]),
    st.sampled_from(["kty", "crv", "alg", "x", "pub", "protected", "iv", "ciphertext", "tag", "id", "\ud800", ""]),
)


def objects_with(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Give objects with exactly these members and any values: form right, content anything."""
    return st.fixed_dictionaries(dict.fromkeys(names, ANY_JSON))


@cache
def key(alg: str, name: str = "one") -> PrivateKey:
    """Return a fixed private key."""
    return PrivateKey(alg, hashlib.shake_256(f"{alg} {name}".encode()).digest(48 if alg == "ES384" else 32))


def header(*, case: str = CASE, fragment: str = FRAGMENT) -> Header:
    """Return a header whose commitment is filled in on sealing."""
    return Header(
        fragment=FragmentId(fragment),
        case=CaseId(case),
        agency=AgencyId("example-police"),
        category=Category.NARRATIVE,
        handling=Handling(),
        version=1,
        supersedes=None,
        sealed_at=AT,
        commitment="0" * 64,
    )


def second_version(first: Header) -> Header:
    """Return the header of what supersedes it."""
    return replace(first, fragment=FragmentId("e" * 32), version=2, supersedes=first.fragment)


def flipped_bits(text: str) -> Iterator[str]:
    """Give b64u text with each single bit of its bytes flipped."""
    data = b64u_decode(text, max_bytes=2**20)
    for position in range(len(data) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        yield b64u(bytes(changed))


def outcome(call: Callable[..., object], *args: object) -> str:
    """Return ``accepted``, or class and text of the refusal. Any other exception escapes and fails the test."""
    try:
        call(*args)
    except OUR_REFUSALS as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    return "accepted"


def hides(secret: bytes, *shown: str) -> bool:
    """Whether none of the texts shows the secret in hex, base64url, as a number or as Python bytes."""
    forms = (
        secret.hex(),
        b64u(secret),
        str(int.from_bytes(secret, "big")),
        repr(secret)[2:-1],
        str(list(secret))[1:-1],
    )
    return not any(form[:12] in text for form in forms for text in shown)
