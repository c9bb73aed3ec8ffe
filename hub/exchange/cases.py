"""Open a case, change who takes part, record consent and refusals. Statements in, one entry each.

DESIGN section 4.2: only signed membership counts; a row the hub invents gets nothing. Who takes part is computed from
the statements alone (``policies.membership``): a list is in the chain at once, and what it adds counts when endorsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.exchange.acts import CaseAct, Receipt, hold_claimed_case, lock_case, require_case_id
from hub.exchange.confirmed import require_confirmed
from hub.exchange.erasing import require_content
from hub.exchange.room import require_room_for_statement
from hub.exchange.standing import load_consents, load_standing
from hub.refusal import Refused, not_found
from hub.store import exchange_rows as rows
from hub.store import pending_rows
from hub.store.base import Session
from hub.store.tables import CaseRow, CaseStatementRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused, statement_digest
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.case import follow, parse_consent, require_detail
from policies.consent import ends
from policies.membership import Standing, departing, require_opening, require_successor, widens
from policies.model import (
    Malformed,
    Member,
    Membership,
    render_time,
    require_agency,
    require_digest,
    require_id,
    require_number,
    require_term,
    term_list,
)
from policies.vocabulary import Category

MAX_CLOCK_SKEW = timedelta(minutes=5)
MAX_OUTBOX_AGE = timedelta(hours=24)
"""How long an adapter that lost its connection may keep a signed statement before it must decide again."""
ALWAYS = frozenset({StatementType.REFUSAL})
"""What gives nobody anything, though it takes room."""
REFUSAL_CODES = frozenset(
    {"policy", "not_relevant", "more_harm_than_good", "law_forbids", "not_held", "consent", "no_reason_given"}
)


def verify_from_agency(
    directory: Directory, token: object, kind: StatementType, caller: str, at: datetime
) -> Statement:
    """Verify a statement that the calling agency signed with its signing key. Raises ``Refused``."""
    try:
        statement = directory.verify(token, kind, KeyUse.SIGNING, at)
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    if statement.issuer != caller:
        raise Refused(403, "issuer", "a statement is brought by the agency that issued it")
    require_fresh(statement.issued_at, at, MAX_OUTBOX_AGE)
    return statement


def require_fresh(issued_at: datetime, at: datetime, max_age: timedelta) -> None:
    """Raise ``Refused`` where a statement is from the future, or older than ``max_age``, by the hub's clock."""
    if issued_at - at > MAX_CLOCK_SKEW or at - issued_at > max_age:
        raise Refused(
            422,
            "clock",
            f"issued at {render_time(issued_at)}, the hub's clock says {render_time(at)}; accepted are at most "
            f"{max_age} in the past and {MAX_CLOCK_SKEW} in the future",
        )


def lock_open_case(session: Session, case: str, agency: str, at: datetime) -> CaseAct:
    """Lock a case for an agency that brings something to it: its content is not erased, the witnesses have spoken.

    Raises ``Refused``.
    """
    act = lock_case(session, case, agency, at)
    require_content(session, case)
    require_confirmed(session)
    return act


def find_repeat(session: Session, token: object) -> CaseStatementRow | None:
    """Return the row of a statement that was accepted before with the same bytes, or None."""
    if not isinstance(token, str) or not token.isascii():
        return None
    return rows.find_statement(session, statement_digest(token))


def submit(session: Session, directory: Directory, caller: str, token: object, at: datetime) -> Receipt | int:
    """Accept one statement of a case by its type; return its receipt, or its log position if it was accepted before.

    Raises ``Refused``.
    """
    try:
        claimed = peek(token)
    except (SignatureRefused, Malformed) as error:
        raise Refused(422, "malformed", str(error)) from error
    handlers: dict[StatementType, Handler] = {
        StatementType.MEMBERSHIP: _membership,
        StatementType.ACCEPTANCE: _acceptance,
        StatementType.ENDORSEMENT: _endorsement,
        StatementType.DEPARTURE: _departure,
        StatementType.CONSENT: _consent,
        StatementType.REFUSAL: _refusal,
    }
    handler = handlers.get(claimed.type)
    if handler is None:
        raise Refused(422, "malformed", "this is not a statement that a case takes here")
    hold_claimed_case(session, claimed.members)
    repeat = find_repeat(session, token)
    if repeat is not None and repeat.agency == caller:
        return repeat.log_index
    statement = verify_from_agency(directory, token, claimed.type, caller, at)
    try:
        return handler(Submitted(session, directory, statement, at))
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error


@dataclass(frozen=True, slots=True)
class Submitted:
    """A verified statement on its way into a case."""

    session: Session
    directory: Directory
    statement: Statement
    at: datetime

    def lock(self, case: str) -> CaseAct:
        """Lock the case for the statement's issuer."""
        return lock_case(self.session, case, self.statement.issuer, self.at)

    def require_room(self, act: CaseAct, *, narrows: bool = False) -> None:
        """Raise ``Refused`` where the issuer has filled its part of the case, or what widens has to wait."""
        case, issuer = act.row.case, self.statement.issuer
        if not narrows and self.statement.type not in ALWAYS:
            require_confirmed(self.session)
        require_room_for_statement(self.session, self.directory, case, issuer, narrows=narrows)


Handler = Callable[[Submitted], Receipt]


def _membership(submitted: Submitted) -> Receipt:
    session, statement, at = submitted.session, submitted.statement, submitted.at
    new = Membership.from_json(statement.members)
    if new.sequence == 0:
        _require_opening(new, statement)
        _require_known(new, None, submitted.directory, at)
        require_confirmed(session)
        if rows.find_case(session, new.case) is not None:
            # The answer to any id that cannot be: it says neither that there is such a case, nor whose it is.
            raise Malformed("the case id is not acceptable")
        row = CaseRow(case=new.case, lead=new.lead, opened_at=render_time(at), case_seq=0, last_leaf=None)
        rows.add(session, row)
        act = CaseAct(session, row, at)
    else:
        act = submitted.lock(new.case)
        before = load_standing(session, new.case)
        if statement.issuer != before.effective.lead:
            raise Refused(403, "issuer", "a membership is signed by the agency that leads the case")
        try:
            require_successor(new, statement.issuer, before)
        except Malformed as error:
            raise Refused(409, "conflict", str(error)) from error
        _require_known(new, before.remaining, submitted.directory, at)
        submitted.require_room(act, narrows=_only_takes_away(new, before.remaining))
    return _keep_standing(act, statement, "membership")


def _require_opening(new: Membership, statement: Statement) -> None:
    if statement.issuer != new.lead:
        raise Refused(403, "issuer", "a case is opened by the agency that leads it")
    require_opening(new, statement.issuer)


def _require_known(membership: Membership, current: Membership | None, directory: Directory, at: datetime) -> None:
    """Every agency is enrolled under the kind named; whoever is new or given more is certified for the roles named.

    An entry that stays as it is, or is narrowed, is not looked up: a certificate that ran out, of whomever, must not
    keep the lead from taking somebody out.
    """
    for agency, kind in membership.agencies:
        try:
            record = directory.get_agency(agency)
        except NotCertified as error:
            raise Refused(422, "not_certified", str(error)) from error
        if record.kind is not kind:
            raise Refused(422, "not_certified", f"agency {agency} is enrolled as {record.kind.value}")
    for member in membership.members:
        if current is not None and not widens(member, current.find_member(member.agency, member.member)):
            continue
        try:
            certificate = directory.newest_key(KeyUse.MEMBER_SIGNING, member.agency, at, member=member.member)
            directory.newest_key(KeyUse.MEMBER_HPKE, member.agency, at, member=member.member)
        except NotCertified as error:
            raise Refused(422, "not_certified", f"a member is not certified by {member.agency}") from error
        if not set(member.roles) <= set(certificate.roles):
            raise Refused(422, "not_certified", f"{member.agency} does not certify this member for these roles")


def _only_takes_away(new: Membership, old: Membership) -> bool:
    """Whether a membership takes an agency or a person out and gives nobody anything."""
    is_narrower = set(new.agencies) < set(old.agencies) or len(new.members) < len(old.members)
    adds = not set(new.agencies) <= set(old.agencies) or _facts_of(new) != _facts_of(old)
    wider = any(widens(item, old.find_member(item.agency, item.member)) for item in new.members)
    return is_narrower and not adds and not wider


def _facts_of(membership: Membership) -> tuple[str, ...]:
    return membership.age_path, membership.age_source, membership.case_stage


def _acceptance(submitted: Submitted) -> Receipt:
    session, statement = submitted.session, submitted.statement
    case = require_id(statement.members["case"], "case")
    act = submitted.lock(case)
    current = _require_newest(session, case, statement, "acceptance")
    ours = [member for member in current.effective.members if member.agency == statement.issuer]
    listed = statement.members["members"]
    if not isinstance(listed, list) or [Member.from_json(item) for item in listed] != ours:
        raise Refused(422, "malformed", "an acceptance repeats the agency's entries of the membership unchanged")
    submitted.require_room(act)
    return keep_statement(act, statement, "acceptance")


def _require_newest(session: Session, case: str, statement: Statement, what: str) -> Standing:
    """Return who takes part now. Raises ``Refused`` for what was said to another list than the newest, a replay too."""
    current = load_standing(session, case)
    if require_digest(statement.members["membership"], f"{what} membership") != current.digest:
        raise Refused(409, "conflict", f"the {what} is of an older membership; look at the newest one first")
    return current


def _endorsement(submitted: Submitted) -> Receipt:
    session, statement = submitted.session, submitted.statement
    case = require_id(statement.members["case"], "case")
    act = submitted.lock(case)
    current = _require_newest(session, case, statement, "endorsement")
    if statement.issuer == current.effective.lead:
        raise Refused(403, "issuer", "the lead agency's list is endorsed by another agency of the case")
    if statement.issuer not in current.may_endorse:
        raise Refused(409, "conflict", "nothing in the newest membership waits for this agency's endorsement")
    submitted.require_room(act)
    return _keep_standing(act, statement, "endorsement")


def _departure(submitted: Submitted) -> Receipt:
    """An agency leaves, or takes its own people out. It asks nobody, and no limit holds it up: each names who is in."""
    session, statement = submitted.session, submitted.statement
    case = require_id(statement.members["case"], "case")
    act = submitted.lock(case)
    current = _require_newest(session, case, statement, "departure")
    people = departing(statement.members["members"])
    if people is None and statement.issuer == current.effective.lead:
        raise Refused(409, "conflict", "the lead agency hands over the lead before it leaves")
    if any(current.effective.find_member(statement.issuer, member) is None for member in people or ()):
        raise Refused(422, "malformed", "a departure names people of the agency whom the newest membership lists")
    return _keep_standing(act, statement, "departure")


def _consent(submitted: Submitted) -> Receipt:
    session, statement = submitted.session, submitted.statement
    members = statement.members
    case = require_id(members["case"], "case")
    act = submitted.lock(case)
    require_detail(members["detail"])
    before = load_consents(session, case)
    expected = len(before.statements)
    previous = None if before.newest is None else before.newest.digest
    parse_consent(statement.digest, members)
    if (require_number(members["sequence"], "consent sequence"), members["previous"]) != (expected, previous):
        raise Refused(409, "conflict", f"another consent was recorded meanwhile; expected sequence {expected}")
    after = follow(before, statement.digest, members)
    submitted.require_room(act, narrows=ends(before, after))
    return keep_statement(act, statement, "consent")


def _refusal(submitted: Submitted) -> Receipt:
    statement, members = submitted.statement, submitted.statement.members
    case = require_id(members["case"], "case")
    act = submitted.lock(case)
    require_detail(members["detail"])
    require_term(Category, members["category"], "category")
    require_id(members["reviewer"], "reviewer")
    if members["request"] is not None:
        require_id(members["request"], "request")
    if members["recipient_agency"] is not None:
        require_agency(members["recipient_agency"], "recipient_agency")
    code = members["code"]
    if not isinstance(code, str) or code not in REFUSAL_CODES:
        raise Malformed(f"refusal code: expected one of: {term_list(sorted(REFUSAL_CODES))}")
    submitted.require_room(act)
    return keep_statement(act, statement, "refusal")


def keep_statement(act: CaseAct, statement: Statement, kind: str) -> Receipt:
    """Record a statement of a case under an entry type, and keep its bytes."""
    sequence = act.next_seq
    receipt = act.record(kind, {"agency": statement.issuer, "statement": statement.digest, "decision": None})
    rows.add(
        act.session,
        CaseStatementRow(
            digest=statement.digest,
            case=act.row.case,
            type=statement.type.value,
            agency=statement.issuer,
            case_seq=sequence,
            statement=statement.token,
            log_index=receipt.index,
        ),
    )
    return receipt


def _keep_standing(act: CaseAct, statement: Statement, kind: str) -> Receipt:
    """Record a statement about who takes part, and who does from now on."""
    receipt = keep_statement(act, statement, kind)
    standing = load_standing(act.session, act.row.case)
    act.row.lead = standing.effective.lead
    listed = [agency for agency, _ in standing.effective.agencies]
    rows.replace_case_agencies(act.session, act.row.case, listed, act.row.case_seq)
    return receipt


def list_cases(session: Session, agency: str) -> list[dict[str, object]]:
    """Return id, lead, opening time and number of logged acts of every case an agency takes part in."""
    found = rows.cases_of(session, agency)
    # What waits for its place is not yet in what a reader can follow.
    waiting = pending_rows.count_waiting(session, [row.case for row in found])
    return [
        {
            "case": row.case,
            "lead": row.lead,
            "opened_at": row.opened_at,
            "case_seq": row.case_seq - waiting.get(row.case, 0),
        }
        for row in found
    ]


def require_party(session: Session, case: str, agency: str) -> CaseRow:
    """Return a case's row for an agency that takes part in it. Raises ``Refused`` (not_found)."""
    require_case_id(case)
    row, is_in = rows.find_case(session, case), rows.takes_part(session, case, agency)
    # Both are asked always: how long a "no" takes says nothing about whether the case exists.
    if row is None or not is_in:
        raise not_found()
    return row
