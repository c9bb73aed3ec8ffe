"""From what happened to the form: exploitation, journey, control, indicators, types, places, police.

Only what a record says is offered. A record that says nothing gives no "no".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.nrm.collecting import Collector, NrmProvenance, provenance_of
from adapters.nrm.lists import FormList, find_country, find_country_code, find_label
from adapters.nrm.typology import CONTROL_METHODS, HTCDS_TYPES, INDICATORS, Element, ExploitationType
from adapters.picture.content import Group, ReadValue, find_part
from adapters.picture.elements import concern_groups
from adapters.picture.provenance import Piece
from adapters.picture.words import day_words
from adapters.release.writing import SourceKind
from policies.vocabulary import Category

MAX_PLACES = 10
"""The form has ten boxes for towns and ten for countries."""

_BOXES = {
    ExploitationType.LAB: "types-of-exploitation-forced-to-work",
    ExploitationType.SEX: "types-of-exploitation-child-exploitation",
    ExploitationType.CRI: "types-of-exploitation-forced-to-commit-crime",
    ExploitationType.ORG: "types-of-exploitation-organs-removed",
    ExploitationType.DOM: "types-of-exploitation-unpaid-household-work",
    ExploitationType.OTH: "types-of-exploitation-other",
}
_LIVING = frozenset({"DOM01", "DOM03", "PLC02", "CTL13"})
_MODERN_SLAVERY = re.compile(
    r"modern slavery|slavery|servitude|traffick|forced (?:or compulsory )?labour", re.IGNORECASE
)
_OTHER_UK = "where-exploitation-happened-other-uk-other-location"
_OTHER_OVERSEAS = "where-exploitation-happened-other-overseas-other-location"


@dataclass(frozen=True, slots=True)
class _Event:
    piece: Piece
    type: ReadValue
    when: str
    city: ReadValue | None
    country: ReadValue | None
    words: str
    said: ReadValue | None


def collect_event_fields(pieces: Sequence[Piece], into: Collector) -> None:
    """Offer everything that events, concerns, methods of control and offences say."""
    places: dict[str, list[NrmProvenance]] = {}
    for piece in pieces:
        for event in _events(piece):
            _event(event, into, places)
        _trafficking(piece, into)
        _types(piece, into)
        _control(piece, into)
        _concerns(piece, into)
        _police(piece, into)
        _account(piece, into)
        _reported_before(piece, into)
    _where(places, into)
    _not_seen(pieces, into)


def _events(piece: Piece) -> Iterator[_Event]:
    single: Group = {name: values for name, values in piece.content.singles.items() if name.startswith("hte_")}
    groups = [group for listed in piece.content.groups.values() for group in listed if find_part(group, "type")]
    for group in (single, *(group for group in groups if any(name.startswith("hte_") for name in group))):
        kind = find_part(group, "type")
        if kind is None:
            continue
        said = find_part(group, "description")
        when = find_part(group, "date")
        start, end = piece.content.observed_from, piece.content.observed_to
        span = f"{day_words(start)} to {day_words(end)}" if start and end else day_words(start)
        yield _Event(
            piece,
            kind,
            day_words(when.text) if when is not None else span,
            find_part(group, "city"),
            find_part(group, "country"),
            said.text if said is not None else piece.content.summary,
            said,
        )


def _event(event: _Event, into: Collector, places: dict[str, list[NrmProvenance]]) -> None:
    piece, source = event.piece, provenance_of(event.piece, event.type)
    term = event.type.says("Recruitment", "Transit", "Exploitation")
    if term == "Recruitment":
        into.write("how-did-the-exploitation-start", event.words, piece, event.said)
    elif term == "Transit":
        into.choose("were-they-taken-somewhere-by-their-exploiter", "yes", source)
        words = event.words if event.city is None else f"{event.words} ({event.city.text})"
        into.write("were-they-taken-somewhere-by-their-exploiter-journey-details", words, piece, event.said)
    elif term == "Exploitation":
        into.write("what-were-they-required-to-do", event.words, piece, event.said)
        if event.when:
            for name in ("when-did-the-exploitation-take-place", "when-did-the-exploitation-take-place-multiple"):
                into.write(name, event.when, piece)
        _place(event, into, places)


def _place(event: _Event, into: Collector, places: dict[str, list[NrmProvenance]]) -> None:
    country = event.country.code or event.country.text if event.country is not None else ""
    code = find_country_code(country) if country else None
    city = find_label(FormList.CITY, event.city.text) if event.city is not None else None
    if event.country is None and city is None:
        if event.city is not None:
            into.remark("where-exploitation-happened", "a place is on record without its country; say which it is")
        return
    if code == "GB" or (event.country is None and city is not None):
        places.setdefault("uk", []).append(provenance_of(event.piece, event.country or event.city))
        if city is not None:
            places.setdefault(f"city:{city}", []).append(provenance_of(event.piece, event.city))
        elif event.city is not None:
            into.write(_OTHER_UK, event.city.text, event.piece, event.city)
        return
    label = find_country(country)
    if label is None or event.country is None:
        into.remark("where-exploitation-happened", "a country is on record that the form's list does not hold")
        return
    places.setdefault("overseas", []).append(provenance_of(event.piece, event.country))
    places.setdefault(f"country:{label}", []).append(provenance_of(event.piece, event.country))
    if event.city is not None:
        into.write(_OTHER_OVERSEAS, event.city.text, event.piece, event.city)


def _where(places: dict[str, list[NrmProvenance]], into: Collector) -> None:
    uk, overseas = places.get("uk", []), places.get("overseas", [])
    if uk or overseas:
        answer = "uk-and-overseas" if uk and overseas else "uk" if uk else "overseas"
        for source in (*uk, *overseas):
            into.choose("where-exploitation-happened", answer, source)
    for prefix, base in (("city:", "uk-city"), ("country:", "overseas-country")):
        found = sorted(name for name in places if name.startswith(prefix))
        for number, name in enumerate(found[:MAX_PLACES], start=1):
            for source in places[name]:
                into.choose(f"where-exploitation-happened-{base}-{number}", name.removeprefix(prefix), source)
        if len(found) > MAX_PLACES:
            into.remark(f"where-exploitation-happened-{base}-10", f"{len(found) - MAX_PLACES} more are on record")


_JOURNEY = {
    "hub_MovementAccount": "What was seen or said",
    "hub_MovedWith": "Who was with the child",
    "hub_MovedArrangedBy": "Who arranged the journey or paid for it",
}
"""What a journey that somebody wrote down says beside its summary (``adapters.release.movements``)."""


def _trafficking(piece: Piece, into: Collector) -> None:
    for name, field, words in (
        ("vic_MethodOfRecruitment", "how-did-the-exploitation-start", "Method of recruitment"),
        ("vic_RelationshipToTrafficker", "who-exploited-pv", "Relationship to the person who exploited the child"),
        ("vic_ForcedLabourIndustry", "what-were-they-required-to-do", "Industry"),
    ):
        for value in piece.content.given(name):
            into.write(field, f"{words}: {_spaced(value.text)}", piece, value)
    if piece.category is Category.MOVEMENT:
        field = "were-they-taken-somewhere-by-their-exploiter-journey-details"
        into.write(field, piece.content.summary, piece)
        for name, words in _JOURNEY.items():
            for value in piece.content.given(name):
                into.write(field, f"{words}: {value.text}", piece, value)


def _spaced(term: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", term).replace("_", " ").lower() if " " not in term else term


def _types(piece: Piece, into: Collector) -> None:
    for group in piece.content.parts("hub_ExploitationType"):
        value = find_part(group, "type", "value")
        term = value.says(*ExploitationType) if value is not None else None
        if value is not None and term is not None:
            _tick(_BOXES[ExploitationType(term)], piece, value, into)
    for value in piece.content.given("vic_TypeOfExploitation"):
        htcds = value.says(*HTCDS_TYPES)
        if htcds is not None:
            _tick(_BOXES[HTCDS_TYPES[htcds]], piece, value, into)
            if HTCDS_TYPES[htcds] is ExploitationType.OTH:
                into.write("other-exploitation-details", _spaced(value.text), piece, value)
    for value in piece.content.given("vic_TypeOfSexExploitation"):
        if value.says("Prostitution") is not None:
            _tick("types-of-exploitation-prostitution", piece, value, into)


def _tick(box: str, piece: Piece, value: ReadValue, into: Collector) -> None:
    into.choose(box, "true", provenance_of(piece, value))


def _control(piece: Piece, into: Collector) -> None:
    for value in piece.content.given("vic_MethodsOfControl"):
        term = value.says(*CONTROL_METHODS)
        if term is None:
            continue
        words, code = CONTROL_METHODS[term]
        into.write("how-they-were-treated", f"Method of control: {words}", piece, value)
        _indicator(f"{words} ({code})" if code else words, piece, value, into)
        if term == "TakesEarnings":
            _tick("types-of-exploitation-wages-taken", piece, value, into)


def _concerns(piece: Piece, into: Collector) -> None:
    for value, is_present in concern_groups(piece):
        code = value.code or value.text
        indicator = INDICATORS.get(code)
        label = indicator.label if indicator is not None and value.text == code else value.text
        if not is_present:
            continue
        _indicator(f"{label} ({code})", piece, value, into)
        if code in _LIVING:
            into.write("living-conditions", label, piece, value)
        if indicator is not None and indicator.element is Element.MEANS:
            into.write("how-they-were-treated", label, piece, value)
        if indicator is not None and indicator.exploitation is ExploitationType.LAB:
            into.write("what-were-they-required-to-do", label, piece, value)


def _not_seen(pieces: Sequence[Piece], into: Collector) -> None:
    """What was looked for and not seen stands beside what was seen; alone it answers nothing."""
    field = "modern-slavery-indicators-details"
    if not into.offer(field).lines:
        return
    for piece in pieces:
        for value, is_present in concern_groups(piece):
            if not is_present:
                into.write(field, f"looked for and not seen: {value.text} ({value.code or value.text})", piece, value)


def _indicator(words: str, piece: Piece, value: ReadValue, into: Collector) -> None:
    into.choose("modern-slavery-indicators", "yes", provenance_of(piece, value))
    into.write("modern-slavery-indicators-details", words, piece, value)


def _police(piece: Piece, into: Collector) -> None:
    if piece.category is not Category.OFFENCE:
        return
    for group in piece.content.parts("hub_Offence"):
        role, reference = find_part(group, "role"), find_part(group, "reference", "crime_reference")
        if role is None or role.says("victim") is None or reference is None:
            continue
        words = " ".join(part.text for name in ("code", "wording") if (part := find_part(group, name)) is not None)
        if not (words.startswith("MS15") or _MODERN_SLAVERY.search(words)):
            into.remark("reported-to-police", "a crime with the child as victim is on record; say whether it is one")
            continue
        source = provenance_of(piece, reference)
        into.choose("reported-to-police", "yes", source)
        into.choose("reported-to-police-crime-reference", reference.text, source)
        force = find_label(FormList.POLICE, into.names.get(piece.agency, ""))
        if force is not None:
            into.choose("reported-to-police-police-forces", force, source)
        else:
            into.remark("reported-to-police-police-forces", "the agency's name is not in the form's list of forces")


def _account(piece: Piece, into: Collector) -> None:
    """The child's own account of what happened; wishes and feelings stay with the panel (nrm.md 1.4, trap 3)."""
    is_account = piece.content.source_kind is SourceKind.CHILD_ACCOUNT
    if not is_account or piece.category in (Category.WISHES_AND_FEELINGS, Category.STATEMENT_DETAIL):
        return
    for value in piece.content.walk():
        if value.is_verbatim and value.name.rsplit(".", 1)[-1] in ("cco_CaseComment", "text", "hub_AnswerText"):
            into.write("how-they-were-treated", value.text, piece, value)


def _reported_before(piece: Piece, into: Collector) -> None:
    value = piece.content.find("hub_PreviouslyReported")
    if value is not None and value.text in ("yes", "no"):
        answer = first_chance_answer(value.text == "yes")
        into.choose("is-this-the-first-chance-to-report", answer, provenance_of(piece, value))
    for reference in piece.content.given("hub_NRMReference"):
        answer = first_chance_answer(previously_reported=True)
        into.choose("is-this-the-first-chance-to-report", answer, provenance_of(piece, reference))
        into.write("yes-the-first-chance-to-report", reference.text, piece, reference)


def first_chance_answer(previously_reported: bool | None) -> str:
    """Return the form's answer to ``is-this-the-first-chance-to-report``.

    The machine name asks whether this is the first chance; the label asks whether it was reported before, and the
    label counts (nrm.md 1.4, trap 1): ``yes`` means reported before. None is ``not-sure``.
    """
    if previously_reported is None:
        return "not-sure"
    return "yes" if previously_reported else "no"
