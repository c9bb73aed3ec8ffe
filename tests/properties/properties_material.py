"""What the property tests draw from: profiles, values of the protocol, and inputs that are nearly right.

``PROPERTIES=search`` looks longer and elsewhere each time; without it every run draws the same examples.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from keys.jose import b64u, b64u_decode
from keys.refusal import KeysRefusal
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header, Malformed
from policies.rules import BundleRefused
from policies.vocabulary import Category, HandlingCode, HandlingInstruction
from tests.keys.keys_material import ANY_JSON, CANONICAL_VALUES, key

_BASE = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _BASE, derandomize=True, max_examples=60)
settings.register_profile("search", _BASE, derandomize=False, max_examples=2000)
PROFILE = settings.get_profile(os.environ.get("PROPERTIES", "same"))
FEW = settings(PROFILE, max_examples=max(25, PROFILE.max_examples // 3))
"""For what takes milliseconds to make."""

SIGNING = ("Ed25519", "ES256", "ES384")
OUR_REFUSALS = (KeysRefusal, Malformed, BundleRefused)

IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
AGENCIES = st.from_regex(r"[a-z][a-z0-9-]{1,39}", fullmatch=True).map(AgencyId)
TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
CONTENTS = st.dictionaries(st.text(max_size=12), CANONICAL_VALUES, max_size=6)
SIGNERS = st.sampled_from(SIGNING).map(key)


def sets_of(terms: type[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Give sorted tuples of terms, each once."""
    return st.frozensets(st.sampled_from(list(terms))).map(lambda chosen: tuple(sorted(chosen)))


HANDLINGS = st.builds(Handling, st.sampled_from(HandlingCode), sets_of(HandlingInstruction))


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Give any header of a fragment; its commitment is filled in on sealing."""
    version = draw(st.integers(1, 9999))
    return Header(
        fragment=FragmentId(draw(IDS)),
        case=CaseId(draw(IDS)),
        agency=draw(AGENCIES),
        category=draw(st.sampled_from(Category)),
        handling=draw(HANDLINGS),
        version=version,
        supersedes=None if version == 1 else FragmentId(draw(IDS)),
        sealed_at=draw(TIMES),
        commitment="0" * 64,
    )


def flip(text: str, position: int) -> str:
    """Return b64u text with one bit of its bytes flipped; the position wraps around."""
    data = bytearray(b64u_decode(text, max_bytes=2**21))
    place = position % (len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    return b64u(bytes(data))


POSITIONS = st.integers(0, 2**31)


@st.composite
def near_text(draw: st.DrawFn, text: str) -> str:
    """Give a text that was cut, doubled, or changed at one place."""
    at = draw(st.integers(0, len(text)))
    to = draw(st.integers(at, len(text)))
    put = draw(st.text(max_size=3) | st.sampled_from([".", "=", "\n", "\0", "-", "_", " ", "+", "\ud800", text[at:to]]))
    return draw(st.sampled_from([text[:at], text[at:], text[:at] + put + text[to:], text[:at] + put + text[at:]]))


@st.composite
def near_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Give bytes that were cut, doubled, or changed at one place."""
    at = draw(st.integers(0, len(data)))
    to = draw(st.integers(at, len(data)))
    put = draw(st.binary(max_size=3) | st.just(data[at:to]))
    return draw(st.sampled_from([data[:at], data[at:], data[:at] + put + data[to:], data[:at] + put + data[at:]]))


@st.composite
def near(draw: st.DrawFn, value: Any) -> Any:
    """Give a JSON value in which one member, item or leaf is gone, doubled, added, or anything else."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        name = draw(st.sampled_from(sorted(value)))
        match draw(st.sampled_from(["inside", "inside", "inside", "gone", "added"])):
            case "gone":
                return {member: item for member, item in value.items() if member != name}
            case "added":
                return {**value, draw(st.text(max_size=6)): draw(ANY_JSON)}
        return {**value, name: draw(near(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(value) - 1))
        match draw(st.sampled_from(["inside", "inside", "gone", "doubled"])):
            case "gone":
                return [*value[:at], *value[at + 1 :]]
            case "doubled":
                return [*value[: at + 1], *value[at:]]
        return [*value[:at], draw(near(value[at])), *value[at + 1 :]]
    if isinstance(value, str) and draw(st.booleans()):
        return draw(near_text(value))
    return draw(ANY_JSON)


ANYTHING = ANY_JSON | st.binary(max_size=60) | st.text(max_size=60)
"""What may arrive where our functions take any object."""


def outcome(call: Callable[..., object], *args: object) -> str:
    """Return ``accepted``, or class and text of the refusal. Any other exception escapes and fails the test."""
    try:
        call(*args)
    except OUR_REFUSALS as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    return "accepted"
