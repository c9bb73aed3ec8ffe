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

from hub.auth.caller import Caller
from hub.exchange.acts import CaseAct, Receipt, lock_case, outcomes, record_caseless
from hub.exchange.batch import parse_stored_header
from hub.exchange.cases import require_fresh
from hub.exchange.confirmed import require_confirmed
from hub.exchange.disowned import disowned_disclosures
from hub.exchange.emergencies import release_rows, review_rows
from hub.exchange.erasing import require_content
from hub.exchange.exclusions import break_glass_rows, exclusion_rows
from hub.exchange.retention import retention_tokens
from hub.exchange.standing import load_case_state
from hub.refusal import Refused, not_found
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.placing import is_placed
from hub.store.tables import CaseRow, ChannelRow, DisclosureRow, FragmentRow, GrantRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused, b64u
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.bundles import Bundle
from policies.engine import decide
from policies.membership import Said
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
from policies.presence import present_since
from policies.vocabulary import Effect, MembershipState, Purpose, Stage

MAX_PULL_AGE = timedelta(minutes=5)
BEFORE_ANY_REVOCATION = -1
"""Below every position that a revocation can name, the first of the log included."""


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
    """A pull or retrieval that is refused but must leave an entry: the caller records it in its own transaction.

    ``act`` says which of the two. ``case`` is None where there is no such case, or not for this agency: both leave the
    same entry. ``answer`` is "not found" unless it says something of the key only.
    """

    def __init__(
        self,
        case: str | None,
        agency: str,
        member: str | None,
        digest: str,
        code: str,
        answer: Refused | None = None,
        *,
        act: str = "pull",
    ) -> None:
        super().__init__(code)
        self.act = act
        self.case, self.agency, self.member, self.digest, self.code = case, agency, member, digest, code
        self.answer = answer or not_found()


def pull(
    session: Session, directory: Directory, bundle: Bundle, *, case: str, caller: Caller, token: object, at: datetime
) -> Pulled:
    """Decide, record and collect one pull. Raises ``Refused``, or ``Denied`` for somebody who is not a member now.

    The same statement again is the same act: it is decided again and answered, without a second entry.
    """
    # 1. Who asks, proven by the person's own key; the agency brings it, with its word that the person is there.
    statement, purpose = _verify_pull(directory, token, caller.agency, at)
    if statement.members["member"] != caller.member:
        raise Refused(403, "token", "the access token is not of the person (or, for the intake, the agency) who signed")
    if statement.members["case"] != case:
        raise Refused(422, "case", "the statement names another case")
    named = statement.members["member"]
    # 2. The case's order: from here on nothing can change under us.
    try:
        act = lock_case(session, case, caller.agency, at)
    except Refused as error:
        raise Denied(None, caller.agency, named, statement.digest, error.code) from error
    _require_live_key(directory, statement, at)
    require_confirmed(session)
    try:
        require_content(session, case)
    except Refused as error:
        raise Denied(case, caller.agency, named, statement.digest, error.code, error) from error
    state = load_case_state(session, case, at)
    recipient = Recipient(statement.issuer, None if named is None else MemberId(named))
    _require_member(state, recipient, statement, at)
    # 3. Decide again for each grant.
    readable = directory.readable_keys(_reading_use(recipient.member), caller.agency, at, member=recipient.member)
    channels = [
        row for row in rows.channels_to(session, case, caller.agency, recipient.member) if row.recipient in readable
    ]
    chain = list(rows.chains_of(session, [row.channel for row in channels]))
    since = _in_since(session, case, recipient)
    # Who was out of the case and is back is somebody new: what was disclosed to them before is not theirs (attack 86).
    counted = {row.digest for row in chain if row.log_index > since}
    disowned = disowned_disclosures(directory, channels, chain)
    served = _decide_grants(session, channels, counted, disowned, state, bundle, recipient, purpose, at)
    # 4. Record, then answer.
    receipt = _repeated(act, statement, served) or _record(act, statement, served, bundle)
    return Pulled(receipt, describe_case(session, act.row), channels, chain, served)


def _verify_pull(directory: Directory, token: object, caller: str, at: datetime) -> tuple[Statement, Purpose]:
    try:
        # A person signs with their own key; an agency's own key signs for its intake (member null).
        use = _signing_use(peek(token).members.get("member"))
        # A revoked key is refused once it is known whose it was: the attempt must leave an entry (attack 22).
        statement = directory.verify(token, StatementType.PULL, use, at, log_index=BEFORE_ANY_REVOCATION)
        if statement.members["member"] is not None:
            require_id(statement.members["member"], "member")
        purpose = require_term(Purpose, statement.members["purpose"], "purpose")
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    if statement.issuer != caller:
        raise Refused(403, "issuer", "a pull is brought by the agency of the person who signed it")
    require_fresh(statement.issued_at, at, MAX_PULL_AGE)
    return statement, purpose


def _require_live_key(directory: Directory, statement: Statement, at: datetime) -> None:
    named = statement.members["member"]
    try:
        directory.require_key(statement.kid, _signing_use(named), statement.issuer, at, member=named)
    except NotCertified as error:
        answer = Refused(403, "key_revoked", str(error))
        case = statement.members["case"]
        raise Denied(case, statement.issuer, named, statement.digest, "key_revoked", answer) from error


def _signing_use(member: object) -> KeyUse:
    return KeyUse.SIGNING if member is None else KeyUse.MEMBER_SIGNING


def _reading_use(member: object) -> KeyUse:
    return KeyUse.INTAKE if member is None else KeyUse.MEMBER_HPKE


def _require_member(state: CaseState, recipient: Recipient, statement: Statement, at: datetime) -> None:
    if recipient.member is None:
        return  # the agency's intake: lock_case has seen that the agency takes part
    listed = state.membership.find_member(recipient.agency, recipient.member)
    if listed is not None and (recipient.agency, recipient.member) in state.accepted and at < listed.until:
        return
    standing = MembershipState.NOT_A_MEMBER if listed is None or at < listed.until else MembershipState.ENDED
    raise Denied(state.membership.case, recipient.agency, recipient.member, statement.digest, standing.value)


def _in_since(session: Session, case: str, recipient: Recipient) -> int:
    """Return the log position of the membership with which a recipient's unbroken time in a case began."""

    def said(kind: StatementType) -> tuple[list[int], list[Said]]:
        found = [(row, peek(row.statement)) for row in rows.case_statements(session, case, kind.value)]
        return [row.log_index for row, _ in found], [Said(row.digest, it.issuer, it.members) for row, it in found]

    positions, memberships = said(StatementType.MEMBERSHIP)
    _, departures = said(StatementType.DEPARTURE)
    number = present_since(memberships, departures).get((recipient.agency, recipient.member))
    if number is None:
        raise not_found()
    return positions[number]


def _decide_grants(
    session: Session,
    channels: list[ChannelRow],
    counted: set[str],
    disowned: frozenset[str],
    state: CaseState,
    bundle: Bundle,
    recipient: Recipient,
    purpose: Purpose,
    at: datetime,
) -> list[Served]:
    enabled = bundle.enabled(at.date())
    served: dict[str, Served] = {}
    granted = rows.grants_of(session, [row.channel for row in channels])
    # What nobody believes is still shown, for the reader to name it; it takes the place of nothing that is believed.
    for grant, fragment in sorted(granted, key=lambda pair: pair[0].disclosure not in disowned):
        if grant.disclosure not in counted:
            continue
        basis = Basis.from_json(json.loads(grant.basis))
        if basis.purpose is not purpose:
            continue  # granted for another purpose: not part of what this pull asks for
        try:
            header = parse_stored_header(fragment.protected)
            facts = facts_for(header, recipient, basis, state, stage=Stage.PULL, at=at, enabled=enabled)
            decision = decide(bundle, facts)
        except Malformed:
            # Its originator takes part no more: there is no question to ask, and no rule that permits.
            decision = Decision(Effect.REFUSE, ("membership-active",))
        # Where a fragment was disclosed again for the same purpose, the newest disclosure counts.
        served[fragment.fragment] = Served(grant, fragment, decision)
    return list(served.values())


def _listed(served: list[Served]) -> dict[str, Any]:
    return {
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
    }


def _repeated(act: CaseAct, statement: Statement, served: list[Served]) -> Receipt | None:
    """Return the receipt of this very pull if it was answered before, an answer having been lost. Raises ``Refused``.

    What it was answered with then must be what it is answered with now: the entry says what was shown.
    """
    entry = rows.find_answered(act.session, act.row.case, "viewed", statement.digest)
    if entry is None or entry.body is None:
        return None
    body = json.loads(entry.body)
    if {name: body[name] for name in ("fragments", "refused")} != _listed(served):
        raise Refused(409, "pull_repeated", "this pull was answered before, and otherwise than now; sign a new one")
    return Receipt(entry.position, entry.body, entry.salt)


def _record(act: CaseAct, statement: Statement, served: list[Served], bundle: Bundle) -> Receipt:
    return act.record(
        "viewed",
        {
            "agency": statement.issuer,
            "member": statement.members["member"],
            "purpose": statement.members["purpose"],
            "statement": statement.digest,
            **_listed(served),
            "decision": outcomes((item.decision for item in served), bundle.digest),
        },
    )


def record_denied(session: Session, denied: Denied, at: datetime) -> Receipt:
    """Record a pull or retrieval that was answered as "not found"."""
    members: dict[str, Any] = {
        "agency": denied.agency,
        "member": denied.member,
        "act": denied.act,
        "statement": denied.digest,
        "code": denied.code,
        "rules": [],
        "lines": None,
    }
    if denied.case is None:
        return record_caseless(session, "denied", members, at)
    return lock_case(session, denied.case, denied.agency, at).record("denied", members)


def describe_case(session: Session, row: CaseRow, *, only_placed: bool = False) -> dict[str, Any]:
    """Return a case's statements as received, in the case's order: those that its people are shown.

    ``only_placed`` leaves out those whose entries wait for their position: nobody could find them in the log.
    """
    case = row.case

    def tokens(kind: StatementType) -> list[str]:
        found = rows.case_statements(session, case, kind.value)
        return [item.statement for item in found if not only_placed or is_placed(item.log_index)]

    return {
        "membership": tokens(StatementType.MEMBERSHIP),
        "acceptances": tokens(StatementType.ACCEPTANCE),
        "endorsements": tokens(StatementType.ENDORSEMENT),
        "departures": tokens(StatementType.DEPARTURE),
        "consents": tokens(StatementType.CONSENT),
        "refusals": tokens(StatementType.REFUSAL),
        "opened_at": row.opened_at,
    }


def describe_to_agency(session: Session, row: CaseRow) -> dict[str, Any]:
    """The same for an agency's adapter, with what no person's pull brings: what people signed, and retention."""
    said = describe_case(session, row, only_placed=True)
    lists = {
        "exclusions": exclusion_rows,
        "break_glass": break_glass_rows,
        "emergencies": release_rows,
        "emergency_reviews": review_rows,
    }
    for name, find in lists.items():
        said[name] = [item.statement for item in find(session, row.case) if is_placed(item.log_index)]
    return {**said, "retention": retention_tokens(session, row.case)}


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
