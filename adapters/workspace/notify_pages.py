"""How somebody is told that they have something to do: seen and changed by themselves, under Your account."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Flask, current_app, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.notifying.chosen import FIELDS, By, Chosen, chosen_of, forget, keep, parse_chosen
from adapters.notifying.refusal import NotifyRefused
from adapters.notifying.settings import NotifySettings, read_settings
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Person, current_person, workspace

ADDRESS = "/account/notifications"
MAX_FIELD_CHARS = 300
_SETTINGS = "workspace_notifications"
_SEE_OTHER, _UNPROCESSABLE = 303, 422
notifications = Blueprint("notifications", __name__)


@dataclass(frozen=True, slots=True)
class HowTold:
    """What the account page says: whether anything carries messages here, and what somebody has chosen."""

    is_set_up: bool
    chosen: Chosen | None


def add_notify_pages(app: Flask) -> None:
    """Add the pages. Raises ``HomeRefused`` where the settings are wrong."""
    app.extensions[_SETTINGS] = read_settings(app.extensions["workspace"].adapter.home)
    app.register_blueprint(notifications)


def how_told(person: Person) -> HowTold:
    """Return how somebody is told now."""
    return HowTold(_settings() is not None, chosen_of(workspace().adapter.store, person.member))


@notifications.get(ADDRESS)
@needs(Need.SIGNED_IN)
def show() -> str:
    """Show the form with what holds now."""
    settings, person = _required()
    held = chosen_of(workspace().adapter.store, person.member)
    form = {"is_on": "no", "pace": "at_once", "daily_at": "09:00"} if held is None else held.to_form()
    return _form(settings, form, None, is_kept=request.args.get("done") == "1", has_address=held is not None)


@notifications.post(ADDRESS)
@needs(Need.SIGNED_IN)
def change() -> AnyResponse:
    """Keep what was chosen, or say what is wrong with it."""
    settings, person = _required()
    store = workspace().adapter.store
    if request.form.get("forget") == "yes":
        forget(store, person.member)
        return redirect(f"{ADDRESS}?done=1", _SEE_OTHER)
    form = {name: request.form.get(name, "")[:MAX_FIELD_CHARS] for name in FIELDS}
    form = {name: text for name, text in form.items() if text or name not in ("by", "pace")}
    try:
        chosen = parse_chosen(form, settings)
    except NotifyRefused as error:
        held = chosen_of(store, person.member)
        text = _form(settings, form, error, is_kept=False, has_address=held is not None)
        return make_response(text, _UNPROCESSABLE)
    keep(store, person.member, chosen)
    return redirect(f"{ADDRESS}?done=1", _SEE_OTHER)


def _form(
    settings: NotifySettings, form: dict[str, str], problem: NotifyRefused | None, *, is_kept: bool, has_address: bool
) -> str:
    ways = [way for way, found in ((By.EMAIL, settings.mail), (By.WEBHOOK, settings.webhook)) if found is not None]
    return render_template(
        "notify/edit.html",
        form=form,
        ways=[way.value for way in ways],
        problem=None if problem is None else _(problem.message, **problem.values),
        wrong=None if problem is None else problem.field,
        is_kept=is_kept,
        has_address=has_address,
    )


def _settings() -> NotifySettings | None:
    found: NotifySettings | None = current_app.extensions[_SETTINGS]
    return found


def _required() -> tuple[NotifySettings, Person]:
    settings, person = _settings(), current_person()
    if settings is None or person is None:
        raise NotFound
    return settings, person
