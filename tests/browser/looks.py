"""What a real browser is asked about a page: axe-core, width, size of targets, focus, print; and how it goes around."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from playwright.sync_api import Page
from werkzeug.exceptions import HTTPException

NARROW, WIDE = 320, 1280
MIN_TARGET = 24
"""CSS pixels (WCAG 2.2, 2.5.8)."""
_TARGETS = f"""() => {{
  const shown = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button]')]
    .filter(node => node.type !== 'hidden' && !node.disabled && node.offsetParent !== null);
  const box = node => {{
    const label = node.labels && ['radio', 'checkbox'].includes(node.type) ? node.labels[0] : null;
    const own = node.getBoundingClientRect();
    const other = label ? label.getBoundingClientRect() : own;
    return {{width: Math.max(own.width, other.width), height: Math.max(own.height, other.height),
             x: own.x + own.width / 2, y: own.y + own.height / 2}};
  }};
  // In a sentence or a list of text a link is as high as its line: the guideline excepts it.
  const inText = node => node.tagName === 'A' && getComputedStyle(node).display.startsWith('inline')
    && node.closest('p, li, td, dd, th, dt, caption, blockquote') !== null;
  const boxes = shown.map(node => [node, box(node)]);
  const isAlone = (node, one) => boxes.every(([other, two]) => other === node
    || Math.hypot(one.x - two.x, one.y - two.y) >= {MIN_TARGET});
  return boxes
    .filter(([node, one]) => one.width > 1 && (one.width < {MIN_TARGET} || one.height < {MIN_TARGET})
      && !inText(node) && !isAlone(node, one))
    .map(([node, one]) => `${{node.outerHTML.slice(0, 90)}} ${{Math.round(one.width)}}x${{Math.round(one.height)}}`);
}}"""
_FOCUS = """() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const box = node.getBoundingClientRect(), style = getComputedStyle(node);
  const label = node.labels && node.labels[0];
  const before = label ? getComputedStyle(label, '::before') : style;
  const seen = [style, before].some(one =>
    (one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) > 0) || one.boxShadow !== 'none');
  const x = Math.min(Math.max(box.x + Math.min(box.width / 2, 8), 0), innerWidth - 1);
  const y = Math.min(Math.max(box.y + Math.min(box.height / 2, 8), 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  const covered = !(top && (top === node || node.contains(top) || top.contains(node)
    || (label && (top === label || label.contains(top)))));
  const all = [...document.querySelectorAll('*')];
  return {place: all.indexOf(node), what: node.outerHTML.slice(0, 100), seen, covered,
          text: (node.innerText || node.name || '').trim().slice(0, 60)};
}"""
_REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter(node => node.type !== 'hidden' && !node.disabled && node.tabIndex >= 0
    // Not what stands in a part that is closed (details): it has a place, but nobody sees it.
    && node.checkVisibility({visibilityProperty: true})
    && !(node.type === 'radio' && node.name && !node.checked
      && document.querySelectorAll(`input[type=radio][name="${CSS.escape(node.name)}"]`)[0] !== node))
  .map(node => node.outerHTML.slice(0, 100))"""
_TO_THE_TOP = """() => {
  // Tab goes on from where the focus was last, also when nothing has it any more.
  document.body.tabIndex = -1; document.body.focus(); document.body.blur(); document.body.removeAttribute('tabindex');
  window.scrollTo(0, 0);
}"""
MOST_STOPS = 400


def wider_than(page: Page, width: int) -> int:
    """Return by how many pixels the page is wider than that, so that somebody would have to scroll sideways."""
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return max(0, found - width)


def small_targets(page: Page) -> list[str]:
    """Return what is pressed and is smaller than 24 by 24 with something else too near (WCAG 2.2, 2.5.8)."""
    found: list[str] = page.evaluate(_TARGETS)
    return found


def tab_through(page: Page) -> list[dict[str, Any]]:
    """Press Tab from the top until the focus leaves the page; return each place it was, in order."""
    page.evaluate(_TO_THE_TOP)
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUS)
        if at is None or (stops and at["place"] == stops[0]["place"]):
            return stops
        stops.append(at)
    raise AssertionError(f"{page.url}: the focus does not leave the page after {MOST_STOPS} steps")


def assert_keyboard_reaches_everything(page: Page) -> None:
    """Everything is reached, in the order in which it stands, seen and not covered (WCAG 2.1.1, 2.1.2, 2.4.3, 2.4.7,
    2.4.11).
    """
    reachable = page.evaluate(_REACHABLE)
    stops = tab_through(page)
    missed = Counter(reachable) - Counter(stop["what"] for stop in stops)
    assert not missed, f"{page.url}: the keyboard does not reach {list(missed)}"
    places = [stop["place"] for stop in stops]
    assert places == sorted(places), f"{page.url}: the focus jumps: {[stop['text'] for stop in stops]}"
    assert [stop["what"] for stop in stops if not stop["seen"]] == [], f"{page.url}: the focus is not seen"
    assert [stop["what"] for stop in stops if stop["covered"]] == [], f"{page.url}: the focus is covered"


@contextmanager
def text_twice_as_large(page: Page) -> Iterator[None]:
    """Text alone at 200 per cent (WCAG 1.4.4): the size that everything's text is reckoned from."""
    style = "const s = new CSSStyleSheet(); s.replaceSync('html {font-size: 200% !important}');"
    page.evaluate(f"() => {{ {style} document.adoptedStyleSheets = [s]; }}")
    try:
        yield
    finally:
        page.evaluate("() => { document.adoptedStyleSheets = []; }")


def cut_off(page: Page) -> list[str]:
    """Return elements whose text is cut off because the box does not grow with it."""
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll('body *')].filter(node => {
      const style = getComputedStyle(node);
      if (node.closest('.govuk-visually-hidden, .govuk-skip-link, svg, .skip, thead')) return false;
      return style.overflow === 'hidden' && node.innerText && node.clientHeight > 2
        && (node.scrollHeight > node.clientHeight + 2 || node.scrollWidth > node.clientWidth + 2);
    }).map(node => node.outerHTML.slice(0, 90))""")
    return found


_ENDING = ("/sign-out", "/lock", "/account/sessions/end", "/passkeys/used")
_ACTIONS = "forms => forms.map(form => form.getAttribute('action') || '')"
_FIELDS = """number => document.forms[number]
  .querySelectorAll('input[type=text], input:not([type]), input[type=password], input[type=search], textarea').length"""
_SUBMIT = """([number, words]) => {
  const form = document.forms[number];
  form.querySelectorAll('input[type=text], input:not([type]), input[type=password], input[type=search], textarea')
    .forEach((field, place) => { field.value = words[place]; });
  HTMLFormElement.prototype.submit.call(form);
}"""


def _shape(action: str) -> str:
    return re.sub(r"[0-9a-f]{8,}", "id", action.partition("?")[0])


class Round:
    """Goes to every page that a link leads to, in a browser; each rule twice at most."""

    def __init__(self, app: Flask, page: Page, origin: str, look: Callable[[str], None]) -> None:
        self._app, self._page, self._origin, self._look = app, page, origin, look
        self.counts: Counter[str] = Counter()
        self._with_forms: list[str] = []

    def go(self, *paths: str, most: int = 2) -> None:
        """Visit these and whatever they lead to."""
        waiting, asked = list(paths), set()
        while waiting:
            path = waiting.pop(0)
            rule = self._rule_of(path)
            if path in asked or rule is None or self.counts[rule] >= most:
                continue
            asked.add(path)
            self.counts[rule] += 1
            self._page.goto(f"{self._origin}{path}")
            self._look(f"{rule.strip('/').replace('/', '-').replace('<', '').replace('>', '') or 'home'}")
            if self._page.locator("main form").count():
                self._with_forms.append(path)
            waiting.extend(self._links())

    def send_forms(self, words: Callable[[], str] = str) -> None:
        """Send each form that was seen as it stands, text fields filled; look at what comes of it."""
        sent: set[tuple[str, str]] = set()
        for path in list(self._with_forms):
            self._page.goto(f"{self._origin}{path}")
            for number, action in enumerate(self._page.eval_on_selector_all("form", _ACTIONS)):
                rule = self._rule_of(path) or ""
                if (rule, _shape(action)) in sent or action.startswith(_ENDING):
                    continue
                sent.add((rule, _shape(action)))
                self._page.goto(f"{self._origin}{path}")
                fields = self._page.evaluate(_FIELDS, number)
                with self._page.expect_navigation():
                    self._page.evaluate(_SUBMIT, [number, [words() for _ in range(fields)]])
                self._look(f"sent-{_shape(action).strip('/').replace('/', '-')}")

    def _links(self) -> list[str]:
        found = self._page.eval_on_selector_all("a[href]", "links => links.map(one => one.href)")
        own = [link.removeprefix(self._origin).partition("#")[0] for link in found if link.startswith(self._origin)]
        return [link for link in own if link.startswith("/")]

    def _rule_of(self, path: str) -> str | None:
        try:
            rule, _ = self._app.url_map.bind("").match(path.partition("?")[0], method="GET", return_rule=True)
        except HTTPException:
            return None
        return str(rule.rule)
