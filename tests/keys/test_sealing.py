"""Seal and open: what went in comes out, and nothing else ever does."""

from __future__ import annotations

import hashlib
import json
import traceback
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st
from keys_material import (
    ANY_JSON,
    BOUNDED,
    CASE,
    CHANNEL,
    CONTENTS,
    FRAGMENT,
    OTHER_CASE,
    flipped_bits,
    header,
    hides,
    key,
    objects_with,
    outcome,
)

from keys.canonical import canonical_bytes
from keys.envelopes import BUCKET_BYTES, SealedChannel, SealedFragment, verify_fragment
from keys.jose import KeyRefused, b64u, b64u_decode, encode_json
from keys.sealing import (
    ChannelKey,
    ContentKey,
    ContentRefused,
    OpenRefused,
    commitment,
    decrypt_a256gcm,
    decrypt_hpke9,
    make_channel,
    open_channel,
    open_fragment,
    pad,
    parse_header,
    seal,
    unwrap,
    wrap,
)

SIGNER, RECIPIENT = key("Ed25519"), key("HPKE-9-KE")
REFUSED = f"OpenRefused: {OpenRefused()}"
SEALED, CEK = seal({"summary": "Ann Example was here"}, header(), SIGNER)
SEALED_CHANNEL, KEK = make_channel(CASE, "example-police", RECIPIENT.public, CHANNEL)


def opened_channel(channel: SealedChannel) -> str:
    return outcome(open_channel, channel, CASE, "example-police", CHANNEL, RECIPIENT)


def sealed_by_hand(plaintext: bytes, cek: ContentKey = CEK, committed: ContentKey = CEK) -> SealedFragment:
    made = replace(header(), commitment=commitment(FRAGMENT, committed))
    protected = encode_json(made.to_json())
    sealed = AESGCM(cek.secret).encrypt(bytes(12), plaintext, protected.encode())
    return SealedFragment(protected, b64u(bytes(12)), b64u(sealed[:-16]), b64u(sealed[-16:]), "", made)


# Fragments


@BOUNDED
@given(CONTENTS)
def test_what_was_sealed_opens(content: dict[str, Any]) -> None:
    """open(seal(x)) == x, over the wire form and a grant."""
    sealed, cek = seal(content, header(), SIGNER)
    received = SealedFragment.parse(sealed.to_jwe(), sealed.jws)
    assert verify_fragment(received, SIGNER.public) == sealed.digest
    assert open_fragment(received, unwrap(wrap(cek, KEK), KEK)) == content


@BOUNDED
@given(CONTENTS)
def test_the_content_stands_nowhere_in_the_clear(content: dict[str, Any]) -> None:
    """Padded size is a bucket; two sealings of the same share neither key, iv nor ciphertext."""
    one, other = (seal(content, header(), SIGNER) for _ in range(2))
    assert len(b64u_decode(one[0].ciphertext, max_bytes=2**20)) in BUCKET_BYTES
    assert one[1] != other[1]
    assert {one[0].iv, one[0].ciphertext, one[0].tag}.isdisjoint({other[0].iv, other[0].ciphertext, other[0].tag})


@pytest.mark.parametrize("part", ["protected", "iv", "ciphertext", "tag"])
def test_every_flipped_bit_of_a_fragment_is_refused_in_the_same_words(part: str) -> None:
    """Each part, each bit: neither does the signature hold, nor does it open."""
    tried = 0
    for changed in flipped_bits(getattr(SEALED, part)):
        damaged = replace(SEALED, **{part: changed})
        assert outcome(open_fragment, damaged, CEK) == REFUSED
        tried += 1
        if tried % 64 == 0:
            assert outcome(verify_fragment, damaged, SIGNER.public).startswith("EnvelopeRefused")
    assert tried == 8 * len(b64u_decode(getattr(SEALED, part)))


def test_every_flipped_bit_of_the_content_key_is_refused_in_the_same_words() -> None:
    """The commitment sees it."""
    changed = [ContentKey(b64u_decode(text)) for text in flipped_bits(b64u(CEK.secret))]
    assert len(changed) == 256
    assert {outcome(open_fragment, SEALED, cek) for cek in changed} == {REFUSED}


def test_a_ciphertext_of_another_case_does_not_open() -> None:
    """Attack 9: header of one, ciphertext of the other, with either key, in either direction."""
    other, other_cek = seal({"summary": "another child"}, header(case=OTHER_CASE, fragment="e" * 32), SIGNER)
    for mixed, cek in (
        (replace(SEALED, iv=other.iv, ciphertext=other.ciphertext, tag=other.tag), other_cek),
        (replace(SEALED, iv=other.iv, ciphertext=other.ciphertext, tag=other.tag), CEK),
        (replace(SEALED, ciphertext=other.ciphertext), CEK),
        (replace(other, protected=SEALED.protected, header=SEALED.header), other_cek),
        (replace(other, protected=SEALED.protected, header=SEALED.header), CEK),
        (replace(other, protected=SEALED.protected), other_cek),
        (SEALED, other_cek),
    ):
        assert outcome(open_fragment, mixed, cek) == REFUSED
        if mixed is not SEALED:
            assert outcome(verify_fragment, mixed, SIGNER.public).startswith("EnvelopeRefused")


def test_the_same_key_under_another_header_does_not_open() -> None:
    """Every member of the header is bound, one by one."""
    changes: dict[str, Any] = {
        "case": OTHER_CASE,
        "agency": "example-council",
        "category": "identity",
        "handling": {"code": "C", "instructions": []},
        "sealed_at": "2026-01-31T12:00:01Z",
    }
    for name, value in changes.items():
        protected = encode_json({**SEALED.header.to_json(), name: value})
        parsed = SealedFragment.parse({**SEALED.to_jwe(), "protected": protected}, SEALED.jws)
        assert outcome(open_fragment, parsed, CEK) == REFUSED, name


def test_a_key_that_is_not_committed_to_does_not_open() -> None:
    """Even where the decryption would succeed: one ciphertext, one key."""
    other = ContentKey(bytes(32))
    assert outcome(open_fragment, sealed_by_hand(b"{}", cek=other, committed=CEK), other) == REFUSED
    assert outcome(open_fragment, sealed_by_hand(b"{}", cek=other, committed=other), other) == "accepted"


def test_the_commitment_is_that_of_the_protocol() -> None:
    """Section 4, number 4: label, nought, id, key."""
    text = b"nrmhub-commitment-v1\0" + FRAGMENT.encode() + CEK.secret
    assert SEALED.header.commitment == commitment(FRAGMENT, CEK) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b" " * 64,
        b"[]",
        b"null",
        b'"text"',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1.5}',
        b"{}\0",
        b"{}\n",
        b" {}",
        b"\xff",
    ],
)
def test_content_that_is_not_a_canonical_object_is_refused_in_the_same_words(plaintext: bytes) -> None:
    """The originator's own doing, and still no word about how it failed."""
    assert outcome(open_fragment, sealed_by_hand(plaintext), CEK) == REFUSED


def test_a_refusal_carries_no_plaintext_in_its_cause() -> None:
    """What a parser's error keeps of its input ends here."""
    damaged = sealed_by_hand(b'{"name":"Ann Example"')
    with pytest.raises(OpenRefused) as refusal:
        open_fragment(damaged, CEK)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
    assert "Ann" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("bucket", BUCKET_BYTES)
def test_padding_fills_the_smallest_bucket(bucket: int) -> None:
    """Exactly full stays; one byte more takes the next bucket, or is refused after the last."""
    assert len(pad(bytes(bucket))) == bucket
    assert pad(b"{}".ljust(bucket // 2 + 1, b"x")).rstrip(b" ") == b"{}".ljust(bucket // 2 + 1, b"x")
    if bucket == BUCKET_BYTES[-1]:
        with pytest.raises(ContentRefused, match="the limit is 1048576; split it"):
            pad(bytes(bucket + 1))
    else:
        assert len(pad(bytes(bucket + 1))) == 2 * bucket


def test_what_cannot_be_sealed_is_refused() -> None:
    """Floats, other objects, and more than the largest bucket; the words hold no content."""
    for content in ({"Ann": 1.5}, {"Ann": {1, 2}}, {"Ann": "x" * 2**20}, {"Ann": "\ud800"}):
        with pytest.raises(ContentRefused) as refusal:
            seal(content, header(), SIGNER)
        assert "Ann" not in str(refusal.value)


def test_the_largest_content_is_sealed_and_opens() -> None:
    """One mebibyte to the byte."""
    content = {"text": "x" * (2**20 - len('{"text":""}'))}
    sealed, cek = seal(content, header(), SIGNER)
    assert open_fragment(SealedFragment.parse(sealed.to_jwe(), sealed.jws), cek) == content


def test_only_a_signing_key_seals() -> None:
    """No fragment leaves without a signature a receiver can check."""
    for alg in ("HPKE-9-KE", "ML-DSA-44"):
        with pytest.raises(KeyRefused, match="does not sign statements"):
            seal({}, header(), key(alg))


# Channels and grants


@BOUNDED
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_what_was_made_for_a_key_opens_with_it(case: bytes, channel: bytes) -> None:
    """Over the wire form."""
    sealed, made = make_channel(case.hex(), "example-police", RECIPIENT.public, channel.hex())
    received = SealedChannel.parse(sealed.to_jwe())
    assert open_channel(received, case.hex(), "example-police", channel.hex(), RECIPIENT) == made


@pytest.mark.parametrize("part", ["encrypted_key", "iv", "ciphertext", "tag"])
def test_every_flipped_bit_of_a_channel_is_refused_in_the_same_words(part: str) -> None:
    """Each part, each bit."""
    damaged = [replace(SEALED_CHANNEL, **{part: changed}) for changed in flipped_bits(getattr(SEALED_CHANNEL, part))]
    assert len(damaged) == 8 * len(b64u_decode(getattr(SEALED_CHANNEL, part)))
    assert {opened_channel(channel) for channel in damaged} == {REFUSED}


def test_flipped_bits_of_a_channel_header_are_refused_in_the_same_words() -> None:
    """Every 37th bit of the 1,633 bytes, and every bit of the first twelve: the KEM is slower than a cipher."""
    changed = list(flipped_bits(SEALED_CHANNEL.protected))
    chosen = changed[:96] + changed[96::37]
    assert len(chosen) > 400
    assert {opened_channel(replace(SEALED_CHANNEL, protected=text)) for text in chosen} == {REFUSED}


@pytest.mark.parametrize(
    ("case", "originator", "channel"),
    [(OTHER_CASE, "example-police", CHANNEL), (CASE, "example-council", CHANNEL), (CASE, "example-police", OTHER_CASE)],
)
def test_a_channel_opens_in_its_own_context_only(case: str, originator: str, channel: str) -> None:
    """Case, originator and channel id are bound; so is the recipient, below."""
    assert outcome(open_channel, SEALED_CHANNEL, case, originator, channel, RECIPIENT) == REFUSED


def test_a_channel_opens_with_its_own_key_only() -> None:
    """Another HPKE key, a key of another kind, and our key where the header names another."""
    for other in (key("HPKE-9-KE", "other"), key("Ed25519"), key("ES256"), key("ML-DSA-44")):
        assert outcome(open_channel, SEALED_CHANNEL, CASE, "example-police", CHANNEL, other) == REFUSED
    assert opened_channel(replace(SEALED_CHANNEL, recipient=key("HPKE-9-KE", "other").public.kid)) == REFUSED


def test_a_channel_is_made_for_an_hpke_key_only() -> None:
    """Nothing is wrapped to a signing key."""
    with pytest.raises(KeyRefused, match="expected an HPKE-9-KE key"):
        make_channel(CASE, "example-police", key("Ed25519").public, CHANNEL)


@pytest.mark.parametrize(
    "jwk",
    [
        {"alg": "A256KW", "k": b64u(bytes(32)), "kid": OTHER_CASE, "kty": "oct"},
        {"alg": "A128KW", "k": b64u(bytes(32)), "kid": CHANNEL, "kty": "oct"},
        {"alg": "A256KW", "k": b64u(bytes(16)), "kid": CHANNEL, "kty": "oct"},
        {"alg": "A256KW", "k": b64u(bytes(32)), "kid": CHANNEL, "kty": "oct", "use": "enc"},
        {"alg": "A256KW", "k": 7, "kid": CHANNEL, "kty": "oct"},
        {"alg": "A256KW", "kid": CHANNEL, "kty": "oct"},
        ["k"],
        "k",
        7,
        None,
    ],
)
def test_what_a_channel_holds_must_be_its_own_jwk(jwk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender's mistake or trick inside the encryption is refused in the same words."""
    monkeypatch.setattr("keys.sealing.decrypt_hpke9", lambda *_: canonical_bytes(jwk))
    assert opened_channel(SEALED_CHANNEL) == REFUSED


def jwe_by_hand(**change: Any) -> dict[str, str]:
    """A JWE that decrypts but for what its header says; ``split`` moves the border between ek and encrypted key."""
    split = change.pop("split", 1120)
    content_key = bytes(32)
    encapsulated = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM).encrypt(
        content_key, RECIPIENT.public.hpke(), b"info"
    )
    members = {"alg": "HPKE-9-KE", "enc": "A256GCM", "ek": b64u(encapsulated[:split]), **change}
    protected = b64u(json.dumps(members).encode())
    sealed = AESGCM(content_key).encrypt(bytes(12), b"text", protected.encode())
    return {
        "protected": protected,
        "encrypted_key": b64u(encapsulated[split:]),
        "iv": b64u(bytes(12)),
        "ciphertext": b64u(sealed[:-16]),
        "tag": b64u(sealed[-16:]),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "HPKE-0-KE"},
        {"alg": "HPKE-9"},
        {"alg": None},
        {"enc": "A128GCM"},
        {"enc": None},
        {"split": 1119},
        {"split": 1121},
        {"split": 1168},
        {"crit": ["alg"]},
        {"zip": "DEF"},
        {"b64": True},
    ],
)
def test_a_jwe_that_would_decrypt_is_refused_for_what_its_header_says(change: dict[str, Any]) -> None:
    """The algorithm is ours or none; borders between parts are fixed."""
    assert decrypt_hpke9(jwe_by_hand(), RECIPIENT, b"info") == b"text"
    assert outcome(decrypt_hpke9, jwe_by_hand(**change), RECIPIENT, b"info") == REFUSED


def test_iv_and_tag_of_a_jwe_have_one_size() -> None:
    """Bytes moved between ciphertext and tag would decrypt to the same; so the border is fixed, as is the IV."""
    jwe = jwe_by_hand()
    whole = b64u_decode(jwe["ciphertext"]) + b64u_decode(jwe["tag"])
    for cut in (len(whole), len(whole) - 15, len(whole) - 17, 0):
        moved = {**jwe, "ciphertext": b64u(whole[:cut]), "tag": b64u(whole[cut:])}
        assert outcome(decrypt_hpke9, moved, RECIPIENT, b"info") == REFUSED
    long_iv = AESGCM(bytes(32)).encrypt(bytes(16), b"text", jwe["protected"].encode())
    other = {"iv": b64u(bytes(16)), "ciphertext": b64u(long_iv[:-16]), "tag": b64u(long_iv[-16:])}
    assert outcome(decrypt_hpke9, {**jwe, **other}, RECIPIENT, b"info") == REFUSED


def test_a_header_member_may_not_stand_twice() -> None:
    """Also where the header need not be canonical; the last one does not silently win."""
    with pytest.raises(ValueError, match="stands twice"):
        parse_header(b64u(b'{"alg": "none", "alg": "HPKE-9-KE"}'))


JWE_PARTS = ("protected", "encrypted_key", "iv", "ciphertext", "tag")


@BOUNDED
@given(ANY_JSON | objects_with(JWE_PARTS), st.binary(max_size=8))
def test_only_open_refused_escapes_from_any_jwe(jwe: Any, info: bytes) -> None:
    """In the same words, whatever it is."""
    assert outcome(decrypt_hpke9, jwe, RECIPIENT, info) == REFUSED


@BOUNDED
@given(ANY_JSON | objects_with(("alg", "enc", "ek")), st.binary(max_size=60))
def test_only_open_refused_escapes_from_any_header(value: Any, other: bytes) -> None:
    """JSON of any shape, then bytes of any kind, as the protected header."""
    jwe = SEALED_CHANNEL.to_jwe()
    assert outcome(decrypt_hpke9, {**jwe, "protected": b64u(json.dumps(value).encode())}, RECIPIENT, b"") == REFUSED
    assert outcome(decrypt_hpke9, {**jwe, "protected": b64u(other)}, RECIPIENT, b"") == REFUSED


@pytest.mark.parametrize("text", [b"[" * 3000, b'{"a":' * 600, b"9" * 4096, b"{}" + b" " * 4096])
def test_deep_long_or_large_headers_are_refused(text: bytes) -> None:
    """No recursion error, no slow number, no header beyond its limit."""
    assert outcome(decrypt_hpke9, {**SEALED_CHANNEL.to_jwe(), "protected": b64u(text)}, RECIPIENT, b"") == REFUSED


@pytest.mark.parametrize("member", ["crit", "b64", "jku", "jwk", "x5u", "zip"])
def test_header_members_refused_wherever_they_stand(member: str) -> None:
    """Section 2, also in another library's header."""
    header_with = {**parse_header(SEALED_CHANNEL.protected), member: "x"}
    with pytest.raises(ValueError, match="refused everywhere"):
        parse_header(encode_json(header_with))


def test_every_flipped_bit_of_a_grant_is_refused_in_the_same_words() -> None:
    """Key wrap is authenticated."""
    changed = list(flipped_bits(wrap(CEK, KEK)))
    assert len(changed) == 320
    assert {outcome(unwrap, text, KEK) for text in changed} == {REFUSED}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "=",
        "\u00e9",
        b64u(bytes(40)),
        b64u(bytes(39)),
        b64u(aes_key_wrap(KEK.secret, bytes(16))),
        b64u(aes_key_wrap(KEK.secret, bytes(24))),
        b64u(aes_key_wrap(KEK.secret, bytes(40))),
        None,
        7,
    ],
    ids=range(11),
)
def test_a_grant_of_another_form_is_refused_in_the_same_words(text: Any) -> None:
    """Also a genuine one that holds a shorter or longer key."""
    assert outcome(unwrap, text, KEK) == REFUSED


def test_a_grant_opens_under_its_own_channel_only() -> None:
    """Another channel's key, the key with a bit changed."""
    grant = wrap(CEK, KEK)
    assert unwrap(grant, KEK) == CEK
    assert outcome(unwrap, grant, ChannelKey(CHANNEL, bytes(32))) == REFUSED


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_a_secret_of_another_size_is_no_key(size: int) -> None:
    """AES would take 16 and 24 bytes and be another algorithm than the header names."""
    for make in (ContentKey, lambda secret: ChannelKey(CHANNEL, secret)):
        with pytest.raises(KeyRefused, match=f"32 bytes, got {size}"):
            make(bytes(size))


@pytest.mark.parametrize(("iv", "tag"), [(8, 16), (11, 16), (13, 16), (16, 16), (0, 16), (12, 12), (12, 15), (12, 17)])
def test_other_sizes_of_iv_and_tag_are_refused(iv: int, tag: int) -> None:
    """The library would take most of these IVs; a genuine message under one is refused all the same."""
    sealed = AESGCM(CEK.secret).encrypt(bytes(max(iv, 8)), b"text", b"")
    changed = (sealed[4:] + b"\0")[:tag]
    assert outcome(decrypt_a256gcm, CEK, bytes(max(iv, 8))[:iv], sealed[:4], changed, b"") == REFUSED


def test_secrets_are_not_shown() -> None:
    """repr, str and format of both keys, alone and inside other things."""
    for secret, value in ((CEK.secret, CEK), (KEK.secret, KEK)):
        assert hides(secret, repr(value), str(value), f"{value}", repr({"a": [value]}))
    assert hides(CEK.secret, repr(SEALED))
    assert hides(KEK.secret, repr(SEALED_CHANNEL))
