"""Map one row of an HTCDS table to draft fragments: one for each part of the row that holds anything.

A record is such a part (identity, contact, trafficking, case, consent ...), or one method of control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from adapters.picture.speech import lazy_gettext
from adapters.sources.charity import addresses, codes
from adapters.sources.charity.fields import FORMAT_VERSION, Column, Kind, Part
from adapters.sources.charity.headings import Layout
from adapters.sources.charity.table import CellKind, Row, Table
from adapters.sources.charity.values import DateOrder, Reading, find_date_order, read_cell
from adapters.sources.draft import READER_VERSION, DraftFragment, FieldValue, Source, Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.plausibility import birth_date_finding, event_date_finding, parse_iso_date, period_finding
from adapters.sources.reading import SourceFile
from policies.vocabulary import Category

MAX_SUMMARY_CHARS = 160
PLANNED_DATES = frozenset({"spl_PlannedEndDate"})
CATEGORIES: Mapping[Part, Category] = {
    Part.IDENTITY: Category.IDENTITY,
    Part.CONTACT: Category.CONTACT,
    Part.WORKER: Category.RELATION,
    Part.TRAFFICKING: Category.TRAFFICKING_EVENT,
    Part.CONTROL: Category.CONCERN,
    Part.EVENT: Category.TRAFFICKING_EVENT,
    Part.CASE: Category.SERVICE,
    Part.COMMENT: Category.NARRATIVE,
    Part.SUPPORT_PLAN: Category.SERVICE,
    Part.CONSENT: Category.CONSENT,
}
_TITLES: Mapping[Part, str] = {
    Part.IDENTITY: "Person",
    Part.CONTACT: "How to reach the person",
    Part.WORKER: "Case workers",
    Part.TRAFFICKING: "Trafficking, as recorded by the organisation",
    Part.EVENT: "Event of trafficking",
    Part.CASE: "Case and referrals",
    Part.COMMENT: "Comment on the case",
    Part.SUPPORT_PLAN: "Support plan",
    Part.CONSENT: "Consent, as recorded by the organisation",
}
_SUMMARY_FIELDS: Mapping[Part, tuple[str, ...]] = {
    Part.IDENTITY: ("prs_FirstName", "prs_SecondName", "prs_Birthdate"),
    Part.TRAFFICKING: ("vic_TraffickingStatus", "vic_TypeOfExploitation"),
    Part.EVENT: ("hte_Type", "hte_Date"),
    Part.CASE: ("cas_Status", "cas_ReferringOrganisation", "cas_IncomingReferralDate"),
    Part.CONSENT: ("con_Consent",),
}
_WORKER_ROLES = {
    "cas_CaseOwner": ("case owner", None),
    "cas_ReferringPrimaryCaseWorker": ("referring case worker", "cas_ReferringOrganisation"),
    "cas_ReferredPrimaryCaseWorker": ("case worker referred to", "cas_ReferredOrganisation"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """What a row says of who it is about, for recognising the child asked for."""

    first_name: str | None
    family_name: str | None
    birth_date: str | None
    identity_number: str | None


@dataclass(frozen=True, slots=True)
class MappedRow:
    """The drafts of a row, and findings that belong to the row and to none of its drafts."""

    person: Person
    drafts: tuple[DraftFragment, ...]
    findings: tuple[Finding, ...]
    said: tuple[tuple[str, str], ...]
    """Fields and their text, to know a row that stands twice."""


@dataclass(slots=True)
class RowMapper:
    """Maps the rows of one table."""

    source: SourceFile
    table: Table
    layout: Layout
    format_id: str
    orders: dict[int, DateOrder] = field(init=False)
    file_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        self.file_sha256 = self.source.sha256
        self.orders = {
            index: find_date_order(row.cell(index) for row in self.layout.records)
            for index, column in self.layout.columns.items()
            if column.kind is Kind.DATE
        }

    def order_findings(self) -> list[Finding]:
        """Return a warning for each column whose dates are written with the day or the month first."""
        words = {
            DateOrder.DAY_FIRST: lazy_gettext(
                "the dates of '%(field)s' are not written as YYYY-MM-DD; some can only have the day first, so all were "
                "read with the day first"
            ),
            DateOrder.MONTH_FIRST: lazy_gettext(
                "the dates of '%(field)s' are not written as YYYY-MM-DD; some can only have the month first, so all "
                "were read with the month first"
            ),
        }
        return [
            Finding(
                FindingCode.BAD_DATE,
                Severity.WARN,
                lazy_gettext(str(words[order]), field=self.layout.columns[index].label),
                self.table.place_of_column(index),
            )
            for index, order in self.orders.items()
            if order in words
        ]

    def map_row(self, row: Row, about: str) -> MappedRow:
        """Return what a row becomes. ``about`` is the key of its person within the file."""
        return _RowParts(self, row, about).mapped()


class _RowParts:
    """One row on its way: its readings by field name, and the drafts made so far."""

    def __init__(self, mapper: RowMapper, row: Row, about: str) -> None:
        self.mapper, self.row, self.about = mapper, row, about
        self.today = mapper.source.today
        self.columns = {column.name: index for index, column in mapper.layout.columns.items()}
        self.kinds = {column.name: column for column in mapper.layout.columns.values()}
        self.readings = {name: self._read(self.kinds[name], index) for name, index in self.columns.items()}
        self.drafts: list[DraftFragment] = []
        self.findings: list[Finding] = []

    def _read(self, column: Column, index: int) -> Reading:
        place = self.mapper.table.place(self.row.number, index)
        return read_cell(column, self.row.cell(index), place, self.mapper.orders.get(index, DateOrder.UNKNOWN))

    def mapped(self) -> MappedRow:
        for part in Part:
            names = [name for name, column in self.kinds.items() if column.part is part]
            if not any(self._is_filled(name) for name in names):
                continue
            if part is Part.PERPETRATOR:
                self._leave_out_perpetrator(names)
            elif part is Part.CONTROL:
                self._add_controls(names[0])
            else:
                self._add(part, names)
        said = tuple(
            (name, self.row.cell(index).text.strip())
            for name, index in sorted(self.columns.items())
            if self.row.cell(index).kind is not CellKind.EMPTY
        )
        return MappedRow(self._person(), tuple(self.drafts), tuple(self.findings), said)

    def _is_filled(self, name: str) -> bool:
        return self.readings[name].values[0].state is not ValueState.EMPTY

    def _text(self, name: str) -> str | None:
        reading = self.readings.get(name)
        return str(reading.values[0].value) if reading and reading.values[0].state is ValueState.GIVEN else None

    def _day(self, name: str) -> date | None:
        text = self._text(name)
        return parse_iso_date(text) if text else None

    def _person(self) -> Person:
        return Person(
            self._text("prs_FirstName"),
            self._text("prs_SecondName"),
            self._text("prs_Birthdate"),
            self._text("prs_IdentityNumber"),
        )

    def _leave_out_perpetrator(self, names: list[str]) -> None:
        filled = [self.columns[name] for name in names if self._is_filled(name)]
        message = lazy_gettext(
            "left out: %(count)s cells about somebody who may have exploited the person", count=str(len(filled))
        )
        place = self.mapper.table.place_of_cells(self.row.number, filled)
        self.findings.append(Finding(FindingCode.THIRD_PARTY, Severity.WARN, message, place))

    def _add(self, part: Part, names: list[str]) -> None:
        fields: dict[str, FieldValue] = {}
        findings: list[Finding] = []
        for name in names:
            reading = self.readings[name]
            is_list = self.kinds[name].kind in (Kind.CODES, Kind.COUNTRIES)
            fields[name] = list(reading.values) if is_list else reading.values[0]
            findings.extend(reading.findings)
            if self.kinds[name].kind is Kind.DATE and (doubt := self._date_doubt(name)) is not None:
                findings.append(doubt)
        fields |= self._added_fields(part, findings)
        place = self.mapper.table.place_of_cells(self.row.number, [self.columns[name] for name in names])
        self._keep(part, fields, place, self._summary(part), findings, self._observed(part))

    def _date_doubt(self, name: str) -> Finding | None:
        value = self.readings[name].values[0]
        if value.state is not ValueState.GIVEN or name in PLANNED_DATES:
            return None
        # Of a partial date only the year is judged.
        day = parse_iso_date(str(value.value))
        if name == "prs_Birthdate" and day is not None:
            return birth_date_finding(day, self.today, value.locator)
        return event_date_finding(day or date(int(str(value.value)[:4]), 1, 1), self.today, value.locator)

    def _added_fields(self, part: Part, findings: list[Finding]) -> dict[str, FieldValue]:
        """Return the fields that the columns of a part imply, and note what is doubtful about them."""
        if part is Part.IDENTITY:
            return self._birthdate_precision()
        if part is Part.CONTACT:
            findings.extend(addresses.address_findings(self.readings))
            place = self._first_place(part)
            return {name: Value(None, place, ValueState.NOT_IN_FORMAT) for name in ("hub_Period", "hub_SafeToUse")}
        if part is Part.TRAFFICKING:
            return self._exploitation_types(findings)
        if part is Part.WORKER:
            return {"hub_Professional": self._professionals()}
        if part is Part.CONSENT:
            place = self._first_place(part)
            told = ("scope", "given_by", "date", "basis", "end")
            return {"hub_ConsentDetail": [{name: Value(None, place, ValueState.NOT_IN_FORMAT) for name in told}]}
        if part is Part.CASE:
            self._check_period("cas_IncomingReferralDate", "cas_OutgoingReferralDate", findings)
        return {}

    def _first_place(self, part: Part) -> str:
        name = next(name for name, column in self.kinds.items() if column.part is part and self._is_filled(name))
        return self.mapper.table.place(self.row.number, self.columns[name])

    def _birthdate_precision(self) -> dict[str, FieldValue]:
        born = self._text("prs_Birthdate")
        if born is None:
            return {}
        precision = {4: "year", 7: "month"}.get(len(born), "day")
        return {"hub_BirthdatePrecision": Value(precision, self.readings["prs_Birthdate"].values[0].locator)}

    def _exploitation_types(self, findings: list[Finding]) -> dict[str, FieldValue]:
        reading = self.readings.get("vic_TypeOfExploitation")
        groups: dict[str, dict[str, Value]] = {}
        for value in reading.values if reading else ():
            code = codes.EXPLOITATION_TYPES.get(value.code or "")
            if code is not None:
                kind = Value(code, value.locator, code=code, scheme=codes.NRM_TYPE_SCHEME, as_written=value.code)
                groups.setdefault(code, {"type": kind})
            elif value.code is not None:
                message = lazy_gettext(
                    "%(code)s has no type of its own in the NRM, and HTCDS has none for criminal "
                    "exploitation; a person must choose the type",
                    code=value.code,
                )
                findings.append(Finding(FindingCode.NOT_MAPPED, Severity.WARN, message, value.locator))
        return {"hub_ExploitationType": list(groups.values())} if groups else {}

    def _professionals(self) -> list[dict[str, Value]]:
        groups = []
        for name, (role, organisation) in _WORKER_ROLES.items():
            if name not in self.readings or self._text(name) is None:
                continue
            worker = self.readings[name].values[0]
            group = {"role": Value(role, worker.locator), "name": worker}
            if organisation is not None and self._text(organisation) is not None:
                group["organisation"] = self.readings[organisation].values[0]
            groups.append(group)
        return groups

    def _check_period(self, start: str, end: str, findings: list[Finding]) -> None:
        if start in self.readings and end in self.readings:
            place = self.readings[end].values[0].locator
            found = period_finding(self._day(start), self._day(end), place)
            if found is not None:
                findings.append(found)

    def _add_controls(self, name: str) -> None:
        reading = self.readings[name]
        for value in reading.values:
            findings = [finding for finding in reading.findings if finding.locator in (value.locator, self._cell(name))]
            indicator = codes.CONTROL_INDICATORS.get(value.code or "")
            if indicator is not None:
                message = lazy_gettext(
                    "%(code)s may be the indicator %(indicator)s; a person decides",
                    code=value.code,
                    indicator=indicator,
                )
                findings.append(Finding(FindingCode.POSSIBLE_INDICATOR, Severity.WARN, message, value.locator))
            concern = {
                "concern": value,
                "presence": Value("present", value.locator),
                "observed_on": Value(None, value.locator, ValueState.NOT_IN_FORMAT),
                "observer_role": Value("charity or community organisation", value.locator),
            }
            fields: dict[str, FieldValue] = {name: [value], "hub_Concern": [concern]}
            summary = f"Method of control: {value.code or 'not understood, kept as written'}"
            self._keep(Part.CONTROL, fields, value.locator, summary, findings, None)

    def _cell(self, name: str) -> str:
        return self.mapper.table.place(self.row.number, self.columns[name])

    def _observed(self, part: Part) -> str | None:
        return {
            Part.EVENT: self._text("hte_Date"),
            Part.CASE: self._text("cas_IncomingReferralDate") or self._text("cas_OutgoingReferralDate"),
        }.get(part)

    def _summary(self, part: Part) -> str:
        said: list[str] = []
        for name in _SUMMARY_FIELDS.get(part, ()):
            reading = self.readings.get(name)
            said.extend(
                {True: "yes", False: "no"}[value.value] if isinstance(value.value, bool) else str(value.value)
                for value in (reading.values if reading else ())
                if value.state is ValueState.GIVEN
            )
        text = f"{_TITLES[part]}: {', '.join(said)}" if said else _TITLES[part]
        return text if len(text) <= MAX_SUMMARY_CHARS else text[: MAX_SUMMARY_CHARS - 1] + "…"

    def _keep(
        self,
        part: Part,
        fields: dict[str, FieldValue],
        place: str,
        summary: str,
        findings: list[Finding],
        observed: str | None,
    ) -> None:
        mapper = self.mapper
        self.drafts.append(
            DraftFragment(
                category=CATEGORIES[part],
                fields=fields,
                source=Source(
                    system="case list",
                    format=mapper.format_id,
                    format_version=FORMAT_VERSION,
                    file_sha256=mapper.file_sha256,
                    locator=place,
                    reader=f"{mapper.format_id}/{READER_VERSION}",
                ),
                about=self.about,
                summary=summary,
                observed_from=observed,
                findings=tuple(findings),
            )
        )
