"""The forms in which people write: each kind with its questions in plain words, and where an answer is kept.

Data only. What the answers mean is checked by ``adapters.release.authored``; here stands how people are asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from adapters.release.authored import MAX_REQUEST_CHARS, MAX_SHORT_CHARS
from adapters.release.writing import MAX_TEXT_CHARS
from adapters.workspace.written_terms import (
    ACTION_TERMS,
    BEARING_TERMS,
    ELEMENT_TERMS,
    QUESTION_TERMS,
    REFERRAL_TERMS,
    SERVICE_TERMS,
    STATUS_TERMS,
    TYPE_TERMS,
    Asked,
    Takes,
    WrittenKind,
)
from policies.vocabulary import Category

_QUOTED = Asked(
    "derived_from",
    Takes.FRAGMENTS,
    _("Which records does it rest on? (optional)"),
    "",
    _("Tick what you quote or build on. Whatever may not be passed on in them holds for what you write too."),
)
_EVIDENCE = _("Which records show it?")

KINDS: Mapping[Category, WrittenKind] = {
    item.category: item
    for item in (
        WrittenKind(
            Category.REQUEST,
            _("Ask another agency for information"),
            _("Ask another agency for information"),
            _("When another agency may know something that is missing here."),
            (
                Asked(
                    "to_agency",
                    Takes.AGENCY,
                    _("Which agency do you ask?"),
                    "hub_RequestTo",
                    missing=_("Choose the agency you ask"),
                ),
                Asked(
                    "what",
                    Takes.TEXT,
                    _("What do you need to know?"),
                    "hub_RequestWhat",
                    _("Ask for what you need and no more."),
                    _("Say what you need to know"),
                    MAX_REQUEST_CHARS,
                ),
                Asked(
                    "why",
                    Takes.TEXT,
                    _("Why do you need it?"),
                    "hub_RequestWhy",
                    _("The agency decides from this whether it may tell you."),
                    _("Say why you need it"),
                    MAX_REQUEST_CHARS,
                    3,
                ),
                Asked(
                    "due",
                    Takes.DATE,
                    _("By when do you need it?"),
                    "hub_Due",
                    missing=_("Enter the day by which you need it"),
                ),
            ),
        ),
        WrittenKind(
            Category.ANSWER,
            _("Answer a request"),
            _("Answer a request"),
            _("When another agency has asked yours. That you hold nothing is an answer too."),
            (
                Asked(
                    "to_request",
                    Takes.FRAGMENT,
                    _("Which request do you answer?"),
                    "hub_AnswerTo",
                    missing=_("Choose the request that you answer"),
                ),
                Asked(
                    "text",
                    Takes.TEXT,
                    _("Your answer"),
                    "hub_AnswerText",
                    _("If your agency holds nothing about it, say so."),
                    _("Write your answer"),
                    MAX_TEXT_CHARS,
                    10,
                ),
                _QUOTED,
            ),
        ),
        WrittenKind(
            Category.PROFESSIONAL_VIEW,
            _("Give your professional view"),
            _("Give your professional view"),
            _("When you judge what the records mean, and want others to see your reasons."),
            (
                Asked(
                    "view",
                    Takes.TEXT,
                    _("What do you think, and why?"),
                    "hub_View",
                    _("Keep apart what you saw, what you were told and what you conclude."),
                    _("Write your view"),
                    MAX_TEXT_CHARS,
                    10,
                ),
                Asked(
                    "explanation",
                    Takes.TEXT,
                    _("If accounts differ: what could explain it? (optional)"),
                    "hub_PossibleExplanation",
                    _(
                        "Fear, trauma, memory or interpreting, for example. That accounts differ does not alone make "
                        "a child less believable."
                    ),
                    limit=MAX_TEXT_CHARS,
                    rows=3,
                ),
                Asked(
                    "concern_for_future",
                    Takes.YES_NO,
                    _("Are you concerned that the child will be exploited again? (optional)"),
                    "hub_ConcernForFuture",
                ),
                Asked(
                    "elements",
                    Takes.GROUPS,
                    _("What in the definition does your view bear on? (optional)"),
                    "hub_ElementView",
                    each=_("Point"),
                    parts=(
                        Asked(
                            "element",
                            Takes.CHOICE,
                            _("Part of the definition"),
                            "element",
                            missing=_("Choose act, means or purpose"),
                            terms=ELEMENT_TERMS,
                        ),
                        Asked(
                            "exploitation",
                            Takes.CHOICE,
                            _("With purpose: which type of exploitation?"),
                            "exploitation",
                            terms=TYPE_TERMS,
                        ),
                        Asked(
                            "bearing",
                            Takes.CHOICE,
                            _("What do the records say to it?"),
                            "bearing",
                            missing=_("Choose which way it points"),
                            terms=BEARING_TERMS,
                        ),
                        Asked(
                            "evidence",
                            Takes.FRAGMENTS,
                            _EVIDENCE,
                            "evidence",
                            missing=_("Tick at least one record that shows it"),
                        ),
                    ),
                ),
                _QUOTED,
            ),
        ),
        WrittenKind(
            Category.DISAGREEMENT,
            _("Record a disagreement, or what came of one"),
            _("Record a disagreement"),
            _("When agencies see a point differently. Nobody’s account is changed by it."),
            (
                Asked("follows", Takes.FRAGMENT, _("The disagreement it is about"), "hub_Follows"),
                Asked(
                    "point",
                    Takes.TEXT,
                    _("What do the agencies see differently?"),
                    "hub_DisagreementPoint",
                    missing=_("Say what is seen differently"),
                    limit=MAX_SHORT_CHARS,
                    rows=3,
                ),
                Asked(
                    "positions",
                    Takes.GROUPS,
                    _("What does each agency hold?"),
                    "hub_Position",
                    _("At least two agencies, each once. Be as fair to the other side as to yours."),
                    _("Give what at least two agencies hold"),
                    each=_("Position"),
                    first=2,
                    parts=(
                        Asked("agency", Takes.AGENCY, _("Agency"), "agency", missing=_("Choose the agency")),
                        Asked(
                            "position",
                            Takes.TEXT,
                            _("What it holds"),
                            "position",
                            missing=_("Say what this agency holds"),
                            limit=MAX_REQUEST_CHARS,
                            rows=3,
                        ),
                        Asked("evidence", Takes.FRAGMENTS, _("Records it rests on (optional)"), "evidence"),
                    ),
                ),
                Asked(
                    "status",
                    Takes.CHOICE,
                    _("Where does it stand?"),
                    "hub_DisagreementStatus",
                    missing=_("Choose where it stands"),
                    terms=STATUS_TERMS,
                ),
                Asked(
                    "explanation",
                    Takes.TEXT,
                    _("What explains or resolves it?"),
                    "hub_PossibleExplanation",
                    _("Needed where it is explained or resolved."),
                    limit=MAX_TEXT_CHARS,
                    rows=3,
                ),
                Asked(
                    "owner",
                    Takes.AGENCY,
                    _("Which agency takes it forward?"),
                    "hub_Owner",
                    missing=_("Choose the agency that takes it forward"),
                ),
                Asked(
                    "due",
                    Takes.DATE,
                    _("By when?"),
                    "hub_Due",
                    _("Needed where it is open or escalated."),
                ),
            ),
        ),
        WrittenKind(
            Category.SAFEGUARDING_ACTION,
            _("Record an action to keep the child safe"),
            _("Record an action to keep the child safe"),
            _("When an agency does something, or is to do it, so that the child is safe."),
            (
                Asked(
                    "action",
                    Takes.TEXT,
                    _("What is done?"),
                    "hub_Action",
                    missing=_("Say what is done"),
                    limit=MAX_REQUEST_CHARS,
                    rows=3,
                ),
                Asked(
                    "why",
                    Takes.TEXT,
                    _("Why?"),
                    "hub_ActionWhy",
                    missing=_("Say why"),
                    limit=MAX_REQUEST_CHARS,
                    rows=3,
                ),
                Asked(
                    "owner",
                    Takes.AGENCY,
                    _("Which agency does it?"),
                    "hub_Owner",
                    missing=_("Choose the agency that does it"),
                ),
                Asked(
                    "state",
                    Takes.CHOICE,
                    _("Where does it stand?"),
                    "hub_ActionState",
                    missing=_("Choose where it stands"),
                    terms=ACTION_TERMS,
                ),
                Asked(
                    "due",
                    Takes.DATE,
                    _("By when?"),
                    "hub_Due",
                    _("Needed where it is planned or under way."),
                ),
                Asked(
                    "outcome",
                    Takes.TEXT,
                    _("What came of it?"),
                    "hub_ActionOutcome",
                    _("Needed where it is done or not done. If it was not done, say why."),
                    limit=MAX_REQUEST_CHARS,
                    rows=3,
                ),
                Asked(
                    "involves_ictg",
                    Takes.YES_NO,
                    _("Does the Independent Child Trafficking Guardian take part?"),
                    "hub_InvolvesICTG",
                    missing=_("Say whether the guardian takes part"),
                ),
                _QUOTED,
            ),
        ),
        WrittenKind(
            Category.SERVICE_REFERRAL,
            _("Refer the child to a service"),
            _("Refer the child to a service"),
            _("When the child needs a guardian, an advocate, a placement, a return interview or another service."),
            (
                Asked(
                    "to_service",
                    Takes.CHOICE,
                    _("Which service?"),
                    "cas_ReferredOrganisation",
                    missing=_("Choose a service"),
                    terms=SERVICE_TERMS,
                ),
                Asked("other_service", Takes.LINE, _("If another: its name"), ""),
                Asked(
                    "what_for",
                    Takes.TEXT,
                    _("What is the child referred for?"),
                    "cas_OutgoingReferralDetails",
                    missing=_("Say what the child is referred for"),
                    limit=MAX_REQUEST_CHARS,
                ),
                Asked(
                    "referred_on",
                    Takes.DATE,
                    _("Day of the referral"),
                    "cas_OutgoingReferralDate",
                    missing=_("Enter the day of the referral"),
                ),
                Asked(
                    "state",
                    Takes.CHOICE,
                    _("Where does it stand?"),
                    "hub_ActionState",
                    missing=_("Choose where it stands"),
                    terms=REFERRAL_TERMS,
                ),
                Asked(
                    "outcome",
                    Takes.TEXT,
                    _("If it was accepted or refused: what was said?"),
                    "hub_ActionOutcome",
                    _("If it was refused, give the reason in full."),
                    limit=MAX_REQUEST_CHARS - 50,
                    rows=3,
                ),
            ),
            note=_(
                "A referral can be made whatever the National Referral Mechanism decides. It is there for a child of "
                "any nationality, whether or not a parent supports it."
            ),
        ),
        WrittenKind(
            Category.MEETING,
            _("Record a meeting of the panel"),
            _("Record a meeting of the panel"),
            _("After the panel has met: who was there, and what was said."),
            (
                Asked(
                    "held_on",
                    Takes.DATE,
                    _("When did it meet?"),
                    "hub_HeldOn",
                    missing=_("Enter the day of the meeting"),
                ),
                Asked(
                    "question",
                    Takes.CHOICE,
                    _("What was to be decided?"),
                    "hub_Question",
                    missing=_("Choose what was to be decided"),
                    terms=QUESTION_TERMS,
                ),
                Asked(
                    "agencies",
                    Takes.AGENCIES,
                    _("Which agencies took part?"),
                    "hub_Attended",
                    missing=_("Tick the agencies that took part"),
                ),
                Asked(
                    "is_quorate",
                    Takes.YES_NO,
                    _("Was everybody there who must be?"),
                    "hub_Quorate",
                    missing=_("Say whether everybody was there who must be"),
                ),
                Asked(
                    "minutes",
                    Takes.TEXT,
                    _("Minutes"),
                    "hub_Minutes",
                    missing=_("Write the minutes"),
                    limit=MAX_TEXT_CHARS,
                    rows=10,
                ),
                _QUOTED,
            ),
        ),
    )
}
ELSEWHERE: tuple[tuple[Category, str, object, object], ...] = (
    (
        Category.WISHES_AND_FEELINGS,
        "consent.wishes",
        _("Record what the child wishes and feels"),
        _("When somebody has asked the child, or could not."),
    ),
    (
        Category.STRATEGY_DISCUSSION,
        "strategy.show",
        _("Record a strategy discussion"),
        _("When agencies meet because a child may be suffering significant harm."),
    ),
)
"""Kinds that have pages of their own: category, endpoint, name, when one uses it."""
RECORDS: tuple[tuple[str, object, object], ...] = (
    (
        "intake.indicators",
        _("Write down what was observed"),
        _("When somebody saw signs of exploitation, or looked for them."),
    ),
    (
        "intake.record",
        _("Type a record"),
        _("When your agency’s system gives no file to add."),
    ),
)
"""What is recorded by whoever puts records in: endpoint, name, when one uses it."""
