"""The pages around the work: home, unlocking, account, where somebody is signed in; and what is said on a refusal."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.store.rows import open_alarms
from adapters.unlocks import KEPT, count_openings, list_openings
from adapters.workspace import app as here_app
from adapters.workspace.access import Need, needs
from adapters.workspace.app import (
    HOME,
    NEXT,
    Identity,
    Person,
    current_person,
    is_own_path,
    sign_out,
    this_session,
    unlock_with,
    workspace,
)
from adapters.workspace.assets import PREFIX
from adapters.workspace.cases import add_case_pages, clocks_of, my_cases
from adapters.workspace.consent_pages import add_consent_pages
from adapters.workspace.drafts import add_draft_pages
from adapters.workspace.fragments import add_fragment_pages
from adapters.workspace.guarding import TYPED
from adapters.workspace.intake import add_intake_pages
from adapters.workspace.key_states import add_key_state_pages, has_key_here
from adapters.workspace.listing import add_listing_pages
from adapters.workspace.news import add_news_pages
from adapters.workspace.notify_pages import add_notify_pages, how_told
from adapters.workspace.people import Lost
from adapters.workspace.reads import add_read_pages
from adapters.workspace.refusal import UnlockRefused
from adapters.workspace.releasing import add_release_pages
from adapters.workspace.requests import add_request_pages
from adapters.workspace.search import add_search_pages
from adapters.workspace.sessions import Ended, ServerSession, SessionOver
from adapters.workspace.statement import add_statement_page
from adapters.workspace.staying import add_stay_pages
from adapters.workspace.strategy_pages import add_strategy_pages
from adapters.workspace.typed_pages import add_typed_pages
from adapters.workspace.waits import MOST_SHOWN, what_waits
from adapters.workspace.writers import add_writer_answers
from adapters.workspace.writing import add_writing_pages
from keys.custody.secret import Secret

OPENINGS = 20
"""Openings of a key on one page."""
MAX_PAGE_DIGITS = 3
_SEE_OTHER, _UNAUTHORISED, _FORBIDDEN, _TOO_MANY = 303, 401, 403, 429

ENDED: dict[Ended, LazyString] = {
    Ended.IDLE: _("You did not use it for 15 minutes."),
    Ended.ABSOLUTE: _("You signed in 10 hours ago."),
    Ended.UNBOUND: _(
        "Your account is not linked to a person here any more. Ask the people who run nrm-hub at your agency."
    ),
    Ended.REVOKED: _(
        "Your key has ended: it was revoked, or its time is over. Ask the people who run nrm-hub at your agency."
    ),
    Ended.ROLES: _("Your agency has changed the roles you may take. Sign in again to go on with those you have now."),
    Ended.KEY_CHANGED: _("Your key or its passphrase was changed. Sign in again."),
    Ended.PROVIDER: _("The sign-in service that you came with is not one of your agency's any more."),
}
_FOR_GOOD = (Ended.REVOKED, Ended.UNBOUND, Ended.PROVIDER)
"""After these signing in again helps nobody."""
_NO_PAGE = (
    _("Page not found"),
    _("There is no such page, or it is not for you. Check the address, or start from your cases."),
)
SAID: dict[int, tuple[LazyString, LazyString]] = {
    400: (
        _("This request cannot be answered"),
        _("Something in its address is not as these pages make it."),
    ),
    403: (
        _("This was not done"),
        _("This page was open for too long, or is not one of ours. Go back, copy what you typed, and load it again."),
    ),
    404: _NO_PAGE,
    405: _NO_PAGE,
    413: (
        _("That is too much"),
        _("What you sent is longer than these pages can take, so it was not read. Go back and shorten it."),
    ),
    429: (_("Too many requests"), _("Wait a little, then load the page again.")),
    500: (
        _("Something went wrong"),
        _("Nothing was shared. Try again; if it stays, tell the people who run nrm-hub."),
    ),
    503: (_("The hub cannot be reached"), _("Nothing was opened. Try again in a minute.")),
}

pages = Blueprint("workspace", __name__)


def add_pages(app: Flask) -> None:
    """Add the pages and what is said on a refusal."""
    app.register_blueprint(pages)
    add_case_pages(app)
    add_listing_pages(app)
    add_fragment_pages(app)
    add_search_pages(app)
    add_read_pages(app)
    add_consent_pages(app)
    add_strategy_pages(app)
    add_writer_answers(app)
    add_news_pages(app)
    add_key_state_pages(app)
    add_notify_pages(app)
    add_writing_pages(app)
    add_draft_pages(app)
    add_release_pages(app)
    add_request_pages(app)
    add_intake_pages(app)
    add_statement_page(app)
    add_stay_pages(app)
    add_typed_pages(app)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(SessionOver, lambda _: redirect("/sign-in", _SEE_OTHER))
    app.register_error_handler(Exception, _failed)


@pages.get(f"{PREFIX}<name>")
@needs(Need.OPEN)
def static_file(name: str) -> Response:
    """Answer with style or script."""
    return workspace().assets.serve(name)


@pages.get("/favicon.ico")
@needs(Need.OPEN)
def no_icon() -> Response:
    """There is none; browsers ask all the same."""
    return Response(status=204, headers={"Cache-Control": "public, max-age=86400"})


@pages.get(HOME)
@needs(Need.SIGNED_IN)
def home() -> str:
    """Who you are here, and your cases."""
    here, person = workspace(), _person()
    with here.adapter.store.write() as session:
        alarms = len(open_alarms(session))
    listed = my_cases(person.member)
    return render_template(
        "home.html",
        cases=listed,
        clocks={item.case: clocks_of(item) for item in listed},
        waits=what_waits(person, listed),
        most_waits=MOST_SHOWN,
        alarms=alarms,
        home=here.adapter.home,
    )


@pages.get(here_app.UNLOCK)
@needs(Need.SIGNED_IN)
def unlock() -> str:
    """Ask for the passphrase."""
    if not has_key_here():
        return render_template("key_states/not_here.html")
    return render_template("unlock.html", problem=None)


@pages.post(here_app.UNLOCK)
@needs(Need.SIGNED_IN)
def unlock_now() -> AnyResponse:
    """Open the key, or say why not."""
    session = this_session()
    wanted = session.get(NEXT)
    try:
        unlock_with(session, Secret(request.form.get("passphrase", "")))
    except UnlockRefused as error:
        answer = make_response(render_template("unlock.html", problem=str(error)))
        answer.status_code = _FORBIDDEN if error.wait is None else _TOO_MANY
        if error.wait is not None:
            answer.headers["Retry-After"] = str(max(1, int(error.wait.total_seconds())))
        return answer
    if not _person().two_factor:
        # Content waits for a second factor: the account page is where a passkey is added.
        return redirect("/account", _SEE_OTHER)
    return go_on(session, wanted)


def go_on(session: ServerSession, wanted: object) -> AnyResponse:
    """Lead somebody who has just opened their key to what they could not send, else to the page they asked for."""
    session.pop(NEXT, None)
    if session.who is not None and workspace().words.waits_until(session.who) is not None:
        return redirect(TYPED, _SEE_OTHER)
    return redirect(wanted if isinstance(wanted, str) and is_own_path(wanted) else HOME, _SEE_OTHER)


@pages.post("/lock")
@needs(Need.SIGNED_IN)
def lock() -> AnyResponse:
    """Give up the open key and stay signed in; what was begun in forms of several steps is given up with it."""
    here, session = workspace(), this_session()
    here.ring.drop(session.digest)
    if session.who is not None:
        here.words.take_up(session.who)
    return redirect(HOME, _SEE_OTHER)


@pages.get("/account")
@needs(Need.SIGNED_IN)
def account() -> str | Response:
    """How you sign in, where you are signed in, and when your key was opened here."""
    here, person = workspace(), _person()
    standing = here.guard.standing(person.member)
    if standing is None:
        # Revoked since this request was let in, by somebody elsewhere.
        here.sessions.end(this_session(), Ended.REVOKED)
        return say_ended(Ended.REVOKED)
    listed = here.sessions.list_signed_in(member=person.member)
    number, pages_of = _page_number("openings"), -(-count_openings(here.adapter.store, person.member) // OPENINGS)
    if number > max(1, pages_of):
        raise NotFound
    openings = list_openings(here.adapter.store, person.member, start=(number - 1) * OPENINGS, limit=OPENINGS)
    return render_template(
        "account.html",
        sessions=listed,
        standing=standing,
        openings=openings,
        number=number,
        pages=pages_of,
        kept=KEPT,
        told=how_told(person),
    )


def _page_number(name: str) -> int:
    text = request.args.get(name, "1")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_PAGE_DIGITS and int(text) >= 1):
        raise NotFound
    return int(text)


@pages.post("/account/sessions/end")
@needs(Need.SIGNED_IN)
def end_sessions() -> AnyResponse:
    """End one other session of this person, or all others."""
    here, person = workspace(), _person()
    listed = [item.digest for item in here.sessions.list_signed_in(member=person.member)]
    others, wanted = [item for item in listed if item != person.session], request.form.get("session", "")
    if wanted not in ("others", *others):
        raise NotFound
    if wanted == "others":
        here.sessions.end_all(person.member, but=person.session)
    else:
        here.sessions.end_these([wanted])
    who = this_session().who
    if who is not None:
        here.words.forget(who)
    return redirect("/account", _SEE_OTHER)


@pages.post("/sign-out")
@needs(Need.OPEN)
def sign_out_now() -> str:
    """End this session."""
    sign_out()
    return render_template("signed_out.html", why=None)


def say_ended(why: Ended, *, kept_until: datetime | None = None) -> Response:
    """Say to whoever still has the token of a session why it has ended, and until when what they typed is kept."""
    page = render_template("signed_out.html", why=ENDED[why], is_for_good=why in _FOR_GOOD, kept_until=kept_until)
    return make_response(page, _UNAUTHORISED)


def refuse_sign_in(identity: Identity, *, is_bound: bool, lost: Lost = Lost.UNKNOWN) -> Response:
    """Say to somebody whom a provider vouched for why they are not let in, and what to tell whom."""
    return make_response(render_template("not_known.html", identity=identity, is_bound=is_bound, lost=lost), _FORBIDDEN)


def say(code: int, title: str | LazyString, text: str | LazyString) -> Response:
    """Return a page that says what did not happen and what to do."""
    return make_response(render_template("error.html", title=title, text=text), code)


def _person() -> Person:
    person = current_person()
    if person is None:
        raise NotFound
    return person


def _refused(error: HTTPException) -> AnyResponse:
    code = error.code or 404
    if 300 <= code < 400:
        return error.get_response()
    title, text = SAID.get(code, SAID[400])
    answer = say(404 if code == 405 else code, title, text)
    retry = getattr(error, "retry_after", None)
    if retry is not None:
        answer.headers["Retry-After"] = str(retry)
    return answer


def _failed(error: Exception) -> AnyResponse:
    from flask import current_app

    # Its kind and place only: its words could hold anything.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "nowhere" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    current_app.logger.error("unexpected %s at %s", type(error).__name__, where)
    return say(500, *SAID[500])
