"""Map free text and documents: Communication, DocumentReference, Composition. Attachments are described, never fetched.

Free text repeats names, telephones and addresses: it is personal data even where the structured fields are withheld.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import FieldValue, Value, ValueState
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.guards import parse_xml
from adapters.sources.health.elements import Element, absent, coded
from adapters.sources.health.mapping import Mapped, MappingOutcome, Record, Unshared, given, shown_text
from policies.vocabulary import Category

MAX_NARRATIVE_CHARS = 100_000
"""Characters of one narrative; a discharge summary has some thousands."""

_BLOCKS = frozenset({"br", "div", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "td", "th", "tr"})
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def map_communication(record: Record) -> list[MappingOutcome]:
    """Return the ``narrative`` fragment of a Communication."""
    message = record.resource
    if message.text("status") == "not-done":
        reason = lazy_gettext("this communication was not sent, so it says nothing that was told; it is not shared")
        return [Unshared(FindingCode.NOT_MAPPED, reason, message.locator)]
    record.list_unread(("status", "category", "medium", "subject", "sent", "received", "sender", "payload", "topic"))
    sent = record.event_date(message, "sent")
    kinds = [value for concept in message.each("category") if (value := coded(concept)) is not None]
    sender = message.child("sender")
    about: dict[str, Value] = {
        "kind": kinds[0] if kinds else Value("communication", message.locator),
        "date": message.value("sent") or absent(message),
        **given({"author": sender.value("display") if sender is not None else None}),
    }
    texts: list[dict[str, Value]] = []
    attachments: list[dict[str, Value]] = []
    for payload in message.each("payload"):
        text = payload.value("contentString")
        if text is not None:
            texts.append(given({"text": _limited(record, text)}))
        attachments.extend(attachment_group(record, item) for item in payload.each("contentAttachment"))
    fields: dict[str, FieldValue] = {"hub_Narrative": [about | text for text in texts or [{}]]}
    if attachments:
        fields["hub_Attachment"] = attachments
    summary = f"Communication of the health service: {shown_text(about['kind'], 'kind not given')}"
    return [Mapped(Category.NARRATIVE, fields, message.locator, summary, sent, sent)]


def map_document_reference(record: Record) -> list[MappingOutcome]:
    """Return the ``narrative`` fragment of a DocumentReference: what the document is, not the document."""
    document = record.resource
    record.list_unread(("status", "docStatus", "type", "category", "subject", "date", "description", "content"))
    dated = record.event_date(document, "date")
    kind = coded(document.child("type"))
    group = {
        "kind": kind or absent(document),
        "date": document.value("date") or absent(document),
        **given(
            {
                "status": document.value("status"),
                "document_status": document.value("docStatus"),
                "text": _limited(record, document.value("description")),
            }
        ),
    }
    attachments = [
        attachment_group(record, attachment)
        for content in document.each("content")
        for attachment in content.each("attachment")
    ]
    fields: dict[str, FieldValue] = {"hub_Narrative": [group], "hub_Attachment": attachments}
    summary = f"Document, not enclosed: {shown_text(kind, 'kind not given')}"
    return [Mapped(Category.NARRATIVE, fields, document.locator, summary, dated, dated)]


def attachment_group(record: Record, attachment: Element) -> dict[str, Value]:
    """Describe an Attachment. Its address is kept as text and never opened; content inside the file is not shared."""
    if "data" in attachment.data:
        message = lazy_gettext("a document is enclosed in the record itself; only its description is shared")
        record.warn(FindingCode.NOT_MAPPED, message, attachment.locator)
    return given(
        {
            "title": attachment.value("title"),
            "content_type": attachment.value("contentType"),
            "created": attachment.value("creation"),
            "address": attachment.value("url"),
            "size_bytes": attachment.value("size"),
        }
    )


def map_composition(record: Record) -> list[MappingOutcome]:
    """Return the ``narrative`` fragment of a Composition (discharge summary, document Bundle): its sections' text."""
    composition = record.resource
    record.list_unread(("status", "type", "subject", "date", "title", "section", "encounter", "author"))
    dated = record.event_date(composition, "date")
    kind = coded(composition.child("type"))
    about: dict[str, Value] = {
        "kind": kind or absent(composition),
        "date": composition.value("date") or absent(composition),
        **given({"status": composition.value("status"), "title": composition.value("title")}),
    }
    groups = [about]
    waiting = list(reversed(composition.each("section")))
    while waiting:
        section = waiting.pop()
        waiting.extend(reversed(section.each("section")))
        text = _section_text(record, section)
        if text is not None:
            groups.append(given({"section": section.value("title"), "text": text}))
    fields: dict[str, FieldValue] = {"hub_Narrative": groups}
    summary = f"Document of the health service: {shown_text(kind, 'kind not given')}"
    return [Mapped(Category.NARRATIVE, fields, composition.locator, summary, dated, dated)]


def _section_text(record: Record, section: Element) -> Value | None:
    narrative = section.child("text")
    div = narrative.text("div") if narrative is not None else None
    if narrative is None or div is None:
        return None
    locator = narrative.locate("div")
    # Names of HTML that XML does not know (&nbsp;) are common in narratives; XML's own must stay escaped.
    known = _NAMED_ENTITY.sub(lambda match: match[0] if match[1] in _XML_ENTITIES else html.unescape(match[0]), div)
    try:
        root = parse_xml(known.encode(), locator)
    except SourceRefused as refusal:
        said = lazy_gettext("the text of this section is not XHTML; it was not read")
        record.refuse_value(refusal.findings[0].code, said, locator)
        return Value(None, locator, ValueState.UNREADABLE)
    words = "".join(_texts(root))
    text = re.sub(r"[ \t\r\f\v]+", " ", words)
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    return _limited(record, Value(text, locator)) if text else Value(None, locator, ValueState.EMPTY)


def _texts(root: etree._Element) -> Iterator[str]:
    """Yield the texts of a tree in reading order, with a line break before and after each block."""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if str(element.tag).rsplit("}", 1)[-1] in _BLOCKS:
            yield "\n"
        if event == "start":
            yield element.text or ""
        elif element is not root:
            yield element.tail or ""


def _limited(record: Record, value: Value | None) -> Value | None:
    """Return a text within the limit; a longer one is refused, not cut: half a sentence may say the opposite."""
    if value is None or not isinstance(value.value, str) or len(value.value) <= MAX_NARRATIVE_CHARS:
        return value
    message = lazy_gettext(
        "the text has %(count)s characters, the limit is %(most)s; it is not shared",
        count=len(value.value),
        most=MAX_NARRATIVE_CHARS,
    )
    record.refuse_value(FindingCode.TOO_LARGE, message, value.locator)
    return Value(None, value.locator, ValueState.UNREADABLE)
