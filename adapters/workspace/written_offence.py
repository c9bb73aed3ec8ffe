"""The form for what was done about an offence in which a child stands as alleged offender. Data only.

It is come to from the offence that it follows, as an answer is from its request.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS
from adapters.workspace.written_terms import COURT_TERMS, KNOWN_TERMS, Asked, Takes, WrittenKind
from policies.vocabulary import Category

_WHEN = _("Only as precisely as it is known. Leave it empty where the answer above is not yes.")
_BY_WHOM = _("Their job and agency, such as officer in the case, police. No names of people.")

OFFENCE_ANSWER = WrittenKind(
    Category.OFFENCE,
    _("Record what was done about an offence"),
    _("What was done about the offence"),
    _("When the child stands as alleged offender, and somebody considered a referral or told prosecutor and defence."),
    (
        Asked(
            "follows",
            Takes.FRAGMENT,
            _("The offence that it is about"),
            "hub_Follows",
            missing=_("Come to this form from the offence that it is about"),
        ),
        Asked(
            "referral_considered",
            Takes.YES_NO,
            _("Was a referral to the National Referral Mechanism considered?"),
            "hub_ReferralConsidered",
            _("Leave open what you do not know. Answer at least one of the four questions of this form."),
        ),
        Asked("considered_on", Takes.PART_DATE, _("If yes: when?"), "hub_ReferralConsideredOn", _WHEN),
        Asked(
            "prosecutor_told",
            Takes.YES_NO,
            _("Has the prosecutor been told of the exploitation?"),
            "hub_ProsecutorTold",
        ),
        Asked(
            "prosecutor_told_on",
            Takes.PART_DATE,
            _("If yes: when was the prosecutor told?"),
            "hub_ProsecutorToldOn",
            _WHEN,
        ),
        Asked("prosecutor_told_by", Takes.LINE, _("By whom?"), "hub_ProsecutorToldBy", _BY_WHOM),
        Asked(
            "defence_told",
            Takes.YES_NO,
            _("Has the child’s defence been told?"),
            "hub_DefenceTold",
            _("That they know is enough here. What the child and their lawyer say to each other is theirs."),
        ),
        Asked("defence_told_on", Takes.PART_DATE, _("If yes: when was the defence told?"), "hub_DefenceToldOn", _WHEN),
        Asked("defence_told_by", Takes.LINE, _("By whom?"), "hub_DefenceToldBy", _BY_WHOM),
        Asked("court", Takes.CHOICE, _("Is there a court date to come?"), "hub_CourtStanding", terms=COURT_TERMS),
        Asked(
            "next_court_date",
            Takes.DATE,
            _("Next court date"),
            "hub_NextCourtDate",
            _("Where a date is set, and only there."),
        ),
        Asked(
            "note",
            Takes.TEXT,
            _("What else do the agencies need to know? (optional)"),
            "hub_OffenceNote",
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
        Asked(
            "source_kind", Takes.CHOICE, _("How do you know?"), "", missing=_("Choose how you know"), terms=KNOWN_TERMS
        ),
    ),
    note=_(
        "It stands beside the offence as the word of your agency, of today; the offence’s record stays as it was "
        "written, and what other agencies say stands too. Whether a defence applies is not decided here."
    ),
    form="offence_answer",
)
