"""What the hub remembers of proofs is bounded, and no claim of a proof makes it stumble."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jws

from hub.auth import dpop
from hub.auth.dpop import NONCE_SECONDS, Nonces
from hub.refusal import Refused
from keys.uses import KeyUse
from tests.hub.api.raw import Raw, ath
from tests.scene import CARE, Scene

START = datetime.fromtimestamp(NONCE_SECONDS * 1_000_000, UTC)


def at(slot: int, seconds: int = 0) -> datetime:
    """A moment in the n-th slot."""
    return START + timedelta(seconds=slot * NONCE_SECONDS + seconds)


def test_what_was_used_is_refused_until_its_nonce_has_died() -> None:
    """In its own slot and in the next, whose requests may still carry its nonce; not for ever."""
    nonces = Nonces()
    nonce = nonces.issue(at(0))
    assert nonces.use("one", at(0))
    assert not nonces.use("one", at(0, NONCE_SECONDS - 1))
    assert nonces.is_current(nonce, at(1))
    assert not nonces.use("one", at(1, NONCE_SECONDS - 1))
    assert not nonces.is_current(nonce, at(2))
    assert nonces.use("one", at(2))


def test_a_clock_that_steps_back_forgets_nothing() -> None:
    """Two threads at the end of a slot, in the other order."""
    nonces = Nonces()
    assert nonces.use("later", at(1))
    assert nonces.use("earlier", at(0, NONCE_SECONDS - 1))
    assert not nonces.use("later", at(1, 1))
    assert not nonces.use("earlier", at(1, 1))


def test_a_full_memory_refuses_instead_of_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next slot has room again, and what was used before is still known in it."""
    monkeypatch.setattr(dpop, "MAX_PROOFS_PER_SLOT", 3)
    nonces = Nonces()
    assert all(nonces.use(name, at(0)) for name in "abc")
    with pytest.raises(Refused) as refusal:
        nonces.use("d", at(0))
    assert (refusal.value.status, refusal.value.code) == (503, "temporarily_unavailable")
    assert not nonces.use("a", at(0))
    assert nonces.use("d", at(1))
    assert not nonces.use("a", at(1))


def test_remembering_costs_the_same_for_the_last_as_for_the_first() -> None:
    """Nothing is gone through as the memory fills (attack 70)."""
    nonces = Nonces()

    def measure(first: int) -> float:
        begin = time.perf_counter()
        for number in range(first, first + 2_000):
            nonces.use(f"jti {number}", at(0))
        return time.perf_counter() - begin

    measure(0)
    early = min(measure(2_000 * number) for number in range(1, 6))
    for number in range(20_000, 60_000):
        nonces.use(f"jti {number}", at(0))
    assert min(measure(100_000 + 2_000 * number) for number in range(5)) < 20 * early


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
            assert response.status_code == 200  # a request for a token has no token to name
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
    monkeypatch.setattr(dpop, "MAX_PROOFS_PER_SLOT", 0)
    answer = raw.send("GET", "/v1/policy")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:nrmhub:problem:temporarily_unavailable")
    token = raw.ask_token()
    assert (token.status_code, token.json()["error"]) == (503, "temporarily_unavailable")
