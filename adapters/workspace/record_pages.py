"""A record typed by hand, for agencies with no system: the fields of HTCDS 2.0 in a few steps, kept in memory only.

It becomes what a file with that one row would become (``adapters.sources.charity.typed``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _later
from markupsafe import escape
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.matching import compare
from adapters.picture.dates import parse_partial
from adapters.picture.speech import shown
from adapters.picture.words import day_words
from adapters.sources.charity.codes import code_labels
from adapters.sources.charity.fields import Kind
from adapters.sources.charity.typed import TypedField, TypedStep, field_at, problems, read_typed, typed_steps
from adapters.sources.draft import ReadReport
from adapters.sources.findings import Severity
from adapters.sources.people import people_in
from adapters.uk_time import uk_day
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import workspace
from adapters.workspace.cases import held_case
from adapters.workspace.day_parts import PARTS, NotADay, typed_date
from adapters.workspace.draft_words import TYPED
from adapters.workspace.finding_words import shown_findings
from adapters.workspace.form_reading import is_shown_again
from adapters.workspace.match_words import describe_child, lines, warnings
from adapters.workspace.recording import held_work, intake, keep, require_recorder

FORM = "record"
MAX_FIELD_CHARS = 15_000
MAX_LINE_CHARS = 300
FEW = 6
"""Up to so many answers stand as radios, more in a list."""
OWN_WORDS = {
    "Prostitution": _later("Sold for sex (“Prostitution” in the standard)"),
    "Pornography": _later("Images of sexual abuse (“Pornography” in the standard)"),
}
"""Values of the standard that call a child something: said here as what is done to the child."""
_SEE_OTHER, _UNPROCESSABLE = 303, 422


@dataclass(frozen=True, slots=True)
class Shown:
    """One field as the page shows it. ``repr`` shows no answer."""

    name: str
    label: str
    hint: str
    widget: str
    is_seldom: bool
    value: str = field(repr=False)
    chosen: tuple[str, ...] = field(repr=False)
    options: tuple[tuple[str, str], ...]
    parts: tuple[str, ...] = field(repr=False)
    problem: str = field(repr=False)
    bad_part: str = ""


@intake.get("/cases/<case>/record")
@needs(Need.UNLOCKED)
def record(case: str) -> str:
    """Say what the form is, and begin or go on."""
    require_recorder(case)
    steps = typed_steps()
    filled = held_work().filled(case, FORM, workspace().clock())
    return render_template("intake/record.html", case=case, steps=steps, is_begun=bool(filled))


@intake.get("/cases/<case>/record/<int:step>")
@needs(Need.UNLOCKED)
def record_step(case: str, step: int) -> str:
    """Show one step with what was typed."""
    require_recorder(case)
    return _show(case, step, held_work().filled(case, FORM, workspace().clock()), {}, {})


@intake.post("/cases/<case>/record/<int:step>")
@needs(Need.UNLOCKED)
@shows_again
def save_record_step(case: str, step: int) -> AnyResponse | str:
    """Take one step in, or show what cannot be understood."""
    require_recorder(case)
    here, work = workspace(), held_work()
    fields = _step(step).fields
    typed, found, bad_parts = _taken(fields)
    if is_shown_again():
        return _show(case, step, typed, {}, {})
    values, is_demo = _values(typed), here.adapter.home.environment == "demo"
    report = read_typed(values, uk_day(here.clock()), is_test_hub=is_demo)
    names = {item.column.name for item in fields}
    unread = {name: shown(text) for name, text in problems(report).items() if name in names}
    found = {**unread, **found}
    if found:
        return make_response(_show(case, step, typed, found, bad_parts), _UNPROCESSABLE)
    work.fill(case, FORM, typed, here.clock())
    is_last = step == len(typed_steps()) or request.form.get("go") == "check"
    wanted = url_for("intake.record_check", case=case)
    return redirect(wanted if is_last else url_for("intake.record_step", case=case, step=step + 1), _SEE_OTHER)


@intake.get("/cases/<case>/record/check")
@needs(Need.UNLOCKED)
def record_check(case: str) -> AnyResponse | str:
    """Show what would be kept, beside the child of the case where that is open."""
    require_recorder(case)
    typed = held_work().filled(case, FORM, workspace().clock())
    return _check(case, typed, _read(typed))


def _check(case: str, typed: Mapping[str, str], report: ReadReport) -> str:
    values, opened = _values(typed), held_case(case)
    people = people_in(report)
    compared = None
    if opened is not None and people:
        child, found = describe_child(opened.picture.identity), people[0].described
        comparison = compare(child, found)
        compared = {"lines": lines(child, found, comparison), "warnings": warnings(comparison)}
    notes = [item.to_json() for item in report.findings if item.severity is not Severity.REFUSE_FILE]
    return render_template(
        "intake/record_check.html",
        case=case,
        steps=[
            (number, step.title, [(item.label, _in_words(item, values)) for item in step.fields if _said(item, values)])
            for number, step in enumerate(typed_steps(), 1)
        ],
        is_empty=report.is_refused,
        drafts=len(report.drafts),
        findings=shown_findings(notes, _question_at),
        compared=compared,
    )


def _question_at(locator: str) -> str:
    """Return what the form asks where a finding stands: it has no rows and columns."""
    name = field_at(locator)
    found = (item for step in typed_steps() for item in step.fields if item.column.name == name)
    asked = next(found, None)
    return shown(asked.label) if asked is not None else str(_("the record as a whole"))


@intake.post("/cases/<case>/record/check")
@needs(Need.UNLOCKED)
def keep_record(case: str) -> AnyResponse | str:
    """Keep the record as drafts."""
    require_recorder(case)
    here, work = workspace(), held_work()
    typed = work.filled(case, FORM, here.clock())
    report = _read(typed)
    if report.is_refused:
        return make_response(_check(case, typed, report), _UNPROCESSABLE)
    # It is read as a file's one row is; nobody is to look for that file later.
    drafts = [replace(item, source=replace(item.source, system=TYPED)) for item in report.drafts]
    work.put_kept(keep(here, case, _("a typed record"), drafts, report.to_json()["findings"]))
    work.drop_form(case, FORM)
    return redirect(url_for("intake.kept", case=case), _SEE_OTHER)


@intake.post("/cases/<case>/record/put-aside")
@needs(Need.UNLOCKED)
def drop_record(case: str) -> AnyResponse:
    """Forget what was typed."""
    require_recorder(case)
    held_work().drop_form(case, FORM)
    return redirect(url_for("intake.record", case=case), _SEE_OTHER)


def _read(typed: Mapping[str, str]) -> ReadReport:
    here = workspace()
    is_demo = here.adapter.home.environment == "demo"
    return read_typed(_values(typed), uk_day(here.clock()), is_test_hub=is_demo)


def _step(number: int) -> TypedStep:
    steps = typed_steps()
    if not 1 <= number <= len(steps):
        raise NotFound
    return steps[number - 1]


def _taken(fields: tuple[TypedField, ...]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return what was sent for these fields, what is wrong with it by field, and the box of a date to look at."""
    typed: dict[str, str] = {}
    found: dict[str, str] = {}
    bad: dict[str, str] = {}
    for item in fields:
        name = item.column.name
        if item.column.kind is Kind.DATE:
            typed |= {f"{name}.{part}": request.form.get(f"{name}.{part}", "").strip()[:10] for part in PARTS}
            try:
                typed_date(typed, name)
            except NotADay as error:
                found[name] = _(
                    "“%(label)s” is not a date: give figures, such as 17 5 2011, or the year alone",
                    label=shown(item.label),
                )
                bad[name] = error.part
            continue
        if item.column.kind is Kind.CODES:
            text = ";".join(one for one in request.form.getlist(name) if ";" not in one)
        else:
            text = request.form.get(name, "").replace("\r\n", "\n").strip()
        limit = MAX_FIELD_CHARS if item.is_long else MAX_LINE_CHARS
        if len(text) > limit and item.column.kind is not Kind.CODES:
            label = shown(item.label)
            found[name] = _("“%(label)s” may have %(limit)s characters", label=label, limit=f"{limit:,}")
        typed[name] = text
    return typed, found, bad


def _values(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is typed by field name, dates put together; one that is none is left out."""
    values = {}
    for step in typed_steps():
        for item in step.fields:
            name = item.column.name
            if item.column.kind is not Kind.DATE:
                values[name] = typed.get(name, "")
                continue
            try:
                values[name] = typed_date(typed, name)
            except NotADay:
                values[name] = ""
    return values


def _show(
    case: str, number: int, typed: Mapping[str, str], found: Mapping[str, str], bad_parts: Mapping[str, str]
) -> str:
    step = _step(number)
    fields = [_shown(item, typed, found.get(item.column.name, ""), bad_parts) for item in step.fields]
    return render_template(
        "intake/record_step.html",
        case=case,
        step=step,
        number=number,
        last=len(typed_steps()),
        often=[item for item in fields if not item.is_seldom],
        seldom=[item for item in fields if item.is_seldom],
        errors=[{"html": escape(item.problem), "href": f"#{_target(item)}"} for item in fields if item.problem],
        is_seldom_open=any(item.is_seldom and (item.value or item.chosen or item.problem) for item in fields),
    )


def _target(item: Shown) -> str:
    if item.widget == "date":
        return f"{item.name}.{item.bad_part or PARTS[0]}"
    return item.name


def _shown(item: TypedField, typed: Mapping[str, str], problem: str, bad_parts: Mapping[str, str]) -> Shown:
    name, kind = item.column.name, item.column.kind
    value = typed.get(name, "")
    options = _options(item)
    return Shown(
        name=name,
        label=shown(item.label),
        hint=shown(item.hint),
        widget=_widget(item, len(options)),
        is_seldom=item.is_seldom,
        value=value,
        chosen=tuple(value.split(";")) if value and kind is Kind.CODES else (),
        options=options,
        parts=tuple(typed.get(f"{name}.{part}", "") for part in PARTS),
        problem=problem,
        bad_part=bad_parts.get(name, ""),
    )


def _widget(item: TypedField, options: int) -> str:
    kind = item.column.kind
    if kind is Kind.CODES:
        return "checkboxes"
    if options:
        return "radios" if options <= FEW else "select"
    if kind is Kind.DATE:
        return "date"
    if kind in (Kind.WHOLE, Kind.DECIMAL):
        return "number"
    return "long" if item.is_long else "line"


def _options(item: TypedField) -> tuple[tuple[str, str], ...]:
    if item.column.kind is Kind.YES_NO:
        return (("yes", _("Yes")), ("no", _("No")))
    if item.column.kind not in (Kind.CODE, Kind.CODES):
        return ()
    return tuple((value, str(OWN_WORDS.get(value, shown(label)))) for value, label in code_labels(item.column.name))


def _said(item: TypedField, values: Mapping[str, str]) -> bool:
    return bool(values.get(item.column.name))


def _in_words(item: TypedField, values: Mapping[str, str]) -> str:
    text = values[item.column.name]
    if item.column.kind is Kind.DATE and parse_partial(text):
        return day_words(text)
    labels = dict(_options(item))
    return "; ".join(labels.get(one, one) for one in text.split(";")) if labels else text
