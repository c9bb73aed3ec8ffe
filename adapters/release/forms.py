"""From a form (a JSON object a person filled in) to the content of an authored fragment: names and types only.

What the words mean is checked by ``adapters.release.authored``; here unknown fields are refused and dates and terms of
the form become values.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from adapters.nrm.typology import Element, ExploitationType
from adapters.picture.speech import lazy_gettext as _
from adapters.release import authored
from adapters.release.contexts import ContextSetting, InfoGrade, SourceGrade, context
from adapters.release.drafts import Draft, keep_authored, list_drafts
from adapters.release.movements import ReturnInterview, missing_episode, movement
from adapters.release.offence_answers import CourtStanding, offence_answer
from adapters.release.placements import LegalStatus, PlaceKind, placement
from adapters.release.quoting import inherited_handling
from adapters.release.relations import RelationRole, relation
from adapters.release.strategy import (
    Attendance,
    DiscussionAction,
    DiscussionState,
    Invitation,
    InvitationAnswer,
    PlacementOption,
    PlacementReason,
)
from adapters.release.writing import Author, AuthoredRefused, Bearing, ElementView, Position, SourceKind
from adapters.store.database import Store
from policies.vocabulary import Category, Role, WishesState

E = TypeVar("E", bound=StrEnum)
WRITER_ROLES: tuple[Role, ...] = tuple(role for role in Role if role is not Role.INTAKE)
"""What a person may be who writes; ``intake`` is an agency's own key and no person."""
MAX_NAMED_FIELDS = 5
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")

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
    Category.CONTEXT: context,
    Category.MOVEMENT: movement,
    Category.MISSING_EPISODE: missing_episode,
    Category.PLACEMENT: placement,
    Category.RELATION: relation,
    Category.OFFENCE: offence_answer,
}
_FLAGS = frozenset(
    {
        "threshold_met",
        "is_quorate",
        "concern_for_future",
        "involves_ictg",
        "police_protection_considered",
        "referral_considered",
        "prosecutor_told",
        "defence_told",
        "child_asked",
        "lives_with_child",
        "said_to_exploit",
        "safe_to_contact",
    }
)
_LISTS = frozenset({"derived_from", "agencies", "evidence_relied_on", "actions"})
_DATES = frozenset({"asked_on", "ask_again_on", "due", "held_on", "referred_on", "interview_on", "next_court_date"})
_TERMS: Mapping[str, type[StrEnum]] = {
    "words_are": authored.WordsAre,
    "question": authored.Question,
    "status": authored.DisagreementStatus,
    "because": authored.RefusedBecause,
    "coming": authored.Coming,
    "setting": ContextSetting,
    "source_kind": SourceKind,
    "source_grade": SourceGrade,
    "info_grade": InfoGrade,
    "return_interview": ReturnInterview,
    "court": CourtStanding,
    "place_kind": PlaceKind,
    "legal_status": LegalStatus,
    "who": RelationRole,
}
_STATES: Mapping[Category, type[StrEnum]] = {
    Category.WISHES_AND_FEELINGS: WishesState,
    Category.SAFEGUARDING_ACTION: authored.ActionState,
    Category.SERVICE_REFERRAL: authored.ReferralState,
    Category.STRATEGY_DISCUSSION: DiscussionState,
}


def build_content(category: Category, by: Author, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an authored fragment. Raises ``AuthoredRefused`` naming the field."""
    builder = BUILDERS.get(category)
    if builder is None:
        raise AuthoredRefused(f"{category.value} is not written by hand; expected one of {listed(sorted(BUILDERS))}")
    fields = written_fields(category)
    require_fields(category.value, form, {name for name, needed in fields.items() if needed}, set(fields))
    return builder(by, **{name: _convert(category, name, value) for name, value in form.items()})


def content_for(store: Store, case: str, category: Category, by: Author, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an authored fragment of a case; what it quotes gives it its strictest handling.

    Raises ``AuthoredRefused`` naming the field, ``QuoteRefused`` where a quoted fragment is not known here.
    """
    content = build_content(category, by, form)
    quoted = content.get("derived_from", [])
    if quoted:
        content["handling"] = inherited_handling(store, case, quoted).to_json()
    return content


def keep_why(store: Store, case: str, by: Author, words: Any, kind: str) -> Draft:
    """Keep the words that say why, as a draft of a statement detail of a kind (``STATEMENT_KINDS``).

    Raises ``AuthoredRefused``.
    """
    content = authored.statement_detail(
        by, statement_kind=kind, words=words, source_kind=authored.SourceKind.PROFESSIONAL_OBSERVATION
    )
    draft = keep_authored(store, case, Category.STATEMENT_DETAIL, content, by.written_at)
    return next(item for item in list_drafts(store, case) if item.draft == draft)


def written_fields(category: Category) -> dict[str, bool]:
    """Return the fields of a kind that is written by hand, in order, each with whether it must be there."""
    takes = inspect.signature(BUILDERS[category]).parameters
    return {
        name: item.default is inspect.Parameter.empty for name, item in takes.items() if item.kind is item.KEYWORD_ONLY
    }


def author_of(form: dict[str, Any], at: datetime) -> Author:
    """Take the author's role and job title out of a form. Raises ``AuthoredRefused``."""
    missing = [name for name in ("role", "job_title") if name not in form]
    if missing:
        raise AuthoredRefused(
            f"missing fields: {listed(missing)}; role is the writer's role in the case, job_title their job"
        )
    role = require_choice("role", WRITER_ROLES, form.pop("role"))
    return Author(Role(role), form.pop("job_title"), at)


def require_fields(form_name: str, form: Mapping[str, Any], required: Set[str], known: Set[str]) -> None:
    """Raise ``AuthoredRefused`` for a field that the form does not have, or one that it needs and is not there."""
    unknown, missing = sorted(set(form) - known), sorted(required - set(form))
    said = []
    if unknown:
        # What stands in the place of a name may be anything that somebody typed.
        named = [name if _FIELD_NAME.fullmatch(name) else "(not a field's name)" for name in unknown]
        said.append(f"unknown fields: {listed(named[:MAX_NAMED_FIELDS])}")
    if missing:
        said.append(f"missing fields: {listed(missing[:MAX_NAMED_FIELDS])}")
    if said:
        fields = listed(sorted(known))
        raise AuthoredRefused(f"form of {form_name}: {'; '.join(said)}; its fields are {fields}")


def listed(terms: Iterable[str]) -> str:
    """Return terms as a person reads them: with commas between them."""
    return ", ".join(str(term) for term in terms)


def require_choice(name: str, terms: Iterable[str], value: object) -> str:
    """Return a value that is one of the terms. Raises ``AuthoredRefused`` with the terms, never with the value."""
    allowed = [str(term) for term in terms]
    if not isinstance(value, str) or value not in allowed:
        raise AuthoredRefused(_("expected one of %(listed)s", listed=listed(allowed)), name)
    return value


def require_one_of(name: str, kind: type[E], value: object) -> E:
    """Return the term of a closed list. Raises ``AuthoredRefused`` with the terms of the list."""
    return kind(require_choice(name, kind, value))


def _convert(category: Category, name: str, value: Any) -> Any:
    if name in _FLAGS:
        return _flag(name, value)
    if name in _LISTS:
        return text_list(name, value)
    if name in _OBJECTS:
        return [_OBJECTS[name](item) for item in _list(name, value)]
    if value is None:
        return None
    if name in _DATES:
        return _date(name, value)
    if name == "state":
        return require_one_of(name, _STATES[category], value)
    if name in _TERMS:
        return require_one_of(name, _TERMS[name], value)
    return _words(name, value)


def expected_of(category: Category, name: str) -> tuple[str, tuple[str, ...]]:
    """Return what a field takes in plain words, and its closed list where it has one."""
    if name in _FLAGS:
        return "true or false", ()
    if name in _LISTS:
        return "list of texts", ()
    if name in _OBJECTS:
        return "list of objects", ()
    if name in _DATES:
        return "date, such as 2026-01-31", ()
    if name == "state":
        return "one of", tuple(_STATES[category])
    if name in _TERMS:
        return "one of", tuple(_TERMS[name])
    return "text", ()


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise AuthoredRefused(_("expected true or false"), name)
    return value


def text_list(name: str, value: Any) -> list[str]:
    """Return a list of texts of a form. Raises ``AuthoredRefused``."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise AuthoredRefused(_("expected a list of texts"), name)
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise AuthoredRefused(_("expected a list of objects"), name)
    return value


def _date(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise AuthoredRefused(_("expected a date such as 2026-01-31"), name) from error


def _position(item: Mapping[str, Any]) -> Position:
    if set(item) - {"agency", "position", "evidence"} or not {"agency", "position"} <= set(item):
        raise AuthoredRefused(_("expected agency, position and evidence"), "positions")
    return Position(
        _words("agency", item["agency"]), _words("position", item["position"]), _evidence(item.get("evidence", []))
    )


def _element(item: Mapping[str, Any]) -> ElementView:
    if set(item) - {"element", "bearing", "evidence", "exploitation"} or not {"element", "bearing"} <= set(item):
        raise AuthoredRefused(_("expected element, bearing, evidence and, for purpose, exploitation"), "elements")
    exploitation = item.get("exploitation")
    return ElementView(
        element=require_one_of("element", Element, item["element"]),
        bearing=require_one_of("bearing", Bearing, item["bearing"]),
        evidence=_evidence(item.get("evidence", [])),
        exploitation=None if exploitation is None else require_one_of("exploitation", ExploitationType, exploitation),
    )


def _invitation(item: Mapping[str, Any]) -> Invitation:
    if set(item) - {"agency", "answer", "attendance", "who"} or not {"agency", "answer", "attendance"} <= set(item):
        raise AuthoredRefused(_("expected agency, answer, attendance and perhaps who"), "invitations")
    return Invitation(
        _words("agency", item["agency"]),
        require_one_of("answer", InvitationAnswer, item["answer"]),
        require_one_of("attendance", Attendance, item["attendance"]),
        None if item.get("who") is None else _words("who", item["who"]),
    )


def _placement(item: Mapping[str, Any]) -> PlacementOption:
    if set(item) != {"option", "reasons", "why", "is_chosen"}:
        raise AuthoredRefused(_("expected option, reasons, why and is_chosen"), "placement_options")
    return PlacementOption(
        _words("option", item["option"]),
        tuple(require_one_of("reasons", PlacementReason, code) for code in text_list("reasons", item["reasons"])),
        _words("why", item["why"]),
        _flag("is_chosen", item["is_chosen"]),
    )


def _agreed(item: Mapping[str, Any]) -> DiscussionAction:
    if set(item) != {"action", "owner", "due"}:
        raise AuthoredRefused(_("expected action, owner and due"), "discussion_actions")
    return DiscussionAction(_words("action", item["action"]), _words("owner", item["owner"]), _date("due", item["due"]))


def _evidence(value: Any) -> tuple[str, ...]:
    return tuple(text_list("evidence", value))


def _words(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AuthoredRefused(_("expected words, got something else"), name)
    return value


_OBJECTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "positions": _position,
    "elements": _element,
    "invitations": _invitation,
    "placement_options": _placement,
    "discussion_actions": _agreed,
}
