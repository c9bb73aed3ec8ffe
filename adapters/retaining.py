"""What this agency says on keeping a case: the lead's dates, erasures, a second agency's word, legal holds. Planned
first, in plain words; then signed with the agency's key. docs/retention.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.erasures import NOT_UNDONE, say_what
from adapters.naming import find_named
from adapters.store.database import Session
from adapters.store.erasing_rows import own_places
from adapters.store.rows import raise_alarm
from keys.erasures import word_of
from keys.statements import StatementType
from policies.model import Malformed, render_time
from policies.retention import (
    NOTICE,
    ErasureReason,
    Hold,
    HoldAct,
    HoldBasis,
    Retention,
    RetentionWord,
    Scope,
    Wanted,
    read_retention,
    take_word,
)

_NOT_SIGNED = "0" * 64


@dataclass(frozen=True, slots=True)
class Saying:
    """One statement, to be signed with the agency's key. ``summary`` is what it will do, a sentence a line."""

    kind: StatementType
    members: Mapping[str, Any]
    summary: tuple[str, ...]


def retention_of(case: VerifiedCase) -> Retention:
    """Return what a verified case's statements come to on keeping it."""
    return read_retention(map(word_of, case.retention))


def plan_term(
    case: VerifiedCase,
    agency: str,
    *,
    closed_at: datetime,
    content_until: datetime,
    record_until: datetime,
    rule: str,
    at: datetime,
) -> Saying:
    """Return the lead's word on by when the hub erases a case. Raises ``CaseRefused``."""
    if case.standing.effective.lead != agency:
        raise CaseRefused("the agency that leads the case sets by when it is erased")
    members = {
        "case": case.case,
        "closed_at": render_time(closed_at),
        "content_until": render_time(content_until),
        "record_until": render_time(record_until),
        "rule": rule,
    }
    _try(Retention(), agency, members, at)
    summary = (
        f"On {content_until:%Y-%m-%d} the hub erases every sealed record of the case; on {record_until:%Y-%m-%d} what "
        "it recorded of the case as well.",
        f"Every agency of the case is told now, {NOTICE.days} days before at the latest, and may place a legal hold.",
        NOT_UNDONE,
    )
    return Saying(StatementType.RETENTION, members, summary)


def plan_erasure(
    session: Session,
    case: VerifiedCase,
    agency: str,
    scope: Scope,
    fragments: Sequence[str],
    *,
    rule: str,
    reason: ErasureReason,
    at: datetime,
) -> Saying:
    """Return this agency's word that its own fragments, or as the lead a whole case, be erased.

    Raises ``CaseRefused`` for a fragment that is not one of ours that the hub has taken.
    """
    if scope is not Scope.FRAGMENTS and case.standing.effective.lead != agency:
        raise CaseRefused("a whole case is erased at the word of the agency that leads it, and of another one")
    places = own_places(session, case.case)
    unknown = [item for item in fragments if item not in places]
    if unknown:
        raise CaseRefused(f"fragment {unknown[0][:8]}: expected one of ours that the hub has taken and not erased")
    listed = [
        {"fragment": item, "sha256": places[item][0], "index": places[item][1]} for item in sorted(set(fragments))
    ]
    members = {"case": case.case, "scope": scope.value, "rule": rule, "reason": reason.value, "fragments": listed}
    _try(Retention(), agency, members, at)
    if scope is Scope.FRAGMENTS:
        what = f"The hub erases {say_what(scope, len(listed))} of this agency's at once, with every key it holds to it."
    else:
        what = f"Once another agency has agreed, the hub erases the case ({scope.value})."
    asked = "Other agencies' adapters delete what they had pulled, where their own rule does not keep it."
    return Saying(StatementType.ERASURE, members, (what, asked, NOT_UNDONE))


def plan_confirmation(case: VerifiedCase, agency: str, state: Retention, named: str, at: datetime) -> Saying:
    """Return this agency's agreement to the erasure of a whole case. Raises ``CaseRefused``."""
    found = find_named(state.wanted, named, lambda item: item.digest, "one digest; see: retention show")
    members = {"case": case.case, "erasure": found.digest}
    _try(state, agency, members, at)
    summary = (f"The hub erases the case ({found.scope.value}) at once, at the word of {found.agency} and ours.",)
    return Saying(StatementType.ERASURE_CONFIRMATION, members, (*summary, NOT_UNDONE))


def plan_hold(
    case: VerifiedCase,
    agency: str,
    state: Retention,
    act: HoldAct,
    *,
    basis: HoldBasis | None,
    named: str | None,
    days: int,
    decided_by: str,
    at: datetime,
) -> Saying:
    """Return this agency's word on a legal hold: place one, renew or lift its own. Raises ``CaseRefused``."""
    held = None if act is HoldAct.PLACE else _find_hold(state, agency, named)
    chosen = basis if held is None else held.basis
    if chosen is None:
        raise CaseRefused("a hold is placed with its basis")
    until = None if act is HoldAct.LIFT else render_time((at + timedelta(days=days)).replace(microsecond=0))
    members = {
        "case": case.case,
        "hold": os.urandom(16).hex() if held is None else held.hold,
        "act": act.value,
        "basis": chosen.value,
        "until": until,
        "decided_by": decided_by,
    }
    _try(state, agency, members, at)
    if until is None:
        return Saying(
            StatementType.HOLD, members, ("The hold ends; what is due is erased when it is next looked for.",)
        )
    summary = (
        f"Nothing of the case is erased at the hub until {until}, by whomever, unless it is lifted before.",
        "It ends by itself; renewing it is its review, and another person decides that.",
    )
    return Saying(StatementType.HOLD, members, summary)


def _find_hold(state: Retention, agency: str, named: str | None) -> Hold:
    ours = [item for item in state.holds if item.agency == agency]
    return find_named(ours, named or "", lambda item: item.hold, "a hold of ours; see: retention show")


def _try(state: Retention, agency: str, members: Mapping[str, Any], at: datetime) -> None:
    try:
        take_word(state, RetentionWord(_NOT_SIGNED, agency, at.replace(microsecond=0), members))
    except Malformed as error:
        raise CaseRefused(str(error)) from error


def describe(state: Retention, at: datetime) -> list[str]:
    """Return in plain lines how long a case is kept, what is asked for, and what forbids it. Ids and codes only."""
    lines = []
    if state.term is None:
        lines.append("no date is set: the hub keeps it until somebody who may has it erased")
    else:
        term = state.term
        lines.append(
            f"content until {render_time(term.content_until)}, record until {render_time(term.record_until)}, set by "
            f"{term.agency} under rule {term.rule}"
        )
    for hold in state.holds:
        standing = "binds" if hold.binds(at) else "over"
        lines.append(
            f"legal hold {hold.hold[:12]} of {hold.agency} ({hold.basis.value}) until {render_time(hold.until)}: "
            f"{standing}"
        )
    lines += [_describe_wanted(item) for item in state.wanted]
    return lines


def _describe_wanted(item: Wanted) -> str:
    what = say_what(item.scope, len(item.fragments))
    end = "" if item.scope is Scope.FRAGMENTS else "; waits for another agency"
    end = f"; agreed by {item.confirmed_by}" if item.confirmed_by else end
    return f"{item.digest[:12]} {item.agency} asked that {what} be erased: {item.reason.value}, rule {item.rule}{end}"


def warn_terms(session: Session, case: str, state: Retention, at: datetime) -> None:
    """Keep an alarm for each date, again where it comes near, where somebody waits for a second word, for each hold."""
    now = render_time(at)
    if state.term is not None:
        term = state.term
        text = (
            f"case {case[:8]}: {term.agency} set that the hub erases its content on {term.content_until:%Y-%m-%d} and "
            f"its record on {term.record_until:%Y-%m-%d}"
        )
        raise_alarm(session, "erasure_set", text, now, is_lasting=True)
    if state.term is not None and state.term.content_until - at <= NOTICE:
        text = f"case {case[:8]}: the hub erases its content on {state.term.content_until:%Y-%m-%d}"
        raise_alarm(session, "erasure_due", text, now, is_lasting=True)
    for item in state.wanted:
        if item.scope is not Scope.FRAGMENTS and item.confirmed_by is None:
            text = f"case {case[:8]}: {item.agency} asked that the whole case be erased ({item.digest[:12]})"
            raise_alarm(session, "erasure_asked", text, now, is_lasting=True)
    for hold in state.holds:
        text = f"case {case[:8]}: legal hold {hold.hold[:12]} of {hold.agency} until {render_time(hold.until)}"
        raise_alarm(session, "hold", text, now, is_lasting=True)
