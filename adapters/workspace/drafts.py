"""The drafts of a case that wait for review: the whole of each, held back or let go again, chosen for release."""

from __future__ import annotations

from flask import Blueprint, Flask, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.release.disowned import disown
from adapters.release.drafts import Draft, DraftRefused, DraftState, hold, list_for_review, take_hold_off
from adapters.release.pressing import count_waiting_lines, send_waiting
from adapters.workspace.access import Need, needs
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import REFUSALS, agency_names, in_hand, refs_of, require_reviewer, say_refusal
from adapters.workspace.cases import held_case
from adapters.workspace.draft_words import read_card
from adapters.workspace.may_write import writable
from policies.vocabulary import Category

ON_A_PAGE = 50
MAX_CHOSEN = 200
OPEN_UP_TO = 10
"""So many drafts are shown with their content unfolded; of more each one unfolds by itself."""
MAX_PAGE_DIGITS = 3
_SEE_OTHER, _UNPROCESSABLE = 303, 422
drafts = Blueprint("drafts", __name__)


def add_draft_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(drafts)


@drafts.get("/cases/<case>/drafts", endpoint="list_drafts")
@needs(Need.UNLOCKED)
def show_drafts(case: str) -> AnyResponse:
    """What waits for review; with ``show=released`` what was released, to share it with more people."""
    return _page(case)


@drafts.post("/cases/<case>/drafts")
@needs(Need.UNLOCKED)
def choose(case: str) -> AnyResponse:
    """Begin a release of the drafts that were ticked."""
    _mine, may = require_reviewer(case)
    chosen = tuple(dict.fromkeys(request.form.getlist("draft")))
    listed = {item.draft: item for item in _listed(case, may, list(DraftState))}
    problem = None
    if not set(chosen) <= set(listed):
        raise NotFound
    if not chosen:
        problem = _("Tick the drafts that you want to release")
    elif len(chosen) > MAX_CHOSEN:
        problem = _("Tick at most %(limit)s drafts at a time", limit=MAX_CHOSEN)
    elif any(listed[item].state is DraftState.HELD for item in chosen):
        problem = _("A draft that you ticked is held. Take the hold off first")
    if problem is not None:
        return _page(case, problem)
    token = in_hand().begin(case, chosen)
    return redirect(url_for("release.terms", case=case, token=token), _SEE_OTHER)


@drafts.post("/cases/<case>/drafts/<draft>/hold")
@needs(Need.UNLOCKED)
def hold_back(case: str, draft: str) -> AnyResponse:
    """Keep a draft back until somebody takes the hold off."""
    _require_draft(case, draft)
    return _change(case, draft, off=False)


@drafts.post("/cases/<case>/drafts/<draft>/free")
@needs(Need.UNLOCKED)
def let_go(case: str, draft: str) -> AnyResponse:
    """Take the hold off."""
    _require_draft(case, draft)
    return _change(case, draft, off=True)


@drafts.post("/cases/<case>/drafts/send")
@needs(Need.UNLOCKED)
def send(case: str) -> AnyResponse:
    """Send what was released and has not left yet."""
    require_reviewer(case)
    try:
        with workspace().hub() as adapter:
            report = send_waiting(adapter, case)
    except REFUSALS as error:
        code, words = say_refusal(error)
        return _page(case, words, code)
    if report.refused:
        return _page(
            case, _("%(count)s of what waited was not taken. It has to be released again", count=report.refused)
        )
    return redirect(url_for("drafts.list_drafts", case=case), _SEE_OTHER)


def _change(case: str, draft: str, *, off: bool) -> AnyResponse:
    store = workspace().adapter.store
    try:
        if off:
            take_hold_off(store, draft)
        else:
            hold(store, draft)
    except DraftRefused:
        return _page(case, _("Somebody changed this draft in the meantime. Look at it again"))
    return redirect(url_for("drafts.list_drafts", case=case, _anchor=f"draft-{draft}"), _SEE_OTHER)


def _require_draft(case: str, draft: str) -> Draft:
    _mine, may = require_reviewer(case)
    found = next((item for item in _listed(case, may, list(DraftState)) if item.draft == draft), None)
    if found is None:
        raise NotFound
    return found


def _listed(case: str, may: frozenset[Category], states: list[DraftState]) -> list[Draft]:
    return [item for item in list_for_review(workspace().adapter.store, case, states) if item.category in may]


def _page(case: str, problem: str | None = None, code: int = _UNPROCESSABLE) -> AnyResponse:
    mine, may = require_reviewer(case)
    here = workspace()
    disown(here.adapter.book, case)
    is_released = request.args.get("show") == "released"
    found = _listed(case, may, [DraftState.RELEASED] if is_released else [DraftState.DRAFT, DraftState.HELD])
    number, pages = _page_number(), max(1, -(-len(found) // ON_A_PAGE))
    if number > pages:
        raise NotFound
    names, refs = agency_names(), refs_of(held_case(case))
    shown = found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    cards = [read_card(item, names, refs, item.category in writable(mine.roles)) for item in shown]
    answer = make_response(
        render_template(
            "drafts/list.html",
            case=case,
            cards=cards,
            is_released=is_released,
            total=len(found),
            number=number,
            pages=pages,
            open_all=len(cards) <= OPEN_UP_TO,
            waiting=count_waiting_lines(here.adapter, case),
            ticked=frozenset(request.form.getlist("draft")),
            problem=problem,
            may_write=bool(writable(mine.roles)),
        )
    )
    answer.status_code = 200 if problem is None else code
    return answer


def _page_number() -> int:
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_PAGE_DIGITS and int(text) >= 1):
        raise NotFound
    return int(text)
