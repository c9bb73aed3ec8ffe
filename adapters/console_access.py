"""Let an information governance officer of this agency look in the hub's console, or end it: said, signed, proven.

The console is at the hub and shows who shared what with whom, no content. Who is let in stands in the log for every
agency to see, as an opaque member and the digest of an account (docs/console.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.following import LogRefused
from adapters.held_keys import KeyChangeRefused
from adapters.issued import remember_issued
from adapters.key_endings import newest_directory, proven
from adapters.runtime import Adapter
from adapters.working_keys import working_key
from keys.console_access import MAX_VALIDITY, require_officer, require_provider, subject_digest
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import render_time

CONSOLE_ACCESS = "console_access"
"""Type of the log's entry."""
_WELL_PAST = timedelta(days=1)
"""An end is dated so far back that no difference between the clocks here and at the hub makes it a beginning."""


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """One word on one account, not signed yet. ``summary`` is what will happen, a sentence a line."""

    member: str
    provider: str
    subject_sha256: str
    not_before: datetime
    not_after: datetime
    summary: tuple[str, ...]


def plan_access(adapter: Adapter, member: str, provider: str, subject: str, until: datetime) -> AccessPlan:
    """Plan to let somebody in until a time. Raises ``NotCertified``, ``Malformed`` or ``KeyChangeRefused``."""
    at, agency = _now(adapter), adapter.home.agency
    require_officer(newest_directory(adapter.follower).directory, agency, member, at)
    digest = subject_digest(provider, subject)
    if not at < until <= at + MAX_VALIDITY:
        raise KeyChangeRefused(f"until: expected a day after today and within {MAX_VALIDITY.days} days")
    return AccessPlan(
        member,
        provider,
        digest,
        at,
        until,
        (
            f"Whoever {provider} signs in as this account may look in the hub's console as member {member} of "
            f"{agency}, until {until:%Y-%m-%d}, with two factors only.",
            "They see who shared what kind of record with whom in the cases of this agency, under which rules. They "
            "see no content and no names. Each look at a case is recorded in it, for its agencies to see.",
            "Every agency can read in the log that this member is let in; the account stands there as a digest.",
            f"It ends at once with: nrm-adapter members console-access --member {member} --provider {provider} "
            "--subject-file FILE --end; or with the member's keys: nrm-adapter members remove.",
        ),
    )


def plan_end(adapter: Adapter, member: str, provider: str, subject: str) -> AccessPlan:
    """Plan to end what an account may do. Needs no certified person. Raises ``Malformed``."""
    at = _now(adapter)
    summary = (
        f"Ends what this account at {provider} may see in the hub's console as member {member}: wherever it is "
        "signed in there, its next request is refused.",
        "Their keys stay valid. To end those as well: nrm-adapter members remove.",
    )
    over = at - _WELL_PAST
    return AccessPlan(member, provider, subject_digest(provider, subject), over, over, summary)


def carry_out_access(adapter: Adapter, plan: AccessPlan) -> int:
    """Sign a plan and bring it to the hub; return the log position at which it is proven to stand.

    Raises ``HubRefused``, ``HubUnreachable`` or ``LogRefused``.
    """
    agency = adapter.home.agency
    token = make_statement(
        StatementType.CONSOLE_ACCESS,
        {
            "agency": agency,
            "member": plan.member,
            "provider": require_provider(plan.provider),
            "subject_sha256": plan.subject_sha256,
            "not_before": render_time(plan.not_before),
            "not_after": render_time(plan.not_after),
        },
        issuer=agency,
        signer=working_key(adapter.keys.keys, KeyUse.SIGNING),
        issued_at=_now(adapter),
        statement_id=os.urandom(16).hex(),
        checkpoint=adapter.follower.newest_reference(),
    )
    # Before it is sent: what stands in the log in our name and is not in this list is an alarm.
    remember_issued(adapter.home.folder, [token])
    answer: Any = adapter.client.post("/v1/console-access", {"statement": token})
    if not isinstance(answer, Mapping):
        raise LogRefused("receipt", "the hub accepted a console access without a receipt")
    position = proven(adapter.follower, answer).get((CONSOLE_ACCESS, token))
    if position is None:
        raise LogRefused("receipt", "the hub said yes and did not prove that it stands in the log; repeat the command")
    return position


def _now(adapter: Adapter) -> datetime:
    return adapter.clock().replace(microsecond=0)
