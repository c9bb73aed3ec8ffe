"""A release by a person: the terms, then exactly what leaves to whom, then one button; and what came of it.

Between the steps everything is in memory, with the person's open key. The button is bound to what was shown: where the
drafts, the case, the agreement or the terms are others by then, it is shown again and nothing leaves. Pressed twice, it
releases once.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from adapters.picture.speech import shown
from adapters.release.drafts import Draft, DraftRefused, list_for_review
from adapters.release.forms import keep_why
from adapters.release.pressing import Plan, Pressed, bring_up_to_date, make_plan, press
from adapters.release.releasing import ReleaseTerms
from adapters.release.writing import Author, AuthoredRefused
from adapters.runtime import Adapter
from adapters.uk_time import last_uk_day
from adapters.workspace.access import Need, needs
from adapters.workspace.app import workspace
from adapters.workspace.case_facts import (
    REFUSALS,
    agency_names,
    in_hand,
    load_case,
    refs_of,
    require_reviewer,
    say_refusal,
)
from adapters.workspace.cases import MyCase, held_case
from adapters.workspace.consent_views import own_people
from adapters.workspace.draft_words import read_card
from adapters.workspace.in_hand import Chosen, Outcome, UnderWay
from adapters.workspace.may_write import may_override
from adapters.workspace.release_terms import TermsForm, asked_agencies, read_terms
from adapters.workspace.release_words import (
    GATEWAY_CHOICES,
    OVERRIDE_CHOICES,
    PURPOSE_CHOICES,
    overlooked,
    purpose_name,
    read_plan,
    recipient_words,
)
from policies.model import Recipient
from policies.vocabulary import Category, OverrideReason

MAX_PROBLEMS = 20
_SEE_OTHER, _UNPROCESSABLE, _CONFLICT = 303, 422, 409
releasing = Blueprint("release", __name__)


def add_release_pages(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(releasing)


@releasing.get("/cases/<case>/release/<token>")
@needs(Need.UNLOCKED)
def terms(case: str, token: str) -> AnyResponse:
    """What it is shared for, and what limits it."""
    mine, found = _find(case, token)
    if found is None:
        return _to_drafts(case)
    form = TermsForm.of(found.chosen, in_hand().job_title)
    if found.chosen is None:
        form.only = _those_asked(mine, found.drafts)
    return _terms_page(mine, token, form)


@releasing.post("/cases/<case>/release/<token>")
@needs(Need.UNLOCKED)
def choose_terms(case: str, token: str) -> AnyResponse:
    """Keep the terms, and show who would get what."""
    mine, found = _find(case, token)
    if found is None:
        return _to_drafts(case)
    if found.outcome is not None:
        return redirect(url_for("release.done", case=case, token=token), _SEE_OTHER)
    form, chosen = read_terms(request.form, _known(case), _roles(mine), may_override(mine.roles), workspace().clock())
    if chosen is None:
        return _terms_page(mine, token, form)
    if chosen.job_title:
        in_hand().job_title = chosen.job_title
    found.chosen = chosen
    return redirect(url_for("release.confirm", case=case, token=token), _SEE_OTHER)


@releasing.get("/cases/<case>/release/<token>/confirm")
@needs(Need.UNLOCKED)
def confirm(case: str, token: str) -> AnyResponse:
    """Exactly what would leave to whom, as of now."""
    mine, found = _find(case, token)
    chosen = None if found is None else found.chosen
    if found is None or chosen is None:
        return _to_drafts(case)
    if found.outcome is not None:
        return redirect(url_for("release.done", case=case, token=token), _SEE_OTHER)
    try:
        with workspace().hub() as adapter:
            bring_up_to_date(adapter, case)
            plan = _plan(adapter, case, found, chosen)
    except REFUSALS as error:
        return _refused(mine, token, found, error)
    return _confirm_page(mine, token, chosen, plan)


@releasing.post("/cases/<case>/release/<token>/confirm")
@needs(Need.UNLOCKED)
def release_now(case: str, token: str) -> AnyResponse:
    """Release and send what was shown, once."""
    mine, found = _find(case, token)
    if found is None or found.chosen is None:
        return _to_drafts(case)
    # Read once: whoever changes the terms in another window meanwhile changes nothing of this press.
    chosen = found.chosen
    try:
        # One piece of work at a time: the second of two presses finds what came of the first.
        with workspace().hub() as adapter:
            if found.outcome is None:
                bring_up_to_date(adapter, case)
                plan = _plan(adapter, case, found, chosen)
                if plan.digest != request.form.get("shown", ""):
                    return _confirm_page(mine, token, chosen, plan, has_changed=True)
                found.chosen, found.outcome = chosen, _press(adapter, case, found, chosen, plan)
    except (*REFUSALS, AuthoredRefused) as error:
        return _refused(mine, token, found, error)
    return redirect(url_for("release.done", case=case, token=token), _SEE_OTHER)


@releasing.get("/cases/<case>/release/<token>/done")
@needs(Need.UNLOCKED)
def done(case: str, token: str) -> AnyResponse:
    """What came of it."""
    _mine, found = _find(case, token)
    if found is None or found.outcome is None or found.chosen is None:
        return _to_drafts(case)
    names = [purpose_name(item) for item in found.chosen.purposes]
    return make_response(render_template("drafts/done.html", case=case, outcome=found.outcome, purposes=names))


def _find(case: str, token: str) -> tuple[MyCase, UnderWay | None]:
    mine, _may = require_reviewer(case)
    return mine, in_hand().find(case, token)


def _to_drafts(case: str) -> AnyResponse:
    return redirect(url_for("drafts.list_drafts", case=case), _SEE_OTHER)


def _terms_of(chosen: Chosen) -> list[ReleaseTerms]:
    return [
        ReleaseTerms(
            purpose=purpose,
            gateway=chosen.gateway,
            originator_release=chosen.originator_release,
            expires_at=chosen.expires_at,
            override=chosen.override,
            only=chosen.only,
        )
        for purpose in chosen.purposes
    ]


def _plan(adapter: Adapter, case: str, found: UnderWay, chosen: Chosen) -> Plan:
    """Return what these terms would do now. Raises ``NotFound`` for what whoever asks may not release by now."""
    mine, may = require_reviewer(case)
    said = (chosen.necessity, "" if chosen.role is None else chosen.role.value, chosen.job_title)
    plan = make_plan(adapter, case, found.drafts, _terms_of(chosen), said)
    if any(item.category not in may for item in plan.drafts):
        raise NotFound
    if chosen.override is not OverrideReason.NONE and not (may_override(mine.roles) and said[1] in _roles(mine)):
        raise NotFound
    return plan


def _press(adapter: Adapter, case: str, found: UnderWay, chosen: Chosen, plan: Plan) -> Outcome:
    def why() -> Draft:
        if found.why is None or found.why[0] != chosen:
            assert chosen.role is not None
            by = Author(chosen.role, chosen.job_title, workspace().clock())
            found.why = chosen, keep_why(adapter.store, case, by, chosen.necessity, "override")
        return found.why[1]

    is_override = chosen.override is not OverrideReason.NONE
    pressed = press(adapter, case, plan.drafts, _terms_of(chosen), why if is_override else None)
    return _outcome(pressed)


def _outcome(pressed: Pressed) -> Outcome:
    names = agency_names()
    problems = [] if pressed.stopped is None else [say_refusal(pressed.stopped)[1]]
    for purpose, released in pressed.released:
        for recipient in released.keyless:
            who = names.get(recipient.agency, recipient.agency)
            said = _("Nobody at %(who)s with this role has a key that counts now: they were given nothing.", who=who)
            problems.append(f"{purpose_name(purpose)}: {said}")
    for problem in pressed.report.problems[:MAX_PROBLEMS]:
        problems.append(_("Not taken: %(why)s", why=shown(problem.get("detail", ""))[:300]))
    return Outcome(
        fragments=len({item for _purpose, released in pressed.released for item in released.fragments}),
        grants=sum(released.grants for _purpose, released in pressed.released),
        not_given=sum(len(released.refused) for _purpose, released in pressed.released),
        accepted=pressed.report.accepted + pressed.report.repeated,
        waiting=pressed.waiting,
        problems=tuple(dict.fromkeys(problems)),
    )


# --- pages ---


def _known(case: str) -> list[tuple[str, str, str]]:
    """Return everybody to whom a release may be limited: id, name, who they are. Agencies stand before their people."""
    verified, names, people = load_case(case), agency_names(), own_people(workspace().adapter)
    found = []
    for agency, _kind in verified.state.membership.agencies:
        found.append((str(agency), names.get(agency, agency), ""))
        found += [
            (
                str(item.member),
                names.get(agency, agency),
                recipient_words(verified, Recipient(agency, item.member), people),
            )
            for item in verified.state.membership.members
            if item.agency == agency and (item.agency, item.member) in verified.state.accepted
        ]
    return found


def _roles(mine: MyCase) -> list[str]:
    return [role for role in mine.roles if role != "ig_officer"]


def _drafts_of(mine: MyCase, chosen: Sequence[str]) -> list[Draft]:
    _mine, may = require_reviewer(mine.case)
    known = list_for_review(workspace().adapter.store, mine.case)
    listed = {item.draft: item for item in known if item.category in may}
    return [listed[item] for item in chosen if item in listed]


def _asked(mine: MyCase, chosen: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the agencies that the drafts chosen ask for information, each with whether it is in the case."""
    listed = {agency for agency, _kind in load_case(mine.case).state.membership.agencies}
    return [(agency, agency in listed) for agency in asked_agencies(_drafts_of(mine, chosen))]


def _those_asked(mine: MyCase, chosen: Sequence[str]) -> list[str]:
    """Return whom requests go to unless somebody says otherwise: whoever is asked, and the agency that asks.

    Nobody where something else is released with them: what is meant for the others must not be limited unseen.
    """
    drafts, asked = _drafts_of(mine, chosen), _asked(mine, chosen)
    if any(item.category is not Category.REQUEST for item in drafts) or not any(is_here for _name, is_here in asked):
        return []
    return sorted({*(name for name, is_here in asked if is_here), str(workspace().adapter.home.agency)})


def _cards(mine: MyCase, drafts: Sequence[Draft]) -> list[object]:
    names, refs = agency_names(), refs_of(held_case(mine.case))
    return [read_card(item, names, refs, may_write=False) for item in drafts]


def _terms_page(mine: MyCase, token: str, form: TermsForm) -> AnyResponse:
    found = in_hand().find(mine.case, token)
    chosen = () if found is None else found.drafts
    cards, names = _cards(mine, _drafts_of(mine, chosen)), agency_names()
    asked = _asked(mine, chosen)
    answer = make_response(
        render_template(
            "drafts/terms.html",
            case=mine.case,
            token=token,
            cards=cards,
            form=form,
            known=_known(mine.case),
            asked=[names.get(agency, agency) for agency, is_here in asked if is_here],
            gone=[names.get(agency, agency) for agency, is_here in asked if not is_here],
            only_asked=bool(asked) and all(item.category is Category.REQUEST for item in _drafts_of(mine, chosen)),
            purposes=PURPOSE_CHOICES,
            usual=mine.purpose,
            gateways=GATEWAY_CHOICES,
            overrides=OVERRIDE_CHOICES,
            may_override=may_override(mine.roles),
            roles=_roles(mine),
        )
    )
    answer.status_code = _UNPROCESSABLE if form.errors else 200
    return answer


def _refused(mine: MyCase, token: str, found: UnderWay, error: Exception) -> AnyResponse:
    """Show the terms again with why nothing was released."""
    code, words = say_refusal(error)
    if isinstance(error, DraftRefused) and "--without-consent" not in str(error):
        words = _("%(why)s Nothing was released.", why=words)
    form = TermsForm.of(found.chosen, in_hand().job_title)
    form.errors["terms"] = words
    answer = _terms_page(mine, token, form)
    answer.status_code = code
    return answer


def _confirm_page(mine: MyCase, token: str, chosen: Chosen, plan: Plan, *, has_changed: bool = False) -> AnyResponse:
    bundle = workspace().adapter.releaser.bundle
    cards = read_plan(plan, load_case(mine.case), agency_names(), bundle, own_people(workspace().adapter))
    answer = make_response(
        render_template(
            "drafts/confirm.html",
            case=mine.case,
            token=token,
            drafts=_cards(mine, plan.drafts),
            purposes=cards,
            overlooked=overlooked(plan, agency_names(), str(workspace().adapter.home.agency)),
            shown=plan.digest,
            chosen=chosen,
            until=None if chosen.expires_at is None else last_uk_day(chosen.expires_at),
            override=next((str(words) for item, words in OVERRIDE_CHOICES if item is chosen.override), ""),
            has_changed=has_changed,
            anybody=any(item.gets for item in cards),
        )
    )
    answer.status_code = _CONFLICT if has_changed else 200
    return answer
