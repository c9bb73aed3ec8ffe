"""A person's own notes on fragments: sealed with a secret of their key file, kept beside what they pulled, never sent.

Nobody else at the agency opens one, whoever runs the machine included, unless they have that person's key open. A note
goes when what it is about goes: with the case, with its erasure, and with a fragment that its writer may not read any
more. It is in no export and on no paper.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from adapters.cases import CaseRefused
from adapters.picture.inbox import Inbox
from adapters.picture.speech import lazy_gettext as _
from keys.custody.keyfile import KeyFile
from keys.jose import b64u, b64u_decode
from keys.storage import StorageRefused, Vault
from policies.model import render_time
from policies.reading import parse_time

MAX_NOTE_CHARS = 4_000
MAX_NOTES = 500
"""In one case."""
MAX_SEALED_BYTES = 4 * MAX_NOTE_CHARS + 1_000
_DAMAGED = _("What was kept of this case is damaged. Open its picture again; nothing was changed.")


class NoteRefused(ValueError):
    """A note that is not kept. The text says why, for the person; never what was written."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote for themselves, and when. ``text`` None: it does not open with the key that is here."""

    text: str | None = field(repr=False)
    at: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class Notes:
    """One person's notes in one case. ``keys`` are theirs, open."""

    inbox: Inbox
    case: str
    member: str
    keys: KeyFile

    def read(self) -> dict[str, Note]:
        """Return the notes by fragment. Never raises on one that does not open."""
        try:
            kept = self.inbox.notes(self.case, self.member)
        except StorageRefused:
            return {}
        return {fragment: self._open(fragment, sealed) for fragment, sealed in kept.items()}

    def texts(self) -> dict[str, str]:
        """Return the words of those that open, by fragment."""
        return {fragment: note.text for fragment, note in self.read().items() if note.text is not None}

    def write(self, fragment: str, text: str, at: datetime) -> None:
        """Keep a note in place of the one before it. Raises ``NoteRefused``."""
        text = text.replace("\r\n", "\n").strip()
        if not text:
            raise NoteRefused(_("Write something, or delete the note."))
        if len(text) > MAX_NOTE_CHARS:
            said = {"most": MAX_NOTE_CHARS, "count": len(text)}
            raise NoteRefused(_("A note has at most %(most)s characters; this one has %(count)s.", **said))
        try:
            kept = self.inbox.notes(self.case, self.member)
        except StorageRefused:
            raise NoteRefused(_DAMAGED) from None
        if fragment not in kept and len(kept) >= MAX_NOTES:
            raise NoteRefused(
                _("You have %(most)s notes in this case, which is as many as are kept. Delete one.", most=MAX_NOTES)
            )
        # A lone half of a character comes in no form; escaped, it cannot break the encoding either.
        data = json.dumps({"text": text, "at": render_time(at)}).encode("ascii")
        sealed = b64u(Vault(self.keys.storage).seal(self._name(fragment), data))
        try:
            self.inbox.set_note(self.case, self.member, fragment, sealed)
        except CaseRefused:
            raise NoteRefused(_("The case has changed. Open its picture again, then write the note.")) from None
        except StorageRefused:
            raise NoteRefused(_DAMAGED) from None

    def delete(self, fragment: str) -> None:
        """Take a note away; none is there afterwards. Raises ``NoteRefused``."""
        try:
            self.inbox.set_note(self.case, self.member, fragment, None)
        except StorageRefused:
            raise NoteRefused(_DAMAGED) from None

    def _name(self, fragment: str) -> str:
        return f"note:{self.case}:{self.member}:{fragment}"

    def _open(self, fragment: str, sealed: str) -> Note:
        try:
            data = Vault(self.keys.storage).open(
                self._name(fragment), b64u_decode(sealed, max_bytes=6 * MAX_SEALED_BYTES)
            )
            said = json.loads(data)
            return Note(str(said["text"]), parse_time(said["at"]))
        except (StorageRefused, ValueError, KeyError, TypeError):
            return Note(None, None)
