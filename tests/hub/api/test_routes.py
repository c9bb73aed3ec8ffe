"""Every route is documented, and every route refuses who does not prove who they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub.api.described import OPEN_PATHS
from hub.app import create_app
from hub.auth.caller import Caller
from hub.auth.needs import Need, need_of
from tests.hub.api.raw import Raw
from tests.scene import Scene, embedded_services, now

OPEN = {
    "/health",
    "/oauth/token",
    "/oauth/introspect",
    "/oauth/revoke",
    "/.well-known/oauth-authorization-server",
    "/openapi.json",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@pytest.fixture(scope="module")
def application(make_scene: Callable[[], Scene]) -> Iterator[Flask]:
    """The hub's application, to look into its routes."""
    services = embedded_services(make_scene().hub, now)
    yield create_app(services)
    services.database.close()


@pytest.fixture(scope="module")
def document(scene: Scene) -> dict[str, Any]:
    """What the running hub serves."""
    response = httpx.get(f"{scene.hub.issuer}/openapi.json")
    assert response.status_code == 200
    served: dict[str, Any] = response.json()
    return served


def _documented(rule: str) -> str:
    """Write a route as OpenAPI does."""
    return rule.replace("<path:", "{").replace("<", "{").replace(">", "}")


def _is_open(application: Flask, endpoint: str) -> bool:
    return need_of(application.view_functions[endpoint]) is Need.OPEN


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    """Version 3.1, valid against its schema, and it names how to get in."""
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document["components"]["securitySchemes"]["dpop"]["scheme"] == "DPoP"


def test_every_route_is_in_the_document(application: Flask, document: dict[str, Any]) -> None:
    """No route that nobody can find, no documented route that is not there."""
    routes: dict[str, set[str]] = {}
    for rule in application.url_map.iter_rules():
        routes.setdefault(_documented(rule.rule), set()).update(rule.methods or ())
    assert set(routes) == set(document["paths"])
    for path, described in document["paths"].items():
        served = {method.lower() for method in routes[path]} - {"head", "options"}
        assert served == set(described) - {"parameters"}, path
    assert len(document["paths"]) >= 16


def test_the_document_says_which_routes_need_no_token_and_what_each_refuses_with(document: dict[str, Any]) -> None:
    """Only the open routes are marked so; every operation names the form of its refusals."""
    found = [
        (path, item) for path, each in document["paths"].items() for item in each.values() if isinstance(item, dict)
    ]
    assert {path for path, item in found if item.get("security") == []} == OPEN == OPEN_PATHS
    for path, item in found:
        form = "TokenRefused" if path.startswith("/oauth/") else "Problem"
        (media,) = item["responses"]["default"]["content"].values()
        assert media["schema"]["$ref"].endswith(f"/{form}"), path


def test_the_document_has_no_form_that_nothing_uses(document: dict[str, Any]) -> None:
    """Every component is referred to, and every reference leads somewhere."""
    text = json.dumps(document)
    kinds = {kind: set(named) for kind, named in document["components"].items() if kind != "securitySchemes"}
    listed = {f"#/components/{kind}/{name}" for kind, names in kinds.items() for name in names}
    assert len(listed) >= 15
    assert set(re.findall(r'"\$ref": "([^"]+)"', text)) == listed


def test_the_token_route_is_described_as_it_answers(scene: Scene, document: dict[str, Any], raw: Raw) -> None:
    """Members of request, answer, refusal and metadata are those of the document."""
    forms = document["components"]["schemas"]
    sent = set(forms["TokenRequest"]["properties"])
    assert sent == {
        "grant_type",
        "client_assertion_type",
        "client_assertion",
        "scope",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "audience",
        "resource",
    }
    answer = raw.ask_token()
    state = raw.ask_about("/oauth/introspect", answer.json()["access_token"]).json()
    assert set(forms["TokenState"]["required"]) <= set(state) <= set(forms["TokenState"]["properties"])
    assert answer.status_code == 200
    assert set(forms["Token"]["required"]) <= set(answer.json()) <= set(forms["Token"]["properties"])
    refused = raw.ask_token("not.a.token")
    assert str(refused.status_code) in document["paths"]["/oauth/token"]["post"]["responses"]
    assert set(refused.json()) == set(forms["TokenRefused"]["properties"])
    metadata = httpx.get(f"{scene.hub.issuer}/.well-known/oauth-authorization-server").json()
    assert set(metadata) == set(forms["ServerMetadata"]["properties"])


def test_the_open_routes_are_the_named_ones(application: Flask) -> None:
    """Six routes answer without a token, no more."""
    assert {rule.rule for rule in application.url_map.iter_rules() if _is_open(application, rule.endpoint)} == OPEN


def test_every_route_declares_what_it_needs(application: Flask) -> None:
    """None is left to chance; what a case's address leads to is for those who take part in it."""
    for rule in application.url_map.iter_rules():
        need = need_of(application.view_functions[rule.endpoint])
        assert need is not None, rule.rule
        assert ("<case>" in rule.rule) is (need in (Need.PARTY, Need.ACT, Need.PULL)), rule.rule


def test_what_declares_nothing_is_nobodys(make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """A route somebody forgot answers an enrolled agency as an address does that leads nowhere."""
    services = embedded_services(make_scene().hub, now)
    monkeypatch.setattr(type(services.authorization), "require", lambda *_args, **_named: Caller("fern-care"))
    application = create_app(services)
    application.add_url_rule("/v1/forgotten", "forgotten", lambda: "never")
    client = application.test_client()
    forgotten, nowhere = client.get("/v1/forgotten"), client.get("/v1/nowhere")
    assert forgotten.status_code == nowhere.status_code == 404
    assert forgotten.json == nowhere.json
    assert client.get("/v1/policy").status_code == 200
    services.database.close()


def test_every_route_refuses_without_a_token(application: Flask, scene: Scene) -> None:
    """Walk every route with every method: 401, or a method that is not there. Nothing else."""
    walked = 0
    with httpx.Client(base_url=scene.hub.issuer, trust_env=False) as client:
        for rule in application.url_map.iter_rules():
            if _is_open(application, rule.endpoint):
                continue
            path = rule.rule.replace("<case>", scene.main).replace("<path:path>", "0/000")
            for method in METHODS:
                for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "DPoP x", "DPoP": "x"}):
                    response = client.request(method, path, headers=headers)
                    walked += 1
                    assert response.status_code == 401, (method, path, response.text)
                    assert scene.main not in response.text
    assert walked >= 13 * len(METHODS) * 3


def test_a_refusal_has_the_headers_of_every_answer(scene: Scene) -> None:
    """Nothing is stored on the way, nothing is guessed from content."""
    response = httpx.get(f"{scene.hub.issuer}/v1/cases")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get_list("server") == ["nrm-hub"]
    assert set(response.json()) == {"type", "title", "status", "detail"}


def test_the_metadata_names_what_is_accepted(scene: Scene) -> None:
    """RFC 8414: two grants, one way to authenticate, no default algorithm."""
    found = httpx.get(f"{scene.hub.issuer}/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == scene.hub.issuer
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    assert found["grant_types_supported"] == ["client_credentials", exchange]
    assert "none" not in found["token_endpoint_auth_signing_alg_values_supported"]
