"""The reader of the SSDA903 return (looked-after children): one CSV per table, a delivery is several of them.

The delivery is the file and its siblings; every table among them is read, and CHILD joins them within this delivery
only. ``version`` is the name of the table that was asked for (``episodes``), followed by the year of the return where a
person named it (``SourceFile.chosen_year``); the files themselves do not say their year. With a year its codes alone
are allowed, without one the codes of any return.

Records: one for each row; for a child who is herself a mother one more, so that it can be held back alone. Rows of oc2
are refused: not shared by default. Source: Department for Education, children looked after return; docs/sources.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import ReadReport
from adapters.sources.findings import Finding, FindingCode, Severity, SourceRefused, refuse_file
from adapters.sources.plausibility import Period, overlap_findings, parse_day_first
from adapters.sources.reading import Format, SourceFile
from adapters.sources.social_care.codes import RETURN_YEARS, SEX
from adapters.sources.social_care.records import MAX_IDENTIFIER_CHARS, Intake, Record, Refusal
from adapters.sources.social_care.ssda903_mapping import FORMAT_ID, Delivery, map_row
from adapters.sources.social_care.ssda903_tables import Row, Table, read_table
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind

_PERIODS: Mapping[str, tuple[str, str, Sentence]] = {
    "episodes": ("DECOM", "DEC", lazy_gettext("episodes of being looked after")),
    "missing": ("MIS_START", "MIS_END", lazy_gettext("missing or away episodes")),
    "dolo": ("DOLO_START", "DOLO_END", lazy_gettext("deprivation of liberty orders")),
}
"""Tables whose rows are periods of one child that should not overlap."""


def read(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read an SSDA903 delivery. With a subject only that child's rows become drafts (by CHILD, or UPN in the header).

    Raises ``SourceRefused`` where the file asked for cannot be read; a sibling that cannot be read is a warning.
    """
    # 1. The tables.
    year = _require_year(source.chosen_year)
    main = read_table(source.name, source.data)
    if not main.rows and not main.unfit:
        said = lazy_gettext(
            "the table of %(title)s has headings and no rows; no records were read", title=main.kind.title
        )
        raise refuse_file(FindingCode.IS_TEMPLATE, said, source.name)
    digests = {source.name: source.sha256}
    delivery = Delivery(source.today, year, digests)
    report = ReadReport(format=FORMAT_ID, version=delivery.version(main), file_sha256=source.sha256)
    tables = [main, *_siblings(source, digests, report)]
    for table in tables:
        report.findings.extend(table.findings)
    # 2. Who is asked for.
    pupil_numbers = _pupil_numbers(tables)
    wanted = None if subject is None else _wanted(tables, pupil_numbers, subject)
    # 3. Across the tables: what one table says and another denies.
    report.findings.extend(_cross_findings(tables, wanted))
    # 4. Row by row.
    delivery = replace(delivery, starts=_episode_starts(tables))
    intake = Intake(report)
    for table in tables:
        _take_table(table, wanted, delivery, intake)
    if wanted is not None and not wanted:
        said = lazy_gettext(
            "nothing about the child asked for was found in this delivery; this does not mean that there is nothing"
        )
        report.warn(FindingCode.NOTHING_FOUND, said, "file")
    return report


FORMAT = Format(FORMAT_ID, lazy_gettext("Looked-after children return SSDA903 (CSV)"), AgencyKind.SOCIAL_CARE, read)


def _require_year(chosen: int | None) -> int | None:
    if chosen is not None and chosen not in RETURN_YEARS:
        raise refuse_file(
            FindingCode.WRONG_YEAR,
            lazy_gettext(
                "the codes of the %(chosen)s return are not known; choose %(first)s to %(last)s",
                chosen=str(chosen),
                first=str(RETURN_YEARS[0]),
                last=str(RETURN_YEARS[-1]),
            ),
        )
    return chosen


def _siblings(source: SourceFile, digests: dict[str, str], report: ReadReport) -> Iterator[Table]:
    for name in sorted(source.siblings):
        data = source.siblings[name]
        digest = hashlib.sha256(data).hexdigest()
        if digest in digests.values():
            report.warn(
                FindingCode.DUPLICATE_RECORD,
                lazy_gettext("this file stands twice in the delivery; it is read once"),
                name,
            )
            continue
        if name in digests:
            said = lazy_gettext("two different files of the delivery have this name; only the file asked for was read")
            report.warn(FindingCode.CONFLICT_IN_DELIVERY, said, name)
            continue
        try:
            table = read_table(name, data)
        except SourceRefused as refusal:
            reason = refusal.findings[0]
            said = lazy_gettext("this file of the delivery was not read: %(why)s", why=reason.message)
            report.warn(reason.code, said, reason.locator)
            continue
        if not table.rows and not table.unfit:
            report.warn(
                FindingCode.EMPTY_SHEET,
                lazy_gettext("the table of %(title)s has no rows", title=table.kind.title),
                name,
            )
        digests[name] = digest
        yield table


def _child(row: Row) -> str:
    text = row.cells.get("CHILD", "").strip()
    return text if len(text) <= MAX_IDENTIFIER_CHARS else ""


def _pupil_numbers(tables: list[Table]) -> dict[str, str]:
    """Return the pupil number of each child of the delivery, where the header table has one."""
    headers = (table for table in tables if table.kind.name == "header")
    return {_child(row): row.cells.get("UPN", "").strip() for table in headers for row in table.rows}


def _wanted(tables: list[Table], pupil_numbers: Mapping[str, str], subject: Subject) -> frozenset[str]:
    children = {_child(row) for table in tables for row in table.rows} - {""}
    return frozenset(
        child for child in children if subject.is_match({"la_child_id": child, "upn": pupil_numbers.get(child, "")})
    )


def _episode_starts(tables: list[Table]) -> dict[str, frozenset[date]]:
    starts: dict[str, set[date]] = {}
    for table in tables:
        if table.kind.name == "episodes" and "DECOM" not in table.month_first:
            for row in table.rows:
                day = parse_day_first(row.cells.get("DECOM", "").strip())
                if day is not None:
                    starts.setdefault(_child(row), set()).add(day)
    return {child: frozenset(days) for child, days in starts.items()}


def _take_table(table: Table, wanted: frozenset[str] | None, delivery: Delivery, intake: Intake) -> None:
    for line, code, message in table.unfit:
        # Whose row it is cannot be told from cells that do not fit the headings: it is refused for every question.
        intake.take([Refusal(code, message, table.locator(line))])
    for row in table.rows:
        child = _child(row)
        records: list[Record] = map_row(table, row, child, delivery)
        if wanted is None or not child or child in wanted:
            intake.take(records)
        else:
            intake.leave_out(records)


def _cross_findings(tables: list[Table], wanted: frozenset[str] | None) -> Iterator[Finding]:
    """Yield what several rows say together: other birth dates, children without a header, periods that overlap."""
    has_header = any(table.kind.name == "header" for table in tables)
    known = {_child(row) for table in tables if table.kind.name == "header" for row in table.rows}
    first_said: dict[tuple[str, str], tuple[str, str]] = {}
    for table in tables:
        orphans: set[str] = set()
        for row in table.rows:
            child = _child(row)
            if not child or (wanted is not None and child not in wanted):
                continue
            yield from _conflicts(table, row, child, first_said)
            if has_header and child not in known and child not in orphans:
                orphans.add(child)
                said = lazy_gettext(
                    "a child of the table of %(title)s is not in the header table of this delivery",
                    title=table.kind.title,
                )
                yield Finding(FindingCode.UNRESOLVED_REFERENCE, Severity.WARN, said, table.locator(row.line, "CHILD"))
    yield from _overlaps(tables, wanted)


def _conflicts(
    table: Table, row: Row, child: str, first_said: dict[tuple[str, str], tuple[str, str]]
) -> Iterator[Finding]:
    """Compare what every table repeats. The values themselves stay out of the report: the places lead to them."""
    for column, words in (("DOB", lazy_gettext("birth dates")), ("SEX", lazy_gettext("sexes"))):
        text = row.cells.get(column, "").strip()
        said = SEX.get(text, "") if column == "SEX" else text
        if not said:
            continue
        place = table.locator(row.line, column)
        other, other_place = first_said.setdefault((child, column), (said, place))
        if other != said:
            yield Finding(
                FindingCode.CONFLICT_IN_DELIVERY,
                Severity.WARN,
                lazy_gettext(
                    "two %(what)s of one child differ: here and at %(place)s; both are kept as written",
                    what=words,
                    place=other_place,
                ),
                place,
            )


def _overlaps(tables: list[Table], wanted: frozenset[str] | None) -> Iterator[Finding]:
    for name, (first, last, words) in _PERIODS.items():
        periods: dict[str, dict[tuple[date, date | None], Period]] = {}
        for table in tables:
            if table.kind.name != name or table.month_first & {first, last}:
                continue
            for row in table.rows:
                child = _child(row)
                if child and (wanted is None or child in wanted):
                    period = _period(table, row, first, last)
                    if period is not None:  # a row that stands twice is a duplicate, no overlap
                        periods.setdefault(child, {}).setdefault((period.start, period.end), period)
        for found in periods.values():
            yield from overlap_findings(found.values(), words)


def _period(table: Table, row: Row, first: str, last: str) -> Period | None:
    start = parse_day_first(row.cells.get(first, "").strip())
    text = row.cells.get(last, "").strip()
    end = parse_day_first(text)
    if start is None or (text and end is None) or (end is not None and end < start):
        return None
    return Period(start, end, table.locator(row.line))
