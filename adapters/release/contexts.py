"""A place, a group of peers or an online space around a child, and what was seen there: built as ``authored`` builds.

That one is named is no finding about it, nor about anybody in it (nrm.md 4 and 9). The picture lays it in the part of
"Places, peers and online" that its writer chose (``adapters.picture.context``).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from adapters.release.writing import (
    MAX_REQUEST_CHARS,
    Author,
    Fields,
    SourceKind,
    given,
    put_not_before,
    put_optional,
    render_content,
    require_line,
    require_part_date,
    require_text,
    require_written_term,
)
from policies.vocabulary import Category


class ContextSetting(StrEnum):
    """Of what kind it is: the three that the category holds (docs/vocabulary.md)."""

    PLACE = "place"
    PEERS = "peers"
    ONLINE = "online"


class SourceGrade(StrEnum):
    """How reliable the source is, in 3x5x2 (nrm.md 5.3)."""

    RELIABLE = "1"
    UNTESTED = "2"
    NOT_RELIABLE = "3"


class InfoGrade(StrEnum):
    """How far the information is known, in 3x5x2 (nrm.md 5.3)."""

    KNOWN_DIRECTLY = "A"
    CORROBORATED = "B"
    KNOWN_INDIRECTLY = "C"
    NOT_KNOWN = "D"
    SUSPECTED_FALSE = "E"


SUMMARIES = {ContextSetting.PLACE: "Place", ContextSetting.PEERS: "Peers", ContextSetting.ONLINE: "Online"}


def context(
    by: Author,
    *,
    setting: ContextSetting,
    name: str,
    seen: str,
    seen_from: str,
    source_kind: SourceKind,
    seen_to: str | None = None,
    people: str | None = None,
    movement: str | None = None,
    source_grade: SourceGrade | None = None,
    info_grade: InfoGrade | None = None,
    derived_from: Sequence[str] = (),
) -> dict[str, Any]:
    """Where harm happens or may happen: what it is called, what was seen or said, when, and how that is known.

    ``seen_from`` and ``seen_to`` are ISO dates, months (``2026-05``) or years: only as precise as they are known.
    ``people`` says who else was there, ``movement`` how the child came there or was moved. The two grades stand apart
    and either may be missing. Raises ``AuthoredRefused``.
    """
    setting = require_written_term("setting", ContextSetting, setting)
    first, _last = require_part_date("seen_from", seen_from, by)
    fields: Fields = {
        "hub_ContextSetting": given("hub_ContextSetting", setting.value),
        "hub_ContextName": given("hub_ContextName", require_line("name", name)),
        "hub_ContextSeen": given("hub_ContextSeen", require_text("seen", seen, MAX_REQUEST_CHARS)),
        "hub_SeenFrom": given("hub_SeenFrom", seen_from),
    }
    put_not_before(fields, "hub_SeenTo", seen_to, "seen_to", first, by)
    put_optional(fields, "hub_ContextPeople", people, MAX_REQUEST_CHARS)
    put_optional(fields, "hub_Movement", movement, MAX_REQUEST_CHARS)
    put_grades(fields, source_grade, info_grade)
    return render_content(
        Category.CONTEXT,
        f"{SUMMARIES[setting]}: {require_line('name', name)}",
        fields,
        by,
        source_kind,
        observed_from=seen_from,
        observed_to=seen_to,
        derived_from=derived_from,
    )


def put_grades(fields: Fields, source_grade: SourceGrade | None, info_grade: InfoGrade | None) -> None:
    """Put how reliable the source is and how far the information is known, apart. Raises ``AuthoredRefused``."""
    if source_grade is not None:
        grade = require_written_term("source_grade", SourceGrade, source_grade)
        fields["hub_SourceGrade"] = given("hub_SourceGrade", grade.value)
    if info_grade is not None:
        known = require_written_term("info_grade", InfoGrade, info_grade)
        fields["hub_InfoGrade"] = given("hub_InfoGrade", known.value)
