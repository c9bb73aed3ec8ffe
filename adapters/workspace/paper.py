"""What stands on every sheet that somebody prints of a case: marking, who, when, and the exact set that was opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.picture.model import MARKING
from adapters.picture.speech import joined, shown
from adapters.picture.words import words_for
from adapters.workspace.app import current_person, workspace
from adapters.workspace.case_pages import held_now
from adapters.workspace.cases import my_cases
from adapters.workspace.opened import OpenCase


@dataclass(frozen=True, slots=True)
class PaperHead:
    """The head of a sheet. ``opened_at`` and what follows are empty where no picture of the case is open."""

    marking: str
    reader: str
    reader_roles: str
    printed_at: datetime
    opened_at: datetime | None = None
    for_what: str = ""
    manifest: str = ""


def paper_head(case: str, opened: OpenCase | None = None) -> PaperHead | None:
    """Return the head for whoever asks; ``opened`` is what the page shows, else what they hold open. None: nobody."""
    person = current_person()
    if person is None:
        return None
    opened = opened or held_now(case)
    at = workspace().clock()
    if opened is None:
        roles = next((item.roles for item in my_cases(person.member) if item.case == case), ())
        return PaperHead(shown(MARKING), person.member[:8], _roles(roles), at)
    instructions = sorted({item for row in opened.picture.evidence for item in row.provenance.instructions})
    return PaperHead(
        shown(joined([opened.picture.header.marking, *(words_for(item) for item in instructions)], "; ")),
        (opened.view.reader.member or "")[:8],
        _roles(opened.view.reader_roles),
        at,
        opened.at,
        shown(words_for(opened.purpose)),
        opened.picture.record_of_use.manifest_digest,
    )


def _roles(roles: tuple[str, ...]) -> str:
    return shown(joined([words_for(role) for role in roles], ", "))
