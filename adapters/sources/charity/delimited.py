"""Read a CSV file into a table: comma, UTF-8 (or UTF-16 with a byte-order mark), any line end.

Other separators are refused, never guessed: a file cut at the wrong sign puts values into the wrong fields.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from adapters.picture.speech import lazy_gettext
from adapters.picture.words import join_words
from adapters.sources.charity.table import (
    EMPTY_CELL,
    MAX_RECORD_ROWS,
    Cell,
    CellKind,
    Row,
    Table,
    refuse_too_many_rows,
)
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file
from adapters.sources.guards import MAX_CELL_CHARS, decode_text

OTHER_SEPARATORS = {
    ";": lazy_gettext("the semicolon (;)"),
    "\t": lazy_gettext("the tab"),
    "|": lazy_gettext("the bar (|)"),
    "!": lazy_gettext("the exclamation mark (!)"),
}


def read_csv(data: bytes, max_rows: int | None = None) -> Table:
    """Return the rows of a CSV file with the line on which each begins; empty lines are left out.

    ``max_rows`` stops after so many filled rows. Raises ``SourceRefused`` (``bad_encoding``, ``not_well_formed``,
    ``too_large``).
    """
    return Table(None, tuple(_rows(decode_text(data), max_rows)))


def _rows(text: str, max_rows: int | None) -> Iterator[Row]:
    # newline="" leaves line ends inside quoted cells as they are, and splits at LF, CRLF and CR alike.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    filled = 0
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise _refuse_cell(error, number) from error
        if values is None:
            return
        row = Row(number, tuple(_cell(value, number) for value in values))
        if row.is_empty:
            continue
        filled += 1
        if filled > MAX_RECORD_ROWS:
            raise refuse_too_many_rows("file")
        yield row
        if filled == max_rows:
            return


def _cell(value: str, line: int) -> Cell:
    if len(value) > MAX_CELL_CHARS:
        raise _refuse_long_cell(line)
    return Cell(CellKind.TEXT, value) if value.strip() else EMPTY_CELL


def _refuse_cell(error: csv.Error, line: int) -> SourceRefused:
    if "field limit" in str(error):
        return _refuse_long_cell(line)
    return refuse_file(
        FindingCode.NOT_WELL_FORMED,
        lazy_gettext(
            "line %(line)s: a quotation mark is not closed, or text follows one; write quotation "
            "marks inside a cell twice",
            line=str(line),
        ),
        f"file:{line}",
    )


def _refuse_long_cell(line: int) -> SourceRefused:
    return refuse_file(
        FindingCode.TOO_LARGE,
        lazy_gettext("line %(line)s: a cell holds more than %(most)s characters", line=str(line), most=MAX_CELL_CHARS),
        f"file:{line}",
    )


def require_commas(headings: Row) -> None:
    """Raise ``SourceRefused`` (``wrong_separator``) where the headings are cut by another sign than the comma."""
    found = [words for sign, words in OTHER_SEPARATORS.items() if any(sign in cell.text for cell in headings.cells)]
    if not found:
        return
    signs = [lazy_gettext("the comma"), *found] if len(headings.cells) > 1 else found
    raise refuse_file(
        FindingCode.WRONG_SEPARATOR,
        lazy_gettext(
            "the columns seem to be separated by %(signs)s; save the file as 'CSV (comma separated)' and "
            "take the other sign out of the headings",
            signs=join_words(signs),
        ),
        f"file:{headings.number}",
    )
