"""What a page made of other people's text: its elements, whether anything in it could run, and how the text stands."""

from __future__ import annotations

import re
from collections import Counter

from lxml import html

from tests.attacks.hostile_text import MARK

_NEVER = "//iframe | //object | //embed | //base | //img | //video | //audio | //foreignObject | //math | //marquee"
_LEADING = ("href", "src", "action", "formaction", "data", "srcdoc", "poster", "background", "xlink:href")
_UNSEEN = re.compile(
    "[\u202a-\u202e\u2060-\u206f\u200b\ufeff\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u180e\ufff9-\ufffb"
    "\u115f\u1160\u3164\uffa0\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ISOLATING = frozenset({"bdi", "textarea", "option", "title", "desc", "text", "input"})
"""Elements whose text moves nothing around it: the last three are of a drawing, each a paragraph of its own."""


def read(page: str) -> html.HtmlElement:
    """Parse a page as a browser would. Characters that no document may hold are left out."""
    return html.document_fromstring(re.sub("[\x00\ud800-\udfff]", "", page).encode("utf-8"), parser=_parser())


def _parser() -> html.HTMLParser:
    return html.HTMLParser(encoding="utf-8", huge_tree=True)


def elements(page: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """Count the elements of a page by name and by the names of their attributes."""
    return Counter((str(node.tag), tuple(sorted(node.attrib))) for node in read(page).iter())


def what_could_run(page: str, *, is_saved: bool = False) -> list[str]:
    """Return what of a page could run, load or lead elsewhere: for a page of ours nothing."""
    tree = read(page)
    found = [f"<{node.tag}>" for node in tree.xpath(_NEVER)]
    found += [f"<script> {node.get('src')}" for node in tree.xpath("//script") if not _is_ours(node)]
    if not is_saved:
        found += ["<style>" for _ in tree.xpath("//style")]
        found += ["<meta http-equiv>" for _ in tree.xpath("//meta[@http-equiv]")]
    for node in tree.iter():
        for name, value in node.attrib.items():
            if name.startswith("on") or name == "style" or MARK in name:
                found.append(f"<{node.tag} {name}>")
            if name in _LEADING and not re.match(r"#|/(?!/)|[a-z-]+\?|\?", value):
                found.append(f"<{node.tag} {name}={value[:60]!r}>")
            if name in _LEADING and MARK in value:
                found.append(f"<{node.tag} {name}> leads where somebody else wrote")
    return found


def _is_ours(node: html.HtmlElement) -> bool:
    return str(node.get("src", "")).startswith("/static/") and not (node.text or "").strip()


def unseen(page: str) -> list[str]:
    """Return the characters of a page that act on the reader without being seen, outside of what was typed."""
    tree = read(page)
    for node in tree.xpath("//textarea"):
        node.text = ""
    for node in tree.xpath("//input[@value]"):
        node.set("value", "")
    text = html.tostring(tree, encoding="unicode")
    return sorted({f"U+{ord(char):04X}" for char in _UNSEEN.findall(text)})


def not_isolated(page: str) -> list[str]:
    """Return where other people's text stands in a line with ours without being isolated in its direction."""
    found = []
    for node in read(page).iter():
        if not isinstance(node.tag, str) or node.tag in ("script", "style"):
            continue
        texts = [(node, node.text)] + [(node, child.tail) for child in node]
        for holder, text in texts:
            if text and MARK in text and not _is_isolated(holder):
                found.append(f"<{holder.tag} class={holder.get('class', '')!r}> {' '.join(text.split())[:80]}")
    return found


def _is_isolated(node: html.HtmlElement) -> bool:
    while node is not None:
        if node.tag in _ISOLATING or node.get("dir") == "auto":
            return True
        node = node.getparent()
    return False
