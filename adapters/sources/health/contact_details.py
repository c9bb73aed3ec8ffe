"""Names, addresses and telephones: what is current, what was before, and when.

Nothing is shown as current after its end date. Address lines may be blank to keep their position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value, ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.health.elements import Element
from adapters.sources.health.fhir_dates import read_period
from adapters.sources.health.mapping import Record, given
from adapters.sources.identifiers import is_postcode

ADDRESS_KEY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey"
OTHER_CONTACT_SYSTEM = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-OtherContactSystem"
BRITISH_COUNTRIES = frozenset(
    {"", "GB", "GBR", "UK", "UNITED KINGDOM", "ENGLAND", "SCOTLAND", "WALES", "NORTHERN IRELAND"}
)

MAILING_FIELDS = (
    "prs_MailingStreet",
    "prs_MailingCity",
    "prs_MailingState",
    "prs_MailingPostalCode",
    "prs_MailingCountry",
)
_FIELD_OF_TELECOM = {
    ("phone", "home"): "prs_HomePhone",
    ("phone", "mobile"): "prs_MobilePhone",
    ("sms", "mobile"): "prs_MobilePhone",
}
CONTACT_FIELDS = (*MAILING_FIELDS, "prs_HomePhone", "prs_MobilePhone", "prs_Email")

Group = dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Dated:
    """A name, an address or a telephone with its group of values, and whether it holds today."""

    element: Element
    parts: Group
    is_current: bool
    has_ended: bool

    def ends(self) -> Group:
        """Return the start and end of its period, those that are there."""
        return {name: value for name, value in self.parts.items() if name in {"start", "end"}}


def _dated(record: Record, element: Element, parts: Mapping[str, Value | None], *, is_over: bool = False) -> _Dated:
    """Date an element; ``is_over`` says that what it belongs to (a contact person) has ended."""
    period = record.period(element)
    # An end date that cannot be read may have passed: what cannot be shown to hold is not shown as current.
    is_doubtful = period.end is not None and period.end.state is ValueState.UNREADABLE
    has_ended = is_over or element.text("use") == "old" or period.has_ended(record.today)
    is_current = period.has_begun(record.today) and not has_ended and not is_doubtful
    locator = element.locate("period") if element.child("period") is not None else element.locate("use")
    full = given(parts) | period.parts() | {"current": Value(is_current, locator)}
    return _Dated(element, full, is_current, has_ended)


def joined(element: Element, name: str, separator: str) -> Value | None:
    """Return a repeated text as one value, blanks left out; its state where nothing can be used."""
    values = element.values(name)
    texts = [str(value.value) for value in values if value.value is not None]
    if not texts:
        return values[0] if values else None
    return Value(separator.join(texts), element.locate(name, 0) if len(values) == 1 else element.locate(name))


def address_group(record: Record, address: Element, *, is_over: bool = False) -> _Dated:
    """Read an Address."""
    street = joined(address, "line", ", ")
    postcode = address.value("postalCode")
    country = (address.text("country") or "").strip().upper()
    written = str(postcode.value) if postcode is not None and postcode.value is not None else None
    if written is not None and country in BRITISH_COUNTRIES and not is_postcode(written):
        message = lazy_gettext("this has not the form of a United Kingdom postcode; it is kept as written")
        record.warn(FindingCode.BAD_POSTCODE, message, address.locate("postalCode"))
    return _dated(
        record,
        address,
        {
            "prs_MailingStreet": street if street is not None else address.value("text"),
            "prs_MailingCity": address.value("city"),
            "prs_MailingState": address.value("state") or address.value("district"),
            "prs_MailingPostalCode": postcode,
            "prs_MailingCountry": address.value("country"),
            "use": address.value("use"),
            "hub_UPRN": _address_key(address, "UPRN"),
        },
        is_over=is_over,
    )


def _address_key(address: Element, kind: str) -> Value | None:
    for extension in address.extensions(ADDRESS_KEY):
        parts = {part.text("url"): part for part in extension.each("extension")}
        if "type" in parts and "value" in parts:
            coding = parts["type"].child("valueCoding")
            if coding is not None and coding.text("code") == kind:
                return parts["value"].value("valueString")
    return None


def telecom_group(record: Record, telecom: Element, *, is_over: bool = False) -> _Dated:
    """Read a ContactPoint."""
    other = next(iter(telecom.extensions(OTHER_CONTACT_SYSTEM)), None)
    coding = other.child("valueCoding") if other is not None else None
    system = coding.value("code") if coding is not None else None
    return _dated(
        record,
        telecom,
        {
            "number": telecom.value("value"),
            "system": system if system is not None else telecom.value("system"),
            "use": telecom.value("use"),
        },
        is_over=is_over,
    )


def contact_fields(record: Record, holders: list[Element]) -> dict[str, FieldValue]:
    """Return the fields of a ``contact`` fragment from their holders: a Patient, and contacts who are the patient.

    The first current home address and the first current telephone or e-mail of each kind stand in their own fields;
    everything else, with its period and ``current`` yes or no, in ``hub_OtherAddress`` and ``hub_OtherTelecom``.
    """
    fields: dict[str, FieldValue] = {}
    periods: list[Group] = []
    other_addresses: list[Group] = []
    over = {holder.locator: has_ended(record, holder) for holder in holders}
    addresses = [(holder, address) for holder in holders for address in holder.each("address")]
    telecoms = [(holder, telecom) for holder in holders for telecom in holder.each("telecom")]
    groups = [address_group(record, address, is_over=over[holder.locator]) for holder, address in addresses]
    main = next((group for group in groups if group.is_current and group.element.text("use") in {None, "home"}), None)
    for group in groups:
        if group is not main:
            other_addresses.append(group.parts)
            continue
        fields |= {name: value for name, value in group.parts.items() if name.startswith(("prs_", "hub_"))}
        periods.extend(_period_of("prs_Mailing", group))
    other_telecoms: list[Group] = []
    for holder, telecom in sorted(telecoms, key=lambda pair: _rank(pair[1])):
        group = telecom_group(record, telecom, is_over=over[holder.locator])
        name = _telecom_field(telecom)
        has_number = "number" in group.parts and group.parts["number"].value is not None
        if name is None or name in fields or not group.is_current or not has_number:
            other_telecoms.append(group.parts)
            continue
        fields[name] = group.parts["number"]
        periods.extend(_period_of(name, group))
    lists = {"hub_Period": periods, "hub_OtherAddress": other_addresses, "hub_OtherTelecom": other_telecoms}
    return fields | {name: items for name, items in lists.items() if items}


def has_ended(record: Record, holder: Element) -> bool:
    """Whether the period of a contact or related person has passed (a Patient has none)."""
    return read_period(holder.child("period")).has_ended(record.today)


def _rank(telecom: Element) -> int:
    # FHIR: 1 is the highest rank; without one, the order of the source decides among equals.
    rank = telecom.data.get("rank")
    return rank if isinstance(rank, int) else 1_000_000


def _telecom_field(telecom: Element) -> str | None:
    if telecom.text("system") == "email":
        return "prs_Email"
    return _FIELD_OF_TELECOM.get((telecom.text("system") or "", telecom.text("use") or ""))


def _period_of(name: str, group: _Dated) -> list[Group]:
    ends = group.ends()
    return [{"field": Value(name, group.element.locator), **ends}] if ends else []


def withheld(locator: str) -> Value:
    """The source has it, or may have it, and does not tell it."""
    return Value(None, locator, ValueState.WITHHELD)


_ALIAS_KINDS = {"nickname": "nickname", "maiden": "maiden", "old": "former"}
_CURRENT_USES = ("official", "usual", None)


def name_fields(record: Record, person: Element) -> dict[str, FieldValue]:
    """Return the name fields of an ``identity`` fragment: the current official or usual name, the others as aliases."""
    names = [_dated(record, name, {}) for name in person.each("name")]
    main = next(
        (name for use in _CURRENT_USES for name in names if name.is_current and name.element.text("use") == use), None
    )
    aliases: list[Group] = []
    for name in names:
        if name is main:
            continue
        kind = _ALIAS_KINDS.get(name.element.text("use") or "", "former" if name.has_ended else "alias")
        aliases.append({**name_parts(name.element), "kind": Value(kind, name.element.locator), **name.ends()})
    fields: dict[str, FieldValue] = {}
    if main is not None:
        fields.update(name_parts(main.element))
    elif names:
        message = lazy_gettext(
            "every name in this record has ended or is not yet in use; they are kept as former names or aliases"
        )
        record.warn(FindingCode.NOT_MAPPED, message, person.locate("name"))
    for required in ("prs_FirstName", "prs_SecondName"):
        fields.setdefault(required, Value(None, person.locate("name"), ValueState.ABSENT))
    return fields | ({"hub_Alias": aliases} if aliases else {})


def name_parts(name: Element) -> Group:
    """Read a HumanName. The whole text is kept only where the parts do not say the same."""
    given_names = name.values("given")
    middle = [value for value in given_names[1:] if value.value is not None]
    family = name.value("family")
    parts: dict[str, Value | None] = {
        "prs_Salutation": joined(name, "prefix", " "),
        "prs_FirstName": given_names[0] if given_names else None,
        "prs_SecondName": family,
        "hub_NameSuffix": joined(name, "suffix", " "),
    }
    if middle:
        locator = middle[0].locator if len(middle) == 1 else name.locate("given")
        parts["prs_MiddleName"] = Value(" ".join(str(value.value) for value in middle), locator)
    if family is None or not given_names:
        parts["hub_NameText"] = name.value("text")
    return given(parts)
