"""The form for where a child stays or stayed, and under which order. Data only, like ``written_kinds``."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from adapters.release.writing import MAX_REQUEST_CHARS
from adapters.workspace.written_movements import HOW_KNOWN
from adapters.workspace.written_terms import LEGAL_STATUS_TERMS, PLACE_KIND_TERMS, Asked, Takes, WrittenKind
from adapters.workspace.written_work import FOLLOWS, QUOTED
from policies.vocabulary import Category

PLACEMENT = WrittenKind(
    Category.PLACEMENT,
    _("Record where the child stays"),
    _("Record where the child stays"),
    _("When a child was placed or moved, a placement ended, or somebody used a power to protect them."),
    (
        FOLLOWS,
        Asked(
            "placed_on",
            Takes.PART_DATE,
            _("Since when?"),
            "hub_PlacedOn",
            _("Only as precisely as it is known: a day, a month and year, or the year alone."),
            _("Enter since when; the year alone will do"),
        ),
        Asked(
            "placed_at",
            Takes.LINE,
            _("At what time? (optional)"),
            "hub_PlacedAt",
            _("Such as 14:30. Police protection ends after 72 hours at most: give the time at which it began."),
        ),
        Asked(
            "placed_until",
            Takes.PART_DATE,
            _("Until when? (optional)"),
            "hub_PlacedUntil",
            _("Leave it empty while the child stays there."),
        ),
        Asked(
            "place_kind",
            Takes.CHOICE,
            _("With whom, or in what?"),
            "hub_PlaceKind",
            missing=_("Choose with whom or in what the child stays"),
            terms=PLACE_KIND_TERMS,
        ),
        Asked(
            "town",
            Takes.LINE,
            _("In which town or area? (optional)"),
            "hub_PostTown",
            _("No street is needed. Whoever exploited the child may be looking for them."),
        ),
        Asked(
            "provider",
            Takes.LINE,
            _("Who looks after the child there? (optional)"),
            "hub_PlacementProvider",
            _("A role or an organisation, no names."),
        ),
        Asked(
            "legal_status",
            Takes.CHOICE,
            _("Under which power or order? (optional)"),
            "hub_LegalStatus",
            _("Leave it open if there is none, or you do not know."),
            terms=LEGAL_STATUS_TERMS,
        ),
        Asked(
            "child_asked",
            Takes.YES_NO,
            _("Was the child asked about it?"),
            "hub_ChildAskedAboutPlace",
            _("Leave it open if you do not know. What they said belongs to their wishes and feelings."),
        ),
        Asked(
            "account",
            Takes.TEXT,
            _("Why there, and is the child safe there?"),
            "hub_PlacementAccount",
            _(
                "Who knows where it is, who could find or reach the child, how far from those who exploited them. "
                "Age or cost alone is never a reason."
            ),
            _("Write why there, and whether the child is safe"),
            MAX_REQUEST_CHARS,
        ),
        HOW_KNOWN,
        QUOTED,
    ),
    note=_(
        "It stands under “Immediate safety”. So do police protection, an emergency protection order and a child "
        "assessment order; the 72 hours of police protection are counted."
    ),
)
