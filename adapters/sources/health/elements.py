"""Walk a FHIR document, and give every value its envelope and its way back to the source.

A document is held in the JSON shape of FHIR, whether it came as JSON or as XML, with the letters of the source. A
locator of JSON is ``#`` and a JSON pointer (RFC 6901, section 6); with one resource a line it is
``line:3#/pointer``. A locator of XML is a path of local names, every step below the root with the element's number
among its siblings of that name, and ``@value`` (or ``@url``, ``@id``) at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from adapters.sources.draft import Value, ValueState

Path = tuple[str | int, ...]

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MASKED_REASONS = frozenset({"masked"})
"""FHIR data-absent-reason: the source holds the value and does not tell it."""


class Notation(StrEnum):
    """How a document was written."""

    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Document:
    """One FHIR document. ``unreadable`` are the paths of values that FHIR does not allow: kept, never used."""

    content: dict[str, Any]
    notation: Notation
    prefix: str = ""
    unreadable: frozenset[Path] = field(default_factory=frozenset)

    @property
    def root(self) -> Element:
        """The whole document."""
        return Element(self, (), self.content)

    def locate(self, path: Path) -> str:
        """Return the locator of what stands at ``path``, which must exist."""
        if self.notation is Notation.JSON:
            steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
            return f"{self.prefix}#" + "".join(f"/{step}" for step in steps)
        return self._locate_xml(path)

    def _locate_xml(self, path: Path) -> str:
        steps = ["", str(self.content.get("resourceType", "*"))]
        parent: Any = self.content
        position = 0
        while position < len(path):
            name = str(path[position])
            number = 1
            value = parent[name]
            position += 1
            if position < len(path) and isinstance(path[position], int) and isinstance(value, list):
                index = int(path[position])
                number, value = index + 1, value[index]
                position += 1
            if name in {"id", "url"} and _is_attribute(parent, name, path[: position - 1]):
                steps.append(f"@{name}")
                break
            steps.append(f"{name.removeprefix('_')}[{number}]")
            if isinstance(value, dict) and "resourceType" in value:
                steps.append(f"{value['resourceType']}[1]")
            elif not isinstance(value, dict | list) and position == len(path) and name != "div":
                steps.append("@value")
            parent = value
        return "/".join(steps)


def _is_attribute(parent: dict[str, Any], name: str, path_of_parent: Path) -> bool:
    # FHIR XML writes the id of an element, and the url of an extension, as attributes; the id of a resource is not one.
    if name == "id":
        return "resourceType" not in parent
    names = [step for step in path_of_parent if isinstance(step, str)]
    return bool(names) and names[-1] in {"extension", "modifierExtension"}


@dataclass(frozen=True, slots=True)
class Element:
    """An object of a document: a resource, or a part of one."""

    document: Document
    path: Path
    data: dict[str, Any]

    @property
    def locator(self) -> str:
        """Where this object stands in the source."""
        return self.document.locate(self.path)

    @property
    def resource_type(self) -> str:
        """Name of the resource, empty for a part of one."""
        return str(self.data.get("resourceType", ""))

    def child(self, name: str) -> Element | None:
        """Return the one object of that name, or None."""
        found = self.data.get(name)
        return Element(self.document, (*self.path, name), found) if isinstance(found, dict) else None

    def each(self, name: str) -> list[Element]:
        """Return the objects of that name, a single one as a list of one."""
        found = self.data.get(name)
        if isinstance(found, dict):
            return [Element(self.document, (*self.path, name), found)]
        if not isinstance(found, list):
            return []
        return [
            Element(self.document, (*self.path, name, index), item)
            for index, item in enumerate(found)
            if isinstance(item, dict)
        ]

    def locate(self, *steps: str | int) -> str:
        """Return the locator of something below this object; of the object itself where it is not there."""
        current: Any = self.data
        for step in steps:
            try:
                current = current[step]
            except (KeyError, IndexError, TypeError):
                return self.locator
        return self.document.locate((*self.path, *steps))

    def text(self, name: str) -> str | None:
        """Return a text that can be used: there, not empty, not unreadable."""
        found = self.data.get(name)
        if not isinstance(found, str) or not found.strip() or (*self.path, name) in self.document.unreadable:
            return None
        return found

    def value(self, name: str) -> Value | None:
        """Return the envelope of a single value; None where the record has neither the value nor a reason."""
        beside = self.data.get(f"_{name}")
        if name not in self.data:
            return self._reason(name, beside) if isinstance(beside, dict) else None
        return self._envelope(self.data[name], beside, name)

    def values(self, name: str) -> list[Value]:
        """Return the envelopes of a repeated value, as ``value`` does."""
        found = self.data.get(name)
        if not isinstance(found, list):
            single = self.value(name)
            return [single] if single is not None else []
        besides = self.data.get(f"_{name}")
        result = []
        for index, item in enumerate(found):
            beside = besides[index] if isinstance(besides, list) and index < len(besides) else None
            result.append(self._envelope(item, beside, name, index))
        return result

    def _envelope(self, raw: Any, beside: Any, *steps: str | int) -> Value:
        locator = self.locate(*steps)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            reason = self._reason(str(steps[0]), beside) if isinstance(beside, dict) else None
            return reason or Value(None, locator, ValueState.EMPTY)
        if (*self.path, *steps) in self.document.unreadable or not isinstance(raw, str | int):
            return Value(None, locator, ValueState.UNREADABLE, as_written=str(raw))
        return Value(raw, locator)

    def _reason(self, name: str, beside: dict[str, Any]) -> Value | None:
        # The value is left out and its element says why (FHIR R4, "data-absent-reason").
        for extension in beside.get("extension") or []:
            if isinstance(extension, dict) and extension.get("url") == DATA_ABSENT:
                reason = extension.get("valueCode")
                state = ValueState.WITHHELD if reason in MASKED_REASONS else ValueState.ABSENT
                return Value(None, self.locate(f"_{name}"), state, as_written=str(reason))
        return None

    def extensions(self, url: str) -> list[Element]:
        """Return the extensions with exactly that address."""
        return [item for item in self.each("extension") if item.data.get("url") == url]

    def codings(self) -> list[Element]:
        """Return the codings of a CodeableConcept (this object)."""
        return self.each("coding")

    def walk(self) -> Iterator[Element]:
        """Yield this object and every object below it, in the order of the document."""
        yield self
        for name, found in self.data.items():
            if isinstance(found, dict):
                yield from Element(self.document, (*self.path, name), found).walk()
            elif isinstance(found, list):
                for index, item in enumerate(found):
                    if isinstance(item, dict):
                        yield from Element(self.document, (*self.path, name, index), item).walk()


def absent(element: Element) -> Value:
    """The format has the field and this record has not."""
    return Value(None, element.locator, ValueState.ABSENT)


def coded(concept: Element | None) -> Value | None:
    """Return a CodeableConcept as one value: its text or first display, with the first code and its system."""
    if concept is None:
        return None
    text = concept.value("text")
    for coding in concept.codings():
        shown = coded_by(coding)
        if shown is not None:
            if text is not None and text.value is not None:
                return replace(text, code=shown.code, scheme=shown.scheme)
            return shown
    return text


def coded_by(coding: Element) -> Value | None:
    """Return one Coding as a value: what it displays, else its code."""
    code, display = coding.text("code"), coding.text("display")
    if code is None and display is None:
        return None
    name = "display" if display is not None else "code"
    return Value(display or code, coding.locate(name), code=code, scheme=coding.text("system"))
