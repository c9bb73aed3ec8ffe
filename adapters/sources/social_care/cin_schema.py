"""The CIN census against its schema: our own copy of the year, errors as findings in plain words.

A file's own ``schemaLocation`` is never followed. Schemas are loaded once per process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import cast

import xmlschema
from lxml import etree
from xmlschema.validators import (
    XMLSchemaChildrenValidationError,
    XMLSchemaValidationError,
    XsdAttributeGroup,
    XsdComplexType,
    XsdElement,
    XsdGroup,
)

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.picture.words import join_words
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.social_care.codes import CIN_YEARS, cin_codes, cin_schema_path
from adapters.sources.social_care.records import refused_value, shown

_ANOTHER_FORM = lazy_gettext("another form")
PATTERN_WORDS: Mapping[str, Sentence] = {
    "LEA": lazy_gettext("three digits"),
    "SerialNo": lazy_gettext("at least three digits"),
    "NumberOfPreviousCPP": lazy_gettext("a whole number"),
    "Year": lazy_gettext("a year of four digits"),
    "DateTime": lazy_gettext("a date and time (YYYY-MM-DDThh:mm:ss)"),
}
"""What to say of elements whose values have a form and no list; every other such element is a date."""


@cache
def census_schema(year: int) -> xmlschema.XMLSchema10:
    """Return the schema of a census year (one of ``CIN_YEARS``)."""
    return xmlschema.XMLSchema10(str(cin_schema_path(year)), defuse="always", allow="sandbox")


@cache
def child_names(year: int) -> Mapping[str, frozenset[str]]:
    """Return the element names each element of a year's census may hold; leaf elements hold none."""
    names: dict[str, frozenset[str]] = {}
    for element in census_schema(year).iter():
        if isinstance(element, XsdElement) and element.local_name is not None:
            content = element.type.content if isinstance(element.type, XsdComplexType) else None
            inside = content.iter_elements() if isinstance(content, XsdGroup) else ()
            names[element.local_name] = frozenset(
                item.local_name for item in inside if isinstance(item, XsdElement) and item.local_name
            )
    return names


class Place:
    """The locators of one part of the file: ``base`` is the XPath of ``top``, everything below is counted from it.

    The steps below an element are counted once for all its children, so that long lists cost linear time.
    """

    __slots__ = ("_steps", "base", "top")

    def __init__(self, top: etree._Element, base: str) -> None:
        self.top = top
        self.base = base
        self._steps: dict[etree._Element, dict[etree._Element, str]] = {}

    def of(self, element: etree._Element) -> str:
        """Return the XPath of an element at or below ``top``."""
        steps: list[str] = []
        current = element
        while current is not self.top:
            parent = current.getparent()
            if parent is None:
                break
            if parent not in self._steps:
                self._steps[parent] = _steps_below(parent)
            steps.append(self._steps[parent][current])
            current = parent
        return "/".join((self.base, *reversed(steps)))


def _steps_below(parent: etree._Element) -> dict[etree._Element, str]:
    """Return the step to each child: name and index among its equals; for a name with a namespace, the position."""
    counts: Counter[str] = Counter()
    steps: dict[etree._Element, str] = {}
    for position, child in enumerate(parent, start=1):
        name = str(child.tag)
        counts[name] += 1
        steps[child] = f"*[{position}]" if "{" in name else f"{name}[{counts[name]}]"
    return steps


def structure_findings(place: Place, year: int, *, depth: int | None = None) -> Iterator[Finding]:
    """Yield what is wrong with the shape of one part: unknown elements, elements of other years, text between elements.

    Elements that no year knows are ``unknown_block`` and named; what stands inside them is not looked at. ``depth``
    limits how many levels are looked at (1: the top and its own children only).
    """
    waiting = [(place.top, depth)]
    while waiting:
        element, left = waiting.pop()
        if left == 0:
            continue
        inside = child_names(year).get(str(element.tag), frozenset())
        if inside and _has_stray_text(element):
            yield Finding(
                FindingCode.STRAY_TEXT,
                Severity.WARN,
                lazy_gettext(
                    "text stands between the elements of %(tag)s; it belongs to no element and was not read",
                    tag=element.tag,
                ),
                place.of(element),
            )
        for child in element:
            name = str(child.tag)
            if name in inside:
                waiting.append((child, None if left is None else left - 1))
            elif other_years := _years_with(str(element.tag), name):
                yield refused_value(
                    FindingCode.SCHEMA_ERROR,
                    lazy_gettext(
                        "%(name)s is not an element of the %(year)s census: it belongs to %(years)s; not read",
                        name=name,
                        year=str(year),
                        years=join_words(other_years),
                    ),
                    place.of(child),
                )
            else:
                yield Finding(
                    FindingCode.UNKNOWN_BLOCK,
                    Severity.WARN,
                    lazy_gettext(
                        "the %(year)s census has no element %(name)s in %(parent)s; it was not read",
                        year=str(year),
                        name=shown(name),
                        parent=str(element.tag),
                    ),
                    place.of(child),
                )


def _has_stray_text(element: etree._Element) -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _years_with(parent: str, name: str) -> list[str]:
    return [str(year) for year in CIN_YEARS if name in child_names(year).get(parent, frozenset())]


def schema_findings(place: Place, year: int, schema_path: str, already_said: frozenset[str]) -> Iterator[Finding]:
    """Validate one part (``schema_path`` says which, as in ``/Message/Children/Child``) and yield what it finds.

    ``already_said`` holds the locators of which a finding exists; nothing is said twice of one place.
    """
    resource = xmlschema.XMLResource(place.top, allow="none", defuse="always")
    for error in census_schema(year).iter_errors(resource, path=".", schema_path=schema_path):
        finding = _translated(error, place, year)
        if finding is not None and finding.locator not in already_said:
            yield finding


def _translated(error: XMLSchemaValidationError, place: Place, year: int) -> Finding | None:
    element = cast("etree._Element | None", error.elem)  # the resource was built from such an element
    if element is None:
        return None
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _order_finding(error, element, place, year)
    name = str(element.tag)
    if isinstance(error.validator, XsdAttributeGroup):
        said = lazy_gettext(
            "%(name)s carries an attribute; the %(year)s census has none, it was not read", name=name, year=str(year)
        )
        return Finding(FindingCode.UNKNOWN_BLOCK, Severity.WARN, said, place.of(element))
    if not child_names(year).get(name):
        return _value_finding(element, place, year)
    if isinstance(error.validator, XsdGroup):
        return None  # text between elements: structure_findings says it
    said = lazy_gettext("%(name)s is not built as in the %(year)s census", name=name, year=str(year))
    return Finding(FindingCode.SCHEMA_ERROR, Severity.WARN, said, place.of(element))


def _order_finding(
    error: XMLSchemaChildrenValidationError, element: etree._Element, place: Place, year: int
) -> Finding | None:
    """Say what is missing, repeated or out of order. Unknown elements are said by ``structure_findings``."""
    known = child_names(year).get(str(element.tag), frozenset())
    unexpected = None if error.invalid_tag is None else element[error.index]
    if unexpected is not None and str(unexpected.tag) not in known:
        return None
    required = {str(item.local_name) for item in error.expected or () if item.min_occurs}
    missing = sorted(name for name in required if element.find(name) is None)
    if missing:
        return refused_value(
            FindingCode.SCHEMA_ERROR,
            lazy_gettext(
                "%(name)s is not complete: the %(year)s census requires %(wanted)s here",
                name=str(element.tag),
                year=str(year),
                wanted=" / ".join(missing),
            ),
            place.of(element),
        )
    if unexpected is None:
        return None
    said = lazy_gettext(
        "%(tag)s is repeated or stands in another order than in the %(year)s census", tag=unexpected.tag, year=str(year)
    )
    return Finding(FindingCode.SCHEMA_ERROR, Severity.WARN, said, place.of(unexpected))


def _value_finding(element: etree._Element, place: Place, year: int) -> Finding:
    name, locator = str(element.tag), place.of(element)
    text = (element.text or "").strip()
    allowed = cin_codes(year).get(name)
    if not text and len(element) == 0:
        return Finding(
            FindingCode.SCHEMA_ERROR,
            Severity.WARN,
            lazy_gettext("%(name)s is there but empty; the %(year)s census wants a value", name=name, year=str(year)),
            locator,
        )
    if allowed:
        return code_finding(name, element.text or "", year, locator)
    said = lazy_gettext(
        "%(name)s is not as in the %(year)s census: expected %(wanted)s",
        name=name,
        year=str(year),
        wanted=PATTERN_WORDS.get(name, _ANOTHER_FORM),
    )
    return refused_value(FindingCode.SCHEMA_ERROR, said, locator)


def code_finding(name: str, code: str, year: int, locator: str) -> Finding:
    """Return the finding for a code that the year's list does not hold, with the codes it does hold."""
    allowed = ", ".join(cin_codes(year)[name])
    return refused_value(
        FindingCode.SCHEMA_ERROR,
        lazy_gettext(
            "%(name)s %(code)s is not allowed in the %(year)s census; allowed: %(listed)s",
            name=name,
            code=shown(code),
            year=str(year),
            listed=allowed,
        ),
        locator,
    )
