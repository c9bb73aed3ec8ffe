"""A person's token: only on their own agency's word, only while they are certified, only for their own acts."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from adapters.hub_client import HubRefused
from adapters.signed_in import SignedIn
from hub.auth.exchange import ACCESS_TOKEN_TYPE
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from tests.attacks.key_acts import revoke_person
from tests.hub.api.raw import ABSENT, Raw, okp
from tests.hub.auth.conftest import caller
from tests.scene import CARE, POLICE, Scene, now


@dataclass(frozen=True)
class In:
    """A time so many seconds from when the test runs."""

    seconds: int


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def bodies(scene: Scene, kind: str) -> list[dict[str, Any]]:
    """The log's bodies of one type, oldest first."""
    return [
        json.loads(row[0]) for row in scene.sql("SELECT body FROM log_entry WHERE type = ? ORDER BY position", kind)
    ]


def refused(response: httpx.Response, words: str) -> None:
    """Assert the one form in which a subject token is refused (RFC 8693 section 2.2.2)."""
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), response.text
    assert words in response.json()["error_description"], response.text


def test_an_agencys_word_gives_a_token_of_the_person(police: Raw, chair: str) -> None:
    """Subject, actor, the ways in which they were recognised; bound to the proof's key; five minutes."""
    signed_in = int(time.time()) - 3600
    answer = police.ask_person(police.subject(chair, amr=["pwd", "hwk"], auth_time=signed_in))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["token_type"], said["issued_token_type"]) == ("DPoP", ACCESS_TOKEN_TYPE)
    assert said["expires_in"] == 300
    claims = claims_of(said["access_token"])
    assert (claims["sub"], claims["client_id"], claims["act"]) == (chair, POLICE, {"sub": POLICE})
    assert (claims["amr"], claims["auth_time"]) == (["pwd", "hwk"], signed_in)
    assert claims["cnf"] == {"jkt": str(police.dpop.thumbprint())}
    assert claims["exp"] - claims["iat"] == 300
    # It is known for what it is: a person's, good for a pull and for nothing of the agency's.
    police.held = said["access_token"]
    answer = police.send("GET", "/v1/cases")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:nrmhub:problem:insufficient_scope")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iss": CARE}, "iss must be the agency"),
        ({"iss": ABSENT}, "exactly"),
        ({"aud": "https://another-hub.example"}, "aud"),
        ({"aud": ABSENT}, "exactly"),
        ({"sub": ABSENT}, "exactly"),
        ({"sub": "0" * 32}, "nobody"),
        ({"sub": "fern-police"}, "member's id"),
        ({"sub": 1}, "member's id"),
        ({"exp": In(-600), "iat": In(-700)}, "exp has passed"),
        ({"exp": In(600)}, "300 seconds at most"),
        ({"exp": In(0)}, "300 seconds at most"),
        ({"iat": In(50), "exp": In(100)}, "in the future"),
        ({"iat": 1.5}, "base64url of one JSON object"),
        ({"iat": "now"}, "whole seconds"),
        ({"jti": "short"}, "jti"),
        ({"jti": 1}, "jti"),
        ({"auth_time": In(120)}, "auth_time"),
        ({"auth_time": In(-11 * 3600)}, "auth_time"),
        ({"auth_time": True}, "whole seconds"),
        ({"auth_time": ABSENT}, "exactly"),
        ({"amr": []}, "amr"),
        ({"amr": "pwd"}, "amr"),
        ({"amr": ["pwd", "pwd"]}, "amr"),
        ({"amr": ["PWD"]}, "amr"),
        ({"amr": ["a" * 40]}, "amr"),
        ({"amr": [f"m{number}" for number in range(9)]}, "amr"),
        ({"amr": ABSENT}, "exactly"),
        ({"roles": ["panel_chair"]}, "exactly"),
        ({"nbf": int(time.time())}, "exactly"),
    ],
)
def test_a_subject_token_with_a_wrong_claim_gets_no_token(
    police: Raw, chair: str, changed: dict[str, Any], words: str
) -> None:
    at = int(time.time())
    claims = {name: at + value.seconds if isinstance(value, In) else value for name, value in changed.items()}
    refused(police.ask_person(police.subject(chair, **claims)), words)


def test_nobody_speaks_for_another_agencys_people(hub: Scene, police: Raw, care: Raw, chair: str) -> None:
    """Neither with their own key, nor with a token that the other agency signed."""
    refused(care.ask_person(care.subject(chair)), "nobody")
    refused(care.ask_person(care.subject(chair, iss=POLICE)), "iss must be the agency")
    refused(care.ask_person(police.subject(chair)), "names no key")


def test_a_persons_own_key_is_no_agencys_word(hub: Scene, police: Raw, chair: str) -> None:
    """A person cannot say of themselves how they were recognised."""
    own = hub[POLICE].member_keys["chair"].keys[KeyUse.MEMBER_SIGNING.value]
    header = {"alg": "Ed25519", "kid": own.public.kid, "typ": "nrmhub-person+jwt"}
    refused(police.ask_person(police.subject(chair, key=okp(own), header=header)), "names no key")


def test_a_token_of_another_type_is_no_subject_token(police: Raw, chair: str) -> None:
    """An assertion, an access token, a subject token as an assertion: each is good for its own use alone."""
    refused(police.ask_person(police.assertion()), "another type")
    refused(police.ask_person(police.token), "another type")
    as_assertion = police.ask_token(police.subject(chair, iss=POLICE, sub=POLICE))
    assert (as_assertion.status_code, as_assertion.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token_type": ACCESS_TOKEN_TYPE},
        {"subject_token_type": ABSENT},
        {"subject_token": ABSENT},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"audience": "https://another-hub.example"},
        {"resource": "https://another-hub.example"},
        {"actor_token": "x"},
        {"actor_token_type": "x"},
        {"scope": "everything"},
    ],
)
def test_another_exchange_than_the_documented_one_is_refused(police: Raw, chair: str, form: dict[str, Any]) -> None:
    answer = police.ask_person(police.subject(chair), **form)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == ("invalid_scope" if "scope" in form else "invalid_request")


def test_the_exchange_asks_for_client_and_proof(police: Raw, chair: str) -> None:
    """An agency's word alone is worth nothing: whoever brings it is that agency, with a key of their own."""
    unproven = police.ask_person(police.subject(chair), proof="")
    assert (unproven.status_code, unproven.json()["error"]) == (400, "invalid_dpop_proof")
    unknown = police.ask_person(police.subject(chair), client_assertion=ABSENT)
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")


def test_a_parameter_twice_or_in_the_address_is_refused(police: Raw, chair: str) -> None:
    """RFC 6749 section 3.2: of two values nobody knows which counts."""
    proof = police.proof("POST", f"{police.issuer}/oauth/token", None)
    answer = police.http.post("/oauth/token?grant_type=client_credentials", headers={"DPoP": proof})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    twice = {"client_assertion": police.assertion(), "grant_type": ["client_credentials", "client_credentials"]}
    answer = police.http.post("/oauth/token", data=twice, headers={"DPoP": proof})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# --- the pull ---


def pull_statement(scene: Scene, agency: str, label: str | None) -> str:
    party = scene[agency]
    signer = party.keys.keys["signing"] if label is None else party.member_keys[label].keys["member-signing"]
    member = None if label is None else party.people[label]
    return make_statement(
        StatementType.PULL,
        {"case": scene.main, "member": member, "purpose": "panel_review"},
        issuer=agency,
        signer=signer,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def send_pull(scene: Scene, statement: str, signed_in: SignedIn | None) -> bytes:
    payload = {"statement": statement}
    return scene[POLICE].client.post_for_lines(f"/v1/cases/{scene.main}/pull", payload, signed_in)


def test_a_pull_takes_the_token_of_whoever_signed_it(make_scene: Callable[[], Scene]) -> None:
    """The person's own; not the agency's, not a colleague's; and for the agency's intake the agency's."""
    scene = make_scene().embed()
    scene.witness()
    party = scene[POLICE]
    before = len(scene.log_types())
    for label, signed_in in (
        ("chair", None),
        ("chair", party.signed_in("constable")),
        (None, party.signed_in("chair")),
    ):
        with pytest.raises(HubRefused) as refusal:
            send_pull(scene, pull_statement(scene, POLICE, label), signed_in)
        assert (refusal.value.status, refusal.value.code) == (403, "token")
    assert len(scene.log_types()) == before
    assert b'"viewed"' in send_pull(scene, pull_statement(scene, POLICE, "chair"), party.signed_in("chair"))
    assert b'"viewed"' in send_pull(scene, pull_statement(scene, POLICE, None), None)


def test_a_revoked_members_token_ends_with_the_next_request(embedded: Scene) -> None:
    """The token held is refused, another is not given, and the attempt is in the log."""
    police, chair = caller(embedded, POLICE), embedded[POLICE].people["chair"]
    police.held = police.ask_person(police.subject(chair)).json()["access_token"]
    assert police.send("GET", "/v1/cases").status_code == 403
    revoke_person(embedded[POLICE], "chair")
    began = time.monotonic()
    answer = police.send("GET", "/v1/cases")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:nrmhub:problem:invalid_token")
    assert time.monotonic() - began < 1
    assert police.ask_about("/oauth/introspect", police.held).json() == {"active": False}
    again = police.ask_person(police.subject(chair))
    assert (again.status_code, again.json()["error"]) == (403, "key_revoked")
    denied = bodies(embedded, "denied")[-1]
    assert (denied["agency"], denied["member"], denied["act"], denied["code"]) == (
        POLICE,
        chair,
        "token",
        "key_revoked",
    )
    # The agency's own token is untouched.
    police.held = ""
    assert police.send("GET", "/v1/cases").status_code == 200


def test_a_client_holds_one_token_for_a_person_and_way(embedded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one for each act; another where the person was recognised otherwise; none after they were forgotten."""
    party = embedded[POLICE]
    client, chair = party.client, party.signed_in("chair")
    assert client.is_good(chair)
    held = dict(client._tokens)
    assert client.is_good(party.signed_in("chair"))
    assert client._tokens == held
    assert client.is_good(SignedIn(chair.member, ("pin", "hwk"), now()))
    assert len([key for key in client._tokens if key is not None]) == 2
    token = held[(chair.member, ("pwd",))][0]
    client.forget(chair.member)
    assert [key for key in client._tokens if key is not None] == []
    raw = caller(embedded, POLICE)
    assert raw.ask_about("/oauth/introspect", token).json() == {"active": False}
