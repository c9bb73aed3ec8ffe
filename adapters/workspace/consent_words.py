"""Consent in plain words: what each state means, groups of records for its scope, who said it.

The rules are those of docs/consent.md; the lines about the National Referral Mechanism are those of nrm.md 1.1, 1.3,
2.1, 2.3 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from flask_babel import lazy_gettext as _

from policies.vocabulary import (
    AgencyKind,
    Assessor,
    Category,
    Competence,
    ConsentReason,
    ConsentState,
    InterpreterUse,
    Purpose,
    ToldState,
    WishesState,
)

Words: TypeAlias = object
"""Words in whoever's language asks, once they are shown: ``str`` makes them text."""

GROUPS: Mapping[str, tuple[Words, frozenset[Category]]] = {
    "concerns": (
        _("Worries that the child is exploited, and notes about them"),
        frozenset(
            {
                Category.CONCERN,
                Category.TRAFFICKING_EVENT,
                Category.NARRATIVE,
                Category.CONTEXT,
                Category.MOVEMENT,
                Category.RELATION,
            }
        ),
    ),
    "identity": (
        _("Who the child is and where they stay"),
        frozenset({Category.IDENTITY, Category.CONTACT, Category.PLACEMENT, Category.SUBJECT_CARD}),
    ),
    "missing": (_("When the child was missing"), frozenset({Category.MISSING_EPISODE})),
    "health": (_("Health"), frozenset({Category.HEALTH_CONTACT})),
    "offences": (_("Offences and courts"), frozenset({Category.OFFENCE})),
    "care": (
        _("Assessments, plans and services"),
        frozenset({Category.ASSESSMENT, Category.PLAN, Category.SERVICE, Category.SERVICE_REFERRAL}),
    ),
    "voice": (
        _("What the child says and wishes"),
        frozenset({Category.WISHES_AND_FEELINGS, Category.STATEMENT_DETAIL, Category.CONSENT}),
    ),
    "work": (
        _("What professionals write in this case: views, questions and answers, meetings, actions"),
        frozenset(
            {
                Category.REQUEST,
                Category.ANSWER,
                Category.STRATEGY_DISCUSSION,
                Category.PROFESSIONAL_VIEW,
                Category.DISAGREEMENT,
                Category.MEETING,
                Category.SAFEGUARDING_ACTION,
            }
        ),
    ),
    "documents": (_("Documents, and who looked at a record before"), frozenset({Category.DOCUMENT, Category.ACCESS})),
}
"""What a consent may cover, as people speak of it. A vote, a decision and a statistical return rest on none."""

KINDS: Mapping[AgencyKind, Words] = {
    AgencyKind.SOCIAL_CARE: _("Children’s social care"),
    AgencyKind.POLICE: _("Police"),
    AgencyKind.HEALTH: _("Health"),
    AgencyKind.EDUCATION: _("Schools and colleges"),
    AgencyKind.CHARITY: _("Charities"),
    AgencyKind.HOUSING: _("Housing"),
    AgencyKind.IMMIGRATION: _("Immigration authorities"),
}
PURPOSES: Mapping[Purpose, Words] = {
    Purpose.SAFEGUARDING: _("Keeping the child safe"),
    Purpose.STRATEGY_DISCUSSION: _("A strategy discussion"),
    Purpose.SECTION_47_ENQUIRY: _("An enquiry under section 47"),
    Purpose.NRM_REFERRAL: _("Referral to the National Referral Mechanism"),
    Purpose.PANEL_REVIEW: _("Review by the panel"),
    Purpose.RECONSIDERATION: _("Asking for a decision to be looked at again"),
    Purpose.SERVICE_PROVISION: _("Getting support"),
}
_ON_A_DUTY = _("What is shared on a duty, to keep the child safe, goes on being shared and shows its reason.")
MEANS: Mapping[ConsentState, tuple[Words, ...]] = {
    ConsentState.NONE_RECORDED: (_("Nothing is being shared on the basis of consent."), _ON_A_DUTY),
    ConsentState.GIVEN: (
        _("What was told in confidence may be shared as far as the agreement goes, and no further."),
        _("It can be taken back at any time."),
    ),
    ConsentState.REFUSED: (_("What was told in confidence is not shared."), _ON_A_DUTY),
    ConsentState.WITHDRAWN: (
        _("What was shared only because of the agreement is not given to anybody any more."),
        _ON_A_DUTY,
        _("What somebody had read, printed or submitted before cannot be called back."),
    ),
    ConsentState.INVALID: (
        _("What was shared only because of it is not given to anybody any more, and never should have been."),
        _("Each agency decides each sharing again, or asks whoever has it to delete it."),
    ),
    ConsentState.NOT_SOUGHT: (_("Nothing is being shared on the basis of consent."), _ON_A_DUTY),
    ConsentState.LACKS_CAPACITY: (
        _("Nothing is being shared on the basis of this person’s consent."),
        _ON_A_DUTY,
    ),
    ConsentState.NOT_REQUIRED: (_ON_A_DUTY,),
}
COMPETENCE: Mapping[Competence, Words] = {
    Competence.COMPETENT: _("Yes, they understand"),
    Competence.NOT_COMPETENT: _("No, they do not understand yet"),
    Competence.NOT_ASSESSED: _("Nobody has assessed it"),
}
ASSESSORS: Mapping[Assessor, Words] = {
    Assessor.SOCIAL_WORKER: _("Social worker"),
    Assessor.SUPPORT_WORKER: _("Support worker"),
    Assessor.GUARDIAN: _("Guardian"),
    Assessor.DOCTOR: _("Doctor"),
    Assessor.NURSE: _("Nurse"),
    Assessor.PSYCHOLOGIST: _("Psychologist"),
    Assessor.TEACHER: _("Teacher"),
    Assessor.POLICE_OFFICER: _("Police officer"),
    Assessor.COURT: _("Court"),
}
TOLD: Mapping[ToldState, Words] = {
    ToldState.YES: _("Yes"),
    ToldState.NO_UNSAFE: _("No, it was not safe to tell them"),
    ToldState.NO_OTHER: _("No, for another reason"),
}
INTERPRETERS: Mapping[InterpreterUse, Words] = {
    InterpreterUse.NOT_NEEDED: _("No interpreter was needed"),
    InterpreterUse.PROFESSIONAL: _("Yes, a professional interpreter"),
    InterpreterUse.NOT_PROFESSIONAL: _("Yes, somebody who is not a professional interpreter"),
    InterpreterUse.NEEDED_NOT_THERE: _("One was needed and was not there"),
}
WISHES: Mapping[WishesState, Words] = {
    WishesState.RECORDED: _("Yes, what they said is written down"),
    WishesState.NOT_ASKED_YET: _("Nobody has asked yet"),
    WishesState.CHILD_NOT_READY: _("The child is not ready to talk"),
    WishesState.CHILD_MISSING: _("The child is missing"),
    WishesState.NO_INTERPRETER: _("There was no interpreter"),
    WishesState.UNSAFE_TO_ASK: _("It was not safe to ask"),
}
REASONS: Mapping[ConsentReason, Words] = {
    ConsentReason.CHILD_PATH: _("For a child, consent is not needed"),
    ConsentReason.CANNOT_BE_GIVEN: _("The person cannot give it"),
    ConsentReason.CANNOT_REASONABLY_BE_OBTAINED: _("It cannot reasonably be obtained"),
    ConsentReason.WOULD_PREJUDICE_PROTECTION: _("Asking would put their protection at risk"),
}
NRM_OF_A_CHILD: tuple[Words, ...] = (
    _("A child is referred to the National Referral Mechanism without being asked to consent: none is needed."),
    _("Somebody who may be a child is treated as a child until their age is known."),
    _("For a child the question is whether somebody did something to exploit them. Whether the child agreed to it is "
      "irrelevant, and force or deception need not be shown."),
    _("There are two decisions: first whether there are reasonable grounds to believe it, then whether it is more "
      "likely than not."),
    _("Somebody who turns 18 before the second decision is asked whether they agree to stay in."),
)  # fmt: skip
NRM_OF_AN_ADULT: tuple[Words, ...] = (
    _("An adult is referred only if they agree, after it was explained to them, with an interpreter where needed."),
    _("Being referred, getting support and helping an investigation are three questions. No answer follows from "
      "another."),
    _("An adult may take their agreement back at any time. The case closes and Home Office support ends."),
    _("Where an adult says no, some public bodies must still notify the Home Office, without naming them."),
)  # fmt: skip
