"""Who the child is, as each agency has it: every value kept, side by side, nothing merged away.

Values are compared only to say where they differ: names without marks and case (a system may lose accents), dates as
the spans their precision allows. A difference is a conflict for a person to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from adapters.nrm.lists import find_nationality, language_name
from adapters.picture.content import ReadValue, find_part
from adapters.picture.dates import AgeRange, age_range, parse_partial
from adapters.picture.neutral import has_mixed_scripts
from adapters.picture.provenance import Piece, Statement
from adapters.picture.referral import PILOT_DAYS, Referral, Scope
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import SEX_WORDS, day_words
from adapters.sources.subject import normalise_identifier, normalise_name
from policies.vocabulary import AgePath, Category

IDENTITY_CATEGORIES = frozenset({Category.IDENTITY, Category.SUBJECT_CARD})

LABELS: Mapping[str, str] = {
    "prs_FirstName": _("First name"),
    "prs_MiddleName": _("Middle name"),
    "prs_SecondName": _("Family name"),
    "hub_Alias": _("Other names"),
    "prs_Birthdate": _("Date of birth"),
    "hub_Sex": _("Sex as recorded"),
    "prs_Gender": _("Gender as told"),
    "prs_Citizenship": _("Nationality"),
    "prs_PrimaryLanguage": _("First language"),
    "prs_SecondaryLanguage": _("Second language"),
    "hub_InterpreterRequired": _("Interpreter needed"),
    "hub_Disability": _("Disability or learning need"),
    "hub_Ethnicity": _("Ethnicity as recorded"),
    "hub_NHSNumber": _("NHS number"),
    "hub_LAChildID": _("Local authority's own number"),
    "hub_UPN": _("Unique pupil number"),
    "hub_PNCID": _("Police national computer number"),
}
EXPECTED = ("prs_FirstName", "prs_SecondName", "prs_Birthdate", "hub_Sex", "prs_Citizenship", "prs_PrimaryLanguage")
_NAMES = frozenset({"prs_FirstName", "prs_MiddleName", "prs_SecondName"})
_NAME_PARTS = ("FirstName", "MiddleName", "SecondName")
_UNKNOWN = frozenset({"U", "NonSpecifiedUnknown"})
_MANY = frozenset({"hub_Alias", "prs_Citizenship", "hub_LAChildID", "hub_Disability", "hub_Ethnicity"})


@dataclass(frozen=True, slots=True)
class IdentityValue:
    """One value and everybody who has it like this. ``words``: what a code means, with the code beside it."""

    text: str
    words: str
    precision: str | None
    statements: tuple[Statement, ...]
    has_mixed_scripts: bool


@dataclass(frozen=True, slots=True)
class IdentityField:
    """One field with all its values. ``conflict``: at least two of them cannot both be right as written."""

    field: str
    label: str
    values: tuple[IdentityValue, ...]
    conflict: bool


@dataclass(frozen=True, slots=True)
class AgeReading:
    """What one recorded birth date means today. ``in_scope``: yes, no, or not_certain where precision allows both.

    The scope is that of the day of the referral; today's only before there is one.
    """

    birth_date: str
    precision: str
    ages: AgeRange
    in_scope: Scope
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The section."""

    fields: tuple[IdentityField, ...]
    not_known: tuple[str, ...]

    def field(self, name: str) -> IdentityField | None:
        """Return a field that at least one agency gives, or None."""
        return next((item for item in self.fields if item.field == name), None)


def collect_identity(pieces: Sequence[Piece]) -> Identity:
    """Collect identity values from identity records and subject cards: relatives' names stand in other categories."""
    sources = [piece for piece in pieces if piece.category in IDENTITY_CATEGORIES]
    fields = tuple(field for name in LABELS if (field := _field(name, sources)) is not None)
    known = {field.field for field in fields}
    return Identity(fields, tuple(LABELS[name] for name in EXPECTED if name not in known))


def _field(name: str, sources: Sequence[Piece]) -> IdentityField | None:
    said: dict[str, list[tuple[Piece, ReadValue, str | None]]] = {}
    for piece in sources:
        for value in _values(piece, name):
            said.setdefault(value.text, []).append((piece, value, _precision(piece, name)))
    if not said:
        return None
    values = tuple(
        IdentityValue(
            text=found[0][1].text,
            words=_in_words(name, found[0][1].text),
            precision=found[0][2],
            statements=tuple(piece.state(LABELS[name], value) for piece, value, _ in found),
            has_mixed_scripts=any(has_mixed_scripts(value.text) for _, value, _ in found),
        )
        for found in said.values()
    )
    return IdentityField(name, LABELS[name], values, _is_conflict(name, said))


def _in_words(name: str, text: str) -> str:
    if name == "prs_Birthdate":
        return day_words(text)
    meaning = {
        "hub_Sex": SEX_WORDS.get(text),
        "prs_Citizenship": find_nationality(text),
        "prs_PrimaryLanguage": language_name(text),
        "prs_SecondaryLanguage": language_name(text),
    }.get(name)
    return (
        text
        if meaning is None or meaning == text
        else _("%(meaning)s (recorded as %(code)s)", meaning=meaning, code=text)
    )


def _values(piece: Piece, name: str) -> list[ReadValue]:
    found = list(piece.content.given(name))
    for group in piece.content.groups.get(name, ()):
        # A group of hub_Alias holds the name, whole or in parts, beside its kind and its dates.
        whole = find_part(group, "name", "value")
        parts = [part for part in (find_part(group, part) for part in _NAME_PARTS) if part is not None]
        if whole is not None:
            found.append(whole)
        elif parts:
            found.append(replace(parts[0], value=" ".join(part.text for part in parts), as_written=None))
    return found


def _precision(piece: Piece, name: str) -> str | None:
    if name != "prs_Birthdate":
        return None
    given = piece.content.text("hub_BirthdatePrecision")
    read = parse_partial(piece.content.text(name))
    return given or (read.precision.value if read is not None else None)


def _key(name: str, text: str) -> str:
    if name in _NAMES or name == "hub_Alias":
        return normalise_name(text) or text
    return normalise_identifier(text) if name.startswith("hub_") else text.strip()


def _is_conflict(name: str, said: Mapping[str, list[tuple[Piece, ReadValue, str | None]]]) -> bool:
    # Spellings that differ in accents or case only are kept apart above and are no conflict here.
    keys = sorted({_key(name, text) for text in said if text not in _UNKNOWN})
    if len(keys) < 2:
        return False
    if name == "prs_Birthdate":
        spans = [parse_partial(key) for key in keys]
        return any(a is None or b is None or not a.overlaps(b) for a in spans for b in spans)
    if name == "prs_Citizenship":
        return _no_common_value(said)
    return name not in _MANY


def _no_common_value(said: Mapping[str, list[tuple[Piece, ReadValue, str | None]]]) -> bool:
    """Whether two agencies' nationalities share none: two nationalities are no conflict by themselves."""
    by_agency: dict[str, set[str]] = {}
    for text, found in said.items():
        for piece, value, _precise in found:
            by_agency.setdefault(piece.agency, set()).add(value.code or text)
    sets = list(by_agency.values())
    return any(not (a & b) for a in sets for b in sets)


def read_ages(
    identity: Identity, today: date, age_path: AgePath, referral: Referral | None = None
) -> tuple[AgeReading, ...]:
    """Return what each recorded birth date means today, and for the pilot on the day of the referral.

    Where two dates differ both are read; nobody picks one here. One that another says more exactly (2012 beside 17 May
    2012) does not differ from it and is not read. ``age_path`` is that of the case now.
    """
    field = identity.field("prs_Birthdate")
    path, judged_on = (age_path, today) if referral is None else (referral.age_path, referral.day)
    readings = []
    values = [] if field is None else [value for value in field.values if not more_exact(field, value.text)]
    for value in values:
        born = parse_partial(value.text)
        ages = age_range(born, today) if born is not None else None
        if born is not None and ages is not None:
            # A birth date after the referral is that of nobody who was referred.
            then = age_range(born, judged_on)
            scope = Scope.NOT_CERTAIN if then is None else _scope(then, path)
            readings.append(AgeReading(value.text, value.precision or "", ages, scope, value.statements))
    return tuple(readings)


def more_exact(field: IdentityField, text: str) -> tuple[str, ...]:
    """Return the recorded birth dates that say the same as one of them more exactly; of another field none."""
    born = parse_partial(text) if field.field == "prs_Birthdate" else None
    others = [] if born is None else [parse_partial(value.text) for value in field.values]
    return tuple(other.text for other in others if born is not None and other is not None and born.holds(other))


def _scope(ages: AgeRange, age_path: AgePath) -> Scope:
    if age_path is not AgePath.CHILD or ages.days_most <= PILOT_DAYS:
        return Scope.NO
    return Scope.YES if ages.days_least > PILOT_DAYS else Scope.NOT_CERTAIN


def agree(readings: Sequence[AgeReading], pick: Callable[[AgeReading], str]) -> str:
    """Return what all readings agree on, ``disputed`` where they differ, ``not_known`` where there is none."""
    answers = {pick(reading) for reading in readings}
    if not answers:
        return "not_known"
    return answers.pop() if len(answers) == 1 else "disputed"
