"""Decide once more on what waits in the outbox: between a release and a push a consent may have been withdrawn, or the
recipient's key revoked.

A line that has left before is sent again as it is: only the hub's answer says what became of it, and it decides itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.cases import VerifiedCase
from adapters.picture.speech import lazy_gettext
from adapters.store.database import Session
from adapters.store.tables import OutboxRow, OwnFragmentRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.statements import peek
from keys.uses import KeyUse
from policies.engine import Bundle, decide
from policies.model import Basis, Decision, Header, Malformed, MemberId, Recipient, facts_for, require_agency
from policies.vocabulary import Effect, Stage, VoidCode


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a disclosure does not leave: a public code, words for a person, and the fragment and rules where they say."""

    code: VoidCode
    detail: str
    fragment: str | None = None
    rules: tuple[str, ...] = ()

    def to_problem(self) -> dict[str, Any]:
        """Return it as the hub would have said it (RFC 9457)."""
        problem: dict[str, Any] = {"type": f"urn:nrmhub:problem:{self.code.value}", "detail": self.detail}
        if self.fragment is not None:
            problem |= {"fragment": self.fragment, "rules": list(self.rules)}
        return problem


def decide_again(
    session: Session, row: OutboxRow, case: VerifiedCase, directory: Directory, bundle: Bundle, at: datetime
) -> Stopped | None:
    """Return why a pending disclosure may not leave under the newest known case and directory, or None where it may."""
    said = peek(json.loads(row.line)["statement"]).members
    if said["membership"] != case.state.membership_digest:
        return Stopped(
            VoidCode.STALE_MEMBERSHIP, lazy_gettext("the case's membership has changed since; release again under it")
        )
    if said["bundle"] != bundle.digest:
        return Stopped(
            VoidCode.STALE_BUNDLE, lazy_gettext("another policy bundle is active since; release again under it")
        )
    bases = [Basis.from_json(item) for item in said["bases"]]
    named = [basis.consent for basis in bases if basis.consent is not None]
    if not all(map(case.state.consent.is_in_force, named)):
        return Stopped(
            VoidCode.STALE_CONSENT, lazy_gettext("it rests on a consent that is not the newest any more; release again")
        )
    member = None if said["recipient_member"] is None else MemberId(said["recipient_member"])
    recipient = Recipient(require_agency(said["recipient_agency"]), member)
    try:
        # The hub refuses it too, but who stole the key may have a friend there.
        use = KeyUse.INTAKE if member is None else KeyUse.MEMBER_HPKE
        directory.require_key(said["recipient"], use, recipient.agency, at, member=member)
    except NotCertified as error:
        return Stopped(
            VoidCode.RECIPIENT_KEY, lazy_gettext("%(why)s; release again to their newest key", why=str(error))
        )
    for item in said["items"]:
        fragment = session.get(OwnFragmentRow, item["fragment"])
        if fragment is None:
            return Stopped(
                VoidCode.FRAGMENT, lazy_gettext("a fragment that it lists was not taken by the hub; release again")
            )
        if fragment.disowned_from is not None:
            detail = lazy_gettext(
                "a fragment that it lists was signed with a key that was dated back; release its draft again"
            )
            return Stopped(VoidCode.FRAGMENT, detail, item["fragment"])
        header = Header.from_json(json.loads(fragment.header))
        decision = _decide(header, recipient, bases[item["basis"]], case, bundle, at)
        if not decision.is_permit:
            detail = lazy_gettext("the policy does not permit this disclosure any more; it did not leave")
            return Stopped(VoidCode.POLICY, detail, item["fragment"], decision.rules)
    return None


def _decide(
    header: Header, recipient: Recipient, basis: Basis, case: VerifiedCase, bundle: Bundle, at: datetime
) -> Decision:
    enabled = bundle.enabled(at.date())
    try:
        facts = facts_for(header, recipient, basis, case.state, stage=Stage.PUSH, at=at, enabled=enabled)
    except Malformed:
        # The recipient's agency is no agency of the case any more.
        return Decision(Effect.REFUSE, ("membership-active",))
    return decide(bundle, facts)


def void_code(problem: Mapping[str, Any]) -> VoidCode:
    """Return the public code with which the number of a disclosure is closed that ended in this problem."""
    try:
        return VoidCode(str(problem.get("type", "")).rpartition(":")[2])
    except ValueError:
        return VoidCode.UNKNOWN
