"""The people in what a reader read, so that somebody can say which of them is the child; and their records alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.matching import Described
from adapters.picture.content import ReadContent, find_part, read_content
from adapters.sources.draft import DraftFragment, ReadReport, Value, ValueState
from adapters.sources.subject import Subject
from policies.vocabulary import Category

IDENTIFIER_FIELDS: Mapping[str, str] = {
    "hub_LAChildID": "la_child_id",
    "hub_NHSNumber": "nhs_number",
    "hub_UPN": "upn",
    "hub_PNCID": "pnc_id",
    "hub_ASN": "asn",
    "hub_CRO": "cro",
}
"""Fields of identity records to the identifiers by which ``Subject`` asks."""
_KEYED_FORMATS: Mapping[str, str] = {"htcds-xlsx": "row", "htcds-csv": "row", "ssda903-csv": "la_child_id"}
"""Formats whose own key of a person is an identifier: also where no identity record stands beside it."""


@dataclass(frozen=True, slots=True)
class FilePerson:
    """One person in a file. ``about``: the file's own key; ``records``: how many became drafts. ``repr`` shows none."""

    about: str = field(repr=False)
    described: Described = field(repr=False)
    records: int
    subject: Subject | None = field(repr=False)
    """How the readers are asked for this person alone; None: the file says too little of them for that."""


def describe(contents: Iterable[ReadContent]) -> Described:
    """Return how identity records, already read, describe somebody."""
    identifiers: dict[str, set[str]] = {}
    first: set[str] = set()
    family: set[str] = set()
    born: set[str] = set()
    for content in contents:
        for name, key in IDENTIFIER_FIELDS.items():
            for value in content.given(name):
                identifiers.setdefault(key, set()).add(value.text)
        for name, texts in (("prs_FirstName", first), ("prs_SecondName", family), ("prs_Birthdate", born)):
            texts.update(value.text for value in content.given(name))
        for group in content.groups.get("hub_Alias", ()):
            for part, texts in (("FirstName", first), ("SecondName", family)):
                found = find_part(group, part)
                if found is not None:
                    texts.add(found.text)
    return Described(
        {key: frozenset(values) for key, values in identifiers.items()},
        frozenset(first),
        frozenset(family),
        frozenset(born),
    )


def people_in(report: ReadReport) -> list[FilePerson]:
    """Return the people whose records a report holds, in the order of the file."""
    grouped: dict[str, list[DraftFragment]] = {}
    for draft in report.drafts:
        grouped.setdefault(draft.about, []).append(draft)
    return [_person(about, drafts, report.format) for about, drafts in grouped.items()]


def records_of(report: ReadReport, person: FilePerson) -> list[DraftFragment]:
    """Return the drafts about one person out of a report that was read for them.

    Two people of a file may answer to the same name and birth date: then only those under this person's key count.
    """
    mine = [draft for draft in report.drafts if draft.about == person.about]
    return mine or list(report.drafts)


def _person(about: str, drafts: Sequence[DraftFragment], format_id: str) -> FilePerson:
    identity = [draft for draft in drafts if draft.category is Category.IDENTITY]
    described = describe(read_content(draft.to_content(), Category.IDENTITY) for draft in identity)
    key = _KEYED_FORMATS.get(format_id)
    if key is None:
        return FilePerson(about, described, len(drafts), _subject(identity))
    if key in IDENTIFIER_FIELDS.values():
        numbers = {**described.identifiers, key: described.identifiers.get(key, frozenset()) | {about}}
        described = replace(described, identifiers=numbers)
    return FilePerson(about, described, len(drafts), Subject({key: about}))


def _subject(identity: Sequence[DraftFragment]) -> Subject | None:
    # One of each, as the source has it first: a reader holds all that it has against what it is asked.
    found: dict[str, str] = {}
    for name, key in IDENTIFIER_FIELDS.items():
        text = _first(identity, name)
        if text is not None:
            found[key] = text
    first, family, born = (_first(identity, name) for name in ("prs_FirstName", "prs_SecondName", "prs_Birthdate"))
    if not found and not (family and born):
        return None
    return Subject(found, first, family, born)


def _first(identity: Sequence[DraftFragment], name: str) -> str | None:
    for draft in identity:
        item = draft.fields.get(name)
        listed = [item] if isinstance(item, Value) else list(item or ())
        for value in listed:
            if isinstance(value, Value) and value.state is ValueState.GIVEN and value.value is not None:
                return str(value.value)
    return None
