"""The form for somebody around a child: a relative, a carer, one of the household. Data only, as ``written_kinds``."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS
from adapters.workspace.written_context import GRADES
from adapters.workspace.written_movements import HOW_KNOWN
from adapters.workspace.written_terms import RELATION_TERMS, Asked, Takes, WrittenKind
from adapters.workspace.written_work import FOLLOWS, QUOTED
from policies.vocabulary import Category

_WHEN = _("Only as precisely as it is known: a day, a month and year, or the year alone.")

RELATION = WrittenKind(
    Category.RELATION,
    _("Record somebody around the child"),
    _("Record somebody around the child"),
    _("When a relative, a carer or somebody of the household matters for the child’s safety: one person at a time."),
    (
        FOLLOWS,
        Asked(
            "who",
            Takes.CHOICE,
            _("Who are they to the child?"),
            "hub_Relation.role",
            missing=_("Choose who they are to the child"),
            terms=RELATION_TERMS,
        ),
        Asked(
            "called",
            Takes.LINE,
            _("What are they called? (optional)"),
            "hub_Relation.name",
            _("So that other agencies know whom you mean. No address and no telephone number."),
        ),
        Asked(
            "lives_with_child",
            Takes.YES_NO,
            _("Do they live with the child?"),
            "hub_LivesWithChild",
            _("Leave open what you do not know."),
        ),
        Asked(
            "said_to_exploit",
            Takes.YES_NO,
            _("Is it said that they exploited the child?"),
            "hub_SaidToExploit",
            _("What is said is no finding about them. Say below who says it."),
        ),
        Asked(
            "safe_to_contact",
            Takes.YES_NO,
            _("Is it safe to contact them?"),
            "hub_SafeToContact",
            _("Whoever asks a relative may put the child in danger. If you do not know, leave it open."),
        ),
        Asked("known_from", Takes.PART_DATE, _("Since when? (optional)"), "hub_RelationFrom", _WHEN),
        Asked("known_until", Takes.PART_DATE, _("Until when? (optional)"), "hub_RelationUntil", _WHEN),
        Asked(
            "account",
            Takes.TEXT,
            _("What was seen or said?"),
            "hub_RelationAccount",
            _("Keep apart what was seen, what was told and what you conclude."),
            _("Write what was seen or said"),
            MAX_REQUEST_CHARS,
        ),
        HOW_KNOWN,
        *GRADES,
        QUOTED,
    ),
    note=_(
        "It stands under “Places, peers and online”, with family and others around the child. Another child of the "
        "household may be exploited too."
    ),
)
