"""Pull: a member's signed request, a fresh decision for every grant, the ``viewed`` entry, then the bytes.

docs/protocol.md section 8.3. The entry is written before anything is answered; what is refused now is named with its
rules, so that a shorter case is never mistaken for a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.exchange.acts import CaseAct, Receipt, lock_case, outcomes
from hub.exchange.cases import require_fresh
from hub.exchange.pushing import header_of
from hub.exchange.standing import load_case_state
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CaseRow, ChannelRow, DisclosureRow, FragmentRow, GrantRow
from keys.directory import Directory, KeyUse, NotCertified
from keys.jose import SignatureRefused, b64u
from keys.statements import Statement, StatementType, peek
from policies.bundles import Bundle
from policies.engine import decide
from policies.model import (
    Basis,
    CaseState,
    Decision,
    Malformed,
    MemberId,
    Recipient,
    facts_for,
    require_id,
    require_term,
)
from policies.vocabulary import MembershipState, Purpose, Stage

MAX_PULL_AGE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Served:
    """One granted fragment with the decision on it now."""

    grant: GrantRow
    fragment: FragmentRow
    decision: Decision


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull gives: recorded already, to be rendered line by line."""

    receipt: Receipt
    case: dict[str, Any]
    channels: list[ChannelRow]
    chain: list[DisclosureRow]
    served: list[Served]


class Denied(Exception):
    """A pull that is answered as "not found" but must leave an entry: the caller records it in its own transaction."""

    def __init__(self, case: str, agency: str, member: str, digest: str, code: str) -> None:
        super().__init__(code)
        self.case, self.agency, self.member, self.digest, self.code = case, agency, member, digest, code


def pull(
    session: Session, directory: Directory, bundle: Bundle, *, case: str, caller: str, token: object, at: datetime
) -> Pulled:
    """Decide, record and collect one pull. Raises ``Refused``, or ``Denied`` for somebody who is not a member now."""
    # 1. Who asks, proven by the person's own key; the agency brings it.
    statement = _verify_pull(directory, token, caller, at)
    if statement.members["case"] != case:
        raise Refused(422, "case", "the statement names another case")
    purpose = require_term(Purpose, statement.members["purpose"], "purpose")
    # 2. The case's order: from here on nothing can change under us.
    act = lock_case(session, case, caller, at)
    state = load_case_state(session, case)
    named = statement.members["member"]
    recipient = Recipient(statement.issuer, None if named is None else MemberId(named))
    _require_member(state, recipient, statement, at)
    # 3. Decide again for each grant.
    channels = list(rows.channels_to(session, case, caller, recipient.member))
    served = _decide_grants(session, channels, state, bundle, recipient, purpose, at)
    # 4. Record, then answer.
    receipt = _record(act, statement, served, bundle)
    chain = list(rows.chains_of(session, [row.channel for row in channels]))
    return Pulled(receipt, describe_case(session, act.row), channels, chain, served)


def _verify_pull(directory: Directory, token: object, caller: str, at: datetime) -> Statement:
    try:
        # A person signs with their own key; an agency's own key signs for its intake (member null).
        use = KeyUse.SIGNING if peek(token).members.get("member") is None else KeyUse.MEMBER_SIGNING
        statement = directory.verify(token, StatementType.PULL, use, at)
        if statement.members["member"] is not None:
            require_id(statement.members["member"], "member")
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    if statement.issuer != caller:
        raise Refused(403, "issuer", "a pull is brought by the agency of the person who signed it")
    require_fresh(statement.issued_at, at, MAX_PULL_AGE)
    return statement


def _require_member(state: CaseState, recipient: Recipient, statement: Statement, at: datetime) -> None:
    if recipient.member is None:
        return  # the agency's intake: lock_case has seen that the agency takes part
    listed = state.membership.find_member(recipient.agency, recipient.member)
    if listed is not None and (recipient.agency, recipient.member) in state.accepted and at < listed.until:
        return
    standing = MembershipState.NOT_A_MEMBER if listed is None or at < listed.until else MembershipState.ENDED
    raise Denied(state.membership.case, recipient.agency, recipient.member, statement.digest, standing.value)


def _decide_grants(
    session: Session,
    channels: list[ChannelRow],
    state: CaseState,
    bundle: Bundle,
    recipient: Recipient,
    purpose: Purpose,
    at: datetime,
) -> list[Served]:
    enabled = bundle.enabled_gateways(at.date())
    served: dict[str, Served] = {}
    for grant, fragment in rows.grants_of(session, [row.channel for row in channels]):
        basis = Basis.from_json(json.loads(grant.basis))
        if basis.purpose is not purpose:
            continue  # granted for another purpose: not part of what this pull asks for
        facts = facts_for(
            header_of(fragment), recipient, basis, state, stage=Stage.PULL, at=at, enabled_gateways=enabled
        )
        # Where a fragment was disclosed again for the same purpose, the newest disclosure counts.
        served[fragment.fragment] = Served(grant, fragment, decide(bundle, facts))
    return list(served.values())


def _record(act: CaseAct, statement: Statement, served: list[Served], bundle: Bundle) -> Receipt:
    return act.record(
        "viewed",
        {
            "agency": statement.issuer,
            "member": statement.members["member"],
            "purpose": statement.members["purpose"],
            "statement": statement.digest,
            "fragments": [
                {"fragment": item.fragment.fragment, "sha256": item.fragment.digest}
                for item in served
                if item.decision.is_permit
            ],
            "refused": [
                {"fragment": item.fragment.fragment, "rules": list(item.decision.rules)}
                for item in served
                if not item.decision.is_permit
            ],
            "decision": outcomes((item.decision for item in served), bundle.digest),
        },
    )


def record_denied(session: Session, denied: Denied, at: datetime) -> Receipt:
    """Record a pull that was answered as "not found"."""
    act = lock_case(session, denied.case, denied.agency, at)
    return act.record(
        "denied",
        {
            "agency": denied.agency,
            "member": denied.member,
            "act": "pull",
            "statement": denied.digest,
            "code": denied.code,
            "rules": [],
        },
    )


def describe_case(session: Session, row: CaseRow) -> dict[str, Any]:
    """Return a case's statements as received, in the case's order."""
    case = row.case

    def tokens(kind: StatementType) -> list[str]:
        return [item.statement for item in rows.case_statements(session, case, kind.value)]

    return {
        "membership": tokens(StatementType.MEMBERSHIP),
        "acceptances": tokens(StatementType.ACCEPTANCE),
        "consents": tokens(StatementType.CONSENT),
        "refusals": tokens(StatementType.REFUSAL),
        "opened_at": row.opened_at,
    }


def render_lines(pulled: Pulled, receipts: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the lines after the ``viewed`` and ``checkpoint`` lines, the end line last.

    ``receipts`` are those of the fragments' own entries, by log position.
    """
    yield {"type": "case", **pulled.case}
    for channel in pulled.channels:
        yield {"type": "channel", "jwe": json.loads(channel.jwe), "statement": channel.statement}
    for row in pulled.chain:
        kind = "void" if row.type == StatementType.VOID.value else "disclosure"
        yield {"type": kind, "statement": row.statement}
    given = refused = 0
    for item in pulled.served:
        fragment = item.fragment
        if item.decision.is_permit:
            given += 1
            yield {
                "type": "fragment",
                "jwe": {
                    "protected": fragment.protected,
                    "iv": fragment.iv,
                    "ciphertext": b64u(fragment.ciphertext),
                    "tag": fragment.tag,
                },
                "jws": fragment.jws,
                "grant": {"channel": item.grant.channel, "encrypted_key": item.grant.encrypted_key},
                "receipt": receipts[fragment.log_index],
            }
        else:
            refused += 1
            yield {
                "type": "refused",
                "fragment": fragment.fragment,
                "sha256": fragment.digest,
                "rules": list(item.decision.rules),
                "missing": list(item.decision.missing),
            }
    counts = {
        "fragment": given,
        "refused": refused,
        "channel": len(pulled.channels),
        "disclosure": len(pulled.chain),
    }
    yield {"type": "end", "counts": counts}
