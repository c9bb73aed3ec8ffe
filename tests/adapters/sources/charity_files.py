"""Invented HTCDS workbooks and CSV files for tests, and reading them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
from openpyxl.utils import range_boundaries

from adapters.sources.charity import htcds
from adapters.sources.charity.fields import COLUMNS
from adapters.sources.draft import DraftFragment, ReadReport, Value
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.reading import SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import Category

TODAY = date(2026, 11, 21)

# The headings of the official template, row 1 (hidden) and row 2, with its faults.
TEMPLATE = (
    ("", ""),
    ("cas_CaseOwner", "Case Owner"),
    ("prs_Salutation", "Salutation"),
    ("prs_FirstName", "First Name"),
    ("prs_SecondName", "Second Name"),
    ("con_Consent", "Consent"),
    ("prs_Birthdate", "Birthdate"),
    ("prs_Gender", "Gender"),
    ("prs_Citizenship", "Citizenship"),
    ("prs_Title", "Title"),
    ("prs_Email", "Email"),
    ("prs_HomePhone", "Home Phone"),
    ("prs_MobilePhone", "Mobile Phone"),
    ("prs_MailingCity", "Mailing Street"),
    ("prs_MailingCountry", "Mailing City"),
    ("prs_MailingState", "Mailing State/Province"),
    ("prs_MailingStreet", "Mailing Zip/Postal Code"),
    ("prs_MailingPostalCode", "Mailing Country"),
    ("vic_TraffickingStatus", "Trafficking Status"),
    ("vic_TraffickinStatusDecisionMakingOrg", "Trafficking Status Decision Making Organization"),
    ("vic_MethodOfRecruitment", "Method of Recruitment"),
    ("vic_LocationOfRecruitment", "Location of Recruitment"),
    ("vic_MethodsOfControl", "Methods of Control"),
    ("vic_TypeOfExploitation", "Type of Exploitation"),
    ("vic_ForcedLabourIndustry", "Forced Labour Industry"),
    ("vic_TypeOfSexExploitation", "Type of Sex Exploitation"),
    ("vic_LocationOfExploitation", "Location of Exploitation"),
    ("cas_Status", "Status"),
    ("cas_ReferringOrganisation", "Referring Organisation"),
    ("cas_IncomingReferralDate", "Incoming Referral Date"),
    ("cas_ReferringPrimaryCaseWorker", "Referring Primary Case Worker"),
    ("cas_ReasonForIncomingReferral", "Reason for Incoming Referral"),
    ("cas_IncomingReferralDetails", "Incoming Referral Details"),
    ("cas_ReferredOrganisation", "Referred Organisation"),
    ("cas_ReferredPrimaryCaseWorker", "Referred Primary Case Worker"),
    ("", "Reason for Outgoing Referral"),
    ("cas_OutgoingReferralDate", "Outgoing Referral Date"),
    ("cas_OutgoingReferralDetails", "Outgoing Referral Details"),
    ("cas_ReasonForCaseClosure", "Reason for Case Closure"),
)
LABELS = [label for _, label in TEMPLATE]

ROBIN: dict[str, object] = {
    "Case Owner": "Worker One",
    "First Name": "Robin",
    "Second Name": "Invented",
    "Consent": True,
    "Birthdate": date(2010, 5, 17),
    "Gender": "Non-Conforming\xa0",
    "Citizenship": "Albania; VN",
    "Email": "robin@charity.example",
    "Home Phone": "01632 960001",
    "Mobile Phone": "+447700900123",
    "Mailing Street": "1 Nowhere Road",
    "Mailing City": "Testtown",
    "Mailing Zip/Postal Code": "ZE1 1AA",
    "Mailing Country": "United Kingdom",
    "Trafficking Status": "Possible victim of trafficking",
    "Method of Recruitment": "Through friends or social events",
    "Methods of Control": "DebtBondage ;Threats of law enforcement;PsychologicalAbuse",
    "Type of Exploitation": "Sexual exploitation;Forced begging;ForcedLabour;ChildLabour",
    "Status": "Follow Up",
    "Referring Organisation": "Example Shelter",
    "Incoming Referral Date": date(2026, 3, 4),
    "Referring Primary Case Worker": "Worker Two",
}
SAM: dict[str, object] = {
    "First Name": "Sam",
    "Second Name": "Otherone",
    "Birthdate": date(2011, 1, 2),
    "Gender": "Feminine",
}

Rows = Sequence[Mapping[str, object]]


def template(rows: Rows = (), *, names: bool = True, number_rows: bool = True, date1904: bool = False) -> bytes:
    """Return a workbook like the official template with records under its labels."""
    book = openpyxl.Workbook()
    if date1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sheet1"
    if names:
        sheet.append([name or None for name, _ in TEMPLATE])
        sheet.row_dimensions[1].hidden = True
    sheet.append([label or None for label in LABELS])
    first = sheet.max_row + 1
    for number in range(1, max(len(rows), 20 if number_rows else 0) + 1):
        if number_rows:
            sheet.cell(first + number - 1, 1, number)
    for number, row in enumerate(rows):
        for label, value in row.items():
            sheet.cell(first + number, LABELS.index(label) + 1, value)
    return saved(book)


def workbook(rows: Sequence[Sequence[object]], title: str = "Cases") -> bytes:
    """Return a workbook with one sheet of these rows."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """Return the bytes of a workbook."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def write_htcds_workbook(rows: Rows, path: Path) -> None:
    """Write records under the field names of the standard, all columns, as a program would export them."""
    names = [column.name for column in COLUMNS]
    path.write_bytes(workbook([names, *([row.get(name) for name in names] for row in rows)]))


def csv_bytes(rows: Sequence[Sequence[object]], *, line_end: str = "\r\n", encoding: str = "utf-8") -> bytes:
    """Return a CSV file of these rows."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=line_end).writerows(rows)
    return buffer.getvalue().encode(encoding)


def source(data: bytes, name: str = "cases") -> SourceFile:
    """Return a source file, read on the tests' day."""
    return SourceFile(name=name, data=data, today=TODAY, siblings={})


def read_xlsx(data: bytes, subject: Subject | None = None) -> ReadReport:
    """Read a workbook; the counts must hold."""
    report = htcds.read_xlsx(source(data), subject)
    report.check()
    return report


def read_csv(data: bytes, subject: Subject | None = None) -> ReadReport:
    """Read a CSV file; the counts must hold."""
    report = htcds.read_csv_cases(source(data), subject)
    report.check()
    return report


def read_rows(rows: Sequence[Sequence[object]], subject: Subject | None = None) -> ReadReport:
    """Read rows of text as CSV."""
    return read_csv(csv_bytes(rows), subject)


def refusal_codes(error: SourceRefused) -> list[FindingCode]:
    """Return the codes of a refused file, the reason first."""
    return [finding.code for finding in error.findings]


def codes_of(report: ReadReport) -> set[FindingCode]:
    """Return the codes a report speaks of."""
    return {finding.code for finding in report.findings}


def of(report: ReadReport, category: Category) -> list[DraftFragment]:
    """Return the drafts of one category."""
    return [draft for draft in report.drafts if draft.category is category]


def value(draft: DraftFragment, name: str) -> Value:
    """Return a single value."""
    found = draft.fields[name]
    assert isinstance(found, Value)
    return found


def values(draft: DraftFragment, name: str) -> list[Value]:
    """Return a list of values."""
    found = draft.fields[name]
    assert not isinstance(found, Value)
    return [part for part in found if isinstance(part, Value)]


def every_value(draft: DraftFragment) -> list[Value]:
    """Return all values of a draft, those in lists and groups as well."""
    found: list[Value] = []
    for item in draft.fields.values():
        if isinstance(item, Value):
            found.append(item)
            continue
        for part in item:
            found.extend([part] if isinstance(part, Value) else part.values())
    return found


def resolve_xlsx(data: bytes, locator: str) -> list[object]:
    """Return the stored values of the cells that a locator names."""
    sheet_name, _, cells = locator.partition("#")[0].rpartition("!")
    sheet = openpyxl.load_workbook(io.BytesIO(data))[sheet_name.strip("'").replace("''", "'")]
    found: list[object] = []
    for cell_range in cells.split(","):
        left, top, right, bottom = range_boundaries(cell_range)
        found.extend(
            sheet.cell(row, column).value for row in range(top, bottom + 1) for column in range(left, right + 1)
        )
    return found


def resolve_csv(data: bytes, locator: str) -> list[str]:
    """Return the cells that a locator names; records of one line each."""
    prefix, line, cells = locator.partition("#")[0].split(":")
    assert prefix == "file"
    row = list(csv.reader(io.StringIO(data.decode())))[int(line) - 1]
    found: list[str] = []
    for cell_range in cells.split(","):
        first, _, last = cell_range.partition("-")
        found.extend(row[int(first) - 1 : int(last or first)])
    return found


def is_same_day(stored: object, text: object) -> bool:
    """Whether a stored cell is the day that a value names."""
    return isinstance(stored, datetime) and stored.date().isoformat() == text
