"""The child's wishes and feelings, in the child's words, or why they are not here; whom the child trusts.

What is written is a draft: nothing leaves before somebody has reviewed and released it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from adapters.picture.speech import shown
from adapters.picture.words import day_words
from adapters.release.authored import AuthoredRefused, WordsAre, wishes_and_feelings
from adapters.release.drafts import keep_authored
from adapters.release.writing import Author
from adapters.uk_time import uk_day
from adapters.workspace import consent_words
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import workspace
from adapters.workspace.cases import held_case, picture_address, require_case
from adapters.workspace.form_reading import MAX_SHORT, FormReader, is_shown_again
from adapters.workspace.writers import require_writer, writer_role
from policies.vocabulary import Category, Role, WishesState

REVIEW = "drafts.list_drafts"
"""The page on which drafts are reviewed and released."""
_SEE_OTHER, _WRONG = 303, 422


@needs(Need.UNLOCKED)
def wishes(case: str) -> ResponseReturnValue:
    """What is recorded of the child's wishes, as far as whoever asks has it open, and the form to add more."""
    return _page(case, MultiDict())


@needs(Need.UNLOCKED)
@shows_again
def keep_wishes(case: str) -> ResponseReturnValue:
    """Keep what was typed as a draft, or show the form again with what is wrong."""
    _mine, role = require_writer(case)
    here = workspace()
    typed: MultiDict[str, str] = MultiDict(
        (name, value) for name, value in request.form.items(multi=True) if name != "form_token"
    )
    if is_shown_again():
        return _page(case, typed)
    read, at = FormReader(typed), here.clock()
    content = _content(read, role, at)
    if content is None:
        return _page(case, typed, read.problems)
    keep_authored(here.adapter.store, case, Category.WISHES_AND_FEELINGS, content, at)
    return after_writing(case, "consent.wishes")


def after_writing(case: str, page: str) -> Response:
    """Lead to where drafts are reviewed; where there is no such page, back to where it was written."""
    if REVIEW in current_app.view_functions:
        return make_response(redirect(url_for(REVIEW, case=case), _SEE_OTHER))
    return make_response(redirect(url_for(page, case=case, kept="1"), _SEE_OTHER))


def _content(read: FormReader, role: Role, at: datetime) -> dict[str, Any] | None:
    today = uk_day(at)
    state = read.term("state", WishesState, _("Say whether the child was heard"))
    is_heard = state is WishesState.RECORDED
    said: dict[str, Any] = {}
    if is_heard:
        said["own_words"] = read.text("own_words", _("Write what the child said"))
        said["words_are"] = read.term("words_are", WordsAre, _("Say how these words came onto the page"))
        said["asked_on"] = read.day("asked_on", _("Write the day on which the child was asked"), not_after=today)
        said["how"] = read.text("how", _("Write how and where the child was asked"), MAX_SHORT)
        said["wants_people_to_know"] = read.text("wants_people_to_know")
    elif state is not None:
        said["absent_reason"] = read.text("absent_reason", _("Write why the child’s words are not here"), MAX_SHORT)
        said["ask_again_on"] = read.day(
            "ask_again_on", _("Write the day on which somebody asks again"), not_before=today
        )
        for name in ("own_words", "wants_people_to_know"):
            if read.raw(name):
                read.note(name, _("These are words of the child: choose that the child was heard, or take them out"))
    said["interpreter"] = read.line("interpreter")
    said["told_about_nrm"] = read.text("told_about_nrm", limit=MAX_SHORT)
    said["trusted_person"] = read.text("trusted_person", limit=MAX_SHORT)
    said["best_placed_to_ask"] = read.text("best_placed_to_ask", limit=MAX_SHORT)
    job = read.line("job_title", _("Write your job: it travels with this, not with your name"))
    if read.problems or state is None or job is None:
        return None
    try:
        return wishes_and_feelings(Author(role, job, at), state=state, **said)
    except AuthoredRefused as error:
        read.note("", shown(error.words))
        return None


def _page(case: str, typed: MultiDict[str, str], problems: dict[str, str] | None = None) -> ResponseReturnValue:
    mine = require_case(case)
    held = held_case(case)
    page = render_template(
        "wishes/wishes.html",
        case=case,
        may_write=writer_role(mine) is not None,
        voice=None if held is None else held.picture.childs_voice,
        picture=picture_address(case),
        words=consent_words,
        on=day_words,
        typed=typed,
        problems=problems or {},
        kept=request.args.get("kept") == "1",
    )
    return make_response(page, _WRONG if problems else 200)
