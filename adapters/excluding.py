"""Keep somebody out of a case for a conflict of interest: what two people say of it, made ready to sign.

Each change says in plain words what it will do before it is sent, and is refused here before anything leaves. The words
(who, and why) are a sealed fragment to the people who are named for it; docs/adr/0016-exclusions.md.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.naming import find_named
from adapters.picture.view import OpenedFragment
from adapters.release.authored import SourceKind, statement_detail
from adapters.release.writing import Author
from keys.statements import StatementType
from policies.exclusions import (
    EXCLUDING_ROLES,
    MAX_EXCLUSION,
    MAX_PROPOSAL_AGE,
    Exclusion,
    ExclusionAct,
    Exclusions,
    Person,
    Proposal,
    Word,
    require_signer,
    take_word,
)
from policies.model import Handling, Malformed, render_time
from policies.vocabulary import HandlingCode, HandlingInstruction

MAX_DAYS = MAX_EXCLUSION.days
ENDS_SOON = timedelta(days=7)
"""So long before its end an exclusion is named as one that somebody new has to look at."""
SEALED = Handling(HandlingCode.C, (HandlingInstruction.CONSULT_ORIGINATOR, HandlingInstruction.NO_ONWARD))
"""How the words are marked: they reach nobody by themselves, and go no further."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One person's word, to be signed with their key. ``summary`` is what it will do, a sentence a line."""

    kind: StatementType
    members: Mapping[str, Any]
    summary: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """An exclusion whose words a person may open: what stands, what waits for a second word, and the words."""

    exclusion: str
    held: Exclusion | None
    waiting: tuple[Proposal, ...]
    words: str


def words_of_exclusion(by: Author, words: str, *, excluded: Person, same_as: str | None = None) -> dict[str, Any]:
    """Return the content of the sealed fragment: whom it concerns and why. Raises ``AuthoredRefused``."""
    also = "" if same_as is None else f" This is the same person as in exclusion {same_as}."
    text = f"{excluded[0]} {excluded[1]}.{also}\n{words}"
    content = statement_detail(by, statement_kind="exclusion", words=text, source_kind=SourceKind.RECORD)
    return {**content, "handling": SEALED.to_json()}


def require_leads(case: VerifiedCase, leads: Collection[str], me: Person, excluded: Person) -> frozenset[str]:
    """Return whom the words are sealed to, whoever writes them included. Raises ``CaseRefused``."""
    fit = {
        item.member
        for item in case.state.membership.members
        if (item.agency, item.member) in case.state.accepted and not EXCLUDING_ROLES.isdisjoint(item.roles)
    } - {excluded[1]}
    unfit = sorted(set(leads) - fit)
    if unfit or not set(leads) - {me[1]}:
        named = ", ".join(name[:8] for name in unfit) or "nobody named"
        raise CaseRefused(
            "lead: expected the ids of people of this case, others than yourself, who may be given the words behind a "
            f"statement, and not the person concerned; not so: {named}"
        )
    return frozenset({*leads, me[1]})


def plan_add(
    case: VerifiedCase, me: Person, excluded: Person, *, days: int, at: datetime, detail: Mapping[str, str] | None
) -> Saying:
    """Return the first word for keeping somebody out. Raises ``CaseRefused``."""
    exclusion = os.urandom(16).hex()
    until = _until(days, at)
    summary = (
        f"{excluded[0]} {excluded[1][:8]} is to be kept out of case {case.case[:8]} until {render_time(until)}.",
        "Nothing happens until a second person has confirmed it, within 72 hours: exclusions confirm.",
        "From then on at once: no key of theirs is wrapped to, no grant is served to them, what they had pulled is "
        "deleted by their agency's adapter, they vote no more, and the case is not in the console for them.",
        "They are answered as somebody whom the case never named. What they have read or printed stays read.",
        "It ends by itself unless two people renew it, one of whom has not signed for it before.",
    )
    return _propose(case, me, (ExclusionAct.ADD, exclusion, excluded), until, detail, at, summary)


def plan_renewal(
    case: VerifiedCase, me: Person, held: Exclusion, *, days: int, at: datetime, detail: Mapping[str, str] | None
) -> Saying:
    """Return the first word for keeping somebody out for longer. Raises ``CaseRefused``."""
    until = _until(days, at)
    summary = (
        f"Exclusion {held.exclusion[:8]} is to last until {render_time(until)} instead of {render_time(held.until)}.",
        "A second person confirms it; one of the two must not have signed for it before.",
    )
    return _propose(case, me, (ExclusionAct.RENEW, held.exclusion, held.excluded), until, detail, at, summary)


def plan_lifting(case: VerifiedCase, me: Person, held: Exclusion, *, at: datetime) -> Saying:
    """Return the first word for ending an exclusion. Raises ``CaseRefused``."""
    summary = (
        f"Exclusion {held.exclusion[:8]} is to end as soon as a second person has confirmed it.",
        "Whoever is in the case then has again what policy gives them; of what came meanwhile what is marked waits for "
        "its originator.",
    )
    return _propose(case, me, (ExclusionAct.LIFT, held.exclusion, held.excluded), None, None, at, summary)


def plan_confirmation(case: VerifiedCase, me: Person, said: Proposal, words: str | None, *, at: datetime) -> Saying:
    """Return the second person's word. Raises ``CaseRefused``."""
    end = "" if said.until is None else f", until {render_time(said.until)}"
    summary = (
        f"Confirms {said.act.value} of exclusion {said.exclusion[:8]}: {said.excluded[0]} {said.excluded[1][:8]}{end}.",
        f"First said by {said.signer[0]} {said.signer[1][:8]} at {render_time(said.issued_at)}.",
        "It counts at once.",
        "Its words: they were not sent; ask whoever signed." if words is None else f"Its words: {words}",
    )
    members = {**_common(case, me), "proposal": said.digest}
    _require(case, me, members, at)
    return Saying(StatementType.EXCLUSION_CONFIRMATION, members, summary)


def known_to(case: VerifiedCase, opened: Sequence[OpenedFragment], at: datetime) -> list[Known]:
    """Return the exclusions of a case whose words are among what a person has opened; of others nothing is said."""
    by_fragment = {(str(item.header.fragment), item.digest): item for item in opened}
    exclusions: Exclusions = case.members.kept_out
    found: dict[str, str] = {}
    for said in exclusions.proposals:
        item = None if said.detail is None else by_fragment.get((said.detail["fragment"], said.detail["sha256"]))
        if item is not None:
            found[said.exclusion] = _words_in(item)
    return [
        Known(
            name,
            exclusions.find(name),
            tuple(item for item in exclusions.proposals if item.exclusion == name and item.is_waiting(at)),
            words,
        )
        for name, words in found.items()
    ]


def find_known(known: Sequence[Known], named: str) -> Known:
    """Return the one exclusion that the beginning of an id names. Raises ``CaseRefused``: also for another's."""
    what = "one exclusion whose words you may open; see: exclusions list"
    return find_named(known, named, lambda item: item.exclusion, what)


def describe(known: Known, at: datetime) -> list[str]:
    """Say in plain lines how an exclusion stands and what its words are."""
    lines = [f"{known.exclusion} {_say_state(known.held, at)}"]
    lines += [
        f"  {item.digest[:12]} waits for a second person until {render_time(item.issued_at + MAX_PROPOSAL_AGE)}: "
        f"{item.act.value}, first said by {item.signer[0]} {item.signer[1][:8]}"
        for item in known.waiting
    ]
    return [*lines, *(f"  {line}" for line in known.words.splitlines())]


def _say_state(held: Exclusion | None, at: datetime) -> str:
    if held is None:
        return "does not count yet"
    if held.lifted_at is not None:
        return f"was lifted at {render_time(held.lifted_at)}"
    if not held.binds(at):
        return f"ended by itself at {render_time(held.until)}"
    soon = "; somebody new has to look at it before then, or it ends" if held.until - at <= ENDS_SOON else ""
    return f"keeps somebody out until {render_time(held.until)}{soon}"


def _words_in(item: OpenedFragment) -> str:
    value = item.content.get("fields", {}).get("hub_StatementWords", {})
    return str(value.get("value", "")) if isinstance(value, dict) else ""


def _until(days: int, at: datetime) -> datetime:
    if not 1 <= days <= MAX_DAYS:
        raise CaseRefused(f"days: expected 1 to {MAX_DAYS}")
    return (at + timedelta(days=days)).replace(microsecond=0)


def _propose(
    case: VerifiedCase,
    me: Person,
    what: tuple[ExclusionAct, str, Person],
    until: datetime | None,
    detail: Mapping[str, str] | None,
    at: datetime,
    summary: tuple[str, ...],
) -> Saying:
    act, exclusion, (agency, member) = what
    members = {
        **_common(case, me),
        "act": act.value,
        "exclusion": exclusion,
        "excluded": {"agency": agency, "member": member},
        "until": None if until is None else render_time(until),
        "detail": None if detail is None else dict(detail),
    }
    _require(case, me, members, at)
    return Saying(StatementType.EXCLUSION, members, summary)


def _common(case: VerifiedCase, me: Person) -> dict[str, Any]:
    return {"case": case.case, "member": me[1], "membership": case.standing.digest}


def _require(case: VerifiedCase, me: Person, members: Mapping[str, Any], at: datetime) -> None:
    """Raise ``CaseRefused`` for what no other adapter, and no hub, would take."""
    word = Word("0" * 64, me, at.replace(microsecond=0), members)
    try:
        require_signer(case.members.kept_out, word, case.standing)
        take_word(case.members.kept_out, word, case.standing)
    except Malformed as error:
        raise CaseRefused(str(error)) from error
