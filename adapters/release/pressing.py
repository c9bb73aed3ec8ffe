"""A release as a person presses it: what would go to whom, bound to what they were shown, then done and sent in one go.

What the command ``release`` does in several steps, for pages: the plan is named by a digest, and a release that is not
the one that was shown is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.speech import lazy_gettext
from adapters.refusal import CaseRefused, LogRefused
from adapters.release.disowned import disown
from adapters.release.drafts import Draft, DraftRefused, DraftState, list_for_review
from adapters.release.outbox import PushReport
from adapters.release.releasing import Planned, Released, ReleaseTerms
from adapters.runtime import Adapter
from adapters.store.rows import list_case_rows, pending_lines
from keys.canonical import canonical_bytes
from keys.certificates import NotCertified
from policies.bundles import BundleRefused
from policies.model import render_time
from policies.vocabulary import Purpose

MAX_COUNTED = 1_000
LATER = (HubRefused, HubUnreachable, LogRefused, CaseRefused, DraftRefused, NotCertified, BundleRefused)
"""What may stop a release half way, or its push: what was released by then waits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would do: drafts, decisions for each purpose, and the digest of all that it rests on."""

    drafts: tuple[Draft, ...]
    planned: tuple[tuple[Purpose, tuple[Planned, ...]], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a release: by purpose, then of the push. ``stopped`` is why it went no further, ``waiting`` counts
    the lines of the case that have not left."""

    released: tuple[tuple[Purpose, Released], ...]
    report: PushReport
    stopped: Exception | None
    waiting: int


def bring_up_to_date(adapter: Adapter, case: str) -> None:
    """Take in what the log and the case are by now, whatever is wrong with another. Raises as ``sync`` does."""
    adapter.follower.sync()
    adapter.follower.sync_case(case)
    disown(adapter.book, case)


def make_plan(
    adapter: Adapter, case: str, chosen: Sequence[str], terms: Sequence[ReleaseTerms], said: Sequence[str] = ()
) -> Plan:
    """Return what a release of these drafts would do now. Asks nobody. ``said``: words that would go with it.

    Raises ``DraftRefused`` for a draft that is not of this case, or is held; and as ``Releaser.require_releasable``.
    """
    drafts = require_drafts(adapter, case, chosen)
    releaser = adapter.releaser
    planned = []
    for item in terms:
        releaser.require_releasable(case, drafts, item)
        planned.append((item.purpose, tuple(releaser.plan(case, drafts, item))))
    return Plan(tuple(drafts), tuple(planned), _digest(adapter, case, drafts, terms, planned, said))


def require_drafts(adapter: Adapter, case: str, chosen: Sequence[str]) -> list[Draft]:
    """Return the drafts chosen, in the order of the list. Raises ``DraftRefused``."""
    listed = [item for item in list_for_review(adapter.store, case) if item.draft in set(chosen)]
    if not listed or len(listed) != len(set(chosen)):
        raise DraftRefused(lazy_gettext("a chosen draft is not one of this case any more; look at the drafts again"))
    if any(item.state is DraftState.HELD for item in listed):
        raise DraftRefused(lazy_gettext("a chosen draft is held; take the hold off first"))
    return listed


def press(
    adapter: Adapter,
    case: str,
    drafts: Sequence[Draft],
    terms: Sequence[ReleaseTerms],
    why: Callable[[], Draft] | None,
) -> Pressed:
    """Release drafts for each purpose, and send what waits in the case. ``why`` keeps the words of an override.

    Raises as ``Releaser.release`` where nothing was released at all. Whatever stops it later is in what is returned:
    what was released by then waits in the outbox, and leaves with the next push.
    """
    released: list[tuple[Purpose, Released]] = []
    report, stopped = PushReport(), None
    try:
        for item in terms:
            # The lead professional and the panel are told why, in the same push.
            words = None if why is None else why()
            released.append((item.purpose, adapter.releaser.release(case, drafts, item, words)))
        report = adapter.outbox.push_case(case)
    except LATER as error:
        if not released:
            raise
        stopped = error
    return Pressed(tuple(released), report, stopped, count_waiting_lines(adapter, case))


def send_waiting(adapter: Adapter, case: str) -> PushReport:
    """Send what waits in a case; what waits in others is none of its people's. Raises as ``Outbox.push_case``."""
    adapter.follower.sync_cases()
    return adapter.outbox.push_case(case)


def count_waiting_lines(adapter: Adapter, case: str) -> int:
    """Return how many lines of a case have not left yet, ``MAX_COUNTED`` at most."""
    with adapter.store.write() as session:
        return len(pending_lines(session, case, MAX_COUNTED))


def _digest(
    adapter: Adapter,
    case: str,
    drafts: Sequence[Draft],
    terms: Sequence[ReleaseTerms],
    planned: Sequence[tuple[Purpose, Sequence[Planned]]],
    words: Sequence[str],
) -> str:
    with adapter.store.write() as session:
        statements = "".join(row.statements for row in list_case_rows(session) if row.case == case)
    said = {
        "case": hashlib.sha256(statements.encode()).hexdigest(),
        "drafts": [
            [item.draft, item.state.value, item.why_again, _of(canonical_bytes(dict(item.content)))] for item in drafts
        ],
        "terms": [_terms(item) for item in terms],
        "words": [_of(item.encode()) for item in words],
        "plan": [
            [
                purpose.value,
                item.draft.draft,
                item.recipient.agency,
                item.recipient.member,
                item.decision.effect.value,
                list(item.decision.rules),
                item.on,
            ]
            for purpose, listed in planned
            for item in listed
        ],
    }
    return _of(json.dumps(said, sort_keys=True).encode())


def _terms(terms: ReleaseTerms) -> list[object]:
    until: datetime | None = terms.expires_at
    return [
        terms.purpose.value,
        None if terms.gateway is None else terms.gateway.value,
        terms.originator_release,
        None if until is None else render_time(until),
        terms.override.value,
        None if terms.only is None else sorted(terms.only),
    ]


def _of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
