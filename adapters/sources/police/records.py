"""Take a case apart into records: each becomes exactly one fragment, a refusal, or is left out.

The list is the same whoever was asked for; each record names the people it is about and how it is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import DraftFragment
from adapters.sources.findings import Finding, FindingCode
from adapters.sources.police import contacts, offences, persons
from adapters.sources.police.case import CaseContext, warning
from adapters.sources.police.parties import (
    ROLE_WORDS,
    Party,
    PartyRole,
    read_defendant,
    read_guardian,
    read_victim,
    signature,
)
from adapters.sources.police.privacy import OthersInText

Builder = Callable[[Party | None], DraftFragment | Finding]
"""Takes the party asked for (None: everybody is read); returns the draft, or the reason why there is none."""


_ONE_DEFENDANT = lazy_gettext("this defendant")
_ONE_OFFENCE = lazy_gettext("this offence of one defendant")
_ONE_VICTIM = lazy_gettext("this victim of one offence")


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``parties`` are the people whose record it is; nobody's, where it is an organisation's."""

    parties: tuple[Party, ...]
    locator: str
    build: Builder


@dataclass(slots=True)
class CaseRecords:
    """The records of a case, its people, and what stood in it twice. ``guardians`` go by the defendant's key."""

    records: list[Record] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    guardians: dict[str, Party] = field(default_factory=dict)
    duplicates: list[Finding] = field(default_factory=list)


def list_records(context: CaseContext, case_number: int) -> CaseRecords:
    """Return every record of a case. Nothing is mapped yet: a record's ``build`` does that."""
    listing = _Listing(context, f"case-{case_number}")
    listing.find_parties()
    listing.others = OthersInText.of(context.doc, listing.found.parties)
    for defendant, party in listing.defendants:
        listing.add_defendant(defendant, party)
        for element in context.doc.children(defendant, "Offence"):
            listing.add_offence(element, defendant, party)
    for element in context.doc.children(context.case, "OtherPartyOfficerInCase"):
        listing.add_officer(element)
    return listing.found


class _Listing:
    """The state of one walk through a case."""

    def __init__(self, context: CaseContext, key: str) -> None:
        self.context = context
        self.key = key
        self.found = CaseRecords()
        self.others = OthersInText(())
        self.defendants: list[tuple[etree._Element, Party | None]] = []
        self.victims: dict[tuple[tuple[str, str], ...], Party] = {}
        self.seen: set[tuple[str, object]] = set()

    def find_parties(self) -> None:
        """Find everybody before anything is mapped: a text must be checked against all of them."""
        doc, year = self.context.doc, self.context.today.year
        for defendant in doc.children(self.context.case, "Defendant"):
            if self._is_repeated("defendant", signature(defendant), defendant, _ONE_DEFENDANT):
                continue
            party = read_defendant(doc, defendant, f"{self.key}/defendant-{len(self.defendants) + 1}", year)
            self.defendants.append((defendant, party))
            if party is not None:
                self.found.parties.append(party)
                guardian = read_guardian(doc, party)
                if guardian is not None:
                    self.found.guardians[party.key] = guardian
                    self.found.parties.append(guardian)
            for element in doc.children(defendant, "Offence"):
                for victim in doc.children(element, "OtherPartyVictim"):
                    self._find_victim(victim)

    def _find_victim(self, element: etree._Element) -> None:
        said = signature(element)
        if said not in self.victims:
            victim = read_victim(self.context.doc, element, f"{self.key}/victim-{len(self.victims) + 1}")
            self.victims[said] = victim
            self.found.parties.append(victim)

    def add_defendant(self, defendant: etree._Element, party: Party | None) -> None:
        """Add the records of who a defendant is."""
        context, doc = self.context, self.context.doc
        organisation = doc.child(defendant, "PoliceCorporateDefendant")
        if organisation is not None:
            doc.leave(organisation)
            message = lazy_gettext("a defendant is an organisation, of which no fragment is made")
            self._add_refused((), organisation, FindingCode.NOT_THE_SUBJECT, message)
        if party is None:
            if organisation is None:
                self._add_refused((), defendant, FindingCode.SCHEMA_ERROR, lazy_gettext("a Defendant names nobody"))
            return
        self._add_person(party)
        guardian = self.found.guardians.get(party.key)
        if guardian is not None:

            def build(subject: Party | None) -> DraftFragment | Finding:
                return persons.guardian(context, guardian, party, is_subject=subject is guardian)

            self._add((party, guardian), guardian.element, build)

    def _add_person(self, party: Party) -> None:
        context, doc = self.context, self.context.doc
        self._add((party,), party.element, lambda _: persons.identity(context, party, self.others))
        home = doc.child(party.element, "Address")
        if home is not None and contacts.has_address(doc, party.element):
            self._add((party,), home, lambda _: contacts.address(context, party))
        if contacts.has_telecom(doc, party.details):
            self._add((party,), party.details, lambda _: contacts.telecom(context, party))

    def add_offence(self, element: etree._Element, defendant: etree._Element, party: Party | None) -> None:
        """Add an offence for its defendant, its statement of facts, and the offence for each of its victims."""
        context, doc = self.context, self.context.doc
        facts = doc.child(element, "ProsecutionFacts")
        whose = () if party is None else (party,)
        if self._is_repeated(doc.path(defendant), signature(element), element, _ONE_OFFENCE):
            return
        if party is None:
            details = doc.child(element, "BaseOffenceDetails")
            for part in (details, facts):
                if part is not None:
                    doc.leave(part)
            message = lazy_gettext("the offence is an organisation's, of which no fragment is made")
            self._add_refused((), element, FindingCode.NOT_THE_SUBJECT, message)
        else:
            self._add(whose, element, lambda _: offences.offence(context, party, element, element, self.others))
            if facts is not None and offences.has_facts(context, element):
                self._add(whose, facts, lambda _: offences.narrative(context, party, element, self.others))
        for victim in doc.children(element, "OtherPartyVictim"):
            self._add_victim(victim, element)

    def _add_victim(self, record: etree._Element, element: etree._Element) -> None:
        context, doc = self.context, self.context.doc
        party = self.victims[signature(record)]
        details = doc.child(element, "BaseOffenceDetails")
        offence = signature(element if details is None else details)
        if self._is_repeated(party.key, offence, record, _ONE_VICTIM):
            return
        if party.element is record:
            self._add_person(party)
        else:
            # The same victim of another offence: who they are is known, and read once.
            doc.leave(record)
        self._add((party,), record, lambda _: offences.offence(context, party, element, record, self.others))

    def add_officer(self, element: etree._Element) -> None:
        """Add the officer in the case: a relation of whoever is asked for."""
        context, parties = self.context, tuple(self.found.parties)
        alone = [party for party in parties if party.role is not PartyRole.GUARDIAN]
        key = alone[0].key if len(alone) == 1 else self.key
        self._add(parties, element, lambda _: persons.officer(context, element, key))

    def _is_repeated(self, scope: str, said: object, element: etree._Element, what: Sentence) -> bool:
        if (scope, said) not in self.seen:
            self.seen.add((scope, said))
            return False
        doc = self.context.doc
        doc.leave(element)
        message = lazy_gettext(
            "%(what)s stands in the message twice with the same content; it was read once", what=what
        )
        self.found.duplicates.append(warning(FindingCode.DUPLICATE_RECORD, message, doc.path(element)))
        return True

    def _add(self, parties: tuple[Party, ...], element: etree._Element, build: Builder) -> None:
        first = parties[0] if parties else None
        if first is not None and not any(party.is_person for party in parties):
            message = lazy_gettext(
                "a %(value)s without name, birth date and sex cannot be read as a person (it may be an organisation)",
                value=ROLE_WORDS[first.role],
            )
            self._add_refused(parties, element, FindingCode.SCHEMA_ERROR, message)
            return
        self.found.records.append(Record(parties, self.context.doc.path(element), build))

    def _add_refused(
        self, parties: tuple[Party, ...], element: etree._Element, code: FindingCode, message: Sentence
    ) -> None:
        path = self.context.doc.path(element)
        self.found.records.append(Record(parties, path, lambda _: warning(code, message, path)))
