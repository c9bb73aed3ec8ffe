"""Broken glass at an agency's adapter: told at once, counted by person, listed until reviewed; standing rules to grant.

The originator's standing rules name categories, none at first: of these the adapter grants to whoever broke the glass
what is theirs to open by the agreement, until it ends. Never what is marked. docs/break-glass.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.naming import find_named
from adapters.store.database import Session
from adapters.store.rows import raise_alarm, read_setting, write_setting
from keys.statements import StatementType
from policies.break_glass import (
    MAX_BREAK_GLASS,
    OFTEN_PER_DAY,
    OFTEN_PER_HOUR,
    BreakGlassReason,
    BrokenGlass,
    ReviewOutcome,
    may_review,
    take_broken,
)
from policies.exclusions import Person, Word, counts
from policies.model import Malformed, render_time
from policies.vocabulary import Category, Purpose

GIVEN_FOR = Purpose.SAFEGUARDING
"""The purpose for which a standing rule grants."""
MAX_MINUTES = int(MAX_BREAK_GLASS.total_seconds() // 60)
OFTEN = ((OFTEN_PER_HOUR, timedelta(hours=1), "hour"), (OFTEN_PER_DAY, timedelta(days=1), "day"))
_RULES = "break_glass_rules"


@dataclass(frozen=True, slots=True)
class GlassSaying:
    """One person's word, to be signed with their key. ``summary`` is what it will do, a sentence a line."""

    kind: StatementType
    members: Mapping[str, Any]
    summary: tuple[str, ...]


def plan_breaking(
    case: VerifiedCase, me: Person, reason: BreakGlassReason, *, minutes: int, reviewer: Person, at: datetime
) -> GlassSaying:
    """Return the word with which somebody breaks the glass. Raises ``CaseRefused``."""
    if not 1 <= minutes <= MAX_MINUTES:
        raise CaseRefused(f"minutes: expected 1 to {MAX_MINUTES}")
    until = (at + timedelta(minutes=minutes)).replace(microsecond=0)
    members = {
        **_common(case, me),
        "reason": reason.value,
        "until": render_time(until),
        "reviewer": {"agency": reviewer[0], "member": reviewer[1]},
    }
    _require(case, me, members, at)
    if not may_review(case.standing, reviewer, at):
        raise CaseRefused(
            "reviewer: expected an information governance officer, the lead professional or the chair of this case, "
            "of another agency"
        )
    summary = (
        f"Until {render_time(until)} you may open what the agreement gives to whoever broke the glass, of what was "
        "granted to you already, and what originators' standing rules then grant.",
        "Every agency of the case is told at once, by an alarm. Each opening is recorded with the rule.",
        f"{reviewer[0]} {reviewer[1][:8]} is to review it within a day; until then it is listed, afterwards an alarm.",
        "It makes no key, opens nothing that is marked, and ends by itself.",
    )
    return GlassSaying(StatementType.BREAK_GLASS, members, summary)


def plan_review(
    case: VerifiedCase, me: Person, broken: BrokenGlass, outcome: ReviewOutcome, *, at: datetime
) -> GlassSaying:
    """Return another agency's review. Raises ``CaseRefused``."""
    members = {**_common(case, me), "break_glass": broken.digest, "outcome": outcome.value}
    _require(case, me, members, at)
    if not may_review(case.standing, me, at):
        raise CaseRefused("it is reviewed by an officer, the lead professional or the chair of the case")
    ends = "" if outcome is ReviewOutcome.JUSTIFIED else " It ends with this, if it has not ended yet."
    summary = (f"Reviews what {_say_who(broken)} did at {render_time(broken.at)}: {outcome.value}.{ends}",)
    return GlassSaying(StatementType.BREAK_GLASS_REVIEW, members, summary)


def find_broken(case: VerifiedCase, named: str) -> BrokenGlass:
    """Return the one that the beginning of a digest names. Raises ``CaseRefused``."""
    return find_named(case.broken, named, lambda item: item.digest, "one digest; see: break-glass list")


def describe(broken: BrokenGlass, at: datetime) -> str:
    """Say in a plain line who broke the glass, when, why, and where its review stands. Ids only."""
    if broken.review is None:
        said = "not reviewed, for longer than a day" if broken.is_overdue(at) else "not reviewed yet"
    else:
        said = f"reviewed by {broken.review.reviewer[0]}: {broken.review.outcome.value}"
    now = "open" if broken.is_open(at) else "over"
    times = f"at {render_time(broken.at)} until {render_time(broken.until)} ({now})"
    return f"{broken.digest[:12]} {_say_who(broken)} {times}, because {broken.reason.value}; {said}"


def _say_who(broken: BrokenGlass) -> str:
    return f"{broken.person[0]} {broken.person[1][:8]}"


def _common(case: VerifiedCase, me: Person) -> dict[str, Any]:
    return {"case": case.case, "member": me[1], "membership": case.standing.digest}


def _require(case: VerifiedCase, me: Person, members: Mapping[str, Any], at: datetime) -> None:
    word = Word("0" * 64, me, at.replace(microsecond=0), members)
    if not counts(case.members.kept_out, word, case.standing):
        raise CaseRefused("expected a person of the case")
    try:
        take_broken(case.broken, word)
    except Malformed as error:
        raise CaseRefused(str(error)) from error


# --- told ---


def tell(session: Session, cases: Sequence[VerifiedCase], at: datetime) -> None:
    """Keep an alarm for each broken glass that is new, for one nobody reviewed within a day, and for too many.

    Asked at every look; each is said once. No names, no content.
    """
    now = render_time(at)
    by_person: dict[Person, list[datetime]] = {}
    for case in cases:
        for broken in case.broken:
            by_person.setdefault(broken.person, []).append(broken.at)
            text = f"case {case.case[:8]}: {broken.digest[:12]}, {_say_who(broken)} broke the glass until "
            text += f"{render_time(broken.until)}, because {broken.reason.value}"
            raise_alarm(session, "break_glass", text, now, is_lasting=True)
            if broken.is_overdue(at):
                late = f"case {case.case[:8]}: {broken.digest[:12]} of {_say_who(broken)} was not reviewed within a day"
                raise_alarm(session, "break_glass_unreviewed", late, now, is_lasting=True)
    for (agency, member), times in sorted(by_person.items()):
        for often, span, name in OFTEN:
            first = _often(sorted(times), often, span)
            if first is not None:
                text = f"{agency} {member[:8]} broke the glass {often} times or more within one {name}, on "
                raise_alarm(session, "break_glass_often", text + first.date().isoformat(), now, is_lasting=True)


def _often(times: Sequence[datetime], often: int, span: timedelta) -> datetime | None:
    """Return when the newest run of so many within a span began, None where there is none."""
    runs = [start for start, end in zip(times, times[often - 1 :], strict=False) if end - start <= span]
    return runs[-1] if runs else None


# --- standing rules ---


def read_rules(session: Session) -> frozenset[Category]:
    """Return the categories of which this agency grants to whoever broke the glass; none unless somebody set them."""
    return frozenset(Category(name) for name in read_setting(session, _RULES) or ())


def keep_rules(session: Session, categories: Iterable[Category]) -> None:
    """Set them in place of those before."""
    write_setting(session, _RULES, sorted(category.value for category in categories))
