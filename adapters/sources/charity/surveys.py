"""Tell forms and survey exports from case tables: the HTCDS survey form, and what KoboToolbox or ODK export from it."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.picture.speech import lazy_gettext
from adapters.sources.charity.table import Table
from adapters.sources.findings import Finding, FindingCode, Severity, SourceRefused, refuse_file

FORM_SHEETS = frozenset({"survey", "choices"})
FORM_HEADINGS = frozenset({"type", "name"})
EXPORT_HEADINGS = frozenset(
    {"_uuid", "_submission_time", "_submission__uuid", "__version__", "_parent_index", "instanceid", "submissiondate"}
)
"""Columns that survey servers add to every export; group names stand before a slash, a colon or a hyphen."""


def require_no_form(tables: Sequence[Table]) -> None:
    """Raise ``SourceRefused`` (``is_form_definition``) for an XLSForm; repeated columns of its survey are told too."""
    by_name = {(table.sheet or "").strip().casefold(): table for table in tables}
    survey = by_name.get("survey")
    if not by_name.keys() >= FORM_SHEETS or survey is None or not survey.rows:
        return
    headings = [cell.text.strip().casefold() for cell in survey.rows[0].cells]
    if not set(headings) >= FORM_HEADINGS:
        return
    reason = Finding(
        FindingCode.IS_FORM_DEFINITION,
        Severity.REFUSE_FILE,
        lazy_gettext(
            "this workbook describes a survey form (sheets 'survey' and 'choices'), it holds no answers; "
            "export the answers instead"
        ),
        "file",
    )
    raise SourceRefused(reason, *_repeated(survey, headings))


def _repeated(survey: Table, headings: list[str]) -> list[Finding]:
    findings = []
    for heading in dict.fromkeys(headings):
        indexes = [index for index, other in enumerate(headings) if other == heading]
        if heading and len(indexes) > 1:
            place = survey.place_of_cells(survey.rows[0].number, indexes)
            message = lazy_gettext(
                "the heading '%(heading)s' stands in %(count)s columns of the form",
                heading=heading[:40],
                count=str(len(indexes)),
            )
            findings.append(Finding(FindingCode.DUPLICATE_COLUMN, Severity.REFUSE_FILE, message, place))
    return findings


def require_no_survey_export(tables: Sequence[Table]) -> None:
    """Raise ``SourceRefused`` (``not_this_format``) for an export of a survey server."""
    for table in tables:
        for row in table.rows[:1]:
            endings = {_without_group(cell.text) for cell in row.cells}
            if endings & EXPORT_HEADINGS:
                raise refuse_survey_export(table.place_of_row(row.number))


def refuse_survey_export(place: str) -> SourceRefused:
    """Build the refusal of a survey export; the caller raises it."""
    return refuse_file(
        FindingCode.NOT_THIS_FORMAT,
        lazy_gettext(
            "this looks like an export of a survey (KoboToolbox or ODK); this version does not read it. Copy the "
            "answers into the HTCDS 2.0 workbook, with several answers in one cell joined by a semicolon"
        ),
        place,
    )


def _without_group(heading: str) -> str:
    text = heading.strip().casefold()
    for sign in ("/", ":", "-"):
        text = text.rsplit(sign, 1)[-1]
    return text
