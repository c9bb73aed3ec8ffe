"""Two processes of one hub, each with its own HTTP address: what one knows of the moment, the other knows at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from keys.uses import KeyUse
from tests.attacks.key_acts import revoke_person
from tests.federation import free_port
from tests.hub.api.raw import Raw
from tests.scene import POLICE, Scene


@pytest.fixture(scope="module")
def both(make_scene: Callable[[], Scene]) -> Iterator[tuple[Scene, Raw, Raw]]:
    """The hub as users run it, a second process on its folder, and one agency's caller with one key at each."""
    scene = make_scene().start()
    port = free_port()
    environment = {**os.environ, "NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    second = subprocess.Popen(
        [sys.executable, "-m", "tests.second_worker", str(scene.hub.home), str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert second.stdout is not None
        assert second.stdout.readline() == b"serving\n"
        signing = scene[POLICE].keys.keys[KeyUse.SIGNING.value]
        # Both serve the one issuer; only the addresses differ, as behind a balancer.
        with (
            httpx.Client(base_url=scene.hub.issuer, trust_env=False, timeout=30) as here,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as there,
        ):
            one = Raw(scene.hub.issuer, POLICE, signing, here)
            yield scene, one, replace(one, http=there)
    finally:
        second.kill()
        second.wait()


def test_a_nonce_and_a_token_of_one_are_good_at_the_other(both: tuple[Scene, Raw, Raw]) -> None:
    _, one, two = both
    two.held, two.nonce = one.token, one.nonce
    assert one.send("GET", "/v1/cases").status_code == 200
    assert two.send("GET", "/v1/cases").status_code == 200
    assert two.http.get("/health").headers["dpop-nonce"] == one.http.get("/health").headers["dpop-nonce"]


def test_a_proof_used_at_one_is_refused_at_the_other(both: tuple[Scene, Raw, Raw]) -> None:
    _, one, two = both
    two.held, two.nonce = one.token, one.nonce
    for first, second in ((one, two), (two, one)):
        proof = one.proof("GET", f"{one.issuer}/v1/cases", one.token)
        assert first.send("GET", "/v1/cases", proof=proof).status_code == 200
        refused = second.send("GET", "/v1/cases", proof=proof)
        assert (refused.status_code, refused.json()["detail"]) == (401, "the DPoP proof was used before")


def test_an_assertion_used_at_one_is_refused_at_the_other(both: tuple[Scene, Raw, Raw]) -> None:
    _, one, two = both
    two.nonce = one.nonce or one.http.get("/health").headers["dpop-nonce"]
    assertion = one.assertion()
    assert one.ask_token(assertion).status_code == 200
    assert two.ask_token(assertion).status_code == 401


def test_a_token_given_back_at_one_is_refused_at_the_other_within_a_second(both: tuple[Scene, Raw, Raw]) -> None:
    _, one, two = both
    one.held = ""
    two.held, two.nonce = one.token, one.nonce
    assert two.send("GET", "/v1/cases").status_code == 200
    assert one.ask_about("/oauth/revoke", one.token).status_code == 200
    began = time.monotonic()
    refused = two.send("GET", "/v1/cases")
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json()["detail"]) == (401, "the access token was revoked")
    one.held = ""


def test_a_member_revoked_at_one_is_refused_at_the_other_within_a_second(both: tuple[Scene, Raw, Raw]) -> None:
    scene, one, two = both
    one.held = ""
    subject = one.subject(scene[POLICE].people["constable"])
    person = one.ask_person(subject).json()["access_token"]
    two.held, two.nonce = person, one.nonce
    assert two.send("GET", "/v1/cases").status_code == 403
    revoke_person(scene[POLICE], "constable")
    began = time.monotonic()
    refused = two.send("GET", "/v1/cases")
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:nrmhub:problem:invalid_token")
