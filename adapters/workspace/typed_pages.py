"""What somebody typed and could not send, because their session or key had been closed: shown to them, and to no other.

From here it goes into its form again, by a form of the session that they have now; nothing is done with it before they
press that form's own button.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, g, jsonify, redirect, render_template, request
from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.workspace.access import MAX_FORM_BYTES, Need, can_show_again, needs, quiet
from adapters.workspace.app import current_person, this_session, workspace
from adapters.workspace.form_reading import AGAIN, is_shown_again
from adapters.workspace.guarding import TYPED, keep_typed
from adapters.workspace.kept_words import KEPT_FOR, Fields, KeptForm
from adapters.workspace.sessions import SignedIn

MAX_PREVIEW_CHARS = 300
_SEE_OTHER = 303
typed = Blueprint("typed", __name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A form that waits, as the page shows it. ``address``: where it is shown again, empty where it cannot be.

    ``preview``: by what it is recognised, where the form shows all of its ``words``; empty where it has none.
    """

    path: str
    case: str
    at: datetime
    until: datetime
    address: str
    fields: Fields = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    preview: str = field(repr=False)


def add_typed_pages(app: Flask) -> None:
    """Add the pages, and what every page says while something waits."""
    app.register_blueprint(typed)
    app.jinja_env.globals["is_shown_again"] = is_shown_again
    app.jinja_env.globals["typed_until"] = typed_until
    app.jinja_env.globals["typed_hours"] = int(KEPT_FOR.total_seconds()) // 3600


def typed_until() -> datetime | None:
    """Return until when something that whoever asks had typed is kept; None where nothing is."""
    who = this_session().who
    return None if who is None or current_person() is None else workspace().words.waits_until(who)


@typed.get(TYPED)
@needs(Need.UNLOCKED)
def waiting() -> str:
    """What waits, each with a way back into its form."""
    return render_template("typed.html", waiting=[_show(one) for one in workspace().words.kept_for(_who())])


@typed.post(f"{TYPED}/keep")
@needs(Need.OPEN, at_most=MAX_FORM_BYTES)
@quiet
def keep() -> Response:
    """Keep what a page's script sends before the page is taken away. Raises ``Forbidden`` where it is nobody's."""
    if g.handed is None:
        raise Forbidden
    is_kept = keep_typed(workspace(), g.handed, request.form.get("typed_for", ""))
    return jsonify({"state": "kept" if is_kept else "not kept"})


@typed.post(f"{TYPED}/forget")
@needs(Need.SIGNED_IN)
def forget() -> AnyResponse:
    """Forget one form that waits."""
    workspace().words.drop(_who(), request.form.get("typed_for", ""))
    return redirect(TYPED, _SEE_OTHER)


def _who() -> SignedIn:
    who = this_session().who
    if who is None:
        raise NotFound
    return who


def _show(kept: KeptForm) -> Waiting:
    try:
        endpoint, values = current_app.url_map.bind("").match(kept.path, method="POST")
    except HTTPException:
        endpoint, values = "", {}
    address = f"{kept.path}?{AGAIN}=1" if can_show_again(current_app, endpoint) else ""
    words = tuple(value for _name, value in kept.fields if len(value.split()) > 1)
    preview = words[0][:MAX_PREVIEW_CHARS] if words and address else ""
    case = str(values.get("case", ""))
    return Waiting(kept.path, case[:8], kept.at, kept.until, address, kept.fields, words, preview)
