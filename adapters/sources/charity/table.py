"""A table as found, from a worksheet or a CSV file, and the places in it that values lead back to.

Places are ``Sheet1!D3`` in a workbook and ``file:3:4`` (line, cell) in a CSV file. ``#2`` behind a place is the second
part of a cell with several values. A record that stands in several cells has their ranges (``Sheet1!C3:E3,G3``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from adapters.picture.speech import lazy_gettext
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file

MAX_RECORD_ROWS = 20_000
MAX_COLUMNS_IN_MESSAGE = 12


class CellKind(StrEnum):
    """What the file says a cell is. A CSV file has only text."""

    EMPTY = "empty"
    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"
    FORMULA = "formula"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``text`` is what it says, as text, blanks and all; ``stored`` is the value where it is not text."""

    kind: CellKind
    text: str
    stored: int | float | bool | date | datetime | None = None


EMPTY_CELL = Cell(CellKind.EMPTY, "")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` is the row of the sheet, or the line of the file on which the row begins (both from 1)."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, index: int) -> Cell:
        """Return the cell of a column (from 0), empty where the row is shorter."""
        return self.cells[index] if index < len(self.cells) else EMPTY_CELL

    @property
    def is_empty(self) -> bool:
        """Whether no cell says anything."""
        return all(cell.kind is CellKind.EMPTY for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one worksheet (``sheet`` is its name) or of a CSV file (``sheet`` is None)."""

    sheet: str | None
    rows: tuple[Row, ...] = field(repr=False)

    @property
    def title(self) -> str:
        """The place of the table as a whole."""
        return "file" if self.sheet is None else _quoted(self.sheet)

    def place(self, row: int, column: int) -> str:
        """Return the place of one cell; ``column`` counts from 0."""
        if self.sheet is None:
            return f"file:{row}:{column + 1}"
        return f"{_quoted(self.sheet)}!{column_letters(column)}{row}"

    def place_of_row(self, row: int) -> str:
        """Return the place of a whole row."""
        return f"file:{row}" if self.sheet is None else f"{_quoted(self.sheet)}!{row}:{row}"

    def place_of_cells(self, row: int, columns: Iterable[int]) -> str:
        """Return the place of several cells of one row, neighbours joined to ranges."""
        ranges = [self._range(row, first, last) for first, last in _runs(sorted(columns))]
        prefix = f"file:{row}:" if self.sheet is None else f"{_quoted(self.sheet)}!"
        return prefix + ",".join(ranges)

    def place_of_column(self, column: int) -> str:
        """Return the place of a whole column."""
        if self.sheet is None:
            return f"file:*:{column + 1}"
        letters = column_letters(column)
        return f"{_quoted(self.sheet)}!{letters}:{letters}"

    def _range(self, row: int, first: int, last: int) -> str:
        if self.sheet is None:
            return f"{first + 1}" if first == last else f"{first + 1}-{last + 1}"
        start, end = f"{column_letters(first)}{row}", f"{column_letters(last)}{row}"
        return start if first == last else f"{start}:{end}"


def column_letters(column: int) -> str:
    """Return the letters of a column (from 0): ``A``, ``Z``, ``AA``."""
    letters = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _runs(columns: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for column in columns:
        if runs and runs[-1][1] == column - 1:
            runs[-1] = (runs[-1][0], column)
        else:
            runs.append((column, column))
    return runs


def _quoted(sheet: str) -> str:
    # As a spreadsheet program writes it in a formula, so that the place can be typed into its name box.
    return sheet if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", sheet) else "'" + sheet.replace("'", "''") + "'"


def refuse_too_many_rows(place: str) -> SourceRefused:
    """Build the refusal of a table with more rows than are read."""
    return refuse_file(
        FindingCode.TOO_LARGE,
        lazy_gettext("there are more than %(most)s rows; export a shorter period", most=MAX_RECORD_ROWS),
        place,
    )
