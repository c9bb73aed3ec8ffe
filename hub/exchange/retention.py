"""Statements on how long a case is kept: the lead's term, erasures, a second agency's word on them, legal holds.

docs/adr/0019-retention.md, docs/protocol.md section 3. Each is an entry; what erases leaves an ``erased`` entry in
the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.exchange import erasing
from hub.exchange.acts import CaseAct, Receipt, require_case_id
from hub.exchange.cases import find_repeat, keep_statement, verify_from_agency
from hub.exchange.room import require_room_for_statement
from hub.exchange.standing import load_standing
from hub.refusal import Refused, not_found
from hub.store import console_rows, retention_rows
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CaseStatementRow
from keys.canonical import parse_canonical
from keys.directory import Directory
from keys.erasures import word_of
from keys.jose import SignatureRefused, UnverifiedJws
from keys.statements import Statement, StatementType, peek
from policies.membership import Standing
from policies.model import Malformed, parse_time, render_time, require_id
from policies.retention import (
    HoldAct,
    Retention,
    RetentionWord,
    Scope,
    Wanted,
    parse_term,
    parse_wanted,
    read_retention,
    take_word,
)

TYPES = (
    StatementType.RETENTION,
    StatementType.ERASURE,
    StatementType.ERASURE_CONFIRMATION,
    StatementType.HOLD,
)
_KINDS = tuple(kind.value for kind in TYPES)
ENTRY = erasing.WORD


def is_of_retention(token: object) -> bool:
    """Whether a statement claims to be one on how long a case is kept."""
    try:
        return peek(token).type in TYPES
    except (SignatureRefused, Malformed):
        return False


def retention_tokens(session: Session, case: str) -> list[str]:
    """Return the statements on keeping a case, as received, in the case's order."""
    return [row.statement for row in rows.statements_of_kinds(session, [case], _KINDS)]


def load_retention(session: Session, case: str) -> Retention:
    """Return what was said on keeping a case. Each word was verified and judged when it was accepted."""
    return read_retention(map(_word, rows.statements_of_kinds(session, [case], _KINDS)))


def _word(row: CaseStatementRow) -> RetentionWord:
    said = peek(row.statement)
    issued_at = parse_time(parse_canonical(UnverifiedJws.parse(row.statement).payload)["issued_at"])
    return RetentionWord(row.digest, said.issuer, issued_at, said.members)


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified statement in the case it is of, which is locked for it."""

    session: Session
    directory: Directory
    statement: Statement
    act: CaseAct
    before: Retention
    after: Retention
    standing: Standing
    at: datetime

    @property
    def issuer(self) -> str:
        """The agency that says it."""
        return self.statement.issuer

    def require_lead(self) -> None:
        """Raise ``Refused`` for any other agency than the lead."""
        if self.issuer != self.standing.effective.lead:
            raise Refused(403, "issuer", "this is for the agency that leads the case to say")

    def require_member(self) -> None:
        """Raise ``Refused`` for an agency that takes part no more: it may still take its own fragments back."""
        if not rows.takes_part(self.session, self.act.row.case, self.issuer):
            raise not_found()

    def require_no_hold(self) -> None:
        """Raise ``Refused`` while a legal hold forbids erasure."""
        held = self.before.held(self.at)
        if held:
            until = max(item.until for item in held)
            raise Refused(
                409,
                "held",
                f"a legal hold of {held[0].agency} forbids erasure; the last one ends at {render_time(until)}, unless "
                "it is renewed, or lifted before",
            )


def submit(session: Session, directory: Directory, caller: str, token: object, at: datetime) -> Receipt | int:
    """Accept a statement on keeping a case; return its receipt, or its log position if it was accepted before.

    Raises ``Refused``. What was asked to be erased is gone from the database when the transaction ends.
    """
    try:
        kind = peek(token).type
    except (SignatureRefused, Malformed) as error:
        raise Refused(422, "malformed", str(error)) from error
    repeat = find_repeat(session, token)
    if repeat is not None and repeat.agency == caller:
        return repeat.log_index
    statement = verify_from_agency(directory, token, kind, caller, at)
    try:
        return _HANDLERS[kind](_lock(session, directory, statement, at))
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error


def _lock(session: Session, directory: Directory, statement: Statement, at: datetime) -> Asked:
    """Lock a case for an agency that takes or took part in it. Raises ``Refused``: not found for everybody else."""
    case = str(statement.members["case"])
    require_case_id(case)
    row, party = rows.lock_case(session, case), console_rows.find_party(session, case, statement.issuer)
    if row is None or party is None:
        raise not_found()
    if Scope.RECORD.value in retention_rows.erasures_of(session, case):
        raise Refused(410, "erased", "this case was erased; its log says when, by whom and by which rule")
    before = load_retention(session, case)
    after = take_word(before, word_of(statement))
    return Asked(
        session, directory, statement, CaseAct(session, row, at), before, after, load_standing(session, case), at
    )


def _keep(asked: Asked) -> Receipt:
    case = asked.act.row.case
    require_room_for_statement(asked.session, asked.directory, case, asked.issuer, narrows=True)
    return keep_statement(asked.act, asked.statement, ENTRY)


def _term(asked: Asked) -> Receipt:
    asked.require_member()
    asked.require_lead()
    parse_term(word_of(asked.statement))
    return _keep(asked)


def _erasure(asked: Asked) -> Receipt:
    wanted = parse_wanted(word_of(asked.statement))
    if wanted.scope is not Scope.FRAGMENTS:
        asked.require_member()
        asked.require_lead()
        return _keep(asked)
    asked.require_no_hold()
    entries = _own_entries(asked, wanted)
    receipt = _keep(asked)
    erasing.erase(asked.act, wanted.scope, asked.issuer, [asked.statement.token], entries)
    return receipt


def _own_entries(asked: Asked, wanted: Wanted) -> list[retention_rows.CaseEntry]:
    """Return the entries of the fragments an originator names. Raises ``Refused`` unless all are its own, and there."""
    case = asked.act.row.case
    stored = retention_rows.find_fragments(asked.session, case, [item.fragment for item in wanted.fragments])
    for item in wanted.fragments:
        if stored.get(item.fragment) != (asked.issuer, item.sha256, item.index):
            raise Refused(
                422,
                "fragment",
                "a fragment to erase is not one of this originator in this case under that digest and position, or it "
                "was erased before",
            )
    places = {item.index for item in wanted.fragments}
    return [item for item in retention_rows.case_entries(asked.session, case, "fragment") if item.position in places]


def _confirmation(asked: Asked) -> Receipt:
    asked.require_member()
    wanted = asked.after.find_wanted(str(asked.statement.members["erasure"]))
    if wanted is None or wanted.agency != asked.standing.effective.lead:
        raise Refused(409, "conflict", "another agency leads this case now; it has to ask for the erasure itself")
    asked.require_no_hold()
    first = rows.find_statement(asked.session, wanted.digest)
    if first is None:
        raise Refused(409, "conflict", "the word that this one confirms is not here")
    receipt, allowing = _keep(asked), [first.statement, asked.statement.token]
    entries = erasing.entries_of(asked.session, asked.act.row.case, wanted.scope, allowing)
    erasing.erase(asked.act, wanted.scope, wanted.agency, allowing, entries)
    return receipt


def _hold(asked: Asked) -> Receipt:
    asked.require_member()
    decided_by = require_id(asked.statement.members["decided_by"], "decided_by")
    certified = ((item.agency, item.member) for item in asked.directory.certificates)
    if asked.statement.members["act"] != HoldAct.LIFT.value and (asked.issuer, decided_by) not in set(certified):
        raise Refused(422, "not_certified", f"decided_by: expected one of the people that {asked.issuer} certifies")
    return _keep(asked)


_HANDLERS: Mapping[StatementType, Callable[[Asked], Receipt]] = {
    StatementType.RETENTION: _term,
    StatementType.ERASURE: _erasure,
    StatementType.ERASURE_CONFIRMATION: _confirmation,
    StatementType.HOLD: _hold,
}


# --- the dates ---


@dataclass(frozen=True, slots=True)
class Due:
    """A case whose date has come: what goes, and whether a hold forbids it."""

    case: str
    scope: Scope
    rule: str
    lead: str
    held_by: tuple[str, ...]


def find_due(session: Session, at: datetime) -> list[Due]:
    """Return the cases whose dates have come and that are not erased that far."""
    found = []
    for case in retention_rows.cases_with(session, StatementType.RETENTION.value):
        state = load_retention(session, case)
        scope = state.due(at)
        if scope is None or state.term is None or scope.value in retention_rows.erasures_of(session, case):
            continue
        held = tuple(sorted({item.agency for item in state.held(at)}))
        found.append(Due(case, scope, state.term.rule, state.term.agency, held))
    return found


def erase_due(session: Session, due: Due, at: datetime) -> list[Receipt]:
    """Erase what is due by the lead's own signed date. Nobody's key is needed: the statement stands in the entry."""
    row = rows.lock_case(session, due.case)
    state = load_retention(session, due.case)
    if row is None or state.term is None or state.held(at) or state.due(at) is not due.scope:
        return []
    statement = rows.find_statement(session, state.term.digest)
    if statement is None:
        return []
    allowing = [statement.statement]
    entries = erasing.entries_of(session, due.case, due.scope, allowing)
    return erasing.erase(CaseAct(session, row, at), due.scope, state.term.agency, allowing, entries)
