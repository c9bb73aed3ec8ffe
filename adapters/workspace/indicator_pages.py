"""Observations by indicator code: seen, looked for and not seen, or not looked for. One line each, never a score.

What is typed waits in memory; what is kept becomes one ``concern`` draft for each code that was looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.nrm.indicators import IndicatorGroup, indicator_groups
from adapters.nrm.typology import Presence
from adapters.picture.speech import lazy_gettext, shown
from adapters.release.drafts import Match, keep_authored, list_drafts
from adapters.release.observations import MAX_SEEN_CHARS, observation
from adapters.release.writing import MAX_LINE_CHARS, Author, AuthoredRefused
from adapters.uk_time import uk_day
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import workspace
from adapters.workspace.cases import MyCase
from adapters.workspace.day_parts import PARTS, NotADay, typed_date
from adapters.workspace.form_reading import is_shown_again
from adapters.workspace.held import Kept
from adapters.workspace.may_write import RECORDERS
from adapters.workspace.recording import held_work, intake, require_recorder
from policies.vocabulary import Category, Role

FORM = "indicators"
ANSWERS = frozenset(item.value for item in Presence)
_SEE_OTHER, _UNPROCESSABLE = 303, 422
_FULL = len("2026-01-01")


@intake.get("/cases/<case>/indicators")
@needs(Need.UNLOCKED)
def indicators(case: str) -> str:
    """Ask when, where and who observed."""
    require_recorder(case)
    return _start(case, _filled(case), {})


@intake.post("/cases/<case>/indicators")
@needs(Need.UNLOCKED)
@shows_again
def start_indicators(case: str) -> AnyResponse | str:
    """Take in when, where and who observed."""
    require_recorder(case)
    names = (*(f"observed.{part}" for part in PARTS), "place", "job")
    typed = {name: request.form.get(name, "").strip() for name in names}
    if is_shown_again():
        return _start(case, typed, {})
    errors = _start_errors(typed)
    if errors:
        return make_response(_start(case, typed, errors), _UNPROCESSABLE)
    held_work().fill(case, FORM, typed, workspace().clock())
    return redirect(url_for("intake.indicator_group", case=case, number=1), _SEE_OTHER)


def _start_errors(typed: Mapping[str, str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    try:
        day = typed_date(typed, "observed")
    except NotADay as error:
        errors[f"observed.{error.part}"] = _("The day must be a real date, such as 27 3 2026")
    else:
        if len(day) != _FULL:
            part = next(part for part in PARTS if not typed.get(f"observed.{part}"))
            errors[f"observed.{part}"] = _("Give the day on which it was observed: day, month and year")
        elif date.fromisoformat(day) > uk_day(workspace().clock()):
            errors["observed.day"] = _("The day must be today or in the past")
    if not typed.get("job"):
        errors["job"] = _("Say what the job is of whoever observed it")
    for name in ("job", "place"):
        text = typed.get(name, "")
        if len(text) > MAX_LINE_CHARS or any(ord(char) < ord(" ") for char in text):
            errors[name] = _("One line of at most %(most)s characters", most=MAX_LINE_CHARS)
    return errors


def _start(case: str, typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    return render_template("intake/indicators.html", case=case, typed=typed, errors=errors, groups=indicator_groups())


@intake.get("/cases/<case>/indicators/<int:number>")
@needs(Need.UNLOCKED)
def indicator_group(case: str, number: int) -> AnyResponse | str:
    """Show one group of codes with what was said."""
    require_recorder(case)
    group, typed = _group(number), _filled(case)
    return _to_start(case) if not typed.get("job") else _show(case, number, group, typed, {})


@intake.post("/cases/<case>/indicators/<int:number>")
@needs(Need.UNLOCKED)
@shows_again
def save_indicator_group(case: str, number: int) -> AnyResponse | str:
    """Take one group in."""
    require_recorder(case)
    group, before = _group(number), _filled(case)
    if not before.get("job"):
        return _to_start(case)
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    for item in group.codes:
        said = request.form.get(item.code, "")
        seen = request.form.get(f"{item.code}.seen", "").replace("\r\n", "\n").strip()
        typed[item.code] = said if said in ANSWERS else ""
        typed[f"{item.code}.seen"] = seen
        if said == Presence.PRESENT and not seen:
            errors[item.code] = _("Say what was seen: “%(label)s”", label=shown(lazy_gettext(item.label)))
        elif len(seen) > MAX_SEEN_CHARS:
            errors[item.code] = _(
                "At most %(most)s characters: “%(label)s”",
                most=f"{MAX_SEEN_CHARS:,}",
                label=shown(lazy_gettext(item.label)),
            )
    if errors or is_shown_again():
        page = _show(case, number, group, {**before, **typed}, {} if is_shown_again() else errors)
        return page if is_shown_again() else make_response(page, _UNPROCESSABLE)
    for item in group.codes:
        if not typed[item.code]:
            # Of a sign that was not looked for nothing is recorded.
            typed[f"{item.code}.seen"] = ""
    held_work().fill(case, FORM, typed, workspace().clock())
    is_last = number == len(indicator_groups()) or request.form.get("go") == "check"
    wanted = url_for("intake.indicator_check", case=case)
    return redirect(wanted if is_last else url_for("intake.indicator_group", case=case, number=number + 1), _SEE_OTHER)


def _show(case: str, number: int, group: IndicatorGroup, typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    return render_template(
        "intake/indicator_group.html",
        case=case,
        number=number,
        group=group,
        groups=indicator_groups(),
        typed=typed,
        errors=errors,
    )


@intake.get("/cases/<case>/indicators/check")
@needs(Need.UNLOCKED)
def indicator_check(case: str) -> AnyResponse | str:
    """Show what would be kept."""
    require_recorder(case)
    typed = _filled(case)
    return _check(case, typed) if typed.get("job") else _to_start(case)


def _check(case: str, typed: Mapping[str, str], problem: str = "") -> str:
    said = [
        (number, group, [item for item in group.codes if typed.get(item.code)])
        for number, group in enumerate(indicator_groups(), 1)
    ]
    day = date.fromisoformat(typed_date(typed, "observed"))
    listed = [row for row in said if row[2]]
    return render_template("intake/indicator_check.html", case=case, typed=typed, said=listed, day=day, problem=problem)


@intake.post("/cases/<case>/indicators/check")
@needs(Need.UNLOCKED)
def keep_indicators(case: str) -> AnyResponse | str:
    """Keep each observation as a draft."""
    mine = require_recorder(case)
    here, work, typed = workspace(), held_work(), _filled(case)
    if not typed.get("job"):
        return _to_start(case)
    by = Author(_role(mine), typed["job"], here.clock())
    day = date.fromisoformat(typed_date(typed, "observed"))
    codes = [item.code for group in indicator_groups() for item in group.codes if typed.get(item.code)]
    if not codes:
        return make_response(_check(case, typed, _("Say of at least one sign whether it was seen")), _UNPROCESSABLE)
    try:
        contents = [
            observation(
                by,
                code=code,
                presence=Presence(typed[code]),
                observed_on=day,
                observer_role=typed["job"],
                place=typed.get("place") or None,
                seen=typed.get(f"{code}.seen") or None,
            )
            for code in codes
        ]
    except AuthoredRefused as error:
        return make_response(_check(case, typed, shown(error.words)), _UNPROCESSABLE)
    store = here.adapter.store
    before = {draft.draft for draft in list_drafts(store, case)}
    ids = tuple(keep_authored(store, case, Category.CONCERN, content, here.clock()) for content in contents)
    new = len(set(ids) - before)
    kinds = ((Category.CONCERN.value, len(ids)),)
    title = _("what was observed")
    work.put_kept(Kept(case, here.clock(), title, new, len(ids) - new, kinds, (), Match("", ids)))
    work.drop_form(case, FORM)
    return redirect(url_for("intake.kept", case=case), _SEE_OTHER)


@intake.post("/cases/<case>/indicators/put-aside")
@needs(Need.UNLOCKED)
def drop_indicators(case: str) -> AnyResponse:
    """Forget what was typed."""
    require_recorder(case)
    held_work().drop_form(case, FORM)
    return _to_start(case)


def _role(mine: MyCase) -> Role:
    return next(role for role in Role if role in RECORDERS and role.value in mine.roles)


def _filled(case: str) -> dict[str, str]:
    return held_work().filled(case, FORM, workspace().clock())


def _group(number: int) -> IndicatorGroup:
    groups = indicator_groups()
    if not 1 <= number <= len(groups):
        raise NotFound
    return groups[number - 1]


def _to_start(case: str) -> AnyResponse:
    return redirect(url_for("intake.indicators", case=case), _SEE_OTHER)
