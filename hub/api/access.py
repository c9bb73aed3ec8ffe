"""One rule for every route: what it declares it needs (``hub.auth.needs``) is asked here, and nowhere else."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask, Response, g, jsonify, request
from marshmallow import Schema
from werkzeug.exceptions import HTTPException

from hub.api.at_once import AtOnce, Leaving, is_long, note_leave
from hub.auth.authorization import refused_here
from hub.auth.caller import Caller
from hub.auth.dpop import ProofRefused
from hub.auth.needs import Need, need_of
from hub.auth.pace import record_first, refuse_known, require_pace
from hub.auth.strangers import client_of, require_pace_of_stranger
from hub.config import MAX_FORM_BYTES, MAX_JSON_BYTES, MAX_REQUEST_BYTES
from hub.exchange import cases
from hub.refusal import Refused
from hub.services import Services
from hub.store.errors import StoreUnavailable

OAUTH_ENDPOINTS = frozenset({"oauth_token", "oauth_introspection", "oauth_revocation"})
LARGE_ENDPOINTS = frozenset({"exchange.push"})
NOT_JSON_ENDPOINTS = LARGE_ENDPOINTS | OAUTH_ENDPOINTS
UNKNOWN_MEMBER = str(Schema._default_error_messages["unknown"])
"""What the schemas say of a member that they do not have."""
AGENCY_REQUESTS_PER_MINUTE = 3_000
"""An adapter that looks every second asks some 300 times a minute; pushes and pulls come in batches."""
PERSON_REQUESTS_PER_MINUTE = 120
"""What one person reads. More is a program that reads in a person's name."""
WENT_WRONG = "the hub failed; whether it was recorded, the same request with the same bytes will say"
"""An act is recorded before it is answered, and the answer is what failed perhaps."""
RETRY_SECONDS = 5
"""When to come back to a hub whose database does not answer."""
PROBLEM_MEDIA_TYPE = "application/problem+json"


def install(app: Flask, services: Services, threads: int) -> None:
    """Check every request before its view, and render every refusal as problem details (RFC 9457)."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    at_once = AtOnce(threads)
    app.wsgi_app = Leaving(app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def _limit_body() -> None:
        if request.endpoint in LARGE_ENDPOINTS:
            request.max_content_length = MAX_REQUEST_BYTES
        elif request.endpoint in OAUTH_ENDPOINTS:
            request.max_content_length = MAX_FORM_BYTES

    @app.before_request
    def _require_need() -> Response | None:
        need = need_of(app.view_functions.get(request.endpoint or ""))
        if need is Need.OPEN:
            _require_pace_of_stranger(services)
            return None
        try:
            g.caller = services.authorization.require(
                request.headers.get("Authorization"),
                request.headers.get("DPoP"),
                method=request.method,
                url=f"{services.config.issuer}{request.path}",
                # 1. Who is over their pace is refused before anything is written; the proof stays unused, and nothing
                # was done for it. 2. A proof is used up, once. 3. Only then is the request counted: a request that
                # somebody else caught and sends again is refused in 2, and takes nothing of its caller's pace.
                before_use=lambda caller: refuse_known(services.moment, *_pace_of(caller), services.clock()),
            )
            g.agency = g.caller.agency
        except ProofRefused as error:
            _require_pace_of_stranger(services)
            code = "use_dpop_nonce" if error.needs_nonce else "invalid_token"
            response = problem(Refused(401, code, str(error)))
            response.headers["WWW-Authenticate"] = f'DPoP error="{code}", algs="ES256 Ed25519"'
            return response
        _require_pace(services, g.caller)
        _require_caller(services, need)
        chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
        long = is_long(request.content_length, is_chunked=chunked)
        note_leave(request.environ, at_once.enter(g.agency, is_long=long))
        return None

    @app.before_request
    def _require_json() -> None:
        takes_json = request.method == "POST" and request.endpoint not in NOT_JSON_ENDPOINTS
        if takes_json and request.mimetype != "application/json":
            raise Refused(415, "media_type", "expected application/json")

    @app.after_request
    def _set_headers(response: Response) -> Response:
        # Without the database there is no nonce to give, and the answer says already what is wrong.
        with suppress(StoreUnavailable):
            response.headers.setdefault("DPoP-Nonce", services.authorization.nonces.issue(services.clock()))
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # Nothing of the API is a page; where a browser shows an answer all the same, it does nothing with it.
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        if services.config.issuer.startswith("https://"):
            response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        return response

    _render_refusals(app)


def _render_refusals(app: Flask) -> None:
    """Answer whatever is raised as problem details."""

    @app.errorhandler(Refused)
    def _refused(refusal: Refused) -> Response:
        return refused_here(refusal) if request.endpoint in OAUTH_ENDPOINTS else problem(refusal)

    @app.errorhandler(StoreUnavailable)
    def _unavailable(error: StoreUnavailable) -> Response:
        app.logger.error("the database failed at %s: %s", request.endpoint, error.code)
        refusal = Refused(503, error.code, str(error), wait=RETRY_SECONDS)
        return refused_here(refusal) if request.endpoint in OAUTH_ENDPOINTS else problem(refusal)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return problem(_from_http(error))

    @app.errorhandler(RecursionError)
    def _nested(_error: RecursionError) -> Response:
        return problem(Refused(400, "malformed", "the request is nested too deeply"))

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        # The type is logged, never the text: it could hold what a caller sent.
        app.logger.error("unexpected %s at %s", type(error).__name__, request.endpoint)
        return problem(Refused(500, "internal", WENT_WRONG))


def _pace_of(caller: Caller) -> tuple[str, int]:
    """Return the name that a caller is counted under, and how many requests a minute it has."""
    if caller.member is None:
        return f"agency {caller.agency}", AGENCY_REQUESTS_PER_MINUTE
    return f"person {caller.agency} {caller.member}", PERSON_REQUESTS_PER_MINUTE


def _require_pace(services: Services, caller: Caller) -> None:
    at = services.clock()
    require_pace(
        services.moment,
        *_pace_of(caller),
        at,
        on_first=lambda: record_first(services.database, caller.agency, caller.member, "request", at),
    )


def _require_pace_of_stranger(services: Services) -> None:
    address = client_of(request, services.config.fronts)
    require_pace_of_stranger(services.moment, address, services.clock())


def _require_caller(services: Services, need: Need | None) -> None:
    """Let a proven caller on to the view, or raise ``Refused``: what declares nothing is answered as if not there."""
    if g.caller.member is not None and need is not Need.PULL:
        raise Refused(403, "insufficient_scope", "a person's token is good for a pull; all else takes the agency's")
    if need is Need.PARTY:
        with services.database.read() as session:
            cases.require_party(session, str((request.view_args or {})["case"]), g.agency)
    elif need is None and request.routing_exception is None:
        raise nothing_here()


def nothing_here() -> Refused:
    """Return what is said of an address that leads nowhere, or to nothing that anybody may have."""
    return Refused(404, "not_found", "there is nothing at this address")


def _from_http(error: HTTPException) -> Refused:
    status = error.code or 500
    messages = getattr(error, "data", {}).get("messages") if status == 422 else None
    if messages is not None:
        return Refused(422, "malformed", f"the request is not of the documented form: {_fields(messages)}")
    texts = {
        400: ("malformed", "the request is not of the documented form"),
        404: (nothing_here().code, nothing_here().detail),
        405: ("method", "this address does not take this method"),
        413: (
            "too_large",
            f"a request has at most {MAX_JSON_BYTES} bytes, for a token {MAX_FORM_BYTES}, a push {MAX_REQUEST_BYTES}",
        ),
        415: ("media_type", "this address does not take this media type"),
    }
    code, text = texts.get(status, ("internal", WENT_WRONG))
    return Refused(status, code, text)


def _fields(messages: object) -> str:
    """Return the names of the members that are wrong; never a value, and no name that the caller made up."""
    if not isinstance(messages, dict):
        return "the body"
    found: set[str] = set()
    for part in messages.values():
        for name, said in part.items() if isinstance(part, dict) else [("body", part)]:
            found.add("a member that is not in the form" if UNKNOWN_MEMBER in _texts(said) else str(name))
    return ", ".join(sorted(found)[:10])


def _texts(said: object) -> list[object]:
    return said if isinstance(said, list) else [said]


def problem(refusal: Refused) -> Response:
    """Render problem details."""
    response = jsonify(refusal.to_problem())
    response.status_code = refusal.status
    response.content_type = PROBLEM_MEDIA_TYPE
    if "wait" in refusal.extra:
        response.headers["Retry-After"] = str(refusal.extra["wait"])
    return response
