"""Small invented census files and return tables for tests, and reading them."""

from __future__ import annotations

from datetime import date

from lxml import etree

from adapters.sources.draft import DraftFragment, ReadReport, Value
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.reading import SourceFile
from adapters.sources.social_care import cin, ssda903
from adapters.sources.subject import Subject

TODAY = date(2026, 11, 21)

IDENTIFIERS = (
    "<LAchildID>INVENTED1</LAchildID><PersonBirthDate>2011-04-05</PersonBirthDate><GenderCurrent>2</GenderCurrent>"
)
REFERRAL = (
    "<CINreferralDate>2023-05-02</CINreferralDate><ReferralSource>6</ReferralSource>"
    "<PrimaryNeedCode>N1</PrimaryNeedCode>{blocks}<ReferralNFA>0</ReferralNFA>{plans}"
)
ASSESSMENT = (
    "<Assessments><AssessmentActualStartDate>2023-05-03</AssessmentActualStartDate>"
    "<AssessmentAuthorisationDate>2023-06-01</AssessmentAuthorisationDate>"
    "<FactorsIdentifiedAtAssessment>{factors}</FactorsIdentifiedAtAssessment></Assessments>"
)


def factors(*codes: str) -> str:
    """Return an assessment with these factors."""
    return ASSESSMENT.format(factors="".join(f"<AssessmentFactors>{code}</AssessmentFactors>" for code in codes))


def child(blocks: str = "", plans: str = "", identifiers: str = IDENTIFIERS) -> str:
    """Return a Child element with one referral."""
    return (
        f"<Child><ChildIdentifiers>{identifiers}</ChildIdentifiers>"
        "<ChildCharacteristics><Ethnicity>REFU</Ethnicity></ChildCharacteristics>"
        f"<CINdetails>{REFERRAL.format(blocks=blocks, plans=plans)}</CINdetails></Child>"
    )


def census(*children: str, year: str | None = "2024", reference: str | None = "2024-03-31", lea: str = "201") -> bytes:
    """Return a census file. Without children it has one."""
    details = "<Collection>CIN</Collection>"
    details += f"<Year>{year}</Year>" if year is not None else ""
    details += f"<ReferenceDate>{reference}</ReferenceDate>" if reference is not None else ""
    source = (
        f"<SourceLevel>L</SourceLevel><LEA>{lea}</LEA><SoftwareCode>Invented System</SoftwareCode>"
        "<Release>1.0</Release><SerialNo>001</SerialNo><DateTime>2024-05-23T11:14:05</DateTime>"
    )
    return (
        f"<Message><Header><CollectionDetails>{details}</CollectionDetails><Source>{source}</Source></Header>"
        f"<Children>{''.join(children or (child(),))}</Children></Message>"
    ).encode()


def read_cin(data: bytes, subject: Subject | None = None, year: int | None = None) -> ReadReport:
    """Read a census and check that no record was lost."""
    report = cin.FORMAT.read(SourceFile("census.xml", data, TODAY, {}, year), subject)
    report.check()
    return report


def read_903(
    data: bytes | str,
    subject: Subject | None = None,
    year: int | None = None,
    siblings: dict[str, bytes] | None = None,
    name: str = "table.csv",
) -> ReadReport:
    """Read a return table and check that no record was lost."""
    raw = data.encode() if isinstance(data, str) else data
    report = ssda903.FORMAT.read(SourceFile(name, raw, TODAY, siblings or {}, year), subject)
    report.check()
    return report


def refusal(read: object, *args: object, **kwargs: object) -> SourceRefused:
    """Return the refusal that a reading must end in."""
    assert callable(read)
    try:
        read(*args, **kwargs)
    except SourceRefused as refused:
        return refused
    raise AssertionError("the file was read, expected a refusal")


def codes(report: ReadReport) -> list[FindingCode]:
    """Return the codes of all findings, in order."""
    return [finding.code for finding in report.findings]


def part(draft: DraftFragment, field: str, name: str) -> Value:
    """Return one part of the first group of a field."""
    group = draft.fields[field]
    assert not isinstance(group, Value)
    first = group[0]
    assert not isinstance(first, Value)
    return first[name]


def value(draft: DraftFragment, field: str) -> Value:
    """Return a field that holds one value."""
    found = draft.fields[field]
    assert isinstance(found, Value)
    return found


def values_of(draft: DraftFragment) -> list[Value]:
    """Return every value of a draft, those in lists and groups as well."""
    found: list[Value] = []
    for item in draft.fields.values():
        if isinstance(item, Value):
            found.append(item)
            continue
        for inner in item:
            found.extend([inner] if isinstance(inner, Value) else inner.values())
    return found


def at_locator(data: bytes, locator: str) -> etree._Element:
    """Return the one element an XPath leads to."""
    found = etree.fromstring(data).xpath(locator)
    assert isinstance(found, list)
    assert len(found) == 1, locator
    element = found[0]
    assert isinstance(element, etree._Element)
    return element
