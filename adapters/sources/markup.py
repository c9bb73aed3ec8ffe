"""Tell what an XML or JSON file is, from its root element or top-level keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.sources.findings import SourceRefused
from adapters.sources.guards import decode_text, parse_json, parse_xml, require_safe_xml
from adapters.sources.police.envelope import ROOT_ELEMENTS
from adapters.sources.unread import Unread

FEED_BYTES = 64 * 1024
MAX_PEEKED_ELEMENTS = 200
"""So many elements after the root are looked at: a header, or what a web service message carries."""

_FHIR = "http://hl7.org/fhir"
_HL7_V3 = "urn:hl7-org:v3"
_CJSE = "http://schemas.cjse.gov.uk/"
_LIBRA = "http://www.dca.gov.uk/xmlschemas/libra"
_XFORMS = "http://www.w3.org/2002/xforms"
_UNREAD_NAMESPACES: Mapping[str, Unread] = {
    _HL7_V3: Unread.HL7_V3,
    _XFORMS: Unread.XFORM,
    "http://www.w3.org/2001/XMLSchema": Unread.XML_SCHEMA,
    "urn:schemas-microsoft-com:office:spreadsheet": Unread.XML_WORKBOOK,
    "urn:oasis:names:tc:opendocument:xmlns:office:1.0": Unread.OPEN_DOCUMENT,
    "http://stix.mitre.org/stix-1": Unread.STIX,
    "http://www.w3.org/2000/svg": Unread.IMAGE,
}


@dataclass(frozen=True, slots=True)
class _Peeked:
    """One element near the beginning. ``tag`` is ``{namespace}name``; ``text`` what stands in it, as far as known."""

    tag: str
    namespace: str
    name: str
    text: str


def identify_xml(data: bytes) -> str:
    """Return the id of the format that reads this XML.

    Only the beginning is parsed: a file that breaks later is its reader's to refuse. Raises ``SourceRefused``: the
    guards' codes, or a refusal by name.
    """
    require_safe_xml(data)
    elements = _peek(data)
    if not elements:
        parse_xml(data)  # raises, and tells where it breaks
        raise Unread.OTHER_XML.refuse()
    root = elements[0]
    namespaces = {element.namespace for element in elements}
    if root.tag in ROOT_ELEMENTS and root.name == "Envelope":
        return _identify_soap(namespaces)
    if root.tag in ROOT_ELEMENTS or root.namespace == _LIBRA:
        return "spi-newcase"
    if root.namespace == _FHIR:
        return "fhir-r4"
    if root.namespace in _UNREAD_NAMESPACES:
        raise _UNREAD_NAMESPACES[root.namespace].refuse()
    if root.name.casefold() == "html":
        raise (Unread.XFORM if _XFORMS in namespaces else Unread.WEB_PAGE).refuse()
    return _identify_return(root, elements)


def _identify_soap(namespaces: set[str]) -> str:
    if any(namespace.startswith((_CJSE, _LIBRA)) for namespace in namespaces):
        return "spi-newcase"
    raise (Unread.HL7_V3 if _HL7_V3 in namespaces else Unread.SOAP).refuse()


def _identify_return(root: _Peeked, elements: list[_Peeked]) -> str:
    """Tell the returns of the Department for Education, which have no namespace."""
    if root.tag == "EXPSSDA903":
        raise Unread.SSDA903_XML.refuse()
    if root.tag == "Message":
        collections = [element.text for element in elements if element.tag == "Collection"]
        if collections and collections[0].upper() not in ("", "CIN"):
            raise Unread.OTHER_CENSUS.refuse()
        if collections or {"Header", "Children", "Child"} & {element.tag for element in elements}:
            return "cin-census-xml"
    raise Unread.OTHER_XML.refuse()


def _peek(data: bytes) -> list[_Peeked]:
    parser = etree.XMLPullParser(
        events=("start",),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    found: list[etree._Element] = []
    for start in range(0, len(data), FEED_BYTES):
        try:
            parser.feed(data[start : start + FEED_BYTES])
            is_broken = False
        except etree.XMLSyntaxError:
            is_broken = True
        found.extend(_started(parser))
        if is_broken or len(found) > MAX_PEEKED_ELEMENTS:
            break
    return [_peeked(element) for element in found[:MAX_PEEKED_ELEMENTS]]


def _started(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    """Yield the elements begun so far; the queue of a parser that broke ends with its error."""
    events = parser.read_events()
    while True:
        try:
            _, element = next(events)
        except (StopIteration, etree.XMLSyntaxError):
            return
        if isinstance(element, etree._Element):
            yield element


def _peeked(element: etree._Element) -> _Peeked:
    name = etree.QName(element)
    return _Peeked(str(element.tag), name.namespace or "", name.localname, (element.text or "").strip())


def identify_json(data: bytes) -> str:
    """Return the id of the format that reads this JSON.

    Raises ``SourceRefused``: the guards' codes, or a refusal by name.
    """
    if _has_resource_lines(decode_text(data)):
        return "fhir-r4"
    content = parse_json(data)
    if isinstance(content, dict):
        if "resourceType" in content:
            return "fhir-r4"
        raise _look_of_object(content).refuse()
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict) and _is_survey_answer(first):
        raise Unread.SURVEY_JSON.refuse()
    raise Unread.OTHER_JSON.refuse()


def _has_resource_lines(text: str) -> bool:
    """Whether the first line is a FHIR resource by itself and more lines follow (NDJSON)."""
    first, _, rest = text.lstrip().partition("\n")
    if not rest.strip() or '"resourceType"' not in first:
        return False
    try:
        resource = parse_json(first.encode())
    except SourceRefused:
        return False
    return isinstance(resource, dict) and "resourceType" in resource


def _look_of_object(content: Mapping[str, Any]) -> Unread:
    keys = set(content)
    records = content.get("data")
    first = records[0] if isinstance(records, list) and records else records
    looks = {
        Unread.NRM_CASEWORK: any(key.startswith(("Customer.", "Case.")) for key in keys),
        Unread.COURT_CASE: keys >= {"caseDetails", "defendants"},
        Unread.DFE_API: keys >= {"la_code", "children"},
        Unread.STIX: content.get("type") == "bundle" and bool({"objects", "spec_version"} & keys),
        Unread.MISP: "Event" in keys or _has_event(content.get("response")),
        Unread.PRIMERO: ("metadata" in keys and isinstance(records, list)) or _has(first, "case_id_display"),
        Unread.POLE: _has(first, "type") and _has(first, "attributes"),
        Unread.SURVEY_JSON: isinstance(content.get("results"), list) and _is_survey_answer(content["results"]),
        Unread.JSON_SCHEMA: "$schema" in keys or ("properties" in keys and content.get("type") == "object"),
    }
    return next((look for look, is_so in looks.items() if is_so), Unread.OTHER_JSON)


def _has(item: object, key: str) -> bool:
    return isinstance(item, dict) and key in item


def _has_event(response: object) -> bool:
    return isinstance(response, list) and bool(response) and _has(response[0], "Event")


def _is_survey_answer(item: object) -> bool:
    first = item[0] if isinstance(item, list) and item else item
    return isinstance(first, dict) and bool(
        {"_uuid", "_submission_time", "__version__", "_xform_id_string"} & set(first)
    )
