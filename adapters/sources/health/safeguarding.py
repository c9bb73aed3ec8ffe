"""What a health record says about safeguarding: flags, coded findings, protection plans and their teams.

Only a safeguarding category or a code of the table below makes a concern: most flags, conditions and observations do
not belong in a trafficking case and are not shared. "No safeguarding issues identified" is ``looked_for_not_seen``,
never a concern; scene safety (BaRS category ``SS``) is about a place, never about the child.

Sources: BaRS code systems flag-categories-bars and safeguarding-codes-bars; the FGM information sharing and CP-IS
implementation guides; value set England-ChildProtectionPlan 1.0.0. Words are the display texts, shortened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value
from adapters.sources.findings import FindingCode
from adapters.sources.health.elements import Element, absent, coded
from adapters.sources.health.fhir_dates import PeriodValues
from adapters.sources.health.mapping import SNOMED_SYSTEM, Elsewhere, Mapped, MappingOutcome, Record, Unshared, given
from policies.vocabulary import Category

FLAG_CATEGORIES = "https://fhir.nhs.uk/CodeSystem/flag-categories-bars"
SAFEGUARDING_CODES = "https://fhir.nhs.uk/CodeSystem/safeguarding-codes-bars"
PATIENT_FLAG_CATEGORIES = "https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient"
CP_IS_FLAG = "child-protection-information-system-flag"
CARE_TEAM_PROFILE = "https://fhir.nhs.uk/England/StructureDefinition/England-CareTeam-Flag"
FLAG_DETAIL = "http://hl7.org/fhir/StructureDefinition/flag-detail"
EXPLOITATION_TYPE_SCHEME = "nrm-exploitation-type"
UNSPECIFIED = "U"


class Subject(StrEnum):
    """Whom a safeguarding code speaks of, where that is not the patient."""

    UNBORN_CHILD = "an unborn child"
    ADULT = "an adult"


_WHOM = {Subject.UNBORN_CHILD: lazy_gettext("an unborn child"), Subject.ADULT: lazy_gettext("an adult")}


@dataclass(frozen=True, slots=True)
class ConcernCode:
    """A code of the table. ``exploitation`` is a type of the NRM, where the code says which."""

    words: str
    exploitation: str | None = None
    is_suspected: bool = False
    is_negation: bool = False
    subject: Subject | None = None


CONCERN_CODES = {
    "836881000000105": ConcernCode("child is cause for safeguarding concern"),
    "919461000000108": ConcernCode("at risk of sexual exploitation", "SEX"),
    "1188261000000103": ConcernCode("at risk of criminal exploitation", "CRI"),
    "700253008": ConcernCode("suspected victim of grooming", "SEX", is_suspected=True),
    "700254002": ConcernCode("suspected child sexual abuse", is_suspected=True),
    "702953007": ConcernCode("suspected child neglect", is_suspected=True),
    "700255001": ConcernCode("suspected non-accidental injury to child", is_suspected=True),
    "697949003": ConcernCode("victim of physical abuse"),
    "697951004": ConcernCode("victim of emotional abuse"),
    "1054321000000100": ConcernCode("forced marriage", "OTH"),
    "713201008": ConcernCode("female genital mutilation"),
    "902961000000107": ConcernCode("family history of female genital mutilation"),
    "736792008": ConcernCode("honour-based violence"),
    "878111000000109": ConcernCode("safeguarding concern about an unborn child", subject=Subject.UNBORN_CHILD),
    "766561000000109": ConcernCode("safeguarding concern about an adult", subject=Subject.ADULT),
    "861931000000100": ConcernCode("no safeguarding issues identified", is_negation=True),
}

PLAN_KINDS = {
    "342191000000101": ("child_protection", "Child protection plan"),
    "764841000000100": ("looked_after", "Looked after child"),
    "818901000000100": ("unborn_child_protection", "Protection plan for an unborn child"),
}
UNBORN_PLAN = "818901000000100"

_YES_NO = {
    (SNOMED_SYSTEM, "373066001"): True,
    (SNOMED_SYSTEM, "373067005"): False,
    ("http://terminology.hl7.org/CodeSystem/v2-0136", "Y"): True,
    ("http://terminology.hl7.org/CodeSystem/v2-0136", "N"): False,
}


def plan_kind(resource: Element) -> Value | None:
    """Return the kind of protection plan that a CarePlan's or CareTeam's category names, or None."""
    for concept in resource.each("category"):
        for coding in concept.codings():
            code = coding.text("code")
            if coding.text("system") == SNOMED_SYSTEM and code in PLAN_KINDS:
                kind = PLAN_KINDS[code][0]
                return Value(
                    kind, coding.locate("code"), as_written=coding.text("display"), code=code, scheme=SNOMED_SYSTEM
                )
    return None


def known_concerns(concept: Element | None) -> list[tuple[Element, ConcernCode]]:
    """Return the codings of a concept that stand in the table, with what the table says."""
    found = []
    for coding in concept.codings() if concept is not None else ():
        code = CONCERN_CODES.get(coding.text("code") or "")
        if code is not None and coding.text("system") in {SNOMED_SYSTEM, SAFEGUARDING_CODES}:
            found.append((coding, code))
    return found


def _has_coding(concepts: Iterable[Element], system: str, code: str) -> bool:
    return any(
        coding.text("system") == system and coding.text("code") == code
        for concept in concepts
        for coding in concept.codings()
    )


# Flags


def map_flag(record: Record) -> list[MappingOutcome]:
    """Return what a Flag becomes: a concern, a plan (CP-IS), or the reason why it is neither."""
    flag = record.resource
    code = flag.child("code")
    concepts = [*flag.each("category"), *([code] if code is not None else [])]
    categories = flag.each("category")
    if _has_coding(concepts, PATIENT_FLAG_CATEGORIES, CP_IS_FLAG):
        return [_cp_is_flag(record)]
    is_safeguarding = _has_coding(categories, FLAG_CATEGORIES, "SG")
    if _has_coding(categories, FLAG_CATEGORIES, "SS") and not is_safeguarding:
        message = lazy_gettext(
            "this flag is about the safety of a scene, which is no concern about the child; it is not shared"
        )
        return [Unshared(FindingCode.NOT_MAPPED, message, flag.locator)]
    known = known_concerns(code)
    if not known and not is_safeguarding:
        message = lazy_gettext(
            "this flag is not about safeguarding: neither its category nor its code is; it is not shared"
        )
        return [Unshared(FindingCode.NOT_MAPPED, message, flag.locator)]
    record.list_unread(("status", "category", "code", "subject", "period", "encounter", "author"))
    period = record.period(flag)
    record.event_date(flag.child("period") or flag, "start")
    return [_concern(record, code, known, period)]


def _concern(
    record: Record, concept: Element | None, known: list[tuple[Element, ConcernCode]], period: PeriodValues
) -> MappingOutcome:
    """Build the concern of a Flag, a Condition or an Observation from the codes that the table knows."""
    resource = record.resource
    elsewhere = next((code.subject for _, code in known if code.subject is not None), None)
    if elsewhere is not None:
        message = lazy_gettext(
            "the code says that this concern is about %(whom)s, not about the child whose record it is",
            whom=_WHOM[elsewhere],
        )
        return Elsewhere(message, resource.locator)
    found = [(coding, code) for coding, code in known if not code.is_negation]
    if found and len(found) < len(known):
        message = lazy_gettext(
            "one code says that no safeguarding issue was identified, another names one; the one named is kept"
        )
        record.warn(FindingCode.LABELS_DISAGREE, message, resource.locator)
    groups: list[dict[str, Value]]
    if known:
        groups = [_group(record, coding, code, period) for coding, code in found or known]
    else:
        groups = [_uncoded_group(record, concept, period)]
    fields: dict[str, FieldValue] = {"hub_Concern": groups}
    types = _exploitation_types(found)
    if types:
        fields["hub_ExploitationType"] = types
    words = ", ".join(dict.fromkeys(code.words for _, code in found or known)) or "not said in a code of the list"
    is_seen = bool(found) or not known
    summary = f"Safeguarding concern: {words}" if is_seen else "Looked for and not seen: no safeguarding issues"
    return Mapped(Category.CONCERN, fields, resource.locator, summary, period.start_text, period.end_text)


def _group(record: Record, coding: Element, code: ConcernCode, period: PeriodValues) -> dict[str, Value]:
    locator = coding.locate("code")
    display = coding.text("display")
    concern = Value(
        code.words,
        locator,
        as_written=display if display != code.words else None,
        code=coding.text("code"),
        scheme=coding.text("system"),
    )
    presence = "looked_for_not_seen" if code.is_negation else "present"
    certainty = Value("suspected", locator) if code.is_suspected else None
    return _concern_group(record, concern, Value(presence, locator), certainty, period)


def _uncoded_group(record: Record, concept: Element | None, period: PeriodValues) -> dict[str, Value]:
    value = coded(concept)
    if value is None:
        value = absent(record.resource)
    elif value.code == UNSPECIFIED:
        value = Value(value.value, value.locator)
    elif value.code is not None:
        message = lazy_gettext(
            "the code %(code)s is not in the table of safeguarding codes; the category says that it "
            "is one, so it is kept as written",
            code=repr(value.code[:40]),
        )
        record.warn(FindingCode.UNKNOWN_CODE, message, value.locator)
    return _concern_group(record, value, Value("present", record.resource.locator), None, period)


def _concern_group(
    record: Record, concern: Value, presence: Value, certainty: Value | None, period: PeriodValues
) -> dict[str, Value]:
    resource = record.resource
    return {
        "concern": concern,
        "presence": presence,
        "observed_on": period.start or absent(resource),
        "observer_role": Value("health service", resource.locator),
        **given({"end": period.end, "status": resource.value("status"), "certainty": certainty}),
    }


def _exploitation_types(found: list[tuple[Element, ConcernCode]]) -> list[dict[str, Value]]:
    types: dict[str, dict[str, Value]] = {}
    for coding, code in found:
        kind = code.exploitation
        if kind is not None:
            written = coding.text("code")
            value = Value(kind, coding.locate("code"), as_written=written, code=kind, scheme=EXPLOITATION_TYPE_SCHEME)
            types.setdefault(kind, {"type": value})
    return list(types.values())


def _cp_is_flag(record: Record) -> Mapped:
    """Map the CP-IS flag: the child is known to children's social care; the plan it points to says why."""
    flag = record.resource
    record.list_unread(("status", "category", "code", "subject", "period"), (FLAG_DETAIL,))
    period = record.period(flag)
    kind = absent(flag)
    for extension in flag.extensions(FLAG_DETAIL):
        plan = record.target(extension.child("valueReference"))
        kind = (plan_kind(plan) if plan is not None else None) or kind
    plan_group = {
        "kind": kind,
        "start": period.start or absent(flag),
        "end": period.end or absent(flag),
        **given({"status": flag.value("status"), "flag": coded(flag.child("code"))}),
    }
    fields: dict[str, FieldValue] = {"hub_Plan": [plan_group]}
    summary = "Child protection information flag (CP-IS)"
    return Mapped(Category.PLAN, fields, flag.locator, summary, period.start_text, period.end_text)


# Conditions and observations


def map_condition(record: Record) -> list[MappingOutcome]:
    """Return a concern where the condition's code is in the table; any other condition is not shared."""
    condition = record.resource
    known = known_concerns(condition.child("code"))
    if not known:
        message = lazy_gettext(
            "this condition is not a safeguarding one; most conditions do not belong in a trafficking case"
        )
        return [Unshared(FindingCode.NOT_MAPPED, message, condition.locator)]
    status = condition.child("verificationStatus")
    certainty = {coding.text("code") for coding in status.codings()} if status is not None else set()
    if "refuted" in certainty:
        if any(code.is_negation for _, code in known):
            return [_denied_negation(condition)]
        known = [(coding, replace(code, is_negation=True)) for coding, code in known]
    elif certainty & {"unconfirmed", "provisional", "differential"}:
        known = [(coding, replace(code, is_suspected=True)) for coding, code in known]
    record.list_unread(
        ("code", "subject", "clinicalStatus", "verificationStatus", "onsetDateTime", "onsetPeriod", "recordedDate")
    )
    return [_concern(record, condition.child("code"), known, record.timing("onset", "recordedDate"))]


def _denied_negation(resource: Element) -> Unshared:
    # "No" to a concern is a concern looked for; "no" to "no issues identified" says nothing that may be turned round.
    message = lazy_gettext(
        "this record denies that no safeguarding issue was identified; a person must read it at the source"
    )
    return Unshared(FindingCode.LABELS_DISAGREE, message, resource.locator)


def map_observation(record: Record) -> list[MappingOutcome]:
    """Return a concern where the observation's code is in the table and its answer is yes or no; else the reason."""
    observation = record.resource
    known = known_concerns(observation.child("code"))
    if not known:
        message = lazy_gettext(
            "this observation is not a safeguarding one; most observations do not belong in a trafficking case"
        )
        return [Unshared(FindingCode.NOT_MAPPED, message, observation.locator)]
    answer = _answer(observation)
    if answer is None:
        message = lazy_gettext(
            "this observation has a safeguarding code, and an answer that is neither yes nor no; it is not shared"
        )
        return [Unshared(FindingCode.UNKNOWN_CODE, message, observation.locator)]
    if not answer:
        if any(code.is_negation for _, code in known):
            return [_denied_negation(observation)]
        known = [(coding, replace(code, is_negation=True)) for coding, code in known]
    record.list_unread(
        (
            "status",
            "code",
            "subject",
            "valueBoolean",
            "valueCodeableConcept",
            "effectiveDateTime",
            "effectivePeriod",
            "effectiveInstant",
            "issued",
        )
    )
    return [_concern(record, observation.child("code"), known, record.timing("effective", "issued"))]


def _answer(observation: Element) -> bool | None:
    if "dataAbsentReason" in observation.data:
        return None
    values = [name for name in observation.data if name.startswith("value")]
    if not values:
        return True
    if values == ["valueBoolean"]:
        said = observation.data["valueBoolean"]
        return said if isinstance(said, bool) else None
    concept = observation.child("valueCodeableConcept")
    for coding in concept.codings() if concept is not None else ():
        answer = _YES_NO.get((coding.text("system") or "", coding.text("code") or ""))
        if answer is not None:
            return answer
    return None
