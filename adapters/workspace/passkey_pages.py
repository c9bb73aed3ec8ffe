"""The pages about passkeys: see, add, use, rename, remove. Forms are plain; one small script asks the browser.

The workspace's own rules come first: who asks, that a form came from one of its pages, how often somebody may try.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Flask, current_app, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.unlocks import Where
from adapters.workspace.access import Need, needs
from adapters.workspace.app import (
    NEXT,
    UNLOCK,
    current_person,
    mark_two_factor,
    note_opening,
    this_session,
    unlock_with,
    workspace,
)
from adapters.workspace.passkey_answers import MAX_ANSWER_BYTES, PasskeyNotAccepted
from adapters.workspace.passkey_checks import Site
from adapters.workspace.passkeys import ENCOURAGED, MAX_LABEL_CHARS, MAX_PASSKEYS, Caller, Passkey, Passkeys
from adapters.workspace.refusal import UnlockRefused
from adapters.workspace.unlocking import How
from keys.custody.secret import Secret

EXTENSION = "passkeys"
SCRIPT = Path(__file__).with_name("script") / "passkey.js"
_SEE_OTHER, _REFUSED, _TOO_MANY = 303, 403, 429
NOTICES: Mapping[str, LazyString] = {
    "added": _("The passkey was added. It opens your key from now on."),
    "added-locked": _(
        "The passkey was added as second factor. This authenticator cannot open your key: go on opening it with your "
        "passphrase."
    ),
    "renamed": _("The passkey has its new name."),
    "removed": _("The passkey was removed. You are signed out everywhere else."),
}
_Answer = str | AnyResponse
pages = Blueprint("passkeys", __name__, url_prefix="/passkeys")


def add_passkey_pages(app: Flask) -> None:
    """Add the pages to a workspace."""
    here = app.extensions["workspace"]
    site = Site(here.settings.origin, here.settings.relying_party, here.adapter.home.name)
    app.extensions[EXTENSION] = Passkeys(here.adapter.store, site, here.clock)
    app.jinja_env.globals["my_passkeys"] = my_passkeys
    app.jinja_env.globals["passkey_script_digest"] = script_integrity()
    app.register_blueprint(pages)


def script_integrity() -> str:
    """Return the digest of the script as its tag names it (W3C Subresource Integrity)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.read_bytes()).digest()).decode("ascii")


def my_passkeys() -> list[Passkey]:
    """Return the passkeys of whoever asks, that still count; for other pages to lead to them."""
    return [one for one in _passkeys().listed(_caller()) if not one.is_stopped]


def _passkeys() -> Passkeys:
    return cast(Passkeys, current_app.extensions[EXTENSION])


def _caller() -> Caller:
    person, who = current_person(), this_session().who
    if person is None or who is None:
        raise NotFound
    return Caller(who.person, person.member, person.session, person.two_factor, person.unlocked is not None)


def _refusing(view: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Show what a view refuses."""

    @wraps(view)
    def answer(**values: str) -> _Answer:
        try:
            return view(_caller(), **values)
        except PasskeyNotAccepted as error:
            return _page("passkeys/refused.html", status=_REFUSED, words=str(error))

    return answer


@pages.get("")
@needs(Need.SIGNED_IN)
@_refusing
def listed(caller: Caller) -> _Answer:
    """Show the caller's passkeys to them; whoever has not used one yet is asked to."""
    passkeys = _passkeys()
    if passkeys.has_usable(caller) and not caller.is_two_factor:
        return redirect(url_for("passkeys.use"))
    mine = passkeys.listed(caller)
    return _page(
        "passkeys/list.html",
        passkeys=mine,
        may_change=passkeys.may_change(caller),
        is_full=len(mine) >= MAX_PASSKEYS,
        is_few=sum(not one.is_stopped for one in mine) < ENCOURAGED,
        limit=MAX_PASSKEYS,
        notice=NOTICES.get(request.args.get("done", "")),
    )


@pages.get("/add")
@needs(Need.SIGNED_IN)
@_refusing
def add(caller: Caller) -> _Answer:
    """Ask for a name and the passphrase."""
    return _elsewhere(caller) or _add_form()


@pages.post("/add")
@needs(Need.SIGNED_IN)
@_refusing
def begin_adding(caller: Caller) -> _Answer:
    """See the passphrase open the key again, then show the button that makes the passkey."""
    elsewhere = _elsewhere(caller)
    if elsewhere is not None:
        return elsewhere
    label, passphrase = request.form.get("label", ""), Secret(request.form.get("passphrase", ""))
    try:
        _require_passphrase(caller, passphrase)
        options = _passkeys().begin_adding(caller, label, passphrase)
    except UnlockRefused as error:
        return _add_form(label, passphrase_words=str(error), status=_status_of(error))
    except PasskeyNotAccepted as error:
        return _add_form(label, label_words=str(error), status=_REFUSED)
    return _page("passkeys/create.html", options=json.dumps(options))


@pages.post("/added")
@needs(Need.SIGNED_IN)
@_refusing
def finish_adding(caller: Caller) -> _Answer:
    """Keep the new passkey. Who has shown no second factor yet goes on by using it."""
    added = _passkeys().finish_adding(caller, _given_answer())
    if not caller.is_two_factor:
        return redirect(url_for("passkeys.use"), _SEE_OTHER)
    return _back_to_list("added" if added.unlocks else "added-locked")


@pages.get("/use")
@needs(Need.SIGNED_IN)
@_refusing
def use(caller: Caller) -> _Answer:
    """Show the button that asks the authenticator."""
    if not _passkeys().has_usable(caller):
        return redirect(url_for("passkeys.listed") if caller.is_unlocked else UNLOCK)
    return _page("passkeys/get.html", options=json.dumps(_passkeys().begin_using(caller)))


@pages.post("/used")
@needs(Need.SIGNED_IN)
@_refusing
def finish_using(caller: Caller) -> _Answer:
    """Take it as second factor, and open the key where it can; then go on to where somebody was going."""
    from adapters.workspace.pages import go_on

    used = _passkeys().finish_using(caller, _given_answer())
    session = this_session()
    wanted = session.get(NEXT)
    mark_two_factor(session)
    if not caller.is_unlocked:
        if used.passphrase is None:
            return _page("passkeys/locked.html", can_open=used.can_open)
        try:
            unlock_with(session, used.passphrase, How.PASSKEY)
        except UnlockRefused as error:
            return _page("passkeys/locked.html", status=_status_of(error), can_open=True)
    return go_on(session, wanted)


@pages.get("/<passkey>/rename")
@needs(Need.SIGNED_IN)
@_refusing
def rename(caller: Caller, passkey: str) -> _Answer:
    """Ask for the new name."""
    elsewhere = _elsewhere(caller)
    if elsewhere is not None:
        return elsewhere
    shown = _find(caller, passkey)
    return _rename_form(shown, shown.label)


@pages.post("/<passkey>/rename")
@needs(Need.SIGNED_IN)
@_refusing
def finish_renaming(caller: Caller, passkey: str) -> _Answer:
    """Give it the new name."""
    shown, label = _find(caller, passkey), request.form.get("label", "")
    try:
        _passkeys().rename(caller, shown.passkey, label)
    except PasskeyNotAccepted as error:
        return _rename_form(shown, label, label_words=str(error), status=_REFUSED)
    return _back_to_list("renamed")


@pages.get("/<passkey>/remove")
@needs(Need.SIGNED_IN)
@_refusing
def remove(caller: Caller, passkey: str) -> _Answer:
    """Ask whether they are sure, and for the passphrase; warn before the last one."""
    return _elsewhere(caller) or _remove_form(caller, passkey)


@pages.post("/<passkey>/remove")
@needs(Need.SIGNED_IN)
@_refusing
def finish_removing(caller: Caller, passkey: str) -> _Answer:
    """See the passphrase open the key, then forget the passkey."""
    shown = _find(caller, passkey)
    try:
        _require_passphrase(caller, Secret(request.form.get("passphrase", "")))
    except UnlockRefused as error:
        return _remove_form(caller, passkey, passphrase_words=str(error), status=_status_of(error))
    _passkeys().remove(caller, shown.passkey)
    # Whoever has it may have signed in with it as their second factor, or opened the key.
    workspace().sessions.end_all(caller.member, but=this_session().digest)
    return _back_to_list("removed")


def _require_passphrase(caller: Caller, passphrase: Secret) -> None:
    """See the passphrase open the key, and write that down. Raises ``UnlockRefused``."""
    here = workspace()
    here.unlocker.open(caller.member, passphrase, caller.session)
    note_opening(here, caller.member, How.PASSPHRASE, Where.PASSKEYS, this_session())


def _elsewhere(caller: Caller) -> AnyResponse | None:
    """Send those elsewhere who may change nothing yet: to their passkey, else to open their key."""
    if _passkeys().may_change(caller):
        return None
    is_asked = not caller.is_two_factor and _passkeys().has_usable(caller)
    if not is_asked and caller.is_unlocked:
        return redirect(url_for("passkeys.listed"))
    return redirect(url_for("passkeys.use") if is_asked else UNLOCK)


def _find(caller: Caller, passkey: str) -> Passkey:
    found = _passkeys().find(caller, passkey)
    if found is None:
        raise NotFound
    return found


def _page(template: str, *, status: int = 200, **values: Any) -> AnyResponse:
    answer = current_app.make_response(render_template(template, **values))
    answer.status_code = status
    return answer


def _add_form(
    label: str = "", *, label_words: str | None = None, passphrase_words: str | None = None, status: int = 200
) -> AnyResponse:
    return _page(
        "passkeys/add.html",
        status=status,
        label=label[:MAX_LABEL_CHARS],
        label_words=label_words,
        passphrase_words=passphrase_words,
        limit=MAX_LABEL_CHARS,
    )


def _rename_form(shown: Passkey, label: str, *, label_words: str | None = None, status: int = 200) -> AnyResponse:
    return _page(
        "passkeys/rename.html",
        status=status,
        passkey=shown,
        label=label[:MAX_LABEL_CHARS],
        label_words=label_words,
        limit=MAX_LABEL_CHARS,
    )


def _remove_form(
    caller: Caller, passkey: str, *, passphrase_words: str | None = None, status: int = 200
) -> AnyResponse:
    shown = _find(caller, passkey)
    is_last = len(_passkeys().listed(caller)) == 1
    return _page(
        "passkeys/remove.html", status=status, passkey=shown, is_last=is_last, passphrase_words=passphrase_words
    )


def _status_of(error: UnlockRefused) -> int:
    return _REFUSED if error.wait is None else _TOO_MANY


def _given_answer() -> str:
    return request.form.get("answer", "")[: MAX_ANSWER_BYTES + 1]


def _back_to_list(done: str) -> AnyResponse:
    return redirect(url_for("passkeys.listed", done=done), _SEE_OTHER)
