"""Who is in a case: defendants, victims, their parents or guardians; and which of them is the child asked for.

A case message speaks of several people. Fragments are about one of them, so every part of the message is first given to
the party it is about; what is about the others stays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lxml import etree

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding
from adapters.sources.identifiers import check_asn, check_pnc_id
from adapters.sources.police.document import Document
from adapters.sources.police.envelope import local_name
from adapters.sources.subject import Subject, normalise_name

GIVEN_NAMES = ("PersonGivenName1", "PersonGivenName2", "PersonGivenName3")


class PartyRole(StrEnum):
    """What a person is in the case."""

    DEFENDANT = "defendant"
    VICTIM = "victim"
    GUARDIAN = "parent or guardian"


ROLE_WORDS: Mapping[PartyRole, Sentence] = {
    PartyRole.DEFENDANT: lazy_gettext("defendant"),
    PartyRole.VICTIM: lazy_gettext("victim"),
    PartyRole.GUARDIAN: lazy_gettext("parent or guardian"),
}
"""A role in what is said of a message; what is kept of a record has the role itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """One person of a case and where the message speaks of them.

    ``name`` holds the parts of the name, ``details`` telephone, e-mail, birth date and sex; both fall back to the
    element around them where the message leaves them out. ``identifiers`` are canonical and only those that may be
    used to match.
    """

    role: PartyRole
    key: str
    element: etree._Element
    details: etree._Element
    name: etree._Element
    first_name: str | None
    family_name: str | None
    birth_date: str | None
    is_person: bool
    identifiers: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[tuple[str | None, str | None], ...] = ()
    reference: etree._Element | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Who of a case is the child asked for. ``has_several``: several people fit and a person must choose."""

    parties: tuple[Party, ...]
    has_several: bool = False


def signature(element: etree._Element) -> tuple[tuple[str, str], ...]:
    """Return what an element says, whatever its blanks and prefixes: two of one signature are the same record."""
    return tuple((local_name(item), " ".join((item.text or "").split())) for item in element.iter())


def read_defendant(doc: Document, defendant: etree._Element, key: str, year: int) -> Party | None:
    """Return the person of a Defendant element; None where it names an organisation only. ``year``: the present."""
    person = doc.child(defendant, "PoliceIndividualDefendant")
    if person is None:
        return None
    base = doc.child(person, "PersonDefendant")
    details = doc.child(base, "BasePersonDetails")
    if details is None:
        details = person if base is None else base
    found = {
        "asn": check_asn(_plain(doc, defendant, "ProsecutorReference") or ""),
        "pnc_id": check_pnc_id(_plain(doc, person if base is None else base, "PNCidentifier") or "", present_year=year),
        "cro": _plain(doc, person, "CROnumber"),
    }
    party = _read(doc, PartyRole.DEFENDANT, key, person, details, "PersonName")
    perceived = doc.year(person, "PerceivedBirthYear", []).value
    identifiers = {key: text for key, text in found.items() if text}
    return replace(
        party,
        identifiers=identifiers,
        birth_date=party.birth_date or (str(perceived) if perceived else None),
        is_person=party.is_person or bool(identifiers),
        aliases=tuple(_names(doc, alias) for alias in doc.children(person, "Alias")),
        reference=defendant,
    )


def read_guardian(doc: Document, defendant: Party) -> Party | None:
    """Return the parent or guardian of a defendant, where the message has one."""
    element = doc.child(defendant.element, "ParentGuardianDetails")
    if element is None:
        return None
    details = doc.child(element, "BasePersonDetails")
    key = f"{defendant.key}-guardian"
    return _read(doc, PartyRole.GUARDIAN, key, element, element if details is None else details, "PersonName")


def read_victim(doc: Document, element: etree._Element, key: str) -> Party:
    """Return a victim of an offence."""
    return _read(doc, PartyRole.VICTIM, key, element, element, "PersonDetails")


def _read(
    doc: Document, role: PartyRole, key: str, element: etree._Element, details: etree._Element, name_tag: str
) -> Party:
    found = doc.child(details, name_tag)
    name = details if found is None else found
    first, family = _names(doc, name)
    notes: list[Finding] = []
    birth = doc.day(details, "Birthdate", notes)[1]
    has_sex = _plain(doc, details, "Gender") is not None
    return Party(
        role=role,
        key=key,
        element=element,
        details=details,
        name=name,
        first_name=first,
        family_name=family,
        birth_date=birth.isoformat() if birth else None,
        is_person=bool(first or family or birth or has_sex),
    )


def _names(doc: Document, name: etree._Element) -> tuple[str | None, str | None]:
    return _plain(doc, name, GIVEN_NAMES[0]), _plain(doc, name, "PersonFamilyName")


def _plain(doc: Document, parent: etree._Element, name: str) -> str | None:
    value = doc.text(parent, name, [])
    return str(value.value) if value.state is ValueState.GIVEN else None


# Choosing


def choose(parties: Sequence[Party], case_reference: str | None, subject: Subject, year: int) -> Choice:
    """Return who of a case is the child asked for.

    The case reference names the case, not a person: where it is all that was asked with, it decides only when the case
    has one person beside guardians. Numbers that fail their check are not used. ``year`` is the present year.
    """
    asked_reference = subject.identifiers.get("case_reference")
    if asked_reference is not None and not _is_same(asked_reference, case_reference):
        return Choice(())
    asked = _usable(subject, year)
    if asked is not None:
        matching = tuple(party for party in parties if party.is_person and _is_match(asked, party))
    elif asked_reference is not None and set(subject.identifiers) == {"case_reference"}:
        matching = tuple(party for party in parties if party.is_person and party.role is not PartyRole.GUARDIAN)
    else:
        matching = ()
    return Choice(matching, has_several=_are_several(matching))


def _is_same(asked: str, found: str | None) -> bool:
    return found is not None and "".join(asked.split()).upper() == "".join(found.split()).upper()


def _usable(subject: Subject, year: int) -> Subject | None:
    """Return the subject with the identifiers that name a person of this format, canonical; None: nothing is left."""
    given = subject.identifiers
    found = {
        "asn": check_asn(given.get("asn", "").strip()),
        "pnc_id": check_pnc_id(given.get("pnc_id", "").strip(), present_year=year),
        "cro": given.get("cro", "").strip(),
    }
    identifiers = {key: text for key, text in found.items() if text}
    if not identifiers and not (subject.family_name and subject.birth_date):
        return None
    return replace(subject, identifiers=identifiers)


def _is_match(subject: Subject, party: Party) -> bool:
    names = [(party.first_name, party.family_name), *party.aliases]
    return any(
        subject.is_match(party.identifiers, first_name=first, family_name=family, birth_date=party.birth_date)
        for first, family in names
    )


def _are_several(parties: Iterable[Party]) -> bool:
    """Whether people who fit are not one person: names, birth dates or person numbers differ."""
    seen = list(parties)
    names = {(normalise_name(party.first_name or ""), normalise_name(party.family_name or "")) for party in seen}
    births = {party.birth_date for party in seen}
    numbers = [{party.identifiers[key] for party in seen if key in party.identifiers} for key in ("pnc_id", "cro")]
    return len(names) > 1 or len(births) > 1 or any(len(found) > 1 for found in numbers)


def case_reference(doc: Document, case: etree._Element) -> Value:
    """Return the PTIURN, the police's reference of a case."""
    return doc.text(case, "PTIURN", [])
