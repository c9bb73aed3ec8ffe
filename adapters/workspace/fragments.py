"""The page of one fragment of an opened case: what it says, checking it again, and a person's own note on it."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, make_response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.notes import MAX_NOTE_CHARS, NoteRefused
from adapters.picture.page import render_fragment
from adapters.picture.rechecking import Rechecked, recheck
from adapters.picture.single import MAX_NAME_CHARS, FragmentCard, NotShown, find_card
from adapters.picture.speech import shown
from adapters.workspace.access import Need, needs
from adapters.workspace.app import current_person, open_keys, workspace
from adapters.workspace.cases import held_case, picture_address, require_case
from adapters.workspace.framing import framing_of, own_notes, render_opened
from adapters.workspace.opened import OpenCase
from policies.model import Malformed, require_id

_SEE_OTHER, _UNPROCESSABLE = 303, 422
fragments = Blueprint("fragments", __name__)


def add_fragment_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(fragments)


@fragments.get("/cases/<case>/fragments/<name>")
@needs(Need.UNLOCKED)
def show(case: str, name: str) -> str | AnyResponse:
    """Everything that one fragment says, by its id or its short name in the picture."""
    held = held_case(case)
    if held is None:
        return redirect(picture_address(case), _SEE_OTHER)
    return _page(held, _find(held, name))


@fragments.post("/cases/<case>/fragments/<name>/check")
@needs(Need.UNLOCKED)
def check(case: str, name: str) -> str | AnyResponse:
    """Check the fragment again, now, from what is kept here."""
    held, person = held_case(case), current_person()
    if held is None or person is None:
        return redirect(picture_address(case), _SEE_OTHER)
    card = _find(held, name)
    if isinstance(card, NotShown):
        raise NotFound
    shown = next(item for item in held.view.opened if item.header.fragment == card.provenance.fragment)
    result = recheck(workspace().adapter.receiver, shown, person.member, open_keys(), held.purpose)
    return _page(held, card, result=result)


@fragments.post("/cases/<case>/fragments/<name>/note")
@needs(Need.UNLOCKED)
def write_note(case: str, name: str) -> AnyResponse:
    """Keep a person's own note on a fragment."""
    require_case(case)
    fragment, text = _fragment_id(name), request.form.get("note", "")
    try:
        own_notes(case).write(fragment, text, workspace().clock())
    except NoteRefused as error:
        held = held_case(case)
        if held is None:
            return redirect(picture_address(case), _SEE_OTHER)
        return _say(_page(held, _find(held, fragment), problem=shown(error.args[0]), typed=text))
    return redirect(f"{url_for('fragments.show', case=case, name=fragment)}#own-note", _SEE_OTHER)


@fragments.post("/cases/<case>/fragments/<name>/note/delete")
@needs(Need.UNLOCKED)
def delete_note(case: str, name: str) -> AnyResponse:
    """Take a person's own note away."""
    require_case(case)
    fragment = _fragment_id(name)
    try:
        own_notes(case).delete(fragment)
    except NoteRefused as error:
        held = held_case(case)
        if held is None:
            return redirect(picture_address(case), _SEE_OTHER)
        return _say(_page(held, _find(held, fragment), problem=shown(error.args[0])))
    return redirect(f"{url_for('fragments.show', case=case, name=fragment)}#own-note", _SEE_OTHER)


def _fragment_id(name: str) -> str:
    try:
        return require_id(name, "fragment")
    except Malformed:
        raise NotFound from None


def _find(held: OpenCase, name: str) -> FragmentCard | NotShown:
    card = find_card(held.view, held.picture, name) if len(name) <= MAX_NAME_CHARS else None
    if card is None:
        raise NotFound
    return card


def _page(
    held: OpenCase,
    card: FragmentCard | NotShown,
    *,
    result: Rechecked | None = None,
    problem: str | None = None,
    typed: str | None = None,
) -> str:
    if isinstance(card, NotShown):
        name = held.view.name_of(card.agency) if card.agency else ""
        return render_opened("picture/not_shown.html", held, card=card, originator=name)
    note = own_notes(held.case).read().get(card.provenance.fragment)
    return render_opened(
        "picture/fragment.html",
        held,
        card=card,
        body=render_fragment(held.picture, framing_of(held), card),
        result=result,
        note=note,
        problem=problem,
        typed=typed,
        most=MAX_NOTE_CHARS,
    )


def _say(page: str) -> Response:
    return make_response(page, _UNPROCESSABLE)
