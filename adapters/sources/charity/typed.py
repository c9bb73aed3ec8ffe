"""One HTCDS record typed by a person: written as the file with that one row, and read by the same reader.

So a typed record and a file give the very same drafts, findings and limits. Which fields the form offers, in which
groups and words, stands in ``typed.toml``; closed lists are the standard's own (``codes``). The form's words are
sentences (``adapters.picture.speech``): a page shows them in its reader's language.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from adapters.picture.speech import lazy_gettext, lazy_pgettext
from adapters.sources.charity.fields import COLUMNS, Column, Part
from adapters.sources.draft import ReadReport
from adapters.sources.findings import Severity
from adapters.sources.reading import SourceFile, read_source

FILE_NAME = "typed record"
FIELD_CONTEXT = "field of the typed record"
"""Of the fields' labels in the text catalogue: short words, which may mean something else elsewhere."""
OFFERED = tuple(item for item in COLUMNS if item.part is not Part.PERPETRATOR and not item.is_deprecated)
"""Every field of the standard but those about perpetrators, which are left out of files too, and deprecated ones."""
_BY_NAME: Mapping[str, Column] = {column.name: column for column in OFFERED}
_CELL = re.compile(r"file:\d+:(\d+)(?:#\d+)?")


@dataclass(frozen=True, slots=True)
class TypedField:
    """One field of the form. ``is_long``: several lines. ``is_seldom``: behind a fold."""

    column: Column
    label: str
    hint: str
    is_long: bool
    is_seldom: bool


@dataclass(frozen=True, slots=True)
class TypedStep:
    """One page of the form."""

    title: str
    introduction: str
    fields: tuple[TypedField, ...]


@cache
def typed_steps() -> tuple[TypedStep, ...]:
    """Return the pages of the form, in order. Raises ``ValueError`` where they are not every field once."""
    read = tomllib.loads(resources.files("adapters.sources.charity").joinpath("typed.toml").read_text(encoding="utf-8"))
    steps = tuple(
        TypedStep(lazy_gettext(item["title"]), lazy_gettext(item["introduction"]), tuple(map(_field, item["field"])))
        for item in read["step"]
    )
    listed = sorted(field.column.name for step in steps for field in step.fields)
    if listed != sorted(_BY_NAME):
        raise ValueError("typed.toml does not list every offered field once")
    return steps


def _field(item: Mapping[str, Any]) -> TypedField:
    column = _BY_NAME[item["name"]]
    return TypedField(
        column,
        lazy_pgettext(FIELD_CONTEXT, item.get("label", column.label)),
        lazy_gettext(item["hint"]) if "hint" in item else "",
        item.get("long", False),
        item.get("seldom", False),
    )


def typed_file(values: Mapping[str, str]) -> bytes:
    """Return the CSV file with the values of one record under the standard's field names. Unknown names are ignored."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in OFFERED])
    writer.writerow([values.get(column.name, "") for column in OFFERED])
    return text.getvalue().encode("utf-8", "replace")


def read_typed(values: Mapping[str, str], today: date, *, is_test_hub: bool = False) -> ReadReport:
    """Read a typed record as its file would be read. A record that says nothing gives a refused report."""
    source = SourceFile(FILE_NAME, typed_file(values), today, {}, is_test_hub=is_test_hub)
    return read_source(source)


def problems(report: ReadReport) -> dict[str, str]:
    """Return what was not understood, by field name: the reader's words for whoever has the field before them."""
    found: dict[str, str] = {}
    for finding in report.findings:
        name = field_at(finding.locator)
        if finding.severity is Severity.REFUSE_VALUE and name is not None:
            found.setdefault(name, finding.at_field or finding.message)
    return found


def field_at(locator: str) -> str | None:
    """Return the field that a place in the typed file belongs to, None for the row or file as a whole."""
    cell = _CELL.fullmatch(locator)
    number = int(cell[1]) if cell is not None else 0
    return OFFERED[number - 1].name if 1 <= number <= len(OFFERED) else None
