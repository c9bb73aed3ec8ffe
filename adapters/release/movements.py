"""A journey or a move of a child, and a time in which the child was missing: built as ``authored`` builds.

How far is never asked: movement of any distance counts, across a street or a border (nrm.md 6.2). Neither record is a
finding that the child was trafficked, and neither says that the child chose it. A later record of the same missing
episode names the earlier one (``follows``); that one stays as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from adapters.picture.speech import lazy_gettext as _
from adapters.release.contexts import InfoGrade, SourceGrade, put_grades
from adapters.release.writing import (
    MAX_REQUEST_CHARS,
    Author,
    AuthoredRefused,
    Fields,
    SourceKind,
    given,
    put_follows,
    put_line,
    put_not_before,
    put_optional,
    render_content,
    require_day,
    require_line,
    require_part_date,
    require_text,
    require_written_term,
)
from policies.vocabulary import Category


class ReturnInterview(StrEnum):
    """Where the return interview stands that a child is offered within 72 hours of coming back (nrm.md 4.1)."""

    NOT_OFFERED = "not_offered_yet"
    OFFERED = "offered"
    HELD = "interview_held"
    DECLINED = "declined_by_child"


def movement(
    by: Author,
    *,
    moved_on: str,
    account: str,
    source_kind: SourceKind,
    from_place: str | None = None,
    to_place: str | None = None,
    moved_until: str | None = None,
    how: str | None = None,
    with_whom: str | None = None,
    arranged_by: str | None = None,
    source_grade: SourceGrade | None = None,
    info_grade: InfoGrade | None = None,
    derived_from: Sequence[str] = (),
) -> dict[str, Any]:
    """A journey or a move: from where, to where, when, how, with whom, who arranged or paid, how it is known.

    ``moved_on`` and ``moved_until`` are ISO dates, months or years: only as precise as they are known; the second
    is for what happened more than once or went on. At least one of the two places is given. Raises ``AuthoredRefused``.
    """
    if from_place is None and to_place is None:
        raise AuthoredRefused(_("expected at least one place"), "movement")
    first, _last = require_part_date("moved_on", moved_on, by)
    fields: Fields = {
        "hub_MovedOn": given("hub_MovedOn", moved_on),
        "hub_MovementAccount": given("hub_MovementAccount", require_text("account", account, MAX_REQUEST_CHARS)),
    }
    put_not_before(fields, "hub_MovedUntil", moved_until, "moved_until", first, by)
    put_line(fields, "hub_MovedFrom", from_place, "from_place")
    put_line(fields, "hub_MovedTo", to_place, "to_place")
    put_line(fields, "hub_MovedHow", how, "how")
    put_optional(fields, "hub_MovedWith", with_whom, MAX_REQUEST_CHARS)
    put_optional(fields, "hub_MovedArrangedBy", arranged_by, MAX_REQUEST_CHARS)
    put_grades(fields, source_grade, info_grade)
    ways = (("from", "from_place", from_place), ("to", "to_place", to_place), ("how", "how", how))
    said = "; ".join(f"{word}: {require_line(name, text)}" for word, name, text in ways if text is not None)
    return render_content(
        Category.MOVEMENT,
        f"Journey or move, {said}",
        fields,
        by,
        source_kind,
        observed_from=moved_on,
        observed_to=moved_until,
        derived_from=derived_from,
    )


def missing_episode(
    by: Author,
    *,
    missing_from: str,
    account: str,
    source_kind: SourceKind,
    from_place: str | None = None,
    reported_on: str | None = None,
    found_on: str | None = None,
    return_interview: ReturnInterview | None = None,
    interview_on: date | None = None,
    derived_from: Sequence[str] = (),
    follows: str | None = None,
) -> dict[str, Any]:
    """A time in which the child was missing: since when, reported when, found when, the interview, what is known.

    Without ``found_on`` the child is missing. ``return_interview`` needs it; ``interview_on`` is the day on which it
    was offered or held. ``follows`` is the fragment of an earlier record of the same time. Raises ``AuthoredRefused``.
    """
    first, _last = require_part_date("missing_from", missing_from, by)
    fields: Fields = {
        "hub_MissingFrom": given("hub_MissingFrom", missing_from),
        "hub_MissingAccount": given("hub_MissingAccount", require_text("account", account, MAX_REQUEST_CHARS)),
    }
    put_not_before(fields, "hub_MissingReportedOn", reported_on, "reported_on", first, by)
    put_not_before(fields, "hub_MissingFoundOn", found_on, "found_on", first, by)
    put_line(fields, "hub_MissingFromPlace", from_place, "from_place")
    if return_interview is not None:
        stands = require_written_term("return_interview", ReturnInterview, return_interview)
        if found_on is None:
            raise AuthoredRefused(_("a return interview needs the day on which the child was found"), "missing_episode")
        fields["hub_ReturnInterview"] = given("hub_ReturnInterview", stands.value)
    if interview_on is not None:
        if return_interview in (None, ReturnInterview.NOT_OFFERED):
            raise AuthoredRefused(_("the day of an interview needs that it was offered or held"), "missing_episode")
        fields["hub_ReturnInterviewOn"] = given("hub_ReturnInterviewOn", require_day("interview_on", interview_on, by))
    quoted = [*derived_from, *put_follows(fields, follows)]
    place = f"; from: {require_line('from_place', from_place)}" if from_place is not None else ""
    until = f"found {found_on}" if found_on is not None else "not found when this was written"
    return render_content(
        Category.MISSING_EPISODE,
        f"Missing since {missing_from}, {until}{_interview_words(return_interview, interview_on)}{place}",
        fields,
        by,
        source_kind,
        observed_from=missing_from,
        observed_to=found_on,
        derived_from=quoted,
    )


_INTERVIEWS = {
    ReturnInterview.NOT_OFFERED: "not offered yet",
    ReturnInterview.OFFERED: "offered",
    ReturnInterview.HELD: "held",
    ReturnInterview.DECLINED: "offered, and the child did not want it",
}


def _interview_words(stands: ReturnInterview | None, day: date | None) -> str:
    if stands is None:
        return ""
    return f"; return interview {_INTERVIEWS[stands]}{f', {day.isoformat()}' if day is not None else ''}"
