"""Check a message and its envelope against the published schemas, and say what differs in plain words.

Official test messages fail the official schema, so a schema error is a finding and never a refusal. Values are not
repeated; what the schema allows is.
"""

from __future__ import annotations

import functools
from pathlib import Path

import xmlschema
from lxml import etree
from xmlschema.validators import (
    XMLSchemaChildrenValidationError,
    XMLSchemaValidationError,
    XsdAttribute,
    XsdAttributeGroup,
    XsdElement,
    XsdEnumerationFacets,
    XsdFacet,
    XsdLengthFacet,
    XsdMaxInclusiveFacet,
    XsdMaxLengthFacet,
    XsdMinInclusiveFacet,
    XsdMinLengthFacet,
    XsdPatternFacets,
    XsdType,
)

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.police.envelope import local_name

SCHEMA_FOLDER = Path(__file__).resolve().parent / "schemas"
TOP_SCHEMA = "cjseOperations.xsd"
"""Imports the schema of the message, so that one set checks both."""

INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
MAX_EXPECTED_SHOWN = 8
MAX_PATTERN_CHARS = 60
"""A longer pattern tells a reader nothing."""

_WHOLE = lazy_gettext("a whole number")
_BUILT_IN = {
    "date": lazy_gettext("a date, YYYY-MM-DD"),
    "time": lazy_gettext("a time, hh:mm:ss"),
    "gYear": lazy_gettext("a year of four digits"),
    "integer": _WHOLE,
    "int": _WHOLE,
    "byte": _WHOLE,
    "boolean": lazy_gettext("true or false"),
}


def _facet(validator: XsdFacet) -> Sentence | None:
    said = str(validator.value)
    if isinstance(validator, XsdMaxLengthFacet):
        return lazy_gettext("at most %(most)s characters", most=said)
    if isinstance(validator, XsdMinLengthFacet):
        return lazy_gettext("at least %(least)s characters", least=said)
    if isinstance(validator, XsdLengthFacet):
        return lazy_gettext("%(count)s characters", count=said)
    if isinstance(validator, XsdMinInclusiveFacet):
        return lazy_gettext("at least %(least)s", least=said)
    return lazy_gettext("at most %(most)s", most=said) if isinstance(validator, XsdMaxInclusiveFacet) else None


@functools.cache
def load_schema() -> xmlschema.XMLSchema:
    """Return the schema set, built once. No file outside ``schemas`` and no address is ever followed."""
    return xmlschema.XMLSchema(str(SCHEMA_FOLDER / TOP_SCHEMA), defuse="always", allow="sandbox")


def schema_findings(root: etree._Element, paths: dict[etree._Element, str]) -> list[Finding]:
    """Compare a document with its schema; ``paths`` gives the locator of each of its elements.

    Returns warnings (``schema_error``). Text between elements is not among them: it is a finding of its own
    (``stray_text``). Attributes in the namespace of XML Schema instances are taken off the document.
    """
    findings = _drop_instance_attributes(root, paths)
    # ``allow='none'``: nothing that the document names is opened.
    resource = xmlschema.XMLResource(root, allow="none")
    try:
        for error in load_schema().iter_errors(resource):
            if "character data between child elements" in (error.reason or ""):
                continue
            element = error.elem if isinstance(error.elem, etree._Element) else root
            path = paths.get(element, paths[root])
            findings.append(Finding(FindingCode.SCHEMA_ERROR, Severity.WARN, _say(error, local_name(element)), path))
    except xmlschema.XMLSchemaException:
        message = lazy_gettext(
            "the comparison with the schema stopped before the end; the rest of the document was not compared"
        )
        findings.append(Finding(FindingCode.SCHEMA_ERROR, Severity.WARN, message, paths[root]))
    return findings


def _drop_instance_attributes(root: etree._Element, paths: dict[etree._Element, str]) -> list[Finding]:
    # ``xsi:type`` lets a document choose its own type, ``xsi:nil`` be empty where it must not: the schema has neither.
    # ``xsi:schemaLocation`` is usual, and never followed.
    findings = []
    for element in root.iter():
        for name in [name for name in element.attrib if str(name).startswith(f"{{{INSTANCE}}}")]:
            del element.attrib[name]
            if "schemalocation" not in str(name).lower():
                message = lazy_gettext(
                    "an attribute of XML Schema instances (type or nil) stands where none is foreseen; it is ignored"
                )
                findings.append(Finding(FindingCode.SCHEMA_ERROR, Severity.WARN, message, paths[element]))
    return findings


def _say(error: XMLSchemaValidationError, name: str) -> Sentence:
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _say_children(error, name)
    validator = error.validator
    if isinstance(validator, XsdAttribute | XsdAttributeGroup):
        return lazy_gettext(
            "the attributes of %(name)s are not those of the schema: one is missing, unknown or has another value",
            name=name,
        )
    if isinstance(validator, XsdElement):
        return lazy_gettext(
            "%(name)s does not hold what the schema describes (text where elements should be, or the reverse)",
            name=name,
        )
    expected = _expected(validator)
    if expected:
        return lazy_gettext(
            "the value of %(name)s is not one the schema allows, expected %(wanted)s", name=name, wanted=expected
        )
    return lazy_gettext("%(name)s is not as the schema describes it", name=name)


def _say_children(error: XMLSchemaChildrenValidationError, name: str) -> Sentence:
    names = [getattr(item, "local_name", None) for item in error.expected or ()]
    expected = [name for name in names if isinstance(name, str)]
    shown = ", ".join(expected[:MAX_EXPECTED_SHOWN])
    said = lazy_gettext("%(name)s is not complete", name=name)
    if error.invalid_tag:
        found = etree.QName(error.invalid_tag).localname
        said = lazy_gettext(
            "in %(name)s the element %(found)s stands where the schema does not allow it", name=name, found=found
        )
    return lazy_gettext("%(what)s; expected here: %(listed)s", what=said, listed=shown) if shown else said


def _expected(validator: object) -> Sentence | None:
    if isinstance(validator, XsdPatternFacets):
        patterns = " | ".join(str(pattern) for pattern in validator.regexps)
        if len(patterns) > MAX_PATTERN_CHARS:
            return lazy_gettext("another form")
        return lazy_gettext("the pattern %(pattern)s", pattern=patterns)
    if isinstance(validator, XsdEnumerationFacets):
        listed = ", ".join(str(choice) for choice in validator.enumeration[:MAX_EXPECTED_SHOWN])
        return lazy_gettext("one of %(listed)s", listed=listed)
    if isinstance(validator, XsdType):
        return _BUILT_IN.get(validator.root_type.local_name or "")
    return _facet(validator) if isinstance(validator, XsdFacet) else None
