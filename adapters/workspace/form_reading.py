"""Reading what somebody typed into a form of ours: each field by its own rule, each problem at its own field.

What was typed stays in the form that is shown again. It is in no address, no log and no session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeVar

from flask import has_request_context, request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from adapters.release.writing import AuthoredRefused, require_line, require_text

MAX_WORDS = 8_000
"""Characters of one long answer of a page's form: a whole form stays within what a request may hold."""
MAX_SHORT = 2_000
MAX_LINE = 300
MAX_CHOICES = 40
AGAIN = "again"
"""In the address to which a form is sent: it is to be shown with what was typed, and nothing else is to happen."""

E = TypeVar("E", bound=StrEnum)


@dataclass(slots=True)
class FormReader:
    """A posted form and what is wrong with it. ``problems``: by field, as they were read; never what was typed."""

    form: MultiDict[str, str] = field(repr=False)
    problems: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, problem: str) -> None:
        """Note a problem of a field; the first one stays."""
        self.problems.setdefault(name, problem)

    def raw(self, name: str) -> str:
        """Return what a field holds, without blanks around it."""
        return self.form.get(name, "").strip()

    def text(self, name: str, problem: str = "", limit: int = MAX_WORDS) -> str | None:
        """Return words of one or more lines; None where there are none, a problem where ``problem`` says so."""
        return self._words(name, problem, limit, is_line=False)

    def line(self, name: str, problem: str = "", limit: int = MAX_LINE) -> str | None:
        """Return words of one line."""
        return self._words(name, problem, limit, is_line=True)

    def _words(self, name: str, problem: str, limit: int, *, is_line: bool) -> str | None:
        said = self.raw(name)
        if not said:
            if problem:
                self.note(name, problem)
            return None
        try:
            return require_line(name, said, limit) if is_line else require_text(name, said, limit)
        except AuthoredRefused:
            if len(said.replace("\r\n", "\n")) > limit:
                self.note(name, _("Write at most %(limit)s characters", limit=f"{limit:,}"))
            elif is_line and "\n" in said:
                self.note(name, _("Write it on one line"))
            else:
                self.note(name, _("Type it again: it holds a character that cannot be read"))
            return None

    def choice(self, name: str, terms: Iterable[str], problem: str = "") -> str | None:
        """Return the one term that was chosen; None where none was."""
        said = self.form.get(name, "")
        if said in {str(term) for term in terms}:
            return said
        if problem or said:
            self.note(name, problem or _("Choose one of the answers"))
        return None

    def term(self, name: str, kind: type[E], problem: str = "") -> E | None:
        """Return the term of a closed list that was chosen."""
        said = self.choice(name, kind, problem)
        return None if said is None else kind(said)

    def choices(self, name: str, terms: Collection[str], problem: str = "") -> tuple[str, ...]:
        """Return the terms that were ticked, in the order of the list."""
        said = self.form.getlist(name)
        if len(said) > MAX_CHOICES or not set(said) <= set(terms):
            self.note(name, _("Choose from the answers that are there"))
            return ()
        if not said and problem:
            self.note(name, problem)
        return tuple(term for term in terms if term in said)

    def day(
        self, name: str, problem: str = "", *, not_after: date | None = None, not_before: date | None = None
    ) -> date | None:
        """Return a day typed into three fields (``name-day`` and so on), None where all are empty."""
        parts = [self.raw(f"{name}-{part}") for part in ("day", "month", "year")]
        if not any(parts):
            if problem:
                self.note(name, problem)
            return None
        try:
            if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts) or len(parts[2]) != 4:
                raise ValueError
            found = date(int(parts[2]), int(parts[1]), int(parts[0]))
        except ValueError:
            self.note(name, _("Write a real day, such as 27 3 2026"))
            return None
        if not_after is not None and found > not_after:
            self.note(name, _("This day is still to come"))
            return None
        if not_before is not None and found < not_before:
            self.note(name, _("This day is over"))
            return None
        return found

    def yes_no(self, name: str, problem: str = "") -> bool | None:
        """Return whether yes was chosen, None where neither was."""
        said = self.choice(name, ("yes", "no"), problem)
        return None if said is None else said == "yes"


def is_shown_again() -> bool:
    """Whether this request asks for a form with what was typed before, and for nothing to be done."""
    return has_request_context() and request.args.get(AGAIN) == "1"


def as_items(terms: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Return value and text of each answer, as the components of the pages take them."""
    return [{"value": value, "text": text} for value, text in terms]
