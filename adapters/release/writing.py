"""The parts that every fragment written by a person is made of: author, terms, checked words, the envelope.

What is not of the agreed form raises ``AuthoredRefused``; its text names the field, what was expected and what was
got, never the words themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from adapters.nrm.typology import Element, ExploitationType
from adapters.picture.speech import lazy_gettext as _
from adapters.sources.draft import Value, ValueState
from adapters.uk_time import uk_day, uk_local
from policies.model import Malformed, render_time, require_agency, require_id
from policies.vocabulary import Category, Role

MAX_TEXT_CHARS = 15_000
MAX_LINE_CHARS = 300
MAX_REQUEST_CHARS = 4_000
MAX_EVIDENCE = 200
MAX_NOTE_AGE_YEARS = 30
MAX_DUE_DAYS = 366
"""How far ahead an agency may be asked for something: what is due later than that was mistyped."""

_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FORBIDDEN_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_PARTIAL = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?", re.ASCII)
_LOCATOR = "form"

E = TypeVar("E", bound=StrEnum)


class AuthoredRefused(ValueError):
    """Something a person wrote cannot become a fragment. The text says which field and why, never what was written.

    ``words`` say why without naming the field, in the reader's language where they are a sentence.
    """

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(f"{field}: {words}" if field else words)
        self.words, self.field = words, field


class SourceKind(StrEnum):
    """Whose account a fragment is (nrm.md 1.5)."""

    CHILD_ACCOUNT = "child_account"
    CARER_ACCOUNT = "carer_account"
    PROFESSIONAL_OBSERVATION = "professional_observation"
    RECORD = "record"
    INTELLIGENCE = "intelligence"
    DOCUMENT = "document"


class WordsAre(StrEnum):
    """How words reached the page: as said, through an interpreter, or as the writer understood them."""

    AS_SAID = "as_said"
    INTERPRETED = "interpreted"
    IN_OTHER_WORDS = "in_other_words"


class DisagreementStatus(StrEnum):
    """Where a disagreement stands (nrm.md 7, section 8)."""

    OPEN = "open"
    EXPLAINED = "explained"
    RESOLVED = "resolved"
    ESCALATED = "escalated"


class ActionState(StrEnum):
    """Where an action stands."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    NOT_DONE = "not_done"


class ReferralState(StrEnum):
    """Where a referral to a service stands: made, what the service answered, and what came of it."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    DONE = "done"
    NOT_DONE = "not_done"


class RefusedBecause(StrEnum):
    """Why an agency that was asked does not tell: codes that the hub's refusal statements have too."""

    NOT_RELEVANT = "not_relevant"
    MORE_HARM_THAN_GOOD = "more_harm_than_good"
    LAW_FORBIDS = "law_forbids"
    CONSENT = "consent"
    POLICY = "policy"


class Coming(StrEnum):
    """What an agency that was invited to a strategy discussion answers itself."""

    IN_PERSON = "coming"
    REMOTELY = "coming_remotely"
    NOT = "not_coming"


class Bearing(StrEnum):
    """Whether a view supports an element or speaks against it."""

    SUPPORTS = "supports"
    UNDERMINES = "undermines"


class Question(StrEnum):
    """What a panel decides (nrm.md 2.3)."""

    RG = "rg"
    CG = "cg"
    RG_AND_CG = "rg_and_cg"


class Outcome(StrEnum):
    """What a panel may answer."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    ADJOURN = "adjourn"


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, in which role of the case, and when. The name stays inside the agency."""

    role: Role
    job_title: str
    written_at: datetime

    def __post_init__(self) -> None:
        if self.written_at.tzinfo is None:
            raise AuthoredRefused(_("expected a time with its zone, got one without"), "written_at")
        require_line("job_title", self.job_title)

    @property
    def day(self) -> date:
        """The day in the UK on which they write: what happened today is not in the future."""
        return uk_day(self.written_at)


@dataclass(frozen=True, slots=True)
class Position:
    """What one agency holds on a disputed point, and the fragments it rests on."""

    agency: str
    position: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ElementView:
    """A judgement on one element: which, which way it bears, the fragments it rests on. Purpose names its type."""

    element: Element
    bearing: Bearing
    evidence: tuple[str, ...]
    exploitation: ExploitationType | None = None


Fields = dict[str, Any]


def require_text(name: str, text: object, limit: int = MAX_TEXT_CHARS) -> str:
    if not isinstance(text, str) or not text.strip():
        raise AuthoredRefused(_("expected words, got nothing"), name)
    kept = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(kept) > limit:
        raise AuthoredRefused(
            _("expected at most %(most)s characters, got %(count)s", most=limit, count=len(kept)), name
        )
    if _FORBIDDEN_CONTROL.search(kept):
        raise AuthoredRefused(_("expected readable text, got a control character; type it again"), name)
    return kept


def require_line(name: str, text: object, limit: int = MAX_LINE_CHARS) -> str:
    line = require_text(name, text, limit)
    if "\n" in line:
        raise AuthoredRefused(_("expected one line, got several"), name)
    return line


def require_written_term(name: str, kind: type[E], value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise AuthoredRefused(_("expected one of %(listed)s", listed=", ".join(kind)), name) from error


def require_day(name: str, day: object, by: Author, *, may_be_future: bool = False) -> str:
    if not isinstance(day, date) or isinstance(day, datetime):
        raise AuthoredRefused(_("expected a date"), name)
    if not may_be_future and day > by.day:
        raise AuthoredRefused(_("expected a date not after the day of writing"), name)
    if abs(day.year - by.day.year) > MAX_NOTE_AGE_YEARS:
        raise AuthoredRefused(
            _("expected a date within %(most)s years of the day of writing", most=str(MAX_NOTE_AGE_YEARS)), name
        )
    return day.isoformat()


def require_due(name: str, day: object, by: Author) -> str:
    """Return the day by which another agency is asked to act, as ``2026-05-17``. Raises ``AuthoredRefused``."""
    due = require_day(name, day, by, may_be_future=True)
    if date.fromisoformat(due) > by.day + timedelta(days=MAX_DUE_DAYS):
        raise AuthoredRefused(_("expected a day within a year of the day of writing"), name)
    return due


def require_part_date(name: str, text: object, by: Author) -> tuple[date, date]:
    """Return the first and the last day that a date as precise as it is known can mean. Raises ``AuthoredRefused``."""
    wrong = AuthoredRefused(_("expected 2026, 2026-05 or 2026-05-17"), name)
    if not isinstance(text, str) or _PARTIAL.fullmatch(text) is None:
        raise wrong
    try:
        first = date.fromisoformat((text + "-01-01")[:10])
        last = date.fromisoformat((text + "-12-31")[:10]) if len(text) != len("2026-05") else _month_end(first)
    except (ValueError, OverflowError) as error:
        raise wrong from error
    if first > by.day:
        raise AuthoredRefused(_("expected a date not after the day of writing"), name)
    if by.day.year - first.year > MAX_NOTE_AGE_YEARS:
        raise AuthoredRefused(
            _("expected a date within %(most)s years of the day of writing", most=str(MAX_NOTE_AGE_YEARS)), name
        )
    return first, last


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def require_time_of_day(name: str, text: object) -> str:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise AuthoredRefused(_("expected a time of day such as 09:30"), name)
    return text


def is_to_come(day: date, time: str, by: Author) -> bool:
    """Whether a time of day in the UK, such as ``09:30``, is later than the moment at which somebody writes of it."""
    return (day, time) > (by.day, f"{uk_local(by.written_at):%H:%M}")


def require_ids(name: str, fragments: Sequence[str], limit: int = MAX_EVIDENCE) -> list[str]:
    if len(fragments) > limit:
        raise AuthoredRefused(
            _("expected at most %(most)s fragments, got %(count)s", most=str(limit), count=str(len(fragments))), name
        )
    try:
        return sorted({require_id(item, name) for item in fragments})
    except Malformed as error:
        raise AuthoredRefused(_("expected ids of fragments, 32 hexadecimal characters each"), name) from error


def require_agency_id(name: str, agency: str) -> str:
    try:
        return require_agency(agency, name)
    except Malformed as error:
        raise AuthoredRefused(_("expected the id of an agency of the case"), name) from error


def given(name: str, value: str | int | bool) -> dict[str, Any]:
    return Value(value, f"{_LOCATOR}:{name}").to_json()


def empty(name: str) -> dict[str, Any]:
    return Value(None, f"{_LOCATOR}:{name}", state=ValueState.EMPTY).to_json()


def put_optional(fields: Fields, name: str, value: str | None, limit: int = MAX_TEXT_CHARS) -> None:
    if value is not None:
        fields[name] = given(name, require_text(name, value, limit))


def put_line(fields: Fields, name: str, value: str | None, asked: str) -> None:
    """Put one line where it is given; ``asked`` is what the form calls it. Raises ``AuthoredRefused``."""
    if value is not None:
        fields[name] = given(name, require_line(asked, value))


def put_flag(fields: Fields, name: str, value: bool | None, asked: str) -> None:
    """Put a yes or a no where it is given; ``asked`` is what the form calls it. Raises ``AuthoredRefused``."""
    if value is not None:
        if not isinstance(value, bool):
            raise AuthoredRefused(_("expected true or false"), asked)
        fields[name] = given(name, value)


def put_not_before(fields: Fields, name: str, text: str | None, asked: str, first: date, by: Author) -> None:
    """Put a date as precise as it is known, where it is given and can lie on ``first`` or after it.

    ``asked`` is what the form calls it. Raises ``AuthoredRefused``.
    """
    if text is not None:
        if require_part_date(asked, text, by)[1] < first:
            raise AuthoredRefused(_("expected a date not before the first one"), asked)
        fields[name] = given(name, text)


def put_follows(fields: Fields, follows: str | None) -> list[str]:
    """Put the fragment of which a record says what came; return it as what is quoted. Raises ``AuthoredRefused``."""
    if follows is None:
        return []
    named = require_ids("follows", [follows])
    fields["hub_Follows"] = given("hub_Follows", named[0])
    return named


def evidence_list(name: str, fragments: Sequence[str]) -> list[dict[str, Any]]:
    return [given(name, item) for item in require_ids(name, fragments)]


def render_content(
    category: Category,
    summary: str,
    fields: Fields,
    by: Author,
    source_kind: SourceKind = SourceKind.PROFESSIONAL_OBSERVATION,
    *,
    observed_from: str | None = None,
    observed_to: str | None = None,
    derived_from: Sequence[str] = (),
    restricted: bool = False,
) -> dict[str, Any]:
    kind = require_written_term("source_kind", SourceKind, source_kind)
    observed = {"from": observed_from, "to": observed_to}
    content: dict[str, Any] = {
        "kind": category.value,
        "summary": summary,
        "fields": dict(sorted(fields.items())),
        "source": {
            "system": "written by a person",
            "format": "authored",
            "format_version": "1",
            "locator": _LOCATOR,
            "reader": "authored/1",
            "extracted_at": render_time(by.written_at),
            "author_role": by.role.value,
            "job_title": require_line("job_title", by.job_title),
            "source_kind": kind.value,
        },
        "restricted": restricted,
        "findings": [],
        "observed": {name: item for name, item in observed.items() if item is not None},
    }
    if derived_from:
        content["derived_from"] = require_ids("derived_from", derived_from)
    return content
