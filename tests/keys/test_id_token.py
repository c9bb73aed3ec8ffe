"""The ID token: what verifies, and each thing that has to fit before somebody counts as signed in."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeyBase, OKPKey, RSAKey

from keys.id_token import (
    LEEWAY_SECONDS,
    MAX_ID_TOKEN_CHARS,
    MAX_JWKS_BYTES,
    MAX_KEYS,
    Expected,
    UnknownKey,
    half_hash,
    identify,
    read_jwks,
)
from keys.jose import b64u
from keys.sign_in import ID_TOKEN_ALGORITHMS, MAX_AUTH_AGE_SECONDS, REQUEST_SECONDS, Identity, Provider, SignInRefused

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = int(NOON.timestamp())
ISSUER = "https://sign-in.fern-care.example"
PROVIDER = Provider(
    "fern-care",
    "Care (invented)",
    ISSUER,
    "nrm-adapter",
    "fern-care",
    acr_values=("urn:two",),
    two_factor_amr=("mfa", "pwd+otp"),
    id_token_algorithms=ID_TOKEN_ALGORITHMS,
)
STRICT = Provider("fern-care", "Care (invented)", ISSUER, "nrm-adapter", "fern-care")
EXPECTED = Expected("nonce-1", NOON - timedelta(seconds=30), "code-1", "access-1")
KEYS: dict[str, KeyBase] = {
    "ec": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "ec384": ECKey.generate_key("P-384", {"kid": "ec384"}),
    "ed": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
}
OF = {"ES256": "ec", "ES384": "ec384", "EdDSA": "ed", "Ed25519": "ed"}
JWKS = tuple(key.as_dict(private=False) for key in KEYS.values())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "248289761001",
    "aud": "nrm-adapter",
    "iat": AT - 1,
    "exp": AT + 300,
    "auth_time": AT - 20,
    "nonce": "nonce-1",
}


def signed(claims: Mapping[str, Any] = CLAIMS, alg: str = "ES256", key: KeyBase | None = None, **header: object) -> str:
    """A token of these claims, with a header of whatever a provider might write."""
    signing = key or KEYS[OF.get(alg, "rsa")]
    top = {"alg": alg, "kid": OF.get(alg, "rsa"), **header}
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    given = {name: value for name, value in top.items() if value is not None}
    return jws.serialize_compact(given, json.dumps(claims), signing, registry=registry)  # type: ignore[arg-type]


def judge(
    token: object, provider: Provider = PROVIDER, jwks: tuple[Any, ...] = JWKS, expected: Expected = EXPECTED
) -> Identity:
    return identify(token, jwks, provider, expected, NOON)


@pytest.mark.parametrize("alg", ID_TOKEN_ALGORITHMS)
def test_each_algorithm_that_may_be_configured_verifies(alg: str) -> None:
    claims = {**CLAIMS, "at_hash": half_hash("access-1", alg), "c_hash": half_hash("code-1", alg)}
    found = judge(signed(claims, alg))
    assert (found.subject, found.issuer, found.agency) == ("248289761001", ISSUER, "fern-care")
    assert found.auth_time == NOON - timedelta(seconds=20)
    assert not found.is_two_factor


def test_the_published_example_of_a_half_hash() -> None:
    """OpenID Connect Core 1.0, appendix A.3: the access token of the example and its at_hash."""
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_who_signed_in_is_not_shown_by_accident() -> None:
    assert "248289761001" not in repr(judge(signed()))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, False),
        ({"amr": []}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": ["otp"]}, False),
        ({"amr": ["pwd", "otp"]}, True),
        ({"amr": ["otp", "kba", "pwd"]}, True),
        ({"amr": ["mfa"]}, True),
        ({"acr": "urn:one"}, False),
        ({"acr": "urn:two"}, True),
    ],
)
def test_two_factors_are_recognised_as_configured(claims: dict[str, Any], expected: bool) -> None:
    token = signed({**CLAIMS, **claims})
    assert judge(token).is_two_factor is expected
    assert not judge(token, STRICT).is_two_factor, "nothing configured: nothing counts"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({**CLAIMS, "iss": "https://other.example"}, "another issuer"),
        (without("iss"), "another issuer"),
        ({**CLAIMS, "aud": "another"}, "not for this client"),
        ({**CLAIMS, "aud": ["nrm-adapter", "another"]}, "not for it alone"),
        ({**CLAIMS, "aud": []}, "not for this client"),
        (without("aud"), "not for this client"),
        ({**CLAIMS, "azp": "another"}, "another client"),
        ({**CLAIMS, "azp": None}, "another client"),
        (without("sub"), "sub"),
        ({**CLAIMS, "sub": ""}, "sub"),
        ({**CLAIMS, "sub": 7}, "sub"),
        ({**CLAIMS, "sub": "a" * 256}, "sub"),
        ({**CLAIMS, "sub": "a\n"}, "sub"),
        ({**CLAIMS, "sub": "ä"}, "sub"),
        (without("exp"), "exp is missing"),
        ({**CLAIMS, "exp": "soon"}, "exp is missing or no time"),
        ({**CLAIMS, "exp": True}, "exp is missing or no time"),
        ({**CLAIMS, "exp": 2**41}, "exp is missing or no time"),
        ({**CLAIMS, "exp": -1}, "exp is missing or no time"),
        ({**CLAIMS, "exp": AT - LEEWAY_SECONDS}, "expired"),
        (without("iat"), "iat is missing"),
        ({**CLAIMS, "iat": AT + LEEWAY_SECONDS + 1}, "in the future"),
        ({**CLAIMS, "iat": AT - REQUEST_SECONDS - LEEWAY_SECONDS - 1}, "too long ago"),
        ({**CLAIMS, "nbf": AT + LEEWAY_SECONDS + 1}, "not valid yet"),
        (without("nonce"), "nonce"),
        ({**CLAIMS, "nonce": "nonce-2"}, "nonce"),
        ({**CLAIMS, "nonce": ["nonce-1"]}, "nonce"),
        ({**CLAIMS, "nonce": "\ud800"}, "nonce"),
        ({**CLAIMS, "at_hash": half_hash("access-2", "ES256")}, "at_hash"),
        ({**CLAIMS, "at_hash": None}, "at_hash"),
        ({**CLAIMS, "c_hash": half_hash("code-2", "ES256")}, "c_hash"),
        (without("auth_time"), "auth_time is missing"),
        ({**CLAIMS, "auth_time": AT + LEEWAY_SECONDS + 1}, "auth_time lies in the future"),
        ({**CLAIMS, "auth_time": AT - 30 - MAX_AUTH_AGE_SECONDS - LEEWAY_SECONDS - 1}, "max_age"),
        ({**CLAIMS, "acr": 7}, "acr"),
        ({**CLAIMS, "acr": "\ud800"}, "acr"),
        ({**CLAIMS, "amr": "mfa"}, "amr"),
        ({**CLAIMS, "amr": [7]}, "amr"),
        ({**CLAIMS, "amr": ["a"] * 17}, "amr"),
        ({**CLAIMS, "amr": ["a" * 65]}, "amr"),
        ([], "not a JSON object"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(claims: Any, says: str) -> None:
    assert judge(signed())
    with pytest.raises(SignInRefused, match=says):
        judge(signed(claims))


def test_a_hash_without_its_value_is_refused() -> None:
    token = signed({**CLAIMS, "at_hash": half_hash("access-1", "ES256")})
    assert judge(token)
    with pytest.raises(SignInRefused, match="at_hash"):
        judge(token, expected=Expected("nonce-1", NOON, "code-1", None))


def test_times_within_the_leeway_are_taken() -> None:
    judge(signed({**CLAIMS, "iat": AT + LEEWAY_SECONDS, "exp": AT - LEEWAY_SECONDS + 1, "nbf": AT + LEEWAY_SECONDS}))
    judge(signed({**CLAIMS, "auth_time": float(AT + LEEWAY_SECONDS), "aud": ["nrm-adapter"], "azp": "nrm-adapter"}))


# The signature (attack 61 at this door: one algorithm a key, none of the token's choosing)


def tampered(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{b64u(json.dumps({**CLAIMS, 'sub': 'another'}).encode())}.{signature}"


def headed(header: bytes, payload: str = "e30", signature: str = "AA") -> str:
    return f"{b64u(header)}.{payload}.{signature}"


def unsigned() -> str:
    return headed(b'{"alg":"none"}', b64u(json.dumps(CLAIMS).encode()), "")


def shared_secret() -> str:
    """Signed with HMAC under the provider's public key: what a verifier does that lets the token choose."""
    secret = KEYS["rsa"].as_pem(private=False)  # type: ignore[attr-defined]
    start = headed(b'{"alg":"HS256","kid":"rsa"}', b64u(json.dumps(CLAIMS).encode()), "")
    return start + b64u(hmac.new(secret, start.removesuffix(".").encode(), hashlib.sha256).digest())


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (lambda: tampered(signed()), "does not verify"),
        (lambda: signed(key=ECKey.generate_key("P-256")), "does not verify"),
        (lambda: signed()[:-4] + "AAAA", "does not verify"),
        (lambda: signed().rpartition(".")[0] + ".", "does not verify"),
        (unsigned, "signed otherwise"),
        (shared_secret, "signed otherwise"),
        (lambda: signed(kid="another"), "published keys"),
        (lambda: headed(b'{"alg":"ES256","kid":7}'), "names its key"),
        (lambda: signed(kid="a" * 256), "names its key"),
        (lambda: headed(b'{"alg":"ES256","crit":["b64"],"b64":false}'), "extension"),
        (lambda: headed(b'{"alg":"ES256","alg":"none"}'), "not a JSON object"),
        (lambda: headed(b"[]"), "not a JSON object"),
        (lambda: "!.e30.AA", "header cannot be read"),
        (lambda: headed(b" " * 5000), "header cannot be read"),
        (lambda: "a." + "b" * MAX_ID_TOKEN_CHARS + ".c", "characters"),
        (lambda: "a.b", "not a signed token"),
        (lambda: "a.b.c.d.e", "not a signed token"),
        (lambda: "ä.b.c", "not a signed token"),
        (lambda: None, "missing"),
        (lambda: {"a": 1}, "missing"),
    ],
)
def test_a_token_that_does_not_verify_is_refused(token: Callable[[], object], says: str) -> None:
    with pytest.raises(SignInRefused, match=says):
        judge(token())


def test_an_algorithm_that_is_not_configured_is_refused_whoever_signed() -> None:
    assert judge(signed(alg="RS256"))
    with pytest.raises(SignInRefused, match="signed otherwise than with ES256, PS256"):
        judge(signed(alg="RS256"), STRICT)


def test_a_key_published_for_something_else_verifies_nothing() -> None:
    for changes in ({"use": "enc"}, {"alg": "ECDH-ES"}, {"kty": "oct"}, {"crv": "P-384"}, {"x": "AA"}, {"x": 7}):
        jwks = ({**KEYS["ec"].as_dict(private=False), **changes},)
        with pytest.raises(UnknownKey):
            judge(signed(), jwks=jwks)
    with pytest.raises(UnknownKey):
        judge(signed(), jwks=())


def test_a_short_key_verifies_nothing() -> None:
    short = RSAKey.generate_key(1024, {"kid": "rsa"}, auto_kid=False)
    with pytest.raises(UnknownKey):
        judge(signed(alg="RS256", key=short), jwks=(short.as_dict(private=False),))


def test_a_token_that_does_not_name_its_key_needs_a_single_one() -> None:
    token = signed(kid=None)
    assert judge(token)
    second = ECKey.generate_key("P-256").as_dict(private=False)
    with pytest.raises(SignInRefused, match="several might fit"):
        judge(token, jwks=(*JWKS, second))


def test_two_keys_of_one_name_are_both_tried() -> None:
    other = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "ec"}
    assert judge(signed(), jwks=(other, *JWKS))


@pytest.mark.parametrize(
    "data",
    [b"{}", b'{"keys":{}}', b'{"keys":[' + b",".join([b"{}"] * (MAX_KEYS + 1)) + b"]}", b" " * MAX_JWKS_BYTES + b"x"],
)
def test_a_key_set_out_of_form_is_refused(data: bytes) -> None:
    assert read_jwks(b'{"keys":[{"kty":"EC"},7]}') == ({"kty": "EC"},)
    with pytest.raises(SignInRefused, match="jwks"):
        read_jwks(data)
