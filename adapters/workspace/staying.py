"""How long somebody stays signed in, and staying: said on every page, asked two minutes before, put off with one press.

WCAG 2.2, success criterion 2.2.1. The limit itself stays, because of what the pages show; it can be put off as often as
somebody likes, until the day's end of the session (``keys.sessions.ABSOLUTE``). Without script each page says when it
ends, and a link keeps it open from a window of its own, so that a form that is half filled in stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import Forbidden

from adapters.workspace.access import Need, needs, quiet
from adapters.workspace.app import current_person, this_session, workspace
from adapters.workspace.languages import time_words
from adapters.workspace.security import is_led_here
from adapters.workspace.sessions import SEEN_STEP
from keys.sessions import ABSOLUTE, IDLE, WARNED

staying = Blueprint("stay", __name__)


@dataclass(frozen=True, slots=True)
class Stay:
    """Until when somebody is signed in if they do nothing more, and whether that can be put off."""

    until: datetime
    seconds: int
    can_be_longer: bool

    @property
    def sure_seconds(self) -> int:
        """As many seconds as a page that was just loaded surely has: the same on every page."""
        return int((IDLE - SEEN_STEP).total_seconds()) if self.can_be_longer else self.seconds


def add_stay_pages(app: Flask) -> None:
    """Add the page, the answers to the script, and what every page says of it."""
    app.register_blueprint(staying)
    app.jinja_env.globals["stay"] = find_stay
    app.jinja_env.globals["stay_warned"] = int(WARNED.total_seconds())


def find_stay() -> Stay | None:
    """Return until when whoever asks is signed in; None where nobody is."""
    here, session = workspace(), this_session()
    until = here.sessions.ends_at(session)
    if current_person() is None or until is None or session.created_at is None:
        return None
    seconds = max(0, int((until - here.clock()).total_seconds()))
    return Stay(until, seconds, can_be_longer=until < session.created_at + ABSOLUTE)


@staying.get("/stay")
@needs(Need.SIGNED_IN)
def stay() -> str:
    """Keep a session open, for whoever came by the link: each page that somebody loads does."""
    return render_template("stay.html")


@staying.get("/stay/left")
@needs(Need.SIGNED_IN)
@quiet
def left() -> Response:
    """Say to a page's script how long is left. No use of the session."""
    return _say()


@staying.get("/stay/more")
@needs(Need.SIGNED_IN)
@quiet
def more() -> Response:
    """Keep a session open, for a page on which somebody typed or pressed the button. Raises ``Forbidden``."""
    if is_led_here(request):
        raise Forbidden
    # Whoever may not is answered as a script is; for whoever may, it is a use like any other.
    this_session().is_quiet = False
    return _say()


def _say() -> Response:
    found = find_stay()
    if found is None:
        raise Forbidden
    said = {"seconds": found.seconds, "time": time_words(found.until), "can_be_longer": found.can_be_longer}
    return jsonify({"state": "open", **said})
