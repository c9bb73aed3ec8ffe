"""Public keys and compact JWS: the key fixes the algorithm, and one header form is taken."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from keys_material import ANY_JSON, BOUNDED, flipped_bits, key, objects_with, outcome

from keys.canonical import canonical_bytes
from keys.jose import (
    EC_ORDERS,
    MAX_STATEMENT_BYTES,
    KeyRefused,
    SignatureRefused,
    UnverifiedJws,
    b64u,
    b64u_decode,
    parse_public_jwk,
    sign_compact,
    statement_digest,
    thumbprint,
    verify_compact,
)

SIGNING = ("Ed25519", "ES256", "ES384")
ALGORITHMS = (*SIGNING, "HPKE-9-KE", "ML-DSA-44")
TYP = "nrmhub-pull+jws"
P = 2**255 - 19


def jwk(name: str, /, **change: Any) -> dict[str, Any]:
    return {**key(name).public.jwk, **change}


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in members.items() if member != name}


# base64url


@BOUNDED
@given(st.binary(max_size=80))
def test_base64url_round_trip(data: bytes) -> None:
    """Every byte string has one spelling."""
    assert b64u_decode(b64u(data), max_bytes=len(data)) == data


@BOUNDED
@given(st.text(max_size=12) | st.text(alphabet="Aa0-_=+/ \n", max_size=9))
def test_base64url_has_no_second_spelling(text: str) -> None:
    """What decodes encodes to the same text; all else is a ``ValueError``."""
    try:
        data = b64u_decode(text)
    except ValueError as error:
        data = None
        why = str(error)
    assert b64u(data) == text if data is not None else "base64url" in why


@pytest.mark.parametrize(
    "text", ["QQ==", "QQ=", "QR", "Q", "Q Q", "QQ\n", "Q+Q_", "Q/", "Q\u00e9", "\uff21\uff21", None, 7, b"QQ"]
)
def test_other_spellings_are_refused(text: Any) -> None:
    """Padding, spare bits, blanks, the other alphabet, what only looks like it, and what is no text."""
    with pytest.raises(ValueError, match="base64url"):
        b64u_decode(text)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 12, 40])
def test_the_limit_of_base64url_is_exact(limit: int) -> None:
    """One byte more is one too many."""
    assert b64u_decode(b64u(bytes(limit)), max_bytes=limit) == bytes(limit)
    with pytest.raises(ValueError, match="too long"):
        b64u_decode(b64u(bytes(limit + 1)), max_bytes=limit)


# Public keys


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_public_key_parses_to_itself(alg: str) -> None:
    """alg, kid and members are those of the JWK."""
    parsed = parse_public_jwk(jwk(alg))
    assert (parsed.alg, parsed.kid, dict(parsed.jwk)) == (alg, thumbprint(jwk(alg)), jwk(alg))
    assert parsed.is_signing == (alg in SIGNING)


def test_thumbprint_of_rfc_8037() -> None:
    """RFC 8037 appendix A.3."""
    public = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "bad", [{}, {"kty": "oct", "k": "AA"}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "AKP", "pub": "AA"}]
)
def test_thumbprint_of_another_kind_is_refused(bad: dict[str, str]) -> None:
    """Unknown kinds and missing members have no thumbprint here."""
    with pytest.raises(KeyRefused, match="unknown kind of key"):
        thumbprint(bad)


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize(
    ("member", "value"),
    [("kid", "x"), ("use", "sig"), ("key_ops", "verify"), ("d", "AA"), ("priv", "AA"), ("x5c", "AA"), ("ext", "true")],
)
def test_a_member_more_is_refused(alg: str, member: str, value: str) -> None:
    """Private members above all."""
    with pytest.raises(KeyRefused, match="has exactly the members"):
        parse_public_jwk(jwk(alg, **{member: value}))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_member_less_is_refused(alg: str) -> None:
    """Whichever it is."""
    for member in jwk(alg):
        with pytest.raises(KeyRefused):
            parse_public_jwk(without(jwk(alg), member))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_key_material_of_another_size_is_refused(alg: str) -> None:
    """A byte less, a byte more, nothing, and no base64url."""
    member = "pub" if "pub" in jwk(alg) else "x"
    raw = b64u_decode(jwk(alg)[member])
    for bad in (b64u(raw[:-1]), b64u(raw + b"\0"), b64u(b"\0" + raw), "", jwk(alg)[member] + "=", "\u00e9"):
        with pytest.raises(KeyRefused, match=r"wrong size|not of its algorithm's form"):
            parse_public_jwk(jwk(alg, **{member: bad}))


@pytest.mark.parametrize(
    "bad",
    [
        jwk("Ed25519", alg="EdDSA"),
        jwk("Ed25519", crv="Ed448"),
        jwk("Ed25519", crv="X25519"),
        jwk("Ed25519", kty="EC"),
        jwk("ES256", alg="ES384"),
        jwk("ES256", crv="P-384"),
        jwk("ES384", alg="ES256"),
        jwk("ES256", crv="secp256k1", alg="ES256K"),
        jwk("ES256", crv="P-521", alg="ES512"),
        jwk("ML-DSA-44", alg="ML-DSA-65"),
        jwk("ML-DSA-44", alg="HPKE-9-KE"),
        jwk("HPKE-9-KE", alg="HPKE-9"),
        {"kty": "oct", "k": "AA", "alg": "HS256"},
        {"kty": "RSA", "n": "AA", "e": "AQAB", "alg": "RS256"},
        {"kty": "EC", "crv": "P-521"},
        {"kty": "OKP", "crv": ["Ed25519"]},
        {1: "a"},
        {},
        [],
        None,
        "key",
        7,
    ],
)
def test_other_kinds_of_key_are_refused(bad: object) -> None:
    """One algorithm per key, one of five."""
    with pytest.raises(KeyRefused):
        parse_public_jwk(bad)


@BOUNDED
@given(ANY_JSON | objects_with(("kty", "crv", "alg", "x")) | objects_with(("kty", "alg", "pub")))
def test_only_key_refused_escapes_from_any_json(value: Any) -> None:
    """Nothing arbitrary is a key."""
    assert outcome(parse_public_jwk, value).startswith("KeyRefused")


@BOUNDED
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_only_key_refused_escapes_from_arbitrary_material(first: bytes, second: bytes) -> None:
    """Sizes right, bytes arbitrary: a key or a refusal, never another error."""
    outcome(parse_public_jwk, jwk("Ed25519", x=b64u(first)))
    assert outcome(parse_public_jwk, jwk("ES256", x=b64u(first), y=b64u(second))).startswith("KeyRefused")
    outcome(parse_public_jwk, jwk("HPKE-9-KE", pub=b64u((first * 38)[:1184] + second)))


@pytest.mark.parametrize("alg", ["ES256", "ES384"])
def test_a_point_off_its_curve_is_refused(alg: str) -> None:
    """A changed coordinate, the field's own size, the point at infinity's stand-in."""
    size = 32 if alg == "ES256" else 48
    for bad in (b64u(bytes(size)), b64u(b"\xff" * size), jwk(alg)["x"]):
        with pytest.raises(KeyRefused, match="not of its algorithm's form"):
            parse_public_jwk(jwk(alg, y=bad))


D = -121665 * pow(121666, -1, P) % P
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = [0, 1, P - 1, Y8, P - Y8]


def test_the_points_of_order_eight() -> None:
    """Doubled they give y = 0, so x^2 = -y^2 and the curve of RFC 8032 becomes d y^4 + 2 y^2 = 1."""
    assert (D * Y8**4 + 2 * Y8**2) % P == 1


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [*SMALL_ORDER, P, P + 1, 2**255 - 1])
def test_ed25519_keys_of_small_order_or_second_spelling_are_refused(y: int, sign: int) -> None:
    """Attack 33: under such a key one signature fits many statements."""
    with pytest.raises(KeyRefused, match="small order"):
        parse_public_jwk(jwk("Ed25519", x=b64u((y | sign).to_bytes(32, "little"))))


def test_why_small_order_matters() -> None:
    """The library itself takes one signature under the neutral point for any two messages."""
    neutral = ed25519.Ed25519PublicKey.from_public_bytes(b"\1" + bytes(31))
    signature = b"\1" + bytes(63)
    neutral.verify(signature, b"child is safe")
    neutral.verify(signature, b"child is not safe")


@pytest.mark.parametrize(
    "u",
    [
        0,
        1,
        P - 1,
        P,
        P + 1,
        *(
            int.from_bytes(bytes.fromhex(text), "little")
            for text in (
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            )
        ),
    ],
)
def test_hpke_keys_with_a_small_order_half_are_refused(u: int) -> None:
    """Attack 33: the all-zero shared secret (RFC 7748 section 6.1)."""
    raw = b64u_decode(jwk("HPKE-9-KE")["pub"])
    with pytest.raises(KeyRefused, match="not of its algorithm's form"):
        parse_public_jwk(jwk("HPKE-9-KE", pub=b64u(raw[:1184] + u.to_bytes(32, "little"))))


def test_an_mlkem_key_beyond_its_modulus_is_refused() -> None:
    """FIPS 203 section 7.2, the encapsulation key check."""
    raw = b64u_decode(jwk("HPKE-9-KE")["pub"])
    with pytest.raises(KeyRefused, match="not of its algorithm's form"):
        parse_public_jwk(jwk("HPKE-9-KE", pub=b64u(b"\xff" * 1152 + raw[1152:])))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_the_librarys_key_is_given_for_its_own_algorithm_only(alg: str) -> None:
    """An intake key is never a witness."""
    public, given_for = key(alg).public, {"ed25519": "Ed25519", "mldsa44": "ML-DSA-44", "hpke": "HPKE-9-KE"}
    for name, expected in given_for.items():
        if alg == expected:
            getattr(public, name)()
        else:
            with pytest.raises(KeyRefused, match=f"got {alg}"):
                getattr(public, name)()


def test_an_hpke_key_verifies_nothing() -> None:
    """It is for receiving."""
    with pytest.raises(SignatureRefused, match="does not verify signatures"):
        key("HPKE-9-KE").public.verify(bytes(64), b"")


@pytest.mark.parametrize("alg", [*SIGNING, "ML-DSA-44"])
def test_a_raw_signature_of_any_wrong_form_is_refused(alg: str) -> None:
    """Empty, cut, prolonged, DER, all zero."""
    good = key(alg).sign(b"data")
    key(alg).public.verify(good, b"data")
    for bad in (
        b"",
        good[:-1],
        good + b"\0",
        bytes(len(good)),
        b"\x30\x06\x02\x01\x01\x02\x01\x01",
        b"\xff" * len(good),
    ):
        with pytest.raises(SignatureRefused, match=r"^signature does not verify$"):
            key(alg).public.verify(bad, b"data")


@pytest.mark.parametrize("alg", ["ES256", "ES384"])
def test_an_ecdsa_signature_has_no_second_length(alg: str) -> None:
    """Noughts before s are the same number; they are refused all the same."""
    good = key(alg).sign(b"data")
    half = len(good) // 2
    for bad in (good[:half] + b"\0" + good[half:], good[:half] + bytes(half) + good[half:]):
        with pytest.raises(SignatureRefused, match=r"^signature does not verify$"):
            key(alg).public.verify(bad, b"data")


@pytest.mark.parametrize("alg", ["ES256", "ES384"])
def test_an_ecdsa_signature_has_no_second_form(alg: str) -> None:
    """(r, n - s) is as good for the mathematics; here a statement has one signature and one digest."""
    order = EC_ORDERS["P-256" if alg == "ES256" else "P-384"]
    for number in range(20):
        data = b"data %d" % number
        good = key(alg).sign(data)
        half = len(good) // 2
        s = int.from_bytes(good[half:], "big")
        assert s <= order // 2
        key(alg).public.verify(good, data)
        with pytest.raises(SignatureRefused, match=r"^signature does not verify$"):
            key(alg).public.verify(good[:half] + (order - s).to_bytes(half, "big"), data)


# Compact JWS


@pytest.mark.parametrize("alg", SIGNING)
def test_what_was_signed_verifies(alg: str) -> None:
    """The payload comes back as the bytes that were signed."""
    token = sign_compact(b"any bytes \xff", TYP, key(alg))
    assert verify_compact(token, TYP, key(alg).public) == b"any bytes \xff"
    assert statement_digest(token) == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize("alg", ["HPKE-9-KE", "ML-DSA-44"])
def test_other_keys_sign_and_verify_no_statement(alg: str) -> None:
    """A witness's or a recipient's key speaks for nobody, even with a sound signature in a sound header."""
    with pytest.raises(KeyRefused, match="does not sign statements"):
        sign_compact(b"{}", TYP, key(alg))
    header = canonical_bytes({"alg": alg, "kid": key(alg).public.kid, "typ": TYP})
    with pytest.raises(SignatureRefused, match="does not sign statements"):
        verify_compact(f"{b64u(header)}.e30.{b64u(bytes(64))}", TYP, key(alg).public)


@pytest.mark.parametrize("alg", SIGNING)
def test_every_flipped_bit_is_refused(alg: str) -> None:
    """Header, payload or signature."""
    parts = sign_compact(b'{"case":"x"}', TYP, key(alg)).split(".")
    tried = 0
    for index, part in enumerate(parts):
        for changed in flipped_bits(part):
            token = ".".join([*parts[:index], changed, *parts[index + 1 :]])
            assert outcome(verify_compact, token, TYP, key(alg).public).startswith("SignatureRefused"), (index, changed)
            tried += 1
    assert tried == 8 * sum(len(b64u_decode(part)) for part in parts)


def test_another_key_of_the_same_kind_is_refused() -> None:
    """By its kid; and with the kid copied, by the signature."""
    token = sign_compact(b"{}", TYP, key("Ed25519", "other"))
    with pytest.raises(SignatureRefused, match="not signed by the expected key"):
        verify_compact(token, TYP, key("Ed25519").public)
    header = canonical_bytes({"alg": "Ed25519", "kid": key("Ed25519").public.kid, "typ": TYP})
    forged = f"{b64u(header)}.e30"
    forged = f"{forged}.{b64u(key('Ed25519', 'other').sign(forged.encode()))}"
    with pytest.raises(SignatureRefused, match=r"^signature does not verify$"):
        verify_compact(forged, TYP, key("Ed25519").public)


@pytest.mark.parametrize("alg", ["none", "EdDSA", "ES256", "HS256", "", "ed25519"])
def test_the_header_cannot_choose_the_algorithm(alg: str) -> None:
    """The key id is right, the signature genuine, only ``alg`` is not the key's."""
    header = canonical_bytes({"alg": alg, "kid": key("Ed25519").public.kid, "typ": TYP})
    token = f"{b64u(header)}.e30"
    token = f"{token}.{b64u(key('Ed25519').sign(token.encode()))}"
    with pytest.raises(SignatureRefused, match="not signed by the expected key"):
        verify_compact(token, TYP, key("Ed25519").public)


def test_another_type_is_refused() -> None:
    """A vote is no pull."""
    token = sign_compact(b"{}", "nrmhub-vote+jws", key("Ed25519"))
    with pytest.raises(SignatureRefused, match="expected nrmhub-pull"):
        verify_compact(token, TYP, key("Ed25519").public)


def test_the_size_limit_comes_first() -> None:
    """One character more than allowed is not even taken apart."""
    with pytest.raises(SignatureRefused, match=f"at most {MAX_STATEMENT_BYTES}"):
        UnverifiedJws.parse("." * (MAX_STATEMENT_BYTES + 1))
    with pytest.raises(SignatureRefused, match="three parts"):
        UnverifiedJws.parse("." * MAX_STATEMENT_BYTES)
    with pytest.raises(SignatureRefused, match="canonical form"):
        UnverifiedJws.parse(f"{b64u(b' ' * 513)}.e30.AA")
    header = canonical_bytes({"alg": "Ed25519", "kid": key("Ed25519").public.kid, "typ": TYP})
    with pytest.raises(SignatureRefused, match="canonical form"):
        UnverifiedJws.parse(f"{b64u(header)}.e30.{b64u(bytes(97))}")


@BOUNDED
@given(
    ANY_JSON
    | st.lists(st.text(alphabet="eyJhbGciOiJub25lIn0-_=. ", max_size=30), max_size=4).map(".".join)
    | st.tuples(objects_with(("alg", "kid", "typ")) | ANY_JSON, st.binary(max_size=20), st.binary(max_size=70)).map(
        lambda parts: ".".join((b64u(json.dumps(parts[0]).encode()), b64u(parts[1]), b64u(parts[2])))
    )
)
def test_only_signature_refused_escapes_from_any_token(token: Any) -> None:
    """No arbitrary token is taken apart, whatever it is."""
    assert outcome(UnverifiedJws.parse, token).startswith("SignatureRefused")


@pytest.mark.parametrize("kid", ["key-1", "", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n", "A" * 42 + "\u00e9"])
def test_a_kid_that_is_no_thumbprint_is_refused_at_once(kid: str) -> None:
    """It is shown in texts about missing certificates, so it must not be able to hold anything else."""
    header = canonical_bytes({"alg": "Ed25519", "kid": kid, "typ": TYP})
    with pytest.raises(SignatureRefused, match="not a SHA-256 thumbprint"):
        UnverifiedJws.parse(f"{b64u(header)}.e30.AA")


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
@pytest.mark.parametrize("value", [None, 7, True, ["x"], {"x": "x"}])
def test_a_header_member_that_is_no_text_is_refused(name: str, value: Any) -> None:
    """Each in turn."""
    header = canonical_bytes({"alg": "Ed25519", "kid": key("Ed25519").public.kid, "typ": TYP, name: value})
    with pytest.raises(SignatureRefused, match="must be text"):
        UnverifiedJws.parse(f"{b64u(header)}.e30.AA")


def test_a_refusal_shows_nothing_of_the_token() -> None:
    """Neither kid nor typ nor payload comes back in the words."""
    kid = "Ann-Example-born-2010-in-Anytown-xxxxxxxxxxx"[:43]
    header = canonical_bytes({"alg": "Ed25519", "kid": kid, "typ": "Ann Example"})
    text = outcome(verify_compact, f"{b64u(header)}.{b64u(b'Ann Example')}.AA", TYP, key("Ed25519").public)
    assert text.startswith("SignatureRefused")
    assert "Ann" not in text


def test_a_digest_of_what_is_no_token_is_refused() -> None:
    """A compact JWS is ASCII; the digest of anything else names nothing."""
    with pytest.raises(SignatureRefused, match="ASCII"):
        statement_digest("\u00e9")
