"""What people write themselves: the content of the fragments that no record system holds.

Every builder takes plain values and returns the content that is sealed, in the envelope all fragments share:
``kind, summary, fields, source, restricted, findings, observed`` and, where it quotes, ``derived_from`` (ids of the
fragments quoted, whose strictest handling it inherits). Nothing is read from a clock or a file. What is not of the
agreed form raises ``AuthoredRefused`` (see ``writing``). Panel records are in ``panel_records``.

Sources: nrm.md 4 (processes) and 7 (order of the panel's view); DESIGN.md 3 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from adapters.nrm.typology import Element, ExploitationType
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import words_for
from adapters.release.actions import safeguarding_action, service_referral
from adapters.release.panel_records import decision, meeting, vote
from adapters.release.strategy import strategy_discussion
from adapters.release.writing import (
    MAX_LINE_CHARS,
    MAX_REQUEST_CHARS,
    ActionState,
    Author,
    AuthoredRefused,
    Bearing,
    Coming,
    DisagreementStatus,
    ElementView,
    Fields,
    Outcome,
    Position,
    Question,
    ReferralState,
    RefusedBecause,
    SourceKind,
    WordsAre,
    empty,
    evidence_list,
    given,
    put_follows,
    put_optional,
    render_content,
    require_agency_id,
    require_day,
    require_due,
    require_ids,
    require_line,
    require_text,
    require_written_term,
)
from policies.vocabulary import Category, WishesState

__all__ = [
    "MAX_REQUEST_CHARS",
    "ActionState",
    "Author",
    "AuthoredRefused",
    "Bearing",
    "Coming",
    "DisagreementStatus",
    "ElementView",
    "Outcome",
    "Position",
    "Question",
    "ReferralState",
    "RefusedBecause",
    "SourceKind",
    "WordsAre",
    "answer",
    "decision",
    "disagreement",
    "meeting",
    "professional_view",
    "request",
    "safeguarding_action",
    "service_referral",
    "statement_detail",
    "strategy_discussion",
    "subject_card",
    "vote",
    "wishes_and_feelings",
]

MAX_POSITIONS = 20
STATEMENT_KINDS = ("consent", "refusal", "exclusion", "override", "emergency")
MAX_SHORT_CHARS = 2_000


def subject_card(
    by: Author, *, first_name: str | None, family_name: str | None, birth_date: str | None, about: str
) -> dict[str, Any]:
    """Who the case is about, for the agencies that are invited.

    ``birth_date`` is an ISO date, month (``2010-05``) or year: only as precise as it is known. Of name and birth date
    each may be unknown (None), ``about`` never: what the case is about, in one to a few sentences.
    """
    fields: Fields = {"hub_CaseAbout": given("hub_CaseAbout", require_text("about", about, MAX_SHORT_CHARS))}
    for name, said, text in (
        ("prs_FirstName", "first_name", first_name),
        ("prs_SecondName", "family_name", family_name),
    ):
        fields[name] = empty(name) if text is None else given(name, require_line(said, text))
    if birth_date is None:
        fields["prs_Birthdate"] = empty("prs_Birthdate")
    else:
        precision = _birth_precision(birth_date, by)
        fields["prs_Birthdate"] = given("prs_Birthdate", birth_date)
        fields["hub_BirthdatePrecision"] = given("hub_BirthdatePrecision", precision)
    return render_content(Category.SUBJECT_CARD, "Who this case is about", fields, by)


def _birth_precision(text: str, by: Author) -> str:
    for form, precision in ((r"\d{4}", "year"), (r"\d{4}-\d{2}", "month"), (r"\d{4}-\d{2}-\d{2}", "day")):
        if re.fullmatch(form, text, re.ASCII):
            try:
                first_day = date.fromisoformat((text + "-01-01")[:10] if precision != "month" else text + "-01")
            except ValueError:
                break
            if first_day <= by.day and first_day.year >= 1900:
                return precision
    raise AuthoredRefused(_("expected 2010, 2010-05 or 2010-05-17, after 1900 and not in the future"), "birth_date")


def wishes_and_feelings(
    by: Author,
    *,
    state: WishesState,
    own_words: str | None = None,
    words_are: WordsAre = WordsAre.AS_SAID,
    asked_on: date | None = None,
    how: str | None = None,
    interpreter: str | None = None,
    told_about_nrm: str | None = None,
    wants_people_to_know: str | None = None,
    absent_reason: str | None = None,
    ask_again_on: date | None = None,
    trusted_person: str | None = None,
    best_placed_to_ask: str | None = None,
) -> dict[str, Any]:
    """What the child wishes and feels, in their own words; or why it is not here and when somebody asks again.

    ``recorded`` needs ``own_words``, ``asked_on`` and ``how``; every other state needs ``absent_reason`` and
    ``ask_again_on`` and takes no words. The person who asked is ``by``. Whom the child trusts and who is best placed to
    ask may be said either way.
    """
    state = require_written_term("state", WishesState, state)
    fields: Fields = {"hub_WishesState": given("hub_WishesState", state.value)}
    fields["hub_AskedByRole"] = given("hub_AskedByRole", by.role.value)
    if state is WishesState.RECORDED:
        if asked_on is None or own_words is None or how is None:
            raise AuthoredRefused(
                _("recorded needs the child's words, the day and how it was asked"), "wishes_and_feelings"
            )
        if absent_reason is not None:
            raise AuthoredRefused(
                _("recorded words and a reason for their absence exclude each other"), "wishes_and_feelings"
            )
        day: str | None = require_day("asked_on", asked_on, by)
        fields["hub_OwnWords"] = given("hub_OwnWords", require_text("own_words", own_words))
        fields["hub_WordsAre"] = given("hub_WordsAre", require_written_term("words_are", WordsAre, words_are).value)
        fields["hub_AskedOn"] = given("hub_AskedOn", day or "")
        fields["hub_HowAsked"] = given("hub_HowAsked", require_text("how", how, MAX_SHORT_CHARS))
        summary = "What the child wishes and feels"
    else:
        if own_words is not None or wants_people_to_know is not None:
            raise AuthoredRefused(_("words of the child need the state recorded"), "wishes_and_feelings")
        if absent_reason is None or ask_again_on is None:
            raise AuthoredRefused(
                _("an absence needs its reason and the day somebody asks again"), "wishes_and_feelings"
            )
        day = None
        fields["hub_AbsentReason"] = given(
            "hub_AbsentReason", require_text("absent_reason", absent_reason, MAX_SHORT_CHARS)
        )
        again = require_day("ask_again_on", ask_again_on, by, may_be_future=True)
        fields["hub_AskAgainOn"] = given("hub_AskAgainOn", again)
        summary = "The child's wishes and feelings are not recorded yet, with the reason"
    put_optional(fields, "hub_Interpreter", interpreter, MAX_LINE_CHARS)
    put_optional(fields, "hub_ToldAboutNRM", told_about_nrm, MAX_SHORT_CHARS)
    put_optional(fields, "hub_WantsPeopleToKnow", wants_people_to_know)
    put_optional(fields, "hub_TrustedPerson", trusted_person, MAX_SHORT_CHARS)
    put_optional(fields, "hub_BestPlacedToAsk", best_placed_to_ask, MAX_SHORT_CHARS)
    return render_content(
        Category.WISHES_AND_FEELINGS, summary, fields, by, SourceKind.CHILD_ACCOUNT, observed_from=day
    )


def request(by: Author, *, to_agency: str, what: str, why: str, due: date) -> dict[str, Any]:
    """Ask another agency of the case for something, by a day, saying why it is needed."""
    fields: Fields = {
        "hub_RequestTo": given("hub_RequestTo", require_agency_id("to_agency", to_agency)),
        "hub_RequestWhat": given("hub_RequestWhat", require_text("what", what, MAX_REQUEST_CHARS)),
        "hub_RequestWhy": given("hub_RequestWhy", require_text("why", why, MAX_REQUEST_CHARS)),
        "hub_Due": given("hub_Due", require_due("due", due, by)),
    }
    day = by.day
    if due < day:
        raise AuthoredRefused(_("expected a day not before the day of asking"), "due")
    return render_content(Category.REQUEST, "A request for information", fields, by, observed_from=day.isoformat())


def answer(
    by: Author,
    *,
    to_request: str,
    text: str | None,
    because: RefusedBecause | None = None,
    coming: Coming | None = None,
    derived_from: Sequence[str] = (),
) -> dict[str, Any]:
    """Answer a request, refuse it, or answer an invitation to a strategy discussion (its fragment id).

    ``text`` may say that nothing is held: that too is an answer. With ``because`` the request is refused, and ``text``
    is the reason in words. With ``coming`` an invitation is answered: ``text`` is needed where nobody comes, and says
    why; otherwise it may be None. Raises ``AuthoredRefused``.
    """
    fields: Fields = {"hub_AnswerTo": given("hub_AnswerTo", require_ids("to_request", [to_request])[0])}
    summary = "An answer to a request"
    if coming is not None:
        if because is not None:
            raise AuthoredRefused(_("coming answers an invitation, because refuses a request; expected one"), "answer")
        coming = require_written_term("coming", Coming, coming)
        if coming is Coming.NOT and text is None:
            raise AuthoredRefused(_("not_coming needs the text with the reason"), "answer")
        fields["hub_Coming"] = given("hub_Coming", coming.value)
        put_optional(fields, "hub_AnswerText", text, MAX_REQUEST_CHARS)
        summary = "An answer to an invitation"
    else:
        fields["hub_AnswerText"] = given("hub_AnswerText", require_text("text", text))
    if because is not None:
        because = require_written_term("because", RefusedBecause, because)
        fields["hub_RefusedBecause"] = given("hub_RefusedBecause", because.value)
        summary = "A request is refused, with the reason"
    day = by.day.isoformat()
    return render_content(Category.ANSWER, summary, fields, by, observed_from=day, derived_from=derived_from)


def professional_view(
    by: Author,
    *,
    view: str,
    elements: Sequence[ElementView] = (),
    explanation: str | None = None,
    concern_for_future: bool | None = None,
    derived_from: Sequence[str] = (),
) -> dict[str, Any]:
    """A professional's judgement with its reasons; which elements it bears on and the fragments it rests on.

    ``explanation`` is a possible explanation of an inconsistency (fear, trauma, memory). ``concern_for_future`` says
    whether they are concerned that the child will be exploited again; None where they do not say.
    """
    if len(elements) > MAX_POSITIONS:
        raise AuthoredRefused(
            _("expected at most %(most)s, got %(count)s", most=str(MAX_POSITIONS), count=str(len(elements))), "elements"
        )
    fields: Fields = {"hub_View": given("hub_View", require_text("view", view))}
    put_optional(fields, "hub_PossibleExplanation", explanation)
    if concern_for_future is not None:
        fields["hub_ConcernForFuture"] = given("hub_ConcernForFuture", concern_for_future)
    if elements:
        fields["hub_ElementView"] = [_element_view(item) for item in elements]
    quoted = sorted({*derived_from, *(fragment for item in elements for fragment in item.evidence)})
    day = by.day.isoformat()
    return render_content(
        Category.PROFESSIONAL_VIEW, "A professional's view", fields, by, observed_from=day, derived_from=quoted
    )


def _element_view(item: ElementView) -> dict[str, Any]:
    if (item.element is Element.PURPOSE) != (item.exploitation is not None):
        raise AuthoredRefused(_("purpose names the type of exploitation, act and means do not"), "elements")
    if not item.evidence:
        raise AuthoredRefused(_("expected the fragments the view rests on, got none"), "elements")
    part: dict[str, Any] = {
        "element": given("element", require_written_term("element", Element, item.element).value),
        "bearing": given("bearing", require_written_term("bearing", Bearing, item.bearing).value),
        "evidence": evidence_list("evidence", item.evidence),
    }
    if item.exploitation is not None:
        part["exploitation"] = given(
            "exploitation", require_written_term("type", ExploitationType, item.exploitation).value
        )
    return part


def disagreement(
    by: Author,
    *,
    point: str,
    positions: Sequence[Position],
    status: DisagreementStatus,
    owner: str,
    due: date | None,
    explanation: str | None = None,
    follows: str | None = None,
) -> dict[str, Any]:
    """A point on which agencies differ, each position with its evidence, who settles it and by when.

    At least two positions of different agencies. ``owner`` is the agency that takes it forward. ``explained`` and
    ``resolved`` need ``explanation``; ``open`` and ``escalated`` need ``due``. ``follows`` is the fragment of an
    earlier record of the same point, which this one says more about and whose handling it inherits.
    """
    status = require_written_term("status", DisagreementStatus, status)
    is_settled = status in (DisagreementStatus.EXPLAINED, DisagreementStatus.RESOLVED)
    if not 2 <= len(positions) <= MAX_POSITIONS or len({item.agency for item in positions}) != len(positions):
        raise AuthoredRefused(_("expected 2 to %(most)s, each of another agency", most=str(MAX_POSITIONS)), "positions")
    if is_settled and explanation is None:
        raise AuthoredRefused(_("%(state)s needs the explanation", state=words_for(status.value)), "disagreement")
    if not is_settled and due is None:
        raise AuthoredRefused(
            _("%(state)s needs the day by which it is taken forward", state=words_for(status.value)), "disagreement"
        )
    fields: Fields = {
        "hub_DisagreementPoint": given("hub_DisagreementPoint", require_text("point", point, MAX_SHORT_CHARS)),
        "hub_DisagreementStatus": given("hub_DisagreementStatus", status.value),
        "hub_Owner": given("hub_Owner", require_agency_id("owner", owner)),
        "hub_Position": [
            {
                "agency": given("agency", require_agency_id("agency", item.agency)),
                "position": given("position", require_text("position", item.position, MAX_REQUEST_CHARS)),
                "evidence": evidence_list("evidence", item.evidence),
            }
            for item in positions
        ],
    }
    if due is not None:
        fields["hub_Due"] = given("hub_Due", require_due("due", due, by))
    put_optional(fields, "hub_PossibleExplanation", explanation)
    before = put_follows(fields, follows)
    quoted = sorted({*before, *(fragment for item in positions for fragment in item.evidence)})
    day = by.day.isoformat()
    return render_content(
        Category.DISAGREEMENT, "Agencies see a point differently", fields, by, observed_from=day, derived_from=quoted
    )


def statement_detail(
    by: Author,
    *,
    statement_kind: str,
    words: str | None,
    source_kind: SourceKind,
    given_by_role: str | None = None,
    competence: str | None = None,
    told: str | None = None,
    interpreter: str | None = None,
) -> dict[str, Any]:
    """The words of a consent, a refusal or an exclusion, which show codes only; or why an objection is
    overridden, or something released in an emergency.

    ``statement_kind`` is a term of ``STATEMENT_KINDS``. ``competence`` says who judged, and how, whether the person
    understands (Gillick, capacity), ``told`` what they were told, ``interpreter`` who interpreted; all three belong to
    consent only. ``words`` is None where nobody said anything and ``competence`` says how it was found that they cannot
    decide. Raises ``AuthoredRefused``.
    """
    if statement_kind not in STATEMENT_KINDS:
        raise AuthoredRefused(_("expected one of %(listed)s", listed=", ".join(STATEMENT_KINDS)), "statement_kind")
    for name, value in (("competence", competence), ("told", told), ("interpreter", interpreter)):
        if value is not None and statement_kind != "consent":
            raise AuthoredRefused(_("expected with consent only"), name)
    fields: Fields = {"hub_StatementKind": given("hub_StatementKind", statement_kind)}
    if words is not None or competence is None:
        fields["hub_StatementWords"] = given("hub_StatementWords", require_text("words", words))
    put_optional(fields, "hub_GivenByRole", given_by_role, MAX_LINE_CHARS)
    put_optional(fields, "hub_Competence", competence, MAX_SHORT_CHARS)
    put_optional(fields, "hub_WhatWasTold", told, MAX_SHORT_CHARS)
    put_optional(fields, "hub_Interpreter", interpreter, MAX_LINE_CHARS)
    day = by.day.isoformat()
    return render_content(
        Category.STATEMENT_DETAIL,
        f"The words of a statement of {statement_kind}",
        fields,
        by,
        source_kind,
        observed_from=day,
    )
