"""From a form (a JSON object a person filled in) to the content of an authored fragment: names and types only.

What the words mean is checked by ``adapters.release.authored``; here unknown fields are refused and dates and terms of
the form become values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Set
from datetime import date
from enum import StrEnum
from typing import Any

from adapters.nrm.typology import Element, ExploitationType
from adapters.release import authored
from adapters.release.writing import Author, AuthoredRefused, Bearing, ElementView, Position
from policies.vocabulary import Category, WishesState

BUILDERS: Mapping[Category, Callable[..., dict[str, Any]]] = {
    Category.SUBJECT_CARD: authored.subject_card,
    Category.WISHES_AND_FEELINGS: authored.wishes_and_feelings,
    Category.REQUEST: authored.request,
    Category.ANSWER: authored.answer,
    Category.PROFESSIONAL_VIEW: authored.professional_view,
    Category.DISAGREEMENT: authored.disagreement,
    Category.SAFEGUARDING_ACTION: authored.safeguarding_action,
    Category.SERVICE_REFERRAL: authored.service_referral,
    Category.STRATEGY_DISCUSSION: authored.strategy_discussion,
    Category.MEETING: authored.meeting,
}
_FLAGS = frozenset({"threshold_met", "is_quorate", "concern_for_future", "involves_ictg"})
_LISTS = frozenset({"derived_from", "agencies", "evidence_relied_on", "actions"})
_DATES = frozenset({"asked_on", "ask_again_on", "due", "held_on", "referred_on"})
_TERMS: Mapping[str, type[StrEnum]] = {
    "words_are": authored.WordsAre,
    "question": authored.Question,
    "outcome": authored.Outcome,
}
_STATES: Mapping[Category, type[StrEnum]] = {
    Category.WISHES_AND_FEELINGS: WishesState,
    Category.SAFEGUARDING_ACTION: authored.ActionState,
    Category.SERVICE_REFERRAL: authored.ActionState,
}


def build_content(category: Category, by: Author, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an authored fragment. Raises ``AuthoredRefused`` naming the field."""
    builder = BUILDERS.get(category)
    if builder is None:
        raise AuthoredRefused(f"{category.value} is not written by hand; expected one of {sorted(BUILDERS)}")
    takes = inspect.signature(builder).parameters
    known = {name for name, item in takes.items() if item.kind is item.KEYWORD_ONLY}
    required = {name for name in known if takes[name].default is inspect.Parameter.empty}
    require_fields(category, form, required, known)
    return builder(by, **{name: _convert(category, name, value) for name, value in form.items()})


def require_fields(category: Category, form: Mapping[str, Any], required: Set[str], known: Set[str]) -> None:
    """Raise ``AuthoredRefused`` for a field that the form does not have, or one that it needs and is not there."""
    unknown, missing = sorted(set(form) - known), sorted(required - set(form))
    if unknown or missing:
        named = [name[:40] for name in unknown[:5]]
        raise AuthoredRefused(f"form of {category.value}: unknown fields {named}, missing fields {missing[:5]}")


def _convert(category: Category, name: str, value: Any) -> Any:
    if name in _FLAGS:
        return _flag(name, value)
    if name in _LISTS:
        return text_list(name, value)
    if name == "positions":
        return [_position(item) for item in _list(name, value)]
    if name == "elements":
        return [_element(item) for item in _list(name, value)]
    if value is None:
        return None
    if name in _DATES:
        return _date(name, value)
    if name == "state":
        return _term(name, _STATES[category], value)
    if name == "status":
        return _term(name, authored.DisagreementStatus, value)
    if name in _TERMS:
        return _term(name, _TERMS[name], value)
    return _words(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise AuthoredRefused(f"{name}: expected true or false")
    return value


def text_list(name: str, value: Any) -> list[str]:
    """Return a list of texts of a form. Raises ``AuthoredRefused``."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise AuthoredRefused(f"{name}: expected a list of texts")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise AuthoredRefused(f"{name}: expected a list of objects")
    return value


def _date(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise AuthoredRefused(f"{name}: expected a date such as 2026-01-31") from error


def _term(name: str, kind: type[StrEnum], value: Any) -> StrEnum:
    try:
        return kind(value)
    except ValueError as error:
        raise AuthoredRefused(f"{name}: expected one of {[item.value for item in kind]}") from error


def _position(item: Mapping[str, Any]) -> Position:
    if set(item) - {"agency", "position", "evidence"} or not {"agency", "position"} <= set(item):
        raise AuthoredRefused("positions: expected agency, position and evidence")
    return Position(
        _words("agency", item["agency"]), _words("position", item["position"]), _evidence(item.get("evidence", []))
    )


def _element(item: Mapping[str, Any]) -> ElementView:
    if set(item) - {"element", "bearing", "evidence", "exploitation"} or not {"element", "bearing"} <= set(item):
        raise AuthoredRefused("elements: expected element, bearing, evidence and, for purpose, exploitation")
    exploitation = item.get("exploitation")
    return ElementView(
        element=Element(_term("element", Element, item["element"])),
        bearing=Bearing(_term("bearing", Bearing, item["bearing"])),
        evidence=_evidence(item.get("evidence", [])),
        exploitation=None
        if exploitation is None
        else ExploitationType(_term("exploitation", ExploitationType, exploitation)),
    )


def _evidence(value: Any) -> tuple[str, ...]:
    return tuple(text_list("evidence", value))


def _words(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AuthoredRefused(f"{name}: expected words, got something else")
    return value
