"""Map who a Patient is: names, NHS number, birth date, recorded sex, ethnic category, languages, death, restriction.

Sources: UK Core STU2 (2.0.0) Patient and the PDS API, as summarised in docs/sources.md, "Health".
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pycountry

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value, ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.health import nhs_codes
from adapters.sources.health.contact_details import name_fields
from adapters.sources.health.elements import Element, absent, coded
from adapters.sources.health.fhir_dates import parse_fhir_date
from adapters.sources.health.mapping import Mapped, Record
from adapters.sources.health.people import RESTRICTED_CODES, usable_nhs_number
from adapters.sources.identifiers import NHS_NUMBER_SYSTEM, is_test_nhs_number
from adapters.sources.plausibility import birth_date_finding
from policies.vocabulary import Category

_UKCORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
VERIFICATION_STATUS = f"{_UKCORE}NHSNumberVerificationStatus"
ETHNIC_CATEGORY = f"{_UKCORE}EthnicCategory"
NHS_COMMUNICATION = f"{_UKCORE}NHSCommunication"
DEATH_NOTIFICATION = f"{_UKCORE}DeathNotificationStatus"
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
IDENTITY_EXTENSIONS = (ETHNIC_CATEGORY, NHS_COMMUNICATION, DEATH_NOTIFICATION, INTERPRETER)


def map_identity(record: Record) -> Mapped:
    """Return the ``identity`` fragment of a Patient."""
    patient = record.resource
    fields: dict[str, FieldValue] = {
        **name_fields(record, patient),
        **_numbers(record),
        **_birth(record),
        "hub_Sex": _sex(record),
        "hub_Ethnicity": _ethnicity(record),
        **_languages(record),
        **_death(record),
        "hub_Sensitivity": sensitivity(patient),
    }
    if patient.data.get("active") is False:
        message = lazy_gettext(
            "the source no longer uses this patient's record; a person must confirm that it still holds"
        )
        record.warn(FindingCode.CANCELS_OR_MERGES, message, patient.locate("active"))
    summary = "Identity as the health service has recorded it"
    if record.is_restricted:
        summary += "; the record is restricted at source"
        message = lazy_gettext(
            "restricted at source: an address, telephone or practice that the record lacks is withheld, not absent"
        )
        record.warn(FindingCode.RESTRICTED_RECORD, message, security_locator(patient))
    return Mapped(Category.IDENTITY, fields, patient.locator, summary)


def _numbers(record: Record) -> dict[str, FieldValue]:
    patient = record.resource
    values: list[Value] = []
    statuses: list[Value] = []
    former: list[Value] = []
    local = 0
    for identifier in patient.each("identifier"):
        if identifier.text("system") != NHS_NUMBER_SYSTEM:
            local += 1
            continue
        if identifier.text("use") == "old":
            former.append(_nhs_number(record, identifier))
            continue
        values.append(_nhs_number(record, identifier))
        statuses.extend(_verification(record, identifier))
    if local:
        message = lazy_gettext(
            "%(local)s other identifiers, local to a hospital or system, are not shared", local=str(local)
        )
        record.warn(FindingCode.NOT_MAPPED, message, patient.locate("identifier"))
    if len({value.value for value in values if value.value is not None}) > 1:
        message = lazy_gettext("the record has several different NHS numbers; all are kept, none is used to match")
        record.warn(FindingCode.CONFLICT_IN_DELIVERY, message, patient.locate("identifier"))
    fields: dict[str, FieldValue] = {"hub_NHSNumber": _one_or_list(values) or absent(patient)}
    others = {"hub_NHSNumberStatus": _one_or_list(statuses), "hub_FormerNHSNumber": _one_or_list(former)}
    fields |= {name: value for name, value in others.items() if value is not None}
    tests = [value for value in values if isinstance(value.value, str) and is_test_nhs_number(value.value)]
    if tests:
        fields["hub_NHSNumberIsTest"] = Value(True, tests[0].locator)
    return fields


def _one_or_list(values: list[Value]) -> FieldValue | None:
    return values[0] if len(values) == 1 else values or None


def _nhs_number(record: Record, identifier: Element) -> Value:
    value = identifier.value("value") or absent(identifier)
    if not isinstance(value.value, str):
        return value
    written = value.value
    digits = usable_nhs_number(written, is_test_hub=record.is_test_hub)
    if digits is None:
        # The finding that says why is made for every number of the resource: mapping.number_findings.
        return Value(None, value.locator, ValueState.UNREADABLE, as_written=written)
    return Value(digits, value.locator, as_written=written if written != digits else None, scheme=NHS_NUMBER_SYSTEM)


def _verification(record: Record, identifier: Element) -> list[Value]:
    found = []
    for extension in identifier.extensions(VERIFICATION_STATUS):
        concept = extension.child("valueCodeableConcept")
        for coding in concept.codings() if concept is not None else ():
            code = coding.text("code")
            if code is None:
                continue
            number = nhs_codes.VERIFICATION_STATUS_WORDS.get(code, code)
            locator, scheme = coding.locate("code"), coding.text("system")
            words = nhs_codes.VERIFICATION_STATUS.get(number)
            if words is None:
                record.unknown_code(code, lazy_gettext("NHS number verification status"), locator)
                found.append(Value(None, locator, ValueState.UNREADABLE, code, code, scheme))
            else:
                found.append(Value(words, locator, as_written=code, code=number, scheme=scheme))
    return found


def _birth(record: Record) -> dict[str, FieldValue]:
    patient = record.resource
    value = patient.value("birthDate")
    text = patient.text("birthDate")
    day = parse_fhir_date(text) if text is not None else None
    if value is None or text is None or day is None:
        return {"prs_Birthdate": value or absent(patient)}
    # A partial date is judged by its last possible day, as long as that has not yet to come.
    judged = day.latest if day.latest <= record.today else day.earliest
    record.note(birth_date_finding(judged, record.today, value.locator))
    fields: dict[str, FieldValue] = {
        "prs_Birthdate": value,
        "hub_BirthdatePrecision": Value(day.precision, value.locator),
    }
    beside = patient.child("_birthDate")
    for extension in beside.extensions(BIRTH_TIME) if beside is not None else ():
        time = extension.value("valueDateTime")
        if time is None:
            continue
        fields["hub_BirthTime"] = time
        if isinstance(time.value, str) and not time.value.startswith(text):
            message = lazy_gettext("the time of birth is on another day than the birth date; both are kept as written")
            record.warn(FindingCode.CONFLICT_IN_DELIVERY, message, time.locator)
    return fields


def _sex(record: Record) -> Value:
    value = record.resource.value("gender")
    if value is None or not isinstance(value.value, str):
        return value or absent(record.resource)
    code = value.value
    sex = nhs_codes.ADMINISTRATIVE_GENDER.get(code)
    scheme = "fhir-administrative-gender"
    if sex is None:
        record.unknown_code(code, scheme, value.locator)
        return Value(None, value.locator, ValueState.UNREADABLE, as_written=code, code=code, scheme=scheme)
    return Value(sex, value.locator, as_written=code, code=code, scheme=scheme)


def _ethnicity(record: Record) -> Value:
    extensions = record.resource.extensions(ETHNIC_CATEGORY)
    concept = extensions[0].child("valueCodeableConcept") if extensions else None
    value = coded(concept)
    if value is None:
        return absent(record.resource)
    if value.code is None or value.scheme not in nhs_codes.ETHNIC_SYSTEMS_OF_LETTERS:
        return value
    words = nhs_codes.ETHNIC_CATEGORY_ENGLAND.get(value.code)
    if words is None:
        record.unknown_code(value.code, lazy_gettext("NHS ethnic category"), value.locator)
        return replace(value, value=None, state=ValueState.UNREADABLE, as_written=value.code)
    return replace(value, value=words, as_written=str(value.value) if value.value != words else None)


def _languages(record: Record) -> dict[str, FieldValue]:
    patient = record.resource
    found: list[tuple[bool, Value]] = []
    interpreter: Value | None = None
    for extension in patient.extensions(NHS_COMMUNICATION):
        parts = {part.text("url"): part for part in extension.each("extension")}
        language = _language(record, parts["language"].child("valueCodeableConcept")) if "language" in parts else None
        if language is not None:
            found.append((True, language))
        if "interpreterRequired" in parts:
            interpreter = parts["interpreterRequired"].value("valueBoolean")
    for extension in patient.extensions(INTERPRETER):
        interpreter = extension.value("valueBoolean")
    for communication in patient.each("communication"):
        language = _language(record, communication.child("language"))
        if language is not None:
            found.append((communication.data.get("preferred") is True, language))
    ordered = [language for is_preferred, language in sorted(found, key=lambda pair: not pair[0])]
    fields: dict[str, FieldValue] = {"prs_PrimaryLanguage": ordered[0] if ordered else absent(patient)}
    if len(ordered) > 1:
        fields["prs_SecondaryLanguage"] = ordered[1]
    if len(ordered) > 2:
        fields["hub_OtherLanguage"] = ordered[2:]
    fields["hub_InterpreterRequired"] = interpreter or absent(patient)
    return fields


def _language(record: Record, concept: Element | None) -> Value | None:
    if concept is None:
        return None
    # Several systems may stand side by side (a spoken language, and a code for signs): the first of ISO 639 counts.
    for coding in concept.codings():
        code = coding.text("code")
        alpha_3 = _iso_639(code) if code is not None else None
        if alpha_3 is not None:
            return Value(alpha_3, coding.locate("code"), as_written=code, code=code, scheme=coding.text("system"))
    value = coded(concept)
    if value is None or value.code is None:
        return value
    record.unknown_code(value.code, lazy_gettext("ISO 639 languages"), value.locator)
    return replace(value, value=None, state=ValueState.UNREADABLE, as_written=value.code)


@cache
def _iso_639(code: str) -> str | None:
    """Return the three-letter code of a two- or three-letter one, with or without a region (``en-GB``)."""
    letters = code.split("-")[0].lower()
    found = pycountry.languages.get(**{"alpha_2" if len(letters) == 2 else "alpha_3": letters})
    return str(found.alpha_3) if found is not None else None


def _death(record: Record) -> dict[str, FieldValue]:
    patient = record.resource
    fields: dict[str, FieldValue] = {}
    said = patient.value("deceasedBoolean")
    died = patient.value("deceasedDateTime")
    if died is not None and died.value is not None:
        record.event_date(patient, "deceasedDateTime")
        fields |= {"prs_Deceased": Value(True, died.locator, as_written=str(died.value)), "hub_DeathDate": died}
    elif said is not None or died is not None:
        fields["prs_Deceased"] = said or died or absent(patient)
    for extension in patient.extensions(DEATH_NOTIFICATION):
        parts = {part.text("url"): part for part in extension.each("extension")}
        if "deathNotificationStatus" not in parts:
            continue
        value = coded(parts["deathNotificationStatus"].child("valueCodeableConcept"))
        if value is None or value.code is None:
            continue
        words = nhs_codes.DEATH_NOTIFICATION.get(value.code)
        if words is None:
            record.unknown_code(value.code, lazy_gettext("death notification status"), value.locator)
        fields["hub_DeathNotification"] = replace(value, value=words or value.value, as_written=str(value.value))
    return fields


def sensitivity(patient: Element) -> Value:
    """Return whether the source restricts the record, as ``hub_Sensitivity``."""
    meta = patient.child("meta")
    for label in meta.each("security") if meta is not None else ():
        code = label.text("code")
        if code is not None:
            word = "restricted" if code in RESTRICTED_CODES else "unrestricted"
            return Value(word, label.locate("code"), as_written=code, code=code, scheme=label.text("system"))
    return absent(patient)


def security_locator(patient: Element) -> str:
    """Return where the source says so."""
    return patient.locate("meta", "security")
