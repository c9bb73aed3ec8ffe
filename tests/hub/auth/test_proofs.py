"""What the hub remembers of proofs is bounded, and no claim of a proof makes it stumble."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jws

from hub.store import moment
from keys.uses import KeyUse
from tests.hub.api.raw import Raw, ath
from tests.scene import CARE, Scene


@pytest.fixture(scope="module")
def raw(make_scene: Callable[[], Scene]) -> Raw:
    """A hand-made caller of a hub inside the test."""
    scene = make_scene().embed()
    client = httpx.Client(transport=scene.transport, base_url=scene.hub.issuer)
    return Raw(scene.hub.issuer, CARE, scene[CARE].keys.keys[KeyUse.SIGNING.value], client)


def signed(raw: Raw, body: str) -> str:
    """A proof over any bytes."""
    jwk = {name: str(raw.dpop.as_dict(private=False)[name]) for name in ("kty", "crv", "x", "y")}
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
    return jws.serialize_compact(header, body.encode(), raw.dpop, algorithms=["ES256"])


@pytest.mark.parametrize("name", ["htm", "htu", "iat", "nonce", "ath", "jti"])
@pytest.mark.parametrize(
    "value", ["1" + "0" * 400, "-1", "true", "null", "1e400", "1.5", "[]", "{}", '"\\ud800"', '"\\u00e9"', '""']
)
def test_no_claim_of_a_proof_is_a_fault_of_the_hub(raw: Raw, name: str, value: str) -> None:
    """Numbers without end, halves of characters, letters beyond ASCII, other types: refused in the documented form."""
    for url, token in ((f"{raw.issuer}/v1/policy", raw.token), (f"{raw.issuer}/oauth/token", None)):
        claims: dict[str, Any] = {
            "htm": "GET" if token else "POST",
            "htu": url,
            "iat": int(time.time()),
            "jti": "j" * 20 + str(time.perf_counter_ns()),
            "nonce": raw.nonce,
            "ath": ath(raw.token),
        }
        parts = [f'"{key}":{json.dumps(item)}' for key, item in claims.items() if key != name]
        proof = signed(raw, "{" + ",".join([*parts, f'"{name}":{value}']) + "}")
        response = raw.send("GET", "/v1/policy", proof=proof) if token else raw.ask_token(proof=proof)
        if token is None and name == "ath":
            # A request for a token has no token to name; a number that is none is refused wherever it stands.
            assert response.status_code == (400 if value.startswith("1") else 200), response.text
        else:
            assert response.status_code in (400, 401), response.text


@pytest.mark.parametrize("body", ["[1]", "1", "null", '"x"', "", "{", "[" * 2_000])
def test_a_proof_without_claims_is_refused(raw: Raw, body: str) -> None:
    """Signed, and not an object."""
    assert raw.send("GET", "/v1/policy", proof=signed(raw, body)).status_code == 401
    assert raw.ask_token(proof=signed(raw, body)).status_code == 400


def test_a_full_memory_is_answered_by_both_servers(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problem details on the routes, an OAuth error for a token; both say 503."""
    assert raw.send("GET", "/v1/policy").status_code == 200
    monkeypatch.setattr(moment, "MAX_PROOFS", 0)
    answer = raw.send("GET", "/v1/policy")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:nrmhub:problem:temporarily_unavailable")
    token = raw.ask_token()
    assert (token.status_code, token.json()["error"]) == (503, "temporarily_unavailable")
