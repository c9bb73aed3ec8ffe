"""Statements of a case that one of its people signs, with their own key, and their agency brings.

Whoever does not count in the case, or is excluded from it, is answered as for a case that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.exchange import emergencies
from hub.exchange.acts import CaseAct, Receipt, hold_claimed_case, lock_case
from hub.exchange.cases import MAX_OUTBOX_AGE, find_repeat, keep_statement, require_fresh
from hub.exchange.confirmed import require_confirmed
from hub.exchange.exclusions import BREAK_GLASS_TYPES, EXCLUSION_TYPES, broken_by, load_broken, load_exclusions, word_of
from hub.exchange.room import require_room_for_statement
from hub.exchange.standing import load_standing
from hub.refusal import Refused, not_found
from hub.store import exchange_rows as rows
from hub.store.base import Session
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.break_glass import MAX_PER_HOUR, may_review, take_broken
from policies.exclusions import EXCLUDING_ROLES, ExclusionAct, Exclusions, Word, counts, parse_proposal, take_word
from policies.membership import Standing
from policies.model import Malformed, require_digest, require_id

PERSONAL_TYPES = frozenset({*EXCLUSION_TYPES, *BREAK_GLASS_TYPES, StatementType.EMERGENCY_REVIEW})
MAX_WORDS_PER_PERSON = 100
"""So many words of one person on exclusions a case takes: every adapter reads all of them."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A verified word of a person on its way into a case that is locked for it."""

    session: Session
    directory: Directory
    act: CaseAct
    statement: Statement
    word: Word
    standing: Standing
    exclusions: Exclusions


def is_personal(token: object) -> bool:
    """Whether a statement claims to be one that a person signs."""
    try:
        return peek(token).type in PERSONAL_TYPES
    except (SignatureRefused, Malformed):
        return False


def submit(session: Session, directory: Directory, caller: str, token: object, at: datetime) -> Receipt | int:
    """Accept a person's statement; return its receipt, or its log position if it was accepted before.

    Raises ``Refused``.
    """
    hold_claimed_case(session, peek(token).members)
    repeat = find_repeat(session, token)
    if repeat is not None and repeat.agency == caller:
        return repeat.log_index
    statement = _verify(directory, token, caller, at)
    try:
        spoken = _lock(session, directory, statement, at)
        if statement.type is StatementType.EMERGENCY_REVIEW:
            return emergencies.review(spoken.act, statement, spoken.word, spoken.standing)
        return _break_glass(spoken, at) if statement.type in BREAK_GLASS_TYPES else _exclusion(spoken)
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error


def _verify(directory: Directory, token: object, caller: str, at: datetime) -> Statement:
    try:
        statement = directory.verify(token, peek(token).type, KeyUse.MEMBER_SIGNING, at)
        require_id(statement.members["case"], "case")
        require_id(statement.members["member"], "member")
    except (SignatureRefused, NotCertified) as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    if statement.issuer != caller:
        raise Refused(403, "issuer", "a statement is brought by the agency of the person who signed it")
    require_fresh(statement.issued_at, at, MAX_OUTBOX_AGE)
    return statement


def _lock(session: Session, directory: Directory, statement: Statement, at: datetime) -> Spoken:
    """Lock the case for somebody who counts in it. Raises ``Refused``: not found for everybody else."""
    case, issuer = str(statement.members["case"]), statement.issuer
    act = lock_case(session, case, issuer, at)
    standing, exclusions = load_standing(session, case), load_exclusions(session, case)
    word = word_of(statement)
    # All is asked always: who is excluded and who was never named come to the same answer by the same way.
    if not counts(exclusions, replace(word, issued_at=at), standing):
        raise not_found()
    if require_digest(statement.members["membership"], "membership") != standing.digest:
        raise Refused(409, "conflict", "it names an older membership; look at the newest one first")
    return Spoken(session, directory, act, statement, word, standing, exclusions)


def _exclusion(spoken: Spoken) -> Receipt:
    word, standing = spoken.word, spoken.standing
    entry = standing.effective.find_member(*word.person)
    if entry is None or EXCLUDING_ROLES.isdisjoint(entry.roles):
        raise Refused(403, "role", "an exclusion is signed by people who may be given the words behind a statement")
    try:
        take_word(spoken.exclusions, word, standing)
    except Malformed as error:
        raise Refused(409, "conflict", str(error)) from error
    said_before = sum(item.signer == word.person for item in spoken.exclusions.proposals)
    if said_before >= MAX_WORDS_PER_PERSON:
        raise Refused(413, "too_many", f"one person says at most {MAX_WORDS_PER_PERSON} words on exclusions in a case")
    narrows = True
    if spoken.statement.type is StatementType.EXCLUSION:
        said = parse_proposal(word)
        narrows = said.act is not ExclusionAct.LIFT
        _require_person(spoken.directory, *said.excluded)
    require_room_for_statement(
        spoken.session, spoken.directory, spoken.act.row.case, spoken.statement.issuer, narrows=narrows
    )
    return keep_statement(spoken.act, spoken.statement, "exclusion")


def _break_glass(spoken: Spoken, at: datetime) -> Receipt:
    """Take that somebody broke the glass, or another agency's review of it. It counts from here in the case's order."""
    session, case, word, standing = spoken.session, spoken.act.row.case, spoken.word, spoken.standing
    try:
        take_broken(load_broken(session, case), word)
    except Malformed as error:
        raise Refused(409, "conflict", str(error)) from error
    if spoken.statement.type is StatementType.BREAK_GLASS_REVIEW:
        if not may_review(standing, word.person, at):
            raise Refused(403, "role", "it is reviewed by an officer, the lead professional or the chair")
        return keep_statement(spoken.act, spoken.statement, "break_glass")
    require_confirmed(session)
    named = word.members["reviewer"]
    reviewer = (str(named["agency"]), str(named["member"]))
    if reviewer in spoken.exclusions.excluded(at) or not may_review(standing, reviewer, at):
        raise Refused(422, "reviewer", "expected as reviewer an officer, lead professional or chair of the case")
    # Counted over all cases: two of this person's acts in different ones are not counted past each other.
    rows.hold_name(session, f"{word.person[0]} {word.person[1]}")
    if broken_by(session, *word.person, at - timedelta(hours=1)) >= MAX_PER_HOUR:
        raise Refused(429, "too_often", f"one person breaks the glass at most {MAX_PER_HOUR} times an hour")
    require_room_for_statement(session, spoken.directory, case, spoken.statement.issuer)
    return keep_statement(spoken.act, spoken.statement, "break_glass")


def _require_person(directory: Directory, agency: str, member: str) -> None:
    """Raise ``Refused`` for an id that its agency never certified: a typing error keeps nobody out."""
    if not any((item.agency, item.member) == (agency, member) for item in directory.certificates):
        raise Refused(422, "not_certified", f"this person is not certified by {agency}")
