"""The forms for a journey or a move of a child, and for a time in which the child was missing. Data only."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS
from adapters.workspace.written_context import GRADES
from adapters.workspace.written_terms import INTERVIEW_TERMS, KNOWN_TERMS, Asked, Takes, WrittenKind
from adapters.workspace.written_work import FOLLOWS, QUOTED
from policies.vocabulary import Category

HOW_KNOWN = Asked(
    "source_kind", Takes.CHOICE, _("How do you know?"), "", missing=_("Choose how you know"), terms=KNOWN_TERMS
)

MOVEMENT = WrittenKind(
    Category.MOVEMENT,
    _("Record a journey or a move"),
    _("Record a journey or a move"),
    _("When a child was taken, sent or driven somewhere, or travelled: across a street or a border."),
    (
        Asked(
            "moved_on",
            Takes.PART_DATE,
            _("When was it, or since when?"),
            "hub_MovedOn",
            _("Only as precisely as it is known: a day, a month and year, or the year alone."),
            _("Enter when it was; the year alone will do"),
        ),
        Asked(
            "moved_until",
            Takes.PART_DATE,
            _("Until when? (optional)"),
            "hub_MovedUntil",
            _("Only if it happened more than once or went on. Leave it empty for one journey."),
        ),
        Asked(
            "from_place",
            Takes.LINE,
            _("From where?"),
            "hub_MovedFrom",
            _("A house, a street, a station, a town. Give at least one of the two places."),
        ),
        Asked("to_place", Takes.LINE, _("To where?"), "hub_MovedTo"),
        Asked(
            "how",
            Takes.LINE,
            _("How? (optional)"),
            "hub_MovedHow",
            _("For example on foot, by car, taxi, bus, train, boat or lorry."),
        ),
        Asked(
            "account",
            Takes.TEXT,
            _("What was seen or said?"),
            "hub_MovementAccount",
            _("Keep apart what was seen, what was told and what you conclude."),
            _("Write what was seen or said"),
            MAX_REQUEST_CHARS,
        ),
        Asked(
            "with_whom",
            Takes.TEXT,
            _("Who was with the child? (optional)"),
            "hub_MovedWith",
            _("Another child may be exploited too, whatever they are said to have done."),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
        Asked(
            "arranged_by",
            Takes.TEXT,
            _("Who arranged it, or paid for it? (optional)"),
            "hub_MovedArrangedBy",
            _("A ticket, a taxi, a lift. What the child is said to owe for it may be how they are controlled."),
            limit=MAX_REQUEST_CHARS,
            rows=3,
        ),
        HOW_KNOWN,
        *GRADES,
        QUOTED,
    ),
    note=_(
        "Movement of any distance counts. In the picture it stands under “Places, peers and online”, in the chronology "
        "and beside the act; it is no finding. Write what was done to the child, not what they chose."
    ),
)
MISSING = WrittenKind(
    Category.MISSING_EPISODE,
    _("Record that the child is or was missing"),
    _("Record that the child is or was missing"),
    _("When the child is missing now, has come back, or was offered a return interview."),
    (
        FOLLOWS,
        Asked(
            "missing_from",
            Takes.PART_DATE,
            _("Since when was the child missing?"),
            "hub_MissingFrom",
            _("Only as precisely as it is known: a day, a month and year, or the year alone."),
            _("Enter since when; the year alone will do"),
        ),
        Asked(
            "from_place",
            Takes.LINE,
            _("From where? (optional)"),
            "hub_MissingFromPlace",
            _("For example home, a placement or school."),
        ),
        Asked(
            "reported_on",
            Takes.PART_DATE,
            _("When was it reported? (optional)"),
            "hub_MissingReportedOn",
            _("To the police. If nobody reported it, say so under what is known."),
        ),
        Asked(
            "found_on",
            Takes.PART_DATE,
            _("When did the child come back, or was found?"),
            "hub_MissingFoundOn",
            _("Leave it empty while the child is missing. If you do not know whether they are back, say so below."),
        ),
        Asked(
            "return_interview",
            Takes.CHOICE,
            _("Return interview, once the child is back (optional)"),
            "hub_ReturnInterview",
            _("Offered within 72 hours, by somebody independent. It needs the day on which the child came back."),
            terms=INTERVIEW_TERMS,
        ),
        Asked(
            "interview_on",
            Takes.DATE,
            _("Day on which it was offered or held (optional)"),
            "hub_ReturnInterviewOn",
            _("Only where it was offered or held."),
        ),
        Asked(
            "account",
            Takes.TEXT,
            _("What is known of it?"),
            "hub_MissingAccount",
            _(
                "Where the child was and with whom, how they came back, what they said. Keep apart what was seen, what "
                "was told and what you conclude."
            ),
            _("Write what is known of it"),
            MAX_REQUEST_CHARS,
        ),
        HOW_KNOWN,
        QUOTED,
    ),
    note=_(
        "A child in immediate danger: call 999 first. A missing child may have been taken or made to go: write what "
        "was done to them, not what they chose."
    ),
)
