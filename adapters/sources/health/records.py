"""Map each resource of a delivery, and say of every one what became of it.

A record is what becomes one fragment: most resources are one, a Patient gives one for identity, one for contact and
one for each person or practice that belongs to the child. Resources that the mapping does not share (organisations,
practitioners, appointments, most conditions) count as one refused record each, with the reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import READER_VERSION, DraftFragment, FieldValue, ReadReport, Source, Value
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.health import documents, events, patient, plans, safeguarding
from adapters.sources.health.elements import Element, coded
from adapters.sources.health.fhir_loading import Delivery, Entry, describe_structure
from adapters.sources.health.mapping import (
    Elsewhere,
    Mapped,
    MappingOutcome,
    Record,
    Unshared,
    given,
    number_findings,
    organisation_name,
)
from adapters.sources.health.people import Link, LinkKind, Match, People, is_restricted, is_uncertain_search, match
from adapters.sources.health.references import References
from adapters.sources.reading import SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import Category

FORMAT_ID: Final = "fhir-r4"
VERSION: Final = "4.0.1"
ENTERED_IN_ERROR: Final = "entered-in-error"
MESSAGE_REASONS: Final = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
WITHDRAWING_REASONS: Final = frozenset({"delete"})
CHANGING_REASONS: Final = frozenset({"update"})

MAPPERS: Final[Mapping[str, Callable[[Record], list[MappingOutcome]]]] = {
    "AuditEvent": events.map_audit_event,
    "CarePlan": plans.map_care_plan,
    "CareTeam": plans.map_care_team,
    "Communication": documents.map_communication,
    "Composition": documents.map_composition,
    "Condition": safeguarding.map_condition,
    "Consent": events.map_consent,
    "DocumentReference": documents.map_document_reference,
    "Encounter": events.map_encounter,
    "EpisodeOfCare": events.map_episode,
    "Flag": safeguarding.map_flag,
    "Observation": safeguarding.map_observation,
    "Patient": patient.map_patient,
    "RelatedPerson": patient.map_related_person,
}
READ_WHERE_REFERRED_TO: Final = frozenset(
    {"HealthcareService", "Location", "MessageHeader", "Organization", "Practitioner", "PractitionerRole", "Provenance"}
)
REACHING_ELEMENTS: Final = frozenset({"address", "contact", "generalPractitioner", "telecom"})
TELLABLE_DIAGNOSTICS: Final = frozenset(
    {"invalid nhs number", "patient not found", "resource not found", "no record found"}
)
"""Free text of an error that is known to hold nothing about a person; any other may quote what was asked."""


class RecordReading:
    """One reading of one file: the report in the making, and what every record needs."""

    def __init__(
        self,
        source: SourceFile,
        subject: Subject | None,
        delivery: Delivery,
        references: References,
        people: People,
    ) -> None:
        self._source = source
        self._subject = subject
        self._delivery = delivery
        self._references = references
        self._people = people
        self._sha256 = source.sha256
        self._report = ReadReport(format=FORMAT_ID, version=VERSION, file_sha256=self._sha256)
        self._system, self._extracted_at = _describe_source(delivery)
        self._provenances = self._find_provenances()
        self._plan_teams = self._find_plan_teams()
        self._message_reasons = _message_reasons(delivery)

    def run(self) -> ReadReport:
        """Read every resource and return the report."""
        for finding in self._delivery.findings:
            if finding.severity is Severity.REFUSE_RECORD:
                self._report.refuse(finding.code, finding.message, finding.locator)
            else:
                self._report.findings.append(finding)
        self._say_what_is_missing()
        for entry in self._delivery.entries:
            self._read_entry(entry)
        self._say_conflicts()
        return self._report

    # Before and after the records

    def _say_what_is_missing(self) -> None:
        if self._message_reasons & CHANGING_REASONS:
            message = lazy_gettext(
                "this message changes an earlier one; a person must compare it with what was read before"
            )
            self._report.warn(FindingCode.CANCELS_OR_MERGES, message, self._delivery.entries[0].locator)
        delivery, head = self._delivery, self._delivery.head
        found = [entry for entry in delivery.entries if entry.kind != "OperationOutcome"]
        if not found and not self._report.records_in:
            when = head.text("timestamp") if head is not None else None
            asked = lazy_gettext("asked at a time the answer does not give")
            if when is not None:
                asked = lazy_gettext("asked on %(when)s", when=when)
            message = lazy_gettext(
                "%(asked)s, and nothing was found; this does not mean that there is nothing: only that this service "
                "knows of nothing",
                asked=asked,
            )
            self._report.warn(FindingCode.NOTHING_FOUND, message, head.locator if head is not None else "#")
        if head is None or delivery.bundle_type != "searchset":
            return
        total = head.data.get("total")
        matches = sum(1 for entry in found if entry.search_mode not in {"include", "outcome"})
        has_next = any(link.text("relation") == "next" for link in head.each("link"))
        if has_next or (isinstance(total, int) and total > matches + self._report.records_in):
            count = lazy_gettext("the search has more pages")
            if isinstance(total, int):
                count = lazy_gettext("the search counted %(total)s matches", total=str(total))
            message = lazy_gettext(
                "%(count)s, and this file holds %(matches)s: the answer is not complete; export all pages",
                count=count,
                matches=str(matches),
            )
            self._report.warn(FindingCode.SOURCE_ERROR, message, head.locator)

    def _say_conflicts(self) -> None:
        for person in self._people.persons():
            if self._subject is not None and match(person, self._subject) is Match.NO:
                continue
            if len(person.birth_dates) > 1:
                message = lazy_gettext(
                    "the files of this delivery give several birth dates for one person; all are kept as written"
                )
                self._report.warn(FindingCode.CONFLICT_IN_DELIVERY, message, "file")

    def _find_provenances(self) -> Mapping[str, list[Element]]:
        found: dict[str, list[Element]] = defaultdict(list)
        for entry in self._delivery.entries:
            if entry.structure:
                continue
            for item in entry.resource.each("contained"):
                if item.resource_type == "Provenance":
                    found[entry.locator].append(item)
            if entry.kind == "Provenance":
                for target in entry.resource.each("target"):
                    resource = self._references.resolve(target, entry.resource).resource
                    if resource is not None:
                        found[resource.locator].append(entry.resource)
        return found

    def _find_plan_teams(self) -> frozenset[str]:
        resources = [
            entry.resource for entry in self._delivery.entries if entry.kind == "CarePlan" and not entry.structure
        ]
        teams = [
            self._references.resolve(reference, plan).resource
            for plan in resources
            if safeguarding.plan_kind(plan) is not None
            for reference in plan.each("careTeam")
        ]
        return frozenset(team.locator for team in teams if team is not None)

    # One resource

    def _read_entry(self, entry: Entry) -> None:
        if entry.kind == "OperationOutcome":
            message = lazy_gettext(
                "the source adds a message of its own: %(answer)s; it is not a record",
                answer=describe_outcome(entry.resource),
            )
            self._report.warn(FindingCode.SOURCE_ERROR, message, entry.locator)
            return
        reason = self._why_not(entry)
        if reason is not None:
            self._report.findings.extend(entry.findings)
            self._report.refuse(reason.code, reason.message, reason.locator)
            return
        link = self._people.link(entry.resource).turned_to(self._subject)
        if link.kind is LinkKind.NOT_A_PERSON:
            message = lazy_gettext(
                "this %(kind)s is about something else than a patient (a place, a group, a device)", kind=entry.kind
            )
            self._report.leave_out(message, entry.locator)
            return
        record = self._record(entry, link)
        outcomes = MAPPERS[entry.kind](record)
        self._settle(entry, link, record, outcomes)

    def _why_not(self, entry: Entry) -> Unshared | None:
        """Return why a resource is not mapped at all, or None."""
        if entry.structure:
            return Unshared(FindingCode.SCHEMA_ERROR, describe_structure(entry.structure, entry.kind), entry.locator)
        earlier = self._references.duplicates.get(entry.locator)
        if earlier is not None:
            message = lazy_gettext(
                "this %(kind)s repeats word for word the one at %(earlier)s; it is read once",
                kind=entry.kind,
                earlier=earlier,
            )
            return Unshared(FindingCode.DUPLICATE_RECORD, message, entry.locator)
        if _is_entered_in_error(entry.resource):
            message = lazy_gettext(
                "the source says that this record was entered in error; a person must confirm what it said before"
            )
            return Unshared(FindingCode.CANCELS_OR_MERGES, message, entry.locator)
        if self._message_reasons & WITHDRAWING_REASONS:
            message = lazy_gettext("this message withdraws an earlier one; a person must confirm what it said before")
            return Unshared(FindingCode.CANCELS_OR_MERGES, message, entry.locator)
        if entry.kind == "Patient" and _is_replaced(entry.resource):
            message = lazy_gettext("the source has merged this patient's record into another; a person must confirm")
            return Unshared(FindingCode.CANCELS_OR_MERGES, message, entry.locator)
        if entry.kind in READ_WHERE_REFERRED_TO:
            self._report.findings.extend(self._references.findings(entry.resource, self._people.is_known_name))
            message = lazy_gettext(
                "%(kind)s is no record about a child; what it says is read where a record refers to it", kind=entry.kind
            )
            return Unshared(FindingCode.NOT_MAPPED, message, entry.locator)
        if entry.kind not in MAPPERS:
            message = lazy_gettext(
                "%(kind)s is not among the resources that are shared; it was not read", kind=entry.kind
            )
            return Unshared(FindingCode.NOT_MAPPED, message, entry.locator)
        return None

    def _record(self, entry: Entry, link: Link) -> Record:
        is_person_restricted = link.person is not None and link.person.is_restricted
        is_labelled = is_restricted(entry.resource)
        record = Record(
            resource=entry.resource,
            references=self._references,
            today=self._source.today,
            is_test_hub=self._source.is_test_hub,
            is_restricted=is_labelled or is_person_restricted,
            is_team_of_plan=entry.locator in self._plan_teams,
            findings=[
                *entry.findings,
                *number_findings(entry.resource, is_test_hub=self._source.is_test_hub),
                *self._references.findings(entry.resource, self._people.is_known_name),
            ],
        )
        if is_labelled and entry.kind != "Patient":
            message = lazy_gettext("this record is restricted at source, and stays so")
            record.warn(FindingCode.RESTRICTED_RECORD, message, entry.locator)
        return record

    def _settle(self, entry: Entry, link: Link, record: Record, outcomes: list[MappingOutcome]) -> None:
        """Count every outcome: as a draft, as refused, or as not about the child asked for."""
        standing, reason = self._standing(entry, link)
        if standing is not Match.NO:
            self._report.findings.extend(record.findings)
        for outcome in outcomes:
            if isinstance(outcome, Elsewhere):
                self._report.leave_out(outcome.message, outcome.locator)
            elif standing is Match.NO:
                self._report.leave_out()
            elif isinstance(outcome, Unshared):
                self._report.refuse(outcome.code, outcome.message, outcome.locator)
            elif reason is not None:
                self._report.refuse(reason.code, reason.message, outcome.locator)
            else:
                self._report.add(self._draft(entry, link, record, outcome))

    def _standing(self, entry: Entry, link: Link) -> tuple[Match, Unshared | None]:
        """Return whether a resource is about the child asked for, and why nobody can say where that is so."""
        subject, person = self._subject, link.person
        answer = Match.YES if subject is None else Match.CANNOT_TELL
        if subject is not None and person is not None:
            answer = match(person, subject)
        if answer is Match.NO:
            return answer, None
        asked = subject.identifiers.get("nhs_number") if subject is not None else None
        if person is not None and person.is_candidate and not (asked and person.nhs_numbers):
            message = lazy_gettext("the search gave several candidates; choose one and ask with its NHS number")
            return Match.CANNOT_TELL, Unshared(FindingCode.SEVERAL_CANDIDATES, message, entry.locator)
        if answer is Match.CANNOT_TELL:
            return answer, Unshared(FindingCode.UNRESOLVED_REFERENCE, _cannot_tell(entry, link), entry.locator)
        self._warn_of_doubt(entry, link)
        return answer, None

    def _warn_of_doubt(self, entry: Entry, link: Link) -> None:
        subject, person = self._subject, link.person
        if person is None:
            message = lazy_gettext(
                "nothing in this record says, in a way that can be used, whose it is; a person must say"
            )
            self._report.warn(FindingCode.UNRESOLVED_REFERENCE, message, entry.locator)
        if entry.kind == "Patient" and is_uncertain_search(entry):
            message = lazy_gettext(
                "the search gave this patient with a score of %(search_score)s: a candidate, no identification",
                search_score=entry.search_score,
            )
            self._report.warn(FindingCode.SEVERAL_CANDIDATES, message, entry.locator)
        if link.others:
            message = lazy_gettext(
                "%(count)s other patients stand in the same record; nothing about them is shared",
                count=str(len(link.others)),
            )
            self._report.warn(FindingCode.THIRD_PARTY, message, entry.locator)
        if subject is None or person is None or entry.kind != "Patient" or subject.birth_date is None:
            return
        if person.birth_dates and subject.birth_date not in person.birth_dates:
            message = lazy_gettext(
                "the NHS number is that of the child asked for, and the birth date is another; a person must check"
            )
            self._report.warn(FindingCode.CONFLICT_IN_DELIVERY, message, entry.resource.locate("birthDate"))

    # Drafts

    def _draft(self, entry: Entry, link: Link, record: Record, mapped: Mapped) -> DraftFragment:
        fields: dict[str, FieldValue] = dict(mapped.fields)
        provenances = [_provenance(record, item) for item in self._provenances.get(entry.locator, ())]
        if provenances:
            fields["hub_Provenance"] = provenances
        return DraftFragment(
            category=mapped.category,
            fields=fields,
            source=Source(
                system=self._system,
                format=FORMAT_ID,
                format_version=VERSION,
                file_sha256=self._sha256,
                locator=mapped.locator,
                reader=f"{FORMAT_ID}/{READER_VERSION}",
                extracted_at=self._extracted_at,
                effective_from=mapped.observed_from,
                effective_to=mapped.observed_to,
            ),
            about=link.person.key if link.person is not None else entry.locator,
            summary=mapped.summary,
            observed_from=mapped.observed_from,
            observed_to=mapped.observed_to,
            restricted=record.is_restricted,
            findings=_findings_of(record, mapped),
        )


def _findings_of(record: Record, mapped: Mapped) -> tuple[Finding, ...]:
    """Return the findings that belong to one of the fragments of a resource.

    Only a Patient gives several: what is found at its telecoms, addresses and contacts belongs to those fragments.
    """
    patient_locator = record.resource.locator
    if record.resource.resource_type != "Patient":
        return tuple(record.findings)
    if mapped.locator != patient_locator:
        return tuple(item for item in record.findings if item.locator.startswith(f"{mapped.locator}/"))
    is_contact = mapped.category is Category.CONTACT
    return tuple(
        item
        for item in record.findings
        if (_first_step(item.locator.removeprefix(patient_locator)) in REACHING_ELEMENTS) == is_contact
    )


def _first_step(below: str) -> str:
    return re.split(r"[/\[]", below.lstrip("/"), maxsplit=1)[0]


def _cannot_tell(entry: Entry, link: Link) -> Sentence:
    if entry.kind == "Patient":
        return lazy_gettext(
            "this patient cannot be compared with the child asked for: no usable NHS number, or no name and birth date"
        )
    if link.person is None:
        return lazy_gettext("nothing in this record says, in a way that can be used, whose it is")
    return lazy_gettext(
        "this record refers to a patient who is not in this delivery, so nobody can say that it is the child asked "
        "for; deliver the patient's own record with it"
    )


def describe_outcome(outcome: Element) -> str:
    """Return an OperationOutcome for a person: its codes, and free text only where it is known to tell nothing."""
    words: list[str] = []
    for issue in outcome.each("issue")[:3]:
        details = issue.child("details")
        codings = details.codings() if details is not None else []
        parts = [issue.text("severity"), issue.text("code"), *(coding.text("code") for coding in codings)]
        diagnostics = issue.text("diagnostics")
        if diagnostics is not None and diagnostics.strip().casefold() in TELLABLE_DIAGNOSTICS:
            parts.append(diagnostics.strip())
        words.append(", ".join(part[:40] for part in parts if part is not None))
    return "; ".join(words) or lazy_gettext("no reason given")


def _describe_source(delivery: Delivery) -> tuple[str, str | None]:
    """Return the sending system, as far as the file says, and when the file was made."""
    header = next((entry.resource for entry in delivery.entries if entry.kind == "MessageHeader"), None)
    sender = header.child("source") if header is not None else None
    system = (sender.text("software") or sender.text("name")) if sender is not None else None
    head = delivery.head
    made = head.text("timestamp") if head is not None else None
    if made is None and head is not None:
        meta = head.child("meta")
        made = meta.text("lastUpdated") if meta is not None else None
    return system or "FHIR R4 (system not named)", made


def _message_reasons(delivery: Delivery) -> frozenset[str]:
    """Return why a BaRS message was sent: ``new``, ``update``, ``delete``."""
    reasons = [entry.resource.child("reason") for entry in delivery.entries if entry.kind == "MessageHeader"]
    return frozenset(
        code
        for reason in reasons
        if reason is not None
        for coding in reason.codings()
        if coding.text("system") == MESSAGE_REASONS and (code := coding.text("code")) is not None
    )


def _is_entered_in_error(resource: Element) -> bool:
    if resource.text("status") == ENTERED_IN_ERROR:
        return True
    verification = resource.child("verificationStatus")
    return verification is not None and any(item.text("code") == ENTERED_IN_ERROR for item in verification.codings())


def _is_replaced(patient_resource: Element) -> bool:
    return any(link.text("type") == "replaced-by" for link in patient_resource.each("link"))


def _provenance(record: Record, provenance: Element) -> dict[str, Value]:
    """Describe where a record came from: when, by what act, in which role, for whom. No name of a person."""
    agent = next(iter(provenance.each("agent")), None)
    roles = [value for concept in agent.each("role") if (value := coded(concept)) is not None] if agent else []
    return given(
        {
            "recorded": provenance.value("recorded"),
            "activity": coded(provenance.child("activity")),
            "role": roles[0] if roles else None,
            "organisation": organisation_name(record, agent.child("onBehalfOf")) if agent is not None else None,
        }
    )
