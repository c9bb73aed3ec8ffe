"""Reading what another agency sealed: every shape is possible, so everything is checked and nothing is believed.

A content is what ``DraftFragment.to_content`` or ``adapters.release.authored`` make. Parts that are not of that form
become notes for the gaps section; they never stop the picture and never vanish without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.picture.speech import lazy_gettext as _
from adapters.release.writing import SourceKind
from adapters.sources.draft import ValueState
from policies.vocabulary import Category

MAX_FIELDS = 2_000
MAX_ITEMS = 2_000
MAX_LOCATOR_CHARS = 500
MAX_CODE_CHARS = 200
_PREFIX = re.compile(r"^(?:hub|hte|prs|vic|cas|con|spl|org)_")
NO_SUMMARY = _("No summary was sealed with this fragment")

_ADDRESS_PARTS = ("MailingStreet", "MailingCity", "MailingState", "MailingPostalCode")
_ADDRESS_FIELDS = frozenset({"prs_MailingStreet", "prs_MailingPostalCode"})
CHILD_ACCOUNT_CATEGORIES = frozenset({Category.WISHES_AND_FEELINGS})


@dataclass(frozen=True, slots=True)
class ReadValue:
    """One value as sealed. ``name`` is the field, or ``field.part`` inside a repeated group."""

    name: str
    state: ValueState
    value: str | int | bool | None
    locator: str
    as_written: str | None = None
    code: str | None = None
    scheme: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether the source says something here: empty, absent and withheld are other states."""
        return self.state is ValueState.GIVEN and (self.value is not None or self.code is not None)

    @property
    def text(self) -> str:
        """The value in words, as it stands in the record; empty where none is given."""
        if not self.is_given:
            return ""
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        return str(self.value) if self.value is not None else str(self.code)

    @property
    def is_verbatim(self) -> bool:
        """Whether the text stands like this in the source."""
        return self.is_given and isinstance(self.value, str) and self.as_written in (None, self.value)

    def says(self, *terms: str) -> str | None:
        """Return the first of these terms that the value or its code is, or None."""
        return next((term for term in terms if term in (self.value, self.code)), None)


Group = Mapping[str, tuple[ReadValue, ...]]


@dataclass(frozen=True, slots=True)
class ReadContent:
    """A content that has been read. ``notes`` say what was not of the agreed form, without repeating it."""

    summary: str
    singles: Mapping[str, tuple[ReadValue, ...]]
    groups: Mapping[str, tuple[Group, ...]]
    observed_from: str | None
    observed_to: str | None
    extracted_at: str | None
    author_role: str | None
    source_kind: SourceKind
    source_locator: str
    system: str | None
    is_authored: bool
    """Whether a person wrote it in a form; else a reader program made it of a record."""
    is_restricted: bool
    findings: tuple[str, ...]
    derived_from: tuple[str, ...]
    notes: tuple[str, ...]

    def all(self, name: str) -> tuple[ReadValue, ...]:
        """Return every value of a field, in order, whatever its state."""
        return self.singles.get(name, ())

    def given(self, name: str) -> tuple[ReadValue, ...]:
        """Return the values of a field that say something."""
        return tuple(item for item in self.all(name) if item.is_given)

    def find(self, name: str) -> ReadValue | None:
        """Return the first value of a field that says something, or None."""
        return next(iter(self.given(name)), None)

    def text(self, name: str) -> str:
        """Return the text of the first value that says something, or an empty text."""
        found = self.find(name)
        return "" if found is None else found.text

    def parts(self, name: str) -> tuple[Group, ...]:
        """Return the groups of a repeated field. A plain value counts as a group with the one part ``value``."""
        plain = tuple({"value": (item,)} for item in self.all(name))
        return (*self.groups.get(name, ()), *plain)

    def walk(self) -> Iterator[ReadValue]:
        """Go through every value, those inside groups included."""
        for values in self.singles.values():
            yield from values
        for groups in self.groups.values():
            for group in groups:
                for values in group.values():
                    yield from values


def find_part(group: Group, *names: str) -> ReadValue | None:
    """Return the first part with one of these names that says something; ``date`` and ``hte_Date`` are one name."""
    for name in names:
        for key, values in group.items():
            if _PREFIX.sub("", key).casefold() == name.casefold():
                found = next((item for item in values if item.is_given), None)
                if found is not None:
                    return found
    return None


def read_content(content: object, category: Category) -> ReadContent:
    """Read a sealed content. Never raises on its shape: what cannot be read is noted."""
    notes: list[str] = []
    if not isinstance(content, Mapping):
        notes.append(_("its content is not an object; nothing in it could be read"))
        content = {}
    if content.get("kind") not in (None, category.value):
        notes.append(_("its sealed kind is not the category in its header; the header counts"))
    singles: dict[str, tuple[ReadValue, ...]] = {}
    groups: dict[str, tuple[Group, ...]] = {}
    fields = content.get("fields")
    if not isinstance(fields, Mapping):
        if fields is not None:
            notes.append(_("its fields are not an object and were not read"))
        fields = {}
    if len(fields) > MAX_FIELDS:
        notes.append(_("it has %(num)s fields; only the first %(read)s were read", num=len(fields), read=MAX_FIELDS))
    for name, item in list(fields.items())[:MAX_FIELDS]:
        _read_field(str(name)[:MAX_CODE_CHARS], item, singles, groups, notes)
    observed = _mapping(content.get("observed"))
    source = _mapping(content.get("source"))
    summary = content.get("summary")
    return ReadContent(
        summary=summary.strip() if isinstance(summary, str) and summary.strip() else NO_SUMMARY,
        singles=singles,
        groups=groups,
        observed_from=_short(observed.get("from")),
        observed_to=_short(observed.get("to")),
        extracted_at=_short(source.get("extracted_at")),
        author_role=_short(source.get("author_role")),
        source_kind=_source_kind(source, category),
        source_locator=_short(source.get("locator")) or "",
        system=_short(source.get("system")),
        is_authored=source.get("format") == "authored",
        is_restricted=content.get("restricted") is True,
        findings=_findings(content.get("findings")),
        derived_from=_texts(content.get("derived_from")),
        notes=tuple(dict.fromkeys(notes)),
    )


def _read_field(
    name: str,
    item: object,
    singles: dict[str, tuple[ReadValue, ...]],
    groups: dict[str, tuple[Group, ...]],
    notes: list[str],
) -> None:
    entries = item if isinstance(item, list) else [item]
    if len(entries) > MAX_ITEMS:
        notes.append(
            _(
                "one of its fields has %(num)s values; only the first %(read)s were read",
                num=len(entries),
                read=MAX_ITEMS,
            )
        )
    values: list[ReadValue] = []
    grouped: list[Group] = []
    for entry in entries[:MAX_ITEMS]:
        value = _read_value(name, entry)
        if value is not None:
            values.append(value)
        elif isinstance(entry, Mapping):
            grouped.append(_read_group(name, entry, notes))
        else:
            notes.append(_("one of its values is not of the agreed form and was not read"))
    if values:
        singles[name] = tuple(values)
    if grouped:
        groups[name] = tuple(grouped)


def _read_group(name: str, entry: Mapping[Any, Any], notes: list[str]) -> Group:
    parts: dict[str, tuple[ReadValue, ...]] = {}
    for part, item in list(entry.items())[:MAX_FIELDS]:
        entries = item if isinstance(item, list) else [item]
        read = [_read_value(f"{name}.{str(part)[:MAX_CODE_CHARS]}", one) for one in entries[:MAX_ITEMS]]
        if None in read:
            notes.append(_("one of its values is not of the agreed form and was not read"))
        parts[str(part)[:MAX_CODE_CHARS]] = tuple(one for one in read if one is not None)
    return parts


def _read_value(name: str, entry: object) -> ReadValue | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("state"), str) or "locator" not in entry:
        return None
    value = entry.get("value")
    try:
        state = ValueState(entry["state"])
    except ValueError:
        return None
    if not isinstance(value, str | int | bool | None):
        return None
    return ReadValue(
        name=name,
        state=state,
        value=value,
        locator=_short(entry.get("locator")) or "",
        as_written=entry["as_written"] if isinstance(entry.get("as_written"), str) else None,
        code=_short(entry.get("code")),
        scheme=_short(entry.get("scheme")),
    )


def _source_kind(source: Mapping[Any, Any], category: Category) -> SourceKind:
    try:
        return SourceKind(str(source.get("source_kind")))
    except ValueError:
        if category in CHILD_ACCOUNT_CATEGORIES:
            return SourceKind.CHILD_ACCOUNT
        return SourceKind.DOCUMENT if category is Category.DOCUMENT else SourceKind.RECORD


def _mapping(item: object) -> Mapping[Any, Any]:
    return item if isinstance(item, Mapping) else {}


def _short(item: object) -> str | None:
    return item[:MAX_LOCATOR_CHARS] if isinstance(item, str) and item else None


def _texts(item: object) -> tuple[str, ...]:
    return tuple(one for one in item[:MAX_ITEMS] if isinstance(one, str)) if isinstance(item, list) else ()


def _findings(item: object) -> tuple[str, ...]:
    if not isinstance(item, list):
        return ()
    messages = [_mapping(one).get("message") for one in item[:MAX_ITEMS]]
    return tuple(message for message in messages if isinstance(message, str))


def read_address(content: ReadContent) -> str:
    """Return the addresses that a contact record gives, that there is none, or that one is withheld; else nothing."""
    told = []
    for group in (content.singles, *(group for found in content.groups.values() for group in found)):
        parts = [find_part(group, name) for name in _ADDRESS_PARTS]
        text = ", ".join(part.text for part in parts if part is not None)
        homeless = find_part(group, "NoFixedAbode")
        if text:
            told.append(text)
        elif homeless is not None and homeless.value is True:
            told.append("no fixed abode")
        elif any(item.state is ValueState.WITHHELD for name in _ADDRESS_FIELDS for item in group.get(name, ())):
            told.append("an address is on record and is withheld in its source")
    return "; ".join(dict.fromkeys(told))
