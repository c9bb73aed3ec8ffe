"""From one child of the CIN census to draft fragments, block by block.

The mapping is the table of docs/sources.md, "CIN census". The census holds no names: identity comes from the question
asked, or from another source. ``LAchildID`` means something only together with its authority.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import READER_VERSION, DraftFragment, FieldValue, Source, Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.plausibility import (
    Period,
    birth_date_finding,
    expected_birth_date_finding,
    overlap_findings,
)
from adapters.sources.social_care.cin_block import Block
from adapters.sources.social_care.cin_schema import Place, child_names
from adapters.sources.social_care.codes import (
    ETHNICITY_SCHEME,
    EXPLOITATION_TYPE_OF_FACTOR,
    EXPLOITATION_TYPE_SCHEME,
    FACTOR_SCHEME,
    NO_FACTORS,
    SEX,
)
from adapters.sources.social_care.records import Record, Refusal
from policies.vocabulary import Category

FORMAT_ID = "cin-census-xml"


_PLANS = {
    "child_in_need": lazy_gettext("child in need plans"),
    "child_protection": lazy_gettext("child protection plans"),
}


@dataclass(frozen=True, slots=True)
class Census:
    """What the header says of the whole file. ``year`` is the year of the schema it is read with."""

    year: int
    authority: Value
    system: str
    file_sha256: str
    today: date
    extracted_at: str | None
    effective_from: str | None
    effective_to: str | None

    def source(self, locator: str) -> Source:
        """Return the source block of a record."""
        return Source(
            system=self.system,
            format=FORMAT_ID,
            format_version=str(self.year),
            file_sha256=self.file_sha256,
            locator=locator,
            reader=f"{FORMAT_ID}/{READER_VERSION}",
            extracted_at=self.extracted_at,
            effective_from=self.effective_from,
            effective_to=self.effective_to,
        )


@dataclass(slots=True)
class MappedChild:
    """All records of one Child element; ``pupil_numbers`` hold the present and the former one."""

    about: str
    local_id: str
    pupil_numbers: tuple[str, ...]
    locator: str
    records: list[Record] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """What is about several records at once, or about none."""


def map_child(child: etree._Element, base: str, census: Census) -> MappedChild:
    """Map one ``Child`` element, whose XPath is ``base``. Never raises on what the element holds."""
    return _ChildReader(child, base, census).read()


class _ChildReader:
    def __init__(self, child: etree._Element, base: str, census: Census) -> None:
        self.child = child
        self.place = Place(child, base)
        self.base = base
        self.census = census
        self.about = ""
        self.records: list[Record] = []
        self.periods: dict[str, list[Period]] = {}

    def read(self) -> MappedChild:
        identifiers = self._block(self._first("ChildIdentifiers"))
        local_id = identifiers.words("LAchildID")
        upn = identifiers.pupil_number("UPN")
        former = identifiers.pupil_number("FormerUPN")
        numbers = tuple(str(value.value) for value in (upn, former) if value.state is ValueState.GIVEN)
        given_id = str(local_id.value) if local_id.state is ValueState.GIVEN else ""
        self.about = given_id or (numbers[0] if numbers else "")
        self._identity(identifiers, local_id, upn, former)
        for details in self.child.iterfind("CINdetails"):
            self._referral(details)
        findings = [item for kind, periods in self.periods.items() for item in overlap_findings(periods, _PLANS[kind])]
        records = self.records if self.about else [_not_attributable(record) for record in self.records]
        return MappedChild(self.about, given_id, numbers, self.base, records, findings)

    def _first(self, name: str) -> etree._Element:
        found = self.child.find(name)
        return self.child if found is None else found

    def _block(self, element: etree._Element) -> Block:
        return Block(element, self.place, self.census.year, self.census.today)

    def _add(
        self,
        category: Category,
        block: Block,
        fields: Mapping[str, FieldValue],
        summary: str,
        observed: tuple[Value, Value] | None = None,
        locator: str | None = None,
    ) -> None:
        start, end = observed or (block.absent(), block.absent())
        self.records.append(
            DraftFragment(
                category=category,
                fields=fields,
                source=self.census.source(locator or block.locator),
                about=self.about,
                summary=summary,
                observed_from=_text(start),
                observed_to=_text(end),
                findings=tuple(block.findings),
            )
        )

    # Who the child is

    def _identity(self, block: Block, local_id: Value, upn: Value, former: Value) -> None:
        birth, born = block.day("PersonBirthDate", birth_date_finding)
        expected, _ = block.day("ExpectedPersonBirthDate", expected_birth_date_finding)
        death, died = block.day("PersonDeathDate")
        block.check_period(born, died, death.locator)
        fields: dict[str, FieldValue] = {
            "prs_FirstName": block.absent(ValueState.NOT_IN_FORMAT),
            "prs_SecondName": block.absent(ValueState.NOT_IN_FORMAT),
            "hub_LAChildID": local_id,
            "hub_LA": self.census.authority,
            "hub_UPN": upn,
            "hub_FormerUPN": former,
            "hub_UPNUnknownReason": block.code("UPNunknown", "dfe-upn-unknown"),
            "hub_Sex": self._sex(block),
            "hub_DeathDate": death,
        }
        has_birth, has_expected = (value.state is not ValueState.ABSENT for value in (birth, expected))
        if has_birth == has_expected:
            block.findings.append(_birth_dates_finding(block.locator, has_both=has_birth))
        main = expected if has_expected and not has_birth else birth
        fields["prs_Birthdate"] = main
        if main.state is ValueState.GIVEN:
            fields["hub_BirthdatePrecision"] = Value("expected" if main is expected else "day", main.locator)
        if has_birth and has_expected:
            fields["hub_ExpectedBirthdate"] = expected
        self._characteristics(block, fields)
        self._add(Category.IDENTITY, block, fields, "Identity as the children's social care census records it")

    def _sex(self, block: Block) -> Value:
        names = child_names(self.census.year)["ChildIdentifiers"]
        current, other = ("Sex", "GenderCurrent") if "Sex" in names else ("GenderCurrent", "Sex")
        value = block.code(current, f"dfe-{current.lower()}")
        if value.state is ValueState.GIVEN:
            return Value(
                SEX[str(value.code)], value.locator, as_written=value.code, code=value.code, scheme=value.scheme
            )
        foreign = block.element.find(other)
        if value.state is ValueState.ABSENT and foreign is not None:
            # The finding comes with the shape of the block: an element of another year is not read.
            return Value(None, self.place.of(foreign), ValueState.UNREADABLE, as_written=(foreign.text or "")[:40])
        return value

    def _characteristics(self, identity: Block, fields: dict[str, FieldValue]) -> None:
        element = self.child.find("ChildCharacteristics")
        if element is None:
            fields["hub_Ethnicity"] = Value(None, self.base, ValueState.ABSENT)
            return
        block = self._block(element)
        fields["hub_Ethnicity"] = block.code("Ethnicity", ETHNICITY_SCHEME)
        disabilities = [
            block.coded("Disability", text, locator, "dfe-disability")
            for text, locator in block.all_of("Disabilities/Disability")
        ]
        if disabilities:
            fields["hub_Disability"] = disabilities
        identity.findings.extend(block.findings)

    # What was done

    def _referral(self, details: etree._Element) -> None:
        block = self._block(details)
        referred, start = block.day("CINreferralDate")
        closed, end = block.day("CINclosureDate")
        block.check_period(start, end, closed.locator)
        source = block.code("ReferralSource", "dfe-referral-source")
        fields: dict[str, FieldValue] = {
            "cas_IncomingReferralDate": referred,
            "cas_ReferringOrganisation": source,
            "cas_Status": _status(closed),
            "cas_ReasonForCaseClosure": block.code("ReasonForClosure", "dfe-reason-for-closure"),
            "hub_ClosureDate": closed,
            "hub_PrimaryNeed": block.code("PrimaryNeedCode", "dfe-primary-need"),
            "hub_InitialConferenceDate": block.day("DateOfInitialCPC")[0],
            "hub_NoFurtherAction": block.yes_no("ReferralNFA"),
            "hub_LA": self.census.authority,
        }
        summary = f"Referral to children's social care on {_shown(referred)}, from: {_shown(source)}"
        self._add(Category.SERVICE, block, fields, summary, (referred, closed))
        readers = {
            "Assessments": self._assessment,
            "Section47": self._section_47,
            "CINPlanDates": self._child_in_need_plan,
            "ChildProtectionPlans": self._child_protection_plan,
        }
        for element in details:
            reader = readers.get(str(element.tag))
            if reader is not None:
                reader(self._block(element))

    def _assessment(self, block: Block) -> None:
        started, start = block.day("AssessmentActualStartDate")
        authorised, end = block.day("AssessmentAuthorisationDate")
        block.check_period(start, end, authorised.locator)
        factors = block.all_of("FactorsIdentifiedAtAssessment/AssessmentFactors")
        assessment = {
            "kind": Value("assessment", block.locator),
            "start": started,
            "end": authorised,
            "internal_review": block.day("AssessmentInternalReviewDate", None)[0],
        }
        concerns = [self._factor(block, text, locator, (started, authorised)) for text, locator in factors]
        readable = [value for value, _ in concerns if value is not None]
        has_list = block.element.find("FactorsIdentifiedAtAssessment")
        fields: dict[str, FieldValue] = {"hub_Assessment": (assessment,), "hub_LA": self.census.authority}
        if readable:
            fields["hub_AssessmentFactors"] = readable
        elif has_list is not None and not factors:
            fields["hub_AssessmentFactors"] = Value(None, self.place.of(has_list), ValueState.EMPTY)
        else:
            fields["hub_AssessmentFactors"] = block.absent(ValueState.UNREADABLE if factors else ValueState.ABSENT)
        summary = f"Assessment by children's social care from {_shown(started)} to {_shown(authorised)}"
        self._add(Category.ASSESSMENT, block, fields, summary, (started, authorised))
        self.records.extend(record for _, record in concerns)

    def _factor(
        self, assessment: Block, text: str, locator: str, dates: tuple[Value, Value]
    ) -> tuple[Value | None, Record]:
        """Return the factor as a value (None where it is not known) and as a record of its own."""
        block = self._block(assessment.element)
        factor = block.coded("AssessmentFactors", text, locator, FACTOR_SCHEME)
        if factor.state is not ValueState.GIVEN:
            return None, Refusal(FindingCode.SCHEMA_ERROR, block.findings[0].message, locator)
        is_found = factor.code != NO_FACTORS
        started, authorised = dates
        concern = {
            "concern": factor,
            "presence": Value("present" if is_found else "looked_for_not_seen", locator),
            "observed_on": authorised if authorised.state is ValueState.GIVEN else started,
            "observer_role": Value("children's social care assessment", assessment.locator),
        }
        fields: dict[str, FieldValue] = {"hub_Concern": (concern,)}
        kind = EXPLOITATION_TYPE_OF_FACTOR.get(text)
        if kind is not None:
            fields["hub_ExploitationType"] = (
                {"type": Value(kind, locator, code=kind, scheme=EXPLOITATION_TYPE_SCHEME, as_written=text)},
            )
        words = str(factor.value) if is_found else "no factor identified: looked for and not seen"
        draft = DraftFragment(
            category=Category.CONCERN,
            fields=fields,
            source=self.census.source(locator),
            about=self.about,
            summary=f"Factor at assessment: {words}",
            observed_from=_text(started),
            observed_to=_text(authorised),
        )
        return factor, draft

    def _section_47(self, block: Block) -> None:
        started, start = block.day("S47ActualStartDate")
        conference, held = block.day("DateOfInitialCPC")
        block.check_period(start, held, conference.locator)
        enquiry = {
            "kind": Value("section_47", block.locator),
            "start": started,
            "conference_target": block.day("InitialCPCtarget", None)[0],
            "conference": conference,
            "conference_not_required": block.yes_no("ICPCnotRequired"),
        }
        fields: dict[str, FieldValue] = {"hub_Assessment": (enquiry,), "hub_LA": self.census.authority}
        summary = f"Section 47 enquiry (whether the child suffers significant harm), started {_shown(started)}"
        self._add(Category.ASSESSMENT, block, fields, summary, (started, block.absent()))

    def _child_in_need_plan(self, block: Block) -> None:
        plan, dates = self._plan(block, "child_in_need", "CINPlanStartDate", "CINPlanEndDate")
        summary = f"Child in need plan from {_shown(dates[0])} to {_shown(dates[1])}"
        self._add(Category.PLAN, block, {"hub_Plan": (plan,)}, summary, dates)

    def _child_protection_plan(self, block: Block) -> None:
        plan, dates = self._plan(block, "child_protection", "CPPstartDate", "CPPendDate")
        plan["initial_category"] = block.code("InitialCategoryOfAbuse", "dfe-category-of-abuse")
        plan["category"] = block.code("LatestCategoryOfAbuse", "dfe-category-of-abuse")
        plan["previous_plans"] = block.number("NumberOfPreviousCPP")
        fields: dict[str, FieldValue] = {"hub_Plan": (plan,)}
        reviews = [block.dated("CPPreviewDate", *found)[0] for found in block.all_of("Reviews/CPPreviewDate")]
        if reviews:
            fields["hub_PlanReviews"] = reviews
        first, words = plan["initial_category"], _shown(plan["category"])
        if first.state is ValueState.GIVEN and _shown(first) != words:
            words = f"{words} (at first: {_shown(first)})"
        summary = f"Child protection plan from {_shown(dates[0])} to {_shown(dates[1])}, category: {words}"
        self._add(Category.PLAN, block, fields, summary, dates)

    def _plan(self, block: Block, kind: str, first: str, last: str) -> tuple[dict[str, Value], tuple[Value, Value]]:
        started, start = block.day(first)
        ended, end = block.day(last)
        block.check_period(start, end, ended.locator)
        if start is not None and (ended.state is ValueState.ABSENT or (end is not None and end >= start)):
            period = Period(start, end, block.locator)
            known = self.periods.setdefault(kind, [])
            if all((start, end) != (other.start, other.end) for other in known):  # a repetition is no overlap
                known.append(period)
        plan = {
            "kind": Value(kind, block.locator),
            "start": started,
            "end": ended,
            "authority": self.census.authority,
        }
        return plan, (started, ended)


def _not_attributable(record: Record) -> Record:
    locator = record.locator if isinstance(record, Refusal) else record.source.locator
    return Refusal(
        FindingCode.SCHEMA_ERROR,
        lazy_gettext("the child has neither LAchildID nor UPN, so nothing says whose record this is"),
        locator,
    )


def _birth_dates_finding(locator: str, *, has_both: bool) -> Finding:
    if has_both:
        code = FindingCode.CONFLICT_IN_DELIVERY
        said = lazy_gettext("birth date and expected birth date are both given, expected one of them; both are kept")
    else:
        code = FindingCode.SCHEMA_ERROR
        said = lazy_gettext("neither birth date nor expected birth date is given, expected one of them")
    return Finding(code, Severity.WARN, said, locator)


def _status(closed: Value) -> Value:
    """Return the HTCDS status that a closure date (or its absence at the time of the extract) means."""
    if closed.state is ValueState.GIVEN:
        return Value("Closed", closed.locator)
    if closed.state is ValueState.UNREADABLE:
        return Value(None, closed.locator, ValueState.UNREADABLE)
    return Value("Active", closed.locator)


def _text(value: Value) -> str | None:
    return str(value.value) if value.state is ValueState.GIVEN else None


def _shown(value: Value) -> str:
    words: Mapping[ValueState, str] = {ValueState.UNREADABLE: "a date or code that cannot be read"}
    return str(value.value) if value.state is ValueState.GIVEN else words.get(value.state, "not recorded")


def locators_of(records: list[Record]) -> Iterator[str]:
    """Yield the places of which the records' own findings or refusals already speak."""
    for record in records:
        if isinstance(record, Refusal):
            yield record.locator
        else:
            yield from (finding.locator for finding in record.findings)
