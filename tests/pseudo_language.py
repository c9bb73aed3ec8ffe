"""A language that nobody speaks, made of the catalogue: accented, a third longer, between brackets.

What stands on a page without brackets did not come through the catalogue. The language calls itself Welsh, so that the
numbers of Welsh (six plural forms) are gone through as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from lxml import etree, html

from adapters.workspace.languages import CATALOGUE
from tests.text_catalogue import catalogue, written

LANGUAGE = "cy"
BEGIN, END = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
_ACCENTED = str.maketrans("aeiouwyAEIOUWYcn", "âêîôûŵŷÂÊÎÔÛŴŶçñ")
_KEPT = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]*>|&\w+;)")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_DATA = ("bdi", "time", "script", "style", "textarea", "code", "blockquote")
_INLINE = ("a", "abbr", "b", "bdi", "em", "i", "q", "span", "strong", "time", "code")
_SAID = ("aria-label", "title", "placeholder", "data-label", "alt")


def pseudo(text: str) -> str:
    """Return a text in the language: placeholders and markup as they are."""
    if not text.strip():
        return text
    said = "".join(part if _KEPT.fullmatch(part) else part.translate(_ACCENTED) for part in _KEPT.split(text))
    longer = ("~~~~~ " * (len(text) // 15 + 1))[: max(1, round(len(text) * 0.3))]
    return f"{BEGIN}{said} {longer.rstrip()}{END}"


def make(folder: Path) -> None:
    """Write the template and the whole catalogue of the language into a folder."""
    template, made = catalogue(), Catalog(locale=LANGUAGE)
    for message in template:
        if isinstance(message.id, tuple):
            made.add(
                message.id, tuple(pseudo(message.id[-1]) for _ in range(made.num_plurals)), context=message.context
            )
        elif message.id:
            made.add(message.id, pseudo(message.id), context=message.context)
    (folder / CATALOGUE).write_text(written(template), encoding="utf-8")
    compiled = folder / LANGUAGE / "LC_MESSAGES"
    compiled.mkdir(parents=True, exist_ok=True)
    with (compiled / "messages.mo").open("wb") as file:
        write_mo(file, made)


def not_translated(page: str, data: tuple[str, ...] = ()) -> list[str]:
    """Return what a page says in words that did not come through the catalogue.

    Not looked at: what others wrote (``bdi``, ``blockquote``), times, ids, what is said to be English (``lang``), and
    ``data``.
    """
    tree = html.document_fromstring(page.encode("utf-8"), parser=html.HTMLParser(encoding="utf-8"))
    found, depth, block = [], 0, None
    for node, text in _in_order(tree):
        # No text of the catalogue reaches from one paragraph into another: what is left open there hides nothing.
        if (now := _block(node)) is not block:
            depth, block = 0, now
        outside, depth = _outside(text, depth)
        if not _is_data(node) and _is_plain(outside, data):
            found.append(" ".join(text.split())[:90])
    for node in tree.iter(etree.Element):
        said = [node.get(name) or "" for name in _SAID]
        found += [text for text in said if not _is_data(node) and _is_plain(_outside(text, 0)[0], data)]
    return found


def _block(node: html.HtmlElement) -> html.HtmlElement | None:
    while node is not None and node.tag in _INLINE:
        node = node.getparent()
    return node


def _in_order(node: html.HtmlElement) -> Iterator[tuple[html.HtmlElement, str]]:
    """Go through the texts of a page in the order in which they stand there, each with the element that it is in."""
    if isinstance(node.tag, str) and node.text:
        yield node, node.text
    for child in node:
        yield from _in_order(child)
        if child.tail:
            yield node, child.tail


def _outside(text: str, depth: int) -> tuple[str, int]:
    """Return what of a text stands outside of all brackets, and how deep its end is. Another text may stand in one."""
    plain = []
    for char in text:
        if char in (BEGIN, END):
            depth = max(0, depth + (1 if char == BEGIN else -1))
        elif depth == 0:
            plain.append(char)
    return "".join(plain), depth


def _is_plain(text: str, data: tuple[str, ...]) -> bool:
    for item in data:
        text = text.replace(item, "")
    return _LETTERS.search(re.sub(r"\b[0-9a-f]{8,}\b|nrm-hub", "", text)) is not None


def _is_data(node: html.HtmlElement) -> bool:
    while node is not None:
        is_english = str(node.get("lang", "")).startswith("en")
        if node.tag in _DATA or is_english or "service-mono" in node.get("class", ""):
            return True
        node = node.getparent()
    return False
