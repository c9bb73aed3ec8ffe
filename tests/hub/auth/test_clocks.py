"""When tokens begin and end by the hub's clock, and where a request may carry one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from keys.uses import KeyUse
from tests.hub.api.raw import Raw
from tests.hub.auth.conftest import caller
from tests.scene import POLICE, Scene


def test_a_little_ahead_is_taken_and_much_is_refused(police: Raw, chair: str) -> None:
    """A clock 10 seconds ahead is no attack, one 60 seconds ahead is (FAPI 2.0 section 5.3.2.1)."""
    for ahead, status in ((0, 200), (10, 200), (25, 200), (61, 401), (3600, 401)):
        at = int(time.time()) + ahead
        assert police.ask_token(police.assertion(iat=at, exp=at + 60)).status_code == status, ahead
        assert police.ask_token(police.assertion(nbf=at)).status_code == status, ahead
        person = police.ask_person(police.subject(chair, iat=at, exp=at + 60))
        assert person.status_code == (200 if status == 200 else 400), ahead
    for ahead, status in ((10, 200), (-10, 200), (120, 401), (-120, 401)):
        proof = police.proof("GET", f"{police.issuer}/v1/cases", police.token, iat=int(time.time()) + ahead)
        assert police.send("GET", "/v1/cases", proof=proof).status_code == status, ahead


def test_a_token_ends_with_its_time(make_scene: Callable[[], Scene]) -> None:
    """Five minutes by the hub's clock, to the second."""
    began = datetime.now(UTC).replace(microsecond=0)
    moved = [timedelta()]
    scene = make_scene().embed(clock=lambda: began + moved[0])
    client = httpx.Client(transport=scene.transport, base_url=scene.hub.issuer)
    raw = Raw(scene.hub.issuer, POLICE, scene[POLICE].keys.keys[KeyUse.SIGNING.value], client)
    assert raw.send("GET", "/v1/cases").status_code == 200

    def ask(seconds: int) -> httpx.Response:
        moved[0] = timedelta(seconds=seconds)
        raw.nonce = client.get("/health").headers["dpop-nonce"]
        at = int((began + moved[0]).timestamp())
        return raw.send("GET", "/v1/cases", proof=raw.proof("GET", f"{raw.issuer}/v1/cases", raw.token, iat=at))

    assert ask(299).status_code == 200
    ended = ask(300)
    assert (ended.status_code, ended.json()["detail"]) == (401, "the access token has expired")


def test_a_token_in_the_address_or_the_body_is_no_token(hub: Scene) -> None:
    """RFC 6750 sections 2.2 and 2.3 are not spoken here."""
    police = caller(hub, POLICE)
    proof = police.proof("GET", f"{police.issuer}/v1/cases", police.token)
    in_address = police.http.get("/v1/cases", params={"access_token": police.token}, headers={"DPoP": proof})
    assert in_address.status_code == 401
    proof = police.proof("POST", f"{police.issuer}/v1/statements", police.token)
    in_body = police.http.post("/v1/statements", data={"access_token": police.token}, headers={"DPoP": proof})
    assert in_body.status_code == 401
