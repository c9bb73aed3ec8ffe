"""The form for a place, a group of peers or an online space around a child. Data only, like ``written_kinds``."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS
from adapters.workspace.written_terms import (
    INFO_GRADE_TERMS,
    KNOWN_TERMS,
    SETTING_TERMS,
    SOURCE_GRADE_TERMS,
    Asked,
    Takes,
    WrittenKind,
)
from adapters.workspace.written_work import QUOTED
from policies.vocabulary import Category

GRADES = (
    Asked(
        "source_grade",
        Takes.CHOICE,
        _("How reliable is the source? (optional)"),
        "hub_SourceGrade",
        _("Where your agency grades it (3x5x2). The source and the information are graded apart."),
        terms=SOURCE_GRADE_TERMS,
    ),
    Asked(
        "info_grade",
        Takes.CHOICE,
        _("How far is the information known? (optional)"),
        "hub_InfoGrade",
        _("A reliable source can pass on what it does not know itself."),
        terms=INFO_GRADE_TERMS,
    ),
)
CONTEXT = WrittenKind(
    Category.CONTEXT,
    _("Describe a place, a group or an online space"),
    _("Describe a place, a group or an online space"),
    _("When a child is harmed, or may be, outside the home: where, with whom, or online."),
    (
        Asked(
            "setting",
            Takes.CHOICE,
            _("What do you describe?"),
            "hub_ContextSetting",
            _("One at a time. If a place and an account belong together, write two."),
            _("Choose what you describe"),
            terms=SETTING_TERMS,
        ),
        Asked(
            "name",
            Takes.LINE,
            _("What is it called, or where is it?"),
            "hub_ContextName",
            _("So that other agencies know which one you mean."),
            _("Say what it is called or where it is"),
        ),
        Asked(
            "seen",
            Takes.TEXT,
            _("What was seen or said?"),
            "hub_ContextSeen",
            _("Keep apart what was seen, what was told and what you conclude. That you name it is no finding."),
            _("Write what was seen or said"),
            MAX_REQUEST_CHARS,
        ),
        Asked(
            "seen_from",
            Takes.PART_DATE,
            _("When was it seen, or since when?"),
            "hub_SeenFrom",
            _("Only as precisely as it is known: a day, a month and year, or the year alone."),
            _("Enter when it was seen; the year alone will do"),
        ),
        Asked(
            "seen_to",
            Takes.PART_DATE,
            _("Until when? (optional)"),
            "hub_SeenTo",
            _("Leave it empty if it was one time, or still goes on."),
        ),
        Asked(
            "people",
            Takes.TEXT,
            _("Who else was there? (optional)"),
            "hub_ContextPeople",
            _(
                "Another child may be exploited too, whatever they are said to have done. Call somebody a perpetrator "
                "only where that is established."
            ),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
        Asked(
            "movement",
            Takes.TEXT,
            _("How did the child come there, or who moved them? (optional)"),
            "hub_Movement",
            _("Movement of any distance counts, within one street too: on foot, by car, taxi, bus or train."),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
        Asked(
            "source_kind",
            Takes.CHOICE,
            _("How do you know?"),
            "",
            missing=_("Choose how you know"),
            terms=KNOWN_TERMS,
        ),
        *GRADES,
        QUOTED,
    ),
    note=_(
        "It stands under “Places, peers and online” in the picture of everybody who is given it. Write what a child "
        "was made to do or what was done to them, not what they chose."
    ),
)
