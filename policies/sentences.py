"""The difference between two agreements in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum

from policies.diff import Change, Difference, Kind
from policies.explain import UNCONFIRMED_MARK, named
from policies.schema import BEYOND_STAGES, fact_list, is_set
from policies.space import ORDER, Space

HEADLINES = ("recipient_roles", "recipient_kind", "category", "originator_kind", "purpose", "stage")
"""The facts every sentence about a permit names; the others only where it would be wrong without them."""
MOST_LEFT_OUT = 4
"""Up to so many values are named as those that are left out, where fewer than those that are in."""
UNSAID = {
    Kind.GIVEN: "Newly allowed, as far as no rule of the new agreement forbids it",
    Kind.LET: "No longer forbidden, as far as the new agreement permits it",
    Kind.TAKEN: "No longer given, as far as no rule of the old agreement forbade it",
    Kind.FORBIDDEN: "Newly forbidden, as far as the old agreement permitted it",
}
_NAMES = {
    "originator_release": ("its originator released it", "its originator did not release it"),
    "consent_covers": ("the consent covers it", "no consent covers it"),
    "basis_expired": ("the basis has expired", "the basis has not expired"),
    "break_glass": ("the recipient broke the glass", "the recipient did not break the glass"),
    "article6_enabled": ("the Article 6 basis is switched on", "the Article 6 basis is switched off"),
    "condition_enabled": ("the condition is switched on", "the condition is switched off"),
    "gateway_enabled": ("the gateway is switched on", "the gateway is switched off"),
    "same_agency": ("the recipient is of the agency that recorded it", "the recipient is of another agency"),
}
_LISTS = {
    "gateway": "under",
    "article6": "with the Article 6 basis",
    "condition": "with the Article 9 or 10 condition",
    "consent_state": "with consent",
    "age_path": "for the age path",
    "case_stage": "at the stage of the case",
    "handling_code": "marked with handling code",
    "membership": "for a membership that is",
}


def render_change(space: Space, change: Change) -> str:
    """Return the sentence of one change, ending in the rules that make it."""
    if change.kind in (Kind.GIVEN, Kind.TAKEN):
        verb = "gains" if change.kind is Kind.GIVEN else "loses"
        who = f"{_roles(space, change, 'every role')} of {_kinds(space, change, 'recipient_kind')}"
        text = f"{who} {verb} {_what(space, change)}"
    else:
        verb = "is no longer refused" if change.kind is Kind.LET else "is now refused"
        text = f"What a rule gives {_otherwise_given(space, change)} {verb}"
    return f"{text}{_conditions(space, change)}{_consent(space, change)}. [{', '.join(change.rules)}]"


def render_difference(difference: Difference) -> list[str]:
    """Return the whole comparison in lines: what was compared, the sentences by kind, days, and words."""
    space, old, new = difference.space, difference.old, difference.new
    lines = [
        f"Old: version {old.version}, {old.digest[:16]}; new: version {new.version}, {new.digest[:16]}.",
        f"Compared: all {space.questions:,} questions, which the two agreements see as {space.combinations:,} "
        f"combinations, in {difference.seconds:.1f} s. Cedar answered {space.asked:,} times: for each policy, and "
        "once for one that stands in both, every combination of the facts it looks at.",
        f"Newly allowed: {difference.newly_allowed:,} questions. "
        f"Newly refused: {difference.newly_refused:,} questions.",
    ]
    for kind in Kind:
        of_kind = [change for change in difference.changes if change.kind is kind]
        if of_kind:
            lines += ["", f"{UNSAID[kind]}:", *(f"- {render_change(space, change)}" for change in of_kind)]
    if difference.left_out:
        lines += ["", f"NOT COMPLETE: {difference.left_out:,} further questions differ; the agreements are too unlike."]
    days = [f"- `{code}`: relied on {_from(old)} before, {_from(new)} now." for code, old, new in difference.days]
    lines += ["", "Gateways and bases relied on from another day:", *days] if days else []
    checks = [f"- `{code}`: {_by(old)} before, {_by(new)} now." for code, old, new in difference.checks]
    lines += ["", "Checked against the law by:", *checks] if checks else []
    rules = [f"- {what}: {', '.join(names)}" for what, names in difference.rules.items() if names]
    lines += ["", "Rules:", *rules] if rules else []
    return [*lines, "", "No answer differs."] if difference.is_same else lines


def _from(day: date | None) -> str:
    return "from no day" if day is None else f"from {day.isoformat()}"


def _by(confirmed_by: str) -> str:
    return f"nobody ({UNCONFIRMED_MARK})" if confirmed_by == "none" else confirmed_by


def _is_said(space: Space, change: Change, fact: str) -> bool:
    return any(space.variables[place].fact == fact for place in change.said)


def _values(space: Space, change: Change, fact: str) -> list[StrEnum] | None:
    """Return the values of a fact in a sentence, in the order of their list, or None where it may have any."""
    place = space.places[fact, None]
    bits = change.box[place]
    return None if bits == space.diagrams.full[place] else sorted(space.values(place, bits), key=_rank)


def _held(space: Space, change: Change, fact: str) -> tuple[list[StrEnum], list[StrEnum]]:
    """Return the terms that a fact has to hold, and those it must not, as far as a sentence has to say so."""
    found: tuple[list[StrEnum], list[StrEnum]] = ([], [])
    for place in sorted(change.said):
        if space.variables[place].fact == fact:
            is_held = space.values(place, change.box[place])[0]
            found[0 if is_held else 1].append(space.variables[place].term)
    return found


def _roles(space: Space, change: Change, every: str) -> str:
    held, not_held = _held(space, change, "recipient_roles")
    who = " and ".join(_plain(term) for term in held) or every
    return f"{who} (who is not also {_or([_plain(term) for term in not_held])})" if not_held else who


def _what(space: Space, change: Change) -> str:
    categories = _codes(space, change, "category", "any category")
    purposes = _codes(space, change, "purpose", "any purpose")
    stages = _values(space, change, "stage")
    where = "" if stages is None else f" {_stages(stages)}"
    return f"{categories} of {_kinds(space, change, 'originator_kind')} for {purposes}{where}"


def _stages(stages: Iterable[StrEnum]) -> str:
    chosen = set(stages)
    words = [f"at {stage.value}" for stage in BEYOND_STAGES if stage in chosen]
    return _or(["within the hub", *words] if chosen - set(BEYOND_STAGES) else words)


def _otherwise_given(space: Space, change: Change) -> str:
    """Say about which part of what is otherwise permitted a changed forbid is."""
    who = f"to {_roles(space, change, 'anyone')}"
    if _is_said(space, change, "recipient_kind"):
        who += f" of {_kinds(space, change, 'recipient_kind')}"
    parts = [who]
    if _is_said(space, change, "category"):
        parts.insert(0, f"of {_codes(space, change, 'category', 'any category')}")
    if _is_said(space, change, "originator_kind"):
        parts.append(f"from {_kinds(space, change, 'originator_kind')}")
    if _is_said(space, change, "purpose"):
        parts.append(f"for {_codes(space, change, 'purpose', 'any purpose')}")
    stages = _values(space, change, "stage")
    if _is_said(space, change, "stage") and stages is not None:
        parts.append(_stages(stages))
    return " ".join(parts)


def _conditions(space: Space, change: Change) -> str:
    parts = []
    for fact in ORDER:
        if fact in HEADLINES or not _is_said(space, change, fact):
            continue
        if is_set(fact):
            held, not_held = _held(space, change, fact)
            parts += [f"marked `{term}`" for term in held] + [f"not marked `{term}`" for term in not_held]
            continue
        values = _values(space, change, fact)
        if values is None:
            continue
        if fact_list(fact) is None:
            parts.append("where " + _NAMES[fact][0 if values[0] else 1])
        else:
            parts.append(f"{_LISTS[fact]} {_or([_quoted(space, value) for value in values])}")
    return "".join(f", {part}" for part in parts)


def _quoted(space: Space, value: StrEnum) -> str:
    # What the new agreement says of it counts: that is the one somebody is asked to approve.
    mark = named(space.bundles[-1], value).removeprefix(value.value)
    return f"`{value.value}`{mark}"


def _consent(space: Space, change: Change) -> str:
    if change.kind not in (Kind.GIVEN, Kind.TAKEN) or _is_said(space, change, "consent_state"):
        return ""
    if not change.is_without_consent:
        return ", with consent only"
    if change.is_for_adults and not change.is_for_adults_without_consent:
        return ", without consent (about an adult: with consent only)"
    return ", without consent"


def _kinds(space: Space, change: Change, fact: str) -> str:
    values = _values(space, change, fact)
    return "any agency kind" if values is None else _all_but(values, "any agency kind", _plain)


def _codes(space: Space, change: Change, fact: str, every: str) -> str:
    values = _values(space, change, fact)
    return every if values is None else _all_but(values, every, lambda term: f"`{term.value}`")


def _all_but(values: Sequence[StrEnum], every: str, name: Callable[[StrEnum], str]) -> str:
    others = [term for term in type(values[0]) if term not in values]
    if len(others) <= MOST_LEFT_OUT and len(others) < len(values):
        return f"{every} but {_or([name(term) for term in others])}"
    return _or([name(term) for term in values])


def _rank(term: object) -> int:
    return list(type(term)).index(term) if isinstance(term, StrEnum) else int(bool(term))


def _plain(term: StrEnum) -> str:
    return term.value.replace("_", " ")


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
