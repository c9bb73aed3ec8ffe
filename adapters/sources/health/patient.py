"""Map how a Patient is reached and who belongs to the child; and a RelatedPerson.

Sources: UK Core STU2 (2.0.0) Patient and RelatedPerson, and the PDS API, as summarised in docs/sources.md, "Health".
Telecoms that a message lists under a contact who is the patient (BaRS, relationship ``ONESELF``) are the patient's own.
"""

from __future__ import annotations

from adapters.sources.draft import FieldValue, Value, ValueState
from adapters.sources.health.contact_details import (
    CONTACT_FIELDS,
    Group,
    address_group,
    contact_fields,
    has_ended,
    name_parts,
    telecom_group,
    withheld,
)
from adapters.sources.health.elements import Element, coded
from adapters.sources.health.fhir_dates import read_period
from adapters.sources.health.identity import IDENTITY_EXTENSIONS, map_identity, security_locator, sensitivity
from adapters.sources.health.mapping import (
    Mapped,
    MappingOutcome,
    Record,
    given,
    organisation_code,
    organisation_name,
    shown_text,
)
from policies.vocabulary import Category

SELF_CODES = frozenset({"ONESELF"})

_READ = (
    "active",
    "identifier",
    "name",
    "gender",
    "birthDate",
    "deceasedBoolean",
    "deceasedDateTime",
    "communication",
    "address",
    "telecom",
    "contact",
    "generalPractitioner",
)
_READ_OF_RELATED = ("patient", "relationship", "name", "telecom", "address", "period", "active", "communication")


def map_patient(record: Record) -> list[MappingOutcome]:
    """Return the fragments of a Patient: who it is, how to reach, and who belongs to the child."""
    patient = record.resource
    contacts = patient.each("contact")
    own = [contact for contact in contacts if _is_oneself(contact)]
    others = [contact for contact in contacts if not _is_oneself(contact)]
    outcomes: list[MappingOutcome] = [map_identity(record)]
    contact = _contact(record, own)
    if contact is not None:
        outcomes.append(contact)
    outcomes.extend(_relation(record, contact) for contact in others)
    outcomes.extend(_practice(record, practice) for practice in patient.each("generalPractitioner"))
    if record.is_restricted and not patient.each("generalPractitioner"):
        outcomes.append(_withheld_practice(patient))
    record.list_unread(_READ, IDENTITY_EXTENSIONS)
    return outcomes


def _is_oneself(contact: Element) -> bool:
    return any(
        coding.text("code") in SELF_CODES for concept in contact.each("relationship") for coding in concept.codings()
    )


def _contact(record: Record, own: list[Element]) -> Mapped | None:
    patient = record.resource
    holders = [patient, *own]
    is_reachable = any(holder.each("address") or holder.each("telecom") for holder in holders)
    if not is_reachable and not record.is_restricted:
        return None
    fields = contact_fields(record, holders)
    if record.is_restricted:
        hidden = withheld(security_locator(patient))
        fields = dict.fromkeys(CONTACT_FIELDS, hidden) | fields
    fields["hub_SafeToUse"] = Value(None, patient.locator, ValueState.NOT_IN_FORMAT)
    fields["hub_Sensitivity"] = sensitivity(patient)
    summary = "Address and telephone withheld at source" if record.is_restricted else "Address and telephone"
    return Mapped(Category.CONTACT, fields, patient.locator, summary)


def _relation(record: Record, contact: Element) -> Mapped:
    """Map a contact person of a Patient. Sex and birth date of that person are not needed to reach them."""
    roles = [value for concept in contact.each("relationship") if (value := coded(concept)) is not None]
    name = contact.child("name")
    group: Group = {
        **given({"role": roles[0] if roles else None, "organisation": _contact_organisation(record, contact)}),
        **(name_parts(name) if name is not None else {}),
        **record.period(contact).parts(),
    }
    fields = _reach(record, group, contact, roles)
    role = shown_text(roles[0] if roles else None, "role not given")
    return Mapped(Category.RELATION, fields, contact.locator, f"Contact person: {role}")


def _contact_organisation(record: Record, contact: Element) -> Value | None:
    return organisation_name(record, contact.child("organization"))


def _reach(record: Record, group: Group, person: Element, roles: list[Value]) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {"hub_Relation": [group]}
    if len(roles) > 1:
        fields["hub_RelationRole"] = roles
    is_over = has_ended(record, person)
    telecoms = [telecom_group(record, telecom, is_over=is_over).parts for telecom in person.each("telecom")]
    addresses = [address_group(record, address, is_over=is_over).parts for address in person.each("address")]
    lists = {"hub_RelationTelecom": telecoms, "hub_RelationAddress": addresses}
    return fields | {name: items for name, items in lists.items() if items}


def _practice(record: Record, practice: Element) -> Mapped:
    identifier = practice.child("identifier")
    period = record.period(identifier) if identifier is not None else read_period(None)
    is_current = period.has_begun(record.today) and not period.has_ended(record.today)
    group = given(
        {
            "role": Value("GP practice", practice.locator),
            "organisation": organisation_name(record, practice),
            "organisation_code": organisation_code(record, practice),
            "current": Value(is_current, practice.locator),
        }
    )
    fields: dict[str, FieldValue] = {"hub_Professional": [group | period.parts()]}
    return Mapped(Category.RELATION, fields, practice.locator, "GP practice of the child")


def _withheld_practice(patient: Element) -> Mapped:
    locator = security_locator(patient)
    group = {"role": Value("GP practice", locator), "organisation": withheld(locator)}
    fields: dict[str, FieldValue] = {"hub_Professional": [group]}
    return Mapped(Category.RELATION, fields, locator, "GP practice withheld at source")


def map_related_person(record: Record) -> list[MappingOutcome]:
    """Return the ``relation`` fragment of a RelatedPerson. Their NHS number and birth date are not shared."""
    person = record.resource
    roles = [value for concept in person.each("relationship") if (value := coded(concept)) is not None]
    names = person.each("name")
    period = record.period(person)
    group: Group = {
        **given({"role": roles[0] if roles else None, "active": person.value("active")}),
        **(name_parts(names[0]) if names else {}),
        **period.parts(),
    }
    fields = _reach(record, group, person, roles)
    if len(names) > 1:
        fields["hub_RelationAlias"] = [name_parts(name) for name in names[1:]]
    record.list_unread(_READ_OF_RELATED)
    role = shown_text(roles[0] if roles else None, "role not given")
    return [
        Mapped(Category.RELATION, fields, person.locator, f"Related person: {role}", period.start_text, period.end_text)
    ]
