"""Turn FHIR XML into the JSON shape of FHIR, keeping the letters of every value.

The tree comes from ``guards.parse_xml``: no DOCTYPE, no comments, no processing instructions. What FHIR does not know
(elements, attributes, repeats) is kept under its own name, so that the check of the resource finds and refuses it.
Source: FHIR R4 (4.0.1), "XML Representation of Resources".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.findings import FindingCode, refuse_file
from adapters.sources.health.elements import Document, Notation, Path
from adapters.sources.health.fhir_types import Shape, shapes

FHIR_NAMESPACE = "http://hl7.org/fhir"
XHTML_NAMESPACE = "http://www.w3.org/1999/xhtml"
SCHEMA_INSTANCE_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
MAX_FHIR_XML_DEPTH = 64
"""Elements inside one another, outside the XHTML of narratives; FHIR resources stay below 20."""

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class XmlContent:
    """A document as JSON shape, and the paths of objects with text between their elements (``stray_text``)."""

    content: dict[str, Any]
    stray_text: tuple[Path, ...]


@dataclass(slots=True)
class _Conversion:
    stray_text: list[Path] = field(default_factory=list)


def convert_xml(root: etree._Element) -> XmlContent:
    """Convert a FHIR document. Raises ``SourceRefused`` (``not_this_format``, ``too_deep``)."""
    name = etree.QName(root)
    if name.namespace != FHIR_NAMESPACE:
        raise refuse_file(
            FindingCode.NOT_THIS_FORMAT,
            lazy_gettext(
                "this XML is not FHIR: its root element is not in the namespace %(namespace)s", namespace=FHIR_NAMESPACE
            ),
        )
    conversion = _Conversion()
    content = _resource(root, conversion, (), 1)
    return XmlContent(content, tuple(conversion.stray_text))


def _resource(element: etree._Element, conversion: _Conversion, path: Path, depth: int) -> dict[str, Any]:
    name = etree.QName(element).localname
    # A data type with the name of a resource type is none: the check of the resource decides.
    return {"resourceType": name, **_object(element, name, conversion, path, depth)}


def _object(element: etree._Element, type_name: str, conversion: _Conversion, path: Path, depth: int) -> dict[str, Any]:
    if depth > MAX_FHIR_XML_DEPTH:
        raise refuse_file(
            FindingCode.TOO_DEEP,
            lazy_gettext("elements are nested more than %(most)s deep", most=str(MAX_FHIR_XML_DEPTH)),
        )
    data: dict[str, Any] = _attributes(element)
    if _has_text(element):
        conversion.stray_text.append(path)
    known = shapes(type_name)
    for child in element:
        name = _name_of(child)
        shape = known.get(name)
        if shape is None:
            data.setdefault(name, {})
        elif shape.is_primitive:
            _add_primitive(data, child, name, shape, conversion, path, depth)
        else:
            _add_object(data, child, name, shape, conversion, path, depth)
    for name in [name for name, found in data.items() if name.startswith("_") and isinstance(found, list)]:
        if all(item is None for item in data[name]):
            del data[name]
    return data


def _name_of(element: etree._Element) -> str:
    name = etree.QName(element)
    if name.namespace == FHIR_NAMESPACE or (name.namespace == XHTML_NAMESPACE and name.localname == "div"):
        return name.localname
    return f"{{{name.namespace}}}{name.localname}"


def _attributes(element: etree._Element) -> dict[str, Any]:
    # "id" and "url" are the only attributes of a FHIR object; xsi:schemaLocation is allowed and never followed.
    found: dict[str, Any] = {}
    for name, value in element.attrib.items():
        plain = str(name)
        if plain.startswith(f"{{{SCHEMA_INSTANCE_NAMESPACE}}}"):
            continue
        found[plain if plain in {"id", "url"} else f"@{plain}"] = str(value)
    return found


def _has_text(element: etree._Element) -> bool:
    tails = (child.tail or "" for child in element)
    return bool((element.text or "").strip() or any(tail.strip() for tail in tails))


def _add_object(
    data: dict[str, Any],
    child: etree._Element,
    name: str,
    shape: Shape,
    conversion: _Conversion,
    path: Path,
    depth: int,
) -> None:
    if shape.is_list:
        items = data.setdefault(name, [])
        items.append(_inside(child, shape, conversion, (*path, name, len(items)), depth))
        return
    made = _inside(child, shape, conversion, (*path, name), depth)
    if name in data:
        _repeat(data, name, made)
    else:
        data[name] = made


def _repeat(data: dict[str, Any], name: str, made: Any) -> None:
    """Keep a second one of what may stand once as a list, which the check of the resource refuses."""
    if not isinstance(data.get(name), list):
        data[name] = [data.get(name)]
    data[name].append(made)


def _inside(child: etree._Element, shape: Shape, conversion: _Conversion, path: Path, depth: int) -> dict[str, Any]:
    if shape.type_name != "Resource":
        return _object(child, shape.type_name, conversion, path, depth + 1)
    resources = list(child)
    if len(resources) != 1:
        return {"resourceType": "", "resources": len(resources)}
    return _resource(resources[0], conversion, path, depth + 2)


def _add_primitive(
    data: dict[str, Any],
    child: etree._Element,
    name: str,
    shape: Shape,
    conversion: _Conversion,
    path: Path,
    depth: int,
) -> None:
    if shape.type_name == "xhtml":
        data[name] = etree.tostring(child, encoding="unicode", with_tail=False)
        return
    value = _primitive_value(child, shape)
    beside = _companion(child, conversion, (*path, name), depth)
    if not shape.is_list:
        if name in data or f"_{name}" in data:
            _repeat(data, name, value)
            return
        if value is not None:
            data[name] = value
        if beside is not None:
            data[f"_{name}"] = beside
        return
    data.setdefault(name, []).append(value)
    data.setdefault(f"_{name}", []).append(beside)


def _primitive_value(child: etree._Element, shape: Shape) -> str | int | bool | None:
    text = child.get("value")
    if text is None:
        return None
    if shape.type_name == "boolean" and text in {"true", "false"}:
        return text == "true"
    if shape.type_name in _NUMBERS and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return str(text)


def _companion(child: etree._Element, conversion: _Conversion, path: Path, depth: int) -> dict[str, Any] | None:
    """Return what stands beside a value (``id``, extensions), as FHIR's ``_name``."""
    made = _object(child, "Element", conversion, path, depth + 1)
    made.pop("@value", None)
    return made or None


def xml_document(root: etree._Element) -> tuple[Document, tuple[Path, ...]]:
    """Return the document of an XML tree, and the places of text between its elements."""
    made = convert_xml(root)
    return Document(made.content, Notation.XML), made.stray_text
