"""Tell what a table is, in a workbook or a text file, from its headings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from adapters.picture.speech import lazy_gettext
from adapters.sources.charity.delimited import OTHER_SEPARATORS, require_commas
from adapters.sources.charity.fields import fold
from adapters.sources.charity.headings import has_headings
from adapters.sources.charity.surveys import require_no_form, require_no_survey_export
from adapters.sources.charity.table import EMPTY_CELL, Cell, CellKind, Row, Table
from adapters.sources.charity.workbook import read_workbook
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file
from adapters.sources.guards import decode_text
from adapters.sources.social_care.ssda903_tables import TABLES as SSDA903_TABLES
from adapters.sources.unread import CASES_AS_HTCDS, Unread

PEEKED_CHARS = 64 * 1024
PEEKED_ROWS = 12
TABLE_SHARE = 0.9
"""So many of the first rows must have as many cells as the first one, for a text to be a table."""
MAX_HEADING_CHARS = 40
MAX_HEADINGS_SHOWN = 12

_SSDA903_COLUMNS = [column for table in SSDA903_TABLES for column in table.columns]
_SSDA903_OWN = frozenset(column for column in _SSDA903_COLUMNS if _SSDA903_COLUMNS.count(column) == 1)
_WHO = frozenset(
    {
        "firstname", "lastname", "surname", "forename", "familyname", "givenname", "fullname", "clientname",
        "childname", "nameofchild", "childsname", "beneficiaryname", "caseid", "casenumber", "clientid",
    }
)  # fmt: skip
_WHEN = frozenset(
    {
        "dob", "dateofbirth", "birthdate", "birthday", "age", "registrationdate", "registered", "referraldate",
        "dateofreferral", "dateofcontact", "openingdate", "dateopened",
    }
)  # fmt: skip
_SALESFORCE_NAMES = frozenset(
    {
        "accountid",
        "ownerid",
        "recordtypeid",
        "createdbyid",
        "systemmodstamp",
        "lastmodifiedbyid",
        "firstname",
        "lastname",
    }
)
_SALESFORCE_STARTS = ("contact1 ", "contact2 ", "account1 ", "household ")
_VALUE = re.compile(r"[0-9]{1,4}[/.\-][0-9]{1,2}[/.\-][0-9]{1,4}.*|[+0-9 ().\-]*[0-9]|[^@\s]+@[^@\s]+")


def identify_workbook(data: bytes) -> str:
    """Return the id of the format that reads this .xlsx. Raises ``SourceRefused``: guards' codes, or by name."""
    tables = read_workbook(data, max_rows=PEEKED_ROWS)
    require_no_form(tables)
    require_no_survey_export(tables)
    if any(has_headings(table) for table in tables):
        return "htcds-xlsx"
    filled = [table for table in tables if table.rows]
    if not filled:
        raise Unread.EMPTY_WORKBOOK.refuse()
    for table in filled:
        if _is_ssda903(table.rows[0]):
            raise Unread.SSDA903_WORKBOOK.refuse()
        if (look := _known_look(table, is_whole=False)) is not None:
            raise look.refuse()
    raise _refuse_unknown(filled[0].rows[0])


def identify_text(data: bytes) -> str:
    """Return the id of the format that reads this CSV.

    Raises ``SourceRefused`` (``bad_encoding``, ``wrong_separator``, ``no_known_columns``, ``is_template``, or a refusal
    by name; a text that is no table is refused as plain text).
    """
    text = decode_text(data)
    if text.startswith(("MSH|", "\x0bMSH", "FHS|", "BHS|")):
        raise Unread.HL7_V2.refuse()
    table = _peek(text, ",")
    if table.rows and _is_read(table):
        require_commas(table.rows[0])
        return "ssda903-csv" if _is_ssda903(table.rows[0]) else "htcds-csv"
    _require_comma_or_prose(text, table)
    require_no_survey_export((table,))
    look = _known_look(table, is_whole=len(text) <= PEEKED_CHARS)
    if look is not None:
        raise look.refuse()
    if _is_regular(table):
        raise _refuse_unknown(table.rows[0])
    raise Unread.PLAIN_TEXT.refuse()


def _is_read(table: Table) -> bool:
    return _is_ssda903(table.rows[0]) or (has_headings(table) and not _is_survey_export(table))


def _is_survey_export(table: Table) -> bool:
    try:
        require_no_survey_export((table,))
    except SourceRefused:
        return True
    return False


def _peek(text: str, separator: str) -> Table:
    """Return the first rows as a lenient reader sees them: what is wrong with them is for the real reader."""
    reader = csv.reader(io.StringIO(text[:PEEKED_CHARS], newline=""), delimiter=separator)
    rows: list[Row] = []
    while len(rows) < PEEKED_ROWS:
        number = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error:
            break
        if values is None:
            break
        row = Row(number, tuple(Cell(CellKind.TEXT, value) if value.strip() else EMPTY_CELL for value in values))
        if not row.is_empty:
            rows.append(row)
    return Table(None, tuple(rows))


def _is_ssda903(headings: Row) -> bool:
    names = {cell.text.strip().upper() for cell in headings.cells}
    if "CHILD" in names:
        return len(names & set(_SSDA903_COLUMNS)) >= 2
    return len(names & _SSDA903_OWN) >= 2


def _require_comma_or_prose(text: str, table: Table) -> None:
    """Raise ``wrong_separator`` where another sign cuts the text into a regular table, or into known headings."""
    for sign in OTHER_SEPARATORS:
        other = _peek(text, sign)
        if other.rows and len(other.rows[0].cells) > 1 and (_is_regular(other) or _is_read(other)):
            require_commas(table.rows[0])


def _is_regular(table: Table) -> bool:
    """Whether the rows are those of a table: at least two cells, and (nearly) all as many as the first."""
    if not table.rows:
        return False
    headings = table.rows[0]
    width = len(headings.cells)
    if width < 2 or any("://" in cell.text for cell in headings.cells):
        return False
    return sum(len(row.cells) == width for row in table.rows) >= TABLE_SHARE * len(table.rows)


def _known_look(table: Table, *, is_whole: bool) -> Unread | None:
    """Return which known kind of table this is. ``is_whole``: all its rows may be in ``table``."""
    for index, row in enumerate(table.rows):
        headings = [cell.text.strip() for cell in row.cells if cell.kind is CellKind.TEXT]
        folded = {fold(heading) for heading in headings}
        if "childuniqueid" in folded:
            return Unread.ANNEX_A
        if _is_salesforce(headings):
            below = [other for other in table.rows[index + 1 :] if not _is_salesforce(_texts(other))]
            is_template = is_whole and not below and len(table.rows) < PEEKED_ROWS
            return Unread.SALESFORCE_TEMPLATE if is_template else Unread.SALESFORCE
        if folded & _WHO and folded & _WHEN:
            return Unread.CASE_LIST
    return None


def _texts(row: Row) -> list[str]:
    return [cell.text.strip() for cell in row.cells if cell.kind is CellKind.TEXT]


def _is_salesforce(headings: Sequence[str]) -> bool:
    # API names are one word ("FirstName", "npe01__WorkEmail__c"); the import template has labels above them.
    lowered = [heading.casefold() for heading in headings]
    own = sum(heading.endswith("__c") or heading in _SALESFORCE_NAMES for heading in lowered)
    return own >= 2 or sum(heading.startswith(_SALESFORCE_STARTS) for heading in lowered) >= 2


def _refuse_unknown(headings: Row) -> SourceRefused:
    texts = _texts(headings)
    # A table without headings begins with a record: then nothing of it is repeated.
    if any(_VALUE.fullmatch(text) for text in texts) or any(len(text) > MAX_HEADING_CHARS for text in texts):
        found = lazy_gettext("the first row does not look like headings")
    else:
        more = ", …" if len(texts) > MAX_HEADINGS_SHOWN else ""
        found = lazy_gettext("headings found: %(listed)s", listed=f"{', '.join(texts[:MAX_HEADINGS_SHOWN])}{more}")
    message = lazy_gettext(
        "none of the headings is known, and nothing says who a record is about or when; %(found)s. "
        "Choose another file, or %(advice)s",
        found=found,
        advice=CASES_AS_HTCDS,
    )
    return refuse_file(FindingCode.NO_KNOWN_COLUMNS, message)
