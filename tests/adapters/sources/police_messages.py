"""Invented police messages for tests, and the way from a locator back to its element. Everybody in them is made up."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date

from lxml import etree

from adapters.sources.draft import DraftFragment, ReadReport, Value
from adapters.sources.findings import FindingCode
from adapters.sources.police.spi import FORMAT
from adapters.sources.reading import SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import Category

LIBRA = "http://www.dca.gov.uk/xmlschemas/libra"
BS7666 = "http://www.govtalk.gov.uk/people/bs7666"
TODAY = date(2026, 11, 21)

CHILD_ASN = "1601AA0100000000001E"
OTHER_ASN = "1601AA0100000000002F"
CHILD_PNC = "2003/0011985X"


def read(data: bytes, subject: Subject | None = None, *, today: date = TODAY) -> ReadReport:
    """Read bytes as the reader is called by the project."""
    return FORMAT.read(SourceFile("case.xml", data, today, {}), subject)


@dataclass(frozen=True)
class Person:
    """A person of a message, in the order in which the schema wants the parts."""

    given: str | None = "Robin"
    family: str | None = "Invented"
    born: str | None = "2010-05-17"
    gender: str | None = "1"
    street: str = "Nowhere Lane"
    house: str = "   7 "
    postcode: str | None = "ZE1 1AA"
    mobile: str | None = None
    ethnicity: str | None = None
    inside: str = ""
    base: str = ""
    guardian: str = ""

    def name(self, tag: str) -> str:
        """Return the name element, or nothing where there is no name."""
        if not (self.given or self.family):
            return ""
        return f"<{tag}>{_tag('PersonGivenName1', self.given)}{_tag('PersonFamilyName', self.family)}</{tag}>"

    def telephone(self) -> str:
        """Return the telephone numbers."""
        if self.mobile is None:
            return ""
        return f"<TelephoneDetails>{_tag('TelephoneNumberMobile', self.mobile)}</TelephoneDetails>"

    def details(self) -> str:
        """Return BasePersonDetails."""
        born, gender = _tag("Birthdate", self.born), _tag("Gender", self.gender)
        name, telephone = self.name("PersonName"), self.telephone()
        return f"<BasePersonDetails>{name}{telephone}{born}{gender}</BasePersonDetails>"

    def address(self) -> str:
        """Return the address."""
        return (
            f'<Address><PAON xmlns="{BS7666}">{self.house}</PAON>'
            f'<StreetDescription xmlns="{BS7666}">{self.street}</StreetDescription>'
            f'<Town xmlns="{BS7666}">Lerwick</Town>'
            + (f'<PostCode xmlns="{BS7666}">{self.postcode}</PostCode>' if self.postcode else "")
            + "</Address>"
        )

    def as_defendant(self) -> str:
        """Return PoliceIndividualDefendant. ``base`` goes behind the details, ``inside`` in front of the languages."""
        return (
            f"<PoliceIndividualDefendant><PersonDefendant>{self.details()}{self.base}</PersonDefendant>"
            f"{self.inside}{self.address()}{self.ethnicity or ''}"
            "<LanguageOptions><DocumentationLanguage>E</DocumentationLanguage>"
            f"<HearingLanguage>E</HearingLanguage></LanguageOptions>{self.guardian}</PoliceIndividualDefendant>"
        )

    def as_guardian(self) -> str:
        """Return ParentGuardianDetails."""
        return f"<ParentGuardianDetails>{self.details()}{self.address()}{self.ethnicity or ''}</ParentGuardianDetails>"

    def as_victim(self) -> str:
        """Return OtherPartyVictim."""
        return (
            f"<OtherPartyVictim>{self.name('PersonDetails')}{self.address()}{self.telephone()}"
            f"{_tag('Birthdate', self.born)}{_tag('Gender', self.gender)}{self.ethnicity or ''}</OtherPartyVictim>"
        )


@dataclass(frozen=True)
class Offence:
    """An offence with its victims."""

    code: str = "TH68001"
    wording: str = "Stole a bicycle"
    start: str = "2026-01-10"
    end: str = ""
    place: str | None = None
    facts: str | None = None
    sequence: int = 1
    victims: tuple[Person, ...] = ()

    def xml(self) -> str:
        """Return the Offence element."""
        return (
            f"<Offence><BaseOffenceDetails><OffenceSequenceNumber>{self.sequence}</OffenceSequenceNumber>"
            f"<OffenceCode>{self.code}</OffenceCode><OffenceWording>{self.wording}</OffenceWording>"
            "<OffenceTiming><OffenceDateCode>1</OffenceDateCode>"
            f"<OffenceStart><OffenceDateStartDate>{self.start}</OffenceDateStartDate></OffenceStart>{self.end}"
            f"</OffenceTiming>{_tag('LocationOfOffence', self.place)}</BaseOffenceDetails>"
            f"{_tag('ProsecutionFacts', self.facts)}{''.join(victim.as_victim() for victim in self.victims)}</Offence>"
        )


@dataclass(frozen=True)
class Defendant:
    """A defendant with their offences."""

    person: Person | None = field(default_factory=Person)
    reference: str = CHILD_ASN
    offences: tuple[Offence, ...] = (Offence(),)
    corporate: str = ""

    def xml(self) -> str:
        """Return the Defendant element."""
        who = self.person.as_defendant() if self.person else ""
        what = "".join(offence.xml() for offence in self.offences)
        reference = _tag("ProsecutorReference", self.reference)
        return f"<Defendant>{reference}{who}{self.corporate}{what}</Defendant>"


def message(*defendants: Defendant, reference: str = "01AA0000126", extra: str = "") -> str:
    """Return a whole bare message. ``extra`` goes behind the officer."""
    return (
        f'<NewCaseMessage xmlns="{LIBRA}" Flow="NewCasesFromThePolice" Interface="LibraStandardProsecutorPolice" '
        f'SchemaVersion="0.6g"><Case><PTIURN>{reference}</PTIURN>'
        "<OriginatingOrganisation>001AA00</OriginatingOrganisation><CaseInitiation>C</CaseInitiation>"
        "<InitialHearing><CourtHearingLocation>B01AA00</CourtHearingLocation><DateOfHearing>2026-12-01</DateOfHearing>"
        "<TimeOfHearing>10:00:00</TimeOfHearing></InitialHearing><OtherPartyOfficerInCase><OfficerName>"
        "<PersonFamilyName>Madeup</PersonFamilyName></OfficerName><PoliceOfficerRank>Constable</PoliceOfficerRank>"
        "<PoliceWorkerReferenceNumber>1</PoliceWorkerReferenceNumber>"
        f"<PoliceWorkerLocationCode>001AA00</PoliceWorkerLocationCode></OtherPartyOfficerInCase>{extra}"
        f"{''.join(defendant.xml() for defendant in defendants)}</Case></NewCaseMessage>"
    )


def route(inner: str) -> str:
    """Return a RouteData envelope with the text escaped in it."""
    return (
        '<RouteData xmlns="http://schemas.cjse.gov.uk/common/operations" '
        'xmlns:e="http://schemas.cjse.gov.uk/common/businessentities" VersionNumber="1.0" RequestResponse="Request">'
        '<RequestFromSystem VersionNumber="1.0"><CorrelationID>1</CorrelationID><SystemID>Z00CJSE</SystemID>'
        '</RequestFromSystem><DataStream VersionNumber="1.0"><e:System>00101PoliceCaseSystem</e:System>'
        "<e:DataStreamType>SPINewCase</e:DataStreamType><e:SystemDataStreamID>1</e:SystemDataStreamID>"
        f"<e:Dated>2026-11-20</e:Dated><e:DataStreamContent>{html.escape(inner)}</e:DataStreamContent></DataStream>"
        '<Routes VersionNumber="1.0"><Route VersionNumber="1.0"><RouteID>1</RouteID>'
        "<RouteSourceSystem>00101PoliceCaseSystem</RouteSourceSystem>"
        "<RouteDestinationSystem>B00LIBRA</RouteDestinationSystem></Route></Routes></RouteData>"
    )


def soap(inner: str) -> str:
    """Return a SOAP envelope with the text escaped in it."""
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<m:SubmitRequestMes xmlns:m="http://schemas.cjse.gov.uk/endpoint/types/">'
        f"<m:Message>{html.escape(inner)}</m:Message></m:SubmitRequestMes></s:Body></s:Envelope>"
    )


def resolve(data: bytes, locator: str) -> etree._Element:
    """Follow a locator from the bytes of a file to its element, level by level."""
    parser = etree.XMLParser(remove_comments=True, resolve_entities=False)
    element = etree.fromstring(data, parser)
    for level, path in enumerate(locator.split("!")):
        if level:
            text = re.sub(r"^<\?xml[^>]*\?>", "", (element.text or "").lstrip())
            element = etree.fromstring(text.encode(), parser)
        steps = path.strip("/").split("/")
        assert etree.QName(element).localname == steps[0]
        for step in steps[1:]:
            name, number = re.fullmatch(r"(.+)\[(\d+)\]", step).groups()
            same = [child for child in element if etree.QName(child).localname == name]
            element = same[int(number) - 1]
    return element


def _tag(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{text}</{name}>"


# People of the tests, and what is asked of a report.

CHILD = Person(mobile="07700900001")
OTHER = Person("Alex", "Otherone", "2009-02-03", "2", "Elsewhere Street", "  12 ", "ZE2 9XX", "07700900002")
VICTIM = Person("Sam", "Thirdone", "2012-08-09", "2", "Secret Close", "   3 ", "HS1 2AA", "07700900003")
GUARDIAN = Person("Jo", "Fourthone", "1980-01-01", "2", "Nowhere Lane", "   7 ", "ZE1 1AA", "07700900004")

BY_ASN = Subject(identifiers={"asn": CHILD_ASN})
BY_NAME = Subject(first_name="Robin", family_name="Invented", birth_date="2010-05-17")
AS_VICTIM = Subject(family_name="Thirdone", birth_date="2012-08-09")


def of(report: ReadReport, category: Category) -> list[DraftFragment]:
    """Return a report's drafts of one category."""
    return [draft for draft in report.drafts if draft.category is category]


def codes(report: ReadReport) -> Counter[FindingCode]:
    """Count a report's findings by code."""
    return Counter(finding.code for finding in report.findings)


def identity_of(person: Person, **defendant: str) -> dict[str, object]:
    """Read a message with one defendant and return the fields of the identity."""
    report = read(message(Defendant(person, **defendant)).encode())
    return dict(of(report, Category.IDENTITY)[0].fields)


def group_of(draft: DraftFragment, name: str) -> dict[str, Value]:
    """Return the one group of a repeated field."""
    (group,) = draft.fields[name]
    return dict(group)


def values_of(draft: DraftFragment) -> list[Value]:
    """Return every value of a draft, those in groups and lists too."""
    found: list[Value] = []
    for item in draft.fields.values():
        for part in [item] if isinstance(item, Value) else item:
            found.extend([part] if isinstance(part, Value) else part.values())
    return found


def big_case() -> bytes:
    """Two defendants, one with a guardian; an offence with a victim and a statement of facts under each."""
    one = replace(CHILD, guardian=GUARDIAN.as_guardian())
    first = Offence(facts="What is said to have happened.", victims=(VICTIM,))
    second = Offence(wording="Handled a bicycle", sequence=2, victims=(VICTIM,))
    return message(Defendant(one, CHILD_ASN, (first,)), Defendant(OTHER, OTHER_ASN, (second,))).encode()
