"""Where a child stays or stayed, and under which order: built as ``authored`` builds.

For agencies whose systems export nothing. A later record of the same stay names the earlier one (``follows``); that one
stays as it was written. Where a child is placed is never decided by age or cost alone (nrm.md 4), so neither is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from adapters.picture.speech import lazy_gettext as _
from adapters.release.writing import (
    MAX_REQUEST_CHARS,
    Author,
    AuthoredRefused,
    Fields,
    SourceKind,
    given,
    is_to_come,
    put_flag,
    put_follows,
    put_line,
    put_not_before,
    render_content,
    require_part_date,
    require_text,
    require_time_of_day,
    require_written_term,
)
from adapters.sources.draft import Value
from policies.vocabulary import Category

LEGAL_STATUS_SCHEME = "ssda903-ls"
"""The codes of legal status of the looked-after children return (formats.md 6.2)."""


class PlaceKind(StrEnum):
    """With whom, or in what, a child stays."""

    PARENTS = "with_parents"
    RELATIVES = "with_relatives_or_friends"
    FOSTER_CARE = "foster_care"
    CHILDRENS_HOME = "childrens_home"
    SPECIALIST = "specialist_placement"
    SUPPORTED = "supported_accommodation"
    HOTEL = "hotel_or_hostel"
    HOSPITAL = "hospital"
    SECURE = "secure_home_or_custody"
    OTHER = "another_place"


class LegalStatus(StrEnum):
    """Under which power or order; the ones that protect a child, or under which a child is looked after."""

    POLICE_PROTECTION = "police_protection"
    EMERGENCY_PROTECTION_ORDER = "emergency_protection_order"
    CHILD_ASSESSMENT_ORDER = "child_assessment_order"
    ACCOMMODATED = "accommodated_under_section_20"
    INTERIM_CARE_ORDER = "interim_care_order"
    CARE_ORDER = "full_care_order"
    REMAND = "on_remand"


CODES: Mapping[LegalStatus, str] = {
    LegalStatus.POLICE_PROTECTION: "L1",
    LegalStatus.EMERGENCY_PROTECTION_ORDER: "L2",
    LegalStatus.CHILD_ASSESSMENT_ORDER: "L3",
    LegalStatus.ACCOMMODATED: "V2",
    LegalStatus.INTERIM_CARE_ORDER: "C1",
    LegalStatus.CARE_ORDER: "C2",
    LegalStatus.REMAND: "J1",
}


def placement(
    by: Author,
    *,
    placed_on: str,
    place_kind: PlaceKind,
    account: str,
    source_kind: SourceKind,
    placed_at: str | None = None,
    placed_until: str | None = None,
    town: str | None = None,
    provider: str | None = None,
    legal_status: LegalStatus | None = None,
    child_asked: bool | None = None,
    derived_from: Sequence[str] = (),
    follows: str | None = None,
) -> dict[str, Any]:
    """Where a child stays: since when, until when, with whom, in which town, under which order, whether it is safe.

    ``placed_on`` and ``placed_until`` are ISO dates, months or years: only as precise as they are known; ``placed_at``
    (``14:30``, by UK clocks) needs a whole day. Without ``placed_until`` the child stays there still. ``follows`` is
    the fragment of an earlier record of the same stay. Raises ``AuthoredRefused``.
    """
    first = require_part_date("placed_on", placed_on, by)[0]
    kind = require_written_term("place_kind", PlaceKind, place_kind)
    fields: Fields = {
        "hub_PlacedOn": given("hub_PlacedOn", placed_on),
        "hub_PlaceKind": given("hub_PlaceKind", kind.value),
        "hub_PlacementAccount": given("hub_PlacementAccount", require_text("account", account, MAX_REQUEST_CHARS)),
    }
    since = placed_on
    if placed_at is not None:
        if first.isoformat() != placed_on:
            raise AuthoredRefused(_("expected a time only with a whole day"), "placed_at")
        if is_to_come(first, require_time_of_day("placed_at", placed_at), by):
            raise AuthoredRefused(_("expected a time that is over"), "placed_at")
        fields["hub_PlacedAt"] = given("hub_PlacedAt", placed_at)
        since = f"{placed_on}T{placed_at}"
    put_not_before(fields, "hub_PlacedUntil", placed_until, "placed_until", first, by)
    put_line(fields, "hub_PostTown", town, "town")
    put_line(fields, "hub_PlacementProvider", provider, "provider")
    status = None if legal_status is None else require_written_term("legal_status", LegalStatus, legal_status)
    if status is not None:
        fields["hub_LegalStatus"] = Value(
            status.value, "form:hub_LegalStatus", code=CODES[status], scheme=LEGAL_STATUS_SCHEME
        ).to_json()
    put_flag(fields, "hub_ChildAskedAboutPlace", child_asked, "child_asked")
    return render_content(
        Category.PLACEMENT,
        _summary(kind, status, town, provider, child_asked),
        fields,
        by,
        source_kind,
        observed_from=since,
        observed_to=placed_until,
        derived_from=[*derived_from, *put_follows(fields, follows)],
    )


def _summary(
    kind: PlaceKind, status: LegalStatus | None, town: str | None, provider: str | None, child_asked: bool | None
) -> str:
    parts = [kind.value.replace("_", " ").capitalize(), town, provider]
    if status is not None:
        parts.append(status.value.replace("_", " "))
    if child_asked is not None:
        parts.append("the child was asked" if child_asked else "the child was not asked")
    return ", ".join(part for part in parts if part)
