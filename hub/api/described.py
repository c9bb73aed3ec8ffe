"""What the OpenAPI document says beside the blueprints' own routes: the ways in (OAuth 2.0), and every refusal.

The document is served without a token, so it names nothing but forms. Every route of the application stands in it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apispec import BasePlugin
from flask import Flask
from flask_smorest import Api

from hub.api import oauth_forms, schemas
from hub.api.oauth_forms import OAUTH_PATHS
from hub.auth.metadata import METADATA_PATH
from hub.auth.needs import Need, needs

DOCUMENT_ENDPOINT = "api-docs.openapi_json"
OPEN_PATHS = OAUTH_PATHS | {"/health", METADATA_PATH, "/openapi.json"}
_JSON = "application/json"


class Refusals(BasePlugin):
    """Adds to every operation what it answers when it refuses, and marks the routes that need no token."""

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **_kwargs: object
    ) -> None:
        """Amend a path's operations in place."""
        for operation in (operations or {}).values():
            if path in OPEN_PATHS:
                operation["security"] = []
            if path not in OAUTH_PATHS:
                answers = operation.setdefault("responses", {})
                answers["default"] = _REFUSED
                # The library says that what is malformed gets an answer of its own form; it is refused like the rest.
                answers.pop(HTTPStatus.UNPROCESSABLE_ENTITY, None)
                answers.pop(str(HTTPStatus.UNPROCESSABLE_ENTITY.value), None)


_REFUSED = {
    "description": "Refused: problem details (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def make_api(app: Flask) -> Api:
    """Return the application's API documentation, with the routes that are no blueprint's described in it."""
    api = Api(app, spec_kwargs={"extra_plugins": [Refusals()]})
    document: Any = app.view_functions[DOCUMENT_ENDPOINT]
    app.view_functions[DOCUMENT_ENDPOINT] = needs(Need.OPEN)(lambda: document())
    api.ERROR_SCHEMA = None
    # The library describes its paging and its errors in advance; nothing here is paged or refused that way.
    for unused in ("PaginationMetadata", "Error"):
        api.spec.components.schemas.pop(unused, None)
    for name, schema in {"Problem": schemas.ProblemSchema, **oauth_forms.SCHEMAS}.items():
        api.spec.components.schema(name, schema=schema)
    rules = {rule.rule: rule for rule in app.url_map.iter_rules()}
    for path, operations in _PATHS.items():
        api.spec.path(rule=rules[path], operations=copy.deepcopy(operations))
    return api


_DOCUMENT: dict[str, Any] = {
    "summary": "This document.",
    "responses": {"200": {"description": "OpenAPI 3.1", "content": {_JSON: {"schema": {"type": "object"}}}}},
}
_PATHS: Mapping[str, dict[str, Any]] = {**oauth_forms.PATHS, "/openapi.json": {"get": _DOCUMENT}}
