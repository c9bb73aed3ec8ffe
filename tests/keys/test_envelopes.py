"""Envelopes: what the hub can check of a sealed fragment, channel or grant without opening it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys_material import ANY_JSON, BOUNDED, CASE, CHANNEL, header, key, objects_with, outcome, second_version

from keys.canonical import canonical_bytes
from keys.envelopes import (
    BUCKET_BYTES,
    EnvelopeRefused,
    SealedChannel,
    SealedFragment,
    as_general_jwe,
    require_wrapped_key,
    verify_fragment,
    wrapped_key_digest,
)
from keys.jose import b64u, b64u_decode, encode_json, sign_compact
from keys.sealing import make_channel, parse_header, seal

FRAGMENT, _ = seal({"summary": "x"}, header(), key("Ed25519"))
CHANNEL_JWE = make_channel(CASE, "example-police", key("HPKE-9-KE").public, CHANNEL)[0].to_jwe()
PARTS = ("protected", "iv", "ciphertext", "tag")
CHANNEL_PARTS = ("protected", "encrypted_key", "iv", "ciphertext", "tag")


def fragment_with(**change: Any) -> dict[str, Any]:
    return {**FRAGMENT.to_jwe(), "protected": encode_json({**FRAGMENT.header.to_json(), **change})}


def channel_with(**change: Any) -> dict[str, Any]:
    return {**CHANNEL_JWE, "protected": encode_json({**parse_header(CHANNEL_JWE["protected"]), **change})}


def test_a_fragment_parses_to_itself() -> None:
    """parse(render(x)) == x, for a first and a later version."""
    assert SealedFragment.parse(FRAGMENT.to_jwe(), FRAGMENT.jws) == FRAGMENT
    later, _ = seal({}, second_version(header()), key("ES256"))
    assert SealedFragment.parse(later.to_jwe(), later.jws) == later


def test_a_channel_parses_to_itself() -> None:
    """parse(render(x)) == x; the recipient is the header's kid."""
    channel = SealedChannel.parse(CHANNEL_JWE)
    assert channel.to_jwe() == CHANNEL_JWE
    assert channel.recipient == key("HPKE-9-KE").public.kid


def test_digests_are_over_the_parts_joined_by_full_stops() -> None:
    """docs/protocol.md sections 4 and 5."""
    text = ".".join(FRAGMENT.to_jwe()[name] for name in PARTS)
    assert FRAGMENT.digest == hashlib.sha256(text.encode()).hexdigest()
    text = ".".join(CHANNEL_JWE[name] for name in CHANNEL_PARTS)
    assert SealedChannel.parse(CHANNEL_JWE).digest == hashlib.sha256(text.encode()).hexdigest()


@BOUNDED
@given(ANY_JSON | objects_with(PARTS), ANY_JSON)
def test_only_our_refusal_escapes_from_any_fragment(jwe: Any, jws: Any) -> None:
    """Nothing arbitrary is a fragment."""
    assert outcome(SealedFragment.parse, jwe, jws).startswith("EnvelopeRefused")


@BOUNDED
@given(st.sampled_from(sorted(FRAGMENT.header.to_json())), ANY_JSON)
def test_only_our_refusal_escapes_from_any_header_member(name: str, value: Any) -> None:
    """Each member in turn is anything: it is refused, or it is what it says in one spelling."""
    try:
        jwe = fragment_with(**{name: value})
    except ValueError:
        return
    if outcome(SealedFragment.parse, jwe, FRAGMENT.jws) == "accepted":
        parsed = SealedFragment.parse(jwe, FRAGMENT.jws).header
        assert encode_json(parsed.to_json()) == jwe["protected"]


@BOUNDED
@given(ANY_JSON | objects_with(CHANNEL_PARTS))
def test_only_our_refusal_escapes_from_any_channel(jwe: Any) -> None:
    """Nothing arbitrary is a channel."""
    assert outcome(SealedChannel.parse, jwe).startswith("EnvelopeRefused")


@BOUNDED
@given(st.sampled_from(["alg", "cty", "ek", "enc", "kid", "typ"]), ANY_JSON)
def test_no_channel_header_member_may_be_anything(name: str, value: Any) -> None:
    """Each member in turn is anything but what it was."""
    try:
        jwe = channel_with(**{name: value})
    except ValueError:
        return
    assert outcome(SealedChannel.parse, jwe).startswith("EnvelopeRefused: channel")


@pytest.mark.parametrize("member", ["crit", "b64", "jku", "jwk", "x5u", "zip", "alg", "kid", "apu", "p2c"])
def test_no_further_header_member_is_taken(member: str) -> None:
    """Neither by a fragment nor, but for its own two, by a channel."""
    with pytest.raises(EnvelopeRefused, match="unknown members"):
        SealedFragment.parse(fragment_with(**{member: "x"}), FRAGMENT.jws)
    with pytest.raises(EnvelopeRefused):
        SealedChannel.parse(channel_with(**{member: "x"}))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_fragment_is_needed_and_exact(part: str) -> None:
    """Missing, empty, padded, a byte less, a byte more, not text."""
    jwe = FRAGMENT.to_jwe()
    raw = b64u_decode(jwe[part])
    bad: list[Any] = ["", jwe[part] + "=", b64u(raw[:-1]), b64u(raw + b"\0"), "\u00e9", None, 1, [jwe[part]]]
    for value in bad:
        with pytest.raises(EnvelopeRefused, match="sealed fragment"):
            SealedFragment.parse({**jwe, part: value}, FRAGMENT.jws)
    with pytest.raises(EnvelopeRefused, match="missing members"):
        SealedFragment.parse({name: jwe[name] for name in PARTS if name != part}, FRAGMENT.jws)


@pytest.mark.parametrize("part", CHANNEL_PARTS)
def test_each_part_of_a_channel_is_needed_and_exact(part: str) -> None:
    """The same, and so no byte moves between neighbours."""
    raw = b64u_decode(CHANNEL_JWE[part])
    bad: list[Any] = [
        "",
        CHANNEL_JWE[part] + "=",
        b64u(raw[:-1]),
        b64u(raw + b"\0"),
        "\u00e9",
        None,
        1,
        [CHANNEL_JWE[part]],
    ]
    for value in bad:
        with pytest.raises(EnvelopeRefused, match="channel"):
            SealedChannel.parse({**CHANNEL_JWE, part: value})
    with pytest.raises(EnvelopeRefused, match="missing members"):
        SealedChannel.parse({name: CHANNEL_JWE[name] for name in CHANNEL_PARTS if name != part})


def test_the_encapsulated_secret_has_one_size() -> None:
    """1120 bytes: 1088 of ML-KEM-768, 32 of X25519."""
    ek = b64u_decode(parse_header(CHANNEL_JWE["protected"])["ek"])
    assert len(ek) == 1120
    for bad in (ek[:-1], ek + b"\0", b""):
        with pytest.raises(EnvelopeRefused):
            SealedChannel.parse(channel_with(ek=b64u(bad)))


def test_a_second_spelling_of_a_header_member_is_refused() -> None:
    """``true`` equals 1 in the language, not in the protocol; a time has one spelling."""
    for change in ({"schema": True}, {"sealed_at": "2026-01- 1T12:00:00Z"}):
        with pytest.raises(EnvelopeRefused, match="expected"):
            SealedFragment.parse(fragment_with(**change), FRAGMENT.jws)


def test_sizes_are_buckets_only() -> None:
    """Every bucket passes, what lies between does not."""
    assert (BUCKET_BYTES[0], BUCKET_BYTES[-1], len(BUCKET_BYTES)) == (1024, 1024 * 1024, 11)
    for bucket in BUCKET_BYTES:
        SealedFragment.parse({**FRAGMENT.to_jwe(), "ciphertext": b64u(bytes(bucket))}, FRAGMENT.jws)
    for size in (0, 1, 1023, 1025, 3 * 1024, 1024 * 1024 + 1, 2 * 1024 * 1024):
        with pytest.raises(EnvelopeRefused):
            SealedFragment.parse({**FRAGMENT.to_jwe(), "ciphertext": b64u(bytes(size))}, FRAGMENT.jws)


@pytest.mark.parametrize("jws", [None, 1, b"x", ["x"], "x" * 1025])
def test_a_signature_that_is_no_short_text_is_refused(jws: Any) -> None:
    """Before anything is taken apart."""
    with pytest.raises(EnvelopeRefused, match="at most 1024 characters"):
        SealedFragment.parse(FRAGMENT.to_jwe(), jws)


def test_the_signature_must_be_over_this_fragment() -> None:
    """Another fragment's, another key's, another type's, another payload's, none."""
    signer = key("Ed25519")
    payload = canonical_bytes({"sha256": FRAGMENT.digest})
    assert verify_fragment(FRAGMENT, signer.public) == FRAGMENT.digest
    other, _ = seal({}, header(), signer)
    wrong = {
        other.jws: "over other bytes",
        sign_compact(payload, "nrmhub-fragment+jws", key("Ed25519", "other")): "expected key",
        sign_compact(payload, "nrmhub-pull+jws", signer): "expected type",
        sign_compact(payload + b" ", "nrmhub-fragment+jws", signer): "over other bytes",
        sign_compact(
            b'{"note":"","sha256":"' + FRAGMENT.digest.encode() + b'"}', "nrmhub-fragment+jws", signer
        ): "other",
        "": "three parts",
    }
    for jws, why in wrong.items():
        with pytest.raises(EnvelopeRefused, match=why):
            verify_fragment(SealedFragment.parse(FRAGMENT.to_jwe(), jws), signer.public)


def test_a_wrapped_key_has_40_bytes() -> None:
    """And one spelling."""
    good = b64u(bytes(range(40)))
    assert require_wrapped_key(good) == good
    assert wrapped_key_digest(good) == hashlib.sha256(bytes(range(40))).hexdigest()
    for bad in (b64u(bytes(39)), b64u(bytes(41)), b64u(bytes(24)), good + "=", good + "A", "", None, 1, b"A" * 54):
        with pytest.raises(EnvelopeRefused, match="40 bytes"):
            require_wrapped_key(bad)


def test_the_general_serialization_is_that_of_rfc_7516() -> None:
    """The four parts and one recipient (section 7.2.1)."""
    wrapped = b64u(bytes(40))
    recipients = [{"header": {"alg": "A256KW", "kid": CHANNEL}, "encrypted_key": wrapped}]
    assert as_general_jwe(FRAGMENT, wrapped, CHANNEL) == {**FRAGMENT.to_jwe(), "recipients": recipients}
