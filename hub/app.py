"""The composition root: the only place that wires a hub together."""

from __future__ import annotations

from flask import Flask, Response

from hub.api import access, exchange, health, log, waiting
from hub.api.at_once import THREADS
from hub.api.described import make_api
from hub.console import mounting
from hub.services import Services
from policies.protocol import PROTOCOL_VERSION, VERSION_HEADER


def create_app(services: Services, *, threads: int = THREADS) -> Flask:
    """Return the hub's WSGI application on services that are already open.

    ``threads``: how many requests the process answers at the same time.
    """
    app = Flask("hub", static_folder=None)
    app.config.update(
        API_TITLE="nrm-hub",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "Sealed case fragments between agencies. Normative text: docs/protocol.md."},
            "security": [{"dpop": []}],
            "components": {"securitySchemes": {"dpop": {"type": "http", "scheme": "DPoP", "description": "RFC 9449"}}},
        },
    )
    app.extensions["nrmhub"] = services

    @app.after_request
    def _say_version(response: Response) -> Response:
        response.headers[VERSION_HEADER] = str(PROTOCOL_VERSION)
        return response

    services.authorization.init_app(app)
    api = make_api(app)
    for module in (exchange, log, waiting, health):
        api.register_blueprint(module.blueprint)
    # Last, so that no other part's rendering of errors stands before ours.
    access.install(app, services, threads)
    mounting.mount(app, services)
    return app
