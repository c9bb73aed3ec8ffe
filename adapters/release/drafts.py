"""Drafts: read from a source or written by a person, sealed to the agency, waiting for somebody's decision.

Nothing is released by reading or writing. A draft belongs to a case once a person says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.sources.draft import DraftFragment
from adapters.store.database import Store
from adapters.store.disowned_rows import disowned_drafts
from adapters.store.rows import find_drafts
from adapters.store.tables import DraftRow
from keys.canonical import canonical_bytes
from policies.model import render_time
from policies.vocabulary import Category


class DraftState(StrEnum):
    """Where a draft stands."""

    DRAFT = "draft"
    HELD = "held"
    RELEASED = "released"


class DraftRefused(Exception):
    """A draft is not there, or not in a state in which this can be done."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as a person reviews it."""

    draft: str
    case: str
    category: Category
    state: DraftState
    restricted: bool
    content: Mapping[str, Any]
    disowned_from: int | None = None
    """Of a draft that was released before: the log position from which nobody believes the key it was signed with."""

    @property
    def why_again(self) -> str | None:
        """Why this is a draft though it was released before, None for any other."""
        if self.disowned_from is None:
            return None
        return (
            "released before, its signature is not believed since the key was dated back to position "
            f"{self.disowned_from}; look whether it is yours, then release it again"
        )

    @property
    def summary(self) -> str:
        """The one line a person reads before releasing."""
        return str(self.content.get("summary", ""))


def keep_records(store: Store, case: str, drafts: Iterable[DraftFragment], at: datetime) -> tuple[int, int]:
    """Keep a reader's drafts for a case; one kept before stays as it is. Return (new, known).

    One that nobody believes and that was not released again since says from now on what its source says: who had the
    signing key may have written it.
    """
    new = known = 0
    with store.write() as session:
        again = disowned_drafts(session, case)
        for draft in drafts:
            draft_id = hashlib.sha256(f"{case}\n{draft.record_id}".encode()).hexdigest()[:32]
            row = session.get(DraftRow, draft_id)
            if row is not None:
                if draft_id in again and row.state != DraftState.RELEASED.value:
                    row.category, row.restricted = draft.category.value, draft.restricted
                    row.sealed_content = store.seal_json(f"draft:{draft_id}", dict(draft.to_content()))
                known += 1
                continue
            session.add(_row(store, draft_id, case, draft.category, draft.to_content(), draft.restricted, at))
            new += 1
    return new, known


def keep_authored(store: Store, case: str, category: Category, content: Mapping[str, Any], at: datetime) -> str:
    """Keep what a person wrote as a draft of a case; the same content twice is one draft. Return its id."""
    digest = hashlib.sha256(case.encode() + category.value.encode() + canonical_bytes(dict(content))).hexdigest()[:32]
    with store.write() as session:
        if session.get(DraftRow, digest) is None:
            session.add(_row(store, digest, case, category, content, bool(content.get("restricted")), at))
    return digest


def _row(
    store: Store,
    draft_id: str,
    case: str,
    category: Category,
    content: Mapping[str, Any],
    restricted: bool,
    at: datetime,
) -> DraftRow:
    return DraftRow(
        draft=draft_id,
        case=case,
        category=category.value,
        state=DraftState.DRAFT.value,
        restricted=restricted,
        created_at=render_time(at),
        sealed_content=store.seal_json(f"draft:{draft_id}", dict(content)),
    )


def list_drafts(store: Store, case: str, states: Sequence[DraftState] = tuple(DraftState)) -> list[Draft]:
    """Return a case's drafts in these states, opened."""
    with store.write() as session:
        again = disowned_drafts(session, case)
        rows = find_drafts(session, case, [state.value for state in states])
        return [_open(store, row, again.get(row.draft)) for row in rows]


def _open(store: Store, row: DraftRow, disowned_from: int | None) -> Draft:
    return Draft(
        draft=row.draft,
        case=str(row.case),
        category=Category(row.category),
        state=DraftState(row.state),
        restricted=row.restricted,
        content=store.open_json(f"draft:{row.draft}", row.sealed_content),
        disowned_from=None if row.state == DraftState.RELEASED.value else disowned_from,
    )


def hold(store: Store, draft: str) -> None:
    """Keep a draft back: it is not released until a person takes the hold off. Raises ``DraftRefused``."""
    with store.write() as session:
        row = session.get(DraftRow, draft)
        if row is None or row.state == DraftState.RELEASED.value:
            raise DraftRefused("this draft is not here, or was released already")
        row.state = DraftState.HELD.value


def take_hold_off(store: Store, draft: str) -> None:
    """Let a held draft be released again. Raises ``DraftRefused`` for one that is not held."""
    with store.write() as session:
        row = session.get(DraftRow, draft)
        if row is None or row.state != DraftState.HELD.value:
            raise DraftRefused("this draft is not here, or is not held")
        row.state = DraftState.DRAFT.value
