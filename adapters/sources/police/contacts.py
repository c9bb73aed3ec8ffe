"""Map addresses (BS 7666), telephone numbers and e-mail addresses of a case's people."""

from __future__ import annotations

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import DraftFragment, FieldValue, Value, ValueState
from adapters.sources.findings import Finding, FindingCode
from adapters.sources.identifiers import is_postcode
from adapters.sources.police.case import CaseContext, warning
from adapters.sources.police.document import Document
from adapters.sources.police.envelope import BS7666
from adapters.sources.police.parties import Party
from policies.vocabulary import Category

NO_FIXED_ABODE = "no fixed abode"
STREET_PARTS = ("SAON", "PAON", "StreetDescription", "Locality")
ADDRESS_PARTS = (
    *STREET_PARTS,
    "UniqueStreetReferenceNumber",
    "Town",
    "AdministrativeArea",
    "PostTown",
    "PostCode",
    "UniquePropertyReferenceNumber",
)
TELECOM_FIELDS = {
    "TelephoneNumberHome": "prs_HomePhone",
    "TelephoneNumberMobile": "prs_MobilePhone",
    "TelephoneNumberBusiness": "hub_BusinessPhone",
    "EmailAddress1": "prs_Email",
    "EmailAddress2": "hub_OtherEmail",
}


def has_address(doc: Document, element: etree._Element) -> bool:
    """Whether a person has an address with anything in it."""
    address = doc.child(element, "Address")
    return address is not None and any((part.text or "").strip() for part in address)


def has_telecom(doc: Document, details: etree._Element) -> bool:
    """Whether a person has a telephone number or e-mail address."""
    groups = (doc.child(details, name) for name in ("TelephoneDetails", "EmailDetails"))
    return any((part.text or "").strip() for group in groups if group is not None for part in group)


def address(context: CaseContext, party: Party) -> DraftFragment:
    """Map a defendant's or victim's address (BS 7666)."""
    doc, notes = context.doc, list[Finding]()
    element = doc.child(party.element, "Address")
    if element is None:
        raise ValueError("no address: ask has_address first")
    fields: dict[str, FieldValue] = {**address_fields(doc, element, notes)}
    fields |= _unknown_use(doc.path(element))
    summary = f"Address as {party.role.value} in a police case"
    if "hub_NoFixedAbode" in fields:
        summary += ": no fixed abode"
    return context.draft(Category.CONTACT, element, party.key, fields, summary, notes)


def telecom(context: CaseContext, party: Party) -> DraftFragment:
    """Map a defendant's or victim's telephone numbers and e-mail addresses."""
    notes: list[Finding] = []
    fields: dict[str, FieldValue] = {**telecom_fields(context.doc, party.details, notes)}
    fields |= _unknown_use(context.doc.path(party.details))
    summary = f"Telephone and e-mail as {party.role.value} in a police case"
    return context.draft(Category.CONTACT, party.details, party.key, fields, summary, notes)


def _unknown_use(locator: str) -> dict[str, FieldValue]:
    return {name: Value(None, locator, ValueState.NOT_IN_FORMAT) for name in ("hub_Period", "hub_SafeToUse")}


def address_fields(doc: Document, element: etree._Element, notes: list[Finding]) -> dict[str, Value]:
    """Return an address. The street joins the parts up to the locality; its locator is then the address's."""
    parts = {name: doc.text(element, name, notes, namespace=BS7666) for name in ADDRESS_PARTS}
    given = {name: value for name, value in parts.items() if value.state is ValueState.GIVEN}
    street = [given[name] for name in STREET_PARTS if name in given]
    joined = street[0] if len(street) == 1 else parts["StreetDescription"]
    if len(street) > 1:
        joined = Value(", ".join(str(part.value) for part in street), doc.path(element))
    city = given.get("Town") or parts["PostTown"]
    fields = {
        "prs_MailingStreet": joined,
        "prs_MailingCity": city,
        "prs_MailingState": parts["AdministrativeArea"],
        "prs_MailingPostalCode": parts["PostCode"],
        "prs_MailingCountry": Value(None, doc.path(element), ValueState.NOT_IN_FORMAT),
    }
    optional = {
        "hub_PostTown": "PostTown" if "Town" in given else None,
        "hub_USRN": "UniqueStreetReferenceNumber",
        "hub_UPRN": "UniquePropertyReferenceNumber",
    }
    fields |= {target: given[name] for target, name in optional.items() if name in given}
    homeless = [part for part in given.values() if NO_FIXED_ABODE in str(part.value).casefold()]
    if homeless:
        fields["hub_NoFixedAbode"] = Value(True, homeless[0].locator)
    if "PostCode" in given and not is_postcode(str(given["PostCode"].value)):
        message = lazy_gettext("the postcode has not the form of a postcode; it is kept as written")
        notes.append(warning(FindingCode.BAD_POSTCODE, message, given["PostCode"].locator))
    return fields


def telecom_fields(doc: Document, details: etree._Element, notes: list[Finding]) -> dict[str, Value]:
    """Return telephone numbers and e-mail addresses below the element that holds their groups."""
    fields = {}
    for name, target in TELECOM_FIELDS.items():
        group = doc.child(details, "TelephoneDetails" if name.startswith("Telephone") else "EmailDetails")
        fields[target] = doc.text(details if group is None else group, name, notes)
    return fields
