"""What a pull left at rest in this adapter: sealed, and made shorter when the policy refuses what it permitted once.

DESIGN section 4.5: adapters decide again and delete affected ciphertext and grants. What is deleted leaves its id and
the rules that said so, so that the kept answer still verifies and a reader learns that something was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.cases import CaseRefused
from adapters.picture.answer import fragment_id
from adapters.picture.view import LastLook, ShownBefore
from adapters.store.database import Session, Store
from adapters.store.rows import inbox_of_case, inbox_of_reader
from adapters.store.tables import InboxRow
from keys.storage import StorageRefused
from policies.reading import parse_time
from policies.vocabulary import Category, Purpose

INTAKE = "0" * 32
"""Stands for the agency's intake key where the inbox wants a member."""

NOTES = "notes"
"""The member of a kept answer that holds its reader's own notes, by fragment."""


CALLED = "called"
"""The member of a kept answer that says what was shown is called: number of the entry, category, agency. No content."""


@dataclass(frozen=True, slots=True)
class KeptPull:
    """One answer to one pull as it came, less what was deleted since.

    ``pull`` is the signed statement that asked, ``dropped`` the deleted fragments with the rules that refuse them,
    ``shown`` the fragments that its reader was shown then, and what they are called: None where that was not kept.
    """

    lines: list[Any]
    pull: str
    pulled_at: str
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shown: Mapping[str, ShownBefore | None] = field(default_factory=dict)

    def without(self, refused: Mapping[str, tuple[str, ...]]) -> KeptPull:
        """Return the answer without the lines (ciphertext, grant, receipt) of these fragments."""
        if not refused:
            return self
        lines = [line for line in self.lines if line.get("type") != "fragment" or fragment_id(line) not in refused]
        return replace(self, lines=lines, dropped={**self.dropped, **refused})


@dataclass(frozen=True, slots=True)
class Inbox:
    """The kept pulls of one adapter, sealed to the agency."""

    store: Store

    def keep(self, case: str, member: str | None, purpose: Purpose, pull: KeptPull) -> None:
        """Keep an answer in place of the one before it for this reader, case and purpose.

        The reader's own notes on fragments that are still in it stay; those on others go with what they were about.
        """
        reader = member or INTAKE
        with self.store.write() as session:
            row = session.get(InboxRow, (case, reader, purpose.value))
            sealed = self.store.seal_json(
                _row_name(case, reader, purpose.value),
                {
                    "lines": pull.lines,
                    "pull": pull.pull,
                    "pulled_at": pull.pulled_at,
                    "dropped": {name: list(rules) for name, rules in pull.dropped.items()},
                    "shown": sorted(pull.shown),
                    CALLED: {
                        name: [item.case_seq, item.category.value, item.agency]
                        for name, item in pull.shown.items()
                        if item is not None
                    },
                    NOTES: self._notes_still_of(row, pull),
                },
            )
            session.merge(
                InboxRow(
                    case=case, member=reader, purpose=purpose.value, pulled_at=pull.pulled_at, sealed_answer=sealed
                )
            )

    def _notes_still_of(self, row: InboxRow | None, pull: KeptPull) -> dict[str, str]:
        try:
            notes = {} if row is None else open_notes(self.store, row)
        except StorageRefused:
            # A kept answer that is damaged must not keep its reader from a new one.
            return {}
        held = set() if not notes else {fragment_id(line) for line in pull.lines if line.get("type") == "fragment"}
        return {fragment: note for fragment, note in notes.items() if fragment in held}

    def notes(self, case: str, member: str) -> dict[str, str]:
        """Return a person's own notes in a case as they are sealed, by fragment, whatever they pulled it for."""
        with self.store.read() as session:
            rows = inbox_of_reader(session, case, member)
            session.expunge_all()
        return {fragment: note for row in rows for fragment, note in open_notes(self.store, row).items()}

    def set_note(self, case: str, member: str, fragment: str, note: str | None) -> None:
        """Keep a note, sealed by its writer, beside a pull that holds the fragment; None takes it away.

        Raises ``CaseRefused`` where nothing that holds the fragment was pulled, ``StorageRefused``.
        """
        with self.store.write() as session:
            is_kept = False
            for row in inbox_of_case(session, case):
                if row.member != member:
                    continue
                data = self.store.open_json(_row_name(case, member, row.purpose), row.sealed_answer)
                notes = {name: text for name, text in data.get(NOTES, {}).items() if name != fragment}
                if note is not None and not is_kept:
                    lines = [line for line in data["lines"] if line.get("type") == "fragment"]
                    if any(fragment_id(line) == fragment for line in lines):
                        notes[fragment], is_kept = note, True
                if notes != data.get(NOTES, {}):
                    name = _row_name(case, member, row.purpose)
                    row.sealed_answer = self.store.seal_json(name, {**data, NOTES: notes})
            if note is not None and not is_kept:
                raise CaseRefused("a note is kept beside what was pulled, and this fragment is not in it")
        if note is None:
            self.store.forget_deleted()

    def load(self, case: str, member: str | None, purpose: Purpose) -> KeptPull:
        """Return a kept answer. Raises ``CaseRefused`` where nothing was pulled, ``StorageRefused``."""
        with self.store.read() as session:
            row = session.get(InboxRow, (case, member or INTAKE, purpose.value))
            if row is None:
                raise CaseRefused("nothing was pulled for this person, case and purpose yet")
            return _open(self.store, row)

    def last_look(self, case: str, member: str, purpose: Purpose) -> LastLook | None:
        """Return when a person last looked for a purpose and what they were shown; None where that is not known."""
        try:
            kept = self.load(case, member, purpose)
        except (CaseRefused, StorageRefused):
            # A kept answer that is damaged must not keep its reader from a new one.
            return None
        called = {name: item for name, item in kept.shown.items() if item is not None}
        return LastLook(parse_time(kept.pulled_at), frozenset(kept.shown), called)

    def forget(self, case: str, member: str) -> int:
        """Delete every answer that was kept of a case for a person; return how many there were."""
        with self.store.write() as session:
            kept = [row for row in inbox_of_case(session, case) if row.member == member]
            for row in kept:
                session.delete(row)
        return len(kept)

    def readers(self, case: str) -> list[tuple[str | None, Purpose]]:
        """Return for whom and what for answers of a case are kept."""
        with self.store.read() as session:
            rows = [(row.member, Purpose(row.purpose)) for row in inbox_of_case(session, case)]
        return [(None if member == INTAKE else member, purpose) for member, purpose in rows]


def kept_pulls(store: Store, session: Session, case: str) -> list[KeptPull]:
    """Return every kept answer of a case, opened with the agency's key, within an open transaction."""
    return [_open(store, row) for row in inbox_of_case(session, case)]


def open_notes(store: Store, row: InboxRow) -> dict[str, str]:
    """Return the notes beside a kept answer, each still sealed by its writer. Raises ``StorageRefused``."""
    data = store.open_json(_row_name(row.case, row.member, row.purpose), row.sealed_answer)
    notes: dict[str, str] = data.get(NOTES, {})
    return notes


def _open(store: Store, row: InboxRow) -> KeptPull:
    data = store.open_json(_row_name(row.case, row.member, row.purpose), row.sealed_answer)
    return KeptPull(
        lines=data["lines"],
        pull=data["pull"],
        pulled_at=data["pulled_at"],
        dropped={name: tuple(rules) for name, rules in data["dropped"].items()},
        shown={name: _read_called(data.get(CALLED, {}).get(name)) for name in data.get("shown", ())},
    )


def _read_called(kept: list[Any] | None) -> ShownBefore | None:
    # An answer that an earlier release kept says only which fragments there were.
    return None if kept is None else ShownBefore(int(kept[0]), Category(kept[1]), str(kept[2]))


def _row_name(case: str, reader: str, purpose: str) -> str:
    return f"inbox:{case}:{reader}:{purpose}"
