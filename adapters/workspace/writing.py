"""Pages on which people write: which kind, its form, and a draft opened again to correct it.

What is typed comes in the body of a POST and ends in the agency's own sealed draft. It stands in no address, no log and
no session. A refusal shows the form again with every word that was typed.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.content import read_content
from adapters.picture.words import day_words
from adapters.release.drafts import (
    Draft,
    DraftRefused,
    DraftState,
    is_authored,
    keep_authored,
    list_drafts,
    replace_authored,
)
from adapters.release.forms import content_for
from adapters.release.quoting import QuoteRefused
from adapters.release.writing import MAX_LINE_CHARS, Author, AuthoredRefused
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import choices_of, in_hand, require_reviewer, require_writer, say_refusal
from adapters.workspace.cases import MyCase, held_case, picture_address
from adapters.workspace.form_reading import is_shown_again
from adapters.workspace.may_write import RECORDERS
from adapters.workspace.opened import OpenCase
from adapters.workspace.typed_forms import (
    ReadForm,
    Typed,
    change_groups,
    first_question,
    known_names,
    place_refusal,
    prefill,
    read_typed,
    show,
)
from adapters.workspace.written_about import (
    ANSWERS,
    begin,
    check_about,
    disagreements,
    episodes,
    invitations,
    matters,
    offences,
    people_around,
    quoted,
    request_choices,
    stays,
)
from adapters.workspace.written_kinds import ELSEWHERE, FORMS, KINDS, RECORDS, form_of
from adapters.workspace.written_terms import DATES, Takes, WrittenKind
from policies.vocabulary import Category, Role

_SEE_OTHER, _UNPROCESSABLE = 303, 422
MAX_ID_CHARS = 32
writing = Blueprint("writing", __name__)


def add_writing_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(writing)


@writing.get("/cases/<case>/write")
@needs(Need.UNLOCKED)
def choose(case: str) -> str:
    """Which kind to write, and when one uses it."""
    mine, may = require_writer(case)
    kinds = [
        {"name": kind.name, "when": kind.when, "address": url_for("writing.form", case=case, kind=kind.category.value)}
        for kind in KINDS.values()
        if kind.category in may
    ]
    kinds += [
        {"name": name, "when": when, "address": url_for(endpoint, case=case)}
        for category, endpoint, name, when in ELSEWHERE
        if category in may and endpoint in current_app.view_functions
    ]
    kinds += [
        {"name": name, "when": when, "address": url_for(endpoint, case=case)}
        for endpoint, name, when in RECORDS
        if RECORDERS & set(mine.roles) and endpoint in current_app.view_functions
    ]
    held = held_case(case)
    return render_template(
        "writing/choose.html",
        case=case,
        kinds=kinds,
        disagreements=disagreements(held) if Category.DISAGREEMENT in may else [],
        matters=[
            (_("Actions and referrals on record"), _("Record what came of it"), matters(held, may)),
            (_("Missing episodes on record"), _("Record what came of it"), episodes(held, may)),
            (_("Placements on record"), _("Record what came of it"), stays(held, may)),
            (_("People around the child on record"), _("Say what has changed"), people_around(held, may)),
            (_("Offences on record"), _("Record what was done about it"), offences(held, may)),
        ],
        invitations=invitations(held) if held is not None and Category.ANSWER in may else [],
        on=day_words,
    )


@writing.get("/cases/<case>/write/<kind>")
@needs(Need.UNLOCKED)
def form(case: str, kind: str) -> AnyResponse:
    """An empty form. ``to_request`` and ``follows`` name a fragment of the opened case by its id."""
    mine, asked = _require_kind(case, kind)
    held = held_case(case)
    typed: Typed = MultiDict()
    for name in ("to_request", "follows"):
        named = request.args.get(name, "")[:MAX_ID_CHARS]
        if named and asked.question(name) is not None:
            if held is None:
                return redirect(picture_address(case), _SEE_OTHER)
            typed[name] = named
    if asked.slug in ANSWERS and held is None:
        return redirect(picture_address(case), _SEE_OTHER)
    begin(asked, typed, held)
    return _page(mine, asked, typed, ReadForm(), held)


@writing.post("/cases/<case>/write/<kind>")
@needs(Need.UNLOCKED)
@shows_again
def keep(case: str, kind: str) -> AnyResponse:
    """Keep what was typed as a draft, or show it again with what is wrong."""
    mine, asked = _require_kind(case, kind)
    return _take_in(mine, asked, None)


@writing.get("/cases/<case>/drafts/<draft>/correct")
@needs(Need.UNLOCKED)
def correct(case: str, draft: str) -> AnyResponse:
    """A draft that somebody wrote, in its form again."""
    mine, asked, found = _require_written(case, draft)
    return _page(mine, asked, prefill(asked, found.content), ReadForm(), held_case(case), found.draft)


@writing.post("/cases/<case>/drafts/<draft>/correct")
@needs(Need.UNLOCKED)
@shows_again
def keep_correction(case: str, draft: str) -> AnyResponse:
    """Keep what was typed in the place of the draft."""
    mine, asked, found = _require_written(case, draft)
    return _take_in(mine, asked, found.draft)


def _require_kind(case: str, kind: str) -> tuple[MyCase, WrittenKind]:
    mine, may = require_writer(case)
    found = FORMS.get(kind)
    if found is None or found.category not in may:
        raise NotFound
    return mine, found


def _require_written(case: str, draft: str) -> tuple[MyCase, WrittenKind, Draft]:
    """Return a draft that whoever asks may correct: one that a person wrote in this case, of a kind of theirs."""
    mine, may = require_reviewer(case)
    waiting = list_drafts(workspace().adapter.store, case, [DraftState.DRAFT, DraftState.HELD])
    found = next((item for item in waiting if item.draft == draft), None)
    if found is None or found.category not in may or found.why_again is not None or not is_authored(found.content):
        raise NotFound
    kind = form_of(found.category, read_content(found.content, found.category).singles)
    if kind is None:
        raise NotFound
    return mine, _require_kind(case, kind.slug)[1], found


def _take_in(mine: MyCase, kind: WrittenKind, draft: str | None) -> AnyResponse:
    typed: Typed = MultiDict(request.form)
    if not set(typed) <= known_names(kind, typed):
        raise BadRequest
    held = held_case(mine.case)
    changed = change_groups(kind, typed)
    if changed is not None:
        return _page(mine, kind, changed[0], ReadForm(), held, draft)
    if is_shown_again():
        return _page(mine, kind, typed, ReadForm(), held, draft)
    read = read_typed(kind, typed, choices_of(mine.case, held))
    check_about(kind, read, held)
    by = _read_author(mine, typed, read.errors)
    if by is None or read.errors:
        return _page(mine, kind, typed, read, held, draft)
    here = workspace()
    try:
        content = content_for(here.adapter.store, mine.case, kind.category, by, read.fields)
        if draft is None:
            keep_authored(here.adapter.store, mine.case, kind.category, content, by.written_at)
        else:
            replace_authored(here.adapter.store, mine.case, draft, kind.category, content, by.written_at)
    except AuthoredRefused as error:
        where, words = place_refusal(kind, error)
        read.errors[where] = words
        return _page(mine, kind, typed, read, held, draft)
    except QuoteRefused as error:
        read.errors[first_question(kind)] = say_refusal(error)[1]
        return _page(mine, kind, typed, read, held, draft)
    except DraftRefused:
        words = _("Somebody released or replaced this draft in the meantime. Send this to keep it as a new draft.")
        read.errors[first_question(kind)] = words
        return _page(mine, kind, typed, read, held)
    return redirect(url_for("drafts.list_drafts", case=mine.case, _anchor="main-content"), _SEE_OTHER)


def _read_author(mine: MyCase, typed: Typed, errors: dict[str, str]) -> Author | None:
    """Return who writes, in a role they have in this case; None, and why, where that cannot be told."""
    role, job = typed.get("role", ""), typed.get("job_title", "").strip()
    if role not in _roles(mine):
        errors["role"] = _("Choose as what you write")
    if not job:
        errors["job_title"] = _("Enter your job")
    elif len(job) > MAX_LINE_CHARS or "\n" in job:
        errors["job_title"] = _("Shorten it: one line of at most %(limit)s characters", limit=MAX_LINE_CHARS)
    if "role" in errors or "job_title" in errors:
        return None
    try:
        by = Author(Role(role), job, workspace().clock())
    except AuthoredRefused:
        errors["job_title"] = _("There is a character in it that cannot be read. Type it again")
        return None
    in_hand().job_title = job
    return by


def _roles(mine: MyCase) -> list[str]:
    return [role for role in mine.roles if role != Role.IG_OFFICER.value]


def _page(
    mine: MyCase, kind: WrittenKind, typed: Typed, read: ReadForm, held: OpenCase | None, draft: str | None = None
) -> Response:
    """Show a form with what was typed. ``draft``: the one that is corrected."""
    case, errors = mine.case, read.errors
    choices = choices_of(case, held, but_own=kind.category is Category.REQUEST)
    action = (
        url_for("writing.keep", case=case, kind=kind.slug)
        if draft is None
        else url_for("writing.keep_correction", case=case, draft=draft)
    )
    roles = _roles(mine)
    questions = show(kind, typed, errors)
    asks_fragments = any(
        item.takes in (Takes.FRAGMENTS, Takes.FRAGMENT) for asked in kind.questions for item in (asked, *asked.parts)
    )
    answer = make_response(
        render_template(
            "writing/form.html",
            case=case,
            kind=kind,
            draft=draft,
            action=action,
            questions=questions,
            choices=choices,
            errors=errors,
            anchors={f"{item.id}": f"{item.id}-day" for item in questions if item.asked.takes in DATES},
            asks_fragments=asks_fragments,
            picture=picture_address(case),
            requests=request_choices(kind, held, typed),
            quoted=quoted(kind, held, typed),
            roles=roles,
            role_typed=typed.get("role", roles[0] if len(roles) == 1 else ""),
            job_title=typed.get("job_title", in_hand().job_title),
        )
    )
    answer.status_code = _UNPROCESSABLE if errors else 200
    return answer
