"""From what a person typed into a form to the fields of its kind, and back: each refusal stands at its question.

Pure. What was typed is shown again as it came; it is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _later
from werkzeug.datastructures import MultiDict

from adapters.picture.content import read_content
from adapters.picture.dates import parse_partial
from adapters.picture.speech import shown
from adapters.release.forms import written_fields
from adapters.release.writing import AuthoredRefused, Coming, ReferralState
from adapters.workspace.day_parts import PARTS, NotADay, typed_date
from adapters.workspace.written_terms import DATES, MAX_GROUPS, OTHER_SERVICE, Asked, Takes, WrittenKind
from policies.vocabulary import Category

Typed = MultiDict[str, str]
COMMON = frozenset({"form_token", "role", "job_title", "add", "remove", "send"})
MAX_NUMBER_CHARS = 4
YES, NO = "yes", "no"
_PLAIN = (
    ("not before the day", _later("The day must be today or later")),
    ("not after the day of writing", _later("The day cannot be in the future")),
    ("not before the first", _later("This is before the first date")),
    ("where it was not done", _later("This belongs to a yes above. Answer yes, or take it out")),
    ("with date_set", _later("Give the day where a date is set, and only there")),
    ("with a whole day", _later("A time needs the whole day above: day, month and year")),
    ("time of day", _later("Write the time, such as 14:30")),
    ("a time that is over", _later("This time is still to come")),
    ("within", _later("Check the year: it is too far from today")),
    ("control character", _later("There is a character in it that cannot be read. Type it again")),
    ("one line", _later("Write it in one line")),
    ("fragments, 32", _later("Choose from the list")),
)
_BETWEEN_FIELDS = {
    Category.SAFEGUARDING_ACTION: (("outcome", "outcome"), ("due", "due")),
    Category.DISAGREEMENT: (("explanation", "explanation"), ("day", "due")),
    Category.SERVICE_REFERRAL: (("outcome", "outcome"),),
    Category.MOVEMENT: (("place", "from_place"),),
    Category.MISSING_EPISODE: (("day of an interview", "interview_on"), ("return interview", "return_interview")),
    Category.OFFENCE: (("four questions", "referral_considered"),),
}
"""What a refusal of a whole form is about: a word in it, and the question at which it is said."""
_WRONG_THERE = {
    (Category.MOVEMENT, "from_place"): _later("Say from where, or to where. At least one of the two is needed"),
    (Category.MISSING_EPISODE, "interview_on"): _later(
        "You give a day, but not that an interview was offered or held. Change one of the two"
    ),
    (Category.MISSING_EPISODE, "return_interview"): _later(
        "Give the day on which the child came back, or leave the return interview open"
    ),
}
"""What is wrong there, where the question's own help does not say it."""


@dataclass(frozen=True, slots=True)
class FragmentChoice:
    """A fragment that may be ticked: its id, its short name on the pages, one line, whose it is."""

    fragment: str
    ref: str
    line: str
    agency: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen in a form: agencies of the case (id, name), fragments of the opened case or None."""

    agencies: tuple[tuple[str, str], ...]
    fragments: tuple[FragmentChoice, ...] | None

    @property
    def known(self) -> frozenset[str]:
        """The ids that may be ticked."""
        return frozenset(item.fragment for item in self.fragments or ())


@dataclass(frozen=True, slots=True)
class Shown:
    """One question as the page shows it: the id of its answer, what stands in it, and what is wrong with it."""

    asked: Asked
    id: str
    values: tuple[str, ...] = ()
    error: str = ""
    groups: tuple[tuple[Shown, ...], ...] = ()

    @property
    def value(self) -> str:
        """The one value of a question that takes one."""
        return self.values[0] if self.values else ""


@dataclass(slots=True)
class ReadForm:
    """What was read: fields for the builder, and errors by the id of the answer they stand at, in order."""

    fields: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def known_names(kind: WrittenKind, typed: Typed) -> frozenset[str]:
    """Return the names that a form of this kind may send."""
    return COMMON | frozenset(_names(kind.questions, "", typed))


def _names(questions: Sequence[Asked], prefix: str, typed: Typed) -> Iterator[str]:
    for asked in questions:
        name = f"{prefix}{asked.name}"
        if asked.takes in DATES:
            yield from (f"{name}-{part}" for part in ("day", "month", "year"))
        elif asked.takes is Takes.GROUPS:
            yield f"{name}-count"
            for number in range(count_groups(asked, typed, prefix)):
                yield from _names(asked.parts, f"{name}-{number}-", typed)
        else:
            yield name


def count_groups(asked: Asked, typed: Typed, prefix: str = "") -> int:
    """Return how many groups a form has: what it says, within limits."""
    text = typed.get(f"{prefix}{asked.name}-count", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_CHARS
    return min(int(text), MAX_GROUPS) if is_number else asked.first


def change_groups(kind: WrittenKind, typed: Typed) -> tuple[Typed, str] | None:
    """Return the form with a group more or less and where it changed, where that was asked for; None: it was not.

    ``add`` names the question, ``remove`` the question and the number of the group.
    """
    add, remove = typed.get("add"), typed.get("remove")
    changed: Typed = MultiDict(
        (name, value) for name, value in typed.items(multi=True) if name not in ("add", "remove")
    )
    for asked in kind.questions:
        if asked.takes is not Takes.GROUPS:
            continue
        count = count_groups(asked, typed)
        if add == asked.name and count < MAX_GROUPS:
            changed[f"{asked.name}-count"] = str(count + 1)
            return changed, f"{asked.name}-{count}"
        for number in range(count):
            if remove == f"{asked.name}-{number}":
                return _without(changed, asked.name, number, count), asked.name
    return (changed, "") if add is not None or remove is not None else None


def _without(typed: Typed, name: str, gone: int, count: int) -> Typed:
    kept: Typed = MultiDict()
    for key, value in typed.items(multi=True):
        head, _dash, rest = key.removeprefix(f"{name}-").partition("-")
        if not key.startswith(f"{name}-") or not head.isdigit():
            kept.add(key, value)
        elif int(head) != gone:
            number = int(head) - (int(head) > gone)
            kept.add(f"{name}-{number}-{rest}", value)
    kept[f"{name}-count"] = str(count - 1)
    return kept


def show(kind: WrittenKind, typed: Typed, errors: Mapping[str, str]) -> tuple[Shown, ...]:
    """Return the questions with what was typed and what is wrong."""
    return _show(kind.questions, "", typed, errors)


def _show(questions: Sequence[Asked], prefix: str, typed: Typed, errors: Mapping[str, str]) -> tuple[Shown, ...]:
    shown = []
    for asked in questions:
        name = f"{prefix}{asked.name}"
        groups: tuple[tuple[Shown, ...], ...] = ()
        if asked.takes in DATES:
            values = tuple(typed.get(f"{name}-{part}", "") for part in ("day", "month", "year"))
        elif asked.takes is Takes.GROUPS:
            values = ()
            numbers = range(count_groups(asked, typed, prefix))
            groups = tuple(_show(asked.parts, f"{name}-{number}-", typed, errors) for number in numbers)
        else:
            values = tuple(typed.getlist(name))
        shown.append(Shown(asked, name, values, errors.get(name, ""), groups))
    return tuple(shown)


def read_typed(kind: WrittenKind, typed: Typed, choices: Choices) -> ReadForm:
    """Read a form: the fields for ``adapters.release.forms.build_content``, and what is wrong, by question."""
    read = ReadForm()
    _read(kind.questions, "", typed, choices, read.fields, read.errors)
    for name, has_to_be_there in written_fields(kind.category).items():
        if has_to_be_there:
            # Whether nothing is an answer depends on the others: the builder knows.
            read.fields.setdefault(name, None)
    if kind.category is Category.SERVICE_REFERRAL:
        _read_referral(read)
    if read.fields.get("coming") == Coming.NOT.value and not read.fields.get("text"):
        read.errors.setdefault("text", _("Say why nobody of your agency comes"))
    if kind.category is Category.PROFESSIONAL_VIEW:
        _read_elements(typed, read)
    if kind.category is Category.DISAGREEMENT:
        _read_positions(typed, read)
    return read


def _read(
    questions: Sequence[Asked],
    prefix: str,
    typed: Typed,
    choices: Choices,
    fields: dict[str, Any],
    errors: dict[str, str],
) -> None:
    for asked in questions:
        name = f"{prefix}{asked.name}"
        try:
            if asked.takes is Takes.GROUPS:
                value: Any = _read_groups(asked, typed, choices, errors)
            else:
                value = _READERS[asked.takes](asked, name, typed, choices)
        except _Wrong as wrong:
            errors[name] = str(wrong)
            continue
        if value in (None, "", []):
            if asked.is_needed and name not in errors:
                errors[name] = str(asked.missing)
            continue
        fields[asked.name] = value


class _Wrong(Exception):
    """An answer cannot be read; the text is for the person."""


def _read_groups(asked: Asked, typed: Typed, choices: Choices, errors: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for number in range(count_groups(asked, typed)):
        prefix = f"{asked.name}-{number}-"
        if not any(value.strip() for key, value in typed.items(multi=True) if key.startswith(prefix)):
            continue
        group: dict[str, Any] = {}
        _read(asked.parts, prefix, typed, choices, group, errors)
        found.append(group)
    return found


def _line(asked: Asked, name: str, typed: Typed, _choices: Choices) -> str:
    text = typed.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > asked.limit:
        raise _Wrong(
            _(
                "Shorten it: at most %(limit)s characters, and it has %(count)s",
                limit=f"{asked.limit:,}",
                count=f"{len(text):,}",
            )
        )
    if asked.takes is Takes.LINE and "\n" in text:
        raise _Wrong(_("Write it in one line"))
    return text


def _date(_asked: Asked, name: str, typed: Typed, _choices: Choices) -> str | None:
    parts = [typed.get(f"{name}-{part}", "").strip() for part in ("day", "month", "year")]
    if not any(parts):
        return None
    try:
        if not all(part.isascii() and part.isdigit() and len(part) <= MAX_NUMBER_CHARS for part in parts):
            raise ValueError
        return date(int(parts[2]), int(parts[1]), int(parts[0])).isoformat()
    except ValueError:
        raise _Wrong(_("Enter a real day, such as 27 3 2026")) from None


def _part_date(_asked: Asked, name: str, typed: Typed, _choices: Choices) -> str:
    try:
        return typed_date({f"{name}.{part}": typed.get(f"{name}-{part}", "") for part in PARTS}, name)
    except NotADay:
        raise _Wrong(_("Enter a real date, such as 27 3 2026, 3 2026 or 2026")) from None


def _yes_no(_asked: Asked, name: str, typed: Typed, _choices: Choices) -> bool | None:
    value = typed.get(name, "")
    if value not in ("", YES, NO):
        raise _Wrong(_("Choose yes or no"))
    return None if not value else value == YES


def _choice(asked: Asked, name: str, typed: Typed, _choices: Choices) -> str:
    value = typed.get(name, "")
    if value and value not in {term for term, _words in asked.terms}:
        raise _Wrong(_("Choose from the list"))
    return value


def _agency(_asked: Asked, name: str, typed: Typed, choices: Choices) -> str:
    value = typed.get(name, "")
    if value and value not in {agency for agency, _name in choices.agencies}:
        raise _Wrong(_("Choose an agency of this case"))
    return value


def _agencies(_asked: Asked, name: str, typed: Typed, choices: Choices) -> list[str]:
    values = list(dict.fromkeys(typed.getlist(name)))
    if not set(values) <= {agency for agency, _name in choices.agencies}:
        raise _Wrong(_("Choose agencies of this case"))
    return values


def _fragments(_asked: Asked, name: str, typed: Typed, choices: Choices) -> list[str]:
    values = list(dict.fromkeys(typed.getlist(name)))
    if values and choices.fragments is None:
        raise _Wrong(_("The case was closed in the meantime. Open its picture in another tab, then send this again"))
    if not set(values) <= choices.known:
        raise _Wrong(_("A record that you ticked is not open to you any more. Choose again"))
    return values


def _fragment(asked: Asked, name: str, typed: Typed, choices: Choices) -> str | None:
    return next(iter(_fragments(asked, name, typed, choices)), None)


_READERS = {
    Takes.LINE: _line,
    Takes.TEXT: _line,
    Takes.DATE: _date,
    Takes.PART_DATE: _part_date,
    Takes.YES_NO: _yes_no,
    Takes.CHOICE: _choice,
    Takes.AGENCY: _agency,
    Takes.AGENCIES: _agencies,
    Takes.FRAGMENTS: _fragments,
    Takes.FRAGMENT: _fragment,
}


def _read_referral(read: ReadForm) -> None:
    other = read.fields.pop("other_service", "")
    if read.fields.get("to_service") == OTHER_SERVICE:
        read.fields["to_service"] = other
        if not other and "other_service" not in read.errors:
            read.errors["other_service"] = _("Name the service")
    if read.fields.get("state") == ReferralState.REFUSED.value and not read.fields.get("outcome"):
        read.errors.setdefault("outcome", _("Say why it was refused"))


def _read_elements(typed: Typed, read: ReadForm) -> None:
    for number in range(MAX_GROUPS):
        element, has_type = typed.get(f"elements-{number}-element"), typed.get(f"elements-{number}-exploitation")
        if element == "purpose" and not has_type:
            read.errors.setdefault(
                f"elements-{number}-exploitation", _("With purpose, choose the type of exploitation")
            )
        elif element and element != "purpose" and has_type:
            read.errors.setdefault(
                f"elements-{number}-exploitation", _("The type of exploitation belongs to purpose only. Take it out")
            )


def _read_positions(typed: Typed, read: ReadForm) -> None:
    named = [typed.get(f"positions-{number}-agency") for number in range(MAX_GROUPS)]
    for number, agency in enumerate(named):
        if agency and agency in named[:number]:
            problem = _("What this agency holds stands above already. Say it there, or choose another agency")
            read.errors.setdefault(f"positions-{number}-agency", problem)
    if len({agency for agency in named if agency}) < 2:
        read.errors.setdefault("positions", _("Give what at least two agencies hold, each agency once"))


def place_refusal(kind: WrittenKind, refusal: AuthoredRefused) -> tuple[str, str]:
    """Return at which question a builder's refusal is said, and in which words. Never what was typed."""
    name, text = refusal.field, refusal.words
    between = _BETWEEN_FIELDS.get(kind.category, ()) if name == kind.category.value else ()
    for word, question in between:
        if word in text:
            asked = kind.question(question)
            otherwise = asked.hint if asked is not None else shown(refusal.words)
            return question, str(_WRONG_THERE.get((kind.category, question), otherwise))
    for part, words in _PLAIN:
        if part in text:
            return (name if kind.question(name) is not None else first_question(kind)), str(words)
    where = name if kind.question(name) is not None else first_question(kind)
    said = shown(refusal.words)
    return where, _("This cannot be kept as it is: %(why)s", why=said if where == name else f"{name}: {said}")


def first_question(kind: WrittenKind) -> str:
    """Return the name of the first question that a person answers: what is said of a whole form stands there."""
    return next(item.name for item in kind.questions if item.takes is not Takes.FRAGMENT)


def prefill(kind: WrittenKind, content: Mapping[str, Any]) -> Typed:
    """Return what a person would have typed for a content that this form made before."""
    typed: Typed = MultiDict()
    read = read_content(content, kind.category)
    for asked in kind.questions:
        if asked.takes is Takes.GROUPS:
            groups = read.groups.get(asked.stored, ())
            typed[f"{asked.name}-count"] = str(max(len(groups), asked.first))
            for number, group in enumerate(groups):
                for part in asked.parts:
                    texts = [value.text for value in group.get(part.stored, ()) if value.is_given]
                    _fill(typed, part, f"{asked.name}-{number}-{part.name}", texts)
        elif asked.name == "derived_from":
            _fill(typed, asked, asked.name, list(read.derived_from))
        elif asked.name == "source_kind":
            _fill(typed, asked, asked.name, [read.source_kind.value])
        else:
            field, _dot, name = asked.stored.partition(".")
            values = [value for group in read.groups.get(field, ()) for value in group.get(name, ())]
            _fill(typed, asked, asked.name, [item.text for item in values or read.given(field) if item.is_given])
    if kind.category is Category.SERVICE_REFERRAL:
        _fill_referral(kind, typed)
    return typed


def _fill(typed: Typed, asked: Asked, name: str, values: Sequence[str]) -> None:
    if asked.takes in DATES:
        fill_dates(typed, name, values[0] if values else None)
    else:
        typed.setlist(name, list(values))


def fill_dates(typed: Typed, name: str, day: str | None) -> None:
    """Put a day, a month or a year of a record into its boxes; one that is written in another way into none."""
    read = parse_partial(day)
    if day is not None and read is not None:
        for part, text in zip(("year", "month", "day"), day[:10].split("-"), strict=False):
            typed[f"{name}-{part}"] = text.lstrip("0")


def _fill_referral(kind: WrittenKind, typed: Typed) -> None:
    asked, service = kind.question("to_service"), typed.get("to_service", "")
    if asked is not None and service not in {term for term, _words in asked.terms}:
        typed["to_service"], typed["other_service"] = OTHER_SERVICE, service
