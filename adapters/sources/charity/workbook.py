"""Read the worksheets of an .xlsx file into tables. Formulas are kept as text and never evaluated.

The archive is checked by ``guards.open_workbook_archive`` first; the limits here hold while the sheets are read.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import openpyxl

from adapters.picture.speech import lazy_gettext
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
from adapters.sources.guards import MAX_CELL_CHARS, open_workbook_archive

MAX_SHEETS = 50
MAX_SHEET_ROWS = 1_048_576
"""The last row that a spreadsheet program can have."""
MAX_CELLS = 2_000_000


def read_workbook(data: bytes, max_rows: int | None = None) -> tuple[Table, ...]:
    """Return every worksheet as a table; empty rows are left out, row numbers are kept.

    ``data`` is the file; ``max_rows`` stops after so many filled rows of each sheet (to look at headings only).
    Raises ``SourceRefused``: what ``open_workbook_archive`` raises, ``too_large``, ``not_well_formed``.
    """
    open_workbook_archive(data).close()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its warnings speak of styles, which are not read
            return _read_sheets(data, max_rows)
    except SourceRefused:
        raise
    except Exception as error:
        # Broad on purpose: a damaged part makes the library raise nearly anything.
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            lazy_gettext("the workbook is damaged and cannot be read; open it and save it again"),
        ) from error


def _read_sheets(data: bytes, max_rows: int | None) -> tuple[Table, ...]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
    try:
        if len(book.worksheets) > MAX_SHEETS:
            raise refuse_file(
                FindingCode.TOO_LARGE,
                lazy_gettext(
                    "the workbook has %(count)s sheets, more than %(most)s",
                    count=str(len(book.worksheets)),
                    most=str(MAX_SHEETS),
                ),
            )
        return tuple(Table(sheet.title, tuple(_rows(sheet, max_rows))) for sheet in book.worksheets)
    finally:
        book.close()


def _rows(sheet: Any, max_rows: int | None) -> Iterator[Row]:
    sheet.reset_dimensions()  # the size a sheet states of itself may hide rows
    filled = cells_seen = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        cells_seen += len(cells)
        if number > MAX_SHEET_ROWS or cells_seen > MAX_CELLS:
            raise refuse_file(
                FindingCode.TOO_LARGE,
                lazy_gettext(
                    "a sheet has more than %(cells)s cells or %(rows)s rows; delete the empty rows and "
                    "columns around the records",
                    cells=MAX_CELLS,
                    rows=MAX_SHEET_ROWS,
                ),
                sheet.title,
            )
        if all(cell.value is None for cell in cells):
            continue
        row = Row(number, tuple(_cell(cell.value, cell.data_type) for cell in cells))
        if row.is_empty:
            continue
        filled += 1
        if filled > MAX_RECORD_ROWS:
            raise refuse_too_many_rows(sheet.title)
        yield row
        if filled == max_rows:
            return


def _cell(value: object, data_type: str) -> Cell:
    if value is None:
        return EMPTY_CELL
    if isinstance(value, str):
        return _text_cell(value, data_type)
    if data_type == "f":
        # An array formula comes as an object that holds its text.
        return Cell(CellKind.FORMULA, str(getattr(value, "text", None) or "="))
    if isinstance(value, bool):
        return Cell(CellKind.YES_NO, "TRUE" if value else "FALSE", value)
    if isinstance(value, int | float):
        return Cell(CellKind.NUMBER, number_text(value), value)
    if isinstance(value, datetime | date):
        return Cell(CellKind.DATE, value.isoformat(), value)
    # A time or a duration: no field of the standard is one.
    return Cell(CellKind.TEXT, str(value))


def _text_cell(value: str, data_type: str) -> Cell:
    if len(value) > MAX_CELL_CHARS:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext(
                "a cell holds %(count)s characters, the limit is %(most)s", count=len(value), most=MAX_CELL_CHARS
            ),
        )
    if data_type == "f":
        return Cell(CellKind.FORMULA, value)
    if data_type == "e":
        return Cell(CellKind.ERROR, value)
    return Cell(CellKind.TEXT, value) if value.strip() else EMPTY_CELL


def number_text(value: int | float) -> str:
    """Return a number as a person would type it: whole floats as digits, no exponent."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return text if "e" not in text.lower() or text in {"inf", "-inf", "nan"} else f"{value:f}".rstrip("0").rstrip(".")
