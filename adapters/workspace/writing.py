"""Pages on which people write: which kind, its form, and a draft opened again to correct it.

What is typed comes in the body of a POST and ends in the agency's own sealed draft. It stands in no address, no log and
no session. A refusal shows the form again with every word that was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.disagreements import DisagreementItem, DisagreementKind
from adapters.picture.requests import RequestState, list_requests
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
from adapters.workspace.written_kinds import ELSEWHERE, KINDS, RECORDS
from adapters.workspace.written_terms import Takes, WrittenKind
from policies.vocabulary import Category, Role

_SEE_OTHER, _UNPROCESSABLE = 303, 422
MAX_ID_CHARS = 32
writing = Blueprint("writing", __name__)


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words of somebody that the form is about, shown above it."""

    heading: str
    text: str


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
    return render_template("writing/choose.html", case=case, kinds=kinds, disagreements=_disagreements(held))


@writing.get("/cases/<case>/write/<kind>")
@needs(Need.UNLOCKED)
def form(case: str, kind: str) -> AnyResponse:
    """An empty form of one kind. ``to_request`` and ``follows`` name a fragment of the opened case by its id."""
    mine, asked = _require_kind(case, kind)
    held = held_case(case)
    typed: Typed = MultiDict()
    for name in ("to_request", "follows"):
        named = request.args.get(name, "")[:MAX_ID_CHARS]
        if named and asked.question(name) is not None:
            if held is None:
                return redirect(picture_address(case), _SEE_OTHER)
            typed[name] = named
    if asked.category is Category.DISAGREEMENT and held is not None and "follows" in typed:
        _fill_from_earlier(typed, _require_disagreement(held, typed["follows"]))
    if asked.category is Category.ANSWER:
        if held is None:
            return redirect(picture_address(case), _SEE_OTHER)
        if "to_request" in typed and typed["to_request"] not in {item.fragment for item in _to_answer(held)}:
            raise NotFound
        typed.setlist("derived_from", typed.getlist("to_request"))
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
    found = next((item for item in KINDS.values() if item.category.value == kind), None)
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
    _mine, kind = _require_kind(case, found.category.value)
    return mine, kind, found


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
    _check_about(read, held)
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
        url_for("writing.keep", case=case, kind=kind.category.value)
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
            anchors={f"{item.id}": f"{item.id}-day" for item in questions if item.asked.takes is Takes.DATE},
            asks_fragments=asks_fragments,
            picture=picture_address(case),
            requests=_request_choices(held, typed) if kind.category is Category.ANSWER else (),
            quoted=_quoted(kind, held, typed),
            roles=roles,
            role_typed=typed.get("role", roles[0] if len(roles) == 1 else ""),
            job_title=typed.get("job_title", in_hand().job_title),
        )
    )
    answer.status_code = _UNPROCESSABLE if errors else 200
    return answer


# --- what a form is about ---


def _disagreements(held: OpenCase | None) -> list[DisagreementItem]:
    listed = () if held is None else held.picture.disagreements
    return [item for item in listed if item.kind is DisagreementKind.WRITTEN and item.fragment is not None]


def _require_disagreement(held: OpenCase, fragment: str) -> DisagreementItem:
    found = next((item for item in _disagreements(held) if item.fragment == fragment), None)
    if found is None:
        raise NotFound
    return found


def _fill_from_earlier(typed: Typed, earlier: DisagreementItem) -> None:
    """Say the point and the positions as they were written: what came of it is for the writer to say."""
    typed["point"], typed["owner"] = earlier.point, earlier.owner or ""
    typed["positions-count"] = str(max(2, len(earlier.positions)))
    for number, position in enumerate(earlier.positions):
        typed[f"positions-{number}-agency"] = position.agency
        typed[f"positions-{number}-position"] = position.text
        typed.setlist(f"positions-{number}-evidence", list(position.evidence))


@dataclass(frozen=True, slots=True)
class _RequestChoice:
    fragment: str
    ref: str
    text: str


def _to_answer(held: OpenCase) -> list[_RequestChoice]:
    """Return the requests to this agency that can be answered: those not refused; an answer may be added to."""
    own = workspace().adapter.home.agency
    return [
        _RequestChoice(item.fragment, item.ref, item.what)
        for item in list_requests(held.view)
        if item.to_agency == own and item.state is not RequestState.REFUSED
    ]


def _check_about(read: ReadForm, held: OpenCase | None) -> None:
    """Refuse an answer to what is no request to this agency, and what came of what is no disagreement."""
    about = read.fields.get("to_request")
    if about is not None and (held is None or about not in {item.fragment for item in _to_answer(held)}):
        read.errors["to_request"] = _("Choose a request to your agency")
    about = read.fields.get("follows")
    if about is not None and (held is None or about not in {item.fragment for item in _disagreements(held)}):
        read.errors["follows"] = _("The disagreement that this is about is not open to you any more")


def _request_choices(held: OpenCase | None, typed: Mapping[str, str]) -> list[_RequestChoice]:
    # One that the address named is not asked for again: it stands above the form.
    named = typed.get("to_request")
    found = [] if held is None else _to_answer(held)
    return [] if any(item.fragment == named for item in found) else found


def _quoted(kind: WrittenKind, held: OpenCase | None, typed: Mapping[str, str]) -> list[Quoted]:
    if held is None:
        return []
    if kind.category is Category.ANSWER:
        named = next((item for item in list_requests(held.view) if item.fragment == typed.get("to_request")), None)
        if named is not None:
            asker = held.view.name_of(named.from_agency)
            return [
                Quoted(_("%(agency)s asks (%(ref)s):", agency=asker, ref=named.ref), named.what),
                Quoted(_("Why they need it:"), named.why),
            ]
    if kind.category is Category.DISAGREEMENT and typed.get("follows"):
        earlier = next((item for item in _disagreements(held) if item.fragment == typed.get("follows")), None)
        if earlier is not None:
            ref = held.picture.ref_of(str(earlier.fragment))
            return [Quoted(_("You say what came of %(ref)s. It stays as it was written:", ref=ref), earlier.point)]
    return []
