"""What agencies say on keeping a case, for tests: each word planned and sent as the command does it."""

from __future__ import annotations

from datetime import timedelta

from adapters.retaining import Saying, plan_confirmation, plan_erasure, plan_hold, plan_term, retention_of
from adapters.store.rows import own_fragments
from keys.statements import Statement
from policies.retention import ErasureReason, HoldAct, HoldBasis, Retention, Scope
from tests.scene import Party

RULE = "agency-schedule"


def say(party: Party, saying: Saying) -> Statement:
    """Send one word."""
    return party.book.send(saying.kind, saying.members)


def own(party: Party, case: str) -> list[str]:
    """The ids of an agency's own fragments in a case."""
    with party.store.write() as session:
        return sorted(row.fragment for row in own_fragments(session, case))


def plan(party: Party, case: str, scope: Scope = Scope.FRAGMENTS, fragments: list[str] | None = None) -> Saying:
    """An agency's word that something be erased."""
    listed = own(party, case) if fragments is None and scope is Scope.FRAGMENTS else fragments or []
    verified = party.book.load(case)
    with party.store.write() as session:
        return plan_erasure(
            session,
            verified,
            party.book.agency,
            scope,
            listed,
            rule=RULE,
            reason=ErasureReason.SHARED_IN_ERROR,
            at=party.clock(),
        )


def erase_own(party: Party, case: str) -> list[str]:
    """Have an agency's own fragments erased; return their ids."""
    listed = own(party, case)
    say(party, plan(party, case, fragments=listed))
    return listed


def state(party: Party, case: str) -> Retention:
    """What was said, as an agency has it."""
    party.follower.sync_cases()
    return retention_of(party.book.load(case))


def confirm(party: Party, case: str, digest: str) -> Statement:
    """Agree to the erasure of a whole case."""
    return say(
        party, plan_confirmation(party.book.load(case), party.book.agency, state(party, case), digest, party.clock())
    )


def erase_case(lead: Party, second: Party, case: str, scope: Scope) -> None:
    """Have a whole case erased: the lead asks, another agency agrees."""
    asked = say(lead, plan(lead, case, scope))
    confirm(second, case, asked.digest)


def set_term(lead: Party, case: str, *, content: int = 30, record: int = 60) -> Statement:
    """The lead's dates, so many days from now."""
    at = lead.clock().replace(microsecond=0)
    return say(
        lead,
        plan_term(
            lead.book.load(case),
            lead.book.agency,
            closed_at=at,
            content_until=at + timedelta(days=content),
            record_until=at + timedelta(days=record),
            rule=RULE,
            at=at,
        ),
    )


def hold(
    party: Party,
    case: str,
    act: HoldAct,
    label: str,
    *,
    named: str | None = None,
    days: int = 30,
) -> Statement:
    """One word on a hold, decided by one of the agency's people."""
    known = state(party, case)
    return say(
        party,
        plan_hold(
            party.book.load(case),
            party.book.agency,
            known,
            act,
            basis=HoldBasis.COURT_PROCEEDINGS,
            named=named,
            days=days,
            decided_by=party.people[label],
            at=party.clock(),
        ),
    )
