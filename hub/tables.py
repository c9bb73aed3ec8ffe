"""Tables that leave the hub: CSV, JSON and plain text in which no cell does anything to whoever opens it.

Attack 69: a spreadsheet takes what begins with certain marks as a formula. Attack 70: a terminal obeys what begins with
an escape. Cells hold what agencies signed, so both are somebody else's text.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Sequence
from typing import Any

FORMULA_MARKS = ("=", "+", "-", "@", "|", "%")
MAX_SHOWN_CHARS = 200
"""Of one cell on a terminal; files hold all of it."""


def harmless(text: str) -> str:
    """Return text without what a terminal or a spreadsheet acts on: every such character becomes visible as such.

    Control characters, line ends, tabs, byte-order marks, hidden direction marks and half characters.
    """
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def csv_cell(text: str) -> str:
    """Return a cell that is text to a spreadsheet: an apostrophe stands before what could begin a formula.

    Marks of other widths (U+FF1D and the like) are looked at as what they stand for, and so is what comes after blanks.
    """
    shown = harmless(text)
    begins = unicodedata.normalize("NFKC", shown).lstrip(" '\N{REPLACEMENT CHARACTER}")
    return f"'{shown}" if begins.startswith(FORMULA_MARKS) else shown


def render_csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return the table as CSV (RFC 4180) in UTF-8, every cell in quotation marks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8")


def render_json(members: dict[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return the table as JSON: ``members``, and ``rows`` as objects. ASCII only, so that nothing acts on it."""
    said = {**members, "rows": [dict(zip(columns, row, strict=True)) for row in rows]}
    return (json.dumps(said, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def render_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table for a terminal: a block a row, empty cells left out."""
    blocks = []
    for row in rows:
        cells = [(name, harmless(cell)[:MAX_SHOWN_CHARS]) for name, cell in zip(columns, row, strict=True) if cell]
        blocks.append("\n".join(f"{name.replace('_', ' ')}: {cell}" for name, cell in cells))
    return "\n\n".join(blocks)
