"""Map attendances and admissions (``health_contact``), consents (``consent``), and who looked before (``access``).

Sources: FHIR R4 (4.0.1) and UK Core STU2 Encounter, EpisodeOfCare, Consent, AuditEvent; CP-IS and PARS guides.
"""

from __future__ import annotations

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value, ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.health import nhs_codes
from adapters.sources.health.elements import Element, absent, coded, coded_by
from adapters.sources.health.mapping import (
    Mapped,
    MappingOutcome,
    Record,
    Unshared,
    given,
    organisation_code,
    organisation_name,
    shown_text,
)
from policies.vocabulary import Category

# Attendances


def map_encounter(record: Record) -> list[MappingOutcome]:
    """Return the ``health_contact`` fragment of an Encounter. A missing end means that it is still going on."""
    encounter = record.resource
    if encounter.text("status") == "cancelled":
        message = lazy_gettext(
            "the source says that this contact was cancelled; a person must confirm what it said before"
        )
        return [Unshared(FindingCode.CANCELS_OR_MERGES, message, encounter.locator)]
    record.list_unread(
        ("status", "class", "type", "subject", "period", "reasonCode", "location", "serviceProvider", "priority")
    )
    period = record.period(encounter)
    record.event_date(encounter.child("period") or encounter, "start")
    kind = _encounter_class(record, encounter.child("class"))
    group = {
        "kind": kind,
        "start": period.start or absent(encounter),
        "end": period.end or absent(encounter),
        **given({"status": encounter.value("status"), "urgency": coded(encounter.child("priority"))}),
        "in_progress": Value(period.end is None and encounter.text("status") != "finished", encounter.locator),
        **_provider(record, encounter),
    }
    places = [
        place
        for location in encounter.each("location")
        if (place := organisation_name(record, location.child("location"))) is not None
    ]
    if places:
        group["place"] = places[-1]
    fields: dict[str, FieldValue] = {"hub_HealthContact": [group]}
    if len(places) > 1:
        fields["hub_HealthContactPlace"] = places
    for name, element in (("hub_HealthContactReason", "reasonCode"), ("hub_HealthContactType", "type")):
        found = [value for concept in encounter.each(element) if (value := coded(concept)) is not None]
        if found:
            fields[name] = found
    until = period.end_text or ("still going on" if group["in_progress"].value else "end not given")
    summary = f"Health contact, {shown_text(kind, 'kind not known')}: {period.start_text or 'start not given'}, {until}"
    return [Mapped(Category.HEALTH_CONTACT, fields, encounter.locator, summary, period.start_text, period.end_text)]


def _encounter_class(record: Record, coding: Element | None) -> Value:
    if coding is None:
        return absent(record.resource)
    code, scheme = coding.text("code"), coding.text("system")
    if code is None:
        return coded_by(coding) or absent(coding)
    words = nhs_codes.ENCOUNTER_CLASS.get(code)
    locator = coding.locate("code")
    if words is None:
        record.unknown_code(code, lazy_gettext("encounter class"), locator)
        return Value(None, locator, ValueState.UNREADABLE, as_written=code, code=code, scheme=scheme)
    return Value(words, locator, as_written=coding.text("display"), code=code, scheme=scheme)


def _provider(record: Record, encounter: Element) -> dict[str, Value]:
    provider = encounter.child("serviceProvider")
    return given(
        {"provider": organisation_name(record, provider), "provider_code": organisation_code(record, provider)}
    )


def map_episode(record: Record) -> list[MappingOutcome]:
    """Return the ``health_contact`` fragment of an EpisodeOfCare."""
    episode = record.resource
    record.list_unread(("status", "type", "patient", "period", "managingOrganization"))
    period = record.period(episode)
    provider = episode.child("managingOrganization")
    group = {
        "kind": Value("episode of care", episode.locator),
        "start": period.start or absent(episode),
        "end": period.end or absent(episode),
        **given(
            {
                "status": episode.value("status"),
                "provider": organisation_name(record, provider),
                "provider_code": organisation_code(record, provider),
            }
        ),
    }
    fields: dict[str, FieldValue] = {"hub_HealthContact": [group]}
    types = [value for concept in episode.each("type") if (value := coded(concept)) is not None]
    if types:
        fields["hub_HealthContactType"] = types
    summary = f"Episode of care from {period.start_text or 'a date not given'}"
    return [Mapped(Category.HEALTH_CONTACT, fields, episode.locator, summary, period.start_text, period.end_text)]


# Consent

# HL7 v3 ActCode, consent directives.
_NO_POLICIES = frozenset({"OPTOUT", "OPTOUTE"})
_YES_POLICIES = frozenset({"OPTIN", "OPTINR"})
_IMPLIED_POLICIES = frozenset({"IMPLIED", "IMPLIEDD"})


def map_consent(record: Record) -> list[MappingOutcome]:
    """Return the ``consent`` fragment of a Consent: what was said, for what, by whom, when.

    ``con_Consent`` is yes only for an active consent with an explicit permit, and no for a rejected one or an explicit
    deny. Everything else (implied, proposed, inactive, nothing said) is neither: it is left ``absent`` with the words
    of the source, because an implied consent to direct care is no yes to sharing with a panel.
    """
    consent = record.resource
    record.list_unread(
        ("status", "scope", "category", "patient", "dateTime", "performer", "organization", "policyRule", "provision")
    )
    provision = consent.child("provision")
    answer, basis = _consent_answer(consent, provision)
    period = record.period(provision) if provision is not None else record.period(consent)
    when = record.event_date(consent, "dateTime")
    performers = [value for reference in consent.each("performer") if (value := _performer(record, reference))]
    detail: dict[str, Value] = {
        "scope": coded(consent.child("scope")) or absent(consent),
        "given_by": performers[0] if performers else absent(consent),
        "date": consent.value("dateTime") or absent(consent),
        "basis": basis,
        "end": period.end or absent(consent),
        **given({"status": consent.value("status"), "start": period.start}),
    }
    fields: dict[str, FieldValue] = {"con_Consent": answer, "hub_ConsentDetail": [detail]}
    purposes = provision.each("purpose") if provision is not None else []
    lists = {
        "hub_ConsentCategory": [value for item in consent.each("category") if (value := coded(item)) is not None],
        "hub_ConsentPurpose": [value for item in purposes if (value := coded_by(item)) is not None],
        "hub_ConsentGivenBy": performers[1:],
        "hub_ConsentOrganisation": [
            value for item in consent.each("organization") if (value := organisation_name(record, item)) is not None
        ],
    }
    fields |= {name: values for name, values in lists.items() if values}
    said = "no clear answer" if answer.value is None else "a yes" if answer.value else "a no"
    summary = f"Consent record of the health service: {said}"
    return [Mapped(Category.CONSENT, fields, consent.locator, summary, when, period.end_text)]


def _consent_answer(consent: Element, provision: Element | None) -> tuple[Value, Value]:
    """Return the answer, and what it rests on (the provision's type, or the policy rule)."""
    status = consent.text("status")
    rule = consent.child("policyRule")
    codes = {coding.text("code") for coding in rule.codings()} if rule is not None else set()
    kind = provision.text("type") if provision is not None else None
    basis = coded(rule) or (provision.value("type") if provision is not None else None) or absent(consent)
    locator = provision.locate("type") if kind is not None and provision is not None else consent.locate("status")
    if status == "rejected" or (status == "active" and (kind == "deny" or codes & _NO_POLICIES)):
        return Value(False, locator, as_written=kind or status), basis
    is_explicit = kind == "permit" or bool(codes & _YES_POLICIES)
    is_implied = bool(codes & _IMPLIED_POLICIES)
    if status == "active" and is_explicit and not is_implied:
        return Value(True, locator, as_written=kind or status), basis
    written = "IMPLIED" if is_implied else status
    return Value(None, locator, ValueState.ABSENT, as_written=written), basis


def _performer(record: Record, reference: Element) -> Value | None:
    """Return who gave a consent: the role a reference names, and its display. An NHS number of theirs is not shared."""
    target = record.target(reference)
    role = reference.text("type") or (target.resource_type if target is not None else None)
    display = reference.value("display")
    if display is not None:
        return Value(display.value, display.locator, display.state, as_written=role)
    if role is not None:
        return Value(role, reference.locator)
    typed = (reference.text("reference") or "").split("/")
    return Value(typed[-2], reference.locate("reference")) if len(typed) > 1 and typed[-2].isalpha() else None


# Access


def map_audit_event(record: Record) -> list[MappingOutcome]:
    """Return the ``access`` fragment of an AuditEvent: who looked at the child's record, when, and how."""
    event = record.resource
    record.list_unread(("type", "subtype", "action", "period", "recorded", "outcome", "agent", "source", "entity"))
    when = record.event_date(event, "recorded")
    kind = event.child("type")
    source = event.child("source")
    group = {
        "when": event.value("recorded") or absent(event),
        **given(
            {
                "kind": coded_by(kind) if kind is not None else None,
                "action": event.value("action"),
                "outcome": event.value("outcome"),
                "site": source.value("site") if source is not None else None,
            }
        ),
    }
    agents = [_agent(record, agent) for agent in event.each("agent")]
    fields: dict[str, FieldValue] = {"hub_Access": [group], "hub_AccessAgent": agents}
    subtypes = [value for item in event.each("subtype") if (value := coded_by(item)) is not None]
    if subtypes:
        fields["hub_AccessSubtype"] = subtypes
    summary = f"Looked at in the health service: {when or 'time not given'}"
    return [Mapped(Category.ACCESS, fields, event.locator, summary, when, when)]


def _agent(record: Record, agent: Element) -> dict[str, Value]:
    who = agent.child("who")
    roles = [value for concept in agent.each("role") if (value := coded(concept)) is not None]
    identifier = who.child("identifier") if who is not None else None
    name = organisation_name(record, who)
    # An NHS number here would be another person's.
    is_person = identifier is not None and (identifier.text("system") or "").casefold().endswith("/nhs-number")
    return given(
        {
            "who": name or (Value(None, who.locator, ValueState.ABSENT) if who is not None else None),
            "who_type": who.value("type") if who is not None else None,
            "identifier": identifier.value("value") if identifier is not None and not is_person else None,
            "identifier_system": identifier.value("system") if identifier is not None and not is_person else None,
            "role": roles[0] if roles else None,
            "requestor": agent.value("requestor"),
        }
    )
