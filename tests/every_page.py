"""Goes to every page of the workspace: follows each link, sends each form as it should not and as it should be sent.

A form with a further button is sent by that too. Where a form leads, the page is looked at again: it may have more.

Whatever a new part adds is come to by itself as long as some page leads there; a route that nothing leads to, and that
``ELSEWHERE`` does not name, is named by the test beside this (``tests/adapters/workspace/test_every_route.py``).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from flask import Flask
from lxml import html
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from adapters.workspace.access import routes
from tests.adapters.workspace.desk import ORIGIN, TEST_SIGN_IN, Browser
from tests.adapters.workspace.front_desk import HEADINGS
from tests.scene import now

PER_SHAPE, PER_RULE = 2, 16
"""Pages alike but for ids that are looked at, and pages of one route: each kind of form once or twice."""
PER_FORM = 3
"""Times that forms which lead to the same place are sent each way: they may have grown by a part."""
PER_LOOK = 2
"""Times that pages alike are looked at, again, where forms of one route have led: they show what was done."""
MOST_PAGES, MOST_FORMS = 250, 200
NOT_FOUND = 404
ELSEWHERE = {
    "GET /static/<name>": "no page: style and script",
    "GET /favicon.ico": "no page",
    "GET /sign-in/jwks.json": "no page: the public keys",
    "GET /sign-in/<name>/callback": "comes back from a provider: shows what test_workspace_sign_in asks",
    "POST /sign-in/<name>": "leads to a provider",
    "GET /passkeys/use": "asks for an authenticator: tests/browser/test_every_page.py",
    "POST /passkeys/used": "the same",
    "POST /passkeys/added": "the same",
    "GET /cases/<case>/news": "no page: counts, asked for by the script. test_live_pages.py::"
    "test_news_come_in_counts_without_a_pull_and_without_content, test_nobody_else_learns_of_news",
    "GET /stay/left": "no page: seconds, asked for by the script. test_staying.py",
    "GET /stay/more": "the same",
    "GET /typed": "only where words could not be sent: test_kept_words.py::test_a_page_of_kept_words_is_text_only, "
    "tests/browser/test_stay_and_kept_words.py",
    "POST /typed/forget": "the same: test_kept_words.py::test_they_can_be_put_aside",
    "POST /typed/keep": "no page: the script hands words over. test_kept_words.py::"
    "test_a_script_hands_words_over_before_and_after_the_end",
    "POST /cases/<case>/drafts/send": "only where the hub was down: test_writing_pages.py::"
    "test_where_the_hub_is_down_pages_say_so_and_what_was_released_waits",
    "POST /cases/<case>/fragments/<name>/note/delete": "the adapter was given nothing of the invented case, so that no "
    "note of it is kept: test_picture_pages.py::test_a_note_is_its_writers_own",
    "GET /cases/<case>/upload/nothing": "for none of those in a file: test_intake_pages.py::"
    "test_nothing_is_kept_before_the_choice_nor_for_none_of_these",
    "POST /lock": "ends what the walk needs; its answer is a redirect",
    "POST /sign-out": "ends what the walk needs: walked last",
}
"""Routes that a walk need not come to, and why."""
_ENDING = ("/sign-out", "/lock")
_LATE = re.compile("aside|take-back|correct|remove|withdraw|discard|revoke|delete|end$|leave|release")
_TO_COME = re.compile("due|ends|until|convene|again")
"""Fields, or forms, whose day must not be over."""
_EMPTY = re.compile("Citizenship|Language|NumberOf|Country|itude$|^necessity$")
"""Fields of lists and numbers that may be left open, and why an objection is overridden: none is."""
WAYS = ("wrong", "right", "aside")
"""How forms are sent: as they should not be, as they should, and so by their last button where they have a further one.
"""
Write = Callable[[str], str]


@dataclass(frozen=True)
class Seen:
    """One answer of the site. ``name`` is the route and, of a form, how it was sent; ``who`` asked."""

    name: str
    path: str
    status: int
    page: str
    who: str = ""
    is_before_forms: bool = False
    """Whether no form was sent before it: what it shows is as it was found."""

    @property
    def key(self) -> str:
        """What is the same in another walk: who asked, the route, and the path without its ids."""
        return f"{self.who}: {self.name} {_shape(self.path)}"


@dataclass(frozen=True)
class Form:
    """A form as it stands on a page; ``fields`` are its controls in their order."""

    page: str
    action: str
    method: str
    fields: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    """Name, kind, value as it stands, and what may be chosen."""
    has_plain_button: bool = False
    """Whether a button without a name sends it."""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What tells it from other forms: where it leads, and the names of its fields."""
        return self.action, tuple(sorted({name for name, *_ in self.fields}))


@dataclass
class Walk:
    """One walk of somebody who has unlocked their key. ``write`` gives the words for a field by its name."""

    app: Flask
    browser: Browser
    write: Write
    passphrase: str
    seen: list[Seen] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)
    _looks: Counter[str] = field(default_factory=Counter)
    _forms: dict[tuple[str, tuple[str, ...]], Form] = field(default_factory=dict)
    _sent: set[tuple[tuple[str, tuple[str, ...]], str]] = field(default_factory=set)

    def start(self, *paths: str) -> list[Seen]:
        """Go everywhere from these pages, and return what was seen in order."""
        self._go(list(paths))
        self.seen = [replace(item, is_before_forms=True) for item in self.seen]
        while any(self._waiting(how) for how in WAYS):
            for how in WAYS:
                while forms := self._waiting(how):
                    # One at a time: what it leads to may come before what is sent late.
                    self._sent.add((forms[0].key, how))
                    self._go(self._look(forms[0], how, self._send(forms[0], how)))
        return self.seen

    def name_of(self, method: str, path: str) -> str:
        """Return the route that answers a path."""
        try:
            rule, _ = self.app.url_map.bind("").match(path.partition("?")[0], method=method, return_rule=True)
        except HTTPException:
            return f"{method} (none)"
        return f"{method} {rule.rule}"

    # --- pages ---

    def _go(self, paths: list[str]) -> None:
        while paths and len(self._asked) < MOST_PAGES:
            path = paths.pop(0)
            name, shape = self.name_of("GET", path), _shape(path)
            is_enough = self._counts[name] >= PER_RULE or self._counts[shape] >= PER_SHAPE
            if path in self._asked or is_enough or TEST_SIGN_IN in path:
                continue
            self._asked.add(path)
            self._counts.update((name, shape))
            paths.extend(self._take(name, path, self.browser.get(path)))

    def _look(self, form: Form, how: str, led: tuple[bool, list[str]]) -> list[str]:
        """Look again at where a form has led, and return where that leads."""
        is_elsewhere, paths = led
        if not is_elsewhere or not paths[0]:
            return paths
        (path,) = paths
        key = f"{self.name_of(form.method, form.action)} ({how}) {_shape(path)}"
        self._looks[key] += 1
        if self._looks[key] > PER_LOOK:
            return paths
        self._asked.add(path)
        return self._take(self.name_of("GET", path), path, self.browser.get(path))

    def _take(self, name: str, path: str, answer: Any) -> list[str]:
        """Note an answer; return where it leads."""
        if 300 <= answer.status_code < 400:
            self.seen.append(Seen(name, path, answer.status_code, ""))
            return [_ours(path, answer.headers["Location"])]
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        self.seen.append(Seen(name, path, answer.status_code, answer.text if is_page else ""))
        if not is_page or not answer.text:
            return []
        tree = _read(answer.text)
        for form in _forms_of(tree, path):
            if not form.action.startswith(_ENDING):
                self._forms.setdefault((self.name_of(form.method, form.action), form.key[1]), form)
        return [_ours(path, link) for link in tree.xpath("//a/@href") if _ours(path, link)]

    # --- forms ---

    def _waiting(self, how: str) -> list[Form]:
        times = Counter((_shape(key[0]), way) for key, way in self._sent)
        listed = [
            form
            for form in self._forms.values()
            if (form.key, how) not in self._sent
            and times[_shape(form.action), how] < PER_FORM
            and (how != "aside" or (form.has_plain_button and any(kind == "button" for _, kind, *_ in form.fields)))
        ]
        return sorted(listed, key=lambda form: bool(_LATE.search(form.action)))[: MOST_FORMS - len(self._sent)]

    def _send(self, form: Form, how: str) -> tuple[bool, list[str]]:
        """Send a form; return whether it led elsewhere, and where."""
        fresh = self._again(form)
        pressed = [item for item in fresh.fields if item[1] == "button"]
        # Of several buttons the last one sends what was filled in; those before add another part or go back.
        is_last = how == "aside" or (how == "right" and not fresh.has_plain_button)
        pressed = pressed[-1:] if is_last else pressed[:1] if how == "wrong" else []
        fields = [item for item in fresh.fields if item[1] != "button"]
        filling = "wrong" if how == "wrong" else "right"
        filled = [pair for item in fields for pair in self._fill(item, filling, form.action)]
        filled += [(name, value) for name, _, value, _ in pressed]
        name = f"{self.name_of(form.method, form.action)} ({how})"
        if form.method == "GET":
            path = f"{fresh.action.partition('?')[0]}?{urlencode([(key, str(value)) for key, value in filled])}"
            return False, self._take(name, path, self.browser.get(path))
        data: MultiDict[str, Any] = MultiDict(_only_first_of_radios(filled))
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        answer = self.browser.client.post(fresh.action, base_url=ORIGIN, data=data, headers=headers)
        return 300 <= answer.status_code < 400, self._take(name, form.action, answer)

    def _again(self, form: Form) -> Form:
        """Load the page of a form again: its token may have changed. What came of a form stays as it is."""
        answer = self.browser.get(form.page)
        if 300 <= answer.status_code < 400:
            # The case is to be opened first.
            self.browser.get(_ours(form.page, answer.headers["Location"]))
            answer = self.browser.get(form.page)
        if answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
            return form
        tree = _read(answer.text)
        token = tree.xpath("//input[@name='form_token']/@value")
        found = next((one for one in _forms_of(tree, form.page) if one.key == form.key), form)
        fields = [
            (name, kind, token[0] if name == "form_token" and token else value, choices)
            for name, kind, value, choices in found.fields
        ]
        return Form(form.page, found.action, found.method, tuple(fields), found.has_plain_button)

    def _fill(self, item: tuple[str, str, str, tuple[str, ...]], how: str, action: str) -> list[tuple[str, Any]]:
        name, kind, value, choices = item
        if kind == "hidden" and name not in ("answer",):
            return [(name, value)]
        if kind == "password":
            return [(name, self.passphrase if how == "right" else _sent(self.write(name)))]
        if kind == "file" and how == "right":
            return [(name, (_case_list(_sent(self.write(name))), f"{_sent(self.write(name))}.csv"))]
        if kind == "file":
            return [(name, (io.BytesIO(_sent(self.write(name)).encode()), _sent(self.write(name))))]
        if kind in ("radio", "checkbox"):
            # A record of the invented case is none that the adapter holds: it is not ticked.
            is_record = re.fullmatch("[0-9a-f]{32}", value) and "draft" not in name
            # Nobody in the scene objects, so that whoever overrides an objection is not let through.
            is_refused = name == "override" and value
            return [(name, value)] if how == "right" and not is_record and not is_refused else []
        if kind == "select":
            chosen = [one for one in choices if one]
            return [(name, chosen[0])] if chosen and how == "right" else []
        if how == "right" and kind in ("date", "number", "time", "datetime-local"):
            return [(name, {"date": "2026-01-02", "number": "1", "time": "10:00"}.get(kind, "2026-01-02T10:00"))]
        if how == "right" and _EMPTY.search(name):
            return [(name, "")]
        if how == "right" and name.endswith("_at"):
            return [(name, "14:30")]
        dated = re.search(r"(day|month|year)$", name)
        if how == "right" and dated:
            week = timedelta(days=7 if _TO_COME.search(f"{action} {name}") else -7)
            return [(name, str(getattr(now() + week, dated[1])))]
        return [(name, _sent(self.write(name)))]


def all_routes(app: Flask) -> set[str]:
    """Return every route as a walk names it."""
    return {f"{method} {rule}" for method, rule, _ in routes(app) if rule != TEST_SIGN_IN}


def come_to(seen: list[Seen]) -> set[str]:
    """Return the routes that a walk has come to, without those that only said that something is not there."""
    return {re.sub(r" \((wrong|right|aside)\)$", "", item.name) for item in seen if item.status != NOT_FOUND}


def _sent(words: str) -> str:
    """Return words as a browser sends them: half of a character becomes the mark for one that is none."""
    return words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _case_list(words: str) -> io.BytesIO:
    """Return a file of one invented child, of whom these words are said."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADINGS.split(","), ["Juniper", words[:200], "2011-05-17", "", "", words]])
    return io.BytesIO(text.getvalue().encode())


def _shape(path: str) -> str:
    """Return a path with its ids and the values of its query taken out."""
    return re.sub(r"=[^&]*", "", re.sub(r"[0-9a-f]{8,}|(?<=/)\d+", "#", path))


def _read(text: str) -> html.HtmlElement:
    return html.document_fromstring(text.replace("\x00", "").encode("utf-8", "replace"))


def _ours(page: str, link: str) -> str:
    """Return where a link leads on this site, without what stands after ``#``; empty where it leads elsewhere."""
    try:
        whole = urlsplit(urljoin(f"{ORIGIN}{page}", link))
    except ValueError:
        return ""
    if f"{whole.scheme}://{whole.netloc}" != ORIGIN:
        return ""
    return f"{whole.path}?{whole.query}" if whole.query else whole.path


def _forms_of(tree: html.HtmlElement, path: str) -> list[Form]:
    found = []
    for form in tree.xpath("//form"):
        action, method = _ours(path, form.get("action") or path), (form.get("method") or "get").upper()
        fields = tuple(_field(node) for node in form.xpath(".//input | .//select | .//textarea | .//button"))
        plain = bool(form.xpath(".//button[not(@name or @formaction) and not(@type='button')]"))
        found.append(Form(path, action, method, tuple(item for item in fields if item[0]), plain))
        unpressed = tuple(item for item in fields if item[0] and item[1] != "button")
        others = [_ours(path, other) for other in form.xpath(".//button/@formaction")]
        found += [Form(path, other, method, unpressed, has_plain_button=True) for other in others]
    return found


def _field(node: html.HtmlElement) -> tuple[str, str, str, tuple[str, ...]]:
    name = node.get("name") or ""
    if node.tag == "select":
        return name, "select", "", tuple(option.get("value", "") for option in node.xpath(".//option"))
    if node.tag == "textarea":
        return name, "textarea", "", ()
    if node.tag == "button":
        return name, "button", node.get("value") or "", ()
    return name, node.get("type", "text"), node.get("value") or "", ()


def _only_first_of_radios(filled: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    taken, kept = set(), []
    for name, value in filled:
        if isinstance(value, tuple) or name not in taken:
            kept.append((name, value))
        taken.add(name)
    return kept
