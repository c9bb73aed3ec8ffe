"""Introspection and revocation of a client's own tokens, the metadata, and what a hub that began anew takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from hub.auth.metadata import METADATA_PATH
from tests.attacks.key_acts import revoke_person
from tests.hub.api.raw import ABSENT, Raw
from tests.hub.auth.conftest import caller
from tests.scene import CARE, CHARITY, POLICE, Scene, embedded_services

INTROSPECT, REVOKE = "/oauth/introspect", "/oauth/revoke"


def test_a_client_hears_of_its_own_token(police: Raw, chair: str) -> None:
    """What it is, for whom, until when; nothing that only the hub uses."""
    answer = police.ask_about(INTROSPECT, police.token)
    assert answer.status_code == 200
    said = answer.json()
    assert said["active"] is True
    assert (said["client_id"], said["sub"], said["token_type"]) == (POLICE, POLICE, "DPoP")
    assert set(said) == {
        "active",
        "token_type",
        "iss",
        "sub",
        "aud",
        "client_id",
        "scope",
        "iat",
        "exp",
        "jti",
        "cnf",
    }
    # 128 random bits (FAPI 2.0 section 5.4.1).
    assert re.fullmatch(r"[0-9a-f]{32}", said["jti"])
    person = police.ask_person(police.subject(chair)).json()["access_token"]
    first, said = said, police.ask_about(INTROSPECT, person, token_type_hint="access_token").json()
    assert said["jti"] != first["jti"]
    assert (said["sub"], said["act"], said["amr"]) == (chair, {"sub": POLICE}, ["pwd"])


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
def test_anothers_token_and_no_token_are_answered_alike(police: Raw, care: Raw, path: str) -> None:
    """Nobody learns whether a token that they found is good, and nobody ends another's."""
    answers = [
        police.ask_about(path, text) for text in (care.token, "x", "a.b.c", care.token[:-4] + "AAAA", "x" * 9000)
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (200, answers[0].text),
    }
    assert answers[0].json() == ({"active": False} if path == INTROSPECT else {})
    assert care.send("GET", "/v1/cases").status_code == 200


def test_a_token_given_back_is_refused_from_the_next_request_on(police: Raw) -> None:
    """And giving it back twice is no error (RFC 7009 section 2.2)."""
    assert police.send("GET", "/v1/cases").status_code == 200
    for _ in range(2):
        answer = police.ask_about(REVOKE, police.token)
        assert (answer.status_code, answer.json()) == (200, {})
    refused = police.send("GET", "/v1/cases")
    assert (refused.status_code, refused.json()["detail"]) == (401, "the access token was revoked")
    assert police.ask_about(INTROSPECT, police.token).json() == {"active": False}


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_assertion": ABSENT}, 401, "invalid_client"),
        ({"client_assertion": "a.b.c"}, 401, "invalid_client"),
        ({"client_assertion": ABSENT, "client_id": "fern-police", "client_secret": "x"}, 401, "invalid_client"),
        ({"token": ABSENT}, 400, "invalid_request"),
        ({"token": ["x", "y"]}, 400, "invalid_request"),
    ],
)
def test_only_a_client_asks_and_only_of_a_token(
    police: Raw, path: str, form: dict[str, Any], status: int, error: str
) -> None:
    answer = police.ask_about(path, **{"token": "x", **form})
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
def test_an_assertion_is_good_once_here_too(police: Raw, path: str) -> None:
    assertion = police.assertion()
    assert police.ask_about(path, police.token, client_assertion=assertion).status_code == 200
    assert police.ask_about(path, police.token, client_assertion=assertion).status_code == 401
    assert police.ask_token(assertion).status_code == 401


def test_the_metadata_names_every_endpoint_and_what_it_takes(police: Raw) -> None:
    """RFC 8414 section 2: issuer equal to where it was fetched, no way in that does not exist."""
    said = police.http.get(METADATA_PATH).json()
    assert said["issuer"] == police.issuer
    for name in ("token", "introspection", "revocation"):
        assert said[f"{name}_endpoint"].startswith(f"{police.issuer}/oauth/")
        assert said[f"{name}_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        assert said[f"{name}_endpoint_auth_signing_alg_values_supported"] == ["Ed25519", "ES256", "ES384"]
        assert police.http.post(said[f"{name}_endpoint"].removeprefix(police.issuer)).status_code in (400, 401)
    assert said["response_types_supported"] == []
    assert "authorization_endpoint" not in said
    assert said["grant_types_supported"] == [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]


def test_a_hub_that_began_anew_takes_nothing_from_before(make_scene: Callable[[], Scene]) -> None:
    """What was revoked before is forgotten, so the tokens of that time are too; a client asks again by itself."""
    scene = make_scene().embed()
    care, client = caller(scene, CARE), scene[CARE].client
    assert care.send("GET", "/v1/cases").status_code == 200
    client.get("/v1/cases")
    embedded_services(scene.hub, scene[CARE].clock).close()
    stale = care.send("GET", "/v1/cases")
    assert (stale.status_code, stale.json()["type"]) == (401, "urn:nrmhub:problem:use_dpop_nonce")
    care.nonce = stale.headers["dpop-nonce"]
    refused = care.send("GET", "/v1/cases")
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:nrmhub:problem:invalid_token")
    assert "began anew" in refused.json()["detail"]
    assert care.ask_about(INTROSPECT, care.token).json() == {"active": False}
    assert client.get("/v1/cases")["cases"]


def test_an_agency_that_is_not_enrolled_is_answered_as_one_with_a_wrong_key(police: Raw) -> None:
    """Nobody learns from outside who takes part in the federation."""
    answers = [
        police.ask_token(police.assertion(iss=name, sub=name)) for name in ("nobody-here", CHARITY, "fern-health")
    ]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


def test_every_endpoint_refuses_unknown_clients_in_one_shape(police: Raw) -> None:
    answers = [
        police.ask_token("a.b.c"),
        police.ask_person("x", client_assertion="a.b.c"),
        police.ask_about(INTROSPECT, "x", client_assertion="a.b.c"),
        police.ask_about(REVOKE, "x", client_assertion="a.b.c"),
    ]
    assert {(answer.status_code, answer.text, answer.headers["www-authenticate"]) for answer in answers} == {
        (401, answers[0].text, 'DPoP algs="ES256 Ed25519"')
    }


def test_introspection_asks_whether_the_member_is_certified_still(embedded: Scene) -> None:
    """Introspection asks the same questions as a request."""
    police, chair = caller(embedded, POLICE), embedded[POLICE].people["chair"]
    person = police.ask_person(police.subject(chair)).json()["access_token"]
    assert police.ask_about(INTROSPECT, person).json()["active"] is True
    revoke_person(embedded[POLICE], "chair")
    assert police.ask_about(INTROSPECT, person).json() == {"active": False}
