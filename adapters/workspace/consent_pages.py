"""Where consent stands in a case, and recording it: what it will do is shown first, and exactly that is confirmed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _later
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from adapters.cases import CaseRefused, VerifiedCase
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.refusal import LogRefused
from adapters.release.consent_events import ConsentReceipt
from adapters.release.consenting import (
    ChangedSinceShown,
    Planned,
    consent_members,
    detail_content,
    plan_consent,
    record_consent,
    unless_it_narrows,
)
from adapters.release.drafts import DraftState, list_for_review
from adapters.release.writing import Author
from adapters.runtime import Adapter
from adapters.uk_time import uk_day
from adapters.workspace import consent_words
from adapters.workspace.access import Need, needs, shows_again
from adapters.workspace.app import HubBusy, workspace
from adapters.workspace.cases import held_case, picture_address, require_case
from adapters.workspace.consent_forms import Asked, Kind, Said, asked_of, read_consent
from adapters.workspace.consent_views import (
    describe_codes,
    describe_effect,
    list_history,
    list_seen,
    list_seen_before,
    list_standing,
    show_agreements,
)
from adapters.workspace.form_reading import FormReader, is_shown_again
from adapters.workspace.may_write import releasable
from adapters.workspace.wishes_pages import keep_wishes, wishes
from adapters.workspace.writers import NotDone, require_writer, told_plainly, writer_role
from policies.vocabulary import AgePath, Category, Purpose, Role

consent = Blueprint("consent", __name__)
consent.get("/cases/<case>/wishes")(wishes)
consent.post("/cases/<case>/wishes")(keep_wishes)
NOT_KEPT = ("form_token", "shown", "step")
"""What a form sends that nobody typed."""
_SEE_OTHER, _WRONG, _CHANGED = 303, 422, 409
TITLES = {
    Kind.WITHDRAWN: _later("Record that an agreement is taken back"),
    Kind.GIVEN: _later("Record that somebody agrees"),
    Kind.REFUSED: _later("Record that somebody says no"),
    Kind.NOT_ASKED: _later("Record that nobody is asked"),
    Kind.CANNOT_DECIDE: _later("Record that somebody cannot decide this now"),
    Kind.INVALID: _later("Record that an agreement was not a real one"),
}


def add_consent_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(consent)


@consent.get("/cases/<case>/consent")
@needs(Need.UNLOCKED)
def show(case: str) -> str:
    """Where consent stands, on what, what that means, and what was said before."""
    mine, here = require_case(case), workspace()
    verified = _load(here.adapter, case)
    held = held_case(case)
    path = verified.state.membership.age_path
    return render_template(
        "consent/show.html",
        case=case,
        standing=list_standing(verified, here.clock()),
        history=list_history(here.adapter, verified, held),
        is_adult=path is AgePath.ADULT,
        is_not_sure=path is AgePath.NOT_SURE,
        nrm=consent_words.NRM_OF_AN_ADULT if path is AgePath.ADULT else consent_words.NRM_OF_A_CHILD,
        may_write=writer_role(mine) is not None,
        can_take_back=bool(asked_of(Kind.WITHDRAWN, verified).agreements),
        was_opened=held is not None,
        picture=picture_address(case),
        kinds=Kind,
    )


@consent.get("/cases/<case>/consent/record/<kind>")
@needs(Need.UNLOCKED)
def ask(case: str, kind: str) -> ResponseReturnValue:
    """The form of one kind of statement."""
    require_writer(case)
    return _form(case, asked_of(_kind(kind), _load(workspace().adapter, case)), MultiDict())


@consent.post("/cases/<case>/consent/record/<kind>")
@needs(Need.UNLOCKED)
@shows_again
def check(case: str, kind: str) -> ResponseReturnValue:
    """Show what the statement would do, or the form again with what is wrong. Nothing is recorded."""
    require_writer(case)
    return _take(case, _kind(kind), is_confirmed=False)


@consent.post("/cases/<case>/consent/record/<kind>/confirm")
@needs(Need.UNLOCKED)
@shows_again
def record(case: str, kind: str) -> ResponseReturnValue:
    """Record the statement that was shown; where the case has changed meanwhile, show it again."""
    require_writer(case)
    return _take(case, _kind(kind), is_confirmed=True)


@consent.get("/cases/<case>/consent/statements/<statement>")
@needs(Need.UNLOCKED)
def told(case: str, statement: str) -> str:
    """What a statement did to what this agency shared, who had read that before, what cannot be called back."""
    mine, here = require_case(case), workspace()
    verified = _load(here.adapter, case)
    row = next(
        (item for item in list_history(here.adapter, verified, held_case(case)) if item.digest == statement), None
    )
    if row is None:
        raise NotFound
    receipt = _receipt(case, statement)
    waiting = writer_role(mine) is not None and any(
        item.category is Category.STATEMENT_DETAIL
        for item in list_for_review(here.adapter.store, case, [DraftState.DRAFT])
    )
    return render_template(
        "consent/told.html",
        case=case,
        row=row,
        effect=None
        if receipt is None
        else describe_effect(here.adapter, verified, receipt.effect, releasable(mine.roles)),
        seen=() if receipt is None else list_seen_before(here.adapter, verified, receipt),
        waiting=waiting,
    )


# --- from a form to a statement ---


def _take(case: str, kind: Kind, *, is_confirmed: bool) -> ResponseReturnValue:
    here = workspace()
    typed: MultiDict[str, str] = MultiDict(
        (name, value) for name, value in request.form.items(multi=True) if name not in NOT_KEPT
    )
    asked = asked_of(kind, _load(here.adapter, case))
    if request.form.get("step") == "change" or is_shown_again():
        return _form(case, asked, typed)
    read = FormReader(typed)
    said = read_consent(asked, read, uk_day(here.clock()))
    if said is None:
        return _form(case, asked, typed, read.problems, status=_WRONG)
    try:
        with told_plainly(), here.hub() as adapter:
            members = consent_members(said.codes)
            with unless_it_narrows(adapter, case, members):
                adapter.follower.sync_cases()
            with unless_it_narrows(adapter, case, members):
                adapter.follower.feed(case).follow()
            # Whoever was removed, or kept out, since the form was shown is told by the case as it is now.
            mine, role = require_writer(case)
            if is_confirmed:
                with suppress(ChangedSinceShown):
                    return _record(adapter, case, said, role, Purpose(mine.purpose))
            # What the case does not allow any more by now is said like anything else that was not done.
            planned = plan_consent(adapter, case, members)
            return _preview(case, asked, typed, adapter, planned, has_changed=is_confirmed)
    except NotDone as error:
        return _form(case, asked, typed, {"": str(error)}, status=error.status)


def _record(adapter: Adapter, case: str, said: Said, role: Role, purpose: Purpose) -> ResponseReturnValue:
    at, shown = adapter.clock(), request.form.get("shown", "")
    words: dict[str, Any] | None = None
    if said.words:
        words = detail_content(said.words, Author(role, said.job_title, at))
    done = record_consent(adapter, case, consent_members(said.codes), words, purpose, at, shown=shown)
    # The statement counts from its entry on. What waits besides is sent now, and again later where it cannot be.
    with suppress(HubRefused, HubUnreachable, LogRefused, CaseRefused):
        adapter.outbox.push_case(case)
    return redirect(url_for("consent.told", case=case, statement=done.statement.digest), _SEE_OTHER)


def _preview(
    case: str,
    asked: Asked,
    typed: MultiDict[str, str],
    adapter: Adapter,
    planned: Planned,
    *,
    has_changed: bool = False,
) -> ResponseReturnValue:
    page = render_template(
        "consent/confirm.html",
        case=case,
        asked=asked,
        kinds=Kind,
        title=TITLES[asked.kind],
        typed=typed,
        told=describe_codes(planned.verified, planned.members),
        effect=describe_effect(adapter, planned.verified, planned.effect, releasable(require_case(case).roles)),
        seen=list_seen(adapter, planned.verified, planned.effect),
        shown=planned.shown,
        has_changed=has_changed,
    )
    return make_response(page, _CHANGED if has_changed else 200)


def _form(
    case: str, asked: Asked, typed: MultiDict[str, str], problems: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    here = workspace()
    verified = _load(here.adapter, case)
    page = render_template(
        "consent/form.html",
        case=case,
        asked=asked,
        kinds=Kind,
        title=TITLES[asked.kind],
        agreements=show_agreements(here.adapter, verified, asked.agreements),
        present={
            kind: ", ".join(name for name, of in _agencies(here.adapter, verified) if of is kind)
            for kind in consent_words.KINDS
        },
        words=consent_words,
        typed=typed,
        problems=problems or {},
    )
    return make_response(page, status)


def _agencies(adapter: Adapter, verified: VerifiedCase) -> list[tuple[str, Any]]:
    directory = adapter.follower.directory()
    return [(directory.get_agency(name).name, kind) for name, kind in verified.state.membership.agencies]


def _receipt(case: str, statement: str) -> ConsentReceipt | None:
    """Return what a statement ended, by the log's own entries; None where the hub cannot be asked now."""
    try:
        with workspace().hub() as adapter:
            return adapter.consents.receipt(case, statement)
    except (HubRefused, HubUnreachable, HubBusy, LogRefused, CaseRefused):
        return None


def _load(adapter: Adapter, case: str) -> VerifiedCase:
    try:
        return adapter.book.load(case)
    except CaseRefused:
        raise NotFound from None


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise NotFound from None
