"""The values of a draft: fields with state, value and provenance, and what a person enters (nrm.md 1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.nrm.assembling import EvidenceDocument
from adapters.nrm.collecting import NrmProvenance
from adapters.picture.provenance import render_json

SCHEMA = "nrmhub-nrm-draft-1"
PATH = "C"
"""A child's, and that of somebody who may be one."""
ADULT_PATH = "A"
"""An adult's who agrees."""


class DraftRefused(ValueError):
    """No draft can be made. The text says why and what to do."""


class FieldState(StrEnum):
    """Where a field stands (nrm.md 1.5)."""

    FILLED = "filled"
    NOT_KNOWN = "not_known"
    NOT_ASKED = "not_asked"
    NOT_APPLICABLE = "not_applicable"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person enters or chooses for a field. ``value`` None says that it stays open, with the reason."""

    field: str
    value: str | None
    agency: str
    member: str
    role: str
    at: datetime
    reason: str = ""
    state: FieldState = FieldState.FILLED


@dataclass(frozen=True, slots=True)
class SaidByAdult:
    """What a consent says for one field: ``value`` yes, no, or None with the reason; with the statement it is from."""

    value: str | None
    reason: str
    source: NrmProvenance | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several values that sources give, with its sources."""

    value: str
    provenance: tuple[NrmProvenance, ...]


@dataclass(frozen=True, slots=True)
class NrmField:
    """One field of the draft. ``form_text`` is what the box holds: the value or, where words are required, why not."""

    field: str
    section: str
    label: str
    path: str
    value: str | None
    state: FieldState
    state_reason: str
    char_count: int
    provenance: tuple[NrmProvenance, ...]
    conflict: bool
    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...]
    required: bool
    form_text: str | None
    casework: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsedFragment:
    """A fragment whose content is in the draft, with the handling that travels with it."""

    fragment: str
    agency: str
    handling: str
    instructions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NrmDraft:
    """The draft: fields in the form's order, overflow as evidence documents, what was used and what was not."""

    schema: str
    case: str
    path: str
    made_at: datetime
    manifest_digest: str
    fields: tuple[NrmField, ...]
    evidence_documents: tuple[EvidenceDocument, ...]
    used: tuple[UsedFragment, ...]
    not_used: tuple[str, ...]
    not_permitted: tuple[str, ...]
    warnings: tuple[str, ...]

    def get(self, name: str) -> NrmField:
        """Return a field by its machine name. Raises ``KeyError`` for a name that is not on its path."""
        for item in self.fields:
            if item.field == name:
                return item
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the draft as plain JSON."""
        result: dict[str, Any] = render_json(self)
        return result
