"""Invented FHIR records for tests, and the way from a locator back to its value. Everybody in them is made up."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from lxml import etree

from adapters.sources.draft import DraftFragment, ReadReport, Value
from adapters.sources.findings import Finding, FindingCode
from adapters.sources.health.reader import FORMAT
from adapters.sources.reading import SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import Category

TODAY = date(2026, 11, 21)
NHS = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
CHILD_NUMBER = "9991230009"
OTHER_NUMBER = "9991230017"
BAD_NUMBER = "9991230008"
UKCORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
CHILD = Subject({"nhs_number": CHILD_NUMBER})

Json = dict[str, Any]


def read(
    data: bytes | Json,
    subject: Subject | None = None,
    *,
    is_test_hub: bool = True,
    siblings: Mapping[str, bytes] | None = None,
    today: date = TODAY,
) -> ReadReport:
    """Read a file as the project calls the reader, and check that no record was lost."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    source = SourceFile("record", raw, today, siblings or {}, is_test_hub=is_test_hub)
    report = FORMAT.read(source, subject)
    report.check()
    return report


def patient(number: str | None = CHILD_NUMBER, own_id: str = "p1", **more: Any) -> Json:
    """Return a Patient with a name and a birth date."""
    made: Json = {
        "resourceType": "Patient",
        "id": own_id,
        "name": [{"use": "official", "family": "Invented", "given": ["Robin", "Sky"]}],
        "gender": "female",
        "birthDate": "2011-04-05",
    }
    if number is not None:
        made["identifier"] = [{"system": NHS, "value": number}]
    return made | more


def concept(code: str, system: str = SNOMED, display: str | None = None) -> Json:
    """Return a CodeableConcept with one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def flag(code: Json, subject: Json | None = None, **more: Any) -> Json:
    """Return an active Flag about ``Patient/p1``."""
    about = subject or {"reference": "Patient/p1"}
    return {"resourceType": "Flag", "status": "active", "code": code, "subject": about} | more


def bundle(*resources: Json, kind: str = "collection", **more: Any) -> Json:
    """Return a Bundle; a resource with an id gets a relative fullUrl."""
    entries = []
    for resource in resources:
        entry: Json = {"resource": resource}
        if "id" in resource:
            entry["fullUrl"] = f"{resource['resourceType']}/{resource['id']}"
        entries.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": entries} | more


def codes(report: ReadReport) -> Counter[str]:
    """Return how often each finding occurs."""
    return Counter(finding.code.value for finding in report.findings)


def found(report: ReadReport, code: FindingCode) -> list[Finding]:
    """Return the findings of one code."""
    return [finding for finding in report.findings if finding.code is code]


def categories(report: ReadReport) -> list[str]:
    """Return the categories of the drafts, in order."""
    return [draft.category.value for draft in report.drafts]


def only(report: ReadReport, category: Category) -> DraftFragment:
    """Return the one draft of a category."""
    drafts = [draft for draft in report.drafts if draft.category is category]
    assert len(drafts) == 1, categories(report)
    return drafts[0]


def value(draft: DraftFragment, name: str) -> Value:
    """Return a single value of a draft."""
    item = draft.fields[name]
    assert isinstance(item, Value)
    return item


def group(draft: DraftFragment, name: str, index: int = 0) -> Mapping[str, Value]:
    """Return one group of a repeated field."""
    item = draft.fields[name]
    assert not isinstance(item, Value)
    part = item[index]
    assert not isinstance(part, Value)
    return part


def values_of(draft: DraftFragment) -> Iterator[Value]:
    """Yield every value of a draft."""
    for item in draft.fields.values():
        for part in [item] if isinstance(item, Value) else item:
            yield from [part] if isinstance(part, Value) else part.values()


def resolve(data: bytes, locator: str) -> Any:
    """Return what stands at a locator: the value of JSON, the text of an XML attribute, or an element."""
    if locator.startswith(("#", "line:")):
        prefix, pointer = locator.split("#", 1)
        text = data.decode("utf-8-sig")
        if prefix:
            text = text.splitlines()[int(prefix.removeprefix("line:")) - 1]
        current: Any = json.loads(text, parse_float=str)
        for step in pointer.split("/")[1:]:
            plain = step.replace("~1", "/").replace("~0", "~")
            current = current[int(plain)] if isinstance(current, list) else current[plain]
        return current
    steps = [
        step if step.startswith("@") else re.sub(r"^([^\[]+)", r"*[local-name()='\1']", step)
        for step in locator.split("/")[1:]
    ]
    answer = etree.fromstring(data).xpath("/" + "/".join(steps))
    assert isinstance(answer, list)
    assert len(answer) == 1, locator
    return answer[0]
