"""Before and after every page: host, size and rate; whether our own page sent what is to change something; who may.

A form that was sent after its session or key had been closed is not acted on and not thrown away: what was typed is
kept for whoever the form was given to (``adapters.workspace.kept_words``).
"""

from __future__ import annotations

from flask import Response, current_app, g, jsonify, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.workspace import security
from adapters.workspace.access import (
    MAX_FORM_BYTES,
    MAX_REQUEST_BYTES,
    Need,
    can_show_again,
    endpoint_of_path,
    is_quiet,
    limit_of,
    need_of,
)
from adapters.workspace.app import (
    HOME,
    NEXT,
    SIGN_IN,
    UNLOCK,
    Person,
    Workspace,
    current_person,
    is_own_path,
    judge_session,
    this_session,
    workspace,
)
from adapters.workspace.bodies import MAX_BUFFER_BYTES
from adapters.workspace.form_reading import is_shown_again
from adapters.workspace.kept_words import KEPT_FOR, Handed
from adapters.workspace.sessions import Ended, ServerSession
from adapters.workspace.sign_in import forget_wanted
from keys.sessions import IDLE, WANTED_COOKIE, form_token, form_token_matches

TYPED = "/typed"
"""Where what was kept waits for whoever typed it."""
KEEP = "typed.keep"
"""Where a page's script sends what is typed before the page is taken away."""
_REFUSED = 400
"""From this status on an answer says that something was not done."""


def guard() -> AnyResponse | None:
    """Judge a request before its view: None, or what it is answered instead. Raises werkzeug's refusals."""
    here, session = workspace(), this_session()
    session.is_quiet = is_quiet(current_app, request.endpoint)
    security.require_ours(request, here.settings.netloc)
    client = security.client_of(request, here.settings.fronts)
    here.per_client.take(client)
    judge_session(here, session)
    person = current_person()
    at_most = limit_of(current_app, request.endpoint)
    if person is None and at_most <= MAX_FORM_BYTES:
        # Whoever is not signed in sends nothing long.
        at_most = MAX_REQUEST_BYTES
    security.require_small(request, at_most)
    if person is not None:
        here.per_person.take(person.member)
    need = need_of(current_app, request.endpoint)
    if request.method in security.SAFE_METHODS:
        return _authorise(need, person, session)
    if person is None:
        here.per_stranger.take(client)
    security.require_same_origin(request, here.settings.origin)
    if at_most > MAX_FORM_BYTES:
        # The form's token stands in the body, and a long body is read for nobody who may not send it.
        answer = _authorise(need, person, session)
        if answer is not None:
            return answer
        here.places.take("" if person is None else person.member)
        request.max_content_length, request.max_form_memory_size = at_most, MAX_BUFFER_BYTES
        security.require_form_token(request, session.token)
        return None
    request.max_content_length = request.max_form_memory_size = at_most
    return _take_form(here, need, person, session)


def _take_form(here: Workspace, need: Need | None, person: Person | None, session: ServerSession) -> AnyResponse | None:
    given = security.form_token_of(request)
    is_current = form_token_matches(session.token, given)
    g.handed = _whose(here, session, given, is_current=is_current)
    if request.endpoint == KEEP and g.handed is not None:
        return None
    if not is_current:
        if g.handed is None:
            raise Forbidden
        # Not of this session: it does nothing, whoever sends it. The words are its person's.
        answer = _authorise(need, person, session)
        is_kept = need is Need.UNLOCKED and keep_typed(here, g.handed, request.path)
        if answer is None and not is_kept:
            raise Forbidden
        return say_kept(session, person, answer) if is_kept else answer
    answer = _authorise(need, person, session)
    if answer is not None and need is Need.UNLOCKED and g.handed is not None:
        return say_kept(session, person, answer) if keep_typed(here, g.handed, request.path) else answer
    if answer is None and is_shown_again():
        if not can_show_again(current_app, request.endpoint):
            raise BadRequest
    elif answer is None and need is Need.UNLOCKED:
        g.is_sent = True
    return answer


def _whose(here: Workspace, session: ServerSession, given: str, *, is_current: bool) -> Handed | None:
    """Return who typed a form: whoever is signed in, or, where nobody is, whoever's session has ended by time.

    None where that is nobody, somebody else than who is signed in, or somebody whose session was ended for a reason.
    """
    if is_current and session.who is not None:
        return Handed(session.who, session.digest, here.clock())
    found = here.words.whose(given)
    if found is None or here.guard.judge(found.who) is not None:
        return None
    if session.who is None:
        return found if here.sessions.has_run_out(found.session) else None
    if (session.who.person, session.who.member) != (found.who.person, found.who.member):
        return None
    return Handed(session.who, session.digest, here.clock())


def keep_typed(here: Workspace, handed: Handed, path: str) -> bool:
    """Keep what a form holds for whoever typed it, if it is one of a page with content; return whether it was kept."""
    endpoint = endpoint_of_path(current_app, path, "POST")
    is_form = need_of(current_app, endpoint) is Need.UNLOCKED and limit_of(current_app, endpoint) <= MAX_FORM_BYTES
    fields = list(request.form.items(multi=True))
    # Ticks and a button's name are no loss; a form that can be shown again is kept whatever it holds.
    has_words = can_show_again(current_app, endpoint) or any(len(value.split()) > 1 for _name, value in fields)
    if not is_form or not has_words or not is_own_path(path):
        return False
    return here.words.keep(handed.who, handed.session, path, fields)


def say_kept(session: ServerSession, person: Person | None, answer: AnyResponse | None) -> AnyResponse:
    """Lead whoever typed it to what was kept: at once, after unlocking, or after signing in again."""
    if answer is None:
        return redirect(TYPED, 303)
    if person is not None:
        session[NEXT] = TYPED
        return answer
    from adapters.workspace.pages import say_ended

    return say_ended(session.ended or Ended.IDLE, kept_until=workspace().clock() + KEPT_FOR)


def _authorise(need: Need | None, person: Person | None, session: ServerSession) -> AnyResponse | None:
    """Return None where whoever asks has what the route needs, else the answer to them."""
    from adapters.workspace.pages import say_ended

    if request.endpoint is None:
        return None  # no such page: the error page says so
    if need is None:
        raise NotFound
    if need is Need.OPEN:
        return None
    if session.is_quiet and (person is None or not _is_enough(need, person)):
        # A page's script is told; where a person goes next is theirs, and is not kept.
        return _say_quietly("ended" if person is None else "locked")
    if person is None:
        return say_ended(session.ended) if session.ended is not None else _send(SIGN_IN)
    if not _is_enough(need, person):
        return _send(UNLOCK)
    if need is Need.UNLOCKED and security.is_led_here(request):
        # What is read leaves a trace in the log: nobody else's page makes somebody read.
        return redirect(HOME, 303)
    return None


def _is_enough(need: Need, person: Person) -> bool:
    return {
        Need.OPEN: True,
        Need.SIGNED_IN: True,
        Need.TWO_FACTORS: person.two_factor,
        Need.UNLOCKED: person.two_factor and person.unlocked is not None,
    }[need]


def _say_quietly(state: str) -> Response:
    answer = jsonify({"state": state})
    answer.status_code = 401 if state == "ended" else 403
    return answer


def _send(where: str) -> AnyResponse:
    answer, session, wanted = redirect(where, 303), this_session(), request.full_path.rstrip("?")
    # Where another site's page led is not kept: after unlocking it would be read without anybody having asked for it.
    is_asked = request.method == "GET" and not security.is_led_here(request)
    if is_asked and is_own_path(wanted) and wanted != HOME:
        if session.who is not None:
            session[NEXT] = wanted
        else:
            # By the browser, not by us: else whoever asks for pages could fill the room of sign-ins in progress.
            age = int(IDLE.total_seconds())
            answer.set_cookie(WANTED_COOKIE, wanted, age, path="/", secure=True, httponly=True, samesite="Lax")
    elif WANTED_COOKIE in request.cookies:
        forget_wanted(answer)
    return answer


def finish(response: Response) -> Response:
    """Put the headers on an answer, and remember whose the forms are that it may hold.

    What was kept of a form is forgotten once it was sent and nothing was wrong with it.
    """
    here, session = workspace(), this_session()
    if session.who is not None:
        here.words.hand(form_token(session.token), session.who, session.digest)
        if g.get("is_sent") and response.status_code < _REFUSED:
            here.words.drop(session.who, request.path)
    policy = security.content_policy(here.form_targets)
    return security.secure(response, policy=policy, is_https=here.settings.is_https)
