"""One new-case message as a document: its elements with their locators, their text as values, and what nobody read.

Reading a value marks its element as read; ``unread_findings`` names every element that was left, so that nothing of a
message is dropped without a line in the report.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from lxml import etree

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity, refuse_file
from adapters.sources.guards import MAX_CELL_CHARS
from adapters.sources.plausibility import parse_iso_date
from adapters.sources.police.envelope import BS7666, LIBRA, MAX_NAME_CHARS, local_name

MAX_ELEMENTS = 50_000
MAX_CHILDREN = 1_000
"""Of one element: comparing with the schema takes time by the square of the children that are out of place."""
MAX_RECORD_ELEMENTS = 1_000
"""Defendants, offences and victims of one message, together."""
MAX_MESSAGE_DEPTH = 24
"""The schema goes eight deep. Together with the cut of names this bounds the length of a locator."""

_RECORD_NAMES = frozenset(f"{{{LIBRA}}}{name}" for name in ("Case", "Defendant", "Offence", "OtherPartyVictim"))
_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})$")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_YEAR = re.compile(r"([0-9]{4})(?:Z|[+-][0-9]{2}:[0-9]{2})?")

# Known to the schema and without a field in a fragment. Anything else that is left unread is unknown.
UNMAPPED_NAMES = frozenset(
    {
        "Informant",
        "VehicleOperatorLicenceNumber",
        "DriverNumber",
        "DriverLicenceCode",
        "DriverLicenceIssue",
        "CounterpartIssue",
        "DXaddress",
        "FAXnumber",
    }
)


@dataclass(slots=True)
class Document:
    """A message below its root. ``paths`` holds every element (and so keeps it alive) with its locator."""

    root: etree._Element
    paths: dict[etree._Element, str]
    _read: set[etree._Element] = field(default_factory=set)

    @classmethod
    def index(cls, root: etree._Element, root_path: str) -> Document:
        """Give every element below ``root`` its locator.

        Raises ``SourceRefused``: ``too_large`` over ``MAX_ELEMENTS`` elements, ``MAX_CHILDREN`` in one of them or
        ``MAX_RECORD_ELEMENTS`` records, ``too_deep`` over ``MAX_MESSAGE_DEPTH``.
        """
        paths = {root: root_path}
        deepest = root_path.count("/") + MAX_MESSAGE_DEPTH
        records = 0
        for element in root.iter():
            _require_bounds(element, paths[element], deepest, len(paths))
            records += element.tag in _RECORD_NAMES
            numbers: Counter[str] = Counter()
            for child in element:
                name = local_name(child)[:MAX_NAME_CHARS]
                numbers[name] += 1
                paths[child] = f"{paths[element]}/{name}[{numbers[name]}]"
        if records > MAX_RECORD_ELEMENTS:
            raise refuse_file(
                FindingCode.TOO_LARGE,
                lazy_gettext(
                    "the message has %(count)s defendants, offences and victims, the limit is %(most)s",
                    count=records,
                    most=MAX_RECORD_ELEMENTS,
                ),
                root_path,
            )
        return cls(root, paths)

    def path(self, element: etree._Element) -> str:
        """Return an element's locator."""
        return self.paths[element]

    def child(self, parent: etree._Element | None, name: str, namespace: str = LIBRA) -> etree._Element | None:
        """Return the first child of that name, or None."""
        return None if parent is None else parent.find(f"{{{namespace}}}{name}")

    def children(self, parent: etree._Element, name: str) -> list[etree._Element]:
        """Return the children of that name in order."""
        return parent.findall(f"{{{LIBRA}}}{name}")

    def leave(self, element: etree._Element, keep: Iterable[etree._Element] = ()) -> None:
        """Mark an element and all below it as dealt with: it was left out on purpose and is reported elsewhere.

        What is below an element of ``keep`` is not marked.
        """
        kept = {item for top in keep for item in top.iter()}
        self._read.update(item for item in element.iter() if item not in kept)

    # Values

    def text(
        self,
        parent: etree._Element,
        name: str,
        notes: list[Finding],
        *,
        namespace: str = LIBRA,
        keep_lines: bool = False,
    ) -> Value:
        """Return a child's text: given, empty, or absent (then the locator is the parent's).

        Blanks and line ends around and inside are made single blanks (``keep_lines``: only those around go);
        ``as_written`` keeps the original where it differs. A text over ``MAX_CELL_CHARS`` is not read.
        """
        found = self.child(parent, name, namespace)
        if found is None:
            return Value(None, self.paths[parent], ValueState.ABSENT)
        return self.own_text(found, notes, keep_lines=keep_lines)

    def own_text(self, element: etree._Element, notes: list[Finding], *, keep_lines: bool = False) -> Value:
        """Return an element's own text, as ``text`` does."""
        self._read.add(element)
        raw, path = element.text or "", self.paths[element]
        if len(raw) > MAX_CELL_CHARS:
            notes.append(
                Finding(
                    FindingCode.TOO_LARGE,
                    Severity.REFUSE_VALUE,
                    lazy_gettext(
                        "the text has %(count)s characters, the limit is %(most)s; it was not read",
                        count=len(raw),
                        most=MAX_CELL_CHARS,
                    ),
                    path,
                )
            )
            return Value(None, path, ValueState.UNREADABLE)
        value = raw.strip() if keep_lines else " ".join(raw.split())
        if not value:
            return Value(None, path, ValueState.EMPTY)
        return Value(value, path, as_written=raw if raw != value else None)

    def code(
        self,
        parent: etree._Element,
        name: str,
        scheme: str,
        form: str,
        notes: list[Finding],
        meanings: dict[str, str] | None = None,
    ) -> Value:
        """Return a coded child: ``form`` is the pattern of a code, ``meanings`` its list where it is known.

        Another code is kept as written with state ``unreadable`` and an ``unknown_code`` finding.
        """
        value = self.text(parent, name, notes)
        if value.state is not ValueState.GIVEN:
            return value
        code = str(value.value)
        if re.fullmatch(form, code, re.ASCII) is None or (meanings is not None and code not in meanings):
            message = _unknown_code(name, repr(code[:MAX_NAME_CHARS]), form, meanings)
            notes.append(Finding(FindingCode.UNKNOWN_CODE, Severity.REFUSE_VALUE, message, value.locator))
            return _unreadable(value)
        meaning = code if meanings is None else meanings[code]
        return Value(meaning, value.locator, as_written=value.as_written, code=code, scheme=scheme)

    def day(self, parent: etree._Element, name: str, notes: list[Finding]) -> tuple[Value, date | None]:
        """Return a date as text and as a date. A zone behind it is dropped from the value and kept as written."""
        value = self.text(parent, name, notes)
        if value.state is not ValueState.GIVEN:
            return value, None
        written = str(value.value)
        parsed = parse_iso_date(_ZONE.sub("", written))
        if parsed is None:
            notes.append(_bad(name, lazy_gettext("a date, YYYY-MM-DD"), value.locator))
            return _unreadable(value), None
        return _rewritten(value, parsed.isoformat()), parsed

    def year(self, parent: etree._Element, name: str, notes: list[Finding]) -> Value:
        """Return a year of four digits."""
        value = self.text(parent, name, notes)
        if value.state is not ValueState.GIVEN:
            return value
        found = _YEAR.fullmatch(str(value.value))
        if found is None:
            notes.append(_bad(name, lazy_gettext("a year of four digits"), value.locator))
            return _unreadable(value)
        return _rewritten(value, found[1])

    def time(self, parent: etree._Element, name: str, notes: list[Finding]) -> Value:
        """Return a time of day with the zone it was written with."""
        value = self.text(parent, name, notes)
        if value.state is ValueState.GIVEN and _TIME.fullmatch(str(value.value)) is None:
            notes.append(_bad(name, lazy_gettext("a time, hh:mm:ss"), value.locator))
            return _unreadable(value)
        return value

    # What is left

    def unread_findings(self) -> list[Finding]:
        """Return a warning for every text that is not in an element, and for every element that nobody read."""
        return [*self._stray_texts(), *self._unread_elements()]

    def _stray_texts(self) -> Iterable[Finding]:
        for element, path in self.paths.items():
            has_tail = element is not self.root and (element.tail or "").strip()
            if has_tail or (len(element) and element not in self._read and (element.text or "").strip()):
                yield Finding(FindingCode.STRAY_TEXT, Severity.WARN, _BEHIND if has_tail else _INSIDE, path)

    def _unread_elements(self) -> Iterable[Finding]:
        for element, path in self.paths.items():
            if len(element) or element in self._read or not (element.text or "").strip():
                continue
            name = local_name(element)
            if name in UNMAPPED_NAMES and etree.QName(element).namespace == LIBRA:
                code, why = FindingCode.NOT_MAPPED, lazy_gettext("no field of a fragment takes it")
            elif etree.QName(element).namespace in (LIBRA, BS7666):
                code, why = FindingCode.UNKNOWN_BLOCK, _OUT_OF_PLACE
            else:
                code, why = FindingCode.UNKNOWN_BLOCK, lazy_gettext("its namespace is not one of this message")
            said = lazy_gettext("%(name)s was not read: %(why)s", name=name[:MAX_NAME_CHARS], why=why)
            yield Finding(code, Severity.WARN, said, path)


_BEHIND = lazy_gettext("there is text between elements, behind this one; it was not read")
_INSIDE = lazy_gettext("there is text between elements, in this one; it was not read")
_OUT_OF_PLACE = lazy_gettext("it is unknown, stands twice or stands at another place")


def _require_bounds(element: etree._Element, path: str, deepest: int, count: int) -> None:
    if path.count("/") > deepest:
        raise refuse_file(
            FindingCode.TOO_DEEP,
            lazy_gettext("the elements of the message are nested more than %(most)s deep", most=str(MAX_MESSAGE_DEPTH)),
            path,
        )
    if count > MAX_ELEMENTS or len(element) > MAX_CHILDREN:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext(
                "the message has more than %(most)s elements, or more than %(children)s in one of them; "
                "export one case a file",
                most=MAX_ELEMENTS,
                children=MAX_CHILDREN,
            ),
            path,
        )


def _unreadable(value: Value) -> Value:
    return Value(None, value.locator, ValueState.UNREADABLE, as_written=value.as_written or str(value.value))


def _rewritten(value: Value, text: str) -> Value:
    written = value.as_written or str(value.value)
    return Value(text, value.locator, as_written=written if written != text else None)


def _unknown_code(name: str, code: str, form: str, meanings: dict[str, str] | None) -> Sentence:
    if meanings is None:
        return lazy_gettext(
            "%(name)s has the code %(code)s, expected the form %(form)s; it is kept as written and not used",
            name=name,
            code=code,
            form=form,
        )
    return lazy_gettext(
        "%(name)s has the code %(code)s, expected one of %(listed)s; it is kept as written and not used",
        name=name,
        code=code,
        listed=", ".join(meanings),
    )


def _bad(name: str, expected: Sentence, locator: str) -> Finding:
    message = lazy_gettext(
        "%(name)s cannot be read, expected %(wanted)s; it is kept as written and not used", name=name, wanted=expected
    )
    return Finding(FindingCode.BAD_DATE, Severity.REFUSE_VALUE, message, locator)
