"""The console: pages on which agencies' information governance officers read who shared what with whom. Composition
root.

A Flask application of its own under ``/console`` of the hub's address: its sessions, errors and headers are none of the
API's. Before every page: the host that was asked for, size and rate, whether the browser's own page sent what is to
change something; then the one rule of ``hub.console.access``, with the session judged anew by ``Guard``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, has_request_context, redirect, request
from flask import session as flask_session
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from hub.audit_words import count, say_moment
from hub.auth.strangers import client_of
from hub.console import security
from hub.console.access import Need, need_of, needs
from hub.console.assets import PREFIX, Assets
from hub.console.refusal import ConsoleRefused
from hub.console.sessions import ServerSession, Sessions, StoredSessions
from hub.console.sign_in import forget_wanted, make_sign_in
from hub.console.standing import Guard, Officer
from hub.services import SIGN_IN_KEY, Services
from keys.fetching import Outgoing
from keys.jose import Signer
from keys.sessions import IDLE, WANTED_COOKIE
from keys.sign_in import Identity, origins

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

EXTENSION = "console"
ROOT = "/console"
HOME, SIGN_IN, SECOND_FACTOR = f"{ROOT}/", f"{ROOT}/sign-in", f"{ROOT}/second-factor"
CASES = f"{ROOT}/cases/"
NEXT = "next"
"""Which case somebody asked for before they signed in: a path of ours, in their session."""
MAX_NEXT_CHARS = 300


class Console:
    """Everything that the pages work with."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.sessions = Sessions(services.moment, services.clock)
        self.guard = Guard(services, services.config.providers)
        self.rates = security.Rates(services.moment, services.clock)
        self.assets = Assets()
        self.origin = services.config.issuer
        self.netloc = urlsplit(self.origin).netloc.lower()
        self.is_https = self.origin.startswith("https://")
        self.policy = security.content_policy(origins(services.config.providers))


def console() -> Console:
    """Return the console of the application that answers now."""
    return cast(Console, current_app.extensions[EXTENSION])


def this_session() -> ServerSession:
    """Return the session of this request; ``flask.session`` is the same."""
    return cast(ServerSession, flask_session._get_current_object())  # type: ignore[attr-defined]


def current_officer() -> Officer | None:
    """Return who asks: let in by their agency and certified as of this request. None: nobody is signed in."""
    return cast("Officer | None", g.get("officer"))


def on_signed_in(identity: Identity, wanted: str = "") -> AnyResponse:
    """Take in somebody whom a provider has just vouched for: a new session, or a page that says why not.

    The session that they came with is replaced, so that nobody who knew its token is signed in with it. ``wanted`` is
    the page of ours that they asked for before.
    """
    from hub.console.pages import refuse_sign_in

    here, session = console(), this_session()
    who = here.guard.admit(identity)
    if who is None:
        here.sessions.end(session)
        return refuse_sign_in(identity)
    here.sessions.sign_in(session, who)
    if not is_own_path(wanted):
        return redirect(HOME, 303)
    if not wanted.startswith(CASES):
        return redirect(wanted, 303)
    # What is read leaves a trace in the log, and coming from the provider the browser would say that another site led
    # there: the list of cases shows a link to it, once.
    session[NEXT] = wanted
    return redirect(HOME, 303)


def sign_out() -> None:
    """End the session of this request."""
    console().sessions.end(this_session())
    g.officer = None


def is_own_path(path: str) -> bool:
    """Whether somebody may be sent to a path: one of the console's, whatever a browser makes of it."""
    is_plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= MAX_NEXT_CHARS
    return is_plain and path.startswith(HOME) and "//" not in path and "/.." not in path


def create_console(services: Services, *, signer: Signer | None = None, outgoing: Outgoing | None = None) -> Flask:
    """Return the console's application. Raises ``ConsoleRefused`` where its key, or style and script, are missing.

    ``signer`` is the key that the hub proves itself with to identity providers, None: that of its keys. ``outgoing``
    makes the requests to them.
    """
    from hub.console import pages

    app = Flask("hub.console", static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=security.MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=security.MAX_REQUEST_BYTES,
        MAX_FORM_PARTS=security.MAX_FORM_PARTS,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        TRAP_HTTP_EXCEPTIONS=False,
    )
    app.extensions[EXTENSION] = here = Console(services)
    fronts = services.config.fronts
    app.session_interface = StoredSessions(here.sessions, PREFIX, lambda asked: client_of(asked, fronts))
    app.wsgi_app = _Reached(app.wsgi_app, here.origin.partition(":")[0])  # type: ignore[method-assign]
    _prepare_templates(app, here)
    app.before_request(_guard)
    app.after_request(_finish)
    pages.add_pages(app)
    make_sign_in(
        app,
        services.config.providers,
        signer or _own_key(services),
        outgoing or Outgoing(services.config.environment),
        on_signed_in,
        origin=here.origin,
        clock=services.clock,
        declare=needs(Need.OPEN),
        is_own_path=is_own_path,
        prefix=SIGN_IN,
    )
    return app


def _own_key(services: Services) -> Signer:
    found = None if services.custody is None else services.custody.keys.get(SIGN_IN_KEY)
    if found is None:
        raise ConsoleRefused("the hub has no key for its officers' sign-in; make it with: nrm-hub sign-in-key")
    return found


class _Reached:
    """Says how browsers reach the pages: TLS may end in front of this process."""

    def __init__(self, app: WSGIApplication, scheme: str) -> None:
        self._app, self._scheme = app, scheme

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = self._scheme
        return self._app(environ, start_response)


def _prepare_templates(app: Flask, here: Console) -> None:
    app.jinja_loader = ChoiceLoader(
        [
            PackageLoader("hub.console"),
            PackageLoader("hub"),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    )
    # Flask alone would escape by a template's ending, and those shared with the written account have another.
    app.jinja_options = {**app.jinja_options, "autoescape": True, "finalize": _finalize}
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["moment"] = say_moment
    app.jinja_env.globals.update(asset=here.assets.address, count=count, root=ROOT)
    app.context_processor(_page_values)


def _finalize(item: Any) -> Any:
    # What agencies and providers wrote may hold anything: control characters and hidden direction marks become visible.
    if isinstance(item, str) and not isinstance(item, Markup):
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in item)
    return item


def _page_values() -> dict[str, object]:
    if not has_request_context():
        return {}
    return {"officer": current_officer(), "form_token": lambda: this_session().form_token}


# --- before and after every page ---


def _guard() -> AnyResponse | None:
    here, session = console(), this_session()
    security.require_ours(request, here.netloc)
    security.require_small(request)
    g.officer = None
    if request.path.startswith(PREFIX):
        return _authorise(need_of(current_app, request.endpoint), session)
    client = client_of(request, here.services.config.fronts)
    here.rates.take("client", client, security.CLIENT_PER_MINUTE)
    _judge_session(here, session)
    officer = current_officer()
    if officer is not None:
        here.rates.take("person", officer.account, security.PERSON_PER_MINUTE)
    if request.method not in security.SAFE_METHODS:
        if officer is None:
            here.rates.take("stranger", client, security.UNSAFE_PER_MINUTE)
        security.require_same_origin(request, here.origin)
        security.require_form_token(request, session.token)
    return _authorise(need_of(current_app, request.endpoint), session)


def _judge_session(here: Console, session: ServerSession) -> None:
    """Find out who asks; a session that may not go on ends here."""
    if session.who is None:
        return
    judged = here.guard.judge(session.who, session.digest)
    if isinstance(judged, Officer):
        g.officer = judged
    else:
        here.sessions.end(session, judged)


def _authorise(need: Need | None, session: ServerSession) -> AnyResponse | None:
    """Return None where whoever asks has what the route needs, else the answer to them."""
    from hub.console.pages import say_ended

    if request.endpoint is None:
        return None  # no such page: the error page says so
    if need is None:
        raise NotFound
    if need is Need.OPEN:
        return None
    officer = current_officer()
    if officer is None:
        return say_ended(session.ended) if session.ended is not None else _send_to_sign_in()
    if need is Need.IG_OFFICER and not officer.two_factor:
        return redirect(SECOND_FACTOR, 303)
    return None


def _send_to_sign_in() -> AnyResponse:
    answer, wanted = redirect(SIGN_IN, 303), request.full_path.rstrip("?")
    # Where another site's page led is not kept: whoever follows a link from elsewhere asks again after signing in.
    is_asked = request.method == "GET" and not security.is_led_here(request)
    if is_asked and is_own_path(wanted) and wanted != HOME:
        # By the browser, not by us: else whoever asks for pages could fill the room of sign-ins in progress.
        age = int(IDLE.total_seconds())
        answer.set_cookie(WANTED_COOKIE, wanted, age, path="/", secure=True, httponly=True, samesite="Lax")
    elif WANTED_COOKIE in request.cookies:
        forget_wanted(answer)
    return answer


def _finish(response: Response) -> Response:
    here = console()
    return security.secure(response, policy=here.policy, is_https=here.is_https)
