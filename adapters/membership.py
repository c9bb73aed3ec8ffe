"""Changes of who takes part in a case, made ready to sign: each says in plain words what it will do before it is sent.

DESIGN section 4.2, docs/adr/0009-membership-endorsement.md. The hub, and every other adapter, holds each of them
against the same rules (``policies.membership``); here they are refused before anything leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.refusal import CaseRefused
from keys.statements import StatementType
from policies.membership import Standing, makes_adult, require_successor, widens
from policies.model import AgencyId, CaseId, Malformed, Member, Membership
from policies.vocabulary import AgencyKind, AgePath, AgeSource, CaseStage

STAGES: Mapping[CaseStage, str] = {
    CaseStage.BEFORE_REFERRAL: "The referral is being prepared; nothing is shared for the panel yet.",
    CaseStage.REFERRED: "Papers for the referral are still shared; the panel is given what it reviews.",
    CaseStage.DECIDED: "Nothing is shared for the referral any more; a reconsideration can be asked for.",
    CaseStage.CLOSED: "Nothing is shared for the referral, the panel or a reconsideration; what protects goes on.",
}
"""What a stage means for what is shared, as the agreement that is shipped says it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One statement to be signed. ``summary`` is what it will do, a sentence a line, names of people left out."""

    kind: StatementType
    members: Mapping[str, Any]
    summary: tuple[str, ...]
    is_wider: bool
    """Whether somebody can get more by it: only then a fresh quorum is needed."""
    given: tuple[Member, ...] = ()
    """Entries that give somebody more than before: their agency must have certified them."""
    invited: tuple[tuple[AgencyId, AgencyKind], ...] = ()
    """Agencies that are new to the list: they must be enrolled as what they are listed as."""
    ends_here: bool = False
    """Whether the case ends for this agency with it."""


def opening(
    case: str,
    lead: str,
    agencies: Sequence[tuple[str, AgencyKind]],
    members: Sequence[Member],
    age_path: AgePath,
    stage: CaseStage,
) -> Membership:
    """Return a new case's first list, of agencies in their order. ``stage``: how far it has come elsewhere already."""
    return Membership(
        case=CaseId(case),
        sequence=0,
        previous=None,
        lead=AgencyId(lead),
        age_path=age_path,
        age_source=AgeSource.STATED,
        case_stage=stage,
        agencies=tuple((AgencyId(agency), kind) for agency, kind in agencies),
        members=_sorted(members),
    )


def plan_members(standing: Standing, agency: str, members: Sequence[Member]) -> Change:
    """Return the change to a whole new list of people; the agencies stay. Raises ``CaseRefused``.

    A hand-over that still waits is taken back by it.
    """
    _require_lead(standing, agency)
    base = standing.remaining
    new = _following(standing, members=_sorted(members))
    given = tuple(item for item in members if widens(item, base.find_member(item.agency, item.member)))
    stay = {(item.agency, item.member) for item in members}
    gone = [item for item in base.members if (item.agency, item.member) not in stay]
    summary = (
        *_people("is listed, or given more", given),
        *_people("is taken out at once", gone),
        *_taken_back(standing),
    )
    return _listing(standing, agency, new, summary or ("Nobody is given more and nobody is taken out.",), given=given)


def plan_addition(
    standing: Standing,
    agency: str,
    invited: Sequence[tuple[AgencyId, AgencyKind]],
    members: Sequence[Member],
) -> Change:
    """Return the change that adds agencies, perhaps with people of theirs. Raises ``CaseRefused``."""
    _require_lead(standing, agency)
    base = standing.remaining
    known = {name for name, _ in base.agencies}
    if not invited or any(name in known for name, _ in invited):
        raise CaseRefused("expected agencies that the case does not list yet")
    names = {name for name, _ in invited}
    if any(item.agency not in names for item in members):
        raise CaseRefused("the people listed with an addition are of the agencies added; others: case members")
    new = _following(
        standing,
        agencies=tuple(sorted((*base.agencies, *invited))),
        members=_sorted((*base.members, *members)),
    )
    summary = (
        *(f"{name} ({kind.value}) is invited to the case." for name, kind in invited),
        *_people("is listed; counts once their own agency has accepted", members),
        *_taken_back(standing),
        _who_endorses_addition(standing),
    )
    return _listing(standing, agency, new, summary, given=tuple(members), invited=tuple(invited))


def _who_endorses_addition(standing: Standing) -> str:
    others = _others(standing)
    if not others:
        return "It counts at once: nobody but this agency has taken part in the case until now."
    return f"It counts once one of {', '.join(others)} has endorsed it (case endorse); until then nothing reaches them."


def plan_hand_over(standing: Standing, agency: str, successor: AgencyId) -> Change:
    """Return the change that hands the lead to another agency of the case. Raises ``CaseRefused``."""
    _require_lead(standing, agency)
    if successor == agency:
        raise CaseRefused("this agency leads the case already")
    new = _following(standing, lead=successor)
    others = [name for name in _others(standing) if name != successor]
    second = f" and one of {', '.join(others)}" if others else ""
    summary = (
        f"The lead is to pass from {agency} to {successor}. Nothing else changes.",
        f"It counts once {successor}{second} have endorsed it (case endorse); until then {agency} leads."
        if second
        else f"It counts once {successor} has endorsed it (case endorse); until then {agency} leads.",
        *(f"{name} still waits to be endorsed: whoever endorses this brings it in." for name, _ in standing.waiting),
    )
    return _listing(standing, agency, new, summary, is_wider=True)


def plan_age_path(standing: Standing, agency: str, path: AgePath, source: AgeSource) -> Change:
    """Return the change of the age path, and of what it rests on. Raises ``CaseRefused``."""
    _require_lead(standing, agency)
    old = standing.remaining.age_path
    if path is old:
        raise CaseRefused(f"the case follows the path {old.value} already")
    new = _following(standing, age_path=path, age_source=source)
    summary = [f"The case is to follow the path {path.value} instead of {old.value}, on: {source.value}."]
    if makes_adult(standing.effective.age_path, path):
        others = _others(standing)
        if others:
            summary.append(
                f"It counts once one of {', '.join(others)} has endorsed it (case endorse); "
                "until then it stays a child's."
            )
        summary.append("From then on the referral, the panel and a reconsideration need the adult's own consent,")
        summary.append(
            "asked anew: to referral, to support and to help an investigation, each by itself (case consent)."
        )
        summary.append("What was shared for them without it is refused at every later pull; what protects goes on.")
    else:
        summary.append("From then on no duty waits for consent, and an adult's consent carries no referral.")
    summary.append("A draft of the referral is made anew: no answer given on the other path is kept.")
    return _listing(standing, agency, new, (*summary, *_taken_back(standing)), is_wider=True)


def plan_stage(standing: Standing, agency: str, stage: CaseStage) -> Change:
    """Return the change of how far the case has come in the NRM. Raises ``CaseRefused``."""
    _require_lead(standing, agency)
    old = standing.remaining.case_stage
    if stage is old:
        raise CaseRefused(f"the case is {old.value} already")
    new = _following(standing, case_stage=stage)
    summary = (f"The case is to be {stage.value} instead of {old.value}. {STAGES[stage]}", *_taken_back(standing))
    return _listing(standing, agency, new, summary, is_wider=True)


def plan_endorsement(standing: Standing, agency: str, expected: str | None = None) -> Change:
    """Return this agency's endorsement of the newest membership. Raises ``CaseRefused``.

    ``expected`` is the beginning of the digest of the list that somebody has looked at: another one is not endorsed.
    """
    if expected is not None and (len(expected) < 8 or not standing.digest.startswith(expected)):
        raise CaseRefused(f"the newest membership is {standing.digest[:12]}, not the one you looked at; look again")
    if agency == standing.effective.lead:
        raise CaseRefused("the lead agency's list is endorsed by another agency of the case")
    if agency not in standing.may_endorse:
        raise CaseRefused("nothing in the newest membership waits for this agency's endorsement")
    lead, successor = standing.effective.lead, standing.successor
    summary = [f"Membership list number {standing.listed.sequence} ({standing.digest[:12]}), signed by {lead}:"]
    summary += [f"{name} ({kind.value}) is brought into the case." for name, kind in standing.waiting]
    if standing.is_age_waiting:
        path, source = standing.listed.age_path.value, standing.listed.age_source.value
        summary.append(
            f"The child's case becomes an adult's ({path}), on: {source}. Endorse it only if you know that too."
        )
    brought = {name for name, _ in standing.waiting}
    summary += _people(
        "is listed; counts once their own agency has accepted",
        [item for item in standing.remaining.members if item.agency in brought],
    )
    if successor == agency:
        summary.append(f"This agency takes over the lead from {lead}, as far as others have endorsed it too.")
    elif successor is not None:
        summary.append(f"The lead passes from {lead} to {successor}, as soon as {successor} has endorsed it too.")
    return Change(
        StatementType.ENDORSEMENT,
        {"case": standing.listed.case, "membership": standing.digest},
        tuple(summary),
        is_wider=True,
    )


def plan_departure(standing: Standing, agency: str, people: Sequence[str] | None) -> Change:
    """Return the departure of this agency (None), or of people of it. Nobody is asked. Raises ``CaseRefused``."""
    if people is None:
        if agency == standing.effective.lead:
            raise CaseRefused("the lead agency hands over the lead before it leaves")
        summary: tuple[str, ...] = (
            f"{agency} leaves the case with all of its people, at once.",
            "What was pulled here is deleted. What this agency shared is given to nobody any more by the hub.",
            "What others have read, printed or written down cannot be called back.",
        )
    else:
        listed = [standing.effective.find_member(agency, member) for member in people]
        if not listed or None in listed:
            raise CaseRefused("expected people of this agency whom the case lists")
        summary = tuple(_people("is taken out at once", [item for item in listed if item is not None]))
    return Change(
        StatementType.DEPARTURE,
        {
            "case": standing.listed.case,
            "membership": standing.digest,
            "members": None if people is None else sorted(set(people)),
        },
        summary,
        is_wider=False,
        ends_here=people is None,
    )


def _require_lead(standing: Standing, agency: str) -> None:
    if standing.effective.lead != agency:
        raise CaseRefused(f"only the lead agency {standing.effective.lead} changes the membership")


def _following(standing: Standing, **changed: Any) -> Membership:
    """Return what follows the newest membership; without a change, the same without who has left."""
    return replace(standing.remaining, sequence=standing.listed.sequence + 1, previous=standing.digest, **changed)


def _listing(
    standing: Standing,
    agency: str,
    new: Membership,
    summary: tuple[str, ...],
    *,
    given: tuple[Member, ...] = (),
    invited: tuple[tuple[AgencyId, AgencyKind], ...] = (),
    is_wider: bool = False,
) -> Change:
    try:
        require_successor(new, agency, standing)
    except Malformed as error:
        raise CaseRefused(str(error)) from error
    wider = is_wider or bool(given or invited)
    return Change(StatementType.MEMBERSHIP, new.to_json(), summary, wider, given, invited)


def _others(standing: Standing) -> list[str]:
    return [name for name, _ in standing.effective.agencies if name != standing.effective.lead]


def _taken_back(standing: Standing) -> list[str]:
    if standing.successor is None:
        return []
    return [f"The hand-over to {standing.successor}, which does not count yet, is taken back."]


def _people(what: str, members: Iterable[Member]) -> list[str]:
    return [
        f"{item.agency} {item.member[:8]} ({', '.join(role.value for role in item.roles)}) {what}." for item in members
    ]


def _sorted(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda item: (item.agency, item.member)))
