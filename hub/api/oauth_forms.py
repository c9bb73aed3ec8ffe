"""The authorization server's part of the OpenAPI document: its forms and its routes (docs/protocol.md section 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from hub.api.schemas import Strict
from hub.auth.clients import CLIENT_ALGORITHMS, GRANT_TYPES
from hub.auth.exchange import ACCESS_TOKEN_TYPE, JWT_TYPE
from hub.auth.metadata import INTROSPECTION_PATH, METADATA_PATH, REVOCATION_PATH, TOKEN_PATH
from hub.auth.tokens import SCOPE, TOKEN_SECONDS

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JSON = "application/json"


class _Authenticated(Strict):
    """What every request of a client carries (RFC 7523 section 2.2)."""

    client_assertion_type = fields.String(required=True, validate=validate.OneOf([ASSERTION_TYPE]))
    client_assertion = fields.String(required=True)


class TokenRequestSchema(_Authenticated):
    """A request for an access token: the agency's (RFC 6749 section 4.4.2), or a person's (RFC 8693 section 2.1)."""

    grant_type = fields.String(required=True, validate=validate.OneOf(GRANT_TYPES))
    scope = fields.String(validate=validate.OneOf([SCOPE]))
    subject_token = fields.String()
    subject_token_type = fields.String(validate=validate.OneOf([JWT_TYPE]))
    requested_token_type = fields.String(validate=validate.OneOf([ACCESS_TOKEN_TYPE]))
    audience = fields.String()
    resource = fields.String()


class TokenSchema(Strict):
    """An access token (RFC 9068), bound to the key of the proof (RFC 9449 section 5)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, validate=validate.OneOf(["DPoP"]))
    expires_in = fields.Integer(required=True)
    scope = fields.String()
    issued_token_type = fields.String(validate=validate.OneOf([ACCESS_TOKEN_TYPE]))


class TokenRefusedSchema(Strict):
    """Why there is no token (RFC 6749 section 5.2)."""

    error = fields.String(required=True)
    error_description = fields.String()


class TokenQuestionSchema(_Authenticated):
    """A client's question about a token, or its word that it is done with it (RFC 7662, RFC 7009, section 2.1)."""

    token = fields.String(required=True)
    token_type_hint = fields.String()


class TokenStateSchema(Strict):
    """What a client may hear of its own token (RFC 7662 section 2.2). Of anything else: that it is not active."""

    active = fields.Boolean(required=True)
    token_type = fields.String()
    iss = fields.String()
    sub = fields.String()
    aud = fields.String()
    client_id = fields.String()
    scope = fields.String()
    iat = fields.Integer()
    exp = fields.Integer()
    jti = fields.String()
    cnf = fields.Dict(keys=fields.String(), values=fields.String())
    act = fields.Dict(keys=fields.String(), values=fields.String())
    amr = fields.List(fields.String())
    auth_time = fields.Integer()


class ServerMetadataSchema(Strict):
    """What the authorization server accepts (RFC 8414 section 2)."""

    issuer = fields.String(required=True)
    token_endpoint = fields.String(required=True)
    introspection_endpoint = fields.String(required=True)
    revocation_endpoint = fields.String(required=True)
    grant_types_supported = fields.List(fields.String(), required=True)
    response_types_supported = fields.List(fields.String(), required=True)
    scopes_supported = fields.List(fields.String(), required=True)
    dpop_signing_alg_values_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)


SCHEMAS: Mapping[str, type[Schema]] = {
    "TokenRequest": TokenRequestSchema,
    "Token": TokenSchema,
    "TokenRefused": TokenRefusedSchema,
    "TokenQuestion": TokenQuestionSchema,
    "TokenState": TokenStateSchema,
    "ServerMetadata": ServerMetadataSchema,
}


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _form(schema: str) -> dict[str, Any]:
    content = {"application/x-www-form-urlencoded": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


_REFUSED = {
    "400": _answer("Refused", "TokenRefused"),
    "401": _answer("The assertion is not one of an enrolled agency", "TokenRefused"),
    "default": _answer("Refused (RFC 6749 section 5.2)", "TokenRefused"),
}
_TOKEN: dict[str, Any] = {
    "summary": "An access token for an agency or one of its people, bound to the key of its DPoP proof.",
    "description": (
        f"Client credentials (RFC 6749 section 4.4), or token exchange (RFC 8693) with an agency's subject token, "
        f"with private_key_jwt (RFC 7523) in {', '.join(CLIENT_ALGORITHMS)}; the token lasts {TOKEN_SECONDS} seconds. "
        "A proof carries the newest DPoP-Nonce of any answer of the hub."
    ),
    "parameters": [
        {
            "name": "DPoP",
            "in": "header",
            "required": True,
            "description": "The proof of possession (RFC 9449 section 4)",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": _form("TokenRequest"),
    "responses": {
        "200": _answer(f"The token, of scope {SCOPE}", "Token"),
        **_REFUSED,
        "400": _answer("Refused; use_dpop_nonce says to try again with the nonce sent along", "TokenRefused"),
        "403": _answer("key_revoked: the member whom the subject token names is revoked", "TokenRefused"),
    },
}
_INTROSPECTION: dict[str, Any] = {
    "summary": "Whether one of the client's own tokens is good (RFC 7662).",
    "requestBody": _form("TokenQuestion"),
    "responses": {"200": _answer("What is said of it; of any other token: not active", "TokenState"), **_REFUSED},
}
_REVOCATION: dict[str, Any] = {
    "summary": "The client is done with one of its own tokens (RFC 7009).",
    "requestBody": _form("TokenQuestion"),
    "responses": {"200": {"description": "It is not good any more, if it ever was"}, **_REFUSED},
}
_METADATA: dict[str, Any] = {
    "summary": "What the authorization server accepts (RFC 8414).",
    "responses": {"200": _answer("The metadata", "ServerMetadata")},
}
PATHS: Mapping[str, dict[str, Any]] = {
    TOKEN_PATH: {"post": _TOKEN},
    INTROSPECTION_PATH: {"post": _INTROSPECTION},
    REVOCATION_PATH: {"post": _REVOCATION},
    METADATA_PATH: {"get": _METADATA},
}
OAUTH_PATHS = frozenset({TOKEN_PATH, INTROSPECTION_PATH, REVOCATION_PATH})
"""Paths whose refusals have the form of RFC 6749 section 5.2."""
