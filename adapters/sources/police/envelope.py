"""Unwrap a police new-case message: bare, in RouteData (escaped once), or in SOAP and RouteData (escaped twice).

Every level is a document of its own and passes the same guard (no DOCTYPE, no entities) before a parser sees it.
Elements are matched by namespace, never by prefix. Source: schemas/cjseOperations.xsd, cjseBusinessEntities.xsd
("If XML must be encoded i.e. using &lt;"), and SOAP 1.1 and 1.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity, SourceRefused, refuse_file
from adapters.sources.guards import parse_xml

LIBRA = "http://www.dca.gov.uk/xmlschemas/libra"
BS7666 = "http://www.govtalk.gov.uk/people/bs7666"
OPERATIONS = "http://schemas.cjse.gov.uk/common/operations"
ENTITIES = "http://schemas.cjse.gov.uk/common/businessentities"
ENDPOINT = "http://schemas.cjse.gov.uk/endpoint/types/"
SOAP_NAMESPACES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")

MAX_LEVELS = 3
"""XML documents inside one another: the SOAP envelope, RouteData, the message."""
MAX_NAME_CHARS = 40

MESSAGE = f"{{{LIBRA}}}NewCaseMessage"
ROUTE = f"{{{OPERATIONS}}}RouteData"
ROOT_ELEMENTS = frozenset({MESSAGE, ROUTE, *(f"{{{namespace}}}Envelope" for namespace in SOAP_NAMESPACES)})
"""Root elements, as ``{namespace}name``, with which a file of this format may begin."""

_DECLARATION = re.compile(r"^<\?xml\s[^>]*\?>")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A message and what its envelope says. ``path`` is the locator of the message's root element."""

    message: etree._Element
    path: str
    route: etree._Element | None = None
    route_path: str = ""
    system: str | None = None
    sent_at: str | None = None
    is_test: bool = False


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(element).localname


def locate(element: etree._Element, root_path: str) -> str:
    """Return the locator of an element whose document's root has the locator ``root_path``.

    A locator is a path of local names; every step below a root has the element's number among its siblings of that
    name. ``!`` stands where the text of an element is a document of its own. Names over ``MAX_NAME_CHARS`` are cut.
    """
    steps: list[str] = []
    current = element
    while (parent := current.getparent()) is not None:
        name = local_name(current)[:MAX_NAME_CHARS]
        before = current.itersiblings(preceding=True)
        number = 1 + sum(1 for other in before if local_name(other)[:MAX_NAME_CHARS] == name)
        steps.append(f"{name}[{number}]")
        current = parent
    return "/".join([root_path, *reversed(steps)])


def unwrap(data: bytes) -> Unwrapped:
    """Find the new-case message in a file's bytes.

    Raises ``SourceRefused``: ``not_this_format`` (other roots), ``not_well_formed`` (a level is no XML),
    ``doctype_forbidden`` (on any level), ``too_deep`` (more than ``MAX_LEVELS``), ``source_error`` (a SOAP fault),
    ``schema_error`` (no message, or several, in the envelope).
    """
    root = parse_xml(data)
    root_path = f"/{local_name(root)[:MAX_NAME_CHARS]}"
    element, path = root, root_path
    route: etree._Element | None = None
    route_path = ""
    level = 1
    while element.tag != MESSAGE:
        # 1. What this level is, and where the next one is in it.
        if element.tag == ROUTE:
            route, route_path = element, path
            holder = _only(list(element.iter(f"{{{ENTITIES}}}DataStreamContent")), "DataStreamContent", path)
        elif element.tag in ROOT_ELEMENTS:
            holder = _soap_holder(element, path)
        else:
            raise _not_a_case(element, path, is_inner=level > 1)
        # 2. A level written as plain elements, not as text, belongs to the same document.
        embedded = _embedded(holder)
        if embedded is not None:
            element, path = embedded, locate(embedded, root_path)
            continue
        # 3. The next document.
        level += 1
        holder_path = locate(holder, root_path)
        if level > MAX_LEVELS:
            raise refuse_file(
                FindingCode.TOO_DEEP,
                lazy_gettext("envelopes are nested more than %(most)s levels deep", most=str(MAX_LEVELS)),
                holder_path,
            )
        root = _parse_inner(holder, holder_path)
        root_path = f"{holder_path}!/{local_name(root)[:MAX_NAME_CHARS]}"
        element, path = root, root_path
    return Unwrapped(element, path, route, route_path, _system(route), _sent_at(route), _is_test(route))


def _only(found: list[etree._Element], name: str, path: str) -> etree._Element:
    if len(found) != 1:
        message = lazy_gettext(
            "the envelope has %(count)s %(name)s elements, expected one; export one case a file",
            count=str(len(found)),
            name=name,
        )
        if not found:
            message = lazy_gettext(
                "the envelope has no %(name)s elements, expected one; export one case a file", name=name
            )
        raise refuse_file(FindingCode.SCHEMA_ERROR, message, path)
    return found[0]


def _soap_holder(envelope: etree._Element, path: str) -> etree._Element:
    namespace = etree.QName(envelope).namespace
    body = _only(envelope.findall(f"{{{namespace}}}Body"), "Body", path)
    if body.find(f"{{{namespace}}}Fault") is not None:
        raise refuse_file(
            FindingCode.SOURCE_ERROR,
            lazy_gettext("the exchange answered with an error (a SOAP fault); there is no case in it"),
            path,
        )
    if _embedded(body) is not None:
        return body
    return _only(list(body.iter(f"{{{ENDPOINT}}}Message")), "Message", path)


def _embedded(holder: etree._Element) -> etree._Element | None:
    return next((child for child in holder if child.tag in (MESSAGE, ROUTE)), None)


def _parse_inner(holder: etree._Element, path: str) -> etree._Element:
    # The text was decoded with the document around it; an encoding named in its own declaration no longer says
    # anything, so the declaration goes and the text is encoded as what it then is.
    text = _DECLARATION.sub("", (holder.text or "").lstrip("\ufeff \t\r\n"), count=1)
    if not text.strip():
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            lazy_gettext("%(name)s in the envelope is empty", name=local_name(holder)),
            path,
        )
    try:
        return parse_xml(text.encode("utf-8"), path)
    except SourceRefused as refusal:
        inner = refusal.findings[0]
        message = lazy_gettext(
            "the content of %(name)s in the envelope: %(message_of_it)s",
            name=local_name(holder),
            message_of_it=inner.message,
        )
        raise SourceRefused(Finding(inner.code, Severity.REFUSE_FILE, message, inner.locator)) from refusal


def _not_a_case(element: etree._Element, path: str, *, is_inner: bool) -> SourceRefused:
    name = etree.QName(element)
    if name.namespace == OPERATIONS:
        what = lazy_gettext(
            "a receipt of the criminal justice exchange (%(name)s)", name=name.localname[:MAX_NAME_CHARS]
        )
    elif name.namespace == LIBRA:
        what = lazy_gettext("a court message of another kind (%(name)s)", name=name.localname[:MAX_NAME_CHARS])
    elif name.localname == "NewCaseMessage":
        what = lazy_gettext("a NewCaseMessage in a namespace that is not that of the police new-case message")
    else:
        what = lazy_gettext("XML with the root element %(name)s", name=name.localname[:MAX_NAME_CHARS])
    said = {"what": what, "libra": LIBRA}
    return refuse_file(
        FindingCode.NOT_THIS_FORMAT,
        lazy_gettext(
            "the envelope holds %(what)s; expected a police new-case message (NewCaseMessage, %(libra)s)", **said
        )
        if is_inner
        else lazy_gettext(
            "the file is %(what)s; expected a police new-case message (NewCaseMessage, %(libra)s)", **said
        ),
        path,
    )


def _text(route: etree._Element | None, namespace: str, name: str) -> str | None:
    found = None if route is None else next(route.iter(f"{{{namespace}}}{name}"), None)
    text = "" if found is None else " ".join((found.text or "").split())
    return text or None


def _system(route: etree._Element | None) -> str | None:
    system = _text(route, ENTITIES, "System") or _text(route, OPERATIONS, "SystemID")
    return system[:MAX_NAME_CHARS] if system else None


def _sent_at(route: etree._Element | None) -> str | None:
    day, time = _text(route, ENTITIES, "Dated"), _text(route, ENTITIES, "Timed")
    try:
        if day is None or date.fromisoformat(day).isoformat() != day:
            return None
    except ValueError:
        return None
    return f"{day}T{time}" if time and _TIME.fullmatch(time) else day


def _is_test(route: etree._Element | None) -> bool:
    return _text(route, OPERATIONS, "TestOperation") in ("true", "1")
