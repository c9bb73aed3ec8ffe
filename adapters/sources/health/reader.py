"""Read FHIR R4: guards, structure, references, persons, then every resource (``records``).

Health agencies' systems speak FHIR R4 (4.0.1) with UK Core profiles. An error message or a code list is no case and is
refused as a whole; everything else is answered resource by resource.
"""

from __future__ import annotations

from typing import Final

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import ReadReport
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file
from adapters.sources.health.elements import Element
from adapters.sources.health.fhir_loading import Delivery, load_delivery, looks_like_fhir
from adapters.sources.health.people import People
from adapters.sources.health.records import FORMAT_ID, RecordReading, describe_outcome
from adapters.sources.health.references import References
from adapters.sources.reading import Format, SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind

DEFINITIONS: Final = frozenset(
    {
        "CapabilityStatement",
        "CodeSystem",
        "ConceptMap",
        "GraphDefinition",
        "ImplementationGuide",
        "MessageDefinition",
        "NamingSystem",
        "OperationDefinition",
        "Questionnaire",
        "SearchParameter",
        "StructureDefinition",
        "StructureMap",
        "ValueSet",
    }
)
"""Resources that describe forms, lists and systems: they hold no case."""


def read(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read a FHIR file. ``subject`` narrows the drafts to one child; without one, all records are read.

    Raises ``SourceRefused``: the guards' codes; ``not_this_format``; ``schema_error`` (no FHIR Bundle);
    ``source_error`` (the source answered with an OperationOutcome); ``is_form_definition`` (a code list or profile).
    """
    # 1. Guards, notation, structure.
    delivery = load_delivery(source.data)
    # 2. What is no case: an error message, a code list.
    _require_case(delivery)
    # 3. References and persons of the whole delivery.
    siblings = _load_siblings(source)
    references = References(delivery.entries)
    people = People(delivery, references, siblings, is_test_hub=source.is_test_hub)
    # 4. Each resource.
    return RecordReading(source, subject, delivery, references, people).run()


def _load_siblings(source: SourceFile) -> list[Delivery]:
    """Load the other files of the delivery for their Patients; what is wrong with them is said when they are read."""
    loaded = []
    for name, data in sorted(source.siblings.items()):
        if name == source.name or data == source.data or not looks_like_fhir(data):
            continue
        try:
            loaded.append(load_delivery(data))
        except SourceRefused:
            continue
    return loaded


def _require_case(delivery: Delivery) -> None:
    kinds = {entry.kind for entry in delivery.entries}
    if kinds == {"OperationOutcome"} and not delivery.findings:
        outcome = delivery.entries[0].resource
        if delivery.head is None or any(_is_error(entry.resource) for entry in delivery.entries):
            message = lazy_gettext(
                "the source answered with an error: %(answer)s; ask again when it is mended",
                answer=describe_outcome(outcome),
            )
            raise refuse_file(FindingCode.SOURCE_ERROR, message, outcome.locator)
    if len(delivery.entries) == 1 and delivery.head is None and kinds <= DEFINITIONS:
        message = lazy_gettext(
            "this is a %(kind)s: it describes a form or a list of codes and holds no case",
            kind=delivery.entries[0].kind,
        )
        raise refuse_file(FindingCode.IS_FORM_DEFINITION, message, delivery.entries[0].locator)


def _is_error(outcome: Element) -> bool:
    return any(issue.text("severity") in {"error", "fatal"} for issue in outcome.each("issue"))


FORMAT = Format(
    FORMAT_ID, lazy_gettext("Health record, FHIR R4 (UK Core, PDS, CP-IS, BaRS; JSON or XML)"), AgencyKind.HEALTH, read
)
