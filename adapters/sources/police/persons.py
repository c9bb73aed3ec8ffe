"""Map the people of a case to fragments: identity and relation. One function for each kind of record.

Field names and states are those of docs/sources.md. Sex is kept as recorded and never turned into a gender; a
perceived birth year stays a year; observed and self-defined ethnicity stay apart.
"""

from __future__ import annotations

import re

import pycountry
from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import DraftFragment, FieldValue, Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.identifiers import check_asn, check_pnc_id
from adapters.sources.plausibility import EARLIEST_YEAR, OLDEST_AGE_YEARS, birth_date_finding
from adapters.sources.police.case import CaseContext, is_adult, warning
from adapters.sources.police.contacts import address_fields, telecom_fields
from adapters.sources.police.document import Document
from adapters.sources.police.parties import GIVEN_NAMES, Party, PartyRole
from adapters.sources.police.privacy import OthersInText
from policies.vocabulary import Category

SEX_SCHEME = "spi-gender-current"
SEX_MEANINGS = {"0": "U", "1": "M", "2": "F", "9": "U"}
OBSERVED_SCHEME = "police-ethnicity-observed"
SELF_DEFINED_SCHEME = "police-ethnicity-self-defined"
LANGUAGE_SCHEME = "spi-language-option"
NATIONALITY_SCHEME = "iso-3166-1-alpha-3"

_WHOLE_ASN = re.compile(r"[0-9]{2}(?:/?[0-9A-Z]{2}){3}/?[0-9]{11}[A-Z]")

# Identity


def identity(context: CaseContext, party: Party, others: OthersInText) -> DraftFragment:
    """Map who a defendant or a victim is."""
    doc, notes = context.doc, list[Finding]()
    fields: dict[str, FieldValue] = {**name_fields(doc, party.name, notes), **_birth_fields(context, party, notes)}
    fields["hub_Sex"] = _sex(doc, party, notes)
    where = doc.path(party.element)
    # The message knows neither: said so, in order that nobody takes the gap for an answer.
    fields["prs_Gender"] = Value(None, where, ValueState.NOT_IN_FORMAT)
    fields["hub_NHSNumber"] = Value(None, where, ValueState.NOT_IN_FORMAT)
    fields["hub_Ethnicity"] = _ethnicity(doc, party.element, notes)
    if party.role is PartyRole.DEFENDANT:
        fields |= _defendant_fields(context, party, others, notes)
    words = [name for name in (party.first_name, party.family_name) if name]
    born = f", born {party.birth_date}" if party.birth_date else ""
    summary = f"Identity as {party.role.value} in a police case: {' '.join(words) or 'no name'}{born}"
    return context.draft(Category.IDENTITY, party.element, party.key, fields, summary, notes)


def name_fields(doc: Document, name: etree._Element, notes: list[Finding]) -> dict[str, Value]:
    """Return the parts of a name. Two middle names become one text; its locator is then the name's."""
    middle = [doc.text(name, part, notes) for part in GIVEN_NAMES[1:]]
    given = [value for value in middle if value.state is ValueState.GIVEN]
    joined = middle[0] if not given else given[0]
    if len(given) > 1:
        joined = Value(" ".join(str(value.value) for value in given), doc.path(name))
    return {
        "prs_Salutation": doc.text(name, "PersonTitle", notes),
        "prs_FirstName": doc.text(name, GIVEN_NAMES[0], notes),
        "prs_MiddleName": joined,
        "prs_SecondName": doc.text(name, "PersonFamilyName", notes),
    }


def _birth_fields(context: CaseContext, party: Party, notes: list[Finding]) -> dict[str, FieldValue]:
    doc = context.doc
    written, day = doc.day(party.details, "Birthdate", notes)
    perceived = doc.year(party.element, "PerceivedBirthYear", notes)
    if day is not None:
        finding = birth_date_finding(day, context.today, written.locator)
        if finding:
            notes.append(finding)
        fields: dict[str, FieldValue] = {
            "prs_Birthdate": written,
            "hub_BirthdatePrecision": Value("day", written.locator),
        }
        if perceived.state is ValueState.GIVEN:
            fields["hub_PerceivedBirthYear"] = perceived
            if int(str(perceived.value)) != day.year:
                message = lazy_gettext(
                    "the birth date and the perceived birth year differ; both are kept, a person decides"
                )
                notes.append(warning(FindingCode.CONFLICT_IN_DELIVERY, message, perceived.locator))
        return fields
    if perceived.state is not ValueState.GIVEN:
        return {"prs_Birthdate": written}
    year = int(str(perceived.value))
    latest = context.today.year
    if not max(EARLIEST_YEAR, latest - OLDEST_AGE_YEARS - 1) <= year <= latest:
        message = lazy_gettext(
            "by the perceived birth year %(year)s this is not a child, or the year is wrong; check it", year=str(year)
        )
        notes.append(warning(FindingCode.IMPLAUSIBLE_DATE, message, perceived.locator))
    return {"prs_Birthdate": perceived, "hub_BirthdatePrecision": Value("perceived_year", perceived.locator)}


def _sex(doc: Document, party: Party, notes: list[Finding]) -> Value:
    return doc.code(party.details, "Gender", SEX_SCHEME, "[0-9]", notes, SEX_MEANINGS)


def _ethnicity(doc: Document, element: etree._Element, notes: list[Finding]) -> list[dict[str, Value]]:
    parent = doc.child(element, "PersonEthnicity")
    if parent is None:
        return [{"ethnicity": Value(None, doc.path(element), ValueState.ABSENT)}]
    groups = []
    for basis, name, scheme, form in (
        ("observed", "ObservedEthnicity", OBSERVED_SCHEME, "[0-9]"),
        ("self_defined", "SelfDefinedEthnicity", SELF_DEFINED_SCHEME, "[A-Z][A-Z0-9]"),
    ):
        value = doc.code(parent, name, scheme, form, notes)
        if value.state is not ValueState.ABSENT:
            groups.append({"basis": Value(basis, value.locator), "ethnicity": value})
    return groups or [{"ethnicity": Value(None, doc.path(parent), ValueState.EMPTY)}]


def _defendant_fields(
    context: CaseContext, party: Party, others: OthersInText, notes: list[Finding]
) -> dict[str, FieldValue]:
    doc, person = context.doc, party.element
    base = doc.child(person, "PersonDefendant")
    language = doc.child(person, "LanguageOptions")
    fields: dict[str, FieldValue] = {
        "hub_PNCID": _pnc_id(context, person if base is None else base, notes),
        "hub_ASN": _asn(context, party, notes),
        "hub_CRO": doc.text(person, "CROnumber", notes),
        "prs_Citizenship": [_citizenship(doc, person if base is None else base, notes)],
        "hub_LanguageNeeds": others.keep_out(doc.text(person, "LanguageNeeds", notes), party, notes),
        "hub_CommunicationNeeds": others.keep_out(doc.text(person, "SpecialNeeds", notes), party, notes),
        "hub_Occupation": doc.text(person, "Occupation", notes),
        "hub_OccupationCode": doc.code(person, "OccupationCode", "spi-occupation", "[0-9]{1,5}", notes),
    }
    aliases = [_alias(doc, alias, notes) for alias in doc.children(person, "Alias")]
    if aliases:
        fields["hub_Alias"] = aliases
    if language is not None:
        for name, target in (
            ("DocumentationLanguage", "hub_CourtDocumentLanguage"),
            ("HearingLanguage", "hub_CourtHearingLanguage"),
        ):
            fields[target] = doc.code(language, name, LANGUAGE_SCHEME, "[A-Z]", notes)
    return fields


def _alias(doc: Document, alias: etree._Element, notes: list[Finding]) -> dict[str, Value]:
    parts = name_fields(doc, alias, notes)
    order = ("prs_FirstName", "prs_MiddleName", "prs_SecondName")
    words = [str(parts[name].value) for name in order if parts[name].state is ValueState.GIVEN]
    full = Value(" ".join(words), doc.path(alias)) if words else Value(None, doc.path(alias), ValueState.EMPTY)
    return {**parts, "name": full, "kind": Value("alias", doc.path(alias))}


def _pnc_id(context: CaseContext, parent: etree._Element, notes: list[Finding]) -> Value:
    value = context.doc.text(parent, "PNCidentifier", notes)
    if value.state is not ValueState.GIVEN:
        return value
    canonical = check_pnc_id(str(value.value), present_year=context.today.year)
    if canonical is None:
        message = lazy_gettext(
            "the PNC ID has not the form YYYY/NNNNNNNL or a wrong check letter; it is kept, not used to match"
        )
        notes.append(warning(FindingCode.BAD_PNC, message, value.locator))
        return value
    return _as_canonical(value, canonical)


def _asn(context: CaseContext, party: Party, notes: list[Finding]) -> Value:
    value = context.doc.text(
        party.element if party.reference is None else party.reference, "ProsecutorReference", notes
    )
    if value.state is not ValueState.GIVEN:
        return value
    text = str(value.value)
    canonical = check_asn(text)
    if canonical is not None:
        return _as_canonical(value, canonical)
    state = ValueState.ABSENT
    if _WHOLE_ASN.fullmatch(text.upper()):
        state = ValueState.UNREADABLE
        message = lazy_gettext(
            "the arrest/summons number has a wrong check letter; it is kept as written, not used to match"
        )
        notes.append(warning(FindingCode.UNKNOWN_CODE, message, value.locator))
    # Otherwise another prosecutor's reference, which stands in the same element: no such number, and no error.
    return Value(None, value.locator, state, as_written=value.as_written or text)


def _as_canonical(value: Value, canonical: str) -> Value:
    written = value.as_written or str(value.value)
    return Value(canonical, value.locator, as_written=written if written != canonical else None)


def _citizenship(doc: Document, parent: etree._Element, notes: list[Finding]) -> Value:
    value = doc.text(parent, "PersonStatedNationality", notes)
    if value.state is not ValueState.GIVEN:
        return value
    written = str(value.value)
    country = pycountry.countries.get(alpha_3=written) if written.isascii() and written.isupper() else None
    if country is None:
        notes.append(
            Finding(
                FindingCode.UNKNOWN_CODE,
                Severity.REFUSE_VALUE,
                lazy_gettext(
                    "PersonStatedNationality has the code %(written)s, expected three capital letters of "
                    "ISO 3166-1; it is kept as written and not used",
                    written=repr(written[:3]),
                ),
                value.locator,
            )
        )
        return Value(None, value.locator, ValueState.UNREADABLE, as_written=value.as_written or written)
    return Value(
        str(country.alpha_2),
        value.locator,
        as_written=value.as_written or written,
        code=written,
        scheme=NATIONALITY_SCHEME,
    )


# Relation


def guardian(context: CaseContext, party: Party, defendant: Party, *, is_subject: bool) -> DraftFragment:
    """Map a parent or guardian: as the defendant's relation, or (``is_subject``) as what the person asked for is."""
    doc, notes = context.doc, list[Finding]()
    where = doc.path(party.element)
    role = f"{party.role.value} of a defendant" if is_subject else party.role.value
    group: dict[str, Value] = {"role": Value(role, where), **name_fields(doc, party.name, notes)}
    group |= telecom_fields(doc, party.details, notes)
    home = doc.child(party.element, "Address")
    if home is not None:
        group |= address_fields(doc, home, notes)
    born, day = doc.day(party.details, "Birthdate", notes)
    group |= {"prs_Birthdate": born, "hub_Sex": _sex(doc, party, notes)}
    if day is not None and not is_adult(day, context.today):
        message = lazy_gettext(
            "by this birth date the parent or guardian is under 18, or not yet born; check it at the source"
        )
        notes.append(warning(FindingCode.IMPLAUSIBLE_DATE, message, born.locator))
    fields: dict[str, FieldValue] = {"hub_Relation": [group]}
    ethnicity = doc.child(party.element, "PersonEthnicity")
    if is_subject:
        fields["hub_Ethnicity"] = _ethnicity(doc, party.element, notes)
    elif ethnicity is not None:
        doc.leave(ethnicity)
        message = lazy_gettext("left out: the ethnicity of the parent or guardian, which is not needed to reach them")
        notes.append(warning(FindingCode.THIRD_PARTY, message, doc.path(ethnicity)))
    summary = "Is parent or guardian of a defendant in a police case" if is_subject else "Parent or guardian"
    about = party.key if is_subject else defendant.key
    return context.draft(Category.RELATION, party.element, about, fields, summary, notes)


def officer(context: CaseContext, element: etree._Element, about: str) -> DraftFragment:
    """Map the officer in the case. A staff name is personal data too: only role, name and how to reach."""
    doc, notes = context.doc, list[Finding]()
    found = doc.child(element, "OfficerName")
    name = element if found is None else found
    group = {
        "role": Value("officer in case", doc.path(element)),
        **name_fields(doc, name, notes),
        "rank": doc.text(element, "PoliceOfficerRank", notes),
        "reference": doc.text(element, "PoliceWorkerReferenceNumber", notes),
        "organisation": doc.text(element, "PoliceWorkerLocationCode", notes),
        **telecom_fields(doc, element, notes),
    }
    office = doc.child(element, "StructuredAddress")
    if office is not None:
        group |= address_fields(doc, office, notes)
    fields: dict[str, FieldValue] = {"hub_Professional": [group]}
    return context.draft(Category.RELATION, element, about, fields, "Officer in the police case", notes)
