"""The reader of the CIN census (children in need), the XML that every authority in England sends once a year.

``version`` is the year of the schema the file is read with. The year in the header chooses it; where that year has no
schema, is missing, or contradicts the reference date, the file is refused as ``wrong_year`` until a person chooses
(``SourceFile.chosen_year``). A file name is no evidence.

Records: one for the identity of each child, one for each referral, assessment, assessment factor, section 47 enquiry
and plan. Source: Department for Education, children in need census; docs/sources.md, "CIN census".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from lxml import etree

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.draft import ReadReport, Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity, refuse_file
from adapters.sources.guards import parse_xml
from adapters.sources.plausibility import parse_iso_date
from adapters.sources.reading import Format, SourceFile
from adapters.sources.social_care.cin_mapping import FORMAT_ID, Census, MappedChild, locators_of, map_child
from adapters.sources.social_care.cin_schema import Place, schema_findings, structure_findings
from adapters.sources.social_care.codes import CIN_YEARS
from adapters.sources.social_care.records import Intake, shown
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind

MAX_TAGS = 4_000_000
MAX_CHILDREN = 100_000
MAX_ELEMENTS_PER_CHILD = 20_000
MAX_SYSTEM_CHARS = 100

_DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_KNOWN_YEARS = f"{', '.join(str(year) for year in CIN_YEARS[:-1])} and {CIN_YEARS[-1]}"


def read(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read a census file. With a subject only that child's records become drafts (by LA child id or pupil number).

    Raises ``SourceRefused`` where the file as a whole cannot be read.
    """
    # 1. Parse behind the guards, and make sure it is this census.
    _require_count(lazy_gettext("tags"), source.data.count(b"<"), MAX_TAGS)
    root = parse_xml(source.data, source.name)
    _require_census(root)
    # 2. The year, and with it the schema.
    year, year_findings = _year(root, source.chosen_year)
    report = ReadReport(format=FORMAT_ID, version=str(year), file_sha256=source.sha256)
    report.findings.extend(year_findings)
    # 3. The header and the outer shape.
    report.findings.extend(_frame_findings(root, year))
    census = _census(root, year, source)
    # 4. Child by child: map, check the shape of those who are shown, count the others.
    intake = Intake(report)
    identities: dict[str, tuple[str, ...]] = {}
    is_found = False
    for element, base in _children(root):
        child = map_child(element, base, census)
        if subject is not None and child.about and not _is_about(subject, child):
            intake.leave_out(child.records)
            continue
        is_found = is_found or bool(child.about)
        report.findings.extend(_shape_findings(element, child, year))
        report.findings.extend(child.findings)
        _check_same_child(report, child, identities)
        intake.take(child.records)
    if subject is not None and not is_found:
        _warn_nothing_found(report, subject)
    return report


FORMAT = Format(FORMAT_ID, lazy_gettext("Children in need census (XML)"), AgencyKind.SOCIAL_CARE, read)


def _require_census(root: etree._Element) -> None:
    if str(root.tag) != "Message":
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext(
                "this is not a children in need census: it begins with %(tag)s, expected 'Message'",
                tag=shown(str(root.tag)),
            ),
        )
    collection = (root.findtext("Header/CollectionDetails/Collection") or "").strip()
    if collection not in {"", "CIN"}:
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext(
                "the header names the collection %(collection)s, expected 'CIN'", collection=shown(collection)
            ),
        )
    _require_count(lazy_gettext("children"), sum(len(block) for block in root.iterfind("Children")), MAX_CHILDREN)
    has_child = False
    for child in root.iterfind("Children/Child"):
        has_child = True
        _require_count(lazy_gettext("elements for one child"), sum(1 for _ in child.iter()), MAX_ELEMENTS_PER_CHILD)
    if not has_child:
        if collection:
            raise refuse_file(FindingCode.IS_TEMPLATE, lazy_gettext("this census holds no child; no records were read"))
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext("this message is not a children in need census: it has no Children with a Child"),
        )


def _require_count(what: Sentence, count: int, limit: int) -> None:
    if count > limit:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext(
                "the file has %(count)s %(what)s, the limit is %(most)s; export a shorter period",
                count=count,
                what=what,
                most=limit,
            ),
        )


def _year(root: etree._Element, chosen: int | None) -> tuple[int, list[Finding]]:
    """Return the year of the schema to read with. Raises ``SourceRefused`` (``wrong_year``) where a person must say."""
    year_text = (root.findtext("Header/CollectionDetails/Year") or "").strip()
    date_text = (root.findtext("Header/CollectionDetails/ReferenceDate") or "").strip()
    reference = parse_iso_date(date_text[:10])
    year = int(year_text) if re.fullmatch(r"[0-9]{4}", year_text) else None
    told = _told(shown(year_text) if year_text else "", reference, date_text)
    place = "/Message[1]/Header[1]"
    if chosen is not None:
        if chosen not in CIN_YEARS:
            said = lazy_gettext(
                "there is no schema for %(year)s; choose one of %(years)s (%(told)s)",
                year=str(chosen),
                years=_KNOWN_YEARS,
                told=told,
            )
            raise refuse_file(FindingCode.WRONG_YEAR, said, place)
        if chosen == year and reference is not None and reference.year == year:
            return chosen, _reference_day_findings(reference, place)
        said = lazy_gettext(
            "%(told)s; read with the schema of %(year)s, as a person chose", told=told, year=str(chosen)
        )
        return chosen, [Finding(FindingCode.WRONG_YEAR, Severity.WARN, said, place)]
    is_contradicted = reference is not None and reference.year != year
    is_unreadable = bool(date_text) and reference is None
    if year not in CIN_YEARS or is_contradicted or is_unreadable:
        said = lazy_gettext(
            "%(told)s; there are schemas for %(years)s: choose the year to read this file with: --year YEAR",
            told=told,
            years=_KNOWN_YEARS,
        )
        raise refuse_file(FindingCode.WRONG_YEAR, said, place)
    return year, _reference_day_findings(reference, place)


def _told(year: str, reference: date | None, date_text: str) -> Sentence:
    nothing = lazy_gettext("nothing that can be read") if date_text else _NOTHING
    return lazy_gettext(
        "header says year %(year)s, reference date says %(day)s",
        year=year or _NOTHING,
        day=reference.isoformat() if reference else nothing,
    )


_NOTHING = lazy_gettext("nothing")


def _reference_day_findings(reference: date | None, place: str) -> list[Finding]:
    if reference is None or (reference.month, reference.day) == (3, 31):
        return []
    said = lazy_gettext(
        "the reference date is %(day)s, expected 31 March; the year agrees, so the file is read",
        day=reference.isoformat(),
    )
    return [Finding(FindingCode.WRONG_YEAR, Severity.WARN, said, place)]


def _frame_findings(root: etree._Element, year: int) -> Iterator[Finding]:
    """Yield what is wrong outside the children: around them, and in the header."""
    for number, block in enumerate(root.iterfind("Children"), start=1):
        yield from structure_findings(Place(block, f"/Message[1]/Children[{number}]"), year, depth=1)
    yield from structure_findings(Place(root, "/Message[1]"), year, depth=1)
    header = root.find("Header")
    if header is not None:
        place = Place(header, "/Message[1]/Header[1]")
        said = list(structure_findings(place, year))
        yield from said
        yield from schema_findings(place, year, "/Message/Header", frozenset(finding.locator for finding in said))


def _census(root: etree._Element, year: int, source: SourceFile) -> Census:
    header = "Header/Source"
    software = " ".join(
        (root.findtext(f"{header}/{name}") or "").strip() for name in ("SoftwareCode", "Release")
    ).strip()
    extracted = (root.findtext(f"{header}/DateTime") or "").strip()
    reference = parse_iso_date((root.findtext("Header/CollectionDetails/ReferenceDate") or "").strip()[:10])
    is_whole_year = reference is not None and (reference.month, reference.day) == (3, 31)
    return Census(
        year=year,
        authority=_authority(root),
        system=software[:MAX_SYSTEM_CHARS] or "children in need census",
        file_sha256=source.sha256,
        today=source.today,
        extracted_at=extracted if _DATE_TIME.fullmatch(extracted) else None,
        effective_from=f"{reference.year - 1:04d}-04-01" if reference and is_whole_year else None,
        effective_to=reference.isoformat() if reference else None,
    )


def _authority(root: etree._Element) -> Value:
    """Return the authority's DfE number. Where the header names several, it cannot be told whose child it is."""
    found = root.findall("Header/Source/LEA")
    if not found:
        return Value(None, "/Message[1]", ValueState.ABSENT)
    locator = Place(root, "/Message[1]").of(found[0])
    numbers = {(element.text or "").strip() for element in found}
    text = (found[0].text or "").strip()
    if not text:
        return Value(None, locator, ValueState.EMPTY)
    if len(numbers) > 1 or not re.fullmatch(r"[0-9]{3}", text):
        return Value(None, locator, ValueState.UNREADABLE, as_written=text[:MAX_SYSTEM_CHARS])
    return Value(text, locator, code=text, scheme="dfe-la")


def _children(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    for outer, block in enumerate(root.iterfind("Children"), start=1):
        for number, child in enumerate(block.iterfind("Child"), start=1):
            yield child, f"/Message[1]/Children[{outer}]/Child[{number}]"


def _is_about(subject: Subject, child: MappedChild) -> bool:
    candidates = [{"la_child_id": child.local_id, "upn": number} for number in child.pupil_numbers or ("",)]
    return any(subject.is_match(identifiers) for identifiers in candidates)


def _shape_findings(element: etree._Element, child: MappedChild, year: int) -> Iterator[Finding]:
    place = Place(element, child.locator)
    structure = list(structure_findings(place, year))
    yield from structure
    said = frozenset(locators_of(child.records)) | {finding.locator for finding in structure}
    yield from schema_findings(place, year, "/Message/Children/Child", said)


def _check_same_child(report: ReadReport, child: MappedChild, identities: dict[str, tuple[str, ...]]) -> None:
    """Warn where one LA child id stands for two children with different pupil numbers."""
    if not child.local_id:
        return
    known = identities.setdefault(child.local_id, child.pupil_numbers[:1])
    if known and child.pupil_numbers and known != child.pupil_numbers[:1]:
        report.warn(
            FindingCode.CONFLICT_IN_DELIVERY,
            lazy_gettext(
                "this LAchildID stands earlier in the file with another pupil number; check that it is the same child"
            ),
            child.locator,
        )


def _warn_nothing_found(report: ReadReport, subject: Subject) -> None:
    said = lazy_gettext(
        "nothing about the child asked for was found in this file; this does not mean that there is nothing"
    )
    if not {"la_child_id", "upn"} & set(subject.identifiers):
        holds = lazy_gettext("The census holds no names: ask with the LA child id or the pupil number")
        said = joined([said, holds], ". ")
    report.warn(FindingCode.NOTHING_FOUND, said, "file")
