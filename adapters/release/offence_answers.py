"""What was done about an offence in which a child stands as alleged offender: built as ``authored`` builds.

It follows the offence's record, which stays as it was written, and inherits its handling. It is a word of the agency
that writes it, of its day: nothing here decides whether a defence under section 45 of the Modern Slavery Act 2015
applies (nrm.md 2.4, 7). What is left out is not known to the writer; that somebody was not told is said.
"""

from __future__ import annotations

from datetime import date
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
    put_flag,
    put_follows,
    put_line,
    put_optional,
    render_content,
    require_day,
    require_part_date,
    require_written_term,
)
from policies.vocabulary import Category


class CourtStanding(StrEnum):
    """Whether there is a day in court to come."""

    DATE_SET = "date_set"
    NONE_SET = "none_set"
    OVER = "proceedings_over"


def offence_answer(
    by: Author,
    *,
    follows: str,
    source_kind: SourceKind,
    referral_considered: bool | None = None,
    considered_on: str | None = None,
    prosecutor_told: bool | None = None,
    prosecutor_told_on: str | None = None,
    prosecutor_told_by: str | None = None,
    defence_told: bool | None = None,
    defence_told_on: str | None = None,
    defence_told_by: str | None = None,
    court: CourtStanding | None = None,
    next_court_date: date | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """Whether a referral was considered, who told prosecutor and defence of the exploitation and when, the court date.

    At least one of the four is answered; a day or a person belongs to a yes. ``follows`` is the fragment of the
    offence. Days in the past are as precise as they are known. Raises ``AuthoredRefused``.
    """
    if not isinstance(follows, str):
        raise AuthoredRefused(_("expected the id of the offence's fragment"), "follows")
    if referral_considered is None and prosecutor_told is None and defence_told is None and court is None:
        raise AuthoredRefused(_("expected an answer to at least one of the four questions"), "offence")
    fields: Fields = {}
    _put_answer(
        fields, by, "hub_ReferralConsidered", "referral_considered", referral_considered, considered_on, "considered_on"
    )
    _put_answer(
        fields, by, "hub_ProsecutorTold", "prosecutor_told", prosecutor_told, prosecutor_told_on, "prosecutor_told_on"
    )
    _put_teller(fields, "hub_ProsecutorTold", "prosecutor_told", prosecutor_told, prosecutor_told_by)
    _put_answer(fields, by, "hub_DefenceTold", "defence_told", defence_told, defence_told_on, "defence_told_on")
    _put_teller(fields, "hub_DefenceTold", "defence_told", defence_told, defence_told_by)
    _put_court(fields, by, court, next_court_date)
    put_optional(fields, "hub_OffenceNote", note, MAX_REQUEST_CHARS)
    return render_content(
        Category.OFFENCE,
        "What was done about an offence",
        fields,
        by,
        source_kind,
        observed_from=by.day.isoformat(),
        derived_from=put_follows(fields, follows),
    )


def _put_answer(
    fields: Fields, by: Author, field: str, asked: str, said: bool | None, on: str | None, on_asked: str
) -> None:
    put_flag(fields, field, said, asked)
    if on is not None:
        if said is not True:
            raise AuthoredRefused(_("expected no day where it was not done"), on_asked)
        require_part_date(on_asked, on, by)
        fields[f"{field}On"] = given(f"{field}On", on)


def _put_teller(fields: Fields, field: str, asked: str, said: bool | None, by_whom: str | None) -> None:
    if by_whom is not None and said is not True:
        raise AuthoredRefused(_("expected nobody where it was not done"), f"{asked}_by")
    put_line(fields, f"{field}By", by_whom, f"{asked}_by")


def _put_court(fields: Fields, by: Author, court: CourtStanding | None, day: date | None) -> None:
    if court is not None:
        stands = require_written_term("court", CourtStanding, court)
        fields["hub_CourtStanding"] = given("hub_CourtStanding", stands.value)
    if (day is not None) != (court == CourtStanding.DATE_SET):
        raise AuthoredRefused(_("expected a day with date_set, and only there"), "next_court_date")
    if day is not None:
        fields["hub_NextCourtDate"] = given(
            "hub_NextCourtDate", require_day("next_court_date", day, by, may_be_future=True)
        )
