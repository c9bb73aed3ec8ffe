"""A small OpenID provider for the demo: one process, one issuer for each agency, on Authlib.

Code flow with PKCE, pushed requests and ``private_key_jwt``, all of them required; ES256 ID tokens with ``acr`` and
``amr``; ``iss`` in the answer. People, their passwords and their codes are given when it starts and gone when it ends.
It signs nobody in twice by itself: each request asks again. It never runs in production.

    python -m demo.identity CONFIG.json
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc9207.parameter import IssuerParameter
from authlib.oidc.core import OpenIDCode
from flask import Flask, Response, g, jsonify, make_response, render_template, request, send_from_directory
from joserfc.jwk import ECKey
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from demo.identity_parts import (
    ACR_TWO_FACTORS,
    TOKEN_SECONDS,
    Assertion,
    Client,
    Issued,
    Person,
    RequiredChallenge,
    Waiting,
)
from demo.identity_place import DemoOnly, require_demo_folder, require_local

MAX_REQUEST_BYTES = 32 * 1024
MAX_CONFIG_BYTES = 1024 * 1024
MAX_TRIES = 10
REQUEST_SECONDS, CODE_SECONDS = 600, 60
LOOPBACK = "127.0.0.1"
"""Where it listens, and nowhere else."""
_HERE = Path(__file__).resolve().parent
_STYLE = _HERE.parent / "hub" / "console" / "static"
_Wsgi = Callable[..., Iterable[bytes]]


class Issuer:
    """One agency's provider: its key, its people, its clients, its pages."""

    def __init__(self, issuer: str, label: str, clients: Iterable[Client], people: Iterable[Person]) -> None:
        self.issuer, self.label = issuer, label
        self.clients = {client.client_id: client for client in clients}
        self.people = {person.username: person for person in people}
        self.rotate()
        self._pushed, self._codes = Waiting(REQUEST_SECONDS), Waiting(CODE_SECONDS)
        self._failed: dict[str, int] = {}
        self.app = Flask("demo.identity", static_folder=None, template_folder=str(_HERE))
        self.app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
        self._server = self._make_server()
        self._add_pages()

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is published no more."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"})

    # --- the protocol, by Authlib ---

    def _make_server(self) -> AuthorizationServer:
        here = self

        class Server(AuthorizationServer):  # type: ignore[misc]
            def create_oauth2_request(self, request: object) -> Any:
                made = super().create_oauth2_request(request)
                if "pushed" in g:
                    made.payload = BasicOAuth2Payload(g.pushed)
                return made

        class Grant(AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ["private_key_jwt"]  # noqa: RUF012 - Authlib reads a class attribute

            def save_authorization_code(self, code: str, asked: Any) -> None:
                data, at = asked.payload.data, int(time.time())
                client_id, challenge = asked.client.client_id, data["code_challenge"]
                issued = Issued(
                    code, client_id, data["redirect_uri"], data.get("nonce"), challenge, asked.user, g.has_code, at
                )
                here._codes.put(code, issued)

            def query_authorization_code(self, code: str, client: Client) -> Issued | None:
                # Taken at the first try, whoever tries.
                found: Issued | None = here._codes.take(code)
                return found if found is not None and found.client_id == client.client_id else None

            def delete_authorization_code(self, authorization_code: Issued) -> None:
                """It is gone already."""

            def authenticate_user(self, authorization_code: Issued) -> Person:
                return authorization_code.person

        class IdToken(OpenIDCode):  # type: ignore[misc]
            DEFAULT_EXPIRES_IN = TOKEN_SECONDS

            def exists_nonce(self, nonce: str, asked: object) -> bool:  # noqa: ARG002 - Authlib's signature
                return False

            def resolve_client_private_key(self, client: Client) -> ECKey:  # noqa: ARG002 - Authlib's signature
                return here.key

            def get_client_algorithm(self, client: Client) -> str:  # noqa: ARG002 - Authlib's signature
                return "ES256"

            def get_encode_header(self, client: Client) -> dict[str, str]:  # noqa: ARG002 - Authlib's signature
                return {"alg": "ES256", "kid": str(here.key.kid)}

            def get_client_claims(self, client: Client) -> dict[str, Any]:
                return {"iss": here.issuer, "aud": client.client_id}

            def generate_user_info(self, user: Person, scope: str) -> dict[str, str]:  # noqa: ARG002
                return {"sub": user.subject}

        class Named(IssuerParameter):  # type: ignore[misc]
            def get_issuer(self) -> str:
                return here.issuer

        server = Server(self.app, query_client=self.clients.get, save_token=lambda *_: None)
        server.register_client_auth_method("private_key_jwt", Assertion(self.issuer))
        server.register_grant(Grant, [IdToken(require_nonce=True), RequiredChallenge()])
        # The server's own hook for this has no caller where the grant is given: the answer is named below.
        self._named = Named()
        return server

    # --- the pages ---

    def _add_pages(self) -> None:
        app = self.app
        app.add_url_rule("/.well-known/openid-configuration", "metadata", self._metadata)
        app.add_url_rule("/jwks.json", "jwks", lambda: jsonify({"keys": [self.key.as_dict(private=False)]}))
        app.add_url_rule("/par", "par", self._push, methods=["POST"])
        app.add_url_rule("/authorize", "authorize", self._ask)
        app.add_url_rule("/authorize", "sign_in", self._judge, methods=["POST"])
        app.add_url_rule("/token", "token", lambda: self._server.create_token_response(), methods=["POST"])
        app.add_url_rule("/pages.css", "style", lambda: send_from_directory(_STYLE, "pages.css"))
        app.after_request(self._finish)

    def _finish(self, response: Response) -> Response:
        # A form of ours leads back to the clients.
        targets = {"://".join(urlsplit(uri)[:2]) for item in self.clients.values() for uri in item.redirect_uris}
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {' '.join(sorted(targets))}"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _metadata(self) -> Response:
        return jsonify(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks.json",
                "pushed_authorization_request_endpoint": f"{self.issuer}/par",
                "require_pushed_authorization_requests": True,
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid"],
                "acr_values_supported": [ACR_TWO_FACTORS],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256", "Ed25519"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    def _push(self) -> Response:
        """Take a request ahead of the browser (RFC 9126), judged as it will be judged there."""
        try:
            asked = self._server.create_oauth2_request(None)
            client = self._server.authenticate_client(asked, ["private_key_jwt"], "token")
            if client.client_id != request.form.get("client_id") or "request_uri" in request.form:
                raise InvalidRequestError("expected the client's own request")
            g.pushed = {name: value for name, value in request.form.items() if not name.startswith("client_assertion")}
            self._server.get_consent_grant()
        except AuthlibBaseError as error:
            return make_response(jsonify({"error": error.error}), getattr(error, "status_code", 400))
        request_uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(32)}"
        if not self._pushed.put(request_uri, g.pushed):
            return make_response(jsonify({"error": "temporarily_unavailable"}), 503)
        return make_response(jsonify({"request_uri": request_uri, "expires_in": REQUEST_SECONDS}), 201)

    def _ask(self) -> Response:
        request_uri = request.args.get("request_uri", "")
        pushed = self._pushed.get(request_uri)
        if pushed is None or pushed["client_id"] != request.args.get("client_id"):
            return self._page(None, "Go back to where you came from and sign in again.", 400)
        return self._page(request_uri, None, 200)

    def _judge(self) -> Response:
        request_uri = request.form.get("request_uri", "")
        pushed = self._pushed.get(request_uri)
        if pushed is None:
            return self._page(None, "Go back to where you came from and sign in again.", 400)
        person = None
        if "cancel" not in request.form:
            person = self._check(request.form)
            if person is None:
                return self._page(request_uri, "User name, password or code is not right.", 403)
        if self._pushed.take(request_uri) is None:
            return self._page(None, "Go back to where you came from and sign in again.", 400)
        g.pushed, g.has_code = pushed, bool(request.form.get("code"))
        grant = self._server.get_consent_grant(end_user=person)
        answer: Response = self._server.create_authorization_response(grant=grant, grant_user=person)
        self._named.add_issuer_parameter(self._server, answer)
        return answer

    def _check(self, form: Mapping[str, str]) -> Person | None:
        """Return who signs in; None where a word is not right, or after too many that were not."""
        username = form.get("username", "")
        person = self.people.get(username)
        if person is None or self._failed.get(username, 0) >= MAX_TRIES:
            return None
        code = form.get("code", "").strip()
        is_right = hmac.compare_digest(form.get("password", "").encode(), person.password.encode())
        if not is_right or (code and not hmac.compare_digest(code.encode(), person.code.encode())):
            self._failed[username] = self._failed.get(username, 0) + 1
            return None
        return person

    def _page(self, request_uri: str | None, problem: str | None, status: int) -> Response:
        page = render_template("identity.html", label=self.label, request_uri=request_uri, problem=problem)
        return make_response(page, status)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """A request's address holds what nobody's log should."""


class Identity:
    """Every issuer of the demo. ``serve`` blocks until ``close``."""

    def __init__(self, config: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> None:
        """``config`` as the module's ``read_config`` returns it. Raises ``DemoOnly``, ``ValueError``."""
        if config.get("environment") != "demo" or environ.get("NRM_ENVIRONMENT", "demo") != "demo":
            raise DemoOnly("this identity provider is for the demo alone; in production use your own agency's")
        if set(config) != {"environment", "base", "issuers"}:
            raise DemoOnly("expected exactly environment, base and issuers; where it listens is not to be chosen")
        base = str(config["base"])
        require_local(base, "base")
        for item in config["issuers"].values():
            for uri in (uri for client in item["clients"] for uri in client["redirect_uris"]):
                require_local(uri, "redirect_uris")
        self.issuers = {
            name: Issuer(
                f"{base}/{name}",
                str(item["label"]),
                [Client(one["client_id"], tuple(one["redirect_uris"]), one["jwks"]) for one in item["clients"]],
                [Person(one["username"], one["subject"], one["password"], one["code"]) for one in item["people"]],
            )
            for name, item in config["issuers"].items()
        }
        self._port = urlsplit(base).port or 80
        self._listening: BaseWSGIServer | None = None

    @property
    def application(self) -> _Wsgi:
        """All issuers, each under its name."""
        all_of_them = DispatcherMiddleware(
            Flask("demo.identity.nothing", static_folder=None),
            {f"/{name}": issuer.app for name, issuer in self.issuers.items()},
        )

        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            # Authlib refuses plain http but for this name. Nothing here is built of the name that was asked for.
            return all_of_them({**environ, "HTTP_HOST": "localhost"}, start)

        return answer

    def listen(self) -> None:
        """Take the port. Raises ``OSError`` or ends where it is taken."""
        self._listening = make_server(LOOPBACK, self._port, self.application, threaded=True, request_handler=_Quiet)

    def serve(self) -> None:
        """Answer until ``close``."""
        if self._listening is None:
            self.listen()
        if self._listening is not None:
            self._listening.serve_forever()

    def close(self) -> None:
        """Stop answering."""
        if self._listening is not None:
            self._listening.shutdown()
            self._listening.server_close()


def read_config(path: Path) -> dict[str, Any]:
    """Read ``{environment, base, issuers: {name: {label, clients: [...], people: [...]}}}``. Raises ``ValueError``."""
    with path.open("rb") as file:
        data = file.read(MAX_CONFIG_BYTES + 1)
    if len(data) > MAX_CONFIG_BYTES:
        raise ValueError(f"{path} has more than {MAX_CONFIG_BYTES:,} bytes")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected an object")
    return found


def main(arguments: list[str]) -> int:
    """Serve the issuers of a configuration until the process ends; return an exit code."""
    if len(arguments) != 1:
        print("usage: python -m demo.identity CONFIG.json", file=sys.stderr)
        return 2
    try:
        path = Path(arguments[0])
        config = read_config(path)
        identity = Identity(config)
        require_demo_folder(path.resolve().parent, config)
        identity.listen()
    except (DemoOnly, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        print(f"the demo's identity provider does not start: {error}", file=sys.stderr)
        return 1
    try:
        identity.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
