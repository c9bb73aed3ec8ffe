"""The forms in which people write: each kind with its questions in plain words, and where an answer is kept.

Data only. What the answers mean is checked by ``adapters.release.authored``; here stands how people are asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from adapters.release.authored import MAX_REQUEST_CHARS, MAX_SHORT_CHARS
from adapters.release.writing import MAX_TEXT_CHARS
from adapters.workspace.written_context import CONTEXT
from adapters.workspace.written_movements import MISSING, MOVEMENT
from adapters.workspace.written_offence import OFFENCE_ANSWER
from adapters.workspace.written_placement import PLACEMENT
from adapters.workspace.written_relation import RELATION
from adapters.workspace.written_terms import (
    BEARING_TERMS,
    ELEMENT_TERMS,
    QUESTION_TERMS,
    STATUS_TERMS,
    TYPE_TERMS,
    Asked,
    Takes,
    WrittenKind,
)
from adapters.workspace.written_work import (
    ACTION,
    ANSWER,
    COMING_FIELD,
    FOLLOWS,
    INVITATION_ANSWER,
    QUOTED,
    REFERRAL,
    REFUSAL,
    REFUSED_FIELD,
)
from policies.vocabulary import Category

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
        ANSWER,
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
                QUOTED,
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
        CONTEXT,
        MOVEMENT,
        MISSING,
        PLACEMENT,
        RELATION,
        ACTION,
        REFERRAL,
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
                QUOTED,
            ),
        ),
    )
}
FORMS: Mapping[str, WrittenKind] = {
    item.slug: item for item in (*KINDS.values(), REFUSAL, INVITATION_ANSWER, OFFENCE_ANSWER)
}
"""Every form by what it is called in an address; those that no kind is named by are come to from what they answer."""


def form_of(category: Category, fields: Mapping[str, object]) -> WrittenKind | None:
    """Return the form that makes such a record, None where no form of these pages does."""
    if category is Category.ANSWER and REFUSED_FIELD in fields:
        return REFUSAL
    if category is Category.ANSWER and COMING_FIELD in fields:
        return INVITATION_ANSWER
    if category is Category.OFFENCE and FOLLOWS.stored in fields:
        return OFFENCE_ANSWER
    return KINDS.get(category)


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
