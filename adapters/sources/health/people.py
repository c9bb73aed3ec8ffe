"""Whose record is it? The persons of a delivery, and the question whether one of them is the child asked for.

A Patient resource, here or in another file of the same delivery, says who somebody is; so does a usable NHS number.
A reference to a patient who is not in the delivery says only that there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from urllib.parse import unquote

from adapters.sources.health.elements import Element
from adapters.sources.health.fhir_loading import Delivery, Entry
from adapters.sources.health.references import Outcome, References, names_of
from adapters.sources.identifiers import NHS_NUMBER_SYSTEM, check_nhs_number, is_test_nhs_number
from adapters.sources.subject import Subject

RESTRICTED_CODES = frozenset({"R", "V"})
"""HL7 v3 Confidentiality: restricted, very restricted. PDS marks a sensitive record with R."""

SUBJECT_ELEMENTS = {
    "CarePlan": "subject",
    "CareTeam": "subject",
    "Communication": "subject",
    "Composition": "subject",
    "Condition": "subject",
    "Consent": "patient",
    "DocumentReference": "subject",
    "Encounter": "subject",
    "EpisodeOfCare": "patient",
    "Flag": "subject",
    "Observation": "subject",
    "RelatedPerson": "patient",
}
_ASKED_NUMBER = re.compile(r"nhs-number\|([0-9]{10})(?![0-9])")
_TYPED_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[^/]+")


class LinkKind(StrEnum):
    """How a record is tied to a person."""

    PERSON = "person"
    NOT_A_PERSON = "not_a_person"
    UNKNOWN = "unknown"


class Match(StrEnum):
    """Whether a person is the child asked for."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the delivery speaks of. ``key`` groups their records; ``is_known`` says that the delivery names them."""

    key: str
    nhs_numbers: frozenset[str] = frozenset()
    names: tuple[tuple[str | None, str | None], ...] = ()
    birth_dates: frozenset[str] = frozenset()
    reference_id: str | None = None
    is_known: bool = False
    is_restricted: bool = False
    is_candidate: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A record's tie. ``person`` is None where the record does not say, in any usable way, whose it is.

    ``others`` are the further patients of a record that speaks of several.
    """

    kind: LinkKind
    person: Person | None = None
    others: tuple[Person, ...] = ()

    def turned_to(self, subject: Subject | None) -> Link:
        """Return the same tie with the child asked for first, where the record speaks of them among several."""
        everybody = [person for person in (self.person, *self.others) if person is not None]
        asked = [person for person in everybody if subject is not None and match(person, subject) is Match.YES]
        if len(asked) != 1:
            return self
        return replace(self, person=asked[0], others=tuple(person for person in everybody if person != asked[0]))


def usable_nhs_number(text: str | None, *, is_test_hub: bool) -> str | None:
    """Return the canonical digits of a valid number; test numbers only in a test hub."""
    digits = check_nhs_number(text) if text is not None else None
    if digits is None or (is_test_nhs_number(digits) and not is_test_hub):
        return None
    return digits


def is_restricted(resource: Element) -> bool:
    """Whether a resource carries a security label that restricts it (any system: a restriction can only be raised)."""
    meta = resource.child("meta")
    return meta is not None and any(label.text("code") in RESTRICTED_CODES for label in meta.each("security"))


def nhs_numbers_of(patient: Element, *, is_test_hub: bool) -> frozenset[str]:
    """Return the usable NHS numbers of a Patient, without those that the source calls old."""
    return frozenset(
        number
        for identifier in patient.each("identifier")
        if identifier.text("system") == NHS_NUMBER_SYSTEM
        and identifier.text("use") != "old"
        and (number := usable_nhs_number(identifier.text("value"), is_test_hub=is_test_hub)) is not None
    )


def is_uncertain_search(entry: Entry) -> bool:
    """Whether a search gave the resource with a score below 1."""
    if entry.search_score is None:
        return False
    try:
        return Decimal(entry.search_score) < 1
    except InvalidOperation:
        return True


class People:
    """The persons of a delivery and of its sibling files."""

    def __init__(
        self, delivery: Delivery, references: References, siblings: Iterable[Delivery], *, is_test_hub: bool
    ) -> None:
        self._references = references
        self._is_test_hub = is_test_hub
        self._persons: dict[str, Person] = {}
        self._key_by_name: dict[str, str | None] = {}
        self._key_by_locator: dict[str, str] = {}
        self._team_links: dict[str, Link] = {}
        self._asked = _asked_number(delivery, is_test_hub=is_test_hub)
        for sibling in siblings:
            for entry in sibling.entries:
                self._add_patient(entry, is_sibling=True)
        for entry in delivery.entries:
            self._add_patient(entry, is_sibling=False)
        self._mark_candidates(delivery)
        self._team_links = self._team_subjects(delivery)

    def _add_patient(self, entry: Entry, *, is_sibling: bool) -> None:
        if entry.kind != "Patient" or entry.structure:
            return
        person = self._describe(entry.resource, entry.locator)
        names = names_of(entry)
        if not person.nhs_numbers and names and entry.locator not in self._references.conflicts:
            # Without a number, the name by which others refer to the resource keeps its records together.
            person = replace(person, key=names[0])
        earlier = self._persons.get(person.key)
        self._persons[person.key] = _merge(earlier, person) if earlier is not None else person
        for name in names:
            # Two persons with one name (two files, two systems): the name tells nobody apart any more.
            known = self._key_by_name.setdefault(name, person.key)
            self._key_by_name[name] = person.key if known == person.key else None
        if not is_sibling:
            self._key_by_locator[entry.locator] = person.key

    def _describe(self, patient: Element, key: str) -> Person:
        numbers = nhs_numbers_of(patient, is_test_hub=self._is_test_hub)
        names = []
        for name in patient.each("name"):
            given = [str(value.value) for value in name.values("given") if value.value is not None]
            names.append((given[0] if given else None, name.text("family")))
        birth_date = patient.text("birthDate")
        # Two usable numbers contradict each other: neither tells who it is.
        return Person(
            key=next(iter(numbers)) if len(numbers) == 1 else key,
            nhs_numbers=numbers if len(numbers) == 1 else frozenset(),
            names=tuple(names),
            birth_dates=frozenset({birth_date} if birth_date is not None else ()),
            is_known=True,
            is_restricted=is_restricted(patient),
        )

    def _mark_candidates(self, delivery: Delivery) -> None:
        if delivery.bundle_type != "searchset":
            return
        keys = {
            self._key_by_locator[entry.locator]
            for entry in delivery.entries
            if entry.locator in self._key_by_locator and entry.search_mode != "include"
        }
        if len(keys) > 1:
            for key in keys:
                self._persons[key] = replace(self._persons[key], is_candidate=True)

    def _team_subjects(self, delivery: Delivery) -> dict[str, Link]:
        # A care team that names no patient is about the patient of the plan that names the team.
        found: dict[str, Link] = {}
        for entry in delivery.entries:
            if entry.kind != "CarePlan" or entry.structure:
                continue
            for reference in entry.resource.each("careTeam"):
                team = self._references.resolve(reference, entry.resource).resource
                if team is not None:
                    found.setdefault(team.locator, self.link(entry.resource))
        return found

    def is_known_name(self, name: str) -> bool:
        """Whether a file of the delivery has a Patient with that name."""
        return self._key_by_name.get(name) is not None

    def persons(self) -> list[Person]:
        """Return everybody the delivery speaks of, as far as it has been read."""
        return list(self._persons.values())

    def link(self, resource: Element) -> Link:
        """Return whose record a resource is."""
        if resource.resource_type == "Patient":
            return self._known(self._key_by_locator[resource.locator])
        if resource.resource_type == "AuditEvent":
            return self._audit_link(resource)
        reference = resource.child(SUBJECT_ELEMENTS[resource.resource_type])
        if reference is not None:
            return self._reference_link(reference, resource)
        if resource.locator in self._team_links:
            return self._team_links[resource.locator]
        return self._by_number(self._asked) if self._asked is not None else Link(LinkKind.UNKNOWN)

    def _audit_link(self, event: Element) -> Link:
        links = [
            self._reference_link(what, event)
            for entity in event.each("entity")
            if (what := entity.child("what")) is not None and _is_patient_entity(entity, what)
        ]
        if not links:
            return self._by_number(self._asked) if self._asked is not None else Link(LinkKind.UNKNOWN)
        persons = {link.person.key: link.person for link in links if link.person is not None}
        first, *others = persons.values() or (None,)
        if first is None:
            return links[0]
        return Link(LinkKind.PERSON, first, tuple(person for person in others if person is not None))

    def _reference_link(self, reference: Element, within: Element) -> Link:
        resolution = self._references.resolve(reference, within)
        target = resolution.resource
        if target is not None and target.resource_type != "Patient":
            return Link(LinkKind.NOT_A_PERSON)
        if target is not None and target.locator in self._key_by_locator:
            return self._known(self._key_by_locator[target.locator])
        if target is not None:
            return self._contained_patient(target)
        return self._unresolved_link(reference, resolution.outcome)

    def _contained_patient(self, patient: Element) -> Link:
        person = self._describe(patient, patient.locator)
        self._persons.setdefault(person.key, person)
        return self._known(person.key)

    def _unresolved_link(self, reference: Element, outcome: Outcome) -> Link:
        text = reference.text("reference")
        name = text.split("/_history/")[0] if text is not None else None
        # 1. The patient is in another file of the same delivery.
        known = self._key_by_name.get(name) if name is not None else None
        if known is not None:
            return self._known(known)
        # 2. The reference itself has the number.
        identifier = reference.child("identifier")
        if identifier is not None and identifier.text("system") == NHS_NUMBER_SYSTEM:
            number = usable_nhs_number(identifier.text("value"), is_test_hub=self._is_test_hub)
            return self._by_number(number) if number is not None else Link(LinkKind.UNKNOWN)
        # 3. It says that it is about something else than a patient.
        if name is None or outcome is Outcome.AMBIGUOUS:
            return Link(LinkKind.UNKNOWN)
        typed = _TYPED_REFERENCE.fullmatch(name)
        kind = reference.text("type") or (typed[1] if typed is not None else "Patient")
        if kind != "Patient":
            return Link(LinkKind.NOT_A_PERSON)
        # 4. There is a patient, and nobody here says who.
        last = name.rsplit("/", 1)[-1]
        number = usable_nhs_number(last, is_test_hub=self._is_test_hub)
        person = self._persons.setdefault(name, Person(name, reference_id=number))
        return Link(LinkKind.PERSON, person)

    def _by_number(self, number: str) -> Link:
        person = self._persons.setdefault(number, Person(number, frozenset({number}), is_known=True))
        return Link(LinkKind.PERSON, person)

    def _known(self, key: str) -> Link:
        return Link(LinkKind.PERSON, self._persons[key])


def _merge(earlier: Person, later: Person) -> Person:
    return replace(
        earlier,
        nhs_numbers=earlier.nhs_numbers | later.nhs_numbers,
        names=earlier.names + later.names,
        birth_dates=earlier.birth_dates | later.birth_dates,
        is_restricted=earlier.is_restricted or later.is_restricted,
    )


def _is_patient_entity(entity: Element, what: Element) -> bool:
    kind, role = entity.child("type"), entity.child("role")
    identifier = what.child("identifier")
    return (
        (kind is not None and kind.text("code") == "Patient")
        or (role is not None and role.text("code") == "1")
        or what.text("type") == "Patient"
        or (what.text("reference") or "").startswith("Patient/")
        or (identifier is not None and identifier.text("system") == NHS_NUMBER_SYSTEM)
    )


def _asked_number(delivery: Delivery, *, is_test_hub: bool) -> str | None:
    """Return the NHS number a search asked with: its answer is about that patient, even where it does not repeat it."""
    if delivery.head is None or delivery.bundle_type != "searchset":
        return None
    for link in delivery.head.each("link"):
        found = _ASKED_NUMBER.search(unquote(link.text("url") or ""))
        if link.text("relation") == "self" and found is not None:
            return usable_nhs_number(found[1], is_test_hub=is_test_hub)
    return None


def match(person: Person, subject: Subject) -> Match:
    """Whether a person is the child asked for: an exact NHS number decides, else family name and birth date."""
    asked = subject.identifiers.get("nhs_number")
    if asked is not None and person.nhs_numbers:
        is_same = any(subject.is_match({"nhs_number": number}) for number in person.nhs_numbers)
        return Match.YES if is_same else Match.NO
    if asked is not None and person.reference_id is not None:
        # PDS names a patient by the number. An id that only looks like one may be a local one, so it never says "no".
        return Match.YES if person.reference_id == check_nhs_number(asked) else Match.CANNOT_TELL
    named = [(first, family) for first, family in person.names if family is not None]
    if not (subject.family_name and subject.birth_date and named and person.birth_dates):
        return Match.CANNOT_TELL
    is_same = any(
        subject.is_match({}, first_name=first, family_name=family, birth_date=birth_date)
        for first, family in named
        for birth_date in person.birth_dates
    )
    return Match.YES if is_same else Match.NO
