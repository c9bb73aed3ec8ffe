"""No token without the agency's own key, no request without the token's own proof (attacks 20, 61, 62)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from keys.private import PrivateKey
from tests.hub.api.raw import ABSENT, Raw, ath, okp
from tests.scene import Scene

PROBLEM = "application/problem+json"
CASES = "/v1/cases"


def refused(response: httpx.Response, status: int, words: str) -> None:
    """Assert problem details with these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    assert words in response.json()["detail"], response.text


def no_token(response: httpx.Response, error: str, words: str = "") -> None:
    """Assert an OAuth error."""
    assert response.status_code in (400, 401), response.text
    assert response.json()["error"] == error, response.text
    assert words in response.json().get("error_description", ""), response.text


def test_a_good_token_and_proof_are_accepted(raw: Raw) -> None:
    """The caller of these tests is right in everything that a test does not break."""
    assert raw.send("GET", CASES).status_code == 200


# --- the token endpoint ---


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"aud": "https://another-hub.example"}, "aud"),
        ({"aud": ABSENT}, "aud"),
        ({"iss": "fern-police"}, ""),
        ({"exp": ABSENT}, "exp must be a time"),
        ({"exp": "soon"}, "exp must be a time"),
        ({"exp": int(time.time()) - 3600}, "exp"),
        ({"exp": int(time.time()) + 86_400}, "expire within 300 seconds"),
        ({"jti": ABSENT}, "no number (jti)"),
        ({"jti": "short"}, "no number (jti)"),
        ({"jti": "x" * 65}, "no number (jti)"),
    ],
)
def test_an_assertion_with_a_wrong_claim_gets_no_token(raw: Raw, changed: dict[str, Any], words: str) -> None:
    """Audience, issuer, life time and number of an assertion are all checked."""
    no_token(raw.ask_token(raw.assertion(**changed)), "invalid_client", words)


def test_an_assertion_is_good_once(raw: Raw) -> None:
    """A recorded assertion is worth nothing."""
    assertion = raw.assertion()
    assert raw.ask_token(assertion).status_code == 200
    no_token(raw.ask_token(assertion), "invalid_client", "used before")


def test_an_assertion_by_another_key_gets_no_token(raw: Raw) -> None:
    """Only the signing key that the agency's root certified speaks for it."""
    stranger = PrivateKey.generate("Ed25519")
    good = {"alg": "Ed25519", "kid": raw.signing.public.kid, "typ": "JWT"}
    no_token(raw.ask_token(raw.assertion(key=okp(stranger), header=good)), "invalid_client", "does not verify")
    named = {"alg": "Ed25519", "kid": stranger.public.kid, "typ": "JWT"}
    no_token(raw.ask_token(raw.assertion(key=okp(stranger), header=named)), "invalid_client", "names no key")


def test_another_agencys_key_does_not_speak_for_this_one(raw: Raw, make_raw: Callable[[str], Raw]) -> None:
    """The police sign for the police only."""
    police = make_raw("fern-police")
    claimed = police.assertion(iss="fern-care", sub="fern-care")
    no_token(raw.ask_token(claimed), "invalid_client", "names no key")


def test_algorithm_confusion_gets_no_token(raw: Raw) -> None:
    """Neither no signature nor the public key as a shared secret passes for a signature."""
    public = json.dumps(dict(raw.signing.public.jwk)).encode()
    secret = OctKey.import_key(public)
    hmac = raw.assertion(key=secret, header={"alg": "HS256", "kid": raw.signing.public.kid, "typ": "JWT"})
    no_token(raw.ask_token(hmac), "invalid_client", "algorithm is not its key's")
    head, body, _ = raw.assertion().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    no_token(raw.ask_token(f"{none}.{body}."), "invalid_client")
    no_token(raw.ask_token(f"{head}.{body}."), "invalid_client")


def test_an_assertion_over_the_limit_gets_no_token(raw: Raw) -> None:
    """The length is limited before anything is verified."""
    no_token(raw.ask_token(raw.assertion(filler="x" * 5000)), "invalid_client", "at most 4096 characters")


def test_an_unknown_agency_gets_no_token(raw: Raw) -> None:
    """Who is not enrolled is no client."""
    no_token(raw.ask_token(raw.assertion(iss="nobody-here", sub="nobody-here")), "invalid_client")


@pytest.mark.parametrize(
    "assertion",
    ["", "x", "a.b.c", "....", "e30.e30.", "bnVsbA.bnVsbA.x", "W10.W10.W10", "MQ.MQ.MQ", "é.é.é", "\x00.\x00.\x00"]
    + [base64.urlsafe_b64encode(text).rstrip(b"=").decode() + ".e30.AA" for text in (b'{"alg":1}', b'{"alg":null}')]
    + [base64.urlsafe_b64encode(b'{"alg":"Ed25519","crit":["b64"],"b64":false}').rstrip(b"=").decode() + ".e30.AA"]
    + ["eyJhbGciOiJFZDI1NTE5In0." + base64.urlsafe_b64encode(b"[" * 2000).rstrip(b"=").decode() + ".AA"],
)
def test_an_assertion_that_is_none_is_refused_in_the_documented_form(raw: Raw, assertion: str) -> None:
    """Whatever stands there, the answer is an OAuth error, never a fault of the hub."""
    no_token(raw.ask_token(assertion), "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ABSENT}, "unsupported_grant_type"),
        ({"client_assertion": ABSENT}, "invalid_client"),
        ({"client_assertion_type": "urn:other"}, "invalid_client"),
        ({"client_assertion": ABSENT, "client_id": "fern-care", "client_secret": "x"}, "invalid_client"),
    ],
)
def test_other_ways_to_a_token_do_not_exist(raw: Raw, form: dict[str, Any], error: str) -> None:
    """No passwords, no shared secrets."""
    no_token(raw.ask_token(**form), error)


def test_no_token_without_a_proof(raw: Raw) -> None:
    """A token is always bound to a key whose possession is proven."""
    no_token(raw.ask_token(proof=""), "invalid_dpop_proof", "required")
    elsewhere = raw.proof("POST", f"{raw.issuer}/v1/cases", None)
    no_token(raw.ask_token(proof=elsewhere), "invalid_dpop_proof", "another request")


# --- requests ---


@pytest.mark.parametrize("authorization", ["", "DPoP", "Basic Zm9vOmJhcg==", "DPoP x.y.z"])
def test_a_request_without_a_good_token_is_refused(raw: Raw, authorization: str) -> None:
    """No token, another scheme, not a token."""
    response = raw.send("GET", CASES, authorization=authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("DPoP ")


def test_a_bound_token_is_no_bearer_token(raw: Raw) -> None:
    """The scheme that needs no proof is not accepted, with or without one."""
    refused(raw.send("GET", CASES, authorization=f"Bearer {raw.token}"), 401, "DPoP-bound access token")


def test_a_token_without_its_proof_is_refused(raw: Raw) -> None:
    """A stolen token alone is worth nothing."""
    refused(raw.send("GET", CASES, proof=""), 401, "proof is required")


def test_a_token_with_another_keys_proof_is_refused(raw: Raw) -> None:
    """The proof is by the key the token is bound to."""
    other = ECKey.generate_key("P-256")
    refused(
        raw.send("GET", CASES, proof=raw.proof("GET", raw.issuer + CASES, raw.token, key=other)), 401, "another key"
    )


def test_a_proof_is_good_once(raw: Raw) -> None:
    """Replaying a captured request does nothing."""
    proof = raw.proof("GET", raw.issuer + CASES, raw.token)
    assert raw.send("GET", CASES, proof=proof).status_code == 200
    refused(raw.send("GET", CASES, proof=proof), 401, "used before")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"htu": "https://another-hub.example/v1/cases"}, "another request"),
        ({"htu": ABSENT}, "another request"),
        ({"htm": "POST"}, "another request"),
        ({"ath": ath("another token")}, "another access token"),
        ({"ath": ABSENT}, "another access token"),
        ({"iat": int(time.time()) - 3600}, "last 60 seconds"),
        ({"iat": int(time.time()) + 3600}, "last 60 seconds"),
        ({"iat": "now"}, "last 60 seconds"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ABSENT}, "nonce"),
        ({"jti": ABSENT}, "no number (jti)"),
        ({"jti": "short"}, "no number (jti)"),
    ],
)
def test_a_proof_of_something_else_is_refused(raw: Raw, changed: dict[str, Any], words: str) -> None:
    """Another address, method, token, time or nonce is another proof."""
    refused(raw.send("GET", CASES, proof=raw.proof("GET", raw.issuer + CASES, raw.token, **changed)), 401, words)


def test_a_proof_for_another_route_of_this_hub_is_refused(raw: Raw, scene: Scene) -> None:
    """The proof of a harmless request does not open a harmful one."""
    proof = raw.proof("GET", f"{raw.issuer}/v1/policy", raw.token)
    refused(raw.send("GET", f"/v1/cases/{scene.main}", proof=proof), 401, "another request")


def _header(raw: Raw, **changed: Any) -> dict[str, Any]:
    jwk = {name: str(raw.dpop.as_dict(private=False)[name]) for name in ("kty", "crv", "x", "y")}
    return {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk, **changed}


def test_a_proof_of_another_form_is_refused(raw: Raw) -> None:
    """Type, members of the header and form of the key are fixed; a private key in it is refused."""
    url = raw.issuer + CASES
    private = {
        name: str(value)
        for name, value in raw.dpop.as_dict(private=True).items()
        if name in ("kty", "crv", "x", "y", "d")
    }
    for header in (_header(raw, typ="JWT"), _header(raw, kid="x"), _header(raw, jwk=private)):
        assert raw.send("GET", CASES, proof=raw.proof("GET", url, raw.token, header=header)).status_code == 401
    good = raw.proof("GET", url, raw.token)
    tampered = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    refused(raw.send("GET", CASES, proof=tampered), 401, "does not verify")


@pytest.mark.parametrize("proof", ["x", "a.b.c", "e30.e30.", "W10.W10.W10", "MQ.MQ.MQ", "bnVsbA.e30.AA", "x" * 5000])
def test_a_proof_that_is_none_is_refused(raw: Raw, proof: str) -> None:
    """Whatever stands in the header, the answer is 401."""
    assert raw.send("GET", CASES, proof=proof).status_code == 401


@pytest.mark.parametrize(
    "jwk",
    [{}, [], "x", {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}],
)
def test_a_proof_with_an_impossible_key_is_refused(raw: Raw, jwk: Any) -> None:
    """A point that is not on the curve, a key that is none."""
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, {}))
    assert raw.send("GET", CASES, proof=f"{text}.AAAA").status_code == 401


def test_a_forged_token_is_refused(raw: Raw) -> None:
    """Only the hub's token key makes tokens: not a stranger's, not the agency's own, not none."""
    now = int(time.time())
    thumbprint = str(raw.dpop.thumbprint())
    made = {
        "iss": raw.issuer,
        "aud": raw.issuer,
        "client_id": "fern-police",
        "exp": now + 60,
        "cnf": {"jkt": thumbprint},
    }
    for key in (OKPKey.generate_key("Ed25519"), okp(raw.signing)):
        token = jwt.encode({"alg": "Ed25519", "typ": "at+jwt"}, made, key, algorithms=["Ed25519"])
        proof = raw.proof("GET", raw.issuer + CASES, token)
        refused(raw.send("GET", CASES, proof=proof, authorization=f"DPoP {token}"), 401, "does not verify")


def test_a_token_does_not_outlive_a_restart_of_its_nonce(raw: Raw) -> None:
    """Every answer gives the current nonce; an old one is named as such, so that the client can ask again."""
    response = raw.send("GET", CASES, proof=raw.proof("GET", raw.issuer + CASES, raw.token, nonce="old"))
    assert 'error="use_dpop_nonce"' in response.headers["www-authenticate"]
    assert response.headers["dpop-nonce"]
