"""What is still to do before a referral can go: the open fields of a draft, in the form's order, as data and text."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.nrm.model import FieldState, NrmDraft
from adapters.picture.words import plain_summary

TYPE_PREFIX = "types-of-exploitation-"
_TYPES_LABEL = "Type of exploitation (at least one)"


@dataclass(frozen=True, slots=True)
class DraftGap:
    """One open field: whether the form demands it, where it stands, why, and what differs."""

    field: str
    section: str
    label: str
    is_required: bool
    state: FieldState
    reason: str
    choices: tuple[str, ...]


def list_gaps(draft: NrmDraft) -> tuple[DraftGap, ...]:
    """Return every field that is asked and not filled. The boxes of exploitation types are one gap."""
    gaps = []
    boxes = [item for item in draft.fields if item.field.startswith(TYPE_PREFIX)]
    if all(item.value is None for item in boxes):
        reason = "the form asks for at least one; nothing that was opened names a type"
        if any(item.state is FieldState.WITHHELD for item in boxes):
            reason = "a type is held in a fragment that is not released for a referral"
        gaps.append(DraftGap(TYPE_PREFIX + "*", boxes[0].section, _TYPES_LABEL, True, FieldState.NOT_KNOWN, reason, ()))
    for item in draft.fields:
        if item.value is not None or item.state is FieldState.NOT_APPLICABLE or item.field.startswith(TYPE_PREFIX):
            continue
        choices = tuple(candidate.value for candidate in item.candidates)
        gaps.append(
            DraftGap(item.field, item.section, item.label, item.required, item.state, item.state_reason, choices)
        )
    return tuple(gaps)


def render_gaps(draft: NrmDraft) -> str:
    """Return the gap list as plain text: what the form demands first, then what it would take."""
    gaps = list_gaps(draft)
    filled = sum(item.value is not None for item in draft.fields)
    lines = [f"Filled: {filled} of {len(draft.fields)} fields. Open: {len(gaps)}.", *draft.warnings]
    for title, is_required in (("Needed before the form can be sent", True), ("Open, and not demanded", False)):
        chosen = [gap for gap in gaps if gap.is_required is is_required]
        if chosen:
            lines += ["", f"{title}: {len(chosen)}"]
        for gap in chosen:
            lines.append(f"- {gap.label} [{gap.field}]: {gap.state.value.replace('_', ' ')}; {gap.reason}")
            lines += [f"    one source has: {plain_summary(choice)}" for choice in gap.choices]
    return "\n".join(lines) + "\n"
