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

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import DraftFragment
from adapters.store.database import Session, Store
from adapters.store.disowned_rows import disowned_drafts
from adapters.store.rows import find_drafts, sealed_drafts
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
    """A draft is not there, or not in a state in which this can be done. ``words`` and the rest as ``CaseRefused``."""

    def __init__(self, words: str, for_terminal: str = "") -> None:
        super().__init__(words + for_terminal)
        self.words = words


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
        return lazy_gettext(
            "released before, its signature is not believed since the key was dated back to position "
            "%(position)s; look whether it is yours, then release it again",
            position=str(self.disowned_from),
        )

    @property
    def summary(self) -> str:
        """The one line a person reads before releasing."""
        return str(self.content.get("summary", ""))


OF_THEIR_COMMAND = frozenset({"exclusion", "emergency"})
"""Statements whose words only their own command shows, releases and renews: its people are not those of the case."""


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


def replace_authored(
    store: Store, case: str, old: str, category: Category, content: Mapping[str, Any], at: datetime
) -> str:
    """Keep what a person wrote in the place of an earlier draft of theirs, which is forgotten. Return its id.

    A hold stays: only somebody who takes it off does so. Raises ``DraftRefused`` where the earlier one is not
    a draft that a person wrote in this case, or was released.
    """
    digest = hashlib.sha256(case.encode() + category.value.encode() + canonical_bytes(dict(content))).hexdigest()[:32]
    with store.write() as session:
        row = session.get(DraftRow, old)
        if row is None or row.case != case or row.category != category.value:
            raise DraftRefused(lazy_gettext("this draft is not here any more, so it was not replaced"))
        is_out = row.state == DraftState.RELEASED.value or old in sealed_drafts(session, case, {old})
        if is_out or old in disowned_drafts(session, case):
            raise DraftRefused(lazy_gettext("this draft was released, so it was not replaced"))
        if not is_authored(store.open_json(f"draft:{old}", row.sealed_content)):
            raise DraftRefused(lazy_gettext("this draft comes from a record, so it was not replaced"))
        if digest != old:
            is_held = row.state == DraftState.HELD.value
            session.delete(row)
            new = session.get(DraftRow, digest)
            if new is None:
                new = _row(store, digest, case, category, content, bool(content.get("restricted")), at)
                session.add(new)
            if is_held and new.state == DraftState.DRAFT.value:
                new.state = DraftState.HELD.value
    return digest


def is_authored(content: Mapping[str, Any]) -> bool:
    """Whether a person wrote a draft here, in a form; else it comes from a record."""
    source = content.get("source")
    return isinstance(source, Mapping) and source.get("format") == "authored"


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


@dataclass(frozen=True, slots=True)
class Match:
    """One choice of a person: the records of this file are the case's child's. ``drafts``: ids of what came of it.

    No row says so: each draft's own source names the file it was read from, and a draft's id is that of its record.
    """

    file_sha256: str
    drafts: tuple[str, ...]


def matches_of(store: Store, case: str) -> dict[Match, tuple[Draft, ...]]:
    """Return what was read from each file into a case, in the order in which it was kept, whatever its state."""
    by_file: dict[str, list[Draft]] = {}
    for draft in list_drafts(store, case):
        source = draft.content.get("source")
        digest = source.get("file_sha256") if isinstance(source, Mapping) else None
        if isinstance(digest, str) and digest:
            by_file.setdefault(digest, []).append(draft)
    return {Match(digest, tuple(item.draft for item in found)): tuple(found) for digest, found in by_file.items()}


def take_back(store: Store, case: str, match: Match) -> tuple[int, int]:
    """Take the drafts of a choice out of a case again. Return (taken back, left because they were released).

    What was ever released stays, also where its signature is not believed any more: whoever was given it has it, and
    only a withdrawal or an erasure changes that.
    """
    taken = left = 0
    with store.write() as session:
        again = disowned_drafts(session, case)
        for draft_id in match.drafts:
            row = session.get(DraftRow, draft_id)
            if row is None or row.case != case:
                continue
            if row.state == DraftState.RELEASED.value or draft_id in again:
                left += 1
                continue
            session.delete(row)
            taken += 1
    return taken, left


def list_drafts(store: Store, case: str, states: Sequence[DraftState] = tuple(DraftState)) -> list[Draft]:
    """Return a case's drafts in these states, opened."""
    with store.write() as session:
        again = disowned_drafts(session, case)
        rows = find_drafts(session, case, [state.value for state in states])
        return [_open(store, row, again.get(row.draft)) for row in rows]


def is_of_its_command(content: Mapping[str, Any]) -> bool:
    """Whether a draft is the words of a signed statement that only its own command handles, before and after."""
    fields = content.get("fields")
    kind = fields.get("hub_StatementKind") if isinstance(fields, Mapping) else None
    return isinstance(kind, Mapping) and kind.get("value") in OF_THEIR_COMMAND


def list_for_review(store: Store, case: str, states: Sequence[DraftState] = tuple(DraftState)) -> list[Draft]:
    """Return those of a case's drafts that its people may review and release, opened: none of their command's."""
    return [item for item in list_drafts(store, case, states) if not is_of_its_command(item.content)]


def rows_for_review(store: Store, session: Session, case: str) -> list[DraftRow]:
    """Return the rows of what waits for review in a case. Only the words of statements are opened to know."""
    return [
        row
        for row in find_drafts(session, case, [DraftState.DRAFT.value])
        if row.category != Category.STATEMENT_DETAIL.value
        or not is_of_its_command(store.open_json(f"draft:{row.draft}", row.sealed_content))
    ]


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
            raise DraftRefused(lazy_gettext("this draft is not here, or was released already"))
        row.state = DraftState.HELD.value


def take_hold_off(store: Store, draft: str) -> None:
    """Let a held draft be released again. Raises ``DraftRefused`` for one that is not held."""
    with store.write() as session:
        row = session.get(DraftRow, draft)
        if row is None or row.state != DraftState.HELD.value:
            raise DraftRefused(lazy_gettext("this draft is not here, or is not held"))
        row.state = DraftState.DRAFT.value
