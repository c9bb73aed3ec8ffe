"""From identity and contact fragments to the form: who the child is, where they stay, what language they need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from adapters.nrm.collecting import Collector, provenance_of
from adapters.nrm.lists import FormList, find_label, find_nationality, language_name
from adapters.picture.content import find_part
from adapters.picture.dates import Precision, parse_partial
from adapters.picture.followups import newest_records
from adapters.picture.provenance import Piece
from policies.vocabulary import Category

_GENDERS = {"Masculine": "male", "Feminine": "female", "NonConforming": "unknown"}
_SEXES = {"M": "male", "F": "female"}


def collect_identity_fields(pieces: Sequence[Piece], into: Collector, today: date) -> None:
    """Offer names, birth date, gender, nationality, language, references, background and where the child stays."""
    relations = newest_records(pieces, Category.RELATION)
    stays = newest_records(pieces, Category.PLACEMENT)
    for piece in pieces:
        if piece.category in (Category.IDENTITY, Category.SUBJECT_CARD):
            _names(piece, into)
            _birth_date(piece, into)
            _gender(piece, into)
            _nationality(piece, into)
            _children(piece, into)
            _language(piece, into)
            _background(piece, into)
        if piece in relations:
            _family(piece, into)
        is_stay = piece in stays if piece.category is Category.PLACEMENT else piece.category is Category.CONTACT
        if is_stay and _is_current(piece, today):
            _staying(piece, into)
        _references(piece, into)


def _names(piece: Piece, into: Collector) -> None:
    for name, field in (("prs_FirstName", "pv-name-first-name"), ("prs_SecondName", "pv-name-last-name")):
        value = piece.content.find(name)
        if value is not None:
            into.choose(field, value.text, provenance_of(piece, value))
    for value in piece.content.given("hub_Alias"):
        into.choose("pv-name-nickname", value.text, provenance_of(piece, value))
    for group in piece.content.groups.get("hub_Alias", ()):
        whole = find_part(group, "name", "value")
        found = (find_part(group, part) for part in ("FirstName", "MiddleName", "SecondName"))
        parts = [whole] if whole is not None else [part for part in found if part is not None]
        if parts:
            words = " ".join(part.text for part in parts)
            into.choose("pv-name-nickname", words, provenance_of(piece, parts[0]))


def _birth_date(piece: Piece, into: Collector) -> None:
    value = piece.content.find("prs_Birthdate")
    if value is None:
        return
    born = parse_partial(value.text)
    precision = piece.content.text("hub_BirthdatePrecision")
    if born is None or born.precision is not Precision.DAY or precision not in ("", "day"):
        into.remark("pv-dob", "a birth date is on record, but not to the day; the form takes a whole date only")
        return
    into.choose("pv-dob", born.first.isoformat(), provenance_of(piece, value))


def _gender(piece: Piece, into: Collector) -> None:
    for name, known in (("hub_Sex", _SEXES), ("prs_Gender", _GENDERS)):
        value = piece.content.find(name)
        answer = known.get(value.says(*known) or "") if value is not None else None
        if value is not None and answer is not None:
            into.choose("pv-gender", answer, provenance_of(piece, value))
        elif value is not None:
            # The form's "unknown" means "does not identify as male or female", never "not recorded".
            into.remark("pv-gender", "a record says that it is not known; the form has no such answer")


def _nationality(piece: Piece, into: Collector) -> None:
    for value, field in zip(
        piece.content.given("prs_Citizenship"), ("pv-nationality", "pv-nationality-second"), strict=False
    ):
        texts = [text for text in (value.code, value.text) if text]
        label = next((found for text in texts if (found := find_nationality(text)) is not None), None)
        if label is None:
            into.remark(field, "a nationality is on record that the form's list does not hold; choose it by hand")
        else:
            into.choose(field, label, provenance_of(piece, value))


def _children(piece: Piece, into: Collector) -> None:
    value = piece.content.find("prs_NumberOfChildren")
    if value is None or not value.text.isascii() or not value.text.isdigit():
        return
    number = int(value.text[:3])
    into.choose("does-pv-have-children", "yes" if number else "no", provenance_of(piece, value))
    if number:
        into.choose("does-pv-have-children-yes-amount", str(number), provenance_of(piece, value))


def _language(piece: Piece, into: Collector) -> None:
    needed = piece.content.find("hub_InterpreterRequired")
    if needed is not None and needed.text in ("yes", "no"):
        into.choose("pv-interpreter-requirements", needed.text, provenance_of(piece, needed))
    if piece.content.find("hub_LanguageNeeds") is not None:
        into.remark(
            "pv-interpreter-requirements", "a record notes language needs; say whether an interpreter is needed"
        )
    language = piece.content.find("prs_PrimaryLanguage")
    if language is not None:
        name = language_name(language.code or language.text)
        into.choose("pv-interpreter-requirements-language", name, provenance_of(piece, language))
    needs = piece.content.find("hub_CommunicationNeeds")
    if needs is not None:
        into.choose("pv-other-help-with-communication", "yes", provenance_of(piece, needs))
        into.choose("pv-other-help-with-communication-aid", needs.text, provenance_of(piece, needs))


def _background(piece: Piece, into: Collector) -> None:
    for name in ("prs_Birthplace", "hub_Birthplace"):
        value = piece.content.find(name)
        if value is not None:
            into.choose("birthplace", value.text, provenance_of(piece, value))
    for name, field, words in (
        ("prs_HighestLevelOfEducation", "education", "Highest level of education on record"),
        ("hub_Occupation", "employment-history", "Occupation on record"),
    ):
        value = piece.content.find(name)
        if value is not None:
            into.write(field, f"{words}: {value.text}", piece, value)


def _family(piece: Piece, into: Collector) -> None:
    # Roles only: a relative's name, address and telephone number are not the child's to give away.
    groups = piece.content.parts("hub_Relation")
    roles = [part for group in groups if (part := find_part(group, "role", "relationship", "value")) is not None]
    for role in roles:
        into.write("family", f"On record: {role.text}", piece, role)


def _is_current(piece: Piece, today: date) -> bool:
    period = piece.period
    return period is None or period.end is None or period.end.last >= today


def _staying(piece: Piece, into: Collector) -> None:
    for names, field, listed in (
        (("prs_MailingCity", "hub_PostTown"), "current-pv-location-uk-city", FormList.CITY),
        (("prs_MailingState",), "current-pv-location-uk-region", FormList.REGION),
    ):
        for name in names:
            value = piece.content.find(name)
            label = find_label(listed, value.text) if value is not None else None
            if value is not None and label is not None:
                into.choose(field, label, provenance_of(piece, value))
            elif value is not None:
                into.remark(field, "a place is on record that the form's list does not hold; choose it by hand")


def _references(piece: Piece, into: Collector) -> None:
    for name in ("hub_HomeOfficeReference", "hub_NRMReference"):
        for value in piece.content.given(name):
            into.choose("pv-ho-reference", "yes", provenance_of(piece, value))
            into.choose("pv-ho-reference-type", value.text, provenance_of(piece, value))
