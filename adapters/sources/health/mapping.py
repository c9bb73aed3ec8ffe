"""What the mapping of a resource gives, and what every mapping has at hand.

A mapping gives one outcome for each record: a draft, or a reason why it is not shared, or why it is about something
else than the person. Nothing is left out without an outcome or a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.draft import FieldValue, Value
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.health.elements import Element
from adapters.sources.health.fhir_dates import PeriodValues, parse_fhir_date, read_period
from adapters.sources.health.references import References
from adapters.sources.identifiers import NHS_NUMBER_SYSTEM, check_nhs_number, is_test_nhs_number
from adapters.sources.plausibility import event_date_finding
from policies.vocabulary import Category

ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED_SYSTEM = "http://snomed.info/sct"
NAMED_RESOURCES = frozenset({"CareTeam", "HealthcareService", "Location", "Organization"})
MAX_CODE_SHOWN_CHARS = 40
MAX_NAMES_SHOWN = 20

_NEVER_MAPPED = frozenset({"resourceType", "id", "meta", "language", "contained"})


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record that becomes a draft."""

    category: Category
    fields: Mapping[str, FieldValue]
    locator: str
    summary: str
    observed_from: str | None = None
    observed_to: str | None = None


@dataclass(frozen=True, slots=True)
class Unshared:
    """A record that is not shared, with the reason."""

    code: FindingCode
    message: Sentence
    locator: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A record that is about something or somebody else than the person it is filed under."""

    message: Sentence
    locator: str


MappingOutcome = Mapped | Unshared | Elsewhere


@dataclass(slots=True)
class Record:
    """A resource being mapped, with the findings made on the way."""

    resource: Element
    references: References
    today: date
    is_test_hub: bool
    is_restricted: bool = False
    is_team_of_plan: bool = False
    findings: list[Finding] = field(default_factory=list)

    def warn(self, code: FindingCode, message: Sentence, locator: str) -> None:
        """Note something that costs nothing."""
        self.findings.append(Finding(code, Severity.WARN, message, locator))

    def refuse_value(self, code: FindingCode, message: Sentence, locator: str) -> None:
        """Note a value that is kept as written and not used."""
        self.findings.append(Finding(code, Severity.REFUSE_VALUE, message, locator))

    def note(self, finding: Finding | None) -> None:
        """Keep a finding, if there is one."""
        if finding is not None:
            self.findings.append(finding)

    def target(self, reference: Element | None) -> Element | None:
        """Return the resource a Reference leads to, or None."""
        return self.references.resolve(reference, self.resource).resource if reference is not None else None

    def period(self, element: Element, name: str = "period") -> PeriodValues:
        """Read a Period below ``element`` and note where it ends before it starts."""
        found = element.child(name)
        period = read_period(found)
        if found is not None:
            self.note(period.finding(found.locator))
        return period

    def timing(self, name: str, *others: str) -> PeriodValues:
        """Read when something was: ``namePeriod``, else the first of ``nameDateTime``, ``nameInstant``, ``others``."""
        if self.resource.child(f"{name}Period") is not None:
            return self.period(self.resource, f"{name}Period")
        for element in (f"{name}DateTime", f"{name}Instant", *others):
            value = self.resource.value(element)
            if value is not None:
                text = self.event_date(self.resource, element)
                return PeriodValues(value, None, parse_fhir_date(text) if text is not None else None, None)
        return PeriodValues(None, None, None, None)

    def event_date(self, element: Element, name: str) -> str | None:
        """Return the date of something that has happened, as written, and note what cannot be right about it."""
        text = element.text(name)
        if text is None:
            return None
        found = parse_fhir_date(text)
        if found is not None:
            self.note(event_date_finding(found.earliest, self.today, element.locate(name)))
        return text if found is not None else None

    def unknown_code(self, code: str, known: str, locator: str) -> None:
        """Note a code that its list does not have. The code is shown, cut short; it is no content."""
        message = lazy_gettext(
            "the code %(code)s is not in the list %(name)s; it is kept as written",
            code=repr(code[:MAX_CODE_SHOWN_CHARS]),
            name=known,
        )
        self.refuse_value(FindingCode.UNKNOWN_CODE, message, locator)

    def list_unread(self, read: Iterable[str], read_extensions: Iterable[str] = ()) -> None:
        """Warn about the elements and extensions of the resource that its mapping does not share, by name."""
        known = set(read) | _NEVER_MAPPED | {"extension"}
        names = [name for name in self.resource.data if name.removeprefix("_") not in known]
        urls = [
            str(item.data.get("url", "")).rsplit("/", 1)[-1].removeprefix("Extension-UKCore-")
            for item in self.resource.each("extension")
            if item.data.get("url") not in set(read_extensions)
        ]
        unread = [
            *(name[:MAX_CODE_SHOWN_CHARS] for name in dict.fromkeys(names)),
            *(lazy_gettext("extension %(name)s", name=url[:MAX_CODE_SHOWN_CHARS]) for url in dict.fromkeys(urls)),
        ]
        if unread:
            listed = joined(unread[:MAX_NAMES_SHOWN], ", ")
            if len(unread) > MAX_NAMES_SHOWN:
                more = str(len(unread) - MAX_NAMES_SHOWN)
                listed = lazy_gettext("%(listed)s and %(more)s more", listed=listed, more=more)
            message = lazy_gettext(
                "not shared from this %(kind)s: %(listed)s", kind=self.resource.resource_type, listed=listed
            )
            self.warn(FindingCode.NOT_MAPPED, message, self.resource.locator)


def number_findings(resource: Element, *, is_test_hub: bool) -> list[Finding]:
    """Return the findings on every NHS number in a resource, whosever it is.

    The check digit it should have is never said. A system that differs from the right one only in the case of letters
    is not read as one.
    """
    findings: list[Finding] = []
    for element in resource.walk():
        system, number = element.text("system"), element.text("value")
        if system is None or number is None or system.casefold() != NHS_NUMBER_SYSTEM.casefold():
            continue
        locator = element.locate("value")
        if system != NHS_NUMBER_SYSTEM:
            message = lazy_gettext(
                "the identifier's system differs from %(system)s in the case of letters; it was not read",
                system=NHS_NUMBER_SYSTEM,
            )
            findings.append(Finding(FindingCode.UNKNOWN_CODE, Severity.WARN, message, locator))
        elif (digits := check_nhs_number(number)) is None:
            message = lazy_gettext("this is not a valid NHS number; it is kept as written and not used to match")
            findings.append(Finding(FindingCode.BAD_NHS_NUMBER, Severity.REFUSE_VALUE, message, locator))
        elif is_test_nhs_number(digits) and not is_test_hub:
            message = lazy_gettext(
                "this is a test number (9...), which is never issued; it is refused outside a test hub"
            )
            findings.append(Finding(FindingCode.TEST_NUMBER, Severity.REFUSE_VALUE, message, locator))
    return findings


def given(fields: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return the values that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def shown_text(value: Value | None, otherwise: str) -> str:
    """Return a value for a summary."""
    return str(value.value) if value is not None and value.value is not None else otherwise


def organisation_name(record: Record, reference: Element | None) -> Value | None:
    """Return the name of an organisation or place: of the resource referred to, else what the reference displays."""
    if reference is None:
        return None
    target = record.target(reference)
    named = target.value("name") if target is not None and target.resource_type in NAMED_RESOURCES else None
    return named if named is not None else reference.value("display")


def organisation_code(record: Record, reference: Element | None) -> Value | None:
    """Return the ODS code of an organisation, from the reference or from the resource it leads to."""
    if reference is None:
        return None
    target = record.target(reference)
    identifiers = reference.each("identifier") + (target.each("identifier") if target is not None else [])
    return next((item.value("value") for item in identifiers if item.text("system") == ODS_SYSTEM), None)
