"""The forms of what agencies do for each other and for the child: answers, refusals, actions, referrals. Data only.

Like ``written_kinds``; here stands what names another record: a request, an invitation, or what it says came of one.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS, MAX_TEXT_CHARS
from adapters.workspace.written_terms import (
    ACTION_TERMS,
    BECAUSE_TERMS,
    COMING_TERMS,
    REFERRAL_TERMS,
    SERVICE_TERMS,
    Asked,
    Takes,
    WrittenKind,
)
from policies.vocabulary import Category

REFUSED_FIELD, COMING_FIELD = "hub_RefusedBecause", "hub_Coming"
QUOTED = Asked(
    "derived_from",
    Takes.FRAGMENTS,
    _("Which records does it rest on? (optional)"),
    "",
    _("Tick what you quote or build on. Whatever may not be passed on in them holds for what you write too."),
)
FOLLOWS = Asked("follows", Takes.FRAGMENT, _("The earlier record of it"), "hub_Follows")

ANSWER = WrittenKind(
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
        QUOTED,
    ),
)
REFUSAL = WrittenKind(
    Category.ANSWER,
    _("Refuse a request"),
    _("Refuse a request, with the reason"),
    _("When your agency may not or does not tell what is asked."),
    (
        Asked(
            "to_request",
            Takes.FRAGMENT,
            _("Which request do you refuse?"),
            "hub_AnswerTo",
            missing=_("Choose the request that you refuse"),
        ),
        Asked(
            "because",
            Takes.CHOICE,
            _("Why does your agency not tell?"),
            REFUSED_FIELD,
            _("That your agency holds nothing is an answer, and no refusal."),
            _("Choose why your agency does not tell"),
            terms=BECAUSE_TERMS,
        ),
        Asked(
            "text",
            Takes.TEXT,
            _("The reason, in words"),
            "hub_AnswerText",
            _("So that whoever asked understands it, and knows what they could ask instead."),
            _("Give the reason in words"),
            MAX_REQUEST_CHARS,
        ),
        QUOTED,
    ),
    note=_(
        "Once this is released, the request stands as refused with your reason: at the agency that asked, and among "
        "the gaps of the picture for everybody who is given this. You can answer the request later all the same."
    ),
    form="refusal",
)
INVITATION_ANSWER = WrittenKind(
    Category.ANSWER,
    _("Answer an invitation"),
    _("Answer the invitation to a strategy discussion"),
    _("When another agency has called a strategy discussion together and invites yours."),
    (
        Asked(
            "to_request",
            Takes.FRAGMENT,
            _("The strategy discussion"),
            "hub_AnswerTo",
            missing=_("Choose the invitation that you answer"),
        ),
        Asked(
            "coming",
            Takes.CHOICE,
            _("Does somebody of your agency come?"),
            COMING_FIELD,
            missing=_("Choose whether somebody comes"),
            terms=COMING_TERMS,
        ),
        Asked(
            "text",
            Takes.TEXT,
            _("Who comes, or why nobody does"),
            "hub_AnswerText",
            _("If nobody comes, say why. Otherwise you may say which jobs come, without names."),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
    ),
    note=_(
        "Your answer stands beside what the convener writes of it; neither replaces the other. If it changes, answer "
        "again: the newest counts, and the earlier ones stay."
    ),
    form="invitation_answer",
)
ACTION = WrittenKind(
    Category.SAFEGUARDING_ACTION,
    _("Record an action to keep the child safe"),
    _("Record an action to keep the child safe"),
    _("When an agency does something, or is to do it, so that the child is safe."),
    (
        FOLLOWS,
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
        QUOTED,
    ),
)
REFERRAL = WrittenKind(
    Category.SERVICE_REFERRAL,
    _("Refer the child to a service"),
    _("Refer the child to a service"),
    _("When the child needs a guardian, an advocate, a placement, a return interview or another service."),
    (
        FOLLOWS,
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
            _("What did the service say, or what came of it?"),
            "hub_ActionOutcome",
            _("Needed where it is refused, done or came to nothing. Give a reason in full."),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
    ),
    note=_(
        "A referral can be made whatever the National Referral Mechanism decides. It is there for a child of "
        "any nationality, whether or not a parent supports it."
    ),
)
