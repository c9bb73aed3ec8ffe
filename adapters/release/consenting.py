"""Recording a consent statement with its words: what the command and the pages do, in one place.

The words are sealed and sent first, so that the statement can name them. What only narrows waits for nothing but its
own case: without a fresh quorum, with another case that does not hold, or with words that the hub does not take, it is
recorded all the same, and its words wait here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.cases import CaseBook, CaseRefused, VerifiedCase
from adapters.following import LogRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.speech import lazy_gettext
from adapters.release.authored import SourceKind, statement_detail
from adapters.release.consent_effect import ConsentEffect
from adapters.release.consent_events import ConsentEvents
from adapters.release.drafts import Draft, DraftRefused, DraftState, keep_authored, list_drafts
from adapters.release.outbox import Outbox
from adapters.release.releasing import Releaser, ReleaseTerms
from adapters.release.writing import Author
from adapters.store.database import Store
from adapters.store.rows import own_fragments
from keys.canonical import canonical_bytes
from keys.statements import Statement
from policies.consent import NO_SCOPE, lets_more_rest
from policies.model import parse_time, require_term
from policies.vocabulary import Category, Purpose

DEFAULTS: dict[str, Any] = {
    "subject": "sharing",
    "reason": "none",
    "given_by": "nobody",
    "giver": None,
    "competence": "not_assessed",
    "assessed_by": "nobody",
    "scope": NO_SCOPE.to_json(),
    "expires_at": None,
    "about": None,
}
"""What a form that leaves a field out says. Whether the person was told and heard is never taken for granted."""
CODES = (*DEFAULTS, "state", "interpreter", "told", "wishes")
RETRIED_WITHIN = timedelta(hours=1)
"""So long the same words that no statement names yet are those of an attempt that failed, not said once more."""


class Agency(Protocol):
    """What of an agency's adapter recording needs; what shares is asked for only where something is shared."""

    @property
    def store(self) -> Store: ...
    @property
    def book(self) -> CaseBook: ...
    @property
    def releaser(self) -> Releaser: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def consents(self) -> ConsentEvents: ...


_NO_REASON = lazy_gettext("no reason given")


class ChangedSinceShown(Exception):
    """What the statement would do is not what somebody was shown: nothing was recorded."""


class MaybeRecorded(CaseRefused):
    """The statement was sent, and whether it was recorded cannot be told now."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement that may be recorded: its codes, and what it does to our grants as the case is now.

    ``shown`` names all of it: whoever confirms it confirms exactly this.
    """

    verified: VerifiedCase
    members: Mapping[str, Any]
    effect: ConsentEffect

    @property
    def shown(self) -> str:
        """The digest of the codes, of the statement they would follow, and of the effect."""
        before = self.verified.consents[-1].digest if self.verified.consents else None
        told = {
            "members": dict(self.members),
            "previous": before,
            "effect": self.effect.to_json(),
            "unknown": self.effect.unknown,
        }
        return hashlib.sha256(canonical_bytes(told)).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A statement in the log, and what it did. ``waiting``: the draft of its words, where it does not name those."""

    statement: Statement
    effect: ConsentEffect
    waiting: str | None = None


def consent_members(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a consent statement without its place in the chain: the codes of a form."""
    members = {**DEFAULTS, **{name: said[name] for name in CODES if name in said}, "effect": None, "detail": None}
    if not members["scope"]:
        members["scope"] = NO_SCOPE.to_json()
    return members


def detail_content(said: Mapping[str, Any], by: Author) -> dict[str, Any]:
    """Return the content of the words of a consent form. Raises ``AuthoredRefused`` or ``Malformed``."""
    return statement_detail(
        by,
        statement_kind=said.get("statement_kind", "consent"),
        words=said.get("words"),
        source_kind=require_term(SourceKind, said.get("source_kind", SourceKind.CHILD_ACCOUNT.value), "source_kind"),
        given_by_role=said.get("given_by"),
        competence=said.get("competence_words"),
        told=said.get("told_words"),
        interpreter=said.get("interpreter_words"),
    )


def plan_consent(agency: Agency, case: str, members: Mapping[str, Any]) -> Planned:
    """Return what a statement would do now; nothing is recorded. Raises ``Malformed`` or ``CaseRefused``."""
    verified, effect = agency.consents.plan(case, members)
    return Planned(verified, members, effect)


@contextmanager
def unless_it_narrows(agency: Agency, case: str, members: Mapping[str, Any]) -> Iterator[None]:
    """Let what takes in the log fail for what lets nothing more rest on consent: it goes on with what is held.

    Raises ``LogRefused`` or ``CaseRefused`` as it came for everything else.
    """
    try:
        yield
    except (LogRefused, CaseRefused):
        verified, _, after = agency.book.next_consent(case, members)
        if lets_more_rest(verified.state.consent, after):
            raise


def record_consent(
    agency: Agency,
    case: str,
    members: Mapping[str, Any],
    words: Mapping[str, Any] | None,
    purpose: Purpose,
    at: datetime,
    *,
    shown: str | None = None,
) -> Recorded:
    """Send the words, then record the statement that names them.

    ``members`` as ``consent_members`` makes them, ``words`` as ``detail_content``; ``shown`` is ``Planned.shown`` as
    somebody confirmed it, None where nobody was asked. Raises ``ChangedSinceShown``; ``Malformed`` or ``CaseRefused``;
    ``LogRefused`` for what widens without a fresh quorum, before anything is kept or sent; ``DraftRefused`` where it
    widens and the hub does not take the words; ``HubRefused`` or ``HubUnreachable``; ``MaybeRecorded`` where only the
    log can tell, and it cannot be read now.
    """
    planned = plan_consent(agency, case, members)
    if shown is not None and planned.shown != shown:
        raise ChangedSinceShown
    _, is_wider = agency.book.require_may_record(case, members)
    detail, waiting = (None, None) if words is None else _send(agency, case, words, purpose, at, is_wider=is_wider)
    said = {**members, "detail": detail}
    try:
        statement, effect = agency.consents.record(case, said)
    except (LogRefused, CaseRefused, HubRefused, HubUnreachable) as error:
        statement, effect = _find(agency, case, said, planned, error), planned.effect
    return Recorded(statement, effect, waiting)


def _find(agency: Agency, case: str, said: Mapping[str, Any], planned: Planned, error: Exception) -> Statement:
    """Return the statement where it was recorded though something failed after it. Raises ``error`` where it was not.

    Raises ``MaybeRecorded`` where the case cannot be read now, unless the statement surely never left.
    """
    verified, is_whole = planned.verified, True
    place = len(verified.consents)
    try:
        agency.book.follower.sync_case(case)
        verified = agency.book.load(case)
    except (LogRefused, CaseRefused, HubRefused, HubUnreachable):
        is_whole = False
    for statement in verified.consents[place : place + 1]:
        made = {name: statement.members[name] for name in said if name != "effect"}
        if statement.issuer == agency.book.agency and made == {name: said[name] for name in made}:
            agency.consents.note(case)
            return statement
    if is_whole or (isinstance(error, HubUnreachable) and error.nothing_left):
        raise error
    raise MaybeRecorded("whether this was recorded cannot be told now; look at the case's statements first") from error


def _send(
    agency: Agency, case: str, content: Mapping[str, Any], purpose: Purpose, at: datetime, *, is_wider: bool
) -> tuple[dict[str, str] | None, str | None]:
    """Seal and push the words of a statement. Return what names them, or the draft in which they wait."""
    draft = _kept_before(agency, case, content, at)
    if draft is None:
        draft = keep_authored(agency.store, case, Category.STATEMENT_DETAIL, content, at)
    drafts = [item for item in list_drafts(agency.store, case, [DraftState.DRAFT]) if item.draft == draft]
    try:
        if drafts:
            agency.releaser.release(case, drafts, ReleaseTerms(purpose))
        report = agency.outbox.push_case(case)
        named = _named(agency, case, draft)
        if named is None:
            reason = report.problems[0].get("detail", _NO_REASON) if report.problems else _NO_REASON
            raise DraftRefused(
                lazy_gettext(
                    "the hub did not take the words of this statement, so it was not recorded: %(why)s", why=reason
                )
            )
    except (LogRefused, CaseRefused, DraftRefused, HubRefused, HubUnreachable):
        if is_wider:
            raise
        return None, draft
    return named, None


def _named(agency: Agency, case: str, draft: str) -> dict[str, str] | None:
    """Return what names the sealed words of a draft, None where the hub has not taken them."""
    with agency.store.write() as session:
        for row in own_fragments(session, case):
            if row.draft == draft and row.is_accepted:
                return {"fragment": row.fragment, "sha256": row.digest}
    return None


def _kept_before(agency: Agency, case: str, content: Mapping[str, Any], at: datetime) -> str | None:
    """Return the draft of the same words from an attempt shortly before: they are not sealed twice."""
    said = [item.members["detail"] for item in agency.book.load(case).consents]
    used = {item["fragment"] for item in said if item is not None}
    with agency.store.write() as session:
        named = {row.draft for row in own_fragments(session, case) if row.fragment in used}
    for item in list_drafts(agency.store, case):
        is_free = item.state in (DraftState.DRAFT, DraftState.RELEASED) and item.draft not in named
        if is_free and item.category is Category.STATEMENT_DETAIL and _is_retried(item, content, at):
            return item.draft
    return None


def _is_retried(item: Draft, content: Mapping[str, Any], at: datetime) -> bool:
    def untimed(words: Mapping[str, Any]) -> dict[str, Any]:
        return {**words, "source": {**words["source"], "extracted_at": None}}

    if untimed(item.content) != untimed(content):
        return False
    return abs(at - parse_time(item.content["source"]["extracted_at"])) <= RETRIED_WITHIN
