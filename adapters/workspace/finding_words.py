"""What a reader found, for a person: how much it costs, where it stands, and the reader's own plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from adapters.picture.speech import shown
from adapters.sources.findings import Severity

MAX_SHOWN = 200
severity_words = {
    Severity.REFUSE_FILE.value: lazy_gettext("File not read"),
    Severity.REFUSE_RECORD.value: lazy_gettext("Record left out"),
    Severity.REFUSE_VALUE.value: lazy_gettext("Value not understood"),
    Severity.WARN.value: lazy_gettext("To check"),
}
_ORDER = list(severity_words)
_CELL = re.compile(r"file:(\d+):(\d+)(?:#(\d+))?")
_ROW = re.compile(r"file:(\d+)")
_COLUMN = re.compile(r"file:\*:(\d+)")


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One line of the table, in the language of the page."""

    severity: str
    place: str
    message: str
    code: str


def shown_findings(findings: object, place: Callable[[str], str] | None = None) -> list[ShownFinding]:
    """Return findings as lines, the gravest first, at most ``MAX_SHOWN``. ``place`` says where one stands."""
    where = place or place_words
    listed: Iterable[Mapping[str, str]] = findings if isinstance(findings, list | tuple) else ()
    ordered = sorted(listed, key=lambda item: _ORDER.index(item["severity"]))
    return [
        ShownFinding(
            str(severity_words[item["severity"]]),
            where(item["locator"]),
            shown(item["message"]),
            item["code"],
        )
        for item in ordered[:MAX_SHOWN]
    ]


def place_words(locator: str) -> str:
    """Return where something stands: row and column of a table, else the place as the reader names it."""
    if locator == "file":
        return str(_("the file as a whole"))
    cell = _CELL.fullmatch(locator)
    if cell is not None:
        return str(_("row %(row)s, column %(column)s", row=cell[1], column=cell[2]))
    row = _ROW.fullmatch(locator)
    if row is not None:
        return str(_("row %(row)s", row=row[1]))
    column = _COLUMN.fullmatch(locator)
    return locator if column is None else str(_("column %(column)s", column=column[1]))
