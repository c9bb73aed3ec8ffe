"""The pages: home, one case's account, the public log, where somebody is signed in; and what is said on a refusal."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from hub.console import security
from hub.console.access import Need, needs
from hub.console.app import HOME, NEXT, ROOT, SECOND_FACTOR, console, current_officer, sign_out, this_session
from hub.console.assets import PREFIX
from hub.console.case_account import CaseTooLong, cases_for, look_at_case
from hub.console.public_log import MAX_PAGE, read_public_log
from hub.console.sessions import Ended
from hub.console.standing import Officer
from hub.console.unusual import unusual_of
from hub.store import ledger_rows
from keys.sign_in import Identity

_SEE_OTHER, _UNAUTHORISED, _FORBIDDEN = 303, 401, 403

ENDED = {
    Ended.IDLE: "You did not use it for 15 minutes.",
    Ended.ABSOLUTE: "You signed in 10 hours ago.",
    Ended.NOT_LET_IN: "Your agency does not let you in here any more: your access has ended, or your keys have. Ask "
    "the people who run nrm-hub at your agency.",
    Ended.PROVIDER: "The sign-in service that you came with is not one of this hub’s any more.",
}
_NO_PAGE = ("Page not found", "There is no such page, or it is not for you. Check the address, or start from home.")
SAID: dict[int, tuple[str, str]] = {
    400: ("This request cannot be answered", "Something in its address is not as these pages make it."),
    403: (
        "This was not done",
        "The form was too old, or it did not come from these pages. Go back, load the page again and try once more.",
    ),
    404: _NO_PAGE,
    405: _NO_PAGE,
    413: ("That is too much", "What was sent is larger than any form of these pages."),
    429: ("Too many requests", "Wait a little, then load the page again."),
    500: (
        "Something went wrong",
        "The page could not be made. If you asked for the account of a case, it may be recorded all the same that you "
        "looked. Try again; if it stays, tell whoever runs this hub.",
    ),
}

pages = Blueprint("console", __name__)


def add_pages(app: Flask) -> None:
    """Add the pages and what is said on a refusal."""
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)


@pages.get(f"{PREFIX}<name>")
@needs(Need.OPEN)
def static_file(name: str) -> Response:
    """Answer with style or script."""
    return console().assets.serve(name)


@pages.get(f"{HOME}favicon.ico")
@needs(Need.OPEN)
def no_icon() -> Response:
    """There is none; browsers ask all the same."""
    return Response(status=204, headers={"Cache-Control": "public, max-age=86400"})


@pages.get(ROOT)
@needs(Need.OPEN)
def to_home() -> AnyResponse:
    """The address as people type it."""
    return redirect(HOME, _SEE_OTHER)


@pages.get(HOME)
@needs(Need.IG_OFFICER)
def home() -> str:
    """Who you are here, how far the log was seen, and your agency's cases with what their entries come to."""
    officer = _officer()
    with console().services.database.read() as store:
        cases = cases_for(store, officer, console().services.clock())
        entries = ledger_rows.count_entries(store)
        witnessed = ledger_rows.find_newest_checkpoint(store, witnessed=True)
        unusual = unusual_of(store, officer.agency, console().services.clock())
    said = {"origin": console().services.config.origin, "wanted": this_session().pop(NEXT, None)}
    return render_template("home.html", cases=cases, entries=entries, witnessed=witnessed, unusual=unusual, **said)


@pages.get(f"{HOME}cases/<case>")
@needs(Need.IG_OFFICER)
def case_page(case: str) -> AnyResponse:
    """Who shared what with whom in one case. That it was read is recorded in the case before the page is given."""
    if security.is_led_here(request):
        # What is read leaves a trace in the log: nobody else's page makes somebody read.
        return redirect(HOME, _SEE_OTHER)
    here, officer, session = console(), _officer(), this_session()
    if request.method != "GET" or session.who is None:
        raise NotFound
    here.rates.take("looks", officer.account, security.LOOKS_PER_MINUTE)

    def count_denied() -> None:
        here.rates.take("denied", officer.account, security.DENIED_PER_MINUTE)

    try:
        found = look_at_case(here.services, here.guard, session.who, officer.session, case, count_denied)
    except CaseTooLong as error:
        return say(413, "This case is too long for a page", str(error))
    if found is None:
        raise NotFound
    if isinstance(found, Ended):
        here.sessions.end(session, found)
        return say_ended(found)
    return make_response(render_template("case.html", account=found, audit=found, case=found.case))


@pages.get(f"{HOME}log")
@needs(Need.IG_OFFICER)
def log_page() -> str:
    """The public entries, the newest first: enrolments, certificates, revocations, console accesses, witnesses."""
    text = request.args.get("page", "1")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_PAGE)) or not 1 <= int(text) <= MAX_PAGE:
        raise NotFound
    services = console().services
    with services.database.read() as store:
        page = read_public_log(store, services.directory.current(store), int(text))
    if page is None:
        raise NotFound
    return render_template("log.html", page=page)


@pages.get(SECOND_FACTOR)
@needs(Need.SIGNED_IN)
def second_factor() -> AnyResponse:
    """Say to somebody who signed in with one factor that two are needed."""
    if _officer().two_factor:
        return redirect(HOME, _SEE_OTHER)
    return make_response(render_template("second_factor.html"), _FORBIDDEN)


@pages.get(f"{HOME}account")
@needs(Need.SIGNED_IN)
def account() -> str:
    """Where you are signed in."""
    officer = _officer()
    listed = console().sessions.list_signed_in(officer.account, officer.agency)
    return render_template("account.html", sessions=listed)


@pages.post(f"{HOME}account/sessions/end")
@needs(Need.SIGNED_IN)
def end_sessions() -> AnyResponse:
    """End one other session of this person, or all others."""
    here, officer = console(), _officer()
    listed = [item.digest for item in here.sessions.list_signed_in(officer.account, officer.agency)]
    others, wanted = [item for item in listed if item != officer.session], request.form.get("session", "")
    if wanted not in ("others", *others):
        raise NotFound
    here.sessions.end_these(others if wanted == "others" else [wanted])
    return redirect(f"{HOME}account", _SEE_OTHER)


@pages.post(f"{HOME}sign-out")
@needs(Need.OPEN)
def sign_out_now() -> str:
    """End this session."""
    sign_out()
    return render_template("signed_out.html", why=None)


def say_ended(why: Ended) -> Response:
    """Say to whoever still has the token of a session why it has ended."""
    return make_response(render_template("signed_out.html", why=ENDED[why]), _UNAUTHORISED)


def refuse_sign_in(identity: Identity) -> Response:
    """Say to somebody whom a provider vouched for why they are not let in, and what to tell whom."""
    return make_response(render_template("not_known.html", identity=identity), _FORBIDDEN)


def say(code: int, title: str, text: str) -> Response:
    """Return a page that says what did not happen and what to do."""
    return make_response(render_template("error.html", title=title, text=text), code)


def _officer() -> Officer:
    officer = current_officer()
    if officer is None:
        raise NotFound
    return officer


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
    # Its kind and place only: its words could hold anything.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "nowhere" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    current_app.logger.error("unexpected %s at %s", type(error).__name__, where)
    return say(500, *SAID[500])
