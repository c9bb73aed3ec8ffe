"""The copies this agency keeps: which retention rule applies to each, on what basis, and when a person reviews it.

A copy is one kind of thing of one case: drafts, what was pulled, what is kept to grant again. nrm.md 5.3: retention
belongs to each copy. Rules are data (``retention_rules.toml``) and ship unconfirmed. docs/retention.md.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from adapters.refusal import CaseRefused
from adapters.store.database import Session, Store
from adapters.store.erasing_rows import (
    NO_CASE,
    count_copies,
    drop_copy,
    forget_channels,
    forget_drafts,
    forget_inbox,
    forget_own,
    keep_copy,
    list_copies,
)
from adapters.store.rows import raise_alarm
from adapters.store.tables import CopyRow
from policies.model import render_time
from policies.retention import require_rule
from policies.vocabulary import AgencyKind

KINDS = ("draft", "inbox", "archive")
MAX_REVIEW_DAYS = 3_653
"""No copy is left unseen for longer than ten years."""
MAX_WORDS = 2_000
DUE = "retention_due"
_RULES = Path(__file__).with_name("retention_rules.toml")
_MEMBERS = frozenset(
    {"id", "kinds", "copies", "after", "on_erasure", "words", "basis", "source", "mark", "confirmed_by"}
)
_NOBODY = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """One retention rule. ``after`` is how many days pass until a person looks; ``keeps`` that it outlives the hub's.

    ``mark`` is V or K, ``confirmed_by`` who confirmed it: none, as it ships.
    """

    id: str
    kinds: frozenset[AgencyKind]
    copies: tuple[str, ...]
    after: int
    keeps: bool
    words: str
    basis: str
    source: str
    mark: str
    confirmed_by: str

    @property
    def is_confirmed(self) -> bool:
        """Whether somebody confirmed it."""
        return self.confirmed_by != _NOBODY

    def describe(self) -> str:
        """Return the rule in one plain line, with how sure it is."""
        sure = f"confirmed by {self.confirmed_by}" if self.is_confirmed else "confirmed by nobody"
        return f"{self.id} ({self.mark}, {sure}): {self.words} Basis: {self.basis}"


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the rules as they ship. Raises ``ValueError`` for a file that is not of the form."""
    listed = tomllib.loads(_RULES.read_text(encoding="utf-8"))["rule"]
    return tuple(_rule(item) for item in listed)


def _rule(item: dict[str, Any]) -> Rule:
    if set(item) != _MEMBERS:
        raise ValueError(f"retention rule: expected exactly {', '.join(sorted(_MEMBERS))}")
    if item["mark"] not in ("V", "K") or item["on_erasure"] not in ("erase", "review"):
        raise ValueError("retention rule: expected mark V or K, on_erasure erase or review")
    if not set(item["copies"]) <= set(KINDS) or not 1 <= item["after"] <= MAX_REVIEW_DAYS:
        raise ValueError(f"retention rule: expected copies of {', '.join(KINDS)} and 1 to {MAX_REVIEW_DAYS} days")
    return Rule(
        id=require_rule(item["id"]),
        kinds=frozenset(AgencyKind(kind) for kind in item["kinds"]),
        copies=tuple(item["copies"]),
        after=item["after"],
        keeps=item["on_erasure"] == "review",
        words=item["words"],
        basis=item["basis"],
        source=item["source"],
        mark=item["mark"],
        confirmed_by=item["confirmed_by"],
    )


def default_rule(agency: AgencyKind, kind: str) -> Rule:
    """Return the rule that applies to a kind of copy until somebody chooses another."""
    return next(rule for rule in load_rules() if agency in rule.kinds and kind in rule.copies)


def find_rule(named: str, agency: AgencyKind, kind: str) -> Rule:
    """Return a rule by its id. Raises ``CaseRefused`` where it is none for such a copy."""
    fitting = [rule for rule in load_rules() if agency in rule.kinds and kind in rule.copies]
    found = next((rule for rule in fitting if rule.id == named), None)
    if found is None:
        raise CaseRefused(f"rule: expected one of {', '.join(rule.id for rule in fitting)}")
    return found


@dataclass(frozen=True, slots=True)
class Copy:
    """One kind of copy of one case, with its rule. ``case`` is empty for drafts that belong to none yet."""

    case: str
    kind: str
    count: int
    rule: str
    basis: str
    since: date
    review_on: date

    def is_due(self, today: date) -> bool:
        """Whether a person has to look."""
        return self.review_on <= today


def register(store: Store, session: Session, agency: AgencyKind, today: date) -> list[Copy]:
    """Give each copy that has no rule yet its default, forget those that are gone, and return all, soonest first."""
    held = {(row.case, row.kind): row for row in list_copies(session)}
    counts = count_copies(session)
    for case, kind in sorted(set(held) - set(counts)):
        drop_copy(session, case, kind)
    for case, kind in sorted(set(counts) - set(held)):
        rule = default_rule(agency, kind)
        _keep(store, session, case, kind, rule, today, today + timedelta(days=rule.after), {})
    rows = [row for row in list_copies(session) if (row.case, row.kind) in counts]
    return [
        Copy(
            row.case,
            row.kind,
            counts[row.case, row.kind],
            row.retention_rule_id,
            row.basis,
            date.fromisoformat(row.since),
            date.fromisoformat(row.review_on),
        )
        for row in rows
    ]


def _keep(
    store: Store,
    session: Session,
    case: str,
    kind: str,
    rule: Rule,
    since: date,
    review_on: date,
    words: dict[str, str],
) -> None:
    sealed = store.seal_json(f"copy/{case}/{kind}", words)
    row = CopyRow(
        case=case,
        kind=kind,
        retention_rule_id=rule.id,
        basis=rule.basis,
        since=since.isoformat(),
        review_on=review_on.isoformat(),
        sealed_words=sealed,
    )
    keep_copy(session, row)


def warn_due(store: Store, agency: AgencyKind, at: datetime) -> int:
    """Register the copies and raise an alarm for each that is due for review; return how many are."""
    with store.write() as session:
        due = [item for item in register(store, session, agency, at.date()) if item.is_due(at.date())]
        for item in due:
            text = f"{describe_place(item.case, item.kind)}: review due on {item.review_on} under rule {item.rule}"
            raise_alarm(session, DUE, text, render_time(at), is_lasting=True)
    return len(due)


def describe_place(case: str, kind: str) -> str:
    """Name a copy without saying anything of its content."""
    return f"{kind} of no case" if case == NO_CASE else f"{kind} of case {case[:8]}"


def review_keep(
    store: Store,
    agency: AgencyKind,
    case: str,
    kind: str,
    *,
    rule: str | None,
    until: date | None,
    why: str,
    at: datetime,
) -> Copy:
    """Keep a copy for another while, under the same rule or another; return it. Raises ``CaseRefused``."""
    today = at.date()
    if not why.strip() or len(why) > MAX_WORDS:
        raise CaseRefused(f"why: expected some words, at most {MAX_WORDS}: keeping is a decision")
    with store.write() as session:
        found = _find(register(store, session, agency, today), case, kind)
        chosen = find_rule(rule or found.rule, agency, kind)
        next_look = until or today + timedelta(days=chosen.after)
        if not today < next_look <= today + timedelta(days=min(chosen.after, MAX_REVIEW_DAYS)):
            raise CaseRefused(f"until: expected at most {chosen.after} days from now, which is what {chosen.id} allows")
        words = {"why": why, "at": render_time(at)}
        _keep(store, session, case, kind, chosen, found.since, next_look, words)
        return _find(register(store, session, agency, today), case, kind)


def review_erase(store: Store, agency: AgencyKind, case: str, kind: str, at: datetime) -> int:
    """Delete a copy here; return how many things went. Raises ``CaseRefused``.

    Of the archive that is what granting again needs: what was shared stays shared, nobody new can be given it.
    """
    with store.write() as session:
        _find(register(store, session, agency, at.date()), case, kind)
        if kind == "draft":
            count = forget_drafts(session, case)
        elif kind == "inbox":
            count = forget_inbox(session, case)
        else:
            count = forget_own(session, case, None)
            forget_channels(session, case)
        drop_copy(session, case, kind)
    store.forget_deleted()
    return count


def _find(copies: list[Copy], case: str, kind: str) -> Copy:
    found = next((item for item in copies if (item.case, item.kind) == (case, kind)), None)
    if found is None:
        raise CaseRefused("there is no such copy here; see: nrm-adapter retention list")
    return found


def keeps_inbox(session: Session, case: str, agency: AgencyKind) -> bool:
    """Whether what was pulled of a case outlives the hub's copy until a person has looked."""
    row = session.get(CopyRow, (case, "inbox"))
    named = default_rule(agency, "inbox").id if row is None else row.retention_rule_id
    return next((rule.keeps for rule in load_rules() if rule.id == named), False)


def last_words(store: Store, session: Session, case: str, kind: str) -> dict[str, str]:
    """Return why a copy was kept at its last review, empty before the first. Raises ``StorageRefused``."""
    row = session.get(CopyRow, (case, kind))
    held: Any = {} if row is None else store.open_json(f"copy/{case}/{kind}", row.sealed_words)
    return {str(name): str(value) for name, value in held.items()}
