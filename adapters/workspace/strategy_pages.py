"""Strategy discussions: called together while the first 72 hours run, then recorded with who came and what was decided.

Each is a record of its own, a draft until somebody releases it: the invitation reaches nobody before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from adapters.cases import CaseRefused, VerifiedCase
from adapters.picture.clocks import ClockKind, case_clocks
from adapters.picture.discussion_words import ATTENDANCE_WORDS, INVITED_ANSWER_WORDS, PLACE_REASON_WORDS
from adapters.picture.situation import ActionRow
from adapters.picture.speech import shown
from adapters.picture.words import day_words
from adapters.release.drafts import keep_authored
from adapters.release.quoting import QuoteRefused, inherited_handling
from adapters.release.writing import Author
from adapters.uk_time import uk_day
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import answers_on_the_way
from adapters.workspace.cases import MyCase, held_case, picture_address, require_case
from adapters.workspace.consent_views import agency_name
from adapters.workspace.form_reading import FormReader, is_shown_again
from adapters.workspace.may_write import writable
from adapters.workspace.opened import OpenCase
from adapters.workspace.strategy_forms import (
    ACTIONS,
    OWN_ANSWERS,
    PLACES,
    Table,
    read_held,
    read_not_held,
    read_plan,
)
from adapters.workspace.wishes_pages import after_writing
from adapters.workspace.writers import require_writer, writer_role
from adapters.workspace.written_about import invitations
from policies.vocabulary import Category

strategy = Blueprint("strategy", __name__)
_WRONG = 422
_Read = Callable[[FormReader, Author, Table], dict[str, Any] | None]


def add_strategy_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(strategy)


def _spoken(words: Mapping[str, str]) -> dict[str, str]:
    return {code: shown(text) for code, text in words.items()}


@strategy.get("/cases/<case>/strategy")
@needs(Need.UNLOCKED)
def show(case: str) -> str:
    """The strategy discussions that whoever asks has open, and how long the first 72 hours still run."""
    mine = require_case(case)
    held = held_case(case)
    rows = _discussions(held)
    return render_template(
        "strategy/show.html",
        case=case,
        clock=_first_72_hours(mine, held),
        rows=rows or (),
        was_opened=held is not None,
        picture=picture_address(case),
        may_write=writer_role(mine) is not None,
        kept=request.args.get("kept") == "1",
        answers=_spoken(INVITED_ANSWER_WORDS),
        attendances=_spoken(ATTENDANCE_WORDS),
        reasons=_spoken(PLACE_REASON_WORDS),
        own_answers=OWN_ANSWERS,
        to_answer=_to_answer(mine, held),
        on_the_way=answers_on_the_way(mine),
        own_agency=workspace().adapter.home.agency,
        on=day_words,
    )


@strategy.get("/cases/<case>/strategy/convene")
@needs(Need.UNLOCKED)
def convene(case: str) -> ResponseReturnValue:
    """The form that calls a strategy discussion together."""
    require_writer(case)
    return _form(case, "strategy/convene.html", MultiDict())


@strategy.post("/cases/<case>/strategy/convene")
@needs(Need.UNLOCKED)
@shows_again
def keep_convened(case: str) -> ResponseReturnValue:
    """Keep the invitation as a draft."""
    return _keep(case, "strategy/convene.html", read_plan)


@strategy.get("/cases/<case>/strategy/record")
@needs(Need.UNLOCKED)
def record(case: str) -> ResponseReturnValue:
    """The form for a discussion that was held. ``follows`` names the plan that it came of."""
    require_writer(case)
    return _form(case, "strategy/record.html", _following(case))


@strategy.post("/cases/<case>/strategy/record")
@needs(Need.UNLOCKED)
@shows_again
def keep_record(case: str) -> ResponseReturnValue:
    """Keep the record as a draft."""
    return _keep(case, "strategy/record.html", read_held)


@strategy.get("/cases/<case>/strategy/not-held")
@needs(Need.UNLOCKED)
def not_held(case: str) -> ResponseReturnValue:
    """The form that says that a discussion which was planned did not come about. ``follows`` names the plan."""
    require_writer(case)
    return _form(case, "strategy/not_held.html", _following(case))


@strategy.post("/cases/<case>/strategy/not-held")
@needs(Need.UNLOCKED)
@shows_again
def keep_not_held(case: str) -> ResponseReturnValue:
    """Keep that it did not come about as a draft."""
    return _keep(case, "strategy/not_held.html", read_not_held)


def _following(case: str) -> MultiDict[str, str]:
    """Return an empty form, or one with the plan that the address names. Raises ``NotFound`` where it is none."""
    named = request.args.get("follows")
    if named is None:
        return MultiDict()
    if named not in _table(case, workspace().clock()).plans:
        raise NotFound
    return MultiDict({"plan": named})


def _keep(case: str, template: str, read_form: _Read) -> ResponseReturnValue:
    _mine, role = require_writer(case)
    here = workspace()
    typed: MultiDict[str, str] = MultiDict(
        (name, value) for name, value in request.form.items(multi=True) if name != "form_token"
    )
    if is_shown_again():
        return _form(case, template, typed)
    read, at = FormReader(typed), here.clock()
    job = read.line("job_title", _("Write your job: it travels with this, not with your name"))
    late = read.problems.pop("job_title", "")
    content = read_form(read, Author(role, job or "-", at), _table(case, at))
    if late:
        # Its field is the last one of the form.
        read.note("job_title", late)
    if content is None or read.problems:
        return _form(case, template, typed, read.problems)
    quoted = content.get("derived_from", [])
    if quoted:
        try:
            content["handling"] = inherited_handling(here.adapter.store, case, quoted).to_json()
        except QuoteRefused:
            read.note("plan", _("This plan is not known here any more. Open the case’s picture, then choose it again"))
            return _form(case, template, typed, read.problems)
    keep_authored(here.adapter.store, case, Category.STRATEGY_DISCUSSION, content, at)
    return after_writing(case, "strategy.show")


def _table(case: str, at: datetime) -> Table:
    """Return who can be invited, and which discussions of this agency's plans somebody has open."""
    verified, held = _load(case), held_case(case)
    agencies = {str(name): agency_name(workspace().adapter, name) for name, _kind in verified.state.membership.agencies}
    plans = {} if held is None else {
        row.statement.provenance.fragment: row.discussion.day
        for row in held.picture.plan
        if row.discussion is not None
        and (row.discussion.is_planned and row.discussion.is_ours and not row.discussion.came_of_it)
    }  # fmt: skip
    return Table(agencies, plans, uk_day(at))


def _form(
    case: str, template: str, typed: MultiDict[str, str], problems: dict[str, str] | None = None
) -> ResponseReturnValue:
    mine, held = require_case(case), held_case(case)
    rows = _discussions(held)
    page = render_template(
        template,
        case=case,
        clock=_first_72_hours(mine, held),
        replies={row.statement.provenance.fragment: row.discussion.invited for row in rows or () if row.discussion},
        own_answers=OWN_ANSWERS,
        table=_table(case, workspace().clock()),
        answers=_spoken(INVITED_ANSWER_WORDS),
        attendances=_spoken(ATTENDANCE_WORDS),
        reasons=_spoken(PLACE_REASON_WORDS),
        on=day_words,
        places=range(1, PLACES + 1),
        actions=range(1, ACTIONS + 1),
        typed=typed,
        problems=problems or {},
    )
    return make_response(page, _WRONG if problems else 200)


def _discussions(held: OpenCase | None) -> tuple[ActionRow, ...] | None:
    """Return the discussions, planned ones and others, that somebody has open; None where they have nothing open."""
    if held is None:
        return None
    rows = [row for row in held.picture.plan if row.discussion is not None]
    return tuple(sorted(rows, key=_is_past))


def _is_past(row: ActionRow) -> bool:
    """Whether a discussion waits for nothing any more: what is still to come stands first."""
    return row.discussion is None or not row.discussion.is_planned or bool(row.discussion.came_of_it)


def _to_answer(mine: MyCase, held: OpenCase | None) -> frozenset[str]:
    """Return the plans whose invitation somebody may answer for this agency."""
    if held is None or Category.ANSWER not in writable(mine.roles):
        return frozenset()
    return frozenset(row.statement.provenance.fragment for row in invitations(held))


def _first_72_hours(mine: MyCase, held: OpenCase | None) -> str:
    """Say how the first 72 hours stand: from the earliest concern where the case is open, else from its opening."""
    clocks = case_clocks(mine.opened_at, None, mine.stage, workspace().clock())
    if held is not None:
        clocks = held.picture.clocks
    found = next(clock for clock in clocks if clock.kind is ClockKind.RISK_WINDOW_72H)
    counted = _("Counted %(since)s.", since=shown(found.began_words))
    return f"{shown(found.label)}: {shown(found.words)} {counted}"


def _load(case: str) -> VerifiedCase:
    try:
        return workspace().adapter.book.load(case)
    except CaseRefused:
        raise NotFound from None
