"""Load a FHIR file: guards first, then the resources of a Bundle, of a lone resource, or of one resource a line.

A resource that is not FHIR costs itself, a value that is not FHIR costs that value, and only what stands above all
resources (the notation, the kind of Bundle) costs the file. Nothing is mapped here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from adapters.picture.speech import Sentence, joined, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity, SourceRefused, refuse_file
from adapters.sources.guards import decode_text, parse_json, parse_xml
from adapters.sources.health.elements import Document, Element, Notation, Path
from adapters.sources.health.fhir_types import Checked, Problem, ProblemKind, check_resource, describe, is_resource_type
from adapters.sources.health.fhir_xml import FHIR_NAMESPACE, xml_document

MAX_RESOURCES = 10_000
"""Resources in one file; an export of one child has some hundreds."""
SNIFF_BYTES = 4096
READ_BUNDLES = ("collection", "document", "message", "searchset")
NOT_CHECKED = frozenset({"Bundle", "Parameters"})
"""Containers: inside a Bundle they are refused by name, whatever they hold."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_SHOWN_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a delivery, and what the Bundle says about it.

    ``structure`` is why it cannot be read at all; ``findings`` are its values that were refused.
    """

    resource: Element
    full_url: str | None = None
    search_mode: str | None = None
    search_score: str | None = None
    structure: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def kind(self) -> str:
        """Type of the resource."""
        return self.resource.resource_type

    @property
    def locator(self) -> str:
        """Where the resource stands."""
        return self.resource.locator


@dataclass(frozen=True, slots=True)
class Delivery:
    """A loaded file. ``head`` is the Bundle, if it is one; ``findings`` include records lost before they were read."""

    entries: tuple[Entry, ...]
    head: Element | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def bundle_type(self) -> str | None:
        """``searchset``, ``message``, ``collection``, ``document``, or None for resources without a Bundle."""
        return self.head.text("type") if self.head is not None else None


def looks_like_fhir(data: bytes) -> bool:
    """Whether a file's content is probably FHIR (XML in its namespace, or JSON with a ``resourceType``)."""
    squeezed = data.replace(b"\x00", b"")
    start = squeezed[:SNIFF_BYTES].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if start.startswith(b"<"):
        return FHIR_NAMESPACE.encode() in start
    return start.startswith(b"{") and b'"resourceType"' in squeezed


def load_delivery(data: bytes) -> Delivery:
    """Load the bytes of a file.

    Raises ``SourceRefused``: the guards' codes, ``not_this_format`` (not FHIR, or a Bundle of another kind),
    ``schema_error`` (a Bundle that is none), ``too_large`` (too many resources).
    """
    # 1. Notation, by content.
    start = data.replace(b"\x00", b"")[:SNIFF_BYTES].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if start.startswith(b"<"):
        document, stray = xml_document(parse_xml(data))
        loaded = _load_document(document)
        warnings = tuple(_stray_text(document, path) for path in stray)
        return Delivery(loaded.entries, loaded.head, (*loaded.findings, *warnings))
    if not start.startswith(b"{"):
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext("this is not FHIR: expected an XML element or a JSON object with a resourceType"),
        )
    # 2. One resource a line, or one document.
    lines = [(number, line) for number, line in enumerate(_LINE_END.split(decode_text(data)), start=1) if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") for _, line in lines):
        return _load_lines(lines)
    content = parse_json(data)
    if not isinstance(content, dict) or not isinstance(content.get("resourceType"), str):
        raise refuse_file(FindingCode.NOT_THIS_FORMAT, lazy_gettext("this JSON is not FHIR: it has no resourceType"))
    return _load_document(Document(content, Notation.JSON))


def _stray_text(document: Document, path: Path) -> Finding:
    return Finding(
        FindingCode.STRAY_TEXT,
        Severity.WARN,
        lazy_gettext("there is text between the elements, where FHIR has none; it was not read"),
        document.root.locate(*path),
    )


def _load_document(document: Document) -> Delivery:
    kind = document.root.resource_type
    if kind == "Bundle":
        return _load_bundle(document)
    if not is_resource_type(kind):
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext("this is not a FHIR R4 resource: %(kind)s is not one of its types", kind=_shown(kind)),
        )
    return Delivery((_entry_of(document, (), {}, check_resource(document.content, kind)),))


def _shown(code: Any) -> str:
    return repr(code) if isinstance(code, str) and _SHOWN_CODE.fullmatch(code) else lazy_gettext("what stands there")


def _load_lines(lines: list[tuple[int, str]]) -> Delivery:
    _require_count(len(lines))
    entries: list[Entry] = []
    findings: list[Finding] = []
    for number, line in lines:
        locator = f"line:{number}"
        try:
            content = parse_json(line.encode(), locator)
        except SourceRefused as refusal:
            # One bad line costs itself only.
            findings.extend(_as_record(finding) for finding in refusal.findings)
            continue
        kind = content.get("resourceType") if isinstance(content, dict) else None
        if not isinstance(kind, str) or not is_resource_type(kind):
            message = lazy_gettext(
                "this line is not a FHIR R4 resource: %(kind)s is not one of its types", kind=_shown(kind)
            )
            findings.append(Finding(FindingCode.SCHEMA_ERROR, Severity.REFUSE_RECORD, message, locator))
            continue
        document = Document(content, Notation.JSON, prefix=locator)
        checked = Checked() if kind in NOT_CHECKED else check_resource(content, kind)
        entries.append(_entry_of(document, (), {}, checked))
    return Delivery(tuple(entries), None, tuple(findings))


def _as_record(finding: Finding) -> Finding:
    return Finding(finding.code, Severity.REFUSE_RECORD, finding.message, finding.locator)


def _require_count(count: int) -> None:
    if count > MAX_RESOURCES:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext(
                "the file holds %(count)s resources, the limit is %(most)s; export a shorter period",
                count=count,
                most=MAX_RESOURCES,
            ),
        )


def _load_bundle(document: Document) -> Delivery:
    content = document.content
    # 1. What stands above all resources.
    bundle_type = content.get("type")
    if bundle_type not in READ_BUNDLES:
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext(
                "a Bundle of type %(kind)s is not read; expected one of %(listed)s",
                kind=_shown(bundle_type),
                listed=", ".join(READ_BUNDLES),
            ),
            document.root.locate("type"),
        )
    items = content.get("entry", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise refuse_file(FindingCode.SCHEMA_ERROR, lazy_gettext("the entries of the Bundle are not a list of objects"))
    _require_count(len(items))
    head = check_resource({name: item for name, item in content.items() if name != "entry"}, "Bundle")
    if head.structure:
        said = lazy_gettext("the Bundle is not FHIR R4: %(why)s", why=head.structure[0].message)
        raise refuse_file(FindingCode.SCHEMA_ERROR, said)
    # 2. Each entry for itself: first all checks, so that every element knows which values cannot be used.
    checks = [_check_entry(item) for item in items]
    unreadable = {problem.path for problem in head.values}
    for index, (shell, resource) in enumerate(checks):
        unreadable |= {("entry", index, *problem.path) for problem in shell.values}
        unreadable |= {("entry", index, "resource", *problem.path) for problem in resource.values}
    document = Document(content, document.notation, document.prefix, frozenset(unreadable))
    findings = [_value_finding(document, (), problem) for problem in head.values]
    entries: list[Entry] = []
    for index, (item, (shell, resource)) in enumerate(zip(items, checks, strict=True)):
        path: Path = ("entry", index)
        findings.extend(_value_finding(document, path, problem) for problem in shell.values)
        if shell.structure:
            findings.append(_lost(document, path, shell.structure[0]))
        else:
            entries.append(_entry_of(document, (*path, "resource"), item, resource))
    return Delivery(tuple(entries), document.root, tuple(findings))


def _check_entry(item: dict[str, Any]) -> tuple[Checked, Checked]:
    shell = check_resource({name: found for name, found in item.items() if name != "resource"}, "BundleEntry")
    resource = item.get("resource")
    if shell.structure:
        return shell, Checked()
    if not isinstance(resource, dict):
        said = lazy_gettext("this entry of the Bundle holds no resource")
        return Checked(structure=(Problem(ProblemKind.STRUCTURE, ("resource",), said),)), Checked()
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not is_resource_type(kind):
        said = lazy_gettext("%(kind)s is not a resource of FHIR R4", kind=_shown(kind))
        return Checked(structure=(Problem(ProblemKind.STRUCTURE, ("resource",), said),)), Checked()
    return shell, Checked() if kind in NOT_CHECKED else check_resource(resource, kind)


def _lost(document: Document, path: Path, problem: Problem) -> Finding:
    locator = document.root.locate(*path)
    return Finding(FindingCode.SCHEMA_ERROR, Severity.REFUSE_RECORD, problem.message, locator)


def _value_finding(document: Document, path: Path, problem: Problem) -> Finding:
    code = FindingCode.BAD_DATE if problem.kind is ProblemKind.BAD_DATE else FindingCode.SCHEMA_ERROR
    locator = document.root.locate(*path, *problem.path)
    message = lazy_gettext("%(what)s; it is kept as written and not used", what=problem.message)
    return Finding(code, Severity.REFUSE_VALUE, message, locator)


def _entry_of(document: Document, path: Path, item: dict[str, Any], checked: Checked) -> Entry:
    # A lone resource brings its unreadable values with it; those of a Bundle are known to the document already.
    if not path and checked.values:
        unreadable = frozenset(problem.path for problem in checked.values)
        document = Document(document.content, document.notation, document.prefix, unreadable)
    data: Any = document.content
    for step in path:
        data = data[step]
    search = item.get("search")
    search = search if isinstance(search, dict) else {}
    score, mode, full_url = search.get("score"), search.get("mode"), item.get("fullUrl")
    return Entry(
        resource=Element(document, path, data),
        full_url=full_url if isinstance(full_url, str) and full_url.strip() else None,
        search_mode=mode if isinstance(mode, str) else None,
        search_score=str(score) if score is not None else None,
        structure=checked.structure,
        findings=tuple(_value_finding(document, path, problem) for problem in checked.values),
    )


def describe_structure(problems: tuple[Problem, ...], kind: str) -> Sentence:
    """Return why a resource is not FHIR R4, for a person: the first problems and how many more there are."""
    said = [problem.message for problem in problems[:3]]
    if len(problems) > 3:
        said.append(lazy_gettext("and %(more)s more", more=str(len(problems) - 3)))
    return lazy_gettext("this %(kind)s is not FHIR R4: %(why)s", kind=kind, why=joined(said, "; "))


def describe_paths(paths: list[Path], limit: int = 5) -> Sentence:
    """Return paths for a person, at most ``limit`` of them, and how many more there are."""
    shown = joined((describe(path) for path in paths[:limit]), ", ")
    if len(paths) <= limit:
        return shown
    return lazy_gettext("%(listed)s and %(more)s more", listed=shown, more=str(len(paths) - limit))
